from __future__ import annotations

import ast
import enum
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional

import click
import pytest
from click.testing import CliRunner

import miio_lan.click_common
from miio_lan import Device, DeviceException, DeviceInfo, DeviceStatus, MiotDevice
from miio_lan import command as public_command
from miio_lan.click_common import DeviceGroup, EnumType, LiteralParamType, command, format_output
from miio_lan.click_common.output import echo, echo_json, plain, render
from miio_lan.click_common.parameters import arguments_of, parameters_of
from miio_lan.click_common.types import read_literal
from miio_lan.device.steps.calls import PropertyTest
from miio_lan.virtual.product import VirtualProduct

if TYPE_CHECKING:
    from nowhere import Unknown

if sys.version_info >= (3, 12):
    from typing import TypeAliasType
else:

    class TypeAliasType:
        """As typing_extensions has it."""

        def __init__(self, name, value):
            self.__name__, self.__value__ = name, value

        def __or__(self, other):
            return Optional[self]  # noqa: UP045 - what it stands for here has no bars of its own


TOKEN = "00112233445566778899aabbccddeeff"


class Mode(enum.Enum):
    Off = 0
    On = "on"
    Eco = 2


Room = NewType("Room", str)
Modes = TypeAliasType("Modes", list[Mode])  # what "type Modes = list[Mode]" makes
Maybe = TypeAliasType("Maybe", Annotated[int, "a level"] | None)


class Status(DeviceStatus):
    def __init__(self, power: str) -> None:
        self._power = power

    @property
    def power(self) -> str:
        return self._power

    @property
    def broken(self) -> int:
        return 1 // 0


class Fan(Device):
    """A fan, written as for python-miio.

    More about it.
    """

    @command(
        click.argument("level", type=int),
        default_output=format_output("Setting level to {level}"),
    )
    def set_level(self, level: int) -> list[str]:
        """Set the level.

        :param level: 1 to 3
        """
        assert isinstance(level, int)
        return ["ok"]

    @command(default_output=format_output("", "Power: {result.power}\n"))
    def status(self) -> Status:
        return Status("on")

    @command(
        click.argument("mode", type=EnumType(Mode)),
        click.option("--force/--no-force", default=False),
        name="mode",
        skip_autodetect=True,
        default_output=format_output(
            lambda mode, force: f"Mode {mode.name}, force {force}",
            lambda result, **kwargs: f"{result} {sorted(kwargs)}",
        ),
    )
    def set_mode(self, mode: Mode, force: bool) -> str:
        return f"{mode!r}"

    @command(click.argument("value", type=LiteralParamType(), required=False))
    def literal(self, value: Any) -> Any:
        return value

    @command(default_output=format_output("only a message", ""))
    def quiet(self) -> int:
        return 5

    @command
    def plain_status(self) -> Status:
        return Status("灯")

    @command
    def typed(self, a: int, b: float, c: bool, d: str, e: Mode, f: Any) -> list[Any]:
        return [a, b, c, d, repr(e), f]

    @command
    def optional(
        self, a: int = 7, e: Mode = Mode.Eco, *, on: bool = True, level: int = 3, name: str | None = None
    ) -> Any:
        return [a, e, on, level, name]

    @command
    def many(self, first: str, *rest: int, loud: bool = False) -> Any:
        return [first, list(rest), loud]

    @command
    def lists(self, names: Sequence[str], numbers: list[int] | None = None) -> Any:
        return [names, numbers]

    @command
    def values(self, values: Sequence[Any] | None = None) -> Any:
        return values

    @command
    def positional(self, a: int, /, b: Literal["x", "y"] = "x", **more: Any) -> Any:
        return [a, b, more]

    @command
    def nothing(self) -> None:
        """Do nothing; see :meth:`many` and ``many``."""

    @command
    def fails(self) -> None:
        raise ValueError("boom")

    @command
    def refuses(self) -> None:
        raise DeviceException("no, thanks")

    @command
    def broken(self) -> None:
        raise BrokenValue


class BrokenValue(Exception):
    pass


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def runner() -> CliRunner:
    try:
        return CliRunner(mix_stderr=False)  # type: ignore[call-arg,unused-ignore] # click 8.1
    except TypeError:
        return CliRunner()


def invoke(cls: type[Device], *arguments: str, env: dict[str, str] | None = None) -> Ended:
    result = runner().invoke(cls.get_device_group(), list(arguments), env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def fan(*arguments: str) -> Ended:
    """Run a command of the fan; none of those that are used here reaches for the wire."""
    return invoke(Fan, "--ip", "127.0.0.1", "--token", TOKEN, *arguments)


def shown(*arguments: str) -> Any:
    ended = fan("--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    return json.loads(ended.out)


class TestPythonMiiosForm:
    def test_the_message_before_and_the_result_after(self):
        assert fan("set_level", "2") == Ended(0, 'Setting level to 2\n["ok"]\n', "")

    def test_a_format_of_the_result_ends_with_one_line_end(self):
        assert fan("status").out == "Power: on\n"

    def test_functions_make_texts_too(self):
        assert fan("mode", "ECO", "--force").out == "Mode Eco, force True\n<Mode.Eco: 2> ['force', 'mode']\n"

    def test_an_empty_format_prints_nothing(self):
        assert fan("quiet").out == "only a message\n"

    def test_literals(self):
        assert shown("literal", "[1, 'a', True]") == [1, "a", True]
        assert shown("literal", '{"a": null}') == {"a": None}
        assert shown("literal", "false") is False
        assert shown("literal") is None
        refused = fan("literal", "[power]")
        assert refused.code == 2
        assert """'["power"]'""" in refused.err

    def test_a_word_that_is_no_member(self):
        ended = fan("mode", "nope")
        assert ended.code == 2
        assert "eco" in ended.err

    def test_the_result_is_returned_to_those_who_decorate_themselves(self, capsys):
        decorated = format_output("about {x}", "{result} of {x}")(lambda x: x + 1)
        assert decorated(x=1) == 2
        assert capsys.readouterr().out == "about 1\n2 of 1\n"

    def test_it_is_the_same_decorator(self):
        assert command is public_command


class TestAnnotations:
    def test_every_kind(self):
        assert shown("typed", "1", "2", "yes", "3", "on", "{'x': 4}") == [
            1,
            2.0,
            True,
            "3",
            "<Mode.On: 'on'>",
            {"x": 4},
        ]

    @pytest.mark.parametrize(
        "words",
        [
            ["x", "2", "yes", "3", "on", "4"],
            ["1", "x", "yes", "3", "on", "4"],
            ["1", "2", "x", "3", "on", "4"],
        ],
    )
    def test_values_of_the_wrong_kind(self, words):
        assert fan("typed", *words).code == 2

    def test_required_ones_are_required(self):
        assert fan("typed", "1").code == 2
        assert fan("lists").code == 2

    def test_defaults(self):
        assert shown("optional") == [7, 2, True, 3, None]
        assert shown("optional", "8", "off", "--no-on", "--level", "4", "--name", "n") == [
            8,
            0,
            False,
            4,
            "n",
        ]

    def test_many_values(self):
        assert shown("many", "a") == ["a", [], False]
        assert shown("many", "a", "1", "2", "--loud") == ["a", [1, 2], True]

    def test_values_of_any_kind_may_come_as_one_list(self):
        assert shown("values", "1", '"a"') == [1, "a"]
        assert shown("values", '[1, "a"]') == [1, "a"]
        assert shown("values", "[1]", "[2]") == [[1], [2]]
        assert shown("values") is None

    def test_a_second_list_is_an_option(self):
        assert shown("lists", "a", "b") == [["a", "b"], None]
        assert shown("lists", "a", "--numbers", "1", "--numbers", "2") == [["a"], [1, 2]]

    def test_positional_only_and_choices(self):
        assert shown("positional", "1", "y") == [1, "y", {}]
        assert fan("positional", "1", "z").code == 2

    def test_annotations_that_cannot_be_found_out(self):
        def method(self, a: Unknown, b, c=5, d=None, e: int | str = 3, f: dict[str, int] | None = None): ...

        kinds = {each.name: each.type for each in parameters_of(method)}
        assert [kinds[name] for name in "abc"] == [click.STRING, click.STRING, click.INT]
        assert kinds["d"] is click.STRING
        assert isinstance(kinds["e"], LiteralParamType)
        assert isinstance(kinds["f"], LiteralParamType)

    def test_names_of_types_stand_for_their_types(self):
        def method(
            self, a: Room, b: Modes, c: Maybe = None, *, d: list[Room] = (), e: Modes | None = None
        ): ...

        a, b, c, d, e = parameters_of(method)
        assert (a.type, c.type) == (click.STRING, click.INT)
        assert (b.nargs, b.type.convert("eco", None, None)) == (-1, Mode.Eco)
        assert (d.multiple, d.type) == (True, click.STRING)
        assert (e.multiple, type(e.type)) == (True, EnumType)

    def test_sequences_of_any_kind(self):
        def method(
            self, a: tuple[int, ...], *, b: set[str] = frozenset(), c: Iterator[int] | None = None
        ): ...

        a, b, c = parameters_of(method)
        assert (a.nargs, a.type) == (-1, click.INT)
        assert isinstance(b, click.Option)
        assert (b.multiple, b.type) == (True, click.STRING)
        assert c.nargs == 1

    def test_a_required_option(self):
        def method(self, *, level: int, mode: Mode = Mode.Eco): ...

        level, mode = parameters_of(method)
        assert (level.required, mode.required) == (True, False)
        assert mode.default is Mode.Eco

    def test_what_was_not_given_is_left_to_the_method(self):
        def method(self, a=1, b=(), *, c=None): ...

        assert arguments_of(method, {"a": None, "b": (), "c": 0}) == ([], {"a": 1, "b": (), "c": 0})


class TestGroup:
    def test_it_is_named_after_the_class_and_speaks_to_people(self):
        group = Fan.get_device_group()
        assert isinstance(group, DeviceGroup)
        assert group.name == "fan"
        text = fan("--help").out
        assert "A fan, written as for python-miio." in text
        assert "More about it" not in text
        for name in ("info", "raw_command", "test_properties", "set_level", "mode", "MIIO_LAN_TOKEN"):
            assert name in text
        assert "Do nothing; see many and many." in fan("nothing", "--help").out
        assert ":param" not in fan("set_level", "--help").out

    def test_help_of_a_command_needs_no_device(self):
        ended = invoke(Fan, "set_level", "--help")
        assert (ended.code, ended.err) == (0, "")

    def test_results_are_shown_for_people_and_as_json(self):
        assert fan("plain_status").out == "broken: ZeroDivisionError\npower:  灯\n"
        assert shown("plain_status") == {"broken": "ZeroDivisionError", "power": "灯"}
        assert fan("nothing").out == ""
        assert shown("nothing") is None

    @pytest.mark.parametrize(
        ("name", "words", "kind"),
        [
            ("fails", "ValueError: boom", "ValueError"),
            ("refuses", "no, thanks", "DeviceException"),
            ("broken", "BrokenValue", "BrokenValue"),
        ],
    )
    def test_failures_end_with_1_and_no_traceback(self, name, words, kind):
        assert fan(name) == Ended(1, "", f"Error: {words}\n")
        ended = fan("--json", name)
        assert (ended.code, ended.err) == (1, "")
        assert json.loads(ended.out)["error"]["type"] == kind

    def test_the_log_shows_where_a_failure_comes_from(self):
        ended = fan("-d", "fails")
        assert ended.code == 1
        assert "Traceback" in ended.err
        assert TOKEN not in ended.err
        assert "Traceback" not in fan("fails").err

    def test_ctrl_c(self, monkeypatch):
        def interrupted(self):
            raise KeyboardInterrupt

        monkeypatch.setattr(Fan, "status", command(interrupted))
        ended = fan("status")
        assert (ended.code, ended.err.strip()) == (130, "interrupted")
        assert json.loads(fan("--json", "status").out)["error"]["type"] == "Interrupted"

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], "--ip"),
            (["--ip", "127.0.0.1"], "--token"),
            (["--ip", "127.0.0.1", "--token", "x"], "32 hexadecimal digits"),
            (["--ip", "127.0.0.1", "--token", TOKEN, "--timeout", "0"], "--timeout"),
        ],
    )
    def test_wrong_use(self, options, words):
        ended = invoke(Fan, *options, "status")
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err
        assert "error" in json.loads(invoke(Fan, "--json", *options, "status").out)

    def test_embedding_keeps_clicks_own_ways(self):
        with pytest.raises(click.UsageError):
            Fan.get_device_group().main(["status"], standalone_mode=False)

    def test_arguments_of_the_process(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["fan", "--help"])
        with pytest.raises(SystemExit) as ended:
            Fan.get_device_group().main(prog_name="fan")
        assert ended.value.code == 0
        assert "Usage: fan" in capsys.readouterr().out

    def test_constructors_that_know_no_port(self):
        class Old(Fan):
            def __init__(self, ip=None, token=None, start_id=0, debug=0, lazy_discover=True, timeout=None):
                super().__init__(ip, token, start_id, debug, lazy_discover, timeout=timeout)

        connection = ["--ip", "127.0.0.1", "--token", TOKEN]
        assert invoke(Old, *connection, "--timeout", "3", "status").code == 0
        ended = invoke(Old, *connection, "--port", "5", "status")
        assert ended.code == 2
        assert "Old does not take '--port'" in ended.err

    def test_options_reach_the_device(self):
        class Telling(Fan):
            @command
            def settings(self) -> Any:
                return [self.ip, self.timeout, self.retry_count, self.model, self.debug]

        options = ["--host", "::1", "--timeout", "2", "--retries", "0", "--model", "a.b.c"]
        ended = invoke(Telling, *options, "--token", TOKEN, "--json", "settings")
        assert json.loads(ended.out) == ["::1", 2.0, 0, "a.b.c", 0]

    def test_variables(self):
        env = {"MIIO_LAN_IP": "127.0.0.1", "MIIO_LAN_TOKEN": TOKEN}
        assert invoke(Fan, "quiet", env=env).code == 0

    def test_a_real_conversation(self):
        with VirtualProduct(mcu_options={"poll_interval": 0.002}) as product:
            connection = ["--ip", product.host, "--token", product.token, "--port", str(product.port)]
            assert product.mcu.model in invoke(MiotDevice, *connection, "info").out
            assert invoke(MiotDevice, *connection, "set_property_by", "2", "2", "40", "int").code == 0
            read = invoke(MiotDevice, *connection, "--json", "get_property_by", "2", "2")
            assert json.loads(read.out)[0]["value"] == 40
            assert invoke(MiotDevice, *connection, "raw_command", "nope").code == 1
            none = invoke(MiotDevice, *connection, "test_properties", "a", "b")
            assert none.code == 1
            assert "0 of 2 answered" in none.out
            assert "-5000" in none.err
            refused = invoke(MiotDevice, *connection, "set_property_by", "2", "2", "101")
            assert refused.code == 1
            assert '"code": -4005' in refused.out
            assert "-4005" in refused.err
            as_json = json.loads(invoke(MiotDevice, *connection, "--json", "call_action_by", "2", "99").out)
            assert as_json["error"]["code"] == as_json["results"]["code"] == -4003
            logged = invoke(MiotDevice, *connection, "-d", "call_action_by", "2", "2", "[5]")
            assert '"action"' in logged.err
            assert product.token not in logged.err


class TestTypes:
    def test_enum_members_by_name(self):
        kind = EnumType(Mode)
        assert kind.convert("oN", None, None) is Mode.On
        assert kind.convert(Mode.Eco, None, None) is Mode.Eco
        strict = EnumType(Mode, casesensitive=True)
        assert strict.convert("On", None, None) is Mode.On
        with pytest.raises(click.BadParameter):
            strict.convert("on", None, None)

    def test_literals_that_are_already_values(self):
        assert LiteralParamType().convert([1], None, None) == [1]


class TestOutput:
    def test_device_information(self):
        info = DeviceInfo(
            {"model": "a.b.c", "token": "secret", "life": 5, "ap": {"ssid": "x\x07", "rssi": -40}}
        )
        text = render(info)
        assert text.splitlines() == [
            "Model:        a.b.c",
            "Access point: x\\x07",
            "Signal:       -40 dBm",
            "Uptime:       5 s",
        ]
        assert plain(info)["token"] == "(hidden)"

    def test_a_test_of_properties(self):
        test = PropertyTest({"power": "on", "x": DeviceException("no")}, 1)
        assert render(test) == "power: on\nx:     refused (no)\n1 of 2 answered; 1 fit into one request"
        assert plain(test)["refused"]["x"]["message"] == "no"

    def test_long_results_are_laid_out(self):
        assert render({"a": [1]}) == '{"a": [1]}'
        assert render(["x" * 80]) == f'[\n  "{"x" * 80}"\n]'
        assert render(Mode.On) == "On"
        assert render("灯\u3000\x00\x9b\U0010ffff") == "灯\u3000\\x00\\x9b\U0010ffff"

    def test_objects_of_classes_json_does_not_know(self):
        @dataclass
        class Point:
            x: int
            mode: Mode

        assert plain([Point(1, Mode.On), BrokenValue("x"), Point]) == [
            {"x": 1, "mode": "on"},
            "x",
            str(Point),
        ]

    def test_what_stdout_cannot_take_is_escaped(self, monkeypatch):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stdout)
        echo("灯\ud800")
        echo_json(["灯", "\U0001f600"])
        text, document = stdout.buffer.getvalue().splitlines()
        assert text == b"\\u706f\\ud800"
        assert json.loads(document) == ["灯", "\U0001f600"]


class TestLiterals:
    @pytest.mark.parametrize("text", ['["power" "bright"]', "['a' 'b']", '"a" "b"', '[1, "a"\n"b"]'])
    def test_texts_side_by_side_lack_a_comma(self, text):
        with pytest.raises(ValueError, match="a comma is missing between"):
            read_literal(text)

    @pytest.mark.parametrize("text", ['["a", "b"]', "['a', 'b']", "{'a': 'b'}", "'a'"])
    def test_others_do_not(self, text):
        assert read_literal(text) == ast.literal_eval(text)


class TestNames:
    def test_they_are_loaded_when_asked_for(self, fresh_python):
        code = (
            "import sys, miio_lan.click_common as it\n"
            "assert 'click' not in sys.modules\n"
            "assert set(it.__all__) <= set(dir(it))\n"
            "assert all(getattr(it, name).__name__ in (name, 'GuardedGroup') for name in it.__all__)\n"
            "print('click' in sys.modules)"
        )
        assert fresh_python(code).strip() == "True"

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="no_such_name"):
            miio_lan.click_common.no_such_name  # noqa: B018


class Secretive(Device):
    """A device class with secrets in its results, of all the forms that are printed."""

    @command(default_output=format_output("Asking", "token {result[token]}, password: {result[passwd]}"))
    def formatted(self) -> dict[str, str]:
        """Print by a format."""
        return {"token": TOKEN, "passwd": "hunter"}

    @command()
    def plainly(self) -> dict[str, str]:
        """Print as it is."""
        return {"token": TOKEN, "passwd": "hunter"}

    @command()
    def told(self) -> DeviceStatus:
        """Print a status."""

        class Secrets(DeviceStatus):
            @property
            def wifi_password(self) -> str:
                return "hunter"

        return Secrets()


class TestSecrets:
    OPTIONS = ("--ip", "127.0.0.1", "--token", "f" * 32)

    @pytest.mark.parametrize("name", ["formatted", "plainly", "told"])
    @pytest.mark.parametrize("json", [[], ["--json"]])
    def test_results_hide_them_unless_asked(self, name, json):
        hidden = invoke(Secretive, *self.OPTIONS, *json, name)
        assert hidden.code == 0
        assert "hunter" not in hidden.out
        assert TOKEN not in hidden.out
        assert "(hidden)" in hidden.out
        shown = invoke(Secretive, *self.OPTIONS, *json, "--show-secrets", name)
        assert shown.code == 0
        assert "hunter" in shown.out

    def test_a_status_shows_none_in_its_repr(self):
        with Secretive("127.0.0.1", "f" * 32) as device:
            assert "hunter" not in repr(device.told())
        assert "QXZ" not in repr(DeviceInfo({"model": "lamp token=QXZ", "token": "QXZ"}))

    def test_the_token_comes_from_a_file(self, tmp_path):
        file = tmp_path / "token"
        file.write_text(TOKEN + "\n")
        file.chmod(0o600)
        ended = invoke(Secretive, "--ip", "127.0.0.1", "--token-file", str(file), "plainly")
        assert (ended.code, ended.err) == (0, "")
        ended = invoke(Secretive, *self.OPTIONS, "--token-file", str(file), "plainly")
        assert ended.code == 2
        assert "use one of them" in ended.err
