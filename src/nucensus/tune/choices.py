"""What a file with several channels, planes or times leaves to choose, and what people call it."""

from collections.abc import Iterable
from contextlib import suppress

from ..errors import NucensusError
from ..read import open_scenes
from ..read.scene import main_scenes
from ..values import ImageRef

AXES = {"channel": "c", "z": "z", "time": "t"}
"""Axes that are chosen on, and their letters in a file."""

Choices = dict[str, dict[str, str]]
"""By axis: what is chosen, and what people call it."""


def choices_of_files(images: Iterable[ImageRef]) -> Choices:
    """Return what the first file that can be read leaves to choose; every axis is there."""
    for each in images:
        with suppress(NucensusError), open_scenes(each.path) as scenes:
            scene = main_scenes(scenes)[0]
            channels = scene.sample_names
            return {
                axis: {
                    str(index): (axis == "channel" and channels.get(str(index))) or str(index)
                    for index in range(scene.sizes.get(letter, 1))
                }
                for axis, letter in AXES.items()
            }
    return {}
