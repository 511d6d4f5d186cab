"""The report for CI systems."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.judged import DOWN, VERDICTS, hostile, judgement, observed

from miio_lan.acceptance.report.formats import to_junit
from miio_lan.acceptance.verdict import Evidence, Outcome

# The part that the schemas of Jenkins (xunit plugin), Ant and GitLab's documentation have in common.
NUMBER, SECONDS = re.compile(r"\d+"), re.compile(r"\d+\.\d{3}")
ANY, STAMP = re.compile(r"(?s).*"), re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
COUNTS = {"tests": NUMBER, "failures": NUMBER, "errors": NUMBER, "time": SECONDS}
ATTRIBUTES = {
    "testsuites": {"name": ANY, **COUNTS},
    "testsuite": {"name": ANY, **COUNTS, "skipped": NUMBER, "timestamp": STAMP},
    "properties": {},
    "property": {"name": ANY, "value": ANY},
    "testcase": {"name": ANY, "classname": ANY, "time": SECONDS},
    "failure": {"message": ANY, "type": ANY},
    "skipped": {"message": ANY},
    "system-out": {},
}
CHILDREN = {
    "testsuites": re.compile("(testsuite )*"),
    "testsuite": re.compile("(properties )?(testcase )*"),
    "properties": re.compile("(property )+"),
    "testcase": re.compile("(skipped |failure )?(system-out )?"),
}


def assert_valid(element: ET.Element) -> None:
    expected = ATTRIBUTES[element.tag]
    assert set(element.attrib) == set(expected)
    for name, pattern in expected.items():
        assert pattern.fullmatch(element.attrib[name]), (element.tag, name)
    inside = "".join(f"{child.tag} " for child in element)
    assert CHILDREN.get(element.tag, re.compile("")).fullmatch(inside), (element.tag, inside)
    for child in element:
        assert_valid(child)


def parsed(judged) -> ET.Element:
    text = to_junit(judged)
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
    root = ET.fromstring(text.encode("utf-8"))
    assert_valid(root)
    return root


def test_one_test_case_per_rule_in_the_order_of_the_rules():
    root = parsed(judgement())
    suite = root[0]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [verdict.rule.name for verdict in VERDICTS]
    assert {case.get("classname") for case in cases} == {"miio_lan.acceptance.passive"}
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    assert suite.get("time") == "6.501"
    assert suite.get("timestamp") == "2023-11-14T22:13:20"
    assert suite.get("name") == "Lamp on the bench"


def test_the_outcomes():
    passed, failed, unseen, warned = parsed(judgement()).iter("testcase")
    assert list(passed) == []
    failure = failed.find("failure")
    assert failure.get("message") == "One answer took 4.6 s."
    assert failure.text.splitlines() == [
        "One answer took 4.6 s.",
        "rule: A downlink is answered within 4 s (serial document, result)",
        "handed out  [+0.1010 s  UART, module → MCU:  down get_properties 2 1]",
        "answered after 4.6 s  [+4.7000 s  UART, MCU → module:  result 2 1 0 true]",
    ]
    assert unseen.find("skipped").get("message") == "No event was raised."
    assert [child.tag for child in warned] == ["system-out"]
    assert warned[0].text.startswith("warning: One line was noise.\n")


def test_properties_say_what_was_judged():
    found = {each.get("name"): each.get("value") for each in parsed(judgement(model="")).iter("property")}
    assert found == {
        "model": "unknown",
        "mode": "passive: judged from what was observed",
        "verdict": "Failed: 1 rule failed",
        "records": "10",
        "exchanges": "1",
        "commands": "0 went through, 1 stopped on the way",
    }


def test_much_evidence_is_counted():
    verdict = replace(VERDICTS[1], evidence=tuple(Evidence(f"number {n}.", DOWN) for n in range(53)))
    text = next(parsed(judgement((verdict,))).iter("failure")).text
    assert "number 49." in text
    assert "number 50." not in text
    assert text.endswith("and 3 more")


def test_a_rule_without_a_reason_tells_its_title():
    verdict = replace(VERDICTS[1], text="")
    assert next(parsed(judgement((verdict,))).iter("failure")).get("message") == verdict.rule.title


@pytest.mark.parametrize(
    "judged", [hostile(), judgement((), (), (), title=""), replace(judgement(), started=1e300)]
)
def test_odd_judgements_are_valid(judged):
    parsed(judged)


@given(st.text(), st.sampled_from(Outcome))
def test_any_text_is_valid(text, outcome):
    verdict = replace(VERDICTS[0], outcome=outcome, text=text, evidence=(Evidence(text),))
    parsed(judgement((verdict,), (), (), title=text, model=text))


def test_a_product_that_ran():
    root = parsed(observed())
    assert root[0].get("tests") == "1"
    assert float(root[0].get("time")) > 0


def test_a_case_takes_as_long_as_its_rule_was_judged():
    cases = parsed(judgement((replace(VERDICTS[0], seconds=2.3456), VERDICTS[1]))).iter("testcase")
    assert [case.get("time") for case in cases] == ["2.346", "0.000"]
