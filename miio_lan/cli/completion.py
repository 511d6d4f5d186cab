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

    return [
        CompletionItem(name, help=told or None) for name, told in names.items() if name.startswith(incomplete)
    ]


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


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the models whose descriptions were fetched, and what :func:`descriptions` has."""
    from miio_lan.device.description.cache import fetched_models

    return [
        *descriptions(ctx, param, incomplete),
        *_items(dict.fromkeys(fetched_models(), "was fetched"), incomplete),
    ]


def properties(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the properties of the product that can be read, where its model is known."""
    return _named(ctx, param, incomplete, "readable")


def assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the properties of the product that can be set."""
    return _named(ctx, param, incomplete, "writable")


def actions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the actions of the product."""
    return _named(ctx, param, incomplete, "actions")


def _named(ctx: click.Context, param: click.Parameter, incomplete: str, kind: str) -> list[CompletionItem]:
    """Name what a description has; nothing where none is known. No device is asked, and nobody is complained to.

    bash takes ``light:br`` for three words, of which the last one is completed: only what follows the colon is named.
    """
    from miio_lan.cli.device.described import find_spec, stored_model
    from miio_lan.cli.options import CliSettings
    from miio_lan.device.description.cache import cached
    from miio_lan.device.description.names import full_name
    from miio_lan.errors import DeviceException

    try:
        settings = ctx.ensure_object(CliSettings)
        named, model = ctx.params.get("spec"), stored_model(settings)
        spec = find_spec(named) if named else cached(model) if model else None
    except DeviceException:
        return []
    names = [full_name(spec, thing) for thing in getattr(spec, kind)()] if spec is not None else []
    given = ctx.params.get(param.name or "") or ()
    before = [*([given] if isinstance(given, str) else given), *([":"] if incomplete == ":" else [])]
    if len(before) > 1 and before[-1] == ":":
        service, rest = f"{before[-2]}:", "" if incomplete == ":" else incomplete
        names = [each.removeprefix(service) for each in names if each.startswith(service)]
        return _items(dict.fromkeys(names, ""), rest)
    return _items(dict.fromkeys(names, ""), incomplete)


def misbehaviours(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Name how the virtual MCU can misbehave."""
    from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS

    given = ctx.params.get("misbehave") or ()
    return _items({name: told for name, told in MISBEHAVIOURS.items() if name not in given}, incomplete)


def allowances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Name what an acceptance check may be allowed."""
    from miio_lan.acceptance.tester.plan import ALLOWED

    return _items({**ALLOWED, "all": "everything"}, incomplete)
