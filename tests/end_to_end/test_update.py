"""Updates of a virtual product from a file: over the LAN, over XMODEM to its MCU, and disturbed in every way."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from support.fake_device import DEVICE_ID, TOKEN, FakeDevice
from support.interfered import KINDS, NEW, PACE, image_of, interfered, product_of
from support.names import name_server

from miio_lan import AsyncDevice, Device, DeviceTimeout, UpdateState
from miio_lan.device.ota.aio import AsyncFirmwareInstall
from miio_lan.device.ota.blocking import FirmwareInstall
from miio_lan.device.ota.outcome import Ending, Phase, UpdatePhase, UpdateResult
from miio_lan.device.ota.staging import Stage
from miio_lan.errors import InvalidArgument, UpdateFailed
from miio_lan.lan.packet import encode
from miio_lan.lan.responder.responder import Request
from miio_lan.virtual.product import VirtualProduct

POINTS = 50
AT_ONCE = 10
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def test_a_megabyte_for_the_module_arrives_and_is_proven() -> None:
    image = image_of("module", random.Random(1))
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        install = device.installing(image, version=NEW["module"], pace=PACE)
        result = install.run()
        assert result.ending is Ending.Proven
        assert result.restarted
        assert result.served is not None
        assert result.served.complete
        assert result.served.size == len(image) > 1_000_000
        assert device.info(skip_cache=True).firmware_version == NEW["module"]
        assert [each.phase for each in result.phases if each.phase is not Phase.State][:4] == [
            *(Phase.Prepared, Phase.Requested, Phase.Fetching, Phase.Fetched),
        ]


def test_an_mcus_image_arrives_bit_for_bit_and_is_proven() -> None:
    image = image_of("mcu", random.Random(2))
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        result = device.installing(image, version=NEW["mcu"], pace=PACE).run()
        assert result.ending is Ending.Proven
        assert product.call(lambda _: product.mcu.image) == image
        assert device.info(skip_cache=True).mcu_firmware_version == NEW["mcu"]


@pytest.mark.parametrize("part", ["module", "mcu"])
@pytest.mark.parametrize("profile", ["older", "newer"])
def test_both_generations_of_modules(profile: str, part: str) -> None:
    image = image_of(part, random.Random(6), 10_000)
    with product_of(profile) as product, Device(product.host, product.token, port=product.port) as device:
        result = device.installing(image, version=NEW[part], pace=PACE).run()
    assert result.ending is Ending.Proven


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")
@pytest.mark.parametrize("host", ["127.0.8.1", "0.0.0.0"])
def test_a_product_at_another_address_fetches_from_there(host: str) -> None:
    """The file is served to the address of the device alone: it has to come from where it was asked."""
    with product_of(host=host) as product, Device("127.0.8.1", product.token, port=product.port) as device:
        result = device.installing(image_of("mcu", random.Random(3), 2000), pace=PACE).run()
    assert result.ending is Ending.Proven


async def found_at(host: str) -> str:
    """Find a device, for an event loop."""
    return host


def install_by(
    face: str, host: str, token: str, port: int, image: bytes, find: str | None = None, **options: Any
) -> UpdateResult:
    """Install a firmware by either face.

    :param find: where the device is found when it is looked for
    """
    if face == "blocking":
        with Device(host, token, port=port) as device:
            if find is not None:
                device._connection.find = lambda _: find
            return device.installing(image, **options).run()

    async def main() -> UpdateResult:
        async with AsyncDevice(host, token, port=port) as device:
            if find is not None:
                device._connection.find = lambda _: found_at(find)
            return await device.installing(image, **options).run()

    return asyncio.run(main())


FACES = pytest.mark.parametrize("face", ["blocking", "awaited"])


@FACES
def test_a_device_with_a_name_that_has_moved_gets_the_file(face: str) -> None:
    """It is served to the address that the device has now, not to the one that was known."""
    image = image_of("mcu", random.Random(12), 2000)
    with product_of() as product:
        known = ("127.0.0.9", product.token, product.port)
        result = install_by(face, *known, image, product.host, pace=PACE)
    assert result.ending is Ending.Proven
    assert result.served is not None
    assert result.served.strangers == 0


@FACES
def test_a_name_server_that_does_not_answer_is_waited_for_as_long_as_all_may_take(
    monkeypatch: pytest.MonkeyPatch, face: str
) -> None:
    with name_server(monkeypatch) as names:
        names.known["lamp.example"] = "127.0.0.1"
        names.gate.clear()
        with pytest.raises(DeviceTimeout, match="the name server did not answer within"):
            install_by(face, "lamp.example", TOKEN, 9, b"x", timeout=0.05)
        assert names.answered == 0


@FACES
def test_a_silent_device_is_waited_for_no_longer_than_all_may_take(face: str) -> None:
    with FakeDevice(lambda *_: None) as fake, pytest.raises(UpdateFailed) as caught:
        install_by(face, "127.0.0.1", TOKEN, fake.port, b"x", timeout=0.2)
    assert caught.value.result.ending is Ending.Unreachable
    assert "within 20.0 s" not in caught.value.result.text  # a command's own time


@FACES
def test_nothing_is_served_any_more_when_it_is_said_that_nothing_was_fetched(face: str) -> None:
    """What is fetched just before that counts."""

    def fetch_then_close(stage: Stage) -> None:
        if stage.server is not None and not stage.server.served().requests:
            with OPENER.open(stage.server.url) as answer:
                answer.read()
        close(stage)

    close, pace = Stage.close, replace(PACE, begin=0.1, settle=0.3)
    with product_of() as product, pytest.MonkeyPatch.context() as patch:
        begin_nothing(product)
        patch.setattr(Stage, "close", fetch_then_close)
        with pytest.raises(UpdateFailed) as caught:
            install_by(face, product.host, product.token, product.port, b"x" * 100, pace=pace)
    assert caught.value.result.ending is not Ending.NeverFetched
    assert caught.value.may_have_run


def test_a_file_and_a_callback_and_the_error(tmp_path) -> None:
    path = tmp_path / "fw.bin"
    path.write_bytes(image_of("mcu", random.Random(3), 1000))
    phases: list[UpdatePhase] = []
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        product.call(lambda _: setattr(product.mcu.bootloader, "refusal", "not for me"))
        install = device.installing(path, pace=PACE)
        with pytest.raises(UpdateFailed, match="fetched the whole file") as caught:
            install.run(phases.append)
    assert caught.value.result.ending is Ending.FetchedButRefused
    assert caught.value.may_have_run
    assert phases[-1].phase is Phase.Ended
    assert not any(each.name == "miio file server" for each in threading.enumerate())


def camera(device: FakeDevice, request: Request) -> None:
    """Answer as cameras do: with id 0 to the two questions about an update, and with silence to all else."""
    told = {"miIO.get_ota_state": "installing", "miIO.get_ota_progress": 7}.get(request.method)
    if told is not None:
        stamp = device.responder.stamp(time.monotonic())
        payload = {"id": 0, "result": [told]}
        datagram = encode(device_id=DEVICE_ID, stamp=stamp, token=bytes.fromhex(TOKEN), payload=payload)
        device.send(datagram, request.peer)


def test_a_cameras_id_0_is_understood_by_both_faces() -> None:
    with FakeDevice(camera) as fake:
        with Device("127.0.0.1", TOKEN, port=fake.port) as device:
            assert device.update_state() is UpdateState.Installing
            assert device.update_progress() == 7
            with pytest.raises(DeviceTimeout):
                device.send("get_prop", ["power"], 0, timeout=0.3)

        async def main() -> tuple[UpdateState, int]:
            async with AsyncDevice("127.0.0.1", TOKEN, port=fake.port) as other:
                return await other.update_state(), await other.update_progress()

        assert asyncio.run(main()) == (UpdateState.Installing, 7)


def test_a_loop_that_is_left_serves_no_more() -> None:
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        install = device.installing(image_of("module", random.Random(7)), pace=PACE)
        for phase in install:
            if phase.phase is Phase.Requested:
                break
        assert install.result is not None
        assert install.result.ending is Ending.Cancelled
        with pytest.raises(InvalidArgument, match="carried out before"):
            next(iter(install))
    assert not any(each.name == "miio file server" for each in threading.enumerate())


def test_cancelled_from_another_thread() -> None:
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        product.call(lambda _: setattr(product.mcu, "update_answer", None))
        install = device.installing(image_of("mcu", random.Random(8)), pace=PACE)

        def cancel(phase: UpdatePhase) -> None:
            if phase.phase is Phase.Fetched:
                threading.Thread(target=install.cancel).start()

        with pytest.raises(UpdateFailed, match="may still install it") as caught:
            install.run(cancel)
    assert caught.value.result.ending is Ending.Cancelled


def begin_nothing(product: VirtualProduct) -> None:
    """Have it answer ok, and fetch nothing."""
    product.call(lambda _: setattr(product.module.updates, "start", lambda *_: None))


def fetched_by_then(install: FirmwareInstall | AsyncFirmwareInstall) -> None:
    """Fetch all of the file from the device's address, behind the back of who has just read the counts."""
    stage = install._stage
    assert stage is not None
    assert stage.server is not None
    with OPENER.open(stage.server.url) as answer:
        answer.read()


@pytest.mark.parametrize("way", ["cancel", "leave"])
def test_cancelled_tells_what_was_fetched_up_to_the_end(way: str) -> None:
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        begin_nothing(product)
        install = device.installing(image_of("mcu", random.Random(10), 1000), pace=PACE)
        for phase in install:
            if phase.phase is Phase.Requested:
                fetched_by_then(install)
                if way == "leave":
                    break
                install.cancel()
    assert install.result is not None
    assert install.result.ending is Ending.Cancelled
    assert "has the whole file, and may still install it" in install.result.text


@pytest.mark.parametrize("way", ["cancel", "leave"])
def test_cancelled_tells_what_was_fetched_up_to_the_end_in_an_event_loop(way: str) -> None:
    async def main(host: str, port: int, token: str) -> UpdateResult | None:
        async with AsyncDevice(host, token, port=port) as device:
            install = device.installing(image_of("mcu", random.Random(10), 1000), pace=PACE)
            async with contextlib.aclosing(install.phases()) as phases:
                async for phase in phases:
                    if phase.phase is Phase.Requested:
                        await asyncio.to_thread(fetched_by_then, install)
                        if way == "leave":
                            break
                        install.cancel()
            return install.result

    with product_of() as product:
        begin_nothing(product)
        result = asyncio.run(main(product.host, product.port, product.token))
    assert result is not None
    assert result.ending is Ending.Cancelled
    assert "has the whole file, and may still install it" in result.text


def test_in_an_event_loop() -> None:
    image = image_of("module", random.Random(4), 10_000)

    async def main(host: str, port: int, token: str) -> tuple[list[Phase], Ending]:
        async with AsyncDevice(host, token, port=port) as device:
            install = device.installing(image, pace=PACE)
            seen = [each.phase async for each in install]
            assert install.result is not None
            return seen, install.result.ending

    with product_of() as product:
        seen, ending = asyncio.run(main(product.host, product.port, product.token))
    assert ending is Ending.Proven
    assert {Phase.Fetching, Phase.Fetched, Phase.Restarted, Phase.Version, Phase.Ended} <= set(seen)


def test_a_cancelled_task_serves_no_more() -> None:
    image = image_of("module", random.Random(5))

    async def main(host: str, port: int, token: str) -> Ending | None:
        async with AsyncDevice(host, token, port=port) as device:
            install = device.installing(image, pace=PACE)
            begun = asyncio.Event()
            task = asyncio.create_task(install.run(lambda _: begun.set()))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return install.result and install.result.ending

    with product_of() as product:
        assert asyncio.run(main(product.host, product.port, product.token)) is Ending.Cancelled
    assert not any(each.name == "miio file server" for each in threading.enumerate())


def test_an_event_loop_is_told_of_failures_by_an_error() -> None:
    async def main(host: str, port: int, token: str) -> None:
        async with AsyncDevice(host, token, port=port) as device:
            with pytest.raises(InvalidArgument, match="is empty"):
                await device.install_firmware(b"")
            install = device.installing(image_of("mcu", random.Random(9), 100), pace=PACE)
            with pytest.raises(UpdateFailed) as caught:
                await install.run(lambda phase: install.cancel() if phase.phase is Phase.Fetched else None)
            assert caught.value.result.ending is Ending.Cancelled
            with pytest.raises(InvalidArgument, match="carried out before"):
                await install.run()
        async with AsyncDevice(host, TOKEN, port=port, timeout=0.2) as stranger:  # by another token
            stranger.retry_count = 0
            with pytest.raises(UpdateFailed, match="unreachable"):
                await stranger.install_firmware(b"x", timeout=1)

    with product_of() as product:
        product.call(lambda _: setattr(product.mcu, "update_answer", "busy"))
        asyncio.run(main(product.host, product.port, product.token))


@pytest.mark.untraced
def test_every_interference_ends_in_time_and_nothing_told_is_untrue() -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(interfered, range(1, POINTS + 1)))
    assert Counter(run.kind for run in runs).keys() == set(KINDS)
    wrong = [f"{run}: {'; '.join(run.errors)}" for run in runs if run.errors]
    assert not wrong, "\n".join(wrong)
    endings = Counter(run.result.ending for run in runs if run.result is not None)
    assert endings[Ending.Proven] > 3
    assert len(endings) > 3
