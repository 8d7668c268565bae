"""How values stand in the tables of a run: nuclei as bytes, names as text or bytes."""

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..model import Centres, Plane, Points

NUCLEUS_RECORD = np.dtype([("y", "<i4"), ("x", "<i4"), ("intensity", "<f8")])
"""One nucleus as the run file packs it: (row, column) in pixels, smoothed grey level."""

VOLUME_RECORD = np.dtype([*NUCLEUS_RECORD.descr, ("z", "<i4")])
"""One nucleus of a volume: as above, and its plane."""

Nuclei: TypeAlias = NDArray[np.void]
"""The nuclei of an image, brightest first, as `NUCLEUS_RECORD`s."""


def pack(centres: Centres) -> bytes:
    """Return the nuclei of an image as the run file holds them."""
    is_volume = centres.points.shape[1] == 3
    records = np.empty(len(centres), VOLUME_RECORD if is_volume else NUCLEUS_RECORD)
    *z, records["y"], records["x"] = centres.points.T
    if is_volume:
        records["z"] = z[0]
    records["intensity"] = centres.intensities
    return records.tobytes()


def pack_subpixel(centres: Centres) -> bytes | None:
    """Return where the nuclei are to a fraction of a pixel, if that is known."""
    return None if centres.subpixel is None else centres.subpixel.astype("<f8").tobytes()


def unpack_nuclei(packed: bytes, count: int) -> NDArray[np.void]:
    """Return the nuclei of an image as the run file holds them; those of a volume have a z."""
    is_volume = len(packed) != count * NUCLEUS_RECORD.itemsize
    return np.frombuffer(packed, VOLUME_RECORD if is_volume else NUCLEUS_RECORD)


def as_volume(nuclei: Nuclei) -> Nuclei:
    """Return the nuclei of an image as `VOLUME_RECORD`s; the z of those of one plane is -1."""
    if nuclei.dtype == VOLUME_RECORD:
        return nuclei
    records = np.empty(len(nuclei), VOLUME_RECORD)
    for field in NUCLEUS_RECORD.names or ():
        records[field] = nuclei[field]
    records["z"] = -1
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


def as_text(value: str | bytes) -> str:
    """Return the text that `as_sql` turned into this."""
    return os.fsdecode(value)


def as_texts(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row with its texts as they were given to `as_sql`."""
    if bytes not in map(type, row):
        return row
    return tuple(as_text(value) if type(value) is bytes else value for value in row)


def plane_of(text: str | None) -> Plane:
    """Return the plane that the column `plane` says."""
    return Plane(**json.loads(text)) if text else Plane()
