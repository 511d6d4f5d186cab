"""A judgement as it may be handed on: all reports are made from this, so that none of them tells a secret.

Secrets are found where they stand under their names (:mod:`miio_lan.record.redact`), and hidden in the sentences of the
judgement as well (:class:`miio_lan.record.redact.veil.Veil`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from miio_lan.record.redact import redact, redact_value
from miio_lan.record.redact.veil import Veil

if TYPE_CHECKING:
    from miio_lan.acceptance.verdict import Evidence, Judgement, Verdict
    from miio_lan.pairing.exchange import Exchange, Part


def without_secrets(judgement: Judgement) -> Judgement:
    """Give a judgement without its secrets, and with readings that can be shown, whatever they are."""
    veil = Veil()
    records = tuple(veil.record(record) for record in judgement.records)
    exchanges = [_exchange(exchange, veil) for exchange in judgement.exchanges]
    verdicts = [_verdict(verdict, veil) for verdict in judgement.verdicts]
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
                evidence=tuple(replace(one, text=veil.text(one.text)) for one in each.evidence),
            )
            for each in verdicts
        ),
    )


def _exchange(exchange: Exchange, veil: Veil) -> Exchange:
    return replace(
        exchange,
        method=redact(exchange.method),
        params=redact_value(exchange.params),
        stopped_at=None if exchange.stopped_at is None else redact(exchange.stopped_at),
        request=veil.maybe(exchange.request),
        reply=veil.maybe(exchange.reply),
        parts=tuple(_part(part, veil) for part in exchange.parts),
        records=tuple(veil.record(record) for record in exchange.records),
    )


def _part(part: Part, veil: Veil) -> Part:
    return replace(
        part,
        down=veil.maybe(part.down),
        result=veil.maybe(part.result),
        acknowledgement=veil.maybe(part.acknowledgement),
    )


def _verdict(verdict: Verdict, veil: Veil) -> Verdict:
    def shown(evidence: Evidence) -> Evidence:
        return replace(evidence, record=veil.maybe(evidence.record))

    return replace(verdict, evidence=tuple(map(shown, verdict.evidence)))
