"""The receiving half of a session: which datagram is what, and what becomes of the calls it concerns."""

from __future__ import annotations

import math
import random
from collections import Counter

from miio_lan.errors import DeviceError, McuTimeout, PayloadDecodeException
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.clock import CLOCK_TOLERANCE
from miio_lan.lan.client.incoming import nameless
from miio_lan.lan.client.incoming.holding import METHODS, Hold
from miio_lan.lan.client.incoming.pushes import PushInbox
from miio_lan.lan.client.incoming.reply import is_request, read_error, reply_id, result_of
from miio_lan.lan.client.pacing import MAX_RESEND, MIN_RESEND
from miio_lan.lan.client.repeating import repeats
from miio_lan.lan.client.repeating.memory import life_of
from miio_lan.lan.client.sending import Sending
from miio_lan.lan.packet import HELLO, UNKNOWN_ID, Packet, push_ability, shown_token, unseal
from miio_lan.lan.payload import dump_payload

#: A closed port or dead route ends a call after this many refusals over this many seconds.
REFUSALS = 3
REFUSED_FOR = 2.0
#: Kinds of mended damage that are told of one device: some kinds name a key, and a device makes up many.
MAX_REPAIRS_TOLD = 16
#: Immediate resends one call may cause (a clock that keeps changing must not make us shout).
MAX_HURRIED = 8
#: Seconds an unsafe command is waited for after the device restarted.
LAST_WORDS = 1.0
#: First pause (seconds) before trying again what the device could not take; doubled each time.
BUSY_PAUSE = 0.3


class Receiving(Sending):
    """What a session makes of datagrams; :class:`miio_lan.lan.client.session.Session` adds the caller's side."""

    dropped: Counter[str]
    mended: list[str]

    def _begin_anew(self, start_id: int, rng: random.Random) -> None:
        super()._begin_anew(start_id, rng)
        self.pushes = PushInbox()
        self._proven = False
        # The last answer without content that ended a call.
        self._empty = b""
        # The last restart that was noticed, as the clock tells it.
        self._restart = -math.inf

    def receive(self, datagram: bytes, now: float, *, stale: bool = False) -> None:
        """Take a datagram from the device's address; whatever it contains, nothing is raised.

        :param stale: it lay unread for an unknown time, so its stamp says nothing about now
        """
        try:
            packet = unseal(datagram, self._own_cipher())
        except PayloadDecodeException as error:
            self._count_damage(error.kind)
            if error.kind in {"empty", "not JSON"}:
                self._unreadable_answer(error, datagram, now)
        else:
            if packet.is_hello:
                self._hello_reply(packet, now, stale=stale)
            else:
                if packet.repairs:
                    self._note_repairs(packet.repairs)
                self._content(packet, now, stale=stale)
        self.tick(now)

    def unreachable(self, reason: str, now: float) -> None:
        """Take the news that a datagram could not be delivered (ICMP, no route)."""
        if self._refused_since is None:
            self._refused_since = now
        for call in self._calls.active:
            call.refusals += 1
            call.trouble = reason
            if call.refusals >= REFUSALS and now - max(self._refused_since, call.started) >= REFUSED_FOR:
                self._give_up(call, now)
        self.tick(now)

    # --- what becomes of it ------------------------------------------------------------------------------------

    def _hello_reply(self, packet: Packet, now: float, *, stale: bool) -> None:
        then = now
        if stale and self.hold is not None and self.hold.awaits_greeting and self.greeting.last is not None:
            # The answer to a look at the subscription that nobody waited for: it came soon after that.
            then = self.greeting.last
        elif stale or not self.greeting.expected(now):
            self.dropped["unexpected hello reply"] += 1
            return
        if packet.device_id == UNKNOWN_ID:
            self.dropped["hello"] += 1  # our own, reflected
            return
        if self._proven and packet.device_id != self.device_id:
            self.dropped["hello reply of another device"] += 1
            return
        self._tell("up", b"", now, "hello")
        shown = shown_token(packet)
        self.token = self.token or shown
        moved = self._observe(packet.stamp, then)
        moved = moved or self.device_id not in {None, packet.device_id}
        self.device_id = packet.device_id
        self._heard(now)
        self.greeting.answered()
        self.memory.greeted()
        if moved:
            self.memory.cancel()
        if self.hold is not None:
            self._look_at_hold(self.hold, packet, now)
        for call in self._calls.active:
            call.hellos_heard += 1
            call.other_token = shown is not None and shown != self.token
            if call.method is None:
                self._end(call, packet, None)
            elif call.awaits_hello:
                call.awaits_hello = False
                call.next_send = now
            elif moved and call.first_sent is not None:
                self._hurry(call, now)
            elif call.looking:
                self._found(call, now)

    def _look_at_hold(self, hold: Hold, packet: Packet, now: float) -> None:
        """See in a hello's answer whether the device still holds the subscription."""
        free = self.memory.free_at(now, len(METHODS))
        if free > now:
            hold.wait(free)
            return
        params = hold.greeted(push_ability(packet.sign), now)
        if hold.take_forgotten():
            self.pushes.restarted()
        if params is not None:
            self._ask_again(params, now)

    def _hurry(self, call: Call, now: float) -> None:
        """Another clock means that what was sent carried a stamp the device drops: send again at once.

        Not so for an unsafe command when the device may have restarted after receiving it, perhaps because of it.
        """
        call.restarted = True
        if call.once or call.hurried >= MAX_HURRIED or not call.copies_out:
            return  # the last: nothing of it is under way, it waits for its turn
        if repeats.after_restart(call, self.clock):
            call.hurried += 1
            call.next_send = now
            call.accompany = False
            if not call.safe:
                call.copies_out, call.cleared = 0, True
        elif self.clock.restarted:
            # No answer will come any more, except one that was on its way already.
            call.deadline = min(call.deadline, now + LAST_WORDS)
            call.next_send = call.deadline

    def _content(self, packet: Packet, now: float, *, stale: bool) -> None:
        """Take an authentic object: a push, or an answer to something that was asked and is still open.

        Whatever else it is may be old, and sent again by somebody: it sets no clock.
        """
        payload = packet.payload
        if packet.device_id != self.device_id and self._proven and self.device_id is not None:
            self.dropped["another device id"] += 1
            return
        if self.token is None:
            self.dropped["no token to read it with"] += 1
            return
        if self.observed:
            self._tell("up", packet.raw, now)
        if not isinstance(payload, dict):
            self.dropped["not an object"] += 1
            self._calls.note_stray()
            return
        self._proven = True
        self.device_id = packet.device_id
        if "method" in payload and is_request(payload):
            self._push(packet, payload, now, stale=stale)
            return
        number = reply_id(payload)
        call = self._calls.by_id.get(number) if number is not None else None
        if number is None or call is None:
            self._other_answer(packet, number, payload, now, stale=stale)
        else:
            self._authenticated(packet, now, stale=stale)
            self._answer(call, number, payload, now)

    def _other_answer(
        self, packet: Packet, number: int | None, payload: dict[str, object], now: float, *, stale: bool
    ) -> None:
        """Take an answer to a question of our own, or one that nobody waits for."""
        if number is not None and self.hold is not None and self.hold.answered(number, payload, now):
            self._authenticated(packet, now, stale=stale)
            return
        if number == 0 and self._nameless_answer(packet, payload, now, stale=stale):
            return
        check = self._calls.checks.pop(number, None) if number is not None else None
        if number is None or (check is None and not self.memory.answered(number, payload, now)):
            if number is not None:
                self._calls.late_answer(number, now)
            if not self._ids.may_have_given(number):
                self._calls.note_stray()
            self.dropped["no open request has this id"] += 1
            return
        self._authenticated(packet, now, stale=stale)
        if check is not None:
            self._checked(check, life_of(payload), now)
        elif self.memory.remembers and self.memory.newest == (life_of(payload), now):
            self._learnt(now)

    def _nameless_answer(
        self, packet: Packet, payload: dict[str, object], now: float, *, stale: bool
    ) -> bool:
        """Take an answer with id 0 to a question about an update. It sets no clock: it may be old."""
        call = (
            None if stale else nameless.owner(self._calls, payload, self.clock.stamp(now) - packet.stamp, now)
        )
        if call is None:
            return False
        if call.sends == 1:
            self._round_trips.observe(call.method or "", now - call.last_sent)
        nameless.settle(call, self._calls)
        self._end(call, result_of(payload), None)
        return True

    def _authenticated(self, packet: Packet, now: float, *, stale: bool) -> None:
        if not stale:
            self._heard(now)
            self._observe(packet.stamp, now)

    def _observe(self, stamp: int, now: float) -> bool:
        """Take a stamp, and what a restart means; see :meth:`miio_lan.lan.client.clock.DeviceClock.observe`."""
        moved = self.clock.observe(stamp, now)
        booted = self.clock.booted
        if moved and booted is not None:
            # Else it is the one that is known: between the two, a late datagram showed the clock of before.
            if abs(booted - self._restart) > CLOCK_TOLERANCE:
                self.pushes.restarted()
            self._restart = booted
            if self.hold is not None:
                self.hold.look(now)
        return moved

    def _heard(self, now: float) -> None:
        self._last_heard = now
        self._silent = False
        if self._refused_since is not None:
            self._refused_since = None
            for call in self._calls.active:
                call.refusals = 0

    def _answer(self, call: Call, number: int, payload: dict[str, object], now: float) -> None:
        error = read_error(payload, call.method or "")
        if error is not None and number in call.refused:
            return  # the same word again
        round_trip = now - call.sent_at[number]
        # Not nan: sent once under this id. What an MCU that hangs takes says nothing about the next time.
        if round_trip == round_trip and not isinstance(error, McuTimeout):
            self._round_trips.observe(call.method or "", round_trip)
        if error is None:
            del self._calls.by_id[number]
            self._end(call, result_of(payload), None)
            return
        repeats.note_refusal(call, number, error)
        if number not in call.refused:
            # Where it was, a copy of it that the network made may still bring a result.
            del self._calls.by_id[number]
        if repeats.after_error(call, error):
            self._try_again(call, error, now)
        else:
            self._end(call, None, error)

    def _try_again(self, call: Call, error: DeviceError, now: float) -> None:
        """Make another attempt after an error, unless one is under way already."""
        call.retries -= 1
        call.refused_with = error
        if any(self._calls.by_id.get(other) is call for other in call.sent_at.keys() - call.refused):
            return  # a resend is still unanswered: that is the next attempt
        pause = 0.0
        if repeats.is_busy(error):
            pause = min(BUSY_PAUSE * 2**call.busy, call.timeout, MAX_RESEND)
            call.busy += 1
        call.next_send = now + pause
        call.accompany = False
        # A device that remembers the id would answer as before, or not at all. And what must not run twice was never
        # taken, as it said, so a new id cannot make it do so.
        call.carry(self._ids.next())
        call.cleared = True

    def _push(self, packet: Packet, payload: dict[str, object], now: float, *, stale: bool) -> None:
        restarted = not stale and self.clock.shows_restart(packet.stamp, now)
        if restarted and self.pushes.shows_now(payload, packet.stamp):
            self._authenticated(packet, now, stale=False)
        clock = self.clock.stamp(now) if self.clock.known else None
        answer, new = self.pushes.take(payload, now, stamp=packet.stamp, clock=clock)
        if new:
            self._authenticated(packet, now, stale=stale)
        else:
            self.dropped["repeated push" if answer else "a request without id or method"] += 1
        if answer is not None:
            self._post(dump_payload(answer), now)

    def _count_damage(self, kind: str) -> None:
        self.dropped[kind] += 1
        if kind != "not ours":
            for call in self._calls.active:
                call.note_damage(kind)

    def _note_repairs(self, repairs: tuple[str, ...]) -> None:
        """Say what was mended in a reply: once for each kind, for a device that does it does it often."""
        import logging  # most programs meet no damage

        for repair in repairs:
            if repair not in self.mended and len(self.mended) < MAX_REPAIRS_TOLD:
                self.mended.append(repair)
                logging.getLogger(__name__).warning(
                    "%s sent a damaged reply, which was mended: %s", self.peer, repair
                )

    def _unreadable_answer(self, error: PayloadDecodeException, datagram: bytes, now: float) -> None:
        """Take a datagram that is authentic but cannot be read, perhaps not even which request it answers.

        A read it surely belongs to is tried again soon, and not waited for to the bitter end.
        """
        self._tell("up", error.raw, now, error.kind)
        others = self.memory.due is not None or self.greeting.hello != HELLO
        # The same bytes once more may be a copy that the network made.
        call = None if datagram == self._empty else self._calls.owner(error.raw, now, others=others)
        if call is not None and not call.safe and call.sends == 1 and error.kind == "empty":
            # That was the answer, and no other will come: nothing of it is under way any more.
            nameless.settle(call, self._calls)
            self._empty = datagram
            self._end(call, None, call.without_content(self.peer))
            return
        if call is None or not call.safe or call.unreadables >= call.sends:
            return  # the last: more answers than questions, so the network doubled one
        call.unreadable = error
        call.unreadables += 1
        if call.retries > 0:
            call.retries -= 1
            call.next_send = min(call.next_send, max(now, call.last_sent + MIN_RESEND))
            call.accompany = False
        else:
            # The answer may have belonged to an earlier copy: ours may still come.
            call.deadline = min(call.deadline, now + max(MIN_RESEND, call.resend_after))
            call.next_send = call.deadline
