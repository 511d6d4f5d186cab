"""LAN requests to lines and back."""

from __future__ import annotations

import pytest

from miio_lan.errors import DeviceException, InvalidTokenException, LineError, UnsupportedFeatureException
from miio_lan.virtual.module.module import Module

OTHER = ("127.0.0.1", 40001)


def property_of(siid, piid, **more):
    return {"did": "x", "siid": siid, "piid": piid, **more}


@pytest.fixture
def chip(bench):
    ready = bench()
    ready.drain()
    return ready


VALUES = [
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-3, "-3"),
    (2**40, str(2**40)),
    (25.0, "25.0"),
    (0.5, "0.5"),
    ("", '""'),
    ("true", '"true"'),
    ("two words", '"two words"'),
    ('say "hi"\\', r'"say \"hi\"\\"'),
    ("0,6,0,5", '"0,6,0,5"'),
    ("中 é\n", r'"\u4e2d \u00e9\n"'),
    ("\U0001f4a1", r'"\ud83d\udca1"'),
]


class TestValues:
    @pytest.mark.parametrize(("value", "text"), VALUES)
    def test_down(self, chip, value, text):
        chip.send("set_properties", [property_of(2, 1, value=value)])
        assert chip.uart("get_down") == f"down set_properties 2 1 {text}\r"

    @pytest.mark.parametrize(("value", "text"), [*VALUES, (23.6, "23.600000"), ("a b", '"a\\u0020b"')])
    def test_up(self, chip, value, text):
        chip.send("get_properties", [property_of(2, 1)])
        chip.uart("get_down")
        assert chip.uart(f"result 2 1 0 {text}") == "ok\r"
        (got,) = chip.reply()["result"]
        assert got["value"] == value
        assert type(got["value"]) is type(value)

    @pytest.mark.parametrize("value", [None, [1], {"a": 1}])
    def test_what_a_line_cannot_carry(self, chip, value):
        assert chip.call("set_properties", [property_of(2, 1, value=value)]) == -32602


class TestProperties:
    @pytest.mark.parametrize(
        "params",
        [
            {},
            [],
            None,
            "x",
            [1],
            [{"siid": 1}],
            [{"siid": "1", "piid": 1}],
            [{"siid": True, "piid": 1}],
            [{"siid": -1, "piid": 1}],
            [{"did": ["x"], "siid": 1, "piid": 1}],
            [{"siid": 1, "piid": 2**31}],
        ],
    )
    def test_bad_parameters(self, chip, params):
        assert chip.call("get_properties", params) == -32602

    def test_did_is_echoed_whatever_it_is(self, chip):
        chip.send("get_properties", [{"siid": 1, "piid": 1}, {"did": "é", "siid": 1, "piid": 2}])
        chip.uart("get_down")
        chip.uart("result 1 1 0 5 1 2 -4001")
        assert chip.reply()["result"] == [
            {"siid": 1, "piid": 1, "code": 0, "value": 5},
            {"did": "é", "siid": 1, "piid": 2, "code": -4001},
        ]

    def test_order_and_omissions_do_not_matter(self, chip):
        chip.send(
            "get_properties", [property_of(1, 1), property_of(1, 2), property_of(1, 1), property_of(3, 3)]
        )
        chip.uart("get_down")
        assert chip.uart("result 1 2 0 2 1 1 1") == "ok\r"
        assert chip.reply()["result"] == [
            property_of(1, 1, code=1),
            property_of(1, 2, code=0, value=2),
            property_of(1, 1, code=1),
            property_of(3, 3, code=-4004),
        ]

    @pytest.mark.parametrize(
        ("profile", "reply", "told"),
        [("document", "error\r", {"code": -4004}), ("newer", "ok\r", {"code": 0, "value": 2})],
    )
    def test_what_was_not_asked_for(self, bench, profile, reply, told):
        chip = bench(profile=profile)
        chip.drain()
        chip.send("get_properties", [property_of(1, 2)])
        chip.uart("get_down")
        assert chip.uart("result 9 9 0 1 1 2 0 2") == reply
        assert chip.reply()["result"] == [property_of(1, 2) | told]

    @pytest.mark.parametrize(
        "answer",
        ["2 1", "2 1 0", "2 1 true", "2 1 5", "2 1 0 bare", "2 1 -4001 true", "2 1 0 5 7", "", '"ok"'],
    )
    def test_malformed_answer_to_a_get(self, chip, answer):
        chip.send("get_properties", [property_of(2, 1)])
        chip.uart("get_down")
        assert chip.uart(f"result {answer}") == "error\r"
        assert chip.reply()["result"][0]["code"] == -4004

    @pytest.mark.parametrize(
        ("profile", "reply", "told"),
        [
            ("document", "error\r", [{"code": -4004}, {"code": -4004}]),
            ("newer", "ok\r", [{"code": 0, "value": 2}, {"code": -4004}]),
        ],
    )
    # Codes left out, and a string of no length without its quotes: the next siid stands where the value belongs.
    @pytest.mark.parametrize("answer", ["2 5 0 2 2 60", "2 5 0 2 2 0 1", "2 5 0 2 2 0 60"])
    def test_an_id_is_no_value_where_something_is_missing(self, bench, profile, reply, told, answer):
        chip = bench(profile=profile)
        chip.drain()
        chip.send("get_properties", [property_of(2, 5), property_of(2, 2)])
        chip.uart("get_down")
        assert chip.uart(f"result {answer}") == reply
        asked = [property_of(2, 5), property_of(2, 2)]
        assert chip.reply()["result"] == [item | what for item, what in zip(asked, told, strict=True)]

    @pytest.mark.parametrize("answer", ["", "2 1", "2 1 0 7", "2 1 0 2 2", '"ok"', "2 1 true", "2 1 0.0"])
    def test_malformed_answer_to_a_set(self, chip, answer):
        chip.send("set_properties", [property_of(2, 1, value=1)])
        chip.uart("get_down")
        assert chip.uart(f"result {answer}") == "error\r"
        assert chip.reply()["result"] == [property_of(2, 1, code=-4004)]

    @pytest.mark.parametrize("method", ["get_properties", "set_properties"])
    def test_an_answer_to_something_else_is_refused_and_the_right_one_awaited(self, chip, method):
        chip.send(method, [property_of(2, 1, value=1)])
        chip.uart("get_down")
        assert chip.uart("result 3 1 -4001") == "error\r"
        assert chip.replies() == []
        assert chip.uart("result 2 1 -4002") == "ok\r"
        assert chip.reply()["result"] == [property_of(2, 1, code=-4002)]

    def test_mcu_error_reaches_the_caller(self, chip):
        chip.send("get_properties", [property_of(2, 1)])
        chip.uart("get_down")
        assert chip.uart('error "busy with \\"it\\"" -5010') == "ok\r"
        assert chip.reply()["error"] == {"code": -5010, "message": 'busy with "it"'}


class TestSplitting:
    def test_reads_go_out_sixteen_at_a_time(self, chip):
        asked = [property_of(2, piid) for piid in range(1, 34)]
        chip.send("get_properties", asked)
        for first, last in ((1, 16), (17, 32), (33, 33)):
            names = range(first, last + 1)
            assert chip.uart("get_down") == f"down get_properties {' '.join(f'2 {piid}' for piid in names)}\r"
            assert chip.replies() == []
            assert chip.uart("result " + " ".join(f"2 {piid} 0 {piid}" for piid in names)) == "ok\r"
        assert chip.reply()["result"] == [{**item, "code": 0, "value": item["piid"]} for item in asked]

    def test_writes_go_out_by_count_and_by_length(self, chip):
        asked = [property_of(2, piid, value="x" * 100) for piid in range(1, 7)]
        chip.send("set_properties", asked)
        lines = []
        while (line := chip.uart("get_down")) != "down none\r":
            lines.append(line)
            piids = line.split()[3::3]
            assert chip.uart("result " + " ".join(f"2 {piid} 0" for piid in piids)) == "ok\r"
        assert [len(line.split()) for line in lines] == [14, 8]
        assert all(len(line) <= 512 for line in lines)
        assert chip.reply()["result"] == [property_of(2, piid, code=0) for piid in range(1, 7)]
        chip.send("set_properties", [property_of(2, piid, value=1) for piid in range(22)])
        assert len(chip.uart("get_down").split()) == 2 + 63

    def test_other_requests_wait_until_all_parts_are_done(self, chip):
        chip.send("get_properties", [property_of(2, piid) for piid in range(17)])
        chip.send("other", peer=OTHER)
        chip.uart("get_down")
        chip.uart("result 2 0 -4001")
        assert chip.uart("get_down") == "down get_properties 2 16\r"
        chip.uart("result 2 16 -4001")
        assert chip.uart("get_down") == "down other\r"

    def test_a_part_that_is_not_answered_ends_the_request(self, chip):
        chip.send("get_properties", [property_of(2, piid) for piid in range(17)])
        chip.uart("get_down")
        chip.uart("result 2 0 -4001")
        chip.wait(4)
        assert chip.reply()["error"]["code"] == -9999
        assert chip.uart("get_down") == "down none\r"

    def test_one_value_longer_than_a_line_is_refused(self, chip):
        fits = 511 - len('down set_properties 2 1 ""')
        assert chip.call("set_properties", [property_of(2, 1, value="x" * (fits + 1))]) == -32605
        chip.send("set_properties", [property_of(2, 1, value="x" * fits)])
        assert len(chip.uart("get_down")) == 512


class TestAction:
    def ask(self, chip, arguments, **more):
        return chip.send("action", {"did": "x", "siid": 3, "aiid": 1, "in": arguments, **more})

    def test_positional_arguments_count_from_one(self, chip):
        self.ask(chip, [True, "a b"])
        assert chip.uart("get_down") == 'down action 3 1 1 true 2 "a b"\r'

    def test_positional_arguments_follow_the_description(self, bench):
        chip = bench(inputs=lambda siid, aiid: {(3, 1): [4, 7]}.get((siid, aiid)))
        chip.drain()
        self.ask(chip, [5, 6])
        assert chip.uart("get_down") == "down action 3 1 4 5 7 6\r"
        assert chip.call("action", {"siid": 3, "aiid": 1, "in": [1, 2, 3]}) == -32602

    @pytest.mark.parametrize(
        "params",
        [
            [],
            None,
            {"siid": 1},
            {"siid": 1, "aiid": 1, "in": 5},
            {"siid": 1, "aiid": 1, "in": [None]},
            {"siid": 1, "aiid": 1, "in": [{"value": 1}]},
        ],
    )
    def test_bad_parameters(self, chip, params):
        assert chip.call("action", params) == -32602

    def test_too_many_arguments(self, chip):
        assert chip.call("action", {"siid": 1, "aiid": 1, "in": list(range(32))}) == -32605
        assert chip.call("action", {"siid": 1, "aiid": 1, "in": ["x" * 500]}) == -32605
        chip.send("action", {"siid": 1, "aiid": 1, "in": list(range(31))})
        assert len(chip.uart("get_down").split()) == 2 + 64

    def test_missing_arguments_and_did(self, chip):
        chip.send("action", {"siid": 3, "aiid": 1})
        assert chip.uart("get_down") == "down action 3 1\r"
        assert chip.uart("result 3 1 0") == "ok\r"
        assert chip.reply()["result"] == {"siid": 3, "aiid": 1, "code": 0, "out": []}

    def test_refusal_has_no_out(self, chip):
        self.ask(chip, [])
        chip.uart("get_down")
        assert chip.uart("result 3 1 -4006 1 5") == "ok\r"
        assert chip.reply()["result"] == {"did": "x", "siid": 3, "aiid": 1, "code": -4006}

    @pytest.mark.parametrize(
        "answer", ["", "3", "3 1", "3 1 0 5", "3 1 ok", "3 1 0 a 5", "3 1 0 5 bare", '"ok"']
    )
    def test_malformed_answer(self, chip, answer):
        self.ask(chip, [])
        chip.uart("get_down")
        assert chip.uart(f"result {answer}") == "error\r"
        assert chip.reply()["error"] == {"code": -9998, "message": "user ack invalid"}

    def test_an_answer_to_another_action(self, chip):
        self.ask(chip, [])
        chip.uart("get_down")
        assert chip.uart("result 3 2 0") == "error\r"
        assert chip.uart("result 3 1 0") == "ok\r"
        assert chip.reply()["result"]["code"] == 0


class TestLegacy:
    @pytest.mark.parametrize(
        ("params", "text"),
        [
            ([], ""),
            (None, ""),
            (["on", 5, True, 0.5], ' "on" 5 true 0.5'),
            (["a b"], ' "a b"'),
            ([[1, "a b"], {"k": None}], r' [1,"a\u0020b"] {"k":null}'),
            ({"k": "a b"}, r' {"k":"a\u0020b"}'),
            ("on", ' "on"'),
        ],
    )
    def test_parameters(self, chip, params, text):
        chip.send("set_power", params)
        assert chip.uart("get_down") == f"down set_power{text}\r"

    def test_answer_is_a_list(self, chip):
        chip.send("get_prop", ["power"])
        chip.uart("get_down")
        assert chip.uart('result "on" 5 true [1,{"a":2}] "0,5"') == "ok\r"
        assert chip.reply()["result"] == ["on", 5, True, [1, {"a": 2}], "0,5"]

    @pytest.mark.parametrize("answer", ["", " ok", ' "a" b', " {", " 1" * 65])
    def test_malformed_answer(self, chip, answer):
        chip.send("get_prop", ["power"])
        chip.uart("get_down")
        assert chip.uart(f"result{answer}") == "error\r"
        assert chip.reply()["error"]["code"] == -9998

    @pytest.mark.parametrize(
        "method",
        [
            "none",
            "update_fw",
            "MIIO_net_change",
            "a b",
            "a\rb",
            "",
            "é",
            "-x",
            "x" * 65,
            "miIO.unheard",
            "miIO.xset",
        ],
    )
    def test_methods_that_never_reach_the_mcu(self, chip, method):
        assert chip.call(method) == -32601
        assert chip.uart("get_down") == "down none\r"

    def test_too_long(self, chip):
        assert chip.call("set_name", ["x" * 500]) == -32605
        assert chip.call("set_list", [0] * 65) == -32605

    def test_nested_lists(self, chip):
        chip.send("set_x", [[[[1]]]])
        assert chip.uart("get_down") == "down set_x [[[1]]]\r"


class TestTimes:
    def test_mcu_that_does_not_answer(self, chip):
        chip.send("slow")
        chip.wait(0.2)
        chip.uart("get_down")
        chip.wait(3.99)
        assert chip.replies() == []
        assert chip.uart("get_down") == "error\r"
        chip.wait(0.01)
        reply = chip.reply()
        assert reply["error"] == {"code": -9999, "message": "user ack timeout"}
        assert reply["exe_time"] == 4200
        assert chip.uart('result "late"') == "error\r"
        assert chip.uart("get_down") == "down none\r"

    def test_the_answer_may_take_just_under_four_seconds(self, chip):
        chip.send("slow")
        chip.wait(3)
        chip.uart("get_down")
        chip.wait(3.9)
        assert chip.uart('result "done"') == "ok\r"
        assert chip.reply()["result"] == ["done"]

    def test_mcu_that_does_not_poll(self, chip):
        chip.send("slow")
        chip.send("slow")
        chip.wait(4)
        assert [reply["error"]["code"] for reply in chip.replies()] == [-9999, -9999]
        assert chip.module.deadline is None

    def test_timeout_is_found_without_a_tick(self, chip):
        chip.send("slow")
        chip.uart("get_down")
        chip.now += 10
        assert chip.uart('result "late"') == "error\r"
        assert chip.reply()["error"]["code"] == -9999

    def test_other_commands_are_served_while_an_answer_is_outstanding(self, chip):
        chip.send("slow")
        chip.uart("get_down")
        assert chip.uart("properties_changed 1 1 5") == "ok\r"
        assert chip.uart("net") == "cloud\r"
        assert chip.uart('result "ok"') == "ok\r"
        assert chip.reply()["result"] == ["ok"]


class TestSeveralCallers:
    def test_each_gets_its_own_answer(self, chip):
        first = chip.send("one")
        second = chip.send("two", peer=OTHER)
        assert chip.uart("get_down") == "down one\r"
        assert chip.call("miIO.info")["model"] == "xiaomi.dev.v1"
        assert chip.uart("result 1") == "ok\r"
        assert chip.reply() == {"id": first, "result": [1], "exe_time": 0}
        assert chip.uart("get_down") == "down two\r"
        chip.uart("result 2")
        (_data, to), *_ = chip.module.take_lan()
        assert to == OTHER
        assert second == first + 1

    @pytest.mark.parametrize("fetched", [True, False])
    def test_one_in_work_and_six_waiting(self, chip, fetched):
        for number in range(7):
            chip.send(f"m{number}")
            if fetched and number == 0:
                chip.uart("get_down")
        assert chip.replies() == []
        assert chip.call("m7") == -30012
        if not fetched:
            chip.uart("get_down")
        chip.uart("result 0")
        assert chip.reply()["result"] == [0]
        for number in range(1, 7):
            assert chip.uart("get_down") == f"down m{number}\r"
            chip.uart("result 1")


class TestHandOut:
    def test_anything_and_its_outcome(self, chip):
        outcomes = []
        assert chip.module.hand_out("get_properties 1", chip.now, lambda got, at: outcomes.append((got, at)))
        assert chip.uart("get_down") == "down get_properties 1\r"
        assert chip.uart('error "params" -5005') == "ok\r"
        ((got, at),) = outcomes
        assert (got.error, at) == ((-5005, "params"), chip.now)

    def test_full_queue_and_bad_lines(self, chip):
        for _ in range(7):
            assert chip.module.hand_out("x", chip.now, print)
        assert not chip.module.hand_out("x", chip.now, print)
        for text in ("a\rb", "x" * 507, "é"):
            with pytest.raises(LineError):
                chip.module.hand_out(text, chip.now, print)
            with pytest.raises(LineError):
                chip.module.notify(text)

    def test_notices_are_bounded(self, chip):
        for number in range(20):
            chip.module.notify(f"notice {number}")
        assert chip.drain() == [f"notice {number}" for number in range(4, 20)]


def test_constructor_refuses_nonsense():
    with pytest.raises(InvalidTokenException):
        Module(device_id=1, token="short")
    with pytest.raises(DeviceException, match="MAC"):
        Module(device_id=1, token=bytes(16), mac="12:34")
    with pytest.raises(UnsupportedFeatureException, match="document, older, newer"):
        Module(device_id=1, token=bytes(16), profile="newest")


def test_token_may_be_hexadecimal_and_is_never_shown(bench):
    module = Module(device_id=1, token="00112233445566778899aabbccddeeff")
    assert "0011" not in repr(module)
    assert "token" not in bench().call("miIO.info")


def test_silent_before_it_is_switched_on(bench):
    module = Module(device_id=1, token=bytes(16))
    module.receive_uart(b"net\r", 0.0)
    module.receive_lan(b"x", OTHER, 0.0)
    assert (module.take_uart(), module.take_lan(), module.deadline, module.listening) == (
        b"",
        [],
        None,
        False,
    )
