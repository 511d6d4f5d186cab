"""Whether anything in the stamps, or about a request, speaks against the downlinks that it was matched with.

Another explanation that was seen is for :mod:`~miio_lan.pairing.matching.matching` to find; here it is about those that
were not seen: somebody else's request, or lines of this one that are missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from miio_lan.pairing.calls import LanRequest
from miio_lan.pairing.content import timed_out
from miio_lan.pairing.matching.candidates import DELIVERY, SKEW, Candidate, answer_to, replies_near
from miio_lan.record import Record
from miio_lan.uart.conversation import Conversation


def is_plausible(
    request: LanRequest, candidate: Candidate, uart: Conversation, orphans: Sequence[Record]
) -> bool:
    """Tell whether nothing speaks against a candidate.

    :param orphans: the replies to requests that were not seen, in order
    """
    first, last, reply = candidate.downlinks[0], candidate.downlinks[-1], request.reply
    if not candidate.likely:
        return False
    if reply is None:
        # Nothing confirms that a downlink belongs to a request without a reply: it may be that of a request which was
        # not seen, as a reply to none shows, or this request's own may be among lines that were not seen.
        early = first.record.instant < request.first  # stamps of the line are late, never early
        if early or uart.missing(request.first, first.instant) or replies_near(orphans, first.instant):
            return False
        return had_it_waiting(request, first.instant, uart)
    unseen = request.has_result and answer_to(last, reply.instant) is None
    if unseen and uart.ended < reply.instant - DELIVERY:
        return False  # the line was heard no more when the result was made: of its answer, or of another downlink's
    return _stamps_in_order(request, reply, candidate, uart)


def had_it_waiting(request: LanRequest, handed_out: float, uart: Conversation) -> bool:
    """Tell whether a module may have had a request all the time until it handed something out.

    A module that hands out ``none`` has nothing waiting.
    """
    idle_before = bisect_left(uart.idle, handed_out)
    sent = (send.instant for send in request.sends if send.instant <= handed_out + SKEW)
    return any(bisect_left(uart.idle, instant + DELIVERY) >= idle_before for instant in sent)


def _stamps_in_order(request: LanRequest, reply: Record, candidate: Candidate, uart: Conversation) -> bool:
    """Tell whether the stamps are in order, or all was seen, so that nothing else can explain the reply."""
    downlinks = candidate.downlinks
    last = max(each.instant if each.answer is None else each.answer.record.instant for each in downlinks)
    if timed_out(reply.reading):
        last = downlinks[-1].instant
    in_order = request.first <= downlinks[0].instant and last <= reply.instant
    return in_order or uart.watched(request.first - SKEW, reply.instant + SKEW)
