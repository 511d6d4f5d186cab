"""Recordings again: files that are there, and pipes that stay open."""

from __future__ import annotations

import inspect
import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miio_lan.cli.signals import SIGNAL_TIME, calling
from miio_lan.cli.watch import arriving, replaying
from miio_lan.cli.watch.replaying import Copy, Replay
from miio_lan.errors import RecordError
from miio_lan.record import Record, as_line
from miio_lan.record.recording import FileRecorder

PATIENCE = 100

LATE = (  # what two receivers stamp: the one at the module is 10 ms later than the other
    Record("uart", "up", 100.000, 100.000, b"get_down\r"),
    Record("uart", "up", 100.005, 100.005, b"result 2 1 0\r"),
    Record("uart", "down", 100.011, 100.011, b"down set_properties 2 1 5\r"),
    Record("uart", "down", 100.016, 100.016, b"ok\r"),
)
AS_SAID = [b"get_down\r", b"down set_properties 2 1 5\r", b"result 2 1 0\r", b"ok\r"]
TEXT = "".join(map(as_line, LATE)).encode()


def uart(raw: bytes, instant: float = 0.0, direction: str = "up", **more) -> Record:
    return Record("uart", direction, instant, instant, raw, **more)


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def recording(tmp_path) -> str:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        for number in range(3):
            recorder(uart(b"%d\r" % number, 100.0 + number * 0.001))
    return str(path)


def test_a_replay_gives_all_or_so_many(recording) -> None:
    assert [each.raw for each in Replay(recording).records()] == [b"0\r", b"1\r", b"2\r"]
    assert len(list(Replay(recording).records(count=2))) == 2
    assert len(list(Replay(recording, speed=100.0).records())) == 3


def test_a_replay_ends_with_its_time(recording, monkeypatch) -> None:
    # A busy computer may take a millisecond for the first record alone.
    monkeypatch.setattr(replaying, "time", Clock())
    assert len(list(Replay(recording, speed=1e-6).records(seconds=0.001))) == 1


def test_a_replay_ends_with_an_interruption(recording) -> None:
    replay = Replay(recording, speed=1e-6)
    records = replay.records()
    next(records)
    replay.interrupt()
    assert list(records) == []


def test_a_replay_gives_the_lines_as_they_were_said(tmp_path) -> None:
    path = tmp_path / "late.jsonl"
    with FileRecorder(path) as recorder:
        for record in LATE:
            recorder(record)
    replay = Replay(str(path))
    records = list(replay.records())
    assert [each.raw for each in records] == AS_SAID
    assert [replay.place(each) for each in records] == [0, 2, 1, 3]
    assert len(list(Replay(str(path), speed=100.0).records(count=3))) == 3


def test_a_copy_is_in_the_order_of_its_original() -> None:
    copied: list[bytes] = []
    copy = Copy(lambda record: copied.append(record.raw))
    for place, raw in ((0, b"0"), (2, b"2"), (1, b"1"), (4, b"4"), (5, b"5")):
        copy.take(place, uart(raw))
    assert copied == [b"0", b"1", b"2"]
    copy.close()
    assert copied == [b"0", b"1", b"2", b"4", b"5"]


def test_a_replay_of_nothing(tmp_path) -> None:
    (tmp_path / "empty").write_text("")
    assert list(Replay(str(tmp_path / "empty")).records()) == []
    with pytest.raises(RecordError):
        Replay(str(tmp_path / "none"))


def test_a_long_recording_does_not_outrun_the_seconds(tmp_path, monkeypatch) -> None:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        for number in range(100):
            recorder(uart(b"get_down\r", number / 10))
    clock = Clock()
    replay = Replay(str(path))
    monkeypatch.setattr(replaying, "time", clock)
    given = 0
    for _ in replay.records(seconds=1.0):
        given += 1
        clock.now += 0.1
    assert given == 11
    assert inspect.getgeneratorstate(replay._reader) == inspect.GEN_CLOSED  # and so is its file


def test_years_between_two_records_are_waited_for(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        recorder(uart(b"a\r", 0.0))
        recorder(uart(b"b\r", 1e12))
    replay = Replay(str(path), speed=1.0)
    records = replay.records()
    assert next(records).raw == b"a\r"  # type: ignore[union-attr]
    replay.interrupt()
    assert list(records) == []


# --- pipes that stay open ---------------------------------------------------------------------------------------------


class Pipe:
    """A pipe as standard input, whose writing end stays open."""

    def __init__(self, content: bytes) -> None:
        self.reading, self.writing = os.pipe()
        os.write(self.writing, content)

    def fileno(self) -> int:
        return self.reading

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def pipe(monkeypatch) -> Iterator[Pipe]:
    """Give a pipe with a recording; where nothing is there to be read, the time goes on by itself."""
    made, clock = Pipe(TEXT), Clock()

    def readable(file: io.FileIO, seconds: float) -> bool:
        seconds = 3600.0 if seconds > 3600.0 else seconds
        found = bool(select.select([file], [], [], 0.0)[0])
        clock.now += 0.0 if found else seconds
        return found

    monkeypatch.setattr("sys.stdin", made)
    monkeypatch.setattr(arriving, "_readable", readable)
    monkeypatch.setattr(arriving, "time", clock)
    monkeypatch.setattr(replaying, "time", clock)
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_wait_for_a_pipe(pipe, number, monkeypatch) -> None:
    replay = Replay("-")
    records = replay.records()
    assert [next(records).raw for _ in AS_SAID] == AS_SAID  # type: ignore[union-attr]

    def killed(*_):
        os.kill(os.getpid(), number)  # and the system goes on with its wait
        raise AssertionError("it was not left")

    monkeypatch.setattr(arriving, "_readable", killed)
    with calling(replay.interrupt):
        assert list(records) == []
        replay.interrupt()  # once more does no harm
    assert inspect.getgeneratorstate(replay._reader) == inspect.GEN_CLOSED


def test_a_signal_that_came_before_ends_it_before_it_waits(pipe) -> None:
    replay = Replay("-")
    replay.interrupt()
    assert not replay.begin()
    assert list(replay.records()) == []


def test_the_time_ends_a_wait_for_a_pipe_and_what_came_is_given(pipe) -> None:
    replay = Replay("-")
    assert not replay.begin(0.0)  # nothing was read within that
    assert list(replay.records(seconds=0.0)) == []
    replay = Replay("-")
    assert [each.raw for each in replay.records(seconds=1.0)] == AS_SAID  # type: ignore[union-attr]


def test_a_count_ends_with_its_last_record_though_more_may_come(pipe) -> None:
    assert [each.raw for each in Replay("-").records(count=4)] == AS_SAID  # type: ignore[union-attr]


def test_what_comes_after_a_silence_goes_on(pipe) -> None:
    replay = Replay("-")
    records = replay.records()
    assert [next(records).raw for _ in AS_SAID] == AS_SAID  # type: ignore[union-attr]
    os.write(pipe.writing, as_line(uart(b"net\r", 103.0)).encode())
    following = next(records)
    assert isinstance(following, Record)
    assert (following.raw, replay.place(following)) == (b"net\r", 4)


def test_a_wait_is_begun_anew_for_a_signal_that_was_not_seen(monkeypatch) -> None:
    """One that comes when Python has looked for signals, and the system does not wait yet."""
    reading, writing = os.pipe()
    waited: list[float] = []

    def readable(file: object, seconds: float) -> bool:
        waited.append(seconds)
        if len(waited) == 3:
            raise InterruptedError
        return False

    monkeypatch.setattr(arriving, "readable", readable)
    with io.FileIO(reading) as file, pytest.raises(InterruptedError):
        arriving._readable(file, float("inf"))
    os.close(writing)
    assert waited == [SIGNAL_TIME] * 3 == [0.5] * 3


@contextmanager
def replayed(*arguments: str, file: str = "-", content: bytes = TEXT) -> Iterator[subprocess.Popen[str]]:
    """Run the command, its standard input a pipe that stays open."""
    command = [sys.executable, "-m", "miio_lan", "watch", "--replay", file, "--polls", *arguments]
    reading, writing = os.pipe()
    os.write(writing, content)
    with subprocess.Popen(
        command, stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        os.close(reading)
        try:
            yield process
        finally:
            process.kill()
            os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_while_its_pipe_stays_open(number, tmp_path) -> None:
    with replayed("-o", str(tmp_path / "copy")) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(5)]  # they come, though more may come
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert "ok" in shown[-1]
    assert err.split() == f"4 records in {tmp_path / 'copy'}".split()  # as wide as the terminal
    assert (tmp_path / "copy").read_bytes() == TEXT


@pytest.mark.parametrize(("arguments", "rows"), [(["--seconds", "0.5"], range(6)), (["--count", "2"], [3])])
def test_time_and_count_end_the_command_while_its_pipe_stays_open(arguments, rows) -> None:
    with replayed(*arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert len(out.splitlines()) in rows


def test_a_pipe_on_which_nothing_comes_costs_no_earlier_copy(tmp_path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("earlier")
    with replayed("--seconds", "0.1", "-o", str(copy), content=b"") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")
    assert copy.read_text() == "earlier"


def test_a_pipe_that_ends_without_a_record_is_an_error() -> None:
    command = [sys.executable, "-m", "miio_lan", "watch", "--replay", "-"]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: standard input holds no records")


def test_a_named_pipe_without_a_writer_is_waited_for_no_longer(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with replayed("--seconds", "0.1", file=str(tmp_path / "pipe")) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_named_pipe_is_read_to_its_end(run, tmp_path) -> None:
    path: Path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with path.open("wb", buffering=0) as writing:
        writing.write(TEXT)
        replay = Replay(str(path))
    os.close(reading)
    assert [each.raw for each in replay.records()] == AS_SAID  # type: ignore[union-attr]


@pytest.mark.parametrize("command", ["watch --replay - --polls", "accept -", "accept - --json"])
def test_without_standard_input_nothing_can_be_read_from_it(command) -> None:
    ended = subprocess.run(
        f"{sys.executable} -m miio_lan {command} <&-",
        shell=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    assert "there is no standard input to read" in ended.stdout + ended.stderr
