"""The shared options, with every command of the program: before it and behind it they do the same, or are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from miio_lan.cli.lazy import LazyGroup
from miio_lan.cli.options import CliCommand, CliSettings, shared_options
from miio_lan.cli.program import program
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.record import Record
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
PORT = 41234
#: What stands behind an option, and what the settings have of it; options that are not here are about what is shown.
VALUES: dict[str, tuple[list[str], Callable[[CliSettings], Any], Any]] = {
    "device": (["lamp"], lambda settings: settings.device, "lamp"),
    "ip": (["192.0.2.7"], lambda settings: settings.ip, "192.0.2.7"),
    "token": ([TOKEN], lambda settings: settings.token, TOKEN),
    "token_file": (["lamp.token"], lambda settings: settings.token_source.file, "lamp.token"),
    "ask_token": ([], lambda settings: settings.token_source.ask, True),
    "timeout": (["7"], lambda settings: settings.timeout, 7.0),
    "retries": (["5"], lambda settings: settings.retries, 5),
    "port": ([str(PORT)], lambda settings: settings.port, PORT),
    "json": ([], lambda settings: settings.json, True),
    "verbose": ([], lambda settings: settings.verbose, 1),
    "show_secrets": ([], lambda settings: settings.show_secrets, True),
}
#: Behind these commands, another option has the name; before them, it is the shared one, and used.
USED_BEFORE = {("update", "timeout")}


def commands(group: LazyGroup, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give each command of the program, with the words that call it."""
    context = click.Context(group)
    for name in (*group.list_commands(context), *group.aliases):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, LazyGroup):
            yield from commands(found, *before, name)
        else:
            yield (*before, name), found


EVERY = dict(commands(program))


def test_every_command_takes_part() -> None:
    assert {("info",), ("fleet", "set"), ("virtual", "mcu"), ("uart", "tap"), ("bench", "check")} <= set(
        EVERY
    )
    assert [words for words, found in EVERY.items() if not isinstance(found, CliCommand)] == []
    assert [each.name for each in shared_options()] == list(VALUES)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[CliSettings]:
    """Have no command do anything, nor want any argument; these are the settings of those that would have run."""
    made: list[CliSettings] = []

    def note(**_: Any) -> None:
        made.append(click.get_current_context().ensure_object(CliSettings))

    for found in EVERY.values():
        monkeypatch.setattr(found, "callback", note)
        for param in found.params:
            monkeypatch.setattr(param, "required", False)
    return made


@pytest.mark.parametrize("option", shared_options(), ids=lambda option: option.name)
@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_an_option_has_its_effect_or_is_refused(
    run: Callable[..., Any], called: list[CliSettings], words: tuple[str, ...], option: click.Option
) -> None:
    assert option.name
    value, effect, wanted = VALUES[option.name]
    shared = any(param.name == option.name and not param.expose_value for param in EVERY[words].params)
    own = any(set(param.opts) & set(option.opts) for param in EVERY[words].params) and not shared
    for spelling in option.opts:
        ended = run(spelling, *value, *words)
        if shared or (*words, option.name) in USED_BEFORE:
            assert (ended.code, effect(called.pop())) == (0, wanted)
        else:
            assert (ended.code, called) == (2, [])
            assert f"{'/'.join(option.opts)} has no effect before 'miio-lan {' '.join(words)}'" in _flat(
                ended.err
            )
            assert ("its own --" in _flat(ended.err)) is own
        if shared:
            assert run(*words, spelling, *value).code == 0
            assert effect(called.pop()) == wanted
        elif not own:
            assert (run(*words, spelling, *value).code, called) == (2, [])


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_the_environment_speaks_to_commands_that_have_a_use_for_it(
    run: Callable[..., Any], called: list[CliSettings], words: tuple[str, ...]
) -> None:
    variables = {"MIIO_LAN_IP": "192.0.2.7", "MIIO_LAN_TOKEN": TOKEN, "MIIO_LAN_PORT": str(PORT)}
    assert (run(*words, env=variables).code, len(called)) == (0, 1)


def test_virtual_is_short_for_virtual_product(run: Callable[..., Any], called: list[CliSettings]) -> None:
    for option, value in (("--port", str(PORT)), ("--token", TOKEN), ("--host", "0.0.0.0")):
        ended = run(option, value, "virtual", "--json")
        assert (ended.code, called) == (2, [])
        assert f"its own {option} stands behind it" in ended.json["error"]["message"]


@pytest.mark.parametrize("name", ["lamp", "nosuch"])
def test_who_names_a_device_does_not_set_them_all(run: Callable[..., Any], tmp_path: Path, name: str) -> None:
    heard: list[Record] = []
    file = DevicesFile(tmp_path / "devices.json")
    with VirtualProduct(lan_observer=heard.append) as product:
        for each in ("lamp", "fan"):
            file.put(NamedDevice(each, product.host, product.token, product.device_id, port=product.port))
        ended = run("-d", name, "fleet", "set", "2.1", "false", env={"MIIO_LAN_DEVICES": str(file.path)})
        assert (ended.code, ended.out) == (2, "")
        assert product.call(lambda now: list(heard)) == []


@pytest.mark.parametrize(
    ("words", "option", "reason"),
    [
        (["watch", "--virtual"], ["-d", "lamp"], "--device is about a device that is sent something"),
        (["watch", "--virtual"], ["--port", "9"], "--port is about a device that is sent something"),
        (["watch", "--replay", "-"], ["--token-file", "x"], "--token-file is about a device that is sent"),
        (["accept", "--virtual"], ["-d", "lamp"], "--device is about a product on the network"),
        (["accept", "--virtual"], ["--token-file", "x"], "--token-file is about a product on the network"),
        (["accept", "-"], ["--ask-token"], "--ask-token is about a product on the network"),
        (["accept", "--rules"], ["--ip", "192.0.2.7"], "no device, port or recording goes with it"),
        (["spec", "show", "lamp"], ["-d", "lamp"], "are two products"),
        (
            ["spec", "names", "lamp"],
            ["--ip", "192.0.2.7"],
            "--ip is about a device that is asked for its model",
        ),
    ],
)
def test_one_without_an_effect_in_what_a_command_is_to_do_now(
    run: Callable[..., Any], words: list[str], option: list[str], reason: str
) -> None:
    for ended in (run(*option, *words), run(*words, *option)):
        assert ended.code == 2
        assert reason in _flat(ended.err)


def test_rules_are_listed_to_who_reads_the_log_too(run: Callable[..., Any]) -> None:
    assert run("-v", "accept", "--rules").out == run("accept", "--rules", "-v").out != ""


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", "--spec", "lamp", "light:name", "Lamp\udcfc"],
        ["set", "2.11", '"Lamp\udcfc"'],
        ["action", "--spec", "lamp", "light:toggle", "\udcff"],
        ["raw-command", "x", '["\udcff"]'],
        ["raw-command", "\udcff"],
        ["test-properties", "\udcff"],
        ["fleet", "set", "2.11", '"\udcff"'],
        ["watch", "--virtual", "--send", 'x ["\udcff"]'],
    ],
    ids=ascii,
)
def test_bytes_that_are_no_text_are_not_sent(ask, arguments) -> None:
    """They come from a terminal with another encoding, and a device would get something else for them."""
    ended = ask(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "is no text: UTF-8 is expected" in " ".join(ended.err.split())


def test_files_may_be_called_by_any_bytes(run, tmp_path) -> None:
    file = tmp_path / "log\udcff.txt"
    try:
        file.write_text("get_down\n")
    except OSError:
        pytest.skip("not in this file system")
    assert "get_down" in run("uart", "decode", str(file)).out
