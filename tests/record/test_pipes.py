from __future__ import annotations

import os
import threading

import pytest

from miio_lan.errors import RecordError
from miio_lan.record import Record, pipes
from miio_lan.record.recording import FileRecorder


def record(raw: bytes = b"get_down\r") -> Record:
    return Record("uart", "up", 1.0, 2.0, raw)


def test_a_pipe_that_nobody_reads_is_no_file_to_write(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pipes, "READER_TIME", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(RecordError, match="pipe cannot be written: nobody reads from this pipe"):
        FileRecorder(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with FileRecorder(path) as recorder:
        recorder(record())
    assert os.read(reading, 1000).count(b"get_down") == 1
    os.close(reading)


def test_a_slow_reader_gets_all_that_goes_into_a_pipe(tmp_path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    with FileRecorder(path) as recorder:
        writer = threading.Thread(target=lambda: [recorder(record(b"x" * 1000)) for _ in range(200)])
        writer.start()
        read = os.read(reading, 100)  # more than a pipe holds is still to come
        while read.count(b"\n") < 200:
            read += os.read(reading, 100_000)
        writer.join()
    os.close(reading)
    assert (recorder.written, recorder.lost, len(read.splitlines())) == (200, 0, 200)


def test_a_reader_that_takes_nothing_holds_nobody_and_gets_whole_lines(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(pipes, "PIPE_TIME", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    recorder = FileRecorder(path)
    while recorder.lost < 3:
        recorder(record(b"x" * 10_000))
    read = os.read(reading, 1 << 20)
    recorder(record(b"again\r"))
    recorder.close()
    lines = (read + os.read(reading, 1 << 20)).splitlines(keepends=True)
    os.close(reading)
    assert (len(lines), recorder.lost) == (recorder.written, 3)
    assert all(each.endswith(b"}\n") for each in lines)
    assert b"again" in lines[-1]
    assert caplog.text.count("the reader of this pipe takes nothing") == 1


def test_what_such_a_reader_has_half_of_at_the_end_is_lost(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pipes, "PIPE_TIME", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    recorder = FileRecorder(path)
    recorder(record(b"x" * (1 << 20)))
    assert recorder.lost == 0
    recorder.close()
    recorder.close()
    assert recorder.lost == 1
    os.close(reading)


def test_how_long_a_reader_may_take() -> None:
    assert (pipes.READER_TIME, pipes.PIPE_TIME) == (2.0, 10.0)
