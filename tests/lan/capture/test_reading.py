from __future__ import annotations

import builtins
import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import captures as make
from support.captures import CLIENT, DID, LAMP, NOON, OTHER_TOKEN, TOKEN, framed, on_link, packet, pcap, talk

from miio_lan.errors import DeviceException, InvalidTokenException, RecordError, UnsupportedFeatureException
from miio_lan.lan.capture import Capture, KnownDevice, read_capture
from miio_lan.lan.capture.reading import records_of
from miio_lan.lan.packet import HELLO, hello_reply
from miio_lan.pairing.calls import lan_traffic


def read(data: bytes, **options: Any) -> Capture:
    file = io.BytesIO(data)
    file.name = "lamp.pcap"
    if not options.keys() & {"token", "devices"}:
        options["token"] = TOKEN
    return read_capture(file, **options)


def said(capture: Capture) -> list[tuple[str, str]]:
    return [(each.direction, each.note or each.text[:30]) for each in capture.device.records]


TALK = [
    ("down", "hello"),
    ("up", "hello"),
    ("down", '{"id":1,"method":"get_properti'),
    ("up", '{"id":1,"result":[{"siid":2,"p'),
]


def test_a_conversation_becomes_records() -> None:
    capture = read(pcap(on_link(talk())))
    assert said(capture) == TALK
    device = capture.device
    assert (device.did, device.name, device.addresses, device.unreadable) == (DID, "", ["192.0.2.7"], 0)
    request = device.records[2]
    assert (request.wire, request.peer, request.raw[:7]) == ("lan", "192.0.2.9:40000", b'{"id":1')
    assert request.reading is not None
    assert request.reading["method"] == "get_properties"
    assert request.instant == request.wall == pytest.approx(NOON + 0.02, abs=1e-5)
    assert (capture.packets, capture.remarks) == (4, [])


@pytest.mark.parametrize("link", [1, 0, 108, 101, 113, 276, 228, 12, 14])
def test_every_kind_of_link(link: int) -> None:
    assert said(read(pcap(on_link(talk(), link), link))) == TALK


@pytest.mark.parametrize("link", [1, 113])
@pytest.mark.parametrize("tags", [(0x8100,), (0x88A8, 0x8100), (0x9100,) * 8])
def test_vlan_tags_are_passed(link: int, tags: tuple[int, ...]) -> None:
    packets = [(time, framed(ip, link, tags=tags)) for time, ip in talk()]
    if len(tags) == 8:
        with pytest.raises(RecordError):
            read(pcap(packets, link))
    else:
        assert said(read(pcap(packets, link))) == TALK


def test_ipv6_with_its_headers() -> None:
    lamp, client = ("2001:db8::7", 54321), ("2001:db8::9", 40000)
    packets = on_link(talk(lamp=lamp, client=client))
    assert said(read(pcap(packets))) == TALK
    assert read(pcap(packets)).device.records[0].peer == "[2001:db8::9]:40000"
    data = make.udp(client, lamp, make.sealed({"id": 1, "method": "x", "params": []}))
    hop_by_hop = bytes([60, 0]) + bytes(6)
    options = bytes([17, 1]) + bytes(14)
    ip = make.ipv6(client, lamp, data, before=hop_by_hop + options, first=0)
    assert [each.text for each in read(pcap([(NOON, framed(ip))])).device.records] == [
        '{"id":1,"method":"x","params":[]}'
    ]


def test_times_of_either_resolution() -> None:
    packets = [(NOON + 0.123456789, ip) for _, ip in on_link(talk())[2:3]]
    assert read(pcap(packets, nano=True)).device.records[0].wall == pytest.approx(
        NOON + 0.123456789, abs=1e-6
    )
    assert read(pcap(packets)).device.records[0].wall == pytest.approx(NOON + 0.123457, abs=1e-6)


def test_several_interfaces_are_read_each_by_its_own_description() -> None:
    """Of another link, resolution and offset: a reader that takes the first for all misreads the second."""
    request, reply = (ip for _, ip in talk()[2:])
    for order in "<>":
        data = (
            make.section(order)
            + make.interface(make.EN10MB, order=order)
            + make.interface(make.SLL2, resolution=9, offset=1000, order=order)
            + make.interface(make.RAW, resolution=0x80 | 10, order=order)
            + make.enhanced(0, int(NOON * 1e6), framed(request), order)
            + make.enhanced(1, int((NOON - 1000) * 1e9) + 250_000_000, framed(reply, make.SLL2), order)
            + make.enhanced(2, int(NOON * 1024) + 512, reply, order)
        )
        times = [record.wall - NOON for record in read(data).device.records]
        assert times == pytest.approx([0.0, 0.25, 0.5], abs=1e-5)


def test_sections_have_interfaces_of_their_own() -> None:
    one, two = (ip for _, ip in talk()[2:])
    data = (
        make.section()
        + make.interface(make.EN10MB)
        + make.enhanced(0, int(NOON * 1e6), framed(one))
        + make.block(5, bytes(12))  # statistics, of no interest
        + make.section(">")
        + make.interface(make.RAW, order=">")
        + make.enhanced(0, int(NOON * 1e6) + 9, two, ">")
    )
    assert said(read(data)) == TALK[2:]


def test_packets_that_cannot_be_placed_are_told() -> None:
    one = framed(talk()[2][1])
    data = (
        make.section()
        + make.interface(make.EN10MB)
        + make.enhanced(0, int(NOON * 1e6), one)
        + make.enhanced(3, int(NOON * 1e6), one)
        + make.block(3, struct.pack("<I", len(one)) + one)
    )
    capture = read(data)
    assert said(capture) == TALK[2:3]
    assert capture.remarks == ["2 datagrams: without a time"]


def test_fragments_are_put_together() -> None:
    body = {"id": 1, "method": "x", "params": ["y" * 3000]}
    data = make.udp(CLIENT, LAMP, make.sealed(body))
    pieces = [(at, data[at : at + 1480]) for at in range(0, len(data), 1480)]
    packets = [
        (NOON + at, framed(make.ipv4(CLIENT, LAMP, piece, at=at, more=at + 1480 < len(data))))
        for at, piece in pieces
    ]
    packets = [(NOON + place, ip) for place, (_, ip) in enumerate(reversed(packets))]
    records = read(pcap(packets)).device.records
    assert [record.reading for record in records] == [body]
    assert records[0].wall == NOON + len(pieces) - 1
    capture = read(pcap([*on_link(talk()), *packets[1:]]))
    assert capture.remarks == ["1 datagram: fragments are missing"]


def test_fragments_of_ipv6() -> None:
    client, lamp = ("2001:db8::9", 40000), ("2001:db8::7", 54321)
    data = make.udp(client, lamp, make.sealed({"id": 1, "method": "x", "params": ["y" * 2000]}))

    def piece(at: int, end: int) -> bytes:
        header = struct.pack(">BBHI", 17, 0, at | (end < len(data)), 5)
        return framed(make.ipv6(client, lamp, data[at:end], before=header, first=44))

    capture = read(pcap([(NOON, piece(0, 1200)), (NOON + 1, piece(1200, len(data)))]))
    assert [len(record.raw) > 2000 for record in capture.device.records] == [True]


def test_cut_packets_are_marked_and_counted() -> None:
    packets = on_link(talk())
    packets[3] = (packets[3][0], packets[3][1][:100])
    capture = read(pcap(packets))
    assert said(capture) == [*TALK[:3], ("up", "truncated")]
    assert capture.remarks == [
        "1 datagram: cut by the capture (tcpdump's -s 0 keeps all of them)",
        "1 datagram of the device could not be read; each is marked with the reason",
    ]


def test_the_same_datagram_captured_at_two_places_counts_once() -> None:
    packets = [(time + late, ip) for time, ip in on_link(talk()) for late in (0, 0.0004)]
    capture = read(pcap(packets))
    assert said(capture) == TALK
    assert capture.remarks == ["4 datagrams: captured twice, left out once"]
    again = [(time + late, ip) for time, ip in on_link(talk()) for late in (0, 0.5)]
    assert len(read(pcap(again)).device.records) == 8


INNER, ROUTER = ("172.17.0.2", 40000), ("192.0.2.9", 61000)


def relayed(begin: float = NOON) -> list[make.Packet]:
    """A conversation through a router that gives the client its own address, captured on both of its sides."""
    inside, outside = talk(client=INNER, begin=begin), talk(client=ROUTER, begin=begin)
    packets = []
    for at, ((time, inner), (_, outer)) in enumerate(zip(inside, outside, strict=True)):
        first, second = (
            (outer, inner) if at % 2 else (inner, outer)
        )  # answers meet the router's outside first
        packets += [(time, first), (time + 0.0001, second)]
    return packets


def test_what_a_router_hands_on_under_its_own_address_counts_once() -> None:
    capture = read(pcap([(time, framed(ip, make.SLL2)) for time, ip in relayed()], make.SLL2))
    assert said(capture) == TALK
    assert {each.peer for each in capture.device.records} == {"172.17.0.2:40000"}
    assert capture.remarks == ["4 datagrams: captured twice, left out once"]
    (call,) = lan_traffic(capture.device.records).calls
    assert call.replied is not None


def test_two_clients_who_greet_at_once_stay_two() -> None:
    packets = on_link([*talk(), *talk(client=("192.0.2.10", 40000), begin=NOON + 0.002)[:2]])
    capture = read(pcap(packets))
    hellos = [each.peer for each in capture.device.records if each.note == "hello"]
    assert sorted(hellos) == ["192.0.2.10:40000"] * 2 + ["192.0.2.9:40000"] * 2
    assert capture.remarks == []
    twice = [(time + late, ip) for time, ip in packets for late in (0, 0.003)]
    assert said(read(pcap(twice))) == said(capture)


def test_copies_are_told_however_many_datagrams_there_are() -> None:
    packets = [packet(CLIENT, LAMP, make.sealed({"id": at, "method": "get_prop"})) for at in range(1, 4200)]
    times = [NOON + at / 2000 for at in range(len(packets))]
    once = [(time, framed(ip)) for time, ip in zip(times, packets, strict=True)]
    capture = read(pcap(sorted([*once, *((time + 0.0012, ip) for time, ip in once)])))
    assert len(capture.device.records) == len(packets)


def test_devices_are_told_apart_by_what_their_tokens_fit() -> None:
    shelf = ("192.0.2.8", 54321)
    packets = on_link([*talk(), *talk(OTHER_TOKEN, 5, shelf, begin=NOON + 0.001)])
    capture = read(pcap(packets))
    assert said(capture) == TALK
    assert capture.remarks == ["4 datagrams: of other devices, left out"]
    both = read(pcap(packets), devices=[KnownDevice(OTHER_TOKEN, "shelf", 5), KnownDevice(TOKEN, "lamp")])
    assert [(each.name, each.did, len(each.records)) for each in both.devices] == [
        ("shelf", 5, 4),
        ("lamp", 77, 4),
    ]
    walls = [record.wall for _, record in records_of(both.devices)]
    assert walls == sorted(walls)
    with pytest.raises(RecordError, match=r"several devices \(shelf, lamp\): say which"):
        both.device  # noqa: B018
    # What a file says of a did is believed only where the token fits it.
    with pytest.raises(RecordError, match="fits none"):
        read(pcap(packets), devices=[KnownDevice(TOKEN, "lamp", 6)])


def test_one_address_can_be_looked_at_alone() -> None:
    packets = on_link([*talk(), *talk(TOKEN, 5, ("192.0.2.8", 54321))])
    assert len(read(pcap(packets)).devices) == 2
    assert read(pcap(packets), address="192.0.2.8").device.did == 5


def test_a_client_that_uses_the_devices_port() -> None:
    client = ("192.0.2.9", 54321)
    assert said(read(pcap(on_link(talk(client=client))))) == TALK
    capture = read(pcap([*on_link(talk()), *on_link(talk(client=client, lamp=("192.0.2.20", 54321))[2:])]))
    assert said(capture) == TALK
    assert capture.remarks == [
        "2 datagrams: both ends use the port, and which is the device is not known; left out"
    ]


def test_another_port() -> None:
    packets = on_link(talk(lamp=("192.0.2.7", 1234)))
    assert said(read(pcap(packets), port=1234)) == TALK
    with pytest.raises(RecordError, match="no command for UDP port 54321 among its 4 packets"):
        read(pcap(packets))


def test_what_is_not_of_the_protocol_is_left_out() -> None:
    packets = [*on_link(talk()), (NOON, framed(packet(CLIENT, LAMP, b"something else")))]
    packets += [(NOON, b"\xff" * 60), (NOON, b"")]
    assert read(pcap(packets)).remarks == ["1 datagram: not of this protocol, left out"]


def test_a_damaged_datagram_of_the_device_is_marked() -> None:
    spoiled = bytearray(talk()[3][1])
    spoiled[-1] ^= 1
    capture = read(pcap(on_link([*talk()[:3], (NOON + 1, bytes(spoiled))])))
    assert said(capture)[3] == ("up", "bad sign")


class TestWhatIsNoUse:
    def test_a_wrong_token_is_said_in_place_of_noise(self) -> None:
        with pytest.raises(RecordError) as caught:
            read(pcap(on_link(talk())), token=bytes(16))
        assert str(caught.value) == (
            "nothing in lamp.pcap could be decrypted: the token fits none of 2 datagrams of did 77 at 192.0.2.7. "
            "It is another device's, or the device has got a new one since"
        )
        with pytest.raises(RecordError, match="the 2 tokens fit none"):
            read(pcap(on_link(talk())), devices=[KnownDevice(bytes(16)), KnownDevice(OTHER_TOKEN)])

    def test_no_token(self) -> None:
        with pytest.raises(RecordError, match=r"2 datagrams of did 77.*none can be read without a token"):
            read(pcap(on_link(talk())), devices=[])
        with pytest.raises(InvalidTokenException):
            read(pcap(on_link(talk())), token="no token")

    def test_hellos_alone(self) -> None:
        packets = [
            (NOON, packet(CLIENT, LAMP, HELLO)),
            (NOON, packet(LAMP, CLIENT, hello_reply(device_id=1, stamp=1))),
        ]
        with pytest.raises(RecordError, match="no command for UDP port 54321 among its 2 packets"):
            read(pcap(on_link(packets)))

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"", "is no capture: it is empty"),
            (b"{}", "is no capture: pcap or pcapng is expected"),
            (b"\x1f\x8b\x08\x00", r"is compressed \(gzip\): unpack it first"),
            (b"\xd4\xc3\xb2\xa1\x02\x00", "ends in its header"),
            (make.section()[:20], "is a damaged capture: it ends in the middle"),
            (b"\x0a\x0d\x0d\x0a" + bytes(40), "is a damaged capture: a section without a byte order"),
        ],
    )
    def test_what_is_no_capture(self, data: bytes, told: str) -> None:
        with pytest.raises(RecordError, match=told):
            read(data)

    def test_links_that_are_not_read(self) -> None:
        with pytest.raises(RecordError, match="monitor mode"):
            read(pcap(on_link(talk(), 127), 127))
        with pytest.raises(RecordError, match="kind of network that is not read"):
            read(pcap(on_link(talk(), 9), 9))

    def test_packets_without_a_time(self) -> None:
        blocks = [make.block(3, struct.pack("<I", len(ip)) + ip) for _, ip in on_link(talk())]
        with pytest.raises(RecordError, match=r"^lamp\.pcap has no packet with a time$"):
            read(make.section() + make.interface(make.EN10MB) + b"".join(blocks))

    def test_a_file_without_a_name(self) -> None:
        with pytest.raises(RecordError, match=r"^the capture is no capture: it is empty$"):
            read_capture(io.BytesIO(b""), token=TOKEN)

    def test_a_file_that_ends_early_gives_what_came_before(self) -> None:
        whole = pcap(on_link(talk()))
        capture = read(whole[:-5])
        assert said(capture) == TALK[:3]
        assert capture.remarks == ["the capture is damaged: it ends in the middle of a packet"]

    def test_a_length_that_cannot_be_is_not_believed(self) -> None:
        whole = pcap(on_link(talk())) + struct.pack("<IIII", int(NOON), 0, 0xFFFFFFFF, 0xFFFFFFFF)
        assert read(whole).cut == "a packet of 4294967295 bytes"

    def test_no_such_file(self, tmp_path) -> None:
        with pytest.raises(RecordError, match="cannot be read: No such file"):
            read_capture(tmp_path / "none.pcap", token=TOKEN)

    def test_without_dpkt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *args: Any, **options: Any) -> Any:
            if name == "dpkt":
                raise ImportError(name)
            return real(name, *args, **options)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(UnsupportedFeatureException, match=r"pip install 'miio-lan\[pcap\]'"):
            read(b"")


def test_a_pipe_without_a_buffer_is_read() -> None:
    class InPieces(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size if size is not None else 7))

    capture = read_capture(InPieces(pcap(on_link(talk()))), token=TOKEN)
    assert said(capture) == TALK
    assert capture.remarks == []


def test_a_path_is_read(tmp_path) -> None:
    path = tmp_path / "lamp.pcap"
    path.write_bytes(pcap(on_link(talk())))
    assert said(read_capture(path, token=TOKEN.hex())) == TALK
    assert TOKEN.hex() not in repr(KnownDevice(TOKEN))


WHOLE = [pcap(on_link(talk())), pcap(on_link(talk(), 113), 113)]
WHOLE.append(
    make.section()
    + make.interface(1, resolution=6)
    + b"".join(make.enhanced(0, int(time * 1e6), data) for time, data in on_link(talk()))
)


@pytest.mark.untraced
@settings(max_examples=300)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 5000),
)
def test_damage_raises_nothing_undeclared(whole: bytes, damage: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(whole)
    for at, bytes_ in damage:
        at %= len(data)
        data[at : at + len(bytes_)] = bytes_
    try:
        capture = read(bytes(data[: max(8, end % (2 * len(data)))]))
    except DeviceException as error:
        assert str(error)
    else:
        assert capture.devices
        assert all(isinstance(each, str) for each in capture.remarks)


@given(st.sampled_from((1, 0, 101, 113, 276)), st.lists(st.binary(max_size=120), max_size=8))
def test_rubbish_on_the_wire_raises_nothing(link: int, rubbish: list[bytes]) -> None:
    packets = [*on_link(talk(), link), *((NOON, each) for each in rubbish)]
    packets += [(NOON, framed(bytes([version]) + each, link)) for each in rubbish for version in (0x45, 0x60)]
    assert len(read(pcap(packets, link)).device.records) >= 4
