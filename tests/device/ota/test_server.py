"""The file server at real sockets: who is served, who is not, and what it costs to be attacked."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from miio_lan.device.ota import server as module
from miio_lan.device.ota.server import MAX_CONNECTIONS, FileServer, ServerRoute, route_to
from miio_lan.errors import DeviceException, InvalidArgument, PortError
from miio_lan.loop import Loop

BODY = bytes(range(256)) * 4096
HERE = ServerRoute("127.0.0.1", "127.0.0.1")
OTHER = "127.0.0.2"
PATIENCE = 100.0


class Watched(FileServer):
    """Tells those who wait for its counts whenever it has served a socket."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._news = threading.Condition()
        self._told = self.served()

    def _on_arrival(self, _events: int) -> None:
        super()._on_arrival(_events)
        self._tell()

    def _serve(self, *arguments: Any) -> None:
        super()._serve(*arguments)
        self._tell()

    def _tell(self) -> None:
        with self._news:
            self._told = self._served.copy()
            self._news.notify_all()

    def waited_for(self, **counts: int) -> bool:
        """Wait until so much was counted."""
        with self._news:
            return self._news.wait_for(
                lambda: all(getattr(self._told, name) >= count for name, count in counts.items()), PATIENCE
            )


@pytest.fixture
def server() -> Iterator[Watched]:
    with Watched(BODY, HERE, name="fw.bin") as made:
        yield made


def is_ours(address: str) -> bool:
    with contextlib.closing(socket.socket()) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return False
    return True


second_address = pytest.mark.skipif(not is_ours(OTHER), reason=f"{OTHER} is no address of this system")


def path_of(server: FileServer) -> str:
    return urlsplit(server.url).path


def connect(server: FileServer, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((server.address, server.port), PATIENCE, (source, 0))


def say(sock: socket.socket, path: str, *headers: str, method: str = "GET") -> None:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


def everything(sock: socket.socket) -> bytes:
    """Read to the end, however the other side ends it."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


def get(
    server: FileServer, *, source: str = "127.0.0.1", path: str | None = None, **headers: str
) -> tuple[int, bytes]:
    client = http.client.HTTPConnection(server.address, server.port, PATIENCE, (source, 0))
    with contextlib.closing(client):
        client.request("GET", path or path_of(server), headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read()


def test_the_device_gets_the_file(server: FileServer) -> None:
    assert get(server) == (200, BODY)
    assert get(server, Range="bytes=1000-1999") == (206, BODY[1000:2000])
    served = server.served()
    assert (served.requests, served.ranges, served.complete) == (2, 1, True)


def test_one_connection_serves_many_ranges(server: FileServer) -> None:
    client = http.client.HTTPConnection(server.address, server.port, PATIENCE)
    with contextlib.closing(client):
        got = b""
        for at in range(0, len(BODY), 100_000):
            client.request("GET", path_of(server), headers={"Range": f"bytes={at}-{at + 99_999}"})
            got += client.getresponse().read()
    assert got == BODY
    assert server.served().complete


def test_the_path_cannot_be_guessed() -> None:
    urls = set()
    for _ in range(3):
        with FileServer(b"x", HERE, name="fw.bin") as each:
            urls.add(path_of(each))
            assert each.url not in repr(each)
    assert len(urls) == 3
    assert all(len(path) >= len("/fw.bin") + 22 for path in urls)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("fw.bin", "/fw.bin"),
        ("", "/firmware.bin"),
        ("../../etc/pass wd", "/etcpasswd"),
        ("ä%?#&.bin", "/bin"),
        ("x" * 300, "/" + "x" * 32),
    ],
)
def test_a_files_name_is_made_harmless(name: str, end: str) -> None:
    with FileServer(b"x", HERE, name=name) as server:
        assert server.url.endswith(end)
        assert len(server.url) < 256
        assert get(server) == (200, b"x")


@pytest.mark.parametrize(
    "path",
    ["/", "/fw.bin", "/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/.git/config"],
)
def test_guesses_and_traversal_get_nothing(server: FileServer, path: str) -> None:
    assert get(server, path=path) == (404, b"")
    assert (server.served().strays, server.served().requests) == (1, 0)


@second_address
def test_another_address_gets_nothing_even_with_the_path(server: FileServer) -> None:
    with connect(server, OTHER) as sock:
        say(sock, path_of(server))
        answer = everything(sock)
    assert answer in (b"", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    served = server.served()
    assert (served.requests, served.sent, served.strangers, served.stranger) == (0, 0, 1, OTHER)
    assert get(server) == (200, BODY)


@second_address
def test_a_device_behind_another_address_is_served_there() -> None:
    with FileServer(BODY, ServerRoute("127.0.0.1", OTHER)) as server:
        assert get(server, source=OTHER) == (200, BODY)
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert get(server)[0] == 403


@second_address
def test_many_strangers_do_not_keep_the_device_out(server: Watched) -> None:
    with contextlib.ExitStack() as open_ones:
        for _ in range(5 * MAX_CONNECTIONS):
            with contextlib.suppress(OSError):
                open_ones.enter_context(connect(server, OTHER))
        assert server.waited_for(strangers=1)
        assert get(server) == (200, BODY)


def test_many_half_open_connections_do_not_keep_the_device_out(server: FileServer) -> None:
    with contextlib.ExitStack() as open_ones:
        for _ in range(5 * MAX_CONNECTIONS):
            sock = open_ones.enter_context(connect(server))
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /")
        assert get(server) == (200, BODY)
        assert len(server._guests) <= MAX_CONNECTIONS


def test_slow_readers_hold_a_bounded_number_of_places(server: Watched) -> None:
    with contextlib.ExitStack() as open_ones:
        for number in range(MAX_CONNECTIONS):
            sock = socket.socket()
            open_ones.enter_context(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((server.address, server.port))
            say(sock, path_of(server))
            assert server.waited_for(requests=number + 1)
        with connect(server) as late:
            assert everything(late) == b""
        assert len(server._guests) == MAX_CONNECTIONS
    assert server.waited_for(broken=MAX_CONNECTIONS)
    assert get(server) == (200, BODY)


def test_a_slow_reader_does_not_hold_up_a_fast_one(server: Watched) -> None:
    with connect(server) as slow:
        say(slow, path_of(server))
        assert server.waited_for(requests=1)
        assert get(server) == (200, BODY)
        assert len(everything_of(slow, len(BODY))) >= len(BODY)


def everything_of(sock: socket.socket, least: int) -> bytes:
    data = b""
    while len(data) < least and (piece := sock.recv(65536)):
        data += piece
    return data


def test_a_reader_that_resets_is_forgotten(server: Watched) -> None:
    sock = connect(server)
    say(sock, path_of(server))
    assert server.waited_for(requests=1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    assert server.waited_for(broken=1)
    assert server._guests == []


def test_the_answer_reaches_who_has_said_all(server: FileServer) -> None:
    with connect(server) as sock:
        say(sock, path_of(server), "Connection: close")
        sock.shutdown(socket.SHUT_WR)
        assert everything(sock).endswith(BODY)


def test_closing_ends_everything(server: Watched) -> None:
    with connect(server) as idle, connect(server) as reading:
        say(reading, path_of(server))
        assert server.waited_for(requests=1)
        server.close()
        server.close()
        assert everything(idle) == b""
        assert len(everything(reading)) < len(BODY) + 1000
    with pytest.raises(OSError):
        connect(server)
    assert not any(each.name == "miio file server" for each in threading.enumerate())


def test_a_port_that_is_taken_is_told(server: FileServer) -> None:
    second = FileServer(BODY, HERE, port=server.port)
    with pytest.raises(DeviceException, match=f"cannot serve the file at 127.0.0.1 port {server.port}"):
        second.start()
    second.close()


def test_a_server_that_gets_no_thread_listens_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Loop) -> None:
        raise PortError("no thread")

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "start", refuse)
        server = FileServer(BODY, HERE)
        with pytest.raises(DeviceException, match="no thread"):
            server.start()
    with FileServer(BODY, HERE, port=server.port):
        pass


def test_a_port_may_be_chosen(server: FileServer) -> None:
    port = server.port
    server.close()
    with FileServer(BODY, HERE, port=port) as again:
        assert again.port == port
        assert f"http://127.0.0.1:{port}/" in again.url


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "fe80::1", "lamp", "127.0.0.1:80", ""])
def test_addresses_that_no_device_could_use(address: str) -> None:
    with pytest.raises(InvalidArgument):
        FileServer(b"x", HERE, address=address)


def test_an_address_of_another_computer_is_told() -> None:
    server = FileServer(b"x", HERE, address="192.0.2.1")
    with pytest.raises(DeviceException, match=r"cannot serve the file at 192\.0\.2\.1"):
        server.start()
    server.close()


def test_the_route_names_both_ends() -> None:
    assert route_to("127.0.0.1", 54321) == HERE
    with pytest.raises(DeviceException, match="no way to localhost: it is no address"):
        route_to("localhost", 54321)
    if is_ours(OTHER):
        assert route_to("127.0.0.1", 54321, OTHER) == ServerRoute(OTHER, "127.0.0.1")
    with pytest.raises(DeviceException, match=r"cannot send from '192\.0\.2\.1'"):
        route_to("127.0.0.1", 54321, "192.0.2.1")


def test_no_way_to_a_device_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind_to(sock: Any, source_ip: str) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(module, "bind_to", bind_to)
    with pytest.raises(DeviceException, match=r"no way to 127\.0\.0\.1: Network is unreachable"):
        route_to("127.0.0.1", 54321, "127.0.0.1")


def test_ipv6_where_there_is_some() -> None:
    try:
        server = FileServer(BODY, route_to("::1", 54321))
        server.start()
    except DeviceException:
        pytest.skip("no IPv6 here")
    with contextlib.closing(server):
        assert server.url.startswith(f"http://[::1]:{server.port}/")
        assert get(server, source="::1") == (200, BODY)
