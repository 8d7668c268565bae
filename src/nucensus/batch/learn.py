"""Learn from a sample of the images what their nuclei are like."""

import contextlib
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from .._dataclass import dataclass
from ..detect import Estimate, Resolved, is_settled, pool
from ..errors import RunError
from ..execute import Lost
from ..store import Facts, Origin, Run, RunWriter, Sampled
from ..text.plurals import pluralize
from ..values import Failed, PlannedImage, Settings
from ..values.flat_field import LEARN, NO_LIGHTS, FlatFields
from .content import content_hash
from .job import Estimated
from .lights import asked_in
from .pools import Pools, learned_of
from .sample import Sets, choose_sample

_COMMIT_EVERY_S = 0.5
"""Seconds of estimates that a crash may lose. Larger: more is lost, fewer writes."""
_POOLS_SHOWN = 3
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Learned:
    """Estimates that a start of a run has before it counts, and what follows from them.

    Attributes
    ----------
    pools : mapping of str to Resolved
        What the images of each folder (and channel) look like; "" stands for all.
    origin : Origin
        Where that comes from.
    counted_again : int
        How many images were counted with other values, and are counted again.
    changes : tuple of str
        Which values these are, in words.
    lights : FlatFields
        The uneven light that is corrected.
    """

    pools: Pools
    origin: Origin
    counted_again: int
    changes: tuple[str, ...]
    lights: FlatFields = NO_LIGHTS

    def notes(self) -> list[str]:
        """Say what a user should know of it, in a line each."""
        notes = [str(self.origin)] if str(self.origin) else []
        notes += [f"{line}." for line in self.lights.lines()]
        notes += [_mixed(name, each) for name, each in self._shown() if each.is_mixed]
        if self.counted_again:
            shown = "; ".join(self.changes[:_POOLS_SHOWN])
            more = "; ..." if len(self.changes) > _POOLS_SHOWN else ""
            verb = "is" if self.counted_again == 1 else "are"
            notes.append(
                f"What nuclei look like changed{f' ({shown}{more})' if shown else ''}: "
                f"{pluralize(self.counted_again, 'image')} {verb} counted again."
            )
        return notes

    def _shown(self) -> list[tuple[str, Resolved]]:
        """Return the pools of folders or channels, or of all images if there is no other."""
        return [each for each in self.pools.items() if each[0]] or list(self.pools.items())


def _mixed(name: str, resolved: Resolved) -> str:
    where = f" in {os.path.basename(name)}" if name else ""
    unlike = f"have {resolved.size_count} sizes, clearly apart"
    if resolved.size_count == 1 and resolved.varies_in_size:
        unlike = f"are {resolved.radius_ratio:.1f} times as wide in some images as in others"
    elif resolved.size_count == 1:
        unlike = f"are {resolved.brightness_ratio:.0f} times as bright in some images as in others"
    return (
        f"Nuclei{where} {unlike}: --detector auto counts each image by the size and contrast of "
        f"its own nuclei."
    )


def plan_sample(writer: RunWriter) -> None:
    """Choose the sample by the present listing; what images said whose files stay is kept."""
    about = writer.about
    with writer.explained():
        if about.sampled is not None and about.sampled == about.places:
            writer.sample.refresh()
        else:
            sets = Sets(writer.listed())
            learns = LEARN in asked_in(about).values()
            plates = Counter(each.plate for each in writer.listed()) if learns else Counter()
            sample = choose_sample(writer.listed(), sets, plates)
            writer.sample.plan(
                Sampled(*item[:-1], sets.pools_of(item), n, plate=item.plate, is_lit=is_lit)
                for item, n, is_lit in sample
            )
        writer.record_facts(sampled=about.places)


def forget_changed(writer: RunWriter) -> None:
    """Forget what images of the sample said whose content is not what it was."""
    for each in list(writer.sample):
        if each.estimate is not None and content_hash(each.path, each.plane) != (
            each.content or ""
        ):
            writer.sample.forget(each.name)


def asked(sample: Iterable[Sampled]) -> set[str]:
    """Return the names of the images to look at, by what those say that were looked at.

    Where those of a set disagree, it is those of its next round, too, and so on.
    """
    sets: dict[str, list[Sampled]] = {}
    for each in sample:
        sets.setdefault(each.pools[-1], []).append(each)
    return {each.name for members in sets.values() for each in _asked_of(members)}


def _asked_of(members: list[Sampled]) -> list[Sampled]:
    for last in range(max(each.round for each in members) + 1):
        so_far = [each for each in members if each.round <= last]
        if not all(each.is_seen for each in so_far) or is_settled(_estimates(so_far)):
            break
    return so_far


def _estimates(sample: Iterable[Sampled]) -> list[Estimate]:
    said = (each.estimate for each in sample)
    return [_known(Estimate.from_dict, each) for each in said if each is not None]


def estimate_sample(
    writer: RunWriter,
    sample: list[tuple[int, Sampled]],
    estimate: Callable[
        [list[PlannedImage]], Iterable[tuple[int, Estimated | Failed | Lost | None]]
    ],
) -> None:
    """Estimate from images of the sample, and keep what they say."""
    items = [each.planned(key) for key, each in sample]
    committed_at = time.monotonic()
    for index, found in estimate(items):
        name = sample[index][1].name
        if isinstance(found, Estimated):
            writer.sample.record(name, found.content, found.estimate.as_dict())
        elif isinstance(found, Failed):
            writer.sample.record_failure(name, found.content, found.stage, found.reason)
        elif isinstance(found, Lost):
            writer.sample.record_failure(name, None, "worker", found.reason)
        if time.monotonic() - committed_at > _COMMIT_EVERY_S:
            writer.commit()
            committed_at = time.monotonic()
    writer.commit()


def pool_sample(sample: Iterable[Sampled]) -> Pools:
    """Return the pooled estimates of each folder with enough images, and of all."""
    said: dict[str, list[Sampled]] = {}
    for each in sample:
        for name in each.pools if each.estimate is not None else ():
            said.setdefault(name, []).append(each)
    return {name: pool(_estimates(each)) for name, each in sorted(said.items())}


def pools_in(about: Facts) -> Pools:
    """Return the pooled estimates that a run recorded; nothing if it learned none."""
    return {name: _known(Resolved.from_dict, values) for name, values in about.estimates.items()}


def _known(make: Callable[[dict[str, Any]], _Value], values: dict[str, Any]) -> _Value:
    """Return what a run file says of nuclei, if it is all that is needed, and numbers."""
    numbers = all(isinstance(each, int | float) for each in values.values())
    with contextlib.suppress(TypeError):
        if numbers:
            return make(values)
    raise RunError(
        "the run file is damaged, or was not written by nucensus: what it says of the nuclei of "
        "the sample makes no sense; copy it again, or do the run again with --overwrite"
    )


def take_from(
    run: str | os.PathLike[str], settings: Settings, channels: Iterable[str]
) -> tuple[Pools, Origin]:
    """Return the estimates of another run, for images of these channels.

    Raises
    ------
    RunError
        It has none, is of images turned over, or knows none of the channels.
    """
    with Run(run) as other:
        about = other.about
    pools, where = pools_in(about), os.path.abspath(os.fspath(run))
    if not pools:
        raise RunError(
            f"the run in {where!r} learned nothing of what nuclei look like; expected one that was "
            f"made without numbers for sigma, min_distance and threshold; name another"
        )
    if Settings.from_dict(about.settings).invert != settings.invert:
        raise RunError(
            f"the run in {where!r} was made {'without' if settings.invert else 'with'} --invert, "
            f"and this one is not; expected the same; name another"
        )
    known = {name[1:-1] for name in pools if name.startswith("[")}
    if known and (unknown := sorted(set(channels) - known)):
        raise RunError(
            f"the run in {where!r} knows the channels {', '.join(sorted(known))}, and the images "
            f"are of {', '.join(unknown) or 'none'}; expected one of these; choose it with "
            f"--channel, or name another run"
        )
    origin = Origin.from_dict(about.sample)
    return pools, replace(origin, source="run", run=where)


def adopt(writer: RunWriter, pools: Pools, origin: Origin, lights: FlatFields) -> Learned:
    """Write what was learned; what was counted with other values becomes pending."""
    about = writer.about
    before = pools_in(about)
    estimates = {name: resolved.as_dict() for name, resolved in pools.items()}
    text = json.dumps([about.places, estimates], sort_keys=True) + lights.identity()
    adopted, again = hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), 0
    if about.adopted != adopted:
        settings = Settings.from_dict(about.settings)
        again = writer.redo_learned_otherwise(learned_of(pools, settings, lights))
    writer.record_facts(
        estimates=estimates, sample=asdict(origin), adopted=adopted, is_learning=False
    )
    changes = [_change(name, before[name], now) for name, now in pools.items() if name in before]
    return Learned(pools, origin, again, tuple(filter(None, changes)), lights)


def _change(name: str, before: Resolved, now: Resolved) -> str:
    """Say what changed in a pool; "" if nothing that is shown did."""
    shown = {
        "radius": (before.radius_px, now.radius_px, "px"),
        "contrast": (before.contrast, now.contrast, "grey levels"),
    }
    said = [
        f"{what} {old:.3g} -> {new:.3g} {unit}"
        for what, (old, new, unit) in shown.items()
        if f"{old:.3g}" != f"{new:.3g}"
    ]
    where = f" in {os.path.basename(name)}" if name else ""
    return f"{', '.join(said)}{where}" if said else ""
