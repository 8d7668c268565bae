"""The pixels of the image that regions hold, or their outlines, and what is in them."""

import numpy as np
from numpy.typing import NDArray

from ..kernel import Record, measure_outlines
from ..values import Outlines
from .levels import AnyLevels, Levels


def shapes_of(
    shapes: Record, cells: Record | None, levels: AnyLevels, step: int
) -> tuple[Record, Outlines | None]:
    """Return what is in regions, and which pixels of the image these are, if cells are known.

    A cell is `step` x `step` pixels, of which padding is no part.
    """
    if cells is None or not isinstance(levels, Levels):
        return _in_image(shapes, levels), None
    height, width = levels.extent
    labels = _as_outlines(cells, (-(-height // step), -(-width // step)), len(shapes)).labels()
    labels = labels.repeat(step, axis=0)[:height].repeat(step, axis=1)[:, :width]
    placed = _placed(Outlines.from_labels(labels, len(shapes)), levels)
    return shapes_within(levels, placed, shapes["background"]), placed


def outlines_of(
    records: Record, runs: Record, levels: AnyLevels
) -> tuple[Outlines, NDArray[np.float64]]:
    """Return the outlines of regions in the image, and where their centres are, shape (N, 2)."""
    centres = np.stack([records["y"], records["x"]], axis=1) + levels.origin
    return _placed(_as_outlines(runs, levels.extent, len(records)), levels), centres


def shapes_within(
    levels: AnyLevels, outlines: Outlines, backgrounds: NDArray[np.float64]
) -> Record:
    """Return what is within outlines in the image, as `ShapeRecord`, with the level under each."""
    assert isinstance(levels, Levels)
    y, x = levels.origin
    shapes = measure_outlines(levels.pixels, outlines.within((-y, -x), levels.extent))
    shapes["background"] = backgrounds
    return _in_image(shapes, levels)


def _in_image(shapes: Record, levels: AnyLevels) -> Record:
    """Return the shapes with the edges that are those of the image: none where a margin is cut."""
    (top, left), (rows, columns), (height, width) = levels.origin, levels.extent, levels.image_shape
    if (rows, columns) != (height, width):
        known = (top == 0) | (left == 0) << 1
        known |= (top + rows == height) << 2 | (left + columns == width) << 3
        shapes["edges"] = shapes["edges"].astype(np.int64) & known
    return shapes


def _as_outlines(runs: Record, shape: tuple[int, int], count: int) -> Outlines:
    return Outlines(
        shape, np.bincount(runs["nucleus"], minlength=count),
        *(runs[name] for name in ("row", "start", "end")),
    )  # fmt: skip


def _placed(outlines: Outlines, levels: AnyLevels) -> Outlines:
    """Return outlines in the pixels as such in the image, of which padding is no part."""
    if levels.picture is not None:
        labels = np.where(levels.picture, outlines.labels(), 0)
        outlines = Outlines.from_labels(labels, len(outlines))
    return outlines.within(levels.origin, levels.image_shape)
