"""Late copies: sets that wait for them, and answers that cannot be read and may be anybody's."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.link import DEVICE_ID, TOKEN, Link

from miio_lan.errors import DeviceTimeout, PayloadDecodeException
from miio_lan.lan.client.repeating.afoot import Afoot, targets
from miio_lan.lan.packet import HELLO, decode, encode
from miio_lan.lan.responder.responder import Request


def setting(piid: int, value: object) -> list[dict[str, Any]]:
    return [{"did": "x", "siid": 2, "piid": piid, "value": value}]


def sends(link: Link, method: str) -> list[float]:
    found = []
    for instant, datagram in link.sent:
        payload = None if datagram == HELLO else decode(datagram, TOKEN).payload
        if isinstance(payload, dict) and payload.get("method") == method:
            found.append(instant)
    return found


def test_what_a_command_sets() -> None:
    assert targets("set_properties", setting(1, 5)) == {("2", "1")}
    assert targets("set_properties", "odd") == frozenset()
    assert targets("set_properties", [1, {}]) == {("None", "None")}
    assert targets("set_power", ["on"]) == {("set_power",)}
    assert targets("get_properties", setting(1, 5)) == frozenset()
    assert targets(None, None) == frozenset()


def test_a_copy_is_under_way_for_two_seconds_or_until_it_is_answered() -> None:
    afoot = Afoot()
    sets = frozenset({("2", "1")})
    afoot.left(7, 100.0, sets)
    assert afoot.free_at(sets, 101.0) == 102.0
    assert afoot.free_at(frozenset({("2", "2")}), 101.0) == 101.0
    assert afoot.anything(101.9)
    assert not afoot.anything(102.0)
    afoot.left(8, 100.0, sets)
    assert not afoot.answered(9)
    assert afoot.answered(8)
    assert not afoot.answered(8)
    assert afoot.free_at(sets, 101.0) == 101.0


def test_of_several_copies_under_one_id_an_answer_is_one_to_any() -> None:
    afoot = Afoot()
    sets = frozenset({("2", "1")})
    afoot.left(7, 100.0, sets, again=True)
    assert not afoot.answered(7)
    assert afoot.free_at(sets, 101.0) == 102.0
    assert afoot.anything(101.9)
    assert not afoot.anything(102.0)


def test_a_copy_whose_other_was_answered_may_still_be_answered_unreadably() -> None:
    """A device that replays: what cannot be read may be its second answer to the command before."""
    link = delayed_first_copy(1.0)
    link.session.memory.remembers = True
    assert link.call("set_properties", setting(1, "old")).sends == 2
    link.work = 3.0
    call = link.start("get_prop", retry_count=0)
    link.pass_time(0.1)
    link.session.receive(unreadable(), link.now)
    assert call.unreadable is None
    link.run()
    assert call.outcome() == ["get_prop", []]


def test_what_is_remembered_is_bounded() -> None:
    afoot = Afoot()
    for number in range(3000):
        afoot.left(number, 100.0, frozenset())
    assert len(afoot._copies) == 1000


def delayed_first_copy(seconds: float) -> Link:
    """A link on which the first set takes long on its way, so that it is sent again."""
    link = Link()
    link.call("get_prop")
    link.call("set_properties", setting(1, 0)).outcome()
    link.sent.clear()
    left = [1]
    original = link.to_device

    def to_device(datagram: bytes) -> None:
        payload = None if datagram == HELLO else decode(datagram, TOKEN).payload
        if isinstance(payload, dict) and payload.get("method") == "set_properties" and left[0]:
            left[0] = 0
            link._plan(seconds, "to_device", datagram)
        else:
            original(datagram)

    link.to_device = to_device  # type: ignore[method-assign]
    return link


def test_a_newer_set_of_a_property_waits_for_the_late_copy_of_an_older_one() -> None:
    link = delayed_first_copy(0.9)
    ran: list[object] = []
    link.replies["set_properties"] = lambda request: {"result": [ran.append(request.params) or 0]}
    link.call("set_properties", setting(1, "old")).outcome()
    link.call("set_properties", setting(1, "new")).outcome()
    link.pass_time(5)
    assert ran[-1] == setting(1, "new")
    assert len(ran) == 3


def test_the_late_answer_ends_the_wait() -> None:
    link = delayed_first_copy(0.5)
    link.call("set_properties", setting(1, "old")).outcome()
    before = link.now
    link.call("set_properties", setting(1, "new")).outcome()
    assert link.now - before < 0.5


def test_the_wait_is_bounded_and_others_do_not_wait() -> None:
    link = delayed_first_copy(1000.0)
    link.call("set_properties", setting(1, "old")).outcome()
    before = link.now
    link.call("set_properties", setting(2, "other")).outcome()
    link.call("get_prop").outcome()
    assert link.now - before < 0.1
    link.call("set_properties", setting(1, "new")).outcome()
    assert 1.0 < link.now - before < 2.0


def test_with_several_in_flight_a_set_waits_for_the_older_one() -> None:
    link = Link(work=0.3, max_in_flight=3)
    link.call("get_prop")
    order: list[object] = []
    link.replies["set_properties"] = lambda request: {"result": [order.append(request.params) or 0]}
    calls = [link.start("set_properties", setting(1, number)) for number in range(3)]
    most = 0
    while link.session.busy:
        link.step()
        most = max(most, sum(call.first_sent is not None and not call.done for call in calls))
    assert most == 1
    assert order == [setting(1, number) for number in range(3)]


@given(st.integers(0, 2**32), st.floats(0, 0.3), st.sampled_from([0.05, 0.4, 0.8]), st.floats(0, 0.3))
def test_no_older_value_ever_replaces_a_newer_one(seed: int, loss: float, delay: float, work: float) -> None:
    rng = random.Random(seed)
    link = Link(fate=lambda _: [] if rng.random() < loss else [rng.uniform(0.001, delay)], work=work, rng=rng)
    arrived: list[Any] = []
    link.replies["set_properties"] = lambda request: {"result": [arrived.append(request.params) or 0]}
    for number in range(12):
        try:
            link.call("set_properties", setting(1, number), timeout=1.0, retry_count=3).outcome()
        except DeviceTimeout:
            continue
    link.pass_time(10)
    values = [params[0]["value"] for params in arrived]
    assert values == sorted(values)


# --- several objects for one device -----------------------------------------------------------------------------------


def two_for_one_device(**options: Any) -> tuple[Link, Link]:
    """Two sessions that stand in one line, each at a link of its own; a test moves their clocks together."""
    one, other = Link(**options), Link(**options)
    other.session.share(one.session.line)
    for link in (one, other):
        link.call("get_prop")
        link.sent.clear()
    one.now = other.now = max(one.now, other.now)
    return one, other


def lose_a_set(link: Link) -> float:
    """Send a set that is not answered, and tell when it went out."""
    link.deaf = True
    with pytest.raises(DeviceTimeout):
        link.call("set_properties", setting(1, "old"), timeout=0.5, retry_count=0).outcome()
    return sends(link, "set_properties")[-1]


def test_a_newer_set_waits_for_the_late_copy_of_another_objects_older_one() -> None:
    one, other = two_for_one_device()
    lost = lose_a_set(one)
    other.now = one.now
    other.call("set_properties", setting(2, "elsewhere")).outcome()
    assert other.now - one.now < 0.1
    other.call("set_properties", setting(1, "new")).outcome()
    assert lost + 2.0 <= sends(other, "set_properties")[-1] < lost + 2.2


def test_the_late_answer_that_the_one_hears_ends_the_wait_of_the_other() -> None:
    one, other = two_for_one_device(work=0.8)
    with pytest.raises(DeviceTimeout):
        one.call("set_properties", setting(1, "old"), timeout=0.5, retry_count=0).outcome()
    other.now = one.now
    call = other.start("set_properties", setting(1, "new"))
    assert call.first_sent is None
    one.pass_time(0.5)
    heard = one.now
    other.run()
    assert call.first_sent is not None
    assert call.first_sent < heard + 0.2


def test_what_is_left_moves_with_its_session_to_another_line() -> None:
    one, other = two_for_one_device()
    lose_a_set(one)
    other.now = one.now
    elsewhere = Link()
    one.session.share(elsewhere.session.line)
    other.call("set_properties", setting(1, "new")).outcome()
    assert other.now - one.now < 0.1
    assert elsewhere.session.line.sets_afoot.anything(one.now)


def test_it_waits_as_well_for_one_that_another_object_has_open() -> None:
    one, other = two_for_one_device(work=0.5, max_in_flight=3)
    older = one.start("set_properties", setting(1, "old"))
    newer = other.start("set_properties", setting(1, "new"))
    free = other.start("set_properties", setting(2, "elsewhere"))
    assert older.first_sent is not None
    assert free.first_sent is not None
    one.run()
    ended = one.now
    other.run()
    assert newer.first_sent is not None
    assert newer.first_sent < ended + 0.2
    assert newer.outcome() is not None


def test_one_that_waits_for_this_one_is_not_waited_for() -> None:
    """An observer of a set sends another one, by another object."""
    one, other = two_for_one_device(work=0.5)
    calls = []
    for link in (one, other):
        params = setting(1, "any")
        call = link.session.command("set_properties", params, link.now, timeout=5.0, retry_count=3)
        link.session.begin(call, link.now, caller="thread 1")
        calls.append(call)
    assert calls[1].first_sent is not None


# --- answers that cannot be read --------------------------------------------------------------------------------------


def unreadable(text: bytes = b'{"result":[') -> bytes:
    return encode(text, token=TOKEN, device_id=DEVICE_ID, stamp=501)


def test_an_unreadable_answer_ends_no_call_while_it_may_be_anothers() -> None:
    link = Link(max_in_flight=2, work=3.0)
    link.call("get_prop", retry_count=0)
    slow, other = link.start("get_slow", retry_count=0), link.start("get_other", retry_count=0)
    link.pass_time(0.1)
    deadlines = slow.deadline, other.deadline
    link.session.receive(unreadable(), link.now)
    assert (slow.deadline, other.deadline) == deadlines
    assert slow.unreadable is other.unreadable is None
    link.run()
    assert slow.outcome() == ["get_slow", []]


def test_an_unreadable_answer_with_an_id_belongs_to_its_request() -> None:
    link = Link(max_in_flight=2, work=3.0)
    link.call("get_prop", retry_count=0)
    slow, other = link.start("get_slow", retry_count=0), link.start("get_other", retry_count=0)
    link.pass_time(0.1)
    link.session.receive(unreadable(b'{"id":%d,"result":[' % other.id), link.now)
    link.session.receive(unreadable(b'{"id":%d,"result":[' % (other.id + 500)), link.now)
    assert slow.unreadable is None
    link.run()
    assert slow.outcome() == ["get_slow", []]
    with pytest.raises(PayloadDecodeException, match="answered get_other, but not readably"):
        other.outcome()


def test_an_unreadable_answer_may_be_one_to_a_call_that_has_ended() -> None:
    link = Link(work=0.0)
    link.call("get_prop")
    link.deaf = True
    with pytest.raises(DeviceTimeout):
        link.call("get_first", timeout=0.5, retry_count=0).outcome()
    link.deaf = False
    link.work = 1.0
    call = link.start("get_second", retry_count=0)
    link.pass_time(0.1)
    link.session.receive(unreadable(), link.now)
    link.run()
    assert call.outcome() == ["get_second", []]


@pytest.mark.parametrize("copies", [2, 5])
def test_doubled_unreadable_answers_never_make_resends_closer_than_the_minimum(copies: int) -> None:
    link = Link(work=0.0)
    link.call("get_prop")
    original = link.answer

    def answer(request: Request) -> None:
        if request.method == "get_x":
            for number in range(copies):
                link._plan(0.001 * number, "to_session", unreadable(b'{"id":%d,"result":[' % request.id))
        else:
            original(request)

    link.answer = answer  # type: ignore[method-assign]
    link.sent.clear()
    with pytest.raises(PayloadDecodeException):
        link.call("get_x", timeout=0.3, retry_count=6).outcome()
    instants = sends(link, "get_x")
    assert len(instants) > 2
    assert min(later - earlier for earlier, later in itertools.pairwise(instants)) >= 0.099


def test_a_timeout_below_the_minimum_makes_no_resends_closer_than_that() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    link.sent.clear()
    with pytest.raises(DeviceTimeout):
        link.call("get_prop", timeout=0.05, retry_count=20).outcome()
    instants = sends(link, "get_prop")
    assert len(instants) > 1
    assert min(later - earlier for earlier, later in itertools.pairwise(instants)) >= 0.1


# --- what sets the clock ----------------------------------------------------------------------------------------------


def test_an_old_reply_that_is_sent_again_sets_no_clock() -> None:
    link = Link()
    replies: list[bytes] = []
    original = link.to_session
    link.to_session = lambda datagram: (replies.append(datagram), original(datagram))[1]  # type: ignore[method-assign]
    link.call("get_prop")
    link.pass_time(100)
    link.call("get_prop")
    stamp = link.session.clock.stamp(link.now)
    heard = link.session._last_heard
    for datagram in replies:
        link.session.receive(datagram, link.now + 11)
    assert link.session.clock.stamp(link.now) == stamp
    assert link.session._last_heard == heard


def test_an_old_push_that_is_sent_again_is_neither_delivered_nor_believed() -> None:
    link = Link()
    link.call("get_prop")
    payload = {"id": 7, "method": "properties_changed", "params": []}
    push = encode(payload, token=TOKEN, device_id=DEVICE_ID, stamp=501)
    link.session.receive(push, link.now)
    link.session.take_output()
    link.pass_time(3000)
    link.call("get_prop")
    stamp = link.session.clock.stamp(link.now)
    link.session.receive(push, link.now)
    assert len(link.session.pushes.arrived) == 1
    assert link.session.clock.stamp(link.now) == stamp
    newer = encode({**payload, "id": 8}, token=TOKEN, device_id=DEVICE_ID, stamp=stamp + 50)
    link.session.receive(newer, link.now)
    assert link.session.clock.stamp(link.now) == stamp + 50
