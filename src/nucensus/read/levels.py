"""Choose the level of resolution of a scene."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ..errors import NotAPlaneError
from ..values import Plane
from .scene import Scene, choose_scene


def find_scene(scenes: Sequence[Scene], plane: Plane) -> Scene:
    """Return the scene that `plane` means, at its level of resolution, or say which there are."""
    return at_level(choose_scene(scenes, plane.scene), plane.level)


def at_level(scene: Scene, level: int) -> Scene:
    """Return a scene at a level of resolution: 0 is full size, 1 the next smaller one.

    Raises
    ------
    NotAPlaneError
        There is no such level; the message lists those there are.
    """
    if level == 0:
        return scene
    levels = [scene, *_smaller(scene)]
    if 0 < level < len(levels):
        if levels[level].left_out:
            raise NotAPlaneError(f"level {level} is left out: {levels[level].left_out}")
        return levels[level]
    sizes = (" x ".join(map(str, each.shape)) for each in levels)
    there = ", ".join(f"{number} ({size})" for number, size in enumerate(sizes))
    raise NotAPlaneError(
        f"the image has no level {level} of resolution; there {'are' if levels[1:] else 'is'} "
        f"{there}; choose with --level, or leave it out for full size"
    )


def _smaller(scene: Scene) -> list[Scene]:
    """Return a scene at its lower resolutions, from large to small.

    Where the file states no size of their pixels, these are as much larger as there are fewer.
    """
    levels = []
    for each in sorted(scene.reduce(), key=lambda each: -math.prod(each.shape)):
        y, x = (_factor(*sides) for sides in zip(scene.shape, each.shape, strict=True))
        size = each.pixel_size if each.pixel_size.y else scene.pixel_size.scaled(y, x)
        level = replace(
            each, channels=scene.channels, pixel_size=size, name=scene.name,
            is_colour=scene.is_colour, is_aside=scene.is_aside, downsample=(y, x),
        )  # fmt: skip
        levels.append(level)
    return levels


def _factor(full: int, reduced: int) -> float:
    """Return how many pixels became one: a whole number, where the sides agree with one.

    Examples
    --------
    >>> _factor(1001, 501), _factor(1001, 250), _factor(1000, 667)
    (2, 4, 1.4992503748125936)
    """
    ratio = full / reduced
    return round(ratio) if abs(full - round(ratio) * reduced) < round(ratio) else ratio
