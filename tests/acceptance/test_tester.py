from __future__ import annotations

import pytest
from support.simulated import simulate

from miio_lan.acceptance.plan import (
    ALLOWED,
    allowed,
    forbidden_values,
    legal_values,
    long_downlink,
    missing_action,
    missing_property,
    wrong_arguments,
)
from miio_lan.acceptance.tester import FALSE_MODEL
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.spec import Spec
from miio_lan.device.values import Property
from miio_lan.errors import InvalidArgument
from miio_lan.uart.line import MAX_LINE
from miio_lan.virtual.mcu import Mcu

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
