"""Lines at other computers: loss and return of a server, silent losses, pseudo-terminals behind ser2net."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from types import SimpleNamespace

import pytest

from miio_lan.errors import PortError
from miio_lan.record import Record
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import Outage, SerialPort, open_port
from miio_lan.uart.ports.remote import (
    IGNORE_CONTROL,
    LOOK_AFTER,
    LOOK_EVERY,
    LOOKS,
    LOST_AFTER,
    keep_looking,
    what_it_lacks,
)

PATIENCE = 60.0  # only ever waited for in full when a test fails
ALL_BYTES = bytes(range(256))
SER2NET = shutil.which("ser2net", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_ser2net = pytest.mark.skipif(SER2NET is None, reason="ser2net is not installed")
# pyserial 3.5 itself uses what Python calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


class Sink:
    """Takes what a port reports."""

    def __init__(self, port: SerialPort) -> None:
        self._reads: SimpleQueue[bytes] = SimpleQueue()
        self._outages: SimpleQueue[Outage] = SimpleQueue()
        port.start(lambda data, _instant: self._reads.put(data), on_outage=self._outages.put)

    def take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            taken += self._reads.get(timeout=PATIENCE)
        return taken

    def outage(self) -> Outage:
        return self._outages.get(timeout=PATIENCE)

    @property
    def silent(self) -> bool:
        try:
            self._reads.get_nowait()
        except Empty:
            return True
        return False


class Ser2net:
    """A pseudo-terminal behind ser2net, which can end and come back at the same port."""

    def __init__(self, accepter: str) -> None:
        self._accepter = accepter
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        connector = f"serialdev(nouucplock=true),{os.ttyname(self._slave)},115200n81,local"
        rows = (
            f"connection: &line#  accepter: {self._accepter},127.0.0.1,{self.port}",
            f"  connector: {connector}",
            "  options:",
            "    max-connections: 10",
        )
        options = [word for row in rows for word in ("-Y", row)]
        self._process = subprocess.Popen(
            [SER2NET or "", "-d", "-n", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert self._process.poll() is None, "ser2net ended"
                assert time.monotonic() < deadline, "ser2net does not listen"
                threading.Event().wait(0.02)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def ser2net() -> Iterator[Callable[[str], Ser2net]]:
    servers: list[Ser2net] = []

    def start(accepter: str) -> Ser2net:
        servers.append(Ser2net(accepter))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


RFC2217 = "telnet(rfc2217,mode=server),tcp"


def test_the_numbers() -> None:
    assert (LOOK_AFTER, LOOK_EVERY, LOOKS, LOST_AFTER) == (5, 2, 3, 11)
    assert IGNORE_CONTROL == "ign_set_control"


@needs_ser2net
@pytest.mark.parametrize(
    ("accepter", "url"),
    [(RFC2217, "rfc2217://127.0.0.1:{}?ign_set_control"), ("tcp", "socket://127.0.0.1:{}")],
)
def test_all_bytes_cross_and_a_server_that_ends_and_comes_back_is_an_outage_and_its_end(
    accepter: str, url: str, ser2net: Callable[[str], Ser2net]
) -> None:
    server = ser2net(accepter)
    with SerialPort(url.format(server.port)) as port:
        sink = Sink(port)
        await_connection(port, server)
        os.write(server.master, ALL_BYTES)
        assert sink.take(256) == ALL_BYTES
        port.write(ALL_BYTES)
        assert read_exactly(server.master, 256) == ALL_BYTES
        server.stop()
        assert sink.outage().ended is None
        assert port.outage is not None
        with pytest.raises(PortError, match="is not connected"):
            port.write(b"lost")
        server.start()
        outage = sink.outage()
        assert outage.ended is not None
        assert outage.ended > outage.began
        await_connection(port, server)
        assert sink.silent
        os.write(server.master, ALL_BYTES)
        assert sink.take(256) == ALL_BYTES
        port.write(b"get_down\r")
        assert read_exactly(server.master, 9) == b"get_down\r"


@needs_ser2net
def test_a_tap_marks_the_outage_of_a_remote_line_in_its_recording(ser2net: Callable[[str], Ser2net]) -> None:
    server = ser2net("tcp")
    seen: SimpleQueue[Record] = SimpleQueue()
    with Tap(seen.put, up=open_port(f"socket://127.0.0.1:{server.port}")):
        speak_until_heard(server, seen)
        server.stop()
        began = next_but(seen, "get_down")
        server.start()
        ended = next_but(seen, "get_down")
        assert began.note == "outage: the other end hung up"
        assert ended.note == "outage over"
        speak_until_heard(server, seen)


@needs_ser2net
def test_a_pseudo_terminal_behind_ser2net_wants_an_option_and_the_error_names_it(
    ser2net: Callable[[str], Ser2net],
) -> None:
    server = ser2net(RFC2217)
    url = f"rfc2217://127.0.0.1:{server.port}"
    with pytest.raises(PortError) as caught:
        open_port(url)
    said = str(caught.value)
    assert said == (
        f"{url} cannot be opened: its server does not set modem lines (timeout while waiting for option 'control'); "
        f"a pseudo-terminal has none, then write {url}?ign_set_control"
    )
    with open_port(said.split()[-1]) as port:
        assert port.outage is None


def await_connection(port: SerialPort, server: Ser2net) -> None:
    """Wait until ser2net has opened its end: what is said at the line before that is lost."""
    port.write(b"?")
    assert read_exactly(server.master, 1) == b"?"


def speak_until_heard(server: Ser2net, seen: SimpleQueue[Record]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        os.write(server.master, b"get_down\r")
        try:
            assert seen.get(timeout=0.2).text == "get_down"
        except Empty:
            continue
        return
    raise AssertionError("nothing was heard")


def next_but(seen: SimpleQueue[Record], text: str) -> Record:
    while (record := seen.get(timeout=PATIENCE)).text == text:
        pass
    return record


def read_exactly(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, size - len(data))
    return data


NO_CONTROL = Exception("timeout while waiting for option 'control'")


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("rfc2217://pi:4000", NO_CONTROL, "write rfc2217://pi:4000?ign_set_control"),
        ("rfc2217://pi:4000?timeout=9", NO_CONTROL, "write rfc2217://pi:4000?timeout=9&ign_set_control"),
        ("rfc2217://pi:4000?ign_set_control", NO_CONTROL, None),
        ("rfc2217://pi:4000", Exception("timeout while waiting for option 'baudrate'"), None),
        ("socket://pi:4000", NO_CONTROL, None),
        ("/dev/ttyUSB0", NO_CONTROL, None),
        ("SOCKET://pi", Exception("odd"), "it lacks the port, as in socket://192.168.1.7:4000"),
    ],
)
def test_what_a_url_lacks(url: str, error: Exception, says: str | None) -> None:
    found = what_it_lacks(url, error)
    if says is None:
        assert found == ""
    else:
        assert found.endswith(says)


def test_a_computer_that_falls_silent_is_looked_for() -> None:
    with socket.socket() as connection:
        keep_looking(SimpleNamespace(_socket=connection))
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        for name, value in {
            "TCP_KEEPIDLE": 5,
            "TCP_KEEPINTVL": 2,
            "TCP_KEEPCNT": 3,
            "TCP_USER_TIMEOUT": 11000,
        }.items():
            if hasattr(socket, name):
                assert connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
    keep_looking(SimpleNamespace(_socket=connection))  # closed meanwhile
    keep_looking(SimpleNamespace())
    keep_looking(SimpleNamespace(_socket=None))


def test_an_open_port_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    monkeypatch.setattr("miio_lan.uart.ports.transport.keep_looking", looked.append)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}"),
    ):
        assert len(looked) == 1
        server.accept()[0].close()
