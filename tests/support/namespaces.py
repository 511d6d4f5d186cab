"""Programs in networks of their own: cables, bridges and computers that exist for one test, without any way out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]


def ran_in_a_network_of_its_own(program: str, attempt: str, *tools: str, patience: float = 120) -> Any:
    """Run a program of this folder in a network namespace, and give what it printed as JSON.

    Skips the test, with the reason, where that is not permitted.

    :param attempt: a shell command that needs what the program needs
    :param tools: commands that have to be there
    """
    if missing := [tool for tool in ("unshare", "ip", *tools) if shutil.which(tool) is None]:
        pytest.skip(f"no network namespace: there is no {', '.join(missing)}")
    tried = subprocess.run([*UNSHARE, "sh", "-c", attempt], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network namespace: not permitted ({tried.stderr.strip()})")
    command = [*UNSHARE, sys.executable, str(HERE / program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
