"""A program of its own: a computer, a product, the product's access point and a home network, in network namespaces.

::

    computer  ca ── da  product     its own access point, 10.8.0.0/24: up while it waits to be set up
              ch ── dh              the home network, 10.1.0.0/24: up while it has joined

The product moves its cables itself, as its network state has it. Run by ``unshare --user --map-root-user --net
--mount``. Prints, as JSON, what became of each attempt to set it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from miio_lan import Device, DeviceException, discover, provision
from miio_lan.device.fleet.named import DevicesFile
from miio_lan.device.provision import aio
from miio_lan.device.provision.result import Provisioned
from miio_lan.lan import PORT
from miio_lan.record import Record
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct

DID = 0x0A0A
SSID, PASSWORD = "attic", "a right password"
OWN, HOME = "da", "dh"
# Its access point stays for a moment: the answer to the order goes out there.
TIMINGS = Timings(reboot=0.1, boot=0.1, leave=0.3, join=0.5, cloud=0.5, give_up=1.0)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def say(word: str) -> None:
    print(word, flush=True)


def move(state: str) -> None:
    """Plug the cables as a product does that is in this network state."""
    ip("link", "set", OWN, "up" if state == "uap" else "down")
    ip("link", "set", HOME, "up" if state in ("local", "cloud", "updating") else "down")


def play() -> None:
    """Play the product, in a namespace of its own."""
    say("ready")
    sys.stdin.readline()  # the cables are there
    ip("link", "set", "lo", "up")
    ip("addr", "add", "10.8.0.1/24", "broadcast", "+", "dev", OWN)
    ip("addr", "add", "10.1.0.10/24", "broadcast", "+", "dev", HOME)
    states: list[str] = []
    told = threading.Condition()

    def observe(record: Record) -> None:
        words = record.raw.split()
        if words[1:2] == [b"MIIO_net_change"]:
            with told:
                states.append(words[2].decode())
                told.notify_all()

    module = {"timings": TIMINGS, "networks": {SSID: PASSWORD}, "on_net": move}
    with VirtualProduct(
        host="0.0.0.0",
        port=PORT,
        device_id=DID,
        observer=observe,
        module_options=module,
    ) as product:
        say("done")
        for order in sys.stdin:
            if order.strip() == "reset":
                product.call(product.mcu.reset_network)
                say("done")
            else:
                wanted = order.split()
                with told:  # the MCU hears of it when it polls
                    told.wait_for(lambda wanted=wanted: states[-1:] == wanted, timeout=60)
                    say(json.dumps(states))
                    states.clear()


class Product:
    """The product, from outside."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        command = ["unshare", "--net", sys.executable, __file__, "play"]
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(self._process.kill)
        assert self._hear() == "ready"
        for number, near, far in (("8", "ca", OWN), ("1", "ch", HOME)):
            ip("link", "add", near, "type", "veth", "peer", "name", far)
            ip("link", "set", far, "netns", str(self._process.pid))
            ip("addr", "add", f"10.{number}.0.2/24", "broadcast", "+", "dev", near)
            ip("link", "set", near, "up")
        assert self.tell("begin") == "done"

    def tell(self, order: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def told(made: Provisioned) -> dict[str, Any]:
    return {
        "phases": [[each.name, each.outcome] for each in made.phases],
        "ip": made.ip,
        "did": made.did,
        "error": made.error,
    }


def waits() -> str:
    """Wait until it waits to be set up, and give the address at which it shows its token."""
    while True:
        for each in discover(1.2, mdns=False):
            if each.token is not None:
                return each.ip


def live(stack: contextlib.ExitStack, file: DevicesFile) -> dict[str, Any]:
    ip("link", "set", "lo", "up")
    product = Product(stack)
    found: dict[str, Any] = {}
    product.tell("reset")
    found["waits at"] = waits()
    with Device("10.1.0.10", timeout=0.3) as device:
        device.retry_count = 0
        try:
            device.send_handshake()
        except DeviceException as error:
            found["gone from home"] = type(error).__name__
    product.tell("uap")
    wishes: dict[str, Any] = {"find_time": 1.6, "timeout": 60}
    found["wrong password"] = told(provision(SSID, "a wrong password", **wishes))
    found["states then"] = json.loads(product.tell("uap"))
    made = provision(SSID, PASSWORD, name="lamp", path=file.path, **wishes)
    found["right password"] = told(made)
    with Device.from_name("lamp", path=file.path) as lamp:
        found["info"] = [lamp.info().accesspoint["ssid"], lamp.info().ip_address, lamp.device_id]
    found["states in the end"] = json.loads(product.tell("cloud"))
    product.tell("reset")
    waits()
    again = asyncio.run(aio.provision(SSID, PASSWORD, name="lamp", path=file.path, **wishes))
    found["again, asyncio"] = told(again)
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["play"]:
        play()
    else:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as opened:
            print(json.dumps(live(opened, DevicesFile(Path(name) / "devices.json"))))
