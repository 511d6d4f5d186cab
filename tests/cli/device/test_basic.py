from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_device import FakeDevice

from miio_lan import _version
from miio_lan.click_common.types import read_literal, suggestion
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
PROPERTY = '[{"did": "x", "siid": 2, "piid": 1}]'
ANSWER = [{"did": "x", "siid": 2, "piid": 1, "code": 0, "value": True}]


class TestInfo:
    def test_it_is_shown_for_people(self, ask, product):
        ended = ask("info")
        assert ended.code == 0
        assert f"Model:                {product.mcu.model}\n" in ended.out
        assert "MCU firmware version: 0001\n" in ended.out
        assert ended.err == ""

    def test_it_is_shown_as_json(self, ask, product):
        ended = ask("--json", "info")
        assert (ended.code, ended.err) == (0, "")
        assert ended.json["model"] == product.mcu.model
        assert ended.json["netif"]["localIp"] == product.host

    def test_options_are_taken_before_and_after_the_command(self, run, product):
        options = ["--ip", product.host, "--token", product.token, "--port", str(product.port), "--json"]
        before, after = run(*options, "info"), run("info", *options)
        mixed = run(*options[:2], "info", *options[2:])
        assert {each.json["model"] for each in (before, after, mixed)} == {product.mcu.model}

    def test_the_option_after_the_command_wins(self, ask):
        assert ask("--token", "bad", "info", "--token", "worse").code == 2
        assert ask("--token", "bad", "info").code == 2

    def test_options_win_over_variables(self, ask, product):
        assert ask("info", "--token", "f" * 32, "--timeout", "0.05", "--retries", "0").code == 1
        assert ask("info", "--host", product.host).code == 0

    def test_verbose_logs_to_stderr_without_secrets(self, ask, product):
        ended = ask("info", "-v")
        assert ended.code == 0
        assert "miIO.info" in ended.err
        assert product.token not in ended.err + ended.out
        assert product.mcu.model in ended.out
        assert ask("-v", "--json", "info").json["model"] == product.mcu.model
        kinds = [type(handler) for handler in logging.getLogger("miio_lan").handlers]
        assert logging.StreamHandler not in kinds

    def test_a_device_that_tells_nothing_of_itself(self, run):
        with FakeDevice(lambda device, request: device.reply(request, result={})) as device:
            words = ["--ip", "127.0.0.1", "--port", str(device.port), "--token", TOKEN, "info"]
            ended = run(*words)
            assert (ended.code, ended.out) == (0, "The device tells nothing of itself.\n")
            assert run("--json", *words).json == {}


class TestRawCommand:
    @pytest.mark.parametrize("spelling", ["raw-command", "raw_command"])
    def test_both_spellings(self, ask, spelling):
        assert ask("--json", spelling, "get_properties", PROPERTY).json == ANSWER

    def test_for_people_the_result_is_json_too(self, ask):
        assert json.loads(ask("raw-command", "get_properties", PROPERTY).out) == ANSWER

    def test_a_python_literal_will_do(self, ask):
        literal = "[{'did': 'x', 'siid': 2, 'piid': 1}]"
        assert ask("--json", "raw-command", "get_properties", literal).json == ANSWER

    def test_parameters_from_stdin(self, ask):
        assert ask("--json", "raw-command", "get_properties", "-", stdin=PROPERTY + "\n").json == ANSWER

    def test_parameters_from_a_file(self, ask, tmp_path):
        file = tmp_path / "params.json"
        file.write_text(PROPERTY, encoding="utf-8")
        assert ask("--json", "raw-command", "get_properties", f"@{file}").json == ANSWER
        missing = ask("raw-command", "get_properties", f"@{tmp_path / 'none'}")
        assert missing.code == 2
        assert "cannot be read" in missing.err

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"[" * (1 << 21), "holds more than 1 MiB"),
            (b'["\xff"]', "can't decode byte 0xff"),
            (b"", "neither JSON"),
        ],
    )
    def test_what_is_no_parameters_is_refused_wherever_it_comes_from(self, run, tmp_path, content, words):
        file = tmp_path / "params.json"
        file.write_bytes(content)
        for ended in (run("raw-command", "x", f"@{file}"), run("raw-command", "x", "-", stdin=content)):
            assert (ended.code, ended.out) == (2, "")
            assert words in ended.err

    def test_parameters_without_an_end_are_not_read_to_it(self, run):
        if not Path("/dev/zero").exists():
            pytest.skip("no device without an end")
        assert "/dev/zero holds more than" in run("raw-command", "x", "@/dev/zero").err

    def test_a_file_that_cannot_be_read_is_named_once(self, run, tmp_path):
        assert f"{tmp_path} cannot be read: Is a directory" in " ".join(
            run("raw-command", "x", f"@{tmp_path}").err.split()
        )
        assert "a file without a name cannot be read" in run("raw-command", "x", "@").err

    def test_json_that_a_shell_cut_at_its_spaces_is_put_together(self, ask):
        assert ask("--json", "raw-command", "get_properties", *PROPERTY.split(" ")).json == ANSWER

    def test_without_parameters_a_list_is_sent(self, ask):
        assert ask("--json", "raw-command", "miIO.get_ota_state").json == ["idle"]
        assert ask("raw-command", "miIO.get_ota_state").out == '["idle"]\n'

    def test_a_refusal_ends_with_1(self, ask):
        ended = ask("raw-command", "no_such_method")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("Error: no_such_method was refused by the device (code -5000")
        assert "Traceback" not in ended.err

    def test_a_refusal_as_json(self, ask):
        ended = ask("raw-command", "no_such_method", "--json")
        assert (ended.code, ended.err) == (1, "")
        error = ended.json["error"]
        assert (error["type"], error["code"], error["method"]) == ("DeviceError", -5000, "no_such_method")
        assert error["message"]
        assert error["id"] > 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (['get_prop["power"]'], ["not a method name", """raw-command get_prop '["power"]'"""]),
            (["get_prop[power,bright]"], ["""'["power","bright"]'"""]),
            (["get_prop", "[power]"], ["neither JSON (Expecting value at column 2) nor", """'["power"]'"""]),
            (["get_prop", "[power,", "bright]"], ["""'["power", "bright"]'"""]),
            (["get_prop", "power", "bright"], ["2 parameters", """'["power", "bright"]'"""]),
            (["get_prop", "{1, 2}"], ["no JSON form"]),
            (["get_prop", "[NaN]"], ["""'["NaN"]'"""]),
            (["get_prop", "1e999"], ["not JSON compliant"]),
            ([""], ["it is empty"]),
            (["["], ["not a method name"]),
        ],
    )
    def test_what_cannot_be_sent_is_explained(self, ask, arguments, words):
        ended = ask("raw-command", *arguments)
        assert (ended.code, ended.out) == (2, "")
        for word in words:
            assert word in ended.err
        as_json = ask("raw-command", *arguments, "--json")
        assert (as_json.code, as_json.err) == (2, "")
        assert as_json.json["error"]["type"] == "UsageError"

    def test_negative_numbers_are_no_options_but_typos_are(self, ask):
        assert ask("raw-command", "no_such_method", "-5").code == 1
        ended = ask("raw-command", "miIO.info", "--jsn")
        assert ended.code == 2
        assert "--jsn" in ended.err
        assert "--json" in ended.err
        assert ask("raw-command", "no_such_method", "--", "--x").code == 2

    @given(st.text(max_size=30))
    def test_any_text_is_read_or_explained(self, text):
        try:
            read_literal(text)
        except ValueError as error:
            assert "neither JSON" in str(error)
        json.loads(suggestion(text))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        ).filter(lambda value: float("inf") not in _leaves(value) and float("-inf") not in _leaves(value))
    )
    def test_json_and_literals_are_read_as_they_are(self, value):
        assert read_literal(json.dumps(value)) == value
        if not isinstance(value, str):
            assert read_literal(repr(value)) == value

    @pytest.mark.parametrize(
        ("typed", "json_of_it"),
        [
            ("[power]", '["power"]'),
            ("{siid:2,piid:1}", '{"siid":2,"piid":1}'),
            ("['a', True, null, -1.5]", '["a", true, null, -1.5]'),
            ("power", '"power"'),
            ('["it\'s"', '["power"]'),
        ],
    )
    def test_suggestions(self, typed, json_of_it):
        assert suggestion(typed) == json_of_it


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


class TestTestProperties:
    @pytest.fixture
    def legacy(self, product):
        def get_prop(mcu, words):
            known = {'"power"': "on", '"bright"': 50}
            values = [known.get(word) for word in words]
            return None if None in values else values

        product.call(lambda now: product.mcu.methods.update(get_prop=get_prop))
        return product

    def test_what_is_known_is_listed(self, legacy, ask):
        ended = ask("test-properties", "power", "nope", "bright")
        assert ended.code == 0
        assert "power:  on\n" in ended.out
        assert "nope:   refused (" in ended.out
        assert "bright: 50\n" in ended.out
        assert "2 of 3 answered; 2 fit into one request" in ended.out

    def test_as_json(self, legacy, ask):
        found = ask("--json", "test_properties", "power", "nope").json
        assert found["values"] == {"power": "on"}
        assert found["refused"]["nope"]["code"] == -5000
        assert found["max_properties"] == 1

    def test_all_refused_is_a_failure(self, legacy, ask):
        ended = ask("test-properties", "nope", "nix")
        assert ended.code == 1
        assert "nope: refused (" in ended.out
        assert "0 of 2 answered" in ended.out
        assert ended.err.startswith(
            "Error: the device refused every property (nope, nix): get_prop was refused"
        )

    def test_all_refused_as_json(self, legacy, ask):
        ended = ask("test-properties", "nope", "nix", "--json")
        assert (ended.code, ended.err) == (1, "")
        assert ended.json["error"]["code"] == -5000
        assert ended.json["error"]["message"].startswith("the device refused every property (nope, nix)")
        assert list(ended.json["results"]["refused"]) == ["nope", "nix"]
        assert ended.json["results"]["values"] == {}


class TestOneThatIsNotSetUp:
    @pytest.mark.parametrize("command", [["info"], ["raw-command", "miIO.info"], ["get", "2", "1"]])
    def test_shows_its_token_so_that_none_need_be_given(self, run, command):
        with VirtualProduct(provisioned=False, mcu_options={"poll_interval": 0.002}) as fresh:
            ended = run(*command, "--ip", fresh.host, "--port", str(fresh.port))
            assert (ended.code, ended.err) == (0, "")
            assert fresh.token not in ended.out

    def test_a_wrong_token_is_no_better_than_none(self, run):
        with VirtualProduct(provisioned=False) as fresh:
            command = ["info", "--ip", fresh.host, "--port", str(fresh.port), "--token", "0" * 31 + "1"]
            ended = run(*command, "--timeout", "0.2", "--retries", "0")
            assert ended.code == 1
            assert "it shows another token than the one given" in ended.err


class TestWrongUse:
    def test_what_is_missing_is_named(self, run, product):
        assert "--ip" in run("info").err
        ended = run("info", "--ip", product.host, "--port", str(product.port))
        assert ended.code == 2
        assert "it is set up already; after a reset, it does" in ended.err
        assert "--token" in ended.err
        assert "MIIO_LAN_TOKEN" in ended.err
        assert run("raw-command").code == 2

    def test_without_anything_the_help_is_shown(self, run):
        for group in ((), ("uart",)):
            ended = run(*group)
            assert (ended.code, ended.err) == (2, "")
            assert ended.out == run(*group, "--help").out
        assert "raw-command" in run().out
        assert run("--json").json["error"]["message"] == "Missing command."

    @pytest.mark.parametrize("token", ["12ab", "z" * 32, "f" * 33, "\ud800" * 32])
    def test_a_bad_token_is_not_repeated(self, run, token):
        ended = run("info", "--ip", "127.0.0.1", "--token", token)
        assert ended.code == 2
        assert "32 hexadecimal digits" in ended.err
        assert token not in ended.err

    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("1.2.3", "not an IPv4 address"),
            ("300.1.1.1", "not an IPv4 address"),
            ("127.0.0.1:54321", "--ip 127.0.0.1 --port 54321"),
            ("fe80::xyz", "not an IPv6 address"),
            ("my lamp", "neither an address nor a host name"),
        ],
    )
    def test_a_bad_address(self, run, address, words):
        ended = run("info", "--ip", address, "--token", TOKEN)
        assert ended.code == 2
        assert words in ended.err

    def test_an_unknown_host_is_no_wrong_use(self, run):
        ended = run("info", "--ip", "lamp.invalid", "--token", TOKEN, "--json")
        assert ended.code == 1
        assert "lamp.invalid" in ended.json["error"]["message"]

    def test_an_unknown_command(self, run):
        assert "Did you mean 'info'" in run("inf").err
        assert "test-properties" in run("xyz").err
        ended = run("--json", "inf")
        assert (ended.code, ended.err) == (2, "")
        assert "Did you mean" in ended.json["error"]["message"]

    @pytest.mark.parametrize(
        "arguments", [["--bogus"], ["info", "--bogus"], ["--timeout", "0", "info"], ["--port", "0", "info"]]
    )
    def test_bad_options(self, run, arguments):
        assert run(*arguments).code == 2
        assert run(*arguments, "--json").json["error"]["type"] == "UsageError"

    def test_json_after_a_double_dash_is_no_option(self, run):
        ended = run("raw-command", "--", "get_prop", "--json")
        assert ended.code == 2
        assert ended.out == ""


class TestNoAnswer:
    def test_a_device_that_is_not_there(self, run):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            port = str(silent.getsockname()[1])
            quick = [
                "--timeout",
                "0.05",
                "--retries",
                "0",
                "--port",
                port,
                "--ip",
                "127.0.0.1",
                "--token",
                TOKEN,
            ]
            ended = run(*quick, "info")
            assert (ended.code, ended.out) == (1, "")
            assert "gave no answer" in ended.err
            error = run(*quick, "info", "--json").json["error"]
            assert (error["type"], error["method"]) == ("DeviceTimeout", "miIO.info")
            unsafe = run(*quick, "action", "2.1", "--json").json["error"]
            assert unsafe["type"] in ("OutcomeUnknown", "DeviceTimeout")


class TestMisc:
    def test_version(self, run):
        assert run("--version").out == f"miio-lan {_version.VERSION}\n"
        assert run("--json", "--version").json == {"version": _version.VERSION}

    def test_help_names_all_commands(self, run):
        ended = run("--help")
        assert ended.code == 0
        for name in ("info", "raw-command", "get", "set", "action", "test-properties", "demo", "virtual"):
            assert f"  {name} " in ended.out
        assert run("info", "--help").code == 0
