"""The page about the acceptance check explains every rule, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miio_lan.acceptance.report.words import words_of
from miio_lan.acceptance.rules.all import RULES
from miio_lan.acceptance.verdict import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "acceptance.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\S+)\n\n(.*?)(?=\n\n#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_rule_has_a_section_and_there_are_no_others() -> None:
    assert set(SECTIONS) == {rule.name for rule in RULES}
    assert len(re.findall(r"^### ", PAGE, re.MULTILINE)) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_says_what_is_looked_at_what_a_breach_means_and_what_to_change(rule) -> None:
    text = SECTIONS[rule.name]
    assert [line.split(" ")[1] for line in text.splitlines() if line.startswith("- ")] == ["Looks", "A", "In"]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if "warning" in rule.severity], ids=lambda rule: rule.name
)
def test_it_says_which_breaches_are_warnings(rule) -> None:
    assert "warning" in SECTIONS[rule.name]


def test_they_stand_below_the_heading_of_their_kind() -> None:
    kinds = {heading: kind for kind, heading in KINDS.items()}
    kind = ""
    for head in re.findall(r"^###? .*$", PAGE, re.MULTILINE):
        if head.startswith("## "):
            kind = kinds.get(head[3:], "")
        else:
            assert next(rule.kind for rule in RULES if rule.name == head[4:]) == kind


def test_other_words_in_backquotes_that_look_like_rules_are_rules() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE))
    assert named <= {rule.name for rule in RULES}


CHINESE = (Path(__file__).parents[3] / "docs" / "acceptance.zh-CN.md").read_text(encoding="utf-8")
CHINESE_SECTIONS = dict(re.findall(r"^### (\S+)\n\n(.*?)(?=\n\n#|\n*\Z)", CHINESE, re.MULTILINE | re.DOTALL))


def test_the_chinese_page_has_every_rule_in_the_same_order() -> None:
    assert re.findall(r"^### (\S+)", CHINESE, re.MULTILINE) == re.findall(r"^### (\S+)", PAGE, re.MULTILINE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_chinese_page_says_what_the_english_one_does(rule) -> None:
    title, _, rest = CHINESE_SECTIONS[rule.name].partition("\n\n")
    assert title == f"{words_of('zh').title(rule)}。"
    assert [line[2:].partition("：")[0] for line in rest.splitlines()] == ["检查", "违反", "MCU"]
    # Words of the protocol, and numbers, are those of the English page.
    for word in set(re.findall(r"`([^`]+)`", rest)):
        assert word in SECTIONS[rule.name].replace("\n  ", " "), word


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if "warning" in rule.severity], ids=lambda rule: rule.name
)
def test_the_chinese_page_says_which_breaches_are_warnings(rule) -> None:
    assert "警告" in CHINESE_SECTIONS[rule.name]
