"""Lines that together may be what a LAN request became: whether they are all, and how well they explain the reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miio_lan.pairing.calls import LanRequest
from miio_lan.pairing.content import BAD_ANSWERS, carried, error_of
from miio_lan.uart.commands import Error, Result
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES, TIMED_OUT_CODE, UNDEFINED_CODE
from miio_lan.uart.turns import Downlink, Turn

SKEW = 0.05
"""Seconds by which the stamps of the two wires may differ: two readers, one behind a USB adapter."""
DELIVERY = 0.5
"""Seconds a datagram may take, from the module or to it."""
OUT_OF_ORDER = 20.0
"""How much more stamps in the wrong order weigh than a reply that takes its time."""

LIKELY_CUT = 8
"""Properties from which on a module may cut a list into several lines."""
LIKELY_CUT_SIZE = 200
"""Bytes from which on it may."""


@dataclass(eq=False)
class Candidate:
    """Lines that together may be what a request became.

    :param whole: whether they are all of it
    :param over: whether nothing came after them: they are all of it, or the last one failed
    :param likely: whether the request can end, or have gaps, where the chain does
    :param strain: how far the stamps are from what is usual, see :func:`strain_of`
    """

    tasks: tuple[Downlink, ...]
    whole: bool
    over: bool = True
    likely: bool = True
    strain: float = 0.0


def follow(request: LanRequest, tasks: Sequence[Downlink], at: int) -> Candidate:
    """Take the first line, and after it each that goes on where the one before ended."""
    demand = request.demand
    found, missing, size = [tasks[0]], at > 0, len(demand.items)
    at += demand.covers(tasks[0].command, at)
    for task in tasks[1:]:
        if at >= size or _gave_up(found[-1]):
            break
        here = demand.covers(task.command, at)
        skipped = 0
        if not here:
            skipped = next((k for k in range(at + 1, size) if demand.covers(task.command, k)), 0)
            if not skipped or any(demand.covers(other.command, at) for other in tasks):
                continue
            missing, here = True, demand.covers(task.command, skipped)
        found.append(task)
        at = (skipped or at) + here
    whole = at >= size and not missing
    if whole:
        return Candidate(tuple(found), whole=True)
    cut = all(map(_looks_cut, found))
    over = cut and not missing and not request.succeeded and _failed(found[-1])
    return Candidate(
        tuple(found), whole=False, over=over, likely=cut or all(map(_looks_cut, found[:-1] or found))
    )


def _gave_up(task: Downlink) -> bool:
    """Tell whether the module surely asked for nothing more after this line."""
    answer, closed = task.answer, task.closed
    if answer is None:
        return closed is not None and not task.broken and closed - task.instant >= ANSWER_TIME - SKEW
    return answer.refused or isinstance(answer.command, Error)


def _failed(task: Downlink) -> bool:
    """Tell whether a module gives up the whole request with this line."""
    answer = task.answer
    return (
        answer is None
        or answer.refused
        or answer.dropped
        or not answer.fits
        or isinstance(answer.command, Error)
    )


def _looks_cut(task: Downlink) -> bool:
    """Tell whether a line is long enough to be one of several: modules cut only what does not fit."""
    properties = getattr(task.command, "properties", ())
    return len(properties) >= LIKELY_CUT or len(task.record.raw) >= LIKELY_CUT_SIZE


def agrees(request: LanRequest, chain: Candidate) -> bool:
    """Tell whether the reply can be what the module made of the answers to these lines."""
    reply = request.reply
    if reply is None:
        return True
    code = error_of(reply.reading)
    if code is None:
        result = (reply.reading or {}).get("result")
        answers = [task.answer for task in chain.tasks if task.answer is not None]
        return all(_in_time(answer, reply.instant) and _gave(answer, result) for answer in answers)
    answer = chain.tasks[-1].answer
    if code == TIMED_OUT_CODE:
        return answer is None or _of_no_use(answer, reply.instant) or _said(answer, code)
    if answer is None:
        return code in ERROR_CODES or code == UNDEFINED_CODE
    if isinstance(answer.command, Error):
        return _in_time(answer, reply.instant) and (_said(answer, code) or code == UNDEFINED_CODE)
    wrong = answer.refused or not answer.fits or not answer.command.valid
    return wrong and (code in BAD_ANSWERS or code == UNDEFINED_CODE)


def replied_promptly(request: LanRequest, chain: Candidate) -> bool:
    """Tell whether the reply came as soon after the answer, or the end of the waiting, as a module sends it."""
    reply, answer = request.reply, chain.tasks[-1].answer
    if reply is None:
        return True
    if error_of(reply.reading) == TIMED_OUT_CODE and not (
        answer is not None and _said(answer, TIMED_OUT_CODE)
    ):
        return reply.instant - chain.tasks[-1].instant <= ANSWER_TIME + DELIVERY
    if answer is None or not _in_time(answer, reply.instant):
        return True
    return reply.instant - answer.record.instant <= DELIVERY


def strain_of(request: LanRequest, chain: Candidate) -> float:
    """Say how long after the answer the reply came, and how far a line is before its request, which weighs more.

    A line that is stamped after the reply it led to strains nothing, as far as it is a candidate at all: a receiver of
    the line stamps late, by less than :data:`SKEW`.
    """
    off = max(0.0, request.first - chain.tasks[0].instant) * OUT_OF_ORDER
    last = chain.tasks[-1]
    if request.reply is None or error_of(request.reply.reading) == TIMED_OUT_CODE:
        return off
    said = (last.answer or last).record
    return off + max(0.0, request.reply.instant - said.instant)


def _in_time(answer: Turn, reply: float) -> bool:
    return answer.record.instant <= reply + SKEW


def _gave(answer: Turn, result: object) -> bool:
    if not answer.fits:
        return True  # some other line's answer, or of no use; it tells nothing about this line
    return isinstance(answer.command, Result) and carried(answer.command, result)


def _of_no_use(answer: Turn, reply: float) -> bool:
    return answer.record.instant >= reply - SKEW or answer.refused or answer.dropped or not answer.fits


def _said(answer: Turn, code: int) -> bool:
    return isinstance(answer.command, Error) and answer.command.code == code
