"""Pairing against a book of what really happened: right, or said to be ambiguous, never wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paired import fed
from support.random_scenes import (
    BEHAVIOURS,
    CROWDED_WATCHES,
    END,
    LATE_REPLIES,
    MISHEARD,
    NOISE,
    WATCHES,
    Watch,
    crowded_scene,
    random_scene,
)
from support.scene import COMMANDS, GET_ON, MANY, Scene, Told
from support.two_clocks import random_scene as minutes_of
from support.two_clocks import random_views

from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.pairing import Pairer, pair
from miio_lan.record import Record

commands = st.sampled_from((*COMMANDS, MANY))
asks = st.fixed_dictionaries(
    {
        "when": st.floats(0.5, 6),
        "command": commands,
        "behaviour": st.sampled_from(BEHAVIOURS),
        "request_lost": st.sampled_from((False, False, False, True)),
        "reply_lost": st.sampled_from((False, False, False, True)),
        "resends": st.integers(0, 2),
    }
)
orders = st.tuples(st.floats(0.5, 6), commands, st.sampled_from(BEHAVIOURS))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    scene = Scene(poll=draw(st.sampled_from((0.1, 0.2, 1.5))), polls_while_busy=draw(st.booleans()))
    for place, ask in enumerate(draw(st.lists(asks, min_size=1, max_size=4))):
        # Two clients, that is two ranges of ids, seen from the same network.
        scene.ask(number=1000 * (place + 1), **ask)
    for when, command, behaviour in draw(st.lists(orders, max_size=2)):
        scene.order(when, command, behaviour)
    for when in draw(st.lists(st.floats(0.5, 8), max_size=2)):
        scene.line(when, "properties_changed 2 5 7")
    scene.run(END)
    return scene


def check(scene: Scene, seen: list[Record], exchanges: list[Exchange], *, lossy: bool) -> None:
    """Compare every exchange that is called sure with what happened."""
    visible = {id(record) for record in seen}
    calls: dict[int, list[Told]] = {}
    for told in scene.told:
        if told.request is not None:
            calls.setdefault(told.call, []).append(told)
    for call in calls.values():
        if is_past_telling(scene, call) or not any(id(told.request) in visible for told in call):
            continue
        found = [each for each in exchanges if any(told.request in each.records for told in call)]
        if any(each.ambiguous for each in found):
            continue
        assert len(found) == 1, "one exchange for one command"
        check_call(call, found[0], visible, lossy=lossy)
    check_others(scene, visible, exchanges)


def is_past_telling(scene: Scene, call: list[Told]) -> bool:
    """A request without a reply, while somebody unseen wants the very same: nothing tells whose the line is."""
    first, last = call[0].request.instant, call[-1].request.instant
    return all(told.reply is None for told in call) and any(
        (other.method, other.params) == (call[0].method, call[0].params)
        and any(first <= down.instant <= last + 40 for down in other.downs)
        for other in scene.told
        if other.request is None
    )


def check_call(call: list[Told], exchange: Exchange, visible: set[int], *, lossy: bool) -> None:
    answered = [told for told in call if told.reply is not None]
    replied = min(answered, key=lambda told: told.reply.instant, default=None)
    downs = {id(down): told for told in call for down in told.downs}
    for part in exchange.parts:
        told = downs.get(id(part.down))
        assert told is not None, "the line belongs to the command"
        if replied is not None:
            assert told is replied
        if part.result is not None:
            assert part.result is told.answer_of.get(id(part.down))
        elif not lossy:
            assert id(part.down) not in told.answer_of
    assert exchange.reply is (replied.reply if replied is not None else None)
    if replied is not None and not exchange.parts:
        assert not [down for down in replied.downs if id(down) in visible]
    if replied is not None or len(call) == 1:
        told = replied or call[0]
        unseen = [result for result in told.results if id(result) not in visible]
        # Of an answer that was lost to the tap and of no use to the module, nothing tells.
        assert exchange.stopped_at == told.stop or (unseen and exchange.stopped_at == "not answered")


def check_others(scene: Scene, visible: set[int], exchanges: list[Exchange]) -> None:
    """Compare what surely nobody on the LAN asked for: with what others did, and with what became of it."""
    asked_by = {id(down): told for told in scene.told for down in told.downs}
    for exchange in exchanges:
        if exchange.request is not None or exchange.ambiguous:
            continue
        assert exchange.down is not None
        told = asked_by[id(exchange.down)]
        assert told.request is None, "nobody on the LAN asked for it"
        assert exchange.result is None or exchange.result is told.answer_of.get(id(exchange.down))
        unseen = [result for result in told.results if id(result) not in visible]
        assert exchange.stopped_at == told.stop or (unseen and exchange.stopped_at == "not answered")


@pytest.mark.untraced
@settings(max_examples=100)
@given(scenes())
def test_whole_recordings(scene: Scene) -> None:
    # As two observers tell: each wire in its own order.
    shuffled = sorted(scene.records, key=lambda record: record.wire)
    check(scene, scene.records, pair(shuffled), lossy=False)


@pytest.mark.untraced
@settings(max_examples=100)
@given(scenes(), st.data())
def test_lines_that_were_lost(scene: Scene, data: st.DataObject) -> None:
    lines = [record for record in scene.records if record.wire == "uart" and b"none" not in record.raw]
    lost = data.draw(st.lists(st.sampled_from(lines), max_size=3, unique_by=id))
    seen = [record for record in scene.records if not any(record is each for each in lost)]
    check(scene, seen, pair(seen), lossy=True)


@pytest.mark.untraced
@settings(max_examples=100)
@given(scenes(), st.floats(0.0, 8.0))
def test_a_tap_that_started_late(scene: Scene, start: float) -> None:
    seen = [record for record in scene.records if record.wire == "lan" or record.instant >= start]
    check(scene, seen, pair(seen), lossy=True)


@pytest.mark.untraced
@settings(max_examples=100)
@given(scenes(), st.lists(st.tuples(st.floats(0, 10), st.sampled_from(NOISE), st.booleans()), max_size=6))
def test_noise_in_between(scene: Scene, noise: list[tuple[float, bytes, bool]]) -> None:
    heard = [Record("uart", "up" if up else "down", when, when, raw) for when, raw, up in noise]
    seen = [*scene.records, *heard]
    check(scene, seen, pair(seen), lossy=True)


@pytest.mark.untraced
@settings(max_examples=100)
@given(scenes(), st.sampled_from((0.001, 0.004, 0.016)), st.sampled_from((0.0013, 0.005, 0.015)))
def test_two_adapters_that_are_late_each_in_its_own_time(scene: Scene, down: float, up: float) -> None:
    scene.restamp((down, up))
    check(scene, scene.records, pair(scene.records), lossy=False)


@pytest.mark.untraced
@settings(max_examples=30)
@given(scenes())
def test_as_it_comes_and_afterwards_agree(scene: Scene) -> None:
    pairer = Pairer()
    before = 0
    for place, record in enumerate(scene.records):
        pairer.feed(record)
        if place % 97 == 0:
            now = len(pairer.exchanges)
            assert now >= before, "what was seen is not taken back"
            before = now
    pairer.finish()
    assert pairer.exchanges == pair(scene.records)


def test_the_book_is_worth_something() -> None:
    """A quiet conversation is joined completely and without doubt."""
    scene = Scene()
    for place, command in enumerate((*COMMANDS, MANY)):
        scene.ask(1.0 + 3 * place, command, number=10 + place)
    scene.run(END)
    exchanges = pair(scene.records)
    assert len(exchanges) == len(COMMANDS) + 1
    assert [each.stopped_at for each in exchanges] == [None] * len(exchanges)
    assert not any(each.ambiguous for each in exchanges)
    assert len(exchanges[-1].parts) == 3


@pytest.mark.untraced
def test_most_of_a_busy_hour_is_sure() -> None:
    rng = random.Random(4)
    scene = Scene()
    for place in range(400):
        scene.ask(1 + place * 4.0, rng.choice(COMMANDS), number=10 * place + 1)
        if place % 3 == 0:
            scene.order(2.5 + place * 4.0, rng.choice(COMMANDS))
    scene.run(1700)
    pairer = fed(scene.records)
    pairer.finish()
    exchanges = pairer.exchanges
    check(scene, scene.records, exchanges, lossy=False)
    asked = [each for each in exchanges if each.request is not None]
    assert len(asked) == 400
    assert not any(each.ambiguous for each in asked)
    assert {each.method for each in exchanges} == {command[0] for command in COMMANDS}
    begun = [each.records[0].instant for each in exchanges]
    assert begun == sorted(begun)


def test_a_request_of_somebody_else_is_told_apart() -> None:
    scene = Scene()
    scene.order(0.9, GET_ON)
    scene.ask(1.5, GET_ON, number=5)
    scene.run(10)
    theirs, ours = pair(scene.records)
    assert (theirs.request, theirs.stopped_at) == (None, None)
    assert ours.ids == (5,)
    assert (theirs.ambiguous, ours.ambiguous) == (False, False)


# --- at random, and more of it than hypothesis tries ---------------------------------------------------------------

ONE_BY_ONE = {**WATCHES, **MISHEARD, **LATE_REPLIES}
TOGETHER = {**CROWDED_WATCHES, **MISHEARD, **LATE_REPLIES}
KNOWN = (
    *(82, 1156, 1413, 1848, 2588, 2717, 100157, 100545, 100598, 101458, 101629, 101701, 102535, 102589),
    *(200560, 201410, 201730, 202548, 204352, 204381, 205216, 400421, 400505, 502476, 503901, 605641),
    *(700081, 701323, 702234, 900225, 900278, 901664, 910900),
    *(7000016, 7000025, 7000121, 30000128, 30000226, 30000234, 30000325),
)
"""What was once told wrongly: many alike at once, late answers of what nobody saw, adapters and losses together."""


@pytest.mark.untraced
@pytest.mark.parametrize(("watch", "lossy"), ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_what_was_told_wrongly_once_and_some_more(watch: Watch, lossy: bool) -> None:
    for seed in (*KNOWN, *range(40)):
        rng = random.Random(seed)
        scene = random_scene(rng)
        seen = watch(scene, rng)
        check(scene, seen, pair(seen), lossy=lossy)


CROWDED = (
    *(5000110, 5000211, 5000350, 5000536, 5000685, 5000775, 5000936),
    *(7000017, 7000028, 7000029, 7000048, 7000117, 7000121, 7000150),
    *(20000078, 20000591, 20000640, 20000677, 20000681),
    *(55000096, 55000131, 77000114, 77000446, 77000552),
)
"""What was once told wrongly of scenes in which all want the same."""


@pytest.mark.untraced
@pytest.mark.parametrize(("watch", "lossy"), TOGETHER.values(), ids=TOGETHER)
def test_all_want_the_same(watch: Watch, lossy: bool) -> None:
    for seed in (*CROWDED, *range(40)):
        rng = random.Random(seed)
        scene = crowded_scene(rng)
        seen = watch(scene, rng)
        check(scene, seen, pair(seen), lossy=lossy)


@pytest.mark.parametrize("seed", [40082, 41213, 42059, 42162])
def test_minutes_of_polls_and_commands_that_nobody_sees(seed: int) -> None:
    """What was told wrongly once: answers, lines and requests that nobody saw, and a line that was heard no more."""
    rng = random.Random(seed)
    scene = minutes_of(rng)
    views = random_views(scene, rng)
    lan = [replace(record, instant=views.truth(record)) for record in views.lan]
    told = {(each.request.peer, each.request.reading["id"]): each for each in scene.told if each.request}
    sure = 0
    for exchange in pair([*lan, *views.line]):
        if exchange.request is None or exchange.ambiguous or exchange.down is None:
            continue
        true = [down for number in exchange.ids for down in told[exchange.request.peer, number].downs]
        assert exchange.down in true
        sure += 1
    assert sure
