"""``--miio-labgrid``: what it is given with, and what is said where labgrid is missing. Places are in tests/labgrid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]
ONE_TEST = "def test_it(miio_bench): pass"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(*args: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            *("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:labgrid"), *args, timeout=120
        )

    return run


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--miio-host=192.0.2.7",), "--miio-host and --miio-labgrid: the place says where its product is"),
        (("--miio-virtual",), "--miio-virtual and --miio-labgrid: the place says where its product is"),
        (("--miio-uart-up=/dev/null",), "--miio-uart-up and --miio-labgrid: the place says"),
        (("--miio-bench=miio.toml",), "--miio-labgrid is of one product, and the bench file says it of each"),
        (("--miio-labgrid=nowhere.yaml:left",), "--miio-labgrid: there is no file *nowhere.yaml"),
        (("-n", "2"), "-n 2: there is one product on the bench"),
    ],
)
def test_what_does_not_fit(pytester: pytest.Pytester, run: Run, options: tuple[str, ...], says: str) -> None:
    if "-n" in options:
        pytest.importorskip("xdist")
    pytester.makepyfile(ONE_TEST)
    result = run("--miio-labgrid=lamp", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {says}*"])


def test_what_is_typed_goes_before_a_setting(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini("[pytest]\nmiio_labgrid = lamp\n")
    pytester.makepyfile(ONE_TEST)
    result = run("--miio-virtual")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["miio: virtual product"])


def test_where_labgrid_is_missing_the_cure_is_named(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest("import sys\nsys.modules['labgrid'] = None")
    pytester.makepyfile(ONE_TEST)
    result = run("--miio-labgrid=lamp")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["miio: labgrid: lamp"])
    result.stdout.fnmatch_lines(
        ["the product cannot be opened: labgrid is not installed: pip install 'miio-lan[[]labgrid]'"]
    )
