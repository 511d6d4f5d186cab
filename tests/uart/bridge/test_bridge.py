from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest
from support.blocks import block
from support.ends import PATIENCE, Log

from miio_lan.errors import InvalidArgument, PortError
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.bridge.faults import DROPPED, NOT_FORWARDED, SENT, Fault, delivered
from miio_lan.uart.ports.port import MemoryPair, Port, PtyPair

Pair = PtyPair | MemoryPair


class End:
    """One of the two machines, with bare hands."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.reads: SimpleQueue[bytes] = SimpleQueue()
        self.unread = b""
        port.start(lambda data, instant: self.reads.put(data))

    def say(self, data: bytes | str) -> None:
        self.port.write(data.encode() + b"\r" if isinstance(data, str) else data)

    def hears(self, size: int = 0) -> bytes:
        """Give the next bytes: so many, or a line with its CR."""
        while (len(self.unread) < size) if size else (b"\r" not in self.unread):
            self.unread += self.reads.get(timeout=PATIENCE)
        end = size or self.unread.index(b"\r") + 1
        taken, self.unread = self.unread[:end], self.unread[end:]
        return taken


class Bench:
    """Module and MCU, and the bridge between them."""

    def __init__(self, kind: Callable[[], Pair], *faults: str | Fault) -> None:
        self.lines = (kind(), kind())
        self.log = Log()
        self.module, self.mcu = (End(line.far) for line in self.lines)
        self.bridge = Bridge(
            self.lines[0].near, self.lines[1].near, observer=self.log, faults=faults, peer="bench"
        )

    def close(self) -> None:
        self.bridge.close()
        for line in self.lines:
            line.close()


@contextmanager
def bench(*faults: str | Fault, kind: Callable[[], Pair] = MemoryPair) -> Iterator[Bench]:
    made = Bench(kind, *faults)
    try:
        with made.bridge:
            yield made
    finally:
        made.close()


@pytest.mark.parametrize("kind", [PtyPair, MemoryPair])
def test_what_one_says_the_other_hears_and_all_is_recorded(kind) -> None:
    with bench(kind=kind) as at:
        at.mcu.say("get_down")
        assert at.module.hears() == b"get_down\r"
        at.module.say("down get_properties 2 1")
        assert at.mcu.hears() == b"down get_properties 2 1\r"
        at.mcu.say("result 2 1 0 5")
        assert at.module.hears() == b"result 2 1 0 5\r"
        at.module.say("ok")
        assert at.mcu.hears() == b"ok\r"
        records = [at.log.until_line(b"") for _ in range(4)]
    assert [record.direction for record in records] == ["up", "down", "up", "down"]
    assert all(record.peer == "bench" and not record.note and delivered(record) for record in records)
    assert records[2].reading is not None
    assert records[2].reading["answers"] == "get_properties"


def test_bytes_are_not_held_until_the_end_of_a_line() -> None:
    with bench() as at:
        for byte in b"get":
            at.mcu.say(bytes([byte]))
            assert at.module.hears(1) == bytes([byte])


@pytest.mark.parametrize("kind", [PtyPair, MemoryPair])
def test_every_byte_goes_through_unchanged(kind) -> None:
    everything = bytes(range(256)) * 4
    with bench(kind=kind) as at:
        at.mcu.say(everything)
        at.module.say(everything + block())
        assert at.module.hears(len(everything)) == everything
        assert at.mcu.hears(len(everything) + 133) == everything + block()


def test_the_latency_it_adds_is_measured() -> None:
    with bench() as at:
        at.mcu.say("get_down")
        at.module.hears()
        at.log.until_line(b"get_down")
        assert at.bridge.latency["up"].count >= 1
        assert at.bridge.latency["up"].worst > 0
        assert at.bridge.latency["down"].count == 0
        assert at.bridge.forwarded == {"up": 9, "down": 0}


def test_it_works_unobserved() -> None:
    with MemoryPair() as one, MemoryPair() as other:
        module, mcu = End(one.far), End(other.far)
        with Bridge(one.near, other.near, faults=["drop result action x1"]) as bridge:
            mcu.say("get_down")
            module.hears()
            module.say("down action 2 1")
            mcu.hears()
            mcu.say("result 2 1 0")
            mcu.say("get_down")
            assert module.hears() == b"get_down\r"
            assert bridge.injected == {"drop result action x1": 1}


def test_drop() -> None:
    with bench("drop result x1") as at:
        at.mcu.say("result 1 1 0")
        at.mcu.say("result 2 2 0")
        assert at.module.hears() == b"result 2 2 0\r"
        record = at.log.until_line(b"result 1")
        assert (record.note, delivered(record)) == (DROPPED, False)
        assert at.log.until_line(b"result 2").note == ""


def test_delay() -> None:
    with bench("delay 30ms get_down x1") as at:
        at.mcu.say("get_down")
        assert at.module.hears() == b"get_down\r"
        record = at.log.until_line(b"get_down")
        assert record.note == "held back for 0.03 s by the bridge"
        assert delivered(record)
        assert at.bridge.latency["up"].count == 0


def test_alter() -> None:
    with bench("alter get_properties: s/2 1/2 9/") as at:
        at.module.say("down get_properties 2 1")
        assert at.mcu.hears() == b"down get_properties 2 9\r"
        assert not delivered(at.log.until_line(b"down get_properties 2 1"))
        assert at.log.until_line(b"down get_properties 2 9").note == SENT


def test_duplicate() -> None:
    with bench("duplicate get_down x1") as at:
        at.mcu.say("get_down")
        assert [at.module.hears(), at.module.hears()] == [b"get_down\r"] * 2


def test_answers_in_place_of_the_mcu() -> None:
    with bench("answer get_properties 2.1: result 2 1 -4001") as at:
        at.mcu.say("get_down")
        at.module.hears()
        at.module.say("down get_properties 2 1")
        assert at.module.hears() == b"result 2 1 -4001\r"
        at.module.say("ok")
        at.mcu.say("get_down")
        at.module.hears()
        at.module.say("down none")
        assert at.mcu.hears() == b"down none\r"
        answer = at.log.until_line(b"result")
        assert answer.reading is not None
        assert (answer.reading["answers"], answer.note) == ("get_properties", SENT)
        reply = at.log.until_line(b"ok")
        assert reply.reading is not None
        assert (reply.reading["answers"], reply.note) == ("result", DROPPED)


def test_answers_in_place_of_the_module() -> None:
    with bench("answer net x1: local") as at:
        at.mcu.say("net")
        assert at.mcu.hears() == b"local\r"
        at.mcu.say("net")
        assert at.module.hears() == b"net\r"
        assert at.log.until_line(b"local").note == SENT


def test_faults_come_and_go() -> None:
    with bench() as at:
        at.bridge.inject("drop get_down", Fault("drop", "net"))
        assert [str(fault) for fault in at.bridge.faults] == ["drop get_down", "drop net"]
        at.mcu.say("get_down")
        at.log.until_line(b"get_down")
        at.bridge.repair()
        at.mcu.say("get_down")
        assert at.module.hears() == b"get_down\r"
        assert at.bridge.injected == {"drop get_down": 1}


def test_what_is_held_back_at_the_end_still_goes_on() -> None:
    with bench("delay 60s result") as at:
        at.mcu.say("result 1 1 0")
        at.mcu.say("get_down")
        at.module.say("down none")
        at.mcu.hears()
        while at.bridge._loop.call(lambda: at.bridge._interference._lanes["up"].size) < 22:
            pass
        at.bridge.close()
        assert at.module.hears() == b"result 1 1 0\r"
        assert at.module.hears() == b"get_down\r"


def test_an_end_that_is_gone_is_told_and_costs_only_what_was_for_it(caplog) -> None:
    with bench() as at:
        at.lines[0].far.close()
        assert at.log.until_note("outage").direction == "down"
        at.mcu.say("get_down")
        record = at.log.until_line(b"get_down")
        assert record.note == NOT_FORWARDED
        at.mcu.say("get_down")
        at.log.until_line(b"get_down")
        assert at.bridge.lost == 18
        assert caplog.text.count("not forwarded") == 1


def test_the_end_of_an_outage_is_told() -> None:
    from miio_lan.uart.ports.port import Outage

    with bench() as at:
        at.bridge._loop.call(lambda: at.bridge._on_outage("up", Outage("x", "gone", 1.0, 2.0)))
        assert at.log.until_note("outage over").instant == 2.0


def test_wrong_use() -> None:
    with MemoryPair() as one, MemoryPair() as other:
        with pytest.raises(InvalidArgument):
            Bridge(one.near, other.near, faults=["lose result"])
        bridge = Bridge(one.near, other.near)
        with bridge, pytest.raises(PortError, match="started before"):
            bridge.start()
        bridge.close()
        with pytest.raises(PortError, match="is closed"):
            bridge.start()
        with pytest.raises(PortError, match="is closed"):
            Bridge(one.near, other.near).start()
        Bridge(one.near, other.near).close()
