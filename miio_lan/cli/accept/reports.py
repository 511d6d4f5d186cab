"""The reports that ``accept`` writes, also of a check that was interrupted: an earlier one tells of another check."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from miio_lan.cli.files import Recording, replace_file
from miio_lan.click_common.failures import FAILED
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from miio_lan.acceptance.verdict import Judgement
    from miio_lan.device.description.spec import Spec
    from miio_lan.record import Record

    Reports = list[tuple[str, Path]]


class CheckRecording(Recording):
    """A recording that can be judged while it is made, once it is known to be that of a check."""

    def __init__(self, name: str | None) -> None:
        super().__init__(name)
        self._asked = False
        self._spec: Spec | None = None
        self._title = ""
        self._kept: list[Record] = []

    def goes_by(self, spec: Spec | None, title: str = "") -> None:
        """Say that a product is asked from now on, and what the check goes by."""
        self._asked, self._spec, self._title = True, spec, title

    def __call__(self, record: Record) -> None:
        """Write a record, and keep it."""
        if self._asked:
            self._kept.append(record)
        super().__call__(record)

    def judgement(self) -> Judgement | None:
        """Judge a check as far as it came; None where nothing was asked, or nothing was heard."""
        from miio_lan.acceptance.judging import judgement_of
        from miio_lan.record.marks import without_marks

        if not without_marks(self._kept):
            return None
        return judgement_of(self._kept, spec=self._spec, title=self._title)


@contextlib.contextmanager
def told_when_cut(recording: CheckRecording, reports: Reports, lang: str) -> Iterator[None]:
    """Write the reports when a check is interrupted, or say that there are none of this time."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        judgement = recording.judgement() if reports else None
        if judgement is not None:
            if write_reports(judgement, reports, lang) == 0:
                interruption.add_note(f"the check is judged as far as it came in {_names(reports)}")
        elif reports:
            interruption.add_note(_nothing_written(reports))
        raise
    except Exception:
        if reports:
            echo(_nothing_written(reports), err=True)
        raise


def _nothing_written(reports: Reports) -> str:
    kept = [report for report in reports if report[1].is_file()]
    return "no report was written" + (f"; an earlier one stays in {_names(kept)}" if kept else "")


def _names(reports: Reports) -> str:
    return ", ".join(str(path) for _, path in reports)


def write_reports(judgement: Judgement, reports: Reports, lang: str) -> int:
    """Write every report that can be written, and give the exit code for that.

    :raises KeyboardInterrupt: as it came; its note names the reports that are not written
    """
    from miio_lan.acceptance.report import formats as report

    writers: dict[str, Callable[[Judgement], str]] = {
        "html": partial(report.to_html, lang=lang),
        "junit": report.to_junit,
        "json": report.to_json,
    }
    code = 0
    for place, (kind, path) in enumerate(reports):
        try:
            _write(path, writers[kind](judgement).encode())
        except KeyboardInterrupt as interruption:
            # A check of thousands of lines takes seconds to be written down.
            interruption.add_note(f"not written any more: {_names(reports[place:])}")
            raise
        except Exception as error:  # noqa: BLE001 - neither the other reports nor the judgement are to suffer
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            echo(f"Error: {path} cannot be written: {reason}", err=True)
            code = FAILED
    return code


def _write(path: Path, data: bytes) -> None:
    """Put a report in the place of an earlier one: a full disk leaves that, and no half of a new one."""
    try:
        replace_file(str(path), data)
    except PermissionError:  # the folder takes no new file, but the report itself may be written
        path.write_bytes(data)
