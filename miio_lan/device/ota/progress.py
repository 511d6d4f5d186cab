"""The words and numbers of a firmware update over the LAN.

Devices answer ok to ``miIO.ota`` at once, whether or not anything will happen; what happens is told by a state word
and a percentage, polled. Source: published firmware, observed devices, the phone app's update screen.
"""

from __future__ import annotations

import re
from enum import Enum

from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show

#: What a device answers as progress while no update is under way.
NOT_UPDATING = 101
#: Characters of the longest url that devices take.
MAX_URL = 256
#: The most that is shown of an update that failed.
_UNFINISHED = 99
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def _one_slip(word: str) -> frozenset[str]:
    """Give a word with two neighbours exchanged, a letter doubled or a letter left out."""
    places = range(len(word))
    exchanged = {word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :] for at in places}
    doubled = {word[:at] + word[at] + word[at:] for at in places}
    left_out = {word[:at] + word[at + 1 :] for at in places if at}
    return frozenset((exchanged | doubled | left_out) - {word, "download"})


#: At least two products misspell this one.
_MISSPELT = _one_slip("downloaded")


class UpdateState(Enum):
    """State of a firmware update, as ``miIO.get_ota_state`` tells it.

    The one word devices are known to misspell is understood, details after ``|`` are ignored, and a word nobody knows
    is :attr:`Unknown` rather than an error: a poll must survive it. No word is taken for a success by its looks.
    """

    Downloading = "downloading"
    Installing = "installing"
    Failed = "failed"
    Idle = "idle"
    Downloaded = "downloaded"
    Installed = "installed"
    Busy = "busy"
    WaitInstall = "wait_install"
    Waiting = "waiting"
    Starting = "starting"
    Unknown = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> UpdateState:
        word = str(value).split("|", 1)[0].strip().lower()
        for state in cls:
            if state.value == word:
                return state
        if word in _MISSPELT:
            return cls.Downloaded
        if word.startswith(("fail", "error")):
            return cls.Failed
        return cls.Unknown


class UpdateProgress:
    """Turns the numbers a device tells into a percentage that starts at 0, never runs backwards and ends at 100.

    101 means "not updating": 0 before anything happened. After it, whether the update ended well: that takes the
    device's state, for 101 follows a failure, too. Values below 0 tell nothing.
    """

    def __init__(self) -> None:
        self._highest = 0

    @property
    def under_way(self) -> bool:
        """Whether the device has told a percentage, and no end of it."""
        return self._highest > 0

    def restart(self) -> None:
        """Begin anew: an update was requested."""
        self._highest = 0

    def observe(self, told: object, state: UpdateState | None = None) -> int:
        """Take what the device told and give the percentage, 0 to 100.

        :param state: what it says besides, None where it was not asked. With 101, only a device that says
            ``installed``, or that said 100 itself and now says nothing of a failure, gives 100
        """
        number = _number(told)
        if number < NOT_UPDATING:
            self._highest = max(self._highest, number)
            return self._highest
        highest, self._highest = self._highest, 0
        if not highest:
            return 0
        if state is UpdateState.Installed:
            return 100
        return min(highest, _UNFINISHED) if state is UpdateState.Failed else highest


def _number(told: object) -> int:
    try:
        return int(told)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def checked_md5(md5: str) -> str:
    """Give a checksum in small letters.

    :raises InvalidArgument: if it is none
    """
    if not isinstance(md5, str) or not _MD5.fullmatch(md5.strip()):
        raise InvalidArgument("an MD5 checksum has 32 hexadecimal digits")
    return md5.strip().lower()


def update_parameters(url: str, md5: str) -> dict[str, str]:
    """Build the parameters of ``miIO.ota``.

    :raises InvalidArgument: if no device could fetch that url, or the checksum is none
    """
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise InvalidArgument(f"a firmware url begins with http:// or https://, not {show(url)}")
    if len(url) > MAX_URL:
        raise InvalidArgument(f"a firmware url has at most {MAX_URL} characters, this one {len(url)}")
    return {
        "mode": "normal",
        "install": "1",
        "app_url": url,
        "file_md5": checked_md5(md5),
        "proc": "dnld install",
    }
