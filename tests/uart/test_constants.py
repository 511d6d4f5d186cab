"""The numbers of the line that are not the document's, by their literals: whoever changes one means it."""

from __future__ import annotations

from support.constants import unnamed, unpinned

PINS = {
    "uart.replies": {"LONGEST_REPLY": 2.0, "PROMPT_REPLY": 0.1, "SLOW_REPLY": 0.5, "MAX_OPEN": 32},
    "uart.turns": {"LATENESS": 0.03, "STALL": 0.5},
    "uart.ledger": {
        "SHORTEST_ANSWER_TIME": 0.9,
        "WENT_ON_SOON": 0.5,
        "REMEMBERED": 16,
        "LATEST": 60.0,
        "DELAY": 0.5,
    },
    "uart.conversation": {"BLIND": 8.0},
    "uart.starts": {"IDENTITY_TIME": 5.0},
    "uart.order": {"ANSWERED_WITHIN": 0.1, "OBSERVED_WITHIN": 2.0},
    "uart.bridge.faults": {
        "MAX_DELAY": 60.0,
    },
    "uart.bridge.latency": {
        "_BIN": 5e-06,
        "_BINS": 4000,
    },
    "uart.commands.base": {
        "Command.HEAD": 1,
        "_MOST_PROBLEMS": 8,
    },
    "uart.commands.downlink": {"Down.HEAD": 2},
    "uart.commands.layout": {
        "_MOST_VALUES": 1024,
        "_MOST_PROPERTIES": 256,
    },
    "uart.firmware.transfer": {
        "SOH": 1,
        "STX": 2,
        "EOT": 4,
        "ACK": 6,
        "NAK": 21,
        "CAN": 24,
        "ASK_FOR_CRC": 67,
        "SIZES": {1: 128, 2: 1024},
        "HANDSHAKE": 60.0,
        "LULL": 40.0,
        "BLOCK_PATIENCE": 0.5,
        "BLOCK_HEAD": 3,
        "CHECKS": {"crc": 2, "sum": 1},
    },
    "uart.firmware.xmodem": {
        "_SURELY_A_LINE": 3,
        "END": 26,
        "BLOCK_SILENCE": 0.2,
        "CANCEL": b"\x18\x18\x18",
    },
    "uart.line": {
        "KEPT": 4096,
        "_DROPPED": bytes([*range(32), *range(127, 256)]),
    },
    "uart.listening.backlog": {
        "PAUSE": 0.05,
        "SATURATED_PAUSE": 0.2,
        "MANY": 10,
        "PORTION": 768,
    },
    "uart.listening.direction": {
        "SURE_LEAD": 2,
        "MOST_LINES": 64,
    },
    "uart.listening.tap": {
        "MAX_UNDECIDED": 65536,
    },
    "uart.logs.logparts": {
        "_DAY": 86400.0,
    },
    "uart.logs.tables": {
        "_SCALES": {
            **dict.fromkeys(("s", "", "sec", "secs", "second", "seconds"), 1.0),
            **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds", "millis"), 0.001),
            **dict.fromkeys(
                ("us", "\u03bcs", "usec", "usecs", "microsecond", "microseconds", "micros"), 1e-06
            ),
            **dict.fromkeys(("ns", "nsec", "nsecs", "nanosecond", "nanoseconds", "nanos"), 1e-09),
        },
    },
    "uart.ports.port": {
        "BYTES_PER_SECOND": 11520,
        "MAX_QUEUE": 65536,
        "_PACED_CHUNK": 16,
        "_FIRST_PAUSE": 0.05,
        "_LONGEST_PAUSE": 2.0,
        "_STEADY": 5.0,
    },
    "uart.ports.remote": {
        "LOOK_AFTER": 5,
        "LOOK_EVERY": 2,
        "LOOKS": 3,
    },
    "uart.ports.transport": {
        "_CHUNK": 4096,
        "_IN_FLIGHT": 4096,
        "_SERIAL_TIMEOUT": 0.25,
        "_UNATTENDED_AFTER": 1.0,
        "_DROPS": 20,
        "_MOST_COUNTED": 4095,
        "_MOST_HELD": 73728,
        "_SURELY_ARRIVED_AFTER": 0.2,
    },
    "uart.reading": {
        "_PRINTABLE": bytes(range(32, 127)),
        "_BEFORE": bytes(range(33)) + b"\xff",
        "_MOST_KNOWN": 500,
        "_LONGEST_KNOWN": 1024,
    },
    "uart.values": {
        "MAX_IID": 0x7FFF_FFFF,
        "_DEEPEST": 64,
        "_SHORT": 16,
    },
    "uart.bridge.interference": {
        "MAX_DELAYED": 1048576,
    },
    "uart.listening.watch": {
        "_FORGET_AFTER": 16,
    },
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    # The document has a test of its own, and among the formats of logs is no number but in an expression.
    assert unnamed(PINS, "uart", "uart.document", "uart.logs.formats") == set()
