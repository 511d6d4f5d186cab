"""Reports: one judgement for the terminal, for programs, for CI systems, and as a page for people.

Every report is made from a :class:`~miio_lan.acceptance.verdict.Judgement` alone: no file is written here, nothing
is printed but to the console that is passed in, and the same judgement gives the same text every time.
"""

from __future__ import annotations

from miio_lan.acceptance.report.html import to_html
from miio_lan.acceptance.report.json_ import FORMAT, to_json
from miio_lan.acceptance.report.junit import to_junit
from miio_lan.acceptance.report.terminal import RichConsole, terminal

__all__ = ["FORMAT", "RichConsole", "terminal", "to_html", "to_json", "to_junit"]
