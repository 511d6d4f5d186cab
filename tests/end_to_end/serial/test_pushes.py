"""What the MCU tells by itself, up to a LAN client that asked for it: a line on the pty, a message on the socket.

The client is the session's rules on a socket in our own hands, so that acknowledgements can be held back.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
from support.ends import PATIENCE, Log

from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceError
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.module.module import Timings
from miio_lan.virtual.product import VirtualProduct

REPEAT = 0.02
BRIGHTNESS, TURN, TURN_ANGLE, TURN_TIME = (2, 2), (6, 2), 1, 2
INVALID = -32602


class Client:
    """A session on a real socket, one datagram at a time."""

    def __init__(self, product: VirtualProduct) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((product.host, product.port))
        self.session = Session(bytes.fromhex(product.token))
        #: Whether what the session wants to say is said.
        self.talks = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(self, method: str, params: Any) -> Any:
        call = self.session.command(method, params, time.monotonic(), timeout=PATIENCE, retry_count=0)
        self.session.begin(call, call.started)
        self.until(lambda: call.done)
        return call.outcome()

    def subscribe(self, method: str, did: str = "9000000001", update_ts: int = 1700000000) -> Any:
        params = {"version": "2.0", "did": did, "update_ts": update_ts, "sub_method": method}
        return self.call("miIO.sub", params)

    def until(self, happened: Callable[[], object]) -> None:
        due = time.monotonic() + PATIENCE
        self._say()
        while not happened():
            # What is waited for may happen on the other side, without a datagram.
            deadline = min(time.monotonic() + REPEAT, self.session.deadline or due)
            ready, _, _ = select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))
            assert time.monotonic() < due, "it never happened"
            if ready:
                self.session.receive(self.socket.recv(65536), time.monotonic())
            else:
                self.session.tick(time.monotonic())
            self._say()

    def push(self) -> Push:
        self.until(lambda: self.session.pushes.arrived)
        return self.session.pushes.arrived.popleft()

    def repeats(self) -> int:
        return self.session.dropped["repeated push"]

    def _say(self) -> None:
        for datagram in self.session.take_output():
            if self.talks:
                self.socket.send(datagram)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def product(log: Log) -> Iterator[VirtualProduct]:
    with VirtualProduct(
        observer=log,
        mcu_options={"poll_interval": 0.001},
        module_options={
            "responder_options": ResponderOptions(push_interval=REPEAT),
            # In the cloud the lamp would report its serial number as well.
            "timings": Timings(cloud=None),
        },
    ) as product:
        yield product


@pytest.fixture
def client(product: VirtualProduct) -> Iterator[Client]:
    with Client(product) as client:
        yield client


def turn_knob(product: VirtualProduct, value: int) -> None:
    product.call(lambda now: product.mcu.set_local(*BRIGHTNESS, value, now))


def raise_event(product: VirtualProduct) -> None:
    arguments = {TURN_ANGLE: 90, TURN_TIME: 0.5}
    assert product.call(lambda now: product.mcu.raise_event(*TURN, arguments, now))


def waiting(product: VirtualProduct) -> bool:
    """Whether the module still has something to repeat."""
    return product.call(lambda now: product.module.responder.subscriptions.deadline) is not None


def brightness(product: VirtualProduct, value: int) -> list[dict[str, Any]]:
    return [{"did": str(product.device_id), "siid": 2, "piid": 2, "value": value}]


def turned(product: VirtualProduct) -> dict[str, Any]:
    arguments = [{"piid": TURN_ANGLE, "value": 90}, {"piid": TURN_TIME, "value": 0.5}]
    return {"did": str(product.device_id), "siid": 6, "eiid": 2, "arguments": arguments}


def test_a_local_change_arrives(product: VirtualProduct, client: Client, log: Log) -> None:
    assert client.subscribe("properties_changed") == {"code": 0}
    turn_knob(product, 33)
    assert log.until_line(b"properties_changed").raw == b"properties_changed 2 2 33\r"
    push = client.push()
    assert (push.method, push.params) == ("properties_changed", brightness(product, 33))


def test_an_event_arrives(product: VirtualProduct, client: Client, log: Log) -> None:
    assert client.subscribe("event_occured") == {"code": 0}
    raise_event(product)
    assert log.until_line(b"event_occured").raw == b"event_occured 6 2 1 90 2 0.5\r"
    push = client.push()
    assert (push.method, push.params) == ("event_occured", turned(product))


def test_what_a_command_changed_arrives_too(product: VirtualProduct, client: Client) -> None:
    client.subscribe(".")
    assert client.call("set_properties", [{"siid": 2, "piid": 2, "value": 7}])[0]["code"] == 0
    assert client.push().params == brightness(product, 7)


def test_it_is_repeated_until_acknowledged_and_seen_once(product: VirtualProduct, client: Client) -> None:
    client.subscribe(".")
    client.talks = False
    raise_event(product)
    client.until(lambda: client.repeats() >= 3)
    assert waiting(product)
    client.talks = True
    client.until(lambda: client.repeats() >= 4)
    # The module answers in order: by now it has heard the acknowledgement.
    assert client.call("get_properties", [{"siid": 2, "piid": 1}])[0]["code"] == 0
    assert not waiting(product)
    assert client.push().method == "event_occured"
    assert not client.session.pushes.arrived


def test_what_is_never_acknowledged_is_given_up(product: VirtualProduct, client: Client) -> None:
    client.subscribe(".")
    client.talks = False
    raise_event(product)
    client.until(lambda: product.call(lambda now: product.module.responder.subscriptions.given_up))
    assert not waiting(product)
    client.talks = True
    raise_event(product)
    assert [client.push().params, client.push().params] == [turned(product)] * 2


def test_the_last_value_of_a_second_wins_and_no_event_is_lost(
    product: VirtualProduct, client: Client
) -> None:
    client.subscribe(".")
    for value in range(10, 60):
        turn_knob(product, value)
    for _ in range(3):
        raise_event(product)
    pushes = [client.push() for _ in range(4)]
    assert [push.params for push in pushes if push.method == "event_occured"] == [turned(product)] * 3
    # A change can fall on the edge of a second: then another report follows.
    changes = [push for push in pushes if push.method == "properties_changed"]
    while changes[-1].params != brightness(product, 59):
        changes.append(client.push())
    assert len(changes) <= 2


def test_each_gets_what_it_subscribed_to(product: VirtualProduct, client: Client) -> None:
    with Client(product) as other:
        client.subscribe("properties_changed", did="1")
        other.subscribe("event_occured", did="2")
        raise_event(product)
        turn_knob(product, 21)
        assert client.push().method == "properties_changed"
        assert other.push().method == "event_occured"
        for each in (client, other):
            assert each.call("get_properties", [{"siid": 2, "piid": 1}])[0]["code"] == 0
            assert not each.session.pushes.arrived


def test_unsubscribed_is_quiet(product: VirtualProduct, client: Client) -> None:
    client.subscribe(".", update_ts=5)
    params = {"version": "2.0", "did": "9000000001", "update_ts": 5}
    assert client.call("miIO.unsub", params) == {"code": 0}
    raise_event(product)
    # One answer may come before the event, when the request met a poll already under way; the second comes after it.
    for _ in range(2):
        assert client.call("get_properties", [{"siid": 2, "piid": 1}])[0]["code"] == 0
    assert product.call(lambda now: [told.method for told in product.module.reported]) == ["event_occured"]
    assert not client.session.pushes.arrived


def test_what_cannot_be_subscribed_to_is_refused(client: Client) -> None:
    with pytest.raises(DeviceError) as caught:
        client.subscribe("props")
    assert caught.value.code == INVALID


def test_a_device_hears_it_all(product: VirtualProduct) -> None:
    with MiotDevice(product.host, product.token, port=product.port) as device:
        device.subscribe()
        raise_event(product)
        push = device.next_push(PATIENCE)
        assert push is not None
        assert (push.method, push.params) == ("event_occured", turned(product))
        turn_knob(product, 44)
        push = device.next_push(PATIENCE)
        assert push is not None
        assert (push.method, push.params) == ("properties_changed", brightness(product, 44))
