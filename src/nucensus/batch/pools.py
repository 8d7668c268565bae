"""Pools: what the images of a folder look like together, and which images a pool is for."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from itertools import takewhile
from typing import TypeAlias

from ..detect import Resolved, counts_alone, detector_named
from ..store import LEARNED_DIGEST
from ..text.names import escape
from ..values import Settings
from ..values.flat_field import NO_LIGHTS, FlatFields

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
    name = _nearest(pools, os.path.dirname(path), channel)
    return None if name is None else pools[name]


def _nearest(pools: Pools, folder: str, channel: str) -> str | None:
    """Return the name of the pool that images of a channel in a folder belong to."""
    if not pools:
        return None
    folders = [folder]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    names = [name_of_pool(each, of) for of in (channel, "") for each in (*folders, "")]
    return next((name for name in names if name in pools), None)


def learned_of(
    pools: Pools, settings: Settings, lights: FlatFields = NO_LIGHTS
) -> Callable[[str, str, str], str]:
    """Return a function of path, channel and plate: what such an image is to be counted with.

    It is a digest of the pool, and of the light: if it differs, so may the nuclei. The name of the
    pool follows.
    """

    @cache
    def learned(folder: str, channel: str, plate: str) -> str:
        name = _nearest(pools, folder, channel)
        values = {} if name is None else pools[name].as_dict()
        estimates = {each: value for each, value in values.items() if each not in _OF_THE_SAMPLE}
        text = json.dumps(estimates, sort_keys=True) + lights.identity(plate)
        digest = hashlib.blake2b(text.encode(), digest_size=LEARNED_DIGEST // 2).hexdigest()
        return digest if name is None else f"{digest} {shown_name(pools, name, settings)}"

    return lambda path, channel, plate: learned(os.path.dirname(path), channel, plate)


def shown_name(pools: Pools, name: str, settings: Settings) -> str:
    """Return what tables call a pool: by its folder, as far as others have another."""
    is_alone = detector_named(settings.detector).divides_mixed_sets and pools[name].is_blank
    if is_alone or counts_alone(settings, pools[name]):
        return "itself"
    if not _has_folder(name) or pools[name] == pools.get(""):  # it learned from no less than all
        return f"all{name if name.startswith('[') else ''}"
    parts = {each: each.replace(os.sep, "/").split("/") for each in pools if _has_folder(each)}
    levels = zip(*parts.values(), strict=False)
    above = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    return escape("/".join(parts[name][above:]) or ".")


def _has_folder(name: str) -> bool:
    return bool(name) and not name.startswith("[")
