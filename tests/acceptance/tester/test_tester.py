from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from support.simulated import Simulated, simulate

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.values.effects import IGNORED, LATE, effects
from miio_lan.acceptance.tester import tester as machine
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
from miio_lan.acceptance.tester.script import script_for
from miio_lan.acceptance.tester.tester import FALSE_MODEL, Timing
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.device.description.values import Property
from miio_lan.errors import InvalidArgument
from miio_lan.uart.line import MAX_LINE
from miio_lan.uart.values import token
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


class Misspelling(Mcu):
    """Answers the read of its name in a way of its own."""

    said: bytes = b""

    def take_output(self) -> bytes:
        return super().take_output().replace(b'result 2 11 0 "Desk lamp"\r', b"result 2 11 0 " + self.said)


def misspelling(said: bytes) -> Simulated:
    mcu = Misspelling(LAMP)
    mcu.said = said
    return simulate(mcu, LAMP, allow=("writes",))


def names_written(session: Simulated) -> set[str]:
    setting = "down set_properties 2 11 "
    lines = (line for line in session.lines("down") if line.startswith(setting))
    legal = [token(value) for prop in LAMP.writable() if prop.iid == (2, 11) for value in legal_values(prop)]
    refused = [token(v) for prop in LAMP.writable() if prop.iid == (2, 11) for v in forbidden_values(prop)]
    return {line.removeprefix(setting).removesuffix(" 7 54 1") for line in lines} - {*legal, *refused}


@pytest.mark.parametrize(
    "said",
    [
        b'"Desk lamp"get_down\r',
        b'"Desk lamp"properties_changed 2 1 true\r',
        b'"Desk lamp\r',
        b'"Desk lamp"x\r',
        b"Desk\r",
        b'"Desk \\q lamp"\r',
        b'"Desk \xe4 lamp"\r',
    ],
)
def test_what_was_misread_is_not_written(said: bytes) -> None:
    session = misspelling(said)
    assert not any(line.startswith("down set_properties 2 11 ") for line in session.lines("down"))
    assert session.mcu.values[2, 11] == "Desk lamp"
    assert not any("2.11" in each for each in session.tester.course.still_changed)
    completed = session.verdicts()["test-completed"]
    assert completed.outcome is Outcome.WARNING, "others fail for that"
    assert completed.evidence[0].text == (
        "the value of property 2.11 (name) is not known, so it is not set; left out: writing (1)"
    )


@pytest.mark.parametrize("said", [b'"Desk lamp"\r\n', b'"Your lamp"\r'])
def test_what_was_read_well_is_put_back(said: bytes) -> None:
    session = misspelling(said)
    assert names_written(session) == {said.decode().strip()}
    assert not any("2.11" in each for each in session.tester.course.still_changed)


class Forgetful(Mcu):
    """Leaves the first read of its brightness unanswered, or some sets of it."""

    reads = 0
    sets: range = range(0)
    _sets = 0

    def receive(self, data: bytes, now: float) -> None:
        if data == b"down get_properties 2 2\r" and self.reads:
            self.reads -= 1
            return
        if data.startswith(b"down set_properties 2 2 "):
            self._sets += 1
            if self._sets in self.sets:
                return
        super().receive(data, now)


def test_what_was_not_answered_at_first_is_read_again_before_it_is_written() -> None:
    mcu = Forgetful(LAMP)
    mcu.reads = 1
    session = simulate(mcu, LAMP, allow=("writes",))
    assert any(line.startswith("down set_properties 2 2 ") for line in session.lines("down"))
    assert mcu.values[2, 2] == Mcu(LAMP).values[2, 2]
    assert [each for each in session.tester.course.still_changed if "2.9" not in each] == []


def test_what_was_given_up_is_put_back_all_the_same() -> None:
    mcu = Forgetful(LAMP)
    mcu.sets = range(2, 4)
    session = simulate(mcu, LAMP, allow=("writes",))
    assert mcu.values[2, 2] == Mcu(LAMP).values[2, 2]
    assert session.tester.course.owed == []
    downs = [line for line in session.lines("down") if line.startswith("down ") and "none" not in line]
    assert "down set_properties 2 2 60" in downs[-2:]
    assert "left out: writing (" in session.verdicts()["test-completed"].text


def test_what_cannot_be_read_is_named_without_a_warning() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=("writes",))
    completed = session.verdicts()["test-completed"]
    assert completed.outcome is Outcome.PASS
    assert completed.text == (
        "everything was asked; property 2.9 (scene-data) was set, and what it was before is not known"
    )


def test_nothing_of_a_line_that_ran_into_another_is_written() -> None:
    session = simulate(Mcu(LAMP, misbehave=["merged-lines"]), LAMP, allow=("writes",))
    assert any("set_properties 2 9" in line for line in session.lines("down"))
    assert not any("set_properties" in line and "get_down" in line for line in session.lines("down"))


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


class Taciturn(Mcu):
    """Does not report some things by itself."""

    never: tuple[str, ...] = ()

    def _advance(self, now: float) -> None:
        boot = self._outgoing.boot
        kept = [each for each in boot if each.kind not in self.never]
        boot.clear()
        boot.extend(kept)
        super()._advance(now)


def taciturn(*never: str) -> Taciturn:
    mcu = Taciturn(LAMP)
    mcu.never = never
    return mcu


@pytest.mark.parametrize(
    ("never", "rules"),
    [
        (("model",), {"model-reported"}),
        (("mcu_version",), {"mcu-version-reported"}),
        (("model", "mcu_version"), set()),  # no power-up was seen
    ],
)
def test_what_is_only_told_on_request_was_not_reported(never: tuple[str, ...], rules: set[str]) -> None:
    session = simulate(taciturn(*never), LAMP, allow=())
    assert session.with_outcome(Outcome.FAIL) == rules
    assert {"model-on-request", "mcu-version-on-request"} <= session.with_outcome(Outcome.PASS)
    unseen = session.with_outcome(Outcome.NOT_OBSERVED)
    assert ({"model-reported", "mcu-version-reported"} <= unseen) is not rules
    asked = next(each for each in session.records if each.raw.startswith(b"down MIIO_mcu_version_req"))
    first = next(each for each in session.records if each.direction == "up")
    assert asked.instant - first.instant > 5.0, "the MCU has all its time before it is asked"
    known = judge(session.records, spec=LAMP, driven=True, from_boot=True, ended=session.ended)
    failed = {each.rule.name for each in known if each.outcome is Outcome.FAIL}
    assert failed == {f"{word.replace('_', '-')}-reported" for word in never}


def test_a_request_that_is_answered_by_error_is_answered() -> None:
    class Newer(Mcu):
        """Knows nothing of a request that the document does not know."""

        def receive(self, data: bytes, now: float) -> None:
            super().receive(data.replace(b"MIIO_model_req", b"no_such_thing"), now)

    session = simulate(Newer(LAMP), LAMP, allow=())
    assert session.verdicts()["model-on-request"].outcome is Outcome.PASS
    assert session.verdicts()["model-on-request"].text == "answered by error, as an unknown downlink"


class Stubborn(Mcu):
    """Answers each set by 0; what was set is there after some seconds, or never."""

    after = math.inf
    _open: list[tuple[float, tuple[int, int], object]]

    def receive(self, data: bytes, now: float) -> None:
        before = dict(self.values)
        super().receive(data, now)
        self._open = getattr(self, "_open", [])
        for iid, value in list(self.values.items()):
            if value != before[iid] and b"set_properties" in data:
                self.values[iid] = before[iid]
                self._open.append((now + self.after, iid, value))

    def tick(self, now: float) -> None:
        for each in [each for each in getattr(self, "_open", []) if each[0] <= now]:
            self._open.remove(each)
            self.values[each[1]] = each[2]
        super().tick(now)


def test_each_legal_value_is_read_again() -> None:
    session = simulate(Mcu(LAMP), LAMP, allow=("writes",))
    downs = [line for line in session.lines("down") if line.startswith("down ") and "none" not in line]
    for prop in LAMP.writable():
        if not prop.readable:
            continue
        where = f"{prop.siid} {prop.piid}"
        for value in legal_values(prop):
            at = downs.index(f"down set_properties {where} {token(value)}")
            assert downs[at + 1] == f"down get_properties {where}"
    found = session.verdicts()["set-takes-effect"]
    assert found.outcome is Outcome.PASS
    readable = [prop for prop in LAMP.writable() if prop.readable]
    assert found.text == f"kept {sum(len(legal_values(prop)) + 1 for prop in readable)} times"


def test_a_set_without_effect_fails_and_its_report_is_not_missed() -> None:
    session = simulate(Stubborn(LAMP), LAMP, allow=("writes",))
    assert session.with_outcome(Outcome.FAIL) == {"set-takes-effect"}
    assert session.with_outcome(Outcome.WARNING) == set()


def test_a_set_that_takes_half_a_second_is_told_from_one_without_effect() -> None:
    mcu = Stubborn(LAMP)
    mcu.after = 0.5
    session = simulate(mcu, LAMP, allow=("writes",))
    course = session.tester.course
    found = effects(Observed(session.records, spec=LAMP, driven=True, until=session.ended, course=course))
    first = [(each.iid, each.outcome) for each in found[:2]]
    assert first == [((2, 1), LATE), ((2, 1), LATE)]
    (other,) = [each.outcome for each in found if (each.iid, each.value) == ((2, 2), 1)]
    assert other == IGNORED, "after these it is not waited for any more"


class Honest(Mcu):
    """Takes each set and does not carry it out; and reports what the property is."""

    def receive(self, data: bytes, now: float) -> None:
        before = dict(self.values)
        super().receive(data, now)
        if b"set_properties" in data:
            for iid, value in list(self.values.items()):
                if value != before[iid]:
                    self.values[iid] = before[iid]


def test_a_report_of_what_it_was_before_does_not_excuse_a_set_without_effect() -> None:
    session = simulate(Honest(LAMP), LAMP, allow=("writes",))
    reports = [line for line in session.lines("up") if line.startswith("properties_changed 2 2 ")]
    assert set(reports) == {"properties_changed 2 2 60"}
    assert session.with_outcome(Outcome.FAIL) == {"set-takes-effect"}
    assert session.with_outcome(Outcome.WARNING) == set()


class Behind(Mcu):
    """Reports what a property was before the set."""

    _before: Mapping[tuple[int, int], object] = MappingProxyType({})

    def receive(self, data: bytes, now: float) -> None:
        if b"set_properties" in data:
            self._before = dict(self.values)
        super().receive(data, now)

    def take_output(self) -> bytes:
        return re.sub(rb"(properties_changed (\d+) (\d+)) [^\r]*", self._as_before, super().take_output())

    def _as_before(self, report: re.Match[bytes]) -> bytes:
        value = self._before.get((int(report[2]), int(report[3])))
        return report[0] if value is None else report[1] + b" " + token(value).encode()


def test_a_report_of_the_value_before_the_set_is_no_report_of_it() -> None:
    session = simulate(Behind(LAMP), LAMP, allow=("writes",))
    assert session.with_outcome(Outcome.FAIL) == {"set-reported"}
    assert session.with_outcome(Outcome.WARNING) == set()
    found = session.verdicts()["set-reported"]
    told = {each.text: each.record.raw for each in found.evidence if each.record is not None}
    assert told["property 2.2 was set to 60, which it is, but reported as 50, as before"] == (
        b"properties_changed 2 2 50\r"
    )


def test_an_mcu_has_four_seconds_unless_told_otherwise() -> None:
    assert Timing() == Timing(power_up=30.0, boot=10.0, answer=4.0, late=2.0, transfer=60.0)
    assert machine.Tester(script_for(None)).module.profile.answer_time == 4.0
    assert machine.Tester(script_for(None), timing=Timing(answer=0.5)).module.profile.answer_time == 0.5


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


def with_a_long_value(iid: tuple[int, int], size: int) -> Simulated:
    """A lamp whose property has a value that a line takes, and a set does not; of no length in the description."""
    spec = replace(
        LAMP,
        services=tuple(
            replace(
                service,
                properties=tuple(
                    replace(each, max_length=None) if each.iid == iid else each
                    for each in reversed(service.properties)
                ),
            )
            for service in LAMP.services
        ),
    )
    mcu = Mcu(spec)
    mcu.values[iid] = "x" * size
    return simulate(mcu, spec, allow=("writes",))


def sets_of(session: Simulated, iid: tuple[int, int]) -> int:
    start = f"down set_properties {iid[0]} {iid[1]} "
    return sum(line.startswith(start) for line in session.lines("down"))


def test_what_is_too_long_to_be_set_back_is_not_set() -> None:
    """The longest that can be read is ``result 2 11 0 "..."``, a set of it has more around it."""
    session = with_a_long_value((2, 11), 495)
    assert sets_of(session, (2, 11)) == 0
    completed = session.verdicts()["test-completed"]
    assert completed.outcome is Outcome.WARNING
    assert completed.evidence[0].text == (
        "the value of property 2.11 (name) is too long to be set back, so it is not set; left out: writing (1)"
    )
    assert len(session.mcu.values[2, 11]) == 495  # type: ignore[arg-type]


def test_a_long_value_that_cannot_be_set_is_no_trouble() -> None:
    session = with_a_long_value((1, 1), 495)
    assert sets_of(session, (1, 1)) == 0
    assert sets_of(session, (1, 2)) == 1
    assert session.verdicts()["test-completed"].outcome is Outcome.PASS


def test_what_is_not_too_long_is_set_back_and_set_with_no_others() -> None:
    session = with_a_long_value((2, 11), 484)
    assert sets_of(session, (2, 11)) > 2
    last = [line for line in session.lines("down") if line.startswith("down set_properties ")][-1]
    assert last.startswith('down set_properties 2 9 "')
    assert last.endswith('" 7 54 1')
    assert len(session.mcu.values[2, 11]) == 484  # type: ignore[arg-type]
    assert session.verdicts()["test-completed"].outcome is Outcome.PASS
