"""The widget that counts a folder, without napari: with widgets that only hold their values."""

import importlib
import inspect
import sys
import types

import pytest
from runs import write_fields

from nucensus import Settings
from nucensus.store import Run

OURS = ("nucensus.viewer.count_widget", "nucensus.viewer.number_widgets")


class Signal:
    """What others are told by."""

    def __init__(self):
        self._told = []

    def connect(self, tell):
        self._told.append(tell)

    def emit(self, *values):
        for tell in self._told:  # each is given as much as it takes
            tell(*values[: len(inspect.signature(tell).parameters)])


class Widget:
    """A value that is shown, and says when it changes."""

    def __init__(self, *, value=None, name="", **shown):
        self.changed, self._value = Signal(), value
        self.name, self.shown, self.visible, self.enabled = name, shown, True, True
        self.min, self.max = shown.get("min"), shown.get("max")

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, value):
        self._value = value
        self.changed.emit(value)


class Container(list):
    """Widgets in their order."""

    def __init__(self, *, widgets):
        super().__init__(widgets)


class Worker:
    """Does its work at once."""

    def __init__(self, work, *args):
        self._work, self._args = work, args
        self.yielded, self.returned, self.errored, self.finished = (Signal() for _ in range(4))

    def start(self):
        try:
            for each in self._work(*self._args):
                self.yielded.emit(each)
        except Exception as error:  # noqa: BLE001 as napari does
            self.errored.emit(error)
        else:
            self.returned.emit(None)
        self.finished.emit()


class Progress:
    made = ()

    def __init__(self, desc):
        self.desc, self.total, self.done, self.is_closed = desc, None, 0, False
        Progress.made = (*Progress.made, self)

    def update(self, count):
        self.done += count

    def close(self):
        self.is_closed = True


class Viewer:
    def __init__(self):
        self.added = {}

    def add_image(self, data, **options):
        self.added["image"] = len(data), options

    def add_points(self, data, **options):
        self.added["points"] = len(data), options


@pytest.fixture
def viewer(monkeypatch):
    kinds = ("CheckBox", "ComboBox", "FileEdit", "FloatSlider", "FloatSpinBox", "Label",
             "PushButton", "SpinBox")  # fmt: skip
    modules = {
        "magicgui": {}, "napari": {}, "napari.qt": {}, "napari.utils": {"progress": Progress},
        "magicgui.widgets": {name: type(name, (Widget,), {}) for name in kinds}
        | {"Container": Container},
        "napari.qt.threading": {"create_worker": Worker},
    }  # fmt: skip
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Progress, "made", ())
    before = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    yield Viewer()
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(before)


@pytest.fixture
def counter(viewer, tmp_path):
    write_fields(tmp_path / "images", count=3)
    widget = importlib.import_module(OURS[0]).CountFolder(viewer)
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
    assert viewer.added["image"][0] == 3
    assert viewer.added["points"][0] == counts["nuclei"] > 30
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
    widgets = importlib.import_module(OURS[1]).NumberWidgets()
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
