"""Count what a listing leaves out, by reason, and name a few of it."""

import os
import re
from collections import Counter

from ..text.patterns import late
from .unknown_names import channel_word

_OTHER_IMAGES = (
    ".gif", ".bmp", ".jp2", ".j2k", ".jxl", ".jxr", ".webp", ".ims", ".dm3", ".dm4", ".mrc",
    ".mrxs", ".bif", ".oif", ".zvi", ".ics", ".nrrd", ".mha", ".mhd", ".nii", ".c01", ".flex",
    ".sld", ".h5", ".hdf5", ".n5", ".lof", ".xlef", ".vms", ".dcm", ".ser", ".spe", ".r3d",
    ".avi", ".psd", ".heic", ".npy", ".npz", ".fits", ".jfif", ".jpe", ".pgm", ".ppm", ".exr",
)  # fmt: skip
"""Endings of images that other programs read, and this one does not."""
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".tmp")
PASSED_OVER = {
    **dict.fromkeys(
        ("thumb", "thumbs", "thumbnail", "thumbnails", "preview", "previews"),
        "folders of thumbnails",
    ),
    **dict.fromkeys(
        ("$recycle.bin", "#recycle", "@recycle", "@eadir", "lost+found"),
        "recycle bins, and what a file server made for itself",
    ),
}
"""Folders that are passed over, in small letters, and why."""

OF_LIGHT = "images of the light or the camera alone, by their names; to count one, name it alone"
_OF_LIGHT = late(
    r"((?:flat|dark)[_\-. ]?(?:field|frame)s?|background|illumination|shading)(?:[_\-. ]+(.*))?",
    re.IGNORECASE,
)
_BEGINNINGS = frozenset(("flat", "dark", "back", "illu", "shad"))

_NAMED, _LONGEST = 3, 200
"""Names that are kept for each reason, and characters of a name."""


def why_unread(name: str, endings: tuple[str, ...]) -> str:
    """Return why a file or a folder with the name of an image is not read; "" of any other.

    Examples
    --------
    >>> why_unread("a.tif.GZ", (".tif",)), why_unread("notes.gz", (".tif",))
    ('images that are packed; unpack them', '')
    """
    name = name.lower()
    if name.endswith(_OTHER_IMAGES):
        return "images of a format that is not read; export them as TIFF"
    stem, ending = os.path.splitext(name)
    if not stem.endswith((*endings, *_OTHER_IMAGES)):
        return ""
    if ending in _PACKED:
        return "images that are packed; unpack them"
    return "copies of images that are not finished; copy them again" * (ending in _UNFINISHED)


def is_of_light(path: str) -> bool:
    """Tell whether a name is that of a flat field, a dark field or a background, of a channel too.

    Examples
    --------
    >>> is_of_light("a/flatfield.tif"), is_of_light("Dark_field_DAPI.tif")
    (True, True)
    >>> is_of_light("a_flatfield.tif"), is_of_light("background 1.tif")
    (False, False)
    """
    name = os.path.basename(path)
    if name[:4].lower() not in _BEGINNINGS:
        return False
    match = _OF_LIGHT.fullmatch(os.path.splitext(name)[0])
    return match is not None and (not match[2] or channel_word(f"{match[2]}.")[1] == match[2])


class LeftOut(Counter[str]):
    """How many files were left out, by reason; `examples` has the first names of each."""

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, list[str]] = {}

    def note(self, reason: str, name: str) -> None:
        """Count a file or folder that is left out."""
        self[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < _NAMED:
            examples.append(name if len(name) <= _LONGEST else name[:_LONGEST] + "...")

    def lines(self) -> list[str]:
        """Return a line for each reason: how many, why, which.

        Examples
        --------
        >>> left_out = LeftOut()
        >>> left_out.note("thumbnails", "a_thumb.tif")
        >>> left_out.lines()
        ["1 left out: thumbnails ('a_thumb.tif')"]
        """
        return [f"{n} left out: {reason}{self._named(reason)}" for reason, n in self.items() if n]

    def _named(self, reason: str) -> str:
        examples = self.examples.get(reason)
        if not examples:
            return ""
        more = ", ..." if self[reason] > len(examples) else ""
        return f" ({', '.join(map(repr, examples))}{more})"
