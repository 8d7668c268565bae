"""Project the planes of a stack, which come one after the other, onto one."""

import os
import posixpath
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotAPlaneError
from ..remote import beside, is_remote
from ..values import PROJECTIONS, Header, Plane

_BAND_BYTES = 1 << 21
"""Rows of a plane are compared in bands of so many bytes. Larger: more memory."""


class Projection:
    """The projection of the planes so far: no more is kept than it and the plane that comes.

    Parameters
    ----------
    how : {"max", "mean", "best-focus"}
        The maximum and the mean are those of NumPy along the planes. The sharpest plane is the
        first with the largest sum of squared differences of pixels two apart, along rows and
        columns (Brenner et al. 1976, J. Histochem. Cytochem. 24, 100-111).
    """

    def __init__(self, how: str) -> None:
        self._how = how
        self._kept: NDArray[Any] = np.empty((0, 0))
        self._dtype = np.dtype(float)
        self._first, self._sharpest, self._sharpness, self._count = "", "", -1.0, 0

    def add(self, pixels: NDArray[Any], name: str) -> None:
        """Take in a plane, which has to be like the first."""
        if self._count:
            self._check(pixels, name)
        else:
            self._first, self._dtype = name, pixels.dtype
        if self._how == "best-focus":
            sharpness = _sharpness(pixels)
            if sharpness > self._sharpness or not self._count:
                self._kept, self._sharpest, self._sharpness = pixels, name, sharpness
        elif not self._count:
            self._kept = pixels.astype(np.float64 if self._how == "mean" else pixels.dtype)
        elif self._how == "mean":
            np.add(self._kept, pixels, out=self._kept)
        else:
            np.maximum(self._kept, pixels, out=self._kept)
        self._count += 1

    def _check(self, pixels: NDArray[Any], name: str) -> None:
        if (pixels.shape, pixels.dtype) != (self._kept.shape, self._dtype):
            raise unlike(
                name, _kind(pixels.shape, pixels.dtype),
                self._first, _kind(self._kept.shape, self._dtype),
            )  # fmt: skip

    @property
    def pixels(self) -> NDArray[Any]:
        """The projection: of a mean of whole numbers in double precision."""
        if self._how != "mean":
            return self._kept
        self._kept /= self._count
        return self._kept.astype(self._dtype) if self._dtype.kind == "f" else self._kept

    @property
    def note(self) -> str:
        """Which plane it is, if it is one of them."""
        return f"the sharpest of {self._count} planes: {self._sharpest}" if self._sharpest else ""


def unlike(name: str, kind: str, first: str, kind_of_first: str) -> NotAPlaneError:
    """Return the error of a plane that is not like the first of its stack."""
    return NotAPlaneError(
        f"{name} is {kind}, and {first} is {kind_of_first}; expected planes of one kind; choose "
        f"one with --z"
    )


def _kind(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    return f"{' x '.join(map(str, shape))} {dtype}"


def _sharpness(pixels: NDArray[Any]) -> float:
    """Return the sum of squared differences, a band of rows at a time."""
    total = 0.0
    rows = max(1, _BAND_BYTES // max(1, 8 * pixels.shape[1]))
    for start in range(0, pixels.shape[0], rows):
        band = pixels[start : start + rows + 2].astype(np.float64)
        for difference in (band[2:] - band[:-2], band[:rows, 2:] - band[:rows, :-2]):
            total += float(np.vdot(difference, difference))
    return total


def header_of(header: Header, plane: Plane) -> Header:
    """Return what it takes to decode the planes: beside the one that comes, what is kept."""
    if plane.z not in PROJECTIONS:
        return header
    kept_bytes = 8 * header.pixels if plane.z == "mean" else header.size_bytes
    return replace(header, size_bytes=header.size_bytes + kept_bytes)


def files_of(path: str, plane: Plane) -> list[str]:
    """Return the files of a stack whose planes are files of their own; else the one there is."""
    return [path, *(_normal(beside(path, name)) for name in plane.files)]


def _normal(path: str) -> str:
    if not is_remote(path):
        return os.path.normpath(path)
    scheme, _, key = path.partition("://")
    return f"{scheme}://{posixpath.normpath(key)}"
