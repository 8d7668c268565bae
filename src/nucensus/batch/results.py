"""Results of a function for many images, and how they were computed."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .._dataclass import dataclass
from ..execute import Payload, pack_error
from .choose import Choice

Result = TypeVar("Result")


class Results(list[Result]):
    """The results of a function, in the order of the images: a list that knows how it was made.

    Attributes
    ----------
    choice : Choice
        The strategy, the number of workers, why, and what was measured for that.

    Examples
    --------
    >>> import numpy as np
    >>> from nucensus import process_images
    >>> sums = process_images([np.ones((4, 5))], np.sum, strategy="list-memory", workers=1)
    >>> print(sums.explain())
    Strategy: list-memory, 1 worker: as asked for
    """

    choice: Choice

    def __init__(self, results: Iterable[Result], choice: Choice) -> None:
        super().__init__(results)
        self.choice = choice

    @property
    def failures(self) -> dict[int, Exception]:
        """The errors that stand in the place of results, by the index of their image."""
        return {index: each for index, each in enumerate(self) if isinstance(each, Exception)}

    def explain(self) -> str:
        """Say which strategy ran, why, what was measured and what was predicted."""
        return self.choice.explain()


class Failure:
    """The error of one image; between processes it travels as errors do."""

    def __init__(self, error: Exception, name: str) -> None:
        self.error, self._name = error, name

    def __reduce__(self) -> Any:
        return _unpack, (pack_error(self.error, self._name), self._name)


def _unpack(payload: Payload, name: str) -> Failure:
    try:
        payload.open()
    except Exception as error:  # noqa: BLE001 that is what it holds
        return Failure(error, name)
    raise AssertionError("an error that was packed was none")


@dataclass(frozen=True, slots=True)
class Keeping:
    """A step that returns its errors, so that one image does not lose the others.

    Attributes
    ----------
    step : callable
        Of a named image, or of the failure of the step before.
    """

    step: Callable[[Any], Any]

    def __call__(self, image: Any) -> Any:
        """Do the step, unless the one before failed."""
        if isinstance(image, Failure):
            return image
        try:
            return self.step(image)
        except Exception as error:  # noqa: BLE001 whatever a user's function raises
            return Failure(error, image.name)
