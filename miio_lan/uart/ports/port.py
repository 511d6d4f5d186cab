"""Serial ports: a pyserial URL, a pty, or two ends in memory, all with one face.

A port reads in a thread of its own (or in a loop it shares with others), stamps every read with ``time.monotonic()``
at the read, never makes a writer wait, and survives being unplugged. The line is always 115200 8N1 (serial document,
command rules).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

from miio_lan.errors import InvalidArgument, PortError
from miio_lan.foreign import show
from miio_lan.loop import Closing, Loop
from miio_lan.uart.document import BAUD_RATE
from miio_lan.uart.ports.remote import LOST_AFTER, is_remote
from miio_lan.uart.ports.transport import FileTransport, PtyTransport, Transport, open_serial

_LOGGER = logging.getLogger(__name__)

BYTES_PER_SECOND = BAUD_RATE // 10  # a start bit, eight data bits, a stop bit

#: Bytes that may wait to be sent: more than five seconds of a line at full speed.
MAX_QUEUE = 65536

# Bytes sent in one go under baud pacing: what takes less time on the line than anybody can see.
_PACED_CHUNK = 16

# Seconds between attempts to open a lost port again: the first, the longest, and how long it must have stayed for the
# count to begin anew.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_STEADY = 5.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A time during which a port was not connected.

    :param port: the port's name
    :param reason: what the system said
    :param began: when it was noticed, ``time.monotonic()`` seconds
    :param ended: when the port was connected again; None while it is not
    :param lost: bytes that were waiting to be sent and never will be
    """

    port: str
    reason: str
    began: float
    ended: float | None = None
    lost: int = 0


OnData = Callable[[bytes, float], object]
OnOutage = Callable[[Outage], object]


class Port(Closing):
    """One end of a serial line. Made by :func:`open_port`, :class:`PtyPair` or :class:`MemoryPair`.

    Open from the start; reading begins with :meth:`start`. A context manager that closes.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        *,
        reopen: Callable[[], Transport] | None = None,
        baud_pacing: bool = False,
    ) -> None:
        self.name = name
        self._transport: Transport | None = transport
        self._reopen = reopen
        self._pacing = baud_pacing
        self._lock = threading.Lock()
        self._queue = bytearray()
        self._jammed = False
        self._next_write = 0.0
        self._loop: Loop | None = None
        self._own_loop = False
        #: Called with what the transport has read.
        self.on_bytes: OnData = _ignore
        self._on_outage: OnOutage = _ignore
        self._outage: Outage | None = None
        self._closing = threading.Event()
        self._opener: threading.Thread | None = None
        self._fresh: Transport | None = None
        self._pause = _FIRST_PAUSE
        self._since = 0.0

    @property
    def outage(self) -> Outage | None:
        """The outage the port is in, None while it is connected."""
        return self._outage

    @property
    def loss_shows_after(self) -> float:
        """Seconds for which a port that is lost may look like one at which nothing is said."""
        return LOST_AFTER if is_remote(self.name) else 0.0

    @property
    def closed(self) -> bool:
        """Whether :meth:`stop` or :meth:`close` has been called."""
        return self._closing.is_set()

    def start(self, on_data: OnData, *, on_outage: OnOutage | None = None, loop: Loop | None = None) -> None:
        """Begin to read.

        :param on_data: called with the bytes and the instant of each read, always from the same thread
        :param on_outage: called from that thread when the port is lost, and again (``ended`` set) when it is back
        :param loop: the loop to read in; without one the port has its own thread
        :raises PortError: if it was started before, or is closed
        :raises InvalidArgument: if nothing can be called with the bytes
        """
        if self.closed:
            raise PortError(f"{self.name} is closed")
        if self._loop is not None:
            raise PortError(f"{self.name} was started before")
        if not callable(on_data):
            raise InvalidArgument(f"on_data is a function, not {show(on_data)}")
        self.on_bytes, self._on_outage = on_data, on_outage or _ignore
        self._own_loop = loop is None
        self._loop = loop or Loop(f"miio port {self.name}")
        self._loop.call(self._begin)
        if self._own_loop:
            self._loop.start()

    def write(self, data: bytes) -> None:
        """Have bytes sent, in order, as soon as the line takes them. Never waits.

        :raises PortError: if the port is closed, not started or in an outage, or too much is waiting already; in
            each case none of the bytes will be sent
        """
        with self._lock:
            sent = self._send_at_once(data)
            if sent is not None:
                data = data[sent:]
                if not data:
                    return
            loop = self._loop
            problem = self._problem(len(data))
            if problem or loop is None:
                raise PortError(f"{self.name} {problem}")
            if self._pacing and not self._queue:
                self._next_write = max(self._next_write, time.monotonic())
            self._queue += data
        if loop.inside:
            self._flush()
        else:
            loop.post(self._flush)

    def stop(self) -> None:
        """Read and write no more, but keep what is open until :meth:`close`, so that the other end sees no hang-up."""
        with self._lock:
            if self.closed:
                return
            self._closing.set()
        if self._loop is not None:
            self._loop.call(self._end)

    def close(self) -> None:
        """Stop, free everything and wait until that is done. May be called twice, and from a callback."""
        self.stop()
        if self._opener is not None:
            self._opener.join()
        with self._lock:
            transports, self._transport, self._fresh = (self._transport, self._fresh), None, None
        for transport in filter(None, transports):
            transport.dispose()
        if self._loop is not None and self._own_loop:
            self._loop.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"lost: {self._outage.reason}" if self._outage else "open"
        return f"<{type(self).__name__} {self.name} ({state})>"

    # What follows runs in the loop's thread.

    @property
    def deadline(self) -> float | None:
        """When the next paced write is due; for the loop."""
        return self._next_write if self._pacing and self._queue and not self._jammed else None

    def tick(self, now: float) -> None:  # noqa: ARG002 - the loop's way to call
        """Send what is due; for the loop."""
        self._flush()

    def on_writable(self) -> None:
        """Go on sending."""
        self._jammed = False
        self._next_write = max(self._next_write, time.monotonic())
        self._flush()

    def on_lost(self, reason: str) -> None:
        """Enter an outage."""
        transport, loop = self._transport, self._loop
        if transport is None or loop is None or self.closed:
            return
        self._transport = None
        transport.detach()
        now = time.monotonic()
        with self._lock:
            self._outage = outage = Outage(self.name, reason, now, lost=len(self._queue))
            self._queue.clear()
            self._jammed = False
        # An end without a device is lost when this very program closes the other one.
        level = logging.INFO if self._reopen is None else logging.WARNING
        _LOGGER.log(level, "%s is lost: %s", self.name, reason)
        if self._reopen is None:
            transport.dispose()
        else:
            if now - self._since > _STEADY:
                self._pause = _FIRST_PAUSE
            self._opener = threading.Thread(
                target=self._open_again,
                args=(loop, transport, self._reopen),
                name=f"{self.name} (opening)",
                daemon=True,
            )
            self._opener.start()
        self._on_outage(outage)

    def _problem(self, size: int) -> str:
        if self.closed:
            return "is closed"
        if self._loop is None:
            return "has not been started"
        if self._outage is not None:
            return f"is not connected: {self._outage.reason}"
        if len(self._queue) + size > MAX_QUEUE:
            return f"takes no more: {len(self._queue)} bytes are waiting to be sent"
        return ""

    def _begin(self) -> None:
        if self._transport is not None and self._loop is not None:
            self._since = time.monotonic()
            self._transport.attach(self._loop, self)
            if self._pacing:  # nothing else it does has a time
                self._loop.add_timed(self)

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.detach()
        if self._loop is not None:
            self._loop.remove_timed(self)

    def _send_at_once(self, data: bytes) -> int | None:
        """Send what can be sent without a queue, under the lock, and give its size; None where this is no time for it.

        A bridge writes this way, several hundred times per second, and each write, as it wakes others, empties the
        processor's caches: what is gone through behind it costs many times what it seems to.
        """
        transport, loop = self._transport, self._loop
        if transport is None or loop is None or not loop.inside or self.closed:
            return None
        if self._queue or self._pacing or len(data) > MAX_QUEUE:
            return None
        try:
            return transport.send(data)
        except OSError:
            return None  # the long way meets the same error, and knows what to do about it

    def _flush(self) -> None:
        try:
            with self._lock:
                self._send_due()
        except OSError as error:
            self.on_lost(error.strerror or str(error) or type(error).__name__)

    def _send_due(self) -> None:
        """Send what may be sent now, under the lock.

        :raises OSError: if the connection is gone
        """
        while self._queue and self._transport is not None:
            data = bytes(self._queue)
            if self._pacing:
                if self._next_write > time.monotonic():
                    break
                data = data[:_PACED_CHUNK]
            taken = self._transport.send(data)
            del self._queue[:taken]
            if self._pacing:
                self._next_write += taken / BYTES_PER_SECOND
            self._jammed = taken < len(data)
            if self._jammed:
                break

    def _open_again(self, loop: Loop, old: Transport, reopen: Callable[[], Transport]) -> None:
        old.dispose()
        while not self._closing.wait(self._pause):
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            try:
                self._fresh = reopen()
            except PortError as error:
                _LOGGER.debug("%s", error)
            else:
                loop.post(self._adopt)
                return

    def _adopt(self) -> None:
        if self.closed or self._outage is None or self._loop is None or self._fresh is None:
            return
        self._transport, self._fresh = self._fresh, None
        self._since = time.monotonic()
        outage, self._outage = replace(self._outage, ended=self._since), None
        _LOGGER.warning("%s is back after %.1f s", self.name, self._since - outage.began)
        self._transport.attach(self._loop, self)
        self._on_outage(outage)


class SerialPort(Port):
    """A port by pyserial URL: ``/dev/ttyUSB0``, ``COM3``, ``rfc2217://host:port``, ``socket://host:port``, ``loop://``.

    A lost port is opened again, at first at once, then at growing intervals up to 2 s, until it is closed.

    :raises PortError: if it cannot be opened now
    """

    def __init__(self, url: str, *, baud_pacing: bool = False) -> None:
        url = _checked_name(url)
        super().__init__(url, open_serial(url), reopen=lambda: open_serial(url), baud_pacing=baud_pacing)


class PtyPort(Port):
    """The master of a new pty; whoever opens :attr:`path` is at the other end.

    The other end may come, go and come again: the line stays raw, and this is no outage. What is written while nobody
    reads for a second is lost, as on a wire.

    :raises PortError: if the system has no pseudo terminals to give
    """

    def __init__(self, *, baud_pacing: bool = False) -> None:
        master, slave, self.path = _open_pty()
        super().__init__(self.path, PtyTransport(master, slave), baud_pacing=baud_pacing)


class _Pair(Closing):
    """Two ports that are the two ends of one line. A context manager that closes both."""

    def __init__(self, near: Port, far: Port) -> None:
        self.near = near
        self.far = far

    def close(self) -> None:
        """Close both ends."""
        self.near.stop()  # or it would report the other's end as an outage
        self.far.stop()
        self.near.close()
        self.far.close()


class PtyPair(_Pair):
    """Both ends of a new pty in raw mode: what crosses this line passes the kernel's terminal layer.

    :raises PortError: if the system has no pseudo terminals to give
    """

    def __init__(self) -> None:
        master, slave, self.path = _open_pty()
        super().__init__(
            Port(f"{self.path} (master)", FileTransport(master)),
            Port(self.path, FileTransport(slave)),
        )


class MemoryPair(_Pair):
    """Two ends without a device node, for systems without pseudo terminals and for tests.

    :raises PortError: if the system has no sockets to give
    """

    def __init__(self) -> None:
        try:
            near, far = map(FileTransport, socket.socketpair())
        except OSError as error:
            raise PortError(f"no line in memory to be had: {error.strerror or error}") from error
        super().__init__(Port("memory (near)", near), Port("memory (far)", far))


def _ignore(*_: object) -> None:
    """Hear nothing."""


def has_ptys() -> bool:
    """Tell whether this system has pseudo-terminals; whether one is to be had, only trying shows."""
    return hasattr(os, "openpty") and find_spec("termios") is not None


def joined_ends() -> PtyPair | MemoryPair:
    """Give both ends of a new line: of a pseudo-terminal, or in memory on a system that has none to give (Windows)."""
    try:
        return PtyPair()
    except PortError as error:
        _LOGGER.info("the ends are joined in memory: %s", error)
        return MemoryPair()


def checked_line(what: str, line: object) -> Port:
    """Give one end of a line.

    :raises InvalidArgument: if it is none, but the name of one, for example
    """
    if not isinstance(line, Port):
        raise InvalidArgument(f"{what} is a Port, such as open_port('/dev/ttyUSB0'), not {show(line)}")
    return line


def open_port(name: str, *, baud_pacing: bool = False) -> Port:
    """Open a port by name.

    :param name: ``pty`` for a new pseudo terminal (see :class:`PtyPort`), anything else is a pyserial URL
    :param baud_pacing: write no faster than 115200 baud would
    :raises PortError: if it cannot be opened
    """
    name = _checked_name(name)
    return PtyPort(baud_pacing=baud_pacing) if name == "pty" else SerialPort(name, baud_pacing=baud_pacing)


def _checked_name(name: object) -> str:
    named = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(named, str) or not named.strip():
        raise PortError(
            "a port is a device (/dev/ttyUSB0, COM3), a URL (rfc2217://, socket://, loop://) or pty"
        )
    return named


def _open_pty() -> tuple[int, int, str]:
    """Give master, slave and the slave's path of a new pty that changes no byte."""
    try:
        import tty  # here, because not every system has it

        master, slave = os.openpty()
    except (ImportError, AttributeError, OSError) as error:
        raise PortError(
            f"no pseudo-terminal to be had ({error}); serial ports, such as COM3 or /dev/ttyUSB0, work as ever"
        ) from error
    try:
        tty.setraw(slave)
        return master, slave, os.ttyname(slave)
    except OSError as error:
        os.close(master)
        os.close(slave)
        raise PortError(f"the pseudo terminal cannot be set raw ({error})") from error
