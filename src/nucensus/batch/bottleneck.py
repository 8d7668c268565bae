"""Say what bounded a run, and what would help."""

from collections import Counter
from dataclasses import dataclass, field

from ..text.plurals import pluralize
from ..values import Failed, Outcome

_RAW_BYTES_PER_S = 4e9
"""How fast a file in the page cache is copied into an array: np.fromfile, 2.6 MB in 0.6 ms."""

_SHORT_S = 0.5


@dataclass(slots=True)
class Tally:
    """What the images took together, in seconds."""

    decode_s: float = 0.0
    wait_s: float = 0.0
    detect_s: float = 0.0
    size_bytes: int = 0
    images: int = 0
    workers: int = 1
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

    def bottleneck(self, seconds: float) -> str:
        """Return one sentence on a run that took `seconds`."""
        total = self.decode_s + self.wait_s + self.detect_s
        if seconds < _SHORT_S or not total:
            return "Too short to be bound by anything but starting."
        parts = {"decode": self.decode_s, "wait": self.wait_s, "detect": self.detect_s}
        part = max(parts, key=lambda name: parts[name])
        share = f"{100 * parts[part] / total:.0f} %"
        workers = pluralize(self.workers, "worker")
        if part == "detect":
            return f"{share} finding nuclei, with {workers}: more cores would help."
        if part == "wait":
            return (
                f"{share} waiting for files or for a core: a faster disk or network would help, or "
                f"more --workers where the cores are idle."
            )
        compression = self.compressions.most_common(1)[0][0]
        if not compression:
            return f"{share} reading the files, with {workers}: more cores would help."
        raw_s = self.detect_s + self.size_bytes / _RAW_BYTES_PER_S
        return (
            f"{share} decoding {compression}: stored uncompressed these images would take about "
            f"{max(0.1, raw_s / total):.1f} of the time."
        )
