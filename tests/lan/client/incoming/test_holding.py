"""Holding a subscription: a session and a device that can push, in simulated time."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.link import DEVICE_ID, PEER, TOKEN, Link

from miio_lan.errors import DeviceError, DeviceTimeout
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.packet import decode, hello_reply, push_ability, virtual_hello
from miio_lan.lan.responder.responder import Request, ResponderOptions

VIRTUAL_DID = 0xFEDC_BA98_7654
FIRST = 1_700_000_000


class Listening(Link):
    """A link whose session holds a subscription, and somebody who listens all the time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.session.greeting.hello = virtual_hello(VIRTUAL_DID)
        self.call("get_prop")
        self.session.rerouted("here", self.now)
        hold = Hold(VIRTUAL_DID, FIRST, self.now, FIRST)
        self.subscribe()
        self.session.take_up(hold, "here", self.now)
        self.number = 0

    def subscribe(self) -> None:
        params = {"did": str(VIRTUAL_DID), "update_ts": FIRST, "sub_method": "."}
        assert self.device.subscriptions.subscribe(params, PEER, wildcard=True) is None

    @property
    def hold(self) -> Hold:
        assert self.session.hold is not None
        return self.session.hold

    @property
    def held(self) -> bool:
        """Whether the device holds what we think it holds."""
        return self.device.subscriptions.sub_ts(VIRTUAL_DID) == self.hold.update_ts

    def listen(self, seconds: float) -> None:
        end = self.now + seconds
        while self.session.deadline is not None:
            due = min(self.session.deadline, self._events[0][0] if self._events else math.inf)
            if due > end:
                break
            self.step()
        self.now = max(self.now, end)

    def tell(self, value: int = 1) -> None:
        self.device.push("properties_changed", [value], self.now)
        self.device.tick(self.now)
        self._carry_from_device()
        self.listen(0.1)

    def heard(self) -> list[object]:
        return [push.params for push in self.session.pushes.arrived]

    def hellos(self) -> int:
        return sum(len(datagram) == 32 for _, datagram in self.sent)

    def asked(self) -> list[Any]:
        found = [decode(datagram, TOKEN).payload for _, datagram in self.sent if len(datagram) > 32]
        return [
            each["params"] for each in found if isinstance(each, dict) and each.get("method") == "miIO.sub"
        ]


def test_it_is_looked_at_every_30_s_and_asked_for_no_more() -> None:
    link = Listening()
    link.sent.clear()
    link.listen(301)
    assert link.hellos() == 10
    assert link.asked() == []


def test_a_restart_is_noticed_by_the_next_look() -> None:
    link = Listening()
    link.restart(link.now)
    link.listen(31)
    assert link.held
    assert [each["sub_method"] for each in link.asked()] == ["."]
    link.tell(5)
    assert link.heard() == [[5]]


def test_a_restart_that_an_answer_shows_is_noticed_at_once() -> None:
    link = Listening()
    link.restart(link.now)
    link.call("get_prop")
    link.listen(1)
    assert link.held


def test_pushes_around_a_restart_are_no_repeats_of_each_other() -> None:
    link = Listening()
    for _ in range(3):
        link.tell(7)
        link.device.subscriptions._next_id = 1  # a device that counts from 1 again
        link.restart(link.now)
        link.listen(31)
    assert link.heard() == [[7]] * 3


def test_a_new_way_is_told_at_once() -> None:
    link = Listening()
    link.session.rerouted("elsewhere", link.now)
    link.listen(0.1)
    assert link.hold.update_ts > FIRST
    assert link.held
    link.sent.clear()
    link.listen(29)
    assert link.sent == []


def test_what_is_repeated_on_a_new_way_is_a_repeat() -> None:
    link = Listening()
    link.fate = lambda way: [] if way == "down" else [0.002]  # our acknowledgement is lost
    link.tell(7)
    link.fate = lambda _: [0.002]
    link.session.rerouted("elsewhere", link.now)
    link.listen(1)
    assert link.held
    before = link.session.dropped["repeated push"]
    link.listen(3)
    link.device.tick(link.now)
    link._carry_from_device()
    link.listen(0.1)
    assert link.session.dropped["repeated push"] == before + 1
    assert link.heard() == [[7]]


def test_a_way_that_changed_while_it_was_asked_for_is_told() -> None:
    link = Listening()
    link.session.take_up(Hold(VIRTUAL_DID, FIRST, link.now, FIRST), "an older one", link.now)
    link.listen(0.5)
    assert link.hold.update_ts > FIRST
    assert link.held


def test_the_same_way_is_no_news() -> None:
    link = Listening()
    link.sent.clear()
    link.session.rerouted("here", link.now)
    link.listen(1)
    assert link.sent == []


def test_a_hanging_call_holds_up_neither_pushes_nor_the_subscription() -> None:
    link = Listening()
    link.replies["get_prop"] = lambda _: {"error": {"code": -1, "message": "never sent"}}
    link.work = 1e6  # the MCU hangs
    call = link.start("toggle", timeout=60.0, retry_count=0)
    link.restart(link.now)
    link.listen(40)
    assert not call.done
    assert link.held
    link.tell(3)
    assert link.heard() == [[3]]


@pytest.mark.parametrize("doubled", [False, True])
def test_late_answers_to_older_hellos_are_no_loss(doubled: bool) -> None:
    link = Listening(options=ResponderOptions(duplicate_hello=doubled))
    old = hello_reply(device_id=DEVICE_ID, stamp=501)
    link.session.receive(old, link.now)
    link.listen(29.95)
    for delay in (0.02, 0.04):
        link._plan(delay, "to_session", old)
    link.listen(300)
    assert link.hold.update_ts == FIRST
    assert link.asked() == []


def test_a_token_that_is_shown_for_a_moment_is_no_loss_and_no_end() -> None:
    link = Listening()
    link.restart(link.now)
    link.device.options = ResponderOptions(show_token=True)
    link.listen(33)
    assert not link.held
    link.device.options = ResponderOptions()
    link.listen(10)
    assert link.held


def test_without_the_wildcard_both_methods_are_asked_for() -> None:
    link = Listening(options=ResponderOptions(wildcard=False))
    link.restart(link.now)
    link.listen(31)
    assert [each["sub_method"] for each in link.asked()] == ["properties_changed", "event_occured"]


def test_a_lost_question_is_asked_again() -> None:
    link = Listening(options=ResponderOptions(wildcard=False))
    link.restart(link.now)
    lost = iter([True])  # once, while the other one is answered
    carry = link.to_device

    def to_device(datagram: bytes) -> None:
        payload = decode(datagram, TOKEN).payload if len(datagram) > 32 else None
        asks = isinstance(payload, dict) and payload.get("method") == "miIO.sub"
        if asks and "event" in str(payload) and next(lost, None):
            return
        carry(datagram)

    link.to_device = to_device  # type: ignore[method-assign]
    link.listen(40)
    assert link.held
    assert link.device.subscriptions._subscribers[str(VIRTUAL_DID)].methods == {
        "properties_changed",
        "event_occured",
    }


@pytest.mark.parametrize(
    "answer", [{"result": {"code": -4004}}, {"error": {"code": -32605, "message": "full"}}]
)
def test_a_refusal_is_no_subscription_and_told_once_in_a_while(answer: dict[str, Any]) -> None:
    link = Listening()
    link.restart(link.now)
    take = link.device.receive

    def receive(datagram: bytes, peer: Any, now: float) -> Request | None:
        payload = decode(datagram, TOKEN).payload if len(datagram) > 32 else None
        if isinstance(payload, dict) and payload.get("method") == "miIO.sub":
            link.session.receive(link_reply(payload["id"], answer, link), link.now)
            return None
        return take(datagram, peer, now)

    link.device.receive = receive  # type: ignore[method-assign]
    link.listen(40)
    assert link.hold.complaint("it", 20.0, link.now) is None  # not long enough
    link.listen(20)
    error = link.hold.complaint("it", 20.0, link.now)
    assert isinstance(error, DeviceError)
    assert error.code in (-4004, -32605)
    assert link.hold.complaint("it", 20.0, link.now) is None
    link.sent.clear()
    link.listen(300)
    assert 8 <= len(link.asked()) <= 20


def link_reply(number: int, answer: dict[str, Any], link: Link) -> bytes:
    from miio_lan.lan.packet import encode

    return encode(
        {"id": number, **answer}, token=TOKEN, device_id=DEVICE_ID, stamp=link.device.stamp(link.now)
    )


def test_a_silent_device_is_told_after_the_patience_and_looked_for() -> None:
    link = Listening()
    link.deaf = True
    link.listen(30)
    link.listen(19.9)
    assert link.hold.complaint("it", 20.0, link.now) is None
    link.listen(0.2)
    assert isinstance(link.hold.complaint("it", 20.0, link.now), DeviceTimeout)
    assert link.session.take_elsewhere()
    assert not link.session.take_elsewhere()
    assert link.session.silent
    link.deaf = False
    link.listen(40)
    assert link.hold.complaint("it", 0.0, link.now) is None


@pytest.mark.parametrize("pause", [2.0, 60.0])
def test_somebody_who_only_looks_now_and_then_finds_out_all_the_same(pause: float) -> None:
    """What came meanwhile lay in the socket: it is stale when it is read."""
    link = Listening()
    unread: list[bytes] = []
    link.to_session = unread.append  # type: ignore[method-assign]
    link.restart(link.now)
    for _ in range(int(300 / pause) + 5):
        link.pass_time(pause)
        for datagram in unread:
            link.session.receive(datagram, link.now, stale=True)
        unread.clear()
        link.session.tick(link.now)
        link._carry_from_session()
        assert link.hold.complaint("it", 20.0, link.now) is None
    assert link.held
    assert push_ability(link.device._hello_sign(virtual_hello(VIRTUAL_DID))) is not None


def test_a_child_process_holds_nothing() -> None:
    link = Listening()
    link.session.split_off()
    assert link.session.hold is None
