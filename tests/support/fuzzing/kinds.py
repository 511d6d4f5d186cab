"""The kinds of material: what is mutated, what reads it, and what may come of that."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from support.fuzzing import files, lan, line, material
from support.fuzzing.mutating import Datagrams, Mutate, Tokens

from miio_lan.errors import DeviceException, RecordError, SpecError
from miio_lan.lan.cipher import TokenCipher
from miio_lan.record import as_line


class Reader(Protocol):
    """What reads material, piece after piece, and remembers what it will."""

    def read(self, material: bytes) -> object:
        """Read a piece; true where it got beyond the first check."""

    def end(self) -> None:
        """Do what is due when no more comes."""


@dataclass(frozen=True)
class Kind:
    """One kind of material.

    :param seeds: gives what is mutated, or what it is made of
    :param mutator: gives what mutates it
    :param reader: gives what reads it, with what happens meanwhile drawn at random
    :param declared: the errors that may come of reading; anything else is a fault
    :param share: how many of 10,000 mutations of a long run are of this kind
    :param parts: counts what was mutated within one mutation, where that is more than one thing
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutator: Callable[[], Mutate]
    reader: Callable[[random.Random], Reader]
    declared: tuple[type[Exception], ...]
    share: int
    parts: Callable[[bytes], int] | None = None

    def mutation(self, rng: random.Random) -> bytes:
        """Give a mutation."""
        return self.mutator()(rng)

    def try_one(self, piece: bytes) -> bool:
        """Read one piece with a new reader, and tell whether it got beyond the first check.

        :raises Exception: whatever is not declared
        """
        reader = self.reader(random.Random(1))
        try:
            read = bool(reader.read(piece))
        except self.declared:
            return False
        reader.end()
        return read


@cache
def _lines() -> Tokens:
    return Tokens(material.LINES, material.WORDS, material.LINE_VALUES, noise=0.1)


def _tokens(
    seeds: Callable[[], Sequence[bytes]], *, sound: float = 0.75, noise: float = 0.08
) -> Callable[[], Mutate]:
    return cache(lambda: Tokens(seeds(), material.WORDS, material.VALUES, sound=sound, noise=noise))


_DATAGRAMS = cache(lambda: Datagrams(material.datagrams(), TokenCipher(material.TOKEN).sign))
_LINES_AND_BLOCKS = cache(
    lambda: Tokens((*material.LINES, *material.BLOCKS), material.WORDS, material.LINE_VALUES, noise=0.2)
)
_RECORDINGS = cache(lambda: files.Recordings(_lines(), material.WORDS, material.VALUES))


def _recordings() -> Sequence[bytes]:
    return ["".join(map(as_line, scene)).encode() for scene in material.scenes()]


def _logs() -> Sequence[bytes]:
    return [each.encode() for each in material.LOGS]


def _texts() -> Sequence[bytes]:
    return [each.encode("utf-8", "surrogateescape") for each in material.TEXTS]


def _log_mutator() -> Tokens:
    return Tokens(_logs(), material.WORDS, material.LINE_VALUES, sound=0.4)


KINDS = {
    each.name: each
    for each in (
        Kind("datagrams", material.datagrams, _DATAGRAMS, lan.Datagrams, (), 5300),
        Kind("replies", material.replies, _tokens(material.replies), lan.Replies, (), 700),
        Kind("requests", material.requests, _tokens(material.requests), lan.Requests, (), 110),
        Kind("answers", material.results, _tokens(material.results), lan.Answers, (DeviceException,), 80),
        Kind(
            "announcements",
            material.announcements,
            _tokens(material.announcements),
            lan.Announcements,
            (),
            100,
        ),
        Kind("lines", lambda: material.LINES, _lines, line.Lines, (), 3300),
        Kind("lines overheard", lambda: material.LINES, _LINES_AND_BLOCKS, line.Listener, (), 110),
        Kind("lines to an end", lambda: material.LINES, _LINES_AND_BLOCKS, line.Ends, (), 160),
        Kind("texts", _texts, _tokens(_texts), line.Texts, (), 60),
        Kind("logs", _logs, cache(_log_mutator), files.Log, (RecordError,), 40),
        Kind(
            "descriptions",
            material.descriptions,
            _tokens(material.descriptions, noise=0.05),
            files.Description,
            (SpecError,),
            20,
        ),
        Kind(
            "TOML descriptions",
            lambda: [material.TOML],
            _tokens(lambda: [material.TOML], noise=0.05),
            files.TomlDescription,
            (SpecError,),
            20,
        ),
        Kind(
            "recordings", _recordings, _RECORDINGS, files.Recording, (RecordError,), 15, files.changed_lines
        ),
    )
}
