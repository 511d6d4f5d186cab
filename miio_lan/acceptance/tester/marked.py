"""Keeps what a check observes, and hands it on between two marks that tell whoever reads it later what check it was."""

from __future__ import annotations

import threading
import time
from dataclasses import KW_ONLY, dataclass, field

from miio_lan.acceptance.tester.progress import Progress
from miio_lan.record import Observer, Record
from miio_lan.record.marks import begin_mark, end_mark


@dataclass(eq=False)
class MarkedObserver:
    """An observer. What it keeps has no marks; what it hands on begins with one as soon as there is anything.

    :param mode: ``"module"`` or ``"lan"``, see :mod:`miio_lan.record.marks`
    :param observer: gets every record, and the marks; None hands nothing on
    :param from_boot: whether the product was promised to be switched on during the check
    :param model: the model of the description the check goes by, empty without one
    :param records: the list to add to; somebody else may do so, too
    """

    mode: str
    observer: Observer | None
    _: KW_ONLY
    from_boot: bool = False
    model: str = ""
    records: list[Record] = field(default_factory=list)
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
                self.observer(begin_mark(self.mode, at, wall, from_boot=self.from_boot, model=self.model))
        self.observer(record)

    def end(self, course: Progress) -> float:
        """Note that the check has ended, and give the instant of that, monotonic seconds."""
        now = time.monotonic()
        if self.observer is not None and self._begun:
            self.observer(end_mark(self.mode, now, time.time(), course.as_json()))
        return now
