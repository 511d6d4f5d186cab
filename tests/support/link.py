"""A session and a device joined by a link that may lose, double, delay and reorder, in simulated time."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session
from miio_lan.lan.responder.responder import Request, Responder, ResponderOptions

TOKEN = bytes(range(16))
DEVICE_ID = 0x1_2345_6789
PEER = ("127.0.0.1", 40000)

#: What becomes of one datagram: the delays (seconds) after which a copy of it arrives; none: lost.
Fate = Callable[[str], list[float]]


def prompt(_: str) -> list[float]:
    return [0.002]


class Link:
    """Simulated time for one session and one device."""

    def __init__(
        self,
        *,
        fate: Fate = prompt,
        options: ResponderOptions | None = None,
        work: float = 0.005,
        start: float = 1000.0,
        **session: Any,
    ) -> None:
        self.now = start
        self.fate = fate
        self.work = work
        self.session = Session(session.pop("token", TOKEN), peer="10.0.0.9", **session)
        self.device = Responder(device_id=DEVICE_ID, token=TOKEN, options=options or ResponderOptions())
        self.restart(start - 500)
        self.executed: Counter[tuple[str, str]] = Counter()
        self.sent: list[tuple[float, bytes]] = []
        self.replies: dict[str, Callable[[Request], dict[str, Any]]] = {}
        self.deaf = False
        self._events: list[tuple[float, int, str, Any]] = []
        self._order = itertools.count()

    # --- the caller ---------------------------------------------------------------------------------------------

    def start(self, method: str, params: object = (), **options: Any) -> Call:
        options = {"timeout": 5.0, "retry_count": 3, **options}
        call = self.session.command(method, list(params) if params == () else params, self.now, **options)
        self.session.begin(call, self.now)
        self._carry_from_session()
        return call

    def call(self, method: str, params: object = (), **options: Any) -> Call:
        call = self.start(method, params, **options)
        self.run()
        return call

    # --- time -----------------------------------------------------------------------------------------------------

    def run(self, limit: float = 1000.0) -> None:
        """Let time pass until no call is open."""
        end = self.now + limit
        while self.session.busy and self.now < end:
            self.step()
        assert not self.session.busy, "a call outlived the simulation"

    def step(self) -> None:
        deadline = self.session.deadline
        assert deadline is not None
        if self._events and self._events[0][0] <= deadline:
            self.now, _, kind, what = heapq.heappop(self._events)
            getattr(self, kind)(what)
        else:
            self.now = max(self.now, deadline)
            self.session.tick(self.now)
        self._carry_from_session()
        self._carry_from_device()

    def pass_time(self, seconds: float) -> None:
        """Nobody does anything for a while; what is under way arrives."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, kind, what = heapq.heappop(self._events)
            getattr(self, kind)(what)
            self._carry_from_device()
            self._carry_from_session()
        self.now = end

    # --- the wire -------------------------------------------------------------------------------------------------

    def _plan(self, delay: float, kind: str, what: Any) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), kind, what))

    def _carry_from_session(self) -> None:
        for datagram in self.session.take_output():
            self.sent.append((self.now, datagram))
            for delay in self.fate("down"):
                self._plan(delay, "to_device", datagram)

    def _carry_from_device(self) -> None:
        for datagram, _ in self.device.take_output():
            for delay in self.fate("up"):
                self._plan(delay, "to_session", datagram)

    def to_session(self, datagram: bytes) -> None:
        self.session.receive(datagram, self.now)

    def to_device(self, datagram: bytes) -> None:
        if self.deaf:
            return
        request = self.device.receive(datagram, PEER, self.now)
        if request is not None:
            self.executed[request.method, repr(request.params)] += 1
            self._plan(self.work if request.method != "miIO.info" else 0.005, "answer", request)

    def restart(self, booted: float) -> None:
        """Let the device have started at an instant, with all that it knew forgotten."""
        self.booted = booted
        self.device.restart(booted)

    def info(self, _: Request) -> dict[str, Any]:
        """What the Wi-Fi module answers by itself."""
        return {"result": {"life": int(self.now - self.booted), "model": "a.b.c"}}

    def answer(self, request: Request) -> None:
        if request.method == "miIO.info":
            self.replies.setdefault("miIO.info", self.info)
        reply = self.replies.get(request.method, lambda asked: {"result": [asked.method, asked.params]})(
            request
        )
        self.device.reply(request, now=self.now, **reply)
