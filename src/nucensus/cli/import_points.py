"""`nucensus import`."""

import getpass
from pathlib import Path

import click

from ..text.plurals import pluralize
from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option


@click.command(
    cls=Command,
    epilog="Example: nucensus import run for-qupath/A01_s1.tif.geojson --by Anna",
)
@click.argument("folder", type=Destination(), metavar="RUN")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE...",
)  # fmt: skip
@click.option("--image", metavar="NAME", help="The image that FILE is of, if its name is another.")
@click.option("--by", metavar="NAME", help="Who corrected them.  [default: the user's name]")
@progress_option
def command(
    folder: Path | str, files: tuple[Path, ...], image: str | None, by: str | None, progress: str
) -> None:
    """Take back nuclei that were moved, added or removed by hand.

    FILE holds all nuclei of an image, as they are now: points that napari saved (CSV), what QuPath
    exported (GeoJSON), or a table of images with the columns image, y and x, such as the truth
    that nucensus tune saves. wells, report and export show the corrected counts from then on, and
    say so; the run file stays as it was counted.
    """
    from ..errors import InputError
    from ..score.read_points import read_points
    from ..store import Run, add_corrections

    if image is not None and len(files) > 1:
        raise InputError(
            f"--image was given for {len(files)} files; expected one; import each alone"
        )
    who = by or getpass.getuser()
    with Run(folder) as run:
        corrections = []
        with counted_images(progress, "taken back") as on_image:
            for file in files:
                for name, points in read_points(file, run, image).items():
                    corrections.append(run.correction(name, points, by=who, source=file.name))
                    on_image()
        _refuse_left(run.correct(corrections))
        place = add_corrections(folder, corrections)
        for each in run.corrections:
            now_there = pluralize(each["corrected"], "nucleus")
            click.echo(
                f"{each['image']}: {now_there}, {each['counted']} counted "
                f"({each['added']} added, {each['removed']} removed)"
            )
    click.echo(f"Written: {place}; wells, report and export show the corrected counts.")


def _refuse_left(left: dict[str, str]) -> None:
    from ..errors import InputError

    for name, why in left.items():
        raise InputError(
            f"{name!r} cannot be corrected: {why}; expected an image of one plane that was "
            f"counted, whose file has not changed; nothing was taken"
        )
