"""How values stand in the tables of a run: nuclei as bytes, names as text or bytes."""

import contextlib
import functools
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import RunError
from ..values import Centres, Outlines, Partner, Plane, Points
from .nucleus_columns import RECORDS

NUCLEUS_RECORD = np.dtype([(e.name, e.dtype) for e in RECORDS.fields if not e.is_optional])
"""One nucleus as the run file packs it: (row, column) in pixels, smoothed grey level."""

VOLUME_RECORD = np.dtype([*NUCLEUS_RECORD.descr, ("z", "<i4")])
"""One nucleus of a volume: as above, and its plane."""

Nuclei: TypeAlias = NDArray[np.void]
"""The nuclei of an image, brightest first, as `NUCLEUS_RECORD`s."""


ImageRow: TypeAlias = dict[str, Any]
"""The values of an image by column: all `ImageColumns.row_names`, or those asked for."""


def pack(centres: Centres) -> bytes:
    """Return the nuclei of an image as the run file holds them."""
    known = [
        (name, dtype, numbers)
        for name, dtype, of in _PACKED_FIELDS
        if (numbers := of(centres)) is not None
    ]
    records = np.empty(len(centres), _record_of(tuple((name, dtype) for name, dtype, _ in known)))
    for name, _, numbers in known:
        records[name] = numbers
    return records.tobytes()


def pack_all(images: Sequence[Centres]) -> list[bytes]:
    """Return what `pack` does of each of several images, in a fifth of the time."""
    if len({_kind_of(each) for each in images}) != 1:
        return [pack(each) for each in images]
    packed = pack(Centres(**{name: _joined(images, name) for name in _PACKED_FROM}))
    counts = [len(each.points) for each in images]
    size = len(packed) // max(1, sum(counts))
    ends = [size * end for end in accumulate(counts)]
    return [packed[start:end] for start, end in zip([0, *ends], ends, strict=False)]


_PACKED_FROM = ("points", "intensities", "contrasts", "measured", "confidences")
"""What nuclei are packed from."""


def _kind_of(centres: Centres) -> tuple[Any, ...]:
    """Return what decides which fields the nuclei of an image have."""
    return (
        centres.points.shape[1], centres.contrasts is None, centres.measured is None,
        centres.confidences is None,
    )  # fmt: skip


def _joined(images: Sequence[Centres], name: str) -> Any:
    arrays = [getattr(each, name) for each in images]
    return None if arrays[0] is None else np.concatenate(arrays)


_PACKED_FIELDS = tuple((e.name, e.dtype, e.of) for e in RECORDS.fields if e.of is not None)


@functools.cache
def _record_of(fields: tuple[tuple[str, str], ...]) -> np.dtype[Any]:
    return np.dtype(list(fields))


def pack_subpixel(centres: Centres) -> bytes | None:
    """Return where the nuclei are to a fraction of a pixel, if that is known."""
    return None if centres.subpixel is None else centres.subpixel.astype("<f8").tobytes()


def pack_outlines(centres: Centres) -> bytes | None:
    """Return the outlines of the nuclei, if they are known."""
    return None if centres.outlines is None else centres.outlines.to_bytes()


def pack_channels(centres: Centres) -> bytes | None:
    """Return what is measured in other channels, if anything is."""
    return None if centres.channels is None else centres.channels.astype("<f4").tobytes()


def pack_partners(partners: Sequence[Partner], folder: str) -> str:
    """Return where the other channels of an image lie, as JSON; files in `folder` by their name."""
    rows = [
        [
            each.channel, _without_folder(each.path, folder), each.plane.as_dict(), each.size_bytes,
            each.mtime_ns, each.problem,
        ]
        for each in partners
    ]  # fmt: skip
    return json.dumps(rows)


def partners_of(text: str | None, folder: str) -> tuple[Partner, ...]:
    """Return the other channels of an image in `folder` that `pack_partners` wrote."""
    if not text:
        return ()
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return tuple(
            Partner(
                str(channel), os.path.join(folder, path) if path else "", _plane(plane),
                int(size_bytes), int(mtime_ns), str(problem),
            )
            for channel, path, plane, size_bytes, mtime_ns, problem in json.loads(text)
        )  # fmt: skip
    raise damaged(f"the other channels {text[:40]!r} in it")


def _without_folder(path: str, folder: str) -> str:
    return os.path.basename(path) if os.path.dirname(path) == folder else path


def checksum_of(packed: bytes, *others: bytes | None) -> int:
    """Return what tells the bytes of the nuclei of an image from damaged ones."""
    checksum = zlib.crc32(packed)
    for each in filter(None, others):
        checksum = zlib.crc32(each, checksum)
    return checksum


PACKED = "name, count, centres, subpixel, outlines, channels, checksum, height, width, depth"
"""The columns that `unpack_nuclei` takes."""


def unpack_nuclei(
    name: str | bytes,
    count: int,
    packed: bytes,
    subpixel: bytes | None,
    outlines: bytes | None,
    channels: bytes | None,
    checksum: int,
    *sides: int | None,
    others: Sequence[str] = (),
) -> NDArray[np.void]:
    """Return the nuclei of an image as the run file holds them; those of a volume have a z.

    What was measured of them in other channels follows, in the columns `others`.

    Raises
    ------
    RunError
        They are not as they were written, or lie beside the image.
    """
    record = RECORDS.by_size.get(len(packed) // count, VOLUME_RECORD) if count else NUCLEUS_RECORD
    is_whole = checksum_of(packed, subpixel, outlines, channels) == checksum
    is_whole &= len(channels or b"") == 4 * len(others) * count
    if is_whole and _are_inside(nuclei := np.frombuffer(packed, record), sides):
        return _beside(nuclei, channels, others)
    raise damaged(f"the nuclei of the image {as_text(name)!r} in it")


def _beside(nuclei: Nuclei, channels: bytes | None, others: Sequence[str]) -> Nuclei:
    """Return nuclei with what was measured in other channels as fields of their own."""
    if not others:
        return nuclei
    values = np.frombuffer(channels or b"", "<f4").reshape(-1, len(others))
    records = np.empty(len(nuclei), [*nuclei.dtype.descr, *((name, "<f4") for name in others)])
    for name in nuclei.dtype.names or ():
        records[name] = nuclei[name]
    for name, column in zip(others, values.T, strict=True):
        records[name] = column
    return records


def unpack_outlines(
    name: str, count: int, height: int, width: int, packed: bytes | None
) -> Outlines | None:
    """Return the outlines of an image as the run file holds them, if it has them."""
    try:
        return None if packed is None else Outlines.from_bytes(packed, (height, width), count)
    except ValueError as error:
        raise damaged(f"the outlines of the image {name!r} in it") from error


def _are_inside(nuclei: Nuclei, sides: Iterable[int | None]) -> bool:
    """Tell whether every nucleus is in its image; read as unsigned, no number is below 0."""
    return not len(nuclei) or all(
        side is None or np.maximum.reduce(nuclei[axis].view("<u4")) < side
        for axis, side in zip("yxz", sides, strict=True)
    )


def damaged(what: str) -> RunError:
    """Return the error for something in a run file that nucensus did not write."""
    return RunError(
        f"the run file is damaged, or was not written by nucensus: {what} cannot be believed; "
        f"copy it again from its source, or do the run again with --overwrite"
    )


def union_of_records(sizes: Iterable[int]) -> np.dtype[Any]:
    """Return the record that has every field of the records of these sizes."""
    records = [
        NUCLEUS_RECORD,
        *(RECORDS.by_size[each] for each in sizes if each in RECORDS.by_size),
    ]
    names = {name for record in records for name in record.names or ()}
    return np.dtype([(each.name, each.dtype) for each in RECORDS.fields if each.name in names])


def as_volume(nuclei: Nuclei) -> Nuclei:
    """Return the nuclei of an image as `VOLUME_RECORD`s; the z of those of one plane is -1."""
    return as_records(nuclei, VOLUME_RECORD)


def as_records(nuclei: Nuclei, dtype: np.dtype[Any]) -> Nuclei:
    """Return nuclei with the fields of `dtype`; what they lack is -1 for z, NaN for contrast."""
    if nuclei.dtype == dtype:
        return nuclei
    records = np.empty(len(nuclei), dtype)
    missing = {each.name: each.missing for each in RECORDS.fields}
    for name in dtype.names or ():
        known = name in (nuclei.dtype.names or ())
        records[name] = nuclei[name] if known else missing.get(name, np.nan)
    return records


def points_of(nuclei: Nuclei) -> Points:
    """Return (row, column) of each nucleus, of a volume (plane, row, column)."""
    axes = [axis for axis in "zyx" if axis in (nuclei.dtype.names or ())]
    return np.column_stack([nuclei[axis] for axis in axes]).astype(np.int64)


def as_sql(text: str) -> str | bytes:
    """Return `text` as SQLite can hold it: names that are not UTF-8 as their bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeEncodeError):
            return os.fsencode(text)
        return text.encode(errors="surrogatepass")  # half a character, as JSON can spell it
    return text


def in_sql(values: Iterable[Any]) -> list[Any]:
    """Return the values of a row with its texts as SQLite can hold them."""
    return [
        as_sql(value) if type(value) is str and not value.isascii() else value for value in values
    ]


def are_said(columns: Iterable[Sequence[Any]]) -> list[bool]:
    """Return which columns say anything of any row.

    To write NULL in the others takes as long as all that is said of a small image.
    """
    return [column.count(None) < len(column) for column in columns]


def as_text(value: str | bytes) -> str:
    """Return the text that `as_sql` turned into this."""
    return value if isinstance(value, str) else os.fsdecode(value)


def as_texts(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row with its texts as they were given to `as_sql`."""
    if bytes not in map(type, row):
        return row
    return tuple(as_text(value) if type(value) is bytes else value for value in row)


_ANY_PLANE = Plane()


def plane_of(text: str | None) -> Plane:
    """Return the plane that the column `plane` says."""
    if not text:
        return _ANY_PLANE
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return _plane(json.loads(text))
    raise damaged(f"the plane {str(text)[:40]!r} in it")


def _plane(said: dict[str, Any]) -> Plane:
    plane = Plane(**{**said, "files": tuple(said.get("files", ()))})
    axes = plane.scene, plane.channel, plane.z, plane.time
    if not isinstance(plane.level, int) or plane.level < 0:
        raise TypeError("a level is a number from 0 on")
    are_names = all(isinstance(file, str) for file in plane.files)
    if not are_names or not all(isinstance(axis, int | str | None) for axis in axes):
        raise TypeError("an axis of a plane is a number or a name")
    return plane
