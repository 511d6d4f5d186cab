from __future__ import annotations

from miio_lan.pairing.matching.paths import reachable, reaching

ARROWS = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "e": {"a"}}


def test_what_can_be_reached() -> None:
    assert reachable("a", ARROWS) == set("abcd")
    assert reachable("d", ARROWS) == {"d"}
    assert reachable([], ARROWS) == set()


def test_from_where_a_goal_can_be_reached() -> None:
    assert reaching("c", ARROWS) == set("abce")
    assert reaching("e", ARROWS) == {"e"}
    assert reaching([], ARROWS) == set()
