"""The bench file: what it says of each product, and what is wrong with one."""

from __future__ import annotations

import logging
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.bench.places.file import BENCH_FILE, KEYS, ProductEntry, parse_bench, read_bench, split_place
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.errors import BenchFileError

TOKEN = "00112233445566778899aabbccddeeff"
PLACE = Path("bench") / BENCH_FILE


def entry(text: str, path: Path = PLACE) -> ProductEntry:
    (found,) = parse_bench(f"[products.left]\n{text}", path).values()
    return found


def test_a_real_product_and_a_virtual_one(tmp_path: Path) -> None:
    (tmp_path / "left.token").write_text(f"{TOKEN}\n")
    (tmp_path / "lamp.json").write_text("{}")
    path = tmp_path / "miio.toml"
    path.write_text("""
[products.left]
host = "192.0.2.7"
port = 54322
token_file = "left.token"
did = 77
uart = "/dev/ttyUSB0"
uart_up = "/dev/ttyUSB1"
spec = "lamp.json"
power = "uhubctl -a {action}"
retries = 0

[products.right-2]
virtual = true
spec = "purifier"
profile = "newer"
misbehave = ["crlf", "slow"]
poll_interval = 0.1
""")
    left, right = read_bench(path, profiles=["newer"], misbehaviours=["slow", "crlf"]).values()
    assert (left.name, left.host, left.port, left.did) == ("left", "192.0.2.7", 54322, 77)
    assert left.token == TOKEN
    assert (left.uart, left.uart_up, left.retries) == ("/dev/ttyUSB0", "/dev/ttyUSB1", 0)
    assert left.spec == str(tmp_path / "lamp.json")
    assert left.power == "uhubctl -a {action}"
    assert left.describe() == "192.0.2.7, UART /dev/ttyUSB0 and /dev/ttyUSB1"
    assert (left.virtual, right.virtual, right.name) == (False, True, "right-2")
    assert (right.spec, right.profile, right.misbehave) == ("purifier", "newer", ("crlf", "slow"))
    assert (right.poll_interval, right.port, right.describe()) == (0.1, 0, "virtual")
    assert TOKEN not in repr(left)


def test_defaults() -> None:
    found = entry(f'host = "lamp.example"\ntoken = "{TOKEN}"')
    assert (found.port, found.did, found.uart, found.retries, found.exclusive) == (
        *(54321, None, None, None),
        {"host": "lamp.example:54321"},
    )
    assert entry('uart = "COM3"').exclusive == {"uart": "COM3"}


def test_a_place_of_labgrid(tmp_path: Path) -> None:
    found = entry('labgrid = "lamp"\ncoordinator = "here:1"\nspec = "lamp"')
    assert (found.labgrid, found.coordinator, found.host, found.describe()) == (
        *("lamp", "here:1", None),
        "labgrid: lamp",
    )
    assert found.exclusive != entry('labgrid = "lamp"\ncoordinator = "there:1"').exclusive
    (tmp_path / "env.yaml").write_text("")
    path = tmp_path / "miio.toml"
    assert entry('labgrid = "env.yaml"', path).labgrid == f"{tmp_path / 'env.yaml'}:main"
    assert entry('labgrid = "env.yaml:left"', path).labgrid == f"{tmp_path / 'env.yaml'}:left"


def test_what_nobody_else_may_use_of_a_product() -> None:
    found = entry(
        f'host = "Lamp"\ntoken = "{TOKEN}"\nuart = "com3"\nuart_up = "RFC2217://Pi:4000?ign_set_control"'
    )
    assert found.exclusive == {"host": "lamp:54321", "uart": "COM3", "uart_up": "tcp pi:4000"}
    assert entry('uart = "socket://pi:4000"').exclusive == {"uart": "tcp pi:4000"}
    assert entry("virtual = true").exclusive == {}


def test_a_named_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(tmp_path / "devices.json"))
    DevicesFile().put(NamedDevice("lamp", "192.0.2.9", TOKEN, did=5, port=1234))
    found = entry('device = "lamp"')
    assert (found.host, found.token, found.did, found.port) == ("192.0.2.9", TOKEN, 5, 1234)
    with pytest.raises(
        BenchFileError, match=r"'left': device: no device is named 'lmp': did you mean 'lamp'"
    ):
        entry('device = "lmp"')


def test_a_product_at_a_place_of_labgrid(tmp_path: Path) -> None:
    found = entry('labgrid = "lamp"\ncoordinator = "pi:20408"\nspec = "lamp"\npower = "switch"\nretries = 0')
    assert (found.labgrid, found.coordinator, found.spec, found.power) == (
        "lamp",
        "pi:20408",
        "lamp",
        "switch",
    )
    assert (found.host, found.token, found.describe()) == (None, None, "labgrid: lamp")
    assert found.exclusive == {"labgrid": "labgrid: pi:20408 lamp"}
    (tmp_path / "env.yaml").write_text("")
    for text, target in (("env.yaml", "main"), ("env.yaml:left", "left")):
        assert (
            entry(f'labgrid = "{text}"', tmp_path / "miio.toml").labgrid
            == f"{tmp_path / 'env.yaml'}:{target}"
        )
    assert split_place("lamp.yml") == ("lamp.yml", "main")
    assert split_place("lamp:2") == (None, "lamp:2")


HOST = f'host = "192.0.2.1"\ntoken = "{TOKEN}"\n'
WRONG = [
    ("", "give host and token, device (a named one), uart, labgrid (a place) or virtual = true"),
    ('labgrid = "lamp"\nhost = "192.0.2.1"', "host is known of a place of labgrid: leave it away"),
    ('labgrid = "none.yaml:main"', "labgrid: there is no file bench/none.yaml"),
    ('labgrid = " "', "labgrid is empty"),
    ('coordinator = "here"', "coordinator is labgrid's: give the place, too, as labgrid"),
    ('virtual = true\nlabgrid = "lamp"', "labgrid is of a real product"),
    (HOST + "hots = 1", "there is no key 'hots': did you mean host?"),
    (HOST + "zzz = 1", "there is no key 'zzz': there are coordinator, device, did, host"),
    (HOST + "name = 'x'", "there is no key 'name'"),
    ("host = 5", "host is a text, not a number"),
    ('host = " "', "host is empty"),
    ('host = "a\\u0007"', "host is no printable text"),
    ('host = "192.0.2.1"', "host needs the token of the product: give token_file, or token"),
    ('token = "x"', "token without host: whose is it?"),
    ("port = 5", "port without host: whose is it?"),
    (HOST + "port = 0", "port is a whole number from 1 to 65535, not 0"),
    (
        HOST + "port = 0x" + "f" * 5000,
        "port is a whole number from 1 to 65535, not an integer of thousands of digits",
    ),
    (HOST + "port = 5.5", "port is a whole number from 1 to 65535, not 5.5"),
    (HOST + "port = true", "port is a whole number from 1 to 65535, not True"),
    (HOST + "port = '1'", "port is a whole number from 1 to 65535, not a text"),
    (HOST + "retries = 101", "retries is a whole number from 0 to 100, not 101"),
    (HOST + "did = -1", "did: did is a number"),
    (HOST + 'device = "x"', "host and device are two ways to say where it is"),
    ('device = "x"\nport = 1', "port is known of a named device"),
    ('host = "a"\ntoken = 5', "token is a text of 32 hexadecimal digits, not a number"),
    (HOST + 'token_file = "x"', "token and token_file are two ways to give one thing"),
    ('host = "a"\ntoken_file = "none"', "token_file - bench/none: there is no such file"),
    (HOST + 'uart_up = "/dev/x"', "uart_up is the second of two receivers"),
    (HOST + "power = ''", "power is empty"),
    (HOST + 'power = "a \'b"', "power: the power command"),
    (HOST + 'spec = "none.json"', "spec: there is no file bench/none.json"),
    (HOST + f'spec = "/{"x" * 300}.json"', f"spec: /{'x' * 300}.json cannot be read: File name too long"),
    (HOST + "virtual = 1", "virtual is true or false, not a number"),
    (HOST + "virtual = true", "host is of a real product, and this one is virtual"),
    ('virtual = true\nuart = "/dev/x"', "uart is of a real product"),
    ('virtual = true\npower = "x"', "power is of a real product"),
    (HOST + 'profile = "newer"', "profile is of a virtual product"),
    (HOST + 'misbehave = ["slow"]', "misbehave is of a virtual product"),
    ('virtual = true\nmisbehave = "slow"', 'misbehave is a list of texts such as ["silent"], not a text'),
    ('virtual = true\nmisbehave = ["odd"]', "misbehave: there is no 'odd'; there are slow"),
    ('virtual = true\nprofile = "odd"', "profile: there is no 'odd'; there are newer"),
    ("virtual = true\npoll_interval = 0", "poll_interval is a number from 0.001 to 60, not 0"),
    ("virtual = true\npoll_interval = 1979-05-27", "poll_interval is a number from 0.001 to 60, not a date"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told[:40] for _, told in WRONG])
def test_what_is_wrong_with_a_product(text: str, told: str) -> None:
    known = {"misbehave": ["slow"], "profile": ["newer"]}
    with pytest.raises(BenchFileError) as caught:
        parse_bench(f"[products.left]\n{text}", PLACE, known=known)
    assert str(caught.value).startswith(f"{PLACE}: 'left': {told}")
    assert TOKEN not in str(caught.value)


WRONG_FILES = [
    ("", "there is no product: give at least one [products.NAME]"),
    ("products = 5", "there is no product"),
    ("[left]\nvirtual = true", "'left' is no part of a bench file: products are [products.NAME]"),
    ("[products]\nleft = 5", "'left': a table [products.NAME] is expected, not a number"),
    ("[products.left", "is not TOML: "),
    ('[products."a b"]\nvirtual = true', "'a b': the name of a product has 1 to 64 of the characters"),
    ("[products.a]\nvirtual = true\n[products.A]\nvirtual = true", "'A': 'a' is there, too"),
    (
        '[products.a]\nuart = "/dev/x"\n[products.b]\nuart = "/dev/y"\nuart_up = "/dev/x"',
        "'b': uart_up: /dev/x is that of 'a': uart already",
    ),
    (
        '[products.a]\nuart = "/dev/x"\nuart_up = "/dev/x"',
        "'a': uart_up: /dev/x is that of 'a': uart already",
    ),
    (
        '[products.a]\nuart = "COM3"\n[products.b]\nuart = "com3"',
        "'b': uart: com3 is that of 'a': uart already",
    ),
    (
        f"[products.a]\n{HOST}\n[products.b]\n{HOST}",
        "'b': host: 192.0.2.1, UDP port 54321, is that of 'a': host already",
    ),
    (
        '[products.a]\nlabgrid = "lamp"\n[products.b]\nlabgrid = "lamp"',
        "'b': labgrid: lamp is that of 'a': labgrid already",
    ),
    (
        '[products.a]\nuart = "socket://pi:4000"\n[products.b]\nuart = "rfc2217://pi:4000?ign_set_control"',
        "'b': uart: rfc2217://pi:4000?ign_set_control is that of 'a': uart already",
    ),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES, ids=[told[:40] for _, told in WRONG_FILES])
def test_what_is_wrong_with_a_file(text: str, told: str) -> None:
    with pytest.raises(BenchFileError) as caught:
        parse_bench(text, PLACE)
    assert str(caught.value).startswith(f"{PLACE}: {told}")


def test_a_link_to_a_port_is_the_port(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "port")
    text = f'[products.a]\nuart = "{tmp_path}/port"\n[products.b]\nuart = "{tmp_path}/link"'
    with pytest.raises(BenchFileError, match="is that of 'a': uart already"):
        parse_bench(text, PLACE)


@pytest.mark.parametrize("token", [TOKEN[:-1], TOKEN[:-1] + "x", "hunter sesame"])
def test_a_mistyped_token_is_not_shown(tmp_path: Path, token: str) -> None:
    (tmp_path / "x.token").write_text(token)
    for line in (f'token = "{token}"', 'token_file = "x.token"'):
        with pytest.raises(BenchFileError) as caught:
            entry(f'host = "a"\n{line}', tmp_path / "miio.toml")
        assert token not in str(caught.value)
        assert line.partition(" ")[0] in str(caught.value)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
@pytest.mark.parametrize("where", ["token", "token_file"])
def test_a_file_with_a_token_that_others_may_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool, where: str
) -> None:
    path, file = tmp_path / "miio.toml", tmp_path / "x.token"
    file.write_text(TOKEN)
    value = TOKEN if where == "token" else "x.token"
    path.write_text(f'[products.left]\nhost = "a"\n{where} = "{value}"')
    path.chmod(mode if where == "token" else 0o644)
    file.chmod(mode)
    with caplog.at_level(logging.WARNING, "miio_lan.bench.places.file"):
        read_bench(path)
    assert bool(caplog.records) == warned
    if warned:
        open_one = path if where == "token" else file
        assert caplog.messages == [
            f"{open_one} is open to others (mode {mode:03o}): chmod 600 keeps it private"
        ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BenchFileError, match=r"none\.toml: there is no such file"):
        read_bench(tmp_path / "none.toml")
    with pytest.raises(BenchFileError, match="the bench file cannot be read: Is a directory"):
        read_bench(tmp_path)
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b'[products.left]\nhost = "\xff"')
    with pytest.raises(BenchFileError):
        read_bench(odd)
    (tmp_path / "long.token").write_text("0" * 5000)
    with pytest.raises(
        BenchFileError, match=r"token_file - .*long\.token - the token holds more than 4096 bytes"
    ):
        entry('host = "a"\ntoken_file = "long.token"', tmp_path / "miio.toml")


values = st.one_of(st.booleans(), st.integers(-5, 70000), st.text(string.printable, max_size=8))


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), values, max_size=6))
def test_whatever_stands_there_is_a_product_or_an_error_that_names_it(found: dict[str, object]) -> None:
    import json

    text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in found.items())
    try:
        made = entry(text)
    except BenchFileError as error:
        assert str(error).startswith(f"{PLACE}: ")
    else:
        assert made.virtual or made.host or made.uart or made.labgrid
