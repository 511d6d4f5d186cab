from __future__ import annotations

import json

import pytest
from support.fake_device import TOKEN, FakeDevice

from miio_lan.click_common.output import plain, with_mended
from miio_lan.lan.responder.responder import Request, ResponderOptions


class TestGet:
    @pytest.mark.parametrize("words", [["2", "1"], ["2.1"], ["2:1"], ["light:on", "--spec", "lamp"]])
    def test_one_property(self, ask, words):
        ended = ask("get", *words)
        assert (ended.code, ended.out, ended.err) == (0, "true\n", "")

    def test_one_property_as_json(self, ask):
        assert ask("--json", "get", "2.1").json == [{"siid": 2, "piid": 1, "code": 0, "value": True}]

    def test_several(self, ask):
        assert ask("get", "2.1", "2.2", "3.1").out == "2.1: true\n2.2: 60\n3.1: 312.5\n"
        assert [each["value"] for each in ask("get", "2.1", "2.2", "--json").json] == [True, 60]

    def test_with_a_description_units_and_meanings_are_shown(self, ask):
        ended = ask("get", "light:mode", "light:brightness", "--spec", "lamp")
        assert ended.out == "light:mode: 0 (White)\nlight:brightness: 60 percentage\n"
        named = ask("get", "light:mode", "light:brightness", "--spec", "lamp", "--json").json
        assert [each["name"] for each in named] == ["light:mode", "light:brightness"]

    def test_all_readable_properties_of_a_description(self, ask, product):
        found = ask("get", "--spec", "lamp", "--json").json
        assert len(found) == len(list(product.spec.readable()))
        assert all(each["code"] == 0 for each in found)

    def test_a_refused_one(self, ask):
        ended = ask("get", "2.99")
        assert (ended.code, ended.out) == (1, "")
        assert "-4003" in ended.err
        assert ask("get", "2.99", "--json").json["error"]["code"] == -4003

    def test_a_value_that_is_none(self, ask, monkeypatch):
        found = {"siid": 2, "piid": 1, "code": 0, "value": None}
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: [found])
        assert ask("get", "2.1").out == "null\n"

    def test_a_value_that_is_left_out(self, ask, monkeypatch):
        found = [{"siid": 2, "piid": 1, "code": 0}, {"siid": 2, "piid": 2, "code": 0, "value": 5}]
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: found)
        assert ask("get", "2.1").out == "no value\n"
        assert ask("get", "2.1", "2.2").out == "2.1: no value\n2.2: 5\n"

    def test_the_same_one_twice_keeps_the_order_of_the_answers(self, ask, monkeypatch):
        found = [{"siid": 2, "piid": piid, "code": 0, "value": n} for n, piid in enumerate([1, 2, 1])]
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_, **__: found)
        assert ask("get", "2.1", "2.2", "2.1").out == "2.1: 0\n2.2: 1\n2.1: 2\n"

    @pytest.mark.parametrize("words", [("get", "3", "1"), ("get", "3.1")])
    def test_a_property_that_is_left_out(self, ask, monkeypatch, words):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: [])
        ended = ask(*words)
        assert (ended.code, ended.out) == (1, "")
        assert "the device left property 3.1 out of its answer" in ended.err
        assert "refused" not in ended.err
        assert "None" not in ended.err

    def test_some_refused(self, ask):
        ended = ask("get", "2.1", "2.99")
        assert ended.code == 1
        assert "2.1: true\n" in ended.out
        assert "2.99: refused" in ended.out
        assert "-4003" in ended.err
        as_json = ask("get", "2.1", "2.99", "--json")
        assert (as_json.code, as_json.err) == (1, "")
        assert as_json.json["error"]["code"] == -4003
        assert [each["code"] for each in as_json.json["results"]] == [0, -4003]

    def test_some_not_answered(self, ask, product, monkeypatch):
        monkeypatch.setattr(
            "miio_lan.device.miot.MiotDevice.get_properties",
            lambda self, wanted: [{"siid": 2, "piid": 2, "code": 0, "value": 5}],
        )
        ended = ask("get", "2.1", "2.2")
        assert ended.code == 1
        assert ended.out == "2.1: left out of the answer\n2.2: 5\n"
        as_json = ask("get", "2.1", "2.2", "--json").json
        assert as_json["results"][0]["message"] == "left out of the answer"

    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            (["2"], "SIID.PIID"),
            (["2", "1", "3"], "SIID.PIID"),
            (["light:onn"], "did you mean light:on"),
            (["0.1"], "count from 1"),
            (["light:onn", "--spec", "lamp"], "did you mean light:on"),
            (["2.1", "--spec", "no-such"], "lamp"),
            (["2.1", "--spec", "no-such.json"], "cannot be read"),
        ],
    )
    def test_wrong_use(self, ask, words, hint):
        ended = ask("get", *words)
        assert (ended.code, ended.out) == (2, "")
        assert hint in ended.err

    def test_a_description_from_a_file(self, ask, tmp_path):
        file = tmp_path / "lamp.toml"
        file.write_text(
            'model = "a.b.c"\n[[service]]\nsiid = 2\nname = "light"\n'
            '[[service.property]]\npiid = 1\nname = "on"\nformat = "bool"\naccess = ["read"]\n'
        )
        ended = ask("get", "on", "--spec", str(file))
        assert (ended.out, ended.err) == ("true\n", "")
        refused = ask("set", "on", "off", "--spec", str(file))
        assert refused.code == 2
        assert "not writable" in refused.err


class TestSet:
    @pytest.mark.parametrize(
        "words", [["2", "2", "33"], ["2.2", "33"], ["2.2=33"], ["light:brightness", "33", "--spec", "lamp"]]
    )
    def test_one(self, ask, product, words):
        ended = ask("set", *words)
        assert (ended.code, ended.out, ended.err) == (0, "ok\n", "")
        assert product.call(lambda now: product.mcu.values[2, 2]) == 33

    def test_values_keep_their_types(self, ask, product):
        assert ask("set", "2", "11", '"33"').code == 0
        assert product.call(lambda now: product.mcu.values[2, 11]) == "33"
        assert ask("set", "2.1", "False").code == 0
        assert product.call(lambda now: product.mcu.values[2, 1]) is False

    def test_several_at_once(self, ask, product):
        ended = ask("set", "2.1=false", "2.2=7", "--json")
        assert ended.json == [{"siid": 2, "piid": 1, "code": 0}, {"siid": 2, "piid": 2, "code": 0}]
        assert product.call(lambda now: (product.mcu.values[2, 1], product.mcu.values[2, 2])) == (False, 7)
        assert ask("set", "2.1=true", "2.2=8").out == "2.1: ok\n2.2: ok\n"

    def test_a_description_reads_plain_words(self, ask, product):
        words = ["light:on=off", "light:mode=Night", "light:name=33", "--spec", "lamp"]
        assert ask("set", *words).code == 0
        values = product.call(lambda now: [product.mcu.values[2, piid] for piid in (1, 5, 11)])
        assert values == [False, 3, "33"]

    def test_a_description_refuses_before_anything_is_sent(self, run):
        ended = run(
            "set",
            "light:brightness",
            "101",
            "--spec",
            "lamp",
            "--ip",
            "192.0.2.1",
            "--token",
            "0" * 32,
            "--json",
        )
        assert ended.code == 2
        assert ended.json["error"]["type"] == "SpecError"
        assert "1..100" in ended.json["error"]["message"]

    @pytest.mark.parametrize(
        ("words", "limits", "way"),
        [
            (["set", "light:brightness", "500"], "1..100", "set 2.2 500"),
            (["set", "light:brightness=500"], "1..100", "set 2.2 500"),
            (["set", "light:brightness", "[1]"], "1..100", "set 2.2 '[1]'"),
            (["set", "light:name", "x" * 31], "max-length", f"""set 2.11 '"{"x" * 31}"'"""),
            (["set", "light:brightness", "on"], "1..100", "set 2.2 'true'"),
            (["action", "light:change-brightness", "101"], "-100..100", "action 2.2 101"),
        ],
    )
    def test_a_refusal_says_how_to_send_it_all_the_same(self, ask, words, limits, way):
        ended = ask(*words, "--spec", "lamp")
        assert ended.code == 2
        assert limits in ended.err
        assert "published as " in ended.err
        assert ended.err.endswith(f"use numbers without --spec: {way}\n")

    def test_without_a_description_the_product_refuses(self, ask):
        ended = ask("set", "2.2", "101")
        assert (ended.code, ended.out) == (1, "")
        assert "-4005" in ended.err
        some = ask("set", "2.2=101", "2.1=true", "--json")
        assert some.code == 1
        assert [each["code"] for each in some.json["results"]] == [-4005, 0]

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("héé", """a text is written '"héé"'. With the product's description (--spec), values are"""),
            ("living room", """a text is written '"living room"'"""),
            ("it's", """a text is written '"it'"'"'s"'"""),
            ('"Desk', """a text is written '"Desk"'"""),
            ("http://x/y", """a text is written '"http://x/y"'"""),
            ("off", """: false is for a switch; a text is written '"off"'"""),
            ("On", """: true is for a switch; a text is written '"On"'"""),
            ("[1", "neither JSON (Expecting"),
        ],
    )
    def test_a_text_without_its_quotes(self, ask, text, hint):
        ended = ask("set", "2.11", text)
        assert (ended.code, ended.out) == (2, "")
        assert hint in ended.err
        assert hint in ask("action", "2.2", text).err

    def test_negative_numbers(self, ask):
        assert "-4005" in ask("set", "2.2", "-5").err

    def test_no_answer_for_the_property(self, ask, monkeypatch):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, method, values: [])
        ended = ask("set", "2.2", "5")
        assert ended.code == 1
        assert (
            "the device left property 2.2 out of its answer: The command may have been executed" in ended.err
        )

    @pytest.mark.parametrize("answer", [["ok"], "ok", "OK", 0, [0], {"code": 0}, [{"code": 0}]])
    @pytest.mark.parametrize("words", [("2.2", "5"), ("2.2=5", "2.1=true")])
    def test_every_way_to_say_yes(self, ask, monkeypatch, answer, words):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: answer)
        ended = ask("set", *words)
        assert (ended.code, ended.err) == (0, "")
        assert "ok" in ended.out

    @pytest.mark.parametrize("answer", [{"code": -4004}, -4004, [-4004], [{"code": -4004}]])
    def test_every_way_to_say_no(self, ask, monkeypatch, answer):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: answer)
        ended = ask("set", "2.2", "5")
        assert (ended.code, ended.out) == (1, "")
        assert "-4004" in ended.err

    def test_accepted_but_not_done(self, ask, monkeypatch):
        accepted = {"siid": 2, "piid": 2, "code": 1}
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, method, values: [accepted])
        ended = ask("set", "2.2", "5")
        assert (ended.code, ended.out, ended.err) == (0, "code 1, accepted, not finished yet\n", "")

    @pytest.mark.parametrize(
        "words", [["2.2"], ["2", "2"], ["2.2", "on", "3.3"], ["2.2=", "2.3=1"], ["=5"], ["2.2", "Desk"]]
    )
    def test_wrong_use(self, ask, words):
        ended = ask("set", *words)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err


class TestQuotesOfWhatIsNoText:
    """What a product refuses because quotes made a text of it: the error names them."""

    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            (
                ["set", "2.1", '"true"'],
                '"true" was sent as a text, because of its quotes; without them it is true or',
            ),
            (
                ["set", "2.1", "'False'"],
                '"False" was sent as a text, because of its quotes; without them it is true',
            ),
            (
                ["set", "2.2", '"50"'],
                '"50" was sent as a text, because of its quotes; without them it is a number',
            ),
            (["set", "2.2=5", '2.1="true"'], '"true" was sent as a text'),
            (["action", "2.2", '"5"'], '"5" was sent as a text'),
        ],
    )
    def test_they_are_named(self, ask, words, hint):
        ended = ask(*words)
        assert ended.code == 1
        assert hint in ended.err
        document = ask("--json", *words).json
        assert hint in document["error"]["message"]
        assert document["error"]["code"] in (-4005, -4006)

    def test_not_where_a_description_says_that_it_is_a_text(self, ask, monkeypatch):
        refused = {"siid": 2, "piid": 11, "code": -4005}
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, method, values: [refused])
        for words in (["light:name", "50"], ["light:name=50", "light:on=true"]):
            ended = ask("set", "--spec", "lamp", *words)
            assert "-4005" in ended.err
            assert "quotes" not in ended.err
        assert "because of its quotes" in ask("set", "2.11", '"50"').err

    @pytest.mark.parametrize(
        "words", [["set", "2.1", '"on"'], ["set", "2.2", "500"], ["set", "2.99", '"true"'], ["get", "2.99"]]
    )
    def test_not_where_it_is_something_else(self, ask, words):
        ended = ask(*words)
        assert ended.code == 1
        assert "quotes" not in ended.err


class TestAction:
    @pytest.mark.parametrize("words", [["2.1"], ["2", "1"], ["light:toggle", "--spec", "lamp"]])
    def test_without_arguments(self, ask, product, words):
        ended = ask("action", *words)
        assert (ended.code, ended.out) == (0, "ok\n")
        assert product.call(lambda now: product.mcu.values[2, 1]) is False

    @pytest.mark.parametrize(
        "words",
        [
            ["2.2", "-20"],
            ["2", "2", "-20"],
            ["2.2", "[-20]"],
            ["light:change-brightness", "--spec", "lamp", "-20"],
        ],
    )
    def test_with_arguments(self, ask, words):
        assert json.loads(ask("action", *words).out)[0]["value"] == 40

    def test_as_json(self, ask):
        answer = ask("action", "2.1", "--json").json
        assert (answer["siid"], answer["aiid"], answer["code"]) == (2, 1, 0)

    @pytest.mark.parametrize(
        ("answer", "shown"), [(None, "null"), ([], "[]"), ({}, "{}"), ([None], "[null]")]
    )
    def test_one_whose_answer_says_nothing_is_not_told_as_done(self, ask, monkeypatch, answer, shown):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: answer)
        ended = ask("action", "2.1")
        assert (ended.code, ended.out) == (0, f"the answer does not say how it went: {shown}\n")

    @pytest.mark.parametrize(("answer", "shown"), [("ok", "ok"), (["ok"], '["ok"]'), ({"code": 0}, "ok")])
    def test_one_that_is_done(self, ask, monkeypatch, answer, shown):
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: answer)
        assert ask("action", "2.1").out == f"{shown}\n"

    def test_a_refused_one(self, ask):
        ended = ask("action", "2.9")
        assert ended.code == 1
        assert "-4003" in ended.err
        assert ask("action", "2.9", "--json").json["error"]["code"] == -4003

    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            (["light:change-brightness", "--spec", "lamp"], "takes 1 arguments (brightness-change), not 0"),
            (["light:toggle", "1", "--spec", "lamp"], "takes 0 arguments (none), not 1"),
            (["light:change-brightness", "101", "--spec", "lamp"], "-100..100"),
            (["toggel"], "did you mean toggle"),
            (["2.2", "x"], "neither JSON"),
        ],
    )
    def test_wrong_use(self, ask, words, hint):
        ended = ask("action", *words)
        assert (ended.code, ended.out) == (2, "")
        assert hint in ended.err

    def test_an_answer_that_is_no_object_is_shown(self, ask, monkeypatch):
        monkeypatch.setattr(
            "miio_lan.device.miot.MiotDevice.call_action_by", lambda self, siid, aiid, values: ["ok"]
        )
        assert ask("action", "2.1").out == '["ok"]\n'


class TestUnicode:
    def test_it_is_shown_as_it_is(self, ask):
        assert ask("set", "2", "11", '"灯 Lämpchen"').code == 0
        assert ask("get", "2", "11").out == "灯 Lämpchen\n"
        assert ask("get", "2", "11", "--json").json[0]["value"] == "灯 Lämpchen"
        assert "灯" in ask("get", "2", "11", "--json").out

    def test_what_steers_a_terminal_is_shown_escaped(self, ask, product):
        product.call(lambda now: product.mcu.put(2, 11, "\x1b[2Jx"))
        assert ask("get", "2", "11").out == "\\x1b[2Jx\n"
        assert ask("get", "2", "11", "--json").json[0]["value"] == "\x1b[2Jx"

    def test_lone_surrogates(self, ask, monkeypatch):
        found = {"siid": 2, "piid": 11, "code": 0, "value": "a\ud800"}
        monkeypatch.setattr("miio_lan.device.miot.MiotDevice.send", lambda self, *_: [found])
        assert ask("get", "2", "11").out == "a\\ud800\n"
        assert ask("get", "2", "11", "--json").json[0]["value"] == "a\ud800"

    def test_what_json_does_not_have_is_written_all_the_same(self):
        odd = {"a": float("nan"), 1: (2, {3}), "b": b"\x01", "huge": 1 << 20_000}
        assert plain(odd) == {"a": "nan", "1": [2, [3]], "b": "01", "huge": hex(1 << 20_000)}


class TestMending:
    """What was mended in a reply is said: to people by a warning, and in the JSON document."""

    KIND = "leading zeros of a number were dropped"

    @pytest.fixture
    def ask_damaged(self, run):
        def answer(device: FakeDevice, request: Request) -> None:
            items = (
                [{**each, "code": 0, "value": 5} for each in request.params]
                if isinstance(request.params, list) and request.params
                else {"model": "a.b.c"}
            )
            refused = {"error": (-5001, "no")} if request.method == "toggle" else {"result": items}
            if request.method in {"set_properties", "action"}:
                refused = {"result": [{"siid": 2, "piid": 1, "aiid": 1, "code": -4005}]}
            device.reply(request, **refused)

        with FakeDevice(answer, options=ResponderOptions(damage=("leading zeros",))) as device:
            yield lambda *words: run(
                *words, "--ip", "127.0.0.1", "--port", str(device.port), "--token", TOKEN
            )

    def test_people_are_warned(self, ask_damaged):
        ended = ask_damaged("get", "2.1")
        assert (ended.code, ended.out) == (0, "5\n")
        assert "Warning: 127.0.0.1:" in ended.err
        assert f"mended: {self.KIND}" in ended.err
        assert f"mended: {self.KIND}" in ask_damaged("-v", "get", "2.1").err

    def test_entries_have_it(self, ask_damaged):
        for words in (["2.1"], ["2.1", "2.2"]):
            found = ask_damaged("--json", "get", *words).json
            assert [each["mended"] for each in found] == [[self.KIND]] * len(words)
            assert [each["value"] for each in found] == [5] * len(words)

    def test_objects_have_it_and_other_results_are_put_into_one(self, ask_damaged):
        assert ask_damaged("--json", "info").json == {"model": "a.b.c", "mended": [self.KIND]}
        told = ask_damaged("--json", "raw-command", "get_x", "[{}]").json
        assert told == [{"code": 0, "value": 5, "mended": [self.KIND]}]
        assert ask_damaged("--json", "raw-command", "toggle").json["error"]["mended"] == [self.KIND]
        # Refused within the device's answer, and found out when the device is closed already.
        for words in (["set", "2.1", "5"], ["action", "2.1"]):
            assert ask_damaged("--json", *words).json["error"]["mended"] == [self.KIND]
        assert with_mended(["on"], ("x",)) == {"result": ["on"], "mended": ["x"]}
        assert with_mended(["on"], ()) == ["on"]
