"""What the serial document states in numbers and words, each once, with the section it stands in.

The module, the MCU, the reader of the line, the bridge, the firmware transfer, product descriptions, the acceptance
rules and the tester take these values from here. Part 1 is what the document states. Part 2 is only observed: modules
and their firmware behave so, the document does not ask for it. Times are seconds, sizes are bytes or characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from miio_lan.errors import McuTimeout
from miio_lan.foreign import excerpt
from miio_lan.status import STATUS_CODES as STATUS_CODES
from miio_lan.status import Code as Code

# --- Part 1: the document. Serial command rules ---------------------------------------------------------------------

BAUD_RATE: Final = 115200
"""Bits per second; eight data bits, one stop bit, no parity, no flow control (serial port configuration)."""
CR: Final = b"\r"
"""What ends a line (end character)."""
LINE_LIMIT: Final = 512
"""A line has fewer characters than this (command length); with its CR, it has at most so many bytes (result)."""
MAX_LINE: Final = LINE_LIMIT - 1
"""Characters of a line before its CR."""
MAX_PARAMETERS: Final = 64
"""Parameters after the command word (result); those of a downlink are counted after the method."""

# --- model ----------------------------------------------------------------------------------------------------------

MAX_MODEL: Final = 23
"""Characters of a model name."""
MODEL_PARTS: Final = 3
"""Parts of a model name, divided by dots: company, product and version."""

# --- mcu_version ----------------------------------------------------------------------------------------------------

VERSION_DIGITS: Final = 4
"""Digits of an MCU version."""

# --- ble_config -----------------------------------------------------------------------------------------------------

BLE_PIDS: Final = range(65536)
"""The Bluetooth product ids: less than 65536, written in decimal."""

# --- get_down -------------------------------------------------------------------------------------------------------

SHORTEST_POLL_INTERVAL: Final = 0.1
LONGEST_POLL_INTERVAL: Final = 0.2
RECOMMENDED_POLL_INTERVAL: Final = 0.2
"""From one ``get_down`` to the next: 100 to 200 ms, recommended 200 ms."""

# --- error ----------------------------------------------------------------------------------------------------------

ERROR_CODES: Final = range(-9999, -4999)
"""The codes that an ``error`` of the MCU may carry: -9999 to -5000, bounds included."""

# --- properties_changed and event_occured ---------------------------------------------------------------------------

REPORT_INTERVAL: Final = 1.0
"""Reports leave the module once per second; of the same property within it, only the last one does."""
SERIAL_NUMBER: Final = (1, 5)
"""siid and piid of the serial number, reported when the module is in the cloud."""
SERIAL_NUMBER_LENGTH: Final = 30
"""Characters that a serial number has at most: what the note on SN below ``properties_changed`` gives it."""
EVENTS_PER_SECOND: Final = 3
"""Events that the MCU may report within a second."""

# --- Control instruction: reboot, restore, factory ------------------------------------------------------------------

RESTART_TIME: Final = 0.5
"""Within this time after ``reboot`` or ``restore`` the module restarts."""
FACTORY_TIME: Final = 2.0
"""Within this time after ``factory`` the module is in the factory test mode."""
FACTORY_SSID: Final = "miio_default"
FACTORY_PASSWORD: Final = "0x82562647"  # noqa: S105 - printed in the document, the same for all products
"""The router that the factory test mode connects to by default."""

# --- net ------------------------------------------------------------------------------------------------------------

NET_STATES: Final = ("offline", "local", "cloud", "updating", "uap", "unprov")
"""The network states, for ``net`` and ``MIIO_net_change``."""
OTHER_NET_STATES: Final = ("stop",)
"""States of older modules that the document does not have (observed)."""
SETUP_TIME: Final = 1800.0
"""How long the module waits to be set up (``uap``) before it switches its Wi-Fi off (``unprov``): half an hour."""

# --- Reserved downstream commands: set_properties, get_properties, action, update_fw --------------------------------

ANSWER_TIME: Final = 4.0
"""What the MCU has for its answer to a downlink: the module's RPC fails after 4 s (set_properties)."""
GET_PROPERTIES: Final = "get_properties"
SET_PROPERTIES: Final = "set_properties"
ACTION: Final = "action"
UPDATE_FW: Final = "update_fw"
GET_RESULT_SIZE: Final = 4
"""Parameters of a ``result`` for each property that was read: siid, piid, code and value."""
SET_SIZE: Final = 3
"""Parameters for each property that is set (siid, piid, value), and for each in the ``result`` (siid, piid, code)."""
UPDATE_READY: Final = "ready"
UPDATE_BUSY: Final = "busy"
"""The answers to ``update_fw``."""
ESP_FIRMWARE_LIMIT: Final = 1024 * 1024
"""Bytes of the largest MCU firmware, with an ESP-WROOM-32D or -32U module: 1 MB."""
MHCWB4P_FIRMWARE_LIMIT: Final = 236 * 1024
"""The same with an MHCWB4P module: 236 KB."""

# --- status code ----------------------------------------------------------------------------------------------------


# ``Code`` and ``STATUS_CODES`` stand in ``miio_lan.status``: the LAN has them, too.

# --- Part 2: only observed ------------------------------------------------------------------------------------------

UPDATE_WAYS: Final = ("auto", "force")
"""What newer modules say behind ``update_fw``, and behind the network state ``updating``."""

PARTIAL_LINE_TIME: Final = 1.0
"""Silence after which a module throws an unfinished line away (newer firmware: 1000 ms; older firmware: never)."""
OLDER_ANSWER_TIME: Final = 1.0
"""What the older firmware gives the MCU for its answer, counted from the arrival of the request."""
OLDER_ECHO_ANSWER_TIME: Final = 60.0
"""The same while echo is on: somebody types the answers."""
OFFER_TIME: Final = 6.0
"""What the newer firmware gives the MCU to answer ``down update_fw`` (older firmware: 10 s)."""
UPDATE_OFFERS: Final = 3
"""How often the newer firmware offers an image to an MCU that is busy or fails."""
VERSION_RESTART: Final = 1.0
"""How long after its MCU's update the older firmware restarts itself, when it has waited for the version."""
RETRY_INTERVAL: Final = 0.2
"""Time before a boot report is repeated (Xiaomi's demo for MCUs)."""
MODULE_EVENTS: Final = 16
"""Events that wait in the newer firmware; a further one is refused."""
START_TRIES: Final = 16
START_WAIT: Final = 2.0
"""XMODEM: how often, and how far apart, the receiver asks for the first block."""
BLOCK_TRIES: Final = 25
ACK_WAIT: Final = 1.0
"""XMODEM: how often a block is sent again, and how long its acknowledgement is waited for."""
EOT_TRIES: Final = 10
EOT_WAIT: Final = 2.0
"""XMODEM: how often, and how far apart, the sender says that it has sent everything."""
TIMED_OUT_CODE: Final = McuTimeout.CODE
"""The code by which a module tells the LAN that the MCU did not answer in time."""
BAD_ANSWER_CODE: Final = -9998
"""The code by which a module tells the LAN that the MCU's answer did not fit."""
BROKEN_ANSWER_CODE: Final = -30001
"""What a module tells its caller when it can make no JSON of the MCU's answer."""
UNDEFINED_CODE: Final = -10000
"""The code by which a module tells the LAN of an ``error`` of the MCU without a usable code."""

# --- checks ---------------------------------------------------------------------------------------------------------

_MODEL = re.compile(rf"[^.]+(?:\.[^.]+){{{MODEL_PARTS - 1}}}")
_MODEL_CHARACTERS = re.compile(r"[A-Za-z0-9_.-]*")
_VERSION = re.compile(rf"[0-9]{{{VERSION_DIGITS}}}")


def model_fault(name: str) -> str:
    """Say what is wrong with a model name; empty when nothing is.

    Serial document, model: three parts, 23 characters at most. The characters are those of module firmware (observed):
    letters, digits, ``_`` and ``-``.
    """
    if len(name) > MAX_MODEL:
        return f"the model {excerpt(name)} has {len(name)} characters, at most {MAX_MODEL} are allowed"
    if not _MODEL.fullmatch(name):
        return f"the model {excerpt(name)} is not company.product.version: three parts, joined by dots"
    if not _MODEL_CHARACTERS.fullmatch(name):
        return f"the model {excerpt(name)} has characters other than letters, digits, '_' and '-'"
    return ""


def version_fault(version: str | None) -> str:
    """Say what is wrong with an MCU version; empty when nothing is (serial document, mcu_version)."""
    if version is None:
        return "the version is missing"
    if not _VERSION.fullmatch(version):
        return f"the version {excerpt(version)} is not a {VERSION_DIGITS}-digit number"
    return ""


IDENTITY_REQUESTS: Final[Mapping[str, str]] = MappingProxyType(
    {"MIIO_model_req": "model", "MIIO_mcu_version_req": "mcu_version"}
)
"""What makes an MCU say who it is, and the word it says it with. The document knows the second one alone."""
