from __future__ import annotations

import array
import errno
import logging
import os
import socket
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace

import pytest

from miio_lan.errors import PortError
from miio_lan.loop import Loop
from miio_lan.uart.ports import port as port_module
from miio_lan.uart.ports import transport as transport_module
from miio_lan.uart.ports.port import (
    BYTES_PER_SECOND,
    MAX_QUEUE,
    MemoryPair,
    Outage,
    Port,
    PtyPair,
    PtyPort,
    SerialPort,
    open_port,
)
from miio_lan.uart.ports.transport import FileTransport, PtyTransport, Transport, open_serial

PATIENCE = 100.0  # only ever waited for in full when a test fails
ALL_BYTES = bytes(range(256))


class Sink:
    """Takes what a port reports, and waits for it."""

    def __init__(self) -> None:
        self.reads: SimpleQueue[tuple[bytes, float]] = SimpleQueue()
        self.outages: SimpleQueue[Outage] = SimpleQueue()
        self.stamps: list[float] = []
        self.rest = b""

    def on_data(self, data: bytes, instant: float) -> None:
        self.reads.put((data, instant))

    def take(self, size: int) -> bytes:
        while len(self.rest) < size:
            data, instant = self.reads.get(timeout=PATIENCE)
            self.rest += data
            self.stamps.append(instant)
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def outage(self) -> Outage:
        return self.outages.get(timeout=PATIENCE)


def started(port: Port, loop: Loop | None = None) -> Sink:
    sink = Sink()
    port.start(sink.on_data, on_outage=sink.outages.put, loop=loop)
    return sink


@pytest.fixture(params=[PtyPair, MemoryPair])
def pair(request: pytest.FixtureRequest) -> Iterator[PtyPair | MemoryPair]:
    with request.param() as pair:
        yield pair


class TestBothEnds:
    def test_every_byte_arrives_unchanged_and_nothing_is_echoed(self, pair: PtyPair) -> None:
        near, far = started(pair.near), started(pair.far)
        pair.near.write(ALL_BYTES)
        assert far.take(256) == ALL_BYTES
        pair.far.write(ALL_BYTES[::-1])
        assert near.take(256) == ALL_BYTES[::-1]
        pair.near.write(b"end")
        assert far.take(3) == b"end"
        with pytest.raises(Empty):
            near.reads.get_nowait()

    def test_reads_are_stamped_with_the_monotonic_clock(self, pair: PtyPair) -> None:
        far = started(pair.far)
        started(pair.near)
        before = time.monotonic()
        pair.near.write(b"a")
        far.take(1)
        middle = time.monotonic()
        pair.near.write(b"b")
        far.take(1)
        assert before <= far.stamps[0] <= middle <= far.stamps[1] <= time.monotonic()

    def test_what_was_written_before_the_other_end_reads_is_not_lost(self, pair: PtyPair) -> None:
        started(pair.near)
        pair.near.write(b"early\r")
        assert started(pair.far).take(6) == b"early\r"

    def test_a_writer_is_refused_not_blocked_when_nobody_reads(self, pair: PtyPair) -> None:
        started(pair.near)
        accepted = b""

        def write(block: bytes) -> bytes:
            pair.near.write(block)
            return block

        with pytest.raises(PortError, match="takes no more"):  # noqa: PT012 - whichever write it is
            while len(accepted) < 100 * MAX_QUEUE:
                accepted += write(os.urandom(4096))
        assert len(accepted) >= MAX_QUEUE
        far = started(pair.far)
        assert far.take(len(accepted)) == accepted
        pair.near.write(b"again")
        assert far.take(5) == b"again"

    def test_a_block_beyond_the_queue_is_refused_whole(self, pair: PtyPair) -> None:
        started(pair.near)
        with pytest.raises(PortError):
            pair.near.write(bytes(MAX_QUEUE + 1))
        pair.near.write(b"x")
        assert started(pair.far).take(1) == b"x"

    def test_both_ends_may_share_a_loop(self, pair: PtyPair) -> None:
        loop = Loop("shared")
        far = SimpleQueue[tuple[bytes, str]]()

        def answer(data: bytes, instant: float) -> None:
            far.put((data, threading.current_thread().name))
            pair.far.write(b"answer")

        pair.far.start(answer, loop=loop)
        near = started(pair.near, loop)
        loop.start()
        pair.near.write(b"question")
        assert far.get(timeout=PATIENCE) == (b"question", "shared")
        assert near.take(6) == b"answer"
        pair.close()
        assert loop.call(lambda: 5) == 5
        loop.close()

    def test_what_does_not_go_out_at_once_follows_in_order(self, pair: PtyPair) -> None:
        near = started(pair.near)
        assert near.outages.empty()
        loop = pair.near._loop
        assert loop is not None
        lines = [b"%06d\r" % number * 64 for number in range(120)]  # more than a pty holds

        def say() -> None:
            for line in lines:
                pair.near.write(line)

        loop.call(say)
        assert started(pair.far).take(sum(map(len, lines))) == b"".join(lines)

    def test_an_end_that_goes_away_is_an_outage_of_the_other(self, pair: PtyPair) -> None:
        started(pair.near)
        far = started(pair.far)
        pair.near.close()
        outage = far.outage()
        assert outage.port == pair.far.name
        assert outage.ended is None
        assert pair.far.outage == outage
        with pytest.raises(PortError, match="is not connected"):
            pair.far.write(b"x")
        assert outage.reason in repr(pair.far)

    def test_closing_the_pair_is_no_outage(self, pair: PtyPair, caplog: pytest.LogCaptureFixture) -> None:
        far = started(pair.far)
        started(pair.near)
        pair.close()
        pair.close()
        assert far.outages.empty()
        assert not caplog.records

    def test_what_was_written_before_the_close_is_sent(self, pair: PtyPair) -> None:
        far = started(pair.far)
        started(pair.near)
        pair.near.write(b"last words")
        pair.near.stop()
        assert far.take(10) == b"last words"


class TestLifeCycle:
    def test_a_port_must_be_started_before_it_writes(self) -> None:
        with MemoryPair() as pair, pytest.raises(PortError, match="has not been started"):
            pair.near.write(b"x")

    def test_a_port_starts_once(self) -> None:
        with MemoryPair() as pair:
            started(pair.near)
            with pytest.raises(PortError, match="started before"):
                started(pair.near)

    def test_a_closed_port_refuses(self) -> None:
        with MemoryPair() as pair:
            started(pair.near)
            pair.near.close()
            assert pair.near.closed
            assert "closed" in repr(pair.near)
            with pytest.raises(PortError, match="is closed"):
                pair.near.write(b"x")
            pair.far.close()
            with pytest.raises(PortError, match="is closed"):
                started(pair.far)

    def test_a_port_may_be_closed_by_its_own_callback(self) -> None:
        with MemoryPair() as pair:
            closed = threading.Event()
            pair.near.start(lambda data, instant: (pair.near.close(), closed.set()))
            with pair.far as far:
                started(far)
                far.write(b"x")
                assert closed.wait(PATIENCE)
            for thread in threading.enumerate():
                if thread.name == "miio port memory (near)":
                    thread.join(PATIENCE)

    def test_a_broken_callback_is_logged_and_reading_goes_on(self, caplog: pytest.LogCaptureFixture) -> None:
        with MemoryPair() as pair:
            failed, seen = threading.Event(), SimpleQueue[bytes]()

            def on_data(data: bytes, instant: float) -> None:
                if not failed.is_set():
                    failed.set()
                    raise ZeroDivisionError
                seen.put(data)

            pair.near.start(on_data)
            started(pair.far)
            pair.far.write(b"bad")
            assert failed.wait(PATIENCE)
            pair.far.write(b"good")
            assert seen.get(timeout=PATIENCE) == b"good"
            assert [record.exc_info is not None for record in caplog.records] == [True]


class TestPty:
    def test_a_peer_may_come_go_and_come_again(self) -> None:
        with PtyPort() as port:
            sink = started(port)
            for greeting in (b"first\r", b"second\r\xff\x00\n"):
                peer = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
                os.write(peer, greeting)
                assert sink.take(len(greeting)) == greeting
                port.write(b"ok\r")
                assert os.read(peer, 100) == b"ok\r"
                os.close(peer)
            assert port.outage is None
            assert sink.outages.empty()

    def test_the_name_is_the_path_to_print(self) -> None:
        with open_port("pty") as port:
            assert isinstance(port, PtyPort)
            assert port.name == port.path
            assert Path(port.path).is_char_device()

    def test_pyserial_can_be_the_peer(self) -> None:
        with PtyPort() as port:
            sink = started(port)
            with SerialPort(port.path) as peer:
                seen = started(peer)
                peer.write(b"get_down\r")
                assert sink.take(9) == b"get_down\r"
                port.write(b"down none\r")
                assert seen.take(10) == b"down none\r"

    def test_a_pty_keeps_serving_when_nobody_ever_reads(self) -> None:
        with PtyPort() as port:
            started(port)
            for _ in range(10):
                port.write(b"get_down\r")
            assert port.outage is None


class TestUnreadBytes:
    """What nobody reads is thrown away after a second, so that a late reader is not met by old lines."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
        monkeypatch.setattr(transport_module, "time", clock)
        return clock

    @pytest.fixture
    def line(self, clock: SimpleNamespace) -> Iterator[tuple[PtyTransport, int]]:
        master, slave = os.openpty()
        tty.setraw(slave)
        transport = PtyTransport(master, slave)
        yield transport, slave
        transport.dispose()
        transport.dispose()

    @staticmethod
    def settle(slave: int, size: int) -> None:
        # The kernel moves bytes to the reading side in its own time.
        import fcntl

        unread = array.array("i", [-1])
        end = time.monotonic() + PATIENCE
        while unread[0] != size and time.monotonic() < end:
            fcntl.ioctl(slave, termios.FIONREAD, unread)
        assert unread[0] == size

    def test_old_bytes_go_and_newer_ones_follow_at_once(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        transport, slave = line
        assert transport.send(b"old line\r") == 9
        self.settle(slave, 9)
        clock.now += 0.5
        assert transport.send(b"older\r") == 6
        self.settle(slave, 15)
        clock.now += 0.6
        assert transport.send(b"new\r") == 4
        self.settle(slave, 4)
        clock.now += 0.2
        assert transport.send(b"newer\r") == 6
        self.settle(slave, 6)
        assert os.read(slave, 100) == b"newer\r"

    def test_a_slow_reader_loses_nothing(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        transport, slave = line
        transport.send(b"0123456789")
        self.settle(slave, 10)
        for left in range(9, 0, -1):
            os.read(slave, 1)
            self.settle(slave, left)
            clock.now += 0.9
            assert transport.drop_unread(clock.now) == 0

    def test_what_has_not_arrived_yet_was_not_read(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system is slow: what was written is counted later, which is no progress of a reader."""
        transport, _ = line
        counts = iter([0, 100, 200, 400, 650, 1000, 1000, 950])
        monkeypatch.setattr(PtyTransport, "_unread", lambda self: next(counts))
        for _ in range(5):
            transport.send(b"x" * 200)
            clock.now += 0.1
        assert transport.drop_unread(clock.now) == 0
        clock.now += 0.4
        # Only the first look saw nothing unread: nobody has read for 0.9 s.
        assert transport.drop_unread(clock.now) == 0
        clock.now += 0.05
        assert transport.drop_unread(clock.now) == 0  # 50 were read
        assert transport._progress_at == clock.now

    def test_more_than_a_terminal_counts_is_thrown_away_whole(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        """Beyond 4,095 bytes the count stands still, while what was written grows: that is no progress."""
        transport, slave = line
        for _ in range(20):
            transport.send(b"x" * 1000)  # or less, once the system has enough of it
            clock.now += 0.01
        self.settle(slave, 4095)
        clock.now += 1.0
        assert transport.send(b"new\r") == 4
        self.settle(slave, 4)
        assert os.read(slave, 100) == b"new\r"
        assert transport.send(b"newer\r") == 6
        self.settle(slave, 6)

    def test_a_reader_who_falls_behind_for_less_than_a_second_loses_nothing(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        transport, slave = line
        sent = sum(transport.send(b"x" * 1000) for _ in range(6))
        self.settle(slave, 4095)
        clock.now += 0.9
        got = b""
        while len(got) < 4000:
            got += os.read(slave, 4000 - len(got))
        self.settle(slave, sent - 4000)
        assert transport.drop_unread(clock.now) == 0
        clock.now += 0.9
        assert transport.send(b"z") == 1
        self.settle(slave, sent - 3999)

    def test_a_reader_of_a_flood_is_always_behind_and_loses_nothing(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        """The count stands still, but more was written than can lie there: somebody reads."""
        transport, slave = line
        sent = got = 0
        while sent < 12_000:
            sent += transport.send(b"x" * 1000)
        while sent < 400_000:
            clock.now += 0.009
            got += len(os.read(slave, 1000))
            self.settle(slave, 4095)
            assert transport.drop_unread(clock.now) == 0
            while sent - got < 12_000:
                sent += transport.send(b"x" * 1000)
        while got < sent:
            got += len(os.read(slave, 4096))
        assert got == sent

    def test_a_reader_that_comes_back_is_served_as_before(
        self, line: tuple[PtyTransport, int], clock: SimpleNamespace
    ) -> None:
        transport, slave = line
        transport.send(b"a")
        self.settle(slave, 1)
        clock.now += 5.0
        transport.send(b"bb")
        self.settle(slave, 2)
        assert os.read(slave, 100) == b"bb"
        transport.send(b"ccc")
        self.settle(slave, 3)
        clock.now += 0.9
        transport.send(b"d")
        self.settle(slave, 4)
        assert os.read(slave, 100) == b"cccd"


class TestPacing:
    class Wire(Transport):
        """Takes up to ``room`` bytes and remembers when."""

        def __init__(self, clock: Callable[[], float]) -> None:
            self.clock = clock
            self.sent: list[tuple[float, bytes]] = []
            self.room = 1 << 30

        def attach(self, loop: Loop, listener: object) -> None: ...
        def detach(self) -> None: ...
        def dispose(self) -> None: ...

        def send(self, data: bytes) -> int:
            taken = min(self.room, len(data))
            self.room -= taken
            if taken:
                self.sent.append((self.clock(), data[:taken]))
            return taken

    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Port, Wire, SimpleNamespace]]:
        clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
        monkeypatch.setattr(port_module, "time", clock)
        wire = self.Wire(clock.monotonic)
        loop = Loop("never started")
        with Port("paced", wire, baud_pacing=True) as port:
            port.start(lambda data, instant: None, loop=loop)
            yield port, wire, clock
        loop.close()

    @staticmethod
    def run(port: Port, clock: SimpleNamespace) -> None:
        port.tick(clock.now)
        while port.deadline is not None:
            clock.now = max(clock.now, port.deadline)
            port.tick(clock.now)

    def test_a_line_takes_the_time_it_takes_at_115200_baud(
        self, bench: tuple[Port, Wire, SimpleNamespace]
    ) -> None:
        port, wire, clock = bench
        port.write(bytes(1152))
        self.run(port, clock)
        assert sum(len(data) for _, data in wire.sent) == 1152
        for index, (instant, data) in enumerate(wire.sent):
            assert len(data) <= 16
            assert instant == pytest.approx(100.0 + index * 16 / BYTES_PER_SECOND)

    def test_a_late_wake_up_is_caught_up_with(self, bench: tuple[Port, Wire, SimpleNamespace]) -> None:
        port, wire, clock = bench
        port.write(bytes(320))
        port.tick(clock.now)
        assert len(wire.sent) == 1
        clock.now += 160 / BYTES_PER_SECOND
        port.tick(clock.now)
        assert sum(len(data) for _, data in wire.sent) in {160, 176}

    def test_after_a_pause_there_is_no_burst(self, bench: tuple[Port, Wire, SimpleNamespace]) -> None:
        port, wire, clock = bench
        port.write(b"x")
        self.run(port, clock)
        clock.now += 10.0
        port.write(bytes(64))
        port.tick(clock.now)
        assert [data for instant, data in wire.sent if instant == clock.now] == [bytes(16)]

    def test_a_jam_is_waited_for_without_a_deadline(self, bench: tuple[Port, Wire, SimpleNamespace]) -> None:
        port, wire, clock = bench
        wire.room = 10
        port.write(bytes(40))
        port.tick(clock.now)
        assert port.deadline is None
        clock.now += 5.0
        wire.room = 1000
        port.on_writable()
        self.run(port, clock)
        assert [len(data) for _, data in wire.sent] == [10, 16, 14]


class TestSerialUrl:
    @pytest.fixture
    def adapter(self, tmp_path: Path) -> Iterator[Adapter]:
        adapter = Adapter(tmp_path / "ttyUSB0")
        yield adapter
        adapter.unplug()

    def test_unplugging_and_replugging_is_survived_and_said(self, adapter: Adapter) -> None:
        adapter.plug()
        with SerialPort(str(adapter.path)) as port:
            sink = started(port)
            adapter.say(b"one\r")
            assert sink.take(4) == b"one\r"
            for _ in range(2):
                adapter.unplug()
                outage = sink.outage()
                assert outage.ended is None
                assert outage == port.outage
                with pytest.raises(PortError, match="is not connected"):
                    port.write(b"into the void")
                adapter.plug()
                over = sink.outage()
                assert port.outage is None
                assert over.began == outage.began
                assert over.ended is not None
                assert over.ended >= over.began
                adapter.say(b"two\r")
                assert sink.take(4) == b"two\r"
                port.write(b"three\r")
                assert adapter.hear(6) == b"three\r"

    def test_a_port_can_be_closed_while_it_is_away(self, adapter: Adapter) -> None:
        adapter.plug()
        with SerialPort(str(adapter.path)) as port:
            sink = started(port)
            adapter.unplug()
            sink.outage()
        assert port.closed

    def test_a_port_found_again_while_closing_is_freed(self, adapter: Adapter) -> None:
        adapter.plug()
        found = threading.Event()
        loop = Loop("busy")

        def reopen() -> Transport:
            transport = open_serial(str(adapter.path))
            found.set()
            return transport

        port = Port("found", open_serial(str(adapter.path)), reopen=reopen)
        loop.start()
        sink = started(port, loop)
        adapter.unplug()
        sink.outage()
        # The port is found while its loop is busy closing it, so that nobody takes it over.
        loop.call(lambda: (adapter.plug(), found.wait(PATIENCE), port.close()))
        loop.close()
        assert found.is_set()
        assert sink.outages.empty()

    def test_a_busy_port_is_explained(self, adapter: Adapter) -> None:
        adapter.plug()
        with SerialPort(str(adapter.path)), pytest.raises(PortError, match="another program is using it"):
            SerialPort(str(adapter.path))

    def test_loop_gives_back_what_is_written(self) -> None:
        with open_port("loop://") as port:
            sink = started(port)
            port.write(ALL_BYTES * 40)  # more than the writing thread holds at once
            assert sink.take(256 * 40) == ALL_BYTES * 40

    def test_an_unstarted_port_without_a_file_can_be_closed(self) -> None:
        with SerialPort("loop://") as port:
            assert "open" in repr(port)

    def test_socket_is_read_written_and_connected_again(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            with SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}") as port:
                sink = started(port)
                for index in range(2):
                    connection, _ = server.accept()
                    with connection:
                        if index:
                            assert sink.outage().ended is not None
                        connection.sendall(ALL_BYTES)
                        assert sink.take(256) == ALL_BYTES
                        port.write(b"hello")
                        assert connection.recv(100) == b"hello"
                    assert sink.outage().reason

    # pyserial 3.5 itself uses what Python calls deprecated.
    @pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
    def test_rfc2217_is_read_written_and_its_end_noticed(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            thread = threading.Thread(target=serve_rfc2217, args=(server,))
            thread.start()
            with SerialPort(f"rfc2217://127.0.0.1:{server.getsockname()[1]}") as port:
                sink = started(port)
                port.write(b"get_down\r\xff")
                assert sink.take(10) == b"get_down\r\xff"
                port.write(b"!")
                thread.join(PATIENCE)
                assert sink.outage().ended is None

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("/dev/no-such-port", "no such port: is the adapter plugged in"),
            ("/dev/null", "/dev/null cannot be opened: it is no serial port$"),
            (__file__, "cannot be opened: it is no serial port$"),
            ("socket://127.0.0.1:1", "socket://127.0.0.1:1 cannot be opened: Connection refused$"),
            ("tin-can://x", "protocol 'tin-can' not known"),
            ("socket://", "it lacks the port, as in socket://192.168.1.7:4000"),
            ("socket://nowhere", "it lacks the port"),
            ("socket://nowhere:99999", "it lacks the port"),
            ("RFC2217://127.0.0.1", "it lacks the port, as in rfc2217://192"),
            ("loop://?speed=11", "cannot be opened"),
        ],
    )
    def test_a_port_that_cannot_be_opened_says_why(self, url: str, says: str) -> None:
        with pytest.raises(PortError, match=says):
            open_port(url)

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("tin-can://x", "protocol 'tin-can' not known"),
            ("socket://127.0.0.1:1", "Connection refused$"),
        ],
    )
    def test_what_the_caller_is_dealing_with_is_no_reason(self, url: str, says: str) -> None:
        """A program opens another port where the first one is taken: the errors are two."""
        try:
            raise BlockingIOError(errno.EAGAIN, "the first one is taken")
        except BlockingIOError:
            with pytest.raises(PortError, match=says):
                open_port(url)

    def test_pyserial_missing_is_said_with_the_cure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "serial", None)
        with pytest.raises(PortError, match=r"miio-lan\[serial\]"):
            open_port("/dev/ttyUSB0")

    @pytest.mark.parametrize("name", ["", "  "])
    def test_an_empty_name_is_answered_with_what_there_is(self, name: str) -> None:
        with pytest.raises(PortError, match=r"rfc2217://.* or pty"):
            open_port(name)


class Adapter:
    """A USB adapter that can be pulled out: a device node that leads to a pty while it is plugged in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master: int | None = None

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        if self.master is not None:
            self.path.unlink()
            os.close(self.master)
            self.master = None

    def say(self, data: bytes) -> None:
        assert self.master is not None
        os.write(self.master, data)

    def hear(self, size: int) -> bytes:
        assert self.master is not None
        heard = b""
        while len(heard) < size:
            heard += os.read(self.master, size)
        return heard


def serve_rfc2217(server: socket.socket) -> None:
    """Give one client everything back until it says ``!``."""
    import serial
    from serial.rfc2217 import PortManager

    connection, _ = server.accept()
    with connection, serial.serial_for_url("loop://", timeout=0) as device:
        manager = PortManager(device, SimpleNamespace(write=connection.sendall))
        while data := connection.recv(1024):
            text = b"".join(manager.filter(data))
            if text:
                connection.sendall(b"".join(manager.escape(text)))
            if text.endswith(b"!"):
                break


def test_systems_without_pty_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tty", None)
    with pytest.raises(PortError, match="no pseudo-terminal"):
        open_port("pty")


def test_a_system_without_sockets_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", refuse)
    with pytest.raises(PortError, match=r"^no line in memory to be had: Too many open files$"):
        MemoryPair()


def test_a_pty_that_cannot_be_set_raw_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError("no")

    monkeypatch.setattr(tty, "setraw", refuse)
    with pytest.raises(PortError, match="cannot be set raw"):
        PtyPair()


def test_a_write_into_a_connection_just_gone_is_an_outage() -> None:
    near, far = socket.socketpair()
    loop = Loop("held")
    with Port("half", FileTransport(near)) as port:
        sink = started(port, loop)
        loop.start()
        # The loop's own thread writes before it can read the hang-up.
        loop.call(lambda: (far.close(), port.write(b"x")))
        outage = sink.outage()
        assert outage.lost == 1
        assert outage == port.outage
    assert sink.outages.empty()
    loop.close()


@pytest.mark.parametrize("steady", [-1.0, 1e9])
def test_a_port_is_tried_again_until_it_opens(monkeypatch: pytest.MonkeyPatch, steady: float) -> None:
    monkeypatch.setattr(port_module, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(port_module, "_STEADY", steady)
    near, far = socket.socketpair()
    again, beyond = socket.socketpair()
    answers = iter([PortError("not yet"), PortError("not yet"), FileTransport(again)])

    def reopen() -> Transport:
        answer = next(answers)
        if isinstance(answer, PortError):
            raise answer
        return answer

    with beyond, Port("flaky", FileTransport(near), reopen=reopen) as port:
        data: SimpleQueue[bytes] = SimpleQueue()
        port.start(lambda read, instant: data.put(read))  # nobody asked to be told of outages
        far.close()
        beyond.send(b"x")
        assert data.get(timeout=PATIENCE) == b"x"
        port.write(b"y")
        assert beyond.recv(1) == b"y"


def test_a_read_error_is_an_outage_that_tells_the_system_s_reason() -> None:
    near, far = socket.socketpair()

    def broken(size: int) -> bytes:
        raise OSError(5, "Input/output error")

    transport = FileTransport(near)
    transport._receive = broken
    with far, Port("broken", transport) as port:
        sink = started(port)
        far.send(b"x")
        assert sink.outage().reason == "Input/output error"


def test_a_spurious_wake_up_is_no_outage() -> None:
    near, far = socket.socketpair()
    attempts = iter([BlockingIOError(), InterruptedError()])

    def receive(size: int) -> bytes:
        for error in attempts:
            raise error
        return near.recv(size)

    transport = FileTransport(near)
    transport._receive = receive
    with far, Port("spurious", transport) as port:
        sink = started(port)
        far.send(b"x")
        assert sink.take(1) == b"x"
        assert sink.outages.empty()


def test_the_log_says_that_a_port_is_lost_and_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    adapter = Adapter(tmp_path / "ttyACM0")
    adapter.plug()
    with caplog.at_level(logging.WARNING), SerialPort(str(adapter.path)) as port:
        sink = started(port)
        adapter.unplug()
        sink.outage()
        adapter.plug()
        sink.outage()
    adapter.unplug()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "is lost" in said[0]
    assert "is back" in said[1]
