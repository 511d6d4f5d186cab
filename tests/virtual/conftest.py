from __future__ import annotations

import pytest

from miio_lan.lan import packet
from miio_lan.virtual.module.module import Module

TOKEN = bytes(range(16))
DID = 123_456_789
PEER = ("127.0.0.1", 40000)


class ModuleBench:
    """A module with a clock in our hand: LAN calls on one side, lines of an MCU on the other."""

    def __init__(self, **options):
        self.module = Module(device_id=DID, token=TOKEN, **options)
        self.now = 1000.0
        self.module.start(self.now)
        self._id = 100

    def wait(self, seconds):
        """Let time pass as a driver does: tick at each deadline."""
        end = self.now + seconds
        while (due := self.module.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.module.tick(self.now)
        self.now = end
        self.module.tick(end)

    def uart(self, text):
        """Say a line, give the text of what comes back (its CRs kept)."""
        return self.bytes(text.encode() + b"\r").decode()

    def bytes(self, data):
        self.module.receive_uart(data, self.now)
        return self.module.take_uart()

    def drain(self):
        """Fetch the notices, so that the next get_down is about a request."""
        notices = []
        while (reply := self.uart("get_down")) != "down none\r":
            notices.append(reply.removeprefix("down ").strip())
        return notices

    def send(self, method, params=(), *, peer=PEER, **more):
        self._id += 1
        params = list(params) if isinstance(params, tuple) else params
        payload = {"id": self._id, "method": method, "params": params, **more}
        stamp = self.module.responder.stamp(self.now)
        self.module.receive_lan(
            packet.encode(payload, token=TOKEN, device_id=DID, stamp=stamp), peer, self.now
        )
        return self._id

    def acknowledge(self, message, peer=PEER):
        stamp = self.module.responder.stamp(self.now)
        payload = {"id": message["id"], "result": {"code": 0}}
        self.module.receive_lan(
            packet.encode(payload, token=TOKEN, device_id=DID, stamp=stamp), peer, self.now
        )

    def replies(self):
        return [packet.decode(data, TOKEN).payload for data, _ in self.module.take_lan()]

    def reply(self):
        (only,) = self.replies()
        return only

    def call(self, method, params=(), **more):
        """Ask what the module answers by itself."""
        number = self.send(method, params, **more)
        reply = self.reply()
        assert reply["id"] == number
        return reply["result"] if "result" in reply else reply["error"]["code"]

    def hello(self):
        self.module.receive_lan(packet.HELLO, PEER, self.now)
        return [packet.decode(data, None) for data, _ in self.module.take_lan()]


@pytest.fixture(scope="session")
def bench():
    """Make benches."""
    return ModuleBench
