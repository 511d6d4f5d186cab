"""End-to-end tests of a lamp, of the kind its makers would write.

    pytest --miio-virtual
    pytest --miio-host=192.0.2.7 --miio-uart=/dev/ttyUSB0 --miio-uart-up=/dev/ttyUSB1

The token comes from --miio-token or MIIO_LAN_TOKEN. Tests that make the product misbehave run on the virtual one alone.
"""

import re

import pytest

from miio_lan import DeviceError, McuTimeout

ON = {"siid": 2, "piid": 1}
BRIGHTNESS = {"siid": 2, "piid": 2}
TOGGLE = {"siid": 2, "aiid": 1}


def test_says_who_it_is(miio_device):
    info = miio_device.info()
    assert info.model == "miiolan.light.demo1"
    assert len(info.mcu_firmware_version) == 4


def test_a_read_reaches_the_mcu_and_comes_back(miio_bench, miio_device):
    with miio_bench.expect("get_properties", **ON) as exchange:
        value = miio_device.read(2, 1)
    assert exchange.stopped_at is None
    assert exchange.down == "down get_properties 2 1"
    assert exchange.readings["result"]["results"] == [[2, 1, 0, value]]


def test_the_mcu_answers_in_time(miio_bench, miio_device):
    with miio_bench.expect("get_properties") as exchange:
        miio_device.read(2, 2)
    exchange.check(down="down get_properties 2 2", acknowledgement="ok", within=2.0)
    assert exchange.mcu_time < 1.0  # the module gives it 4 s
    assert exchange.fetch_time < 1.0  # it asks for work every 200 ms


def test_a_set_is_carried_out_and_reported(miio_bench, miio_device, miio_uart):
    with miio_bench.expect("set_properties", **BRIGHTNESS, value=42) as exchange:
        miio_device.write(2, 2, 42)
    assert exchange.readings["result"]["results"] == [[2, 2, 0]]
    assert exchange.acknowledgement == "ok"
    assert miio_uart.wait_for(re.compile(r"properties_changed 2 2 (\d+)"))[1] == "42"
    assert miio_device.read(2, 2) == 42


def test_a_read_changes_nothing(miio_bench, miio_device, miio_uart):
    with miio_bench.expect_none("set_properties"), miio_uart.expect_none("properties_changed 2 2"):
        miio_device.read(2, 2)
    assert miio_bench.history(method="get_properties").count == 1


def test_the_action_toggles_the_light(miio_bench, miio_device):
    before = miio_device.read(2, 1)
    with miio_bench.expect("action", **TOGGLE) as exchange:
        miio_device.run(2, 1)
    assert exchange.readings["result"]["code"] == 0
    assert miio_device.read(2, 1) is not before


@pytest.mark.parametrize("value", [0, 101, -1])
def test_a_brightness_out_of_range_is_refused(miio_bench, miio_device, value):
    before = miio_device.read(2, 2)
    with (
        miio_bench.expect("set_properties", **BRIGHTNESS, value=value) as exchange,
        pytest.raises(DeviceError) as refusal,
    ):
        miio_device.write(2, 2, value)
    assert refusal.value.code == -4005
    assert exchange.stopped_at == "refused"
    assert miio_device.read(2, 2) == before


def test_an_unknown_command_is_refused_not_ignored(miio_bench, miio_device):
    with miio_bench.expect("no_such_command") as exchange, pytest.raises(DeviceError):
        miio_device.send("no_such_command", [1, "two"])
    assert exchange.stopped_at == "refused"
    assert exchange.result.startswith("error ")


def test_many_properties_at_once(miio_bench, miio_device):
    wanted = [{"siid": 2, "piid": piid} for piid in (1, 2, 3, 5)]
    with miio_bench.expect("get_properties", siid=2, piid=5) as exchange:
        answers = miio_device.get_properties(wanted)
    assert [answer["code"] for answer in answers] == [0, 0, 0, 0]
    assert len(exchange.readings["result"]["results"]) == 4


def test_the_knob_is_reported(miio_virtual, miio_uart):
    miio_virtual.call(lambda now: miio_virtual.mcu.raise_event(6, 1, {}, now))
    report = miio_uart.wait_for(command="event_occured", siid=6, eiid=1)
    assert report.direction == "up"


def test_a_change_at_the_lamp_reaches_the_lan(miio_virtual, miio_bench, miio_device):
    miio_device.subscribe()
    with miio_bench.expect_report(siid=2, piid=2, value=33) as report:
        miio_virtual.call(lambda now: miio_virtual.mcu.set_local(2, 2, 33, now))
    assert report.acknowledgement == "ok"
    assert report.push_time < 3.0


def test_an_mcu_that_hangs_is_noticed_and_recovers(miio_virtual, miio_bench, miio_device):
    miio_virtual.call(lambda now: miio_virtual.mcu.misbehave.add("silent"))
    with miio_bench.expect("get_properties", **ON) as exchange, pytest.raises(McuTimeout):
        # Not sent again: the lamp's silence once is enough. The module waits 4 s for it, a busy computer adds to that.
        miio_device.send("get_properties", [{"did": "on", **ON}], timeout=30, retry_count=0)
    assert exchange.stopped_at == "not answered"
    assert not exchange.result
    miio_virtual.call(lambda now: miio_virtual.mcu.misbehave.discard("silent"))
    assert miio_device.read(2, 2) > 0
