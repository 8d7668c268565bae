"""Open a run with what is known of its wells and nuclei later than it was counted."""

import os
from collections.abc import Iterable

from ..discover import read_metadata
from ..store import Run, read_corrections
from ..values.positives import rules_of
from .positives import choose_positives


def open_run(
    path: str | os.PathLike[str],
    *,
    metadata: str | os.PathLike[str] | None = None,
    positive: str | Iterable[str] = (),
    negative_control: str | Iterable[str] = (),
) -> Run:
    """Return the run in a folder, as it was corrected (`nucensus import`), treated, ...

    Other treatments and positive nuclei than it recorded may be given.

    Nothing is counted again, and the run file stays as it is.

    Parameters
    ----------
    path : path
        The folder of the run, or the run file in it.
    metadata : path, optional
        A CSV, Excel or Parquet file: a list of wells, or a map of the plate.
    positive : str or iterable of str
        Which nuclei are positive, as "GFP=auto" or "GFP=350": those whose mean in this
        channel, or whose column of the table of nuclei, is above a threshold. "auto" is
        one for each plate, in the valley between two kinds of nuclei.
    negative_control : str or iterable of str
        Wells by which "auto" is chosen instead: 99 % of their nuclei are below.

    Raises
    ------
    InputError
        The table cannot be read, or none of its wells is that of an image; or the run
        does not have such a measurement, or such wells.
    RunError
        There is no run.

    Examples
    --------
    >>> run = open_run("run/", metadata="plate.xlsx#Layout")   # doctest: +SKIP
    >>> well_table(run).to_pandas()                            # doctest: +SKIP
    >>> run = open_run("run/", positive="GFP=auto")            # doctest: +SKIP
    >>> run.nuclei["GFP_positive"].mean()                      # doctest: +SKIP
    """
    run = Run(path)
    run.correct(read_corrections(path))
    if metadata is not None:
        run.treat(read_metadata(os.fspath(metadata)))
    if rules := rules_of(positive, negative_control):
        run.show_positive(choose_positives(run, rules))
    return run
