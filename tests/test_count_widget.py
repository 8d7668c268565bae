"""The widget that counts a folder, without napari: with widgets that only hold their values."""

import pytest
from made_up_napari import Progress, viewer, widgets_of
from runs import write_fields

from nucensus import Settings
from nucensus.store import Run

__all__ = ["viewer"]


@pytest.fixture
def counter(viewer, tmp_path):
    write_fields(tmp_path / "images", count=3)
    widget = widgets_of("count_widget").CountFolder(viewer)
    widget.folder.value, widget.out.value = tmp_path / "images", tmp_path / "run"
    return widget


def test_a_folder_is_counted_with_progress_and_opened(viewer, counter, tmp_path):
    (tmp_path / "images" / "cut.tif").write_bytes(b"II*\0")
    enabled = []
    counter.said.changed.connect(lambda _: enabled.append(counter.count_button.enabled))
    counter.count_button.changed.emit(True)
    with Run(tmp_path / "run") as run:
        counts = run.counts
    assert counter.said.value == f"{counts['nuclei']} nuclei in 4 images, 1 failed"
    assert (enabled, counter.count_button.enabled) == ([False, False], True)
    assert len(viewer.layers.named("images").data) == 3
    assert len(viewer.layers.named("nuclei").data) == counts["nuclei"] > 30
    (bar,) = Progress.made
    assert (bar.desc, bar.total, bar.done, bar.is_closed) == ("nucensus", 4, 4, True)


def test_a_folder_that_cannot_be_counted_says_why_and_another_can(counter, tmp_path):
    (tmp_path / "empty").mkdir()
    counter.folder.value = tmp_path / "empty"
    counter.count()
    assert "holds no image" in counter.said.value
    assert (counter.count_button.enabled, Progress.made[0].is_closed) == (True, True)


def test_the_numbers_of_the_chosen_detector_are_shown_where_they_are_not_estimated(counter):
    def shown():
        return {each.name: each.value for each in counter if each.name and each.visible}

    assert (shown(), counter.estimated.visible, counter.settings) == ({}, False, Settings())
    counter.detector.value = "maxima"
    assert (shown(), counter.estimated.visible) == ({}, True)
    assert counter.settings == Settings("maxima")
    counter.estimated.value = False
    assert shown() == {"sigma": 4, "distance": 6, "threshold": 1000}
    assert counter.settings == Settings("maxima", 4, 6, 1000)
    counter.detector.value = "log"
    assert set(shown()) == {"log_least", "log_most", "log_threshold"}
    for each, value in zip(("log_least", "log_most", "log_threshold"), (2, 5, 300), strict=True):
        next(widget for widget in counter if widget.name == each).value = value
    assert counter.settings == Settings("log", sigma=(2, 5), threshold=300)
    counter.detector.value = "auto"
    assert (shown(), counter.estimated.visible) == ({}, False)


def test_each_number_has_the_widget_that_its_range_and_step_ask_for(counter):
    numbers = {each.name: each for each in counter if each.name}
    kinds = {name: type(each).__name__ for name, each in numbers.items()}
    assert kinds == {
        "sigma": "FloatSlider", "distance": "SpinBox", "threshold": "FloatSpinBox",
        "log_least": "FloatSlider", "log_most": "FloatSlider", "log_threshold": "FloatSpinBox",
    }  # fmt: skip
    assert (numbers["threshold"].min, numbers["threshold"].max) == (-1e9, 1e9)
    assert numbers["distance"].min < 6 < numbers["distance"].max
    assert all(each.shown["label"].endswith(")") for each in numbers.values())


@pytest.mark.usefixtures("viewer")
def test_larger_numbers_than_a_slider_has_are_shown_too():
    widgets = widgets_of("number_widgets").NumberWidgets()
    widgets.take(Settings("maxima", sigma=90, min_distance=7, threshold=5))
    found = {each.name: each for each in widgets.all()}
    assert (found["sigma"].value, found["sigma"].max) == (90, 90)
    assert (found["distance"].value, found["distance"].max > 7) == (7, True)
    assert widgets.settings("maxima") == Settings("maxima", sigma=90, min_distance=7, threshold=5)
    assert widgets.load("maxima") == []
    widgets.show("log")
    assert {name for name, each in found.items() if each.visible} == {
        "log_least", "log_most", "log_threshold"
    }  # fmt: skip
