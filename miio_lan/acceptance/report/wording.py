"""Words that all reports share: how a record, a time, a verdict and a mode are written for people.

Whatever came from a wire passes through here before it is shown. Characters that would steer a terminal, break a
file format or turn the direction of the text are written as escapes, and secrets are hidden: reports are handed on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from miio_lan.acceptance.report.words import ENGLISH, Words
from miio_lan.acceptance.verdict import Evidence, Judgement, Verdict
from miio_lan.foreign import printable
from miio_lan.pairing.exchange import REFUSED
from miio_lan.record import Record
from miio_lan.record.redact import redact

ORDER = ("fail", "warning", "pass", "not observed")
"""The outcomes, what needs attention first."""

WHOLE = {
    "fail": ("Failed", "{n} rule failed", "{n} rules failed"),
    "warning": ("Passed with warnings", "{n} warning, no rule failed", "{n} warnings, no rule failed"),
    "pass": ("Passed", "{n} rule observed and kept", "{n} rules observed and kept"),
    "not observed": ("Nothing observed", "no rule could be judged", "no rule could be judged"),
}
"""What the whole comes to, by the outcome that decides it, and what that rests on: one rule, or any other number."""

MODES = {
    "passive": "passive: judged from what was observed",
    "module": "active: in the module's place, towards the MCU",
    "lan": "active: over the LAN, towards the product",
}

LANES = {
    ("lan", "down"): "LAN, client → module",
    ("lan", "up"): "LAN, module → client",
    ("uart", "down"): "UART, module → MCU",
    ("uart", "up"): "UART, MCU → module",
}


def shown(text: str) -> str:
    """Make any text fit to be shown: secrets hidden, what does not print escaped."""
    return printable(redact(text))


def shortened(text: str, limit: int) -> str:
    """Cut a text to so many characters, saying how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def line_of(record: Record) -> str:
    """Write what a record holds in one line: the UART line without its end, the payload of a datagram, or the note.

    A datagram whose payload is not text is shown by its reading, and without one as hexadecimal digits.
    """
    if not record.raw:
        return shown(record.note) or "(nothing)"
    if record.wire == "uart":
        return shown(record.text) or "(empty line)"
    try:
        text = record.raw.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        text = json.dumps(plain(record.reading)) if record.reading else f"bytes {record.raw.hex(' ')}"
    return shown(text)


def plain(value: object) -> object:
    """Reduce a reading to JSON values; what is none becomes its text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, float) and value - value == 0.0 else str(value)


def span(seconds: float) -> str:
    """Write a length of time in the unit that suits it."""
    size = abs(seconds)
    if size < 0.01:
        return f"{seconds * 1000:.2f} ms"
    if size < 1:
        return f"{seconds * 1000:.0f} ms"
    if size < 90:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def offset(record: Record, start: float) -> str:
    """Write when a record was observed, counted from ``start`` (monotonic seconds): ``+1.2034 s``."""
    return f"{record.instant - start:+.4f} s"


def day(wall: float, form: str = "%Y-%m-%d %H:%M:%S UTC", unknown: str = "at an unknown time") -> str:
    """Write a wall time (seconds since 1970) in UTC, or ``unknown`` where it makes no sense."""
    try:
        return datetime.fromtimestamp(wall, UTC).strftime(form)
    except (OverflowError, OSError, ValueError):
        return unknown


def length_of(records: Sequence[Record]) -> str:
    """Write how long an observation was."""
    return span(records[-1].instant - records[0].instant) if records else "no time"


def fates_of(judgement: Judgement, words: Words = ENGLISH) -> tuple[int, list[str]]:
    """Count the commands that went through, and say what became of the others: ``67 refused on purpose``.

    Nothing is said where all went through. A refusal is an answer, so it does not count as having stopped on the way.
    """
    through = sum(exchange.stopped_at is None for exchange in judgement.exchanges)
    refused = sum(exchange.stopped_at == REFUSED for exchange in judgement.exchanges)
    wanted = min(judgement.wanted_refusals, refused)
    counts = {
        "{n} refused on purpose": wanted,
        "{n} refused": refused - wanted,
        "{n} stopped on the way": len(judgement.exchanges) - through - refused,
    }
    return through, [words.counted(count, fate, fate) for fate, count in counts.items() if count]


def mode_of(judgement: Judgement) -> str:
    """Say how the judgement was come to."""
    return MODES.get(judgement.mode, shown(judgement.mode))


def in_order(judgement: Judgement) -> list[Record]:
    """Give the records by their instants, those that only an exchange or an evidence holds included."""
    known = set(judgement.records)
    others = [record for record in dict.fromkeys(_mentioned(judgement)) if record not in known]
    return sorted([*judgement.records, *others], key=lambda record: record.instant)


def start_of(records: Sequence[Record]) -> float:
    """Give the instant that times are counted from: that of the first record, 0 without any."""
    return records[0].instant if records else 0.0


def by_need(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Sort verdicts: failures, warnings, passes, then what was not observed; each in the order of the rules."""
    return sorted(verdicts, key=lambda verdict: ORDER.index(verdict.outcome.value))


def counts_of(judgement: Judgement) -> dict[str, int]:
    """Count the verdicts by outcome, zeros included, in :data:`ORDER`."""
    counts = {outcome.value: count for outcome, count in judgement.counts.items()}
    return {outcome: counts[outcome] for outcome in ORDER}


def headline(judgement: Judgement, words: Words = ENGLISH) -> tuple[str, str, str]:
    """Give the outcome of the whole (one of :data:`ORDER`), its words, and what it rests on in a few more."""
    counts = counts_of(judgement)
    outcome = next((each for each in ORDER if counts[each]), "not observed")
    whole, one, many = WHOLE[outcome]
    return outcome, words(whole), words.counted(counts[outcome], one, many)


def evidence_line(evidence: Evidence, start: float) -> str:
    """Write a piece of evidence in one line: what it shows, and the record with its time and lane."""
    text = shown(evidence.text)
    record = evidence.record
    if record is None:
        return text
    where = f"{offset(record, start)}  {LANES[record.wire, record.direction]}:  {line_of(record)}"
    return f"{text}  [{where}]" if text else where


def evidence_lines(verdict: Verdict, start: float, most: int, width: int) -> list[str]:
    """Write the first ``most`` pieces of evidence, each cut to ``width`` characters, and how many more there are."""
    lines = [shortened(evidence_line(evidence, start), width) for evidence in verdict.evidence[:most]]
    more = left_out_of(verdict, most)
    return [*lines, f"and {more} more"] if more else lines


def total_of(verdict: Verdict) -> int:
    """Count what speaks for a verdict, whether or not it is among the evidence: lines, datagrams, other findings."""
    counts = {"fail": verdict.broken + verdict.warned, "warning": verdict.warned, "pass": verdict.kept}
    return max(counts.get(verdict.outcome.value, 0), _things(verdict.evidence))


def left_out_of(verdict: Verdict, pieces: int) -> int:
    """Count what speaks for a verdict and is not among its first ``pieces`` of evidence."""
    # Several pieces may be about one line.
    return max(total_of(verdict) - _things(verdict.evidence[:pieces]), len(verdict.evidence) - pieces)


def _things(evidence: Iterable[Evidence]) -> int:
    return len({id(each if each.record is None else each.record) for each in evidence})


def _mentioned(judgement: Judgement) -> Iterable[Record]:
    for exchange in judgement.exchanges:
        yield from exchange.records
    for verdict in judgement.verdicts:
        yield from (evidence.record for evidence in verdict.evidence if evidence.record is not None)
