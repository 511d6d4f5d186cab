"""Where a command stopped, and what speaks against that: each doubt is a way in which it may have been otherwise.

Goal: name one of :data:`~miio_lan.pairing.exchange.STOPS` for every command, and call the exchange ambiguous wherever
lines that were not seen could change that.

Plan. Where downlinks of it were seen (:func:`of_downlinks`), it stopped at the first one that failed: what failed shows
in the answer, in what the module said to the answer, and in the reply on the LAN. What the turns of the conversation
say (``sure``, ``late``, ``blind``, ``missed``, ``restarted``, ...) is taken from there, and weighed with the reply.
Where none was seen (:func:`of_unseen`), the command was not fetched, which is in doubt unless the line was watched all
the time and no sign tells of a downlink that was missed.

::

    10.0  LAN     get_properties 2.1, id 1
    10.1  line    down get_properties 2 1
    11.1          get_down -> down none       "not answered", in doubt: no module gives up so soon
    14.2          get_down -> down none       in place of that: "not answered", and sure
    14.4          result 2 1 0 true -> error  after the latter: "answered late"
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from miio_lan.pairing import exchange as at
from miio_lan.pairing.calls import LanRequest
from miio_lan.pairing.content import (
    BAD_ANSWERS,
    all_good,
    all_refused,
    consistent,
    error_of,
    is_denied,
    is_of_no_use,
    timed_out,
)
from miio_lan.pairing.matching.candidates import DELIVERY, SKEW, says_code
from miio_lan.pairing.matching.lag import longest_pause
from miio_lan.pairing.matching.matching import LONGEST_WAIT
from miio_lan.pairing.matching.misheard import ANSWERS, is_nearly_one_of, nearly_names
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import held_back
from miio_lan.uart.commands import Result
from miio_lan.uart.commands.answering import codes_of, has_to_name
from miio_lan.uart.conversation import BLIND, Conversation
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES, TIMED_OUT_CODE, UNDEFINED_CODE
from miio_lan.uart.ledger import LATEST, SHORTEST_ANSWER_TIME
from miio_lan.uart.replies import JSON_POLL_WORD, NOISE
from miio_lan.uart.turns import Downlink, Turn, between

CUT_OFF = "the recording ends before the module gives up"
"""The note of an exchange whose answer may still come."""


@dataclass
class StopFinding:
    """Where it stopped (None: it did not), at which part, and what else is to be said.

    Its fields are those of an :class:`~miio_lan.pairing.exchange.Exchange`.
    """

    stopped_at: str | None = None
    stopped_part: int = 0
    ambiguous: bool = False
    notes: list[str] = field(default_factory=list)

    def doubt(self, note: str) -> None:
        """Say why this may be otherwise."""
        self.ambiguous = True
        self.notes.append(note)

    def of_exchange(self) -> dict[str, Any]:
        """Give the fields for an exchange; what is said more than once stands there once."""
        return {**vars(self), "notes": tuple(dict.fromkeys(self.notes))}


def of_downlinks(
    downlinks: Sequence[Downlink], request: LanRequest | None, uart: Conversation, skew: float = SKEW
) -> StopFinding:
    """Say where a command stopped whose downlinks were seen.

    :param request: what was asked over the LAN; None where nobody did as far as was seen, so that no reply is missed
    :param skew: seconds by which an answer may be stamped after the reply that it led to
    """
    finding, reply = StopFinding(), request.reply if request is not None else None
    for place, downlink in enumerate(downlinks):
        finding.stopped_at = _of_downlink(downlink, reply, finding, uart.ended, skew)
        if finding.stopped_at is not None:
            finding.stopped_part = place
            if downlink.answer is None:
                _doubt_silence(downlink, finding, uart)
            if request is None and _may_be_misheard(downlink):
                finding.doubt("the line, or its answer, may have been misheard")
            return finding
    if request is not None and reply is None:
        finding.stopped_at = at.REPLY_LOST
    elif reply is not None and (code := error_of(reply.reading)) is not None:
        finding.stopped_at = at.ANSWERED_WRONGLY
        finding.stopped_part = len(downlinks) - 1
        finding.doubt(f"the client got the error {code}, which the answer does not explain")
    return finding


def _may_be_misheard(downlink: Downlink) -> bool:
    """Tell whether a line, or its answer, is in a form that a wrong character can have made of another one."""
    answer = downlink.answer
    if answer is None or (answer.fits and answer.command.valid):
        return not downlink.command.valid
    # What the module refused as well is as wrong as it was heard, unless it is nearly right.
    return answer.fits or not answer.refused or nearly_names(answer.text, downlink)


def _doubt_silence(downlink: Downlink, finding: StopFinding, uart: Conversation) -> None:
    """Doubt that the MCU said nothing."""
    if "up" not in uart.heard:
        finding.doubt("the MCU was not heard")
    said = between(uart.said, downlink.instant, downlink.instant + LATEST)
    if any(each.word == NOISE and is_nearly_one_of(ANSWERS, each.text) for each in said):
        finding.doubt("the MCU said what is nearly an answer: it may have been misheard")


def is_success(reply: Record | None) -> bool:
    """Tell whether the client got a result that is not a refusal of everything."""
    return reply is not None and error_of(reply.reading) is None and not all_refused(reply.reading)


def _of_downlink(
    downlink: Downlink, reply: Record | None, finding: StopFinding, ended: float, skew: float
) -> str | None:
    """Say where it stopped at this downlink, None where it went through; put every doubt into ``finding``."""
    answer = downlink.answer
    finding.notes += downlink.notes
    if downlink.missed:
        finding.doubt("the module answered something that was not seen")
    if downlink.doubtful:
        finding.doubt("an answer that came later may belong to it")
    succeeded = is_success(reply)
    if answer is None or (succeeded and not answer.fits):
        return _unanswered(downlink, reply, finding, ended)
    if not answer.sure:
        finding.doubt("the answer may belong to an earlier line that was not answered")
    if downlink.lines_missing and not succeeded:
        finding.doubt("lines are missing between the line and its answer")
    # Of the module's time: what a bridge held back came to it that much later.
    waited = answer.instant - downlink.instant + held_back(downlink.record)
    if downlink.restarted and reply is None and waited < ANSWER_TIME:
        return _restarted(downlink, answer, finding, waited)
    late = _came_late(downlink, answer, reply, skew)
    _doubt_answer(downlink, answer, finding, succeeded=succeeded, late=late)
    if not answer.reply_sure:
        finding.doubt("what the module said to the answer is not sure: lines are missing")
    if answer.dropped:
        finding.notes.append("the answer is too long: a module drops it without a word")
        return at.ANSWERED_WRONGLY
    if reply is None and answer.reply is None and not (answer.glued or late):
        finding.doubt("what the module said to the answer was not seen")
    if late:
        return at.ANSWERED_LATE
    if not isinstance(answer.command, Result):
        return at.REFUSED
    return _of_result(answer, answer.command, reply, finding)


def _restarted(downlink: Downlink, answer: Turn, finding: StopFinding, waited: float) -> str:
    """The module forgot what it had handed out: the MCU's answer is as good as any, and nobody gets it.

    :param waited: seconds for which the module had waited for the answer
    """
    finding.notes.append("the module restarted: it refused the answer and told of its network at once")
    if waited > SHORTEST_ANSWER_TIME:
        finding.doubt("or it had given up, as older modules do after a second")
    elif not has_to_name(downlink.command) and answer.blind:
        finding.doubt("or the answer belongs to a line handed out before the watching began")
    return at.REPLY_LOST


def _doubt_answer(
    downlink: Downlink, answer: Turn, finding: StopFinding, *, succeeded: bool, late: bool
) -> None:
    """Doubt that this is the answer to the downlink, where what the module said to it shows something else."""
    if answer.accepted and answer.record.instant - downlink.instant > ANSWER_TIME + SKEW:
        finding.doubt(
            "the module took it when it had given this line up: it may belong to one that was not seen"
        )
    if succeeded:
        return
    if answer.again and (late or answer.reply is None):
        finding.doubt("it was not the first: it may belong to a line that was not seen")
    if answer.refused:
        if answer.fits and answer.command.valid and not late:
            finding.doubt("the module did not take it though it fits: it may belong to an earlier line")
        elif answer.blind:
            finding.doubt("it may belong to a line handed out before the watching began")


def _of_result(answer: Turn, result: Result, reply: Record | None, finding: StopFinding) -> str | None:
    """Say where it stopped at a ``result`` that came in time; what served the client is good enough."""
    served = reply is not None and error_of(reply.reading) is None
    told = (reply.reading or {}).get("result") if reply is not None else None
    good = served and all_good(told)
    # Where the module took what is of no use, and told the client otherwise, it was heard wrongly.
    otherwise = reply is None or (served and not (good or is_of_no_use(told)))
    if otherwise and answer.accepted and not (answer.fits and result.valid):
        finding.doubt("the module took it: this line, or the one it answers, may have been misheard")
    if not answer.fits:
        return at.ANSWERED_WRONGLY
    if answer.parted and not good:
        finding.doubt(
            "the CR between the answer and another line was missed, by the module or by who listened"
        )
    run_into = answer.glued and not answer.parted
    if run_into:
        finding.notes.append("the CR after the answer is missing: the next line ran into it")
    refused = answer.refused and not (served and consistent(result, told))
    if not good and (run_into or refused):
        return at.ANSWERED_WRONGLY
    if not result.valid:
        finding.notes.append(f"the answer does not conform: {result.problem}")
        if not good:
            return at.ANSWERED_WRONGLY
    if is_denied(result, told):
        finding.doubt("the client was refused what the MCU answered with success")
        return at.ANSWERED_WRONGLY
    codes = codes_of(result)
    negative = [each for each in codes if each < 0]
    if negative and len(negative) == len(codes):
        return at.REFUSED
    if negative:
        finding.notes.append(f"{len(negative)} of {len(codes)} properties were refused")
    return None


def _came_late(downlink: Downlink, answer: Turn, reply: Record | None, skew: float) -> bool:
    """Tell whether the module had given up: by the reply, else by the conversation, else by the answer time."""
    if reply is not None:
        if timed_out(reply.reading) and not says_code(answer, TIMED_OUT_CODE):
            return answer.record.instant >= reply.instant - SKEW
        return answer.record.instant > reply.instant + skew
    late = answer.record.instant - downlink.instant > ANSWER_TIME
    return answer.late or (late and not answer.accepted)


def _unanswered(downlink: Downlink, reply: Record | None, finding: StopFinding, ended: float) -> str | None:
    """Say where it stopped at a downlink of whose answer nothing was seen."""
    if is_success(reply):
        finding.notes.append("the answer was not seen, though the reply shows there was one")
        return None
    if reply is not None and not timed_out(reply.reading):
        finding.doubt("the answer was not seen")
        return at.REFUSED
    if downlink.broken:
        finding.doubt("the line was interrupted while it was under way")
    elif reply is None and downlink.closed is not None:
        waited = downlink.closed - downlink.instant
        if waited < ANSWER_TIME - SKEW:
            # No module gives up that soon, unless it restarts: the answer may have been missed.
            finding.doubt("the module went on sooner than it gives up: an answer may not have been seen")
        if waited < SHORTEST_ANSWER_TIME:
            finding.notes.append("all may have gone through")
    elif reply is None and ended - downlink.instant < ANSWER_TIME:
        finding.notes.append(CUT_OFF)
    return at.NOT_ANSWERED


def of_unseen(request: LanRequest, since: float, uart: Conversation) -> StopFinding:
    """Say where a command stopped of which no downlink was seen.

    :param since: when the command was sent first, by an earlier request perhaps, monotonic seconds
    """
    finding, reply = StopFinding(), request.reply
    if reply is None:
        finding.stopped_at = at.NO_REPLY if request.local else at.NOT_FETCHED
    elif not request.local:
        _of_reply(finding, reply, uart, since)
    elif error_of(reply.reading) is None:
        finding.notes.append("the module answers this by itself")
    else:
        finding.stopped_at = at.REFUSED
        finding.notes.append("the module refused it by itself")
    if finding.stopped_at == at.NOT_FETCHED:
        _doubt_not_fetched(finding, uart, since, reply)
    return finding


def _of_reply(finding: StopFinding, reply: Record, uart: Conversation, start: float) -> None:
    """Say where a command stopped that the MCU had to answer, by the reply alone."""
    code = error_of(reply.reading)
    saw_all = uart.watched(start, reply.instant) and not between(uart.orphans, start, reply.instant)
    # These are made of answers of the MCU, too.
    missed = code in (*BAD_ANSWERS, UNDEFINED_CODE) and not saw_all
    if timed_out(reply.reading):
        finding.stopped_at = at.NOT_FETCHED
    elif code in ERROR_CODES or missed or all_refused(reply.reading):
        finding.stopped_at = at.REFUSED
        finding.doubt("no line was seen: it was missed, or the module refused by itself")
    elif code is not None:
        finding.stopped_at = at.REFUSED
        finding.notes.append(f"the module refused it by itself ({code})")
    else:
        finding.doubt("no line was seen: it was missed, or the module answered by itself")


def _doubt_not_fetched(finding: StopFinding, uart: Conversation, start: float, reply: Record | None) -> None:
    """Doubt that nothing was handed out, where a downlink may have been missed."""
    end = reply.instant if reply is not None else start + LONGEST_WAIT
    if not uart.listened(start) or uart.broken(start, end):
        finding.doubt("the UART was not watched all the time")
        return
    if any(each.word == JSON_POLL_WORD for each in between(uart.said, start, end)):
        finding.doubt(f"the MCU asked for work by {JSON_POLL_WORD}: it may have got it so")
        return
    polls, kept_back = _count_in(uart.polls, start, end), _count_in(uart.kept_back, start, end)
    asked = f"the MCU asked for work {polls} times meanwhile" if polls else "the MCU did not ask"
    finding.notes.append(asked if not kept_back or polls else "the module did not hear the MCU ask for work")
    orphans = [each.record.instant for each in uart.orphans]
    late = _count_in(orphans, end, end + BLIND)  # an answer to what was not seen, after its time
    had_none = _count_in(uart.idle, start + DELIVERY, end)
    if late or any(_count_in(each, start, end) for each in (uart.unseen, uart.hidden, orphans)):
        finding.doubt("some of what the module said was not seen")
    elif reply is None and not had_none and _count_in(uart.polls, start + DELIVERY, end):
        finding.doubt("the module was busy all the time: it may have been fetched later")
    elif reply is None and _paused(uart, start, end):
        finding.doubt("the MCU did not ask for a while: it may have been at work on a line that was not seen")
    elif reply is not None and polls:
        finding.doubt("the module told of a time-out, though the MCU asked for work and got none")


def _paused(uart: Conversation, start: float, end: float) -> bool:
    """Tell whether the MCU kept silent for longer than usual, though nothing was under way as far as was seen."""
    polls = uart.polls[bisect_left(uart.polls, start) : bisect_left(uart.polls, end)]
    pauses, longest = pairwise(polls), longest_pause(polls)
    downs = [each.instant for each in uart.downlinks if each.command.wants_result]
    return any(last - first > longest and not _count_in(downs, first, last) for first, last in pauses)


def _count_in(instants: list[float], start: float, end: float) -> int:
    """Count the instants from ``start`` until before ``end``."""
    return bisect_left(instants, end) - bisect_left(instants, start)
