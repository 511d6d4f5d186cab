"""The downlinks of a line and the answers to them: the part of the conversation that says which belongs to which.

Goal, plan and a drawn example stand in :mod:`miio_lan.uart.conversation`, which alone uses this. No I/O and no clock.
"""

from __future__ import annotations

from collections import deque

from miio_lan.uart.bridge.faults import invented
from miio_lan.uart.commands import Down, Error, NetChange, Result
from miio_lan.uart.document import ANSWER_TIME, UPDATE_FW
from miio_lan.uart.reading import fits_command, fits_downlink, fitting, naming, plain, read_answer
from miio_lan.uart.turns import LATENESS, STALL, Downlink, Turn

SHORTEST_ANSWER_TIME = 0.9
"""No known module gives up sooner (observed: 1 s in the older generation)."""
WENT_ON_SOON = 0.5
"""Seconds after a hand-out: a module that goes on so soon has had its answer, whether that was seen or not, for none
gives up. Not all of :data:`SHORTEST_ANSWER_TIME`: a stamp may be late, and the older modules count from before the
hand-out (observed)."""
REMEMBERED = 16
"""Unanswered downlinks to which a late answer may still belong."""
LATEST = 60.0
"""Seconds after which not even a late answer is expected."""
DELAY = 0.5
"""Seconds by which an answer may come after the module gave up and still be in its time, as far as stamps tell."""


class Ledger:
    """Keeps account of what was handed out and what still has to be answered. What it remembers is bounded."""

    def __init__(self) -> None:
        #: The last downlink that has to be answered.
        self.current: Downlink | None = None
        self._notice: Downlink | None = None  # the last thing handed out, where nothing has to answer it
        self._unanswered: deque[Downlink] = deque(maxlen=REMEMBERED)
        # Not answered, of an MCU that seems to have started.
        self._forgiven: deque[Downlink] = deque(maxlen=REMEMBERED)
        self._doubled = False  # a bridge handed the downlink out twice: the MCU may well answer twice

    @property
    def waiting(self) -> Downlink | None:
        """The downlink that waits for its answer, None when there is none."""
        return self.current if self.current is not None and self.current.waits else None

    @property
    def repeated(self) -> Downlink | None:
        """The downlink whose answer may be repeated: the last one, when it has an answer."""
        return self.current if self.current is not None and self.current.answer is not None else None

    def keeps(self, downlink: Downlink) -> bool:
        """Tell whether a downlink may still be answered, or its answer be repeated."""
        return downlink is self.current or downlink in self._unanswered or downlink in self._forgiven

    def owes_nothing(self, now: float) -> bool:
        """Tell whether no answer is due any more, not even a late one."""
        self._forget_old(now)
        return self.waiting is None and not self._unanswered and not self._forgiven

    def _forget_old(self, now: float) -> None:
        for downlinks in (self._unanswered, self._forgiven):
            for old in [each for each in downlinks if now > _latest_answer(each)]:
                downlinks.remove(old)

    def forgive(self) -> None:
        """The MCU has started, as it seems: it owes no answer to anything from before."""
        self._forgiven.extend(self._unanswered)
        self._unanswered.clear()

    def interrupt(self) -> None:
        """The observation was interrupted: what is under way is in doubt."""
        self._notice = None
        if self.waiting is not None:
            self.waiting.broken = True

    # --- answers -------------------------------------------------------------------------------------------------

    def find(self, raw: bytes, now: float) -> tuple[Downlink | None, tuple[Downlink, ...]]:
        """Find the downlink an answer belongs to, and others it may belong to as well; nothing is taken.

        By its ids; where it has none it is what the module takes it for, with a doubt.
        """
        waiting = self.waiting
        suits = waiting is not None and fits_downlink(raw, waiting)
        useless = not suits or (waiting is not None and waiting.answer is not None)
        if waiting is not None and useless and now - waiting.instant > ANSWER_TIME + DELAY:
            waiting, suits = None, False  # given up long ago; it is the answer to a line that was not seen
        self._forget_old(now)
        # What it was forgiven counts where nothing waits for the answer: an MCU that answers that has not started.
        owed = self._unanswered if suits else [*self._forgiven, *self._unanswered]
        late = fitting(raw, owed) if owed else []
        if not late:
            return waiting, ()
        named = naming(raw, late)
        if waiting is not None and suits:
            return waiting, tuple(named if naming(raw, (waiting,)) else late)
        if named:
            # That one had an answer already: this may as well be the useless one to what waits.
            twice = [waiting] if waiting is not None and named[-1].answer is not None else []
            return named[-1], (*named[:-1], *twice)
        return late[-1], (*late[:-1], *([waiting] if waiting is not None else []))

    def answer(self, turn: Turn, downlink: Downlink, others: tuple[Downlink, ...], *, hidden: bool) -> None:
        """Take the answer to a downlink.

        :param hidden: whether something may be under way that nobody saw, to which an answer may be that is late or
            without clear ids
        """
        command = turn.command
        turn.answers, turn.others = downlink, list(others)
        turn.fits = fits_command(command, downlink)
        turn.late = downlink.closed is not None
        named = turn.fits and command.valid and _is_named(turn, downlink)
        clear = (command.valid and not hidden) if turn.late else (named or not hidden)
        turn.sure = clear and not others
        for other in others:
            other.doubtful = True
        if (before := downlink.answer) is not None:
            # What fits after what did not is the first answer; and what was in doubt may have been to something else.
            turn.again = before.sure and not before.blind and (before.fits or not turn.fits)
            if not (turn.fits and command.valid):
                downlink.extra.append(turn.record)  # one useless answer after another
                return
            _put_aside(before, downlink)
        downlink.answer = turn
        if downlink in self._forgiven:
            # The MCU answers what it was forgiven: it has not started, and owes all of it again.
            self.forgive()
            self._unanswered, self._forgiven = self._forgiven, self._unanswered
        if turn.fits and downlink in self._unanswered:
            self._unanswered.remove(downlink)

    def answer_unasked(self, turn: Turn, *, hidden: bool) -> bool:
        """Take an answer that no downlink waits for; tell whether it answers a notice, as ``error`` may.

        :param hidden: as for :meth:`answer`: of two answers one may be to that
        """
        if self._notice is not None and isinstance(turn.command, Error):
            turn.answers, self._notice.answer, self._notice = self._notice, turn, None
            return True
        turn.sure = False
        last = self.repeated
        if last is not None and (last.closed is None or fits_command(turn.command, last)):
            turn.answers, turn.again = last, not self._doubled
            self._doubled = False
            last.doubtful = last.doubtful or (hidden and turn.again and fits_command(turn.command, last))
        return False

    def acknowledge(self, turn: Turn, downlink: Downlink) -> None:
        """Learn what the module said to an answer: what it takes is the answer, whatever it refused before."""
        before = downlink.answer
        if not turn.accepted or before is None or before is turn or not before.refused:
            return
        downlink.extra = [each for each in downlink.extra if each is not turn.record]
        downlink.answer = turn
        _put_aside(before, downlink)

    def adopt(self, turn: Turn, downlink: Downlink) -> bool:
        """Take an answer to nothing as the one to what is handed out in the same moment: stamps may be late."""
        if turn.reply is not None:
            return False  # the module had heard it before it handed this out
        command = read_answer(plain(turn.record), downlink)
        if turn.glued or downlink.instant - turn.instant > LATENESS or not fits_command(command, downlink):
            return False
        turn.command, turn.answers, turn.again, turn.sure, turn.blind = command, downlink, False, False, True
        downlink.answer = turn
        return True

    # --- downlinks -----------------------------------------------------------------------------------------------

    def hand_out(self, downlink: Downlink) -> bool:
        """Take what was handed out; tell whether it is something new."""
        waiting, command = self.waiting, downlink.command
        if waiting is not None and waiting.command == command:
            if command.method == UPDATE_FW:
                waiting.extra.append(downlink.record)  # repeated until it is answered
                return False
            if invented(downlink.record):
                self._doubled = True
                return False
        self.close(command, downlink.instant)
        if command.wants_result:
            self.current = downlink
        elif not isinstance(command, NetChange):
            self._notice = downlink
        return True

    def close(self, following: Down, now: float) -> None:
        """The module is done with its last downlink, for it hands out what follows, or has nothing to do."""
        self._doubled, self._notice = False, None
        current = self.current
        if current is None or current.closed is not None:
            return
        answer = current.answer
        current.closed = now
        # It names nothing, and stamps may be late: it may be the answer to what is handed out now.
        if answer is not None and answer.reply is None and not _is_named(answer, current):
            answer.sure = answer.sure and now - answer.instant >= LATENESS
        if answer is not None and answer.fits and answer.refused and not answer.late:
            current.restarted = isinstance(following, NetChange) and (current.seconds or 0.0) < ANSWER_TIME
        if not (current.notes or current.restarted or _is_answered(current)):
            self._unanswered.append(current)


def _is_answered(downlink: Downlink) -> bool:
    """Tell whether the MCU has said its answer: the module took it, or it can be to nothing else."""
    answer = downlink.answer
    return answer is not None and answer.fits and (not answer.refused or (answer.sure and not answer.blind))


def _latest_answer(downlink: Downlink) -> float:
    """Give until when the answer to a downlink may come that the module is done with."""
    closed = downlink.closed
    went_on = closed is not None and closed - downlink.instant < WENT_ON_SOON
    if closed is None or not went_on or downlink.answer is not None or downlink.broken:
        return downlink.instant + LATEST
    return closed + STALL  # it was said before, whether that was seen or not


def _is_named(answer: Turn, downlink: Downlink) -> bool:
    """Tell whether an answer carries ids, as it has to."""
    return downlink.has_to_be_named and isinstance(answer.command, Result)


def _put_aside(answer: Turn, downlink: Downlink) -> None:
    """Take an answer from its downlink, which has another one.

    If the module refused it, give it to what it may answer instead: most likely it is that one's, and late.
    """
    free = [each for each in answer.others if each.answer is None and each is not downlink]
    if not answer.refused or not free:
        downlink.extra += answer.records
        return
    answer.answers, answer.late, answer.sure = free[-1], True, False
    answer.others = [*free[:-1], downlink]
    free[-1].answer = answer
