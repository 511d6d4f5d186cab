"""The page about the architecture names every room, and none that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import test_imports

import miio_lan

ROOT = Path(miio_lan.__file__).parent
PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")


def drawn() -> set[str]:
    """Give what stands in the tree, as paths: folders end with a slash."""
    tree = PAGE.partition("```text\nmiio_lan/\n")[2].partition("```")[0]
    paths: set[str] = set()
    above = {2: ""}  # by the depth of a row: the folder it is in
    for row in tree.splitlines():
        depth = len(row) - len(row.lstrip(" "))
        names = re.findall(r"[\w.]+(?:/|\.py)", re.split(r" {2,}", row.strip())[0])
        above[depth + 2] = above[depth] + names[0]
        paths |= {above[depth] + name for name in names}
    return paths


def rooms() -> set[str]:
    """Give the folders of the package, and the files that are rooms by themselves."""
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in ROOT.rglob("__init__.py")} - {"./"}
    files = {path.name for path in ROOT.glob("*.py") if not path.name.startswith("_")}
    return folders | files


def test_every_room_is_drawn_and_no_other() -> None:
    assert drawn() == rooms()


def test_floors_are_those_that_are_checked() -> None:
    rows = re.findall(r"\| (\d) \| (`.+`) \|", PAGE)
    written = {name: int(floor) - 1 for floor, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert written == test_imports.FLOORS


def test_a_class_name_stands_for_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for path in ROOT.rglob("*.py"):
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            homes.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}
    assert len(homes) > 400  # it has looked


def numbers() -> Iterator[tuple[str, float, str]]:
    """Give each constant of a module that is a number: its name, underscore or not, its value, and where it stands."""
    for path in sorted(ROOT.rglob("*.py")):
        for name, value in numbers_in(path.read_text(encoding="utf-8")):
            yield name.lstrip("_"), value, path.relative_to(ROOT).as_posix()


def numbers_in(source: str) -> Iterator[tuple[str, float]]:
    """Give the names that a module gives to numbers, also several in one row, each with its number."""
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.expr):
            (target,) = node.targets if isinstance(node, ast.Assign) else [node.target]
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            for name, number in (
                zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]
            ):
                with suppress(ValueError, SyntaxError):
                    value = eval(ast.unparse(number), {"__builtins__": {}}) if _is_sum(number) else None
                    if isinstance(name, ast.Name) and type(value) in (int, float):
                        yield name.id, value


def test_numbers_are_seen_wherever_they_are_named() -> None:
    source = "A = 1\nB: float = -2.5\nC, _D = 3, 4 * 60\nE = 'no'\nF, G = 'no', 5\n"
    assert dict(numbers_in(source)) == {"A": 1, "B": -2.5, "C": 3, "_D": 240, "G": 5}


def _is_sum(value: ast.expr) -> bool:
    """Tell whether this consists of numbers alone."""
    parts = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Constant)
    return all(isinstance(each, parts) for each in ast.walk(value))


def test_the_name_of_a_number_stands_for_one_number() -> None:
    found = list(numbers())
    values: dict[str, set[float]] = {}
    for name, value, _ in found:
        values.setdefault(name, set()).add(value)
    double = {name for name, each in values.items() if len(each) > 1}
    assert [row for row in found if row[0] in double] == []
    assert len(values) > 300  # it has looked


def test_every_long_file_has_its_reason() -> None:
    reasons = PAGE.partition("### Files above 400 lines\n")[2].partition("\n### ")[0]
    named = set(re.findall(r"`([\w/]+\.py)`", "\n".join(re.findall(r"^- (.+?):", reasons, re.MULTILINE))))
    long = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if path.read_text(encoding="utf-8").count("\n") > 400
    }
    assert named == long


def test_what_the_recipes_name_stands_in_the_file_they_name() -> None:
    recipes = (Path(__file__).parents[1] / "docs" / "maintaining.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)`(?:\s+(?:of|in)\s+|\s+\()`([\w/]+\.py)`", recipes)
    assert len(named) > 10
    files = [*ROOT.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]
    for word, path in named:
        ends = [file for file in files if file.as_posix().endswith(f"/{path}")]
        assert any(re.search(rf"\b{word}\b", file.read_text(encoding="utf-8")) for file in ends), (word, path)
