"""What a shell offers when Tab is pressed, and that the tutorial says how to switch that on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from miio_lan.cli.program import program
from miio_lan.device.description.spec import shipped_names
from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS

DOCS = Path(__file__).parents[2] / "docs"
SPEC = {*shipped_names()}


def offered(*words: str, incomplete: str = "", kind: str = "plain") -> set[str]:
    completer = ShellComplete(program, {}, "miio-lan", "_MIIO_LAN_COMPLETE")
    return {each.value for each in completer.get_completions(list(words), incomplete) if each.type == kind}


@pytest.mark.parametrize(
    "words",
    [
        ("get",),
        ("set",),
        ("action",),
        ("accept",),
        ("virtual",),
        ("virtual", "product"),
        ("virtual", "mcu"),
    ],
    ids=" ".join,
)
def test_descriptions_by_name_and_files(words: tuple[str, ...]) -> None:
    assert offered(*words, "--spec") == SPEC
    assert offered(*words, "--spec", incomplete="la") == {"lamp"}
    assert offered(*words, "--spec", incomplete="./my", kind="file") == {"./my"}


@pytest.mark.parametrize(
    "words", [("accept", "--virtual"), ("virtual",), ("virtual", "product"), ("virtual", "mcu")], ids=" ".join
)
def test_misbehaviours(words: tuple[str, ...]) -> None:
    assert offered(*words, "--misbehave") == {*MISBEHAVIOURS}
    assert offered(*words, "--misbehave", incomplete="wro") == {"wrong-counts"}
    again = offered(*words, "--misbehave", "crlf", "--misbehave")
    assert again == {*MISBEHAVIOURS} - {"crlf"}


def test_commands_and_options() -> None:
    assert offered("virtual") == {"product", "module", "mcu"}
    assert offered("virtual", incomplete="--boot") == {"--boot-time"}
    assert offered("virtual", "--profile") == {"document", "older", "newer"}
    assert offered(incomplete="acc") == {"accept"}
    assert offered("accept", "--allow", incomplete="w") == {"writes"}
    assert offered("uart", "decode", kind="file") == {""}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_tutorial_says_how_to_switch_it_on(shell: str) -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    assert f"_MIIO_LAN_COMPLETE={shell}_source miio-lan" in text


def test_the_command_gives_what_the_shell_reads() -> None:
    program_code = "from miio_lan.cli import main; main()"
    variables = {"_MIIO_LAN_COMPLETE": "zsh_source", "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-c", program_code], env=variables, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("#compdef miio-lan")
    assert ran.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        ("nope",),
        ("-d", "lamp", "gett"),
        ("uart", "nope"),
        ("get", "--nope"),
        ("get", "--spec", ""),
        ("spec", "show", ""),
        ("accept", "--nope", "x"),
    ],
    ids=" ".join,
)
def test_what_was_mistyped_before_is_no_error_while_one_types(words: tuple[str, ...]) -> None:
    offered(*words)
    offered(*words, incomplete="-")
