"""OME-TIFF: its XML says which page of which file is which plane."""

import itertools
import os

import numpy as np
import pytest
import tifffile
from ome_files import document, image_xml, make_planes, refer_to, write_pages, write_set

from nucensus import Settings, census
from nucensus.discover import discover
from nucensus.errors import InputError, NotAPlaneError, ReadError
from nucensus.read import SUFFIXES, open_scenes, read, read_image
from nucensus.remote.description import read_description
from nucensus.values import Plane

SIZES = {"c": 2, "z": 3, "t": 2}
PLANES = make_planes(SIZES)
SHAPE = (24, 31)
ORDERS = ["XY" + "".join(rest) for rest in itertools.permutations("CZT")]


def assert_planes(path, planes):
    for (c, z, t), expected in planes.items():
        np.testing.assert_array_equal(read(path, Plane(channel=c, z=z, time=t)), expected)


def listed(*inputs, **plane):
    return discover(inputs, SUFFIXES, plane=Plane(**plane))


@pytest.mark.parametrize(
    ("order", "split", "told"),
    [(order, ["", "c", "cz", "czt", "t"][(i + j) % 5], told)
     for i, order in enumerate(ORDERS) for j, told in enumerate(["self", "companion", "first"])],
)  # fmt: skip
def test_every_plane_of_a_set_is_the_one_that_its_xml_names(tmp_path, order, split, told):
    first, *_ = write_set(
        tmp_path, PLANES, SIZES, split=split, order=order, told=told, channels=("DAPI", "GFP")
    )
    assert_planes(first, PLANES)
    image = read_image(first, Plane(channel="GFP", z="volume", time=1))
    np.testing.assert_array_equal(image.pixels, [PLANES[1, z, 1] for z in range(3)])
    assert (image.pixel_size.z, image.pixel_size.y, image.pixel_size.x) == (2, 0.5, 0.5)
    projected = read(first, Plane(channel="DAPI", z="max", time=0))
    np.testing.assert_array_equal(projected, np.max([PLANES[0, z, 0] for z in range(3)], axis=0))


@pytest.mark.parametrize("split", ["", "z", "ct"])
def test_planes_are_those_that_tifffile_and_ome_types_read(tmp_path, split):
    first, *_ = write_set(tmp_path, PLANES, SIZES, split=split, channels=("DAPI", "GFP"))
    whole = tifffile.imread(first)  # in the order T Z C Y X, over the files of the set
    for c, z, t in PLANES:
        np.testing.assert_array_equal(read(first, Plane(None, c, z, t)), whole[t, z, c])
    ome_types = pytest.importorskip("ome_types")
    told = ome_types.from_xml(read_description(str(first)).decode()).images[0].pixels
    with open_scenes(first) as (scene,):
        assert scene.sizes == {"c": told.size_c, "z": told.size_z, "t": told.size_t}
        assert list(scene.channels) == [each.name for each in told.channels]


@pytest.mark.parametrize("told", ["self", "companion", "first"])
@pytest.mark.parametrize("split", ["cz", "czt", "z"])
def test_the_files_of_a_set_are_one_field_whichever_of_them_is_named(tmp_path, split, told):
    files = write_set(tmp_path, PLANES, SIZES, split=split, told=told)
    for inputs in ([tmp_path], files, files[1:], [files[-1]], [tmp_path / "*.tif"]):
        assert [each.path for each in listed(*inputs)] == [str(files[0])]


def test_a_set_asks_for_channel_and_plane_as_one_file_does(tmp_path):
    write_set(tmp_path, PLANES, SIZES, split="czt", channels=("DAPI", "GFP"))
    with pytest.raises(InputError, match=r"0 \(DAPI\), 1 \(GFP\)"):
        census(tmp_path, settings=Settings(threshold=0))
    plane = Plane(channel="GFP", z="each", time="each")
    run = census(tmp_path, settings=Settings(threshold=0), plane=plane)
    assert run.counts["found"] == 6
    assert set(run.images["channel"]) == {"GFP"}


def test_a_single_image_is_the_page_that_its_xml_names(tmp_path):
    pages = [np.full(SHAPE, 1, np.uint16), np.full((9, 7), 2, np.uint16)]
    one = {"c": 1, "z": 1, "t": 1}
    for compression in (None, "zlib", "lzw"):
        xml = document([image_xml(0, "", one, (9, 7), [(0, 0, 0, 1, 1, "")])])
        with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
            for page, description in zip(pages, (xml, None), strict=True):
                file.write(page, description=description, metadata=None, compression=compression)
        np.testing.assert_array_equal(read(tmp_path / "a.ome.tif"), pages[1])


@pytest.mark.parametrize(("dtype", "is_told"), [("u2", False), ("i2", True), ("f4", True)])
def test_a_type_on_which_xml_and_page_disagree_is_told(tmp_path, dtype, is_told):
    page = np.full(SHAPE, 1, dtype)
    xml = document([image_xml(0, "", {"c": 1, "z": 1, "t": 1}, SHAPE, [(0, 0, 0, 0, 1, "")])])
    write_pages(tmp_path / "a.ome.tif", [page], xml)
    image = read_image(tmp_path / "a.ome.tif", Plane())
    np.testing.assert_array_equal(image.pixels, page)
    assert ("the type uint16" in image.pixel_size.note) == is_told


def test_images_of_one_file_may_be_of_unlike_size_and_type(tmp_path):
    pages = [np.full(SHAPE, 1, np.uint16), np.full((9, 7), 2, np.uint8), np.full((9, 7), 3, "u1")]
    one, two = {"c": 1, "z": 1, "t": 1}, {"c": 1, "z": 2, "t": 1}
    xml = document(
        [image_xml(0, "stack", two, (9, 7), [(0, 0, 0, 1, 2, "")]),
         image_xml(1, "overview", one, SHAPE, [(0, 0, 0, 0, 1, "")])]
    )  # fmt: skip
    path = tmp_path / "a.ome.tif"
    write_pages(path, pages, xml)
    np.testing.assert_array_equal(read(path, Plane(scene="overview")), pages[0])
    np.testing.assert_array_equal(read(path, Plane(scene="stack", z=1)), pages[2])
    with pytest.raises(NotAPlaneError, match="more than one scene"):
        read(path)


def test_fields_that_share_a_companion_are_an_image_each(tmp_path):
    one = {"c": 2, "z": 1, "t": 1}
    planes = [make_planes(one, seed=seed) for seed in range(3)]
    images = [
        image_xml(n, f"pos{n}", one, SHAPE, [(c, 0, 0, c, 1, f"p{n}.ome.tif") for c in (0, 1)])
        for n in range(3)
    ]
    (tmp_path / "set.companion.ome").write_text(document(images, file="set.companion.ome"))
    for n in (0, 2):
        xml = refer_to("set.companion.ome")
        write_pages(tmp_path / f"p{n}.ome.tif", list(planes[n].values()), xml)
        np.testing.assert_array_equal(
            read(tmp_path / f"p{n}.ome.tif", Plane(channel=1)), planes[n][1, 0, 0]
        )
    found = listed(tmp_path)
    assert [each.name for each in found] == ["p0.ome.tif", "p2.ome.tif", "p1.ome.tif"]
    assert "promises this image, and it is not there" in found[2].problem


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_plane_whose_file_is_lost_fails_and_the_others_are_counted(tmp_path, lost):
    sizes = {"c": 2, "z": 2, "t": 1}
    files = write_set(tmp_path, make_planes(sizes), sizes, split="cz")
    files[lost].unlink()
    plane = Plane(channel="each", z="each")
    run = census(tmp_path, settings=Settings(threshold=0), plane=plane)
    assert (run.counts["found"], run.counts["failed"]) == (3, 1)
    assert (
        f"{files[lost].name!r} holds this plane, and it is not there" in (run.failures["reason"][0])
    )


def test_a_page_that_the_xml_promises_and_the_file_lacks_is_a_failed_row(tmp_path):
    xml = document([image_xml(0, "", SIZES, SHAPE, [(0, 0, 0, 0, 12, "")])])
    path = tmp_path / "a.ome.tif"
    write_pages(path, list(PLANES.values())[:8], xml)
    assert read(path, Plane(channel=1, z=0, time=1)).shape == SHAPE  # the eighth
    with pytest.raises(ReadError, match=r"page 9 of 'a.ome.tif'.*the file has 8"):
        read(path, Plane(channel=0, z=1, time=1))


@pytest.mark.parametrize("told", ["companion", "first"])
def test_a_file_whose_metadata_are_lost_is_not_guessed_at(tmp_path, told):
    files = write_set(tmp_path, PLANES, SIZES, split="c", told=told)
    metadata = tmp_path / "s.companion.ome" if told == "companion" else files[0]
    metadata.unlink()
    with pytest.raises(ReadError, match=rf"said in '{metadata.name}', which is not there"):
        read(files[1], Plane(z=0, time=0))
    run = census(tmp_path, plane=Plane(channel=0, z=0, time=0))
    assert run.counts["found"] == 0
    assert run.counts["failed"] >= 1


def test_a_file_that_its_companion_does_not_name_is_not_guessed_at(tmp_path):
    files = write_set(tmp_path, PLANES, SIZES, split="c", told="companion")
    stranger = tmp_path / "other.ome.tif"
    stranger.write_bytes(files[0].read_bytes())
    with pytest.raises(ReadError, match=r"does not name 'other.ome.tif'"):
        read(stranger, Plane(z=0, time=0))


def test_a_renamed_file_is_still_its_own_image(tmp_path):
    (path,) = write_set(tmp_path, PLANES, SIZES)
    renamed = path.rename(tmp_path / "renamed.ome.tif")
    assert_planes(renamed, PLANES)
    assert [each.path for each in listed(tmp_path)] == [str(renamed)]


def test_a_set_in_files_that_are_called_plainly_is_known_by_its_content(tmp_path):
    files = write_set(tmp_path, PLANES, SIZES, split="cz")
    for file in files:
        text = file.read_bytes().replace(b".ome.tif", b".new.tif")
        file.with_name(file.name.replace(".ome.tif", ".new.tif")).write_bytes(text)
        file.unlink()
    assert [each.name for each in listed(tmp_path)] == ["s_c0_z0.new.tif"]


def test_a_set_is_known_beside_files_that_come_before_it(tmp_path):
    test_a_set_in_files_that_are_called_plainly_is_known_by_its_content(tmp_path)
    tifffile.imwrite(tmp_path / "alien.tif", next(iter(PLANES.values())))
    assert [each.name for each in listed(tmp_path)] == ["alien.tif", "s_c0_z0.new.tif"]


def test_a_companion_that_is_named_stands_for_its_own_fields(tmp_path):
    for name in ("a", "b"):
        write_set(tmp_path, PLANES, SIZES, split="c", told="companion", name=name)
    assert [each.name for each in listed(tmp_path / "b.companion.ome")] == ["b_c0.ome.tif"]
    (tmp_path / "b_c0.ome.tif").unlink()
    (tmp_path / "b_c1.ome.tif").unlink()
    lost = listed(tmp_path / "b.companion.ome")
    assert [each.name for each in lost] == ["b_c0.ome.tif", "b_c1.ome.tif"]
    assert all("is not there" in each.problem for each in lost)


def test_a_damaged_companion_hides_no_other(tmp_path):
    (tmp_path / "a.companion.ome").write_text("<OME>")
    write_set(tmp_path, PLANES, SIZES, split="c", told="companion", name="b")
    there = [each.name for each in listed(tmp_path) if not each.problem]
    assert there == ["b_c0.ome.tif"]


def test_the_second_file_of_a_set_does_not_stand_for_its_field(tmp_path):
    files = write_set(tmp_path, PLANES, SIZES, split="c")
    with pytest.raises(ReadError, match=r"the field that begins in 's_c0.ome.tif'"):
        read(files[1], Plane(channel=0, z=0, time=0))


def test_a_changed_file_of_a_set_is_seen(tmp_path):
    files = write_set(tmp_path, PLANES, SIZES, split="c")
    (before,) = listed(tmp_path)
    files[1].write_bytes(files[1].read_bytes() + b"more")
    (after,) = listed(tmp_path)
    assert before.size_bytes + 4 == after.size_bytes


@pytest.mark.parametrize("told", ["self", "companion", "first"])
def test_a_change_in_any_file_of_a_set_is_seen_in_its_content(tmp_path, told):
    folder, outcomes = tmp_path / "set", []
    folder.mkdir()
    files = write_set(folder, PLANES, SIZES, split="c", told=told)
    how = {
        "settings": Settings(sigma=2, threshold=1000), "check_content": True,
        "on_outcome": outcomes.append, "plane": Plane(channel=1, z=0, time=0),
    }  # fmt: skip
    census(folder, tmp_path / "run", **how)
    census(folder, tmp_path / "run", **how)
    assert len(outcomes) == 1
    before, content = files[1].stat(), files[1].read_bytes()
    at = content.index(PLANES[1, 0, 0].tobytes()[:60])
    files[1].write_bytes(content[:at] + bytes(8) + content[at + 8 :])
    os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    census(folder, tmp_path / "run", **how)
    assert len(outcomes) == 2


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_are_samples_of_a_channel(tmp_path, planar):
    rgb = np.random.default_rng(1).integers(0, 255, (2, 24, 31, 3)).astype(np.uint8)
    xml = image_xml(0, "", {"c": 3, "z": 2, "t": 1}, SHAPE, [(0, 0, 0, 0, 2, "")], channels=["RGB"])
    xml = xml.replace('SamplesPerPixel="1"', 'SamplesPerPixel="3"', 1)
    start, _, rest = xml.partition('<Channel ID="Channel:0:1"')
    xml = document([start + "<TiffData" + rest.partition("<TiffData")[2]])
    pages = list(rgb) if planar == "contig" else list(np.moveaxis(rgb, -1, 1))
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        for n, page in enumerate(pages):
            file.write(page, photometric="rgb", planarconfig=planar, metadata=None,
                       description=None if n else xml)  # fmt: skip
    for z, c in itertools.product(range(2), range(3)):
        plane = read(tmp_path / "a.ome.tif", Plane(channel=c, z=z))
        np.testing.assert_array_equal(plane, rgb[z, ..., c])


BAD = {
    "two pages": [(0, 0, 0, 0, 1, ""), (0, 0, 0, 1, 1, "")],
    "no page": [(0, 1, 0, 0, 1, "")],
}


@pytest.mark.parametrize("fault", BAD)
def test_a_plane_without_its_one_page_is_refused(tmp_path, fault):
    xml = document([image_xml(0, "", SIZES, SHAPE, BAD[fault])])
    write_pages(tmp_path / "a.ome.tif", list(PLANES.values()), xml)
    with pytest.raises(ReadError, match=f"names {fault} for this plane"):
        read(tmp_path / "a.ome.tif", Plane(channel=0, z=0, time=0))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [('SizeZ="3"', 'SizeZ="x"', "contradicts itself"), ('SizeZ="3"', "", "its sizes are"),
     ('"XYCZT"', '"XYCC"', "order of the dimensions"), ('IFD="0"', 'IFD="-1"', "IFD is -1"),
     ('DimensionOrder="XYCZT"', "", "order of the dimensions is not stated"),
     ('FirstC="0"', 'FirstC="7"', "none of the planes that it places"),
     ('SizeX="31"', 'SizeX="32"', "speaks of planes of 24 x 32"), ("</Image>", "", "not well"),
     ('SizeC="2"', 'SizeC="' + "9" * 5000 + '"', "contradicts itself")],
)  # fmt: skip
def test_xml_that_makes_no_sense_is_a_read_error(tmp_path, old, new, says):
    xml = document([image_xml(0, "", SIZES, SHAPE, [(0, 0, 0, 0, 12, "")])])
    write_pages(tmp_path / "a.ome.tif", list(PLANES.values()), xml.replace(old, new, 1))
    with pytest.raises(ReadError, match=says):
        read(tmp_path / "a.ome.tif", Plane(channel=0, z=0, time=0))


def test_a_companion_cannot_name_files_of_other_folders(tmp_path):
    (tmp_path / "secret.tif").touch()
    inside = tmp_path / "in"
    inside.mkdir()
    blocks = [(0, 0, 0, 0, 1, "../secret.tif"), (1, 0, 0, 0, 1, "a.ome.tif")]
    xml = document([image_xml(0, "", {"c": 2, "z": 1, "t": 1}, SHAPE, blocks)], file="a.ome.tif")
    write_pages(inside / "a.ome.tif", [PLANES[0, 0, 0]], xml)
    with pytest.raises(ReadError, match=r"'secret.tif' holds this plane, and it is not there"):
        read(inside / "a.ome.tif", Plane(channel=0))


@pytest.mark.parametrize("newest", [0, 1])
def test_a_set_is_as_large_as_all_its_files_and_as_new_as_the_newest(tmp_path, newest):
    files = write_set(tmp_path, PLANES, SIZES, split="c")
    for number, file in enumerate(files):
        os.utime(file, ns=(0, 2 * 10**9 if number == newest else 10**9))
    (field,) = discover(tmp_path, SUFFIXES)
    assert field.mtime_ns == 2 * 10**9
    assert field.size_bytes == sum(file.stat().st_size for file in files)
