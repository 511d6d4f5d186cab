"""Setting up a device, with a clock of our own and answers as we like: what is done next, and what is said of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from miio_lan.device.info import DeviceInfo
from miio_lan.device.provision.orders import AskInfo, Delay, Look, SendCommand, SendHello
from miio_lan.device.provision.plan import make_plan
from miio_lan.device.provision.result import FAILURES, Provisioned, ProvisionPhase
from miio_lan.device.provision.steps import Provisioning
from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceInfoUnavailableException,
    DeviceTimeout,
    OutcomeUnknown,
    PayloadDecodeException,
)
from miio_lan.lan.discovery.findings import Finding
from miio_lan.lan.packet import Packet, decode, hello_reply
from miio_lan.record.redact import Secret

PASSWORD = "a right password"
TOKEN = "00112233445566778899aabbccddeeff"
DID = 777
AP, HOME = "192.168.8.1", "192.168.1.9"
SILENT = DeviceTimeout("nothing came")


def at(ip: str, *, token: str | None = None, did: int = DID, answered: bool = True) -> Finding:
    return Finding(did, ip, token=None if token is None else Secret(token), answered=answered)


WAITING = at(AP, token=TOKEN)
JOINED = at(HOME)


class World:
    """A device and its networks, as a script: what is found, and what is answered, each time it is asked.

    :param looks: the findings of each search, the last of them for ever; or the error it ends with
    :param told: what comes of ``miIO.config_router``
    :param greets: the sign in each answer to a plain hello, the last for ever
    :param infos: what comes of each ``miIO.info``, the last for ever
    :param counts: what comes of each ``miIO.wifi_assoc_state``, the last for ever
    """

    def __init__(
        self,
        *looks: list[Finding] | Exception,
        told: Any = ("ok",),
        greets: list[Any] | None = None,
        infos: list[Any] | None = None,
        counts: list[Any] | None = None,
    ) -> None:
        self.now = 100.0
        self.looks = for_ever(list(looks))
        self.told = list(told) if isinstance(told, tuple) else told
        self.greets = for_ever(greets or [b"\xff" * 16])
        self.infos = for_ever(
            infos or [DeviceInfo({"model": "a.b.c", "fw_ver": "2.0.0", "ap": {"ssid": "attic"}})]
        )
        self.counts = for_ever(counts or [DeviceError(-32601, "Method not found.")])
        self.orders: list[Any] = []

    def run(self, ssid: str = "attic", password: str = PASSWORD, **wishes: Any) -> Provisioned:
        self.phases: list[ProvisionPhase] = []
        self.machine = Provisioning(make_plan(ssid, password, **wishes), self.now, self.phases.append)
        order = self.machine.begin(self.now)
        while order is not None:
            assert len(self.orders) < 1000
            self.orders.append(order)
            answer = self._answer(order)
            if isinstance(answer, Exception):
                assert isinstance(answer, DeviceException)
                order = self.machine.failed(answer, self.now)
            else:
                order = self.machine.answered(answer, self.now)
        made = self.machine.result()
        assert PASSWORD not in repr(made) + repr(self.phases) + repr(made.as_json())
        assert TOKEN not in repr(made) + repr(self.phases)
        return made

    def _answer(self, order: Any) -> Any:
        if isinstance(order, Look):
            found = next(self.looks)
            enough = isinstance(found, list) and any(map(order.enough, found))
            self.now += 0.1 if enough or isinstance(found, Exception) else order.seconds
            return found
        if isinstance(order, Delay):
            self.now += order.seconds
            return None
        self.now += 0.1
        if isinstance(order, SendHello):
            sign = next(self.greets)
            return sign if isinstance(sign, Exception) else packet(sign)
        if isinstance(order, AskInfo):
            return next(self.infos)
        assert isinstance(order, SendCommand)
        return self.told if order.method == "miIO.config_router" else next(self.counts)

    def calls(self, method: str) -> list[SendCommand]:
        return [each for each in self.orders if isinstance(each, SendCommand) and each.method == method]


def for_ever(items: list[Any]) -> Iterator[Any]:
    return itertools.chain(items, itertools.repeat(items[-1]))


def packet(sign: bytes, did: int = DID) -> Packet:
    return decode(hello_reply(device_id=did, stamp=5, sign=sign), None)


def outcomes(made: Provisioned) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in made.phases]


class TestSuccess:
    def test_found_told_joined_checked(self) -> None:
        world = World([WAITING], [], [JOINED])
        made = world.run()
        assert outcomes(made) == [("find", "done"), ("tell", "done"), ("join", "done"), ("check", "done")]
        assert (made.ok, made.failure, made.error) == (True, None, "")
        assert (made.did, made.ip, str(made.token), made.ssid) == (DID, HOME, TOKEN, "attic")
        assert made.info is not None
        assert made.info.model == "a.b.c"
        (call,) = world.calls("miIO.config_router")
        assert (call.ip, call.token, call.params["passwd"]) == (AP, TOKEN, PASSWORD)

    def test_ok_is_not_joined_and_that_is_said(self) -> None:
        made = World([WAITING], [JOINED]).run()
        assert "does not say that it can join" in made.phases[1].text

    def test_each_phase_begins_and_ends_with_its_time(self) -> None:
        world = World([WAITING], [], [JOINED])
        made = world.run(timeout=60)
        assert [(each.name, bool(each.outcome)) for each in world.phases] == [
            (name, over) for name in ("find", "tell", "join", "check") for over in (False, True)
        ]
        # A search of 5 s that nobody ended; a round without the device, one with it, and a greeting.
        assert [round(each.seconds, 1) for each in made.phases] == [5.0, 0.2, 3.2, 0.1]

    @pytest.mark.parametrize("answer", [["ok"], "ok", ["OK"], 0, [0], {"code": 0}])
    def test_every_spelling_of_yes(self, answer: Any) -> None:
        world = World([WAITING], [JOINED])
        world.told = answer
        assert world.run().ok

    @pytest.mark.parametrize(
        "refusal",
        [DeviceError(-30020, "not available"), DeviceInfoUnavailableException("says nothing")],
    )
    def test_one_that_does_not_tell_who_it_is_took_the_token(self, refusal: Exception) -> None:
        made = World([WAITING], [JOINED], infos=[refusal]).run()
        assert made.ok
        assert "does not tell who it is" in made.phases[-1].text

    def test_one_that_restarts_when_it_has_joined_is_asked_again(self) -> None:
        info = DeviceInfo({})
        made = World([WAITING], [JOINED], infos=[SILENT, SILENT, info]).run()
        assert made.ok
        assert made.info is info

    def test_at_the_same_address_as_before(self) -> None:
        assert World([WAITING], [at(AP)]).run().ip == AP


class TestFinding:
    def test_with_an_address_nobody_else_is_asked(self) -> None:
        world = World([WAITING], [JOINED])
        world.run(address=AP, new_address=HOME)
        looks = [each for each in world.orders if isinstance(each, Look)]
        assert [(each.hosts, each.everywhere) for each in looks] == [((AP,), False), ((HOME, AP), False)]
        assert looks[0].enough(WAITING)
        assert not looks[0].enough(at(AP))

    def test_without_one_everybody_is_asked_to_the_end(self) -> None:
        world = World([WAITING], [JOINED])
        world.run()
        look = world.orders[0]
        assert (look.hosts, look.everywhere, look.seconds, look.announcements) == ((), True, 5.0, False)
        assert not look.enough(WAITING)  # there may be another one

    def test_a_did_ends_the_search(self) -> None:
        world = World([at("192.168.1.5", token=TOKEN, did=5), WAITING], [JOINED])
        assert world.run(did=DID).did == DID
        assert world.orders[0].enough(WAITING)
        assert not world.orders[0].enough(at(AP, token=TOKEN, did=5))

    def test_two_are_named_and_neither_is_told(self) -> None:
        world = World([WAITING, at("192.168.13.1", token=TOKEN[::-1], did=778)])
        made = world.run()
        assert outcomes(made) == [("find", "several devices")]
        assert "777 at 192.168.8.1, 778 at 192.168.13.1" in made.error
        assert made.phases[0].more["dids"] == [777, 778]
        assert world.calls("miIO.config_router") == []

    def test_one_that_is_set_up_is_told_from_nobody(self) -> None:
        made = World([at(AP)]).run(address=AP)
        assert outcomes(made) == [("find", "token hidden")]
        assert "Reset it" in made.error
        assert outcomes(World([]).run()) == [("find", "no answer")]
        assert outcomes(World([at(AP), at(HOME, did=5)]).run(did=DID)) == [("find", "token hidden")]

    def test_those_that_are_set_up_are_counted(self) -> None:
        made = World([at(HOME, did=5), at("192.168.1.3", did=6)]).run()
        assert outcomes(made) == [("find", "no answer")]
        assert "(2 devices answered, set up already)" in made.error
        assert "(1 device answered, set up already)" in World([at(HOME, did=5)]).run().error

    def test_what_was_only_announced_is_nobody(self) -> None:
        assert outcomes(World([at(AP, token=TOKEN, answered=False)]).run()) == [("find", "no answer")]

    def test_another_did_than_the_one_that_was_given(self) -> None:
        made = World([at(AP, token=TOKEN, did=5)]).run(did=DID)
        assert outcomes(made) == [("find", "another device")]
        assert "5 at 192.168.8.1" in made.error

    def test_no_network_at_all(self) -> None:
        made = World(DeviceException("this computer has no network interface")).run()
        assert outcomes(made) == [("find", "no answer")]
        assert "no network interface" in made.error

    @pytest.mark.parametrize(("owner", "done"), [(None, True), (DID, True), (5, False), (0, False)])
    def test_a_name_of_another_device_is_refused_before_anything_is_sent(
        self, owner: int | None, done: bool
    ) -> None:
        world = World([WAITING], [JOINED])
        made = world.run(name="lamp", owner=owner)
        assert made.ok is done
        assert bool(world.calls("miIO.config_router")) is done
        if not done:
            assert made.failure == "name taken"


class TestTelling:
    def test_a_refusal_is_quoted(self) -> None:
        world = World([WAITING], told=DeviceError(-32602, "Invalid param."))
        made = world.run()
        assert outcomes(made) == [("find", "done"), ("tell", "refused")]
        assert "code -32602, 'Invalid param.'" in made.error
        assert made.phases[1].more == {"code": -32602, "message": "Invalid param."}
        assert not world.machine.worth_keeping

    def test_words_that_are_no_yes_are_quoted_without_the_password(self) -> None:
        world = World([WAITING])
        world.told = [f"cannot save {PASSWORD}"]
        made = world.run()
        assert outcomes(made)[-1] == ("tell", "refused")
        assert "cannot save (hidden)" in made.error

    def test_a_refusal_that_repeats_the_password_does_not_show_it(self) -> None:
        made = World([WAITING], told=DeviceError(-1, f"what is {PASSWORD}?")).run()
        assert "what is (hidden)?" in made.error
        assert made.phases[1].more["message"] == "what is (hidden)?"

    @pytest.mark.parametrize(
        "lost",
        [
            OutcomeUnknown("no answer"),
            PayloadDecodeException("garbled"),
            DeviceError(-30012, "Busy.", may_have_run=True),
        ],
    )
    def test_a_lost_answer_is_no_failure(self, lost: Exception) -> None:
        world = World([WAITING], [JOINED], told=lost)
        made = world.run()
        assert outcomes(made) == [("find", "done"), ("tell", "unknown"), ("join", "done"), ("check", "done")]
        assert made.ok

    @pytest.mark.parametrize("message", ["Config router fail", f"cannot save {PASSWORD}", ""])
    def test_one_that_could_not_save_it_waits_on(self, message: str) -> None:
        """Nobody looks for it in the network, and blames the password."""
        error = DeviceError(-32603, message, may_have_run=True)
        error.doubt("the command may have been executed")
        world = World([WAITING], told=error)
        made = world.run()
        assert outcomes(made) == [("find", "done"), ("tell", "refused")]
        shown = message.replace(PASSWORD, "(hidden)")
        assert made.error == f"it refused: it could not save the network (code -32603, {shown!r})"
        assert made.phases[1].more == {"code": -32603, "message": shown}
        assert not world.machine.worth_keeping

    def test_an_error_that_leaves_it_open_was_readable(self) -> None:
        made = World([WAITING], [JOINED], told=DeviceError(-30001, "Resp invalid.", may_have_run=True)).run()
        assert made.phases[1].text.startswith("it answered with an error, and may have understood (")
        made = World([WAITING], [JOINED], told=OutcomeUnknown("no answer")).run()
        assert made.phases[1].text.startswith("it did not answer readably, and may have understood (")

    def test_one_that_falls_silent_before(self) -> None:
        world = World([WAITING], told=SILENT)
        made = world.run()
        assert outcomes(made) == [("find", "done"), ("tell", "no answer")]
        assert not world.machine.worth_keeping

    def test_it_may_be_told_twice(self) -> None:
        world = World([WAITING], [JOINED])
        world.run()
        (call,) = world.calls("miIO.config_router")
        assert (call.seconds, call.retries) == (2.0, 2)


class TestJoining:
    def test_rounds_go_on_to_the_end(self) -> None:
        world = World([WAITING], [])
        made = world.run(timeout=60)
        assert outcomes(made)[-1] == ("join", "not found")
        assert round(made.phases[-1].seconds) == 60
        rounds = [each.seconds for each in world.orders if isinstance(each, Look)][1:]
        assert len(rounds) == 20
        assert max(rounds) < 4.5
        assert min(rounds) > 2
        assert world.machine.worth_keeping

    def test_no_network_for_a_while_is_waited_for(self) -> None:
        gone = DeviceException("no interface")
        world = World([WAITING], gone, gone, gone, [JOINED])
        assert world.run().ok
        assert [each.seconds for each in world.orders if isinstance(each, Delay)] == [1.0] * 3

    def test_no_network_to_the_end(self) -> None:
        world = World([WAITING], DeviceException("no interface"))
        assert world.run(timeout=10).failure == "not found"
        assert len(world.orders) < 40

    def test_it_is_looked_for_everywhere_with_announcements(self) -> None:
        world = World([WAITING], [JOINED])
        world.run(subnets=["192.168.20.0/24"])
        look = [each for each in world.orders if isinstance(each, Look)][1]
        assert (look.everywhere, look.announcements, look.near, look.hosts) == (True, True, AP, (AP,))
        assert [str(each) for each in look.subnets] == ["192.168.20.0/24"]
        # Long enough for both passes of the sweep.
        assert look.seconds > 2 * 254 / 200

    def test_one_that_still_shows_its_token_has_not_joined(self) -> None:
        world = World([WAITING], [WAITING])
        made = world.run(timeout=20)
        assert outcomes(made)[-1] == ("join", "not joined")
        assert round(made.phases[-1].seconds) == 20
        assert "A wrong password" in made.error
        assert not world.machine.worth_keeping

    def test_one_that_keeps_its_access_point_for_a_while_may_join_all_the_same(self) -> None:
        assert World([WAITING], *[[WAITING]] * 15, [JOINED]).run(timeout=60).ok

    def test_after_a_minute_it_is_waited_for_no_more(self) -> None:
        made = World([WAITING], [WAITING]).run(timeout=1000)
        assert made.failure == "not joined"
        assert 60 < made.phases[-1].seconds < 70

    def test_seen_at_its_access_point_and_never_again_is_not_found(self) -> None:
        assert World([WAITING], [WAITING], []).run(timeout=20).failure == "not found"

    @pytest.mark.parametrize(
        ("key", "told"),
        [
            ("auth_fail_count", "password was not accepted"),
            ("conn_fail_count", "could not connect"),
            ("dhcp_fail_count", "DHCP"),
        ],
    )
    def test_one_that_says_why_ends_it_at_once(self, key: str, told: str) -> None:
        world = World([WAITING], [], [WAITING], counts=[{key: 2}, {key: 3}])
        made = world.run(timeout=60)
        assert made.failure == "not joined"
        assert told in made.error
        assert made.phases[-1].seconds < 10

    @pytest.mark.parametrize(
        "counts", [[{"auth_fail_count": 2}], [SILENT], ["?"], [["?"]], [{"auth_fail_count": "x"}]]
    )
    def test_counts_that_say_nothing_new_end_nothing(self, counts: list[Any]) -> None:
        made = World([WAITING], [WAITING], [JOINED], counts=counts).run(timeout=60)
        assert made.ok

    def test_counts_that_were_not_known_before_end_nothing(self) -> None:
        world = World([WAITING], [WAITING], [JOINED], counts=[SILENT, {"auth_fail_count": 1}])
        assert world.run(timeout=60).ok

    @pytest.mark.parametrize("sign", [bytes.fromhex(TOKEN), SILENT])
    def test_hidden_by_its_push_announcement_only(self, sign: Any) -> None:
        """Its answer to a hello with a virtual did has no room for a token; a plain hello is what counts."""
        world = World([WAITING], [at(AP)], greets=[sign, sign, b"\xff" * 16])
        made = world.run()
        assert made.ok
        assert len([each for each in world.orders if isinstance(each, SendHello)]) == 3

    @pytest.mark.parametrize("placeholder", [bytes(16), b"\xff" * 16, b"\x11" * 16])
    def test_placeholders_are_no_tokens(self, placeholder: bytes) -> None:
        assert World([WAITING], [JOINED], greets=[placeholder]).run().ok

    def test_another_device_at_the_address_that_was_given(self) -> None:
        world = World([WAITING], [at(HOME, did=5)])
        made = world.run(timeout=10, new_address=HOME)
        assert outcomes(made)[-1] == ("join", "another device")
        assert "has the did 5, not 777" in made.error

    def test_it_may_still_come_there(self) -> None:
        assert World([WAITING], [at(HOME, did=5)], [JOINED]).run(timeout=10, new_address=HOME).ok

    def test_what_is_only_announced_has_not_joined(self) -> None:
        assert World([WAITING], [at(HOME, answered=False)]).run(timeout=5).failure == "not found"

    def test_a_greeting_answered_by_another_did_is_no_proof(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(globals(), "packet", lambda sign, original=packet: original(sign, 5))
        assert World([WAITING], [JOINED]).run(timeout=5).failure == "not found"


class TestChecking:
    def test_a_token_that_does_not_work(self) -> None:
        world = World([WAITING], [JOINED], infos=[SILENT])
        made = world.run()
        assert outcomes(made)[-1] == ("check", "not checked")
        assert len([each for each in world.orders if isinstance(each, AskInfo)]) == 3
        assert world.machine.worth_keeping

    def test_another_network_than_was_told(self) -> None:
        made = World([WAITING], [JOINED], infos=[DeviceInfo({"ap": {"ssid": "cellar"}})]).run()
        assert outcomes(made)[-1] == ("check", "another network")
        assert "'cellar', not in 'attic'" in made.error

    @pytest.mark.parametrize(
        ("ssid", "told"),
        [
            ("attic", None),
            ("attic", ""),
            ("attic", 5),
            ("attic", "\x01\x02"),
            ("café", "caf\\u00e9"),
            ("\U0001f4a1", "??"),
        ],
    )
    def test_names_that_may_have_been_damaged_prove_nothing(self, ssid: str, told: Any) -> None:
        made = World([WAITING], [JOINED], infos=[DeviceInfo({"ap": {"ssid": told}})]).run(ssid)
        assert made.ok


def test_what_was_done_so_far_can_be_asked_for_at_any_time() -> None:
    machine = Provisioning(make_plan("attic", PASSWORD), 0.0)
    assert isinstance(machine.begin(0.0), Look)
    assert (machine.result().ok, machine.result().failure, machine.worth_keeping) == (False, None, False)
    machine.answered([WAITING], 1.0)
    machine.failed(SILENT, 2.0)  # the counts
    assert machine.was_told
    assert machine.worth_keeping


def test_every_failure_has_its_words() -> None:
    tried: list[Callable[[], Provisioned]] = [
        lambda: World([]).run(),
        lambda: World([at(AP)]).run(address=AP),
        lambda: World([WAITING, at(HOME, token=TOKEN, did=5)]).run(),
        lambda: World([at(AP, token=TOKEN, did=5)]).run(did=DID),
        lambda: World([WAITING]).run(name="lamp", owner=5),
        lambda: World([WAITING], told=DeviceError(-1, "")).run(),
        lambda: World([WAITING], [WAITING]).run(timeout=5),
        lambda: World([WAITING], []).run(timeout=5),
        lambda: World([WAITING], [JOINED], infos=[SILENT]).run(),
        lambda: World([WAITING], [JOINED], infos=[DeviceInfo({"ap": {"ssid": "x"}})]).run(),
    ]
    assert {each().failure for each in tried} == set(FAILURES) - {"not stored"}
