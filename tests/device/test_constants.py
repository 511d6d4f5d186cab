"""The numbers of the devices that users call, by their literals: whoever changes one means it."""

from __future__ import annotations

from support.constants import unnamed, unpinned

PINS = {
    "device.arguments": {
        "MAX_RETRIES": 1_000_000,
        "MAX_ADDRESS": 253,
    },
    "device.steps.reading": {
        "DEFAULT_LIMIT": 15,
        "SPOILT": -4004,
        "_TOO_MANY": frozenset({-5000, -5005, -9998, -9999, -10000, -30000, -30001, -30011, -32604, -32605}),
    },
    "device.ota.progress": {
        "NOT_UPDATING": 101,
        "MAX_URL": 256,
        "_UNFINISHED": 99,
    },
    "device.ota.server": {
        "MAX_CONNECTIONS": 16,
        "_SECRET": 16,
        "_SEND_BUFFER": 65536,
        "_PIECE": 65536,
        "_KEPT_OF_NAME": 32,
    },
    "device.ota.serving": {
        "MAX_HEAD": 8192,
        "MAX_LINES": 64,
        "MAX_PIECES": 256,
        "NEXT_REQUEST_TIME": 30.0,
        "LEAST_TAKEN": 4096,
        "STRETCH": 60.0,
        "REFUSAL_TIME": 5.0,
        "_REASONS": {200, 206, 400, 403, 404, 405, 416, 431},
    },
    "device.ota.staging": {
        "MAX_FILE": 512 * 1024 * 1024,
    },
    "device.ota.update": {
        "MAX_KEPT": 256,
        "MAX_WORDS": 200,
    },
    "device.fleet.fleet": {
        "LIMIT": 256,
        "_GRACE": 0.5,
    },
    "device.doctor.examining": {
        "EXAMINING_TIME": 30.0,
        "HELLOS": (0.0, 0.5, 1.5, 3.0),
        "HELLO_WAIT": 4.5,
        "INFO_COPIES": (0.0, 1.0, 2.5),
        "INFO_WAIT": 5.0,
        "STALE_COPIES": (0.0, 0.5, 1.0),
        "STALE_WAIT": 2.0,
        "STALE_BY": 300,
        "READ_COPIES": (0.0, 5.0),
        "READ_WAIT": 7.0,
        "CLOCK_PAUSE": 1.5,
        "SEARCH": 3.0,
        "MEMORY_ATTEMPTS": 2,
        "SWEEP_PATIENCE": 0.3,
    },
    "device.aio": {"AsyncDevice.retry_count": 3, "AsyncDevice.timeout": 5},
    "device.blocking": {"Device.retry_count": 3, "Device.timeout": 5},
    "device.doctor.observed": {"_MEANINGLESS": 1 << 40, "Examined.within": 30.0},
    "device.ota.pace": {
        "Pace.every": 1.0,
        "Pace.answer": 3.0,
        "Pace.begin": 60.0,
        "Pace.settle": 20.0,
        "Pace.confirm": 5.0,
        "Pace.silence": 240.0,
        "Pace.total": 900.0,
    },
    "device.doctor.answers": {"YOUNG": 120, "LOOKS_APART": 1.0},
    "device.doctor.product": {
        "_MCUS_OWN": range(-9997, -4999),
        "_UNFIT": frozenset({-9998, -30001}),
        "_LEFT_OUT": -4004,
    },
    "device.doctor.system": {"_COMPLETE": 2, "_ECHO_REQUEST": 8, "_PING_WAIT": 1.0},
    "device.doctor.wire": {
        "_ERROR_ROOM": 1024,
        "_ICMP": 2,
        "_UNREACHABLE": 3,
        "_PROHIBITED": frozenset({9, 10, 13}),
        "_RECVERR": frozenset({(0, 11), (41, 25)}),
        "_BY_CODE": {0: "network", 1: "host", 3: "port", 6: "network", 7: "host"},
    },
    "device.fleet.importing": {"MAX_DEVICES": 10_000, "_LEAST_DID": 100_000},
    "device.provision.plan": {
        "SHORTEST_WPA": 8,
        "KEY_DIGITS": 64,
        "JOIN_TIME": 60.0,
        "FIND_TIME": 5.0,
        "MAX_OFFSET": 50400,
    },
    "device.provision.finding": {
        "ATTEMPT": 2.0,
        "TELL_RETRIES": 2,
    },
    "device.provision.joining": {
        "LOOKING_ROUND": 3.0,
        "REST": 1.0,
        "AP_STAYS": 60.0,
        "CHECK_TIME": 5.0,
        "CHECKS": 3,
        "LEAST_LEFT": 0.2,
    },
    "device.provision.keeping": {
        "LOCK_PATIENCE": 3.0,
    },
    "device.provision.reasons": {
        "ASKING_TIME": 1.0,
    },
    "device.steps.rounds": {
        "MAX_PAUSE": 600.0,
        "_MAX_DOUBLINGS": 30,
        "JITTER": 0.2,
    },
    "device.steps.slices": {
        "_ID_DIGITS": 10,
    },
    "device.steps.subscription": {
        "STALE_ANSWERS": 2,
        "PAUSES": (0.3, 0.7),
        "PAUSES_WHILE_TOKEN_SHOWN": (0.3, 0.7, 1.0, 2.0, 3.0, 3.0),
        "PAUSES_AFTER_PLAIN": (0.3, 0.3, 0.3, 0.3, 0.3, 0.3),
        "_SUBSCRIBABLE_TYPES": frozenset({4, 1, 0}),
    },
    "device.steps.polling": {
        "READ_EVERY": 5.0,
        "LEAST_EVERY": 0.1,
    },
    "device.steps.changes": {
        "READING": 1.0,
    },
    "device.telling.aio": {
        "_REST": 1.0,
        "_PARTING": 2.0,
    },
    "device.telling.blocking": {
        "_TURN": 0.5,
        "_REST": 1.0,
        "_PARTING": 2.0,
    },
    "device.description.published": {
        "_MOST_VERSION": 2147483648,
        "_MOST_ALIKE": 3,
    },
    "device.description.download": {
        "MOST_BYTES": 16777216,
        "DOWNLOAD_TIME": 60.0,
        "WAIT": 15.0,
        "MOST_REDIRECTIONS": 5,
        "_REDIRECTIONS": frozenset({301, 302, 303, 307, 308}),
        "_OK": 200,
        "_PIECE": 65536,
        "_GZIP": 31,
    },
    "device.description.cache": {
        "LIST_AGE": 86400.0,
        "_MOST_STORED": 17825792,
    },
    "device.description.values": {
        "LARGEST": 1e300,
        "_BITS_LOSE": 2.0**-23,
        "_DECIMALS_LOSE": 1e-6,
        "INTEGER_LIMITS": {
            "uint8": (0, 255),
            "uint16": (0, 65535),
            "uint32": (0, 4294967295),
            "uint64": (0, 18446744073709551615),
            "int8": (-128, 127),
            "int16": (-32768, 32767),
            "int32": (-2147483648, 2147483647),
            "int64": (-9223372036854775808, 9223372036854775807),
            "int": (-2147483648, 2147483647),
        },
    },
    "device.fleet.following": {
        "SEARCH_TIME": 5.0,
        "FIRST_REST": 30.0,
        "MAX_REST": 120.0,
        "_LONGER": 2.0,
        "_KEEPING_TIME": 0.5,
        "_KEEPING_SHARE": 0.25,
        "OLD_ADDRESS_TIME": 0.7,
    },
    "device.fleet.named": {
        "MAX_NAME": 64,
    },
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "device") == set()
