"""Which downlinks were not answered.

Goal: a downlink that was never answered breaks a rule, and a later answer may be its own, late. That doubt must not
excuse more than it can: each line answers one downlink at most. Plan: whatever may be the late answer to a downlink is
looked at. It excuses one downlink, unless it answers another one properly and could not answer this one, or is all that
another one got which the same rule is about: then either this or that was not answered. As many as possible are excused
(a maximum matching in a bipartite graph, by augmenting paths), the later ones first.

::

    down set_properties 2 2 10           given up after 4 s
    down set_properties 2 2 20           given up after 4 s
    down get_properties 2 2
    result 2 2 0 60                      no answer to a set: excuses nothing
    down unknown_command
    error "unknown" -5000                might answer one of the sets, late: one of them was never answered

No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from miio_lan.acceptance.rules.lines import asked_by
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.uart.conversation import BLIND
from miio_lan.uart.document import ANSWER_TIME, LONGEST_POLL_INTERVAL
from miio_lan.uart.ledger import SHORTEST_ANSWER_TIME
from miio_lan.uart.reading import read_answer
from miio_lan.uart.turns import LATENESS, Downlink, Turn, between

Wanted = Callable[[Downlink], bool]


def never_answered(session: Observed, wanted: Wanted) -> list[Downlink]:
    """Give those of the downlinks that are wanted which were not answered, in the order of time.

    Where several may have had the only answer, which are those marked ``doubtful``, it is sure how many have none, and
    likely which: the earlier ones, for theirs would be the latest.

    :param wanted: what the rule is about
    """
    without = [each for each in session.line.downlinks if wanted(each) and _has_no_answer(session, each)]
    if session.driven:
        return [each for each in without if not (each.doubtful and session.behind)]
    doubtful = {id(each) for each in without if each.doubtful}
    excuses: dict[int, list[int]] = {place: [] for place in doubtful}
    for said in session.line.of("result", "error") if doubtful else ():
        for each in said.others:
            if id(each) in doubtful and _may_be(session, wanted, said, each):
                excuses[id(each)].append(said.number)
    excused: dict[int, int] = {}
    for downlink in reversed(without):
        _excuse(id(downlink), excuses, excused)
    return [each for each in without if id(each) not in excused]


def _has_no_answer(session: Observed, downlink: Downlink) -> bool:
    """Whether no answer was seen that is surely its own, and the observation would have shown one."""
    line = session.line
    end = line.ended if downlink.closed is None else downlink.closed
    if downlink.answer is not None or line.broken(downlink.instant, end):
        return False
    if session.driven:
        return downlink.closed is not None or end - downlink.instant >= ANSWER_TIME
    if not line.said or _is_unclear(downlink):
        return False  # not heard at all, or not seen while something was said
    if line.missing(end, end + BLIND):
        return False  # a late answer is one, too
    # A module that goes on sooner than it gives up had its answer, or restarted.
    return end - downlink.instant >= ANSWER_TIME - LATENESS or _given_up_early(session, downlink, end)


def waited_in_vain(session: Observed, downlink: Downlink) -> bool:
    """Whether the module waited for all of the 4 s, and surely no answer was said: it came later, or never."""
    line, begun, due = session.line, downlink.instant, downlink.instant + ANSWER_TIME
    waited = downlink.closed is not None and downlink.closed >= due - LATENESS
    if not waited or _is_unclear(downlink) or line.missing(begun - LATENESS, due):
        return False
    return not any(begun - LATENESS <= said.instant <= due for said in line.of("result", "error"))


def _is_unclear(downlink: Downlink) -> bool:
    """Whether nobody knows what became of it: its answer may have been missed, or was not due any more."""
    return downlink.broken or downlink.missed or downlink.restarted


def _given_up_early(session: Observed, downlink: Downlink, end: float) -> bool:
    """Whether an older module waited for an answer in vain (observed: 1 s), and none came within 4 s either."""
    line, begun, due = session.line, downlink.instant, downlink.instant + ANSWER_TIME
    put_off = [poll.instant for poll in downlink.polls if poll.reply_text == "error"]
    if downlink.closed is None or end - begun < SHORTEST_ANSWER_TIME or line.ended < due:
        return False
    if not put_off or put_off[-1] - begun < SHORTEST_ANSWER_TIME - LONGEST_POLL_INTERVAL:
        return False  # it may have had the answer before it went on
    return not line.missing(begun, due) and not between(line.orphans, begun, due)


# --- what may be the answer to another one -------------------------------------------------------------------------


def _excuse(downlink: int, excuses: Mapping[int, Sequence[int]], excused: dict[int, int]) -> None:
    """Find a line that may be the answer to a downlink; those that have one may change it (augmenting path).

    :param excuses: for each downlink the lines that may be its answer
    :param excused: for each that has one, which; changed
    """
    owner = {line: each for each, line in excused.items()}
    reached: dict[int, int] = {}  # for each line, the downlink that would take it
    waiting = [downlink]
    for each in waiting:
        for line in excuses.get(each, ()):
            if line in reached:
                continue
            reached[line] = each
            if line in owner:
                waiting.append(owner[line])
                continue
            free: int | None = line
            while free is not None:
                taker = reached[free]
                excused[taker], free = free, excused.get(taker)
            return


def _may_be(session: Observed, wanted: Wanted, said: Turn, downlink: Downlink) -> bool:
    """Whether an answer to another downlink may be this one's, so that nothing was left unanswered."""
    own = said.answers
    if own is None or own.answer is not said or not said.accepted or said.late:
        return True
    if asked_by(said) == downlink.command:
        return False  # either this or that was not answered, and both ask for the same
    if _is_unclear(own) or session.line.missing(downlink.instant, said.instant):
        return True
    return not (wanted(own) or _answers_that_alone(said, downlink))


def _answers_that_alone(said: Turn, downlink: Downlink) -> bool:
    """Whether a line is right as the answer to what it is taken for, and would be wrong as that to another one."""
    return said.command.valid and not read_answer(said.text.encode(), downlink).valid
