"""What is chosen on an axis of images in files of their own, and what is left to the files."""

import functools
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .._shell import spell_word
from ..errors import InputError, QuestionError
from ..text.plurals import pluralize
from ..values import PROJECTIONS, ImageRef, Plane
from ..values.channels import find_token, list_channels, nuclear_channel
from .versions import Versions

OPTIONS = {"channel": "--channel", "z": "--z", "time": "--time"}
LEFT_OUT = {
    "channel": "no channel in the name, beside images that have one",
    "z": "no z plane in the name, as of a projection, beside images that have one",
    "time": "no time point in the name, beside images that have one",
}
"""Why an image passes no choice on an axis."""
_NAMES = {"channel": "channels", "z": "z planes", "time": "time points"}
_ANY = Plane()


def left_to_file(reference: ImageRef, plane: Plane, told: tuple[str, ...]) -> ImageRef:
    """Return an image with what of `plane` its name does not tell."""
    left = _without(plane, told)
    return reference if left is None else replace(reference, plane=left)


@functools.lru_cache(maxsize=64)
def _without(plane: Plane, axes: tuple[str, ...]) -> Plane | None:
    """Return what a plane says beside these axes, if anything."""
    nothing: dict[str, Any] = dict.fromkeys(axes)
    left = replace(plane, **nothing)
    return None if left == _ANY else left


def in_order(tokens: dict[str, str]) -> dict[str, str]:
    """Return the tokens of an axis as they are listed: 2 before 10."""
    return dict(sorted(tokens.items(), key=lambda item: (len(item[0]), item[0])))


def choose_token(
    axis: str, asked: int | str | None, tokens: Mapping[str, str], where: str, also: str = ""
) -> str | None:
    """Return the token to keep, or None to keep all; ask if that is open.

    `also` describes images beside these whose names tell nothing of the axis.
    """
    if asked == "each" or (asked is None and len(tokens) == 1 and not also):
        return None
    if asked in PROJECTIONS:
        return None
    holds = f"{where} holds the {_NAMES[axis]} {list_channels(tokens)}"
    if asked == "volume":
        raise InputError(
            f"{holds}, in a file each; --volume takes the planes of one file; "
            f"choose a plane, count all with --z each, or their maximum with --z max"
        )
    found = None if asked is None else find_token(asked, tokens)
    if found is not None:
        return found
    if asked is not None:
        raise InputError(f"{OPTIONS[axis]} is {asked!r}, and {holds}; choose one of these")
    proposed = nuclear_channel(tokens) if axis == "channel" else None
    example = f"{OPTIONS[axis]} {spell_word(proposed or next(iter(tokens)))}"
    raise QuestionError(
        f"{holds}{also}; expected a choice; count one with {example}"
        f"{' (it shows nuclei by its name)' if proposed else ''}, or all with "
        f"{OPTIONS[axis]} each",
        axis,
        {key: f"{key} ({of})" if of not in ("", key) else key for key, of in tokens.items()},
    )


def describe_blank(axis: str, count: int, name: str) -> str:
    """Say how many images tell nothing of an axis, and what one is called."""
    names = f"{name!r}, ..." if count > 1 else repr(name)
    what = ", as of projections" if axis == "z" else ""
    return f", in a file each, and {pluralize(count, 'image')} without one ({names}{what})"


def choose_version(versions: Versions, asked: int | str | None) -> str | None:
    """Return the version to keep, or None to keep all."""
    if not versions.pair or asked == "each":
        return None
    first, second = versions.pair
    if first == second:
        raise QuestionError(
            f"the same picture is there twice, as {versions.names[0]!r} and {versions.names[1]!r}; "
            f"expected it once; take one of them away, name the files that count, or count all "
            f"with --scene each",
            "scene",
        )
    found = None if asked is None else _version_asked(str(asked), versions.words)
    if found is not None:
        return found
    if len({word.rpartition(".")[2] for word in versions.words}) == 1:  # the ending tells nothing
        first, second = first.rpartition(".")[0], second.rpartition(".")[0]
    wrong = "" if asked is None else f"--scene is {str(asked)!r}, and "
    one = f"--scene {spell_word(first)} or --scene {spell_word(second)}"
    names = f"{versions.names[0]!r} and {versions.names[1]!r}"
    choices = {first: first, second: second}
    if versions.doubt:
        raise QuestionError(
            f"{wrong}{names} are there, and {versions.doubt}; expected a choice; count all with "
            f"--scene each, and one version with {one}",
            "scene",
            choices,
        )
    raise QuestionError(
        f"{wrong}the same picture is there in two versions, as {names}; expected a choice; count "
        f"one with {one}, or all with --scene each",
        "scene",
        choices,
    )


def _version_asked(asked: str, words: Collection[str]) -> str | None:
    """Return the version that is meant: d3d is one, although it is a part of d3d_prj, too."""
    named = [word for word in words if word.rpartition(".")[0] == asked]
    return named[0] if len(named) == 1 else find_token(asked, dict.fromkeys(words, ""))
