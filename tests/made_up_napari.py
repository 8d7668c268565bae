"""What stands for napari and magicgui: widgets and layers that only hold their values."""

import contextlib
import importlib
import inspect
import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest

OURS = tuple(f"nucensus.viewer.{name}" for name in ("count_widget", "number_widgets", "widget"))


class Signal:
    """What others are told by."""

    def __init__(self):
        self._told, self._is_blocked = [], False

    def connect(self, tell):
        self._told.append(tell)

    def emit(self, *values):
        for tell in () if self._is_blocked else self._told:  # each is given as much as it takes
            tell(*values[: len(inspect.signature(tell).parameters)])

    @contextlib.contextmanager
    def blocked(self):
        self._is_blocked = True
        yield
        self._is_blocked = False


class Widget:
    """A value that is shown, and says when it changes."""

    def __init__(self, *, value=None, name="", choices=(), **shown):
        self.changed, self.choices = Signal(), choices
        offered = self.offered()
        self._value = offered[0] if value is None and offered else value
        self.name, self.shown, self.visible, self.enabled = name, shown, True, True
        self.min, self.max = shown.get("min"), shown.get("max")

    def offered(self):
        return list(self.choices(self) if callable(self.choices) else self.choices)

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, value):
        self._value = value
        self.changed.emit(value)


class Container(list):
    """Widgets in their order, which says when one of them changes."""

    def __init__(self, *, widgets):
        super().__init__(widgets)
        self.changed, self.native = Signal(), SimpleNamespace(destroyed=Signal())
        for each in widgets:
            if type(each).__name__ != "Label":  # which nobody changes but the program
                each.changed.connect(self.changed.emit)


class Worker:
    """Does its work at once, or when it is let go."""

    waits = False
    waiting = ()

    def __init__(self, work, *args):
        self._work, self._args = work, args
        self.yielded, self.returned, self.errored, self.finished = (Signal() for _ in range(4))

    def start(self):
        if Worker.waits:
            Worker.waiting = (*Worker.waiting, self)
        else:
            self.go()

    def go(self):
        try:
            result = self._work(*self._args)
            if inspect.isgenerator(result):
                for each in result:
                    self.yielded.emit(each)
                result = None
        except Exception as error:  # noqa: BLE001 as napari does
            self.errored.emit(error)
        else:
            self.returned.emit(result)
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


class Layer:
    """The data of a layer, and how they are shown."""

    def __init__(self, data, *, name="", metadata=None, scale=None, translate=None, rgb=False,
                 multiscale=False, **shown):  # fmt: skip
        whole = data[0] if multiscale else data
        ndim = whole.shape[1] if isinstance(self, Points) else np.ndim(whole) - rgb
        self.data, self.name, self.metadata, self.ndim = data, name, metadata or {}, ndim
        self.scale = np.ones(ndim) if scale is None else np.array(scale)
        self.translate = np.zeros(ndim) if translate is None else np.array(translate)
        self.rgb, self.multiscale = rgb, multiscale
        vars(self).update(shown)


class Image(Layer):
    pass


class Points(Layer):
    pass


class Labels(Layer):
    pass


class Layers(list):
    def __init__(self):
        super().__init__()
        self.events = SimpleNamespace(removed=Signal())
        self.selection = SimpleNamespace(active=None)

    def remove(self, layer):
        super().remove(layer)
        self.events.removed.emit(layer)

    def named(self, name):
        (found,) = (each for each in self if each.name == name)
        return found


class Viewer:
    def __init__(self):
        self.layers = Layers()
        self.dims = SimpleNamespace(
            current_step=(0, 0), events=SimpleNamespace(current_step=Signal())
        )

    def _add(self, layer):
        self.layers.append(layer)
        self.layers.selection.active = layer
        return layer

    def add_image(self, data, **options):
        return self._add(Image(data, **options))

    def add_points(self, data, **options):
        return self._add(Points(data, **options))

    def add_labels(self, data, **options):
        return self._add(Labels(data, **options))

    def show_plane(self, *steps):
        self.dims.current_step = steps
        self.dims.events.current_step.emit()


def made_up_viewer(monkeypatch):
    """Have these stand for napari; yield a viewer, and a function that imports a widget."""
    kinds = ("CheckBox", "ComboBox", "FileEdit", "FloatSlider", "FloatSpinBox", "Label",
             "PushButton", "SpinBox")  # fmt: skip
    modules = {
        "magicgui": {}, "napari": {}, "napari.qt": {}, "napari.utils": {"progress": Progress},
        "magicgui.widgets": {name: type(name, (Widget,), {}) for name in kinds}
        | {"Container": Container},
        "napari.qt.threading": {"create_worker": Worker},
        "napari.layers": {"Image": Image},
    }  # fmt: skip
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Progress, "made", ())
    monkeypatch.setattr(Worker, "waiting", ())
    monkeypatch.setattr(Worker, "waits", False)
    before = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    yield Viewer()
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(before)


viewer = pytest.fixture(made_up_viewer)


def widgets_of(name):
    """Return our module of that name, with such widgets."""
    return importlib.import_module(f"nucensus.viewer.{name}")
