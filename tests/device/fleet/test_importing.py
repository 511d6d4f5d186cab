from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from miio_lan.device.fleet.importing import MAX_DEVICES, ImportedDevice, read_candidates, take
from miio_lan.device.fleet.named import NamedDevice, parse_devices
from miio_lan.errors import DeviceException, DevicesFileError

TOKEN = "00112233445566778899aabbccddeeff"
OTHER = "ffeeddccbbaa99887766554433221100"

CLOUD = {
    "did": "13646404",
    "token": TOKEN,
    "name": "Bedroom lamp",
    "localip": "192.168.1.9",
    "mac": "F0:B4:29:AA:BB:0C",
    "ssid": "home",
    "parent_id": "",
    "model": "yeelink.light.mono1",
    "isOnline": True,
    "extra": {"fw_version": "1.2.3"},
}
CHILD = {**CLOUD, "did": "lumi.158d0001", "name": "Button", "localip": "", "parent_id": "13646404"}
BLUETOOTH = {**CLOUD, "did": "blt.3.1abc", "name": "Scale", "localip": "", "token": "0011223344556677"}


def test_the_constants_are_what_they_were() -> None:
    assert MAX_DEVICES == 10_000


FRAMES = {
    "python-miio, cloud list --raw": [CLOUD, CHILD],
    "token extractor": [
        {"server": "de", "homes": [{"home_id": 1, "home_owner": 2, "devices": [CLOUD, CHILD]}]},
        {"server": "us", "homes": []},
    ],
    # As PiotrMachowski/Xiaomi-cloud-tokens-extractor writes it with --output: the cloud's own objects, by home.
    "token extractor, keys of Bluetooth devices": [
        {
            "server": "de",
            "homes": [
                {
                    "home_id": 7,
                    "home_owner": 2,
                    "devices": [
                        CLOUD,
                        {**CHILD, "BLE_DATA": {"beaconkey": OTHER}},
                        {
                            "did": "blt.1",
                            "name": "Scale",
                            "mac": "02:00:00:00:00:01",
                            "BLE_DATA": {"beaconkey": OTHER},
                        },
                    ],
                }
            ],
        }
    ],
    "objects by did": {"13646404_de": CLOUD, "lumi.158d0001_de": CHILD},
    "reply of a cloud": {"code": 0, "result": {"list": [CLOUD, CHILD]}},
}


@pytest.mark.parametrize("frame", FRAMES)
def test_each_frame_is_seen_through(frame: str) -> None:
    devices: dict[str, NamedDevice] = {}
    outcome = take(devices, read_candidates(json.dumps(FRAMES[frame]), "file"))
    assert outcome.added == ["Bedroom lamp"]
    assert outcome.skipped == [
        ("Button", "did is a number from 1 to 18446744073709551614, not 'lumi.158d0001'")
    ]
    lamp = NamedDevice(
        "Bedroom lamp",
        "192.168.1.9",
        TOKEN,
        13646404,
        "yeelink.light.mono1",
        more={"mac": "F0:B4:29:AA:BB:0C"},
    )
    assert devices == {"Bedroom lamp": lamp}


@pytest.mark.parametrize(
    "said",
    [
        {"ip": "192.168.1.9", "did": 13646404},
        {"localip": "192.168.1.9", "did": "13646404"},
        {"localIP": "192.168.1.9", "deviceId": "13646404"},
        {"local_ip": "192.168.1.9", "device_id": 13646404},
        {"host": "192.168.1.9", "id": "13646404"},
        {"ip_address": "192.168.1.9", "id": 13646404},
        {"address": "192.168.1.9", "did": "13646404", "id": 3},
    ],
)
def test_each_spelling_is_understood(said: dict[str, object]) -> None:
    device = {"name": "lamp", "token": TOKEN, "model": "a.b.c", **said}
    for document in (device, [device], {"devices": [device]}, {"x": {"y": device}}):
        devices: dict[str, NamedDevice] = {}
        assert take(devices, read_candidates(json.dumps(document), "file")).added == ["lamp"]
        assert devices == {"lamp": NamedDevice("lamp", "192.168.1.9", TOKEN, 13646404, "a.b.c")}


def test_a_number_of_a_programs_own_is_no_did() -> None:
    (found,) = read_candidates(json.dumps({"id": 3, "ip": "192.168.1.9", "token": TOKEN}), "file")
    assert found.did is None


def test_home_assistants_entries_are_read() -> None:
    data = {"flow_type": "device", "host": "192.168.1.9", "token": TOKEN, "model": "a.b.c", "mac": "02:00"}
    entry = {"entry_id": "x", "domain": "xiaomi_miio", "title": "Bedroom lamp", "data": data}
    document = {"version": 1, "data": {"entries": [{"domain": "sun", "title": "Sun", "data": {}}, entry]}}
    (found,) = read_candidates(json.dumps(document), "file")
    assert (found.name, found.ip, found.model) == ("Bedroom lamp", "192.168.1.9", "a.b.c")


def test_what_discover_prints_is_read() -> None:
    line = {
        "did": 5,
        "ip": "192.168.1.8",
        "port": 54321,
        "interface": "eth0",
        "model": "a.b.c",
        "mac": None,
        "name": None,
    }
    shown = {**line, "did": 6, "ip": "192.168.1.7", "model": None, "token": TOKEN}
    hidden = {**line, "did": 7, "token": "(hidden)"}
    text = "\n".join(map(json.dumps, ({**line, "token": None}, shown, hidden)))
    known = NamedDevice("fan", "192.168.1.200", OTHER, 5)
    devices = {"fan": known}
    outcome = take(devices, read_candidates(text, "file"))
    assert (outcome.changed, outcome.added) == (["fan"], ["device-6"])
    assert outcome.skipped == [("did 7", "token is missing")]
    assert devices["fan"] == NamedDevice("fan", "192.168.1.8", OTHER, 5, "a.b.c")
    assert devices["device-6"] == NamedDevice("device-6", "192.168.1.7", TOKEN, 6)


@pytest.mark.parametrize("token", ["f" * 32, "F" * 32, "0" * 32, "ab" * 16])
def test_a_placeholder_is_no_token_and_displaces_none(token: str) -> None:
    """Lists write it for devices whose token they do not know."""
    said = [{"did": 1234567, "localip": "10.0.0.9", "token": token}]
    devices = {"lamp": NamedDevice("lamp", "10.0.0.5", TOKEN, 1234567)}
    assert take(devices, read_candidates(json.dumps(said), "x")).changed == ["lamp"]
    assert (devices["lamp"].ip, devices["lamp"].token) == ("10.0.0.9", TOKEN)
    assert take({}, read_candidates(json.dumps(said), "x")).skipped == [("did 1234567", "token is missing")]


def test_a_file_of_named_devices_keeps_its_names() -> None:
    text = json.dumps(
        {"lamp": {"ip": "1.2.3.4", "token": TOKEN}, "fan": {"ip": "1.2.3.5", "token": OTHER, "did": 9}}
    )
    devices: dict[str, NamedDevice] = {}
    assert take(devices, read_candidates(text, "file")).added == ["lamp", "fan"]
    assert devices == parse_devices(text, "file")
    again = take(devices, read_candidates(text, "file"))
    assert (again.added, again.changed, again.same) == ([], [], ["lamp", "fan"])


def test_names_are_made_fit_and_free() -> None:
    def added(*names: str) -> list[str]:
        candidates = [ImportedDevice(name, f"1.2.3.{at}", TOKEN, at + 1) for at, name in enumerate(names)]
        return take({}, candidates).added

    assert added("lamp", "lamp", "lamp") == ["lamp", "lamp 2", "lamp 3"]
    assert added(" --x\ty\x1b ", "") == ["x y", "device-2"]
    assert added("x" * 100) == ["x" * 58]


@given(names=st.lists(st.text("- x\t\x1b\xa0", max_size=9) | st.text(max_size=70), max_size=4))
@example(names=["- - Fan", "-", "- -", "\xa0-\xa0- x"])
def test_what_is_taken_can_be_read_again(names: list[str]) -> None:
    candidates = [ImportedDevice(name, f"1.2.3.{at}", TOKEN, at + 1) for at, name in enumerate(names)]
    devices: dict[str, NamedDevice] = {}
    added = take(devices, candidates).added
    text = json.dumps({name: each.entry() for name, each in devices.items()})
    assert list(parse_devices(text, "file")) == added
    assert len(added) == len(names)


def test_a_device_without_a_did_is_known_by_all_the_rest() -> None:
    devices: dict[str, NamedDevice] = {}
    candidate = ImportedDevice("lamp", "1.2.3.4", TOKEN)
    assert take(devices, [candidate]).added == ["lamp"]
    assert take(devices, [candidate]).same == ["lamp"]
    assert take(devices, [ImportedDevice("lamp", "1.2.3.5", TOKEN)]).added == ["lamp 2"]


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ("", False),
        ("{", False),
        ("nothing\nof it", False),
        ("[]", True),
        ("{}", True),
        ('{"a": 1}\n{"b": 2}', True),
        ('[{"did": 5}]', True),
    ],
)
def test_what_says_nothing_of_devices_is_refused(text: str, is_json: bool) -> None:
    with pytest.raises(DeviceException, match=r"^file") as told:
        read_candidates(text, "file")
    # What can be read, and has nothing in it, is no wrong input: the command's exit code is 1.
    assert isinstance(told.value, ValueError) is not is_json


def test_the_line_that_is_no_json_is_named() -> None:
    with pytest.raises(DevicesFileError, match="file, line 2: is not JSON"):
        read_candidates(f"{json.dumps(CLOUD)}\n{{", "file")


def test_too_many_are_refused_and_none_is_lost() -> None:
    assert len(read_candidates(json.dumps([CLOUD] * MAX_DEVICES), "file")) == MAX_DEVICES
    with pytest.raises(DevicesFileError, match=r"^file: it has 10005 devices; at most 10000 are taken"):
        read_candidates(json.dumps([CLOUD] * (MAX_DEVICES + 5)), "file")


def test_no_repr_shows_a_token() -> None:
    assert TOKEN not in repr(read_candidates(json.dumps(CLOUD), "file"))


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from([TOKEN, "1.2.3.4", "5", 5]),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "token", "localip", "ip", "did", "model", "mac", "port", "homes", "x"]),
            each,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(document=JUNK)
def test_whatever_comes_the_file_stays_one_that_can_be_read(document: object) -> None:
    devices = {"fan": NamedDevice("fan", "1.2.3.4", OTHER, 5)}
    try:
        candidates = read_candidates(json.dumps(document), "file")
    except DeviceException:
        return
    take(devices, candidates)
    text = json.dumps({name: device.entry() for name, device in devices.items()})
    assert parse_devices(text, "file") == devices
