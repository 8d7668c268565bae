"""The widgets of the numbers that detectors go by, in napari."""

from typing import Any

from magicgui.widgets import FloatSlider, FloatSpinBox, SpinBox

from ..detect import BLANK, DETECTORS, Control, Detector, detector_named, with_numbers
from ..values import Settings
from ..values.check_settings import PUBLISHED_DETECTOR


class NumberWidgets:
    """A widget for each number of each detector, of which one detector's are shown.

    Those of the published detector have its own names; all begin with its numbers.
    """

    def __init__(self) -> None:
        self._of = {name: _widgets(each) for name, each in DETECTORS.items()}

    def all(self) -> list[Any]:
        """Return every widget."""
        return [each for ours in self._of.values() for each in ours.values()]

    def load(self, name: str) -> list[Any]:
        """Return the widgets of a registered detector, made when it is chosen; none if known."""
        if name in self._of:
            return []
        self._of[name] = _widgets(detector_named(name))
        return list(self._of[name].values())

    def settings(self, name: str, **others: Any) -> Settings:
        """Return the settings of a detector as its widgets show them."""
        values = {each: widget.value for each, widget in self._of[name].items()}
        return detector_named(name).settings(values, **others)

    def take(self, settings: Settings) -> None:
        """Show the numbers of `settings` in the widgets of their detector."""
        for each, value in detector_named(settings.detector).values(settings).items():
            widget = self._of[settings.detector][each]
            widget.max = max(widget.max, value)
            widget.value = value

    def show(self, name: str | None) -> None:
        """Show the widgets of one detector, and hide the others."""
        for owner, widgets in self._of.items():
            for widget in widgets.values():
                widget.visible = owner == name


def _widgets(detector: Detector) -> dict[str, Any]:
    """Return a widget for each control, by the control's name."""
    prefix = "" if detector is DETECTORS[PUBLISHED_DETECTOR] else f"{detector.name}_"
    begin = detector.values(with_numbers(Settings(detector.name), BLANK))
    return {
        each.name: _widget(each, f"{prefix}{each.name}", begin[each.name])
        for each in detector.controls
    }


def _widget(control: Control, name: str, value: Any) -> Any:
    """Return a slider; for grey levels, whose range is not known, a box to type in."""
    label = f"{control.label} ({control.unit})"
    if control.low is None or control.high is None:
        return FloatSpinBox(name=name, label=label, value=value, min=-1e9, max=1e9, step=10)
    kind = SpinBox if isinstance(control.step, int) else FloatSlider
    ends = {"min": control.low, "max": control.high, "step": control.step}
    return kind(name=name, label=label, value=value, **ends)
