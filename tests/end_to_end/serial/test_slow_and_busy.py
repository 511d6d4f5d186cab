"""MCUs that answer late, never, or have too much to do, and several LAN clients at once.

Everybody gets the right answer or the right error, and the next command works.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.ends import Caller, Log

from miio_lan.device.miot import MiotDevice
from miio_lan.errors import McuTimeout
from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.product import VirtualProduct

POWER = {"siid": 2, "piid": 1}
BRIGHTNESS = {"siid": 2, "piid": 2}
TOGGLE = {"siid": 2, "aiid": 1, "in": []}
#: Seconds the module waits for an answer: where none shall come in time, and where it shall.
SHORT, LONG = 0.04, 60.0
MCU_TIMEOUT = -9999
BUSY = -30012
IN_WORK_AND_WAITING = 1 + DOCUMENT.waiting

#: One command of each layout, and what its answer looks like when all is well.
COMMANDS: list[tuple[str, Any]] = [
    ("get_properties", [POWER]),
    ("set_properties", [BRIGHTNESS | {"value": 50}]),
    ("action", TOGGLE),
    ("read_lamp_diary", [7]),
]

NEVER_ANSWERS = ["silent", "never-polls", "slow", "overlong-lines"]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def product(log: Log) -> Iterator[VirtualProduct]:
    with VirtualProduct(observer=log, mcu_options={"poll_interval": 0.001}) as product:
        product.mcu.slow_time = 2 * SHORT
        product.call(lambda now: product.mcu.methods.update(read_lamp_diary=lambda mcu, words: [7]))
        yield product


@pytest.fixture
def caller(product: VirtualProduct) -> Iterator[Caller]:
    with Caller(product.host, product.port, product.token) as caller:
        yield caller


def misbehave(product: VirtualProduct, *names: str, answer_time: float = LONG) -> None:
    """Switch to these misbehaviours, and have the module wait for answers as long as it takes or as told."""

    def switch(now: float) -> None:
        product.mcu.misbehave.clear()
        product.mcu.misbehave |= set(names)
        product.module.queue.answer_time = answer_time

    product.call(switch)


def come_to_rest(product: VirtualProduct) -> None:
    """Let a poll that was under way get its reply."""
    while product.call(lambda now: product.mcu._sent is not None):
        pass


def works(caller: Caller) -> bool:
    return bool(caller.result("get_properties", [POWER])[0]["code"] == 0)


class TestTimeouts:
    @pytest.mark.parametrize(("method", "params"), COMMANDS, ids=lambda value: str(value)[:20])
    @pytest.mark.parametrize("name", NEVER_ANSWERS)
    def test_no_answer_in_time(
        self, product: VirtualProduct, caller: Caller, name: str, method: str, params: Any
    ) -> None:
        misbehave(product, name, answer_time=SHORT)
        come_to_rest(product)
        error = caller.ask(method, params)["error"]
        assert error == {"code": MCU_TIMEOUT, "message": "user ack timeout"}
        misbehave(product)
        assert works(caller)
        assert "result" in caller.ask(method, params)

    def test_a_late_result_is_refused_and_belongs_to_no_later_command(
        self, product: VirtualProduct, caller: Caller, log: Log
    ) -> None:
        misbehave(product, "slow", answer_time=SHORT)
        assert caller.error("get_properties", [POWER]) == MCU_TIMEOUT
        misbehave(product)
        number = caller.send("get_properties", [BRIGHTNESS])
        log.until_line(b"result 2 1")
        assert log.until(lambda record: record.direction == "down").raw == b"error\r"
        brightness = product.call(lambda now: product.mcu.values[2, 2])
        right = [BRIGHTNESS | {"code": 0, "value": brightness}]
        assert (caller.payload() | {"exe_time": 0}) == {"id": number, "result": right, "exe_time": 0}

    def test_a_device_raises_it_and_tries_reads_again(self, product: VirtualProduct, log: Log) -> None:
        misbehave(product, "silent", answer_time=SHORT)
        with MiotDevice(product.host, product.token, port=product.port) as device:
            device.retry_count = 0
            with pytest.raises(McuTimeout):
                device.read(2, 1)
            found: list[Any] = []
            device.retry_count = 20
            reader = threading.Thread(target=lambda: found.append(device.read(2, 1)))
            reader.start()
            log.until_line(b"down get_properties")
            log.until_line(b"down get_properties")
            misbehave(product, answer_time=10 * SHORT)
            reader.join()
            assert found == [True]


class TestBusy:
    def test_beyond_the_queue_callers_are_told_to_wait(self, product: VirtualProduct, caller: Caller) -> None:
        misbehave(product, "silent")
        asked = [caller.send("get_properties", [POWER]) for _ in range(IN_WORK_AND_WAITING + 3)]
        refused = [caller.payload() for _ in range(3)]
        assert [answer["id"] for answer in refused] == asked[IN_WORK_AND_WAITING:]
        assert [answer["error"] for answer in refused] == [{"code": BUSY, "message": "Busy."}] * 3
        misbehave(product, "silent", answer_time=0)
        late = [caller.payload() for _ in range(IN_WORK_AND_WAITING)]
        assert [answer["id"] for answer in late] == asked[:IN_WORK_AND_WAITING]
        assert {answer["error"]["code"] for answer in late} == {MCU_TIMEOUT}
        misbehave(product)
        assert works(caller)

    def test_who_waits_is_served_in_order_by_a_slow_product(
        self, product: VirtualProduct, caller: Caller
    ) -> None:
        misbehave(product, "slow")
        asked = {
            caller.send("get_properties", [BRIGHTNESS | {"did": str(turn)}]): str(turn)
            for turn in range(IN_WORK_AND_WAITING)
        }
        answers = [caller.payload() for _ in asked]
        assert [answer["id"] for answer in answers] == list(asked)
        assert [answer["result"][0]["did"] for answer in answers] == list(asked.values())
        assert works(caller)

    def test_a_device_waits_until_a_full_queue_has_room(
        self, product: VirtualProduct, caller: Caller, log: Log
    ) -> None:
        misbehave(product, "never-polls")
        come_to_rest(product)
        asked = [caller.send("get_properties", [POWER]) for _ in range(IN_WORK_AND_WAITING)]
        refused = threading.Event()
        with MiotDevice(
            product.host,
            product.token,
            port=product.port,
            # The first answer it gets is that the queue is full.
            observer=lambda record: refused.set() if b"-30012" in record.raw else None,
        ) as device:
            found: list[Any] = []
            reader = threading.Thread(target=lambda: found.append(device.read(2, 1)))
            reader.start()
            assert refused.wait(100)
            misbehave(product)
            reader.join()
        assert found == [True]
        assert [caller.payload()["id"] for _ in asked] == asked


class TestTwoClients:
    def test_the_same_id_at_the_same_time_gets_to_both(self, product: VirtualProduct) -> None:
        with (
            Caller(product.host, product.port, product.token) as one,
            Caller(product.host, product.port, product.token) as two,
        ):
            for _ in range(50):
                number = one.send("get_properties", [POWER | {"did": "one"}])
                assert two.send("get_properties", [BRIGHTNESS | {"did": "two"}]) == number
                for caller, did, piid in ((one, "one", 1), (two, "two", 2)):
                    answer = caller.payload()
                    assert answer["id"] == number
                    [item] = answer["result"]
                    assert (item["did"], item["piid"], item["code"]) == (did, piid, 0)

    def test_each_reads_what_it_wrote(self, product: VirtualProduct) -> None:
        values_of = {(2, 2): [1, 50, 100], (2, 3): [2700, 6500, 4000]}
        wrong: list[Any] = []

        def write_and_read(siid: int, piid: int, values: list[Any]) -> None:
            with MiotDevice(product.host, product.token, port=product.port) as device:
                for value in values * 20:
                    device.write(siid, piid, value)
                    if device.read(siid, piid) != value:
                        wrong.append((siid, piid, value))

        threads = [
            threading.Thread(target=write_and_read, args=(*iid, values)) for iid, values in values_of.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
