"""The thread that downloads: what it makes of what servers say, on loopback."""

from __future__ import annotations

import os
import socket
import sys
import threading
from queue import SimpleQueue
from typing import Any

import pytest
from support.ends import Caller
from support.image_server import Answer, ImageServer, cut, raw, whole

from miio_lan.virtual.fetching import Fetcher
from miio_lan.virtual.module.download import Fetch
from miio_lan.virtual.product import VirtualProduct

IMAGE = os.urandom(100_000)
PATIENCE = 100.0


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heads: list[tuple[int, int | None]] = []
        self.data = bytearray()
        self.end: SimpleQueue[tuple[str, bool]] = SimpleQueue()

    def answered(self, number: int, start: int, total: int | None) -> None:
        assert number == 3
        self.heads.append((start, total))

    def received(self, number: int, data: bytes) -> None:
        assert number == 3
        self.data += data

    def ended(self, number: int, failure: str, final: bool) -> None:
        assert number == 3
        self.end.put((failure, final))


def fetched(answer: Answer, start: int = 0, limit: int = 1 << 20) -> tuple[Told, tuple[str, bool], bytes]:
    told = Told()
    with ImageServer(answer) as server:
        fetcher = Fetcher(Fetch(3, server.url, start, limit), told)
        end = told.end.get(timeout=PATIENCE)
        fetcher.stop()
        return told, end, server.requests[0]


def test_an_image_comes_whole() -> None:
    told, end, request = fetched(whole(IMAGE))
    assert (told.heads, end) == ([(0, len(IMAGE))], ("", False))
    assert told.data == IMAGE
    assert request.startswith(b"GET /some/image?key=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Range" not in request


def test_the_rest_of_one() -> None:
    told, end, request = fetched(whole(IMAGE), start=60_000)
    assert (told.heads, end) == ([(60_000, len(IMAGE))], ("", False))
    assert told.data == IMAGE[60_000:]
    assert b"\r\nRange: bytes=60000-\r\n" in request


def test_one_in_chunks() -> None:
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    told, end, _ = fetched(raw(text))
    assert (told.heads, bytes(told.data), end) == ([(0, None)], b"abcde", ("", False))


def test_one_without_a_length() -> None:
    told, end, _ = fetched(raw(b"HTTP/1.0 200 OK\r\n\r\nabc"))
    assert (told.heads, bytes(told.data), end) == ([(0, None)], b"abc", ("", False))


def test_one_that_is_cut_off() -> None:
    told, end, _ = fetched(cut(IMAGE, 5000))
    assert (told.heads, bytes(told.data)) == ([(0, len(IMAGE))], IMAGE[:5000])
    assert end[1] is False


def test_more_than_is_taken_is_not_read() -> None:
    told, _, _ = fetched(raw(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1_000_000)), limit=100_000)
    assert 100_000 < len(told.data) < 200_000


@pytest.mark.parametrize(
    ("answer", "failure", "final"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "the server answered 404 Not Found", True),
        (b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n", "the server answered 302 Found", True),
        (b"HTTP/1.1 206 Partial Content\r\n\r\n", "the server answered 206 Partial Content", True),
        (b"HTTP/1.1 500 \x1b[2J\r\n\r\n", r"the server answered 500 \x1b[2J", True),
        (b"220 mail.example ESMTP\r\n", "the server's answer is no HTTP: BadStatusLine", False),
        (b"", "Remote end closed connection without response", False),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
            "the connection ended early",
            False,
        ),
    ],
)
def test_answers_that_are_none(answer: bytes, failure: str, final: bool) -> None:
    _, end, _ = fetched(raw(answer))
    assert end == (failure, final)


@pytest.mark.parametrize(
    ("source", "comes_from"),
    [
        pytest.param(
            "127.0.8.1",
            "127.0.8.1",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address"),
        ),
        ("192.0.2.7", "127.0.0.1"),  # of no use there
        ("::1", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_it_comes_from_the_address_of_the_product(source: str, comes_from: str) -> None:
    told = Told()
    with ImageServer(whole(IMAGE)) as server:
        fetcher = Fetcher(Fetch(3, server.url, 0, 1 << 20), told, source=source)
        assert told.end.get(timeout=PATIENCE) == ("", False)
        fetcher.stop()
        assert server.clients == [comes_from]


def test_an_address_that_went_away_is_not_insisted_on() -> None:
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    fetcher = Fetcher(Fetch(3, url, 0, 100), told, source="127.0.0.1%nowhere")
    assert told.end.get(timeout=PATIENCE) == ("Connection refused", False)
    fetcher.stop()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    told = Told()
    fetcher = Fetcher(Fetch(3, url, 0, 100), told)
    assert told.end.get(timeout=PATIENCE) == ("Connection refused", False)
    fetcher.stop()


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0x/",
        "https://x/",
        "http://[::1/fw",
        "http://a\0b/fw",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    told = Told()
    fetcher = Fetcher(Fetch(3, url, 0, 100), told)
    assert told.end.get(timeout=PATIENCE) == ("the URL is none that can be fetched by http", True)
    fetcher.stop()


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 70}.example"])
def test_names_that_are_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The system's look-up encodes a name first; none is looked up here.
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_, **__: name.encode("idna"))
    told = Told()
    fetcher = Fetcher(Fetch(3, f"http://{host}/fw", 0, 100), told)
    assert told.end.get(timeout=PATIENCE) == ("the URL is none that can be fetched by http", True)
    fetcher.stop()


@pytest.mark.parametrize("path", ["a b", "\x7f", "\u00e9"])
def test_urls_whose_path_is_none(path: str) -> None:
    told = Told()
    with ImageServer(whole(IMAGE)) as server:
        fetcher = Fetcher(Fetch(3, server.url + path, 0, 100), told)
        assert told.end.get(timeout=PATIENCE) == ("the URL is none that can be fetched by http", True)
        fetcher.stop()


def test_a_number_of_the_server_that_is_too_long_is_not_the_fault_of_the_url() -> None:
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/{'9' * 5000}\r\n\r\n"
    _, end, _ = fetched(raw(head.encode()))
    assert end == ("the answer cannot be read: ValueError", False)


def test_it_can_be_stopped_while_a_server_is_silent() -> None:
    told = Told()
    with ImageServer(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12")) as server:
        server.hold.clear()
        fetcher = Fetcher(Fetch(3, server.url, 0, 100), told)
        assert server.asked.wait(PATIENCE)
        fetcher.stop()
        fetcher.stop()
        assert "miio download" not in {thread.name for thread in threading.enumerate()}
    assert told.end.empty()


def test_a_download_that_looks_up_a_name_does_not_hold_up_the_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, over = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def slow(host: Any, *args: Any, **more: Any) -> Any:
        if host != "slow.example":
            return look_up(host, *args, **more)
        begun.set()
        over.wait(PATIENCE)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with VirtualProduct() as product, Caller(product.host, product.port, product.token) as caller:
        caller.ask("miIO.ota", {"app_url": "http://slow.example/fw"})
        assert begun.wait(PATIENCE)
        waits: list[float] = []
        monkeypatch.setattr(Fetcher, "wait", lambda _, seconds: waits.append(seconds))
        product.call(lambda now: product.module.restart(now))
        assert product.call(lambda now: product.module.updates.wanted) is None
        assert waits == []
        monkeypatch.undo()
        over.set()
    assert "miio download" not in {thread.name for thread in threading.enumerate()}
