"""Who an MCU says it is: model, firmware version, Bluetooth product id, and the lines that tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.errors import SpecError
from miio_lan.foreign import show
from miio_lan.record.redact import told_of
from miio_lan.uart.document import BLE_PIDS, VERSION_DIGITS, model_fault, version_fault
from miio_lan.virtual.mcu.misbehave import OutgoingLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miio_lan.virtual.mcu.mcu import Mcu


def check_identity(mcu: Mcu) -> None:
    """Check model, versions and Bluetooth product id.

    :raises SpecError: if one is none
    """
    for what, text in (("model", mcu.model), ("version", mcu.version), ("version", mcu.updated_version)):
        if text is not None and not isinstance(text, str):
            raise SpecError(f"the {what} of an MCU is text, not {show(text)}")
    none = "it has no model, as company.product.version: give one (--model, in Python model=...)"
    problem = model_fault(mcu.model) if mcu.model else none
    if problem:
        of_spec = mcu.model == mcu.spec.model and mcu.spec.source
        raise SpecError(told_of(mcu.spec.source, f"model: {problem}") if of_spec else problem)
    for version in (mcu.version, mcu.updated_version):
        if version is not None and (fault := version_fault(version)):
            raise SpecError(fault)
    if mcu.ble_pid is not None and mcu.ble_pid not in BLE_PIDS:
        raise SpecError(f"Bluetooth pid {mcu.ble_pid} is not a number from 0 to {BLE_PIDS[-1]}")


def model_line(mcu: Mcu) -> OutgoingLine:
    """Give the line that tells the model."""
    return OutgoingLine("model", words=(mcu.model,))


def version_line(mcu: Mcu) -> OutgoingLine:
    """Give the line that tells the firmware version."""
    return OutgoingLine("mcu_version", words=(mcu.version,))


def boot_lines(mcu: Mcu) -> Iterator[OutgoingLine]:
    """Give what is told after power-up, in order."""
    yield model_line(mcu)
    yield version_line(mcu)
    if mcu.ble_pid is not None:
        yield OutgoingLine("ble_config", words=("set", str(mcu.ble_pid), mcu.version))


def next_version(version: str) -> str:
    """Give the version after another one, which after 9999 is 0000."""
    return f"{(int(version) + 1) % 10**VERSION_DIGITS:0{VERSION_DIGITS}}"
