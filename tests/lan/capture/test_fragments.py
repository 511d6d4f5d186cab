from __future__ import annotations

from miio_lan.lan.capture.fragments import Fragments

KEY = (b"a", b"b", b"1")


def test_pieces_in_any_order_are_joined_once() -> None:
    fragments = Fragments()
    assert fragments.take(0, KEY, 16, b"c", more=False) == []
    assert fragments.joined is None
    fragments.take(0, KEY, 0, b"a" * 8, more=True)
    fragments.take(0, KEY, 0, b"a" * 8, more=True)  # a copy
    fragments.take(0, KEY, 8, b"b" * 8, more=True)
    assert fragments.joined == b"aaaaaaaabbbbbbbbc"
    assert fragments.unfinished() == []


def test_pieces_that_overlap_are_nothing() -> None:
    fragments = Fragments()
    fragments.take(0, KEY, 0, b"a" * 16, more=True)
    fragments.take(0, KEY, 8, b"b" * 16, more=False)
    assert fragments.joined is None
    assert fragments.unfinished() == []


def test_what_nobody_completes_is_given_up() -> None:
    fragments = Fragments()
    fragments.take(0, KEY, 0, b"a" * 8, more=True)
    assert fragments.take(30, (b"a", b"b", b"2"), 0, b"b" * 8, more=True) == []
    assert fragments.take(31, (b"a", b"b", b"3"), 0, b"c" * 8, more=True) == [b"a" * 8]
    assert fragments.unfinished() == [b"b" * 8, b"c" * 8]


def test_what_is_remembered_is_bounded() -> None:
    fragments = Fragments()
    for number in range(1000):
        fragments.take(0, (b"a", b"b", number.to_bytes(4, "big")), 8, b"a" * 8, more=True)
    assert len(fragments.unfinished()) == 256
    for at in range(1, 128):
        fragments.take(0, KEY, at * 16, b"a" * 8, more=True)
    fragments.take(0, KEY, 0, b"a" * 8, more=True)
    assert fragments.unfinished()[-1] == b"a" * 8
    assert fragments.take(0, KEY, 8, b"a" * 8, more=True) == [b"a" * 8]


def test_impossible_pieces_end_their_datagram() -> None:
    fragments = Fragments()
    assert fragments.take(0, KEY, 65528, b"a" * 16, more=False) == [b""]
    assert fragments.take(0, KEY, 0, b"a" * 7, more=True) == [b""]
    assert fragments.unfinished() == []
