"""What the timeline of the HTML report is drawn from: one compact JSON object.

Tens of thousands of records are mostly the same few lines at other times. Each distinct line is told once, records
refer to it by its place, and times are differences in whole microseconds.

===============  ====================================================================================================
key              value
===============  ====================================================================================================
``wall``         wall time of the first record, seconds since 1970
``lines``        distinct lines: ``[text, kind]`` or ``[text, kind, reading]``; kinds are in :data:`LINE_KINDS`
``times``        per record: microseconds since the record before
``lanes``        per record one digit: 0 LAN down, 1 LAN up, 2 UART down, 3 UART up
``of``           per record: the place of its line
``marks``        ``{record: [kind, text]}`` for what needs a mark: ``noise``, ``outage``, ``late``, ``bad``, ``note``
``exchanges``    objects with ``method``, ``steps`` (request, down, result, acknowledgement, reply: record or null),
                 ``all`` (records), ``fetch``, ``mcu``, ``total`` (seconds or null), ``stopped`` (null when all went
                 through), ``ambiguous``, ``notes``
``rules``        ``[name, title, outcome, [record, ...]]`` of the verdicts whose evidence holds records
===============  ====================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from miio_lan.acceptance.report.wording import by_need, line_of, plain, shortened, shown
from miio_lan.acceptance.report.words import Words
from miio_lan.acceptance.verdict import Judgement
from miio_lan.pairing.exchange import STEPS
from miio_lan.pairing.pairing import Exchange
from miio_lan.record import Record

LINE_KINDS = ("line", "poll", "hello", "bad")
"""What a line is: anything, an idle poll or the reply to it, a handshake, one that does not conform."""

_LANES = {("lan", "down"): "0", ("lan", "up"): "1", ("uart", "down"): "2", ("uart", "up"): "3"}
_LONGEST_TEXT = 4000
_MARKS = (
    ("outage", ("outage", "gap", "unplugged", "gone")),
    ("late", ("late",)),
    ("noise", ("noise", "echo", "xmodem", "dropped", "overlong", "unfinished", "lost bytes")),
)


def timeline_data(judgement: Judgement, records: Sequence[Record], words: Words) -> dict[str, object]:
    """Make the data of the timeline.

    :param judgement: what was found
    :param records: its records in order, as :func:`~miio_lan.acceptance.report.wording.in_order` gives them
    :param words: the language of the rules' titles
    """
    places = Places(records)
    lines: dict[tuple[str, ...], int] = {}
    marks = {place: mark for place, record in enumerate(records) if (mark := _mark(record))}
    for exchange in judgement.exchanges:
        if exchange.stopped_at and "late" in exchange.stopped_at and exchange.result is not None:
            marks[places.of(exchange.result)] = ["late", shown(exchange.stopped_at)]
    return {
        "wall": records[0].wall if records else judgement.started,
        "of": [lines.setdefault(_line(record), len(lines)) for record in records],
        "lines": list(lines),  # in the order of their first appearance
        "times": _differences(records),
        "lanes": "".join(_LANES[record.wire, record.direction] for record in records),
        "marks": marks,
        "exchanges": [_exchange(exchange, places) for exchange in judgement.exchanges],
        "rules": list(_rules(judgement, places, words)),
    }


def embedded(data: Mapping[str, object]) -> str:
    """Write data as JSON that may stand in a ``script`` element: nothing in it ends the element or opens another."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class Places:
    """Where a record stands among all of them. The very same object counts first, then one that equals it."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records  # keeps them alive, and so their identities unique
        self._same = {id(record): place for place, record in enumerate(records)}
        self._equal = {record: place for place, record in reversed(list(enumerate(records)))}

    def of(self, record: Record) -> int:
        """Give the place of a record that is one of them."""
        place = self._same.get(id(record))
        return self._equal[record] if place is None else place


def _line(record: Record) -> tuple[str, ...]:
    line, kind = shortened(line_of(record), _LONGEST_TEXT), _kind(record)
    # The payload of a datagram is its own reading.
    if record.reading is None or record.wire != "uart":
        return line, kind
    reading = json.dumps(plain(record.reading), ensure_ascii=False)
    return line, kind, shortened(shown(reading), _LONGEST_TEXT)


def _kind(record: Record) -> str:
    if not record.raw:
        return "hello" if record.note == "hello" else "line"
    reading = record.reading or {}
    if reading.get("valid") is False:
        return "bad"
    command, method = reading.get("command"), reading.get("method")
    idle = command == "get_down" or (command == "down" and method == "none")
    return "poll" if idle or reading.get("answers") == "get_down" else "line"


def _mark(record: Record) -> list[str] | None:
    """Say what is remarkable about a record by itself."""
    note, problem = record.note, (record.reading or {}).get("problem")
    if note and note != "hello":
        words = note.lower()
        kind = next((kind for kind, signs in _MARKS if any(sign in words for sign in signs)), "note")
        return [kind, shown(f"{note}: {problem}" if problem else note)]
    if _kind(record) == "bad":
        return ["bad", shown(str(problem or "does not conform"))]
    return None


def _differences(records: Sequence[Record]) -> list[int]:
    """Give the times as differences of whole microseconds, without letting their rounding add up."""
    since = [round((record.instant - records[0].instant) * 1e6) for record in records]
    return [now - before for before, now in pairwise([0, *since])]


def _exchange(exchange: Exchange, places: Places) -> dict[str, object]:
    steps: Iterable[Record | None] = (getattr(exchange, step) for step in STEPS)
    return {
        "method": shown(exchange.method),
        "steps": [None if record is None else places.of(record) for record in steps],
        "all": sorted({places.of(record) for record in exchange.records}),
        "fetch": exchange.fetch_time,
        "mcu": exchange.mcu_time,
        "total": exchange.total_time,
        "stopped": None if exchange.stopped_at is None else shown(str(exchange.stopped_at)),
        "ambiguous": exchange.ambiguous,
        "notes": [shown(note) for note in exchange.notes],
    }


def _rules(judgement: Judgement, places: Places, words: Words) -> Iterator[list[object]]:
    for verdict in by_need(judgement.verdicts):
        proof = {places.of(evidence.record) for evidence in verdict.evidence if evidence.record is not None}
        if proof:
            yield [verdict.rule.name, shown(words.title(verdict.rule)), verdict.outcome.value, sorted(proof)]
