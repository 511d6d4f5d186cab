"""The devices of an event loop: the same calls as the blocking ones, carried out by the same steps."""

from __future__ import annotations

import asyncio
import inspect
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from miio_lan import (
    AsyncDevice,
    AsyncMiotDevice,
    Device,
    DeviceError,
    DeviceException,
    DeviceInfoUnavailableException,
    DeviceTimeout,
    InvalidTokenException,
    MiotDevice,
    MiotValueType,
    UnsupportedFeatureException,
)
from miio_lan.device.aio import _LIMITS, _deadline, until
from miio_lan.device.spec import Spec
from miio_lan.errors import InvalidArgument, SpecUnavailable

TOKEN = "00112233445566778899aabbccddeeff"
#: What only the blocking face has: python-miio's command line; hearing without a thread, as a loop does by itself.
BLOCKING_ALONE = {"get_device_group", "attend_pushes"}
#: What only this one has: what a device tells, in a loop.
AWAITED_ALONE = {"pushes"}
#: Properties of the blocking face that may ask the device.
#: They send nothing by themselves.
MADE_AT_ONCE = {"installing"}
TO_BE_AWAITED = {"model", "device_id"}


class Answers:
    """A ``send`` that answers from a table, for either face."""

    answers: dict[str, Any]
    sent: list[tuple[str, Any]]

    def reply(self, command: str, parameters: Any) -> Any:
        self.sent.append((command, parameters))
        answer = self.answers[command]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Blocking(Answers, MiotDevice):
    def send(self, command: str, parameters: Any = None, *args: Any, **more: Any) -> Any:
        return self.reply(command, parameters)


class Awaited(Answers, AsyncMiotDevice):
    async def send(self, command: str, parameters: Any = None, *args: Any, **more: Any) -> Any:
        return self.reply(command, parameters)


def prepared(kind: Any, answers: dict[str, Any], **options: Any) -> Any:
    device = kind("127.0.0.1", TOKEN, **options)
    device.answers, device.sent = answers, []
    return device


def public(kind: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "awaited"), [(Device, AsyncDevice), (MiotDevice, AsyncMiotDevice)])
def test_both_faces_have_the_same_calls(blocking: type, awaited: type) -> None:
    theirs, ours = public(blocking), public(awaited)
    assert theirs.keys() - ours.keys() == BLOCKING_ALONE
    assert ours.keys() - theirs.keys() == AWAITED_ALONE
    for name, member in theirs.items():
        if not inspect.isfunction(member) or name in BLOCKING_ALONE:
            continue
        assert inspect.iscoroutinefunction(ours[name]) is (name not in MADE_AT_ONCE), name
        parameters, others = (
            {each.name: (each.kind, each.default) for each in inspect.signature(each).parameters.values()}
            for each in (member, ours[name])
        )
        assert parameters == others, name
    for name in TO_BE_AWAITED:
        assert inspect.iscoroutinefunction(ours[name])


def test_both_faces_are_made_of_the_same_arguments() -> None:
    def names(kind: Any) -> list[str]:
        return [name for name in inspect.signature(kind.__init__).parameters if name not in {"address"}]

    assert set(names(AsyncDevice)) <= set(names(Device))
    assert {"ip", "token", "start_id", "timeout", "model", "port", "source_ip", "max_in_flight"} <= set(
        names(AsyncDevice)
    )


@pytest.mark.parametrize("kind", [MiotDevice, AsyncDevice, AsyncMiotDevice])
def test_every_face_takes_the_same_kinds_of_addresses(kind: type) -> None:
    assert inspect.signature(kind).parameters["ip"] == inspect.signature(Device).parameters["ip"]


CALLS = [
    ("info", (), {}),
    ("get_properties", ([{"siid": 2, "piid": 1}],), {}),
    ("get_properties", (["power"],), {}),
    ("get_properties_for_mapping", (), {}),
    ("get_property_by", (2, 1), {}),
    ("set_property_by", (2, 1, "5", MiotValueType.Int), {}),
    ("set_property", ("on", True), {}),
    ("call_action_by", (3, 1), {}),
    ("call_action_from_mapping", ("go",), {}),
    ("call_action", ("go", [1]), {}),
    ("read", (2, 1), {}),
    ("write", (2, 1, 7), {}),
    ("run", (3, 1, [1]), {}),
    ("read", ("on",), {}),
    ("write", ("on", None), {}),
    ("run", ("go", [1]), {}),
    ("run", ("go",), {"params": [1]}),
    ("run", ("go",), {}),
    ("raw_command", ("get_prop", ["x"]), {}),
    ("test_properties", (["power", "x"],), {}),
    ("configure_wifi", ("net", "secret"), {}),
    ("update", ("http://a/b", "0" * 32), {}),
    ("update_progress", (), {}),
    ("update_state", (), {}),
    # What is refused, and by whom.
    ("read", (0, 1), {}),
    ("read", ("of",), {}),
    ("read", ("on", 3), {}),
    ("read", (2,), {}),
    ("write", ("on", 3, 4), {}),
    ("write", (2, 1), {}),
    ("run", ("of",), {}),
    ("run", ("go", [1], [2]), {}),
    ("set_property", ("of", True), {}),
    ("set_property_by", (2, 1, "x", MiotValueType.Int), {}),
    ("set_property_by", (2, 1, "x", "int"), {}),
    ("run", (3, 1, "abc"), {}),
    ("configure_wifi", ("", "secret"), {}),
    ("update", ("ftp://a/b", "0" * 32), {}),
    ("get_properties", ("power",), {}),
]
MAPPING = {"on": {"siid": 2, "piid": 1}, "go": {"siid": 3, "aiid": 1}}
GOOD = {
    "miIO.info": {"model": "a.b.c", "fw_ver": "1"},
    "get_properties": [{"siid": 2, "piid": 1, "code": 0, "value": 5}],
    "set_properties": [{"siid": 2, "piid": 1, "code": 0}],
    "action": {"code": 0, "out": [1]},
    "get_prop": ["on"],
    "miIO.config_router": ["ok"],
    "miIO.ota": ["ok"],
    "miIO.get_ota_progress": [40],
    "miIO.get_ota_state": ["installing"],
}
REFUSING = {
    **dict.fromkeys(GOOD, DeviceError(-32601, "no")),
    "set_properties": [{"siid": 2, "piid": 1, "code": -4005}],
    "action": {"code": -4003},
}
SILENT = dict.fromkeys(GOOD, DeviceTimeout("nothing"))


def ended(work: Any) -> tuple[object, str, bool | None]:
    try:
        return work(), "", None
    except DeviceException as error:
        return type(error), str(error), error.may_have_run


@pytest.mark.parametrize("answers", [GOOD, REFUSING, SILENT], ids=["good", "refusing", "silent"])
@pytest.mark.parametrize(("name", "args", "more"), CALLS)
def test_both_faces_give_the_same(
    name: str, args: tuple[Any, ...], more: dict[str, Any], answers: dict[str, Any]
) -> None:
    blocking = prepared(Blocking, answers, mapping=MAPPING)
    awaited = prepared(Awaited, answers, mapping=MAPPING)
    theirs = ended(lambda: getattr(blocking, name)(*args, **more))
    ours = ended(lambda: asyncio.run(getattr(awaited, name)(*args, **more)))
    assert repr(ours) == repr(theirs)  # errors are told apart by what they say
    assert awaited.sent == blocking.sent


def test_info_is_asked_for_once() -> None:
    device = prepared(Awaited, GOOD)

    async def work() -> None:
        assert await device.model() == "a.b.c"
        assert (await device.info()).model == "a.b.c"
        await device.info(skip_cache=True)

    asyncio.run(work())
    assert len(device.sent) == 2
    assert repr(device) == "<Awaited a.b.c at 127.0.0.1>"


def test_a_device_that_does_not_tell_its_model() -> None:
    device = prepared(Awaited, {"miIO.info": {}})
    with pytest.raises(DeviceInfoUnavailableException, match="AsyncDevice"):
        asyncio.run(device.model())


def test_a_model_that_a_class_is_not_meant_for(caplog: pytest.LogCaptureFixture) -> None:
    class Lamp(Awaited):
        supported_models = ["x.y.z"]

    asyncio.run(prepared(Lamp, GOOD).info())
    assert "a.b.c is not among the models Lamp is meant for" in caplog.text


def test_names_by_model(caplog: pytest.LogCaptureFixture) -> None:
    class Lamp(Awaited):
        _mappings = {"a.b.c": MAPPING}

    asyncio.run(prepared(Lamp, GOOD).set_property("on", True))
    assert not caplog.records
    asyncio.run(prepared(Lamp, GOOD, model="other").set_property("on", True))
    assert "no mapping for other" in caplog.text
    with pytest.raises(UnsupportedFeatureException, match="AsyncMiotDevice"):
        asyncio.run(prepared(Awaited, GOOD).set_property("on", True))


SPECIFIED = [
    ("read", ("light:on",)),
    ("write", ("light:brightness", 50)),
    ("write", ("light:brightness", 500)),
    ("write", ("light:fault", 1)),
    ("read", ("light:onn",)),
    ("run", ("light:toggle",)),
    ("run", ("delay:start", [5])),
    ("run", ("delay:start", [500])),
]
FORBIDDEN = [("light:brightness", 500), ("light:fault", 1), ("light:onn",), ("delay:start", [500])]


@pytest.mark.parametrize("spec", ["cache", Spec.shipped("lamp")], ids=["cache", "spec"])
@pytest.mark.parametrize(("name", "args"), SPECIFIED)
def test_names_of_a_description_mean_the_same_in_both_faces(name: str, args: Any, spec: Any) -> None:
    answers = {**GOOD, "miIO.info": {"model": "miiolan.light.demo1"}, "set_properties": {"code": 0}}
    blocking, awaited = (prepared(kind, answers, spec=spec) for kind in (Blocking, Awaited))

    def outcome(call: Any) -> Any:
        try:
            return call()
        except DeviceException as error:
            return type(error), str(error)

    result = outcome(lambda: getattr(blocking, name)(*args))
    assert result == outcome(lambda: asyncio.run(getattr(awaited, name)(*args)))
    assert blocking.sent == awaited.sent
    assert isinstance(result, tuple) == (args in FORBIDDEN)
    method = {"read": "get_properties", "write": "set_properties", "run": "action"}[name]
    sent = [each for each, _ in blocking.sent if each != "miIO.info"]
    assert sent == ([] if args in FORBIDDEN else [method])


def test_a_description_that_was_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path))
    for call in (
        lambda: prepared(Blocking, GOOD, spec="cache").read("light:on"),
        lambda: asyncio.run(prepared(Awaited, GOOD, spec="cache").read("light:on")),
    ):
        with pytest.raises(SpecUnavailable, match=r"'miio-lan spec fetch a.b.c'"):
            call()
    assert prepared(Blocking, GOOD, spec="cache").read(2, 1) == 5  # numbers need none


def test_a_refusal_is_logged_in_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(prepared(Awaited, REFUSING).set_property_by(2, 1, 5))
    assert "property 2.1: code -4005" in caplog.text


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"token": "x"}, InvalidTokenException),
        ({"timeout": 0}, InvalidArgument),
        ({"port": 0}, InvalidArgument),
        ({"max_in_flight": 0}, InvalidArgument),
        ({"observer": 5}, InvalidArgument),
        ({"ip": 5}, InvalidArgument),
        ({"source_ip": 5}, InvalidArgument),
        ({"model": 5}, InvalidArgument),
    ],
)
def test_arguments_that_cannot_be(options: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        AsyncDevice(**{"ip": "127.0.0.1", "token": TOKEN, **options})


def test_a_device_without_an_address() -> None:
    with pytest.raises(InvalidArgument, match="without an address"):
        asyncio.run(AsyncDevice(token=TOKEN).send("get_prop"))


@pytest.mark.parametrize(
    "more", [{"retry_count": -1}, {"timeout": -1}, {"repeat_safe": "no"}, {"extra_parameters": [1]}]
)
def test_arguments_of_send_that_cannot_be(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        asyncio.run(AsyncDevice("127.0.0.1", TOKEN).send("get_prop", **more))


def test_the_steps_of_a_call_end_by_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("miio_lan.device.aio.time", SimpleNamespace(monotonic=lambda: now[0]))
    seen: list[float | None] = []

    class Lamp(Awaited):
        async def send(self, command: str, *args: Any, **more: Any) -> Any:
            seen.append(_deadline())
            now[0] += 1
            return [{"siid": 2, "piid": number, "code": 0, "value": 1} for number in range(1, 41)]

    device = prepared(Lamp, GOOD, timeout=2)
    asyncio.run(device.get_properties([{"siid": 2, "piid": number} for number in range(1, 41)]))
    assert len(seen) > 1
    assert set(seen) == {1008.0}
    seen.clear()
    asyncio.run(device.test_properties(["a"]))
    assert set(seen) == {None}
    assert _deadline() is None


def test_the_earlier_of_two_deadlines_holds() -> None:
    with until(10):
        with until(20):
            assert _deadline() == 10
        with until(5):
            assert _deadline() == 5
        with until(None):
            assert _deadline() == 10
    assert _deadline() is None


def test_tasks_that_are_made_inside_have_the_deadline_as_long_as_the_block_lasts() -> None:
    seen: list[float | None] = []

    async def look(until_over: asyncio.Event | None = None) -> None:
        seen.append(_deadline())
        if until_over is not None:
            await until_over.wait()
            with until(20):
                seen.append(_deadline())
            seen.append(_deadline())

    async def work() -> None:
        over = asyncio.Event()
        with until(15):
            with until(10):
                await asyncio.gather(look(), look())
                longer = asyncio.create_task(look(over))
                await asyncio.sleep(0)
            assert seen == [10, 10, 10]
            over.set()
            await longer
        assert seen[3:] == [15, 15]

    asyncio.run(work())
    seen.clear()

    async def outlive() -> None:
        over = asyncio.Event()
        with until(10):
            longer = asyncio.create_task(look(over))
            await asyncio.sleep(0)
        over.set()
        await longer

    asyncio.run(outlive())
    assert seen == [10, 20, None]


def test_tasks_that_make_tasks_without_an_end_collect_no_deadlines() -> None:
    lengths: list[int] = []

    async def go_on(left: int, before: asyncio.Event) -> None:
        made = asyncio.Event()
        with until(10):
            before.set()
            lengths.append(len(_LIMITS.get()))
            if left:
                following = asyncio.create_task(go_on(left - 1, made))
                await made.wait()
        if left:
            await following

    asyncio.run(go_on(20, asyncio.Event()))
    assert max(lengths) <= 3


def test_a_deadline_of_the_callers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []

    class Lamp(Awaited):
        async def send(self, command: str, *args: Any, **more: Any) -> Any:
            seen.append(_deadline())
            return [{"siid": 2, "piid": 1, "code": 0, "value": 1}]

    async def work() -> None:
        device = prepared(Lamp, GOOD)
        with until(5.0):
            await device.read(2, 1)
        assert _deadline() is None

    asyncio.run(work())
    assert seen == [5.0]


def test_a_password_is_in_no_frame_of_an_error() -> None:
    device = prepared(Awaited, REFUSING)
    with pytest.raises(DeviceError) as caught:
        asyncio.run(device.configure_wifi("net", "open sesame"))
    frames = inspect.getinnerframes(caught.value.__traceback__) if caught.value.__traceback__ else []
    own = [frame for frame in frames if "/miio_lan/" in frame.filename]
    assert own
    assert not any("open sesame" in repr(frame.frame.f_locals) for frame in own)
