"""Another channel of a field -> what is measured of it in nuclei, and in rings around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..kernel import draw_rings
from ..values import Outlines
from .levels import Levels, as_pixels, check_plane
from .measure import measured_of
from .padding import Mask
from .region_pixels import shapes_within

_BLOCK_PX = 8
"""Pixels that are averaged along each axis. Larger: less noise, and less room between cells."""
_TILE_BLOCKS = 8
"""Blocks from one place to the next where the background is looked at, in three tiles along each
axis. Larger: it follows uneven light less, and bright cells too."""
_QUANTILE = 0.1
"""Of the blocks there: nuclei may lie in cells that shine. Larger: more of them must not."""
_LEAST_FULL, _FULL, _FULL_SHARE = 255, 0.05, 0.05
"""The least greatest level of an image that may be the end of its range, the share of a nucleus at
it, and the share of the nuclei, as for the flag of the nuclei's own channel. Larger: fewer
channels are called saturated."""
_OPEN = 0.5
"""Share of a block that no nucleus covers. Larger: fewer blocks count in crowds."""


def measure_channel(
    image: NDArray[Any], outlines: Outlines, *, ring_px: int = 0
) -> NDArray[np.float32]:
    """Measure another channel of a field whose nuclei are known.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Grey levels of any real dtype: as large as the image the nuclei were found in.
    outlines : Outlines
        The nuclei.
    ring_px : int
        How wide the ring around a nucleus is, in pixels. To it belong the pixels
        of no nucleus that are at most so far from this one, and nearest to it.

    Returns
    -------
    ndarray of float32, shape (N, 3), or (N, 6) with a ring
        Mean, sum and standard deviation of the pixels of each nucleus, and of its
        ring; mean and sum above the background of this channel, in grey levels.
        NaN in a ring without pixels.

    Raises
    ------
    ReadError
        The image has another size, or pixels that are no numbers.
    """
    check_plane(image)
    if image.shape != outlines.shape:
        sizes = [" x ".join(map(str, shape)) for shape in (image.shape, outlines.shape)]
        raise ReadError(
            f"its size is {sizes[0]} pixels, and that of the image of the nuclei {sizes[1]}; "
            f"expected one size; leave this channel out, or export it in the size of the others"
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ReadError(
            "it has pixels that are no numbers (NaN or infinite); expected grey levels; check its "
            "source"
        )
    labels = outlines.labels()
    levels, picture = as_pixels(image)
    is_open = labels == 0
    if picture is not None and picture.any():
        is_open &= picture
    backgrounds = _background_at(levels, is_open, _middles(outlines))
    places = [outlines]
    if ring_px:
        rings = draw_rings(labels, ring_px)
        places.append(Outlines.from_labels(rings * is_open, len(outlines)))
    return np.concatenate(
        [_measured(levels, each, backgrounds) for each in places], axis=1, dtype=np.float32
    )


def is_cut_off(image: NDArray[Any], outlines: Outlines) -> bool:
    """Tell whether nuclei reach the greatest level of a channel in so many pixels as noise cannot.

    Parameters
    ----------
    image : ndarray, shape (height, width)
    outlines : Outlines
        The nuclei.
    """
    greatest, areas = image.max(), outlines.areas_px
    if image.dtype.kind not in "iu" or greatest < _LEAST_FULL or not len(areas):
        return False
    full = image == greatest
    if np.count_nonzero(full) < _FULL * areas.min():
        return False
    counts = np.bincount(outlines.labels()[full], minlength=len(areas) + 1)[1:]
    are_full = (counts > 0) & (counts >= _FULL * areas)
    return int(np.count_nonzero(are_full)) >= _FULL_SHARE * len(areas)


def _measured(
    levels: Levels, outlines: Outlines, backgrounds: NDArray[np.float64]
) -> NDArray[np.float32]:
    found = measured_of(shapes_within(levels, outlines, backgrounds), levels.unit)
    is_empty = found["area_px"] == 0
    columns = [
        np.where(is_empty, np.float32(np.nan), found[name])
        for name in ("mean", "integrated", "std")
    ]
    return np.stack(columns, axis=1)


def _middles(outlines: Outlines) -> NDArray[np.float64]:
    """Return the middle of each nucleus, (row, column)."""
    lengths = outlines.ends - outlines.starts
    nuclei, count = outlines.nuclei, len(outlines)
    middles = outlines.rows, (outlines.starts + outlines.ends - 1) / 2
    areas = np.maximum(np.bincount(nuclei, lengths, count), 1)
    return np.stack([np.bincount(nuclei, lengths * each, count) / areas for each in middles], 1)


def _background_at(
    levels: Levels, is_open: Mask, points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the level under each point, as `levels` has it: the lower part of what is around."""
    blocks = _block_means(levels.pixels, is_open)
    if np.isnan(blocks).all():  # nuclei leave no room: the darkest pixels must do
        return np.full(len(points), np.quantile(levels.pixels, _QUANTILE))
    edges = [_tile_edges(side) for side in blocks.shape]
    places = (points + 0.5) / _BLOCK_PX - 0.5
    slope = _lows(blocks, edges)
    # On a slope the lower part of a tile would be its lower end.
    flat = blocks - _everywhere(slope, edges, blocks.shape)
    return _between(slope, edges, places) + _between(_lows(flat, edges), edges, places)


def _lows(blocks: NDArray[np.float64], edges: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the lower part of the blocks in and around each tile."""
    rows, columns = (_around(each, side) for each, side in zip(edges, blocks.shape, strict=True))
    padded = np.pad(blocks, ((0, 1), (0, 1)), constant_values=np.nan)
    around = padded[rows[:, None, :, None], columns[:, None]].reshape(len(rows), len(columns), -1)
    places = (_QUANTILE * np.count_nonzero(~np.isnan(around), axis=2)).astype(np.int64)
    around.partition(places.max(), axis=2)
    lowest = np.sort(around[..., : places.max() + 1], axis=2)
    lows: NDArray[np.float64] = np.take_along_axis(lowest, places[..., None], axis=2)[..., 0]
    lows[np.isnan(lows)] = np.nanmedian(lows)
    return lows


def _around(edges: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return the blocks along an axis in each tile and its neighbours; `side` stands for none."""
    first, last = edges.T
    begin, end = np.maximum(0, 2 * first - last), np.minimum(side, 2 * last - first)
    blocks = begin[:, None] + np.arange((end - begin).max())
    return np.where(blocks < end[:, None], blocks, side)


def _everywhere(
    lows: NDArray[np.float64], edges: Sequence[NDArray[np.int64]], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return values at all blocks, as `_between` does at some."""
    rows, columns = ((each.sum(axis=1) - 1) / 2 for each in edges)
    along = np.array([np.interp(np.arange(shape[1]), columns, row) for row in lows])
    return np.array([np.interp(np.arange(shape[0]), rows, column) for column in along.T]).T


def _between(
    lows: NDArray[np.float64], edges: Sequence[NDArray[np.int64]], places: NDArray[Any]
) -> NDArray[np.float64]:
    """Return values at places, in blocks, between the middles of tiles that have `lows`."""
    rows, columns = ((each.sum(axis=1) - 1) / 2 for each in edges)
    along = np.stack([np.interp(places[:, 1], columns, row) for row in lows])
    at = np.interp(places[:, 0], rows, np.arange(len(lows)))
    above, each = np.floor(at).astype(int), np.arange(len(places))
    below, share = np.minimum(above + 1, len(lows) - 1), at - above
    between: NDArray[np.float64] = (1 - share) * along[above, each] + share * along[below, each]
    return between


def _tile_edges(side: int) -> NDArray[np.int64]:
    """Return the first block of each tile along an axis, and one beyond its last."""
    edges = np.linspace(0, side, max(1, round(side / _TILE_BLOCKS)) + 1).round().astype(np.int64)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _block_means(pixels: NDArray[Any], is_open: Mask) -> NDArray[np.float64]:
    """Return the mean of the open pixels of each block, NaN where too few are."""
    beyond = [(0, -side % _BLOCK_PX) for side in pixels.shape]
    kind = np.uint32 if pixels.dtype.kind == "u" else np.float64
    sums = _block_sums(np.pad(pixels * is_open, beyond), kind)
    counts = _block_sums(np.pad(is_open, beyond), np.uint32)
    sizes = np.outer(*(np.minimum(_BLOCK_PX, side - np.arange(0, side, _BLOCK_PX))
                       for side in pixels.shape))  # fmt: skip
    with np.errstate(invalid="ignore"):
        return np.where(counts >= _OPEN * sizes, sums / np.maximum(counts, 1), np.nan)


def _block_sums(pixels: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    width = pixels.shape[1]
    of_rows = pixels.reshape(-1, _BLOCK_PX, width).sum(axis=1, dtype=kind)
    sums: NDArray[Any] = of_rows.reshape(-1, width // _BLOCK_PX, _BLOCK_PX).sum(axis=2)
    return sums
