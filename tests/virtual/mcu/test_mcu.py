from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.description.spec import Spec
from miio_lan.errors import SpecError
from miio_lan.uart import commands
from miio_lan.uart.firmware.xmodem import Sender
from miio_lan.virtual.mcu.mcu import MISBEHAVIOURS, Mcu

LAMP = Spec.shipped("lamp")
PURIFIER = Spec.shipped("purifier")
BOOT = ["model miiolan.light.demo1", "mcu_version 0001"]


FRAGMENTS = [
    *(b"ok\r", b"error\r", b"down ", b"get_properties 2 1", b"set_properties 2 1 ", b"action 2 1"),
    *(b'"', b"\r", b"\n# ", b" ", b"\xff", b"MIIO_net_change cloud"),
]


class Bench:
    """A module's end of the line on a fake clock: answers every line at once, and hands out the queued downlinks."""

    def __init__(self, mcu: Mcu, reply: Callable[[str], str | None] | None = None) -> None:
        self.mcu = mcu
        self.now = 100.0
        self.downs: deque[str] = deque()
        self.log: list[tuple[float, bytes]] = []
        self.reply = reply
        mcu.start(self.now)
        self._exchange()

    def run(self, seconds: float) -> None:
        """Let the time pass, waking the MCU when it wants to be woken."""
        end = self.now + seconds
        self._exchange()
        while (at := self.mcu.deadline) is not None and at <= end:
            self.now = max(self.now, at)
            self.mcu.tick(self.now)
            self._exchange()
        self.now = end

    def do(self, *downs: str, seconds: float = 1.0) -> list[str]:
        """Hand out downlinks; return the lines that came meanwhile, polls left out."""
        start = len(self.log)
        self.downs.extend(downs)
        self.run(seconds)
        return self.texts(start)

    def texts(self, start: int = 0) -> list[str]:
        """All lines but polls."""
        lines = [raw.decode("latin-1").rstrip("\r") for _, raw in self.log[start:]]
        return [line for line in lines if line != "get_down"]

    def polls(self) -> list[float]:
        return [at for at, raw in self.log if raw == b"get_down\r"]

    def _exchange(self) -> None:
        while data := self.mcu.take_output():
            lines = data.split(b"\r")
            assert lines.pop() == b""
            for line in lines:
                self.log.append((self.now, line + b"\r"))
                answer = self._answer(line.decode("latin-1"))
                if answer is not None:
                    self.mcu.receive(answer.encode() + b"\r", self.now)

    def _answer(self, line: str) -> str | None:
        own = self.reply(line) if self.reply else ""
        if own != "":
            return own
        if line == "get_down":
            return f"down {self.downs.popleft()}" if self.downs else "down none"
        return "ok"


def booted(spec: Spec = LAMP, **options: Any) -> Bench:
    bench = Bench(Mcu(spec, rng=random.Random(1), **options))
    bench.log.clear()
    return bench


class TestBoot:
    def test_order(self) -> None:
        bench = Bench(Mcu(LAMP, ble_pid=156))
        bench.run(0.1)
        assert bench.texts() == [*BOOT, "ble_config set 156 0001"]
        assert len(bench.polls()) == 1

    def test_model_and_version_may_be_others(self) -> None:
        bench = Bench(Mcu(LAMP, model="acme.lamp.v2", version="0042"))
        assert bench.texts() == ["model acme.lamp.v2", "mcu_version 0042"]

    def test_each_report_is_repeated_until_ok_and_only_then_it_polls(self) -> None:
        refusals = {"model": 3, "mcu_version": 2, "ble_config": 1}

        def reply(line: str) -> str:
            word = line.split()[0]
            refusals[word] = refusals.get(word, 0) - 1
            return "error" if refusals[word] >= 0 else ""

        bench = Bench(Mcu(LAMP, ble_pid=1), reply)
        bench.run(3)
        words = [line.split()[0] for line in bench.texts()]
        assert words == ["model"] * 4 + ["mcu_version"] * 3 + ["ble_config"] * 2
        assert bench.log[9][1] == b"get_down\r"
        assert [raw for _, raw in bench.log[:9] if raw == b"get_down\r"] == []
        assert bench.log[1][0] - bench.log[0][0] == pytest.approx(0.2)

    def test_a_silent_module_is_asked_again_after_the_reply_time(self) -> None:
        bench = Bench(Mcu(LAMP), lambda line: None)
        bench.run(5)
        assert set(bench.texts()) == {"model miiolan.light.demo1"}
        assert bench.log[1][0] - bench.log[0][0] == pytest.approx(1.2)
        bench.reply = None
        bench.run(3)
        assert bench.texts()[-1] == "mcu_version 0001"
        assert bench.polls()

    def test_polls_every_200_ms_and_as_told(self) -> None:
        bench = booted()
        bench.run(2)
        gaps = [b - a for a, b in zip(bench.polls(), bench.polls()[1:], strict=False)]
        assert len(gaps) >= 8
        assert gaps == pytest.approx([0.2] * len(gaps))
        fast = booted(poll_interval=0.005)
        fast.run(1)
        assert len(fast.polls()) == pytest.approx(200, abs=2)

    def test_a_restart_boots_again_and_keeps_values(self) -> None:
        bench = booted()
        bench.do("set_properties 2 2 7")
        bench.mcu.receive(b"down get_pro", bench.now)
        bench.mcu.start(bench.now)
        bench.run(0)
        assert bench.texts()[-2:] == BOOT
        assert bench.do("get_properties 2 2") == ["result 2 2 0 7"]

    def test_off_means_off(self) -> None:
        mcu = Mcu(LAMP)
        assert mcu.deadline is None
        mcu.receive(b"down get_properties 2 1\r", 1.0)
        mcu.tick(2.0)
        mcu.set_local(2, 1, False, 3.0)
        assert mcu.raise_event(6, 1, None, 3.0) is False
        assert mcu.take_output() == b""
        mcu.start(5.0)
        mcu.stop()
        assert mcu.deadline is None
        assert mcu.take_output() == b""

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            ({"model": "plug"}, "three parts"),
            ({"version": "A001"}, "4-digit number"),
            ({"version": "1"}, "4-digit number"),
            ({"ble_pid": 65536}, "65535"),
            ({"serial_number": "x" * 31}, "more than 30"),
            ({"misbehave": ["sleepy"]}, "'sleepy'; there are: slow, silent"),
        ],
    )
    def test_options_that_are_none(self, options: dict[str, Any], why: str) -> None:
        with pytest.raises(SpecError, match=why):
            Mcu(LAMP, **options)

    def test_a_description_without_a_model_needs_one(self) -> None:
        spec = Spec.from_json({"services": []}, source="tv.json")
        with pytest.raises(SpecError, match=r"tv\.json: model: it has no model, .*: give one"):
            Mcu(spec)
        assert Mcu(spec, model="a.b.c").model == "a.b.c"

    def test_a_guessed_model_is_one_until_another_is_given(self) -> None:
        urn = "urn:miot-spec-v2:device:light:0000A001:yeelink-lamp4:1"
        spec = Spec.from_json({"type": urn, "services": []})
        assert (Mcu(spec).model, Mcu(spec).model_guessed) == ("yeelink.light.lamp4", True)
        assert not Mcu(spec, model="a.b.c").model_guessed
        assert not Mcu(LAMP).model_guessed

    @pytest.mark.parametrize(("size", "warned"), [(30, False), (31, True)])
    def test_a_serial_number_longer_than_the_document_s_is_warned_of(
        self, size: int, warned: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where the description allows it; the lamp's own does not."""
        serial = {"iid": 5, "type": "sn", "format": "string", "access": ["read", "notify"]}
        services = [{"iid": 1, "type": "device-information", "properties": [serial]}]
        spec = Spec.from_json({"model": "a.b.c", "services": services})
        mcu = Mcu(spec, serial_number="S" * size)
        said = f"the serial number (1.5) has {size} characters; the document has room for 30"
        assert caplog.messages == [said] * warned
        assert not mcu.table.put(1, 5, "S" * size)  # nothing new is nothing to be said
        mcu.table.put(1, 5, "")
        mcu.table.put(1, 5, "S" * size)
        assert caplog.messages == [said] * warned * 2

    def test_a_product_without_serial_number_property_has_none(self) -> None:
        with pytest.raises(SpecError, match=r"has no property 1\.5"):
            Mcu(PURIFIER, serial_number="1")


class TestGet:
    def test_every_code(self) -> None:
        bench = booted()
        lines = bench.do("get_properties 2 1 2 9 2 99 99 1 3 2 2 11 2 4")
        expected = (
            'result 2 1 0 true 2 9 -4001 2 99 -4003 99 1 -4003 3 2 0 23.6 2 11 0 "Desk lamp" 2 4 0 16711680'
        )
        assert lines == [expected]

    def test_the_answer_comes_at_once_and_before_the_next_poll(self) -> None:
        bench = booted()
        bench.downs.append("get_properties 2 1")
        bench.run(0.5)
        at = [raw for _, raw in bench.log].index(b"result 2 1 0 true\r")
        assert bench.log[at - 1][1] == b"get_down\r"
        assert bench.log[at][0] == bench.log[at - 1][0]

    def test_what_does_not_fit_is_left_out(self) -> None:
        bench = booted()
        (line,) = bench.do("get_properties " + " ".join(["2 1"] * 32))
        assert line == "result " + " ".join(["2 1 0 true"] * 16)
        bench.mcu.set_local(2, 11, "n" * 30, bench.now)
        bench.run(0.1)
        (line,) = bench.do("get_properties " + " ".join(["2 11"] * 32))
        # What is left of the line says of two more that they were not read.
        assert line == "result" + f' 2 11 0 "{"n" * 30}"' * 12 + " 2 11 -4004" * 2

    def test_a_text_longer_than_a_line_is_an_internal_error_of_its_own(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [{piid = 1, name = "t", format = "string", access = "rn"}]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        bench.mcu.set_local(2, 1, "x" * 600, bench.now)
        assert bench.do("get_properties 2 1") == ["result 2 1 -4004"]

    @pytest.mark.parametrize("size", [600, 496, 485])  # 496 fits alone
    @pytest.mark.parametrize("order", ["2 1 2 2 2 3", "2 2 2 1 2 3", "2 3 2 2 2 1"])
    def test_a_text_longer_than_a_line_costs_only_itself(self, order: str, size: int) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [
            {piid = 1, name = "t", format = "string", access = "rn"},
            {piid = 2, name = "a", format = "uint8", access = "r"},
            {piid = 3, name = "b", format = "uint8", access = "r"},
        ]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        bench.mcu.set_local(2, 1, "x" * size, bench.now)
        line = bench.do(f"get_properties {order}")[-1]  # behind the report of the text, where that fits
        right = {"2 1": "2 1 -4004", "2 2": "2 2 0 0", "2 3": "2 3 0 0"}
        words = order.split()
        assert line == "result " + " ".join(right[" ".join(words[at : at + 2])] for at in (0, 2, 4))

    def test_faults_stand_in_for_values(self) -> None:
        bench = booted()
        bench.mcu.table.faults[2, 1] = -4004
        assert bench.do("get_properties 2 1", "set_properties 2 1 true") == [
            "result 2 1 -4004",
            "result 2 1 -4004",
        ]

    @pytest.mark.parametrize(
        "down",
        [
            "get_properties",
            "get_properties 2",
            "get_properties 2 1 2",
            "get_properties 2 x",
            "get_properties -2 1",
            "get_properties 2 9999999999",
            "get_properties 2 99999999999999999999",
            "set_properties",
            "set_properties 2 1",
            "set_properties 2.0 1 true",
            "action",
            "action 2",
            "action 2 1 3",
            "action two 1",
        ],
    )
    def test_malformed_requests_get_an_error(self, down: str) -> None:
        assert booted().do(down) == ['error "invalid arg" -5001']

    def test_a_512_byte_downlink_is_answered(self) -> None:
        down = "get_properties " + " ".join(["2 1"] * 140)
        assert booted().do(down) == ["result " + " ".join(["2 1 0 true"] * 16)]

    def test_a_line_cut_by_the_buffer_is_refused(self) -> None:
        down = "get_properties " + " ".join(["2 1"] * 2000)
        assert booted().do(down) == ['error "command too long" -5002']


class TestSet:
    def test_every_code_and_the_report_of_what_changed(self) -> None:
        bench = booted()
        lines = bench.do('set_properties 2 1 false 2 2 25.0 2 11 "two words" 3 2 20 2 99 1 2 9 "s" 2 5 2')
        assert lines == [
            "result 2 1 0 2 2 -4005 2 11 0 3 2 -4002 2 99 -4003 2 9 0 2 5 0",
            'properties_changed 2 1 false 2 11 "two words" 2 5 2',
        ]
        assert bench.mcu.values[2, 9] == "s"

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("2 1 1", -4005),
            ('2 1 "true"', -4005),
            ("2 1 null", -4005),
            ("2 1 TRUE", -4005),
            ("2 2 0", -4005),
            ("2 2 101", -4005),
            ("2 2 100", 0),
            ("2 2 1e2", -4005),
            ("2 3 2750", -4005),
            ("2 5 9", -4005),
            ("2 11 bare", -4005),
            ('2 11 "1234567890123456789012345678901"', -4005),
            ('2 11 "\\u706f"', 0),
        ],
    )
    def test_values(self, words: str, code: int) -> None:
        siid, piid, _ = words.split(" ", 2)
        assert booted().do(f"set_properties {words}")[0] == f"result {siid} {piid} {code}"

    def test_setting_what_it_is_already_is_no_change(self) -> None:
        assert booted().do("set_properties 2 1 true") == ["result 2 1 0"]

    def test_what_does_not_notify_is_not_reported(self) -> None:
        assert booted().do("set_properties 2 8 700") == ["result 2 8 0"]

    def test_the_report_waits_for_the_modules_ok(self) -> None:
        bench = booted()
        bench.reply = lambda line: None if line.startswith("result") else ""
        bench.do("set_properties 2 1 false", seconds=0.5)
        assert bench.texts() == ["result 2 1 0"]
        bench.reply = None
        bench.mcu.receive(b"ok\r", bench.now)
        bench.run(0.1)
        assert bench.texts()[-1] == "properties_changed 2 1 false"

    def test_a_refused_result_changes_nothing_about_the_change(self) -> None:
        bench = booted()
        bench.reply = lambda line: "error" if line.startswith("result") else ""
        assert bench.do("set_properties 2 1 false") == ["result 2 1 0", "properties_changed 2 1 false"]
        assert bench.mcu.counters["refused"] == 1


class TestAction:
    @pytest.mark.parametrize(
        ("down", "lines"),
        [
            ("action 2 1", ["result 2 1 0", "properties_changed 2 1 false"]),
            ("action 2 2 10 30", ["result 2 2 0 2 90", "properties_changed 2 2 90"]),
            ("action 2 2 10 100", ["result 2 2 0 2 100", "properties_changed 2 2 100"]),
            ("action 2 2 10 -100", ["result 2 2 0 2 1", "properties_changed 2 2 1"]),
            ('action 2 3 9 "sunset"', ["result 2 3 0"]),
            ("action 4 1 2 30", ["result 4 1 0 3 0"]),
            ("action 2 2", ["result 2 2 -4006"]),
            ("action 2 1 1 1", ["result 2 1 -4006"]),
            ("action 2 2 10 500", ["result 2 2 -4006"]),
            ("action 2 2 10 x", ["result 2 2 -4006"]),
            ("action 2 2 10 5 10 5", ["result 2 2 -4006"]),
            ("action 2 2 99 5", ["result 2 2 -4006"]),
            ("action 2 99", ["result 2 99 -4003"]),
        ],
    )
    def test_actions(self, down: str, lines: list[str]) -> None:
        assert booted().do(down) == lines

    def test_hooks(self) -> None:
        bench = booted()

        def start(mcu: Mcu, arguments: dict[int, Any]) -> dict[int, Any]:
            mcu.put(4, 1, True)
            mcu.emit(4, 1)
            return {3: arguments[2]}

        bench.mcu.actions[4, 1] = start
        expected = ["result 4 1 0 3 15", "properties_changed 4 1 true", "event_occured 4 1"]
        assert bench.do("action 4 1 2 15") == expected

    @pytest.mark.parametrize(
        ("hook", "line"),
        [
            (lambda mcu, arguments: -4004, "result 4 1 -4004"),
            (lambda mcu, arguments: 1, "result 4 1 1 3 0"),
            (lambda mcu, arguments: {3: 500}, "result 4 1 -4004"),
            (lambda mcu, arguments: 1 / 0, "result 4 1 -4004"),
            (lambda mcu, arguments: [3], "result 4 1 -4004"),
            (lambda mcu, arguments: None, "result 4 1 0 3 0"),
        ],
    )
    def test_what_hooks_return(self, hook: Any, line: str) -> None:
        bench = booted()
        bench.mcu.actions[4, 1] = hook
        if line == "result 4 1 1 3 0":
            line = "result 4 1 1"
        assert bench.do("action 4 1 2 15") == [line]

    def test_the_purifiers_toggle_finds_the_switch_of_another_service(self) -> None:
        assert booted(PURIFIER).do("action 8 1") == ["result 8 1 0", "properties_changed 2 2 false"]

    def test_what_cannot_be_told_from_the_description_just_succeeds(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [{piid = 1, name = "on", format = "bool", access = "r"},
                    {piid = 2, name = "level", format = "string", access = "r"},
                    {piid = 3, name = "by", format = "uint8", access = ""}]
        action = [{aiid = 1, name = "toggle", in = [1]}, {aiid = 2, name = "change-level", in = [3]},
                  {aiid = 3, name = "change-nothing", in = [3]}]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        downs = ("action 2 1 1 true", "action 2 2 3 5", "action 2 3 3 5")
        assert bench.do(*downs) == ["result 2 1 0", "result 2 2 0", "result 2 3 0"]
        assert bench.mcu.values == {(2, 1): False, (2, 2): "", (2, 3): 0}

    def test_changes_of_floats_stay_on_their_step(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [{piid = 1, name = "target", format = "float", access = "rn", range = [16, 31, 0.1], default = 21.7},
                    {piid = 2, name = "by", format = "float", access = ""},
                    {piid = 3, name = "free", format = "float", access = "r"}]
        action = [{aiid = 1, name = "change-target", in = [2]}, {aiid = 2, name = "change-free", in = [2]}]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        lines = bench.do("action 2 1 2 0.1", "action 2 2 2 0.25")
        assert lines == ["result 2 1 0", "properties_changed 2 1 21.8", "result 2 2 0"]
        assert bench.mcu.values[2, 3] == 0.25

    def test_an_answer_longer_than_a_line_is_an_internal_error(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [{piid = 1, name = "t", format = "string", access = "r"}]
        action = [{aiid = 1, name = "read", out = [1]}]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        bench.mcu.set_local(2, 1, "x" * 600, bench.now)
        assert bench.do("action 2 1") == ["result 2 1 -4004"]


class TestOtherDownlinks:
    @pytest.mark.parametrize("down", ["power_off", 'unknown_command "light_on",60,0,1', "get_prop power"])
    def test_unknown_ones_get_an_error(self, down: str) -> None:
        assert booted().do(down) == ['error "method not found" -5000']

    @pytest.mark.parametrize("down", ["none", "MIIO_net_change local", "ble_event 1 2 3", "MIIO_net_change"])
    def test_some_are_not_answered(self, down: str) -> None:
        assert booted().do(down) == []

    def test_legacy_methods_can_be_taught(self) -> None:
        bench = booted()
        seen: list[Sequence[str]] = []

        def get_prop(mcu: Mcu, words: Sequence[str]) -> list[Any] | None:
            seen.append(words)
            return ["on", 60] if words else None

        bench.mcu.methods["get_prop"] = get_prop
        assert bench.do('get_prop "power","bright"') == ['result "on" 60']
        assert bench.do("get_prop") == ['error "method not found" -5000']
        assert seen == [['"power","bright"'], []]

    @pytest.mark.parametrize(
        ("values", "line"),
        [
            (["x" * 600], 'error "command too long" -5002'),
            ([None], 'error "internal error" -5003'),
            (7, 'error "internal error" -5003'),
        ],
    )
    def test_methods_that_fail(self, values: Any, line: str) -> None:
        bench = booted()
        bench.mcu.methods["m"] = lambda mcu, words: values
        assert bench.do("m") == [line]

    def test_identity_is_told_when_asked(self) -> None:
        bench = booted()
        assert bench.do("MIIO_mcu_version_req", "MIIO_model_req") == BOOT[::-1]

    def test_identity_is_repeated_between_polls_until_ok(self) -> None:
        bench = booted()
        bench.reply = lambda line: "error" if line.startswith("mcu_version") else ""
        lines = bench.do("MIIO_mcu_version_req", "MIIO_mcu_version_req")
        assert len(lines) >= 4
        assert set(lines) == {"mcu_version 0001"}
        assert len(bench.polls()) >= 4
        bench.reply = None
        assert bench.do() == ["mcu_version 0001"]

    def test_update(self) -> None:
        bench = booted()
        began: list[float] = []
        bench.mcu.on_update = began.append
        assert bench.do("update_fw") == ['result "ready"']
        assert len(began) == 1
        bench.mcu.update_answer = "busy"
        assert bench.do("update_fw") == ['result "busy"']
        bench.mcu.update_answer = None
        assert bench.do("update_fw") == []
        assert len(began) == 1

    def test_firmware_arrives_and_is_started(self) -> None:
        bench = booted()
        bench.mcu.updated_version = "0042"
        image = bytes(range(256)) * 3
        mcu, now, said = transferring(bench)
        assert said.endswith(b"C")
        sender = Sender(image, now)
        sender.receive(b"C", now)
        rest = b""
        while not sender.done:
            mcu.receive(sender.take_output(), now)
            if mcu.deadline is not None and not (answer := mcu.take_output()):
                now = mcu.deadline
                mcu.tick(now)
                answer = mcu.take_output()
            rest = sender.receive(answer, now)
        assert mcu.image == image
        assert mcu.version == "0042"
        assert rest == b"model miiolan.light.demo1\r"

    def test_without_firmware_the_old_one_starts_again(self) -> None:
        mcu, now, _ = transferring(booted())
        mcu.receive(b"\x18\x18\x18", now)
        assert mcu.take_output() == b"\x06model miiolan.light.demo1\r"
        assert (mcu.image, mcu.version) == (None, "0001")
        assert mcu.counters["failed updates"] == 1

    def test_firmware_that_never_comes(self) -> None:
        mcu, now, said = transferring(booted())
        while b"model" not in said:
            assert mcu.deadline is not None
            now = max(now, mcu.deadline)
            mcu.tick(now)
            said += mcu.take_output()
        assert said.count(b"C") == 16
        assert said.count(b"\x15") == 16
        assert b"\x18\x18\x18model" in said

    def test_version_after_the_update_is_checked(self) -> None:
        with pytest.raises(SpecError, match="'12' is not a 4-digit number"):
            Mcu(LAMP, updated_version="12")

    def test_a_refused_ready_begins_nothing(self) -> None:
        bench = booted()
        began: list[float] = []
        bench.mcu.on_update = began.append
        bench.reply = lambda line: "error" if line.startswith("result") else ""
        bench.do("update_fw")
        assert began == []


def transferring(bench: Bench) -> tuple[Mcu, float, bytes]:
    """An MCU that has said ready and waits for the first block, the time, and what it said then."""
    mcu, now = bench.mcu, bench.now
    mcu.receive(b"down update_fw\r", now)
    assert b'result "ready"\r' in mcu.take_output()
    mcu.receive(b"ok\r", now)
    return mcu, now, mcu.take_output()


class TestReports:
    def test_local_changes(self) -> None:
        bench = booted()
        bench.run(0.05)
        bench.mcu.set_local(3, 2, 24.5, bench.now)
        bench.run(0)
        assert bench.texts() == ["properties_changed 3 2 24.5"]

    def test_a_change_without_a_time_goes_out_with_the_next_tick(self) -> None:
        bench = booted()
        bench.run(0.05)
        bench.mcu.put(3, 2, 24.5)
        assert bench.mcu.deadline is not None
        assert bench.mcu.deadline <= bench.now
        bench.run(0.0)
        assert bench.texts() == ["properties_changed 3 2 24.5"]

    def test_unchanged_unknown_and_illegal(self) -> None:
        bench = booted()
        bench.mcu.set_local(3, 2, 23.6, bench.now)
        bench.mcu.set_local(2, 9, "scene", bench.now)
        assert bench.do() == []
        with pytest.raises(SpecError, match=r"has no property 9\.9"):
            bench.mcu.set_local(9, 9, 1, bench.now)
        with pytest.raises(SpecError, match=r"temperature \(3\.2\): 'hot' is not a number"):
            bench.mcu.set_local(3, 2, "hot", bench.now)

    def test_the_last_value_wins_while_the_line_is_busy(self) -> None:
        bench = booted()
        bench.reply = lambda line: None if line == "get_down" else ""
        bench.run(0.3)
        for value in (70, 80, 90):
            bench.mcu.set_local(2, 2, value, bench.now)
        bench.reply = None
        assert bench.do(seconds=2.0) == ["properties_changed 2 2 90"]

    def test_many_changes_take_several_lines(self) -> None:
        bench = booted()
        bench.reply = lambda line: None
        bench.run(0.3)
        for prop in LAMP.properties():
            if prop.notifies and prop.format != "string":
                changed = {"bool": not bench.mcu.values[prop.iid]}.get(prop.format)
                value = (
                    changed if changed is not None else prop.choices[-1][0] if prop.choices else prop.range[1]
                )  # type: ignore[index]
                bench.mcu.put(*prop.iid, value)
        bench.mcu.put(2, 11, "n" * 30)
        bench.mcu.put(1, 5, "s" * 30)
        bench.reply = None
        bench.run(3)
        reports = [line.split(" ") for line in bench.texts() if line.startswith("properties_changed")]
        assert len(reports) >= 1
        assert all((len(words) - 1) % 3 == 0 and len(words) <= 65 for words in reports)

    def test_more_than_a_line_holds_is_split_and_a_giant_left_out(self) -> None:
        props = ",".join(
            f'{{piid = {i}, name = "p{i}", format = "string", access = "rn"}}' for i in range(1, 31)
        )
        spec = Spec.from_toml(f'[[service]]\nsiid = 2\nname = "s"\nproperty = [{props}]')
        bench = booted(spec, model="a.b.c")
        bench.reply = lambda line: None
        bench.run(0.3)
        for piid in range(1, 31):
            bench.mcu.put(2, piid, "g" * 600 if piid == 5 else "v")
        bench.reply = None
        bench.run(3)
        words = [line.split(" ") for line in bench.texts() if line.startswith("properties_changed")]
        assert [len(each) - 1 for each in words] == [12, 63, 12]
        told = [each[2::3] for each in words]
        assert [int(piid) for piids in told for piid in piids] == [i for i in range(1, 31) if i != 5]

    def test_a_report_nobody_answers_is_sent_three_times(self) -> None:
        bench = booted()
        bench.reply = lambda line: None if line.startswith("properties_changed") else ""
        bench.mcu.set_local(2, 2, 5, bench.now)
        bench.run(10)
        assert bench.texts() == ["properties_changed 2 2 5"] * 3

    def test_a_refused_report_is_not_repeated(self) -> None:
        bench = booted()
        bench.reply = lambda line: "error" if line.startswith("properties_changed") else ""
        bench.mcu.set_local(2, 2, 5, bench.now)
        bench.run(10)
        assert bench.texts() == ["properties_changed 2 2 5"]

    def test_serial_number_once_in_the_cloud(self) -> None:
        bench = booted(serial_number="SN-1")
        assert bench.do("MIIO_net_change local") == []
        assert bench.do("MIIO_net_change cloud") == ['properties_changed 1 5 "SN-1"']
        assert bench.do("MIIO_net_change local", "MIIO_net_change cloud") == []
        assert bench.mcu.net == "cloud"
        bench.mcu.start(bench.now)
        assert bench.mcu.net == ""
        assert bench.do("MIIO_net_change cloud")[-1] == 'properties_changed 1 5 "SN-1"'

    def test_no_serial_number_no_report(self) -> None:
        assert booted(serial_number="").do("MIIO_net_change cloud") == []
        assert booted(PURIFIER).do("MIIO_net_change cloud") == []


class TestEvents:
    def test_with_and_without_arguments(self) -> None:
        bench = booted()
        bench.mcu.raise_event(6, 1, None, bench.now)
        bench.mcu.raise_event(6, 2, {1: -90, 2: 0.5}, bench.now)
        bench.mcu.raise_event(6, 2, {1: 45}, bench.now)
        assert bench.do() == [
            "event_occured 6 1",
            "event_occured 6 2 1 -90 2 0.5",
            "event_occured 6 2 1 45 2 0.5",
        ]

    def test_an_event_that_is_refused_changes_nothing(self) -> None:
        bench = booted()
        taken = [bench.mcu.raise_event(6, 2, {1: angle}, bench.now) for angle in range(30)]
        assert bench.mcu.values[6, 1] == sum(taken) - 1
        assert not all(taken)
        bench.mcu.stop()
        assert not bench.mcu.raise_event(6, 2, {1: 45}, bench.now)
        assert bench.mcu.values[6, 1] == sum(taken) - 1

    def test_at_most_three_in_a_second(self) -> None:
        bench = booted()
        taken = [bench.mcu.raise_event(6, 1, None, bench.now) for _ in range(20)]
        bench.run(10)
        times = [at for at, raw in bench.log if raw.startswith(b"event")]
        assert len(times) == sum(taken)
        assert 16 <= len(times) < 20
        assert all(later - first >= 1.0 for first, later in zip(times, times[3:], strict=False))

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            ({5: 1}, "has no argument 5"),
            ({1: 4000}, "4000 is outside -360..360"),
            ({1: 1.5}, "not an integer"),
        ],
    )
    def test_what_is_no_event(self, args: dict[int, Any], why: str) -> None:
        bench = booted()
        with pytest.raises(SpecError, match=why):
            bench.mcu.raise_event(6, 2, args, bench.now)
        with pytest.raises(SpecError, match=r"no event 6\.9"):
            bench.mcu.raise_event(6, 9, None, bench.now)

    def test_one_longer_than_a_line(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "s"
        property = [{piid = 1, name = "t", format = "string", access = ""}]
        event = [{eiid = 1, name = "said", arguments = [1]}]
        """
        bench = booted(Spec.from_toml(text), model="a.b.c")
        with pytest.raises(SpecError, match="longer than a line"):
            bench.mcu.raise_event(2, 1, {1: "x" * 600}, bench.now)
        assert bench.mcu.values[2, 1] == ""  # nothing was changed
        assert bench.mcu.raise_event(2, 1, {1: "short"}, bench.now)
        assert bench.mcu.values[2, 1] == "short"


class TestDrift:
    def test_sensors_change_over_time_and_tell(self) -> None:
        bench = booted()
        bench.mcu.vary(3, 2, every=2.0, by=0.5, now=bench.now)
        bench.mcu.vary(2, 1, every=3.0, now=bench.now)
        bench.mcu.vary(2, 6, every=3.0, now=bench.now)
        bench.run(40)
        reports = [line.split(" ") for line in bench.texts()]
        values = [float(words[words.index("3") + 2]) for words in reports if words[1:3] == ["3", "2"]]
        assert len(values) >= 10
        assert all(LAMP.property(3, 2).check(value) is None for value in values)  # type: ignore[union-attr]
        assert any(words[1:3] == ["2", "1"] for words in reports)
        assert {bench.mcu.values[2, 6]} <= {0, 1, 2}

    def test_again_means_anew(self) -> None:
        bench = booted()
        bench.mcu.vary(3, 2, every=0.001, now=bench.now)
        bench.mcu.vary(3, 2, every=50.0, now=bench.now)
        assert bench.do(seconds=5) == []

    def test_what_cannot_drift(self) -> None:
        mcu = Mcu(LAMP)
        with pytest.raises(SpecError, match="is a text"):
            mcu.vary(2, 11, every=1, now=0.0)
        with pytest.raises(SpecError, match="no time between"):
            mcu.vary(3, 2, every=0, now=0.0)

    @given(
        st.sampled_from([p for p in LAMP.properties() if p.range]),
        st.floats(-1e6, 1e6),
        st.integers(0, 2**32),
    )
    def test_every_step_is_legal(self, prop: Any, by: float, seed: int) -> None:
        from miio_lan.virtual.mcu.behaviour import Drift

        value = Drift(prop, 1.0, by, 0.0).step(prop.default(), random.Random(seed))
        assert prop.check(value) is None


class TestSurvival:
    def test_a_module_that_restarts_in_mid_command(self) -> None:
        bench = booted()
        bench.reply = lambda line: None
        bench.downs.append("get_properties 2 1")
        bench.run(6)
        polls = len(bench.polls())
        assert 4 <= polls <= 7
        bench.reply = None
        assert bench.do(seconds=2) == ["result 2 1 0 true"]

    def test_error_to_everything_after_boot(self) -> None:
        bench = booted()
        bench.reply = lambda line: "error"
        bench.mcu.set_local(2, 2, 5, bench.now)
        bench.mcu.raise_event(6, 1, None, bench.now)
        bench.run(5)
        assert bench.texts() == ["properties_changed 2 2 5", "event_occured 6 1"]
        assert len(bench.polls()) >= 20
        bench.reply = None
        assert bench.do("get_properties 2 2") == ["result 2 2 0 5"]

    def test_stray_replies_and_boot_text(self) -> None:
        bench = booted()
        for junk in (
            b"ok\r",
            b"ok\rok\r",
            b"error\r",
            b"\n\r\r",
            b"rst:0x1 (POWERON)\r\n",
            b"okay\r",
            b"down\r",
        ):
            bench.mcu.receive(junk, bench.now)
        assert bench.do("get_properties 2 1") == ["result 2 1 0 true"]
        assert bench.mcu.counters["stray"] >= 3
        assert bench.mcu.counters["ignored"] >= 2

    def test_a_stray_ok_is_no_answer_to_a_poll(self) -> None:
        bench = booted()
        bench.reply = lambda line: "ok"
        bench.run(0.9)
        assert len(bench.polls()) == 1

    def test_unfinished_lines(self) -> None:
        bench = booted()
        bench.reply = lambda line: None
        bench.mcu.receive(b"down get_prop", bench.now)
        bench.run(1.5)
        bench.reply = None
        assert bench.mcu.counters["unfinished"] == 1
        assert bench.do("get_properties 2 1", seconds=2) == ["result 2 1 0 true"]

    def test_pieces_of_a_line(self) -> None:
        bench = booted()
        bench.reply = lambda line: None if line == "get_down" else ""
        bench.run(0.25)
        for byte in b"down get_properties 2 1\r":
            bench.mcu.receive(bytes([byte]), bench.now)
        bench.run(0)
        assert bench.texts() == ["result 2 1 0 true"]

    @pytest.mark.parametrize("end", ["\r\n# ", "\r"])
    def test_echo(self, end: str) -> None:
        """With echo on a module repeats what it hears, and prompts."""
        bench = booted()

        def echo(line: str) -> str | None:
            down = bench.downs.popleft() if bench.downs and line == "get_down" else "none"
            answer = f"down {down}" if line == "get_down" else "ok"
            bench.mcu.receive(f"{line}{end}{answer}\r\n# ".encode(), bench.now)
            return None

        bench.reply = echo
        expected = ["result 2 1 0", "properties_changed 2 1 false", "result 2 1 0 false"]
        assert bench.do("set_properties 2 1 false", "get_properties 2 1") == expected
        assert bench.mcu.counters["echoed"] >= 4

    def test_a_late_down_is_still_answered(self) -> None:
        bench = booted()
        bench.reply = lambda line: None
        bench.run(0.5)
        bench.mcu.set_local(2, 2, 9, bench.now)
        bench.run(0.8)
        bench.reply = None
        bench.mcu.receive(b"down get_properties 2 1\r", bench.now)
        bench.run(2.5)
        report = "properties_changed 2 2 9"
        assert bench.texts() == [report, "result 2 1 0 true", report]

    def test_downs_without_end_do_not_pile_up(self) -> None:
        bench = booted()
        bench.reply = lambda line: None
        bench.run(0.3)
        bench.mcu.receive(b"down get_properties 2 1\r" * 1000, bench.now)
        assert bench.mcu.counters["overrun"] > 900

    def test_output_nobody_takes_is_bounded(self) -> None:
        mcu = Mcu(LAMP)
        mcu.start(0.0)
        mcu.receive(b"ok\rok\r", 0.0)
        for step in range(1, 5000):
            mcu.tick(step * 1.0)
        assert mcu.counters["lost"] > 0
        assert len(mcu.take_output()) <= 8192

    @given(
        st.lists(st.binary() | st.sampled_from(FRAGMENTS)), st.sets(st.sampled_from(sorted(MISBEHAVIOURS)))
    )
    def test_any_bytes_are_survived_within_bounds(self, pieces: list[bytes], misbehave: set[str]) -> None:
        mcu = Mcu(LAMP, misbehave=misbehave, rng=random.Random(0))
        now = 0.0
        mcu.start(now)
        for piece in pieces:
            mcu.receive(piece, now)
            now += 0.3
            mcu.tick(now)
            assert mcu.deadline is not None or "never-polls" in misbehave
        assert len(mcu.take_output()) <= 8192
        mcu.misbehave.clear()
        for _ in range(20):
            # Two replies in a row at the end bring it back to order, whatever it was in the midst of.
            now += 1.5
            mcu.tick(now)
            mcu.receive(b"\rok\rdown none\r", now)
        mcu.take_output()
        now += 1.5
        mcu.tick(now)
        assert mcu.take_output().endswith(b"get_down\r")


def test_everything_a_good_mcu_says_conforms_to_the_document() -> None:
    bench = Bench(Mcu(LAMP, ble_pid=7, rng=random.Random(3)))
    bench.mcu.vary(3, 1, every=1.0, by=20, now=bench.now)
    for prop in LAMP.properties():
        bench.downs.append("get_properties {} {}".format(*prop.iid))
    bench.downs.extend(
        ["set_properties 2 1 false 2 2 1000", "action 2 1", "action 2 2 10 1", "bogus 1,2", "update_fw"]
    )
    bench.mcu.raise_event(6, 2, {1: 3}, bench.now)
    bench.mcu.on_update = lambda now: None
    bench.run(20)
    assert not bench.downs
    readings = [commands.read(raw, direction="up") for _, raw in bench.log]
    assert [reading.problem for reading in readings if not reading.valid] == []
    assert {type(reading).__name__ for reading in readings} >= {
        *(
            "Model",
            "McuVersion",
            "BleConfig",
            "GetDown",
            "Result",
            "Error",
            "PropertiesChanged",
            "EventOccured",
        )
    }
