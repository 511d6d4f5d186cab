"""The page about other hosts: its files are ones that labgrid and this package take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("labgrid.remote", reason="labgrid is not installed: pip install 'miio-lan[labgrid]'")

import attr
import yaml
from labgrid.factory import target_factory
from labgrid.remote.exporter import exports

from miio_lan.labgrid import MiioBenchDriver, MiioDevice
from miio_lan.labgrid.lines import UART, UART_UP

PAGE = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")


def block(name: str) -> Any:
    found = re.search(rf"<!-- labgrid: {name} -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return yaml.safe_load(found[1])


def test_the_exporters_file() -> None:
    (group,) = block("exporter").values()
    kinds = {name: params.pop("cls") for name, params in group.items()}
    assert kinds == {
        "device": "MiioDevice",
        UART: "RawSerialPort",
        UART_UP: "RawSerialPort",
        "power": "NetworkPowerPort",
    }
    assert "MiioDevice" not in exports  # it is handed on as it is
    for name, kind in kinds.items():
        target_factory.resources[kind](None, name, **group[name])


def test_the_environment() -> None:
    environment = block("environment")
    assert environment["imports"] == ["miio_lan.labgrid"]
    resources, drivers = target_factory.normalize_config(environment["targets"]["main"])
    assert set(resources) == {"RemotePlace"}
    assert set(drivers) == {"NetworkPowerDriver", MiioBenchDriver.__name__}
    assert set(drivers) <= set(target_factory.drivers)


def test_the_table_of_the_resource() -> None:
    table = PAGE.partition("| `MiioDevice` | |\n")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", "".join(row.split("|")[1] for row in table.splitlines())))
    own = {each.name for each in attr.fields(MiioDevice)} - {"target", "name", "state", "avail", "token"}
    assert named == own
