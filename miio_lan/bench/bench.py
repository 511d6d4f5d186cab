"""A product on the bench: its device on the LAN, its line, and what the one made of the other.

For tests, with or without pytest. All waiting is waiting for events, never for time to pass; what does not happen is an
:class:`~miio_lan.bench.trace.ExpectationFailed` that shows both wires.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from textwrap import indent
from typing import Generic, TypeVar, Unpack

from miio_lan.bench.expecting.expectation import AFTERWARDS, TIMEOUT, Expectation
from miio_lan.bench.expecting.never import Never
from miio_lan.bench.expecting.reporting import ATTENDED, ReportExpectation, WantedReport, attend
from miio_lan.bench.expecting.wanted import Criteria, Wanted
from miio_lan.bench.line import MatchedLine, ObservedLine
from miio_lan.bench.places.power import Power
from miio_lan.bench.recorder import Mark, Recorder, is_between
from miio_lan.bench.snapshot import BOTH, Snapshot, beginning, may_grow
from miio_lan.bench.steps.history import History
from miio_lan.bench.steps.seen import SeenExchange
from miio_lan.bench.trace import ExpectationFailed
from miio_lan.device.blocking import Device
from miio_lan.device.description.spec import Spec
from miio_lan.errors import InvalidArgument, PowerError
from miio_lan.given import checked_flag, checked_seconds, checked_word, checked_words
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.matching.lag import told_beyond
from miio_lan.pairing.pairing import Pairer
from miio_lan.paths import FilePath, checked_path
from miio_lan.record import Record

__all__ = [
    "Bench",
    "Expectation",
    "ExpectationFailed",
    "History",
    "MatchedLine",
    "ObservedLine",
    "Recorder",
    "ReportExpectation",
]

NO_SWITCH = (
    "nothing switches this product's power: give --miio-power 'COMMAND {action}', power in the bench file, or a Bench "
    "its power= (anything with off, on and cycle)"
)

DeviceT = TypeVar("DeviceT", bound="Device")
_T = TypeVar("_T")


class Bench(Generic[DeviceT]):
    """A device on the LAN, the line behind it, and the commands joined from both.

    :param device: speaks to the product; its observer must be the recorder's
    :param recorder: is told of both wires
    :param spec: what the product is, where that is known
    :param hears: the directions of the line that the recorder is told of: ``"up"`` (what the MCU says) and ``"down"``
        (the module) unless said otherwise; nothing is waited for that nobody hears
    :param late: whether the recorder may be told of a line after the reply it led to, as by a tap; False where the
        product itself tells of its lines
    :param power: switches the product off and on, where that can be done
    :raises InvalidArgument: for directions that there are not
    """

    def __init__(
        self,
        device: DeviceT,
        recorder: Recorder,
        spec: Spec | None = None,
        *,
        hears: Collection[str] = BOTH,
        late: bool = True,
        power: Power | None = None,
    ) -> None:
        hears = [
            checked_word("what is heard", each, ("up", "down"))
            for each in checked_words("the directions that are heard", hears, "['up', 'down']")
        ]
        self.device = device
        self.recorder = recorder
        self.uart = ObservedLine(recorder, hears)
        self.spec = spec
        self.hears = frozenset(hears)
        self._late = checked_flag("late", late)
        self._power = power
        self.from_start = not late
        self._pairer = Pairer()
        self._fed = 0
        # Nobody who holds it calls back or waits: an observer may ask a bench at any time.
        self._joining = threading.Lock()

    @property
    def power(self) -> Power:
        """The product's power switch.

        .. code-block:: python

            bench.power.cycle()
            bench.uart.wait_for(re.compile("mcu_version (.+)"))

        :raises PowerError: if nothing switches this product
        """
        if self._power is None:
            raise PowerError(NO_SWITCH)
        return self._power

    @property
    def records(self) -> list[Record]:
        """All that crossed both wires in this test, in the order of time."""
        return self.recorder.records

    @property
    def exchanges(self) -> list[SeenExchange]:
        """The commands of this test so far, in order."""
        return [SeenExchange(each, self) for each in self.joined]

    @property
    def joined(self) -> list[Exchange]:
        """The same as :func:`~miio_lan.pairing.pairing.pair` gives them, None where nothing happened."""
        return list(self.snapshot().exchanges)

    def snapshot(self) -> Snapshot:
        """Give what is known at this moment: records, and the commands they make."""
        # Threads of a test may ask at once. With look() inside, what one was given was fed before the next one is.
        with self._joining:
            kept, own = self.recorder.look()
            for record in kept[self._fed :]:
                self._pairer.feed(record)
                self._fed += 1
            exchanges = self._pairer.exchanges
        ours = {id(record) for record in own}
        found = [each for each in exchanges if id(beginning(each)) in ours]
        return Snapshot(own, [self._as_heard(each) for each in found], self.hears)

    def _as_heard(self, exchange: Exchange) -> Exchange:
        """Close what is open for lines alone that nobody hears."""
        awaited = not exchange.reply and exchange.request
        ends = exchange.open and not awaited and not self.may_grow(exchange)
        return replace(exchange, open=False) if ends else exchange

    def settle(self, timeout: float = AFTERWARDS, *, unanswered: bool = False) -> None:
        """Wait until the last lines of the commands so far were told, which may be later than their replies.

        :param timeout: seconds to wait at most
        :param unanswered: wait for what becomes of commands without a reply, and of those of others, too
        """

        checked_seconds("timeout", timeout, zero=True, endless=True)

        def done() -> bool | None:
            waited_for = (each for each in self.joined if unanswered or each.reply)
            return None if any(self.may_grow(each) for each in waited_for) else True

        self.recorder.wait(done, timeout)

    def may_grow(self, exchange: Exchange) -> bool:
        """Tell whether lines of a command may still be told, or others that explain its reply better."""
        return may_grow(exchange, self.hears, behind=self._late and self._is_behind(exchange))

    def _is_behind(self, exchange: Exchange) -> bool:
        """Tell whether lines of before the reply may still be told."""
        if len(self.hears) == len(BOTH):
            return exchange.open
        # An exchange stays open for the direction that nobody hears, too.
        reply, lines = exchange.reply, reversed(self.uart.records)
        return reply is not None and not told_beyond(reply.instant, lines, self.hears)

    def expect(
        self,
        method: str | None = None,
        *,
        timeout: float = TIMEOUT,
        **criteria: Unpack[Criteria],
    ) -> Expectation:
        """Expect a command while the block runs; afterwards it tells what became of it.

        .. code-block:: python

            with bench.expect("get_properties", siid=2, piid=1) as exchange:
                device.read(2, 1)
            assert exchange.stopped_at is None
            assert exchange.mcu_time < 0.5

        Where the product's description is known, names do for numbers:

        .. code-block:: python

            with bench.expect("set_properties", property="light:brightness", value=25):
                device.write("light:brightness", 25)

        :param method: the method; None for any
        :param timeout: seconds to wait after the block, for commands sent by others
        :param criteria: what it must have, see :class:`~miio_lan.bench.expecting.wanted.Criteria`: ``siid``, ``piid``,
            ``aiid`` and ``value`` of one of its properties, or of its action; names in the place of numbers; ``params``
        :raises ExpectationFailed: at the end of the block, when no such command was seen
        :raises SpecError: (a ``ValueError``) if the description has no such name, or none is known
        :raises InvalidArgument: if names and numbers are given
        """
        return Expectation(self, Wanted.of(self.spec, method, **criteria), timeout)

    def expect_report(
        self,
        siid: int | None = None,
        piid: int | None = None,
        *,
        eiid: int | None = None,
        value: object = None,
        timeout: float = TIMEOUT,
    ) -> ReportExpectation:
        """Expect that the MCU reports a property, or an event, while the block runs.

        .. code-block:: python

            device.subscribe()
            with bench.expect_report(siid=2, piid=1, value=True) as report:
                press_the_button()
            assert report.line == "properties_changed 2 1 true"
            assert report.push_time < 2

        Where the device of this test has subscribed, the push on the LAN is waited for, too; what else it tells
        meanwhile is left to its ``next_push()``, or its callback.

        :param siid: the service
        :param piid: the property
        :param eiid: the event, in place of the property
        :param value: the value of the property; of an event, its arguments by piid
        :param timeout: seconds to wait after the block
        :raises ExpectationFailed: at the end of the block, when no such report was seen
        :raises InvalidArgument: when both a property and an event are named
        """
        return ReportExpectation(self, WantedReport(siid, piid, eiid, value), timeout)

    def await_told(self, look: Callable[[], _T | None], timeout: float) -> _T | None:
        """Call ``look`` whenever something came, pushes of the device included, until it gives something.

        :param timeout: seconds to wait at most
        """
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            if (found := look()) is not None:
                return found
            if not attend(self.device, min(left, ATTENDED)):
                return self.recorder.wait(look, left)
        return look()

    def expect_none(
        self,
        method: str | None = None,
        **criteria: Unpack[Criteria],
    ) -> Never[SeenExchange]:
        """Expect that no such command crosses the wires while the block runs, whoever sends it.

        .. code-block:: python

            with bench.expect_none("set_properties", siid=2, piid=2):
                device.read(2, 1)

        The parameters are those of :meth:`expect`. At the end of the block, lines that are told late are waited for.
        Where a wire was not heard all the time, because a receiver was away, it fails, too.

        :raises ExpectationFailed: at the end of the block, when one was seen, or that cannot be known; showing both
            wires
        """
        wanted = Wanted.of(self.spec, method, **criteria)

        def inside(begun: Mark, ended: Mark) -> list[SeenExchange]:
            return [
                SeenExchange(each, self)
                for each in self.joined
                if wanted.is_met_by(each) and is_between(begun, beginning(each), ended)
            ]

        return Never(self.recorder, self.hears, str(wanted), inside, lambda problem: self.tell(problem))

    def history(
        self,
        method: str | None = None,
        **criteria: Unpack[Criteria],
    ) -> History:
        """Give the commands of this test so far that are like this, in order, whoever sent them.

        .. code-block:: python

            assert bench.history(method="set_properties").count == 1
            assert bench.history("get_properties", siid=2, piid=1).last.result == "result 2 1 0 true"

        The parameters are those of :meth:`expect`.
        """
        wanted = Wanted.of(self.spec, method, **criteria)
        found = [SeenExchange(each, self) for each in self.joined if wanted.is_met_by(each)]
        return History(found, str(wanted), self.tell)

    def tell(self, problem: str, exchange: Exchange | None = None) -> str:
        """Say what is wrong, of one command perhaps, and show both wires; secrets are hidden."""
        now = self.snapshot()
        about = f"\n{indent(now.account(exchange), '  ')}" if exchange is not None else ""
        missed = f"\n({now.unseen})" if now.unseen else ""
        return f"{now.veiled(problem)}{about}{missed}\n{now.trace()}"

    def explain(self, problem: str) -> str:
        """Say what is wrong, what did happen, and show both wires."""
        now = self.snapshot()
        happened = "nothing else did either"
        if now.exchanges:
            happened = "what did:\n" + indent("\n".join(now.accounts()), "  ")
        missed = f"\n({now.unseen})" if now.unseen else ""
        return f"{problem}; {happened}{missed}\n{now.trace()}"

    def save(self, path: FilePath) -> None:
        """Write all records of this test to a file, as JSON Lines.

        :raises OSError: if that cannot be done
        :raises InvalidArgument: if that is no path
        """
        self.snapshot().save(checked_path("a recording", path, InvalidArgument))
