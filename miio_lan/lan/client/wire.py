"""What a session puts on the wire and sees there: datagrams that wait to be sent, and what an observer is told."""

from __future__ import annotations

from typing import NamedTuple

from miio_lan.lan.cipher import TokenCipher
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.packet import seal


class Told(NamedTuple):
    """Something that crossed the wire, for an observer.

    :param direction: ``"up"`` or ``"down"``
    :param plain: the plaintext, empty for a hello; never a token
    :param instant: monotonic seconds
    """

    direction: str
    plain: bytes
    instant: float
    note: str = ""


class Wire:
    """Our end of the wire to one device.

    :param token: 16 bytes, or None while it is not known
    :param greeting: the hellos
    :param observed: whether what crosses the wire is kept for :meth:`take_told`
    """

    def __init__(self, token: bytes | None, greeting: Greeting, *, observed: bool) -> None:
        self.token = token
        #: Of this session alone, for its contexts go on from message to message. Made when it is first wanted.
        self._cipher: TokenCipher | None = None
        self.greeting = greeting
        self.observed = observed
        self.device_id: int | None = None
        self.clock = DeviceClock()
        self._output: list[bytes] = []
        self._told: list[Told] = []

    def take_output(self) -> list[bytes]:
        """Give the datagrams to send now."""
        output, self._output = self._output, []
        return output

    def take_told(self) -> list[Told]:
        """Give what crossed the wire, for an observer; to be handed over when the session's work is done."""
        told, self._told = self._told, []
        return told

    def _own_cipher(self) -> TokenCipher | None:
        """Give the cipher of the token, None while that is not known."""
        if self._cipher is None and self.token is not None:
            self._cipher = TokenCipher(self.token)
        return self._cipher

    def _say_hello(self, now: float) -> None:
        self._output.append(self.greeting.said(now))
        self._tell("down", b"", now, "hello")

    def _post(self, payload: bytes, now: float, stamp: int | None = None) -> None:
        """Send a plaintext.

        :param stamp: None for the one that the device has now
        """
        cipher = self._own_cipher()
        if cipher is not None:
            stamp = self.clock.stamp(now) if stamp is None else stamp
            self._output.append(seal(payload, cipher, self.device_id or 0, stamp))
            if self.observed:
                self._tell("down", payload, now)

    def _tell(self, direction: str, plain: bytes, now: float, note: str = "") -> None:
        if self.observed:
            self._told.append(Told(direction, plain, now, note))
