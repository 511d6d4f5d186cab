"""A check that does not come to its end: its reports say so, or the command says that there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.talk import talk

from miio_lan.cli.accept import modes

OLD = "of another check"


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, once the check comes to its second stage."""

    def progress(_: object) -> Callable[[str], object]:
        stages: list[str] = []

        def on_stage(stage: str) -> None:
            stages.append(stage)
            if len(stages) == 2:
                raise KeyboardInterrupt

        return on_stage

    monkeypatch.setattr(modes, "_progress", progress)


def asked(folder: Path) -> tuple[dict[str, Path], list[str]]:
    files = {kind: folder / f"check.{kind}" for kind in ("html", "junit", "json")}
    for path in files.values():
        path.write_text(OLD)
    return files, [word for kind, path in files.items() for word in ("--report", f"{kind}={path}")]


@pytest.mark.usefixtures("interrupting")
@pytest.mark.parametrize("record", [False, True])
def test_every_report_says_that_the_check_was_interrupted(run: Any, tmp_path: Path, record: bool) -> None:
    files, options = asked(tmp_path)
    recording = ["--record", str(tmp_path / "check.jsonl")] if record else []
    ended = run("accept", "--virtual", *options, *recording)
    assert (ended.code, ended.out) == (130, "")
    told = " ".join(ended.err.split())
    assert "interrupted; the check is judged as far as it came in" in told
    for path in files.values():
        assert "the check was interrupted" in path.read_text()
    document = json.loads(files["json"].read_text())
    assert document["title"].startswith("virtual ")
    assert {each["name"]: each["outcome"] for each in document["verdicts"]}["test-completed"] == "fail"
    if record:
        again = json.loads(run("accept", "--json", str(tmp_path / "check.jsonl")).out)
        assert {each["name"] for each in again["verdicts"] if each["outcome"] == "fail"} >= {"test-completed"}


@pytest.mark.usefixtures("interrupting")
def test_with_json_the_error_says_it(run: Any, tmp_path: Path) -> None:
    _, options = asked(tmp_path)
    ended = run("--json", "accept", "--virtual", *options)
    assert ended.code == 130
    assert "judged as far as it came" in json.loads(ended.out)["error"]["message"]


@pytest.mark.usefixtures("interrupting")
def test_a_report_that_cannot_be_written_is_told(run: Any, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    ended = run("accept", "--virtual", "--report", "html=/dev/full")
    assert ended.code == 130
    assert "/dev/full cannot be written" in ended.err
    assert "as far as it came" not in ended.err


def test_interrupted_while_the_reports_are_written(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, options = asked(tmp_path)
    line = tmp_path / "line.jsonl"
    records = talk("> model a.b.c\n< ok\n> get_down\n< down none")
    line.write_text("".join(json.dumps(record.as_json()) + "\n" for record in records))

    def interrupted(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("miio_lan.acceptance.report.formats.to_junit", interrupted)
    ended = run("accept", str(line), *options)
    assert (ended.code, ended.out) == (130, "")
    told = " ".join(ended.err.split())
    assert f"interrupted; not written any more: {files['junit']}, {files['json']}" in told
    assert files["html"].read_text() != OLD == files["json"].read_text()


def test_interrupted_before_anything_was_heard(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, options = asked(tmp_path)
    files["html"].unlink()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("miio_lan.acceptance.tester.active.drive_module", interrupted)
    ended = run("accept", "--virtual", *options)
    assert ended.code == 130
    told = " ".join(ended.err.split())
    assert f"no report was written; an earlier one stays in {files['junit']}, {files['json']}" in told
    assert files["json"].read_text() == OLD


def test_what_cannot_be_judged_has_no_report(run: Any, tmp_path: Path) -> None:
    files, options = asked(tmp_path)
    ended = run("accept", "--uart", "pty", "--power-up", "0.01", *options)
    assert ended.code == 1
    told = " ".join(ended.err.split())
    assert "no report was written; an earlier one stays in" in told
    assert "nothing was heard from the MCU" in told
    assert files["html"].read_text() == OLD
