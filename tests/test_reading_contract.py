"""Every plane of a TIFF, PNG or JPEG is the one that another reader finds, however it is stored."""

from itertools import product

import imagecodecs
import numpy as np
import pytest
import tifffile
from drawn_tiff import page_tags, strips_of, write_tiff
from reading_contract import check_parts, check_planes, check_reading, read_parts

from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import ifd, open_scenes, read
from nucensus.read.photometric import as_grey
from nucensus.read.scene import divide_plane
from nucensus.values import Plane

COMPRESSIONS = [None, "lzw", "zlib", "zstd", "packbits", "lzma", "lzw+", "zlib+", "zstd+"]
"""With a plus: and a predictor."""

LAYOUTS = {
    "one strip": {"rowsperstrip": 1000},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}
DTYPES = ["u1", "u2", "i2", "u4", "f4", "f8"]


def draw(number, shape=(33, 41), dtype="u2"):
    """Return a page with noise on a slope, unlike any other."""
    rng = np.random.default_rng(number)
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
    return (slope + rng.integers(0, 50, shape) + 10 * number).astype(dtype)


def compressed(name):
    """Return the options of `tifffile.imwrite` for a compression."""
    return {"compression": name and name.rstrip("+"), "predictor": bool(name and "+" in name)}


def pages_of(path):
    """Return every page of a file as tifffile reads it, by its own tags."""
    with tifffile.TiffFile(path) as tiff:
        tiff.pages.useframes = False
        return [page.asarray() for page in tiff.pages]


def as_z(pages):
    """Say that pages are z planes."""
    return [(Plane(z=z if len(pages) > 1 else None), page) for z, page in enumerate(pages)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("pages", [1, 3])
def test_every_page_is_read_whatever_its_compression_and_layout(
    tmp_path, compression, layout, pages
):
    number = list(product(COMPRESSIONS, LAYOUTS, (1, 3))).index((compression, layout, pages))
    dtype = DTYPES[number % len(DTYPES)]
    options = {"byteorder": "<>"[number % 2], "bigtiff": number % 3 == 0}
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **options) as file:
        for page in range(pages):
            file.write(
                draw(page, dtype=dtype), metadata=None, contiguous=False,
                **LAYOUTS[layout], **compressed(compression),
            )  # fmt: skip
    check_reading(path, as_z(pages_of(path)))


ORDERS = ["<", ">"]


def drawn(image, rows, *, order="<", **options):
    """Return a page of strips: its tags, and its strips."""
    tags = page_tags(image, rows=rows, **options)
    return tags, strips_of(image, rows, compression=options.get("compression", 1), order=order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("placing", ["in turn", "reversed", "shuffled", "first page reversed"])
def test_a_page_is_read_by_its_own_strips_wherever_they_are(
    tmp_path, order, big, compression, placing
):
    images = [draw(number, (30, 17)) for number in range(3)]
    pages = [drawn(image, 7, compression=compression, order=order) for image in images]
    strips = [(page, strip) for strip in range(5) for page in range(3)]
    if placing == "reversed":
        strips = strips[::-1]
    elif placing == "shuffled":
        strips = [strips[i] for i in np.random.default_rng(4).permutation(len(strips))]
    elif placing == "first page reversed":
        strips = [(0, strip) for strip in range(4, -1, -1)] + sorted(set(strips) - {(0, 0)})
    path = tmp_path / "a.tif"
    write_tiff(path, pages, placing=strips, order=order, big=big)
    check_reading(path, as_z(images))


@pytest.mark.parametrize("count", [2, 3, 12])
def test_pages_of_one_size_are_a_stack_however_each_is_stored(tmp_path, count):
    stored = [(1, 30), (8, 7), (5, 30), (1, 4), (5, 11), (8, 30)]
    images = [draw(number, (30, 17)) for number in range(count)]
    pages = []
    for number, image in enumerate(images):
        compression, rows = stored[number % len(stored)]
        pages.append(drawn(image, rows, compression=compression))
    write_tiff(tmp_path / "a.tif", pages)
    check_reading(tmp_path / "a.tif", as_z(images))


@pytest.mark.parametrize("stored", [(30, 10), (10, 30), (30, 30)], ids=str)
@pytest.mark.parametrize(("size", "dtype"), [((30, 17), "u1"), ((18, 17), "u2"), ((30, 11), "u2")])
@pytest.mark.parametrize("count", [3, 12])
def test_pages_of_unlike_size_or_type_are_never_taken_for_one_another(
    tmp_path, stored, size, dtype, count
):
    images = [draw(number, (30, 17)) for number in range(count)]
    images[2] = draw(2, size, dtype)
    pages = [drawn(image, stored[number == 2]) for number, image in enumerate(images)]
    path = tmp_path / "a.tif"
    write_tiff(path, pages)
    with open_scenes(path) as scenes:
        depths = [scene.sizes.get("z", 1) for scene in scenes]
    planes = [Plane(scene=number, z=z) for number, n in enumerate(depths) for z in range(n)]
    found = [read(path, plane) for plane in planes]
    assert len(found) == count
    for image in images:
        assert sum(each.dtype == image.dtype and np.array_equal(each, image) for each in found) == 1
    with pytest.raises(NotAPlaneError):
        read(path, Plane(z="max"))


@pytest.mark.parametrize("described", ["imagej", "shaped"])
@pytest.mark.parametrize(("size", "dtype"), [((30, 17), "u1"), ((18, 17), "u2")])
def test_a_page_unlike_the_others_is_never_read_as_if_it_were_like_them(
    tmp_path, described, size, dtype
):
    images = [draw(number, (30, 17)) for number in range(4)]
    images[2] = draw(2, size, dtype)
    text = {
        "imagej": b"ImageJ=1.54f\nimages=4\nslices=4\nloop=false\n\0",
        "shaped": b'{"shape": [4, 30, 17]}\0',
    }[described]
    pages = [drawn(image, 30) for image in images]
    pages[0][0][270] = (2, text)
    path = tmp_path / "a.tif"
    write_tiff(path, pages)
    for z, image in enumerate(images):
        try:
            found = read(path, Plane(z=z))
        except ReadError:
            continue
        assert found.dtype == image.dtype
        np.testing.assert_array_equal(found, image)
    with pytest.raises(ReadError):
        read(path, Plane(z="max"))


@pytest.mark.parametrize("compression", [1, 5, 8])
def test_a_page_that_was_never_written_is_an_error_and_the_others_are_read(tmp_path, compression):
    images = [draw(number, (30, 17)) for number in range(3)]
    pages = [drawn(image, 7, compression=compression) for image in images]
    pages[1] = (pages[1][0], [None] * len(pages[1][1]))
    write_tiff(tmp_path / "a.tif", pages)
    check_planes(tmp_path / "a.tif", [as_z(images)[0], as_z(images)[2]])
    with pytest.raises(ReadError, match="never written"):
        read(tmp_path / "a.tif", Plane(z=1))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("samples", [2, 3, 4])
def test_samples_are_channels_of_their_own_together_or_apart(
    tmp_path, compression, planar, layout, samples
):
    images = [draw(number, (33, 41), "u2") for number in range(samples)]
    pixels = np.stack(images, axis=0 if planar == "separate" else -1)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, planarconfig=planar, metadata=None,
        photometric="rgb" if samples > 2 else "minisblack",
        extrasamples=["unassalpha"] if samples == 4 else None,
        **LAYOUTS[layout], **compressed(compression),
    )  # fmt: skip
    check_reading(tmp_path / "a.tif", [(Plane(channel=c), image) for c, image in enumerate(images)])


def packed_strip(image, bits, compression, order="<"):
    """Return the pixels as one strip, each of so many bits; rows begin with a byte."""
    if bits == 24:
        whole = image.astype(f"{order}u4").view("u1").reshape(*image.shape, 4)
        whole = whole[..., :3] if order == "<" else whole[..., 1:]
        return packed(whole.tobytes(), compression)
    shifts = np.arange(bits - 1, -1, -1, dtype="u8")
    each = image.astype("i8").view("u8")[..., np.newaxis] >> shifts & 1
    bytes_of_rows = np.packbits(each.astype("u1").reshape(len(image), -1), axis=1).tobytes()
    return packed(bytes_of_rows if bits not in (16, 32) else image.tobytes(), compression)


def packed(content, compression):
    """Return the bytes of a strip, compressed."""
    return {1: bytes, 5: imagecodecs.lzw_encode, 8: imagecodecs.zlib_encode}[compression](content)


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16, 20, 32])
@pytest.mark.parametrize("kind", [1, 4])
def test_a_sample_has_as_many_bits_as_it_is_said_to_have(tmp_path, compression, bits, kind):
    dtype = "?" if bits == 1 else f"u{max(1, 1 << (bits - 1).bit_length() >> 3)}"
    image = (draw(0, (30, 19), "u8") % (1 << bits)).astype(dtype)
    tags = page_tags(image, bits=bits, compression=compression) | {339: (3, [kind])}
    write_tiff(tmp_path / "a.tif", [(tags, [packed_strip(image, bits, compression)])])
    (expected,) = pages_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(expected, image)
    check_reading(tmp_path / "a.tif", as_z([expected]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_a_sample_of_three_bytes_has_the_byte_order_of_its_file(tmp_path, compression, order):
    image = draw(0, (30, 19), "u4") % (1 << 24)
    strip = packed_strip(image, 24, compression, order)
    tags = page_tags(image, bits=24, compression=compression)
    write_tiff(tmp_path / "a.tif", [(tags, [strip])], order=order)
    check_reading(tmp_path / "a.tif", as_z([image]))


@pytest.mark.parametrize(
    ("bits", "kind", "more"),
    [(40, 1, {}), (64, 5, {}), (32, 7, {}), (12, 2, {}), (24, 1, {266: (3, [2])})],
)
def test_numbers_of_a_kind_that_is_not_read_are_refused(tmp_path, bits, kind, more):
    image = draw(0, (30, 19), "u8")
    tags = page_tags(image, bits=bits) | {339: (3, [kind])} | more
    write_tiff(tmp_path / "a.tif", [(tags, [bytes(30 * 19 * bits // 8 + 30)])])
    with pytest.raises(ReadError, match=f"{bits} bits of SampleFormat {kind}.*save the image"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize(("bits", "compression"), [(16, 1), (16, 32773), (12, 5), (12, 8), (4, 5)])
@pytest.mark.parametrize("pages", [1, 2])
def test_a_predictor_on_which_programs_disagree_is_refused(tmp_path, bits, compression, pages):
    image = draw(0, (30, 18))
    strip = packed(image.tobytes(), 1 if compression == 32773 else compression)
    tags = page_tags(image, bits=bits, compression=compression) | {317: (3, [2])}
    write_tiff(tmp_path / "a.tif", [(tags, [strip])] * pages)
    for read_all in (read, read_parts):
        with pytest.raises(ReadError, match=r"Predictor 2.*save the image again without"):
            read_all(tmp_path / "a.tif", Plane(z=0))


@pytest.mark.parametrize("compression", [5, 8, 32773])
@pytest.mark.parametrize("rows", [7, 30])
def test_a_strip_of_no_bytes_was_never_written(tmp_path, compression, rows):
    image = draw(1, (30, 17))
    tags = page_tags(image, rows=rows, compression=compression)
    strips = strips_of(image, rows, compression=1 if compression == 32773 else compression)
    write_tiff(tmp_path / "a.tif", [(tags, [*strips[:-1], b""])])
    for read_all in (read, read_parts):
        with pytest.raises(ReadError, match="never written"):
            read_all(tmp_path / "a.tif", Plane())


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 4), ("u1", 8), ("u2", 12), ("u2", 16),
                                             ("i2", 16), ("?", 1)])  # fmt: skip
def test_white_is_zero_counts_as_its_twin(tmp_path, compression, dtype, bits):
    black = draw(0, (30, 20), "u4") % (1 << min(bits, 15))
    white = ((1 << bits) - 1 - black) if dtype[0] != "i" else -1 - black.astype("i4")
    pixels = white.astype(dtype)
    tags = page_tags(pixels, bits=bits, compression=compression, photometric=0)
    write_tiff(tmp_path / "a.tif", [(tags, [packed_strip(pixels, bits, compression)])])
    check_reading(tmp_path / "a.tif", as_z([black.astype(dtype)]))


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("rows", [7, 30])
def test_white_is_zero_has_one_type_whole_and_in_parts(tmp_path, compression, rows):
    page = drawn(draw(0), rows, photometric=0, compression=compression, order=">")
    write_tiff(tmp_path / "a.tif", [page], order=">")
    with open_scenes(tmp_path / "a.tif") as (scene,):
        parts = divide_plane(scene, Plane())
        assert parts.dtype.str == scene.read({}).dtype.str == parts.read(parts.whole).dtype.str


def test_white_is_zero_has_no_meaning_in_floating_point(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", draw(0, dtype="f4"), photometric="miniswhite")
    with pytest.raises(ReadError, match="0 is white"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("photometric", "more", "reason"),
    [
        (1, {}, None),
        (2, {}, None),
        (3, {ifd.PALETTE: (0, 0, 5, 0, 2, 2, 0, 0, 0)}, None),
        (3, {ifd.PALETTE: (0, 0, 0, 0, 0, 0, 0, 0, 1)}, None),
        (3, {ifd.PALETTE: (0, 9, 5, 0, 2, 2, 0, 0, 0)}, "in a palette"),
        (3, {ifd.PALETTE: (4, 4, 4) * 3}, "in a palette"),
        (3, {ifd.PALETTE: (0, 1)}, "in a palette"),
        (3, {}, "in a palette"),
        (6, {}, "stored as YCbCr"),
        (6, {ifd.COMPRESSION: (5,)}, "stored as YCbCr"),
        (6, {ifd.COMPRESSION: (6,)}, None),
        (6, {ifd.COMPRESSION: (7,)}, None),
        (5, {}, "stored as inks"),
        (5, {ifd.COMPRESSION: (7,)}, "stored as inks"),
        (32803, {}, "mosaic of a colour sensor"),
        (8, {}, r"stored as CIE L\*a\*b\*"),
        (32845, {}, "stored as LogLuv"),
        (None, {}, None),
    ],
)
def test_numbers_are_grey_levels_or_colours_or_refused(photometric, more, reason):
    pixels = np.array([[0, 1, 200]], np.uint8)
    tags = more if photometric is None else {ifd.PHOTOMETRIC: (photometric,)} | more
    if reason is None:
        assert as_grey(pixels, tags) is pixels
    else:
        with pytest.raises(ReadError, match=reason):
            as_grey(pixels, tags)


@pytest.mark.parametrize(
    ("kind", "bits", "turned"),
    [
        ("u1", 8, [255, 252]), ("u1", 4, [15, 12]), ("u2", 12, [4095, 4092]),
        ("u2", 16, [65535, 65532]), ("i2", 12, [-1, -4]), ("?", 1, [True, False]),
    ],
)  # fmt: skip
def test_where_0_is_white_the_largest_number_of_its_bits_is_black(kind, bits, turned):
    tags = {ifd.PHOTOMETRIC: (0,), ifd.BITS: (bits,)}
    pixels = np.array([0, 3]).astype(kind)
    assert as_grey(pixels, tags).tolist() == turned
    with pytest.raises(ReadError, match="of which none is the blackest"):
        as_grey(pixels.astype(np.float32), tags)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_floating_point_that_its_file_does_not_call_so_is_no_whole_number(
    tmp_path, order, compression
):
    levels = np.random.default_rng(0).uniform(0.5, 3000, (20, 30))
    levels[:3] = 0
    whole = levels.astype(np.uint32)
    for name, image in (("float", levels.astype(np.float32)), ("whole", whole)):
        tags = page_tags(image, compression=compression)
        del tags[339]
        strips = strips_of(image, 20, compression=compression, order=order)
        write_tiff(tmp_path / f"{name}.tif", [(tags, strips)], order=order)
    with pytest.raises(ReadError, match="expected the tag SampleFormat; save the image as float"):
        read(tmp_path / "float.tif", Plane())
    assert np.array_equal(read(tmp_path / "whole.tif", Plane()), whole)


def test_the_colours_of_jpeg_2000_that_are_ycbcr_whatever_their_tag_says_are_refused():
    tags = {ifd.COMPRESSION: (33003,), ifd.PHOTOMETRIC: (2,)}
    grey = np.zeros((1, 4, 5, 1), np.uint8)
    np.testing.assert_array_equal(as_grey(grey, tags), grey)
    with pytest.raises(ReadError, match="YCbCr"):
        as_grey(np.zeros((1, 4, 5, 3), np.uint8), tags)


def test_large_whole_numbers_that_their_file_calls_so_are_read_in_parts_too(tmp_path):
    image = draw(1, dtype="u4") + (1 << 30)
    write_tiff(tmp_path / "a.tif", [drawn(image, 3, compression=5)])
    check_planes(tmp_path / "a.tif", as_z([image]))
    check_parts(tmp_path / "a.tif", as_z([image]))


def test_a_palette_that_gets_brighter_gives_its_numbers_and_another_is_refused(tmp_path):
    image = draw(0, (30, 20), "u2").astype("u1")
    ramp = np.arange(256) * 257
    blue = np.stack([0 * ramp, 0 * ramp, ramp]).astype("u2")
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="palette", colormap=blue)
    check_reading(tmp_path / "a.tif", as_z([image]))
    for number, colours in enumerate(
        (blue[:, ::-1], np.random.default_rng(0).permuted(blue, axis=1))
    ):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, image, photometric="palette", colormap=colours)
        with pytest.raises(ReadError, match="palette"):
            read(path)


def test_colours_that_are_no_red_green_and_blue_are_refused(tmp_path):
    image = np.stack([draw(n, (32, 32), "u2").astype("u1") for n in range(3)], -1)
    for photometric in (6, 8):
        tags = page_tags(image, photometric=photometric) | {530: (3, [1, 1])}
        write_tiff(tmp_path / "a.tif", [(tags, [image.tobytes()])])
        with pytest.raises(ReadError, match="colours stored as"):
            read(tmp_path / "a.tif", Plane(channel=0))


def test_colours_in_jpeg_are_red_green_and_blue(tmp_path):
    image = np.stack([draw(n, (32, 48), "u1") for n in range(3)], -1)
    tifffile.imwrite(
        tmp_path / "a.tif", image, compression="jpeg", photometric="rgb", tile=(16, 16)
    )
    (expected,) = pages_of(tmp_path / "a.tif")
    planes = [(Plane(channel=c), expected[..., c]) for c in range(3)]
    check_reading(tmp_path / "a.tif", planes)


AXES = ["TZCYX", "TCZYX", "CTZYX", "ZCTYX", "ZTCYX", "CZTYX"]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("kind", ["ome", "imagej", "shaped"])
def test_axes_are_those_that_the_metadata_name_in_any_order(tmp_path, axes, compression, kind):
    if kind == "imagej" and (axes != "TZCYX" or compression):
        pytest.skip("tifffile writes ImageJ's own order, uncompressed")
    lengths = {"T": 2, "Z": 3, "C": 2, "Y": 20, "X": 13}
    shape = [lengths[axis] for axis in axes]
    stack = np.stack([draw(n, (20, 13)) for n in range(12)]).reshape(shape)
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    tifffile.imwrite(
        path, stack, metadata={"axes": axes}, compression=compression, photometric="minisblack",
        **({} if kind == "shaped" else {kind: True}),
    )  # fmt: skip
    planes = []
    for position in np.ndindex(*shape[:3]):
        at = dict(zip(axes, position, strict=False))
        planes.append((Plane(channel=at["C"], z=at["Z"], time=at["T"]), stack[position]))
    check_planes(path, planes)


@pytest.mark.parametrize("count", [2, 3])
def test_a_reduced_page_is_read_by_its_name_only(tmp_path, count):
    image, small = draw(0, (64, 96)), draw(1, (16, 24), "u1")
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for _ in range(count - 1):
            file.write(image, metadata=None, contiguous=False)
        file.write(small, metadata=None, subfiletype=1)
    check_reading(path, as_z([image] * (count - 1)))
    np.testing.assert_array_equal(read(path, Plane(scene="thumbnail")), small)
    with pytest.raises(NotAPlaneError):
        read(path, Plane(scene=1))


def test_the_levels_of_a_pyramid_are_no_images(tmp_path):
    image = draw(0, (64, 96))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(image, subifds=2, tile=(16, 16), metadata=None)
        file.write(image[::2, ::2], subfiletype=1, tile=(16, 16), metadata=None)
        file.write(image[::4, ::4], subfiletype=1, tile=(16, 16), metadata=None)
    check_reading(tmp_path / "a.tif", as_z([image]))


def damaged(content, rng):
    """Return the bytes with some of them changed, or a stretch of them empty."""
    content = bytearray(content)
    at, length = int(rng.integers(8, len(content))), int(rng.integers(1, 40))
    content[at : at + length] = rng.bytes(len(content[at : at + length]))
    return bytes(content)


@pytest.mark.parametrize("options", [{"rowsperstrip": 9}, {"tile": (16, 16)},
                                     {"rowsperstrip": 9, "predictor": True}], ids=str)  # fmt: skip
def test_damage_to_deflate_is_seen_whenever_tifffile_sees_it(tmp_path, options):
    image, path = draw(0, (64, 64)), tmp_path / "a.tif"
    tifffile.imwrite(path, image, compression="zlib", metadata=None, **options)
    whole, rng = path.read_bytes(), np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        path.write_bytes(damaged(whole, rng))
        try:
            (expected,) = pages_of(path)
        except Exception:  # noqa: BLE001 whatever it is
            refused += 1
            with pytest.raises(ReadError):
                read(path)
            continue
        try:
            found = read(path)
        except ReadError:
            continue
        np.testing.assert_array_equal(found, expected)
    assert refused > 20


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "RGB", "RGBA", "LA", "P", "P with alpha"])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_png_and_jpeg_are_what_pillow_reads(tmp_path, mode, ending):
    from PIL import Image

    path = tmp_path / f"a.{ending}"
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (31, 45, 3), dtype=np.uint8)
    saved = Image.fromarray(image)
    if mode == "I;16":
        saved = Image.fromarray(draw(0, (31, 45)))
    elif mode != "RGB":
        saved = saved.convert(mode[:1] if mode.startswith("P") else mode)
    try:
        saved.save(path, **({"transparency": 3} if mode == "P with alpha" else {}))
    except OSError:
        pytest.skip("JPEG has no such pixels")
    shown = Image.open(path)
    if mode.startswith("P") and ending == "png":
        shown = shown.convert("RGBA" if "transparency" in shown.info else "RGB")
    pixels = np.asarray(shown)
    if pixels.ndim == 2:
        planes = [(Plane(), pixels)]
    else:
        planes = [(Plane(channel=c), pixels[..., c]) for c in range(pixels.shape[2])]
    check_reading(path, planes)


def test_damage_to_png_is_seen(tmp_path):
    encoded, path = imagecodecs.png_encode(draw(0)), tmp_path / "a.png"
    for seed in range(40):
        path.write_bytes(damaged(encoded, np.random.default_rng(seed)))
        with pytest.raises(ReadError):
            read(path)


def test_a_header_is_read_of_a_png_or_jpeg_before_the_rest(tmp_path):
    for ending, encoded in (
        ("png", imagecodecs.png_encode(draw(0, (200, 200)))),
        ("jpg", imagecodecs.jpeg_encode(draw(0, (200, 200), "u1"))),
    ):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(encoded[:1000])
        with open_scenes(path) as (scene,):
            assert scene.shape == (200, 200)


SCANIMAGE = "SI.VERSION_MAJOR = 2020\nSI.hChannels.channelSave = [1;2]\n"
STACKS = "SI.hStackManager."


@pytest.mark.parametrize(
    ("stated", "axes"),
    [
        (f"{STACKS}numSlices = 6\n{STACKS}framesPerSlice = 1\n", "zc"),
        (f"{STACKS}numSlices = 3\n{STACKS}framesPerSlice = 1\n", "tzc"),
        (f"{STACKS}numSlices = 3\n{STACKS}framesPerSlice = 2\n", "ztc"),
        (f"{STACKS}numSlices = 1\n{STACKS}framesPerSlice = Inf\n", "tc"),
        (f"{STACKS}enable = false\n{STACKS}numSlices = 9\n{STACKS}framesPerSlice = 6\n", "tc"),
    ],
)
def test_channels_and_slices_of_scanimage_are_axes_of_their_own(tmp_path, stated, axes):
    images = [draw(number, (20, 13), "i2") for number in range(12)]
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True) as file:
        for image in images:
            file.write(image, metadata=None, contiguous=False, software=SCANIMAGE + stated)
    lengths = {"zc": (6, 2), "tzc": (2, 3, 2), "ztc": (3, 2, 2), "tc": (6, 2)}[axes]
    names = {"z": "z", "t": "time", "c": "channel"}
    planes = []
    for image, position in zip(images, np.ndindex(*lengths), strict=True):
        at = {names[axis]: place for axis, place in zip(axes, position, strict=True)}
        planes.append((Plane(**at), image))
    check_reading(tmp_path / "a.tif", planes)


@pytest.mark.parametrize(
    "software", ["SI.VERSION_MAJOR = 2020\n", f"{SCANIMAGE}{STACKS}numSlices = 5\n"]
)
def test_pages_of_scanimage_that_fit_no_axes_are_refused(tmp_path, software):
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True) as file:
        for number in range(12):
            image = draw(number, (20, 13), "i2")
            file.write(image, metadata=None, contiguous=False, software=software)
    for plane in (Plane(z=0), Plane(z="max"), Plane(z=0, channel=0)):
        with pytest.raises(NotAPlaneError):
            read(tmp_path / "a.tif", plane)


def write_stk(path, images, *, wavelengths):
    """Write a MetaMorph stack: one directory, and the planes behind one another."""
    count = len(images)
    tags = page_tags(images[0], rows=7)
    tags[33628] = (4, np.zeros(2 * count, int))
    tags[33629] = (5, [(1, 1), (0, 0), (0, 0)] * count)
    tags[33630] = (5, [(wavelength, 1) for wavelength in wavelengths])
    tags[33631] = (4, [0])
    content = b"".join(image.tobytes() for image in images)
    first = strips_of(images[0], 7)
    start = np.cumsum([0, *map(len, first)])[:-1] + 8
    tags[273], tags[279] = (4, start), (4, [len(each) for each in first])
    write_tiff(path, [(tags, [content])])


@pytest.mark.parametrize(
    ("wavelengths", "axis"), [([500] * 4, "z"), ([405, 488, 561, 640], "channel")]
)
def test_planes_of_a_metamorph_stack_are_slices_or_channels(tmp_path, wavelengths, axis):
    images = [draw(number, (20, 13)) for number in range(4)]
    write_stk(tmp_path / "a.stk", images, wavelengths=wavelengths)
    check_planes(
        tmp_path / "a.stk", [(Plane(**{axis: n}), image) for n, image in enumerate(images)]
    )


def test_wavelengths_and_slices_of_a_metamorph_stack_are_not_mixed(tmp_path):
    images = [draw(number, (20, 13)) for number in range(4)]
    write_stk(tmp_path / "a.stk", images, wavelengths=[405, 405, 488, 488])
    for plane in (Plane(z=0), Plane(z="max"), Plane(channel=0)):
        with pytest.raises(NotAPlaneError):
            read(tmp_path / "a.stk", plane)


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_page_of_which_a_strip_was_never_written_is_refused(tmp_path, compression, missing):
    tags, strips = drawn(draw(1, (30, 17)), 7, compression=compression)
    strips[missing] = None
    write_tiff(tmp_path / "a.tif", [(tags, strips)])
    for read_all in (read, read_parts):
        with pytest.raises(ReadError, match="1 of 5 strips of this plane were never written"):
            read_all(tmp_path / "a.tif", Plane())


@pytest.mark.parametrize("compression", [1, 5, 8])
def test_a_page_that_does_not_say_where_all_its_strips_are_is_refused(tmp_path, compression):
    tags, strips = drawn(draw(1, (30, 17)), 7, compression=compression)
    write_tiff(tmp_path / "a.tif", [(tags, strips[:4])])
    for read_all in (read, read_parts):
        with pytest.raises(ReadError, match="where 4 of 5 strips or tiles are"):
            read_all(tmp_path / "a.tif", Plane())


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tile_that_was_never_written_is_black_and_the_others_are_read(tmp_path, compression):
    image = draw(1, (64, 48))
    tiles = [image[y : y + 16, x : x + 16] for y in range(0, 64, 16) for x in range(0, 48, 16)]
    tiles[5] = None
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(
            iter(tiles), shape=image.shape, dtype=image.dtype, tile=(16, 16),
            compression=compression, metadata=None,
        )  # fmt: skip
    image[16:32, 32:] = 0
    check_planes(tmp_path / "a.tif", as_z([image]))


@pytest.mark.parametrize("cut", [0.3, 0.5, 0.75, 0.9])
@pytest.mark.parametrize(
    "options",
    [
        {"metadata": None}, {"imagej": True}, {"ome": True}, {"compression": "zlib"},
        {"tile": (16, 16)},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_what_is_left_of_a_stack_is_not_taken_for_all_of_it(tmp_path, cut, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([draw(number) for number in range(5)]), **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(cut * len(whole))])
    for plane in Plane(), Plane(z="max"):
        with pytest.raises(ReadError):
            read(path, plane)
