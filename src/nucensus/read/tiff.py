"""Read TIFF files: classic, BigTIFF, OME, ImageJ, MetaMorph."""

import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotAPlaneError, ReadError
from ..model import Header

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_UNCOMPRESSED, _LZW, _NO_PREDICTOR = 1, 5, 1
_DEFLATE_OR_ZSTD = (8, 32946, 50000)


def read_tiff(path: str, on_header: Callable[[Header], None]) -> NDArray[Any]:
    """Read the one plane of a TIFF file: (height, width), or with samples if it has colours.

    Uncompressed pixels come straight from the file. libtiff decodes LZW about
    twice as fast as tifffile does, and deflate and zstd without predictor as
    well; tifffile decodes everything else.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            page = _single_page(tiff)
            on_header(Header(page.size, page.nbytes, _compression(page)))
            return _read_page(path, page)
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, struct.error, LookupError, ArithmeticError) as error:
        raise ReadError(
            f"the file does not decode as TIFF ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _compression(page: "TiffPage") -> str:
    return (
        ""
        if page.compression == _UNCOMPRESSED
        else str(getattr(page.compression, "name", page.compression)).replace("_", " ")
    )


def _single_page(tiff: "TiffFile") -> "TiffPage":
    series = tiff.series
    if not series:
        raise ReadError("the TIFF file holds no image; copy it again from its source")
    if len(series) > 1 or len(series[0].shape) != 2:
        shapes = ", ".join(f"{' x '.join(map(str, s.shape))} ({s.axes})" for s in series[:4])
        raise NotAPlaneError(
            f"the file holds {shapes}; expected one plane of height x width; "
            f"save the plane with the nuclei as an image of its own"
        )
    return tiff.pages.first


def _read_page(path: str, page: "TiffPage") -> NDArray[Any]:
    if page.is_memmappable:
        return _read_contiguous(path, page)
    if page.compression == _LZW or (
        page.compression in _DEFLATE_OR_ZSTD and page.predictor == _NO_PREDICTOR
    ):
        import imagecodecs

        with open(path, "rb") as file:
            decoded: NDArray[Any] = imagecodecs.tiff_decode(file.read())
        return decoded
    return page.asarray(maxworkers=1)


def _read_contiguous(path: str, page: "TiffPage") -> NDArray[Any]:
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    there = (os.path.getsize(path) - page.dataoffsets[0]) // dtype.itemsize
    if there < page.size:
        raise ReadError(
            f"the file is truncated: {max(0, there)} of {page.size} pixels are there; "
            f"copy it again from its source"
        )
    image = np.fromfile(path, dtype, page.size, offset=page.dataoffsets[0])
    return image.reshape(page.shape)
