"""A product whose access point and home are two networks: it leaves one for the other, and is found there by its did.

In network namespaces made for this test; skipped where that is not allowed.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.namespaces import ran_in_a_network_of_its_own

ATTEMPT = "ip link add v0 type veth peer name v1 && unshare --net true"
DONE = [[name, "done"] for name in ("find", "tell", "join", "check", "store")]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    result: dict[str, Any] = ran_in_a_network_of_its_own("setting_up.py", ATTEMPT)
    return result


def test_after_a_reset_it_is_at_its_own_access_point_only(found: dict[str, Any]) -> None:
    assert (found["waits at"], found["gone from home"]) == ("10.8.0.1", "DeviceTimeout")


def test_a_wrong_password_brings_it_back(found: dict[str, Any]) -> None:
    attempt = found["wrong password"]
    assert attempt["phases"] == [["find", "done"], ["tell", "done"], ["join", "not joined"]]
    assert "shows its token at 10.8.0.1" in attempt["error"]
    assert "the password was not accepted" in attempt["error"]
    assert found["states then"] in (["offline", "uap"], ["uap"])


def test_it_is_found_again_by_its_did_in_the_other_network(found: dict[str, Any]) -> None:
    attempt = found["right password"]
    assert (attempt["phases"], attempt["ip"], attempt["did"]) == (DONE, "10.1.0.10", 0x0A0A)
    assert found["info"] == ["attic", "10.1.0.10", 0x0A0A]
    # An MCU that polls late is told the last state only: some may be left out.
    states = found["states in the end"]
    assert states[-1] == "cloud"
    assert states == [each for each in ("offline", "local", "cloud") if each in states]


def test_again_after_another_reset(found: dict[str, Any]) -> None:
    assert (found["again, asyncio"]["phases"], found["again, asyncio"]["ip"]) == (DONE, "10.1.0.10")
