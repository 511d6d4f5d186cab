"""Rules about ``get_down``, and about what is handed out by it without an answer being due."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import inf
from statistics import median

from miio_lan.acceptance.rules.lines import is_identity, of_kind
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.foreign import excerpt
from miio_lan.uart import commands as c
from miio_lan.uart.conversation import BLIND, Conversation
from miio_lan.uart.document import ANSWER_TIME, LONGEST_POLL_INTERVAL, SHORTEST_POLL_INTERVAL, UPDATE_FW
from miio_lan.uart.ledger import LATEST
from miio_lan.uart.reading import fits_downlink, plain
from miio_lan.uart.turns import Downlink, Turn, between

rule = rules_of("polling", severity="failure or warning")

TOLERANCE = 0.01
"""Seconds by which a typical interval may be too short: what the observation adds and takes away."""
SLACK = 0.05
"""Seconds by which it may be too long: a reply and its processing lie between two polls."""
STRAY = 0.1
"""Seconds from the allowed range that make a single interval worth a warning."""
MIN_INTERVALS = 5
"""Intervals without which nothing is said."""
SILENCE_TIME = 3.0
"""Seconds of life without a single ``get_down`` that show an MCU that does not poll."""
_LONGEST_INTERVAL = 2.0
"""Seconds between two polls that are a pause: what is asked of the product waits for its end."""
_REPORTS = (c.PropertiesChanged, c.EventOccured)
_NEXT = 8
"""Lines after a net change among which a poll is looked for."""


@rule("After power-up the MCU asks for downlinks again and again", source="serial document, get_down")
def polls(session: Observed, case: Case) -> None:
    """Reports during boot may come first; whoever sends them and then falls silent does not poll.

    When nothing at all is heard any more, somebody may have switched the product off: only a checker that still asks it
    for something knows better. Where the module goes on to hand something out, the MCU polls, though it is not heard.
    """
    line = session.line
    asked = line.of("get_down")
    for said in asked:
        case.good("get_down", said.record)
    if asked:
        _went_on(session, case, asked[-1])
    elif _served(session) > -inf:
        case.unseen("the module was asked for work, and the MCU was not heard")
    elif line.said and line.ended - line.said[0].instant >= SILENCE_TIME:
        if line.ended - _reported(line, line.said[0].instant) < SILENCE_TIME:
            case.unseen(
                "the reports at power-up are still repeated, or have just been taken: polls come after them",
                line.said[-1].record,
            )
        else:
            case.bad(f"no get_down in {line.ended - line.said[0].instant:.1f} s", line.said[-1].record)
    elif session.driven and line.ended - line.began >= SILENCE_TIME:
        case.bad(f"nothing was heard from the MCU in {line.ended - line.began:.1f} s")


def _reported(line: Conversation, start: float) -> float:
    """Give until when reports at power-up kept an MCU from asking for work, if there were any since an instant.

    What the module does not take is to be repeated first; what it has taken is no reason to wait.
    """
    waits = (each for each in line.said if each.instant >= start and is_identity(each.command))
    return max((each.instant for each in waits if not each.accepted), default=start)


def _started(line: Conversation, last: Turn) -> float:
    """Give when an MCU reported that it has started since its last poll; never where it did not."""
    later = line.said[last.number + 1 :]
    return next((each.instant for each in later if is_identity(each.command)), -inf)


def _went_on(session: Observed, case: Case, last: Turn) -> None:
    """Judge the time after the last poll that was heard; an MCU that was switched on again begins anew."""
    line = session.line
    since = max(_expected(line, last), _started(line, last))
    quiet = line.ended - _reported(line, since)
    if quiet < SILENCE_TIME or line.broken(last.instant, line.ended):
        return
    served = _served(session)
    if served > (last.reply or last.record).instant:
        quiet = min(quiet, line.ended - served)
        if quiet < SILENCE_TIME + ANSWER_TIME:  # what it got last may have kept it busy
            case.unseen("the module was asked for work, and the MCU was not heard", last.record)
            return
    silent = line.ended - line.said[-1].instant >= SILENCE_TIME
    tell = case.odd if silent and session.course is None else case.bad
    tell(f"no get_down any more in the last {quiet:.1f} s", last.record)


def _expected(line: Conversation, last: Turn) -> float:
    """Give from when on the next poll is waited for: an MCU may be busy with an answer, or with an update."""
    fetched = line.downlinks[-1] if line.downlinks else None
    if fetched is None or (fetched.asked is not last and fetched.instant < last.instant):
        return last.instant
    if fetched.answer is None:
        return fetched.instant + ANSWER_TIME
    updates = fetched.command.method == UPDATE_FW and '"ready"' in fetched.answer.text
    return line.ended if updates else fetched.answer.instant


def _intervals(session: Observed) -> Iterator[tuple[float, Turn]]:
    """Go through the times between two polls with nothing else to do in between, each with the second poll."""
    for before, said in pairwise(session.line.said):
        polls = isinstance(before.command, c.GetDown) and isinstance(said.command, c.GetDown)
        idle = polls and not (before.glued or said.glued) and before.reply_text == "down none"
        if idle and _all_is_known(session, before, said):
            # By the stamps of the one receiver: the instants of turns are moved by what the other one stamps late.
            yield said.record.instant - before.record.instant, said


def _pauses(session: Observed) -> Iterator[tuple[float, Turn]]:
    """Go through the silences of an MCU that has nothing to do but to ask for work, each with the line at its end.

    The module had taken its answer or its report, or had nothing for it. What an update takes is no pause, and neither
    is a restart. Those between two idle polls are intervals.
    """
    for before, said in pairwise(session.line.said):
        seconds = said.record.instant - before.record.instant
        if seconds <= _LONGEST_INTERVAL or not isinstance(said.command, (c.GetDown, *_REPORTS)):
            continue
        polls = isinstance(before.command, c.GetDown) and isinstance(said.command, c.GetDown)
        rest = not polls and _is_at_rest(before) and not _heard(session, before, said)
        if rest and _all_is_known(session, before, said):
            yield seconds, said


def _all_is_known(session: Observed, before: Turn, said: Turn) -> bool:
    """Whether nothing was missed between two lines, and no bridge did anything.

    What stood behind a line that a bridge held back goes on in one go, and has lost its time too.
    """
    missing = session.line.missing(before.instant, said.instant)
    return not missing and not session.interfered(before.instant - STRAY, said.instant)


def _is_at_rest(said: Turn) -> bool:
    """Whether an MCU that has said this, and was replied to, has nothing more to do."""
    if isinstance(said.command, c.GetDown):
        return said.reply_text == "down none"
    updates = said.answers is not None and said.answers.command.method == UPDATE_FW
    return isinstance(said.command, (c.Result, c.Error, *_REPORTS)) and said.reply is not None and not updates


def _heard(session: Observed, before: Turn, said: Turn) -> bool:
    """Whether the module spoke to an MCU that was not heard itself, between two of its lines."""
    replied = before.reply.instant if before.reply is not None else before.instant
    return any(replied < record.instant < said.instant for record, _ in session.line.told)


@rule("The MCU polls every 100 to 200 ms", source="serial document, get_down")
def poll_interval(session: Observed, case: Case) -> None:
    """The typical interval counts. Some that stray are a warning where they are many, and each long pause is.

    A pause counts beside answers and reports, too.
    """
    for seconds, said in _pauses(session):
        case.odd(f"silent for {seconds:.1f} s before it, without a get_down", said.record)
    intervals = list(_intervals(session))
    if len(intervals) < MIN_INTERVALS:
        case.unseen(f"fewer than {MIN_INTERVALS} intervals between idle polls were seen")
        return
    typical = median(seconds for seconds, _ in intervals)
    text = f"typically {typical * 1000:.0f} ms, over {len(intervals)} intervals"
    if _is_right(typical):
        tell, odd = case.odd, _strays(intervals)
    else:
        tell, odd = case.bad, {said.number for seconds, said in intervals if not _is_right(seconds)}
    if not odd:
        case.good(text, intervals[-1][1].record)
        return
    for seconds, said in intervals:
        if said.number in odd:
            tell(f"{text}; but here {seconds * 1000:.0f} ms", said.record)
        else:
            case.good(f"{seconds * 1000:.0f} ms", said.record)


def _is_right(seconds: float) -> bool:
    """Whether an interval is what the document asks for, as far as an observation tells."""
    return SHORTEST_POLL_INTERVAL - TOLERANCE <= seconds <= LONGEST_POLL_INTERVAL + SLACK


def _read_late(intervals: list[tuple[float, Turn]]) -> set[int]:
    """Find the intervals before and behind a poll that was read late: too long, and as much too short after that.

    None where that is no exception: one, or one in twenty.

    :returns: the numbers of the polls at their ends
    """
    found: set[int] = set()
    for (long, poll), (short, following) in pairwise(intervals):
        together = following.number == poll.number + 1
        if together and _is_far(long) and _is_far(short) and short < long and _is_right((long + short) / 2):
            found |= {poll.number, following.number}
    return found if len(found) <= 2 or len(found) * 10 <= len(intervals) else set()


def _is_far(seconds: float) -> bool:
    """Whether an interval is worth a warning where there are many such."""
    return not SHORTEST_POLL_INTERVAL - STRAY / 2 <= seconds <= LONGEST_POLL_INTERVAL + STRAY


def _strays(intervals: list[tuple[float, Turn]]) -> set[int]:
    """Find the intervals worth a warning: a few that are a little off are those of any busy MCU.

    :returns: the numbers of the polls at their ends
    """
    late = _read_late(intervals)
    own = [(seconds, said.number) for seconds, said in intervals if said.number not in late]
    far = [(seconds, number) for seconds, number in own if _is_far(seconds)]
    many = len(far) * 20 > len(own)
    return {number for seconds, number in far if many or seconds > _LONGEST_INTERVAL}


@rule(
    "result and error are sent once, and only as the answer to a downlink",
    source="serial document, result, error and MIIO_net_change",
)
def answers_only_downlinks(session: Observed, case: Case) -> None:
    """Net changes and ``down none`` have no ``result``; a refused answer may be tried again.

    A request that the document does not know, such as ``MIIO_model_req``, may be answered by ``error``.
    """
    refused = False
    for said in session.line.said:
        if isinstance(said.command, (c.Result, c.Error)):
            _judge_answer(session, case, said, refused=refused)
            refused = not said.accepted


def _judge_answer(session: Observed, case: Case, said: Turn, *, refused: bool) -> None:
    """Judge whether an answer answers something; the module that took it shows that something waited."""
    if said.answers is not None and not said.again:
        case.good("answers a downlink", said.record)
    elif _says_why(said):
        case.good("says why the update failed", said.record)
    elif _may_answer(session, said):
        case.unseen("what it answers was not seen", said.record)
    elif said.answers is not None and refused:
        case.odd("the answer is repeated after the module refused it", said.record)
    elif said.answers is not None:
        case.bad("nothing waits for an answer any more", said.record)
    else:
        case.bad(f"nothing was asked{_told_before(session, said)}", said.record)


def _told_before(session: Observed, said: Turn) -> str:
    """Say what the module had told the MCU right before, where that is what it took for a question."""
    before = session.line.said[said.number - 1] if said.number else None
    if before is None or not isinstance(before.command, c.GetDown) or not before.reply_text:
        return ""
    return f": {excerpt(before.reply_text)} has no result"


def _says_why(said: Turn) -> bool:
    """Whether it is the last word of an MCU that broke an update off, which the module took."""
    offer = said.answers is not None and said.answers.command.method == UPDATE_FW
    return offer and said.accepted and isinstance(said.command, c.Error)


def _may_answer(session: Observed, said: Turn) -> bool:
    """Whether an answer may belong to something that was not seen, or that another answer was taken for."""
    if session.driven:
        return _names_what_is_in_doubt(session, said)
    lost = session.line.broken(said.instant - ANSWER_TIME, said.instant) or "down" not in session.line.heard
    first = said.answers.answer if said.answers is not None else None
    unsure = first is not None and (not first.sure or bool(first.others))
    told = said.accepted or said.blind or bool(said.others)
    # A module replies to each line: what has no reply, though the module went on, was said where lines were missed.
    missed = said.reply is None and session.module_spoke(said.instant, said.instant + ANSWER_TIME)
    missed = missed or _is_put_off(session, said)
    return told or lost or unsure or missed or _names_what_is_in_doubt(session, said)


def _is_put_off(session: Observed, said: Turn) -> bool:
    """Whether the module put the MCU off soon afterwards for something that was not seen: this may be said to it."""
    following = between(session.line.downlinks, said.instant, said.instant + ANSWER_TIME)
    end = following[0].instant if following else said.instant + ANSWER_TIME
    return any(said.instant < each <= end for each in session.line.hidden)


def _names_what_is_in_doubt(session: Observed, said: Turn) -> bool:
    """Whether a downlink that it may answer as well has an answer which is not surely its own."""
    raw = plain(said.record)
    before = between(session.line.downlinks, said.instant - LATEST, said.instant)
    doubtful = (each for each in before if _may_be_owed(each, said.instant))
    return any(each.command.wants_result and fits_downlink(raw, each) for each in doubtful)


def _may_be_owed(downlink: Downlink, now: float) -> bool:
    """Whether what a downlink got may be the answer to something else, so that its own may still come."""
    answer = downlink.answer
    if answer is None or not answer.sure:
        return True
    # Its own is no later than that to a line from before the watching began, which it would be.
    return answer.blind and now - downlink.instant <= BLIND


@rule(
    "The MCU goes on after MIIO_net_change, without an answer to it",
    source="serial document, MIIO_net_change",
    severity="failure",
)
def net_change_taken(session: Observed, case: Case) -> None:
    """Whoever leaves for a bootloader, or hangs, does not poll any more."""
    said = session.line.said
    for downlink, change in of_kind(session.line.downlinks, c.NetChange):
        at = bisect_right(said, downlink.instant, key=lambda each: each.instant)
        state = change.state
        if any(isinstance(each.command, (c.GetDown, c.PropertiesChanged)) for each in said[at : at + _NEXT]):
            case.good(f"{state}", downlink.record)
        elif session.line.broken(downlink.instant, session.line.ended):
            case.unseen(f"the line was lost after {state}", downlink.record)
        elif _served(session) > downlink.instant:
            case.unseen(
                f"the module was asked for work after {state}, and the MCU was not heard", downlink.record
            )
        elif session.line.ended - downlink.instant >= SILENCE_TIME and at == len(said):
            case.bad(f"silent for {SILENCE_TIME:g} s after {state}", downlink.record)


def _served(session: Observed) -> float:
    """Tell when a real module handed something out last, if only ``down none``: nobody but the MCU asks for that.

    :returns: monotonic seconds; never (minus infinity) where it handed out nothing, or the checker was the module
    """
    downs = [record.instant for record, command in session.line.told if isinstance(command, c.Down)]
    return downs[-1] if downs and not session.driven else -inf
