"""A module that is set up: its access point, the network it joins or cannot join, and what its MCU is told."""

from __future__ import annotations

import pytest

from miio_lan.lan import packet
from miio_lan.virtual.module.module import Timings

TOKEN = bytes(range(16))
OTHER_TOKEN = bytes(range(16, 32))
CREDENTIALS = {"ssid": "attic", "passwd": "right one", "uid": 7}
NETWORKS = {"attic": "right one"}
SLOW = Timings(join=3.0, cloud=2.0, give_up=8.0)


def shown(chip):
    return packet.shown_token(chip.hello()[0])


def polled(chip, seconds):
    """What the MCU is told of the network while it polls five times a second, with the times."""
    told = []
    begin = chip.now
    while chip.now < begin + seconds:
        chip.wait(0.2)
        if (line := chip.uart("get_down")) != "down none\r":
            told.append((line.removeprefix("down MIIO_net_change ").strip(), round(chip.now - begin, 1)))
    return told


@pytest.mark.parametrize("profile", ["document", "newer"])
def test_the_mcu_is_told_each_state_in_order(bench, profile):
    chip = bench(provisioned=False, networks=NETWORKS, timings=SLOW, profile=profile)
    assert polled(chip, 1) == [("uap", 0.2)]
    assert chip.call("miIO.config_router", CREDENTIALS) in (["ok"], 0)
    assert polled(chip, 6) == [("offline", 0.2), ("local", 3.0), ("cloud", 5.0)]
    assert (chip.module.chip.device_id, shown(chip)) == (123_456_789, None)
    assert chip.call("miIO.info")["ap"]["ssid"] == "attic"


def test_nothing_reaches_it_while_it_joins(bench):
    chip = bench(provisioned=False, networks=NETWORKS, timings=SLOW)
    chip.call("miIO.config_router", CREDENTIALS)
    chip.wait(2.9)
    assert (chip.hello(), chip.uart("net")) == ([], "offline\r")
    chip.wait(0.1)
    assert (len(chip.hello()), chip.uart("net")) == (1, "local\r")


@pytest.mark.parametrize(
    ("given", "counts"),
    [({"ssid": "attic", "passwd": "wrong one"}, (1, 0)), ({"ssid": "cellar", "passwd": "right one"}, (0, 1))],
)
def test_it_comes_back_when_it_cannot_join(bench, given, counts):
    chip = bench(provisioned=False, networks=NETWORKS, timings=SLOW)
    polled(chip, 1)
    assert chip.call("miIO.config_router", given) == ["ok"]
    assert polled(chip, 9) == [("offline", 0.2), ("uap", 8.0)]
    assert shown(chip) == TOKEN
    assert (chip.module.chip.ssid, chip.module.chip.password) == ("", "")
    answer = chip.call("miIO.wifi_assoc_state")
    assert (answer["auth_fail_count"], answer["conn_fail_count"]) == counts
    # It can be told again, and waits for half an hour as at first.
    assert chip.call("miIO.config_router", CREDENTIALS) == ["ok"]
    chip.wait(5)
    assert chip.uart("net") == "cloud\r"


def test_it_waits_for_half_an_hour_again_after_it_came_back(bench):
    chip = bench(provisioned=False, networks={}, timings=SLOW)
    chip.call("miIO.config_router", CREDENTIALS)
    chip.wait(8 + 1799)
    assert chip.uart("net") == "uap\r"
    chip.wait(1)
    assert chip.uart("net") == "unprov\r"


def test_some_never_give_up(bench):
    chip = bench(provisioned=False, networks={}, timings=Timings(give_up=None))
    chip.call("miIO.config_router", CREDENTIALS)
    chip.wait(3600)
    assert (chip.uart("net"), chip.module.provisioned) == ("offline\r", True)


def test_a_restart_while_it_joins_goes_on_with_what_it_was_told(bench):
    chip = bench(provisioned=False, networks=NETWORKS, timings=SLOW)
    chip.call("miIO.config_router", CREDENTIALS)
    chip.wait(1)
    chip.module.restart(chip.now)
    chip.wait(0.5)
    assert chip.uart("net") == "offline\r"
    chip.wait(5)
    assert chip.uart("net") == "cloud\r"


def test_some_keep_their_access_point_for_a_while(bench):
    chip = bench(provisioned=False, networks=NETWORKS, timings=Timings(leave=60.0))
    chip.call("miIO.config_router", CREDENTIALS)
    chip.wait(59)
    assert (shown(chip), chip.uart("net")) == (TOKEN, "uap\r")
    chip.wait(1)
    assert (shown(chip), chip.uart("net")) == (None, "cloud\r")


def test_told_twice_it_joins_once(bench):
    chip = bench(provisioned=False, networks=NETWORKS, timings=Timings(leave=1.0))
    assert [chip.call("miIO.config_router", CREDENTIALS) for _ in range(2)] == [["ok"], ["ok"]]
    polled(chip, 3)
    assert (chip.module.life(chip.now), chip.uart("net")) == (4, "cloud\r")


def test_one_that_is_set_up_knows_its_network(bench):
    chip = bench(networks=NETWORKS)
    assert chip.uart("net") == "cloud\r"
    assert chip.call("miIO.info")["ap"]["ssid"] == "attic"


@pytest.mark.parametrize(("renewed", "after"), [(None, TOKEN), (lambda: OTHER_TOKEN, OTHER_TOKEN)])
def test_a_reset_keeps_the_did_and_perhaps_the_token(bench, renewed, after):
    chip = bench(networks=NETWORKS, next_token=renewed)
    chip.uart("restore")
    chip.wait(1)
    (reply,) = chip.hello()
    assert (reply.device_id, packet.shown_token(reply)) == (123_456_789, after)
    assert chip.module.responder.token == after


def test_states_are_told_to_who_moves_its_cables(bench):
    states = []
    chip = bench(provisioned=False, on_net=states.append)
    chip.call("miIO.config_router", CREDENTIALS)
    assert states == ["uap", "offline", "local", "cloud"]


def test_a_state_set_by_hand_is_no_failure(bench):
    chip = bench()
    chip.module.set_net("uap", chip.now)
    assert (chip.module.chip.ssid, chip.module.chip.connection_failures) == ("home", 0)


def test_the_name_of_its_access_point(bench):
    chip = bench(model="yeelink.light.lamp1", mac="34ce00892ab7").module.chip
    assert chip.access_point == "yeelink-light-lamp1_miap2ab7"
