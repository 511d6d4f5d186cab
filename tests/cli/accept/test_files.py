"""What ``accept``, ``watch`` and ``uart record`` write: nothing is lost for it, and it is lost for nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ends import PATIENCE
from support.simulated import simulate
from support.talk import talk

from miio_lan.acceptance.report import formats as report
from miio_lan.cli.files import Recording, check_files
from miio_lan.device.description.spec import Spec
from miio_lan.errors import RecordError
from miio_lan.record import write
from miio_lan.record.recording import read_recording
from miio_lan.uart.ports.port import MemoryPair
from miio_lan.virtual.mcu.mcu import Mcu

LAMP = Spec.shipped("lamp")
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")


@pytest.fixture(scope="module")
def heard() -> str:
    """The text of a recording of an MCU in good order."""
    file = io.StringIO()
    write(file, simulate(Mcu(LAMP), LAMP, allow=()).records)
    return file.getvalue()


@pytest.fixture
def earlier(tmp_path, heard) -> Path:
    """An earlier recording, which nobody wants to lose."""
    path = tmp_path / "earlier.jsonl"
    path.write_text(heard)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["uart", "record", "--up", "/dev/none", "-o"],
        ["uart", "record", "--up", "pty", "--down", "/dev/none", "-o"],
        ["uart", "bridge", "--module", "pty", "--mcu", "/dev/none", "-o"],
        ["watch", "--up", "/dev/none", "-o"],
        ["watch", "--send", "miIO.info", "-o"],
        ["watch", "--virtual", "none-such", "-o"],
        ["watch", "--replay", "/no/such/file", "-o"],
        ["accept", "--uart", "/dev/none", "--record"],
        ["accept", "--uart", "pty", "--power-up", "0.01", "--record"],
        ["accept", "--tap-up", "/dev/none", "--record"],
        ["accept", "--virtual", "--spec", "none-such", "--record"],
        ["accept", "--virtual", "--misbehave", "laughing", "--record"],
        ["accept", "--lan", "--record"],
        ["accept", "--lan", "--ip", "127.0.0.1", "--token", "x", "--record"],
        ["accept", "/no/such/file", "--record"],
    ],
)
def test_what_cannot_begin_costs_no_earlier_recording(run, earlier, heard, arguments) -> None:
    ended = run(*arguments, str(earlier), env={"MIIO_LAN_IP": "", "MIIO_LAN_TOKEN": ""})
    assert ended.code in (1, 2)
    assert ended.err
    assert earlier.read_text() == heard


@pytest.mark.parametrize("form", ["{}", "./{}", "link", "hard"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["watch", "--replay", "IN", "-o", "OUT"],
        ["accept", "IN", "--record", "OUT"],
        ["accept", "IN", "--report", "html=OUT"],
    ],
)
def test_what_is_read_is_not_written(run, earlier, heard, arguments, form, monkeypatch) -> None:
    monkeypatch.chdir(earlier.parent)
    Path("link").symlink_to(earlier)
    Path("hard").hardlink_to(earlier)
    out = form.format(earlier.name)
    ended = run(*(each.replace("IN", str(earlier)).replace("OUT", out) for each in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert (
        f"{earlier.name if '{}' in form else out} cannot be written: it is what is read ({earlier})"
        in flat(ended.err)
    )
    assert earlier.read_text() == heard


def flat(text: str) -> str:
    return " ".join(text.split())


def test_nor_are_descriptions_and_images(run, earlier) -> None:
    image = earlier.with_name("image.bin")
    image.write_bytes(b"firmware")
    options = ["accept", "--virtual", "--firmware", str(image), "--report", f"json={image}"]
    assert "it is what is read" in flat(run(*options).err)
    assert image.read_bytes() == b"firmware"
    ended = run("accept", str(earlier), "--spec", str(image), "--record", str(image))
    assert "it is what is read" in flat(ended.err)


def test_nor_is_what_comes_by_stdin(earlier, monkeypatch) -> None:
    from click import UsageError

    with earlier.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(UsageError, match="it is what is read"):
            check_files([str(earlier)], ["-"])
    monkeypatch.setattr("sys.stdin", None)
    check_files([str(earlier)], ["-"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--report", "html={}/x", "--report", "json={}/x"], "written twice"),
        (["--report", "html={}/x", "--report", "json={}/./x"], "written twice"),
        (["--report", "html={}/x", "--record", "{}/x"], "written twice"),
        (["--report", "html={}/none/x"], "there is no folder"),
        (["--record", "{}/none/x"], "there is no folder"),
        (["--record", "{}"], "it is a folder"),
        (["--record", ""], "it is a folder"),
    ],
)
def test_what_cannot_be_written_is_said_at_once(run, tmp_path, options, complaint) -> None:
    ended = run("accept", "--virtual", *(option.format(tmp_path) for option in options))
    assert (ended.code, ended.out) == (2, "")
    assert f"cannot be written{' twice' if complaint == 'written twice' else ''}" in flat(ended.err)
    assert complaint in flat(ended.err)
    assert list(tmp_path.iterdir()) == []


def test_what_may_not_be_written(run, tmp_path, monkeypatch) -> None:
    (tmp_path / "old").touch()
    asked = []
    monkeypatch.setattr("os.access", lambda path, mode: bool(asked.append(path)))
    for name in ("old", "new"):
        ended = run("accept", "--virtual", "--record", str(tmp_path / name))
        assert ended.code == 2
        assert "that is not permitted" in flat(ended.err)
    assert asked == [tmp_path / "old", tmp_path]


def test_devices_take_several_outputs(run, earlier) -> None:
    nowhere = ("--report", "html=/dev/null", "--report", "json=/dev/null", "--record", "/dev/null")
    assert run("accept", str(earlier), *nowhere).code == 0


def test_an_image_that_cannot_be_read(run, earlier, monkeypatch) -> None:
    def fail(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.read_bytes", fail)
    ended = run("accept", "--virtual", "--firmware", str(earlier))
    assert (ended.code, ended.err) == (1, f"Error: {earlier} cannot be read: Input/output error\n")


# --- full disks ----------------------------------------------------------------------------------------------------


@FULL
@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_a_full_disk_costs_no_judgement(run, earlier, heard, tmp_path, json_too) -> None:
    page = tmp_path / "page.html"
    options = ["--spec", "lamp", "--record", "/dev/full", "--report", f"html={page}", *json_too]
    ended = run("accept", str(earlier), *options)
    assert ended.code == 1
    count = len(heard.splitlines())
    assert f"Error: {count} records could not be written to /dev/full" in ended.err.splitlines()
    assert "0 fail" in ended.out if not json_too else ended.json["ok"]
    assert page.stat().st_size > 1000


@FULL
def test_nor_does_it_end_what_is_shown(run, earlier, heard) -> None:
    ended = run("watch", "--replay", str(earlier), "--polls", "-o", "/dev/full")
    assert ended.code == 1
    count = len(heard.splitlines())
    assert len(ended.out.splitlines()) > count
    assert f"Error: {count} records could not be written to /dev/full" in ended.err


def test_a_recording_that_cannot_even_begin_disturbs_nobody(tmp_path, caplog) -> None:
    folder = tmp_path / "gone"
    recording = Recording(str(folder / "x.jsonl"))
    for record in talk("> get_down\n< down none"):
        recording(record)
    assert (recording.written, recording.lost, recording.begun) == (0, 2, False)
    assert recording.tell() == 1
    assert caplog.text.count("there will be no recording") == 1
    with pytest.raises(RecordError, match="cannot be written"):
        recording.begin()


# --- reports -------------------------------------------------------------------------------------------------------


def test_one_report_that_fails_costs_no_other(run, earlier, tmp_path, monkeypatch) -> None:
    def fail(judgement, lang):
        raise RecursionError("too deep\x1b")

    monkeypatch.setattr(report, "to_html", fail)
    options = [f"--report={kind}={tmp_path / kind}" for kind in ("html", "junit", "json")]
    ended = run("accept", str(earlier), "--json", *options)
    assert ended.code == 1
    assert ended.err == f"Error: {tmp_path / 'html'} cannot be written: too deep\\x1b\n"
    assert ended.json["ok"]
    assert (tmp_path / "junit").read_text().startswith("<?xml")
    assert json.loads((tmp_path / "json").read_text())["ok"]


@FULL
def test_a_full_disk_costs_one_report(run, earlier, tmp_path) -> None:
    ended = run("accept", str(earlier), "--report", "html=/dev/full", "--report", f"json={tmp_path / 'j'}")
    assert ended.code == 1
    assert ended.err == "Error: /dev/full cannot be written: No space left on device\n"
    assert "0 fail" in ended.out
    assert json.loads((tmp_path / "j").read_text())["ok"]


def test_reports_are_there_when_the_reader_leaves(earlier, tmp_path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = ["accept", str(earlier), "--report", f"html={tmp_path / 'page.html'}"]
    with open(writing, "wb") as nowhere:  # noqa: PTH123 - no path
        ended = process(command, stdout=nowhere, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "page.html").stat().st_size > 1000


def process(command: list[str], **more) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "miio_lan", *command], timeout=PATIENCE, check=False, **more)


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_terminal_that_knows_ascii_only(earlier, option) -> None:
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "POSIX", "PYTHONUTF8": "0"}
    ended = process(["accept", str(earlier), *option], capture_output=True, env=surroundings)
    assert (ended.returncode, ended.stderr) == (0, b"")
    if option:
        assert json.loads(ended.stdout)["ok"]
    else:
        shown = ended.stdout.decode("ascii")
        assert "+ pass          polls" in shown
        assert "0 fail" in shown
        assert "\\u" not in shown


# --- wires ---------------------------------------------------------------------------------------------------------


def test_swapped_wires_are_no_fault_of_the_product(run, tmp_path, monkeypatch) -> None:
    path = tmp_path / "swapped.jsonl"
    options = ["--record", str(path), "--json", "--for", "1000"]  # it does not take them
    with MemoryPair() as line:
        monkeypatch.setattr("miio_lan.uart.ports.port.open_port", lambda name: line.near)
        line.far.start(lambda data, now: None)
        line.far.write(b"down none\rdown get_properties 2 1\rdown none\rdown MIIO_net_change cloud\r")
        ended = run("accept", "--tap-up", "module", *options)
    assert ended.code == 1
    assert "the wires are swapped" in ended.json["error"]["message"]
    assert "exchange what --tap-up and --tap-down name" in ended.json["error"]["message"]
    again = run("accept", str(path))
    assert (again.code, again.out) == (1, "")
    assert "where the MCU was to be heard, the module speaks" in again.err
    assert {record.raw for record in read_recording(path)} > {b"down none\r"}


def test_the_ptys_of_a_tap_are_named(run) -> None:
    ended = run("accept", "--tap-up", "pty", "--tap-down", "pty", "--for", "0.01")
    assert ended.code == 1
    up, down, listening, *_ = ended.err.splitlines()
    assert up.startswith("/dev/")
    assert up.endswith(" hears the MCU")
    assert down.endswith(" hears the module")
    assert listening == "listening"


def test_a_report_that_does_not_fit_leaves_the_earlier_one(run, earlier, monkeypatch) -> None:
    old = earlier.with_name("report.html")
    old.write_text("the report of yesterday")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ended = run("accept", str(earlier), "--report", f"html={old}")
    assert ended.code == 1
    assert "report.html cannot be written: No space left on device" in " ".join(ended.err.split())
    assert old.read_text() == "the report of yesterday"
    assert {each.name for each in old.parent.iterdir()} == {earlier.name, old.name}


def test_a_report_in_a_folder_that_takes_no_new_file_is_written_all_the_same(
    run, earlier, monkeypatch
) -> None:
    old = earlier.with_name("report.html")
    old.write_text("the report of yesterday")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("miio_lan.keeping.replace_file", refused)
    run("accept", str(earlier), "--report", f"html={old}")
    assert old.read_text().startswith("<!DOCTYPE html>")
