"""Keeps what a check observes, and hands it on between two marks that tell whoever reads it later what check it was."""

from __future__ import annotations

import threading
import time

from miio_lan.acceptance.tester.progress import Progress
from miio_lan.record import Observer, Record
from miio_lan.record.marks import begin_mark, end_mark


class MarkedObserver:
    """An observer. What it keeps has no marks; what it hands on begins with one as soon as there is anything.

    :param mode: ``"module"`` or ``"lan"``, see :mod:`miio_lan.record.marks`
    :param observer: gets every record, and the marks; None hands nothing on
    :param from_boot: whether the product was promised to be switched on during the check
    :param model: the model of the description the check goes by, empty without one
    :param records: the list to add to; somebody else may do so, too
    """

    def __init__(
        self,
        mode: str,
        observer: Observer | None,
        *,
        from_boot: bool = False,
        model: str = "",
        records: list[Record] | None = None,
    ) -> None:
        self.records: list[Record] = [] if records is None else records
        self._mode = mode
        self._observer = observer
        self._from_boot = from_boot
        self._model = model
        self._lock = threading.Lock()
        self._begun = False

    def __call__(self, record: Record) -> None:
        """Take a record."""
        self.records.append(record)
        if self._observer is None:
            return
        with self._lock:
            first, self._begun = not self._begun, True
            if first:
                mark = begin_mark(
                    self._mode, record.instant, record.wall, from_boot=self._from_boot, model=self._model
                )
                self._observer(mark)
        self._observer(record)

    def end(self, course: Progress) -> float:
        """Note that the check has ended, and give the instant of that, monotonic seconds."""
        now = time.monotonic()
        if self._observer is not None and self._begun:
            self._observer(end_mark(self._mode, now, time.time(), course.as_json()))
        return now
