"""The tutorial is executed: its Python in one interpreter, its shell commands against a virtual product."""

from __future__ import annotations

import doctest
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from miio_lan.virtual.product import VirtualProduct

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"


def blocks(kind: str) -> str:
    text = TUTORIAL.read_text(encoding="utf-8")
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"the tutorial has no {kind} blocks"
    return "\n".join(found)


def test_its_python_runs_as_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    example = doctest.DocTestParser().get_doctest(blocks("pycon"), {}, "tutorial", str(TUTORIAL), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=report.append)
    assert not report, "".join(report)
    assert runner.tries > 40


def commands() -> list[tuple[str, str]]:
    """The shell commands shown, each with its output."""
    found: list[tuple[str, str]] = []
    for line in blocks("console").splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def test_its_shell_commands_do_as_shown() -> None:
    checker = doctest.OutputChecker()
    with VirtualProduct(mcu_options={"poll_interval": 0.01}) as lamp:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MIIO_LAN_IP": lamp.host,
            "MIIO_LAN_PORT": str(lamp.port),
            "MIIO_LAN_TOKEN": lamp.token,
        }
        for command, shown in commands():
            ran = subprocess.run(
                ["bash", "-c", command],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert checker.check_output(shown, ran.stdout, doctest.ELLIPSIS), f"{command}\n{ran.stdout}"
    assert len(commands()) == 8
