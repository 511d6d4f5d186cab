"""What the file server says to a connection: requests of all kinds, and who does not send or does not take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.ota.serving import (
    LEAST_TAKEN,
    MAX_HEAD,
    MAX_PIECES,
    NEXT_REQUEST_TIME,
    REFUSAL_TIME,
    STRETCH,
    Served,
    Site,
    Visit,
)

BODY = bytes(range(256)) * 40
SITE = Site("/secret/fw.bin", BODY, "tag")
SIZE = len(BODY)


class Guest:
    def __init__(self, *, welcome: bool = True) -> None:
        self.served = Served(SIZE)
        self.visit = Visit(SITE, self.served, 0.0, welcome=welcome)

    def say(self, data: bytes, now: float = 1.0) -> bytes:
        """Say something, and take all that is answered."""
        self.visit.receive(data, now)
        return self.take(now)

    def take(self, now: float = 1.0) -> bytes:
        taken = b""
        while self.visit.answering:
            piece = self.visit.pending(4096)
            assert piece
            taken += piece
            self.visit.wrote(len(piece), now)
        return taken

    def get(self, *headers: str, path: str = SITE.path, method: str = "GET", version: str = "1.1") -> bytes:
        return self.say(request(*headers, path=path, method=method, version=version))


def request(*headers: str, path: str = SITE.path, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: 10.0.0.2:8000", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    assert first.startswith("HTTP/1.1 ")
    return int(first.split(" ")[1]), dict(line.lower().split(": ", 1) for line in lines), body


def test_the_whole_file() -> None:
    guest = Guest()
    code, headers, body = parsed(guest.get())
    assert (code, body) == (200, BODY)
    assert headers == {
        "content-length": str(SIZE),
        "etag": '"tag"',
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        "connection": "keep-alive",
    }
    assert (guest.served.requests, guest.served.sent, guest.served.complete) == (1, SIZE, True)
    assert not guest.visit.over


def test_head_tells_the_size_and_counts_as_nothing_fetched() -> None:
    guest = Guest()
    code, headers, body = parsed(guest.get("Range: bytes=0-4", method="HEAD"))
    assert (code, headers["content-length"], body) == (200, str(SIZE), b"")
    assert (guest.served.requests, guest.served.sent, guest.served.complete) == (1, 0, False)


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9999999", 0, SIZE),
        ("bytes=100-", 100, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        ("bytes=-99999999", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("BYTES = 5 - 9", 5, 10),
    ],
)
def test_a_range(asked: str, begin: int, end: int) -> None:
    guest = Guest()
    code, headers, body = parsed(guest.get(f"Range: {asked}"))
    assert (code, body) == (206, BODY[begin:end])
    assert headers["content-range"] == f"bytes {begin}-{end - 1}/{SIZE}"
    assert headers["content-length"] == str(end - begin)
    assert (guest.served.ranges, guest.served.covered) == (1, end - begin)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999999-", "bytes=-0", f"bytes={'9' * 20}-"])
def test_a_range_outside(asked: str) -> None:
    guest = Guest()
    code, headers, body = parsed(guest.get(f"Range: {asked}"))
    assert (code, headers["content-range"], body) == (416, f"bytes */{SIZE}", b"")
    assert parsed(guest.get())[0] == 200  # the connection goes on


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "bytes=5-4",
            "bytes=-",
            "bytes=",
            "bytes",
            "",
            "lines=1-2",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=1.5-",
        ),
        *("bytes=--1", "bytes=0x0-", "0-5", "bytes=1-2-3", f"bytes={'9' * 21}-", "bytes=²-", "bytes=+1-"),
    ],
)
def test_what_is_no_single_range_gets_the_whole_file(asked: str) -> None:
    code, headers, body = parsed(Guest().get(f"Range: {asked}"))
    assert (code, body) == (200, BODY)
    assert "content-range" not in headers


@pytest.mark.parametrize(
    ("condition", "code"),
    [('"tag"', 206), ('"other"', 200), ('W/"tag"', 200), ("Sat, 29 Oct 1994 19:43:31 GMT", 200), ("", 200)],
)
def test_a_range_on_condition(condition: str, code: int) -> None:
    assert parsed(Guest().get("Range: bytes=1-2", f"If-Range: {condition}"))[0] == code


def test_many_requests_on_one_connection() -> None:
    guest = Guest()
    for at in range(0, SIZE, 1000):
        assert parsed(guest.get(f"Range: bytes={at}-{at + 999}"))[2] == BODY[at : at + 1000]
    assert guest.served.complete
    assert guest.served.ranges == guest.served.requests == 11
    assert parsed(guest.get())[2] == BODY
    assert guest.served.sent == 2 * SIZE


def test_requests_sent_at_once_are_answered_one_after_the_other() -> None:
    guest = Guest()
    answer = guest.say(
        request("Range: bytes=0-9") + request("Range: bytes=10-19") + b"\r\n" + request(method="HEAD")
    )
    assert answer.count(b"HTTP/1.1 206") == 2
    assert answer.count(b"HTTP/1.1 200") == 1
    assert guest.served.covered == 20


@pytest.mark.parametrize(
    ("version", "header", "last"),
    [
        ("1.1", "X: y", False),
        ("1.1", "Connection: close", True),
        ("1.1", "Connection: Keep-Alive, Close", True),
        ("1.0", "X: y", True),
        ("1.0", "Connection: keep-alive", False),
    ],
)
def test_the_end_of_a_connection(version: str, header: str, last: bool) -> None:
    guest = Guest()
    _, headers, body = parsed(guest.get(header, version=version))
    assert body == BODY
    assert headers["connection"] == ("close" if last else "keep-alive")
    assert guest.visit.parting is last
    assert not guest.visit.over
    guest.visit.receive(b"GET / HTTP/1.1\r\n\r\n" if last else b"", 2.0)
    assert guest.visit.over is not last
    guest.visit.tick(1.0 + REFUSAL_TIME)
    assert guest.visit.over


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/fw.bin", "/secret", "/secret/", "/secret/fw.bin/", "/secret/fw.bin?x", "/secret/fw.bin%00"),
        *("/secret/../secret/fw.bin", "/../../etc/passwd", "/%2e%2e/etc/passwd", "//secret/fw.bin", "*"),
        *(
            "/Secret/fw.bin",
            "/secret/fw.binx",
            "http://10.0.0.2/etc/passwd",
            "/" + "a" * 2000,
            "\\secret\\fw.bin",
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_path_is_refused_all_the_same(path: str, method: str) -> None:
    guest = Guest()
    answer = guest.get(path=path, method=method)
    assert answer == b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert guest.visit.parting
    assert (guest.served.requests, guest.served.strays) == (0, 1)


def test_a_whole_url_is_understood() -> None:
    assert parsed(Guest().get(path=f"http://10.0.0.2:8000{SITE.path}"))[2] == BODY
    assert parsed(Guest().get(path=f"HTTP://x{SITE.path}"))[2] == BODY


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_other_methods(method: str) -> None:
    assert parsed(Guest().get(method=method))[0] == 405


@pytest.mark.parametrize(
    "said",
    [
        *(b"GET /secret/fw.bin\r\n\r\n", b"GET  /secret/fw.bin HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\n\n"),
        *(b"GET /secret/fw.bin HTTP/2.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n"),
        *(request(" folded"), request("no colon"), request("a b: c"), request("Content-Length: 5")),
        *(request("Transfer-Encoding: chunked"), request(": x"), request("a: \x00")),
        request("Content-Length: 0", "Content-Length: 7"),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(said: bytes) -> None:
    guest = Guest()
    code, _, body = parsed(guest.say(said))
    assert (code, body, guest.visit.parting) == (400, b"", True)
    assert guest.served.requests == 0


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("X:" + " " * 7000 + "\0", 400),
        ("X:" + " " * 7000 + "y" + " " * 500 + "\0", 400),
        ("X: " + "y " * 3500 + "\0", 400),
        ("Range: bytes=" + " " * 7000 + "x", 200),
        ("Range: bytes=" + " " * 7000 + "0-3", 206),
        ("Connection:" + " \t" * 3500 + "close" + " \t" * 400, 200),
    ],
    ids=["blanks", "blanks around a value", "blanks in a value", "no range", "a range", "a value"],
)
def test_thousands_of_blanks_are_read_once(header: str, code: int) -> None:
    """Who tried each split of them would be at it for an hour."""
    assert parsed(Guest().get(header))[0] == code


def test_blanks_around_a_value_are_not_of_it() -> None:
    assert parsed(Guest().get("Connection: \t close\t "))[1]["connection"] == "close"
    assert parsed(Guest().get("Range:bytes=0-3 \t"))[2] == BODY[:4]


def test_a_request_may_come_in_pieces_and_with_bare_line_feeds() -> None:
    guest = Guest()
    said = request("Range: bytes=0-3").replace(b"\r\n", b"\n")
    answers = [guest.say(said[at : at + 1]) for at in range(len(said))]
    assert not any(answers[:-1])
    assert parsed(answers[-1])[2] == BODY[:4]


@pytest.mark.parametrize(
    "said",
    [
        b"x" * (MAX_HEAD + 1),
        request(*(f"X: {'y' * 200}" for _ in range(60))),
        request(*("a: b" for _ in range(70))),
    ],
)
def test_the_length_of_a_request_is_bounded(said: bytes) -> None:
    guest = Guest()
    assert parsed(guest.say(said))[0] == 431
    assert guest.visit.parting
    assert len(guest.visit._received) == 0


def test_strangers_are_told_no_whatever_they_say() -> None:
    guest = Guest(welcome=False)
    assert guest.take() == b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert guest.get() == b""
    assert guest.served.requests == 0


def test_half_open_connections_end() -> None:
    guest = Guest()
    guest.say(b"GET /sec", now=NEXT_REQUEST_TIME - 1)  # a byte now and then is no reason to wait longer
    guest.visit.tick(NEXT_REQUEST_TIME - 0.1)
    assert not guest.visit.over
    guest.visit.tick(NEXT_REQUEST_TIME)
    assert guest.visit.over


def test_a_connection_is_kept_for_the_next_request_for_so_long() -> None:
    guest = Guest()
    guest.say(request("Range: bytes=0-9"), now=20.0)
    guest.visit.tick(20.0 + NEXT_REQUEST_TIME - 0.1)
    assert not guest.visit.over
    guest.visit.tick(20.0 + NEXT_REQUEST_TIME)
    assert guest.visit.over


def test_a_reader_that_takes_too_little_is_given_up() -> None:
    guest = Guest()
    guest.visit.receive(request("Connection: close"), 0.0)
    now = 0.0
    for _ in range(2):  # slow enough to pause for flash writes, fast enough to come to an end
        for _ in range(LEAST_TAKEN // 64):
            now += STRETCH * 64 / LEAST_TAKEN - 0.01
            guest.visit.wrote(len(guest.visit.pending(64)), now)
            guest.visit.tick(now)
            assert not guest.visit.over
    guest.visit.wrote(1, now)
    guest.visit.tick(now + STRETCH)
    assert guest.visit.over
    assert not guest.served.complete


def test_a_connection_that_breaks_in_the_middle_is_counted() -> None:
    guest = Guest()
    guest.visit.receive(request(), 0.0)
    guest.visit.wrote(len(guest.visit.pending(10_000)), 0.0)
    guest.visit.wrote(100, 0.0)
    guest.visit.broke()
    assert guest.visit.over
    assert (guest.served.broken, guest.served.covered, guest.served.completed) == (1, 100, None)


def test_counts() -> None:
    served = Served(100)
    for begin, end, covered in [(0, 10, 10), (5, 20, 20), (50, 60, 30), (20, 50, 60), (0, 60, 60)]:
        served.took(begin, end, 7.0)
        assert served.covered == covered
    assert (served.complete, served.completed) == (False, None)
    served.took(60, 100, 8.0)
    served.took(0, 100, 9.0)
    assert (served.complete, served.completed, served.sent) == (True, 8.0, 265)
    copied = served.copy()
    served.requests += 1
    assert copied.requests == 0
    assert copied.complete


def test_pieces_are_bounded_and_never_counted_too_high() -> None:
    served = Served(10_000)
    for at in range(0, 10_000, 2):
        served.took(at, at + 1, 0.0)
    assert served.covered <= MAX_PIECES
    served.took(0, 10_000, 1.0)
    assert served.complete


def test_an_empty_file_is_never_complete() -> None:
    assert not Served(0).complete


@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([request(), request("Range: bytes=1-2"), b"\r\n\r\n"]))
)
def test_whatever_is_said_nothing_is_raised_and_little_is_kept(said: list[bytes]) -> None:
    guest = Guest()
    for each in said:
        if guest.visit.over:
            break
        answer = guest.say(each)
        assert not answer or answer.startswith(b"HTTP/1.1 ")
        assert len(guest.visit._received) <= MAX_HEAD


@given(st.text(alphabet="bytes=0123456789-, aif", max_size=20))
def test_any_range_gives_what_it_says_it_gives(asked: str) -> None:
    code, headers, body = parsed(Guest().get(f"Range: {asked}"))
    if code == 206:
        first, last = headers["content-range"].removeprefix("bytes ").split("/")[0].split("-")
        assert body == BODY[int(first) : int(last) + 1]
    else:
        assert body == (BODY if code == 200 else b"")
