from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import threading
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from miio_lan.errors import RecordError
from miio_lan.record import Record, as_line, recording
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.record.runs import in_one_run


def record(raw: bytes = b"get_down\r", **more) -> Record:
    return Record("uart", "up", 1.0, 2.0, raw, **more)


def test_what_is_observed_can_be_read_while_it_is_written(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        for number in range(3):
            recorder(record(b"%d\r" % number))
            assert [each.raw for each in read_recording(path)] == [b"%d\r" % n for n in range(number + 1)]
        assert (recorder.written, recorder.lost) == (3, 0)
    recorder.close()


def test_what_is_observed_in_one_run_is_written_at_its_end(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        with in_one_run():
            for number in range(3):
                recorder(record(b"%d\r" % number))
            assert list(read_recording(path)) == []
        assert [each.raw for each in read_recording(path)] == [b"0\r", b"1\r", b"2\r"]
        assert (recorder.written, recorder.lost) == (3, 0)


def test_another_thread_does_not_wait_for_a_run_and_overtakes_nobody(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder, in_one_run():
        recorder(record(b"first\r"))
        other = threading.Thread(target=lambda: Context().run(recorder, record(b"second\r")))
        other.start()
        other.join()
        assert [each.raw for each in read_recording(path)] == [b"first\r", b"second\r"]


def test_closing_within_a_run_loses_nothing(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    with in_one_run():
        with FileRecorder(path) as recorder:
            recorder(record())
        assert list(read_recording(path)) == [record()]
    assert (recorder.written, recorder.lost) == (1, 0)


def test_a_run_that_cannot_be_written_is_counted_whole(caplog) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space left")

    recorder = FileRecorder(Full())
    with in_one_run():
        for _ in range(3):
            recorder(record())
    assert (recorder.written, recorder.lost) == (0, 3)
    assert caplog.text.count("no space left") == 1


def test_a_recording_is_written_anew_or_continued(tmp_path) -> None:
    path = str(tmp_path / "line.jsonl")
    for append in (False, True, False, True):
        with FileRecorder(path, append=append) as recorder:
            recorder(record())
    assert len(list(read_recording(path))) == 2


def test_a_new_recording_is_its_owners_from_the_first_moment_on(tmp_path, monkeypatch) -> None:
    modes: list[int] = []
    monkeypatch.setattr("os.open", spying(os.open, modes))
    before = os.umask(0)
    try:
        (tmp_path / "link").symlink_to(tmp_path / "beyond")
        for name in ("line.jsonl", "link"):
            with FileRecorder(tmp_path / name) as recorder:
                assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
                recorder(record())
    finally:
        os.umask(before)
    assert {*modes} == {0o600}  # it is made so: nobody changes it afterwards


def spying(original, modes: list[int]):
    def spy(path, flags, mode=0o777, **more):
        modes.append(mode)
        return original(path, flags, mode, **more)

    return spy


def test_a_file_that_is_there_keeps_its_permissions(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    path.write_text("")
    path.chmod(0o644)
    with FileRecorder(path) as recorder:
        recorder(record())
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(read_recording(path)) == [record()]


def test_a_pipe_is_opened_once(tmp_path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with FileRecorder(path) as recorder:
        recorder(record())
    reader.join()
    assert read[0].count(b"get_down") == 1


def test_a_file_that_was_given_stays_open() -> None:
    file = io.StringIO()
    with FileRecorder(file) as recorder:
        recorder(record())
    assert list(read_recording(io.StringIO(file.getvalue()))) == [record()]
    assert not file.closed


def test_records_of_several_threads_stay_whole() -> None:
    file = io.StringIO()
    recorder = FileRecorder(file)
    threads = [
        threading.Thread(target=lambda: [recorder(record(b"x" * 300)) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(read_recording(io.StringIO(file.getvalue())))) == 200


def test_what_cannot_be_written_is_counted_and_said_once(caplog) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space left")

    recorder = FileRecorder(Full())
    recorder(record())
    recorder(record())
    assert (recorder.written, recorder.lost) == (0, 2)
    assert caplog.text.count("no space left") == 1


def test_what_cannot_be_expressed_costs_one_record() -> None:
    file = io.StringIO()
    recorder = FileRecorder(file)
    recorder(record(reading={"x": object()}))
    recorder(record())
    assert (recorder.written, recorder.lost) == (1, 1)
    assert list(read_recording(io.StringIO(file.getvalue()))) == [record()]


def test_a_last_line_cut_off_by_a_crash_is_left_out(tmp_path, caplog) -> None:
    path = tmp_path / "line.jsonl"
    whole = json.dumps(record().as_json())
    path.write_text(f"{whole}\n{whole[:40]}")
    assert list(read_recording(path)) == [record()]
    assert "cut off" in caplog.text


def test_a_whole_last_line_without_its_end_counts() -> None:
    assert list(read_recording(io.StringIO(json.dumps(record().as_json())))) == [record()]


def test_a_broken_line_elsewhere_is_named() -> None:
    with pytest.raises(RecordError, match="line 1"):
        list(read_recording(io.StringIO("{nonsense\n")))


def test_stdin_is_a_dash(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(record().as_json()) + "\n"))
    assert list(read_recording("-")) == [record()]
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(RecordError, match="no standard input"):
        list(read_recording("-"))


def test_files_that_cannot_be_opened(tmp_path) -> None:
    with pytest.raises(RecordError, match="cannot be read"):
        list(read_recording(tmp_path / "none"))
    with pytest.raises(RecordError, match="cannot be written"):
        FileRecorder(tmp_path / "none" / "x")


class Disk:
    """A file of the lowest level with room for some bytes, and then for more."""

    def __init__(self, room: int) -> None:
        self.data = bytearray()
        self.room = room
        self.position = 0

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = min(len(data), self.room)
        self.room -= taken
        self.data[self.position :] = data[:taken]
        self.position += taken
        return taken

    def seek(self, offset: int, whence: int) -> int:
        self.position = len(self.data) + offset
        return self.position

    def truncate(self, size: int) -> None:
        self.room += len(self.data) - size
        del self.data[size:]

    def close(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_full_disk_leaves_whole_lines_and_loses_what_it_says(tmp_path, monkeypatch, caplog) -> None:
    disk = Disk(150)
    monkeypatch.setattr(recording, "open", lambda *_, **__: disk, raising=False)
    with FileRecorder(tmp_path / "line.jsonl") as recorder:
        recorder(record(b"first\r"))
        recorder(record(b"lost\r"))
        disk.room += 150
        recorder(record(b"last\r"))
        assert (recorder.written, recorder.lost) == (2, 1)
    kept = list(read_recording(io.StringIO(disk.data.decode())))
    assert [each.raw for each in kept] == [b"first\r", b"last\r"]
    assert caplog.messages == [
        f"the recording {tmp_path / 'line.jsonl'} goes on without some records: No space left on device"
    ]
    assert recorder.lost == 2  # the disk failed at last


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_device_that_is_always_full_disturbs_nobody(caplog) -> None:
    with FileRecorder("/dev/full") as recorder:
        recorder(record())
        recorder(record())
    assert (recorder.written, recorder.lost) == (0, 2)
    assert caplog.text.count("/dev/full") == 1


INNER = {"command": "down", "params": [{"a": {"b": 1}}, {"c": 2}], "text": "}"}


@pytest.mark.parametrize("kept", range(len(as_line(record(reading=INNER, note="}")))))
def test_a_last_line_cut_off_anywhere_is_left_out(tmp_path, caplog, kept) -> None:
    path = tmp_path / "line.jsonl"
    last = as_line(record(reading=INNER, note="}"))
    path.write_text(as_line(record()) + last[:kept], encoding="ascii")
    whole = kept >= len(last) - 1  # its end alone may be missing
    expected = [record(), record(reading=INNER, note="}")] if whole else [record()]
    assert list(read_recording(path)) == expected
    assert [each.getMessage() for each in caplog.records] == (
        [] if whole or not kept else ["the last line of the recording was cut off, and is left out"]
    )


@pytest.mark.parametrize("kept", range(len(as_line(record(reading=INNER)))))
def test_what_is_appended_after_a_crash_begins_a_line(tmp_path, kept) -> None:
    path = tmp_path / "line.jsonl"
    last = as_line(record(reading=INNER))
    path.write_text(as_line(record()) + last[:kept], encoding="ascii")
    with FileRecorder(path, append=True) as recorder:
        recorder(record(b"next\r"))
    before = [record(), record(reading=INNER)] if kept >= len(last) - 1 else [record()]
    assert list(read_recording(path)) == [*before, record(b"next\r")]


def test_a_long_last_line_is_taken_away_whole(tmp_path, caplog) -> None:
    path = tmp_path / "line.jsonl"
    path.write_text(as_line(record()) + as_line(record(b"x" * 200_000))[:-3], encoding="ascii")
    with FileRecorder(path, append=True) as recorder:
        recorder(record(b"next\r"))
    assert [each.raw for each in read_recording(path)] == [b"get_down\r", b"next\r"]
    assert "was cut off, and is taken away" in caplog.text


class Piece(bytes):
    """What was read of a file, to be put together once with all others."""

    def __add__(self, other: object) -> bytes:
        raise AssertionError("a long last line is copied again for each of its pieces")


class Pieces(io.FileIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return Piece(super().read(size) or b"")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_pieces_of_a_last_line_are_put_together_once(tmp_path, monkeypatch, size: int) -> None:
    path = tmp_path / "line.jsonl"
    path.write_bytes(as_line(record()).encode() + bytes(500))
    monkeypatch.setattr("miio_lan.record.recording._LOOKED_AT", size)
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", **more: Pieces(self) if mode == "rb" else opened(self, mode, **more),
    )
    with FileRecorder(path, append=True) as recorder:
        recorder(record(b"next\r"))
    monkeypatch.undo()
    assert [each.raw for each in read_recording(path)] == [b"get_down\r", b"next\r"]


def test_a_file_without_any_end_of_line_is_begun_anew(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    path.write_text("{", encoding="ascii")
    with FileRecorder(path, append=True) as recorder:
        recorder(record())
    assert list(read_recording(path)) == [record()]


@pytest.mark.parametrize(
    "text",
    [
        "12:00:01.013 \u2191 get_down\n",
        "12 abc\n",
        "net\r\n",
        "\n\nhello",
        "[]\n",
        '{\n  "title": "x"\n}\n',
        "\ufeff5\n",
    ],
)
def test_what_is_no_recording_at_all_is_named_and_told_who_reads_logs(tmp_path, text) -> None:
    path = tmp_path / "session.log"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError) as told:
        list(read_recording(path))
    assert str(told.value).startswith(f"{path}: line ")
    assert "is no line of a recording" in str(told.value)
    assert "text logs are read by 'miio-lan uart decode'" in str(told.value)
    assert "cut off" not in str(told.value)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b"x", mtime=0), "it is compressed (gzip): unpack it first"),
        (bz2.compress(bytes(range(256)) * 9), "it is compressed (bzip2): unpack it first"),
        (lzma.compress(b"x"), "it is compressed (xz): unpack it first"),
        ("{}\n".encode("utf-16"), "it is text in UTF-16, as PowerShell's > writes it: save it as UTF-8"),
        (b"\xff" + b"x" * 40, "line 1 or one after it is not text"),
        (b"{}\n\x1f\x8b", "line 1 or one after it is not text"),
    ],
    ids=["gzip", "bzip2", "xz", "UTF-16", "bytes", "the mark of gzip, later"],
)
def test_what_is_no_text_is_told_what_it_is(tmp_path, data: bytes, told: str) -> None:
    path = tmp_path / "line.jsonl"
    path.write_bytes(data)
    with pytest.raises(RecordError) as error:
        list(read_recording(path))
    assert str(error.value).startswith(
        f"{path}: {told if told.startswith('line') else f'line 1 is not text: {told}'}"
    )


def test_damage_is_named_with_its_file_and_is_no_text_log(tmp_path) -> None:
    path = tmp_path / "line.jsonl"
    for text, problem in (('{"wire": "ua\n', "not JSON"), ("{}\n", "wire is one of")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RecordError) as told:
            list(read_recording(path))
        assert str(told.value).startswith(f"{path}: line 1 of the recording: {problem}")
        assert "uart decode" not in str(told.value)


@pytest.mark.parametrize("begun", ["", "{", '{"wi'])
def test_a_recording_that_was_cut_off_in_its_first_line_is_one(tmp_path, begun) -> None:
    path = tmp_path / "line.jsonl"
    path.write_text(begun, encoding="utf-8")
    assert list(read_recording(path)) == []


def test_a_file_that_was_opened_for_bytes_is_told() -> None:
    with pytest.raises(RecordError, match="line 1 is bytes, not text: a file is to be opened for text"):
        list(read_recording(io.BytesIO(b"{}\n")))  # type: ignore[arg-type]


@pytest.mark.parametrize("file", [None, 5.5, object(), ["x"]], ids=lambda it: type(it).__name__)
def test_what_cannot_be_written_to_is_refused_and_not_told_as_lost(file: Any) -> None:
    with pytest.raises(RecordError, match="a recording is a path or an open text file, not "):
        FileRecorder(file)
