from __future__ import annotations

import math
import re

import pytest
from support.simulated import Simulated, simulate

from miio_lan.acceptance.tester.plan import (
    ALLOWED,
    allowed,
    forbidden_values,
    legal_values,
    long_downlink,
    missing_action,
    missing_property,
    wrong_arguments,
)
from miio_lan.acceptance.tester.tester import FALSE_MODEL
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.spec import Spec
from miio_lan.device.values import Property
from miio_lan.errors import InvalidArgument
from miio_lan.uart.line import MAX_LINE
from miio_lan.virtual.mcu.mcu import Mcu

LAMP = Spec.shipped("lamp")


def test_reports_are_refused_first_and_a_query_gives_a_false_model() -> None:
    session = simulate(Mcu(LAMP, ble_pid=156), LAMP, allow=(), refusals=3)
    ups = session.lines("up")
    assert ups[:4] == ["model miiolan.light.demo1"] * 4
    assert ups[4:8] == ["mcu_version 0001"] * 4
    assert ups[8:12] == ["ble_config set 156 0001"] * 4
    assert session.lines("down")[:4] == ["error", "error", "error", "ok"]
    assert LAMP.model != FALSE_MODEL


def test_nothing_is_changed_unless_allowed() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=())
    handed = {line.split()[1] for line in session.lines("down") if line.startswith("down ")}
    assert handed == {
        "none",
        "MIIO_net_change",
        "MIIO_mcu_version_req",
        "MIIO_model_req",
        "get_properties",
        "unknown_command",
    }
    assert session.mcu.values == Mcu(LAMP).values


@pytest.mark.parametrize(
    ("word", "method"), [("writes", "set_properties"), ("actions", "action"), ("ota", "update_fw")]
)
def test_each_permission_adds_its_own(word: str, method: str) -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=(word,))
    handed = {line.split()[1] for line in session.lines("down") if line.startswith("down ")}
    assert handed & {"set_properties", "action", "update_fw"} == {method}


def test_what_was_written_is_restored() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=("writes",))
    before = Mcu(LAMP).values
    readable = {prop.iid for prop in LAMP.readable()}
    assert {iid: session.mcu.values[iid] for iid in readable} == {iid: before[iid] for iid in readable}
    sets = [line for line in session.lines("down") if line.startswith("down set_properties 2 2 ")]
    assert sets[0] != sets[-1] == "down set_properties 2 2 60"


def test_a_restoring_set_is_not_sent_for_what_was_never_read() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=("writes",))
    (only,) = [prop for prop in LAMP.writable() if not prop.readable]
    assert (
        sum(
            line.startswith(f"down set_properties {only.siid} {only.piid} ") for line in session.lines("down")
        )
        > 2
    )


def test_without_a_description_the_rest_is_still_asked() -> None:
    session = simulate(Mcu(LAMP), None)
    assert session.with_outcome(Outcome.FAIL) == set()
    passed = session.with_outcome(Outcome.PASS)
    assert {
        "model-until-ok",
        "poll-interval",
        "unknown-downlink",
        "long-downlink",
        "malformed-downlink",
    } <= passed
    assert {"value-types", "readable-properties"} <= session.with_outcome(Outcome.NOT_OBSERVED)


def test_nothing_is_waited_for_when_the_mcu_is_silent() -> None:
    session = simulate(Mcu(LAMP), LAMP, mcu_at=1e9)
    assert session.tester.silent
    assert session.seconds == session.tester.timing.power_up
    assert session.records == []


def test_an_mcu_that_is_on_already_has_no_power_up_to_judge() -> None:
    session = simulate(Mcu(LAMP, ble_pid=None), LAMP, mcu_at=-60.0, refusals=0)
    assert {"model-reported", "mcu-version-reported"} <= session.with_outcome(Outcome.NOT_OBSERVED) | (
        session.with_outcome(Outcome.PASS)
    )
    assert session.with_outcome(Outcome.FAIL) == set()


def test_an_mcu_that_never_answers_is_soon_given_up() -> None:
    session = simulate(Mcu(LAMP, misbehave=["silent"]), LAMP)
    assert session.seconds < 30
    assert sum(line.startswith("down get_properties") for line in session.lines("down")) == 2


class Failing(Mcu):
    """Does something else than answer when it gets its sixth line to read; after a pause it may be well again."""

    pause = math.inf
    _left = 5
    _back = math.inf

    def receive(self, data: bytes, now: float) -> None:
        self._left -= data.count(b"down get_properties")
        if self._left < 0 and self._back == math.inf:
            self._back = now + self.pause
            self.misbehave.add("never-polls")
            return
        super().receive(data, now)

    def tick(self, now: float) -> None:
        if now >= self._back:
            self.misbehave.discard("never-polls")
        super().tick(now)

    @property
    def deadline(self) -> float | None:
        waits = "never-polls" in self.misbehave and self._back < math.inf
        return min(super().deadline or math.inf, self._back) if waits else super().deadline


def test_an_mcu_that_stops_polling_in_the_middle_has_not_passed() -> None:
    session = simulate(Failing(LAMP), LAMP)
    assert session.with_outcome(Outcome.FAIL) == {"polls", "test-completed", "downlink-answered"}
    verdict = session.verdicts()["test-completed"]
    assert re.search(
        r"the MCU stopped asking for work .* left out: reading \(\d+\), unknown, long", verdict.text
    )
    assert re.search(r"writing \(\d+\), actions \(\d+\), firmware update \(1\)$", verdict.text)
    assert verdict.evidence[0].record is not None
    assert session.seconds < 60, "what is hopeless is not waited for"
    firmware = simulate(Failing(LAMP), LAMP, firmware=b"x")
    assert "the whole of it (1)" in firmware.verdicts()["test-completed"].text


def test_an_mcu_that_polls_again_after_a_while_is_asked_for_the_rest() -> None:
    mcu = Failing(LAMP)
    mcu.pause = 12.0
    session = simulate(mcu, LAMP)
    assert {"test-completed", "downlink-answered"} == session.with_outcome(Outcome.FAIL)
    text = session.verdicts()["test-completed"].text
    assert text.endswith("for some time; left out: reading (1)")
    assert session.verdicts()["actions-run"].outcome is Outcome.PASS


def test_an_mcu_that_does_not_come_back_from_its_bootloader_has_not_passed() -> None:
    mcu = Mcu(LAMP)
    mcu.on_update = lambda _: mcu.stop()
    session = simulate(mcu, LAMP, allow=("ota",))
    assert session.with_outcome(Outcome.FAIL) == {"test-completed"}
    assert "did not come back from an update" in session.verdicts()["test-completed"].text


def changed(session: Simulated) -> bool:
    return session.mcu.values != Mcu(LAMP).values


def test_an_interrupted_test_puts_back_what_it_has_set() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=("writes",), interrupt=changed)
    readable = {prop.iid: prop.default() for prop in LAMP.readable()}
    assert {iid: session.mcu.values[iid] for iid in readable} == {
        iid: Mcu(LAMP).values[iid] for iid in readable
    }
    assert session.tester.course.still_changed == []
    assert session.tester.stage == "done"
    assert sum(line.startswith("down action") for line in session.lines("down")) == 0


def test_what_cannot_be_put_back_is_named() -> None:
    mcu = Mcu(LAMP)

    def mute(session: Simulated) -> bool:
        if changed(session):
            mcu.misbehave.add("silent")
        return changed(session)

    session = simulate(mcu, LAMP, allow=("writes",), interrupt=mute)
    (text,) = session.tester.course.still_changed
    assert re.fullmatch(r"property 2\.\d+ \(.*\) could not be set back to .+", text)


def test_an_interruption_before_anything_was_set_ends_at_once() -> None:
    session = simulate(Mcu(LAMP), LAMP, interrupt=lambda session: session.tester.stage == "reading")
    assert session.tester.done
    assert not any("set_properties" in line for line in session.lines("down"))
    before = simulate(Mcu(LAMP), LAMP, interrupt=lambda _: True)
    assert before.tester.done
    before.tester.interrupt(before.ended)
    assert before.tester.done, "a script that has ended cannot be interrupted any more"


def test_a_transfer_that_begins_is_cancelled() -> None:
    class Bootloader(Mcu):
        """Asks for the first block before the application is there again."""

        begun = False

        def take_output(self) -> bytes:
            start, self.begun = self.begun, False
            return (b"C" if start else b"") + super().take_output()

    mcu = Bootloader(LAMP)
    mcu.on_update = lambda _: setattr(mcu, "begun", True)
    session = simulate(mcu, LAMP, allow=("ota",))
    assert session.tester.transfer_started
    assert any(
        record.raw.startswith(b"\x18\x18\x18") for record in session.records if record.direction == "down"
    )
    assert session.verdicts()["update-answer"].outcome is Outcome.PASS
    assert session.verdicts()["update-return"].outcome is Outcome.NOT_OBSERVED
    assert "known-commands" not in session.with_outcome(Outcome.FAIL)


def test_busy_ends_an_update() -> None:
    mcu = Mcu(LAMP)
    mcu.update_answer = "busy"
    session = simulate(mcu, LAMP, allow=("ota",))
    assert session.verdicts()["update-answer"].text == "busy"
    assert not any(b"\x18" in record.raw for record in session.records)


def test_words_that_cannot_be_allowed_are_named() -> None:
    assert allowed(()) == {"reads"}
    assert allowed(["Writes "]) == {"reads", "writes"}
    assert allowed(["all"]) == set(ALLOWED)
    with pytest.raises(InvalidArgument, match="'everything' cannot be allowed; there are reads, writes"):
        allowed(["everything"])


def test_the_long_downlink_is_as_long_as_a_line_may_be() -> None:
    assert len("down " + long_downlink()) == MAX_LINE


def test_values_to_try_are_on_the_right_side_of_every_limit() -> None:
    for spec in (LAMP, Spec.shipped("purifier")):
        for prop in spec.properties():
            assert legal_values(prop), prop.name
            assert all(not prop.problem(value) for value in legal_values(prop))
            assert forbidden_values(prop), prop.name
            assert all(prop.problem(value) for value in forbidden_values(prop))


def _property(**facts: object) -> Property:
    return Property(2, 1, "", "p", "", access=frozenset({"read", "write"}), **facts)  # type: ignore[arg-type]


def test_values_to_try() -> None:
    number = _property(format="uint8", range=(1, 100, 5))
    assert legal_values(number) == [1, 46]
    assert forbidden_values(number) == [-4, 105, 3, "high", True]
    free = _property(format="float")
    assert legal_values(free) == [0.0, 100.0, 50.0]
    assert forbidden_values(free) == ["high", True]
    text = _property(format="string", max_length=5)
    assert legal_values(text) == ["a", "xxxxx"]
    assert forbidden_values(text) == [1, "xxxxxx"]
    many = _property(format="uint8", choices=tuple((number, "") for number in range(20)))
    assert legal_values(many) == [0, 1, 2, 3, 4, 5, 6, 19]
    assert forbidden_values(many) == [20, "high", True]
    words = _property(format="string", choices=(("a", ""), ("b", "")))
    assert legal_values(words) == ["a", "b"]


def test_what_does_not_exist_really_does_not() -> None:
    assert LAMP.property(*missing_property(LAMP)) is None
    assert LAMP.action(*missing_action(LAMP)) is None
    empty = Spec("a.b.c", "", "", ())
    assert missing_property(empty) == missing_action(empty) == (1, 50)


def test_wrong_arguments_are_wrong() -> None:
    change = LAMP.action(2, 2)
    assert change is not None
    assert wrong_arguments(LAMP, change) == [[], [(10, -101)]]
    toggle = LAMP.action(2, 1)
    assert toggle is not None
    assert wrong_arguments(LAMP, toggle) == []
