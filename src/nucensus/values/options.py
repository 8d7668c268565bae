"""The options of a run as values: which images, how it is run, who is told, what goes on."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, Union

from .._dataclass import dataclass
from ..errors import InputError
from .flat_field import as_flat_fields, flat_fields_of
from .images import Plane, Shard
from .other_channels import OtherChannels, as_channels
from .outcomes import Outcome
from .settings import Auto, Border, Limits

if TYPE_CHECKING:
    from distributed import Client

PathLike: TypeAlias = str | os.PathLike[str]

Scheduler: TypeAlias = Union[PathLike, "Client"]
"""An address (`tcp://HOST:PORT`), `local` or `local:N`, a scheduler file, or a client."""


def ignore(_: Any) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images of the inputs count, and what is known of them.

    Attributes
    ----------
    plane : Plane
        Which channel, z plane, time point and scene, of files and plates that
        hold several; "each" counts all, as images of their own.
    pattern : str or None
        A regular expression that names of files are understood with, with
        groups named plate, well (or row and column), site, channel, z, time.
    manifest : path or None
        A CSV or Parquet file that lists images, in a column `path`; any other
        columns are carried through to the outputs.
    metadata : path or None
        A CSV or Parquet file with a row for each well, in a column `well`: what
        the wells were treated with. It is kept for the well table.
    shard : Shard or None
        Only this part of the images is done, as all of them would be; join the
        parts with `merge_runs`.
    measure : str or tuple of str
        Other channels of the same fields, by name or number, which are measured
        within the outlines of the nuclei. They are other channels of the file, or
        files of their own that agree in plate, well, site, z and time. Where one
        is missing, `unmeasured` says why, and the nuclei are counted all the same.
    ring_px : int
        They are measured in a ring around each nucleus, too, so many pixels wide;
        0 is none.
    flat_field : str, path, or tuple of them
        Uneven light is taken out of the images before nuclei are found and measured:
        "learn" learns it from the nuclei of the images, a path is an image of the
        light, or an array that NumPy saved. "GFP=light.tif" is that of a channel
        that is measured.

    Examples
    --------
    >>> Selection(Plane(channel="DAPI"), shard=Shard(1, 4)).plane.channel
    'DAPI'
    """

    plane: Plane = field(default_factory=Plane)
    pattern: str | None = None
    manifest: PathLike | None = None
    metadata: PathLike | None = None
    shard: Shard | None = None
    measure: str | tuple[str, ...] = ()
    ring_px: int = 0
    flat_field: PathLike | tuple[PathLike, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.plane, Plane):
            raise TypeError(
                f"plane is {self.plane!r}; expected nucensus.Plane(...), as in "
                f"Plane(channel='DAPI')"
            )
        object.__setattr__(self, "measure", as_channels(self.measure))
        object.__setattr__(self, "flat_field", as_flat_fields(self.flat_field))
        if self.light and self.plane.channel == "each":
            raise InputError(
                "the nuclei of each channel are asked for, and a flat field, which is that of one; "
                "expected one channel with nuclei; name it with --channel"
            )
        if self.others.channels and self.plane.channel == "each":
            raise InputError(
                "the nuclei of each channel are asked for, and other channels to be measured in "
                "them; expected one channel with nuclei; name it with --channel"
            )

    @property
    def others(self) -> OtherChannels:
        """The other channels that are measured, and how."""
        return OtherChannels(as_channels(self.measure), self.ring_px)

    @property
    def light(self) -> dict[str, str]:
        """What is asked of the light, by channel; "" is that of the nuclei."""
        return flat_fields_of(as_flat_fields(self.flat_field), as_channels(self.measure))


@dataclass(frozen=True, slots=True)
class Execution:
    """How images are worked on; what is found does not depend on it.

    Attributes
    ----------
    strategy : str
        One of `list-disk`, `list-memory`, `pool-disk`, `pool-memory`,
        `pool-fork`, `threads`, `isolated`, or `auto`: the first images are
        worked on one after the other and measured, and the rest in the way that
        is predicted to be fastest: a small rest as a list, a function that
        releases the interpreter lock in threads, one that holds it in processes.
        `shared-memory`, `executor`, `joblib` and `interpreters` (Python 3.14) are
        there for comparison, and `auto` does not take them.
    workers : int or None
        How many threads or processes; None stands for the cores this process
        may use.
    scheduler : str, path, distributed.Client or None
        A Dask cluster that does the work: the address of its scheduler
        (`tcp://HOST:PORT`), its scheduler file (`FILE.json`), `local` or
        `local:N` for processes of this machine, or a client of your own. Its
        workers find files under the same paths.
    limits : Limits
        What the run may take (pixels, bytes, seconds), and when it gives up. Of
        a cluster the memory is that of each worker process.

    Examples
    --------
    >>> Execution("threads", workers=8).limits.max_memory_bytes is None
    True
    """

    strategy: str = "auto"
    workers: int | None = None
    scheduler: Scheduler | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of a run while it goes on, and who may stop it.

    Attributes
    ----------
    on_plan : callable
        Called once with the number of images to be done.
    on_learned : callable
        Called once with what is known of the nuclei (`Learned`), if anything is
        to be estimated; before `on_plan`.
    on_choice : callable
        Called once with the `Choice` of a strategy, which a pilot may precede.
    on_outcome : callable
        Called with the outcome of each image as it becomes known.
    stop : threading.Event or None
        Once it is set, what is in flight is finished and the rest stays pending.
    on_step : callable
        Called for each image of what comes before and after the work, with what was done to it:
        it is "listed", "planned", "looked at" to learn, "gone through for the tables".

    Examples
    --------
    >>> counts = []
    >>> Watcher(on_plan=counts.append).on_plan(240)
    >>> counts
    [240]
    """

    on_plan: Callable[[int], None] = ignore
    on_learned: Callable[[Any], None] = ignore
    on_choice: Callable[[Any], None] = ignore
    on_outcome: Callable[[Outcome], None] = ignore
    stop: threading.Event | None = None
    on_step: Callable[[str], None] = ignore

    def with_stop(self) -> tuple["Watcher", threading.Event]:
        """Return the same with an event that asks to stop, and the event."""
        stop = self.stop or threading.Event()
        return replace(self, stop=stop), stop


@dataclass(frozen=True, slots=True)
class Resume:
    """How a run goes on from an earlier one, in its own folder or in another.

    Attributes
    ----------
    overwrite : bool
        Whether an earlier run in the folder is replaced, and not carried on.
    check_content : bool
        Whether a changed file is known by a hash of its content, and not by its
        size and time.
    keep_estimates : bool
        Whether what an earlier start learned of the nuclei holds, whatever
        images came and went since. The run file says so.
    estimates_from : path or None
        Another run, whose estimates are taken in place of those of the images.
        The run file says which.
    """

    overwrite: bool = False
    check_content: bool = False
    keep_estimates: bool = False
    estimates_from: PathLike | None = None


class SettingsOptions(TypedDict, total=False):
    """The fields of `Settings` as keywords."""

    detector: str
    sigma: float | tuple[float, ...] | Auto
    min_distance: int | Auto
    threshold: float | Auto | None
    border: Border | Auto
    subpixel: bool
    sigma_um: float | None
    invert: bool
    outlines: bool


class SelectionOptions(TypedDict, total=False):
    """The fields of `Selection` as keywords; None stands for what is left out."""

    plane: Plane | None
    pattern: str | None
    manifest: PathLike | None
    metadata: PathLike | None
    shard: Shard | None
    measure: str | tuple[str, ...]
    ring_px: int
    flat_field: PathLike | tuple[PathLike, ...]


class ExecutionOptions(TypedDict, total=False):
    """The fields of `Execution` as keywords; None stands for what is left out."""

    strategy: str
    workers: int | None
    scheduler: Scheduler | None
    limits: Limits | None


class ProcessOptions(SelectionOptions, ExecutionOptions, total=False):
    """The keywords of `process_images`."""


class WatcherOptions(TypedDict, total=False):
    """The fields of `Watcher` as keywords; None stands for what is left out."""

    on_plan: Callable[[int], None] | None
    on_learned: Callable[[Any], None] | None
    on_choice: Callable[[Any], None] | None
    on_outcome: Callable[[Outcome], None] | None
    stop: threading.Event | None
    on_step: Callable[[str], None] | None


class ResumeOptions(TypedDict, total=False):
    """The fields of `Resume` as keywords; None stands for what is left out."""

    overwrite: bool
    check_content: bool
    keep_estimates: bool
    estimates_from: PathLike | None


class RetryOptions(ExecutionOptions, WatcherOptions, total=False):
    """The keywords of `retry`."""


class CensusOptions(SettingsOptions, SelectionOptions, RetryOptions, ResumeOptions, total=False):
    """The keywords of `census`."""


_Value = TypeVar("_Value", Selection, Execution, Watcher, Resume)


def take_value(kind: type[_Value], given: _Value | None, options: dict[str, Any]) -> _Value:
    """Return the value that was given, or the one of its own fields, taken out of `options`.

    Raises
    ------
    TypeError
        Both were given, or what was given is something else.
    """
    what = kind.__name__.lower()
    if not isinstance(given, kind | None):
        raise TypeError(
            f"{what} is {given!r}; expected nucensus.{kind.__name__}(...), or its fields as "
            f"keywords of the call"
        )
    names = [each.name for each in fields(kind) if each.name in options]
    own = {name: options.pop(name) for name in names}
    if given is not None and own:
        raise TypeError(
            f"{what} was given, and {', '.join(own)} beside it; expected one of "
            f"them; put {', '.join(own)} into the {kind.__name__}"
        )
    return given or kind(**{name: each for name, each in own.items() if each is not None})


def take_only(
    kind: type[_Value], given: _Value | None, options: Mapping[str, Any], function: str
) -> _Value:
    """Return what `take_value` does, for a function whose keywords are the fields of one value."""
    left = {**options}
    value = take_value(kind, given, left)
    refuse_unknown(left, function)
    return value


def refuse_unknown(options: dict[str, Any], function: str) -> None:
    """Raise `TypeError` for what is left of the keywords of a function once all values took theirs.

    It says what Python says of any other function.
    """
    for name in options:
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
