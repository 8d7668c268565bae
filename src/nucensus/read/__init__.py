"""Read one plane of one image file -> one array.

The ending of the name chooses the reader. A new format is one new module here
and one line in `READERS`.
"""

import functools
import importlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from .._dataclass import dataclass, replace
from ..errors import (
    AccessError,
    InputError,
    MissingPackageError,
    NotAPlaneError,
    NucensusError,
    ReadError,
    TooLargeError,
)
from ..remote import (
    ChangedError,
    explained,
    is_remote,
    is_zarr,
    open_remote,
    open_to_read,
    plain_address,
)
from ..values import Header, Plane
from ..values.parts import Parts
from ..values.pixel_size import PixelSize
from .levels import find_scene
from .logs import told_of
from .one_version import of_one_version
from .projection import Projection, files_of, header_of
from .scene import Scene, divide_plane, read_plane

OnHeader: TypeAlias = Callable[[Header], None]
OpenScenes: TypeAlias = Callable[[Any], AbstractContextManager[Sequence[Scene]]]


class Reader(NamedTuple):
    """A module of this room whose `open_scenes` reads files with these endings.

    Attributes
    ----------
    module : str
    format : str
        Its name, as in `_MAGIC` if the first bytes of a file tell it.
    endings : tuple of str
        Of names of files, in lower case.
    extra : str
        The extra of nucensus that brings the package it needs; "" for none.
    """

    module: str
    format: str
    endings: tuple[str, ...]
    extra: str = ""


READERS = (
    Reader("tiff", "TIFF", (
        ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ptif", ".ptiff", ".stk", ".lsm", ".svs", ".ndpi",
        ".scn", ".qptiff", ".zif", ".pcoraw",
    )),
    Reader("compressed", "PNG", (".png",)),
    Reader("compressed", "JPEG", (".jpg", ".jpeg")),
    Reader("ome_zarr", "OME-Zarr", (".zarr",), "ome-zarr"),
    Reader("nd2", "ND2", (".nd2",), "nd2"),
    Reader("lif", "LIF", (".lif",), "lif"),
    Reader("czi", "CZI", (".czi",), "czi"),
    Reader("bioio", "what BioIO reads", (".dv", ".oib", ".oir", ".sldy", ".vsi"), "bioio"),
)  # fmt: skip

_BY_ENDING = {ending: reader for reader in READERS for ending in reader.endings}

SUFFIXES = tuple(_BY_ENDING)
"""The endings of file names that can be read, in lower case."""


_MAGIC = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"PK\3\4": "ZIP",
    b"%PDF": "PDF", b"\x1f\x8b": "gzip", b"\x89HDF": "HDF5", b"ZISRAWFILE": "CZI",
    b"\xda\xce\xbe\x0a": "ND2", b"\0\0\0\x0cjP": "ND2", b"\x70\0\0\0": "LIF",
}  # fmt: skip

_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Image:
    """One plane that was read, and the size of its pixels as the file states it."""

    pixels: NDArray[Any]
    pixel_size: PixelSize
    note: str = ""
    """Which plane of a stack it is, if the sharpest was asked for; what is doubtful about it."""
    downsample: tuple[float, float] = (1.0, 1.0)
    """How many rows and columns of full size are one of these."""


@dataclass(frozen=True, slots=True)
class DividedImage:
    """One plane that is read part by part while its file is open, and the size of its pixels."""

    parts: Parts
    pixel_size: PixelSize
    downsample: tuple[float, float] = (1.0, 1.0)


def _accept(header: Header) -> None:
    """Let every image be decoded."""


def read(
    path: str | os.PathLike[str], plane: Plane | None = None, on_header: OnHeader = _accept
) -> NDArray[Any]:
    """Read one two-dimensional plane of `path`.

    Parameters
    ----------
    path : path or address
        TIFF (classic, BigTIFF, OME, ImageJ, MetaMorph, LSM), PNG or JPEG; with
        the package of its format also OME-Zarr, ND2, LIF, CZI and what BioIO reads.
        A text such as "s3://bucket/image.tif" names an object.
    plane : Plane, optional
        Which plane, of a file that holds more than one.
    on_header : callable, optional
        Called with the `Header` before memory is taken for the pixels. What it
        raises comes through, and nothing is decoded.

    Returns
    -------
    ndarray, shape (height, width)
        Grey levels, in the dtype of the file; (planes, height, width) of a volume.

    Raises
    ------
    NotAPlaneError
        The file holds more than one plane, or colours, and `plane` does not
        say which; the message lists them.
    ReadError
        The file cannot be opened or decoded, whatever is wrong with it.
    MissingPackageError
        The format needs a package that is not installed.
    AccessError
        The bucket or server of an address cannot be used.
    """
    return read_image(path, plane or Plane(), on_header).pixels


def read_image(path: str | os.PathLike[str], plane: Plane, on_header: OnHeader = _accept) -> Image:
    """Read one plane of `path` and the size of its pixels."""
    if plane.files:
        return _project_files(path, plane, on_header)
    return of_one_version(path, lambda: _read_image(path, plane, on_header))


def _read_image(path: str | os.PathLike[str], plane: Plane, on_header: OnHeader) -> Image:
    refused: list[Exception] = []
    try:
        with open_scenes(path) as scenes:
            scene = find_scene(scenes, plane)
            header = scene.header(plane)
            try:
                on_header(
                    replace(
                        header_of(header, plane),
                        has_parts=lambda: divide_plane(scene, plane) is not None,
                        dtype=scene.dtype_of(plane),
                    )
                )
            except Exception as error:
                refused.append(error)
                raise
            pixels, note = read_plane(scene, plane)
    except ReadError:
        if refused:
            raise refused[0] from None
        raise
    if not pixels.size:
        raise ReadError(
            f"the image has no pixels: its size is {' x '.join(map(str, pixels.shape))}; "
            f"copy it again from its source"
        )
    if pixels.ndim != (3 if plane.z == "volume" else 2):
        size = " x ".join(map(str, pixels.shape))
        raise NotAPlaneError(
            f"the plane has the shape {size}; expected height x width; save it as an image of "
            f"one plane"
        )
    return Image(pixels, scene.pixel_size, note, scene.downsample)


def _project_files(path: str | os.PathLike[str], plane: Plane, on_header: OnHeader) -> Image:
    """Project the planes of a stack that are files of their own; one is open at a time."""
    first: list[Header] = []

    def check(header: Header) -> None:
        if not first:
            on_header(header_of(header, plane))
            first.append(header)
        elif header.pixels != first[0].pixels:
            raise NotAPlaneError(
                f"it has {header.pixels:,} pixels, and the first plane has {first[0].pixels:,}; "
                f"expected planes of one kind; choose one with --z"
            )

    projection, images = Projection(str(plane.z)), []
    for each in files_of(os.fspath(path), plane):
        name = os.path.basename(each)
        try:
            image = read_image(each, replace(plane, z=None, files=()), check)
        except (TooLargeError, AccessError):
            raise
        except ReadError as error:
            raise ReadError(f"of the plane {name!r}: {error}") from error
        images.append((image.pixel_size, image.downsample))
        projection.add(image.pixels, repr(name))
        del image  # before the next plane is read
    size, downsample = images[0]
    return Image(projection.pixels, size, projection.note, downsample)


@contextmanager
def open_in_parts(path: str | os.PathLike[str], plane: Plane) -> Iterator[DividedImage]:
    """Open an image whose header says that it can be read part by part."""
    with open_scenes(path) as scenes:
        scene = find_scene(scenes, plane)
        parts = divide_plane(scene, plane)
        if parts is None:
            raise ReadError("the image cannot be read part by part any more: the file has changed")
        yield DividedImage(parts, scene.pixel_size, scene.downsample)


def why_no_reader(path: str) -> str | None:
    """Return which package is missing here to read a file like this one, if any is."""
    reader = _BY_ENDING.get(".zarr" if is_zarr(path) else os.path.splitext(path)[1].lower())
    if reader is None or not reader.extra:
        return None
    try:
        with open_scenes(path):
            return None
    except MissingPackageError as error:
        return str(error)
    except NucensusError:  # it is for the run to tell
        return None


@contextmanager
def open_scenes(path: str | os.PathLike[str]) -> Iterator[Sequence[Scene]]:
    """Open a file and give its scenes, from its header; planes are read while it is open."""
    name = plain_address(os.fspath(path))
    reader = _reader(name)
    if not is_remote(name):
        _check_exists(name)
    try:
        opened = _remote_scenes(reader, name) if is_remote(name) else reader(name)
        with told_of(name), opened as scenes:
            if not scenes:
                raise ReadError("the file holds no image; copy it again from its source")
            yield scenes
    except (NotAPlaneError, TooLargeError, AccessError, ChangedError):
        raise
    except MemoryError as error:
        raise TooLargeError(
            "the image needs more memory than there is; check the file, or choose a plane of it"
        ) from error
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except Exception as error:  # libraries raise whatever the bytes of a file lead them to
        what = _what_it_is(name) or _reason(error)
        if what is None:
            raise
        raise ReadError(what) from error


@contextmanager
def _remote_scenes(reader: OpenScenes, address: str) -> Iterator[Sequence[Scene]]:
    """Open an object; a request that failed outranks what a library made of it."""
    if is_zarr(address):
        with explained(address), reader(address) as scenes:
            yield scenes
        return
    file = open_remote(address)
    if not file.size:
        raise ReadError("the file is empty (0 bytes); copy it again from its source")
    try:
        with reader(file) as scenes:
            yield scenes
    except Exception:
        if file.failure is None:
            raise
    if file.failure is not None:
        raise file.failure


def _reader(name: str) -> OpenScenes:
    suffix = ".zarr" if is_zarr(name) else os.path.splitext(name)[1].lower()
    try:
        module = _BY_ENDING[suffix].module
    except KeyError:
        raise ReadError(
            f"the ending {suffix!r} is not one of an image that can be read; "
            f"expected {', '.join(SUFFIXES)}; rename or convert the file"
        ) from None
    try:
        return _reader_in(module)
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _missing(error: ModuleNotFoundError) -> MissingPackageError:
    package = (error.name or "").partition(".")[0]
    return MissingPackageError(package, "Reading this file", package)


@functools.cache
def _reader_in(module: str) -> OpenScenes:
    reader: OpenScenes = importlib.import_module(f".{module}", __name__).open_scenes
    return reader


def _check_exists(name: str) -> None:
    """Say what is wrong if there is no file with something in it."""
    try:
        status = os.stat(name)
    except FileNotFoundError:
        what = "is a link to a file that" if os.path.islink(name) else "the file"
        raise ReadError(
            f"{what} does not exist; check that it was not moved or deleted since it was listed"
        ) from None
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"the file cannot be opened: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        if is_zarr(name):
            return
        raise ReadError("this is a folder with a name like an image's; expected a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError("this is a pipe, a socket or a device; expected a file")
    if status.st_size == 0:
        raise ReadError("the file is empty (0 bytes); copy it again from its source")


def _reason(error: Exception) -> str | None:
    """Return what an error says that no reader expected; None of those that say it themselves."""
    if isinstance(error, ReadError | MissingPackageError):
        return None
    if isinstance(error, InputError):
        return str(error)
    return (
        f"the file does not decode ({type(error).__name__}: {error}); it is damaged, or its name "
        f"has the wrong ending"
    )


def _what_it_is(name: str) -> str | None:
    """Say what a file holds whose content is not what its name promises."""
    if not (is_remote(name) or os.path.isfile(name)):
        return None
    try:
        with open_to_read(name) as file:
            start = file.read(512)
    except (OSError, ReadError):
        return None
    if start.startswith(_LFS):
        return (
            "the file is a pointer of Git LFS, a text that stands in for the image; fetch the "
            "image with: git lfs pull"
        )
    reader = _BY_ENDING.get(os.path.splitext(name)[1].lower())
    found = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    if reader is None or reader.format not in _MAGIC.values() or found == reader.format:
        return None
    promised = reader.format
    if found is not None:
        return (
            f"the file does not decode as {promised}: its content is {found}; rename or convert it"
        )
    if start and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return (
            f"the file does not decode as {promised}: it holds text; its name has the wrong "
            f"ending, or its source wrote something else"
        )
    return None
