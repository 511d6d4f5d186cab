"""Looking at a device that does not answer: what is sent, when, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from miio_lan.device.arguments import checked_look
from miio_lan.device.doctor import system
from miio_lan.device.doctor.findings import Diagnosis
from miio_lan.device.doctor.judging import judge
from miio_lan.device.doctor.observed import (
    NO_ID_OF_OURS,
    Asked,
    DeviceAnswer,
    Examined,
    ExaminedDevice,
    HelloAnswer,
    Hellos,
    Memory,
    Route,
)
from miio_lan.device.doctor.wire import ProbeReply, ProbeSocket
from miio_lan.errors import DeviceException, PayloadDecodeException
from miio_lan.lan import PORT
from miio_lan.lan.cipher import parse_token
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.ids import SHARED, IdSource
from miio_lan.lan.client.incoming.reply import is_request, reply_id
from miio_lan.lan.client.repeating.memory import GREETING, QUESTION, IdMemory
from miio_lan.lan.client.transport.resolving import Address, Lookup
from miio_lan.lan.packet import HEADER_SIZE, HELLO, decode, encode, shown_token, unwrap

EXAMINING_TIME = 30.0
"""Seconds that all of it takes at most, if not said otherwise."""
HELLOS = (0.0, 0.5, 1.5, 3.0)
"""When hellos go out, seconds; never a burst, which makes some devices miss commands."""
HELLO_WAIT = 4.5
INFO_COPIES = (0.0, 1.0, 2.5)
INFO_WAIT = 5.0
STALE_COPIES = (0.0, 0.5, 1.0)
STALE_WAIT = 2.0
STALE_BY = 300
"""Seconds: five times the window of published firmware."""
READ_COPIES = (0.0, 5.0)
READ_WAIT = 7.0
"""Seconds; a module gives up on its MCU after some four."""
CLOCK_PAUSE = 1.5
"""Seconds between two looks at the device's clock."""
SEARCH = 3.0
"""Seconds for looking for a did on the network."""
MEMORY_ATTEMPTS = 2
"""How often it is tried to find out what becomes of repeated ids; a network that loses much makes one fail."""
SWEEP_PATIENCE = 0.3
"""Seconds to listen after the last hello."""
ASSOCIATION = "miIO.wifi_assoc_state"

Progress = Callable[[str], object]


def diagnose(
    host: str | IPv4Address | IPv6Address,
    token: str | None = None,
    *,
    port: int = PORT,
    did: int | None = None,
    within: float = EXAMINING_TIME,
    prop: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Look at a device that does not answer, and say where it ends. Nothing that is sent changes anything.

    :param host: its address or host name
    :param token: 32 hexadecimal digits; without it, commands are tried only where the device shows its token
    :param did: the did it should have; it is looked for where another one answers, or none
    :param within: seconds that all of it may take
    :param prop: siid and piid of a property that the product surely has; read to see whether the MCU answers
    :param progress: called with the name of each step when it begins
    :raises InvalidTokenException: (a ``ValueError``) if the token is none
    :raises InvalidArgument: (a ``ValueError``) for other arguments that cannot be right
    """
    host = checked_look(host, port, did, within, prop, progress)
    key = None if token is None else parse_token(token)
    began = time.monotonic()
    target = ExaminedDevice(host, port, did, key is not None, prop is not None)
    examination = Examination(target, key, began + within, prop or (2, 1), progress or (lambda _: None))
    examination.seen = Examined(target, within)
    examination.run()
    return judge(examination.seen, time.monotonic() - began)


class Examination:
    """One look at a device.

    :param end: when it has to be over, monotonic seconds
    """

    def __init__(
        self,
        target: ExaminedDevice,
        token: bytes | None,
        end: float,
        prop: tuple[int, int],
        progress: Progress,
    ) -> None:
        self.seen = Examined(target)
        self._target = target
        self._token = token
        self._end = end
        self._prop = prop
        self._progress = progress
        self._ids = IdSource(0, SHARED)
        self._clock = DeviceClock()
        self._shown: bytes | None = None
        self._answers: list[HelloAnswer] = []
        self._hellos = 0
        self._elsewhere: list[str] = []

    def run(self) -> None:
        """Do it all, as far as the time allows."""
        found = self._look_up()
        if found is None:
            return
        self._note(route=system.way_to(self._target.host, found))
        if self.seen.route is not None and self.seen.route.trouble:
            return
        with ProbeSocket(found) as wire:
            self._note(sockets=system.tied_sockets(wire.address, self._target.port))
            self._greet(wire)
            if self._answers and not self.seen.is_another:
                self._converse(wire)
            self._note(refusals=tuple(wire.refusals))
        self._note(late=time.monotonic() >= self._end)

    def _note(self, **observed: Any) -> None:
        self.seen = replace(self.seen, **observed)

    def _look_up(self) -> Address | None:
        self._progress("route")
        try:
            return Lookup(self._target.host, self._target.port).wait(self._end - time.monotonic())
        except DeviceException as error:
            self._note(route=Route(trouble=str(error)))
            return None

    # --- hello -------------------------------------------------------------------------------------------------

    def _greet(self, wire: ProbeSocket) -> None:
        self._progress("hello")
        began = time.monotonic()
        for heard in self._exchange(wire, HELLOS, HELLO_WAIT, self._hello):
            if self._hello_answer(heard, wire):
                break
        self._note_hellos(time.monotonic() - began)
        if not self._answers:
            self._look_closer(wire)
        if self._target.did is not None and (not self._answers or self.seen.is_another):
            self._search(wire)

    def _hello(self) -> bytes:
        self._hellos += 1
        return HELLO

    def _note_hellos(self, seconds: float | None = None) -> None:
        before = self.seen.hello or Hellos(0)
        self._note(
            hello=replace(
                before,
                sent=self._hellos,
                seconds=before.seconds if seconds is None else seconds,
                answers=tuple(self._answers),
                elsewhere=tuple(self._elsewhere),
            )
        )

    def _hello_answer(self, heard: ProbeReply, wire: ProbeSocket) -> bool:
        """Take what may be an answer to a hello, and tell whether it is one."""
        if len(heard.data) != HEADER_SIZE:
            return False
        try:
            packet = unwrap(heard.data, None)
        except PayloadDecodeException:
            return False
        if packet.device_id == (1 << 64) - 1:
            return False  # our own hello, come back
        if heard.address != wire.address:
            if heard.address not in self._elsewhere and len(self._elsewhere) < 8:
                self._elsewhere.append(heard.address)
            return False
        shown = shown_token(packet)
        if shown is not None:
            self._shown = shown
        kind: Any = "nothing" if shown is None else "yours" if shown == self._token else "another"
        self._answers.append(HelloAnswer(packet.device_id, packet.stamp, heard.at, kind))
        self._clock.observe(packet.stamp, heard.at)
        return True

    def _look_closer(self, wire: ProbeSocket) -> None:
        """See whether anybody has the address that nobody answers from."""
        hello = self.seen.hello or Hellos(0)
        known = system.neighbour(wire.address)
        pinged = (
            system.ping(wire.address) if time.monotonic() < self._end and ":" not in wire.address else None
        )
        self._note(hello=replace(hello, neighbour=known, ping=pinged), refusals=tuple(wire.refusals))

    def _search(self, wire: ProbeSocket) -> None:
        left = self._end - time.monotonic()
        if left <= 0 or self._target.did is None:
            return
        from miio_lan.lan.discovery.blocking import locate

        try:
            found = locate(
                self._target.did,
                wire.address,
                timeout=min(SEARCH, left),
                patience=0.0,
                port=self._target.port,
            )
        except DeviceException:  # no interface to search by
            return
        hello = self.seen.hello or Hellos(0)
        elsewhere = "" if found in (None, wire.address) else found
        self._note(hello=replace(hello, searched=found is None or bool(elsewhere), found_at=elsewhere))

    # --- commands ----------------------------------------------------------------------------------------------

    def _converse(self, wire: ProbeSocket) -> None:
        self._progress("token")
        token = self._ask_for_info(wire)
        if token is None:
            self._look_at_clock(wire)
            return
        self._progress("stamp")
        self._pause(wire, self._answers[0].at + CLOCK_PAUSE)
        self._note(again=self._ask(wire, QUESTION, [], token, INFO_COPIES, INFO_WAIT))
        self._try_stale(wire, token)
        self._progress("mcu")
        self._read(wire, token)
        self._progress("cloud")
        if self._in_time():
            self._note(association=self._ask(wire, ASSOCIATION, [], token, INFO_COPIES[:2], 2.0))
        self._progress("memory")
        self._remember(wire, token)

    def _look_at_clock(self, wire: ProbeSocket) -> None:
        """See by hellos alone whether the device's clock runs."""
        self._progress("stamp")
        self._pause(wire, self._answers[0].at + CLOCK_PAUSE)
        for heard in self._exchange(wire, HELLOS[:2], CLOCK_PAUSE, self._hello):
            if self._hello_answer(heard, wire):
                break
        self._note_hellos()

    def _in_time(self) -> bool:
        return time.monotonic() < self._end

    def _ask_for_info(self, wire: ProbeSocket) -> bytes | None:
        """Ask under the token that was given, and under the one that the device shows; return the one that is right."""
        if self._token is not None and self._in_time():
            info = self._ask(wire, QUESTION, [], self._token, INFO_COPIES, INFO_WAIT)
            self._note(info=info)
            if info.answer is not None:
                return self._token
        if self._shown not in (None, self._token) and self._shown is not None and self._in_time():
            shown = self._ask(wire, QUESTION, [], self._shown, INFO_COPIES, INFO_WAIT)
            self._note(shown_info=shown)
            if shown.answer is not None:
                return self._shown
        return None

    def _try_stale(self, wire: ProbeSocket, token: bytes) -> None:
        if not self._in_time():
            return
        now = self._clock.stamp(time.monotonic())
        off = -STALE_BY if now >= STALE_BY else STALE_BY
        asked = self._ask(wire, QUESTION, [], token, STALE_COPIES, STALE_WAIT, off=off)
        self._note(stale=asked, stale_by=STALE_BY)

    def _read(self, wire: ProbeSocket, token: bytes) -> None:
        siid, piid = self._prop
        questions = [("get_properties", [{"did": f"{siid}-{piid}", "siid": siid, "piid": piid}])]
        if not self._target.proven:
            questions.append(("get_prop", ["power"]))  # type: ignore[list-item]
        for method, params in questions:
            if not self._in_time():
                return
            asked = self._ask(wire, method, params, token, READ_COPIES, READ_WAIT)
            self._note(reads=(*self.seen.reads, asked))
            if judge(self.seen)["mcu"].verdict.value == "good":
                return

    def _remember(self, wire: ProbeSocket, token: bytes) -> None:
        """Ask the questions that tell what becomes of repeated ids."""
        memory = IdMemory(self._ids)
        for _ in range(MEMORY_ATTEMPTS):
            memory.begin(time.monotonic())
            self._question(memory, wire, token)
        self._pause(wire, time.monotonic() + SWEEP_PATIENCE)
        self._note_hellos()
        if memory.due is None:
            self._note(memory=Memory(memory.remembers))

    def _question(self, memory: IdMemory, wire: ProbeSocket, token: bytes) -> None:
        """Ask, and listen, until it is known or the attempt has failed."""
        while memory.due is not None and self._in_time():
            for question in memory.tick(time.monotonic()):
                wire.send(self._hello() if question == GREETING else self._sealed(question, token))
            due = memory.due
            if due is None:
                break
            for heard in wire.receive(min(due, self._end)):
                if self._hello_answer(heard, wire):
                    memory.greeted()
                elif (number := reply_id(payload := self._opened(heard, wire, token)[0] or {})) is not None:
                    memory.answered(number, payload, heard.at)

    def _ask(
        self,
        wire: ProbeSocket,
        method: str,
        params: object,
        token: bytes,
        copies: tuple[float, ...],
        wait: float,
        *,
        off: int = 0,
    ) -> Asked:
        """Ask something harmless, each copy under an id of its own, and a hello beside all but the first."""
        ids: set[int] = set()
        damaged: list[str] = []
        greeted = len(self._answers)
        began = time.monotonic()

        def make() -> bytes:
            number = self._ids.next()
            if ids:
                wire.send(self._hello())
            ids.add(number)
            return self._sealed({"id": number, "method": method, "params": params}, token, off=off)

        answer = None
        for heard in self._exchange(wire, copies, wait, make):
            if self._hello_answer(heard, wire):
                continue
            payload, stamp, damage = self._opened(heard, wire, token)
            number = reply_id(payload) if payload is not None else None
            if payload is not None and number in ids:
                answer = DeviceAnswer.of(payload, stamp, heard.at)
                break
            if payload is not None and not (is_request(payload) or self._ids.may_have_given(number)):
                damage = NO_ID_OF_OURS
            if damage and len(damaged) < 8:
                damaged.append(damage)
        self._note_hellos()
        took, hellos = time.monotonic() - began, len(self._answers) - greeted
        return Asked(method, len(ids), took, answer, tuple(damaged), hellos)

    def _sealed(self, payload: object, token: bytes, *, off: int = 0) -> bytes:
        stamp = self._clock.stamp(time.monotonic()) + off
        return encode(payload, token=token, device_id=self._answers[-1].did, stamp=stamp)

    def _opened(
        self, heard: ProbeReply, wire: ProbeSocket, token: bytes
    ) -> tuple[Mapping[str, object] | None, int, str]:
        """Read a datagram: its payload, its stamp, and what is wrong with it."""
        if heard.address != wire.address:
            return None, 0, ""
        try:
            packet = decode(heard.data, token)
        except PayloadDecodeException as error:
            return None, 0, error.kind
        if packet.is_hello or not isinstance(packet.payload, dict):
            return None, 0, ""
        self._clock.observe(packet.stamp, heard.at)
        return packet.payload, packet.stamp, ""

    def _pause(self, wire: ProbeSocket, until: float) -> None:
        """Wait, listening."""
        while (now := time.monotonic()) < min(until, self._end):
            for heard in wire.receive(min(until, self._end, now + 1.0)):
                self._hello_answer(heard, wire)

    def _exchange(
        self, wire: ProbeSocket, copies: tuple[float, ...], wait: float, make: Callable[[], bytes]
    ) -> Any:
        """Send at these times, and give what comes until ``wait`` seconds are over."""
        began = time.monotonic()
        end = min(began + wait, self._end)
        due = [began + each for each in copies]
        while (now := time.monotonic()) < end:
            if due and now >= due[0]:
                due.pop(0)
                wire.send(make())
            yield from wire.receive(min([end, *due[:1]]))
