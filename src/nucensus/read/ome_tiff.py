"""Read OME-TIFF by its own XML: planes are where it says, also in the other files of a set."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

from ..errors import ReadError
from ..remote import RemoteFile, beside, exists, is_remote, open_remote
from ..remote.ome import OmeImage, images_beginning_in, read_ome
from ..values.pixel_size import NO_SIZE, PixelSize, stated_size
from .scene import Index, Scene, Source
from .tiff_pages import Sample, name_of_compression, sample_of
from .tiff_parts import parts_of
from .tiff_series import is_aside

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_PLANES = ("YX", "YXS", "SYX")
_TYPES = {"bit": "bool", "float": "float32", "double": "float64"}
"""Types of pixels that NumPy calls otherwise than OME."""


@contextmanager
def open_ome_scenes(
    tiff: "TiffFile", source: Source, note_of_untold: Callable[[Callable[[], Collection[int]]], str]
) -> Iterator[list[Scene]]:
    """Give the images of the file, and those that begin in it and go on in others of its set.

    What `note_of_untold` says of the pages that the XML speaks of is noted.
    """
    path = source if isinstance(source, str) else source.name
    document = read_ome(path, (tiff.ome_metadata or "").encode())
    images = images_beginning_in(path, document)
    if not images and document.is_set:
        name = os.path.basename(path)
        of = next((image.files[0] for image in document.images if name in image.files), "")
        raise ReadError(f"the file holds planes of the field that begins in {of!r}; count that one")
    note = note_of_untold(lambda: document.pages_of(os.path.basename(path)))
    with _Files(tiff, path) as files:
        scenes = [_scene(image, files) for image in images]
        yield [replace(each, pixel_size=each.pixel_size.with_note(note)) for each in scenes]


class _Files:
    """The files of a set, the first one and at most one more of them open."""

    def __init__(self, tiff: "TiffFile", path: str) -> None:
        self._path, self.name = path, os.path.basename(path)
        self._tiff = tiff
        self._remote: RemoteFile | None = None
        self._other: tuple[str, TiffFile] | None = None

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        """Close the other file; a request that failed outranks what tifffile made of it."""
        if self._other is not None:
            self._other[1].close()
        if self._remote is not None and self._remote.failure is not None:
            raise self._remote.failure

    def page(self, file: str, number: int) -> "TiffPage":
        """Return a page, or say that it is not there."""
        tiff = self._tiff if file == self.name else self._open(file)
        try:
            page: TiffPage = tiff.pages[number]  # type: ignore[assignment]  # no frames are used
        except IndexError as error:
            raise ReadError(
                f"the OME-XML says that page {number + 1} of {file!r} holds this plane, and the "
                f"file has {len(tiff.pages)}; copy it again, or choose another plane"
            ) from error
        return page

    def _open(self, file: str) -> "TiffFile":
        import tifffile

        if self._other is None or self._other[0] != file:
            self.__exit__()
            self._other = None
            path = beside(self._path, file)
            if not exists(path):
                raise ReadError(
                    f"the OME-XML says that {file!r} holds this plane, and it is not there; "
                    f"put it beside the others of its set, or choose another plane"
                )
            self._remote = open_remote(path) if is_remote(path) else None
            opened = cast("BinaryIO", self._remote or path)
            self._other = file, tifffile.TiffFile(opened, _multifile=False)
        return self._other[1]


def _scene(image: OmeImage, files: _Files) -> Scene:
    first = _first_page(image, files)
    _check(image, first)

    def reduce() -> list[Scene]:
        count = len(first.subifds or ())
        return [_at_level(image, files, _reduced(first, n), n) for n in range(count)]

    return replace(_at_level(image, files, first), reduce=reduce)


def _reduced(page: "TiffPage", number: int) -> "TiffPage":
    """Return a page at a lower resolution, by the number of the directory below it."""
    if page.pages is None or number >= len(page.pages):
        raise ReadError(
            f"page {page.index + 1} has no pixels at this level of resolution, and others of its "
            f"image have; leave out --level, or write the file again"
        )
    return page.pages[number].aspage()


def _at_level(image: OmeImage, files: _Files, like: "TiffPage", below: int | None = None) -> Scene:
    """Return the image as its pages have it, or those directories below them."""
    samples, channels = like.samplesperpixel, image.sizes["c"] * image.samples
    sizes = {"c": channels // samples, "z": image.sizes["z"], "t": image.sizes["t"]}
    is_colour = samples > 1 and sizes["c"] == 1
    shown = {**sizes, "c": samples} if is_colour else {**sizes, "s": samples}

    def find(index: Index) -> Sample:
        file, number = image.page_of({**index, "c": 0} if is_colour else index)
        page = files.page(file, number)
        if below is not None:
            page = _reduced(page, below)
        if (page.shape, page.axes, page.dtype) != (like.shape, like.axes, like.dtype):
            raise ReadError(
                f"page {number + 1} of {file!r} is {page.dtype} of {page.shape}, and others of "
                f"its image are {like.dtype} of {like.shape}; write the file again"
            )
        return sample_of(page, index.get("c" if is_colour else "s", 0))

    return Scene(
        (like.imagelength, like.imagewidth),
        str(like.dtype),
        {axis: size for axis, size in shown.items() if size > 1},
        lambda index: find(index).pixels(),
        () if is_colour else image.channels,
        (_pixel_size(image.fields) if below is None else NO_SIZE).with_note(_unlike(image, like)),
        image.name,
        is_colour,
        is_aside(like, image.name),
        name_of_compression(like),
        describe=lambda index: find(index).header,
        divide=lambda index: parts_of(find(index)),
    )


def _check(image: OmeImage, page: "TiffPage") -> None:
    """Refuse an image whose pages are not what its XML says."""
    samples, channels = page.samplesperpixel, image.sizes["c"] * image.samples
    if page.axes not in _PLANES or channels % samples or image.samples not in (1, samples):
        raise ReadError(
            f"the OME-XML speaks of {channels} channels, and a page has the axes {page.axes} and "
            f"{samples} samples; write the file again with its source"
        )
    shape = page.imagelength, page.imagewidth
    stated = tuple(int(image.fields.get(f"Size{axis}", 0)) for axis in "YX")
    if stated != shape or page.dtype is None:
        raise ReadError(
            f"the OME-XML speaks of planes of {stated[0]} x {stated[1]} pixels, and the page has "
            f"{shape[0]} x {shape[1]}; write the file again with its source"
        )


def _unlike(image: OmeImage, page: "TiffPage") -> str:
    """Return a note on a type of pixels that the XML and the pages do not agree on; "" of none."""
    stated = image.fields.get("Type", "")
    if not stated or _TYPES.get(stated, stated) == str(page.dtype):
        return ""
    return (
        f"the OME-XML speaks of pixels of the type {stated}, and they are counted as {page.dtype}, "
        f"as the tags of their page have it; if that is wrong, write the file again"
    )


def _first_page(image: OmeImage, files: _Files) -> "TiffPage":
    """Return the first page of the image in the file that is open; others are like it."""
    missing = None
    for span in image.spans:
        if span.file == files.name:
            try:
                return files.page(span.file, span.page)
            except ReadError as error:
                missing = missing or error
    raise missing or ReadError("the OME-XML names no page; write the file again with its source")


def _pixel_size(fields: dict[str, str]) -> PixelSize:
    units = {axis: fields.get(f"PhysicalSize{axis.upper()}Unit", "µm") for axis in "yxz"}
    return stated_size(units, **{axis: fields.get(f"PhysicalSize{axis.upper()}") for axis in "yxz"})
