"""Planes of TIFF files whose pages hold more than one, whatever the order of their axes."""

import itertools

import numpy as np
import pytest
import tifffile
from drawn_tiff import page_tags, write_tiff
from ome_files import document, image_xml

from nucensus import census
from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import open_scenes, read
from nucensus.values import Plane

SIZES = {"C": 3, "Z": 4, "T": 2, "Y": 17, "X": 23}


def numbered(axes):
    """Return an image of these axes in which every plane has grey levels of its own."""
    shape = [SIZES[axis] for axis in axes]
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def plane_of(image, axes, at):
    return image[tuple(at.get(axis, slice(None)) for axis in axes)]


@pytest.mark.parametrize("axes", ["ZYX", "CZYX", "ZCYX", "TZCYX", "TCZYX", "CYX", "TCYX", "TYX"])
def test_every_plane_of_a_stack_is_read_at_its_place(tmp_path, axes):
    image = numbered(axes)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": axes})
    stacked = [axis for axis in axes if axis not in "YX"]
    for places in itertools.product(*(range(SIZES[axis]) for axis in stacked)):
        at = dict(zip(stacked, places, strict=True))
        plane = Plane(channel=at.get("C"), z=at.get("Z"), time=at.get("T"))
        np.testing.assert_array_equal(
            read(tmp_path / "a.ome.tif", plane), plane_of(image, axes, at), err_msg=str(plane)
        )


def test_every_plane_of_each_of_several_stacks_is_read_at_its_place(tmp_path):
    stacks = [numbered("ZYX"), numbered("TYX")[:, :15] + 5000, numbered("CYX")[:, :, :9] + 9000]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for stack in stacks:
            file.write(stack, contiguous=False, photometric="minisblack", metadata={"axes": "ZYX"})
    for scene, stack in enumerate(stacks):
        for z, image in enumerate(stack):
            found = read(tmp_path / "a.tif", Plane(scene=scene, z=z))
            np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("pages", [1, 3])
def test_colours_of_a_stack_are_read_as_channels(tmp_path, planar, pages):
    image = np.random.default_rng(0).integers(0, 255, (pages, 17, 23, 3)).astype(np.uint8)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 1)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in stored:
            file.write(page, photometric="rgb", planarconfig=planar, contiguous=False,
                       metadata=None)  # fmt: skip
    with open_scenes(tmp_path / "a.tif") as scenes:
        (scene,) = scenes
        assert scene.is_colour
        assert scene.sizes["c"] == 3
    for number, channel in itertools.product(range(pages), range(3)):
        plane = Plane(channel=channel, z=number if pages > 1 else None)
        np.testing.assert_array_equal(
            read(tmp_path / "a.tif", plane), image[number, :, :, channel], err_msg=str(plane)
        )


def test_grey_channels_are_no_colours(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", numbered("CYX"), metadata={"axes": "CYX"})
    with open_scenes(tmp_path / "a.ome.tif") as (scene,):
        assert not scene.is_colour
        assert scene.header(Plane(channel=0)).pixels == 17 * 23


@pytest.mark.parametrize("axes", ["ZYX", "CZYX"])
def test_the_maximum_and_the_volume_are_those_of_all_planes(tmp_path, axes):
    image = numbered(axes)[..., ::-1].copy()
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": axes})
    channel = 1 if "C" in axes else None
    own = image[1] if "C" in axes else image
    found = read(tmp_path / "a.ome.tif", Plane(channel=channel, z="max"))
    np.testing.assert_array_equal(found, own.max(axis=0))
    found = read(tmp_path / "a.ome.tif", Plane(channel=channel, z="volume"))
    np.testing.assert_array_equal(found, own)


def test_a_plane_beyond_the_last_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", numbered("CZYX"), metadata={"axes": "CZYX"})
    for plane in (Plane(channel=3, z=0), Plane(channel=0, z=4), Plane(channel=0, z=-1)):
        with pytest.raises(NotAPlaneError):
            read(tmp_path / "a.ome.tif", plane)


@pytest.mark.parametrize("axes", ["TZCYX", "ZYX"])
def test_an_imagej_hyperstack_is_read_at_its_places_and_states_its_size(tmp_path, axes):
    image = numbered(axes)
    tifffile.imwrite(
        tmp_path / "a.tif", image, imagej=True, resolution=(4, 2),
        metadata={"axes": axes, "unit": "um", "spacing": 1.5},
    )  # fmt: skip
    with open_scenes(tmp_path / "a.tif") as (scene,):
        size = scene.pixel_size
        assert (size.y, size.x, size.z) == (0.5, 0.25, 1.5)
    stacked = [axis for axis in axes if axis not in "YX"]
    for places in itertools.product(*(range(SIZES[axis]) for axis in stacked)):
        at = dict(zip(stacked, places, strict=True))
        plane = Plane(channel=at.get("C"), z=at.get("Z"), time=at.get("T"))
        np.testing.assert_array_equal(read(tmp_path / "a.tif", plane), plane_of(image, axes, at))


@pytest.mark.parametrize("axes", ["ZYX", "CZYX"])
@pytest.mark.parametrize("depth", [4, 16])
def test_planes_of_a_page_that_is_a_volume_are_cut_out_of_it(tmp_path, axes, depth):
    sizes = SIZES | {"Y": 32, "X": 48}
    image = np.arange(np.prod([sizes[axis] for axis in axes]), dtype=np.uint16)
    image = image.reshape([sizes[axis] for axis in axes])
    tifffile.imwrite(
        tmp_path / "a.tif", image, photometric="minisblack", volumetric=True,
        tile=(depth, 16, 16), metadata={"axes": axes},
    )  # fmt: skip
    stacked = [axis for axis in axes if axis not in "YX"]
    for places in itertools.product(*(range(sizes[axis]) for axis in stacked)):
        at = dict(zip(stacked, places, strict=True))
        plane = Plane(channel=at.get("C"), z=at["Z"])
        np.testing.assert_array_equal(read(tmp_path / "a.tif", plane), plane_of(image, axes, at))


OF_IMAGEJ = "ImageJ=1.53t\nimages={0}\nslices={0}\nloop=false\n"
OF_OME = document([image_xml(0, "", {"c": 1, "z": 2, "t": 1}, (17, 23), None)])


@pytest.mark.parametrize(
    ("description", "pages", "thumbnail"),
    [
        (OF_IMAGEJ.format(2), 2, False),
        (OF_IMAGEJ.format(2), 4, False),
        (OF_OME, 2, False),
        (OF_OME, 2, True),
        (OF_OME, 4, False),
    ],
)
def test_pages_that_the_metadata_do_not_speak_of_are_noted(tmp_path, description, pages, thumbnail):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, image in enumerate([numbered("YX")] * pages + [np.zeros((3, 4), "u2")]):
            if number < pages or thumbnail:
                file.write(image, description=description if not number else None, metadata=None,
                           contiguous=False)  # fmt: skip
    with census(tmp_path / "a.tif", plane=Plane(z="each")) as run:
        assert len(run.images) == 2
        noted = [note for note in run.notes if "do not speak of 2 of its 4 pages" in note]
    assert bool(noted) == (pages == 4)


@pytest.mark.parametrize("is_one_page", [False, True])
@pytest.mark.parametrize(
    "numbers",
    ["images=6\nchannels=2\nslices=3\nframes=2", "images=12\nslices=12", "images=6\nslices=3"],
)
def test_numbers_of_imagej_that_do_not_agree_are_refused(tmp_path, numbers, is_one_page):
    images = [numbered("YX") + number for number in range(6)]
    pages = [(page_tags(image), [image.tobytes()]) for image in images]
    if is_one_page:
        pages = [(pages[0][0], [np.stack(images).tobytes()])]
    pages[0][0][270] = (2, f"ImageJ=1.54f\n{numbers}\nloop=false\n\0".encode())
    write_tiff(tmp_path / "a.tif", pages)
    for plane in Plane(), Plane(z="max"):
        with pytest.raises(ReadError, match="expected numbers that agree"):
            read(tmp_path / "a.tif", plane)


def test_a_stack_of_imagej_of_one_page_without_its_axes_is_not_taken_for_one_plane(tmp_path):
    images = np.stack([numbered("YX") + number for number in range(6)])
    tags = page_tags(images[0]) | {270: (2, b"ImageJ=1.54f\nimages=6\n\0")}
    write_tiff(tmp_path / "a.tif", [(tags, [images.tobytes()])])
    with pytest.raises(ReadError, match="6 images of ImageJ"):
        read(tmp_path / "a.tif")


def test_a_calibration_of_grey_levels_is_noted(tmp_path):
    said = OF_IMAGEJ.format(1) + "c0=-32768.0\nc1=1.0\n"
    tifffile.imwrite(tmp_path / "a.tif", numbered("YX"), description=said, metadata=None)
    with open_scenes(tmp_path / "a.tif") as (scene,):
        assert "a grey level g stands for -32768 + 1 g" in scene.pixel_size.note
