"""What must not run twice: when it goes out again, over schedules of loss, delay, restarts and busy devices."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.link import DEVICE_ID, TOKEN, Link

from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, McuTimeout, OutcomeUnknown
from miio_lan.lan.client.call import is_repeat_safe
from miio_lan.lan.packet import HELLO, decode, encode, hello_reply
from miio_lan.lan.responder.responder import Request, ResponderOptions

Memory = Literal["normal", "silent", "replay"]


def requests(link: Link, method: str) -> list[dict[str, Any]]:
    found = [decode(datagram, TOKEN).payload for _, datagram in link.sent if datagram != HELLO]
    return [each for each in found if isinstance(each, dict) and each.get("method") == method]


def device(memory: Memory = "normal", **options: Any) -> Link:
    """A link to a device that has been greeted and does this with repeated ids."""
    link = Link(options=ResponderOptions(id_memory=memory), **options)
    link.call("get_prop").outcome()
    link.sent.clear()
    return link


def lose(link: Link, method: str, *, copies: int = 1) -> None:
    """Lose the first copies of a command on the way to the device."""
    left = [copies]
    original = link.to_device

    def to_device(datagram: bytes) -> None:
        payload = None if datagram == HELLO else decode(datagram, TOKEN).payload
        if isinstance(payload, dict) and payload.get("method") == method and left[0]:
            left[0] -= 1
            return
        original(datagram)

    link.to_device = to_device  # type: ignore[method-assign]


def lose_answer(link: Link, method: str) -> None:
    """Let the device execute a command, and its first answer get lost."""
    original = link.answer
    lost: list[Request] = []

    def answer(request: Request) -> None:
        if request.method == method and not lost:
            lost.append(request)
        else:
            original(request)

    link.answer = answer  # type: ignore[method-assign]


# --- a device that executes what is repeated ------------------------------------------------------------------------


@pytest.mark.parametrize("work", [1.5, 3.9, 12.0])
def test_a_slow_command_is_sent_once(work: float) -> None:
    link = device(work=work)
    assert link.call("toggle").outcome() == ["toggle", []]
    assert link.executed["toggle", "[]"] == 1
    assert len(requests(link, "toggle")) == 1


@pytest.mark.parametrize("lost", [lose, lose_answer])
def test_a_lost_command_is_not_sent_again_where_that_could_do_harm(lost: Any) -> None:
    link = device()
    lost(link, "toggle")
    started = link.now
    with pytest.raises(OutcomeUnknown, match="this product executes what is repeated") as caught:
        link.call("toggle").outcome()
    assert len(requests(link, "toggle")) == 1
    assert link.executed["toggle", "[]"] <= 1
    assert link.now - started == pytest.approx(20.0)
    assert caught.value.may_have_run
    assert caught.value.sent == 1


def test_what_was_found_out_is_remembered_and_the_device_is_left_in_peace() -> None:
    link = device()
    lose(link, "toggle", copies=2)
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    asked = len(requests(link, "miIO.info"))
    assert asked == 15
    assert link.session.memory.remembers is False
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert len(requests(link, "miIO.info")) == asked


def test_a_device_that_does_not_tell_its_life_is_not_trusted() -> None:
    link = device("silent")
    link.replies["miIO.info"] = lambda _: {"result": {"model": "a.b.c"}}
    lose(link, "toggle")
    with pytest.raises(OutcomeUnknown, match="not known what this product does"):
        link.call("toggle").outcome()
    assert len(requests(link, "toggle")) == 1
    assert len(requests(link, "miIO.info")) <= 8


# --- a device that remembers ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["silent", "replay"])
@pytest.mark.parametrize("lost", [lose, lose_answer])
def test_a_lost_command_goes_out_again_under_its_id_once_the_device_was_seen_to_remember(
    memory: Memory, lost: Any
) -> None:
    link = device(memory)
    lost(link, "toggle")
    call = link.call("toggle")
    assert link.executed["toggle", "[]"] == 1
    ids = {each["id"] for each in requests(link, "toggle")}
    assert len(ids) == 1
    assert len(requests(link, "toggle")) > 1
    assert link.session.memory.remembers is True
    if lost is lose:
        assert call.outcome() == ["toggle", []]


def test_the_second_loss_costs_one_question_and_no_seconds() -> None:
    link = device("silent")
    lose(link, "toggle")
    link.call("toggle").outcome()
    link.call("toggle").outcome()
    lose(link, "toggle")
    link.sent.clear()
    before = link.now
    assert link.call("toggle").outcome()
    assert link.now - before < 1.0
    assert len(requests(link, "miIO.info")) == 1
    assert len({each["id"] for each in requests(link, "toggle")}) == 1


def test_six_questions_are_asked_again_under_their_ids_each_more_than_a_second_later() -> None:
    link = device("silent")
    lose(link, "toggle")
    link.call("toggle")
    instants: dict[int, list[float]] = {}
    for instant, datagram in link.sent:
        payload = None if datagram == HELLO else decode(datagram, TOKEN).payload
        if isinstance(payload, dict) and payload.get("method") == "miIO.info":
            instants.setdefault(payload["id"], []).append(instant)
    assert len(instants) == 15
    repeated = [times for times in instants.values() if len(times) > 1]
    assert [len(times) for times in repeated] == [2] * 6
    assert all(times[1] - times[0] > 1.5 for times in repeated)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 10, 13])
def test_a_device_that_remembers_few_ids_is_taken_for_one_that_remembers_none(size: int) -> None:
    link = Link(options=ResponderOptions(id_memory="silent", id_memory_size=size))
    link.call("get_prop")
    lose_answer(link, "toggle")
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.session.memory.remembers is False
    assert link.executed["toggle", "[]"] == 1


@pytest.mark.parametrize(("lost", "learnt"), [(2, True), (3, None)])
def test_on_a_network_that_loses_much_silence_means_nothing(lost: int, learnt: bool | None) -> None:
    link = device("silent")
    original = link.answer
    left = [lost]

    def answer(request: Request) -> None:
        if request.method == "miIO.info" and left[0] and link.executed["miIO.info", "[]"] > 1:
            left[0] -= 1
        elif request.method != "toggle":
            original(request)

    link.answer = answer  # type: ignore[method-assign]
    call = link.start("toggle", retry_count=1)
    link.pass_time(0.1)
    while not call.done and link.session.memory.due is None:
        link.step()
    while not call.done and link.session.memory.due is not None:
        link.step()
    assert link.session.memory.remembers is learnt


def test_a_command_with_too_many_newer_ids_is_not_sent_again() -> None:
    link = device("silent")
    lose(link, "toggle")
    link.call("toggle").outcome()
    memory = link.session.memory
    assert memory.depth == 8
    place = link.session._ids.gone
    for newer in range(1, 12):
        link.session._ids.gone += 1
        assert memory.in_reach(place) is (newer <= 8)


@pytest.mark.parametrize("seen", range(6))
def test_one_newer_life_outweighs_five_silences(seen: int) -> None:
    """A device that executes what is repeated; of its answers to that, all but one get lost."""
    link = device()
    asked: Counter[int] = Counter()
    repeats = itertools.count()
    original = link.answer

    def answer(request: Request) -> None:
        asked[request.id] += 1
        if request.method != "toggle" and (asked[request.id] == 1 or next(repeats) == seen):
            original(request)

    link.answer = answer  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.session.memory.remembers is False
    assert link.executed["toggle", "[]"] == 1


@pytest.mark.parametrize("unanswered", ["hello", "last"])
def test_silence_counts_only_while_the_device_is_there(unanswered: str) -> None:
    link = device()
    asked: Counter[int] = Counter()
    original, carry = link.answer, link.to_session
    deaf = False

    def answer(request: Request) -> None:
        nonlocal deaf
        asked[request.id] += 1
        last = len(asked) >= 15 + (request.method != "toggle")
        deaf = deaf or (unanswered == "hello" and len(asked) >= 15)
        if request.method != "toggle" and asked[request.id] == 1 and not (unanswered == "last" and last):
            original(request)

    def to_session(datagram: bytes) -> None:
        if not (deaf and len(datagram) == 32):
            carry(datagram)

    link.answer, link.to_session = answer, to_session  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.session.memory.remembers is not True
    assert link.executed["toggle", "[]"] == 1


def test_a_restart_makes_a_device_forget_ids() -> None:
    link = device("silent")
    lose(link, "toggle")
    link.call("toggle").outcome()
    lose_answer(link, "toggle")
    link.executed.clear()
    original = link.answer

    def answer(request: Request) -> None:
        original(request)
        if request.method == "toggle":
            link.restart(link.now)

    link.answer = answer  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown, match="restarted"):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


def test_a_restart_that_unix_time_hides_shows_in_its_life() -> None:
    link = device("silent")
    link.device._stamp_at = lambda now: 1_700_000_000 + int(now)
    link.call("get_prop")
    lose(link, "toggle")
    link.call("toggle").outcome()
    assert link.session.memory.remembers is True
    lose_answer(link, "toggle")
    link.executed.clear()
    original = link.answer

    def answer(request: Request) -> None:
        original(request)
        if request.method == "toggle":
            link.restart(link.now)

    link.answer = answer  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


def test_sets_share_an_id_where_the_device_remembers() -> None:
    link = device("silent")
    lose(link, "toggle")
    link.call("toggle").outcome()
    lose(link, "set_properties")
    link.call("set_properties", [{"siid": 2, "piid": 1, "value": 1}]).outcome()
    assert len({each["id"] for each in requests(link, "set_properties")}) == 1


# --- retry_count=0 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get_prop", "set_properties", "toggle", "miIO.info"])
@pytest.mark.parametrize("memory", ["normal", "silent"])
def test_without_retries_exactly_one_datagram_carries_the_command(method: str, memory: Memory) -> None:
    for work in (1.5, 3.9):
        link = device(memory, work=work)
        link.call(method, retry_count=0).outcome()
        assert len(requests(link, method)) == 1
    link = device(memory)
    lose(link, method)
    with pytest.raises(DeviceTimeout):
        link.call(method, retry_count=0).outcome()
    assert len(requests(link, method)) == 1
    link = device(memory)
    link.pass_time(5)
    link.restart(link.now)
    with pytest.raises(DeviceTimeout):
        link.call(method, retry_count=0).outcome()
    assert len(requests(link, method)) == 1


@pytest.mark.parametrize("code", [-9999, -30001, -30012])
def test_without_retries_an_error_is_not_answered_with_another_attempt(code: int) -> None:
    link = device()
    link.replies["get_x"] = lambda _: {"error": (code, "timeout")}
    with pytest.raises(DeviceError):
        link.call("get_x", retry_count=0).outcome()
    assert len(requests(link, "get_x")) == 1


# --- restarts -------------------------------------------------------------------------------------------------------


def restart_after_running(link: Link, *, booted_ago: float) -> None:
    """Let the device run a toggle and restart before its answer leaves."""
    original = link.answer

    def answer(request: Request) -> None:
        if request.method == "toggle":
            link.restart(link.now - booted_ago)
        else:
            original(request)

    link.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("memory", ["normal", "silent"])
@pytest.mark.parametrize("unix", [False, True])
@pytest.mark.parametrize("uptime", [3, 20, 500, 1e6])
def test_a_restart_after_it_ran_never_makes_it_run_again(memory: Memory, unix: bool, uptime: float) -> None:
    link = Link(options=ResponderOptions(id_memory=memory))
    link.restart(link.now - uptime)
    if unix:
        link.device._stamp_at = lambda now: 1_700_000_000 + int(now)
    link.call("get_prop")
    restart_after_running(link, booted_ago=0.0)
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


@pytest.mark.parametrize("memory", ["normal", "silent"])
@pytest.mark.parametrize("before", [400, 1_700_000_000])
@pytest.mark.parametrize("after", [90_000, 1_800_000_000])
def test_a_clock_that_was_set_is_no_restart(memory: Memory, before: int, after: int) -> None:
    link = Link(options=ResponderOptions(id_memory=memory))
    clock = [before]
    link.device._stamp_at = lambda now: clock[0] + int(now - 1000)
    link.call("get_prop")
    original = link.answer

    def answer(request: Request) -> None:
        if request.method == "toggle":
            clock[0] = after  # the network's time, learnt just now
        else:
            original(request)

    link.answer = answer  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


def test_a_short_uptime_before_a_restart_proves_nothing() -> None:
    """The stamp of before is within the window of the clock of after: the command may have been taken."""
    link = Link()
    link.restart(link.now - 15)
    link.call("get_prop")
    link.pass_time(5)
    link.restart(link.now - 4)
    lose_answer(link, "toggle")
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


def test_after_a_restart_that_is_proven_the_hellos_answer_comes_before_the_resend() -> None:
    link = device()
    link.pass_time(10)
    link.restart(link.now - 5)
    call = link.call("toggle")
    assert call.outcome() == ["toggle", []]
    kinds = [datagram == HELLO for _, datagram in link.sent]
    assert kinds == [False, True, False]
    hello, again = (instant for instant, _ in link.sent[1:])
    assert again > hello


# --- busy -----------------------------------------------------------------------------------------------------------


def test_busy_to_one_of_two_copies_says_nothing() -> None:
    """The other copy may be what keeps it busy."""
    link = device("normal", work=0.01)
    link.session.memory.remembers, link.session.memory.depth = True, 5  # wrongly believed
    first = True

    def toggle(_: Request) -> dict[str, Any]:
        nonlocal first
        first = False
        return {"error": (-30012, "Busy.")}

    link.replies["toggle"] = toggle
    lose_answer(link, "toggle")
    with pytest.raises(DeviceError) as caught:
        link.call("toggle").outcome()
    assert caught.value.code == -30012
    assert caught.value.may_have_run
    assert link.executed["toggle", "[]"] == 2


def test_a_device_that_was_busy_and_restarts_gets_the_command() -> None:
    link = device()
    answers = iter([{"error": (-30012, "Busy.")}, {"result": ["ok"]}])
    link.replies["toggle"] = lambda _: next(answers)
    call = link.start("toggle")
    link.pass_time(0.1)
    assert not call.done
    link.session._say_hello(link.now)
    link.session.take_output()
    link.restart(link.now - 0.05)
    link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=0), link.now)
    link.run()
    assert call.outcome() == ["ok"]


def test_busy_without_retries_surely_never_ran() -> None:
    link = device()
    link.replies["toggle"] = lambda _: {"error": (-30012, "Busy.")}
    with pytest.raises(DeviceError) as caught:
        link.call("toggle", retry_count=0).outcome()
    assert not caught.value.may_have_run


def test_a_copy_of_the_network_that_was_refused_does_not_hide_that_the_other_ran() -> None:
    link = device(work=1.0)
    call = link.start("toggle")
    link.pass_time(0.5)
    busy = {"id": call.id, "error": {"code": -30012, "message": "Busy."}}
    link.session.receive(encode(busy, token=TOKEN, device_id=DEVICE_ID, stamp=500), link.now)
    link.run()
    assert call.outcome() == ["toggle", []]


# --- what an error says of whether it ran ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "may_have_run"),
    [
        *[(code, True) for code in (-9999, -9998, -4004, -30001, -30010, -30011, -30013, -30014, -10000)],
        *[(code, False) for code in (-5000, -5001, -5005, -6007, -32601, -32602, -30020, -4003, -4005, -1)],
        (0, True),
        (-704045036, True),
        (-704040003, True),
        (-704043023, False),
        (-704040013, False),
        (-704040901, False),
    ],
)
def test_what_a_code_says_of_whether_it_ran(code: int, may_have_run: bool) -> None:
    link = device()
    link.replies["toggle"] = lambda _: {"error": (code, "")}
    with pytest.raises(DeviceError) as caught:
        link.call("toggle").outcome()
    assert caught.value.may_have_run is may_have_run
    assert ("may have been executed" in str(caught.value)) is may_have_run


def test_a_read_needs_no_advice() -> None:
    link = device()
    link.replies["get_x"] = lambda _: {"error": (-9999, "user ack timeout")}
    with pytest.raises(McuTimeout) as caught:
        link.call("get_x").outcome()
    assert caught.value.may_have_run
    assert "may have been executed" not in str(caught.value)


def test_an_mcu_that_uses_the_modules_number() -> None:
    link = device()
    link.replies["toggle"] = lambda _: {"error": (-9999, "door open")}
    with pytest.raises(DeviceError, match="the MCU's own error") as caught:
        link.call("toggle").outcome()
    assert not isinstance(caught.value, McuTimeout)


def test_what_never_left_never_ran() -> None:
    link = Link()
    link.deaf = True
    with pytest.raises(DeviceTimeout) as caught:
        link.call("toggle").outcome()
    assert not caught.value.may_have_run


def test_a_set_without_an_answer_may_have_run() -> None:
    link = device()
    link.deaf = True
    with pytest.raises(DeviceTimeout, match="may have been executed") as caught:
        link.call("set_properties").outcome()
    assert type(caught.value) is DeviceTimeout
    assert caught.value.may_have_run


# --- over schedules -------------------------------------------------------------------------------------------------

UNSAFE = ("toggle", "action", "set_power")


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**32)),
        "loss": draw(st.sampled_from([0.0, 0.05, 0.2, 0.4])),
        "delay": draw(st.sampled_from([0.001, 0.05, 0.4, 2.0])),
        "memory": draw(st.sampled_from(["normal", "silent", "replay"])),
        "size": draw(st.sampled_from([1, 2, 3, 4, 5, 8, 10, 16, 64])),
        "work": draw(st.sampled_from([0.02, 1.5, 3.9])),
        "stamps": draw(st.sampled_from(["uptime", "unix", "young"])),
        "restarts": draw(st.sampled_from([0.0, 0.1, 0.3])),
        "busy": draw(st.sampled_from([0.0, 0.2])),
        "double": draw(st.sampled_from([0.0, 0.5])),
        "retries": draw(st.sampled_from([0, 1, 3])),
        "methods": draw(
            st.lists(st.sampled_from([*UNSAFE, "get_prop", "set_properties"]), min_size=3, max_size=15)
        ),
    }


def scheduled(plan: dict[str, Any]) -> tuple[Link, Counter[tuple[str, str]]]:
    """A link that follows a plan, and the oracle: what really ran, told by the device alone."""
    rng = random.Random(plan["seed"])

    # A network that doubles makes a forgetful device execute twice, whatever its client does.
    double = (
        plan["double"] if plan["memory"] != "normal" and plan["size"] >= 16 and not plan["restarts"] else 0.0
    )

    def fate(_: str) -> list[float]:
        copies = 0 if rng.random() < plan["loss"] else 2 if rng.random() < double else 1
        return [rng.uniform(0.001, plan["delay"]) for _ in range(copies)]

    options = ResponderOptions(id_memory=plan["memory"], id_memory_size=plan["size"])
    link = Link(fate=fate, options=options, work=plan["work"], rng=rng)
    if plan["stamps"] == "young":
        link.restart(link.now - 2)
    if plan["stamps"] == "unix":
        link.device._stamp_at = lambda now: 1_700_000_000 + int(now)
    ran: Counter[tuple[str, str]] = Counter()
    answer = link.answer

    def work(request: Request) -> None:
        if request.method == "miIO.info":
            answer(request)
        elif rng.random() < plan["busy"]:
            link.device.reply(request, error=(-30012, "Busy."), now=link.now)
        else:
            ran[request.method, repr(request.params)] += 1
            if rng.random() < plan["restarts"]:
                link.restart(link.now)
            else:
                answer(request)

    link.answer = work  # type: ignore[method-assign]
    return link, ran


@given(schedules())
def test_nothing_runs_twice_and_every_outcome_is_true(plan: dict[str, Any]) -> None:
    link, ran = scheduled(plan)
    for number, method in enumerate(plan["methods"]):
        key = method, repr([number])
        started = link.now
        call = link.call(method, [number], retry_count=plan["retries"])
        assert link.now - started <= 5.0 * (1 + plan["retries"]) + 0.001
        told_at_the_end = ran[key]
        try:
            assert call.outcome() == [method, [number]]
            assert told_at_the_end >= 1
        except DeviceException as error:
            link.pass_time(10)  # what is under way still arrives
            assert error.may_have_run or not ran[key]
        if plan["retries"] == 0:
            assert len([each for each in requests(link, method) if each["params"] == [number]]) <= 1
        if number % 4 == 3 and plan["restarts"]:
            link.pass_time(3.0)
            link.restart(link.now - 0.5)
    link.pass_time(60)
    for number, method in enumerate(plan["methods"]):
        if not is_repeat_safe(method):
            assert ran[method, repr([number])] <= 1
