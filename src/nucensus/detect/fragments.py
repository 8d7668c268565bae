"""Tell nuclei that came apart: small regions that others touch, lobes in rows, and specks."""

import numpy as np
from numpy.typing import NDArray

from ..kernel import count_touching
from .regions import Regions

_SMALL, _JOINED, _SHARE, _LEAST = 0.4, 0.9, 0.1, 4
"""Areas of a typical nucleus below which a region may be a fragment, and how much of its outline is
free; share of the regions, and how many, from which an image has fragments. No image of BBBC038 has
0.1, of BBBC039 one. Larger: sections have some; so do colonies; fewer images have; fewer have."""
_TOUCHING, _LARGEST = 1.15, 1.3
"""Of the sum of two radii: centres that near touch; and most of a typical radius that one counts
with. Larger: more do; far more pairs are looked at."""
_LEAST_LOBES, _MOST_ALONE, _JOINTS, _MOST_FREE = 20, 0.05, (0.6, 0.95), 0.9
"""Regions, and share of those that touch none, for an image of nothing but lobes; pairs that touch
for each of them: three to six in a row have 0.67 to 0.83, those of a crowd have more; and how much
of the outlines is free. Nuclei in culture have singles, a section has more pairs. Larger: fewer
images are; more are; of the last: slower."""
_BENT, _PART, _CLOSE, _TOO_CLOSE, _PARTS = 1.05, 0.15, 1.4, 0.97, 0.12
"""Stretch and areas of a typical nucleus from which a region may be part of one; typical radii, and
sums of two radii, within which two such lie closer than nuclei do; and share of the regions that
do, for the flag (benchmarks/tissues.py, kinds with holes and spots). Larger: fewer images have the
flag; fewer have; more have; more have; fewer have."""
_DUST = 0.07
"""Areas of a typical nucleus: what is brighter than one and smaller is dust (benchmarks/others.py).
Larger: small bright nuclei are lost."""
_SPECK, _SPECKS, _BETWEEN, _LEAST_BRIGHT = 0.25, 0.07, 1 / 6, 3
"""Areas of a typical nucleus, share of the regions, share of them that may be between these sizes,
and how many brighter than nuclei are enough whatever is between, from which an image has specks
(benchmarks/specimens.py). Larger: more images have; fewer have; more have; fewer have."""


def has_fragments(regions: Regions, radius_px: float) -> bool:
    """Whether many regions are small and touch others, as pieces of nuclei do."""
    small = regions.area_px < _SMALL * np.pi * radius_px**2
    least = max(_LEAST, _SHARE * len(regions))
    if np.count_nonzero(small) < least:  # as in nearly every image, and quickly told
        return False
    joined = small & (regions.free < _JOINED) & ~regions.touches_edge
    return bool(np.count_nonzero(joined) >= least)


def are_lobes(regions: Regions, radius_px: float) -> bool:
    """Whether the regions lie in short rows, and hardly any alone, as lobes of one nucleus do."""
    count = len(regions)
    if count < _LEAST_LOBES or 2 * np.count_nonzero(regions.free < _MOST_FREE) < count:
        return False
    radii = np.minimum(np.sqrt(regions.area_px / np.pi), _LARGEST * radius_px)
    touching = count_touching(
        regions.y, regions.x, radii, reach=2 * _TOUCHING * _LARGEST * radius_px, share=_TOUCHING
    )
    alone = 1 - np.count_nonzero(touching) / count
    return bool(alone <= _MOST_ALONE and _JOINTS[0] <= touching.sum() / 2 / count <= _JOINTS[1])


def are_divided(regions: Regions, radius_px: float) -> bool:
    """Whether bent regions lie closer together than nuclei do, as what holes leave of one does."""
    least = max(2, _PARTS * len(regions))
    is_part = regions.stretch > _BENT
    if np.count_nonzero(is_part) < least:
        return False  # as in most images, and quickly told
    is_part &= regions.area_px > _PART * np.pi * radius_px**2
    y, x = regions.y[is_part], regions.x[is_part]
    radii = np.sqrt(regions.area_px[is_part] / np.pi)
    close = count_touching(y, x, radii, reach=_CLOSE * radius_px, share=_TOO_CLOSE)
    return bool(np.count_nonzero(close) >= least)


def has_specks(regions: Regions, radius_px: float, contrast: float) -> bool:
    """Whether some regions, but no more than half, are specks: dust, or what dying cells leave.

    They are brighter than nuclei, which pieces of a nucleus are not; or there are more of them, and
    hardly any of a size between them and nuclei. Those that the edge of the image cuts do not tell.
    """
    typical_px, many = np.pi * radius_px**2, _SPECKS * len(regions)
    are_specks = regions.area_px < _SPECK * typical_px
    if np.count_nonzero(are_specks) < many:
        return False  # as in most images, and quickly told
    whole = ~regions.touches_edge
    are_specks &= whole
    count = np.count_nonzero(are_specks)
    if not many <= count <= len(regions) / 2:
        return False
    bright = np.count_nonzero(are_specks & (regions.height > contrast))
    small = np.count_nonzero(whole & (regions.area_px < _SMALL * typical_px))
    is_apart = count >= _LEAST and small <= (1 + _BETWEEN) * count
    return bool(is_apart or bright >= max(_LEAST_BRIGHT, many))


def are_dust(regions: Regions, radius_px: float, contrast: float) -> NDArray[np.bool_]:
    """Return which regions are specks of dust: smaller than a piece of a nucleus, but brighter.

    A piece of a nucleus is thinner than the nucleus, so it is not as bright. The size is that of a
    flat object of the same height and light: smoothing does not make it larger.
    """
    flat_area_px = regions.area_px * regions.mean_height / regions.height
    small = flat_area_px < _DUST * np.pi * radius_px**2
    return small & (regions.height > contrast)
