"""The traffic of others: datagrams of any client in a capture of tcpdump or Wireshark, as records.

::

    capture = read_capture("lamp.pcapng", token="00112233445566778899aabbccddeeff")
    for record in capture.device.records:
        print(record.wall, record.direction, record.text)

A capture shows what crossed the LAN where it was made. What a phone app or the cloud does through the vendor's servers
is in no such datagram. The extra ``pcap`` brings dpkt, which reads the files.
"""

from miio_lan.lan.capture.devices import CapturedDevice, KnownDevice
from miio_lan.lan.capture.reading import Capture, read_capture

__all__ = ["Capture", "CapturedDevice", "KnownDevice", "read_capture"]
