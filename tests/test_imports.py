"""Who may import whom.

The rules of docs/architecture.md are checked on the source of every module of the package. Each rule is a function
from the import graph to complaints, and is shown a violation it must find.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import miio_lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PACKAGE = "miio_lan"
# Folders and files without I/O and without a clock: bytes and the time come in, bytes and deadlines come out.
RULES_WITHOUT_IO = (
    "foreign",
    *("lan.packet", "lan.layouts", "lan.cipher", "lan.payload", "lan.repair", "lan.codes", "lan.responder"),
    *("lan.overheard", "lan.capture.layers", "lan.capture.fragments", "lan.capture.devices"),
    *("lan.discovery.announcement", "lan.discovery.findings", "lan.discovery.search"),
    *(
        f"lan.client.{name}"
        for name in (
            *("session", "sending", "receiving", "call", "wire", "pacing", "clock", "greeting"),
            *("ids", "turns", "traffic", "incoming", "repeating"),
        )
    ),
    *(
        "uart.document",
        "uart.line",
        "uart.commands",
        "uart.conversation",
        "uart.turns",
        "uart.order",
        "uart.pieces",
    ),
    *("uart.listening.watch", "uart.listening.overhearing", "uart.listening.direction", "uart.logs"),
    *("uart.bridge.interference", "uart.bridge.faults", "uart.firmware.xmodem", "uart.firmware.transfer"),
    *(f"device.doctor.{name}" for name in ("observed", "findings", "reach", "answers", "product", "judging")),
    *(
        f"device.provision.{name}"
        for name in ("plan", "result", "orders", "run", "reasons", "finding", "joining", "steps")
    ),
    *("device.steps", "device.arguments", "device.spec", "device.names", "device.values"),
    *(f"device.description.{name}" for name in ("spec", "names", "instance", "values", "published")),
    *(
        f"device.ota.{name}"
        for name in ("progress", "outcome", "pace", "evidence", "update", "verdicts", "serving")
    ),
    *("virtual.module", "virtual.mcu", "virtual.image", "pairing", "acceptance.rules"),
    *(f"acceptance.tester.{name}" for name in ("tester", "script", "plan", "progress")),
)
NO_RULE_MAY_IMPORT = {
    *(
        "socket",
        "socketserver",
        "ssl",
        "select",
        "selectors",
        "asyncio",
        "http",
        "urllib",
        "netifaces",
        "zeroconf",
    ),
    *("threading", "_thread", "concurrent", "multiprocessing", "queue", "subprocess", "signal"),
    *("serial", "pty", "tty", "termios", "time", "sched", "secrets", "uuid"),
}
CLOCK_CALLS = {"now", "utcnow", "today"}
ENDS = {"cli", "pytest_plugin"}
FLOORS = {
    room: floor
    for floor, rooms in enumerate(
        (
            ("foreign", "variables", "ready"),
            ("errors", "paths", "status"),
            ("record",),
            ("loop", "keeping", "given"),
            ("lan", "uart"),
            ("device", "pairing"),
            ("virtual", "bench"),
            ("acceptance", "labgrid"),
            ("pytest_plugin", "cli"),
        )
    )
    for room in rooms
}
HEAVY = {"click", "rich", "pytest", "_pytest", "serial", "zeroconf", "dpkt", "labgrid", "grpc", "attr"}


@dataclass(frozen=True)
class Module:
    """What one source file imports, as absolute dotted names, and the calls in it that no rule may make."""

    name: str
    imports: frozenset[str]
    impure: tuple[str, ...] = ()

    @property
    def room(self) -> str:
        """The part of the package it lives in: ``lan`` for ``miio_lan.lan.packet``, "" for the top."""
        return room_of(self.name)

    @property
    def is_rule(self) -> bool:
        return any(is_under(self.name, f"{PACKAGE}.{each}") for each in RULES_WITHOUT_IO)


def read(name: str, source: str, *, is_package: bool = False) -> Module:
    tree = ast.parse(source)
    # Both spellings of a dependency count, also inside functions and for types alone.
    found = {imported for node in ast.walk(tree) for imported in imports_of(node, name, is_package)}
    return Module(name, frozenset(found), tuple(impure_calls(tree)))


def imports_of(node: ast.AST, name: str, is_package: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = name.split(".")
        level = node.level - is_package
        above = parts[: len(parts) - level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
        yield from (
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        )


def impure_calls(tree: ast.AST) -> Iterator[str]:
    """Calls that read a clock, or the shared random generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, attribute = ast.unparse(node.func.value), node.func.attr
            if owner.split(".")[-1] in {"datetime", "date"} and attribute in CLOCK_CALLS:
                yield f"{owner}.{attribute}()"
            if owner == "random" and attribute != "Random":
                yield f"random.{attribute}()"
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from (f"random.{alias.name}" for alias in node.names if alias.name != "Random")


def graph_of(*modules: Module) -> Mapping[str, Module]:
    return {module.name: module for module in modules}


def package_graph() -> Mapping[str, Module]:
    root = Path(miio_lan.__file__).parent
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(root).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(read(name, path.read_text(encoding="utf-8"), is_package=is_package))
    return graph_of(*modules)


def room_of(name: str) -> str:
    """The room of the package that a dotted name belongs to; "" for the top, and for what is not the package's."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == PACKAGE else ""


def is_under(imported: str, prefix: str) -> bool:
    return imported == prefix or imported.startswith(f"{prefix}.")


def reached(start: Module, graph: Mapping[str, Module]) -> Iterator[tuple[Module, str]]:
    """All that a module imports, directly or through other modules of the package: (by whom, what)."""
    seen, waiting = {start.name}, [start]
    while waiting:
        module = waiting.pop()
        for imported in sorted(module.imports):
            yield module, imported
            if imported in graph and imported not in seen:
                seen.add(imported)
                waiting.append(graph[imported])


# --- the rules: import graph -> complaints -------------------------------------------------------------------------


def foundation_stands_alone(graph: Mapping[str, Module]) -> Iterator[str]:
    """``foreign`` and ``errors`` import nothing here, ``record`` nothing but these, ``paths`` and ``ready``."""
    for module in graph.values():
        alone = {
            "foreign": (),
            "errors": ("errors",),
            "record": ("foreign", "errors", "paths", "ready", "record"),
        }
        allowed = alone.get(module.room)
        for imported in sorted(module.imports) if allowed is not None else ():
            if is_under(imported, PACKAGE) and imported != PACKAGE and room_of(imported) not in allowed:
                yield f"{module.name} imports {imported}"


def pairing_knows_no_rules(graph: Mapping[str, Module]) -> Iterator[str]:
    """``pairing`` joins records of the LAN with the line's conversation, and knows nothing else."""
    for module in graph.values():
        for imported in sorted(module.imports) if module.room == "pairing" else ():
            if room_of(imported) not in ("", "foreign", "errors", "record", "uart", "pairing"):
                yield f"{module.name} imports {imported}"


def rooms_have_an_order(graph: Mapping[str, Module]) -> Iterator[str]:
    """A room imports only rooms below it: the floors are in :data:`FLOORS`."""
    for module in graph.values():
        for imported in sorted(module.imports):
            here, there = module.room, room_of(imported)
            if there and here != there and here in FLOORS and FLOORS.get(there, -1) >= FLOORS[here]:
                yield f"{module.name} imports {imported}"


def nothing_imports_the_ends(graph: Mapping[str, Module]) -> Iterator[str]:
    """``cli`` and ``pytest_plugin`` are imported by themselves alone, and by ``python -m miio_lan``."""
    for module in graph.values():
        for imported in sorted(module.imports):
            for end in ENDS:
                if is_under(imported, f"{PACKAGE}.{end}") and module.room not in {end, "__main__"}:
                    yield f"{module.name} imports {imported}"


def wires_do_not_meet(graph: Mapping[str, Module]) -> Iterator[str]:
    """``lan`` reaches nothing of ``uart``, and ``uart`` nothing of ``lan``."""
    for module in graph.values():
        other = {"lan": "uart", "uart": "lan"}.get(module.room)
        for via, imported in reached(module, graph) if other else ():
            if is_under(imported, f"{PACKAGE}.{other}"):
                yield f"{module.name} reaches {imported} through {via.name}"


def rules_do_no_io(graph: Mapping[str, Module]) -> Iterator[str]:
    """A rule file, with all it imports of the package, knows no socket, thread, serial port or clock."""
    for module in filter(lambda each: each.is_rule, graph.values()):
        for via, imported in reached(module, graph):
            if imported.split(".")[0] in NO_RULE_MAY_IMPORT:
                yield f"{module.name} reaches {imported} through {via.name}"
        yield from (f"{module.name} calls {call}" for call in module.impure)


def siblings_are_apart(graph: Mapping[str, Module]) -> Iterator[str]:
    """The blocking and the asyncio face share rules, not each other's code."""
    for module in graph.values():
        parts = module.name.split(".")
        other = {"blocking": "aio", "aio": "blocking"}.get(parts[-1])
        for imported in sorted(module.imports) if other else ():
            if is_under(imported, PACKAGE) and other in imported.split("."):
                yield f"{module.name} imports {imported}"
        if parts[-1] == "blocking" and any(is_under(imported, "asyncio") for imported in module.imports):
            yield f"{module.name} imports asyncio"


def libraries_have_one_home(graph: Mapping[str, Module]) -> Iterator[str]:
    """Command line: ``rich``; ``lan.mdns``: ``zeroconf``; ``lan.capture``: ``dpkt``; plugin: ``pytest``."""
    homes = {
        "rich": f"{PACKAGE}.cli",
        "zeroconf": f"{PACKAGE}.lan.mdns",
        "dpkt": f"{PACKAGE}.lan.capture",
        "pytest": f"{PACKAGE}.pytest_plugin",
        "labgrid": f"{PACKAGE}.labgrid",
        "attr": f"{PACKAGE}.labgrid",
    }
    for module in graph.values():
        for library, home in homes.items():
            if not is_under(module.name, home):
                for imported in sorted(module.imports):
                    if is_under(imported, library):
                        yield f"{module.name} imports {imported}"


RULES = [
    foundation_stands_alone,
    pairing_knows_no_rules,
    rooms_have_an_order,
    nothing_imports_the_ends,
    wires_do_not_meet,
    rules_do_no_io,
    siblings_are_apart,
    libraries_have_one_home,
]


@pytest.fixture(scope="module")
def package() -> Mapping[str, Module]:
    return package_graph()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Callable[[Mapping[str, Module]], Iterator[str]], package):
    assert list(rule(package)) == []


def test_the_package_is_read_whole(package):
    assert {"miio_lan", "miio_lan.errors", "miio_lan.lan", "miio_lan.lan.packet"} <= set(package)
    assert "miio_lan.errors" in package["miio_lan.lan.packet"].imports
    assert package["miio_lan.lan.packet"].is_rule
    assert not package["miio_lan.errors"].is_rule


VIOLATIONS = [
    (foundation_stands_alone, {"miio_lan.errors": "from .record import Record"}),
    (foundation_stands_alone, {"miio_lan.errors": "from miio_lan import lan"}),
    (foundation_stands_alone, {"miio_lan.record": "def f():\n    import miio_lan.uart.line"}),
    (foundation_stands_alone, {"miio_lan.record.lanes": "from miio_lan.uart import line"}),
    (pairing_knows_no_rules, {"miio_lan.pairing.calls": "from miio_lan.acceptance.verdict import Rule"}),
    (pairing_knows_no_rules, {"miio_lan.pairing.calls": "from miio_lan.lan import packet"}),
    (rooms_have_an_order, {"miio_lan.bench.bench": "from miio_lan.acceptance import verdict"}),
    (
        rooms_have_an_order,
        {"miio_lan.device.description.spec": "def f():\n    from miio_lan.virtual import product"},
    ),
    (nothing_imports_the_ends, {"miio_lan.device.blocking": "from miio_lan.cli import main"}),
    (nothing_imports_the_ends, {"miio_lan.cli.demo.command": "from miio_lan import pytest_plugin"}),
    (
        nothing_imports_the_ends,
        {"miio_lan.uart.listening.tap": "importlib.import_module('miio_lan.cli.uart.group')"},
    ),
    (wires_do_not_meet, {"miio_lan.lan.client.session": "from ...uart import line"}),
    (wires_do_not_meet, {"miio_lan.uart.listening.tap": "from miio_lan.lan.packet import decode"}),
    (
        wires_do_not_meet,
        {"miio_lan.uart.listening.tap": "import miio_lan.helper", "miio_lan.helper": "from . import lan"},
    ),
    (rules_do_no_io, {"miio_lan.lan.client.session": "import socket"}),
    (rules_do_no_io, {"miio_lan.uart.line": "from time import monotonic"}),
    (rules_do_no_io, {"miio_lan.uart.commands.up": "import serial.tools"}),
    (rules_do_no_io, {"miio_lan.virtual.mcu.mcu": "from datetime import datetime\nx = datetime.now()"}),
    (rules_do_no_io, {"miio_lan.virtual.module.module": "import datetime\nx = datetime.date.today()"}),
    (rules_do_no_io, {"miio_lan.lan.client.session": "import random\nx = random.randrange(9)"}),
    (rules_do_no_io, {"miio_lan.lan.client.session": "from random import randrange"}),
    (
        rules_do_no_io,
        {
            "miio_lan.device.steps.calls": "from ..waiting import wait",
            "miio_lan.device.waiting": "import threading",
        },
    ),
    (siblings_are_apart, {"miio_lan.device.aio": "from .blocking import Device"}),
    (siblings_are_apart, {"miio_lan.lan.client.blocking": "import asyncio"}),
    (libraries_have_one_home, {"miio_lan.device.blocking": "from rich.table import Table"}),
    (libraries_have_one_home, {"miio_lan.lan.discovery": "import zeroconf"}),
    (libraries_have_one_home, {"miio_lan.pairing.pairing": "import pytest"}),
    (libraries_have_one_home, {"miio_lan.bench.places.power": "from labgrid.protocol import PowerProtocol"}),
    (libraries_have_one_home, {"miio_lan.pytest_plugin.labgrid_place": "import attr"}),
    (rooms_have_an_order, {"miio_lan.bench.bench": "from miio_lan.labgrid import open_place"}),
    (libraries_have_one_home, {"miio_lan.lan.overheard": "import dpkt"}),
]


@pytest.mark.parametrize(("rule", "sources"), VIOLATIONS)
def test_a_violation_is_found(rule, sources):
    first, *_ = sources
    complaints = list(rule(graph_of(*(read(name, source) for name, source in sources.items()))))
    assert complaints
    assert all(complaint.startswith(f"{first} ") for complaint in complaints)


KEPT = {
    "miio_lan": "from miio_lan.device.blocking import Device",
    "miio_lan.__main__": "from miio_lan.cli import main",
    "miio_lan.cli": "import rich, time\nfrom . import demo",
    "miio_lan.record": "from .errors import RecordError",
    "miio_lan.lan.client.session": "import random\nfrom datetime import timedelta\nrng = random.Random(1)",
    "miio_lan.lan.client.blocking": "import socket, threading, time\nfrom .session import Session",
    "miio_lan.lan.client.aio": "import asyncio\nfrom .session import Session",
    "miio_lan.lan.mdns": "import zeroconf",
    "miio_lan.virtual.module.module": "from ..lan.responder import Responder\nfrom ..uart import line",
    "miio_lan.pytest_plugin.hooks": "import pytest",
    "miio_lan.labgrid.driver": "import attr, labgrid\nfrom miio_lan.bench import bench",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_is_allowed_is_let_pass(rule):
    assert list(rule(graph_of(*(read(name, source) for name, source in KEPT.items())))) == []


def test_relative_imports_are_resolved():
    package = read("miio_lan.lan", "from . import packet\nfrom .. import uart", is_package=True)
    assert package.imports == {"miio_lan.lan", "miio_lan.lan.packet", "miio_lan", "miio_lan.uart"}
    module = read("miio_lan.lan.packet", "from .cipher import x\nfrom ..errors import y")
    assert {"miio_lan.lan.cipher", "miio_lan.errors"} <= module.imports


# --- what a fresh interpreter loads --------------------------------------------------------------------------------

LOADED = """
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""


@pytest.fixture
def loaded_by(fresh_python: Callable[[str], str]) -> Callable[[str], set[str]]:
    def run(code: str) -> set[str]:
        return set(json.loads(fresh_python(LOADED.format(code=code)).splitlines()[-1]))

    return run


def test_the_package_loads_without_the_command_line(loaded_by):
    # Names may be loaded when first asked for, so all are asked for.
    touched = loaded_by("import miio_lan\nfor name in dir(miio_lan): getattr(miio_lan, name)")
    assert "miio_lan" in touched
    assert touched.isdisjoint(HEAVY)


def test_who_has_no_event_loop_does_not_load_one(loaded_by):
    assert "asyncio" not in loaded_by("from miio_lan import Device, MiotDevice")
    assert "asyncio" in loaded_by("from miio_lan import AsyncDevice")


NEEDED = "import hashlib, json, random, socket, threading, cryptography.hazmat.primitives.ciphers"
SELDOM_NEEDED = {
    *(
        "logging",
        "inspect",
        "dataclasses",
        "construct",
        "click",
        "miio_lan.lan.layouts",
        "miio_lan.lan.repair",
    ),
    *("miio_lan.record.record", "miio_lan.record.redact.texts", "miio_lan.lan.client.transport.telling"),
}


def test_a_device_loads_nothing_that_few_programs_need(fresh_python):
    # What the library and cryptography load by themselves is their matter.
    code = f"{NEEDED}\nimport json, sys\nbefore = set(sys.modules)\nfrom miio_lan import Device\n"
    loaded = set(json.loads(fresh_python(f"{code}print(json.dumps(sorted(set(sys.modules) - before)))")))
    assert "miio_lan.lan.client.blocking" in loaded
    assert loaded.isdisjoint(SELDOM_NEEDED)


def test_names_of_products_are_loaded_by_who_uses_them(fresh_python):
    code = "import json, sys\nfrom miio_lan import Device, MiotDevice\nprint(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(fresh_python(code)))
    assert "miio_lan.device.steps.by_name" in loaded
    assert loaded.isdisjoint({"http.client", "urllib.request", "miio_lan.device.description"})


def test_a_heavy_import_is_seen(loaded_by):
    assert loaded_by("import miio_lan, click") & HEAVY == {"click"}
