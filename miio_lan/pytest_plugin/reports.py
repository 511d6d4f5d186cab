"""What a test's report says about the wires: in the terminal, in the JUnit XML, and as a recording to look at."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.pytest_plugin.products import products_of
from miio_lan.pytest_plugin.settings import SETTINGS
from miio_lan.pytest_plugin.stash import OPENED

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench
    from miio_lan.bench.snapshot import Snapshot
    from miio_lan.pytest_plugin.rig import Rig

COMMANDS_TITLE = "miio commands"
WIRES_TITLE = "miio wires"
RECORDING_PROPERTY = "miio_recording"
LOG_PROPERTY = "miio_log"
PRODUCT_PROPERTY = "miio_product"
WIRES_LOGGER = "miio_lan.wire"
_LONGEST_NAME = 100
# Names that no two tests share, in capital letters or not, when "/" and "::" become "-" and "--".
_PLAIN = re.compile(r"[a-z0-9_./]+\.py(::[a-z0-9_]+)+")


@dataclass(frozen=True)
class _Opened:
    """A product that a test has opened.

    :param name: what the bench file calls it; empty without one
    """

    name: str
    bench: Bench[Any]
    rig: Rig

    def titled(self, title: str) -> str:
        """Give a title that says which product it is of."""
        return f"{title} of {self.name}" if self.name else title


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

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forget what an earlier attempt at the test has opened and kept: plugins may repeat a test that failed."""
        item.stash[OPENED] = []
        kinds = (RECORDING_PROPERTY, LOG_PROPERTY)
        item.user_properties[:] = [each for each in item.user_properties if each[0] not in kinds]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Have the last lines of a test told while its live log is open: later, other threads' messages may be lost."""
        try:
            return (yield)
        finally:
            if logging.getLogger(WIRES_LOGGER).isEnabledFor(logging.INFO):
                for _, bench, _ in item.stash.get(OPENED, []):
                    with contextlib.suppress(Exception):  # it is told when the report is made
                        bench.settle()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add what crossed the wires to the report of a test that had a product."""
        report = yield
        for name in products_of(item):
            self._note(item, report, (PRODUCT_PROPERTY, name))
        for name, bench, rig in item.stash.get(OPENED, []):
            if call.when == "call" or report.failed:
                try:
                    self._add(item, report, call, _Opened(name, bench, rig))
                except Exception as error:  # noqa: BLE001 - whatever fails here must not end the session of tests
                    _tell_failure(report, error)
        return report

    def _add(
        self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None], opened: _Opened
    ) -> None:
        from miio_lan.bench.trace import ExpectationFailed

        failed, bench = report.failed, opened.bench
        bench.settle(unanswered=failed)
        # One look for everything, so that the list, the trace and the recording tell the same.
        seen = bench.snapshot()
        remarks = opened.rig.remarks() if failed else []
        report.sections.append(
            (
                opened.titled(COMMANDS_TITLE),
                "\n".join([seen.commands(), *(f"({each})" for each in remarks)]),
            )
        )
        # A failed expectation has shown them already, where there is one product.
        shown = call.excinfo and isinstance(call.excinfo.value, ExpectationFailed)
        if failed and not (shown and len(item.stash[OPENED]) == 1):
            report.sections.append((opened.titled(WIRES_TITLE), seen.trace()))
        self._write(item, report, seen, opened.name)

    def _write(self, item: pytest.Item, report: pytest.TestReport, seen: Snapshot, product: str) -> None:
        """Write recording and text log of a product, where they are wanted."""
        # The id of a test of one product names it already.
        several = len(item.stash[OPENED]) > 1 or len(products_of(item)) > 1
        name = file_name(item.nodeid, self._place(item)) + (f"--{product}" if product and several else "")
        if self._settings.keep == "all" or (report.failed and self._settings.keep == "failed"):
            path = self._settings.recordings / f"{name}.jsonl"
            self._keep(item, report, RECORDING_PROPERTY, path, seen.save)
        if self._settings.logs is not None:
            title = f"{item.nodeid}: {report.outcome}" + (
                "" if report.when == "call" else f" in {report.when}"
            )
            title += f"\nproduct: {product}" if product else ""
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
        self._note(item, report, (kind, self._relative(path)))

    @staticmethod
    def _note(item: pytest.Item, report: pytest.TestReport, kept: tuple[str, str]) -> None:
        """Give a report a property: the XML takes those of the last report of a test, which has those of the item."""
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
