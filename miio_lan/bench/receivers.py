"""The receivers at the line of a product: one whose end is found out, or one at each end."""

from __future__ import annotations

from miio_lan.bench.recorder import QUIET_TIME, Recorder
from miio_lan.errors import DeviceException
from miio_lan.record import Observer
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import open_port


def tap_at(uart: str, uart_up: str | None, observer: Observer) -> Tap:
    """Open the receivers; :func:`begin` has them listen.

    :param uart: the URL of the one at the module's TX, or of the only one, at either end
    :param uart_up: that of the one at the MCU's TX
    :raises PortError: if one cannot be opened; the other one is closed then
    """
    port = open_port(uart)
    if uart_up is None:
        return Tap(observer, either=port, peer=uart)
    try:
        return Tap(observer, down=port, up=open_port(uart_up), peer=uart)
    except DeviceException:
        port.close()
        raise


def begin(tap: Tap, recorder: Recorder) -> None:
    """Begin to listen; of a single receiver, wait until it is known which end it hears: a line or two."""
    recorder.loss_shows_after = max(port.loss_shows_after for port in tap.ports)
    tap.start()
    if len(tap.ports) < 2:
        recorder.wait(lambda: tap.direction, QUIET_TIME)
