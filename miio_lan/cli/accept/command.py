"""``accept``: holds a product, or a recording of one, against the rules of the serial document."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.accept import modes as accept_modes
from miio_lan.cli.accept.reports import CheckRecording, told_when_cut, write_reports
from miio_lan.cli.accept.rules import list_rules, refuse_others
from miio_lan.cli.accept.usage import (
    REPORT_FORMATS,
    REPORT_LANGUAGES,
    check_options,
    image_of,
    mode_of,
    reports_of,
)
from miio_lan.cli.lan import captures
from miio_lan.cli.options import CliCommand, CliSettings
from miio_lan.cli.signals import killed_is_interrupted
from miio_lan.cli.watch.live import reader_may_leave
from miio_lan.click_common.failures import FAILED
from miio_lan.click_common.layout import colour_system, rows_of
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miio_lan.acceptance.verdict import Judgement
    from miio_lan.cli.accept.modes import Mode

_MODES: Mapping[str, Mode] = {
    "recording": accept_modes.of_recording,
    "uart": accept_modes.of_uart,
    "lan": accept_modes.of_lan,
    "virtual": accept_modes.of_virtual,
    "tap": accept_modes.of_tap,
}
_SIGNS = str.maketrans({"✗": "x", "✓": "+", "·": "-", "→": ">", "←": "<"})


class _Accept(CliCommand):
    """Lists in its help what can be allowed, without loading it for anything else."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        from miio_lan.acceptance.tester.plan import ALLOWED

        with formatter.section("What --allow takes"):
            formatter.write_dl([*ALLOWED.items(), ("all", "everything above")])
        super().format_epilog(ctx, formatter)


@click.command(
    "accept",
    cls=_Accept,
    without=["show_secrets"],
    epilog="Exit codes: 0 no rule failed, 1 a rule failed or there was nothing to judge, 2 wrong use.",
)
@click.argument("recording", required=False, shell_complete=completion.files)
@captures.PCAP
@captures.OFFSET
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
@click.option(
    "--spec",
    metavar="FILE|NAME",
    shell_complete=completion.descriptions,
    help="What the product is; without it, values are not judged.",
)
@click.option(
    "--allow",
    metavar="WORD",
    multiple=True,
    shell_complete=completion.allowances,
    help="What else may be done to the product, see below; repeatable. By default it is only read (--virtual: all).",
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
    "--power",
    metavar="COMMAND",
    help="Switch the product off and on by this command, where {action} becomes off or on: its power-up is judged.",
)
@click.option(
    "--off-for",
    type=SECONDS,
    metavar="SECONDS",
    help="How long --power leaves it off, 2 by default.",
)
@click.option(
    "--from-boot",
    is_flag=True,
    help="The recording, or the time of the check, holds a power-up: nothing of it may be missing.",
)
@click.option(
    "--misbehave",
    metavar="NAME",
    multiple=True,
    shell_complete=completion.misbehaviours,
    help="How the virtual MCU misbehaves; repeatable.",
)
@click.option(
    "--record",
    metavar="FILE",
    shell_complete=completion.files,
    help="Also write what crossed the wires, as a recording.",
)
@click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    multiple=True,
    help=f"Also write a report: {', '.join(REPORT_FORMATS)}; repeatable.",
)
@click.option(
    "--lang",
    type=click.Choice(REPORT_LANGUAGES),
    default="en",
    show_default=True,
    help="The language of the HTML report's fixed texts and rules.",
)
@click.option(
    "--rules", is_flag=True, help="List all rules, with what a breach comes to and their sources, and end."
)
@click.make_pass_decorator(CliSettings, ensure=True)
def accept(settings: CliSettings, /, **options: Any) -> None:
    """Judge a product by the rules of the serial document, before the official tests do.

    RECORDING is judged as it is ('-' reads it from stdin). A live product is listened to (--tap-up, --tap-down), or
    asked for everything: its MCU alone (--uart), or the whole of it over the network (--lan).

    Asking changes nothing unless allowed: --allow writes sets every writable property to its limits and to forbidden
    values (what can be read is restored afterwards), --allow actions runs every action there is, --allow ota offers a
    firmware update and cancels it, or with --firmware FILE sends it and waits for the restart. Network states are
    told to the MCU in any case. --virtual has nothing to spare: without --allow, all of it is done.
    """
    if options["rules"]:
        refuse_others()
        list_rules(settings)
        return
    mode = mode_of(options)
    check_options(options, mode)
    reports = reports_of(options)
    options["image"] = image_of(options["firmware"])
    with killed_is_interrupted():
        with (
            CheckRecording(options["record"]) as recording,
            told_when_cut(recording, reports, options["lang"]),
        ):
            judgement = _MODES[mode](settings, options, recording)
        # Before they are shown: whoever reads that may leave.
        codes = [write_reports(judgement, reports, options["lang"])]
        with reader_may_leave():
            _show(settings, judgement)
        codes += [_code(judgement), recording.tell()]
    click.get_current_context().exit(max(codes))


def _code(judgement: Judgement) -> int:
    from miio_lan.acceptance.verdict import Outcome

    judged = any(verdict.outcome is not Outcome.NOT_OBSERVED for verdict in judgement.verdicts)
    if not judged:
        echo("Error: nothing in it could be judged", err=True)
    return 0 if judgement.ok and judged else FAILED


def _show(settings: CliSettings, judgement: Judgement) -> None:
    from miio_lan.acceptance.report import formats as report

    if settings.json:
        echo(report.to_json(judgement), end="")
        return
    from rich.console import Console

    # Not to stdout itself: rich fails where characters are unknown to it, and ends the program with its reader.
    paper = io.StringIO()
    console = Console(
        file=paper, force_terminal=sys.stdout.isatty(), highlight=False, color_system=colour_system()
    )
    report.terminal(judgement, console, width=rows_of(sys.stdout))
    echo(_plainer(paper.getvalue()), end="", styled=True)


def _plainer(text: str) -> str:
    """Replace the signs of the report where stdout does not know them; what else it does not know becomes escapes."""
    try:
        "".join(map(chr, _SIGNS)).encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.translate(_SIGNS)
    return text
