"""``miio-lan bench check``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from miio_lan.bench.places.claims import claims_to
from miio_lan.bench.places.file import ProductEntry, read_bench
from miio_lan.bench.places.presence import Presence, told
from miio_lan.cli.bench import check
from miio_lan.cli.bench.check import rows
from miio_lan.device.doctor import StepVerdict
from miio_lan.errors import DeviceException
from miio_lan.virtual.product import VirtualProduct

MIXED = """
[products.left]
virtual = true

[products.right]
host = "{product.host}"
port = {product.port}
token_file = "right.token"
"""


@pytest.fixture
def bench(tmp_path: Path, product: VirtualProduct, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench file with a virtual product, and one that looks like a real one."""
    token = tmp_path / "right.token"
    token.write_text(product.token)
    token.chmod(0o600)
    path = tmp_path / "miio.toml"
    path.write_text(MIXED.format(product=product))
    monkeypatch.chdir(tmp_path)
    return path


def test_all_is_there(run: Callable, bench: Path, product: VirtualProduct) -> None:
    ended = run("bench", "check")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "PRODUCT  CHECK  VERDICT  SEEN",
        "left     start  good     It starts, and answers as miiolan.light.demo1.",
        f"right    hello  good     It answers, did {product.device_id}.",
        "         token  good     The token is right.",
        f"         info   good     {ended.out.splitlines()[4][25:]}",
        "",
        "2 of 2 products are ready.",
    ]
    assert product.token not in ended.out


def test_json_and_only(run: Callable, bench: Path) -> None:
    found = run("bench", "check", str(bench), "--only", "left", "--json")
    assert found.code == 0
    (left,) = found.json["products"]
    assert (found.json["file"], found.json["ready"], left["name"], left["where"]) == (
        *(str(bench), True, "left"),
        "virtual",
    )
    assert [each["step"] for each in left["checks"]] == ["start"]
    ended = run("bench", "check", "--only", "lefft")
    assert ended.code == 2
    assert "there is no product 'lefft'; there are left, right" in ended.err


def test_a_product_in_use_is_left_alone(run: Callable, bench: Path) -> None:
    (claim,) = claims_to(read_bench(bench)["right"], bench)
    assert claim.take("process 5, test_x", wait=False)
    ended = run("bench", "check")
    claim.free()
    assert ended.code == 1
    assert "right    use    not tried  It is in use by process 5, test_x." in ended.out
    assert ended.out.endswith("1 of 2 products are ready.\n")
    assert run("bench", "check").code == 0


def interrupted(run: Callable, bench: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> tuple[Any, bool]:
    """Press Ctrl-C while a product is looked at; give how it ended, and whether that look was waited for."""
    bench.write_text(f"[products.right]\n{more}\n")
    gate, ended = threading.Event(), threading.Event()

    def look(entry: ProductEntry, path: Path, within: float) -> Presence:
        signal.raise_signal(signal.SIGINT)
        if entry.labgrid is None:
            gate.wait(100)
        else:  # Ctrl-C has come to who waits for this one
            assert gate.wait(100)
        ended.set()
        return Presence(entry.name, "", ())

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        gate.set()
        original(thread, timeout)

    original = threading.Thread.join
    monkeypatch.setattr(check, "_look", look)
    monkeypatch.setattr(threading.Thread, "join", join)
    result = run("bench", "check", str(bench))
    waited = ended.is_set()
    gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("look at"):
            original(thread, 100)
    return result, waited


def test_ctrl_c_waits_for_no_device(run: Callable, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, waited = interrupted(run, bench, monkeypatch, 'host = "127.0.0.1"\ntoken_file = "right.token"')
    assert (ended.code, waited) == (130, False)


def test_ctrl_c_waits_for_a_place_that_is_to_be_released(
    run: Callable, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, waited = interrupted(run, bench, monkeypatch, 'labgrid = "left"')
    assert (ended.code, waited) == (130, True)


def test_what_fails_in_a_look_is_raised(run: Callable, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object) -> Presence:
        raise DeviceException("odd")

    monkeypatch.setattr(check, "_look", look)
    ended = run("bench", "check", str(bench))
    assert (ended.code, ended.err) == (1, "Error: odd\n")


def test_what_cannot_start(run: Callable, bench: Path) -> None:
    bench.write_text('[products.left]\nvirtual = true\nspec = "toaster"')
    ended = run("bench", "check", "--json")
    assert ended.code == 1
    assert "toaster" in ended.json["products"][0]["checks"][0]["seen"]


def test_a_file_that_is_wrong(run: Callable, bench: Path) -> None:
    ended = run("bench", "check", "none.toml")
    assert (ended.code, ended.err) == (2, "Error: none.toml: there is no such file\n")
    bench.write_text('[products.left]\nvirtual = true\nmisbehave = ["odd"]')
    ended = run("--json", "bench", "check")
    assert ended.code == 2
    assert "misbehave: there is no 'odd'; there are slow, silent" in ended.json["error"]["message"]


def test_a_narrow_terminal_has_no_row_wider_than_it() -> None:
    step = told(
        "hello", StepVerdict.BAD, "", "no answer came from the place where it should be", "Look at it there."
    )
    found = rows([Presence("left", "", (step, step))], 60)
    assert max(map(len, found)) <= 60
    assert found[1].startswith("left     hello  bad      No answer came")
    assert found[-1] == "0 of 1 products are ready."
