"""Each example of the serial document, byte for byte, against the module's rules."""

from __future__ import annotations

import pytest

from miio_lan.virtual.module.network import Timings


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
    # The document's typographic quotes are an accident of its printing: a module drops what is not printable ASCII.
    assert chip.bytes("properties_changed 1 5 “12345/A026Z00001”\r".encode()) == b"error\r"
    assert chip.bytes("properties_changed 2 5 “12345”\r".encode()) == b"ok\r"
    chip.wait(1)
    assert chip.module.reported[-1].params[0]["value"] == 12345
    chip.module.reported.clear()
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


@pytest.mark.parametrize(
    ("request_", "right", "wrong"),
    [
        (
            ("get_properties", [{"siid": 2, "piid": 1}]),
            "result 2 1 0 true",
            ["result 2 1 5", "result 2 1 -12", "result 2 1 0 true 2 2 0 1", "result 2 1 0"],
        ),
        (
            ("set_properties", [{"siid": 2, "piid": 1, "value": True}]),
            "result 2 1 0",
            ["result 2 1 5", "result 2 1 -12", "result 2 1 0 2 2 0", "result 2 1", "result" + " 2 1 0" * 22],
        ),
        (
            ("action", {"siid": 2, "aiid": 1, "in": []}),
            "result 2 1 0",
            ["result 2 1 5", "result 2 1 -12", "result 2 1 0 1", "result 2 1 0" + " 1 1" * 31],
        ),
    ],
)
def test_a_result_is_judged_alike_whatever_it_answers(bench, request_, right, wrong):
    for text, reply in [(right, "ok\r"), *((each, "error\r") for each in wrong)]:
        chip = bench()
        chip.drain()
        chip.send(*request_)
        chip.uart("get_down")
        assert chip.uart(text) == reply, text


def test_spaces_at_the_end_count(chip):
    line = "properties_changed 2 1 1"
    assert chip.uart(line + " " * (511 - len(line))) == "ok\r"
    assert chip.uart(line + " " * (512 - len(line))) == "error\r"
    assert chip.bytes(line.encode() + b"\xff" * 600 + b"\r") == b"ok\r"  # dropped before they count


def test_help_lists_nothing_that_is_refused(bench):
    for dual_mode in (True, False):
        chip = bench(dual_mode=dual_mode)
        listed = {row.split()[0] for row in chip.uart("help").strip().split("\r\n")}
        assert ("ble_config" in listed) is dual_mode
        assert ("ble_config" in listed) is (chip.uart("ble_config dump") != "error\r")


def test_factory_joins_the_router_of_the_document(chip):
    chip.uart("factory")
    chip.wait(2)
    assert chip.module.factory
    assert chip.call("miIO.info")["ap"]["ssid"] == "miio_default"


@pytest.mark.parametrize("order", ["none", "ble_event a4c138000000,4119,05", "MIIO_net_change local"])
def test_an_order_that_needs_no_answer_blocks_nothing(chip, order):
    done = []
    assert chip.module.hand_out(order, chip.now, lambda outcome, _: done.append(outcome.error))
    assert done == [None]
    assert chip.uart("get_down") == f"down {order}\r"
    chip.send("next_one")
    assert chip.uart("get_down") == "down next_one\r"


@pytest.mark.parametrize("orders", [("reboot", "restore"), ("restore", "reboot")])
def test_a_restore_that_was_acknowledged_is_not_lost(chip, orders):
    assert [chip.uart(order) for order in orders] == ["ok\r", "ok\r"]
    chip.wait(3)
    assert not chip.module.provisioned


def test_a_restore_that_was_acknowledged_outlives_any_restart(chip):
    """One by whoever holds the module, too, or at the end of the module's own update."""
    assert chip.uart("restore") == "ok\r"
    chip.module.restart(chip.now)
    chip.wait(3)
    assert not chip.module.provisioned


IDS = [{"siid": 2, "piid": 1, "value": True}, {"siid": 2, "piid": 2, "value": 5}]


@pytest.mark.parametrize(
    ("profile", "reply", "codes"),
    [
        ("document", "error\r", [-4004, -4004]),
        ("older", "ok\r", [0, -4004]),
        ("newer", "ok\r", [0, -4004]),
    ],
)
def test_a_wrong_count_in_an_answer_to_a_get(bench, profile, reply, codes):
    """As the table of profiles on the page about the line says; so the next two."""
    chip = bench(profile=profile)
    chip.drain()
    chip.send("get_properties", IDS)
    assert chip.uart("get_down") == "down get_properties 2 1 2 2\r"
    assert chip.uart("result 2 1 0 true 2 2") == reply
    assert [each["code"] for each in chip.reply()["result"]] == codes


@pytest.mark.parametrize(
    ("profile", "reply"), [("document", "error\r"), ("older", "ok\r"), ("newer", "ok\r")]
)
def test_a_wrong_count_in_an_answer_to_a_set(bench, profile, reply):
    chip = bench(profile=profile)
    chip.drain()
    chip.send("set_properties", IDS)
    assert chip.uart("get_down") == "down set_properties 2 1 true 2 2 5\r"
    assert chip.uart("result 2 1 0 2 2") == reply
    assert [each["code"] for each in chip.reply()["result"]] == [-4004, -4004]


@pytest.mark.parametrize("profile", ["document", "older", "newer"])
def test_a_wrong_count_in_an_answer_to_an_action(bench, profile):
    chip = bench(profile=profile)
    chip.drain()
    chip.send("action", {"siid": 2, "aiid": 1, "in": []})
    assert chip.uart("get_down") == "down action 2 1\r"
    assert chip.uart("result 2 1 0 7") == "error\r"
    assert chip.reply()["error"]["code"] == -9998


@pytest.mark.parametrize("profile", ["document", "older", "newer"])
def test_net_is_refused_while_an_update_goes_on(bench, profile):
    chip = bench(profile=profile)
    chip.drain()
    assert chip.module.send_firmware(b"image", chip.now, lambda *_: None)
    assert [chip.uart(line) for line in ("net", "time", "get_down", "net")] == [
        "error\r",
        "error\r",
        "down update_fw\r",
        "error\r",
    ]


def test_the_way_into_the_network_can_be_seen(bench):
    chip = bench(timings=Timings(join=3.0, cloud=3.0))
    assert chip.drain() == ["MIIO_net_change offline"]
    chip.wait(3)
    assert chip.drain() == ["MIIO_net_change local"]
    chip.wait(3)
    assert chip.drain() == ["MIIO_net_change cloud"]
