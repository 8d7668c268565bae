"""The description in the first page of a TIFF file, where OME-TIFF has its XML."""

import struct
from typing import BinaryIO

from ..errors import ReadError
from . import exists, is_remote, open_to_read

MOST_BYTES = 1 << 26
"""A set of 100,000 planes, each in a file of its own, has 15 MB of XML."""
_DESCRIPTION, _ASCII, _MOST_TAGS = 270, 2, 4096


def is_ome(description: bytes) -> bool:
    """Tell whether the description of a TIFF file is OME-XML."""
    return description.endswith(b"OME>")


def read_description(path: str) -> bytes:
    """Return the description in the first page of a TIFF file; empty if there is none."""
    try:
        if not (is_remote(path) or exists(path)):  # a pipe would wait for a writer
            return b""
        with open_to_read(path) as file:
            return _description(file).rstrip(b"\0 \r\n\t")
    except (OSError, ReadError, struct.error, LookupError, ValueError, OverflowError):
        return b""


def _description(file: BinaryIO) -> bytes:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    is_big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    offset, count, entry, inline = ("Q", "Q", "HHQ8s", 8) if is_big else ("I", "H", "HHI4s", 4)
    start = 8 if is_big else 4
    file.seek(*struct.unpack(f"{order}{offset}", head[start : start + inline]))
    size_bytes = struct.calcsize(f"{order}{count}")
    (tags,) = struct.unpack(f"{order}{count}", file.read(size_bytes))
    page = file.read(min(tags, _MOST_TAGS) * struct.calcsize(f"{order}{entry}"))
    for tag, kind, n, value in struct.iter_unpack(f"{order}{entry}", page):
        if tag == _DESCRIPTION and kind == _ASCII:
            if n <= inline:
                return bytes(value[:n])
            file.seek(*struct.unpack(f"{order}{offset}", value))
            return file.read(min(n, MOST_BYTES))
    return b""
