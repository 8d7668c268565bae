"""Say in one sentence which way is best here, and why."""

from ..execute import PUBLISHED, STRATEGIES
from ..text.plurals import pluralize, short_time
from .measure import Comparison, Measurement


def recommend(comparison: Comparison) -> str:
    """Return the recommendation that the measurements support."""
    everything = comparison.measurements
    published = [each for each in everything if each.strategy in PUBLISHED]
    yardstick = [each for each in published if each.detector == "scikit-image"] or published
    best, images = min(everything, key=_total), pluralize(comparison.images, "image")
    if not yardstick:
        return f"{best.strategy} took {_seconds(best)} for {images}."
    old = min(yardstick, key=_total)
    sentence = (
        f"Of the published methods {old.strategy} is best here ({_seconds(old)} with loading for "
        f"{images}, {pluralize(comparison.workers, 'worker')}: {_why(old, comparison)})"
    )
    if best is old:
        return sentence + "."
    return (
        f"{sentence}; {best.strategy} with the {best.detector} detector takes {_seconds(best)}: "
        f"{old.total_s / best.total_s:.1f} times faster, with the same points."
    )


def _total(measurement: Measurement) -> float:
    return measurement.total_s


def _seconds(measurement: Measurement) -> str:
    return short_time(measurement.total_s)


def _why(best: Measurement, comparison: Comparison) -> str:
    strategy = STRATEGIES[best.strategy]
    if comparison.workers == 1:
        return "with one worker nothing can be shared out"
    if not strategy.parallel:
        return "starting processes takes longer than they save"
    if strategy.needs_fork:
        return "forked processes share the images without pickling them"
    if strategy.loads_first:
        return "pickling the images costs less here than it saves"
    return "each process reads its own files, so no image is pickled"
