"""Read TIFF files: classic, BigTIFF, OME, ImageJ, MetaMorph, LSM, NDTiff."""

import functools
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from .ome_tiff import open_ome_scenes
from .plain_tiff import UM, metaseries_pixel_um, open_plain
from .scene import Index, Scene, Source, side_um

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_UNCOMPRESSED, _LZW, _NO_PREDICTOR = 1, 5, 1
_UIC1 = 33628
_DEFLATE_OR_ZSTD = (8, 32946, 50000)


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a TIFF file; each series of pages is a scene, of an OME-TIFF each image of its XML."""
    try:
        if isinstance(path, str):
            with open(path, "rb") as file:
                plain = open_plain(file)
                if plain is not None:
                    yield [plain]
                    return
        import tifffile

        with tifffile.TiffFile(cast("BinaryIO", path), _multifile=False) as tiff:
            if tiff.is_ome:
                with open_ome_scenes(tiff, path, _read_one_page, _compression) as scenes:
                    yield scenes
                return
            series = tiff.series
            calibration = _calibration(tiff) if series else {}
            yield [_scene(each, **calibration) for each in series]
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, struct.error, LookupError, ArithmeticError) as error:
        raise ReadError(
            f"the file does not decode as TIFF ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scene(series: "TiffPageSeries", **metadata: Any) -> Scene:
    """Return the scene of a series; its unnamed pages, if it has no z axis, count as z planes."""
    axes = series.axes.lower()
    shape = dict(zip(axes, series.shape, strict=True))
    if "z" not in shape and sum(axis in shape for axis in "iq") == 1:
        axes = axes.replace("i", "z").replace("q", "z")
        shape = dict(zip(axes, series.shape, strict=True))
    is_colour = "s" in shape and "c" not in shape
    if is_colour:
        axes = axes.replace("s", "c")
    sizes = {axis: n for axis, n in zip(axes, series.shape, strict=True) if axis not in "yx"}
    read = functools.partial(_read_plane, series, axes)
    key = series.keyframe
    return Scene(
        (shape["y"], shape["x"]),
        str(series.dtype),
        sizes,
        read,
        name=series.name,
        is_colour=is_colour,
        compression=_compression(key),
        **metadata,
    )


def _compression(page: "TiffPage") -> str:
    if page.compression == _UNCOMPRESSED:
        return ""
    return str(getattr(page.compression, "name", page.compression)).replace("_", " ")


def _read_plane(series: "TiffPageSeries", axes: str, index: Index) -> NDArray[Any]:
    """Read the one page that holds the plane, and cut the plane out of it."""
    page_axes = axes[-len(series.keyframe.shape) :]
    leading = axes[: len(axes) - len(page_axes)]
    lengths = series.shape[: len(leading)]
    number = 0
    for axis, length in zip(leading, lengths, strict=True):
        number = number * length + index[axis]
    page = _read_page(series, number, math.prod(lengths))
    cut = tuple(index[axis] if axis not in "yx" else slice(None) for axis in page_axes)
    return page[cut]


def _read_page(series: "TiffPageSeries", number: int, count: int) -> NDArray[Any]:
    """Read a page in the fastest way its compression allows.

    Uncompressed pixels come straight from the file. libtiff decodes LZW about
    twice as fast as tifffile does, and deflate and zstd without predictor as
    well; tifffile decodes everything else.
    """
    key = series.keyframe
    if series.dataoffset is not None:
        size_bytes = key.size * np.dtype(key.dtype).itemsize
        return _read_contiguous(key, series.dataoffset + number * size_bytes)
    page = series.pages[number]
    if page is None:
        raise ReadError("the file does not hold this plane; copy it again, or choose another")
    if key.is_final:
        return _read_contiguous(key, page.dataoffsets[0])
    if count == 1 and (
        key.compression == _LZW
        or (key.compression in _DEFLATE_OR_ZSTD and key.predictor == _NO_PREDICTOR)
    ):
        return _decode_with_libtiff(key)
    return page.asarray(maxworkers=1)


def _read_one_page(page: "TiffPage") -> NDArray[Any]:
    if page.is_final:
        return _read_contiguous(page, page.dataoffsets[0])
    return page.asarray(maxworkers=1)


def _decode_with_libtiff(page: "TiffPage") -> NDArray[Any]:
    import imagecodecs

    handle = page.parent.filehandle
    if handle.is_file:
        with open(handle.path, "rb") as file:
            encoded = file.read()
    else:
        handle.seek(0)
        encoded = handle.read()
    decoded: NDArray[Any] = imagecodecs.tiff_decode(encoded)
    return decoded


def _read_contiguous(page: "TiffPage", offset: int) -> NDArray[Any]:
    handle = page.parent.filehandle
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    there = max(0, (handle.size - offset) // dtype.itemsize)
    if there < page.size:
        raise ReadError(
            f"the file is truncated: {there} of {page.size} pixels are there; "
            f"copy it again from its source"
        )
    if handle.is_file:
        return np.fromfile(handle.path, dtype, page.size, offset=offset).reshape(page.shape)
    pixels = np.empty(page.shape, dtype)
    handle.seek(offset)
    handle.readinto(pixels.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # any buffer
    return pixels


def _calibration(tiff: "TiffFile") -> dict[str, Any]:
    """Return the pixel size that ImageJ, MetaMorph or LSM state.

    The resolution tags of other files are not believed: many say 72 dots per
    inch, and Harmony writes the pixels of the camera, not of the specimen.
    """
    if tiff.is_imagej:
        return _imagej_calibration(tiff)
    if tiff.is_metaseries:
        return {"pixel_um": metaseries_pixel_um(tiff.pages.first.description.encode())}
    if tiff.is_stk:
        stack = tiff.pages.first.tags.valueof(_UIC1, {})
        unit = UM.get(stack.get("CalibrationUnits", ""))
        y, x = (stack.get(f"{axis}Calibration") for axis in "YX")
        return {"pixel_um": side_um(y * unit, x * unit)} if unit and y and x else {}
    if tiff.is_lsm:
        lsm = tiff.lsm_metadata or {}
        y, x, z = (lsm.get(f"VoxelSize{axis}", 0) * 1e6 for axis in "YXZ")
        return {"pixel_um": side_um(y, x), "depth_um": z or None}
    return {}


def _imagej_calibration(tiff: "TiffFile") -> dict[str, Any]:
    metadata = tiff.imagej_metadata or {}
    unit = UM.get(metadata.get("unit", ""))
    spacing = metadata.get("spacing")
    return {
        "pixel_um": _resolution(tiff, unit) if unit else None,
        "depth_um": float(spacing) * unit if unit and spacing else None,
    }


def _resolution(tiff: "TiffFile", unit_um: float) -> float | None:
    """Return the pixel side of the resolution tags, which are pixels per unit."""
    (y_pixels, y_units), (x_pixels, x_units) = (
        tiff.pages.first.tags.valueof(code, (0, 1)) for code in (283, 282)
    )
    if not y_pixels or not x_pixels:
        return None
    return side_um(unit_um * y_units / y_pixels, unit_um * x_units / x_pixels)
