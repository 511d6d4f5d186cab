"""The report for CI systems: JUnit XML with one test case per rule.

The form is the one that Jenkins, GitLab, GitHub actions, Azure Pipelines and Bamboo all read: ``testsuites`` >
``testsuite`` > ``properties``, ``testcase`` > ``skipped`` | ``failure``, ``system-out``; only attributes that all of
them know. A warning is a test that passed, with the warning in its output.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from miio_lan.acceptance.report import wording
from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.verdict import Judgement, Verdict

# Everything but the characters XML 1.0 allows; escapes do not help, a parser refuses those too.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ISO = "%Y-%m-%dT%H:%M:%S"  # in UTC, without a zone: as the schema wants it
_EPOCH = "1970-01-01T00:00:00"
_JUNIT_EVIDENCE = 50
_JUNIT_LINE = 1000


def to_junit(judgement: Judgement) -> str:
    """Write a judgement as JUnit XML (UTF-8, with its declaration).

    The suite is named after the title, a test case after its rule (``classname`` is ``miio_lan.acceptance.MODE``);
    ``time`` of the suite is the time that was observed, in seconds; that of a case the time from the first to the last
    line or datagram by which the rule was judged. Rules are judged side by side, so these do not add up.
    """
    judgement = without_secrets(judgement)
    records = wording.in_order(judgement)
    start = wording.start_of(records)
    counts = wording.counts_of(judgement)
    numbers = {
        "tests": str(len(judgement.verdicts)),
        "failures": str(counts["fail"]),
        "errors": "0",
        "skipped": str(counts["not observed"]),
        "time": f"{records[-1].instant - start:.3f}" if records else "0.000",
    }
    name = wording.shown(judgement.title) or "acceptance"
    # Some readers know no "skipped" on the outermost element.
    outer = {key: value for key, value in numbers.items() if key != "skipped"}
    root = ET.Element("testsuites", {"name": "miio-lan acceptance", **outer})
    stamp = wording.day(judgement.started, _ISO, _EPOCH)
    suite = ET.SubElement(root, "testsuite", {"name": name, **numbers, "timestamp": stamp})
    _properties(suite, judgement)
    for verdict in judgement.verdicts:
        _case(suite, verdict, judgement.mode, start)
    ET.indent(root)
    text = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", ET.tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _properties(suite: ET.Element, judgement: Judgement) -> None:
    properties = ET.SubElement(suite, "properties")
    _, whole, sentence = wording.headline(judgement)
    through, others = wording.fates_of(judgement)
    values = {
        "model": judgement.model or "unknown",
        "mode": wording.mode_of(judgement),
        "verdict": f"{whole}: {sentence}",
        "records": str(len(judgement.records)),
        "exchanges": str(len(judgement.exchanges)),
        "commands": ", ".join([f"{through} went through", *others]),
    }
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": wording.shown(value)})


def _case(suite: ET.Element, verdict: Verdict, mode: str, start: float) -> None:
    place = f"miio_lan.acceptance.{wording.shown(mode)}"
    attributes = {"classname": place, "name": verdict.rule.name, "time": f"{verdict.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", attributes)
    reason = wording.shown(verdict.text or verdict.rule.title)
    outcome = verdict.outcome.value
    if outcome == "fail":
        failure = ET.SubElement(case, "failure", {"message": reason, "type": "fail"})
        failure.text = _account(verdict, reason, start)
    elif outcome == "not observed":
        ET.SubElement(case, "skipped", {"message": reason})
    elif outcome == "warning":
        ET.SubElement(case, "system-out").text = f"warning: {_account(verdict, reason, start)}"


def _account(verdict: Verdict, reason: str, start: float) -> str:
    """Write everything known about a verdict, one thing per line."""
    rule = f"rule: {verdict.rule.title} ({verdict.rule.source})"
    return "\n".join([reason, rule, *wording.evidence_lines(verdict, start, _JUNIT_EVIDENCE, _JUNIT_LINE)])
