"""How ``accept`` may be used: what is wrong with its options is said before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.files import check_files
from miio_lan.cli.lan import captures
from miio_lan.cli.options import DEVICE_OPTIONS, option_of, was_typed
from miio_lan.click_common.failures import refuse
from miio_lan.errors import DeviceException
from miio_lan.uart.document import ESP_FIRMWARE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection

REPORT_FORMATS = ("html", "junit", "json")
REPORT_LANGUAGES = ("en", "zh")  # known before the reports are loaded

# Option -> what it needs, and what has to be judged for it to have an effect.
_EFFECTS: dict[str, tuple[str, Collection[str]]] = {
    "seconds": ("--for is about listening: it needs --tap-up or --tap-down, without --lan.", ("tap",)),
    "refusals": ("--refusals needs --uart or --virtual.", ("uart", "virtual")),
    "power_up": ("--power-up needs --uart, or --lan with --power.", ("uart", "lan")),
    "from_boot": (
        "--from-boot needs a recording, --uart, --tap-up or --tap-down, without --lan.",
        ("recording", "uart", "tap"),
    ),
    "power": (
        "--power switches a product that is listened to: it needs --uart, --tap-up or --tap-down.",
        ("uart", "tap", "lan"),
    ),
    "off_for": ("--off-for is about what --power switches.", ("uart", "tap", "lan")),
    "pcap": ("--pcap is joined with a recording of the line: it needs one.", ("recording",)),
    "misbehave": ("--misbehave is about the virtual MCU: it needs --virtual.", ("virtual",)),
    **{
        name: (f"{option_of(name)} is about a product on the network: it needs --lan.", ("lan",))
        for name in DEVICE_OPTIONS
    },
}


def mode_of(options: dict[str, Any]) -> str:
    """Find the one thing that is to be judged: ``recording``, ``uart``, ``lan``, ``virtual`` or ``tap``.

    :raises click.UsageError: if there is none, or more than one
    """
    given = [name for name in ("recording", "uart", "lan", "virtual") if options[name]]
    tapped = bool(options["tap_up"] or options["tap_down"])
    if len(given) > 1 or (tapped and given not in ([], ["lan"])):
        refuse("Give one thing to judge: a recording, --uart, --lan, --virtual, or --tap-up and --tap-down.")
    if not given and not tapped:
        refuse(
            "Nothing to judge: give a recording, or one of --uart, --lan, --virtual, --tap-up, --tap-down."
        )
    return given[0] if given else "tap"


def check_options(options: dict[str, Any], mode: str) -> None:
    """See that every option that was given has an effect, and makes sense.

    :raises click.UsageError: for the first that has none
    """
    context = click.get_current_context()
    captures.check(options["pcap"], options["recording"], options["offset"])
    for name, (complaint, modes) in _EFFECTS.items():
        if options["pcap"] and mode == "recording" and name in captures.OF_CAPTURE:
            continue
        if mode not in modes and was_typed(context, name):
            refuse(complaint)
    if was_typed(context, "lang") and not any(report.startswith("html=") for report in options["reports"]):
        refuse("--lang is the language of the HTML report: it needs --report html=FILE.")
    _check_firmware(options, mode)
    _check_power(options, mode)
    if options["allow"]:
        _check_allowed(options, mode)


def _check_power(options: dict[str, Any], mode: str) -> None:
    if options["power"] is None:
        if options["off_for"] is not None:
            refuse("--off-for is about what --power switches.")
        return
    if mode == "lan" and not (options["tap_up"] or options["tap_down"]):
        refuse("--power with --lan needs --tap-up or --tap-down: a power-up is seen on the line alone.")
    from miio_lan.bench.places.power import CommandPower
    from miio_lan.errors import InvalidArgument

    try:
        CommandPower(options["power"])
    except InvalidArgument as error:
        refuse(f"--power: {error}.")


def _check_firmware(options: dict[str, Any], mode: str) -> None:
    words = {word.strip().lower() for word in options["allow"]} or ({"all"} if mode == "virtual" else set())
    version = options["firmware_version"]
    if options["firmware"] is None:
        if version is not None:
            refuse("--firmware-version is the version of what --firmware sends.")
    elif mode not in ("uart", "virtual") or not words & {"ota", "all"}:
        refuse("--firmware needs --uart or --virtual, and --allow ota.")
    elif version is not None:
        from miio_lan.uart.commands import version_fault

        if version_fault(version):
            refuse(f"--firmware-version is four digits, such as 0002, not {version!r}.")


def _check_allowed(options: dict[str, Any], mode: str) -> None:
    from miio_lan.acceptance.tester.plan import allowed
    from miio_lan.errors import InvalidArgument

    words = {word.strip().lower() for word in options["allow"]}
    try:
        known = allowed(words)
    except InvalidArgument as error:
        refuse(str(error))
    if mode in ("tap", "recording"):
        refuse("--allow is for products that are asked: listening changes nothing.")
    if mode == "lan" and "ota" in known and "all" not in words:
        refuse("An update is not offered over the LAN; --allow ota needs --uart.")
    unknown = words & {"writes", "actions"}
    if unknown and mode != "virtual" and options["spec"] is None:
        refuse(f"--allow {min(unknown)} needs --spec: without it, nobody knows what there is.")


def image_of(path: Path | None) -> bytes | None:
    """Read the image of a firmware update.

    :raises click.UsageError: if it is empty, or larger than a module sends
    :raises DeviceException: if it cannot be read
    """
    try:
        image = path.read_bytes() if path is not None else None
    except OSError as error:
        raise DeviceException(f"{path} cannot be read: {error.strerror or error}") from error
    if image == b"":
        refuse(f"{path} is empty: that is no firmware.")
    if image is not None and len(image) > ESP_FIRMWARE_LIMIT:
        refuse(f"{path} has {len(image)} bytes: modules send at most {ESP_FIRMWARE_LIMIT} to their MCU.")
    return image


def reports_of(options: dict[str, Any]) -> list[tuple[str, Path]]:
    """Read ``FORMAT=FILE``, and see that all files can be written.

    :raises click.UsageError: for another format, or a file that cannot be written, twice, or is what is judged
    """
    reports: list[tuple[str, Path]] = []
    written = [options["record"]]
    for report in options["reports"]:
        kind, equals, name = report.partition("=")
        if kind not in REPORT_FORMATS or not equals or not name:
            refuse(
                f"--report is FORMAT=FILE with {', '.join(REPORT_FORMATS)}, e.g. html=report.html, not {report!r}."
            )
        reports.append((kind, Path(name)))
        written.append(name)
    check_files(written, [options["recording"], options["pcap"], options["spec"], options["firmware"]])
    return reports
