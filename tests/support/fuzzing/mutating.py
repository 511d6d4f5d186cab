"""Changing material at random, cheaply: by its tokens, so that it goes on looking real, and by its bytes.

A mutation costs a few microseconds: seeds are cut into tokens once, and random numbers are drawn as floats.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

MOST = 64_000
"""Bytes of a mutation at most: what a datagram can hold."""
HUGE = 0.0005
"""Share of mutations that are made long, by repeating a piece of them."""

Draw = Callable[[], float]
Mutate = Callable[[random.Random], bytes]

_TOKENS = re.compile(
    rb'"(?:[^"\\\r\n]++|\\.)*+"|\[\[[a-z.]++\]\]|[A-Za-z_][\w.]*+|-?\d[\w.+-]*+|\s|[^\s\w]',
    re.ASCII | re.DOTALL,
)
_TIMES = (1, 1, 1, 1, 2, 2, 3, 8)
_LENGTHS = (1, 1, 2, 3, 8, 40)


class Tokens:
    """Mutates texts by their tokens; now and then by their bytes, too.

    :param seeds: what is mutated
    :param words: what is put between and in place of tokens, fitting or not
    :param values: what is put in place of a value (a string, a number, a constant), so that the text stays well-formed
    :param sound: share of changes that leave the text well-formed
    :param noise: share of mutations whose bytes are changed at last
    """

    def __init__(
        self,
        seeds: Sequence[bytes],
        words: Sequence[bytes],
        values: Sequence[bytes],
        *,
        sound: float = 0.6,
        noise: float = 0.15,
    ) -> None:
        self._texts = seeds
        self._seeds = [_TOKENS.findall(seed) for seed in seeds]
        self._places = [_values_in(tokens) for tokens in self._seeds]
        self._words, self._values = words, values
        self._sound, self._noise = sound, noise

    def __call__(self, rng: random.Random) -> bytes:
        """Give a mutation of any seed."""
        return self.of(int(rng.random() * len(self._seeds)), rng)

    def of(self, number: int, rng: random.Random) -> bytes:
        """Give a mutation of that seed."""
        draw = rng.random
        tokens = self._seeds[number].copy()
        places = self._places[number]
        for _ in range(_TIMES[int(draw() * len(_TIMES))]):
            if places and draw() < self._sound:
                at = places[int(draw() * len(places))]
                tokens[at : at + 1] = (self._values[int(draw() * len(self._values))],)
            else:
                self._change(draw, tokens)
        data = b"".join(tokens)
        if draw() < self._noise or data == self._texts[number]:
            data = noisy(draw, data)
        if draw() < HUGE:
            data = huge(draw, data)
        return data[:MOST]

    def _change(self, draw: Draw, tokens: list[bytes]) -> None:
        """Change tokens, whether or not a text comes of it that anybody can read."""
        how, at = int(draw() * 6), int(draw() * (len(tokens) + 1))
        length = _LENGTHS[int(draw() * len(_LENGTHS))]
        if how == 0:
            del tokens[at : at + length]
        elif how == 1:
            tokens.insert(at, self._words[int(draw() * len(self._words))])
        elif how == 2:
            tokens[at : at + 1] = (self._words[int(draw() * len(self._words))],)
        elif how == 3:
            tokens[at:at] = tokens[at : at + length]
        elif how == 4:
            there = int(draw() * (len(tokens) + 1))
            tokens[at : at + length], tokens[there : there + length] = (
                tokens[there : there + length],
                tokens[at : at + length],
            )
        else:
            other = self._seeds[int(draw() * len(self._seeds))]
            begin = int(draw() * len(other))
            tokens[at : at + length] = other[begin : begin + length]


def _values_in(tokens: Sequence[bytes]) -> list[int]:
    """Tell which tokens are values and no names: those that no colon or equals sign follows."""
    found = []
    for at, token in enumerate(tokens):
        after = next((each for each in tokens[at + 1 : at + 3] if not each.isspace()), b"")
        is_value = token[:1] == b'"' or token[:1].isalnum() or (len(token) > 1 and token[:2] != b"[[")
        if is_value and after not in (b":", b"="):
            found.append(at)
    return found


def noisy(draw: Draw, data: bytes) -> bytes:
    """Change some bytes of a text, as a bad line, a full disk or another program does."""
    changed = bytearray(data)
    for _ in range(_TIMES[int(draw() * len(_TIMES))]):
        how, at = int(draw() * 6), int(draw() * (len(changed) + 1))
        length = _LENGTHS[int(draw() * len(_LENGTHS))]
        if how == 0 and at < len(changed):
            changed[at] ^= 1 << int(draw() * 8)
        elif how == 1:
            changed[at : at + 1] = bytes((int(draw() * 256),))
        elif how == 2:
            del changed[at : at + length]
        elif how == 3:
            changed[at:at] = changed[at : at + length]
        elif how == 4:
            del changed[at:]
        else:
            there = int(draw() * (len(changed) + 1))
            changed[at : at + length], changed[there : there + length] = (
                changed[there : there + length],
                changed[at : at + length],
            )
    return bytes(changed)


def huge(draw: Draw, data: bytes) -> bytes:
    """Repeat a piece of a text until it is long: up to :data:`MOST`, shorter ones more often."""
    begin = int(draw() * len(data))
    piece = data[begin : begin + _LENGTHS[int(draw() * len(_LENGTHS))]] or b"["
    size = int(MOST ** (0.5 + 0.5 * draw()))
    return data[:begin] + piece * (size // len(piece)) + data[begin:]


class Datagrams:
    """Mutates sealed datagrams: header, content and length; a third of them are signed again afterwards.

    :param seeds: sealed datagrams, and hellos
    :param sign: gives the sign for 16 bytes of a header and a content
    """

    def __init__(self, seeds: Sequence[bytes], sign: Callable[[bytes, bytes], bytes]) -> None:
        self._seeds, self._sign = seeds, sign

    def __call__(self, rng: random.Random) -> bytes:
        """Give a mutation of any seed."""
        draw = rng.random
        seed = self._seeds[int(draw() * len(self._seeds))]
        data = bytearray(seed)
        how = draw()
        if how < 0.4:  # a field of the header
            at = int(draw() * 32)
            data[at] = (0, 1, 0xFF, 0x20, int(draw() * 256))[int(draw() * 5)]
        elif how < 0.7 and len(data) > 32:  # some of the content
            at = 32 + int(draw() * (len(data) - 32))
            data[at] ^= 1 << int(draw() * 8)
        else:
            data[:] = noisy(draw, bytes(data))
        if data == seed:
            data[int(draw() * len(data))] ^= 1 << int(draw() * 8)
        if draw() < HUGE:
            data[:] = huge(draw, bytes(data))[:MOST]
        if len(data) > 32 and draw() < 0.33:
            if draw() < 0.7:
                del data[len(data) - len(data) % 16 :]
                data[2:4] = len(data).to_bytes(2, "big")
            end = int.from_bytes(data[2:4], "big")
            data[16:32] = self._sign(bytes(data[:16]), bytes(data[32:end]))
        return bytes(data)
