"""What is made ready before an update: files and urls, and what no device could install."""

from __future__ import annotations

import hashlib
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from miio_lan.device.ota import staging
from miio_lan.device.ota.staging import Stage
from miio_lan.errors import InvalidArgument

BODY = b"firmware"
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
HERE = ("127.0.0.1", 54321, None)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_is_served_as_it_was(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "fw.bin"
    path.write_bytes(BODY)
    with Stage(str(path) if as_text else path, version="1", md5=MD5.upper()) as stage:
        path.write_bytes(b"something else")
        image = stage.open(*HERE)
        assert (image.md5, image.version, image.size) == (MD5, "1", len(BODY))
        assert image.url.endswith("/fw.bin")
        with OPENER.open(image.url) as answer:
            assert answer.read() == BODY
        served = stage.served()
        assert served is not None
        assert served.complete
    with pytest.raises(OSError):
        OPENER.open(image.url, timeout=10)


def test_bytes_are_served_too() -> None:
    with Stage(BODY) as stage:
        assert stage.open(*HERE).url.endswith("/firmware.bin")


def test_a_url_is_taken_as_it_is() -> None:
    with Stage("https://10.0.0.2:8443/fw.bin?x=1", md5=MD5.upper(), version="2") as stage:
        image = stage.open(*HERE)
        assert image == ("https://10.0.0.2:8443/fw.bin?x=1", MD5, "2", None)
        assert stage.served() is None


def test_what_is_closed_while_it_is_opened_serves_nothing() -> None:
    stage = Stage(BODY)
    stage.close()
    url = stage.open(*HERE).url
    with pytest.raises(OSError):
        OPENER.open(url, timeout=10)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("", {}, "is no file"),
        ("nosuch", {}, "cannot be read"),
        ("a\0b", {}, "has no NUL character"),
        ("/dev/null", {}, "is no file"),
        (b"", {}, "is empty"),
        (5, {}, "not int"),
        (None, {}, "not NoneType"),
        (BODY, {"md5": "0" * 32}, "is it whole"),
        (BODY, {"md5": "\x1b[2J"}, "32 hexadecimal digits"),
        ("http://x/fw", {}, "needs the file's MD5"),
        ("http://x/fw", {"md5": "5"}, "32 hexadecimal digits"),
        ("http://x:99999/fw", {"md5": MD5}, "looks like http"),
        ("http://[::1/fw", {"md5": MD5}, "looks like http"),
        ("http://ä/fw", {"md5": MD5}, "looks like http"),
        ("ssh://x/fw", {"md5": MD5}, "looks like http"),
        ("http://x/fw", {"md5": MD5, "address": "10.0.0.1"}, "not served from here"),
        (BODY, {"version": ""}, "leave it out where it is not known"),
        (BODY, {"version": " _"}, "leave it out"),
        (BODY, {"version": 42}, "not 42"),
        ("http://x/fw", {"md5": MD5, "version": ""}, "leave it out"),
        (BODY, {"address": ""}, "no IP address: ''"),
        (BODY, {"address": 5}, "the address to serve the file at is text"),
        (BODY, {"address": "0.0.0.0"}, "cannot fetch from"),
        (BODY, {"port": -1}, "a TCP port is 1 to 65535, or 0"),
        (BODY, {"port": 65536}, "a TCP port"),
        (BODY, {"port": "80"}, "a TCP port"),
        (BODY, {"port": True}, "a TCP port"),
        (BODY, {"port": None}, "a TCP port"),
    ],
)
def test_what_no_device_could_install(source: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as caught:
        Stage(source, **options)
    assert str(caught.value).isprintable()


def test_an_address_may_be_an_object() -> None:
    with Stage(BODY, address=ip_address("127.0.0.1")) as stage:
        assert stage.open(*HERE).url.startswith("http://127.0.0.1:")


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MAX_FILE", 7)
    path = tmp_path / "fw.bin"
    path.write_bytes(BODY)
    with pytest.raises(InvalidArgument, match="more than 7 bytes"):
        Stage(path)
