"""Hooks that fail: the virtual ends go on as if nobody had been told, and whoever drives them is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.ends import Caller
from support.pair import Pair

from miio_lan.record import Record
from miio_lan.virtual.image import make_image
from miio_lan.virtual.module.requests.request import RequestOutcome
from miio_lan.virtual.product import VirtualProduct

IMAGE = make_image("mcu", "0042", bytes(5000))
OWN = make_image("module", "3.0.0", bytes(1000))


def fail(*_: Any) -> Any:
    raise OSError(28, "No space left on device")


def kept(pair: Pair) -> list[Exception]:
    """Note what the hooks of both ends raise."""
    failures: list[Exception] = []
    pair.mcu.hooks.failed = pair.module.hooks.failed = failures.append
    return failures


def mcu_image(pair: Pair) -> None:
    pair.mcu.on_image = fail


def mcu_told(pair: Pair) -> None:
    pair.mcu.on_told = fail


def module_told(pair: Pair) -> None:
    pair.module.updates.on_told = fail


@pytest.mark.parametrize("hook", [mcu_image, mcu_told, module_told])
@pytest.mark.parametrize("reset", ["ready", "offer", "updating"])
def test_an_update_of_the_mcu_goes_its_way(hook: Callable[[Pair], None], reset: str) -> None:
    pair = Pair()
    failures = kept(pair)
    pair.mcu.bootloader.reset = reset
    hook(pair)
    pair.update(IMAGE, over=5)
    assert pair.state() == ("installed", 101)
    assert (pair.mcu.version, pair.module.chip.mcu_version) == ("0042", "0042")
    assert pair.get((2, 2)) == {(2, 2): 60}
    assert failures


@pytest.mark.parametrize("hook", [mcu_told, module_told])
def test_an_update_that_fails_is_over(hook: Callable[[Pair], None]) -> None:
    pair = Pair()
    hook(pair)
    pair.mcu.bootloader.fault = "cancels"
    pair.update(IMAGE, over=40)
    assert pair.state() == ("failed", 101)
    assert (pair.mcu.version, pair.module.updates.under_way) == ("0001", False)
    assert pair.get((2, 2)) == {(2, 2): 60}


def test_an_update_of_the_module_goes_its_way() -> None:
    pair = Pair(on_net=fail)
    module_told(pair)
    pair.update(OWN, "app_url", over=10)
    assert (pair.module.chip.firmware, pair.module.updates.under_way) == ("3.0.0", False)
    assert (pair.module.net, pair.mcu.net) == ("cloud", "cloud")


def test_what_was_acknowledged_is_done() -> None:
    pair = Pair(next_token=fail, on_net=fail)
    failures = kept(pair)
    pair.call("miIO.restore", [])
    pair.run(5)
    assert (pair.module.net, pair.module.provisioned, pair.mcu.net) == ("uap", False, "uap")
    assert failures


def test_a_restart_is_one() -> None:
    pair = Pair()
    failures = kept(pair)
    assert pair.module.send_firmware(IMAGE, pair.now, fail)
    pair.module.restart(pair.now)
    pair.run(5)
    assert pair.get((2, 2)) == {(2, 2): 60}
    assert len(failures) == 1


def test_an_outcome_that_nobody_takes() -> None:
    pair = Pair()
    failures = kept(pair)
    assert pair.module.hand_out("none", pair.now, fail)
    assert pair.module.hand_out("get_properties 2 2", pair.now, fail)
    outcomes: list[RequestOutcome] = []
    assert pair.module.hand_out("get_properties 2 2", pair.now, lambda outcome, _: outcomes.append(outcome))
    pair.run(1)
    assert [each.result for each in outcomes] == [[2, 2, 0, 60]]
    assert len(failures) == 2


def test_without_anybody_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair()
    mcu_image(pair)
    pair.update(IMAGE, over=5)
    assert "No space left on device" in caplog.text


def test_a_product_raises_it_when_it_is_next_called() -> None:
    with VirtualProduct() as product, Caller(product.host, product.port, product.token) as caller:
        product.call(lambda now: setattr(product.module, "_on_net", fail))
        product.call(lambda now: product.module.network.enter("local"))
        assert caller.ask("miIO.info", [])["result"]["life"] >= 0
        with pytest.raises(OSError, match="No space left on device"):
            product.call(lambda now: None)


def test_a_broken_observer_of_the_lan_takes_no_datagram_away() -> None:
    def broken(record: Record) -> None:
        raise ZeroDivisionError

    product = VirtualProduct(lan_observer=broken)
    product.start()
    with Caller(product.host, product.port, product.token) as caller:
        assert "result" in caller.ask("miIO.info", [])
    with pytest.raises(ZeroDivisionError):
        product.close()
