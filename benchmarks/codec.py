"""Encode and decode a 200-byte payload."""

from __future__ import annotations

import datetime as dt
import json
import statistics

from benchmarks import floor
from benchmarks.clients import python_miio
from benchmarks.device import DEVICE_ID, TOKEN
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row
from benchmarks.send import ORDER
from benchmarks.timing import Work, cpu_ratio, in_turn, one_core
from miio_lan.lan import packet

STAMP = 100_000
SIZE = 200
TARGETS = [Row("codec", "encode + decode 200 bytes, CPU / floor's", None, "<=", 1.0)]


def payload() -> dict[str, object]:
    """Make a request of exactly 200 bytes of compact JSON."""
    items: list[dict[str, object]] = [{"did": f"property-{n}", "siid": 2, "piid": n} for n in range(1, 4)]
    request = {"id": 123_456, "method": "get_properties", "params": items}
    short = SIZE - len(json.dumps(request, separators=(",", ":")))
    items[0]["did"] = "x" * short + str(items[0]["did"])
    return request


def works() -> dict[str, Work]:
    """Give each client's way there and back; all get the same object, and must give it back."""
    request = payload()
    codec = floor.Codec(TOKEN)
    message = python_miio("miio.protocol").Message
    when = dt.datetime.fromtimestamp(STAMP, dt.UTC)

    def bare() -> object:
        return codec.decode(codec.encode(request, DEVICE_ID, STAMP))

    def ours() -> object:
        datagram = packet.encode(request, token=TOKEN, device_id=DEVICE_ID, stamp=STAMP)
        return packet.decode(datagram, TOKEN).payload

    def theirs() -> object:
        header = {"length": 0, "unknown": 0, "device_id": DEVICE_ID.to_bytes(4, "big"), "ts": when}
        fields = {"data": {"value": request}, "header": {"value": header}, "checksum": 0}
        return message.parse(message.build(fields, token=TOKEN), token=TOKEN).data.value

    return {"floor": bare, "miio_lan": ours, "python-miio": theirs}


def run(options: Options) -> list[Row]:
    """Measure."""
    todo = works()
    for name, work in todo.items():
        if work() != payload():
            raise NotMeasured(f"{name} does not give back what it was given")
    rounds, repeats = options.count(31, 2), options.count(300, 20)
    with one_core():
        found = in_turn(todo, ORDER, rounds=rounds, repeats=repeats)
    floors = found["floor"]
    conditions = {
        "rounds": rounds,
        "repeats": repeats,
        "floor in microseconds": statistics.median(each.cpu for each in floors) * 1e6,
    }
    ours, theirs = (cpu_ratio(found[name], floors) for name in ("miio_lan", "python-miio"))
    return [TARGETS[0].measured(ours, theirs, conditions)]
