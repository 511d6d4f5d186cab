from __future__ import annotations

import pytest

SECONDS = "between 0.0001 and 10000000"


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e-300", "1e300", "0", "-1", "soon"])
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["accept", "--uart", "/dev/none", "--power-up"], SECONDS),
        (["accept", "--tap-up", "/dev/none", "--for"], SECONDS),
        (["watch", "--replay", "/no/such/file", "--speed"], "of times between 0.0001 and 1000000"),
        (["watch", "--virtual", "none-such", "--every"], SECONDS),
        (["watch", "--virtual", "none-such", "--seconds"], SECONDS),
        (["uart", "record", "--up", "/dev/none", "--seconds"], SECONDS),
        (["demo", "--answer-time"], "between 0.05 and 60"),
        (["virtual", "mcu", "--port", "/dev/none", "--poll-interval"], "between 0.001 and 60"),
        (["info", "--ip", "127.0.0.1", "--timeout"], SECONDS),
        (["--timeout"], SECONDS),
    ],
)
def test_numbers_that_are_none_or_absurd(run, arguments, wanted, number) -> None:
    ended = run(*arguments, number)
    assert (ended.code, ended.out) == (2, "")
    text = " ".join(ended.err.split())
    assert f"Invalid value for '{arguments[-1]}'" in text
    assert f"{number!r} is no number of" in text
    assert wanted in text


@pytest.mark.parametrize("number", ["inf", "nan", "-0.1"])
def test_a_wait_of_nothing_is_one(run, number) -> None:
    assert run("uart", "console", "--port", "/dev/none", "--wait", number).code == 2
    assert run("uart", "console", "--port", "/dev/none", "--wait", "0").code == 1
