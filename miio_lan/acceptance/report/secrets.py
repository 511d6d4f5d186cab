"""A judgement as it may be handed on: all reports are made from this, so that none of them tells a secret.

Secrets are found where they stand under their names (:mod:`miio_lan.record.redact`). What was found in a record is
hidden in the sentences of the judgement as well, and so is all they quote that is in no line as it may be seen:
pieces of lines do not show any more what they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from miio_lan.acceptance.verdict import Evidence, Judgement
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.record import Record
from miio_lan.record.redact import (
    HIDDEN,
    pressed,
    redact,
    redact_excerpts,
    redact_record,
    redact_value,
    words_of,
)

# Shorter words stand in any sentence, and are no secret worth the name.
_SHORTEST = 4
_Holder = TypeVar("_Holder", Exchange, Part, Evidence)


def without_secrets(judgement: Judgement) -> Judgement:
    """Give a judgement without its secrets, and with readings that can be shown, whatever they are."""
    veil = _Veil()
    records = tuple(veil.record(record) for record in judgement.records)
    exchanges = [_exchange(exchange, veil) for exchange in judgement.exchanges]
    evidence = [[veil.over(one, "record") for one in each.evidence] for each in judgement.verdicts]
    return replace(
        judgement,
        title=redact(judgement.title),
        model=redact(judgement.model),
        mode=redact(judgement.mode),
        records=records,
        # Here begin the sentences: by now all secrets are known.
        exchanges=tuple(replace(each, notes=tuple(map(veil.text, each.notes))) for each in exchanges),
        verdicts=tuple(
            replace(
                each,
                text=veil.text(each.text),
                evidence=tuple(replace(one, text=veil.text(one.text)) for one in shown),
            )
            for each, shown in zip(judgement.verdicts, evidence, strict=True)
        ),
    )


class _Veil:
    """What was hidden so far. The same record always becomes the same."""

    def __init__(self) -> None:
        self._records: dict[int, tuple[Record, Record]] = {}
        self._found: list[str] = []
        self._words: re.Pattern[str] | None = None
        self._public: str | None = None

    def record(self, record: Record) -> Record:
        known = self._records.get(id(record))
        if known is None:
            # The first of the two is kept as well, so that no other gets its identity.
            known = self._records[id(record)] = (record, redact_record(record, self._found))
        return known[1]

    def over(self, holder: _Holder, *names: str) -> _Holder:
        """Give something that holds records, or None, under these names, with the secrets hidden in them."""
        held = [(name, getattr(holder, name)) for name in names]
        clean: dict[str, Any] = {name: self.record(each) for name, each in held if each is not None}
        return replace(holder, **clean)

    def text(self, text: str) -> str:
        """Hide secrets in a sentence. Sentences come last, when all records are known."""
        if self._words is None:
            self._words = _any_of(word for word in words_of(self._found) if len(word) >= _SHORTEST)
            # It is lines that are quoted; where none holds a secret, each may be.
            lines = [pair for pair in self._records.values() if pair[0].wire == "uart"]
            if any(clean.raw != record.raw for record, clean in lines):
                raws = {clean.raw for _, clean in lines}
                self._public = "\n".join(pressed(raw.decode("latin-1")) for raw in raws)
        if self._public is not None:
            text = redact_excerpts(text, self._public)
        return self._words.sub(HIDDEN, redact(text))


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    choices = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)" if choices else r"(?!)")


def _exchange(exchange: Exchange, veil: _Veil) -> Exchange:
    return replace(
        veil.over(exchange, "request", "reply"),
        method=redact(exchange.method),
        params=redact_value(exchange.params),
        stopped_at=None if exchange.stopped_at is None else redact(exchange.stopped_at),
        parts=tuple(veil.over(part, "down", "result", "acknowledgement") for part in exchange.parts),
        records=tuple(veil.record(record) for record in exchange.records),
    )
