"""What a file server for one update says to one connection: HTTP/1.1, one file, one path. No I/O and no clock.

A request is read whole before it is looked at, and is short. One answer at a time is under way, and it has to be
taken: who does not send, or does not read, is not waited for. Source: RFC 9110 and 9112; what devices ask for is in
docs/lan-protocol.md.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

#: Bytes of a request, header lines included; devices send some hundred.
MAX_HEAD = 8192
#: Lines of a request.
MAX_LINES = 64
#: Pieces of the file, with gaps between them, that are told apart.
MAX_PIECES = 256
#: Seconds that a connection has for its next request: half-open ones are not kept longer.
NEXT_REQUEST_TIME = 30.0
#: A reader must take this many bytes ...
LEAST_TAKEN = 4096
#: ... in each stretch of so many seconds, or all that is left. Devices pause for flash writes.
STRETCH = 60.0
#: Seconds in which a refusal has to be taken.
REFUSAL_TIME = 5.0

_REQUEST = re.compile(rb"([A-Za-z]{1,16}) ([!-~]{1,2048}) HTTP/1\.([01])")
# Possessive where blanks may stand: a stranger may send thousands, and no split of them is tried twice.
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*+([^\x00\r\n]*+)")
_RANGE = re.compile(r"bytes[ \t]*+=[ \t]*+([0-9]{0,20})[ \t]*+-[ \t]*+([0-9]{0,20})", re.IGNORECASE)
_REASONS = {
    200: "OK",
    206: "Partial Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
}


@dataclass
class Served:
    """What was fetched of the file so far.

    :param size: bytes of the file
    :param requests: requests for the file, ``HEAD`` and ranges included
    :param ranges: those for a part of it
    :param sent: bytes of the file that were handed to the network, repeats included
    :param broken: answers that the other side did not take to their end
    :param strays: requests for anything else
    :param strangers: connections from other addresses
    :param stranger: the last of these addresses, empty where there was none
    :param completed: when the last missing byte was handed over, monotonic seconds
    """

    size: int
    requests: int = 0
    ranges: int = 0
    sent: int = 0
    broken: int = 0
    strays: int = 0
    strangers: int = 0
    stranger: str = ""
    completed: float | None = None
    _parts: list[tuple[int, int]] = field(default_factory=list, repr=False)

    def took(self, begin: int, end: int, now: float) -> None:
        """Note that a part of the file was handed over, from one byte up to another."""
        self.sent += end - begin
        parts: list[tuple[int, int]] = []
        for first, last in sorted([*self._parts, (begin, end)]):
            if parts and first <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], last))
            else:
                parts.append((first, last))
        # Who asks for every other byte makes no work without end; the count is then too low, never too high.
        self._parts = parts[:MAX_PIECES]
        if self.completed is None and self.complete:
            self.completed = now

    @property
    def covered(self) -> int:
        """How many bytes of the file were handed over at least once."""
        return sum(last - first for first, last in self._parts)

    @property
    def complete(self) -> bool:
        """Whether all of the file was handed over, in whatever pieces."""
        return self.size > 0 and self.covered == self.size

    def copy(self) -> Served:
        """Give the counts as they are now."""
        return Served(
            *(self.size, self.requests, self.ranges, self.sent, self.broken, self.strays),
            *(self.strangers, self.stranger, self.completed, list(self._parts)),
        )


@dataclass(frozen=True)
class Site:
    """What is served: one file under one path.

    :param path: as a request names it, with the slash in front
    :param tag: the file's strong validator (ETag), without quotes
    """

    path: str
    body: bytes
    tag: str


class Visit:
    """One connection.

    :param site: what is served
    :param served: the counts of all connections
    :param now: monotonic seconds, as everywhere
    :param welcome: False for another address than the device's: all it is told is no
    """

    def __init__(self, site: Site, served: Served, now: float, *, welcome: bool = True) -> None:
        self._site = site
        self._served = served
        self._received = bytearray()
        self._head = b""
        # What of the file is to follow the head of an answer.
        self._at = self._end = 0
        #: Whether the connection ends when all is taken.
        self.closing = False
        self.over = False
        self._taken = 0
        self.deadline = now + NEXT_REQUEST_TIME
        if not welcome:
            self._refuse(403, now)

    @property
    def answering(self) -> bool:
        """Whether an answer waits to be taken. Nothing is read meanwhile."""
        return bool(self._head) or self._at < self._end

    @property
    def parting(self) -> bool:
        """Whether all is said: the end is to be told, and waited for. What still comes is thrown away."""
        return self.closing and not self.answering

    def receive(self, data: bytes, now: float) -> None:
        """Take what came; nothing (``b""``) is the end of the other side's words."""
        if not data:
            self.over = True
            return
        if self.closing:
            return
        self._received += data
        self._go_on(now)

    def pending(self, most: int) -> bytes:
        """Give what is to be written next; :meth:`wrote` says how much of it was."""
        if self._head:
            return self._head[:most]
        return self._site.body[self._at : min(self._end, self._at + most)]

    def wrote(self, count: int, now: float) -> None:
        """Note that so many bytes of :meth:`pending` were handed over."""
        self._taken += count
        if self._head:
            self._head = self._head[count:]
        else:
            self._served.took(self._at, self._at + count, now)
            self._at += count
        if self.answering:
            if self._taken >= LEAST_TAKEN:
                self._taken, self.deadline = 0, now + STRETCH
        elif self.closing:
            self.deadline = now + REFUSAL_TIME
        else:
            self._taken, self.deadline = 0, now + NEXT_REQUEST_TIME
            self._go_on(now)

    def tick(self, now: float) -> None:
        """Give up who has not sent, or not taken, enough by now."""
        if now >= self.deadline:
            self.over = True

    def broke(self) -> None:
        """Note that the connection is gone."""
        if self._at < self._end:
            self._served.broken += 1
        self._head, self._at = b"", self._end
        self.over = True

    # --- requests ----------------------------------------------------------------------------------------------

    def _go_on(self, now: float) -> None:
        """Answer the next request, if it is there and nothing else is under way."""
        if self.answering:
            return
        while self._received[:2] == b"\r\n" or self._received[:1] == b"\n":  # some send one after a body
            del self._received[: 1 if self._received[:1] == b"\n" else 2]
        found = re.search(rb"\r?\n\r?\n", self._received)
        if found is None or found.end() > MAX_HEAD:
            if len(self._received) > MAX_HEAD:
                self._refuse(431, now)
            return
        lines = bytes(self._received[: found.start()]).replace(b"\r\n", b"\n").split(b"\n")
        del self._received[: found.end()]
        if len(lines) > MAX_LINES:
            self._refuse(431, now)
            return
        request = _REQUEST.fullmatch(lines[0])
        headers = _headers(lines[1:])
        if request is None or headers is None or _has_body(headers):
            self._refuse(400, now)
            return
        method, target, minor = (each.decode("ascii") for each in request.groups())
        last = "close" in _words(headers, "connection") or (
            minor == "0" and "keep-alive" not in _words(headers, "connection")
        )
        self._answer(method, target, headers, now, last=last)

    def _answer(self, method: str, target: str, headers: dict[str, str], now: float, *, last: bool) -> None:
        if not hmac.compare_digest(_path(target), self._site.path):
            self._served.strays += 1
            self._refuse(404, now)
            return
        if method not in {"GET", "HEAD"}:
            self._refuse(405, now)
            return
        self._served.requests += 1
        size = len(self._site.body)
        code, begin, end = _part(headers, size, self._site.tag) if method == "GET" else (200, 0, size)
        extra = [
            f'ETag: "{self._site.tag}"',
            "Accept-Ranges: bytes",
            "Content-Type: application/octet-stream",
        ]
        if code == 206:
            self._served.ranges += 1
            extra.append(f"Content-Range: bytes {begin}-{end - 1}/{size}")
        elif code == 416:
            extra.append(f"Content-Range: bytes */{size}")
        self._say(code, end - begin, extra, last=last)
        if method == "GET":
            self._at, self._end = begin, end
        self._taken, self.deadline = 0, now + STRETCH

    def _refuse(self, code: int, now: float) -> None:
        """Say no, and nothing else; the connection ends with it."""
        self._received.clear()
        self._say(code, 0, [], last=True)
        self.deadline = now + REFUSAL_TIME

    def _say(self, code: int, length: int, extra: list[str], *, last: bool) -> None:
        lines = [
            f"HTTP/1.1 {code} {_REASONS[code]}",
            f"Content-Length: {length}",
            *extra,
            f"Connection: {'close' if last else 'keep-alive'}",
        ]
        self._head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
        self.closing = last


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    """Read header lines; None where one of them is none. What comes twice is joined by commas."""
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            return None
        name, value = found.group(1).decode("ascii").lower(), found.group(2).decode("latin-1").rstrip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _words(headers: dict[str, str], name: str) -> set[str]:
    return {word.strip().lower() for word in headers.get(name, "").split(",")}


def _has_body(headers: dict[str, str]) -> bool:
    """Tell whether something follows the request: nothing that asks for a file has a body."""
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


def _path(target: str) -> str:
    """Give the path of a request's target, which some write as a whole url."""
    return re.sub(r"^https?://[^/]*", "", target, count=1, flags=re.IGNORECASE)


def _part(headers: dict[str, str], size: int, tag: str) -> tuple[int, int, int]:
    """Tell which part of the file is asked for: status, first byte, and the byte after the last.

    Several ranges, what is no range, and a condition (``If-Range``) that does not hold get the whole file, as the
    standard allows.
    """
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or headers.get("if-range", f'"{tag}"').strip() != f'"{tag}"':
        return 200, 0, size
    first, last = found.groups()
    if not (first or last) or (first and last and int(last) < int(first)):
        return 200, 0, size
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (206, begin, end) if begin < end else (416, 0, 0)
