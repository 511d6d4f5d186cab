"""Virtual ends in the real world: a socket, a port and one thread drive the rule machines.

:class:`ModuleHost` puts a virtual module between a UDP socket and a serial port, :class:`McuHost` a virtual MCU behind
a serial port. Either may face real hardware, or somebody else's simulation.
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from miio_lan.errors import InvalidArgument, PortError
from miio_lan.foreign import printable
from miio_lan.given import checked_function, checked_number
from miio_lan.loop import wall_clock
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.ports.port import checked_line
from miio_lan.virtual.endpoint import BoundSocket, checked_host, in_the_way
from miio_lan.virtual.hosting import Host

if TYPE_CHECKING:
    from miio_lan.lan.responder.responder import Address
    from miio_lan.loop import Loop, Timed
    from miio_lan.record import Observer
    from miio_lan.uart.commands import Direction
    from miio_lan.uart.ports.port import Outage, Port
    from miio_lan.virtual.fetching import Fetcher
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.module.module import Module
    from miio_lan.virtual.module.updates import Updates

_LOGGER = logging.getLogger(__name__)

Heard = Callable[[bytes, float], object]
OnDatagram = Callable[[str, bytes, float, "Address"], object]

# Datagrams taken in one go, so that a flood on the LAN leaves the line its turn.
_DATAGRAMS_AT_ONCE = 32


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
        checked_function("observer", observer)
        self.line = checked_line("the line", line)
        #: Bytes the machine wanted to say while the line was away or jammed.
        self.unsaid = 0
        self._heard = heard
        self._said: Heard | None = None
        self._watch: Overhearing | None = None
        if observer is not None:
            watch = self._watch = Overhearing(observer, wall=wall_clock, peer=line.name, late=False)
            self._heard = partial(watch.feed, self.HEARS)
            self._said = partial(watch.feed, "down" if self.HEARS == "up" else "up")

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
        """See :class:`~miio_lan.virtual.hosting.Host`."""
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
    :param line: the port, see :func:`~miio_lan.uart.ports.port.open_port`
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
        return f"<McuHost {printable(self.mcu.model)} at {self.line.name} ({self._state})>"

    @property
    def _machine(self) -> Mcu:
        return self.mcu

    def _switch_on(self, now: float) -> None:
        self.mcu.hooks.failed = self._loop.note
        self.mcu.start(now)

    def _take(self, data: bytes, now: float) -> None:
        self.mcu.receive(data, now)

    def _output(self) -> bytes:
        return self.mcu.take_output()


class ModuleHost(LineHost):
    """A virtual module between a UDP socket and a port: put a real MCU, or somebody else's, at the other end.

    :param module: the rules; touch it only within :meth:`~Host.call`
    :param line: the port, see :func:`~miio_lan.uart.ports.port.open_port`
    :param host: the address to listen at, IPv4 or IPv6
    :param port: the UDP port, 0 for any free one
    :param on_datagram: called with ``"down"`` and each datagram that came, ``"up"`` and each that goes, the instant,
        and the client's address
    :param ap_host: the address at which it listens, at the same port, while it is an access point itself; it does not
        listen at ``host`` then. By default it listens at ``host`` all the time
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
        ap_host: str | None = None,
    ) -> None:
        super().__init__(line, observer=observer, loop=loop, heard=heard)
        self.module = module
        self.host = checked_host("host", host)
        self.ap_host = None if ap_host is None else checked_host("ap_host", ap_host)
        self._on_datagram = checked_function("on_datagram", on_datagram)
        self._port = checked_number("port", port)
        self._endpoint: BoundSocket | None = None
        self._fetcher: Fetcher | None = None
        #: Downloads nobody wants any more whose threads may still wait for something.
        self._let_go: list[Fetcher] = []
        self._ap_endpoint: BoundSocket | None = None
        self._asked_at = ""
        self._told_of_bluetooth = False

    def __repr__(self) -> str:
        return f"<ModuleHost {self.host}:{self._port} at {self.line.name} ({self._state})>"

    @property
    def port(self) -> int:
        """The UDP port it listens at (0 until it is started, if any free one was asked for)."""
        return self._port

    @property
    def address(self) -> str:
        """Where it can be reached now: ``host``, or ``ap_host`` while it waits to be set up."""
        return self.host if self.ap_host is None or self.module.provisioned else self.ap_host

    @property
    def _machine(self) -> Module:
        return self.module

    def _prepare(self) -> None:
        if self.ap_host is not None and in_the_way(self.host, self.ap_host):
            raise InvalidArgument(
                f"ap_host {self.ap_host} is the address of another network: it has to differ from host, which is "
                f"{self.host}"
            )
        self._endpoint = BoundSocket(self.host, self._port)
        self._port = self._endpoint.port
        if self.ap_host is not None:
            self._ap_endpoint = BoundSocket(self.ap_host, self._port)
        super()._prepare()

    def _switch_on(self, now: float) -> None:
        self.module.hooks.failed = self._loop.note
        self.module.start(now)
        for each in self._endpoints():
            self._loop.watch(each.socket, partial(self._on_datagrams, each))

    def _end(self) -> None:
        for each in self._endpoints():
            self._loop.unwatch(each.socket)
        self._stop_fetching()
        super()._end()

    def _free(self) -> None:
        super()._free()
        for each in self._endpoints():
            each.close()
        if self._let_go:
            from miio_lan.virtual.fetching import wait_for

            wait_for(self._let_go)

    def _endpoints(self) -> list[BoundSocket]:
        return [each for each in (self._endpoint, self._ap_endpoint) if each is not None]

    def _present(self) -> BoundSocket | None:
        """Give the socket of the network it is in now."""
        return self._endpoint if self._ap_endpoint is None or self.module.provisioned else self._ap_endpoint

    def _take(self, data: bytes, now: float) -> None:
        self.module.receive_uart(data, now)
        if self.module.chip.missed_bluetooth and not self._told_of_bluetooth:
            self._told_of_bluetooth = True
            _LOGGER.warning(
                "the MCU sends ble_config, which a module without Bluetooth refuses: this MCU expects --dual-mode "
                "(dual_mode=True)"
            )

    def _output(self) -> bytes:
        self._fetch()
        self._answer(self._present())
        return self.module.take_uart()

    def _fetch(self) -> None:
        """Fetch what the module wants, and nothing else."""
        wanted = self.module.updates.wanted
        if self._fetcher is not None and self._fetcher.fetch is not wanted:
            self._stop_fetching()
        if wanted is not None and self._fetcher is None:
            from miio_lan.virtual.fetching import Fetcher  # loads what only an update needs

            self._fetcher = Fetcher(wanted, _Told(self), source=self._asked_at)

    def _stop_fetching(self) -> None:
        """Let go of the download. Its thread is not waited for: line and LAN are served by this one."""
        fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            fetcher.let_go()
            self._let_go = [each for each in (*self._let_go, fetcher) if not each.over]

    def told_of_download(self, tell: Callable[[Updates, float], None]) -> None:
        """Tell the module what came. From the thread of a download; what comes after the end is nobody's."""

        def visit() -> None:
            if self.running:
                tell(self.module.updates, self._later(time.monotonic()))
                self.flush()

        self._loop.post(visit)

    def _answer(self, endpoint: BoundSocket | None) -> None:
        for datagram, peer in self.module.take_lan():
            self._send_datagram(endpoint, datagram, peer)

    def _send_datagram(self, endpoint: BoundSocket | None, datagram: bytes, peer: Address) -> None:
        if endpoint is None:
            return
        try:
            endpoint.send(datagram, peer)
        except OSError as error:  # a full buffer, a network that went away: datagrams get lost
            _LOGGER.debug("no datagram to %s: %s", peer, error)
        self.module.hooks.run(self._on_datagram, "up", datagram, time.monotonic(), peer)

    def _on_datagrams(self, endpoint: BoundSocket, _events: int) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                datagram, peer, asked_at = endpoint.receive()
            except OSError:  # no more for now, or the echo of an answer nobody waited for
                break
            if endpoint is not self._present():  # it is in the other network
                continue
            instant = self._later(time.monotonic())
            self.module.hooks.run(self._on_datagram, "down", datagram, instant, peer)
            if asked_at:
                self._asked_at = self.module.chip.address = asked_at
            self.module.receive_lan(datagram, peer, instant)
            if self._ap_endpoint is not None:
                # What it was asked may have it leave the network it was asked in.
                self._answer(endpoint)
        self.flush()


class _Told:
    """Brings what a download tells from its thread into the loop."""

    def __init__(self, host: ModuleHost) -> None:
        self._host = host

    def answered(self, number: int, start: int, total: int | None) -> None:
        self._host.told_of_download(lambda updates, now: updates.answered(number, start, total, now))

    def received(self, number: int, data: bytes) -> None:
        self._host.told_of_download(lambda updates, now: updates.received(number, data, now))

    def ended(self, number: int, failure: str, final: bool) -> None:
        self._host.told_of_download(lambda updates, now: updates.ended(number, failure, now, final=final))
