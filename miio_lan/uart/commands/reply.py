"""What the module answers: ``ok``, ``error``, or the value that was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from miio_lan.errors import LineError
from miio_lan.uart.commands.base import Command, present
from miio_lan.uart.commands.extras import Known
from miio_lan.uart.commands.uplink import BleConfig, GetDown, Help, Model, Net, Time
from miio_lan.uart.document import NET_STATES, OTHER_NET_STATES, model_fault
from miio_lan.uart.line import seal
from miio_lan.uart.values import shown

COMES_BACK = "the command itself comes back (echo is on, or the wires are joined)"
OK = "ok"
ERROR = "error"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,2}:[0-9]{2}:[0-9]{2}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MAC = re.compile(r"[0-9a-f]{12}")
_DUMP = re.compile(r"\[.*\]")
_NOT_FOUND = re.compile(r"command '(.*)' not found", re.DOTALL)
_FORMS: dict[str | None, tuple[re.Pattern[str], str]] = {
    "net": (re.compile("|".join((*NET_STATES, *OTHER_NET_STATES))), "a network state of the document"),
    "time": (_DATE, "a date and time"),
    "time posix": (_SECONDS, "a number of seconds"),
    "mac": (_MAC, "a MAC address of 12 lower-case digits"),
    "version": (re.compile(r"[0-9A-Za-z]+(?:[._-][0-9A-Za-z]+)*"), "a version"),
}
"""What is answered to a question: its form, and the words for it."""


@dataclass(frozen=True)
class Reply(Command):
    """A line of the module that is no ``down``.

    :param text: the whole line, without its end
    :param pending: the uplink command it answers; None when that is not known
    """

    NAME: ClassVar[str] = "reply"
    text: str
    pending: Command | None = None

    @property
    def answers(self) -> str | None:
        """The name of the uplink command this answers."""
        return self.pending.command if self.pending is not None else None

    @property
    def ok(self) -> bool:
        """Whether the module said ``ok``; nothing else counts, not even ``okay``."""
        return self.text == OK

    @property
    def refused(self) -> bool:
        """Whether the module said ``error`` (or, as older ones do, that it does not know the command)."""
        return self.text == ERROR or _NOT_FOUND.fullmatch(self.text) is not None

    @property
    def state(self) -> str | None:
        """The network state, when this answers ``net`` with one."""
        return self.text if isinstance(self.pending, Net) and not self.ok and not self.refused else None

    @property
    def model(self) -> str | None:
        """The model, when this answers a ``model`` without a name."""
        asked = isinstance(self.pending, Model) and self.pending.name is None
        return self.text if asked and not self.ok and not self.refused else None

    @property
    def posix(self) -> int | None:
        """Seconds since 1970, when this answers ``time posix``."""
        asked = isinstance(self.pending, Time) and self.pending.posix
        return int(self.text) if asked and _SECONDS.fullmatch(self.text) else None

    def check(self) -> Iterator[str]:
        """Name what does not fit the command that is answered."""
        if not self.refused and (fault := _fault(self.text, self.pending)):
            yield fault

    def encode(self) -> bytes:
        """Return the line to send, CR included; the answer to ``help`` may have lines inside, divided by CR LF.

        :raises LineError: the document does not allow such a line
        """
        if isinstance(self.pending, Help) and "\r\n" in self.text:
            return b"\r\n".join(seal(part)[:-1] for part in self.text.split("\r\n")) + b"\r"
        self.refuse()
        if self.text != self.text.strip(" ") or self.text.split(" ")[0] == "down":
            raise LineError(f"{shown(self.text)} would not be read back as a reply")
        return seal(self.text)

    def tokens(self) -> list[str]:
        """Return the words of the line."""
        return self.text.split()

    def reading(self) -> dict[str, object]:
        """Return ``"answers"``, and ``"state"`` (a network state) or ``"text"`` with what else it is.

        ``"unknown"`` is the command that an older module does not know.
        """
        if self.state is not None:
            beyond = {"beyond_document": True} if self.state in OTHER_NET_STATES else {}
            return {"answers": self.answers, "state": self.state, **beyond}
        found = present(model=self.model, posix=self.posix)
        if unknown := _NOT_FOUND.fullmatch(self.text):
            found = {"unknown": unknown[1], "beyond_document": True}
        return {"answers": self.answers, "text": self.text, **found}


def _fault(text: str, pending: Command | None) -> str:
    """Say why the text is no answer to the command, or to any where that is not known; empty when it is one."""
    if pending is None:
        return "" if has_form(text) else f"{shown(text)} is not a reply of the document"
    # The list of commands has ``help`` itself among its lines.
    if text and text in (pending.line, pending.command) and not isinstance(pending, Help):
        return COMES_BACK
    if isinstance(pending, Model) and pending.name is None:
        return model_fault(text)
    if isinstance(pending, GetDown):
        return f"get_down is answered with down or error, not with {shown(text)}"
    if isinstance(pending, (Help, Known)) or (isinstance(pending, BleConfig) and pending.sub == "dump"):
        return "" if text else "the answer is empty"
    posix = isinstance(pending, Time) and pending.posix
    if isinstance(pending, Time) and text == "0" and not posix:
        return "the clock of the module is not set"
    asked = "time posix" if posix else pending.command
    if asked in _FORMS:
        form, words = _FORMS[asked]
        return "" if form.fullmatch(text) else f"{shown(text)} is not {words}"
    return "" if text == OK else f"ok or error is expected, not {shown(text)}"


def has_form(text: str) -> bool:
    """Whether a text, by itself, has the form of any reply of the document."""
    if text in (OK, ERROR) or text in NET_STATES or not model_fault(text):
        return True
    forms = (_DATE, _SECONDS, _MAC, _DUMP, _NOT_FOUND, re.compile(r"[0-9]+(?:\.[0-9]+)+(?:_[0-9]+)?"))
    return any(form.fullmatch(text) for form in forms)
