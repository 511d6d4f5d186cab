from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.ota import UpdateProgress, UpdateState, update_parameters
from miio_lan.errors import InvalidArgument

MD5 = "0123456789ABCDEF" * 2


def test_the_four_named_states() -> None:
    assert UpdateState("downloading") is UpdateState.Downloading
    assert UpdateState("installing") is UpdateState.Installing
    assert UpdateState("failed") is UpdateState.Failed
    assert UpdateState("idle") is UpdateState.Idle


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("downloaded", UpdateState.Downloaded),
        ("downlaoded", UpdateState.Downloaded),
        ("donwloaded", UpdateState.Downloaded),
        ("downloadded", UpdateState.Downloaded),
        ("installed", UpdateState.Installed),
        ("busy", UpdateState.Busy),
        ("wait_install", UpdateState.WaitInstall),
        ("waiting", UpdateState.Waiting),
        ("starting", UpdateState.Starting),
        ("failed|-33004|disconnect", UpdateState.Failed),
        ("failure", UpdateState.Failed),
        ("error", UpdateState.Failed),
        ("Failed", UpdateState.Failed),
        (" idle ", UpdateState.Idle),
        ("something new", UpdateState.Unknown),
        ("stalled", UpdateState.Unknown),
        ("uninstalled", UpdateState.Unknown),
        ("install", UpdateState.Unknown),
        ("instaled", UpdateState.Unknown),
        ("not installed", UpdateState.Unknown),
        ("reinstalled", UpdateState.Unknown),
        ("idel", UpdateState.Unknown),
        ("download", UpdateState.Unknown),
        ("undownloaded", UpdateState.Unknown),
        ("", UpdateState.Unknown),
        (None, UpdateState.Unknown),
        (5, UpdateState.Unknown),
    ],
)
def test_further_words(word: object, state: UpdateState) -> None:
    assert UpdateState(word) is state


@given(
    st.text(max_size=14) | st.permutations("installed").map("".join) | st.permutations("idle").map("".join)
)
def test_no_guess_is_a_success(word: str) -> None:
    exact = word.split("|", 1)[0].strip().lower()
    assert UpdateState(word) not in {UpdateState.Installed, UpdateState.Idle} or exact in {
        "installed",
        "idle",
    }


def test_progress_starts_at_zero_and_ends_at_a_hundred() -> None:
    progress = UpdateProgress()
    told = [101, 101, 0, 3, 40, 38, 90, -1, 100, 101, 101]
    assert [progress.observe(number) for number in told] == [0, 0, 0, 3, 40, 40, 90, 90, 100, 100, 0]


@pytest.mark.parametrize(
    ("told", "state", "shown"),
    [
        ([40, 101], UpdateState.Failed, [40, 40]),
        ([40, 101], UpdateState.Idle, [40, 40]),
        ([40, 101], UpdateState.Unknown, [40, 40]),
        ([40, 101], None, [40, 40]),
        ([40, 101], UpdateState.Installed, [40, 100]),
        ([100, 101], UpdateState.Failed, [100, 99]),
        ([100, 101], UpdateState.Idle, [100, 100]),
        ([101], UpdateState.Installed, [0]),
    ],
)
def test_what_101_means_after_a_percentage(
    told: list[int], state: UpdateState | None, shown: list[int]
) -> None:
    progress = UpdateProgress()
    assert [progress.observe(number, state) for number in told] == shown
    assert progress.observe(101, state) == 0


def test_a_new_update_begins_anew() -> None:
    progress = UpdateProgress()
    progress.observe(80)
    progress.restart()
    assert progress.observe(101) == 0
    assert progress.observe(2) == 2


@given(st.lists(st.integers() | st.floats() | st.none() | st.text() | st.booleans()))
def test_progress_is_always_a_percentage(told: list[object]) -> None:
    progress = UpdateProgress()
    assert all(0 <= progress.observe(number) <= 100 for number in told)


def test_parameters_of_an_update() -> None:
    assert update_parameters("http://10.0.0.2/fw.bin", MD5) == {
        "mode": "normal",
        "install": "1",
        "app_url": "http://10.0.0.2/fw.bin",
        "file_md5": MD5.lower(),
        "proc": "dnld install",
    }


@pytest.mark.parametrize(
    ("url", "md5", "why"),
    [
        ("ftp://x/fw.bin", MD5, "http://"),
        ("/tmp/fw.bin", MD5, "http://"),
        ("http://" + "x" * 260, MD5, "256"),
        ("http://x/fw.bin", "abc", "MD5"),
        ("http://x/fw.bin", "g" * 32, "MD5"),
        (None, MD5, "http://"),
        ("http://x/fw.bin", None, "MD5"),
    ],
)
def test_what_no_device_could_fetch(url: str, md5: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        update_parameters(url, md5)
