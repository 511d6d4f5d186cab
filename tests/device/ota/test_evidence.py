"""What shows a restart, and what proves other firmware."""

from __future__ import annotations

import pytest

from miio_lan.device.ota.evidence import Boots, UpdateEvidence
from miio_lan.device.ota.outcome import Versions

OLD, NEW = Versions("1.0", "0001"), Versions("2.0", "0001")


@pytest.mark.parametrize(
    ("readings", "restarts"),
    [
        ([(100, 1000), (110, 1010), (120, 1020)], [False, False, False]),
        ([(100, 1000), (101, 1005)], [False, False]),  # late: it was under way for a while
        ([(100, 1000), (2, 1020)], [False, True]),
        ([(100, 1000), (99, 1001)], [False, False]),  # set back by hand
        ([(100, 1000), (2, 1020), (12, 1030)], [False, True, False]),
        ([(100, 1000), (2, 1020), (2, 1040)], [False, True, True]),
        ([(3, 1000), (3, 1001)], [False, False]),
        ([(1_700_000_000, 1000), (1_700_000_020, 1020)], [False, False]),
        ([(1_700_000_000, 1000), (1_600_000_000, 1020)], [False, False]),
        ([(1_700_000_000, 1000), (3, 1020)], [False, True]),  # its clock is not set yet
        ([(100, 1000), (1_700_000_000, 1005)], [False, False]),
        ([(100, 1000), (1, 1000)], [False, False]),  # the same word again
    ],
)
def test_restarts(readings: list[tuple[float, float]], restarts: list[bool]) -> None:
    boots = Boots()
    assert [boots.observe(*each) for each in readings] == restarts


def test_a_count_told_in_order_falls_by_a_restart_alone() -> None:
    boots = Boots(exact=True)
    assert [boots.observe(*each) for each in [(3, 1000), (2, 1002), (4, 1004)]] == [False, True, False]


def evidence(wanted: str | None = None, before: Versions = OLD) -> UpdateEvidence:
    made = UpdateEvidence(wanted)
    made.before = before
    return made


def test_a_module_is_proven_by_a_restart_and_another_version() -> None:
    found = evidence()
    found.told(NEW, 1.0, with_file=True)
    assert not found.proof(1.0, installed=True, steady=0)
    found.restart(with_file=True)
    assert not found.proof(1.0, installed=True, steady=0)
    found.told(NEW, 2.0, with_file=True)
    assert found.proof(1.0, installed=False, steady=5) == "it restarted, and its version is 2.0 (1.0 before)"


def test_a_restart_before_the_file_was_there_proves_nothing() -> None:
    found = evidence()
    found.restart(with_file=False)
    found.told(NEW, 1.0, with_file=True)
    assert not found.proof(1.0, installed=True, steady=0)


def test_a_restart_into_the_old_version_does_not_prove_a_later_change() -> None:
    found = evidence()
    found.restart(with_file=True)
    found.told(OLD, 1.0, with_file=True)
    found.told(NEW, 2.0, with_file=True)
    assert not found.proof(2.0, installed=True, steady=0)
    found.restart(with_file=True)
    found.told(NEW, 3.0, with_file=True)
    assert found.proof(3.0, installed=True, steady=0)


@pytest.mark.parametrize(
    ("wanted", "installed", "at", "proven"),
    [
        ("0002", False, 1.0, True),
        ("0003", True, 9.0, False),
        (None, True, 1.0, True),
        (None, False, 9.0, False),
    ],
)
def test_an_mcu_is_proven_by_its_version(
    wanted: str | None, installed: bool, at: float, proven: bool
) -> None:
    found = evidence(wanted)
    found.told(Versions("1.0", "0002"), 1.0, with_file=True)
    assert bool(found.proof(at, installed=installed, steady=5)) is proven
    early = evidence(wanted)
    early.told(Versions("1.0", "0002"), 1.0, with_file=False)
    early.told(Versions("1.0", "0002"), 2.0, with_file=True)
    assert not early.proof(9.0, installed=True, steady=5)


def test_an_mcus_version_after_a_restart_of_the_module_has_to_stay() -> None:
    found = evidence()
    found.restart(with_file=True)
    found.told(Versions("1.0", "0000"), 1.0, with_file=True)
    assert not found.proof(2.0, installed=False, steady=5)
    assert found.proof(6.0, installed=False, steady=5)


def test_what_is_not_told_is_no_change() -> None:
    found = evidence(before=Versions("1.0", None))
    found.restart(with_file=True)
    found.told(Versions(None, "0002"), 1.0, with_file=True)
    assert not found.changed
    assert not found.proof(9.0, installed=True, steady=0)
