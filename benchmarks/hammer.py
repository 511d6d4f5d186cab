"""``python -m benchmarks hammer``: one test asserts while others hammer the same properties, with taps in between.

What the pairing says of each command of the test is held against the MCU's own log: which line it was handed for that
very request, and what it answered. Wrong and not marked ambiguous must be none. With one other client, few may be
marked.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from benchmarks.options import Options
from benchmarks.results import Row
from miio_lan import DeviceException, MiotDevice
from miio_lan.bench.bench import Bench, Recorder
from miio_lan.cli.virtual.taps import Taps
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.stops import CUT_OFF
from miio_lan.record import Record
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import open_port
from miio_lan.virtual.product import VirtualProduct

SECONDS, QUICK_SECONDS = 30.0, 3.0
#: Commands in all at least, those of the others included, however long that takes.
COMMANDS, QUICK_COMMANDS = 300, 20
#: Seconds between polls: what the serial document allows at the shortest.
POLL = 0.1
CLIENTS = 3
BRIGHTNESS, COLOUR = (2, 2), (2, 4)
LEAST, MOST = 1, 100
LINES = (b"down get_properties", b"down set_properties")
#: Commands of one test.
A_TEST = 15

SEEN = Row("hammer", f"{CLIENTS} other clients, all answers alike: commands", None, ">=", COMMANDS)
WRONG = Row("hammer", f"{CLIENTS} other clients, all answers alike: wrong and not marked", None, "<=", 0)
ONE_WRONG = Row("hammer", "one other client, readings that change: wrong and not marked", None, "<=", 0)
MARKED = Row("hammer", "one other client, readings that change: share marked ambiguous", None, "<=", 0.05)
TARGETS = [SEEN, WRONG, ONE_WRONG, MARKED]


@dataclass
class Answered:
    """A line the MCU was handed, for which request of the LAN, and its answer."""

    asked: int | None
    down: bytes
    result: bytes = b""


@dataclass
class Tally:
    """What came of the commands of the test."""

    seconds: float = 0.0
    exchanges: int = 0
    marked: int = 0
    others: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def commands(self) -> int:
        """How many commands there were: of the test, and of others."""
        return self.exchanges + self.others

    @property
    def share(self) -> float | None:
        """The share of the test's commands that was marked ambiguous."""
        return self.marked / self.exchanges if self.exchanges else None

    def add(self, exchanges: Sequence[Exchange], truth: Mapping[int, Answered]) -> None:
        """Hold what the pairing says against the MCU's own log.

        :param truth: what the log says of each line that was heard, by the identity of its record
        """
        for exchange in exchanges:
            if exchange.method not in ("get_properties", "set_properties"):
                continue
            if exchange.request is None:
                self.others += 1
            else:
                self.exchanges += 1
                self.marked += exchange.ambiguous
            if not exchange.ambiguous and (wrong := _wrong(exchange, truth)):
                self.wrong.append(wrong)

    def as_json(self) -> dict[str, object]:
        """Give it as plain JSON values."""
        return {**asdict(self), "wrong": self.wrong[:5], "seconds": round(self.seconds, 1)}


class McuLog:
    """The MCU's own log: what it was handed, in its order, with the id of the request it was handed out for.

    The module hands out one request at a time, and keeps to itself whose it is: it is asked when it does.
    """

    def __init__(self, product: VirtualProduct) -> None:
        self.lines: list[Answered] = []
        module = product.module
        serve, submit, get_down = module._requests.serve, module.queue.submit, module.queue.get_down  # noqa: SLF001
        serving: list[int] = []
        ids: dict[int, int] = {}
        kept: list[object] = []  # so that no other request gets the identity of one that is over

        def note(request: object, now: float) -> None:
            serving[:] = [request.id]
            serve(request, now)
            serving.clear()

        def take(request: object) -> bool:
            ids[id(request)] = serving[0] if serving else -1
            kept.append(request)
            return submit(request)

        def hand_out(now: float) -> str:
            text = get_down(now)
            if text.encode().startswith(LINES):
                pending = module.queue._pending  # noqa: SLF001
                self.lines.append(Answered(ids.get(id(pending)), text.encode()))
            return text

        module._requests.serve, module.queue.submit, module.queue.get_down = note, take, hand_out  # noqa: SLF001

    def observe(self, record: Record) -> None:
        """Note an answer: the MCU answers before it asks again."""
        if record.raw.startswith(b"result") and self.lines:
            self.lines[-1].result = record.raw.strip()


def run(options: Options) -> list[Row]:
    """Measure."""
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    wanted = options.count(COMMANDS, QUICK_COMMANDS)
    many = hammered(seconds, wanted, CLIENTS, alike=True)
    one = hammered(seconds, wanted, 1, alike=False)
    return [
        replace(SEEN, figure=many.commands, limit=wanted, details=many.as_json()),
        replace(WRONG, figure=len(many.wrong), details=many.as_json()),
        replace(ONE_WRONG, figure=len(one.wrong), details=one.as_json()),
        replace(MARKED, figure=one.share, details=one.as_json()),
    ]


class Product:
    """A virtual product that taps listen to, and its MCU's log.

    :param alike: whether all that is read is the same, so that no value tells whose an answer is; else the colour is
        another one with each reading, as what a sensor measures is
    """

    def __init__(self, taps: Taps, *, alike: bool) -> None:
        self._taps, self._alike = taps, alike
        self._colours = itertools.count()
        self.virtual = VirtualProduct(observer=self._observe, mcu_options={"poll_interval": POLL})
        self.log = McuLog(self.virtual)

    def _observe(self, record: Record) -> None:
        if record.raw.startswith(b"down get_properties") and not self._alike:
            self.virtual.mcu.table.put(*COLOUR, next(self._colours))
        if record.direction == "up":
            self.log.observe(record)
        self._taps.observe(record)


def hammered(seconds: float, commands: int, clients: int, *, alike: bool) -> Tally:
    """Have tests assert for some time and some commands, beside some clients; say what came of it."""
    recorder = Recorder()
    heard: list[Record] = []
    found = Tally()

    def hear(record: Record) -> None:
        if record.direction == "down" and record.raw.startswith(LINES):
            heard.append(record)
        recorder.observe(record)

    with (
        Taps() as taps,
        Tap(hear, down=open_port(taps.down), up=open_port(taps.up)),
        (product := Product(taps, alike=alike)).virtual as virtual,
        MiotDevice(virtual.host, virtual.token, port=virtual.port, observer=recorder.observe) as device,
        others(virtual, clients, alike=alike),
    ):
        begun = time.monotonic()
        while found.seconds < seconds or found.commands < commands:
            recorder.begin()
            bench = Bench(device, recorder, virtual.spec)
            for turn in range(A_TEST):
                with bench.expect() as exchange:
                    ask(device, turn, LEAST if alike else LEAST + turn // 3 % (MOST // 2))
                assert exchange.reply
            bench.settle(unanswered=True)
            found.add(bench.joined, dict(zip(map(id, heard), product.log.lines, strict=False)))
            found.seconds = time.monotonic() - begun
    return found


@contextlib.contextmanager
def others(product: VirtualProduct, count: int, *, alike: bool) -> Iterator[None]:
    """Some clients that read and write the same properties all the time."""
    stopped = threading.Event()

    def hammer(place: int) -> None:
        with MiotDevice(product.host, product.token, port=product.port) as device:
            for turn in itertools.count(place):
                if stopped.is_set():
                    return
                with contextlib.suppress(DeviceException):
                    ask(device, turn, LEAST if alike else MOST - turn // 3 % (MOST // 2))

    workers = [threading.Thread(target=hammer, args=(place,)) for place in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stopped.set()
        for worker in workers:
            worker.join()


def ask(device: MiotDevice, turn: int, value: int) -> None:
    """One command of a client: two reads, and then a set."""
    if turn % 3 == 2:
        device.write(*BRIGHTNESS, value)
    else:
        device.read(*COLOUR)


def _wrong(exchange: Exchange, truth: Mapping[int, Answered]) -> str:
    """Say what is wrong with what is said to be sure; empty where nothing is."""
    if exchange.result is None and CUT_OFF in exchange.notes:
        return ""  # somebody else's, which was under way at the end
    if exchange.down is None or exchange.result is None:
        return f"id {exchange.ids}: no line, and no doubt"
    said = truth.get(id(exchange.down))
    if said is None or (exchange.request is not None and said.asked not in exchange.ids):
        return f"id {exchange.ids}: {exchange.down.text!r} was handed out for {said and said.asked}"
    if said.down != exchange.down.raw.strip() or said.result != exchange.result.raw.strip():
        return f"id {exchange.ids}: the MCU answered {said.result!r} to {said.down!r}"
    return ""
