"""``accept``: holds a product, or a recording of one, against the rules of the serial document."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import virtual_run
from miio_lan.cli.options import Command, Settings
from miio_lan.cli.properties import load_spec
from miio_lan.click_common.failures import FAILED, refuse
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo
from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from miio_lan.acceptance.verdict import Judgement
    from miio_lan.device.miot import MiotDevice
    from miio_lan.record import Observer, Record
    from miio_lan.uart.tap import Tap

_FORMATS = ("html", "junit", "json")


class _Accept(Command):
    """Lists in its help what can be allowed, without loading it for anything else."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        from miio_lan.acceptance.plan import ALLOWED

        with formatter.section("What --allow takes"):
            formatter.write_dl([*ALLOWED.items(), ("all", "everything above")])
        super().format_epilog(ctx, formatter)


@click.command(
    "accept",
    cls=_Accept,
    epilog="Exit codes: 0 no rule failed, 1 a rule failed or there was nothing to judge, 2 wrong use.",
)
@click.argument("recording", required=False)
@click.option(
    "--uart", metavar="URL|pty", help="Test the MCU at this port, in the place of its Wi-Fi module."
)
@click.option("--lan", is_flag=True, help="Test the finished product at --ip over the LAN.")
@click.option("--virtual", is_flag=True, help="Test the virtual MCU, to see what all this is about.")
@click.option(
    "--tap-up", metavar="URL", help="Listen to the MCU's TX: judge what is heard, beside --lan too."
)
@click.option("--tap-down", metavar="URL", help="Listen to the module's TX.")
@click.option(
    "--for",
    "seconds",
    type=SECONDS,
    metavar="SECONDS",
    help="How long to listen; until Ctrl-C by default.",
)
@click.option("--spec", metavar="FILE|NAME", help="What the product is; without it, values are not judged.")
@click.option(
    "--allow",
    metavar="WORD",
    multiple=True,
    help="What else may be done to the product, see below; repeatable. By default it is only read.",
)
@click.option(
    "--firmware",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Update the MCU with this image (--uart or --virtual, with --allow ota).",
)
@click.option("--firmware-version", metavar="NNNN", help="The version the MCU is to report after that.")
@click.option(
    "--refusals",
    type=click.IntRange(0, 20),
    default=2,
    show_default=True,
    help="How often model, version and ble_config are refused first (--uart).",
)
@click.option(
    "--power-up",
    type=SECONDS,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the MCU's first line (--uart).",
)
@click.option(
    "--from-boot", is_flag=True, help="The recording holds a power-up: nothing of it may be missing."
)
@click.option(
    "--misbehave", metavar="NAME", multiple=True, help="How the virtual MCU misbehaves; repeatable."
)
@click.option("--record", metavar="FILE", help="Also write what crossed the wires, as a recording.")
@click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    multiple=True,
    help=f"Also write a report: {', '.join(_FORMATS)}; repeatable.",
)
@click.make_pass_decorator(Settings, ensure=True)
def accept(settings: Settings, /, **options: Any) -> None:
    """Judge a product by the rules of the serial document, before the official tests do.

    RECORDING is judged as it is ('-' reads it from stdin). A live product is listened to (--tap-up, --tap-down), or
    asked for everything: its MCU alone (--uart), or the whole of it over the network (--lan).

    Asking changes nothing unless allowed: --allow writes sets every writable property to its limits and to forbidden
    values (what can be read is restored afterwards), --allow actions runs every action there is, --allow ota offers a
    firmware update and cancels it, or with --firmware FILE sends it and waits for the restart. Network states are
    told to the MCU in any case.
    """
    from miio_lan.acceptance.verdict import Outcome

    paths = _report_paths(options["reports"])
    mode = _mode(options)
    judgement = mode(settings, options)
    _show(settings, judgement)
    _write(judgement, paths)
    judged = any(verdict.outcome is not Outcome.NOT_OBSERVED for verdict in judgement.verdicts)
    if not judged:
        echo("Error: nothing in it could be judged", err=True)
    if not judgement.ok or not judged:
        click.get_current_context().exit(FAILED)


# --- options -------------------------------------------------------------------------------------------------------


def _mode(options: dict[str, Any]) -> Callable[[Settings, dict[str, Any]], Judgement]:
    """Find the one thing that is to be judged.

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
    modes = {"recording": _recording, "uart": _uart, "lan": _lan, "virtual": _virtual}
    if options["misbehave"] and given != ["virtual"]:
        refuse("--misbehave is about the virtual MCU: it needs --virtual.")
    _check_firmware(options, given)
    if options["allow"]:
        _check_allowed(options["allow"], given)
    return modes[given[0]] if given else _tapped


def _check_firmware(options: dict[str, Any], given: list[str]) -> None:
    words = {word.strip().lower() for word in options["allow"]} or (
        {"all"} if given == ["virtual"] else set()
    )
    if options["firmware"] is None:
        if options["firmware_version"]:
            refuse("--firmware-version is the version of what --firmware sends.")
    elif given not in (["uart"], ["virtual"]) or not words & {"ota", "all"}:
        refuse("--firmware needs --uart or --virtual, and --allow ota.")


def _image(options: dict[str, Any]) -> bytes | None:
    path: Path | None = options["firmware"]
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise DeviceException(f"{path} cannot be read: {error.strerror or error}") from error


def _check_allowed(words: tuple[str, ...], given: list[str]) -> None:
    from miio_lan.acceptance.plan import allowed
    from miio_lan.errors import InvalidArgument

    try:
        known = allowed(words)
    except InvalidArgument as error:
        refuse(str(error))
    if given in ([], ["recording"]):
        refuse("--allow is for products that are asked: listening changes nothing.")
    if given == ["lan"] and "ota" in known and "all" not in words:
        refuse("An update is not offered over the LAN; --allow ota needs --uart.")


def _report_paths(reports: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Read ``FORMAT=FILE``, before anything is done that would be lost.

    :raises click.UsageError: for another format, or a folder that does not exist
    """
    paths = []
    for report in reports:
        kind, equals, name = report.partition("=")
        if kind not in _FORMATS or not equals or not name:
            refuse(
                f"--report is FORMAT=FILE with {', '.join(_FORMATS)}, e.g. html=report.html, not {report!r}."
            )
        if not Path(name).absolute().parent.is_dir():
            refuse(f"{name} cannot be written: there is no folder {Path(name).parent}.")
        paths.append((kind, Path(name)))
    return paths


# --- what is judged ------------------------------------------------------------------------------------------------


def _recording(settings: Settings, options: dict[str, Any]) -> Judgement:  # noqa: ARG001 - every mode has the same form
    from miio_lan.acceptance.judging import judgement_of
    from miio_lan.recording import read_recording

    name = options["recording"]
    spec = load_spec(options["spec"])
    records = list(read_recording(name))
    if not records:
        raise DeviceException(f"{name} holds no records")
    title = "" if name == "-" else Path(name).name
    with _recorded(options) as observer:
        for record in records:
            observer(record)
    return judgement_of(records, spec=spec, title=title, from_boot=options["from_boot"])


def _uart(settings: Settings, options: dict[str, Any]) -> Judgement:
    from miio_lan.acceptance.active import Timing, drive_module
    from miio_lan.uart.port import open_port

    spec = load_spec(options["spec"])
    with _recorded(options) as observer, open_port(options["uart"]) as line:
        if options["uart"] == "pty":
            echo(f"the MCU's end of the line is {line.name}", err=True)
        return drive_module(
            line,
            spec=spec,
            allow=options["allow"],
            timing=Timing(power_up=options["power_up"]),
            refusals=options["refusals"],
            firmware=_image(options),
            firmware_version=options["firmware_version"],
            observer=observer,
            progress=_progress(settings),
        )


def _virtual(settings: Settings, options: dict[str, Any]) -> Judgement:
    from miio_lan.acceptance.active import drive_module
    from miio_lan.device.spec import Spec
    from miio_lan.uart.port import MemoryPair
    from miio_lan.virtual.host import McuHost
    from miio_lan.virtual.mcu import Mcu

    spec = load_spec(options["spec"]) or Spec.shipped()
    mcu = Mcu(spec, misbehave=options["misbehave"])
    with _recorded(options) as observer, MemoryPair() as pair, McuHost(mcu, pair.far):
        return drive_module(
            pair.near,
            spec=spec,
            allow=options["allow"] or ("all",),  # there is nothing to spare
            refusals=options["refusals"],
            firmware=_image(options),
            firmware_version=options["firmware_version"],
            title=f"virtual {mcu.model}",
            observer=observer,
            progress=_progress(settings),
        )


def _lan(settings: Settings, options: dict[str, Any]) -> Judgement:
    from miio_lan.acceptance.active import drive_lan
    from miio_lan.cli.connect import opened

    spec = load_spec(options["spec"])
    records: list[Record] = []
    with contextlib.ExitStack() as stack:
        observer = stack.enter_context(_recorded(options))
        if options["tap_up"] or options["tap_down"]:
            stack.enter_context(_tap(options, _both(records.append, observer)))
        return drive_lan(
            lambda observe: opened(settings, _observed(observe)),
            spec=spec,
            allow=options["allow"],
            records=records,
            observer=observer,
            progress=_progress(settings),
        )


def _observed(observe: Observer) -> type[MiotDevice]:
    """Make a kind of device that is observed, beside whoever else observes it."""
    from miio_lan.device.miot import MiotDevice

    class Observed(MiotDevice):
        def __init__(self, *args: Any, observer: Observer | None = None, **options: Any) -> None:
            super().__init__(*args, observer=_both(observe, observer) if observer else observe, **options)

    return Observed


def _both(one: Observer, other: Observer) -> Observer:
    def observe(record: Record) -> None:
        one(record)
        other(record)

    return observe


def _tapped(settings: Settings, options: dict[str, Any]) -> Judgement:  # noqa: ARG001
    from miio_lan.acceptance.judging import judgement_of

    spec = load_spec(options["spec"])
    records: list[Record] = []
    with virtual_run.ended_by_signals() as stop, _recorded(options) as observer:
        with _tap(options, _both(records.append, observer)):
            echo("listening" + ("" if options["seconds"] else "; Ctrl-C ends it"), err=True)
            stop.wait(options["seconds"])
        ended = time.monotonic()
    if not records:
        raise DeviceException(
            "nothing was heard: is the product on, and the tap's RX at the TX it is to hear?"
        )
    return judgement_of(records, spec=spec, from_boot=options["from_boot"], ended=ended)


def _tap(options: dict[str, Any], observer: Observer) -> Tap:
    from miio_lan.uart.port import open_port
    from miio_lan.uart.tap import Tap

    up = open_port(options["tap_up"]) if options["tap_up"] else None
    try:
        down = open_port(options["tap_down"]) if options["tap_down"] else None
    except DeviceException:
        if up is not None:
            up.close()
        raise
    return Tap(observer, up=up, down=down)


@contextlib.contextmanager
def _recorded(options: dict[str, Any]) -> Iterator[Observer]:
    """Give an observer that writes the recording, or one that does nothing."""
    if not options["record"]:
        yield lambda _: None
        return
    from miio_lan.recording import Recorder

    with Recorder(options["record"]) as recorder:
        yield recorder


# --- what comes out ------------------------------------------------------------------------------------------------


def _progress(settings: Settings) -> Callable[[str], object] | None:
    return (
        None if settings.json else lambda stage: echo(f"{stage} ...", err=True) if stage != "done" else None
    )


def _show(settings: Settings, judgement: Judgement) -> None:
    from miio_lan.acceptance import report

    if settings.json:
        echo(report.to_json(judgement))
        return
    from rich.console import Console

    report.terminal(judgement, Console(highlight=False))


def _write(judgement: Judgement, paths: list[tuple[str, Path]]) -> None:
    from miio_lan.acceptance import report

    writers = {"html": report.to_html, "junit": report.to_junit, "json": report.to_json}
    for kind, path in paths:
        try:
            path.write_text(writers[kind](judgement), encoding="utf-8")
        except OSError as error:
            raise DeviceException(f"{path} cannot be written: {error.strerror or error}") from error
