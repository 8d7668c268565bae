"""Nuclei as people corrected them: kept beside a run, and shown in place of what was counted."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import InputError, RunError, reason_of
from ..remote import exists, is_remote, open_to_read, write_anew
from ..text.files import atomic_write
from ..text.plurals import pluralize
from ..values import CORRECTIONS_FILE
from ..values.neighbours import pairs_within
from .database import file_of
from .image_columns import Column
from .in_bucket import home_of
from .packing import as_sql, checksum_of, unpack_nuclei

_VERSION = 1
_SAME_PX = 1.0
"""A nucleus that is no farther from where it was is the same one. Larger: fewer count as moved."""
_MOST_BYTES = 1 << 30
_NAMED = 5
"""Images that a note names. Larger: longer notes."""

CORRECTED = Column(
    "corrected", "TEXT", "who corrected its nuclei by hand, and when; empty where nobody did"
)
"""The column of images that a corrected run has beside those that it recorded."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The nuclei of an image, as somebody says they are.

    Attributes
    ----------
    image : str
        Its name in the run.
    points : list of (float, float)
        (row, column) of each nucleus, in pixels.
    by, at : str
        Who said so, and when, as ISO 8601.
    source : str
        What it was read from: a file, or the tuner.
    size_bytes, mtime_ns : int
        The file of the image, as the run knew it.
    counted : int or None
        The checksum of the nuclei that were corrected, if it is known.
    """

    image: str
    points: list[tuple[float, float]]
    by: str
    at: str
    source: str
    size_bytes: int
    mtime_ns: int
    counted: int | None = None


def now() -> str:
    """Return the time as corrections state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_corrections(run: str | os.PathLike[str]) -> list[Correction]:
    """Return the corrections beside a run, the last of each image."""
    if is_remote(run):
        path = f"{home_of(os.fspath(run))}/{CORRECTIONS_FILE}"
    else:
        path = os.fspath(file_of(run).parent / CORRECTIONS_FILE)
    if not exists(path):
        return []
    with _explained(path), open_to_read(path, most_bytes=_MOST_BYTES) as file:
        return _parse(file.read())


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"{path!r} cannot be read as corrections ({reason_of(error)}); expected what nucensus "
            f"import wrote; copy it again, or move it away"
        ) from error


def _parse(content: bytes) -> list[Correction]:
    kept = json.loads(content)
    if kept["version"] > _VERSION:
        raise ValueError(f"version {kept['version']}; expected at most {_VERSION}")
    found = [_correction(each) for each in kept["corrections"]]
    return list({each.image: each for each in found}.values())


def _correction(kept: dict[str, Any]) -> Correction:
    points = [(float(y), float(x)) for y, x in kept["points"]]
    texts = {name: str(kept[name]) for name in ("image", "by", "at", "source")}
    counted = kept.get("counted")
    return Correction(
        points=points, size_bytes=int(kept["size_bytes"]), mtime_ns=int(kept["mtime_ns"]),
        counted=None if counted is None else int(counted), **texts,
    )  # fmt: skip


def add_corrections(
    run: str | os.PathLike[str], more: Iterable[Correction], *, forget: str | None = None
) -> Path | str:
    """Keep corrections beside a run, in place of earlier ones of the same images.

    That of the image `forget` is removed.
    """
    added = list(more)

    def joined(known: list[Correction]) -> bytes:
        kept = {each.image: each for each in (*known, *added)}
        kept.pop(forget or "", None)
        rows = ",\n".join(json.dumps(asdict(each)) for each in kept.values())
        return f'{{"version": {_VERSION}, "corrections": [\n{rows}\n]}}\n'.encode("ascii")

    if is_remote(run):
        address = f"{home_of(os.fspath(run))}/{CORRECTIONS_FILE}"
        with _explained(address):
            write_anew(address, lambda content: joined(_parse(content) if content else []))
        return address
    path = file_of(run).parent / CORRECTIONS_FILE
    with atomic_write(path) as partial:
        partial.write_bytes(joined(read_corrections(run)))
    return path


_FIELDS = ("count", "centres", "subpixel", "outlines", "channels", "checksum")


def correct_image(
    database: sqlite3.Connection, image: str, points: Sequence[tuple[float, float]], by: str,
    source: str,
) -> Correction:  # fmt: skip
    """Return the correction of an image as it is in a run file, made by somebody now."""
    query = "SELECT size_bytes, mtime_ns, checksum FROM main.images WHERE name = ?"
    known = database.execute(query, (as_sql(image),)).fetchone()
    return Correction(image, list(points), by, now(), source, *known)


def show_corrected(
    database: sqlite3.Connection, corrections: Sequence[Correction], others: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Fill the table `temp.corrected` with what corrected images hold in place of what they did.

    Return what is to be said of each, and by their names why others are not corrected.
    """
    database.execute(f"CREATE TEMP TABLE corrected (name PRIMARY KEY, {', '.join(_FIELDS)}, said)")
    known, left = [], {}
    query = (
        "SELECT status, size_bytes, mtime_ns, depth, height, width, name, count, centres, "
        "subpixel, outlines, channels, checksum FROM main.images WHERE name = ?"
    )
    for each in corrections:
        row = database.execute(query, (as_sql(each.image),)).fetchone()
        if why := _why_left(each, row):
            left[each.image] = why
            continue
        height, width = row[4:6]
        nuclei = unpack_nuclei(*row[6:13], height, width, None, others=others)
        changed = correct_nuclei(nuclei, each, (height, width))
        is_recounted = each.counted is not None and each.counted != row[12]
        said = {"image": each.image, "by": each.by, "at": each.at, "source": each.source,
                "counted": len(nuclei), "corrected": len(each.points), **changed.said,
                "counted_again": is_recounted}  # fmt: skip
        known.append(said)
        text = f"by {each.by}, {each.at} (+{changed.added}, -{changed.removed})"
        database.execute(
            "INSERT INTO temp.corrected VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row[6], len(each.points), *changed.packed(row[9], row[11], others), as_sql(text)),
        )
    database.commit()  # else nothing can copy the run
    return known, left


def _why_left(correction: Correction, row: tuple[Any, ...] | None) -> str:
    """Return why an image is not shown as it was corrected; "" if it is."""
    if row is None:
        return "it is no image of the run any more"
    status, size_bytes, mtime_ns, depth = row[:4]
    if status != "found":
        return "its nuclei were not counted" if status != "failed" else "it failed"
    if depth is not None:
        return f"it is a volume of {depth} planes, and only images of one plane can be corrected"
    is_same = (size_bytes, mtime_ns) == (correction.size_bytes, correction.mtime_ns)
    return "" if is_same else "its file has changed since"


def describe_corrections(corrections: Sequence[dict[str, Any]], left: dict[str, str]) -> list[str]:
    """Return what must be said of `Run.corrections` and of those that are left."""
    lines = []
    if left:
        why = "; ".join(f"{name!r}: {why}" for name, why in list(left.items())[:_NAMED])
        more = "; ..." if len(left) > _NAMED else ""
        lines.append(
            f"the corrections of {pluralize(len(left), 'image')} are not shown ({why}{more}); "
            f"correct {'it' if len(left) == 1 else 'them'} again"
        )
    if again := [each["image"] for each in corrections if each["counted_again"]]:
        verb, names = "was" if len(again) == 1 else "were", ", ".join(map(repr, again[:_NAMED]))
        lines.append(
            f"{pluralize(len(again), 'image')} corrected by hand {verb} counted again since, with "
            f"other nuclei ({names}{', ...' if len(again) > _NAMED else ''}); those corrected are "
            f"shown"
        )
    return lines


def corrected_view(names: Sequence[str], shown: dict[str, str]) -> str:
    """Return the view of images of which corrected ones hold what was corrected."""
    held = (
        f"CASE WHEN now.name IS NULL THEN old.{name} ELSE now.{name} END AS {name}"
        if name in _FIELDS
        else f"{shown.get(name, f'old.{name}')} AS {name}"
        for name in names
    )
    return (
        f"SELECT {', '.join(held)}, now.said AS corrected FROM main.images AS old "
        "LEFT JOIN temp.corrected AS now ON now.name = old.name"
    )


@dataclass(frozen=True, slots=True)
class _Corrected:
    """The nuclei of an image after a correction, and which of them are as they were counted."""

    points: NDArray[np.float64]
    nuclei: NDArray[np.void]
    before: NDArray[np.int64]
    removed: int

    @property
    def added(self) -> int:
        return int(np.count_nonzero(self.before < 0))

    @property
    def said(self) -> dict[str, int]:
        return {"added": self.added, "removed": self.removed}

    def packed(
        self, subpixel: bytes | None, channels: bytes | None, others: Sequence[str]
    ) -> tuple[Any, ...]:
        """Return the columns of the run file: those who are as they were keep what was measured."""
        stored = [name for name in self.nuclei.dtype.names or () if name not in others]
        centres = np.empty(len(self.nuclei), [(n, self.nuclei.dtype[n]) for n in stored])
        for name in stored:
            centres[name] = self.nuclei[name]
        packed, fine = centres.tobytes(), None
        if subpixel is not None:
            known = np.frombuffer(subpixel, "<f8").reshape(-1, 2)
            places = self.points.copy()
            places[self.before >= 0] = known[self.before[self.before >= 0]]
            fine = places.astype("<f8").tobytes()
        measured = None
        if channels is not None:
            columns = [self.nuclei[name] for name in others]
            measured = np.stack(columns, axis=1).astype("<f4").tobytes()
        return packed, fine, None, measured, checksum_of(packed, fine, None, measured)


def correct_nuclei(
    nuclei: NDArray[np.void], correction: Correction, shape: tuple[int, int]
) -> _Corrected:
    """Return the nuclei of an image as they were corrected, those as before with all they had."""
    points = np.array(correction.points, np.float64).reshape(-1, 2)
    rounded = np.floor(points + 0.5).astype(np.int64)
    if ((rounded < 0) | (rounded >= shape)).any():
        raise InputError(
            f"a nucleus of {correction.image!r} lies beside the image of {shape[0]} x {shape[1]} "
            f"pixels; expected rows and columns in pixels; check which image it is of"
        )
    was = np.stack([nuclei["y"], nuclei["x"]], axis=1)
    before = np.full(len(points), -1)
    taken: set[int] = set()
    for new, old, _ in zip(*pairs_within(rounded, was, _SAME_PX), strict=True):
        if before[new] < 0 and old not in taken:
            before[new] = old
            taken.add(int(old))
    kept = before >= 0
    records = np.zeros(len(points), nuclei.dtype)
    for name in nuclei.dtype.names or ():
        records[name] = np.nan if nuclei.dtype[name].kind == "f" else -1
        records[name][kept] = nuclei[name][before[kept]]
    records["y"][~kept], records["x"][~kept] = rounded[~kept].T
    order = np.argsort(-np.nan_to_num(records["intensity"], nan=-np.inf), kind="stable")
    return _Corrected(points[order], records[order], before[order], len(nuclei) - len(taken))
