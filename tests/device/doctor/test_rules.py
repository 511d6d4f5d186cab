"""What is seen of a device becomes findings: sure where it is certain, in doubt where silence has several reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miio_lan.device.doctor.findings import ESSENTIAL, STEPS, Diagnosis, StepVerdict
from miio_lan.device.doctor.judging import judge
from miio_lan.device.doctor.observed import (
    NO_ID_OF_OURS,
    Asked,
    DeviceAnswer,
    Examined,
    ExaminedDevice,
    HelloAnswer,
    Hellos,
    Memory,
    Refusal,
    Route,
)

GOOD, BAD, IN_DOUBT, NOT_TRIED = (
    StepVerdict.GOOD,
    StepVerdict.BAD,
    StepVerdict.IN_DOUBT,
    StepVerdict.NOT_TRIED,
)
DID = 77
NEAR = Route("10.0.0.9", "", "10.0.0.2", "eth0", "10.0.0.0/24")
FAR = Route("10.2.0.9", "", "10.0.0.2", "eth0", "", "10.0.0.1")
INFO = {"life": 503, "model": "a.b.c", "uid": 5, "mcu_fw_ver": "0001", "netif": {"localIp": "10.0.0.9"}}
ANSWERED = Hellos(1, 0.1, (HelloAnswer(DID, 500, 1.0),))
SILENT = Hellos(4, 4.5)


def asked(method: str = "miIO.info", *, sent: int = 1, at: float = 2.0, **answer: Any) -> Asked:
    """A question that was answered."""
    return Asked(method, sent, 0.1, DeviceAnswer(stamp=round(499 + at), at=at, **answer))


def unanswered(method: str = "miIO.info", **how: Any) -> Asked:
    return Asked(method, 3, 5.0, **how)


def read(**answer: Any) -> tuple[Asked, ...]:
    return (asked("get_properties", at=5.0, **answer),)


HEALTHY = Examined(
    ExaminedDevice("lamp", 54321, DID, True),
    route=NEAR,
    hello=ANSWERED,
    info=asked(result=INFO),
    again=asked(result=INFO, at=3.0),
    stale=unanswered(),
    stale_by=300,
    memory=Memory(True),
    reads=read(result=[{"siid": 2, "piid": 1, "code": 0, "value": True}]),
    association=asked("miIO.wifi_assoc_state", result={"state": "ONLINE"}, at=6.0),
    sockets=0,
)
NOBODY = Examined(ExaminedDevice("lamp", 54321, DID, True), route=NEAR, hello=SILENT, sockets=0)


def seen(base: Examined = HEALTHY, **other: Any) -> Diagnosis:
    return judge(replace(base, **other))


def verdicts(found: Diagnosis) -> dict[str, StepVerdict]:
    return {each.step: each.verdict for each in found.findings}


def test_all_is_well() -> None:
    found = seen()
    assert set(verdicts(found).values()) == {GOOD}
    assert found.healthy
    assert found.culprit is None
    assert (found.did, found.model) == (DID, "a.b.c")
    assert [each.next for each in found.findings] == [""] * 10


def test_nobody_answers() -> None:
    found = seen(NOBODY)
    rest = {"token": NOT_TRIED, "stamp": NOT_TRIED, "memory": NOT_TRIED, "mcu": NOT_TRIED, "cloud": NOT_TRIED}
    others = {"route": GOOD, "hello": BAD, "subnet": GOOD, "others": GOOD, "firewall": IN_DOUBT}
    assert verdicts(found) == {**others, **rest}
    assert found.culprit is not None
    assert found.culprit.step == "hello"
    assert not found.healthy


class TestRoute:
    def test_none(self) -> None:
        found = seen(
            Examined(ExaminedDevice("lamp", 1), route=Route("10.0.0.9", trouble="there is no way to lamp"))
        )
        assert found["route"].verdict is BAD
        assert found["route"].seen == "There is no way to lamp."
        assert {each.verdict for each in found.findings[1:]} == {NOT_TRIED}

    @pytest.mark.parametrize(
        ("route", "words"), [(NEAR, "in our subnet 10.0.0.0/24"), (FAR, "a router (10.0.0.1) is between")]
    )
    def test_how(self, route: Route, words: str) -> None:
        assert words in seen(route=route)["route"].seen

    def test_not_looked_at(self) -> None:
        found = seen(Examined(ExaminedDevice("lamp", 1), late=True))
        assert {each.verdict for each in found.findings} == {NOT_TRIED}
        assert "the time was over" in found["route"].seen


class TestHello:
    def test_another_device_has_the_address(self) -> None:
        stranger = Hellos(1, 0.1, (HelloAnswer(78, 5, 1.0),))
        found = seen(NOBODY, hello=stranger)
        assert found["hello"].verdict is BAD
        assert "The did 78 answered, not 77" in found["hello"].seen
        assert verdicts(found)["token"] is NOT_TRIED
        assert "another device" in found["token"].seen
        moved = seen(NOBODY, hello=replace(stranger, found_at="10.0.0.20"))
        assert "Yours answers at 10.0.0.20" in moved["hello"].seen
        assert "Use 10.0.0.20" in moved["hello"].next

    def test_two_devices_share_the_address(self) -> None:
        both = Hellos(2, 0.1, (HelloAnswer(78, 5, 1.0), HelloAnswer(DID, 500, 1.2)))
        assert seen(hello=both)["hello"].verdict is IN_DOUBT
        assert "two devices" in seen(hello=both)["hello"].seen

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"found_at": "10.0.0.20"}, "answers at 10.0.0.20 instead"),
            ({"neighbour": False}, "on our own network either (ARP)"),
            ({"neighbour": True}, "is there (ARP), and keeps silent"),
            ({"ping": True}, "It answers a ping"),
            ({"ping": False}, "no ping either; some never do"),
            ({"searched": True}, "was not found elsewhere"),
            ({"elsewhere": ("10.0.0.5",)}, "Answers came from 10.0.0.5"),
        ],
    )
    def test_what_else_is_known_of_silence(self, more: dict[str, Any], words: str) -> None:
        found = seen(NOBODY, hello=replace(SILENT, **more))["hello"]
        assert found.verdict is BAD
        assert words in found.seen

    def test_nobody_listens_at_the_port(self) -> None:
        found = seen(NOBODY, refusals=(Refusal("port", "10.0.0.9"),))
        assert "10.0.0.9 says that nobody listens at UDP port 54321 (ICMP)" in found["hello"].seen
        assert "54321" in found["hello"].next
        between = seen(NOBODY, refusals=(Refusal("port", "10.0.0.1"),))
        assert (between["hello"].next, between["firewall"].verdict) == ("See Firewalls below.", BAD)
        # A firewall may say so in the address's name.
        assert found["firewall"].verdict is IN_DOUBT

    def test_hellos_that_got_lost_are_counted(self) -> None:
        assert "1 of 4 brought an answer" in seen(hello=replace(ANSWERED, sent=4))["hello"].seen

    def test_it_shows_its_token(self) -> None:
        shows = Hellos(1, 0.1, (HelloAnswer(DID, 500, 1.0, "yours"),))
        assert "shows its token" in seen(hello=shows)["hello"].seen


class TestToken:
    def test_silence_is_no_proof(self) -> None:
        found = seen(
            info=unanswered(hellos=2), again=None, stale=None, memory=None, reads=(), association=None
        )
        assert found["token"].verdict is IN_DOUBT
        assert "2 hellos were answered" in found["token"].seen
        assert found.culprit is found["token"]
        assert verdicts(found)["mcu"] is NOT_TRIED

    def test_a_wrong_sign_is_no_proof_either(self) -> None:
        found = seen(
            info=unanswered(damaged=("bad sign",)), again=None, stale=None, reads=(), association=None
        )
        assert found["token"].verdict is IN_DOUBT
        assert "checksum is wrong" in found["token"].seen
        cut = seen(
            info=unanswered(damaged=("truncated",)), again=None, stale=None, reads=(), association=None
        )
        assert "truncated" in cut["token"].seen

    def test_answers_under_other_ids_clear_the_token(self) -> None:
        found = seen(
            info=unanswered(damaged=(NO_ID_OF_OURS,)), again=None, stale=None, reads=(), association=None
        )
        assert found["token"].verdict is IN_DOUBT
        assert "right under this token" in found["token"].seen

    def test_it_answers_under_the_one_that_it_shows(self) -> None:
        shows = Hellos(1, 0.1, (HelloAnswer(DID, 500, 1.0, "another"),))
        found = seen(hello=shows, info=unanswered(), shown_info=asked(result=INFO))
        assert found["token"].verdict is BAD
        assert "yours is wrong" in found["token"].seen
        assert not found.healthy
        # None was given: what it shows is right.
        unnamed = replace(HEALTHY.target, has_token=False)
        assert seen(target=unnamed, hello=shows, info=None, shown_info=asked(result=INFO)).healthy

    def test_it_shows_yours_and_keeps_silent(self) -> None:
        shows = Hellos(1, 0.1, (HelloAnswer(DID, 500, 1.0, "yours"),))
        found = seen(hello=shows, info=unanswered(), again=None, stale=None, reads=(), association=None)
        assert found["token"].verdict is IN_DOUBT
        assert "something else is wrong" in found["token"].seen

    def test_none_was_given(self) -> None:
        bare = Examined(ExaminedDevice("lamp", 54321), route=NEAR, hello=ANSWERED)
        found = seen(bare)
        assert found["token"].verdict is NOT_TRIED
        assert "no token was given" in found["token"].seen
        assert not found.healthy

    def test_a_refusal_is_signed_with_the_token(self) -> None:
        refusal = asked(error=True, code=-32601, message="Method not found.")
        assert seen(info=refusal)["token"].verdict is GOOD


class TestStamp:
    @staticmethod
    def clock(*stamps: tuple[float, int]) -> Diagnosis:
        hellos = Hellos(len(stamps), 0.1, tuple(HelloAnswer(DID, stamp, at) for at, stamp in stamps))
        return seen(Examined(ExaminedDevice("lamp", 54321, DID), route=NEAR, hello=hellos))

    @pytest.mark.parametrize(
        ("stamps", "verdict", "words"),
        [
            (((1.0, 500), (3.0, 502)), GOOD, "It runs; it counts from the start, 502 s ago"),
            (((1.0, 5), (3.0, 7)), GOOD, "it started just now"),
            (((1.0, 1_700_000_000), (3.0, 1_700_000_002)), GOOD, "Unix time"),
            (((1.0, 500), (3.0, 1)), BAD, "fell to 1"),
            (((1.0, 500), (3.0, 1), (9.0, 507)), BAD, "fell to 1"),
            (((1.0, 500), (3.0, 500)), IN_DOUBT, "does not run"),
            (((1.0, 5), (3.0, 1_700_000_000)), IN_DOUBT, "it was set"),
            (((1.0, 500), (1.1, 500)), NOT_TRIED, "once only"),
            # An answer that was under way for two seconds.
            (((1.0, 500), (3.0, 502), (3.1, 500)), GOOD, "It runs"),
        ],
    )
    def test_the_clock(self, stamps: Any, verdict: StepVerdict, words: str) -> None:
        found = self.clock(*stamps)["stamp"]
        assert (found.verdict, words in found.seen) == (verdict, True), found

    def test_a_stale_stamp(self) -> None:
        assert "It kept silent to miIO.info 3 times with a stamp 300 s off" in seen()["stamp"].seen
        assert "does not mind a stamp 300 s off" in seen(stale=asked(result=INFO, at=3.5))["stamp"].seen


class TestSubnet:
    NONE = {"again": None, "stale": None, "reads": (), "association": None}

    def test_hellos_are_answered_and_commands_are_not(self) -> None:
        found = seen(route=FAR, info=unanswered(), **self.NONE)["subnet"]
        assert found.verdict is IN_DOUBT
        assert "another subnet" in found.seen
        assert "NAT" in found.next

    def test_nothing_is_answered_across_a_router(self) -> None:
        found = seen(NOBODY, route=FAR, hello=replace(SILENT, ping=True))["subnet"]
        assert found.verdict is IN_DOUBT
        assert "answers a ping" in found.seen

    @pytest.mark.parametrize("kind", ["host", "network"])
    def test_a_router_finds_no_way_to_it(self, kind: Any) -> None:
        """Nothing that reaches no product can be ignored by it."""
        lost = seen(NOBODY, route=FAR, refusals=(Refusal(kind, "10.0.0.1"),))
        assert lost["subnet"].verdict is NOT_TRIED
        assert "10.0.0.1 finds no way to it" in lost["subnet"].seen
        assert "10.0.0.1 finds no way to it" in lost["hello"].next
        there = seen(
            NOBODY, route=FAR, hello=replace(SILENT, ping=True), refusals=(Refusal(kind, "10.0.0.1"),)
        )
        assert there["subnet"].verdict is IN_DOUBT

    def test_it_answers_across_a_router(self) -> None:
        assert seen(route=FAR)["subnet"].verdict is GOOD
        assert seen(NOBODY, route=FAR, hello=ANSWERED)["subnet"].verdict is NOT_TRIED

    def test_it_has_another_address_by_its_own_account(self) -> None:
        elsewhere = {**INFO, "netif": {"localIp": "192.168.5.5"}}
        assert "192.168.5.5" in seen(info=asked(result=elsewhere))["subnet"].seen


class TestOthers:
    @pytest.mark.parametrize(
        ("sockets", "verdict"), [(None, NOT_TRIED), (0, GOOD), (1, IN_DOUBT), (2, IN_DOUBT)]
    )
    def test_sockets_of_this_computer(self, sockets: int | None, verdict: StepVerdict) -> None:
        assert seen(sockets=sockets)["others"].verdict is verdict

    def test_its_queue_is_full(self) -> None:
        found = seen(reads=read(error=True, code=-30012, message="Busy."))
        assert (found["others"].verdict, found["mcu"].verdict) == (IN_DOUBT, IN_DOUBT)
        assert "-30012" in found["others"].seen


class TestFirewall:
    @pytest.mark.parametrize(
        ("refusal", "verdict", "words"),
        [
            (Refusal("not permitted"), BAD, "This computer itself refuses to send"),
            (Refusal("prohibited", "10.0.0.1"), BAD, "10.0.0.1 says that a rule prohibits it"),
            (Refusal("prohibited", "10.0.0.9"), BAD, "10.0.0.9 says that a rule prohibits it"),
            (Refusal("port", "10.0.0.1"), BAD, "10.0.0.1 refused the port in the device's place"),
            (Refusal("port", "10.0.0.9"), IN_DOUBT, "The address itself refused"),
            (Refusal("host", "10.0.0.1"), IN_DOUBT, "10.0.0.1 says that there is no way"),
            (Refusal("host"), IN_DOUBT, "No refusal came"),
        ],
    )
    def test_refusals(self, refusal: Refusal, verdict: StepVerdict, words: str) -> None:
        found = seen(NOBODY, refusals=(refusal,))["firewall"]
        assert (found.verdict, words in found.seen) == (verdict, True), found
        # Where something was answered, it was no rule for this.
        assert seen(refusals=(refusal,))["firewall"].verdict is GOOD


class TestMemory:
    @pytest.mark.parametrize(("remembers", "verdict"), [(True, GOOD), (False, GOOD), (None, IN_DOUBT)])
    def test_what_became_of_repeated_ids(self, remembers: bool | None, verdict: StepVerdict) -> None:
        assert seen(memory=Memory(remembers))["memory"].verdict is verdict
        assert seen().healthy  # none of it keeps commands away

    def test_not_found_out_in_time(self) -> None:
        assert "the time was over" in seen(memory=None)["memory"].seen


class TestMcu:
    @pytest.mark.parametrize(
        ("answer", "verdict", "words"),
        [
            ({"result": [{"siid": 2, "piid": 1, "code": -4003}]}, GOOD, "code -4003, no such property"),
            ({"result": [{"siid": 2, "piid": 1, "code": -4004}]}, IN_DOUBT, "-4004"),
            ({"result": ["on"]}, GOOD, "with a value"),
            ({"result": ["unknown_method"]}, IN_DOUBT, "no value"),
            ({"result": []}, IN_DOUBT, "no value"),
            (
                {"error": True, "code": -9999, "message": "user ack timeout"},
                IN_DOUBT,
                "did not answer (-9999)",
            ),
            ({"error": True, "code": -9999, "message": "undefined command"}, GOOD, "refuses the question"),
            ({"error": True, "code": -5001, "message": "command error"}, GOOD, "code -5001"),
            ({"error": True, "code": -30001, "message": ""}, IN_DOUBT, "not so that the module can use it"),
            ({"error": True, "code": -32601, "message": ""}, IN_DOUBT, "is not known"),
            ({"error": True, "message": "no such thing"}, IN_DOUBT, "an error ('no such thing')"),
            ({"error": True}, IN_DOUBT, "an error (without a code)"),
            (
                {"error": True, "code": -30020, "message": ""},
                IN_DOUBT,
                "not available from the local network",
            ),
        ],
    )
    def test_answers(self, answer: dict[str, Any], verdict: StepVerdict, words: str) -> None:
        found = seen(reads=read(**answer))["mcu"]
        assert (found.verdict, words in found.seen) == (verdict, True), found

    def test_silence_about_a_property_that_exists(self) -> None:
        proven = replace(HEALTHY.target, proven=True)
        silence = read(error=True, code=-9999, message="user ack timeout", exe_time=4050.0)
        found = seen(target=proven, reads=silence)
        assert found["mcu"].verdict is BAD
        assert "after 4.0 s" in found["mcu"].seen or "after 4.1 s" in found["mcu"].seen
        assert "has told its version before" in found["mcu"].seen
        assert found.culprit is found["mcu"]

    def test_the_second_question_counts(self) -> None:
        first = read(error=True, code=-9999, message="user ack timeout")
        second = (asked("get_prop", at=6.0, result=["on"]),)
        assert seen(reads=(*first, *second))["mcu"].verdict is GOOD

    def test_no_answer_at_all(self) -> None:
        assert "say nothing" in seen(reads=(unanswered("get_properties"),))["mcu"].seen


class TestCloud:
    OLDER = {"otu_stat": [0], "cfg_time": 0}

    @pytest.mark.parametrize(
        ("info", "state", "verdict", "words"),
        [
            (INFO, "ONLINE", GOOD, "ONLINE"),
            (INFO, "CONNECTED", IN_DOUBT, "not connected to the cloud (CONNECTED)"),
            (INFO, "SOMETHING", IN_DOUBT, "does not tell"),
            (INFO, None, IN_DOUBT, "does not tell"),
            ({**INFO, "uid": 0}, None, IN_DOUBT, "nobody's account"),
            ({**INFO, **OLDER, "ot": "otu"}, None, GOOD, "ot is 'otu'"),
            ({**INFO, **OLDER}, None, IN_DOUBT, "has no 'ot'"),
        ],
    )
    def test_states(self, info: dict[str, Any], state: str | None, verdict: StepVerdict, words: str) -> None:
        told = None if state is None else asked("miIO.wifi_assoc_state", result={"state": state}, at=6.0)
        found = seen(info=asked(result=info), association=told)
        assert (found["cloud"].verdict, words in found["cloud"].seen) == (verdict, True), found["cloud"]
        assert found.healthy  # local commands need none


# --- never wrong and sure ------------------------------------------------------------------------------------------

INSTANTS = st.floats(0, 60)
STAMPS = st.one_of(st.integers(0, 600), st.integers(1_700_000_000, 1_700_000_600))
CODES = st.sampled_from([None, -9999, -9998, -5001, -4004, -30001, -30012, -30020, -32601, 5])
WORDS = st.sampled_from(["", "user ack timeout", "something else"])
VALUES = st.sampled_from(
    [
        None,
        [],
        ["ok"],
        [None],
        "x",
        7,
        {"life": 5, "ot": "otu", "model": "a.b.c", "uid": 0, "netif": {"localIp": "192.168.3.3"}},
        {"state": "ONLINE"},
        {"state": 5, "otu_stat": []},
        [{"code": 0, "value": 1}],
        [{"code": -4004}],
        [{"code": -4001}],
        [{"code": True}],
        {"netif": 5, "model": 7},
    ]
)
ANSWERS = st.builds(
    DeviceAnswer,
    result=VALUES,
    error=st.booleans(),
    code=CODES,
    message=WORDS,
    exe_time=st.one_of(st.none(), st.floats(0, 9000)),
    stamp=STAMPS,
    at=INSTANTS,
)
DAMAGE = st.lists(st.sampled_from(["bad sign", "truncated", "empty"]), max_size=2).map(tuple)
ASKED = st.none() | st.builds(
    Asked,
    method=st.sampled_from(["miIO.info", "get_properties", "get_prop"]),
    sent=st.integers(1, 3),
    seconds=st.floats(0, 9),
    answer=st.none() | ANSWERS,
    damaged=DAMAGE,
    hellos=st.integers(0, 3),
)
ADDRESSES = st.sampled_from(["10.0.0.9", "10.0.0.1", ""])
KINDS = st.sampled_from(["port", "host", "network", "prohibited", "not permitted", "other"])
DIDS = st.sampled_from([DID, 78])
OBSERVED = st.builds(
    Examined,
    target=st.builds(
        ExaminedDevice,
        host=st.just("lamp"),
        port=st.just(54321),
        did=st.none() | DIDS,
        has_token=st.booleans(),
        proven=st.booleans(),
    ),
    late=st.booleans(),
    route=st.none()
    | st.builds(
        Route,
        address=st.just("10.0.0.9"),
        trouble=st.sampled_from(["", "", "there is no way"]),
        source=st.sampled_from(["", "10.0.0.2"]),
        interface=st.sampled_from(["", "eth0"]),
        subnet=st.sampled_from(["", "10.0.0.0/24"]),
        gateway=st.sampled_from(["", "10.0.0.1"]),
    ),
    hello=st.none()
    | st.builds(
        Hellos,
        sent=st.integers(0, 5),
        seconds=st.floats(0, 9),
        answers=st.lists(
            st.builds(
                HelloAnswer,
                did=DIDS,
                stamp=STAMPS,
                at=INSTANTS,
                shown=st.sampled_from(["nothing", "yours", "another"]),
            ),
            max_size=3,
        ).map(tuple),
        elsewhere=st.sampled_from([(), ("10.0.0.5",)]),
        neighbour=st.none() | st.booleans(),
        ping=st.none() | st.booleans(),
        searched=st.booleans(),
        found_at=st.sampled_from(["", "10.0.0.20"]),
    ),
    refusals=st.lists(st.builds(Refusal, kind=KINDS, by=ADDRESSES), max_size=2).map(tuple),
    info=ASKED,
    shown_info=ASKED,
    again=ASKED,
    stale=ASKED,
    memory=st.none() | st.builds(Memory, remembers=st.none() | st.booleans()),
    reads=st.lists(ASKED.filter(lambda each: each is not None), max_size=2).map(tuple),
    association=ASKED,
    sockets=st.none() | st.integers(0, 2),
)


@pytest.mark.untraced
@settings(max_examples=300, deadline=None)
@given(OBSERVED)
def test_findings_never_contradict_each_other_nor_what_was_seen(observed: Examined) -> None:
    found = judge(observed)
    told = verdicts(found)
    assert tuple(told) == STEPS
    for each in found.findings:
        assert each.done
        assert each.seen
        assert "None." not in each.seen.replace("None. The app", "")
        # Who is told that something is wrong, is told what to do.
        assert each.next or each.verdict in (GOOD, NOT_TRIED)
        assert each.seen.startswith("Because ") is (each.verdict is NOT_TRIED)
    if observed.heard:
        assert told["route"] is GOOD
        assert told["firewall"] is GOOD
        assert "No answer within" not in found["hello"].seen
    else:
        assert told["hello"] in (BAD, NOT_TRIED)
        assert {told[step] for step in ("token", "stamp", "memory", "mcu", "cloud")} == {NOT_TRIED}
    if told["route"] is BAD:
        assert set(told.values()) <= {BAD, NOT_TRIED, GOOD, IN_DOUBT}
        assert {told[step] for step in ("hello", "token", "mcu")} == {NOT_TRIED}
    # Behind a token that is not known to be right, nothing is known.
    if told["mcu"] in (GOOD, BAD) or told["memory"] is GOOD or told["cloud"] is GOOD:
        assert told["token"] is GOOD or observed.shown_info is not None
    if told["token"] is GOOD:
        assert observed.accepted is not None
        assert told["hello"] is not BAD
    if told["token"] is BAD:  # only where the device itself shows another one
        assert observed.shown_info is not None
        assert observed.shown_info.answer is not None
    if observed.is_another:
        assert told["hello"] is BAD
    assert found.healthy is (found.culprit is None)
    assert not (found.healthy and BAD in told.values())
    assert not found.healthy or all(told[step] is GOOD for step in ESSENTIAL)
    assert found.as_json()["healthy"] is found.healthy


def test_another_clock_at_the_same_address_is_no_restart() -> None:
    both = (HelloAnswer(78, 9000, 1.0), HelloAnswer(DID, 500, 1.2), HelloAnswer(DID, 502, 3.2))
    found = seen(Examined(HEALTHY.target, route=NEAR, hello=Hellos(3, 0.1, both)))
    assert (found["hello"].verdict, found["stamp"].verdict) == (IN_DOUBT, GOOD)


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"id": 1, "result": ["ok"], "exe_time": 20}, DeviceAnswer(["ok"], exe_time=20.0, stamp=5, at=1.0)),
        ({"error": {"code": -5, "message": "no"}}, DeviceAnswer(None, True, -5, "no", stamp=5, at=1.0)),
        ({"error": {"code": "x", "message": 7}}, DeviceAnswer(None, True, None, "7", stamp=5, at=1.0)),
        (
            {"error": "no such thing", "exe_time": True},
            DeviceAnswer(None, True, None, "no such thing", stamp=5, at=1.0),
        ),
        ({}, DeviceAnswer(stamp=5, at=1.0)),
        ({"exe_time": 10**400, "error": {"code": -(10**5000)}}, DeviceAnswer(None, True, stamp=5, at=1.0)),
        ({"exe_time": float("nan")}, DeviceAnswer(stamp=5, at=1.0)),
    ],
)
def test_answers_are_read_whatever_they_hold(payload: dict[str, Any], answer: DeviceAnswer) -> None:
    assert DeviceAnswer.of(payload, 5, 1.0) == answer
