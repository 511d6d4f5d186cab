"""Everything that goes wrong on a network and at a keyboard: the class of the error, and that it says what to do."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from support.closed import closed_port
from support.fake_device import DEVICE_ID, TOKEN, FakeDevice
from support.lines import LineLog

from miio_lan import (
    Device,
    DeviceException,
    DeviceTimeout,
    InvalidTokenException,
    MiotDevice,
    OutcomeUnknown,
    PayloadDecodeException,
)
from miio_lan.errors import InvalidArgument, RequestTooLong
from miio_lan.lan.packet import encode, hello_reply
from miio_lan.lan.responder.responder import Request, ResponderOptions
from miio_lan.virtual.module.module import Timings
from miio_lan.virtual.product import VirtualProduct

FAST = {"poll_interval": 0.002}
OTHER_TOKEN = "ffeeddccbbaa99887766554433221100"
TOKEN_BYTES = bytes.fromhex(TOKEN)
POWER = {"did": "power", "siid": 2, "piid": 1}


def hasty(port: int, token: str | None = TOKEN, host: str = "127.0.0.1", **options: Any) -> Device:
    """A device whose calls end soon."""
    device = Device(host, token, port=port, timeout=0.2, **options)
    device.retry_count = 1
    return device


def patiently(device: Device) -> Device:
    """The same device, for what must succeed however busy this machine is."""
    device.timeout = 30
    return device


def answer_ok(fake: FakeDevice, request: Request) -> None:
    fake.reply(request, result=["ok"])


class TestTheToken:
    @pytest.mark.parametrize("token", ["", "secret", TOKEN[:-1], TOKEN + "0", "g" * 32])
    def test_one_that_is_none(self, token: str) -> None:
        with pytest.raises(InvalidTokenException, match="32 hexadecimal digits") as caught:
            Device("127.0.0.1", token)
        assert isinstance(caught.value, ValueError)
        assert not token or token not in str(caught.value)

    def test_a_wrong_one(self, lamp: VirtualProduct) -> None:
        with hasty(lamp.port, OTHER_TOKEN) as device:
            with pytest.raises(DeviceTimeout, match=r"it answers hellos.*the token may be wrong") as caught:
                device.info()
            assert caught.value.method == "miIO.info"
            assert OTHER_TOKEN not in str(caught.value)
            assert patiently(device).send_handshake().device_id == lamp.device_id  # a hello needs no token

    def test_a_wrong_one_for_a_product_that_shows_its_own(self) -> None:
        with (
            VirtualProduct(provisioned=False, mcu_options=FAST) as product,
            hasty(product.port, OTHER_TOKEN) as device,
            pytest.raises(DeviceTimeout, match="it shows another token than the one given") as caught,
        ):
            device.info()
        assert product.token not in str(caught.value)

    def test_none_for_a_product_that_hides_its_own(self, lamp: VirtualProduct) -> None:
        with (
            hasty(lamp.port, None) as device,
            pytest.raises(InvalidTokenException, match=r"no token was given, .* does not show its own"),
        ):
            device.info()


class TestNobodyAnswers:
    def test_nothing_at_all(self) -> None:
        with FakeDevice(deaf=True) as fake, hasty(fake.port) as device:
            with pytest.raises(
                DeviceTimeout, match=r"no answer to get_prop .* not answer hellos either\. Check the address"
            ) as caught:
                device.send("get_prop", ["power"])
            assert not isinstance(caught.value, OutcomeUnknown)  # it was never sent
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.sent == 0
            with pytest.raises(DeviceTimeout, match=r"no answer to a hello .*Check the address"):
                device.send_handshake()
            fake.deaf = False
            patiently(device).send_handshake()
            # Greeted again with pauses, not in a burst.
            assert 3 <= fake.datagrams <= 7

    def test_hellos_only(self) -> None:
        with FakeDevice() as fake, hasty(fake.port) as device:
            with pytest.raises(DeviceTimeout, match=r"it answers hellos.*the token may be wrong") as read:
                device.send("get_prop", ["power"])
            assert not isinstance(read.value, OutcomeUnknown)
            with pytest.raises(OutcomeUnknown, match="may have been executed: look at the product's state"):
                device.send("toggle", [])
            assert read.value.sent == [request.method for request in fake.requests].count("get_prop")
            fake.on_request = answer_ok
            assert patiently(device).send("get_prop", ["power"]) == ["ok"]

    def test_a_lost_read_is_sent_again_under_new_ids(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("miio_lan.lan.client.pacing.INITIAL_RESEND", 0.05)

        def answer_the_third(fake: FakeDevice, request: Request) -> None:
            if len(fake.requests) == 3:
                fake.reply(request, result=["ok"])

        forgetful = ResponderOptions(id_memory="normal")
        with FakeDevice(answer_the_third, options=forgetful) as fake, patiently(hasty(fake.port)) as device:
            assert device.send("get_prop", []) == ["ok"]
            assert len({request.id for request in fake.requests[:3]}) == 3

    @pytest.mark.parametrize("command", ["toggle", "set_anything", "action"])
    def test_what_must_not_run_twice_is_sent_once(self, command: str) -> None:
        forgetful = ResponderOptions(id_memory="normal")
        with FakeDevice(lambda fake, request: None, options=forgetful) as fake, hasty(fake.port) as device:
            device.send_handshake()
            with pytest.raises(OutcomeUnknown) as caught:
                device.send(command, [])
            assert caught.value.may_have_run
            assert [request.method for request in fake.requests].count(command) == 1

    def test_a_closed_port(self) -> None:
        with (
            closed_port() as (_, port),
            hasty(port) as device,
            pytest.raises(
                DeviceTimeout, match=rf"nothing listens on UDP port {port} .*Check the address and the port"
            ),
        ):
            device.info()

    def test_a_closed_port_is_not_waited_for_to_the_end(self) -> None:
        with (
            closed_port() as (_, port),
            Device("127.0.0.1", TOKEN, port=port, timeout=1000) as device,
            pytest.raises(DeviceTimeout, match="Check the address and the port") as caught,
        ):
            device.info()
        assert caught.value.elapsed is not None
        assert caught.value.elapsed < 1000  # of 4000 it might have taken

    def test_a_product_that_is_switched_off_in_between(self) -> None:
        with VirtualProduct(mcu_options=FAST) as product:
            device = hasty(product.port, product.token)
            assert patiently(device).info().model == product.spec.model
        device.timeout = 0.2
        with (
            closed_port(product.host, product.port),
            device,
            pytest.raises(DeviceTimeout, match=f"nothing listens on UDP port {product.port}"),
        ):
            device.info(skip_cache=True)

    @pytest.mark.parametrize("host", ["name.invalid", "no such name.invalid", "a" * 70 + ".invalid"])
    def test_a_name_nobody_knows(self, host: str) -> None:
        with (
            Device(host, TOKEN) as device,
            pytest.raises(DeviceException, match=r"\.invalid' is not a known host name or address"),
        ):
            device.info()

    def test_no_address(self) -> None:
        with pytest.raises(InvalidArgument, match=r"give Device\(ip=\.\.\.\)"):
            Device(token=TOKEN).info()


class TestWrongReplies:
    def forgeries(self, request: Request) -> list[bytes]:
        """Datagrams that look like an answer to this request, and are none."""
        stamp = 1

        def forged(payload: object, token: bytes = TOKEN_BYTES, device_id: int = DEVICE_ID) -> bytes:
            return encode(payload, token=token, device_id=device_id, stamp=stamp)

        answer = {"id": request.id, "result": ["forged"]}
        good = forged(answer)
        return [
            b"",
            b"!1",
            b"garbage of more than thirty-two bytes length",
            bytes(32),
            hello_reply(device_id=DEVICE_ID + 1, stamp=5),
            forged(answer, bytes.fromhex(OTHER_TOKEN)),
            forged(answer, device_id=DEVICE_ID + 1),
            forged({"id": request.id + 1, "result": ["forged"]}),
            forged({"id": str(request.id) + "7", "result": ["forged"]}),
            forged({"result": ["forged"]}),
            forged([answer]),
            good[:-16],
            good[:40] + bytes([good[40] ^ 1]) + good[41:],
        ]

    def test_from_the_device_s_own_address(self) -> None:
        def answer(fake: FakeDevice, request: Request) -> None:
            for datagram in self.forgeries(request):
                fake.send(datagram, request.peer)
            fake.reply(request, result=[f"answer to {request.id}"])

        with (
            FakeDevice(answer) as fake,
            Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device,
        ):
            fake.on_request = answer_ok
            device.send("get_prop", [])  # from now on it is certain which did is the right one
            fake.on_request = answer
            for _ in range(3):
                assert device.send("toggle", []) == [f"answer to {device.raw_id}"]
            assert device.device_id == DEVICE_ID

    def test_from_another_address(self) -> None:
        """Not even with the right token."""

        def answer(fake: FakeDevice, request: Request) -> None:
            forged = encode(
                {"id": request.id, "result": ["forged"]}, token=TOKEN_BYTES, device_id=DEVICE_ID, stamp=1
            )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(forged, request.peer)
            fake.reply(request, result=["real"])

        with (
            FakeDevice(answer) as fake,
            Device("127.0.0.1", TOKEN, port=fake.port, timeout=30) as device,
        ):
            assert device.send("toggle", []) == ["real"]

    def test_nothing_but_damaged_ones(self) -> None:
        def answer(fake: FakeDevice, request: Request) -> None:
            good = encode(
                {"id": request.id, "result": ["x"]}, token=TOKEN_BYTES, device_id=DEVICE_ID, stamp=1
            )
            fake.send(good[:-1] + bytes([good[-1] ^ 1]), request.peer)

        with (
            FakeDevice(answer) as fake,
            hasty(fake.port) as device,
            pytest.raises(DeviceTimeout, match=r"replies came damaged \(\d+ x bad sign\).*ask for less"),
        ):
            device.send("get_prop", ["power"])

    def test_answers_nobody_can_read(self) -> None:
        def answer(fake: FakeDevice, request: Request) -> None:
            text = b"<html>not what you think</html>"
            fake.send(encode(text, token=TOKEN_BYTES, device_id=DEVICE_ID, stamp=1), request.peer)

        with FakeDevice(answer) as fake, hasty(fake.port) as device:
            with pytest.raises(PayloadDecodeException, match="answered get_prop, but not readably") as caught:
                device.send("get_prop", ["power"])
            assert caught.value.kind == "not JSON"
            assert b"<html>" in caught.value.raw
            with pytest.raises(OutcomeUnknown, match="look at the product's state"):
                device.send("toggle", [])


class TestRequestsThatCannotBe:
    def test_an_oversize_one_is_refused_before_it_is_sent(self, lamp: VirtualProduct, log: LineLog) -> None:
        with hasty(lamp.port, lamp.token) as device:
            with pytest.raises(RequestTooLong, match=r"devices accept 1000: shorten .* or split") as caught:
                device.send("set_scene", ["x" * 1000])
            assert isinstance(caught.value, ValueError)
            assert log.exchange(lamp) == []
            assert patiently(device).send("get_properties", [POWER])[0]["code"] == 0

    @pytest.mark.parametrize(
        "params", [[object()], {"a": {1, 2}}, [b"bytes"], [float("nan")], [float("inf")]]
    )
    def test_parameters_without_a_json_form(self, params: Any) -> None:
        with FakeDevice(answer_ok) as fake, hasty(fake.port) as device:
            with pytest.raises(DeviceException, match="parameters of set_scene have no JSON form"):
                device.send("set_scene", params)
            assert fake.requests == []
            assert patiently(device).send("get_prop") == ["ok"]

    def test_parameters_that_contain_themselves(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        with FakeDevice(answer_ok) as fake, hasty(fake.port) as device:
            with pytest.raises(DeviceException, match="no JSON form"):
                device.send("set_scene", endless)
            assert patiently(device).send("get_prop") == ["ok"]

    def test_extra_parameters_that_would_replace_the_request_s_own(self) -> None:
        with FakeDevice(answer_ok) as fake, hasty(fake.port) as device:
            with pytest.raises(InvalidArgument, match="cannot replace the request's own id"):
                device.send("get_prop", extra_parameters={"id": 1})
            assert fake.requests == []

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("ftp://host/file", "0" * 32), "begins with http"),
            (("http://host/" + "x" * 300, "0" * 32), "at most 256 characters"),
            (("http://host/file", "no checksum"), "32 hexadecimal digits"),
        ],
    )
    def test_updates(self, lamp: VirtualProduct, arguments: tuple[str, str], why: str) -> None:
        with hasty(lamp.port, lamp.token) as device, pytest.raises(InvalidArgument, match=why):
            device.update(*arguments)
        assert lamp.module.update.state == "idle"

    @pytest.mark.parametrize(
        ("arguments", "why"), [(("", "secret"), "1 to 32 bytes"), (("home", "x" * 65), "at most 64 bytes")]
    )
    def test_networks(self, lamp: VirtualProduct, arguments: tuple[str, str], why: str) -> None:
        with hasty(lamp.port, lamp.token) as device, pytest.raises(InvalidArgument, match=why) as caught:
            device.configure_wifi(*arguments)
        assert "x" * 65 not in str(caught.value)


class TestClosing:
    def test_from_another_thread(self) -> None:
        """A call that waits ends at once, and says whether the command may have run."""
        devices: list[Device] = []

        def close(fake: FakeDevice, request: Request) -> None:
            devices[0].close()

        with FakeDevice(close) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=1000) as device:
            devices.append(device)
            with pytest.raises(OutcomeUnknown, match=r"toggle with .*: the connection was closed"):
                device.send("toggle", [])
            with pytest.raises(DeviceException, match="the connection was closed") as read:
                device.send("get_prop", [])
            assert not isinstance(read.value, OutcomeUnknown)
            fake.on_request = answer_ok
            assert device.send("get_prop", []) == ["ok"]

    def test_while_others_wait_their_turn(self) -> None:
        """All of them end, those whose command never left included."""
        waiting = threading.Barrier(4)
        errors: list[DeviceException] = []

        with FakeDevice() as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=1000) as device:
            session = device._connection.session
            started = threading.Semaphore(0)
            begin = session.begin

            def noticed(*args: Any, **more: Any) -> None:
                begin(*args, **more)
                started.release()

            session.begin = noticed  # type: ignore[method-assign]

            def wait() -> None:
                waiting.wait()
                try:
                    device.send("toggle", [])
                except DeviceException as error:
                    errors.append(error)

            threads = [threading.Thread(target=wait) for _ in range(3)]
            for thread in threads:
                thread.start()
            waiting.wait()
            for _ in threads:
                assert started.acquire(timeout=60)
            device.close()
            for thread in threads:
                thread.join()
        assert len(errors) == 3
        assert all("the connection was closed" in str(error) for error in errors)

    def test_twice_and_then_used_again(self, lamp: VirtualProduct) -> None:
        device = Device(lamp.host, lamp.token, port=lamp.port)
        device.close()
        assert device.info().model == lamp.spec.model
        device.close()
        device.close()
        assert device.info(skip_cache=True).model == lamp.spec.model
        device.close()


class TestRestarts:
    @pytest.fixture
    def running(self, log: LineLog) -> Any:
        """A product that has been running for an hour, and how to restart it: its clock begins again."""
        up_since: list[float] = []

        def stamp(now: float) -> int:
            return int(now - up_since[0]) if up_since else 3600

        product = VirtualProduct(
            mcu_options=FAST,
            observer=log,
            module_options={"stamp_at": stamp, "timings": Timings(boot=0.05)},
        )

        def restart(now: float) -> None:
            up_since.append(now)
            product.module.restart(now)

        with product:
            log.exchange(product)
            yield product, restart

    def test_a_read_survives_a_restart_in_between(self, running: Any, log: LineLog) -> None:
        product, restart = running
        with MiotDevice(product.host, product.token, port=product.port, timeout=30) as device:
            assert device.read(2, 2) == 60
            assert device.send_handshake().stamp == 3600
            log.once("down get_properties 2 1", restart)
            assert device.read(2, 1) is True
            assert device.send_handshake().stamp < 3600

    def test_a_command_that_may_have_run_is_not_sent_again(self, running: Any, log: LineLog) -> None:
        product, restart = running
        with MiotDevice(product.host, product.token, port=product.port, timeout=1) as device:
            device.retry_count = 1
            device.send_handshake()
            log.exchange(product)
            log.once("down action 2 1", restart)
            with pytest.raises(
                OutcomeUnknown, match=r"the device restarted meanwhile.*look at the product's state"
            ):
                device.run(2, 1)
            assert device.read(2, 1) is False  # it did run, once
            assert log.exchange(product).count("down action 2 1") == 1
