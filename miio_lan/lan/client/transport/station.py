"""What all devices of one event loop share: the sockets, the timer, and the limits on what is under way."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
import weakref
from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.ids import SHARED
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.traffic import Lane, Traffic
from miio_lan.lan.client.transport.endpoint import Endpoint
from miio_lan.lan.client.transport.forks import split_after_fork

#: Connections that act before everything else that waits in the loop has its turn.
AT_ONE_TIME = 64


class Member(Lane):
    """One device's connection, as its station knows it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        #: When :meth:`on_time` is called, monotonic seconds.
        self.timer = math.inf

    @abstractmethod
    def begin(self, call: Call, now: float) -> None:
        """Begin a call: its turn has come."""

    @abstractmethod
    def set_timer(self, now: float) -> None:
        """See to it that :meth:`on_time` is called in time; too early does no harm."""

    @abstractmethod
    def on_time(self, now: float) -> None:
        """Let the session act, if it still wants to."""


class Station:
    """What all devices of one event loop share: the sockets, and the limits on what is under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._clock = time.monotonic
        self.traffic: Traffic[Member] = Traffic(SHARED)
        self._endpoints: dict[tuple[int, str | None], list[Endpoint]] = {}
        # When connections want to act; what is not a connection's timer any more is passed over.
        self._due: list[tuple[float, int, weakref.ref[Member]]] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._end = _end_of_loop(weakref.ref(self))
        _step(self._end.asend(None))
        split_after_fork(self)

    def __del__(self) -> None:
        with suppress(Exception):
            _step(self._end.aclose())

    def endpoint(self, family: int, source_ip: str | None, address: Any) -> Endpoint:
        """Give a socket through which nobody speaks to an address yet: by the address answers are told apart.

        :raises DeviceException: if there can be none
        """
        endpoints = self._endpoints.setdefault((family, source_ip), [])
        endpoints[:] = [each for each in endpoints if not each.closed]
        for endpoint in endpoints:
            if not endpoint.has(address):
                return endpoint
        endpoints.append(Endpoint(self.loop, family, source_ip))
        return endpoints[-1]

    def add(self, connection: Member, call: Call, now: float) -> None:
        """Let a call begin when its turn comes."""
        if self.traffic.admit(connection, call, now):
            connection.begin(call, now)
            return
        self.traffic.add(connection, call, now)
        self.pump(now)
        if not call.done:
            connection.set_timer(now)

    def pump(self, now: float) -> None:
        """Begin the calls whose turn it is."""
        if self.traffic.idle:
            return
        while released := self.traffic.released(now):
            for connection, call in released:
                connection.begin(call, now)
        due = self.traffic.deadline
        if due is not None and due < self._timer_due:
            self._set_timer(due, now)

    def wake_at(self, due: float, connection: Member) -> None:
        """Have a connection act at a time, monotonic seconds."""
        heapq.heappush(self._due, (due, next(self._count), weakref.ref(connection)))
        if due < self._timer_due:
            self._set_timer(due, self._clock())

    def _set_timer(self, due: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self.loop.call_later(max(0.0, due - now), self._on_time)

    def _on_time(self) -> None:
        # A loop's timer may be early by what its clock does not tell apart.
        now = max(self._clock(), self._timer_due)
        self._timer, self._timer_due = None, math.inf
        for _ in range(AT_ONE_TIME):
            if not self._due or self._due[0][0] > now:
                break
            due, _, reference = heapq.heappop(self._due)
            connection = reference()
            if connection is not None and connection.timer == due:
                connection.on_time(now)
        self.pump(now)
        if self._due and self._due[0][0] < self._timer_due:
            self._set_timer(self._due[0][0], now)

    def split_off(self) -> None:
        """Be the station of no loop in another process (after a fork); whoever needs one there gets another one."""
        for endpoint in itertools.chain.from_iterable(self._endpoints.values()):
            endpoint.split_off()
        _STATIONS.pop(id(self.loop), None)

    def close(self) -> None:
        """Close the sockets: the loop ends."""
        if self._timer is not None:
            self._timer.cancel()
        for endpoints in self._endpoints.values():
            for endpoint in endpoints:
                endpoint.close()


async def _end_of_loop(station: weakref.ref[Station]) -> AsyncGenerator[None, None]:
    """Close a station when its loop ends: ``asyncio.run`` and its like close the generators that were left open."""
    try:
        yield
    finally:
        left = station()
        if left is not None:
            left.close()


def _step(step: Any) -> None:
    """Do a step of a generator that waits for nothing."""
    with suppress(StopIteration, StopAsyncIteration):
        step.send(None)


_STATIONS: weakref.WeakValueDictionary[int, Station] = weakref.WeakValueDictionary()


def station_of(loop: asyncio.AbstractEventLoop) -> Station:
    """Give the station of a loop; it is there as long as a device uses it."""
    station = _STATIONS.get(id(loop))
    if station is None or station.loop is not loop:
        station = _STATIONS[id(loop)] = Station(loop)
    return station
