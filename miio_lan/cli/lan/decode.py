"""``lan decode``: a capture of the network into readable rows, or JSON Lines."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.lan.captures import capture_of
from miio_lan.cli.options import CliSettings, command
from miio_lan.cli.watch.live import reader_may_leave
from miio_lan.click_common.layout import folded, rows_of
from miio_lan.click_common.output import echo, json_line
from miio_lan.foreign import printable
from miio_lan.record.lanes import said
from miio_lan.record.redact import redact_record

if TYPE_CHECKING:
    from miio_lan.lan.capture import CapturedDevice
    from miio_lan.record import Record

_MARGIN = " " * 15


@command("decode", without=["timeout", "retries"])
@click.argument("file", metavar="FILE", default="-", shell_complete=completion.files)
def decode(settings: CliSettings, file: str) -> None:
    """Read a capture of the network and say what each datagram of a device means, whoever its client was.

    FILE is what tcpdump, Wireshark or a router has captured (pcap or pcapng); '-' for stdin. The device is the one
    whose token is given, or -d NAME; without both, all devices with names are looked for. --ip looks at one address
    only. Each row has the time of day, the direction (↓ to the device, ↑ from it), the name of the device where it has
    one, the client, and what was said. With
    --json, one JSON object per datagram. Tokens and passwords are hidden unless --show-secrets.
    """
    from miio_lan.lan.capture.reading import records_of

    capture = capture_of(settings, file)
    several = len(capture.devices) > 1
    with reader_may_leave():
        for device, record in records_of(capture.devices):
            if settings.json:
                echo(json_line(as_json(device, record, secrets=settings.show_secrets)))
            else:
                # A did beside one token alone says nothing that who gave the token does not know.
                name = device.name or (str(device.did) if several else "")
                text = as_text(record, name, secrets=settings.show_secrets)
                echo(folded(text, rows_of(sys.stdout), _MARGIN))


def as_json(device: CapturedDevice, record: Record, *, secrets: bool = False) -> dict[str, Any]:
    """Give a record as a recording has it, with its device in front; secrets are hidden unless asked for."""
    shown = record if secrets else redact_record(record)
    return {"device": device.name, "did": device.did, **shown.as_json()}


def as_text(record: Record, device: str = "", *, secrets: bool = False) -> str:
    """Give a record as one line for people; secrets are hidden unless asked for.

    :param device: what to call the device; nothing where there is one alone, without a name
    """
    arrow = "↑" if record.direction == "up" else "↓"
    names = " ".join(each for each in (device, record.peer) if each)
    return printable(f"{_time_of_day(record.wall)} {arrow} {names} {said(record, secrets=secrets)}".rstrip())


def _time_of_day(wall: float) -> str:
    whole, millis = divmod(round(wall * 1000), 1000)
    try:
        day = time.strftime("%H:%M:%S", time.localtime(whole))
    except (OSError, OverflowError, ValueError):  # later than this system knows
        return f"{wall:12.3f}"
    return f"{day}.{millis:03d}"
