"""A check that was recorded is judged from its file as it was judged live."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.tester.active import drive_lan, drive_module
from miio_lan.acceptance.verdict import Judgement, Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.record import Observer, Record
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.uart.ports.port import MemoryPair
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.product import VirtualProduct

LAMP = Spec.shipped("lamp")
QUICK = {"poll_interval": 0.002}
IMAGE = bytes(range(256)) * 3


def verdicts(judgement: Judgement) -> list[dict[str, object]]:
    """Give the verdicts as JSON writes them, the lines they rest on included."""
    return [json.loads(json.dumps(each.as_json())) for each in judgement.verdicts]


def outcomes(judgement: Judgement) -> dict[str, Outcome]:
    return {each.rule.name: each.outcome for each in judgement.verdicts}


def module(path: Path, mcu: Mcu, **options: Any) -> Judgement:
    with MemoryPair() as pair, McuHost(mcu, pair.far), FileRecorder(path) as recorder:
        return drive_module(pair.near, spec=LAMP, refusals=1, observer=recorder, **options)


class Unreporting(Mcu):
    """An MCU that begins with ``get_down``, as one does that is on already."""

    def start(self, now: float) -> None:
        self._power_up()
        self._running = True
        self._advance(now)


@pytest.mark.parametrize(
    ("misbehave", "allow"),
    [
        ([], "all"),
        # Where it may only read, it does not wait for the effects of sets that a wrong value hides.
        (["boots-once", "quoted-booleans", "ignores-version-request"], "reads"),
        (["never-polls"], "all"),
    ],
)
def test_in_front_of_an_mcu(tmp_path: Path, misbehave: Collection[str], allow: str) -> None:
    path = tmp_path / "check.jsonl"
    live = module(path, Mcu(LAMP, misbehave=misbehave, **QUICK), allow=[allow])
    again = judgement_of(read_recording(path), spec=LAMP)
    assert verdicts(again) == verdicts(live)
    assert (again.mode, again.model, again.records) == ("module", live.model, live.records)
    assert outcomes(live)["module-downlinks"] is Outcome.NOT_OBSERVED, "wrong ones are sent on purpose"


def test_who_does_not_know_it_was_a_check_would_blame_the_module(tmp_path: Path) -> None:
    path = tmp_path / "check.jsonl"
    module(path, Mcu(LAMP, **QUICK))
    lines = [record for record in read_recording(path) if record.raw]
    assert outcomes(judgement_of(lines, spec=LAMP))["module-downlinks"] is Outcome.WARNING


@pytest.mark.parametrize(
    ("updated", "version", "expected"),
    [
        ("0002", None, Outcome.PASS),
        ("0001", None, Outcome.WARNING),
        ("0002", "0002", Outcome.PASS),
        ("0002", "0003", Outcome.FAIL),
    ],
)
def test_with_an_update(tmp_path: Path, updated: str, version: str | None, expected: Outcome) -> None:
    path = tmp_path / "check.jsonl"
    live = module(
        path,
        Mcu(LAMP, updated_version=updated, **QUICK),
        allow=["ota"],
        firmware=IMAGE,
        firmware_version=version,
    )
    again = judgement_of(read_recording(path), spec=LAMP)
    assert outcomes(again)["update-complete"] is expected
    assert verdicts(again) == verdicts(live)


def test_without_a_power_up(tmp_path: Path) -> None:
    """An MCU that was on before, and one whose user promised to switch it on."""
    found = []
    for from_boot in (False, True):
        path = tmp_path / "check.jsonl"
        live = module(path, Unreporting(LAMP, **QUICK), from_boot=from_boot)
        again = judgement_of(read_recording(path), spec=LAMP)
        assert verdicts(again) == verdicts(live)
        found.append(outcomes(again))
    assert found[0]["model-reported"] is Outcome.NOT_OBSERVED
    assert [each["test-completed"] for each in found] == [Outcome.WARNING, Outcome.WARNING]


@pytest.mark.parametrize("line", [False, True])
def test_over_the_lan(tmp_path: Path, line: bool) -> None:
    path = tmp_path / "check.jsonl"
    heard: list[Record] = []
    with FileRecorder(path) as recorder:

        def tap(record: Record) -> None:
            heard.append(record)
            recorder(record)

        @contextmanager
        def connect(observer: Observer) -> Iterator[MiotDevice]:
            with (
                VirtualProduct(LAMP, mcu_options=QUICK, observer=tap if line else None) as product,
                MiotDevice(product.host, product.token, port=product.port, observer=observer) as device,
            ):
                yield device

        live = drive_lan(connect, spec=LAMP, allow=["all"], records=heard, observer=recorder)
    again = judgement_of(read_recording(path), spec=LAMP)
    assert again.mode == "lan"
    assert {record.wire for record in again.records} == ({"lan", "uart"} if line else {"lan"})
    assert verdicts(again) == verdicts(live)


def test_what_a_tap_hears_after_the_check_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "check.jsonl"
    live = module(path, Mcu(LAMP, **QUICK))
    records = list(read_recording(path))
    later = Record("uart", "up", records[-1].instant + 1.0, 0.0, b"nonsense\r")
    assert verdicts(judgement_of([*records, later], spec=LAMP)) == verdicts(live)


def test_an_interrupted_one_says_so_and_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "check.jsonl"
    mcu = Mcu(LAMP, **QUICK)

    def progress(stage: str) -> None:
        if stage != "waiting for the MCU (switch it on, or off and on again)":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module(path, mcu, progress=progress)
    again = judgement_of(read_recording(path), spec=LAMP)
    assert again.mode == "module"
    completed = next(each for each in again.verdicts if each.rule.name == "test-completed")
    assert completed.outcome is Outcome.FAIL
    assert "the check was interrupted" in completed.text
    assert {name for name, each in outcomes(again).items() if each is Outcome.FAIL} == {"test-completed"}


def test_one_whose_end_was_lost_has_not_passed(tmp_path: Path) -> None:
    path = tmp_path / "check.jsonl"
    module(path, Mcu(LAMP, **QUICK))
    *records, _ = read_recording(path)
    found = outcomes(judgement_of(records, spec=LAMP))
    assert found["test-completed"] is Outcome.FAIL
    assert found["module-downlinks"] is Outcome.NOT_OBSERVED


def test_two_checks_in_one_file_are_not_one(tmp_path: Path) -> None:
    from miio_lan.errors import RecordError

    path = tmp_path / "check.jsonl"
    module(path, Mcu(LAMP, **QUICK))
    records = list(read_recording(path))
    later = [replace(each, instant=each.instant + 1000.0) for each in records]
    with pytest.raises(RecordError, match="more than one check"):
        judgement_of([*records, *later])
