"""Hold what is there against what the index files promise."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..values import ImageRef, Place
from .index import Index, Promise
from .walk import name_of

_SERIES_NAME = re.compile(
    r"(?P<series>.*?)(?:_w(?P<channel>\d{1,2})[^/]*?)?(?:_s(?P<site>\d+))?(?:_t(?P<time>\d+))?"
    r"\.(?:tiff?|stk)",
    re.IGNORECASE,
)
"""How MetaMorph calls the files of a series: exp_w1DAPI_s1_t1.TIF."""


def apply_index(
    index: Index, references: list[ImageRef], base: str
) -> tuple[list[ImageRef], list[str]]:
    """Tell each image what the index knows of it, and add what is promised and not there."""
    if any(promise.path for promise in index.promises):
        return _apply_files(index, references, base)
    return _apply_grid(index, references, base), []


def _apply_files(
    index: Index, references: list[ImageRef], base: str
) -> tuple[list[ImageRef], list[str]]:
    """Apply an index that names its files; what lies beside them unnamed is not an image of it."""
    promises = {os.path.abspath(each.path): each for each in index.promises if each.path}
    folders = {os.path.dirname(path) for path in promises}
    known = {os.path.abspath(each.path): each for each in references}
    lists_all = any(promise.place.well for promise in index.promises)
    kept, unlisted = [], []
    for path, each in known.items():
        promise = promises.pop(path, None)
        if promise is not None:
            place = promise.place if promise.place != Place() else each.place
            each = replace(
                each, place=place, pixel_size=promise.pixel_size, problem=promise.problem
            )
        elif lists_all and os.path.dirname(path) in folders:
            unlisted.append(each.path)
            continue
        kept.append(each)
    errors = [each for each in index.promises if not each.path]
    missing = [missing_image(index, each, base) for each in [*promises.values(), *errors]]
    return kept + missing, unlisted


def _apply_grid(index: Index, references: list[ImageRef], base: str) -> list[ImageRef]:
    """Apply an index that says which wells, sites, channels, ... were chosen, but no files."""
    inside = [each for each in references if _is_below(each.path, index.folder)]
    if not inside:
        return references + [missing_image(index, each, base) for each in index.promises]
    plate = Counter(each.place.plate for each in inside).most_common(1)[0][0]
    axes = [
        axis
        for axis in ("well", "site", "channel", "z", "time")
        if any(getattr(each.place, axis) for each in inside)
    ]
    stains = {
        promise.place.channel if "channel" in axes else "": promise.place.stain
        for promise in index.promises
    }
    there = {tuple(getattr(each.place, axis) for axis in axes) for each in inside}
    missing = {}
    for promise in index.promises:
        key = tuple(getattr(promise.place, axis) for axis in axes)
        if key not in there:
            known = dict(zip(axes, key, strict=True))
            place = Place(plate=plate, stain=stains.get(known.get("channel", ""), ""), **known)
            missing[key] = missing_image(index, replace(promise, place=place), base)
    named = {id(each) for each in inside}
    placed = [
        replace(
            each, place=replace(each.place, plate=plate, stain=stains.get(each.place.channel, ""))
        )
        if id(each) in named
        else each
        for each in references
    ]
    return placed + list(missing.values())


def apply_series(indexes: Sequence[Index], references: list[ImageRef], base: str) -> list[ImageRef]:
    """Apply the indexes of series: each speaks for the files beside it that begin with its name."""
    of = {(index.folder, index.series): index for index in indexes}
    promised = {
        key: {_numbers(each.place): each for each in index.promises} for key, index in of.items()
    }
    placed = []
    for each in references if of else ():
        folder, name = os.path.split(each.path)
        match = _SERIES_NAME.fullmatch(name)
        key = (folder, match["series"]) if match else ("", "")
        if match and key in of:
            found = {axis: str(int(match[axis] or 0) or "") for axis in ("channel", "site", "time")}
            place = Place(plate=match["series"], **found)
            known = promised[key].pop(_numbers(place), None)
            each = replace(each, place=known.place if known else place)
        placed.append(each)
    lost = [missing_image(of[key], each, base) for key in of for each in promised[key].values()]
    return [*(placed or references), *lost]


def _numbers(place: Place) -> tuple[str, str, str]:
    return place.channel, place.site, place.time


def missing_image(index: Index, promise: Promise, base: str) -> ImageRef:
    """Return the image that an index promises and that is not there, as a failed one."""
    name = os.path.basename(index.path)
    place = promise.place
    marks = {"s": place.site, "w": place.channel, "z": place.z, "t": place.time}
    where = "_".join([place.well, *(f"{mark}{value}" for mark, value in marks.items() if value)])
    path = promise.path or os.path.join(index.folder, f"{where}[promised by {name}]")
    problem = promise.problem or f"{name} promises this image, and it is not there"
    return ImageRef(
        name_of(path, base),
        path,
        place=place,
        pixel_size=promise.pixel_size,
        problem=problem,
    )


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
