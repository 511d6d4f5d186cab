"""Where a user's files lie, and how they are written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miio_lan import keeping
from miio_lan.keeping import (
    Claim,
    cache_folder,
    config_folder,
    locked,
    missing_file,
    open_to_others,
    replace_file,
)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


def test_why_there_is_no_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    assert missing_file(tmp_path / "file") == ""
    assert missing_file(tmp_path) == f"{tmp_path} is no file"
    for name in (tmp_path / "none", tmp_path / "file" / "none"):
        assert missing_file(name) == f"there is no file {name}"
    assert missing_file(Path("x" * 300)).endswith("cannot be read: File name too long")


@pytest.mark.parametrize(
    ("folder", "platform", "variable", "found"),
    [
        (config_folder, "linux", "XDG_CONFIG_HOME", ".config/miio-lan"),
        (cache_folder, "linux", "XDG_CACHE_HOME", ".cache/miio-lan"),
        (config_folder, "darwin", "", "Library/Application Support/miio-lan"),
        (cache_folder, "darwin", "", "Library/Caches/miio-lan"),
        (config_folder, "win32", "APPDATA", "miio-lan"),
        (cache_folder, "win32", "LOCALAPPDATA", "miio-lan"),
    ],
)
def test_folders(
    folder: Callable[[], Path],
    platform: str,
    variable: str,
    found: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert folder() == tmp_path / found
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "else"))
        assert folder() == tmp_path / "else" / "miio-lan"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_who_has_no_folder_has_nothing_kept(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container or a service that runs under a number nobody gave a name to."""

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    for folder in (config_folder, cache_folder):
        assert folder().parts[0] == os.sep
        assert folder().name == "miio-lan"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o600, ""),
        (0o400, ""),
        (0o640, "is open to others (mode 640): chmod 600 keeps it private"),
        (0o604, "is open to others (mode 604): chmod 600 keeps it private"),
        (0o620, "is open to others (mode 620): chmod 600 keeps it private"),
    ],
)
def test_a_file_with_a_secret_is_its_owners_alone(mode: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(mode)
    assert open_to_others(path.stat()) == said


def test_modes_say_nothing_of_pipes_and_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    pipe.chmod(0o644)
    assert open_to_others(pipe.stat()) == ""
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(0o666)
    monkeypatch.setattr("sys.platform", "win32")
    assert open_to_others(path.stat()) == ""


def test_a_file_is_replaced_as_a_whole_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_may_be_for_others_as_the_umask_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0o022)
    try:
        replace_file(path, b"new", mode=0o666)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_what_goes_wrong_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_claim_has_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lamp.lock"
    first, second = Claim(path), Claim(path)
    assert first.take("first, test_x", wait=False)
    assert first.take("again", wait=False)
    assert not second.take("second", wait=False)
    assert (first.held, second.held, second.holder()) == (True, False, "first, test_x")
    first.free()
    first.free()
    assert second.take("second", wait=True)
    assert first.holder() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second.free()


def test_a_claim_ends_with_its_program(tmp_path: Path) -> None:
    path = tmp_path / "lamp.lock"
    code = (
        "import sys; from pathlib import Path; from miio_lan.keeping import Claim; "
        "print(Claim.take(claim := Claim(Path(sys.argv[1])), 'other', wait=True), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        claim = Claim(path)
        assert not claim.take("we", wait=False)
        assert claim.holder() == "other"
        other.kill()
        assert claim.take("we", wait=True)
        claim.free()


def test_where_there_are_no_locks_every_claim_is_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    claims = Claim(tmp_path / "lamp.lock"), Claim(tmp_path / "lamp.lock")
    assert [each.take("us", wait=False) for each in claims] == [True, True]
    for each in claims:
        each.free()


def test_a_claim_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file")
    with pytest.raises(OSError, match="full"):
        Claim(tmp_path / "full" / "lamp.lock").take("us", wait=False)


@pytest.mark.parametrize("threads", [False, True], ids=["programs", "threads"])
def test_a_folder_that_somebody_else_has_is_waited_for_as_long_as_it_was_told(
    threads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keeping._NEXT_TRY == 0.01
    if threads:
        monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path):
        for seconds in (0.0, 0.02):
            with pytest.raises(BlockingIOError, match="in use"), locked(tmp_path, seconds):
                pass
    with locked(tmp_path, 0.0):
        pass
