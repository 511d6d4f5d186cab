"""The MCU's own log: what ran, when, with which value, and in which datagram it had come."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.chaos.commands import FIRST
from benchmarks.chaos.kinds import PRESS, TOGGLE
from benchmarks.chaos.pushes import Pushes
from miio_lan.lan import codes
from miio_lan.virtual.module.line.mcu_queue import McuQueue

if TYPE_CHECKING:
    from miio_lan.lan.responder.responder import Request
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.mcu.table import Change, Iid
    from miio_lan.virtual.module.module import Module
    from miio_lan.virtual.module.requests.request import McuRequest


@dataclass(frozen=True, slots=True)
class Source:
    """Where a command came from: its number (None for none of ours), and which of the clients' datagrams carried it."""

    number: int | None
    send: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution."""

    instant: float
    source: Source


class Ledger:
    """What the MCU of one device did.

    :param clock: gives the present instant
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.runs: defaultdict[int, list[Run]] = defaultdict(list)
        self.values: dict[Iid, list[tuple[float, Any]]] = {}
        #: What the module answered, by the number of the command.
        self.replies: defaultdict[int, list[Any]] = defaultdict(list)
        #: Datagrams of which the module said that it was busy.
        self.refused: set[int] = set()
        #: What it told unasked.
        self.pushes = Pushes()
        self.toggled = 0
        #: Lines that carry another number than the request they came from: the harness itself is wrong.
        self.confused = 0
        #: Called when something has run.
        self.on_run: Callable[[], object] = lambda: None
        #: The datagram the module looks at now; set by whoever delivers it.
        self.delivering = Source(None, 0)
        self._handed = Source(None, 0)
        self._quoted = Counter[str]()

    # --- wires it to the machines -------------------------------------------------------------------------------

    def attach(self, module: Module, mcu: Mcu) -> None:
        """Listen to a module and an MCU from now on, and give the product its actions."""
        module.queue = _Queue(module, self)
        self._attach_replies(module)
        self.pushes.attach(module.responder)
        table = mcu.table
        for iid in ((2, 1), (2, 2), (2, 3)):
            if iid[1] > 1:
                table.values[iid] = iid[1]
            self.values[iid] = [(self._clock(), table.values[iid])]
        put, set_one = table.put, table.set

        def logged_put(siid: int, piid: int, value: object) -> bool:
            changed = put(siid, piid, value)
            self.values[siid, piid].append((self._clock(), value))
            return changed

        def logged_set(siid: int, piid: int, value: object) -> Change:
            change = set_one(siid, piid, value)
            if change.code >= 0:
                self._ran(value)
            return change

        table.put, table.set = logged_put, logged_set  # type: ignore[method-assign]
        mcu.actions[PRESS] = self._press
        mcu.actions[TOGGLE] = self._toggle
        mcu.methods["press_button"] = self._button
        mcu.methods["get_echo"] = lambda _, words: [int(words[0])]

    def _attach_replies(self, module: Module) -> None:
        reply = module.responder.reply

        def logged(request: Request, **answer: Any) -> None:
            number = request.extra.get("n")
            error = answer.get("error")
            if error is not None and error[0] == codes.QUEUE_FULL:
                self.refused.add(self.delivering.send)
            elif isinstance(number, int) and error is None:
                self.replies[number].append(answer.get("result"))
            reply(request, **answer)

        module.responder.reply = logged  # type: ignore[method-assign]

    # --- what the MCU does --------------------------------------------------------------------------------------

    def handed(self, source: Source) -> None:
        """Note that the module hands the MCU a command."""
        self._handed = source

    def _ran(self, number: object = None) -> None:
        source = self._handed
        if number is not None and number != source.number:
            self.confused += 1
        if source.number is None:
            self.confused += 1
            return
        run = Run(self._clock(), source)
        # A set of two properties is one execution.
        if self.runs[source.number][-1:] != [run]:
            self.runs[source.number].append(run)
        self.on_run()

    def _press(self, _: Mcu, arguments: Mapping[int, Any]) -> dict[int, Any]:
        self._ran(arguments[1])
        return {2: arguments[1]}

    def _toggle(self, mcu: Mcu, _: Mapping[int, Any]) -> None:
        self._ran()
        self.toggled += 1
        mcu.put(2, 1, not mcu.values[2, 1])

    def _button(self, _: Mcu, words: Sequence[str]) -> list[int]:
        self._ran(int(words[0]))
        return [int(words[0])]

    # --- questions ----------------------------------------------------------------------------------------------

    def held(self, iid: Iid, value: object, began: float, ended: float) -> bool:
        """Whether a property had a value at some instant of a span."""
        before = None
        for instant, held in self.values[iid]:
            if instant > ended:
                break
            if instant < began:
                before = held
            elif held == value:
                return True
        return before == value and before is not None

    def sets(self, iid: Iid) -> list[tuple[float, int]]:
        """Give what commands set a property to, oldest first."""
        return [(at, value) for at, value in self.values[iid] if isinstance(value, int) and value >= FIRST]


class _Queue(McuQueue):
    """The module's queue towards the MCU; tells the ledger which datagram a line came from."""

    def __init__(self, module: Module, ledger: Ledger) -> None:
        super().__init__(module.profile, lambda: module.net)
        self._ledger = ledger
        self._sources: dict[int, tuple[McuRequest, Source]] = {}

    def submit(self, request: McuRequest) -> bool:
        taken = super().submit(request)
        if taken:
            # The request is kept, so that its identity is not given to another.
            self._sources[id(request)] = (request, self._ledger.delivering)
        return taken

    def get_down(self, now: float) -> str:
        text = super().get_down(now)
        if self._pending is not None and text.startswith("down "):
            self._ledger.handed(self._sources[id(self._pending)][1])
        return text
