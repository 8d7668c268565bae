"""Open a run with what its wells were treated with, whenever that is known."""

import os

from ..discover import read_metadata
from ..store import Run


def open_run(
    path: str | os.PathLike[str], *, metadata: str | os.PathLike[str] | None = None
) -> Run:
    """Return the run in a folder; its wells treated as a table says, in place of what it recorded.

    Nothing is counted again, and the run file stays as it is.

    Parameters
    ----------
    path : path
        The folder of the run, or the run file in it.
    metadata : path, optional
        A CSV, Excel or Parquet file: a list of wells, or a map of the plate.

    Raises
    ------
    InputError
        The table cannot be read, or none of its wells is that of an image.
    RunError
        There is no run.

    Examples
    --------
    >>> run = open_run("run/", metadata="plate.xlsx#Layout")   # doctest: +SKIP
    >>> well_table(run).to_pandas()                            # doctest: +SKIP
    """
    run = Run(path)
    if metadata is not None:
        run.treat(read_metadata(os.fspath(metadata)))
    return run
