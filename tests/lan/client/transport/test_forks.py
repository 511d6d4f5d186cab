"""What a child does not share with its parent."""

from __future__ import annotations

import ast
import gc
import os
from pathlib import Path

import pytest

import miio_lan
from miio_lan import AsyncDevice, Device
from miio_lan.lan.client.transport import forks

TOKEN = "00112233445566778899aabbccddeeff"
PACKAGE = Path(miio_lan.__file__).parent


class Split:
    """Counts how often it was told."""

    def __init__(self) -> None:
        self.times = 0

    def split_off(self) -> None:
        self.times += 1


def test_all_are_told_and_none_is_kept() -> None:
    each, forgotten = Split(), Split()
    forks.split_after_fork(each)
    forks.split_after_fork(forgotten)
    before = len(forks._ALL)
    del forgotten
    gc.collect()
    assert len(forks._ALL) < before
    forks.after_fork()
    assert each.times == 1


def first_id(kind: type[Device | AsyncDevice]) -> int:
    session = kind("127.0.0.1", TOKEN)._connection.session
    return session.command("toggle", [], 0.0, timeout=1, retry_count=0).id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", [Device, AsyncDevice])
def test_devices_that_are_made_after_a_fork_have_ids_of_their_own(kind: type[Device | AsyncDevice]) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str([first_id(kind) for _ in range(3)]).encode())
        finally:
            os._exit(0)
    own = [first_id(kind) for _ in range(3)]
    os.waitpid(child, 0)
    theirs = ast.literal_eval(os.read(reading, 1000).decode())
    os.close(reading)
    os.close(writing)
    assert len({*own, *theirs}) == 6


def test_one_randomness_is_shared_and_that_one_begins_anew_after_a_fork() -> None:
    """Another one at the top of a module would go on alike in parent and child."""
    shared = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) and "random.Random(" in ast.unparse(node)
    }
    assert shared == {"lan/client/ids.py"}
