"""How an update ends: each kind of end, and what is never told without proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.updating import SIZE, Updated, both, says, sets

from miio_lan.device.ota.outcome import Ending, Phase
from miio_lan.device.ota.pace import Pace
from miio_lan.device.ota.verdicts import error_of
from miio_lan.errors import DeviceError, DeviceTimeout, OutcomeUnknown, UpdateFailed

Happens = Callable[[Updated], object]

GOOD: dict[float, Happens] = {
    2: says("downloading", 0),
    3: lambda device: device.fetch(0, 400),
    5: both(says("downloading", 60), lambda device: device.fetch(400, SIZE)),
    8: says("downloaded", 100),
    9: says("installing", 100),
    15: lambda device: device.install(),
}
FETCHED: dict[float, Happens] = {2: both(says("downloading", 20), lambda device: device.fetch())}


def test_a_good_one_is_proven_and_has_a_history() -> None:
    device = Updated(GOOD)
    result = device.run()
    assert result.ending is Ending.Proven
    assert result.proven
    assert not result.failed
    assert (result.before.module, result.after.module, result.restarted) == ("1.0.0", "2.0.0", True)
    assert result.states == ("idle", "downloading", "downloaded", "installing")
    assert result.served is not None
    assert result.served.complete
    assert result.text == "installed: it restarted, and its version is 2.0.0 (1.0.0 before)"
    assert device.names() == [
        *("prepared", "requested", "state", "state", "fetching", "fetched", "state", "state", "restarted"),
        *("state", "version", "ended"),
    ]
    percents = [each.progress for each in device.phases]
    assert percents == sorted(percents)
    assert (percents[-2], percents[-1]) == (99, 100)
    instants = [each.at for each in device.phases]
    assert instants == sorted(instants)
    assert 15 <= result.seconds < 18
    assert [each.phase for each in result.phases] == [
        each.phase for each in device.phases if each.phase is not Phase.Progress
    ]


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        ({"version": "2.0.0"}, Ending.Proven),
        ({"version": "_2.0.0"}, Ending.Proven),
        ({"version": "3.0.0"}, Ending.OtherVersion),
        ({"served": False}, None),
    ],
)
def test_the_wanted_version(change: dict[str, Any], ending: Ending | None) -> None:
    plan = dict(GOOD)
    if change.get("served") is False:
        plan = {2: says("downloading", 5), 9: says("installing"), 15: lambda device: device.install()}
        ending = Ending.Proven
    assert Updated(plan, **change).run().ending is ending


def mcu(*more: Happens, version: str = "0002") -> dict[float, Happens]:
    return {
        **FETCHED,
        5: says("installing", 50),
        20: both(sets(mcu=version), says("installed", 101), *more),
    }


def test_the_mcus_version_is_proof_without_a_restart_of_the_module() -> None:
    result = Updated(mcu()).run()
    assert (result.ending, result.restarted) == (Ending.Proven, False)
    assert result.text == "installed: the MCU tells version 0002 (0001 before)"


def test_an_mcu_that_tells_another_version_than_the_wanted_one() -> None:
    assert Updated(mcu(version="0003"), version="0002").run().ending is Ending.OtherVersion


def test_an_mcu_that_tells_nothing_for_a_while_after_a_restart_proves_nothing() -> None:
    plan = {**FETCHED, 5: lambda device: device.install(module="1.0.0", mcu=None), 9: sets(mcu="0001")}
    assert Updated(plan).run().ending is Ending.VersionUnchanged


def test_a_version_that_the_mcu_told_for_a_moment_only_proves_nothing() -> None:
    plan = {
        **FETCHED,
        5: lambda device: device.install(module="1.0.0", mcu="0000"),
        7: sets(mcu="0001"),
    }
    assert Updated(plan).run().ending is Ending.VersionUnchanged


def never(_: Updated) -> None:
    pass


ENDS: dict[str, tuple[dict[float, Happens], dict[str, Any], Ending, str]] = {
    "nothing happens": ({}, {}, Ending.NeverFetched, "no request for the file arrived"),
    "nothing happens, and a stranger asks": (
        {3: lambda device: device.served.__dict__.update(strangers=1, stranger="10.0.0.7")},
        {},
        Ending.NeverFetched,
        "10.0.0.7 tried",
    ),
    "it says downloading and asks for nothing": (
        {2: says("downloading", 0)},
        {},
        Ending.NeverFetched,
        "no request",
    ),
    "it cannot reach us": (
        {2: says("downloading", 0), 9: says("failed|-1|connect")},
        {},
        Ending.NeverFetched,
        "'failed|-1|connect'",
    ),
    "a url that is never fetched": ({}, {"served": False}, Ending.NeverFetched, "never began"),
    "whole, then idle": ({**FETCHED, 6: says("idle", 101)}, {}, Ending.FetchedButRefused, "not install"),
    "whole, then failed": ({**FETCHED, 6: says("failed", 101)}, {}, Ending.FetchedButRefused, "'failed'"),
    "half, then idle": (
        {2: both(says("downloading", 5), lambda device: device.fetch(0, 500)), 6: says("idle", 101)},
        {},
        Ending.FetchBrokeOff,
        "500 of 1000 bytes",
    ),
    "half, then failed": (
        {2: both(says("downloading", 5), lambda device: device.fetch(0, 500)), 6: says("failed", 101)},
        {},
        Ending.FetchBrokeOff,
        "'failed'",
    ),
    "checksum": (
        {**FETCHED, 6: says("failed|-33004|md5 mismatch")},
        {},
        Ending.Checksum,
        "'failed|-33004|md5 mismatch'",
    ),
    "own words": (
        {**FETCHED, 6: says("failed|-33006|no space")},
        {},
        Ending.Failed,
        "'failed|-33006|no space'",
    ),
    "a url, failed": (
        {2: says("downloading", 5), 6: says("failed", 101)},
        {"served": False},
        Ending.Failed,
        "'failed'",
    ),
    "a url, then idle": (
        {2: says("downloading", 5), 6: says("idle", 101)},
        {"served": False},
        Ending.VersionUnchanged,
        "gave up",
    ),
    "installed, and nothing else": (
        {**FETCHED, 6: says("installed", 101)},
        {},
        Ending.VersionUnchanged,
        "it says installed, but",
    ),
    "a restart, and nothing else": (
        {**FETCHED, 6: lambda device: device.restart()},
        {},
        Ending.VersionUnchanged,
        "it restarted, but",
    ),
    "a restart in the middle of the download": (
        {2: lambda device: device.fetch(0, 300), 6: lambda device: device.restart()},
        {},
        Ending.FetchBrokeOff,
        "300 of 1000 bytes",
    ),
    "a restart before the download": (
        {2: lambda device: device.restart()},
        {},
        Ending.NeverFetched,
        "it restarted: no request",
    ),
    "it installs for ever": ({**FETCHED, 6: says("installing", 100)}, {}, Ending.TimedOut, "'installing'"),
    "it vanishes": ({**FETCHED, 6: sets(silent=True)}, {}, Ending.TimedOut, "has not answered for"),
    "another version": (GOOD, {"version": "2.0.1"}, Ending.OtherVersion, "not the wanted 2.0.1"),
    "the same again": (
        {
            **FETCHED,
            6: says("installed", 101),
            9: lambda device: device.install(module="1.0.0"),
        },
        {"version": "1.0.0"},
        Ending.Unproven,
        "same before",
    ),
    "the same again, of an MCU": (
        {**FETCHED, 6: says("installed", 101)},
        {"version": "0001"},
        Ending.Unproven,
        "same before",
    ),
    "the same again, told by nothing but a restart": (
        {**FETCHED, 9: lambda device: device.install(module="1.0.0")},
        {"version": "1.0.0"},
        Ending.VersionUnchanged,
        "it restarted, but",
    ),
    "another version without a restart": (
        {**FETCHED, 6: both(sets(module="2.0.0"), says("idle", 101))},
        {},
        Ending.Unproven,
        "a restart was not seen",
    ),
    "another version of another file": (
        {
            2: says("downloading", 4),
            3: lambda device: device.fetch(0, 10),
            15: lambda device: device.install(),
        },
        {},
        Ending.Unproven,
        "did not fetch the whole file",
    ),
    "its version is told no more": (
        {**FETCHED, 9: lambda device: device.install(module=None, mcu=None)},
        {},
        Ending.Unproven,
        "proves nothing",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_has_its_name(name: str) -> None:
    plan, options, ending, words = ENDS[name]
    result = Updated(plan, **options).run()
    assert result.ending is ending, result.text
    assert words in result.text
    assert result.failed is (ending is not Ending.Unproven)
    assert not result.proven
    assert "\n" not in result.text


def test_what_was_before_is_not_known() -> None:
    device = Updated({**GOOD, 14: lambda device: device.answers.clear()}, version="2.0.0")
    device.answers["miIO.info"] = DeviceError(-1)
    result = device.run()
    assert result.ending is Ending.Unproven
    assert "what it had before is not known" in result.text


def tells_no_versions(plan: dict[float, Happens], **options: Any) -> Updated:
    """Give a device as vacuums without cloud are: ``miIO.info`` is refused, and the stamp is Unix time."""
    device = Updated(plan, **options)
    device.unix = True
    device.answers["miIO.info"] = DeviceError(-10000)
    return device


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("version", [None, "2.0.0"])
def test_idle_after_work_proves_nothing_where_no_versions_are_told(served: bool, version: str | None) -> None:
    fetched = FETCHED if served else {2: says("downloading", 20)}
    device = tells_no_versions(
        {**fetched, 9: says("installing"), 60: says("idle", 101)}, served=served, version=version
    )
    result = device.run()
    assert result.ending is Ending.Unproven, result.text
    assert not result.failed
    assert result.text == "it is idle again, and what it tells of its version proves nothing (not told)"


@pytest.mark.parametrize("missing", ["before", "after"])
def test_idle_after_work_proves_nothing_where_one_version_is_missing(missing: str) -> None:
    refused = {"miIO.info": DeviceError(-10000)}
    answers = {} if missing == "before" else refused
    device = Updated({0.05: sets(answers=answers), **FETCHED, 9: says("installing"), 60: says("idle", 101)})
    device.unix, device.tells_life = True, False
    device.answers = refused if missing == "before" else {}
    assert device.run().ending is Ending.Unproven


def test_what_was_surely_not_installed_is_said_without_versions_too() -> None:
    half = {2: both(says("downloading", 5), lambda device: device.fetch(0, 500)), 6: says("idle", 101)}
    assert tells_no_versions(half).run().ending is Ending.FetchBrokeOff
    nothing = {2: says("downloading", 5), 6: says("idle", 101)}
    assert tells_no_versions(nothing).run().ending is Ending.NeverFetched
    failed = {**FETCHED, 6: says("failed", 101)}
    assert tells_no_versions(failed).run().ending is Ending.FetchedButRefused


def unheard(device: Updated) -> None:
    device.silent = True


def mute(device: Updated) -> None:
    device.answers = {each: DeviceError(-32601) for each in ("miIO.get_ota_state", "miIO.get_ota_progress")}


AT_WORK_UNSEEN: dict[str, Happens] = {
    "it is silent": unheard,
    "it does not know the questions": mute,
    "it says what nobody knows": says("flashing"),
}


@pytest.mark.parametrize("name", AT_WORK_UNSEEN)
def test_a_device_that_fetches_from_elsewhere_may_be_at_work_unseen(name: str) -> None:
    def done(device: Updated) -> None:
        device.silent, device.answers = False, {}
        device.install()

    device = Updated({1: AT_WORK_UNSEEN[name], 120: done}, served=False)
    result = device.run()
    assert result.ending is Ending.Proven, result.text


@pytest.mark.parametrize("name", AT_WORK_UNSEEN)
def test_one_that_stays_unseen_is_not_said_never_to_have_begun(name: str) -> None:
    pace = Pace()
    result = Updated({1: AT_WORK_UNSEEN[name]}, served=False).run()
    assert result.ending is Ending.TimedOut
    assert result.seconds >= (pace.silence if "silent" in name else pace.total)
    assert error_of(result).may_have_run


def test_a_change_is_named_at_the_end_of_the_time_too() -> None:
    plan = {**FETCHED, 6: both(sets(module="2.0.0"), says("installing"))}
    device = Updated({**plan, 8: says("unheard of")}, pace=Pace(total=30))
    assert device.run().ending is Ending.Unproven


def test_as_json_it_says_what_was_fetched_if_anything_was() -> None:
    told = Updated(GOOD).run().as_json()
    assert told["ending"] == "proven"
    assert told["before"] == {"module": "1.0.0", "mcu": "0001"}
    assert told["served"] == {
        "size": SIZE,
        "fetched": SIZE,
        "complete": True,
        "requests": 2,
        "ranges": 0,
        "broken": 0,
        "strangers": 0,
    }
    assert Updated({}, served=False).run().as_json()["served"] is None


@pytest.mark.parametrize("named", [name for name in ENDS if ENDS[name][2] is Ending.NeverFetched])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_fetched_in_the_moment_of_giving_up_is_no_file_that_was_never_fetched(
    named: str, whole: bool
) -> None:
    """A small file is there in a millisecond: only when nothing is served any more it is sure that none was fetched."""
    plan, options, _, _ = ENDS[named]
    if options.get("served") is False:
        return
    device = Updated(plan, **options)
    device.last_moment = lambda device: device.fetch(0, SIZE if whole else SIZE // 2)
    device.plan += [(100.0, lambda device: device.install())] if whole else []
    result = device.run()
    assert not device.serving
    assert error_of(result).may_have_run
    assert result.ending is not Ending.NeverFetched
    assert "fetching" in device.names()


def test_once_given_up_nothing_is_served_any_more() -> None:
    device = Updated({})
    assert device.run().ending is Ending.NeverFetched
    assert not device.serving
    assert not Updated(GOOD).run().failed


def test_the_whole_time_begins_before_anything_is_asked() -> None:
    """A device that took long to be found has the less time left."""
    plan = {20 + at: happens for at, happens in FETCHED.items()}
    device = Updated(plan, pace=Pace(total=30))
    device.now += 20
    result = device.run()
    assert result.ending is Ending.TimedOut
    assert 30 <= result.seconds < 31.5


def test_a_short_time_has_the_same_names() -> None:
    assert Updated({}, pace=Pace(total=30)).run().ending is Ending.NeverFetched
    assert Updated(FETCHED, pace=Pace(total=30)).run().ending is Ending.TimedOut


def test_the_time_that_was_given_is_told() -> None:
    result = Updated({**FETCHED, 6: says("installing")}, pace=Pace(total=30.5)).run()
    assert result.ending is Ending.TimedOut
    assert result.text.startswith("no end was seen within 30.5 s")


def test_every_end_is_reached_within_its_time() -> None:
    pace = Pace(begin=10, settle=5, confirm=1, silence=20, total=40)
    for plan, options, _, _ in ENDS.values():
        assert Updated(plan, pace=pace, **options).run().seconds < 50


@pytest.mark.parametrize(
    ("answers", "ending", "words"),
    [
        ({"miIO.info": DeviceTimeout("it is away")}, Ending.Unreachable, "it is away"),
        ({"miIO.get_ota_state": ["downloading"]}, Ending.Refused, "another update is under way"),
        ({"miIO.get_ota_state": ["busy"]}, Ending.Refused, "'busy'"),
        ({"miIO.ota": DeviceError(-30020, "service not available.")}, Ending.Refused, "-30020"),
        ({"miIO.ota": ["error"]}, Ending.Refused, "['error']"),
        ({"miIO.ota": DeviceTimeout("never left")}, Ending.Unreachable, "never left"),
    ],
)
def test_what_does_not_begin(answers: dict[str, Any], ending: Ending, words: str) -> None:
    device = Updated({})
    device.answers = answers
    result = device.run()
    assert result.ending is ending
    assert words in result.text
    assert device.asked.count("miIO.ota") == ("miIO.ota" in answers)


def test_a_request_that_may_have_arrived_is_followed() -> None:
    device = Updated(GOOD)
    device.answers = {"miIO.ota": OutcomeUnknown("silence")}
    assert device.run().ending is Ending.Proven
    assert device.asked.count("miIO.ota") == 1


@pytest.mark.parametrize("word", ["failed", "installed"])
def test_what_is_left_over_from_another_update_is_not_believed(word: str) -> None:
    device = Updated(GOOD)
    device.state = word
    assert device.run().ending is Ending.Proven
    left = Updated({})
    left.state = word
    assert left.run().ending is Ending.NeverFetched


def test_silence_while_flash_is_written_is_told_and_waited_for() -> None:
    device = Updated({**GOOD, 9: sets(silent=True), 100: both(sets(silent=False), lambda it: it.install())})
    del device.plan[[at for at, _ in device.plan].index(15)]
    assert device.run().ending is Ending.Proven
    assert device.names().count("silent") == device.names().count("answering") == 1


def test_a_failure_that_is_taken_back_is_none() -> None:
    plan = {**GOOD, 4: says("failed", 101)}
    assert Updated(plan).run().ending is Ending.Proven


def test_three_downloads_are_one_update() -> None:
    plan: dict[float, Happens] = {
        at: both(says("downloading", 10), lambda device: device.fetch()) for at in (2.0, 20.0, 40.0)
    }
    plan |= {10.0: says("idle", 101), 30.0: says("idle", 101), 60.0: lambda device: device.install()}
    result = Updated(plan).run()
    assert result.ending is Ending.Proven
    assert result.served is not None
    assert (result.served.requests, result.served.sent, result.served.covered) == (3, 3 * SIZE, SIZE)


def test_what_is_fetched_before_the_request_is_answered_is_told_after_that() -> None:
    device = Updated({**FETCHED, 6: says("failed", 101)})
    device.fetch(0, 10)
    assert device.run().served is not None
    assert device.names()[:3] == ["prepared", "requested", "fetching"]


@pytest.mark.parametrize("missing", ["miIO.get_ota_state", "miIO.get_ota_progress"])
def test_a_device_that_knows_no_states(missing: str) -> None:
    device = Updated(GOOD)
    device.answers = {missing: DeviceError(-32601, "Method not found.")}
    assert device.run().ending is Ending.Proven


def test_unix_time_shows_no_restart_but_life_does() -> None:
    device = Updated(GOOD)
    device.unix = True
    assert device.run().ending is Ending.Proven
    device = Updated(GOOD)
    device.unix, device.tells_life = True, False
    assert device.run().ending is Ending.Unproven


def test_a_hundred_percent_is_not_shown_of_a_failure() -> None:
    for plan, options, ending, _ in ENDS.values():
        device = Updated(plan, **options)
        device.run()
        assert ending is not Ending.Proven
        assert max(each.progress for each in device.phases) < 100


def test_cancelled_says_what_the_device_may_still_do() -> None:
    for plan, options, words in (
        ({}, {}, "nothing of the file"),
        ({0.5: lambda device: device.fetch(0, 5)}, {}, "a part of the file"),
        ({0.5: lambda device: device.fetch()}, {}, "may still install it"),
        ({}, {"served": False}, "may go on, install"),
    ):
        device = Updated(plan, **options)
        with pytest.raises(AssertionError, match="no end"):
            device.run(limit=3)
        result = device.update.cancel(device.now, device.served)
        assert result.ending is Ending.Cancelled
        assert words in result.text
    assert Updated({}).update.cancel(0.0, None).text == "cancelled before anything was asked of the device"


def test_cancelled_knows_what_was_fetched_since_it_asked_last() -> None:
    device = Updated({})
    with pytest.raises(AssertionError, match="no end"):
        device.run(limit=3)
    device.fetch()
    result = device.update.cancel(device.now, device.served)
    assert "has the whole file, and may still install it" in result.text
    assert result.served is not None
    assert result.served.complete
    assert [each.phase for each in device.update.take_phases()] == [
        *(Phase.Fetching, Phase.Fetched, Phase.Ended)
    ]


def test_the_error_has_the_result_and_says_whether_it_may_go_on() -> None:
    error = error_of(Updated({}).run())
    assert isinstance(error, UpdateFailed)
    assert error.result.ending is Ending.NeverFetched
    assert not error.may_have_run
    assert error_of(Updated({**FETCHED, 6: says("installing")}).run()).may_have_run
    elsewhere = error_of(Updated({}, served=False).run())
    assert elsewhere.result.ending is Ending.NeverFetched
    assert elsewhere.may_have_run  # what it fetches there is not seen


def test_a_device_that_changes_its_mind_for_ever_fills_no_memory() -> None:
    plan = {at / 2: says(f"state {at}", at % 101) for at in range(1500)}
    device = Updated({**plan, 1.0: both(says("x"), lambda it: it.fetch())})
    result = device.run()
    assert result.ending is Ending.TimedOut
    assert len(result.phases) <= 257
    assert len(result.states) <= 256


def test_hostile_words_are_shown_in_one_short_line() -> None:
    plan = {**FETCHED, 6: says("failed|1|\x1b[2J\n" + "x" * 100_000)}
    text = Updated(plan).run().text
    assert len(text) < 400
    assert text.isprintable()


HAPPENINGS: list[Happens] = [
    *(says(word) for word in ("idle", "downloading", "downloaded", "installing", "installed", "busy")),
    *(says(word) for word in ("failed", "failed|1|md5", "waiting", "something", "", None, 7)),
    *(sets(progress=number) for number in (0, 40, 100, 101, -1, None, "x")),
    *(sets(silent=silent) for silent in (True, False)),
    lambda device: device.restart(),
    lambda device: device.fetch(0, 400),
    lambda device: device.fetch(400, SIZE),
    lambda device: device.install(),
    lambda device: device.install(module="1.0.0"),
    lambda device: device.install(module=None, mcu=None),
    lambda device: device.install(mcu="0000"),
    sets(module="2.0.0"),
    sets(module="1.0.0"),
    sets(unix=True),
    sets(booted=0.0),
]


class Watched(Updated):
    """Notes whether another version began to run by a restart, after the request and with the whole file fetched.

    Its happenings are two seconds apart: stamps are whole seconds, so what is closer cannot be told apart.
    """

    true = False

    def restart(self) -> None:
        super().restart()
        self._note()

    def install(self, module: str | None = "2.0.0", mcu: str | None = "0001") -> None:
        super().install(module, mcu)
        self._note()

    def _note(self) -> None:
        fetched = self.served is None or self.served.complete
        asked = self.update.requested is not None
        self.true = self.true or (self.module not in (None, "1.0.0") and fetched and asked)


def whole(device: Updated) -> None:
    if device.served is not None:
        device.fetch()


@given(
    st.lists(
        st.tuples(st.integers(0, 15).map(lambda at: 1.5 + 4 * at), st.sampled_from(HAPPENINGS)), max_size=10
    ),
    st.lists(st.sampled_from(["fetch", "restart", "version", "install", "mcu"]), max_size=5),
    st.sampled_from([None, "2.0.0", "1.0.0", "3", "0002"]),
    st.booleans(),
)
@pytest.mark.untraced
@settings(max_examples=500, deadline=None)
def test_success_is_told_only_of_another_version_after_a_restart(
    happenings: list[tuple[float, Happens]], main: list[str], version: str | None, served: bool
) -> None:
    kinds: dict[str, Happens] = {
        "fetch": whole,
        "restart": lambda device: device.restart(),
        "version": sets(module="2.0.0"),
        "install": lambda device: device.install(),
        "mcu": sets(mcu="0002"),
    }
    plan = {3.5 + 4 * at: kinds[kind] for at, kind in enumerate(main)} | dict(happenings)
    if not served:
        plan = {at: each for at, each in plan.items() if "fetch" not in each.__code__.co_names}
    pace = Pace(begin=20, settle=8, confirm=2, silence=40, total=120)
    device = Watched(plan, served=served, version=version, pace=pace)
    result = device.run(limit=140)
    if result.proven:
        by_mcu = "MCU tells" in result.text
        assert device.true or by_mcu
        assert (result.after.mcu if by_mcu else result.after.module) == ("0002" if by_mcu else "2.0.0")
        assert version in (None, "0002" if by_mcu else "2.0.0")
        assert by_mcu or result.restarted
        assert not served or (result.served is not None and result.served.complete)
    assert result.text
    percents = [each.progress for each in device.phases]
    assert percents == sorted(percents)
    assert (100 in percents) == result.proven
