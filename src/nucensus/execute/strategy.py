"""The description of a strategy: a way to run over many images."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import field
from typing import Any, TypeAlias

from .._dataclass import dataclass

Work: TypeAlias = Callable[[Any], Any]
Outcomes: TypeAlias = Iterator[tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to run work over many items.

    Attributes
    ----------
    name : str
    summary : str
        What it does, in a few words.
    run : callable
        `run(work, items, workers) -> iterator of (index, outcome)`.
    loads_first : bool
        The items are arrays, all in memory before the work starts; else each
        item is read where it is worked on.
    takes_arrays : bool
        It works on arrays that are in memory already; else on paths only.
    parallel : bool
        It uses more than one worker.
    pickles_work : bool
        The function (and each item) must be picklable.
    shares_memory : bool
        Workers see the arrays of the parent without a copy.
    in_process : bool
        Workers are threads of this process: what they change, all see.
    needs_fork : bool
        It works only where processes can be forked.
    isolates_crashes : bool
        The outcome of an item whose worker died or hung is a `Lost`; the other
        items go on.
    is_published : bool
        It is one of the five ways of the published comparison.
    is_remote : bool
        Workers may be on other machines: they see neither the memory, the lock
        nor the working directory of this process, and come and go.
    takes_start_method : bool
        Its processes are started as `multiprocessing` is told to.
    takes_chunks : bool
        Its `run` takes a `chunk_size`: how many items a worker gets at a time.
    costs : str
        What it costs, in a few words.
    facts : dict
        What a run records of it, beside its name; it may grow while it runs.
    """

    name: str
    summary: str
    run: Callable[[Work, Iterable[Any], int], Outcomes]
    loads_first: bool = False
    takes_arrays: bool = True
    parallel: bool = True
    pickles_work: bool = False
    shares_memory: bool = True
    in_process: bool = True
    needs_fork: bool = False
    isolates_crashes: bool = False
    is_published: bool = False
    is_remote: bool = False
    takes_start_method: bool = False
    takes_chunks: bool = False
    costs: str = ""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """The outcome of an item that has none: its worker died or hung."""

    reason: str


def in_order(outcomes: Outcomes) -> Generator[Any, None, None]:
    """Yield outcomes in the order of their items; those that come before their turn wait."""
    waiting: dict[int, Any] = {}
    turn = 0
    for index, outcome in outcomes:
        waiting[index] = outcome
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1
