"""A place on the disk for files that go to a bucket once they are whole."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """Where to write now, and what that is called in the end.

    Attributes
    ----------
    path : Path
    final : callable
        `final(path)` returns the address, or the path, that a path below becomes.
    """

    path: Path
    final: Callable[[Path], Path | str]


@contextmanager
def stage(address: str, send: Callable[[list[tuple[Path, str]]], None]) -> Iterator[Stage]:
    """Lend a folder of this machine; `send` what was written there, unless that failed."""
    above, _, name = address.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="nucensus-") as folder:

        def final(path: Path) -> str:
            below = path.relative_to(folder).as_posix()
            return f"{above}/{below}" if below != "." else address.rstrip("/")

        yield Stage(Path(folder, name), final)
        files = sorted(Path(below, each) for below, _, names in os.walk(folder) for each in names)
        send([(file, final(file)) for file in files])
