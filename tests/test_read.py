"""One image file becomes one array, or an error that helps."""

import itertools
import logging
import os
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile
from conftest import SHARED
from drawn_tiff import page_tags, strips_of, write_tiff
from PIL import Image

from nucensus.errors import MissingPackageError, NotAPlaneError, ReadError
from nucensus.read import open_scenes, read, read_image
from nucensus.read.ifd import Chain
from nucensus.read.plain_tiff import open_plain
from nucensus.read.scene import name_samples
from nucensus.values import Plane

RNG = np.random.default_rng(5)
IMAGE = (RNG.gamma(2, 300, (70, 90)) + np.arange(90)).astype(np.uint16)


def same(path, image):
    found = read(path)
    assert found.dtype.newbyteorder("=") == image.dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("tile", [None, (32, 48)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_every_layout_of_a_tiff_gives_its_pixels(
    tmp_path, bigtiff, tile, byteorder, compression, predictor, dtype
):
    if predictor and compression in (None, "packbits"):
        pytest.skip("no predictor without such a compression")
    image = IMAGE.astype(dtype)
    options = {"compression": compression, "predictor": predictor, "tile": tile}
    tifffile.imwrite(tmp_path / "a.tif", image, bigtiff=bigtiff, byteorder=byteorder, **options)
    same(tmp_path / "a.tif", image)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", True)])
@pytest.mark.parametrize("more", [0, 18, 30, 31, 32, 33, 60])
def test_pages_are_found_behind_any_number_of_tags(tmp_path, order, big, more):
    pages = [IMAGE + n for n in range(3)]
    others = {65000 + n: (3, [n]) for n in range(more)}
    write_tiff(
        tmp_path / "a.tif",
        [(page_tags(page, more=others), strips_of(page, 70, order=order)) for page in pages],
        order=order, big=big,
    )  # fmt: skip
    with open(tmp_path / "a.tif", "rb") as file:
        chain = Chain.of(file)
        assert len(chain.offsets()) == 3
        assert chain.entries(chain.offsets()[2])[1] == 0
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read(tmp_path / "a.tif", Plane(z=number)), page)


METASERIES = """<MetaData><PlaneInfo>
<prop id="spatial-calibration-x" type="float" value="1.25"/>
<prop id="spatial-calibration-y" type="float" value="1.25"/>
<prop id="spatial-calibration-units" type="string" value="um"/></PlaneInfo></MetaData>"""


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "f8"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"rowsperstrip": 3},
        {"compression": "lzw", "rowsperstrip": 20},
        {"description": METASERIES, "metadata": None, "software": "MetaSeries"},
    ],
)
def test_a_plain_file_is_what_tifffile_says_it_is(tmp_path, dtype, byteorder, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE.astype(dtype), byteorder=byteorder, **options)
    with open(path, "rb") as file:
        scene = open_plain(file)
    assert scene is not None
    with tifffile.TiffFile(path) as tiff:
        (series,) = tiff.series
        assert scene.shape == series.shape
        assert scene.dtype == str(series.dtype)
    assert scene.pixel_size.x == (1.25 if "description" in options else None)
    same(path, IMAGE.astype(dtype))


@pytest.mark.parametrize(
    "options",
    [
        {"description": "something else", "metadata": None},
        {"compression": "zlib"},
        {"tile": (32, 48)},
        {"bigtiff": True},
        {"imagej": True},
        {"ome": True},
        {"extratags": [(65500, "s", 0, "of Harmony", True)]},
    ],
)
def test_what_is_more_than_plain_is_left_to_tifffile(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    with open(tmp_path / "a.tif", "rb") as file:
        assert open_plain(file) is None
    same(tmp_path / "a.tif", IMAGE)


@pytest.mark.skipif(sys.platform == "win32", reason="there files have no holes")
@pytest.mark.parametrize(("planes", "plane"), [(2500, Plane(z=2000)), (60, Plane(z="max"))])
def test_a_stack_of_20_gigabytes_is_not_loaded_whole(tmp_path, planes, plane):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, shape=(planes, 2048, 2048), dtype=np.uint16, bigtiff=True)
    with tifffile.TiffFile(path) as tiff:
        start = tiff.series[0].dataoffset + min(planes - 1, 2000) * 2048 * 2048 * 2
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(np.arange(2048, dtype=np.uint16).tobytes())
    program = (
        "import resource, sys; from nucensus.read import read; from nucensus.values import Plane;"
        "import tifffile; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"image = read({str(path)!r}, Plane(z={plane.z!r}));"
        "print(image.sum(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    total, grown = map(int, done.stdout.split())
    assert total == sum(range(2048))
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100e6


@pytest.mark.parametrize("options", [{"ome": True}, {"imagej": True}, {"rowsperstrip": 3}])
def test_ome_imagej_and_striped_tiff_give_their_pixels(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    same(tmp_path / "a.tif", IMAGE)


def test_png_gives_its_pixels(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(IMAGE))
    same(tmp_path / "a.png", IMAGE)


def test_jpeg_gives_its_pixels_as_they_decode(tmp_path):
    encoded = imagecodecs.jpeg_encode(IMAGE.astype(np.uint8), level=95)
    (tmp_path / "a.JPG").write_bytes(encoded)
    same(tmp_path / "a.JPG", imagecodecs.jpeg_decode(encoded))


def test_a_stack_is_refused_with_how_to_choose_a_plane(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "ZYX"}
    )
    with pytest.raises(NotAPlaneError, match=r"3 z planes \(0 to 2\); .* choose with --z"):
        read(tmp_path / "a.tif")


def test_two_images_in_one_file_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(IMAGE)
        file.write(IMAGE[:20])
    with pytest.raises(NotAPlaneError, match="20 x 90"):
        read(tmp_path / "a.tif")


def test_colours_are_refused_with_what_to_do(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([IMAGE] * 3)))
    with pytest.raises(NotAPlaneError, match="choose with --channel"):
        read(tmp_path / "a.png")


def test_a_colour_is_chosen_by_its_name_as_by_its_number(tmp_path):
    colours = np.dstack([IMAGE, IMAGE + 1, IMAGE + 2])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(colours))
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    for number, name in enumerate(("red", "green", "Blue")):
        for file in ("a.png", "a.tif"):
            chosen = read(tmp_path / file, Plane(channel=name))
            assert np.array_equal(chosen, colours[..., number])
            assert np.array_equal(chosen, read(tmp_path / file, Plane(channel=number)))
    with pytest.raises(NotAPlaneError, match=r"'grey' does not name one channel; .* 2 blue"):
        read(tmp_path / "a.png", Plane(channel="grey"))


def test_channels_without_names_are_refused_with_the_numbers_that_they_have(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([IMAGE] * 3), imagej=True, metadata={"axes": "CYX"}
    )
    for plane in (Plane(), Plane(channel=3), Plane(channel="DAPI")):
        with pytest.raises(NotAPlaneError, match=r"3 channels \(0 to 2\); .* with --channel"):
            read(tmp_path / "a.tif", plane)


def test_a_truncated_file_is_told_from_an_empty_and_a_missing_one(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"truncated: \d+ of 6300 pixels"):
        read(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(ReadError, match="empty"):
        read(tmp_path / "a.tif")
    (tmp_path / "a.tif").unlink()
    with pytest.raises(ReadError, match="does not exist"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["tif", "png", "jpg"])
def test_a_text_with_the_ending_of_an_image_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text("this is no image at all, whatever its name says\n")
    with pytest.raises(ReadError, match="does not decode as"):
        read(path)


def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"x")
    with pytest.raises(ReadError, match=r"'.xyz' is not one .* expected .tif"):
        read(tmp_path / "a.xyz")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the BBBC039 fields are not beside the repository")
def test_metamorph_fields_give_the_pixels_that_tifffile_gives():
    for path in sorted((SHARED / "data" / "bbbc039" / "images").glob("*.tif"))[::10]:
        same(path, tifffile.imread(path))


@pytest.mark.parametrize(
    ("axes", "word"), [("RYX", "position"), ("PZYX", "position"), ("HYX", "phase")]
)
def test_positions_that_no_option_chooses_are_scenes(tmp_path, axes, word):
    stack = np.random.default_rng(0).integers(0, 99, (2,) * (len(axes) - 2) + (9, 11), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": axes})
    with pytest.raises(NotAPlaneError, match=rf"more than one scene.*{word} 0.*{word} 1"):
        read(tmp_path / "a.tif")
    z = 1 if "Z" in axes else None
    for scene in range(2):
        expected = stack[(scene, z) if z else scene]
        np.testing.assert_array_equal(read(tmp_path / "a.tif", Plane(scene=scene, z=z)), expected)


@pytest.mark.parametrize("side", ["ImageWidth", "ImageLength"])
def test_an_image_without_pixels_is_an_error_and_has_no_nuclei(tmp_path, side):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags[side].overwrite(0)
    with pytest.raises(ReadError):
        read(tmp_path / "a.tif")


def test_inks_of_a_printed_picture_are_no_grey_levels(tmp_path):
    Image.new("CMYK", (40, 30), (1, 2, 3, 4)).save(tmp_path / "a.jpg")
    with pytest.raises(ReadError, match="inks"):
        read(tmp_path / "a.jpg", Plane(channel=0))


def test_what_a_library_logs_of_a_file_is_told_with_its_name(tmp_path, caplog):
    path = tmp_path / "100 %.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint16))
    with open_scenes(path):
        logging.getLogger("tifffile").warning("odd %s", "tag")
    logging.getLogger("tifffile").warning("of no file")
    assert caplog.messages == [f"{str(path)!r}: odd tag", "of no file"]


def test_without_imagecodecs_raw_tiff_and_lzw_are_read_and_the_rest_says_what_it_needs(
    tmp_path, monkeypatch
):
    options = {"raw": {}, "tiled": {"tile": (32, 48)}, "lzw": {"compression": "lzw"},
               "zlib": {"compression": "zlib"}, "packed": {"bitspersample": 12}}  # fmt: skip
    for name, option in options.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", IMAGE & 4095, **option)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(IMAGE))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    for name in ("raw", "tiled", "lzw"):
        same(tmp_path / f"{name}.tif", IMAGE & 4095)
    for name in ("zlib.tif", "packed.tif", "a.png"):
        with pytest.raises(MissingPackageError, match="needs imagecodecs, which is not installed"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "samples", "given"),
    [
        (["a", "b"], [1, 1], ("a", "b")),
        (["a"], [3], ()),
        (["a"], [3, 1], ("a red", "a green", "a blue", "1")),
        ([], [1, 4], ("0", "1 red", "1 green", "1 blue", "1 alpha")),
        (["a", "b"], [2, 2], ("a 0", "a 1", "b 0", "b 1")),
    ],
)
def test_samples_of_several_channels_are_called_by_channel_and_colour(names, samples, given):
    assert name_samples(names, samples) == given


def overwrite(path, image, age_s):
    """Write another image of the same size in the place of one, by its time so much later."""
    tifffile.imwrite(path, image, metadata=None)
    os.utime(path, ns=(0, age_s * 10**9))


def test_a_file_that_is_written_while_it_is_read_is_read_again_as_a_whole(tmp_path):
    path, headers = tmp_path / "a.tif", []
    overwrite(path, IMAGE, age_s=1)

    def write_once(header):
        headers.append(header)
        if len(headers) == 1:
            overwrite(path, IMAGE + 7, age_s=2)

    np.testing.assert_array_equal(read_image(path, Plane(), write_once).pixels, IMAGE + 7)
    assert len(headers) == 2  # what was read of the first is not kept


def test_a_file_that_is_written_whenever_it_is_read_is_refused(tmp_path):
    path, ages = tmp_path / "a.tif", itertools.count(1)
    overwrite(path, IMAGE, age_s=next(ages))
    with pytest.raises(ReadError, match="was written while it was read"):
        read(path, on_header=lambda _: overwrite(path, IMAGE, age_s=next(ages)))
