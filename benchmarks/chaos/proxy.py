"""A network that loses, doubles, reorders, delays and damages datagrams, between real sockets on loopback."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from benchmarks.chaos.kinds import WEATHERS, Weather

_MAX = 65536
#: The longest wait of the thread, in which a route may be added.
_NAP = 0.05


class Route:
    """The way to one product. A client that speaks to ``port`` speaks to it.

    :param on_send: told each datagram of the client, and gives what its delivery is to be known by
    """

    def __init__(
        self, target: tuple[str, int], token: bytes, seed: int, on_send: Callable[[bytes], Any]
    ) -> None:
        self.weather: Weather = WEATHERS[0]
        self.token = token
        self.on_send = on_send
        self.rng = random.Random(seed)
        #: What was handed to the product's socket, oldest first, for those who want to know its datagrams apart.
        self.delivered: deque[tuple[bytes, Any]] = deque(maxlen=256)
        self.front = _socket()
        self.front.bind(("127.0.0.1", 0))
        self.back = _socket()
        self.back.connect(target)
        self.client: Any = None

    @property
    def port(self) -> int:
        """Where the client finds the product."""
        number: int = self.front.getsockname()[1]
        return number

    def to_product(self, datagram: bytes, mark: Any) -> None:
        """Deliver a datagram of the client."""
        self.delivered.append((datagram, mark))
        with suppress(OSError):
            self.back.send(datagram)

    def to_client(self, datagram: bytes, client: Any) -> None:
        """Deliver a datagram of the product."""
        with suppress(OSError):
            self.front.sendto(datagram, client)

    def mark_of(self, datagram: bytes) -> Any:
        """Tell what a datagram that has just reached the product was known by. In the product's thread."""
        while self.delivered:
            delivered, mark = self.delivered.popleft()
            if delivered == datagram:
                return mark
        return None


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


class Proxy:
    """One thread that carries the datagrams of all routes; a context manager."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._routes: list[Route] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="chaos proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._selector.close()
        for route in self._routes:
            route.front.close()
            route.back.close()

    def add(self, route: Route) -> Route:
        """Carry this route from now on."""
        self._routes.append(route)
        self._selector.register(route.front, selectors.EVENT_READ, (route, self._from_client))
        self._selector.register(route.back, selectors.EVENT_READ, (route, self._from_product))
        return route

    def _serve(self) -> None:
        while not self._ending.is_set():
            wait = min(_NAP, self._due[0][0] - time.monotonic()) if self._due else _NAP
            for key, _ in self._selector.select(max(0.0, wait)):
                route, read = key.data
                with suppress(OSError):  # an ICMP message, or nothing there after all
                    read(route)
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()

    def _from_client(self, route: Route) -> None:
        datagram, route.client = route.front.recvfrom(_MAX)
        mark = route.on_send(datagram)
        for delay, copy in route.weather.fate(datagram, route.rng, direction="down"):
            self._after(delay, lambda copy=copy: route.to_product(copy, mark))  # type: ignore[misc]

    def _from_product(self, route: Route) -> None:
        datagram, client = route.back.recv(_MAX), route.client
        for delay, copy in route.weather.fate(datagram, route.rng, direction="up"):
            self._after(delay, lambda copy=copy: route.to_client(copy, client))  # type: ignore[misc]

    def _after(self, delay: float, what: Callable[[], object]) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), what))
