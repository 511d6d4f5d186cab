"""Days of a session's life, in simulated time: what it keeps stays small, and what happens is survived."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from support.link import DEVICE_ID, TOKEN, Link

from miio_lan.errors import DeviceException, DeviceTimeout, OutcomeUnknown
from miio_lan.lan.client.ids import MAX_ID
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.client.repeating.repeats import is_running_since
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import HELLO, decode, encode

HOUR, DAY = 3600.0, 86400.0
POLL = 10.0


def ids(link: Link, method: str = "") -> list[int]:
    """The ids of all requests that were sent, in order, and of one method where it is given."""
    payloads = [decode(datagram, TOKEN).payload for _, datagram in link.sent if datagram != HELLO]
    return [each["id"] for each in payloads if isinstance(each, dict) and method in ("", each["method"])]


def hellos(link: Link) -> int:
    return sum(datagram == HELLO for _, datagram in link.sent)


def kept(session: Session) -> dict[str, int]:
    """What a session keeps while nothing is open, by table."""
    calls, inbox = session._calls, session.pushes
    return {
        "open": len(calls.all) + len(calls.by_id) + len(calls.checks) + len(session.line),
        "afoot": len(calls.afoot._copies),
        "questions": len(session.memory._asked),
        "unread pushes": len(inbox.arrived),
        "push ids": len(inbox._seen),
        "push marks": len(inbox._marks),
        "methods": len(session._round_trips._by_method),
        "kinds dropped": len(session.dropped),
        "output": len(session._output) + len(session._told),
    }


#: The most that may be in each of them.
BOUNDS = {
    "open": 0,
    "afoot": 64,
    "questions": 17,
    "unread pushes": 1000,
    "push ids": 1000,
    "push marks": 1000,
    "methods": 256,
    "kinds dropped": 32,
    "output": 0,
}


def assert_small(session: Session) -> None:
    session.take_ended()
    too_many = {name: count for name, count in kept(session).items() if count > BOUNDS[name]}
    assert too_many == {}


def week(polls_a_day: int) -> Iterator[tuple[int, bool]]:
    """Numbers of polls over seven days, sampled: a stretch of each day, and whether it is the last of the day."""
    for number in range(7 * polls_a_day):
        yield number, number % polls_a_day == polls_a_day - 1


def test_a_week_of_polls_with_restarts_and_loss() -> None:
    rng = random.Random(11)
    link = Link(fate=lambda _: [] if rng.random() < 0.02 else [0.002])
    failures = 0
    for number, evening in week(150):
        try:
            link.call("get_prop", ["power"]).outcome()
        except DeviceException:
            failures += 1
        link.session.take_ended()
        link.pass_time(POLL)
        if number % 40 == 17:
            link.restart(link.now - rng.uniform(0, 5))
        if evening:
            assert_small(link.session)
            link.pass_time(DAY - 150 * POLL)
    assert failures == 0
    sent = ids(link)
    assert 0 not in sent
    assert len(set(sent)) == len(sent)
    # One for each restart and each day, those that go with a resend, and those that were lost.
    assert hellos(link) < 250


def test_a_device_that_is_silent_for_a_week_leaves_nothing_behind() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    hellos_before = hellos(link)
    for _, evening in week(60):
        with pytest.raises(DeviceTimeout):
            link.call("get_prop", ["power"]).outcome()
        link.session.take_ended()
        link.pass_time(POLL)
        if evening:
            assert_small(link.session)
    # 20 s each: hellos are spaced ever wider, up to 4 s, and one goes with each resend.
    assert hellos(link) - hellos_before <= 7 * 60 * 14
    link.deaf = False
    began = link.now
    assert link.call("get_prop", ["power"]).outcome()
    assert link.now - began < 0.1


def test_commands_of_unknown_outcome_leave_little_behind() -> None:
    link = Link()
    link.call("get_prop")
    for _ in range(300):
        link.deaf = True
        with pytest.raises(OutcomeUnknown):
            link.call("toggle", []).outcome()
        link.session.take_ended()
        link.deaf = False
        link.call("get_prop").outcome()
        link.pass_time(HOUR / 2)
    assert_small(link.session)


def test_ids_wrap_at_31_bits_and_pass_0_over() -> None:
    link = Link(start_id=MAX_ID - 200)
    for _ in range(400):
        assert link.call("get_prop", ["power"]).outcome()
        link.pass_time(POLL)
    sent = ids(link, "get_prop")
    assert all(0 < number <= 0x7FFF_FFFF for number in sent)
    assert len(set(sent)) == len(sent) == 400
    falls = [(one, next_one) for one, next_one in itertools.pairwise(sent) if next_one < one]
    assert len(falls) == 1  # the wrap: else they only ever rise
    assert falls[0][1] <= 16


def test_the_devices_clock_is_set_ahead_again_and_again() -> None:
    link = Link()
    assert link.call("get_prop").outcome()
    for jump in (1_700_000_000, 3600, -3600, 7200, -1_700_000_000):
        link.restart(link.booted - jump)  # its stamps jump; whatever it knew is gone as well
        began = link.now
        assert link.call("get_prop", ["power"]).outcome()
        assert link.now - began < 3
        assert link.call("get_prop", ["power"]).outcome()
        link.pass_time(POLL)
    assert_small(link.session)


def test_stamps_go_over_the_edge_of_32_bits() -> None:
    link = Link()
    link.restart(link.now - (2**32 - 30))
    for _ in range(3):
        assert link.call("get_prop").outcome()
        link.pass_time(POLL)
    link.restart(link.now)  # the clock of such a device goes on at 0
    began = link.now
    assert link.call("get_prop", ["power"]).outcome()
    assert link.now - began < 3


def test_days_of_idleness_cost_a_greeting() -> None:
    link = Link()
    for number in range(1, 8):
        began = link.now
        assert link.call("get_prop").outcome()
        assert link.now - began < 0.1
        assert hellos(link) == number
        link.pass_time(DAY)


@pytest.mark.parametrize("method", ["get_prop", "toggle"])
def test_hours_pass_unseen_in_the_middle_of_a_call(method: str) -> None:
    link = Link()
    link.call("get_prop")
    call = link.start(method)
    link.now += 5 * HOUR  # the computer slept; what came meanwhile is gone
    link._events.clear()
    link.session.tick(link.now)
    assert call.done
    with pytest.raises(DeviceTimeout if method == "get_prop" else OutcomeUnknown):
        call.outcome()
    began = link.now
    assert link.call("toggle").outcome()
    assert link.now - began < 0.1
    assert_small(link.session)


def test_an_answer_that_waited_while_hours_passed_is_taken() -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("toggle")
    link.pass_time(1)  # it arrived, though nobody looked at the clock
    link.now += 5 * HOUR
    assert call.outcome() == ["toggle", []]
    assert link.call("toggle").outcome()


def sleeping(link: Link, seconds: float) -> None:
    """Let the device live on while our monotonic clock stands still, as it does on Linux and macOS."""
    link.booted -= seconds
    link.device._boot -= seconds


def test_a_monotonic_clock_that_stood_still_is_no_loss_for_who_is_told() -> None:
    link = Link()
    link.call("get_prop")
    sleeping(link, 5 * HOUR)
    link.session.overslept(link.now)
    began = link.now
    assert link.call("toggle").outcome()
    assert link.now - began < 0.1
    assert link.executed["toggle", "[]"] == 1


def test_without_being_told_a_read_needs_one_resend() -> None:
    link = Link()
    link.call("get_prop")
    sleeping(link, 5 * HOUR)
    began = link.now
    assert link.call("get_prop").outcome()
    assert link.now - began < 1


def test_a_restart_that_was_slept_through_is_never_taken_for_a_device_that_ran_on() -> None:
    """The clock stood still, so the stamp seems to say that the device has been up since before the command."""
    link = Link()
    clock = link.session.clock
    clock.observe(500_000, 1000.0)
    assert clock.surely_running_since(1000.5)
    # An hour asleep; half of it ago, the device restarted. By our clock a second has passed.
    clock.observe(1800, 1001.0)
    assert not clock.surely_running_since(1000.5)
    assert clock.surely_running_since(1001.5)


@pytest.mark.parametrize("stamp", [1_800, 503_600, 1_700_000_000])
def test_what_a_device_tells_of_its_life_is_no_proof_after_a_clock_stood_still(stamp: int) -> None:
    link = Link()
    clock = link.session.clock
    clock.observe(500_000 if stamp < 1_000_000_000 else stamp - 3_600, 1000.0)
    assert is_running_since(1000.5, clock, 2_000, 1000.9)
    clock.observe(stamp, 1001.0)
    assert not is_running_since(1000.5, clock, 1_800, 1001.0)
    assert is_running_since(1001.0, clock, 1_801, 1002.0)


def test_what_a_device_forgot_while_the_computer_slept_is_not_sent_again_under_its_id() -> None:
    link = Link()
    link.call("get_prop")
    link.session.memory.remembers, link.session.memory.depth = True, 14  # as was found out before
    lost: list[bool] = []

    def answers_get_lost(direction: str) -> list[float]:
        lost.append(direction == "up")
        return [] if direction == "up" and len(lost) < 4 else [0.002]

    link.fate = answers_get_lost
    call = link.start("toggle")
    link.pass_time(0.05)
    assert link.executed["toggle", "[]"] == 1
    link.restart(link.now)
    sleeping(link, HOUR)
    link.run()
    with pytest.raises(OutcomeUnknown):
        call.outcome()
    assert link.executed["toggle", "[]"] == 1


def test_pushes_over_days_are_told_apart_with_bounded_tables() -> None:
    link = Link()
    link.call("get_prop")
    link.session.hold = Hold(0x1234, 1_700_000_000, link.now, 1_700_000_000.0)
    number, taken = 0, 0
    for _ in range(7 * 200):
        number = number % 700 + 1  # the device counts over again
        push = {
            "id": number,
            "method": "properties_changed",
            "params": [{"siid": 2, "piid": 1, "value": number}],
        }
        stamp = int(link.now - link.booted)
        datagram = encode(push, token=TOKEN, device_id=DEVICE_ID, stamp=stamp)
        for _ in range(2):  # and repeats each
            link.session.receive(datagram, link.now)
        link.now += DAY / 200
        link.session.take_output()
        taken += len(link.session.pushes.arrived)
        link.session.pushes.arrived.clear()
    assert taken == 1400
    assert len(link.session.pushes._bytes) <= 1
    assert_small(link.session)


def test_a_held_subscription_looks_twice_a_minute_over_a_day_of_silence() -> None:
    link = Link(hello=HELLO)
    link.call("get_prop")
    link.session.hold = Hold(0x1234, 1_700_000_000, link.now, 1_700_000_000.0)
    end, said = link.now + DAY, 0
    while link.now < end:
        due = link.session.deadline
        assert due is not None
        link.now = max(link.now, due)
        link.session.tick(link.now)
        said += len(link.session.take_output())
    assert said <= DAY / 30 + 10
    assert_small(link.session)


@pytest.mark.parametrize("told", [True, False])
def test_a_restart_just_before_the_computer_woke_does_not_make_a_command_run_twice(told: bool) -> None:
    """By a clock that stood still, the device restarted before the command was sent, and so dropped it."""
    link = Link()
    link.restart(link.now - 50_000)
    link.call("get_prop")
    link.pass_time(15)
    link.fate = lambda direction: [] if direction == "up" else [0.002]
    call = link.start("toggle")
    link.pass_time(0.05)
    assert link.executed["toggle", "[]"] == 1
    link.fate = lambda _: [0.002]
    link.restart(link.now - 10)  # of an hour that no clock of ours counted, these are the last seconds
    if told:
        link.session.overslept(link.now)
    link.run()
    if told:
        with pytest.raises(OutcomeUnknown):
            call.outcome()
    # Untold, nothing shows that it was not so: a device that restarted 5 s after its last word drops what is sent then.
    assert link.executed["toggle", "[]"] == (1 if told else 2)
