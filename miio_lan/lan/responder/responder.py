"""What a device does with a datagram: the other side of the session, without any input or output.

Silent where real devices are silent (wrong token, did, stamp or length; repeated ids where remembered), with the
variants of firmware as options. Source: published firmware of two generations, observed packets.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from miio_lan.errors import DeviceException, PayloadDecodeException
from miio_lan.lan.client.call import is_repeat_safe
from miio_lan.lan.codes import MCU_TIMEOUT
from miio_lan.lan.packet import (
    HEADER_SIZE,
    HELLO,
    PushAbility,
    decode,
    dump_payload,
    encode,
    hello_reply,
    push_sign,
    unwrap,
    virtual_did_of,
)
from miio_lan.lan.payload import REQUEST_KEYS
from miio_lan.lan.responder.damage import damage_datagram, damage_text
from miio_lan.lan.responder.options import ResponderOptions
from miio_lan.lan.responder.subnets import is_within
from miio_lan.lan.responder.subscriptions import Address, Subscriptions

__all__ = ["Address", "Request", "Responder", "ResponderOptions"]

_LOGGER = logging.getLogger(__name__)

#: Datagrams kept while nobody fetches them.
MAX_DATAGRAMS = 1024
_STAMP_LIMIT = 1 << 32
_PROPERTY_METHODS = frozenset({"get_properties", "get_prop"})
_TIMED_OUT = (MCU_TIMEOUT, "user ack timeout")


@dataclass(slots=True)
class Request:
    """One accepted request, to be answered by :meth:`Responder.reply`.

    :param id: the caller's id
    :param params: what stood under ``params``; None where it was missing
    :param peer: where the answer goes
    :param received: when it arrived, monotonic seconds
    :param extra: further top-level keys (``sid``, ``from``, ...)
    """

    id: int
    method: str
    params: object
    peer: Address
    received: float
    extra: Mapping[str, object]


class Responder:
    """The LAN rules of one device.

    :param device_id: the 64-bit did
    :param token: 16 bytes
    :param provisioned: while False, hello replies show the token
    :param stamp_at: the device's clock in seconds for a monotonic instant; by default it counts from boot, which is
        the first datagram or the last :meth:`restart`
    """

    def __init__(
        self,
        *,
        device_id: int,
        token: bytes,
        options: ResponderOptions | None = None,
        provisioned: bool = True,
        stamp_at: Callable[[float], int] | None = None,
    ) -> None:
        self.device_id = device_id
        self.provisioned = provisioned
        #: May be replaced at any time by another set of options.
        self.options = options or ResponderOptions()
        #: Why datagrams were dropped, and how many for each reason.
        self.dropped: Counter[str] = Counter()
        self.subscriptions = Subscriptions(interval=self.options.push_interval)
        self._token = token
        self._stamp_at = stamp_at
        self._boot: float | None = None
        self._seen: OrderedDict[object, bytes | None] = OrderedDict()
        self._output: deque[tuple[bytes, Address]] = deque(maxlen=MAX_DATAGRAMS)

    def __repr__(self) -> str:
        return f"<Responder did={self.device_id} provisioned={self.provisioned}>"

    @property
    def token(self) -> bytes:
        """The device's token."""
        return self._token

    def renew(self, token: bytes) -> None:
        """Have another token from now on, as some products do when they are reset."""
        self._token = token

    # -- what arrives ----------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, peer: Address, now: float) -> Request | None:
        """Take one datagram.

        Hellos, subscriptions and acknowledgements are dealt with here; what a device drops is dropped and counted.
        Never raises for anything a peer sent.

        :return: a request that somebody has to answer, or None
        """
        if self._boot is None:
            self._boot = now
        if self.options.own_subnet is not None and not is_within(peer[0], self.options.own_subnet):
            self._drop("another subnet")
            return None
        if len(datagram) == HEADER_SIZE:
            self._hello(datagram, peer, now)
            return None
        payload = self._open(datagram, peer, now)
        if payload is None:
            return None
        request = self._read_request(payload, peer, now)
        if request is None or self._repeated(request, now):
            return None
        if self.options.push and request.method in {"miIO.sub", "miIO.unsub"}:
            self._subscribe(request, now)
            return None
        return request

    def _drop(self, reason: str) -> None:
        self.dropped[reason] += 1
        _LOGGER.debug("dropped a datagram: %s", reason)

    def _hello(self, datagram: bytes, peer: Address, now: float) -> None:
        if datagram[:12] != HELLO[:12]:
            self._drop("not a hello")
            return
        answer = hello_reply(device_id=self.device_id, stamp=self.stamp(now), sign=self._hello_sign(datagram))
        for _ in range(2 if self.options.duplicate_hello else 1):
            self._output.append((answer, peer))

    def _hello_sign(self, datagram: bytes) -> bytes:
        if not self.provisioned or self.options.show_token:
            return self._token
        virtual_did = virtual_did_of(datagram) if self.options.push else None
        if virtual_did is not None:
            sub_ts = self.subscriptions.sub_ts(virtual_did)
            return push_sign(PushAbility(sub_ts=sub_ts, type=1, wildcard=self.options.wildcard))
        return bytes(16) if self.options.hello_sign == "zero" else b"\xff" * 16

    def _open(self, datagram: bytes, peer: Address, now: float) -> object | None:
        """Give the JSON of a datagram that passed every check a device makes, else None."""
        if len(datagram) > self.options.max_request:
            self._drop("too long")
            return None
        try:
            packet = decode(datagram, self._token)
        except PayloadDecodeException as error:
            if error.kind in {"empty", "not JSON"}:
                self._not_json(datagram, peer, now)
            else:
                self._drop(error.kind)
            return None
        if not self._is_mine(packet.device_id, packet.stamp, now):
            return None
        if packet.is_hello:
            # A header that announces 32 bytes, and more behind it: no device was seen to answer that.
            self._drop("not a hello")
            return None
        if packet.repairs or packet.payload is None:
            self._refuse(None, (-32700, "Invalid json."), peer, now)
            return None
        return packet.payload

    def _is_mine(self, device_id: int, stamp: int, now: float) -> bool:
        if device_id != self.device_id:
            self._drop("wrong did")
            return False
        window = self.options.stamp_window
        if window is not None:
            behind = (self.stamp(now) - stamp) % _STAMP_LIMIT
            if min(behind, _STAMP_LIMIT - behind) >= window:
                self._drop("stale stamp")
                return False
        return True

    def _not_json(self, datagram: bytes, peer: Address, now: float) -> None:
        packet = unwrap(datagram, self._token)
        if self._is_mine(packet.device_id, packet.stamp, now):
            self._refuse(None, (-32700, "Invalid json."), peer, now)

    def _read_request(self, payload: object, peer: Address, now: float) -> Request | None:
        if not isinstance(payload, dict):
            self._refuse(None, (-32600, "Req object invalid."), peer, now)
            return None
        number, method = payload.get("id"), payload.get("method")
        if method is None and ("result" in payload or "error" in payload):
            if not self.subscriptions.acknowledged(number, peer):
                self._drop("stray acknowledgement")
            return None
        if not isinstance(number, int) or isinstance(number, bool):
            self._refuse(None, (-32600, "Req object invalid."), peer, now)
            return None
        if number == 0 and not self.options.accept_id_zero:
            self._drop("id 0")
            return None
        if not isinstance(method, str) or (self.options.require_params and "params" not in payload):
            self._refuse(number, (-32600, "Req object invalid."), peer, now)
            return None
        usual = len(payload) == 2 + ("params" in payload)
        extra = {} if usual else {key: payload[key] for key in payload if key not in REQUEST_KEYS}
        return Request(number, method, payload.get("params"), peer, now, extra)

    def _memory_key(self, request: Request) -> object:
        """Tell what is remembered of a request: None for nothing."""
        memory = self.options.id_memory
        if memory == "normal" or (memory == "resends" and is_repeat_safe(request.method)):
            return None
        if memory == "resends":
            return request.id, request.peer, request.method, repr(request.params)
        return request.id

    def _repeated(self, request: Request, now: float) -> bool:
        key = self._memory_key(request)
        if key is None:
            return False
        if key not in self._seen:
            self._seen[key] = None
            while len(self._seen) > self.options.id_memory_size:
                self._seen.popitem(last=False)
            return False
        self._drop("repeated id")
        answer = self._seen[key]
        if self.options.id_memory != "silent" and answer is not None:
            self._transmit(answer, request.peer, now)
        return True

    def _subscribe(self, request: Request, now: float) -> None:
        if request.method == "miIO.sub":
            error = self.subscriptions.subscribe(request.params, request.peer, wildcard=self.options.wildcard)
        else:
            error = self.subscriptions.unsubscribe(request.params)
        self.reply(request, result={"code": 0}, error=error, now=now)

    # -- what leaves -----------------------------------------------------------------------------------------

    def reply(
        self,
        request: Request,
        *,
        result: object = None,
        error: tuple[int, str] | None = None,
        now: float,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Answer a request.

        :param result: the content of ``result``; ignored where an error is given
        :param error: code and message
        :param extra: further top-level keys, e.g. ``exe_time``
        :raises DeviceException: if the result has no JSON form
        """
        options = self.options
        asked = request.params
        overflow = (
            options.property_limit is not None
            and request.method in _PROPERTY_METHODS
            and isinstance(asked, list)
            and len(asked) > options.property_limit
        )
        if overflow:
            if options.property_overflow == "silence":
                return
            if options.property_overflow == "timeout":
                error = _TIMED_OUT
            elif options.property_overflow == "short" and isinstance(result, list):
                result = result[: options.property_limit]
        content: dict[str, object] = (
            {"result": result} if error is None else {"error": {"code": error[0], "message": error[1]}}
        )
        payload = {"id": request.id, **content} if options.id_first else {**content, "id": request.id}
        if extra:
            payload.update(extra)
        plain = self._plain(payload)
        key = self._memory_key(request)
        if key is not None and key in self._seen:
            self._seen[key] = plain
        self._transmit(plain, request.peer, now, spoilt=overflow and options.property_overflow == "bad sign")

    def send(self, payload: Mapping[str, object], peer: Address, now: float) -> None:
        """Send a message of the device's own accord, once.

        :raises DeviceException: if the payload has no JSON form
        """
        self._transmit(self._plain(dict(payload)), peer, now)

    def push(self, method: str, params: object, now: float) -> None:
        """Send a message to everyone who subscribed to it, repeated until acknowledged."""
        self.subscriptions.push(method, params, now)
        self.tick(now)

    def _refuse(self, number: int | None, error: tuple[int, str], peer: Address, now: float) -> None:
        payload: dict[str, object] = {"id": number, "error": {"code": error[0], "message": error[1]}}
        self._transmit(self._plain(payload), peer, now)

    def _plain(self, payload: dict[str, object]) -> bytes:
        try:
            return dump_payload(payload)
        except (TypeError, ValueError, RecursionError) as error:
            raise DeviceException(f"the payload has no JSON form: {error}") from None

    def _transmit(self, plain: bytes, peer: Address, now: float, *, spoilt: bool = False) -> None:
        options = self.options
        kinds = options.damage
        if kinds:
            plain = damage_text(plain, kinds)
        if spoilt or (options.max_reply is not None and len(plain) > options.max_reply):
            kinds = (*kinds, "bad sign")
            plain = plain[: options.max_reply]
        if options.trailing_nul:
            plain += b"\0"
        datagram = encode(plain, token=self._token, device_id=self.device_id, stamp=self.stamp(now))
        if kinds:
            datagram = damage_datagram(datagram, kinds)
        self._output.append((datagram, peer))

    def take_output(self) -> list[tuple[bytes, Address]]:
        """Give what is to be sent since the last call, oldest first, and where to."""
        taken = list(self._output)
        self._output.clear()
        return taken

    # -- time ------------------------------------------------------------------------------------------------

    def stamp(self, now: float) -> int:
        """Give the device's clock, seconds (32 bits)."""
        if self._stamp_at is not None:
            return self._stamp_at(now) % _STAMP_LIMIT
        return 0 if self._boot is None else int(now - self._boot) % _STAMP_LIMIT

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        return self.subscriptions.deadline

    def tick(self, now: float) -> None:
        """Send the pushes that are due."""
        for payload, address in self.subscriptions.due(now):
            self.send(payload, address, now)

    def restart(self, now: float) -> None:
        """Begin anew: the clock counts from 0 again, ids and subscribers are forgotten."""
        self._boot = now
        self._seen.clear()
        self.subscriptions.clear()
