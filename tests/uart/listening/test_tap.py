from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block
from support.ends import Log

from miio_lan.errors import PortError
from miio_lan.loop import Loop, wall_clock
from miio_lan.record import Record
from miio_lan.uart.conversation import converse
from miio_lan.uart.listening import tap as tap_module
from miio_lan.uart.listening.tap import SWAPPED, Tap
from miio_lan.uart.order import in_order
from miio_lan.uart.ports.port import MemoryPair, Outage, Port, PtyPair
from miio_lan.uart.turns import LATENESS

Pair = PtyPair | MemoryPair


class Wires:
    """The two receive-only wires of a tap, and hands to speak on them."""

    def __init__(self, kind: Callable[[], Pair]) -> None:
        self.up, self.down = kind(), kind()
        for wire in (self.up, self.down):
            wire.near.start(lambda data, instant: None)

    def mcu(self, data: bytes) -> None:
        self.up.near.write(data)

    def module(self, data: bytes) -> None:
        self.down.near.write(data)

    def close(self) -> None:
        self.up.close()
        self.down.close()


@pytest.fixture(params=[PtyPair, MemoryPair])
def wires(request) -> Iterator[Wires]:
    made = Wires(request.param)
    yield made
    made.close()


@pytest.fixture
def log() -> Log:
    return Log()


def test_both_directions_become_records(wires, log) -> None:
    with Tap(log, up=wires.up.far, down=wires.down.far, peer="bench"):
        wires.mcu(b"get_down\r")
        up = log.until_line(b"get_down")
        wires.module(b"down get_properties 2 1\r")
        down = log.until_line(b"down")
        wires.mcu(b"result 2 1 0 5\r")
        result = log.until_line(b"result")
    assert (up.wire, up.direction, up.peer, up.note) == ("uart", "up", "bench", "")
    assert (down.direction, down.instant > up.instant) == ("down", True)
    assert result.reading is not None
    assert result.reading["answers"] == "get_properties"
    assert abs(result.wall - wall_clock(result.instant)) < 60.0


SAID = [
    (b"get_down\r", b"down get_properties 2 1\r", b"result 2 1 0 5\r", b"ok\r"),
    (b"get_down\r", b"down get_properties 2 1\r", b'error "no" -5000\r', b"ok\r"),
    (b"get_down\r", b"down get_properties 2 1\r", b"result 2 1 0 5\r\n", b"ok\r"),
]


def read_together(wires: Wires, reads: list[tuple[str, bytes, float]]) -> list[Record]:
    """Let a tap that was kept from reading find all of it at once, at its two ports."""
    records: list[Record] = []
    with Tap(records.append, up=wires.up.far, down=wires.down.far) as tap:
        tap._loop.call(lambda: [tap._on_data(*read) for read in reads])
    return records


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("apart", [0.0, 0.029])
def test_question_and_answer_that_are_read_at_once_belong_together(
    wires, said: tuple[bytes, ...], apart: float
) -> None:
    """The answer is read first: its port was ready before, by the poll."""
    poll, down, answer, ok = said
    records = read_together(wires, [("up", poll + answer, 10.0), ("down", down + ok, 10.0 + apart)])
    assert [record.raw.replace(b"\n", b"") for record in records[:4]] == [
        each.replace(b"\n", b"") for each in said
    ]
    reading = records[2].reading or {}
    assert reading.get("answers", "get_properties") == "get_properties"
    assert [record.instant for record in records[:4]] == [10.0, 10.0, 10.0, 10.0 + apart]


class Stalled:
    """A tap whose loop turns by hand: each turn is what a busy machine let it read of its two ports, and when."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.wires = Wires(MemoryPair)
        self.tap = Tap(self.records.append, up=self.wires.up.far, down=self.wires.down.far)
        self._now = 0.0

    def turn(self, *reads: tuple[str, bytes, float], slept: bool = False) -> None:
        """Read so much, after a sleep or because it was there at once."""
        loop = self.tap._loop
        loop.turn += 1
        if slept:
            loop.since = reads[0][2]
        for direction, data, self._now in reads:
            self.tap._on_data(direction, data, self._now)
        self.tap.tick(self._now)

    @property
    def heard(self) -> list[tuple[bytes, float]]:
        return [(record.raw, record.instant) for record in self.records]

    @property
    def readings(self) -> list[object]:
        """What each result answers."""
        readings = [record.reading or {} for record in self.records]
        return [reading["answers"] for reading in readings if reading.get("command") == "result"]

    @property
    def answers(self) -> list[str]:
        """The answers of which it is sure what they answer, taken by the module."""
        turns = [each.answer for each in converse(in_order(self.records)).downlinks]
        return [each.text for each in turns if each is not None and each.sure and each.accepted]


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    made = Stalled()
    yield made
    made.wires.close()


GET, ASKED, ANSWER = b"get_down\r", b"down get_properties 2 1\r", b"result 2 1 0 5\r"
#: So long, or longer, a machine keeps a tap from reading.
STALLS = [0.0, 0.049, 0.4]


@pytest.mark.parametrize("seconds", STALLS)
def test_a_question_that_is_read_after_its_answer_without_a_sleep_came_before_it(
    stalled: Stalled, seconds: float
) -> None:
    stalled.turn(("up", GET + ANSWER, 10.0), slept=True)
    assert stalled.records == []
    assert stalled.tap.deadline == 10.0
    stalled.turn(("down", ASKED + b"ok\r", 10.0 + seconds))
    assert stalled.heard == [(GET, 10.0), (ASKED, 10.0), (ANSWER, 10.0), (b"ok\r", 10.0 + seconds)]
    assert stalled.readings == ["get_properties"]
    assert stalled.answers == ["result 2 1 0 5"]


def test_what_is_no_question_bears_the_instant_of_its_read(stalled: Stalled) -> None:
    """It may be the answer to a command of that moment, and was not said before it."""
    stalled.turn(("up", GET, 10.0), slept=True)
    stalled.turn(("down", ASKED, 10.3))
    stalled.turn(("up", ANSWER, 10.4))
    stalled.turn(("down", b"ok\r", 10.5))
    stalled.tap.close()
    assert stalled.heard == [(GET, 10.0), (ASKED, 10.3), (ANSWER, 10.4), (b"ok\r", 10.5)]


def test_an_mcu_that_has_not_asked_for_work_answers_nothing_that_comes(stalled: Stalled) -> None:
    """A late answer, and the poll after it, in one read: what is handed out then is another question."""
    stalled.turn(("up", ANSWER + GET, 10.0), slept=True)
    stalled.turn(("down", b"error\r" + ASKED, 10.01))
    stalled.tap.close()
    assert [raw for raw, _ in stalled.heard] == [ANSWER, GET, b"error\r", ASKED]
    assert stalled.readings == [None]


def test_what_is_read_after_a_sleep_was_said_then(stalled: Stalled) -> None:
    stalled.turn(("up", GET + ANSWER, 10.0), slept=True)
    stalled.turn(("down", ASKED, 10.0 + LATENESS + 0.001), slept=True)
    stalled.tap.close()
    assert stalled.heard == [(GET, 10.0), (ANSWER, 10.0), (ASKED, 10.0 + LATENESS + 0.001)]
    assert stalled.readings == [None]
    assert stalled.answers == []


def test_one_port_alone_is_stamped_as_it_is_read() -> None:
    records: list[Record] = []
    wires = Wires(MemoryPair)
    tap = Tap(records.append, up=wires.up.far)
    assert not tap._loop.exact
    tap._on_data("up", GET, 10.0)
    assert [record.instant for record in records] == [10.0]
    wires.close()


def test_an_answer_to_what_was_read_before_waits_for_nothing(stalled: Stalled) -> None:
    stalled.turn(("up", GET, 10.0), slept=True)
    stalled.turn(("down", ASKED, 10.1), slept=True)
    stalled.turn(("up", ANSWER, 10.2), slept=True)
    assert stalled.heard == [(GET, 10.0), (ASKED, 10.1), (ANSWER, 10.2)]


def test_several_questions_and_answers_of_one_stall_keep_their_order(stalled: Stalled) -> None:
    """What the module said between two questions belongs to the first answer."""
    second, another = b"down get_properties 2 3\r", b"result 2 3 0 7\r"
    stalled.turn(("up", GET + GET + ANSWER + GET + another, 10.0), slept=True)
    notice = b"down MIIO_net_change cloud\r"
    stalled.turn(("down", notice + ASKED + b"ok\r" + second + b"ok\r", 10.049))
    assert [raw for raw, _ in stalled.heard] == [
        *(GET, GET, notice, ASKED, ANSWER, GET, b"ok\r", second, another, b"ok\r")
    ]
    assert stalled.readings == ["get_properties", "get_properties"]
    assert stalled.answers == ["result 2 1 0 5", "result 2 3 0 7"]


@pytest.mark.parametrize("said", [b"ok\r", b"down none\r", b"down MIIO_net_change cloud\r", b"down get_prop"])
def test_what_wants_no_answer_is_no_question(stalled: Stalled, said: bytes) -> None:
    stalled.turn(("up", GET + ANSWER, 10.0), slept=True)
    stalled.turn(("down", said, 10.049))
    assert [raw for raw, _ in stalled.heard] == [GET, ANSWER, *([said] if said.endswith(b"\r") else [])]


def test_a_tap_that_ends_looks_at_an_answer_that_waits(stalled: Stalled) -> None:
    stalled.turn(("up", ANSWER, 10.0), slept=True)
    stalled.tap.close()
    assert [raw for raw, _ in stalled.heard] == [ANSWER]


@pytest.mark.parametrize("first", [b"ok\r", b"down none\r"])
def test_the_order_of_a_direction_stays(wires, first: bytes) -> None:
    reads = [
        ("up", b"result 2 1 0 5\r", 10.0),
        ("down", first, 10.001),
        ("down", b"down get_properties 2 1\r", 10.002),
    ]
    assert [record.raw for record in read_together(wires, reads)] == [data for _, data, _ in reads]


def test_one_port_gives_one_direction(wires, log) -> None:
    with Tap(log, down=wires.down.far) as tap:
        wires.module(b"down none\r")
        assert log.until_line(b"down").direction == "down"
        assert tap.direction == "down"


def test_nothing_is_ever_written(wires, log, monkeypatch) -> None:
    monkeypatch.setattr(wires.up.far, "write", lambda data: pytest.fail("a tap that speaks"))
    with Tap(log, up=wires.up.far):
        wires.mcu(b"get_down\r")
        log.until_line(b"get_down")


def test_what_is_half_read_at_the_end_is_recorded(wires, log) -> None:
    with Tap(log, up=wires.up.far):
        wires.mcu(b"get_down\rget_do")
        log.until_line(b"get_down")
    assert log.until_line(b"get_do").note == "noise, unfinished, lost bytes"


def test_an_unfinished_line_is_given_up_by_the_clock(wires, log) -> None:
    with Tap(log, up=wires.up.far):
        wires.mcu(b"get_down\rget_do")
        log.until_line(b"get_down")
        assert "unfinished" in log.until_line(b"get_do").note


def test_the_direction_of_a_port_is_found_out(wires, log) -> None:
    with Tap(log, either=wires.down.far) as tap:
        assert tap.direction is None
        assert tap.ports == (wires.down.far,)
        wires.module(b"down none\r")
        wires.module(b"ok\r")
        assert log.until_line(b"down none").direction == "down"
        assert log.until_line(b"ok").direction == "down"
        wires.module(b"error\r")
        assert log.until_line(b"error").direction == "down"
        assert tap.direction == "down"
        assert tap.ports == (wires.down.far,)


def test_a_port_that_said_little_is_taken_for_what_it_seems_to_be(wires, log) -> None:
    tap = Tap(log, either=wires.down.far)
    heard = _heard(tap, wires.down.far)
    with tap:
        wires.module(b"down none\r")
        heard()
    assert log.until_line(b"down none").direction == "down"


def test_a_port_that_said_nothing_understandable_is_taken_for_the_mcu(wires, log, monkeypatch) -> None:
    monkeypatch.setattr(tap_module, "MAX_UNDECIDED", 20)
    with Tap(log, either=wires.down.far) as tap:
        wires.module(b"x" * 30)
        wires.module(b"\r")
        assert log.until_line(b"x").direction == "up"
        assert tap.direction == "up"


def _heard(tap: Tap, port: Port) -> Callable[[], Record]:
    """Give a function that waits until the tap has read something from the port."""
    news = Log()
    begin = port.start

    def start(on_data, **more) -> None:
        def both(data: bytes, instant: float) -> None:
            on_data(data, instant)
            news(Record("uart", "up", instant, instant, data))

        begin(both, **more)

    port.start = start  # type: ignore[method-assign]
    return lambda: news.until_line(b"")


def test_swapped_wires_are_noticed(wires, log, caplog) -> None:
    with Tap(log, up=wires.down.far, down=wires.up.far) as tap:
        assert not tap.swapped
        wires.module(b"down none\rok\r")
        mark = log.until_note(SWAPPED)
        assert (mark.direction, mark.raw) == ("up", b"")
        assert tap.swapped
    assert "swapped" in caplog.text


def test_right_wires_are_not(wires, log) -> None:
    with Tap(log, up=wires.up.far, down=wires.down.far) as tap:
        wires.mcu(b"get_down\r" * 5)
        wires.module(b"down none\r" * 5)
        for _ in range(5):
            log.until_line(b"down")
        assert not tap.swapped


def test_a_transfer_in_between_is_marked(wires, log) -> None:
    with Tap(log, up=wires.up.far, down=wires.down.far):
        wires.module(b"ok\r" + block() + b"\x04down none\r")
        assert log.until_note("xmodem").raw == block()
        assert log.until_line(b"down none").note == ""


def test_outages_are_recorded(log) -> None:
    wire = MemoryPair()
    wire.near.start(lambda data, instant: None)
    with wire, Tap(log, up=wire.far):
        wire.near.write(b"get_down\rget_d")
        log.until_line(b"get_down")
        wire.near.close()
        assert log.until_line(b"get_d").note.startswith("noise, unfinished")
        assert log.until_note("outage: the other end hung up").direction == "up"


def test_the_end_of_an_outage_is_recorded_too(log) -> None:
    tap = Tap(log)
    tap._on_outage("down", Outage("x", "gone", 1.0))
    tap._on_outage("down", Outage("x", "gone", 1.0, 3.0))
    assert [log.until_note("outage").instant for _ in range(2)] == [1.0, 3.0]


def test_an_outage_of_an_unknown_port_decides_its_direction(log) -> None:
    wire = MemoryPair()
    wire.near.start(lambda data, instant: None)
    with wire, Tap(log, either=wire.far) as tap:
        wire.near.write(b"down none\r")
        wire.near.close()
        assert log.until_line(b"down none").direction == "down"
        assert log.until_note("outage").direction == "down"
        assert tap.direction == "down"


def test_ports_within_the_program_are_overheard(log) -> None:
    heard: list[bytes] = []
    news = Log()

    def take(data: bytes, instant: float) -> None:
        heard.append(data)
        news(Record("uart", "up", instant, instant, data))

    tap = Tap(log)
    with MemoryPair() as line:
        line.near.start(lambda data, instant: None)
        line.far.start(tap.along("up", take))
        line.near.write(b"get_down\r")
        news.until_line(b"")
    assert heard == [b"get_down\r"]
    assert log.until_line(b"get_down").direction == "up"
    tap.along("down", take)(b"dow", 1.0)
    tap.close()
    assert "unfinished" in log.until_line(b"dow").note


def test_wrong_use(log) -> None:
    with pytest.raises(PortError, match="needs a port"):
        Tap(log).start()
    with MemoryPair() as line:
        with pytest.raises(PortError, match="single one"):
            Tap(log, up=line.near, either=line.far)
        tap = Tap(log, up=line.near)
        with tap, pytest.raises(PortError, match="started before"):
            tap.start()
        tap.close()
        with pytest.raises(PortError, match="closed"):
            tap.start()
        with pytest.raises(PortError, match="is closed"):
            Tap(log, up=line.near).start()


@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b"ok\r", b"down none\r", b"get_down\r"]), max_size=20)
)
def test_a_port_of_unknown_direction_loses_no_byte(chunks) -> None:
    records: list[Record] = []
    with MemoryPair() as line:
        tap = Tap(records.append, either=line.far)
        for place, chunk in enumerate(chunks):
            if chunk:
                tap._on_unknown(chunk, place * 0.01)
        tap.close()
    assert b"".join(record.raw for record in records) == b"".join(chunks)
    assert len({record.direction for record in records}) <= 1


def test_a_tap_that_gets_no_thread_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Loop) -> None:
        raise PortError("miio tap cannot begin: can't start new thread")

    monkeypatch.setattr(Loop, "start", refuse)
    pair = MemoryPair()
    with pytest.raises(PortError, match="cannot begin"), Tap(lambda _: None, up=pair.near, down=pair.far):
        pytest.fail("it did not begin")
    assert (pair.near.closed, pair.far.closed) == (True, True)
