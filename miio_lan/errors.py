"""The one error tree of the package.

::

    DeviceException                        everything this package raises about a device, a line or a file
    ├── DeviceError                        the device answered, and said no (code, message, method, id, exe_time)
    │   └── RecoverableError               a no that a later attempt may turn into a yes
    │       └── McuTimeout                 -9999: the module is there, the MCU behind it did not answer in time
    ├── DeviceTimeout (TimeoutError)       no answer before the deadline; the command never left, or may be repeated
    │   └── OutcomeUnknown                 no answer before the deadline, and a command not to be repeated may have run
    ├── PayloadDecodeException             bytes that are not what they should be (kind, raw)
    ├── DeviceInfoUnavailableException     the device does not tell who it is
    ├── UpdateFailed                       a firmware update did not end well (result says how)
    ├── UnsupportedFeatureException        the device, or this object, cannot do that
    ├── InvalidTokenException (ValueError) not a token
    ├── InvalidArgument (ValueError)       an argument that cannot be right, whatever the device
    ├── RequestTooLong (ValueError)        a request no device would accept
    ├── SpecError (ValueError)             a device description, a name or a value that does not fit
    ├── SpecUnavailable                    a description that is not here: not fetched, not published, not reached
    ├── RecordError (ValueError)           a recording that cannot be read
    ├── BenchFileError (ValueError)        a bench file that cannot be read, or lacks a product
    ├── ClocksInDoubt                      two recordings whose clocks cannot be compared surely
    ├── DevicesFileError (ValueError)      a file of named devices that cannot be read or written, or lacks a name
    ├── PowerError                         a product that was not switched off or on
    ├── PlaceError                         a place of labgrid that cannot be had, or lacks something
    └── UartError                          the serial side
        ├── LineError (ValueError)         a line the serial document does not allow to be sent
        └── PortError (OSError)            a serial port that cannot be opened or was lost

Every one of them has ``may_have_run``: whether the command that ended with it may have been executed all the same.
Names that python-miio has keep python-miio's meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DeviceException(Exception):
    """Root of everything raised by this package about a device, a line or a file."""

    #: Whether the command that ended with this error may have been executed; False where it surely was not.
    may_have_run: bool = False
    #: What had to be mended in the replies of the device, where a command line tells of the error.
    mended: tuple[str, ...] = ()


class DeviceError(DeviceException):
    """The device answered the command with an error object.

    :param code: the device's number; decide by it, never by the text. Or the error object, with code and message
    :param message: the device's words, possibly empty
    :param method: the command that was refused
    :param id: the id of the request that was refused
    :param exe_time: milliseconds the device says it spent, or None where it does not say
    :param may_have_run: whether the command may have been executed although the device answered with an error
    """

    def __init__(
        self,
        code: int | Mapping[str, Any] | None,
        message: str = "",
        *,
        method: str | None = None,
        id: int | None = None,  # noqa: A002 - the protocol's own word
        exe_time: float | None = None,
        explanation: str = "",
        may_have_run: bool = False,
    ) -> None:
        given: Mapping[str, Any] = {"code": code, "message": message}
        if isinstance(code, Mapping):  # python-miio's way: the error as the device sent it
            given = code
        self.code: int | None = given.get("code")
        self.message: str = given.get("message") or ""
        self.method = method
        self.id = id
        self.exe_time = exe_time
        self.explanation = explanation
        self.may_have_run = may_have_run
        self.advice = ""
        super().__init__(self._text())

    def _text(self) -> str:
        if self.code is None and self.message:  # it gave no number: what it said is all there is
            told = (self.method, self.message, self.explanation, self.advice)
            return ": ".join(each for each in told if each)
        verb = "answered with an error" if self.advice else "refused"
        what = f"{self.method} was {verb}" if self.method else verb
        said = "without a code" if self.code is None else f"code {self.code}"
        said += f", {self.message!r}" if self.message else ""
        spent = f" after {self.exe_time:g} ms" if self.exe_time is not None else ""
        meaning = f": {self.explanation}" if self.explanation else ""
        advice = f". {self.advice}" if self.advice else ""
        return f"{what} by the device ({said}{spent}){meaning}{advice}"

    def doubt(self, advice: str = "") -> None:
        """Say that the command may have been executed all the same.

        :param advice: what to do about it, in a sentence
        """
        self.may_have_run = True
        self.advice = advice
        self.args = (self._text(),)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only arguments do not pickle by themselves; test runners send them about.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(cls: type[DeviceError], state: dict[str, Any]) -> DeviceError:
    error = cls(state["code"], state["message"], method=state["method"], explanation=state["explanation"])
    error.__dict__.update(state)
    error.args = (error._text(),)
    return error


class RecoverableError(DeviceError):
    """An error that may be gone at the next attempt (busy, try again, an answer that got damaged)."""


class McuTimeout(RecoverableError):
    """Code -9999: the Wi-Fi module answered, but the product's MCU did not answer the module in time."""

    CODE = -9999


#: In which words newer and older modules speak of an MCU that did not answer, or whose answer did not fit.
_MODULES_WORDS: dict[int | None, frozenset[str]] = {
    McuTimeout.CODE: frozenset({"user ack timeout", "uart timeout"}),
    -9998: frozenset({"user ack invalid"}),
}


def is_the_modules(code: int | None, message: str) -> bool:
    """Tell whether an error in a number by which the module speaks of its MCU is the module's own.

    An MCU may use the number in an error of its own; its words then are others. Nothing but the number is the module's.
    """
    words = _MODULES_WORDS.get(code)
    return words is None or not message or message.strip().rstrip(".").lower() in words


class DeviceTimeout(DeviceException, TimeoutError):
    """No answer before the deadline.

    :param method: the command that was not answered, None for a handshake
    :param sent: how many datagrams carried it
    :param elapsed: seconds from the call to giving up
    :param may_have_run: whether the command may have been executed
    :param asked: whether the device was asked, by a hello at least, and had its time to answer; False where its turn
        did not come, or somebody broke off: that says nothing of the device
    """

    def __init__(
        self,
        message: str,
        *,
        method: str | None = None,
        sent: int = 0,
        elapsed: float | None = None,
        may_have_run: bool | None = None,
        asked: bool = True,
    ) -> None:
        super().__init__(message)
        if may_have_run is not None:
            self.may_have_run = may_have_run
        self.method = method
        self.sent = sent
        self.elapsed = elapsed
        self.asked = asked


class OutcomeUnknown(DeviceTimeout):
    """No answer before the deadline, and the command is not one that may be repeated: it may have been executed."""

    may_have_run = True


class PayloadDecodeException(DeviceException):
    """Bytes that are not what they should be.

    :param kind: ``"not ours"``, ``"truncated"``, ``"bad sign"``, ``"bad padding"``, ``"empty"`` or ``"not JSON"``
    :param raw: the bytes in question (a plaintext only for the last two kinds)
    """

    def __init__(self, message: str = "", *, kind: str = "not JSON", raw: bytes = b"") -> None:
        super().__init__(message or f"the payload cannot be read ({kind})")
        self.kind = kind
        self.raw = raw


class DeviceInfoUnavailableException(DeviceException):
    """The device does not answer ``miIO.info`` with anything usable."""


class UpdateFailed(DeviceException):
    """A firmware update that did not end well; ``may_have_run`` tells whether the device may still go on with it.

    :param message: how it ended, in a sentence
    :param result: all of it, a :class:`miio_lan.device.ota.outcome.UpdateResult`
    """

    def __init__(self, message: str, result: Any = None, *, may_have_run: bool = False) -> None:
        super().__init__(message)
        self.result = result
        self.may_have_run = may_have_run


class UnsupportedFeatureException(DeviceException):
    """The device, or the object standing for it, cannot do what was asked."""


class InvalidTokenException(DeviceException, ValueError):
    """Something that is not a token: a token is 16 bytes, written as 32 hexadecimal digits."""


class InvalidArgument(DeviceException, ValueError):
    """An argument that cannot be right, whatever the device; the text says what would be."""


class RequestTooLong(DeviceException, ValueError):
    """A request that would not fit into the datagram a device accepts."""


class SpecError(DeviceException, ValueError):
    """A device description that cannot be read, or a name or value that does not fit one."""


class SpecUnavailable(DeviceException):
    """A description that is not here: it was not fetched yet, is not published, or cannot be got or kept."""


class RecordError(DeviceException, ValueError):
    """A recording that cannot be read."""


class ClocksInDoubt(DeviceException):
    """Two recordings, made by two clocks, cannot be joined: how the clocks are related is in doubt."""


class DevicesFileError(DeviceException, ValueError):
    """A file of named devices that cannot be read or written, or a name that is not in it."""


class BenchFileError(DeviceException, ValueError):
    """A bench file that cannot be read, or a product that is not in it."""


class PowerError(DeviceException):
    """The product was not switched off or on: the switch, or what drives it, failed."""


class PlaceError(DeviceException):
    """A place or target of labgrid that cannot be had, or that lacks what a bench needs."""


class UartError(DeviceException):
    """Root of what concerns the serial side."""


class LineError(UartError, ValueError):
    """A line, token or value that the serial document does not allow to be sent."""


class PortError(UartError, OSError):
    """A serial port that cannot be opened, or was lost."""
