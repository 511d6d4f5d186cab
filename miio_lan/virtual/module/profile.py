"""How Wi-Fi modules differ: the serial document as it is written, and the two firmware generations in the field.

``document`` does what the serial document says, and where it says nothing what the newer generation does, as long as
the LAN caller gets an answer. ``older`` is the generation of 2014 to 2017, ``newer`` that of 2018 and later. All three
translate properties and actions, so that one product description can be tried on each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.foreign import show
from miio_lan.lan.packet import HEADER_SIZE
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.uart.document import (
    ANSWER_TIME,
    ERROR_CODES,
    MAX_LINE,
    OLDER_ANSWER_TIME,
    OLDER_ECHO_ANSWER_TIME,
    PARTIAL_LINE_TIME,
    UNDEFINED_CODE,
    UPDATE_OFFERS,
)

_BUFFER = 2048
"""Bytes of the longest datagram a module of the newer generation makes (observed)."""

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of module does where modules differ.

    :param strict: refuse what does not conform to the document, overlong lines included; else judge as firmware does
    :param longest: characters of the longest line that is read
    :param unknown_reply: the answer to an unknown command, ``{}`` stands for its name
    :param silent_queries: bare ``model`` without a model, and bare ``ble_config``, get no reply at all
    :param idle: seconds after which an unfinished line is thrown away, None for never
    :param prompt: what is written before each command while echo is on
    :param echo_reply_end: how a reply ends while echo is on
    :param echo_cr: what is sent back for a CR while echo is on
    :param protocol_version: the answer to ``version``; None for the firmware version
    :param zone_argument: ``time`` takes a zone number
    :param padded_hour: ``time`` writes the hour with two digits
    :param answer_time: seconds the MCU has for its answer
    :param echo_answer_time: the same while echo is on
    :param from_arrival: the time counts from the arrival of the request, else from its hand-out
    :param late_poll_refused: the first ``get_down`` after a timeout is still answered ``error``
    :param waiting: requests that may wait behind the one in work
    :param timeout_text: the message of -9999
    :param undefined_text: the message of -10000
    :param error_codes: which codes of the MCU are passed on; others become -10000, or are refused where strict
    :param error_to_properties: an MCU ``error`` as the answer to get or set reaches the caller; else it gets silence
    :param comma_params: legacy parameters and results are divided by commas
    :param every_notice: each change of the network is told to the MCU, else the difference to the last one told
    :param boot_requests: ask for model and version at boot
    :param report_states: network states in which property reports leave the module
    :param legacy_reports: ``props``, ``event``, ``log``, ``store`` are commands
    :param extras: further commands and their replies; ``{fw}`` stands for the firmware version
    :param help_indent: columns of the command name in ``help``, 0 for a single space
    :param restore_on_lan: ``miIO.restore`` works from the LAN
    :param locked: while not provisioned, only ``miIO.config_router`` works on the LAN
    :param router_result: the result of ``miIO.config_router``
    :param checks_md5: a downloaded image is compared with ``file_md5``
    :param update_offers: how often an image is offered to an MCU that says it is busy, before the update has failed
    :param restarts_after_mcu_update: it restarts itself when its MCU has new firmware
    :param reboots_while_updating: ``miIO.reboot`` is obeyed during an update, too
    :param success_key: how ``miIO.wifi_assoc_state`` spells its success counter
    :param newer_info: ``miIO.info`` has the keys of the newer generation
    :param options: the LAN side
    """

    name: str
    strict: bool = False
    longest: int = 899
    unknown_reply: str = "error"
    silent_queries: bool = False
    idle: float | None = PARTIAL_LINE_TIME
    prompt: str = ""
    echo_reply_end: str = "\r"
    echo_cr: str = "\r"
    protocol_version: str | None = None
    zone_argument: bool = False
    padded_hour: bool = True
    answer_time: float = ANSWER_TIME
    echo_answer_time: float = ANSWER_TIME
    from_arrival: bool = False
    late_poll_refused: bool = False
    waiting: int = 6
    timeout_text: str = "user ack timeout"
    undefined_text: str = "user undefined error"
    error_codes: range = range(UNDEFINED_CODE, ERROR_CODES.stop)
    error_to_properties: bool = True
    comma_params: bool = True
    every_notice: bool = False
    boot_requests: bool = False
    report_states: frozenset[str] = frozenset({"local", "cloud", "updating"})
    legacy_reports: bool = True
    extras: Mapping[str, str] = field(default_factory=lambda: _NONE)
    help_indent: int = 0
    restore_on_lan: bool = True
    locked: bool = False
    router_result: Literal[0] | tuple[str] = ("ok",)
    checks_md5: bool = True
    update_offers: int = 1
    restarts_after_mcu_update: bool = False
    reboots_while_updating: bool = True
    success_key: str = "conn_success_count"
    newer_info: bool = True
    options: ResponderOptions = field(default_factory=ResponderOptions)


DOCUMENT = Profile(
    name="document",
    strict=True,
    longest=MAX_LINE,
    error_codes=ERROR_CODES,
    comma_params=False,
    legacy_reports=False,
)

OLDER = Profile(
    name="older",
    longest=1023,
    unknown_reply="command '{}' not found\r",
    idle=None,
    prompt="\n# ",
    echo_cr="\r\n",
    protocol_version="2",
    answer_time=OLDER_ANSWER_TIME,
    echo_answer_time=OLDER_ECHO_ANSWER_TIME,
    from_arrival=True,
    waiting=7,
    timeout_text="UART timeout",
    undefined_text="UART undefined error",
    every_notice=True,
    boot_requests=True,
    extras=MappingProxyType({"platform": "MW300", "fw_ver": "{fw}", "get_up": "idle", "ota_state": "idle"}),
    checks_md5=False,
    restarts_after_mcu_update=True,
    reboots_while_updating=False,
    success_key="conn_succes_count",
    newer_info=False,
    options=ResponderOptions(
        hello_sign="zero", push=False, max_request=1000, trailing_nul=True, id_first=False
    ),
)

NEWER = Profile(
    name="newer",
    silent_queries=True,
    prompt="\n# ",
    echo_reply_end="\r\n",
    zone_argument=True,
    padded_hour=False,
    late_poll_refused=True,
    error_to_properties=False,
    report_states=frozenset({"cloud"}),
    extras=MappingProxyType(
        {
            "arch": "esp32",
            "country_code": "CN",
            "set_mcu_auto_ota": "ok",
            "set_log_level": "ok",
            "setwifi": "ok",
        }
    ),
    help_indent=32,
    restore_on_lan=False,
    locked=True,
    router_result=0,
    update_offers=UPDATE_OFFERS,
    options=ResponderOptions(max_reply=_BUFFER - HEADER_SIZE - 1),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({each.name: each for each in (DOCUMENT, OLDER, NEWER)})


def profile_of(profile: str | Profile) -> Profile:
    """Give the profile of that name, or the profile itself.

    :raises UnsupportedFeatureException: for a name that does not exist, naming those that do
    """
    if isinstance(profile, Profile):
        return profile
    if not isinstance(profile, str) or profile not in PROFILES:
        raise UnsupportedFeatureException(
            f"no module profile is called {show(profile)}; there are {', '.join(PROFILES)}"
        )
    return PROFILES[profile]
