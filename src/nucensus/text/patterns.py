"""Regular expressions that are compiled when they are first used."""

import re
from functools import cached_property
from typing import Any, cast


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a regular expression that few runs need: to compile it takes as long as an image.

    Examples
    --------
    >>> late("b|c").findall("abc")
    ['b', 'c']
    """
    return cast("re.Pattern[str]", _Late(pattern, flags))


class _Late:
    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern, self._flags = pattern, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._compiled, name)
        setattr(self, name, value)  # as fast as one that was compiled at once, from now on
        return value
