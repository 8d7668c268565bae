"""What was timed, which way is the best, and what follows for other numbers of cores."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..._dataclass import dataclass
from ...errors import InputError
from ...execute import STRATEGIES, Strategy, strategy_named
from .findings import Profile, Timing
from .predict import CORES, Circumstances, Prediction, predict


@dataclass(frozen=True)
class Compared:
    """Every way to run a function over some images, timed; `Comparison` says what is what."""

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
