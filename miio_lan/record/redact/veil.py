"""What is known of secrets after looking at some records, for the sentences about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from miio_lan.record.redact.records import pressed, redact_excerpts, redact_record, words_of
from miio_lan.record.redact.secret import HIDDEN
from miio_lan.record.redact.texts import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.record import Record

# Shorter words stand in any sentence, and are no secret worth the name.
_SHORTEST_SECRET = 4


class Veil:
    """What was hidden in records is hidden in the sentences about them as well, and so is all they quote that is in no
    line as it may be seen: pieces of lines do not show any more what they belong to.

    The same record always becomes the same. Sentences come last, when all records are known.
    """

    def __init__(self) -> None:
        self._records: dict[int, tuple[Record, Record]] = {}
        self._found: list[str] = []
        self._words: _Words | None = None
        self._public: str | None = None

    def record(self, record: Record) -> Record:
        """Give a record as it may be seen, and keep its secrets in mind."""
        known = self._records.get(id(record))
        if known is None:
            # The first of the two is kept as well, so that no other gets its identity.
            known = self._records[id(record)] = (record, redact_record(record, self._found))
        return known[1]

    def maybe(self, record: Record | None) -> Record | None:
        """Give a record as it may be seen, where there is one."""
        return None if record is None else self.record(record)

    def text(self, text: str) -> str:
        """Hide secrets in a sentence."""
        if self._words is None:
            self._words = _Words(words_of(self._found))
            # It is lines that are quoted; where none holds a secret, each may be.
            lines = [pair for pair in self._records.values() if pair[0].wire == "uart"]
            if any(clean.raw != record.raw for record, clean in lines):
                raws = {clean.raw for _, clean in lines}
                self._public = "\n".join(pressed(raw.decode("latin-1")) for raw in raws)
        if self._public is not None:
            text = redact_excerpts(text, self._public)
        return self._words.hide(redact(text))


class _Words:
    """Words that are looked for in texts, however many they are: by their first letters, and then by their lengths."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word for word in words if len(word) >= _SHORTEST_SECRET}
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[:_SHORTEST_SECRET], set()).add(len(word))
        self._lengths = {beginning: sorted(each, reverse=True) for beginning, each in lengths.items()}

    def hide(self, text: str) -> str:
        """Hide the words in a text, but not within longer words."""
        if not self._words:
            return text
        parts: list[str] = []
        done = 0
        for at in range(len(text) - _SHORTEST_SECRET + 1):
            lengths = self._lengths.get(text[at : at + _SHORTEST_SECRET]) if at >= done else None
            if not lengths or _within_word(text, at):
                continue
            for length in lengths:
                if text[at : at + length] in self._words and not _within_word(text, at + length):
                    parts += [text[done:at], HIDDEN]
                    done = at + length
                    break
        return "".join([*parts, text[done:]])


_LETTER = re.compile(r"\w")


def _within_word(text: str, at: int) -> bool:
    """Tell whether a place has a letter before and another behind it, or would cut a word if something ended there."""
    return at > 0 and bool(_LETTER.match(text, at - 1)) and bool(_LETTER.match(text, at))
