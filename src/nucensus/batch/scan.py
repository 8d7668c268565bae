"""See what a folder holds, and what is left to choose, before anything is counted."""

import os
from collections.abc import Callable, Iterable
from dataclasses import field
from itertools import islice

from .._dataclass import dataclass
from ..discover import KeptImages, LeftOut, PlateView, Survey, select, survey, view_plates
from ..errors import InputError, QuestionError
from ..read import SUFFIXES
from ..values import Selection
from .plan import expand, question_of

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
    there : KeptImages
        Those that would be counted and are there; none where a choice is left.
    missing_count : int
        How many that would be counted are not there.
    left_out : LeftOut
        What the choice passes over.
    question : str
        What is left to choose; "" if nothing is.
    choices : dict of str to dict of str to str
        By the axis that the question is about: what can be chosen, and what that is called.
    """

    found: Survey
    plates: list[PlateView]
    there: KeptImages
    missing_count: int
    left_out: LeftOut
    question: str = ""
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


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
        pattern=selection.pattern, left_out=left_out,
    )  # fmt: skip
    there, missing, question = KeptImages(), 0, ""
    choices: dict[str, dict[str, str]] = {}
    try:
        for each in expand(selected):
            if each.problem:
                missing += 1
            else:
                there.add(each)
    except InputError as error:
        if isinstance(error, QuestionError) and not getattr(selection.plane, error.axis):
            choices = {error.axis: error.choices}
        elif str(selection.plane):
            raise
        there, missing, question = KeptImages(), 0, str(error)
    return Preview(found, view_plates(found.placed), there, missing, left_out, question, choices)


def refusals(images: KeptImages) -> tuple[int, list[str]]:
    """Open some of the images; return how many, and what those say that would be refused.

    They ask for a channel, plane, time or scene. A file that cannot be read is
    none of them: it becomes a failed row of the run, with its reason.
    """
    step = max(1, len(images) // _OPENED)
    opened = list(islice(images, 0, step * _OPENED, step))
    asked = ((each.name, question_of(each)) for each in opened)
    return len(opened), [f"{name}: {question}" for name, question in asked if question]
