"""A check under way: keeps what it observes, and hands that on between two marks that tell whoever reads it later what
check it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from miio_lan.acceptance.tester.progress import Progress
from miio_lan.device.description.spec import Spec
from miio_lan.record import Observer, Record
from miio_lan.record.marks import begin_mark, end_mark

_LOGGER = logging.getLogger(__name__)


@dataclass(eq=False)
class MarkedRun:
    """An observer. What it keeps has no marks; what it hands on begins with one as soon as there is anything.

    :param mode: ``"module"`` or ``"lan"``, see :mod:`miio_lan.record.marks`
    :param observer: gets every record, and the marks; None hands nothing on
    :param course: how far the check got
    :param spec: the description the check goes by
    :param from_boot: whether the product was promised to be switched on during the check
    :param records: the list to add to; somebody else may do so, too
    :ivar ended: when the check ended, monotonic seconds
    """

    mode: str
    observer: Observer | None
    course: Progress
    spec: Spec | None
    from_boot: bool
    records: list[Record] = field(default_factory=list)
    ended: float = field(default=0.0, init=False)
    _begun: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, record: Record) -> None:
        """Take a record."""
        self.records.append(record)
        if self.observer is None:
            return
        with self._lock:
            first, self._begun = not self._begun, True
            if first:
                at, wall = record.instant, record.wall
                model = self.spec.shown_model if self.spec is not None else ""
                self.observer(begin_mark(self.mode, at, wall, from_boot=self.from_boot, model=model))
        self.observer(record)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Note when the check has ended, and whether it was cut; the error says then what the product was left with."""
        try:
            yield
        except BaseException as error:
            self.course.cut = "the check was interrupted"
            for text in self.course.left_behind:
                error.add_note(text)
                _LOGGER.warning("%s", text)
            raise
        finally:
            self.ended = time.monotonic()
            if self.observer is not None and self._begun:
                self.observer(end_mark(self.mode, self.ended, time.time(), self.course.as_json()))
