"""Updates of a virtual product, each disturbed at a random instant; and what is true of the product afterwards."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from miio_lan import Device
from miio_lan.device.ota.blocking import FirmwareInstall
from miio_lan.device.ota.outcome import Ending, UpdateResult
from miio_lan.device.ota.pace import Pace
from miio_lan.errors import DeviceException
from miio_lan.virtual.image import make_image
from miio_lan.virtual.module.download import UpdateTimes
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct

#: The times of a product whose life is fast.
TIMES = UpdateTimes(stall=1.5, download=8.0, tries=2, pause=0.2, flash=0.4, version=2.0)
BOOT = Timings(boot=0.2)
PACE = Pace(every=0.1, answer=0.6, begin=3.0, settle=2.5, confirm=0.8, silence=5.0, total=12.0)
#: Seconds beyond the total that an update may take to end: the last question, and the closing of the server.
SLACK = 5.0
PATIENCE = 100.0
OLD = {"module": "2.0.0", "mcu": "0001"}
NEW = {"module": "2.1.0", "mcu": "0042"}
SIZES = {"module": 1_000_000, "mcu": 60_000}

Interfere = Callable[["Run"], object]


@dataclass
class Run:
    """One update, and who disturbs it."""

    kind: str
    part: str
    at: float
    product: VirtualProduct
    device: Device
    install: FirmwareInstall
    image: bytes
    rng: random.Random
    result: UpdateResult | None = None
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ending = self.result.ending.value if self.result is not None else "none"
        text = self.result.text if self.result is not None else ""
        return f"{self.part}, {self.kind} at {self.at:.2f} s: {ending} after {self.seconds:.1f} s ({text})"


def lose(run: Run) -> None:
    """Lose all datagrams for a while, or half of them to the end."""
    end = time.monotonic() + run.rng.choice([0.5, 2.0, 100.0])
    share = 0.5 if end > time.monotonic() + 50 else 1.0
    module = run.product.module
    receive = module.receive_lan

    def lossy(datagram: bytes, peer: Any, now: float) -> None:
        if now > end or run.rng.random() >= share:
            receive(datagram, peer, now)

    run.product.call(lambda _: setattr(module, "receive_lan", lossy))


def stop_server(run: Run) -> None:
    server = run.install._stage.server
    if server is not None:
        server.close()


def break_connections(run: Run) -> None:
    """End the connections of the file server in the middle; it goes on."""
    server = run.install._stage.server
    if server is not None:
        server._loop.call(lambda: [server._dismiss(guest) for guest in server._guests.copy()])


def misbehave(**settings: Any) -> Interfere:
    def change(run: Run) -> None:
        run.product.call(lambda _: [setattr(run.product.mcu.bootloader, *each) for each in settings.items()])

    return change


def spoil(run: Run) -> None:
    run.install._stage._md5 = "0" * 32


def truncate(run: Run) -> None:
    body = run.install._stage._body
    assert body is not None
    run.install._stage._body = body[: run.rng.randrange(1, len(body))]


BEFORE: dict[str, Interfere] = {
    "wrong md5": spoil,
    "truncated file": truncate,
    "busy": lambda run: run.product.call(lambda _: setattr(run.product.mcu, "update_answer", "busy")),
    "MCU refuses": misbehave(refusal="not for me"),
    "MCU cancels": misbehave(fault="cancels"),
}
MEANWHILE: dict[str, Interfere] = {
    "LAN loss": lose,
    "module reboot": lambda run: run.product.call(run.product.module.restart),
    "MCU reset": lambda run: run.product.call(run.product.mcu.start),
    "server stopped": stop_server,
    "connections broken": break_connections,
    "cancel": lambda run: run.install.cancel(),
}
KINDS = [*BEFORE, *MEANWHILE]


@contextmanager
def product_of(profile: str = "document", host: str = "127.0.0.1") -> Iterator[VirtualProduct]:
    """A product that has been running for a while, so that a restart shows in whole seconds."""
    module = {"update_times": TIMES, "timings": BOOT, "uptime": 1000.0}
    with VirtualProduct(
        host=host, profile=profile, module_options=module, mcu_options={"poll_interval": 0.01}
    ) as product:
        yield product


def image_of(part: str, rng: random.Random, size: int | None = None) -> bytes:
    return make_image(part, NEW[part], rng.randbytes(SIZES[part] if size is None else size))  # type: ignore[arg-type]


def interfered(seed: int, kind: str = "") -> Run:
    """Carry out one update that is interfered with; what is not as it should be stands in ``errors``."""
    rng = random.Random(seed)
    kind = kind or KINDS[seed % len(KINDS)]
    part = (
        "mcu"
        if kind in ("busy", "MCU refuses", "MCU cancels", "MCU reset")
        else rng.choice(["module", "mcu"])
    )
    # The download is over soon, what follows it takes longer.
    at = rng.uniform(0.0, rng.choice([0.15, 1.0]))
    image = image_of(part, rng)
    with product_of() as product, Device(product.host, product.token, port=product.port) as device:
        version = rng.choice([NEW[part], None])
        install = device.installing(image, version=version, pace=PACE)
        run = Run(kind, part, at, product, device, install, image, rng)
        if kind in BEFORE:
            BEFORE[kind](run)
        timer = threading.Timer(at, lambda: MEANWHILE.get(kind, lambda _: None)(run))
        timer.start()
        began = time.monotonic()
        try:
            for _ in install:
                pass
        except DeviceException as error:
            run.errors.append(f"raised {error!r}")
        finally:
            timer.cancel()
            timer.join()
        run.seconds = time.monotonic() - began
        run.result = install.result
        _examine(run)
    return run


def _examine(run: Run) -> None:
    """Hold what was told against the product itself."""
    if run.result is None:
        run.errors.append("no result")
        return
    product, result = run.product, run.result
    if run.seconds > PACE.total + SLACK:
        run.errors.append("it took too long")
    said = product.call(lambda _: {"module": product.module.chip.firmware, "mcu": product.mcu.version})
    kept = product.call(lambda _: product.mcu.image)
    if result.proven and said[run.part] != NEW[run.part]:
        run.errors.append(f"proven, but the product has {said}")
    if result.proven and run.part == "mcu" and kept != run.image:
        run.errors.append("proven, but the MCU has another image")
    if result.failed and result.ending not in {Ending.Cancelled, Ending.TimedOut} and said != OLD:
        run.errors.append(f"failed, but the product has {said}")
    if run.kind in ("wrong md5", "truncated file", "busy", "MCU refuses") and not result.failed:
        run.errors.append("this cannot end well")
    if run.kind == "MCU refuses" and kept is not None:
        run.errors.append("the MCU took what it refused")
    server = run.install._stage.server
    if server is not None and not server._closed:
        run.errors.append("the file is still served")
    told = _versions(run)
    if told is None:
        run.errors.append("the product does not answer afterwards")
    elif any(version not in (OLD[part], NEW[part]) for part, version in told.items()):
        run.errors.append(f"the product tells {told} afterwards")


def _versions(run: Run) -> dict[str, str | None] | None:
    """Ask the product for its versions; half of the datagrams may still get lost."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            info = run.device.info(skip_cache=True)
        except DeviceException:
            continue
        if info.mcu_firmware_version is not None:  # a module that has just started is told it by the MCU
            return {"module": info.firmware_version, "mcu": info.mcu_firmware_version}
    return None
