from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.simulated import Simulated, simulate

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.virtual.mcu.bootloader import POLL_FOR
from miio_lan.virtual.mcu.mcu import Mcu

LAMP = Spec.shipped("lamp")
IMAGE = bytes(range(256)) * 3


def update(mcu: Mcu) -> Simulated:
    return simulate(mcu, allow=("ota",), firmware=IMAGE)


def verdict(session: Simulated, version: str | None = None) -> Verdict:
    return judged(session.records, session.tester.course.transfer_failed, version)


def judged(records: list[Record], failed: str | None, version: str | None = None) -> Verdict:
    course = Progress(transfer_failed=failed, firmware_version=version)
    verdicts = judge(records, driven=True, course=course)
    return next(each for each in verdicts if each.rule.name == "update-complete")


def test_a_whole_update_breaks_no_rule() -> None:
    session = update(Mcu(LAMP))
    assert session.mcu.image == IMAGE
    assert session.with_outcome(Outcome.FAIL) == set()
    found = verdict(session, "0002")
    assert (found.outcome, found.text) == (Outcome.PASS, "mcu_version 0002")
    assert any(record.reading and record.reading.get("transfer") == "block" for record in session.records)


def test_another_version_than_the_image_has() -> None:
    found = verdict(update(Mcu(LAMP)), "0003")
    assert (found.outcome, found.text) == (Outcome.FAIL, "not the version 0003")
    assert found.evidence[0].record is not None
    assert found.evidence[0].record.raw == b"mcu_version 0002\r"


def test_the_same_version_as_before_is_a_warning_unless_it_is_the_one_to_be() -> None:
    session = update(Mcu(LAMP, updated_version="0001"))
    found = verdict(session)
    assert (found.outcome, found.text) == (
        Outcome.WARNING, "the version is 0001 as before: was the new firmware started?",
    )  # fmt: skip
    assert found.evidence[0].record is not None
    assert found.evidence[0].record.raw == b"mcu_version 0001\r"
    assert verdict(session, "0001").outcome is Outcome.PASS
    assert verdict(session, "0002").outcome is Outcome.FAIL


def test_another_version_than_before_is_right_when_nobody_said_which() -> None:
    assert verdict(update(Mcu(LAMP))).outcome is Outcome.PASS


def test_busy_fails() -> None:
    mcu = Mcu(LAMP)
    mcu.update_answer = "busy"
    found = verdict(update(mcu))
    assert (found.outcome, found.text) == (Outcome.FAIL, "the MCU is busy")


@pytest.mark.parametrize("reset", ["ready", "offer", "updating"])
def test_every_way_into_the_bootloader_breaks_no_rule(reset: str) -> None:
    mcu = Mcu(LAMP)
    mcu.bootloader.reset = reset
    session = update(mcu)
    assert session.mcu.image == IMAGE
    assert session.with_outcome(Outcome.FAIL) == set()
    assert verdict(session, "0002").outcome is Outcome.PASS


def test_an_mcu_that_refuses_the_image_is_quoted_and_may_say_so() -> None:
    mcu = Mcu(LAMP)
    mcu.bootloader.refusal = "signature wrong"
    session = update(mcu)
    found = verdict(session)
    assert found.outcome is Outcome.FAIL
    assert found.text == "the receiver cancelled the transfer, and said 'error \"signature wrong\" -5004'"
    words = judge(
        session.records, driven=True, course=Progress(transfer_failed=session.tester.course.transfer_failed)
    )
    assert {each.rule.name for each in words if each.outcome is Outcome.FAIL} == {"update-complete"}


def test_an_mcu_that_never_asks_for_a_block() -> None:
    mcu = Mcu(LAMP)
    mcu.on_update = lambda now: None
    found = verdict(update(mcu))
    assert found.outcome is Outcome.FAIL
    assert "did not ask for the first block" in found.text


@pytest.mark.parametrize("word", ["model", "mcu_version"])
def test_what_is_not_reported_after_the_restart_is_named(word: str) -> None:
    session = update(Mcu(LAMP))
    last = max(at for at, record in enumerate(session.records) if "xmodem" in record.note)
    kept = [
        record
        for at, record in enumerate(session.records)
        if at < last or (record.reading or {}).get("command") != word
    ]
    found = judged(kept, "")
    assert (found.outcome, found.text) == (Outcome.FAIL, f"after the transfer no {word} was reported")
    assert found.evidence[0].record is session.records[last]


def test_another_model_after_the_restart() -> None:
    session = update(Mcu(LAMP))
    records = list(session.records)
    at = max(
        at
        for at, record in enumerate(records)
        if record.direction == "up" and (record.reading or {}).get("command") == "model"
    )
    records[at] = replace(records[at], raw=b"model a.b.c\r")
    found = judged(records, "")
    assert (found.outcome, found.text) == (Outcome.FAIL, f"another model than before, {LAMP.model}")


def test_without_firmware_nothing_is_judged() -> None:
    session = simulate(Mcu(LAMP), allow=("ota",))
    assert verdict(session).outcome is Outcome.NOT_OBSERVED
    assert session.verdicts()["update-return"].outcome is Outcome.PASS


def in_its_bootloader(session: Simulated) -> bool:
    return session.mcu._transfer is not None


def offered(session: Simulated) -> bool:
    return any(record.raw.startswith(b"down update_fw") for record in session.records)


def is_ready(session: Simulated) -> bool:
    return any(record.raw.startswith(b'result "ready"') for record in session.records)


def sending(session: Simulated) -> bool:
    return any((record.reading or {}).get("transfer") == "block" for record in session.records)


def about_to_offer(session: Simulated) -> bool:
    return session.tester.updating


@pytest.mark.parametrize("firmware", [IMAGE, None])
@pytest.mark.parametrize("when", [about_to_offer, offered, is_ready, in_its_bootloader, sending])
@pytest.mark.parametrize("reset", ["", "ready", "offer"])
def test_an_interrupted_update_leaves_the_mcu_at_work(
    firmware: bytes | None, when: Callable[[Simulated], bool], reset: str
) -> None:
    mcu = Mcu(LAMP)
    if reset:
        mcu.bootloader.reset = reset
    session = simulate(mcu, allow=("ota",), firmware=firmware, interrupt=when)
    course = session.tester.course
    assert session.tester.stage == "done"
    mcu.tick(session.ended + POLL_FOR)  # a bootloader that polls by itself soon starts the application
    assert not in_its_bootloader(session)
    assert mcu.image is None
    if firmware is not None:
        assert course.left_behind == ["the firmware update was broken off"]
        course.cut = "the check was interrupted"
        assert session.with_outcome(Outcome.FAIL) == {"test-completed"}
        found = session.verdicts()["update-complete"]
        assert (found.outcome, found.text) == (Outcome.NOT_OBSERVED, "the firmware update was broken off")


def still_due(session: Simulated) -> bool:
    return session.tester.stage == "waiting for what is still due"


def test_an_update_that_was_refused_is_not_broken_off() -> None:
    mcu = Mcu(LAMP, misbehave=["ignores-version-request"])  # so that something is still due behind it
    mcu.update_answer = "busy"
    session = simulate(mcu, allow=("ota",), interrupt=still_due)
    assert session.lines("down")[-2:] == ["down update_fw", "ok"]
    assert session.tester.course.left_behind == []


@pytest.mark.parametrize("misbehave", [[], ["silent"]])
@pytest.mark.parametrize("answer", ["busy", None])
def test_an_update_that_was_not_taken_is_over(answer: str | None, misbehave: list[str]) -> None:
    mcu = Mcu(LAMP, misbehave=misbehave)
    mcu.update_answer = answer
    session = simulate(mcu, allow=("ota",))
    assert offered(session) == (not misbehave)  # an MCU that answers nothing is not asked any more
    assert not session.tester.updating


class Wordless(Mcu):
    """Leaves for its bootloader without an answer."""

    def receive(self, data: bytes, now: float) -> None:
        if data == b"down update_fw\r":
            self._enter_bootloader(now, polls=False)
        else:
            super().receive(data, now)


def test_an_mcu_that_took_the_update_without_a_word_is_not_left_in_its_bootloader() -> None:
    session = simulate(Wordless(LAMP), allow=("ota",))
    assert not in_its_bootloader(session)
    assert session.lines("up")[-1] == "get_down"
    assert not session.tester.updating
    assert session.with_outcome(Outcome.FAIL) == {"update-answer"}


def test_an_mcu_that_is_gone_when_the_update_is_broken_off_is_told() -> None:
    mcu = Mcu(LAMP)
    mcu.on_update = lambda now: mcu.stop()
    session = simulate(mcu, allow=("ota",), firmware=IMAGE, interrupt=is_ready)
    (text,) = session.tester.course.left_behind
    assert text.endswith("the MCU was not heard since, and may wait for it in its bootloader")
    again = Progress.from_json(session.tester.course.as_json())
    assert again.left_behind == [text]


def test_what_follows_the_transfer_is_not_missed_by_who_was_interrupted() -> None:
    session = update(Mcu(LAMP))
    last = max(at for at, record in enumerate(session.records) if "xmodem" in record.note)
    course = Progress(transfer_failed="", cut="the check was interrupted")
    verdicts = judge(session.records[: last + 1], driven=True, course=course)
    found = next(each for each in verdicts if each.rule.name == "update-complete")
    assert found.outcome is Outcome.NOT_OBSERVED
