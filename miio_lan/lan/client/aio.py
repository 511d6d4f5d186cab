"""Sessions driven by an event loop: thousands of devices, one socket for each kind of address.

All devices of a loop share its station (:mod:`miio_lan.lan.client.transport.station`): the sockets, the timer, and the
limits on what is under way. A session is told what comes from its device's address and when its time has come; who
waits for one of its calls waits for a future. What is given up (a cancelled task, a time-out around a call) is
withdrawn at once: the next call to the device begins.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from miio_lan.errors import DeviceException, DeviceTimeout, InvalidArgument
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.device_socket import described
from miio_lan.lan.client.transport.endpoint import Endpoint
from miio_lan.lan.client.transport.forks import split_after_fork
from miio_lan.lan.client.transport.lines import keep, line_of
from miio_lan.lan.client.transport.listeners import Listeners
from miio_lan.lan.client.transport.resolving import LOOKUP, Address, in_numbers
from miio_lan.lan.client.transport.resolving_aio import look_up
from miio_lan.lan.client.transport.sleeping import Sleep
from miio_lan.lan.client.transport.station import Member, Station, station_of
from miio_lan.lan.client.transport.telling import Tell, Teller
from miio_lan.lan.client.turns import LOOK
from miio_lan.lan.packet import HEADER_SIZE, PORT


class AsyncConnection(Member):
    """A device's address, and the conversation with it.

    :param host: address or name of the device; looked up when it is first needed, and again after silence
    :param session: the rules; this object is the only one to call them
    :param source_ip: the local address to send from, None to let the system choose
    :param tell: told of all that crosses the wire, see :func:`miio_lan.lan.client.transport.telling.tracer`
    """

    def __init__(
        self,
        host: str,
        session: Session,
        *,
        port: int = PORT,
        source_ip: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        tell: Tell | None = None,
    ) -> None:
        super().__init__(session)
        self.host = host
        self.port = port
        self.source_ip = source_ip
        #: Gives the address the device has now, within some seconds; None where it does not move.
        self.find: Callable[[float], Awaitable[str]] | None = None
        self._finding: asyncio.Lock | None = None
        #: How often it was closed.
        self.closings = 0
        self._clock = clock
        self._teller = None if tell is None else Teller(tell)
        session.observed = session.observed or tell is not None
        self._station: Station | None = None
        self._endpoint: Endpoint | None = None
        self._peer: Any = None
        self._doubtful = False
        self._sleep = Sleep()
        self._futures: dict[Call, asyncio.Future[None]] = {}
        self.listeners = Listeners(session.peer)
        split_after_fork(self)

    def split_off(self) -> None:
        """Become the connection of another process (after a fork): socket and loop stay with the first one."""
        self.closings += 1
        # The loop may be closed, or at work in a thread that is not there any more.
        with suppress(RuntimeError):
            self.listeners.end("the connection was closed")
            for call in list(self._futures):
                call.done, call.error = True, self._closed_under(call)
                self._wake(call)
        self._forget()
        self.under_way, self.in_line, self.greeted = 0, False, False
        self._station = self._endpoint = self._peer = None
        self.timer, self._doubtful = math.inf, False
        if self._teller is not None:
            self._teller = self._teller.again()
        self.session.split_off()

    async def call(
        self,
        method: str,
        params: object,
        *,
        timeout: float,  # noqa: ASYNC109 - of an attempt
        retry_count: int,
        repeat_safe: bool | None = None,
        extra: Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> object:
        """Send a command and wait for its result; see :meth:`miio_lan.lan.client.session.Session.command`.

        :raises DeviceException: whatever ended the call instead of a result
        """
        call = self.session.command(
            method,
            params,
            self._clock(),
            timeout=timeout,
            retry_count=retry_count,
            repeat_safe=repeat_safe,
            extra=extra,
            deadline=deadline,
        )
        return await self._run(call)

    async def handshake(
        self,
        *,
        timeout: float,  # noqa: ASYNC109 - of an attempt
        retry_count: int,
        deadline: float | None = None,
    ) -> object:
        """Greet the device and wait for its answer, a :class:`miio_lan.lan.packet.Packet`."""
        now = self._clock()
        return await self._run(
            self.session.handshake(now, timeout=timeout, retry_count=retry_count, deadline=deadline)
        )

    def close(self) -> None:
        """Leave the socket, ending open calls and waits; the next command, or wait, joins again."""
        self.closings += 1
        if self._station is not None and self._station.loop.is_closed():
            self._part(self._station)
        self.listeners.end("the connection was closed")
        self.session.abandon_all("the connection was closed")
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call.done = True
            call.error = self._closed_under(call)
            self._wake(call)
        now = self._clock()
        self._after(now)
        if self._station is not None:
            self._station.pump(now)
        self._leave()

    # --- what the device tells unasked ---------------------------------------------------------------------------

    async def listen(self, timeout: float, patience: float = math.inf) -> Push | None:  # noqa: ASYNC109
        """Wait for the next thing the device tells unasked; None when nothing came in time.

        :param timeout: seconds; what has arrived already is given at once
        :param patience: seconds; a subscription that nobody knows to be held for as long is an error
        :raises DeviceException: if waiting ended, see :attr:`listeners`, or the device is not to be found
        """
        end = self._clock() + timeout
        endings = self.listeners.endings
        inbox = self.session.pushes
        while True:
            await self._attend(max(end, self._clock() + LOOKUP), endings)
            if inbox.arrived:
                return inbox.arrived.popleft()
            if not await self.listeners.wait(end - self._clock(), endings):
                break
        hold = self.session.hold
        error = None if hold is None else hold.complaint(self.session.peer, patience, self._clock())
        if error is not None:
            raise error
        return None

    async def find_peer(self, deadline: float) -> str:
        """Give the address of the device in numbers; see :meth:`miio_lan.lan.client.blocking.Connection.find_peer`."""
        closings = self.closings
        station = self._settle()
        if self._wants_address:
            await self._reach(station, deadline, lambda: closings == self.closings)
        if closings != self.closings or self._endpoint is None:
            raise DeviceException(f"looking for {self.session.peer} ended: the connection was closed")
        return in_numbers(self._peer)

    def find_route(self) -> object:
        """Find out which way datagrams go now, tell the session, and give it; None where there is no socket."""
        endpoint = self._endpoint
        route = None if endpoint is None or endpoint.closed else endpoint.way_to(self._peer)
        if route is not None:
            self.session.rerouted(route, self._clock())
        return route

    def take_up(self, make: Callable[[float], Hold], route: object) -> None:
        """Hold a subscription that the device was asked for.

        :param make: makes it, given the time (monotonic seconds)
        :param route: the way by which it was asked, see :meth:`find_route`
        """
        self.find_route()
        now = self._clock()
        self.session.take_up(make(now), route, now)
        self._after(now)

    def let_go(self) -> Hold | None:
        """Hold the subscription no more, and give what was held."""
        hold, self.session.hold = self.session.hold, None
        return hold

    def __del__(self) -> None:
        # People rarely close a device; the socket shall not stay open for one that is gone.
        with suppress(AttributeError):
            if self._endpoint is not None:
                self._endpoint.look_soon()
            if self._peer is not None:
                keep(self.session.line, self._peer, self._clock())

    # --- one call ----------------------------------------------------------------------------------------------

    async def _run(self, call: Call) -> object:
        station = self._settle()
        if self._wants_address:
            closings = self.closings
            await self._reach(station, call.deadline, lambda: closings == self.closings)
            if closings != self.closings:
                raise self._closed_under(call)
        future = self._futures[call] = station.loop.create_future()
        try:
            now = self._clock()
            if self._sleep.over():
                self.session.overslept(now)
            station.add(self, call, now)
            await future
        except BaseException:
            self._withdraw(call)
            raise
        return call.outcome()

    def _closed_under(self, call: Call) -> DeviceException:
        what = call.method or "the handshake"
        return call.cut_short(f"{what} with {self.session.peer}: the connection was closed")

    def _withdraw(self, call: Call) -> None:
        """Take a call back whose caller does not wait any more."""
        self._futures.pop(call, None)
        if self._station is None or self._station.loop.is_closed():
            return
        now = self._clock()
        if not self._station.traffic.withdraw(self, call):
            self.session.abandon(call, "the call was cancelled", now)
        self._after(now)
        self._station.pump(now)

    def begin(self, call: Call, now: float) -> None:
        """Begin a call: its turn has come."""
        self.session.begin(call, now, wake=self._poke, gone=self._station_of_it().loop.is_closed)
        self._after(now)

    # --- what happens ------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a datagram from the device's address."""
        station = self._station_of_it()
        if (len(datagram) == HEADER_SIZE or self.session.asks) and self._sleep.over():
            self.session.overslept(now)  # before an answer by which a resend may be decided
        self.session.receive(datagram, now)
        if self.greeted:
            station.traffic.heard(self)
        self._after(now)
        station.pump(now)

    def unreachable(self, error: OSError, now: float) -> None:
        """Take the news that a datagram could not be delivered."""
        self.session.unreachable(described(error, self.host, self.port), now)
        self._after(now)
        self._station_of_it().pump(now)

    def _poke(self) -> None:
        """Look whether the turn has come among all who speak to the device; called from any thread."""
        with suppress(AttributeError, RuntimeError):  # the loop was left, or is closed
            self._station_of_it().loop.call_soon_threadsafe(self._look)

    def on_time(self, now: float) -> None:
        """Let the session act, if it still wants to: else all was answered meanwhile."""
        self.timer = math.inf
        held = self.session.hold is not None and self._endpoint is not None
        if held:
            self.find_route()
        if held or self.session.busy or self.waiting:
            self._act(now)

    def _look(self) -> None:
        if self._station is not None:
            now = self._clock()
            self._act(now)
            self._station.pump(now)

    def _act(self, now: float) -> None:
        """Let the session act: its time has come."""
        station = self._station
        if station is None:
            return
        self.session.tick(now)
        for call in station.traffic.overdue(self, now):
            self._wake(call)
        self._after(now)

    def _after(self, now: float) -> None:
        """Send what the session wants sent, wake whose calls ended, tell the observer, and set the timer."""
        session = self.session
        while output := session.take_output():
            for datagram in output:
                error = None if self._endpoint is None else self._endpoint.send(datagram, self._peer)
                if error is not None:
                    # The route may come back (a restart, Wi-Fi roaming): the session decides how long to go on.
                    session.unreachable(described(error, self.host, self.port), now)
        for call in session.take_ended():
            if self._station is not None:
                self._station.traffic.ended(self, call, now)
            self._wake(call)
        if self._teller is not None:
            for told in session.take_told():
                self._teller.tell(told)
        if session.take_elsewhere():
            self._doubtful = True
            self.listeners.wake()
        if session.pushes.done:
            self.listeners.wake()
        self.set_timer(now)

    def _wake(self, call: Call) -> None:
        if isinstance(call.error, DeviceTimeout):
            self._doubtful = True
        future = self._futures.pop(call, None)
        if future is not None and not future.done():
            future.set_result(None)

    def set_timer(self, now: float) -> None:
        """See to it that :meth:`on_time` is called in time; too early does no harm."""
        due = self.session.deadline
        if self.waiting:
            own = self.deadline
            due = own if due is None or (own is not None and own < due) else due
        if self.session.stands_in_line:
            due = now + LOOK if due is None or due > now + LOOK else due
        if due is not None and due < self.timer and self._station is not None:
            self.timer = due
            self._station.wake_at(due, self)

    # --- where the device is -----------------------------------------------------------------------------------

    def _station_of_it(self) -> Station:
        assert self._station is not None  # noqa: S101 - it is set before anything can happen
        return self._station

    def _settle(self) -> Station:
        """Give the station of the running loop; a device moves with its user to another loop.

        :raises InvalidArgument: if another loop is at work with this device
        """
        loop = asyncio.get_running_loop()
        station = self._station
        if station is not None and station.loop is loop:
            return station
        if station is not None:
            if station.loop.is_running():
                raise InvalidArgument("this device is in use by another event loop, in another thread")
            self._part(station)
        self._station = station_of(loop)
        return self._station

    def _part(self, station: Station) -> None:
        """Leave a loop that does not run: nobody waits there."""
        self._forget()
        if station.loop.is_closed():  # it takes neither timers nor news
            self._leave()
            self._station = None
        self.session.abandon_all("its event loop was left")
        self._after(self._clock())
        self._leave()
        self.under_way, self.in_line, self.greeted = 0, False, False

    def _forget(self) -> None:
        """Forget who waits in the loop that is left."""
        self.listeners.forget()
        self._futures.clear()
        self._finding = None
        self.waiting.clear()

    @property
    def _wants_address(self) -> bool:
        endpoint = self._endpoint
        return endpoint is None or endpoint.closed or (self._doubtful and self.session.silent)

    async def _attend(self, deadline: float, endings: int) -> None:
        """See to it that there is a socket, and the address is the one that the device has now."""
        station = self._settle()
        if self._wants_address:
            await self._reach(station, deadline, lambda: endings == self.listeners.endings)
            self.listeners.raise_if_over(endings)

    async def _reach(self, station: Station, deadline: float, wanted: Callable[[], bool]) -> None:
        """Find out where the device is, and speak to that address from now on.

        A device that may have moved is looked for by one task at a time; the others wait for what it finds.

        :param deadline: how long that may take (monotonic seconds)
        :param wanted: whether whoever asked for it still wants it
        """
        if self.find is not None and not await self._look_for(self.find, deadline, wanted):
            return
        address = await look_up(self.host, self.port, self.source_ip, deadline - self._clock())
        if wanted():
            self._join(station, address)

    async def _look_for(
        self, find: Callable[[float], Awaitable[str]], deadline: float, wanted: Callable[[], bool]
    ) -> bool:
        """Take the address that the device is found at; tells whether there is still somebody who wants it."""
        self._finding = self._finding or asyncio.Lock()
        try:
            async with asyncio.timeout(max(0.0, deadline - self._clock())), self._finding:
                if not (self._wants_address and wanted()):
                    return False
                self.host = await find(deadline - self._clock())
                self.listeners.peer = self.session.peer
        except DeviceException:
            raise  # some of them are a TimeoutError, too
        except TimeoutError:
            pass  # then what is known has to do, and the call ends by its deadline
        return True

    def _join(self, station: Station, address: Address) -> None:
        """Speak to an address from now on."""
        self._doubtful = False
        family, _, _, _, peer = address
        if self._endpoint is not None and not self._endpoint.closed and self._peer == peer:
            return
        endpoint = station.endpoint(family, self.source_ip, peer)
        endpoint.join(peer, self)  # first: a socket that everybody left is closed, and it may be the same one
        if self._endpoint is not None:
            self._endpoint.leave(self._peer)
        self.session.share(line_of(peer))
        self._endpoint, self._peer = endpoint, peer
        if self.session.hold is not None:
            self.find_route()
            self._after(self._clock())

    def _leave(self) -> None:
        self.timer = math.inf
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.leave(self._peer)
