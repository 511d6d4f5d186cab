"""Records for people: plain text in two lanes with times, one lane for each speaker or each wire.

Secrets are hidden, by the same rules as everywhere (:mod:`miio_lan.record.redact`).
"""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from miio_lan.errors import InvalidArgument
from miio_lan.foreign import printable, show
from miio_lan.record.redact import redact_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from miio_lan.record import Record

View = Literal["line", "wires"]
"""``"line"``: the MCU's words left, the module's right. ``"wires"``: the LAN left, the serial line right."""

TIME = 10
MIN_WIDTH = 60
_WRAPPED_AT_ONCE = 4096

_TITLES: Mapping[View, tuple[str, str]] = {
    "line": ("MCU says", "module says"),
    "wires": ("LAN: client → ← module", "UART: module → ← MCU"),
}


class Lanes:
    """Lays records out, as they come.

    :param view: what the two lanes are
    :param width: columns in all
    :param wall: times of day instead of seconds since the first record
    :param millis: milliseconds since the first record, with their tenths, instead of seconds
    :param secrets: whether secrets are shown
    :raises InvalidArgument: for a view that there is not
    """

    def __init__(
        self,
        view: View = "line",
        *,
        width: int = 100,
        wall: bool = False,
        millis: bool = False,
        secrets: bool = False,
    ) -> None:
        if not isinstance(view, str) or view not in _TITLES:
            raise InvalidArgument(f"view is one of {', '.join(_TITLES)}, not {show(view)}")
        self.view = view
        self._wall = wall
        self._millis = millis
        self._secrets = secrets
        self._start: float | None = None
        self._stamp = TIME + 2 if wall else TIME
        self.lane = self._lane(width)

    def resize(self, width: int) -> bool:
        """Lay out what comes for another number of columns, and tell whether that makes a difference."""
        before, self.lane = self.lane, self._lane(width)
        return self.lane != before

    def _lane(self, width: int) -> int:
        """Give the columns of a lane: two of them, the time, and two spaces before each."""
        return (max(width, MIN_WIDTH) - self._stamp) // 2 - 2

    @property
    def header(self) -> str:
        """The titles of the lanes."""
        left, right = _TITLES[self.view]
        unit = "time" if self._wall else "ms" if self._millis else "seconds"
        return f"{unit:>{self._stamp}}  {left:<{self.lane}}  {right}".rstrip()

    def rows(self, record: Record) -> Iterator[str]:
        """Give the lines of text for a record; long ones are wrapped."""
        right = self.is_right(record)
        stamp = self.time(record)
        empty = " " * self.lane
        for text in self.wrapped(record):
            yield (f"{stamp}  {empty}  {text}" if right else f"{stamp}  {text}").rstrip()
            stamp = " " * len(stamp)

    def is_right(self, record: Record) -> bool:
        """Tell whether a record belongs into the right lane."""
        return record.direction == "down" if self.view == "line" else record.wire == "uart"

    def wrapped(self, record: Record) -> list[str]:
        """Give the text of a record in pieces as wide as a lane, arrows included."""
        text = said(record, secrets=self._secrets)
        if self.view == "wires":
            text = f"{'→' if record.direction == 'down' else '←'} {text}"
        # textwrap moves what is left of a word again and again: a long one is handed to it in parts.
        parts = (text[at : at + _WRAPPED_AT_ONCE] for at in range(0, len(text), _WRAPPED_AT_ONCE))
        return [piece for part in parts for piece in self._wrap(part)] or [""]

    def _wrap(self, text: str) -> list[str]:
        return textwrap.wrap(
            text, self.lane, subsequent_indent="  ", break_on_hyphens=False, drop_whitespace=False
        )

    def time(self, record: Record) -> str:
        """Give the time of a record, as wide as all others."""
        if self._wall:
            whole = int(record.wall)
            return (
                f"{time.strftime('%H:%M:%S', time.localtime(whole))}.{int((record.wall - whole) * 1000):03d}"
            )
        if self._start is None:
            self._start = record.instant
        since = record.instant - self._start
        return f"{since * 1000:{TIME}.1f}" if self._millis else f"{since:{TIME}.3f}"


def transcript(records: Iterable[Record], view: View = "line", *, width: int = 100) -> str:
    """Lay out whole recordings."""
    lanes = Lanes(view, width=width)
    return "\n".join([lanes.header, *(row for record in records for row in lanes.rows(record))])


def said(record: Record, *, secrets: bool = False) -> str:
    """Give what a record says in one line of printable text, with its marks; secrets are hidden unless asked for."""
    record = record if secrets else redact_record(record)
    reading = record.reading or {}
    if "transfer" in reading:
        text = _transfer(reading)
    elif record.wire == "uart":
        text = line_text(record)
    elif "method" in reading and not reading.keys() & {"result", "error"}:
        text = f"{reading['method']} {_items(reading.get('params'))}".strip()
    else:
        text = _reply(reading)
    marks = f"[{record.note}]" if record.note else ""
    return printable(" ".join(each for each in (text, marks) if each))


def line_text(record: Record) -> str:
    """Give the line of a UART record without its end, secrets included; bytes that are no text are escaped."""
    return printable(record.raw.decode("ascii", "backslashreplace").strip("\r\n"))


def _transfer(reading: Mapping[str, object]) -> str:
    if reading["transfer"] != "block":
        count = reading.get("count", 1)
        return f"{reading['transfer']}" + (f" × {count}" if count != 1 else "")
    problem = f", {reading['problem']}" if "problem" in reading else ""
    return f"block {reading.get('number')}, {reading.get('size')} bytes{problem}"


def _reply(reading: Mapping[str, object]) -> str:
    error = reading.get("error")
    if isinstance(error, Mapping):
        rest = {key: value for key, value in error.items() if key != "code"}
        words = error["message"] if rest.keys() == {"message"} else _json(rest) if rest else ""
        return f"error {error.get('code')} {words}".strip()
    if error is not None:
        return f"error {error if isinstance(error, str) else _json(error)}"
    if "result" in reading:
        return _items(reading["result"])
    rest = {key: value for key, value in reading.items() if key not in {"id", "exe_time"}}
    return _json(rest) if rest and "id" in reading else ""  # without an id, it is a mark


def _items(value: object) -> str:
    """Write parameters or results briefly: 2.1=true for a property."""
    if isinstance(value, Mapping):
        return _item(value)
    if isinstance(value, list):
        return " ".join(_item(each) if isinstance(each, Mapping) else _json(each) for each in value)
    return "" if value is None else _json(value)


def _item(item: Mapping[str, object]) -> str:
    if "siid" not in item:
        told = [f"{key} {item[key]}" for key in ("model", "fw_ver", "mcu_fw_ver") if key in item]
        return ", ".join(told) or _json(item)
    name = f"{item['siid']}.{item.get('piid', item.get('aiid', item.get('eiid')))}"
    if item.get("code", 0) != 0:
        return f"{name}: {_json(item['code'])}"
    if "value" in item:
        return f"{name}={_json(item['value'])}"
    return f"{name}: 0" if "code" in item else f"{name} {_items(item.get('in'))}".strip()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
