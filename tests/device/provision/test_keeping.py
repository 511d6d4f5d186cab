"""A device that was set up is kept under a name; what its file is like after each way out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.device.info import DeviceInfo
from miio_lan.device.provision.keeping import Keeper
from miio_lan.device.provision.plan import make_plan
from miio_lan.device.provision.steps import Provisioning
from miio_lan.errors import DevicesFileError, InvalidArgument
from miio_lan.keeping import locked
from miio_lan.record.redact import Secret

TOKEN = "00112233445566778899aabbccddeeff"
OLD = "ffeeddccbbaa99887766554433221100"
DID = 777


def clock() -> float:
    return 5.0


@pytest.fixture
def file(tmp_path: Path) -> DevicesFile:
    return DevicesFile(tmp_path / "names" / "devices.json")


def told(model: str | None = "a.b.c", *, was_told: bool = True, **more: Any) -> Provisioning:
    """A device that was told, and perhaps found."""
    run = Provisioning(make_plan("attic", "a right password"), 0.0)
    run.did, run.ip, run.token, run.was_told = DID, "192.168.1.9", Secret(TOKEN), was_told
    run.info = DeviceInfo({} if model is None else {"model": model})
    for name, value in more.items():
        setattr(run, name, value)
    return run


def test_it_is_kept_with_all_that_is_known(file: DevicesFile) -> None:
    made = Keeper("lamp", path=file.path).keep(told(), clock)
    assert made.name == "lamp"
    assert [(each.name, each.outcome) for each in made.phases] == [("store", "done")]
    assert file.read() == {"lamp": NamedDevice("lamp", "192.168.1.9", TOKEN, DID, "a.b.c")}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("a.b.c", "a.b.c-777"),
        (None, "device-777"),
        ("../../etc", "device-777"),
        ("--all", "all-777"),
        ("\x1b[2J", "device-777"),
        ("...", "device-777"),
        ("x" * 50, "device-777"),
    ],
)
def test_without_a_name_it_gets_one(file: DevicesFile, model: str | None, name: str) -> None:
    assert Keeper(None, wanted=True, path=file.path).keep(told(model), clock).name == name


def test_a_name_that_is_taken_gets_a_number(file: DevicesFile) -> None:
    file.put(NamedDevice("a.b.c-777", "192.168.1.3", OLD, 5))
    assert Keeper(None, wanted=True, path=file.path).keep(told(), clock).name == "a.b.c-777-2"
    assert file.get("a.b.c-777").did == 5


def test_every_name_of_this_did_gets_the_new_token(file: DevicesFile) -> None:
    file.put(NamedDevice("old", "192.168.8.1", OLD, DID, "x.y.z", more={"room": "attic"}))
    made = Keeper("lamp", path=file.path).keep(told(None), clock)
    assert made.name == "lamp"
    assert file.get("old") == NamedDevice("old", "192.168.1.9", TOKEN, DID, "x.y.z", more={"room": "attic"})
    assert file.get("lamp").token == TOKEN
    assert Keeper(None, wanted=True, path=file.path).keep(told(), clock).name == "old"


def test_the_name_of_another_device_is_not_taken_unless_asked(file: DevicesFile) -> None:
    file.put(NamedDevice("lamp", "192.168.1.3", OLD, 5, more={"room": "attic"}))
    assert Keeper("lamp", path=file.path).owner == 5
    taking = Keeper("lamp", path=file.path, replacing=True)
    assert taking.owner is None
    taking.keep(told(), clock)
    assert file.get("lamp") == NamedDevice("lamp", "192.168.1.9", TOKEN, DID, "a.b.c")
    file.put(NamedDevice("fan", "192.168.1.3", OLD))
    assert Keeper("fan", path=file.path).owner == 0


@pytest.mark.parametrize("run", [told(was_told=False), told(did=None), told(token=None)])
def test_what_was_not_told_is_not_kept(file: DevicesFile, run: Provisioning) -> None:
    assert Keeper("lamp", path=file.path).keep(run, clock).name is None
    assert not file.path.exists()


def test_nor_is_what_is_not_wanted(file: DevicesFile) -> None:
    assert Keeper(None, path=file.path).keep(told(), clock).name is None
    assert Keeper("lamp", wanted=False, path=file.path).keep(told(), clock).name is None
    assert not file.path.exists()


@pytest.mark.parametrize(
    ("outcome", "kept"), [("refused", False), ("not joined", False), ("not found", True)]
)
def test_a_failure_keeps_the_token_where_it_would_be_lost(
    file: DevicesFile, outcome: str, kept: bool
) -> None:
    run = told()
    run.ends(outcome, "so it is")
    made = Keeper("lamp", path=file.path).keep(run, clock)
    assert (made.name is not None) is kept
    assert (made.failure, file.path.exists()) == (outcome, kept)


def test_a_file_that_cannot_be_written_is_a_failure_of_its_own(file: DevicesFile) -> None:
    keeper = Keeper("lamp", path=file.path)
    file.path.parent.write_text("in the way")
    made = keeper.keep(told(), clock)
    assert (made.failure, made.name) == ("not stored", None)
    assert "its token is not kept" in made.error
    assert TOKEN not in made.error


def test_what_cannot_work_is_told_before(file: DevicesFile) -> None:
    with pytest.raises(InvalidArgument, match="a name"):
        Keeper("--lamp", path=file.path)
    file.path.parent.mkdir()
    file.path.write_text("{")
    with pytest.raises(DevicesFileError, match="not JSON"):
        Keeper("lamp", path=file.path)


def test_a_folder_that_cannot_be_written_is_told_before(
    file: DevicesFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the device would be set up, show its token no more, and nobody would have it."""
    refused: list[Path] = []

    def access(path: Path, mode: int) -> bool:
        refused.append(path)
        return False

    monkeypatch.setattr(os, "access", access)
    with pytest.raises(DevicesFileError, match="cannot be written: that is not permitted in"):
        Keeper("lamp", path=file.path)
    assert refused == [file.path.parent.parent]  # where the folder would be made
    file.path.parent.mkdir()
    with pytest.raises(DevicesFileError, match="cannot be written"):
        Keeper(None, wanted=True, path=file.path)
    assert refused[1:] == [file.path.parent]
    Keeper(None, path=file.path)


class TestInterrupted:
    def test_before_it_was_told(self, file: DevicesFile) -> None:
        said = Keeper("lamp", path=file.path).interrupted(told(was_told=False))
        assert said == "nothing was sent to a device but greetings"
        assert not file.path.exists()

    def test_afterwards(self, file: DevicesFile) -> None:
        said = Keeper("lamp", path=file.path).interrupted(told())
        assert said == "the device 777 was told to join 'attic'; it is kept as 'lamp'"
        assert file.get("lamp").token == TOKEN

    def test_the_address_that_it_will_have_is_kept_where_it_is_known(self, file: DevicesFile) -> None:
        plan = make_plan("attic", "a right password", new_address="192.168.1.9")
        Keeper("lamp", path=file.path).interrupted(told(plan=plan, ip="192.168.8.1"))
        assert file.get("lamp").ip == "192.168.1.9"

    def test_where_it_is_not_wanted(self) -> None:
        assert Keeper(None).interrupted(told()).endswith("; its token is not kept")

    def test_where_it_is_kept_already(self, file: DevicesFile, monkeypatch: pytest.MonkeyPatch) -> None:
        run, keeper = told(), Keeper(None, wanted=True, path=file.path)
        keeper.keep(run, clock)
        monkeypatch.setattr(DevicesFile, "change", None)  # nothing is written once more
        assert keeper.interrupted(run).endswith("; it is kept as 'a.b.c-777'")

    def test_where_nobody_can_know_whether_it_is_kept(self, file: DevicesFile) -> None:
        """The interruption comes right after the file was written: the same entry is found again, under its name."""
        Keeper(None, wanted=True, path=file.path).keep(told(), clock)
        before = file.path.stat()
        said = Keeper(None, wanted=True, path=file.path).interrupted(told())
        assert said.endswith("; it is kept as 'a.b.c-777'")
        assert (list(file.read()), file.path.stat().st_mtime_ns) == (["a.b.c-777"], before.st_mtime_ns)

    def test_while_others_change_the_file(self, file: DevicesFile, monkeypatch: pytest.MonkeyPatch) -> None:
        """It waits for them once more, but not for ever; and what then is to be done is said."""
        monkeypatch.setattr("miio_lan.device.provision.keeping.LOCK_PATIENCE", 0.0)
        keeper = Keeper("lamp", path=file.path)
        file.path.parent.mkdir()
        with locked(file.path.parent):
            said = keeper.interrupted(told())
        assert "its token is not kept" in said
        assert said.endswith(
            "another program is changing it. It shows it again after a reset, when it waits to be set up"
        )
        assert TOKEN not in said
        assert not file.path.exists()
        assert keeper.interrupted(told()).endswith("it is kept as 'lamp'")

    def test_once_more(self, file: DevicesFile, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(DevicesFile, "change", interrupt)
        assert "its token is not kept. It shows it again" in Keeper("lamp", path=file.path).interrupted(
            told()
        )
