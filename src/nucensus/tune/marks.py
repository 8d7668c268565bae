"""Keep the marks of the page beside a run, as corrections of its images."""

import os
from collections.abc import Sequence

from .._dataclass import dataclass
from ..errors import InputError
from ..store import Run, add_corrections, read_corrections
from ..values import ImageRef

SOURCE = "nucensus tune"


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of the images that the page shows.

    Attributes
    ----------
    run : path
        The folder of the run that they are kept beside.
    images : sequence of ImageRef
        Those of the page, in their order, which are called as in the run.
    by : str
        Who marks.
    """

    run: str | os.PathLike[str]
    images: Sequence[ImageRef]
    by: str

    def __post_init__(self) -> None:
        with Run(self.run) as run:
            known = {name for (name,) in run.rows("name")}
        if not known & {each.name for each in self.images}:
            raise InputError(
                f"the run in {os.fspath(self.run)!r} has none of these images; expected the inputs "
                f"that it was made from; name these, or another run with --keep"
            )
        if any(each.plane.z == "volume" for each in self.images):
            raise InputError(
                "these images are volumes, and only images of one plane can be corrected; leave "
                "--keep out, or count a projection (--z max)"
            )

    def read(self) -> dict[int, list[tuple[float, float]]]:
        """Return (row, column) of the nuclei that are kept, by the number of the image."""
        kept = {each.image: each.points for each in read_corrections(self.run)}
        numbered = enumerate(each.name for each in self.images)
        return {number: kept[name] for number, name in numbered if name in kept}

    def keep(self, index: int, points: Sequence[Sequence[float]] | None) -> None:
        """Keep the nuclei of an image as they are now; None forgets what was kept of it."""
        image = self.images[index]
        if points is None:
            add_corrections(self.run, [], forget=image.name)
            return
        with Run(self.run) as run:
            if run.find_image(image.name) is None:
                raise InputError(f"{image.name!r} is no image of the run, so no mark of it is kept")
            places = [(float(y), float(x)) for y, x in points]
            correction = run.correction(image.name, places, by=self.by, source=SOURCE)
            for why in run.correct([correction]).values():
                raise InputError(f"{image.name!r} cannot be corrected: {why}")
        add_corrections(self.run, [correction])
