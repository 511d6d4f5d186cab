"""What may be told to a device that is set up, checked before anything is sent."""

from __future__ import annotations

import math
from ipaddress import IPv4Network
from typing import Any

import pytest

from miio_lan.device.provision.plan import make_plan, password_warnings
from miio_lan.errors import InvalidArgument

PASSWORD = "a right password"


def plan(**wishes: Any) -> Any:
    return make_plan(wishes.pop("ssid", "attic"), wishes.pop("password", PASSWORD), **wishes)


def test_all_of_it() -> None:
    made = plan(
        uid=2**64 - 1,
        tz="Europe/Berlin",
        gmt_offset=3600,
        country="DE",
        extra_params={"country_domain": "de"},
        did=5,
        address="192.168.8.1",
        new_address="192.168.1.9",
        interfaces=["wlan0"],
        subnets=["192.168.1.0/24"],
        port=54322,
        timeout=90,
        find_time=3,
    )
    assert made.parameters == {
        "ssid": "attic",
        "passwd": PASSWORD,
        "uid": 2**64 - 1,
        "tz": "Europe/Berlin",
        "gmt_offset": 3600,
        "cc": "DE",
        "country_domain": "de",
    }
    assert (made.did, made.hosts, made.new_hosts) == (5, ("192.168.8.1",), ("192.168.1.9",))
    assert (made.interfaces, made.subnets) == (("wlan0",), (IPv4Network("192.168.1.0/24"),))
    assert (made.port, made.timeout, made.find_time) == (54322, 90, 3)


def test_as_little_as_possible() -> None:
    made = plan()
    assert made.parameters == {"ssid": "attic", "passwd": PASSWORD, "uid": 0}
    assert (made.port, made.timeout, made.find_time, made.hosts) == (54321, 60.0, 5.0, ())


def test_no_representation_shows_the_password() -> None:
    made = plan()
    assert PASSWORD not in repr(made)
    assert PASSWORD not in repr(made.parameters)


@pytest.mark.parametrize("ssid", ["a", "x" * 32, "é" * 16, "\U0001f4a1" * 8, " ", "with a blank "])
def test_a_name_has_up_to_32_bytes(ssid: str) -> None:
    assert plan(ssid=ssid).parameters["ssid"] == ssid


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"ssid": ""}, "1 to 32 bytes"),
        ({"ssid": "x" * 33}, "1 to 32 bytes, this one 33"),
        ({"ssid": "é" * 17}, "this one 34"),
        ({"ssid": "\U0001f4a1" * 9}, "this one 36"),
        ({"ssid": "at\0tic"}, "a Wi-Fi name with a NUL"),
        ({"ssid": "\udcff"}, "lone surrogate"),
        ({"ssid": 5}, "a Wi-Fi name is text"),
        ({"password": "secret" * 11}, "at most 64 bytes, this one 66"),
        ({"password": "a right pass\0word"}, "a Wi-Fi password with a NUL"),
        ({"password": None}, "a Wi-Fi password is text"),
        ({"uid": -1}, "uid"),
        ({"uid": 2**64}, "uid"),
        ({"tz": ""}, "Europe/Berlin"),
        ({"tz": "Zürich"}, "Europe/Berlin"),
        ({"gmt_offset": 50401}, "at most 50400"),
        ({"gmt_offset": 1.5}, "gmt_offset"),
        ({"gmt_offset": True}, "gmt_offset"),
        ({"country": "de"}, "two capital letters"),
        ({"country": "DEU"}, "two capital letters"),
        ({"extra_params": {"passwd": "other"}}, "not passwd"),
        ({"extra_params": ["x"]}, "extra_params"),
        ({"did": 0}, "did is a number"),
        ({"did": True}, "did is a number"),
        ({"did": 2**64 - 1}, "did is a number"),
        ({"address": "lamp.local"}, "address is an IPv4 address"),
        ({"new_address": "::1"}, "new_address is an IPv4 address"),
        ({"subnets": "192.168.1"}, "no IPv4 subnet"),
        ({"port": 0}, "a UDP port"),
        ({"timeout": 0}, "seconds above 0"),
        ({"timeout": math.inf}, "below 1e9"),
        ({"find_time": -1}, "seconds above 0"),
    ],
)
def test_what_cannot_be_right_is_refused(wishes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told) as caught:
        plan(**wishes)
    assert PASSWORD not in str(caught.value)
    assert "secretsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("8 at lea", []),
        ("x" * 63, []),
        ("0123456789abcdefABCDEF0123456789" * 2, []),
        ("", ["open network"]),
        ("7 chars", ["shorter than 8 characters"]),
        ("0123456789abcdefABCDEF012345678g" * 2, ["key of hexadecimal digits"]),
        ("pässword", ["printable ASCII"]),
        ("pass\tword", ["printable ASCII"]),
    ],
)
def test_an_unlikely_password_is_warned_of(password: str, told: list[str]) -> None:
    found = password_warnings(password)
    assert len(found) == len(told)
    assert all(word in warning for word, warning in zip(told, found, strict=True))
    assert not any(password in warning for warning in found if password)
    assert plan(password=password).warnings == tuple(found)
