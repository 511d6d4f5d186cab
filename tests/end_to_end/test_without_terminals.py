"""A system without pseudo-terminals, as Windows is: what it lacks is hidden from a program, and the rest has to work.

The parts of this suite that need no terminal run there, too; module and MCU are joined in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.patient import patient

ROOT = Path(__file__).parents[2]
ABSENT = ("termios", "pty", "tty", "fcntl", "pwd", "grp", "resource")
PATIENCE = 600.0  # only ever waited for in full when a test fails
CORE = (
    *("tests/lan/test_packet.py", "tests/record/test_recording.py", "tests/uart/test_line.py"),
    *(
        "tests/virtual/module/test_document.py",
        "tests/virtual/test_power.py",
        "tests/virtual/test_lan_log.py",
    ),
    *("tests/device/test_miot.py", "tests/device/fleet/test_named.py", "tests/bench/test_bench.py"),
)


def run(program: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python that has none of the modules."""
    hidden = f"import sys\nfor name in {ABSENT!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", hidden + program, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTEST_ADDOPTS": ""},  # coverage is asked of this process
    )


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("from miio_lan.cli import main; main()", *arguments)


def test_the_demo_says_that_it_runs_in_memory() -> None:
    ended = cli("demo")
    assert ended.returncode == 0, ended.stderr
    assert "UART (in memory: there are no pseudo-terminals here)" in " ".join(ended.stdout.split())
    assert "All 9 steps ended as expected." in ended.stdout


@pytest.mark.parametrize(
    "command", [["virtual", "module", "--udp-port", "0"], ["virtual", "product", "--tap"]]
)
def test_what_needs_a_terminal_says_so(command: list[str]) -> None:
    ended = cli(*command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no pseudo-terminal to be had" in ended.stderr
    assert "COM3" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_tests_run_against_a_virtual_product(tmp_path: Path) -> None:
    (tmp_path / "test_lamp.py").write_text(
        patient((ROOT / "docs" / "samples" / "test_lamp.py").read_text(encoding="utf-8"))
    )
    ended = run(
        "import pytest; sys.exit(pytest.main())",
        "--miio-virtual",
        "-p",
        "no:cacheprovider",
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stdout
    assert "miio: virtual product, module and MCU joined in memory" in ended.stdout


@pytest.mark.untraced
def test_the_core_of_this_suite_passes() -> None:
    ended = run(
        "import pytest; sys.exit(pytest.main())",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-x",
        *CORE,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    assert "skipped" not in ended.stdout.splitlines()[-1]
