"""Whether python-miio's users can move: its own product classes and their tests, with nothing but import lines changed.

The source distribution is fetched from the package registry into a temporary folder, changed there, and thrown away.
Its modules that stand for the wire and the command line are replaced by the import lines a user would write; product
classes, test doubles and tests stay as they are.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks import environment
from benchmarks.clients import VERSION
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row

TARGETS = [
    Row("drop-in", "python-miio's own tests of its products, passed", None, ">=", 620),
    Row("drop-in", "its test doubles of products with every test passed", None, ">=", 65),
]
#: What each of python-miio's modules becomes.
IMPORTS = {
    "click_common.py": "from miio_lan.click_common import *",
    "device.py": "from miio_lan import Device, DeviceInfo, DeviceStatus, UpdateState",
    "deviceinfo.py": "from miio_lan.deviceinfo import *",
    "exceptions.py": "from miio_lan.exceptions import *",
    "miot_device.py": "from miio_lan.miot_device import *",
}
#: Tests of those very modules: what they look at is inside of them.
INNER = ("click_common", "device", "deviceinfo", "devicestatus", "miotdevice", "protocol")


def run(options: Options) -> list[Row]:
    """Run the tests of python-miio's products with ``miio_lan`` in place of what they are built on."""
    programs = environment.drop_in(options.environment)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _change(_fetch(programs / "python", folder))
        passed, failed = _test(programs / "python", folder)
        doubles = {(str(path), name) for path in _tests(folder) for name in _doubles_in(path)}
    files = {str(folder / Path(*name.split(".")).with_suffix(".py")) for name in failed.values()}
    good = [double for double in doubles if double[0] not in files]
    details: dict[str, object] = {"failed": ", ".join(sorted(failed)) or "none"}
    return [
        _row(TARGETS[0], passed, {"of": passed + len(failed), **details}),
        _row(TARGETS[1], len(good), {"of": len(doubles)}),
    ]


def _row(target: Row, figure: int, details: dict[str, object]) -> Row:
    return Row(target.part, target.what, figure, target.relation, target.limit, None, details)


def _fetch(python: Path, folder: Path) -> Path:
    """Give the package's folder of the unpacked source distribution.

    :raises NotMeasured: where the registry cannot be reached
    """
    wanted = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", f"python-miio=={VERSION}"]
    command = [str(python), "-m", "pip", "download", "-q", "--dest", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if not archives:
        said = done.stderr.strip().splitlines()
        raise NotMeasured(
            f"no source distribution of python-miio: {said[-1] if said else 'pip says nothing'}"
        )
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder / "source", filter="data")
    return next((folder / "source").glob("*/miio"))


def _change(package: Path) -> None:
    """Replace what products are built on, and put the package where the tests find it."""
    for name, line in IMPORTS.items():
        (package / name).write_text(line + "\n", encoding="utf-8")
    shutil.move(package, package.parent.parent.parent / "miio")


def _test(python: Path, folder: Path) -> tuple[int, dict[str, str]]:
    """Run the tests; give how many passed, and of those that did not the name with its module."""
    report = folder / "report.xml"
    inner = [f"--ignore=miio/tests/test_{name}.py" for name in INNER]
    plugins = ["-p", "no:cacheprovider", "-p", "no:miio_lan"]
    command = [str(python), "-m", "pytest", "-q", *plugins, f"--junitxml={report}", *inner, "miio"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not report.exists():
        raise NotMeasured(f"the tests did not run: {done.stdout.strip()[-200:]}")
    passed, failed = 0, {}
    for case in ET.parse(report).iter("testcase"):
        module = case.get("classname", "")
        if case.find("failure") is not None or case.find("error") is not None:
            failed[f"{module}.{case.get('name')}"] = module.rpartition(".Test")[0] or module
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def _tests(folder: Path) -> list[Path]:
    return [
        path for path in (folder / "miio").rglob("test_*.py") if path.stem.removeprefix("test_") not in INNER
    ]


def _doubles_in(path: Path) -> Iterator[str]:
    """Name the classes of a file that stand for a product: those made of a ``Dummy...`` and a device class."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            if any(base.startswith("Dummy") for base in bases):
                yield node.name
