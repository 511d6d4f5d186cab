"""Captures on the command line: whose datagrams are wanted, what was not read, and a recording to join them with."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.numbers import Between
from miio_lan.click_common.output import echo
from miio_lan.lan import PORT
from miio_lan.variables import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.cli.options import CliSettings
    from miio_lan.lan.capture import Capture, KnownDevice
    from miio_lan.record import Record

OF_CAPTURE = ("device", "ip", "token", "token_file", "ask_token", "port")
"""The shared options that say whose datagrams of a capture are wanted."""

PCAP = click.option(
    "--pcap",
    metavar="FILE",
    shell_complete=completion.files,
    help="Join the recording with a capture of the network (pcap, pcapng), made elsewhere; needs a token.",
)
OFFSET = click.option(
    "--offset",
    type=Between(-1e10, 1e10),
    metavar="SECONDS",
    help="By about how much the capture's clock is ahead of the recording's; estimated by default.",
)


def capture_of(settings: CliSettings, file: str) -> Capture:
    """Read a capture, and tell what of it could not be read.

    :raises click.UsageError: if nothing says whose datagrams are wanted
    :raises DeviceException: as :func:`~miio_lan.lan.capture.read_capture` does
    """
    from miio_lan.lan.capture import read_capture

    wanted: dict[str, Any] = {"port": settings.port or PORT, "address": _address(settings)}
    if settings.names_twice:
        refuse(
            f"-d {settings.device} and {settings.names_twice} are two ways to say which device: use one of them."
        )
    if settings.device:
        capture = read_capture(file, **_named(settings.device))
    elif settings.token:
        capture = read_capture(file, token=settings.token, **wanted)
    else:
        capture = read_capture(file, devices=_all_named(), **wanted)
    for remark in capture.remarks:
        echo(remark, err=True)
    return capture


def joined(
    settings: CliSettings, file: str, records: Iterable[Record], *, about: float | None = None
) -> list[Record]:
    """Join a recording with the capture in ``file``, and tell how the clocks are related.

    :param about: what ``--offset`` says
    :raises DeviceException: if the capture cannot be read, or the clocks cannot be compared surely
    """
    from miio_lan.pairing.clocks import join

    found, clocks = join(capture_of(settings, file).device.records, records, about=about)
    echo(str(clocks), err=True)
    return found


def check(pcap: str | None, recording: str | None, offset: float | None) -> None:
    """See that the options fit together.

    :raises click.UsageError: where they do not
    """
    if pcap is None and offset is not None:
        refuse("--offset is about the clocks of a capture and a recording: it needs --pcap.")
    if pcap is not None and pcap == recording == "-":
        refuse("The recording and the capture cannot both come from stdin: give one of them as a file.")


def _address(settings: CliSettings) -> str | None:
    # What a variable of the environment says is meant for devices that are spoken to.
    if "ip" not in settings.typed or settings.ip is None:
        return None
    try:
        return str(ipaddress.ip_address(settings.ip))
    except ValueError:
        refuse(f"--ip {settings.ip}: a capture knows addresses, not names; give the device's IP address.")


def _named(name: str) -> dict[str, Any]:
    from miio_lan.device.fleet.named import DevicesFile
    from miio_lan.lan.capture import KnownDevice
    from miio_lan.lan.cipher import parse_token

    device = DevicesFile().get(name)
    return {"devices": [KnownDevice(parse_token(device.token), device.name, device.did)], "port": device.port}


def _all_named() -> list[KnownDevice]:
    from miio_lan.device.fleet.named import DevicesFile
    from miio_lan.lan.capture import KnownDevice
    from miio_lan.lan.cipher import parse_token

    devices = DevicesFile().read()
    if not devices:
        refuse(
            "The token of the captured device is missing: give --token-file, --ask-token or --token, "
            f"set {TOKEN_VARIABLE}, or name the device ('miio-lan device add')."
        )
    return [KnownDevice(parse_token(each.token), name, each.did) for name, each in devices.items()]
