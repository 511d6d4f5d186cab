"""The report for programs: one JSON object with stable keys.

==============  =====================================================================================================
key             value
==============  =====================================================================================================
``format``      :data:`FORMAT`; grows when the meaning of a key changes, not when keys are added
``title``       what was judged
``model``       the product's model, ``""`` when it was not learnt
``started``     unix time when the session began, seconds
``mode``        ``"passive"``, ``"module"`` or ``"lan"``
``ok``          whether no rule failed
``counts``      ``{"pass": n, "fail": n, "warning": n, "not observed": n}``
``verdicts``    one object per rule, in the order of the rules: ``name``, ``title``, ``source``, ``kind``,
                ``severity`` (what a breach comes to: ``"failure"``, ``"warning"``, ``"failure or warning"``,
                ``"none"``), ``outcome`` (a key of ``counts``), ``text`` (why), ``kept``, ``warned`` and ``broken``
                (how many lines, datagrams or other findings did so, also those that are no evidence here),
                ``seconds`` (from the first to the last line or datagram it was judged by),
                ``evidence``: a list of ``{"text": ...}``, at most 20, with ``record`` where it is a line or datagram
                (the form of recordings, see :mod:`miio_lan.record`)
``exchanges``   one object per command: ``method``, ``ids``, ``fetch_time``, ``mcu_time``, ``total_time`` (seconds or
                null), ``stopped_at`` (null when all went through), ``ambiguous``, ``notes``
``refusals``    how many of the exchanges a checker sent so that they would be refused, and were
``records``     how many records the judgement rests on
==============  =====================================================================================================

Tokens and passwords are hidden, in the bytes of records as well. The text is pure ASCII.
"""

from __future__ import annotations

import json

from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.report.wording import plain
from miio_lan.acceptance.verdict import Judgement

FORMAT = 1
"""The version of the keys."""
_EXCHANGE_KEYS = (
    "method", "ids", "fetch_time", "mcu_time", "total_time", "stopped_at", "ambiguous", "notes",
)  # fmt: skip


def to_json(judgement: Judgement) -> str:
    """Write a judgement as a JSON object (indented, with a line end).

    :raises RecordError: if a record in the evidence holds a reading that JSON cannot express
    """
    judgement = without_secrets(judgement)
    data = {
        "format": FORMAT,
        **judgement.as_json(),
        "exchanges": [{key: getattr(each, key) for key in _EXCHANGE_KEYS} for each in judgement.exchanges],
        "refusals": judgement.wanted_refusals,
        "records": len(judgement.records),
    }
    return json.dumps(plain(data), indent=2) + "\n"
