"""What a test's report says about the wires: in the terminal, in the JUnit XML, and as a recording to look at."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.pytest_plugin.settings import SETTINGS

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench
    from miio_lan.pytest_plugin.rig import Rig

BENCH: pytest.StashKey[Bench[Any]] = pytest.StashKey()
"""Where the bench of a test is found."""
RIG: pytest.StashKey[Rig] = pytest.StashKey()
"""Where the rig is found that made it."""

COMMANDS_TITLE = "miio commands"
WIRES_TITLE = "miio wires"
RECORDING_PROPERTY = "miio_recording"
LOG_PROPERTY = "miio_log"
WIRES_LOGGER = "miio_lan.wire"
_LONGEST_NAME = 100
# Names that no two tests share, in capital letters or not, when "/" and "::" become "-" and "--".
_PLAIN = re.compile(r"[a-z0-9_./]+\.py(::[a-z0-9_]+)+")


class Reports:
    """Hooks that add sections to reports.

    With pytest-xdist, sections and properties are made where the test runs, the XML where the run was started.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = config.stash[SETTINGS]

    def pytest_report_header(self) -> str | None:
        """Say which product is tested, where that was said."""
        what = self._settings.describe()
        return f"miio: {what}" if what else None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Have the last lines of a test told while its live log is open: later, other threads' messages may be lost."""
        try:
            return (yield)
        finally:
            bench = item.stash.get(BENCH, None)
            if bench is not None and logging.getLogger(WIRES_LOGGER).isEnabledFor(logging.INFO):
                with contextlib.suppress(Exception):  # it is told when the report is made
                    bench.settle()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add what crossed the wires to the report of a test that had a product."""
        report = yield
        bench = item.stash.get(BENCH, None)
        if bench is not None and (call.when == "call" or report.failed):
            try:
                self._add(item, report, call, bench)
            except Exception as error:  # noqa: BLE001 - whatever fails here must not end the session of tests
                _tell_failure(report, error)
        return report

    def _add(
        self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None], bench: Bench[Any]
    ) -> None:
        from miio_lan.bench.trace import ExpectationFailed

        failed = report.failed
        bench.settle(unanswered=failed)
        # One look for everything, so that the list, the trace and the recording tell the same.
        seen = bench.snapshot()
        remarks = item.stash[RIG].remarks() if failed else []
        report.sections.append(
            (COMMANDS_TITLE, "\n".join([seen.commands(), *(f"({each})" for each in remarks)]))
        )
        # A failed expectation has shown them already.
        if failed and not (call.excinfo and isinstance(call.excinfo.value, ExpectationFailed)):
            report.sections.append((WIRES_TITLE, seen.trace()))
        name = file_name(item.nodeid, self._place(item))
        if self._settings.keep == "all" or (failed and self._settings.keep == "failed"):
            path = self._settings.recordings / f"{name}.jsonl"
            self._keep(item, report, RECORDING_PROPERTY, path, seen.save)
        if self._settings.logs is not None:
            title = f"{item.nodeid}: {report.outcome}" + (
                "" if report.when == "call" else f" in {report.when}"
            )
            path = self._settings.logs / f"{name}.log"
            self._keep(item, report, LOG_PROPERTY, path, lambda path: seen.save_text(path, title))

    def _keep(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        kind: str,
        path: Path,
        save: Callable[[Path], None],
    ) -> None:
        """Write a file, and say in the report where it is."""
        title = kind.replace("_", " ")
        try:
            save(path)
        except OSError as error:
            report.sections.append((title, f"could not be written: {error}"))
            return
        report.sections.append((title, str(path)))
        kept = (kind, self._relative(path))
        # The XML takes the properties of the last report of a test, which has those of the item.
        for properties in (item.user_properties, report.user_properties):
            if kept not in properties:
                properties.append(kept)

    def _relative(self, path: Path) -> str:
        """Give a path as it is from the folder of the JUnit XML, or from the root where none is written.

        Whoever moves them together still finds the one from the other.
        """
        xml = self._config.getoption("xmlpath", None)
        home = (self._config.invocation_params.dir / xml).parent if xml else self._config.rootpath
        try:
            return Path(os.path.relpath(path, home)).as_posix()
        except ValueError:  # on another drive
            return str(path)

    def _place(self, item: pytest.Item) -> str:
        """Say where a test lies, where its id does not: beside the root, or in one of several that share a folder."""
        root, recordings = self._config.rootpath, self._settings.recordings.absolute()
        inside = item.path == root / item.nodeid.partition("::")[0] and root in recordings.parents
        return "" if inside else str(item.path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write our sections into the JUnit XML, which by itself has captured output alone."""
        if sections := [each for each in report.sections if _is_ours(each)]:
            text = "\n\n".join(f"--- {title} ---\n{content}" for title, content in sections)
            _write_to_xml(self._config, report, text)


def _tell_failure(report: pytest.TestReport, error: Exception) -> None:
    """Say why nothing can be said of the wires; a test that passed has failed by that."""
    from miio_lan.foreign import printable

    reason = printable(f"what crossed the wires could not be told, {type(error).__name__}: {error}")
    trace = printable("".join(traceback.format_exception(error)), rows=True)
    report.sections.append(("miio internal error", f"{reason}\n\n{trace}"))
    if report.passed:
        report.outcome = "failed"
        report.longrepr = f"{reason} (an error of miio_lan, not of this test: please report it)"


def _is_ours(section: tuple[str, str]) -> bool:
    return section[0].startswith("miio ")


def _write_to_xml(config: pytest.Config, report: pytest.TestReport, text: str) -> None:
    from xml.etree import ElementTree as ET

    from _pytest.junitxml import bin_xml_escape, xml_key

    xml = config.stash.get(xml_key, None)
    if xml is not None:
        element = ET.Element("system-out")
        element.text = bin_xml_escape(text)
        xml.node_reporter(report).append(element)


def file_name(nodeid: str, place: str = "") -> str:
    """Give a test's name as the name of a file: short, and another for each test, on any file system.

    :param nodeid: the test's id
    :param place: where it lies, if its id does not tell
    """
    name = re.sub(r"[^\w.-]+", "_", nodeid.replace("::", "--").replace("/", "-"), flags=re.ASCII)
    name = name.strip("_")
    if len(name) <= _LONGEST_NAME and _PLAIN.fullmatch(nodeid) and not place:
        return name
    whole = f"{nodeid}\0{place}" if place else nodeid
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()[:8]}"
