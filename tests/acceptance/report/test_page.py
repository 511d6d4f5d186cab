"""The page for people, in a browser: it draws, it can be used, and nothing in it goes wrong or out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.browser import Browser, installed
from support.judged import RECORDS, REQUEST, hostile, judgement, many, observed

from miio_lan.acceptance.report.formats import to_html
from miio_lan.pairing.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    installed() is None, reason="no Chromium (chromium, google-chrome) on this machine"
)

TEXT = "document.querySelector({!r}).textContent"
COUNT = "document.querySelectorAll({!r}).length"
CHOOSE = (
    "(box => {{ box.value = {1!r}; box.dispatchEvent(new Event({2!r})); }})(document.getElementById({0!r}))"
)


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Browser]]:
    """One browser for all tests of this file, started by the first that needs it."""
    started: list[Browser] = []
    yield started
    for browser in started:
        browser.close()


@pytest.fixture
def browser(shared: list[Browser]) -> Iterator[Browser]:
    if not shared:
        shared.append(Browser(installed() or ""))
    yield shared[0]
    assert shared[0].complaints == []
    # The page itself, and nothing else.
    assert [each for each in shared[0].requests if not each.startswith("file:")] == []
    assert len(shared[0].requests) <= 1


@pytest.fixture
def page(browser: Browser, tmp_path: Path):
    def show(judged, fragment: str = "", *, script: bool = True) -> Browser:
        path = tmp_path / "report.html"
        path.write_text(to_html(judged), encoding="utf-8")
        browser.open(path, fragment, script=script)
        return browser

    return show


@pytest.mark.parametrize(
    ("judged", "marks", "bars"),
    [(judgement(), 6, 1), (judgement((), (), ()), 0, 0), (judgement((), exchanges=()), 6, 0)],
    ids=["usual", "empty", "without commands"],
)
def test_the_timeline_is_drawn(page, judged, marks, bars):
    browser = page(judged)
    assert browser.run(COUNT.format("#timeline .mark")) >= marks
    assert browser.run(COUNT.format("#timeline .xbar")) == bars
    assert browser.run(COUNT.format("#timeline .path")) == bars
    assert browser.run("document.getElementById('app').hidden") is False


def test_a_product_that_ran(page):
    browser = page(observed())
    assert browser.run(COUNT.format("#rows .row")) == 4
    assert browser.run(COUNT.format("#timeline .xbar.refused")) == 1
    assert "outcome: refused" in browser.run(TEXT.format("#details"))


def test_what_was_late_noisy_or_out_is_marked(page):
    browser = page(judgement())
    for name in ("mark.late", "mark.noise", "mark.outage", "gap"):
        assert browser.run(COUNT.format(f"#timeline .{name}")) == 1, name
    assert browser.run(COUNT.format("#overview .alarm")) >= 1


def heads(browser) -> list[str]:
    return browser.run(
        "[...document.querySelectorAll('#head span')].map((each) => each.textContent).filter(Boolean)"
    )


def test_columns_of_nothing_are_not_there(page):
    browser = page(observed())
    assert heads(browser) == ["#", "Time", "Command", "Fetch", "MCU", "Total", "Outcome"]
    unseen = page(judgement(exchanges=(Exchange("get_properties", request=REQUEST, records=(REQUEST,)),)))
    assert heads(unseen) == ["#", "Time", "Command", "Outcome"]
    assert unseen.run("document.querySelector('#rows .row').children.length") == 5  # with the drawing
    unseen.run("document.getElementById('tab-lines').click()")
    assert heads(unseen) == ["Time", "LAN", "UART", "Cmd"]
    heard = page(
        replace(judgement(exchanges=()), records=tuple(each for each in RECORDS if each.wire == "uart"))
    )
    heard.run("document.getElementById('tab-lines').click()")
    assert heads(heard) == ["Time", "UART"]


def test_what_passed_is_folded_until_somebody_asks(page):
    shown = "getComputedStyle(document.getElementById('rule-polls-in-time')).display"
    browser = page(judgement())
    assert browser.run(shown) == "none"
    assert browser.run("getComputedStyle(document.getElementById('rule-answers-in-time')).display") != "none"
    browser.run("document.querySelector('tr.fold label').click()")
    assert browser.run(shown) == "table-row"
    browser.run("document.querySelector('label.tile.pass').click()")
    assert browser.run(shown) == "none"
    assert page(judgement(), "#rule-polls-in-time").run(shown) == "table-row"


def test_hostile_texts_do_not_run(page):
    browser = page(hostile())
    assert browser.run("window.broken === undefined")
    browser.run("document.getElementById('tab-lines').click()")
    browser.run("document.querySelector('#rows .row').click()")
    for key in ("n", "N", "Enter"):
        browser.run("document.getElementById('timeline').focus()")
        browser.press(key)
    assert browser.run("window.broken === undefined")
    assert browser.run(COUNT.format("img")) == 0
    assert "</script><script>window.broken=1" in browser.run(TEXT.format("#details"))


def test_the_first_command_that_stopped_is_shown_as_a_ladder(page):
    browser = page(judgement())
    assert browser.run(COUNT.format("#details .ladder .step")) == 5
    text = browser.run(TEXT.format("#details"))
    for said in (
        "Command 1: get_properties",
        "answered late",
        "101 ms",
        "4.60 s",
        "4.71 s",
        "it was sent 2 times",
    ):
        assert said in text
    browser.run(
        "document.querySelectorAll('#details .step')[3].dispatchEvent(new Event('click', {bubbles: true}))"
    )
    assert '"answers": "result"' in browser.run(TEXT.format("#details"))


def test_a_link_of_the_evidence_leads_to_the_record(page):
    browser = page(judgement())
    browser.run("document.querySelector('a.at[href=\"#r6\"]').click()")
    browser.frame()
    assert "noise: no command" in browser.run(TEXT.format("#details"))
    assert browser.run(COUNT.format("#timeline .ring.selected")) == 1


def test_an_address_with_a_place_opens_there(page):
    assert "down get_properties 2 1" in page(judgement(), "#r2").run(
        "document.querySelector('#details pre').textContent"
    )
    assert "Command 1" in page(judgement(), "#x1").run(TEXT.format("#details h3"))
    assert "Command 1" in page(judgement(), "#x99").run(TEXT.format("#details h3"))  # as without it


def test_the_evidence_of_a_rule_is_ringed_and_the_rest_faded(page):
    browser = page(judgement())
    browser.run("document.querySelector('tr.fail .jump').click()")
    browser.frame()
    assert browser.run(COUNT.format("#timeline .ring:not(.selected)")) >= 1
    assert (
        browser.run("document.getElementById('rule').selectedOptions[0].textContent")
        == "fail: answers-in-time"
    )
    browser.run("document.getElementById('tab-lines').click()")
    assert browser.run(TEXT.format("#shown")) == "5 of 10"


def test_filters_by_method_and_text(page):
    browser = page(observed())
    browser.run(CHOOSE.format("method", "set_properties", "change"))
    assert browser.run(TEXT.format("#shown")) == "2 of 4"
    browser.run(CHOOSE.format("find", "2 2 1000", "input"))
    assert browser.run(TEXT.format("#shown")) == "1 of 4"
    browser.run(CHOOSE.format("find", "no such line", "input"))
    assert browser.run(TEXT.format("#rows")) == "Nothing matches."
    browser.frame()


def test_idle_polls_are_shown_on_request(page):
    browser = page(judgement())
    browser.run("document.getElementById('tab-lines').click()")
    assert browser.run(TEXT.format("#shown")) == "7 of 10"
    browser.run("document.getElementById('polls').click()")
    assert browser.run(TEXT.format("#shown")) == "10 of 10"


def view(browser: Browser) -> list[float]:
    """Where the shown part begins and how long it is, as drawn in the overview."""
    part = "document.querySelector('#overview .view')"
    return browser.run(f"['x', 'width'].map(name => Number({part}.getAttribute(name)))")


def test_keys_move_and_zoom(page):
    browser = page(many(30))
    browser.run("document.getElementById('timeline').focus()")
    whole = view(browser)
    browser.press("+")
    closer = view(browser)
    assert closer[1] < whole[1]
    browser.press("ArrowRight")
    assert view(browser)[0] > closer[0]
    browser.press("0")
    assert view(browser) == whole
    browser.press("Enter")
    assert view(browser)[1] < whole[1]
    browser.press("Escape")
    assert "Select a command" in browser.run(TEXT.format("#details"))
    browser.press("n")
    first = browser.run(TEXT.format("#details"))
    browser.press("n")
    assert browser.run(TEXT.format("#details")) != first
    browser.press("p")
    assert browser.run(TEXT.format("#details")) == first


def test_the_pointer_drags_zooms_and_tells(page):
    browser = page(judgement())
    browser.run("document.getElementById('timeline').scrollIntoView({behavior: 'instant', block: 'center'})")
    box = "(each => { const at = each.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })"
    x, y = browser.run(f"{box}(document.querySelector('#timeline .mark.noise'))")
    mouse = {"button": "left", "clickCount": 1}
    browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert browser.run("document.getElementById('tip').hidden") is False
    assert "noise: no command" in browser.run(TEXT.format("#tip"))
    browser.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **mouse)
    browser.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **mouse)
    assert "noise: no command" in browser.run(TEXT.format("#details"))
    before = view(browser)
    browser.ask("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-100, modifiers=2)
    browser.frame()
    zoomed = view(browser)
    assert zoomed[1] < before[1]
    browser.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **mouse)
    browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + 200, y=y, buttons=1, button="left")
    browser.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x + 200, y=y, **mouse)
    browser.frame()
    assert view(browser)[0] < zoomed[0]


def test_twenty_thousand_records_are_summed_up(page):
    browser = page(many(20_000))
    browser.run("document.getElementById('timeline').focus()")
    browser.press("0")
    assert 0 < browser.run(COUNT.format("#timeline *")) < 3000
    assert browser.run(COUNT.format("#timeline .many-count")) > 100
    assert browser.run(COUNT.format("#overview *")) < 3000
    assert browser.run(COUNT.format("#rows .row")) < 60
    browser.run("document.getElementById('tab-lines').click()")
    assert browser.run(TEXT.format("#shown")) == "14,000 of 20,000"
    browser.run("document.getElementById('list').scrollTop = 1e9")
    browser.frame()
    assert browser.run("document.querySelector('#rows .row:last-child .t').textContent").startswith("+159")
    assert browser.run(COUNT.format("#rows .row")) < 60


def test_without_scripts_the_verdicts_are_there(page):
    browser = page(judgement(), script=False)
    document = browser.ask("DOM.getDocument")["root"]["nodeId"]

    def visible(selector: str) -> bool:
        node = browser.ask("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        try:
            return bool(browser.ask("DOM.getBoxModel", nodeId=node))
        except RuntimeError:  # it has no box
            return False

    assert visible("#rule-answers-in-time .evidence li")
    assert visible("noscript p")
    assert not visible("#app")
    label = browser.ask("DOM.querySelector", nodeId=document, selector="label.tile.pass")["nodeId"]
    x, y = browser.ask("DOM.getBoxModel", nodeId=label)["model"]["content"][:2]
    assert not visible("#rule-polls-in-time")
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask("Input.dispatchMouseEvent", type=kind, x=x + 4, y=y + 4, button="left", clickCount=1)
    assert visible("#rule-polls-in-time")


def test_light_dark_and_paper(page):
    browser = page(judgement())
    shade = "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for scheme, media in (("light", ""), ("dark", ""), ("dark", "print")):
        browser.ask(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        seen.add((scheme, media, browser.run(shade)))
        shown = json.loads(
            browser.run("JSON.stringify(getComputedStyle(document.querySelector('.tools')).display)")
        )
        assert (shown == "none") == (media == "print")
    browser.ask("Emulation.setEmulatedMedia", media="", features=[])
    assert seen == {
        ("light", "", "rgb(244, 245, 248)"), ("dark", "", "rgb(15, 18, 24)"), ("dark", "print", "rgb(255, 255, 255)"),
    }  # fmt: skip
