"""A run in a process of its own, as the command makes it, and how far it is."""

import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._shell import spell_command
from ..errors import NucensusError
from ..store import Run

_LAST_LINES = 12
"""Lines of what the command says that the page shows."""


class Counting:
    """`nucensus detect`, started with arguments; what it says is kept for the page.

    What becomes of the images is read from the run file, which any end of the process leaves whole.
    """

    def __init__(self, arguments: list[str], out: Path) -> None:
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._out, self._started, self._seconds = out, time.monotonic(), 0.0
        self.command = spell_command(["nucensus", "detect", *arguments, "-o", str(out)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nucensus", "detect", *arguments, "-o", str(out),
             "--report", "--progress", "none"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # it is a pipe
        with self._process.stdout as lines:
            self._said.extend(line.rstrip() for line in lines)

    def stop(self) -> None:
        """End it as Ctrl-C does: what is done is kept, and the next start carries on."""
        self._process.terminate()

    def state(self) -> dict[str, Any]:
        """Return whether it goes on, how many images are done, and what was said."""
        code = self._process.poll()
        if code is None:
            self._seconds = time.monotonic() - self._started
        return {
            "command": self.command,
            "out": str(self._out),
            "is_running": code is None,
            "is_whole": code in (0, 3),
            "seconds": self._seconds,
            "said": list(self._said),
            **self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        """Return the counts of the run; none while its file is being made."""
        with suppress(NucensusError):
            return Run(self._out).counts
        return {}
