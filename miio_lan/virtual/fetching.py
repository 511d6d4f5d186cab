"""The download of a virtual module: one request by HTTP/1.1 in a thread of its own, told to the loop piece by piece.

The thread only reads; what is too much, too slow or wrong is decided by the module's rules, which have it stopped.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from miio_lan.foreign import printable

if TYPE_CHECKING:
    from miio_lan.virtual.module.download import Fetch

READ_AT_ONCE = 16 * 1024
"""Bytes read at once."""
LONGEST_SILENCE = 120.0
"""Seconds without a byte after which the thread ends by itself, should nobody stop it."""
CLOSING = 5.0
"""Seconds the ends of threads are waited for."""
_WORDS = 60
"""Characters of a server's own words that are passed on."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class DownloadTeller(Protocol):
    """Who is told what comes. In the thread of the download."""

    def answered(self, number: int, start: int, total: int | None) -> None:
        """The head of an answer came: where in the file it begins, and how long the whole file is."""

    def received(self, number: int, data: bytes) -> None:
        """Bytes came."""

    def ended(self, number: int, failure: str, final: bool) -> None:
        """It is over: why it failed, empty for a regular end; ``final`` when another try is not worth it."""


class _Refused(Exception):
    """An answer that another request would not change."""


class Fetcher:
    """Fetches one thing, beginning at once.

    :param fetch: what to fetch
    :param teller: told of it, in the order in which it came; of nothing any more once it is stopped
    :param source: the address of this computer it comes from, as a product has one address for all it does; empty for
        the one of the route. Between loopback and elsewhere, and where the system has no such address, the route's is
        taken: no other gets there
    """

    def __init__(self, fetch: Fetch, teller: DownloadTeller, *, source: str = "") -> None:
        self.fetch = fetch
        self._source = source
        self._teller = teller
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="miio download", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop it wherever it is, and wait for the end of its thread. May be called twice."""
        self.let_go()
        self.wait(CLOSING)

    def let_go(self) -> None:
        """Stop it without waiting for its thread: nothing ends the look-up of a name but its own time."""
        with self._lock:
            self._stopped = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait for the end of its thread, so long at most."""
        if self._thread is not threading.current_thread():
            self._thread.join(seconds)

    @property
    def over(self) -> bool:
        """Whether its thread has ended."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        failure, final = "", False
        try:
            self._request()
        except _Refused as refused:
            failure, final = str(refused), True
        except TimeoutError:
            failure = "the server did not answer"
        except OSError as error:
            failure = error.strerror or str(error) or type(error).__name__
        except http.client.IncompleteRead:
            failure = "the connection ended early"
        except http.client.HTTPException as error:
            failure = f"the server's answer is no HTTP: {type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - whatever a server sent: the module is told, its update fails
            failure = f"the answer cannot be read: {type(error).__name__}"
        finally:
            self._close()
        self._tell(lambda: self._teller.ended(self.fetch.number, failure, final))

    def _tell(self, told: Callable[[], object]) -> None:
        if not self._stopped:
            told()

    def _request(self) -> None:
        try:
            connection = self._ask()
        # What is wrong with a URL shows where it is used: read, looked up, sent.
        except (ValueError, http.client.InvalidURL) as error:
            raise _Refused("the URL is none that can be fetched by http") from error
        try:
            self._take(connection.getresponse())
        finally:
            connection.close()

    def _ask(self) -> http.client.HTTPConnection:
        """Connect, and send the request.

        :raises ValueError: if the URL is none
        """
        parts = urlsplit(self.fetch.url)
        host, port = parts.hostname, parts.port or 80
        if parts.scheme != "http" or not host:
            raise ValueError("not http, or no host")
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._connect(host, port)
        headers = {"Range": f"bytes={self.fetch.start}-"} if self.fetch.start else {}
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers=headers)
        return connection

    def _connect(self, host: str, port: int) -> socket.socket:
        """Connect by the first address that answers.

        :raises OSError: if none does, or it was stopped
        """
        failure: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connecting = socket.socket(family, kind, protocol)
            with self._lock:
                self._socket = connecting
                if self._stopped:
                    raise OSError("stopped")
            connecting.settimeout(LONGEST_SILENCE)
            if _may_come_from(self._source, address[0]):
                with suppress(OSError):
                    connecting.bind((self._source, 0))
            try:
                connecting.connect(address)
            except OSError as error:
                failure = error
                connecting.close()
                continue
            return connecting
        raise failure or OSError("the name has no address")

    def _take(self, response: http.client.HTTPResponse) -> None:
        start, total = self._head(response)
        number = self.fetch.number
        self._tell(lambda: self._teller.answered(number, start, total))
        came = start
        # One byte more than is taken shows that it is too much.
        while not self._stopped and came <= self.fetch.limit and (data := response.read1(READ_AT_ONCE)):
            came += len(data)
            self._tell(lambda data=data: self._teller.received(number, data))  # type: ignore[misc]

    def _head(self, response: http.client.HTTPResponse) -> tuple[int, int | None]:
        """Read where an answer begins, and how long the whole is."""
        length = response.length  # None for chunks, or where nothing is said
        if response.status == http.HTTPStatus.OK:
            return 0, length
        found = _RANGE.fullmatch(response.getheader("Content-Range") or "")
        if response.status == http.HTTPStatus.PARTIAL_CONTENT and found is not None:
            whole = int(found[2]) if found[2] != "*" else None
            return int(found[1]), whole
        raise _Refused(
            f"the server answered {response.status} {printable(response.reason[:_WORDS])}".rstrip()
        )

    def _close(self) -> None:
        with self._lock:
            closing, self._socket = self._socket, None
        if closing is not None:
            closing.close()


def wait_for(fetchers: Sequence[Fetcher]) -> None:
    """Wait for the threads of downloads that were let go, :data:`CLOSING` seconds for all of them."""
    until = time.monotonic() + CLOSING
    for each in fetchers:
        each.wait(max(0.0, until - time.monotonic()))


def _may_come_from(source: str, target: object) -> bool:
    """Tell whether an address can be spoken to from another one: both of one family, on loopback or both not."""
    try:
        ends = ipaddress.ip_address(source), ipaddress.ip_address(str(target).partition("%")[0])
    except ValueError:  # none is wished
        return False
    return ends[0].version == ends[1].version and ends[0].is_loopback == ends[1].is_loopback
