from __future__ import annotations

import json
import logging
import os
import stat
import threading
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.fleet import named
from miio_lan.device.fleet.named import (
    DevicesFile,
    NamedDevice,
    check_name,
    default_path,
    parse_devices,
    read_devices,
)
from miio_lan.errors import DevicesFileError, InvalidArgument

TOKEN = "00112233445566778899aabbccddeeff"
OTHER = "ffeeddccbbaa99887766554433221100"
LAMP = {"ip": "192.168.1.9", "token": TOKEN}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "devices.json"


def write(path: Path, document: object) -> None:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    path.chmod(0o600)


def test_the_constants_are_what_they_were() -> None:
    assert named.MAX_NAME == 64


def test_a_file_is_read(path: Path) -> None:
    fan = {
        "ip": "fan.local",
        "token": TOKEN.upper(),
        "did": "77",
        "model": "a.b.c",
        "port": 54322,
        "room": "attic",
    }
    write(path, {"lamp": LAMP, "fan": fan})
    found = read_devices(path)
    assert list(found) == ["lamp", "fan"]
    assert found["lamp"] == NamedDevice("lamp", "192.168.1.9", TOKEN)
    assert found["fan"] == NamedDevice("fan", "fan.local", TOKEN, 77, "a.b.c", 54322, {"room": "attic"})
    assert found["fan"].entry() == {**fan, "token": TOKEN, "did": 77}
    assert TOKEN not in repr(found)


WRONG = [
    ("", "is not JSON: Expecting value"),
    ("{", "is not JSON"),
    ("[" * 100_000, "nested too deeply"),
    ([], "is expected, not a list"),
    ('{"lamp": {"ip": "1.2.3.4", "ip": "1.2.3.5"}}', "'ip' is there twice"),
    ({"lamp": []}, "'lamp': an object with ip and token is expected, not a list"),
    ({"lamp": {"token": TOKEN}}, "'lamp': ip is missing"),
    ({"lamp": {**LAMP, "ip": "1.2.3.4 "}}, "'lamp': ip is an address or a host name, not '1.2.3.4 '"),
    ({"lamp": {**LAMP, "ip": 7}}, "'lamp': ip is an address or a host name, not a number"),
    ({"lamp": {"ip": "1.2.3.4"}}, "'lamp': token is missing"),
    ({"lamp": {**LAMP, "token": TOKEN[1:]}}, "'lamp': a token has 32 hexadecimal digits, this one has 31"),
    ({"lamp": {**LAMP, "token": 7}}, "'lamp': a token is text, not a number"),
    *(
        ({"lamp": {**LAMP, "did": did}}, "'lamp': did is a number from 1 to 18446744073709551614")
        for did in (0, -1, 2**64 - 1, True, "x")
    ),
    ({"lamp": {**LAMP, "did": [5]}}, "'lamp': did is a number from 1 to 18446744073709551614, not a list"),
    ({"lamp": {**LAMP, "did": -1}}, "not -1"),
    ({"lamp": {**LAMP, "model": 5}}, "'lamp': model is text, not a number"),
    *(
        ({"lamp": {**LAMP, "port": port}}, f"'lamp': port is a number from 1 to 65535, not {port!r}")
        for port in (0, 65536, "5")
    ),
    ({"": LAMP}, "'': a name has 1 to 64 characters"),
    ({"x" * 65: LAMP}, "a name has 1 to 64 characters"),
    ({" lamp": LAMP}, "no blanks around it"),
    ({"-d": LAMP}, "does not begin with a dash"),
    ({"a\x1bb": LAMP}, "no control characters"),
]


@pytest.mark.parametrize(("document", "reason"), WRONG)
def test_an_error_names_file_entry_and_reason(path: Path, document: object, reason: str) -> None:
    write(path, document)
    with pytest.raises(DevicesFileError) as raised:
        read_devices(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert reason in str(raised.value)


def test_what_is_no_text_or_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DevicesFileError, match="there is no such file"):
        read_devices(path)
    with pytest.raises(DevicesFileError, match="cannot be read"):
        read_devices(tmp_path)
    path.write_bytes(b'{"\xff": 1}')
    with pytest.raises(DevicesFileError, match="is not UTF-8"):
        read_devices(path)


@pytest.mark.parametrize("entry", [{**LAMP, "did": "x"}, {"token": OTHER[1:], "ip": "1.2.3.4"}])
def test_no_frame_shows_a_token(path: Path, entry: dict[str, object]) -> None:
    write(path, {"fan": LAMP, "lamp": entry})
    with pytest.raises(DevicesFileError) as raised:
        read_devices(path)
    chain: list[BaseException | None] = [raised.value, raised.value.__cause__, raised.value.__context__]
    for error in filter(None, chain):
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        shown = [
            repr(frame.f_locals) for frame in frames if frame.f_code.co_filename.startswith(named.__file__)
        ]
        assert shown or error is not raised.value
        assert TOKEN not in "".join(shown)
        assert OTHER[1:] not in "".join(shown)


def test_a_file_open_to_others_is_warned_of(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, {"lamp": LAMP})
    with caplog.at_level(logging.WARNING):
        read_devices(path)
        assert caplog.messages == []
        path.chmod(0o640)
        read_devices(path)
    assert caplog.messages == [f"{path} is open to others (mode 640): chmod 600 keeps it private"]


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIIO_LAN_DEVICES", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert default_path() == Path("/somewhere/miio-lan/devices.json")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".config/miio-lan/devices.json"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_path() == tmp_path / "Library/Application Support/miio-lan/devices.json"
    monkeypatch.setenv("MIIO_LAN_DEVICES", "/mine.json")
    assert default_path() == Path("/mine.json")


def test_what_is_put_is_there_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "devices.json"
    file = DevicesFile(path)
    assert file.read() == {}
    lamp = NamedDevice("lamp", "192.168.1.9", TOKEN, 5, "a.b.c", 54321, {"room": "küche", "odd": "\ud800"})
    fan = NamedDevice("fan", "192.168.1.8", OTHER)
    file.put(lamp)
    file.put(fan)
    assert file.read() == read_devices(path) == {"lamp": lamp, "fan": fan}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "küche" in path.read_text(encoding="utf-8")
    file.remove("lamp")
    assert file.read() == {"fan": fan}
    assert [each.name for each in path.parent.iterdir()] == ["devices.json"]


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(InvalidArgument, match="a name is text, not 5"):
        check_name(5)


def test_a_name_that_is_not_there(path: Path) -> None:
    file = DevicesFile(path)
    with pytest.raises(DevicesFileError, match="a device's name is text, not None"):
        file.get(None)  # type: ignore[arg-type]
    with pytest.raises(DevicesFileError, match="no device is named 'lamp': there is none in "):
        file.get("lamp")
    file.put(NamedDevice("lamp", "1.2.3.4", TOKEN))
    with pytest.raises(DevicesFileError, match="no device is named 'lmap': did you mean 'lamp'"):
        file.get("lmap")
    with pytest.raises(DevicesFileError, match="no device is named 'zzz': there are 'lamp' in"):
        file.remove("zzz")


def test_a_write_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = DevicesFile(path)
    file.put(NamedDevice("lamp", "1.2.3.4", TOKEN))
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DevicesFileError, match="cannot be written: No space left on device"):
        file.put(NamedDevice("fan", "1.2.3.5", TOKEN))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["devices.json"]


@pytest.mark.parametrize(
    "wrong",
    [
        NamedDevice("- Fan", "1.2.3.5", TOKEN),
        NamedDevice("fan", "not an address", TOKEN),
        NamedDevice("fan", "1.2.3.5", "no token"),
        NamedDevice("fan", "1.2.3.5", TOKEN, -1),
        NamedDevice("fan", "1.2.3.5", TOKEN, port=0),
        NamedDevice("fan", "1.2.3.5", TOKEN, more={"x": {1: 1, "1": 2}}),
        NamedDevice("fan", "1.2.3.5", TOKEN, more={"x": 10**5000}),
        NamedDevice("fan", "1.2.3.5", TOKEN, more={"x": {1}}),
    ],
)
def test_what_could_not_be_read_is_not_written(path: Path, wrong: NamedDevice) -> None:
    file = DevicesFile(path)
    file.put(NamedDevice("lamp", "1.2.3.4", TOKEN))
    before = path.read_bytes()
    with pytest.raises(DevicesFileError, match=r"devices\.json"):
        file.put(wrong)
    assert path.read_bytes() == before
    assert list(file.read()) == ["lamp"]


def test_nothing_is_written_when_nothing_changes(path: Path) -> None:
    write(path, {"lamp": LAMP})
    before = path.stat().st_ino
    DevicesFile(path).put(NamedDevice("lamp", LAMP["ip"], TOKEN))
    assert path.stat().st_ino == before


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.json"
    link.parent.mkdir()
    link.symlink_to(path)
    DevicesFile(link).put(NamedDevice("lamp", "1.2.3.4", TOKEN))
    assert link.is_symlink()
    assert list(read_devices(path)) == ["lamp"]


def test_changes_made_at_the_same_time_are_all_kept(path: Path) -> None:
    def put(number: int) -> None:
        DevicesFile(path).put(NamedDevice(f"lamp {number}", "1.2.3.4", TOKEN))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(DevicesFile(path).read()) == {f"lamp {number}" for number in range(12)}


def test_a_move_is_noted_unless_somebody_changed_the_entry(path: Path) -> None:
    file = DevicesFile(path)
    lamp = NamedDevice("lamp", "1.2.3.4", TOKEN, 5)
    file.put(lamp)
    file.moved(lamp, "1.2.3.9")
    assert file.get("lamp").ip == "1.2.3.9"
    file.moved(lamp, "1.2.3.10")
    assert file.get("lamp").ip == "1.2.3.9"
    file.remove("lamp")
    file.moved(lamp, "1.2.3.11")
    assert file.read() == {}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(TOKEN),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(("ip", "token", "did", "model", "port", "lamp", "")), each, max_size=5
        )
    ),
    max_leaves=12,
)


@given(document=ANYTHING)
def test_any_document_is_read_or_refused(document: object) -> None:
    try:
        found = parse_devices(json.dumps(document), "file")
    except DevicesFileError as error:
        assert TOKEN not in str(error)
    else:
        assert {name: each.entry()["ip"] for name, each in found.items()} == {
            name: entry["ip"] for name, entry in document.items()
        }


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert parse_devices(data, "file") == {}
    except DevicesFileError as error:
        assert str(error).startswith("file: ")
