"""How firmware differs from firmware, at the device's end of the LAN wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from miio_lan.lan.responder.damage import Damage, check_damage
from miio_lan.lan.responder.subnets import own_network


@dataclass(frozen=True, slots=True)
class ResponderOptions:
    """How this device differs from others. Every default is what most devices do.

    :param hello_sign: what fills the sign of a hello reply once provisioned: 16 x ff (newer), 16 x 00 (older)
    :param duplicate_hello: answer each hello twice
    :param show_token: show the token in hello replies although provisioned (a factory command does that)
    :param push: answer a hello with a virtual did by the push mark, and take ``miIO.sub``
    :param wildcard: understand the ``sub_method`` ``"."``
    :param push_interval: seconds between the repeats of an unacknowledged push
    :param stamp_window: seconds a request's stamp may differ from the device's (60 and more: dropped), None for any
    :param own_subnet: the IPv4 network that alone is heeded, hellos included, as some products do; None for everybody
    :param id_memory: what happens to a repeated id: ``"normal"`` executes it again, ``"silent"`` drops it,
        ``"replay"`` answers what was answered before without acting; ``"resends"`` does the latter only for what one
        sender repeats to the letter and would do harm twice, so that no client can notice it but by that
    :param id_memory_size: how many of the last ids are remembered
    :param accept_id_zero: whether a request with id 0 is answered
    :param require_params: whether a request without ``params`` is refused with -32600
    :param max_request: bytes of the longest datagram that is read; longer ones are dropped
    :param trailing_nul: end the JSON with a NUL before padding
    :param id_first: write ``id`` before ``result`` (newer firmware) or after it
    :param max_reply: bytes of the longest reply text, damage included; a longer one overflows: so much of it
        arrives, with a bad sign
    :param property_limit: how many properties or names one request may ask for
    :param property_overflow: what happens beyond: a short list, -9999, a bad sign, or silence
    :param damage: kinds of damage done to every reply, see :mod:`miio_lan.lan.responder.damage`
    :raises UnsupportedFeatureException: for a kind of damage that does not exist
    :raises InvalidArgument: if ``own_subnet`` is no network
    """

    hello_sign: Literal["ff", "zero"] = "ff"
    duplicate_hello: bool = False
    show_token: bool = False
    push: bool = True
    wildcard: bool = True
    push_interval: float = 2.5
    stamp_window: int | None = 60
    own_subnet: str | None = None
    id_memory: Literal["normal", "silent", "replay", "resends"] = "resends"
    id_memory_size: int = 16
    accept_id_zero: bool = True
    require_params: bool = False
    max_request: int = 2048
    trailing_nul: bool = False
    id_first: bool = True
    max_reply: int | None = None
    property_limit: int | None = None
    property_overflow: Literal["short", "timeout", "bad sign", "silence"] = "timeout"
    damage: tuple[str | Damage, ...] = ()

    def __post_init__(self) -> None:
        for kind in self.damage:
            check_damage(kind)
        if self.own_subnet is not None:
            own_network(self.own_subnet)
