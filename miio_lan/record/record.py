"""What crossed a wire: one record per datagram or line, and the file format of recordings.

A recording is a JSON Lines file: one object per line, in the order of observation. The raw bytes are always kept whole,
so that a recording can be read again with newer eyes; ``reading`` is what they meant to the program that recorded them.

::

    {"wire": "uart", "direction": "up", "instant": 812.031, "wall": 1700000000.5, "raw": "get_down\\r",
     "reading": {"command": "get_down", "valid": true}}

``raw`` is the bytes as text. Where they are not clean ASCII, ``base64`` holds them, and ``raw`` is only a rendering
for the eye (serial lines) or absent (datagrams). Nothing is hidden: tokens and passwords that were said are in a
recording, unlike in reports and on the terminal (:mod:`miio_lan.record.redact`). ``reading``, ``note`` and ``peer``
are left out when empty; unknown keys are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Self, TextIO

from miio_lan.errors import RecordError
from miio_lan.foreign import excerpt
from miio_lan.record.beginnings import if_no_text
from miio_lan.record.limits import MAX_READING_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Made once: json.dumps makes a new one for each call that is not of the plainest kind.
_encode = json.JSONEncoder(allow_nan=False).encode
_quoted = json.encoder.encode_basestring_ascii

_BYTE_ORDER_MARK = "\ufeff"

# An MCU may end a line with CR LF: whoever cuts at CR finds the LF before the next line.
_END = "\r\n"
_RAW_END = _END.encode()

WIRES = ("lan", "uart")
DIRECTIONS = ("up", "down")

# Everything a well-behaved line consists of: printable ASCII and the three control characters that lay out text.
_CLEAN_BYTES = b"\t\n\r" + bytes(range(0x20, 0x7F))
_CLEAN = frozenset(_CLEAN_BYTES)

# What a recording consists of nearly always: known by type alone, because a busy line has thousands of them per second.
_SCALARS = frozenset({str, int, bool, type(None)})
_VALUES = _SCALARS | {float}
_TEXT = frozenset({str})

_TOO_DEEP = f"the reading is nested too deeply, more than {MAX_READING_DEPTH} levels"

# No clock shows more (it is in the year 33658), and no report could do its sums with the greatest of floats.
_MAX_SECONDS = 1e12


@dataclass(frozen=True, slots=True)
class Record:
    """One observation of a wire.

    :param wire: ``"lan"`` or ``"uart"``
    :param direction: ``"up"`` is device to client and MCU to module, ``"down"`` is client to device and module to MCU
    :param instant: ``time.monotonic()`` when the bytes were read (or written), in seconds
    :param wall: ``time.time()`` at that moment, in seconds
    :param raw: the datagram, or the line including its terminator when there was one
    :param reading: what the bytes mean, as plain JSON values; None when nobody looked
    :param note: a mark such as ``"noise"``, ``"gap"`` or ``"outage"``
    :param peer: who was at the other end, where a wire has several

    A record equals the text, or the bytes, that it says, whatever ends the line on either side. Two records are equal
    when all they hold is, as ever. In a set, and as a key, a record stands for itself: its text finds it in a list, not
    there.
    """

    wire: str
    direction: str
    instant: float
    wall: float
    raw: bytes
    reading: Mapping[str, object] | None = field(default=None, hash=False)
    note: str = ""
    peer: str = ""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self is other or _held(self) == _held(other)
        if isinstance(other, str):
            return self.text == other.strip(_END)
        if isinstance(other, bytes):
            return self.raw.strip(_RAW_END) == other.strip(_RAW_END)
        return NotImplemented

    @property
    def text(self) -> str:
        """What was said, without CR and LF at its ends; bytes that are no text are escaped (``\\xff``)."""
        encoding = "utf-8" if self.wire == "lan" else "ascii"
        return self.raw.decode(encoding, "backslashreplace").strip(_END)

    def startswith(self, beginning: str | bytes | tuple[str, ...]) -> bool:
        """Tell whether the text begins so; of several beginnings, with one of them."""
        if isinstance(beginning, bytes):
            return self.raw.strip(_RAW_END).startswith(beginning)
        return self.text.startswith(beginning)

    def as_json(self) -> dict[str, object]:
        """Give the record as plain JSON values, the way it is written to a file.

        Tuples become lists. Numbers that JSON does not know (not a number, infinite) become their names.

        :raises RecordError: if the reading holds something JSON cannot express
        """
        data: dict[str, object] = {
            "wire": self.wire,
            "direction": self.direction,
            "instant": self.instant,
            "wall": self.wall,
        }
        if _CLEAN.issuperset(self.raw):
            data["raw"] = self.raw.decode("ascii")
        else:
            if self.wire != "lan":
                data["raw"] = self.raw.decode("ascii", "backslashreplace")
            data["base64"] = base64.b64encode(self.raw).decode("ascii")
        if self.reading is not None:
            data["reading"] = _plain(self.reading, MAX_READING_DEPTH)
        if self.note:
            data["note"] = self.note
        if self.peer:
            data["peer"] = self.peer
        return data

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Make a record from what :meth:`as_json` gave.

        :raises RecordError: if ``data`` is not such an object
        """
        if not isinstance(data, Mapping):
            raise RecordError(f"a record is a JSON object, not {_kind(data)}")
        reading = data.get("reading")
        if reading is not None and not isinstance(reading, Mapping):
            raise RecordError(f"reading is a JSON object or absent, not {_kind(reading)}")
        if reading is not None and _is_too_deep(reading):
            raise RecordError(_TOO_DEEP)
        return cls(
            wire=_word(data, "wire", WIRES),
            direction=_word(data, "direction", DIRECTIONS),
            instant=_number(data, "instant"),
            wall=_number(data, "wall"),
            raw=_bytes(data),
            reading=reading,
            note=_text(data, "note"),
            peer=_text(data, "peer"),
        )


_held = attrgetter("wire", "direction", "instant", "wall", "raw", "reading", "note", "peer")

Observer = Callable[[Record], None]


def write(file: TextIO, records: Iterable[Record]) -> None:
    """Append records to a file, one line each, in pure ASCII.

    Every line is handed to the file whole, so that whoever reads along or after a crash finds complete lines.

    :raises RecordError: if a record cannot be expressed in JSON; what came before it has been written
    """
    for record in records:
        file.write(as_line(record))


def as_line(record: Record) -> str:
    """Give the line that :func:`write` writes, its end included.

    :raises RecordError: if the record cannot be expressed in JSON
    """
    return _quick_line(record) or _line(record)


def _line(record: Record) -> str:
    data = record.as_json()
    try:
        return _encode(data) + "\n"
    except ValueError as error:  # an instant that is not finite, a number of thousands of digits
        raise RecordError(f"a value that cannot be written ({error})") from None


def _quick_line(record: Record) -> str:
    """Give what :func:`_line` gives, at a third of its cost, for a record as a wire makes them; empty for others."""
    instant, wall, raw, reading = record.instant, record.wall, record.raw, record.reading
    if not (type(instant) is type(wall) is float and math.isfinite(instant) and math.isfinite(wall)):
        return ""
    if raw.translate(None, _CLEAN_BYTES) or (reading is not None and not _is_plain(reading)):
        return ""
    try:
        tail = "" if reading is None else f', "reading": {_encode_plain(reading)}'
    except ValueError:
        return ""
    if record.note:
        tail += f', "note": {_quoted(record.note)}'
    if record.peer:
        tail += f', "peer": {_quoted(record.peer)}'
    return (
        f'{{"wire": {_quoted(record.wire)}, "direction": {_quoted(record.direction)}, '
        f'"instant": {instant!r}, "wall": {wall!r}, "raw": {_quoted(raw.decode("ascii"))}{tail}}}\n'
    )


def _plain_encoder() -> Callable[[object], str]:
    """Give what encodes a plain reading, as ``_encode`` does.

    ``JSONEncoder.encode`` makes its inner encoder anew for every value, which takes as long as to encode a short
    reading. Where it can be made as CPython makes it, one is kept; elsewhere ``encode`` serves.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    try:
        inner = make(None, str, _quoted, None, ": ", ", ", False, False, False)  # type: ignore[misc]
        "".join(inner({}, 0))
    except TypeError:
        return _encode
    return lambda reading: "".join(inner(reading, 0))


_encode_plain = _plain_encoder()


def _is_plain(reading: object, *, nested: bool = False) -> bool:
    """Tell whether ``json`` writes a reading unchanged: of values, lists, lists of lists, and lists of such readings.

    Deeper ones are not looked at.
    """
    if type(reading) is not dict or not _TEXT.issuperset(map(type, reading)):
        return False
    for value in reading.values():
        if type(value) is list:
            for item in value:
                if type(item) is list:
                    if not _VALUES.issuperset(map(type, item)):
                        return False
                elif type(item) not in _VALUES and (nested or not _is_plain(item, nested=True)):
                    return False
        elif type(value) not in _VALUES:
            return False
    return True


def read(file: TextIO) -> Iterator[Record]:
    """Give the records of a file, one by one, as they are read.

    Empty lines are skipped, as is the byte order mark that some editors put before the first line of a file; files that
    were put together have it before others, too.

    :raises RecordError: at the first line that is no record, naming its number; whatever the file contains
    """
    lines = iter(file)
    number = 0
    while True:
        number += 1
        try:
            line = next(lines)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            if number == 1 and (other := if_no_text(error.object)):
                raise RecordError(f"line 1 is not text: {other}") from None
            raise RecordError(f"line {number} or one after it is not text ({error})") from None
        line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line.strip():
            continue
        try:
            record = Record.from_json(_parse(line))
        except RecordError as error:
            raise RecordError(f"line {number} of the recording: {error}") from None
        yield record


def is_cut_off(line: str) -> bool:
    """Tell whether the last line of a file of records is not whole, as a crash of whoever wrote it leaves it."""
    if line.endswith("\n"):
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):  # what is whole and cannot be read is told as such
        pass
    return False


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise RecordError(f"not JSON ({error.msg} at column {error.colno}); was it cut off?") from None
    except RecursionError:
        raise RecordError("nested too deeply") from None
    except ValueError as error:  # a number of more digits than Python is willing to convert
        raise RecordError(f"a value that cannot be read ({error})") from None


def _plain(value: object, depth: int) -> object:
    """Reduce a value to what ``json`` writes and reads back unchanged."""
    if type(value) in _SCALARS or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        raise RecordError(_TOO_DEEP)
    if isinstance(value, Mapping):
        if not all([isinstance(key, str) for key in value]):  # noqa: C419 - a generator costs more than it saves here
            raise RecordError("the keys of a reading are strings")
        return {
            key: item if type(item) in _SCALARS else _plain(item, depth - 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else _plain(item, depth - 1) for item in value]
    raise RecordError(f"a reading consists of JSON values, not of {type(value).__name__}")


def _is_too_deep(value: object) -> bool:
    """Tell whether :func:`_plain` would refuse a value for its depth, without a deep stack."""
    level = [value]
    for _ in range(MAX_READING_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, (Mapping, list))
            for item in (each.values() if isinstance(each, Mapping) else each)
            if isinstance(item, (Mapping, list))
        ]
        if not level:
            return False
    return True


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _word(data: Mapping[object, object], key: str, words: tuple[str, ...]) -> str:
    value = data.get(key)
    if not isinstance(value, str) or value not in words:
        raise RecordError(f"{key} is one of {', '.join(words)}; here it is {_shown(value)}")
    return value


def _number(data: Mapping[object, object], key: str) -> float:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RecordError(f"{key} is a number of seconds; here it is {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RecordError(f"{key} is a finite number of seconds")
    if abs(number) > _MAX_SECONDS:
        raise RecordError(f"{key} is a number of seconds that a clock may show; here it is {_shown(value)}")
    return number


def _text(data: Mapping[object, object], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise RecordError(f"{key} is a text or absent, not {_kind(value)}")
    return value


def _bytes(data: Mapping[object, object]) -> bytes:
    encoded = data.get("base64")
    if encoded is not None:
        if not isinstance(encoded, str):
            raise RecordError(f"base64 is a text or absent, not {_kind(encoded)}")
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RecordError(f"base64 cannot be decoded ({error})") from None
    raw = data.get("raw")
    if not isinstance(raw, str):
        raise RecordError("raw (a text) or base64 must be there")
    try:
        return raw.encode("ascii")
    except UnicodeEncodeError:
        raise RecordError("raw is not ASCII, and there is no base64") from None


def _shown(value: object) -> str:
    if isinstance(value, str):
        return excerpt(value)
    text = repr(value) if isinstance(value, (int, float)) else _kind(value)
    return text if len(text) <= 40 else text[:37] + "..."
