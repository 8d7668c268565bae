"""Payloads: what goes to a worker process and comes back, as bytes that either side can open.

`multiprocessing` and pebble wait for ever for an answer that cannot be unpickled. So the function,
results and errors travel as bytes, which are opened where an error can be raised.
"""

import functools
import pickle
import traceback
from contextlib import suppress
from typing import Any

from .._dataclass import dataclass
from ..errors import FunctionError, StrategyError
from .by_value import dumps
from .strategy import Work

_MOST_FRAMES = 100
"""Frames of a traceback that are sent; of an endless recursion the last ones tell enough."""
_MOST_CHARACTERS = 20_000
"""Characters of a traceback that are sent; what is longer is cut in its middle."""


class PickledWork:
    """Work as it travels: unpickled once in each process, where it is first needed."""

    def __init__(self, work: Work) -> None:
        self._pickled = dumps(work, is_for_workers=True)

    @property
    def _work(self) -> Work:
        try:
            work: Work = _unpickled(self._pickled)
        except Exception as error:  # whatever a user's object raises
            raise StrategyError(
                f"the worker processes cannot find the function ({_text_of(error)}); expected one "
                f"that is defined in a file that they can import; define it there, or use threads "
                f"or list-memory"
            ) from error
        return work

    def __call__(self, item: Any) -> Any:
        """Do the work on an item."""
        return self._work(item)

    def __getstate__(self) -> dict[str, Any]:
        return {"_pickled": self._pickled}


@functools.lru_cache(maxsize=4)
def _unpickled(pickled: bytes) -> Work:
    """Return the work; what it keeps, such as weights, it keeps as long as the process lives."""
    work: Work = pickle.loads(pickled)
    return work


@dataclass(frozen=True, slots=True)
class Payload:
    """The payload of an item that was worked on: its outcome, or the error that it came to.

    Attributes
    ----------
    pickled : bytes
    name : str or None
        What the item is called, if it has a name.
    """

    pickled: bytes
    name: str | None = None

    def open(self) -> Any:
        """Return the outcome, or raise the error."""
        try:
            outcome = pickle.loads(self.pickled)
        except (Exception, SystemExit) as error:
            raise _unsendable("opened", self.name, error) from error
        if isinstance(outcome, _Raised):
            raise outcome.error() from _WorkerTraceback(outcome.traceback)
        return outcome


def payload_of(work: Work, item: Any) -> Payload:
    """Return what becomes of an item; nothing is raised."""
    name = getattr(item, "name", None)
    try:
        outcome = work(item)
    except BaseException as error:  # noqa: BLE001 raised again by `Payload.open`
        return pack_error(error, name)
    try:
        return Payload(dumps(outcome), name)
    except BaseException as error:  # noqa: BLE001 whatever a user's object raises
        return pack_error(_unsendable("sent", name, error), name)


def pack_error(error: BaseException, name: str | None = None) -> Payload:
    """Return an error as it travels: itself if it can be rebuilt, and what it says."""
    if name is not None:
        name_image(error, name)
    traceback.clear_frames(error.__traceback__)  # for lack of memory it may have come
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    text = f"{type(error).__qualname__}: {_text_of(error)}"
    raised = _Raised(_pickled(error), _shorten(text), _traceback_of(error), notes)
    return Payload(pickle.dumps(raised), name)


def name_image(error: BaseException, name: str) -> None:
    """Let an error say which image it is about."""
    note = f"Image: {name!r}"
    notes = error.__dict__.setdefault("__notes__", [])  # `add_note` fails where it is frozen
    if note not in notes:
        notes.append(note)


@dataclass(frozen=True, slots=True)
class _Raised:
    """An error on its way.

    Attributes
    ----------
    pickled : bytes
        The error; nothing if it cannot be rebuilt from that.
    text, traceback : str
        What it says, and where it came from.
    notes : list of str
    """

    pickled: bytes
    text: str
    traceback: str
    notes: list[str]

    def error(self) -> BaseException:
        """Return the error as it was, or one that says what it said."""
        error: BaseException = FunctionError(
            f"{self.text}\n(this error of the function cannot be sent between processes as it is)"
        )
        with suppress(Exception):  # of a module that is not here, or nothing
            error = pickle.loads(self.pickled)
        error.__dict__["__notes__"] = self.notes
        return error


class _WorkerTraceback(Exception):  # noqa: N818 it stands for a traceback, as that of concurrent.futures
    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _pickled(error: BaseException) -> bytes:
    """Return the error pickled; nothing if that does not give the same error again."""
    kind = type(error)
    parts = kind, error.args, error.__dict__
    for pickled_as in (error, _Bare(_rebuild, *parts), _Bare(_construct, *parts)):
        with suppress(BaseException):  # whatever a user's error raises
            pickled = dumps(pickled_as)
            again = pickle.loads(pickled)
            if type(again) is kind and str(again) == str(error):
                return pickled
    return b""


class _Bare:
    """An error without what cannot be sent of it, and the function that makes it of the rest."""

    def __init__(
        self, make: Any, kind: type[BaseException], args: Any, state: dict[str, Any]
    ) -> None:
        sendable = {key: each for key, each in state.items() if _is_sendable(each)}
        self._reduced = make, (kind, args, sendable)

    def __reduce__(self) -> Any:
        return self._reduced


def _rebuild(kind: type[BaseException], args: Any, state: dict[str, Any]) -> BaseException:
    """Return the error without its constructor, which may want more than its `args`."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _construct(kind: type[BaseException], args: Any, state: dict[str, Any]) -> BaseException:
    """Return the error by its constructor, as some of Python's own want it.

    They are pickled so by themselves, unless a library says otherwise (tblib does).
    """
    error = kind(*args)
    error.__dict__.update(state)
    return error


def _is_sendable(value: Any) -> bool:
    try:
        pickle.loads(dumps(value))
    except BaseException:  # noqa: BLE001 whatever a user's object raises
        return False
    return True


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 whatever a user's error raises
        return "(it raises another error when it is asked what it says)"


def _traceback_of(error: BaseException) -> str:
    try:
        return _shorten("".join(traceback.format_exception(error, limit=-_MOST_FRAMES)))
    except Exception:  # noqa: BLE001 for lack of memory, or whatever a user's error raises
        return type(error).__qualname__


def _shorten(text: str) -> str:
    left_out, half = len(text) - _MOST_CHARACTERS, _MOST_CHARACTERS // 2
    if left_out <= 0:
        return text
    return f"{text[:half]}\n... {left_out} characters left out ...\n{text[-half:]}"


def _unsendable(verb: str, name: str | None, error: BaseException) -> StrategyError:
    of = "" if name is None else f" for {name!r}"
    explained = StrategyError(
        f"what the function returned{of} cannot be {verb} by pickle "
        f"({type(error).__name__}: {_shorten(_text_of(error))}); expected arrays, numbers, texts "
        f"or other plain values; return such, or use threads or list-memory, which send nothing"
    )
    if name is not None:
        name_image(explained, name)
    return explained
