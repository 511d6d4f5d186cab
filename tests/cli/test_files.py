"""Files that commands write, as names of all kinds: pipes, what is not there, what is not permitted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from miio_lan.cli.files import replace_file
from miio_lan.record import Record, pipes
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
    monkeypatch.setattr(pipes, "READER_TIME", 0.0)
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


# --- names ---------------------------------------------------------------------------------------------------------


def test_one_file_is_written_once_whatever_its_name_and_its_age(run, earlier, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for present in (False, True):
        for other in ("a.html", "./a.html", "folder/../a.html", str(tmp_path / "a.html")):
            if present:
                Path("a.html").write_text("an earlier one")
            ended = run("accept", str(earlier), "--report", "html=a.html", "--report", f"junit={other}")
            assert (ended.code, ended.out) == (2, "")
            assert "a.html cannot be written twice" in flat(ended.err)
            assert Path("a.html").exists() == present


LONG = "x" * 300
WRITING = [
    ["accept", "EARLIER", "--report", "html=NAME"],
    ["accept", "EARLIER", "--record", "NAME"],
    ["uart", "record", "--up", "pty", "-o", "NAME"],
    ["watch", "--replay", "EARLIER", "-o", "NAME"],
    ["virtual", "mcu", "--save-firmware", "NAME"],
    ["virtual", "product", "--port", "0", "--save-firmware", "NAME"],
]


@pytest.mark.parametrize("arguments", WRITING)
def test_a_name_that_is_too_long_cannot_be_written(run, earlier, arguments) -> None:
    ended = run(*(each.replace("EARLIER", str(earlier)).replace("NAME", LONG) for each in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert f"{LONG} cannot be written: File name too long." in ended.err.replace("\n", " ")


@pytest.mark.parametrize("arguments", WRITING)
def test_a_dash_is_no_file_to_write(run, earlier, monkeypatch, tmp_path, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run(*(each.replace("EARLIER", str(earlier)).replace("NAME", "-") for each in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert "- cannot be written: it is no file here; /dev/stdout is standard output" in flat(ended.err)
    assert not Path("-").exists()


def test_a_file_that_is_called_so_is_written_by_another_name(run, earlier, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run("--json", "accept", str(earlier), "--report", "json=./-")
    assert json.loads(Path("./-").read_text()) == json.loads(shown.out)


@pytest.mark.parametrize("arguments", WRITING)
def test_nor_can_what_nobody_may_look_at(run, earlier, monkeypatch, tmp_path, arguments) -> None:
    refused, look = tmp_path / "folder" / "x", Path.stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        if path == refused:
            raise PermissionError(13, "Permission denied")
        return look(path, **more)

    monkeypatch.setattr("pathlib.Path.stat", stat)
    ended = run(*(each.replace("EARLIER", str(earlier)).replace("NAME", str(refused)) for each in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert f"{refused} cannot be written: Permission denied." in flat(ended.err)


@pytest.mark.parametrize("arguments", WRITING)
def test_nor_can_anything_in_a_folder_that_is_gone(run, earlier, monkeypatch, tmp_path, arguments) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = run(*(each.replace("EARLIER", str(earlier)).replace("NAME", "x.html") for each in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert "x.html cannot be written: No such file or directory." in flat(ended.err)
    assert run("accept", "none.jsonl").code == 2  # nor can it be read


@pytest.mark.parametrize(
    "command", [["get", "2.1", "--spec"], ["spec", "show"], ["accept", "--virtual", "--spec"]]
)
def test_a_description_of_such_a_name_cannot_be_read(run, command) -> None:
    where = {"MIIO_LAN_IP": "127.0.0.1", "MIIO_LAN_TOKEN": "0" * 32}
    ended = run(*command, LONG, env=where)
    assert (ended.code, ended.out) == (2, "")
    assert f"{LONG} cannot be read: File name too long" in ended.err.replace("\n", " ")


@pytest.mark.parametrize("kind", [["product", "--port", "0"], ["mcu"]])
def test_a_firmware_is_not_kept_in_place_of_the_description(run, tmp_path, kind) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text((files("miio_lan.virtual") / "specs" / "lamp.json").read_text())
    ended = run("virtual", *kind, "--spec", str(spec), "--save-firmware", str(spec))
    assert (ended.code, ended.out) == (2, "")
    assert "it is what is read" in flat(ended.err)


# --- what somebody records into ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no locks for files there")
@pytest.mark.parametrize(
    "arguments",
    [
        ["uart", "record", "--up", "pty", "-o", "BUSY"],
        ["watch", "--virtual", "-o", "BUSY"],
        ["watch", "--replay", "EARLIER", "-o", "BUSY"],
        ["accept", "--virtual", "--record", "BUSY"],
        ["accept", "EARLIER", "--report", "html=BUSY"],
    ],
    ids=" ".join,
)
def test_a_recording_that_is_under_way_is_not_written_over(run, earlier, tmp_path, arguments) -> None:
    busy = tmp_path / "busy.jsonl"
    names = {"EARLIER": str(earlier), "BUSY": str(busy), "html=BUSY": f"html={busy}"}
    with FileRecorder(busy) as recorder:
        recorder(Record("uart", "up", 1.0, 1.0, b"get_down\r"))
        before = busy.read_bytes()
        ended = run(*(names.get(each, each) for each in arguments))
        assert (ended.code, ended.out) == (2, "")
        assert f"{busy} cannot be written: another program" in flat(ended.err)
        assert busy.read_bytes() == before
    assert run("accept", str(earlier), "--report", f"json={busy}").code in (0, 1)
