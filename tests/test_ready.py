"""Waiting for a file whose number is too high for ``select()``, as in a program with many files open."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from miio_lan import ready
from miio_lan.cli.watch.arriving import arriving_lines
from miio_lan.device.doctor import diagnose
from miio_lan.record import Record, pipes
from miio_lan.record.recording import FileRecorder

resource = pytest.importorskip("resource")


def test_the_number_is_that_of_the_system() -> None:
    assert ready._TOO_HIGH == 1024


@pytest.fixture
def many_files() -> Iterator[None]:
    """Have all files that are opened from now on get high numbers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ready._TOO_HIGH + 200
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip("the system gives no process so many files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    null = os.open(os.devnull, os.O_RDONLY)
    taken: list[int] = []
    try:
        while not taken or taken[-1] < ready._TOO_HIGH:
            taken.append(os.dup(null))
        yield
    finally:
        for each in [*taken, null]:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("high", [False, True])
def test_a_socket(high: bool, request: pytest.FixtureRequest) -> None:
    if high:
        request.getfixturevalue("many_files")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert (ours.fileno() >= ready._TOO_HIGH) is high
        assert not ready.readable(ours, 0)
        assert ready.writable(ours, 60)
        theirs.send(b"x")
        assert ready.readable(ours, 60)
        ours.recv(1)
        theirs.close()
        assert ready.readable(ours, 60)


def test_a_pipe_and_a_plain_file(many_files: None, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as pipe, (tmp_path / "file").open("w+b", 0) as file:
        assert min(pipe.fileno(), file.fileno()) >= ready._TOO_HIGH
        assert not ready.readable(pipe, -1)
        os.close(writing)
        assert ready.readable(pipe, 60)
        assert ready.readable(file, 60)
        assert ready.writable(file, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is Linux's")
def test_a_device_that_does_not_answer_is_examined(many_files: None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        found = diagnose("127.0.0.1", "00" * 16, port=silent.getsockname()[1], within=0.5)
    assert found.as_json()["ends_at"]


def test_a_recording_is_written_into_a_pipe_and_read_from_one(
    many_files: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "PIPE_TIME", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    lines = arriving_lines(str(path))
    assert lines is not None
    with FileRecorder(path) as recorder:
        while not recorder.lost:
            recorder(Record("uart", "up", 1.0, 2.0, b"x" * 10_000))
        assert next(iter(lines)).endswith("}\n")
    lines.close()
