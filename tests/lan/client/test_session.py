from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.link import DEVICE_ID, TOKEN, Link, prompt

from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceTimeout,
    InvalidTokenException,
    McuTimeout,
    OutcomeUnknown,
    PayloadDecodeException,
    RequestTooLong,
)
from miio_lan.lan import packet
from miio_lan.lan.client.call import is_repeat_safe
from miio_lan.lan.client.sending import GREET_AFTER
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import HELLO, MAX_REQUEST, Packet, decode, encode, hello_reply
from miio_lan.lan.responder.responder import Request, Responder, ResponderOptions

WRONG = b"w" * 16


def commands(link: Link) -> list[dict[str, Any]]:
    """All requests the client sent, in order."""
    payloads = [decode(datagram, link.session.token).payload for _, datagram in link.sent]
    return [payload for payload in payloads if isinstance(payload, dict)]


def hellos(link: Link) -> list[float]:
    return [instant for instant, datagram in link.sent if datagram == HELLO]


class Loss:
    """A link that loses chosen datagrams: counted per direction, from 0."""

    def __init__(self, **lost: set[int]) -> None:
        self.lost = lost
        self.seen = {"up": 0, "down": 0}

    def __call__(self, direction: str) -> list[float]:
        number = self.seen[direction]
        self.seen[direction] += 1
        return [] if number in self.lost.get(direction, ()) else [0.002]


# --- the normal way ---------------------------------------------------------------------------------------------------


def test_a_command_is_greeted_sent_and_answered() -> None:
    link = Link()
    call = link.call("get_prop", ["power"])
    assert call.outcome() == ["get_prop", ["power"]]
    assert [datagram == HELLO for _, datagram in link.sent] == [True, False]
    assert link.session.device_id == DEVICE_ID


def test_the_request_has_id_method_params_and_extras() -> None:
    link = Link(start_id=41)
    link.call("get_prop", ["power"], extra={"sid": "lumi.1"})
    assert commands(link) == [{"id": 42, "method": "get_prop", "params": ["power"], "sid": "lumi.1"}]


def test_the_handshake_is_done_once() -> None:
    link = Link()
    for _ in range(5):
        link.call("get_prop")
    assert len(hellos(link)) == 1


def test_every_command_is_greeted_when_told_so() -> None:
    link = Link(lazy_discover=False)
    for _ in range(5):
        link.call("get_prop")
    assert len(hellos(link)) == 5


def test_a_handshake_of_its_own_gives_the_answer() -> None:
    link = Link()
    call = link.session.handshake(link.now, timeout=5, retry_count=0)
    link.session.begin(call, link.now)
    link._carry_from_session()
    link.run()
    answer = call.outcome()
    assert isinstance(answer, Packet)
    assert answer.device_id == DEVICE_ID


def test_a_handshake_ends_by_the_deadline_of_the_call_that_it_is_part_of() -> None:
    link = Link()
    link.deaf = True
    deadlines = (None, link.now + 3, link.now + 50, link.now - 1)
    calls = [
        link.session.handshake(link.now, timeout=5, retry_count=1, deadline=deadline)
        for deadline in deadlines
    ]
    assert [call.deadline - link.now for call in calls] == [10, 3, 10, -1]
    link.session.begin(calls[-1], link.now)
    with pytest.raises(DeviceTimeout, match=r"to a hello within 0\.0 s: it was not sent, because the time"):
        calls[-1].outcome()


# --- the clock --------------------------------------------------------------------------------------------------------


def test_stamps_follow_the_devices_clock() -> None:
    link = Link()
    link.call("get_prop")
    link.pass_time(15)
    link.call("get_prop")
    stamps = [decode(datagram, TOKEN).stamp for _, datagram in link.sent if datagram != HELLO]
    assert stamps == [500, 515]


def test_after_long_idleness_the_device_is_greeted_and_nothing_is_lost() -> None:
    link = Link()
    link.call("get_prop")
    link.pass_time(75)
    before = link.now
    link.call("get_prop").outcome()
    assert len(hellos(link)) == 2
    assert link.now - before < 0.1


def test_a_sleepy_device_that_misses_the_greeting_still_gets_the_command() -> None:
    link = Link()
    link.call("get_prop")
    link.pass_time(GREET_AFTER + 1)
    link.fate = Loss(down={0, 1})  # two hellos
    before = link.now
    assert link.call("get_prop").outcome()
    assert link.now - before < 1
    assert link.executed["get_prop", "[]"] == 2


def test_a_restart_is_noticed_and_the_command_goes_out_again() -> None:
    link = Link()
    link.call("get_prop")
    link.pass_time(10)
    link.device.restart(link.now - 5)
    call = link.call("toggle", [])
    assert call.outcome() == ["toggle", []]
    assert link.executed["toggle", "[]"] == 1
    assert len({request["id"] for request in commands(link) if request["method"] == "toggle"}) == 1


def test_a_command_that_restarts_the_device_is_not_repeated() -> None:
    link = Link()
    link.call("get_prop")

    link.work = 0.0
    original = link.answer
    link.answer = lambda request: (  # type: ignore[method-assign]
        link.device.restart(link.now) if request.method == "miIO.reboot" else original(request)
    )
    before = link.now
    with pytest.raises(OutcomeUnknown, match="restarted"):
        link.call("miIO.reboot").outcome()
    assert link.executed["miIO.reboot", "[]"] == 1
    assert link.now - before < 5


# --- ids --------------------------------------------------------------------------------------------------------------


def test_ids_start_at_random_and_never_repeat() -> None:
    ids = []
    for seed in range(20):
        link = Link(rng=random.Random(seed))
        for _ in range(50):
            link.call("get_prop")
        own = [request["id"] for request in commands(link)]
        assert len(set(own)) == len(own)
        ids.append(own[0])
    assert len(set(ids)) == 20


def test_ids_skip_zero_when_they_wrap() -> None:
    link = Link(start_id=0x7FFF_FFFF - 3)
    for _ in range(30):
        link.call("get_prop")
    ids = [request["id"] for request in commands(link)]
    assert all(1 <= number <= 0x7FFF_FFFF for number in ids)
    assert ids[0] == 0x7FFF_FFFF - 2
    assert min(ids) < 500
    assert link.session.last_id == ids[-1]


def test_a_reply_never_rewinds_the_ids() -> None:
    link = Link(start_id=1000)
    link.call("get_prop")
    before = link.session.last_id
    stray = encode({"id": 1, "result": []}, token=TOKEN, device_id=DEVICE_ID, stamp=500)
    link.session.receive(stray, link.now)
    link.call("get_prop")
    assert link.session.last_id > before


# --- resends ----------------------------------------------------------------------------------------------------------


def test_a_lost_read_is_sent_again_under_a_new_id_with_a_hello() -> None:
    link = Link(fate=Loss(down={1}))
    assert link.call("get_prop").outcome()
    ids = [request["id"] for request in commands(link)]
    assert len(set(ids)) == 2
    assert len(hellos(link)) == 2


def test_the_caller_may_know_better_what_is_safe() -> None:
    link = Link(fate=Loss(down={1}))
    assert link.call("toggle", repeat_safe=True).outcome()
    ids = [request["id"] for request in commands(link)]
    assert len(ids) == len(set(ids)) == 2
    link = Link(fate=Loss(down={1}))
    with pytest.raises(OutcomeUnknown):
        link.call("get_thing", repeat_safe=False).outcome()
    assert [request["method"] for request in commands(link)].count("get_thing") == 1


def test_a_late_reply_to_the_first_attempt_is_the_answer() -> None:
    link = Link(work=2.9)
    call = link.call("get_slow")
    assert call.outcome() == ["get_slow", []]
    assert call.sends == 2
    assert call.deadline - link.now > 15  # the first answer ended it


def test_a_read_that_was_never_timed_and_takes_1500_ms_is_handed_over_once() -> None:
    link = Link(work=1.5)
    assert link.call("get_slow").sends == 1
    assert link.executed["get_slow", "[]"] == 1


def test_resends_are_spaced_by_what_the_device_needs() -> None:
    link = Link(work=0.3)
    for _ in range(20):
        link.call("get_prop")
    assert len(commands(link)) == 20  # none was sent twice: the estimate covers the device's 0.3 s
    link.fate = Loss(down={0})
    link.call("get_prop")
    assert len(commands(link)) == 22
    first, second = (instant for instant, datagram in link.sent[-3:] if datagram != HELLO)
    assert 0.3 < second - first < 1.0


def test_resends_back_off() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    with pytest.raises(DeviceTimeout):
        link.call("get_prop").outcome()
    instants = [instant for instant, datagram in link.sent[2:] if datagram != HELLO]
    gaps = [round(later - earlier, 6) for earlier, later in itertools.pairwise(instants)]
    assert gaps == sorted(gaps)
    assert len(instants) < 10


def test_replies_go_to_their_own_calls_also_when_several_are_in_flight() -> None:
    link = Link(max_in_flight=4, fate=lambda _: [random.Random(1).uniform(0.001, 0.2)])
    calls = [link.start("get_prop", [number]) for number in range(8)]
    link.run()
    assert [call.outcome() for call in calls] == [["get_prop", [number]] for number in range(8)]


def test_one_command_at_a_time_by_default() -> None:
    link = Link(work=0.1)
    for number in range(3):
        link.start("get_prop", [number])
    most = 0
    while link.session.busy:
        link.step()
        answered = sum(1 for _, datagram in link.sent if datagram != HELLO)
        most = max(most, answered - len(link.executed))
    assert most <= 1


@pytest.mark.parametrize(
    ("method", "safe"),
    [
        ("get_prop", True),
        ("get_properties", True),
        ("set_properties", True),
        ("miIO.info", True),
        ("miIO.get_ota_state", True),
        ("action", False),
        ("toggle", False),
        ("set_power", False),
        ("miIO.ota", False),
        ("miIO.reboot", False),
        ("anything", False),
    ],
)
def test_what_is_safe_to_repeat(method: str, safe: bool) -> None:
    assert is_repeat_safe(method) is safe


# --- silence ----------------------------------------------------------------------------------------------------------


def test_an_absent_device_ends_the_call_at_its_deadline() -> None:
    link = Link()
    link.deaf = True
    started = link.now
    call = link.call("toggle", timeout=2, retry_count=1)
    assert link.now - started == pytest.approx(4)
    with pytest.raises(DeviceTimeout, match="does not answer hellos") as caught:
        call.outcome()
    assert not isinstance(caught.value, OutcomeUnknown)  # it never left
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.method, caught.value.sent) == ("toggle", 0)
    assert caught.value.elapsed == pytest.approx(4)
    assert commands(link) == []


def test_hellos_are_spaced_and_backed_off() -> None:
    link = Link()
    link.deaf = True
    link.call("get_prop")
    gaps = [round(later - earlier, 6) for earlier, later in itertools.pairwise(hellos(link))]
    assert min(gaps) == pytest.approx(0.3)
    assert gaps == sorted(gaps)


def test_a_wrong_token_is_the_likely_reason_when_hellos_are_answered() -> None:
    link = Link(token=WRONG)
    with pytest.raises(DeviceTimeout, match="token may be wrong") as caught:
        link.call("get_prop").outcome()
    assert not isinstance(caught.value, OutcomeUnknown)
    with pytest.raises(OutcomeUnknown, match="may have been executed"):
        link.call("toggle").outcome()


def test_a_device_that_shows_another_token_gives_it_away() -> None:
    link = Link(token=WRONG, options=ResponderOptions(show_token=True))
    with pytest.raises(DeviceTimeout, match="shows another token") as caught:
        link.call("get_prop").outcome()
    assert TOKEN.hex() not in str(caught.value)


def test_a_device_that_vanishes_in_mid_command() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    with pytest.raises(OutcomeUnknown, match="nothing at all was heard"):
        link.call("toggle").outcome()


def test_after_silence_the_next_command_is_greeted() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    link.call("get_prop", timeout=0.5, retry_count=0)
    link.deaf = False
    before = len(hellos(link))
    assert link.call("get_prop").outcome()
    assert len(hellos(link)) == before + 1


def test_a_command_behind_others_ends_in_time_and_was_never_sent() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    first = link.start("get_prop", timeout=5, retry_count=3)
    second = link.start("toggle", timeout=1, retry_count=0)
    link.run()
    with pytest.raises(DeviceTimeout, match="not sent") as caught:
        second.outcome()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert not caught.value.asked
    with pytest.raises(DeviceTimeout) as caught:
        first.outcome()
    assert caught.value.asked


@pytest.mark.parametrize("command", [True, False])
def test_one_that_begins_after_its_end_says_so(command: bool) -> None:
    link = Link()
    ends: dict[str, Any] = {"timeout": 1, "retry_count": 0}
    session = link.session
    call = session.command("toggle", [], link.now, **ends) if command else session.handshake(link.now, **ends)
    session.begin(call, call.deadline + 2)
    with pytest.raises(
        DeviceTimeout, match="was not sent, because its time was over before its turn"
    ) as caught:
        call.outcome()
    assert not caught.value.asked


# --- errors from the device -------------------------------------------------------------------------------------------


def answering(*replies: dict[str, Any]) -> tuple[Link, list[int]]:
    """A device that gives these answers in turn (the last one for ever), and the count of requests it got."""
    link = Link()
    count = [0]

    def answer(request: Request) -> dict[str, Any]:
        count[0] += 1
        return replies[min(count[0], len(replies)) - 1]

    link.replies = {"get_x": answer, "toggle": answer}
    return link, count


def test_an_error_carries_all_the_device_said() -> None:
    link, _ = answering({"error": (-32601, "Method not found."), "extra": {"exe_time": 120}})
    with pytest.raises(DeviceError, match="does not know the method") as caught:
        link.call("toggle").outcome()
    error = caught.value
    assert (error.code, error.message, error.method, error.exe_time) == (
        -32601,
        "Method not found.",
        "toggle",
        120,
    )
    assert error.id == link.session.last_id


def test_an_mcu_that_does_not_answer_is_tried_again_for_reads_only() -> None:
    timeout = {"error": (-9999, "user ack timeout"), "extra": {"exe_time": 4000}}
    link, count = answering(timeout)
    with pytest.raises(McuTimeout):
        link.call("get_x", retry_count=2).outcome()
    assert count == [3]
    link, count = answering(timeout)
    with pytest.raises(McuTimeout, match="4000 ms"):
        link.call("toggle", retry_count=2).outcome()
    assert count == [1]
    link, count = answering(timeout, {"result": 5})
    assert link.call("get_x").outcome() == 5


def test_a_slow_mcu_is_not_flooded_with_reads() -> None:
    """A resend that is still unanswered is the next attempt; each error does not cause one more."""
    link, count = answering({"error": (-9999, "user ack timeout")})
    link.work = 2.5
    with pytest.raises(McuTimeout):
        link.call("get_x", retry_count=1).outcome()
    assert count == [2]


def test_a_full_queue_is_tried_again_after_a_pause_also_for_unsafe_commands() -> None:
    link, count = answering({"error": (-30012, "Busy.")}, {"result": ["ok"]})
    started = link.now
    assert link.call("toggle").outcome() == ["ok"]
    assert count == [2]
    assert link.now - started >= 0.3
    assert len({request["id"] for request in commands(link)}) == 2


def test_a_busy_device_that_then_falls_silent() -> None:
    link, _ = answering({"error": (-30012, "Busy.")})
    original = link.answer

    def answer_once(request: Request) -> None:
        original(request)
        link.deaf = True

    link.answer = answer_once  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        link.call("toggle").outcome()


def test_a_device_that_is_busy_until_the_end_never_ran_the_command() -> None:
    link, count = answering({"error": (-30012, "Busy.")})
    link.work = 1.9
    with pytest.raises(DeviceError, match="queue is full"):
        link.call("toggle", timeout=1, retry_count=1).outcome()
    assert count == [1]


@pytest.mark.parametrize("code", [-5001, -32602, -30020, -4003, -1])
def test_what_another_attempt_cannot_change_is_not_tried_again(code: int) -> None:
    link, count = answering({"error": (code, "")})
    with pytest.raises(DeviceError):
        link.call("get_x").outcome()
    assert count == [1]


# --- what arrives besides answers ------------------------------------------------------------------------------------


def test_strays_are_dropped_and_counted() -> None:
    link = Link(work=0.05)
    link.call("get_prop")
    call = link.start("get_prop", ["mine"])
    token, now = TOKEN, link.now
    for datagram in [
        b"",
        b"garbage",
        hello_reply(device_id=DEVICE_ID, stamp=500),
        hello_reply(device_id=99, stamp=3),
        HELLO,
        encode({"id": 1, "result": ["stray"]}, token=token, device_id=DEVICE_ID, stamp=500),
        encode({"result": ["no id"]}, token=token, device_id=DEVICE_ID, stamp=500),
        encode({"id": True, "result": ["no id"]}, token=token, device_id=DEVICE_ID, stamp=500),
        encode(["list"], token=token, device_id=DEVICE_ID, stamp=500),
        encode({"id": call.id, "result": ["spoofed"]}, token=WRONG, device_id=DEVICE_ID, stamp=500),
        encode({"id": call.id, "result": ["other"]}, token=token, device_id=5, stamp=500),
    ]:
        link.session.receive(datagram, now)
        assert not call.done
    link.run()
    assert call.outcome() == ["get_prop", ["mine"]]
    assert link.session.dropped["bad sign"] == 1
    assert link.session.dropped["another device id"] == 1
    assert link.session.dropped["hello reply of another device"] == 1


def test_a_hello_reply_in_place_of_an_answer_is_a_hello_reply() -> None:
    link = Link(work=0.05)
    call = link.start("get_prop")
    link.step()
    for _ in range(3):
        link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=500), link.now)
    link.run()
    assert call.outcome() == ["get_prop", []]


def test_a_spoofed_hello_reply_only_delays() -> None:
    link = Link()
    call = link.start("get_prop")
    link.session.receive(hello_reply(device_id=5, stamp=77), link.now)
    link.run()
    assert call.outcome() == ["get_prop", []]
    assert link.session.device_id == DEVICE_ID


def test_many_lying_hello_replies_do_not_make_us_shout() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    link.start("get_prop")
    link.pass_time(0.3)
    link.session.tick(link.now)
    link._carry_from_session()
    for number in range(200):
        link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=10_000 * (number % 2 + 1)), link.now)
        link._carry_from_session()
    assert len(commands(link)) < 20


def test_an_unreadable_answer_to_a_read_is_tried_again_and_then_named() -> None:
    link = Link(options=ResponderOptions(damage=("empty",)))
    started = link.now
    with pytest.raises(PayloadDecodeException, match="no data") as caught:
        link.call("get_prop").outcome()
    assert caught.value.kind == "empty"
    assert link.now - started < 5
    assert link.executed["get_prop", "[]"] == 4


def test_an_unreadable_answer_is_traced_with_its_reason() -> None:
    link = Link(options=ResponderOptions(damage=("cut off",)), observed=True)
    link.call("get_prop", retry_count=0)
    assert ("up", "not JSON") in [(told.direction, told.note) for told in link.session.take_told()]


def test_acknowledgements_are_traced() -> None:
    link = Link(observed=True)
    link.call("get_prop")
    link.session.receive(push(7), link.now)
    assert link.session.take_told()[-1].plain == b'{"id":7,"result":{"code":0}}'
    assert link.session.take_told() == []


def test_an_unreadable_answer_to_an_unsafe_command_leaves_the_outcome_open() -> None:
    link = Link(options=ResponderOptions(damage=("cut off",), id_memory="silent"))
    with pytest.raises(OutcomeUnknown, match="not JSON"):
        link.call("toggle").outcome()
    assert link.executed["toggle", "[]"] == 1


def test_an_answer_without_content_ends_an_unsafe_command_at_once() -> None:
    link = Link(options=ResponderOptions(damage=("empty",), id_memory="silent"))
    started = link.now
    with pytest.raises(
        PayloadDecodeException, match=r"answered toggle without any content\. The command may have"
    ) as caught:
        link.call("toggle").outcome()
    assert (caught.value.kind, caught.value.may_have_run) == ("empty", True)
    assert "ask for less" not in str(caught.value)
    assert link.now - started < 1
    assert link.executed["toggle", "[]"] == 1


def test_so_it_does_each_time() -> None:
    link = Link(options=ResponderOptions(damage=("empty",), id_memory="silent"))
    link.call("toggle")
    link.pass_time(1.1)  # another stamp
    started = link.now
    with pytest.raises(PayloadDecodeException, match="answered other without any content"):
        link.call("other").outcome()
    assert link.now - started < 1


def test_a_doubled_answer_without_content_does_not_end_the_next_command() -> None:
    link = Link(options=ResponderOptions(damage=("empty",), id_memory="silent"))
    seen: list[bytes] = []
    to_session = link.to_session
    link.to_session = lambda datagram: (seen.append(datagram), to_session(datagram))[1]  # type: ignore[method-assign]
    link.call("toggle")
    link.deaf = True
    call = link.start("other")
    link.session.receive(seen[-1], link.now)
    assert (call.sends, call.done) == (1, False)
    link.session.abandon(call, "enough", link.now)


def test_answers_without_content_are_no_hint_at_long_replies() -> None:
    call = Link().session.command("toggle", [], 0.0, timeout=5.0, retry_count=0)
    call.first_sent, call.copies_out, call.sends = 0.0, 1, 1
    call.note_damage("empty")
    text = str(call.timed_out("10.0.0.9", 5.0))
    assert "without any content (1 x empty)" in text
    assert "ask for less" not in text
    call.note_damage("bad sign")
    assert "ask for less" in str(call.timed_out("10.0.0.9", 5.0))


def test_mending_is_told_once_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    link = Link(options=ResponderOptions(damage=("leading zeros",)))
    link.replies["get_x"] = lambda request: {"result": [5]}
    for _ in range(3):
        link.call("get_x")
    told = [record.getMessage() for record in caplog.records if "mended" in record.getMessage()]
    assert told == ["10.0.0.9 sent a damaged reply, which was mended: leading zeros of a number were dropped"]


def test_kinds_of_mending_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    session = Link().session
    session._note_repairs(tuple(f"'{number}' had no value: null" for number in range(100)))
    assert len(caplog.records) == len(session.mended) == 16


def test_replies_too_long_for_the_device_are_named() -> None:
    link = Link(options=ResponderOptions(damage=("bad sign",)))
    with pytest.raises(DeviceTimeout, match=r"bad sign.*ask for less"):
        link.call("get_prop").outcome()


@pytest.mark.parametrize(
    "damage", ["nul", "nuls", "nul and rubbish", "doubled comma", "leading zeros", "raw bytes", "pretty"]
)
def test_repaired_answers_still_match(damage: str) -> None:
    link = Link(options=ResponderOptions(damage=(damage,)))
    link.replies["get_x"] = lambda request: {"result": ["a", 5, {"k": 7}]}
    assert link.call("get_x", retry_count=0).done


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"result": ["ok"]}, ["ok"]),
        ({"result": 0, "code": 0, "message": "ok"}, 0),
        ({"result": None}, None),
        ({"code": 0}, {"code": 0}),
        ({"model": "a.b.c", "fw_ver": "1"}, {"model": "a.b.c", "fw_ver": "1"}),
        ({"exe_time": 5}, None),
        ({}, None),
        ({"error": None, "result": [1]}, [1]),
        ({"error": {"code": -5001, "message": "x"}}, -5001),
        ({"error": {"code": "-5001"}}, -5001),
        ({"error": {"code": "what"}}, None),
        ({"error": -1}, -1),
        ({"error": "timeout"}, None),
        ({"code": -32601, "message": "Method not found."}, -32601),
        ({"result": "unknown_method"}, -32601),
        ({"result": ["unknown_method"]}, -32601),
        ({"code": "-5001", "message": "x"}, -5001),
        ({"error": {"code": 0, "message": "ok"}, "result": [1]}, [1]),
        ({"error": {}, "result": [1]}, [1]),
        ({"error": False, "result": [1]}, [1]),
        ({"error": "", "result": [1]}, [1]),
        ({"error": 0, "result": [1]}, [1]),
        ({"error": 0}, 0),
        ({"error": False}, None),
        ({"error": -1, "result": [1]}, -1),
        ({"method": "toggle", "result": ["ok"]}, ["ok"]),
        ({"method": "toggle", "error": {"code": -5001}}, -5001),
    ],
)
def test_shapes_of_answers(payload: dict[str, Any], expected: object) -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("toggle", [])
    reply = encode({"id": call.id, **payload}, token=TOKEN, device_id=DEVICE_ID, stamp=500)
    link.session.receive(reply, link.now)
    assert call.done
    if call.error is not None:
        assert isinstance(call.error, DeviceError)
        assert call.error.code == expected
    elif isinstance(expected, dict):
        assert call.outcome() == {"id": call.id, **expected}
    else:
        assert call.outcome() == expected


def test_an_error_that_is_a_text_is_told() -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("miIO.info")
    reply = encode({"id": call.id, "error": "no such thing"}, token=TOKEN, device_id=DEVICE_ID, stamp=500)
    link.session.receive(reply, link.now)
    with pytest.raises(DeviceError, match=r"miIO\.info: no such thing"):
        call.outcome()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": -3, "error": "unsupported method"}, r"\(code -3, 'unsupported method'\)"),
        ({"code": "-3", "msg": "unsupported method"}, r"\(code -3, 'unsupported method'\)"),
        ({"code": -3, "message": "", "error": "other"}, r"\(code -3\)"),
        ({"code": 0, "message": "ok"}, r"\(code 0, 'ok'\)$"),
        ({"code": False}, r"refused by the device \(without a code\)"),
        ({}, r"refused by the device \(without a code\)"),
    ],
)
def test_what_an_error_says_is_told(error: dict[str, Any], words: str) -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("miIO.info")
    link.session.receive(
        encode({"id": call.id, "error": error}, token=TOKEN, device_id=DEVICE_ID, stamp=500), link.now
    )
    with pytest.raises(DeviceError, match=words):
        call.outcome()


@pytest.mark.parametrize("written", [str, float])
def test_an_id_written_otherwise_still_matches(written: Callable[[int], object]) -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("get_prop")
    reply = encode({"id": written(call.id), "result": 1}, token=TOKEN, device_id=DEVICE_ID, stamp=500)
    link.session.receive(reply, link.now)
    assert call.outcome() == 1


def test_an_answer_that_repeats_the_method_is_no_push() -> None:
    link = Link()
    link.call("get_prop")
    call = link.start("get_prop")
    link.session.take_output()
    reply = {"id": call.id, "method": "get_prop", "result": ["on"]}
    link.session.receive(encode(reply, token=TOKEN, device_id=DEVICE_ID, stamp=500), link.now)
    assert call.outcome() == ["on"]
    assert not link.session.pushes.arrived
    assert not link.session.take_output()  # nothing is acknowledged


@pytest.mark.parametrize(
    "answer", [{"result": 1}, {"id": None, "result": 1}, {"id": 0, "result": 1}, [{"id": 1, "result": 1}]]
)
def test_answers_that_belong_to_nothing_are_told_of_and_the_token_is_not_blamed(answer: object) -> None:
    link = Link()
    link.call("get_prop")
    link.fate = lambda direction: [0.002] if direction == "down" else []
    call = link.start("get_prop", retry_count=0)
    for _ in range(2):
        link.session.receive(encode(answer, token=TOKEN, device_id=DEVICE_ID, stamp=500), link.now)
    link.run()
    with pytest.raises(
        DeviceTimeout, match=r"2 answers came under the right token, but with no id"
    ) as caught:
        call.outcome()
    assert "may be wrong" not in str(caught.value)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 100.0])
def test_a_late_answer_to_an_earlier_command_is_not_told_of(seconds: float) -> None:
    link = Link()
    link.call("get_prop")
    given_up = link.start("get_prop")
    link.session.abandon(given_up, "interrupted", link.now)
    link.pass_time(seconds)
    call = link.start("get_prop")
    answer = encode({"id": given_up.id, "result": 1}, token=TOKEN, device_id=DEVICE_ID, stamp=500)
    link.session.receive(answer, link.now)
    assert call.strays == 0


@pytest.mark.parametrize("memory", ["normal", "silent", "replay"])
def test_late_answers_to_questions_of_the_session_are_not_told_of(memory: Any) -> None:
    """A command that must not run twice is not answered; the session asks, and the network doubles the answers."""
    link = Link(options=ResponderOptions(id_memory=memory))
    link.replies["toggle"] = lambda _: {"result": 1}
    link.call("get_prop")
    link.fate = lambda direction: [0.4, 0.9] if direction == "up" else [0.002]
    link.device.reply = lambda *args, **words: (  # type: ignore[method-assign]
        args[0].method == "toggle" or Responder.reply(link.device, *args, **words)
    )
    call = link.call("toggle")
    with pytest.raises(OutcomeUnknown):
        call.outcome()
    assert call.strays == 0


# --- pushes -----------------------------------------------------------------------------------------------------------


def push(number: int, method: str = "properties_changed", params: object = (), *, stamp: int = 501) -> bytes:
    payload = {"id": number, "method": method, "params": list(params) if params == () else params}
    return encode(payload, token=TOKEN, device_id=DEVICE_ID, stamp=stamp)


def acknowledgements(link: Link) -> list[dict[str, Any]]:
    return [request for request in commands(link) if "method" not in request]


def test_pushes_are_acknowledged_each_time_and_handed_over_once() -> None:
    link = Link()
    link.call("get_prop")
    for _ in range(3):
        link.session.receive(push(7, params=[{"siid": 2, "piid": 1, "value": True}]), link.now)
    link.session.receive(push(8, "event_occured", {"siid": 3}), link.now)
    link.session.receive(push(9, "_otc.log", []), link.now)
    link._carry_from_session()
    assert [(event.id, event.method) for event in link.session.pushes.arrived] == [
        (7, "properties_changed"),
        (8, "event_occured"),
        (9, "_otc.log"),
    ]
    assert acknowledgements(link) == [
        {"id": 7, "result": {"code": 0}},
        {"id": 7, "result": {"code": 0}},
        {"id": 7, "result": {"code": 0}},
        {"id": 8, "result": {"code": 0}},
        {"id": 9, "result": "ok"},
    ]


def test_a_push_is_new_again_after_a_while_and_memory_is_bounded() -> None:
    link = Link()
    link.call("get_prop")
    link.session.receive(push(7), link.now)
    link.session.receive(push(7, stamp=532), link.now + 31)
    assert len(link.session.pushes.arrived) == 2
    for number in range(3000):
        link.session.receive(push(number), link.now + 40)
    assert len(link.session.pushes.arrived) == 1000
    assert len(link.session.pushes._seen) <= 1000


def test_the_same_id_with_another_content_is_another_push() -> None:
    link = Link()
    link.call("get_prop")
    for value in (1, 2, 1, 2):
        link.session.receive(push(7, params=[{"siid": 2, "piid": 2, "value": value}]), link.now)
    assert [each.params[0]["value"] for each in link.session.pushes.arrived] == [1, 2]


@pytest.mark.parametrize("told_by", ["push", "hello", "answer"])
def test_nothing_that_a_restarted_device_tells_is_a_repeat(told_by: str) -> None:
    link = Link()
    link.call("get_prop")
    link.session.receive(push(1, params=[7], stamp=500), link.now)
    link.pass_time(9)
    link.restart(link.now)
    link.pass_time(1)
    if told_by == "hello":
        link.session._say_hello(link.now)
        link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=1), link.now)
    if told_by == "answer":
        link.call("get_prop")
    for stamp in (
        2,
        2,
        4,
        500,
    ):  # once, three repeats: by the network, by the device, and an old one by somebody
        link.session.receive(push(1, params=[7], stamp=stamp), link.now)
    assert [each.params for each in link.session.pushes.arrived] == [[7], [7]]


def test_one_restart_is_not_taken_for_two() -> None:
    """A late answer to a hello shows the clock of before; then the clock falls again, and nothing restarted."""
    link = Link()
    link.call("get_prop")
    link.restart(link.now)
    link.pass_time(0.5)
    link.session.receive(push(1, params=[7], stamp=0), link.now)
    link.session._say_hello(link.now)
    link.pass_time(0.4)
    link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=500), link.now)
    link.pass_time(0.3)
    link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=1), link.now)
    link.session.receive(push(1, params=[7], stamp=1), link.now)
    assert len(link.session.pushes.arrived) == 1
    link.pass_time(9)
    link.restart(link.now)
    link.pass_time(3)
    link.session.receive(push(1, params=[7], stamp=3), link.now)
    assert len(link.session.pushes.arrived) == 2


def test_the_very_same_datagram_is_new_after_a_restart() -> None:
    link = Link()
    link.call("get_prop")
    link.restart(link.now)
    for _ in range(2):
        link.call("get_prop")
        link.pass_time(5)
        link.session.receive(push(1, params=[7], stamp=5), link.now)
        link.session.receive(push(1, params=[7], stamp=5), link.now)
        link.pass_time(5)
        link.restart(link.now)
    assert len(link.session.pushes.arrived) == 2


def test_requests_nobody_can_answer_are_dropped() -> None:
    link = Link()
    link.call("get_prop")
    for payload in [{"method": "props"}, {"id": 5, "method": 7}]:
        link.session.receive(encode(payload, token=TOKEN, device_id=DEVICE_ID, stamp=501), link.now)
    assert link.session.take_output() == []
    assert not link.session.pushes.arrived


# --- the socket's news ------------------------------------------------------------------------------------------------


def test_a_closed_port_ends_the_call_soon() -> None:
    session = Session(TOKEN, peer="10.0.0.9")
    now = 50.0
    call = session.command("toggle", [], now, timeout=5, retry_count=3)
    session.begin(call, now)
    while not call.done:
        if session.take_output():
            session.unreachable("nothing listens", now)
        assert call.done or session.deadline is not None
        now = max(now, session.deadline or now)
        session.tick(now)
    assert 52 <= now < 55
    with pytest.raises(DeviceTimeout, match=r"nothing listens\. Check the address and the port"):
        call.outcome()


def test_refusals_while_the_device_restarts_are_forgiven() -> None:
    link = Link()
    call = link.start("get_prop")
    for _ in range(5):
        link.session.unreachable("nothing listens", link.now)
    link.run()
    assert call.outcome() == ["get_prop", []]


def test_what_lay_unread_says_nothing_about_the_clock() -> None:
    link = Link()
    link.call("get_prop")
    link.pass_time(100)
    link.session.receive(hello_reply(device_id=DEVICE_ID, stamp=500), link.now, stale=True)
    link.session.receive(push(7), link.now, stale=True)
    assert link.session.clock.stamp(link.now) == 600
    assert len(link.session.pushes.arrived) == 1


def test_abandoned_calls_are_gone() -> None:
    link = Link(work=1)
    first, second, third = link.start("get_prop"), link.start("toggle"), link.start("toggle")
    link.session.abandon(second, "interrupted", link.now)
    with pytest.raises(DeviceException, match="interrupted") as caught:
        second.outcome()
    assert not isinstance(caught.value, OutcomeUnknown)
    link.pass_time(0.2)
    link.session.abandon(first, "interrupted", link.now)
    link._carry_from_session()
    link.session.abandon_all("closed")
    with pytest.raises(OutcomeUnknown, match="closed"):
        third.outcome()
    assert not link.session.busy
    assert link.session.deadline is None
    link.session.abandon(third, "twice does nothing", link.now)


def test_after_a_command_that_was_given_up_the_next_one_is_sent_at_once() -> None:
    link = Link(work=100)
    link.call("miIO.info")
    given_up, waiting = link.start("toggle"), link.start("start_clean")
    link.pass_time(1)
    assert [sent["method"] for sent in commands(link)] == ["miIO.info", "toggle"]
    link.session.abandon(given_up, "cancelled", link.now)
    link.work = 1
    link._carry_from_session()
    assert [sent["method"] for sent in commands(link)] == ["miIO.info", "toggle", "start_clean"]
    link.run()
    assert [sent["method"] for sent in commands(link)] == ["miIO.info", "toggle", "start_clean"]
    assert waiting.outcome() == ["start_clean", []]


def test_the_calls_that_ended_are_told_once() -> None:
    link = Link()
    first, second = link.start("get_prop"), link.start("get_prop")
    assert link.session.take_ended() == []
    while not first.done:
        link.step()
    assert link.session.take_ended() == [first]
    assert link.session.take_ended() == []
    link.session.abandon_all("closed")
    assert link.session.take_ended() == [second]


def test_a_call_without_an_answer_is_told_as_ended() -> None:
    link = Link(fate=lambda _: [])
    call = link.call("get_prop")
    assert link.session.take_ended() == [call]


def test_a_handshake_does_not_wait_behind_a_command() -> None:
    link = Link(work=10)
    link.call("miIO.info")
    slow = link.start("toggle")
    greeting = link.session.handshake(link.now, timeout=5, retry_count=0)
    link.session.begin(greeting, link.now)
    link._carry_from_session()
    link.pass_time(1)
    assert greeting.done
    assert not slow.done


def test_a_handshake_holds_up_no_command() -> None:
    link = Link()
    link.call("miIO.info")
    link.fate = lambda direction: [] if len(link.sent[-1][1]) == 32 else [0.002]  # hellos get lost
    greeting = link.session.handshake(link.now, timeout=5, retry_count=0)
    link.session.begin(greeting, link.now)
    link._carry_from_session()
    began = link.now
    call = link.start("get_prop")
    while not call.done:
        link.step()
    assert link.now - began < 0.1
    assert not greeting.done


def test_handshakes_do_not_add_to_the_commands_in_flight() -> None:
    link = Link(work=10)
    link.call("miIO.info")
    greeting = link.session.handshake(link.now, timeout=5, retry_count=0)
    link.session.begin(greeting, link.now)
    link.start("toggle")
    link.start("start_clean")
    assert [sent["method"] for sent in commands(link)] == ["miIO.info", "toggle"]


# --- what is refused before anything is sent --------------------------------------------------------------------------


def test_a_request_that_devices_would_not_read_is_refused() -> None:
    link = Link()
    longest = 0
    for length in range(800, 1000):
        try:
            link.call("get_prop", ["x" * length]).outcome()
        except RequestTooLong as error:
            assert "1000" in str(error)
            break
        longest = max(len(datagram) for _, datagram in link.sent)
    assert MAX_REQUEST - 16 < longest <= MAX_REQUEST
    before = len(link.sent)
    with pytest.raises(ValueError, match="shorten the parameters"):
        link.call("get_prop", ["x" * 1000])
    assert len(link.sent) == before
    assert not link.session.busy


@pytest.mark.parametrize("params", [{1, 2}, [float("nan")], object(), [b"bytes"]])
def test_parameters_without_json_form_are_refused(params: object) -> None:
    link = Link()
    with pytest.raises(DeviceException, match="no JSON form"):
        link.session.command("get_prop", params, link.now, timeout=5, retry_count=0)
    assert link.session.take_output() == []


@pytest.mark.parametrize("key", ["id", "method", "params"])
def test_extras_do_not_replace_the_request(key: str) -> None:
    link = Link()
    with pytest.raises(ValueError, match=key):
        link.session.command("get_prop", [], link.now, timeout=5, retry_count=0, extra={key: 1})


def test_without_a_token_the_one_shown_is_used() -> None:
    link = Link(token=None, options=ResponderOptions(show_token=True))
    assert link.call("get_prop").outcome()
    assert link.session.token == TOKEN


def test_without_a_token_and_with_none_shown_there_is_nothing_to_do() -> None:
    link = Link(token=None)
    with pytest.raises(InvalidTokenException, match="no token was given"):
        link.call("get_prop").outcome()
    link.session.receive(encode({"id": 1}, token=TOKEN, device_id=DEVICE_ID, stamp=1), link.now)
    assert link.session.dropped["no token to read it with"] == 1


def test_the_trace_shows_all_but_no_token() -> None:
    link = Link(options=ResponderOptions(show_token=True), observed=True)
    link.call("get_prop")
    seen = link.session.take_told()
    assert [(told.direction, told.note) for told in seen] == [
        ("down", "hello"),
        ("up", "hello"),
        ("down", ""),
        ("up", ""),
    ]
    assert all(TOKEN not in told.plain for told in seen)
    assert b"get_prop" in seen[2].plain


# --- over a bad link --------------------------------------------------------------------------------------------------


@st.composite
def bad_links(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 2**32)),
        "loss": draw(st.floats(0, 0.6)),
        "double": draw(st.floats(0, 0.5)),
        "delay": draw(st.sampled_from([0.001, 0.05, 0.5, 3.0])),
        "memory": draw(st.sampled_from(["silent", "replay"])),
        "work": draw(st.sampled_from([0.0, 0.1, 2.0])),
        "in_flight": draw(st.integers(1, 3)),
        "calls": draw(
            st.lists(
                st.tuples(st.sampled_from(["get_prop", "toggle", "set_properties", "action"]), st.booleans()),
                min_size=1,
                max_size=12,
            )
        ),
    }


@given(bad_links())
def test_over_any_link_calls_end_in_time_with_their_own_answer_and_run_at_most_once(
    plan: dict[str, Any],
) -> None:
    rng = random.Random(plan["seed"])

    def fate(_: str) -> list[float]:
        if rng.random() < plan["loss"]:
            return []
        copies = 2 if rng.random() < plan["double"] else 1
        return [rng.uniform(0.001, plan["delay"]) for _ in range(copies)]

    options = ResponderOptions(id_memory=plan["memory"], id_memory_size=64)
    link = Link(fate=fate, options=options, work=plan["work"], max_in_flight=plan["in_flight"], rng=rng)
    calls = []
    for number, (method, together) in enumerate(plan["calls"]):
        calls.append(link.start(method, [number]))
        if not together:
            link.run()
    link.run()
    link.pass_time(30)
    for number, call in enumerate(calls):
        unsafe = not is_repeat_safe(call.method or "")
        times = link.executed[call.method or "", repr([number])]
        assert not unsafe or times <= 1
        try:
            assert call.outcome() == [call.method, [number]]
            assert times >= 1
        except OutcomeUnknown:
            assert unsafe
        except DeviceTimeout:
            assert not unsafe or times == 0


@given(st.lists(st.binary(max_size=120), max_size=20), st.booleans())
def test_nothing_that_arrives_raises(datagrams: list[bytes], authentic: bool) -> None:
    link = Link(work=0.01)
    call = link.start("get_prop")
    link.step()
    for content in datagrams:
        datagram = (
            packet.encode(content, token=TOKEN, device_id=DEVICE_ID, stamp=500) if authentic else content
        )
        link.session.receive(datagram, link.now)
    link.fate = prompt
    link.run()
    assert call.done
