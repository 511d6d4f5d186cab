"""A program of its own: the network of ``two_subnets.py``, and the doctor who looks at what is wrong in it.

Run by ``unshare --user --map-root-user --net --mount``. Prints, as JSON, what each look found.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import two_subnets
from two_subnets import DIDS, TOKEN, Namespace

from miio_lan.device.doctor import diagnose
from miio_lan.lan import PORT

NEAR, FAR = "10.1.0.10", "10.2.0.10"


def look(*looks: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Look at several devices at the same time."""

    def one(what: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        address, how = what
        return diagnose(address, TOKEN, **how).as_json()

    with ThreadPoolExecutor(len(looks)) as pool:
        return list(pool.map(one, looks))


def without_rules(router: Namespace, products: dict[str, Namespace]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = ("near", "far", "nobody near", "nobody far", "moved", "closed port", "no way")
    looks = look(
        (NEAR, {"did": DIDS["a"]}),
        (FAR, {"did": DIDS["b"]}),
        ("10.1.0.99", {}),
        ("10.2.0.99", {}),
        ("10.1.0.98", {"did": DIDS["a"]}),
        (FAR, {"port": PORT + 1}),
        ("10.9.9.9", {}),
    )
    found |= dict(zip(names, looks, strict=True))
    products["b"].tell("aloof", "done")
    (found["aloof"],) = look((FAR, {}))
    products["b"].tell("open", "done")
    for kind in ("prohibit", "blackhole"):
        router.ip("route", "add", kind, f"{FAR}/32")
        (found[kind],) = look((FAR, {}))
        router.ip("route", "del", kind, f"{FAR}/32")
    return found


def with_rules(router: Namespace) -> dict[str, Any]:
    """Set up firewalls, where there is a tool for it."""
    if shutil.which("nft") is None:
        return {}
    found: dict[str, Any] = {}
    rule = "add rule ip t c udp dport 54321"
    for name, hook, verdict in (
        ("reject", "forward", "reject"),
        ("admin", "forward", "reject with icmp type admin-prohibited"),
        ("drop", "forward", "drop"),
        ("own", "output", "drop"),
    ):
        script = (
            f"add table ip t; add chain ip t c {{ type filter hook {hook} priority 0; }}; {rule} {verdict}"
        )
        if hook == "output":
            two_subnets.run("nft", script)
        else:
            router.run("nft", script)
        (found[name],) = look((FAR, {}))
        if hook == "output":
            two_subnets.run("nft", "delete table ip t")
        else:
            router.run("nft", "delete table ip t")
    return found


def main() -> None:
    with contextlib.ExitStack() as stack:
        router, products = two_subnets.build(stack)
        two_subnets.join(1, "a")
        two_subnets.ip("route", "add", "10.2.0.0/24", "via", "10.1.0.1")
        print(json.dumps(without_rules(router, products) | with_rules(router)))


if __name__ == "__main__":
    main()
