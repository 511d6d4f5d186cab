"""Virtual ends in the real world: a socket, a port and one thread drive the rule machines.

:class:`ModuleHost` puts a virtual module between a UDP socket and a serial port, :class:`McuHost` a virtual MCU behind
a serial port. Either may face real hardware, or somebody else's simulation.
"""

from __future__ import annotations

import logging
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from miio_lan.errors import DeviceException, PortError
from miio_lan.uart.loop import Loop, Timed
from miio_lan.uart.overhearing import Overhearing

if TYPE_CHECKING:
    from types import TracebackType

    from miio_lan.lan.responder import Address
    from miio_lan.record import Observer
    from miio_lan.uart.commands import Direction
    from miio_lan.uart.port import Outage, Port
    from miio_lan.virtual.mcu import Mcu
    from miio_lan.virtual.module import Module

_LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")
Heard = Callable[[bytes, float], object]
OnDatagram = Callable[[str, bytes, float, "Address"], object]

# Datagrams taken in one go, so that a flood on the LAN leaves the line its turn.
_BURST = 32
_MAX_DATAGRAM = 65536


def wall_clock(now: float) -> float:
    """Give unix time for a monotonic instant of this run."""
    return time.time() - (time.monotonic() - now)


class Host(ABC):
    """Something that runs in a thread of its own, or in one it is given. A context manager that starts and closes.

    What goes wrong in the thread is raised by the next :meth:`call` or by :meth:`close`.
    """

    WHAT: ClassVar[str]

    def __init__(self, loop: Loop | None) -> None:
        self._own_loop = loop is None
        self._loop = loop or Loop(f"miio {self.WHAT}")
        self._state = "new"
        self._now = 0.0

    @property
    def running(self) -> bool:
        """Whether it was started and not closed."""
        return self._state == "running"

    def start(self) -> None:
        """Begin; harmless when it is running.

        :raises DeviceException: if it was closed before, or cannot have the socket or port it needs
        """
        if self._state == "closed":
            raise DeviceException(f"the {self.WHAT} was closed; make a new one")
        if self._state == "running":
            return
        self._state = "running"
        try:
            self._prepare()
            if self._own_loop:
                self._loop.start()
            self._loop.call(self._begin)
        except BaseException:
            self._shut()
            raise

    def call(self, function: Callable[[float], _T]) -> _T:
        """Run ``function(now)`` in the driving thread, where alone the rule machines may be touched.

        What it makes them want to send is sent. Its result is returned, what it raises is raised here.

        :raises DeviceException: if the host is not running
        """
        if not self.running:
            raise DeviceException(f"the {self.WHAT} is not running")
        self._surface()
        return self._loop.call(lambda: self._visit(function))

    def close(self) -> None:
        """Stop, and free socket, port and thread. May be called twice.

        :raises Exception: what went wrong in the driving thread and has not been told yet
        """
        self._shut()
        self._surface()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut()
        if error is None:
            self._surface()
        elif (failure := self._loop.take_failure()) is not None:
            error.add_note(f"Before that, the {self.WHAT} failed: {failure!r}")

    @abstractmethod
    def _prepare(self) -> None:
        """Open what must be open before the thread begins."""

    @abstractmethod
    def _begin(self) -> None:
        """Start the machines. In the loop."""

    @abstractmethod
    def flush(self) -> None:
        """Send what the machines have to send. In the loop."""

    @abstractmethod
    def _end(self) -> None:
        """Listen to nothing any more. In the loop."""

    @abstractmethod
    def _free(self) -> None:
        """Close what was opened."""

    def _visit(self, function: Callable[[float], _T]) -> _T:
        try:
            return function(self._later(time.monotonic()))
        finally:
            self.flush()

    def _later(self, instant: float) -> float:
        """Give an instant that is not before any other the machines have seen."""
        self._now = max(self._now, instant)
        return self._now

    def _shut(self) -> None:
        if self._state == "running":
            self._state = "closed"
            self._loop.call(self._end)
            self._free()
        self._state = "closed"
        if self._own_loop:
            self._loop.close()

    def _surface(self) -> None:
        if self._own_loop and (failure := self._loop.take_failure()) is not None:
            raise failure


class LineHost(Host):
    """A machine at one end of a serial line.

    :param line: the port; it belongs to the host from now on
    :param observer: gets a record of every line in both directions; what the machine says is stamped as it is written
    :param heard: gets the bytes of each read and its instant, for those who share a loop and observe both ends
    """

    HEARS: ClassVar[Direction]

    def __init__(
        self,
        line: Port,
        *,
        observer: Observer | None = None,
        loop: Loop | None = None,
        heard: Heard | None = None,
    ) -> None:
        super().__init__(loop)
        self.line = line
        #: Bytes the machine wanted to say while the line was away or jammed.
        self.unsaid = 0
        self._heard = heard
        self._said: Heard | None = None
        self._watch: Overhearing | None = None
        if observer is not None:
            watch = self._watch = Overhearing(observer, wall=wall_clock, peer=line.name, late=False)
            self._heard, self._said = (watch.up, watch.down) if self.HEARS == "up" else (watch.down, watch.up)

    @property
    def deadline(self) -> float | None:
        """When the machine wants to be woken; for the loop."""
        return self._machine.deadline

    def tick(self, now: float) -> None:
        """Wake the machine; for the loop."""
        self._machine.tick(self._later(now))
        self.flush()

    @property
    @abstractmethod
    def _machine(self) -> Timed: ...

    @abstractmethod
    def _take(self, data: bytes, now: float) -> None:
        """Give the machine what was read."""

    @abstractmethod
    def _switch_on(self, now: float) -> None: ...

    def _prepare(self) -> None:
        self.line.start(self._on_data, on_outage=self._on_outage, loop=self._loop)

    def _begin(self) -> None:
        self._switch_on(self._later(time.monotonic()))
        self._loop.add_timed(self)
        if self._watch is not None:
            self._loop.add_timed(self._watch)
        self.flush()

    def _end(self) -> None:
        self._loop.remove_timed(self)
        if self._watch is not None:
            self._loop.remove_timed(self._watch)
            self._watch.flush()
        self.line.stop()

    def _free(self) -> None:
        self.line.close()

    def _on_data(self, data: bytes, instant: float) -> None:
        if not self.running:
            return
        self._take(data, self._later(instant))
        # Answer first, look closer afterwards: reading a line costs more than handling it. But what was heard comes
        # before what was said to it.
        said = self._send()
        if self._heard is not None:
            self._heard(data, instant)
        self._tell(said)

    def _on_outage(self, outage: Outage) -> None:
        if self._watch is not None:
            note = f"outage: {outage.reason}" if outage.ended is None else "outage over"
            self._watch.mark(note, self.HEARS, outage.began if outage.ended is None else outage.ended)

    def flush(self) -> None:
        """See :class:`Host`."""
        self._tell(self._send())

    @abstractmethod
    def _output(self) -> bytes:
        """Drain what the machine has to say on the line."""

    def _send(self) -> bytes:
        said = self._output()
        if said:
            try:
                self.line.write(said)
            except PortError as error:
                # Nobody is there to hear it. The machine goes on, as its hardware would.
                self.unsaid += len(said)
                _LOGGER.debug("%d bytes not sent: %s", len(said), error)
                return b""
        return said

    def _tell(self, said: bytes) -> None:
        if said and self._said is not None:
            self._said(said, self._later(time.monotonic()))


class McuHost(LineHost):
    """A virtual MCU at a port: put a real module, or somebody else's, at the other end.

    :param mcu: the rules; touch it only within :meth:`~Host.call`
    :param line: the port, see :func:`~miio_lan.uart.port.open_port`
    """

    WHAT = "virtual MCU"
    HEARS = "down"

    def __init__(
        self,
        mcu: Mcu,
        line: Port,
        *,
        observer: Observer | None = None,
        loop: Loop | None = None,
        heard: Heard | None = None,
    ) -> None:
        super().__init__(line, observer=observer, loop=loop, heard=heard)
        self.mcu = mcu

    def __repr__(self) -> str:
        return f"<McuHost {self.mcu.model} at {self.line.name} ({self._state})>"

    @property
    def _machine(self) -> Timed:
        return self.mcu

    def _switch_on(self, now: float) -> None:
        self.mcu.start(now)

    def _take(self, data: bytes, now: float) -> None:
        self.mcu.receive(data, now)

    def _output(self) -> bytes:
        return self.mcu.take_output()


class ModuleHost(LineHost):
    """A virtual module between a UDP socket and a port: put a real MCU, or somebody else's, at the other end.

    :param module: the rules; touch it only within :meth:`~Host.call`
    :param line: the port, see :func:`~miio_lan.uart.port.open_port`
    :param host: the address to listen at, IPv4 or IPv6
    :param port: the UDP port, 0 for any free one
    :param on_datagram: called with ``"down"`` and each datagram that came, ``"up"`` and each that goes, the instant,
        and the client's address
    """

    WHAT = "virtual module"
    HEARS = "up"

    def __init__(
        self,
        module: Module,
        line: Port,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        observer: Observer | None = None,
        loop: Loop | None = None,
        heard: Heard | None = None,
        on_datagram: OnDatagram | None = None,
    ) -> None:
        super().__init__(line, observer=observer, loop=loop, heard=heard)
        self.module = module
        self.host = host
        self._on_datagram = on_datagram
        self._port = port
        self._socket: socket.socket | None = None

    def __repr__(self) -> str:
        return f"<ModuleHost {self.host}:{self._port} at {self.line.name} ({self._state})>"

    @property
    def port(self) -> int:
        """The UDP port it listens at (0 until it is started, if any free one was asked for)."""
        return self._port

    @property
    def _machine(self) -> Timed:
        return self.module

    def _prepare(self) -> None:
        self._socket = _listen(self.host, self._port)
        self._port = self._socket.getsockname()[1]
        super()._prepare()

    def _switch_on(self, now: float) -> None:
        self.module.start(now)
        if self._socket is not None:
            self._loop.watch(self._socket, self._on_datagrams)

    def _end(self) -> None:
        if self._socket is not None:
            self._loop.unwatch(self._socket)
        super()._end()

    def _free(self) -> None:
        super()._free()
        if self._socket is not None:
            self._socket.close()

    def _take(self, data: bytes, now: float) -> None:
        self.module.receive_uart(data, now)

    def _output(self) -> bytes:
        for datagram, peer in self.module.take_lan():
            self._send_datagram(datagram, peer)
        return self.module.take_uart()

    def _send_datagram(self, datagram: bytes, peer: Address) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(datagram, peer)
        except OSError as error:  # a full buffer, a network that went away: datagrams get lost
            _LOGGER.debug("no datagram to %s: %s", peer, error)
        if self._on_datagram is not None:
            self._on_datagram("up", datagram, time.monotonic(), peer)

    def _on_datagrams(self, _events: int) -> None:
        for _ in range(_BURST):
            if self._socket is None:
                return
            try:
                datagram, peer = self._socket.recvfrom(_MAX_DATAGRAM)
            except OSError:  # no more for now, or the echo of an answer nobody waited for
                break
            instant = self._later(time.monotonic())
            if self._on_datagram is not None:
                self._on_datagram("down", datagram, instant, peer)
            self.module.receive_lan(datagram, peer, instant)
        self.flush()


def _listen(host: str, port: int) -> socket.socket:
    """Open a UDP socket.

    :raises DeviceException: naming what cannot be had
    """
    if not 0 <= port < 65536:  # getaddrinfo takes the lower bits of whatever it gets
        raise DeviceException(
            f"the virtual module cannot listen at UDP port {port}: ports go from 0 to 65535"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setblocking(False)
            listening.bind(address)
        except BaseException:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DeviceException(
            f"the virtual module cannot listen at {host!r}, UDP port {port}: {reason}"
        ) from error
    return listening
