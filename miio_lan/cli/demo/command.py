"""``demo``: a virtual product, driven over the LAN, with what crossed the UART beside each command."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import DEVICE_OPTIONS, CliCommand, CliSettings
from miio_lan.click_common.layout import columns, folded, takes_colours
from miio_lan.click_common.numbers import Between
from miio_lan.click_common.output import echo, echo_json, error_fields, plain, render
from miio_lan.foreign import printable
from miio_lan.record.redact import redact_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from miio_lan.bench.bench import Bench
    from miio_lan.cli.demo.steps import DemoStep
    from miio_lan.device.miot import MiotDevice
    from miio_lan.record import Record
    from miio_lan.record.lanes import Lanes
    from miio_lan.virtual.product import VirtualProduct

DEMO_ANSWER_TIME = 1.0
"""Seconds the module waits for its MCU here; 4 in real ones."""
LINE_TIMEOUT = 5.0
"""Seconds until a line counts as missing; it takes milliseconds."""
BOOT_LINES = ("mcu_version", "ok", "down MIIO_net_change cloud", "properties_changed 1 5", "ok")
"""What the shipped lamp and the module say to each other before the first command."""
_WIDTH = 80


@click.command("demo", cls=CliCommand, without=(*DEVICE_OPTIONS, "show_secrets"))
@click.option(
    "--answer-time",
    type=Between(0.05, 60),
    default=DEMO_ANSWER_TIME,
    show_default=True,
    metavar="SECONDS",
    help="How long the module waits for its MCU; real ones wait 4.",
)
@click.make_pass_decorator(CliSettings, ensure=True)
def demo(settings: CliSettings, /, answer_time: float) -> None:
    """Show it all without hardware: a virtual product on loopback, and both of its wires side by side.

    The exit code is 0 only if every step ends as it must.
    """
    from miio_lan.bench.bench import Bench, Recorder
    from miio_lan.cli.demo.steps import steps_for
    from miio_lan.device.miot import MiotDevice
    from miio_lan.virtual.module.profile import DOCUMENT
    from miio_lan.virtual.product import VirtualProduct

    recorder = Recorder()
    # What the client sends again under the same id is dropped, as by the products that were looked at.
    options = replace(DOCUMENT.options, id_memory="silent")
    profile: Any = replace(DOCUMENT, answer_time=answer_time, options=options)
    with (
        VirtualProduct(profile=profile, observer=recorder.observe) as product,
        MiotDevice(
            product.host,
            product.token,
            port=product.port,
            debug=settings.verbose,
            observer=recorder.observe,
        ) as device,
    ):
        # The lines of the boot belong to no command.
        missing_lines(Bench(device, recorder, late=False), BOOT_LINES)
        if not settings.json:
            _introduce(product)
        outcomes = []
        for number, step in enumerate(steps_for(product), 1):
            recorder.begin()
            outcome = perform(step, Bench(device, recorder, product.spec, late=False))
            outcomes.append(outcome)
            if not settings.json:
                _show(number, outcome)
        _conclude(settings, product, outcomes)


@dataclass(frozen=True)
class StepOutcome:
    """What came of a step.

    :param records: what crossed the wires meanwhile, in the order of time
    :param problem: what is not as it must be, empty when all is
    """

    step: DemoStep
    result: object
    error: Exception | None
    records: list[Record]
    problem: str


def perform(step: DemoStep, bench: Bench[MiotDevice]) -> StepOutcome:
    """Do a step, wait for the lines that belong to it, and judge it."""
    from miio_lan.errors import DeviceException

    result, failure = None, None
    try:
        result = step.run(bench.device)
    except DeviceException as error:
        failure = error
    missing = missing_lines(bench, step.uart)
    return StepOutcome(step, result, failure, bench.records, _problem(step, result, failure) or missing)


def missing_lines(bench: Bench[MiotDevice], beginnings: Sequence[str]) -> str:
    """Wait for lines that begin like this, in this order; say which do not come, nothing where all do."""
    from miio_lan.bench.bench import ExpectationFailed

    last = None
    for beginning in beginnings:
        try:
            last = bench.uart.wait_for(beginning, since=last, timeout=LINE_TIMEOUT)
        except ExpectationFailed:
            return f"on the UART was expected: {', '.join(beginnings)}"
    return ""


def _problem(step: DemoStep, result: object, failure: Exception | None) -> str:
    if step.error is not None:
        kind, code = step.error
        if not isinstance(failure, kind) or getattr(failure, "code", None) != code:
            return f"{kind.__name__} with code {code} was expected"
    elif failure is not None or step.right is None or not step.right(result):
        return "another result was expected"
    return ""


# --- what is shown -------------------------------------------------------------------------------------------------


def _introduce(product: VirtualProduct) -> None:
    what = f"{product.spec.description} ({product.mcu.model}), virtual, at UDP port {product.port}."
    echo(_readable(what), fold=True)
    echo("Each command takes the way it takes in hardware:", fold=True)
    line = "in memory: there are no pseudo-terminals here" if product.in_memory else "here a pty"
    echo(_readable(f"client → LAN → Wi-Fi module → UART ({line}) → MCU, and back."), fold=True)
    echo(_styled(_readable("\n" + _lanes().header), bold=True), styled=True)


def _show(number: int, outcome: StepOutcome) -> None:
    step = outcome.step
    title = folded(f"\n{number}. {step.title}", _width(), "   ")
    echo(_styled(title, bold=True) + f"\n{folded(f'   {step.call}', _width())}", styled=True)
    for line in _rows(outcome.records):
        echo(_readable(line))
    if outcome.problem:
        told = _wrapped(printable(outcome.problem), first=11)
        came = folded(printable(f"   came: {_came(outcome)}", rows=True), _width(), "   ")
        echo(_styled("   FAILED: ", fg="red") + f"{told}\n{came}", styled=True)
    else:
        echo(_styled("   as expected: ", fg="green") + _wrapped(step.expected, first=16), styled=True)


def _lanes() -> Lanes:
    from miio_lan.record.lanes import Lanes

    return Lanes("wires", width=_width(), millis=True)


def _width() -> int:
    """Give the columns there are, of those that are enough."""
    return min(columns(sys.stdout) or _WIDTH, _WIDTH)


def _rows(records: list[Record]) -> Iterator[str]:
    """Show both wires side by side, from the first datagram on."""
    from miio_lan.bench.trace import without_polls

    start, lanes = _beginning(records), _lanes()
    shown, polls = without_polls([record for record in records if record.instant >= start])
    for record in shown:
        yield from lanes.rows(record)
    if polls:
        before = " " * len(lanes.header.partition("UART")[0])
        yield folded(f"{before}({polls} polls that fetched nothing)", _width())


def _beginning(records: list[Record]) -> float:
    """Give the instant of the first datagram."""
    return next((record.instant for record in records if record.wire == "lan"), 0.0)


def _wrapped(text: str, first: int) -> str:
    lines = textwrap.wrap(text, _width(), initial_indent=" " * first, subsequent_indent="   ")
    return "\n".join(lines).lstrip()


def _came(outcome: StepOutcome) -> str:
    if outcome.error is not None:
        return f"{type(outcome.error).__name__}: {outcome.error}"
    return render(outcome.result) or "nothing"


def _conclude(settings: CliSettings, product: VirtualProduct, outcomes: list[StepOutcome]) -> None:
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    if settings.json:
        facts = {"model": product.mcu.model, "ip": product.host, "port": product.port}
        echo_json({"ok": not failed, "product": facts, "steps": [_document(each) for each in outcomes]})
    elif failed:
        echo(_styled(f"\n{failed} of {len(outcomes)} steps did not end as expected.", fg="red"), styled=True)
    else:
        echo(f"\nAll {len(outcomes)} steps ended as expected.")
    if failed:
        click.get_current_context().exit(1)


def _document(outcome: StepOutcome) -> dict[str, Any]:
    start = _beginning(outcome.records)

    def timed(wire: str) -> list[dict[str, Any]]:
        return [
            {"ms": round((record.instant - start) * 1000, 3), **record.as_json()}
            for record in map(redact_record, outcome.records)
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
    # click takes colours out of what does not go to a terminal.
    return click.style(text, **style) if takes_colours() else text


def _readable(text: str) -> str:
    """Write arrows with plain characters where stdout cannot take them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("→", ">").replace("←", "<")
    return text
