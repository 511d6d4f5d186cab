"""What reads the LAN: the client's session, the device's end, a whole virtual product, and the calls above them."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from ipaddress import IPv4Network
from typing import Any

from support.fuzzing.material import DID, ID, TOKEN
from support.steps import perform

from miio_lan.click_common.output import json_line, plain, render, without_secrets
from miio_lan.device.description.spec import Spec
from miio_lan.device.ota import UpdateProgress, UpdateState
from miio_lan.device.steps import calls, miot_calls
from miio_lan.device.steps.reading import SliceLimit, read_properties
from miio_lan.errors import DeviceException, PayloadDecodeException
from miio_lan.lan import PORT
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.incoming.reply import read_error
from miio_lan.lan.client.repeating.memory import life_of
from miio_lan.lan.client.session import Session
from miio_lan.lan.discovery.search import Interface, Search
from miio_lan.lan.packet import HELLO, decode, encode, hello_reply, push_ability, shown_token, virtual_hello
from miio_lan.lan.payload import read_payload
from miio_lan.lan.responder.responder import Responder
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.profile import PROFILES

_IDS = [{"did": str(piid), "siid": 2, "piid": piid} for piid in (1, 2, 3)]
_ASKED: tuple[tuple[str, Any], ...] = (
    ("get_properties", _IDS),
    ("set_properties", [{**_IDS[0], "value": True}]),
    ("action", {"did": "a", "siid": 2, "aiid": 1, "in": []}),
    ("toggle", []),
    ("miIO.info", []),
)
_PAUSES = (0.05, 0.3, 2.0, 5.0, 40.0)
_PEER = ("10.0.0.1", 5)


class Client:
    """A session with an open call, at any time; the calls, their patience and the pauses are drawn."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.now = 1000.0
        self.session = Session(
            None if rng.random() < 0.1 else TOKEN,
            peer="10.0.0.9",
            rng=random.Random(rng.random()),
            lazy_discover=rng.random() < 0.7,
            max_in_flight=rng.choice((1, 3)),
            hello=rng.choice((HELLO, HELLO, virtual_hello(5))),
            observed=True,
        )
        self._count = 0
        self.call = self._begin()

    def _begin(self) -> Call:
        session, rng = self.session, self._rng
        if rng.random() < 0.1:
            call = session.handshake(self.now, timeout=5.0, retry_count=3)
        else:
            method, params = rng.choice(_ASKED)
            timeout, retries = rng.choice(((5.0, 3), (5.0, 0), (1.0, 3), (60.0, 3)))
            call = session.command(method, params, self.now, timeout=timeout, retry_count=retries)
        session.begin(call, self.now)
        if rng.random() < 0.8:
            session.receive(
                hello_reply(device_id=DID, stamp=int(self.now), sign=rng.choice((TOKEN, b"\xff" * 16))),
                self.now + 0.01,
            )
        return call

    def take(self, datagram: bytes) -> bool:
        """Receive a datagram; True where it ended the open call."""
        self.now += 0.02
        self._count += 1
        self.session.receive(datagram, self.now, stale=self._count % 50 == 0)
        if self._count % 32 == 0:
            self.now += self._rng.choice(_PAUSES)
            self.session.tick(self.now)
            self.session.take_output()
            self.session.take_told()
            self.session.pushes.arrived.clear()
        if not self.call.done:
            return False
        try:
            self.call.outcome()
        except DeviceException as error:
            assert str(error)
            assert isinstance(error.may_have_run, bool)
        self.call = self._begin()
        return True


class Datagrams:
    """The two ends of the LAN look at datagrams in turn, and now and then somebody who has no token."""

    def __init__(self, rng: random.Random) -> None:
        self._client = Client(rng)
        self._device = Responder(device_id=DID, token=TOKEN, stamp_at=lambda now: int(now - 500))
        self._device.restart(500.0)
        self._count = 0

    def read(self, datagram: bytes) -> bool:
        self._count += 1
        if self._count % 2:
            return self._client.take(datagram)
        if self._count % 16 == 0:
            self._look(datagram)
        self._device.receive(datagram, _PEER, self._client.now)
        return bool(self._device.take_output())

    def _look(self, datagram: bytes) -> None:
        for token in (None, TOKEN):
            with suppress(PayloadDecodeException):
                packet = decode(datagram, token)
                repr(packet)
                push_ability(packet.sign)
                shown_token(packet)

    def end(self) -> None:
        self._client.session.abandon_all("the end")


class Announcements:
    """A search takes what is announced, and answers to its hellos from there."""

    def __init__(self, rng: random.Random) -> None:
        self._draw = rng.random
        way = Interface("eth0", "192.168.1.2", IPv4Network("192.168.1.0/24"))
        self._search = Search([way], virtual_did=5, begin=0.0, timeout=math.inf)
        self._now = 0.0

    def read(self, text: bytes) -> bool:
        self._now += 0.5
        instance, _, rest = text.decode("utf-8", "surrogateescape").partition("|")
        addresses, _, record = rest.partition("|")
        entries = record.split("\x07")
        txt: object = (
            record.encode("utf-8", "surrogateescape"),
            entries,
            {each[:5]: each for each in entries},
            record,
        )[int(self._draw() * 4)]
        found = self._search.announced(instance, addresses.split(","), txt, self._now)
        seed = text.ljust(32)[:28]
        for datagram in (
            text[:32],
            HELLO[:4] + seed,
            hello_reply(device_id=1 + len(text), stamp=5, sign=seed[:16]),
        ):
            self._search.receive(datagram, "192.168.1.5", PORT, (None, 0)[int(self._draw() * 2)], self._now)
        self._search.tick(self._now)
        self._search.take_output()
        for each in found:
            repr(each)
            each.as_json(self._now)
        return bool(found)

    def end(self) -> None:
        for each in self._search.findings.all():
            each.as_json(self._now)


class Replies:
    """A client takes what stands behind a good sign: replies, refusals, pushes."""

    def __init__(self, rng: random.Random) -> None:
        self._client = Client(rng)

    def read(self, text: bytes) -> bool:
        client = self._client
        text = text.replace(b"%d" % ID, b"%d" % client.call.id)
        return client.take(encode(text, token=TOKEN, device_id=DID, stamp=int(client.now)))

    def end(self) -> None:
        self._client.session.abandon_all("the end")


class Requests:
    """A virtual product takes what stands behind a good sign: its module, and its MCU at the other end of the line."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._power_up()

    def _power_up(self) -> None:
        self.now = 1000.0
        self._module = Module(device_id=DID, token=TOKEN, profile=self._rng.choice(sorted(PROFILES)))
        self._mcu = Mcu(Spec.shipped("lamp"), rng=random.Random(1))
        self._module.start(self.now)
        self._mcu.start(self.now)
        for _ in range(10):
            self._go_on(0.2)

    def _go_on(self, seconds: float) -> int:
        self.now += seconds
        self._module.tick(self.now)
        self._mcu.tick(self.now)
        for _ in range(50):
            down, up = self._module.take_uart(), self._mcu.take_output()
            if down:
                self._mcu.receive(down, self.now)
            if up:
                self._module.receive_uart(up, self.now)
            if not up and not down:
                break
        return len(self._module.take_lan())

    def read(self, text: bytes) -> bool:
        stamp = self._module.responder.stamp(self.now)
        datagram = encode(text, token=TOKEN, device_id=DID, stamp=stamp)
        self._module.receive_lan(datagram, _PEER, self.now)
        answered = self._go_on(0.01) + self._go_on(0.25)
        if not self._module.listening or not self._module.provisioned or self._module.update.active:
            self._power_up()  # restarting, forgetful or updating: most of it would not be looked at any more
        return answered > 0

    def end(self) -> None:
        self._go_on(10.0)


class Answers:
    """What stands under ``result`` or ``error``, in the hands of every call, and shown."""

    def __init__(self, rng: random.Random) -> None:
        self._limit = SliceLimit()
        self._progress = UpdateProgress()

    def read(self, text: bytes) -> bool:
        value = read_payload(text).value
        self._calls(value)
        str(read_error({"error": value}, "get_prop"))
        life_of({"result": value})
        calls.accepted(value)
        UpdateState(str(calls.single(value)))
        self._progress.observe(calls.single(value))
        render(value)
        json_line(plain(without_secrets(value)))
        return True

    def _calls(self, value: Any) -> None:
        with suppress(DeviceException):
            info = perform(calls.fetch_info(), lambda _: value)
            repr(info)
            render(info)
        with suppress(DeviceException):
            for item in perform(read_properties(_IDS, self._limit), lambda _: value):
                _refused("get_properties", item)
        for item in perform(miot_calls.write_properties([{**_IDS[0], "value": 1}]), lambda _: value):
            _refused("set_properties", item)
        asked = {"did": "a", "siid": 2, "aiid": 1, "in": []}
        answer = perform(miot_calls.call_action(asked), lambda _: value)
        for item in miot_calls.done([asked], answer):
            _refused("action", item)
        render(perform(calls.try_properties(["a", "b", "c"]), lambda _: value))

    def end(self) -> None:
        pass


def _refused(method: str, item: Any) -> None:
    if miot_calls.failed(item):
        str(miot_calls.refusal(method, item))
