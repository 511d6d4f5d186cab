"""A capture as a whole: the file is read, what is in it is sorted, and what is not is told."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from miio_lan.errors import RecordError
from miio_lan.lan import PORT
from miio_lan.lan.capture.devices import CapturedDevice, KnownDevice, Sorting
from miio_lan.lan.capture.files import Frames
from miio_lan.lan.capture.layers import Layers
from miio_lan.lan.cipher import parse_token
from miio_lan.paths import FilePath, checked_path, path_of

if TYPE_CHECKING:
    from miio_lan.record import Record

_DEVICES_NAMED = 5
"""Devices that an error names."""


@dataclass(eq=False)
class Capture:
    """What a capture has of the devices whose tokens are known.

    :param name: the file
    :param devices: in the order in which their tokens were given
    :param packets: how many packets there are in all
    :param cut: why the file could not be read to its end; empty where it could
    :param unread: packets that could not be read, counted by their reason
    :param left_out: datagrams of the port that are left out, counted by their reason
    """

    name: str
    devices: list[CapturedDevice]
    packets: int = 0
    cut: str = ""
    unread: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def device(self) -> CapturedDevice:
        """The only device.

        :raises RecordError: where there are several
        """
        if len(self.devices) > 1:
            names = ", ".join(each.name or f"did {each.did}" for each in self.devices)
            raise RecordError(f"{self.name} has several devices ({names}): say which one is meant")
        return self.devices[0]

    @property
    def remarks(self) -> list[str]:
        """What was not read, or left out, and why: a sentence each."""
        found = [f"the capture is damaged: {self.cut}"] if self.cut else []
        counts = [(reason, self.unread[reason], text) for reason, text in _UNREAD.items()]
        counts += [(reason, self.left_out[reason], text) for reason, text in _LEFT_OUT.items()]
        found += [text.format(_counted(count)) for _, count, text in counts if count]
        bad = sum(each.unreadable for each in self.devices)
        if bad:
            found.append(f"{_counted(bad)} of the device could not be read; each is marked with the reason")
        return found


def _counted(count: int) -> str:
    return f"{count} datagram" + ("" if count == 1 else "s")


_UNREAD = {
    "cut": "{}: cut by the capture (tcpdump's -s 0 keeps all of them)",
    "fragments": "{}: fragments are missing",
    "damaged": "{}: damaged, or no UDP",
    "wireless": "{}: Wi-Fi in monitor mode, which is not read; capture at the router or access point",
    "link": "{}: of a kind of network that is not read",
    "unusable": "{}: without a time",
}
_LEFT_OUT = {
    "others": "{}: of other devices, left out",
    "no miIO": "{}: not of this protocol, left out",
    "twice": "{}: captured twice, left out once",
    "both ends": "{}: both ends use the port, and which is the device is not known; left out",
}


def read_capture(
    file: FilePath | BinaryIO,
    *,
    token: str | bytes | None = None,
    devices: Sequence[KnownDevice] = (),
    address: str | None = None,
    port: int = PORT,
) -> Capture:
    """Read a capture (pcap or pcapng) and give the datagrams of the devices whose tokens are known.

    :param file: a path, ``-`` for stdin, or a file opened for bytes
    :param token: of the device
    :param devices: several devices, in the place of ``token`` or beside it
    :param address: looks at no other device than that at this address
    :param port: the devices' UDP port
    :raises RecordError: if it is no capture, has nothing of such a device, or no token fits; the text says which
    :raises InvalidTokenException: for what is no token
    :raises UnsupportedFeatureException: if dpkt is missing
    """
    known = list(devices)
    if token is not None:
        known.insert(0, KnownDevice(parse_token(token)))
    named = path_of(file) or path_of(getattr(file, "name", None))
    name = str(named) if named is not None and file != "-" else "the capture"
    if file == "-":
        if sys.stdin is None:
            raise RecordError("there is no standard input to read")
        return _read(sys.stdin.buffer, name, known, address, port)
    if path_of(file) is None and hasattr(file, "read"):
        return _read_open(cast("BinaryIO", file), name, known, address, port)
    path = checked_path("a capture", file, RecordError, also=" or a file opened for bytes")
    try:
        with path.open("rb") as opened:
            return _read(opened, name, known, address, port)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_open(
    file: BinaryIO, name: str, known: Sequence[KnownDevice], address: str | None, port: int
) -> Capture:
    """Read a file that somebody else has opened, for bytes if all is well, and closes again."""
    if isinstance(getattr(file, "file", file), io.TextIOBase):
        raise RecordError("a capture is a file opened for bytes, and this one was opened for text")
    if getattr(file, "closed", False) is True:
        raise RecordError(f"{name} cannot be read: it is closed")
    try:
        return _read(file, name, known, address, port)
    except OSError as error:  # one that was opened for writing, for example
        raise RecordError(f"{name} cannot be read: {error.strerror or error}") from error


def _read(file: BinaryIO, name: str, known: Sequence[KnownDevice], address: str | None, port: int) -> Capture:
    frames, layers, sorting, packets = Frames(file, name), Layers(port), Sorting(port, address), 0
    for frame in frames:
        packets += 1
        datagram = layers.take(*frame)
        if datagram is not None:
            sorting.take(datagram)
    layers.finish()
    sorting.finish()
    layers.unread["unusable"] += frames.unusable
    found = sorting.devices(known)
    if not found:
        where = f" at {address}" if address is not None else ""
        raise RecordError(_nothing(name, where, port, packets, sorting, layers.unread, known) + _cut(frames))
    return Capture(name, found, packets, frames.cut, layers.unread, sorting.left_out)


def _cut(frames: Frames) -> str:
    return f" (and it is damaged: {frames.cut})" if frames.cut else ""


def _nothing(
    name: str,
    where: str,
    port: int,
    packets: int,
    sorting: Sorting,
    unread: Counter[str],
    known: Sequence[KnownDevice],
) -> str:
    """Say why a capture has nothing of a device."""
    if unread["wireless"]:
        return f"{name} is of Wi-Fi in monitor mode, which is not read: capture at the router or access point"
    dids = sorting.dids
    if not dids:
        if unread["link"] == packets and packets:
            return (
                f"{name} is of a kind of network that is not read: Ethernet, IP or a Linux 'any' capture is"
            )
        if unread["unusable"] and not packets:
            return f"{name} has no packet with a time"
        if unread["cut"]:
            return f"{name} has no whole datagram{where}: capture them as a whole (tcpdump's -s 0)"
        return f"{name} has no command for UDP port {port}{where} among its {packets} packets"
    shown = [f"did {did} at {' and '.join(there[:2])}" for did, there in list(dids.items())[:_DEVICES_NAMED]]
    more = f" and {len(dids) - _DEVICES_NAMED} more" if len(dids) > _DEVICES_NAMED else ""
    whose = f"{_counted(sorting.encrypted)} of {', '.join(shown)}{more}"
    if not known:
        return f"{name} has {whose}, and none can be read without a token"
    tokens = "the token fits" if len(known) == 1 else f"the {len(known)} tokens fit"
    return (
        f"nothing in {name} could be decrypted: {tokens} none of {whose}. "
        "It is another device's, or the device has got a new one since"
    )


def records_of(devices: Sequence[CapturedDevice]) -> list[tuple[CapturedDevice, Record]]:
    """Give the records of several devices in the order of time, each with its device."""
    every = [(device, record) for device in devices for record in device.records]
    return sorted(every, key=lambda each: each[1].instant)
