"""A program of its own: a computer whose address changes, and a product whose name moves, in network namespaces.

Run by ``unshare --user --map-root-user --net --mount``: it may make a network of its own there, a cable between two
namespaces without any way out. Prints, as JSON, what each call to the product ended with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from miio_lan import Device, DeviceException
from miio_lan.lan.packet import PORT
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
DEVICE_ID = 0x1234_5678
PRODUCT, ELSEWHERE = "10.123.0.1", "10.123.0.9"
BEFORE, AFTER = "10.123.0.2", "10.123.0.3"
NAME = "lamp.example"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def product() -> None:
    """Play the product, in a namespace of its own: ready, then listening, then elsewhere."""
    print("ready", flush=True)
    sys.stdin.readline()
    ip("link", "set", "lo", "up")
    ip("link", "set", "v1", "up")
    for address in (PRODUCT, ELSEWHERE):
        ip("addr", "add", f"{address}/24", "dev", "v1")
        own = {"token": TOKEN, "device_id": DEVICE_ID}
        with VirtualProduct(host=address, port=PORT, **own, mcu_options={"poll_interval": 0.002}):
            print("listening", flush=True)
            sys.stdin.readline()
        ip("addr", "del", f"{address}/24", "dev", "v1")


def tell(process: subprocess.Popen[str]) -> None:
    """Have the product do the next thing, and wait until it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "listening\n"


def read(device: Device) -> str:
    try:
        answer = device.send("get_properties", [{"did": "on", "siid": 2, "piid": 1}])
    except DeviceException as error:
        return f"{type(error).__name__}: {error}"
    return "ok" if answer[0]["code"] == 0 else repr(answer)


def client(hosts: Path) -> None:
    found: dict[str, list[str]] = {}
    hosts.write_text(f"127.0.0.1 localhost\n{PRODUCT} {NAME}\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    command = ["unshare", "--net", sys.executable, __file__, "product"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        ip("link", "set", "lo", "up")
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("link", "set", "v1", "netns", str(process.pid))
        ip("addr", "add", f"{BEFORE}/24", "dev", "v0")
        ip("link", "set", "v0", "up")
        tell(process)
        with Device(NAME, TOKEN, timeout=1) as device:
            device.retry_count = 1
            found["before"] = [read(device)]
            ip("addr", "del", f"{BEFORE}/24", "dev", "v0")
            ip("addr", "add", f"{AFTER}/24", "dev", "v0")
            found["own address changed"] = [read(device), read(device)]
            with Device(NAME, TOKEN, timeout=1) as another:
                found["another device"] = [read(another)]
            hosts.write_text(f"127.0.0.1 localhost\n{ELSEWHERE} {NAME}\n")
            tell(process)
            found["name points elsewhere"] = [read(device), read(device)]
        process.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1:] == ["product"]:
        product()
    else:
        with tempfile.TemporaryDirectory() as folder:
            client(Path(folder) / "hosts")
