"""The rules of the serial document, and of what is known of the official tests, each with its source.

:func:`judge` holds a recording against all of them. What it is given is read anew from its raw bytes; nothing in it
raises. No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from miio_lan.acceptance.rules import check, ends
from miio_lan.acceptance.rules.life import boot, update
from miio_lan.acceptance.rules.line import answers, form, polling
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Judge
from miio_lan.acceptance.rules.values import codes, reports, sets, values
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import Rule, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.record.marks import without_marks

__all__ = ["JUDGES", "RULES", "judge", "verdicts_of"]

_FILES = (form, boot, polling, answers, values, codes, sets, reports, update, ends, check)

JUDGES: tuple[Judge, ...] = tuple(
    each for file in _FILES for each in vars(file).values() if isinstance(each, Judge)
)
"""The rules with their functions: file by file, and in each in the order in which they stand."""
RULES: tuple[Rule, ...] = tuple(judge.rule for judge in JUDGES)
"""All rules, in the order of a report."""


def judge(
    records: Iterable[Record],
    *,
    spec: Spec | None = None,
    driven: bool = False,
    from_boot: bool = False,
    ended: float | None = None,
    course: Progress | None = None,
) -> tuple[Verdict, ...]:
    """Judge what crossed the wires; one verdict per rule, in the order of :data:`RULES`.

    :param spec: the product's description; without it, rules about values and codes are not judged
    :param driven: whether the checker itself was the module, and so what the module said is not judged
    :param from_boot: whether the records are known to hold a power-up of the MCU, so that nothing of it may be missing
    :param ended: when the observation ended, monotonic seconds; with the last record by default
    :param course: how far the checker got that asked the product; None for one that only listened
    """
    lines = without_marks(records)
    session = Observed(lines, spec=spec, driven=driven, from_boot=from_boot, until=ended, course=course)
    return verdicts_of(session)


def verdicts_of(session: Observed) -> tuple[Verdict, ...]:
    """Judge what was observed; one verdict per rule, in the order of :data:`RULES`."""
    return tuple(each.judge(session) for each in JUDGES)
