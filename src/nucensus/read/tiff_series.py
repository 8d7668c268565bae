"""Tell which pages of a TIFF file make up which image, and which images stand aside."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..errors import NotAPlaneError, ReadError
from ..values import Header
from ..values.parts import Parts
from . import ifd
from .ifd import Chain
from .scanimage import name_pages
from .scene import Index
from .tiff_pages import Page, Pages, Sample
from .tiff_parts import parts_of

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

_SIZE = frozenset((ifd.WIDTH, ifd.HEIGHT))
_SLIDES = ("svs", "ndpi", "qpi", "bif", "philips")
_ASIDE_ON_A_SLIDE = re.compile(r"thumbnail|label|macro|map", re.IGNORECASE)
_ASIDE_IN_OME = re.compile(r"(thumbnail|label|macro) image", re.IGNORECASE)
"""Names that Bio-Formats gives them."""


def find_series(tiff: "TiffFile") -> "list[TiffPageSeries]":
    """Return the series of pages of a file.

    Pages that no metadata put in order are one stack, if they are alike in size and type, however
    each of them is stored.
    """
    try:
        series = tiff.series
    except RuntimeError:  # a page is not stored as the first
        if tiff.is_ome:
            raise
        tiff.pages.useframes = False
        return _group(list(tiff.pages))
    if any(each.kind != "generic" for each in series):
        return series
    groups = _group([page for each in series for page in each.pages if page is not None])
    for group in groups:  # a stack of pages that are stored alike keeps its lower resolutions
        for each in series:
            if list(each.pages) == list(group.pages):
                group.levels.extend(each.levels[1:])
    return groups


def _group(pages: "Sequence[TiffPage | TiffFrame]") -> "list[TiffPageSeries]":
    from tifffile import TiffPageSeries

    groups: dict[Any, list[TiffPage]] = {}
    for page in sorted((page.aspage() for page in pages), key=lambda page: page.treeindex):
        key = (page.shape, page.axes, page.dtype, page.is_reduced, page.is_mask)
        groups.setdefault(key, []).append(page)
    return [
        TiffPageSeries(
            alike, (len(alike), *alike[0].shape), alike[0].dtype, f"I{alike[0].axes}",
            kind="generic",
        )
        for alike in groups.values()
    ]  # fmt: skip


def count_planes(series: "TiffPageSeries") -> int:
    """Return how many pages the planes of a series take."""
    return math.prod(series.shape) // math.prod(series.keyframe.shape)


def check_imagej(tiff: "TiffFile", series: "Sequence[TiffPageSeries]") -> None:
    """Refuse a stack of ImageJ of which its numbers leave open which plane is which.

    Its planes may lie behind one page, so that only the numbers say how many there are.
    """
    kinds = {each.kind for each in series}
    if not tiff.is_imagej or not kinds or kinds - {"imagej", "uniform", "generic"}:
        return  # others have numbers of their own, as Micro-Manager
    stated, axes = tiff.imagej_metadata or {}, ("channels", "slices", "frames")
    images, planes = stated.get("images", 1), sum(map(count_planes, series))
    numbers = {axis: stated[axis] for axis in axes if stated.get(axis, 1) != 1}
    is_mixed = {"channels", "frames"} & numbers.keys() and kinds != {"imagej"}
    if not is_mixed and not (isinstance(images, int) and images > planes):
        return
    said = ", ".join(f"{number} {axis}" for axis, number in numbers.items()) or "nothing more"
    raise ReadError(
        f"the file states {images} images of ImageJ and {said}, and {planes} "
        f"{'plane is' if planes == 1 else 'planes are'} found; expected numbers that agree; open "
        f"it in ImageJ and save it again"
    )


def note_of_untold(
    chain: Chain | None, offsets: Sequence[int], find_told: Callable[[], Collection[int]]
) -> str:
    """Return a note on pages that the metadata of a file do not speak of; "" if there are none.

    Pages of another size than the first that they speak of are thumbnails and smaller copies.

    Parameters
    ----------
    chain : Chain or None
    offsets : sequence of int
        Where each page of the file is.
    find_told : callable
        Returns the numbers of the pages that they speak of; asked if there are several.
    """
    told = find_told() if chain is not None and len(offsets) > 1 else ()
    first = min(told, default=len(offsets))
    if chain is None or len(told) >= len(offsets) or first >= len(offsets):
        return ""
    untold = (offset for number, offset in enumerate(offsets) if number not in told)
    size = chain.tags(offsets[first], _SIZE)
    count = sum(chain.tags(offset, _SIZE) == size for offset in untold)
    return (
        f"the metadata of the file do not speak of {count:,} of its {len(offsets):,} pages: they "
        f"are left out; if they are images, save the file again"
    ) * (count > 0)


def is_aside(page: "TiffPage", name: str, kind: str = "") -> bool:
    """Tell whether an image is a thumbnail, a label, a macro, a mask or a reduced copy."""
    named = _ASIDE_ON_A_SLIDE if kind in _SLIDES else _ASIDE_IN_OME
    return bool(page.is_reduced or page.is_mask or named.fullmatch(name))


def name_axes(series: "TiffPageSeries") -> dict[str, int]:
    """Return the length of each axis of a series by its letter, without those of length 1.

    Unnamed pages, if there is no z axis and no sign of channels, are z planes.
    """
    sizes = zip(series.axes.lower(), series.shape, strict=True)
    axes = {axis: n for axis, n in sizes if n != 1 or axis in "yx"}
    unnamed = [axis for axis in axes if axis in "iq"]
    if series.kind == "scanimage":
        within = {axis.lower() for axis in series.keyframe.axes}
        named = name_pages(series.keyframe.parent, len(series.pages))
        axes = named | {axis: n for axis, n in axes.items() if axis in within}
        return {axis: n for axis, n in axes.items() if n != 1 or axis in "yx"}
    wavelengths = _wavelengths(series)
    if len(set(wavelengths)) > 1:
        name = "c" if len(set(wavelengths)) == len(wavelengths) else "i"
        return {axis if axis in "yx" else name: n for axis, n in axes.items()}
    if "z" not in axes and len(unnamed) == 1:
        axes = {"z" if axis in unnamed else axis: n for axis, n in axes.items()}
    return axes


def _wavelengths(series: "TiffPageSeries") -> list[float]:
    """Return the wavelength of each plane of a MetaMorph stack."""
    if series.kind != "stk":
        return []
    stated = (series.keyframe.parent.stk_metadata or {}).get("Wavelengths", ())
    return [float(each) for each in np.ravel(stated)]


@dataclass(frozen=True, slots=True)
class Stack:
    """The planes of a series, by their positions on its axes, in the order of the file."""

    pages: Pages
    series: "TiffPageSeries"
    axes: Mapping[str, int]

    @property
    def _split(self) -> tuple[list[str], list[str]]:
        """The axes along which pages follow one another, and those within a page."""
        key = self.series.keyframe
        within = [n for axis, n in zip(key.axes, key.shape, strict=True) if n != 1 or axis in "YX"]
        axes, start = list(self.axes), len(self.axes) - len(within)
        if start < 0 or [self.axes[axis] for axis in axes[start:]] != within:
            raise ReadError(
                f"the metadata say that the file holds {_by(self.axes.values())} pixels, and its "
                f"pages are {_by(within)}; save its planes as pages of their own"
            )
        return axes[:start], axes[start:]

    def _page(self, index: Index) -> tuple[Page, list[str]]:
        """Return the page that holds a plane, and its axes."""
        across, within = self._split
        number = 0
        for axis in across:
            number = number * self.axes[axis] + index[axis]
        page = self.pages.page(self.series, number, math.prod(self.axes[axis] for axis in across))
        return page, within

    def _sample(self, index: Index) -> Sample | None:
        """Return the plane, if a page holds no more than one and its samples; of whatever size."""
        page, within = self._page(index)
        samples = [axis for axis in within if axis not in "yx"]
        expected = [self.axes[axis] for axis in samples] or [1]
        if within in (["y", "x", *samples], [*samples, "y", "x"]) and expected == [page.samples]:
            return Sample(page, index[samples[0]] if samples else 0)
        return None

    def header(self, index: Index) -> Header:
        """Return what it takes to decode the plane."""
        return (self._sample(index) or self._page(index)[0]).header

    def divide(self, index: Index) -> Parts | None:
        """Return the plane as its parts, if it can be read by them."""
        sample = self._sample(index)
        return None if sample is None else parts_of(sample)

    def read(self, index: Index) -> NDArray[Any]:
        """Read the page that holds the plane, and cut the plane out of it."""
        sample = self._sample(index)
        if sample is not None:
            return sample.pixels()
        page, within = self._page(index)
        shape = [self.axes[axis] for axis in within]
        if math.prod(page.shape) != math.prod(shape):
            raise NotAPlaneError(
                f"the page of this plane is {_by(page.shape)}, and the first is {_by(shape)}; "
                f"expected pages that are alike; save the plane as a file of its own"
            )
        cut = tuple(slice(None) if axis in "yx" else index[axis] for axis in within)
        return page.pixels().reshape(shape)[cut]


def _by(lengths: Iterable[int]) -> str:
    return " x ".join(map(str, lengths))
