"""From what was seen to findings, in the order of :data:`~miio_lan.device.doctor.findings.STEPS`. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.device.doctor import answers, product, reach
from miio_lan.device.doctor.findings import Diagnosis

if TYPE_CHECKING:
    from miio_lan.device.doctor.observed import Observed

_RULES = (
    reach.judge_route,
    reach.judge_hello,
    answers.judge_token,
    answers.judge_stamp,
    reach.judge_subnet,
    answers.judge_others,
    reach.judge_firewall,
    answers.judge_memory,
    product.judge_mcu,
    product.judge_cloud,
)


def judge(seen: Observed, seconds: float = 0.0) -> Diagnosis:
    """Judge what was seen.

    :param seconds: how long looking took
    """
    model = seen.about.get("model")
    return Diagnosis(
        seen.target.host,
        seen.target.port,
        tuple(rule(seen) for rule in _RULES),
        seen.did,
        model if isinstance(model, str) and model else None,
        seconds,
    )
