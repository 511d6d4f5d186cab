r"""Text logs of the line, as people and programs write them, turned into records.

Understood are this package's own recordings (JSON Lines) and plain views, the arrows of the serial document, logs of
replacement modules (``Received MCU message 'get_down'``), lines marked by ``TX``/``RX``, ``->``/``<-``, ``>``/``<`` or
words, with or without a time in front, escapes such as ``\r`` and ``\xff``, hex dumps, lines without any mark, and
tables (:mod:`miio_lan.uart.logs.tables`). Which direction a mark means differs from log to log: where it does not say
so itself, the lines it stands before decide.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from miio_lan.record import Record, is_cut_off, read
from miio_lan.uart.commands import Command, Direction, Noise, Reply
from miio_lan.uart.commands import read as read_command
from miio_lan.uart.listening.watch import LineWatch
from miio_lan.uart.logs.logparts import Times, as_bytes, quoted_in, unquoted
from miio_lan.uart.logs.tables import TableLine, read_table
from miio_lan.uart.order import in_stream

_LOGGER = logging.getLogger(__name__)

_RECORD = '{"wire"'
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: Level and place, as in ``[V][miot:091]:`` and ``I (1234) uart:``.
_TAGS = re.compile(r"^(?:(?:\[[^\]]*+\])++:?+|[EWIDV] \(\d++\) [\w.]++:)\s*+")
_ARROWS = re.compile(r"([↑↓])")
_MARK = re.compile(
    r"^(mcu|module|chip|wifi|host|device|tx|rx|send|sent|sending|recv|receive|received|in|out|up|down|uplink|downlink)"
    r"(?:\s*+(?:->|=>|→)\s*+\w++(?=\s*+:))?+\s*+(?:[:>|]|->|=>)\s*+(.*)$",
    re.IGNORECASE,
)
_BARE_MARK = re.compile(r"^(tx|rx)\s++(.*)$", re.IGNORECASE)
#: In a table: one word, or who says it to whom.
_SPEAKER = re.compile(r"(\w++|[↑↓])(?:\s*+(?:->|=>|→|to)\s*+\w++)?+")
_SIGN = re.compile(r"^(->|<-|→|←|=>|<=|>{1,3}|<{1,3})\s*+(.*)$")
#: Sentences of replacement modules around a quoted line: a word and, somewhere behind it, another; or some words.
_SENTENCES: dict[Direction, tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]] = {
    "up": (
        re.compile(r"received\b", re.IGNORECASE),
        re.compile(r"\bmessage\b", re.IGNORECASE),
        re.compile("from (?:the )?mcu", re.IGNORECASE),
    ),
    "down": (
        re.compile(r"sending\b", re.IGNORECASE),
        re.compile(r"\breply\b", re.IGNORECASE),
        re.compile("to (?:the )?mcu", re.IGNORECASE),
    ),
}
#: Marks that say it themselves.
_PLAIN_MARKS: dict[str, Direction] = {
    **dict.fromkeys(("↑", "mcu", "up", "uplink"), "up"),
    **dict.fromkeys(("↓", "module", "chip", "wifi", "down", "downlink"), "down"),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One line of the wire as the log has it."""

    raw: bytes
    instant: float
    mark: str
    direction: Direction | None


def read_text_log(lines: Iterable[str], *, direction: Direction | None = None) -> Iterator[Record]:
    """Read a log, one record per line of the wire.

    :param lines: the log; all of it is read before the first record is given, because the marks of a whole log
        decide what they mean
    :param direction: the direction of every line that does not say it itself
    :raises RecordError: for a damaged recording of this package's own, or a table without a column of data
    """
    texts = list(lines)
    texts[:1] = [text.removeprefix("\ufeff") for text in texts[:1]]  # editors' byte order mark
    if any(text.strip() for text in texts) and all(map(_is_record, texts[:-1])) and _may_end_one(texts[-1]):
        if texts[-1].strip() and is_cut_off(texts[-1]):
            _LOGGER.warning("the last line of the recording was cut off, and is left out")
            del texts[-1]
        records = read(iter(texts))  # type: ignore[arg-type]
        yield from _refreshed(in_stream(record for record in records if record.wire == "uart"))
        return
    table = read_table(texts)
    seen = list(_seen(texts)) if table is None else [_of_table(line) for line in table]
    meanings = _meanings(seen)
    found: list[Record] = []
    watch = LineWatch(found.append, wall=lambda instant: instant)
    last: Command | None = None
    for one in seen:
        way = one.direction or meanings.get(one.mark) or direction or _guess(one.raw, last)
        ended = one.raw if one.raw.endswith((b"\r", b"\n")) else one.raw + b"\r"
        (watch.up if way == "up" else watch.down)(ended.replace(b"\n", b""), one.instant)
        last = read_command(one.raw, direction="up") if way == "up" else None
        yield from found
        found.clear()
    watch.flush()
    yield from found


def _is_record(text: str) -> bool:
    return not text.strip() or text.lstrip().startswith(_RECORD)


def _may_end_one(text: str) -> bool:
    """Tell whether this may be the last line of a recording, which a crash may have cut off anywhere."""
    return _is_record(text) or _RECORD.startswith(text)


def _refreshed(records: Iterable[Record]) -> Iterator[Record]:
    """Read the raw bytes of a recording anew: readings of older versions may have known less."""
    found: list[Record] = []
    wall = [0.0]
    watch = LineWatch(found.append, wall=lambda _: wall[0])
    for record in records:
        wall[0] = record.wall
        if not record.raw:
            yield record
            continue
        ended = record.raw if record.raw.endswith(b"\r") else record.raw + b"\r"
        (watch.up if record.direction == "up" else watch.down)(ended, record.instant)
        yield from (replace(again, raw=record.raw, peer=record.peer) for again in found)
        found.clear()


def _seen(texts: Iterable[str]) -> Iterator[_Seen]:
    times = Times()
    for text in texts:
        line = _COLOUR.sub("", text.rstrip("\r\n"))
        if not line.strip():
            continue
        instant, line = times.take(line)
        yield from _one_line(_TAGS.sub("", line).strip(), instant)


def _of_table(line: TableLine) -> _Seen:
    speaker = _SPEAKER.fullmatch(line.mark)
    return _Seen(line.raw, line.instant, line.mark, _PLAIN_MARKS.get(speaker[1]) if speaker else None)


def _one_line(line: str, instant: float) -> Iterator[_Seen]:
    quoted = quoted_in(line)
    way = None if quoted is None else _told_by(line.replace(f"'{quoted}'", ""))
    if quoted is not None and way is not None:
        yield _Seen(as_bytes(quoted), instant, "", way)
        return
    parts = _ARROWS.split(line)
    if len(parts) > 1:  # the document prints several on a line
        for arrow, text in zip(parts[1::2], parts[2::2], strict=True):
            yield _Seen(as_bytes(text.strip()), instant, arrow, _PLAIN_MARKS[arrow])
        return
    marked = _MARK.match(line) or _BARE_MARK.match(line) or _SIGN.match(line)
    if marked:
        mark = marked.group(1).lower()
        yield _Seen(as_bytes(unquoted(marked.group(2))), instant, mark, _PLAIN_MARKS.get(mark))
    else:
        yield _Seen(as_bytes(unquoted(line)), instant, "", None)


def _told_by(sentence: str) -> Direction | None:
    """Tell which direction a sentence around a quoted line speaks of, None where it is no such sentence."""
    for way, (first, then, words) in _SENTENCES.items():
        begun = first.search(sentence)
        if (begun and then.search(sentence, begun.end())) or words.search(sentence):
            return way
    return None


def _up_score(raw: bytes) -> int:
    """Above 0 for what an MCU says, below for what a module says."""
    if raw.split(b" ")[0].strip() in {b"down", b"ok"}:
        return -1
    if isinstance(read_command(raw, direction="up"), Noise):
        return 0
    # A bare "error" is the module's; with a message it is the MCU's.
    return -1 if raw.strip() == b"error" else 1


def _meanings(seen: Iterable[_Seen]) -> dict[str, Direction]:
    """Decide what the marks of this log mean from what they stand before."""
    scores: Counter[str] = Counter()
    for one in seen:
        if one.mark and one.direction is None:
            scores[one.mark] += _up_score(one.raw)
    return {mark: "up" if score > 0 else "down" for mark, score in scores.items()}


def _guess(raw: bytes, last: Command | None) -> Direction:
    """Tell the direction of a line without any mark from what it says and what came before."""
    score = _up_score(raw)
    if score:
        return "up" if score > 0 else "down"
    asked = last is not None and not isinstance(last, Noise)
    reply = read_command(raw, direction="down", pending=last) if asked else None
    return "down" if isinstance(reply, Reply) and reply.valid else "up"
