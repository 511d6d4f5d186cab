"""What a product tells by itself, up to a device of an event loop on loopback, in asyncio's debug mode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from support.patient import PATIENT

from miio_lan import AsyncDevice, AsyncMiotDevice
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 60.0  # only ever waited for in full when a test fails
BRIGHTNESS = (2, 2)


def made(**options: Any) -> VirtualProduct:
    module = {"responder_options": ResponderOptions(**options)}
    return VirtualProduct(profile=PATIENT, mcu_options={"poll_interval": 0.002}, module_options=module)


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with made() as product:
        yield product


@pytest.fixture
def run(caplog: pytest.LogCaptureFixture) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Carry out a coroutine; what the loop complains about fails the test."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await work
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with caplog.at_level(logging.ERROR, "asyncio"):
            asyncio.run(bounded(), debug=True)
        assert [record for record in caplog.records if record.name == "asyncio"] == []

    return run


def at(product: VirtualProduct) -> AsyncMiotDevice:
    return AsyncMiotDevice(product.host, product.token, port=product.port)


async def turn(product: VirtualProduct, value: int) -> None:
    await asyncio.to_thread(product.call, lambda now: product.mcu.set_local(*BRIGHTNESS, value, now))


def value_of(push: Push | None) -> Any:
    """The brightness that a push tells; None where it tells something else."""
    told = push.params if push is not None and isinstance(push.params, list) else []
    return next((each["value"] for each in told if (each["siid"], each["piid"]) == BRIGHTNESS), None)


async def until_told(device: AsyncDevice, value: int) -> None:
    async for push in device.pushes():
        if value_of(push) == value:
            return
    raise AssertionError("the subscription ended")


def test_a_loop_hears_what_the_product_tells(product: VirtualProduct, run: Any) -> None:
    async def work() -> None:
        async with at(product) as lamp:
            await lamp.subscribe()
            await turn(product, 33)
            await until_told(lamp, 33)
            await lamp.write(*BRIGHTNESS, 34)
            await until_told(lamp, 34)
            # From a new socket, without being asked to.
            await lamp.close()
            listening = asyncio.create_task(until_told(lamp, 36))
            value = 35
            while not listening.done():
                value = 71 - value  # 36 and 35 in turn: what is told before the new subscription is lost
                await turn(product, value)
                await asyncio.sleep(0.05)
            await listening
            await lamp.unsubscribe()

    run(work())
    assert product.call(lambda now: len(product.module.responder.subscriptions)) == 0


def test_a_function_is_called_back(product: VirtualProduct, run: Any) -> None:
    async def work() -> None:
        told: asyncio.Queue[Push] = asyncio.Queue()
        async with at(product) as lamp:
            await lamp.subscribe(told.put_nowait)
            await turn(product, 44)
            while value_of(await told.get()) != 44:
                pass

    run(work())


@pytest.mark.parametrize("kind", [AsyncMiotDevice, AsyncDevice])
def test_a_product_that_does_not_tell_is_read(run: Any, kind: type[AsyncDevice]) -> None:
    with made(push=False) as product:

        async def work() -> None:
            async with kind(product.host, product.token, port=product.port) as lamp:
                await lamp.subscribe(poll=[BRIGHTNESS], every=0.1)
                assert await lamp.next_push(0) is None
                await turn(product, 55)
                await until_told(lamp, 55)

        run(work())


def test_a_loop_that_is_left_with_a_callback_leaves_nothing(product: VirtualProduct, run: Any) -> None:
    async def work() -> None:
        lamp = at(product)
        await lamp.subscribe(print)
        await lamp.close()

    run(work())
