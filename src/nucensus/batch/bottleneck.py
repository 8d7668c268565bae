"""Say what took most of the time of a run, and what would help."""

from collections import Counter
from dataclasses import field

from .._dataclass import dataclass
from ..values import Failed, Outcome

_RAW_BYTES_PER_S = 4e9
"""How fast a file in the page cache is copied into an array: np.fromfile, 2.6 MB in 0.6 ms."""

_SHORT_S = 0.5
"""Below so many seconds a run is most of all the start of the program: nothing makes it faster."""


@dataclass(slots=True)
class Tally:
    """The times that the images took together, in seconds.

    So many were read part by part, that many parts at a time.
    """

    decode_s: float = 0.0
    wait_s: float = 0.0
    detect_s: float = 0.0
    size_bytes: int = 0
    images: int = 0
    workers: int = 1
    in_parts: int = 0
    parts_at_a_time: int = 0
    compressions: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one image in."""
        if isinstance(outcome, Failed):
            return
        self.images += 1
        self.decode_s += outcome.read_cpu_ms / 1e3
        self.wait_s += max(0.0, outcome.read_ms - outcome.read_cpu_ms) / 1e3
        self.detect_s += outcome.detect_ms / 1e3
        self.size_bytes += outcome.size_bytes
        self.compressions[outcome.compression] += 1
        self.in_parts += outcome.parts_at_a_time > 0
        self.parts_at_a_time = max(self.parts_at_a_time, outcome.parts_at_a_time)

    def bottleneck(self, seconds: float) -> str:
        """Return one sentence on a run that took `seconds`; "" if it is not worth one."""
        total = self.decode_s + self.wait_s + self.detect_s
        if not total or seconds < _SHORT_S:
            return ""
        parts = {"decode": self.decode_s, "wait": self.wait_s, "detect": self.detect_s}
        part = max(parts, key=lambda name: parts[name])
        most = f"took the largest part of the time ({100 * parts[part] / total:.0f} %)"
        cores = "one image was done after the other."
        busy = max(self.workers, self.parts_at_a_time)
        if busy > 1:
            cores = f"with more than {busy} cores the run would be faster."
        if part == "detect":
            return f"Finding nuclei {most}: {cores}"
        if part == "wait":
            return (
                f"Waiting for files or for a free core {most}: a faster disk or network would "
                f"help, or more --workers where cores are idle."
            )
        compression = self.compressions.most_common(1)[0][0]
        if not compression:
            return f"Reading the files {most}: {cores}"
        raw_s = self.detect_s + self.size_bytes / _RAW_BYTES_PER_S
        return (
            f"Decoding {compression} {most}: stored uncompressed, these images would take about "
            f"{100 * max(0.1, raw_s / total):.0f} % of it."
        )
