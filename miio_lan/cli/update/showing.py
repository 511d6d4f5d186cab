"""The phases of an update: a bar on a terminal, lines elsewhere, JSON Lines for programs."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from miio_lan.click_common.output import echo, echo_json
from miio_lan.device.ota.outcome import Phase
from miio_lan.foreign import printable

if TYPE_CHECKING:
    from types import TracebackType

    from miio_lan.cli.options import CliSettings
    from miio_lan.device.ota.outcome import UpdatePhase, UpdateResult

#: Percent between two rows about the progress, where there is no bar.
PERCENT_STEP = 10


def row_of(phase: UpdatePhase) -> str:
    """Write a phase in one row."""
    text = phase.text
    if phase.phase is Phase.Progress:
        fetched = f", {phase.fetched} bytes fetched" if phase.fetched else ""
        text = f"{phase.progress} %{fetched}"
    return printable(f"{phase.at:7.1f} s  {phase.phase.value:<10} {text}").rstrip()


class Shown(AbstractContextManager["Shown"], ABC):
    """Shows phases as they come."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the terminal back, where it was changed."""

    @abstractmethod
    def phase(self, phase: UpdatePhase, result: UpdateResult | None) -> None:
        """Show a phase.

        :param result: how the update ended, with the last one
        """


class JsonLines(Shown):
    """Each phase as a line of JSON; the one named ``ended`` has the result."""

    def phase(self, phase: UpdatePhase, result: UpdateResult | None) -> None:
        """Show a phase."""
        document: dict[str, Any] = phase.as_json()
        if phase.phase is Phase.Ended and result is not None:
            document["result"] = result.as_json()
        echo_json(document)
        sys.stdout.flush()


class UpdateRows(Shown):
    """Each phase as a row; the progress now and then."""

    def __init__(self) -> None:
        self._told = 0

    def phase(self, phase: UpdatePhase, result: UpdateResult | None) -> None:  # noqa: ARG002 - told at the end
        """Show a phase."""
        if phase.phase is Phase.Ended:
            return
        if phase.phase is Phase.Progress:
            if phase.progress < self._told + PERCENT_STEP:
                return
            self._told = phase.progress - phase.progress % PERCENT_STEP
        echo(row_of(phase), fold=True)
        sys.stdout.flush()


class Bar(Shown):
    """Rows, and below them a bar with the percentage."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from miio_lan.cli.device.show import terminal

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=terminal())
        self._bar = self._progress.add_task("asking", total=100)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def phase(self, phase: UpdatePhase, result: UpdateResult | None) -> None:  # noqa: ARG002 - told at the end
        """Show a phase."""
        if phase.phase not in (Phase.Progress, Phase.Ended):
            self._progress.console.print(row_of(phase), markup=False, soft_wrap=True)
        told = printable(phase.state) or phase.phase.value
        if phase.fetched:
            told += f", {phase.fetched} bytes"
        self._progress.update(self._bar, completed=phase.progress, description=told)


def shown(settings: CliSettings) -> Shown:
    """Choose how phases are shown."""
    if settings.json:
        return JsonLines()
    return Bar() if sys.stdout.isatty() else UpdateRows()
