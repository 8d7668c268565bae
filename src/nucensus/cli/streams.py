"""The standard streams, whatever the caller made of them: closed, full, or read no more."""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import Any


def hold_streams() -> None:
    """Open what is closed, so that no file of a run gets its number, and let stderr fail in peace.

    What cannot be said on stderr cannot be said at all: that changes no exit code.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 as long as the program lasts
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are not UTF-8
    stderr = sys.__stderr__
    if stderr is not None:
        stderr.write = _forgiving(stderr.write)  # type: ignore[method-assign]
        stderr.flush = _forgiving(stderr.flush)  # type: ignore[method-assign]


def close_stdout() -> str | None:
    """Write what is left; if that fails, return why, and let the interpreter not try again."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        is_left = isinstance(error, BrokenPipeError)  # as in `nucensus ... | head`
        return "" if is_left else f"the standard output cannot be written ({error.strerror})"
    return None


def _forgiving(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a stream that drops what cannot be written."""

    def forgiving(*values: Any) -> Any:
        with contextlib.suppress(OSError):
            return method(*values)

    return forgiving
