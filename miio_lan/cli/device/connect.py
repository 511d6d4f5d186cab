"""From the shared options to a device that can be spoken to."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from miio_lan.click_common.failures import refuse
from miio_lan.click_common.output import echo
from miio_lan.device.blocking import Device
from miio_lan.errors import DeviceException, DeviceTimeout
from miio_lan.lan.packet import PORT, shown_token
from miio_lan.variables import IP_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from miio_lan.cli.options import CliSettings
    from miio_lan.record import Observer, Record

SILENCE = 2.0
"""Seconds without a sound of the device after which a person is told what is being waited for."""

_TOKEN_MISSING = (
    f"The device's token is missing: give --token-file, --ask-token or --token, or set {TOKEN_VARIABLE}."
)

D = TypeVar("D", bound=Device)


@contextlib.contextmanager
def opened(settings: CliSettings, kind: type[D], *, observer: Observer | None = None) -> Iterator[D]:
    """Make the device the options name, and close it afterwards.

    :param observer: told of all that crosses the wire; who watches that need not be told what is waited for
    :raises click.UsageError: if the address is missing or cannot be one, or the token is and the device shows none
    """
    if settings.names_twice:
        refuse(
            f"-d {settings.device} and {settings.names_twice} are two ways to say which device: use one of them."
        )
    peer = settings.device or _checked_address(settings)
    options: dict[str, Any] = {"debug": settings.verbose, "timeout": settings.timeout}
    # Only for people: looking at each datagram has its price.
    patience = (
        Patience(peer) if (sys.stderr is not None and sys.stderr.isatty()) and observer is None else None
    )
    options["observer"] = patience.observe if patience is not None else observer
    with _made(settings, kind, options) as device:
        settings.opened = device
        if settings.retries is not None:
            device.retry_count = settings.retries
        with patience or contextlib.nullcontext():
            try:
                if device.token is None:
                    _see_token(device)
                yield device
            except DeviceException as error:
                if isinstance(error, DeviceTimeout):
                    which = f" -d {settings.device}" if settings.device else ""
                    error.add_note(f"miio-lan doctor{which} says where it ends, and what to do next.")
                raise


def _made(settings: CliSettings, kind: type[D], options: dict[str, Any]) -> D:
    if settings.device:
        return kind.from_name(settings.device, **options)
    # One that is not set up shows its token.
    return kind(settings.ip, settings.token, port=settings.port or PORT, **options)


def _see_token(device: Device) -> None:
    """Greet a device that no token was given for.

    :raises click.UsageError: if it does not show its own
    """
    if shown_token(device.send_handshake()) is None:
        refuse(
            f"{_TOKEN_MISSING} The device at {device.ip} does not show it, because it is set up already; after a "
            f"reset, it does."
        )


def _checked_address(settings: CliSettings) -> str:
    if not settings.ip:
        refuse(f"Missing the device's address: give --ip, -d NAME, or set {IP_VARIABLE}.")
    if problem := address_problem(settings.ip):
        refuse(problem)
    return settings.ip


def address_problem(address: str) -> str:
    """Say why ``address`` is neither an address nor a host name; empty when it may be one."""
    if set(address) <= set("0123456789."):
        return "" if _is_address(socket.AF_INET, address) else f"{address!r} is not an IPv4 address."
    if ":" in address:
        if _is_address(socket.AF_INET6, address.partition("%")[0]):
            return ""
        host, _, port = address.partition(":")
        hint = f" Give the port apart: --ip {host} --port {port}" if host and port.isdecimal() else ""
        return f"{address!r} is not an IPv6 address.{hint}"
    legal = all(char.isalnum() or char in "-._" for char in address)
    return "" if legal else f"{address!r} is neither an address nor a host name."


def _is_address(family: int, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):
        return False
    return True


class Patience:
    """Tells a person, once, what is being waited for when a device stays silent.

    :param peer: what to call the device
    :param timer: makes what calls a function after some seconds, like ``threading.Timer``
    """

    def __init__(
        self,
        peer: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[float, Callable[[], None]], Any] = threading.Timer,
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._running: Any = None
        self._heard = clock()
        self._ended = False

    def observe(self, record: Record) -> None:
        """Take note of what crosses the wire."""
        if record.direction == "up":
            self._heard = self._clock()

    def __enter__(self) -> Self:
        self._heard = self._clock()
        self._wait(SILENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = True
            running, self._running = self._running, None
        if running is not None:
            running.cancel()
            running.join()

    def _wait(self, seconds: float) -> None:
        with self._lock:
            if self._ended:
                return
            self._running = self._timer(seconds, self._look)
            self._running.daemon = True
            self._running.start()

    def _look(self) -> None:
        left = self._heard + SILENCE - self._clock()
        if left > 0:
            self._wait(left)
        else:
            echo(f"waiting for {self._peer} to answer (Ctrl-C to give up)", err=True)
