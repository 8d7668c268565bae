"""The ways to run that are compared: a strategy, how processes start, how large chunks are."""

from collections.abc import Iterable

from ..._dataclass import dataclass
from ...execute import OTHERS, STRATEGIES, Strategy, strategy_named

AUTO = "auto"
EVERY = (*STRATEGIES, AUTO, *OTHERS)
"""The names of the strategies that are compared unless the user chooses among them."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run over many images.

    Attributes
    ----------
    strategy : str
        The name of a strategy, or `auto`.
    start_method : str
        How its processes are started; "" is what this Python does by itself.
    chunk_size : int
        How many images a process gets at a time; 0 is what the strategy does by itself.
    """

    strategy: str
    start_method: str = ""
    chunk_size: int = 0

    @property
    def name(self) -> str:
        """What the way is called in tables, as `pool-disk (spawn, chunks of 4)`."""
        chunks = f"chunks of {self.chunk_size}" if self.chunk_size else ""
        more = ", ".join(filter(None, (self.start_method, chunks)))
        return f"{self.strategy} ({more})" if more else self.strategy

    @property
    def described(self) -> Strategy | None:
        """What the strategy can do; None of `auto`, which is any of them."""
        return None if self.strategy == AUTO else strategy_named(self.strategy)


def ways_of(
    strategies: Iterable[str], start_methods: Iterable[str], chunk_sizes: Iterable[int]
) -> list[Way]:
    """Return the ways that are asked for: each strategy as it is, then the variants it has."""
    ways = [Way(name) for name in strategies]
    described = [(way.strategy, way.described) for way in ways]
    for name, strategy in described:
        if strategy is None:
            continue
        if strategy.takes_start_method:
            ways += [Way(name, start_method=method) for method in start_methods]
        if strategy.takes_chunks:
            ways += [Way(name, chunk_size=size) for size in chunk_sizes]
    return ways


def swept_sizes(images: int, workers: int) -> tuple[int, ...]:
    """Return the chunks to try beside a quarter of a worker's share: one image, the whole share."""
    quarter, share = (-(-images // (parts * workers)) for parts in (4, 1))
    return tuple(sorted({1, share} - {quarter}))
