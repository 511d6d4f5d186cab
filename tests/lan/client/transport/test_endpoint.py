"""The socket of a loop: what is kept until there is room, what is read at one time, and who hears of refusals."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from support.closed import closed_port

from miio_lan.errors import DeviceException, UnsupportedFeatureException
from miio_lan.lan.client.transport import endpoint as module
from miio_lan.lan.client.transport.endpoint import BURST, Endpoint

A, B = ("127.0.0.1", 1), ("127.0.0.1", 2)


class Loop:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.readers: dict[Any, Callable[[], None]] = {}
        self.writers: dict[Any, Callable[[], None]] = {}
        self.soon: list[Callable[[], None]] = []

    def add_reader(self, sock: Any, callback: Callable[[], None]) -> None:
        self.readers[sock] = callback

    def add_writer(self, sock: Any, callback: Callable[[], None]) -> None:
        self.writers[sock] = callback

    def remove_reader(self, sock: Any) -> None:
        self.readers.pop(sock, None)

    def remove_writer(self, sock: Any) -> None:
        self.writers.pop(sock, None)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def is_closed(self) -> bool:
        return False


class Socket:
    """Gives what it is told to give."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.fails: list[BaseException] = []
        self.arrived: list[Any] = []
        self.refusals: list[tuple[Any, OSError]] = []
        self.options: list[tuple[int, int, int]] = []
        self.closed = False

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.options.append((level, name, value))

    def sendto(self, datagram: bytes, address: Any) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((datagram, address))

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        if not self.arrived:
            raise BlockingIOError
        found = self.arrived.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found, A

    def close(self) -> None:
        self.closed = True


class Box:
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.refused: list[OSError] = []

    def receive(self, datagram: bytes, now: float) -> None:
        self.received.append(datagram)

    def unreachable(self, error: OSError, now: float) -> None:
        self.refused.append(error)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[Endpoint, Socket, Loop]:
    sock, loop = Socket(), Loop()
    monkeypatch.setattr(module.socket, "socket", lambda family, kind, protocol: sock)

    def read_refusals(_: object) -> list[tuple[Any, OSError]]:
        found, sock.refusals = sock.refusals, []
        return found

    monkeypatch.setattr(module, "read_refusals", read_refusals)
    endpoint = Endpoint(loop, socket.AF_INET, None)  # type: ignore[arg-type]
    return endpoint, sock, loop


def test_a_large_receive_buffer_is_asked_for(made: Any) -> None:
    _, sock, _ = made
    assert (socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024) in sock.options


def test_what_there_is_no_room_for_is_sent_later_in_order(made: Any) -> None:
    endpoint, sock, loop = made
    sock.fails = [BlockingIOError()]
    assert endpoint.send(b"1", A) is None
    assert endpoint.send(b"2", B) is None  # not before the first
    assert sock.sent == []
    sock.fails = [BlockingIOError()]
    loop.writers[sock]()
    assert sock.sent == []
    loop.writers[sock]()
    assert sock.sent == [(b"1", A), (b"2", B)]
    assert loop.writers == {}


def test_a_refusal_that_belongs_to_another_does_not_stop_a_datagram(made: Any) -> None:
    endpoint, sock, loop = made
    other, own = Box(), Box()
    endpoint.join(B, other)
    endpoint.join(A, own)
    sock.fails, sock.refusals = [ConnectionRefusedError()], [(B, ConnectionRefusedError())]
    assert endpoint.send(b"1", A) is None
    assert sock.sent == [(b"1", A)]
    loop.soon[0]()
    assert (len(other.refused), len(own.refused)) == (1, 0)


def test_an_address_that_cannot_be_sent_to_is_told(made: Any) -> None:
    endpoint, sock, _ = made
    sock.fails = [OSError(101, "no route"), OSError(101, "no route")]
    error = endpoint.send(b"1", A)
    assert error is not None
    assert error.errno == 101


def test_one_that_could_not_be_sent_later_is_told_to_its_box(made: Any) -> None:
    endpoint, sock, loop = made
    box = Box()
    endpoint.join(A, box)
    sock.fails = [BlockingIOError(), OSError(101, "no route"), OSError(101, "no route")]
    endpoint.send(b"1", A)
    loop.writers[sock]()
    assert [error.errno for error in box.refused] == [101]
    assert loop.writers == {}


def test_a_burst_is_read_in_parts(made: Any) -> None:
    endpoint, sock, loop = made
    box = Box()
    endpoint.join(A, box)
    sock.arrived = [b"x"] * (BURST + 10)
    loop.readers[sock]()
    assert len(box.received) == BURST == 64
    loop.readers[sock]()
    assert len(box.received) == BURST + 10


def test_an_error_while_reading_costs_no_datagram(made: Any) -> None:
    endpoint, sock, loop = made
    box, other = Box(), Box()
    endpoint.join(A, box)
    endpoint.join(B, other)
    sock.arrived, sock.refusals = [b"1", ConnectionRefusedError(), b"2"], [(B, ConnectionRefusedError())]
    loop.readers[sock]()
    assert box.received == [b"1", b"2"]
    assert len(other.refused) == 1


def test_after_a_refusal_what_waits_is_sent_still(made: Any) -> None:
    endpoint, sock, loop = made
    sock.fails = [BlockingIOError()]
    endpoint.send(b"1", A)
    loop.writers.clear()  # as a loop on libuv gives up both
    sock.refusals = [(B, ConnectionRefusedError())]
    loop.readers[sock]()
    loop.writers[sock]()
    assert sock.sent == [(b"1", A)]


def test_refusals_alone_are_read(made: Any) -> None:
    endpoint, sock, loop = made
    box = Box()
    endpoint.join(A, box)
    sock.refusals = [(A, ConnectionRefusedError()), (B, ConnectionRefusedError())]
    loop.readers[sock]()
    assert len(box.refused) == 1


def test_strangers_are_counted(made: Any) -> None:
    endpoint, sock, loop = made
    endpoint.join(B, box := Box())
    sock.arrived = [b"x"]
    loop.readers[sock]()
    assert endpoint.strangers == 1
    assert box.received == []


def test_the_last_who_leaves_closes_it(made: Any) -> None:
    endpoint, sock, loop = made
    boxes = Box(), Box()
    endpoint.join(A, boxes[0])
    endpoint.join(B, boxes[1])
    assert endpoint.has(A)
    endpoint.leave(A)
    assert not endpoint.has(A)
    assert not sock.closed
    endpoint.leave(B)
    assert sock.closed
    assert loop.readers == {}
    assert endpoint.send(b"1", A) is None
    assert sock.sent == []


def test_a_child_leaves_the_socket_and_the_loop_to_its_parent() -> None:
    loop, heard = Loop(), Box()
    endpoint = Endpoint(loop, socket.AF_INET, "127.0.0.1")  # type: ignore[arg-type]
    sock = endpoint._socket
    with (
        socket.socket(fileno=os.dup(sock.fileno())) as parents,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device,
    ):
        device.bind(("127.0.0.1", 0))
        parents.settimeout(60)
        endpoint.join(device.getsockname(), heard)
        loop.add_writer(sock, endpoint._write)
        endpoint.split_off()
        device.sendto(b"told", parents.getsockname())
        assert parents.recv(10) == b"told"
        loop.readers[sock]()
        loop.writers[sock]()
        endpoint.leave(device.getsockname())
        assert (len(loop.readers), len(loop.writers)) == (1, 1)  # an epoll knows both processes' sockets
        assert sock.fileno() > 0  # no other socket gets the number that the loop knows
        assert endpoint.closed
        assert endpoint.send(b"x", device.getsockname()) is None
        assert heard.received == []
        sock.close()


def test_a_child_without_room_for_a_file_closes_its_own(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, sock, loop = made

    def none_left(*_: object) -> None:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(module.socket, "socket", none_left)
    endpoint.split_off()
    assert (endpoint.closed, sock.closed, len(loop.readers)) == (True, True, 1)


def test_one_who_is_forgotten_is_not_kept(made: Any) -> None:
    endpoint, sock, _ = made
    endpoint.join(A, Box())
    assert not endpoint.has(A)
    endpoint.look()
    assert sock.closed


def test_a_box_that_closes_it_while_it_is_read(made: Any) -> None:
    endpoint, sock, loop = made

    class Closing(Box):
        def receive(self, datagram: bytes, now: float) -> None:
            super().receive(datagram, now)
            endpoint.leave(A)

    box = Closing()
    endpoint.join(A, box)
    sock.arrived = [b"1", b"2"]
    loop.readers[sock]()
    assert box.received == [b"1"]


def test_no_more_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module.socket, "socket", none)
    with pytest.raises(DeviceException, match="Too many open files"):
        Endpoint(Loop(), socket.AF_INET, None)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells whom a refusal is about")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_system_tells_which_address_refused(family: socket.AddressFamily, host: str) -> None:
    told: asyncio.Event = asyncio.Event()

    class Refused(Box):
        def unreachable(self, error: OSError, now: float) -> None:
            super().unreachable(error, now)
            told.set()

    async def work(address: Any) -> None:
        endpoint = Endpoint(asyncio.get_running_loop(), family, None)
        box = Refused()
        endpoint.join(address, box)
        endpoint.send(b"x", address)
        await told.wait()
        assert isinstance(box.refused[0], ConnectionRefusedError)
        endpoint.leave(address)

    with ExitStack() as stack:
        try:
            address = stack.enter_context(closed_port(host, family=family))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        asyncio.run(work(address), debug=True)


class LikeLibuv(asyncio.SelectorEventLoop):
    """Watches a socket no more once it has an error, as loops on libuv do (uvloop)."""

    def add_reader(self, sock: Any, callback: Callable[..., Any], *args: Any) -> None:
        def called() -> None:
            looked_at = select.poll()
            looked_at.register(sock, 0)
            if looked_at.poll(0):
                self.remove_reader(sock)
            callback(*args)

        super().add_reader(sock, called)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a socket is told of no refusals")
def test_a_refusal_does_not_make_a_loop_deaf_that_gives_up_sockets_with_errors() -> None:
    class Waited(Box):
        def __init__(self) -> None:
            super().__init__()
            self.told = asyncio.Event()

        def receive(self, datagram: bytes, now: float) -> None:
            super().receive(datagram, now)
            self.told.set()

        def unreachable(self, error: OSError, now: float) -> None:
            super().unreachable(error, now)
            self.told.set()

    async def refused_and_heard(peer: socket.socket, nobody: Any) -> list[bytes]:
        endpoint = Endpoint(asyncio.get_running_loop(), socket.AF_INET, None)
        gone, there = Waited(), Waited()
        endpoint.join(nobody, gone)
        endpoint.join(peer.getsockname(), there)
        endpoint.send(b"anybody?", nobody)
        async with asyncio.timeout(100):
            await gone.told.wait()
            endpoint.send(b"you?", peer.getsockname())
            peer.sendto(b"yes", peer.recvfrom(100)[1])
            await there.told.wait()
        endpoint.close()
        return there.received

    with (
        closed_port() as nobody,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        asyncio.Runner(loop_factory=LikeLibuv) as runner,
    ):
        peer.bind(("127.0.0.1", 0))
        assert runner.run(refused_and_heard(peer, nobody)) == [b"yes"]


def test_a_loop_that_cannot_watch_sockets_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proactor(Loop):
        def add_reader(self, sock: Any, callback: Callable[[], None]) -> None:
            opened.append(sock)
            raise NotImplementedError

    opened: list[socket.socket] = []
    with pytest.raises(UnsupportedFeatureException, match=r"asyncio\.Runner\(loop_factory=asyncio\.Selector"):
        Endpoint(Proactor(), socket.AF_INET, None)  # type: ignore[arg-type]
    assert opened[0].fileno() == -1
