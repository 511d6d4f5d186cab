"""``demo``: a virtual product, driven over the LAN, with what crossed the UART beside each command."""

from __future__ import annotations

import os
import sys
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import DEVICE_OPTIONS, CliCommand, CliSettings
from miio_lan.click_common.numbers import Between
from miio_lan.click_common.output import echo, echo_json, error_fields, plain, render

if TYPE_CHECKING:
    from miio_lan.cli.demo.steps import Step
    from miio_lan.cli.watch.timeline import Trace
    from miio_lan.device.miot import MiotDevice
    from miio_lan.record import Record
    from miio_lan.virtual.product import VirtualProduct

ANSWER_TIME = 1.0
"""Seconds the module waits for its MCU here; 4 in real ones."""
PATIENCE = 5.0
"""Seconds until lines count as missing; they take milliseconds."""
BOOT = ("mcu_version", "ok", "down MIIO_net_change cloud", "properties_changed 1 5", "ok")
"""What the shipped lamp and the module say to each other before the first command."""
_WIDTH = 80


@click.command("demo", cls=CliCommand, without=DEVICE_OPTIONS)
@click.option(
    "--answer-time",
    type=Between(0.05, 60),
    default=ANSWER_TIME,
    show_default=True,
    metavar="SECONDS",
    help="How long the module waits for its MCU; real ones wait 4.",
)
@click.make_pass_decorator(CliSettings, ensure=True)
def demo(settings: CliSettings, /, answer_time: float) -> None:
    """Show it all without hardware: a virtual product on loopback, and both of its wires side by side.

    The exit code is 0 only if every step ends as it must.
    """
    from miio_lan.cli.demo.steps import steps_for
    from miio_lan.cli.watch.timeline import Trace, in_order
    from miio_lan.device.miot import MiotDevice
    from miio_lan.virtual.module.profile import DOCUMENT
    from miio_lan.virtual.product import VirtualProduct

    trace = Trace()
    # What the client sends again under the same id is dropped, as by the products that were looked at.
    options = replace(DOCUMENT.options, id_memory="silent")
    profile: Any = replace(DOCUMENT, answer_time=answer_time, options=options)
    with VirtualProduct(profile=profile, observer=trace.observe) as product:
        # The lines of the boot belong to no command.
        trace.take(lambda records: in_order(records, BOOT), PATIENCE)
        if not settings.json:
            _introduce(product)
        with MiotDevice(
            product.host, product.token, port=product.port, debug=settings.verbose, observer=trace.observe
        ) as device:
            outcomes = []
            for number, step in enumerate(steps_for(product), 1):
                outcome = perform(step, device, trace)
                outcomes.append(outcome)
                if not settings.json:
                    _show(number, outcome)
        _conclude(settings, product, outcomes)


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    :param problem: what is not as it must be, empty when all is
    """

    step: Step
    result: object
    error: Exception | None
    records: list[Record]
    problem: str


def perform(step: Step, device: MiotDevice, trace: Trace) -> Outcome:
    """Do a step, wait for the lines that belong to it, and judge it."""
    from miio_lan.cli.watch.timeline import in_order
    from miio_lan.errors import DeviceException

    trace.take(lambda _records: True, 0)  # polls between the steps
    result, failure = None, None
    try:
        result = step.run(device)
    except DeviceException as error:
        failure = error
    records = trace.take(lambda records: in_order(records, step.uart), PATIENCE)
    return Outcome(step, result, failure, records, _problem(step, result, failure, records))


def _problem(step: Step, result: object, failure: Exception | None, records: list[Record]) -> str:
    from miio_lan.cli.watch.timeline import in_order

    if step.error is not None:
        kind, code = step.error
        if not isinstance(failure, kind) or getattr(failure, "code", None) != code:
            return f"{kind.__name__} with code {code} was expected"
    elif failure is not None or step.right is None or not step.right(result):
        return "another result was expected"
    return "" if in_order(records, step.uart) else f"on the UART was expected: {', '.join(step.uart)}"


# --- what is shown -------------------------------------------------------------------------------------------------


def _introduce(product: VirtualProduct) -> None:
    from miio_lan.cli.watch.timeline import HEADER

    echo(_readable(f"{product.spec.description} ({product.mcu.model}), virtual, at UDP port {product.port}."))
    echo("Each command takes the way it takes in hardware:")
    echo(_readable("client → LAN → Wi-Fi module → UART (here a pty) → MCU, and back."))
    echo(_styled(_readable("\n" + HEADER), bold=True))


def _show(number: int, outcome: Outcome) -> None:
    from miio_lan.cli.watch.timeline import lines_of

    step = outcome.step
    echo(_styled(f"\n{number}. {step.title}", bold=True) + f"\n   {step.call}")
    for line in lines_of(outcome.records):
        echo(_readable(line))
    if outcome.problem:
        echo(_styled("   FAILED: ", fg="red") + outcome.problem + "\n   came: " + _came(outcome))
    else:
        echo(_styled("   as expected: ", fg="green") + _wrapped(step.expected, first=16))


def _wrapped(text: str, first: int) -> str:
    lines = textwrap.wrap(text, _WIDTH, initial_indent=" " * first, subsequent_indent="   ")
    return "\n".join(lines).lstrip()


def _came(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"{type(outcome.error).__name__}: {outcome.error}"
    return render(outcome.result) or "nothing"


def _conclude(settings: CliSettings, product: VirtualProduct, outcomes: list[Outcome]) -> None:
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    if settings.json:
        facts = {"model": product.mcu.model, "ip": product.host, "port": product.port}
        echo_json({"ok": not failed, "product": facts, "steps": [_document(each) for each in outcomes]})
    elif failed:
        echo(_styled(f"\n{failed} of {len(outcomes)} steps did not end as expected.", fg="red"))
    else:
        echo(f"\nAll {len(outcomes)} steps ended as expected.")
    if failed:
        click.get_current_context().exit(1)


def _document(outcome: Outcome) -> dict[str, Any]:
    from miio_lan.cli.watch.timeline import beginning

    start = beginning(outcome.records)

    def timed(wire: str) -> list[dict[str, Any]]:
        return [
            {"ms": round((record.instant - start) * 1000, 3), **record.as_json()}
            for record in outcome.records
            if record.wire == wire
        ]

    step = outcome.step
    came = (
        {"result": plain(outcome.result)} if outcome.error is None else {"error": error_fields(outcome.error)}
    )
    return {
        "title": step.title,
        "call": step.call,
        "expected": step.expected,
        "ok": not outcome.problem,
        **({"problem": outcome.problem} if outcome.problem else {}),
        **came,
        "lan": timed("lan"),
        "uart": timed("uart"),
    }


def _styled(text: str, **style: Any) -> str:
    # click takes colours out of what does not go to a terminal; NO_COLOR is the reader's own wish.
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def _readable(text: str) -> str:
    """Write arrows with plain characters where stdout cannot take them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("→", ">").replace("←", "<")
    return text
