"""The sending half of a session: whose turn it is, when to greet, to send, to send again, and when to give up."""

from __future__ import annotations

import math
import random

from miio_lan.errors import InvalidTokenException
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.client.incoming.holding import SUBSCRIBE, Hold
from miio_lan.lan.client.incoming.open_calls import OpenCalls
from miio_lan.lan.client.pacing import MAX_RESEND, RoundTrips
from miio_lan.lan.client.repeating import repeats
from miio_lan.lan.client.repeating.memory import GREETING, IdMemory
from miio_lan.lan.client.turns import CommandQueue
from miio_lan.lan.client.wire import Wire
from miio_lan.lan.payload import dump_payload

#: Seconds without a word after which the device is greeted before the next command.
GREET_AFTER = 20.0


class Sending(Wire):
    """What a session does by itself as time passes; :class:`miio_lan.lan.client.session.Session` adds the rest."""

    peer: str
    lazy_discover: bool
    max_in_flight: int

    def _begin_anew(self, start_id: int, rng: random.Random) -> None:
        """Start without open calls and without anything heard."""
        self.clock = DeviceClock()
        self._round_trips = RoundTrips()
        self._ids = IdSource(start_id, rng)
        self.memory = IdMemory(self._ids)
        self.line = CommandQueue()
        self._calls = OpenCalls(self.line.sets_afoot)
        self._silent = False
        self._last_heard: float | None = None
        self._refused_since: float | None = None
        self._ended: list[Call] = []
        #: The subscription that is held, None where there is none.
        self.hold: Hold | None = None
        self._route: object = None

    def rerouted(self, route: object, now: float) -> None:
        """Note which way datagrams go from now on; a device tells what it tells to the way it was asked by.

        :param route: our address and the device's; anything that can be compared
        """
        if route != self._route:
            self._route = route
            if self.hold is not None:
                self.hold.renew(now)

    def take_up(self, hold: Hold, route: object, now: float) -> None:
        """Hold a subscription from now on; the device has it already.

        :param route: the way by which the device was asked for it, see :attr:`route`
        """
        self.hold = hold
        if route != self._route:
            hold.renew(now)

    @property
    def route(self) -> object:
        """The way datagrams go, None where none was told."""
        return self._route

    def share(self, line: CommandQueue) -> None:
        """Stand in this line from now on, with the open commands: others speak to the same device.

        :param line: see :func:`miio_lan.lan.client.transport.lines.line_of`
        """
        if line is not self.line:
            for call in self._calls.all:
                place = self.line.leave(call)
                if place is not None:
                    line.join(place)
            self._calls.share(line.sets_afoot)
            self.line = line

    @property
    def stands_in_line(self) -> bool:
        """Whether there are open calls, and all of them wait for others that speak to the same device."""
        calls = self._calls.all
        for call in calls:
            if call.active:
                return False
        return bool(calls)

    def may_go_on(self, now: float) -> bool:
        """Tell whether the turn of a waiting command has come, so that :meth:`tick` would send it."""
        first = next((call for call in self._calls.all if not (call.active or call.method is None)), None)
        return first is not None and self.line.may_go(first, now)

    def take_ended(self) -> list[Call]:
        """Give the calls that ended since this was asked last: whoever waits for one of them is to be woken."""
        ended, self._ended = self._ended, []
        return ended

    @property
    def last_id(self) -> int:
        """The id given last; the start id before any."""
        return self._ids.last

    @property
    def busy(self) -> bool:
        """Whether a call is open."""
        return bool(self._calls.all)

    @property
    def silent(self) -> bool:
        """Whether a call ended without an answer, and nothing was heard since."""
        return self._silent

    def take_elsewhere(self) -> bool:
        """Tell, once, that looks at the subscription go unanswered: then the device counts as silent."""
        if self.hold is None or not self.hold.take_elsewhere():
            return False
        self._silent = True
        return True

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted (monotonic seconds), None while nothing is open or held."""
        due = None if not self._calls.all else self.memory.due
        for call in self._calls.all:
            if due is None or call.deadline < due:
                due = call.deadline
            if call.active:
                next_send = self.greeting.due if call.awaits_hello else call.next_send
                if next_send < due:
                    due = next_send
        if self.hold is not None and (due is None or self.hold.due < due):
            due = self.hold.due
        return due

    def tick(self, now: float) -> None:
        """Let time pass: end what is overdue, send what is due."""
        calls = self._calls.all
        if self.hold is not None and self.hold.tick(now):
            self._say_hello(now)
        if not calls and self.memory.due is None:
            return  # nearly every answer leaves it like this
        for call in calls.copy():
            if now >= call.deadline:
                self._give_up(call, now)
        self._activate(now)
        if now >= self.greeting.due and (waiting := [call for call in calls if call.awaits_hello]):
            self._greet(waiting, now)
        if self.memory.due is not None:
            self._ask_for_memory(now)
        for call in calls.copy():
            if call.active and now >= call.next_send and not call.awaits_hello:
                self._attempt(call, now)

    def must_greet(self, now: float) -> bool:
        """Tell whether a hello goes before a command that begins now."""
        heard = self._last_heard
        if heard is None or now - heard > GREET_AFTER or self._silent:
            return True
        return not (self.lazy_discover and self.clock.known)

    @property
    def asks(self) -> bool:
        """Whether the answer to a question of our own may let a command go out again that must not run twice."""
        return bool(self._calls.checks) or self.memory.due is not None

    def overslept(self, now: float) -> None:
        """Note that the computer slept while the clock stood still: what is known of the device's clock is old."""
        self._last_heard = None
        self.clock.overslept(now)
        if self.hold is not None:
            self.hold.look(now)

    def _is_plain(self, call: Call, now: float) -> bool:
        """Tell whether a command that begins is alone, with nothing to consider: then it goes out without :meth:`tick`.

        Nearly every command is, so this is a short way to what ``tick`` would do; a test holds the two together.
        """
        return (
            now < call.deadline
            and call.method is not None
            and not call.targets
            and len(self._calls.all) == len(self.line) == 1
            and self.memory.due is None
            and not self.memory.guarded
            and self.hold is None
            and self.token is not None
            and not self.must_greet(now)
        )

    def _send_first(self, call: Call, now: float) -> None:
        """Send a command whose turn it is for the first time."""
        call.active = True
        call.resend_after = self._round_trips.resend_after(call.method or "", call.timeout)
        self._transmit(call, now)

    def _ask_again(self, params: list[dict[str, object]], now: float) -> None:
        """Ask for the subscription; outside of the line, for a call that hangs must not hold it up."""
        if self.hold is not None:
            for each in params:
                number = self._ids.next()
                self._ids.gone += 1
                self.hold.asked(number, each["sub_method"])
                self._post(dump_payload({"id": number, "method": SUBSCRIBE, "params": each}), now)

    def _activate(self, now: float) -> None:
        """Let calls have their turn, the oldest first."""
        full = False
        for call in self._calls.all:
            # A handshake takes no room, and stands in no line: it is nothing that a device has to work at.
            if call.active or (call.method is not None and (full := full or not self.line.may_go(call, now))):
                continue
            if call.method is None or self.must_greet(now):
                if not any(other.awaits_hello for other in self._calls.all):
                    self.greeting.begin(now)
                call.awaits_hello = True
            call.next_send = now
            call.active = True

    def _greet(self, waiting: list[Call], now: float) -> None:
        """Send the first or the next hello of a handshake."""
        self._say_hello(now)
        if self.greeting.repeat(now) and self.clock.known:
            # The clock is known well enough to try; some products sleep through hellos.
            for call in waiting:
                if call.method is not None:
                    call.awaits_hello = False
                    call.next_send = now

    def _attempt(self, call: Call, now: float) -> None:
        """Send a command, or send it again; or look why there is no answer, where it must not go out again."""
        if self.token is None:
            reason = f"no token was given, and {self.peer} does not show its own (it is set up already)"
            self._end(call, None, InvalidTokenException(reason))
            self._activate(now)
        elif (free := self._free_at(call, now)) > now:
            call.next_send = free
        elif call.first_sent is None:
            self._send_first(call, now)
        elif call.once:
            self._look_after(call, now)
        elif call.safe:
            if call.accompany:
                self._say_hello(now)
                call.resend_after = min(MAX_RESEND, call.resend_after * 2)
            if call.id in call.sent_at and not self._keeps_id(call):
                call.carry(self._ids.next())
            self._transmit(call, now)
        elif call.cleared:
            self._transmit(call, now)
        else:
            self._look_after(call, now)

    def _free_at(self, call: Call, now: float) -> float:
        """Tell when what is due of a command may go out: a set after older ones, a new id when it is not too many."""
        free = now
        if call.targets and call.first_sent is None:
            free = max(self._calls.free_at(call, now), self.line.free_at(call, now))
        again = call.id in call.sent_at
        if self.memory.guarded and (not again or (call.safe and not (call.once or self._keeps_id(call)))):
            free = max(free, self.memory.free_at(now))
        return free

    def _keeps_id(self, call: Call) -> bool:
        """Tell whether what may run twice goes out again under its id: a set that the device then carries out once."""
        return bool(self.memory.remembers and call.targets)

    def _look_after(self, call: Call, now: float) -> None:
        """Look for the device instead of sending a command again."""
        self._say_hello(now)
        call.resend_after = min(MAX_RESEND, call.resend_after * 2)
        call.next_send = now + call.resend_after
        call.looking = repeats.may_ask(call)

    def _found(self, call: Call, now: float) -> None:
        """Take the hello's answer: the device is there. Would it do harm to send a command again?"""
        call.looking = False
        free = self.memory.free_at(now)
        if free > now:
            call.next_send = min(call.next_send, free)
        elif self.memory.remembers:
            number, question = self.memory.question()
            self._calls.checks[number] = call
            self._post(question, now)
        else:
            self.memory.begin(now)

    def _ask_for_memory(self, now: float) -> None:
        """Go on finding out what the device does with repeated ids, while a call waits for that."""
        if self.memory.due is None or now < self.memory.due:
            return
        waiting = [call for call in self._calls.active if repeats.may_ask(call)]
        if not waiting or self.token is None:
            self.memory.cancel()
            return
        for question in self.memory.tick(now):
            if question == GREETING:
                self._say_hello(now)
            else:
                self._post(question, now)

    def _learnt(self, now: float) -> None:
        """Send again what waited for the device to be seen to remember ids."""
        life, told = self.memory.newest or (0, now)
        for call in self._calls.active:
            if repeats.may_ask(call):
                self._checked(call, life + (now - told), now)

    def _checked(self, call: Call, life: float | None, now: float) -> None:
        """Take what a device just told of its life, before the resend of a command that must not run twice."""
        if not call.done and repeats.under_its_id(call, self.memory, self.clock, life, now):
            call.cleared = True
            call.next_send = now

    def _transmit(self, call: Call, now: float) -> None:
        # What is noted first holds when a thread is interrupted here: better "may have run" than the contrary.
        number, stamp = call.id, self.clock.stamp(now)
        again = number in call.sent_at
        if not again:
            self._ids.gone += 1
        if call.copies_out == 0:
            call.first_sent, call.first_stamp, call.place = now, stamp, self._ids.gone
            if not call.safe:
                call.overtaken = self._calls.overtaken(now)
        elif not call.safe:
            self.memory.guard(call.place - call.overtaken, now)
        call.sends += 1
        call.copies_out += 1
        call.cleared = False
        # A second send under the same id makes the round trip ambiguous: it is not measured.
        call.sent_at[number] = math.nan if again else now
        call.last_sent_at[number] = call.last_sent = now
        self._calls.by_id[number] = call
        call.accompany = True
        call.next_send = now + call.resend_after
        self._post(call.payload, now, stamp)

    def _give_up(self, call: Call, now: float) -> None:
        self._silent = True
        if repeats.may_ask(call):
            call.not_repeated = repeats.why_not(self.memory)
        self._end(call, None, call.timed_out(self.peer, now), now)

    def _end(self, call: Call, result: object, error: Exception | None, now: float | None = None) -> None:
        call.result, call.error = result, error
        call.done = True
        self._ended.append(call)
        self._calls.remove(call, call.last_sent if now is None else now)
        if call.method is not None:
            self.line.leave(call)
