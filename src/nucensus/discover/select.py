"""Choose among images that lie in files of their own: channel, plane, time point."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ..channels import find_channel, list_channels, nuclear_channel
from ..errors import InputError
from ..model import ImageRef, Plane

_OPTIONS = {"channel": "--channel", "z": "--z", "time": "--time"}
_NAMES = {"channel": "channels", "z": "z planes", "time": "time points"}


def select(references: Iterable[ImageRef], plane: Plane) -> list[ImageRef]:
    """Return the images of one channel, one plane and one time point, as `plane` says.

    What the names of the files of a plate leave open is left to the files.

    Raises
    ------
    InputError
        There is a choice, and it was not made; or what was chosen is not there.
    """
    listed = list(references)
    selected: dict[int, Plane] = {}
    for plate in dict.fromkeys(each.place.plate for each in listed):
        images = {i: each for i, each in enumerate(listed) if each.place.plate == plate}
        chosen = plane
        for axis in ("channel", "z", "time"):
            tokens = _tokens(images.values(), axis)
            if tokens:
                wanted = _wanted(getattr(plane, axis), axis, tokens, plate)
                images = {
                    i: each
                    for i, each in images.items()
                    if wanted is None or getattr(each.place, axis) in (wanted, "")
                }
                chosen = replace(chosen, **{axis: None})
        selected.update(dict.fromkeys(images, chosen))
    return [replace(listed[i], plane=selected[i]) for i in sorted(selected)]


def _tokens(images: Collection[ImageRef], axis: str) -> dict[str, str]:
    """Return what the names say along `axis`, with the name of the stain if it is known."""
    tokens = {getattr(each.place, axis): "" for each in images}
    if axis == "channel":
        tokens.update({each.place.channel: each.place.stain for each in images if each.place.stain})
    tokens.pop("", None)
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
        example = f"{_OPTIONS[axis]} {proposed or next(iter(tokens))}"
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
    found = find_channel(asked, tokens)
    if found is None:
        raise InputError(f"{_OPTIONS[axis]} is {asked!r}, and {holds}; choose one of these")
    return found
