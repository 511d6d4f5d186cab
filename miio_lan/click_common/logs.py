"""Logging to stderr for the length of one command."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def log_to_stderr(ctx: click.Context) -> None:
    """Show all that the package logs, until the context closes. Secrets are hidden by those who log."""
    logger = logging.getLogger("miio_lan")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(name)s: %(message)s", "%H:%M:%S"))
    level = logger.level

    def stop() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    ctx.call_on_close(stop)
