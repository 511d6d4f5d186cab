"""Is what a bench file names there, and does it answer? Nothing that is sent changes anything, nothing is switched."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miio_lan.bench.places.power import CommandPower
from miio_lan.bench.recorder import Recorder
from miio_lan.device.blocking import Device
from miio_lan.device.description.cache import find
from miio_lan.device.doctor import CheckedStep, StepVerdict, diagnose
from miio_lan.errors import DeviceException, DeviceInfoUnavailableException, PayloadDecodeException, PortError
from miio_lan.foreign import show
from miio_lan.record.marks import is_mark

if TYPE_CHECKING:
    from miio_lan.bench.places.file import ProductEntry
    from miio_lan.device.description.spec import Spec
    from miio_lan.deviceinfo import DeviceInfo
    from miio_lan.uart.ports.port import Port

LOOKING_TIME = 10.0
"""Seconds that are spent on a device that does not answer, if not said otherwise."""
LISTENED = 3.0
"""Seconds a line is listened to at most: an MCU asks for work several times a second."""
MIN_LINES = 4
"""Lines of each end that are enough to see that its receiver is not at the other one."""
ATTEMPT = 2.0
"""Seconds a device has for each attempt at the first question."""

_ENDS = {"uart": "the module", "uart_up": "the MCU"}


@dataclass(frozen=True)
class Presence:
    """What was found of a product.

    :param name: its name in the bench file
    :param where: where it should be, in words
    :param checks: what was looked at, in order
    """

    name: str
    where: str
    checks: tuple[CheckedStep, ...]

    @property
    def ready(self) -> bool:
        """Whether all was looked at, and is good."""
        return all(each.verdict is StepVerdict.GOOD for each in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        checks = [each.as_json() for each in self.checks]
        return {"name": self.name, "where": self.where, "ready": self.ready, "checks": checks}


def told(step: str, verdict: StepVerdict, done: str, seen: str, next_: str = "") -> CheckedStep:
    """Make a finding of what was seen, which becomes a sentence."""
    sentence = seen[:1].upper() + seen[1:] + ("" if seen.endswith((".", "?")) else ".")
    return CheckedStep(step, verdict, done, sentence, next_)


def look_at(entry: ProductEntry, *, within: float = LOOKING_TIME) -> Presence:
    """Look at a real product of a bench.

    :param within: seconds for a device that does not answer
    """
    checks: list[CheckedStep] = []
    spec = _check_spec(entry, checks)
    if entry.host:
        _check_device(entry, spec, within, checks)
    if entry.uart:
        _check_line(entry, checks)
    if entry.power:
        checks.append(_check_power(entry.power))
    return Presence(entry.name, entry.describe(), tuple(checks))


def in_use(entry: ProductEntry, holder: str) -> Presence:
    """Say of a product that it was not looked at: others would notice."""
    who = holder or "another program"
    step = told("use", StepVerdict.NOT_TRIED, "Would have looked at it.", f"it is in use by {who}", "")
    return Presence(entry.name, entry.describe(), (step,))


def _check_spec(entry: ProductEntry, checks: list[CheckedStep]) -> Spec | None:
    if entry.spec is None:
        return None
    try:
        spec = find(entry.spec)
    except DeviceException as error:
        checks.append(told("spec", StepVerdict.BAD, "Read the description.", str(error)))
        return None
    checks.append(
        told("spec", StepVerdict.GOOD, "Read the description.", f"it describes {show(spec.shown_model)}")
    )
    return spec


# --- the LAN ---------------------------------------------------------------------------------------------------------


def _check_device(entry: ProductEntry, spec: Spec | None, within: float, checks: list[CheckedStep]) -> None:
    done = "Sent a hello, and asked miIO.info."
    try:
        info, did = _asked(entry, within)
    except (DeviceException, OSError) as error:
        checks += _diagnosed(entry, within, error)
        return
    checks += [_greeted(entry, did, done), told("token", StepVerdict.GOOD, done, "the token is right")]
    if isinstance(info, str):
        checks.append(told("info", StepVerdict.IN_DOUBT, done, f"it refuses to say who it is: {info}"))
    else:
        checks.append(_identified(info, spec, done))


def _asked(entry: ProductEntry, within: float) -> tuple[DeviceInfo | str, int]:
    """Ask a device who it is; give that, or its words when it does not say it, and its did."""
    with Device(entry.host, entry.token, port=entry.port, timeout=min(ATTEMPT, within)) as device:
        device.retry_count = 1
        info: DeviceInfo | str
        try:
            info = device.info()
        except DeviceInfoUnavailableException as error:
            if isinstance(error.__cause__, PayloadDecodeException):
                raise
            info = str(error.__cause__ or error)  # an answer, made with our token
        return info, device.device_id


def _greeted(entry: ProductEntry, did: int | None, done: str) -> CheckedStep:
    if entry.did is not None and did != entry.did:
        seen = f"did {did} answers there, and the bench file says {entry.did}: another product"
        return told("hello", StepVerdict.BAD, done, seen, "Correct host, or did.")
    return told("hello", StepVerdict.GOOD, done, f"it answers, did {did}")


def _identified(info: DeviceInfo, spec: Spec | None, done: str) -> CheckedStep:
    model = info.model or ""
    seen = f"{show(model)}, firmware {show(info.firmware_version)}"
    if spec is not None and spec.stated_model and model != spec.stated_model:
        seen = f"it is {show(model)}, and its description is of {show(spec.stated_model)}"
        return told("info", StepVerdict.BAD, done, seen, "Correct host, or spec.")
    return told("info", StepVerdict.GOOD, done, seen)


def _diagnosed(entry: ProductEntry, within: float, error: Exception) -> list[CheckedStep]:
    """Say where it ends, as ``miio-lan doctor`` does."""
    done = "Would have asked miIO.info."
    try:
        # Without its did: a bench is no reason to look for a device all over the network.
        found = diagnose(entry.host or "", entry.token, port=entry.port, within=within)
    except DeviceException as trouble:
        return [told("hello", StepVerdict.BAD, "Looked at the device.", str(trouble))]
    hello, token = found["hello"], found["token"]
    answers = all(each.verdict is StepVerdict.GOOD for each in (hello, token))  # now
    if found.did is not None and entry.did not in (None, found.did):
        hello = _greeted(entry, found.did, hello.done)
        if token.verdict is not StepVerdict.GOOD:
            token = told(
                "token", StepVerdict.NOT_TRIED, done, "it is another product, with a token of its own"
            )
    steps = [found["route"]] if found["route"].verdict is StepVerdict.BAD else []
    if answers:
        info = told("info", StepVerdict.IN_DOUBT, "Asked miIO.info.", str(error), "Look again.")
    else:
        info = told("info", StepVerdict.NOT_TRIED, done, "it answers no command")
    return [*steps, hello, token, info]


# --- the line --------------------------------------------------------------------------------------------------------


def _check_line(entry: ProductEntry, checks: list[CheckedStep]) -> None:
    from miio_lan.uart.ports.port import open_port

    opened: dict[str, Port] = {}
    with ExitStack() as stack:
        faults: dict[str, CheckedStep] = {}
        for key in ("uart", "uart_up"):
            url = getattr(entry, key)
            if url is None:
                continue
            try:
                opened[key] = stack.enter_context(open_port(url))
            except PortError as error:
                next_ = f"Correct {key}, or plug it in."
                faults[key] = told(key, StepVerdict.BAD, f"Opened {show(url)}.", str(error), next_)
        heard, swapped = _listened(opened, two=entry.uart_up is not None)
        for key in ("uart", "uart_up"):
            if key in faults:
                checks.append(faults[key])
            elif key in opened:
                checks.append(_heard(key, entry, heard, swapped=swapped))


def _listened(opened: dict[str, Port], *, two: bool) -> tuple[dict[str, list[str]], bool]:
    """Listen; give by key what was heard, and whether the receivers are mixed up."""
    from miio_lan.uart.listening.tap import Tap

    if not opened:
        return {}, False
    recorder = Recorder()
    ways = {"down": opened.get("uart"), "up": opened.get("uart_up")} if two else {"either": opened["uart"]}
    ports: Any = {way: port for way, port in ways.items() if port is not None}
    tap = Tap(recorder.observe, **ports)
    tap.start()

    def enough() -> bool | None:
        heard = _heard_lines(recorder, two=two)
        return True if all(len(heard.get(key, ())) >= MIN_LINES for key in opened) else None

    try:
        recorder.wait(enough, LISTENED)
    finally:
        tap.close()  # tells what is unfinished, too
    return _heard_lines(recorder, two=two), tap.swapped


def _heard_lines(recorder: Recorder, *, two: bool) -> dict[str, list[str]]:
    """Give the whole lines by key; none for a key of which only noise was heard."""
    found: dict[str, list[str]] = {}
    for record in recorder.records:
        if not is_mark(record):
            key = "uart_up" if two and record.direction == "up" else "uart"
            lines = found.setdefault(key, [])
            if _is_line(record.raw):
                lines.append(record.text)
    return found


def _is_line(raw: bytes) -> bool:
    """Tell a line from noise, which an open input or another speed makes."""
    text = raw.rstrip(b"\r\n")
    return text != raw and text.isascii() and bool(text.strip()) and text.decode().strip("\n\t").isprintable()


def _heard(key: str, entry: ProductEntry, heard: dict[str, list[str]], *, swapped: bool) -> CheckedStep:
    url = getattr(entry, key)
    done = f"Opened {show(url)}, and listened."
    if key not in heard:
        seen = f"it opens, but nothing was heard within {LISTENED:g} s"
        end = _ENDS[key] if entry.uart_up else "the module or the MCU"
        next_ = f"Is the product on? Is the receiver's RX at the TX of {end}, and GND at GND?"
        return told(key, StepVerdict.IN_DOUBT, done, seen, next_)
    if swapped:
        seen = f"it hears the other end than {_ENDS[key]}: the receivers are swapped"
        return told(key, StepVerdict.BAD, done, seen, "Exchange uart and uart_up.")
    if not heard[key]:
        next_ = "Is GND at GND, and nothing loose? Has the port the speed of the line?"
        return told(key, StepVerdict.IN_DOUBT, done, "only noise was heard, no whole line", next_)
    return told(key, StepVerdict.GOOD, done, f"it hears lines such as {show(heard[key][0])}")


# --- power -----------------------------------------------------------------------------------------------------------


def _check_power(command: str) -> CheckedStep:
    program = CommandPower(command).command[0]
    done = "Looked for the program; nothing was switched."
    found = shutil.which(program)
    if found is None:
        return told(
            "power",
            StepVerdict.BAD,
            done,
            f"there is no program {show(program)}",
            "Install it, or correct power.",
        )
    return told("power", StepVerdict.GOOD, done, f"the program is there: {show(found)}")
