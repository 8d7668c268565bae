"""Choose the images that a run learns from: a sample of each set, by the listing alone."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from ..values import ListedImage, PlannedImage
from .pools import name_of_pool

Set: TypeAlias = tuple[str, str]
"""A folder and a channel; the channel is "" where there is only one."""

_Image = TypeVar("_Image", ListedImage, PlannedImage)

_LEAST_SAMPLE, _MOST_SAMPLE = 8, 16
"""Images of a set that are estimated. On BBBC039 16 tell as much as 32, and a plate is read once
and little more. Larger: slower to start."""
_SAMPLE_SHARE = 4
"""Images of a set for each one that is estimated, within these limits. Larger: fewer are."""
_SMALL = _MOST_SAMPLE * _SAMPLE_SHARE
_MOST_ROUNDS, _ROUND_SHARE = 2, 2
"""How often a sample whose images disagree is doubled at most, and images of the set for each one
that is estimated then. Larger: rarer kinds of images are seen; mixed folders are quicker begun."""
_LIT_IMAGES = 64
"""Images of a plate from which its light is learned, where there are so many. Larger: corners are
known better, and more images are read twice."""
_FEW_SMALL = 4
"""More folders that are so small are parts of a plate, and are estimated together: to estimate an
image takes five times as long as to find its nuclei. Larger: more have a pool of their own."""


class Sets:
    """The group whose images are estimated together: those of a channel in a folder.

    A folder of too few images, and small ones where there are many, as for the
    wells of a plate, are estimated with what is beside them.
    """

    def __init__(self, listed: Iterable[ListedImage | PlannedImage]) -> None:
        counts = Counter((os.path.dirname(each.path), each.channel) for each in listed)
        self._has_channels = len({channel for _, channel in counts}) > 1
        self._counts: Counter[Set] = Counter()
        for (folder, channel), count in counts.items():
            self._counts[folder, channel if self._has_channels else ""] += count
        self._sets = {each: each for each in self._counts}
        self.sizes = self._counts
        while self._joined():
            pass

    def of(self, image: ListedImage | PlannedImage) -> Set:
        """Return the set that an image belongs to."""
        channel = image.channel if self._has_channels else ""
        return self._sets[os.path.dirname(image.path), channel]

    def pools_of(self, image: ListedImage | PlannedImage) -> tuple[str, ...]:
        """Return the names of the pools that learn from an image of the sample."""
        of = folder, channel = self.of(image)
        names = ["", name_of_pool("", channel)]
        if self.sizes[of] >= _LEAST_SAMPLE:
            names.append(name_of_pool(folder, channel))
        return tuple(dict.fromkeys(names))

    def _joined(self) -> bool:
        """Let small sets be those of the folder above; say whether there were any."""
        small = [each for each, count in self.sizes.items() if count < _SMALL]
        many = len({folder for folder, _ in small}) > _FEW_SMALL
        least = _SMALL if many else _LEAST_SAMPLE
        above = {
            (folder, channel): (os.path.dirname(folder), channel)
            for folder, channel in small
            if self.sizes[folder, channel] < least
        }
        self._sets = {each: above.get(of, of) for each, of in self._sets.items()}
        self.sizes = Counter()
        for each, count in self._counts.items():
            self.sizes[self._sets[each]] += count
        return any(each != parent for each, parent in above.items())


def choose_sample(
    listed: Iterable[_Image], sets: Sets, plates: Mapping[str, int] = MappingProxyType({})
) -> Iterator[tuple[_Image, int, bool]]:
    """Yield every so many-th image of each set; they are sorted by path.

    With each comes its round: 0, or the one in which it is looked at if those before disagree; and
    whether the light of its plate is learned from it, of plates whose images are counted here.
    """
    seen: Counter[Set] = Counter()
    seen_of_plates: Counter[str] = Counter()
    sizes = {of: _sizes(count) for of, count in sets.sizes.items()}
    for item in listed:
        of, is_lit = sets.of(item), False
        count, place = sets.sizes[of], seen[of]
        seen[of] += 1
        if in_plate := plates.get(item.plate):
            is_lit = _begins(seen_of_plates[item.plate], _LIT_IMAGES, in_plate)
            seen_of_plates[item.plate] += 1
        if _begins(place, sizes[of][-1], count):  # each round holds the one before
            rounds = (n for n, size in enumerate(sizes[of]) if _begins(place, size, count))
            yield item, next(rounds), is_lit
        elif is_lit:
            yield item, len(sizes[of]), True


def _sizes(count: int) -> list[int]:
    """Return how large a sample of so many images is, round after round."""
    first = min(max(count // _SAMPLE_SHARE, _LEAST_SAMPLE), _MOST_SAMPLE, count)
    sizes = (first << number for number in range(1, _MOST_ROUNDS + 1))
    return [first, *(size for size in sizes if size * _ROUND_SHARE <= count)]


def _begins(place: int, size: int, count: int) -> bool:
    """Whether the image at a place is the first in its part, of so many equal parts of a set."""
    return place * size // count != (place - 1) * size // count


def sample_like(
    image: PlannedImage, listed: Sequence[PlannedImage]
) -> tuple[str, list[list[list[PlannedImage]]]]:
    """Return the pool that says what an image is like, and the images it learns from.

    As in a run: "" stands for all images, if those of the folder are too few. The images are those
    of each set, round after round.
    """
    sets = Sets(listed)
    of = folder, channel = sets.of(image)
    is_small = sets.sizes[of] < _LEAST_SAMPLE
    chosen: dict[Set, list[list[PlannedImage]]] = {}
    for each, number, _ in choose_sample(sorted(listed, key=attrgetter("path")), sets):
        if sets.of(each) == of or (is_small and sets.of(each)[1] == channel):
            rounds = chosen.setdefault(sets.of(each), [[] for _ in range(_MOST_ROUNDS + 1)])
            rounds[number].append(each)
    return name_of_pool("" if is_small else folder, channel), list(chosen.values())
