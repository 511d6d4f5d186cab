"""The commands of the serial line, one class per row of the serial document, and :func:`read`, which finds it."""

from miio_lan.uart.commands.reading import *  # noqa: F403 - what its __all__ names is the face of this room
from miio_lan.uart.commands.reading import __all__ as __all__
