"""Documents of a server that is not trusted; servers on loopback say what no server should say."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from support.spec_server import PATH, Answer, Service, document, serving

from miio_lan.device.description import download as subject
from miio_lan.device.description.download import checked_base, download
from miio_lan.errors import SpecError, SpecUnavailable

SHORT = 0.4


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


def get(service: Service, answer: Answer, *, timeout: float = 20.0) -> bytes:
    service.answers[f"{PATH}/x"] = answer
    return download(f"{service.base}/x", timeout=timeout)


def refused(service: Service, answer: Answer, told: str, *, timeout: float = 20.0) -> None:
    with pytest.raises(SpecUnavailable, match=f"^{service.base}/x .*{told}"):
        get(service, answer, timeout=timeout)


def head(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(200)
    for name, text in headers.items():
        handler.send_header(name.replace("_", "-"), text)
    handler.end_headers()


def test_a_document(service: Service) -> None:
    assert get(service, document(b"abc")) == b"abc"
    assert get(service, document(b"")) == b""


def test_a_packed_document(service: Service) -> None:
    assert (
        get(service, document(gzip.compress(b"abc" * 1000, mtime=0), Content_Encoding="gzip"))
        == b"abc" * 1000
    )


def test_a_document_of_unknown_length(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler)
        handler.wfile.write(b"abc")

    assert get(service, answer) == b"abc"


def test_one_that_is_announced_too_long_is_not_read(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, Content_Length=str(1 << 30))

    refused(service, answer, "more than 16 MiB")


def test_one_that_never_ends(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler)
        while True:
            handler.wfile.write(bytes(1 << 20))

    refused(service, answer, "more than 16 MiB")


def test_a_bomb(service: Service) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    assert len(bomb) < 1 << 20
    refused(service, document(bomb, Content_Encoding="gzip"), "more than 16 MiB")


@pytest.mark.parametrize(
    ("body", "coding", "told"),
    [
        (gzip.compress(b"abc", mtime=0)[:-6], "gzip", "broke off"),
        (b"no gzip", "gzip", "cannot be unpacked"),
        (b"abc", "br", "packed as 'br'"),
        (b"abc", "gzip, gzip", "packed as 'gzip, gzip'"),
    ],
)
def test_what_cannot_be_unpacked(service: Service, body: bytes, coding: str, told: str) -> None:
    refused(service, document(body, Content_Encoding=coding), told)


def test_one_that_is_cut(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, Content_Length="1000")
        handler.wfile.write(b"abc")

    refused(service, answer, "broke off")


def test_a_cut_one_in_pieces(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        head(handler, Transfer_Encoding="chunked")
        handler.wfile.write(b"5\r\nab")

    refused(service, answer, "broke off")


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What a server waits for that does not go on."""
    event = threading.Event()
    yield event
    event.set()


def drip(data: bytes, held: threading.Event) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for byte in data:
            handler.wfile.write(bytes([byte]))
            if held.wait(0.05):
                break

    return answer


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000, b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 1000, b"H" * 1000],
    ids=["body", "headers", "status"],
)
def test_one_that_comes_byte_by_byte(service: Service, held: threading.Event, data: bytes) -> None:
    # On a machine that stops for a moment, nothing comes for as long as all of it may take.
    refused(service, drip(data, held), "(did not come|no answer within 0.4 s)", timeout=SHORT)


def test_one_that_does_not_come(service: Service, held: threading.Event) -> None:
    refused(service, lambda _: held.wait(20) and None, "(did not come|no answer within 0.4 s)", timeout=SHORT)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.05, "no answer within 0.05 s"), (100.0, "no answer within 0.1 s")]
)
def test_how_long_an_answer_was_waited_for(
    service: Service, held: threading.Event, monkeypatch: pytest.MonkeyPatch, seconds: float, told: str
) -> None:
    monkeypatch.setattr(subject, "WAIT", 0.1)
    service.answers[f"{PATH}/x"] = lambda _: held.wait(20) and None
    transfer = subject._Transfer(f"{service.base}/x", seconds, lambda: 0.0)
    transfer.run()
    assert str(transfer.error).endswith(f"is not reached: {told}")


@pytest.mark.parametrize("code", [404, 500, 403, 204, 304])
def test_other_answers(service: Service, code: int) -> None:
    refused(service, lambda handler: handler.send_error(code), f"the server answers {code}")


def test_no_http_at_all(service: Service) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n")

    refused(service, answer, "is not reached")


def test_nobody_is_there(service: Service) -> None:
    with pytest.raises(SpecUnavailable, match="is not reached: Connection refused"):
        download("http://127.0.0.1:1/x")


def leads_to(location: str | Callable[[], str], code: int = 302) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Location", location if isinstance(location, str) else location())
        handler.end_headers()
        handler.wfile.write(bytes(100_000))

    return answer


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirection_is_followed(service: Service, code: int) -> None:
    service.answers[f"{PATH}/y"] = document(b"abc")
    assert get(service, leads_to("y", code)) == b"abc"
    assert get(service, leads_to(f"{service.base}/y", code)) == b"abc"


def test_a_loop(service: Service) -> None:
    refused(service, leads_to("x"), "leads on more than 5 times")
    assert len(service.asked) == 6


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::1", "data:,x", ""]
)
def test_other_redirections_are_not_followed(service: Service, location: str) -> None:
    refused(service, leads_to(location), "not followed")
    assert len(service.asked) == 1


def test_a_redirection_that_gives_up_encryption() -> None:
    transfer = subject._Transfer("https://service/x", 1e9, lambda: 0.0)
    assert transfer._next("https://service/x", "https://other/y") == "https://other/y"
    assert transfer._next("http://service/x", "https://other/y") == "https://other/y"
    with pytest.raises(SpecUnavailable, match="leads to 'http://service/y', which is not followed"):
        transfer._next("https://service/x", "http://service/y")


@pytest.mark.parametrize(
    "base",
    [
        "",
        "lamp",
        "ftp://x",
        "file:///etc",
        "http://",
        "http://x y",
        "http://x/?a=b",
        "http://x/#a",
        "http://x:99999",
        "http://\n",
    ],
)
def test_what_is_no_service(base: str) -> None:
    with pytest.raises(SpecError, match="is not the address of a service"):
        checked_base(base)


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(SpecError, match="no password") as caught:
        checked_base("https://me:hidden@service/")
    assert "hidden" not in str(caught.value)


def test_a_service() -> None:
    assert checked_base("http://127.0.0.1:8080/miot/") == "http://127.0.0.1:8080/miot"
    assert checked_base("https://[::1]:8080") == "https://[::1]:8080"
