"""``uart record`` and ``uart bridge``: listening to a line, and standing in the middle of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import DEVICE_OPTIONS, CliCommand, CliSettings, command
from miio_lan.cli.watch.live import run, showing
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from contextlib import ExitStack

    from miio_lan.cli.watch.live import Feed
    from miio_lan.record import Observer
    from miio_lan.uart.bridge.bridge import Bridge
    from miio_lan.uart.listening.tap import Tap
    from miio_lan.uart.ports.port import Port

UP = click.option("--up", metavar="URL", help="A receiver at the MCU's TX: /dev/ttyUSB0, socket://, pty, ...")
DOWN = click.option("--down", metavar="URL", help="A receiver at the module's TX.")
_EXAMPLES = {
    "drop result x1": "the first result is lost",
    "drop ok result after 2 x1": "the third ok that answers a result",
    "delay 2.5s result get_properties": "results of get_properties come late",
    "duplicate properties_changed 2.1": "reports with that property come twice",
    "alter result x3: s/true/false/": "three results say the contrary",
    "alter get_properties: down nonsense": "the MCU is asked something else",
    "answer action 2.1: result 2 1 -4001": "in place of the MCU",
    "answer up get_down x5: error": "in place of the module",
    "drop down *": "the MCU hears nothing any more",
}
EITHER = click.option("--either", metavar="URL", help="A receiver at one of them; found out which.")


@command("record", without=DEVICE_OPTIONS)
@UP
@DOWN
@EITHER
@showing
def record(settings: CliSettings, **options: Any) -> None:
    """Listen to a line without ever writing, show it in two lanes, and record it.

    Two adapters hear both directions: RX of one at the MCU's TX, RX of the other at the module's TX, GND to GND. One
    adapter hears one direction. Two adapters are late, each in its own time: lines are shown in the order in which
    they were said, and recorded as they were read. With --json, JSON Lines on stdout. Ctrl-C ends it; the file is
    complete at any time.
    """
    run(settings, options, "line", lambda stack, observer, feed: opened_tap(stack, options, observer, feed))


class _ListsExamples(CliCommand):
    """Has examples of rules in its help, laid out for any width."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        with formatter.section("Rules, for example"):
            formatter.write_dl(list(_EXAMPLES.items()), col_max=36)
        super().format_epilog(ctx, formatter)


@click.command("bridge", cls=_ListsExamples, without=DEVICE_OPTIONS)
@click.option("--module", required=True, metavar="URL", help="The port with the Wi-Fi module.")
@click.option("--mcu", required=True, metavar="URL", help="The port with the MCU.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="RULE",
    help="What to do to which lines, see below; repeatable.",
)
@showing
@click.make_pass_decorator(CliSettings, ensure=True)
def bridge(settings: CliSettings, /, **options: Any) -> None:
    """Stand between module and MCU: forward, show, record, and inject faults.

    RULE is drop, delay, alter, duplicate or answer, then which lines, and how often. It is one argument: quote it.

    The latency it added is printed at the end. Ctrl-C ends it.
    """
    from miio_lan.uart.bridge.bridge import Bridge
    from miio_lan.uart.bridge.faults import Fault

    refuse_one_port([options["module"], options["mcu"]])
    faults = [Fault.parse(rule) for rule in options["faults"]]
    made: list[Bridge] = []

    def start(stack: ExitStack, observer: Observer, _feed: Feed) -> None:
        module, mcu = (opened_port(stack, options[name]) for name in ("module", "mcu"))
        echo(f"module at {module.name}, MCU at {mcu.name}", err=True)
        made.append(stack.enter_context(Bridge(module, mcu, observer=observer, faults=faults)))

    run(settings, options, "line", start)
    for each in made:
        _summarise(each)


def _summarise(bridge: Bridge) -> None:
    for direction, latency in bridge.latency.items():
        way = "MCU to module" if direction == "up" else "module to MCU"
        echo(f"{way}: {bridge.forwarded[direction]} bytes; added latency: {latency}", err=True)
    for fault in bridge.faults:
        echo(f"fault {str(fault)!r}: {bridge.injected.get(str(fault), 0)} times", err=True)
    if bridge.lost:
        echo(f"{bridge.lost} bytes could not be forwarded", err=True)


def refuse_one_port(names: Collection[str]) -> None:
    """See that no port is named twice; ``pty`` and ``loop://`` give a new one each time.

    :raises click.UsageError: for the first that is
    """
    named = [name for name in names if name != "pty" and not name.startswith("loop://")]
    known: set[str] = set()
    for name in named:
        # A device may have several names (/dev/serial/by-id); a URL is no path.
        key = name if "://" in name else os.path.normcase(os.path.realpath(name))
        if key in known:
            refuse(f"{name} is named twice: each end of the line needs a port of its own.")
        known.add(key)


def opened_port(stack: ExitStack, name: str) -> Port:
    """Open a port, closed in the end."""
    from miio_lan.uart.ports.port import open_port

    return stack.enter_context(open_port(name))


def opened_tap(
    stack: ExitStack, options: dict[str, Any], observer: Observer, feed: Feed | None = None
) -> Tap:
    """Start the tap that ``--up``, ``--down`` and ``--either`` describe.

    :param feed: what shows the records, when it is to bring the lines of two receivers into their order
    :raises click.UsageError: if they describe none, or one port for both
    """
    from miio_lan.uart.listening.tap import Tap

    names = {key: options[key] for key in ("up", "down", "either") if options[key]}
    if not names or ("either" in names and len(names) > 1):
        refuse("Give --up and --down, one of them, or --either URL alone.")
    refuse_one_port(names.values())
    ports = {key: opened_port(stack, name) for key, name in names.items()}
    for line in _places(ports.items()):
        echo(line, err=True)
    if feed is not None and len(ports) > 1:
        feed.order_lines()
    tap = Tap(observer, up=ports.get("up"), down=ports.get("down"), either=ports.get("either"))
    return stack.enter_context(tap)


def _places(ports: Iterable[tuple[str, Port]]) -> list[str]:
    who = {"up": "hears the MCU", "down": "hears the module", "either": "hears one of the two"}
    return [f"{port.name} {who[key]}" for key, port in ports]
