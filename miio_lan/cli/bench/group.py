"""``bench``: the products of a bench file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

BENCH_COMMANDS: Mapping[str, tuple[str, str]] = {"check": ("bench.check", "check")}

bench = LazyGroup(
    "bench",
    members=BENCH_COMMANDS,
    help="Products on a bench, as a bench file names them.",
    epilog="Tests use the same file: pytest --miio-bench miio.toml.",
)
