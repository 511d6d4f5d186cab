"""What a bench needs of a target of labgrid: where its device, its lines and its switch are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labgrid.exceptions import NoResourceFoundError, NoSupplierFoundError
from labgrid.factory import target_factory
from labgrid.protocol import PowerProtocol

from miio_lan.bench.places.power import LabgridPower
from miio_lan.errors import PlaceError
from miio_lan.labgrid.lines import receivers, url_of
from miio_lan.labgrid.resource import MiioDevice, path_at_the_client, token_of
from miio_lan.record.redact import Secret, told_of

# Which driver switches which resource, where no driver was named: as labgrid-client chooses.
_SWITCHES = {
    "NetworkPowerPort": "NetworkPowerDriver",
    "PDUDaemonPort": "PDUDaemonDriver",
    "TasmotaPowerPort": "TasmotaPowerDriver",
    "NetworkUSBPowerPort": "USBPowerDriver",
    "USBPowerPort": "USBPowerDriver",
    "NetworkSiSPMPowerPort": "SiSPMPowerDriver",
    "SiSPMPowerPort": "SiSPMPowerDriver",
    "NetworkYKUSHPowerPort": "YKUSHPowerDriver",
    "YKUSHPowerPort": "YKUSHPowerDriver",
}


@dataclass(frozen=True)
class Entry:
    """What a product's entry of a bench needs.

    :param host: address or name of the device
    :param token: its token; not shown by ``repr``
    :param port: its UDP port
    :param did: its device id, where it was said
    :param spec: its description, as ``--miio-spec`` takes it
    :param uart: URL of a receiver: at the module's TX where there are two, else at either
    :param uart_up: URL of the receiver at the MCU's TX
    :param power: what switches the product
    """

    host: str
    token: Secret = field(repr=False)
    port: int
    did: int | None = None
    spec: str | None = None
    uart: str | None = None
    uart_up: str | None = None
    power: LabgridPower | None = None


def entry_of(target: Any, *, uart: str | None = None, uart_up: str | None = None) -> Entry:
    """Read an entry off a target.

    :param target: a target of labgrid, its place acquired
    :param uart: the name of the serial port that listens; see :func:`miio_lan.labgrid.lines.receivers`
    :param uart_up: the name of the one at the MCU's TX
    :raises PlaceError: naming what is missing
    """
    ports = receivers(target, uart, uart_up)
    try:
        device = target.get_resource(MiioDevice)
        target.await_resources([each for each in ports if each is not None])
    except NoResourceFoundError as error:
        raise PlaceError(told_of(target.name, error.msg)) from error
    if getattr(device, "extra", {}).get("proxy_required"):
        problem = "its exporter is isolated, and labgrid's tunnels carry TCP; a device is spoken to by UDP"
        raise PlaceError(told_of(target.name, f"{problem}. Run the tests where the device can be reached"))
    urls = [url_of(each) if each is not None else None for each in ports]
    spec = device.spec
    if spec is not None and spec.endswith((".json", ".toml")):
        spec = str(path_at_the_client(device, spec))
    return Entry(
        host=device.host,
        token=token_of(device),
        port=device.port,
        did=device.did,
        spec=spec,
        uart=urls[0],
        uart_up=urls[1],
        power=_power_of(target),
    )


def _power_of(target: Any) -> LabgridPower | None:
    """Give the switch of a target: its driver, or one for the resource that can be switched; None where nothing can."""
    try:
        if any(isinstance(each, PowerProtocol) for each in target.drivers):
            return LabgridPower(target.get_driver("PowerProtocol"))
        ports = [each for each in target.resources if type(each).__name__ in _SWITCHES]
        if not ports:
            return None
        # The names of labgrid's drivers are known once they are imported.
        import labgrid.driver  # noqa: F401

        driver = target_factory.make_driver(target, _SWITCHES[type(ports[0]).__name__], None, {})
        target.activate(driver)
    except NoSupplierFoundError as error:
        raise PlaceError(
            told_of(target.name, f"what switches its power is not clear: {error.msg}")
        ) from error
    return LabgridPower(driver)
