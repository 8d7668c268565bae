"""Call the images of a run and those of a truth alike."""

import os

from ..read import SUFFIXES


def field_name(name: str) -> str:
    """Return the name of an image without its folder and ending."""
    stem, ending = os.path.splitext(os.path.basename(name))
    return stem if ending.lower() in SUFFIXES else stem + ending
