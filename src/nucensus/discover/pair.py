"""Find the other channels of each field: planes of its file, or files of their own."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ..errors import InputError
from ..values import ImageRef, Partner, Plane
from .groups import FieldKey
from .left_out import LeftOut
from .select import select_fields

_NAMES_SHOWN = 2


class Others:
    """The images of one channel, by their field.

    Parameters
    ----------
    channel : str
    again : callable
        Lists everything there is.
    plane : Plane
        Which z plane, time point and scene of it.
    pattern : str or None
        As `select` takes it.

    Raises
    ------
    InputError
        No plate has that channel.
    """

    def __init__(
        self, channel: str, again: Callable[[], Iterable[ImageRef]], plane: Plane, *,
        pattern: str | None,
    ) -> None:  # fmt: skip
        self._channel = channel
        self._by_field: dict[FieldKey, list[ImageRef]] = {}
        self._problems: dict[str, str] = {}
        chosen = select_fields(
            again(), again, replace(plane, channel=channel), pattern=pattern,
            left_out=LeftOut(), problems=self._problems,
        )  # fmt: skip
        try:
            for field, each in chosen:
                self._by_field.setdefault(field, []).append(each)
        except InputError as error:
            raise InputError(_of_measure(str(error))) from None

    def of(self, field: FieldKey, image: ImageRef) -> Partner:
        """Return the plane of this channel that belongs to an image of a field."""
        found = self._by_field.get(field, [])
        for belongs in (_is_same_file, _is_beside):
            found = [each for each in found if belongs(each, image)] or found
        if len(found) == 1:
            (other,) = found
            return Partner(
                self._channel, other.path, other.plane, other.size_bytes, other.mtime_ns,
                other.problem,
            )  # fmt: skip
        problem = _of_measure(self._problems.get(image.place.plate, "")) or "there is no file of it"
        if found:
            names = ", ".join(repr(each.name) for each in found[:_NAMES_SHOWN])
            problem = f"it is not clear which file is of this field: {names}"
        return Partner(self._channel, problem=problem)


def _is_same_file(one: ImageRef, other: ImageRef) -> bool:
    return one.path == other.path


def _is_beside(one: ImageRef, other: ImageRef) -> bool:
    return os.path.dirname(one.path) == os.path.dirname(other.path)


def _of_measure(message: str) -> str:
    """Return what was said of a choice of channel as said of one to be measured."""
    return message.replace("--channel", "--measure", 1)


def pair(
    everything: Iterable[ImageRef], again: Callable[[], Iterable[ImageRef]], plane: Plane,
    channels: Iterable[str], *, pattern: str | None, left_out: LeftOut,
) -> Iterator[ImageRef]:  # fmt: skip
    """Yield the images that `select` does, with these other channels of each.

    Raises
    ------
    InputError
        As `select`; or no plate has one of the channels.
    """
    deque(everything, maxlen=0)  # from now on they can be listed again
    others = [Others(name, again, plane, pattern=pattern) for name in channels]
    chosen = select_fields(again(), again, plane, pattern=pattern, left_out=left_out)
    for field, each in chosen:
        yield replace(each, partners=tuple(other.of(field, each) for other in others))
