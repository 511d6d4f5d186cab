"""An event loop whose time is simulated, and sockets of it that lead to simulated devices."""

from __future__ import annotations

import asyncio
import selectors
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from miio_lan.device import aio as device_aio
from miio_lan.device.fleet import fleet
from miio_lan.device.telling import aio as telling_aio
from miio_lan.lan.client import aio
from miio_lan.lan.client.aio import AsyncConnection
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport import lines, station
from miio_lan.lan.responder.responder import Request, Responder

TOKEN = bytes(range(16))
Result = TypeVar("Result")

#: What becomes of one datagram, by direction and address: the delays after which a copy of it arrives.
Fate = Callable[[str, Any], list[float]]


class _Waiting(selectors.SelectSelector):
    """Waits for nothing: time passes instead."""

    loop: Clockwork

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)  # what another thread called for
        if not ready:
            assert timeout is not None, "everything waits for ever"
            self.loop.now += max(0.0, timeout)
        return ready


class Clockwork(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.now = 1000.0
        waiting = _Waiting()
        waiting.loop = self
        super().__init__(waiting)

    def time(self) -> float:
        return self.now


class SimulatedDevice:
    """A device at an address of the simulated network."""

    def __init__(self, network: Network, address: Any, work: float) -> None:
        self.responder = Responder(device_id=address[1], token=TOKEN)
        self.responder.restart(network.loop.now - 500)
        self.work = work
        self.executed: list[tuple[str, Any]] = []
        self.replies: dict[str, Callable[[Request], dict[str, Any] | None]] = {}
        self._network, self._address = network, address

    def receive(self, datagram: bytes) -> None:
        now = self._network.loop.now
        request = self.responder.receive(datagram, self._address, now)
        self.flush()
        if request is not None:
            self.executed.append((request.method, request.params))
            self._network.loop.call_later(self.work, self._answer, request)

    def _answer(self, request: Request) -> None:
        answer = self.replies.get(request.method, lambda asked: {"result": asked.params})(request)
        if answer is not None:
            self.responder.reply(request, now=self._network.loop.now, **answer)
            self.flush()

    def push(self, method: str, params: Any) -> None:
        self.responder.push(method, params, self._network.loop.now)
        self.flush()

    def tick(self) -> None:
        """Repeat what was not acknowledged."""
        self.responder.tick(self._network.loop.now)
        self.flush()

    def flush(self) -> None:
        for datagram, _ in self.responder.take_output():
            self._network.carry("up", self._address, datagram)


class Network:
    """Devices by their addresses, and a link to each that may lose, double, delay and reorder."""

    def __init__(self, loop: Clockwork) -> None:
        self.loop = loop
        self.devices: dict[Any, SimulatedDevice] = {}
        self.fate: Fate = lambda direction, address: [0.001]
        self.sent: list[tuple[float, Any, bytes]] = []
        self.refused: set[Any] = set()
        #: Our own address, as long as there is a way.
        self.own: str | None = "127.0.0.1"
        self.failing: OSError | None = None
        self.endpoints: list[FakeEndpoint] = []

    def device(self, number: int = 1, work: float = 0.005) -> SimulatedDevice:
        address = ("127.0.0.1", number)
        return self.devices.setdefault(address, SimulatedDevice(self, address, work))

    def connect(self, number: int = 1, **options: Any) -> AsyncConnection:
        if number not in [address[1] for address in self.devices]:
            self.device(number)
        session = {name: options.pop(name) for name in ("max_in_flight", "start_id") if name in options}
        return AsyncConnection(
            "127.0.0.1",
            Session(TOKEN, peer=f"device {number}", **session),
            port=number,
            clock=self.loop.time,
            **options,
        )

    def carry(self, direction: str, address: Any, datagram: bytes) -> None:
        for delay in self.fate(direction, address):
            self.loop.call_later(delay, self._arrive, direction, address, datagram)

    def _arrive(self, direction: str, address: Any, datagram: bytes) -> None:
        if direction == "down":
            if address in self.refused:
                self.tell(address, lambda box: box.unreachable(ConnectionRefusedError(), self.loop.now))
            elif address in self.devices:
                self.devices[address].receive(datagram)
        else:
            self.tell(address, lambda box: box.receive(datagram, self.loop.now))

    def tell(self, address: Any, news: Callable[[Any], None]) -> None:
        for endpoint in self.endpoints:
            if address in endpoint.boxes:
                news(endpoint.boxes[address])


class FakeEndpoint:
    """What the connections take for a socket."""

    network: Network

    def __init__(self, loop: asyncio.AbstractEventLoop, family: int, source_ip: str | None) -> None:
        self.boxes: dict[Any, Any] = {}
        self.closed = False
        self.network.endpoints.append(self)

    def has(self, address: Any) -> bool:
        return address in self.boxes

    def join(self, address: Any, box: Any) -> None:
        self.boxes[address] = box

    def leave(self, address: Any) -> None:
        self.boxes.pop(address, None)
        if not self.boxes:
            self.close()

    def way_to(self, address: Any) -> object:
        own = self.network.own
        return None if own is None else (self, own, address)

    def look_soon(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def split_off(self) -> None:
        self.boxes, self.closed = {}, True  # nothing is heard there any more

    def send(self, datagram: bytes, address: Any) -> OSError | None:
        if self.closed:
            return None
        if self.network.failing is not None:
            return self.network.failing
        self.network.sent.append((self.network.loop.now, address, datagram))
        self.network.carry("down", address, datagram)
        return None


@contextmanager
def simulated_network() -> Iterator[Network]:
    """A network in simulated time; its loop is closed at the end."""
    loop = Clockwork()
    network = Network(loop)
    with pytest.MonkeyPatch.context() as patch:
        # What another network's time left on the way is none of this one's.
        patch.setattr(lines, "_LINES", weakref.WeakValueDictionary())
        patch.setattr(station, "Endpoint", type("Endpoint", (FakeEndpoint,), {"network": network}))
        for module in (aio, station, device_aio, fleet, telling_aio):
            patch.setattr(module, "time", SimpleNamespace(monotonic=loop.time, time=loop.time))
        try:
            yield network
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def run(network: Network, work: Coroutine[Any, Any, Result]) -> Result:
    """Carry out a coroutine in the network's time; the loop's debug mode is on, and nothing goes wrong unseen."""
    wrong: list[dict[str, Any]] = []
    network.loop.set_debug(True)
    network.loop.slow_callback_duration = 60
    network.loop.set_exception_handler(lambda _, context: wrong.append(context))
    result = network.loop.run_until_complete(work)
    assert wrong == []
    return result
