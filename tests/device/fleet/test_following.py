"""A device with a name is found by its did; on loopback, where every address of 127.0.0.0/8 may be one."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lan_server import DEVICE_ID, TOKEN, Server

from miio_lan import Device, DeviceException, DeviceTimeout, MiotDevice
from miio_lan.device.fleet import following
from miio_lan.device.fleet.following import Follower
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.errors import DevicesFileError
from miio_lan.keeping import locked
from miio_lan.lan.discovery import aio, blocking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")

PATIENCE = 30.0  # only ever waited for in full when a test fails


@pytest.fixture
def file(tmp_path: Path) -> DevicesFile:
    return DevicesFile(tmp_path / "devices.json")


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    yield serving
    serving.close()


def put(
    file: DevicesFile, server: Server, ip: str, did: int | None = DEVICE_ID, model: str | None = None
) -> None:
    file.put(NamedDevice("lamp", ip, TOKEN.hex(), did, model, server.port))


def test_the_constants_are_what_they_were() -> None:
    assert (following.SEARCH_TIME, following.OLD_ADDRESS_TIME) == (5.0, 0.7)
    assert (following.FIRST_REST, following.MAX_REST, following._LONGER) == (30.0, 120.0, 2.0)


def test_a_device_by_its_name(file: DevicesFile, server: Server) -> None:
    put(file, server, "127.0.0.1", model="a.b.c")
    with Device.from_name("lamp", path=file.path, timeout=20) as device:
        assert device.send("get_prop", [1]) == [1]
        assert (device.model, device.ip, device.timeout) == ("a.b.c", "127.0.0.1", 20)
        assert repr(device) == "<Device a.b.c at 127.0.0.1>"
    with MiotDevice.from_name("lamp", path=file.path, model="x.y.z") as device:
        assert isinstance(device, MiotDevice)
        assert device.model == "x.y.z"


def test_a_name_that_is_not_there(file: DevicesFile) -> None:
    with pytest.raises(DevicesFileError, match="no device is named 'lamp'"):
        Device.from_name("lamp", path=file.path)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Let the search find every device at 127.0.0.1, and give what it was asked."""
    asked: list[dict[str, object]] = []

    def locate(did: int, known: str, **how: object) -> str:
        asked.append({"did": did, "known": known, **how})
        return "127.0.0.1"

    monkeypatch.setattr(blocking, "locate", locate)
    return asked


def test_a_device_that_has_moved_is_found_and_the_file_knows(
    file: DevicesFile, server: Server, moved: list[dict[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    put(file, server, "127.0.0.9")
    with Device.from_name("lamp", path=file.path, timeout=20) as device:
        assert device.send("get_prop", [1]) == [1]
        assert (device.ip, device._connection.session.peer) == ("127.0.0.1", "lamp (127.0.0.1)")
        assert device.send("get_prop", [2]) == [2]
    (asked,) = moved
    assert (asked["did"], asked["known"], asked["port"]) == (DEVICE_ID, "127.0.0.9", server.port)
    assert (asked["timeout"], asked["patience"]) == (5.0, 0.7)
    assert file.get("lamp").ip == "127.0.0.1"
    assert caplog.messages == ["lamp is at 127.0.0.1 now, no more at 127.0.0.9"]


def test_it_is_looked_for_again_after_silence(
    file: DevicesFile, server: Server, moved: list[dict[str, object]]
) -> None:
    put(file, server, "127.0.0.1")
    with Device.from_name("lamp", path=file.path, timeout=0.2) as device:
        server.answer = lambda request: None
        with pytest.raises(DeviceTimeout, match=r"lamp \(127.0.0.1\)"):
            device.send("get_prop", [1], 0)
        server.answer = lambda request: {"result": "here"}
        assert device.send("get_prop", [1], 5) == "here"
    assert len(moved) in (1, 2)  # the second time only where not even a hello was answered


def test_a_new_address_that_cannot_be_kept_is_used_all_the_same(
    file: DevicesFile,
    moved: list[dict[str, object]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file.put(NamedDevice("lamp", "127.0.0.9", TOKEN.hex(), 5))
    follower = Follower("lamp", file.path)

    def refuse(*args: object) -> None:
        raise DevicesFileError("read-only")

    monkeypatch.setattr(DevicesFile, "moved", refuse)
    assert follower.find(20.0) == follower.device.ip == "127.0.0.1"
    assert caplog.messages[-1] == "its new address is not kept: read-only"
    # It is where it was found, and that is no news.
    assert follower.find(20.0) == "127.0.0.1"
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("awaited", [False, True])
def test_a_file_that_another_program_changes_is_not_waited_for(
    awaited: bool,
    file: DevicesFile,
    moved: list[dict[str, object]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call has its time to itself; the address is kept the next time."""

    async def locate(*asked: object, **how: object) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(aio, "locate", locate)
    file.put(NamedDevice("lamp", "127.0.0.9", TOKEN.hex(), 5))
    follower = Follower("lamp", file.path)

    def find() -> None:
        _ = asyncio.run(follower.find_async(0.5)) if awaited else follower.find(0.5)

    with locked(file.path.parent):
        for _ in range(2):
            thread = threading.Thread(target=find, daemon=True)
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()
            assert follower.device.ip == "127.0.0.1"
            assert file.get("lamp").ip == "127.0.0.9"
    busy = f"its new address is not kept: {file.path} cannot be written: another program is changing it"
    assert caplog.messages == ["lamp is at 127.0.0.1 now, no more at 127.0.0.9", busy]
    find()
    assert file.get("lamp").ip == "127.0.0.1"
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    "error", [DeviceException("there can be no more sockets"), OSError(24, "Too many open files")]
)
@pytest.mark.parametrize("awaited", [False, True])
def test_one_that_cannot_be_looked_for_is_taken_to_be_where_it_was(
    file: DevicesFile,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    awaited: bool,
) -> None:
    """Whether the address can be used all the same, the call sees; the search is tried again later."""
    now, tried = [1000.0], []

    def locate(*_: object, **__: object) -> str:
        tried.append(now[0])
        raise error

    async def locate_awaited(*_: object, **__: object) -> str:
        return locate()

    monkeypatch.setattr(blocking, "locate", locate)
    monkeypatch.setattr(aio, "locate", locate_awaited)
    file.put(NamedDevice("lamp", "127.0.0.9", TOKEN.hex(), 5))
    follower = Follower("lamp", file.path, clock=lambda: now[0])
    for now[0] in (1000.0, 1029.0, 1030.0):
        found = asyncio.run(follower.find_async(20.0)) if awaited else follower.find(20.0)
        assert found == "127.0.0.9"
    assert tried == [1000.0, 1030.0]
    assert [each for each in caplog.messages if "lamp" in each] == [f"lamp cannot be looked for: {error}"] * 2


@pytest.mark.parametrize(("ip", "did"), [("127.0.0.9", None), ("lamp.invalid", 5), ("::1", 5)])
def test_without_a_did_or_an_address_nothing_is_looked_for(
    file: DevicesFile, moved: list[dict[str, object]], ip: str, did: int | None
) -> None:
    file.put(NamedDevice("lamp", ip, TOKEN.hex(), did))
    assert Follower("lamp", file.path).find(20.0) == ip
    assert moved == []


def test_a_call_with_little_time_searches_briefly(file: DevicesFile, moved: list[dict[str, object]]) -> None:
    file.put(NamedDevice("lamp", "127.0.0.1", TOKEN.hex(), 5))
    Follower("lamp", file.path).find(0.6)
    Follower("lamp", file.path).find(-3)
    assert [(each["timeout"], each["patience"]) for each in moved] == [
        (0.3, pytest.approx(0.1)),
        (0.1, pytest.approx(0.1 / 3)),
    ]


def test_the_same_in_a_loop(file: DevicesFile, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    put(file, server, "127.0.0.1")
    follower = Follower("lamp", file.path)
    assert asyncio.run(follower.find_async(20.0)) == "127.0.0.1"

    async def locate(did: int, known: str, **how: object) -> str:
        return "127.0.0.7"

    monkeypatch.setattr(aio, "locate", locate)
    assert asyncio.run(follower.find_async(20.0)) == follower.device.ip == file.get("lamp").ip == "127.0.0.7"
    file.put(NamedDevice("fan", "127.0.0.1", TOKEN.hex()))
    assert asyncio.run(Follower("fan", file.path).find_async(20.0)) == "127.0.0.1"


def test_one_that_is_off_does_not_keep_the_network_busy(
    file: DevicesFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.put(NamedDevice("lamp", "127.0.0.9", TOKEN.hex(), 5))
    now, searches = [1000.0], []
    answer: list[str | None] = [None]

    def locate(did: int, known: str, **how: object) -> str | None:
        searches.append(now[0])
        return answer[0]

    monkeypatch.setattr(blocking, "locate", locate)
    follower = Follower("lamp", file.path, clock=lambda: now[0])
    while now[0] < 1500.0:
        follower.find(20.0)
        now[0] += 1.0
    gaps = [later - before for before, later in itertools.pairwise(searches)]
    assert gaps == [30.0, 60.0, 120.0, 120.0, 120.0]
    # Once it was found, it is looked for at once again.
    now[0] += 600.0
    answer[0] = "127.0.0.7"
    assert follower.find(20.0) == "127.0.0.7"
    answer[0] = None
    follower.find(20.0)
    assert searches[-1] == searches[-2] == now[0]
    now[0] += 30.0
    follower.find(20.0)
    assert searches[-1] == now[0]


def test_a_search_that_was_too_short_does_not_make_a_device_lost(
    file: DevicesFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.put(NamedDevice("lamp", "127.0.0.9", TOKEN.hex(), 5))
    now, searches = [1000.0], []

    def locate(did: int, known: str, *, timeout: float, **how: object) -> str | None:
        searches.append((now[0] - 1000.0, timeout))
        return "127.0.0.7" if timeout >= 4.0 else None

    monkeypatch.setattr(blocking, "locate", locate)
    follower = Follower("lamp", file.path, clock=lambda: now[0])
    # The rest is six times as long as the search, then twelve times, then 24 times.
    for now[0] in (1000.0, 1000.5, 1000.75, 1001.75, 1002.0, 1002.25):
        assert follower.find(0.2) == "127.0.0.9"
    assert searches == [(0.0, 0.1), (0.75, 0.1), (2.0, 0.1)]
    # One that is longer by far begins at once, and is the first of its length.
    for seconds in (3.0, 3.0, 4.0):
        follower.find(seconds)
    assert searches[3:] == [(2.25, 1.5)]
    assert follower.find(20.0) == "127.0.0.7"
    assert searches[4:] == [(2.25, 5.0)]


def test_who_answers_nowhere_stays_where_it_was(file: DevicesFile, server: Server) -> None:
    put(file, server, "127.0.0.1", did=DEVICE_ID + 1)
    assert Follower("lamp", file.path).find(0.4) == "127.0.0.1"


def test_nobody_holds_a_device_that_is_not_used(file: DevicesFile) -> None:
    file.put(NamedDevice("lamp", "127.0.0.1", TOKEN.hex(), 5))
    device = Device.from_name("lamp", path=file.path)
    gone = weakref.ref(device)
    gc.disable()
    try:
        del device
        assert gone() is None
    finally:
        gc.enable()


class FromPythonMiio(Device):
    def __init__(
        self, ip: str | None = None, token: str | None = None, start_id: int = 0, debug: int = 0
    ) -> None:
        super().__init__(ip, token, start_id, debug)


def test_a_class_written_for_python_miio(file: DevicesFile) -> None:
    file.put(NamedDevice("lamp", "127.0.0.1", TOKEN.hex(), 5, "a.b.c"))
    device = FromPythonMiio.from_name("lamp", path=file.path, debug=1)
    assert (device.ip, device.token, device.debug, device.model) == ("127.0.0.1", TOKEN.hex(), 1, "a.b.c")
