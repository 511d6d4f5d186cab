"""The page for people, as far as its text goes; test_report_page.py looks at it in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.judged import DOWN, HOSTILE, VERDICTS, hostile, judgement, many, observed

from miio_lan.acceptance.report.formats import to_html
from miio_lan.acceptance.verdict import Evidence, Outcome

VOID = {"meta", "link", "input"}
TOKEN = "0123456789abcdef0123456789abcdef"


class Page(HTMLParser):
    """Reads a page strictly: every element is ended in its order, every id is there once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []
        ids = [each["id"] for _, each in self.elements if "id" in each]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)
        if not {"script", "style"} & set(self._open):
            self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [each for name, each in self.elements if name == tag and wanted.items() <= each.items()]

    @property
    def data(self) -> dict:
        return json.loads(self.texts["script"][0])


def page_of(judged) -> Page:
    return Page(to_html(judged))


@pytest.mark.parametrize(
    "judged",
    [judgement(), judgement((), (), ()), hostile(), many(50)],
    ids=["usual", "empty", "hostile", "many"],
)
def test_the_page_is_well_formed(judged):
    text = to_html(judged)
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("table") == 1
    assert page.data["times"] is not None


def test_nothing_is_loaded_from_anywhere():
    text = to_html(judgement())
    assert "http:" not in text
    assert "https:" not in text
    page = Page(text)
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:,")), attributes
    style = "".join(page.texts["style"])
    assert "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", style)) == {"#hatch"}


def test_the_policy_lets_run_this_script_and_style_alone():
    page = page_of(judgement())
    (policy,) = (
        each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind, text in (("script-src", page.texts["script"][-1]), ("style-src", page.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert len(page.all("script")) == 2
    assert not [
        each for _, each in page.elements if any(name.startswith("on") or name == "style" for name in each)
    ]


def test_the_script_writes_no_markup():
    script = page_of(judgement()).texts["script"][-1]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script
    )


def test_hostile_texts_stay_texts():
    page = page_of(hostile())
    assert not page.all("img")
    assert len(page.all("script")) == 2
    start = HOSTILE.split("\x00")[0]
    assert page.text.count(start) >= 10  # title, model, four times title, source, text and evidence
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


@given(st.text(), st.sampled_from(Outcome))
@settings(max_examples=40)
def test_any_text_is_a_text(text, outcome):
    verdict = replace(VERDICTS[0], outcome=outcome, text=text, evidence=(Evidence(text, DOWN),))
    usual = page_of(judgement((replace(verdict, text="-", evidence=(Evidence("-", DOWN),)),)))
    page = page_of(judgement((verdict,), title=text, model=text))
    assert [tag for tag, _ in page.elements if tag != "span"] == [
        tag for tag, _ in usual.elements if tag != "span"
    ]


def test_secrets_are_hidden():
    verdict = replace(VERDICTS[0], text=f"token {TOKEN}", evidence=(Evidence(TOKEN),))
    assert TOKEN not in to_html(judgement((verdict,), title=TOKEN))


def test_the_summary_stands_first():
    page = page_of(judgement())
    text = " ".join(page.text.split()).partition("Acceptance report")[2]
    order = [
        "Lamp on the bench",
        "miiolan.light.demo1",
        "Failed",
        "1 rule failed",
        "1 warning",
        "Both wires",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "passive: judged from what was observed" in text
    assert "0 went through, 1 stopped on the way" in text
    assert "4.60 s down to result" in text
    assert page.all("p", **{"class": "whole fail"})


@pytest.mark.parametrize(
    ("outcome", "whole"),
    [
        (Outcome.WARNING, "Passed with warnings"),
        (Outcome.PASS, "Passed"),
        (Outcome.NOT_OBSERVED, "Nothing observed"),
    ],
)
def test_the_whole_by_the_worst_rule(outcome, whole):
    page = page_of(judgement((replace(VERDICTS[0], outcome=outcome),)))
    name = outcome.value.split()[0]
    assert page.all("p", **{"class": f"whole {name}"})
    assert whole in page.text


def test_rules_that_need_attention_come_first_and_unfolded():
    page = page_of(judgement())
    assert [row["id"] for row in page.all("tr") if "id" in row] == [
        "rule-answers-in-time", "rule-clean-lines", "rule-polls-in-time", "rule-no-event-flood",
    ]  # fmt: skip
    assert ["open" in each for each in page.all("details")] == [True, False, False]
    for verdict in VERDICTS:
        for said in (verdict.rule.title, verdict.rule.source, verdict.rule.name, verdict.text):
            assert said in page.text


def test_evidence_leads_to_its_place_on_the_timeline():
    page = page_of(judgement())
    links = [each["href"] for each in page.all("a")]
    assert links == ["#r2", "#r3", "#r6", "#r1"]
    assert "+4.7000 s" in page.text
    assert "UART, MCU → module" in page.text
    assert "result 2 1 0 true" in page.text
    assert {each["data-rule"] for each in page.all("ol")} == {
        verdict.rule.name for verdict in VERDICTS if verdict.evidence
    }


def test_much_evidence_is_counted_and_that_of_a_failure_is_open():
    verdict = replace(VERDICTS[1], evidence=tuple(Evidence(f"number {n}.", DOWN) for n in range(53)))
    page = page_of(judgement((verdict,)))
    assert "number 49." in page.text
    assert "number 50." not in page.text
    assert "and 3 more" in page.text
    assert "open" in page.all("details")[0]


def test_outcomes_without_rules_have_no_filter():
    page = page_of(judgement(VERDICTS[:1]))
    assert [each["id"] for each in page.all("input", type="checkbox") if each["id"].startswith("show")] == [
        "show-pass"
    ]
    assert [each["for"] for each in page.all("label") if "for" in each] == ["show-pass", "show-pass"]


def test_what_passed_is_folded_and_counted_and_nothing_else():
    page = page_of(judgement((*VERDICTS, replace(VERDICTS[0], rule=replace(VERDICTS[0].rule, name="other")))))
    boxes = {each["id"]: "checked" in each for each in page.all("input", type="checkbox")}
    shown = {name: ticked for name, ticked in boxes.items() if name.startswith("show-")}
    assert shown == {"show-fail": True, "show-warning": True, "show-pass": False, "show-not": True}
    assert page.text.count("2 passed rules") == 1
    assert len(page.all("tr", **{"class": "fold"})) == 1
    failed = page_of(judgement(VERDICTS[1:2]))
    assert page_of(judgement(VERDICTS[:1])).text.count("1 passed rule\n") == 1
    assert not failed.all("tr", **{"class": "fold"})


def test_the_legend_knows_refusals():
    names = {
        each["class"] for each in page_of(judgement()).all("span") if each.get("class", "").startswith("k ")
    }
    assert {"k refused", "k stopped"} <= names


def test_times_that_nothing_is_known_of():
    assert "request to down" not in page_of(judgement(exchanges=())).text
    assert "request to down" in page_of(observed()).text


def test_twenty_thousand_records_stay_a_page_of_a_moderate_size():
    text = to_html(many(20_000))
    assert len(text) < 2_500_000
    assert len(Page(text).data["of"]) == 20_000


def test_a_product_that_ran():
    judged = observed()
    page = page_of(judged)
    assert len(page.data["of"]) == len(judged.records)
    assert {each["method"] for each in page.data["exchanges"]} == {
        "miIO.info",
        "get_properties",
        "set_properties",
    }
    assert [each["stopped"] for each in page.data["exchanges"]].count("refused") == 1
