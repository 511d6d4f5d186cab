from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import (
    DeviceException,
    InvalidArgument,
    PayloadDecodeException,
    UnsupportedFeatureException,
)
from miio_lan.lan import packet
from miio_lan.lan.responder.damage import DAMAGES
from miio_lan.lan.responder.responder import MAX_DATAGRAMS, Request, Responder, ResponderOptions

TOKEN = bytes(range(16))
DID = 0x1_2345_6789
PEER = ("127.0.0.1", 40000)
OTHER = ("127.0.0.1", 40001)
VIRTUAL_DID = 0xFEDC_BA98_7654_3210


def make(**options):
    return Responder(device_id=DID, token=TOKEN, options=ResponderOptions(**options))


def datagram(payload, *, stamp=0, token=TOKEN, did=DID):
    return packet.encode(payload, token=token, device_id=did, stamp=stamp)


def ask(responder, payload, *, now=100.0, stamp=0, peer=PEER):
    return responder.receive(datagram(payload, stamp=stamp), peer, now)


def payloads(responder):
    return [packet.decode(data, TOKEN).payload for data, _ in responder.take_output()]


def info(number=1, **more):
    return {"id": number, "method": "miIO.info", "params": [], **more}


class TestHello:
    def test_answers_with_did_stamp_and_all_ff(self):
        responder = make()
        assert responder.receive(packet.HELLO, PEER, 10.0) is None
        responder.take_output()
        responder.receive(packet.HELLO, PEER, 13.9)
        assert responder.take_output() == [(packet.hello_reply(device_id=DID, stamp=3), PEER)]

    def test_older_firmware_fills_with_zeros(self):
        responder = make(hello_sign="zero")
        responder.receive(packet.HELLO, PEER, 0)
        assert responder.take_output() == [(packet.hello_reply(device_id=DID, stamp=0, sign=bytes(16)), PEER)]

    @pytest.mark.parametrize("hello", [packet.HELLO, packet.virtual_hello(VIRTUAL_DID)])
    def test_shows_the_token_until_provisioned(self, hello):
        responder = Responder(device_id=DID, token=TOKEN, provisioned=False)
        responder.receive(hello, PEER, 0)
        responder.provisioned = True
        responder.receive(packet.HELLO, PEER, 0)
        shown, hidden = (packet.decode(data, None) for data, _ in responder.take_output())
        assert packet.shown_token(shown) == TOKEN
        assert packet.shown_token(hidden) is None

    def test_shows_the_token_when_told_to(self):
        responder = make(show_token=True)
        responder.receive(packet.HELLO, PEER, 0)
        assert packet.shown_token(packet.decode(responder.take_output()[0][0], None)) == TOKEN

    @pytest.mark.parametrize(
        ("address", "heeded"), [("10.0.0.7", True), ("10.0.1.7", False), ("fe80::1", False), ("x", False)]
    )
    def test_some_heed_their_own_subnet_only(self, address, heeded):
        responder = make(own_subnet="10.0.0.0/24")
        responder.receive(packet.HELLO, (address, 40000), 100.0)
        assert len(responder.take_output()) == heeded
        assert (ask(responder, info(), peer=(address, 40000)) is not None) is heeded
        assert responder.dropped["another subnet"] == (0 if heeded else 2)

    @pytest.mark.parametrize("network", ["10.0.0.7/24", "10.0.0.7", "0.0.0.0/0"])
    def test_the_own_subnet_may_be_named_by_an_address_of_it(self, network):
        responder = make(own_subnet=network)
        responder.receive(packet.HELLO, ("10.0.0.7", 40000), 100.0)
        assert len(responder.take_output()) == 1

    @pytest.mark.parametrize("network", ["10.0.0.0/33", "", "lan", "fd00::/8", "10.0.0/24"])
    def test_a_subnet_that_is_none_is_refused_at_once(self, network):
        with pytest.raises(InvalidArgument, match=r"no IPv4 network; one looks like 192\.168\.1\.0/24"):
            ResponderOptions(own_subnet=network)

    def test_duplicates_on_request(self):
        responder = make(duplicate_hello=True)
        responder.receive(packet.HELLO, PEER, 0)
        first, second = responder.take_output()
        assert first == second

    @pytest.mark.parametrize("wildcard", [True, False])
    def test_probe_with_a_virtual_did_gets_the_push_mark(self, wildcard):
        responder = make(wildcard=wildcard)
        responder.receive(packet.virtual_hello(VIRTUAL_DID), PEER, 0)
        sign = packet.decode(responder.take_output()[0][0], None).sign
        assert packet.push_ability(sign) == packet.PushAbility(sub_ts=0xFFFFFFFF, type=1, wildcard=wildcard)

    def test_probe_is_a_plain_hello_for_who_cannot_push(self):
        responder = make(push=False)
        responder.receive(packet.virtual_hello(VIRTUAL_DID), PEER, 0)
        assert responder.take_output() == [(packet.hello_reply(device_id=DID, stamp=0), PEER)]

    def test_a_hello_reply_is_not_answered(self):
        responder = make()
        responder.receive(packet.hello_reply(device_id=DID, stamp=1), PEER, 0)
        assert responder.take_output() == []
        assert responder.dropped["not a hello"] == 1

    def test_header_of_32_bytes_with_a_tail_is_not_a_hello(self):
        responder = make()
        responder.receive(packet.hello_reply(device_id=DID, stamp=0) + b"x", PEER, 0)
        assert responder.take_output() == []
        assert responder.dropped["not a hello"] == 1


class TestSilence:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (datagram(info(), token=bytes(16)), "bad sign"),
            (datagram(info(), did=DID + 1), "wrong did"),
            (datagram(b"{", did=DID + 1), "wrong did"),
            (datagram(info(), stamp=60), "stale stamp"),
            (datagram(info(), stamp=0xFFFF_FFFF - 59), "stale stamp"),
            (datagram(info())[:-1], "truncated"),
            (b"\x21\x30" + datagram(info())[2:], "not ours"),
            (b"", "truncated"),
            (b"\x21\x31\x00", "truncated"),
            (datagram(info(padding="x" * 2100)), "too long"),
        ],
    )
    def test_drops_and_counts(self, data, reason):
        responder = make()
        assert responder.receive(data, PEER, 5.0) is None
        assert responder.take_output() == []
        assert dict(responder.dropped) == {reason: 1}

    @pytest.mark.parametrize("stamp", [59, 0xFFFF_FFFF - 58])
    def test_accepts_within_the_window(self, stamp):
        assert ask(make(), info(), stamp=stamp) is not None

    def test_any_stamp_without_a_window(self):
        assert ask(make(stamp_window=None), info(), stamp=123_456) is not None

    def test_stamp_may_be_unix_time(self):
        responder = Responder(device_id=DID, token=TOKEN, stamp_at=lambda now: 1_700_000_000 + int(now))
        assert ask(responder, info(), now=5.0, stamp=0) is None
        assert ask(responder, info(), now=5.0, stamp=1_700_000_010) is not None

    def test_id_zero(self):
        assert ask(make(accept_id_zero=False), info(0)) is None
        assert ask(make(), info(0)) is not None

    def test_bytes_beyond_the_header_length_are_ignored(self):
        assert make().receive(datagram(info()) + b"tail", PEER, 0) is not None


class TestIdMemory:
    def test_resends_of_what_would_do_harm_twice_are_answered_without_acting(self):
        responder = make()
        toggle = {"id": 7, "method": "toggle", "params": []}
        request = ask(responder, toggle)
        assert request is not None
        assert ask(responder, toggle) is None
        assert responder.take_output() == []
        responder.reply(request, result=["ok"], now=100.0)
        assert ask(responder, toggle) is None
        assert len(responder.take_output()) == 2

    @pytest.mark.parametrize(
        ("again", "peer"),
        [
            ({"id": 7, "method": "toggle", "params": [1]}, PEER),
            ({"id": 8, "method": "toggle", "params": []}, PEER),
            ({"id": 7, "method": "toggle_other", "params": []}, PEER),
            ({"id": 7, "method": "toggle", "params": []}, OTHER),
        ],
    )
    def test_anything_else_is_a_request_of_its_own(self, again, peer):
        responder = make()
        assert ask(responder, {"id": 7, "method": "toggle", "params": []}) is not None
        assert ask(responder, again, peer=peer) is not None

    def test_reads_may_come_under_the_same_id_as_often_as_they_like(self):
        responder = make()
        assert ask(responder, info(7)) is not None
        assert ask(responder, info(7)) is not None

    def test_normal_hands_every_request_on(self):
        responder = make(id_memory="normal")
        assert ask(responder, info(7)) is not None
        assert ask(responder, info(7)) is not None

    def test_silent_drops_a_repeated_id(self):
        responder = make(id_memory="silent", id_memory_size=2)
        assert ask(responder, info(7)) is not None
        assert ask(responder, info(7)) is None
        assert responder.take_output() == []
        assert responder.dropped["repeated id"] == 1

    def test_memory_is_bounded(self):
        responder = make(id_memory="silent", id_memory_size=2)
        for number in (1, 2, 3):
            assert ask(responder, info(number)) is not None
        assert ask(responder, info(1)) is not None
        assert ask(responder, info(3)) is None

    def test_replay_answers_again_without_acting(self):
        responder = make(id_memory="replay")
        request = ask(responder, info(7))
        assert ask(responder, info(7)) is None
        assert responder.take_output() == []
        responder.reply(request, result=["ok"], now=100.0)
        assert ask(responder, info(7), now=103.0, peer=OTHER) is None
        (first, _), (again, to) = responder.take_output()
        assert to == OTHER
        assert packet.decode(first, TOKEN).payload == packet.decode(again, TOKEN).payload
        assert packet.decode(again, TOKEN).stamp == 3

    def test_restart_forgets(self):
        responder = make(id_memory="silent")
        assert ask(responder, info(7), now=0.0) is not None
        responder.restart(50.0)
        assert responder.stamp(52.0) == 2
        assert ask(responder, info(7), now=52.0, stamp=2) is not None


class TestRequests:
    def test_content(self):
        request = ask(make(), {"id": 5, "method": "m", "params": {"a": 1}, "sid": "x", "from": 3}, now=101.5)
        assert request == Request(5, "m", {"a": 1}, PEER, 101.5, {"sid": "x", "from": 3})

    def test_params_may_be_missing(self):
        request = ask(make(), {"id": 5, "method": "m", "sid": "x"})
        assert (request.params, request.extra) == (None, {"sid": "x"})

    def test_trailing_nul_is_accepted(self):
        assert make().receive(datagram(b'{"id":1,"method":"m"}\0'), PEER, 0) is not None

    @pytest.mark.parametrize("text", [b"{", b'{"id":1,,"method":"m"}', b"\xff\xfe", b"", b"null"])
    def test_what_is_not_json_is_refused(self, text):
        responder = make()
        assert responder.receive(datagram(text), PEER, 0) is None
        assert payloads(responder) == [{"id": None, "error": {"code": -32700, "message": "Invalid json."}}]

    @pytest.mark.parametrize(
        ("payload", "number"),
        [
            ([1], None),
            ({"method": "m"}, None),
            ({"id": True, "method": "m"}, None),
            ({"id": "1", "method": "m"}, None),
            ({"id": 4}, 4),
            ({"id": 4, "method": 3}, 4),
        ],
    )
    def test_what_is_no_request_is_refused(self, payload, number):
        responder = make()
        assert ask(responder, payload) is None
        assert payloads(responder) == [
            {"id": number, "error": {"code": -32600, "message": "Req object invalid."}}
        ]

    def test_params_may_be_required(self):
        responder = make(require_params=True)
        assert ask(responder, {"id": 4, "method": "m"}) is None
        assert payloads(responder)[0]["error"]["code"] == -32600
        assert ask(responder, {"id": 5, "method": "m", "params": []}) is not None


class TestReplies:
    def test_result_error_and_extra(self):
        responder = make()
        request = ask(responder, info(9))
        responder.reply(request, result=[1, "é"], now=102.0, extra={"exe_time": 12})
        responder.reply(request, error=(-5001, "no"), now=102.0)
        (one, to), (two, _) = responder.take_output()
        assert to == PEER
        decoded = packet.decode(one, TOKEN)
        assert (decoded.device_id, decoded.stamp) == (DID, 2)
        assert decoded.raw == '{"id":9,"result":[1,"é"],"exe_time":12}'.encode()
        assert packet.decode(two, TOKEN).payload == {"id": 9, "error": {"code": -5001, "message": "no"}}

    def test_older_firmware_writes_id_last_and_a_nul(self):
        responder = make(id_first=False, trailing_nul=True)
        responder.reply(ask(responder, info(9)), result=["ok"], now=100.0)
        assert packet.unwrap(responder.take_output()[0][0], TOKEN).raw == b'{"result":["ok"],"id":9}\0'

    def test_a_result_without_json_form_is_the_owners_mistake(self):
        responder = make()
        with pytest.raises(DeviceException, match="no JSON form"):
            responder.reply(ask(responder, info(9)), result=float("nan"), now=100.0)

    @pytest.mark.parametrize("method", ["get_properties", "get_prop"])
    def test_property_limit(self, method):
        responder = make(property_limit=2)
        request = ask(responder, {"id": 1, "method": method, "params": ["a", "b", "c"]})

        def outcome(overflow):
            responder.options = replace(responder.options, property_overflow=overflow)
            responder.reply(request, result=[1, 2, 3], now=100.0)
            return responder.take_output()

        assert packet.decode(outcome("short")[0][0], TOKEN).payload["result"] == [1, 2]
        assert packet.decode(outcome("timeout")[0][0], TOKEN).payload["error"]["code"] == -9999
        assert outcome("silence") == []
        with pytest.raises(PayloadDecodeException, match="bad sign"):
            packet.decode(outcome("bad sign")[0][0], TOKEN)

    def test_property_limit_spares_the_rest(self):
        responder = make(property_limit=2, property_overflow="silence")
        for payload in (
            {"id": 1, "method": "get_properties", "params": [1, 2]},
            {"id": 2, "method": "set_properties", "params": [1, 2, 3]},
        ):
            responder.reply(ask(responder, payload), result=[0], now=100.0)
        assert [reply["id"] for reply in payloads(responder)] == [1, 2]

    def test_an_error_stays_an_error_when_lists_are_cut_short(self):
        responder = make(property_limit=1, property_overflow="short")
        request = ask(responder, {"id": 1, "method": "get_prop", "params": ["a", "b"]})
        responder.reply(request, error=(-5001, "no"), now=100.0)
        assert payloads(responder)[0]["error"]["code"] == -5001

    def test_overlong_reply_has_a_bad_sign(self):
        responder = make(max_reply=40)
        request = ask(responder, info(1))
        responder.reply(request, result=["x" * 40], now=100.0)
        responder.reply(request, result=["x"], now=100.0)
        (long, _), (short, _) = responder.take_output()
        with pytest.raises(PayloadDecodeException) as failure:
            packet.decode(long, TOKEN)
        assert failure.value.kind == "bad sign"
        assert len(long) == 32 + 48  # no more than the 40 bytes, padded
        assert packet.decode(short, TOKEN).payload == {"id": 1, "result": ["x"]}

    def test_output_is_bounded(self):
        responder = make()
        for _ in range(MAX_DATAGRAMS + 5):
            responder.receive(packet.HELLO, PEER, 0)
        assert len(responder.take_output()) == MAX_DATAGRAMS

    def test_repr_and_log_show_no_token(self, caplog):
        caplog.set_level("DEBUG")
        responder = Responder(device_id=DID, token=TOKEN, provisioned=False)
        responder.receive(packet.HELLO, PEER, 0)
        responder.receive(datagram(info(), token=bytes(16)), PEER, 0)
        for text in (repr(responder), caplog.text):
            assert TOKEN.hex() not in text
            assert repr(TOKEN) not in text
        assert "bad sign" in caplog.text


class TestDamage:
    RESULT = ({"did": "x", "value": 12, "text": "hello"}, 5)

    def damaged(self, *kinds, result=RESULT):
        responder = make(damage=kinds)
        responder.reply(ask(responder, info(17)), result=result, now=100.0, extra={"exe_time": 3})
        return responder.take_output()[0][0]

    @pytest.mark.parametrize(
        ("kind", "raw"),
        [
            ("nul", b'{"id":17,"result":["a",1],"exe_time":3}\0'),
            ("nuls", b'{"id":17,"result":["a",1],"exe_time":3}\0\0\0'),
            ("nul and rubbish", b'{"id":17,"result":["a",1],"exe_time":3}\0{"id":\xf0\x9f'),
            ("doubled comma", b'{"id":17,,"result":["a",1],,"exe_time":3}'),
            ("empty slots", b'{"id":17,"result":[,],"exe_time":3}'),
            ("missing value", b'{"id":17,"result":,"exe_time":}'),
            ("leading zeros", b'{"id":0017,"result":["a",001],"exe_time":003}'),
            ("broken number", b'{"id":17,"result":["a",-],"exe_time":3}'),
            ("bare word", b'{"id":17,"result":[a,1],"exe_time":3}'),
            ("raw bytes", b'{"id":17,"result":["a\x01\xff",1],"exe_time":3}'),
            ("pretty", b'{\n\t"id": 17,\n\t"result": [\n\t\t"a",\n\t\t1\n\t],\n\t"exe_time": 3\n}'),
            ("empty", b""),
            ("cut off", b'{"id":17,"result":['),
        ],
    )
    def test_texts(self, kind, raw):
        assert packet.unwrap(self.damaged(kind, result=["a", 1]), TOKEN).raw == raw

    @pytest.mark.parametrize("kind", sorted(DAMAGES - {"empty", "cut off", "garbled", "bad sign"}))
    def test_repairable_kinds_keep_the_id(self, kind):
        assert packet.decode(self.damaged(kind), TOKEN).payload["id"] == 17

    @pytest.mark.parametrize(
        ("kind", "failure"),
        [("empty", "empty"), ("cut off", "not JSON"), ("garbled", "bad sign"), ("bad sign", "bad sign")],
    )
    def test_hopeless_kinds(self, kind, failure):
        with pytest.raises(PayloadDecodeException) as raised:
            packet.decode(self.damaged(kind), TOKEN)
        assert raised.value.kind == failure

    def test_negative_numbers_keep_their_sign(self):
        assert packet.decode(self.damaged("leading zeros", result=[-5]), TOKEN).payload["result"] == [-5]

    @pytest.mark.parametrize("kind", ["broken number", "bare word", "raw bytes", "empty slots"])
    def test_nothing_to_damage_leaves_the_reply_whole(self, kind):
        responder = make(damage=(kind,))
        responder.reply(ask(responder, info(1)), result=None, now=100.0)
        assert payloads(responder) == [{"id": 1, "result": None}]

    def test_kinds_combine_and_a_callable_is_one(self):
        data = self.damaged(lambda plain: plain.replace(b"hello", b"HELLO"), "doubled comma")
        decoded = packet.decode(data, TOKEN)
        assert decoded.payload["result"][0]["text"] == "HELLO"
        assert decoded.repairs

    @pytest.mark.parametrize("max_reply", [None, 60, 10])
    @pytest.mark.parametrize("first", sorted(DAMAGES))
    def test_any_two_kinds_combine_whatever_their_order_and_however_little_arrives(self, first, max_reply):
        for second in sorted(DAMAGES):
            responder = make(damage=(first, second), max_reply=max_reply)
            responder.reply(ask(responder, info(17)), result=self.RESULT, now=100.0)
            ((data, _),) = responder.take_output()
            if max_reply is None:
                hopeless = {"garbled", "bad sign"} & {first, second}
                decoded = None if hopeless else packet.unwrap(data, TOKEN).raw
                assert decoded != packet.dump_payload({"id": 17, "result": self.RESULT})
            else:
                assert len(data) <= packet.HEADER_SIZE + max_reply + 16

    @pytest.mark.parametrize(
        ("kinds", "raw"),
        [
            (("nul", "pretty"), b'{\n\t"id": 17,\n\t"result": [\n\t\t"a",\n\t\t1\n\t]\n}\0'),
            (("doubled comma", "pretty"), b'{\n\t"id": 17,,\n\t"result": [\n\t\t"a",\n\t\t1\n\t]\n}'),
            (("leading zeros", "doubled comma"), b'{"id":0017,,"result":["a",001]}'),
            (("cut off", "missing value"), b'{"id":17,'),
            (("bare word", "broken number"), b'{"id":17,"result":[a,-]}'),
            (("empty slots", "missing value"), b'{"id":17,"result":}'),
        ],
    )
    def test_texts_of_several(self, kinds, raw):
        responder = make(damage=kinds)
        responder.reply(ask(responder, info(17)), result=["a", 1], now=100.0)
        assert packet.unwrap(responder.take_output()[0][0], TOKEN).raw == raw

    @pytest.mark.parametrize("kinds", [("bad sign",), ("bad sign", "bad sign"), ("garbled", "garbled")])
    @pytest.mark.parametrize("max_reply", [None, 20])
    def test_a_sign_that_is_bad_twice_is_not_good(self, kinds, max_reply):
        responder = make(damage=kinds, max_reply=max_reply)
        responder.reply(ask(responder, info(17)), result=self.RESULT, now=100.0)
        with pytest.raises(PayloadDecodeException, match="sign"):
            packet.decode(responder.take_output()[0][0], TOKEN)

    def test_what_is_damaged_overflows_as_what_it_has_become(self):
        responder = make(
            damage=("nuls",), max_reply=len(packet.dump_payload({"id": 17, "result": ["a"]})) + 2
        )
        responder.reply(ask(responder, info(17)), result=["a"], now=100.0)
        with pytest.raises(PayloadDecodeException, match="sign"):
            packet.decode(responder.take_output()[0][0], TOKEN)

    @pytest.mark.parametrize("text", [b"no JSON", b"[1,2]"])
    def test_kinds_leave_alone_what_a_callable_made_no_object_of(self, text):
        assert packet.unwrap(self.damaged(lambda _: text, "doubled comma", "nul"), TOKEN).raw == text + b"\0"

    def test_unknown_kind_is_named(self):
        with pytest.raises(UnsupportedFeatureException, match=r"'rust'.*doubled comma"):
            ResponderOptions(damage=("rust",))


class TestPush:
    CHANGE = ({"did": str(DID), "siid": 2, "piid": 1, "value": True},)

    def subscribe(
        self, responder, *, did=VIRTUAL_DID, ts=77, method=".", peer=PEER, now=100.0, verb="miIO.sub"
    ):
        params = {"version": "2.0", "did": str(did), "update_ts": ts, "sub_method": method}
        assert ask(responder, {"id": 1, "method": verb, "params": params}, now=now, peer=peer) is None
        (reply,) = payloads(responder)
        return reply.get("result") or reply["error"]["code"]

    def test_push_is_repeated_until_acknowledged(self):
        responder = make()
        assert self.subscribe(responder) == {"code": 0}
        assert responder.deadline is None
        responder.push("properties_changed", self.CHANGE, 100.0)
        ((data, to),) = responder.take_output()
        message = packet.decode(data, TOKEN).payload
        assert to == PEER
        assert (message["method"], message["params"]) == ("properties_changed", list(self.CHANGE))
        assert responder.deadline == 102.5
        responder.tick(102.4)
        assert responder.take_output() == []
        responder.tick(102.5)
        assert payloads(responder) == [message]
        assert ask(responder, {"id": message["id"], "result": {"code": 0}}, now=103.0) is None
        responder.tick(200.0)
        assert responder.take_output() == []
        assert responder.deadline is None

    def test_acknowledgement_from_elsewhere_does_not_count(self):
        responder = make()
        self.subscribe(responder)
        responder.push("event_occured", {}, 100.0)
        (message,) = payloads(responder)
        for stray in (message["id"] + 1, "1", None):
            ask(responder, {"id": stray, "result": {"code": 0}})
        ask(responder, {"id": message["id"], "result": {"code": 0}}, peer=OTHER)
        assert responder.dropped["stray acknowledgement"] == 4
        assert responder.deadline == 102.5

    def test_gives_up_in_the_end(self):
        responder = make()
        self.subscribe(responder)
        responder.push("event_occured", {}, 100.0)
        sent = 0
        while responder.deadline is not None:
            sent += len(responder.take_output())
            responder.tick(responder.deadline)
        assert sent == 8
        assert responder.subscriptions.given_up == 1

    def test_waiting_pushes_are_bounded(self):
        responder = make()
        self.subscribe(responder)
        for number in range(20):
            responder.push("event_occured", {"n": number}, 100.0)
        responder.take_output()
        responder.tick(102.5)
        assert [message["params"]["n"] for message in payloads(responder)] == list(range(4, 20))

    def test_only_what_was_asked_for(self):
        responder = make()
        self.subscribe(responder, method="properties_changed")
        responder.push("event_occured", {}, 100.0)
        assert responder.take_output() == []
        self.subscribe(responder, method="event_occured")
        responder.push("event_occured", {}, 100.0)
        assert len(responder.take_output()) == 1

    def test_probe_shows_the_subscription(self):
        responder = make()
        self.subscribe(responder, ts=77)
        responder.receive(packet.virtual_hello(VIRTUAL_DID), PEER, 100.0)
        sign = packet.decode(responder.take_output()[0][0], None).sign
        assert packet.push_ability(sign).sub_ts == 77

    def test_returning_controller_gets_its_pushes_at_the_new_address(self):
        responder = make()
        self.subscribe(responder, ts=77)
        self.subscribe(responder, ts=78, peer=OTHER)
        responder.push("event_occured", {}, 100.0)
        assert [to for _, to in responder.take_output()] == [OTHER]
        assert len(responder.subscriptions) == 1

    def test_unsubscribe_needs_the_stamp(self):
        responder = make()
        self.subscribe(responder, ts=77)
        assert self.subscribe(responder, ts=78, verb="miIO.unsub") == -32602
        assert self.subscribe(responder, ts=77, verb="miIO.unsub") == {"code": 0}
        responder.push("event_occured", {}, 100.0)
        assert responder.take_output() == []

    def test_four_subscribers_at_most(self):
        responder = make()
        outcomes = [self.subscribe(responder, did=did) for did in range(1, 6)]
        assert outcomes == [{"code": 0}] * 4 + [-32605]

    def test_restart_forgets_subscribers(self):
        responder = make()
        self.subscribe(responder)
        responder.restart(100.0)
        assert responder.subscriptions.sub_ts(VIRTUAL_DID) == 0xFFFFFFFF

    @pytest.mark.parametrize(
        "params",
        [
            [],
            None,
            {"did": ""},
            {"did": True},
            {"did": "1", "update_ts": "x"},
            {"did": "1", "update_ts": True},
            {"did": "1", "update_ts": -1},
            {"did": "1", "update_ts": 0xFFFFFFFF},
            {"did": "1", "sub_method": "all"},
            {"did": "1", "sub_method": 3},
            {"did": "1" * 21},
        ],
    )
    def test_bad_parameters(self, params):
        responder = make()
        ask(responder, {"id": 1, "method": "miIO.sub", "params": params})
        assert payloads(responder)[0]["error"]["code"] == -32602

    def test_bad_unsubscription(self):
        responder = make()
        ask(responder, {"id": 1, "method": "miIO.unsub", "params": []})
        assert payloads(responder)[0]["error"]["code"] == -32602

    def test_numeric_did_and_missing_wildcard(self):
        responder = make(wildcard=False)
        ask(responder, {"id": 1, "method": "miIO.sub", "params": {"did": 5, "sub_method": "."}})
        assert payloads(responder)[0]["error"]["code"] == -32602
        ask(responder, {"id": 1, "method": "miIO.sub", "params": {"did": 5, "sub_method": "event_occured"}})
        assert payloads(responder) == [{"id": 1, "result": {"code": 0}}]

    def test_without_push_the_method_is_handed_on(self):
        assert ask(make(push=False), {"id": 1, "method": "miIO.sub", "params": {}}).method == "miIO.sub"

    def test_send_is_not_repeated(self):
        responder = make()
        responder.send({"id": 3, "method": "props"}, OTHER, 1.0)
        ((data, to),) = responder.take_output()
        assert (packet.decode(data, TOKEN).payload, to) == ({"id": 3, "method": "props"}, OTHER)
        assert responder.deadline is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
envelopes = st.dictionaries(st.sampled_from(["id", "method", "params", "result", "error", "x"]), json_values)


@given(st.lists(st.binary(max_size=80)))
def test_any_bytes_are_survived(datagrams):
    responder = make(id_memory="replay")
    for data in datagrams:
        responder.receive(data, PEER, 1.0)
        responder.receive(b"\x21\x31" + data, PEER, 1.0)
    assert ask(responder, info(1), now=1.0) is not None


@given(
    st.lists(json_values | envelopes | st.binary(max_size=40)),
    st.sampled_from(["normal", "silent", "replay"]),
)
def test_any_payload_is_survived_and_answered_at_most_once(contents, memory):
    responder = make(id_memory=memory)
    for content in contents:
        request = ask(responder, content)
        if request is not None:
            responder.reply(request, result=[], now=100.0)
        assert len(responder.take_output()) <= 1
    assert len(responder._seen) <= responder.options.id_memory_size


@given(json_values, st.lists(st.sampled_from(sorted(DAMAGES)), max_size=3))
def test_damage_survives_any_result(result, kinds):
    responder = make(damage=tuple(kinds))
    responder.reply(ask(responder, info(3)), result=result, now=100.0)
    ((data, _),) = responder.take_output()
    try:
        decoded = packet.decode(data, TOKEN).payload
    except PayloadDecodeException:
        return
    if len(kinds) < 2:
        assert decoded["id"] == 3
    if not kinds:
        assert decoded["result"] == json.loads(json.dumps(result))
