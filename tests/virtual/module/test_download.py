"""The module's download, on a fake clock: what it asks for, what it takes, and when it gives up."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.virtual.module.download import Download, Fetch, UpdateTimes, md5_of, server_of, url_of

URL = "http://10.0.0.2:8000/image"
IMAGE = bytes(range(256)) * 4
MD5 = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()


def download(md5: str = MD5, *, limit: int = 2000, url: str = URL, **times: float) -> Download:
    return Download(7, url, md5, limit, UpdateTimes(**times), 100.0)  # type: ignore[arg-type]


def test_an_image_that_comes_whole() -> None:
    made = download()
    assert made.wanted == Fetch(7, URL, 0, 2000)
    made.answered(7, 0, 1024, 101.0)
    seen = []
    for at in range(0, 1024, 256):
        made.received(7, IMAGE[at : at + 256], 101.0)
        seen.append(made.progress)
    assert seen == [25, 50, 75, 100]
    assert not made.done
    made.ended(7, "", 101.0)
    assert (made.done, made.failed, made.wanted, made.deadline) == (True, "", None, None)
    assert (made.image, made.progress) == (IMAGE, 100)


def test_a_server_that_does_not_say_how_much_there_is() -> None:
    made = download()
    made.answered(7, 0, None, 101.0)
    made.received(7, IMAGE, 101.0)
    assert made.progress == 0
    made.ended(7, "", 101.0)
    assert made.done


def test_what_broke_off_goes_on_from_there() -> None:
    made = download()
    made.answered(7, 0, 1024, 101.0)
    made.received(7, IMAGE[:300], 101.0)
    made.ended(7, "the connection was reset", 102.0)
    assert (made.wanted, made.deadline) == (None, 103.0)
    made.tick(102.9)
    assert made.wanted is None
    made.tick(103.0)
    assert made.wanted == Fetch(8, URL, 300, 2000)
    made.received(7, b"late", 103.0)  # of the first connection
    made.answered(8, 300, 1024, 103.0)
    made.received(8, IMAGE[300:], 103.0)
    made.ended(8, "", 103.0)
    assert made.image == IMAGE


def test_a_server_that_begins_anew_is_followed() -> None:
    made = download()
    made.answered(7, 0, 1024, 101.0)
    made.received(7, IMAGE[:300], 101.0)
    made.ended(7, "", 102.0)  # too early
    made.tick(103.0)
    made.answered(8, 0, 1024, 103.0)
    made.received(8, IMAGE, 103.0)
    made.ended(8, "", 103.0)
    assert made.done
    assert made.image == IMAGE


def test_it_tries_three_times() -> None:
    made = download()
    for number, now in ((7, 101.0), (8, 102.0), (9, 103.0)):
        made.tick(now)
        made.ended(number, "Connection refused", now)
    assert made.failed == "Connection refused, 3 times"
    assert (made.wanted, made.deadline) == (None, None)


def test_a_truncated_image() -> None:
    made = download(tries=1)
    made.answered(7, 0, 1024, 101.0)
    made.received(7, IMAGE[:1000], 101.0)
    made.ended(7, "", 101.0)
    assert made.failed == "the connection ended after 1000 of 1024 bytes"


def test_what_another_try_would_not_change() -> None:
    made = download()
    made.ended(7, "the server answered 404 Not Found", 101.0, final=True)
    assert made.failed == "the server answered 404 Not Found"


def test_a_wrong_checksum() -> None:
    made = download("0" * 32)
    made.answered(7, 0, None, 101.0)
    made.received(7, IMAGE, 101.0)
    made.ended(7, "", 101.0)
    assert made.failed == f"the MD5 of what came is {MD5}, not '{'0' * 32}'"


def test_without_a_checksum_none_is_compared() -> None:
    made = download("")
    made.received(7, b"x", 101.0)
    made.ended(7, "", 101.0)
    assert made.done


def test_an_empty_image() -> None:
    made = download("")
    made.answered(7, 0, 0, 101.0)
    made.ended(7, "", 101.0)
    assert made.failed == "the image is empty"


def test_one_that_is_announced_too_large() -> None:
    made = download(limit=1023)
    made.answered(7, 0, 1024, 101.0)
    assert made.failed == "the image is too large, 1023 bytes are taken at most"


def test_one_that_never_ends() -> None:
    made = download(limit=1023)
    made.answered(7, 0, None, 101.0)
    made.received(7, IMAGE, 101.0)
    assert made.failed == "the image is too large, 1023 bytes are taken at most"


def test_more_than_was_announced() -> None:
    made = download()
    made.answered(7, 0, 10, 101.0)
    made.received(7, bytes(11), 101.0)
    assert made.failed == "more came than the 10 bytes that were announced"


def test_an_answer_from_behind_what_is_there() -> None:
    made = download()
    made.answered(7, 5, 1024, 101.0)
    assert made.failed == "the server answered from byte 5 on, 0 are there"


def test_silence_is_given_up_after_a_minute() -> None:
    made = download()
    assert made.deadline == 160.0
    made.answered(7, 0, 1024, 110.0)
    made.received(7, b"x", 150.0)
    assert made.deadline == 210.0
    made.tick(209.9)
    assert not made.failed
    made.tick(210.0)
    assert made.failed == "nothing came for 60 s, 1 bytes came before"


def test_a_trickle_is_given_up_after_ten_minutes() -> None:
    made = download()
    for second in range(1, 600):
        made.received(7, b"x", 100.0 + second)
        made.tick(100.0 + second)
        assert not made.failed
    assert made.deadline == 700.0
    made.tick(700.0)
    assert made.failed == "it took longer than 600 s, 599 bytes came"


def test_https_is_none_of_its_ways() -> None:
    made = download(url="https://host/image")
    assert made.failed == "https is not supported: the module downloads by http alone"
    assert made.wanted is None


def test_stopped() -> None:
    made = download()
    made.stop("enough")
    assert (made.failed, made.wanted) == ("enough", None)
    made.stop("again")
    made.ended(7, "", 101.0)
    assert made.failed == "enough"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"app_url": "http://x/a", "mcu_url": "http://x/m"}, ("app_url", "http://x/a")),
        ({"app_url": "ftp://x/a", "mcu_url": "http://x/m"}, ("mcu_url", "http://x/m")),
        ({"wifi_url": "http://x/w"}, ("wifi_url", "http://x/w")),
        ({"app_url": "http://" + "x" * 250}, None),
        ({"app_url": 5}, None),
        ({}, None),
    ],
)
def test_which_image_is_meant(params: dict[str, object], found: tuple[str, str] | None) -> None:
    assert url_of(params, 256) == found


@pytest.mark.parametrize(
    ("url", "told"),
    [
        *(("http://h?token=secret", "h"), ("http://h:81#secret", "h:81"), ("http://h\\secret", "h")),
        *(
            ("http://10.0.0.2:8000?a=secret@b", "10.0.0.2:8000"),
            ("http://[fd00::5]:80/secret", "[fd00::5]:80"),
        ),
        *(
            ("http://user:secret?@h/", "user"),
            ("http://h:secret/", "h"),
            ("http://user:secret@h:99999/", "h:99999"),
        ),
        *(("http:secret", "an address that cannot be read"), ("http://", "an address that cannot be read")),
        ("http://[::1/secret", "an address that cannot be read"),
    ],
)
def test_of_a_url_no_more_than_the_server_is_told(url: str, told: str) -> None:
    assert server_of(url) == told


def test_what_is_told_of_a_url_and_a_checksum() -> None:
    assert server_of("http://user:secret@10.0.0.2:8000/hidden") == "10.0.0.2:8000"
    assert server_of("http://10.0.0.2?key=secret@x") == server_of("http://10.0.0.2#secret") == "10.0.0.2"
    assert md5_of({"file_md5": "ABC"}) == "abc"
    assert md5_of({"file_md5": 5}) == md5_of({}) == ""


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["answered", "received", "ended", "broken", "wait"]),
        st.integers(0, 400),
        st.floats(0, 70),
    ),
    max_size=30,
)


@given(EVENTS, st.sampled_from([MD5, ""]))
def test_whatever_a_server_does_it_ends_and_only_the_right_image_is_taken(
    events: list[tuple[str, int, float]], md5: str
) -> None:
    made, now = download(md5), 100.0
    for what, size, seconds in events:
        now += seconds
        made.tick(now)
        number = made.wanted.number if made.wanted is not None else 0
        if what == "answered":
            made.answered(number, size, 1024, now)
        elif what == "received":
            made.received(number, IMAGE[len(made.image) :][:size], now)
        elif what in ("ended", "broken"):
            made.ended(number, "" if what == "ended" else "broken", now)
    for _ in range(10):
        if made.deadline is None:
            break
        now = max(now, made.deadline)
        made.tick(now)
    assert made.done != bool(made.failed)
    assert now <= 100.0 + 30 * 70
    assert made.deadline is None
    if made.done and md5:
        assert made.image == IMAGE
