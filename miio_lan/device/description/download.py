"""Getting a document from a web server that is not trusted: time, size, redirections and unpacking are bounded."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from contextlib import suppress
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from miio_lan._version import VERSION
from miio_lan.device.description.published import BASE
from miio_lan.errors import SpecError, SpecUnavailable
from miio_lan.foreign import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 16 << 20
"""Bytes of the longest document, as it is sent and as it is unpacked."""
DOWNLOAD_TIME = 60.0
"""Seconds a whole document may take."""
WAIT = 15.0
"""Seconds until the next sign of life of a server."""
MOST_REDIRECTIONS = 5
_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_PIECE = 65536
_GZIP = 31  # zlib's way to say so


def checked_base(base: str) -> str:
    """Give the address of a service without a slash at its end.

    :raises SpecError: if it is no address of a web server
    """
    fits = base.isascii() and base.isprintable() and " " not in base and _is_web(base)
    if not fits or "?" in base or "#" in base:
        raise SpecError(f"{excerpt(base)} is not the address of a service: write one such as {BASE}")
    if "@" in urlsplit(base).netloc:
        raise SpecError("the address of a service has no user name and no password in it")
    return base.rstrip("/")


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def download(
    url: str, *, timeout: float = DOWNLOAD_TIME, clock: Callable[[], float] = time.monotonic
) -> bytes:
    """Get a document.

    A thread does it, because nothing else ends a name server that does not answer, or headers that come byte by byte.

    :param timeout: seconds it may take in all
    :raises SpecUnavailable: if there is none, saying why
    """
    transfer = _Transfer(url, clock() + timeout, clock)
    worker = threading.Thread(target=transfer.run, name="miio-lan download", daemon=True)
    worker.start()
    try:
        worker.join(timeout)
    finally:
        transfer.give_up()
    if transfer.error is not None:
        raise transfer.error
    if transfer.content is None:
        raise SpecUnavailable(f"{url} did not come within {timeout:g} s")
    return transfer.content


class _Transfer:
    def __init__(self, url: str, until: float, clock: Callable[[], float]) -> None:
        self._url = url
        self._until = until
        self._clock = clock
        self._wait = max(0.001, min(WAIT, until - clock()))
        self._response: Any = None
        self.content: bytes | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.content = self._get()
        except SpecUnavailable as error:
            self.error = error
        except IncompleteRead:
            self.error = SpecUnavailable(f"{self._url} broke off")
        except (OSError, HTTPException, ValueError) as error:
            self.error = SpecUnavailable(f"{self._url} is not reached: {_reason(error, self._wait)}")
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            self.error = error

    def give_up(self) -> None:
        """Let what still runs end soon; nobody waits for it."""
        self._until = 0.0
        with suppress(Exception):
            self._response.fp.raw._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 - there is no public way

    def _get(self) -> bytes:
        opener = OpenerDirector()
        for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
            opener.add_handler(handler)
        url = self._url
        for _ in range(MOST_REDIRECTIONS + 1):
            headers = {
                "User-Agent": f"miio-lan/{VERSION}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            }
            with opener.open(Request(url, headers=headers), timeout=self._wait) as response:  # noqa: S310 - http(s) alone
                self._response = response
                if response.status not in _REDIRECTIONS:
                    return self._content(response)
                url = self._next(url, response.headers.get("Location"))
        raise SpecUnavailable(f"{self._url} leads on more than {MOST_REDIRECTIONS} times")

    def _next(self, url: str, location: str | None) -> str:
        """Give the address that a redirection leads to; one that leads from https to http is not followed."""
        try:
            there = urljoin(url, location or "")
        except ValueError:
            there = ""
        usable = bool(location) and there.isascii() and there.isprintable() and " " not in there
        if not usable or not _is_web(there) or (url.startswith("https:") and not there.startswith("https:")):
            raise SpecUnavailable(f"{self._url} leads to {excerpt(location or '')}, which is not followed")
        return there

    def _content(self, response: Any) -> bytes:
        if response.status != _OK:
            raise SpecUnavailable(f"{self._url} is not there: the server answers {response.status}")
        coding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
        if coding not in ("identity", "gzip"):
            raise SpecUnavailable(f"{self._url} is packed as {excerpt(coding)}, which was not asked for")
        content = self._received(response)
        return content if coding == "identity" else self._unpacked(content)

    def _received(self, response: Any) -> bytes:
        """Read the body; that it is shorter than was announced is an error of its own, which ``read`` does not tell."""
        announced = response.length
        if announced is not None and announced > MOST_BYTES:
            raise self._too_long()
        content = bytearray()
        while piece := response.read1(_PIECE):
            content += piece
            if len(content) > MOST_BYTES:
                raise self._too_long()
            if self._clock() >= self._until:
                raise SpecUnavailable(f"{self._url} did not come in time")
        if announced is not None and len(content) < announced:
            raise SpecUnavailable(f"{self._url} broke off after {len(content)} of {announced} bytes")
        return bytes(content)

    def _unpacked(self, content: bytes) -> bytes:
        unpacker = zlib.decompressobj(_GZIP)
        try:
            found = unpacker.decompress(content, MOST_BYTES + 1)
        except zlib.error as error:
            raise SpecUnavailable(f"{self._url} cannot be unpacked: {error}") from None
        if len(found) > MOST_BYTES:
            raise self._too_long()
        if not unpacker.eof:
            raise SpecUnavailable(f"{self._url} broke off")
        return found

    def _too_long(self) -> SpecUnavailable:
        return SpecUnavailable(f"{self._url} has more than {MOST_BYTES >> 20} MiB, which no description has")


def _reason(error: Exception, waited: float) -> str:
    """Say in words why a server was not reached.

    :param waited: seconds it had for each answer
    """
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"no answer within {waited:.3g} s"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
