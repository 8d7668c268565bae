"""The errors nucensus raises.

    NucensusError
    ├── InputError        what the user named cannot be used as it is
    │   ├── QuestionError     images may be one of several, and which counts is left to choose
    │   └── SettingsError     a setting has no meaning, or two contradict each other
    ├── ReadError         a file is not an image that can be read
    │   ├── NotAPlaneError    an image, but not one two-dimensional plane
    │   └── TooLargeError     an image that claims more pixels or memory than it may
    ├── StrategyError     this strategy cannot run this work on this machine
    │   └── WorkerDiedError   a worker process ended before its work was done
    ├── FunctionError     a function failed in a worker process with an error that cannot travel
    ├── AccessError       a bucket or server cannot be used at all, whatever the object
    ├── RunError          a run file cannot be opened, written or resumed
    │   └── ClusterError      the cluster is not there, was lost, or does not fit this program
    └── MissingPackageError   an optional package is needed and not installed

A message has three parts: what was given, what was expected, what to do.
Mistakes in a program that calls nucensus stay `TypeError` and `ValueError`.
"""

from collections.abc import Mapping
from typing import Any

from ._shell import how_to_add


class NucensusError(Exception):
    """Base class of all errors that nucensus raises on purpose."""


class InputError(NucensusError):
    """Something that the user named cannot be used as it is."""


class QuestionError(InputError):
    """Images may be one of several, and which one counts is left to choose.

    Attributes
    ----------
    axis : str
        The field of `Plane` that chooses.
    choices : dict of str to str
        What it may be beside "each", and what that is called.
    """

    def __init__(self, message: str, axis: str = "", choices: Mapping[str, str] = {}) -> None:
        super().__init__(message)
        self.axis, self.choices = axis, dict(choices)


class SettingsError(InputError, ValueError):
    """A setting has no meaning, or two settings contradict each other."""


class ReadError(NucensusError):
    """A file is not an image that can be read."""


class NotAPlaneError(ReadError):
    """An image was read, but it is not one two-dimensional plane."""


class TooLargeError(ReadError):
    """An image claims more pixels or more memory than it may have."""


class StrategyError(NucensusError):
    """A strategy cannot run this work on this machine."""


class WorkerDiedError(StrategyError):
    """A worker process ended before its work was done."""


class FunctionError(NucensusError):
    """A function failed in a worker process, and its error cannot be sent as it is."""


class AccessError(NucensusError):
    """A bucket or server cannot be used at all: what fails for one object fails for all."""


class RunError(NucensusError):
    """A run file cannot be opened, written or resumed."""


class ClusterError(RunError):
    """The cluster that a run needs is not there, was lost, or does not fit this program."""


class MissingPackageError(NucensusError, ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        verb = "are" if " and " in package else "is"
        super().__init__(
            f"{purpose} needs {package}, which {verb} not installed; "
            f"install it with: {how_to_add(extra, package)}",
            name=package,
        )
        self._given = package, purpose, extra

    def __reduce__(self) -> Any:
        return type(self), self._given


def reason_of(error: BaseException) -> str:
    """Return why something failed, without the number and the path that Python puts around it."""
    return getattr(error, "strerror", None) or str(error)
