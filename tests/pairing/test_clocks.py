"""Clocks of a capture and a recording: the offset is right within what is said, or it is said to be in doubt."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scene import GET_LEVEL, GET_ON, LEGACY, MANY, SET_LEVEL, SET_OTHER, TOGGLE, Scene
from support.tape import Tape
from support.two_clocks import Steady, TwoClocks, polled, random_scene, random_views, seen

from miio_lan.errors import ClocksInDoubt, RecordError
from miio_lan.pairing.clocks import Clocks, compare, join
from miio_lan.pairing.offset import suppositions
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.record.marks import LINE_ENDS

STAMPS = 0.06
"""Seconds by which stamps of the two readers may be wrong by themselves."""
PLAN = (GET_LEVEL, SET_LEVEL, TOGGLE, SET_OTHER, LEGACY, GET_ON, MANY)


def errors(clocks: Clocks, both: TwoClocks) -> list[float]:
    """By how much each record that both could see is placed wrongly."""
    begin, end = both.line[0].instant, both.line[-1].instant
    placed = [(clocks.instant(each.instant), both.truth(each)) for each in both.lan]
    return [abs(found - true) for found, true in placed if begin <= true <= end]


def by_hand(spread: float = 17.3, times: int = 3, scene: Scene | None = None) -> Scene:
    """A person who does this and that."""
    scene = scene or Scene()
    for place, command in enumerate(PLAN * times):
        scene.ask(3 + place * spread + place**2 % 11, command, number=10 * place + 1)
    scene.run(len(PLAN) * times * spread + 40)
    return scene


@pytest.mark.parametrize("ahead", [0.0, 7.25, -3600.0, 1.7e9])
def test_the_offset_is_found_and_told(ahead: float) -> None:
    both = seen(by_hand(), ahead)
    clocks = compare(both.lan, both.line)
    assert clocks.sure
    assert max(errors(clocks, both)) <= clocks.within + STAMPS
    assert clocks.within < 0.1
    assert (clocks.explained, clocks.missing) == (21, 0)
    assert clocks.ahead == pytest.approx(ahead, abs=clocks.within + STAMPS)
    way = "behind" if ahead < -1 else "ahead of"
    if ahead:
        assert f"s {way} the recording's (within 0.0" in str(clocks)
        assert ", drift +0 ppm): " in str(clocks)
        assert "21 commands have their line" in str(clocks)


@pytest.mark.untraced
@pytest.mark.parametrize("drift", [100e-6, -100e-6])
def test_clocks_may_drift_apart_for_hours(drift: float) -> None:
    both = seen(by_hand(300.0, 6, Scene(poll=1.0)), 5.0, drift)
    assert both.line[-1].instant > 3 * 3600
    clocks = compare(both.lan, both.line)
    assert clocks.sure
    assert max(errors(clocks, both)) <= clocks.within + STAMPS
    assert clocks.drift == pytest.approx(drift * 1e6, abs=20)
    assert clocks.explained == 42


def test_both_are_joined_and_paired() -> None:
    both = seen(by_hand(), -99.5, 50e-6)
    line = [replace(record, wall=record.wall + 1e9) for record in both.line]
    records, clocks = join(both.lan, line)
    exchanges = pair(records)
    asked = [each for each in exchanges if each.request is not None]
    assert len(asked) == 21
    assert all(each.down is not None and each.complete for each in asked)
    assert [record for record in records if record.wire == "uart"] == line
    assert all(record.wall == pytest.approx(record.instant + 1e9, abs=1e-6) for record in records)
    assert clocks.ahead == pytest.approx(-99.5 - 1e9, abs=0.1)


@pytest.mark.parametrize("cut", [120.0, 200.0, 263.5, 330.0])
def test_behind_the_end_of_the_line_nothing_is_sure(cut: float) -> None:
    scene = Scene()
    scene.ask(390.0, GET_ON, number=9000, request_lost=True, resends=0)
    scene.ask(394.0, TOGGLE, number=9010, behaviour="silent", resends=1)
    both = seen(by_hand(scene=scene), 12.0)
    line = [record for record in both.line if record.instant <= cut]
    records, _ = join(both.lan, line)
    end = line[-1].instant
    marks = [record for record in records if record.note == LINE_ENDS]
    assert sorted(mark.direction for mark in marks) == ["down", "up"]
    assert all((mark.instant, mark.wall, mark.raw) == (end, end, b"") for mark in marks)
    later = [each for each in pair(records) if each.request is not None and each.request.instant > end]
    assert len(later) > 2
    assert all(each.down is None and each.ambiguous for each in later)


def test_a_line_that_was_recorded_to_the_end_has_no_mark() -> None:
    both = seen(by_hand(), 12.0)
    records, _ = join(both.lan, both.line)
    assert LINE_ENDS not in {record.note for record in records}


def test_what_the_recording_has_of_the_lan_gives_way_to_the_capture() -> None:
    both = seen(by_hand(), 3.0)
    own = Record("lan", "down", 1.0, 1.0, b"", note="hello", peer="own")
    mark = Record("lan", "down", 0.5, 0.5, b"", {"check": "begins"}, note="check")
    records, _ = join(both.lan, [mark, own, *both.line])
    assert own not in records
    assert sum(record.wire == "lan" for record in records) in (len(both.lan), len(both.lan) + 1)


class TestInDoubt:
    def test_polls_at_equal_intervals(self) -> None:
        """They fit one poll earlier and later as well."""
        scene = polled(every=5, times=30, jitter=0.001, rng=random.Random(1))
        scene.run(200)
        both = seen(scene, 100.0)
        clocks = compare(both.lan, both.line)
        assert not clocks.sure
        assert "two offsets, 5.0" in clocks.doubt
        assert str(clocks) == clocks.doubt
        with pytest.raises(ClocksInDoubt, match="cannot be joined: two offsets"):
            join(both.lan, both.line)
        told = compare(both.lan, both.line, about=101.0)
        assert told.sure
        assert told.ahead == pytest.approx(100.0, abs=0.1)

    def test_other_commands_decide(self) -> None:
        scene = polled(every=5, times=30, jitter=0.001, rng=random.Random(1))
        for place, command in enumerate((SET_LEVEL, TOGGLE, SET_OTHER, LEGACY)):
            scene.ask(12.0 + 31 * place, command, number=5001 + 10 * place)
        scene.run(200)
        both = seen(scene, 100.0)
        assert compare(both.lan, both.line).ahead == pytest.approx(100.0, abs=0.1)

    @pytest.mark.parametrize("known", [(), (SET_LEVEL, TOGGLE, SET_OTHER, LEGACY)])
    def test_more_offsets_than_are_followed(self, known, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those that explain a rare command are, and the others cannot explain as much."""
        monkeypatch.setattr(suppositions, "MAX_PATHS", 8)
        scene = polled(every=5, times=60, jitter=0.0, rng=random.Random(1))
        for place, command in enumerate(known):
            scene.ask(62.0 + 31 * place, command, number=5001 + 10 * place)
        scene.run(330)
        both = seen(scene, 100.0)
        clocks = compare(both.lan, both.line)
        assert clocks.sure is bool(known)
        if known:
            assert max(errors(clocks, both)) <= clocks.within + STAMPS
        else:
            assert clocks.doubt.endswith("say so (--offset)")

    def test_polls_whose_intervals_differ_decide(self) -> None:
        scene = polled(every=5, times=30, jitter=2.0, rng=random.Random(1))
        scene.run(200)
        both = seen(scene, 100.0)
        assert compare(both.lan, both.line).ahead == pytest.approx(100.0, abs=0.1)

    def test_an_offset_that_was_said_wrongly(self) -> None:
        both = seen(by_hand(), 100.0)
        assert not compare(both.lan, both.line, about=300.0).sure

    def test_too_little_in_common(self) -> None:
        scene = Scene()
        scene.ask(5, SET_LEVEL, number=1)
        scene.run(60)
        both = seen(scene, 100.0)
        assert "may be chance" in compare(both.lan, both.line).doubt

    def test_nothing_in_common(self) -> None:
        both, other = seen(by_hand(), 0.0), seen(Scene(), 0.0)
        assert compare(both.lan, []).doubt == "the recording has no line of the UART"
        assert "no command whose reply" in compare(other.lan, both.line).doubt
        polls = [record for record in both.line if b"down " not in record.raw or b"none" in record.raw]
        assert "no command of the capture has a line" in compare(both.lan, polls).doubt

    def test_another_product(self) -> None:
        one, other = seen(by_hand(), 0.0), Scene()
        rng = random.Random(3)
        for place in range(30):
            other.ask(rng.uniform(3, 500), rng.choice(PLAN), number=10 * place + 1)
        other.run(520)
        assert not compare(one.lan, seen(other, 0.0).line).sure

    def test_one_line_for_one_command_is_not_seen_twice(self) -> None:
        """A burst of the same reads has a line each; a single line does not explain all of them."""
        tape = Tape()
        for number in range(6):
            tape.ask(number + 1, "toggle").reply(number + 1, ["ok"])
        line = Tape().fetch("none").fetch("toggle").answer('result "ok"').wait(20).fetch("none").records
        assert not compare(tape.records, line).sure

    def test_slow_answers_leave_the_offset_coarse(self) -> None:
        scene = Steady(poll=0.2)
        for place, command in enumerate(PLAN * 3):
            scene.ask(3 + 37.0 * place + place**2 % 11, command, number=10 * place + 1)
        scene.run(900)
        slow = [
            replace(each, instant=each.instant + 6.0) if each.direction == "up" else each
            for each in scene.records
        ]
        both = seen(scene, 0.0)
        lan = sorted((each for each in slow if each.wire == "lan"), key=lambda each: each.instant)
        clocks = compare(lan, both.line)
        assert not clocks.sure
        assert "only to within" in clocks.doubt


@pytest.mark.parametrize("siid", [[1], {"a": 1}, None, "2", 10**400, float("nan")])
def test_a_client_may_ask_for_anything(siid: object) -> None:
    lan = Tape().ask(1, "get_properties", [{"siid": siid, "piid": 1}]).reply(1, [{"siid": siid}]).records
    assert not compare(lan, seen(by_hand(times=1), 0.0).line).sure


def test_lost_lines_are_told() -> None:
    both = seen(by_hand(times=6), 100.0)
    lost = {id(record) for record in both.line if record.raw.startswith(b"down action")}
    line = [record for record in both.line if id(record) not in lost]
    clocks = compare(both.lan, line)
    assert (clocks.sure, clocks.explained, clocks.missing) == (True, 36, 6)
    assert "; 6 have none" in str(clocks)


def test_an_outage_of_the_tap_is_no_missing_line() -> None:
    both = seen(by_hand(times=6), 100.0)
    line = [record for record in both.line if not 200 < record.instant < 400]
    clocks = compare(both.lan, line)
    assert (clocks.sure, clocks.missing) == (True, 0)


def test_a_capture_of_a_part_of_the_time() -> None:
    both = seen(by_hand(times=8), 100.0)
    lan = [record for record in both.lan if 300 < both.truth(record) < 700]
    line = [record for record in both.line if 200 < record.instant < 500]
    clocks = compare(lan, line)
    assert clocks.sure
    assert clocks.ahead == pytest.approx(100.0, abs=0.1)


@pytest.mark.untraced
@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_right_or_in_doubt(seed: int) -> None:
    rng = random.Random(seed)
    both = random_views(random_scene(rng, minutes=3.0), rng)
    clocks = compare(both.lan, both.line)
    if clocks.sure:
        wrong = errors(clocks, both)
        assert wrong, "both saw some of it"
        assert max(wrong) <= clocks.within + STAMPS
        assert clocks.within <= 1.0


@pytest.mark.untraced
@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_recordings_of_different_things_are_never_joined(seed: int) -> None:
    one, other = random.Random(seed), random.Random(seed + 1)
    lan = random_views(random_scene(one, minutes=3.0), one).lan
    line = random_views(random_scene(other, minutes=3.0), other).line
    assert not compare(lan, line).sure


def test_enough_of_the_random_scenes_are_sure() -> None:
    """Or the test above would show nothing."""
    sure = 0
    for seed in range(12):
        rng = random.Random(seed)
        both = random_views(random_scene(rng, minutes=3.0), rng)
        sure += compare(both.lan, both.line).sure
    assert sure >= 4


def test_the_order_of_the_capture_is_kept() -> None:
    clocks = Clocks(knots=((0.0, 0.0), (1.0, -2.0)), within=0.0)
    assert clocks.instant(0.5) == pytest.approx(-0.5)
    assert (clocks.instant(-1.0), clocks.instant(3.0)) == (-1.0, 1.0)
    assert math.isinf(Clocks().within)


def test_a_recording_by_several_clocks_is_not_joined() -> None:
    both = seen(by_hand(), 0.0)
    again = [replace(each, wall=each.wall + 2000) for each in both.line]
    with pytest.raises(RecordError, match=f"record {len(both.line) + 1} was stamped by another clock"):
        join(both.lan, [*both.line, *again])
