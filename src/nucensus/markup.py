"""Read the flat records of an XML document, as a stream, without expanding its entities."""

import io
from collections.abc import Collection, Iterator
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from .errors import InputError, ReadError
from .remote import open_to_read

_CHUNK_BYTES = 1 << 18


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
        The document is not well formed, or it declares entities: those can
        grow without bound or name other files.
    """
    if isinstance(source, bytes):
        yield from _stream(io.BytesIO(source), tags)
        return
    try:
        with open_to_read(source) as file:
            yield from _stream(file, tags)
    except (OSError, ReadError) as error:
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
    try:
        while chunk := file.read(_CHUNK_BYTES):
            parser.Parse(chunk)
            yield from gather.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError(f"the XML is not well formed ({error}); copy the file again") from error
    yield from gather.take()


def _refuse_entities(*_: object) -> NoReturn:
    raise InputError("the XML declares entities; expected plain XML as microscopes write it")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Gatherer:
    """Takes the events of the parser, keeps the records that are open and those that are done."""

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tags
        self._open: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._done: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._text = []
        if _local(name) in self._tags:
            fields = {_local(key): value for key, value in attributes.items()}
            self._open.append((_local(name), fields))

    def text(self, data: str) -> None:
        if self._open:
            self._text.append(data)

    def end(self, name: str) -> None:
        if not self._open:
            return
        text = "".join(self._text).strip()
        self._text = []
        tag, fields = self._open[-1]
        if tag == _local(name):
            fields.setdefault("", text)
            self._done.append(self._open.pop())
        elif text:
            fields.setdefault(_local(name), text)

    def take(self) -> list[tuple[str, dict[str, str]]]:
        done, self._done = self._done, []
        return done
