"""The numbers of the rooms that have no table of their own, by their literals: whoever changes one means it."""

from __future__ import annotations

from pathlib import Path

from support.constants import ROOT, unnamed, unpinned

HERE = Path(__file__).parent

PINS: dict[str, dict[str, object]] = {
    "cli.accept.modes": {"_SLICE": 0.2},
    "cli.accept.rules": {"_ENOUGH": 100},
    "cli.bench.check": {"_AT_ONCE": 8, "_GAP": 2, "_LEAST_SEEN": 20},
    "cli.demo.command": {"DEMO_ANSWER_TIME": 1.0, "LINE_TIMEOUT": 5.0, "_WIDTH": 80},
    "cli.demo.steps": {
        "ASKED_AT_ONCE": 3,
        "_PROPERTIES": ((2, 1), (2, 2), (2, 3), (2, 11), (3, 1)),
    },
    "cli.device.basic": {"_MOST_PARAMS": 1048576},
    "cli.device.connect": {"SILENCE": 2.0},
    "cli.device.show": {"_PIPED_WIDTH": 120},
    "cli.discover.table": {"_PER_SECOND": 2},
    "cli.doctor.text": {"WIDEST_ROW": 76, "_INSET": "           "},
    "cli.fleet.asking": {"_MOST_FOR_NAMES": 20, "_SECONDS": 8},
    "cli.lan.decode": {"_MARGIN": "               "},
    "cli.listen.command": {"_END_TIME": 1.0, "_ONE_WAIT": 3600.0, "_LAST_WORD": 3.0},
    "cli.naming.add": {"_ANSWER_PATIENCE": 2.0, "_RETRIES": 1},
    "cli.naming.commands": {"_MOST_IMPORTED": 16777216},
    "cli.signals": {"SIGNAL_TIME": 0.5},
    "cli.spec.text": {"_WIDEST_NAME": 24, "_INSET": "      "},
    "cli.uart.decode": {"_INDENT": 15},
    "cli.update.command": {"NOT_PROVEN": 3},
    "cli.update.showing": {"PERCENT_STEP": 10},
    "cli.watch.arriving": {"_LARGEST_READ": 65536},
    "cli.watch.command": {"_PROPERTIES_ASKED": 3},
    "cli.watch.live": {"MAX_UNSHOWN": 20000, "HOLD_BACK_TIME": 0.05},
    "click_common.failures": {"FAILED": 1, "USAGE": 2, "INTERRUPTED": 130},
    "click_common.layout": {"NARROWEST": 40},
    "click_common.output": {"_WIDE": 76, "_MAX_BITS": 13000},
    "errors": {
        "McuTimeout.CODE": -9999,
        "_MODULES_WORDS": {
            -9999: frozenset({"user ack timeout", "uart timeout"}),
            -9998: frozenset({"user ack invalid"}),
        },
    },
    "foreign": {"_GLANCE": 40, "_SHOWN": 80},
    "keeping": {"MOST_TOKEN_BYTES": 4096, "_NEXT_TRY": 0.01},
    "labgrid.place": {"LONGEST": 60.0},
    "loop": {"LONGEST_SLEEP": 3600.0, "MOST_AT_ONCE": 0.5},
    "pytest_plugin.reports": {"_LONGEST_NAME": 100},
    "pytest_plugin.rig": {"BOOT_POLL_INTERVAL": 0.001},
    "pytest_plugin.settings": {"QUICK_POLL_INTERVAL": 0.02},
    "ready": {"_TOO_HIGH": 1024},
    "record.clock": {"SAME_CLOCK": 2.0},
    "record.lanes": {"TIME": 10, "MIN_WIDTH": 60, "_WRAPPED_AT_ONCE": 4096},
    "record.limits": {"MAX_READING_DEPTH": 100},
    "record.pipes": {"READER_TIME": 2.0, "PIPE_TIME": 10.0, "_LOOK_AGAIN": 0.02},
    "record.record": {
        "_CLEAN_BYTES": b"\t\n\r" + bytes(range(32, 127)),
        "_MAX_SECONDS": 1e12,
    },
    "record.recording": {"_LOOKED_AT": 65536},
    "record.redact.encoded": {"_SHORTEST": 14, "_SHORTEST_PLAIN": 24},
    "record.redact.quoted": {"_NEAR": 300},
    "record.redact.records": {"_LEAST_EFFORT": 1_000_000, "_EFFORT_PER_CHARACTER": 100},
    "record.redact.texts": {"_TEXT_DEPTH": 4, "_MOST_DIGITS": 0.75, "_LEAST_KNOWN": 4},
    "record.redact.unquoted": {"_TOKEN_DIGITS": 32},
    "record.redact.veil": {"_SHORTEST_SECRET": 4},
}
#: Of a module with more than numbers in its tables, those that are numbers.
PARTLY = {"cli.virtual.run": {"UNPROVISIONED_BOOT_TIME": 2.0}}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}
    assert unpinned(PARTLY, whole=False) == {}


def test_every_module_with_numbers_is_in_a_table() -> None:
    """A room that has a table is looked at by the test beside that table."""
    rooms = {path.parent.name for path in HERE.glob("*/test_constants.py")}
    left = unnamed(PINS, "", *PARTLY)
    assert {each for each in left if each.partition(".")[0] not in rooms} == set()
    assert {path.name for path in ROOT.iterdir()} >= rooms
