"""From what was seen to findings, in the order of :data:`~miio_lan.device.doctor.findings.STEPS`. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.device.doctor.answers import judge_memory, judge_others, judge_stamp, judge_token
from miio_lan.device.doctor.findings import Diagnosis
from miio_lan.device.doctor.product import judge_cloud, judge_mcu
from miio_lan.device.doctor.reach import judge_firewall, judge_hello, judge_route, judge_subnet

if TYPE_CHECKING:
    from miio_lan.device.doctor.observed import Examined

_RULES = (
    judge_route,
    judge_hello,
    judge_token,
    judge_stamp,
    judge_subnet,
    judge_others,
    judge_firewall,
    judge_memory,
    judge_mcu,
    judge_cloud,
)


def judge(seen: Examined, seconds: float = 0.0) -> Diagnosis:
    """Judge what was seen.

    :param seconds: how long looking took
    """
    model = seen.about.get("model")
    return Diagnosis(
        seen.target.host,
        seen.target.port,
        tuple(rule(seen) for rule in _RULES),
        seen.did,
        model[:64] if isinstance(model, str) and model else None,
        seconds,
    )
