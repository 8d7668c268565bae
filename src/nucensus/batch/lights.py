"""Find the uneven light of a run, in the files that are given or from its sample."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from ..errors import RunError
from ..remote import query_of
from ..store import Facts, RunWriter
from ..values import PlannedImage, Selection
from ..values.flat_field import LEARN, FlatField, FlatFields, flat_fields_of
from .refuse import digest_of

Look: TypeAlias = Callable[[list[PlannedImage]], Iterable[tuple[int, Any]]]
"""Looks at the light in images; (index, what was seen) of each, None where it was stopped."""


def find_lights(
    writer: RunWriter, look: Look, *, is_planned: bool, keeps: bool
) -> FlatFields | None:
    """Return the light of each channel whose images are corrected; None if it was stopped.

    What the sample said of nuclei in other light is forgotten.

    Parameters
    ----------
    writer : RunWriter
    look : callable
    is_planned, keeps : bool
        Whether the run holds to what its plan, or an earlier start, has learned.

    Raises
    ------
    InputError
        A file cannot be used, or the light cannot be learned.
    RunError
        The file is not that of the plan.
    """
    asked = asked_in(writer.about)
    if not asked:
        return {}
    from .flat_field import flat_field_of

    known, found = lights_in(writer.about), dict[str, FlatField]()
    for channel, path in asked.items():
        before = known.get(channel)
        if path == LEARN:
            light = before if is_planned or keeps else None
            light = light or _learned(writer, before, look)
            if light is None:
                return None
        else:
            light = flat_field_of(path)
            if is_planned and light != before:
                raise RunError(
                    f"the flat field {path!r} has changed since the run was planned; expected the "
                    f"same; plan it again, in another folder"
                )
        found[channel] = light
    if identity_of(found) != identity_of(known):
        writer.sample.forget_all()
    writer.record_facts(flat_field={name: each.as_dict() for name, each in found.items()})
    return found


def check_files(selection: Selection) -> None:
    """Raise if an image of the light that is given cannot be used."""
    for path in selection.light.values():
        if path != LEARN:
            from .flat_field import flat_field_of

            flat_field_of(path)


def asked_in(about: Facts) -> dict[str, str]:
    """Return what is asked of the light of each channel, as a run recorded it."""
    selection = about.selection
    return flat_fields_of(selection.get("flat_field", ()), selection.get("measure", ()))


def lights_in(about: Facts) -> dict[str, FlatField]:
    """Return the light of each channel that a run recorded."""
    return {name: FlatField.from_dict(values) for name, values in about.flat_field.items()}


def notes_on(lights: FlatFields) -> tuple[str, ...]:
    """Say what the light is like, in a line for each channel."""
    return tuple(
        f"Flat field{f' of {name}' if name else ''}: {light}." for name, light in lights.items()
    )


def identity_of(lights: FlatFields) -> str:
    """Return what tells these lights from others; "" if there are none."""
    tells = {name: [each.shape, each.digest, each.terms] for name, each in lights.items()}
    return json.dumps(tells, sort_keys=True) if tells else ""


def _learned(writer: RunWriter, known: FlatField | None, look: Look) -> FlatField | None:
    """Learn the light from the sample, unless that is known; what it said of nuclei is forgotten.

    None if it was stopped.
    """
    from ..detect.light import Lit, learn_light

    sample = [each for each in writer.sample if not each.round]
    of = digest_of(f"{each.name} {each.size_bytes} {each.mtime_ns}" for each in sample)
    if known is not None and known.sample == of:
        return known
    writer.sample.forget_all()
    items = [
        PlannedImage(key, each.path, each.plane, each.channel, query=query_of(each.path))
        for key, each in writer.sample.to_estimate(deadly=False)
        if not each.round
    ]
    seen = dict(look(items))
    if len(seen) < len(items) or None in seen.values():
        return None
    looks = [each for _, each in sorted(seen.items()) if isinstance(each, Lit)]
    is_whole = len(looks) == len(sample)  # else it is learned again
    return replace(learn_light(looks), sample=of if is_whole else "")
