from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import perform

from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.reading import SliceLimit, read_properties
from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, McuTimeout, PayloadDecodeException

#: Refusals in place of a list of results.
_WHOLE: dict[str, Any] = {"code": {"code": -4004}, "word": ["error"], "number": -4004}


class Product:
    """A product with properties 2.1 to 2.40, and limits of its own."""

    def __init__(
        self, *, limit: int = 99, how: str = "timeout", poison: frozenset[int] = frozenset()
    ) -> None:
        self.limit = limit
        self.how = how
        self.poison = poison
        self.lengths: list[int] = []
        self.silent = False

    def __call__(self, ask: Ask) -> Any:
        assert ask.method == "get_properties"
        self.lengths.append(len(ask.params))
        if self.silent:
            raise DeviceTimeout("silence")
        if any(item["piid"] in self.poison for item in ask.params):
            if self.how in _WHOLE:
                return _WHOLE[self.how]
            raise McuTimeout(-9999, "user ack timeout")
        if len(ask.params) <= self.limit:
            return [self._item(item) for item in ask.params]
        if self.how in _WHOLE:
            return _WHOLE[self.how]
        if self.how == "short":
            return [self._item(item) for item in ask.params[: self.limit]]
        raise {
            "timeout": McuTimeout(-9999, "user ack timeout"),
            "error": DeviceError(-5000, "Resp general error."),
            "silence": DeviceTimeout("silence"),
            "bad": PayloadDecodeException("not JSON", kind="not JSON"),
        }[self.how]

    def _item(self, item: dict[str, Any]) -> dict[str, Any]:
        return {
            "did": "1234",
            "siid": item["siid"],
            "piid": item["piid"],
            "code": 0,
            "value": item["piid"] * 10,
        }


def wanted(count: int) -> list[dict[str, Any]]:
    return [{"did": f"name{piid}", "siid": 2, "piid": piid} for piid in range(1, count + 1)]


def values(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["did"]: item.get("value", item["code"]) for item in items}


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["timeout", "error", "silence", "bad", "short", *_WHOLE]),
)
def test_every_product_is_read_whole_and_its_limit_is_remembered(count: int, limit: int, how: str) -> None:
    product, learnt = Product(limit=limit, how=how), SliceLimit()
    items = perform(read_properties(wanted(count), learnt), product)
    assert values(items) == {f"name{piid}": piid * 10 for piid in range(1, count + 1)}
    assert [item["piid"] for item in items] == list(range(1, count + 1))
    product.lengths.clear()
    perform(read_properties(wanted(count), learnt), product)
    assert max(product.lengths) <= max(limit, 1)


def test_the_usual_length_is_tried_first_and_given_one_attempt() -> None:
    asked: list[tuple[int, int | None]] = []
    product = Product()

    def answer(ask: Ask) -> Any:
        asked.append((len(ask.params), ask.retry_count))
        return product(ask)

    perform(read_properties(wanted(40), SliceLimit()), answer)
    assert asked == [(15, 0), (15, None), (10, None)]


def test_a_caller_that_changes_its_list_meanwhile_gets_what_it_asked_for() -> None:
    product, asked = Product(), wanted(40)

    def answer(ask: Ask) -> Any:
        for each in asked:
            each.update(did="other", piid=[])
        return product(ask)

    items = perform(read_properties(asked, SliceLimit()), answer)
    assert values(items) == {f"name{piid}": piid * 10 for piid in range(1, 41)}


def test_the_caller_may_choose_the_length() -> None:
    product = Product()
    perform(read_properties(wanted(40), SliceLimit(), 30), product)
    assert product.lengths[0] > 15
    learnt = SliceLimit(learnt=4, proven=4)
    product.lengths.clear()
    perform(read_properties(wanted(12), learnt, 30), product)
    assert product.lengths == [4, 4, 4]


def test_one_bad_property_does_not_cost_the_others_nor_the_length() -> None:
    product, learnt = Product(poison=frozenset({5})), SliceLimit()
    items = perform(read_properties(wanted(12), learnt), product)
    expected = {f"name{piid}": piid * 10 for piid in range(1, 13)} | {"name5": -9999}
    assert values(items) == expected
    assert learnt.learnt is None
    perform(read_properties(wanted(12)[5:], learnt), product)
    assert product.lengths[-1] == 7


@pytest.mark.parametrize("how", ["code", "word", "number"])
def test_one_bad_property_for_which_the_whole_list_is_refused_costs_the_others_nothing(how: str) -> None:
    product, limit = Product(how=how, poison=frozenset({7})), SliceLimit()
    for requests in (12, 2):
        product.lengths.clear()
        items = perform(read_properties(wanted(15), limit), product)
        assert [item["value"] for item in items if item["code"] == 0] == [
            piid * 10 for piid in range(1, 16) if piid != 7
        ]
        assert next(item["code"] for item in items if item["piid"] == 7) == (None if how == "word" else -4004)
        assert len(product.lengths) <= requests
    assert limit.learnt is None


def test_a_product_whose_mcu_hangs_is_given_up_soon() -> None:
    product = Product(limit=0)
    with pytest.raises(McuTimeout):
        perform(read_properties(wanted(30), SliceLimit()), product)
    assert product.lengths == [15, 1, 1]
    product.lengths.clear()
    with pytest.raises(McuTimeout):
        perform(read_properties(wanted(30), SliceLimit(proven=15)), product)
    assert len(product.lengths) <= 6


def test_a_silent_product_is_given_up() -> None:
    product = Product()
    product.silent = True
    with pytest.raises(DeviceTimeout):
        perform(read_properties(wanted(30), SliceLimit(proven=15)), product)
    assert len(product.lengths) <= 5


def test_a_product_that_does_not_know_the_method_is_asked_twice_at_most() -> None:
    asked = []

    def answer(ask: Ask) -> Any:
        asked.append(ask)
        raise DeviceError(-5000 if len(asked) == 1 else -32601, "method not found")

    with pytest.raises(DeviceError, match="-32601"):
        perform(read_properties(wanted(30), SliceLimit()), answer)
    assert len(asked) == 2


@pytest.mark.parametrize("code", [-5001, -32602, -30020])
def test_errors_that_length_does_not_explain_are_raised(code: int) -> None:
    def answer(ask: Ask) -> Any:
        raise DeviceError(code, "no")

    with pytest.raises(DeviceError, match=str(code)):
        perform(read_properties(wanted(3), SliceLimit()), answer)


def test_properties_without_answer_are_left_out_and_not_asked_for_again_and_again() -> None:
    lengths = []

    def answer(ask: Ask) -> Any:
        lengths.append(len(ask.params))
        return [{**item, "code": 0, "value": 1} for item in ask.params if item["piid"] != 3]

    learnt = SliceLimit()
    for _ in range(3):
        items = perform(read_properties(wanted(5), learnt), answer)
        assert [item["piid"] for item in items] == [1, 2, 4, 5]
    assert lengths == [5, 1, 5, 5]
    assert learnt.learnt is None


def test_an_unreadable_property_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def answer(ask: Ask) -> Any:
        if any(item["piid"] == 2 for item in ask.params):
            raise PayloadDecodeException("no data", kind="empty")
        return [{**item, "code": 0, "value": 1} for item in ask.params]

    items = perform(read_properties(wanted(4), SliceLimit()), answer)
    assert [item["piid"] for item in items] == [1, 3, 4]
    assert "no data" in caplog.text
    items = perform(read_properties(wanted(4)[1:], SliceLimit()), answer)
    assert [item["piid"] for item in items] == [3, 4]


def test_an_error_that_is_no_error_of_the_device_is_raised() -> None:
    def answer(ask: Ask) -> Any:
        raise DeviceException("the cable was cut")

    with pytest.raises(DeviceException, match="cable"):
        perform(read_properties(wanted(1), SliceLimit(proven=5)), answer)


@pytest.mark.parametrize("answer", ["ok", None, [], {}, ["x"]])
def test_answers_that_are_none_at_all(answer: Any) -> None:
    assert perform(read_properties(wanted(3), SliceLimit()), lambda ask: answer) == []


class Odd:
    """A product with properties 2.1 to 2.40 that has trouble with some of them.

    :param unreadable: get a code of their own, and those behind them in the same list -4004 (zhimi.humidifier.ca4)
    :param spoils: whether they do the latter
    :param shy: are left out of lists, and refused alone
    :param loner: kill a list of others with them, and are answered alone
    """

    def __init__(
        self,
        *,
        unreadable: dict[int, int] | None = None,
        spoils: bool = True,
        shy: frozenset[int] = frozenset(),
        refusal: int = -9999,
        loner: frozenset[int] = frozenset(),
    ) -> None:
        self.unreadable = unreadable or {}
        self.spoils = spoils
        self.shy = shy
        self.refusal = refusal
        self.loner = loner
        self.lists: list[list[int]] = []

    def __call__(self, ask: Ask) -> Any:
        piids = [item["piid"] for item in ask.params]
        self.lists.append(piids)
        if len(piids) == 1 and piids[0] in self.shy:
            raise DeviceError(self.refusal, "no")
        if len(piids) > 1 and self.loner & set(piids):
            raise McuTimeout(-9999, "user ack timeout")
        results: list[dict[str, Any]] = []
        spoilt = False
        for piid in piids:
            code = -4004 if spoilt else self.unreadable.get(piid, 0)
            spoilt = spoilt or (self.spoils and piid in self.unreadable)
            if piid not in self.shy:
                value = {} if code else {"value": piid * 10}
                results.append({"did": "x", "siid": 2, "piid": piid, "code": code, **value})
        return results

    def rounds(self, properties: list[dict[str, Any]], limit: SliceLimit, count: int) -> list[int]:
        """Read several times, and give how many requests each took."""
        taken = []
        for _ in range(count):
            self.lists.clear()
            items = perform(read_properties(properties, limit), self)
            assert [item["did"] for item in items] == [each["did"] for each in properties]
            refused = dict.fromkeys(self.shy, self.refusal) | self.unreadable
            expected = [refused.get(each["piid"], each["piid"] * 10) for each in properties]
            assert [item.get("value", item["code"]) for item in items] == expected
            taken.append(len(self.lists))
        return taken


def test_a_property_that_spoils_others_costs_them_nothing() -> None:
    product, limit = Odd(unreadable={4: -4001}), SliceLimit()
    first, *later = product.rounds(wanted(12), limit, 4)
    assert first == 1 + 8  # those behind it, once each
    assert later == [2, 2, 2]
    assert (limit.spoils, limit.apart) == (True, {(2, 4)})
    assert product.lists == [[1, 2, 3, *range(5, 13)], [4]]


def test_one_that_spoils_and_looks_like_those_it_spoils() -> None:
    product, limit = Odd(unreadable={4: -4004}), SliceLimit()
    assert product.rounds(wanted(12), limit, 3) == [1 + 9, 2, 2]
    product.unreadable[7] = -4004  # another one, later
    assert product.rounds(wanted(12), limit, 3) == [2 + 6, 3, 3]
    product.unreadable.clear()  # and both are mended
    assert product.rounds(wanted(12), limit, 3) == [3, 1, 1]
    assert limit.apart == set()


def test_properties_that_fail_by_themselves_are_asked_again_once() -> None:
    product, limit = Odd(unreadable={3: -4004, 5: -4004, 6: -4001}, spoils=False), SliceLimit()
    assert product.rounds(wanted(12), limit, 4) == [3, 1, 1, 1]
    assert not limit.spoils
    assert product.rounds(wanted(20), limit, 1) == [2]
    product.unreadable = {3: -4004}
    assert product.rounds(wanted(12), limit, 1) == [1]
    product.unreadable = {3: -4004, 5: -4004}  # 5 was readable meanwhile
    assert product.rounds(wanted(12), limit, 2) == [2, 1]


def test_whether_alone_it_is_answered_otherwise_or_not_at_all() -> None:
    """What comes of the second look never costs what the first one gave."""
    answers: list[Any] = [
        [{"siid": 2, "piid": piid, "code": 0 if piid < 3 else -4004, "value": 1} for piid in range(1, 7)],
        [],
        DeviceError(-9999, "user ack timeout"),
        PayloadDecodeException("no data", kind="empty"),
        DeviceTimeout("silence"),
    ]
    asked: list[Ask] = []

    def answer(ask: Ask) -> Any:
        asked.append(ask)
        found = answers[len(asked) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    items = perform(read_properties(wanted(6), SliceLimit()), answer)
    assert [item["piid"] for item in items] == [1, 2, 3, 4, 5, 6]
    assert [item["code"] for item in items] == [0, 0, -4004, -9999, -4004, -4004]
    assert [len(ask.params) for ask in asked] == [6, 1, 1, 1, 1]  # nothing after the silence


@pytest.mark.parametrize("place", [1, 8, 15])
@pytest.mark.parametrize("refusal", [-9999, -5001, -4003])
def test_a_property_left_out_of_lists_and_refused_alone_teaches_no_length(place: int, refusal: int) -> None:
    product, limit = Odd(shy=frozenset({place}), refusal=refusal), SliceLimit()
    assert product.rounds(wanted(15), limit, 20) == [2] * 20
    assert limit.learnt is None


@pytest.mark.parametrize("place", [1, 2, 7, 8, 14, 15])
def test_a_property_that_does_not_go_with_others_teaches_no_length(place: int) -> None:
    product, limit = Odd(loner=frozenset({place})), SliceLimit()
    *_, last, once_more = product.rounds(wanted(15), limit, 8)
    assert last == once_more <= 4
    assert limit.learnt is None or limit.learnt > 6


def test_a_list_that_was_cut_short_goes_on_in_slices() -> None:
    product, limit = Product(limit=6, how="short"), SliceLimit()
    perform(read_properties(wanted(15), limit), product)
    assert product.lengths == [15, 15, 1, 6, 2] or product.lengths == [15, 1, 6, 2]
    assert limit.learnt == 6


def test_texts_need_more_room_than_switches() -> None:
    """A length that worked for short values may be too much for long ones: bytes count, too."""

    def answer(ask: Ask) -> Any:
        found = [{**each, "code": 0, "value": "x" * 100 if each["piid"] > 20 else 1} for each in ask.params]
        if len(str(found)) > 1000:
            raise McuTimeout(-9999, "user ack timeout")
        return found

    limit = SliceLimit()
    switches, texts = wanted(40)[:10], wanted(40)[20:30]
    assert len(perform(read_properties(switches, limit), answer)) == 10
    assert (limit.proven, limit.learnt) == (10, None)
    assert len(perform(read_properties(texts, limit), answer)) == 10
    assert limit.learnt == 5


def test_what_is_asked_for_twice_keeps_its_places() -> None:
    def answer(ask: Ask) -> Any:
        return [
            {**each, "code": 0, "value": 1}
            for each in ask.params
            if each["piid"] != 3 or len(ask.params) == 1
        ]

    twice = [wanted(4)[place] for place in (0, 2, 1, 0, 2, 3)]
    items = perform(read_properties(twice, SliceLimit()), answer)
    assert [item["piid"] for item in items] == [1, 3, 2, 1, 3, 4]


@given(st.data())
def test_any_mix_of_troubles_is_read_right_and_soon_cheaply(data: st.DataObject) -> None:
    troubles = data.draw(
        st.dictionaries(st.integers(1, 20), st.sampled_from(["shy", "bad", "loner"]), max_size=3)
    )
    product = Odd(
        unreadable={
            piid: data.draw(st.sampled_from([-4001, -4004]))
            for piid, what in troubles.items()
            if what == "bad"
        },
        spoils=data.draw(st.booleans()),
        shy=frozenset(piid for piid, what in troubles.items() if what == "shy"),
        loner=frozenset(piid for piid, what in troubles.items() if what == "loner"),
    )
    limit = SliceLimit()
    order = data.draw(st.permutations(wanted(20)))
    taken = product.rounds(list(order), limit, 12)
    assert len(set(taken[-3:])) == 1
    assert taken[-1] <= 5 + 2 * len(troubles)
