"""What the demonstration does, step by step, and what must come of each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miio_lan.device.ota import UpdateState
from miio_lan.errors import DeviceError, McuTimeout

if TYPE_CHECKING:
    from miio_lan.device.miot import MiotDevice
    from miio_lan.virtual.product import VirtualProduct

ASKED_AT_ONCE = 3
_PROPERTIES = ((2, 1), (2, 2), (2, 3), (2, 11), (3, 1))


@dataclass(frozen=True)
class DemoStep:
    """One command of the demonstration.

    :param call: what is written in a script, for the reader
    :param expected: what must come of it, in words
    :param run: does it
    :param right: whether a result is the expected one; None where an error is expected
    :param error: the class and code of the error that is expected instead of a result
    :param uart: beginnings of the lines that must cross the UART, in this order
    """

    title: str
    call: str
    expected: str
    run: Callable[[MiotDevice], Any]
    right: Callable[[Any], bool] | None = None
    error: tuple[type[DeviceError], int] | None = None
    uart: Sequence[str] = ()


def steps_for(product: VirtualProduct) -> list[DemoStep]:
    """Make the steps for the shipped lamp."""
    return [
        _information(product),
        _reading(product),
        _setting(),
        _acting(product),
        *_refusals(),
        _update_state(),
        _silence(product),
        _speech(product),
    ]


def _information(product: VirtualProduct) -> DemoStep:
    return DemoStep(
        "Who is it?",
        "device.info()",
        f"model {product.mcu.model}, MCU version {product.mcu.version}; the module answers by itself",
        lambda device: device.info(),
        lambda info: (info.model, info.mcu_firmware_version) == (product.mcu.model, product.mcu.version),
    )


def _reading(product: VirtualProduct) -> DemoStep:
    wanted = [{"did": f"{siid}-{piid}", "siid": siid, "piid": piid} for siid, piid in _PROPERTIES]

    def right(results: Any) -> bool:
        values = product.call(lambda _now: product.mcu.values)
        return [each.get("value") for each in results] == [values[iid] for iid in _PROPERTIES]

    return DemoStep(
        f"Read {len(wanted)} properties, {ASKED_AT_ONCE} at a time",
        f"device.get_properties([...], max_properties={ASKED_AT_ONCE})",
        "the values the MCU has, by two requests",
        lambda device: device.get_properties(wanted, max_properties=ASKED_AT_ONCE),
        right,
        uart=[
            "down get_properties 2 1 2 2 2 3",
            "result 2 1 0",
            "ok",
            "down get_properties 2 11 3 1",
            "result 2 11 0",
            "ok",
        ],
    )


def _setting() -> DemoStep:
    return DemoStep(
        "Set the brightness",
        "device.set_property_by(2, 2, 80)",
        "code 0, and the MCU reports the change",
        lambda device: device.set_property_by(2, 2, 80),
        lambda results: [each["code"] for each in results] == [0],
        uart=["down set_properties 2 2 80", "result 2 2 0", "ok", "properties_changed 2 2 80", "ok"],
    )


def _acting(product: VirtualProduct) -> DemoStep:
    after = "false" if product.mcu.values[2, 1] else "true"
    return DemoStep(
        "Call the action that toggles the lamp",
        "device.call_action_by(2, 1)",
        "code 0, and the MCU reports the switch",
        lambda device: device.call_action_by(2, 1),
        lambda answer: answer["code"] == 0,
        uart=["down action 2 1", "result 2 1 0", "ok", f"properties_changed 2 1 {after}", "ok"],
    )


def _refusals() -> list[DemoStep]:
    return [
        DemoStep(
            "Read a property that does not exist",
            "device.read(2, 99)",
            "DeviceError with code -4003",
            lambda device: device.read(2, 99),
            error=(DeviceError, -4003),
            uart=["down get_properties 2 99", "result 2 99 -4003", "ok"],
        ),
        DemoStep(
            "Set a value out of range",
            "device.write(2, 2, 101)",
            "DeviceError with code -4005",
            lambda device: device.write(2, 2, 101),
            error=(DeviceError, -4005),
            uart=["down set_properties 2 2 101", "result 2 2 -4005", "ok"],
        ),
    ]


def _update_state() -> DemoStep:
    return DemoStep(
        "Is a firmware update under way?",
        "device.update_state()",
        "idle; the module answers by itself",
        lambda device: device.update_state(),
        lambda state: state is UpdateState.Idle,
    )


def _silence(product: VirtualProduct) -> DemoStep:
    def run(device: MiotDevice) -> Any:
        product.call(lambda _now: product.mcu.misbehave.add("silent"))
        wanted = [{"did": "2-1", "siid": 2, "piid": 1}]
        # One datagram: the lamp's silence once is enough.
        return device.send("get_properties", wanted, retry_count=0)

    return DemoStep(
        "Read while the MCU answers nothing",
        'device.send("get_properties", [...], retry_count=0)',
        f"McuTimeout (-9999) after {product.module.profile.answer_time:g} s (4 s in real modules)",
        run,
        error=(McuTimeout, -9999),
        uart=["down get_properties 2 1"],
    )


def _speech(product: VirtualProduct) -> DemoStep:
    def run(device: MiotDevice) -> Any:
        product.call(lambda _now: product.mcu.misbehave.discard("silent"))
        return device.read(2, 2)

    return DemoStep(
        "Read again, the MCU answers as before",
        "device.read(2, 2)",
        "80",
        run,
        lambda value: bool(value == 80),
        uart=["down get_properties 2 2", "result 2 2 0 80", "ok"],
    )
