"""Real sockets: blocking devices, a proxy, and virtual products with a pty between module and MCU, in real time."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.chaos.commands import Command, Commands, number_of
from benchmarks.chaos.judging import Tally, judge
from benchmarks.chaos.kinds import BOOTS, DAMAGES, SHARES, SPEC, SWITCHED, WEATHERS, Kind, kinds
from benchmarks.chaos.ledger import Ledger, Source
from benchmarks.chaos.proxy import Proxy, Route
from miio_lan import DeviceException, MiotDevice
from miio_lan.errors import PayloadDecodeException, UnsupportedFeatureException
from miio_lan.lan.packet import decode
from miio_lan.virtual.module.module import Timings
from miio_lan.virtual.product import VirtualProduct

WEATHER_EVERY = 10.0
FAULTS_EVERY = 20.0
#: Seconds after the last call in which what is under way arrives; then as many as the modules need for what they hold.
AFTERMATH = 3.0
LONGEST_AFTERMATH = 40.0
#: Seconds a listener waits at a time.
PATIENCE = 0.5
#: Changes of a property while the device is closed, one after the other.
LAST_WORDS = 10


@dataclass
class Budget:
    """How many commands may still be begun, and until when.

    :param until: monotonic seconds
    """

    left: int
    until: float
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Take one command, if there is one left."""
        with self.lock:
            if self.left <= 0 or time.monotonic() >= self.until:
                return False
            self.left -= 1
            return True


class Lane:
    """One product, the way to it, and who calls it.

    :param callers: threads that share the device
    :param listens: whether one more thread subscribes to what the device tells unasked
    """

    def __init__(
        self,
        kind: Kind,
        seed: int,
        proxy: Proxy,
        stack: ExitStack,
        *,
        callers: int = 1,
        listens: bool = False,
    ) -> None:
        self.kind = kind
        self.callers = callers
        self.listens = listens
        self.deaf: Counter[str] = Counter()
        self._ending = threading.Event()
        self.rng = random.Random(seed)
        self.commands: list[Command] = []
        self.faults: Counter[str] = Counter()
        self._draw = Commands(random.Random(seed + 1))
        self._lock = threading.Lock()
        self._sends = 0
        self._turn_at = time.monotonic()
        self._fail_at = self._turn_at + FAULTS_EVERY / 2
        self._by_number: dict[int, Command] = {}
        self._synchronised = 0.0 if kind.stamp == "unix" else time.monotonic() + self.rng.uniform(0, 30)
        options: dict[str, Any] = {"timings": Timings(boot=self.rng.choice(BOOTS))}
        if kind.stamp != "uptime":
            options["stamp_at"] = self._stamp
        self.product = VirtualProduct(SPEC, profile=kind.module_profile(), module_options=options)
        self.ledger = Ledger(time.monotonic)
        self.ledger.attach(self.product.module, self.product.mcu)
        self.product.mcu.slow_time = kind.answer_time or 5.0
        self._token = bytes.fromhex(self.product.token)
        stack.enter_context(self.product)
        self.route = proxy.add(
            Route((self.product.host, self.product.port), self._token, seed + 2, self._sent)
        )
        self._listen_to_deliveries()
        if kind.answer_time:
            self.product.call(lambda _: self.product.mcu.misbehave.add("slow"))
        self.device = MiotDevice("127.0.0.1", self.product.token, port=self.route.port)
        stack.enter_context(self.device)

    def _listen_to_deliveries(self) -> None:
        module = self.product.module
        receive = module.receive_lan

        def received(datagram: bytes, peer: Any, now: float) -> None:
            self.ledger.delivering = self.route.mark_of(datagram) or Source(None, 0)
            receive(datagram, peer, now)

        self.product.call(lambda _: setattr(module, "receive_lan", received))

    def _stamp(self, now: float) -> int:
        if now >= self._synchronised:
            return int(time.time() - (time.monotonic() - now))
        return self.product.module.life(now)

    def _sent(self, datagram: bytes) -> Source:
        """Note a datagram of the client's. In the proxy's thread."""
        self._sends += 1
        try:
            number = number_of(decode(datagram, self._token).payload)
        except PayloadDecodeException:  # a hello, or nothing
            number = None
        if number is not None:
            self._by_number[number].copies += 1
        return Source(number, self._sends)

    # --- the caller ---------------------------------------------------------------------------------------------

    def drive(self, budget: Budget) -> None:
        """Send commands, one after the other, and let network and product change meanwhile."""
        changes: list[tuple[float, Callable[[], object]]] = [
            (0.0, self._turn),
            (FAULTS_EVERY / 2, self._fail),
        ]
        began = time.monotonic()
        plan = [(began + after, what) for after, what in changes]
        while budget.take():
            now = time.monotonic()
            for place, (due, what) in enumerate(plan):
                if now >= due:
                    plan[place] = (now + float(what()), what)  # type: ignore[arg-type]
            self._one(self._draw.draw())
        self.route.weather = WEATHERS[0]

    def _one(self, command: Command) -> None:
        self.commands.append(command)
        self._by_number[command.number] = command
        self.device.timeout, self.device.retry_count = command.timeout, command.retry_count
        command.began = time.monotonic()
        try:
            command.result = self._call(command)
        except DeviceException as error:
            command.error = error
        command.ended = time.monotonic()

    def _call(self, command: Command) -> Any:
        """Use the typed methods where they can carry the number, for they make errors of codes."""
        if self.callers > 1:  # the device's own timeout cannot be one thread's
            return self._send(command)
        self.device.timeout, self.device.retry_count = command.timeout, command.retry_count
        if command.sort == "set" and len(command.iids) == 1:
            return self.device.write(*command.iids[0], command.number)
        if command.sort == "press":
            return {"code": 0, "out": self.device.run(3, 1, [command.number])}
        return self._send(command)

    def _send(self, command: Command) -> Any:
        return self.device.send(
            command.method,
            command.params,
            command.retry_count,
            timeout=command.timeout,
            extra_parameters={"n": command.number},
        )

    # --- the listener -------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Subscribe, and take what comes until the end."""
        subscribed = False
        while not self._ending.is_set():
            try:
                if not subscribed:
                    self.device.subscribe()
                    subscribed = True
                push = self.device.next_push(PATIENCE)
            except UnsupportedFeatureException:
                self.ledger.pushes.denied += 1
            except DeviceException as error:
                self.deaf[type(error).__name__] += 1
            else:
                self.ledger.pushes.heard += [push] if push is not None else []

    def end(self) -> None:
        """Close the device while somebody listens and the product tells more and more."""
        if not self.listens:
            return
        for number in range(LAST_WORDS):
            self.product.call(
                lambda now: self.product.mcu.set_local(2, 1, not self.product.mcu.values[2, 1], now)
            )
            time.sleep(0.05)
            if number == LAST_WORDS // 2:
                self._ending.set()
                self.device.close()
                self.ledger.pushes.ended = time.monotonic()

    # --- what goes wrong ----------------------------------------------------------------------------------------

    def _turn(self) -> float:
        (self.route.weather,) = self.rng.choices(WEATHERS, SHARES)
        return self.rng.expovariate(1 / WEATHER_EVERY)

    def _fail(self) -> float:
        mcu = self.product.mcu
        what = self.rng.choice(("module", "ambush", "mcu", "misbehave", "damage", "behave", "behave"))
        self.faults[what] += 1
        if what == "module":
            self._later(self._restart)
        elif what == "ambush":
            self.ledger.on_run = self._ambush
        elif what == "mcu":
            self._later(mcu.start)
        elif what == "damage":
            self._later(lambda _: self._damage((self.rng.choice(DAMAGES),)))
        elif what == "misbehave":
            name = self.rng.choice((*SWITCHED, *(() if self.kind.answer_time else ("slow",))))
            self._later(lambda _: mcu.misbehave.add(name))
        else:
            self._later(lambda _: self._behave())
        return self.rng.expovariate(1 / FAULTS_EVERY)

    def _restart(self, now: float) -> None:
        if self.kind.stamp == "jumping":
            self._synchronised = now + self.rng.choice((0.5, 3.0, 20.0))
        self.product.module.restart(now)

    def _ambush(self) -> None:
        """Restart the module when the MCU has run something; the answer may be out or not. In the product's thread."""
        self.ledger.on_run = lambda: None
        self._start(0.0, self._restart)

    def _damage(self, kinds: tuple[str, ...]) -> None:
        responder = self.product.module.responder
        responder.options = replace(responder.options, damage=kinds)

    def _behave(self) -> None:
        self._damage(())
        for name in list(self.product.mcu.misbehave):
            if name != "slow" or not self.kind.answer_time:
                self.product.mcu.misbehave.discard(name)

    def _later(self, what: Callable[[float], object]) -> None:
        """Have it happen in the middle of the next call, mostly."""
        self._start(self.rng.choice((0.0, 0.01, 0.1, 1.0)), what)

    def _start(self, delay: float, what: Callable[[float], object]) -> None:
        timer = threading.Timer(delay, lambda: self.product.call(what))
        timer.daemon = True
        timer.start()


def _settle(lanes: Sequence[Lane]) -> None:
    """Wait until nothing is under way any more."""
    time.sleep(AFTERMATH)
    end = time.monotonic() + LONGEST_AFTERMATH
    while any(lane.product.call(lambda _, lane=lane: len(lane.product.module.queue)) for lane in lanes):  # type: ignore[misc]
        if time.monotonic() > end:
            raise AssertionError("a module does not get rid of its commands")
        time.sleep(0.2)
    time.sleep(0.2)  # the MCU carries out what it was handed last


def _thread(target: Callable[..., object], *arguments: object) -> threading.Thread:
    made = threading.Thread(target=target, args=arguments, name="chaos caller")
    made.start()
    return made


def play(count: int, seconds: float, seed: int, lanes: int = 27) -> tuple[Tally, Counter[str]]:
    """Send so many commands, or for so long, to devices of all kinds side by side.

    :returns: the judgement, and how often each fault of a device happened
    """
    rng = random.Random(seed)
    tally, faults = Tally(), Counter[str]()
    with Proxy() as proxy, ExitStack() as stack:
        drawn = kinds(rng)
        every = [
            Lane(
                next(drawn),
                rng.randrange(1 << 30),
                proxy,
                stack,
                callers=2 if number % 4 == 3 else 1,
                listens=number % 3 == 1,
            )
            for number in range(lanes)
        ]
        budget = Budget(count, time.monotonic() + seconds)
        callers = [_thread(lane.drive, budget) for lane in every for _ in range(lane.callers)]
        listeners = [_thread(lane.listen) for lane in every if lane.listens]
        for thread in callers:
            thread.join()
        _settle(every)
        enders = [_thread(lane.end) for lane in every]
        for thread in (*enders, *listeners):
            thread.join()
        for lane in every:
            tally.add(judge(lane.kind, lane.commands, lane.ledger))
            tally.others.update({f"listeners met {name}": times for name, times in lane.deaf.items()})
            faults.update(lane.faults)
    return tally, faults
