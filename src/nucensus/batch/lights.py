"""Find the uneven light of a run, in the files that are given or from its sample."""

from dataclasses import replace

from ..errors import RunError
from ..store import Facts, RunWriter
from ..values import Selection
from ..values.flat_field import LEARN, FlatField, FlatFields, flat_fields_of
from .plate_lights import Look, learn_plates


def find_lights(
    writer: RunWriter, look: Look, *, is_planned: bool, keeps: bool, checks: bool
) -> FlatFields | None:
    """Return the light of the channels whose images are corrected; None if it was stopped.

    What the sample said of nuclei in other light is forgotten.

    Parameters
    ----------
    writer : RunWriter
    look : callable
    is_planned, keeps : bool
        Whether the run holds to what its plan, or an earlier start, has learned.
    checks : bool
        Whether files may have changed whose size and time did not.

    Raises
    ------
    InputError
        A file cannot be used, or the light cannot be learned.
    RunError
        The file is not that of the plan.
    """
    asked = asked_in(writer.about)
    if not asked:
        return FlatFields()
    from .flat_field import flat_field_of

    known, found = lights_in(writer.about), list[FlatField]()
    for channel, path in sorted(asked.items()):
        before = [each for each in known.lights if each.channel == channel]
        if path == LEARN and is_planned:
            found += before
        elif path == LEARN:
            learned = learn_plates(
                writer, [] if checks and not keeps else before, look, keeps=keeps
            )
            if learned is None:
                return None
            found += learned
        else:
            light = replace(flat_field_of(path), channel=channel)
            if is_planned and [light] != before:
                raise RunError(
                    f"the flat field {path!r} has changed since the run was planned; expected the "
                    f"same; plan it again, in another folder"
                )
            found.append(light)
    lights = FlatFields(tuple(found))
    for plate in {each.plate for each in writer.sample.candidates()}:
        if lights.identity(plate) != known.identity(plate):
            writer.sample.forget_plate(plate)
    writer.record_facts(flat_field=[each.as_dict() for each in found])
    return lights


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


def lights_in(about: Facts) -> FlatFields:
    """Return the light that a run recorded."""
    return FlatFields(tuple(map(FlatField.from_dict, about.flat_field)))
