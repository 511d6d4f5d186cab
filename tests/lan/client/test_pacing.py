"""When the client sends, with the times written out: no test here takes a number from the code it is about."""

from __future__ import annotations

import itertools
import random

import pytest
from support.link import DEVICE_ID, Link

from miio_lan.errors import DeviceError, DeviceTimeout, OutcomeUnknown
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.client.incoming.pushes import PushInbox
from miio_lan.lan.client.pacing import RoundTrips
from miio_lan.lan.packet import HELLO, hello_reply, virtual_hello
from miio_lan.lan.responder.responder import Request


def gaps(instants: list[float]) -> list[float]:
    return [round(later - earlier, 3) for earlier, later in itertools.pairwise(instants)]


def sends(link: Link) -> list[float]:
    return [instant for instant, datagram in link.sent if datagram != HELLO]


def hellos(link: Link) -> list[float]:
    return [instant for instant, datagram in link.sent if datagram == HELLO]


# --- round trips ----------------------------------------------------------------------------------------------------


def test_what_was_never_timed_is_resent_after_two_and_a_half_seconds_or_an_attempt() -> None:
    pace = RoundTrips()
    assert pace.resend_after("x", 5.0) == 2.5
    assert pace.resend_after("x", 0.6) == 0.6


def test_what_the_module_answers_by_itself_is_resent_after_a_second() -> None:
    pace = RoundTrips()
    assert pace.resend_after("miIO.info", 5.0) == 1.0
    assert pace.resend_after("miIO.info", 0.6) == 0.6


def test_no_timeout_makes_resends_closer_than_200_ms_or_100_where_the_method_was_timed() -> None:
    pace = RoundTrips()
    assert pace.resend_after("x", 0.01) == 0.2
    pace.observe("x", 0.5)
    assert pace.resend_after("x", 0.01) == 0.1
    assert pace.resend_after("x", 0.7) == 0.7


def test_the_first_time_counts_whole_and_its_half_as_the_deviation() -> None:
    pace = RoundTrips()
    pace.observe("x", 1.0)
    assert pace.resend_after("x", 60.0) == 3.0


def test_an_eighth_of_a_new_time_counts_and_a_quarter_of_its_deviation() -> None:
    pace = RoundTrips()
    pace.observe("x", 1.0)
    pace.observe("x", 2.0)
    assert pace.resend_after("x", 60.0) == 1.125 + 4 * 0.625


def test_nothing_is_resent_within_100_ms() -> None:
    pace = RoundTrips()
    for _ in range(100):
        pace.observe("x", 0.001)
        assert pace.resend_after("x", 5.0) == 0.1


def test_the_slowest_answer_of_late_and_a_quarter_more_is_waited_for() -> None:
    pace = RoundTrips()
    for _ in range(100):
        pace.observe("x", 0.2)
    assert pace.resend_after("x", 5.0) == pytest.approx(0.25)
    pace.observe("x", 0.4)
    for _ in range(16):
        pace.observe("x", 0.2)
    assert pace.resend_after("x", 5.0) > 0.4
    for _ in range(300):
        pace.observe("x", 0.2)
    assert pace.resend_after("x", 5.0) == pytest.approx(0.25, abs=0.005)


#: How long a device takes, beside its usual time: always the same, a fifth more or less, now and then much longer,
#: or until its MCU asks for work the next time.
JITTER = {
    "steady": lambda rng, usual: usual,
    "a millisecond": lambda rng, usual: usual + rng.uniform(-0.001, 0.001),
    "a fifth": lambda rng, usual: usual * rng.uniform(0.8, 1.2),
    "a bell": lambda rng, usual: usual * min(1.5, max(0.5, rng.gauss(1, 0.1))),
    "polling": lambda rng, usual: usual + rng.uniform(0, 0.1),
}


@pytest.mark.parametrize("jitter", JITTER)
@pytest.mark.parametrize("usual", [0.005, 0.05, 0.15, 0.25, 0.4])
def test_without_loss_no_read_goes_out_twice(usual: float, jitter: str) -> None:
    """1,000 reads, every answer in the device's own time: a resend would be needless."""
    rng = random.Random(1)
    link = Link(fate=lambda _: [0.001])
    for _ in range(1000):
        link.work = JITTER[jitter](rng, usual)
        link.call("get_prop", ["power"])
    assert len(sends(link)) == 1000


def test_a_lost_read_of_a_prompt_device_costs_100_ms() -> None:
    link = Link(work=0.003)
    link.call("get_prop")
    lost = iter([[]])
    link.fate = lambda _: next(lost, [0.002])
    before = link.now
    link.call("get_prop").outcome()
    assert link.now - before == pytest.approx(0.107)


def test_256_methods_are_timed() -> None:
    pace = RoundTrips()
    for number in range(257):
        pace.observe(f"m{number}", 2.0)
    assert pace.resend_after("m255", 60.0) == 6.0
    assert pace.resend_after("m256", 60.0) == 2.5


# --- hellos ---------------------------------------------------------------------------------------------------------


def test_hellos_are_doubled_in_distance_up_to_four_seconds() -> None:
    greeting = Greeting()
    greeting.begin(100.0)
    assert greeting.due == 100.0
    instants, now = [], 100.0
    for _ in range(7):
        greeting.said(now)
        greeting.repeat(now)
        instants.append(now)
        now = greeting.due
    assert gaps(instants) == [0.3, 0.6, 1.2, 2.4, 4.0, 4.0]


def test_while_it_is_in_doubt_whether_a_device_answers_others_some_hellos_are_plain() -> None:
    greeting, posing = Greeting(), virtual_hello(2**40)
    greeting.pose(posing)
    said = [greeting.said(100.0) for _ in range(11)]
    assert [number for number, hello in enumerate(said) if hello == HELLO] == [4, 7, 10]
    assert greeting.was_plain
    greeting.answered()
    assert [greeting.said(100.0) for _ in range(3)] == [posing, posing, HELLO]
    greeting.in_doubt = False
    assert [greeting.said(100.0) for _ in range(9)] == [posing] * 9


def test_a_hello_is_answered_within_ten_seconds_or_not_at_all() -> None:
    greeting = Greeting()
    assert not greeting.expected(0.0)
    greeting.said(100.0)
    assert greeting.expected(110.0)
    assert not greeting.expected(110.01)


def test_a_device_is_greeted_again_after_20_s_of_silence() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    link.call("get_prop")
    link.pass_time(20.0)
    link.call("get_prop")
    assert len(hellos(link)) == 1
    link.pass_time(20.01)
    link.call("get_prop")
    assert len(hellos(link)) == 2


# --- the clock ------------------------------------------------------------------------------------------------------


def test_a_clock_may_be_three_seconds_off() -> None:
    clock = DeviceClock()
    clock.observe(1000, 50.0)
    assert not clock.observe(1000, 53.0)
    assert clock.observe(1000, 53.01)
    ahead = DeviceClock()
    ahead.observe(1000, 50.0)
    assert not ahead.observe(1003, 50.0)
    assert ahead.observe(1007, 50.0)


# --- ids ------------------------------------------------------------------------------------------------------------


def test_ids_have_31_bits() -> None:
    assert IdSource(0xFFFF_FFFF, random.Random(1)).last == 0x7FFF_FFFF
    wrapped = IdSource(0x7FFF_FFFF, random.Random(1))
    assert wrapped.next() == 1


def test_a_fresh_start_is_any_id() -> None:
    class Lowest(random.Random):
        def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
            assert (start, stop) == (1, 0x8000_0000)
            return start

    assert IdSource(0, Lowest()).next() == 1


def test_ids_go_up_by_1_to_16() -> None:
    ids = IdSource(5, random.Random(1))
    given = [ids.next() for _ in range(1000)]
    steps = {later - earlier for earlier, later in itertools.pairwise(given)}
    assert steps == set(range(1, 17))


# --- pushes ---------------------------------------------------------------------------------------------------------


def test_a_push_is_a_repeat_for_30_s() -> None:
    inbox = PushInbox()
    push = {"id": 7, "method": "properties_changed", "params": []}
    assert inbox.take(push, 100.0)[1]
    assert not inbox.take(push, 130.0)[1]
    assert inbox.take(push, 130.01)[1]


def test_what_comes_again_within_3_s_is_a_copy_whatever_restarted() -> None:
    """Right after its start a device's clock shows what it showed right after the start before."""
    inbox = PushInbox()
    push = {"id": 7, "method": "properties_changed", "params": []}
    assert inbox.take(push, 100.0, stamp=0, clock=0)[1]
    inbox.restarted()
    assert not inbox.take(push, 102.99, stamp=0, clock=0)[1]
    assert not inbox.take(push, 102.99, stamp=1, clock=1)[1]
    assert inbox.take(push, 103.0, stamp=0, clock=0)[1]
    inbox.restarted()
    assert inbox.take({**push, "params": [1]}, 103.5, stamp=0, clock=0)[1]
    assert not inbox.take(push, 105.99)[1]
    assert inbox.take(push, 106.0)[1]


def test_what_came_anew_is_remembered_from_then_on() -> None:
    inbox = PushInbox()
    push = {"id": 7, "method": "properties_changed", "params": []}
    inbox.take(push, 100.0)
    inbox.restarted()
    assert inbox.take(push, 110.0)[1]
    inbox.take({**push, "id": 8}, 131.0)  # what is too old is forgotten
    assert not inbox.take(push, 140.0)[1]
    assert inbox.take(push, 140.01)[1]


def test_pushes_nobody_reads_are_kept_up_to_16_mib() -> None:
    inbox = PushInbox()
    text = "x" * 60_000
    for number in range(1000):
        inbox.take({"id": number, "method": "m", "params": [text + str(number)]}, 100.0)
    held = sum(len(push.params[0]) for push in inbox.arrived)  # type: ignore[index]
    assert 15 * 1024 * 1024 < held < 16 * 1024 * 1024
    assert inbox.arrived[-1].id == 999
    inbox.arrived.clear()
    for number in range(1000, 1010):
        inbox.take({"id": number, "method": "m", "params": [text]}, 100.0)
    assert [push.id for push in inbox.arrived] == list(range(1000, 1010))


def test_a_list_of_numbers_counts_as_the_memory_it_takes() -> None:
    inbox = PushInbox()
    for number in range(100):
        inbox.take({"id": number, "method": "m", "params": [float(each) for each in range(15_000)]}, 100.0)
    assert len(inbox.arrived) <= 16 * 1024 * 1024 // (15_000 * 24)
    assert len(inbox.arrived) > 5


def test_1000_pushes_are_kept_and_remembered() -> None:
    inbox = PushInbox()
    for number in range(1001):
        inbox.take({"id": number, "method": "m"}, 100.0)
    assert [push.id for push in inbox.arrived] == list(range(1, 1001))
    assert not inbox.take({"id": 1000, "method": "m"}, 100.0)[1]
    assert len(inbox._seen) <= 1000
    assert inbox.take({"id": 0, "method": "m"}, 100.0)[1]


# --- sending again --------------------------------------------------------------------------------------------------


def test_resends_are_doubled_in_distance_up_to_ten_seconds() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    link.call("get_prop")
    link.deaf = True
    link.pass_time(1.0)
    link.sent.clear()
    with pytest.raises(DeviceTimeout):
        link.call("get_other", timeout=25.0, retry_count=1).outcome()
    assert gaps(sends(link)) == [2.5, 5.0, 10.0, 10.0, 10.0, 10.0]


def test_a_device_with_a_full_queue_is_asked_again_after_300_ms() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    full = {"error": (-30012, "Busy.")}
    link.replies["toggle"] = lambda _: full
    with pytest.raises(DeviceError, match="queue is full"):
        link.call("toggle", timeout=50.0, retry_count=4).outcome()
    assert gaps(sends(link)) == [0.3, 0.6, 1.2, 2.4]
    assert len(sends(link)) == 5


def test_an_attempt_after_a_refusal_is_waited_for_as_long_as_the_first() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    original = link.answer

    def refuse_once(request: Request) -> None:
        original(request)
        link.deaf = True

    link.call("get_prop")
    link.sent.clear()
    link.replies["get_other"] = lambda _: {"error": (-30001, "Resp invalid json.")}
    link.answer = refuse_once  # type: ignore[method-assign]
    with pytest.raises(DeviceError):
        link.call("get_other", timeout=8.0, retry_count=1).outcome()
    assert gaps(sends(link)) == [0.0, 2.5, 5.0]


def test_an_attempt_after_a_restart_is_waited_for_as_long_as_the_first() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    link.call("get_prop")
    link.sent.clear()
    link.deaf = True
    link.start("get_other", timeout=25.0, retry_count=1)
    link.session._say_hello(link.now)
    link.session.take_output()
    link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=5000), link.now)
    link._carry_from_session()
    with pytest.raises(AssertionError, match="outlived"):
        link.run(9.0)
    assert gaps(sends(link))[:3] == [0.0, 2.5, 5.0]


def test_a_closed_port_ends_a_call_after_three_refusals_over_two_seconds() -> None:
    link = Link()
    link.deaf = True
    session = link.session
    call = link.start("get_prop")
    for after in (0.0, 1.0, 1.99):
        session.unreachable("port unreachable", 1000.0 + after)
        assert not call.done
    session.unreachable("port unreachable", 1002.0)
    assert call.done
    other = link.start("get_prop")
    session.unreachable("port unreachable", 1000.0)
    session.unreachable("port unreachable", 1005.0)
    assert not other.done
    session.unreachable("port unreachable", 1005.0)
    assert other.done


def test_a_command_that_restarted_the_device_is_waited_for_a_second_more() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    link.call("get_prop")
    original = link.answer
    link.answer = lambda request: (  # type: ignore[method-assign]
        link.device.restart(link.now) if request.method == "miIO.reboot" else original(request)
    )
    before = link.now
    with pytest.raises(OutcomeUnknown, match="restarted"):
        link.call("miIO.reboot").outcome()
    # One second until the hello, whose answer shows the restart.
    assert link.now - before == pytest.approx(2.0)


def test_a_clock_that_keeps_changing_causes_eight_immediate_resends() -> None:
    link = Link(fate=lambda _: [0.0], work=0.0)
    link.call("get_prop")
    link.sent.clear()
    call = link.start("get_other", timeout=25.0, retry_count=1)
    link.deaf = True
    stamp = 0
    for _ in range(20):
        stamp += 1000
        link.session._say_hello(link.now)
        link.session.take_output()
        link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=stamp), link.now)
        link._carry_from_session()
    assert call.sends == 1 + 8
