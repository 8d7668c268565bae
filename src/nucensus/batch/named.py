"""Name the images that a function is to be applied to: arrays, files, folders, globs, tables."""

import functools
import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from itertools import chain, count, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..discover import discover, refuse_table
from ..errors import InputError, ReadError
from ..execute import name_image
from ..read import SUFFIXES, read
from ..remote import absolute, is_remote, is_zarr, plain_address, with_query
from ..values import Plane, Selection
from .plan import expand

Image: TypeAlias = str | os.PathLike[str] | NDArray[Any]
_TABLES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image, as its path or its pixels, and what errors call it.

    Attributes
    ----------
    name : str
    image : str or ndarray
    plane : Plane
        Which plane of the file.
    problem : str
        Why it cannot be read, where its listing says so.
    """

    name: str
    image: Any
    plane: Plane = field(default_factory=Plane)
    problem: str = ""

    @property
    def nbytes(self) -> int:
        """The size of its pixels in memory."""
        return getattr(self.image, "nbytes", 0)


def open_images(
    images: Image | Iterable[Image], selection: Selection, *, is_local: bool
) -> tuple[Iterable[NamedImage], int | None, bool]:
    """Return the images, how many they are, and whether they are arrays.

    Those of a generator of arrays are taken one by one, and not counted.
    """
    refuse_table(images)
    if isinstance(images, np.ndarray) and images.ndim < 3 and images.dtype.kind in "buifc":
        raise InputError(
            f"one image of {' x '.join(map(str, images.shape))} pixels was given; expected "
            f"several; call the function with it, or give a list of images"
        )
    if isinstance(images, Iterator):
        first = list(islice(images, 1))
        images = chain(first, images)
        if _are_arrays(first) and selection == Selection():
            return map(_array_at, count(), images), None, True
    named, in_memory = name_images(images, selection, is_local=is_local)
    return named, len(named), in_memory


def _array_at(index: int, image: Any) -> NamedImage:
    _are_arrays([np.empty(0), image])
    return NamedImage(f"image {index}", image)


def name_images(
    images: Image | Iterable[Image], selection: Selection, *, is_local: bool
) -> tuple[list[NamedImage], bool]:
    """Return the images, and whether they are arrays.

    Files that are given one by one stay as they are, in their order and as often as they are
    given. Folders, globs, and tables of paths are listed as `census` lists them.
    """
    if selection.measure or selection.light:
        raise InputError(
            "other channels were to be measured, or uneven light corrected, and a function is "
            "given one image as it is; expected no more than which images count; ask census for it"
        )
    if selection.metadata is not None:
        raise InputError(
            "metadata was given to a function of single images; expected no more than which "
            "images count; give it to census"
        )
    is_one = isinstance(images, str | os.PathLike)
    listed: list[Any] = [images] if is_one or not isinstance(images, Iterable) else list(images)
    if _are_arrays(listed):
        if selection != Selection():
            raise InputError(
                "arrays were given, and which of them count; expected files for that; choose among "
                "the arrays first"
            )
        return [NamedImage(f"image {index}", array) for index, array in enumerate(listed)], True
    paths = [plain_address(os.fspath(each)) for each in listed]
    if selection == Selection() and not any(map(_stands_for_several, paths)):
        place = (lambda path: path) if is_local else absolute
        return [NamedImage(path, with_query(place(path))) for path in paths], False
    return _listed(paths, selection), False


def _listed(paths: list[str], selection: Selection) -> list[NamedImage]:
    """Return the images that the inputs stand for, each once."""
    tables = [each for each in paths if each.lower().endswith(_TABLES)]
    others = [each for each in paths if each not in tables]
    found = [] if tables and not others else list(expand(discover(others, SUFFIXES, selection)))
    for table in tables:
        found += expand(discover((), SUFFIXES, Selection(selection.plane, manifest=table)))
    return [
        NamedImage(
            f"{each.path}[{each.plane}]" if str(each.plane) else each.path,
            with_query(absolute(each.path)), each.plane, each.problem,
        )
        for each in found
    ]  # fmt: skip


def _stands_for_several(path: str) -> bool:
    """Tell whether it is a folder, a glob, a table of paths, or a prefix in a bucket."""
    if path.lower().endswith(_TABLES):
        return True
    if is_remote(path):
        is_image = path.lower().endswith(tuple(SUFFIXES))
        return not (is_image or is_zarr(path)) or glob.has_magic(path)
    if os.path.exists(path):
        return os.path.isdir(path) and not is_zarr(path)
    return glob.has_magic(path)


def _are_arrays(images: list[Any]) -> bool:
    for image in images:
        if not isinstance(image, str | os.PathLike | np.ndarray):
            raise TypeError(
                f"an image is of type {type(image).__name__}; expected paths, or NumPy arrays of "
                f"height x width; numpy.asarray makes one of what other libraries call an array"
            )
    arrays = [isinstance(image, np.ndarray) for image in images]
    if any(arrays) and not all(arrays):
        raise InputError(
            "both paths and arrays were given; expected one kind; read the files first"
        )
    return bool(arrays) and arrays[0]


def load(image: NamedImage) -> NamedImage:
    """Read the image; what goes wrong says of which."""
    return NamedImage(image.name, _naming(image, functools.partial(_read, image)))


def _read(image: NamedImage, path: str) -> NDArray[Any]:
    if image.problem:
        raise ReadError(f"{image.name!r} cannot be read: {image.problem}")
    return read(path, image.plane)


def apply(function: Callable[[Any], Any], image: NamedImage) -> Any:
    """Apply the function to the image; what goes wrong says to which."""
    return _naming(image, function)


def _naming(image: NamedImage, step: Callable[[Any], Any]) -> Any:
    """Do a step, and let whatever goes wrong say with which image it did."""
    try:
        return step(image.image)
    except StopIteration as error:  # it would end the loop over the images, and say nothing
        stopped = RuntimeError("the function raised StopIteration")
        name_image(stopped, image.name)
        raise stopped from error
    except BaseException as error:
        name_image(error, image.name)
        raise
