"""What a shell offers when Tab is pressed behind an option, see "Completion" in the tutorial.

Loads what it names only when a shell asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def _items(names: dict[str, str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=told) for name, told in names.items() if name.startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's own signature
    """Let the shell name files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def descriptions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the descriptions that come with the package, and let the shell name files."""
    from miio_lan.device.description.spec import shipped_names

    # The file goes first: bash's part of the completion begins anew with it.
    return [
        *files(ctx, param, incomplete),
        *_items(dict.fromkeys(shipped_names(), "comes with miio-lan"), incomplete),
    ]


def misbehaviours(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Name how the virtual MCU can misbehave."""
    from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS

    given = ctx.params.get("misbehave") or ()
    return _items({name: told for name, told in MISBEHAVIOURS.items() if name not in given}, incomplete)


def allowances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Name what an acceptance check may be allowed."""
    from miio_lan.acceptance.tester.plan import ALLOWED

    return _items({**ALLOWED, "all": "everything"}, incomplete)
