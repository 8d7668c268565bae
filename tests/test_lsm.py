"""LSM of Zeiss: written by the published layout, with a thumbnail behind each plane."""

import struct

import imagecodecs
import numpy as np
import pytest
from drawn_tiff import page_tags, write_tiff
from reading_contract import check_parts, check_planes

from nucensus.errors import NotAPlaneError
from nucensus.read import open_scenes, read, read_image
from nucensus.values import Plane

SHAPE = (40, 50)
XYZ, XYZT = 0, 6
"""Types of a scan."""


def draw(number, channels, dtype):
    rng = np.random.default_rng(number)
    return [
        (rng.integers(0, 90, SHAPE) + 40 * channel).astype(dtype) for channel in range(channels)
    ]


def information(channels, planes, times, dtype, scan):
    """Return what the first page says of the axes and of the size of voxels, 0.1 x 0.1 x 1 um."""
    start = struct.pack(
        "<Ii8i3d3dHH", 67127628, 500, *SHAPE[::-1], planes, channels, times,
        np.dtype(dtype).itemsize, 16, 16, 1e-7, 1e-7, 1e-6, 0, 0, 0, scan, 0,
    )  # fmt: skip
    return start.ljust(500, b"\0")


def write_lsm(path, images, *, planes, times=1, compression=1, rows=40, scan=None):
    """Write planes, each a list of channels, and behind each its thumbnail."""
    pages, channels = [], len(images[0])
    scan = (XYZT if times > 1 else XYZ) if scan is None else scan
    for number, image in enumerate(images):
        shown = np.stack(image, axis=-1) if channels > 1 else image[0]
        tags = page_tags(shown, compression=compression, rows=rows, planar=1 + (channels > 1))
        if not number:
            stated = information(channels, planes, times, shown.dtype, scan)
            tags[34412] = (2, stated)
        encode = imagecodecs.lzw_encode if compression == 5 else bytes
        strips = [
            encode(each[y : y + rows].tobytes()) for each in image for y in range(0, 40, rows)
        ]
        thumbnail = np.zeros((16, 16, 3), np.uint8)
        small = page_tags(thumbnail, photometric=2) | {254: (4, [1])}
        pages += [(tags | {254: (4, [0])}, strips), (small, [thumbnail.tobytes()])]
    write_tiff(path, pages)
    if channels == 2:
        _put_bits_elsewhere(path)


def _put_bits_elsewhere(path):
    """Replace two numbers of bits by the place where they are, as ZEN has it."""
    data = bytearray(path.read_bytes())
    (offset,) = struct.unpack_from("<I", data, 4)
    while offset:
        (count,) = struct.unpack_from("<H", data, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            if struct.unpack_from("<HHI", data, entry) == (258, 3, 2):
                value = bytes(data[entry + 8 : entry + 12])
                struct.pack_into("<I", data, entry + 8, len(data))
                data += value
        (offset,) = struct.unpack_from("<I", data, offset + 2 + 12 * count)
    path.write_bytes(data)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("compression", [1, 5])
@pytest.mark.parametrize("rows", [7, 40])
@pytest.mark.parametrize(("planes", "times"), [(1, 1), (3, 1), (3, 2)])
def test_every_plane_of_an_lsm_is_the_one_that_was_written(
    tmp_path, dtype, channels, compression, rows, planes, times
):
    images = [draw(number, channels, dtype) for number in range(planes * times)]
    path = tmp_path / "a.lsm"
    write_lsm(path, images, planes=planes, times=times, compression=compression, rows=rows)
    expected = [
        (
            Plane(
                channel=c if channels > 1 else None, z=n % planes if planes > 1 else None,
                time=n // planes if times > 1 else None,
            ),
            each,
        )
        for n, image in enumerate(images)
        for c, each in enumerate(image)
    ]  # fmt: skip
    check_planes(path, expected)
    check_parts(path, expected)
    image = read_image(path, expected[0][0])
    assert (image.pixel_size.y, image.pixel_size.x, image.pixel_size.z) == (0.1, 0.1, 1)
    assert not image.pixel_size.note


def test_the_thumbnails_of_an_lsm_are_meant_by_their_name_only(tmp_path):
    path = tmp_path / "a.lsm"
    write_lsm(path, [draw(n, 1, "u2") for n in range(3)], planes=3)
    with open_scenes(path) as scenes:
        assert [each.is_aside for each in scenes] == [False, True]
    with pytest.raises(NotAPlaneError, match="3 z planes"):
        read(path)
    assert read(path, Plane(z=0)).shape == SHAPE


def test_planes_of_an_lsm_that_its_kind_of_scan_leaves_out_are_noted(tmp_path):
    path = tmp_path / "a.lsm"
    write_lsm(path, [draw(n, 1, "u2") for n in range(6)], planes=3, times=2, scan=XYZ)
    assert "do not speak of 3 of its 12 pages" in read_image(path, Plane(z=0)).pixel_size.note
