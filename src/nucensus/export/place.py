"""Where the files of an export go."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from ..store import NUCLEUS_COLUMNS, ImageRow, Nuclei, Run
from ..text.files import ignores_case
from ..text.names import safe_path

Where: TypeAlias = dict[str, NDArray[Any]]
"""Where nuclei are along each axis, y and x to a fraction of a pixel where that is known."""


SIZES = {each.axis: each.scale for each in NUCLEUS_COLUMNS if each.scale and each.axis}
SCALES = tuple(dict.fromkeys(each.scale for each in NUCLEUS_COLUMNS if each.scale))
"""The columns that state the size of a pixel along each axis, in micrometres; and of any."""


def one_file(target: Path, name: str) -> Path:
    """Return `target` if it ends as `name` does, else `name` in the folder `target`."""
    return target if target.suffix.lower() == Path(name).suffix else target / name


def two_files(target: Path, suffix: str) -> tuple[Path, Path]:
    """Return where the tables of nuclei and of images go: `target` may name the first."""
    nuclei = one_file(target, f"nuclei{suffix}")
    images = f"images{suffix}" if nuclei != target else f"{target.stem}_images{suffix}"
    return nuclei, nuclei.with_name(images)


def file_per_image(
    run: Run, folder: Path, suffix: str
) -> Iterator[tuple[Path, ImageRow, Nuclei, Where]]:
    """Yield each image that was done with the path of its own file below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    has_subpixel = run.has_subpixel
    path_of = distinct_paths(folder)
    for row, nuclei in run.found_images():
        where: Where = {axis: nuclei[axis] for axis in axes_of(nuclei)}
        if has_subpixel:
            where["y"], where["x"] = run.subpixel_of(row["name"]).T
        yield path_of(f"{safe_path(row['name'])}{suffix}"), row, nuclei, where


def distinct_paths(folder: Path) -> Callable[[str], Path]:
    """Return a function that gives each name below `folder` a path that no other name got.

    Where `a.tif` and `A.tif` would be one file, the second is numbered.
    """
    return numbered_paths(folder) if ignores_case(folder) else folder.joinpath


def numbered_paths(folder: Path) -> Callable[[str], Path]:
    """Return `distinct_paths` of a folder that takes `a.tif` and `A.tif` for one name."""
    given: Counter[str] = Counter()

    def path_of(name: str) -> Path:
        given[name.casefold()] += 1
        count = given[name.casefold()]
        path = folder / name
        return path if count == 1 else path.with_name(f"%{count}~{path.name}")

    return path_of


def axes_of(nuclei: Nuclei) -> str:
    """Return the axes along which nuclei have a place."""
    return "zyx" if "z" in (nuclei.dtype.names or ()) else "yx"
