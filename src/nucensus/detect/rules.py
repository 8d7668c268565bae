"""What the versions of the counts differ in: studies that must not move keep an earlier one."""

import math

from .._dataclass import dataclass
from .weights import UNION

NEWEST = 2
"""The version of `auto`. A change of any count is a new number."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Choices of the detector without parameters, one value for each version of the counts.

    Attributes
    ----------
    version : int
        Its number.
    is_learned : bool
        What is a nucleus is decided by evidence that was learned, after the rules.
    compares_searches : bool
        The search with the bound on noise is asked even where the one without finds something.
    weighs_support : bool
        What speaks for a radius counts by the share of the area that shows it, and one whose
        nuclei lie inside larger ones needs more support than those.
    follows_size : bool
        Where nuclei are larger than assumed, larger radii are tried until they are not.
    splits_sizes : bool
        Each image of a set with nuclei of several sizes is counted by what it shows itself.
    sees_crowds : bool
        Where nuclei crowd, less smoothing is wanted, and less noise believed.
    large_px : float
        Pixels above which an image is large: what its nuclei are like is estimated by fields of it,
        and pictures in it that lie apart are counted each by itself.
    most_plain : float
        Factor that ellipses beyond those of a plain case have against the negative of the image.
    union : tuple of float
        The weights by which pieces are put together; by rules if there are none.
    most_hole : float
        Of the area of a typical nucleus: the largest hole, a nucleolus, that may be part of one.
    most_whole : float
        Evidence against a large whole, for each of its sizes, with which it still is one nucleus.
    most_growth : float
        How much larger the radius of textured nuclei may be than that of their pieces.
    """

    version: int
    is_learned: bool = True
    compares_searches: bool = True
    weighs_support: bool = True
    follows_size: bool = True
    splits_sizes: bool = True
    sees_crowds: bool = True
    large_px: float = 1 << 26
    most_plain: float = 1.2
    most_growth: float = 1.5
    most_hole: float = 0.25
    most_whole: float = 0.2
    union: tuple[float, ...] = UNION

    @property
    def looks_at_fields(self) -> bool:
        """Whether any image is large."""
        return self.large_px < math.inf


VERSIONS = {
    1: Rules(
        1,
        is_learned=False,
        compares_searches=False,
        weighs_support=False,
        follows_size=False,
        splits_sizes=False,
        sees_crowds=False,
        large_px=math.inf,
        most_plain=1.0,
        most_growth=math.inf,
        most_hole=0.0,
        most_whole=0.15,
        union=(),
    ),
    2: Rules(2),
}


def is_version(detector: str) -> bool:
    """Whether a detector is a version of `auto` that stays as it is."""
    return detector.startswith("auto@")


def rules_of(detector: str) -> Rules:
    """Return the rules by which a detector, and whoever estimates for it, counts."""
    return VERSIONS[int(detector.partition("@")[2]) if is_version(detector) else NEWEST]
