"""What zeroconf tells becomes announcements, in both faces; zeroconf itself is played here (not in end_to_end)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from zeroconf import ServiceStateChange

from miio_lan.lan import mdns
from miio_lan.lan.discovery.announcement import SERVICE

NAME = f"a-b-c_miio5.{SERVICE}"
TXT = b"\x10mac=f0b429aabb0c"
SAID = ("a-b-c_miio5", ["192.0.2.9"], TXT)


class Played:
    """Stands for zeroconf: takes the handlers, and says when it was closed."""

    def __init__(self) -> None:
        self.interfaces: list[str] = []
        self.handlers: list[Any] = []
        self.closed: list[str] = []
        self.cached = True
        self.answers = True

    def make(self, *, interfaces: list[str], ip_version: object) -> Any:
        self.interfaces = interfaces
        return SimpleNamespace(
            zeroconf=self, close=lambda: self.closed.append("zeroconf"), async_close=self.async_close
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
        async def ask(zeroconf: object, wait: int) -> bool:
            await asyncio.sleep(0)
            return self.request(zeroconf, wait)

        return SimpleNamespace(
            name=name,
            text=TXT,
            load_from_cache=lambda zeroconf: self.cached,
            request=self.request,
            async_request=ask,
            ip_addresses_by_version=lambda version: ["192.0.2.9"],
        )

    def request(self, zeroconf: object, wait: int) -> bool:
        assert wait == 1000
        return self.answers

    def change(self, state: ServiceStateChange = ServiceStateChange.Added) -> None:
        for handler in self.handlers:
            handler(zeroconf=self, service_type=SERVICE, name=NAME, state_change=state)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    for name in ("Zeroconf", "AsyncZeroconf"):
        monkeypatch.setattr(mdns, name, made.make)
    for name in ("ServiceBrowser", "AsyncServiceBrowser"):
        monkeypatch.setattr(mdns, name, made.browse)
    for name in ("ServiceInfo", "AsyncServiceInfo"):
        monkeypatch.setattr(mdns, name, made.info)
    return made


@pytest.mark.parametrize(
    ("cached", "answers", "said"), [(True, False, 1), (False, True, 1), (False, False, 0)]
)
def test_an_instance_with_its_addresses_is_told(
    played: Played, cached: bool, answers: bool, said: int
) -> None:
    heard: list[object] = []
    played.cached, played.answers = cached, answers
    browser = mdns.Browser(("192.0.2.2",), lambda *words: heard.append(words))
    played.change()
    played.change(ServiceStateChange.Removed)
    browser.close()
    assert heard == [SAID] * said
    assert (played.interfaces, played.closed) == (["192.0.2.2"], ["browser", "zeroconf"])


@pytest.mark.parametrize(
    ("cached", "answers", "said"), [(True, False, 1), (False, True, 1), (False, False, 0)]
)
def test_the_same_in_a_loop(played: Played, cached: bool, answers: bool, said: int) -> None:
    heard: list[object] = []
    played.cached, played.answers = cached, answers

    async def listen() -> None:
        browser = mdns.AsyncBrowser(("192.0.2.2",), lambda *words: heard.append(words))
        played.change(ServiceStateChange.Updated)
        played.change(ServiceStateChange.Removed)
        for _ in range(5):
            await asyncio.sleep(0)
        await browser.close()

    asyncio.run(listen(), debug=True)
    assert heard == [SAID] * said
    assert played.closed == ["browser", "zeroconf"]


def test_what_is_asked_for_when_it_closes_is_told_no_more(played: Played) -> None:
    heard: list[object] = []
    played.cached = False

    async def listen() -> None:
        browser = mdns.AsyncBrowser(("192.0.2.2",), lambda *words: heard.append(words))
        played.change()
        await browser.close()

    asyncio.run(listen(), debug=True)
    assert (heard, played.closed) == ([], ["browser", "zeroconf"])
