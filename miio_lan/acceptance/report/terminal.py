"""The report for a terminal: what needs attention with its evidence, the rest in a line each, over the LAN a count.

Written through the ``print`` of a rich console, which the caller owns. Nothing is markup, so that brackets in lines
stay brackets. On a terminal the text is wrapped to its width; piped, every finding is one line that grep finds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from miio_lan.acceptance.report import wording
from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.report.words import ENGLISH
from miio_lan.acceptance.verdict import Judgement, Verdict
from miio_lan.record import Record

_STYLES = {"fail": "bold red", "warning": "yellow", "pass": "green", "not observed": "dim"}
_SIGNS = {"fail": "✗", "warning": "!", "pass": "✓", "not observed": "·"}
_WIDEST_REPORT = 120
_TERMINAL_EVIDENCE = 6
_TERMINAL_LINE = 400


class RichConsole(Protocol):
    """What is used of a ``rich.console.Console``."""

    @property
    def width(self) -> int:
        """The width in characters."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print a text in a style."""


def terminal(judgement: Judgement, console: RichConsole, *, width: int | None = None) -> None:
    """Print a judgement: the findings by urgency, then the counts.

    :param judgement: what was found
    :param console: a ``rich.console.Console``, or anything with its ``print``, ``width`` and ``is_terminal``
    :param width: columns; by default those of the console where it is a terminal, and else rows as long as they are
    """
    judgement = without_secrets(judgement)
    records = wording.in_order(judgement)
    if width is None:
        width = console.width if console.is_terminal else 0
    say = partial(_say, console, min(width, _WIDEST_REPORT))
    _say(console, 0, wording.shown(judgement.title), "bold")
    for line in _about(judgement, records):
        say(line, "dim", inset=2)
    for outcome, text, details in _findings(judgement, wording.start_of(records)):
        say(f"{_SIGNS[outcome]} {outcome:<12}  {text}", _STYLES[outcome], inset=16)
        for line in details:
            say(line, None, inset=6)
    outcome, whole, sentence = wording.headline(judgement)
    counted = ", ".join(f"{count} {name}" for name, count in wording.counts_of(judgement).items())
    say(f"{_SIGNS[outcome]} {whole}: {sentence} ({counted})", _STYLES[outcome], inset=2)


def _say(console: RichConsole, width: int, text: str, style: str | None, inset: int = 0) -> None:
    """Print a text, wrapped to so many columns, its further rows set in; 0 columns leave it one row."""
    rows = [text]
    if width:
        rows = textwrap.wrap(text, max(width, 40), subsequent_indent=" " * inset, break_on_hyphens=False)
    for row in rows:
        console.print(row, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _about(judgement: Judgement, records: Sequence[Record]) -> Iterator[str]:
    model = wording.shown(judgement.model or "model unknown")
    yield f"{model} · {wording.mode_of(judgement)} · {wording.day(judgement.started)}"
    through, others = wording.fates_of(judgement)
    fates = [ENGLISH.counted(through, "{n} command went through", "{n} commands went through"), *others]
    yield f"{len(records)} records in {wording.length_of(records)}: {', '.join(fates)}"


def _findings(judgement: Judgement, start: float) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Give the findings by urgency: the outcome, the text, and the lines below it.

    Over the LAN most rules are about a line that nobody heard, and one count says as much.
    """
    unseen = wording.counts_of(judgement)["not observed"]
    folded = judgement.mode == "lan" and unseen > 1
    for verdict in wording.by_need(judgement.verdicts):
        outcome = verdict.outcome.value
        if not (folded and outcome == "not observed"):
            why = wording.shown(verdict.text or verdict.rule.title)
            yield outcome, f"{verdict.rule.name}: {why}", _details(verdict, start)
    if folded:
        heard = any(record.wire == "uart" for record in judgement.records)
        why = "" if heard else ", most of them because nothing was heard of the serial line"
        yield "not observed", f"{unseen} rules{why} (every other report names them, with the reason)", ()


def _details(verdict: Verdict, start: float) -> Iterator[str]:
    """Give the lines below a finding; one that is in order has none."""
    if verdict.outcome.value in ("fail", "warning"):
        yield f"    rule: {wording.shown(verdict.rule.title)} ({wording.shown(verdict.rule.source)})"
        for line in wording.evidence_lines(verdict, start, _TERMINAL_EVIDENCE, _TERMINAL_LINE):
            yield f"    - {line}"
