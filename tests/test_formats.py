"""Every format gives the planes that were written, one at a time, and says what it holds."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from conftest import SHARED
from formats import AXES, make_stack, write_czi_stack, write_lif, write_nd2_stack, write_ome_zarr

from nucensus.errors import MissingPackageError, NotAPlaneError, ReadError
from nucensus.read import open_scenes, read
from nucensus.read.tiff import open_scenes as open_tiff
from nucensus.values import Plane

STACK = make_stack()


def write_ome_tiff(path, **options):
    metadata = {
        "axes": AXES.upper(),
        "Channel": {"Name": ["DAPI", "Alexa 488"]},
        "PhysicalSizeX": 325, "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 325, "PhysicalSizeYUnit": "nm",
        "PhysicalSizeZ": 2.0,
    }  # fmt: skip
    tifffile.imwrite(path, STACK, ome=True, metadata=metadata, **options)


def write_imagej(path):
    tifffile.imwrite(
        path,
        STACK.swapaxes(1, 2),
        imagej=True,
        resolution=(1 / 0.325, 1 / 0.325),
        metadata={"axes": "TZCYX", "unit": "um", "spacing": 2.0},
    )


WRITERS = {
    "uncompressed.ome.tif": write_ome_tiff,
    "lzw.ome.tif": lambda path: write_ome_tiff(path, compression="lzw"),
    "tiled.ome.tif": lambda path: write_ome_tiff(path, compression="zlib", tile=(16, 16)),
    "bigendian.ome.tif": lambda path: write_ome_tiff(path, byteorder=">", bigtiff=True),
    "imagej.tif": write_imagej,
    "v04.ome.zarr": lambda path: write_ome_zarr(path, STACK, "0.4"),
    "v05.ome.zarr": lambda path: write_ome_zarr(path, STACK, "0.5"),
    "sharded.ome.zarr": lambda path: write_ome_zarr(path, STACK, "0.5", shards=(1, 1, 3, 24, 32)),
    "one.czi": lambda path: write_czi_stack(path, STACK),
    "one.nd2": lambda path: write_nd2_stack(path, STACK),
    "one.lif": lambda path: write_lif(path, STACK, names=("Series001",)),
}
NEEDS = {".zarr": "zarr", ".lif": "liffile", ".nd2": "nd2", ".czi": "czifile"}


@pytest.fixture(params=WRITERS)
def stack_file(request, tmp_path):
    pytest.importorskip(NEEDS.get(f".{request.param.rpartition('.')[2]}", "numpy"))
    path = tmp_path / request.param
    WRITERS[request.param](path)
    return path


def test_every_plane_is_the_one_that_was_written(stack_file):
    for t, c, z in np.ndindex(STACK.shape[:3]):
        plane = read(stack_file, Plane(channel=c, z=z, time=t))
        np.testing.assert_array_equal(plane, STACK[t, c, z])


def test_a_projection_is_the_maximum_over_the_planes(stack_file):
    plane = read(stack_file, Plane(channel=1, z="max", time=0))
    np.testing.assert_array_equal(plane, STACK[0, 1].max(0))


def test_the_pixel_size_and_the_distance_of_planes_are_in_micrometres(stack_file):
    with open_scenes(stack_file) as (scene,):
        size = scene.pixel_size
        assert (size.y, size.x, size.z) == pytest.approx((0.325, 0.325, 2), rel=1e-5)
        assert (scene.shape, scene.dtype.strip("<>")) in (((24, 31), "uint16"), ((24, 31), "u2"))


def test_what_is_not_chosen_is_listed_with_the_options_that_choose(stack_file):
    with pytest.raises(NotAPlaneError) as error:
        read(stack_file)
    message = str(error.value)
    assert "2 channels" in message
    assert "3 z planes (0 to 2)" in message
    assert "2 time points (0 to 1)" in message
    assert all(option in message for option in ("--channel", "--z", "--time"))


def test_a_channel_is_chosen_by_name_and_the_one_of_the_nuclei_is_proposed(stack_file):
    if stack_file.name == "imagej.tif":
        pytest.skip("ImageJ names no channels")
    plane = read(stack_file, Plane(channel="alexa 488", z=1, time=1))
    np.testing.assert_array_equal(plane, STACK[1, 1, 1])
    with pytest.raises(NotAPlaneError, match=r"0 \(DAPI\), 1 \(Alexa 488\).*--channel 0"):
        read(stack_file, Plane(z=0, time=0))


@pytest.mark.parametrize("plane", [Plane(2, 0, 0, 0), Plane(0, 2, 0, 0), Plane(0, 0, 3, 0)])
def test_what_is_not_there_is_refused(stack_file, plane):
    with pytest.raises(NotAPlaneError):
        read(stack_file, plane)
    with pytest.raises(NotAPlaneError, match="'GFP' does not name one channel"):
        read(stack_file, Plane(channel="GFP"))


def test_a_truncated_stack_is_an_error_not_a_crash(stack_file):
    if stack_file.is_dir():
        (stack_file / ("zarr.json" if "v04" not in stack_file.name else ".zattrs")).write_text("{")
    else:
        whole = stack_file.read_bytes()
        stack_file.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ReadError):
        read(stack_file, Plane(channel=1, z=2, time=1))


class CountingFile(io.FileIO):
    """A file that counts the bytes that are read of it."""

    taken = 0

    def readinto(self, buffer):
        found = super().readinto(buffer)
        self.taken += found
        return found

    def read(self, size=-1):
        found = super().read(size)
        self.taken += len(found)
        return found


def test_only_the_plane_that_is_asked_for_is_read(tmp_path):
    large = np.zeros((2, 3, 512, 512), np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", large, ome=True, metadata={"axes": "TZYX"})
    with CountingFile(str(tmp_path / "a.ome.tif")) as file, open_tiff(file) as (scene,):
        scene.read({"t": 1, "z": 2})
        assert file.taken < 1.2 * large[0, 0].nbytes


def test_pages_of_a_plain_tiff_are_counted_as_z_planes(tmp_path):
    pages = STACK[0, 0]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            file.write(page, contiguous=False, metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", Plane(z=2)), pages[2])


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_colours_are_refused_and_one_of_them_can_be_picked(tmp_path, ending):
    image = np.ascontiguousarray(np.moveaxis(STACK[0, 0], 0, -1).astype(np.uint8))
    path = tmp_path / f"rgb.{ending}"
    if ending == "tif":
        tifffile.imwrite(path, image, photometric="rgb")
    else:
        path.write_bytes(imagecodecs.png_encode(image))
    with pytest.raises(NotAPlaneError, match=r"colours .0 red.*--channel"):
        read(path)
    np.testing.assert_array_equal(read(path, Plane(channel=1)), image[..., 1])


def test_scenes_are_chosen_by_index_or_name(tmp_path):
    pytest.importorskip("liffile")
    write_lif(tmp_path / "two.lif", STACK)
    with pytest.raises(NotAPlaneError, match=r"0 \(Series001 24 x 31\), 1 .*--scene"):
        read(tmp_path / "two.lif")
    for scene in (1, "Series002"):
        plane = read(tmp_path / "two.lif", Plane(scene, channel=0, z=0, time=0))
        np.testing.assert_array_equal(plane, STACK[0, 0, 0] + 1)


@pytest.mark.filterwarnings("ignore")
def test_bioio_reads_through_the_plugin_that_is_installed(tmp_path):
    pytest.importorskip("bioio_ome_tiff")
    from nucensus.read.bioio import open_scenes as open_with_bioio

    write_ome_tiff(tmp_path / "a.ome.tif")
    with open_with_bioio(str(tmp_path / "a.ome.tif")) as (scene,):
        assert dict(scene.sizes) == {"t": 2, "c": 2, "z": 3}
        assert scene.channels == ("DAPI", "Alexa 488")
        found = scene.read({"t": 1, "c": 0, "z": 2})
    np.testing.assert_array_equal(found, STACK[1, 0, 2])


@pytest.mark.parametrize(
    ("ending", "module", "install"),
    [
        ("nd2", "nd2", "'nd2>="),
        ("lif", "liffile", "'liffile>="),
        ("czi", "czifile", "'czifile>="),
        ("zarr", "zarr", "'zarr>="),
        ("dv", "bioio", "'bioio>="),
    ],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path, monkeypatch, ending, module, install
):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"\0something")
    with pytest.raises(MissingPackageError) as error:
        read(path)
    assert install in str(error.value)


@pytest.mark.parametrize("ending", ["nd2", "lif", "czi", "zarr"])
def test_a_file_that_is_not_what_its_name_says_is_a_read_error(tmp_path, ending):
    pytest.importorskip(NEEDS[f".{ending}"])
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"this is not an image of a microscope" * 20)
    with pytest.raises(ReadError):
        read(path)


REAL = SHARED / "data" / "formats"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not beside the repository")

REAL_FILES = [
    ("ome-tiff/TZ_nucleus.ome.tif", Plane(z=1, time=2), (51, 73), 0.41513),
    ("ome-tiff/CZT_peaks.ome.tif", Plane(z=3, time=3), (48, 56), 0.065),
    ("imagej-hyperstack/xyc_16bit__nuclei_golgi.tif", Plane(channel=0), (220, 204), 0.51575),
    ("imagej-hyperstack/xyc_16bit__cell_dna_mts_actin.tif", Plane(channel=2), (350, 350), 0.13249),
    ("imagej-hyperstack/xyz_8bit__nuclei_autothresh.tif", Plane(z=36), (118, 132), 0.82864),
    ("imagej-hyperstack/zstack-per-timepoint/Stack-4.tif", Plane(z=4), (172, 165), 0.41513),
    ("opera-phenix/pe2loaddata-Version1/images/r01c01f01p01-ch5sk1fk1fl1.tiff", Plane(),
     (1080, 1080), None),
    ("imagexpress-htd/9987_Plate_3434/TimePoint_1/ZStep_0/9987_B02_s1_w1.TIF", Plane(),
     (256, 256), 1.3672),
    ("micro-manager-ndtiff/12_bit_pycromanager_mda/12_bit_pycromanager_mda_NDTiffStack.tif",
     Plane(channel=1, time=3), (64, 64), None),
]  # fmt: skip


@real
@pytest.mark.parametrize(("name", "plane", "shape", "pixel_um"), REAL_FILES)
def test_real_tiff_files_give_the_planes_that_tifffile_gives(name, plane, shape, pixel_um):
    with tifffile.TiffFile(REAL / name) as tiff:
        series = tiff.series[0]
        index = {"T": plane.time, "Z": plane.z, "C": plane.channel}
        expected = series.asarray()[tuple(index[a] for a in series.axes if a not in "YX")]
    found = read(REAL / name, plane)
    assert found.shape == shape
    np.testing.assert_array_equal(found, expected)
    with open_scenes(REAL / name) as (scene,):
        expected = None if pixel_um is None else pytest.approx(pixel_um, rel=1e-4)
        assert scene.pixel_size.y == expected


@real
def test_a_real_nd2_file_gives_the_planes_that_nd2_gives():
    nd2 = pytest.importorskip("nd2")
    path = REAL / "nd2" / "cluster.nd2"
    whole = nd2.imread(path)
    for t, z, c in np.ndindex(whole.shape[:3]):
        np.testing.assert_array_equal(read(path, Plane(channel=c, z=z, time=t)), whole[t, z, c])
    plane = read(path, Plane(channel="5-FAM/pH 9.0", z=0, time=0))
    np.testing.assert_array_equal(plane, whole[0, 0, 0])


@real
def test_a_real_czi_file_gives_the_planes_that_czifile_gives():
    czifile = pytest.importorskip("czifile")
    path = REAL / "czi" / "xyz__multiple_images.czi"
    with czifile.CziFile(path) as file:
        if hasattr(file, "scenes"):  # czifile of 2026
            whole = np.stack([np.squeeze(scene.asarray()) for scene in file.scenes.values()])
        else:
            whole = np.squeeze(file.asarray())
    assert whole.shape == (2, 2, 251, 251)
    for scene, z in np.ndindex(2, 2):
        np.testing.assert_array_equal(read(path, Plane(scene, z=z)), whole[scene, z])
    with open_scenes(path) as scenes:
        assert [scene.pixel_size.x for scene in scenes] == pytest.approx([0.19564] * 2, rel=1e-4)
        assert scenes[0].pixel_size.z == pytest.approx(0.3)


@real
@pytest.mark.parametrize("name", ["control", "inhibition"])
def test_a_real_ome_zarr_gives_its_full_resolution(name):
    zarr = pytest.importorskip("zarr")
    path = REAL / "ome-zarr-0.4" / f"xy_8bit__nuclei_PLK1_{name}.ome.zarr"
    expected = zarr.open_array(path / "0", mode="r")[0, 0, 0]
    np.testing.assert_array_equal(read(path), expected)
