"""A client nobody here wrote drives the virtual product: python-miio 0.5.12, from the test extra."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from support.lines import LineLog

from miio_lan.lan.packet import PORT
from miio_lan.virtual.product import VirtualProduct

if find_spec("miio") is None and "CI" not in os.environ:
    pytest.skip("python-miio is not installed: pip install -e '.[test]'", allow_module_level=True)

import miio

pytestmark = pytest.mark.usefixtures("sockets_of_python_miio")

FAST = {"poll_interval": 0.002}
MD5 = hashlib.md5(b"firmware").hexdigest()
MAPPING = {
    "power": {"siid": 2, "piid": 1},
    "brightness": {"siid": 2, "piid": 2},
    "name": {"siid": 2, "piid": 11},
    "illumination": {"siid": 3, "piid": 1},
    "toggle": {"siid": 2, "aiid": 1},
    "change": {"siid": 2, "aiid": 2},
}
#: Properties only: python-miio reads everything that stands in its mapping.
READABLE = {name: ids for name, ids in MAPPING.items() if "piid" in ids}


@pytest.fixture
def lamp(own_address: str, log: LineLog) -> Iterator[VirtualProduct]:
    with VirtualProduct(host=own_address, port=PORT, mcu_options=FAST, observer=log) as product:
        log.exchange(product)
        yield product


@pytest.fixture
def device(lamp: VirtualProduct) -> Any:
    return miio.MiotDevice(lamp.host, lamp.token, mapping=READABLE)


def test_handshake(lamp: VirtualProduct, device: Any) -> None:
    hello = device.send_handshake()
    assert int.from_bytes(hello.header.value.device_id, "big") == lamp.device_id
    assert hello.checksum == b"\xff" * 16  # a product that is set up does not show its token
    assert device.device_id == lamp.device_id


def test_info(lamp: VirtualProduct, device: Any) -> None:
    info = device.info()
    assert info.model == lamp.spec.model
    assert info.firmware_version == lamp.module.chip.firmware
    assert info.mac_address == lamp.module.chip.mac_with_colons
    assert info.data["mcu_fw_ver"] == "0001"
    assert device.model == lamp.spec.model


def test_properties_for_a_mapping(lamp: VirtualProduct, device: Any, log: LineLog) -> None:
    values = device.get_properties_for_mapping(max_properties=3)
    expected = {name: lamp.mcu.values[ids["siid"], ids["piid"]] for name, ids in READABLE.items()}
    assert {item["did"]: item["value"] for item in values} == expected
    assert [item["code"] for item in values] == [0, 0, 0, 0]
    assert [line for line in log.exchange(lamp) if line.startswith("down")] == [
        "down get_properties 2 1 2 2 2 11",
        "down get_properties 3 1",
    ]


def test_a_property_read_and_set_by_its_numbers(lamp: VirtualProduct, device: Any, log: LineLog) -> None:
    [before] = device.get_property_by(2, 2)
    assert (before["code"], before["value"]) == (0, 60)
    [answer] = device.set_property_by(2, 2, 25)
    assert (answer["siid"], answer["piid"], answer["code"]) == (2, 2, 0)
    assert device.get_property_by(2, 2)[0]["value"] == 25
    assert log.exchange(lamp) == [
        "down get_properties 2 2",
        "result 2 2 0 60",
        "down set_properties 2 2 25",
        "result 2 2 0",
        "down get_properties 2 2",
        "result 2 2 0 25",
    ]


def test_a_value_out_of_range_is_refused_with_the_document_s_code(lamp: VirtualProduct, device: Any) -> None:
    assert device.set_property_by(2, 2, 101)[0]["code"] == -4005
    assert lamp.mcu.values[2, 2] == 60


def test_a_property_set_by_its_name(lamp: VirtualProduct, device: Any, log: LineLog) -> None:
    assert device.set_property("name", "over the sofa")[0]["code"] == 0
    assert device.set_property("power", False)[0]["code"] == 0
    assert (lamp.mcu.values[2, 11], lamp.mcu.values[2, 1]) == ("over the sofa", False)
    assert log.exchange(lamp)[0] == 'down set_properties 2 11 "over the sofa"'


def test_an_action_by_its_numbers(lamp: VirtualProduct, device: Any, log: LineLog) -> None:
    assert device.call_action_by(2, 1)["code"] == 0
    answer = device.call_action_by(2, 2, [-20])
    assert (answer["code"], answer["out"]) == (0, [{"piid": 2, "value": 40}])
    assert log.exchange(lamp) == [
        "down action 2 1",
        "result 2 1 0",
        "down action 2 2 10 -20",
        "result 2 2 0 2 40",
    ]


def test_an_action_by_its_name(lamp: VirtualProduct) -> None:
    device = miio.MiotDevice(lamp.host, lamp.token, mapping=MAPPING)
    assert device.call_action("change", [15])["out"] == [{"piid": 2, "value": 75}]
    assert lamp.mcu.values[2, 2] == 75


def test_a_legacy_command_reaches_the_mcu(lamp: VirtualProduct, device: Any, log: LineLog) -> None:
    lamp.call(lambda now: lamp.mcu.methods.update(get_prop=lambda mcu, words: ["on", len(words)]))
    assert device.send("get_prop", ["power", "bright"]) == ["on", 2]
    assert device.get_properties(["power", "bright", "mode"], max_properties=2) == ["on", 2, "on", 1]
    assert log.exchange(lamp) == [
        'down get_prop "power" "bright"',
        'result "on" 2',
        'down get_prop "power" "bright"',
        'result "on" 2',
        'down get_prop "mode"',
        'result "on" 1',
    ]


def test_a_command_the_product_does_not_know(device: Any) -> None:
    with pytest.raises(miio.DeviceException, match="method not found"):
        device.send("no_such_method", [])


def test_many_commands_in_a_row(lamp: VirtualProduct, device: Any) -> None:
    for level in range(1, 51):
        assert device.set_property_by(2, 2, level)[0]["code"] == 0
        assert device.get_property_by(2, 2)[0]["value"] == level


def test_an_update_from_start_to_end(lamp: VirtualProduct, device: Any) -> None:
    asked: list[Any] = []
    lamp.module.on_ota = lambda params, now: asked.append(params) is None
    update = lamp.module.update
    assert device.update_state().value == "idle"
    assert device.update("http://127.0.0.1/firmware.bin", MD5) is True
    assert asked[0]["app_url"] == "http://127.0.0.1/firmware.bin"
    assert asked[0]["file_md5"] == MD5
    seen = []
    for state, progress in [("downloading", 40), ("downloading", 100), ("installing", 100), ("failed", 101)]:
        lamp.call(lambda now, told=(state, progress): update.report(*told))
        seen.append((device.update_state().value, device.update_progress()))
    assert seen == [("downloading", 40), ("downloading", 100), ("installing", 100), ("failed", 101)]


def test_setting_up_a_product_that_shows_its_token(own_address: str) -> None:
    with VirtualProduct(host=own_address, port=PORT, provisioned=False) as product:
        hello = miio.Device(own_address, None).send_handshake()
        assert hello.checksum.hex() == product.token
        device = miio.Device(own_address, hello.checksum.hex())
        assert device.configure_wifi("home", "secret of the house", uid=7)
        joined = product.call(lambda now: (product.module.chip.ssid, product.module.chip.uid))
        assert joined == ("home", 7)
        assert product.call(lambda now: product.module.provisioned)
        assert device.send_handshake().checksum == b"\xff" * 16


def test_a_restarted_product_is_found_again_by_the_next_handshake(lamp: VirtualProduct, device: Any) -> None:
    device.send_handshake()
    lamp.call(lambda now: lamp.module.start(now))
    assert device.send_handshake().header.value.device_id == lamp.device_id.to_bytes(4, "big")
    assert device.get_property_by(2, 1)[0]["code"] == 0
