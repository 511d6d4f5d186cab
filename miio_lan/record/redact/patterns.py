"""Regular expressions that are compiled when they are first used, by programs that end before they need most of them.

To compile the patterns of what hides secrets takes a tenth of what ``miio-lan info`` takes altogether. No I/O.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import AnyStr


class _LatePattern:
    """Stands for a pattern: whatever is first asked of it has it compiled, and is from then on its own."""

    def __init__(self, compiled: Callable[[], object]) -> None:
        self._compiled = compiled

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._compiled(), name)
        setattr(self, name, found)
        return found


@overload
def late_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]: ...
@overload
def late_pattern(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]: ...
def late_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give what has the methods and attributes of ``re.compile(pattern, flags)``.

    A mistake in it shows when it is first used; ``tests/record/redact/test_patterns.py`` uses each.
    """
    return cast("re.Pattern[AnyStr]", _LatePattern(lambda: re.compile(pattern, flags)))
