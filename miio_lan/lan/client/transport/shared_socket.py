"""One UDP socket for any number of threads: one of them waits on it and feeds the session, the others wait for it.

The thread whose turn it is takes what comes for all; the others take over when it is done. No thread of our own is
needed, and a thread never waits longer than its own call's deadline.

Ctrl-C may end a call at any line of this file, also in its clean-up. So who waits on the socket is written down by
name and until when, which expires; the lock knows its owner, who frees it on the way out; and what a call leaves behind
in regular course is nothing: it steps down after each wait, not in a clean-up at its end.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from miio_lan.errors import DeviceTimeout
from miio_lan.lan.client.transport.device_socket import DeviceSocket
from miio_lan.lan.client.transport.lines import line_of
from miio_lan.lan.client.transport.resolving import Address, Lookup
from miio_lan.lan.client.transport.sleeping import Sleep
from miio_lan.lan.client.transport.waiting import Waiting
from miio_lan.lan.client.turns import LOOK
from miio_lan.lan.packet import HEADER_SIZE, LARGEST_DATAGRAM

if TYPE_CHECKING:
    from miio_lan.lan.client.call import Call
    from miio_lan.lan.client.session import Session
    from miio_lan.lan.client.transport.telling import Tell, Teller

#: A socket's time-out is left as it is while it is at least this share of a wait, else set to the second.
_ABOUT_RIGHT = 0.8
_BIT_LESS = 0.9
#: Seconds after which datagrams may have piled up unread in the socket.
UNATTENDED = 1.0
#: Of which so many are read at most.
_BACKLOG = 1000
#: Seconds after its deadline when a call ends even if the session has lost it (interrupted in mid-change).
_OVERDUE = 0.3
#: Seconds beyond its own wait after which a thread is taken to have left without a word.
_GONE = 0.2
#: Seconds to the next look where there is no socket to wait on.
_NO_SOCKET = 0.05
#: Share of a call's time that it waits for an observer who does not follow, before it begins.
_PATIENCE = 0.5
#: Seconds for which a thread tells also what others bring meanwhile: an observer that follows needs less.
_STAY = 0.2


class SharedSocket(DeviceSocket):
    """A device's socket, the threads that take turns at it, and the session that it feeds.

    :param session: the rules; this object is the only one to call them
    :param tell: told of all that crosses the wire, see :func:`miio_lan.lan.client.transport.telling.tracer`
    """

    def __init__(
        self,
        host: str,
        session: Session,
        *,
        port: int,
        source_ip: str | None,
        clock: Callable[[], float],
        tell: Tell | None,
    ) -> None:
        super().__init__(host, port, source_ip)
        #: Gives the address the device has now, within some seconds; None where it does not move.
        self.find: Callable[[float], str] | None = None
        self.session = session
        self._clock = clock
        self._teller = None if tell is None else _teller(tell)
        session.observed = session.observed or tell is not None
        self._lookup: Lookup | None = None
        self._sleep = Sleep()
        self._start()

    def _start(self) -> None:
        """Begin without any thread at work."""
        self._state = threading.RLock()
        self._leader: int | None = None
        self._leads_until = 0.0
        self._waiting = Waiting()
        self._attended = 0.0
        #: How often it was closed.
        self.closings = 0

    # --- turns -------------------------------------------------------------------------------------------------

    def _wait(self, end: float, call: Call | None = None) -> bool:
        """Wait for news, on the socket or for the thread that waits there, and let the session act on it.

        :param end: wait no longer than this (monotonic seconds), whatever the session wants
        :param call: whose end is waited for; None: something that the device tells unasked
        :returns: whether there is nothing to wait for any more
        """
        awaited = self.session.pushes if call is None else call
        me = threading.get_ident()
        with self._state:
            now = self._clock()
            if awaited.done:
                self._leave(call, now)
                self._hand_over()
                return True
            # Looked at first: an observer may have taken long, and what came meanwhile lies in the socket.
            overdue = now >= end + _OVERDUE
            deadline = self.session.deadline
            wait = (end if deadline is None or end < deadline else deadline) - now
            left = self._teller is not None and self._teller.is_left  # to us, by whoever told before
            if wait < 0.0 or left:
                wait = 0.0
            # One's own name there is left over from an interrupted wait, and so may be another's.
            leading = self._leader is None or self._leader == me or now > self._leads_until + _GONE
            stands = self.session.stands_in_line
            if stands:
                wait = min(wait, LOOK)
            waiter: threading.Lock | None = None
            if leading and not (stands and call is not None):
                self._leads_until = now + wait
                self._leader = me
                sock = self._socket
            else:
                # Who waits for others to end is woken by them: on the socket, he would hear nothing of it.
                if not (leading or left) and (deadline is None or deadline >= self._leads_until):
                    # Whoever leads does what the session wants, unless that is sooner than it comes back.
                    back = max(0.0, min(end, self._leads_until + 2 * _GONE) - now)
                    wait = min(back, LOOK) if stands else back
                waiter = self._waiting.stand_by(call, me)
                if self.session.may_go_on(now):
                    # Between the last look and this, when nobody was woken; or somebody was, by another connection.
                    self._waiting.release(waiter)
        datagram, trouble = None, ""
        if waiter is None:
            datagram, trouble = self._read(sock, wait)
        else:
            waiter.acquire(timeout=wait)
        with self._state:
            if waiter is not None:
                leading = self._waiting.stand_up(waiter, call, me)
            elif sock is not self._socket:
                # A socket that was replaced meanwhile says nothing of the device.
                datagram, trouble = None, ""
            now = self._clock()
            self._take(datagram, trouble, me, now)
            if awaited.done or overdue:
                self._leave(call, now)
                if leading:
                    self._hand_over()
                return True
        return False

    def _leave(self, call: Call | None, now: float) -> None:
        """Leave in regular course."""
        if call is not None:
            if not call.done:
                self.session.abandon(call, "the call was lost", now)
                self._flush()
            if call.error is not None and isinstance(call.error, DeviceTimeout):
                self._doubtful = True
        self._attended = now

    def _hand_over(self) -> None:
        """Where nobody waits on the socket, wake one who does it next."""
        if self._leader is None:
            self._waiting.next()

    def _recover(self, call: Call | None, within: bool) -> None:
        """Leave after an error or an interruption, wherever it came: nothing of this thread stays behind.

        :param within: whether an observer sent, so that this thread still is telling it something
        """
        with suppress(RuntimeError):
            while True:
                self._state.release()  # an error where it is not this thread's
        with self._state:
            if call is not None:
                self.session.abandon(call, "the call was interrupted", self._clock())
                self._flush()
            if self._leader == threading.get_ident():
                self._leader = None
            if self._teller is not None and self._is_telling() and not within:
                self._teller.leave()
            self._attended = self._clock()
            self._waiting.all()

    def _read(self, sock: socket.socket | None, wait: float) -> tuple[bytes | None, str]:
        """Wait for one datagram; the lock is not held."""
        if sock is None:  # closed meanwhile, or it could not be opened again
            time.sleep(min(wait, _NO_SOCKET))
            return None, ""
        try:
            # Changing it asks the system. One that is about right, and not too long, will do: who wakes early waits on.
            known = sock.gettimeout()
            if not known or not wait * _ABOUT_RIGHT <= known <= wait:
                # 0 would make the socket non-blocking, which reads as an error here, and None would wait for ever.
                sock.settimeout(max(wait * _BIT_LESS, 0.0005))
            return sock.recv(LARGEST_DATAGRAM), ""
        except TimeoutError:
            return None, ""
        except OSError as error:
            return None, self._describe(error)

    def _take(self, datagram: bytes | None, trouble: str, me: int, now: float) -> None:
        """Step down, hand the session what came of a wait, and send what it wants sent."""
        if self._leader == me:
            self._leader = None
        if datagram is not None:
            self._receive(datagram, now)
        elif trouble:
            self.session.unreachable(trouble, now)
        else:
            self.session.tick(now)
        self._flush()
        if not (self._teller is None or self._teller.idle):
            self._hand_over()  # an observer may take its time

    def _receive(self, datagram: bytes, now: float, *, stale: bool = False) -> None:
        """Hand the session a datagram; that the computer slept, before one that a resend may be decided by."""
        if (len(datagram) == HEADER_SIZE or self.session.asks) and self._sleep.over():
            self.session.overslept(now)
        self.session.receive(datagram, now, stale=stale)

    def _poke(self) -> None:
        """Let the waiting threads look: called by another connection, so that its lock may be held, and ours too."""
        self._waiting.poke()

    def _flush(self) -> None:
        """Put on the wire what the session wants sent, and let those go whose wait is over."""
        if self._teller is not None:
            self._teller.add(self.session.take_told())
        for datagram in self.session.take_output():
            self._send(datagram)
        if ended := self.session.take_ended():
            self._waiting.ended(ended)
        if self.session.pushes.done:
            self._waiting.pushed()

    def _send(self, datagram: bytes) -> None:
        if self._socket is None:
            return  # closed meanwhile: to the device, this datagram was lost
        try:
            self._socket.send(datagram)
        except OSError as error:
            # The route may come back (a restart, Wi-Fi roaming): the session decides how long to go on.
            self.session.unreachable(self._describe(error), self._clock())
            self._flush()

    # --- the observer ------------------------------------------------------------------------------------------

    def _tell(self, end: float, *, begins: bool = False) -> None:
        """Tell the observer; the lock is not held, and somebody else may wait on the socket meanwhile.

        A thread tells what there is when it comes, for a moment also what others bring, and begins with nothing after
        its end. The rest it leaves to somebody who comes here later; where nobody will, it stays until all is told.

        :param end: when its call ends, monotonic seconds
        :param begins: whether its call has not begun, and all it wants is room
        """
        teller = self._teller
        if teller is None:
            return
        teller.say()
        if teller.idle:
            return
        me = threading.get_ident()
        within = self._is_telling()
        # Without the lock: it does no harm if it is one more, or one less.
        goal, leaves = teller.last, self._clock() + _STAY
        while True:
            with self._state:
                now = self._clock()
                if begins:
                    over = now >= end or not teller.crowded
                else:
                    enough = now >= end or (now >= leaves and teller.taken >= goal)
                    over = enough and self._others_come(teller, me, now)
                told = None if over else teller.next(me)
                if told is None and not within and self._is_telling():
                    teller.leave()
            if told is None:
                return
            teller.tell(told)

    def _others_come(self, teller: Teller, me: int, now: float) -> bool:
        """Tell whether a thread will come to tell: it has a call open, wants to begin one, or waits on the socket."""
        leads = self._leader not in {None, me} and now <= self._leads_until + _GONE
        return leads or self.session.busy or teller.wanted

    def _let_catch_up(self, call: Call) -> None:
        """Before a command begins, have the observer told of what others have brought, for a part of its time."""
        teller = self._teller
        if teller is None:
            return
        until = _patient_until(call)
        while True:
            waiter: threading.Lock | None = None
            with self._state:
                now = self._clock()
                if not self._is_crowded(call, now):
                    if now >= until and teller.crowded:
                        teller.give_up()
                    return
                if teller.busy is not None:
                    waiter = teller.stand_by()
            if waiter is None:
                self._tell(until, begins=True)
            else:
                waiter.acquire(timeout=min(until - now, threading.TIMEOUT_MAX))

    def _is_crowded(self, call: Call, now: float) -> bool:
        """Tell whether a command has to wait until the observer has caught up; not where that is who sends it."""
        teller = self._teller
        crowded = teller is not None and teller.crowded
        return crowded and now < _patient_until(call) and not self._is_telling()

    def _is_telling(self) -> bool:
        return self._teller is not None and self._teller.busy == threading.get_ident()

    # --- the socket --------------------------------------------------------------------------------------------

    def _attend(self, end: float, closings: int) -> None:
        """See to it that there is a socket to the address the device has now, and nothing old in it.

        :param end: until when a name server may be waited for (monotonic seconds)
        :param closings: how often it had been closed when whoever needs it began; closed since, it stays so
        """
        if self._socket is None or (self._doubtful and self.session.silent):
            address = self._resolve(end)
            with self._state:
                if closings == self.closings and (self._doubtful or self._socket is None):
                    self._open(address)
                    self.session.share(line_of(address[-1]))
                    self.session.rerouted(self._route, self._clock())
        else:
            with self._state:
                now = self._clock()
                if now - self._attended >= UNATTENDED:
                    self._read_backlog(now)

    def _resolve(self, end: float) -> Address:
        lookup = self._lookup
        if lookup is None or lookup.stale:
            if self.find is not None:
                self.host = self.find(end - self._clock())
            lookup = self._lookup = Lookup(self.host, self.port, self._family)
        try:
            return lookup.wait(end - self._clock())
        finally:
            if lookup.finished and self._lookup is lookup:
                self._lookup = None  # one that goes on is waited for by the next call

    def _read_backlog(self, now: float, *, stale: bool = True) -> None:
        """Read what piled up while nobody listened.

        :param stale: whether it may lie there for long, so that its stamps say nothing about now
        """
        if self._socket is None or self._leader is not None:
            return
        self._socket.settimeout(0)
        for _ in range(_BACKLOG):
            try:
                datagram = self._socket.recv(LARGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                continue  # an old ICMP message
            self._receive(datagram, now, stale=stale)
        self._flush()


def _patient_until(call: Call) -> float:
    """Tell how long a call waits for an observer before it begins, monotonic seconds."""
    return call.started + (call.deadline - call.started) * _PATIENCE


def _teller(tell: Tell) -> Teller:
    from miio_lan.lan.client.transport.telling import Teller  # most programs observe nothing

    return Teller(tell)
