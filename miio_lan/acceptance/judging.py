"""From records to a judgement: the verdicts, the exchanges, and what the product is called."""

from __future__ import annotations

from collections.abc import Iterable

from miio_lan.acceptance.rules.all import verdicts_of
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.refusals import wanted_refusals
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import Judgement
from miio_lan.device.description.spec import Spec
from miio_lan.given import checked_flag, checked_instant, checked_word
from miio_lan.record import Record
from miio_lan.record.clock import check_clock
from miio_lan.record.marks import marked_check, without_marks

PASSIVE, MODULE, LAN = "passive", "module", "lan"
_CUT = "the recording ends before the check does"


def judgement_of(
    records: Iterable[Record],
    *,
    mode: str | None = None,
    spec: Spec | None = None,
    title: str = "",
    from_boot: bool = False,
    ended: float | None = None,
    course: Progress | None = None,
) -> Judgement:
    """Judge what crossed the wires.

    What a check has recorded says so itself (:mod:`miio_lan.record.marks`), and how far the check got: it is judged as
    the check was.

    :param mode: ``"passive"``, ``"module"`` or ``"lan"``, see :class:`~miio_lan.acceptance.verdict.Judgement`; by
        default what the records say of themselves, and ``"passive"`` where they say nothing
    :param spec: the product's description; without it, rules about values and codes are not judged
    :param title: what was judged; the model by default
    :param from_boot: whether the records are known to hold a power-up of the MCU
    :param ended: when the observation ended, monotonic seconds, so that what came later is none of it; by default, and
        at the latest, with the check that the records say they hold, else with the last record
    :param course: how far the checker got that asked the product; by default what the records say, None for one that
        only listened
    :raises InvalidArgument: for a mode that there is not, and what is no instant
    :raises SpecError: for what is no description
    :raises RecordError: if the records hold the marks of more than one check, or marks that make no sense, or were
        stamped by several clocks
    """
    every = list(records)
    if mode is not None:
        checked_word("mode", mode, (PASSIVE, MODULE, LAN))
    checked_instant("ended", ended)
    checked_flag("from_boot", from_boot)
    check_clock(every)
    check = marked_check(every)
    if check is not None:
        mode, from_boot = mode or check.mode, from_boot or check.from_boot
        ended = min((each for each in (ended, check.ended) if each is not None), default=None)
        known = check.progress
        course = course or (Progress(cut=_CUT) if known is None else Progress.from_json(known))
    # A tap may have gone on hearing what was no part of the check.
    lines = [record for record in without_marks(every) if ended is None or record.instant <= ended]
    # Read once, ordered once: rules and exchanges look at the same conversation.
    driven = mode == MODULE
    session = Observed(lines, spec=spec, driven=driven, from_boot=from_boot, until=ended, course=course)
    model = session.model or (spec.shown_model if spec is not None else "")
    return Judgement(
        title=title or model or "unknown product",
        model=model,
        started=session.records[0].wall if session.records else 0.0,
        mode=mode or PASSIVE,
        verdicts=verdicts_of(session),
        records=session.records,
        exchanges=session.exchanges,
        wanted_refusals=wanted_refusals(session),
    )
