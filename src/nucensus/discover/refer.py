"""Refer to the images of a batch: of a file, a set of files or the fields of a plate."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import InputError
from ..remote import ask_all, is_remote, is_zarr, size_and_time
from ..values import ImageRef, Place
from ..values.images import NOWHERE
from .left_out import LeftOut
from .ome_sets import OmeSets
from .walk import Batch, name_of

if TYPE_CHECKING:
    from .zarr_plate import Field


PlaceOf: TypeAlias = Callable[[str, str], Place]
"""Tells by the path and the name of an image where it was taken."""


def refer_to(
    batch: Batch, base: str, sets: OmeSets, left_out: LeftOut, place_of: PlaceOf
) -> Iterator[ImageRef]:
    """Yield each image of a batch; fields that a plate does not list are noted in `left_out`."""

    def refer(path: str, name: str, known: tuple[int, int], problem: str = "") -> ImageRef:
        return ImageRef(name, path, *known, place=place_of(path, name), problem=problem)

    for path in batch.images:
        of_set = sets.fields_of(path)
        if of_set is not None:
            for each in of_set:
                of_file = each.size_bytes, each.mtime_ns
                yield refer(each.path, name_of(each.path, base), of_file)
            continue
        name = name_of(path, base)
        known = batch.known.get(path)
        is_folder = is_zarr(path) and (known is None if is_remote(path) else os.path.isdir(path))
        try:
            fields = _fields(path, name, left_out) if is_folder else None
        except InputError as error:
            yield refer(path, name, known or size_and_time(path), str(error))
            continue
        if fields is None:
            yield refer(path, name, known or size_and_time(path), sets.problems.pop(path, ""))
            continue
        yield from _references_of_plate(path, name, fields, place_of)


def _references_of_plate(
    path: str, name: str, fields: "list[Field]", place_of: PlaceOf
) -> Iterator[ImageRef]:
    sizes = ask_all(size_and_time, [field.path for field in fields])
    for field, (size_bytes, mtime_ns) in zip(fields, sizes, strict=True):
        own = f"{name}/{Path(os.path.relpath(field.path, path)).as_posix()}"
        missing = "the metadata of the plate promises it, and it is not there"
        yield ImageRef(
            own,
            field.path,
            size_bytes,
            mtime_ns,
            place=place_of(field.path, own) if field.place == NOWHERE else field.place,
            problem=field.problem or (missing if size_bytes < 0 else ""),
        )


def _fields(path: str, name: str, left_out: LeftOut) -> "list[Field] | None":
    """Return the fields of an OME-Zarr plate or well; None of an image."""
    from .zarr_plate import unlisted, zarr_fields

    fields = zarr_fields(path)
    if fields is not None and not is_remote(path):
        for each in unlisted(path, fields):
            left_out.note("not in the metadata of the plate", f"{name}/{each}")
    return fields
