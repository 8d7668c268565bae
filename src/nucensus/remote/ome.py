"""OME-XML of the files of an OME-TIFF: which page of which file is which plane.

The XML lies in the file itself, in another file of its set, or in a companion
beside it. The planes of one image may be spread over the files of a set.
"""

import functools
import ntpath
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from math import prod

from .._dataclass import dataclass
from ..errors import InputError, ReadError
from . import beside, exists, is_remote, open_to_read
from .description import MOST_BYTES, is_ome, read_description
from .xml import read_records

_TAGS = ("BinaryOnly", "Channel", "UUID", "TiffData", "Pixels", "Image", "OME")
_MOST_RECORDS = 500_000
"""A set of 100,000 planes, each in a file of its own, has 300,000 of them."""
_NO_FILE = "(a file without a name)"


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Planes of an image that follow each other in one file.

    Attributes
    ----------
    first : int
        The first of the planes, in the order of the image.
    count : int or None
        How many; None stands for as many as the file has pages.
    page : int
        Which page of the file the first of them is.
    file : str
        The name of the file, beside the one that the XML lies in.
    """

    first: int
    count: int | None
    page: int
    file: str


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image of an OME-TIFF.

    Attributes
    ----------
    name : str
    fields : dict of str to str
        The attributes of its Pixels.
    sizes : dict of str to int
        The length of the axes c, z and t, the fastest first; the samples of a colour are one.
    samples : int
        How many samples a channel has: 3 of colours.
    channels : tuple of str
        Their names.
    spans : tuple of PageSpan
        Sorted by the first plane.
    files : tuple of str
        The files that hold its planes, in the order of the planes.
    """

    name: str
    fields: dict[str, str]
    sizes: dict[str, int]
    samples: int
    channels: tuple[str, ...]
    spans: tuple[PageSpan, ...]
    files: tuple[str, ...]

    def page_of(self, index: dict[str, int]) -> tuple[str, int]:
        """Return the file and the page that hold a plane.

        Raises
        ------
        ReadError
            The XML names no page for it, or two.
        """
        number, step = 0, 1
        for axis, size in self.sizes.items():
            number += index.get(axis, 0) * step
            step *= size
        found = {(span.file, span.page + number - span.first) for span in self._nearest(number)}
        if len(found) != 1:
            raise ReadError(
                f"the OME-XML names {'two pages' if found else 'no page'} for this plane; "
                f"write the file again with its source, or choose another plane"
            )
        return found.pop()

    def _nearest(self, number: int) -> Iterator[PageSpan]:
        """Yield the spans that hold a plane and begin nearest to it: one, if the XML is sound."""
        nearest = None
        end = bisect_right(self.spans, number, key=lambda span: span.first)
        for span in reversed(self.spans[:end]):
            if nearest is not None and span.first < nearest:
                return
            if span.count is None or number < span.first + span.count:
                nearest = span.first
                yield span


@dataclass(frozen=True, slots=True)
class OmeXml:
    """The images and the files that an OME-XML document names.

    Attributes
    ----------
    metadata_file : str
        The file that holds the metadata, if this document only refers to it.
    images : tuple of OmeImage
    """

    metadata_file: str
    images: tuple[OmeImage, ...]

    @property
    def is_set(self) -> bool:
        """Whether it speaks of more than one file."""
        files = {file for image in self.images for file in image.files}
        return bool(self.metadata_file) or len(files) > 1

    def pages_of(self, file: str) -> set[int]:
        """Return the pages of a file that it speaks of."""
        pages: set[int] = set()
        for image in self.images:
            planes = prod(image.sizes.values())
            for span in image.spans:
                if span.file == file:
                    count = planes - span.first if span.count is None else span.count
                    pages.update(range(span.page, span.page + count))
        return pages


def read_ome(path: str, description: bytes) -> OmeXml:
    """Return what is said of the file `path`, by its own XML or by the file that it refers to.

    Raises
    ------
    ReadError
        The XML is damaged, or refers to a file that is not there or does not name this one.
    """
    name = os.path.basename(path)
    document = _parse(description, name)
    if not document.metadata_file:
        if document.images and not _names(document, name):
            raise ReadError(
                f"the OME-XML in the file speaks of other files ({document.images[0].files[0]!r}) "
                f"and not of {name!r}; give it the name that it had"
            )
        return document
    told = read_ome_file(beside(path, document.metadata_file))
    if told is None or told.metadata_file or not _names(told, name):
        what = "is not there" if told is None else f"does not name {name!r}"
        raise ReadError(
            f"what the planes of the file are is said in {document.metadata_file!r}, which "
            f"{what}; put the metadata of this set beside its files"
        )
    return told


def read_ome_file(path: str) -> OmeXml | None:
    """Return what a companion file, or the XML in a TIFF file, says; None if there is none."""
    if not (exists(path) if is_remote(path) else os.path.lexists(path)):
        return None  # of a pipe or a loop that is there it is said why it cannot be read
    try:
        if path.lower().endswith((".ome", ".xml")):
            with open_to_read(path, most_bytes=MOST_BYTES) as file:
                return _parse(file.read(), "")
        description = read_description(path)
        return _parse(description, os.path.basename(path)) if is_ome(description) else None
    except OSError as error:
        raise ReadError(f"{path!r} cannot be read: {error.strerror or error}") from error


def images_beginning_in(path: str, document: OmeXml) -> list[OmeImage]:
    """Return the images that the file `path` stands for: the first of their files that is there."""
    name = os.path.basename(path)
    return [
        image
        for image in document.images
        if image.files == (name,) or (name in image.files and first_file(path, image) == name)
    ]


def files_beside(path: str) -> list[str]:
    """Return the names of the files beside a TIFF file that its images need, if it is of a set."""
    name, description = os.path.basename(path), read_description(path)
    if not is_ome(description):
        return []
    try:
        images = images_beginning_in(path, read_ome(path, description))
    except ReadError:
        return []
    names = {file for image in images for file in image.files}
    names |= {_parse(description, name).metadata_file} - {""}
    return sorted(each for each in names - {name} if exists(beside(path, each)))


def first_file(path: str, image: OmeImage) -> str:
    """Return the first file of an image that is there, beside another one; "" if none is."""
    return next((file for file in image.files if exists(beside(path, file))), "")


def _names(document: OmeXml, name: str) -> bool:
    return any(name in image.files for image in document.images)


@functools.lru_cache(maxsize=4)
def _parse(xml: bytes, name: str) -> OmeXml:
    """Read a document that lies in the TIFF file `name`; a companion file has no name."""
    try:
        return _read_document(xml, name)
    except InputError as error:
        raise ReadError(f"the OME-XML cannot be read: {error}") from error
    except (ValueError, LookupError) as error:
        raise ReadError(
            f"the OME-XML contradicts itself ({error}); write the file again with its source"
        ) from error


def _read_document(xml: bytes, name: str) -> OmeXml:
    metadata_file, own_uuid = "", ""
    images, channels, blocks, uuids = [], [], [], []
    for number, (tag, fields) in enumerate(read_records(xml, _TAGS)):
        if number == _MOST_RECORDS:
            raise InputError(f"it describes more than {number:,} things; expected fewer")
        if tag == "BinaryOnly":
            metadata_file = _file_name(fields.get("MetadataFile", "")) or _NO_FILE
        elif tag == "Channel":
            channels.append(fields)
        elif tag == "UUID":
            uuids.append((fields.get("", ""), _file_name(fields.get("FileName", ""))))
        elif tag == "TiffData":
            blocks.append((fields, *(uuids[0] if uuids else ("", ""))))
            uuids = []
        elif tag == "Pixels":
            images.append((fields, channels, blocks))
            channels, blocks = [], []
        elif tag == "Image" and images:
            images[-1][0].setdefault("ImageName", fields.get("Name", ""))
        elif tag == "OME":
            own_uuid = fields.get("UUID", "")
    made = tuple(_image(*image, own_uuid, name) for image in images)
    return OmeXml(metadata_file, _renamed(made, name))


def _renamed(images: tuple[OmeImage, ...], name: str) -> tuple[OmeImage, ...]:
    """Take the file that the XML lies in for the only one that it names: it was renamed."""
    files = {file for image in images for file in image.files}
    if not name or len(files) != 1 or name in files:
        return images
    return tuple(
        replace(image, files=(name,), spans=tuple(replace(span, file=name) for span in image.spans))
        for image in images
    )


def _image(
    fields: dict[str, str],
    channels: list[dict[str, str]],
    blocks: list[tuple[dict[str, str], str, str]],
    own_uuid: str,
    name: str,
) -> OmeImage:
    order = fields.get("DimensionOrder", "XYCZT").upper()
    if sorted(order) != sorted("XYCZT") or order[:2] != "XY":
        raise ValueError(f"the order of the dimensions is {order!r}")
    samples = {_whole(each, "SamplesPerPixel", 1) or 1 for each in channels} or {1}
    if len(samples) > 1:
        raise ValueError("its channels are of several colour samples and of one")
    (samples_each,) = samples
    sizes = {axis.lower(): _whole(fields, f"Size{axis}", 0) for axis in order[2:]}
    sizes["c"] //= samples_each
    if not all(sizes.values()):
        raise ValueError(f"its sizes are {', '.join(f'{a} {n}' for a, n in sizes.items())}")
    if "DimensionOrder" not in fields and sum(size > 1 for size in sizes.values()) > 1:
        raise ValueError("the order of the dimensions is not stated")
    spans = _spans(sizes, blocks, own_uuid, name)
    return OmeImage(
        fields.get("ImageName", ""),
        fields,
        sizes,
        samples_each,
        tuple(each.get("Name", "") for each in channels),
        spans,
        tuple(dict.fromkeys(span.file for span in spans)),
    )


def _spans(
    sizes: dict[str, int],
    blocks: list[tuple[dict[str, str], str, str]],
    own_uuid: str,
    name: str,
) -> tuple[PageSpan, ...]:
    """Return where the planes are; a document without a word of it has them in order."""
    if not blocks and name:
        return (PageSpan(0, prod(sizes.values()), 0, name),)
    spans = []
    for fields, uuid, file in blocks:
        first, step = 0, 1
        at = {axis: _whole(fields, f"First{axis.upper()}", 0) for axis in sizes}
        if any(at[axis] >= size for axis, size in sizes.items()):
            continue  # ImageJ crops images, and not what is said of them
        for axis, size in sizes.items():
            first += at[axis] * step
            step *= size
        is_own = name and (uuid == own_uuid if uuid and own_uuid else not file and not uuid)
        count = _whole(fields, "PlaneCount", _whole(fields, "NumPlanes", "IFD" in fields)) or None
        page = _whole(fields, "IFD", 0)
        spans.append(PageSpan(first, count, page, name if is_own else file or _NO_FILE))
    if blocks and not spans:
        raise ValueError("none of the planes that it places are within its sizes")
    return tuple(sorted(spans, key=lambda span: span.first))


def _whole(fields: dict[str, str], key: str, default: int) -> int:
    number = int(fields.get(key, default))
    if number < 0:
        raise ValueError(f"{key} is {number}")
    return number


def _file_name(text: str) -> str:
    """Return the name of a file without the folders that it lay in when it was written."""
    return ntpath.basename(text)
