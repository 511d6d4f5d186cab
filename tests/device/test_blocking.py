"""The device's own rules, with the wire replaced where it does not matter; whole conversations: tests/end_to_end."""

from __future__ import annotations

import ipaddress
import logging
import time
from typing import Any

import pytest

from miio_lan import (
    Device,
    DeviceException,
    DeviceInfoUnavailableException,
    DeviceTimeout,
    InvalidTokenException,
    MiotDevice,
    UpdateState,
)
from miio_lan.errors import InvalidArgument

TOKEN = "00112233445566778899aabbccddeeff"


class Scripted(Device):
    """A device whose ``send`` answers from a table: what subclasses' own tests do."""

    answers: dict[str, Any]

    def __init__(self, answers: dict[str, Any], **options: Any) -> None:
        super().__init__("127.0.0.1", TOKEN, **options)
        self.answers = answers
        self.sent: list[tuple[str, Any]] = []

    def send(self, command: str, parameters: Any = None, *args: Any, **kwargs: Any) -> Any:
        self.sent.append((command, parameters))
        answer = self.answers[command]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_defaults_are_those_scripts_rely_on() -> None:
    assert (Device.retry_count, Device.timeout, Device.supported_models) == (3, 5, [])
    device = Device()
    assert (device.timeout, device.retry_count, device.raw_id) == (5, 3, 0)
    assert Device(timeout=2).timeout == 2
    assert Device(start_id=70).raw_id == 70


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"timeout": 0}, "above 0"),
        ({"timeout": -1}, "above 0"),
        ({"timeout": "5"}, "above 0"),
        ({"timeout": float("nan")}, "above 0"),
        ({"port": 0}, "1 to 65535"),
        ({"port": 70000}, "1 to 65535"),
        ({"max_in_flight": 0}, "at least 1"),
        ({"ip": 5}, "an address is text"),
        ({"ip": b"127.0.0.1"}, "an address is text"),
        ({"token": "xyz"}, "32 hexadecimal digits"),
        ({"token": "0" * 31}, "32 hexadecimal digits"),
        ({"token": "z" * 32}, "32 hexadecimal digits"),
    ],
)
def test_arguments_that_cannot_be_right(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Device(**{"ip": "127.0.0.1", **options})


def test_a_wrong_token_has_its_own_class() -> None:
    with pytest.raises(InvalidTokenException):
        Device("127.0.0.1", "abc")


def test_without_an_address_nothing_can_be_sent() -> None:
    with pytest.raises(InvalidArgument, match="without an address"):
        Device(token=TOKEN).send("get_prop")
    with pytest.raises(InvalidArgument, match="without an address"):
        Device(token=TOKEN).send_handshake()


@pytest.mark.parametrize(
    ("args", "options"),
    [(("",), {}), ((5,), {}), (("x", [], -1), {}), (("x", [], "3"), {}), (("x",), {"timeout": 0})],
)
def test_sends_that_cannot_be_right(args: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        Device("127.0.0.1", TOKEN).send(*args, **options)


def test_an_address_may_be_an_object() -> None:
    assert Device(ipaddress.ip_address("127.0.0.1"), TOKEN).ip == "127.0.0.1"  # type: ignore[arg-type]


def test_a_timeout_set_later_is_checked_when_used() -> None:
    device = Device("127.0.0.1", TOKEN)
    device.timeout = "soon"  # type: ignore[assignment]
    for call in (device.send_handshake, lambda: device.send("x")):
        with pytest.raises(InvalidArgument, match="number of seconds"):
            call()
    with pytest.raises(InvalidArgument, match="max_properties"):
        device.get_properties(["a"], max_properties="a")  # type: ignore[arg-type]


def test_python_miios_modules_have_namesakes() -> None:
    from miio_lan import device, exceptions, miot_device

    assert device.Device is Device
    assert device.UpdateState is UpdateState
    assert exceptions.DeviceException is DeviceException
    assert miot_device.MiotDevice.__name__ == "MiotDevice"
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = device.nothing_like_it


def test_a_repr_shows_no_token() -> None:
    assert repr(Device("127.0.0.1", TOKEN, model="a.b.c")) == "<Device a.b.c at 127.0.0.1>"
    assert repr(Device("127.0.0.1", TOKEN)) == "<Device at 127.0.0.1>"


def test_info_is_asked_once_and_the_model_with_it() -> None:
    device = Scripted({"miIO.info": {"model": "a.b.c"}})
    assert device.model == "a.b.c"
    assert device.info() is device.info()
    assert len(device.sent) == 1
    device.info(skip_cache=True)
    assert len(device.sent) == 2


def test_a_model_given_by_hand_needs_no_info() -> None:
    device = Scripted({}, model="my.own.model")
    assert device.model == "my.own.model"
    assert device.sent == []


@pytest.mark.parametrize("answer", [{"fw_ver": "1"}, "ok"])
def test_a_device_that_does_not_tell_its_model(answer: Any) -> None:
    with pytest.raises(DeviceInfoUnavailableException, match=r"model"):
        _ = Scripted({"miIO.info": answer}).model


def test_models_a_class_is_meant_for(caplog: pytest.LogCaptureFixture) -> None:
    class Lamp(Scripted):
        _supported_models = ["lamp.one.v1"]

    class Mapped(Scripted):
        _mappings = {"lamp.two.v1": {}}

    class Own(Scripted):
        supported_models = ["lamp.three.v1"]
        _supported_models = ["ignored"]

    assert Lamp.supported_models == ["lamp.one.v1"]
    assert Mapped.supported_models == ["lamp.two.v1"]
    assert Own.supported_models == ["lamp.three.v1"]
    assert Device.supported_models == []
    Lamp({"miIO.info": {"model": "lamp.one.v1"}}).info()
    assert caplog.text == ""
    Lamp({"miIO.info": {"model": "other.x.y"}}).info()
    assert "other.x.y is not among the models Lamp is meant for" in caplog.text


def test_properties_are_asked_for_in_slices() -> None:
    device = Scripted({"get_prop": ["on"], "get_other": [1, 2, 3]})
    assert device.get_properties(["power", "bright"], max_properties=1) == ["on", "on"]
    assert device.sent == [("get_prop", ["power"]), ("get_prop", ["bright"])]
    assert device.get_properties(["a", "b", "c"], property_getter="get_other") == [1, 2, 3]
    assert device.sent[-1] == ("get_other", ["a", "b", "c"])
    with pytest.raises(InvalidArgument, match="max_properties"):
        device.get_properties(["a"], max_properties=0)


def test_the_commands_every_product_knows() -> None:
    device = Scripted(
        {
            "x": {"code": 0},
            "get_prop": ["on"],
            "miIO.config_router": ["ok"],
            "miIO.ota": ["OK"],
            "miIO.get_ota_progress": [40],
            "miIO.get_ota_state": ["installing"],
        }
    )
    assert device.raw_command("x", {"a": 1}) == {"code": 0}
    assert device.test_properties(["power"]).values == {"power": "on"}
    assert device.configure_wifi("net", "secret", extra_params={"tz": "UTC"}) == ["ok"]
    assert device.sent[-1] == (
        "miIO.config_router",
        {"ssid": "net", "passwd": "secret", "uid": 0, "tz": "UTC"},
    )
    assert device.update("http://10.0.0.2/fw", "0" * 32) is True
    assert device.update_progress() == 40
    assert device.update_state() is UpdateState.Installing
    device.answers |= {"miIO.get_ota_progress": 101, "miIO.get_ota_state": ["installed"]}
    assert device.update_progress() == 100
    device.update("http://10.0.0.2/fw", "0" * 32)
    assert device.update_progress() == 0
    for told, shown in [(40, 40), (101, 40), (101, 0)]:
        device.answers |= {"miIO.get_ota_progress": told, "miIO.get_ota_state": ["failed|-33004|no"]}
        assert device.update_progress() == shown
    device.answers["miIO.ota"] = ["error"]
    assert device.update("http://10.0.0.2/fw", "0" * 32) is False


def test_errors_of_send_reach_the_steps() -> None:
    device = Scripted({"miIO.info": DeviceException("odd")})
    with pytest.raises(DeviceException, match="odd"):
        device.info()


class Silent(Device):
    """A device whose connection notes until when it may take, and gets no answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__("127.0.0.1", TOKEN, **options)
        self.asked: list[tuple[int, float | None]] = []
        self._connection.call = self._note  # type: ignore[method-assign, assignment]

    def _note(self, method: str, params: Any, *, retry_count: int, deadline: float | None, **_: Any) -> Any:
        self.asked.append((retry_count, deadline))
        raise DeviceTimeout(f"no answer to {method} {params}")


class SilentMiot(Silent, MiotDevice):
    pass


def test_all_requests_of_a_call_end_by_one_deadline() -> None:
    device = SilentMiot(timeout=1)
    wanted = [{"siid": 2, "piid": piid} for piid in range(1, 30)]
    before = time.monotonic()
    with pytest.raises(DeviceTimeout):
        device.get_properties(wanted)
    after = time.monotonic()
    assert len(device.asked) > 1
    (deadline,) = {deadline for _, deadline in device.asked}
    assert deadline is not None
    assert before + 4 <= deadline <= after + 4
    device.asked.clear()
    with pytest.raises(DeviceTimeout):
        device.send("get_prop")
    assert device.asked == [(3, None)]


def test_a_list_never_tried_is_asked_for_once_and_after_silence_once_more() -> None:
    device = SilentMiot(timeout=1)
    with pytest.raises(DeviceTimeout):
        device.get_properties([{"siid": 2, "piid": piid} for piid in range(1, 4)])
    assert [count for count, _ in device.asked] == [0, 0, 3]


def test_a_send_with_python_miios_signature_works_everywhere() -> None:
    sent: list[str] = []

    class Old(MiotDevice):
        def send(  # type: ignore[override]
            self,
            command: str,
            parameters: Any = None,
            retry_count: Any = None,
            *,
            extra_parameters: Any = None,
        ) -> Any:
            sent.append(command)
            return [{"siid": 2, "piid": 1, "code": 0, "value": 5}]

    device = Old("127.0.0.1", TOKEN)
    assert device.read(2, 1) == 5
    assert device.get_properties([{"siid": 2, "piid": 1}])[0]["value"] == 5
    device.write(2, 1, 5)
    assert sent == ["get_properties", "get_properties", "set_properties"]


def test_close_without_ever_sending() -> None:
    with Device("127.0.0.1", TOKEN) as device:
        pass
    device.close()


def test_debugging_needs_no_code(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Device("127.0.0.1", TOKEN, debug=1, port=9, timeout=0.05) as device, pytest.raises(DeviceException):
        device.send("get_prop", ["x"], retry_count=0)
    assert "127.0.0.1 -> hello" in caplog.text


@pytest.mark.parametrize(
    "source", ["127.0.0.1", ipaddress.ip_address("127.0.0.1"), ipaddress.ip_interface("127.0.0.1/8")]
)
def test_a_source_address_is_text_or_an_object(source: Any) -> None:
    assert Device("127.0.0.1", TOKEN, source_ip=source)._connection.source_ip == "127.0.0.1"


@pytest.mark.parametrize("source", [b"127.0.0.1", 2130706433, object(), 1.5])
def test_what_is_no_source_address(source: Any) -> None:
    with pytest.raises(InvalidArgument, match="source_ip is text such as"):
        Device("127.0.0.1", TOKEN, source_ip=source)


@pytest.mark.parametrize(
    ("retry_count", "why"),
    [
        pytest.param(10**400, "from 0 to 1000000", id="large"),
        (10**6 + 1, "from 0"),
        (-1, "from 0"),
        (1.0, "from 0"),
    ],
)
def test_attempts_beyond_all_clocks(retry_count: Any, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        Device("127.0.0.1", TOKEN).send("get_prop", [], retry_count)


@pytest.mark.parametrize("extra", [["sid"], [("sid", 1)], "sid", {1: 2}, 5])
def test_further_members_are_a_mapping(extra: Any) -> None:
    with pytest.raises(InvalidArgument, match="extra_parameters is a mapping with text keys"):
        Device("127.0.0.1", TOKEN).send("get_prop", [], extra_parameters=extra)


@pytest.mark.parametrize(
    ("ssid", "password"),
    [("\ud800", "secret99"), ("home", "secret99\ud800"), (b"home", "secret99"), ("home", None)],
)
def test_credentials_without_a_form(ssid: Any, password: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"a Wi-Fi (name|password) is text") as caught:
        Device("127.0.0.1", TOKEN).configure_wifi(ssid, password)
    assert "secret99" not in str(caught.value)


@pytest.mark.parametrize("seconds", [float("nan"), -1, "5", None, True, float("inf")])
def test_waiting_for_pushes_takes_seconds(seconds: Any) -> None:
    device = Device("127.0.0.1", TOKEN)
    with pytest.raises(InvalidArgument, match="seconds from 0"):
        device.next_push(seconds)
