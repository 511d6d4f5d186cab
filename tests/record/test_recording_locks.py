"""One file is recorded into by one recorder at a time, where files have locks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder, read_recording

fcntl = pytest.importorskip("fcntl", reason="no locks for files")


def record(raw: bytes) -> Record:
    return Record("uart", "up", 1.0, 2.0, raw)


def raws(path: Path) -> list[bytes]:
    return [each.raw for each in read_recording(path)]


@pytest.mark.parametrize("append", [False, True])
def test_two_that_record_into_one_file_do_not_write_over_each_other(tmp_path, append: bool) -> None:
    path, other = tmp_path / "line.jsonl", tmp_path / "other.jsonl"
    other.symlink_to(path)
    with FileRecorder(path) as first:
        first(record(b"1\r"))
        with pytest.raises(RecordError, match=r"line\.jsonl cannot be written: .* records into it"):
            FileRecorder(path, append=append)
        with pytest.raises(RecordError, match=r"other\.jsonl cannot be written: .* records into it"):
            FileRecorder(other, append=append)
        first(record(b"2\r"))
        assert raws(path) == [b"1\r", b"2\r"]
    with FileRecorder(path, append=append) as second:
        second(record(b"3\r"))
    assert raws(path) == ([b"1\r", b"2\r", b"3\r"] if append else [b"3\r"])


def test_where_files_have_no_locks_they_are_written_all_the_same(tmp_path, monkeypatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unknown)
    for number in range(2):
        with FileRecorder(tmp_path / "line.jsonl") as recorder:
            recorder(record(b"%d\r" % number))
    assert raws(tmp_path / "line.jsonl") == [b"1\r"]
