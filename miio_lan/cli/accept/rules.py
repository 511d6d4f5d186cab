"""``accept --rules``: what products are held to, without a product."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

from miio_lan.cli.options import was_typed
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.layout import colour_system, columns
from miio_lan.click_common.output import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.acceptance.verdict import Rule
    from miio_lan.cli.options import CliSettings


#: Columns in which the table cuts no name.
_ENOUGH = 100
_OF_ITS_OWN = {"rules", "json", "verbose", "help"}


def refuse_others() -> None:
    """See that nothing was given beside ``--rules`` that has no effect with it.

    :raises click.UsageError: if anything was
    """
    context = click.get_current_context()
    for name in {each.name for each in context.command.params if each.name} - _OF_ITS_OWN:
        if was_typed(context, name):
            refuse("--rules lists what products are held to: no device, port or recording goes with it.")


def list_rules(settings: CliSettings) -> None:
    """Print all rules: as a table on a terminal, or a list on a narrow one; one in a line in a pipe; or as JSON."""
    from miio_lan.acceptance.rules.all import RULES

    if settings.json:
        echo_json([rule.as_json() for rule in RULES])
    elif sys.stdout.isatty():
        width = columns(sys.stdout) or _ENOUGH
        if width < _ENOUGH:
            echo(list_of(RULES), fold=True)
        else:
            echo(table_of(RULES), end="", styled=True)
    else:
        for rule in RULES:
            echo(f"{rule.name}\t{rule.severity}\t{rule.title}\t{rule.source}")


def list_of(rules: Iterable[Rule]) -> str:
    """Lay rules out one below the other by their kinds, for a terminal on which the table would cut their names."""
    from miio_lan.acceptance.verdict import KINDS

    kept = list(rules)
    parts = []
    for kind, heading in KINDS.items():
        of_kind = [rule for rule in kept if rule.kind == kind]
        parts += [f"\n{heading}:"] if of_kind else []
        parts += [
            f"\n  {rule.name} ({rule.severity})\n    {rule.title}\n    [{rule.source}]" for rule in of_kind
        ]
    return "\n".join(parts).strip("\n")


def table_of(rules: Iterable[Rule], width: int | None = None) -> str:
    """Lay rules out as a table by their kinds.

    :param width: columns; those of the terminal by default
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from miio_lan.acceptance.verdict import KINDS

    kept = list(rules)
    table = Table("Rule", "What it asks", "Severity", "Source", box=SIMPLE)
    for kind, heading in KINDS.items():
        if not any(rule.kind == kind for rule in kept):
            continue
        table.add_section()
        table.add_row(Text(heading, style="bold"))
        for rule in kept:
            if rule.kind == kind:
                table.add_row(*map(Text, (rule.name, rule.title, rule.severity, rule.source)))
    # Not to stdout itself: rich fails where characters are unknown to it.
    paper = io.StringIO()
    Console(
        file=paper, force_terminal=width is None, highlight=False, width=width, color_system=colour_system()
    ).print(table)
    return paper.getvalue()
