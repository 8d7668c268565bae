"""Estimates of one image, and those of a set of images together."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass

ESTIMATE_SCHEMA = 1

_APART, _LEAST_GROUP, _GROUP_SHARE = 2**0.7, 2, 16
"""Ratio of two neighbouring radii, images, and at least one of so many, from which there are two
sizes. Larger: fewer sets are mixed; the third: more are."""
_TELLING_NUCLEI, _FEWEST_NUCLEI = 5, 2
"""Nuclei in an image that tells whether a set is mixed, and where most show fewer. Larger: fewer
sets are mixed; of the second: images with a single object more often make a set one."""
_ODD_SHARE = 32
"""Of so many images of a settled sample one may have another size. Larger: more are looked at."""
_STILL_RADIUS, _STILL_CONTRAST = 1.1, 1.5
"""Ratios of the ends between which the medians lie, two times in three, in a settled sample.
Larger: fewer images are looked at, and the medians depend more on which they are."""
_END, _UNLIKE_RADIUS, _UNLIKE_CONTRAST = 7, 1.6, 5.0
"""Of so many images one is left out at either end, and the ratios between the others from which
images are unlike; of BBBC039 they are 1.1 and 1.6. Larger: fewer sets are mixed, and in more of
them small and dim nuclei are held to large and bright ones."""
_FULL_WEIGHT_NUCLEI = 50
"""Nuclei above which an image weighs no more in a pool. Larger: one crowded image tells more."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimates of one image: all that `pool` needs, and nothing that grows.

    Attributes
    ----------
    radius_px : float
        Radius of a disc as large as a typical nucleus, in pixels; 0 if the image is blank.
    count : int
        How many regions of about that size there are.
    contrast : float
        Median height of them above the background, in grey levels.
    noise : float
        Standard deviation of the smoothed background, in grey levels.
    grain : float
        Standard deviation of the noise of a pixel of the working grid, in grey levels.
    background : float
        Mean level under the nuclei, in grey levels.
    edge_width_px : float
        Width of a nucleus' edge, in pixels: large where it is out of focus.
    foreground : float
        Share of the image that is nuclei, 0 to 1.
    size_px : int
        Pixels of the image, without padding.
    texture : float
        Median of the greatest over the mean height of a nucleus: about 1.3 for smooth ones.
    blur : float
        Variance of what blurs the outlines, in squared radii; 0 if it is not known.
    axial : float
        Of a volume: through how many planes a nucleus reaches for each pixel in a plane.
    """

    radius_px: float
    count: int
    contrast: float
    noise: float
    grain: float
    background: float
    edge_width_px: float
    foreground: float
    size_px: int
    texture: float = 0.0
    blur: float = 0.0
    axial: float = 1.0

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in the image that looks like nuclei."""
        return self.count == 0

    @property
    def signal_to_noise(self) -> float:
        """Contrast over noise; infinite without noise."""
        return self.contrast / self.noise if self.noise > 0 else np.inf

    def as_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values that JSON can hold."""
        return {"schema": ESTIMATE_SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Estimate":
        """Return the estimate that `as_dict` turned into a dictionary."""
        return cls(**{name: value for name, value in values.items() if name != "schema"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """The pooled estimates of a set of images, as the automatic detector takes them.

    Attributes
    ----------
    radius_px : float
        Radius of a typical nucleus, in pixels; 0 if every image was blank.
    contrast : float
        Height of a typical nucleus above the background, in grey levels.
    noise : float
        Standard deviation of the smoothed background, in grey levels.
    background : float
        Mean level under the nuclei, in grey levels.
    grain : float
        Standard deviation of the noise of a pixel of the working grid, in grey levels.
    edge_width_px : float
        Width of a nucleus' edge, in pixels.
    density : float
        Nuclei for each pixel of an image, blank images left out.
    image_count, blank_count : int
        How many images were pooled, and how many of them were blank.
    texture : float
        Greatest over mean height of a typical nucleus.
    size_count : int
        How many sizes of nuclei, clearly apart, the images show. More than one: a mixed set, of
        which `auto` counts each image by what it shows itself.
    blur : float
        Variance of what blurs the outlines, in squared radii; 0 if it is not known.
    axial : float
        Of volumes: through how many planes a nucleus reaches for each pixel in a plane.
    radius_ratio, brightness_ratio : float
        Radius and contrast of the images with the largest, and the brightest, nuclei over those
        with the smallest, and the dimmest; a seventh of the images at either end left out, of fewer
        than 14 images as if there were many. Where most show fewer than five nuclei, twice the
        lesser half of it, as logarithms.
    """

    radius_px: float
    contrast: float
    noise: float
    background: float
    grain: float
    edge_width_px: float
    density: float
    image_count: int
    blank_count: int
    texture: float = 0.0
    size_count: int = 1
    blur: float = 0.0
    axial: float = 1.0
    radius_ratio: float = 1.0
    brightness_ratio: float = 1.0

    @property
    def is_blank(self) -> bool:
        """Whether all images were blank."""
        return self.radius_px == 0

    @property
    def is_mixed(self) -> bool:
        """Whether no one radius, or no one contrast, holds for all images."""
        return self.size_count > 1 or self.varies_in_size or self.varies_in_brightness

    @property
    def varies_in_size(self) -> bool:
        """Whether nuclei of some images are much larger than those of others."""
        return self.radius_ratio > _UNLIKE_RADIUS

    @property
    def varies_in_brightness(self) -> bool:
        """Whether nuclei of some images are much brighter than those of others."""
        return self.brightness_ratio > _UNLIKE_CONTRAST

    def as_estimate(
        self, *, count: int, foreground: float, size_px: int, axial: float = 1.0
    ) -> Estimate:
        """Return what was pooled from parts of one image as the estimate of that image."""
        return Estimate(
            radius_px=self.radius_px,
            count=count,
            contrast=self.contrast,
            noise=self.noise,
            grain=self.grain,
            background=self.background,
            edge_width_px=self.edge_width_px,
            foreground=foreground,
            size_px=size_px,
            texture=self.texture,
            blur=self.blur,
            axial=axial,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values that JSON can hold."""
        return {"schema": ESTIMATE_SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Resolved":
        """Return the value that `as_dict` turned into a dictionary."""
        return cls(**{name: value for name, value in values.items() if name != "schema"})


BLANK = Resolved(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)
"""The estimates of a set without images."""

BLANK_ITSELF = replace(BLANK, image_count=1, blank_count=1)
"""Those of the very image that nuclei are to be found in, which need not be looked at again."""


def pool(estimates: Sequence[Estimate]) -> Resolved:
    """Pool the estimates of a set of images; their order does not matter.

    Every value is a median over the images that are not blank, where an image
    weighs as much as the nuclei it shows, up to 50.

    Parameters
    ----------
    estimates : sequence of Estimate
        One for each image, or for a sample of them spread evenly over the set.

    Raises
    ------
    ValueError
        There are no estimates.
    """
    if not estimates:
        raise ValueError("there are no estimates; expected one or more; estimate an image first")
    shown = [one for one in estimates if not one.is_blank]
    weights = _weights(shown)

    def median(name: str) -> float:
        return weighted_median(np.array([getattr(one, name) for one in shown]), weights)

    return Resolved(
        radius_px=median("radius_px"),
        contrast=median("contrast"),
        noise=median("noise"),
        background=median("background"),
        grain=median("grain"),
        edge_width_px=median("edge_width_px"),
        density=sum(one.count for one in shown) / max(1, sum(one.size_px for one in shown)),
        image_count=len(estimates),
        blank_count=len(estimates) - len(shown),
        texture=median("texture"),
        size_count=_size_count(shown),
        blur=median("blur"),
        axial=median("axial") if shown else 1.0,
        radius_ratio=_ratio(shown, "radius_px"),
        brightness_ratio=_ratio(shown, "contrast"),
    )


def is_settled(estimates: Sequence[Estimate]) -> bool:
    """Tell whether more images of a set would hardly change what is pooled.

    So it is where the medians stand still, and where each image is counted by itself.
    """
    shown = [one for one in estimates if not one.is_blank]
    if not shown or pool(shown).is_mixed:
        return True
    sizes = _sizes(shown)
    odd = sum(sizes) - max(sizes, default=0)
    return (
        odd * _ODD_SHARE <= len(shown)
        and _spread(shown, "radius_px") <= _STILL_RADIUS
        and _spread(shown, "contrast") <= _STILL_CONTRAST
    )


def _spread(shown: Sequence[Estimate], name: str) -> float:
    """Return the ratio of the ends between which the median of a value lies, two times in three.

    They are a standard error of the share of images that are below the median away from it.
    """
    values, weights = np.array([getattr(one, name) for one in shown]), _weights(shown)
    error = 0.5 * np.sqrt((weights**2).sum()) / weights.sum()
    low, high = (weighted_median(values, weights, 0.5 + end) for end in (-error, error))
    return high / low


def _sizes(shown: Sequence[Estimate]) -> list[int]:
    """Return how many images have radii of about one size, for each size clearly apart."""
    radii = np.sort([one.radius_px for one in shown if one.count >= _TELLING_NUCLEI])
    groups = np.split(radii, np.flatnonzero(radii[1:] > _APART * radii[:-1]) + 1)
    return [len(group) for group in groups]


def _size_count(shown: Sequence[Estimate]) -> int:
    """Return how many groups of images have radii clearly apart; a few images are no group."""
    least = max(_LEAST_GROUP, len(shown) / _GROUP_SHARE)
    return max(1, sum(size >= least for size in _sizes(shown)))


def _ratio(shown: Sequence[Estimate], name: str) -> float:
    """Return a great over a small one of the values of some images; 1 of hardly any.

    Where most show few nuclei, some may show debris alone, which is smaller, or brighter. So it is
    the square of the lesser ratio of what lies above, and below, most to the median.
    """
    telling = [one for one in shown if one.count >= _TELLING_NUCLEI]
    if 2 * len(telling) < len(shown):
        low, middle, high = _fifths([one for one in shown if one.count >= _FEWEST_NUCLEI], name)
        return min(high / middle, middle / low) ** 2
    if len(telling) < 2 * _LEAST_GROUP:
        return 1.0
    end = max(_LEAST_GROUP - 1, len(telling) // _END)
    ordered = sorted(getattr(one, name) for one in telling)
    ratio = float(ordered[-1 - end] / ordered[end])
    if len(telling) < 2 * _END:
        ratio = min(ratio ** _as_of_many(end, len(telling)), float(ordered[-1] / ordered[0]))
    return ratio


def _as_of_many(end: int, count: int) -> float:
    """Return how much farther apart, as logarithms, ends are without a seventh of many images.

    Those of few are without more than that; where an end lies is that of a logistic distribution.
    """
    return max(1.0, math.log(_END - 1) / math.log((count + 0.25) / (end + 0.625) - 1))


def _fifths(images: Sequence[Estimate], name: str) -> list[float]:
    """Return what a fifth of the values of some images is below, the median, and what is above."""
    if len(images) < 2 * _LEAST_GROUP:
        return [1.0, 1.0, 1.0]
    values, equal = np.array([getattr(one, name) for one in images]), np.ones(len(images))
    return [weighted_median(values, equal, share) for share in (0.2, 0.5, 0.8)]


def _weights(shown: Sequence[Estimate]) -> NDArray[np.float64]:
    """Return how much the images weigh in a pool: as the nuclei that they show, up to 50."""
    return np.array([min(one.count, _FULL_WEIGHT_NUCLEI) for one in shown], np.float64)


def weighted_median(
    values: NDArray[np.float64], weights: NDArray[np.float64], share: float = 0.5
) -> float:
    """Return the median where each value counts as much as its weight; 0 of none.

    It is another quantile where its share is another.
    """
    if not len(values):
        return 0.0
    if values is weights:  # then equal ones weigh the same, and need no order
        values = weights = np.sort(values)
    else:
        order = np.lexsort((weights, values))
        values, weights = values[order], weights[order]
    sums = weights.cumsum()
    return float(values[sums.searchsorted(sums[-1] * share)])
