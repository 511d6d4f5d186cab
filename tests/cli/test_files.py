"""Files that commands write, as names of all kinds: pipes, what is not there, what is not permitted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from miio_lan.cli.files import replace_file
from miio_lan.record import Record, recording
from miio_lan.record.recording import FileRecorder


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A recording of some lines."""
    path = tmp_path / "earlier.jsonl"
    with FileRecorder(path) as recorder:
        for number, raw in enumerate((b"get_down\r", b"net\r")):
            recorder(Record("uart", "up", float(number), float(number), raw))
    return path


# --- pipes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pipe(tmp_path, monkeypatch) -> Path:
    """A named pipe; a reader that is not there is not waited for."""
    monkeypatch.setattr(recording, "READER_TIME", 0.0)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["uart", "record", "--up", "pty", "--seconds", "1000", "-o", "PIPE"], 2),
        (["watch", "--virtual", "--seconds", "1000", "-o", "PIPE"], 2),
        (["watch", "--replay", "EARLIER", "--polls", "-o", "PIPE"], 2),
        (["accept", "--tap-up", "pty", "--for", "1000", "--record", "PIPE"], 2),
        (["accept", "--uart", "pty", "--record", "PIPE"], 2),
        (["accept", "EARLIER", "--record", "PIPE"], 2),
        (["accept", "EARLIER", "--report", "html=PIPE"], 1),
    ],
)
def test_a_pipe_that_nobody_reads_is_refused(run, earlier, pipe, arguments, code) -> None:
    names = {"EARLIER": str(earlier), "PIPE": str(pipe), "html=PIPE": f"html={pipe}"}
    ended = run(*(names.get(each, each) for each in arguments))
    assert ended.code == code
    assert f"{pipe} cannot be written: nobody reads from this pipe" in flat(ended.err)


@pytest.fixture
def reading(pipe) -> Iterator[int]:
    """The other end of the pipe; what is written here has room in it."""
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    "command", ["watch --replay EARLIER --polls -o PIPE", "accept EARLIER --record PIPE"]
)
def test_a_pipe_that_is_read_gets_all(run, earlier, pipe, reading, command) -> None:
    ended = run(*command.replace("EARLIER", str(earlier)).replace("PIPE", str(pipe)).split())
    assert "Error" not in ended.err.replace("Error: nothing in it could be judged", "")
    assert os.read(reading, 65536) == earlier.read_bytes()


def test_so_does_a_pipe_with_a_report(run, earlier, pipe, reading) -> None:
    run("accept", str(earlier), "--report", f"junit={pipe}")
    assert os.read(reading, 65536).rstrip().endswith(b"</testsuites>")


def test_a_firmware_goes_into_a_pipe(pipe, reading) -> None:
    replace_file(str(pipe), b"firmware")
    assert os.read(reading, 65536) == b"firmware"
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_takes_no_firmware(pipe) -> None:
    with pytest.raises(OSError, match="nobody reads"):
        replace_file(str(pipe), b"firmware")
