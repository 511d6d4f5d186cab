"""Targets without a coordinator: which resource is what, where a token comes from, and what is refused."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("labgrid.remote", reason="labgrid is not installed: pip install 'miio-lan[labgrid]'")

from labgrid import Target
from labgrid.driver.fake import FakePowerDriver
from labgrid.resource import NetworkPowerPort, NetworkSerialPort, RawSerialPort

from miio_lan.errors import PlaceError
from miio_lan.labgrid import MiioBenchDriver, MiioDevice, entry_of, open_environment
from miio_lan.labgrid import lines as lines_module
from miio_lan.labgrid import place as place_module
from miio_lan.labgrid import resource as resource_module
from miio_lan.labgrid.lines import receivers, url_of
from miio_lan.labgrid.resource import token_of
from miio_lan.record import Record
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
OTHER = "ffeeddccbbaa99887766554433221100"


@pytest.fixture
def target() -> Iterator[Any]:
    target = Target("lamp")
    yield target
    target.cleanup()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIIO_LAN_TOKEN", raising=False)
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(tmp_path / "devices.json"))


def device(target: Any, **more: Any) -> Any:
    return MiioDevice(target, None, host="192.0.2.7", **more)


def serial(
    target: Any, name: str | None, port: int | None = 4000, protocol: str = "rfc2217", **more: Any
) -> Any:
    return NetworkSerialPort(target, name, host="192.0.2.8", port=port, protocol=protocol, **more)


def test_the_numbers() -> None:
    assert (place_module.COORDINATOR, place_module.LONGEST) == ("127.0.0.1:20408", 60.0)
    assert (lines_module.UART, lines_module.UART_UP) == ("uart", "uart-up")
    assert resource_module.MOST_TOKEN_BYTES == 4096


# --- the token -------------------------------------------------------------------------------------------------------


def test_a_token_comes_from_the_client(target: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_TOKEN", OTHER)
    monkeypatch.setenv("LAMP", f" {TOKEN}\n")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    found = token_of(device(target, token_file=str(tmp_path / "token"), token_variable="NOT_LOOKED_AT"))
    assert found == TOKEN
    assert TOKEN not in repr(found)
    assert token_of(device(target, token_variable="LAMP")) == TOKEN
    assert token_of(device(target, did=7)) == OTHER
    file = tmp_path / "devices.json"
    file.write_text(f'{{"kitchen": {{"ip": "192.0.2.99", "token": "{TOKEN}", "did": 7}}}}')
    file.chmod(0o600)
    assert token_of(device(target, did=7)) == TOKEN
    assert token_of(device(target, did=8)) == OTHER


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {},
            "no token for the device at 192.0.2.7: MIIO_LAN_TOKEN is not set. Give its resource token_file or",
        ),
        ({"did": 7}, "the file of named devices has no did 7, and MIIO_LAN_TOKEN is not set"),
        ({"token_file": "/nowhere/token"}, "token_file /nowhere/token cannot be read: No such file"),
        (
            {"token_file": "~nobody-of-it/token"},
            "token_file ~nobody-of-it/token cannot be read: No such file",
        ),
        ({"token_variable": "NOWHERE"}, "token_variable NOWHERE: the environment has no such variable"),
        ({"token_variable": "SHORT"}, "token_variable SHORT: "),
    ],
)
def test_a_token_that_is_not_there(
    target: Any, more: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", TOKEN[:-1])
    with pytest.raises(PlaceError, match=re.escape(says)) as caught:
        token_of(device(target, **more))
    assert TOKEN[:-1] not in str(caught.value)


def test_no_token_stands_in_labgrids_files(target: Any) -> None:
    with pytest.raises(
        PlaceError, match="no token belongs into labgrid's files: the exporter prints it"
    ) as caught:
        device(target, token=TOKEN)
    assert TOKEN not in str(caught.value)


# --- the lines -------------------------------------------------------------------------------------------------------


def test_ports_are_told_by_their_names(target: Any) -> None:
    assert receivers(target) == (None, None)
    only = serial(target, "console")
    assert receivers(target) == (only, None)
    up = serial(target, "uart-up")
    with pytest.raises(
        PlaceError, match=r"which serial port of lamp .* there are console \(NetworkSerialPort\)"
    ):
        receivers(target)
    uart = serial(target, "uart")
    assert receivers(target) == (uart, up)
    assert receivers(target, "console") == (only, up)
    assert receivers(target, "uart-up", "uart") == (up, uart)
    for names in (("nowhere",), (None, "nowhere")):
        with pytest.raises(PlaceError, match="no serial port is named nowhere; there are console"):
            receivers(target, *names)
    serial(target, "uart")
    with pytest.raises(PlaceError, match="several serial ports are named uart"):
        receivers(target)


def test_a_port_becomes_a_url(target: Any) -> None:
    assert url_of(serial(target, "a")) == "rfc2217://192.0.2.8:4000?ign_set_control"
    assert url_of(serial(target, "b", protocol="raw")) == "socket://192.0.2.8:4000"
    assert url_of(RawSerialPort(target, "c", port="/dev/ttyUSB0")) == "/dev/ttyUSB0"
    far = NetworkSerialPort(target, "d", host="//[2001:db8::1]", port=4000, protocol="raw")
    assert url_of(far) == "socket://[2001:db8::1]:4000"
    with pytest.raises(PlaceError, match="the serial port e is not there: is it plugged in at the exporter"):
        url_of(serial(target, "e", None))
    with pytest.raises(PlaceError, match="the serial port f has 9600 baud; this line has 115200"):
        url_of(serial(target, "f", speed=9600))
    with pytest.raises(PlaceError, match="the serial port g speaks smoke; known are rfc2217 and raw"):
        url_of(serial(target, "g", protocol="smoke"))


# --- the target ------------------------------------------------------------------------------------------------------


def test_an_entry_has_what_a_bench_needs(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_TOKEN", TOKEN)
    device(target, port=1234, did=7, spec="lamp")
    serial(target, "uart")
    serial(target, "uart-up", 4001)
    entry = entry_of(target)
    assert (entry.host, entry.token, entry.port, entry.did, entry.spec) == (
        "192.0.2.7",
        TOKEN,
        1234,
        7,
        "lamp",
    )
    assert entry.uart == "rfc2217://192.0.2.8:4000?ign_set_control"
    assert entry.uart_up == "rfc2217://192.0.2.8:4001?ign_set_control"
    assert entry.power is None
    assert TOKEN not in repr(entry)
    FakePowerDriver(target, None)
    assert repr(entry_of(target).power) == "<LabgridPower FakePowerDriver>"
    FakePowerDriver(target, "second")
    with pytest.raises(PlaceError, match="what switches its power is not clear: multiple drivers"):
        entry_of(target)


def test_a_power_port_has_its_driver(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_TOKEN", TOKEN)
    device(target)
    NetworkPowerPort(target, "power", model="rest", host="http://192.0.2.9/", index="1")
    assert repr(entry_of(target).power) == "<LabgridPower NetworkPowerDriver>"
    assert repr(entry_of(target).power) == "<LabgridPower NetworkPowerDriver>"


def test_a_target_without_a_device(target: Any) -> None:
    with pytest.raises(PlaceError, match="lamp: no MiioDevice resource found"):
        entry_of(target)


# --- environments ----------------------------------------------------------------------------------------------------

ENVIRONMENT = """
targets:
  main:
    resources:
    - MiioDevice: {{host: {host}, port: {port}, spec: lamp, token_file: token}}
    - NetworkSerialPort: {{name: module-tx, host: 127.0.0.1, port: {down}, protocol: raw}}
    - NetworkSerialPort: {{name: mcu-tx, host: 127.0.0.1, port: {up}, protocol: raw}}
    drivers:
      MiioBenchDriver: {{uart: module-tx, uart_up: mcu-tx}}
  empty: {{}}
imports:
- miio_lan.labgrid
"""


class Servers:
    """The two directions of a line at TCP ports, as a raw serial server has them."""

    def __init__(self) -> None:
        self._listening = {way: socket.create_server(("127.0.0.1", 0)) for way in ("down", "up")}
        self.ports = {way: each.getsockname()[1] for way, each in self._listening.items()}
        self._connections: dict[str, list[socket.socket]] = {"down": [], "up": []}
        self._accepting = [threading.Thread(target=self._accept, args=(way,)) for way in self.ports]
        for each in self._accepting:
            each.start()

    def _accept(self, way: str) -> None:
        while True:
            connection, _ = self._listening[way].accept()
            if not self._listening[way].getblocking():  # closing
                connection.close()
                return
            self._connections[way].append(connection)

    def observe(self, record: Record) -> None:
        for each in self._connections[record.direction]:
            try:
                each.sendall(record.raw)
            except OSError:  # nobody listens any more
                self._connections[record.direction].remove(each)
                each.close()

    def close(self) -> None:
        for way, server in self._listening.items():
            server.setblocking(False)
            socket.create_connection(("127.0.0.1", self.ports[way])).close()
        for each in self._accepting:
            each.join()
        for way, server in self._listening.items():
            server.close()
            for each in self._connections[way]:
                each.close()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    servers = Servers()
    with VirtualProduct(observer=servers.observe) as product:
        (tmp_path / "token").write_text(product.token)
        (tmp_path / "env.yaml").write_text(
            ENVIRONMENT.format(host=product.host, port=product.port, **servers.ports)
        )
        yield lambda: tmp_path / "env.yaml"
    servers.close()


def test_an_environment_without_a_coordinator_and_its_driver(written: Callable[[], Path]) -> None:
    with open_environment(written()) as place:
        assert place.entry.uart is not None
        driver = place.target.get_driver("MiioBenchDriver")
        bench = driver.begin()
        with bench.expect("get_properties", siid=2, piid=1) as exchange:
            assert bench.device.read("light:on") in (True, False)
        assert exchange.down == "down get_properties 2 1"
        assert driver.bench is bench
        assert driver.get_export_vars() == {
            "host": place.entry.host,
            "port": str(place.entry.port),
            "uart": "module-tx",
            "uart_up": "mcu-tx",
        }
        place.target.deactivate(driver)
        place.target.activate(driver)
        assert driver.begin() is not bench


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        (None, "main", "could not be found"),
        ("targets: {left: {}}", "main", "has no target main; there are left"),
        ("targets: {main: {resources: {Nothing: {}}}}", "main", "unknown resource class Nothing"),
        ("imports: [miio_lan.nowhere]", "main", "cannot be used: No module named"),
        ("targets: {main: {drivers: {MiioBenchDriver: {}}}}", "main", "no MiioDevice resource found"),
    ],
)
def test_an_environment_that_cannot_be_used(tmp_path: Path, text: str | None, target: str, says: str) -> None:
    file = tmp_path / "env.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PlaceError, match=says):
        open_environment(file, target)


def test_a_driver_is_of_a_device(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_TOKEN", TOKEN)
    device(target)
    driver = MiioBenchDriver(target, None)
    target.activate(driver)
    assert driver.bench.hears == frozenset()
    assert driver.bench is driver.bench
