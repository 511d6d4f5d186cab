"""What classes, command lines and test doubles written for python-miio rely on, beside names and signatures.

``python -m benchmarks drop-in`` runs python-miio's own.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from miio_lan import (
    Device,
    DeviceError,
    DeviceException,
    DeviceInfo,
    DeviceStatus,
    PayloadDecodeException,
    deviceinfo,
    miot_device,
)
from miio_lan.click_common import (
    DeviceGroup,
    ExceptionHandlerGroup,
    GlobalContextObject,
    command,
    validate_ip,
    validate_token,
)
from miio_lan.device.info import DeviceInfo as Info
from miio_lan.miot_device import MiotDevice

TOKEN = "00112233445566778899aabbccddeeff"
PROPERTY = {"did": "2-1", "siid": 2, "piid": 1, "code": 0, "value": 5}


class Written(MiotDevice):
    """A class whose ``send`` has python-miio's signature, and no more."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__("127.0.0.1", TOKEN, **options)
        self.answers = list(answers)
        self.sent: list[tuple[Any, ...]] = []

    def send(
        self, command: str, parameters: Any = None, retry_count: Any = None, *, extra_parameters: Any = None
    ) -> Any:
        self.sent.append((command, parameters, retry_count, extra_parameters))
        return self.answers.pop(0)


class TestSend:
    def test_every_call_does_with_that_signature(self) -> None:
        device = Written(
            {"model": "a.b.c"}, [PROPERTY], [PROPERTY], {"code": 0, "out": []}, ["ok"], [7], ["idle"]
        )
        assert device.info().model == "a.b.c"
        assert device.read(2, 1) == 5
        device.write(2, 1, 6)
        device.run(2, 1)
        assert device.update("http://127.0.0.1/image", "0" * 32)
        assert device.update_progress() == 7
        assert device.update_state().name == "Idle"
        assert [sent[2:] for sent in device.sent] == [(None, None)] * 7

    def test_lists_are_halved_with_it(self) -> None:
        names = ["a", "b", "c"]
        device = Written(["1", "2"], ["3"])
        assert device.get_properties(names, property_getter="get_prop", max_properties=2) == ["1", "2", "3"]

    def test_one_that_stands_for_it_is_called_as_python_miio_calls_it(self) -> None:
        device = Device("127.0.0.1", TOKEN)
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def stand_in(*given: Any, **named: Any) -> Any:
            calls.append((given, named))
            return ["on"]

        device.send = stand_in  # type: ignore[method-assign]
        assert device.raw_command("get_prop", ["power"]) == ["on"]
        assert device.get_properties(["power"]) == ["on"]
        assert calls[0] == (("get_prop", ["power"]), {})
        assert calls[1][0] == ("get_prop", ["power"])


class Double(MiotDevice):
    """A test double as python-miio's are: it never calls ``__init__``, and stands for the wire."""

    def __init__(self) -> None:
        self._protocol = self
        self._model = "dummy.model.v1"
        self.asked: list[tuple[Any, ...]] = []

    class Wire:
        def __init__(self, owner: Double) -> None:
            self.owner = owner

        def send(
            self, command: str, parameters: Any = None, retry_count: int = 3, extra_parameters: Any = None
        ) -> Any:
            self.owner.asked.append((command, parameters, retry_count, extra_parameters))
            return [PROPERTY] if "properties" in command else {"model": "other.model.v1"}


class TestDoubles:
    def test_what_stands_for_the_wire_is_asked(self) -> None:
        double = Double()
        double._protocol = Double.Wire(double)
        assert double.send("x", [1], 2, extra_parameters={"sid": "y"}) is not None
        assert double.read(2, 1) == 5
        assert double.get_properties([{"siid": 2, "piid": 1}]) == [PROPERTY]
        assert double.asked[0] == ("x", [1], 2, {"sid": "y"})
        assert double.asked[1][0] == "get_properties"
        assert (double.model, double.info().model) == ("dummy.model.v1", "other.model.v1")

    def test_one_that_stands_in_a_class_is_asked(self) -> None:
        asked: list[Any] = []

        class Doubled(MiotDevice):
            _protocol = SimpleNamespace(send=lambda *given, **more: asked.append((given, more)))

        Doubled("127.0.0.1", TOKEN).send("x", [1], 2)
        assert asked == [(("x", [1], 2), {"extra_parameters": None})]

    def test_without_one_a_class_finds_its_last_id_there(self) -> None:
        device = MiotDevice("127.0.0.1", TOKEN, start_id=41)
        assert device._protocol.raw_id == device.raw_id == 41
        device._connection.call = lambda *_, **__: ["ok"]  # type: ignore[method-assign]
        assert device.send("get_status") == ["ok"]

    def test_words_that_are_no_command_are_still_refused(self) -> None:
        double = Double()
        double._protocol = Double.Wire(double)
        with pytest.raises(ValueError, match="a command is a word"):
            double.send("")


class TestModels:
    def test_an_info_of_ones_own(self) -> None:
        class Odd(Device):
            def _fetch_info(self) -> DeviceInfo:
                return DeviceInfo({"model": "odd.one.v1"})

        assert Odd("127.0.0.1", TOKEN).model == "odd.one.v1"

    def test_a_model_without_mapping_gets_the_first_with_a_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Lamp(Written):
            _mappings = {"lamp.one.v1": {"on": {"siid": 2, "piid": 1}}, "lamp.two.v1": {}}

        assert Lamp(model="other.x.y")._get_mapping() == {"on": {"siid": 2, "piid": 1}}
        assert "Lamp has no mapping for other.x.y: the one for lamp.one.v1 is used" in caplog.text
        assert Lamp(model="lamp.two.v1")._get_mapping() == {}
        assert Lamp(model="other.x.y", mapping={"a": {}})._get_mapping() == {"a": {}}

    def test_models_of_the_mappings_come_before_others(self) -> None:
        class Lamp(MiotDevice):
            _supported_models = ["left.out.v1"]
            _mappings = {"lamp.one.v1": {}}

        assert Lamp.supported_models == ["lamp.one.v1"]


class TestNames:
    def test_modules_have_what_python_miio_s_have(self) -> None:
        assert deviceinfo.DeviceInfo is DeviceInfo is Info
        assert (miot_device.Device, miot_device.DeviceStatus) == (Device, DeviceStatus)
        assert miot_device.DeviceException is DeviceException

    def test_errors_are_made_as_there(self) -> None:
        error = DeviceError({"code": -5001, "message": "no"})
        assert (error.code, error.message) == (-5001, "no")
        assert "code -5001, 'no'" in str(error)
        assert (DeviceError({}).code, DeviceError({}).message) == (None, "")
        assert str(PayloadDecodeException()) == "the payload cannot be read (not JSON)"

    def test_a_status_shows_what_is_out_of_date_without_a_word(self) -> None:
        class Status(DeviceStatus):
            @property
            def old(self) -> int:
                warnings.warn("use new", DeprecationWarning, stacklevel=2)
                return 3

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert repr(Status()) == "<Status old=3>"


class TestCommandLines:
    @pytest.mark.parametrize("value", [None, "192.0.2.1", "::1"])
    def test_addresses(self, value: str | None) -> None:
        assert validate_ip(None, None, value) == value  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [None, TOKEN])
    def test_tokens(self, value: str | None) -> None:
        assert validate_token(None, None, value) == value  # type: ignore[arg-type]

    @pytest.mark.parametrize("function", [validate_ip, validate_token])
    def test_what_is_neither(self, function: Any) -> None:
        with pytest.raises(click.BadParameter):
            function(None, None, "nonsense")

    def test_a_group_of_ones_own_makes_the_device_itself(self, tmp_path: Path) -> None:
        """As python-miio's vacuum does: options of its own, a callback, and an end."""

        class Vacuum(Device):
            @command()
            def fetch(self) -> str:
                return f"{self.ip} {self.model} {self.debug} {self.raw_id}"

            @classmethod
            def get_device_group(cls) -> click.Group:
                @click.pass_context
                def opened(ctx: click.Context, *given: Any, id_file: str, **more: Any) -> None:
                    above = ctx.find_object(GlobalContextObject)
                    ctx.obj = cls(*given, debug=above.debug if above else 0, **more)

                group = DeviceGroup(
                    cls,
                    params=[*DeviceGroup.DEFAULT_PARAMS, click.Option(["--id-file"], required=True)],
                    callback=opened,
                )

                @group.result_callback()
                @group.device_pass
                def ended(device: Device, *_: Any, id_file: str, **__: Any) -> None:
                    Path(id_file).write_text(json.dumps({"ip": device.ip}))

                return group

        @click.group(cls=ExceptionHandlerGroup)
        @click.pass_context
        def top(ctx: click.Context) -> None:
            ctx.obj = GlobalContextObject(debug=1)

        top.add_command(Vacuum.get_device_group())
        kept = tmp_path / "kept.json"
        words = [
            "vacuum",
            "--ip",
            "192.0.2.1",
            "--token",
            TOKEN,
            "--model",
            "a.b.c",
            "--id-file",
            str(kept),
            "fetch",
        ]
        ended = CliRunner().invoke(top, words)
        assert ended.exit_code == 0, ended.output
        assert "192.0.2.1 a.b.c 1 0" in ended.output
        assert json.loads(kept.read_text()) == {"ip": "192.0.2.1"}

    def test_default_params_are_the_three_of_python_miio(self) -> None:
        assert [each.name for each in DeviceGroup.DEFAULT_PARAMS] == ["ip", "token", "model"]

    def test_a_callback_that_makes_nothing_is_wrong_use(self) -> None:
        class Lamp(Device):
            @command()
            def toggle(self) -> None:
                """Never reached."""

        ended = CliRunner().invoke(DeviceGroup(Lamp, callback=lambda **_: None, params=[]), ["toggle"])
        assert ended.exit_code == 2
        assert "leaves no device" in ended.output

    def test_debugging_is_asked_for_above(self) -> None:
        class Lamp(Device):
            @command()
            def level(self) -> int:
                return self.debug

        @click.group(cls=ExceptionHandlerGroup)
        @click.pass_context
        def top(ctx: click.Context) -> None:
            ctx.obj = GlobalContextObject(debug=2)

        top.add_command(Lamp.get_device_group())
        ended = CliRunner().invoke(top, ["lamp", "--ip", "192.0.2.1", "--token", TOKEN, "level"])
        assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, "2")

    def test_a_result_callback_is_given_the_device(self) -> None:
        class Lamp(Device):
            @command()
            def level(self) -> int:
                return 1

        seen: list[Any] = []
        group = DeviceGroup(
            Lamp,
            params=DeviceGroup.DEFAULT_PARAMS,
            callback=click.pass_context(lambda ctx, **given: setattr(ctx, "obj", Lamp(**given))),
            result_callback=lambda device, *_, **__: seen.append(device.ip),
        )
        CliRunner().invoke(group, ["--ip", "192.0.2.1", "--token", TOKEN, "level"])
        assert seen == ["192.0.2.1"]


@pytest.mark.parametrize("name", ["EnumType", "LiteralParamType", "command"])
def test_what_python_miios_module_of_miot_devices_imports_is_there(name: str) -> None:
    from miio_lan import click_common

    assert getattr(miot_device, name) is getattr(click_common, name)
    assert not hasattr(miot_device, "no_such_name")
