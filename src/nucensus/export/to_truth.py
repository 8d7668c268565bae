"""The nuclei of corrected images as a truth: what `nucensus evaluate` takes."""

from pathlib import Path

from ..store import Run
from ..text.files import atomic_write
from .place import one_file
from .provenance import Provenance
from .rows import comma_line


def write(run: Run, target: Path, _: Provenance) -> list[Path]:
    """Write a row for each nucleus of a corrected image; of none a row without places."""
    names = [each["image"] for each in run.corrections]
    path = one_file(target, "truth.csv")
    has_subpixel = run.has_subpixel
    with atomic_write(path) as partial, open(partial, "wb") as file:
        file.write(comma_line(("image", "y", "x")))
        for name in names:
            nuclei = run.nuclei_of(name)
            fine = run.subpixel_of(name).T if has_subpixel else (nuclei["y"], nuclei["x"])
            places = list(zip(*(each.tolist() for each in fine), strict=True)) or [("", "")]
            file.writelines(comma_line((name, *place)) for place in places)
    return [path]
