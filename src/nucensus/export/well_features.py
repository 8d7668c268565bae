"""What the well table says of measurements of nuclei: statistics, and how many are positive."""

from collections import Counter
from dataclasses import field

import numpy as np

from .._dataclass import dataclass
from ..store import ImageRow, Nuclei, Run
from ..values import column_of, name_of
from .positives import wilson
from .rows import measured_micrometres
from .spread import Quartiles

_MEASURED = {
    "area_px": "AreaPx", "mean": "OutlineMean", "integrated": "OutlineIntegrated",
    "major_px": "MajorPx", "minor_px": "MinorPx", "solidity": "Solidity",
    "area_um2": "AreaUm2", "major_um": "MajorUm", "minor_um": "MinorUm",
}  # fmt: skip
"""What is measured within outlines or regions, and what its columns are called."""
_STATISTICS = ("Mean", "SD", "Median", "Q1", "Q3")
_POSITIVE = ("Count", "Percent", "PercentLow", "PercentHigh")
"""What is said of a measurement, and of the nuclei that are positive."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """Which measurements of a run the well table has, by the columns of nuclei.

    Attributes
    ----------
    measured, positive : dict of str to str
        What the columns of the well table are called.
    """

    measured: dict[str, str]
    positive: dict[str, str]

    @classmethod
    def of(cls, run: Run) -> "Measurements":
        """Return those that a run has."""
        there = {each.name for each in run.nucleus_columns}
        measured = {name: shown for name, shown in _MEASURED.items() if name in there}
        for channel in run.others.channels:
            start = f"{column_of(channel)}_"
            for name in run.others.columns:
                if name.startswith(start):
                    words = name.removeprefix(start).split("_")
                    measured[name] = start + "".join(word.title() for word in words)
        return cls(measured, {f"{name_of(fact)}_positive": name_of(fact) for fact in run.positive})

    @property
    def columns(self) -> list[str]:
        """The columns of the well table."""
        statistics = [f"{name}_{of}" for name in self.measured.values() for of in _STATISTICS]
        shares = [f"{name}_Positive{of}" for name in self.positive.values() for of in _POSITIVE]
        return [f"Nuclei_{name}" for name in (*statistics, *shares)]


@dataclass(slots=True)
class Measured:
    """The measurements of the nuclei of a well."""

    values: dict[str, Quartiles] = field(default_factory=dict)
    positive: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)

    def add(self, row: ImageRow, nuclei: Nuclei, of: Measurements) -> None:
        """Take in the nuclei of an image."""
        known = {name: nuclei[name] for name in nuclei.dtype.names or ()}
        known |= measured_micrometres(nuclei, row) if of.measured else {}
        for name in of.measured.keys() & known.keys():
            self.values.setdefault(name, Quartiles(name)).add(known[name])
        for name in of.positive:
            self.positive[name] += int(np.count_nonzero(nuclei[name] == 1))
            self.judged[name] += int(np.count_nonzero(nuclei[name] >= 0))

    def features(self, of: Measurements) -> list[float]:
        """Return the values of the columns; what cannot be known is NaN."""
        features: list[float] = []
        for name in of.measured:
            features += self.values.get(name, Quartiles(name)).statistics()
        for name in of.positive:
            count, judged = self.positive[name], self.judged[name]
            shares = (count / judged if judged else np.nan, *wilson(count, judged))
            features += [count if judged else np.nan, *(100 * share for share in shares)]
        return features
