"""Where the files of an export go."""

from collections.abc import Iterator
from pathlib import Path

from ..names import below
from ..store import ImageRow, Nuclei, Run


def one_file(target: Path, name: str) -> Path:
    """Return `target` if it ends as `name` does, else `name` in the folder `target`."""
    return target if target.suffix.lower() == Path(name).suffix else target / name


def two_files(target: Path, suffix: str) -> tuple[Path, Path]:
    """Return where the tables of nuclei and of images go: `target` may name the first."""
    nuclei = one_file(target, f"nuclei{suffix}")
    images = f"images{suffix}" if nuclei != target else f"{target.stem}_images{suffix}"
    return nuclei, nuclei.with_name(images)


def file_per_image(run: Run, folder: Path, suffix: str) -> Iterator[tuple[Path, ImageRow, Nuclei]]:
    """Yield each image that was done with the path of its own file below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for row, nuclei in run.found_images():
        yield folder / f"{below(row['name'])}{suffix}", row, nuclei
