"""Products at other computers, by labgrid: its places give the device on the LAN, the lines and the power.

The extra ``labgrid`` brings the engine: coordinator, exporter and client. Here is what it lacks, a resource for the
device and a driver that makes a bench. To import this registers both, so that an environment says::

    imports:
    - miio_lan.labgrid
"""

from __future__ import annotations

try:
    import labgrid.remote as _engine  # noqa: F401 - whether it is there; a mere folder of that name is not enough
except ImportError:
    raise ImportError("labgrid is not installed: pip install 'miio-lan[labgrid]'") from None

from miio_lan.labgrid.driver import MiioBenchDriver
from miio_lan.labgrid.entry import Entry, entry_of
from miio_lan.labgrid.place import Place, open_any, open_environment, open_place
from miio_lan.labgrid.resource import MiioDevice

__all__ = [
    "Entry",
    "MiioBenchDriver",
    "MiioDevice",
    "Place",
    "entry_of",
    "open_any",
    "open_environment",
    "open_place",
]
