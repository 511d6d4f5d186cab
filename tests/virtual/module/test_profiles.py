"""What the two firmware generations do differently."""

from __future__ import annotations

import pytest

from miio_lan.virtual.module.profile import NEWER, profile_of


def property_of(siid, piid, **more):
    return {"did": "x", "siid": siid, "piid": piid, **more}


@pytest.fixture
def older(bench):
    ready = bench(profile="older")
    ready.drain()
    return ready


@pytest.fixture
def newer(bench):
    ready = bench(profile="newer")
    ready.drain()
    return ready


def test_a_profile_may_be_given_itself():
    assert profile_of(NEWER) is NEWER


class TestOlder:
    def test_boot_queue(self, bench):
        assert bench(profile="older").drain() == [
            "MIIO_model_req",
            "MIIO_mcu_version_req",
            "MIIO_net_change offline",
            "MIIO_net_change local",
            "MIIO_net_change cloud",
        ]

    def test_every_change_is_told_in_order_with_requests_behind(self, older):
        for state in ("local", "updating", "cloud"):
            older.module.set_net(state, older.now)
        older.send("first")
        assert older.uart("get_down") == "down MIIO_net_change local\r"
        assert older.uart("get_down") == "down MIIO_net_change cloud\r"
        assert older.uart("get_down") == "down first\r"

    def test_what_is_told_first_takes_nothing_of_a_request_s_time(self, bench):
        starting = bench(profile="older")
        starting.send("first")
        for _ in range(5):  # model, version, and three states of the network, one with each poll
            assert starting.uart("get_down") != "down first\r"
            starting.wait(0.2)
        assert starting.uart("get_down") == "down first\r"
        starting.wait(0.7)
        assert starting.uart("result 1") == "ok\r"
        assert [reply["result"] for reply in starting.replies()] == [[1]]

    def test_unknown_command(self, older):
        assert older.uart("foo bar") == "command 'foo' not found\r\r"

    def test_version_and_extras(self, older):
        assert older.uart("version") == "2\r"
        assert older.uart("fw_ver") == "2.0.0\r"
        assert older.uart("platform") == "MW300\r"

    def test_one_second_from_arrival(self, older):
        older.send("slow")
        older.wait(0.6)
        older.uart("get_down")
        older.wait(0.4)
        assert older.reply()["error"] == {"code": -9999, "message": "UART timeout"}
        assert older.uart("get_down") == "down none\r"

    def test_a_minute_while_echo_is_on(self, older):
        older.uart("echo on")
        older.send("slow")
        older.uart("get_down")
        older.wait(59)
        assert older.replies() == []
        older.wait(1)
        assert older.reply()["error"]["code"] == -9999
        older.uart("reboot")
        older.wait(2)
        older.drain()
        older.send("slow")
        older.wait(1)
        assert older.reply()["error"]["code"] == -9999

    def test_echo(self, older):
        assert older.uart("echo on") == "ok\r\n# "
        assert older.uart("net") == "net\r\ncloud\r\n# "
        assert older.uart("echo off") == "echo off\r\nok\r"

    def test_eight_in_all(self, older):
        for number in range(8):
            older.send(f"m{number}")
        assert older.call("m8") == -30012

    def test_legacy_lists_have_commas(self, older):
        older.send("power_on", ["light_on", 60, 0])
        assert older.uart("get_down") == 'down power_on "light_on",60,0\r'
        assert older.uart('result "ok",5') == "ok\r"
        assert older.reply() == {"id": 101, "result": ["ok", 5]}

    def test_overlong_lines_are_dropped_in_silence(self, older):
        assert older.uart("x" * 1024) == ""
        assert older.uart("net" + " " * 3000) == ""
        assert older.uart(f'properties_changed 1 1 "{"x" * 600}"') == "ok\r"

    def test_an_unfinished_line_waits(self, older):
        older.bytes(b"ne")
        older.wait(100)
        assert older.uart("t") == "cloud\r"

    def test_info(self, older):
        info = older.call("miIO.info")
        assert list(info)[:3] == ["life", "cfg_time", "mac"]
        assert (info["hw_ver"], info["ot"], info["netif"]["gw_mac"]) == ("MW300", "otu", "02:00:00:00:00:01")
        older.module.set_net("uap", older.now)
        info = older.call("miIO.info")
        assert "ot" not in info
        assert (info["ap"]["rssi"], info["netif"]["gw_mac"]) == (-256, "")

    def test_misspelt_counter(self, older):
        assert older.call("miIO.wifi_assoc_state")["conn_succes_count"] == 1

    def test_no_push(self, older):
        assert older.call("miIO.sub", {"did": "7"}) == -32601

    def test_error_codes(self, older):
        older.send("x")
        older.uart("get_down")
        assert older.uart("error") == "ok\r"
        assert older.reply()["error"] == {"code": -10000, "message": "UART undefined error"}


class TestNewer:
    def test_silences(self, bench):
        chip = bench(profile="newer", model=None)
        assert chip.uart("model") == ""
        assert chip.uart("ble_config") == ""
        assert chip.uart("ble_config set 5") == "ok\r"
        assert chip.uart("x" * 900) == ""
        assert bench(model=None).uart("model") == "error\r"

    @pytest.mark.parametrize(
        "line",
        [
            *(
                "model plug",
                "mcu_version 1",
                "ble_config x",
                "ble_config set 65536",
                "ble_config set 1 01",
                "echo x",
            ),
            *(
                "properties_changed 1 1",
                "properties_changed",
                "event_occured 1",
                "event_occured 1 x",
                "result 1",
            ),
        ],
    )
    def test_refusals_are_the_documents(self, newer, line):
        assert newer.uart(line) == "error\r"

    def test_extras_and_legacy_reports(self, newer):
        assert newer.uart("arch") == "esp32\r"
        assert newer.uart("set_mcu_auto_ota on") == "ok\r"
        assert newer.uart('props power "on",mode 5') == "ok\r"
        assert newer.uart("event bell 1") == "ok\r"
        assert newer.uart("log use 1") == "ok\r"
        assert newer.uart("store x") == "ok\r"
        assert newer.uart("props power") == "error\r"
        assert newer.uart("foo") == "error\r"
        assert [(each.method, each.params) for each in newer.module.reported] == [
            ("props", {"power": "on", "mode": 5}),
            ("event.bell", [1]),
            ("log.use", [1]),
        ]

    def test_parameters_too_many_for_a_query_do_not_matter(self, newer):
        assert newer.uart("net now") == "cloud\r"
        assert newer.uart("get_down 5") == "down none\r"

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("time", "2015-06-04 6:58:07"),
            ("time 0", "2015-06-03 22:58:07"),
            ("time -3", "2015-06-03 19:58:07"),
            ("time 13", "2015-06-04 6:58:07"),
            ("time x", "2015-06-04 6:58:07"),
        ],
    )
    def test_time(self, bench, line, text):
        assert bench(profile="newer", wall=lambda now: 1433372287).uart(line) == f"{text}\r"

    def test_first_poll_after_a_timeout_is_refused(self, newer):
        newer.send("slow")
        newer.uart("get_down")
        newer.wait(4)
        assert newer.reply()["error"]["code"] == -9999
        assert newer.uart("get_down") == "error\r"
        assert newer.uart("get_down") == "down none\r"

    @pytest.mark.parametrize("method", ["get_properties", "set_properties"])
    def test_mcu_error_to_a_property_request_is_silence(self, newer, method):
        newer.send(method, [property_of(2, 1, value=1)])
        newer.uart("get_down")
        assert newer.uart('error "x" -5001') == "error\r"
        assert newer.replies() == []
        assert newer.uart("get_down") == "down none\r"

    @pytest.mark.parametrize(
        ("answer", "code", "message"),
        [
            ('error "x" -5001', -5001, "x"),
            ('error "x" -10000', -10000, "x"),
            ('error "x" -3', -10000, "x"),
            ("error x -5001", -5001, "user undefined error"),
            ('error "" -5001', -5001, "user undefined error"),
        ],
    )
    def test_mcu_error_to_an_action(self, newer, answer, code, message):
        newer.send("action", {"siid": 1, "aiid": 1})
        newer.uart("get_down")
        assert newer.uart(answer) == "ok\r"
        assert newer.reply()["error"] == {"code": code, "message": message}

    @pytest.mark.parametrize("answer", ["2 1", "2 1 0 5", "", "3 1 0"])
    def test_wrong_count_to_a_set_is_ok_for_the_mcu(self, newer, answer):
        newer.send("set_properties", [property_of(2, 1, value=1)])
        newer.uart("get_down")
        assert newer.uart(f"result {answer}") == "ok\r"
        assert newer.reply()["result"] == [property_of(2, 1, code=-4004)]

    @pytest.mark.parametrize(("answer", "code"), [("2 1 7", 7), ("2 1 x", -4004), ("9 9 0 1", -4004)])
    def test_answers_to_a_get(self, newer, answer, code):
        newer.send("get_properties", [property_of(2, 1)])
        newer.uart("get_down")
        assert newer.uart(f"result {answer}") == "ok\r"
        assert newer.reply()["result"] == [property_of(2, 1, code=code)]

    @pytest.mark.parametrize(
        ("method", "params", "answer"),
        [
            ("get_properties", [property_of(2, 1)], "2 1 0 bare"),
            ("action", {"siid": 2, "aiid": 1}, "2 1 0 1 bare"),
            ("get_prop", ["x"], "bare"),
        ],
    )
    def test_unquoted_text_breaks_the_json(self, newer, method, params, answer):
        newer.send(method, params)
        newer.uart("get_down")
        assert newer.uart(f"result {answer}") == "ok\r"
        assert newer.reply()["error"]["code"] == -30001

    def test_action_with_other_ids(self, newer):
        newer.send("action", {"siid": 1, "aiid": 1})
        newer.uart("get_down")
        assert newer.uart("result 1 2 0") == "error\r"
        assert newer.reply()["error"]["code"] == -9998

    def test_only_the_cloud_gets_reports(self, newer):
        newer.module.set_net("local", newer.now)
        newer.uart("properties_changed 1 1 1")
        newer.wait(3)
        assert not newer.module.reported
        newer.module.set_net("cloud", newer.now)
        newer.wait(1)
        assert len(newer.module.reported) == 1

    def test_locked_until_provisioned(self, bench):
        chip = bench(profile="newer", provisioned=False)
        assert chip.call("miIO.info") == -30020
        assert chip.call("get_prop", ["x"]) == -30020
        assert chip.call("miIO.config_router", {"ssid": "a", "passwd": "b"}) == 0
        assert chip.call("miIO.info")["hw_ver"] == "esp32"

    def test_restore_is_for_the_cloud(self, newer):
        assert newer.call("miIO.restore") == -30020

    def test_echo(self, newer):
        assert newer.uart("echo on") == "ok\r\n# "
        assert newer.uart("net") == "net\rcloud\r\n\n# "
        assert newer.uart("echo off") == "echo off\rok\r\n"

    def test_help_is_in_columns(self, newer):
        first = newer.uart("help").split("\r\n")[0]
        assert first.index("[") == 33
