"""The plugin in napari, with its viewer (`uv run nox -s napari`)."""

import threading

import numpy as np
import pytest
import tifffile
from runs import SETTINGS, write_fields, write_run

from nucensus.detect import find_nuclei, label_nuclei
from nucensus.values import ImageRef, Settings
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


def opened(viewer, qtbot):
    """Open the widget on what is loaded, and wait for what it finds."""
    _, widget = viewer.window.add_plugin_dock_widget("nucensus", "Find nuclei")
    wait(widget, qtbot)
    return widget


def wait(widget, qtbot):
    qtbot.waitUntil(lambda: not widget.is_busy, timeout=20_000)


def rings(viewer):
    (layer,) = (each for each in viewer.layers if "nucensus found" in (each.metadata or {}))
    return layer


@pytest.fixture
def widget(viewer, qtbot):
    viewer.add_image(make_field(1, shape=(200, 240), nuclei=9).image, name="field")
    return opened(viewer, qtbot)


def test_opening_the_widget_rings_the_nuclei_of_the_image_that_is_selected(viewer, qtbot):
    first, second = (make_field(seed, shape=(200, 240), nuclei=9).image for seed in (1, 2))
    viewer.add_image(first, name="first")
    viewer.add_image(second, name="second")
    widget = opened(viewer, qtbot)
    expected = find_nuclei(second)
    np.testing.assert_array_equal(rings(viewer).data, expected.points)
    assert widget.found.value == f"{len(expected)} nuclei"
    assert viewer.layers.selection.active.name == "second"
    widget.image.value = viewer.layers["first"]
    wait(widget, qtbot)
    np.testing.assert_array_equal(rings(viewer).data, find_nuclei(first).points)


def test_an_image_that_is_loaded_later_is_searched_too(viewer, qtbot):
    widget = opened(viewer, qtbot)
    viewer.add_image(make_field(1, shape=(200, 240), nuclei=9).image)
    wait(widget, qtbot)
    assert len(rings(viewer).data) == 9


def test_the_viewer_answers_while_nuclei_are_found(viewer, widget, qtbot, monkeypatch):
    entered, leave, asked = threading.Event(), threading.Event(), []

    def find_slowly(image, settings, *learned, **more):
        asked.append(settings.threshold)
        entered.set()
        assert leave.wait(20)
        return find_nuclei(image, settings, *learned, **more)

    widget.detector.value = "maxima"
    wait(widget, qtbot)
    monkeypatch.setattr("nucensus.viewer.widget.find_nuclei", find_slowly)
    widget.threshold.value = 500
    qtbot.waitUntil(entered.is_set, timeout=20_000)
    for threshold in (600, 700, 800):
        widget.threshold.value = threshold
    leave.set()
    wait(widget, qtbot)
    assert asked == [500, 800]
    expected = find_nuclei(viewer.layers["field"].data, widget.settings)
    np.testing.assert_array_equal(rings(viewer).data, expected.points)


def test_the_rings_follow_the_settings(viewer, widget, qtbot):
    widget.detector.value = "maxima"
    widget.threshold.value = 600
    wait(widget, qtbot)
    image = viewer.layers["field"].data
    layer = viewer.layers["nuclei"]
    expected = find_nuclei(image, widget.settings)
    np.testing.assert_array_equal(layer.data, expected.points)
    np.testing.assert_array_equal(layer.features["intensity"], expected.intensities)
    widget.threshold.value = 60_000
    wait(widget, qtbot)
    assert len(viewer.layers["nuclei"].data) == 0
    assert widget.found.value == "0 nuclei"


def test_settings_that_are_refused_leave_no_ring_and_say_why(viewer, widget, qtbot):
    widget.detector.value = "maxima"
    widget.threshold.value = 600
    wait(widget, qtbot)
    count = len(viewer.layers["nuclei"].data)
    widget.threshold.value = 1e6
    wait(widget, qtbot)
    assert len(viewer.layers["nuclei"].data) == 0 < count
    assert "threshold" in widget.found.value
    widget.threshold.value = 600
    wait(widget, qtbot)
    assert len(viewer.layers["nuclei"].data) == count


@pytest.mark.parametrize("detector", ["auto", "maxima", "log"])
def test_every_detector_begins_with_what_fits_the_image(viewer, widget, qtbot, detector):
    widget.detector.value = detector
    wait(widget, qtbot)
    assert 7 <= len(viewer.layers["nuclei"].data) <= 11
    assert widget.sigma.native.isHidden() == (detector != "maxima")


def test_the_rings_follow_the_plane(viewer, widget, qtbot):
    stack = np.stack([make_field(seed, shape=(200, 240), nuclei=9).image for seed in range(3)])
    viewer.add_image(stack, name="stack")
    widget.image.value = viewer.layers["stack"]
    viewer.dims.set_current_step(0, 2)
    wait(widget, qtbot)
    expected = find_nuclei(stack[2], type(SETTINGS)())
    np.testing.assert_array_equal(viewer.layers["nuclei"].data[:, 1:], expected.points)
    assert set(viewer.layers["nuclei"].data[:, 0]) == {2}


def test_outlines_are_drawn_in_the_plane_that_is_shown(viewer, widget, qtbot):
    stack = np.stack([make_field(seed, shape=(200, 240), nuclei=9).image for seed in range(3)])
    viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5))
    widget.image.value = viewer.layers["stack"]
    viewer.dims.set_current_step(0, 2)
    wait(widget, qtbot)
    outlines = viewer.layers["outlines"]
    np.testing.assert_array_equal(outlines.data[0], label_nuclei(stack[2]))
    np.testing.assert_array_equal(outlines.translate, [4, 0, 0])
    assert viewer.layers.selection.active.name == "stack"
    widget.detector.value = "maxima"
    wait(widget, qtbot)
    assert "outlines" not in viewer.layers


def test_an_image_of_several_resolutions_is_searched_in_the_finest(viewer, qtbot):
    image = make_field(1, shape=(200, 240), nuclei=9).image
    viewer.add_image([image, image[::2, ::2]], multiscale=True)
    opened(viewer, qtbot)
    np.testing.assert_array_equal(rings(viewer).data, find_nuclei(image).points)


def in_colours(**planes):
    image = np.zeros((200, 240, 3), np.uint8)
    for colour, seed in planes.items():
        field = make_field(seed, shape=(200, 240), nuclei=9).image
        image[..., ("red", "green", "blue").index(colour)] = field >> 5
    return image


def test_the_only_colour_of_an_image_is_searched_and_of_several_one_is_asked_for(viewer, qtbot):
    viewer.add_image(in_colours(blue=1), rgb=True, name="blue")
    widget = opened(viewer, qtbot)
    assert not widget.colour.native.isHidden()
    assert widget.found.value == "9 nuclei"
    both = in_colours(green=1, blue=2)
    viewer.add_image(both, rgb=True, name="both")
    widget.image.value = viewer.layers["both"]
    wait(widget, qtbot)
    assert "choose red, green or blue" in widget.found.value
    assert len(rings(viewer).data) == 0
    widget.colour.value = "green"
    wait(widget, qtbot)
    np.testing.assert_array_equal(rings(viewer).data, find_nuclei(both[..., 1]).points)


def test_rings_leave_other_layers_of_their_name_alone(viewer, qtbot):
    viewer.add_image(make_field(1, shape=(200, 240), nuclei=9).image)
    theirs = viewer.add_points([[1, 2], [3, 4]], name="nuclei")
    viewer.layers.selection.active = viewer.layers[0]
    opened(viewer, qtbot)
    assert len(theirs.data) == 2
    assert len(rings(viewer).data) == 9


def test_an_image_that_is_removed_leaves_no_ring(viewer, widget, qtbot):
    viewer.layers.remove("field")
    wait(widget, qtbot)
    assert len(rings(viewer).data) == 0
    assert [layer.name for layer in viewer.layers] == ["nuclei"]


def test_a_volume_is_searched_as_one(viewer, widget, qtbot):
    volume = np.zeros((20, 40, 40), np.uint16)
    volume[10, 20, 22] = 60_000
    viewer.add_image(volume, name="volume")
    widget.image.value = viewer.layers["volume"]
    widget.volume.value = True
    assert widget.detector.value == "maxima"
    wait(widget, qtbot)
    widget.sigma.value = 2
    widget.border.value = "drop"
    widget.threshold.value = 100
    wait(widget, qtbot)
    np.testing.assert_array_equal(viewer.layers["nuclei"].data, [[10, 20, 22]])


@pytest.fixture
def counter(viewer, tmp_path):
    write_fields(tmp_path / "images", count=3)
    _, widget = viewer.window.add_plugin_dock_widget("nucensus", "Count a folder")
    widget.folder.value, widget.out.value = tmp_path / "images", tmp_path / "run"
    return widget


def test_a_folder_is_counted_and_opened(viewer, counter, qtbot):
    counter.count()
    qtbot.waitUntil(lambda: "images" in viewer.layers, timeout=20_000)
    assert len(viewer.layers["images"].data) == 3
    assert len(viewer.layers["nuclei"].data) > 30
    assert counter.said.value == f"{len(viewer.layers['nuclei'].data)} nuclei in 3 images"


def test_the_numbers_of_the_detector_that_is_chosen_are_shown_and_used(counter):
    def shown():
        numbers = ("sigma", "distance", "threshold", "log_least", "log_most", "log_threshold")
        return [each for each in numbers if not getattr(counter, each).native.isHidden()]

    assert shown() == []
    assert counter.estimated.native.isHidden()
    counter.detector.value = "log"
    assert (shown(), counter.settings) == ([], Settings("log"))
    assert not counter.estimated.native.isHidden()
    counter.estimated.value = False
    assert shown() == ["log_least", "log_most", "log_threshold"]
    counter.log_least.value, counter.log_most.value, counter.log_threshold.value = 2, 5, 300
    assert counter.settings == Settings("log", sigma=(2, 5), threshold=300)
    counter.detector.value = "maxima"
    assert shown() == ["sigma", "distance", "threshold"]
    assert counter.settings.sigma == Settings.published().sigma


def test_a_folder_that_cannot_be_counted_says_why(counter, qtbot, tmp_path):
    (tmp_path / "empty").mkdir()
    counter.folder.value = tmp_path / "empty"
    with qtbot.captureExceptions():
        counter.count()
        qtbot.waitUntil(lambda: "no image" in counter.said.value, timeout=20_000)
    qtbot.waitUntil(lambda: counter.count_button.enabled, timeout=20_000)


def test_a_run_is_opened_by_dropping_it(viewer, run_file):
    viewer.open(run_file, plugin="nucensus")
    assert {"images", "nuclei"} <= {layer.name for layer in viewer.layers}
