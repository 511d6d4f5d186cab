"""Where a user's files lie, and how they are written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from miio_lan.keeping import cache_folder, config_folder, replace_file


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


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
