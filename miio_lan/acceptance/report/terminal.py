"""The report for a terminal: what needs attention with its evidence, the rest in a line each, over the LAN a count.

Written through the ``print`` of a rich console, which the caller owns. Nothing is markup, so that brackets in lines
stay brackets. On a terminal the text is wrapped to its width; piped, every finding is one line that grep finds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

from miio_lan.acceptance.report import wording
from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.report.words import ENGLISH
from miio_lan.acceptance.verdict import Judgement, Verdict

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
        ...

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        ...

    def print(self, *objects: Any, **options: Any) -> None:
        """Print a text in a style."""
        ...


def terminal(judgement: Judgement, console: RichConsole, *, width: int | None = None) -> None:
    """Print a judgement: the findings by urgency, then the counts.

    :param judgement: what was found
    :param console: a ``rich.console.Console``, or anything with its ``print``, ``width`` and ``is_terminal``
    :param width: columns; by default those of the console where it is a terminal, and else rows as long as they are
    """
    judgement = without_secrets(judgement)
    if width is None:
        width = console.width if console.is_terminal else 0
    width = min(width, _WIDEST_REPORT)
    start = wording.start_of(wording.in_order(judgement))
    say = partial(_say, console, width)
    _say(console, 0, wording.shown(judgement.title), "bold")
    for line in _about(judgement):
        say(line, "dim", inset=2)
    told, folded = _shown_and_folded(judgement)
    for verdict in told:
        say(_finding(verdict), _STYLES[verdict.outcome.value], inset=16)
        for line in _details(verdict, start):
            say(line, None, inset=6)
    if folded:
        say(_count_of(folded, judgement), _STYLES["not observed"], inset=16)
    whole, sentence = wording.headline(judgement)
    counted = ", ".join(f"{count} {name}" for name, count in wording.counts_of(judgement).items())
    say(f"{_SIGNS[whole]} {wording.WHOLE[whole]}: {sentence} ({counted})", _STYLES[whole], inset=2)


def _say(console: RichConsole, width: int, text: str, style: str | None, inset: int = 0) -> None:
    """Print a text, wrapped to so many columns, its further rows set in; 0 columns leave it one row."""
    rows = [text]
    if width:
        rows = textwrap.wrap(text, max(width, 40), subsequent_indent=" " * inset, break_on_hyphens=False)
    for row in rows:
        console.print(row, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _about(judgement: Judgement) -> Iterator[str]:
    model = wording.shown(judgement.model or "model unknown")
    yield f"{model} · {wording.mode_of(judgement)} · {wording.day(judgement.started)}"
    records = wording.in_order(judgement)
    through, others = wording.fates_of(judgement)
    fates = [ENGLISH.counted(through, "{n} command went through", "{n} commands went through"), *others]
    yield f"{len(records)} records in {wording.length_of(records)}: {', '.join(fates)}"


def _shown_and_folded(judgement: Judgement) -> tuple[list[Verdict], list[Verdict]]:
    """Divide verdicts: over the LAN most rules are about a line that nobody heard, and one count says as much."""
    verdicts = wording.by_need(judgement.verdicts)
    unseen = [each for each in verdicts if each.outcome.value == "not observed"]
    if judgement.mode != "lan" or len(unseen) < 2:
        return verdicts, []
    return [each for each in verdicts if each not in unseen], unseen


def _count_of(folded: list[Verdict], judgement: Judgement) -> str:
    heard = any(record.wire == "uart" for record in judgement.records)
    why = "" if heard else ", most of them because nothing was heard of the serial line"
    outcome = f"{_SIGNS['not observed']} {'not observed':<12}"
    return f"{outcome}  {len(folded)} rules{why} (every other report names them, with the reason)"


def _finding(verdict: Verdict) -> str:
    outcome = verdict.outcome.value
    why = wording.shown(verdict.text or verdict.rule.title)
    return f"{_SIGNS[outcome]} {outcome:<12}  {verdict.rule.name}: {why}"


def _details(verdict: Verdict, start: float) -> Iterator[str]:
    """Give the lines below a finding; one that is in order has none."""
    if verdict.outcome.value not in ("fail", "warning"):
        return
    yield f"    rule: {wording.shown(verdict.rule.title)} ({wording.shown(verdict.rule.source)})"
    for line in wording.evidence_lines(verdict, start, _TERMINAL_EVIDENCE, _TERMINAL_LINE):
        yield f"    - {line}"
