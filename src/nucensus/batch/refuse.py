"""Refuse to carry a run on as what it is not: with other settings, inputs or another version."""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any, TypeAlias

from .._version import __version__
from ..errors import InputError, RunError
from ..remote import absolute
from ..store import Run, RunWriter
from ..values import RUN_FILE, Resume, Selection, Settings, Shard
from ..values.flat_field import LEARN

PathLike: TypeAlias = str | os.PathLike[str]


def refuse_two_sources(settings: Settings, resume: Resume) -> None:
    """Raise if estimates are to come from two places, or are not needed."""
    if resume.keep_estimates and resume.estimates_from is not None:
        raise InputError(
            "estimates were to be kept and to be taken from another run; expected one of the two; "
            "leave out --keep-estimates or --estimates-from"
        )
    if resume.estimates_from is not None and settings.are_numbers:
        raise InputError(
            "estimates were to be taken from another run, and the settings are numbers: nothing is "
            "estimated; leave out --estimates-from, or the numbers"
        )


def refuse_light(selection: Selection, settings: Settings) -> None:
    """Raise if the light cannot be corrected, or learned, as it was asked for."""
    if settings.invert:
        raise InputError(
            "a flat field was given, and nuclei are dark on bright ground (--invert); expected "
            "bright nuclei; divide the images by the light first, or leave the flat field out"
        )
    if selection.light.get("") == LEARN and (settings.are_numbers or selection.plane.z == "volume"):
        what = "volumes" if selection.plane.z == "volume" else "numbers for detection"
        raise InputError(
            f"the flat field was to be learned, and {what} were given: it is learned from nuclei "
            f"in planes as --detector auto finds them; give an image of the light "
            f"(--flat-field FILE), or leave them out"
        )


def refuse_version(writer: RunWriter, out: PathLike | None) -> None:
    """Raise if the run in `out` was taken by another version, which may find other nuclei."""
    before = writer.about.version or __version__
    if before != __version__:
        raise RunError(
            f"{os.fspath(out or RUN_FILE)!r} holds a run of nucensus {before}, and this is "
            f"{__version__}; expected the same, to carry it on; use that version, or count all "
            f"again with nucensus detect --overwrite"
        )


def refuse_itself(estimates_from: PathLike, out: PathLike | None) -> None:
    """Raise if estimates are to come from the run that is to be replaced."""
    if out is not None and os.path.realpath(estimates_from) == os.path.realpath(out):
        raise RunError(
            f"the estimates are to come from {os.fspath(out)!r}, which is to be replaced; expected "
            f"another run; choose another folder with -o, or leave out --overwrite"
        )


def refuse_unplanned(
    plan: PathLike, out: PathLike, shard: Shard | None
) -> tuple[dict[str, Any], Settings]:
    """Return selection and settings of a shard of `plan`; raise unless that is finished."""
    with Run(plan) as run:
        about = run.about
    where = repr(os.fspath(plan))
    if os.path.realpath(plan) == os.path.realpath(out):
        raise RunError(
            f"{where} is the plan, and was given to write the run to; expected another folder; "
            f"choose one with -o"
        )
    if about.selection.get("shard") is not None:
        raise RunError(
            f"{where} holds shard {about.selection['shard']}; expected the plan of all images, as "
            f"nucensus plan makes it"
        )
    is_known = about.listing is not None and not about.is_learning
    settings = Settings.from_dict(about.settings)
    if not is_known or not (settings.are_numbers or about.estimates):
        raise RunError(
            f"the plan in {where} is not finished; expected one that has listed the images and "
            f"read the sample; run its command again, it carries on"
        )
    return {**about.selection, "shard": shard and str(shard)}, settings


def refuse_other_plan(
    writer: RunWriter, plan: PathLike, selection: dict[str, Any], out: PathLike
) -> None:
    """Raise if the run in `out` is not this part of this plan."""
    with Run(plan) as run:
        about = run.about
    refuse_other(writer, "selection", selection, out)
    ours = writer.about
    if (ours.settings, ours.listing, ours.places, ours.adopted) != (
        about.settings, about.listing, about.places, about.adopted,
    ):  # fmt: skip
        raise RunError(
            f"{os.fspath(out)!r} holds a run of another plan than the one in "
            f"{os.fspath(plan)!r}; expected the same, to carry it on; choose another folder with "
            f"-o, or replace the run with --overwrite"
        )


_PLANE = ("scene", "channel", "z", "time")
_BROUGHT = {"outlines": "outlines (which --measure and --positive bring)"}
"""What is said of a setting that other options than its own may change."""
_UNSAID = {"level": 0}
"""What a selection means that does not say it."""


def refuse_other(
    writer: RunWriter, fact: str, values: dict[str, Any], out: PathLike | None
) -> None:
    """Raise if the run in `out` was taken with other `values` of this fact."""
    now = json.loads(json.dumps(values))
    before = writer.facts.get(fact, now)
    if differing := differences(before, now):
        held = f"{os.fspath(out or RUN_FILE)!r} holds a run with other {fact} ({differing})"
        counts = writer.view().counts
        if counts["failed"] == counts["images"]:
            raise RunError(
                f"{held}, of which no image could be counted; expected the same, to carry it on; "
                f"replace the run with --overwrite"
            )
        raise RunError(
            f"{held}; expected the same, to carry it on; choose another folder with -o, or "
            f"replace the run with --overwrite"
        )


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say which values differ, by name; nothing if they are the same."""
    before, now = ({**_UNSAID, **each} for each in (before, now))
    return ", ".join(
        f"{_BROUGHT.get(name, name)} was {_said(before.get(name))} and is {_said(now.get(name))}"
        for name in {**before, **now}
        if not _are_same(name, before.get(name), now.get(name))
    )


def _said(value: Any) -> str:
    """Say a value as people do, who know no `None`."""
    return "not given" if value is None else repr(value)


def _are_same(name: str, before: Any, now: Any) -> bool:
    """Tell whether values are the same; of Python an index is a number, else it is a text."""
    return before == now or (
        name in _PLANE and None not in (before, now) and str(before) == str(now)
    )


def facts_of(selection: Selection) -> dict[str, Any]:
    """Return what a run records of its selection, as plain values that JSON can hold."""
    tables = {"manifest": selection.manifest, "metadata": selection.metadata}
    given = {name: path if path == LEARN else absolute(path)
             for name, path in selection.light.items()}  # fmt: skip
    lights = [f"{name}={path}" if name else path for name, path in given.items()]
    return {
        **selection.plane.as_dict(),
        "pattern": selection.pattern,
        "measure": list(selection.measure),
        "ring_px": selection.ring_px,
        "shard": selection.shard and str(selection.shard),
        **{name: path and absolute(os.fspath(path)) for name, path in tables.items()},
        **({"flat_field": lights} if lights else {}),
    }


def digest_of(texts: Iterable[str]) -> str:
    """Return what tells these texts from others."""
    return hashlib.blake2b(ascii(list(texts)).encode(), digest_size=16).hexdigest()
