"""Call the images of a run and those of a truth alike."""

import os
import unicodedata

from ..read import SUFFIXES


def field_name(name: str) -> str:
    """Return the name of an image without its folder and ending, however accents are stored."""
    stem, ending = os.path.splitext(unicodedata.normalize("NFC", os.path.basename(name)))
    return stem if ending.lower() in SUFFIXES else stem + ending
