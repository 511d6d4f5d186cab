"""The benchmark of endurance: what it calls growth, and that its process at work works."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def endurance(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.endurance")


def judged(endurance: Any, key: str, values: list[float]) -> dict[str, float]:
    steady = {"memory": 30.0, "files": 16, "threads": 17, "tables": 9}
    samples = [{**steady, key: value} for value in values]
    found = {"samples": samples, "seconds": 20, "reads": 100, "errors": {}, "failed": 0, "left": 0}
    rows = endurance.judged(found, 3)
    assert [row.what for row in rows] == [target.what for target in endurance.TARGETS[:-1]]
    return {row.what: row.figure for row in rows if not row.passed}


@pytest.mark.parametrize(
    ("key", "values", "missed"),
    [
        ("memory", [20 + each for each in range(20)], {"memory grown, MB": 7}),
        ("memory", [10.0] * 5 + [40.0] * 15, {}),  # before it was warm
        ("files", [16] * 10 + [17] * 10, {"open files grown": 1}),
        ("files", [16] * 19 + [17], {}),  # something comes and goes
        ("threads", [17.0 + each // 5 for each in range(20)], {"threads grown": 2}),
        (
            "tables",
            [9] * 10 + [300] + [9] * 9,
            {"entries in the tables of one session, most at any time": 300},
        ),
    ],
)
def test_what_is_growth(endurance: Any, key: str, values: list[float], missed: dict[str, float]) -> None:
    assert judged(endurance, key, values) == missed


def test_too_few_samples_tell_nothing(endurance: Any) -> None:
    with pytest.raises(endurance.NotMeasured, match="2 samples are too few"):
        judged(endurance, "memory", [30, 30])


def test_the_process_at_work_asks_with_both_faces(endurance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endurance, "THREADED", 1)
    monkeypatch.setattr(endurance, "AWAITED", 2)
    found, restarts = endurance._at_work(2.5, 1)
    assert found["reads"] > 8
    assert found["failed"] == found["left"] == 0
    assert found["samples"]
    assert set(found["samples"][0]) == {"memory", "files", "threads", "tables"}
    assert restarts >= 2
