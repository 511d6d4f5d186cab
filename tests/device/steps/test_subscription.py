from __future__ import annotations

import random
from typing import Any

import pytest

from miio_lan import DeviceError, MiotDevice, UnsupportedFeatureException
from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.device.steps.subscription import Greet, Pause, Subscription
from miio_lan.lan.packet import Packet, PushAbility, push_sign
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.product import VirtualProduct


def greeting(**ability: Any) -> Packet:
    sign = push_sign(PushAbility(**{"sub_ts": 0, "type": 1, "wildcard": True, **ability}))
    return Packet(5, 100, sign=sign, is_hello=True)


def asks(steps: Steps[None]) -> list[Ask]:
    asked = []
    try:
        ask = next(steps)
        while True:
            asked.append(ask)
            ask = steps.send({"code": 0})
    except StopIteration:
        return asked


def test_one_request_where_the_wildcard_is_understood() -> None:
    subscription = Subscription(virtual_did=2**40)
    (ask,) = asks(subscription.subscribe(greeting(), 1700000000))
    assert (ask.method, ask.repeat_safe) == ("miIO.sub", True)
    assert ask.params == {"version": "2.0", "did": str(2**40), "update_ts": 1700000000, "sub_method": "."}
    assert subscription.update_ts == 1700000000


def test_one_request_per_method_where_it_is_not() -> None:
    steps = Subscription(5).subscribe(greeting(wildcard=False, type=4), 7)
    assert [ask.params["sub_method"] for ask in asks(steps)] == ["properties_changed", "event_occured"]


@pytest.mark.parametrize("answer", [greeting(type=3), Packet(5, 100, is_hello=True)])
def test_a_device_that_cannot_push(answer: Packet) -> None:
    with pytest.raises(UnsupportedFeatureException, match="read its properties now and then"):
        asks(Subscription(5).subscribe(answer, 7))


PLAIN = Packet(5, 100, is_hello=True)


SHOWS_TOKEN = Packet(5, 100, sign=bytes(range(16)), is_hello=True)


def greeted(answers: list[Packet]) -> tuple[Packet, int, float]:
    """Let it greet; gives the answer it took, how many hellos that were, and the seconds it paused."""
    steps, hellos, paused = Subscription.greeted(), 0, 0.0
    reply: Any = None
    try:
        while True:
            step = steps.send(reply)
            if isinstance(step, Pause):
                paused, reply = paused + step.seconds, None
            else:
                reply = answers[min(hellos, len(answers) - 1)]
                hellos += 1
    except StopIteration as end:
        return end.value, hellos, paused


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_answers_to_older_hellos_are_no_refusal(stale: int) -> None:
    assert greeted([PLAIN] * stale + [greeting()]) == (greeting(), stale + 1, 0.0)


def test_a_device_without_push_is_asked_five_times_within_a_second() -> None:
    assert greeted([PLAIN]) == (PLAIN, 5, 1.0)


@pytest.mark.parametrize("shown", [1, 4, 8])
def test_a_token_that_is_shown_for_a_moment_is_no_refusal(shown: int) -> None:
    answer, hellos, paused = greeted([SHOWS_TOKEN] * shown + [greeting()])
    assert (answer, hellos) == (greeting(), shown + 1)
    assert paused <= 10.0


def test_a_token_that_is_shown_on_and_on_is_named() -> None:
    answer, hellos, paused = greeted([SHOWS_TOKEN])
    assert (answer, hellos, paused) == (SHOWS_TOKEN, 9, 10.0)
    with pytest.raises(UnsupportedFeatureException, match="shows its token"):
        asks(Subscription(5).subscribe(answer, 7))


@pytest.mark.parametrize(
    ("answer", "code"), [({"code": -4004}, -4004), ([{"code": -1}], -1), (-5, -5), ([-6], -6), ("-7", -7)]
)
def test_a_negative_code_is_a_refusal(answer: Any, code: int) -> None:
    subscription = Subscription(5)
    steps = subscription.subscribe(greeting(), 7)
    next(steps)
    with pytest.raises(DeviceError) as caught:
        steps.send(answer)
    assert caught.value.code == code
    assert subscription.update_ts == 0


@pytest.mark.parametrize("answer", [{"code": 0}, ["ok"], 0, [0], {"code": 1}, None, True])
def test_anything_else_is_consent(answer: Any) -> None:
    subscription = Subscription(5)
    steps = subscription.subscribe(greeting(), 7)
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(answer)
    assert subscription.update_ts == 7


def test_two_subscriptions_within_a_second_have_different_stamps() -> None:
    subscription = Subscription(5, update_ts=1_700_000_000)
    steps = subscription.begin(1_700_000_000.9)
    assert next(steps) == Greet()
    ask = steps.send(greeting())
    assert isinstance(ask, Ask)
    assert ask.params["update_ts"] == 1_700_000_001


def test_a_device_that_answers_each_hello_twice_can_be_subscribed_to() -> None:
    options = {"responder_options": ResponderOptions(duplicate_hello=True)}
    with (
        VirtualProduct(module_options=options) as product,
        MiotDevice(product.host, product.token, port=product.port) as device,
    ):
        device.send_handshake()
        device.subscribe()
        assert device.next_push(0) is None


def test_unsubscribing_gives_back_what_was_subscribed() -> None:
    subscription = Subscription(5)
    assert asks(subscription.unsubscribe()) == []
    subscription.update_ts = 7
    (ask,) = asks(subscription.unsubscribe())
    assert (ask.method, ask.params) == ("miIO.unsub", {"version": "2.0", "did": "5", "update_ts": 7})
    assert subscription.update_ts == 0


def test_a_device_that_forgot_is_noticed() -> None:
    subscription = Subscription(5, update_ts=7)
    assert subscription.still_held(greeting(sub_ts=7))
    assert not subscription.still_held(greeting(sub_ts=0))


def test_virtual_dids_are_random_and_large() -> None:
    dids = {Subscription.fresh(random.Random(seed)).virtual_did for seed in range(10)}
    assert len(dids) == 10
    assert all(1 << 32 <= did < 1 << 63 for did in dids)


@pytest.mark.parametrize("wildcard", [True, False])
def test_changes_and_events_of_a_product_arrive(wildcard: bool) -> None:
    options = {"responder_options": ResponderOptions(wildcard=wildcard)}
    with (
        VirtualProduct(mcu_options={"poll_interval": 0.002}, module_options=options) as product,
        MiotDevice(product.host, product.token, port=product.port) as device,
    ):
        device.subscribe()
        event = next(product.spec.events())
        product.call(lambda now: product.mcu.raise_event(event.siid, event.eiid, {}, now))
        push = device.next_push(10)
        assert push is not None
        assert push.method == "event_occured"
        assert isinstance(push.params, dict)
        assert (push.params["siid"], push.params["eiid"]) == (event.siid, event.eiid)
        device.unsubscribe()
        with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
            device.next_push(0)


def test_without_a_subscription_there_is_nothing_to_wait_for() -> None:
    device = MiotDevice("127.0.0.1", "0" * 32)
    with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
        device.next_push(1)
    device.unsubscribe()
