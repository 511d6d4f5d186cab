"""The numbers of the virtual ends, by their literals: whoever changes one means it."""

from __future__ import annotations

import pytest
from support.constants import unnamed, unpinned

from miio_lan.device.description.spec import Spec
from miio_lan.uart.document import FACTORY_TIME, RESTART_TIME
from miio_lan.virtual.mcu.bootloader import BootloaderSettings
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.chip import Chip
from miio_lan.virtual.module.firmware import FIRST_OFFER_TIME
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.module.profile import PROFILES
from miio_lan.virtual.module.requests.local_methods import NOT_FROM_HERE
from miio_lan.virtual.module.requests.property_requests import MAX_GET, MAX_SET, NOT_MENTIONED
from miio_lan.virtual.module.update import UpdateScript

PINS = {
    "virtual.host": {
        "_DATAGRAMS_AT_ONCE": 32,
    },
    "virtual.endpoint": {
        "MAX_PEERS": 256,
        "_MAX_DATAGRAM": 65536,
        "_IP_PKTINFO": 8,
    },
    "virtual.product": {
        "_BOOT_PATIENCE": 1.0,
    },
    "virtual.fetching": {
        "READ_AT_ONCE": 16384,
        "LONGEST_SILENCE": 120.0,
        "CLOSING": 5.0,
        "_WORDS": 60,
    },
    "virtual.image": {
        "LONGEST_HEAD": 128,
    },
    "virtual.mcu.bootloader": {
        "POLL_EVERY": 0.05,
        "POLL_FOR": 1.0,
        "REPLY_WAIT": 0.5,
        "REFUSAL_CODE": -5004,
        "TOLD_EVERY": 65536,
    },
    "virtual.module.firmware": {
        "OFFER_PAUSE": 2.0,
        "LAST_WORDS": 1.0,
        "FEWEST_LETTERS": 4,
    },
    "virtual.module.updates": {
        "OWN_IMAGE_LIMIT": 2097152,
    },
    "virtual.mcu.answers": {
        "UNKNOWN_METHOD": ("method not found", -5000),
        "BAD_ARGUMENTS": ("invalid arg", -5001),
        "TOO_LONG": ("command too long", -5002),
        "INTERNAL": ("internal error", -5003),
    },
    "virtual.mcu.mcu": {
        "REPLY_TIME": 1.0,
        "SLOW": 5.0,
        "FAST_POLLS": 0.02,
        "MAX_UNSENT": 8192,
    },
    "virtual.mcu.outgoing": {
        "MAX_ANSWERS": 8,
        "MAX_UNSENT_EVENTS": 16,
        "REPORT_TRIES": 2,
        "NOW": 0.0,
    },
    "virtual.module.line.console": {
        "MAX_LINE_BYTES": 2048,
        "MAX_UNREAD": 65536,
    },
    "virtual.module.requests.local_methods": {},
    "virtual.module.requests.serving": {
        "QUEUE_FULL_ERROR": (-30012, "Busy."),
    },
    "virtual.module.line.mcu_commands": {
        "_DROPPED": bytes([*range(32), *range(127, 256)]),
    },
    "virtual.module.line.mcu_queue": {
        "MAX_NOTICES": 16,
    },
    "virtual.module.module": {
        "MAX_REPORTED": 256,
        "POWERED_BEFORE": 1.0,
    },
    "virtual.module.line.reports": {
        "MAX_PROPERTIES": 256,
        "MAX_PROPERTIES_TEXT": 700,
    },
    "virtual.module.profile": {
        "_BUFFER": 2048,
        "Profile.longest": 899,
        "Profile.waiting": 6,
        "Profile.update_offers": 1,
    },
    "virtual.module.chip": {"Chip.ble_pid": 190, "Chip.zone": 8},
    "virtual.module.download": {
        "UpdateTimes.stall": 60.0,
        "UpdateTimes.download": 600.0,
        "UpdateTimes.tries": 3,
        "UpdateTimes.pause": 1.0,
        "UpdateTimes.flash": 2.0,
        "UpdateTimes.version": 30.0,
    },
    "virtual.module.network": {
        "Timings.reboot": 0.3,
        "Timings.boot": 0.5,
        "Timings.factory": 1.0,
        "Timings.reconfigure": 2.0,
        "Timings.give_up": 10.0,
    },
    "virtual.module.update": {"UpdateScript.jump": 0.25},
    "virtual.module.requests.request": {},
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "virtual") == set()


#: longest line, seconds until an unfinished line is dropped, for an answer, for one while echo is on, waiting requests,
#: codes passed on, columns of ``help``
PROFILE_NUMBERS = {
    "document": (511, 1.0, 4.0, 4.0, 6, range(-9999, -4999), 0),
    "older": (1023, None, 1.0, 60.0, 7, range(-10000, -4999), 0),
    "newer": (899, 1.0, 4.0, 4.0, 6, range(-10000, -4999), 32),
}


@pytest.mark.parametrize("name", PROFILE_NUMBERS)
def test_the_profiles(name: str) -> None:
    profile = PROFILES[name]
    numbers = (profile.longest, profile.idle, profile.answer_time, profile.echo_answer_time, profile.waiting)
    assert (*numbers, profile.error_codes, profile.help_indent) == PROFILE_NUMBERS[name]


def test_how_long_things_take_in_the_module() -> None:
    times = Timings()
    assert (times.join, times.cloud, times.waiting) == (0.0, 0.0, 1800.0)
    assert times.reboot < RESTART_TIME
    assert times.factory < FACTORY_TIME


def test_an_update_over_the_lan() -> None:
    script = UpdateScript()
    assert [(step.state, step.seconds, step.progress) for step in script.steps] == [
        ("downloading", 3.0, (0, 100)),
        ("downloaded", 0.5, (100, 100)),
        ("installing", 2.0, (100, 100)),
    ]


def test_an_update_that_really_happens() -> None:
    assert FIRST_OFFER_TIME == 60.0
    settings = BootloaderSettings()
    assert (settings.largest, settings.fault_at) == (1048576, 1024)


def test_the_older_module_takes_smaller_datagrams() -> None:
    assert [PROFILES[name].options.max_request for name in ("document", "older", "newer")] == [
        2048,
        1000,
        2048,
    ]


def test_the_newer_module_says_0_when_it_was_told_a_router() -> None:
    # A datagram of 2048 bytes: a header of 32, and at least a byte of padding.
    assert [PROFILES[name].options.max_reply for name in ("document", "older", "newer")] == [None, None, 2015]
    assert [PROFILES[name].router_result for name in ("document", "older", "newer")] == [("ok",), ("ok",), 0]


def test_the_chip() -> None:
    assert Chip(device_id=1).uid == 0
    assert NOT_FROM_HERE.error == (-30020, "service not available.")


def test_properties_in_a_line() -> None:
    assert (MAX_GET, MAX_SET, NOT_MENTIONED) == (16, 21, -4004)
    assert type(NOT_MENTIONED) is int


def test_the_mcu_polls_as_the_document_recommends() -> None:
    assert Mcu(Spec.shipped("lamp")).poll_interval == 0.2
