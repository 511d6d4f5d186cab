"""Firmware from a web server to the module and its MCU, over real sockets and pseudo-terminals."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from support.ends import PATIENCE, Caller
from support.image_server import Answer, ImageServer, cut, raw, whole

from miio_lan.virtual.image import make_image
from miio_lan.virtual.module.download import UpdateTimes
from miio_lan.virtual.product import VirtualProduct

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = make_image("module", "2.1.0_0042", os.urandom(50_000))
MCU = make_image("mcu", "0042", os.urandom(50_000))
QUICK = UpdateTimes(pause=0.01, flash=0.05)


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(module_options={"update_times": QUICK}) as made:
        yield made


class Lan:
    """A LAN caller, and what the product tells of its update."""

    def __init__(self, product: VirtualProduct) -> None:
        self.product = product
        self.told: list[str] = []
        self.over = threading.Event()
        self.caller = Caller("127.0.0.1", product.port, product.token)
        product.call(lambda now: setattr(product.module.updates, "on_told", self._note))

    def _note(self, text: str) -> None:
        self.told.append(text)
        if text.startswith(("failed", "installed", "restarting")):
            self.over.set()

    def update(self, url: str, image: bytes, key: str = "app_url") -> None:
        md5 = hashlib.md5(image, usedforsecurity=False).hexdigest()
        assert self.caller.result("miIO.ota", {key: url, "file_md5": md5}) == ["ok"]

    def failure(self) -> str:
        assert self.over.wait(PATIENCE)
        return self.product.call(lambda now: self.product.module.updates.failed)

    def info(self) -> dict[str, object]:
        self.caller.hello()
        info: dict[str, object] = self.caller.result("miIO.info", [])
        return info

    def works(self) -> bool:
        """Whether the product answers, its MCU included."""
        params = [{"did": "d", "siid": 2, "piid": 2}]
        due = time.monotonic() + PATIENCE
        while time.monotonic() < due:
            answer = self.caller.ask("get_properties", params)
            if "result" in answer:
                return bool(answer["result"][0]["value"] == 60)
        return False


@pytest.fixture
def lan(product: VirtualProduct) -> Iterator[Lan]:
    lan = Lan(product)
    with lan.caller:
        yield lan


def test_the_module_restarts_with_the_new_version(lan: Lan) -> None:
    with ImageServer(whole(OWN)) as server:
        lan.update(server.url, OWN)
        assert lan.failure() == ""
    lan.caller.socket.settimeout(0.2)
    due = time.monotonic() + PATIENCE
    while True:
        try:
            info = lan.info()
            break
        except TimeoutError:
            assert time.monotonic() < due
    assert info["fw_ver"] == "2.1.0_0042"
    lan.caller.socket.settimeout(PATIENCE)
    assert lan.works()


@pytest.mark.parametrize("reset", ["ready", "offer", "updating"])
def test_an_image_arrives_in_the_mcu_bit_for_bit(product: VirtualProduct, lan: Lan, reset: str) -> None:
    product.call(lambda now: setattr(product.mcu.bootloader, "reset", reset))
    with ImageServer(whole(MCU)) as server:
        lan.update(server.url, MCU)
        assert lan.failure() == ""
    assert product.call(lambda now: product.mcu.image) == MCU
    assert lan.info()["mcu_fw_ver"] == "0042"
    assert lan.caller.result("miIO.get_ota_state", []) == ["installed"]
    assert lan.works()


def test_a_download_that_breaks_off_is_continued(lan: Lan) -> None:
    with ImageServer(cut(OWN, 20_000), raw(b""), whole(OWN)) as server:
        lan.update(server.url, OWN)
        assert lan.failure() == ""
        assert [b"bytes=20000-" in request for request in server.requests] == [False, True, True]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (raw(b"HTTP/1.1 404 Not Found\r\n\r\n"), "the server answered 404 Not Found"),
        (whole(b"something else"), "the MD5 of what came is "),
        (cut(OWN, 20_000), "the connection ended after 20000 of "),
        (raw(b"\xff\x00"), "the server's answer is no HTTP: BadStatusLine, 3 times"),
    ],
)
def test_what_cannot_be_had(lan: Lan, answer: Answer, failed: str) -> None:
    with ImageServer(answer) as server:
        lan.update(server.url, OWN)
        assert lan.failure().startswith(failed)
    assert lan.caller.result("miIO.get_ota_state", []) == ["failed"]
    assert lan.caller.result("miIO.get_ota_progress", []) == [101]
    assert lan.info()["fw_ver"] == "2.0.0"
    assert lan.works()


def test_a_server_that_is_gone(lan: Lan) -> None:
    with ImageServer(whole(OWN)) as server:
        url = server.url
    lan.update(url, OWN)
    assert lan.failure() == "Connection refused, 3 times"
    assert lan.works()


def test_it_answers_while_it_downloads_and_a_reboot_ends_that(product: VirtualProduct, lan: Lan) -> None:
    with ImageServer(cut(OWN, len(OWN) // 2)) as server:
        server.hold.clear()
        lan.update(server.url, OWN)
        while lan.caller.result("miIO.get_ota_progress", []) != [50]:
            pass
        assert lan.caller.result("miIO.get_ota_state", []) == ["downloading"]
        assert lan.works()
        product.call(product.module.restart)
        assert lan.failure() == "the module restarted"
        server.hold.set()


def test_a_product_may_be_closed_while_it_downloads(product: VirtualProduct, lan: Lan) -> None:
    with ImageServer(cut(OWN, 100)) as server:
        server.hold.clear()
        lan.update(server.url, OWN)
        assert server.asked.wait(PATIENCE)
        product.close()
        assert "miio download" not in {thread.name for thread in threading.enumerate()}


def test_an_mcu_that_refuses(product: VirtualProduct, lan: Lan) -> None:
    product.call(lambda now: setattr(product.mcu.bootloader, "refusal", "signature wrong"))
    with ImageServer(whole(MCU)) as server:
        lan.update(server.url, MCU, "mcu_url")
        assert "'error \"signature wrong\" -5004'" in lan.failure()
    assert lan.info()["mcu_fw_ver"] == "0001"
    assert lan.works()
