"""A device used on both sides of a fork: neither side takes what the other was told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.patient import PATIENT

from miio_lan.virtual.product import VirtualProduct

READS, TOGGLES = 300, 100
#: Seconds until processes that hang are ended; only ever waited for when the test fails.
PATIENCE = 600.0
PROGRAM = Path(__file__).resolve().parent.parent / "support" / "forked.py"


@pytest.mark.untraced
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_parent_and_child_each_get_their_own_answers(face: str) -> None:
    pressed: Counter[int] = Counter()
    with VirtualProduct(profile=PATIENT, mcu_options={"poll_interval": 0.002}) as product:
        product.mcu.methods["get_echo"] = lambda mcu, words: [int(words[0])]

        def press(mcu: object, words: list[str]) -> list[int]:
            pressed[int(words[0])] += 1
            return [int(words[0])]

        product.mcu.methods["press_button"] = press  # type: ignore[assignment]
        asked = (str(product.port), product.token, str(READS), str(TOGGLES), face)
        command = [sys.executable, PROGRAM, *asked]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    sides = json.loads(done.stdout)
    assert [side["foreign"] for side in sides] == [[], []]
    assert [side["failed"] for side in sides] == [[], []]
    assert [side["told"] for side in sides] == [TOGGLES, TOGGLES]
    assert pressed.total() == len(pressed) == 2 * TOGGLES
