"""Expectations at a line that is told late: what they settle on, and which command is theirs.

The records come in the order in which an observer is told of them. Nothing here takes time: what a bench waits for is
told when it waits, and a wait that nothing ends is a failure of the test.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from support.tape import Tape

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, ExpectationFailed, Recorder
from miio_lan.bench.recorder import LONGEST_DELAY, Mark
from miio_lan.record import Record

ON = [{"siid": 2, "piid": 1}]
OTHER = [{"siid": 2, "piid": 2}]
DOWN = "get_properties 2 1"
POLL = 0.2


def value(here: bool) -> list[dict[str, Any]]:
    return [{"siid": 2, "piid": 1, "code": 0, "value": here}]


class Telling(Recorder):
    """Tells the next record whenever somebody waits, and fails where nothing is left to wait for."""

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(**({"clock": clock} if clock is not None else {}))
        self.left: deque[Record] = deque()
        self.patient = False

    def tell(self, records: Iterable[Record]) -> None:
        for record in records:
            self.observe(record)

    def wait(self, look: Callable[[], Any], timeout: float) -> Any:
        while (found := look()) is None and self.left:
            self.observe(self.left.popleft())
        assert found is not None or self.patient, f"waits {timeout} s for nothing"
        return found


@pytest.fixture
def device() -> Iterator[MiotDevice]:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        yield device


def polls(tape: Tape, count: int, *, every: float = POLL) -> Tape:
    """Have the MCU ask for work some times, and get none."""
    for _ in range(count):
        tape.fetch("none").wait(every - 0.02)
    return tape


def another_reads_before(ours: str, theirs: str) -> tuple[Tape, int, int]:
    """Somebody else's line, then ours, one poll later; gives where theirs begins, and ours."""
    tape = polls(Tape(), 3)
    tape.ask(1, "get_properties", ON)
    first = len(tape.records)
    tape.fetch(DOWN).answer(f"result 2 1 0 {theirs}").wait(POLL - 0.04)
    second = len(tape.records)
    tape.fetch(DOWN).answer(f"result 2 1 0 {ours}").reply(1, value(ours == "true"))
    return tape, first, second


def beyond(tape: Tape) -> list[Record]:
    """What comes after the reply by more than the stamps may differ."""
    told = len(tape.records)
    polls(tape.wait(POLL - 0.05), 1)
    return tape.records[told:]


# --- the lines of the reply ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["true", "false"])
@pytest.mark.parametrize("late", [{"up", "down"}, {"up"}, {"down"}])
def test_a_line_that_is_told_late_is_ours_at_the_end_of_the_block(
    device: MiotDevice, theirs: str, late: set[str]
) -> None:
    tape, _, second = another_reads_before("true", theirs)
    ours = tape.records[second:-1]
    recorder = Telling()
    bench = Bench(device, recorder)
    with bench.expect("get_properties", siid=2, piid=1) as exchange:
        recorder.tell(tape.records[:second])
        recorder.tell(record for record in ours if record.direction not in late)
        recorder.tell(tape.records[-1:])  # the reply
        recorder.left.extend(record for record in ours if record.direction in late)
        recorder.left.extend(beyond(tape))
    at_end = exchange.exchange
    assert (exchange.down, exchange.result, exchange.acknowledgement) == tuple(ours[1:])
    assert exchange.stopped_at is None
    recorder.tell(recorder.left)
    assert exchange.exchange.parts == at_end.parts
    assert not exchange.exchange.open


@pytest.mark.parametrize("hears", ["down", "up down"])
def test_only_what_is_heard_is_waited_for_beyond_the_reply(device: MiotDevice, hears: str) -> None:
    tape, _, second = another_reads_before("true", "true")
    recorder = Telling()
    bench = Bench(device, recorder, hears=hears.split())

    def heard(records: list[Record]) -> list[Record]:
        return [each for each in records if each.wire == "lan" or each.direction in hears.split()]

    with bench.expect("get_properties") as exchange:
        recorder.tell(heard(tape.records[:second]))
        recorder.tell(tape.records[-1:])
        recorder.left.extend(heard(tape.records[second:-1]))
        recorder.left.extend(heard(beyond(tape)))
    assert exchange.down is tape.records[second + 1]


def test_a_line_after_which_the_mcu_cannot_have_asked_again_is_ours_at_once(device: MiotDevice) -> None:
    tape = polls(Tape(), 3).ask(1, "get_properties", ON)
    tape.fetch(DOWN).answer("result 2 1 0 true").reply(1, value(True))
    recorder = Telling()
    with Bench(device, recorder).expect("get_properties") as exchange:
        recorder.tell(tape.records)
    assert exchange.stopped_at is None


@pytest.mark.parametrize(("reply_after", "left"), [(0.115, 6), (0.125, 4)])
def test_how_long_a_line_is_surely_the_last(device: MiotDevice, reply_after: float, left: int) -> None:
    """From the line to the reply: less than from poll to poll, by what stamps may differ (0.2 s - 0.05 s)."""
    tape = polls(Tape(), 3).ask(1, "get_properties", ON)
    tape.fetch(DOWN).answer("result 2 1 0 true").wait(reply_after).reply(1, value(True))
    recorder = Telling()
    with Bench(device, recorder).expect("get_properties"):
        recorder.tell(tape.records)
        recorder.left.extend(polls(tape.wait(0.06), 3).records[-6:])
    assert len(recorder.left) == left


@pytest.mark.parametrize(("late", "left"), [(False, 2), (True, 0)])
def test_what_the_product_itself_tells_is_not_waited_for(device: MiotDevice, late: bool, left: int) -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch(DOWN).answer("result 2 1 0 true")
    tape.reply(1, value(True))
    recorder = Telling()
    with Bench(device, recorder, late=late).expect("get_properties"):
        recorder.tell(tape.records)
        recorder.left.extend(beyond(tape))
    assert len(recorder.left) == left


@pytest.mark.parametrize("method", ["miIO.info", "get_properties"])
def test_what_has_no_line_is_not_waited_for(device: MiotDevice, method: str) -> None:
    tape = polls(Tape(), 1).ask(1, method, ON)
    tape.reply(1, {"life": 1}) if method == "miIO.info" else tape.wait(4).reply(1, error=-9999)
    recorder = Telling()
    with Bench(device, recorder).expect(method) as exchange:
        recorder.tell(tape.records)
    assert exchange.parts == ()


def test_lines_that_contradict_the_reply_are_in_doubt(device: MiotDevice) -> None:
    """Ours was lost: what is at hand is given when all was told, and never for sure."""
    tape, first, second = another_reads_before("true", "false")
    recorder = Telling()
    with Bench(device, recorder).expect("get_properties") as exchange:
        recorder.tell(tape.records[:second])
        recorder.tell(tape.records[-1:])
        recorder.left.extend(beyond(tape))
    assert exchange.ambiguous
    assert "the reply does not carry what the MCU answered" in exchange.notes
    assert exchange.down in (None, tape.records[first + 1])


@pytest.mark.parametrize("late_by", [0.0, 0.016, 0.03, 0.045])
def test_an_answer_that_is_stamped_after_its_reply_is_not_passed_over_for_sure(
    device: MiotDevice, late_by: float
) -> None:
    """Adapters hand bytes on when they have collected some: the reply is stamped before the answer it was made of."""
    tape = polls(Tape(), 3).ask(1, "get_properties", ON)
    tape.fetch(DOWN).answer("result 2 1 0 true")
    their_down = tape.records[-3]
    tape.fetch(DOWN).wait(0.001).reply(1, value(True)).wait(late_by - 0.01).answer("result 2 1 0 true")
    recorder = Telling()
    with Bench(device, recorder).expect("get_properties") as exchange:
        recorder.tell(tape.records)
        recorder.left.extend(beyond(tape))
    assert exchange.ambiguous or exchange.down is not their_down


@contextlib.contextmanager
def in_vain(bench: Bench[MiotDevice]) -> Iterator[None]:
    """Expect a command that must not be found."""
    with (
        pytest.raises(ExpectationFailed, match="get_properties did not happen"),
        bench.expect("get_properties", timeout=0),
    ):
        yield


# --- which command it is -------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patient(clock: Clock | None = None) -> Telling:
    recorder = Telling(clock=clock)
    recorder.patient = True
    return recorder


@pytest.mark.parametrize("early", [1, 2, 3])
@pytest.mark.parametrize("afterwards", [False, True])
def test_a_request_may_be_told_after_its_lines(
    device: MiotDevice, clock: Clock, early: int, afterwards: bool
) -> None:
    """The thread that has sent it was kept from telling of it: the line seems to be nobody's at first."""
    tape = polls(Tape(), 2)
    before = len(tape.records)
    tape.ask(1, "get_properties", ON).fetch(DOWN).answer("result 2 1 0 true").reply(1, value(True))
    request, poll, down, result, ok, reply = tape.records[before:]
    recorder = Telling(clock=clock)
    clock.now = tape.records[before].instant - 0.001
    recorder.tell(tape.records[:before])
    with Bench(device, recorder, late=False).expect("get_properties", siid=2, piid=1) as exchange:
        clock.now = tape.now + 0.1
        recorder.tell([poll, down, result, ok][: early + 1])
        on_the_lan = [] if afterwards else [request, reply]
        recorder.left.extend([*on_the_lan[:1], *[down, result, ok][early:], *on_the_lan[1:], *beyond(tape)])
    recorder.tell(recorder.left)
    if afterwards:
        recorder.tell([request, reply])
    found = exchange.exchange
    assert (found.request, found.down, found.result, found.reply) == (request, down, result, reply)
    assert (found.stopped_at, found.open) == (None, False)


def test_a_request_sent_before_the_block_is_not_its_command(device: MiotDevice, clock: Clock) -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch(DOWN).answer("result 2 1 0 true")
    tape.reply(1, value(True))
    recorder = patient(clock)
    bench = Bench(device, recorder, late=False)
    clock.now = tape.records[3].instant  # the request is out, and nobody was told yet
    with in_vain(bench):
        clock.now = tape.now
        recorder.tell(tape.records)
    with bench.expect("get_properties") as exchange:
        told = len(tape.records)
        tape.ask(2, "get_properties", ON).fetch(DOWN).answer("result 2 1 0 true").reply(2, value(True))
        clock.now = tape.now
        recorder.tell(tape.records[told:])
    assert exchange.ids == (2,)


def test_a_line_handed_out_before_the_block_is_not_its_command(device: MiotDevice, clock: Clock) -> None:
    tape = Tape().fetch("none").fetch(DOWN).answer("result 2 1 0 true")
    recorder = patient(clock)
    bench = Bench(device, recorder)
    recorder.tell(tape.records[:3])
    clock.now = tape.records[3].instant + 0.001
    with in_vain(bench):
        clock.now += 0.05
        recorder.tell(tape.records[3:])


def test_a_command_of_before_stays_one_when_it_is_joined_anew(device: MiotDevice) -> None:
    """Its first record becomes another one: a line that is stamped a little before the request."""
    tape = Tape().fetch("none").fetch(DOWN).ask(1, "get_properties", ON).answer("result 2 1 0 true")
    tape.reply(1, value(True))
    request, reply = tape.records[4], tape.records[-1]
    recorder = patient()
    bench = Bench(device, recorder)
    recorder.tell([*tape.records[:2], request, reply])
    assert [each.records[0] for each in bench.exchanges] == [request]
    with in_vain(bench):
        recorder.tell(each for each in tape.records[2:] if each not in (request, reply))
        assert [each.records[0] for each in bench.exchanges] != [request]


def test_what_the_block_settled_on_stays_its_command(device: MiotDevice) -> None:
    tape, _, second = another_reads_before("true", "true")
    recorder = Telling()
    bench = Bench(device, recorder)
    with bench.expect("get_properties") as exchange:
        recorder.tell(tape.records[:second])
        recorder.tell(tape.records[-1:])
        recorder.left.extend(tape.records[second:-1])
        # The same again, by another thread, while the last lines are waited for.
        told = len(tape.records)
        tape.ask(2, "get_properties", ON).wait(POLL)
        tape.fetch(DOWN).answer("result 2 1 0 true").reply(2, value(True))
        recorder.left.extend(tape.records[told:])
        recorder.left.extend(beyond(tape))
    assert exchange.ids == (1,)
    recorder.tell(recorder.left)
    assert exchange.ids == (1,)
    assert [each.ids for each in exchange.exchanges] == [(1,)]


def test_a_test_owns_the_commands_it_sent_whatever_is_joined_to_them(device: MiotDevice) -> None:
    """A line that is stamped before the first record of a test does not take the command with it."""
    tape = (
        Tape().up("get_down").ask(1, "get_properties", ON).answer("result 2 1 0 true").reply(1, value(True))
    )
    early = Tape().wait(0.005).down(f"down {DOWN}").records
    recorder = patient()
    recorder.tell([tape.records[0], *early])
    recorder.begin()
    bench = Bench(device, recorder)
    recorder.tell(tape.records[1:])
    assert [each.ids for each in bench.exchanges] == [(1,)]


def test_marks() -> None:
    assert LONGEST_DELAY == 5.0
    one, two, three = Tape().up("a", "b", "c").records
    delays = {id(two): 0.1, id(three): 0.1}
    mark = Mark(0.015, [one], lambda record: delays.get(id(record)))
    assert [mark.follows(each) for each in (one, two, three)] == [True, True, False]
    for unknown in (
        None,
        5.0,
        -0.1,
    ):  # stamped by another clock: it was told later, that is all that is known
        assert not Mark(0.015, [one], lambda _record, delay=unknown: delay).follows(two)
    assert Mark(0.015, [one], lambda _record: 4.9).follows(two)


def test_what_was_told_is_forgotten_with_the_records() -> None:
    recorder = Recorder(clock=lambda: 1.0)
    (record,) = Tape().up("a").records
    recorder.observe(record)
    recorder.forget()
    assert not recorder.mark().follows(record)


def test_a_line_that_is_told_after_the_end_does_not_become_its_command(
    device: MiotDevice, clock: Clock
) -> None:
    """Somebody else makes the module hand out the same twice; the second time is told when the block is over."""
    tape = (
        Tape().fetch("none").fetch(DOWN).answer("result 2 1 0 true").fetch(DOWN).answer("result 2 1 0 true")
    )
    recorder = patient(clock)
    bench = Bench(device, recorder, late=False)
    with bench.expect("get_properties") as exchange:
        recorder.tell(tape.records[:6])
        clock.now = tape.now
    recorder.tell(tape.records[6:])
    assert exchange.down is tape.records[3]
    assert len(exchange.exchanges) == 2
