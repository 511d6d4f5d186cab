"""Steps of a command in an assertion: they equal their text, and one that did not happen says why."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from operator import attrgetter, itemgetter

import pytest
from support.tape import Tape

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, ExpectationFailed, Recorder
from miio_lan.bench.steps.missing import Missing
from miio_lan.bench.steps.seen import SeenExchange
from miio_lan.errors import InvalidArgument
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record

ON = [{"siid": 2, "piid": 1}]
IS_ON = [{"siid": 2, "piid": 1, "code": 0, "value": True}]
BOTH = ("up", "down")


@pytest.fixture
def device() -> Iterator[MiotDevice]:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        yield device


Seen = Callable[..., SeenExchange]


@pytest.fixture
def seen(device: MiotDevice) -> Seen:
    """Gives the command of a tape as a bench sees it that hears so much of the line."""

    def seen(tape: Tape, hears: tuple[str, ...] = BOTH) -> SeenExchange:
        bench = Bench(device, Recorder(), hears=hears, late=False)
        for record in tape.records:
            if record.wire == "lan" or record.direction in hears:
                bench.recorder.observe(record)
        return next(each for each in bench.exchanges if each.method != "none")

    return seen


def went_through() -> Tape:
    tape = Tape().fetch("none").ask(1, "get_properties", ON)
    tape.up("get_down").down("down get_properties 2 1\n").up(b"\nresult 2 1 0 true\r").down("ok")
    return tape.reply(1, IS_ON)


def unanswered(seconds: float = 4.0) -> Tape:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    return tape.wait(seconds).reply(1, error=-9999).fetch("none")


def given_up() -> Tape:
    """Without a reply, and long ago."""
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1").wait(6)
    return tape.fetch("none").wait(100).fetch("none").fetch("none")


def handed_out() -> Tape:
    return Tape().fetch("none").fetch("get_properties 2 1").answer("result 2 1 0 true").fetch("none")


def asked() -> Tape:
    return Tape().fetch("none").ask(1, "get_properties", ON).fetch("none")


def not_fetched() -> Tape:
    return asked().wait(4).reply(1, error=-9999).fetch("none")


def lost() -> Tape:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    return tape.answer("result 2 1 0 true").wait(100).fetch("none").fetch("none")


# --- what happened ---------------------------------------------------------------------------------------------------


def test_steps_equal_their_text_whatever_ends_the_line(seen: Seen) -> None:
    exchange = seen(went_through())
    assert exchange.down == "down get_properties 2 1"
    assert exchange.result == "result 2 1 0 true"
    assert exchange.result == b"result 2 1 0 true\r\n"
    assert exchange.acknowledgement == "ok\r"
    assert exchange.result.startswith("result 2 1")
    assert exchange.result.text == "result 2 1 0 true"
    assert exchange.result.raw == b"\nresult 2 1 0 true\r"
    assert exchange.reply.startswith('{"id": 1')
    assert exchange.result != "result 2 1 0 false"
    assert all(map(bool, (exchange.request, exchange.down, exchange.result, exchange.reply)))


def test_a_command_is_what_pairing_made_of_it(seen: Seen) -> None:
    tape = went_through()
    (joined,) = pair(tape.records)
    exchange = seen(tape)
    assert exchange.result is exchange.joined.result
    assert (exchange.joined.method, exchange.joined.result) == (joined.method, joined.result)
    assert exchange == exchange.joined == seen(tape)
    assert len({exchange, seen(tape)}) == 1
    assert exchange != seen(unanswered())
    assert exchange.as_json()["method"] == "get_properties"
    assert repr(exchange) == "<get_properties: went through>"


def test_parts_are_seen_likewise(seen: Seen) -> None:
    (part,) = seen(went_through()).parts
    assert part.down == "down get_properties 2 1"
    assert part.result == "result 2 1 0 true"
    assert part.acknowledgement == "ok"
    assert part.mcu_time == pytest.approx(0.01)
    assert part.readings["result"]["results"] == [[2, 1, 0, True]]
    assert part == seen(went_through()).parts[0] == part.part
    (silent,) = seen(unanswered()).parts
    assert repr(silent.result) == "<no result: not answered within 4 s>"
    assert part != silent


# --- what did not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tape", "hears", "step", "said"),
    [
        (unanswered(), BOTH, "result", "<no result: not answered within 4 s>"),
        (unanswered(1.0), BOTH, "result", "<no result: not answered within 1 s>"),
        (given_up(), BOTH, "result", "<no result: not answered within 4 s>"),
        (unanswered(), BOTH, "acknowledgement", "<no acknowledgement: not answered within 4 s>"),
        (unanswered(), BOTH, "mcu_time", "<no MCU time: no result, not answered within 4 s>"),
        (asked().fetch("get_properties 2 1"), BOTH, "result", "<no result: not answered yet>"),
        (asked(), BOTH, "down", "<no down: not fetched yet>"),
        (asked(), BOTH, "reply", "<no reply: nothing reached the client yet>"),
        (not_fetched(), BOTH, "down", "<no down: not fetched by the MCU>"),
        (not_fetched(), BOTH, "result", "<no result: not fetched by the MCU>"),
        (not_fetched(), BOTH, "fetch_time", "<no fetch time: no down, not fetched by the MCU>"),
        (lost(), BOTH, "reply", "<no reply: the MCU answered, and nothing reached the client>"),
        (handed_out(), BOTH, "request", "<no request: nobody on the LAN is seen to have asked>"),
        (
            handed_out(),
            BOTH,
            "total_time",
            "<no total time: no request, nobody on the LAN is seen to have asked>",
        ),
        (went_through(), ("up",), "down", "<no down: the module was not heard>"),
        (went_through(), ("up",), "acknowledgement", "<no acknowledgement: the module was not heard>"),
        (went_through(), ("down",), "result", "<no result: the MCU was not heard>"),
    ],
)
def test_a_step_that_did_not_happen_says_why(
    seen: Seen, tape: Tape, hears: tuple[str, ...], step: str, said: str
) -> None:
    missing = getattr(seen(tape, hears), step)
    assert not missing
    assert repr(missing) == said


def test_what_the_module_answers_by_itself_was_never_handed_out(seen: Seen) -> None:
    tape = Tape().fetch("none").ask(1, "miIO.info", []).reply(1, {"model": "a.b.c"}).fetch("none")
    assert repr(seen(tape).down) == "<no down: the module answers miIO.info by itself>"


USES: dict[str, Callable[[object], object]] = {
    "asked for .raw": attrgetter("raw"),
    "asked for .startswith": lambda step: step.startswith("result"),
    "compared with 'result'": lambda step: step == "result",
    "compared with b'result'": lambda step: step != b"result",
    "compared with 1": lambda step: step < 1,
    "compared with 2": lambda step: step >= 2,
    "asked for ['text']": itemgetter("text"),
    "searched for 'true'": lambda step: "true" in step,
    "taken for a number": float,
}


@pytest.mark.parametrize("use", USES)
def test_using_it_fails_with_both_wires(seen: Seen, use: str) -> None:
    result = seen(unanswered()).result
    with pytest.raises(ExpectationFailed) as failure:
        USES[use](result)
    text = str(failure.value)
    assert f"there is no result (not answered within 4 s); it was {use}" in text
    assert "get_properties: not answered" in text
    assert "LAN: client → ← module" in text
    assert "→ down get_properties 2 1" in text


def test_a_time_that_is_missing_fails_likewise(seen: Seen) -> None:
    with pytest.raises(ExpectationFailed, match="there is no MCU time"):
        assert seen(unanswered()).mcu_time < 1.0


def test_a_reading_of_it_fails_likewise(seen: Seen) -> None:
    readings = seen(unanswered()).readings
    assert list(readings) == ["request", "down", "reply"]
    assert readings.get("result") is None
    with pytest.raises(
        ExpectationFailed, match=r"there is no result \(.* 4 s\); it was asked for its reading"
    ):
        readings["result"]
    with pytest.raises(KeyError):
        readings["colour"]


def test_whether_it_happened_may_be_asked(seen: Seen) -> None:
    exchange = seen(unanswered())
    assert not exchange.result
    assert exchange.result == None  # noqa: E711 - the question of those who compare
    assert exchange.down != None  # noqa: E711
    assert not isinstance(exchange.result, Record)
    assert exchange.joined.result is None
    assert not hasattr(exchange.result, "__len__")


def test_what_looks_into_it_does_no_harm() -> None:
    missing = Missing("result", "why", str)
    with pytest.raises(TypeError):
        hash(missing)
    with pytest.raises(AttributeError):
        object.__getattribute__(copy.copy(missing), "nothing")
    assert repr(copy.copy(missing)) == "<no result: why>"


def test_secrets_are_hidden_in_the_failure(seen: Seen) -> None:
    password = {"ssid": "home", "passwd": "hunter sesame", "uid": 1}
    tape = Tape().fetch("none").ask(1, "miIO.config_router", password).wait(6).fetch("none")
    with pytest.raises(ExpectationFailed) as failure:
        seen(tape).reply.raw  # noqa: B018 - asking is the use
    assert "miIO.config_router" in str(failure.value)
    assert "hunter sesame" not in str(failure.value)


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_passes_where_all_is_as_wanted(seen: Seen) -> None:
    seen(went_through()).check(
        down="down get_properties 2 1",
        result=re.compile(r"2 1 0 (true|false)$"),
        acknowledgement=b"ok\r",
        reply=re.compile('"value": true'),
        within=1.0,
        stopped_at=None,
        ambiguous=False,
    )
    seen(handed_out()).check(result="result 2 1 0 true", within=1.0)


def test_check_says_all_that_is_otherwise_at_once(seen: Seen) -> None:
    with pytest.raises(ExpectationFailed) as failure:
        seen(unanswered()).check(
            down="down get_properties 2 2",
            result=re.compile("^result"),
            acknowledgement="ok",
            within=1.0,
            stopped_at=None,
        )
    text = str(failure.value)
    head, _, rest = text.partition("\n  get_properties: not answered")
    assert head.splitlines() == [
        "get_properties is not as wanted:",
        "  down: 'down get_properties 2 1', wanted 'down get_properties 2 2'",
        "  result: <no result: not answered within 4 s>, wanted what '^result' finds",
        "  acknowledgement: <no acknowledgement: not answered within 4 s>, wanted 'ok'",
        "  it stopped at 'not answered', wanted: went through",
        "  it took 4.030 s, wanted at most 1 s",
    ]
    assert "→ down get_properties 2 1" in rest


def test_check_of_a_command_without_an_end(seen: Seen) -> None:
    with pytest.raises(
        ExpectationFailed, match="it took: <no total time: no reply, nothing reached the client"
    ):
        seen(given_up()).check(within=1.0)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({}, "checks what is named"),
        ({"stopped_at": "nowhere"}, "no command stops at 'nowhere'"),
        ({"within": 0}, "number of seconds above 0"),
        ({"within": float("nan")}, "number of seconds above 0"),
    ],
)
def test_a_check_that_means_nothing(seen: Seen, wanted: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        seen(went_through()).check(**wanted)


def test_a_check_of_the_doubt(seen: Seen) -> None:
    seen(went_through(), ()).check(ambiguous=True)
    with pytest.raises(ExpectationFailed, match="it is ambiguous"):
        seen(went_through(), ()).check(ambiguous=False)


# --- history ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(device: MiotDevice) -> Bench[MiotDevice]:
    bench = Bench(device, Recorder(), late=False)
    tape = went_through()
    tape.ask(2, "set_properties", [{"siid": 2, "piid": 1, "value": False}]).ask(
        2, "set_properties", [{"siid": 2, "piid": 1, "value": False}]
    )
    tape.fetch("set_properties 2 1 false").answer("result 2 1 0").reply(
        2, [{"siid": 2, "piid": 1, "code": 0}]
    )
    tape.fetch("get_properties 2 1").answer("result 2 1 0 false").fetch("none")
    for record in tape.records:
        bench.recorder.observe(record)
    return bench


def test_the_history_of_a_method(bench: Bench[MiotDevice]) -> None:
    reads = bench.history(method="get_properties")
    assert (reads.count, len(reads)) == (2, 2)
    assert reads.first.result == "result 2 1 0 true"
    assert reads.last.result == "result 2 1 0 false"
    assert [bool(each.request) for each in reads] == [True, False]
    assert reads[0] == reads.first
    assert bench.history().count == 3
    assert bench.history("get_properties", siid=2, piid=9).count == 0
    assert bench.history("set_properties", value=False).last.down == "down set_properties 2 1 false"


def test_a_command_that_was_sent_again_counts_once(bench: Bench[MiotDevice]) -> None:
    sets = bench.history(method="set_properties")
    assert (sets.count, sets.datagrams) == (1, 2)


def test_a_history_of_nothing(bench: Bench[MiotDevice]) -> None:
    none = bench.history(method="action", siid=2)
    assert (none.count, list(none)) == (0, [])
    assert not none.last
    assert repr(none.last) == "<no command: action with siid 2 did not happen>"
    with pytest.raises(ExpectationFailed, match="action with siid 2 did not happen") as failure:
        none.first.result  # noqa: B018 - asking is the use
    assert "→ down get_properties 2 1" in str(failure.value)
