"""Slide scanners' files: the image at full size, by its own size of pixels; the rest by name."""

import itertools
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from reading_contract import read_parts

from nucensus.read import open_scenes, read, read_image
from nucensus.values import Plane
from nucensus.values.pixel_size import NO_SIZE

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 4000, (2, 192, 256)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (192, 256, 3)).astype(np.uint8)
SMALL, WIDE = COLOUR[::4, ::4], COLOUR[:60, :150]
OPTIONS = {"metadata": None, "tile": (64, 64)}
RGB = {"metadata": None, "photometric": "rgb"}


def write_svs(path, base):
    """Write levels, thumbnail, label and macro as Aperio does."""
    colour = {"photometric": "rgb"} if base.ndim == 3 else {}
    said = (
        "Aperio Image Library v11.2.1 \r\n256x192 [0,0 256x192]|AppMag = 20|MPP = 0.4990|Left = 2"
    )
    with tifffile.TiffWriter(path) as file:
        file.write(base, description=said, **OPTIONS, **colour)
        file.write(SMALL, description="Aperio Image Library \r\n 64x48", **RGB)
        file.write(base[::2, ::2], description="Aperio", **OPTIONS, **colour)
        file.write(WIDE[:, :50], description="Aperio\r\nlabel 50x60", subfiletype=1, **RGB)
        file.write(WIDE, description="Aperio\r\nmacro 150x60", subfiletype=9, **RGB)


@pytest.mark.parametrize("base", [COLOUR, GREY[0]], ids=["colour", "grey"])
def test_an_aperio_slide_is_its_baseline_with_the_microns_of_its_description(tmp_path, base):
    path = tmp_path / "a.svs"
    write_svs(path, base)
    plane = Plane(channel=1) if base.ndim == 3 else Plane()
    found = read_image(path, plane)
    assert np.array_equal(found.pixels, base[..., 1] if base.ndim == 3 else base)
    assert np.array_equal(read_parts(path, plane), found.pixels)
    assert (found.pixel_size.y, found.pixel_size.x) == (0.499, 0.499)
    for name, picture in (("Thumbnail", SMALL), ("Label", WIDE[:, :50]), ("Macro", WIDE)):
        aside = read_image(path, Plane(name, channel=0))
        assert np.array_equal(aside.pixels, picture[..., 0])
        assert aside.pixel_size == NO_SIZE


def write_ndpi(path, pages):
    """Write (pixels, magnification) as Hamamatsu does: offsets of 64 bits in a TIFF of 32."""
    data, links = bytearray(b"II*\0" + bytes(8)), [4]
    for pixels, magnification in pages:
        strip = len(data)
        encoded = imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=100)
        data += encoded
        resolution = len(data)
        data += struct.pack("<II", 20_000, 1)
        is_colour = pixels.ndim == 3
        tags = [
            (256, 4, 1, pixels.shape[1]), (257, 4, 1, pixels.shape[0]), (258, 3, 1, 8),
            (259, 3, 1, 7), (262, 3, 1, 6 if is_colour else 1), (271, 2, 4, 0x00414D48),
            (273, 4, 1, strip), (277, 3, 1, 3 if is_colour else 1), (278, 4, 1, pixels.shape[0]),
            (279, 4, 1, len(encoded)), (282, 5, 1, resolution), (283, 5, 1, resolution),
            (296, 3, 1, 3), (65420, 4, 1, 1),
            (65421, 11, 1, struct.unpack("<I", struct.pack("<f", magnification))[0]),
        ]  # fmt: skip
        struct.pack_into("<Q", data, links[-1], len(data))
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        links.append(len(data))
        data += bytes(8 + 4 * len(tags))
    path.write_bytes(data)


def test_a_hamamatsu_slide_is_its_full_size_and_not_its_macro_or_its_map(tmp_path):
    path = tmp_path / "a.ndpi"
    write_ndpi(path, [(COLOUR, 20), (SMALL, 5), (WIDE, -1), (WIDE[:40, :60, 0], -2)])
    with open_scenes(path) as scenes:
        told = [(scene.name, scene.shape, scene.is_aside) for scene in scenes]
    assert [each[1] for each in told if not each[2]] == [(192, 256)]
    assert {"Macro", "Map"} <= {each[0] for each in told if each[2]}
    found = read_image(path, Plane(channel=0))
    with tifffile.TiffFile(path) as file:
        assert np.array_equal(found.pixels, file.pages.first.asarray()[..., 0])
    assert (found.pixel_size.y, found.pixel_size.x) == (0.5, 0.5)


def write_scn(path, regions):
    """Write a macro, and regions of two channels and two levels, as Leica SCN400 does."""
    images = [
        "<image name='image_0'><pixels sizeX='150' sizeY='60'><dimension sizeX='150' sizeY='60' "
        "r='0' ifd='0'/></pixels><view sizeX='26564529' sizeY='76734488' offsetX='0'/></image>"
    ]
    pages = itertools.count(1)
    for number in range(regions):
        levels = "".join(
            f"<dimension sizeX='{256 // step}' sizeY='{192 // step}' r='{step // 2}' c='{channel}' "
            f"ifd='{next(pages)}'/>"
            for channel in (0, 1) for step in (1, 2)
        )  # fmt: skip
        images.append(
            f"<image name='image_{number + 1}'><pixels sizeX='256' sizeY='192'>{levels}</pixels>"
            f"<view sizeX='128000' sizeY='96000' offsetX='100'/></image>"
        )
    said = (
        "<?xml version='1.0'?><scn xmlns='http://www.leica-microsystems.com/scn/2010/10/01'>"
        f"<collection sizeX='26564529' sizeY='76734488'>{''.join(images)}</collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(WIDE, description=said, **RGB)
        for number in range(regions):
            for channel in GREY:
                for step in (1, 2):
                    file.write(channel[::step, ::step] + number, **OPTIONS)


def test_a_leica_slide_is_its_region_and_not_the_picture_of_the_whole_slide(tmp_path):
    path = tmp_path / "a.scn"
    write_scn(path, 1)
    found = read_image(path, Plane(channel=1))
    assert np.array_equal(found.pixels, GREY[1])
    assert (found.pixel_size.y, found.pixel_size.x) == (0.5, 0.5)
    assert np.array_equal(read(path, Plane("macro", channel=2)), WIDE[..., 2])


def test_regions_of_a_leica_slide_are_scenes(tmp_path):
    write_scn(tmp_path / "a.scn", 2)
    found = read(tmp_path / "a.scn", Plane("image_2", channel=0))
    assert np.array_equal(found, GREY[0] + 1)


def test_a_perkinelmer_slide_names_its_channels(tmp_path):
    path = tmp_path / "a.qptiff"
    said = (
        "<?xml version='1.0' encoding='utf-16'?><PerkinElmer-QPI-ImageDescription>"
        "<ImageType>{}</ImageType><Name>{}</Name></PerkinElmer-QPI-ImageDescription>"
    )
    more = {"software": "PerkinElmer-QPI", "resolution": (20_000, 20_000), "resolutionunit": 3}
    with tifffile.TiffWriter(path) as file:
        for pixels, name in zip(GREY, ("DAPI", "Opal 520"), strict=True):
            file.write(pixels, description=said.format("FullResolution", name), **OPTIONS, **more)
        file.write(SMALL, description=said.format("Thumbnail", ""), **RGB, **more)
        for pixels in GREY:
            reduced = said.format("ReducedResolution", "")
            file.write(
                pixels[::2, ::2], description=reduced, subfiletype=1, **OPTIONS, **more
            )  # fmt: skip
        for name, picture in (("Overview", WIDE), ("Label", WIDE[:, :50])):
            file.write(picture, description=said.format(name, ""), **RGB, **more)
    found = read_image(path, Plane(channel="Opal 520"))
    assert np.array_equal(found.pixels, GREY[1])
    assert (found.pixel_size.y, found.pixel_size.x) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"resolution": (20_000, 20_000), "resolutionunit": 3}, "0.5 x 0.5 um"),
        ({"resolution": (50_800, 25_400), "resolutionunit": 2}, "1 x 0.5 um"),
        ({"resolution": (500, 500), "resolutionunit": 3}, "20 x 20 um"),
        ({"resolution": (1_000_000, 1_000_000), "resolutionunit": 3}, "0.01 x 0.01 um"),
        ({"resolution": (490, 20_000), "resolutionunit": 3}, ""),
        ({"resolution": (20_000, 490), "resolutionunit": 3}, ""),
        ({"resolution": (1_100_000, 20_000), "resolutionunit": 3}, ""),
        ({"resolution": (72, 72), "resolutionunit": 2}, ""),
        ({"resolution": (1200, 1200), "resolutionunit": 2}, ""),
        ({"resolution": (20_000, 20_000), "resolutionunit": 1}, ""),
        ({"resolution": (0, 0), "resolutionunit": 3}, ""),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("layout", [{}, {"tile": (64, 64)}, {"compression": "lzw"}])
def test_a_size_in_the_resolution_tags_of_a_plain_file_is_told_and_not_believed(
    tmp_path, options, told, layout
):
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], **options, **layout)
    size = read_image(tmp_path / "a.tif", Plane()).pixel_size
    assert (size.y, size.x) == (None, None)
    assert (told in size.note) if told else (size.note == "")
    assert bool(size.note) == bool(told)


def test_the_resolution_of_imagej_is_a_size_by_the_unit_of_its_metadata_or_of_the_tag(tmp_path):
    for options in (
        {"resolution": (2, 2), "metadata": {"unit": "micron"}},
        {"resolution": (20_000, 20_000), "resolutionunit": 3},
    ):
        tifffile.imwrite(tmp_path / "a.tif", GREY[0], imagej=True, **options)
        size = read_image(tmp_path / "a.tif", Plane()).pixel_size
        assert (size.y, size.x, size.note) == (0.5, 0.5, "")


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "webp", "zstd"])
def test_a_slide_of_any_compression_has_the_same_pixels_in_parts(tmp_path, compression):
    path = tmp_path / "a.svs"
    options = {**OPTIONS, "photometric": "rgb", "compression": compression}
    tifffile.imwrite(path, COLOUR, description="Aperio Image Library", **options)
    for channel in range(3):
        plane = Plane(channel=channel)
        assert np.array_equal(read_parts(path, plane), read(path, plane))
