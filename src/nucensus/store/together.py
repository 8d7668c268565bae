"""Read the nuclei of several images together: of small ones it takes as long as of one."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nucleus_columns import RECORDS
from .packing import NUCLEUS_RECORD, Nuclei, checksum_of, unpack_nuclei

IMAGES_AT_ONCE, _BYTES_AT_ONCE = 128, 1 << 20
"""Larger: faster by little, more memory."""
_NO_NUCLEI = np.frombuffer(b"", NUCLEUS_RECORD)
_ANYWHERE = 1 << 32
"""The end of an axis that an image does not have: every place lies before it."""


def rows_together(rows: Iterable[Sequence[Any]], end: int) -> Iterator[list[Sequence[Any]]]:
    """Yield several rows at a time, whose nuclei, from column `end` on, take little memory."""
    some: list[Sequence[Any]] = []
    size_bytes = 0
    for row in rows:
        some.append(row)
        for each in row[end:]:
            size_bytes += len(each) if type(each) is bytes else 0
        if len(some) == IMAGES_AT_ONCE or size_bytes >= _BYTES_AT_ONCE:
            yield some
            some, size_bytes = [], 0
    if some:
        yield some


def unpack_together(
    images: Sequence[Sequence[Any]], others: Sequence[str] = ()
) -> list[NDArray[np.void]]:
    """Return what `unpack_nuclei` does of each of several images, in a third of the time."""
    sizes = {len(each[2]) // each[1] for each in images if each[1]}
    record = RECORDS.by_size.get(sizes.pop()) if len(sizes) == 1 and not others else None
    if record is not None and all(_is_whole(each, record.itemsize) for each in images):
        nuclei = np.frombuffer(b"".join([each[2] for each in images]), record)
        if _are_all_inside(nuclei, images):
            ends = itertools.accumulate(each[1] for each in images)
            return [
                nuclei[end - count : end] if count else _NO_NUCLEI
                for end, (_, count, *_) in zip(ends, images, strict=True)
            ]
    return [unpack_nuclei(*each, others=others) for each in images]


def _is_whole(image: Sequence[Any], record_bytes: int) -> bool:
    """Tell whether the columns `PACKED` of an image are as they were written, of such records."""
    _, count, packed, subpixel, outlines, channels, checksum, *_ = image
    return (
        checksum_of(packed, subpixel, outlines, channels) == checksum
        and len(packed) == record_bytes * count
        and not channels
    )


def _are_all_inside(nuclei: Nuclei, images: Sequence[Sequence[Any]]) -> bool:
    """Tell what `_are_inside` does of several images."""
    counts = [each[1] for each in images]
    for axis, sides in zip("yxz", zip(*(each[7:] for each in images), strict=True), strict=True):
        if sides.count(None) < len(sides):
            ends = [_ANYWHERE if side is None else side for side in sides]
            if not (nuclei[axis].view("<u4") < np.repeat(ends, counts)).all():
                return False
    return True
