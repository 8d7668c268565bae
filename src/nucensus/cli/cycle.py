"""`nucensus cycle`."""

from pathlib import Path

import click

from .commands import Command
from .destination import Destination
from .progress import counted_images, progress_option
from .selection import metadata_option
from .wells import print_rows, print_table


@click.command(cls=Command, epilog="Example: nucensus cycle run --by compound")
@click.argument("folder", type=Destination(), metavar="RUN")
@click.option(
    "--by", metavar="NAME", help="Divide each plate by wells (well), or by a column of --metadata."
)
@click.option("--csv", "form", flag_value="csv", help="Print the table as CSV.")
@click.option("--json", "form", flag_value="json", help="Print the table as JSON.")
@metadata_option
@progress_option
def command(
    folder: Path | str, by: str | None, form: str | None, metadata: str | None, progress: str
) -> None:
    """Show how many nuclei of RUN are in G1, S and G2, by their content of DNA.

    The nuclei of RUN have to be those of the detector auto, in a stain of DNA.
    """
    from ..export.cell_cycle import cell_cycle
    from ..export.treated import open_run

    run = open_run(folder, metadata=metadata)
    with counted_images(progress) as run.on_image:
        table = cell_cycle(run, by=by)
    if form:
        print_rows(form, table.dtype.names or (), iter(table.tolist()))
        return
    names = [name for name in table.dtype.names or () if any(table[name].astype(str) != "")]
    print_table(table, [name for name in names if name != "Note"])
    for row in table[table["Note"] != ""]:
        of = ", ".join(filter(None, (row["Plate"], row["Group"])))
        click.echo(f"Note: {f'{of}: ' if of else ''}{row['Note']}", err=True)
