"""``virtual module`` and ``virtual mcu``: one end of the line, on a serial port."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.device.properties import load_spec
from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings, command
from miio_lan.cli.signals import ended_by_signals
from miio_lan.cli.virtual import firmware
from miio_lan.cli.virtual import run as virtual_run
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.numbers import Between
from miio_lan.click_common.output import echo, echo_json
from miio_lan.lan import PORT
from miio_lan.uart.document import (
    BLE_PIDS,
    ESP_FIRMWARE_LIMIT,
    LONGEST_POLL_INTERVAL,
    RECOMMENDED_POLL_INTERVAL,
    SHORTEST_POLL_INTERVAL,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miio_lan.uart.ports.port import Port

_PORT = click.option(
    "--port",
    "line",
    metavar="URL|pty",
    default="pty",
    show_default=True,
    help="The serial line: /dev/ttyUSB0, socket://HOST:PORT, rfc2217://HOST:PORT, or pty to make one.",
)
_PACING = click.option("--baud-pacing", is_flag=True, help="Write no faster than 115200 baud would.")


@command("module", without=(*DEVICE_OPTIONS, "show_secrets"))
@_PORT
@_PACING
@virtual_run.PROFILE
@virtual_run.HOST
@click.option(
    "--udp-port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="UDP port, 0 for any free one.",
)
@virtual_run.TOKEN
@virtual_run.DID
@virtual_run.UNPROVISIONED
@virtual_run.module_options
@click.option(
    "--spec",
    metavar="FILE|NAME",
    shell_complete=completion.descriptions,
    help="What the product is: names the arguments of actions that callers give by their place.",
)
@click.option("--dual-mode", is_flag=True, help="A module with Bluetooth too (ble_config).")
@click.option(
    "--firmware",
    type=firmware.ImageFile("rb"),
    metavar="FILE",
    help="The image for the MCU that the order 'down update_fw' sends.",
)
@click.option(
    "--firmware-limit",
    type=click.IntRange(1),
    default=ESP_FIRMWARE_LIMIT,
    show_default=True,
    metavar="BYTES",
    help="The largest image it sends: 1 MB with most modules, less with some.",
)
@firmware.IMAGES_FOR
@virtual_run.BOOT_TIME
def module(settings: CliSettings, **options: Any) -> None:
    """Play the Wi-Fi module for an MCU on a serial line, and its LAN side on UDP.

    At a terminal, orders can be typed meanwhile. With -v, what crosses the line is logged to stderr, with -vv
    the idle polls and firmware blocks too.
    """
    from miio_lan.cli.virtual.orders import MODULE_ORDERS, module_orders
    from miio_lan.lan.cipher import parse_token
    from miio_lan.loop import wall_clock
    from miio_lan.virtual.host import ModuleHost
    from miio_lan.virtual.module.module import Module

    virtual_run.check_addresses(options)
    image = options["firmware"].read() if options["firmware"] is not None else None
    if image == b"":
        refuse(f"{options['firmware'].name} is empty: that is no firmware.")
    if image is not None and len(image) > options["firmware_limit"]:
        refuse(f"firmware of {len(image)} bytes: --firmware-limit is {options['firmware_limit']}")
    token = secrets.token_bytes(16) if options["token"] is None else parse_token(options["token"])
    spec = load_spec(options["spec"])
    chip = Module(
        device_id=options["did"] or secrets.randbelow(0x7FFFFFFF) + 1,
        token=token,
        mac=f"02{secrets.token_hex(5)}",
        profile=options["profile"],
        firmware_limit=options["firmware_limit"],
        provisioned=not options["unprovisioned"],
        dual_mode=options["dual_mode"],
        plain_images=options["images_for"],
        inputs=spec.inputs if spec is not None else None,
        wall=wall_clock,
        **virtual_run.module_settings(options),
    )
    firmware.prepare_module(chip)
    with ended_by_signals() as stop, _line(options["line"], paced=options["baud_pacing"]) as line:
        host = ModuleHost(
            chip,
            line,
            host=options["host"],
            port=options["udp_port"],
            ap_host=options["ap_host"],
            observer=virtual_run.line_log(settings.verbose) if settings.verbose else None,
        )
        with host:
            facts = {
                "line": line.name,
                "ip": host.address,
                "port": host.port,
                "token": token.hex(),
                "device_id": chip.chip.device_id,
            }
            _announce(settings, "virtual module", facts, MODULE_ORDERS)
            virtual_run.run_until(stop, host, module_orders(host, chip, image))


@click.command("mcu", cls=virtual_run.ListsMisbehaviours, without=(*DEVICE_OPTIONS, "show_secrets"))
@_PORT
@_PACING
@virtual_run.SPEC
@virtual_run.MODEL
@click.option("--mcu-version", "version", default="0001", show_default=True, help="Four digits.")
@click.option(
    "--poll-interval",
    type=Between(0.001, 60),
    default=RECOMMENDED_POLL_INTERVAL,
    show_default=True,
    metavar="SECONDS",
    help=f"How often it asks for work; the document wants {SHORTEST_POLL_INTERVAL} to {LONGEST_POLL_INTERVAL}.",
)
@click.option(
    "--ble-pid",
    type=click.IntRange(BLE_PIDS[0], BLE_PIDS[-1]),
    help="Report this product id (dual-mode modules).",
)
@firmware.mcu_options
@virtual_run.MISBEHAVE
@click.make_pass_decorator(CliSettings, ensure=True)
def mcu(settings: CliSettings, /, **options: Any) -> None:
    """Play the MCU of a product for a Wi-Fi module on a serial line.

    At a terminal, orders can be typed meanwhile. With -v, what crosses the line is logged to stderr, with -vv
    the idle polls and firmware blocks too.
    """
    from miio_lan.cli.virtual.orders import MCU_ORDERS, mcu_orders
    from miio_lan.virtual.host import McuHost
    from miio_lan.virtual.mcu.mcu import Mcu

    spec = load_spec(options["spec"])
    assert spec is not None  # noqa: S101 - the option has a default
    machine = Mcu(
        spec,
        model=options["model"],
        version=options["version"],
        poll_interval=options["poll_interval"],
        ble_pid=options["ble_pid"],
        misbehave=options["misbehave"],
    )
    firmware.prepare_mcu(machine, options)
    with ended_by_signals() as stop, _line(options["line"], paced=options["baud_pacing"]) as line:
        observer = virtual_run.line_log(settings.verbose) if settings.verbose else None
        with McuHost(machine, line, observer=observer) as host:
            facts: dict[str, Any] = {"line": line.name, "model": machine.model}
            facts |= {"model_guessed": True} if machine.model_guessed else {}
            _announce(settings, "virtual MCU", facts, MCU_ORDERS, virtual_run.shown_model(machine))
            virtual_run.run_until(stop, host, mcu_orders(host, machine, spec))


@contextlib.contextmanager
def _line(name: str, *, paced: bool) -> Iterator[Port]:
    from miio_lan.uart.ports.port import open_port

    with open_port(name, baud_pacing=paced) as line:
        yield line


def _announce(settings: CliSettings, what: str, facts: dict[str, Any], orders: str, model: str = "") -> None:
    if settings.json:
        echo_json(facts, secrets=True)  # that is what it is started for
        return
    lines = [
        f"{what.capitalize() if what.islower() else what[0].upper() + what[1:]} on {facts['line']}, 115200 8N1."
    ]
    if "token" in facts:
        reached_at = virtual_run.addresses_of(facts["ip"])[0]
        variables = {"IP": reached_at, "PORT": str(facts["port"]), "TOKEN": facts["token"]}
        lines.append(f"Did: {facts['device_id']}")
        lines += ["Its LAN side, for another shell:", *virtual_run.exports(variables)]
    if model:
        lines.append(f"Model: {model}")
    if virtual_run.orders_are_typed():
        lines.append(orders)
    echo("\n".join([*lines, "Ctrl-C ends it."]), fold=True)
