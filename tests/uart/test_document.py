"""Every number of the serial document, by its literal, and that it stands nowhere else in the package.

The sections are those of the document. The behaviour that follows from the numbers is tested where it belongs; a
number that is changed by mistake fails here.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import miio_lan
from miio_lan.uart import document, line
from miio_lan.uart.document import model_fault, version_fault

DOCUMENT = [
    ("serial command rules", "BAUD_RATE", 115200),
    ("serial command rules", "CR", b"\r"),
    ("serial command rules", "LINE_LIMIT", 512),
    ("serial command rules", "MAX_LINE", 511),
    ("result", "MAX_PARAMETERS", 64),
    ("model", "MAX_MODEL", 23),
    ("model", "MODEL_PARTS", 3),
    ("mcu_version", "VERSION_DIGITS", 4),
    ("ble_config", "BLE_PIDS", range(65536)),
    ("get_down", "SHORTEST_POLL_INTERVAL", 0.1),
    ("get_down", "LONGEST_POLL_INTERVAL", 0.2),
    ("get_down", "RECOMMENDED_POLL_INTERVAL", 0.2),
    ("error", "ERROR_CODES", range(-9999, -4999)),
    ("properties_changed", "REPORT_INTERVAL", 1.0),
    ("properties_changed", "SERIAL_NUMBER", (1, 5)),
    ("properties_changed", "SERIAL_NUMBER_LENGTH", 30),
    ("event_occured", "EVENTS_PER_SECOND", 3),
    ("reboot and restore", "RESTART_TIME", 0.5),
    ("factory", "FACTORY_TIME", 2.0),
    ("factory", "FACTORY_SSID", "miio_default"),
    ("factory", "FACTORY_PASSWORD", "0x82562647"),
    ("net", "NET_STATES", ("offline", "local", "cloud", "updating", "uap", "unprov")),
    ("net", "SETUP_TIME", 1800.0),
    ("set_properties", "ANSWER_TIME", 4.0),
    ("get_properties", "GET_PROPERTIES", "get_properties"),
    ("get_properties", "GET_RESULT_SIZE", 4),
    ("set_properties", "SET_PROPERTIES", "set_properties"),
    ("set_properties", "SET_SIZE", 3),
    ("action", "ACTION", "action"),
    ("update_fw", "UPDATE_FW", "update_fw"),
    ("update_fw", "UPDATE_READY", "ready"),
    ("update_fw", "UPDATE_BUSY", "busy"),
    ("update_fw", "ESP_FIRMWARE_LIMIT", 1_048_576),
    ("update_fw", "MHCWB4P_FIRMWARE_LIMIT", 241_664),
]
OBSERVED = [
    ("OTHER_NET_STATES", ("stop",)),
    ("UPDATE_WAYS", ("auto", "force")),
    ("PARTIAL_LINE_TIME", 1.0),
    ("OLDER_ANSWER_TIME", 1.0),
    ("OLDER_ECHO_ANSWER_TIME", 60.0),
    ("OFFER_TIME", 6.0),
    ("UPDATE_OFFERS", 3),
    ("VERSION_RESTART", 1.0),
    ("BROKEN_ANSWER_CODE", -30001),
    ("IDENTITY_REQUESTS", {"MIIO_model_req": "model", "MIIO_mcu_version_req": "mcu_version"}),
    ("RETRY_INTERVAL", 0.2),
    ("MODULE_EVENTS", 16),
    ("START_TRIES", 16),
    ("START_WAIT", 2.0),
    ("BLOCK_TRIES", 25),
    ("ACK_WAIT", 1.0),
    ("EOT_TRIES", 10),
    ("EOT_WAIT", 2.0),
    ("TIMED_OUT_CODE", -9999),
    ("BAD_ANSWER_CODE", -9998),
    ("UNDEFINED_CODE", -10000),
]


@pytest.mark.parametrize(("section", "name", "value"), DOCUMENT)
def test_the_document_states(section: str, name: str, value: object) -> None:
    assert getattr(document, name) == value, section
    assert type(getattr(document, name)) is type(value)


@pytest.mark.parametrize(("name", "value"), OBSERVED)
def test_observed(name: str, value: object) -> None:
    assert getattr(document, name) == value


def test_every_constant_is_pinned() -> None:
    constants = {name for name in vars(document) if name.isupper() and not name.startswith("_")}
    pinned = {name for _, name, _ in DOCUMENT} | {name for name, _ in OBSERVED} | {"STATUS_CODES"}
    assert constants == pinned


def test_what_the_line_uses_is_the_documents() -> None:
    assert (line.MAX_LINE, line.MAX_PARAMETERS, line.CR) == (511, 64, b"\r")


class TestModel:
    @pytest.mark.parametrize(
        "model",
        ["xiaomi.prod.v2", "zhimi.airpurifier.mb3", "a.b.c", "my_co.a-b.v1", "a.b.1234567890123456789"],
    )
    def test_legal(self, model: str) -> None:
        assert model_fault(model) == ""

    @pytest.mark.parametrize(
        ("model", "why"),
        [
            ("", "three parts"),
            ("plug", "three parts"),
            ("a.b", "three parts"),
            ("a..c", "three parts"),
            (".b.c", "three parts"),
            ("a.b.c.d", "three parts"),
            ("a.b.c d", "characters other"),
            ("a.b.c\n", "characters other"),
            ("a.b.é", "characters other"),
            ("a.b.12345678901234567890", "24 characters, at most 23"),
            ("company.product_name_that_is_too_long.v2", "40 characters, at most 23"),
        ],
    )
    def test_illegal(self, model: str, why: str) -> None:
        assert why in model_fault(model)

    def test_a_long_name_is_quoted_in_part(self) -> None:
        assert model_fault("x" * 1000).startswith(f"the model '{'x' * 37}...' has 1000 characters")
        assert version_fault("y" * 40) == f"the version '{'y' * 40}' is not a 4-digit number"
        assert version_fault("y" * 41) == f"the version '{'y' * 37}...' is not a 4-digit number"


class TestVersion:
    @pytest.mark.parametrize("version", ["0000", "0001", "9999"])
    def test_legal(self, version: str) -> None:
        assert version_fault(version) == ""

    @pytest.mark.parametrize("version", ["", "1", "001", "00011", "A001", "٠٠٠١", "0001\n", " 001", "+001"])
    def test_illegal(self, version: str) -> None:
        assert version_fault(version) == f"the version {version!a} is not a 4-digit number"

    def test_missing(self) -> None:
        assert version_fault(None) == "the version is missing"


# --- nowhere else ---------------------------------------------------------------------------------------------------

#: Numbers that mean nothing else in a package like this one.
TELLING = {115200, 511, 512, 236, *range(-4007, -4000), -4999, -5000, -9999, -9998, -10000}
#: What these numbers also are, by file; each is a fact of its own.
ALSO = {
    "errors.py": "how a module speaks of its MCU, which both wires show",
    "lan/codes.py": "codes on the LAN, with words for its callers",
    "device/steps/reading.py": "codes on the LAN after which a list may be too long",
    "device/doctor/product.py": "codes on the LAN by which a module says what became of a question to its MCU",
    "virtual/mcu/answers.py": "codes the virtual MCU chose for its own errors",
    "cli/demo/steps.py": "codes a user of the demo sees",
    "uart/document.py": "here",
    "status.py": "the status codes, which both wires have",
}


def literals(source: str) -> set[object]:
    """All numbers that a source file writes down, signs included."""
    found: set[object] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int):
                found.add(-node.operand.value)
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            found.add(node.value)
    return found


def test_the_documents_numbers_stand_in_one_place() -> None:
    root = Path(miio_lan.__file__).parent
    strays = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name not in ALSO and (found := literals(path.read_text(encoding="utf-8")) & TELLING):
            strays[name] = found
    assert strays == {}


def test_a_stray_number_is_seen() -> None:
    assert literals("a = -4004\nb = range(-9999, -4999)\nc = x > 511") >= {-4004, -9999, -4999, 511}
