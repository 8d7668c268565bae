"""Log lines of the libraries that read files, told with the name of the file that they are of."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def _begin_with_file(record: logging.LogRecord) -> bool:
    if name := _file.get():
        record.msg, record.args = f"{name!r}: {record.getMessage()}", ()
    return True


for _library in _LIBRARIES:
    logging.getLogger(_library).addFilter(_begin_with_file)
