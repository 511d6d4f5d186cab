"""A program of its own: a computer, a router and two products on two subnets, in network namespaces.

::

    computer ── ca ─┐                                     ┌─ 10.1.0.10  product of subnet a
    10.1.0.2        ├─ bridge a (10.1.0.1)                │  (moves to 10.1.0.20)
                    │  router                             │
    10.2.0.2 ── cb ─┴─ bridge b (10.2.0.1)                └─ 10.2.0.10  product of subnet b, announces itself

Run by ``unshare --user --map-root-user --net --mount``. Prints, as JSON, what each search found.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from miio_lan import AsyncDevice, Device, DeviceException, discover
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.lan import PORT
from miio_lan.lan.discovery import aio
from miio_lan.lan.discovery.blocking import search
from miio_lan.lan.discovery.findings import Finding
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
DIDS = {"a": 0x0A0A, "b": 0x0B0B}
# As some devices write it: the first length is wrong, and all entries run into each other.
BROKEN_TXT = b"\x01e\x18poch=1\x10mac=f0b429aabb0c"
WAIT = 1.3
"""Seconds of a search: three broadcasts, each of which may get lost on a busy machine."""


class Namespace:
    """A network of its own, and the program that runs in it."""

    def __init__(self, stack: contextlib.ExitStack, *words: str) -> None:
        command = ["unshare", "--net", sys.executable, __file__, *words]
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(self._process.kill)
        self.hear("ready")
        self.ip("link", "set", "lo", "up")

    @property
    def pid(self) -> str:
        return str(self._process.pid)

    def run(self, *words: str) -> None:
        subprocess.run(["nsenter", "--target", self.pid, "--net", *words], check=True)

    def ip(self, *words: str) -> None:
        self.run("ip", *words)

    def tell(self, order: str, answer: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        self.hear(answer)

    def hear(self, answer: str) -> None:
        assert self._process.stdout is not None
        heard = self._process.stdout.readline().strip()
        assert heard == answer, heard


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def ip(*words: str) -> None:
    run("ip", *words)


def play(side: str) -> None:
    """Play a product, or nothing, in a namespace of its own."""
    print("ready", flush=True)
    product: VirtualProduct | None = None
    with contextlib.ExitStack() as stack:
        for order in sys.stdin:
            if order.startswith("play"):
                own: dict[str, Any] = {"token": TOKEN, "device_id": DIDS[side]}
                product = stack.enter_context(VirtualProduct(host="0.0.0.0", port=PORT, **own))
            elif order.startswith(("aloof", "open")) and product is not None:
                heed(product, "10.2.0.0/24" if order.startswith("aloof") else None)
            elif order.startswith("announce"):
                announce(stack, DIDS[side])
            print("done", flush=True)


def heed(product: VirtualProduct, subnet: str | None) -> None:
    """Have a product heed its own subnet only, or everybody again."""

    def change(_now: float) -> None:
        responder = product.module.responder
        responder.options = replace(responder.options, own_subnet=subnet)

    product.call(change)


def announce(stack: contextlib.ExitStack, did: int) -> None:
    import socket

    from zeroconf import IPVersion, ServiceInfo, Zeroconf

    made = stack.enter_context(
        contextlib.closing(Zeroconf(interfaces=["10.2.0.10"], ip_version=IPVersion.V4Only))
    )
    name = f"yeelink-light-mono1_miio{did}._miio._udp.local."
    address = socket.inet_aton("10.2.0.10")
    info = ServiceInfo(
        "_miio._udp.local.", name, PORT, addresses=[address], properties=BROKEN_TXT, server="b.local."
    )
    made.register_service(info)


def cable(near: str, far: str, there: Namespace) -> None:
    ip("link", "add", near, "type", "veth", "peer", "name", far)
    ip("link", "set", far, "netns", there.pid)


def build(stack: contextlib.ExitStack) -> tuple[Namespace, dict[str, Namespace]]:
    ip("link", "set", "lo", "up")
    router = Namespace(stack, "play", "a")
    products = {side: Namespace(stack, "play", side) for side in "ab"}
    for number, side in enumerate("ab", 1):
        bridge = f"bridge-{side}"
        router.ip("link", "add", bridge, "type", "bridge")
        cable(f"c{side}", f"rc{side}", router)
        cable(f"d{side}", f"rd{side}", router)
        ip("link", "set", f"d{side}", "netns", products[side].pid)
        for port in (f"rc{side}", f"rd{side}"):
            router.ip("link", "set", port, "master", bridge)
            router.ip("link", "set", port, "up")
        router.ip("addr", "add", f"10.{number}.0.1/24", "broadcast", "+", "dev", bridge)
        router.ip("link", "set", bridge, "up")
        settle(products[side], number, f"d{side}")
    router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    return router, products


def settle(product: Namespace, number: int, interface: str) -> None:
    product.ip("addr", "add", f"10.{number}.0.10/24", "broadcast", "+", "dev", interface)
    product.ip("link", "set", interface, "up")
    product.ip("route", "add", "default", "via", f"10.{number}.0.1")
    product.tell("play", "done")


def join(number: int, side: str) -> None:
    ip("addr", "add", f"10.{number}.0.2/24", "broadcast", "+", "dev", f"c{side}")
    ip("link", "set", f"c{side}", "up")


def seen(found: list[Finding]) -> list[list[Any]]:
    return sorted([each.did, each.ip, each.interface] for each in found)


async def gathered(**how: Any) -> list[list[Any]]:
    found = {each.did: each async for each in aio.discover(WAIT, **how)}
    return seen(list(found.values()))


def read(device: Device) -> str:
    try:
        answer = device.send("get_properties", [{"did": "on", "siid": 2, "piid": 1}])
    except DeviceException as error:
        return f"{type(error).__name__}: {error}"
    return "ok" if answer[0]["code"] == 0 else repr(answer)


def live(stack: contextlib.ExitStack, folder: Path) -> dict[str, Any]:
    _, products = build(stack)
    found: dict[str, Any] = {}
    join(1, "a")
    ip("route", "add", "10.2.0.0/24", "via", "10.1.0.1")
    found["one interface"] = seen(discover(WAIT, mdns=False))
    found["sweep behind the router"] = seen(discover(subnets="10.2.0.8/29", timeout=WAIT))
    ip("route", "del", "10.2.0.0/24")
    join(2, "b")
    found["both"] = seen(discover(WAIT, mdns=False))
    found["a alone"] = seen(discover(WAIT, interfaces=["ca"], mdns=False))
    found["b alone"] = seen(discover(WAIT, interfaces=["10.2.0.2"], mdns=False))
    found["both, asyncio"] = asyncio.run(gathered(mdns=False))
    products["b"].tell("announce", "done")
    found["announced"] = next(filter(None, map(told, search(20.0, interfaces=["cb"], mdns=True))))
    found["announced, asyncio"] = asyncio.run(announced_there())
    found |= moved(products["a"], DevicesFile(folder / "devices.json"))
    return found


async def announced_there() -> list[Any]:
    async with contextlib.aclosing(aio.discover(20.0, interfaces=["cb"], mdns=True)) as found:
        async for each in found:
            if told(each):
                return told(each)
    return []


def told(finding: Finding) -> list[Any]:
    """What was found, when all is known; else nothing."""
    known = finding.answered and finding.model
    return [finding.did, finding.model, finding.mac, finding.answered] if known else []


def moved(product: Namespace, file: DevicesFile) -> dict[str, Any]:
    """Have the product of subnet a move, while a program uses it by its name; and while none does."""
    found: dict[str, Any] = {}
    file.put(NamedDevice("lamp", "10.1.0.10", TOKEN, DIDS["a"]))
    with Device.from_name("lamp", path=file.path, timeout=1) as device:
        device.retry_count = 1
        found["before"] = read(device)
        product.ip("addr", "del", "10.1.0.10/24", "dev", "da")
        product.ip("addr", "add", "10.1.0.20/24", "broadcast", "+", "dev", "da")
        # The call in the middle of the change may fail; the next one may not.
        found["moved"] = [read(device), read(device)]
        found["its address"] = [device.ip, file.get("lamp").ip]
    file.put(NamedDevice("lamp", "10.1.0.99", TOKEN, DIDS["a"]))
    with Device.from_name("lamp", path=file.path, timeout=5) as device:
        found["moved meanwhile"] = [read(device), file.get("lamp").ip]
    found["moved, asyncio"] = asyncio.run(moved_back(product, file), debug=True)
    return found


async def moved_back(product: Namespace, file: DevicesFile) -> list[str]:
    """The same in an event loop: first it has moved meanwhile, then it moves while it is used."""
    file.put(NamedDevice("lamp", "10.1.0.99", TOKEN, DIDS["a"]))
    read = [{"did": "on", "siid": 2, "piid": 1}]
    async with AsyncDevice.from_name("lamp", path=file.path, timeout=5) as device:
        await asyncio.gather(*(device.send("get_properties", read) for _ in range(10)))
        found = [file.get("lamp").ip]
        product.ip("addr", "del", "10.1.0.20/24", "dev", "da")
        product.ip("addr", "add", "10.1.0.10/24", "broadcast", "+", "dev", "da")
        with contextlib.suppress(DeviceException):  # the call in the middle of the change
            await device.send("get_properties", read, 0, timeout=1)
        await device.send("get_properties", read)
        return [*found, device.ip, file.get("lamp").ip]


if __name__ == "__main__":
    if sys.argv[1:2] == ["play"]:
        play(sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as opened:
            print(json.dumps(live(opened, Path(name))))
