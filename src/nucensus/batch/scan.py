"""See what a folder holds, and what is left to choose, before anything is counted."""

import os
from collections.abc import Callable, Iterable, Sequence

from .._dataclass import dataclass
from ..discover import LeftOut, PlateView, Survey, select, survey, view_plates
from ..errors import InputError, NotAPlaneError, NucensusError
from ..read import SUFFIXES, open_scenes
from ..read.levels import find_scene
from ..read.scene import choose_index
from ..values import ImageRef, Selection
from .plan import expand

_OPENED = 16
"""Files that are opened, some milliseconds each. Larger: slower, and surer of the channels."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The content of the inputs, and which images of it would be counted.

    Attributes
    ----------
    found : Survey
        Everything, before anything is chosen.
    plates : list of PlateView
    images : list of ImageRef
        Those that would be counted, also those that are missing; none where a
        choice is left.
    left_out : LeftOut
        What the choice passes over.
    question : str
        What is left to choose; "" if nothing is.
    """

    found: Survey
    plates: list[PlateView]
    images: list[ImageRef]
    left_out: LeftOut
    question: str = ""

    @property
    def there(self) -> list[ImageRef]:
        """The images that are not missing."""
        return [each for each in self.images if not each.problem]


def preview(
    inputs: Iterable[str | os.PathLike[str]],
    selection: Selection,
    on_image: Callable[[], object] = bool,
) -> Preview:
    """Return what `inputs` hold, and which images the selection takes.

    `on_image` is called for each image that is found.

    Raises
    ------
    InputError
        An input does not exist, or holds no image; or what is chosen is not there.
    """
    left_out = LeftOut()
    found = survey(inputs, SUFFIXES, selection, on_image)
    selected = select(
        found.references, lambda: found.references, selection.plane,
        reads_words=selection.pattern is None, left_out=left_out,
    )  # fmt: skip
    images, question = [], ""
    try:
        images = list(expand(selected))
    except InputError as error:
        if str(selection.plane):
            raise
        question = str(error)
    return Preview(found, view_plates(found.placed), images, left_out, question)


def refusals(images: Sequence[ImageRef]) -> tuple[int, list[str]]:
    """Open some of the images; return how many, and what those say that would be refused.

    They ask for a channel, plane, time or scene. A file that cannot be read is
    none of them: it becomes a failed row of the run, with its reason.
    """
    opened = images[:: max(1, len(images) // _OPENED)][:_OPENED]
    refused = []
    for each in opened:
        try:
            with open_scenes(each.path) as scenes:
                choose_index(find_scene(scenes, each.plane), each.plane)
        except NotAPlaneError as error:
            refused.append(f"{each.name}: {error}")
        except NucensusError:
            continue
    return len(opened), refused
