r"""Faults a bridge injects into a line: what is done, to which lines, and how often.

As text, for the command line::

    drop result x1                            the first result is lost
    drop ok result after 2 x1                 the third ok that answers a result is lost
    delay 2.5s result get_properties          every result of a get_properties arrives late, and all behind it
    duplicate properties_changed 2.1          every report with that property arrives twice
    alter result x3: s/true/false/            three results say the contrary
    alter get_properties: down nonsense       the MCU is asked something else
    answer action 2.1: result 2 1 -4001       the bridge answers in place of the MCU
    answer up get_down x5: error              the bridge answers in place of the module
    drop down *                               the MCU hears nothing any more

A word is a command of the MCU, else a reply of the module (``ok``, or ``reply`` for any), else a method the module
hands out; ``up`` or ``down`` before it settles the direction, and ``*`` is every line. A second word is what the line
answers. ``2.1`` are the ids the line must contain (siid and piid, aiid or eiid), ``2`` the siid alone. In texts after
the colon, ``\r``, ``\n`` and ``\xff`` are bytes; ``s/old/new/`` is a regular expression. No I/O and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show
from miio_lan.given import checked_function, checked_number, checked_seconds, checked_word
from miio_lan.record import Record
from miio_lan.uart.commands import EXTRAS, UPLINKS, Command, Direction
from miio_lan.uart.line import kept_text
from miio_lan.uart.values import shown

Kind = Literal["drop", "delay", "alter", "duplicate", "answer"]
FAULT_KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_DELAY = 60.0
"""Seconds; modules and MCUs have given up long before."""

EVERY = "*"
REPLY = "reply"

DROPPED = "dropped by the bridge"
ALTERED = "altered by the bridge"
ANSWERED = "answered by the bridge"
NOT_FORWARDED = "not forwarded by the bridge"
SENT = "sent by the bridge"
"""The note of a line that was said by the bridge alone."""

HELD_BACK = "held back for {:g} s by the bridge"
_HELD_BACK = re.compile(r"held back for (\d+(?:\.\d+)?(?:e-\d+)?) s by the bridge")
_BY_THE_BRIDGE = "by the bridge"
_UNDELIVERED = (DROPPED, ALTERED, ANSWERED, NOT_FORWARDED)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_COUNT = re.compile(r"[x×](\d+)")
_TOO_LONG = re.compile(r"\d{19}")
_IDS = re.compile(r"(\d+)(?:\.(\d+))?")
_BYTE = re.compile(rb"\\(?:[rn]|x[0-9a-fA-F]{2})")
_WRITTEN = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|.)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|\*")
_WHAT = {
    "times": "how often (x1)",
    "skip": "after how many",
    "seconds": "how long (2s)",
    "ids": "which ids (2.1)",
}


def delivered(record: Record) -> bool:
    """Tell whether a line that a bridge recorded reached the other end."""
    return not record.note or not any(mark in record.note for mark in _UNDELIVERED)


def is_replied_to(record: Record) -> bool:
    """Tell whether the module replies to a line of the MCU, or to what a bridge made of it."""
    return delivered(record) or ALTERED in record.note or ANSWERED in record.note


def set_aside(record: Record) -> bool:
    """Tell whether nothing answers a line: the module never heard it, or other words went on in its place."""
    return ALTERED in record.note or (DROPPED in record.note and record.direction == "up")


def bridged(note: str) -> str:
    """Keep what of a note a bridge did: that was known at the time, and cannot be seen from the bytes."""
    return ", ".join(each for each in note.split(", ") if each.endswith(_BY_THE_BRIDGE))


def held_back(record: Record) -> float:
    """Tell for how many seconds a bridge held a line back before it let it go on; the record has the time of that."""
    found = _HELD_BACK.search(record.note)
    return float(found[1]) if found else 0.0


def touched(record: Record) -> bool:
    """Tell whether a bridge did anything but let the line go on."""
    return not delivered(record) or invented(record) or bool(held_back(record))


def invented(record: Record) -> bool:
    """Tell whether the bridge said this, and not the end whose direction it bears."""
    return SENT in record.note


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule, such as ``Fault("drop", "result", times=1)``, or from a text with :meth:`parse`.

    :param kind: what is done
    :param name: a command, reply or method, ``reply`` or ``*``
    :param direction: ``"up"`` for lines of the MCU; None lets the name decide (and ``*`` be both)
    :param answers: what the line must answer: a method for ``result`` and ``error``, a command for replies
    :param ids: siid, and piid, aiid or eiid or None for any, that the line must contain
    :param times: how often at most; None without end
    :param skip: how many lines that fit are left alone first
    :param seconds: how long a ``delay`` is
    :param text: what an ``answer`` says, or an ``alter``: the whole line, or ``s/old/new/``
    :param change: instead, what makes another line of a line (CR included); what it gives is sent as it is
    :raises InvalidArgument: if the parts do not fit together
    """

    kind: Kind
    name: str = EVERY
    direction: Direction | None = None
    answers: str = ""
    ids: tuple[int, int | None] | None = None
    times: int | None = None
    skip: int = 0
    seconds: float = 0.0
    text: str = ""
    change: Callable[[bytes], bytes] | None = None

    def __post_init__(self) -> None:
        self._check_parts()
        if problem := self._problem():
            raise InvalidArgument(f"{self}: {problem}")

    def _check_parts(self) -> None:
        """Let parts of the right kind pass: a rule with another would fit no line, and nobody would notice.

        :raises InvalidArgument: naming the part
        """
        checked_word("kind", self.kind, FAULT_KINDS)
        if self.direction is not None:
            checked_word("direction", self.direction, get_args(Direction))
        for part in ("name", "answers", "text"):
            if not isinstance(getattr(self, part), str):
                raise InvalidArgument(f"{part} is text, not {show(getattr(self, part))}")
        for part, number in (("times", self.times), ("skip", self.skip)):
            if number is not None or part == "skip":
                checked_number(part, number)
        if self.ids is not None:
            if not isinstance(self.ids, tuple) or len(self.ids) != 2:
                raise InvalidArgument(f"ids are a pair such as (2, 1) or (2, None), not {show(self.ids)}")
            for number in (each for each in self.ids if each is not None):
                checked_number("each of ids", number, 0)
        checked_seconds("seconds", self.seconds, zero=True)
        checked_function("change", self.change)

    def _problem(self) -> str:
        if not _NAME.fullmatch(self.name):
            return f"{shown(self.name)} is not a command, a reply or a method, nor *"
        if self.kind == "delay" and not 0 < self.seconds <= MAX_DELAY:
            return f"a delay is more than 0 and at most {MAX_DELAY:g} seconds, such as 2.5s or 300ms"
        if self.kind != "delay" and self.seconds:
            return f"only a delay has a time, not {self.kind}"
        if self.kind == "answer" and not self.text:
            return "the line to answer with is missing; it stands behind a colon"
        if self.kind == "alter" and not self.text and self.change is None:
            return "what to make of the line is missing; it stands behind a colon"
        if self.kind not in ("alter", "answer") and (self.text or self.change):
            return f"{self.kind} takes no text behind a colon"
        try:
            _encoded(self.text)
        except UnicodeEncodeError:
            return "half a character has no bytes to be said"
        if self.kind == "alter":
            _substitution(self.text)
        if (self.times is not None and self.times < 1) or self.skip < 0:
            return "a count is at least 1"
        return ""

    def __str__(self) -> str:
        seconds = f"{self.seconds:g}s" if self.seconds else ""
        ids = ".".join(str(each) for each in self.ids or () if each is not None)
        skip = f"after {self.skip}" if self.skip else ""
        times = f"x{self.times}" if self.times is not None else ""
        words = (self.kind, seconds, self.direction, self.name, self.answers, ids, skip, times)
        return " ".join(word for word in words if word) + (f": {self.text}" if self.text else "")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a rule; see the module for how it is written.

        :raises InvalidArgument: naming what is wrong
        """
        if not isinstance(text, str):
            raise _no_rule(f"a fault is a Fault or a text, not {show(text)}")
        head, colon, argument = text.partition(":")
        kind, *words = head.split() or [""]
        if kind not in FAULT_KINDS:
            raise _no_rule(f"{shown(text)} begins with none of {', '.join(FAULT_KINDS)}")
        if not words:
            raise _no_rule(f"{shown(text)} does not say which lines (* is every line)")
        if _TOO_LONG.search(head):
            raise _no_rule(f"{shown(text)} has a number that is too long")
        parts: dict[str, object] = {}
        names: list[str] = []
        if words[0] in ("up", "down"):
            parts["direction"] = words.pop(0)
        while words:
            _take(words, parts, names, text)
        if len(names) > 2:
            raise _no_rule(f"{shown(text)} has a word too many: {shown(names[2])}")
        name, answers = (*names, "", "")[:2]
        written = argument.strip()
        if colon and not written:
            raise InvalidArgument(f"{shown(text)} has nothing behind its colon")
        return cls(kind, name or EVERY, answers=answers, text=written, **parts)  # type: ignore[arg-type]

    def heads(self, direction: Direction) -> str | None:
        """Give how a line of this direction begins when the rule is about it: words, ``*``, ``reply``, or None."""
        name = self.name
        if self.direction not in (None, direction):
            return None
        if name == EVERY:
            return EVERY
        uplink = self.direction == "up" or name in UPLINKS or name in EXTRAS or name == "result"
        if direction == "up":
            return name if uplink else None
        if name in (REPLY, "ok") or (name == "error" and self.direction == "down"):
            return name
        return f"down {name}" if self.direction == "down" or not uplink else None

    def fits(self, command: Command, direction: Direction, answers: str, raw: bytes = b"") -> bool:
        """Tell whether the rule is about a line.

        :param command: the line, read
        :param answers: the method or command it answers, empty where there is none
        :param raw: its bytes, where there is more in them than its text
        """
        head = self.heads(direction)
        if head is None or not begins(command.line, head):
            return False
        if self.answers not in ("", answers) or not self._changes(raw or command.line.encode()):
            return False
        return self.ids is None or any(_same(self.ids, found) for found in _ids_of(command.as_json()))

    def _changes(self, line: bytes) -> bool:
        """Tell whether ``s/old/new/`` has something to change in a line; any other rule has."""
        parts = _substitution(self.text) if self.kind == "alter" and self.change is None else None
        return parts is None or any(parts[0].search(each) for each in _forms(line))

    def altered(self, line: bytes) -> bytes:
        """Give what an ``alter`` makes of a line, CR included."""
        if self.change is not None:
            return self.change(line)
        parts = _substitution(self.text)
        if parts is None:
            return spoken(self.text)
        pattern, new = parts
        body = line.rstrip(b"\r")
        known = next((each for each in _forms(line) if pattern.search(each)), body)
        return pattern.sub(new, known) + line[len(body) :]


def _forms(line: bytes) -> tuple[bytes, bytes]:
    """Give a line as it was said, and as the other end would hold it: noise may stand within what is looked for."""
    body = line.rstrip(b"\r")
    return body, kept_text(body).encode()


def begins(text: str, head: str) -> bool:
    """Tell whether the whole text of a line is one of those a head stands for."""
    words = " ".join(text.split()) + " "  # the end of a text ends its last word, too
    if head == REPLY:
        return not words.startswith("down ")
    return head == EVERY or words.startswith(head + " ")


def may_begin(text: str, head: str) -> bool:
    """Tell whether a line of which only ``text`` is known so far may be one of those a head stands for."""
    words = re.sub(" +", " ", text.lstrip(" "))
    if head == REPLY:
        return not words.startswith("down ")
    return head == EVERY or head.startswith(words) or words.startswith(head + " ")


def spoken(text: str) -> bytes:
    r"""Give the bytes of a written line: ``\r``, ``\n`` and ``\xff`` are bytes, and it ends with a CR."""
    data = _BYTE.sub(lambda found: found[0].decode("unicode_escape").encode("latin-1"), _encoded(text))
    return data if data.endswith(b"\r") else data + b"\r"


def _encoded(text: str) -> bytes:
    """Give the bytes of a text as a shell hands it on: those that are no text are said as they are."""
    return text.encode("utf-8", "surrogateescape")


def _no_rule(problem: str) -> InvalidArgument:
    example = "a rule is, for example, 'drop result x1' or 'answer get_properties 2.1: result 2 1 -4001'"
    return InvalidArgument(f"{problem}; {example}")


def _take(words: list[str], parts: dict[str, object], names: list[str], text: str) -> None:
    """Take what the next word says."""
    word = words.pop(0)
    if found := _COUNT.fullmatch(word):
        _once("times", int(found[1]), parts, text)
    elif word == "after" and words and _COUNT.fullmatch(words[0]):
        number = words[0][1:]
        raise _no_rule(f"after takes a bare number, as in 'after {number}', not {words[0]} in {shown(text)}")
    elif word == "after" and words and words[0].isdecimal():
        _once("skip", int(words.pop(0)), parts, text)
    elif word == "after":
        raise _no_rule(f"{shown(text)} does not say after how many, as in 'after 2'")
    elif found := _SECONDS.fullmatch(word):
        _once("seconds", float(found[1]) / (1000 if found[2] == "ms" else 1), parts, text)
    elif found := _IDS.fullmatch(word):
        _once("ids", (int(found[1]), int(found[2]) if found[2] else None), parts, text)
    elif _NAME.fullmatch(word):
        names.append(word)
    else:
        raise _no_rule(f"{shown(word)} in {shown(text)} is no name, ids (2.1), count (x1) or time (2s)")


def _once(part: str, value: object, parts: dict[str, object], text: str) -> None:
    if part in parts:
        raise _no_rule(f"{shown(text)} says twice {_WHAT[part]}")
    parts[part] = value


def _substitution(text: str) -> tuple[re.Pattern[bytes], bytes] | None:
    """Give the two parts of ``s/old/new/``, None for a text that is none.

    :raises InvalidArgument: if it begins like one and cannot be one
    """
    if not re.match(r"s[/|,#]", text):
        return None
    parts = text[2:].split(text[1])
    if len(parts) != 3 or parts[2]:
        raise InvalidArgument(f"{shown(text)} is not s{text[1]}old{text[1]}new{text[1]}")
    old, new, _ = parts
    try:
        pattern = re.compile(_encoded(old))
    except re.error as error:
        raise InvalidArgument(f"{shown(old)} is not a regular expression: {error}") from None
    template = _WRITTEN.sub(_template, _encoded(new))
    try:
        pattern.sub(template, b"")
    except (re.error, IndexError) as error:  # a group by a number, or by a name, that there is not
        raise InvalidArgument(f"{shown(new)} cannot stand in place of {shown(old)}: {error}") from None
    return pattern, template


def _template(found: re.Match[bytes]) -> bytes:
    """Give a written byte as a template of :mod:`re` has it, which has no ``\\xff`` of its own."""
    byte = bytes([int(found[1], 16)]) if found[1] else found[0]
    return byte * 2 if byte == b"\\" else byte


def _ids_of(reading: Mapping[str, object]) -> Iterator[tuple[object, object]]:
    """Give all pairs of ids a line contains."""
    for key in ("properties", "results"):
        entries = reading.get(key)
        if isinstance(entries, list):
            yield from ((each[0], each[1]) for each in entries if isinstance(each, list) and len(each) > 1)
    if "siid" in reading:
        yield reading["siid"], reading.get("aiid", reading.get("eiid"))


def _same(wanted: tuple[int, int | None], found: tuple[object, object]) -> bool:
    return wanted[0] == found[0] and wanted[1] in (None, found[1])
