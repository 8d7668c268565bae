"""Look at a sample of the images first, to learn what their nuclei are like."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ..detect import Estimate, Resolved, pool
from ..execute import Strategy
from ..model import Plane
from ..store import RunWriter
from .job import Job

Pools: TypeAlias = dict[str, Resolved]
"""What the images of a folder look like, by its path; "" stands for all images."""

Item: TypeAlias = tuple[int, str, Plane]

_LEAST_SAMPLE, _MOST_SAMPLE = 8, 16
"""On BBBC039 16 images tell as much as 32, and a plate is read once and little more."""
_SAMPLE_SHARE = 4


def look(writer: RunWriter, job: Job, strategy: Strategy, workers: int) -> Pools:
    """Return the pooled estimates of each folder with enough images, and of all.

    The sample is spread evenly over the listing, so it depends on the images
    alone: a shard looks at the sample of all. An image that cannot be read is
    passed over. What an earlier start found is in the run file, and stays.
    """
    known = writer.facts.get("estimates")
    if known:
        return {folder: Resolved.from_dict(values) for folder, values in known.items()}
    counts = Counter(os.path.dirname(path) for _, path, _ in writer.listed())
    sample = list(_sample(writer.listed(), counts))
    outcomes = dict(strategy.run(job.look, sample, workers))
    if job.stop is not None and job.stop.is_set():
        return {}  # not all was looked at
    estimates: dict[str, list[Estimate]] = {"": []}
    for index, found in sorted(outcomes.items()):
        if not isinstance(found, Estimate):
            continue
        folder = os.path.dirname(sample[index][1])
        estimates[""].append(found)
        if counts[folder] >= _LEAST_SAMPLE:
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
    counts = Counter(os.path.dirname(each) for _, each, _ in listed)
    folder, sample = os.path.dirname(path), list(_sample(listed, counts))
    if counts[folder] < _LEAST_SAMPLE:
        return "", sample
    return folder, [item for item in sample if os.path.dirname(item[1]) == folder]


def _sample(listed: Iterable[Item], counts: Counter[str]) -> Iterator[Item]:
    """Yield every so many-th image of each folder."""
    seen: Counter[str] = Counter()
    for item in listed:
        folder = os.path.dirname(item[1])
        count, place = counts[folder], seen[folder]
        size = min(max(count // _SAMPLE_SHARE, _LEAST_SAMPLE), _MOST_SAMPLE, count)
        if place * size // count != (place - 1) * size // count:
            yield item
        seen[folder] += 1
