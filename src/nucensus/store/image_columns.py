"""The columns of the table of images, one entry each: all that makes, fills or writes it asks here.

A new column is one entry of `IMAGES`, beside the code that makes its value; where it changes the
run file, `SCHEMA_VERSION` rises.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from .._dataclass import dataclass
from ..remote import absolute
from ..values import Failed, Found, ImageRef, Plane
from ..values.pixel_size import NO_SIZE, PixelSize
from .packing import (
    checksum_of,
    in_sql,
    pack_all,
    pack_channels,
    pack_outlines,
    pack_partners,
    pack_subpixel,
)


class Counted(NamedTuple):
    """An image whose nuclei were found, as it is written.

    Attributes
    ----------
    found : Found
    learned : str or None
        A digest of what was known of the set.
    packed : bytes
        Its nuclei as the run file holds them.
    subpixel : bytes or None
        Where they are to a fraction of a pixel, if that is known.
    outlines : bytes or None
        Their outlines, if they are known.
    channels : bytes or None
        What was measured of them in other channels, if anything was.
    """

    found: Found
    learned: str | None
    packed: bytes
    subpixel: bytes | None
    outlines: bytes | None
    channels: bytes | None

    @property
    def is_volume(self) -> bool:
        """Whether the image has planes."""
        return len(self.found.shape) == 3


class Column(NamedTuple):
    """A column of the table of images.

    Attributes
    ----------
    name : str
    sql : str
        Its type in the run file, with what SQLite is to check.
    meaning, unit : str
        What the documentation says of it.
    listed : callable or None
        What the listing says of an image, before it is read.
    found, failed : callable or None
        What the outcome says; None is nothing.
    listing_wins : bool
        Whether the outcome is asked only where the listing says nothing.
    is_shown : bool
        Whether `Run.images`, `images.csv` and Parquet have it.
    after : str
        The column that it follows there, if it is not the one that it follows here.
    dtype : str
        Its type in `Run.images`; by default numbers are 64 bits wide, and texts objects.
    computed : str
        The expression that it follows from, if the run file does not store it.
    remark : str
        What the schema says of it.
    """

    name: str
    sql: str
    meaning: str = ""
    unit: str = ""
    listed: Callable[[ImageRef], Any] | None = None
    found: Callable[[Counted], Any] | None = None
    failed: Callable[[Failed], Any] | None = None
    listing_wins: bool = False
    is_shown: bool = True
    after: str = ""
    dtype: str = ""
    computed: str = ""
    remark: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.sql.startswith("INTEGER")

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.sql.startswith(("INTEGER", "REAL"))

    @property
    def is_text(self) -> bool:
        """Whether it holds texts; names that are not UTF-8 are bytes there."""
        return not self.is_number and self.sql != "BLOB"

    @property
    def missing(self) -> float | str:
        """The value in `Run.images` for one that is not known."""
        return np.nan if self.is_number else ""

    @property
    def of_outcome(self) -> bool:
        """Whether the outcome of an image says it anew."""
        return not self.listing_wins and (self.found is not None or self.failed is not None)


@dataclass(frozen=True)
class ImageColumns:
    """The columns of the table of images, in the order of the run file."""

    columns: tuple[Column, ...]

    def with_column(self, column: Column) -> "ImageColumns":
        """Return these columns and one more."""
        return replace(self, columns=(*self.columns, column))

    @cached_property
    def shown(self) -> tuple[Column, ...]:
        """The columns of `Run.images`, `images.csv` and Parquet, in their order."""
        ordered = [each for each in self.columns if each.is_shown and not each.after]
        for each in self.columns:
            if each.after:
                ordered.insert([e.name for e in ordered].index(each.after) + 1, each)
        return tuple(ordered)

    @cached_property
    def shown_names(self) -> tuple[str, ...]:
        """The names of the `shown`."""
        return tuple(each.name for each in self.shown)

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """The names of all columns of an image: its file, its planes, and what is shown."""
        hidden = ("name", "path", "size_bytes", "mtime_ns", "plane", "depth", "depth_um")
        return *hidden, *self.shown_names

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns that the run file stores."""
        return tuple(each for each in self.columns if not each.computed)

    @cached_property
    def listed(self) -> tuple[Column, ...]:
        """The columns that the listing fills."""
        return tuple(each for each in self.stored if each.listed is not None)

    @cached_property
    def of_outcome(self) -> tuple[Column, ...]:
        """The columns that the outcome of an image fills."""
        return tuple(each for each in self.stored if each.of_outcome)

    @cached_property
    def of_both(self) -> tuple[Column, ...]:
        """The columns that the listing fills where it can, and else the outcome."""
        return tuple(each for each in self.stored if each.listing_wins)

    @cached_property
    def recorded(self) -> tuple[Column, ...]:
        """The columns that are written when an image has its outcome."""
        return (*self.of_outcome, *self.of_both)

    @cached_property
    def whole_names(self) -> frozenset[str]:
        """The names of the columns of whole numbers that may be missing."""
        return frozenset(each.name for each in self.shown if each.is_whole)

    def record_sql(self, are_written: Sequence[bool]) -> str:
        """Return how values of these of the `recorded`, and the key, are written of an image."""
        sets = [
            f"{each.name} = ?" if each.of_outcome else f"{each.name} = coalesce({each.name}, ?)"
            for each in compress(self.recorded, are_written)
        ]
        return f"UPDATE journal SET {', '.join(sets)} WHERE key = ?"

    def of_found(
        self, images: Sequence[Found], learned: Sequence[str | None]
    ) -> list[Sequence[Any]]:
        """Return what is `recorded` of images that were counted, column by column.

        `learned` has a digest of what was known of the set of each.
        """
        counted = [
            Counted(
                each, of_set, packed, pack_subpixel(each.centres), pack_outlines(each.centres),
                pack_channels(each.centres),
            )
            for each, of_set, packed in zip(
                images, learned, pack_all([each.centres for each in images]), strict=True
            )
        ]  # fmt: skip
        return [_asked(each.found, counted) for each in self.recorded]

    def of_failed(self, images: Sequence[Failed]) -> list[Sequence[Any]]:
        """Return what is `recorded` of images that failed, column by column."""
        return [_asked(each.failed, images) for each in self.recorded]

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The record of `Run.images`."""
        kinds = [(e.name, e.dtype or ("f8" if e.is_number else object)) for e in self.shown]
        return np.dtype([("image", object), *kinds])

    @cached_property
    def table_sql(self) -> str:
        """The columns as the table of the run file declares them."""
        last = self.stored[-1]
        return "\n".join(
            f"    {each.name} {each.sql}{'' if each is last else ','}"
            + (f"  -- {each.remark}" if each.remark else "")
            for each in self.stored
        )

    @cached_property
    def computed_sql(self) -> str:
        """The columns that are computed, as the view of images selects them."""
        computed = (each for each in self.columns if each.computed)
        return "".join(f",\n    {each.computed} AS {each.name}" for each in computed)


def _asked(ask: Callable[[Any], Any] | None, images: Sequence[Any]) -> Sequence[Any]:
    """Return a column of images; NULL where it is not asked for."""
    return [None] * len(images) if ask is None else in_sql(map(ask, images))


def _size(reference: ImageRef) -> PixelSize:
    """Return the size of a pixel as the index states it, which is that of full size."""
    return NO_SIZE if reference.plane.level else reference.pixel_size


def _stated(reference: ImageRef) -> str | None:
    size = _size(reference)
    stated = (size.y, size.x, size.note or None)
    return json.dumps(stated) if any(stated) else None


_ANY_PLANE = Plane()


def _plane(reference: ImageRef) -> str | None:
    if reference.plane == _ANY_PLANE:
        return None
    return json.dumps(reference.plane.as_dict()) if str(reference.plane) else None


def _partners(reference: ImageRef) -> str | None:
    if not reference.partners:
        return None
    partners = [
        each._replace(path=each.path and absolute(each.path)) for each in reference.partners
    ]
    return pack_partners(partners, os.path.dirname(absolute(reference.path)))


def _whole(position: int | str | None) -> int | None:
    """Return a position as a number, or None where it is none, as of a projection."""
    text = str(position)
    return int(text) if text.isdecimal() else None


def _downsample(counted: Counted, axis: int) -> float | None:
    factor = counted.found.downsample[axis]
    return None if factor == 1 else factor


def _area_px(counted: Counted) -> int:
    found = counted.found
    height, width = found.shape[-2:]
    return height * width if found.centres.area_px is None else found.centres.area_px


_STATUS = "TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'found', 'failed'))"
_SQUARE = "CASE WHEN abs(pixel_y_um - pixel_x_um) <= 1e-3 * pixel_y_um THEN pixel_y_um END"
LEARNED_DIGEST = 16
"""Letters of the digest in the column `learned`; a space and the name of the pool follow."""
_POOL = f"nullif(substr(learned, {LEARNED_DIGEST + 2}), '')"
_PIXELS, _MILLISECONDS, _MICROMETRES = "pixels", "milliseconds", "micrometres"

IMAGES = ImageColumns((
    Column("name", "NOT NULL UNIQUE", listed=lambda image: image.name, is_shown=False),
    Column("path", "NOT NULL", listed=lambda image: absolute(image.path), is_shown=False),
    Column(
        "size_bytes", "INTEGER NOT NULL", listed=lambda image: image.size_bytes, is_shown=False
    ),
    Column("mtime_ns", "INTEGER NOT NULL", listed=lambda image: image.mtime_ns, is_shown=False),
    Column("content", "TEXT", found=lambda each: each.found.content,
           failed=lambda failed: failed.content, is_shown=False),
    Column("learned", "TEXT", found=lambda each: each.learned, is_shown=False,
           remark="a digest of what was known of its set when it was counted, and its name"),
    Column("status", _STATUS, "`found`, `failed` or `pending`", dtype="U7",
           listed=lambda image: "failed" if image.problem else "pending",
           found=lambda _: "found", failed=lambda _: "failed"),
    Column("count", "INTEGER", "how many nuclei", found=lambda each: len(each.found.centres)),
    Column("height", "INTEGER", "rows", _PIXELS, found=lambda each: each.found.shape[-2]),
    Column("width", "INTEGER", "columns", _PIXELS, found=lambda each: each.found.shape[-1]),
    Column("dtype", "TEXT", "type of the pixels", found=lambda each: each.found.dtype, dtype="U10"),
    Column("read_ms", "REAL", "time to read it", _MILLISECONDS,
           found=lambda each: round(each.found.read_ms, 3)),
    Column("detect_ms", "REAL", "time to find its nuclei", _MILLISECONDS,
           found=lambda each: round(each.found.detect_ms, 3)),
    Column("stage", "TEXT", "where it failed", dtype="U8",
           listed=lambda image: "discover" if image.problem else None,
           failed=lambda failed: failed.stage),
    Column("reason", "TEXT", "why it failed", listed=lambda image: image.problem or None,
           failed=lambda failed: failed.reason),
    Column("plate", "TEXT", "the plate, as far as the image or its index states it",
           listed=lambda image: image.place.plate or None),
    Column("well", "TEXT", "row letters and two digits, as in B02",
           listed=lambda image: image.place.well or None),
    Column("site", "TEXT", "the field in the well", listed=lambda image: image.place.site or None),
    Column("channel", "TEXT", "its name, or its number",
           listed=lambda image: image.channel or None),
    Column("z", "INTEGER", "the plane of a stack",
           listed=lambda image: _whole(image.place.z or image.plane.z)),
    Column("time", "INTEGER", "the time point",
           listed=lambda image: _whole(image.place.time or image.plane.time)),
    Column("level", "INTEGER", "the level of resolution; empty is full size",
           listed=lambda image: image.plane.level or None),
    Column("downsample_y", "REAL", "rows of full size that are one of this level; empty is 1",
           _PIXELS, found=lambda each: _downsample(each, 0)),
    Column("downsample_x", "REAL", "columns of full size that are one of this level; empty is 1",
           _PIXELS, found=lambda each: _downsample(each, 1)),
    Column("pixel_size_um", "REAL", "side of a pixel, where it is a square to 0.1 %",
           _MICROMETRES, computed=_SQUARE),
    Column("pixel_y_um", "REAL", "height of a pixel", _MICROMETRES, listing_wins=True,
           listed=lambda image: _size(image).y, found=lambda each: each.found.pixel_size.y),
    Column("pixel_x_um", "REAL", "width of a pixel", _MICROMETRES, listing_wins=True,
           listed=lambda image: _size(image).x, found=lambda each: each.found.pixel_size.x),
    Column("note", "TEXT", "what is odd, or stated and left out", listing_wins=True,
           listed=lambda image: image.pixel_size.note or None,
           found=lambda each: each.found.pixel_size.note or None,
           remark="what was stated and is not believed"),
    Column("extra", "TEXT", "whatever else is known of it, a JSON object",
           listed=lambda image: image.extra or None),
    Column("stated", "TEXT", listed=_stated, is_shown=False,
           remark="JSON of the size of a pixel, as an index says it"),
    Column("plane", "TEXT", listed=_plane, is_shown=False),
    Column("flag", "TEXT", "what to look at", after="site",
           found=lambda each: each.found.centres.flag),
    Column("pool", "TEXT", "the images that it was counted like: `all`, those of a folder or "
           "channel, or `itself`", after="flag", computed=_POOL),
    Column("centres", "BLOB", found=lambda each: each.packed, is_shown=False),
    Column("subpixel", "BLOB", found=lambda each: each.subpixel, is_shown=False),
    Column("outlines", "BLOB", found=lambda each: each.outlines, is_shown=False,
           remark="runs of pixels, as Outlines.to_bytes packs them"),
    Column("channels", "BLOB", found=lambda each: each.channels, is_shown=False,
           remark="what was measured in other channels: float32, nucleus after nucleus"),
    Column("checksum", "INTEGER", is_shown=False,
           remark="CRC-32 of centres, then subpixel, outlines and channels",
           found=lambda each: checksum_of(
               each.packed, each.subpixel, each.outlines, each.channels)),
    Column("partners", "TEXT", listed=_partners, is_shown=False,
           remark="JSON of where other channels of it lie"),
    Column("depth", "INTEGER", is_shown=False,
           found=lambda each: each.found.shape[0] if each.is_volume else None,
           remark="planes of a volume, and their distance"),
    Column("depth_um", "REAL", is_shown=False,
           found=lambda each: each.found.pixel_size.z if each.is_volume else None),
    Column("area_px", "INTEGER",
           "pixels of a plane in which centres count: without a margin, and with `--border drop` "
           "without the edge",
           _PIXELS, found=_area_px, remark="in which centres count"),
    Column("unmeasured", "TEXT", "why other channels of it could not be measured",
           found=lambda each: each.found.unmeasured or None),
))  # fmt: skip
