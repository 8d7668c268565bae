"""A line that says how far a loop is, in a terminal or a notebook."""

import sys
import time

from .plurals import pluralize

_EVERY_S = 0.1


class ProgressLine:
    """Call it with how many are done and how many there are: it writes over its own line.

    No thread draws it, so that processes can be forked meanwhile.
    """

    def __init__(self, noun: str = "image") -> None:
        self._noun, self._start, self._shown = noun, time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show it, but not more often than one can read. Without a total the end is not known."""
        now = time.monotonic()
        if done != total and now - self._shown < _EVERY_S:
            return
        self._shown = now
        if not total:
            sys.stderr.write(f"\r{pluralize(done, self._noun)} so far      ")
            sys.stderr.flush()
            return
        left_s = (now - self._start) / max(done, 1) * (total - done)
        rest = f"about {left_s:.0f} s left" if done < total else f"{now - self._start:.1f} s"
        end = "" if done < total else "\n"
        sys.stderr.write(f"\r{done} of {pluralize(total, self._noun)}, {rest}      {end}")
        sys.stderr.flush()
