"""Read TIFF files: classic, BigTIFF, OME, ImageJ, MetaMorph, LSM, NDTiff."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import ReadError
from .ome_tiff import open_ome_scenes
from .plain_tiff import UM, metaseries_pixel_um, open_plain
from .scene import Scene, Source, side_um
from .tiff_pages import Pages, name_of_compression
from .tiff_series import Stack, find_series, is_aside, name_axes

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_UIC1 = 33628


@contextmanager
def open_scenes(path: Source) -> Iterator[list[Scene]]:
    """Open a TIFF file; each series of pages is a scene, of an OME-TIFF each image of its XML."""
    try:
        with open(path, "rb") if isinstance(path, str) else path as file:
            plain = open_plain(file) if isinstance(path, str) else None
            if plain is not None:
                yield [plain]
                return
            import tifffile

            file.seek(0)
            with tifffile.TiffFile(cast("BinaryIO", path), _multifile=False) as tiff:
                pages = Pages(tiff, file)
                if tiff.is_ome:
                    with open_ome_scenes(tiff, path) as scenes:
                        yield scenes
                    return
                series = find_series(tiff)
                calibration = _calibration(tiff) if series else {}
                yield [_scene(pages, each, **calibration) for each in series]
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, struct.error, LookupError, ArithmeticError) as error:
        raise ReadError(
            f"the file does not decode as TIFF ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scene(pages: Pages, series: "TiffPageSeries", **metadata: Any) -> Scene:
    """Return the scene of a series."""
    axes = name_axes(series)
    is_colour = "s" in axes and "c" not in axes
    if is_colour:
        axes = {"c" if axis == "s" else axis: n for axis, n in axes.items()}
    stack = Stack(pages, series, axes)
    aside = is_aside(series.keyframe, series.name, series.kind)
    return Scene(
        (axes["y"], axes["x"]),
        str(series.dtype),
        {axis: n for axis, n in axes.items() if axis not in "yx"},
        stack.read,
        describe=stack.header,
        name="thumbnail" if aside and series.kind in ("generic", "lsm") else series.name,
        is_colour=is_colour,
        is_aside=aside,
        compression=name_of_compression(series.keyframe),
        **metadata,
    )


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
