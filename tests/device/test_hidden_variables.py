"""Tokens and Wi-Fi parameters do not stand among the variables that a traceback may show (``pytest -l`` does)."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from support.fake_device import FakeDevice

from miio_lan import Device, DeviceException, MiotDevice
from miio_lan.device.steps.calls import wifi_parameters
from miio_lan.lan.cipher import parse_token
from miio_lan.record.redact import HIDDEN, Secret, as_secret
from miio_lan.virtual.product import VirtualProduct

WRONG = "00112233445566778899aabbccddeef"


def shown_by(call: Callable[[], object]) -> str:
    """Give all that can be shown of an error: texts, and the variables of all frames but those of this file."""
    try:
        call()
    except DeviceException as error:
        shown: list[str] = []
        pending: list[BaseException | None] = [error]
        while pending:
            each = pending.pop()
            if each is not None:
                pending += [each.__cause__, None if each.__suppress_context__ else each.__context__]
                shown.append(f"{each!r} {each}")
                found = traceback.TracebackException.from_exception(each, capture_locals=True)
                shown += [
                    f"{frame.name} {frame.locals}" for frame in found.stack if frame.filename != __file__
                ]
        return "\n".join(shown)
    pytest.fail("no error")


@pytest.mark.parametrize("token", [WRONG, f"{WRONG}x", f"{WRONG}  00", WRONG.encode()[:15]])
@pytest.mark.parametrize("kind", [Device, MiotDevice, VirtualProduct])
def test_a_mistyped_token(kind, token):
    made = (lambda: kind(token=token)) if kind is VirtualProduct else (lambda: kind("127.0.0.1", token))
    shown = shown_by(made)
    assert "a token " in shown
    assert WRONG[:15] not in shown
    assert WRONG[:15] not in shown_by(lambda: parse_token(token))


def test_the_token_of_a_device_is_the_token_but_not_shown():
    with Device("127.0.0.1", f"{WRONG}0") as device:
        assert device.token == f"{WRONG}0"
        assert WRONG not in repr(vars(device))


class TestWifi:
    def test_refused_before_it_is_sent(self):
        for ssid, password in (("", "hunter"), ("hunter" * 9, "hunter"), ("home", "hunter" * 20)):
            with Device("127.0.0.1", f"{WRONG}0") as device:
                assert "hunter" not in shown_by(lambda: device.configure_wifi(ssid, password))  # noqa: B023
            assert "hunter" not in shown_by(lambda: wifi_parameters(ssid, password, 0, None))  # noqa: B023

    def test_too_long(self):
        with Device("127.0.0.1", f"{WRONG}0") as device:
            shown = shown_by(lambda: device.configure_wifi("hunter home", "hunter", 0, {"x": "y" * 2000}))
        assert "1000" in shown
        assert "hunter" not in shown

    def test_refused_by_the_device_or_never_answered(self):
        def refuse(device, request):
            assert request.params == {"ssid": "hunter home", "passwd": "hunter", "uid": 0}
            device.reply(request, error=(-5001, "no"))

        for answer in (refuse, None):
            with (
                FakeDevice(answer) as fake,
                Device("127.0.0.1", token(fake), timeout=0.3, port=fake.port) as device,
            ):
                device.retry_count = 0
                assert "hunter" not in shown_by(lambda: device.configure_wifi("hunter home", "hunter"))


def token(fake: FakeDevice) -> str:
    from support.fake_device import TOKEN

    return TOKEN


def test_a_secret_is_its_text_in_all_but_repr():
    secret = as_secret("hunter")
    assert (secret, str(secret), f"{secret}", len(secret)) == ("hunter", "hunter", "hunter", 6)
    assert (repr(secret), repr([secret]), f"{secret!r}") == (HIDDEN, f"[{HIDDEN}]", HIDDEN)
    assert isinstance(secret, Secret)
    assert as_secret(None) is None
    assert as_secret(b"x") == b"x"
    assert repr(as_secret(b"x")) == HIDDEN
