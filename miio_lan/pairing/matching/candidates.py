"""Candidates: downlinks that together may be what a LAN request became, and how well they explain its reply.

Goal: give, for one request, every sequence of downlinks that the module may have made of it, with a cost.

Plan. A request for properties asks for a list of items, and each of its downlinks for the next ones of that list. So a
candidate begins with a downlink that asks for the first items, and takes every later one that goes on where the one
before ended (:func:`extend`); what lies between belongs to others. A candidate is possible when the reply can have been
made of its answers (:func:`agrees`), and costs the seconds by which its stamps are from what is usual
(:func:`cost_of`).

::

    10.0  request   get_properties 3.1 ... 3.20
    10.1  line      down get_properties 3.1 ... 3.16     items 0 to 15
    10.4            down get_properties 2.1              of somebody else: passed over
    10.7            down get_properties 3.17 ... 3.20    goes on at item 16: the candidate is whole
    10.8            result ...
    10.9  reply                                          costs 0.1
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from miio_lan.pairing.calls import LanRequest
from miio_lan.pairing.content import BAD_ANSWERS, Demand, consistent, error_of, timed_out
from miio_lan.record import Record
from miio_lan.uart.commands import Command, Down, Error, Result, read
from miio_lan.uart.commands.answering import fits
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES, TIMED_OUT_CODE, UNDEFINED_CODE
from miio_lan.uart.ledger import SHORTEST_ANSWER_TIME
from miio_lan.uart.turns import LATENESS, STALL, Downlink, Turn, between

SKEW = 0.05
"""Seconds by which the stamps of the two wires may differ: two readers, one behind a USB adapter."""
DELIVERY = 0.5
"""Seconds a datagram may take, from the module or to it."""
OUT_OF_ORDER = 20.0
"""What a second of stamps in the wrong order costs; a second by which the reply came later costs 1."""

LIKELY_CUT = 8
"""Properties from which on a module may cut a list into several downlinks (observed)."""
LIKELY_CUT_SIZE = 200
"""Bytes of a downlink from which on it may (observed)."""


@dataclass(eq=False)
class Candidate:
    """Downlinks that together may be what a request became.

    :param whole: whether they ask for all that the request asks for
    :param ended: whether the module handed out no more for it: they are the whole, or the last one failed
    :param likely: whether a module cuts a list there, and replies as promptly
    :param cost: seconds by which the stamps are from what is usual, see :func:`cost_of`
    :param contradicted: whether the reply is not what a module makes of the answers
    :param stalled: whether it would be, if the lines were read later than they were said
    :param sure: of what a request was matched with: whether nothing else explains what was seen as well
    """

    downlinks: tuple[Downlink, ...]
    whole: bool
    ended: bool = True
    likely: bool = True
    cost: float = 0.0
    contradicted: bool = False
    stalled: bool = False
    sure: bool = False


def extend(request: LanRequest, downlinks: Sequence[Downlink], at: int) -> Candidate:
    """Make the candidate that begins with the first downlink.

    :param downlinks: those the request may have become, in order
    :param at: the item of the request at which the first one begins
    """
    demand = request.demand
    found, missing, size = [downlinks[0]], at > 0, len(demand.items)
    at += demand.covers(downlinks[0].command, at)
    for downlink in downlinks[1:]:
        if at >= size or _is_surely_last(found[-1]):
            break
        count = demand.covers(downlink.command, at)
        if not count:
            # Perhaps it goes on behind a downlink that was not seen.
            later = next((k for k in range(at + 1, size) if demand.covers(downlink.command, k)), 0)
            if not later or any(demand.covers(other.command, at) for other in downlinks):
                continue
            missing, at, count = True, later, demand.covers(downlink.command, later)
        found.append(downlink)
        at += count
    if at >= size and not missing:
        return Candidate(tuple(found), whole=True)
    cut = all(map(_is_likely_cut, found))
    ended = cut and not missing and not request.has_result and _fails_request(found[-1])
    likely = all(map(_is_likely_cut, found[:-1] or found))
    return Candidate(tuple(found), whole=False, ended=ended, likely=likely)


def _is_surely_last(downlink: Downlink) -> bool:
    """Tell whether the module surely handed out nothing more for the same request."""
    answer, closed = downlink.answer, downlink.closed
    if answer is None:
        return closed is not None and not downlink.broken and closed - downlink.instant >= ANSWER_TIME - SKEW
    return answer.refused or isinstance(answer.command, Error)


def _fails_request(downlink: Downlink) -> bool:
    """Tell whether a module gives up the whole request with this downlink."""
    answer = downlink.answer
    return answer is None or answer.useless or isinstance(answer.command, Error)


def _is_likely_cut(downlink: Downlink) -> bool:
    """Tell whether a downlink is long enough to be one of several: modules cut only what does not fit."""
    properties = getattr(downlink.command, "properties", ())
    return len(properties) >= LIKELY_CUT or len(downlink.record.raw) >= LIKELY_CUT_SIZE


def answer_to(downlink: Downlink, reply: float, skew: float = SKEW) -> Turn | None:
    """Give the answer to a downlink, as far as it tells something about a reply.

    What came after the reply, and may be the answer to something else, tells nothing: the true one may have been lost.
    """
    answer = downlink.answer
    return None if answer is not None and not answer.sure and not _is_before(answer, reply, skew) else answer


def agrees(request: LanRequest, candidate: Candidate, skew: float = SKEW) -> bool:
    """Tell whether the reply can be what the module made of the answers to these downlinks.

    :param skew: seconds by which an answer may be stamped after the reply that it led to
    """
    reply = request.reply
    if reply is None:
        return True
    code = error_of(reply.reading)
    if code is None:
        result = (reply.reading or {}).get("result")
        answers = filter(None, (answer_to(each, reply.instant, skew) for each in candidate.downlinks))
        return all(_is_before(each, reply.instant, skew) and _may_give(each, result) for each in answers)
    answer = answer_to(candidate.downlinks[-1], reply.instant, skew)
    if timed_out(reply.reading):
        # Of no use to a module that still replies with a time-out.
        no_use = answer is None or answer.useless or answer.record.instant >= reply.instant - SKEW
        return no_use or says_code(answer, code)
    if answer is None:
        return code in ERROR_CODES or code == UNDEFINED_CODE
    if isinstance(answer.command, Error):
        return _is_before(answer, reply.instant, skew) and (says_code(answer, code) or code == UNDEFINED_CODE)
    wrong = answer.refused or not answer.fits or not answer.command.valid
    return wrong and (code in BAD_ANSWERS or code == UNDEFINED_CODE)


def may_be_of_unseen(request: LanRequest, candidate: Candidate, uart: Conversation) -> bool:
    """Tell whether a reply can as well have been made of something that was not seen, or not all of it.

    That is an answer to nothing that was seen; what the module did not take, or heard as a part of another line, led to
    no reply. Or it is what the MCU may have fetched between the answers of a candidate and the reply.
    """
    if request.reply is None:
        return False
    if _has_fetched_unseen(candidate, request.reply.instant, uart):
        return True
    found = unseen_answers(request, uart.orphans)
    return any(not (each.refused or (each.glued and not each.parted)) for each, _ in found)


def _has_fetched_unseen(candidate: Candidate, replied: float, uart: Conversation) -> bool:
    """Tell whether the MCU asked for work between the answers and a reply, and nothing was seen of what came of it."""
    answer, polls = candidate.downlinks[-1].answer, bisect_right(uart.unseen, replied)
    last = uart.unseen[polls - 1] if polls else -inf
    if answer is None or last <= answer.instant:
        return False
    return not between(uart.orphans, last, replied + SKEW)


def unseen_answers(request: LanRequest, orphans: Sequence[Turn]) -> Iterator[tuple[Turn, Command]]:
    """Give the answers to nothing that was seen of which the reply can have been made, each as it is read then."""
    reply, down = request.reply, request.demand.as_down()
    if reply is None or request.local:
        return
    for orphan in between(orphans, request.first - SKEW, reply.instant + SKEW):
        command = read(orphan.record.raw, direction="up", pending=down)
        if _explains(command, reply.reading or {}, down):
            yield orphan, command


def _explains(command: Command, reading: Mapping[str, object], down: Down | None) -> bool:
    """Tell whether an answer whose downlink was not seen can be what a reply was made of.

    :param reading: the reply
    :param down: what its request becomes; None where that is not known
    """
    code = error_of(reading)
    if isinstance(command, Error):
        return code is not None and code in (command.code, UNDEFINED_CODE)
    if not isinstance(command, Result):
        return False
    if code is not None:
        return not command.valid and (code in BAD_ANSWERS or code == UNDEFINED_CODE)
    return (down is None or fits(command, down)) and consistent(command, reading.get("result"))


def replies_near(replies: Sequence[Record], handed_out: float) -> Sequence[Record]:
    """Give the replies, of some in order, that came while a downlink was under way."""
    return between(replies, handed_out - SKEW, handed_out + ANSWER_TIME + DELIVERY)


def may_have_led_to(downlink: Downlink, replies: Sequence[Record]) -> bool:
    """Tell whether one of the replies to requests that were not seen can be what a downlink led to."""
    candidate, demand = Candidate((downlink,), whole=True), Demand.of(downlink.command.method, None)
    requests = (LanRequest(0, demand, [reply], reply) for reply in replies_near(replies, downlink.instant))
    return any(agrees(request, candidate) and replied_promptly(request, candidate) for request in requests)


def replied_promptly(request: LanRequest, candidate: Candidate) -> bool:
    """Tell whether the reply came as soon after the answer, or after the answer time, as a module sends it."""
    reply, last = request.reply, candidate.downlinks[-1]
    answer = last.answer
    if reply is None:
        return True
    if timed_out(reply.reading) and not says_code(answer, TIMED_OUT_CODE):
        return reply.instant - last.instant <= ANSWER_TIME + DELIVERY
    return answer is None or reply.instant - answer.record.instant <= DELIVERY


def cost_of(request: LanRequest, candidate: Candidate) -> float:
    """Give the seconds from the answer to the reply, and :data:`OUT_OF_ORDER` times those a line is before its request.

    A line that is stamped after the reply it led to costs nothing, as far as it is a candidate at all: a receiver of
    the line stamps late, by less than :data:`SKEW`.
    """
    cost = max(0.0, request.first - candidate.downlinks[0].instant) * OUT_OF_ORDER
    return cost + lag_of(request, candidate)


def lag_of(request: LanRequest, candidate: Candidate) -> float:
    """Give the seconds from the answer to the reply; 0 where the reply has none, or does not wait for one."""
    last = candidate.downlinks[-1]
    if request.reply is None or timed_out(request.reply.reading):
        return 0.0
    said = (answer_to(last, request.reply.instant) or last).record
    return max(0.0, request.reply.instant - said.instant)


def may_be_late(request: LanRequest, candidate: Candidate, chosen: Candidate) -> bool:
    """Tell whether the reply may be that to another candidate, stamped late, and has little to do with the chosen one.

    It came as long after the answer to that as none does, or before any was seen; or no module gives up so soon.
    """
    reply, last = request.reply, chosen.downlinks[-1]
    if reply is None or candidate.downlinks[0].instant < request.first:
        return False
    if timed_out(reply.reading):
        return reply.instant - last.instant < SHORTEST_ANSWER_TIME
    late = answer_to(last, reply.instant) is None or lag_of(request, chosen) > LATENESS
    return late and lag_of(request, candidate) <= STALL


def needs_answer(request: LanRequest) -> bool:
    """Tell whether a request has a reply that only an answer of the MCU explains."""
    reply = request.reply
    return reply is not None and not (timed_out(reply.reading) or error_of(reply.reading) in BAD_ANSWERS)


def says_code(answer: Turn | None, code: int) -> bool:
    """Tell whether an answer is the ``error`` with this code."""
    return answer is not None and isinstance(answer.command, Error) and answer.command.code == code


def _is_before(answer: Turn, reply: float, skew: float = SKEW) -> bool:
    return answer.record.instant <= reply + skew


def _may_give(answer: Turn, result: object) -> bool:
    """Tell whether the module can have made this result of an answer."""
    if not answer.fits:
        return True  # some other line's answer, or of no use; it tells nothing about this line
    return isinstance(answer.command, Result) and consistent(answer.command, result)
