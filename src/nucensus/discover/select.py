"""Choose among images that lie in files of their own: channel, plane, time point."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..channels import find_token, list_channels, nuclear_channel
from ..errors import InputError
from ..model import ImageRef, Plane

_OPTIONS = {"channel": "--channel", "z": "--z", "time": "--time"}
_NAMES = {"channel": "channels", "z": "z planes", "time": "time points"}


def select(
    everything: Iterable[ImageRef], again: Iterable[ImageRef], plane: Plane
) -> Iterator[ImageRef]:
    """Yield the images of one channel, one plane and one time point, as `plane` says.

    What the names of the files of a plate leave open is left to the files. The
    images are asked for twice, so that they need not be kept.

    Raises
    ------
    InputError
        There is a choice, and it was not made; or what was chosen is not there.
    """
    choices = {
        plate: {
            axis: _wanted(getattr(plane, axis), axis, _sorted(found), plate)
            for axis, found in axes.items()
        }
        for plate, axes in _tokens(everything).items()
    }
    left_to_files = {
        plate: replace(plane, **dict.fromkeys(chosen)) for plate, chosen in choices.items()
    }
    for each in again:
        chosen = choices.get(each.place.plate, {})
        kept = all(
            wanted is None or getattr(each.place, axis) in (wanted, "")
            for axis, wanted in chosen.items()
        )
        if kept:
            left_to_file = left_to_files.get(each.place.plate, plane)
            yield replace(each, plane=left_to_file) if str(left_to_file) else each


def _tokens(references: Iterable[ImageRef]) -> dict[str, dict[str, dict[str, str]]]:
    """Return, by plate and axis, what the names say, with the name of the stain if it is known."""
    plates: dict[str, dict[str, dict[str, str]]] = {}
    for each in references:
        for axis in _OPTIONS:
            token = getattr(each.place, axis)
            if token:
                found = plates.setdefault(each.place.plate, {}).setdefault(axis, {})
                stain = each.place.stain if axis == "channel" else ""
                found[token] = stain or found.get(token, "")
    return plates


def _sorted(tokens: dict[str, str]) -> dict[str, str]:
    return dict(sorted(tokens.items(), key=lambda item: (len(item[0]), item[0])))


def _wanted(
    asked: int | str | None, axis: str, tokens: Mapping[str, str], plate: str
) -> str | None:
    """Return the token to keep, or None to keep all."""
    if asked == "each" or (asked is None and len(tokens) == 1):
        return None
    where = f"the plate {plate!r}" if plate else "the folder"
    holds = f"{where} holds the {_NAMES[axis]} {list_channels(tokens)}"
    if asked is None:
        proposed = nuclear_channel(tokens) if axis == "channel" else None
        example = f"{_OPTIONS[axis]} {shlex.quote(proposed or next(iter(tokens)))}"
        raise InputError(
            f"{holds}; expected a choice; count one with {example}"
            f"{' (it shows nuclei by its name)' if proposed else ''}, or all with "
            f"{_OPTIONS[axis]} each"
        )
    if asked in ("max", "volume"):
        how = "--z max projects" if asked == "max" else "--volume takes"
        raise InputError(
            f"{holds}, in a file each; {how} the planes of one file; "
            f"choose a plane, or count all with --z each"
        )
    found = find_token(asked, tokens)
    if found is None:
        raise InputError(f"{_OPTIONS[axis]} is {asked!r}, and {holds}; choose one of these")
    return found
