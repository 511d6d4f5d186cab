"""``uart decode``: a log of the line into readable lines, or JSON Lines."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.files import shown_name
from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings, command
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.layout import folded, rows_of
from miio_lan.click_common.output import echo, json_line
from miio_lan.errors import DeviceException, RecordError
from miio_lan.foreign import printable
from miio_lan.record.lanes import said
from miio_lan.record.redact import redact_record, told_of

if TYPE_CHECKING:
    from miio_lan.record import Record

#: Columns of the time and the arrow.
_INDENT = 15
_FORMATS = (
    "text logs (arrows, TX/RX, times in front, what known programs write), tables (CSV) with a column of data, "
    "and recordings of this program are read"
)


@command("decode", without=DEVICE_OPTIONS)
@click.argument("file", metavar="FILE", default="-", shell_complete=completion.files)
@click.option(
    "--direction",
    type=click.Choice(["up", "down"]),
    help="Of lines that do not tell it: up is MCU to module. Guessed by default.",
)
def decode(settings: CliSettings, file: str, direction: Any) -> None:
    """Read a text log or a recording of the line and say what each line means.

    FILE is a log of nearly any shape (arrows, TX/RX, times in front, a replacement module's log, a recording of this
    program), or a table (CSV) with a header like time,direction,data or as logic analysers export it; '-' for stdin.
    With --json, one JSON object per line of the wire. Tokens and passwords are hidden unless --show-secrets. Exit
    code 1 says that there was no line of the wire.
    """
    found = False
    for record in _records(file, direction):
        found = True
        if settings.json:
            echo(json_line(as_json(record, secrets=settings.show_secrets)))
        else:
            echo(as_rows(record, secrets=settings.show_secrets))

    if not found:
        raise DeviceException(f"{shown_name(file)} holds no line of the wire: {_FORMATS}")


def _records(file: str, direction: Any) -> Iterator[Record]:
    """Read a log or a recording; an error names it.

    :raises RecordError: if it is a damaged recording, or a table without a column of data
    """
    from miio_lan.uart.logs.textlog import read_text_log

    try:
        yield from read_text_log(_lines(file), direction=direction)
    except RecordError as error:
        raise RecordError(told_of(shown_name(file), str(error))) from None


def _lines(file: str) -> Iterable[str]:
    try:
        data = _stdin() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        refuse(f"{file} cannot be read: {error.strerror or error}")
    wide = data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    text = data.decode("utf-16", "replace") if wide else _of_narrow(data)
    # A raw dump of the wire has CRs only.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _of_narrow(data: bytes) -> str:
    """Decode UTF-8, or what Chinese Windows writes, known by the arrows of SSCOM; other bytes are kept as they are."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        chinese = data.decode("gb18030", "replace")
        if "\u53d1\u2192\u25c7" in chinese or "\u6536\u2190\u25c6" in chinese:
            return chinese
        return data.decode("utf-8-sig", "surrogateescape")


def _stdin() -> bytes:
    if sys.stdin is None:
        refuse("there is no standard input to read")
    return sys.stdin.buffer.read()


def as_json(record: Record, *, secrets: bool = False) -> dict[str, object]:
    """Give a record as one flat object: the reading, with direction, instant and text beside it.

    :param secrets: do not hide them
    """
    record = record if secrets else redact_record(record)
    document: dict[str, object] = {
        "direction": record.direction,
        "instant": record.instant,
        **(record.reading or {}),
    }
    document["line"] = record.raw.strip(b"\r\n").decode(errors="backslashreplace")
    if record.note:
        document["note"] = record.note
    return document


def as_text(record: Record, *, secrets: bool = False) -> str:
    """Give a record as one line for people; secrets are hidden unless asked for."""
    record = record if secrets else redact_record(record)
    arrow = "↑" if record.direction == "up" else "↓"
    # A line that ends with CR LF has its LF in front of the next one.
    line = record.raw.strip(b"\r\n").decode(errors="backslashreplace")
    if "transfer" in (record.reading or {}):
        line = said(replace(record, note=""))  # a block in a word, as everywhere
    remark = _remark(record)
    return printable(f"{record.instant:12.3f} {arrow} {line}" + (f"    ({remark})" if remark else ""))


def as_rows(record: Record, *, secrets: bool = False) -> str:
    """Give a record as :func:`as_text` does; what is too long for a terminal goes on below its beginning."""
    return folded(as_text(record, secrets=secrets), rows_of(sys.stdout), " " * _INDENT)


def _remark(record: Record) -> str:
    reading = record.reading or {}
    parts = [record.note] if record.note and record.note != "noise" else []
    answers = reading.get("answers")
    if reading.get("command") == "result" and answers:
        parts.append(f"answers {answers}")
    if reading.get("command") == "reply" and answers not in (None, "get_down", "result"):
        parts.append(f"answers {answers}")
    if reading.get("beyond_document"):
        parts.append("beyond the document")
    if reading.get("problem"):
        parts.append(str(reading["problem"]))
    return "; ".join(parts)
