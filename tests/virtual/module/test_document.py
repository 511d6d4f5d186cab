"""Each example of the serial document, byte for byte, against the module's rules."""

from __future__ import annotations

import pytest


def property_of(siid, piid, **more):
    return {"did": "x", "siid": siid, "piid": piid, **more}


@pytest.fixture
def chip(bench):
    ready = bench()
    ready.drain()
    return ready


def test_model(bench):
    chip = bench(model="xiaomi.dev.v1")
    assert chip.uart("model") == "xiaomi.dev.v1\r"
    assert chip.uart("model xiaomi.prod.v2") == "ok\r"
    assert chip.uart("model") == "xiaomi.prod.v2\r"
    assert chip.uart("model company.product_name_that_is_too_long.v2") == "error\r"
    assert chip.uart("model plug") == "error\r"
    assert chip.uart("model") == "xiaomi.prod.v2\r"


def test_mcu_version(chip):
    assert chip.uart("mcu_version 0001") == "ok\r"
    assert chip.uart("mcu_version A001") == "error\r"
    assert chip.uart("mcu_version 1") == "error\r"
    assert chip.uart("mcu_version") == "error\r"
    assert chip.call("miIO.info")["mcu_fw_ver"] == "0001"


def test_ble_config(chip):
    assert chip.uart("ble_config dump") == '["product id":190,"version":1.3.0_0000]\r'
    assert chip.uart("ble_config set 156 0001") == "ok\r"
    assert chip.uart("ble_config dump") == '["product id":156,"version":1.3.0_0001]\r'


@pytest.mark.parametrize(
    "line", ["ble_config", "ble_config set", "ble_config set 65536 0001", "ble_config set 1 01"]
)
def test_ble_config_refusals(chip, line):
    assert chip.uart(line) == "error\r"


def test_ble_version_is_the_mcu_version(chip):
    chip.uart("mcu_version 0002")
    assert chip.uart("ble_config set 156 0001") == "error\r"
    assert chip.uart("ble_config set 156 0002") == "ok\r"


def test_ble_config_of_a_single_mode_module(bench):
    assert bench(dual_mode=False).uart("ble_config dump") == "error\r"


def test_get_down(chip):
    assert chip.uart("get_down") == "down none\r"
    chip.send("set_properties", [property_of(1, 1, value=10)])
    assert chip.uart("get_down") == "down set_properties 1 1 10\r"
    assert chip.uart("result 1 1 0") == "ok\r"
    assert chip.reply()["result"] == [property_of(1, 1, code=0)]
    chip.send("action", {"did": "x", "siid": 1, "aiid": 1, "in": []})
    assert chip.uart("get_down") == "down action 1 1\r"
    assert chip.uart("get_down") == "error\r"


def test_error(chip):
    chip.send("error_cmd")
    assert chip.uart("get_down") == "down error_cmd\r"
    assert chip.uart('error "memory error" -5003') == "ok\r"
    assert chip.reply()["error"] == {"code": -5003, "message": "memory error"}
    # The document's second example has no downlink before it; there is one in every real exchange.
    assert chip.uart('error "stuck" -5001') == "error\r"
    chip.send("error_cmd")
    chip.uart("get_down")
    assert chip.uart('error "stuck" -5001') == "ok\r"


def test_properties_changed(chip):
    assert chip.uart('properties_changed 1 1 17 1 2  "hi"') == "ok\r"
    assert chip.uart("properties_changed 1 1") == "error\r"
    assert chip.uart("properties_changed") == "error\r"


def test_serial_number(chip):
    # The document's typographic quotes are an accident of its printing, and survived.
    assert chip.bytes("properties_changed 1 5 “12345/A026Z00001”\r".encode()) == b"ok\r"
    assert chip.uart('properties_changed 1 5 "12345/A026Z00001"') == "ok\r"
    chip.wait(1)
    (reported,) = chip.module.reported
    assert reported.params == [{"did": "123456789", "siid": 1, "piid": 5, "value": "12345/A026Z00001"}]


def test_event_occured(chip):
    assert chip.uart('event_occured 1 1 1 17 2  "hi"') == "ok\r"
    assert chip.uart("event_occured 1") == "error\r"
    assert chip.uart("event_occured 1 1") == "ok\r"
    assert chip.uart("event_occured 1 1 1") == "error\r"


def test_echo(chip):
    assert chip.uart("echo on") == "ok\r"
    assert chip.uart("net") == "net\rcloud\r"
    assert chip.bytes(b"ne") == b"ne"
    chip.wait(60)
    assert chip.bytes(b"t\r") == b"t\rcloud\r"
    assert chip.uart("echo off") == "echo off\rok\r"
    assert chip.uart("net") == "cloud\r"
    assert chip.uart("echo") == "error\r"


def test_reboot_restore_factory(bench):
    for line in ("reboot", "restore", "factory"):
        assert bench().uart(line) == "ok\r"


def test_net(chip):
    for state in ("offline", "local", "cloud", "updating", "uap", "unprov"):
        chip.module.set_net(state, chip.now)
        assert chip.uart("net") == f"{state}\r"


def test_time(bench):
    at = {1000.0: 1433408287}
    chip = bench(wall=at.__getitem__)
    assert chip.uart("time") == "2015-06-04 16:58:07\r"
    at[1000.0] = 1434446397.9
    assert chip.uart("time posix") == "1434446397\r"
    assert chip.uart("time 8") == "error\r"


def test_mac_and_version(chip):
    assert chip.uart("mac") == "34ce00892ab7\r"
    assert chip.uart("version") == "2.0.0\r"


def test_help_names_every_command(chip):
    lines = chip.uart("help").split("\r\n")
    assert [line.split()[0] for line in lines] == [
        *("model", "mcu_version", "ble_config", "get_down", "result", "error", "properties_changed"),
        *("event_occured", "echo", "reboot", "restore", "factory", "net", "time", "mac", "version", "help"),
    ]
    assert lines[-1] == "help\r"


def test_set_properties(chip):
    chip.send("set_properties", [property_of(1, 1, value=10), property_of(1, 88, value="str_value")])
    assert chip.uart("get_down") == 'down set_properties 1 1 10 1 88 "str_value"\r'
    assert chip.uart("result 1 1 0 1 88 -4003") == "ok\r"
    assert chip.uart("properties_changed 1 1 10") == "ok\r"
    assert chip.reply()["result"] == [property_of(1, 1, code=0), property_of(1, 88, code=-4003)]


def test_get_properties(chip):
    chip.send("get_properties", [property_of(1, 2), property_of(1, 3)])
    assert chip.uart("get_down") == "down get_properties 1 2 1 3\r"
    assert chip.uart('result 1 2 0 10 1 3 0 "str_value"') == "ok\r"
    assert chip.reply()["result"] == [
        property_of(1, 2, code=0, value=10),
        property_of(1, 3, code=0, value="str_value"),
    ]


def test_action(chip):
    chip.send("action", {"did": "x", "siid": 1, "aiid": 1, "in": [{"piid": 1, "value": 10}]})
    assert chip.uart("get_down") == "down action 1 1 1 10\r"
    assert chip.uart("result 1 1 0 3 10") == "ok\r"
    assert chip.reply()["result"] == {
        "did": "x",
        "siid": 1,
        "aiid": 1,
        "code": 0,
        "out": [{"piid": 3, "value": 10}],
    }


def test_net_change_is_told_once(bench):
    chip = bench()
    assert chip.uart("get_down") == "down MIIO_net_change cloud\r"
    assert chip.uart("get_down") == "down none\r"


def test_version_request_and_update(chip):
    chip.module.notify("MIIO_mcu_version_req")
    assert chip.uart("get_down") == "down MIIO_mcu_version_req\r"
    assert chip.uart("mcu_version 0003") == "ok\r"
    got = []
    assert chip.module.hand_out("update_fw", chip.now, lambda outcome, at: got.append(outcome.result))
    assert chip.uart("get_down") == "down update_fw\r"
    assert chip.uart('result "ready"') == "ok\r"
    assert got == [["ready"]]


@pytest.mark.parametrize(
    "line",
    [
        "unknown", "Model", "get_down 1", "reboot now", "net x", "mac 1", "version 2", "help me", "time gmt", "result",
        "result 1 1 0", 'error "x" -5001', "props power 1", "arch", "down none", "echo maybe",
    ],
)  # fmt: skip
def test_everything_else_is_an_error(chip, line):
    assert chip.uart(line) == "error\r"


@pytest.mark.parametrize(
    "answer",
    [
        'error "x" -10000',
        'error "x" -4999',
        "error x -5001",
        'error -5001 "x"',
        'error "x"',
        "error",
        'error "x" 1.5',
    ],
)
def test_malformed_error_leaves_the_request_alone(chip, answer):
    chip.send("get_properties", [property_of(1, 1)])
    chip.uart("get_down")
    assert chip.uart(answer) == "error\r"
    assert chip.replies() == []
    assert chip.uart('error "x" -9999') == "ok\r"
    assert chip.reply()["error"] == {"code": -9999, "message": "x"}


def test_limits(chip):
    assert chip.uart("event_occured 1 1" + " 1 2" * 31) == "ok\r"
    assert chip.uart("event_occured 1 1" + " 1 2" * 32) == "error\r"
    assert chip.uart("properties_changed" + " 1 2 3" * 21) == "ok\r"
    assert chip.uart("properties_changed" + " 1 2 3" * 22) == "error\r"
    head = 'properties_changed 1 1 "'
    assert chip.uart(f'{head}{"x" * (510 - len(head))}"') == "ok\r"
    assert chip.uart(f'{head}{"x" * (511 - len(head))}"') == "error\r"
    assert chip.uart("net") == "cloud\r"


def test_line_ends_and_noise_are_survived(chip):
    assert chip.bytes(b"\xff\xff\nnet\r\nnet\r\r\r\n  mac  \r") == b"cloud\rcloud\r34ce00892ab7\r"


def test_unfinished_line_is_thrown_away_after_a_second(chip):
    assert chip.bytes(b"net") == b""
    chip.wait(1)
    assert chip.uart("mac") == "34ce00892ab7\r"
    chip.module.receive_uart(b"ne", chip.now)
    chip.now += 5
    assert chip.uart("mac") == "34ce00892ab7\r"
