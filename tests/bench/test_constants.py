"""Numbers of the bench that users may rely on."""

from __future__ import annotations

from miio_lan.bench.places import file, presence
from miio_lan.pytest_plugin import settings


def test_of_the_bench_file() -> None:
    assert file.BENCH_FILE == "miio.toml"
    assert file.MOST_RETRIES == 100
    assert (file.QUICKEST_POLL, file.SLOWEST_POLL) == (0.001, 60.0)
    # What does for an option does for the file.
    assert settings.MOST_RETRIES == file.MOST_RETRIES


def test_of_looking_at_a_bench() -> None:
    assert (presence.WITHIN, presence.LISTENED, presence.ATTEMPT, presence.ENOUGH) == (10.0, 3.0, 2.0, 4)
