"""Asking all devices, and showing what comes of it: rows on a terminal as they come, or JSON Lines."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import click

from miio_lan.click_common.layout import columns
from miio_lan.click_common.output import echo, echo_json, error_fields
from miio_lan.device.fleet.fleet import LIMIT, Fleet
from miio_lan.device.fleet.named import default_path
from miio_lan.errors import DeviceException
from miio_lan.foreign import printable
from miio_lan.record.redact import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rich.console import Console

    from miio_lan.cli.options import CliSettings
    from miio_lan.device.fleet.fleet import DeviceOutcome
    from miio_lan.device.miot_aio import AsyncMiotDevice

_MOST_FOR_NAMES = 20
_SECONDS = 8


class FleetAnswer(NamedTuple):
    """What a device answered.

    :param document: as JSON has it
    :param text: in one row, for people
    :param error: what of it was refused, None where nothing was
    """

    document: Any
    text: str
    error: DeviceException | None = None


def ask_all(
    settings: CliSettings,
    options: Mapping[str, Any],
    ask: Callable[[AsyncMiotDevice], Awaitable[FleetAnswer]],
) -> None:
    """Ask the devices that the options name; end with exit code 1 if any of them failed.

    :raises DevicesFileError: if there is no such file, or no device of such a name in it
    """
    more: dict[str, Any] = {"timeout": settings.timeout, "debug": settings.verbose}
    path = options["file"] or default_path()
    fleet = Fleet.from_file(path, names=options["only"] or None, limit=options["limit"] or LIMIT, **more)
    if settings.retries is not None:
        for device in fleet.devices.values():
            device.retry_count = settings.retries
    # On Windows, the usual loop cannot watch sockets.
    runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
    with FleetRows(list(fleet.devices), json=settings.json) as rows, runner:
        runner.run(_ask(fleet, ask, options["within"], rows))
    if rows.failed:
        raise click.exceptions.Exit(1)


async def _ask(
    fleet: Fleet[Any],
    ask: Callable[[AsyncMiotDevice], Awaitable[FleetAnswer]],
    within: float | None,
    rows: FleetRows,
) -> None:
    async with fleet, aclosing(fleet.call(ask, within=within)) as outcomes:
        async for outcome in outcomes:
            rows.show(outcome)


class FleetRows:
    """A row for each device as its outcome comes, with the count below on a terminal; JSON Lines instead with --json.

    :param names: of all devices
    :param console: the terminal; by default stdout, when it is one
    """

    def __init__(self, names: list[str], *, json: bool, console: Console | None = None) -> None:
        self._all = len(names)
        self._json = json
        self._done = 0
        #: How many failed.
        self.failed = 0
        self._console = console if console is not None else None if json else _terminal()
        widest = max((len(printable(name)) for name in names), default=0)
        self._for_names = min(max(widest, 4), _MOST_FOR_NAMES)
        self._footer: Any = None

    def __enter__(self) -> Self:
        if self._console is not None:
            from miio_lan.cli.watch.footer import Footer

            self._footer = Footer(self._console)
            self._footer.start()
        if not self._json:
            self._print(f"{'NAME':<{self._for_names}}  {'SECONDS':>{_SECONDS}}  ANSWER", style="bold")
            self._count()
        return self

    def __exit__(self, *_: object) -> None:
        if self._footer is not None:
            self._footer.stop()
        if not self._json:
            echo(self._summary(), err=True)

    def show(self, outcome: DeviceOutcome[FleetAnswer]) -> None:
        """Show an outcome."""
        answer = outcome.result
        error = outcome.error or (answer.error if answer else None)
        self._done += 1
        self.failed += error is not None
        if self._json:
            echo_json(_document(outcome.name, answer, error, outcome.seconds))
            sys.stdout.flush()
            return
        text = answer.text if answer is not None else f"{type(error).__name__}: {error}"
        name = printable(outcome.name)
        cut = name if len(name) <= self._for_names else f"{name[: self._for_names - 3]}..."
        row = f"{cut:<{self._for_names}}  {outcome.seconds:>{_SECONDS}.3f}  {printable(redact(text))}"
        self._print(row, style="red" if error is not None else "")
        self._count()

    def _print(self, row: str, *, style: str) -> None:
        width = self._console.width if self._console is not None else columns(sys.stdout)
        shown = row if width is None or len(row) <= width else f"{row[: width - 3]}..."
        if self._console is None:
            echo(shown)
            sys.stdout.flush()
            return
        with self._footer.above():
            self._console.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)

    def _count(self) -> None:
        if self._footer is not None:
            self._footer.show(f"{self._summary()} · Ctrl-C ends")

    def _summary(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self._done} of {self._all} devices{failed}"


def _document(
    name: str, answer: FleetAnswer | None, error: DeviceException | None, seconds: float
) -> dict[str, Any]:
    document: dict[str, Any] = {"name": name, "ok": error is None, "seconds": round(seconds, 6)}
    if answer is not None:
        document["result"] = answer.document
    if error is not None:
        document["error"] = error_fields(error)
    return document


def _terminal() -> Console | None:
    if not sys.stdout.isatty():
        return None
    from miio_lan.cli.device.show import terminal

    return terminal()
