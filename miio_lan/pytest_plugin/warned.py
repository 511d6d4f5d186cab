"""What the package warns of before the tests begin, when nobody listens to its loggers yet."""

from __future__ import annotations

import logging
from typing import Self


class Warned(logging.Handler):
    """Keeps what is warned of while a bench file is read. A context manager.

    :ivar texts: the messages
    """

    _LOGGER = logging.getLogger("miio_lan.bench.places.file")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.texts.append(record.getMessage())

    def __enter__(self) -> Self:
        self._LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._LOGGER.removeHandler(self)
