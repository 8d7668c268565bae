"""The values that a comparison is made of: what was measured of a function, and of each way."""

from dataclasses import field
from statistics import median

from ..._dataclass import dataclass
from ...batch import Measured
from .ways import Way


@dataclass(frozen=True, slots=True)
class Profile:
    """What a function takes, one image after the other in one fresh process.

    Attributes
    ----------
    measured : Measured
        What a call and the reading of its image take, and what the lock is held.
    import_s : float
        To import the module of the function.
    usable : int
        The first image that the function does not fail for.
    image_bytes, image_s : int, float
        An image as pickle, and how long it takes through a pipe.
    result_bytes, result_s : int, float
        What the function returns, the same.
    copy_s : float
        To copy an image in memory.
    starts_s : dict of str to float
        What a pool takes that has next to nothing to do, from its start to its end, by start
        method; without those that cannot be started here.
    start_method : str
        How this Python starts processes by itself.
    message_s : float
        A task of a pool and its answer, beside what is in them.
    workers : int
        The cores that it was measured with.
    crowded : dict of int to float
        What a call takes where so many processes are at it; empty if that is not known.
    keep_s : float
        What it takes longer to load an image where all stay: in memory that was not used before.
    fork_s : float
        What an image that stays in memory adds to a fork of the process.
    """

    measured: Measured
    import_s: float
    usable: int
    image_bytes: int
    image_s: float
    result_bytes: int
    result_s: float
    copy_s: float
    starts_s: dict[str, float]
    start_method: str
    message_s: float = 0.0
    workers: int = 1
    crowded: dict[int, float] = field(default_factory=dict)
    keep_s: float = 0.0
    fork_s: float = 0.0

    @property
    def warm_up_s(self) -> float:
        """Seconds before a process is as fast as later: import, compilation, weights."""
        return self.import_s + self.measured.warm_up_s


@dataclass(frozen=True, slots=True)
class Passes:
    """What a fresh process found of one way: several passes over all images.

    Attributes
    ----------
    samples_s, warm_ups_s : tuple of float
        Each pass without what cold processes took in it, and that.
    import_s, load_s : float
        Before the first pass: to import the function, and to load all images where that comes
        first.
    busy_cores : float
    ran : str
        The strategy that ran.
    digests : tuple of str
        Of what the function returned for each image.
    errors : tuple of str
        What it raised, "" where it did not.
    """

    samples_s: tuple[float, ...]
    warm_ups_s: tuple[float, ...]
    import_s: float
    load_s: float
    busy_cores: float
    ran: str
    digests: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """One way to run one function over the images: a row of the table.

    Attributes
    ----------
    function : str
    way : Way
    ran : str
        The strategy that ran: with `auto`, the one it chose.
    samples_s : tuple of float
        Seconds of each pass over all images, without loading where that comes first, and without
        what cold processes took.
    load_s, warm_up_s : float
        To load all images first; to import, compile and load weights.
    busy_cores : float
        How many cores were at work on average.
    locked : float or None
        The part of the time in which the interpreter lock is held; None where each process has
        a lock of its own.
    sent_bytes, sent_s : float
        What goes through pipes for one image, there and back, and how long that takes.
    peak_memory_bytes : int
        The most that the process and its workers held together; 0 if it is not known.
    failure : str
        Why this way cannot be taken here; "" if it can.
    differs : tuple of str
        The images for which it gave another result than the first way.
    """

    function: str
    way: Way
    ran: str = ""
    samples_s: tuple[float, ...] = ()
    load_s: float = 0.0
    warm_up_s: float = 0.0
    busy_cores: float = 0.0
    locked: float | None = None
    sent_bytes: int = 0
    sent_s: float = 0.0
    peak_memory_bytes: int = 0
    failure: str = ""
    differs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the way is called: with `auto`, what it chose too."""
        is_auto = self.ran and self.ran != self.way.strategy
        return f"{self.way.name} ({self.ran})" if is_auto else self.way.name

    @property
    def work_s(self) -> float:
        """The median pass, in seconds."""
        return median(self.samples_s)

    @property
    def total_s(self) -> float:
        """What one waits for: loading, warm-up and the median pass."""
        return self.load_s + self.warm_up_s + self.work_s

    @property
    def interval_s(self) -> tuple[float, float]:
        """The total with the shortest and with the longest pass.

        A single pass does not tell how far passes differ: a tenth is taken.
        """
        before, spread = self.load_s + self.warm_up_s, 0.1 * (len(self.samples_s) == 1)
        return (
            before + (1 - spread) * min(self.samples_s),
            before + (1 + spread) * max(self.samples_s),
        )

    def overlaps(self, other: "Timing") -> bool:
        """Tell whether the two cannot be told apart: their intervals overlap."""
        (low, high), (other_low, other_high) = self.interval_s, other.interval_s
        return low <= other_high and other_low <= high
