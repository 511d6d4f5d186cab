"""``bench check``: say what of a bench file is there, and what does not answer."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import click

from miio_lan.bench.places.presence import LOOKING_TIME
from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings, command
from miio_lan.cli.signals import SIGNAL_TIME
from miio_lan.click_common.failures import FAILED
from miio_lan.click_common.layout import columns, folded
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo, echo_json
from miio_lan.foreign import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from miio_lan.bench.places.file import ProductEntry
    from miio_lan.bench.places.presence import Presence

_FILE = "miio.toml"
_AT_ONCE = 8
_GAP = 2
_LEAST_SEEN = 20
HEADINGS = ("PRODUCT", "CHECK", "VERDICT", "SEEN")


@command("check", without=(*DEVICE_OPTIONS, "show_secrets"))
@click.argument("file", default=_FILE)
@click.option(
    "--within",
    type=SECONDS,
    default=LOOKING_TIME,
    show_default=True,
    metavar="SECONDS",
    help="Time for a device that does not answer.",
)
@click.option("--only", multiple=True, metavar="NAME", help="This product; repeat.")
def check(settings: CliSettings, file: str, within: float, only: tuple[str, ...]) -> None:
    """Look at the products of a bench FILE (miio.toml): what is there, and what does not answer?

    Of each: does it answer a hello, is the token right, is it the model of its description; do the serial ports open,
    and is something heard there; is the program there that switches its power. Nothing is changed, nothing switched.
    Virtual products are started and asked.

    Exit code 0 says that all is there; 1 that something is missing, in doubt, or in use.
    """
    from miio_lan.bench.places.file import read_bench
    from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS
    from miio_lan.virtual.module.profile import PROFILES

    path = Path(file)
    products = _chosen(read_bench(path, profiles=PROFILES, misbehaviours=MISBEHAVIOURS), only, path)
    if sys.stderr is not None and sys.stderr.isatty():
        echo(f"Looking at {len(products)} products (Ctrl-C to give up)", err=True)
    found = _all_looked_at(products, lambda entry: _look(entry, path, within))
    ready = all(each.ready for each in found)
    if settings.json:
        echo_json({"file": str(path), "ready": ready, "products": [each.as_json() for each in found]})
    else:
        echo("\n".join(rows(found, columns(sys.stdout))))
    if not ready:
        click.get_current_context().exit(FAILED)


def _all_looked_at(
    products: Sequence[ProductEntry], look: Callable[[ProductEntry], Presence]
) -> list[Presence]:
    """Look at several products at one time.

    Ctrl-C ends it at once: who is looking changes nothing, and what he holds the system frees with the program. Only
    a place that was acquired elsewhere is waited for, until it is released.
    """
    news: SimpleQueue[tuple[int, Presence | BaseException]] = SimpleQueue()
    room, over = threading.Semaphore(_AT_ONCE), threading.Event()
    acquiring: list[threading.Thread] = []

    def work(number: int, entry: ProductEntry) -> None:
        with room:
            if entry.labgrid is not None:
                acquiring.append(threading.current_thread())
            if not over.is_set():  # looked at last: who is seen to acquire nothing by now will not
                try:
                    news.put((number, look(entry)))
                except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                    news.put((number, error))

    found: dict[int, Presence] = {}
    try:
        for number, entry in enumerate(products):
            name = f"look at {entry.name}"
            threading.Thread(target=work, args=(number, entry), name=name, daemon=True).start()
        while len(found) < len(products):
            found.update(_seen(news))
    except BaseException:
        over.set()
        for thread in acquiring:
            thread.join()
        raise
    return [found[number] for number in range(len(products))]


def _seen(news: SimpleQueue[tuple[int, Presence | BaseException]]) -> dict[int, Presence]:
    """Wait for what a look came to; empty if that takes longer than Ctrl-C may wait. What it failed with is raised."""
    try:
        number, seen = news.get(timeout=SIGNAL_TIME)
    except Empty:
        return {}
    if isinstance(seen, BaseException):
        raise seen
    return {number: seen}


def _chosen(products: dict[str, ProductEntry], only: Sequence[str], path: Path) -> list[ProductEntry]:
    from miio_lan.errors import BenchFileError
    from miio_lan.record.redact import told_of

    for name in only:
        if name not in products:
            problem = f"there is no product {name!r}; there are {', '.join(products)}"
            raise BenchFileError(told_of(path, problem))
    return [each for name, each in products.items() if not only or name in only]


def _look(entry: ProductEntry, path: Path, within: float) -> Presence:
    from miio_lan.bench.places.claims import claims_to
    from miio_lan.bench.places.presence import in_use, look_at

    if entry.virtual:
        return _started(entry)
    with ExitStack() as stack:
        for claim in claims_to(entry, path):
            stack.callback(claim.free)
            try:
                if not claim.take("miio-lan bench check", wait=False):
                    return in_use(entry, claim.holder())
            except OSError as error:
                return in_use(entry, f"somebody, perhaps: {error}")
        return look_at(entry, within=within) if entry.labgrid is None else _at_a_place(entry, within)


def _at_a_place(entry: ProductEntry, within: float) -> Presence:
    """Acquire a place of labgrid, look at what it has, and release it."""
    from miio_lan.bench.places.presence import Presence, look_at, told
    from miio_lan.device.doctor import StepVerdict
    from miio_lan.errors import DeviceException

    done = "Acquired the place, and released it."
    try:
        from miio_lan.labgrid import open_any

        with open_any(entry.labgrid or "", coordinator=entry.coordinator) as place:
            there = place.entry
            known = {key: getattr(there, key) for key in ("host", "token", "port", "did", "uart", "uart_up")}
            found = look_at(replace(entry, spec=entry.spec or there.spec, **known), within=within)
            has = there.power if entry.power is None else None
    except (DeviceException, ImportError) as error:
        step = told("place", StepVerdict.BAD, done, str(error))
        return Presence(entry.name, entry.describe(), (step,))
    step = told("place", StepVerdict.GOOD, done, "it is free, and has what a bench needs")
    switch = [told("power", StepVerdict.GOOD, "Nothing was switched.", f"{has!r} switches it")] if has else []
    return Presence(entry.name, entry.describe(), (step, *found.checks, *switch))


def _started(entry: ProductEntry) -> Presence:
    """Start a virtual product, and ask it."""
    from miio_lan.bench.places.presence import Presence, told
    from miio_lan.device.blocking import Device
    from miio_lan.device.description.cache import find
    from miio_lan.device.doctor import StepVerdict
    from miio_lan.errors import DeviceException
    from miio_lan.virtual.product import VirtualProduct

    done = "Started it, and asked miIO.info."
    try:
        product = VirtualProduct(
            find(entry.spec) if entry.spec else None,
            port=entry.port,
            token=entry.token,
            device_id=entry.did,
            profile=entry.profile or "document",
            misbehave=entry.misbehave,
        )
        with product, Device(product.host, product.token, port=product.port) as device:
            seen = f"it starts, and answers as {device.info().model}"
        step = told("start", StepVerdict.GOOD, done, seen)
    except DeviceException as error:
        step = told("start", StepVerdict.BAD, done, str(error))
    return Presence(entry.name, entry.describe(), (step,))


def rows(found: Sequence[Presence], width: int | None = None) -> list[str]:
    """Return the table, row by row, and what it comes to.

    :param width: columns that there are; None for as many as it takes
    """
    cells: list[tuple[str, str, str, str]] = [HEADINGS]
    for product in found:
        for number, each in enumerate(product.checks):
            seen = f"{each.seen} {each.next}" if each.next else each.seen
            name = printable(product.name) if number == 0 else ""
            cells.append((name, each.step, each.verdict.value, printable(seen)))
    widths = [max(len(row[column]) for row in cells) + _GAP for column in range(len(HEADINGS) - 1)]
    inset = " " * sum(widths)
    lines: list[str] = []
    for row in cells:
        line = "".join(cell.ljust(widths[column]) for column, cell in enumerate(row[:-1])) + row[-1]
        if width is not None and len(line) > width and width - len(inset) >= _LEAST_SEEN:
            first, *rest = folded(row[-1], width - len(inset)).split("\n")
            lines += [line[: len(inset)] + first, *(inset + each for each in rest)]
        else:
            lines.append(line.rstrip())
    ready = sum(each.ready for each in found)
    return [*lines, "", f"{ready} of {len(found)} products are ready."]
