"""Learn the uneven light of each plate from its images of the sample of a run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InputError
from ..store import RunWriter, Sampled
from ..values import PlannedImage
from ..values.flat_field import GIVE_LIGHT, FlatField
from .refuse import digest_of

if TYPE_CHECKING:
    from ..detect.light import Lit

Look: TypeAlias = Callable[[list[PlannedImage]], Iterable[tuple[int, Any]]]
"""Looks at the light in images; (index, what was seen) of each, None where it was stopped."""


def learn_plates(
    writer: RunWriter, known: Sequence[FlatField], look: Look, *, keeps: bool
) -> list[FlatField] | None:
    """Return the light of each plate, and of each size of its images; None if it was stopped.

    What is known stays where the images are those it was learned from, or where it is to be kept.
    Of a plate whose images do not tell it, it is the light that those of all plates tell, and says
    why.

    Raises
    ------
    InputError
        No plate has images that tell it.
    """
    from ..detect.light import learn_lights

    looks = _Looks(writer, look)
    found = {plate: [each for each in known if each.plate == plate] for plate in looks.plates}
    stale = [
        plate for plate, lights in found.items() if not ((lights and keeps) or looks.are(lights))
    ]
    if not looks.look_at(stale):
        return None
    for plate in stale:
        found[plate] = [
            replace(light, plate=plate, sample=looks.digest([plate]))
            for light in learn_lights(looks.of([plate]))
        ]
    if len(found) > 1 and not all(light.is_known for plate in stale for light in found[plate]):
        if not looks.look_at(looks.plates):
            return None
        joint = {light.shape: light for light in learn_lights(looks.of(looks.plates))}
        sample = looks.digest(looks.plates)
        for plate in stale:
            found[plate] = [_or_joint(each, joint[each.shape], sample) for each in found[plate]]
    return _refuse_unknown([light for lights in found.values() for light in lights])


def _or_joint(light: FlatField, joint: FlatField, sample: str) -> FlatField:
    """Return the light of a plate if it is known, or else that of all plates."""
    if light.is_known:
        return light
    if joint.is_known:
        return replace(joint, plate=light.plate, why=light.why, sample=sample)
    return replace(light, why=f"{light.why}, and of all plates {joint.why}", sample=sample)


def _refuse_unknown(lights: list[FlatField]) -> list[FlatField]:
    """Return what was learned; raise if that is nothing."""
    if not any(light.is_known for light in lights):
        from ..detect.light import EXPECTED

        why = lights[0].why if lights else "no image of the sample can be used"
        raise InputError(
            f"the light was to be learned, and {why}; {EXPECTED}; count more images together, or "
            f"{GIVE_LIGHT}"
        )
    return lights


class _Looks:
    """What the images of the sample say of the light, once they were looked at."""

    def __init__(self, writer: RunWriter, look: Look) -> None:
        self._sample: dict[str, list[Sampled]] = {}
        for each in writer.sample.candidates():
            if each.is_lit:
                self._sample.setdefault(each.plate, []).append(each)
        self._table, self._look = writer.sample, look
        self._seen: dict[str, list[Lit]] = {}
        self.plates = sorted(self._sample)

    def look_at(self, plates: Iterable[str]) -> bool:
        """Look at the images of plates that were not looked at; tell whether that was finished."""
        left = set(plates) - self._seen.keys()
        sample = self._table.of_plates(left)
        seen = dict(self._look([each.planned(key) for key, each in sample])) if sample else {}
        if len(seen) < len(sample) or None in seen.values():
            return False
        from ..detect.light import Lit

        self._seen.update({plate: [] for plate in left})
        for index, each in sorted(seen.items()):
            if isinstance(each, Lit):
                self._seen[sample[index][1].plate].append(each)
        return True

    def of(self, plates: Iterable[str]) -> "list[Lit]":
        """Return what images of plates that were looked at say."""
        return [each for plate in plates for each in self._seen[plate]]

    def digest(self, plates: Sequence[str]) -> str:
        """Return a digest of the images of plates; "" if some of them could not be used."""
        sample = [each for plate in plates for each in self._sample[plate]]
        if len(sample) > sum(len(self._seen.get(each, self._sample[each])) for each in plates):
            return ""  # it is learned again
        return digest_of(f"{each.name} {each.size_bytes} {each.mtime_ns}" for each in sample)

    def are(self, lights: Sequence[FlatField]) -> bool:
        """Tell whether lights of a plate were learned from the images as they are now."""
        return bool(lights) and all(
            each.sample == self.digest(self.plates if each.why else [each.plate or ""])
            for each in lights
        )
