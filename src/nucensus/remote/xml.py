"""Read the flat records of an XML document, as a stream, without expanding its entities."""

import io
from collections.abc import Collection, Iterator
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from ..errors import InputError, ReadError
from . import open_to_read

_CHUNK_BYTES = 1 << 18
_MOST_BYTES = 1 << 29
"""The index of a 384-well plate with 20 planes, as Harmony 5 writes it, has about 400 MB."""
_MOST_IN_ONE_TAG, _MOST_TEXT = 1 << 23, 1 << 26
"""Bytes of a tag with its attributes, and characters of a text: both have to be kept whole. Some
OME-XML holds a small image as text."""
_MOST_FIELDS, _MOST_DEPTH = 10_000, 1000
"""Those of instruments have some 30 fields, 10 deep."""


def read_records(
    source: str | bytes, tags: Collection[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (tag, fields) of every element named one of `tags`, in the order they end.

    Fields are its attributes, the text of its children by their names, and its
    own text by the name "". Prefixes and namespaces are left out.

    Parameters
    ----------
    source : str or bytes
        A path or address, or the document itself.
    tags : collection of str

    Raises
    ------
    InputError
        The document is not well formed, or larger than any of an instrument; or
        it declares entities: those can grow without bound or name other files.
    """
    if isinstance(source, bytes):
        yield from _stream(io.BytesIO(source), tags)
        return
    try:
        with open_to_read(source, most_bytes=_MOST_BYTES) as file:
            yield from _stream(file, tags)
    except (OSError, ReadError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source!r} cannot be read: {reason}") from error
    except InputError as error:
        raise InputError(f"{source!r}: {error}") from None


def _stream(file: BinaryIO, tags: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    gather = _Gatherer(tags)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = gather.start
    parser.EndElementHandler = gather.end
    parser.CharacterDataHandler = gather.text
    parser.EntityDeclHandler = _refuse_entities
    fed = 0
    try:
        while chunk := file.read(_CHUNK_BYTES):
            parser.Parse(chunk)
            fed += len(chunk)
            _check(fed - parser.CurrentByteIndex < _MOST_IN_ONE_TAG, "a tag")
            yield from gather.take()
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, TypeError, ValueError) as error:  # or an odd encoding
        raise InputError(f"the XML is not well formed ({error}); copy the file again") from error
    yield from gather.take()


def _refuse_entities(*_: object) -> NoReturn:
    raise InputError("the XML declares entities; expected plain XML as microscopes write it")


def _check(is_small: bool, what: str) -> None:
    if not is_small:
        raise InputError(f"the XML has {what} without end; expected one as microscopes write it")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Gatherer:
    """Takes the events of the parser, keeps the records that are open and those that are done."""

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tags
        self._open: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._length = self._depth = 0
        self._done: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._text, self._length, self._depth = [], 0, self._depth + 1
        _check(self._depth < _MOST_DEPTH, "tags in tags")
        if _local(name) in self._tags:
            fields = {_local(key): value for key, value in attributes.items()}
            self._open.append((_local(name), fields))

    def text(self, data: str) -> None:
        if self._open:
            self._text.append(data)
            self._length += len(data)
            _check(self._length < _MOST_TEXT, "a text")

    def end(self, name: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        text = "".join(self._text).strip()
        self._text, self._length = [], 0
        tag, fields = self._open[-1]
        if tag == _local(name):
            fields.setdefault("", text)
            self._done.append(self._open.pop())
        elif text:
            fields.setdefault(_local(name), text)
            _check(len(fields) < _MOST_FIELDS, "a list of fields")

    def take(self) -> list[tuple[str, dict[str, str]]]:
        done, self._done = self._done, []
        return done
