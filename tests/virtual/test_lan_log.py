from __future__ import annotations

from support.ends import Caller, Log

from miio_lan.lan.packet import HELLO, encode
from miio_lan.record import Record
from miio_lan.virtual.lan_log import LanLog
from miio_lan.virtual.product import VirtualProduct

TOKEN = bytes(16)


def test_every_clients_datagrams_are_observed() -> None:
    log = Log()
    with (
        VirtualProduct(lan_observer=log) as product,
        Caller(product.host, product.port, product.token) as caller,
    ):
        caller.ask("miIO.info", [])
        records = [log.queue.get(timeout=20) for _ in range(4)]
    assert [(each.wire, each.direction, each.note) for each in records] == [
        ("lan", "down", "hello"),
        ("lan", "up", "hello"),
        ("lan", "down", ""),
        ("lan", "up", ""),
    ]
    request, reply = records[2].reading, records[3].reading
    assert request is not None
    assert reply is not None
    assert (request["method"], request["id"]) == ("miIO.info", reply["id"])
    assert "result" in reply
    assert len({each.peer for each in records}) == 1
    assert records[0].peer.startswith("127.0.0.1:")
    instants = [each.instant for each in records]
    assert instants == sorted(instants)


def test_what_cannot_be_read_is_recorded_too() -> None:
    records: list[Record] = []
    log = LanLog(records.append, lambda: TOKEN)
    peer = ("127.0.0.1", 5)
    log("down", b"rubbish", 1.0, peer)
    log("down", encode({"id": 1}, token=b"1" * 16, device_id=1, stamp=1), 2.0, peer)
    log("down", encode(b"[1, 2]", token=TOKEN, device_id=1, stamp=1), 3.0, peer)
    log("down", HELLO, 4.0, peer)
    assert [each.note for each in records] == ["not ours", "bad sign", "", "hello"]
    assert records[0].raw == b"rubbish"
    assert all(each.reading is None for each in records)
