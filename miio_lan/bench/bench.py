"""A product on the bench: its device on the LAN, its line, and what the one made of the other.

For tests, with or without pytest. All waiting is waiting for events, never for time to pass; what does not happen is an
:class:`~miio_lan.bench.trace.ExpectationFailed` that shows both wires.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import Generic, Literal, TypeVar

from miio_lan.bench.expectation import AFTERWARDS, TIMEOUT, Expectation, Wanted
from miio_lan.bench.recorder import Recorder
from miio_lan.bench.snapshot import BOTH, Snapshot, beginning, may_grow, unseen
from miio_lan.bench.trace import ExpectationFailed, line_of, trace
from miio_lan.device.blocking import Device
from miio_lan.device.description.spec import Spec
from miio_lan.pairing.content import same_value
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.lag import told_beyond
from miio_lan.pairing.pairing import Pairer
from miio_lan.record import Record

__all__ = ["Bench", "Expectation", "ExpectationFailed", "ObservedLine", "Recorder"]

What = str | re.Pattern[str] | Callable[[Record], bool]
DeviceT = TypeVar("DeviceT", bound="Device")


class ObservedLine:
    """The UART between module and MCU, as it is observed.

    :param recorder: collects the records
    :param hears: the directions that are heard
    """

    def __init__(self, recorder: Recorder, hears: Collection[str] = BOTH) -> None:
        self._recorder = recorder
        self._hears = hears
        self._given: list[Record] = []

    @property
    def records(self) -> list[Record]:
        """All that crossed the line in this test, in the order of time."""
        return [record for record in self._recorder.records if record.wire == "uart"]

    def lines(self, direction: Literal["up", "down"] | None = None) -> list[str]:
        """Give the texts of the lines in this test: of both directions, or ``"up"`` (MCU) or ``"down"`` (module)."""
        return [line_of(each) for each in self.records if direction in (None, each.direction) and each.raw]

    def wait_for(
        self,
        what: What | None = None,
        *,
        direction: Literal["up", "down"] | None = None,
        timeout: float = TIMEOUT,
        since: Record | None = None,
        **reading: object,
    ) -> Record:
        """Give the next line like this in this test, waiting for it where it has not come yet.

        Each line is given once: asking again waits for another one. What came before the call counts.

        :param what: the line, or its first words; a pattern to be found in it; or a function that says yes to a record
        :param direction: ``"up"`` for lines of the MCU, ``"down"`` for lines of the module
        :param timeout: seconds to wait
        :param since: only what came after this record
        :param reading: keys and values its reading must have, such as ``command="properties_changed"``
        :raises ExpectationFailed: when it does not come, showing what did
        """

        __tracebackhide__ = True

        def look() -> Record | None:
            for record in self.records:
                if direction not in (None, record.direction) or not record.raw:
                    continue
                if since is not None and record.instant <= since.instant:
                    continue
                if _is_like(record, what, reading) and not any(record is each for each in self._given):
                    return record
            return None

        found = self._recorder.wait(look, timeout)
        if found is None:
            wanted = " ".join([*([_name(what)] if what is not None else []), *_named(reading)]) or "any line"
            missed = f" ({unseen(self._hears)})" if unseen(self._hears) else ""
            raise ExpectationFailed(
                f"no line like {wanted} came within {timeout:g} s{missed}\n{trace(self._recorder.records)}"
            )
        self._given.append(found)
        return found


class Bench(Generic[DeviceT]):
    """A device on the LAN, the line behind it, and the commands joined from both.

    :param device: speaks to the product; its observer must be the recorder's
    :param recorder: is told of both wires
    :param spec: what the product is, where that is known
    :param hears: the directions of the line that the recorder is told of: ``"up"`` (what the MCU says) and ``"down"``
        (the module) unless said otherwise; nothing is waited for that nobody hears
    :param late: whether the recorder may be told of a line after the reply it led to, as by a tap; False where the
        product itself tells of its lines
    """

    def __init__(
        self,
        device: DeviceT,
        recorder: Recorder,
        spec: Spec | None = None,
        *,
        hears: Collection[str] = BOTH,
        late: bool = True,
    ) -> None:
        self.device = device
        self.recorder = recorder
        self.uart = ObservedLine(recorder, hears)
        self.spec = spec
        self.hears = frozenset(hears)
        self._late = late
        self._pairer = Pairer()
        self._fed = 0

    @property
    def records(self) -> list[Record]:
        """All that crossed both wires in this test, in the order of time."""
        return self.recorder.records

    @property
    def exchanges(self) -> list[Exchange]:
        """The commands of this test so far, in order."""
        return list(self.snapshot().exchanges)

    def snapshot(self) -> Snapshot:
        """Give what is known at this moment: records, and the commands they make."""
        kept, own = self.recorder.look()
        for record in kept[self._fed :]:
            self._pairer.feed(record)
            self._fed += 1
        ours = {id(record) for record in own}
        found = [each for each in self._pairer.exchanges if id(beginning(each)) in ours]
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

        def done() -> bool | None:
            waited_for = (each for each in self.exchanges if unanswered or each.reply)
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
        siid: int | None = None,
        piid: int | None = None,
        aiid: int | None = None,
        value: object = None,
        params: object = None,
        timeout: float = TIMEOUT,
    ) -> Expectation:
        """Expect a command while the block runs; afterwards it tells what became of it.

        .. code-block:: python

            with bench.expect("get_properties", siid=2, piid=1) as exchange:
                device.read(2, 1)
            assert exchange.stopped_at is None
            assert exchange.mcu_time < 0.5

        :param method: the method; None for any
        :param siid: with ``piid``, ``aiid`` and ``value``: what one of its properties, or its action, must have
        :param params: the parameters as a whole
        :param timeout: seconds to wait after the block, for commands sent by others
        :raises ExpectationFailed: at the end of the block, when no such command was seen
        """
        given = {"siid": siid, "piid": piid, "aiid": aiid, "value": value}
        ids = {key: each for key, each in given.items() if each is not None}
        return Expectation(self, Wanted(method, ids, params), timeout)

    def explain(self, problem: str) -> str:
        """Say what is wrong, what did happen, and show both wires."""
        now = self.snapshot()
        happened = "nothing else did either"
        if now.exchanges:
            happened = "what did:\n" + indent("\n".join(now.accounts()), "  ")
        missed = f"\n({now.unseen})" if now.unseen else ""
        return f"{problem}; {happened}{missed}\n{now.trace()}"

    def save(self, path: Path) -> None:
        """Write all records of this test to a file, as JSON Lines.

        :raises OSError: if that cannot be done
        """
        self.snapshot().save(path)


def _is_like(record: Record, what: What | None, reading: Mapping[str, object]) -> bool:
    have = record.reading or {}
    if any(key not in have or not same_value(value, have[key]) for key, value in reading.items()):
        return False
    if what is None:
        return True
    if isinstance(what, str):
        line = line_of(record)
        return line == what or line.startswith(f"{what} ")
    if isinstance(what, re.Pattern):
        return what.search(line_of(record)) is not None
    return bool(what(record))


def _name(what: What) -> str:
    if isinstance(what, re.Pattern):
        return repr(what.pattern)
    return repr(what) if isinstance(what, str) else getattr(what, "__name__", repr(what))


def _named(reading: Mapping[str, object]) -> list[str]:
    return [f"{key}={value!r}" for key, value in reading.items()]
