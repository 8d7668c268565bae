"""Record which nuclei of a run are positive; thresholds follow from all images of a plate."""

import os
import threading
from collections.abc import Sequence

from ..export import write_csv
from ..export.positives import choose_positives
from ..store import RunWriter, working_copy
from ..values import Positive


def record_positive(out: str | os.PathLike[str], rules: Sequence[Positive]) -> None:
    """Choose the thresholds of the run in `out`, record them, and write its tables anew.

    Nothing is counted. With new images they are chosen again.

    Raises
    ------
    InputError
        As `choose_positives`.
    RunError
        Somebody else writes the run, or it cannot be written.
    """
    with working_copy(out, threading.Event()) as folder, RunWriter(folder) as writer:
        writer.record_facts(positive=choose_positives(writer.view(), rules))
        with writer.explained():
            write_csv(writer.view(), folder or out)
        writer.record_tables()


def choose_again(writer: RunWriter) -> None:
    """Choose thresholds that were recorded again: there are other images."""
    rules = [
        Positive(each["column"], each["threshold"], tuple(each["controls"]))
        for each in writer.about.positive
    ]
    writer.record_facts(positive=choose_positives(writer.view(), rules))
