"""Hold a place in a bucket for one process, as long as it lives.

An object says who holds it. Its holder writes it anew every few seconds, on the condition that
nobody else did; who finds one that stays as it is takes it over on the same condition. So a holder
that was killed, or cannot reach the bucket, loses the place, and no clocks are compared.
"""

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ..errors import NucensusError, RunError
from .backend import Backend
from .faults import explained

_BEAT_S = 5.0
"""Seconds between two signs of life. Larger: fewer requests, and others wait longer."""
_LOST_S = 30.0
"""Seconds without one after which a holder is taken for dead."""
_POLL_S = 1.0

_logger = logging.getLogger(__name__)


class _Held(NamedTuple):
    """What the object says, and the version of it."""

    owner: dict[str, Any]
    version: Any

    @property
    def name(self) -> str:
        return str(self.owner.get("name"))

    @property
    def in_flight(self) -> list[int]:
        said = self.owner.get("in_flight")
        return [each for each in said if isinstance(each, int)] if isinstance(said, list) else []

    def __str__(self) -> str:
        return f"process {self.owner.get('process')} on {self.owner.get('host')}"


class Lease:
    """The hold on a place.

    Parameters
    ----------
    address : str
        The object that says who holds it.
    backend, key
        Where that is.
    gone : str
        The `name` of an earlier holder that is known to be dead.
    on_lost : callable
        Called once another process holds it.
    in_flight : callable
        Returns the numbers of what is being worked on, for the case that this process dies of it.

    Attributes
    ----------
    name : str
    died : str
        The `name` of the holder that was taken for dead; "" if there was none.
    left_behind : list of int
        What that one worked on as it last gave a sign of life. It is passed on until it is emptied.
    """

    def __init__(
        self, address: str, backend: Backend, key: str, *, gone: str,
        on_lost: Callable[[], None], in_flight: Callable[[], Iterable[int]],
    ) -> None:  # fmt: skip
        self.name, self.died = os.urandom(16).hex(), ""
        self.left_behind: list[int] = []
        self._address, self._backend, self._key = address, backend, key
        self._gone, self._on_lost, self._in_flight = gone, on_lost, in_flight
        self._version: Any = None
        self._beats = 0
        self._lost_to: _Held | None = None
        self._ended = threading.Event()

    def check(self) -> None:
        """Raise if another process took it over."""
        if self._lost_to is not None:
            raise RunError(
                f"{self._place!r} was taken over by {self._lost_to}, because this process gave no "
                f"sign of life for {_LOST_S:g} s; expected to be the only one that writes it; what "
                f"was found here since is not sent"
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; raise if another process does and lives."""
        self._take()
        beating = threading.Thread(target=self._beat, daemon=True)
        beating.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.join()
            if self._lost_to is None:
                with contextlib.suppress(NucensusError), explained(self._address):
                    self._backend.delete(self._key)

    @property
    def _place(self) -> str:
        return self._address.rpartition("/")[0]

    def _take(self) -> None:
        """Write that this process holds it, once it is free or its holder gives no sign of life."""
        seen, since = self._look(), time.monotonic()
        found = seen
        while True:
            is_dead = found is not None and (
                found.name == self._gone or time.monotonic() - since > _LOST_S
            )
            if found is not None and is_dead:
                self.died, self.left_behind = found.name, found.in_flight
            if (found is None or is_dead) and self._write(found and found.version):
                return
            if found is not None and not is_dead and found is seen:
                _logger.warning(
                    "%r is held by %s; it is taken over unless that gives a sign of life within "
                    "%g s", self._place, found, _LOST_S,
                )  # fmt: skip
            time.sleep(_POLL_S)
            found = self._look()
            if found is not None and seen is not None and found.version != seen.version:
                raise RunError(
                    f"{self._place!r} is being written by {found}; expected a run that nobody else "
                    f"writes; wait until it is done, or choose another place with -o"
                )
            seen = seen or found

    def _look(self) -> _Held | None:
        with explained(self._address, concerns_all=True):
            found = self._backend.look(self._key)
        if found is None:
            return None
        content, version = found
        try:
            owner = json.loads(content)
        except ValueError:
            owner = None
        return _Held(owner if isinstance(owner, dict) else {}, version)

    def _write(self, before: Any) -> bool:
        """Write that this process holds it, if the object is as it was; tell whether it was."""
        self._beats += 1
        owner = {
            "name": self.name, "process": os.getpid(), "host": socket.gethostname(),
            "beats": self._beats, "in_flight": sorted({*self.left_behind, *self._in_flight()}),
        }  # fmt: skip
        with explained(self._address, concerns_all=True):
            version = self._backend.put_if(self._key, json.dumps(owner).encode(), before)
        self._version = version or self._version
        return version is not None

    def _beat(self) -> None:
        """Give signs of life until the end, or until another process holds it."""
        while not self._ended.wait(_BEAT_S):
            with contextlib.suppress(NucensusError):  # it may be reached again before it is lost
                if self._write(self._version):
                    continue
                found = self._look()
                if found is not None and found.name == self.name:
                    self._version = found.version  # an answer was lost
                    continue
                self._lost_to = found or _Held({}, None)
                self._on_lost()
                return
