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


DIDS = "1 to 18446744073709551614"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["virtual", "product", "--did", "0"], "0 is not in the range 1<=x<=18446744073709551614."),
        (
            ["provision", "--ssid", "x", "--open", "--uid", "-5"],
            "-5 is not in the range 0<=x<=18446744073709551615.",
        ),
        (["info", "--port", "12345678901234567890"], "12345678901234567890 is not in the range 1<=x<=65535."),
        (["doctor", "--ip", "127.0.0.1", "--did", "9" * 23], f"a number from {DIDS}, not '{'9' * 23}'"),
        (["device", "add", "q", "--did", "0"], f"did is a number from {DIDS}, not '0'"),
    ],
)
def test_an_error_tells_the_number_and_its_bounds(run, arguments, wanted) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert wanted in " ".join(ended.err.split())


@pytest.mark.parametrize("token", ["00112233445566778899aabbccddeeff", "1" * 32])
def test_a_token_that_was_given_to_the_wrong_option_is_hidden(run, token) -> None:
    ended = run("virtual", "product", "--did", token)
    assert ended.code == 2
    assert token not in ended.err
