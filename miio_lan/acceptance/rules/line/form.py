"""Rules about how the MCU writes its lines. Source: serial document, serial command rules."""

from __future__ import annotations

import re
from itertools import groupby, takewhile
from math import inf

from miio_lan.acceptance.rules.lines import has_layout, is_bare_word, is_identity, is_ill_quoted, value_tokens
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.record import Record
from miio_lan.record.marks import words_of
from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import invented
from miio_lan.uart.conversation import ASIDE
from miio_lan.uart.line import MAX_LINE, MAX_PARAMETERS, tokens_of
from miio_lan.uart.turns import Turn, text_of
from miio_lan.uart.values import QUOTED, read_value, shown

rule = rules_of("form")
graded = rules_of("form", severity="failure or warning")

_LOCAL = (
    c.Model, c.McuVersion, c.BleConfig, c.GetDown, c.Echo, c.Reboot, c.Restore, c.Factory, c.Net, c.Time, c.Mac,
    c.Version, c.Help,
)  # fmt: skip
_DIVIDERS = re.compile(r"  | $|^ ")
_AT_POWER_UP = (b"\xff", b"\xff\xff")
_SIX_DECIMALS = re.compile(r"-?[0-9]+\.[0-9]{6,}")


def _lines(session: Observed) -> list[Turn]:
    """Give each line once, however many lines ran together in it."""
    return [next(parts) for _, parts in groupby(session.line.said, key=lambda said: id(said.record))]


def _noise(session: Observed) -> list[Record]:
    """Give the lines that have an end, and not one character of text before it."""
    return [
        record
        for record in session.records
        if (record.wire, record.direction) == ("uart", "up")
        and record.raw.endswith(b"\r")
        and not text_of(record)
        and not words_of(record.note) & ASIDE
        and not invented(record)
    ]


def _foreign(raw: bytes) -> bytes:
    return bytes(byte for byte in raw.strip(b"\r\n") if not 0x20 <= byte < 0x7F)


@rule("A line has fewer than 512 characters", source="serial document, command length")
def line_length(session: Observed, case: Case) -> None:
    """Count the characters before the CR."""
    for said in _lines(session):
        size = len(said.record.raw.strip(b"\r\n"))
        case.good_or_bad(size <= MAX_LINE, f"{size} characters", f"a line of {size} characters", said.record)


@rule(
    "A line has at most 64 parameters",
    source="serial document, result, properties_changed and event_occured",
)
def parameter_count(session: Observed, case: Case) -> None:
    """Count the tokens after the command word."""
    for said in session.line.of("result", "properties_changed", "event_occured", "error"):
        command = said.command
        if not has_layout(said):
            continue  # strings without quotes fall into more parameters than there are
        if isinstance(command, c.Result) and not value_tokens(said):
            count = len(command.values)
        else:
            count = len(tokens_of(said.text)) - 1
        text = f"{count} parameters"
        case.good_or_bad(count <= MAX_PARAMETERS, text, text, said.record)


@graded("A line ends with CR", source="serial document, end character")
def line_end(session: Observed, case: Case) -> None:
    """A missing CR merges two lines; a LF beside it is dropped by modules and only untidy."""
    for said in _lines(session):
        raw = said.record.raw
        if said.glued:
            case.bad("two lines ran into each other: the CR between them is missing", said.record)
        elif b"\r" not in raw and b"\n" in raw.lstrip(b"\n"):
            case.bad("LF instead of CR: no module hears the end of a line", said.record, whole=True)
        elif not raw.endswith(b"\r") and not raw.endswith(b"\r\n"):
            case.bad("the line never got its CR", said.record)
        elif raw.startswith(b"\n") or raw.endswith(b"\n"):
            case.odd("CR LF instead of CR alone", said.record)
        elif raw.endswith(b"\n\r"):
            case.odd("LF CR instead of CR alone", said.record)
        else:
            case.good("ended by CR", said.record)


@graded("Lines consist of printable ASCII characters", source="serial document, legal characters")
def legal_characters(session: Observed, case: Case) -> None:
    """A byte or two before the very first line, or the first report at power-up, come from that and are forgiven."""
    reporting = False
    for number, said in enumerate(_lines(session)):
        foreign = _foreign(said.record.raw)
        starting = number == 0 or (is_identity(said.command) and not reporting)
        reporting = is_identity(said.command)
        if not foreign:
            case.good("printable ASCII", said.record)
        elif starting and foreign in _AT_POWER_UP and said.record.raw.startswith(foreign):
            case.odd("0xFF before the line, as at power-up", said.record)
        else:
            case.bad(_strange(foreign), said.record)
    first = min((said.instant for said in session.line.said), default=inf)
    for record in _noise(session):
        foreign = _foreign(record.raw)
        if foreign in _AT_POWER_UP and record.instant < first:
            case.odd("0xFF before the first line, as at power-up", record)
        elif foreign:
            case.bad(f"a line of nothing but {_strange(foreign)}", record)


def _strange(foreign: bytes) -> str:
    return f"{len(foreign)} byte(s) that are not printable ASCII: {foreign[:4].hex(' ')}"


@graded("The MCU says nothing but commands", source="serial document, command format")
def known_commands(session: Observed, case: Case) -> None:
    """What is known beyond the document is no failure; what no module knows is answered with ``error``."""
    for said in session.line.said:
        command = said.command
        if isinstance(command, c.Noise):
            case.bad(command.reason, said.record)
        elif isinstance(command, (c.Known, c.Props, c.LegacyEvent, c.Log)):
            case.odd(f"{command.command} is not in the document, though some modules know it", said.record)
        else:
            case.good(f"{command.command}", said.record)


@rule("One space divides parameters", source="serial document, separator", severity="warning")
def spacing(session: Observed, case: Case) -> None:
    """Modules take runs of spaces and trailing ones; the document does not write any."""
    for said in _lines(session):
        text = said.record.raw.strip(b"\r\n").decode("ascii", "replace")
        if len(text) > MAX_LINE:
            continue
        if _DIVIDERS.search(QUOTED.sub('""', text)):
            case.odd("more spaces than are needed", said.record)
        else:
            case.good("single spaces", said.record)


@rule("Strings of the server's commands are in quotes", source="serial document, serial command rules (JSON)")
def string_quotes(session: Observed, case: Case) -> None:
    """A bare word that is no number, ``true`` or ``false`` is a string without quotes.

    What follows a quote that does not belong there is judged as a part of that string, elsewhere.
    """
    for said in session.line.said:
        for token in takewhile(lambda each: not is_ill_quoted(each), value_tokens(said)):
            if is_bare_word(token):
                case.bad(read_value(token)[1], said.record)
            elif token.startswith('"'):
                case.good(f"{shown(token)} is in quotes", said.record)


@graded("Values are written as JSON writes them", source="serial document, serial command rules (JSON)")
def value_form(session: Observed, case: Case) -> None:
    """No ``null``, no ``007``, no unfinished string; six decimals are taken, but say more than a sensor knows."""
    for said in session.line.said:
        for token in value_tokens(said):
            fault = read_value(token)[1]
            if fault and not is_bare_word(token):
                case.bad(fault, said.record)
            elif _SIX_DECIMALS.fullmatch(token):
                case.odd(f"{token} has more decimals than it needs", said.record)
            elif not fault:
                case.good(shown(token), said.record)


@rule(
    "Local commands have the parameters of the document, without quotes",
    source="serial document, serial command rules; echo, time, ble_config",
)
def local_commands(session: Observed, case: Case) -> None:
    """What their contents are worth is judged elsewhere; here it is about what does not belong there at all."""
    for said in session.line.said:
        command = said.command
        if not isinstance(command, _LOCAL):
            continue
        word = command.command
        wrong = [f"{shown(each)} does not belong there" for each in command.unread[:1]]
        if '"' in said.text:
            wrong.append("a local command has no quotes")
        other_sub = isinstance(command, c.BleConfig) and command.sub not in ("set", "dump")
        if other_sub or isinstance(command, c.Echo):
            wrong += command.check()
        case.good_or_bad(not wrong, f"{word}", f"{word}: {'; '.join(wrong)}", said.record)
