"""How a rule is written: a function with a name, a title and a source, that collects what speaks for and against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from heapq import nsmallest
from operator import itemgetter

from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.verdict import KINDS, SEVERITIES, Evidence, Outcome, Rule, Verdict
from miio_lan.record import Record

TOOL = "official MCU tool, public cases"
"""A source of rules: what is known of the tool of the acceptance test."""
MAX_EVIDENCE = 20
SAMPLES = 3
"""Pieces of evidence shown for a rule that was kept."""
_JUDGED = (Outcome.FAIL, Outcome.WARNING, Outcome.PASS)
"""What was judged, by what counts most."""


@dataclass
class Case:
    """What was found on one rule.

    :param torn: the lines that nothing is held against, by the ``id`` of the record, each with what happened to it
    :param places: the places of lines and datagrams in the order of time, by the ``id`` of the record
    """

    torn: Mapping[int, str] = field(default_factory=dict)
    places: Mapping[int, int] = field(default_factory=dict)
    found: dict[Outcome, list[Evidence]] = field(default_factory=lambda: {each: [] for each in Outcome})

    def good(self, text: str, record: Record | None = None) -> None:
        """Note that the rule was kept."""
        self.found[Outcome.PASS].append(Evidence(text, record))

    def odd(self, text: str, record: Record | None = None) -> None:
        """Note what is no failure, but should not be."""
        self._blame(Outcome.WARNING, text, record)

    def bad(self, text: str, record: Record | None = None, *, whole: bool = False) -> None:
        """Note that the rule was broken.

        :param whole: whether what is told of a torn line is no matter of what tore it
        """
        if whole:
            self.found[Outcome.FAIL].append(Evidence(text, record))
        else:
            self._blame(Outcome.FAIL, text, record)

    def _blame(self, outcome: Outcome, text: str, record: Record | None) -> None:
        """Note what speaks against the MCU, unless it is what the observation did to a line."""
        if torn := self.torn.get(id(record)):
            self.unseen(f"{torn}: {text}", record)
        else:
            self.found[outcome].append(Evidence(text, record))

    def good_or_bad(self, kept: bool, good: str, bad: str, record: Record | None = None) -> None:
        """Note that the rule was kept or broken, each with its text."""
        (self.good if kept else self.bad)(good if kept else bad, record)

    def unseen(self, text: str, record: Record | None = None) -> None:
        """Note why the rule could not be judged."""
        self.found[Outcome.NOT_OBSERVED].append(Evidence(text, record))

    def judge(self, rule: Rule) -> Verdict:
        """Come to a verdict: one breach is enough, and what was neither kept nor broken was not observed."""
        found = self.found
        outcome = next((each for each in _JUDGED if found[each]), Outcome.NOT_OBSERVED)
        limit = SAMPLES if outcome is Outcome.PASS else MAX_EVIDENCE
        # Evidence against counts most, but a failure shows its warnings too.
        against = self._first(Outcome.FAIL, limit) + self._first(Outcome.WARNING, limit)
        shown = against or self._first(outcome, limit)
        counts = self._counts()
        return Verdict(
            rule,
            outcome,
            self._text(outcome, counts, shown[0].text if shown else "nothing to judge it by was seen"),
            tuple(shown[:limit]),
            kept=counts[Outcome.PASS],
            warned=counts[Outcome.WARNING],
            broken=counts[Outcome.FAIL],
            seconds=self._seconds(),
        )

    def _first(self, outcome: Outcome, most: int) -> list[Evidence]:
        """Give what was found of one outcome first, in the order of time."""
        return [each for _, each in nsmallest(most, self._placed(outcome), key=itemgetter(0))]

    def _placed(self, outcome: Outcome) -> Iterator[tuple[int, Evidence]]:
        """Go through what was found, each with its place; what is about no line stands with what was noted before."""
        place = -1
        for each in self.found[outcome]:
            place = self.places.get(id(each.record), place)
            yield place, each

    def _seconds(self) -> float:
        records = [each.record for found in self.found.values() for each in found]
        instants = [record.instant for record in records if record is not None]
        return max(instants) - min(instants) if instants else 0.0

    def _counts(self) -> dict[Outcome, int]:
        """Count what was judged by outcome: each line once, by the worst that was found in it."""
        counted: set[int] = set()
        counts = dict.fromkeys(Outcome, 0)
        for kind in _JUDGED:
            things = {id(each if each.record is None else each.record) for each in self.found[kind]}
            counts[kind] = len(things - counted)
            counted |= things
        return counts

    def _text(self, outcome: Outcome, counts: dict[Outcome, int], first: str) -> str:
        count, total = counts[outcome], sum(counts.values())
        if outcome is Outcome.NOT_OBSERVED or count == 1 == total:
            return first
        return f"kept {count} times" if outcome is Outcome.PASS else f"{count} of {total}: {first}"


Check = Callable[["Observed", Case], None]


@dataclass(frozen=True)
class Judge:
    """A rule and the function that looks for it."""

    rule: Rule
    check: Check

    def judge(self, session: Observed) -> Verdict:
        """Judge a session by the rule."""
        case = Case(session.torn, session.places)
        self.check(session, case)
        return case.judge(self.rule)


def rule(title: str, *, source: str, kind: str, severity: str = "failure") -> Callable[[Check], Judge]:
    """Make a function the judge of a rule, which has its name (``line_end``: ``line-end``).

    :param kind: one of :data:`~miio_lan.acceptance.verdict.KINDS`
    :param severity: one of :data:`~miio_lan.acceptance.verdict.SEVERITIES`: whether the function, or what it calls,
        uses :meth:`Case.bad`, :meth:`Case.odd`, or both
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of rules is called {kind!r}")
    if severity not in SEVERITIES:
        raise ValueError(f"no severity is called {severity!r}")

    def decorate(check: Check) -> Judge:
        return Judge(Rule(check.__name__.replace("_", "-"), title, source, kind, severity), check)

    return decorate


def rules_of(kind: str, severity: str = "failure") -> partial[Callable[[Check], Judge]]:
    """Give :func:`rule` for a file whose rules are of one kind, and of this severity unless they say otherwise."""
    return partial(rule, kind=kind, severity=severity)
