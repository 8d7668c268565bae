"""Tell how far a report is, in steps: an image whose nuclei were read, a picture that was drawn."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with how many steps are done, and how many there are."""

_Item = TypeVar("_Item")


class Steps:
    """Steps that are done, of a total."""

    def __init__(self, total: int, tell: OnProgress | None) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items; each is a step, once it was worked on."""
        for item in items:
            yield item
            self._done += 1
            if self._tell is not None:
                self._tell(min(self._done, self._total), self._total)

    def end(self) -> None:
        """Tell that all is done: there may have been less to do than was thought."""
        if self._tell is not None:
            self._tell(self._total, self._total)
