from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.lan.discovery import read_announcement
from miio_lan.lan.discovery.announcement import MAX_DID, MAX_TEXT, SERVICE, Announcement

MAC = "F0:B4:29:AA:BB:0C"
GOOD = b"\x07epoch=1\x10mac=f0b429aabb0c"
# The lengths are wrong: an entry of 20 bytes begins with the "e" of "epoch".
SHIFTED = b"\x01e\x18poch=1\x10mac=f0b429aabb0c"


def test_the_constants_are_what_they_were() -> None:
    assert (SERVICE, MAX_DID, MAX_TEXT) == ("_miio._udp.local.", 2**64 - 2, 4096)


@pytest.mark.parametrize(
    ("instance", "model", "did"),
    [
        ("yeelink-light-mono1_miio13646404", "yeelink.light.mono1", 13646404),
        ("yeelink-light-mono1_miio13646404._miio._udp.local.", "yeelink.light.mono1", 13646404),
        ("viomi-vacuum-v6_miio5._miio._udp.local", "viomi.vacuum.v6", 5),
        ("mmgg-pet_waterer-s1_miio77 (2)", "mmgg.pet_waterer.s1", 77),
        ("zhimi-airpurifier-mc1_miio77-2", "zhimi.airpurifier.mc1", 77),
        ("a_miio1-b_miio2", "a_miio1.b", 2),
        ("_miio12", None, 12),
        ("a b-c_miio12", None, None),
        ("a\x1bb_miio12", None, 12),
        (f"{'x' * 65}_miio12", None, 12),
        ("a-b-c_miio0", "a.b.c", None),
        ("a-b-c_miio18446744073709551615", "a.b.c", None),
        ("a-b-c_miio18446744073709551614", "a.b.c", 2**64 - 2),
        ("a-b-c_miio99999999999999999999", "a.b.c", None),
        ("a-b-c_miio١٢", None, None),
        ("a-b-c_miio", None, None),
        ("rockrobo", None, None),
        ("", None, None),
    ],
)
def test_an_instance(instance: str, model: str | None, did: int | None) -> None:
    assert read_announcement(instance) == (model, did, None)


@pytest.mark.parametrize(
    "txt",
    [
        GOOD,
        bytearray(GOOD),
        SHIFTED,
        GOOD.decode("latin-1"),
        {"epoch": "1", "mac": "f0b429aabb0c"},
        {b"epoch": b"1", b"mac": b"f0b429aabb0c"},
        {"poch": "1\x10mac=f0b429aabb0c"},
        {b"poch": b"1\x10mac=f0b429aabb0c", b"x": None},
        ["epoch=1", "mac=F0B429AABB0C"],
        (b"poch=1mac=f0:b4:29:aa:bb:0c",),
        b"MAC=F0-B4-29-AA-BB-0C",
        b"mac=000000000000 mac=f0b429aabb0c",
    ],
)
def test_the_mac_is_found_anywhere(txt: object) -> None:
    assert read_announcement("a-b-c_miio5", txt) == Announcement("a.b.c", 5, MAC)


@pytest.mark.parametrize(
    "txt",
    [
        b"",
        None,
        7,
        {},
        [],
        b"mac=",
        b"mac=f0b429aabb0",
        b"mac=ffffffffffff",
        b"mac=zzzzzzzzzzzz",
        {"mac": None},
        [None],
    ],
)
def test_no_mac(txt: object) -> None:
    assert read_announcement("a-b-c_miio5", txt).mac is None


ANY_TXT = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80),
    st.dictionaries(
        st.binary(max_size=9) | st.text(max_size=9), st.none() | st.binary(max_size=40), max_size=4
    ),
    st.lists(st.binary(max_size=40) | st.text(max_size=40) | st.integers(), max_size=4),
    st.none(),
)


@given(instance=st.text(max_size=80) | st.from_regex(r"[a-z.-]*_miio[0-9]*", fullmatch=True), txt=ANY_TXT)
def test_whatever_comes_is_read(instance: str, txt: object) -> None:
    model, did, mac = read_announcement(instance, txt)
    assert did is None or 0 < did < 2**64 - 1
    assert model is None or model.isprintable()
    assert mac is None or len(mac) == 17


@given(before=st.binary(max_size=40), after=st.binary(max_size=40), cut=st.integers(0, 20))
def test_a_mac_in_a_broken_record_is_found(before: bytes, after: bytes, cut: int) -> None:
    # Another one before it may be found first.
    record = before[:cut].replace(b"=", b"") + b"mac=f0b429aabb0c" + after
    assert read_announcement("x", record).mac == MAC
