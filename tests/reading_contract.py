"""What every reader promises, whatever the format.

A test module draws files, asks an independent reader for every plane of them, and hands both
to `check_reading`.
"""

import shutil

import numpy as np
import pytest

from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import open_scenes, read
from nucensus.read.levels import find_scene
from nucensus.read.scene import divide_plane
from nucensus.values import Plane
from nucensus.values.parts import Area

CUTS = (0.02, 0.4, 0.8, 0.97, 0.999)


def check_reading(path, planes, *, cuts=CUTS):
    """Check all that is promised of a file.

    Parameters
    ----------
    path : path
        A file or a folder.
    planes : list of (Plane, ndarray)
        Every plane of the file, with the pixels that an independent reader finds.
    cuts : tuple of float
        A file is also read cut short, to these parts of its size.
    """
    check_planes(path, planes)
    check_parts(path, planes)
    check_headers(path, planes)
    check_choice(path, planes)
    if path.is_file():
        check_cuts(path, planes, cuts)


def check_planes(path, planes):
    """Every plane, in any order, has the pixels and the type that the other reader finds."""
    for plane, expected in [*planes, *planes[::-1]]:
        found = read(path, plane)
        assert found.dtype.newbyteorder("=") == np.dtype(expected.dtype).newbyteorder("="), plane
        np.testing.assert_array_equal(found, expected, err_msg=str(plane))


def check_parts(path, planes):
    """The parts of a plane, where it has some, have its pixels, and those of a level have that."""
    for plane, expected in planes:
        parts = read_parts(path, plane)
        if parts is not None:
            np.testing.assert_array_equal(parts, expected, err_msg=str(plane))
            assert parts.dtype == read(path, plane).dtype


def read_parts(path, plane):
    """Return a plane that was read part by part, the last first; None if it has none."""
    with open_scenes(path) as scenes:
        divided = divide_plane(find_scene(scenes, plane), plane)
        if divided is None:
            return None
        pixels = np.empty(divided.shape, divided.dtype)
        for area in areas_of(divided)[::-1]:
            found = divided.read(area)
            level = divided.fill_of(area)
            assert level is None or (found == level).all()
            pixels[area.cut(divided.whole)] = found
        return pixels


def areas_of(divided):
    """Return areas of two steps each way, which cover a plane."""
    (height, width), (down, across) = divided.shape, (2 * step for step in divided.step)
    return [
        Area(y, min(y + down, height), x, min(x + across, width))
        for y in range(0, height, down)
        for x in range(0, width, across)
    ]


def check_headers(path, planes):
    """The header says at least what the plane takes, before anything of it is decoded."""
    for plane, expected in planes:
        headers = []

        def refuse(header, headers=headers):
            headers.append(header)
            raise ReadError("seen enough")

        with pytest.raises(ReadError, match="seen enough"):
            read(path, plane, refuse)
        (header,) = headers
        assert header.pixels >= expected.size, plane
        assert header.size_bytes >= expected.nbytes, plane


def check_choice(path, planes):
    """A file of several planes is not read without a choice, nor is a plane that is not there."""
    if len(planes) > 1:
        with pytest.raises(NotAPlaneError):
            read(path)
    else:
        np.testing.assert_array_equal(read(path, planes[0][0]), planes[0][1])
    for axis in ("channel", "z", "time"):
        with pytest.raises(NotAPlaneError):
            read(path, Plane(**{axis: 1000}))


def check_cuts(path, planes, cuts):
    """A file that is cut short gives the whole plane or an error: never a part of it."""
    short = path.with_name(f"cut-{path.name}")
    size_bytes = path.stat().st_size
    for cut in cuts:
        shutil.copyfile(path, short)
        with open(short, "r+b") as file:
            file.truncate(max(1, int(size_bytes * cut)))
        for plane, expected in planes:
            for read_plane in (read, read_parts):
                try:
                    found = read_plane(short, plane)
                except ReadError:
                    continue
                if found is not None:
                    said = f"{plane}, cut to {cut}"
                    np.testing.assert_array_equal(found, expected, err_msg=said)
    short.unlink()
