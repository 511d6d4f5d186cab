"""The module's serial terminal: lines in, replies out, and what ``echo`` does to both.

Source: serial document, echo; observed module firmware (prompt, line ends).
"""

from __future__ import annotations

from collections.abc import Callable

from miio_lan.uart.line import CR, Line, LineReader
from miio_lan.virtual.module.profile import Profile

#: Bytes of one line that are looked at.
MAX_LINE_BYTES = 2048
#: Bytes kept while nobody fetches them; what no longer fits is lost, as on a wire without a reader.
MAX_UNREAD = 65536


class Console:
    """Both directions of the line, from the module's side.

    :param handle: called with each line and the time; gives the text of the reply, None for none
    """

    def __init__(self, profile: Profile, handle: Callable[[Line, float], str | None]) -> None:
        self._profile = profile
        self._handle = handle
        self._output = bytearray()
        self._reader = LineReader(limit=MAX_LINE_BYTES, idle=profile.idle)
        self._echo = False

    @property
    def echo(self) -> bool:
        """Whether the module sends back what it receives."""
        return self._echo

    @echo.setter
    def echo(self, on: bool) -> None:
        self._echo = on
        # A person who types is given all the time in the world.
        self._reader.idle = None if on else self._profile.idle

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the MCU; each complete line is answered before the next is looked at."""
        self.tick(now)
        for piece in _pieces(data):
            if self.echo:
                self._write(piece.replace(CR, self._profile.echo_cr.encode()))
            for line in self._reader.feed(piece, now):
                self._answer(line, now)

    def send(self, data: bytes) -> None:
        """Write bytes that are no reply."""
        self._write(data)

    def _answer(self, line: Line, now: float) -> None:
        end = self._profile.echo_reply_end if self.echo else "\r"
        reply = self._handle(line, now)
        if reply:
            self._write((reply + end).encode())
        if self.echo:
            self._write(self._profile.prompt.encode())

    def _write(self, data: bytes) -> None:
        self._output += data[: MAX_UNREAD - len(self._output)]

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        return self._reader.deadline

    def tick(self, now: float) -> None:
        """Throw away an unfinished line after its time."""
        self._reader.tick(now)

    def reset(self) -> None:
        """Begin anew: no echo, nothing half received. What was already sent is on the wire."""
        self._reader.flush()
        self.echo = False

    def take_output(self) -> bytes:
        """Give what is to be written since the last call."""
        taken = bytes(self._output)
        self._output.clear()
        return taken


def _pieces(data: bytes) -> list[bytes]:
    """Cut behind each CR."""
    *whole, rest = data.split(CR)
    return [*(part + CR for part in whole), *([rest] if rest else [])]
