"""Files of captures, pcap and pcapng: one frame after the other, each with the link type of its interface.

dpkt knows the layouts of both formats. Its reader of pcapng takes link type and resolution of the first interface for
all of them, so that a capture of several (Wireshark with two ticks, ``dumpcap -i eth0 -i wlan0``) would be misread.
Blocks are therefore taken one by one here, and each packet is read by the description of the interface it names.
Source: https://pcapng.com; https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from miio_lan.errors import RecordError, UnsupportedFeatureException
from miio_lan.record.beginnings import ENOUGH, if_compressed

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIECE = 1 << 24
"""Bytes of the longest packet or block that is read; Wireshark's own limit for a packet is 256 KiB for most links."""
MAX_INTERFACES = 4096
"""Interfaces of one pcapng section that are remembered."""
MAX_TIME = 1e12
"""Seconds since 1970 that a record can have."""
NO_TIME = "a packet without a time"

_PCAP = {
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\xcd\x34",
    b"\x34\xcd\xb2\xa1",
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_LINK_TYPE = 0xFFFF
"""The other bits of the field say how long a checksum the frames have."""
_RESOLUTION, _OFFSET = 9, 14


class Frame(NamedTuple):
    """One frame.

    :param time: seconds since 1970
    :param link: what its first bytes are, a number of the list of link types
    """

    time: float
    link: int
    data: bytes


class Frames:
    """Iterates over the frames of a file.

    :param file: opened for bytes; read once, from where it stands, to its end
    :param name: what errors call it
    :raises RecordError: (when iterated over) if it is no capture, or damaged at its beginning
    :raises UnsupportedFeatureException: (when iterated over) if dpkt is missing
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._file = _File(file)
        #: What of the file could not be read, in words; empty when it was read to its end.
        self.cut = ""
        #: Packets without a time or an interface.
        self.unusable = 0

    def __iter__(self) -> Iterator[Frame]:
        try:
            import dpkt
        except ImportError:
            raise UnsupportedFeatureException(
                "captures are read by dpkt: pip install 'miio-lan[pcap]'"
            ) from None
        begin = self._file.ahead(ENOUGH)
        magic = begin[:4]
        if magic in _PCAP:
            yield from self._pcap(dpkt.pcap)
        elif magic == _PCAPNG:
            yield from self._pcapng(dpkt.pcapng)
        else:
            raise RecordError(f"{self._name} is no capture: {_instead(begin)}")

    def _pcap(self, pcap: Any) -> Iterator[Frame]:
        import dpkt

        try:
            reader = pcap.Reader(self._file)
        except (dpkt.Error, ValueError) as error:
            raise RecordError(f"{self._name} ends in its header ({error or 'too short'})") from None
        link = reader.datalink() & _LINK_TYPE
        try:
            for stamp, data in reader:
                if self._file.short:
                    break
                yield Frame(float(stamp), link, data)
        except dpkt.Error:  # the header of a packet is not whole
            pass
        self.cut = self._file.problem

    def _pcapng(self, pcapng: Any) -> Iterator[Frame]:
        section = _Section("<")
        begun = False
        while True:
            kind = self._file.read(4)
            if len(kind) < 4:
                break
            if kind == _PCAPNG:
                kind += self._file.read(8)
                section = _Section("<" if kind[8:12] == b"\x4d\x3c\x2b\x1a" else ">")
                if kind[8:12] not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                    self.cut = "a section without a byte order"
                    break
            else:
                kind += self._file.read(4)
            length = section.length(kind)
            block = kind + self._file.read(length - len(kind)) if length else kind
            if self._file.short or not length or section.length(block[-8:]) != length:
                self.cut = self._file.problem or "a block whose lengths differ"
                break
            begun = True
            frame = section.take(pcapng, block)
            if frame is None or isinstance(frame, Frame):
                if frame is not None:
                    yield frame
            else:
                self.unusable += 1
        self.cut = self.cut or self._file.problem
        if not begun:
            raise RecordError(f"{self._name} is a damaged capture: {self.cut or 'nothing but a header'}")


class _Section:
    """A section of a pcapng file: its byte order and its interfaces.

    :param order: ``"<"`` or ``">"``
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._interfaces: list[tuple[int, float, int]] = []  # link type, steps in a second, seconds to add

    def length(self, block: bytes) -> int:
        """Read the length of a block from its bytes 4 to 8; 0 where it cannot be one."""
        length = int(struct.unpack_from(self._order + "I", block, 4)[0]) if len(block) >= 8 else 0
        return length if length >= 12 and length % 4 == 0 else 0

    def take(self, pcapng: Any, block: bytes) -> Frame | str | None:
        """Take a block; give its packet, what is wrong with it, or None where it has none."""
        kind = struct.unpack_from(self._order + "I", block)[0]
        if kind == pcapng.PCAPNG_BT_IDB:
            if len(self._interfaces) < MAX_INTERFACES:
                self._interfaces.append(self._interface(pcapng, block))
        elif kind == pcapng.PCAPNG_BT_EPB:
            return self._packet(self._read(pcapng, "EnhancedPacketBlock", block), block)
        elif kind == pcapng.PCAPNG_BT_PB:
            return self._packet(self._read(pcapng, "PacketBlock", block), block)
        elif kind == pcapng.PCAPNG_BT_SPB:
            return NO_TIME
        return None

    def _read(self, pcapng: Any, layout: str, block: bytes) -> Any:
        """Read the fixed fields of a block alone: dpkt takes quadratic time over many options."""
        fields = getattr(pcapng, layout + ("LE" if self._order == "<" else ""))()
        if len(block) < fields.__hdr_len__:
            return None
        fields.unpack_hdr(block)
        return fields

    def _interface(self, pcapng: Any, block: bytes) -> tuple[int, float, int]:
        fields = self._read(pcapng, "InterfaceDescriptionBlock", block)
        if fields is None:
            return -1, 1e6, 0
        steps, add = 1e6, 0
        for code, value in self._options(block[16:-4]):
            if code == _RESOLUTION and len(value) == 1:
                exponent = value[0] & 0x7F
                steps = 2.0**exponent if value[0] & 0x80 else 10.0**exponent
            elif code == _OFFSET and len(value) == 8:
                add = struct.unpack(self._order + "q", value)[0]
        return fields.linktype, steps, add

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(self._order + "HH", data, at)
            if code == 0:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4

    def _packet(self, fields: Any, block: bytes) -> Frame | str:
        if fields is None or fields.iface_id >= len(self._interfaces):
            return "a packet of an interface that is not described"
        link, steps, add = self._interfaces[fields.iface_id]
        if 28 + fields.caplen > len(block) - 4:
            return "a packet longer than its block"
        time = ((fields.ts_high << 32) | fields.ts_low) / steps + add
        if not 0 <= time <= MAX_TIME:
            return "a packet of no time that a clock shows"
        return Frame(time, link, block[28 : 28 + fields.caplen])


class _File:
    """A file whose reads are bounded, and which knows whether it ended in the middle of one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ahead = b""
        self.problem = ""

    @property
    def short(self) -> bool:
        return bool(self.problem)

    def ahead(self, size: int) -> bytes:
        """Give so many bytes, or as many as there are, and keep them for the next reads."""
        self._ahead, self.problem = self.read(size), ""
        return self._ahead

    def read(self, size: int) -> bytes:
        """Read so many bytes; fewer at the end, and none once there was a problem."""
        if self.problem:
            return b""
        if size > MAX_PIECE:
            self.problem = f"a packet of {size} bytes"
            return b""
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        while len(data) < size and (more := self._file.read(size - len(data))):
            data += more  # a pipe without a buffer gives what it has
        if data and len(data) < size:
            self.problem = "it ends in the middle of a packet"
        return data


def _instead(begin: bytes) -> str:
    if not begin:
        return "it is empty"
    return if_compressed(begin) or "pcap or pcapng is expected, as tcpdump and Wireshark write it"
