"""The report for people: one HTML page that needs nothing but itself.

The page is put together from the files in ``templates``: its frame, its style and its script. The verdicts are plain
HTML and can be read (and filtered, and unfolded) without the script; the timeline of both wires is drawn by the
script from the data of :mod:`~miio_lan.acceptance.report.timeline_data`.

Whatever came from a wire is escaped where it stands in HTML, and reaches the document as text only where the script
puts it there. Beyond that, the page's content security policy lets run this script alone (it names its hash), and
lets nothing be loaded at all.
"""

from __future__ import annotations

import base64
import hashlib
import statistics
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from itertools import groupby
from string import Template

from miio_lan.acceptance.report import wording
from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.report.timeline_data import Places, embedded, timeline_data
from miio_lan.acceptance.report.words import Words, asset, words_of
from miio_lan.acceptance.verdict import Evidence, Judgement, Verdict
from miio_lan.record import Record

_SCRIPTS = ("model.js", "draw.js", "timeline.js", "overview.js", "details.js", "lists.js", "main.js")
_WORDS = {"fail": "Failed", "warning": "Warning", "pass": "Passed", "not observed": "Not observed"}
_TILES = {"fail": "failed", "warning": "warnings", "pass": "passed", "not observed": "not observed"}
_CLASSES = {outcome: outcome.split()[0] for outcome in wording.ORDER}  # a class has no space
_NO_RULES = '<tr class="not"><td colspan="3"><p>{text}</p></td></tr>'
_FOLD = '<tr class="fold"><td colspan="3"><label for="show-pass">{rules}</label></td></tr>\n'
_HTML_EVIDENCE = 50
_HTML_LINE = 600


def to_html(judgement: Judgement, lang: str = "en") -> str:
    """Write a judgement as one self-contained HTML page (UTF-8).

    :param lang: the language of fixed texts and titles of rules, one of
        :data:`~miio_lan.acceptance.report.words.LANGUAGES`
    :raises InvalidArgument: for a language that is not there
    """
    words = words_of(lang)
    judgement = without_secrets(judgement)
    records = wording.in_order(judgement)
    places, start = Places(records), wording.start_of(records)
    style, script, counts = asset("report.css"), _script(), wording.counts_of(judgement)
    outcome, whole, sentence = wording.headline(judgement, words)
    return Template(words.framed(asset("report.html"))).substitute(
        lang=words.lang,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:",
        style=style,
        script=script,
        title=_text(judgement.title),
        model=_text(judgement.model or words("model unknown")),
        mode=_text(words(wording.mode_of(judgement))),
        started=_text(wording.day(judgement.started)),
        outcome=_CLASSES[outcome],
        whole=whole,
        sentence=_text(sentence),
        bar="".join(_bar(counts)),
        filters=_filters(counts, words),
        tiles="".join(_tiles(counts, words)),
        figures="".join(_figures(judgement, records, words)),
        verdicts="".join(_rows(wording.by_need(judgement.verdicts), places, start, words)),
        data=embedded({**timeline_data(judgement, records, words), "words": words.texts}),
    )


@cache
def _script() -> str:
    """Put the script together; its files share one scope, which is nobody else's."""
    body = "\n".join(asset(name) for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}}})();'


def _hash(text: str) -> str:
    """Write the hash by which a policy allows an element of exactly this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _text(text: str) -> str:
    return escape(wording.shown(text))


def _bar(counts: dict[str, int]) -> Iterator[str]:
    """Draw the shares of the outcomes, as one bar."""
    x = 0.0
    for outcome, count in counts.items():
        if count:
            share = 100 * count / sum(counts.values())
            yield f'<rect class="{_CLASSES[outcome]}" x="{x:.3f}%" width="{share:.3f}%" height="100%"></rect>'
            x += share


def _filters(counts: dict[str, int], words: Words) -> str:
    """Give the boxes that the tiles tick: rows of an outcome are shown while its box is ticked.

    What is in order is not, at the start: nobody opens a report to read that.
    """
    return "".join(
        f'<input class="box" type="checkbox" id="show-{_CLASSES[outcome]}"{"" if outcome == "pass" else " checked"} '
        f'aria-label="{escape(words("Show rules:"))} {escape(words(_TILES[outcome]))}">'
        for outcome, count in counts.items()
        if count
    )


def _tiles(counts: dict[str, int], words: Words) -> Iterator[str]:
    for outcome, count in counts.items():
        name = _CLASSES[outcome]
        word = _TILES[outcome].removesuffix("s") if count == 1 else _TILES[outcome]
        inside = f"<b>{count}</b> <span>{escape(words(word))}</span>"
        if count:
            yield f'<label class="tile {name}" for="show-{name}">{inside}</label>'
        else:
            yield f'<span class="tile {name} none">{inside}</span>'


def _figures(judgement: Judgement, records: Sequence[Record], words: Words) -> Iterator[str]:
    """Give the numbers about the wires: how many commands went through, and how long their parts took."""
    number = f"{len(records):,}".replace(",", "\N{THIN SPACE}")
    yield _figure(words("Records"), number, words("in {n}").replace("{n}", wording.length_of(records)))
    exchanges = judgement.exchanges
    through, others = wording.fates_of(judgement, words)
    yield _figure(words("Commands"), str(through), words(", ").join([words("went through"), *others]))
    yield _times(words, "Fetch", "request to down", (exchange.fetch_time for exchange in exchanges))
    yield _times(words, "MCU", "down to result", (exchange.mcu_time for exchange in exchanges))
    yield _times(words, "Total", "request to reply", (exchange.total_time for exchange in exchanges))


def _times(words: Words, name: str, what: str, values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""  # a column of nothing says nothing
    most = words("at most {n}").replace("{n}", wording.span(max(known)))
    return _figure(words(name), wording.span(statistics.median(known)), f"{words(what)}{words(', ')}{most}")


def _figure(name: str, value: str, note: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b> <span>{escape(note)}</span></dd></div>"


def _rows(verdicts: Sequence[Verdict], places: Places, start: float, words: Words) -> Iterator[str]:
    """Write the verdicts; those that are in order come in a part of their own, folded at the start."""
    if not verdicts:
        yield _NO_RULES.format(text=escape(words("No rule was judged.")))
    for outcome, alike in groupby(verdicts, key=lambda each: each.outcome.value):
        rows = [_row(verdict, places, start, words) for verdict in alike]
        if outcome == "pass":
            yield _FOLD.format(rules=escape(words.counted(len(rows), "{n} passed rule", "{n} passed rules")))
        yield from rows


def _row(verdict: Verdict, places: Places, start: float, words: Words) -> str:
    outcome, rule = verdict.outcome.value, verdict.rule
    name = _text(rule.name)
    return (
        f'<tr class="{_CLASSES[outcome]}" id="rule-{name}">'
        f'<td><span class="outcome {_CLASSES[outcome]}">{escape(words(_WORDS[outcome]))}</span></td>'
        f'<td><span class="rule">{_text(words.title(rule))}</span><code>{name}</code>'
        f'<span class="source">{_text(rule.source)}</span></td>'
        f"<td><p>{_text(verdict.text) or '–'}</p>{_evidence(verdict, places, start, words)}</td></tr>\n"
    )


def _evidence(verdict: Verdict, places: Places, start: float, words: Words) -> str:
    """Write the evidence of a verdict, folded; that of failures is open: it is what the report is opened for."""
    told = verdict.evidence[:_HTML_EVIDENCE]
    if not told:
        return ""
    unfolded = " open" if verdict.outcome.value == "fail" else ""
    items = "".join(_piece(evidence, places, start, words) for evidence in told)
    if more := wording.left_out_of(verdict, _HTML_EVIDENCE):
        items += f"<li>{escape(words.counted(more, 'and {n} more', 'and {n} more'))}</li>"
    return (
        f"<details{unfolded}><summary>{escape(words('Evidence'))} "
        f'<span class="count">{len(told) + more}</span></summary>'
        f'<ol class="evidence" data-rule="{_text(verdict.rule.name)}">{items}</ol></details>'
    )


def _piece(evidence: Evidence, places: Places, start: float, words: Words) -> str:
    record, said = evidence.record, _text(evidence.text)
    if record is None:
        return f"<li><span>{said}</span></li>"
    at, lane = wording.offset(record, start), words(wording.LANES[record.wire, record.direction])
    line = wording.shortened(wording.line_of(record), _HTML_LINE)
    return (
        f'<li><a class="at" href="#r{places.of(record)}" title="{escape(words("Show on the timeline"))}">{at}</a>'
        f'<span class="lane {record.wire}">{escape(lane)}</span>'
        f"<code>{escape(line)}</code>{f'<span>{said}</span>' if said else ''}</li>"
    )
