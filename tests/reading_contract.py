"""What every reader promises, whatever the format.

A test module draws files, asks an independent reader for every plane of them, and hands both
to `check_reading`.
"""

import shutil

import numpy as np
import pytest

from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import read
from nucensus.values import Plane

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
            try:
                found = read(short, plane)
            except ReadError:
                continue
            np.testing.assert_array_equal(found, expected, err_msg=f"{plane}, cut to {cut}")
    short.unlink()
