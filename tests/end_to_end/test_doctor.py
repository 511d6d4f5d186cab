"""The doctor on two subnets that a router joins: absence, aloofness, refusals and moves are told apart.

In network namespaces made for this test; skipped where that is not allowed.
"""

from __future__ import annotations

from typing import Any

import pytest
from end_to_end.test_discovery import ATTEMPT
from support.namespaces import ran_in_a_network_of_its_own

Found = dict[str, dict[str, Any]]
ROUTER, FAR = "10.1.0.1", "10.2.0.10"


@pytest.fixture(scope="module")
def found() -> Found:
    result: Found = ran_in_a_network_of_its_own("ask_the_doctor.py", ATTEMPT, "nsenter", patience=300)
    return result


def step(diagnosis: dict[str, Any], name: str) -> dict[str, str]:
    return next(each for each in diagnosis["findings"] if each["step"] == name)


def verdict(diagnosis: dict[str, Any], *names: str) -> list[str]:
    return [step(diagnosis, name)["verdict"] for name in names]


def test_products_in_good_order_near_and_behind_the_router(found: Found) -> None:
    assert found["near"]["healthy"]
    assert found["far"]["healthy"]
    assert "reached without a router" in step(found["near"], "subnet")["seen"]
    assert f"a router ({ROUTER}) is between" in step(found["far"], "route")["seen"]
    assert "it answers all the same" in step(found["far"], "subnet")["seen"]


def test_a_product_that_ignores_other_subnets_is_explained(found: Found) -> None:
    aloof = found["aloof"]
    assert verdict(aloof, "route", "hello", "subnet", "firewall") == ["good", "bad", "in doubt", "in doubt"]
    assert "answers a ping, so it is reached" in step(aloof, "subnet")["seen"]
    assert "drop, without a word, what comes from another subnet" in step(aloof, "subnet")["seen"]
    assert "from a computer of its own subnet" in step(aloof, "subnet")["next"]


def test_nobody_is_there(found: Found) -> None:
    near, far = found["nobody near"], found["nobody far"]
    assert "Nobody at that address answers on our own network either (ARP)" in step(near, "hello")["seen"]
    assert f"{ROUTER} says that the address is not reached (ICMP)" in step(far, "hello")["seen"]
    assert "no ping either" in step(far, "hello")["seen"]


def test_a_device_that_moved_is_found(found: Found) -> None:
    assert "answers at 10.1.0.10 instead" in step(found["moved"], "hello")["seen"]
    assert "Use 10.1.0.10" in step(found["moved"], "hello")["next"]


def test_a_port_that_is_closed(found: Found) -> None:
    assert f"{FAR} says that nobody listens" in step(found["closed port"], "hello")["seen"]


def test_no_way_there(found: Found) -> None:
    assert found["no way"]["ends_at"] == "route"


def test_a_router_that_prohibits_says_so(found: Found) -> None:
    rule = found["prohibit"]
    assert verdict(rule, "hello", "firewall") == ["bad", "bad"]
    assert f"{ROUTER} says that a rule prohibits it" in step(rule, "firewall")["seen"]


def test_what_is_dropped_without_a_word_stays_in_doubt(found: Found) -> None:
    assert verdict(found["blackhole"], "hello", "firewall") == ["bad", "in doubt"]


def test_firewalls(found: Found) -> None:
    if "reject" not in found:
        pytest.skip("no firewall to set up: there is no nft")
    assert verdict(found["reject"], "firewall") == verdict(found["admin"], "firewall") == ["bad"]
    assert f"{ROUTER} refused the port in the device's place" in step(found["reject"], "firewall")["seen"]
    assert verdict(found["drop"], "firewall") == ["in doubt"]
    assert "its own firewall" in step(found["own"], "firewall")["seen"]
