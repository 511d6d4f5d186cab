"""IP fragments, put together again. What somebody can make this remember is bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_INCOMPLETE = 256
"""Datagrams that may lack fragments at a time; the oldest is given up for another."""
MAX_FRAGMENTS = 128
"""Fragments of one datagram; the smallest network cuts the largest datagram into about as many."""
MAX_SIZE = 65535
"""Bytes of the largest datagram."""
REASSEMBLY_TIME = 30.0
"""Seconds after which a datagram without all of its fragments is given up (as systems do)."""

Key = tuple[bytes, bytes, bytes]


@dataclass
class _Open:
    since: float
    parts: dict[int, bytes] = field(default_factory=dict)
    size: int | None = None


class Fragments:
    """Takes fragments in the order of their capture."""

    def __init__(self) -> None:
        self._open: dict[Key, _Open] = {}
        #: What the last fragment completed.
        self.joined: bytes | None = None

    def take(self, now: float, key: Key, at: int, data: bytes, *, more: bool) -> list[bytes]:
        """Take a fragment; :attr:`joined` is what it completes.

        :param key: source, target and number, the same for all fragments of a datagram
        :param at: the place of its first byte
        :param more: whether it is not the last
        :returns: the first fragments, as far as they came, of the datagrams that are given up
        """
        self.joined = None
        given_up = [self._drop(each) for each in self._stale(now, key)]
        one = self._open.setdefault(key, _Open(now))
        if at + len(data) > MAX_SIZE or (more and len(data) % 8) or len(one.parts) >= MAX_FRAGMENTS:
            return [*given_up, self._drop(key)]
        one.parts.setdefault(at, data)  # what comes twice is the same
        if not more:
            one.size = at + len(data)
        self._join(key, one)
        return given_up

    def _stale(self, now: float, key: Key) -> list[Key]:
        stale = [each for each, one in self._open.items() if abs(now - one.since) > REASSEMBLY_TIME]
        if not stale and key not in self._open and len(self._open) >= MAX_INCOMPLETE:
            stale = [next(iter(self._open))]
        return stale

    def _drop(self, key: Key) -> bytes:
        return self._open.pop(key).parts.get(0, b"")

    def _join(self, key: Key, one: _Open) -> None:
        if one.size is None or sum(map(len, one.parts.values())) < one.size:
            return
        joined = b""
        for at, data in sorted(one.parts.items()):
            if at != len(joined):
                break  # a hole, or parts that overlap: nobody means well by these
            joined += data
        del self._open[key]
        self.joined = joined if len(joined) == one.size else None

    def unfinished(self) -> list[bytes]:
        """Give the first fragments of what is not whole, as far as they came."""
        return [one.parts.get(0, b"") for one in self._open.values()]
