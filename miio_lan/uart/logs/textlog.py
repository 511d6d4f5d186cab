r"""Text logs of the line, as people and programs write them, turned into records.

Understood are this package's own recordings (JSON Lines) and plain views, the arrows of the serial document, lines
marked by ``TX``/``RX``, ``->``/``<-``, ``>``/``<`` or words, with or without a time in front, escapes such as ``\r``
and ``\xff``, hex dumps, lines without any mark, a command and its reply on one line, tables
(:mod:`miio_lan.uart.logs.tables`), and the formats of known programs (:mod:`miio_lan.uart.logs.formats`). Which
direction a mark means differs from log to log: where it does not say so itself, the lines it stands before decide.

What is no line of the wire in any of these is left out and counted, in a warning; whoever says which direction the
lines have gets them all.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import get_args

from miio_lan.given import checked_word, checked_words
from miio_lan.record import Record, is_cut_off, read
from miio_lan.uart.bridge.faults import bridged, set_aside
from miio_lan.uart.commands import Command, Direction, Down, GetDown, Noise, Reply
from miio_lan.uart.commands import read as read_command
from miio_lan.uart.line import UNFINISHED
from miio_lan.uart.listening.overhearing import LATE_START, LOST_BYTES, XMODEM
from miio_lan.uart.listening.watch import LineWatch
from miio_lan.uart.logs.formats import read_format
from miio_lan.uart.logs.logparts import (
    ENDS,
    LogLine,
    ReadLog,
    Times,
    as_bytes,
    line_bytes,
    parts_of,
    without_colours,
)
from miio_lan.uart.logs.tables import read_table
from miio_lan.uart.order import in_stream

_LOGGER = logging.getLogger(__name__)

_RECORD = '{"wire"'
#: What was heard at the time, and cannot be seen from one line.
_HEARD = frozenset({UNFINISHED, LATE_START, LOST_BYTES})
#: Level and place, as in ``[V][miot:091]:`` and ``I (1234) uart:``.
_TAGS = re.compile(r"^(?:(?:\[[^\]]*+\])++:?+|[EWIDV] \(\d++\) [\w.]++:)\s*+")
#: The end of a line in the middle of a text, as substitution tables write it: ``command\r:reply``.
_ENDED = re.compile(rb"\r:?(?=[!-~])")
_ARROWS = re.compile(r"([↑↓])")
_MARK = re.compile(
    r"^(mcu|module|chip|wifi|host|device|txd?|rxd?|send|sent|sending|recv|receive|received|in|out|up|down|uplink|downlink)"
    r"(?:\s*+(?:->|=>|→)\s*+\w++(?=\s*+:))?+\s*+(?:[:>|]|->|=>)\s*+(.*)$",
    re.IGNORECASE,
)
_BARE_MARK = re.compile(r"^(tx|rx)\s++(.*)$", re.IGNORECASE)
#: One word or, in a table, who says it to whom.
_SPEAKER = re.compile(r"(\w++|[↑↓])(?:\s*+(?:->|=>|→|to)\s*+\w++)?+")
#: As this package logs a line of the virtual ends, and others do: ``MCU <- ok``.
_MCUS = re.compile(r"^(?:[\w.]++: )?+mcu (->|<-|→|←) ?+(?:(?:module|wifi|chip) ?+: ?+)?+(.*)$", re.IGNORECASE)
_SIGN = re.compile(r"^(->|<-|→|←|=>|<=|>{1,3}|<{1,3})\s*+(.*)$")
#: Marks that say it themselves.
_PLAIN_MARKS: dict[str, Direction] = {
    **ENDS,
    **dict.fromkeys(("↑", "up", "uplink"), "up"),
    **dict.fromkeys(("↓", "down", "downlink"), "down"),
}


def read_text_log(lines: Iterable[str], *, direction: Direction | None = None) -> Iterator[Record]:
    """Read a log, one record per line of the wire.

    :param lines: the log; all of it is read before the first record is given, because the marks of a whole log
        decide what they mean
    :param direction: the direction of every line that does not say it itself
    :raises InvalidArgument: for lines that are one text, and a direction that there is not
    :raises RecordError: for a damaged recording of this package's own, or a table without a column of data
    """
    if direction is not None:
        checked_word("direction", direction, get_args(Direction))
    texts = checked_words("the lines of a log", lines, "log.splitlines()")
    texts[:1] = [text.removeprefix("\ufeff") for text in texts[:1]]  # editors' byte order mark
    if any(text.strip() for text in texts) and all(map(_is_record, texts[:-1])) and _may_end_one(texts[-1]):
        if texts[-1].strip() and is_cut_off(texts[-1]):
            _LOGGER.warning("the last line of the recording was cut off, and is left out")
            del texts[-1]
        records = read(iter(texts))  # type: ignore[arg-type]
        yield from _refreshed(in_stream(record for record in records if record.wire == "uart"))
        return
    known = read_format(texts) or ReadLog(rest=[*texts])
    _read_rest(known)
    seen = known.lines
    meanings = _meanings(seen)
    found: list[Record] = []
    watch = LineWatch(found.append, wall=lambda instant: instant)
    last: Command | None = None
    for at, one in enumerate(seen):
        way = one.direction or meanings.get(one.mark) or direction or _guess(one.raw, last)
        if way is None and at + 1 < len(seen) and seen[at + 1].raw.strip() == b"error":
            way = "up"  # no command, and the module said so
        if way is None:
            known.skipped += 1
            continue
        ended = one.raw.replace(b"\n", b"")
        if not one.raw or ended[-1:] not in (b"", b"\r"):  # LF alone is the rest of an end
            ended += b"\r"
        watch.feed(way, ended, one.instant)
        last = read_command(one.raw, direction="up") if way == "up" else None
        yield from found
        found.clear()
    watch.flush()
    yield from found
    if known.skipped:
        lines_are = "1 line is" if known.skipped == 1 else f"{known.skipped} lines are"
        _LOGGER.warning("%s no line of the wire in any format that is known, and left out", lines_are)


def _read_rest(known: ReadLog) -> None:
    """Read what is of no format: a table, or lines."""
    texts = [each for each in known.rest if isinstance(each, str)]
    table = read_table(texts) if len(texts) == len(known.rest) else None
    known.lines += _seen(known.rest) if table is None else table.lines
    known.skipped += table.skipped if table else 0


def _is_record(text: str) -> bool:
    return not text.strip() or text.lstrip().startswith(_RECORD)


def _may_end_one(text: str) -> bool:
    """Tell whether this may be the last line of a recording, which a crash may have cut off anywhere."""
    return _is_record(text) or _RECORD.startswith(text)


def _refreshed(records: Iterable[Record]) -> Iterator[Record]:
    """Read the raw bytes of a recording anew: readings of older versions may have known less."""
    found: list[Record] = []
    watch = LineWatch(found.append, wall=lambda instant: instant)
    for record in records:
        if record.raw and not record.raw.strip(b"\r\n "):
            continue  # an end of a line too many, as behind CR CR LF: no row of its own
        notes = record.note.split(", ")
        # A mark, or a part of a firmware transfer, is no line; what nothing answers was not said, to what follows it.
        if not record.raw or XMODEM in notes or set_aside(record):
            yield record
            continue
        said = record.raw.rstrip(b"\n")  # behind CR it would begin another line
        unfinished = UNFINISHED in notes
        ended = said if unfinished or said.endswith(b"\r") else said + b"\r"
        way: Direction = "up" if record.direction == "up" else "down"
        watch.feed(way, ended, record.instant)
        if unfinished:
            watch.flush(way)
        for again in found:
            yield replace(record, reading=again.reading, note=_kept(record.note, again.note))
        found.clear()


def _kept(before: str, again: str) -> str:
    """Join the note of a line that was read anew with what of the recorded one no reading can tell."""
    notes = [again, *(each for each in before.split(", ") if each in _HEARD), bridged(before)]
    return ", ".join(dict.fromkeys(each for note in notes for each in note.split(", ") if each))


def _seen(texts: Iterable[str | LogLine]) -> Iterator[LogLine]:
    times = Times()
    for text in texts:
        if isinstance(text, LogLine):
            yield text
        else:
            instant, line = times.take(without_colours(text))
            yield from _one_line(_TAGS.sub("", line).strip(), instant)


def _one_line(line: str, instant: float) -> Iterator[LogLine]:
    parts = _with_arrows(line)
    if len(parts) > 1:  # the document prints several on a line
        for arrow, text in zip(parts[1::2], parts[2::2], strict=True):
            yield LogLine(as_bytes(text.strip()), instant, arrow)
    elif marked := _MARK.match(line) or _BARE_MARK.match(line) or _SIGN.match(line):
        yield LogLine(line_bytes(marked[2]), instant, marked[1].lower())
    elif of_mcu := _MCUS.match(line):
        way: Direction = "up" if of_mcu[1] in ("->", "→") else "down"
        yield LogLine(line_bytes(of_mcu[2]), instant, "", way)
    else:
        for raw in filter(None, _ENDED.split(line_bytes(line))):
            yield from (LogLine(each, instant) for each in _with_reply(raw))


def _with_arrows(line: str) -> list[str]:
    """Divide a line at its arrows, which stand between the parts; one in a parameter's text is no mark."""
    parts = [""]
    for text, in_string in parts_of(line):
        first, *others = [text] if in_string else _ARROWS.split(text)
        parts[-1] += first
        parts += others
    return parts


def _with_reply(raw: bytes) -> list[bytes]:
    """Divide a command and the module's reply to it, where both stand on one line: ``mcu_version 0013 ok``."""
    word, _, rest = raw.partition(b" ")
    command = read_command(raw, direction="up")
    if not rest or isinstance(command, Noise) or command.valid:
        return [raw]
    begin, _, end = raw.rpartition(b" ")
    for said, reply in ((begin, end), (word, rest.strip())):
        asked = read_command(said, direction="up")
        if asked.valid and _replies(reply, asked):
            return [said, reply]
    return [raw]


def _replies(raw: bytes, asked: Command) -> bool:
    if raw in (b"ok", b"error"):
        return not (isinstance(asked, GetDown) and raw == b"ok")
    reply = read_command(raw, direction="down", pending=asked)
    return reply.valid and isinstance(reply, Down if isinstance(asked, GetDown) else Reply)


def _way_of(raw: bytes) -> Direction | None:
    """Tell the direction of a line by itself; None for what either end may say."""
    if raw.split(b" ")[0].strip() in {b"down", b"ok"}:
        return "down"
    if isinstance(read_command(raw, direction="up"), Noise):
        return None
    # A bare "error" is the module's; with a message it is the MCU's.
    return "down" if raw.strip() == b"error" else "up"


def _meanings(seen: Sequence[LogLine]) -> dict[str, Direction]:
    """Decide what the marks of this log mean: what they say themselves, and else from what they stand before.

    A mark that stands before both ends alike means neither. One that stands before nothing known is the other end's,
    where one end is known; else it is left out, too.
    """
    speakers = {mark: _SPEAKER.fullmatch(mark) for mark in {one.mark for one in seen}}
    plain = {mark: _PLAIN_MARKS[who[1]] for mark, who in speakers.items() if who and who[1] in _PLAIN_MARKS}
    votes: defaultdict[str, Counter[Direction | None]] = defaultdict(Counter)
    for one in seen:
        if one.mark and one.mark not in plain:
            votes[one.mark][_way_of(one.raw)] += 1
    leads = {mark: vote["up"] - vote["down"] for mark, vote in votes.items()}
    meanings = plain | {mark: "up" if lead > 0 else "down" for mark, lead in leads.items() if lead}
    mute = [mark for mark, vote in votes.items() if vote.keys() == {None}]
    known = set(meanings.values())
    if len(mute) == len(known) == 1:
        meanings[mute[0]] = "down" if "up" in known else "up"
    return meanings


def _guess(raw: bytes, last: Command | None) -> Direction | None:
    """Tell the direction of a line without any mark from what it says and what came before; None for neither."""
    if way := _way_of(raw):
        return way
    asked = last is not None and not isinstance(last, Noise)
    reply = read_command(raw, direction="down", pending=last) if asked else None
    return "down" if isinstance(reply, Reply) and reply.valid else None
