"""Images that no process decodes before the test says so: a run over them waits where it is due."""

import os
import time

PATIENCE_S = 300
"""Seconds after which a test gives up: more than any machine takes."""
PATIENT = {**os.environ, "PATIENCE_S": str(PATIENCE_S)}
"""The environment in which a run that is to stop waits for what is in flight, for `planted.py`."""


class Gate:
    """A gate in front of images, which `planted.py` keeps.

    Parameters
    ----------
    path : Path
        A file that is not there; it is made when the gate opens.
    """

    def __init__(self, path):
        self._path = path

    def shut(self, encoded):
        """Return an image of which nothing is seen before the gate is open."""
        return b"\n".join((encoded, os.fsencode(self._path), b"GATE"))

    def open(self):
        self._path.touch()

    def waiting(self):
        """Return the processes that have come to the gate."""
        return {int(path.suffix[1:]) for path in self._path.parent.glob(f"{self._path.name}.*")}


def keep(gate):
    """Wait at a gate until it is open."""
    with open(f"{gate}.{os.getpid()}", "wb"):
        pass
    while not os.path.exists(gate):
        time.sleep(0.01)


def wait_for(there):
    """Wait until `there()` holds."""
    give_up = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < give_up, f"{PATIENCE_S} s passed"
        time.sleep(0.01)


def wait_until(process, there):
    """Wait until `there()` holds, which must come before the end of the process."""

    def is_there():
        if found := there():
            return found
        assert process.poll() is None, process.communicate()
        return False

    wait_for(is_there)


def wait_until_said(stream, text):
    """Read lines until one holds the text; return all of them."""
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"it ended without {text!r}: {lines}")
