"""The comparison of every way to run a function: the table, what follows from it, what to paste."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..._version import __version__
from ...errors import InputError, MissingPackageError
from ...execute import STRATEGIES, Strategy, strategy_named
from .findings import Profile, Timing
from .predict import CORES, Circumstances, Prediction, predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Comparison:
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

    timings: tuple[Timing, ...]
    profiles: Mapping[str, Profile]
    places: Mapping[str, str]
    images: int
    workers: int
    machine: Mapping[str, Any]
    errors: Mapping[str, str]
    in_memory: bool

    @cached_property
    def timed(self) -> tuple[Timing, ...]:
        """The rows of the ways that work here, and that give the results of the first."""
        return tuple(each for each in self.timings if not (each.failure or each.differs))

    @property
    def best(self) -> Timing:
        """The fastest way; the simplest of those that cannot be told apart from it."""
        return self.winners[0]

    @cached_property
    def winners(self) -> tuple[Timing, ...]:
        """The ways that cannot be told apart from the fastest, the simplest first.

        Their intervals overlap, or they are within a twentieth of it.
        """
        if not self.timed:
            reasons = "; ".join(f"{each.name}: {each.failure}" for each in self.timings[:3])
            raise InputError(
                f"no way to run this function worked here ({reasons}); expected one that does; try "
                f"it on one image first"
            )
        fastest = min(self.timed, key=lambda each: each.total_s)
        close = [
            each for each in self.timed
            if each.overlaps(fastest) or each.total_s < 1.05 * fastest.total_s
        ]  # fmt: skip
        return tuple(sorted(close, key=_simplicity))

    @property
    def recommendation(self) -> str:
        """What to take, on how many cores and which system, why, and what would change that."""
        from .recommend import recommend

        return " ".join(recommend(self))

    def predictions(self, function: str = "") -> dict[str, dict[int, Prediction]]:
        """Return what each strategy is predicted to take, by its name and the number of cores.

        Those that were timed here are brought into line with what they took here.
        """
        function = function or next(iter(self.profiles))
        return {
            each.way.strategy: self._curve(each)
            for each in self.timed
            if each.function == function and each.way.name in STRATEGIES and _is_open(each)
        }

    def _curve(self, timing: Timing) -> dict[int, Prediction]:
        known, strategy = self.profiles[timing.function], strategy_named(timing.way.strategy)
        return {cores: self._anchored(known, strategy, timing, cores) for cores in CORES}

    def _anchored(
        self, known: Profile, strategy: Strategy, timing: Timing, cores: int
    ) -> Prediction:
        """Return the prediction, corrected by how far it was off here; that widens its interval."""

        def of(count: int) -> Prediction:
            return predict(known, strategy, Circumstances(self.images, count, "", self.in_memory))

        off = timing.total_s / of(self.workers).seconds
        found = of(cores)
        return Prediction(
            found.seconds * off, found.low * min(1.0, off), found.high * max(1.0, off)
        )

    def code(self) -> str:
        """Return what to paste: the best way with nucensus, and without it."""
        from .code import code

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
        from .chart import draw

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
        from .page import fragment

        return fragment(self)

    def __str__(self) -> str:
        from .table import table_text

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


def _is_open(timing: Timing) -> bool:
    """Tell whether the way is one to be taken for speed: not one that isolates crashes."""
    strategy = timing.way.described
    return strategy is not None and not strategy.isolates_crashes


def _simplicity(timing: Timing) -> tuple[bool, ...]:
    """Return a key that sorts as `auto` prefers, where it makes no difference."""
    strategy = timing.way.described
    if strategy is None:
        return (True,) * 5
    return (
        strategy.parallel, not strategy.in_process, strategy.loads_first,
        not strategy.shares_memory, strategy.isolates_crashes,
    )  # fmt: skip
