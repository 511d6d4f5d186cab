"""The computer's own address changes, or the product's name begins to point elsewhere: the same device goes on.

In network namespaces made for this test (a cable between two of them, no way out); skipped where that is not allowed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parent.parent / "support" / "moving_house.py"
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
ATTEMPT = "ip link add v0 type veth peer name v1 && mount --bind /etc/hosts /etc/hosts"


def reason_not_to() -> str:
    """Why there can be no network of our own here; empty where there can."""
    missing = [tool for tool in ("unshare", "ip", "mount") if shutil.which(tool) is None]
    if missing:
        return f"no {', '.join(missing)}"
    tried = subprocess.run([*UNSHARE, "sh", "-c", ATTEMPT], capture_output=True, text=True, check=False)
    return f"not permitted: {tried.stderr.strip()}" if tried.returncode else ""


def test_the_same_device_recovers() -> None:
    if reason := reason_not_to():
        pytest.skip(f"no network namespace with a cable ({reason})")
    done = subprocess.run(
        [*UNSHARE, sys.executable, PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == found["another device"] == ["ok"]
    # The call in the middle of the change may fail; the next one may not.
    assert found["own address changed"][1] == "ok"
    assert found["name points elsewhere"][1] == "ok"
