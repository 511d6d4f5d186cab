"""What numbers the modules of a room are made of, so that a table of literals can be held against all of them."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import miio_lan

ROOT = Path(miio_lan.__file__).parent
Pins = dict[str, dict[str, object]]
_PLAIN = (int, float, str, bytes, tuple, frozenset, dict, range)


def numbers_of(module: str) -> dict[str, object]:
    """Give the constants of a module with numbers in them, by name: those it defines, not those it imports.

    The fields of its classes count, as ``Class.field``: most times of the ends are written so.

    :param module: the dotted name under ``miio_lan``
    """
    path = ROOT.joinpath(*module.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    tree = ast.parse(source)
    loaded = _values_of(module, tree)
    found = dict(_fields_of(tree))
    for node in tree.body:
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and node.value is not None
            and _has_number(node.value)
        ):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(name, ast.Name) and isinstance(loaded.get(name.id), _PLAIN):
                        found[name.id] = loaded[name.id]
    return found


def _values_of(module: str, tree: ast.Module) -> dict[str, object]:
    """Give what a module calls by its names; what its source spells out where it needs a library that is not here."""
    try:
        return vars(importlib.import_module(f"miio_lan.{module}"))
    except ImportError:
        found: dict[str, object] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                with suppress(ValueError):
                    found[node.targets[0].id] = ast.literal_eval(node.value)
        return found


def _fields_of(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """Give the fields of classes that are a number; nothing begins at another number than 0 without a reason."""
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for node in owner.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(node.value, ast.Constant | ast.UnaryOp):
                value = ast.literal_eval(node.value)
                if type(value) in (int, float) and value:
                    yield from ((f"{owner.name}.{ast.unparse(target)}", value) for target in targets)


def _has_number(value: ast.expr) -> bool:
    return any(
        isinstance(each, ast.Constant) and type(each.value) in (int, float) for each in ast.walk(value)
    )


def _differ(found: object, pinned: object) -> bool:
    if isinstance(pinned, set) and isinstance(found, dict):
        return found.keys() != pinned
    return found != pinned or type(found) is not type(pinned)


def unpinned(pins: Pins, *, whole: bool = True) -> Pins:
    """Give what differs between a table and the modules it is about: what changed, is missing, or came anew.

    :param pins: by module and name, the literal; for a table of words by number, the set of the numbers
    :param whole: constants that are not in the table are wrong too
    """
    wrong = {}
    for module, pinned in pins.items():
        found = numbers_of(module)
        differing = {
            name: found.get(name, "gone")
            for name in (pinned.keys() | found.keys() if whole else pinned.keys())
            if name not in pinned or name not in found or _differ(found[name], pinned[name])
        }
        if differing:
            wrong[module] = differing
    return wrong


def unnamed(pins: Pins, room: str, *pinned_elsewhere: str) -> set[str]:
    """Give the modules of a room that have numbers, and no place in its table.

    :param room: the folder under ``miio_lan``; empty for all of it
    :param pinned_elsewhere: modules with a test of their own
    """
    paths = sorted((ROOT / room).rglob("*.py"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    packages = {each.removesuffix(".__init__") for each in modules - {"__init__", "__main__"}}
    return {each for each in packages - pins.keys() - set(pinned_elsewhere) if numbers_of(each)}
