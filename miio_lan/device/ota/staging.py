"""What is to be installed, made ready: a file of this computer is read and served, a url is taken as it is."""

from __future__ import annotations

import hashlib
import stat
import time
from urllib.parse import urlsplit

from miio_lan.device.arguments import checked_tcp_port
from miio_lan.device.ota.outcome import UpdateResult, checked_version
from miio_lan.device.ota.progress import checked_md5, update_parameters
from miio_lan.device.ota.server import FileServer, checked_place, route_to
from miio_lan.device.ota.serving import Served
from miio_lan.device.ota.update import FirmwareImage, Update
from miio_lan.errors import InvalidArgument
from miio_lan.foreign import printable, show
from miio_lan.loop import Closing
from miio_lan.paths import FilePath, checked_path

#: Bytes of the largest file that is served: it is held in memory, so that what is sent is what the checksum is of.
MAX_FILE = 1 << 29

Source = FilePath | bytes


class Stage(Closing):
    """The image of an update, and the file server where one is needed.

    :param source: path or content of a file, or a url beginning with ``http://`` or ``https://``
    :param md5: checksum of the file; of a file that is served from here it is made, and compared with what is given
    :param version: the version the image has, where it is known
    :param address: this computer's address that the device is told; by default the one of the route to the device
    :param port: the port the file is served at; 0 for a free one
    :raises InvalidArgument: for what no device could install, or a file that cannot be read
    """

    def __init__(
        self,
        source: Source,
        *,
        md5: str | None = None,
        version: str | None = None,
        address: str | None = None,
        port: int = 0,
    ) -> None:
        self.version = checked_version(version)
        self.server: FileServer | None = None
        self._closed = False
        self._address = None if address is None else checked_place(address)
        self._port = checked_tcp_port(port)
        self._body: bytes | None = None
        if isinstance(source, str) and "://" in source:
            self._url, self.name = _checked_url(source), ""
            if md5 is None:
                raise InvalidArgument("a url needs the file's MD5 checksum beside it (md5=, --md5)")
            if address is not None or port:
                raise InvalidArgument(
                    "a file at a url is not served from here: leave out the server's address and port"
                )
            self._md5 = update_parameters(source, md5)["file_md5"]
            return
        self._url = ""
        self.name, self._body = _read(source)
        self._md5 = hashlib.md5(self._body, usedforsecurity=False).hexdigest()
        if md5 is not None and checked_md5(md5) != self._md5:
            # A checksum looks like a token, and would not be shown.
            raise InvalidArgument(
                f"{self.name or 'the file'} has another MD5 than the one given: is it whole, and the right one?"
            )

    def open(self, host: str, port: int, source_ip: str | None) -> FirmwareImage:
        """Begin to serve, to that device alone, and give what it is to be told.

        :param host: address of the device in numbers; its UDP port; the address it is spoken to from
        :raises DeviceException: if there is no way to it, or the address or port cannot be had
        """
        if self._body is None:
            return FirmwareImage(self._url, self._md5, self.version)
        server = FileServer(
            self._body,
            route_to(host, port, source_ip),
            address=self._address,
            port=self._port,
            name=self.name,
        )
        server.start()
        self.server = server
        if self._closed:  # by another thread, while a name server was waited for
            server.close()
        return FirmwareImage(server.url, self._md5, self.version, len(self._body))

    @property
    def serves(self) -> bool:
        """Whether the file is served from here, so that :meth:`open` has to know the way to the device."""
        return self._body is not None

    def served(self) -> Served | None:
        """Tell what was fetched so far; None where somebody else serves it."""
        return self.server.served() if self.server is not None else None

    def close(self) -> None:
        """Serve no more."""
        self._closed = True
        if self.server is not None:
            self.server.close()


def given_up(update: Update, stage: Stage) -> UpdateResult:
    """End an update where it is. Nothing is served any more when the counts are read: they say what the device has."""
    stage.close()
    return update.cancel(time.monotonic(), stage.served())


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(char <= " " for char in url):
        raise InvalidArgument(f"a firmware url looks like http://host/file, not {show(url)}")
    return url


def _read(source: Source) -> tuple[str, bytes]:
    """Give the name and the content of what is to be served.

    :raises InvalidArgument: if it cannot be read, is empty, too large, or no file
    """
    if isinstance(source, (bytes, bytearray)):
        name, body = "", bytes(source)
    else:
        path = checked_path("a firmware", source, InvalidArgument, also=", a url or bytes")
        name = printable(path.name)
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise InvalidArgument(f"{show(str(path))} is no file: name the firmware file itself")
            if status.st_size > MAX_FILE:
                raise InvalidArgument(f"the firmware {name} has more than {MAX_FILE} bytes")
            body = path.read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise InvalidArgument(f"the firmware {show(str(path))} cannot be read: {reason}") from None
    if not body:
        raise InvalidArgument(f"the firmware {name or 'given'} is empty")
    return name, body
