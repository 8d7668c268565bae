"""Try one call in one worker of the program itself, which knows what a fresh process does not."""

import functools
import multiprocessing
from typing import Any

from ...batch.named import NamedImage, apply
from ...execute import Lost, Strategy
from ...execute.by_value import main_is_a_file
from .source import Function
from .trial import describe
from .ways import Way


def travels_by_name(function: Function) -> bool:
    """Tell whether workers find the function in the file of the main program, and run that anew."""
    return getattr(function, "__module__", None) == "__main__" and main_is_a_file()


class Rehearsal:
    """One call of a function in a worker of each kind, made when it is asked for.

    Parameters
    ----------
    function : callable
    image : NamedImage
        Loaded.
    """

    def __init__(self, function: Function, image: NamedImage) -> None:
        self._work, self._image = functools.partial(apply, function), image  # type: ignore[arg-type]
        self._found: dict[str, str] = {}

    def refusal(self, way: Way) -> str:
        """Return why the way cannot be taken in this program; "" if it can."""
        strategy = way.described
        if strategy is None or not (strategy.takes_start_method or strategy.isolates_crashes):
            return ""
        kind = way.start_method if strategy.takes_start_method else strategy.name
        if kind not in self._found:
            self._found[kind] = self._try(strategy, way.start_method)
        return self._found[kind]

    def _try(self, strategy: Strategy, start_method: str) -> str:
        own: Any = multiprocessing.get_start_method(allow_none=True)
        if start_method:
            multiprocessing.set_start_method(start_method, force=True)
        try:
            outcomes = [each for _, each in strategy.run(self._work, [self._image], 1)]
            reason = next((each.reason for each in outcomes if isinstance(each, Lost)), "")
        except Exception as error:  # noqa: BLE001 whatever a user's function raises
            reason = describe(error)
        finally:
            multiprocessing.set_start_method(own, force=True)
        return f"{reason} (one call in one worker process)" if reason else ""
