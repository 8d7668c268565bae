"""The widgets in napari: nuclei of the layer that is shown, and of a folder."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui import magic_factory
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    Label,
    SpinBox,
    create_widget,
)
from napari.layers import Image
from napari.qt.threading import thread_worker
from napari.utils import progress

from ..batch import census
from ..detect import (
    DETECTORS,
    Control,
    Detector,
    detector_named,
    detector_names,
    estimate_as,
    find_nuclei,
    pool,
    ring_radius,
    with_numbers,
)
from ..errors import SettingsError
from ..text.plurals import pluralize
from ..values import RUN_FILE, Settings
from ..values.check_settings import DEFAULT_DETECTOR, PUBLISHED_DETECTOR
from .layers import centres_layer, read_run

if TYPE_CHECKING:
    import napari

_NAME = "nuclei"


class FindNuclei(Container):  # type: ignore[misc]  # magicgui comes without types here
    """Rings around the nuclei of an image layer, which follow the settings and the plane shown."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        self._viewer = napari_viewer
        self._estimated: set[str] = set()
        self.image = create_widget(annotation=Image, label="Image")
        self.detector = ComboBox(choices=detector_names(), value=DEFAULT_DETECTOR, label="Detector")
        self._sliders = {name: _sliders(each) for name, each in DETECTORS.items()}
        self.border = ComboBox(choices=["keep", "count", "drop"], value="keep", label="Border")
        self.volume = CheckBox(value=False, label="As one volume")
        self.found = Label(value="")
        # Before the container listens, so that what it finds with is whole.
        self.volume.changed.connect(self._offer)
        self.detector.changed.connect(self._begin)
        sliders = [each for ours in self._sliders.values() for each in ours.values()]
        super().__init__(
            widgets=[self.image, self.detector, *sliders, self.border, self.volume, self.found],
        )
        self.changed.connect(self.find)
        napari_viewer.dims.events.current_step.connect(self.find)
        self._show_sliders()

    @property
    def settings(self) -> Settings:
        """The settings as the widgets show them."""
        name = self.detector.value
        values = {each: slider.value for each, slider in self._sliders.get(name, {}).items()}
        return detector_named(name).settings(values, border=self.border.value)

    def find(self) -> None:
        """Find the nuclei of the plane that is shown, or of the volume, and ring them."""
        image = self.image.value
        if image not in self._viewer.layers or image.rgb:
            return
        plane = () if self.volume.value else self._plane(image)
        try:
            settings, pixels = self.settings, np.asarray(image.data[plane])
            learned = [] if settings.are_numbers else [pool([estimate_as(pixels, settings)])]
            centres = find_nuclei(pixels, settings, *learned)
        except (SettingsError, TypeError, ValueError) as error:
            self.found.value = str(error)
            self._remove_rings()
            return
        size = 2 * ring_radius(settings, learned)
        layer = centres_layer(centres, plane, name=_NAME, size=size)
        flag = f", {centres.flag}" if centres.flag else ""
        self.found.value = f"{pluralize(len(centres), 'nucleus')}{flag}"
        self._show(*layer[:2], scale=image.scale, translate=image.translate)

    def _offer(self, is_volume: bool) -> None:
        """Offer the detectors that there are for a plane, or for a volume."""
        with self.changed.blocked():
            self.detector.choices = detector_names(takes_volumes=is_volume)

    def _begin(self, name: str) -> None:
        """Show the numbers of a detector; the first time those estimated from the image."""
        try:
            self._add_sliders(name)
        except SettingsError as error:
            self.found.value = str(error)
            return
        image, detector = self.image.value, detector_named(name)
        if detector.controls and name not in self._estimated and image is not None:
            self._estimated.add(name)
            pixels = np.asarray(image.data[() if self.volume.value else self._plane(image)])
            flat = pixels.max(axis=0) if self.volume.value else pixels
            start = with_numbers(Settings(name), pool([estimate_as(flat, Settings(name))]))
            with self.changed.blocked():
                for each, value in detector.values(start).items():
                    slider = self._sliders[name][each]
                    slider.max = max(slider.max, value)
                    slider.value = value
        self._show_sliders()

    def _add_sliders(self, name: str) -> None:
        """Make the sliders of a registered detector, which is loaded when it is chosen."""
        if name not in self._sliders:
            self._sliders[name] = _sliders(detector_named(name))
            for slider in self._sliders[name].values():
                self.insert(self.index(self.border), slider)

    def _show_sliders(self) -> None:
        for name, sliders in self._sliders.items():
            for slider in sliders.values():
                slider.visible = name == self.detector.value

    def _plane(self, image: Image) -> tuple[int, ...]:
        """Return which plane of `image` is shown."""
        steps = self._viewer.dims.current_step[-image.ndim :][: image.ndim - 2]
        return tuple(
            min(step, size - 1) for step, size in zip(steps, image.data.shape, strict=False)
        )

    def _remove_rings(self) -> None:
        """Leave no ring where nothing was found: those there are belong to other settings."""
        if _NAME in self._viewer.layers:
            rings = self._viewer.layers[_NAME]
            rings.data = np.empty((0, rings.ndim))

    def _show(self, points: Any, options: dict[str, Any], **place: Any) -> None:
        """Move the rings; the image stays the layer that is selected."""
        layers = self._viewer.layers
        if _NAME in layers and layers[_NAME].ndim == points.shape[1]:
            rings = layers[_NAME]
            rings.data, rings.features, rings.size = points, options["features"], options["size"]
            rings.scale, rings.translate = place["scale"], place["translate"]
            return
        if _NAME in layers:
            layers.remove(_NAME)
        self._viewer.add_points(points, **options, **place)
        layers.selection.active = self.image.value


def _sliders(detector: Detector) -> dict[str, Any]:
    """Return a widget for each control; those of the published detector by their own names."""
    prefix = "" if detector is DETECTORS[PUBLISHED_DETECTOR] else f"{detector.name}_"
    return {each.name: _slider(each, f"{prefix}{each.name}") for each in detector.controls}


def _slider(control: Control, name: str) -> Any:
    """Return the widget of a control; over grey levels, whose range is not known, one to type."""
    label = f"{control.label} ({control.unit})"
    if control.low is None or control.high is None:
        return FloatSpinBox(name=name, label=label, value=100, min=-1e9, max=1e9, step=10)
    kind = SpinBox if isinstance(control.step, int) else FloatSlider
    ends = {"min": control.low, "max": control.high, "step": control.step}
    return kind(name=name, label=label, value=control.low, **ends)


@magic_factory(  # type: ignore[untyped-decorator]  # magicgui comes without types here
    call_button="Count",
    folder={"mode": "d", "label": "Folder"},
    out={"mode": "d", "label": "Run"},
    detector={
        "choices": lambda _: detector_names(),
        "tooltip": "The numbers below are those of maxima.",
    },
    threshold={"min": -1e9, "max": 1e9},
)
def count_folder(
    viewer: "napari.Viewer",
    folder: Path,
    out: Path,
    detector: str = DEFAULT_DETECTOR,
    sigma: float = 4,
    min_distance: int = 6,
    threshold: float = 1000,
) -> None:
    """Count the nuclei of every image of a folder, and open the run.

    Without numbers, but with the detector `maxima` those that are given.
    """
    settings = Settings(detector)
    if settings == Settings(PUBLISHED_DETECTOR):
        settings = Settings(detector, sigma, min_distance, threshold)
    bar = progress(desc="nucensus")

    def advance(total: int | None) -> None:
        if total is None:
            bar.update(1)
        else:
            bar.total = total

    def finish() -> None:
        for data, options, kind in read_run(str(out / RUN_FILE)):
            getattr(viewer, f"add_{kind}")(data, **options)

    worker = thread_worker(_count)(folder, out, settings)
    worker.yielded.connect(advance)
    worker.returned.connect(finish)
    worker.finished.connect(bar.close)
    worker.start()


def _count(folder: Path, out: Path, settings: Settings) -> Iterator[int | None]:
    """Run a census; yield how many images there are, then None for each that is done.

    The census runs in one more thread, so that it can hand out what happens.
    """
    events: SimpleQueue[Any] = SimpleQueue()
    end = object()

    def run() -> None:
        census(
            folder,
            out,
            settings,
            on_plan=events.put,
            on_outcome=lambda _: events.put(None),
        ).close()

    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(run)
        counting.add_done_callback(lambda _: events.put(end))
        yield from iter(events.get, end)
        counting.result()
