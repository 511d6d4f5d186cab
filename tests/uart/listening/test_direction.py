from __future__ import annotations

import pytest

from miio_lan.uart.listening.direction import MOST_LINES, DirectionGuess


@pytest.mark.parametrize(
    ("lines", "direction"),
    [
        (["get_down", "get_down"], "up"),
        (["down none", "ok"], "down"),
        (["result 2 1 0 5", 'error "no" -5001'], "up"),
        (["error", "cloud"], "down"),
        (["\x90\xfe", "ok", "garbage", "down none"], "down"),
        (["get_down"], None),
        ([], None),
        (["garbage", "more of it"], None),
    ],
)
def test_the_words_tell(lines, direction) -> None:
    guess = DirectionGuess()
    for line in lines:
        guess.feed(line.encode("latin-1") + b"\r", 0.0)
    assert guess.direction == direction
    assert guess.done is (direction is not None)


def test_one_line_is_a_hint() -> None:
    guess = DirectionGuess()
    assert guess.best is None
    guess.feed(b"down none\r", 0.0)
    assert (guess.best, guess.direction) == ("down", None)


def test_what_is_decided_is_not_changed() -> None:
    guess = DirectionGuess()
    guess.feed(b"ok\rok\rget_down\r", 0.0)
    guess.feed(b"get_down\rget_down\r" * 9, 0.0)
    assert guess.direction == "down"


def test_noise_is_not_listened_to_for_ever() -> None:
    guess = DirectionGuess()
    for _ in range(MOST_LINES):
        assert not guess.done
        guess.feed(b"garbage\r", 0.0)
    assert guess.done
    assert guess.direction is None
