from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.patient import PATIENT

from miio_lan.cli.program import program
from miio_lan.virtual.product import VirtualProduct

FAST = {"poll_interval": 0.002}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def runner() -> CliRunner:
    try:
        return CliRunner(mix_stderr=False)  # type: ignore[call-arg,unused-ignore] # click 8.1
    except TypeError:
        return CliRunner()


@pytest.fixture(autouse=True)
def _any_width(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the terminal of who runs the tests is like, and which descriptions they have."""
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path / "no-cache"))
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


Run = Callable[..., Ended]


@pytest.fixture
def run() -> Run:
    """Run ``miio-lan`` with these arguments."""

    def invoke(*arguments: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Ended:
        result = runner().invoke(program, list(arguments), input=stdin, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(profile=PATIENT, mcu_options=FAST) as running:
        yield running


@pytest.fixture
def ask(run: Run, product: VirtualProduct) -> Run:
    """Run ``miio-lan`` with these arguments, the virtual product's address and token in the environment."""
    variables = {
        "MIIO_LAN_IP": product.host,
        "MIIO_LAN_TOKEN": product.token,
        "MIIO_LAN_PORT": str(product.port),
    }
    return lambda *arguments, **more: run(*arguments, env=variables, **more)
