"""Read TIFF files: classic, BigTIFF, OME, ImageJ, MetaMorph, LSM, NDTiff."""

import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import ReadError
from ..values.pixel_size import NO_SIZE, PixelSize, stated_size
from .ifd import Chain
from .logs import name_files_in_logs
from .plain_tiff import metaseries_pixel_size, open_plain
from .resolution import RESOLUTION_UNIT, sides_of, unbelieved_size, unit_of
from .scene import Scene, Source, split_scenes

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

    from .tiff_pages import Pages

_UIC1, _MAKE = 33628, 271
_WORDS = {"p": "position", "r": "position", "h": "phase", "v": "view", "m": "tile"}


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

            from .ome_tiff import open_ome_scenes
            from .tiff_pages import Pages
            from .tiff_series import note_of_untold

            name_files_in_logs()
            chain = None if _is_ndpi(path) else Chain.of(file)
            offsets = chain.offsets() if chain else ()
            file.seek(0)
            with tifffile.TiffFile(cast("BinaryIO", path), _multifile=False) as tiff:
                note = partial(note_of_untold, chain, offsets)
                if tiff.is_ome:
                    with open_ome_scenes(tiff, path, note) as scenes:
                        yield scenes
                    return
                yield _scenes_of(tiff, Pages(tiff, file, offsets), note)
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, struct.error, LookupError, ArithmeticError) as error:
        raise ReadError(
            f"the file does not decode as TIFF ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error


def _scenes_of(
    tiff: "TiffFile", pages: "Pages", note: Callable[[Callable[[], Collection[int]]], str]
) -> list[Scene]:
    """Return a scene for each series of pages; `note` is `note_of_untold` of the file."""
    from .slides import slide_metadata
    from .tiff_series import check_imagej, count_planes, find_series

    series = find_series(tiff)
    check_imagej(tiff, series)
    size = _calibration(tiff) if series else NO_SIZE
    if [each.kind for each in series] == ["imagej"]:
        size = size.with_note(note(lambda: range(count_planes(series[0]))))
    elif series and series[0].kind == "lsm":
        told = series[0].pages[: count_planes(series[0])]
        size = size.with_note(note(lambda: [page.index for page in told if page]))
    known = slide_metadata(tiff, series)
    return [
        scene
        for each, more in zip(series, known, strict=True)
        for scene in split_scenes(replace(_pyramid(pages, each, pixel_size=size), **more), _WORDS)
    ]


def _is_ndpi(path: Source) -> bool:
    """Tell whether tags may be of the kind that NDPI files have for 64 bits, by the name."""
    return (path if isinstance(path, str) else path.name).lower().endswith(".ndpi")


def _pyramid(pages: "Pages", series: "TiffPageSeries", **metadata: Any) -> Scene:
    """Return the scene of a series, with its lower resolutions."""

    def reduce() -> list[Scene]:
        return [_level(scene, _scene(pages, each)) for each in series.levels[1:]]

    scene = replace(_scene(pages, series, **metadata), reduce=reduce)
    return scene


def _level(scene: Scene, level: Scene) -> Scene:
    """Return a lower resolution of a scene, left out if it holds other planes."""
    if (level.sizes, level.dtype) == (scene.sizes, scene.dtype):
        return level
    return replace(level, left_out="its planes are not those of the image at full size")


def _scene(pages: "Pages", series: "TiffPageSeries", **metadata: Any) -> Scene:
    """Return the scene of a series."""
    from .tiff_pages import name_of_compression
    from .tiff_series import Stack, is_aside, name_axes

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
        divide=stack.divide,
        name="thumbnail" if aside and series.kind in ("generic", "lsm") else series.name,
        is_colour=is_colour,
        is_aside=aside,
        compression=name_of_compression(series.keyframe),
        **metadata,
    )


def _calibration(tiff: "TiffFile") -> PixelSize:
    """Return the pixel size that ImageJ, MetaMorph or LSM state; other files, in tags, in vain."""
    if tiff.is_imagej:
        return _imagej_calibration(tiff)
    if tiff.is_metaseries:
        return metaseries_pixel_size(tiff.pages.first.description.encode())
    if tiff.is_stk:
        stack = tiff.pages.first.tags.valueof(_UIC1, {})
        unit = str(stack.get("CalibrationUnits") or "")
        return stated_size(unit, y=stack.get("YCalibration"), x=stack.get("XCalibration"))
    if tiff.is_lsm:
        lsm = tiff.lsm_metadata or {}
        y, x, z = (lsm.get(f"VoxelSize{axis}") for axis in "YXZ")
        return stated_size("m", y=y, x=x, z=z or None)
    page = tiff.pages.first
    if tiff.is_micromanager or str(page.tags.valueof(_MAKE, "")).startswith("PerkinElmer"):
        return NO_SIZE  # known to be of the camera, or a number that stands for none
    return unbelieved_size(page.tags.valueof(RESOLUTION_UNIT, 1), **sides_of(page))


def _imagej_calibration(tiff: "TiffFile") -> PixelSize:
    """Return what ImageJ states: the unit in words or as a tag, one for all or one per axis."""
    metadata, page = tiff.imagej_metadata or {}, tiff.pages.first
    unit = metadata.get("unit", unit_of(page))
    units = {"x": unit, "y": metadata.get("yunit", unit), "z": metadata.get("zunit", unit)}
    units = {axis: str(each) for axis, each in units.items()}
    size = stated_size(units, **sides_of(page), z=metadata.get("spacing"))
    line = [metadata.get(each) for each in ("c0", "c1")]
    if None in line or line == [0, 1]:
        return size
    return size.with_note(
        f"the file says that a grey level g stands for {line[0]:g} + {line[1]:g} g: thresholds and "
        f"intensities are those of g"
    )
