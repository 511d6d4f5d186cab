"""A judgement as it may be handed on: all reports are made from this, so that none of them tells a secret.

Secrets are found where they stand under their names (:mod:`miio_lan.record.redact`), and hidden in the sentences of the
judgement as well (:class:`miio_lan.record.redact.veil.Veil`).
"""

from __future__ import annotations

from dataclasses import replace

from miio_lan.acceptance.verdict import Evidence, Judgement, Verdict
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.record.redact import redact, redact_value
from miio_lan.record.redact.veil import Veil


def without_secrets(judgement: Judgement) -> Judgement:
    """Give a judgement without its secrets, and with readings that can be shown, whatever they are."""
    veil = Veil()
    records = tuple(map(veil.record, judgement.records))
    exchanges = [_exchange(exchange, veil) for exchange in judgement.exchanges]
    for evidence in (each for verdict in judgement.verdicts for each in verdict.evidence):
        veil.maybe(evidence.record)
    return replace(
        judgement,
        title=redact(judgement.title),
        model=redact(judgement.model),
        mode=redact(judgement.mode),
        records=records,
        # Here begin the sentences: by now all secrets are known.
        exchanges=tuple(replace(each, notes=tuple(map(veil.text, each.notes))) for each in exchanges),
        verdicts=tuple(_verdict(verdict, veil) for verdict in judgement.verdicts),
    )


def _verdict(verdict: Verdict, veil: Veil) -> Verdict:
    evidence = (Evidence(veil.text(each.text), veil.maybe(each.record)) for each in verdict.evidence)
    return replace(verdict, text=veil.text(verdict.text), evidence=tuple(evidence))


def _exchange(exchange: Exchange, veil: Veil) -> Exchange:
    return replace(
        exchange,
        request=veil.maybe(exchange.request),
        reply=veil.maybe(exchange.reply),
        method=redact(exchange.method),
        params=redact_value(exchange.params),
        stopped_at=None if exchange.stopped_at is None else redact(exchange.stopped_at),
        parts=tuple(_part(part, veil) for part in exchange.parts),
        records=tuple(map(veil.record, exchange.records)),
    )


def _part(part: Part, veil: Veil) -> Part:
    down, result, said = map(veil.maybe, (part.down, part.result, part.acknowledgement))
    return replace(part, down=down, result=result, acknowledgement=said)
