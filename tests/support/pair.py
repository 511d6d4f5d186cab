"""The virtual MCU behind the virtual module, on a fake clock, and a LAN caller."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

from miio_lan.device.description.spec import Spec
from miio_lan.lan import packet
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module

LAMP = Spec.shipped("lamp")
TOKEN = bytes(range(16))
DID = 1234567
PEER = ("127.0.0.1", 40000)

Link = Callable[[bytes], bytes]


class Pair:
    """Both ends of the line, joined byte for byte, and a LAN caller."""

    def __init__(self, profile: str = "document", spec: Spec = LAMP, **module_options: Any) -> None:
        self.mcu = Mcu(spec, rng=random.Random(1))
        self.module = Module(device_id=DID, token=TOKEN, profile=profile, **module_options)
        self.now = 1000.0
        self.id = 0
        self.replies: dict[int, dict[str, Any]] = {}
        #: What becomes of bytes on their way to the module, and to the MCU.
        self.up: Link = bytes
        self.down: Link = bytes
        self.told: list[str] = []
        self.module.updates.on_told = self.told.append
        self.module.start(self.now)
        self.mcu.start(self.now)
        self.run(1)

    def run(self, seconds: float, until: int | None = None) -> None:
        end = self.now + seconds
        self._exchange()
        while until not in self.replies:
            deadlines = [at for at in (self.mcu.deadline, self.module.deadline) if at is not None]
            if min(deadlines, default=end + 1) > end:
                self.now = end
                return
            self.now = max(self.now, min(deadlines))
            self.mcu.tick(self.now)
            self.module.tick(self.now)
            self._exchange()

    def call(self, method: str, params: Any, seconds: float = 12.0) -> dict[str, Any] | None:
        self.id += 1
        request = {"id": self.id, "method": method, "params": params}
        stamp = self.module.responder.stamp(self.now)
        datagram = packet.encode(request, token=TOKEN, device_id=DID, stamp=stamp)
        self.module.receive_lan(datagram, PEER, self.now)
        self.run(seconds, until=self.id)
        return self.replies.get(self.id)

    def update(
        self, image: bytes, key: str = "mcu_url", *, md5: str | None = None, over: float = 0.0
    ) -> None:
        """Have an image downloaded, from a server that gives it at once, and let time pass."""
        md5 = hashlib.md5(image, usedforsecurity=False).hexdigest() if md5 is None else md5
        reply = self.call("miIO.ota", {key: "http://host/image", "file_md5": md5})
        assert reply is not None
        assert reply["result"] == ["ok"]
        self.serve(image)
        self.run(over)

    def serve(self, image: bytes) -> None:
        """Give the module what it asks for."""
        updates = self.module.updates
        wanted = updates.wanted
        assert wanted is not None
        updates.answered(wanted.number, wanted.start, len(image), self.now)
        updates.received(wanted.number, image[wanted.start :], self.now)
        updates.ended(wanted.number, "", self.now)

    def state(self) -> tuple[str, int]:
        """What a LAN caller is told of an update."""
        state, progress = self.call("miIO.get_ota_state", []), self.call("miIO.get_ota_progress", [])
        assert state is not None
        assert progress is not None
        return state["result"][0], progress["result"][0]

    def get(self, *iids: tuple[int, int]) -> dict[tuple[int, int], Any] | None:
        """What a get gives: values by (siid, piid), or the code; None when the whole of it failed."""
        reply = self.call("get_properties", [{"did": "d", "siid": siid, "piid": piid} for siid, piid in iids])
        if reply is None or "result" not in reply:
            return None
        return {(r["siid"], r["piid"]): r["value"] if r["code"] == 0 else r["code"] for r in reply["result"]}

    def _exchange(self) -> None:
        while True:
            up, down = self.mcu.take_output(), self.module.take_uart()
            if not up and not down:
                break
            self.module.receive_uart(self.up(up), self.now)
            self.mcu.receive(self.down(down), self.now)
        for datagram, _ in self.module.take_lan():
            payload = packet.decode(datagram, TOKEN).payload
            if isinstance(payload, dict) and "id" in payload:
                self.replies[payload["id"]] = payload
