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
from .job import Job

Pools: TypeAlias = dict[str, Resolved]
"""What the images of a folder and those below it look like, by its path; "" stands for all."""

Item: TypeAlias = tuple[int, str, Plane]

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
    counts = Counter(os.path.dirname(path) for _, path, _ in writer.listed())
    sets, sizes = _sets(counts)
    sample = list(_sample(writer.listed(), sets, sizes))
    outcomes = dict(strategy.run(job.look, sample, workers))
    if job.stop is not None and job.stop.is_set():
        return {}  # not all was looked at
    estimates: dict[str, list[Estimate]] = {"": []}
    for index, found in sorted(outcomes.items()):
        if not isinstance(found, Estimate):
            continue
        folder = sets[os.path.dirname(sample[index][1])]
        estimates[""].append(found)
        if sizes[folder] >= _LEAST_SAMPLE:
            estimates.setdefault(folder, []).append(found)
    pools = {folder: pool(found) for folder, found in estimates.items() if found}
    writer.record_facts(
        estimates={folder: resolved.as_dict() for folder, resolved in pools.items()}
    )
    return pools


def sample_like(path: str, listed: Sequence[Item]) -> tuple[str, list[Item]]:
    """Return the folder whose images say what the image at `path` is like, and those looked at.

    As in a run: "" stands for all images, if those of the folder are too few.
    """
    by_path = sorted(listed, key=itemgetter(1))
    sets, sizes = _sets(Counter(os.path.dirname(each) for _, each, _ in listed))
    folder, sample = sets[os.path.dirname(path)], list(_sample(by_path, sets, sizes))
    if sizes[folder] < _LEAST_SAMPLE:
        return "", sample
    return folder, [item for item in sample if sets[os.path.dirname(item[1])] == folder]


def _sets(counts: Counter[str]) -> tuple[dict[str, str], Counter[str]]:
    """Return the folder that each folder's images are looked at with, and how many those are.

    That is the folder itself, unless it has too few images, or there are many small
    ones, as for the wells of a plate: those are looked at with what is beside them.
    """
    sets, sizes = {folder: folder for folder in counts}, counts
    while True:
        small = [folder for folder, count in sizes.items() if count < _SMALL]
        least = _SMALL if len(small) > _FEW_SMALL else _LEAST_SAMPLE
        above = {each: os.path.dirname(each) for each in small if sizes[each] < least}
        if all(folder == parent for folder, parent in above.items()):
            return sets, sizes
        sets = {folder: above.get(of, of) for folder, of in sets.items()}
        sizes = Counter()
        for folder, count in counts.items():
            sizes[sets[folder]] += count


def _sample(listed: Iterable[Item], sets: dict[str, str], sizes: Counter[str]) -> Iterator[Item]:
    """Yield every so many-th image of each set; `listed` is sorted by path."""
    seen: Counter[str] = Counter()
    for item in listed:
        folder = sets[os.path.dirname(item[1])]
        count, place = sizes[folder], seen[folder]
        size = min(max(count // _SAMPLE_SHARE, _LEAST_SAMPLE), _MOST_SAMPLE, count)
        if place * size // count != (place - 1) * size // count:
            yield item
        seen[folder] += 1
