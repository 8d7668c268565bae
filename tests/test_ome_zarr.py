"""Every plane of an OME-Zarr is the one that was asked for, whatever the order of its axes."""

import json
import os
from itertools import permutations

import numpy as np
import pytest
from formats import make_stack, write_ome_zarr
from reading_contract import check_planes, check_reading

from nucensus import census
from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import open_scenes, read, read_image
from nucensus.values import Limits, Plane

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

OPTIONS = {"c": "channel", "z": "z", "t": "time"}
RNG = np.random.default_rng(4)


def draw(axes, dtype="u2", **sizes):
    shape = [sizes.get(axis, {"y": 9, "x": 14}.get(axis, 2)) for axis in axes]
    return RNG.integers(0, 200, shape).astype(dtype)


def write(path, axes, levels, *, version="0.4", scales=True, channels=None, **options):
    """Write the levels as they come, with metadata of that version."""
    named = [{"name": axis} for axis in axes]
    datasets = [
        {"path": str(n)}
        | ({"coordinateTransformations": _placed(axes, levels, n)} if scales else {})
        for n in range(len(levels))
    ]
    ome = {"multiscales": [{"axes": named, "datasets": datasets}]}
    if channels:
        ome["omero"] = {"channels": [{"label": each} for each in channels]}
    attributes = ome if version == "0.4" else {"ome": {"version": version, **ome}}
    form = 2 if version == "0.4" else 3
    group = zarr.open_group(path, mode="w", zarr_format=form, attributes=attributes)
    for n, level in enumerate(levels):
        group.create_array(str(n), data=level, **options)
    return path


def _placed(axes, levels, n):
    """Return the scale of a level, and where its first pixel has its middle."""
    most = max(level.size for level in levels)
    side = (most / levels[n].size) ** 0.5
    return [
        {"type": kind, kind: [value if axis in "yx" else 1 for axis in axes]}
        for kind, value in (("scale", side), ("translation", side / 2 - 0.5))
    ]


def planes_of(axes, data):
    others = [axis for axis in axes if axis not in "yx"]
    array = np.moveaxis(data, [axes.index("y"), axes.index("x")], [-2, -1])
    return [
        (Plane(**{OPTIONS[axis]: n for axis, n in zip(others, at, strict=True)}), array[at])
        for at in np.ndindex(array.shape[:-2])
    ]


@pytest.mark.parametrize("axes", ["".join(each) for each in permutations("czyx")])
def test_planes_are_cut_along_the_axes_that_are_named(tmp_path, axes):
    data = draw(axes)
    version = ("0.4", "0.5")[axes < "xzyc"]
    write(tmp_path / "a.zarr", axes, [data], version=version, chunks=(2, 3, 1, 3))
    check_planes(tmp_path / "a.zarr", planes_of(axes, zarr.open_array(tmp_path / "a.zarr/0")[:]))


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i2", "u4", "f4", "f8"])
def test_every_type_of_pixels_is_kept(tmp_path, dtype):
    data = draw("cyx", dtype)
    write(tmp_path / "a.zarr", "cyx", [data], chunks=(1, 4, 5))
    check_reading(tmp_path / "a.zarr", planes_of("cyx", data))


def test_another_axis_is_scenes(tmp_path):
    data = draw("lyx")
    write(tmp_path / "a.zarr", "lyx", [data])
    with pytest.raises(NotAPlaneError, match=r"1 \(.*axis l 1 9 x 14\); choose with --scene"):
        read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", Plane("axis l 1")), data[1])


@pytest.mark.parametrize("scales", [True, False])
def test_the_largest_level_is_read_wherever_it_is_listed(tmp_path, scales):
    data = draw("yx")
    levels = [data[::4, ::4], data, data[::2, ::2]]
    write(tmp_path / "a.zarr", "yx", levels, scales=scales)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr"), data)


def test_two_images_in_one_folder_are_two_scenes(tmp_path):
    images = [draw("yx"), draw("yx", "u1", y=7)]
    path = write(tmp_path / "a.zarr", "yx", images)
    attributes = json.loads((path / ".zattrs").read_text())
    (both,) = attributes["multiscales"]
    attributes["multiscales"] = [
        {"axes": both["axes"], "name": f"image {n}", "datasets": [{"path": str(n)}]}
        for n in range(2)
    ]
    (path / ".zattrs").write_text(json.dumps(attributes))
    with pytest.raises(NotAPlaneError, match="more than one scene"):
        read(path)
    for n, image in enumerate(images):
        np.testing.assert_array_equal(read(path, Plane(f"image {n}")), image)


def test_a_chunk_that_is_not_there_has_the_value_that_fills(tmp_path):
    data = draw("yx", y=8, x=8)
    path = write(tmp_path / "a.zarr", "yx", [data], chunks=(4, 4), fill_value=7)
    (path / "0" / "1.0").unlink()
    data[4:, :4] = 7
    np.testing.assert_array_equal(read(path), data)


@pytest.mark.parametrize("axes", ["yx", "xy", "zyx"])
@pytest.mark.parametrize("missing", ["1.0", "2.2", "all"])
@pytest.mark.parametrize("is_camera", [True, False])
def test_chunks_that_are_lost_are_told_where_no_pixel_else_has_their_value(
    tmp_path, axes, missing, is_camera
):
    data = draw(axes, y=30, x=35, z=1) + np.uint16(100 if is_camera else 0)
    path = write(tmp_path / "a.zarr", axes, [data], chunks=(1,) * (len(axes) - 2) + (10, 10))
    assert not read_image(path, Plane()).note
    for chunk in (path / "0").glob("[0-9]*" if missing == "all" else f"*{missing}"):
        chunk.unlink()
    note = read_image(path, Plane()).note
    if is_camera or missing == "all":
        assert f"{12 if missing == 'all' else 1} of 12 chunks of the image are not in" in note
    else:
        assert not note


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
@pytest.mark.parametrize("compressors", ["auto", None])
def test_a_damaged_chunk_is_an_error(tmp_path, version, damage, compressors):
    data = draw("yx", y=40, x=40)
    path = write(
        tmp_path / "a.zarr", "yx", [data], version=version, compressors=compressors, chunks=(20, 40)
    )
    chunk = path / "0" / ("1.0" if version == "0.4" else "c/1/0")
    whole = chunk.read_bytes()
    noise = RNG.bytes(len(whole) - 1)
    chunk.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "noise": noise}[damage])
    with pytest.raises(ReadError, match=r"does not decode as OME-Zarr|holds more than"):
        read(path)


def test_what_the_chunks_take_is_known_before_they_are_decoded(tmp_path):
    data = np.zeros((64, 40, 40), "u2")
    path = write(tmp_path / "a.zarr", "zyx", [data], chunks=(64, 20, 40))
    with open_scenes(path) as (scene,):
        assert scene.header(Plane(z=0)).size_bytes == data.nbytes
    run = census(path, plane=Plane(z=0), limits=Limits(max_memory_bytes=data.nbytes // 2))
    assert "the image needs" in run.failures[0]["reason"]
    run = census(path, plane=Plane(z=0), limits=Limits(max_pixels=data.size // 2))
    assert "pixels; expected at most" in run.failures[0]["reason"]


def test_metadata_that_do_not_fit_the_array_are_an_error(tmp_path):
    for name, axes in (("a", "zyx"), ("b", "yz"), ("c", "yy")):
        path = write(tmp_path / f"{name}.zarr", axes, [draw("yx")], scales=False)
        with pytest.raises(ReadError, match="has 2 axes, and its metadata name"):
            read(path)


def test_a_codec_that_is_not_installed_is_named(tmp_path):
    path = write(tmp_path / "a.zarr", "yx", [draw("yx")])
    metadata = json.loads((path / "0" / ".zarray").read_text())
    metadata["compressor"] = {"id": "rarely_installed"}
    (path / "0" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(ReadError) as error:
        read(path)
    assert "rarely_installed" in str(error.value)
    assert "damaged" not in str(error.value)


def test_channels_without_labels_are_chosen_by_index(tmp_path):
    stack = make_stack()
    write_ome_zarr(tmp_path / "a.zarr", stack, "0.4")
    attributes = json.loads((tmp_path / "a.zarr/.zattrs").read_text())
    attributes["omero"] = {"channels": [{"label": None}, {}]}
    (tmp_path / "a.zarr/.zattrs").write_text(json.dumps(attributes))
    plane = Plane(channel=1, z=0, time=0)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr", plane), stack[0, 1, 0])


@pytest.mark.parametrize(("axis", "plane"), [("c", Plane(channel=0)), ("z", Plane(z="max"))])
def test_counts_that_cannot_be_true_are_refused_at_once(tmp_path, axis, plane):
    path = write(tmp_path / "a.zarr", f"{axis}yx", [draw("zyx")])
    metadata = json.loads((path / "0" / ".zarray").read_text())
    metadata["shape"][0] = 2**40
    (path / "0" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(ReadError, match="the file claims 1,099,511,627,776"):
        read(path, plane)


COMPRESSORS = {
    2: [{"id": each} for each in ("zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "blosc")],
    3: [{"name": each, "configuration": {}} for each in ("gzip", "zstd", "blosc")],
}


def replace_metadata(path, **changes):
    stated = json.loads(path.read_text())
    path.write_text(json.dumps(stated | changes))


@pytest.mark.parametrize(
    ("form", "codec"), [(form, codec) for form in COMPRESSORS for codec in COMPRESSORS[form]]
)
def test_a_chunk_that_inflates_to_more_than_its_pixels_is_refused(tmp_path, form, codec):
    large = np.zeros((4096, 4096), np.uint8)
    path = write(
        tmp_path / "a.zarr", "yx", [large], version="0.4" if form == 2 else "0.5",
        chunks=large.shape, fill_value=7, compressors=[codec],
    )  # fmt: skip
    np.testing.assert_array_equal(read(path), large)
    if form == 2:
        replace_metadata(path / "0" / ".zarray", shape=[64, 64], chunks=[64, 64])
    else:
        grid = {"name": "regular", "configuration": {"chunk_shape": [64, 64]}}
        replace_metadata(path / "0" / "zarr.json", shape=[64, 64], chunk_grid=grid)
    with pytest.raises(ReadError, match=r"more than the 4,096 bytes|expected a chunk of"):
        read(path)


def test_a_chunk_of_nothing_but_length_is_not_read(tmp_path):
    path = write(tmp_path / "a.zarr", "yx", [draw("yx")], chunks=(9, 14), compressors=None)
    with open(next((path / "0").glob("0*")), "r+b") as file:
        file.truncate(10**10)
    with pytest.raises(ReadError, match="expected a chunk of at most"):
        read(path)


@pytest.mark.parametrize("codec", COMPRESSORS[2])
def test_every_compressor_reads_through_filters(tmp_path, codec):
    data = draw("cyx", c=2)
    filters = [numcodecs.AsType("f8", "u2")]
    path = write(
        tmp_path / "a.zarr", "cyx", [data], chunks=(1, 8, 8), compressors=[codec], filters=filters
    )
    check_planes(path, planes_of("cyx", data))


@pytest.mark.parametrize("codec", COMPRESSORS[3])
def test_every_compressor_reads_within_shards(tmp_path, codec):
    data = draw("cyx", c=2, y=16, x=16)
    path = write(
        tmp_path / "a.zarr", "cyx", [data], version="0.5",
        chunks=(1, 8, 8), shards=(1, 16, 16), compressors=[codec],
    )  # fmt: skip
    check_planes(path, planes_of("cyx", data))


def test_more_images_than_a_folder_can_be_believed_to_hold_are_refused(tmp_path):
    path = write(tmp_path / "a.zarr", "yx", [draw("yx")])
    stated = json.loads((path / ".zattrs").read_text())
    replace_metadata(path / ".zattrs", multiscales=20_000 * stated["multiscales"])
    with pytest.raises(ReadError, match="claims 20,000 images of several sizes"):
        read(path)


@pytest.mark.parametrize("series", [None, ["7", "0", "10"]])
def test_the_images_of_bioformats2raw_are_scenes_in_the_order_of_their_numbers_or_as_it_says(
    tmp_path, series
):
    group = zarr.open_group(
        tmp_path / "a.zarr", mode="w", zarr_format=2, attributes={"bioformats2raw.layout": 3}
    )
    if series:
        group.create_group("OME", attributes={"series": series})
    for number in range(11):
        write(tmp_path / "a.zarr" / str(number), "yx", [np.full((4, 5), number, np.uint8)])
    with open_scenes(tmp_path / "a.zarr") as scenes:
        found = [int(scene.read({})[0, 0]) for scene in scenes]
    assert found == ([int(each) for each in series] if series else list(range(11)))


def test_a_shard_may_be_as_large_as_all_its_chunks_together(tmp_path):
    data = RNG.integers(0, 65536, (512, 512)).astype(np.uint16)
    write(tmp_path / "a.zarr", "yx", [data], version="0.5", chunks=(32, 32), shards=(512, 512))
    np.testing.assert_array_equal(read(tmp_path / "a.zarr"), data)


def read_and_then(path, write):
    with open_scenes(path) as (scene,):
        scene.read({})
        write()


def test_chunks_that_are_written_while_an_image_is_read_are_seen(tmp_path):
    write(tmp_path / "a.zarr", "yx", [draw("yx")], chunks=(4, 5))
    chunk = tmp_path / "a.zarr/0/0.0"
    with pytest.raises(ReadError, match="a chunk was written while"):
        read_and_then(tmp_path / "a.zarr", lambda: os.utime(chunk, ns=(0, 1)))
    content = chunk.read_bytes()
    beside, times = tmp_path / "beside", (chunk.stat().st_atime_ns, chunk.stat().st_mtime_ns)
    beside.write_bytes(content)
    os.utime(beside, ns=times)
    with pytest.raises(ReadError, match="a chunk was written while"):
        read_and_then(tmp_path / "a.zarr", lambda: beside.replace(chunk))
    chunk.unlink()  # so that there is its fill value
    with pytest.raises(ReadError, match="a chunk was written while"):
        read_and_then(tmp_path / "a.zarr", lambda: chunk.write_bytes(content))


def test_an_image_is_read_again_whose_folder_is_written_while_it_is_read(tmp_path):
    image, headers = draw("yx"), []
    write(tmp_path / "a.zarr", "yx", [image], chunks=(4, 5))

    def write_once(header):
        headers.append(header)
        os.utime(tmp_path / "a.zarr/0/.zarray", ns=(0, 1))

    found = read_image(tmp_path / "a.zarr", Plane(), write_once).pixels
    np.testing.assert_array_equal(found, image)
    assert len(headers) == 2


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_of_zarr_without_metadata_is_refused_with_a_word(tmp_path, zarr_format):
    pixels = np.zeros((9, 9), np.uint16)
    zarr.save_array(str(tmp_path / "a.zarr"), pixels, zarr_format=zarr_format)
    with pytest.raises(ReadError, match="one array of Zarr"):
        read(tmp_path / "a.zarr")
