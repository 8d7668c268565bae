"""The widget that rings nuclei, without napari: with widgets and layers that hold their values."""

import numpy as np
import pytest
from made_up_napari import Worker, viewer, widgets_of

from nucensus import Settings, find_nuclei
from nucensus.values.synthetic import make_field

__all__ = ["viewer"]
FIELD, OTHER = (make_field(seed, shape=(160, 200), nuclei=count).image
                for seed, count in ((1, 9), (2, 5)))  # fmt: skip


def opened(viewer):
    return widgets_of("widget").FindNuclei(viewer)


def said_of(found):
    return f"{len(found)} nuclei" + (f", {found.flag}" if found.flag else "")


def test_the_image_that_is_selected_is_ringed_where_it_lies_and_stays_selected(viewer):
    image = viewer.add_image(FIELD, name="a", scale=(0.5, 0.25), translate=(3, 4))
    viewer.add_image(OTHER, name="b")
    viewer.layers.selection.active = image
    widget, found = opened(viewer), find_nuclei(FIELD)
    assert (widget.image.value, widget.is_busy) == (image, False)
    assert widget.found.value == said_of(found)
    rings, outlines = viewer.layers.named("nuclei"), viewer.layers.named("outlines")
    np.testing.assert_array_equal(rings.data, found.points)
    for layer in (rings, outlines):
        assert (layer.scale.tolist(), layer.translate.tolist()) == ([0.5, 0.25], [3, 4])
    assert outlines.contour == 1
    assert outlines.data.shape == FIELD.shape
    assert outlines.data.max() == len(found)
    assert viewer.layers.selection.active is image
    assert len(viewer.layers) == 4


def test_the_rings_follow_the_settings_and_the_numbers_begin_with_what_was_estimated(viewer):
    viewer.add_image(FIELD, name="a")
    widget = opened(viewer)
    widget.detector.value = "maxima"
    assert "outlines" not in {each.name for each in viewer.layers}
    begun = widget.settings
    assert begun.detector == "maxima"
    assert 1 < begun.sigma < 4
    assert begun.threshold != 1000
    rings = viewer.layers.named("nuclei")
    np.testing.assert_array_equal(rings.data, find_nuclei(FIELD, begun).points)
    numbers = {each.name: each for each in widget if each.name and each.visible}
    assert set(numbers) == {"sigma", "distance", "threshold"}
    numbers["threshold"].value = 60_000.0
    assert (widget.found.value, len(rings.data)) == ("0 nuclei", 0)
    numbers["threshold"].value = begun.threshold
    widget.border.value = "drop"
    assert widget.settings.border == "drop"
    expected = find_nuclei(FIELD, widget.settings)
    assert viewer.layers.named("nuclei") is rings
    np.testing.assert_array_equal(rings.data, expected.points)


def test_the_rings_follow_the_plane_that_is_shown(viewer):
    stack = np.stack([FIELD, OTHER, np.full_like(FIELD, 100)])
    viewer.dims.current_step = (1, 0, 0)
    viewer.add_image(stack, name="a", scale=(2, 1, 1), translate=(7, 0, 0))
    widget, found = opened(viewer), find_nuclei(OTHER)
    rings = viewer.layers.named("nuclei")
    np.testing.assert_array_equal(rings.data[:, 0], 1)
    np.testing.assert_array_equal(rings.data[:, 1:], found.points)
    outlines = viewer.layers.named("outlines")
    assert outlines.data.shape == (1, *OTHER.shape)
    assert outlines.translate.tolist() == [7 + 2 * 1, 0, 0]
    viewer.show_plane(0, 0, 0)
    assert widget.found.value == said_of(find_nuclei(FIELD))
    viewer.show_plane(9, 0, 0)  # beyond the last
    assert widget.found.value.startswith("0 nuclei")


def test_a_volume_is_searched_as_one_by_detectors_that_take_some(viewer):
    viewer.dims.current_step = (0, 0, 0)
    viewer.add_image(np.stack([FIELD] * 6), name="a")
    widget = opened(viewer)
    of_planes = set(widget.detector.choices)
    widget.volume.value = True
    assert set(widget.detector.choices) < of_planes
    widget.detector.value = "maxima"
    rings = viewer.layers.named("nuclei")
    assert rings.data.shape[1] == 3
    settings = widget.settings
    np.testing.assert_array_equal(rings.data, find_nuclei(np.stack([FIELD] * 6), settings).points)
    widget.volume.value = False
    assert set(widget.detector.choices) == of_planes


def test_one_colour_has_to_be_chosen_where_there_are_several(viewer):
    image = viewer.add_image(np.stack([FIELD // 16, OTHER // 16, 0 * FIELD], -1), name="a",
                             rgb=True)  # fmt: skip
    widget = opened(viewer)
    assert widget.colour.visible
    assert "colour" in widget.found.value
    widget.colour.value = widget.colour.choices[2]
    assert widget.found.value == said_of(find_nuclei(OTHER // 16))
    image.rgb = False
    viewer.layers.remove(image)
    assert widget.found.value == ""


def test_of_several_resolutions_the_finest_is_searched(viewer):
    viewer.add_image([FIELD, FIELD[::2, ::2]], name="a", multiscale=True)
    assert opened(viewer).found.value == said_of(find_nuclei(FIELD))


def test_what_is_refused_leaves_no_ring_and_no_outline(viewer):
    image = viewer.add_image(FIELD, name="a")
    widget = opened(viewer)
    image.data = np.full(FIELD.shape, np.nan, np.float32)
    widget.find()
    assert "NaN" in widget.found.value
    assert len(viewer.layers.named("nuclei").data) == 0
    assert "outlines" not in {each.name for each in viewer.layers}


def test_layers_of_others_with_our_names_are_left_alone(viewer):
    viewer.add_image(FIELD, name="a")
    theirs = viewer.add_points(np.zeros((4, 2)), name="nuclei")
    widget = opened(viewer)
    assert len(theirs.data) == 4
    viewer.layers.remove(viewer.layers[0])
    assert (widget.found.value, len(theirs.data)) == ("", 4)
    (ours,) = (each for each in viewer.layers if each.metadata)
    assert len(ours.data) == 0


def test_without_an_image_nothing_is_found(viewer):
    widget = opened(viewer)
    assert (widget.found.value, widget.is_busy, len(viewer.layers)) == ("", False, 0)
    assert not widget.colour.visible


def test_of_what_changes_while_nuclei_are_found_the_latest_is_found_next(viewer, monkeypatch):
    monkeypatch.setattr(Worker, "waits", True)
    image = viewer.add_image(FIELD, name="a")
    widget = opened(viewer)
    assert widget.is_busy
    for data in (OTHER[:80], OTHER):
        image.data = data
        widget.find()
    (first,) = Worker.waiting
    first.go()
    assert len(Worker.waiting) == 2
    Worker.waiting[1].go()
    assert widget.found.value == said_of(find_nuclei(OTHER))
    assert (len(Worker.waiting), widget.is_busy) == (2, False)


@pytest.mark.parametrize("is_removed", [True, False])
def test_nothing_is_ringed_once_the_image_or_the_widget_is_gone(viewer, monkeypatch, is_removed):
    monkeypatch.setattr(Worker, "waits", True)
    image = viewer.add_image(FIELD, name="a")
    widget = opened(viewer)
    if is_removed:
        viewer.layers.remove(image)
    else:
        widget.native.destroyed.emit()
    for each in Worker.waiting:
        each.go()
    assert not [each for each in viewer.layers if each is not image]
    assert len(Worker.waiting) == 1


def test_what_cannot_be_estimated_begins_with_the_numbers_of_the_detector(viewer):
    viewer.add_image(np.full(FIELD.shape, np.nan, np.float32), name="a")
    widget = opened(viewer)
    widget.detector.value = "maxima"
    assert widget.settings == Settings("maxima", 4, 6, 1000)
