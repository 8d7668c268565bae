"""Log records as they may be shown on a terminal."""

import logging

from .printable import printable


class PrintableFormatter(logging.Formatter):
    """Formats a log record so that it may be shown."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one may print it."""
        return printable(super().format(record))
