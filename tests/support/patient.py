"""Pages, samples and products for a machine that is busy with something else.

They show how a reader holds a product to its times. What they are run against here is a virtual product that shares its
processor with everything else that is tested: how long it takes says nothing about it, nor about the page.
"""

from __future__ import annotations

import re
from dataclasses import replace

from miio_lan.virtual.module.profile import DOCUMENT

PATIENCE = "100.0"
UNANSWERED = "3.0"  # is always waited for in full
#: A module that gives its MCU time: both are threads of one process here, and may stop for longer than an MCU may.
PATIENT = replace(DOCUMENT, answer_time=float(PATIENCE), echo_answer_time=float(PATIENCE))
_TIMES = re.compile(r"(\bwithin=|_time < |\b(?:wait|wait_for|next_push)\([^\n]*\btimeout=)\d+(?:\.\d+)?")
_OF_ONE_DATAGRAM = re.compile(r"(\bretry_count=0, timeout=)\d+(?:\.\d+)?")


def patient(text: str) -> str:
    """Give a file of tests with times that no machine misses: of what is held to a time, and of what is waited for."""
    return _OF_ONE_DATAGRAM.sub(rf"\g<1>{UNANSWERED}", _TIMES.sub(rf"\g<1>{PATIENCE}", text))
