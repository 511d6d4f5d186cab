"""A coordinator and an exporter on loopback, and the plugin, the driver and the calls that use their places."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("labgrid.remote", reason="labgrid is not installed: pip install 'miio-lan[labgrid]'")

from support.labgrid_bench import COORDINATOR, Labgrid, Program

from miio_lan.cli.virtual.taps import Taps
from miio_lan.virtual.power import VirtualPower
from miio_lan.virtual.product import VirtualProduct

SER2NET = shutil.which("ser2net", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
#: Without it, an exporter has no serial ports to export.
needs_ser2net = pytest.mark.skipif(
    SER2NET is None, reason="ser2net, which labgrid exports lines by, is not installed"
)


class Rack:
    """A virtual product at an exporter: its LAN, two receivers at its line, and a switch that listens to HTTP."""

    def __init__(self, labgrid: Labgrid) -> None:
        self.labgrid = labgrid
        self.switched: list[str] = []
        with ExitStack() as stack:
            self.taps = stack.enter_context(Taps())
            self.product = stack.enter_context(VirtualProduct(observer=self.taps.observe))
            self.power = VirtualPower(self.product)
            self.url = stack.enter_context(Switch(self.switch))
            self.exporter = labgrid.export("rack", {"lamp": self.resources()})
            self._opened = stack.pop_all()
        labgrid.place("lamp", "rack/lamp/*")
        labgrid.client("-p", "lamp", "set-tags", "kind=lamp")

    def resources(self) -> dict[str, dict[str, object]]:
        product = self.product
        device = {"cls": "MiioDevice", "host": product.host, "port": product.port, "did": product.device_id}
        found: dict[str, dict[str, object]] = {
            "device": device | {"spec": "lamp", "token_variable": "LAMP_TOKEN"},
            "power": {
                "cls": "NetworkPowerPort",
                "model": "simplerest",
                "host": f"{self.url}/{{value}}",
                "index": 0,
            },
        }
        if SER2NET is not None:
            found["uart"] = {"cls": "RawSerialPort", "port": self.taps.down}
            found["uart-up"] = {"cls": "RawSerialPort", "port": self.taps.up}
        return found

    def switch(self, value: str) -> None:
        self.switched.append(value)
        self.power.on() if value == "1" else self.power.off()

    def close(self) -> None:
        self._opened.close()


class Switch:
    """A power switch that is switched by GET /0 and GET /1."""

    def __init__(self, on_value: Callable[[str], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                on_value(self.path.strip("/"))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with Labgrid(tmp_path_factory.mktemp("labgrid")) as labgrid:
        rack = Rack(labgrid)
        yield rack
        rack.close()


@pytest.fixture
def run(
    pytester: pytest.Pytester, rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    monkeypatch.setenv("LAMP_TOKEN", rack.product.token)
    monkeypatch.setenv("LG_COORDINATOR", rack.labgrid.address)

    def run(*args: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            "-p", "no:randomly", "-p", "no:cacheprovider", *args, timeout=120
        )

    return run


READS = """
    def test_it_is_read(miio_bench):
        with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
            assert miio_bench.device.read(2, 1) in (True, False)
        assert exchange.reply
"""
BOTH_WIRES = """
    import re

    def test_what_the_mcu_is_asked(miio_bench, miio_uart):
        with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
            miio_bench.device.read("light:on")
        assert exchange.down == "down get_properties 2 1"
        assert exchange.result.startswith("result 2 1 0 ")

    def test_power(miio_bench, power):
        power.cycle(0)
        assert miio_bench.uart.wait_for(re.compile("mcu_version (.+)"))[1] == "0001"
        power.off()
"""


@needs_ser2net
def test_a_place_is_a_bench_with_both_wires_and_power(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(BOTH_WIRES)
    rack.switched.clear()
    result = run("--miio-labgrid", "lamp", "--log-level=DEBUG", "-rA")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["miio: labgrid: lamp"])
    assert rack.switched == ["0", "1", "0", "1"]  # what a test left off is switched on
    assert rack.labgrid.acquired("lamp") == "None"
    secret = rack.product.token
    assert secret not in result.stdout.str() + result.stderr.str()
    assert secret not in "\n".join(rack.exporter.said) + rack.labgrid.client("-vv", "resources")


def test_a_place_of_somebody_else_is_not_taken(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(READS)
    somebody = {"LG_USERNAME": "somebody", "LG_HOSTNAME": "elsewhere"}
    rack.labgrid.client("-p", "lamp", "acquire", **somebody)
    try:
        result = run("--miio-labgrid", "lamp")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            ["*the product cannot be opened: place lamp cannot be had: *acquired by somebody.*"]
        )
        assert rack.labgrid.acquired("lamp") == "elsewhere/somebody"
    finally:
        rack.labgrid.client("-p", "lamp", "release", **somebody)


def test_a_place_that_somebody_else_has_reserved_is_not_taken(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(READS)
    said = rack.labgrid.client("reserve", "--wait", "--shell", "kind=lamp", LG_USERNAME="somebody")
    token = said.partition("LG_TOKEN=")[2].split()[0]
    try:
        result = run("--miio-labgrid", "lamp")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*place lamp cannot be had: Place lamp was not reserved for *"])
        assert rack.labgrid.acquired("lamp") == "None"
    finally:
        rack.labgrid.client("cancel-reservation", token)


def test_our_own_reservation_and_a_place_that_was_acquired_before(
    rack: Rack,
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytester.makepyfile(READS)
    said = rack.labgrid.client("reserve", "--wait", "--shell", "kind=lamp")
    token = said.partition("LG_TOKEN=")[2].split()[0]
    monkeypatch.setenv("LG_TOKEN", token)
    try:
        run("--miio-labgrid", "+").assert_outcomes(passed=1)
        assert rack.labgrid.acquired("lamp") == "None"
    finally:
        rack.labgrid.client("cancel-reservation", token)
    rack.labgrid.client("-p", "lamp", "acquire")
    try:
        run("--miio-labgrid", "lamp").assert_outcomes(passed=1)
        assert rack.labgrid.acquired("lamp") != "None"
    finally:
        rack.labgrid.client("-p", "lamp", "release")


ENVIRONMENT = """
targets:
  main:
    resources:
      RemotePlace: {name: lamp}
    drivers:
      NetworkPowerDriver: {}
      MiioBenchDriver: {}
imports:
- miio_lan.labgrid
"""


def test_an_environment_for_our_plugin_and_for_labgrids(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    (pytester.path / "env.yaml").write_text(ENVIRONMENT)
    pytester.makepyfile(
        test_ours=READS,
        test_labgrids="""
            def test_the_driver(target):
                driver = target.get_driver("MiioBenchDriver")
                bench = driver.begin()
                with bench.expect("get_properties", siid=2, piid=1) as exchange:
                    bench.device.read(2, 1)
                assert exchange.reply
                assert driver.bench is bench
                again = driver.begin()
                assert again is not bench
                assert again.exchanges == []
                assert "oken" not in str(driver.get_export_vars())
        """,
    )
    run("--miio-labgrid", "env.yaml", "test_ours.py").assert_outcomes(passed=1)
    assert rack.labgrid.acquired("lamp") == "None"
    rack.labgrid.client("-p", "lamp", "acquire")  # that is labgrid's way for its own fixtures
    try:
        run("--lg-env", "env.yaml", "test_labgrids.py").assert_outcomes(passed=1)
    finally:
        rack.labgrid.client("-p", "lamp", "release")


CALLS = """
import os
from miio_lan import MiotDevice
from miio_lan.errors import PlaceError
from miio_lan.labgrid import open_place

with open_place("lamp") as place:
    entry = place.entry
    assert (entry.spec, entry.token) == ("lamp", os.environ["LAMP_TOKEN"])
    assert os.environ["LAMP_TOKEN"] not in repr(place)
    with MiotDevice(entry.host, entry.token, port=entry.port) as device:
        assert device.read(2, 1) in (True, False)
    with open_place("lamp") as again:  # acquired by us
        assert again.entry.host == entry.host
    try:
        open_place("lamp", coordinator="127.0.0.1:1")
    except PlaceError as error:
        print(error)
with open_place("lamp"):  # a new session
    pass
for name in ("nowhere", "+"):
    try:
        open_place(name)
    except PlaceError as error:
        print(error)
os.environ["LAMP_TOKEN"] = "short"
try:
    open_place("lamp")
except PlaceError as error:
    print(error)
os.environ["LG_COORDINATOR"] = "127.0.0.1:1"
try:
    open_place("lamp")
except PlaceError as error:
    print(error)
"""


def test_the_calls(rack: Rack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_TOKEN", rack.product.token)
    monkeypatch.setenv("LG_COORDINATOR", rack.labgrid.address)
    monkeypatch.delenv("LG_TOKEN", raising=False)
    program = Program(CALLS, folder=tmp_path)
    code = program.process.wait(100)
    program.end()
    said = "\n".join(program.said)
    assert code == 0, said
    for line in (
        f"this process uses the coordinator {rack.labgrid.address} already, and 127.0.0.1:1 is another one",
        "place nowhere cannot be had: place pattern nowhere matches nothing",
        "place + cannot be had: place pattern + matches nothing",
        "token_variable LAMP_TOKEN - ",
        "no coordinator of labgrid answers at 127.0.0.1:1: Could not connect to coordinator",
    ):
        assert line in said
    assert "Traceback" not in said
    assert rack.labgrid.acquired("lamp") == "None"


@pytest.fixture(scope="module")
def island(rack: Rack) -> str:
    """A place whose exporter is reached by tunnels alone."""
    rack.labgrid.export("island", {"lamp": {"device": rack.resources()["device"]}}, "--isolated")
    rack.labgrid.place("far", "island/lamp/*")
    return "far"


def test_an_isolated_exporter_is_told_of(
    rack: Rack, island: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMP_TOKEN", rack.product.token)
    code = f"from miio_lan.labgrid import open_place\nopen_place({island!r}, coordinator={rack.labgrid.address!r})"
    program = Program(code, folder=tmp_path)
    assert program.process.wait(100) == 1
    program.end()
    assert "its exporter is isolated, and labgrid's tunnels carry TCP" in program.said[-1]
    assert rack.labgrid.acquired(island) == "None"


INTERRUPTED = """
    import os, signal, time

    def test_it(miio_bench):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""


def test_an_interrupted_run_releases_the_place(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(INTERRUPTED)
    assert run("--miio-labgrid", "lamp").ret == pytest.ExitCode.INTERRUPTED
    assert rack.labgrid.acquired("lamp") == "None"


LEFT_ALONE = """
import sys
from miio_lan.labgrid import open_place, place

place.LONGEST = 5.0  # only waited for by the second one
with open_place("lamp") as opened:
    print("opened", flush=True)
    sys.stdin.readline()
print("closed")
try:
    open_place("lamp")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("restarted", [False, True])
def test_a_coordinator_that_is_gone_or_restarted_hangs_nobody(
    rack: Rack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    monkeypatch.setenv("LAMP_TOKEN", rack.product.token)
    with Labgrid(tmp_path) as labgrid:
        labgrid.export("own", {"lamp": {"device": rack.resources()["device"]}})
        labgrid.place("lamp", "own/lamp/*")
        monkeypatch.setenv("LG_COORDINATOR", labgrid.address)
        program = Program(LEFT_ALONE, folder=tmp_path, stdin=subprocess.PIPE)
        assert program.wait_for("opened"), program.said
    again = Program(COORDINATOR, "-l", labgrid.address, folder=tmp_path) if restarted else None
    if again is not None:
        assert again.wait_for("Coordinator ready"), again.said
    try:
        assert program.process.stdin is not None
        program.process.stdin.write("\n")
        program.process.stdin.close()
        assert program.process.wait(60) == 0
    finally:
        program.end()
        if again is not None:
            again.end()
    assert "closed" in program.said
    why = "place lamp cannot be had: " if restarted else "no coordinator of labgrid answers at 127.0.0.1:"
    assert program.said[-1].startswith(f"PlaceError {why}")
    assert not [each for each in program.said if "Traceback" in each]


THREE = """
    [products.left]
    virtual = true

    [products.right]
    virtual = true

    [products.rack]
    labgrid = "lamp"
"""
EACH_ON_ITS_OWN = """
    import os

    import pytest

    IDS = {}

    @pytest.mark.parametrize("value", [11, 22, 33])
    def test_each(miio_bench, miio_product, value):
        miio_bench.device.write(2, 2, value)
        with miio_bench.expect("get_properties", siid=2, piid=2) as exchange:
            assert miio_bench.device.read(2, 2) == value
        did = miio_bench.device.device_id
        worker = os.environ.get("PYTEST_XDIST_WORKER", "master")
        with open("seen", "a") as file:
            file.write(f"{miio_product} {did} {worker}\\n")

    @pytest.mark.miio("rack")
    def test_only_the_one_at_the_rack(miio_bench, power):
        power.cycle(0)
        assert miio_bench.uart.wait_for("mcu_version 0001")
"""


@needs_ser2net
def test_two_virtual_products_and_one_behind_labgrid_by_two_workers(
    rack: Rack, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytest.importorskip("xdist")
    (pytester.path / "miio.toml").write_text(textwrap.dedent(THREE))
    pytester.makepyfile(EACH_ON_ITS_OWN)
    run("--miio-bench", "miio.toml", "-n", "2").assert_outcomes(passed=10)
    seen: dict[str, list[tuple[str, str]]] = {}
    for line in (pytester.path / "seen").read_text().splitlines():
        product, did, worker = line.rsplit(maxsplit=2)
        seen.setdefault(product, []).append((did, worker))
    assert [len(each) for each in seen.values()] == [3, 3, 3]
    dids = [{did for did, _ in each} for each in seen.values()]
    assert [len(each) for each in dids] == [1, 1, 1]
    assert len(set.union(*dids)) == 3
    assert str(rack.product.device_id) in next(
        dids for name, dids in zip(seen, dids, strict=True) if "rack" in name
    )
    assert len({worker for each in seen.values() for _, worker in each}) == 2
    assert rack.labgrid.acquired("lamp") == "None"


def test_a_bench_check_looks_at_a_place_and_releases_it(
    rack: Rack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMP_TOKEN", rack.product.token)
    (tmp_path / "miio.toml").write_text(
        f'[products.rack]\nlabgrid = "lamp"\ncoordinator = "{rack.labgrid.address}"\n'
        f'[products.gone]\nlabgrid = "nowhere"\ncoordinator = "{rack.labgrid.address}"\n'
    )
    program = Program("from miio_lan.cli import main; main()", "bench", "check", folder=tmp_path)
    assert program.process.wait(100) == 1
    program.end()
    said = " ".join(" ".join(program.said).split())
    assert "place good It is free, and has what a bench needs." in said
    assert f"It answers, did {rack.product.device_id}." in said
    assert "<LabgridPower NetworkPowerDriver> switches it." in said
    assert "Place nowhere cannot be had: place pattern nowhere matches nothing." in said
    assert "1 of 2 products are ready." in said
    assert rack.labgrid.acquired("lamp") == "None"
