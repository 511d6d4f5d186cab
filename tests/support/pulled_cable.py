"""A program of its own: a computer whose cable is pulled, and whose address changes, in network namespaces.

Run by ``unshare --user --map-root-user --net``, with the number of rounds. Both faces read all the time with the same
objects. Prints, as JSON, for each round what each read ended with.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from miio_lan import AsyncDevice, Device, DeviceException
from miio_lan.lan.packet import PORT
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
#: One for each face: two objects that speak to one device would wait for one another.
PRODUCTS = {"blocking": "10.123.0.1", "awaited": "10.123.0.9"}
ADDRESSES = "10.123.0.2", "10.123.0.3"
PARAMETERS = [{"did": "on", "siid": 2, "piid": 1}]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def products() -> None:
    """Play both products, in a namespace of their own, until stdin ends."""
    print("ready", flush=True)
    sys.stdin.readline()
    ip("link", "set", "lo", "up")
    ip("link", "set", "v1", "up")
    for address in PRODUCTS.values():
        ip("addr", "add", f"{address}/24", "dev", "v1")
    options = {"token": TOKEN, "port": PORT, "mcu_options": {"poll_interval": 0.002}}
    first, second = PRODUCTS.values()
    with (
        VirtualProduct(host=first, device_id=1111, **options),
        VirtualProduct(host=second, device_id=2222, **options),
    ):
        print("listening", flush=True)
        sys.stdin.readline()


class Computer:
    """The computer with the cable, and its two devices."""

    def __init__(self) -> None:
        self.blocking = Device(PRODUCTS["blocking"], TOKEN, timeout=1)
        self.awaited = AsyncDevice(PRODUCTS["awaited"], TOKEN, timeout=1)
        self.blocking.retry_count = self.awaited.retry_count = 1
        self.address = 0
        ip("link", "set", "lo", "up")
        ip("addr", "add", f"{ADDRESSES[0]}/24", "dev", "v0")
        ip("link", "set", "v0", "up")

    async def read(self) -> dict[str, str]:
        """Read with both faces, at the same time."""
        blocking, awaited = await asyncio.gather(
            asyncio.to_thread(self.blocking.send, "get_properties", PARAMETERS),
            self.awaited.send("get_properties", PARAMETERS),
            return_exceptions=True,
        )
        return {"blocking": outcome(blocking), "awaited": outcome(awaited)}

    async def round(self) -> dict[str, dict[str, str]]:
        """Pull the cable and put it in again; between two calls and in the middle of one; then change the address."""
        found = {"before": await self.read()}
        ip("link", "set", "v0", "down")
        found["down"] = await self.read()
        ip("link", "set", "v0", "up")
        found["after the cable"] = await self.read()
        ip("link", "set", "v0", "down")
        under_way = asyncio.ensure_future(self.read())
        await asyncio.sleep(0.4)
        ip("link", "set", "v0", "up")
        found["in the middle"] = await under_way
        found["after that"] = await self.read()
        old, self.address = self.address, 1 - self.address
        ip("addr", "del", f"{ADDRESSES[old]}/24", "dev", "v0")
        ip("addr", "add", f"{ADDRESSES[self.address]}/24", "dev", "v0")
        found["address changed"] = await self.read()
        found["after the change"] = await self.read()
        return found


def outcome(answer: object) -> str:
    if isinstance(answer, DeviceException):
        return f"{type(answer).__name__}: {answer}"
    if isinstance(answer, BaseException):
        raise answer
    assert isinstance(answer, list)
    return "ok" if answer[0]["code"] == 0 else repr(answer)


async def computer(rounds: int) -> list[dict[str, dict[str, str]]]:
    own = Computer()
    found = [await own.round() for _ in range(rounds)]
    own.blocking.close()
    await own.awaited.close()
    return found


def main(rounds: int) -> None:
    command = ["unshare", "--net", sys.executable, __file__, "products"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("link", "set", "v1", "netns", str(process.pid))
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "listening\n"
        found = asyncio.run(computer(rounds))
        process.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1:] == ["products"]:
        products()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
