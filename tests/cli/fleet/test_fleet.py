"""``miio-lan fleet`` over a file of devices."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from miio_lan.cli.fleet.asking import FleetAnswer, FleetRows
from miio_lan.device.fleet.fleet import DeviceOutcome
from miio_lan.errors import DeviceError, DeviceTimeout
from miio_lan.virtual.product import VirtualProduct

Fleet = Callable[..., Any]


@pytest.fixture
def products() -> Iterator[dict[str, VirtualProduct]]:
    with (
        VirtualProduct(mcu_options={"poll_interval": 0.002}) as one,
        VirtualProduct(mcu_options={"poll_interval": 0.002}) as two,
    ):
        yield {"one": one, "two": two}


@pytest.fixture
def path(products: dict[str, VirtualProduct], tmp_path: Path) -> Path:
    path = tmp_path / "devices.json"
    document = {
        name: {"ip": each.host, "token": each.token, "port": each.port} for name, each in products.items()
    }
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


@pytest.fixture
def fleet(run: Any, path: Path) -> Fleet:
    return lambda *words, **more: run("fleet", words[0], "--file", str(path), *words[1:], **more)


def documents(text: str) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    return {each["name"]: each for each in found}


def test_info_of_all(fleet: Fleet, products: dict[str, VirtualProduct]) -> None:
    ended = fleet("info")
    head, *rows = ended.out.splitlines()
    assert head.split() == ["NAME", "SECONDS", "ANSWER"]
    assert sorted(row.split()[0] for row in rows) == ["one", "two"]
    assert all(products["one"].spec.model in row for row in rows)
    assert (ended.code, ended.err) == (0, "2 of 2 devices\n")


def test_json_lines(fleet: Fleet, products: dict[str, VirtualProduct]) -> None:
    ended = fleet("info", "--json")
    found = documents(ended.out)
    assert ended.code == 0
    assert ended.err == ""
    assert set(found) == {"one", "two"}
    for each in found.values():
        assert each["ok"] is True
        assert each["result"]["model"] == products["one"].spec.model
        assert each["seconds"] >= 0


def test_get_and_set(fleet: Fleet) -> None:
    assert documents(fleet("set", "2.2=41", "--json").out)["two"]["result"][0]["code"] == 0
    found = documents(fleet("get", "2.1", "2.2", "--json").out)
    assert [item["value"] for item in found["one"]["result"]] == [True, 41]
    assert "2.1: true, 2.2: 41" in fleet("get", "2.1", "2.2").out
    assert "2.1: true, 2.2: 41, 2.1: true" in fleet("get", "2.1", "2.2", "2.1").out
    assert "light:brightness: 41" in fleet("get", "light:brightness", "--spec", "lamp").out


def test_one_refused_property_is_a_failure(fleet: Fleet) -> None:
    ended = fleet("get", "2.1", "2.99")
    assert ended.code == 1
    assert "2 of 2 devices, 2 failed" in ended.err
    assert "2.1: true, 2.99: refused" in ended.out
    found = documents(fleet("get", "2.1", "2.99", "--json").out)["one"]
    assert found["ok"] is False
    assert found["result"][0]["value"] is True
    assert found["error"]["code"] == -4003


def test_raw_command(fleet: Fleet) -> None:
    found = documents(fleet("raw-command", "get_properties", '[{"siid":2,"piid":1}]', "--json").out)
    assert found["two"]["result"][0]["value"] is True
    ended = fleet("raw-command", "no_such_thing")
    assert ended.code == 1
    assert "DeviceError" in ended.out


def test_a_silent_device_fails_alone(fleet: Fleet, path: Path) -> None:
    document = json.loads(path.read_text())
    document["gone"] = {"ip": "127.0.0.1", "token": "00" * 16, "port": 1}
    path.write_text(json.dumps(document))
    # Nobody is at that port, which ends it sooner; of the others, a machine that is busy may take its time.
    ended = fleet("get", "2.1", "--timeout", "30", "--retries", "0", "--json")
    assert ended.code == 1
    found = documents(ended.out)
    assert {name: each["ok"] for name, each in found.items()} == {"one": True, "two": True, "gone": False}
    assert found["gone"]["error"]["type"] == "DeviceTimeout"
    assert "result" not in found["gone"]


def test_only_some(fleet: Fleet) -> None:
    assert set(documents(fleet("info", "--json", "--only", "two").out)) == {"two"}
    ended = fleet("info", "--only", "tow")
    assert ended.code == 2
    assert "no device named 'tow'" in ended.err


def test_the_file_of_names_by_default(run: Any, path: Path) -> None:
    ended = run("fleet", "info", "--json", env={"MIIO_LAN_DEVICES": str(path)})
    assert set(documents(ended.out)) == {"one", "two"}


def test_a_file_that_is_none(run: Any, tmp_path: Path) -> None:
    ended = run("fleet", "info", "--file", str(tmp_path / "none.json"))
    assert ended.code == 2
    assert "there is no such file" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("get", "2"),
        ("get", "x", "--spec", "lamp"),
        ("set", "2.1"),
        ("raw-command", "a b"),
        ("info", "--limit", "0"),
    ],
)
def test_wrong_use(fleet: Fleet, words: tuple[str, ...]) -> None:
    assert fleet(*words).code == 2


# --- how it looks -----------------------------------------------------------------------------------------------------


def shown(width: int, *outcomes: DeviceOutcome[FleetAnswer], **more: Any) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, **more)
    with FleetRows(["lamp", "a name that is longer than twenty"], json=False, console=console) as rows:
        for outcome in outcomes:
            rows.show(outcome)
    file: Any = console.file
    return str(file.getvalue())


LONG = DeviceOutcome("lamp", FleetAnswer(None, "x" * 200), None, 0.25)
REFUSED = DeviceOutcome[FleetAnswer]("a name that is longer than twenty", None, DeviceError(-1, "no"), 12.0)


def test_a_narrow_terminal_gets_one_row_for_each_device(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(60, LONG, REFUSED, no_color=True)
    rows = [row for row in text.replace("\r\x1b[J", "\n").splitlines() if row.startswith(("lamp", "a name"))]
    assert len(rows) == 2
    assert rows[0].startswith("lamp                     0.250  xxx")
    assert rows[0].endswith("...")
    assert rows[1].startswith("a name that is lo...    12.000  DeviceError")
    assert all(len(row) <= 60 for row in rows)
    assert "\x1b[31m" not in text
    assert capsys.readouterr().err == "2 of 2 devices, 1 failed\n"


def test_failures_are_red_and_the_count_stands_below() -> None:
    text = shown(100, LONG, REFUSED)
    assert "\x1b[31m" in text
    assert "1 of 2 devices · Ctrl-C ends" in text
    assert "2 of 2 devices, 1 failed · Ctrl-C ends" in text


def test_what_a_device_says_does_not_steer_the_terminal() -> None:
    text = shown(
        100, DeviceOutcome("lamp", FleetAnswer(None, "a\x1b[2Jb\nc [red]d"), None, 0.1), no_color=True
    )
    assert "\x1b[2J" not in text
    assert "[red]d" in text


def test_the_time_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    error = DeviceTimeout("it was not asked: the time for all devices was over before its turn")
    assert "before its turn" in shown(120, DeviceOutcome("lamp", None, error, 3.0))
