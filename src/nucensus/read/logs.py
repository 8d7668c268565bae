"""Log lines of the libraries that read files, told with the name of the file that they are of."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import LogRecord

_LIBRARIES = ("tifffile", "czifile", "liffile", "nd2")
_file: ContextVar[str] = ContextVar("file", default="")


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Begin what libraries log meanwhile, in this thread, with the name of a file."""
    before = _file.get()
    _file.set(name)
    try:
        yield
    finally:
        _file.set(before)


@functools.cache
def name_files_in_logs() -> None:
    """Let the libraries do so: whoever is the first to use one of them calls this."""
    import logging

    for library in _LIBRARIES:
        logging.getLogger(library).addFilter(_begin_with_file)


def _begin_with_file(record: "LogRecord") -> bool:
    if name := _file.get():
        record.msg, record.args = f"{name!r}: {record.getMessage()}", ()
    return True
