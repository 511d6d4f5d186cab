"""Every member of ``Device`` in a real conversation with the virtual product, and what became of it on the line."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support.fake_device import TOKEN, FakeDevice
from support.lines import LineLog

from miio_lan import Device, DeviceError, UpdateState
from miio_lan.lan.responder.responder import Request
from miio_lan.record import Record
from miio_lan.virtual.module.module import Timings, UpdateScript
from miio_lan.virtual.module.update import UpdateStep
from miio_lan.virtual.product import VirtualProduct

FAST = {"poll_interval": 0.002}
MD5 = hashlib.md5(b"firmware").hexdigest()
URL = "http://127.0.0.1/firmware.bin"


@pytest.fixture
def device(lamp: VirtualProduct, no_resends: None) -> Iterator[Device]:
    with Device(lamp.host, lamp.token, port=lamp.port, timeout=30) as device:
        yield device


def knows_names(lamp: VirtualProduct, values: dict[str, Any], *, at_once: int = 16) -> None:
    """Have the MCU answer ``get_prop``: names it does not know with "", too many with an error."""

    def get_prop(mcu: object, words: Sequence[str]) -> list[Any] | None:
        return [values.get(word.strip('"'), "") for word in words] if len(words) <= at_once else None

    lamp.call(lambda now: lamp.mcu.methods.update(get_prop=get_prop))


def sent_by(records: list[Record]) -> list[dict[str, Any]]:
    return [dict(record.reading) for record in records if record.direction == "down" and record.reading]


class TestIdentity:
    def test_the_handshake_tells_did_and_stamp(self, lamp: VirtualProduct, device: Device) -> None:
        hello = device.send_handshake()
        assert hello.device_id == lamp.device_id
        assert hello.is_hello
        assert 0 <= hello.stamp < 600  # seconds since the product was switched on

    def test_the_device_id_is_asked_for_once(self, lamp: VirtualProduct) -> None:
        records: list[Record] = []
        with Device(lamp.host, lamp.token, port=lamp.port, observer=records.append) as device:
            assert device.device_id == device.device_id == lamp.device_id
        assert [record.note for record in records if record.direction == "up"] == ["hello"]

    def test_info_is_asked_for_once(self, lamp: VirtualProduct, device: Device, log: LineLog) -> None:
        info = device.info()
        chip = lamp.module.chip
        assert (info.model, info.firmware_version) == (lamp.spec.model, chip.firmware)
        assert (info.mac_address, info.mcu_firmware_version) == (chip.mac_with_colons, "0001")
        assert info.ip_address == "127.0.0.1"
        number = device.raw_id
        assert device.info() is info
        assert device.raw_id == number
        assert device.info(skip_cache=True) is not info
        assert device.raw_id > number
        assert log.exchange(lamp) == []  # the module knows all that itself

    def test_the_model_comes_from_the_device_or_from_the_caller(
        self, lamp: VirtualProduct, device: Device
    ) -> None:
        assert device.model == lamp.spec.model
        with Device("127.0.0.1", TOKEN, model="my.own.lamp") as named:
            assert named.model == "my.own.lamp"
            assert named.raw_id == 0

    def test_a_model_that_is_not_supported_is_said(
        self, lamp: VirtualProduct, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Fan(Device):
            supported_models = ["some.fan.v1"]

        with Fan(lamp.host, lamp.token, port=lamp.port) as fan:
            assert fan.model == lamp.spec.model
        assert f"{lamp.spec.model} is not among the models Fan is meant for" in caplog.text


@pytest.mark.usefixtures("no_resends")
class TestSending:
    def test_ids_count_on_from_the_start_id(self, lamp: VirtualProduct) -> None:
        with Device(lamp.host, lamp.token, 4000, port=lamp.port) as device:
            assert device.raw_id == 4000
            device.send("miIO.info")
            first = device.raw_id
            device.send("miIO.info")
            assert 4000 < first < device.raw_id < 5000

    def test_a_command_and_its_result(self, lamp: VirtualProduct, device: Device, log: LineLog) -> None:
        lamp.call(lambda now: lamp.mcu.methods.update(set_power=lambda mcu, words: ["ok"]))
        assert device.send("set_power", ["on", 500]) == ["ok"]
        assert device.raw_command("set_power", ["off"]) == ["ok"]
        assert device.send("set_power") == ["ok"]
        assert log.exchange(lamp) == [
            'down set_power "on" 500',
            'result "ok"',
            'down set_power "off"',
            'result "ok"',
            "down set_power",
            'result "ok"',
        ]

    def test_a_refusal_tells_all_the_device_told(self, device: Device) -> None:
        with pytest.raises(DeviceError) as caught:
            device.send("no_such_method", [1])
        error = caught.value
        assert (error.code, error.message) == (-5000, "method not found")
        assert (error.method, error.id) == ("no_such_method", device.raw_id)
        assert error.exe_time is not None

    def test_further_top_level_keys(self) -> None:
        def answer(fake: FakeDevice, request: Request) -> None:
            fake.reply(request, result=["ok"])

        with FakeDevice(answer) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device:
            assert device.send("toggle_plug", ["x"], extra_parameters={"sid": "lumi.158d"}) == ["ok"]
            assert device.send("toggle_plug", {"on": 1}) == ["ok"]
            assert [request.extra for request in fake.requests] == [{"sid": "lumi.158d"}, {}]
            assert [request.params for request in fake.requests] == [["x"], {"on": 1}]

    def test_the_number_of_attempts_is_the_caller_s(self) -> None:
        def refuse(fake: FakeDevice, request: Request) -> None:
            fake.reply(request, error=(-9999, "user ack timeout"))

        with FakeDevice(refuse) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device:
            device.retry_count = 1
            for retries, attempts in [(0, 1), (2, 3), (None, 2)]:
                with pytest.raises(DeviceError):
                    device.send("get_prop", ["power"], retries)
                assert len(fake.requests) == attempts
                fake.requests.clear()


@pytest.mark.usefixtures("no_resends")
class TestProperties:
    def test_in_slices(self, lamp: VirtualProduct, device: Device, log: LineLog) -> None:
        values = {"power": "on", "bright": 60, "ct": 4000, "flowing": False, "delay": 1.5}
        knows_names(lamp, values)
        assert device.get_properties(list(values), max_properties=2) == list(values.values())
        assert log.exchange(lamp) == [
            'down get_prop "power" "bright"',
            'result "on" 60',
            'down get_prop "ct" "flowing"',
            "result 4000 false",
            'down get_prop "delay"',
            "result 1.5",
        ]

    def test_all_at_once_where_no_limit_is_given(
        self, lamp: VirtualProduct, device: Device, log: LineLog
    ) -> None:
        knows_names(lamp, {"power": "on"})
        assert device.get_properties(["power", "power"]) == ["on", "on"]
        assert log.exchange(lamp)[0] == 'down get_prop "power" "power"'

    def test_by_another_command(self, lamp: VirtualProduct, device: Device) -> None:
        wanted = [{"did": "a", "siid": 2, "piid": piid} for piid in (1, 2, 3)]
        found = device.get_properties(wanted, property_getter="get_properties", max_properties=1)
        assert [item["value"] for item in found] == [lamp.mcu.values[2, piid] for piid in (1, 2, 3)]

    def test_never_more_than_a_datagram_holds(self) -> None:
        def echo(fake: FakeDevice, request: Request) -> None:
            fake.reply(request, result=request.params)

        names = [f"property_{number:03}" for number in range(150)]
        with FakeDevice(echo) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device:
            assert device.get_properties(names) == names
            assert len(fake.requests) == 3

    def test_finding_out_what_there_is(self, lamp: VirtualProduct, device: Device) -> None:
        knows_names(lamp, {"power": "on", "bright": 60, "ct": 4000, "mode": 1}, at_once=3)
        found = device.test_properties(["power", "bright", "nonsense", "ct", "mode"])
        assert found.values == {"power": "on", "bright": 60, "nonsense": "", "ct": 4000, "mode": 1}
        assert found.max_properties == 3


@pytest.mark.usefixtures("no_resends")
class TestSettingUp:
    def test_a_new_product_shows_its_token_and_joins(self) -> None:
        with (
            VirtualProduct(provisioned=False, mcu_options=FAST) as product,
            Device(product.host, port=product.port) as device,
        ):
            answer = device.configure_wifi(
                "home", "the password", uid=42, extra_params={"tz": "Europe/Berlin"}
            )
            assert answer in (0, "ok", ["ok"])
            chip = product.module.chip
            assert product.call(lambda now: (chip.ssid, chip.password, chip.uid)) == (
                "home",
                "the password",
                42,
            )
            assert product.call(lambda now: product.module.provisioned)
            # The token it showed is remembered, now that it shows it no longer.
            assert set(device.send_handshake().sign) == {0xFF}
            assert device.info().accesspoint["ssid"] == "home"

    def test_the_parameters_as_devices_want_them(self) -> None:
        def answer(fake: FakeDevice, request: Request) -> None:
            fake.reply(request, result=["ok"])

        with FakeDevice(answer) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device:
            device.configure_wifi("home", "secret")
            device.configure_wifi("home", "secret", 7, {"gmt_offset": 3600})
            assert [request.params for request in fake.requests] == [
                {"ssid": "home", "passwd": "secret", "uid": 0},
                {"ssid": "home", "passwd": "secret", "uid": 7, "gmt_offset": 3600},
            ]


class TestUpdate:
    def test_states_and_progress_as_the_device_tells_them(self, lamp: VirtualProduct, device: Device) -> None:
        asked: list[Any] = []
        lamp.module.on_ota = lambda params, now: asked.append(params) is None
        assert device.update_state() is UpdateState.Idle
        assert device.update_progress() == 0
        assert device.update(URL, MD5) is True
        assert asked == [
            {
                "mode": "normal",
                "install": "1",
                "app_url": URL,
                "file_md5": MD5,
                "proc": "dnld install",
            }
        ]
        seen = []
        for told in [("downloading", 1), ("downloading", 60), ("installing", 100), ("installed", 101)]:
            lamp.call(lambda now, told=told: lamp.module.update.report(*told))
            seen.append((device.update_state(), device.update_progress()))
        assert seen == [
            (UpdateState.Downloading, 1),
            (UpdateState.Downloading, 60),
            (UpdateState.Installing, 100),
            (UpdateState.Installed, 100),
        ]

    def test_a_whole_update_with_its_restart(self) -> None:
        steps = UpdateStep("downloading", 0.1, (0, 100)), UpdateStep("installing", 0.1)
        module = {
            "script": UpdateScript(steps, jump=0.01),
            "timings": Timings(boot=0.05),
            "next_firmware": "9.9.9",
        }
        with (
            VirtualProduct(mcu_options=FAST, module_options=module) as product,
            Device(product.host, product.token, port=product.port) as device,
        ):
            assert device.update(URL, MD5)
            progress = [device.update_progress()]
            states = [device.update_state()]
            while states[-1] is not UpdateState.Idle:  # the product ends this by itself
                progress.append(device.update_progress())
                states.append(device.update_state())
            assert states[-1] is UpdateState.Idle
            assert set(states) <= {UpdateState.Downloading, UpdateState.Installing, UpdateState.Idle}
            assert progress == sorted(progress)
            assert device.info(skip_cache=True).firmware_version == "9.9.9"

    def test_a_failed_update(self) -> None:
        script = UpdateScript((UpdateStep("downloading", 0.05),), ending="failed")
        with (
            VirtualProduct(mcu_options=FAST, module_options={"script": script}) as product,
            Device(product.host, product.token, port=product.port) as device,
        ):
            device.update(URL, MD5)
            while (state := device.update_state()) is UpdateState.Downloading:
                assert 0 <= device.update_progress() <= 100
            assert state is UpdateState.Failed

    @pytest.mark.parametrize(
        ("told", "state"),
        [
            ("donwloaded", UpdateState.Downloaded),
            ("wait_install", UpdateState.WaitInstall),
            ("failed|no space", UpdateState.Failed),
            ("", UpdateState.Unknown),
            ("dancing", UpdateState.Unknown),
        ],
    )
    def test_further_words(self, lamp: VirtualProduct, device: Device, told: str, state: UpdateState) -> None:
        lamp.call(lambda now: lamp.module.update.report(told))
        assert device.update_state() is state


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run ``work`` that often at the same time; what one of them raises is raised here."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class TestSharing:
    def test_eight_threads_on_one_device(self, lamp: VirtualProduct, log: LineLog) -> None:
        records: list[Record] = []
        answers: dict[str, Any] = {}
        with Device(lamp.host, lamp.token, port=lamp.port, observer=records.append) as device:

            def ask(thread: int) -> None:
                for turn in range(50):
                    did = f"{thread}/{turn}"
                    [answers[did]] = device.send("get_properties", [{"did": did, "siid": 2, "piid": 2}])

            in_threads(8, ask)

        assert len(answers) == 400
        assert {did: answer["did"] for did, answer in answers.items()} == {did: did for did in answers}
        assert {answer["value"] for answer in answers.values()} == {60}
        ids = [request["id"] for request in sent_by(records)]
        assert len(ids) >= 400
        assert len(set(ids)) == len(ids)
        lines = log.exchange(lamp)
        # A read that was repeated because the machine was busy may still be under way.
        assert 400 <= lines.count("result 2 2 0 60") <= lines.count("down get_properties 2 2") <= len(ids)

    def test_two_devices_on_one_product(self, lamp: VirtualProduct) -> None:
        devices = [Device(lamp.host, lamp.token, port=lamp.port) for _ in range(2)]

        def ask(number: int) -> None:
            with devices[number] as device:
                for turn in range(50):
                    did = f"{number}/{turn}"
                    [answer] = device.send("get_properties", [{"did": did, "siid": 2, "piid": 2}])
                    assert answer["did"] == did

        in_threads(2, ask)

    def test_several_commands_at_a_time(self, lamp: VirtualProduct) -> None:
        with Device(lamp.host, lamp.token, port=lamp.port, max_in_flight=4) as device:

            def ask(thread: int) -> None:
                for turn in range(20):
                    did = f"{thread}/{turn}"
                    [answer] = device.send("get_properties", [{"did": did, "siid": 2, "piid": 2}])
                    assert answer["did"] == did

            in_threads(4, ask)


class TestAddresses:
    def test_ipv6(self, log: LineLog) -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        with (
            VirtualProduct(host="::1", mcu_options=FAST, observer=log) as product,
            Device("::1", product.token, port=product.port) as device,
        ):
            assert device.info().model == product.spec.model
            assert device.send("get_properties", [{"siid": 2, "piid": 1}])[0]["value"] is True

    def test_a_name(self, lamp: VirtualProduct) -> None:
        with Device("localhost", lamp.token, port=lamp.port) as device:
            assert device.info().model == lamp.spec.model

    def test_a_name_with_an_ipv6_address_too(
        self, lamp: VirtualProduct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Products speak IPv4, whatever a name server lists first."""
        resolve = socket.getaddrinfo

        def both(host: str, *args: Any, **options: Any) -> list[Any]:
            sixth = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("::1", lamp.port, 0, 0))
            return [sixth, *resolve(host, *args, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        with Device("localhost", lamp.token, port=lamp.port, timeout=30) as device:
            assert device.info().model == lamp.spec.model

    def test_a_chosen_source_address(self, lamp: VirtualProduct) -> None:
        with Device("127.0.0.1", lamp.token, port=lamp.port, source_ip="127.0.0.1") as device:
            assert device.device_id == lamp.device_id

    def test_not_lazy(self, lamp: VirtualProduct) -> None:
        records: list[Record] = []
        with Device(
            lamp.host, lamp.token, lazy_discover=False, port=lamp.port, observer=records.append
        ) as device:
            device.send("miIO.info")
            device.send("miIO.info")
        assert len([record for record in records if record.note == "hello" and record.direction == "up"]) >= 2
