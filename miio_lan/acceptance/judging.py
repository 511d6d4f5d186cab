"""From records to a judgement: the verdicts, the exchanges, and what the product is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.acceptance.rules.all import judge, model_of
from miio_lan.acceptance.verdict import Judgement
from miio_lan.pairing.pairing import pair
from miio_lan.uart.order import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.acceptance.tester.progress import Progress
    from miio_lan.device.spec import Spec
    from miio_lan.record import Record

PASSIVE, MODULE, LAN = "passive", "module", "lan"


def judgement_of(
    records: Iterable[Record],
    *,
    mode: str = PASSIVE,
    spec: Spec | None = None,
    title: str = "",
    from_boot: bool = False,
    ended: float | None = None,
    course: Progress | None = None,
) -> Judgement:
    """Judge what crossed the wires.

    :param mode: ``"passive"``, ``"module"`` or ``"lan"``, see :class:`~miio_lan.acceptance.verdict.Judgement`
    :param spec: the product's description; without it, rules about values and codes are not judged
    :param title: what was judged; the model by default
    :param from_boot: whether the records are known to hold a power-up of the MCU
    :param ended: when the observation ended, monotonic seconds; with the last record by default
    :param course: how far the checker got that asked the product; None for one that only listened
    """
    driven = mode == MODULE
    kept = tuple(sorted(records, key=lambda record: record.instant) if driven else in_order(records))
    model = model_of(kept) or (spec.model if spec is not None else "")
    verdicts = judge(kept, spec=spec, driven=driven, from_boot=from_boot, ended=ended, course=course)
    return Judgement(
        title=title or model or "unknown product",
        model=model,
        started=kept[0].wall if kept else 0.0,
        mode=mode,
        verdicts=verdicts,
        records=kept,
        exchanges=tuple(pair(kept)),
    )
