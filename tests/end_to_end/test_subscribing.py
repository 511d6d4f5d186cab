"""A subscriber that is stricter than we are, through a whole life of a subscription.

Xiaomi's own client asks for a subscription only where the device tells another stamp than it remembers, and it
remembers 0 before the first one.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any, Self

from miio_lan.lan.packet import PushAbility, decode, encode, push_ability, virtual_hello
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 100.0  # only ever waited for in full when a test fails
VIRTUAL_DID = 0x1122334455667788


class Subscriber:
    """Keeps that rule. Datagrams that are no answer to what was asked are kept as pushes."""

    def __init__(self, product: VirtualProduct) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((product.host, product.port))
        self.token = bytes.fromhex(product.token)
        self.remembered = 0
        self.pushes: list[dict[str, Any]] = []
        self._clock = 1_700_000_000
        self._id = 0

    def probe(self) -> PushAbility:
        while True:
            self.socket.send(virtual_hello(VIRTUAL_DID))  # again and again: a module that starts is deaf
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            datagram = self.socket.recv(65536)
            if len(datagram) == 32:
                self._hello = decode(datagram, None)
                ability = push_ability(self._hello.sign)
                assert ability is not None
                return ability
            self._keep(datagram)

    def subscribe_where_due(self) -> bool:
        if self.probe().sub_ts == self.remembered:
            return False
        self._clock += 1
        assert self.ask("miIO.sub", sub_method=".", update_ts=self._clock) == {"code": 0}
        self.remembered = self._clock
        return True

    def ask(self, method: str, **params: object) -> object:
        self._id += 1
        params = {"version": "2.0", "did": str(VIRTUAL_DID), **params}
        self._send({"id": self._id, "method": method, "params": params})
        while True:
            payload: Any = decode(self.socket.recv(65536), self.token).payload
            if payload.get("id") == self._id and "method" not in payload:
                return payload["result"]
            self.pushes.append(payload)

    def told(self, method: str) -> Iterator[dict[str, Any]]:
        """Each property or event that is pushed by a method, one by one; every push is acknowledged at once."""
        while True:
            while not self.pushes:
                self._keep(self.socket.recv(65536))
            push = self.pushes.pop(0)
            self._send({"id": push["id"], "result": {"code": 0}})
            if push["method"] == method:
                yield from push["params"] if isinstance(push["params"], list) else [push["params"]]

    def value_told(self, siid: int, piid: int) -> object:
        """The next value of a property; others, the serial number at each start above all, are passed over."""
        found = (
            each for each in self.told("properties_changed") if (each["siid"], each["piid"]) == (siid, piid)
        )
        return next(found)["value"]

    def _send(self, payload: object) -> None:
        self.socket.send(
            encode(payload, token=self.token, device_id=self._hello.device_id, stamp=self._hello.stamp)
        )

    def _keep(self, datagram: bytes) -> None:
        payload: Any = decode(datagram, self.token).payload
        if payload is not None and "method" in payload:
            self.pushes.append(payload)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_a_subscription_from_the_first_probe_to_its_end() -> None:
    with VirtualProduct(mcu_options={"poll_interval": 0.002}) as product, Subscriber(product) as client:
        assert client.subscribe_where_due()  # nothing was subscribed: the device says so
        assert not client.subscribe_where_due()
        assert client.probe().sub_ts == client.remembered

        def brightness(value: int) -> None:
            product.call(lambda now: product.mcu.set_local(2, 2, value, now))

        brightness(33)
        assert client.value_told(2, 2) == 33
        product.call(lambda now: product.mcu.raise_event(6, 1, None, now))
        assert {"siid": 6, "eiid": 1}.items() <= next(client.told("event_occured")).items()
        brightness(34)
        assert client.value_told(2, 2) == 34  # what was acknowledged does not come again

        product.call(lambda now: product.module.restart(now))
        assert client.subscribe_where_due()  # the restart forgot it
        brightness(35)
        assert client.value_told(2, 2) == 35

        assert client.ask("miIO.unsub", update_ts=client.remembered) == {"code": 0}
        assert client.probe().sub_ts != client.remembered
