"""Every plane of a CZI file is the one that was asked for, whole and of its own type."""

import itertools
from collections import Counter

import imagecodecs
import numpy as np
import pytest
from formats import czi_xml, make_stack, write_czi
from reading_contract import check_reading, read_parts

from nucensus import Settings, find_nuclei
from nucensus.detect import find_nuclei_in_parts
from nucensus.detect.walk import walk
from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import open_in_parts, open_scenes, read, read_image
from nucensus.read.czi_parts import Composed, parts_of_tiles
from nucensus.read.czi_tiles import Tile, read_tiles
from nucensus.read.scene import divide_plane
from nucensus.values import Plane
from nucensus.values.parts import Area
from nucensus.values.synthetic import make_field

czifile = pytest.importorskip("czifile")

RNG = np.random.default_rng(1)


def draw(shape=(24, 31), dtype="u2"):
    high = 1 if dtype == "f4" else np.iinfo(dtype).max
    return (RNG.random(shape) * high).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4"])
def test_planes_and_headers_of_every_type_are_those_that_were_written(tmp_path, dtype):
    stack = make_stack((2, 1, 2, 9, 14), dtype)
    places = list(np.ndindex(stack.shape[:3]))
    blocks = [({"Z": z, "C": c, "T": t}, stack[t, c, z]) for t, c, z in places]
    write_czi(tmp_path / "a.czi", blocks)
    with czifile.CziFile(tmp_path / "a.czi") as file:
        np.testing.assert_array_equal(np.squeeze(file.asarray()), np.squeeze(stack))
    planes = [(Plane(channel=c, z=z, time=t), stack[t, c, z]) for t, c, z in places]
    check_reading(tmp_path / "a.czi", planes)


def test_each_channel_keeps_its_own_type(tmp_path):
    planes = {"0": draw(dtype="u1"), "1": draw(dtype="u2"), "2": draw(dtype="f4")}
    blocks = [({"C": c, "Z": z}, planes[str(c)] + z) for c in range(3) for z in range(2)]
    write_czi(tmp_path / "a.czi", blocks)
    check_reading(
        tmp_path / "a.czi",
        [(Plane(channel=c, z=z), planes[str(c)] + z) for c in range(3) for z in range(2)],
    )
    volume = read(tmp_path / "a.czi", Plane(channel=1, z="volume"))
    np.testing.assert_array_equal(volume, [planes["1"], planes["1"] + 1])
    assert read(tmp_path / "a.czi", Plane(channel=2, z="max")).dtype == "f4"


def test_a_stack_of_unlike_types_is_read_plane_by_plane_only(tmp_path):
    write_czi(tmp_path / "a.czi", [({"Z": 0}, draw(dtype="u1")), ({"Z": 1}, draw(dtype="u2"))])
    for z in ("max", "volume"):
        said = r"z plane 1 is .* uint16, and (the first|z plane 0) is .*--z"
        with pytest.raises(NotAPlaneError, match=said):
            read(tmp_path / "a.czi", Plane(z=z))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_channel_and_colour_are_two_axes(tmp_path, dtype):
    images = [draw((9, 12, 3), dtype) for _ in range(7)]
    channels = "".join(f"<Channel Id='Channel:{i}' Name='Pol_{i}'/>" for i in range(7))
    blocks = [({"C": c}, image) for c, image in enumerate(images)]
    write_czi(tmp_path / "a.czi", blocks, xml=czi_xml(channels=channels))
    for c, image in enumerate(images):
        for sample, colour in enumerate(("red", "green", "blue")):
            found = read(tmp_path / "a.czi", Plane(channel=f"Pol_{c} {colour}"))
            np.testing.assert_array_equal(found, image[..., sample])
    with pytest.raises(NotAPlaneError, match=r"Pol_0.*does not name one.*Pol_0 red"):
        read(tmp_path / "a.czi", Plane(channel="Pol_0"))


@pytest.mark.parametrize("first", [0, 4])
def test_a_channel_in_colour_may_stand_beside_one_in_grey(tmp_path, first):
    colours, grey = draw((9, 12, 3), "u1"), draw((9, 12), "u2")
    channels = "<Channel Id='0' Name='H&amp;E'/><Channel Id='1' Name='DAPI'/>"
    blocks = [({"C": first}, colours), ({"C": first + 1}, grey)]
    write_czi(tmp_path / "a.czi", blocks, xml=czi_xml(channels=channels, sizes="<SizeC>2</SizeC>"))
    np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(channel="DAPI")), grey)
    found = read(tmp_path / "a.czi", Plane(channel="H&E blue"))
    np.testing.assert_array_equal(found, colours[..., 2])


def test_one_image_in_colour_is_refused_and_a_colour_can_be_picked(tmp_path):
    image = draw((9, 12, 3), "u1")
    write_czi(tmp_path / "a.czi", [({"C": 0}, image)])
    with pytest.raises(NotAPlaneError, match=r"colours .0 red"):
        read(tmp_path / "a.czi")
    np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(channel=2)), image[..., 2])


@pytest.mark.parametrize(
    ("channels", "display"),
    [
        ("<Channel Id='7' Name='DAPI'/><Channel Id='9'/>", "<Channel Id='9' Name='GFP'/>"),
        ("", "<Channel Id='Channel:0' Name='DAPI'/><Channel Id='Channel:1' Name='GFP'/>"),
        (
            "<Channel Id='Channel:0'/><Channel Id='Channel:1'><Name>GFP</Name></Channel>",
            "<Channel Id='Channel:1' Name='shown'/>"
            "<Channel Id='Channel:0'><ShortName>DAPI</ShortName></Channel>",
        ),
    ],
)
def test_names_of_channels_stand_with_the_image_or_else_with_its_display(
    tmp_path, channels, display
):
    planes = [draw(), draw()]
    xml = czi_xml(channels=channels, display=display)
    write_czi(tmp_path / "a.czi", [({"C": c}, each) for c, each in enumerate(planes)], xml=xml)
    for name, plane in zip(("DAPI", "GFP"), planes, strict=True):
        np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(channel=name)), plane)


def test_phases_and_views_are_scenes_by_name(tmp_path):
    blocks = [({"S": s, "H": h, "V": 0}, draw()) for s in range(2) for h in range(3)]
    write_czi(tmp_path / "a.czi", blocks)
    with pytest.raises(NotAPlaneError, match=r"0 \(scene 0, phase 0 24 x 31\).*5 \(scene 1, ph"):
        read(tmp_path / "a.czi")
    for at, pixels in blocks:
        name = f"scene {at['S']}, phase {at['H']}"
        np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(name)), pixels)


def tiles(whole, *, z=0, step=10):
    places = [(y, x) for y in range(0, 20, step) for x in range(0, 30, step)]
    return [
        ({"Z": z, "M": m, "Y": y + 50, "X": x - 7}, whole[y : y + step, x : x + step])
        for m, (y, x) in enumerate(places)
    ]


def test_tiles_are_joined_and_a_plane_that_lacks_one_is_refused(tmp_path):
    wholes = [draw((20, 30)) for _ in range(3)]
    blocks = [each for z, whole in enumerate(wholes) for each in tiles(whole, z=z)]
    write_czi(tmp_path / "a.czi", blocks)
    for z, whole in enumerate(wholes):
        np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(z=z)), whole)
    write_czi(tmp_path / "a.czi", blocks, directory=[i for i in range(18) if i != 8])
    np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(z=0)), wholes[0])
    for z in (1, "max"):
        with pytest.raises(ReadError, match="1 of the 6 tiles of this plane are missing"):
            read(tmp_path / "a.czi", Plane(z=z))
    write_czi(tmp_path / "a.czi", tiles(wholes[0]), directory=[0, 1, 3, 4, 5])
    with pytest.raises(ReadError, match="missing"):
        read(tmp_path / "a.czi")


@pytest.mark.parametrize("lost", [1, 4, 5])
def test_a_plane_that_was_lost_fails_and_moves_no_other(tmp_path, lost):
    stack = make_stack((1, 2, 3, 24, 31))
    blocks = [({"C": c, "Z": z}, stack[0, c, z]) for c in range(2) for z in range(3)]
    write_czi(tmp_path / "a.czi", blocks, directory=[i for i in range(6) if i != lost])
    for number, (at, pixels) in enumerate(blocks):
        plane = Plane(channel=at["C"], z=at["Z"])
        if number == lost:
            with pytest.raises(ReadError, match="holds no pixels for this plane"):
                read(tmp_path / "a.czi", plane)
        else:
            np.testing.assert_array_equal(read(tmp_path / "a.czi", plane), pixels)


def test_the_last_plane_that_the_file_speaks_of_and_does_not_hold_fails_too(tmp_path):
    blocks = [({"Z": z}, draw()) for z in range(2)]
    write_czi(tmp_path / "a.czi", blocks, xml=czi_xml(sizes="<SizeZ>3</SizeZ>"))
    np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(z=1)), blocks[1][1])
    for z in (2, "max", "volume"):
        with pytest.raises(ReadError, match="holds no pixels for this plane"):
            read(tmp_path / "a.czi", Plane(z=z))


@pytest.mark.parametrize("lost", [0, 2])
def test_what_is_lost_at_either_end_moves_no_other_plane(tmp_path, lost):
    blocks = [({"C": c}, draw()) for c in range(3)]
    held = [n for n in range(3) if n != lost]
    names = "".join(f"<Channel Id='{c}' Name='{c} nm'/>" for c in "ABC")
    xml = czi_xml(channels=names, sizes="<SizeC>3</SizeC>")
    write_czi(tmp_path / "a.czi", blocks, directory=held, xml=xml)
    for n in held:
        found = read(tmp_path / "a.czi", Plane(channel=f"{'ABC'[n]} nm"))
        np.testing.assert_array_equal(found, blocks[n][1])
    with pytest.raises(ReadError, match="holds no pixels for this plane"):
        read(tmp_path / "a.czi", Plane(channel=lost))


def test_a_part_of_a_recording_starts_at_its_first_plane(tmp_path):
    blocks = [({"Z": z}, draw()) for z in (10, 11, 12)]
    write_czi(tmp_path / "a.czi", blocks, xml=czi_xml(sizes="<SizeZ>3</SizeZ>"))
    with open_scenes(tmp_path / "a.czi") as (scene,):
        assert scene.sizes["z"] == 3
    for z, (_, pixels) in enumerate(blocks):
        np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(z=z)), pixels)


@pytest.mark.parametrize(
    ("at", "sizes"),
    [({"C": 2**31 - 1}, ""), ({"H": 2**31 - 1}, ""), ({"C": 0}, f"<SizeC>{2**40}</SizeC>")],
)
def test_counts_that_cannot_be_true_are_refused_at_once(tmp_path, at, sizes):
    blocks = [(dict.fromkeys(at, 0), draw()), (at, draw())]
    write_czi(tmp_path / "a.czi", blocks, xml=czi_xml(sizes=sizes))
    with pytest.raises(ReadError, match=r"the file claims .*; expected at most 10,000"):
        read(tmp_path / "a.czi")


def hi_lo(pixels):
    low_high = pixels.view("u1").reshape(-1, pixels.itemsize).T
    return b"\3\1\1" + imagecodecs.zstd_encode(low_high.tobytes())


COMPRESSIONS = {
    "lzw": (2, lambda pixels: imagecodecs.lzw_encode(pixels.tobytes())),
    "jpeg xr": (4, lambda pixels: imagecodecs.jpegxr_encode(pixels, level=1.0)),
    "zstd": (5, lambda pixels: imagecodecs.zstd_encode(pixels.tobytes())),
    "zstd with a header": (6, lambda pixels: b"\1" + imagecodecs.zstd_encode(pixels.tobytes())),
    "zstd of bytes apart": (6, hi_lo),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressed_pixels_are_those_that_were_written(tmp_path, compression):
    image = np.add.outer(np.arange(33), np.arange(41)).astype("u2")
    write_czi(tmp_path / "a.czi", [({"C": 0}, image)], compress=COMPRESSIONS[compression])
    check_reading(tmp_path / "a.czi", [(Plane(), image)])


def test_red_stays_red_in_jpeg(tmp_path):
    image = np.zeros((16, 16, 3), "u1")
    image[..., 0] = 200
    packed = 1, lambda _: imagecodecs.jpeg8_encode(image, level=95)
    write_czi(tmp_path / "a.czi", [({"C": 0}, image)], compress=packed)
    assert read(tmp_path / "a.czi", Plane(channel=0)).mean() > 190
    assert read(tmp_path / "a.czi", Plane(channel=2)).mean() < 10


def test_a_compression_that_is_not_known_is_not_called_damage(tmp_path):
    write_czi(tmp_path / "a.czi", [({"C": 0}, draw())], compress=(8, lambda _: bytes(100)))
    with pytest.raises(ReadError) as error:
        read(tmp_path / "a.czi")
    assert "compression 8" in str(error.value)
    assert "damaged" not in str(error.value)


def test_a_pyramid_of_smaller_sizes_is_no_image(tmp_path):
    libczi = pytest.importorskip("pylibCZIrw.czi")
    planes = [draw((64, 80)), draw((64, 80))]
    with libczi.create_czi(
        str(tmp_path / "a.czi"),
        compression_options="zstd1:ExplicitLevel=1;PreProcess=HiLoByteUnpack",
    ) as file:
        for c, pixels in enumerate(planes):
            file.write(pixels, plane={"C": c})
        file.write_metadata("a", channel_names={0: "DAPI", 1: "GFP"})
    for name, pixels in zip(("DAPI", "GFP"), planes, strict=True):
        np.testing.assert_array_equal(read(tmp_path / "a.czi", Plane(channel=name)), pixels)
    with open_scenes(tmp_path / "a.czi") as (scene,):
        assert scene.shape == (64, 80)


def overlapping(count=9, shape=(40, 50), seed=0):
    """Draw tiles that lie over each other, and the plane of them; later ones are on top."""
    rng = np.random.default_rng(seed)
    whole, blocks = np.zeros(shape, np.uint16), []
    for number in range(count):
        y, x = rng.integers(0, [shape[0] - 16, shape[1] - 20])
        y, x = {0: (0, 0), 1: (shape[0] - 16, shape[1] - 20)}.get(number, (y, x))
        pixels = rng.integers(1, 4000, (16, 20)).astype(np.uint16)
        whole[y : y + 16, x : x + 20] = pixels
        blocks.append(({"M": number, "Y": int(y) - 30, "X": int(x) + 7}, pixels))
    return blocks, whole


@pytest.mark.parametrize("held_bytes", [0, 700, 1 << 20])
def test_tiles_that_overlap_are_composed_alike_in_parts_and_whole(tmp_path, held_bytes):
    blocks, whole = overlapping()
    write_czi(tmp_path / "a.czi", blocks[::-1])
    np.testing.assert_array_equal(read(tmp_path / "a.czi"), whole)
    np.testing.assert_array_equal(read_parts(tmp_path / "a.czi", Plane()), whole)
    with czifile.CziFile(tmp_path / "a.czi") as file:
        composed = Composed(read_tiles(file), (-30, 7), 0, held_bytes)
        for top, left in np.ndindex(4, 5):
            area = Area(10 * top, 10 * top + 10, 10 * left, 10 * left + 10)
            np.testing.assert_array_equal(composed.read(area), whole[area.cut(Area(0, 40, 0, 50))])


def counted_tile(image, number, y, x, side, read):
    """Make a tile of an image that counts how often it is read."""

    def pixels():
        read[number] += 1
        return image[y : y + side, x : x + side, np.newaxis]

    return Tile({}, 0, number, y, x, side, side, 1, "uint16", pixels)


@pytest.mark.parametrize("jitter", [0, 9])
def test_tiles_of_a_mosaic_are_decoded_about_once_where_it_is_gone_through(jitter):
    image, side, read = draw((1960, 1960)), 760, Counter()
    middle = 600 + np.random.default_rng(0).integers(-jitter, jitter + 1, (2, 3))
    places = [((0, middle[0, j], 1200)[i], (0, middle[1, i], 1200)[j]) for i, j in np.ndindex(3, 3)]
    tiles = [
        counted_tile(image, number, int(y), int(x), side, read)
        for number, (y, x) in enumerate(places)
    ]
    composed = Composed(tiles, (0, 0), 0, held_bytes=0)
    plane = parts_of_tiles(composed, image.shape)
    for piece in walk(plane, lambda piece: piece, reach=(40, 40), part=(300, 400)):
        np.testing.assert_array_equal(piece.pixels, image[piece.around.cut(plane.whole)])
    if not jitter:
        assert read[0] == 1
        assert sum(read.values()) <= 16  # with what is left over at two edges


def test_where_a_mosaic_has_no_tile_nothing_is_read(tmp_path):
    first, second = draw((16, 16)), draw((16, 16))
    blocks = [({"M": 0, "Y": 0, "X": 0}, first), ({"M": 1, "Y": 48, "X": 64}, second)]
    write_czi(tmp_path / "a.czi", blocks)
    with open_scenes(tmp_path / "a.czi") as (scene,):
        parts = divide_plane(scene, Plane())
        assert parts.shape == (64, 80)
        assert parts.fill_of(Area(16, 48, 0, 80)) == 0
        assert parts.fill_of(Area(32, 64, 48, 80)) is None


def test_a_large_mosaic_is_counted_by_its_tiles(tmp_path):
    image = make_field(0, shape=(400, 600), nuclei=60, radius_px=9).image
    blocks = [
        ({"M": number, "Y": y, "X": x}, image[y : y + 100, x : x + 160])
        for number, (y, x) in enumerate((90 * y, 140 * x) for y, x in np.ndindex(5, 4))
    ]
    (tmp_path / "images").mkdir()
    write_czi(tmp_path / "images" / "a.czi", blocks)
    whole = read(tmp_path / "images" / "a.czi")
    with open_in_parts(tmp_path / "images" / "a.czi", Plane()) as divided:
        found = find_nuclei_in_parts(divided.parts, Settings(), threads=2, part=(128, 200))
    assert found == find_nuclei(whole)
    assert len(found) > 50


def pyramid(whole, *, step=32, corner=(-30, 7), lost=()):
    """Return the tiles of a mosaic at full size, and at a half and a quarter of it."""
    blocks, number = [], 0
    for ratio in (1, 2, 4):
        level = whole[::ratio, ::ratio]
        for y, x in itertools.product(*(range(0, size, step) for size in level.shape)):
            at = {"Y": corner[0] + ratio * y, "X": corner[1] + ratio * x, "C": 0}
            at |= {"M": number} if ratio == 1 else {"ratio": ratio}
            number += ratio == 1
            if (ratio, y, x) not in lost:
                blocks.append((at, level[y : y + step, x : x + step]))
    return blocks


def test_levels_of_a_mosaic_are_composed_of_their_own_tiles(tmp_path):
    whole = draw((128, 192))
    lengths = "".join(f"<Distance Id='{axis}'><Value>5e-7</Value></Distance>" for axis in "XY")
    write_czi(tmp_path / "a.czi", pyramid(whole), xml=czi_xml(scaling=lengths))
    for level, ratio in enumerate((1, 2, 4)):
        found = read_image(tmp_path / "a.czi", Plane(level=level))
        np.testing.assert_array_equal(found.pixels, whole[::ratio, ::ratio])
        parts = read_parts(tmp_path / "a.czi", Plane(level=level))
        np.testing.assert_array_equal(parts, found.pixels)
        assert (found.pixel_size.y, found.downsample) == (0.5 * ratio, (ratio, ratio))
    with pytest.raises(NotAPlaneError, match=r"no level 3 .* 1 \(64 x 96\), 2 \(32 x 48\)"):
        read(tmp_path / "a.czi", Plane(level=3))


def test_a_level_that_lacks_a_tile_is_refused(tmp_path):
    write_czi(tmp_path / "a.czi", pyramid(draw((128, 192)), lost={(2, 32, 64)}))
    assert read(tmp_path / "a.czi", Plane(level=2)).shape == (32, 48)
    with pytest.raises(ReadError, match="pixels of this level of resolution are missing"):
        read(tmp_path / "a.czi", Plane(level=1))


def test_a_file_that_was_not_closed_is_refused_with_what_to_do(tmp_path):
    write_czi(tmp_path / "a.czi", [({"C": 0}, draw())])
    content = bytearray((tmp_path / "a.czi").read_bytes())
    content[84:92] = bytes(8)  # where the list of its pixels is
    (tmp_path / "a.czi").write_bytes(content)
    with pytest.raises(ReadError, match="has no list of its pixels: it was not closed"):
        read(tmp_path / "a.czi")
    with pytest.raises(ReadError, match="has no list of its pixels: it was not closed"):
        read(tmp_path / "a.czi", Plane(level=1))
