"""What a virtual product reads in a firmware image: which part of it the image is for, and the version it brings.

A real image is opaque here, and any file will do. One that begins with a line of this form says more::

    miio-lan firmware mcu 0042
    miio-lan firmware module 2.1.0_0042

What follows the line is not looked at. The line is a convention of the virtual ends alone; no real product has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show
from miio_lan.uart.document import version_fault

ImagePart = Literal["module", "mcu"]

MAGIC = b"miio-lan firmware "
#: Bytes of the first line that are looked at, its end included.
LONGEST_HEAD = 128


@dataclass(frozen=True, slots=True)
class Image:
    """What an image says of itself.

    :param part: what it is for; None where it does not say
    :param version: the version it brings; None where it does not say
    :param fault: what is wrong with its first line, empty when nothing is
    """

    part: ImagePart | None = None
    version: str | None = None
    fault: str = ""


def make_image(part: ImagePart, version: str, content: bytes = b"") -> bytes:
    """Make an image that says what it is.

    :param part: ``"module"`` or ``"mcu"``
    :param version: four digits for an MCU, any word for a module
    :raises InvalidArgument: (a ``ValueError``) if no virtual product could read that
    """
    head = MAGIC + f"{part} {version}\n".encode("utf-8", "surrogatepass")
    if fault := read_image(head).fault:
        raise InvalidArgument(fault)
    if not isinstance(content, (bytes, bytearray)):
        raise InvalidArgument(f"the content of an image is bytes, not {show(content)}")
    return head + content


def read_image(data: bytes) -> Image:
    """Read what an image says of itself. Never raises."""
    if not data.startswith(MAGIC):
        return Image()
    head, end, _ = data[:LONGEST_HEAD].partition(b"\n")
    words = head[len(MAGIC) :].decode("latin-1").split(" ")
    if not end or not head.isascii() or len(words) != 2 or not words[1].isprintable() or not words[1]:
        return Image(fault=f"its first line is not {show(MAGIC.decode() + 'mcu 0042')}: a part and a version")
    part, version = words
    if part == "mcu":
        fault = version_fault(version)
        return Image("mcu", None if fault else version, fault)
    if part == "module":
        return Image("module", version)
    return Image(fault=f"it is for {show(part)}, not for a module or an mcu")
