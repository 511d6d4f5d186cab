"""The command lines that the pages show name commands that exist, and options that those take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from miio_lan.cli.program import program

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(r"`miio-lan\s+([^`]+)`|^(?:\$ )?(?:\w+=\S+ )*miio-lan +(.+)$", re.MULTILINE)
NO_COMMANDS = {"firmware", "|"}
"""What stands behind the program's name in the first line of an image, and where it is asked for completions."""


def shown(page: Path) -> Iterator[list[str]]:
    """Give the words of each command line on a page, up to what another program gets."""
    for inline, line in SHOWN.findall(page.read_text(encoding="utf-8")):
        words = re.split(r" [|;>&] ?|; ", inline or line)[0].split()
        if words[0] not in NO_COMMANDS:
            yield words


def options_of(words: list[str]) -> set[str]:
    """Give the options that may stand in a command line.

    :raises KeyError: if it names no command
    """
    path: list[click.Command] = [program]
    for word in [*words, "product"]:  # the default of "virtual"
        group = path[-1]
        if isinstance(group, click.Group) and (inner := group.get_command(click.Context(group), word)):
            path.append(inner)
    if len(path) == 1 and not {"--help", "--version"} & {*words}:
        raise KeyError(words)
    options = [each for command in path for each in command.params]
    return {"--help", *(name for each in options for name in (*each.opts, *each.secondary_opts))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_command_lines_of_a_page(page: Path) -> None:
    for words in shown(page):
        named = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert named <= options_of(words), " ".join(words)


def test_what_the_pages_show_is_found() -> None:
    assert sum(len([*shown(page)]) for page in PAGES) > 150
    assert "--own-subnet" in options_of(["virtual", "--own-subnet", "192.0.2.0/24"])
    assert "--ap-host" not in options_of(["-d", "lamp", "update", "--ap-host"])
    with pytest.raises(KeyError):
        options_of(["-d", "lamp", "upgrade"])
