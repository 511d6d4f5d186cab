"""The client's rules for one device, without I/O: bytes and the time go in, bytes and deadlines come out.

A transport calls :meth:`Session.receive`, :meth:`Session.tick`, :meth:`Session.take_ended` and
:meth:`Session.take_output`, and waits no longer than :attr:`Session.deadline`. Everything that is not an answer to an
open request is dropped and counted. Rules and their reasons: docs/architecture.md, "The session". What may go out
again: :mod:`miio_lan.lan.client.repeating.repeats`. Whose turn it is: :mod:`miio_lan.lan.client.turns`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from miio_lan.lan.client.call import Call, is_repeat_safe
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.ids import SHARED
from miio_lan.lan.client.receiving import Receiving
from miio_lan.lan.client.repeating.afoot import targets
from miio_lan.lan.client.turns import QueuePlace
from miio_lan.lan.packet import HELLO


class Session(Receiving):
    """One client's conversation with one device.

    :param token: 16 bytes, or None to learn it from a device that shows it
    :param peer: how messages name the device (its address)
    :param start_id: see :class:`miio_lan.lan.client.ids.IdSource`
    :param lazy_discover: False greets the device before every command
    :param max_in_flight: commands under way at one time
    :param hello: the greeting; one with a virtual did makes push-capable devices say so
    :param rng: where ids come from; None for one that sessions share
    :param observed: whether what crosses the wire is kept for :meth:`take_told`
    """

    def __init__(
        self,
        token: bytes | None,
        *,
        peer: str = "the device",
        start_id: int = 0,
        lazy_discover: bool = True,
        max_in_flight: int = 1,
        hello: bytes = HELLO,
        rng: random.Random | None = None,
        observed: bool = False,
    ) -> None:
        super().__init__(token, Greeting(hello), observed=observed)
        self.peer = peer
        self.lazy_discover = lazy_discover
        self.max_in_flight = max_in_flight
        self.dropped: Counter[str] = Counter()
        #: What was mended in replies, each kind once, as it was first met.
        self.mended: list[str] = []
        self._begin_anew(start_id, rng or SHARED)

    def split_off(self, rng: random.Random = SHARED) -> None:
        """Become the session of another process (after a fork): it shares no ids, handshake, calls, subscription."""
        # A plain hello: the one of a subscriber poses as the first process.
        super().__init__(self.token, Greeting(), observed=self.observed)
        self._begin_anew(0, rng)

    # --- the caller's side -------------------------------------------------------------------------------------

    def command(
        self,
        method: str,
        params: object,
        now: float,
        *,
        timeout: float,
        retry_count: int,
        repeat_safe: bool | None = None,
        extra: Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> Call:
        """Make a call for a command; :meth:`begin` opens it.

        :param timeout: seconds per attempt; the call ends after ``timeout * (1 + retry_count)``
        :param retry_count: further attempts; 0 puts exactly one datagram with the command on the wire
        :param repeat_safe: overrides what the method's name tells, see :func:`miio_lan.lan.client.call.is_repeat_safe`
        :param extra: further top-level keys of the request
        :param deadline: end no later than this (monotonic seconds)
        :raises RequestTooLong: if no device would accept a request of this size
        :raises DeviceException: if the parameters have no JSON form
        """
        safe = is_repeat_safe(method) if repeat_safe is None else repeat_safe
        end = _end(now, timeout, retry_count, deadline)
        call = Call(method, now, timeout, end, retry_count, safe=safe, once=retry_count == 0)
        call.write(self._ids.next(), params, extra)
        call.targets = targets(method, params)
        return call

    def handshake(
        self, now: float, *, timeout: float, retry_count: int, deadline: float | None = None
    ) -> Call:
        """Make a call that ends with the next hello reply, a :class:`Packet`; arguments as for :meth:`command`."""
        end = _end(now, timeout, retry_count, deadline)
        return Call(None, now, timeout, end, retry_count, safe=True)

    def begin(
        self,
        call: Call,
        now: float,
        *,
        caller: object = None,
        wake: Callable[[], None] | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> None:
        """Open a call. (Apart from making it, so that whoever made it can abandon it at any moment.)

        :param caller: who waits for it, see :class:`miio_lan.lan.client.turns.QueuePlace`
        :param wake: called, from any thread, when another session lets it have its turn: then :meth:`tick` is wanted
        :param gone: tells whether nobody will end it, see :class:`miio_lan.lan.client.turns.QueuePlace`
        """
        self._calls.all.append(call)
        if call.method is not None:
            self.line.join(QueuePlace(call, self, self.max_in_flight, caller, wake, gone))
        if self._is_plain(call, now):
            self._send_first(call, now)
        else:
            call.late = now >= call.deadline
            self.tick(now)

    def abandon(self, call: Call, reason: str, now: float) -> None:
        """End an open call without an answer (its caller was interrupted); the next one begins at once."""
        if not call.done:
            self._cut_short(call, reason)
        elif call in self._calls.all:  # who ended it was interrupted before it was out of the way
            self._end(call, call.result, call.error)
        self.tick(now)

    def abandon_all(self, reason: str) -> None:
        """End all open calls without an answer (the connection closed)."""
        for call in list(self._calls.all):
            self._cut_short(call, reason)

    def _cut_short(self, call: Call, reason: str) -> None:
        error = call.cut_short(f"{call.method or 'the handshake'} with {self.peer}: {reason}")
        self._end(call, None, error)


def _end(now: float, timeout: float, retry_count: int, deadline: float | None) -> float:
    """Tell when a call that begins now ends, monotonic seconds; one deadline may stand above several calls."""
    end = now + timeout * (1 + retry_count)
    return end if deadline is None or end < deadline else deadline
