"""A whole product without hardware: a virtual module at a UDP socket, a virtual MCU, and a real pty between them.

Where a system has no pseudo-terminals (Windows), the two are joined in memory.

Either end alone, facing real hardware, is :class:`~miio_lan.virtual.host.ModuleHost` or
:class:`~miio_lan.virtual.host.McuHost`.
"""

from __future__ import annotations

import secrets
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from miio_lan.device.description.spec import Spec
from miio_lan.foreign import printable
from miio_lan.given import checked_function, checked_number
from miio_lan.lan.cipher import parse_token
from miio_lan.loop import wall_clock
from miio_lan.record.redact import as_secret
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.ports.port import MemoryPair, joined_ends
from miio_lan.virtual.endpoint import checked_host
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.hosting import Host
from miio_lan.virtual.lan_log import LanLog
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from miio_lan.record import Observer
    from miio_lan.uart.ports.port import PtyPair
    from miio_lan.virtual.module.profile import Profile

__all__ = ["McuHost", "ModuleHost", "VirtualProduct"]

# An MCU in good order has reported within a millisecond or two; one that misbehaves is not waited for much longer.
_BOOT_PATIENCE = 1.0


class VirtualProduct(Host):
    """A whole product without hardware: a virtual module on a UDP socket, a virtual MCU, and a pty between them.

    Both run in one thread; every byte between them passes the kernel.

    :param spec: what the product is; the lamp that ships with the package by default
    :param host: the address to listen at, IPv4 or IPv6
    :param port: the UDP port, 0 for any free one
    :param token: 32 hexadecimal digits; random by default
    :param device_id: the did; random by default
    :param profile: how the module behaves, see :mod:`~miio_lan.virtual.module.profile`
    :param misbehave: how the MCU misbehaves, see :data:`~miio_lan.virtual.mcu.mcu.MISBEHAVIOURS`
    :param observer: gets a record of every line in both directions, stamped when the other end reads it
    :param lan_observer: gets a record of every datagram, whoever the client is
    :param provisioned: whether the module is set up; it shows its token otherwise
    :param ap_host: the address it listens at while it waits to be set up, and not at ``host`` then; see
        :class:`~miio_lan.virtual.host.ModuleHost`
    :param line: the line, when it shall be another than a new pty; it belongs to the product from now on
    :param mcu_options: further arguments for :class:`~miio_lan.virtual.mcu.mcu.Mcu`
    :param module_options: further arguments for :class:`~miio_lan.virtual.module.module.Module`
    :raises InvalidTokenException: if the token is none
    :raises DeviceException: as the two machines do for arguments that do not fit
    """

    WHAT = "virtual product"

    def __init__(
        self,
        spec: Spec | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        device_id: int | None = None,
        profile: str | Profile = "document",
        misbehave: Collection[str] = (),
        observer: Observer | None = None,
        lan_observer: Observer | None = None,
        provisioned: bool = True,
        ap_host: str | None = None,
        line: PtyPair | MemoryPair | None = None,
        mcu_options: Mapping[str, Any] | None = None,
        module_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(None)
        self.spec = Spec.checked(spec) or Spec.shipped()
        self.host = checked_host("host", host)
        self._ap_host = None if ap_host is None else checked_host("ap_host", ap_host)
        token = as_secret(token)
        self.device_id = secrets.randbelow(0x7FFFFFFF) + 1 if device_id is None else device_id
        self.mcu = Mcu(self.spec, misbehave=misbehave, **(mcu_options or {}))
        defaults: dict[str, Any] = {
            "mac": f"02{secrets.token_hex(5)}",  # locally administered: nobody's real address
            "model": self.mcu.model,
            "wall": wall_clock,
            "inputs": self.spec.inputs,
        }
        self.module = Module(
            device_id=self.device_id,
            token=secrets.token_bytes(16) if token is None else parse_token(token),
            profile=profile,
            provisioned=provisioned,
            **(defaults | dict(module_options or {})),
        )
        self._wanted_port = checked_number("port", port)
        self._line = line
        checked_function("observer", observer)
        checked_function("lan_observer", lan_observer)
        self._watch = Overhearing(observer, wall=wall_clock, late=False) if observer is not None else None
        self._lan_log = LanLog(lan_observer, self._token) if lan_observer is not None else None
        self._booted = threading.Event()
        self._hosts: tuple[ModuleHost, McuHost] | None = None

    def __repr__(self) -> str:
        if "module" not in vars(self):  # it could not be made, and somebody looks at why
            return "<VirtualProduct, unfinished>"
        what = f"{printable(self.mcu.model)} did={self.device_id} {self.host}:{self.port}"
        return f"<VirtualProduct {what} ({self._state})>"

    @property
    def in_memory(self) -> bool:
        """Whether module and MCU are joined in memory: no pseudo-terminal was to be had, or that was asked for."""
        return isinstance(self._line, MemoryPair)

    @property
    def token(self) -> str:
        """The token, 32 hexadecimal digits."""
        return self._token().hex()

    def _token(self) -> bytes:
        return self.module.responder.token

    @property
    def address(self) -> str:
        """Where it can be reached now: ``host``, or ``ap_host`` while it waits to be set up."""
        return self.host if self._ap_host is None or self.module.provisioned else self._ap_host

    @property
    def port(self) -> int:
        """The UDP port it listens at (0 until it is started, if any free one was asked for)."""
        return self._hosts[0].port if self._hosts is not None else self._wanted_port

    def start(self) -> None:
        """Begin; the MCU has told the module who it is when this returns (unless it misbehaves).

        :raises DeviceException: if it was closed before, or there is no such address, free port or pty
        """
        super().start()
        self._booted.wait(_BOOT_PATIENCE)

    def _prepare(self) -> None:
        self._line = line = self._line or joined_ends()
        module = ModuleHost(
            self.module,
            line.near,
            host=self.host,
            port=self._wanted_port,
            loop=self._loop,
            heard=self._module_heard,
            on_datagram=self._lan_log,
            ap_host=self._ap_host,
        )
        heard = partial(self._watch.feed, "down") if self._watch is not None else None
        self._hosts = (module, McuHost(self.mcu, line.far, loop=self._loop, heard=heard))

    def _module_heard(self, data: bytes, instant: float) -> None:
        if self.module.chip.mcu_version is not None:
            self._booted.set()
        if self._watch is not None:
            self._watch.feed("up", data, instant)

    def _begin(self) -> None:
        if self._watch is not None:
            self._loop.add_timed(self._watch)
        for host in self._hosts or ():
            host.start()

    def flush(self) -> None:
        """See :class:`~miio_lan.virtual.hosting.Host`."""
        for host in self._hosts or ():
            host.flush()

    def _end(self) -> None:
        if self._watch is not None:
            self._loop.remove_timed(self._watch)
            self._watch.flush()
        for host in self._hosts or ():
            host.close()

    def _free(self) -> None:
        if self._line is not None:
            self._line.close()
