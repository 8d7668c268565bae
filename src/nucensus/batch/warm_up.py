"""Prepare each process once for the images it gets: load weights, compile."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()
_warm: set[str] = set()
"""Warm-ups that this process has done; one that is forked from it has done them too."""


class WarmedUp:
    """A function of an image before which `warm_up` is called, once in each process.

    Parameters
    ----------
    function : callable
        Of an image.
    warm_up : callable
        Without parameters.
    """

    def __init__(self, function: Callable[[Any], Any], warm_up: Callable[[], Any]) -> None:
        self._function, self._warm_up, self._key = function, warm_up, uuid.uuid4().hex

    def __call__(self, image: Any) -> Any:
        """Warm up, if that was not done here, and apply the function."""
        with _lock:
            if self._key not in _warm:
                self._warm_up()
                _warm.add(self._key)
        return self._function(image)
