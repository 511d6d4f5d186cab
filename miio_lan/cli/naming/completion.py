"""Completion of names at a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the names that begin with what was typed; none where the file cannot be read: nobody is complained to."""
    from click.shell_completion import CompletionItem

    from miio_lan.device.fleet.named import DevicesFile
    from miio_lan.errors import DevicesFileError

    try:
        devices = DevicesFile().read()
    except DevicesFileError:
        return []
    return [
        CompletionItem(name, help=device.model or device.ip)
        for name, device in devices.items()
        if name.startswith(incomplete)
    ]
