"""Look at a sample of the images first, to learn what their nuclei are like."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TypeAlias

from ..detect import Estimate, Resolved, pool
from ..execute import Strategy
from ..model import Plane
from ..store import RunWriter
from .job import Job, name_of_set

Pools: TypeAlias = dict[str, Resolved]
"""What the images of a folder and those below it look like, by its path; "" stands for all. Where
there are several channels, [channel] follows."""

Item: TypeAlias = tuple[int, str, Plane, str]
Set: TypeAlias = tuple[str, str]
"""A folder and a channel; the channel is "" where there is only one."""

_LEAST_SAMPLE, _MOST_SAMPLE = 8, 16
"""On BBBC039 16 images tell as much as 32, and a plate is read once and little more."""
_SAMPLE_SHARE = 4
_SMALL = _MOST_SAMPLE * _SAMPLE_SHARE
_FEW_SMALL = 4
"""More folders that are so small are parts of a plate, and are looked at together: to look at an
image takes five times as long as to find its nuclei."""


def look(writer: RunWriter, job: Job, strategy: Strategy, workers: int) -> Pools:
    """Return the pooled estimates of each folder with enough images, and of all.

    The sample is spread evenly over the sorted paths, so it depends on the images
    alone: a shard looks at the sample of all. An image that cannot be read is
    passed over. What an earlier start found is in the run file, and stays.
    """
    known = writer.facts.get("estimates")
    if known:
        return {folder: Resolved.from_dict(values) for folder, values in known.items()}
    sets = _Sets(writer.listed())
    sample = list(_sample(writer.listed(), sets))
    outcomes = dict(strategy.run(job.look, sample, workers))
    if job.stop is not None and job.stop.is_set():
        return {}  # not all was looked at
    estimates: dict[str, list[Estimate]] = {"": []}
    for index, found in sorted(outcomes.items()):
        if not isinstance(found, Estimate):
            continue
        of = folder, channel = sets.of(sample[index])
        names = {"", name_of_set("", channel)}
        if sets.sizes[of] >= _LEAST_SAMPLE:
            names.add(name_of_set(folder, channel))
        for name in names:
            estimates.setdefault(name, []).append(found)
    pools = {name: pool(found) for name, found in estimates.items() if found}
    writer.record_facts(estimates={name: resolved.as_dict() for name, resolved in pools.items()})
    return pools


def sample_like(item: Item, listed: Sequence[Item]) -> tuple[str, list[Item]]:
    """Return the set whose images say what the image of `item` is like, and those looked at.

    As in a run: "" stands for all images, if those of the folder are too few.
    """
    sets = _Sets(listed)
    of = folder, channel = sets.of(item)
    sample = list(_sample(sorted(listed, key=itemgetter(1)), sets))
    if sets.sizes[of] < _LEAST_SAMPLE:
        return name_of_set("", channel), [each for each in sample if sets.of(each)[1] == channel]
    return name_of_set(folder, channel), [each for each in sample if sets.of(each) == of]


class _Sets:
    """Which images are looked at together: those of a channel in a folder.

    A folder of too few images, and small ones where there are many, as for the
    wells of a plate, are looked at with what is beside them.
    """

    def __init__(self, listed: Iterable[Item]) -> None:
        counts = Counter((os.path.dirname(path), channel) for _, path, _, channel in listed)
        self._has_channels = len({channel for _, channel in counts}) > 1
        self._counts: Counter[Set] = Counter()
        for (folder, channel), count in counts.items():
            self._counts[folder, channel if self._has_channels else ""] += count
        self._sets = {each: each for each in self._counts}
        self.sizes = self._counts
        while self._joined():
            pass

    def of(self, item: Item) -> Set:
        """Return the set that an image belongs to."""
        _, path, _, channel = item
        return self._sets[os.path.dirname(path), channel if self._has_channels else ""]

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


def _sample(listed: Iterable[Item], sets: _Sets) -> Iterator[Item]:
    """Yield every so many-th image of each set; `listed` is sorted by path."""
    seen: Counter[Set] = Counter()
    for item in listed:
        of = sets.of(item)
        count, place = sets.sizes[of], seen[of]
        size = min(max(count // _SAMPLE_SHARE, _LEAST_SAMPLE), _MOST_SAMPLE, count)
        if place * size // count != (place - 1) * size // count:
            yield item
        seen[of] += 1
