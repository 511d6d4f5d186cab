"""How somebody comes to know of changes, whichever face asks: the steps alone, with a fake time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.link import Link

from miio_lan import DeviceError, DeviceTimeout, UnsupportedFeatureException
from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.carrying import carry_out
from miio_lan.device.steps.changes import Changes, LetGo, Listen, Now, Read, Rest, TakeUp
from miio_lan.device.steps.polling import Polling
from miio_lan.device.steps.subscription import Greet, Pause
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.packet import HELLO, Packet, PushAbility, push_sign, virtual_hello
from miio_lan.lan.responder.responder import ResponderOptions

PUSH = Push("properties_changed", [], 5, 1.0)
UNIX = 1_700_000_000.0


class Face:
    """Carries steps out in simulated time, and writes them down."""

    def __init__(self, *, tells: bool = True) -> None:
        self.now = 100.0
        self.steps: list[Any] = []
        self.tells = tells
        self.held: Hold | None = None
        #: What a reading gives, or raises; it takes some time.
        self.read: Callable[[], list[Any]] = lambda: ["on"]
        #: The same, where it depends on what is asked for.
        self.by_names: Callable[[Sequence[Any]], list[Any]] = lambda _: self.read()
        self.reading_takes = 0.25

    def carry(self, step: Any) -> Any:
        self.steps.append(step)
        assert len(self.steps) < 100, "it goes on and on"
        match step:
            case Greet():
                sign = push_sign(PushAbility(sub_ts=0, type=1, wildcard=True)) if self.tells else bytes(16)
                return Packet(5, 100, sign=sign, is_hello=True)
            case LetGo():
                return self.held
            case Listen():
                return PUSH
            case Ask():
                return {"code": 0}
            case Read():
                self.now += self.reading_takes
                return self.by_names(step.properties)
            case Rest():
                self.now = max(self.now, step.until)
        return self.now

    def did(self, kind: type) -> list[Any]:
        return [step for step in self.steps if isinstance(step, kind)]

    def begin(self, changes: Changes, greeting: Greeting, polling: Polling | None = None) -> None:
        steps: Any = changes.begin(greeting, polling, unix=UNIX)
        carry_out(steps, self.carry)

    def next(self, changes: Changes, seconds: float, patience: float = 20.0) -> Push | None:
        steps: Any = changes.next(self.held, seconds, patience)
        found: Push | None = carry_out(steps, self.carry)
        return found


def timeout() -> list[Any]:
    raise DeviceTimeout("nothing came")


def reading(every: float = 5.0) -> tuple[Changes, Polling]:
    changes = Changes()
    changes.polling = Polling(["power"], every)
    return changes, changes.polling


# --- agreeing ----------------------------------------------------------------------------------------------------


def test_one_that_tells_is_held_and_nothing_is_read() -> None:
    face, greeting, changes = Face(), Greeting(), reading()[0]
    face.begin(changes, greeting, Polling(["power"], 5.0))
    assert isinstance(face.steps[-1], TakeUp)
    assert changes.polling is None
    assert greeting.hello == virtual_hello(changes.subscription.virtual_did)


def test_one_that_does_not_tell_is_read_if_that_is_wanted() -> None:
    face, greeting, changes, polling = (
        Face(tells=False),
        Greeting(),
        Changes(),
        Polling(["power"], 5.0),
    )
    with pytest.raises(UnsupportedFeatureException, match="does not tell"):
        face.begin(changes, greeting)
    assert (changes.polling, greeting.hello) == (None, HELLO)
    assert not face.did(LetGo)
    face.begin(changes, greeting, polling)
    assert (changes.polling, greeting.hello) == (polling, HELLO)
    assert isinstance(face.steps[-1], LetGo)


def greeted_over(link: Link, changes: Changes, polling: Polling | None) -> None:
    """Begin over a link in simulated time."""

    def carry(step: Any) -> Any:
        if isinstance(step, Pause):
            link.pass_time(step.seconds)
            return False
        if isinstance(step, Greet):
            call = link.session.handshake(link.now, timeout=5.0, retry_count=3, deadline=began + 20.0)
            link.session.begin(call, link.now)
            link.run()
            return call.outcome()
        return {"code": 0}

    began = link.now
    steps: Any = changes.begin(link.session.greeting, polling, unix=UNIX)
    carry_out(steps, carry)


class PlainOnly(Link):
    """A device that answers nothing but the plain hello, as simulators of others do."""

    def to_device(self, datagram: bytes) -> None:
        if len(datagram) > len(HELLO) or datagram == HELLO:
            super().to_device(datagram)


def test_a_device_that_answers_plain_hellos_only_is_read() -> None:
    link, changes, polling = PlainOnly(), Changes(), Polling(["power"], 5.0)
    with pytest.raises(UnsupportedFeatureException, match="does not tell"):
        greeted_over(link, changes, None)
    greeted_over(link, changes, polling)
    assert (changes.polling, link.session.greeting.hello) == (polling, HELLO)
    assert not link.session.greeting.in_doubt


@pytest.mark.parametrize("twice", [False, True])
def test_hellos_that_the_network_lost_are_no_sign_of_that(twice: bool) -> None:
    """All of the first ones, and later more of those with a virtual did than of the others."""
    hellos = 0

    def lossy(direction: str) -> list[float]:
        nonlocal hellos
        hellos += direction == "down"
        return [0.002] if hellos > 12 or link.sent[-1][1] == HELLO else []

    link = Link(options=ResponderOptions(duplicate_hello=twice))
    link.fate = lossy
    changes = Changes()
    greeted_over(link, changes, Polling(["power"], 5.0))
    assert changes.polling is None
    assert link.session.greeting.hello == virtual_hello(changes.subscription.virtual_did)
    assert not link.session.greeting.in_doubt


@pytest.mark.parametrize("error", [DeviceError(-1, "no"), KeyboardInterrupt()])
def test_whatever_ends_the_asking_leaves_the_hellos_as_they_were(error: BaseException) -> None:
    greeting, changes = Greeting(), Changes()

    def fail(_: Any) -> Any:
        assert greeting.hello != HELLO
        raise error

    steps: Any = changes.begin(greeting, Polling(["power"], 5.0), unix=UNIX)
    with pytest.raises(type(error)):
        carry_out(steps, fail)
    assert greeting.hello == HELLO
    assert changes.polling is None


def test_what_is_held_is_what_is_given_back() -> None:
    face, greeting, changes = Face(), Greeting(), reading()[0]
    face.begin(changes, greeting)
    face.held = changes.subscription.hold(1.0, UNIX)
    face.held.update_ts += 9
    steps: Any = changes.end(greeting)
    carry_out(steps, face.carry)
    assert face.steps[-1].method == "miIO.unsub"
    assert face.steps[-1].params["update_ts"] == UNIX + 9
    assert greeting.hello == HELLO


def test_the_hellos_are_plain_again_though_giving_back_fails() -> None:
    face, greeting, changes = Face(), Greeting(), Changes()
    face.begin(changes, greeting)
    changes.polling = Polling(["power"], 5.0)
    steps: Any = changes.end(greeting)
    with pytest.raises(DeviceTimeout):
        carry_out(steps, lambda step: timeout() if isinstance(step, Ask) else face.carry(step))
    assert (greeting.hello, changes.polling) == (HELLO, None)


# --- waiting -----------------------------------------------------------------------------------------------------


def test_one_that_tells_is_listened_to() -> None:
    face, changes = Face(), Changes()
    with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
        face.next(changes, 3.0)
    face.held = changes.subscription.hold(1.0, UNIX)
    assert face.next(changes, 3.0, 20.0) == PUSH
    assert face.steps == [Listen(3.0, 20.0)]


def test_one_that_does_not_tell_is_read_when_that_is_due() -> None:
    face, (changes, polling) = Face(), reading(every=5.0)
    assert face.next(changes, 12.0) is None
    assert face.now == 112.0
    assert [step.until for step in face.did(Rest)] == [105.0, 110.0, 112.0]
    assert face.next(changes, 2.0) is None
    assert len(face.did(Read)) == 3
    face.read = lambda: ["off"]
    push = face.next(changes, 60.0)
    assert push == Push("props", {"power": "off"}, 0, 115.25)
    assert polling.due == 120.0


def test_a_reading_may_take_a_second_and_as_long_as_the_wait() -> None:
    face, (changes, _) = Face(), reading()
    assert face.next(changes, 0.0) is None
    face.now = 200.0
    assert face.next(changes, 9.0) is None
    assert [step.until for step in face.did(Read)][:2] == [101.0, 209.0]


def test_who_only_looks_reads_once_and_not_before_that_is_due() -> None:
    face, (changes, _) = Face(), reading(every=5.0)
    for _ in range(3):
        assert face.next(changes, 0.0) is None
    assert len(face.did(Read)) == 1


def test_readings_that_fail_are_told_after_the_patience() -> None:
    face, (changes, _) = Face(), reading(every=5.0)
    face.read = timeout
    assert face.next(changes, 18.0, 20.0) is None
    with pytest.raises(DeviceTimeout):
        face.next(changes, 18.0, 20.0)
    # First failed at 100.25; then every 5 s, until 20 s of patience are over.
    assert face.now == 120.25
    face.read = lambda: ["on"]
    assert face.next(changes, 18.0, 20.0) is None


def test_who_is_sent_away_while_nothing_is_due_is_told() -> None:
    face, (changes, _) = Face(), reading()
    steps: Any = changes.next(None, 60.0, 20.0)
    with pytest.raises(DeviceTimeout):
        carry_out(steps, lambda step: timeout() if isinstance(step, Rest) else face.carry(step))
    assert [type(step) for step in face.steps] == [Now, Read, Now]


# --- names whose values cannot be told apart -----------------------------------------------------------------------


def read_by_names(answers: Callable[[Sequence[Any]], list[Any]]) -> tuple[Face, Changes]:
    """Two names are polled every 5 s."""
    face, changes = Face(), Changes()
    changes.polling = Polling(["power", "bright"], 5.0)
    face.by_names = answers
    return face, changes


def asked(face: Face) -> list[list[str]]:
    return [list(step.properties) for step in face.did(Read)]


@pytest.mark.parametrize("refuses", [False, True])
def test_a_product_that_leaves_names_out_is_asked_for_each_alone(refuses: bool) -> None:
    state = {"power": "off"}

    def answers(names: Sequence[Any]) -> list[Any]:
        if refuses and names == ["bright"]:
            raise DeviceError(-5001, "command error")
        return [state[name] for name in names if name in state]

    face, changes = read_by_names(answers)
    assert face.next(changes, 4.0) is None
    assert asked(face) == [["power", "bright"], ["power"], ["bright"]]
    state["power"] = "on"
    push = face.next(changes, 60.0)
    assert push is not None
    assert (push.method, push.params) == ("props", {"power": "on"})
    assert asked(face)[3:] == [["power"], ["bright"]]


@pytest.mark.parametrize("answer", [["on", 5, 7], []])
def test_what_is_the_same_for_any_name_is_told_as_a_failure(answer: list[Any]) -> None:
    face, changes = read_by_names(lambda _: answer)
    assert face.next(changes, 18.0, 20.0) is None
    with pytest.raises(DeviceError, match="no value, or several, for each name"):
        face.next(changes, 18.0, 20.0)


def test_why_no_name_can_be_read_is_told() -> None:
    def answers(names: Sequence[Any]) -> list[Any]:
        if len(names) == 1:
            raise DeviceError(-9999, "user ack timeout")
        return ["on"]

    face, changes = read_by_names(answers)
    assert face.next(changes, 18.0, 20.0) is None
    with pytest.raises(DeviceError, match="-9999"):
        face.next(changes, 18.0, 20.0)


def test_silence_is_met_by_no_further_name_and_each_has_its_second() -> None:
    face, changes = read_by_names(lambda names: [5] if names != ["power"] else timeout())
    face.next(changes, 0.0)
    assert asked(face) == [["power", "bright"], ["power"]]
    assert [step.until for step in face.did(Read)] == [101.0, 101.25]
