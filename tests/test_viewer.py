"""The plugin in napari, with its viewer (`uv run nox -s napari`)."""

import numpy as np
import pytest
import tifffile
from runs import SETTINGS, write_fields, write_run

from nucensus.detect import find_nuclei
from nucensus.values import ImageRef
from nucensus.values.synthetic import make_field
from nucensus.viewer.layers import Fields, get_reader, make_sample, read_run


@pytest.fixture
def run_file(tmp_path):
    images = write_fields(tmp_path / "images", count=3)
    write_run(tmp_path / "run", images, rows=2, columns=3, sites=1).close()
    return tmp_path / "run" / "run.sqlite"


def test_a_run_opens_as_a_stack_of_images_with_its_nuclei(run_file):
    (images, _, _), (points, options, kind) = get_reader(str(run_file))(str(run_file))
    assert kind == "points"
    assert images.shape == (5, 300, 400)
    assert len(points) == len(options["features"]["intensity"]) == len(options["features"]["image"])
    first = points[points[:, 0] == 0, 1:]
    known = find_nuclei(images[0], SETTINGS).points
    np.testing.assert_array_equal(first, known[: len(first)])


def test_other_files_are_left_to_other_plugins():
    assert get_reader("elsewhere.sqlite") is None
    assert get_reader(["run.sqlite"]) is None


def test_a_run_without_nuclei_opens(tmp_path):
    from nucensus import census

    (tmp_path / "a.tif").write_bytes(b"")
    census(tmp_path / "a.tif", tmp_path / "run").close()
    ((points, _, _),) = read_run(str(tmp_path / "run" / "run.sqlite"))
    assert points.shape == (0, 3)


def test_a_stack_reads_what_is_asked_for(tmp_path):
    paths = [str(path) for path in write_fields(tmp_path, count=2)]
    references = [ImageRef(path, path) for path in [*paths, str(tmp_path / "gone.tif")]]
    stack = Fields(references, (310, 400), np.dtype(np.uint16))
    assert stack[0].shape == (310, 400)
    assert stack[0:2, 5, 6].shape == (2,)
    assert stack[3:].shape == (0, 310, 400)
    assert len(stack) == 3
    assert stack[1, :10, ::2].shape == (10, 200)
    assert stack[2].max() == 0
    assert np.asarray(stack).shape == (3, 310, 400)


def test_images_of_unlike_types_are_shown_with_their_own_levels(tmp_path):
    from nucensus import census

    for name, dtype, level in (("a", np.uint8, 200), ("b", np.uint16, 60_000)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((20, 30), level, dtype))
    census(tmp_path, tmp_path / "run").close()
    (images, _, _), _ = read_run(str(tmp_path / "run" / "run.sqlite"))
    assert [int(images[place].max()) for place in (0, 1)] == [200, 60_000]


def test_layers_are_scaled_in_micrometres_where_all_pixels_are_of_one_size(tmp_path):
    from nucensus import census

    def write(name, x_um):
        sizes = {"PhysicalSizeY": 0.4, "PhysicalSizeX": x_um}
        metadata = {"axes": "YX", **sizes}
        tifffile.imwrite(tmp_path / name, np.zeros((20, 30), np.uint16), metadata=metadata)

    def scales():
        census(tmp_path, tmp_path / "run").close()
        layers = read_run(str(tmp_path / "run" / "run.sqlite"))
        return [options.get("scale") for _, options, _ in layers]

    write("a.ome.tif", 0.6)
    write("b.ome.tif", 0.6)
    assert scales() == [(1, 0.4, 0.6)] * 2
    write("c.ome.tif", 0.7)
    assert scales() == [None, None]


def test_the_sample_is_a_field_with_its_known_centres():
    (image, _, _), (points, _, _) = make_sample()
    assert image.ndim == 2
    assert points.shape[1] == 2


@pytest.fixture
def viewer():
    napari = pytest.importorskip("napari", reason="napari is not installed (nox -s napari)")
    shown = napari.Viewer(show=False)
    yield shown
    shown.close()


def test_the_plugin_is_valid_and_found(viewer):
    from npe2 import PluginManager, PluginManifest

    PluginManifest.from_distribution("nucensus").validate_imports()
    assert "nucensus" in PluginManager.instance()
    assert viewer.open_sample("nucensus", "nuclei")


@pytest.fixture
def widget(viewer):
    viewer.add_image(make_field(1, shape=(200, 240), nuclei=9).image, name="field")
    _, widget = viewer.window.add_plugin_dock_widget("nucensus", "Find nuclei")
    return widget


def test_the_rings_follow_the_settings(viewer, widget):
    widget.detector.value = "maxima"
    widget.threshold.value = 600
    image = viewer.layers["field"].data
    layer = viewer.layers["nuclei"]
    expected = find_nuclei(image, widget.settings)
    np.testing.assert_array_equal(layer.data, expected.points)
    np.testing.assert_array_equal(layer.features["intensity"], expected.intensities)
    widget.threshold.value = 60_000
    assert len(viewer.layers["nuclei"].data) == 0
    assert widget.found.value == "0 nuclei"


def test_settings_that_are_refused_leave_no_ring_and_say_why(viewer, widget):
    widget.detector.value = "maxima"
    widget.threshold.value = 600
    count = len(viewer.layers["nuclei"].data)
    widget.threshold.value = 1e6
    assert len(viewer.layers["nuclei"].data) == 0 < count
    assert "threshold" in widget.found.value
    widget.threshold.value = 600
    assert len(viewer.layers["nuclei"].data) == count


@pytest.mark.parametrize("detector", ["auto", "maxima", "log"])
def test_every_detector_begins_with_what_fits_the_image(viewer, widget, detector):
    widget.detector.value = detector
    widget.find()
    assert 7 <= len(viewer.layers["nuclei"].data) <= 11
    assert widget.sigma.native.isHidden() == (detector != "maxima")


def test_the_rings_follow_the_plane(viewer, widget):
    stack = np.stack([make_field(seed, shape=(200, 240), nuclei=9).image for seed in range(3)])
    viewer.add_image(stack, name="stack")
    widget.image.value = viewer.layers["stack"]
    viewer.dims.set_current_step(0, 2)
    expected = find_nuclei(stack[2], type(SETTINGS)())
    np.testing.assert_array_equal(viewer.layers["nuclei"].data[:, 1:], expected.points)
    assert set(viewer.layers["nuclei"].data[:, 0]) == {2}


def test_a_volume_is_searched_as_one(viewer, widget):
    volume = np.zeros((20, 40, 40), np.uint16)
    volume[10, 20, 22] = 60_000
    viewer.add_image(volume, name="volume")
    widget.image.value = viewer.layers["volume"]
    widget.volume.value = True
    assert widget.detector.value == "maxima"
    widget.sigma.value = 2
    widget.border.value = "drop"
    widget.threshold.value = 100
    np.testing.assert_array_equal(viewer.layers["nuclei"].data, [[10, 20, 22]])


def test_a_folder_is_counted_and_opened(viewer, tmp_path, qtbot):
    write_fields(tmp_path / "images", count=3)
    _, widget = viewer.window.add_plugin_dock_widget("nucensus", "Count a folder")
    widget(viewer=viewer, folder=tmp_path / "images", out=tmp_path / "run")
    qtbot.waitUntil(lambda: "images" in viewer.layers, timeout=20_000)
    assert len(viewer.layers["images"].data) == 3
    assert len(viewer.layers["nuclei"].data) > 30


def test_a_run_is_opened_by_dropping_it(viewer, run_file):
    viewer.open(run_file, plugin="nucensus")
    assert {"images", "nuclei"} <= {layer.name for layer in viewer.layers}
