"""A call of several steps ends by the deadline of one command, whatever the steps are: in both faces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from miio_lan import AsyncMiotDevice, MiotDevice
from miio_lan.device import aio as device_aio
from miio_lan.device import blocking as device_blocking
from miio_lan.device.description.spec import Spec
from miio_lan.device.telling import aio as telling_aio
from miio_lan.device.telling import blocking as telling_blocking
from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.packet import Packet, PushAbility, push_sign

TOKEN = "00112233445566778899aabbccddeeff"
MAPPINGS = {"a.b.c": {"on": {"siid": 2, "piid": 1}, "toggle": {"siid": 2, "aiid": 1}}}
TOLD = Packet(5, 100, sign=push_sign(PushAbility(0, 0, wildcard=False)), is_hello=True)
TELLS_NOTHING = Packet(5, 100, is_hello=True)


class Scene:
    """Devices whose connections note until when they may take, and take a second of a clock of their own each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.hello = TOLD
        self.deadlines: list[float | None] = []
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now, sleep=self._pass)
        for module in (device_aio, device_blocking, telling_aio, telling_blocking):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(
            telling_aio, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": self._pass_awaited})
        )

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    async def _pass_awaited(self, seconds: float) -> None:
        self._pass(seconds)

    def _handshake(self, *, deadline: float | None, **_: Any) -> Packet:
        self.deadlines.append(deadline)
        self.now += 1
        return self.hello

    def _call(self, method: str, params: Any, *, deadline: float | None, **_: Any) -> Any:
        self.deadlines.append(deadline)
        self.now += 1
        if method == "miIO.info":
            return {"model": "a.b.c"}
        return (
            [{**each, "code": 0, "value": 1} for each in params] if isinstance(params, list) else {"code": 0}
        )

    def carry_out(self, awaited: bool, call: Callable[[Any], Any], **options: Any) -> Any:
        """Have a fresh device do it, by one of the faces."""

        class Lamp(AsyncMiotDevice if awaited else MiotDevice):  # type: ignore[misc]
            _mappings: ClassVar[Any] = MAPPINGS

        device = Lamp("127.0.0.1", TOKEN, timeout=2, **options)
        if not awaited:
            device._connection.call, device._connection.handshake = self._call, self._handshake
            return call(device)

        async def answer(*given: Any, **more: Any) -> Any:
            return self._call(*given, **more)

        async def greet(**more: Any) -> Any:
            return self._handshake(**more)

        async def work() -> Any:
            device._connection.call, device._connection.handshake = answer, greet
            return await call(device)

        return asyncio.run(work())


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
@pytest.mark.parametrize(
    "call",
    [
        lambda device: device.read("on"),
        lambda device: device.write("on", True),
        lambda device: device.run("toggle"),
        lambda device: device.get_properties_for_mapping(),
        lambda device: device.set_property("on", True),
        lambda device: device.call_action_from_mapping("toggle"),
        lambda device: device.call_action("toggle"),
        lambda device: device.subscribe(),
    ],
    ids=["read", "write", "run", "mapping", "set", "action", "older name", "subscribe"],
)
def test_all_that_a_call_asks_ends_by_one_deadline(
    scene: Scene, awaited: bool, call: Callable[[Any], Any]
) -> None:
    scene.carry_out(awaited, call)
    assert len(scene.deadlines) > 1
    assert set(scene.deadlines) == {1008.0}


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_a_description_that_was_fetched_is_looked_for_by_the_model_within_the_same(
    scene: Scene, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = Spec.shipped()
    monkeypatch.setattr("miio_lan.device.description.cache.cached", lambda model: lamp)
    scene.carry_out(awaited, lambda device: device.read("light:on"), spec="cache")
    assert scene.deadlines == [1008.0, 1008.0]


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_a_later_call_has_a_deadline_of_its_own(scene: Scene, awaited: bool) -> None:
    if awaited:

        async def both(device: Any) -> None:
            await device.read("on")
            await device.read("on")
            await device.send_handshake()

        scene.carry_out(awaited, both)
    else:
        scene.carry_out(
            awaited, lambda device: (device.read("on"), device.read("on"), device.send_handshake())
        )
    assert scene.deadlines == [1008.0, 1008.0, 1010.0, None]


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_giving_a_subscription_back_ends_by_one_deadline_from_its_begin(scene: Scene, awaited: bool) -> None:
    if awaited:

        async def both(device: Any) -> None:
            await device.subscribe()
            await device.unsubscribe()

        scene.carry_out(awaited, both)
    else:
        scene.carry_out(awaited, lambda device: (device.subscribe(), device.unsubscribe()))
    begun = scene.now - 1
    assert scene.deadlines[-1] == begun + 8


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_there_is_no_pause_for_which_there_is_no_time(scene: Scene, awaited: bool) -> None:
    """Five hellos and two pauses show that a device tells nothing; they do not take longer than a command may."""
    scene.hello = TELLS_NOTHING
    with pytest.raises(UnsupportedFeatureException):
        scene.carry_out(awaited, lambda device: device.subscribe())
    assert scene.now == pytest.approx(1006.0)
    scene.now, scene.deadlines = 1000.0, []

    def impatient(device: Any) -> Any:
        device.retry_count = 1
        return device.subscribe()

    with pytest.raises(UnsupportedFeatureException):
        scene.carry_out(awaited, impatient)
    assert scene.now == pytest.approx(1004.3)
    assert set(scene.deadlines) == {1004.0}


def test_threads_that_come_first_at_one_time_have_their_deadlines_in_one_place() -> None:
    device = MiotDevice("127.0.0.1", TOKEN)
    first, second = (MiotDevice._call.func(device) for _ in range(2))  # as if neither had seen the other
    assert first is second is device._call
