"""What names a file, and that whoever takes a path takes the same, and refuses the same in words of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from miio_lan import Fleet
from miio_lan.bench.places.file import read_bench
from miio_lan.device.description.spec import Spec
from miio_lan.device.fleet.named import DevicesFile, read_devices
from miio_lan.device.ota.staging import Stage
from miio_lan.errors import (
    BenchFileError,
    DeviceException,
    DevicesFileError,
    InvalidArgument,
    RecordError,
    SpecError,
)
from miio_lan.lan.capture.reading import read_capture
from miio_lan.paths import checked_path, path_of
from miio_lan.record.recording import FileRecorder, read_recording

TOKEN = "00112233445566778899aabbccddeeff"


class Named:
    """Stands for a path, as objects of other libraries do."""

    def __init__(self, path: str | bytes) -> None:
        self._path = path

    def __fspath__(self) -> str | bytes:
        return self._path

    def write(self, _text: str) -> None:
        """Some of these objects write a file anew with each call: not the way to make a recording."""
        raise AssertionError


TAKERS: list[tuple[Callable[..., object], type[DeviceException], str]] = [
    (read_devices, DevicesFileError, "a file of devices"),
    (lambda file: DevicesFile(file).get("lamp"), DevicesFileError, "a file of devices"),
    (Fleet.from_file, DevicesFileError, "a file of devices"),
    (Spec.load, SpecError, "a description"),
    (read_bench, BenchFileError, "a bench file"),
    (Stage, InvalidArgument, "a firmware"),
    (read_capture, RecordError, "a capture"),
    (FileRecorder, RecordError, "a recording"),
    (lambda file: list(read_recording(file)), RecordError, "a recording"),
]


@pytest.mark.parametrize(
    "given", ["a/b.json", Path("a/b.json"), Named("a/b.json")], ids=["text", "path", "object"]
)
def test_a_path_is_a_text_or_an_object_that_stands_for_one(given: object) -> None:
    assert path_of(given) == Path("a/b.json")


@pytest.mark.parametrize(
    "given", [None, 1, True, 5.5, b"a", Named(b"a"), object()], ids=lambda it: type(it).__name__
)
def test_anything_else_is_none(given: object) -> None:
    assert path_of(given) is None
    with pytest.raises(RecordError, match=rf"^a list is a path or a number, not {type(given).__name__}$"):
        checked_path("a list", given, RecordError, also=" or a number")


@pytest.mark.parametrize(("taker", "error", "what"), TAKERS)
def test_a_number_is_no_path_and_its_file_stays_open(
    taker: Callable[..., object], error: type[DeviceException], what: str
) -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(error, match=f"^{what} is a path.*, not int$"):
            taker(writing)
        assert os.write(writing, b"!") == 1
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("taker", "error", "what"), TAKERS)
def test_a_name_with_a_nul_is_told(
    taker: Callable[..., object], error: type[DeviceException], what: str
) -> None:
    with pytest.raises(error, match=rf"{what} cannot be at 'a\\x00b.json': a path has no NUL character"):
        taker("a\0b.json")


@pytest.mark.parametrize(("taker", "error", "what"), TAKERS)
def test_a_name_that_no_file_can_have_is_told(
    taker: Callable[..., object], error: type[DeviceException], what: str
) -> None:
    with pytest.raises(error, match=rf"{what} cannot be at 'a\\ud800.json': no name of a file has such"):
        taker("a\ud800.json")


@pytest.mark.parametrize(("taker", "error"), [(taker, error) for taker, error, _ in TAKERS])
def test_an_object_that_stands_for_a_path_is_taken(
    taker: Callable[..., object],
    error: type[DeviceException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=r"nowhere/a\.json|there is no such file|No such file"):
        taker(Named("nowhere/a.json"))


def test_a_recording_goes_to_the_file_an_object_stands_for(tmp_path: Path) -> None:
    with FileRecorder(Named(str(tmp_path / "line.jsonl"))):
        pass
    assert (tmp_path / "line.jsonl").read_bytes() == b""


def test_devices_come_from_the_file_an_object_stands_for(tmp_path: Path) -> None:
    file = tmp_path / "devices.json"
    file.write_text(f'{{"lamp": {{"ip": "127.0.0.1", "token": "{TOKEN}"}}}}', encoding="utf-8")
    assert list(read_devices(Named(str(file)))) == ["lamp"]
