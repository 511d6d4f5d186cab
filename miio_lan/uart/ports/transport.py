"""What a port sends its bytes through while it is connected: a file that can be waited for, or a pyserial object.

A transport lives in the loop of its port and never blocks it. When it is lost it is thrown away; coming back is the
port's business.
"""

from __future__ import annotations

import array
import errno
import importlib
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from miio_lan.errors import PortError
from miio_lan.loop import READ, WRITE, Loop
from miio_lan.uart.document import BAUD_RATE
from miio_lan.uart.ports.remote import keep_looking, what_it_lacks

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Protocol

    class Listener(Protocol):
        """Who wants to know; called in the loop's thread."""

        def on_bytes(self, data: bytes, instant: float, /) -> object:
            """Bytes have been read at ``instant``."""

        def on_writable(self) -> None:
            """There is room again after a short ``send``."""

        def on_lost(self, reason: str) -> None:
            """The connection is gone."""


# Of a read: a third of a second of a line at full speed, and what a pty gives at most. More is only made and thrown
# away again, with every read.
_CHUNK = 4096
# How much a writing thread may hold; the port's own queue is what is really bounded.
_IN_FLIGHT = 4096
# How often a thread that cannot be interrupted looks whether it should end. Data does not wait for it.
_SERIAL_TIMEOUT = 0.25
# A reader that has taken nothing for so long is not there. A line of 512 characters takes 44 ms.
_UNATTENDED_AFTER = 1.0
# What a terminal counts at most as unread (Linux). More lies behind that, but nobody can tell how much.
_MOST_COUNTED = 4095
# What lies in a terminal at most (Linux: 64 KB on its way, 4 KB at the reading end): what was written beyond was read.
_MOST_HELD = 72 << 10
# The system moves what is written to the reading end in its own time, and counts it only there.
_SURELY_ARRIVED_AFTER = 0.2
# How often it is looked whether more has come up from behind what was thrown away: 64 KB at most.
_DROPS = 20

_HINTS: dict[int | None, str] = {
    errno.ENOENT: "no such port: is the adapter plugged in?",
    errno.EACCES: "this user may not open it (on Linux, join the group dialout)",
    errno.EPERM: "this user may not open it (on Linux, join the group dialout)",
    errno.EBUSY: "another program is using it",
    errno.EAGAIN: "another program is using it",
    errno.ENOTTY: "it is no serial port",
}


class Transport(ABC):
    """A connection that is there until it is lost."""

    @abstractmethod
    def attach(self, loop: Loop, listener: Listener) -> None:
        """Begin to read. In the loop's thread."""

    @abstractmethod
    def send(self, data: bytes) -> int:
        """Take as many bytes as there is room for, at once, and say how many. In the loop's thread.

        :raises OSError: if the connection is gone
        """

    @abstractmethod
    def detach(self) -> None:
        """Report nothing any more. In the loop's thread."""

    @abstractmethod
    def dispose(self) -> None:
        """Free everything; may take a moment. Anywhere but in the loop's thread where that matters."""


class FileTransport(Transport):
    """A file descriptor, or a connected stream socket, that a selector can wait for.

    It is closed in the end, unless ``dispose`` says otherwise.
    """

    def __init__(self, file: int | socket.socket, dispose: Callable[[], object] | None = None) -> None:
        self._file = file
        if isinstance(file, int):
            os.set_blocking(file, False)
            self._receive: Callable[[int], bytes] = partial(os.read, file)
            self._send: Callable[[bytes], int] = partial(os.write, file)
            close: Callable[[], object] = partial(os.close, file)
        else:
            file.setblocking(False)
            self._receive, self._send, close = file.recv, file.send, file.close
        self._held = ExitStack()
        self._held.callback(dispose or close)
        self._loop: Loop | None = None

    def attach(self, loop: Loop, listener: Listener) -> None:
        """See :class:`Transport`."""
        self._loop, self._listener = loop, listener
        loop.watch(self._file, self._on_event)

    def send(self, data: bytes) -> int:
        """See :class:`Transport`."""
        try:
            taken = self._send(data)
        except BlockingIOError:
            taken = 0
        if taken < len(data) and self._loop is not None:
            self._loop.change(self._file, READ | WRITE)
        return taken

    def detach(self) -> None:
        """See :class:`Transport`."""
        if self._loop is not None:
            self._loop.unwatch(self._file)
        self._loop = None

    def dispose(self) -> None:
        """See :class:`Transport`."""
        self._held.close()

    def _on_event(self, events: int) -> None:
        if events & READ:
            self._read()
        # Reading may have found that the connection is gone, or its listener may have closed it.
        if events & WRITE and self._loop is not None:
            self._loop.change(self._file, READ)
            self._listener.on_writable()

    def _read(self) -> None:
        try:
            data = self._receive(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._listener.on_lost(error.strerror or str(error))
            return
        instant = time.monotonic()
        if data:
            self._listener.on_bytes(data, instant)
        else:
            self._listener.on_lost("the other end hung up")


class PtyTransport(FileTransport):
    """The master of a pty whose slave is opened, closed and opened again by somebody else.

    We keep a descriptor of the slave ourselves, so that its settings stay and the master never sees a hang-up. The
    price is that the kernel keeps what nobody reads. A wire would not: once nothing has been read for a second, what
    lies there is thrown away before more is written, and whoever opens the slave later is not met by old lines.

    Whether somebody reads shows by what is left. Beyond 4,095 bytes the system does not count: who stays behind by more
    for a second has lost them, as at a real port, unless more was written meanwhile than a terminal can hold.
    """

    def __init__(self, master: int, slave: int) -> None:
        super().__init__(master)
        self._held.callback(os.close, slave)
        self._slave = slave
        self._written = 0
        self._arriving: deque[tuple[float, int]] = deque()  # when, and how much was written by then
        self._arrived = 0
        self._consumed = 0
        self._progress_at = 0.0

    def send(self, data: bytes) -> int:
        """See :class:`Transport`."""
        now = time.monotonic()
        self.drop_unread(now)
        taken = super().send(data)
        self._written += taken
        self._arriving.append((now, self._written))
        return taken

    def drop_unread(self, now: float) -> int:
        """Throw away what has been lying unread for too long; give how many bytes, a lower bound beyond 4,095."""
        unread = self._unread()
        while self._arriving and self._arriving[0][0] <= now - _SURELY_ARRIVED_AFTER:
            self._arrived = self._arriving.popleft()[1]
        # At least: what has not arrived may be among the unread. And who reads a flood is always behind.
        consumed = self._arrived - unread if unread < _MOST_COUNTED else self._written - _MOST_HELD
        if unread == 0 or consumed > self._consumed:
            self._consumed = max(self._consumed, consumed)
            self._progress_at = now
            return 0
        if now - self._progress_at < _UNATTENDED_AFTER:
            return 0
        self._flush()
        self._written = self._arrived = self._consumed = 0
        self._arriving.clear()
        return unread

    def _unread(self) -> int:
        import fcntl  # here, because other systems have neither, nor a pty
        import termios

        count = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]

    def _flush(self) -> None:
        """Empty the line: first what is on its way to the terminal's buffer, then the buffer."""
        import termios

        for _ in range(_DROPS):
            termios.tcflush(self._file, termios.TCOFLUSH)
            termios.tcflush(self._slave, termios.TCIFLUSH)
            if self._unread() == 0:
                break


class ThreadedTransport(Transport):
    """A pyserial object that no selector can wait for: one thread reads it, one writes it."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._loop: Loop | None = None
        self._wanted = threading.Condition()
        self._pending = bytearray()
        self._full = False
        self._ending = False
        self._reader: threading.Thread | None = None
        self._writer: threading.Thread | None = None

    def attach(self, loop: Loop, listener: Listener) -> None:
        """See :class:`Transport`."""
        self._loop, self._listener = loop, listener
        self._reader = self._begin(self._read, f"{loop.name} (reading)")
        self._writer = self._begin(self._write, f"{loop.name} (writing)")

    def send(self, data: bytes) -> int:
        """See :class:`Transport`."""
        with self._wanted:
            taken = min(len(data), _IN_FLIGHT - len(self._pending))
            self._pending += data[:taken]
            self._full = taken < len(data)
            self._wanted.notify()
        return taken

    def detach(self) -> None:
        """See :class:`Transport`."""
        self._loop = None

    def dispose(self) -> None:
        """See :class:`Transport`. What is still pending is written first."""
        with self._wanted:
            self._ending = True
            self._wanted.notify()
        if self._writer is not None:  # it may still need the device
            self._writer.join()
        close_device(self._device)
        if self._reader is not None:
            self._reader.join()

    def _begin(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(work,), name=name, daemon=True)
        thread.start()
        return thread

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - pyserial raises whatever a device closed under it leads to
            self._post(partial(self._listener.on_lost, str(error) or type(error).__name__))

    def _read(self) -> None:
        while not self._ending:
            data: bytes = self._device.read(1)
            instant = time.monotonic()
            if data:
                data += self._device.read(self._device.in_waiting)
                self._post(partial(self._listener.on_bytes, data, instant))

    def _write(self) -> None:
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._pending or self._ending)
                if not self._pending:
                    return
                data = bytes(self._pending)
            self._device.write(data)
            with self._wanted:
                del self._pending[: len(data)]
                full, self._full = self._full, False
            if full:
                self._post(self._listener.on_writable)

    def _post(self, tell: Callable[[], object]) -> None:
        """Tell the listener in the loop's thread, unless it is to hear nothing any more by then."""

        def job() -> None:
            if self._loop is not None:
                tell()

        if (loop := self._loop) is not None:
            loop.post(job)


def open_serial(url: str) -> Transport:
    """Open a pyserial URL (``/dev/ttyUSB0``, ``COM3``, ``rfc2217://``, ``socket://``, ``loop://``) at 115200 8N1.

    :raises PortError: if pyserial is not installed, the URL is none, or the port cannot be opened
    """
    try:
        pyserial = importlib.import_module("serial")
    except ImportError:
        raise PortError(
            f"{url} cannot be opened: serial ports need pyserial; pip install 'miio-lan[serial]'"
        ) from None
    device, handled = None, sys.exception()
    try:
        # Two programs at one port get half of the bytes each, so nobody else is let in.
        device = pyserial.serial_for_url(
            url, do_not_open=True, baudrate=BAUD_RATE, timeout=_SERIAL_TIMEOUT, exclusive=True
        )
        device.open()
    except Exception as error:  # pyserial raises whatever a strange URL leads to
        if device is not None:
            close_device(device)
        raise PortError(
            f"{url} cannot be opened: {what_it_lacks(url, error) or _explained(error, handled)}"
        ) from error
    keep_looking(device)
    if os.name == "posix":
        with suppress(OSError):  # io.UnsupportedOperation: rfc2217:// and loop:// have none
            return FileTransport(device.fileno(), partial(close_device, device))
    return ThreadedTransport(device)


def close_device(device: Any) -> None:
    """Close a pyserial object for good."""
    # pyserial forgets to close its socket when the peer was gone before.
    connection = getattr(device, "_socket", None)
    with suppress(Exception):
        device.close()
    if connection is not None:
        connection.close()


def _explained(error: Exception, handled: BaseException | None) -> str:
    """Say why a port was not opened.

    :param handled: what the caller was dealing with already; it is the context of an error that has none of its own
    """
    cause = error.__context__ if error.__context__ is not handled else None
    # pyserial has the system's own words in brackets, or names the port once more before them.
    number = _number_of(error) or _number_of(cause)
    return _HINTS.get(number) or (os.strerror(number) if number else str(error))


def _number_of(error: BaseException | None) -> int | None:
    """Give the system's number for an error; None for one that has none, as from looking up a name."""
    number = getattr(error, "errno", None)
    if number is None and error is not None and type(error).__module__ == "termios" and error.args:
        number = error.args[0]
    return number if isinstance(number, int) and number > 0 else None
