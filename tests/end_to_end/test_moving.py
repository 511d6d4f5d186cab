"""The page for those who come from python-miio is true: names are looked up, and what is said is done, with both."""

from __future__ import annotations

import gc
import inspect
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

import miio_lan
from miio_lan.lan.packet import PORT, decode
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.product import VirtualProduct

if find_spec("miio") is None and "CI" not in os.environ:
    pytest.skip("python-miio is not installed: pip install -e '.[test]'", allow_module_level=True)

import miio

pytestmark = [
    pytest.mark.usefixtures("sockets_of_python_miio"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PAGE = (Path(__file__).parents[2] / "docs" / "moving-from-python-miio.md").read_text(encoding="utf-8")
MISSING = object()


def table(name: str) -> list[list[str]]:
    """Return the rows of a table, without its head; code without its marks."""
    text = PAGE.partition(f"<!-- table: {name} -->\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]
    assert rows, name
    return rows


def name_in(cell: str) -> str:
    return cell.strip("`")


def looked_up(dotted: str) -> object:
    """Return what has that name; ``MISSING`` where nothing has."""
    parts = dotted.split(".")
    found: object = import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        value = getattr(found, part, MISSING)
        if value is MISSING and inspect.ismodule(found):
            try:
                value = import_module(".".join(parts[:number]))
            except ImportError:
                return MISSING
        if value is MISSING:
            return MISSING
        found = value
    return found


def parameters(function: Any) -> list[inspect.Parameter]:
    made = list(inspect.signature(function).parameters.values())
    # Decorated methods of python-miio hide theirs behind the decorator.
    hidden = any(each.kind is each.VAR_POSITIONAL for each in made)
    inner = getattr(function, "__wrapped__", None)
    return parameters(inner) if hidden and inner is not None else made


@pytest.mark.parametrize(("theirs", "ours"), table("same"), ids=lambda cell: name_in(cell))
def test_what_only_changes_its_import(theirs: str, ours: str) -> None:
    there, here = looked_up(name_in(theirs)), looked_up(name_in(ours))
    assert there is not MISSING
    assert here is not MISSING
    assert inspect.isclass(there) is inspect.isclass(here)
    if not inspect.isfunction(there):
        return
    wanted, had = parameters(there), {each.name: each for each in parameters(here)}
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in wanted):
        return  # it does not say what it takes
    for each in wanted:
        assert each.name in had
        assert each.default is inspect.Parameter.empty or had[each.name].default == each.default
    places = [name for name in had if had[name].kind is not inspect.Parameter.KEYWORD_ONLY]
    mine = [each.name for each in wanted if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert places[: len(mine)] == mine
    assert len(places) == len(mine) or name_in(ours).startswith("miio_lan.click_common")


def test_the_imports_that_it_shows_work() -> None:
    block = PAGE.partition("```python\n")[2].partition("```")[0]
    for line in block.splitlines():
        ours, _, theirs = line.partition("  # was: ")
        exec(ours, {})
        names = ours.partition(" import ")[2]
        exec(theirs.replace("...", names), {})


@pytest.mark.parametrize("cls", ["Device", "MiotDevice"])
def test_constructors(cls: str) -> None:
    there, here = (parameters(getattr(each, cls).__init__) for each in (miio, miio_lan))
    assert [(each.name, each.default) for each in there if each.kind is each.POSITIONAL_OR_KEYWORD] == [
        (each.name, each.default) for each in here if each.kind is each.POSITIONAL_OR_KEYWORD
    ]


@pytest.mark.parametrize(("theirs", "ours", "_"), table("other"), ids=lambda cell: name_in(cell)[:40])
def test_what_has_another_name(theirs: str, ours: str, _: str) -> None:
    assert looked_up(name_in(theirs)) is not MISSING
    assert looked_up(name_in(ours)) is not MISSING


@pytest.mark.parametrize(("theirs", "_"), table("none"), ids=lambda cell: name_in(cell)[:40])
def test_what_does_not_exist(theirs: str, _: str) -> None:
    name = name_in(theirs)
    later = "it came later" in _
    assert (looked_up(name) is MISSING) is later
    assert looked_up(name.replace("miio.", "miio_lan.", 1)) is MISSING


def has_command(group: Any, words: list[str]) -> bool:
    for word in words:
        found = group.get_command(click.Context(group), word)
        if found is None:
            return False
        group = found
    return True


def they_have(words: list[str]) -> bool:
    """Tell whether miiocli has a command. With click 8.2 and newer, its groups lose theirs: ask the classes."""
    from miio.cli import cli
    from miio.click_common import DeviceGroupMeta

    group, *rest = words
    cls = next((each for each in DeviceGroupMeta._device_classes if each.__name__.lower() == group), None)
    if cls is None:
        return has_command(cli, words)
    return has_command(cli, [group]) and set(rest) <= set(cls._device_group_commands)


@pytest.mark.parametrize(("theirs", "ours"), table("commands"), ids=lambda cell: name_in(cell))
def test_commands(theirs: str, ours: str) -> None:
    from miio_lan.cli.program import program

    name, *words = name_in(theirs).split()
    assert name == "miiocli"
    assert they_have(words)
    name, *words = name_in(ours).split()
    assert name == "miio-lan"
    assert has_command(program, words)


def test_what_the_page_says_of_the_command_line() -> None:
    from miio.cli import cli

    from miio_lan.variables import IP_VARIABLE, TOKEN_VARIABLE

    assert {IP_VARIABLE, TOKEN_VARIABLE} <= set(re.findall(r"`(MIIO_LAN_\w+)`", PAGE))
    assert [each.opts for each in cli.params if "-d" in each.opts] == [["-d", "--debug"]]


# --- behaviour -----------------------------------------------------------------------------------------------------

Both = tuple[Any, Any]
CHECKS: dict[str, Callable[[VirtualProduct], None]] = {}
MAPPING = {"on": {"siid": 2, "piid": 1}}


def check(what: str) -> Callable[[Callable[[VirtualProduct], None]], Callable[[VirtualProduct], None]]:
    def keep(function: Callable[[VirtualProduct], None]) -> Callable[[VirtualProduct], None]:
        CHECKS[what] = function
        return function

    return keep


def both(product: VirtualProduct, **how: Any) -> Both:
    """The device in both packages."""
    made = [
        package.MiotDevice(product.host, product.token, mapping=MAPPING, **how)
        for package in (miio, miio_lan)
    ]
    return made[0], made[1]


def failure(function: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:
        function()
    # Its traceback holds the device, and its socket.
    error = caught.value.with_traceback(None)
    error.__cause__ = error.__context__ = None
    return error


def deaf(product: VirtualProduct) -> None:
    """Answer hellos only."""
    product.call(lambda _now: setattr(product.module.responder, "options", ResponderOptions(max_request=40)))


@check("silence")
def silence(product: VirtualProduct) -> None:
    deaf(product)
    there, here = (
        failure(lambda each=each: each.send("miIO.info", [], 0)) for each in both(product, timeout=1)
    )
    assert type(there) is miio.DeviceException
    assert str(there) == "No response from the device"
    assert isinstance(here, miio_lan.DeviceTimeout)
    assert isinstance(here, (miio_lan.DeviceException, TimeoutError))
    assert "it answers hellos" in str(here)


def listened(product: VirtualProduct) -> list[str]:
    """Note what reaches the product from now on: the methods, and "hello"."""
    heard: list[str] = []
    receive = product.module.responder.receive

    def note(datagram: bytes, *rest: Any) -> Any:
        packet = decode(datagram, bytes.fromhex(product.token))
        heard.append("hello" if packet.is_hello else packet.payload["method"])
        return receive(datagram, *rest)

    product.call(lambda _now: setattr(product.module.responder, "receive", note))
    return heard


@check("repeats")
def repeats(product: VirtualProduct) -> None:
    deaf(product)
    heard = listened(product)
    counts = []
    for each in both(product, timeout=1):
        before = heard.count("toggle")
        error = failure(lambda each=each: each.send("toggle", [], 2))
        counts.append(heard.count("toggle") - before)
    assert counts == [3, 1]
    assert isinstance(error, miio_lan.OutcomeUnknown)
    assert miio.Device.retry_count == miio_lan.Device.retry_count == 3


@check("MCU timeout")
def mcu_timeout(product: VirtualProduct) -> None:
    limited = ResponderOptions(property_limit=0, property_overflow="timeout")
    product.call(lambda _now: setattr(product.module.responder, "options", limited))
    there, here = (failure(lambda each=each: each.send("get_prop", ["on"], 0)) for each in both(product))
    assert type(there) is miio.DeviceException
    assert not hasattr(there, "code")
    assert isinstance(here, miio_lan.McuTimeout)
    assert isinstance(here, miio_lan.RecoverableError)
    assert (here.code, here.message) == (-9999, "user ack timeout")


@check("ids")
def ids(product: VirtualProduct) -> None:
    there, here = both(product)
    there.send("miIO.info")
    here.send("miIO.info")
    assert there.raw_id == 1
    assert miio_lan.Device(product.host, product.token, 5).raw_id == 5
    others = [miio_lan.Device(product.host, product.token, port=product.port) for _ in range(3)]
    for each in others:
        each.send("miIO.info")
    assert len({here.raw_id, *(each.raw_id for each in others)}) == 4


@check("wrong tokens")
def wrong_tokens(product: VirtualProduct) -> None:
    miio.Device(product.host, "00")
    error = failure(lambda: miio_lan.Device(product.host, "00"))
    assert isinstance(error, miio_lan.InvalidTokenException)
    assert isinstance(error, ValueError)


@check("no token")
def no_token(product: VirtualProduct) -> None:
    assert miio.Device(product.host)._protocol.token == bytes(16)
    product.call(lambda _now: setattr(product.module.responder, "provisioned", False))
    assert miio_lan.Device(product.host).info().model == product.spec.model


@check("handshake")
def handshake(product: VirtualProduct) -> None:
    there, here = (each.send_handshake() for each in both(product))
    assert type(there).__name__ == "Container"
    assert int.from_bytes(there.header.value.device_id, "big") == here.device_id == product.device_id
    assert type(here).__name__ == "Packet"


@check("handshake timeout")
def handshake_timeout(product: VirtualProduct) -> None:
    asked: list[tuple[Any, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            miio.miioprotocol.MiIOProtocol, "discover", lambda *args, **how: asked.append((args, how)) or None
        )
        failure(both(product, timeout=1)[0].send_handshake)
    assert asked == [((product.host,), {})]
    assert inspect.signature(miio.miioprotocol.MiIOProtocol.discover).parameters["timeout"].default == 5
    product.close()
    here = miio_lan.Device(product.host, product.token, timeout=0.1)
    here.retry_count = 0
    error = failure(here.send_handshake)
    assert isinstance(error, miio_lan.DeviceTimeout)


@check("lazy_discover")
def lazy_discover(product: VirtualProduct) -> None:
    from miio_lan.lan.client.sending import GREET_AFTER

    assert GREET_AFTER == 20
    counted = []
    heard = listened(product)
    for lazy in (True, False):
        for each in both(product, lazy_discover=lazy):
            before = heard.count("hello")
            for _ in range(3):
                each.send("miIO.info")
            counted.append(heard.count("hello") - before)
    assert counted == [3, 1, 9, 3]  # python-miio says hello three times at once


@check("test_properties")
def properties_tested(product: VirtualProduct) -> None:
    there, here = both(product)
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(click, "echo", lambda text="", **_: said.append(text))
        assert isinstance(there.test_properties(["power"]), str)
    assert any("Results" in str(each) for each in said)
    assert type(here.test_properties(["power"])).__name__ == "PropertyTest"


@check("raw_command")
def raw_command(product: VirtualProduct) -> None:
    there, here = both(product)
    assert isinstance(failure(lambda: there.raw_command("miIO.info")), TypeError)
    assert here.raw_command("miIO.info")["model"] == product.spec.model


@check("unknown names")
def unknown_names(product: VirtualProduct) -> None:
    there, here = (failure(lambda each=each: each.set_property("nope", 1)) for each in both(product))
    assert isinstance(there, KeyError)
    assert isinstance(here, miio_lan.DeviceException)
    assert isinstance(here, ValueError)
    assert "it has on" in str(here)


@check("MIoT getter")
def miot_getter(product: VirtualProduct) -> None:
    getters = [
        inspect.signature(each.MiotDevice.get_properties).parameters["property_getter"].default
        for each in (miio, miio_lan)
    ]
    assert getters == ["get_prop", "get_properties"]


@check("update states")
def update_states(product: VirtualProduct) -> None:
    there, here = both(product)
    for each in (there, here):
        each.send = lambda *_args, **_how: ["wait_install"]
    assert isinstance(failure(there.update_state), ValueError)
    assert here.update_state().value == "wait_install"


@check("repr")
def shown(product: VirtualProduct) -> None:
    there, here = both(product)
    assert product.token in repr(there)
    assert product.token not in repr(here)


@check("result of update_progress")
def update_progress(product: VirtualProduct) -> None:
    there, here = both(product)
    for each in (there, here):
        each.send = lambda *_args, **_how: [42]
        assert each.update_progress() == 42
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    there, here = both(product)
    assert there.update(url, "0" * 32)
    while here.update_state() is not miio_lan.UpdateState.Failed:
        assert here.update_progress() < 100
    assert there.update_progress() == 101
    assert here.update_progress() < 100


@check("result of configure_wifi")
def configure_wifi(product: VirtualProduct) -> None:
    there, here = both(product)
    for each in (there, here):
        each.send = lambda *_args, **_how: ["ok"]
    assert there.configure_wifi("home", "secret") == "ok"
    assert here.configure_wifi("home", "secret") == ["ok"]


@pytest.fixture(autouse=True)
def _sockets_are_closed() -> Iterator[None]:
    """Here, where warnings of it are expected: python-miio leaves that to the interpreter.

    What it logs would keep its errors, with their tracebacks and sockets.
    """
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.collect()


@pytest.fixture
def product(own_address: str) -> Iterator[VirtualProduct]:
    with VirtualProduct(host=own_address, port=PORT, mcu_options={"poll_interval": 0.002}) as made:
        yield made


@pytest.mark.parametrize("what", [row[0] for row in table("behaviour")])
def test_what_behaves_differently(what: str, product: VirtualProduct) -> None:
    CHECKS[what](product)


def test_every_row_has_its_check() -> None:
    assert [row[0] for row in table("behaviour")] == list(CHECKS)


def test_a_status_and_a_class_with_commands_are_written_the_same() -> None:
    said = []
    for package in (miio, miio_lan):
        common = import_module(f"{package.__name__}.click_common")

        class Status(package.DeviceStatus):  # type: ignore[name-defined,misc]
            @property
            def power(self) -> str:
                return "on"

        class Lamp(package.Device):  # type: ignore[name-defined,misc]
            @common.command(click.argument("level", type=int))
            def brightness(self, level: int) -> int:
                """Set it."""
                return level

        group = Lamp.get_device_group()
        said.append((repr(Status()), group.name, Lamp("127.0.0.1", "0" * 32, model="a.b.c").brightness(5)))
    assert said[0] == said[1] == ("<Status power=on>", "lamp", 5)
