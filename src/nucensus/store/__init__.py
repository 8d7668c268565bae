"""The run file: one SQLite database that holds every image's outcome.

An image's status and its centres are one row of one table, so they go in
together or not at all. Only the process that owns the run writes it.

Tables of schema 10
    run(key, value)   settings, strategy, versions, ...: JSON by name
    journal(...)      one row per image that was ever listed; `centres` holds its
                      nuclei as packed records of `NUCLEUS_RECORD`, and `checksum`
                      tells whether they are as they were written; `position` is
                      its place in the listing, NULL once it is not there any more
    sample(...)       the images that the run learned from, as they were then
    images(...)       the rows of the present listing; `id` is the position: what
                      readers should ask

What lasts: on a local disk the journal is a write-ahead log. A commit outlives
the death of the process at once, and a power cut once the log was copied, every
few megabytes; what a power cut takes is redone. On a network disk it is a
rollback journal, and each commit is on the disk when it returns.
"""

from typing import TYPE_CHECKING

from .._lazy import names_of
from .database import IMAGE_COLUMNS, SCHEMA_VERSION, remove_run, working_copy
from .done import is_done, show_start
from .facts import FACTS_VERSION, Facts, StartFact
from .image_columns import IMAGES, LEARNED_DIGEST, Column, ImageColumns
from .lock import LOCK_FILE
from .nucleus_columns import NUCLEUS_COLUMNS, NucleusColumn, in_micrometres, known_values
from .packing import (
    NUCLEUS_RECORD,
    VOLUME_RECORD,
    ImageRow,
    Nuclei,
    as_records,
    as_volume,
    plane_of,
    points_of,
    unpack_nuclei,
)
from .repeated import repeated_places
from .run import AnyRun, Run, as_run
from .sample import Origin, Sampled
from .table import Table
from .tables import tables_now
from .totals import describe_pools
from .writer import RunWriter

if TYPE_CHECKING:
    from .corrections import Correction, add_corrections, describe_corrections, read_corrections
    from .in_bucket import runs_named
else:
    __getattr__ = names_of(__name__, {
        "corrections": "Correction add_corrections describe_corrections read_corrections",
        "in_bucket": "runs_named",
    })  # fmt: skip

__all__ = [
    "FACTS_VERSION",
    "IMAGES",
    "IMAGE_COLUMNS",
    "LEARNED_DIGEST",
    "LOCK_FILE",
    "NUCLEUS_COLUMNS",
    "NUCLEUS_RECORD",
    "SCHEMA_VERSION",
    "VOLUME_RECORD",
    "AnyRun",
    "Column",
    "Correction",
    "Facts",
    "ImageColumns",
    "ImageRow",
    "Nuclei",
    "NucleusColumn",
    "Origin",
    "Run",
    "RunWriter",
    "Sampled",
    "StartFact",
    "Table",
    "add_corrections",
    "as_records",
    "as_run",
    "as_volume",
    "describe_corrections",
    "describe_pools",
    "in_micrometres",
    "is_done",
    "known_values",
    "plane_of",
    "points_of",
    "read_corrections",
    "remove_run",
    "repeated_places",
    "runs_named",
    "show_start",
    "tables_now",
    "unpack_nuclei",
    "working_copy",
]  # fmt: skip
