"""Settings that are typed as keywords of a function, as scikit-image has them."""

import functools
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..values import Settings

_AS_IN_SCIKIT_IMAGE = {"threshold_abs": "threshold"}


def settings_of(settings: Settings | None, numbers: dict[str, Any] | None = None) -> Settings:
    """Return the settings that were given, as a value or as keywords.

    Raises
    ------
    TypeError
        Both were given, or a keyword is no setting, or the settings are something else.
    """
    if not (settings is None or isinstance(settings, Settings)):
        raise TypeError(
            f"the settings are {settings!r}; expected nucensus.Settings(...), as in "
            f"Settings(sigma=4, threshold=300)"
        )
    if not numbers:
        return settings or _nothing_given()
    named = {_AS_IN_SCIKIT_IMAGE.get(name, name): value for name, value in numbers.items()}
    known = [each.name for each in fields(Settings)]
    for name in named:
        if name not in known:
            raise TypeError(f"there is no setting {name!r}; expected one of {', '.join(known)}")
    if settings is not None:
        raise TypeError(
            f"settings were given and {', '.join(numbers)}, too; expected one of them; to change "
            f"settings take dataclasses.replace(settings, {next(iter(named))}=...)"
        )
    return Settings(**named)


@functools.cache  # to make and check them takes as long as a fiftieth of an image
def _nothing_given() -> Settings:
    return Settings()


def warn_of_published(settings: Settings, numbers: Mapping[str, Any]) -> None:
    """Warn that nothing was found by a threshold that nobody typed, but other numbers brought."""
    was_typed = not numbers or {"threshold", *_AS_IN_SCIKIT_IMAGE} & numbers.keys()
    if was_typed or not isinstance(settings.threshold, int | float):
        return
    warnings.warn(
        f"no nucleus is brighter than the threshold {settings.threshold:g}, which is taken as "
        f"published beside {', '.join(numbers)}; give a threshold, or detector='maxima', which "
        f"estimates it",
        stacklevel=3,
    )
