"""``virtual``: run a virtual product until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import DEVICE_OPTIONS, Command, Settings
from miio_lan.cli.properties import load_spec
from miio_lan.click_common.output import echo, echo_json, visible
from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from miio_lan.record import Observer, Record
    from miio_lan.virtual.product import VirtualProduct

_LOGGER = logging.getLogger(__name__)

PORT = 54321


class _Virtual(Command):
    """Lists the misbehaviours in its help, without loading them for anything else."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from miio_lan.virtual.misbehave import MISBEHAVIOURS

        with formatter.section("Misbehaviours"):
            formatter.write_dl(list(MISBEHAVIOURS.items()))


@click.command("virtual", cls=_Virtual, without=DEVICE_OPTIONS)
@click.option("--host", "--ip", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="UDP port, 0 for any free one.",
)
@click.option("--token", help="32 hexadecimal digits; random by default.")
@click.option("--spec", metavar="FILE|NAME", default="lamp", show_default=True, help="What the product is.")
@click.option(
    "--profile",
    type=click.Choice(["document", "older", "newer"]),
    default="document",
    show_default=True,
    help="How its Wi-Fi module behaves.",
)
@click.option("--unprovisioned", is_flag=True, help="Not set up yet: it shows its token to everybody.")
@click.option(
    "--misbehave", metavar="NAME", multiple=True, help="How its MCU misbehaves, see below; repeatable."
)
@click.make_pass_decorator(Settings, ensure=True)
def virtual(settings: Settings, /, **options: Any) -> None:
    """Run a virtual product until Ctrl-C, and print its address and token.

    Ending it by Ctrl-C is its ordinary end: the exit code is 0. With -v, what crosses its UART is logged to stderr,
    with -vv the idle polls too.
    """
    from miio_lan.virtual.product import VirtualProduct

    product = VirtualProduct(
        load_spec(options["spec"]),
        host=options["host"],
        port=options["port"],
        token=options["token"],
        profile=options["profile"],
        provisioned=not options["unprovisioned"],
        misbehave=options["misbehave"],
        observer=_line_log(settings.verbose) if settings.verbose else None,
    )
    stop = threading.Event()
    with ended_by_signals(stop), _started(product):
        if settings.json:
            echo_json(_facts(product))
        else:
            echo("\n".join(_lines(product)))
        # Waited for in slices: a failure in the product's own thread is to be seen.
        while not stop.wait(1.0):
            product.call(lambda _now: None)


def _started(product: VirtualProduct) -> VirtualProduct:
    try:
        product.start()
    except DeviceException as error:
        taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        raise (
            DeviceException(f"{error}; --port 0 takes any free one") if taken else error
        ) from error.__cause__
    return product


def _line_log(verbose: int) -> Observer:
    idle = () if verbose > 1 else (b"get_down\r", b"down none\r")

    def log(record: Record) -> None:
        if record.raw not in idle:
            arrow = "MCU <-" if record.direction == "down" else "MCU ->"
            text = record.raw.decode("ascii", "backslashreplace").rstrip("\r\n")
            _LOGGER.info("%s %s%s", arrow, visible(text), f" ({record.note})" if record.note else "")

    return log


@contextlib.contextmanager
def ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and a plain ``kill`` set ``stop`` for the length of a block."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _facts(product: VirtualProduct) -> dict[str, Any]:
    return {
        "ip": product.host,
        "port": product.port,
        "token": product.token,
        "device_id": product.device_id,
        "model": product.mcu.model,
    }


def _lines(product: VirtualProduct) -> list[str]:
    variables = f"MIIO_LAN_IP={product.host} MIIO_LAN_TOKEN={product.token}"
    if product.port != PORT:
        variables += f" MIIO_LAN_PORT={product.port}"
    return [
        f"Model:    {product.mcu.model}",
        f"Address:  {product.host}",
        f"Port:     {product.port} (UDP)",
        f"Token:    {product.token}",
        "",
        "In another shell:",
        f"  export {variables}",
        "  miio-lan info",
        "",
        "Ctrl-C ends it.",
    ]
