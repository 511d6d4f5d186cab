"""The numbers of the LAN wire and of both its ends, by their literals: whoever changes one means it."""

from __future__ import annotations

import math

from support.constants import unnamed, unpinned

from miio_lan.lan.responder.responder import ResponderOptions

PINS = {
    "lan": {
        "PORT": 54321,
        "MAX_SSID": 32,
        "MAX_PASSWORD": 64,
    },
    "lan.capture.devices": {"SEEN_TWICE": 0.01},
    "lan.capture.files": {
        "MAX_PIECE": 16 * 1024 * 1024,
        "MAX_INTERFACES": 4096,
        "MAX_TIME": 1e12,
        "_LINK_TYPE": 65535,
        "_RESOLUTION": 9,
        "_OFFSET": 14,
    },
    "lan.capture.fragments": {
        "MAX_INCOMPLETE": 256,
        "MAX_FRAGMENTS": 128,
        "MAX_SIZE": 65535,
        "REASSEMBLY_TIME": 30.0,
    },
    "lan.capture.layers": {
        "_TYPED_LINKS": {1, 113, 276},
        "_IP_LINKS": {0, 12, 14, 101, 108, 228, 229},
        "_IPV4": 0x0800,
        "_IPV6": 0x86DD,
        "_MAX_TAGS": 8,
        "_UDP": 17,
        "_FRAGMENT": 44,
        "_MAX_HEADERS": 16,
    },
    "lan.capture.reading": {"_DEVICES_NAMED": 5},
    "lan.cipher": {
        "TOKEN_SIZE": 16,
        "BLOCK_SIZE": 16,
        "_PADDING": tuple(bytes([size] * size) for size in range(17)),
        "_ENDINGS": ((), *[bytes([size] * size) for size in range(1, 17)], *[()] * 239),
        "_MAX_IDLE": 256,
    },
    "lan.packet": {
        "HEADER_SIZE": 32,
        "LARGEST_DATAGRAM": 65536,
        "MAX_REQUEST": 1000,
        "UNKNOWN_ID": 0xFFFF_FFFF_FFFF_FFFF,
        "UNKNOWN_STAMP": 0xFFFF_FFFF,
        "_WILDCARD": 254,
    },
    "lan.payload": {
        "MAX_DEPTH": 64,
        "ENDLESS": 309,
        "_NO_DIGITS": bytes(set(range(256)) - set(b"0123456789")),
        "_EXCERPT_LENGTH": 60,
        "_LOOKED_THROUGH": 600,
    },
    "lan.codes": {
        "QUEUE_FULL": -30012,
        "METHOD_NOT_FOUND": -32601,
        "NOT_SAVED": -32603,
        "RECOVERABLE": frozenset({-9999, -30001, -30010, -30011, -30012}),
        "_TOP_LEVEL": {
            -5000,
            -5001,
            -5005,
            -6007,
            -6011,
            -9998,
            -9999,
            -10000,
            -30000,
            -30001,
            -30010,
            -30011,
            -30012,
            -30013,
            -30014,
            -30015,
            -30020,
            -30030,
            -32600,
            -32601,
            -32602,
            -32603,
            -32604,
            -32605,
            -32700,
            -33001,
            -33002,
            -33003,
            -33004,
            -33005,
            -33006,
            -33007,
            -33008,
            -33020,
            -33021,
            -33022,
            -33023,
            -33024,
            -33025,
        },
        "_HTTP": {500, 422, 409, 408, 405, 404, 403, 401, 400, 207, 202, 200},
        "_WHERE": {4, 3, 2, 1, 0},
        "_OPEN_ENDED": frozenset(
            {
                *(-3, -4004, -9998, -9999, -10000, -30000, -30001, -30010, -30011, -30012, -30013, -30014),
                *(-30015, -30016, -30017, -30018, -30019, -30030, -32603, -32604, -33001, -33002, -33003),
                *(-33004, -33005, -33006, -33020, -33021, -33022, -33023, -33024, -33025),
            }
        ),
        "_LONG_REFUSALS": frozenset({6, 8, 13, 23, 25, 33, 35}),
        "_WHAT": {999, 101, 100, 43, 36, 35, 34, 33, 25, 23, 15, 13, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
    },
    "lan.responder.responder": {
        "MAX_DATAGRAMS": 1024,
        "_STAMP_LIMIT": 1 << 32,
    },
    "lan.responder.subscriptions": {
        "MAX_SUBSCRIBERS": 4,
        "NOT_SUBSCRIBED": 0xFFFFFFFF,
        "MAX_UNACKNOWLEDGED": 16,
        "MAX_ATTEMPTS": 8,
        "INVALID_PARAM": (-32602, "Invalid param."),
        "TOO_COMPLEX": (-32605, "Too many obj"),
    },
    "lan.client.call": {
        "_SURELY_FITS": 936,
    },
    "lan.client.clock": {
        "CLOCK_TOLERANCE": 3.0,
        "UNIX_TIME": 1_000_000_000,
        "SURELY_STALE": 120.0,
        "STAMP_STEP": 1.0,
    },
    "lan.client.repeating.afoot": {
        "UNDER_WAY": 2.0,
        "_MAX_COPIES": 1000,
    },
    "lan.client.repeating.memory": {
        "QUESTIONS": 14,
        "MIN_ANSWERS": 12,
        "PACE": 0.12,
        "LIFE_GOES_ON": 1.5,
        "PROOF": 6,
        "ROUND": 0.3,
        "MAX_ROUNDS": 9,
        "MAX_LAST": 3,
        "MAX_ATTEMPTS": 8,
        "_OLDER_BY": 4,
    },
    "lan.client.repeating.repeats": {
        "REMEMBERED_FOR": 15.0,
    },
    "lan.client.incoming.reply": {
        "MAX_MESSAGE": 1000,
        "_ANSWER_DIGITS": 12,
    },
    "lan.client.sending": {
        "GREET_AFTER": 20.0,
    },
    "lan.client.transport.station": {
        "AT_ONE_TIME": 64,
    },
    "lan.client.traffic": {
        "MAX_COMMANDS": 384,
        "MAX_GREETINGS": 200,
        "COMMAND_HOLDS": 1.0,
        "GREETING_HOLDS": 0.25,
        "_JITTER": 0.2,
    },
    "lan.client.transport.endpoint": {
        "RECEIVE_BUFFER": 4 * 1024 * 1024,
        "BURST": 64,
    },
    "lan.client.transport.refusals": {
        "_IP_RECVERR": 11,
        "_IPV6_RECVERR": 25,
        "_NUMBER_SIZE": 4,
        "_ANCILLARY": 256,
        "_MAX_READ": 256,
    },
    "lan.client.turns": {
        "PASSED_OVER": 1.0,
        "LOOK": 0.2,
    },
    "lan.client.greeting": {
        "REPLY_WINDOW": 10.0,
        "POSED_FIRST": 4,
        "POSED": 2,
    },
    "lan.client.ids": {
        "MAX_ID": 0x7FFF_FFFF,
        "_STEP_BITS": 4,
        "_LATELY": 1_048_576,
    },
    "lan.client.pacing": {
        "INITIAL_RESEND": 2.5,
        "INITIAL_RESEND_MODULE": 1.0,
        "MAX_RESEND": 10.0,
        "MIN_RESEND_UNTIMED": 0.2,
        "MIN_RESEND": 0.1,
        "FIRST_HELLO": 0.3,
        "MAX_HELLO": 4.0,
        "_GAIN": 0.125,
        "_DEVIATION_GAIN": 0.25,
        "_SLOWEST_GAIN": 1 / 64,
        "_SLOWEST_MARGIN": 1.25,
        "_MAX_METHODS": 256,
    },
    "lan.client.incoming.holding": {
        "CHECK_EVERY": 30.0,
        "FIRST_WAIT": 1.0,
        "MAX_WAIT": 30.0,
        "SECOND_LOOK": 0.3,
        "UNANSWERED": 3,
    },
    "lan.client.incoming.pushes": {
        "_NO_RESTART": 3.0,
        "_STAMPS_APART": 3,
        "MEMORY": 30.0,
        "MAX_PUSHES": 1000,
        "MAX_KEPT_BYTES": 16 * 1024 * 1024,
    },
    "lan.client.receiving": {
        "MAX_REPAIRS_TOLD": 16,
        "REFUSALS": 3,
        "REFUSED_FOR": 2.0,
        "MAX_HURRIED": 8,
        "LAST_WORDS": 1.0,
        "BUSY_PAUSE": 0.3,
    },
    "lan.client.transport.shared_socket": {
        "_ABOUT_RIGHT": 0.8,
        "_BIT_LESS": 0.9,
        "UNATTENDED": 1.0,
        "_BACKLOG": 1000,
        "_OVERDUE": 0.3,
        "_GONE": 0.2,
        "_NO_SOCKET": 0.05,
        "_PATIENCE": 0.5,
        "_STAY": 0.2,
    },
    "lan.client.transport.telling": {
        "CROWDED": 500,
        "MAX_UNTOLD": 4000,
    },
    "lan.client.transport.resolving": {
        "LOOKUP": 1.0,
        "NEWS": 5.0,
        "_MAPPED": b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff",
    },
    "lan.client.transport.sleeping": {
        "_SHORTEST_SLEEP": 1.0,
    },
    "lan.discovery.aio": {
        "MAX_WAITING": 4096,
    },
    "lan.discovery.announcement": {
        "MAX_DID": 18446744073709551614,
        "MAX_TEXT": 4096,
    },
    "lan.discovery.blocking": {
        "_BUFFER": 2048,
    },
    "lan.discovery.findings": {
        "MAX_DEVICES": 10000,
        "MAX_PER_ADDRESS": 16,
        "MAX_ADDRESSES": 8,
        "MOVED_AFTER": 2,
        "PUSH_TYPES": frozenset({0, 1, 4}),
    },
    "lan.discovery.search": {
        "FIRST_GAP": 0.5,
        "EVEN_ROUNDS": 4,
        "MAX_GAP": 45.0,
        "SWEEP_PACE": 200.0,
        "SWEEP_PASSES": 2,
        "SWEEP_AGAIN": 60.0,
        "MAX_SWEEP": 65536,
        "SINGLE_GAPS": (0.5, 1.0, math.inf),
        "MAX_SINGLES": 1024,
        "LISTENING": 5.0,
        "LAST_ANSWERS": 2.0,
        "_BEHIND": 0.05,
    },
    "lan.discovery.ways": {
        "_ROOM": 1048576,
        "_IP_BOUND_IF": 25,
    },
    "lan.responder.options": {
        "ResponderOptions.push_interval": 2.5,
        "ResponderOptions.stamp_window": 60,
        "ResponderOptions.id_memory_size": 16,
        "ResponderOptions.max_request": 2048,
    },
    "lan.mdns": {
        "RESOLVE_TIME": 1000,
        "MAX_ASKED": 64,
    },
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "lan", "lan.layouts") == set()


def test_most_devices_are_like_this() -> None:
    options = ResponderOptions()
    assert (options.max_reply, options.property_limit) == (None, None)


def test_a_changed_number_is_seen() -> None:
    room = "lan.client.greeting"
    pinned = {"REPLY_WINDOW": 11.0, "POSED_FIRST": 4, "POSED": 2}
    assert unpinned({room: pinned}) == {room: {"REPLY_WINDOW": 10.0}}
    assert unpinned({"lan.client.repeating.afoot": {"UNDER_WAY": 2.0}}) == {
        "lan.client.repeating.afoot": {"_MAX_COPIES": 1000}
    }
    assert unpinned({"lan.client.repeating.afoot": {"UNDER_WAY": 2.0}}, whole=False) == {}
    assert unpinned({"lan.codes": {"_WHERE": {0, 1}}}, whole=False)
