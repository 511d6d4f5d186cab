from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.lan.discovery import findings as rules
from miio_lan.lan.discovery.announcement import Announcement
from miio_lan.lan.discovery.findings import Finding, Findings
from miio_lan.lan.packet import Packet, PushAbility, hello_reply, push_sign, unwrap

TOKEN = bytes(range(16))
PLACE, ELSEWHERE = "192.168.1.9", "192.168.1.10"


def reply(did: int = 5, sign: bytes = bytes(16), stamp: int = 100) -> Packet:
    return unwrap(hello_reply(device_id=did, stamp=stamp, sign=sign), None)


def test_the_constants_are_what_they_were() -> None:
    assert (rules.MAX_DEVICES, rules.MAX_PER_ADDRESS, rules.MAX_ADDRESSES, rules.MOVED_AFTER) == (
        10_000,
        16,
        8,
        2,
    )
    assert sorted(rules.PUSH_TYPES) == [0, 1, 4]


def test_a_reply_is_a_finding_and_its_double_is_none() -> None:
    found = Findings()
    first = found.hello(reply(), PLACE, "eth0", 1, 7.0)
    assert first == Finding(5, PLACE, 54321, "eth0")
    assert (first.stamp, first.heard, first.age(9.5)) == (100, 7.0, 2.5)
    assert found.hello(reply(stamp=101), PLACE, "eth0", 1, 7.1) is None
    assert found.get(5).heard == 7.1
    assert [each.did for each in found.all()] == [5]


def test_a_token_is_taken_where_it_is_shown() -> None:
    found = Findings()
    shown = found.hello(reply(sign=TOKEN), PLACE, "", 1, 1.0)
    assert shown.token == TOKEN.hex()
    assert TOKEN.hex() not in repr(shown)
    # Provisioned meanwhile: the token that was shown is not told any more.
    assert found.hello(reply(), PLACE, "", 2, 2.0).token is None


def test_no_placeholder_is_a_token() -> None:
    marks = [bytes(16), b"\xff" * 16, b"0" * 16, b"\x01" * 16, b"MDID" + bytes(range(12))]
    for sign in marks:
        assert Findings().hello(reply(sign=sign), PLACE, "", 1, 1.0).token is None


def test_a_device_that_can_push_says_so_and_hides_its_token_then() -> None:
    found = Findings()
    assert found.hello(reply(sign=TOKEN), PLACE, "", 1, 1.0).push is None
    can = found.hello(reply(sign=push_sign(PushAbility(0, 4, True))), PLACE, "", 1, 1.0)
    assert (can.push, can.token) == (True, TOKEN.hex())
    other = push_sign(PushAbility(0, 2, True))
    assert Findings().hello(reply(sign=other), PLACE, "", 1, 1.0).push is False


def test_what_is_no_answer_of_a_device_is_dropped() -> None:
    found = Findings()
    for did in (0, 2**64 - 1):
        assert found.hello(reply(did), PLACE, "", 1, 1.0) is None
    assert (found.all(), found.dropped) == ([], 2)


def test_a_device_keeps_its_address_while_it_answers_there() -> None:
    found = Findings()
    found.hello(reply(), PLACE, "eth0", 1, 1.0)
    both = found.hello(reply(), ELSEWHERE, "wlan0", 1, 1.0)
    assert (both.ip, both.interface, both.also_at) == (PLACE, "eth0", (ELSEWHERE,))
    found.hello(reply(), PLACE, "eth0", 2, 2.0)
    assert found.hello(reply(), ELSEWHERE, "wlan0", 3, 3.0) is None
    moved = found.hello(reply(), ELSEWHERE, "wlan0", 4, 4.0)
    assert (moved.ip, moved.interface, moved.also_at) == (ELSEWHERE, "wlan0", (PLACE,))


def test_an_announcement_is_a_hint_until_the_device_answers() -> None:
    found = Findings()
    said = Announcement("a.b.c", 5, "F0:B4:29:AA:BB:0C")
    first = found.announced(said, PLACE, 1.0)
    assert first == Finding(5, PLACE, model="a.b.c", mac="F0:B4:29:AA:BB:0C", answered=False)
    assert found.announced(said, PLACE, 1.0) is None
    answered = found.hello(reply(), ELSEWHERE, "eth0", 1, 2.0)
    assert (answered.ip, answered.answered, answered.model) == (ELSEWHERE, True, "a.b.c")
    # An old announcement does not lead away from where it answered.
    assert found.announced(said, PLACE, 3.0) is None
    assert found.get(5).ip == ELSEWHERE


def test_an_announcement_without_a_did_belongs_to_who_answers_there() -> None:
    found = Findings()
    assert found.announced(Announcement(None, None, "F0:B4:29:AA:BB:0C"), PLACE, 1.0) is None
    assert found.all() == []
    assert found.hello(reply(), PLACE, "", 1, 1.0).mac == "F0:B4:29:AA:BB:0C"


def test_what_others_make_us_remember_is_bounded() -> None:
    found = Findings()
    for did in range(1, 40):
        found.hello(reply(did), PLACE, "", 1, 1.0)
    assert len(found.all()) == 16
    for last in range(1, 40):
        found.hello(reply(1), f"192.168.2.{last}", "", 1, 1.0)
    assert len(found.get(1).also_at) == 7


def test_too_many_devices_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_DEVICES", 3)
    found = Findings()
    for did in range(1, 6):
        found.hello(reply(did), f"192.168.1.{did}", "", 1, 1.0)
        found.announced(Announcement(None, did + 10, None), f"192.168.1.{did}", 1.0)
        found.announced(Announcement(None, None, "F0:B4:29:AA:BB:0C"), f"192.168.2.{did}", 1.0)
    assert [each.did for each in found.all()] == [1, 11, 2]
    assert len(found._hints) == 3
    assert found.get(99) is None


ROWS = st.tuples(
    st.integers(0, 4),
    st.sampled_from([PLACE, ELSEWHERE, "10.0.0.1"]),
    st.integers(0, 3),
    st.sampled_from([bytes(16), TOKEN, push_sign(PushAbility(1, 1, False)), b"x" * 16]),
    st.booleans(),
)


@given(rows=st.lists(ROWS, max_size=30))
def test_whatever_comes_each_device_is_there_once_and_changes_are_told(
    rows: list[tuple[int, str, int, bytes, bool]],
) -> None:
    found = Findings()
    told: dict[int, Finding] = {}
    round_ = 0
    for did, ip, step, sign, is_hello in rows:
        round_ += step
        before = told.get(did)
        if is_hello:
            change = found.hello(reply(did, sign), ip, "eth0", round_, float(round_))
        else:
            change = found.announced(Announcement("a.b.c", did or None), ip, float(round_))
        if change is not None:
            assert change != before
            told[change.did] = change
    assert {each.did: each for each in found.all()} == told
    assert all(each.ip not in each.also_at and each.did for each in told.values())
    assert all(each.token in (None, TOKEN.hex()) for each in told.values())
