"""Find what programs made of pictures, by the folder it lies in: masks/, output/."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from .._dataclass import dataclass
from ..text.patterns import late
from .version_words import is_mask_folder, is_version_folder

_MASKS = late(
    r"(?:\w+[_\-. ])?(?:masks?|labels?|annotations?|seg\w*|gt|(?:ground[_\- ]?)?truths?)",
    re.IGNORECASE,
)
"""A folder of pictures that have names of their own, one for each object: masks/1.png, 2.png."""
_LAST = re.compile(r"[_\-. ]+[^_\-. /]+$")
_MOST_LAST = 2
"""Words behind the name of a picture that may tell what was made of it: output/x_Nuclei_2.tif."""
_MOST_KEPT = 1 << 14
"""Names and folders that are remembered. Larger: they meet that are farther apart in a listing."""


@dataclass(slots=True)
class Results:
    """Pictures that lie in a folder for results, and the folders of others."""

    _made: dict[str, str] = field(default_factory=dict)
    _homes: dict[str, str] = field(default_factory=dict)
    _masks: dict[str, str] = field(default_factory=dict)
    _alike: dict[str, str] = field(default_factory=dict)
    _beside: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, rest: str, *, is_original: bool) -> None:
        """Note a name, and of which picture it is a version, or that it is the picture itself."""
        home = rest[: rest.rfind("/") + 1]
        if is_original:
            if home not in self._homes:
                _keep(self._homes, home, name)
            if home:
                above = home.rfind("/", 0, -1) + 1
                _keep(self._beside, home[:above] + rest[len(home) :], name)
            return
        folder = os.path.basename(os.path.dirname(name))
        if is_version_folder(folder):
            for picture in _shortened(rest):
                _keep(self._made, picture, name)
            if _MASKS.fullmatch(folder):
                _keep(self._masks, home, name)
            if is_mask_folder(folder):
                _keep(self._alike, rest, name)

    def pair(self, pictures: Mapping[str, tuple[str, str]]) -> tuple[str, str] | None:
        """Return a picture, of which there is a name by its stem, and one that was made of it."""
        for stem, name in self._made.items():
            if stem in pictures:
                return pictures[stem][1], name
        for picture, name in self._alike.items():
            if picture in self._beside:
                return self._beside[picture], name
        for home, name in self._masks.items():
            if home in self._homes:
                return self._homes[home], name
        return None


def _keep(names: dict[str, str], key: str, name: str) -> None:
    if len(names) < _MOST_KEPT:
        names.setdefault(key, name)


def _shortened(stem: str) -> Iterator[str]:
    """Yield a name without its last words."""
    for _ in range(_MOST_LAST):
        match = _LAST.search(stem)
        if match is None:
            return
        stem = stem[: match.start()]
        yield stem
