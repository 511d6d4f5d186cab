"""Tests that switch the product off and on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator

import pytest

from miio_lan.virtual.product import VirtualProduct

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *args)

    return run


@pytest.fixture
def bench() -> Iterator[tuple[str, ...]]:
    """The options for a product that looks like a real one."""
    with VirtualProduct() as product:
        yield ("--miio-host", product.host, "--miio-port", str(product.port), "--miio-token", product.token)


POWERED = """
    import re

    def test_power(miio_bench, power, miio_power):
        assert power is miio_power
        miio_bench.device.write(2, 2, 77)
        power.cycle()
        found = miio_bench.uart.wait_for(re.compile("mcu_version (.+)"))
        assert found[1] == "0001"
        assert miio_bench.device.read(2, 2) == 77

    def test_off(miio_bench):
        miio_bench.power.off()
        assert not miio_bench.power.is_on

    def test_the_next_one(miio_device):
        assert miio_device.read(2, 1) in (True, False)
"""


def test_the_virtual_product_is_switched(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(POWERED)
    run("--miio-virtual").assert_outcomes(passed=3)


def test_a_real_product_is_switched_by_a_command_and_left_on(
    pytester: pytest.Pytester, run: Run, bench: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        def test_off(miio_bench):
            miio_bench.power.off()

        def test_cycle(power):
            power.cycle(0.001)
        """
    )
    note = pytester.path / "called"
    program = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + ' ')"
    command = shlex.join([sys.executable, "-c", program, str(note), "{action}"])
    run(*bench, "--miio-power", command).assert_outcomes(passed=2)
    assert note.read_text() == "off on off on "


def test_a_product_that_nothing_switches(pytester: pytest.Pytester, run: Run, bench: tuple[str, ...]) -> None:
    pytester.makepyfile("def test_it(power): pass")
    result = run(*bench)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*nothing switches this product's power: give --miio-power*")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--miio-virtual", "--miio-power", "x"), "the virtual one has a switch of its own"),
        (("--miio-power", "x 'y"), "--miio-power: the power command * has odd quotes"),
        (("--miio-power", " "), "--miio-power is empty"),
    ],
)
def test_power_commands_that_make_no_sense(run: Run, options: tuple[str, ...], why: str) -> None:
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"*{why}*")


def test_a_product_that_a_test_left_in_doubt_is_switched_on(
    pytester: pytest.Pytester, run: Run, bench: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        def test_doubt(power):
            power.in_doubt = True

        def test_the_next_one(miio_bench):
            assert (miio_bench.power.is_on, miio_bench.power.in_doubt) == (True, False)
        """
    )
    run(*bench, "--miio-power", "true").assert_outcomes(passed=2)


UNRELIABLE = """
import pathlib, sys
said, times = pathlib.Path(sys.argv[1]), int(sys.argv[2])
before = said.read_text().split() if said.exists() else []
said.write_text(" ".join([*before, sys.argv[3]]))
sys.exit("hub busy" if sys.argv[3] == "on" and before.count("on") < times else 0)
"""


@pytest.mark.parametrize(("fails", "outcomes"), [(1, {"passed": 3}), (2, {"passed": 2})])
def test_a_product_that_could_not_be_switched_on_is_before_the_next_test(
    pytester: pytest.Pytester, run: Run, bench: tuple[str, ...], fails: int, outcomes: dict[str, int]
) -> None:
    pytester.makepyfile(
        """
        def test_off(power):
            power.off()

        def test_the_next_one(miio_bench):
            assert miio_bench.power.is_on

        def test_the_one_after_it(miio_bench):
            assert miio_bench.power.is_on
        """
    )
    said = pytester.path / "said"
    command = shlex.join([sys.executable, "-c", UNRELIABLE, str(said), str(fails), "{action}"])
    result = run(*bench, "--miio-power", command)
    result.assert_outcomes(**outcomes, errors=fails)
    assert said.read_text().split() == ["off", *["on"] * (fails + 1)]
    if fails > 1:
        result.stdout.fnmatch_lines("*the product cannot be opened: the product was not switched on: *")
