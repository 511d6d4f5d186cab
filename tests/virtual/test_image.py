from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.virtual.image import Image, make_image, read_image

FORM = "its first line is not 'miio-lan firmware mcu 0042': a part and a version"


@pytest.mark.parametrize(
    ("data", "image"),
    [
        (b"miio-lan firmware mcu 0042\nrest", Image("mcu", "0042")),
        (b"miio-lan firmware module 2.1.0_0042\n", Image("module", "2.1.0_0042")),
        (b"anything else", Image()),
        (b"", Image()),
        (b"miio-lan firmware", Image()),
    ],
)
def test_what_an_image_says_of_itself(data: bytes, image: Image) -> None:
    assert read_image(data) == image


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"miio-lan firmware mcu 42\n", "the version '42' is not a 4-digit number"),
        (b"miio-lan firmware fan 0042\n", "it is for 'fan', not for a module or an mcu"),
        (b"miio-lan firmware mcu 0042", FORM),
        (b"miio-lan firmware mcu\n", FORM),
        (b"miio-lan firmware module \x1b[2J\n", FORM),
        (b"miio-lan firmware module 2.\xff\xfe\n", FORM),
        (b"miio-lan firmware m\xffu 0042\n", FORM),
        (b"miio-lan firmware module 2.\xc3\xa9\n", FORM),
        (b"miio-lan firmware module " + b"x" * 200 + b"\n", FORM),
    ],
)  # fmt: skip
def test_a_first_line_that_is_damaged(data: bytes, fault: str) -> None:
    assert read_image(data).fault == fault
    assert read_image(data).version is None


def test_making_one() -> None:
    assert make_image("mcu", "0007", b"\x00\xff") == b"miio-lan firmware mcu 0007\n\x00\xff"
    with pytest.raises(ValueError, match="'7' is not a 4-digit number"):
        make_image("mcu", "7")


@given(st.binary(max_size=200), st.booleans())
def test_anything_can_be_read(data: bytes, marked: bool) -> None:
    image = read_image(b"miio-lan firmware " * marked + data)
    assert image.part in (None, "module", "mcu")
    assert (image.version or "").isascii()
