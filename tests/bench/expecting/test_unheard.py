"""What must not happen, where nobody could hear it: that is never taken for "it did not happen"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from support.tape import Tape

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, ExpectationFailed, Recorder
from miio_lan.bench.expecting.never import LONGEST_LAG
from miio_lan.bench.recorder import RECORDS_BEFORE
from miio_lan.record import Record
from miio_lan.record.marks import LINE_ENDS
from miio_lan.uart.ports.remote import LOST_AFTER

LOST = "outage: the other end hung up"
BACK = "outage over"
GAP = "gap: some bytes were lost"

Direction = Literal["up", "down"]


class Still(Recorder):
    """Waits for nothing: all is told, at its time."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: self.now)
        self.now = 0.0

    def tell(self, tape: Tape) -> None:
        for record in tape.records:
            self.now = record.instant
            self.observe(record)
        tape.records.clear()
        self.now = tape.now

    def wait(self, look: Callable[[], Any], timeout: float) -> Any:
        return look()


@pytest.fixture
def recorder() -> Still:
    return Still()


@pytest.fixture
def tape(recorder: Still) -> Tape:
    """A line that was heard for some time."""
    tape = Tape().wait(1).fetch("none").wait(0.2).fetch("none").wait(0.2)
    recorder.tell(tape)
    return tape


@pytest.fixture
def make(recorder: Still) -> Iterator[Callable[..., Bench[MiotDevice]]]:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        yield lambda *hears: Bench(device, recorder, hears=hears or ("up", "down"))


def lost(tape: Tape, direction: Direction, note: str = LOST) -> Tape:
    tape.records.append(Record("uart", direction, tape.now, tape.now, b"", note=note))
    return tape.wait(0.01)


def says(what: str) -> Any:
    return pytest.raises(ExpectationFailed, match=f"cannot be known: {what}")


# --- who is not heard --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hears", "what", "direction", "why"),
    [
        ("down", "properties_changed", None, "the MCU was not heard$"),
        ("down", "result 2 1", None, "the MCU was not heard$"),
        ("down", "properties_changed", "up", "the MCU was not heard$"),
        ("up", "down set_properties", None, "the module was not heard$"),
        ("up", "ok", None, "the module was not heard$"),
        ("up", "anything", "down", "the module was not heard$"),
        ("", "properties_changed", None, "the MCU was not heard$"),
        ("", None, None, "the MCU and the module were not heard$"),
        ("down", re.compile("properties_changed"), None, "the MCU was not heard; direction= tells"),
        ("up", "error", None, "the module was not heard; direction= tells"),
        ("up", lambda _record: False, None, "the module was not heard; direction= tells"),
    ],
)
def test_a_line_that_nobody_could_hear(
    recorder: Still, make: Callable[..., Bench[MiotDevice]], hears: str, what: Any, direction: Any, why: str
) -> None:
    bench = make(*hears.split()) if hears else Bench(make().device, recorder, hears=())
    recorder.tell(Tape().wait(1).fetch("none"))
    with (
        pytest.raises(ExpectationFailed, match=re.compile(f"cannot be known: {why}", re.MULTILINE)),
        bench.uart.expect_none(what, direction=direction),
    ):
        pass


@pytest.mark.parametrize(
    ("hears", "what", "criteria"),
    [
        ("up", "properties_changed", {}),
        ("up", None, {"command": "event_occured"}),
        ("up", re.compile("properties_changed"), {"direction": "up"}),
        ("down", "down", {}),
        ("down", None, {"direction": "down"}),
        ("up down", None, {}),
    ],
)
def test_a_line_that_would_have_been_heard(
    recorder: Still, make: Callable[..., Bench[MiotDevice]], hears: str, what: Any, criteria: dict[str, Any]
) -> None:
    bench = make(*hears.split())
    with bench.uart.expect_none(what, **criteria):
        recorder.now += 1


def test_what_was_heard_all_the_same_comes_first(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]]
) -> None:
    with (
        pytest.raises(ExpectationFailed, match="was not to happen, and did"),
        make("down").uart.expect_none(re.compile("^down set_properties")),
    ):
        recorder.tell(tape.down("down set_properties 2 1 true"))


def test_an_error_in_the_block_is_not_replaced(make: Callable[..., Bench[MiotDevice]]) -> None:
    with pytest.raises(ZeroDivisionError), make("down").uart.expect_none("properties_changed"):
        raise ZeroDivisionError


# --- when nobody heard anything ------------------------------------------------------------------------------------


def outage_in_it(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    yield
    lost(tape, direction)
    tell()
    yield


def outage_over_in_it(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    lost(tape, direction)
    tell()
    yield
    lost(tape.wait(0.1), direction, BACK)
    tell()
    yield


def outage_all_the_time(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    lost(tape, direction)
    tell()
    yield
    yield


def outage_within_it(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    yield
    lost(lost(tape, direction).wait(0.1), direction, BACK)
    tell()
    yield


def end_of_what_is_known(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    yield
    lost(tape, direction, LINE_ENDS)
    tell()
    yield


def gap_in_it(tape: Tape, tell: Callable[[], None], direction: Direction) -> Iterator[None]:
    yield
    lost(tape, direction, GAP)
    tell()
    yield


BREAKS = [
    outage_in_it,
    outage_over_in_it,
    outage_all_the_time,
    outage_within_it,
    end_of_what_is_known,
    gap_in_it,
]


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_break_of_the_line(
    recorder: Still,
    tape: Tape,
    make: Callable[..., Bench[MiotDevice]],
    broken: Callable[..., Iterator[None]],
    direction: Direction,
) -> None:
    bench = make()
    word = {"up": "event_occured", "down": "down"}[direction]
    for expect_none in (lambda: bench.uart.expect_none(word), lambda: bench.expect_none("action")):
        steps = broken(tape, lambda: recorder.tell(tape), direction)
        next(steps)
        with says("the (MCU|module|line) was not heard all the time"), expect_none():
            next(steps)
        recorder.tell(lost(tape, direction, BACK).wait(0.1).fetch("none").wait(0.1))


@pytest.mark.parametrize("note", [LOST, GAP])
def test_a_break_before_the_block(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]], note: str
) -> None:
    bench = make()
    recorder.tell(lost(lost(tape, "up", note).wait(0.1), "up", BACK).wait(0.1).fetch("none").wait(0.1))
    with bench.uart.expect_none("event_occured"), bench.expect_none("action"):
        recorder.tell(tape.fetch("none"))


def test_a_break_of_the_other_direction(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]]
) -> None:
    with make().uart.expect_none("event_occured"):
        recorder.tell(lost(tape, "down").fetch("none"))


def test_a_break_of_what_nobody_listens_to(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]]
) -> None:
    with make("down").expect_none("action"):
        recorder.tell(lost(tape, "up"))


def test_an_outage_that_is_found_out_after_the_block(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(look: Callable[[], Any], timeout: float) -> Any:
        recorder.tell(lost(tape.wait(0.1), "up"))
        return look()

    never = make().expect_none("action")
    never.__enter__()
    recorder.tell(tape.wait(1))
    monkeypatch.setattr(recorder, "wait", wait)
    with says("the MCU was not heard all the time"):
        never.__exit__(None, None, None)


def test_a_gap_of_the_lan(recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]]) -> None:
    bench = make()
    with bench.uart.expect_none("event_occured"):
        recorder.tell(tape.lan_gap())
    recorder.tell(tape.ask(1, "miIO.info").reply(1))
    with bench.expect_none("action"):
        recorder.tell(tape.fetch("none"))
    with says("the LAN was not heard all the time"), bench.expect_none("action"):
        recorder.tell(tape.lan_gap())


def test_an_outage_outlasts_the_test_it_began_in(
    recorder: Still, tape: Tape, make: Callable[..., Bench[MiotDevice]]
) -> None:
    def much_later() -> None:
        for _ in range(RECORDS_BEFORE):
            recorder.tell(tape.down("down none").wait(0.1))
        recorder.begin()

    recorder.tell(lost(tape, "up"))
    much_later()
    much_later()
    assert recorder.records == []
    with says("the MCU was not heard all the time"), make().uart.expect_none("event_occured"):
        recorder.tell(tape.down("down none"))
    recorder.tell(lost(tape, "up", BACK).wait(0.1))
    much_later()
    assert len(recorder.look()[0]) == RECORDS_BEFORE
    with make().uart.expect_none("event_occured"):
        recorder.tell(tape.fetch("none"))


# --- receivers at other computers, whose loss shows late -------------------------------------------------------------


class Remote(Still):
    """Hears by a receiver at another computer, and is told of what is kept for it when that is waited for."""

    def __init__(self, later: Tape | None = None) -> None:
        super().__init__()
        self.loss_shows_after = LOST_AFTER
        self.later = later
        self.waited: list[float] = []

    def wait(self, look: Callable[[], Any], timeout: float) -> Any:
        self.waited.append(timeout)
        if timeout > LONGEST_LAG and self.later is not None:
            self.tell(self.later)
        return look()


def blocks(recorder: Remote, device: MiotDevice) -> Iterator[Any]:
    bench = Bench(device, recorder, hears=("up", "down"))
    yield from (bench.uart.expect_none("event_occured"), bench.expect_none("action"))


def heard_for_a_while() -> Tape:
    return Tape().wait(1).fetch("none").wait(0.2).fetch("none").wait(0.2)


@pytest.mark.parametrize("number", [0, 1])
def test_a_remote_line_that_is_dead_proves_nothing(number: int) -> None:
    recorder = Remote()
    recorder.tell(heard_for_a_while())
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        block = list(blocks(recorder, device))[number]
        with says("the MCU was not heard all the time"), block:
            recorder.now += 3
            dead = Tape()
            dead.now = recorder.now + 9
            recorder.later = lost(dead, "up")
    assert recorder.waited[-1] == LOST_AFTER + LONGEST_LAG


@pytest.mark.parametrize("number", [0, 1])
def test_a_remote_line_that_is_silent_and_not_lost_was_heard(number: int) -> None:
    recorder = Remote()
    recorder.tell(heard_for_a_while())
    with MiotDevice("127.0.0.1", "0" * 32) as device, list(blocks(recorder, device))[number]:
        recorder.now += 3
    assert recorder.waited[-1] == LOST_AFTER + LONGEST_LAG


def test_whoever_is_heard_after_the_block_was_heard_in_it() -> None:
    recorder = Remote()
    recorder.tell(heard_for_a_while())
    look: list[Any] = []
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        block = Bench(device, recorder, hears=("up", "down")).uart.expect_none("event_occured")
        block.__enter__()
        recorder.now += 3
        speaking = Tape()
        speaking.now = recorder.now + 0.5
        recorder.later = speaking.up("get_down")
        wait = recorder.wait
        recorder.wait = lambda what, timeout: look.append(wait(what, timeout))  # type: ignore[method-assign]
        block.__exit__(None, None, None)
    assert look[-1] is True  # one word of the MCU is enough


def test_a_line_at_this_computer_is_not_waited_for_so_long() -> None:
    recorder = Remote()
    recorder.loss_shows_after = 0.0
    recorder.tell(heard_for_a_while())
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        for block in blocks(recorder, device):
            with block:
                recorder.now += 3
    assert set(recorder.waited) == {LONGEST_LAG}
