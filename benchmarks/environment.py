"""Environments in which either library is installed as its users install it: by pip, not editable, each by itself.

python-miio's command line needs one of its own in any case: it does not work with the click of today.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks.clients import VERSION
from benchmarks.results import NotMeasured
from benchmarks.simulator import ROOT

CLICK = "8.1.8"
#: A distribution without code: the original netifaces has no wheels, and would want a compiler.
SHIM = ROOT / "tests" / "netifaces-shim"
_PACKAGE = ("miio_lan", "pyproject.toml", "README.md", "LICENSE")
_PYTHON = f"py{sys.version_info.major}.{sys.version_info.minor}"


def python_miio(folder: Path) -> Path:
    """Give the programs' folder of an environment with python-miio, made where there is none yet.

    :param folder: where environments are kept
    :raises NotMeasured: if it cannot be made, with what pip said
    """

    def install(python: Path, temporary: Path) -> None:
        # setuptools writes into the folder it builds from.
        shutil.copy(SHIM / "pyproject.toml", temporary)
        _pip(python, str(temporary), f"python-miio=={VERSION}", f"click=={CLICK}")

    return _environment(folder / f"python-miio-{VERSION}-click-{CLICK}-{_PYTHON}", "complete", install)


def miio_lan(folder: Path) -> Path:
    """Give the same for this checkout's miio_lan; it is installed anew when a file of it changed.

    :raises NotMeasured: if it cannot be made, with what pip said
    """

    def install(python: Path, temporary: Path) -> None:
        _pip(python, _checkout(temporary))

    return _environment(folder / f"miio-lan-{_PYTHON}", _fingerprint(), install)


def drop_in(folder: Path) -> Path:
    """Give the same with both libraries, and with what python-miio's own tests need.

    :raises NotMeasured: if it cannot be made, with what pip said
    """

    def install(python: Path, temporary: Path) -> None:
        (temporary / "shim").mkdir()
        shutil.copy(SHIM / "pyproject.toml", temporary / "shim")
        shim, checkout = str(temporary / "shim"), _checkout(temporary / "checkout")
        # To fetch a source distribution pip wants to look into it, with what it is built by.
        tools = ("pytest", "pytest-mock", "poetry-core", "setuptools")
        _pip(python, shim, f"python-miio=={VERSION}", checkout, *tools)

    return _environment(folder / f"drop-in-{_PYTHON}", _fingerprint(), install)


def _checkout(into: Path) -> str:
    """Copy what is installed of this checkout: setuptools writes into the folder it builds from."""
    into.mkdir(exist_ok=True)
    for name in _PACKAGE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, into)
    return str(into)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in _PACKAGE:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _environment(home: Path, content: str, install: Callable[[Path, Path], None]) -> Path:
    programs = home / "bin"
    mark = home / "content"
    if mark.exists() and mark.read_text() == content:
        return programs
    print(f" (installing into {home})", end="", flush=True, file=sys.stderr)
    try:
        venv.create(home, with_pip=True, clear=True)
        with tempfile.TemporaryDirectory() as temporary:
            install(programs / "python", Path(temporary))
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise NotMeasured(f"no environment {home.name}: {said[-1] if said else error!r}") from error
    mark.write_text(content)
    return programs


def _pip(python: Path, *wanted: str) -> None:
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted]
    subprocess.run(command, check=True, capture_output=True, text=True)
