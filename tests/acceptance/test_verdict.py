from __future__ import annotations

import json

from miio_lan.acceptance.verdict import KINDS, Evidence, Judgement, Outcome, Rule, Verdict
from miio_lan.record import Record

RULE = Rule("model-valid", "The model has three parts", "serial document, model", "boot")
LINE = Record(
    "uart", "up", 2.5, 1002.5, b"model plug\r", {"command": "model", "name": "plug", "valid": False}
)


def judgement(*outcomes: Outcome) -> Judgement:
    verdicts = tuple(Verdict(RULE, outcome, "because", (Evidence("seen", LINE),)) for outcome in outcomes)
    return Judgement("a lamp", "demo.light.lamp", 1000.0, "passive", verdicts, (LINE,))


def test_one_failure_spoils_it_and_nothing_else_does() -> None:
    assert judgement(Outcome.PASS, Outcome.WARNING, Outcome.NOT_OBSERVED).ok
    assert judgement().ok
    assert not judgement(Outcome.PASS, Outcome.FAIL).ok


def test_counts_name_every_outcome() -> None:
    counts = judgement(Outcome.PASS, Outcome.PASS, Outcome.FAIL).counts
    assert counts == {Outcome.PASS: 2, Outcome.FAIL: 1, Outcome.WARNING: 0, Outcome.NOT_OBSERVED: 0}


def test_json_holds_verdicts_with_rule_and_evidence() -> None:
    data = json.loads(json.dumps(judgement(Outcome.FAIL).as_json()))
    assert data["ok"] is False
    assert data["counts"] == {"pass": 0, "fail": 1, "warning": 0, "not observed": 0}
    assert (data["title"], data["model"], data["started"], data["mode"]) == (
        "a lamp", "demo.light.lamp", 1000.0, "passive",
    )  # fmt: skip
    (verdict,) = data["verdicts"]
    assert verdict == {
        "name": "model-valid",
        "title": "The model has three parts",
        "source": "serial document, model",
        "kind": "boot",
        "severity": "failure",
        "outcome": "fail",
        "text": "because",
        "kept": 0,
        "warned": 0,
        "broken": 0,
        "seconds": 0.0,
        "evidence": [{"text": "seen", "record": LINE.as_json()}],
    }


def test_evidence_without_a_line() -> None:
    assert Evidence("nothing came").as_json() == {"text": "nothing came"}


def test_every_kind_has_a_heading() -> None:
    assert RULE.kind in KINDS
    assert all(KINDS.values())
