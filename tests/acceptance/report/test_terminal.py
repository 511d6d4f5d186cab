"""The report for a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console
from support.judged import DOWN, EXCHANGE, HOSTILE, VERDICTS, hostile, judgement

from miio_lan.acceptance.report.formats import terminal
from miio_lan.acceptance.verdict import Evidence, Outcome, Rule, Verdict


def printed(judged, **options) -> str:
    console = Console(file=io.StringIO(), color_system=None, **options)
    terminal(judged, console)
    return console.file.getvalue()


def test_piped_every_finding_is_one_line():
    long = replace(VERDICTS[1], text="why " * 60)
    lines = printed(judgement((long, *VERDICTS)), width=60).splitlines()
    assert lines[0] == "Lamp on the bench"
    assert (
        lines[1] == "miiolan.light.demo1 · passive: judged from what was observed · 2023-11-14 22:13:20 UTC"
    )
    assert lines[2] == "10 records in 6.50 s: 0 commands went through, 1 stopped on the way"
    assert f"✗ fail          answers-in-time: {'why ' * 60}".rstrip() in [line.rstrip() for line in lines]
    assert "✗ fail          answers-in-time: One answer took 4.6 s." in lines
    assert lines[-1] == "✗ Failed: 2 rules failed (2 fail, 1 warning, 1 pass, 1 not observed)"


def test_what_needs_attention_comes_first_and_with_its_evidence():
    text = printed(judgement())
    order = [
        text.index(name) for name in ("answers-in-time", "clean-lines", "polls-in-time", "no-event-flood")
    ]
    assert order == sorted(order)
    assert "    rule: A downlink is answered within 4 s (serial document, result)" in text
    assert "    - handed out  [+0.1010 s  UART, module → MCU:  down get_properties 2 1]" in text
    assert "    - 1 of 10 lines" in text
    assert "a poll" not in text  # the evidence of what passed is not told


def test_much_evidence_is_counted():
    verdict = replace(VERDICTS[1], evidence=tuple(Evidence(f"number {n}", DOWN) for n in range(9)))
    text = printed(judgement((verdict,)))
    assert "number 5" in text
    assert "number 6" not in text
    assert "    - and 3 more" in text


def test_on_a_terminal_it_is_wrapped():
    long = replace(VERDICTS[1], text="why " * 60)
    lines = printed(judgement((long,)), width=72, force_terminal=True).splitlines()
    assert max(map(len, lines)) <= 72
    finding = [line for line in lines if "why" in line]
    assert len(finding) > 3
    assert all(len(line) <= 72 for line in finding)
    assert all(line.startswith(" " * 16) for line in finding[1:])


def test_a_width_of_its_own_goes_for_a_pipe_too():
    assert max(map(len, printed(judgement(), width=100).splitlines())) > 60
    console = Console(file=io.StringIO(), color_system=None, width=100)
    terminal(judgement(), console, width=60)
    assert max(map(len, console.file.getvalue().splitlines())) <= 60


class TestOverTheLan:
    UNSEEN = tuple(
        Verdict(Rule(f"unseen-{n}", "Unseen", "document", "form"), Outcome.NOT_OBSERVED, "not there")
        for n in range(3)
    )

    def test_what_was_not_observed_is_a_count(self):
        judged = replace(judgement((*self.UNSEEN, *VERDICTS)), mode="lan")
        text = printed(judged, width=200)
        assert "unseen-" not in text
        unseen = sum(verdict.outcome is Outcome.NOT_OBSERVED for verdict in VERDICTS) + 3
        assert f"· not observed  {unseen} rules (every other report names them, with the reason)" in text
        assert f"{unseen} not observed)" in text
        alone = replace(judged, records=tuple(each for each in judged.records if each.wire == "lan"))
        assert f"{unseen} rules, most of them because nothing was heard of the serial line" in printed(alone)

    def test_one_is_named(self):
        assert "unseen-0: not there" in printed(replace(judgement(self.UNSEEN[:1]), mode="lan"))

    def test_nothing_is_folded_elsewhere(self):
        assert printed(judgement(self.UNSEEN)).count("unseen-") == 3


def test_styles_follow_the_outcome():
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=100)
    terminal(judgement(), console)
    text = console.file.getvalue()
    assert "\x1b[1;31m✗ fail" in text
    assert "\x1b[33m! warning" in text
    assert "\x1b[32m✓ pass" in text


def test_nothing_from_a_wire_steers_the_terminal_or_is_markup():
    text = printed(hostile(), width=200, force_terminal=True)
    assert "[bold]" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert HOSTILE.split("\x00")[0] in text


def test_nothing_judged():
    text = printed(judgement((), (), (), title="Nothing", model=""))
    assert "model unknown" in text
    assert "0 records in no time: 0 commands went through\n" in text
    assert text.splitlines()[-1].startswith("· Nothing observed: no rule could be judged")


def test_one_command_is_no_commands():
    text = printed(judgement(exchanges=(replace(EXCHANGE, stopped_at=None),)))
    assert "10 records in 6.50 s: 1 command went through\n" in text
