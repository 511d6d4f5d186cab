"""The client's rules for one device, without I/O: bytes and the time go in, bytes and deadlines come out.

A transport calls :meth:`Session.receive`, :meth:`Session.tick` and :meth:`Session.take_output`, and waits no longer
than :attr:`Session.deadline`. Everything that is not an answer to an open request is dropped and counted.
Rules and their reasons: docs/architecture.md, "The session".
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping

from miio_lan.errors import (
    DeviceException,
    InvalidTokenException,
    McuTimeout,
    OutcomeUnknown,
    PayloadDecodeException,
)
from miio_lan.lan import codes
from miio_lan.lan.client.call import Call, is_repeat_safe
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.client.pacing import MIN_RESEND, RoundTrips
from miio_lan.lan.client.pushes import PushInbox
from miio_lan.lan.client.reply import read_error, reply_id
from miio_lan.lan.packet import (
    HELLO,
    UNKNOWN_ID,
    Packet,
    decode,
    encode,
    shown_token,
)
from miio_lan.lan.payload import dump_payload

#: Seconds without a word after which the device is greeted before the next command.
GREET_AFTER = 20.0
#: A closed port or dead route ends a call after this many refusals over this many seconds.
REFUSALS = 3
REFUSED_FOR = 2.0
#: Immediate resends one call may cause (a clock that keeps changing must not make us shout).
MAX_HURRIED = 8
#: Seconds an unsafe command is waited for after the device restarted.
LAST_WORDS = 1.0
#: Longest wait (seconds) between two sends of one command.
MAX_RESEND = 10.0
#: First pause (seconds) before trying again what the device could not take.
BUSY_PAUSE = 0.3

#: direction (``"up"`` or ``"down"``), plaintext (empty for a hello), monotonic seconds, note
Trace = Callable[[str, bytes, float, str], None]


class Session:
    """One client's conversation with one device.

    :param token: 16 bytes, or None to learn it from a device that shows it
    :param peer: how messages name the device (its address)
    :param start_id: see :class:`miio_lan.lan.client.ids.IdSource`
    :param lazy_discover: False greets the device before every command
    :param max_in_flight: commands under way at one time
    :param hello: the greeting; one with a virtual did makes push-capable devices say so
    :param trace: told of all that crosses the wire; never of a token
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
        trace: Trace | None = None,
    ) -> None:
        self.token = token
        self.peer = peer
        self.lazy_discover = lazy_discover
        self.max_in_flight = max_in_flight
        self.clock = DeviceClock()
        self.device_id: int | None = None
        self.dropped: Counter[str] = Counter()
        self.pushes = PushInbox()
        self.greeting = Greeting(hello)
        self.last_hello_reply: Packet | None = None
        self._trace = trace
        self._ids = IdSource(start_id, rng or random.Random())
        self._round_trips = RoundTrips()
        self._queue: deque[Call] = deque()
        self._active: list[Call] = []
        self._open: dict[int, Call] = {}
        self._output: list[bytes] = []
        self._proven = False
        self._silent = False
        self._last_heard: float | None = None
        self._refused_since: float | None = None

    # --- the caller's side -------------------------------------------------------------------------------------

    @property
    def last_id(self) -> int:
        """The id given last; the start id before any."""
        return self._ids.last

    @property
    def busy(self) -> bool:
        """Whether a call is open."""
        return bool(self._active or self._queue)

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
    ) -> Call:
        """Make a call for a command; :meth:`begin` opens it.

        :param timeout: seconds per attempt; the call ends after ``timeout * (1 + retry_count)``
        :param repeat_safe: overrides what the method's name tells, see :func:`miio_lan.lan.client.call.is_repeat_safe`
        :param extra: further top-level keys of the request
        :raises RequestTooLong: if no device would accept a request of this size
        :raises DeviceException: if the parameters have no JSON form
        """
        safe = is_repeat_safe(method) if repeat_safe is None else repeat_safe
        deadline = now + timeout * (1 + retry_count)
        call = Call(method, params, extra or {}, now, timeout, deadline, retry_count, safe)
        call.carry(self._ids.next())
        return call

    def handshake(self, now: float, *, timeout: float, retry_count: int) -> Call:
        """Make a call that ends with the next hello reply, a :class:`Packet`."""
        return Call(None, None, {}, now, timeout, now + timeout * (1 + retry_count), retry_count, safe=True)

    def begin(self, call: Call, now: float) -> None:
        """Open a call. (Apart from making it, so that whoever made it can abandon it at any moment.)"""
        self._queue.append(call)
        self.tick(now)

    def abandon(self, call: Call, reason: str) -> None:
        """End an open call without an answer (its caller was interrupted, the connection closed)."""
        if not call.done:
            kind = OutcomeUnknown if call.first_sent is not None and not call.safe else DeviceException
            self._end(call, None, kind(f"{call.method or 'the handshake'} with {self.peer}: {reason}"))

    def abandon_all(self, reason: str) -> None:
        """End all open calls without an answer."""
        for call in [*self._active, *self._queue]:
            self.abandon(call, reason)

    # --- the transport's side ----------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted (monotonic seconds), None while nothing is open."""
        times = [call.deadline for call in self._queue]
        for call in self._active:
            times.append(call.deadline)
            times.append(self.greeting.due if call.awaits_hello else call.next_send)
        return min(times, default=None)

    def take_output(self) -> list[bytes]:
        """Give the datagrams to send now."""
        output, self._output = self._output, []
        return output

    def tick(self, now: float) -> None:
        """Let time pass: end what is overdue, send what is due."""
        for call in [*self._active, *self._queue]:
            if now >= call.deadline:
                self._give_up(call, now)
        self._activate(now)
        waiting = [call for call in self._active if call.awaits_hello]
        if waiting and now >= self.greeting.due:
            self._greet(waiting, now)
        for call in list(self._active):
            if not call.awaits_hello and now >= call.next_send:
                self._transmit(call, now)

    def receive(self, datagram: bytes, now: float, *, stale: bool = False) -> None:
        """Take a datagram from the device's address; whatever it contains, nothing is raised.

        :param stale: it lay unread for an unknown time, so its stamp says nothing about now
        """
        try:
            packet = decode(datagram, self.token)
        except PayloadDecodeException as error:
            self._count_damage(error.kind)
            if error.kind in {"empty", "not JSON"}:
                self._unreadable_answer(error, now)
        else:
            if packet.is_hello:
                self._hello_reply(packet, now, stale=stale)
            else:
                self._content(packet, now, stale=stale)
        self.tick(now)

    def unreachable(self, reason: str, now: float) -> None:
        """Take the news that a datagram could not be delivered (ICMP, no route)."""
        if self._refused_since is None:
            self._refused_since = now
        for call in list(self._active):
            call.refusals += 1
            call.trouble = reason
            if call.refusals >= REFUSALS and now - max(self._refused_since, call.started) >= REFUSED_FOR:
                self._give_up(call, now)
        self.tick(now)

    # --- sending -----------------------------------------------------------------------------------------------

    def _activate(self, now: float) -> None:
        while self._queue and len(self._active) < self.max_in_flight:
            call = self._queue.popleft()
            idle = self._last_heard is None or now - self._last_heard > GREET_AFTER
            call.awaits_hello = (
                call.method is None or idle or self._silent or not self.clock.known or not self.lazy_discover
            )
            if call.awaits_hello and not any(other.awaits_hello for other in self._active):
                self.greeting.begin(now)
            call.next_send = now
            self._active.append(call)

    def _greet(self, waiting: list[Call], now: float) -> None:
        """Send the first or the next hello of a handshake."""
        self._say_hello(now)
        if self.greeting.repeat(now) and self.clock.known:
            # The clock is known well enough to try; some products sleep through hellos.
            for call in waiting:
                if call.method is not None:
                    call.awaits_hello = False
                    call.next_send = now

    def _say_hello(self, now: float) -> None:
        self._output.append(self.greeting.said(now))
        if self._trace:
            self._trace("down", b"", now, "hello")

    def _transmit(self, call: Call, now: float) -> None:
        if self.token is None:
            reason = f"no token was given, and {self.peer} does not show its own (it is set up already)"
            self._end(call, None, InvalidTokenException(reason))
            self._activate(now)
            return
        if call.first_sent is None:
            call.first_sent = now
            call.resend_after = self._round_trips.resend_after(call.method or "", call.timeout)
        else:
            if call.safe:
                call.carry(self._ids.next())
            if call.accompany:
                self._say_hello(now)
            call.resend_after = min(MAX_RESEND, call.resend_after * 2)
        call.accompany = True
        self._open[call.id] = call
        # A second send under the same id makes the round trip ambiguous: it is not measured.
        call.sent_at[call.id] = now if call.id not in call.sent_at else float("nan")
        call.sends += 1
        call.next_send = now + call.resend_after
        stamp = self.clock.stamp(now)
        self._output.append(
            encode(call.payload, token=self.token, device_id=self.device_id or 0, stamp=stamp)
        )
        if self._trace:
            self._trace("down", call.payload, now, "")

    # --- receiving ---------------------------------------------------------------------------------------------

    def _hello_reply(self, packet: Packet, now: float, *, stale: bool) -> None:
        if stale or not self.greeting.expected(now):
            self.dropped["unexpected hello reply"] += 1
            return
        if packet.device_id == UNKNOWN_ID:
            self.dropped["hello"] += 1  # our own, reflected
            return
        if self._proven and packet.device_id != self.device_id:
            self.dropped["hello reply of another device"] += 1
            return
        if self._trace:
            self._trace("up", b"", now, "hello")
        shown = shown_token(packet)
        self.token = self.token or shown
        moved = self.clock.observe(packet.stamp, now)
        moved = moved or self.device_id not in {None, packet.device_id}
        self.device_id = packet.device_id
        self.last_hello_reply = packet
        self._heard(now)
        self.greeting.answered()
        for call in list(self._active):
            call.hellos_heard += 1
            call.other_token = shown is not None and shown != self.token
            if call.method is None:
                self._end(call, packet, None)
            elif call.awaits_hello:
                call.awaits_hello = False
                call.next_send = now
            elif moved and call.first_sent is not None:
                self._hurry(call, call.first_sent, now)

    def _hurry(self, call: Call, first_sent: float, now: float) -> None:
        """Another clock means that what was sent carried a stamp the device drops: send again at once.

        Not so for an unsafe command when the device may have restarted after receiving it, perhaps because of it.
        """
        call.restarted = True
        if call.hurried >= MAX_HURRIED:
            return
        if call.safe or self.clock.surely_running_since(first_sent):
            call.hurried += 1
            call.next_send = now
            call.accompany = False
            call.resend_after /= 2
        else:
            # No answer will come any more, except one that was on its way already.
            call.deadline = min(call.deadline, now + LAST_WORDS)
            call.next_send = call.deadline

    def _content(self, packet: Packet, now: float, *, stale: bool) -> None:
        if self.device_id is not None and packet.device_id != self.device_id and self._proven:
            self.dropped["another device id"] += 1
            return
        if self.token is None:
            self.dropped["no token to read it with"] += 1
            return
        payload = packet.payload
        if self._trace:
            self._trace("up", packet.raw, now, "")
        if not isinstance(payload, dict):
            self.dropped["not an object"] += 1
            return
        self._authenticated(packet, now, stale=stale)
        if "method" in payload:
            self._push(payload, now)
            return
        number = reply_id(payload)
        call = self._open.get(number) if number is not None else None
        if call is None or number is None:
            self.dropped["no open request has this id"] += 1
            return
        self._answer(call, number, payload, now)

    def _authenticated(self, packet: Packet, now: float, *, stale: bool) -> None:
        self._proven = True
        self.device_id = packet.device_id
        if not stale:
            self._heard(now)
            self.clock.observe(packet.stamp, now)

    def _heard(self, now: float) -> None:
        self._last_heard = now
        self._silent = False
        self._refused_since = None
        for call in self._active:
            call.refusals = 0

    def _answer(self, call: Call, number: int, payload: dict[str, object], now: float) -> None:
        error = read_error(payload, call.method or "")
        round_trip = now - call.sent_at[number]
        # Not nan: sent once under this id. What an MCU that hangs takes says nothing about the next time.
        if round_trip == round_trip and not isinstance(error, McuTimeout):
            self._round_trips.observe(call.method or "", round_trip)
        if error is None:
            self._end(call, payload.get("result"), None)
            return
        never_ran = error.code == codes.QUEUE_FULL
        again = error.code in codes.RECOVERABLE and call.retries > 0 and (call.safe or never_ran)
        if not again:
            self._end(call, None, error)
            return
        call.retries -= 1
        call.refused_with, call.sends_when_refused = error, call.sends
        del self._open[number]
        if any(self._open.get(other) is call for other in call.sent_at):
            return  # a resend is still unanswered: that is the next attempt
        pause = BUSY_PAUSE * 2**call.hurried if never_ran else 0.0
        call.next_send = now + min(pause, call.timeout)
        call.accompany = False
        call.resend_after /= 2
        if not call.safe:
            # The device said it never took this one, so a new id cannot make it run twice.
            call.carry(self._ids.next())

    def _push(self, payload: dict[str, object], now: float) -> None:
        answer, new = self.pushes.take(payload, now)
        if not new:
            self.dropped["repeated push" if answer else "a request without id or method"] += 1
        if answer is None or self.token is None or self.device_id is None:
            return
        plain = dump_payload(answer)
        stamp = self.clock.stamp(now)
        self._output.append(encode(plain, token=self.token, device_id=self.device_id, stamp=stamp))
        if self._trace:
            self._trace("down", plain, now, "")

    def _count_damage(self, kind: str) -> None:
        self.dropped[kind] += 1
        if kind != "not ours":
            for call in self._active:
                call.damaged[kind] += 1

    def _unreadable_answer(self, error: PayloadDecodeException, now: float) -> None:
        """Take a datagram that is authentic but says nothing, not even which request it answers.

        It may belong to the open call: reads are tried again soon, and not waited for to the bitter end.
        """
        if self._trace:
            self._trace("up", error.raw, now, error.kind)
        for call in self._active:
            if not call.safe or call.first_sent is None:
                continue
            call.unreadable = error
            if call.retries > 0:
                call.retries -= 1
                call.next_send = min(call.next_send, now + MIN_RESEND)
                call.accompany = False
                call.resend_after /= 2
            else:
                # The answer may have belonged to an earlier request: ours may still come.
                call.deadline = min(call.deadline, now + max(MIN_RESEND, call.resend_after))
                call.next_send = call.deadline

    # --- ending ------------------------------------------------------------------------------------------------

    def _give_up(self, call: Call, now: float) -> None:
        self._silent = True
        self._end(call, None, call.timed_out(self.peer, now))

    def _end(self, call: Call, result: object, error: Exception | None) -> None:
        call.done, call.result, call.error = True, result, error
        for number in call.sent_at:
            if self._open.get(number) is call:
                del self._open[number]
        if call in self._active:
            self._active.remove(call)
        elif call in self._queue:
            self._queue.remove(call)
