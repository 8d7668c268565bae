"""The detectors there are: ours, and those that other packages register."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module

from ..errors import SettingsError
from ..values.check_settings import (
    DETECTOR_TABLE,
    PUBLISHED_DETECTOR,
    check_detector,
    registered_detectors,
)
from .detector import Detector, Find
from .rules import is_version


class _Ours(Mapping[str, Detector]):
    """Our own detectors by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Detector:
        return _ours(name)

    def __iter__(self) -> Iterator[str]:
        return iter(DETECTOR_TABLE)

    def __len__(self) -> int:
        return len(DETECTOR_TABLE)

    def __contains__(self, name: object) -> bool:
        return name in DETECTOR_TABLE


DETECTORS = _Ours()


def detector_named(name: str) -> Detector:
    """Return the detector called `name`, one of ours or one that is registered."""
    if name in DETECTOR_TABLE:
        return _ours(name)
    check_detector(name)
    return _registered(name)


def why_no_detector(name: str) -> str | None:
    """Return why the detector called `name` cannot be used here, if it cannot."""
    try:
        detector_named(name)
    except SettingsError as error:
        return str(error)
    return None


def detector_of_run(name: str) -> Detector:
    """Return the detector of an earlier run, which need not be installed here."""
    try:
        return detector_named(name)
    except SettingsError:
        return _like_published(name, DETECTORS[PUBLISHED_DETECTOR].find, "not installed here")


def detector_names(*, takes_volumes: bool = False) -> list[str]:
    """Return the names of the detectors to choose from, for volumes those of ours that take them.

    Registered ones are not loaded, which may take long; they say themselves what they refuse.
    Versions of `auto` are left out: nobody chooses one by looking at it.
    """
    ours = (
        name
        for name, each in DETECTORS.items()
        if not is_version(name) and (each.takes_volumes or not takes_volumes)
    )
    return [*ours, *registered_detectors()]


def describe_detectors() -> str:
    """Return the names of the detectors, each with what it does in a few words."""
    ours = [f"{name}: {each.summary}" for name, each in DETECTORS.items() if not is_version(name)]
    ours[0] += " (auto@1: as nucensus 0.1.0 counted)"
    theirs = [
        f"{name}: registered by {entry.dist.name if entry.dist else entry.value}"
        for name, entry in registered_detectors().items()
    ]
    return f"{'; '.join(ours + theirs)}."


@functools.cache
def _ours(name: str) -> Detector:
    module = import_module(f".{DETECTOR_TABLE[name].module}", __package__)
    found: Detector = module.DETECTOR
    return replace(found, name=name)


@functools.cache
def _registered(name: str) -> Detector:
    entry = registered_detectors()[name]
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"the detector {name!r} is registered as {entry.value}, which cannot be "
            f"loaded: {error}; expected a function; install what it needs"
        ) from error
    if isinstance(found, Detector):
        return replace(found, name=name)
    if not callable(found):
        raise SettingsError(
            f"the detector {name!r} is registered as {entry.value}, which is of type "
            f"{type(found).__name__}; expected a function or a nucensus.detect.Detector"
        )
    return _like_published(name, found, f"registered as {entry.value}")


def _like_published(name: str, find: Find, summary: str) -> Detector:
    """Return a detector of which no more is known than the function: it may use any number."""
    return replace(
        DETECTORS[PUBLISHED_DETECTOR],
        name=name,
        find=find,
        summary=summary,
        about=f"{summary[:1].upper()}{summary[1:]}.",
        drops_at_edge=False,
        takes_sigma_per_axis=False,
        threshold=None,
    )
