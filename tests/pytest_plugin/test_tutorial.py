"""The tutorial is carried out in an empty directory: its files are written, its commands are run."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.patient import patient

from miio_lan.pytest_plugin import fixtures, hooks

TUTORIAL = Path(__file__).parents[2] / "docs" / "end-to-end-tests.md"
BLOCK = re.compile(r"(?:^<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> Iterator[tuple[str, str]]:
    """Files to write as (name, text), and commands to run as ("$ command", output), in the order of the page."""
    for name, kind, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if name:
            yield name, text
        elif kind == "console":
            yield from re.findall(r"^(\$ .*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "MIIO"))}
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": tools, "PYTHONUTF8": "1", "COLUMNS": "80", "PYTEST_ADDOPTS": "-p no:randomly"}


def run(command: str, directory: Path) -> str:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ).stdout


def test_the_tutorial_does_as_it_says(tmp_path: Path) -> None:
    """A machine that is too busy to run the product leaves a doubt, which the page does not show: it is tried again."""
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    ran = 0
    for name, text in steps():
        if not name.startswith("$ "):
            (tmp_path / name).write_text(patient(text), encoding="utf-8")
            continue
        for _ in range(3):
            told = run(name[2:], tmp_path)
            if checker.check_output(text, told, flags) or "(ambiguous)" not in told:
                break
        assert checker.check_output(text, told, flags), f"{name}\n{told}"
        ran += 1
    assert ran == 20


def test_times_of_the_page_are_found() -> None:
    page = TUTORIAL.read_text(encoding="utf-8")
    files = "".join(text for name, _, text in BLOCK.findall(page) if name.endswith(".py"))
    assert files.count("within=") + files.count("_time < ") == 6
    assert patient(files).count("100.0") == 10
    assert patient(files).count("3.0") == files.count("3.0") + 2
    assert patient("send(timeout=0.5) expect(timeout=0)") == "send(timeout=0.5) expect(timeout=0)"


def test_the_reference_names_every_option_and_every_fixture() -> None:
    reference = TUTORIAL.read_text(encoding="utf-8").partition("## For reference")[2]
    named = set(re.findall(r"`(--miio-[a-z-]+)`", reference))
    assert named == {"--miio-virtual", *(f"--miio-{name}" for name, _, _ in hooks._OPTIONS)}
    shown = {
        name
        for row in re.findall(r"^\| (`.*?) \|", reference, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    defined = set(re.findall(r"^@pytest.fixture.*\ndef (\w+)", inspect.getsource(fixtures), re.MULTILINE))
    assert shown == defined - {"miio_rigs", "miio_rig"}  # those are for the others
