"""The columns that say which nuclei are positive: they follow from thresholds of plates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values import PositiveFact, name_of
from .nucleus_columns import NucleusColumn, is_known


def positive_column(fact: PositiveFact) -> NucleusColumn:
    """Return the column that says which nuclei are positive."""
    return NucleusColumn(
        f"{name_of(fact)}_positive", "<i4", only="with `--positive`", missing=-1,
        meaning=f"1 if {fact['column']} is above the threshold of the plate, else 0; -1 where "
        f"that is not known", of=lambda _: None,
    )  # fmt: skip


def with_positives(
    nuclei: NDArray[np.void], facts: Sequence[PositiveFact], plate: str
) -> NDArray[np.void]:
    """Return the nuclei of an image on a plate, with these columns."""
    if not facts:
        return nuclei
    columns = [positive_column(fact) for fact in facts]
    kinds: list[Any] = [*nuclei.dtype.descr, *((each.name, each.dtype) for each in columns)]
    records = np.empty(len(nuclei), kinds)
    for name in nuclei.dtype.names or ():
        records[name] = nuclei[name]
    for fact, column in zip(facts, columns, strict=True):
        records[column.name] = _are_positive(nuclei, fact, plate)
    return records


def _are_positive(nuclei: NDArray[np.void], fact: PositiveFact, plate: str) -> NDArray[np.int32]:
    known, names = fact["plates"].get(plate), nuclei.dtype.names or ()
    if known is None or known["threshold"] is None or fact["column"] not in names:
        return np.full(len(nuclei), -1, np.int32)
    values = nuclei[fact["column"]]
    return np.where(is_known(fact["column"], values), values > known["threshold"], -1).astype(
        np.int32
    )
