"""What zeroconf tells becomes announcements, in both faces; zeroconf itself is played here (not in end_to_end)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from zeroconf import BadTypeInNameException, NamePartTooLongException, ServiceStateChange

from miio_lan.lan import mdns
from miio_lan.lan.discovery.announcement import SERVICE

TXT = b"\x10mac=f0b429aabb0c"
LAMP = "a-b-c_miio5"
SAID = (LAMP, ["192.0.2.9"], TXT)
FACES = pytest.mark.parametrize("face", [mdns.Browser, mdns.AsyncBrowser])


class Played:
    """Stands for zeroconf: takes the handlers, and says when it was closed."""

    def __init__(self) -> None:
        self.interfaces: list[str] = []
        self.handlers: list[Any] = []
        self.closed: list[str] = []
        self.heard: list[object] = []
        self.cached = False
        #: What is asked for waits for this.
        self.answering = asyncio.Event()
        self.answers = True
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        #: Names that zeroconf does not take, and such that it cannot ask for.
        self.foreign: set[str] = set()
        self.too_long: set[str] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    def make(self, *, interfaces: list[str], ip_version: object) -> Any:
        self.interfaces = interfaces
        self.loop = asyncio.get_running_loop()
        return SimpleNamespace(
            zeroconf=self,
            loop=self.loop,
            close=lambda: self.closed.append("zeroconf"),
            async_close=self.async_close,
        )

    def browse(self, zeroconf: object, service: str, handlers: list[Any]) -> Any:
        assert service == SERVICE
        self.handlers = handlers
        return SimpleNamespace(cancel=lambda: self.closed.append("browser"), async_cancel=self.async_cancel)

    async def async_close(self) -> None:
        self.closed.append("zeroconf")

    async def async_cancel(self) -> None:
        self.closed.append("browser")

    def info(self, service: str, name: str) -> Any:
        instance = name.removesuffix(f".{SERVICE}")
        if instance in self.foreign:
            raise BadTypeInNameException

        async def ask(zeroconf: object, wait: int) -> bool:
            assert wait == 1000
            self.asked.append(instance)
            if instance in self.too_long:
                raise NamePartTooLongException
            try:
                await self.answering.wait()
            except asyncio.CancelledError:
                self.cancelled.append(instance)
                raise
            return self.answers

        return SimpleNamespace(
            name=name,
            text=TXT,
            load_from_cache=lambda zeroconf: self.cached,
            async_request=ask,
            ip_addresses_by_version=lambda version: ["192.0.2.9"],
        )

    async def change(self, *instances: str, state: ServiceStateChange = ServiceStateChange.Added) -> None:
        for instance in instances:
            for handler in self.handlers:
                handler(zeroconf=self, service_type=SERVICE, name=f"{instance}.{SERVICE}", state_change=state)
        await turns()

    async def close(self, browser: Any) -> None:
        closing = browser.close()
        if closing is not None:
            await closing
        await turns()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    for name in ("Zeroconf", "AsyncZeroconf"):
        monkeypatch.setattr(mdns, name, made.make)
    for name in ("ServiceBrowser", "AsyncServiceBrowser"):
        monkeypatch.setattr(mdns, name, made.browse)
    monkeypatch.setattr(mdns, "AsyncServiceInfo", made.info)
    return made


def run(played: Played, face: Any, scene: Callable[[Any], Awaitable[None]]) -> None:
    """Play a scene with a browser, close that, and see to it that no task ended by an error."""
    troubles: list[object] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, trouble: troubles.append(trouble))
        browser = face(("192.0.2.2",), lambda *words: played.heard.append(words))
        await scene(browser)
        if not played.closed:
            await played.close(browser)

    asyncio.run(work(), debug=True)
    assert troubles == []
    assert (played.interfaces, played.closed) == (["192.0.2.2"], ["browser", "zeroconf"])


@FACES
@pytest.mark.parametrize(
    ("cached", "answers", "said"), [(True, False, 1), (False, True, 1), (False, False, 0)]
)
def test_an_instance_with_its_addresses_is_told(
    played: Played, face: Any, cached: bool, answers: bool, said: int
) -> None:
    played.cached, played.answers = cached, answers
    played.answering.set()

    async def scene(browser: Any) -> None:
        await played.change(LAMP)
        await played.change(LAMP, state=ServiceStateChange.Removed)

    run(played, face, scene)
    assert played.heard == [SAID] * said


@FACES
def test_what_is_asked_for_when_it_closes_is_told_no_more(played: Played, face: Any) -> None:
    async def scene(browser: Any) -> None:
        await played.change(LAMP)
        await played.close(browser)
        played.answering.set()
        played.cached = True
        await played.change(LAMP)

    run(played, face, scene)
    assert (played.asked, played.heard) == ([LAMP], [])


@FACES
def test_nobody_waits_behind_what_nobody_answers_for(played: Played, face: Any) -> None:
    """Neither another announcement, nor the end."""

    async def scene(browser: Any) -> None:
        await played.change(*(f"x-y-z_miio{number}" for number in range(12)))
        assert len(played.asked) == 12
        played.cached = True
        await played.change(LAMP)
        assert played.heard == [SAID]

    run(played, face, scene)
    assert len(played.cancelled) == 12


@FACES
def test_so_many_are_asked_for_and_not_more(played: Played, face: Any) -> None:
    names = [f"x-y-z_miio{number}" for number in range(mdns.MAX_ASKED)]

    async def scene(browser: Any) -> None:
        await played.change(*names)
        await played.change(*names, state=ServiceStateChange.Updated)
        assert (played.asked, played.cancelled) == (names, [])
        await played.change("a", "b")
        assert played.cancelled == names[:2]
        await played.change(names[0])
        assert (played.asked, played.cancelled) == ([*names, "a", "b", names[0]], names[:3])
        played.answering.set()
        await turns()

    run(played, face, scene)
    assert [each[0] for each in played.heard] == [*names[3:], "a", "b", names[0]]  # type: ignore[index]


@FACES
def test_a_name_that_zeroconf_refuses_is_left_out(played: Played, face: Any) -> None:
    played.foreign, played.too_long = {"evil"}, {"x" * 64}
    played.answering.set()

    async def scene(browser: Any) -> None:
        await played.change("evil", "x" * 64, LAMP)

    run(played, face, scene)
    assert played.heard == [SAID]
