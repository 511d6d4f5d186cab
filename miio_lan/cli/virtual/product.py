"""``virtual product``: run a whole virtual product until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.device.properties import load_spec
from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings
from miio_lan.cli.signals import ended_by_signals
from miio_lan.cli.virtual import firmware
from miio_lan.cli.virtual import run as virtual_run
from miio_lan.click_common.output import echo, echo_json
from miio_lan.errors import DeviceException
from miio_lan.foreign import printable
from miio_lan.lan import PORT

if TYPE_CHECKING:
    from miio_lan.cli.virtual.taps import Taps
    from miio_lan.record import Observer, Record
    from miio_lan.virtual.product import VirtualProduct


@click.command("product", cls=virtual_run.ListsMisbehaviours, without=(*DEVICE_OPTIONS, "show_secrets"))
@virtual_run.HOST
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="UDP port, 0 for any free one.",
)
@virtual_run.TOKEN
@virtual_run.DID
@virtual_run.SPEC
@virtual_run.MODEL
@virtual_run.PROFILE
@virtual_run.BOOT_TIME
@virtual_run.UNPROVISIONED
@firmware.IMAGES_FOR
@firmware.mcu_options
@virtual_run.module_options
@virtual_run.MISBEHAVE
@click.option("--tap", is_flag=True, help="Let its UART be listened to, at two ports that are printed.")
@click.make_pass_decorator(CliSettings, ensure=True)
def product(settings: CliSettings, /, **options: Any) -> None:
    """Run a virtual product until Ctrl-C, and print its address and token.

    Ending it by Ctrl-C is its ordinary end: the exit code is 0. With -v, what crosses its UART is logged to stderr,
    with -vv the idle polls and firmware blocks too. At a terminal, orders can be typed meanwhile.
    """
    from miio_lan.cli.virtual.orders import MCU_ORDERS, mcu_orders

    virtual_run.check_addresses(options)
    with contextlib.ExitStack() as stack:
        taps = stack.enter_context(_taps()) if options["tap"] else None
        made = _product(settings, options, taps)
        stop = stack.enter_context(ended_by_signals())
        stack.enter_context(_started(made, options["port"]))
        if settings.json:
            echo_json(_facts(made, taps), secrets=True)  # that is what it is started for
        else:
            echo("\n".join(_lines(made, taps)), fold=True)
            if virtual_run.orders_are_typed():
                echo(MCU_ORDERS, fold=True)
        virtual_run.run_until(stop, made, mcu_orders(made, made.mcu, made.spec))


def _taps() -> Taps:
    from miio_lan.cli.virtual.taps import Taps

    return Taps()


def _product(settings: CliSettings, options: dict[str, Any], taps: Taps | None) -> VirtualProduct:
    from miio_lan.virtual.product import VirtualProduct

    observers: list[Observer] = [taps.observe] if taps is not None else []
    if settings.verbose:
        observers.append(virtual_run.line_log(settings.verbose))

    def observe(record: Record) -> None:
        for each in observers:
            each(record)

    made = VirtualProduct(
        load_spec(options["spec"]),
        host=options["host"],
        port=options["port"],
        token=options["token"],
        device_id=options["did"],
        profile=options["profile"],
        provisioned=not options["unprovisioned"],
        ap_host=options["ap_host"],
        misbehave=options["misbehave"],
        observer=observe if observers else None,
        mcu_options={"model": options["model"]},
        module_options=virtual_run.module_settings(options) | {"plain_images": options["images_for"]},
    )
    firmware.prepare_mcu(made.mcu, options)
    firmware.prepare_module(made.module)
    return made


def _started(product: VirtualProduct, port: int) -> VirtualProduct:
    try:
        product.start()
    except DeviceException as error:
        taken = port and isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        raise (
            DeviceException(f"{error}; --port 0 takes any free one") if taken else error
        ) from error.__cause__
    return product


def _facts(product: VirtualProduct, taps: Taps | None) -> dict[str, Any]:
    return {
        "ip": product.address,
        "port": product.port,
        "token": product.token,
        "device_id": product.device_id,
        "provisioned": product.module.provisioned,
        "model": product.mcu.model,
        **({"in_memory": True} if product.in_memory else {}),
        **({"model_guessed": True} if product.mcu.model_guessed else {}),
        **({"tap_down": taps.down, "tap_up": taps.up} if taps is not None else {}),
    }


def _lines(product: VirtualProduct, taps: Taps | None) -> list[str]:
    addresses = virtual_run.addresses_of(product.address)
    ready = product.module.provisioned
    variables = {"IP": addresses[0], **({"TOKEN": product.token} if ready else {})}
    if product.port != PORT:
        variables["PORT"] = str(product.port)
    return [
        f"Model:    {virtual_run.shown_model(product.mcu)}",
        f"Address:  {', '.join(addresses)}",
        f"Port:     {product.port} (UDP)",
        f"Token:    {product.token}",
        f"Did:      {product.device_id}",
        *(["Line:     in memory, for there are no pseudo-terminals here"] if product.in_memory else []),
        *(
            []
            if ready
            else [f"Not set up: it is the access point {printable(product.module.chip.access_point)}"]
        ),
        *([f"Taps:     {taps.down} hears the module, {taps.up} the MCU"] if taps is not None else []),
        "",
        "In another shell:",
        *virtual_run.exports(variables),
        "  miio-lan info" if ready else "  miio-lan provision --ssid NAME --ask-password",
        "",
        "Ctrl-C ends it.",
    ]
