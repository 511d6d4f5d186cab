"""``watch``: both wires live, side by side."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.device.basic import read_value
from miio_lan.cli.lan import captures
from miio_lan.cli.options import CliSettings, command, option_of, was_typed
from miio_lan.cli.uart.wire import DOWN, EITHER, UP, opened_tap
from miio_lan.cli.watch.live import replay, run, showing
from miio_lan.cli.watch.replaying import Replay
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.numbers import SECONDS, Between
from miio_lan.click_common.output import echo
from miio_lan.click_common.tokens import TOKEN_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import ExitStack

    from miio_lan.cli.watch.live import Feed
    from miio_lan.device.blocking import Device
    from miio_lan.device.description.spec import Spec
    from miio_lan.record import Observer, Record
    from miio_lan.virtual.product import VirtualProduct

Call = tuple[str, Any]

_PROPERTIES_ASKED = 3


@command("watch")
@UP
@DOWN
@EITHER
@click.option(
    "--virtual",
    "spec",
    is_flag=False,
    flag_value="lamp",
    metavar="[SPEC]",
    shell_complete=completion.descriptions,
    help="Run a virtual product and watch that: a shipped name or a file, lamp by default.",
)
@click.option(
    "--replay", metavar="FILE", shell_complete=completion.files, help="Show a recording, - for stdin."
)
@captures.PCAP
@captures.OFFSET
@click.option(
    "--speed",
    type=Between(0.0001, 1_000_000, "times"),
    metavar="X",
    help="Replay at X times the pace of then; as fast as possible by default.",
)
@click.option(
    "--send",
    "calls",
    multiple=True,
    metavar="'METHOD [PARAMS]'",
    help="A LAN command to send meanwhile; repeatable. Needs --ip and --token, or --virtual.",
)
@click.option(
    "--every",
    type=SECONDS,
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often.",
)
@click.option("--wire", type=click.Choice(["lan", "uart"]), help="Show only one of the wires.")
@showing
def watch(settings: CliSettings, **options: Any) -> None:
    """Watch both wires live, side by side: LAN commands left, what crossed the serial line right.

    The line is heard through receivers (see 'uart record'); of the LAN one sees what --send sends and what comes
    back, with --virtual what any client does, and with --replay and --pcap what any client did. Without --send, a
    virtual product is asked for some properties.
    """
    sources = [key for key in ("spec", "replay") if options[key]]
    sources += ["tap"] if any(options[key] for key in ("up", "down", "either")) else []
    if len(sources) > 1:
        refuse("Give only one of --virtual, --replay, and receivers of a line (--up, --down, --either).")
    captures.check(options["pcap"], options["replay"], options["offset"])
    if options["pcap"] and not options["replay"]:
        refuse("--pcap is joined with a recording: it needs --replay.")
    calls = [_call(text) for text in options["calls"]]
    if calls and options["replay"]:
        refuse("A recording cannot be sent anything: --send goes with --virtual, or --ip and --token.")
    if not sources and not calls:
        refuse(
            "Nothing to watch: give --virtual, --replay FILE, --up/--down URL, or --send with --ip and --token."
        )
    _check_effects(options, calls)
    if options["replay"]:
        replay(
            settings,
            options,
            "wires",
            Replay(options["replay"], options["speed"], _joining(settings, options)),
        )
    else:
        start = _Watch(settings, options, calls).start
        run(settings, options, "wires", start, inputs=[options["spec"]])


def _joining(
    settings: CliSettings, options: dict[str, Any]
) -> Callable[[Iterable[Record]], Iterable[Record]] | None:
    """Give what joins the recording with a capture; None without one."""
    pcap = options["pcap"]
    if pcap is None:
        return None
    return lambda records: captures.joined(settings, pcap, records, about=options["offset"])


def _check_effects(options: dict[str, Any], calls: Sequence[Call]) -> None:
    """See that every option that was given has an effect.

    :raises click.UsageError: for the first that has none
    """
    context = click.get_current_context()

    def given(*names: str) -> list[str]:
        return [each for each in names if was_typed(context, each)]

    if given("speed") and not options["replay"]:
        refuse("--speed is the pace of a replay: it needs --replay.")
    if given("every") and not (calls or options["spec"]):
        refuse("--every says how often something is sent: it needs --send or --virtual.")
    device = given("device", "ip", "timeout", "retries", "port", *(() if options["spec"] else TOKEN_OPTIONS))
    device = [name for name in device if not (options["pcap"] and name in captures.OF_CAPTURE)]
    if device and (options["spec"] or not calls):
        refuse(
            f"{option_of(device[0])} is about a device that is sent something: it needs --send, without --virtual."
        )


def _call(text: str) -> Call:
    method, _, params = text.strip().partition(" ")
    if not method:
        refuse("--send needs a method, such as 'miIO.info' or 'get_properties [{...}]'.")
    return method, read_value(params.strip()) if params.strip() else []


class _Watch:
    """One run of the command."""

    def __init__(self, settings: CliSettings, options: dict[str, Any], calls: Sequence[Call]) -> None:
        self._settings = settings
        self._options = options
        self._calls = calls

    def start(self, stack: ExitStack, observer: Observer, feed: Feed) -> None:
        """Begin to observe."""
        if self._options["spec"]:
            self._virtual(stack, observer, feed)
            return
        if any(self._options[key] for key in ("up", "down", "either")):
            opened_tap(stack, self._options, observer, feed)
        if self._calls:
            from miio_lan.cli.device.connect import opened
            from miio_lan.device.blocking import Device

            device = stack.enter_context(opened(self._settings, Device, observer=observer))
            self._send(stack, device, self._calls, feed)

    def _virtual(self, stack: ExitStack, observer: Observer, feed: Feed) -> None:
        from miio_lan.cli.device.properties import load_spec
        from miio_lan.device.blocking import Device
        from miio_lan.virtual.product import VirtualProduct

        spec = load_spec(self._options["spec"])
        product = stack.enter_context(
            VirtualProduct(spec, token=self._settings.token, observer=observer, lan_observer=observer)
        )
        echo(_address(product, own_token=self._settings.token is None), err=True)
        device = stack.enter_context(Device(product.host, product.token, port=product.port))
        self._send(stack, device, self._calls or [_reading(product.spec)], feed)

    def _send(self, stack: ExitStack, device: Device, calls: Sequence[Call], feed: Feed) -> None:
        sender = CommandSender(device, calls, self._options["every"], feed.say)
        stack.callback(sender.close)
        sender.start()


def _address(product: VirtualProduct, *, own_token: bool) -> str:
    token = product.token if own_token else "as given"
    return f"{product.spec.shown_model} at {product.host}, UDP port {product.port}, token {token}"


def _reading(spec: Spec) -> Call:
    readable = [each for service in spec.services for each in service.properties if "read" in each.access]
    params = [
        {"did": f"{each.siid}.{each.piid}", "siid": each.siid, "piid": each.piid}
        for each in readable[:_PROPERTIES_ASKED]
    ]
    return "get_properties", params


class CommandSender:
    """Sends commands to a device, again and again, in a thread of its own.

    :param every: seconds from one round to the next
    :param say: told what went wrong
    """

    def __init__(
        self, device: Device, calls: Sequence[Call], every: float, say: Callable[[str], object]
    ) -> None:
        self._say = say
        self._device = device
        self._calls = calls
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="miio watch (sending)", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for that."""
        self._stop.set()
        self._device.close()  # wakes a call that waits for its answer
        self._thread.join()

    def _run(self) -> None:
        from miio_lan.errors import DeviceException

        while not self._stop.is_set():
            due = time.monotonic() + self._every
            for method, params in self._calls:
                try:
                    self._device.send(method, params)
                except DeviceException as error:
                    if self._stop.is_set():
                        return
                    self._say(f"{method}: {error}")
            self._stop.wait(max(0.0, due - time.monotonic()))
