"""Serial ports of labgrid as lines to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labgrid.resource.base import SerialPort
from labgrid.resource.serialport import NetworkSerialPort
from labgrid.util.proxy import proxymanager

from miio_lan.errors import PlaceError
from miio_lan.uart.document import BAUD_RATE
from miio_lan.uart.ports.remote import IGNORE_CONTROL

UART, UART_UP = "uart", "uart-up"
"""Names of the resources that are the receivers, where nothing else was said: as the options of the pytest plugin."""


def receivers(target: Any, uart: str | None = None, uart_up: str | None = None) -> tuple[Any, Any]:
    """Choose the serial ports of a target that listen to the product.

    :param uart: the name of the first one; ``uart`` by default, or the only serial port, whatever its name
    :param uart_up: the name of the one at the MCU's TX; ``uart-up`` by default
    :returns: the two resources, None for what is not there
    :raises PlaceError: if a port of that name is missing, or nobody said which of several it is
    """
    ports = [each for each in target.resources if isinstance(each, (SerialPort, NetworkSerialPort))]
    first = _named(ports, uart or UART, required=uart is not None)
    second = _named(ports, uart_up or UART_UP, required=uart_up is not None)
    if first is None and second is None and len(ports) == 1:
        return ports[0], None
    if first is None and ports:
        raise PlaceError(
            f"which serial port of {target.name} listens to the product? Name it {UART} (at the module's TX), and a "
            f"second one {UART_UP} (at the MCU's TX); there are {_names(ports)}"
        )
    return first, second


def _named(ports: Sequence[Any], name: str, *, required: bool) -> Any:
    found = [each for each in ports if each.name == name]
    if len(found) > 1 or (required and not found):
        many = "several serial ports are" if found else "no serial port is"
        raise PlaceError(f"{many} named {name}; there are {_names(ports)}")
    return found[0] if found else None


def _names(ports: Sequence[Any]) -> str:
    return ", ".join(f"{each.name or '(nameless)'} ({type(each).__name__})" for each in ports) or "none"


def url_of(port: Any) -> str:
    """Give the URL under which a serial port of labgrid is opened, by a tunnel of labgrid's where it wants one.

    :raises PlaceError: if it is not there, has another speed, or speaks a protocol that is not known
    """
    if port.port is None or not port.avail:
        raise PlaceError(
            f"the serial port {port.name or type(port).__name__} is not there: is it plugged in at the exporter?"
        )
    if port.speed != BAUD_RATE:
        raise PlaceError(
            f"the serial port {port.name or type(port).__name__} has {port.speed} baud; this line has {BAUD_RATE}"
        )
    if isinstance(port, SerialPort):
        return str(port.port)
    host, number = proxymanager.get_host_and_port(port)
    place = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    if port.protocol == "rfc2217":
        # As labgrid does by itself: an exporter may export a pseudo-terminal, and a listener sets no modem lines.
        return f"rfc2217://{place}?{IGNORE_CONTROL}"
    if port.protocol == "raw":
        return f"socket://{place}"
    raise PlaceError(
        f"the serial port {port.name or type(port).__name__} speaks {port.protocol}; known are rfc2217 and raw"
    )
