"""Several products in one run: the bench file, products by name, workers that share them out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.patient import patient

# For all runs within this process: what a run loads is forgotten at its end, and some of it cannot be loaded twice.
from miio_lan.bench.places.claims import claim_paths
from miio_lan.bench.places.file import ProductEntry
from miio_lan.pytest_plugin.products import group_of
from miio_lan.pytest_plugin.rigs import Rigs
from miio_lan.pytest_plugin.settings import Settings
from miio_lan.virtual.product import VirtualProduct

Run = Callable[..., pytest.RunResult]
SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
TOKEN = "00112233445566778899aabbccddeeff"

TWO = """
[products.left]
virtual = true
did = 1111

[products.right]
virtual = true
did = 2222
spec = "purifier"
retries = 0
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    (pytester.path / "miio.toml").write_text(TWO)

    def run(*args: str) -> pytest.RunResult:
        plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "--miio-bench=miio.toml")
        return pytester.runpytest_inprocess(*plain, *args)

    return run


DIDS = "DIDS = {'left': 1111, 'right': 2222}\n"


def test_each_test_runs_on_each_product_or_on_those_it_names(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        DIDS
        + """
import pytest

def test_all(miio_bench, miio_product):
    assert miio_bench.device.info().raw["miio_ver"]
    assert miio_bench.device.device_id == DIDS[miio_product]

@pytest.mark.miio("right")
@pytest.mark.parametrize("number", [1, 2])
def test_right(miio_device, miio_virtual, number):
    miio_device.info()
    assert miio_device.device_id == miio_virtual.device_id == 2222
    assert miio_device.retry_count == 0

@pytest.mark.miio
def test_named_all(miio_virtual, miio_product):
    assert miio_virtual.device_id == DIDS[miio_product]

def test_none():
    pass
"""
    )
    result = run("-v")
    result.assert_outcomes(passed=7)
    for name in ("all[left]", "all[right]", "right[right-1]", "named_all[left]", "none"):
        result.stdout.fnmatch_lines(f"*::test_{name.replace('[', '[[]')} PASSED*")
    result.stdout.fnmatch_lines("miio: bench miio.toml: left (virtual), right (virtual)")


def test_a_test_with_two_products(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
import pytest

@pytest.mark.miio("left", "right")
def test_two(miio_benches):
    left, right = miio_benches["left"], miio_benches["right"]
    assert miio_benches["left"] is left
    assert list(miio_benches) == ["left", "right"]
    with left.expect("get_properties", siid=2, piid=1):
        left.device.read(2, 1)
    assert right.history().count == 0
    right.device.info()
    assert (left.device.device_id, right.device.device_id) == (1111, 2222)

def test_all(miio_benches):
    assert set(miio_benches) == {"left", "right"}

@pytest.mark.miio("left")
def test_wrong(miio_benches):
    miio_benches["right"]

def test_both(miio_benches, miio_bench):
    pass
""")
    result = run("-v")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines("*::test_two[[]left+right] PASSED*")
    result.stdout.fnmatch_lines("*this test is of left, not of right*")
    result.stdout.fnmatch_lines("*miio_benches is of several*")


def test_a_failure_says_which_product(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
import pytest

@pytest.mark.miio("right")
def test_one(miio_device):
    miio_device.info()
    assert False

def test_two(miio_benches):
    miio_benches["left"].device.read(2, 1)
    miio_benches["right"].device.info()
    assert False
""")
    result = run("--junitxml=r.xml", "--miio-logs=logs")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_one[[]right]*",
            "*- miio commands of right -*",
            "*- miio commands of left -*",
            "*- miio wires of left -*",
            "*- miio commands of right -*",
        ]
    )
    cases = {case.get("name"): case for case in ET.parse(pytester.path / "r.xml").iter("testcase")}
    said = {
        name: [(each.get("name"), each.get("value") or "") for each in case.iter("property")]
        for name, case in cases.items()
    }
    one = dict(said["test_one[right]"])
    assert one["miio_product"] == "right"
    assert "right" in Path(one["miio_recording"]).name
    assert "right" in Path(one["miio_log"]).name
    two = said["test_two[left+right]"]
    assert [value for name, value in two if name == "miio_product"] == ["left", "right"]
    kept = [value for name, value in two if name == "miio_recording"]
    assert [Path(each).stem.rpartition("--")[2] for each in kept] == ["left", "right"]
    left, right = (
        [json.loads(row) for row in (pytester.path / each).read_text().splitlines()] for each in kept
    )
    assert "get_properties" in str(left)
    assert "miIO.info" not in str(left)
    assert "miIO.info" in str(right)
    log = (pytester.path / dict(two)["miio_log"]).read_text()
    assert "product: right" in log


SHARED = (
    DIDS
    + """
import os, pathlib, time
import pytest

FOLDER = pathlib.Path(r"%s")

def note(product):
    using = FOLDER / f"using-{product}"
    with using.open("x"):  # nobody else uses it now
        pass
    return using

@pytest.mark.parametrize("number", range(6))
def test_one(miio_bench, miio_product, number):
    using = note(miio_product)
    miio_bench.device.info()
    assert miio_bench.device.device_id == DIDS[miio_product]
    with (FOLDER / miio_product).open("a") as file:
        file.write(f"{os.environ['PYTEST_XDIST_WORKER']} ")
    using.unlink()

@pytest.mark.parametrize("number", range(3))
def test_two(miio_benches, number):
    using = [note(name) for name in miio_benches]
    for name, bench in miio_benches.items():
        bench.device.info()
        assert bench.device.device_id == DIDS[name]
    for each in using:
        each.unlink()
"""
)


@pytest.mark.parametrize("options", [("-n", "2"), ("-n", "2", "--dist=worksteal")], ids=" ".join)
def test_two_workers_share_out_two_products(
    pytester: pytest.Pytester, run: Run, options: tuple[str, ...]
) -> None:
    folder = pytester.mkdir("seen")
    pytester.makepyfile(SHARED % folder)
    run(*options).assert_outcomes(passed=15)
    workers = {name: (folder / name).read_text().split() for name in ("left", "right")}
    assert {len(each) for each in workers.values()} == {6}
    if len(options) == 2:  # ours: each product has one worker
        assert all(len(set(each)) == 1 for each in workers.values())


def test_a_test_that_kills_its_worker_is_run_once_and_the_product_goes_on(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("""
import os, signal
import pytest

@pytest.mark.parametrize("number", range(3))
def test_before(miio_device, number):
    miio_device.info()

@pytest.mark.miio("left")
def test_kill(miio_device):
    os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.parametrize("number", range(3))
def test_after(miio_device, number):
    miio_device.info()
""")
    result = run("-n", "2")
    result.assert_outcomes(passed=12, failed=1)
    result.stdout.fnmatch_lines("*crashed while running '*::test_kill[[]left]'*")


@pytest.fixture
def on_the_bench() -> Iterator[VirtualProduct]:
    """A product that looks like a real one."""
    with VirtualProduct(token=TOKEN, device_id=3333) as product:
        yield product


def test_a_virtual_product_beside_a_real_one_and_two_workers(
    pytester: pytest.Pytester, run: Run, on_the_bench: VirtualProduct
) -> None:
    (pytester.path / "miio.toml").write_text(f"""
[products.real]
host = "{on_the_bench.host}"
port = {on_the_bench.port}
token_file = "real.token"

[products.rehearsal]
virtual = true
misbehave = ["crlf"]
profile = "newer"
did = 1111
""")
    token = pytester.path / "real.token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    pytester.makepyfile("""
import pytest

def test_each(miio_bench, miio_product):
    miio_bench.device.info()
    assert miio_bench.device.device_id == {"real": 3333, "rehearsal": 1111}[miio_product]

def test_virtual(miio_virtual):
    assert "crlf" in miio_virtual.mcu.misbehave
    assert miio_virtual.module.profile.name == "newer"

def test_line(miio_uart): pass
""")
    result = run("-n", "2", "-rse")
    result.assert_outcomes(passed=4, skipped=1, errors=1)
    result.stdout.fnmatch_lines("*needs the virtual product*")
    result.stdout.fnmatch_lines("*no line to listen to: give uart of real*")
    assert TOKEN not in result.stdout.str()


def test_a_name_that_is_not_there(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
import pytest
@pytest.mark.miio("lefft")
def test_it(miio_bench): pass
""")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*the bench file has no product 'lefft': did you mean left?*")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('["left", "right"]', "not ['left', 'right']"),
        ("1", "not 1"),
        ('"left", ("right",)', "not 'left', ('right',)"),
        ('product="left"', "not product='left'"),
    ],
)
def test_a_marker_without_names(pytester: pytest.Pytester, run: Run, said: str, told: str) -> None:
    pytester.makepyfile(f"""
import pytest
@pytest.mark.miio({said})
def test_it(miio_bench): pass
""")
    result = run()
    result.assert_outcomes(errors=1)
    wanted = f'the marker miio names products, as in @pytest.mark.miio("left", "right"), and {told}'
    assert wanted in result.stdout.str()
    assert "products.py" not in result.stdout.str().replace("test_a_marker_without_names.py", "")


def test_a_marker_without_names_and_without_a_bench_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import pytest
@pytest.mark.miio(["left"])
def test_it(miio_bench): pass
""")
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", "--miio-virtual")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*the marker miio names products, *, and not [[]'left'[]]*")
    result.stdout.no_fnmatch_line("*products.py:*")


def test_products_asked_for_while_the_test_runs(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
import pytest

@pytest.mark.miio("right")
def test_named(request):
    assert request.getfixturevalue("miio_bench").device.info()
    assert request.getfixturevalue("miio_product") == "right"

def test_unnamed(request):
    request.getfixturevalue("miio_bench")
""")
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*which product is meant is not known here*")


def test_the_same_suite_without_a_bench_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import pytest

@pytest.mark.miio("left")
def test_one(miio_bench, miio_product):
    assert miio_bench.device.info()
    assert miio_product == "left"

@pytest.mark.miio("left", "right")
def test_two(miio_benches):
    dids = {each: bench.device.info().mac_address for each, bench in miio_benches.items()}
    assert dids["left"] != dids["right"]

def test_any(miio_benches):
    assert miio_benches["this"].device.read(2, 1) is True
""")
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "--strict-markers")
    pytester.runpytest_inprocess(*plain, "--miio-virtual").assert_outcomes(passed=3)
    result = pytester.runpytest_inprocess(*plain)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines("*no products by name: give --miio-bench FILE, or --miio-virtual*")


REFUSED = [
    (("--miio-virtual",), "--miio-virtual is of one product, and the bench file says it of each*"),
    (("--miio-host=192.0.2.1",), "--miio-host is of one product*"),
    (("--miio-uart=/dev/x",), "--miio-uart is of one product*"),
    (("--miio-spec=lamp",), "--miio-spec is of one product*"),
    (("--miio-power=x",), "--miio-power is of one product*"),
    (("--miio-bench=none.toml",), "--miio-bench: */none.toml: there is no such file"),
    (("--miio-bench=bad.toml",), "--miio-bench: */bad.toml: 'left': misbehave: there is no 'odd'*"),
]


@pytest.mark.parametrize(("options", "told"), REFUSED, ids=lambda each: each[0])
def test_what_does_not_go_with_a_bench_file(
    pytester: pytest.Pytester, run: Run, options: tuple[str, ...], told: str
) -> None:
    (pytester.path / "bad.toml").write_text('[products.left]\nvirtual = true\nmisbehave = ["odd"]')
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: {told}")


def test_a_setting_for_the_bench_file(pytester: pytest.Pytester) -> None:
    (pytester.path / "miio.toml").write_text(TWO)
    pytester.makeini("[pytest]\nmiio_bench = miio.toml\nmiio_retries = 5\n")
    pytester.makepyfile("""
def test_it(miio_device, miio_product):
    assert miio_device.retry_count == {"left": 5, "right": 0}.get(miio_product, 3)
""")
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider")
    pytester.runpytest_inprocess(*plain).assert_outcomes(passed=2)
    # An option for another product goes before it, and one for the bench file before what it says.
    pytester.runpytest_inprocess(*plain, "--miio-virtual", "--miio-retries=3").assert_outcomes(passed=1)
    pytester.runpytest_inprocess(*plain, "--miio-retries=5").assert_outcomes(passed=1, failed=1)


def test_a_file_that_others_may_read_is_warned_of(pytester: pytest.Pytester, run: Run) -> None:
    path = pytester.path / "miio.toml"
    path.write_text(f'[products.left]\nhost = "192.0.2.1"\ntoken = "{TOKEN}"')
    path.chmod(0o644)
    pytester.makepyfile("def test_it(): pass")
    told = "*miio.toml is open to others (mode 644): chmod 600 keeps it private"
    for options in ((), ("-n", "1")):
        result = run(*options)
        result.assert_outcomes(passed=1, warnings=1)
        result.stdout.fnmatch_lines(told)
    result = run("-W", "error")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: --miio-bench: {told}")
    path.chmod(0o600)
    run("-W", "error").assert_outcomes(passed=1)


def test_the_live_log_says_which_product(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
def test_it(miio_benches):
    for each in miio_benches.values():
        each.device.read(2, 1)
""")
    result = run("--log-cli-level=INFO")
    result.stdout.re_match_lines([r".*miio_lan\.wire\.uart.* left → down get_properties 2 1"])
    result.stdout.re_match_lines([r".*miio_lan\.wire\.uart.* right → down get_properties 2 1"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_sample_suite(pytester: pytest.Pytester, run: Run, workers: str) -> None:
    for name in ("miio.toml", "test_two_products.py"):
        (pytester.path / name).write_text(
            patient((SAMPLES / name).read_text(encoding="utf-8")), encoding="utf-8"
        )
    run("-n", workers).assert_outcomes(passed=4)


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("t.py::test_x[left]", "left"),
        ("t.py::test_x[left-1]", "left"),
        ("t.py::test_x[left-2-7]", "left-2"),
        ("t.py::test_x[left+left-2]", "left+left-2"),
        ("t.py::test_x[leftish]", "t.py::test_x[leftish]"),
        ("t.py::test_x", "t.py::test_x"),
    ],
)
def test_tests_are_grouped_by_their_products(nodeid: str, group: str) -> None:
    assert group_of(nodeid, ["left", "left-2"]) == group


def test_a_product_has_one_claim_whatever_its_name(tmp_path: Path) -> None:
    one, other = tmp_path / "a.toml", tmp_path / "b.toml"
    real = ProductEntry("left", host="192.0.2.1")
    assert claim_paths(real, one) == claim_paths(real, other)
    assert claim_paths(real, one) != claim_paths(ProductEntry("left", host="192.0.2.2"), one)
    virtual = ProductEntry("left", virtual=True)
    assert claim_paths(virtual, one) == claim_paths(virtual, one)
    assert claim_paths(virtual, one) != claim_paths(virtual, other)
    line = ProductEntry("left", uart=str(one))
    link = tmp_path / "link"
    link.symlink_to(one)
    assert claim_paths(line, one) == claim_paths(ProductEntry("left", uart=str(link)), one)


REAL = {
    "address and line": ProductEntry("left", host="192.0.2.1", uart="/dev/ttyX0"),
    "its address": ProductEntry("left", host="192.0.2.1"),
    "its line": ProductEntry("left", uart="/dev/ttyX0"),
    "two receivers": ProductEntry("left", uart="/dev/ttyX1", uart_up="/dev/ttyX0"),
    "another": ProductEntry("left", host="192.0.2.2", uart="/dev/ttyX2"),
}


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("address and line", "its address", True),
        ("address and line", "its line", True),
        ("its line", "two receivers", True),
        ("its address", "its line", False),
        ("address and line", "another", False),
    ],
)
def test_products_that_share_anything_keep_each_other_waiting(
    one: str, other: str, shared: bool, tmp_path: Path
) -> None:
    first, second = ({*claim_paths(REAL[each], tmp_path / each)} for each in (one, other))
    assert bool(first & second) is shared


@pytest.fixture
def rigs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rigs]:
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path))
    virtual = {name: ProductEntry(name, virtual=True) for name in ("a", "b", "c")}

    def make(*, shared: bool = True, **real: ProductEntry) -> Rigs:
        entries = real or virtual
        settings = Settings(
            None, None, 0, None, None, None, False, 0.02, tmp_path, "none", bench=tmp_path, entries=entries
        )
        return Rigs(settings, shared=shared)

    return make


def test_what_a_worker_does_not_need_any_more_is_given_back(rigs: Callable[..., Rigs]) -> None:
    first, second = rigs(), rigs()
    first.hold(("a", "b"), "test_x")
    second.hold(("c",), "test_y")
    first.hold(("b",), "test_z")
    second.hold(("a",), "test_y")
    (path,) = first._paths["b"]
    assert first._claims[path].holder() == f"process {os.getpid()}, test_x"
    first.close()
    second.hold(("a", "b", "c"), "test_y")
    second.close()


def test_who_has_to_wait_holds_nothing_that_others_wait_for(
    rigs: Callable[..., Rigs], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = {
        "both": ProductEntry("both", host="192.0.2.1", uart="/dev/ttyX0"),
        "other": ProductEntry("other", uart="/dev/ttyX1"),
    }
    first, second = rigs(shared=False, **real), rigs(shared=False, **real)
    order = list(second._claims)
    names = {path: name for name, paths in second._paths.items() for path in paths}
    first.hold([names[order[0]]], "test_x")
    second.hold([name for name in real if name != names[order[0]]], "test_y")
    waits: list[list[Path]] = []
    claim = second._claims[order[0]]
    take = claim.take

    def wait(who: str, *, wait: bool) -> bool:
        if wait:
            waits.append([path for path, each in second._claims.items() if each.held])
            first.close()
        return take(who, wait=wait)

    monkeypatch.setattr(claim, "take", wait)
    second.hold(list(real), "test_y")
    assert waits == [[]]
    assert all(each.held for each in second._claims.values())
    second.close()
