"""What a benchmark found: rows of target, figures and verdict, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from benchmarks.timing import Ratio


class NotMeasured(Exception):
    """A figure could not be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure and its target.

    :param part: name of the benchmark
    :param what: what was measured, and in which unit
    :param figure: miio_lan's; None where it could not be taken
    :param python_miio: python-miio's figure in the same unit; None where the figure itself is relative to it
    :param details: what stands behind the figure, for people who doubt it
    """

    part: str
    what: str
    figure: float | None
    relation: Literal["<=", ">="]
    limit: float
    python_miio: float | None = None
    details: dict[str, object] = field(default_factory=dict)

    def measured(self, ours: Ratio, theirs: Ratio | None, more: Mapping[str, object] | None = None) -> Row:
        """Make the row of a target with the ratios that were found."""
        details: dict[str, object] = {**(more or {}), "miio_lan": ours}
        if theirs is not None:
            details["python-miio"] = theirs
        return replace(
            self, figure=ours.median, python_miio=None if theirs is None else theirs.median, details=details
        )

    @property
    def passed(self) -> bool:
        """Whether the target is reached; what was not measured is not."""
        if self.figure is None:
            return False
        return self.figure <= self.limit if self.relation == "<=" else self.figure >= self.limit

    def as_json(self) -> dict[str, object]:
        """Give the row as a JSON object."""
        return {**asdict(self), "passed": self.passed}


def not_measured(row: Row, reason: object) -> Row:
    """Make the row that stands for a figure that could not be taken."""
    return Row(row.part, row.what, None, row.relation, row.limit, None, {"not measured": str(reason)})


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:d}" if isinstance(value, int) else f"{value:.3g}"


def table(rows: list[Row]) -> str:
    """Lay the rows out for people."""
    head = ("part", "what", "target", "miio_lan", "python-miio", "")
    lines = [head]
    for row in rows:
        verdict = "pass" if row.passed else "MISS" if row.figure is not None else "NOT MEASURED"
        target = f"{row.relation} {_number(row.limit)}"
        lines.append((row.part, row.what, target, _number(row.figure), _number(row.python_miio), verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = []
    for line in lines:
        cells = [
            cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "  ".join("-" * width for width in widths))
    notes = [_note(row) for row in rows if row.details]
    return "\n".join([*text, "", *notes])


def _note(row: Row) -> str:
    shown = [f"{key} {_shown(value)}" for key, value in row.details.items()]
    return f"{row.part}: " + "; ".join(shown)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
