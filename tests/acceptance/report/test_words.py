"""The languages of the HTML report: no text and no rule is missing in a catalogue, and none is there for nothing."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from support.judged import VERDICTS, judgement, observed

from miio_lan.acceptance import report
from miio_lan.acceptance.report import html, wording, words
from miio_lan.acceptance.report.html import to_html
from miio_lan.acceptance.report.words import ENGLISH, LANGUAGES, words_of
from miio_lan.acceptance.rules.all import RULES
from miio_lan.acceptance.verdict import Outcome, Rule
from miio_lan.errors import InvalidArgument
from miio_lan.pairing.exchange import STOPS

OTHERS = [each for each in LANGUAGES if each != "en"]
TEMPLATES = files(report.__package__) / "templates"


def texts_of_templates() -> set[str]:
    found = set(re.findall(r"\[\[(.+?)\]\]", (TEMPLATES / "report.html").read_text(encoding="utf-8")))
    for script in html._SCRIPTS:
        found |= set(re.findall(r'\bsay\("([^"]+)"', (TEMPLATES / script).read_text(encoding="utf-8")))
    return found


def texts_of_code() -> set[str]:
    """Give what is passed to ``words(...)`` and ``words.counted(...)`` as it stands."""
    found = set()
    for module in (html, wording):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("words", "words.counted"):
                    found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return found


def texts_of_tables() -> set[str]:
    tables = (wording.MODES, wording.LANES, html._WORDS, html._TILES)
    singular = {each.removesuffix("s") for each in html._TILES.values()}
    names = {"Fetch", "MCU", "Total", "request to down", "down to result", "request to reply"}
    counts = {"{n} refused on purpose", "{n} refused", "{n} stopped on the way"}
    counts |= {text for texts in wording.WHOLE.values() for text in texts}
    found = {text for table in tables for text in table.values()}
    return found | singular | names | counts | set(STOPS) | {each.value for each in Outcome}


def wanted() -> set[str]:
    return texts_of_templates() | texts_of_code() | texts_of_tables()


@pytest.mark.parametrize("lang", OTHERS)
def test_no_text_is_missing_and_none_is_too_many(lang: str) -> None:
    texts = words_of(lang).texts
    assert sorted(wanted() - set(texts)) == []
    assert sorted(set(texts) - wanted()) == []
    assert all(text.strip() for text in texts.values())


@pytest.mark.parametrize("lang", OTHERS)
def test_no_rule_is_missing_and_none_is_too_many(lang: str) -> None:
    assert list(words_of(lang).rules) == [rule.name for rule in RULES]
    assert len(set(words_of(lang).rules.values())) == len(RULES)


@pytest.mark.parametrize("lang", OTHERS)
def test_numbers_and_words_of_the_protocol_stay(lang: str) -> None:
    for english, text in words_of(lang).texts.items():
        assert text.count("{n}") == english.count("{n}"), english
    for rule in RULES:
        text = words_of(lang).rules[rule.name]
        for word in re.findall(r"[a-z]+_[a-z_]+|MIIO_\w+|miIO\.\w+|-?\d+|siid|piid|eiid|aiid", rule.title):
            assert word in text, (rule.name, word)


def test_the_catalogue_is_sorted_by_nothing_but_its_sources() -> None:
    for lang in OTHERS:
        data = json.loads((TEMPLATES / f"{lang}.json").read_text(encoding="utf-8"))
        assert set(data) == {"texts", "rules"}


def test_the_languages() -> None:
    assert LANGUAGES == ("en", "zh")
    assert words_of("en") is ENGLISH
    with pytest.raises(InvalidArgument, match="en, zh, not in 'fr'"):
        words_of("fr")
    with pytest.raises(InvalidArgument):
        to_html(judgement(), lang="../zh")


def test_a_text_that_is_in_no_catalogue_stays() -> None:
    assert words_of("zh")("no such text") == "no such text"
    assert words_of("zh").title(Rule("no-such-rule", "Its title", "x", "boot")) == "Its title"


def test_texts_are_escaped_in_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = words.Words("en", {"Rules": '<b>$5 & "x"</b>'}, {})
    assert odd.framed("[[Rules]] [[other]]") == "&lt;b&gt;$$5 &amp; &quot;x&quot;&lt;/b&gt; other"


def test_english_is_what_the_sources_say() -> None:
    page = to_html(judgement())
    assert '<html lang="en">' in page
    assert ">Both wires<" in page
    assert "[[" not in page.partition("<script")[0]
    assert to_html(judgement(), "en") == page


def test_a_chinese_page() -> None:
    rule = replace(VERDICTS[1].rule, name="answer-time")
    judged = judgement((replace(VERDICTS[1], rule=rule), *VERDICTS))
    page = to_html(judged, "zh")
    assert '<html lang="zh">' in page
    assert "[[" not in page.partition("<script")[0]
    zh = words_of("zh")
    for text in (zh.rules["answer-time"], zh("Both wires"), zh("Failed"), zh("Evidence")):
        assert text in page
    # What was found out is shown as it is.
    assert "One answer took 4.6 s." in page
    assert ">Both wires<" not in page


def test_a_chinese_page_of_a_product_that_ran() -> None:
    english, chinese = to_html(observed()), to_html(observed(), "zh")
    assert chinese.count("<tr") == english.count("<tr")
    assert len(re.findall(r"[\u4e00-\u9fff]", chinese)) > 300
    assert re.findall(r"[\u4e00-\u9fff]", english) == []
