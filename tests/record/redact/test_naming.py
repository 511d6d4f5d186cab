"""What hides secrets hides nothing of our own sentences: neither by the name of a file nor by their words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import miio_lan
from miio_lan.record.redact import redact, told_of

TOKEN = "00112233445566778899aabbccddeeff"
PLAIN = (
    "lamp.json",
    "/etc/miio.toml",
    "stdin",
    "C:\\bench\\miio.toml",
    "'lamp'",
    "tokens.json",
    "socket://192.0.2.1:9",
)
SECRET = (
    "lamp.token",
    "./tokens",
    "passwd",
    "/etc/passwd",
    "wifi.password",
    "my-token",
    "TOKEN",
    "'token'",
    '"my key"',
)
PROBLEMS = ("there is no such file", "cannot be read: [Errno 2] No such file", "'a': ip is missing", "no")
# What is shown with the token in it, and a line of a file as an example.
SHOWN = (
    "Token:    VALUE",
    'The devices are those that have names (miio-lan device), or those of another file: {"lamp"',
)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", [*PLAIN, *SECRET])
def test_a_problem_can_be_read_whatever_its_file_is_called(name: str, problem: str) -> None:
    told = told_of(name, problem)
    assert told == f"{name}{' -' if name in SECRET else ':'} {problem}"
    assert redact(told) == told
    assert redact(told_of("lamp.json", told)) == f"lamp.json: {told}"


@pytest.mark.parametrize("name", [*PLAIN, *SECRET, TOKEN])
def test_no_secret_of_the_problem_is_shown(name: str) -> None:
    for secret in (
        f"token: {TOKEN[:-1]}",
        f"it has {TOKEN}",
        f'{{"psk": "{TOKEN[:9]}"}}',
        f"password={TOKEN[:9]}",
    ):
        assert TOKEN[:9] not in redact(told_of(name, secret)).replace(name, "")


def sentences() -> Iterator[tuple[str, str]]:
    """Give each text of the package that is no docstring, with its place; what is filled in is VALUE."""
    root = Path(miio_lan.__file__).parent
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Docstrings, and the pieces of texts with values.
        pieces = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                pieces |= {id(each) for each in node.values}
                filled = (each.value if isinstance(each, ast.Constant) else "VALUE" for each in node.values)
                yield place, "".join(map(str, filled))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
                yield place, node.value


def test_no_sentence_of_the_package_looks_like_a_secret() -> None:
    found = list(sentences())
    assert len(found) > 1000
    assert [each for each in found if redact(each[1]) != each[1] and not each[1].startswith(SHOWN)] == []


def raised() -> Iterator[tuple[str, ast.JoinedStr]]:
    """Give each text with values that becomes an error, with its place."""
    root = Path(miio_lan.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            refused = isinstance(node, ast.Call) and ast.unparse(node.func) == "refuse"
            for each in ast.walk(node) if isinstance(node, ast.Raise) or refused else ():
                if isinstance(each, ast.JoinedStr):
                    yield f"{path.relative_to(root)}:{each.lineno}", each


def test_no_error_begins_with_the_name_of_a_file_and_a_colon() -> None:
    found = list(raised())
    assert len(found) > 100
    wrong = []
    for place, text in found:
        first, second = (*text.values, None, None)[:2]
        if isinstance(first, ast.FormattedValue) and isinstance(second, ast.Constant):
            named = ast.unparse(first.value).rpartition(".")[2].strip("_") in (
                "path",
                "file",
                "source",
                "name",
            )
            wrong += [place] if named and str(second.value).startswith(":") else []
    assert wrong == []
