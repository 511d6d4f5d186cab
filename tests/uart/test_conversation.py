from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.talk import talk

from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import ALTERED, ANSWERED, DROPPED, HELD_BACK, SENT
from miio_lan.uart.conversation import Conversation, converse
from miio_lan.uart.pieces import pieces


def listen(records: list[Record], ended: float | None = None) -> Conversation:
    return converse(records, side="mcu", ended=ended)


def test_replies_belong_to_the_lines_they_follow() -> None:
    line = listen(talk("> model a.b.c\n< error\n> model a.b.c\n< ok\n> net\n< cloud"))
    assert [(said.text, said.reply_text, said.accepted) for said in line.said] == [
        ("model a.b.c", "error", False),
        ("model a.b.c", "ok", True),
        ("net", "cloud", False),
    ]


def test_lines_that_were_not_waited_for_are_answered_in_order() -> None:
    line = listen(talk("> properties_changed 1 1 5\n> get_down\n< ok\n< down none"))
    assert [said.reply_text for said in line.said] == ["ok", "down none"]


@pytest.mark.parametrize(
    ("script", "replies"),
    [
        ("> model a.b.c\n> get_down\n< down none", ["", "down none"]),
        ("> get_down\n> model a.b.c\n< ok", ["", "ok"]),
        ("> model a.b.c\n3 > get_down\n< error", ["", "error"]),
        # What was said again was not heard the first time; what was said long before others was not heard at all.
        ("> model a.b.c\n1 > model a.b.c\n< error\n> net\n< cloud", ["", "error", "cloud"]),
        ("> model a.b.c\n1 > mcu_version 0001\n< error", ["", "error"]),
        ("> get_down\n0.2 > get_down\n< down none\n> net\n< cloud", ["", "down none", "cloud"]),
        ("> net\n0.4 > mac\n< cloud\n< 00", ["cloud", "00"]),
        ("> get_down\n1 > net\n< down none\n< cloud", ["down none", "cloud"]),
        ("> help\n< model\n< net\n> get_down\n< down none", ["model", "down none"]),
        ("> get_down\\\n> get_down\n< down none", ["", "down none"]),
    ],
)
def test_lines_without_a_reply_do_not_shift_the_others(script: str, replies: list[str]) -> None:
    assert [said.reply_text for said in listen(talk(script)).said] == replies


def test_a_result_answers_the_downlink_before_it() -> None:
    line = listen(
        talk(
            "> get_down\n< down get_properties 2 1\n> net\n< cloud\n"
            "0.5 > result 2 1 0 true\n< ok\n> result 1\n< error"
        )
    )
    (downlink,) = line.downlinks
    assert downlink.asked is line.said[0]
    assert downlink.answer is line.said[2]
    assert downlink.seconds == pytest.approx(0.48)
    result = line.said[2].command
    assert isinstance(result, c.Result)
    assert [tuple(row) for row in result.results] == [(2, 1, 0, True)]
    assert line.said[3].answers is downlink
    assert [said.again for said in line.of("result")] == [False, True]


def test_another_downlink_closes_the_one_before() -> None:
    line = listen(talk("1 < down action 1 1\n2 < down action 1 2\n3 > result 1 2 0"))
    first, second = line.downlinks
    assert (first.answer, first.closed) == (None, 102.0)
    assert first.seconds is None
    assert second.answer is line.said[0]


def test_an_outage_leaves_in_doubt_what_was_under_way() -> None:
    line = listen(talk("1 < down action 1 1\n> net\n2 -- \n3 > result 1 1 0\n< ok"))
    assert line.breaks == [102.0]
    assert line.broken(101.0, 103.0)
    assert line.broken(102.5, 103.0), "nothing was heard between"
    assert not line.broken(103.5, 104.0)
    assert listen(talk("1 > net\n2 -- \n9 < down none")).broken(8.0 + 100, 9.0 + 100)
    (downlink,) = line.downlinks
    assert (downlink.closed, downlink.broken) == (None, True)
    assert line.of("net")[0].reply is None
    assert line.of("result")[0].answers is downlink, "its ids tell"
    assert downlink.lines_missing


def test_echoes_and_blocks_are_no_lines() -> None:
    line = listen(talk("> net\n# echo: net\n< cloud\n# xmodem: x\n> \\n"))
    assert [said.text for said in line.said] == ["net"]
    assert line.said[0].reply_text == "cloud"
    assert len(line.told) == 1


def test_what_a_bootloader_says_is_passed_over_until_the_application_is_back() -> None:
    line = listen(
        talk(
            '< down update_fw\n> result "ready"\n< ok\n> Cget_down\n> *** boot\n> model a.b.c\n< ok\n> *** banner'
        )
    )
    assert [said.text for said in line.said] == ['result "ready"', "model a.b.c", "*** banner"]


def test_busy_does_not_begin_a_transfer() -> None:
    line = listen(talk('< down update_fw\n> result "busy"\n< ok\n> *** banner'))
    assert [said.text for said in line.said] == ['result "busy"', "*** banner"]


def test_lines_that_ran_into_each_other_are_taken_apart() -> None:
    line = listen(talk("> get_down\n< down get_properties 2 1\n> result 2 1 0 trueget_down\n< ok"))
    assert [said.text for said in line.said] == ["get_down", "result 2 1 0 true", "get_down"]
    assert [said.glued for said in line.said] == [False, True, True]
    assert line.said[1].accepted
    assert line.said[2].reply is None
    assert [said.number for said in line.said] == [0, 1, 2]


GLUED = "> get_down\n< down get_properties 2 1\n> result 2 1 0 true{}\n< ok\n"


@pytest.mark.parametrize(
    ("behind", "then", "replies", "glued"),
    [
        ("get_down", "0.2 < down none", ["ok", "down none"], [False, True]),
        ("get_down", "0.2 < down toggle", ["ok", "down toggle"], [False, True]),
        ("get_down", "0.2 < error", ["ok", "error"], [False, True]),
        ("properties_changed 2 1 5", "0.2 < ok", ["ok", "ok"], [False, True]),
        (
            "properties_changed 2 1 5get_down",
            "0.1 < ok\n0.2 < down none",
            ["ok", "ok", "down none"],
            [False, False, True],
        ),
        # The module heard one line.
        ("get_down", "", ["ok", ""], [True, True]),
        ("get_down", "0.2 > get_down\n0.21 < down none", ["ok", ""], [True, True]),
        # A word too many, if it is no reply to what stands there, shows that something was missed.
        ("get_down", "0.2 < ok", ["ok", ""], [False, True]),
        ("get_down", "0.2 > get_down\n0.21 < error\n0.22 < down none", ["ok", ""], [False, True]),
        # Far too late to be a reply.
        ("get_down", "2.1 < down none", ["ok", ""], [True, True]),
    ],
)
def test_a_module_that_replies_to_each_heard_the_cr_between_lines_that_ran_into_each_other(
    behind: str, then: str, replies: list[str], glued: list[bool]
) -> None:
    line = listen(talk(GLUED.format(behind) + then))
    parts = [said for said in line.said if said.record is line.said[1].record]
    assert [said.reply_text for said in parts] == replies
    assert [said.glued for said in parts] == glued
    assert [said.parted for said in parts] == [not glued[0]] * len(parts)
    assert len(line.unexplained) == (behind == "get_down" and then == "0.2 < ok")


def test_a_downlink_is_fetched_by_a_poll_that_ran_into_another_line() -> None:
    line = listen(talk(GLUED.format("get_down") + "0.2 < down toggle"))
    assert line.downlinks[-1].asked is line.said[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("result 2 1 0get_down", ["result 2 1 0", "get_down"]),
        (
            "result 2 1 0properties_changed 2 1 trueget_down",
            ["result 2 1 0", "properties_changed 2 1 true", "get_down"],
        ),
        ('result 1 2 0 "a b"get_down', ['result 1 2 0 "a b"', "get_down"]),
        ('error "x" -5000result 1', ['error "x" -5000', "result 1"]),
        ('result 1 2 0 "get_down"', ['result 1 2 0 "get_down"']),
        ("some_result 1", ["some_result 1"]),
        ("set_model get_down", ["set_model get_down"]),
        ("properties_changed 1 1 my_model", ["properties_changed 1 1 my_model"]),
        ("get_downget_down", ["get_down", "get_down"]),
        ("result 2 2 -4005time posix", ["result 2 2 -4005", "time posix"]),
        ("result 2 2 0mcu_version 0001", ["result 2 2 0", "mcu_version 0001"]),
        ("get_downproperties_changed 2 1 true", ["get_down", "properties_changed 2 1 true"]),
        ("my_get_down", ["my_get_down"]),
        ("net_time", ["net_time"]),
        ("", [""]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@given(st.text(alphabet='get_down "result\\1.true', max_size=60))
def test_nothing_is_lost_or_added_by_taking_apart(text: str) -> None:
    assert "".join(pieces(text)).replace(" ", "") == text.replace(" ", "")


def test_the_end_may_be_later_than_the_last_record() -> None:
    records = talk("1 > net\n2 < cloud")
    assert (listen(records).began, listen(records).ended) == (101.0, 102.0)
    assert listen(records, ended=110.0).ended == 110.0
    assert listen(records, ended=90.0).ended == 102.0


# --- a bridge with faults in between -------------------------------------------------------------------------------

MARKS = {
    "-": DROPPED,
    "~": ALTERED,
    "!": ANSWERED,
    "+": SENT,
    "z": HELD_BACK.format(1.5),
}


def bridged(*lines: str) -> list[Record]:
    """Make records of lines like ``>- get_down``: the mark behind the arrow says what the bridge did to it."""
    found = []
    for place, line in enumerate(lines):
        head, _, text = line.partition(" ")
        direction = "up" if head[0] == ">" else "down"
        note = MARKS.get(head[1:], "")
        found.append(Record("uart", direction, 100.0 + place / 100, 0.0, text.encode() + b"\r", note=note))
    return found


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        # What the module never heard is not answered, and what the MCU never heard answers nothing.
        ((">- model a.b.c", "> get_down", "< down none"), ["", "down none"]),
        (("> get_down", "<- down none", "> get_down", "< error"), ["", "error"]),
        # The bridge's word counts for the MCU.
        ((">! get_down", "<+ error", "> get_down", "< down none"), ["error", "down none"]),
        (("> get_down", "<~ down none", "<+ down nonsense", "> net", "< cloud"), ["down nonsense", "cloud"]),
        # An altered line of the MCU is answered once, a doubled one twice.
        ((">~ model a.b.c", ">+ model x.y.z", "< ok", "> net", "< cloud"), ["ok", "cloud"]),
        (("> model a.b.c", ">+ model a.b.c", "< ok", "< ok", "> net", "< cloud"), ["ok", "cloud"]),
        # What the bridge answers for the MCU is none of its lines, nor is the answer to it.
        (
            ("> get_down", "<! down toggle", '>+ result "ok"', "<- ok", "> get_down", "< down none"),
            ["", "down none"],
        ),
    ],
)
def test_what_a_bridge_does_does_not_shift_the_replies(lines: tuple[str, ...], replies: list[str]) -> None:
    assert [said.reply_text for said in listen(bridged(*lines)).said] == replies


def test_what_the_module_said_and_what_the_mcu_heard() -> None:
    line = listen(bridged("> get_down", "<~ down get_properties 2 1", "<+ down nonsense", "> error"))
    assert [downlink.text for downlink in line.downlinks] == ["down nonsense"]
    assert [command.line for _, command in line.told] == ["down get_properties 2 1"]


def test_a_doubled_downlink_may_be_answered_twice() -> None:
    handed_out = ("> get_down", "< down get_properties 2 1", "<+ down get_properties 2 1")
    line = listen(bridged(*handed_out, "> result 2 1 0 5", "< ok", "> result 2 1 0 5", "< error"))
    (downlink,) = line.downlinks
    first, second = line.of("result")
    assert (first.answers, first.again) == (downlink, False)
    assert (second.answers, second.again) == (downlink, False)
    assert isinstance(second.command, c.Result)
    assert [(row.siid, row.piid) for row in second.command.results] == [(2, 1)]


@pytest.mark.parametrize(("reply", "sure"), [(6.4, True), (7.5, False)])
def test_a_reply_long_after_its_poll_may_be_to_a_later_one(reply: float, sure: bool) -> None:
    """What the first one got was missed, and the second one as well: the answer may be to that."""
    asked = "1 > get_down\n< down get_properties 2 1\n2 > get_down\n< error\n6 > get_down\n"
    line = listen(talk(f"{asked}{reply} < error\n9 > get_down\n< error\n10 > result 2 1 0 12\n< error"))
    assert line.of("result")[0].sure is sure


def test_what_would_be_the_second_answer_to_one_may_be_the_useless_one_to_what_waits() -> None:
    wrong = "> get_down\n< down get_properties 2 3\n> result 3 2 0 250\n< ok\n"
    line = listen(
        talk(
            wrong
            + '> get_down\n< down get_properties 3 2\n> result 2 3 0 "00ff"\n< ok\n> get_down\n< down none'
        )
    )
    said = line.of("result")[-1]
    assert not said.sure
    assert line.downlinks[1] in [said.answers, *said.others]
    assert line.downlinks[1].doubtful
    silent = "> get_down\n< down get_properties 2 3\n4.5 > get_down\n< down get_properties 3 2\n"
    line = listen(talk(silent + "> result 2 3 0 250\n< error\n> result 3 2 0 1\n< ok"))
    assert (line.of("result")[0].answers, line.of("result")[0].others) == (line.downlinks[0], [])


def test_an_answer_that_was_held_back_was_not_late() -> None:
    line = listen(bridged("> get_down", "< down toggle", '>z result "ok"', "< ok"))
    assert line.downlinks[0].seconds == pytest.approx(0.01 - 1.5)


# --- what is not seen ----------------------------------------------------------------------------------------------


def test_a_reply_to_nothing_shows_that_a_line_was_missed() -> None:
    line = listen(talk("> get_down\n< down get_properties 2 1\n< ok\n> get_down\n< down none"))
    (downlink,) = line.downlinks
    assert downlink.missed
    assert downlink.answer is None
    assert line.unexplained == [pytest.approx(100.03)]
    assert line.missing(100.0, 100.03)
    assert not line.missing(100.04, 101.0)


def test_a_poll_without_a_reply_may_have_brought_work() -> None:
    line = listen(talk("> model a.b.c\n< ok\n> get_down\n0.3 > result 2 1 0 true\n< ok"))
    (result,) = line.of("result")
    assert (result.answers, result.sure, result.blind) == (None, False, True)


def test_a_module_that_restarts_refuses_and_tells_its_network_at_once() -> None:
    script = "> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< error\n> get_down\n< down {}"
    restarted = [
        listen(talk(script.format(what))).downlinks[0].restarted
        for what in ("MIIO_net_change offline", "none")
    ]
    assert restarted == [True, False]


def test_an_answer_stamped_right_before_its_line_is_its_answer_in_doubt() -> None:
    records = talk("> model a.b.c\n< ok\n1 > result 2 1 0 true\n1.02 < down get_properties 2 1\n1.021 < ok")
    (downlink,) = listen(records).downlinks
    assert downlink.answer is not None
    assert (downlink.answer.sure, downlink.answer.blind) == (False, True)
    late = talk("> model a.b.c\n< ok\n1 > result 2 1 0 true\n1.04 < down get_properties 2 1")
    assert listen(late).downlinks[0].answer is None, "30 ms is the limit"
    assert converse(records, side="mcu", one_clock=True).downlinks[0].answer is None


@pytest.mark.parametrize(
    ("handed_out", "said", "results"),
    [
        ("set_properties 2 2 40", "result 2 2 0", "result 2 2 0 40"),
        ("get_properties 2 2", "result 2 2 0 40", "result 2 2 0"),
    ],
)
def test_an_answer_whose_line_was_lost_is_not_read_in_the_layout_of_the_one_before(
    handed_out: str, said: str, results: str
) -> None:
    line = listen(talk(f"> get_down\n< down {handed_out}\n> {said}\n< ok\n> get_down\n> {results}\n< ok"))
    assert line.orphans[0].command.valid
    assert line.orphans[0].command.as_json()["answers"] is None
    again = listen(talk(f"> get_down\n< down {handed_out}\n> {said}\n< ok\n> {said}\n< error"))
    assert again.orphans[0].command.as_json()["answers"] == handed_out.split()[0]


def test_an_identity_request_is_answered_by_the_next_such_line() -> None:
    script = (
        "> model a.b.c\n< ok\n1 > get_down\n< down MIIO_model_req\n> model a.b.c\n< ok\n> model a.b.c\n< ok"
    )
    line = listen(talk(script))
    assert [said.request is not None for said in line.of("model")] == [False, True, False]


def test_an_mcu_that_asks_for_the_model_has_not_told_it() -> None:
    line = listen(talk("> get_down\n< down MIIO_model_req\n> model\n< x.y.z\n> model a.b.c\n< ok"))
    assert [said.request is not None for said in line.of("model")] == [False, True]


def test_what_json_brings_into_a_downlink_is_no_obstacle() -> None:
    line = listen(talk('> get_down\n< down set_power ["off"]\n> result "ok"\n< ok'))
    assert line.downlinks[0].answer is line.of("result")[0]


WORDS = st.sampled_from(
    [
        *("get_down", "down none", "down get_properties 2 1", "down set_properties 2 1 5", "down update_fw"),
        *(
            'result "ready"',
            "result 2 1 0 5",
            "result 2 1 0",
            "result",
            'error "x" -5000',
            "ok",
            "error",
            "help",
        ),
        *(
            "model a.b.c",
            "down MIIO_model_req",
            "down MIIO_net_change cloud",
            "result 2 1 0get_down",
            "***",
            "",
        ),
    ]
)
NOTES = st.sampled_from(["", "", "", "gap", "echo", *MARKS.values()])


@given(
    st.lists(st.tuples(st.booleans(), WORDS, NOTES, st.floats(-0.1, 5.0)), max_size=40),
    st.sampled_from(["mcu", "module"]),
)
def test_whatever_is_said_each_answer_has_one_downlink(
    lines: list[tuple[bool, str, str, float]], side: Literal["mcu", "module"]
) -> None:
    now, records = 100.0, []
    for up, text, note, pause in lines:
        now += pause
        records.append(Record("uart", "up" if up else "down", now, now, text.encode() + b"\r", note=note))
    line = converse(records, side=side)
    answers = [id(downlink.answer) for downlink in line.downlinks if downlink.answer is not None]
    assert len(answers) == len(set(answers)), "no line answers two downlinks"
    for downlink in line.downlinks:
        assert downlink.answer is None or downlink.answer.answers is downlink
    replies = [id(said.reply) for said in line.said if said.reply is not None]
    assert len(replies) == len(set(replies)), "no reply is said to two lines"


@pytest.mark.parametrize("live", [True, False])
def test_lines_nobody_is_heard_to_reply_to_are_not_kept_for_it(live):
    conversation = Conversation(live=live)
    for number in range(500):
        conversation.feed(Record("uart", "up", 1 + number / 1000, 1e9, b"get_down\r"))
        assert len(conversation._burst) <= 70
    assert all(not each.reply_sure for each in conversation.said[:400])


def asked(value: str = "> result 2 1 0 5", acknowledged: str = "< ok") -> str:
    """Give an exchange about 2.1, whole or with lines that nobody saw."""
    return f"> get_down\n< down get_properties 2 1\n{value}\n{acknowledged}\n"


IDLE_POLL = "> get_down\n< down none\n"


@pytest.mark.parametrize("acknowledged", ["< ok", ""])
@pytest.mark.parametrize(("idle", "sure"), [(0.6, True), (0.5, False)])
def test_a_line_that_nobody_saw_puts_later_answers_in_doubt_for_as_long_as_it_may_be_read_late(
    acknowledged: str, idle: float, sure: bool
) -> None:
    """The module goes on long before it would have given up: it had its answer."""
    line = listen(
        talk(asked() + asked("", acknowledged) + IDLE_POLL + f"{idle} {IDLE_POLL}" + asked() + asked())
    )
    answers = [downlink.answer for downlink in line.downlinks]
    assert answers[1] is None
    assert [answer is not None and answer.sure for answer in answers] == [True, False, sure, sure]


@pytest.mark.parametrize(
    ("unanswered", "sure"),
    [
        ("> get_down\n< down get_properties 2 1\n0.5 > get_down\n0.51 < down none\n2 > net\n< cloud\n", True),
        (
            "> get_down\n< down get_properties 2 1\n0.5 > get_down\n0.52 < down none\n2 > net\n< cloud\n",
            False,
        ),
        ("> get_down\n< down get_properties 2 1\n-- \n> get_down\n< down none\n2 > net\n< cloud\n", False),
        (asked("> result 2 1 0 4", "< error") + IDLE_POLL + "2 > net\n< cloud\n", False),
    ],
)
def test_an_answer_that_may_still_come_puts_the_next_one_in_doubt(unanswered: str, sure: bool) -> None:
    answer = listen(talk(unanswered + asked())).downlinks[-1].answer
    assert answer is not None
    assert answer.sure == sure
