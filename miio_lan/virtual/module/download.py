"""The module's download of an image: what it asks for, what it takes, and when it gives up.

Nothing is fetched here. Whoever drives the module fetches what :attr:`Download.wanted` asks for and tells what came of
it. Source: observed modules (http only, continued after an interruption, a watchdog); their numbers are not published.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from miio_lan.foreign import excerpt, printable

URL_KEYS = ("app_url", "mcu_url", "wifi_url")
"""The parameters of ``miIO.ota`` that name an image."""
_HTTP, _HTTPS = "http://", "https://"


@dataclass(frozen=True, slots=True)
class UpdateTimes:
    """How long things of an update take, and how long they may, in seconds.

    :param stall: without a byte before a download is given up (observed: a camera's watchdog)
    :param download: for all of a download, however steadily it trickles
    :param tries: how often a connection that cannot be had or breaks off is made, the first time included
    :param pause: between two of them
    :param flash: to write the module's own image, before it restarts
    :param silent: nobody is answered while it writes
    :param version: for the MCU to report its version behind a transfer
    """

    stall: float = 60.0
    download: float = 600.0
    tries: int = 3
    pause: float = 1.0
    flash: float = 2.0
    silent: bool = False
    version: float = 30.0


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request to the server.

    :param number: tells it from others; what is told of an older one is not listened to
    :param url: what to fetch, by http
    :param start: bytes that are there already: the rest is wanted
    :param limit: bytes of the largest image that is taken
    """

    number: int
    url: str
    start: int
    limit: int


class Download:
    """One image on its way.

    :param number: of the first request
    :param md5: the checksum to compare, empty for none
    :param limit: bytes of the largest image that is taken
    :ivar wanted: what is to be fetched now, None for nothing
    :ivar done: the image is there, and is the right one
    :ivar failed: why it is not, empty while it may still be
    """

    def __init__(self, number: int, url: str, md5: str, limit: int, times: UpdateTimes, now: float) -> None:
        self.wanted: Fetch | None = None
        self.done = False
        self.failed = ""
        self.number = number
        self._url = url
        self._md5 = md5
        self._limit = limit
        self._times = times
        self._data = bytearray()
        self._total: int | None = None
        self._tries = 0
        self._again_at: float | None = None
        self._heard = now
        self._ends = now + times.download
        if url.startswith(_HTTPS):
            self._fail("https is not supported: the module downloads by http alone")
        else:
            self._ask(now)

    @property
    def image(self) -> bytes:
        """What came."""
        return bytes(self._data)

    @property
    def progress(self) -> int:
        """Percent that came, as far as the server tells how much there is."""
        if self.done:
            return 100
        return min(100, 100 * len(self._data) // self._total) if self._total else 0

    def answered(self, number: int, start: int, total: int | None, now: float) -> None:
        """Take the head of an answer.

        :param start: where in the image it begins
        :param total: bytes of the whole image, None where the server does not say
        """
        if not self._is_wanted(number):
            return
        self._heard = now
        del self._data[start:]
        if start > len(self._data):
            self._fail(f"the server answered from byte {start} on, {len(self._data)} are there")
            return
        self._total = total
        self._check_size(total or 0)

    def received(self, number: int, data: bytes, now: float) -> None:
        """Take bytes."""
        if not self._is_wanted(number):
            return
        self._heard = now
        self._data += data
        self._check_size(len(self._data))

    def ended(self, number: int, failure: str, now: float, *, final: bool = False) -> None:
        """Take the end of an answer.

        :param failure: why it ended too early, empty for a regular end
        :param final: it is not worth another try
        """
        if not self._is_wanted(number):
            return
        if not failure and self._total is not None and len(self._data) < self._total:
            failure = f"the connection ended after {len(self._data)} of {self._total} bytes"
        if not failure:
            self._finish()
        elif final or self._tries >= self._times.tries:
            self._fail(failure + (f", {self._tries} times" if self._tries > 1 else ""))
        else:
            self.wanted = None
            self._again_at = now + self._times.pause

    def stop(self, reason: str) -> None:
        """Break it off."""
        if not self.done and not self.failed:
            self._fail(reason)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None once it is over."""
        if self.done or self.failed:
            return None
        return min(self._ends, self._heard + self._times.stall if self._again_at is None else self._again_at)

    def tick(self, now: float) -> None:
        """Try again, or give up."""
        if self.done or self.failed:
            return
        came = f"{len(self._data)} bytes came"
        if now >= self._ends:
            self._fail(f"it took longer than {self._times.download:g} s, {came}")
        elif self._again_at is None:
            if now >= self._heard + self._times.stall:
                self._fail(f"nothing came for {self._times.stall:g} s, {came} before")
        elif now >= self._again_at:
            self.number += 1
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._tries += 1
        self._again_at = None
        self._heard = now
        self.wanted = Fetch(self.number, self._url, len(self._data), self._limit)

    def _is_wanted(self, number: int) -> bool:
        return self.wanted is not None and number == self.wanted.number

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            self._fail(f"the image is too large, {self._limit} bytes are taken at most")
        elif self._total is not None and len(self._data) > self._total:
            self._fail(f"more came than the {self._total} bytes that were announced")

    def _finish(self) -> None:
        came = hashlib.md5(self._data, usedforsecurity=False).hexdigest()
        if not self._data:
            self._fail("the image is empty")
        elif self._md5 and came != self._md5:
            self._fail(f"the MD5 of what came is {came}, not {excerpt(self._md5)}")
        else:
            self.done, self.wanted = True, None

    def _fail(self, reason: str) -> None:
        self.failed, self.wanted = reason, None


def url_of(params: Mapping[str, object], longest: int) -> tuple[str, str] | None:
    """Find the image that ``miIO.ota`` names: the parameter and the URL; None where none can be fetched."""
    for key in URL_KEYS:
        url = params.get(key)
        if isinstance(url, str) and url.startswith("http") and len(url) <= longest:
            return key, url
    return None


def md5_of(params: Mapping[str, object]) -> str:
    """Give the checksum that ``miIO.ota`` names, empty for none."""
    md5 = params.get("file_md5")
    return md5.lower() if isinstance(md5, str) else ""


def server_of(url: str) -> str:
    """Give the part of a URL that names the server: the rest may be nobody's business."""
    return printable(re.split("[/?#]", url.partition("//")[2], maxsplit=1)[0].rpartition("@")[2])
