"""The comparison of every way to run a function: the table, what follows from it, what to paste."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..._dataclass import dataclass
from ..._version import __version__
from ...errors import MissingPackageError
from .chart import draw
from .code import code
from .compared import Compared
from .findings import Timing
from .page import fragment
from .recommend import recommend
from .table import table_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Comparison(Compared):
    """Every way to run a function over some images, timed; in a notebook it shows itself.

    Attributes
    ----------
    timings : tuple of Timing
        A row for each function and way, also for those that cannot be taken here.
    profiles : dict of str to Profile
        What one call of each function takes, by the name of the function.
    places : dict of str to str
        Where each function is written, FILE.py:name or module:name; "" if it was given itself.
    images : int
    workers : int
        How many threads or processes each parallel way had.
    machine : dict
    errors : dict of str to str
        The images that the function failed for, and how.
    in_memory : bool
        The images were given as arrays.
    """

    @property
    def recommendation(self) -> str:
        """What to take, on how many cores and which system, why, and what would change that."""
        return " ".join(recommend(self))

    def code(self) -> str:
        """Return what to paste: the best way with nucensus, and without it."""
        return code(self)

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame, a row for each function and way."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPackageError("pandas", "A data frame", "bench") from error
        return pandas.DataFrame([_record(each) for each in self.timings])

    def chart(self) -> "Figure":
        """Return the chart (matplotlib): seconds by way, and seconds over cores."""
        return draw(self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        everything = {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "images": self.images,
            "workers": self.workers,
            "recommendation": self.recommendation,
            "timings": [
                {**_record(each), "samples_s": each.samples_s, "differs": each.differs}
                for each in self.timings
            ],
            "profiles": {name: asdict(each) for name, each in self.profiles.items()},
            "predictions": {
                name: {
                    way: {cores: asdict(each) for cores, each in curve.items()}
                    for way, curve in self.predictions(name).items()
                }
                for name in self.profiles
            },
            "errors": dict(self.errors),
            "machine": dict(self.machine),
        }
        plain: dict[str, Any] = _finite(everything)
        return plain

    def _repr_html_(self) -> str:
        return fragment(self)

    def __str__(self) -> str:
        return f"{table_text(self)}\n{self.recommendation}"

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.timed)} ways over {self.images} images>"


def _finite(value: Any) -> Any:
    """Return the value with None for numbers that are not finite, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _record(timing: Timing) -> dict[str, Any]:
    is_timed = bool(timing.samples_s)
    low, high = timing.interval_s if is_timed else (None, None)
    return {
        "function": timing.function,
        "way": timing.way.name,
        "ran": timing.ran,
        "load_s": timing.load_s if is_timed else None,
        "warm_up_s": timing.warm_up_s if is_timed else None,
        "work_s": timing.work_s if is_timed else None,
        "total_s": timing.total_s if is_timed else None,
        "low_s": low,
        "high_s": high,
        "passes": len(timing.samples_s),
        "busy_cores": timing.busy_cores if is_timed else None,
        "locked": timing.locked,
        "sent_bytes": timing.sent_bytes,
        "sent_s": timing.sent_s,
        "peak_memory_bytes": timing.peak_memory_bytes or None,
        "failure": timing.failure,
        "differs": len(timing.differs),
    }
