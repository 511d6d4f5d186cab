"""What must not happen while a block runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from miio_lan.bench.expecting.unheard import why_unheard, why_unknown
from miio_lan.bench.recorder import Mark, Recorder
from miio_lan.bench.trace import NO_WORK, POLL, ExpectationFailed
from miio_lan.pairing.matching.lag import told_beyond

LONGEST_LAG = 1.0
"""Seconds that are waited at most for lines said before the end of a block and told later."""

_T = TypeVar("_T")


class Never(Generic[_T]):
    """Fails at the end of the block when something was seen that must not happen, or could not have been seen.

    :param recorder: is told of both wires
    :param hears: the directions of the line that are heard
    :param what: what must not happen, in words
    :param inside: gives what happened between two moments
    :param tell: makes the text of the failure
    :param line: the directions in which the line says it; None for a command, which the LAN shows, too
    :param until_poll: whether what the block caused counts, too: all until the MCU asks for work again
    """

    def __init__(
        self,
        recorder: Recorder,
        hears: Collection[str],
        what: str,
        inside: Callable[[Mark, Mark], Sequence[_T]],
        tell: Callable[[str], str],
        *,
        line: Collection[str] | None = None,
        until_poll: bool = False,
    ) -> None:
        self._recorder = recorder
        self._hears = hears
        self._what = what
        self._inside = inside
        self._tell = tell
        self._line = line
        self._until_poll = until_poll
        self._begun = recorder.mark()
        self._ended: Mark | None = None

    def __enter__(self) -> Self:
        self._begun = self._recorder.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        self._ended = self._recorder.mark()
        if error is not None:
            return
        if self._until_poll:
            self._recorder.wait(self._polled, LONGEST_LAG)
            self._ended = self._recorder.mark()
        self._recorder.wait(self._is_known, LONGEST_LAG)
        self._await_loss()
        count = len(self.seen)
        if count:
            times = "" if count == 1 else f", {count} times"
            raise ExpectationFailed(self._tell(f"{self._what} was not to happen, and did{times}"))
        if why := self._why_unknown():
            raise ExpectationFailed(self._tell(f"whether {self._what} happened cannot be known: {why}"))

    @property
    def seen(self) -> Sequence[_T]:
        """What was seen, so far or until the end of the block."""
        return self._inside(self._begun, self._ended or self._recorder.mark())

    def _polled(self) -> bool | None:
        """Tell whether the MCU asked for work after the block: it has told what it had to tell."""
        ended = self._ended
        sign = POLL if "up" in self._hears else NO_WORK
        for record in reversed(self._recorder.records):
            if ended is None or ended.follows(record):
                return None
            if record == sign:
                return True
        return None

    def _is_known(self) -> bool | None:
        """Tell whether all is known that was said in the block; None while it is not."""
        ended = self._ended
        if self.seen or ended is None or not self._hears:
            return True
        line = (record for record in reversed(self._recorder.records) if record.wire == "uart")
        return told_beyond(ended.instant, line, self._hears) or None

    def _await_loss(self) -> None:
        """Where nothing was heard since the end of the block, wait until it would show that a receiver is lost.

        At another computer a receiver may be lost for a while before that is found out, and so before the block began.
        What is heard shows that it is there; where nobody says a word, that no loss is found in all that time.
        """
        if self._recorder.loss_shows_after:
            self._recorder.wait(self._is_sure, self._recorder.loss_shows_after + LONGEST_LAG)

    def _is_sure(self) -> bool | None:
        """Tell whether waiting changes nothing: the ends that matter were heard after the block, or are lost."""
        ended = self._ended
        matter = self._hears if self._line is None else frozenset(self._line).intersection(self._hears)
        if ended is None or self.seen or self._why_unknown():
            return True
        line = (record for record in reversed(self._recorder.records) if record.wire == "uart" and record.raw)
        return told_beyond(ended.instant, line, matter) or None

    def _why_unknown(self) -> str:
        """Say why what was not seen may have happened all the same; empty where it did not."""
        line, ended = self._line, self._ended or self._recorder.mark()
        if line is not None and (why := why_unheard(line, self._hears)):
            return why
        matter = self._hears if line is None else line
        return why_unknown(self._recorder.look()[0], matter, self._begun, ended, lan=line is None)
