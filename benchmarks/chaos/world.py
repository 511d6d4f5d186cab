"""One client, one network and one product in simulated time: the real rules of all of them, and no sockets.

The session is :class:`miio_lan.lan.client.session.Session`, the product the virtual module and the virtual MCU. Time
jumps from one event to the next, so that hours of waiting take seconds, and a seed decides everything.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from benchmarks.chaos.commands import Command, Commands, number_of
from benchmarks.chaos.judging import Tally, judge
from benchmarks.chaos.kinds import BOOTS, DAMAGES, SHARES, SPEC, SWITCHED, WEATHERS, Kind, Weather, kinds
from benchmarks.chaos.ledger import Ledger, Source
from benchmarks.chaos.pushes import Subscriber
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import decode
from miio_lan.lan.responder.responder import Address
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module, Timings

TOKEN = bytes(range(16))
DEVICE_ID = 0x1_2345_6789
START = 10_000.0
#: Unix time at the simulated instant 0.
EPOCH = 1_790_000_000.0
#: After the last call, what is still under way arrives: as many seconds as the network may delay, and then as many
#: as the module needs to be rid of what it holds.
AFTERMATH = 3.0
#: Mean seconds between two changes of the network.
WEATHER_EVERY = 20.0
#: Mean seconds between two faults of the device, one of them for each device.
FAULTS_EVERY = (8.0, 30.0, 90.0)


class World:
    """Clients and a device.

    :param lanes: callers that share the first client
    :param rival: whether there is a second client, which reads and presses, as a telephone does
    :param subscribes: whether the first client subscribes to what the device tells unasked
    :param careless: take every command for one that may be repeated: what the judgement is for
    :param everyday: no chaos: the network loses 5 % each way, nothing else fails, and callers have the usual patience
    """

    def __init__(
        self,
        kind: Kind,
        seed: int,
        *,
        lanes: int = 1,
        rival: bool = False,
        subscribes: bool = False,
        careless: bool = False,
        everyday: bool = False,
    ) -> None:
        self.kind = kind
        self.now = START
        self.rng = random.Random(seed)
        #: The clients, each with the number of its address.
        self.sessions = [
            Session(TOKEN, peer="the device", rng=random.Random(seed + 3 + number), max_in_flight=limit)
            for number, limit in enumerate([1 if lanes == 1 else 2, *([1] if rival else [])])
        ]
        self.module = Module(
            device_id=DEVICE_ID,
            token=TOKEN,
            profile=kind.module_profile(),
            wall=lambda now: EPOCH + now,
            stamp_at=self._stamp if kind.stamp != "uptime" else None,
            timings=Timings(boot=self.rng.choice(BOOTS)),
        )
        self.mcu = Mcu(SPEC)
        self.ledger = Ledger(lambda: self.now)
        self.ledger.attach(self.module, self.mcu)
        self.weather = WEATHERS[0]
        self.commands: list[Command] = []
        self.faults: Counter[str] = Counter()
        self._draw = Commands(random.Random(seed + 2))
        self._calls: dict[int, tuple[int, Call, Command]] = {}
        self._by_number: dict[int, Command] = {}
        self._asides: list[tuple[Call, Callable[[Call], object]]] = []
        self.subscriber = (
            Subscriber(self, self.sessions[0], self.ledger.pushes, random.Random(seed + 3), EPOCH)
            if subscribes
            else None
        )
        self._lanes = lanes
        self._faults_every = self.rng.choice(FAULTS_EVERY)
        self._careless, self._everyday = careless, everyday
        self._sends = 0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._synchronised = START if kind.stamp == "unix" else START + self.rng.uniform(0, 60)

    def play(self, count: int) -> Tally:
        """Let so many commands be sent, and give the judgement."""
        self._usual_answers()
        self.module.start(self.now)
        self.mcu.start(self.now)
        self._pump()
        self._run_until(self.now + 2.0)
        if self._everyday:
            self.weather = Weather("everyday", loss=0.05, delay=0.05)
        else:
            self.later(self.rng.expovariate(1 / WEATHER_EVERY), self._turn)
            self.later(self.rng.expovariate(1 / self._faults_every), self._fail)
        for client in [0] * self._lanes + [1] * (len(self.sessions) - 1):
            self.later(self.rng.uniform(0, 1), lambda client=client: self._next(client))  # type: ignore[misc]
        if self.subscriber is not None:
            self.later(self.rng.uniform(0, 1), self.subscriber.look)
        self._left = count
        while self._left or self._calls:
            self._step()
        self._run_until(self.now + AFTERMATH)
        while len(self.module.queue):
            self._run_until(self.now + 1.0)
        return judge(self.kind, self.commands, self.ledger)

    # --- callers ------------------------------------------------------------------------------------------------

    def _next(self, client: int) -> None:
        if not self._left:
            return
        self._left -= 1
        session = self.sessions[client]
        command = self._draw.draw(sets=client == 0)
        if self._everyday:
            command.timeout, command.retry_count = 5.0, 3
        command.began = self.now
        self.commands.append(command)
        self._by_number[command.number] = command
        call = session.command(
            command.method,
            command.params,
            self.now,
            timeout=command.timeout,
            retry_count=command.retry_count,
            repeat_safe=True if self._careless else None,
            extra={"n": command.number},
        )
        self._calls[command.number] = (client, call, command)
        session.begin(call, self.now)

    def aside(self, session: Session, call: Call, then: Callable[[Call], object]) -> None:
        """Begin a call that is no command of a caller, and go on when it is over."""
        self._asides.append((call, then))
        session.begin(call, self.now)

    def _harvest(self) -> None:
        """Take the results of calls that are done; their callers go on after a while."""
        arrived = self.sessions[0].pushes.arrived
        while arrived:
            self.ledger.pushes.heard.append(arrived.popleft())
        over = [each for each in self._asides if each[0].done]
        self._asides = [each for each in self._asides if not each[0].done]
        for call, then in over:
            then(call)
        for number, (client, call, command) in list(self._calls.items()):
            if not call.done:
                continue
            del self._calls[number]
            command.ended, command.result, command.error = self.now, call.result, call.error
            pause = self.rng.choice((0.0, 0.0, 0.0, 0.3, 2.0))
            # Longer than the session trusts a clock it has not heard of.
            pause = 30.0 if self.rng.random() < 0.01 else pause
            self.later(pause, lambda client=client: self._next(client))  # type: ignore[misc]

    # --- time ---------------------------------------------------------------------------------------------------

    def later(self, delay: float, what: Callable[[], object]) -> None:
        """Have something happen after so many seconds."""
        heapq.heappush(self._events, (self.now + delay, next(self._order), what))

    def _run_until(self, end: float) -> None:
        self.later(end - self.now, lambda: None)
        while self.now < end:
            self._step()

    def _step(self) -> None:
        """Go to what happens next, and let all react."""
        due = [event[0] for event in self._events[:1]]
        machines = (*self.sessions, self.module, self.mcu)
        due += [at for each in machines if (at := each.deadline) is not None]
        self.now = max(self.now, min(due))
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        for machine in machines:
            machine.tick(self.now)
        self._pump()
        self._harvest()

    def _pump(self) -> None:
        """Carry what everybody has to say."""
        while True:
            down, up = self.module.take_uart(), self.mcu.take_output()
            if down:
                self.mcu.receive(down, self.now)
            if up:
                self.module.receive_uart(up, self.now)
            if not up and not down:
                break
        for answer, peer in self.module.take_lan():
            for delay, copy in self.weather.fate(answer, self.rng, direction="up"):
                self.later(delay, lambda copy=copy, peer=peer: self._to_client(copy, peer))  # type: ignore[misc]
        for client, session in enumerate(self.sessions):
            for datagram in session.take_output():
                self._send(datagram, client)

    # --- the network --------------------------------------------------------------------------------------------

    def _send(self, datagram: bytes, client: int) -> None:
        self._sends += 1
        number = number_of(decode(datagram, TOKEN).payload) if len(datagram) > 32 else None
        if number is not None:
            self._by_number[number].copies += 1
        source = Source(number, self._sends)
        for delay, copy in self.weather.fate(datagram, self.rng, direction="down"):
            self.later(delay, lambda copy=copy: self._to_module(copy, source, client))  # type: ignore[misc]

    def _to_client(self, datagram: bytes, peer: Address) -> None:
        self.sessions[peer[1]].receive(datagram, self.now)

    def _to_module(self, datagram: bytes, source: Source, client: int) -> None:
        self.ledger.delivering = source
        self.module.receive_lan(datagram, ("192.0.2.1", client), self.now)

    def _turn(self) -> None:
        """Change the network."""
        (self.weather,) = self.rng.choices(WEATHERS, SHARES)
        longest = 15.0 if self.weather.name == "off" else 2 * WEATHER_EVERY
        self.later(min(longest, self.rng.expovariate(1 / WEATHER_EVERY)), self._turn)

    # --- the device ---------------------------------------------------------------------------------------------

    def _usual_answers(self) -> None:
        self.mcu.slow_time = self.kind.answer_time or 5.0
        if self.kind.answer_time:
            self.mcu.misbehave.add("slow")

    def _stamp(self, now: float) -> int:
        """Give Unix time, or, until the clock was set, the seconds since boot."""
        return int(EPOCH + now) if now >= self._synchronised else int(self.module.life(now))

    def _fail(self) -> None:
        """Let the device do something it should not."""
        what = self.rng.choice(("module", "ambush", "mcu", "misbehave", "misbehave", "damage"))
        self.faults[what] += 1
        if what == "module":
            self._restart()
        elif what == "ambush":
            self.ledger.on_run = self._ambush
        elif what == "mcu":
            self.mcu.start(self.now)
        elif what == "damage":
            self._damage((self.rng.choice(DAMAGES),))
            self.later(self.rng.uniform(1, 10), lambda: self._damage(()))
        else:
            names = (*SWITCHED, *(() if self.kind.answer_time else ("slow",)))
            name = self.rng.choice(names)
            self.mcu.misbehave.add(name)
            self.later(self.rng.uniform(1, 20), lambda: self.mcu.misbehave.discard(name))
        self.later(self.rng.expovariate(1 / self._faults_every), self._fail)

    def _restart(self) -> None:
        self.module.restart(self.now)
        if self.kind.stamp == "jumping":
            self._synchronised = self.now + self.rng.choice((0.5, 3.0, 20.0))

    def _ambush(self) -> None:
        """Restart the module when the MCU has run something, before the answer leaves or soon after."""
        self.ledger.on_run = lambda: None
        self.later(self.rng.choice((0.0, 0.0, 0.01, 0.3)), self._restart)

    def _damage(self, kinds: tuple[str, ...]) -> None:
        responder = self.module.responder
        responder.options = replace(responder.options, damage=kinds)


def simulate(
    count: int, seed: int, *, each: int = 60, careless: bool = False, everyday: bool = False
) -> tuple[Tally, Counter[str]]:
    """Send so many commands to devices of all kinds, one after another.

    :param each: commands to one device
    :param careless: see :class:`World`; also ``everyday``
    :returns: the judgement, and how often each fault of a device happened
    """
    rng = random.Random(seed)
    tally, faults = Tally(), Counter[str]()
    for number, kind in enumerate(kinds(rng)):
        left = count - tally.commands
        if left <= 0:
            break
        rival = number % 5 == 3
        if rival:
            # An assumption: a product that remembers ids remembers more than its clients use in some seconds.
            kind = replace(kind, remembered=64)
        world = World(
            kind,
            rng.randrange(1 << 30),
            lanes=3 if number % 5 == 4 else 1,
            rival=rival,
            subscribes=number % 3 == 1,
            careless=careless,
            everyday=everyday,
        )
        tally.add(world.play(min(each, left)))
        faults.update(world.faults)
    return tally, faults
