"""Logging to stderr for the length of one command: everything to those who ask for it, warnings to everybody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from miio_lan.click_common.output import echo
from miio_lan.foreign import printable
from miio_lan.record.redact import redact

if TYPE_CHECKING:
    from collections.abc import Collection

    import click


def log_to_stderr(ctx: click.Context) -> None:
    """Show all that the package logs, until the context closes. Secrets are hidden, whoever logs them."""
    logger = logging.getLogger("miio_lan")
    handler = _Log()
    handler.setFormatter(_OneRowEach("%(asctime)s.%(msecs)03d %(name)s: %(message)s", "%H:%M:%S"))
    level = logger.level

    def stop() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    ctx.call_on_close(stop)


class _OneRowEach(logging.Formatter):
    """Keeps a message on one row: a line end in a foreign text would make it look like another message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Write a message; a traceback follows it in rows of its own."""
        return printable(super().formatMessage(record))


class _Log(logging.Handler):
    """Writes to what stderr is at the moment: something may stand for it meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        echo(redact(self.format(record)), err=True)


class Warnings(logging.Handler):
    """Shows warnings to people: each in one line, without traceback and without secrets.

    :param unsaid: names of loggers whose warnings are told otherwise
    """

    def __init__(self, unsaid: Collection[str] = ()) -> None:
        super().__init__(logging.WARNING)
        self._unsaid = frozenset(unsaid)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning."""
        if record.name in self._unsaid:
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f" ({type(error).__name__}: {error})"
        echo(f"Warning: {redact(' '.join(text.split()))}", err=True)


def warn_on_stderr(ctx: click.Context, unsaid: Collection[str] = ()) -> None:
    """Show what the package warns of, until the context closes.

    :param unsaid: names of loggers whose warnings are told otherwise
    """
    logger = logging.getLogger("miio_lan")
    handler = Warnings(unsaid)
    logger.addHandler(handler)
    ctx.call_on_close(lambda: logger.removeHandler(handler))
