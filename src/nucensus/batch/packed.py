"""Outcomes of many images as a few arrays: how they travel from other machines."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..detect import why_no_detector
from ..execute import Codec
from ..read import why_no_reader
from ..values import MEASURED, Centres, Failed, Flag, Found, Outlines, PixelSize


class Meta(NamedTuple):
    """The common part of images: all of a `Found` beside its centres and times."""

    shape: tuple[int, ...]
    dtype: str
    compression: str
    content: str | None
    pixel_size: PixelSize
    flag: Flag | None
    area_px: int | None
    ndim: int
    is_refined: bool
    has_contrasts: bool
    has_outlines: bool
    is_measured: bool
    channel_columns: int | None
    has_confidences: bool
    unmeasured: str
    downsample: tuple[float, float]
    parts_at_a_time: int

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width."""
        return self.shape[-2], self.shape[-1]

    @classmethod
    def of(cls, found: Found) -> "Meta":
        """Return what is known of this outcome."""
        centres = found.centres
        return cls(
            found.shape, found.dtype, found.compression, found.content, found.pixel_size,
            centres.flag, centres.area_px, centres.points.shape[1], centres.subpixel is not None,
            centres.contrasts is not None, centres.outlines is not None,
            centres.measured is not None,
            None if centres.channels is None else centres.channels.shape[1],
            centres.confidences is not None, found.unmeasured, found.downsample,
            found.parts_at_a_time,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """Outcomes in their order.

    Attributes
    ----------
    points : ndarray of int32, shape (sum of N * ndim,)
        The coordinates of all centres, image after image.
    intensities : ndarray of float64, shape (sum of N,)
    subpixel : ndarray of float64, shape (sum of N * ndim,)
        Of the images that have it.
    contrasts : ndarray of float64, shape (sum of N,)
        Of the images that have them.
    outlines : ndarray of uint8
        As `Outlines.to_bytes` packs them, of the images that have them.
    outline_bytes : ndarray of int64
        How many bytes each of these takes.
    measured : ndarray of `MEASURED`, shape (sum of N,)
        Of the images that have it.
    channels : ndarray of float32, shape (sum of N * M,)
        Of the images that have them.
    confidences : ndarray of float64, shape (sum of N,)
        Of the images that have them.
    counts : ndarray of int64, shape (images,)
    times_ms : ndarray of float64, shape (images, 3)
        Reading, detecting, decoding.
    kinds : ndarray of int32, shape (images,)
        Which of `metas` describes the image, or, below 0, which of `others` it is.
    metas : list of Meta
    others : list
        Outcomes that are no `Found`.
    """

    points: NDArray[np.int32]
    intensities: NDArray[np.float64]
    subpixel: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    outlines: NDArray[np.uint8]
    outline_bytes: NDArray[np.int64]
    measured: NDArray[np.void]
    channels: NDArray[np.float32]
    confidences: NDArray[np.float64]
    counts: NDArray[np.int64]
    times_ms: NDArray[np.float64]
    kinds: NDArray[np.int32]
    metas: list[Meta]
    others: list[Any]

    @property
    def nbytes(self) -> int:
        """The size of the arrays."""
        arrays = self.points, self.intensities, self.subpixel, self.contrasts, self.counts
        others = (
            self.outlines, self.outline_bytes, self.measured, self.channels, self.confidences
        )  # fmt: skip
        return sum(each.nbytes for each in (*arrays, *others, self.times_ms, self.kinds))


def pack(outcomes: Sequence[Any]) -> Packed:
    """Return the outcomes as arrays; `unpack` gives them back."""
    found = [each for each in outcomes if isinstance(each, Found)]
    centres = [each.centres for each in found]
    metas: dict[Meta, int] = {}
    others: list[Any] = []
    kinds = []
    for each in outcomes:
        if isinstance(each, Found):
            kinds.append(metas.setdefault(Meta.of(each), len(metas)))
        else:
            others.append(each)
            kinds.append(-len(others))
    packed = [each.outlines.to_bytes() for each in centres if each.outlines is not None]
    return Packed(
        _joined([each.points.ravel() for each in centres], np.int32),
        _joined([each.intensities for each in centres], np.float64),
        _joined([e.subpixel.ravel() for e in centres if e.subpixel is not None], np.float64),
        _joined([each.contrasts for each in centres if each.contrasts is not None], np.float64),
        np.frombuffer(b"".join(packed), np.uint8),
        np.array([len(each) for each in packed], np.int64),
        _joined([each.measured for each in centres if each.measured is not None], MEASURED),
        _joined([e.channels.ravel() for e in centres if e.channels is not None], np.float32),
        _joined([e.confidences for e in centres if e.confidences is not None], np.float64),
        np.array([len(each) for each in centres], np.int64),
        np.array([(each.read_ms, each.detect_ms, each.read_cpu_ms) for each in found]),
        np.array(kinds, np.int32), list(metas), others,
    )  # fmt: skip


def unpack(packed: Packed) -> list[Any]:
    """Return the outcomes that were packed."""
    found = _found(packed)
    return [packed.others[-kind - 1] if kind < 0 else next(found) for kind in packed.kinds.tolist()]


def _found(packed: Packed) -> Iterator[Found]:
    kinds = [kind for kind in packed.kinds.tolist() if kind >= 0]
    (
        points, intensities, subpixel, contrasts, outlines, outline_bytes, measured, channels,
        confidences,
    ) = (
        _taker(each)
        for each in (
            packed.points, packed.intensities, packed.subpixel, packed.contrasts, packed.outlines,
            packed.outline_bytes, packed.measured, packed.channels, packed.confidences,
        )
    )  # fmt: skip
    for kind, count, times in zip(
        kinds, packed.counts.tolist(), packed.times_ms.tolist(), strict=True
    ):
        meta = packed.metas[kind]
        size, shape = count * meta.ndim, (count, meta.ndim)
        centres = Centres(
            points(size).reshape(shape).astype(np.int64), intensities(count),
            subpixel(size).reshape(shape) if meta.is_refined else None, meta.flag, meta.area_px,
            contrasts(count) if meta.has_contrasts else None,
            Outlines.from_bytes(outlines(int(outline_bytes(1)[0])).tobytes(), meta.plane, count)
            if meta.has_outlines else None,
            measured(count) if meta.is_measured else None,
            None if meta.channel_columns is None
            else channels(count * meta.channel_columns).reshape(count, meta.channel_columns),
            confidences(count) if meta.has_confidences else None,
        )  # fmt: skip
        read_ms, detect_ms, read_cpu_ms = times
        yield Found(
            centres, meta.shape, meta.dtype, read_ms, detect_ms, read_cpu_ms, meta.compression,
            meta.content, meta.pixel_size, meta.unmeasured, meta.downsample,
            meta.parts_at_a_time,
        )  # fmt: skip


def _taker(array: NDArray[Any]) -> Callable[[int], NDArray[Any]]:
    """Return a function that takes the next so many numbers.

    They are copied out of the message: what keeps one image does not keep them all.
    """
    start = 0

    def take(count: int) -> NDArray[Any]:
        nonlocal start
        start += count
        return array[start - count : start].copy()

    return take


def _joined(parts: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


def why_unfit(detector: str, paths: list[str]) -> str | None:
    """Return what this process lacks to count these files: the detector, a package of a reader."""
    of_each_kind = {os.path.splitext(path)[1]: path for path in paths}.values()
    return why_no_detector(detector) or next(filter(None, map(why_no_reader, of_each_kind)), None)


def codec_for(detector: str) -> Codec:
    """Return how images and outcomes travel to and from machines that must have the detector."""
    return Codec(
        pack, unpack, path_of=attrgetter("path"), failure=_failure,
        fitness=partial(why_unfit, detector),
    )  # fmt: skip


def _failure(outcome: Any) -> str | None:
    return outcome.reason if isinstance(outcome, Failed) else None
