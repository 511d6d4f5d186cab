"""Network states, restarts, reports, provisioning and updates of the virtual module."""

from __future__ import annotations

from collections import Counter

import pytest

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan import packet
from miio_lan.virtual.module.module import Timings, UpdateScript
from miio_lan.virtual.module.update import UpdateStep

CREDENTIALS = {"ssid": "attic", "passwd": "secret words", "uid": 2**40}


@pytest.fixture
def chip(bench):
    ready = bench()
    ready.drain()
    return ready


def test_one_that_has_been_running_begins_anew_at_a_restart(bench):
    chip = bench(uptime=500.0)
    assert chip.module.life(chip.now) == 500
    assert chip.module.responder.stamp(chip.now) == 500
    chip.module.restart(chip.now)
    chip.wait(10)
    assert chip.module.up
    assert chip.module.life(chip.now) < 12
    assert chip.module.responder.stamp(chip.now) == chip.module.life(chip.now)


class TestNetwork:
    def test_way_to_the_cloud(self, bench):
        chip = bench(timings=Timings(join=2, cloud=3))
        assert chip.uart("get_down") == "down MIIO_net_change offline\r"
        assert not chip.module.listening
        assert chip.hello() == []
        chip.wait(2)
        assert (chip.uart("net"), len(chip.hello())) == ("local\r", 1)
        assert chip.drain() == ["MIIO_net_change local"]
        chip.wait(3)
        assert chip.drain() == ["MIIO_net_change cloud"]
        assert chip.module.deadline is None

    def test_a_module_without_cloud(self, bench):
        chip = bench(timings=Timings(cloud=None))
        chip.wait(100)
        assert chip.uart("net") == "local\r"

    def test_notice_is_the_difference_to_the_last_one_told(self, chip):
        for state in ("local", "offline", "cloud"):
            chip.module.set_net(state, chip.now)
        assert chip.drain() == []
        chip.module.set_net("local", chip.now)
        chip.module.set_net("offline", chip.now)
        assert chip.drain() == ["MIIO_net_change offline"]

    def test_updating_is_never_told_by_itself(self, chip):
        chip.module.set_net("updating", chip.now)
        assert (chip.uart("net"), chip.drain()) == ("updating\r", [])

    def test_requests_come_before_the_notice(self, bench):
        chip = bench()
        chip.send("first")
        assert chip.uart("get_down") == "down first\r"
        assert chip.uart("result 1") == "ok\r"
        assert chip.uart("get_down") == "down MIIO_net_change cloud\r"

    @pytest.mark.parametrize(("state", "provisioned"), [("uap", False), ("unprov", False), ("local", True)])
    def test_states_and_provisioning(self, chip, state, provisioned):
        chip.module.set_net(state, chip.now)
        assert chip.module.provisioned is provisioned
        assert len(chip.hello()) == (state != "unprov")

    def test_unknown_state(self, chip):
        with pytest.raises(UnsupportedFeatureException, match=r"'lan'.*uap"):
            chip.module.set_net("lan", chip.now)

    @pytest.mark.parametrize(
        ("state", "word"),
        [("local", "CONNECTED"), ("cloud", "ONLINE"), ("updating", "ONLINE"), ("uap", "NOTCONNECTED")],
    )
    def test_association(self, chip, state, word):
        chip.module.set_net(state, chip.now)
        answer = chip.call("miIO.wifi_assoc_state")
        assert answer["state"] == word
        assert answer["conn_success_count"] == (0 if state == "uap" else 1)


class TestProvisioning:
    def test_first_set_up(self, bench):
        chip = bench(provisioned=False)
        (reply,) = chip.hello()
        assert packet.shown_token(reply) == bytes(range(16))
        assert chip.drain() == ["MIIO_net_change uap"]
        assert chip.call("miIO.info")["ap"]["rssi"] == -256
        assert chip.call("miIO.config_router", CREDENTIALS) == ["ok"]
        (reply,) = chip.hello()
        assert packet.shown_token(reply) is None
        assert chip.drain() == ["MIIO_net_change cloud"]
        info = chip.call("miIO.info")
        assert (info["ap"]["ssid"], info["uid"]) == ("attic", 2**40)

    def test_nobody_comes_for_half_an_hour(self, bench):
        chip = bench(provisioned=False)
        chip.wait(1799)
        assert chip.uart("net") == "uap\r"
        chip.wait(1)
        assert chip.uart("net") == "unprov\r"
        assert not chip.module.listening

    def test_same_credentials_change_nothing(self, bench):
        chip = bench(provisioned=False)
        chip.call("miIO.config_router", CREDENTIALS)
        assert chip.call("miIO.config_router", CREDENTIALS) == ["ok"]
        chip.wait(10)
        assert chip.module.life(chip.now) == 11

    def test_other_credentials_restart_after_two_seconds(self, chip):
        assert chip.call("miIO.config_router", CREDENTIALS) == ["ok"]
        chip.wait(1.9)
        assert chip.module.up
        chip.wait(0.2)
        assert not chip.module.up
        chip.wait(1)
        assert chip.module.up
        assert chip.call("miIO.info")["ap"]["ssid"] == "attic"

    @pytest.mark.parametrize(
        "params",
        [
            [],
            {"ssid": "x"},
            {"passwd": "x"},
            {"ssid": "", "passwd": "x"},
            {"ssid": 1, "passwd": "x"},
            {"ssid": "x" * 33, "passwd": ""},
            {"ssid": "é" * 17, "passwd": ""},
            {"ssid": "x", "passwd": "x" * 65},
        ],
    )
    def test_bad_parameters(self, chip, params):
        assert chip.call("miIO.config_router", params) == -32602

    def test_password_is_not_shown(self, chip):
        chip.call("miIO.config_router", CREDENTIALS)
        assert "secret" not in repr(chip.module.chip)


class TestRestart:
    @pytest.mark.parametrize("how", ["line", "lan"])
    def test_reboot(self, chip, how):
        chip.uart("model a.b.c")
        if how == "line":
            assert chip.uart("reboot") == "ok\r"
        else:
            assert chip.call("miIO.reboot") == ["ok"]
        assert chip.uart("net") == "cloud\r"
        chip.wait(0.5)
        assert (chip.uart("net"), chip.hello(), chip.module.listening) == ("", [], False)
        chip.wait(0.5)
        assert chip.hello()[0].stamp == 1
        assert chip.uart("model") == "a.b.c\r"
        assert chip.drain() == ["MIIO_net_change cloud"]
        assert chip.call("miIO.info")["life"] == 1

    @pytest.mark.parametrize("how", ["line", "lan"])
    def test_restore_clears_the_network_and_shows_the_token(self, chip, how):
        chip.call("miIO.config_router", CREDENTIALS)
        if how == "line":
            assert chip.uart("restore") == "ok\r"
        else:
            assert chip.call("miIO.restore") == ["ok"]
        assert packet.shown_token(chip.hello()[0]) is None
        chip.wait(0.5)
        assert chip.hello() == []
        chip.wait(0.5)
        assert packet.shown_token(chip.hello()[0]) == bytes(range(16))
        assert chip.uart("net") == "uap\r"
        assert (chip.module.chip.ssid, chip.module.chip.password, chip.module.chip.uid) == ("", "", 0)

    def test_factory_mode_within_two_seconds_until_a_reboot(self, bench):
        chip = bench(provisioned=False)
        assert chip.uart("factory") == "ok\r"
        assert not chip.module.factory
        chip.wait(2)
        assert (chip.module.factory, chip.uart("net")) == (True, "local\r")
        chip.uart("reboot")
        chip.wait(1)
        assert (chip.module.factory, chip.uart("net")) == (False, "uap\r")

    @pytest.mark.parametrize("networks", [None, {"attic": "a right one"}])
    def test_factory_mode_forgets_no_network(self, bench, networks):
        chip = bench(networks=networks)
        before = chip.call("miIO.info")["ap"]
        chip.uart("factory")
        chip.wait(2)
        assert chip.call("miIO.info")["ap"] != before
        chip.uart("reboot")
        chip.wait(20)  # longer than it tries to join a network that is not there
        assert (chip.uart("net"), chip.module.provisioned) == ("cloud\r", True)
        assert chip.call("miIO.info")["ap"] == before
        assert packet.shown_token(chip.hello()[0]) is None

    def test_factory_mode_and_restore_forget_it(self, chip):
        chip.uart("factory")
        chip.wait(2)
        chip.uart("restore")
        chip.wait(1)
        assert (chip.uart("net"), chip.module.chip.ssid, chip.module.provisioned) == ("uap\r", "", False)

    def test_a_device_that_waits_shows_the_router_of_factory_mode_and_leaves_it_when_it_is_set_up(
        self, bench
    ):
        chip = bench(provisioned=False)
        chip.uart("factory")
        chip.wait(2)
        assert chip.call("miIO.info")["ap"]["ssid"] == "miio_default"
        chip.call("miIO.config_router", CREDENTIALS)
        assert chip.call("miIO.info")["ap"]["ssid"] == CREDENTIALS["ssid"]
        assert not chip.module.factory

    def test_the_network_it_knows_is_joined_again_out_of_factory_mode(self, chip):
        chip.call("miIO.config_router", CREDENTIALS)
        chip.wait(5)
        chip.uart("factory")
        chip.wait(2)
        chip.call("miIO.config_router", CREDENTIALS)
        chip.wait(5)
        assert not chip.module.factory
        assert chip.call("miIO.info")["ap"]["ssid"] == CREDENTIALS["ssid"]

    def test_request_in_work_is_forgotten_and_the_next_one_works(self, chip):
        chip.send("lost")
        chip.uart("get_down")
        chip.uart("reboot")
        chip.wait(1)
        assert chip.replies() == []
        assert chip.uart('result "late"') == "error\r"
        chip.drain()
        chip.send("found")
        assert chip.uart("get_down") == "down found\r"
        chip.uart("result 1")
        assert chip.reply()["result"] == [1]

    @pytest.mark.parametrize("how", ["restart", "stop"])
    def test_what_was_handed_out_has_its_outcome(self, chip, how):
        outcomes = []
        for text in ("in_work", "waiting"):
            assert chip.module.hand_out(
                text, chip.now, lambda outcome, at: outcomes.append((outcome.error, at))
            )
        chip.uart("get_down")
        getattr(chip.module, how)(chip.now)
        assert outcomes == [((-9999, "the module restarted"), chip.now)] * 2
        chip.wait(20)
        assert len(outcomes) == 2

    def test_whoever_is_told_of_a_restart_may_hand_out_again(self, chip):
        outcomes = []

        def again(outcome, at):
            outcomes.append(outcome.error)
            assert chip.module.hand_out("found", at, lambda outcome, _: outcomes.append(outcome.result))

        assert chip.module.hand_out("lost", chip.now, again)
        chip.module.restart(chip.now)
        chip.wait(1)
        assert chip.uart("get_down") == "down found\r"
        chip.uart("result 1")
        assert outcomes == [(-9999, "the module restarted"), [1]]

    def test_echo_and_half_a_line_are_forgotten(self, chip):
        chip.uart("echo on")
        chip.bytes(b"ne")
        chip.uart("reboot")
        chip.bytes(b"reboot\r")
        chip.bytes(b"ne")
        chip.wait(1)
        assert chip.uart("net") == "cloud\r"

    def test_many_reboots_are_one(self, chip):
        chip.uart("reboot")
        chip.wait(0.2)
        chip.uart("reboot")
        chip.uart("factory")
        chip.wait(0.1)
        assert not chip.module.up
        chip.wait(5)
        assert not chip.module.factory
        assert chip.module.life(chip.now) == 5

    def test_subscribers_are_forgotten(self, chip):
        chip.call("miIO.sub", {"did": "7", "update_ts": 5, "sub_method": "."})
        chip.uart("reboot")
        chip.wait(1)
        chip.uart("event_occured 1 1")
        assert chip.replies() == []


class TestReports:
    def subscribe(self, chip):
        assert chip.call("miIO.sub", {"did": "7", "update_ts": 5, "sub_method": "."}) == {"code": 0}

    def test_properties_leave_once_per_second_with_the_last_value(self, chip):
        self.subscribe(chip)
        for value in (1, 2, 3):
            assert chip.uart(f"properties_changed 2 1 {value} 2 2 true") == "ok\r"
        assert chip.replies() == []
        chip.wait(1)
        message = chip.reply()
        assert message["method"] == "properties_changed"
        assert message["params"] == [
            {"did": "123456789", "siid": 2, "piid": 1, "value": 3},
            {"did": "123456789", "siid": 2, "piid": 2, "value": True},
        ]
        chip.acknowledge(message)
        chip.wait(10)
        assert chip.replies() == []

    def test_one_message_per_second_under_a_flood(self, chip):
        for step in range(100):
            chip.uart(f"properties_changed 2 1 {step}")
            chip.wait(0.1)
        chip.wait(1)
        seconds = Counter(int(each.instant) for each in chip.module.reported)
        assert max(seconds.values()) == 1
        assert chip.module.reported[-1].params[0]["value"] == 99

    def test_events_leave_at_once_but_three_per_second(self, chip):
        self.subscribe(chip)
        for number in range(5):
            assert chip.uart(f'event_occured 3 1 1 {number} 2 "a b"') == "ok\r"
        first = chip.replies()
        assert [message["params"]["arguments"][0]["value"] for message in first] == [0, 1, 2]
        assert first[0]["params"] == {
            "did": "123456789",
            "siid": 3,
            "eiid": 1,
            "arguments": [{"piid": 1, "value": 0}, {"piid": 2, "value": "a b"}],
        }
        for message in first:
            chip.acknowledge(message)
        chip.wait(0.9)
        assert chip.replies() == []
        chip.wait(0.1)
        assert [message["params"]["arguments"][0]["value"] for message in chip.replies()] == [3, 4]

    def test_queue_of_events_is_bounded(self, chip):
        replies = [chip.uart("event_occured 3 1") for _ in range(20)]
        assert replies == ["ok\r"] * 19 + ["error\r"]

    def test_different_properties_are_bounded(self, chip):
        replies = [
            chip.uart("properties_changed " + " ".join(f"{line} {piid} 1" for piid in range(16)))
            for line in range(1, 18)
        ]
        assert replies == ["ok\r"] * 16 + ["error\r"]
        assert chip.uart("properties_changed 1 1 2") == "ok\r"

    def test_repeated_until_acknowledged(self, chip):
        self.subscribe(chip)
        chip.uart("event_occured 3 1")
        message = chip.reply()
        chip.wait(2.5)
        assert chip.reply() == message

    def test_long_reports_are_cut_into_messages_of_legal_size(self, chip):
        self.subscribe(chip)
        for piid in range(1, 9):
            assert chip.uart(f'properties_changed 2 {piid} "{"x" * 300}"') == "ok\r"
        chip.wait(1)
        datagrams = [data for data, _ in chip.module.take_lan()]
        assert max(map(len, datagrams)) <= packet.MAX_REQUEST
        messages = [packet.decode(data, bytes(range(16))).payload for data in datagrams]
        assert [item["piid"] for message in messages for item in message["params"]] == list(range(1, 9))

    def test_nothing_leaves_without_a_network(self, chip):
        self.subscribe(chip)
        chip.module.set_net("offline", chip.now)
        chip.uart("properties_changed 2 1 1")
        chip.uart("event_occured 3 1")
        chip.wait(5)
        assert (chip.replies(), list(chip.module.reported)) == ([], [])
        chip.module.set_net("local", chip.now)
        chip.wait(1)
        assert [message["method"] for message in chip.replies()] == ["event_occured", "properties_changed"]

    def test_an_answer_finds_nobody_without_a_network(self, chip):
        chip.drain()
        chip.send("get_properties", [{"did": "x", "siid": 2, "piid": 1}])
        assert chip.uart("get_down") == "down get_properties 2 1\r"
        chip.module.set_net("offline", chip.now)
        assert chip.uart("result 2 1 0 5") == "ok\r"
        chip.send("get_properties", [{"did": "x", "siid": 2, "piid": 2}])
        chip.module.set_net("cloud", chip.now)
        chip.wait(5)
        assert chip.replies() == []

    def test_repeats_wait_while_unreachable(self, chip):
        self.subscribe(chip)
        chip.uart("event_occured 3 1")
        message = chip.reply()
        chip.module.set_net("offline", chip.now)
        chip.wait(60)
        assert chip.replies() == []
        chip.module.set_net("cloud", chip.now)
        chip.wait(0.1)
        assert chip.reply() == message


class TestUpdate:
    URL = "http://192.168.1.2:8000/fw.bin"

    def states(self, chip, seconds, step=0.5):
        seen = []
        for _ in range(int(seconds / step)):
            if chip.module.listening:
                now = (chip.call("miIO.get_ota_state")[0], chip.call("miIO.get_ota_progress")[0])
                seen += [now] if now not in seen[-1:] else []
            chip.wait(step)
        return seen

    def test_idle(self, chip):
        assert self.states(chip, 1) == [("idle", 101)]

    def test_course_of_an_update(self, bench):
        chip = bench(next_firmware="2.1.0", script=UpdateScript())
        chip.drain()
        assert chip.call("miIO.ota", {"app_url": self.URL, "mode": "normal"}) == ["ok"]
        assert chip.uart("net") == "updating\r"
        assert chip.drain() == []
        assert self.states(chip, 5.4, 0.6) == [
            ("downloading", 0),
            ("downloading", 17),
            ("downloading", 33),
            ("downloading", 58),
            ("downloading", 75),
            ("downloaded", 100),
            ("installing", 100),
        ]
        chip.wait(0.2)
        assert not chip.module.listening
        chip.wait(0.5)
        assert self.states(chip, 1) == [("idle", 101)]
        info = chip.call("miIO.info")
        assert (info["fw_ver"], info["life"]) == ("2.1.0", 2)

    @pytest.mark.parametrize(
        "params",
        [
            [],
            {},
            {"app_url": "ftp://x"},
            {"app_url": 5},
            {"app_url": "http://" + "x" * 250},
            {"url": "http://x"},
        ],
    )
    def test_ok_even_if_nothing_will_happen(self, chip, params):
        assert chip.call("miIO.ota", params) == ["ok"]
        assert self.states(chip, 1) == [("idle", 101)]

    def test_second_request_changes_nothing(self, bench):
        chip = bench(script=UpdateScript())
        chip.call("miIO.ota", {"mcu_url": self.URL})
        chip.wait(3.2)
        assert chip.call("miIO.ota", {"mcu_url": self.URL}) == ["ok"]
        assert chip.call("miIO.get_ota_state") == ["downloaded"]

    @pytest.mark.parametrize(("ending", "progress"), [("failed", 101), ("idle", 101), ("installed", 101)])
    def test_other_endings(self, bench, ending, progress):
        steps = (UpdateStep("downloading", 1, (0, 50)), UpdateStep("waiting", 0))
        chip = bench(script=UpdateScript(steps, ending=ending, jump=0))
        chip.call("miIO.ota", {"app_url": self.URL})
        chip.wait(0.5)
        assert chip.call("miIO.get_ota_progress") == [25]
        chip.wait(0.6)
        assert self.states(chip, 1) == [(ending, progress)]
        assert chip.uart("net") == "cloud\r"

    def test_a_step_without_length(self, bench):
        chip = bench(script=UpdateScript((UpdateStep("starting", 0, (5, 6)),), ending="busy"))
        chip.call("miIO.ota", {"app_url": self.URL})
        assert chip.module.update.state == "busy"
        assert chip.module.update.active

    @pytest.mark.parametrize("ending", ["restart", "failed"])
    def test_a_script_without_steps_is_over_at_once(self, bench, ending):
        chip = bench(script=UpdateScript((), ending=ending))
        chip.call("miIO.ota", {"app_url": self.URL})
        chip.wait(0.1)
        assert not chip.module.update.active
        chip.wait(2)
        assert chip.call("miIO.get_ota_state") == ["idle" if ending == "restart" else "failed"]

    def test_hook_takes_over(self, bench):
        asked = []
        chip = bench(on_ota=lambda params, now: asked.append((params["app_url"], now)) or True)
        assert chip.call("miIO.ota", {"app_url": self.URL}) == ["ok"]
        assert asked == [(self.URL, chip.now)]
        assert chip.call("miIO.get_ota_state") == ["idle"]
        chip.module.update.report("downloading", 42)
        assert (chip.call("miIO.get_ota_state"), chip.call("miIO.get_ota_progress")) == (
            ["downloading"],
            [42],
        )
        chip.call("miIO.ota", {"app_url": self.URL})
        assert len(asked) == 1
        chip.module.restart(chip.now)
        chip.wait(1)
        assert chip.call("miIO.get_ota_state") == ["idle"]

    def test_hook_may_leave_it_to_the_script(self, bench):
        chip = bench(on_ota=lambda params, now: False, script=UpdateScript())
        chip.call("miIO.ota", {"app_url": self.URL})
        assert chip.call("miIO.get_ota_state") == ["downloading"]


class TestFirmwareOfTheMcu:
    IMAGE = bytes(300)  # 3 blocks

    @pytest.fixture
    def offering(self, chip):
        chip.drain()
        chip.ended = []
        assert chip.module.send_firmware(self.IMAGE, chip.now, lambda failed, _: chip.ended.append(failed))
        assert chip.uart("get_down") == "down update_fw\r"
        return chip

    def seen(self, chip):
        state, progress = chip.call("miIO.get_ota_state"), chip.call("miIO.get_ota_progress")
        return chip.module.net, *state, *progress

    def test_its_transfer_is_an_update(self, offering):
        chip = offering
        assert self.seen(chip) == ("cloud", "idle", 101)
        assert chip.uart('result "ready"') == "ok\r"
        assert self.seen(chip) == ("updating", "installing", 0)
        assert len(chip.bytes(b"C")) == 133
        seen = []
        while not chip.ended:
            chip.bytes(b"\x06")
            seen.append(self.seen(chip))
        assert seen == [
            ("updating", "installing", 33),
            ("updating", "installing", 66),
            ("updating", "installing", 100),
            ("cloud", "installed", 101),
        ]
        assert chip.ended == [""]
        assert chip.uart("net") == "cloud\r"
        assert chip.drain() == ["MIIO_mcu_version_req"]  # and no MIIO_net_change: nobody was told "updating"

    @pytest.mark.parametrize("answer", ['result "busy"', 'result "ready"'])
    def test_it_may_fail(self, offering, answer):
        chip = offering
        assert chip.uart(answer) == "ok\r"
        chip.wait(40)
        assert len(chip.ended) == 1
        assert self.seen(chip) == ("cloud", "failed", 101)

    def test_an_update_by_script_goes_on(self, bench):
        chip = bench(script=UpdateScript())
        chip.drain()
        assert chip.module.send_firmware(self.IMAGE, chip.now, lambda *_: None)
        assert chip.uart("get_down") == "down update_fw\r"
        chip.call("miIO.ota", {"app_url": TestUpdate.URL})
        assert chip.uart('result "ready"') == "ok\r"
        assert self.seen(chip) == ("updating", "downloading", 0)
