"""What ``accept`` judges: a recording, an MCU at a port, a product on the network, or what is heard of a line."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miio_lan.cli import signals
from miio_lan.cli.accept.power import cycle, off, power_of, wait_for
from miio_lan.cli.device.properties import load_spec
from miio_lan.cli.files import no_records
from miio_lan.cli.lan.captures import joined
from miio_lan.cli.uart.wire import opened_tap
from miio_lan.cli.watch.live import to_all
from miio_lan.click_common.output import echo
from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from miio_lan.acceptance.verdict import Judgement
    from miio_lan.cli.accept.reports import CheckRecording
    from miio_lan.cli.options import CliSettings
    from miio_lan.cli.signals import Stop
    from miio_lan.device.miot import MiotDevice
    from miio_lan.record import Observer, Record
    from miio_lan.uart.listening.tap import Tap

    Mode = Callable[[CliSettings, dict[str, Any], CheckRecording], Judgement]

# How often it is looked whether a tap hears what it should.
_SLICE = 0.2


def of_recording(settings: CliSettings, options: dict[str, Any], recording: CheckRecording) -> Judgement:
    """Judge a recording, and copy it. What a check has recorded is judged as the check was.

    :raises DeviceException: if it is empty or cannot be judged
    """
    from miio_lan.acceptance.judging import judgement_of
    from miio_lan.record.marks import marked_check
    from miio_lan.record.recording import read_recording

    name = options["recording"]
    spec = load_spec(options["spec"])
    records = list(read_recording(name))
    if not records:
        raise no_records(name)
    if options["pcap"]:
        records = joined(settings, options["pcap"], records, about=options["offset"])
    for record in records:
        recording(record)
    _check_wires(records, "record the line again with the two receivers exchanged")
    title = "" if name == "-" else Path(name).name
    check = marked_check(records)
    if check is not None and check.model and spec is None:
        echo(
            f"the check that recorded this went by a description of {check.model}: give it with --spec, "
            "or values are not judged",
            err=True,
        )
    return judgement_of(records, spec=spec, title=title, from_boot=options["from_boot"])


def of_uart(settings: CliSettings, options: dict[str, Any], recording: CheckRecording) -> Judgement:
    """Judge the MCU at a port, in the place of its module."""
    from miio_lan.acceptance.tester.active import Timing, drive_module
    from miio_lan.uart.ports.port import open_port

    spec, power = load_spec(options["spec"]), power_of(options)
    recording.goes_by(spec)
    with open_port(options["uart"]) as line:
        if options["uart"] == "pty":
            echo(f"the MCU's end of the line is {line.name}", err=True)
        with off(power, options, _progress(settings)):
            return drive_module(
                line,
                spec=spec,
                allow=options["allow"],
                timing=Timing(power_up=options["power_up"]),
                refusals=options["refusals"],
                firmware=options["image"],
                firmware_version=options["firmware_version"],
                from_boot=options["from_boot"] or power is not None,
                observer=recording,
                progress=_progress(settings),
                switch_on=power.on if power is not None else None,
            )


def of_virtual(settings: CliSettings, options: dict[str, Any], recording: CheckRecording) -> Judgement:
    """Judge the virtual MCU."""
    from miio_lan.acceptance.tester.active import drive_module
    from miio_lan.device.description.spec import Spec
    from miio_lan.uart.ports.port import MemoryPair
    from miio_lan.virtual.host import McuHost
    from miio_lan.virtual.mcu.mcu import Mcu

    spec = load_spec(options["spec"]) or Spec.shipped()
    title = f"virtual {spec.shown_model}"
    recording.goes_by(spec, title)
    mcu = Mcu(spec, misbehave=options["misbehave"])
    with MemoryPair() as pair, McuHost(mcu, pair.far):
        return drive_module(
            pair.near,
            spec=spec,
            allow=options["allow"] or ("all",),  # there is nothing to spare
            refusals=options["refusals"],
            firmware=options["image"],
            firmware_version=options["firmware_version"],
            from_boot=True,  # it is switched on here
            title=title,
            observer=recording,
            progress=_progress(settings),
        )


def of_lan(settings: CliSettings, options: dict[str, Any], recording: CheckRecording) -> Judgement:
    """Judge a finished product over the LAN, and its line where that is heard."""
    from miio_lan.acceptance.tester.active import drive_lan
    from miio_lan.cli.device.connect import opened

    spec, power = load_spec(options["spec"]), power_of(options)
    heard: list[Record] = []
    recording.goes_by(spec)

    @contextlib.contextmanager
    def connect(observe: Observer) -> Iterator[MiotDevice]:
        with contextlib.ExitStack() as stack:
            if options["tap_up"] or options["tap_down"]:
                _tapped(stack, options, to_all(heard.append, recording))
            cycle(power, options, _progress(settings))
            device = stack.enter_context(opened(settings, _observed(observe)))
            if power is not None:
                wait_for(device, options["power_up"])
            yield device

    judgement = drive_lan(
        connect,
        spec=spec,
        allow=options["allow"],
        records=heard,
        from_boot=power is not None,
        observer=recording,
        progress=_progress(settings),
    )
    _check_wires(heard, _EXCHANGE)
    return judgement


def _observed(observe: Observer) -> type[MiotDevice]:
    """Make a kind of device that is observed, beside whoever else observes it."""
    from miio_lan.device.miot import MiotDevice

    class ObservedDevice(MiotDevice):
        def __init__(self, *args: Any, observer: Observer | None = None, **options: Any) -> None:
            super().__init__(*args, observer=to_all(observe, observer), **options)

    return ObservedDevice


def of_tap(settings: CliSettings, options: dict[str, Any], recording: CheckRecording) -> Judgement:
    """Judge what is heard of a line until Ctrl-C."""
    from miio_lan.acceptance.judging import judgement_of

    spec, power = load_spec(options["spec"]), power_of(options)
    records: list[Record] = []
    with signals.ended_by_signals() as stop:
        with contextlib.ExitStack() as stack:
            tap = _tapped(stack, options, to_all(records.append, recording))
            recording.begin()
            cycle(power, options, _progress(settings))
            echo("listening" + ("" if options["seconds"] else "; Ctrl-C ends it"), err=True)
            _wait(stop, options["seconds"], tap)
        ended = time.monotonic()
    if not records:
        raise DeviceException(
            "nothing was heard: is the product on, and the tap's RX at the TX it is to hear?"
        )
    _check_wires(records, _EXCHANGE)
    from_boot = options["from_boot"] or power is not None
    return judgement_of(records, spec=spec, from_boot=from_boot, ended=ended)


_EXCHANGE = "exchange what --tap-up and --tap-down name, or their wires"


def _tapped(stack: contextlib.ExitStack, options: dict[str, Any], observer: Observer) -> Tap:
    return opened_tap(stack, {"up": options["tap_up"], "down": options["tap_down"], "either": None}, observer)


def _wait(stop: Stop, seconds: float | None, tap: Tap) -> None:
    """Wait for the end, or until it is clear that what is heard cannot be judged."""
    due = None if seconds is None else time.monotonic() + seconds
    while not tap.swapped:
        left = _SLICE if due is None else min(_SLICE, due - time.monotonic())
        if left <= 0 or stop.wait(left):
            break


def _check_wires(records: Iterable[Record], advice: str) -> None:
    """Refuse to blame a product for what its tester has mixed up.

    :raises DeviceException: if the lines contradict the direction they are said to have
    """
    from miio_lan.uart.listening.tap import SWAPPED

    wrong = {record.direction for record in records if SWAPPED in record.note}
    if not wrong:
        return
    heard = {
        "up": "where the MCU was to be heard, the module speaks",
        "down": "where the module was, the MCU",
    }
    told = "; ".join(heard[direction] for direction in sorted(wrong, reverse=True))
    raise DeviceException(f"this cannot be judged, because the wires are swapped ({told}): {advice}")


def _progress(settings: CliSettings) -> Callable[[str], object] | None:
    return (
        None if settings.json else lambda stage: echo(f"{stage} ...", err=True) if stage != "done" else None
    )
