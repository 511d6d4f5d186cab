"""The numbers of the bench, by their literals: whoever changes one means it."""

from __future__ import annotations

from support.constants import unnamed, unpinned

from miio_lan.bench.places import file

PINS = {
    "bench.expecting.expectation": {"TIMEOUT": 5.0, "AFTERWARDS": 1.0},
    "bench.expecting.never": {"LONGEST_LAG": 1.0},
    "bench.expecting.reporting": {"ATTENDED": 0.05},
    "bench.places.entry": {"MOST_RETRIES": 100, "SLOWEST_POLL": 60.0, "QUICKEST_POLL": 0.001},
    "bench.places.file": {"_TOKEN_BYTES": 4096},
    "bench.places.power": {"OFF_FOR": 2.0, "LONGEST": 60.0, "_MOST_SAID": 300},
    "bench.places.presence": {"LOOKING_TIME": 10.0, "LISTENED": 3.0, "MIN_LINES": 4, "ATTEMPT": 2.0},
    "bench.recorder": {"RECORDS_BEFORE": 64, "LONGEST_DELAY": 5.0, "QUIET_TIME": 1.0},
    "bench.trace": {"LONGEST_TRACE": 80},
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "bench") == set()


def test_of_the_bench_file() -> None:
    assert file.BENCH_FILE == "miio.toml"
