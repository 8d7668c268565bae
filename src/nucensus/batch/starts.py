"""The starts of a run: when each began, how long it lasted, and how many images it did."""

import time
from typing import Any

from ..store import Facts, StartFact


class Start:
    """The present start of a run, after those that it records already.

    Parameters
    ----------
    about : Facts
        What the run recorded about itself so far.
    """

    def __init__(self, about: Facts) -> None:
        self._earlier = about.starts
        self._began, self._clock = time.time(), time.monotonic()
        self._first = self._began if about.started is None else about.started

    @property
    def seconds(self) -> float:
        """How long it lasts so far."""
        return time.monotonic() - self._clock

    def facts(self, images: int) -> dict[str, Any]:
        """Return what the run is to record, once this start has done so many images."""
        now: StartFact = {
            "started": self._began,
            "seconds": round(self.seconds, 3),
            "images": images,
        }
        starts = [*self._earlier, now]
        seconds = round(sum(each["seconds"] for each in starts), 3)
        return {"started": self._first, "seconds": seconds, "starts": starts}
