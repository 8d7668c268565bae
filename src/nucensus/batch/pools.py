"""Pools: what the images of a folder look like together, and which images a pool is for."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias

from ..detect import Resolved

Pools: TypeAlias = Mapping[str, Resolved]
"""Estimates for the images of a folder and those below it, by its path; "" stands for all. Where
there are several channels, [channel] follows."""

_OF_THE_SAMPLE = ("image_count", "blank_count")
"""Numbers of a pool that tell of the images it was learned from, and not of nuclei."""


def name_of_pool(folder: str, channel: str) -> str:
    """Return what the images of a channel in a folder, and below it, are called together."""
    return f"{folder}[{channel}]" if channel else folder


def pool_of(pools: Pools, path: str, channel: str) -> Resolved | None:
    """Return what the images of the channel in the nearest folder above look like."""
    if not pools:
        return None
    folders = [os.path.dirname(path)]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    names = [name_of_pool(folder, each) for each in (channel, "") for folder in (*folders, "")]
    return next((pools[name] for name in names if name in pools), None)


def digests_of(pools: Pools, light: str = "") -> Callable[[str, str], str]:
    """Return a function of path and channel that tells what an image is to be counted with.

    It is a digest of the pool, and of the light: if it differs, so may the nuclei.
    """

    @cache
    def digest(folder: str, channel: str) -> str:
        resolved = pool_of(pools, os.path.join(folder, "image"), channel)
        values = resolved.as_dict() if resolved else {}
        estimates = {name: value for name, value in values.items() if name not in _OF_THE_SAMPLE}
        text = json.dumps(estimates, sort_keys=True) + light
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    return lambda path, channel: digest(os.path.dirname(path), channel)
