"""Find the nuclei of many images, and keep what became of each in a run file."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

from ..detect import check_axes, detector_named, settings_of, suited
from ..discover import LeftOut, as_paths, list_images
from ..errors import InputError, RunError
from ..execute import STRATEGIES, Lost, refuse_unguarded
from ..machine import usable_cores
from ..read import SUFFIXES
from ..remote import absolute
from ..store import Run, RunWriter, working_copy
from ..values import (
    CensusOptions,
    Execution,
    ImageRef,
    PlannedImage,
    Resume,
    RetryOptions,
    Selection,
    Settings,
    SettingsOptions,
    Watcher,
    refuse_unknown,
    take_value,
)
from .choose import Choice
from .content import content_hash
from .decide import choose_strategy, codec_of
from .learn import plan_sample, take_from
from .lights import check_files
from .plan import ask_first, expand, join_treatments, list_first, telling
from .refuse import (
    digest_of,
    facts_of,
    refuse_itself,
    refuse_light,
    refuse_other,
    refuse_two_sources,
    refuse_version,
)
from .run_loop import RunLoop
from .unchanged import finished_run, seen_of, tell

if TYPE_CHECKING:
    from ..values import Treatments

PathLike: TypeAlias = str | os.PathLike[str]


def census(
    inputs: PathLike | Iterable[PathLike],
    out: PathLike | None = None,
    settings: Settings | None = None,
    *,
    selection: Selection | None = None,
    execution: Execution | None = None,
    watcher: Watcher | None = None,
    resume: Resume | None = None,
    **options: Unpack[CensusOptions],
) -> Run:
    """Find the nuclei of every image that `inputs` name.

    A run in `out` that was made with the same inputs and settings is carried
    on, to what a new run would find: images are done that are new, whose files
    changed, that could not be read, or that were counted with estimates which
    the images that are there now do not confirm. The others stay.

    Parameters
    ----------
    inputs : path or iterable of path
        Files, folders and globs of images; or addresses, such as
        "s3://bucket/plate".
    out : path, optional
        The folder, or the place in a bucket, that receives `run.sqlite`,
        `nuclei.csv`, `images.csv` and `provenance.json`.
        Without it the run is kept in memory.
    settings : Settings, optional
        How nuclei are detected.
    selection : Selection, optional
        Which images of the inputs count.
    execution : Execution, optional
        How the images are worked on.
    watcher : Watcher, optional
        Who is told while it goes on, and who may stop it.
    resume : Resume, optional
        What is taken over from an earlier run.
    **options
        The fields of these values one by one, in place of the value that has
        them: `detector`, `sigma`, `min_distance`, `threshold`, `border`, `subpixel`,
        `sigma_um`, `invert`, `outlines`; `plane`, `pattern`, `manifest`, `metadata`,
        `shard`, `measure`, `ring_px`, `flat_field`; `strategy`, `workers`,
        `scheduler`, `limits`; `on_plan`, `on_learned`, `on_choice`, `on_outcome`,
        `stop`, `on_step`; `overwrite`, `check_content`, `keep_estimates`, `estimates_from`.

    Returns
    -------
    Run
        A read-only view of the run file. A file that could not be read or
        worked on is in `run.failures`, with a reason.

    Raises
    ------
    InputError
        An input does not exist or holds no image.
    RunError
        `out` holds a run of other settings or inputs or of another version,
        somebody else writes it, or it cannot be written; or the run that
        estimates are to come from has none that fit.
    ClusterError
        The cluster cannot be reached, was lost, or has other versions. The run
        can be carried on.

    Examples
    --------
    >>> run = census("plate/", out="run/", threshold=300)  # doctest: +SKIP
    >>> run.nuclei.to_pandas().groupby("image").size()                        # doctest: +SKIP
    >>> run = census("plate/", plane=Plane(channel="DAPI"), workers=4)        # doctest: +SKIP
    """
    left: dict[str, Any] = {**options}
    selection = take_value(Selection, selection, left)
    execution = take_value(Execution, execution, left)
    watcher = take_value(Watcher, watcher, left)
    resume = take_value(Resume, resume, left)
    typed = {name: left.pop(name) for name in SettingsOptions.__annotations__ if name in left}
    refuse_unknown(left, "census")
    settings = suited(settings_of(settings, typed), _axes(selection))
    refuse_unguarded()
    named = as_paths(inputs)
    seen = seen_of(named, selection, out)
    if (run := finished_run(named, out, settings, selection, resume, seen)) is not None:
        tell(run, watcher)
        return run
    with listed_run(named, out, settings, selection, execution, watcher, resume) as (writer, loop):
        loop.run()
        writer.record_facts(seen=seen)
    return writer.hand_over()


@contextlib.contextmanager
def listed_run(
    inputs: PathLike | Iterable[PathLike], out: PathLike | None, settings: Settings,
    selection: Selection, execution: Execution, watcher: Watcher, resume: Resume,
) -> Iterator[tuple[RunWriter, RunLoop]]:  # fmt: skip
    """Lend a run whose images are listed, and the loop over what is pending in it."""
    refuse_unguarded()
    settings = suited(settings, _axes(selection))
    _refuse_contradictions(out, settings, selection, resume)
    named = as_paths(inputs)
    plan = _plan(named, selection, watcher, overwrites=resume.overwrite)
    if resume.overwrite and resume.estimates_from is not None:
        take_from(resume.estimates_from, settings, plan.channels)
    watcher, stop = watcher.with_stop()
    with (
        working_copy(out, stop, overwrite=resume.overwrite) as folder,
        choose_strategy(execution, codec=codec_of(settings.detector), stop=stop) as choice,
        RunWriter(folder, overwrite=resume.overwrite) as writer,
    ):
        problems = _write_plan(writer, out, settings, selection, resume, plan)
        if resume.check_content:
            writer.redo(_changed(writer, choice, execution.workers))
        if not settings.are_numbers:
            plan_sample(writer)
        yield writer, RunLoop(
            writer, settings, choice, execution=execution, watcher=watcher, resume=resume,
            problems=problems,
        )  # fmt: skip


def retry(
    out: PathLike,
    *,
    execution: Execution | None = None,
    watcher: Watcher | None = None,
    **options: Unpack[RetryOptions],
) -> Run:
    """Do the images of the run in `out` again that failed, and those not done yet.

    Images that could not be used to learn what nuclei look like are looked at
    again too. The parameters are those of `census`.
    """
    left: dict[str, Any] = {**options}
    execution = take_value(Execution, execution, left)
    watcher = take_value(Watcher, watcher, left)
    refuse_unknown(left, "retry")
    with Run(out) as run:  # raises if it is not a run
        detector = run.settings.detector
    watcher, stop = watcher.with_stop()
    with (
        working_copy(out, stop) as folder,
        choose_strategy(execution, codec=codec_of(detector), stop=stop) as choice,
        RunWriter(folder) as writer,
    ):
        settings = _settings_to_retry(writer, out)
        writer.redo_failed()
        if not settings.are_numbers:
            _refuse_unknown_sample(writer, out)
            plan_sample(writer)
        was_given = writer.about.sample.get("source") in ("kept", "run")
        RunLoop(
            writer, settings, choice, execution=execution, watcher=watcher,
            resume=Resume(keep_estimates=was_given), is_retry=True,
        ).run()  # fmt: skip
    return writer.hand_over()


class _Plan(NamedTuple):
    """The plan of a run: the images as they are listed, and the outcomes that are known.

    Attributes
    ----------
    images : iterator of ImageRef
        They are found while they are taken.
    treatments : Treatments or None
        What each well was treated with, where a table says so.
    left_out : LeftOut
        What was passed over, once all images are taken.
    inputs : str
        A digest of the inputs.
    channels : set of str
        The channels of the images, where an earlier run is overwritten.
    """

    images: Iterator[ImageRef]
    treatments: "Treatments | None"
    left_out: LeftOut
    inputs: str
    channels: set[str]


def _axes(selection: Selection) -> int:
    """Return how many axes the images have."""
    return 3 if selection.plane.z == "volume" else 2


def _refuse_contradictions(
    out: PathLike | None, settings: Settings, selection: Selection, resume: Resume
) -> None:
    """Raise if what was asked for cannot be, before any file is opened."""
    detector_named(settings.detector)
    check_axes(settings, _axes(selection))
    refuse_two_sources(settings, resume)
    if selection.others.channels and not settings.outlines:
        raise InputError(
            f"other channels ({', '.join(selection.others.channels)}) are to be measured in "
            f"nuclei, and no outlines were asked for; expected both; ask for outlines (--outlines)"
        )
    if selection.light:
        refuse_light(selection, settings)
        check_files(selection)
    if resume.overwrite and resume.estimates_from is not None:
        refuse_itself(resume.estimates_from, out)


def _plan(
    inputs: list[PathLike], selection: Selection, watcher: Watcher, *, overwrites: bool
) -> _Plan:
    """List the images; what is wrong with the inputs is raised before a run is made.

    Before one is overwritten all of them are listed, else the first.
    """
    left_out = LeftOut()
    tell = partial(watcher.on_step, "listed")
    found = list_images(inputs, SUFFIXES, selection, left_out=left_out, on_image=tell)
    treatments = None if selection.metadata is None else _treatments(selection.metadata)
    listed, channels = join_treatments(expand(found), treatments), set[str]()
    if overwrites:
        listed = list_first(listed, channels)
    given = digest_of(absolute(os.fspath(each)) for each in inputs)
    images = telling(ask_first(listed), watcher.on_step, "planned")
    return _Plan(images, treatments, left_out, given, channels)


def _treatments(metadata: PathLike) -> "Treatments":
    """Return what the wells were treated with, as a table says."""
    from ..discover import read_metadata
    from ..values import Treatments

    return Treatments(read_metadata(os.fspath(metadata)))


def _write_plan(
    writer: RunWriter, out: PathLike | None, settings: Settings, selection: Selection,
    resume: Resume, plan: _Plan,
) -> int:  # fmt: skip
    """Write which images are to be done; return how many of them cannot be read."""
    chosen, treatments = facts_of(selection), plan.treatments
    if writer.has_images():
        refuse_other(writer, "settings", settings.as_dict(), out)
        refuse_other(writer, "selection", chosen, out)
        refuse_version(writer, out)
    wells = treatments.wells if treatments else []
    writer.record_facts(settings=settings.as_dict(), selection=chosen, wells=wells)
    problems = writer.plan(
        plan.images, check_content=resume.check_content, shard=selection.shard,
        keeps_others=not settings.are_numbers,
        same_inputs=writer.about.inputs == plan.inputs,
    )  # fmt: skip
    writer.record_facts(
        left_out=plan.left_out.lines(), unmatched=treatments.unmatched() if treatments else [],
        inputs=plan.inputs,
    )  # fmt: skip
    writer.redo_unreadable()
    return problems


def _settings_to_retry(writer: RunWriter, out: PathLike) -> Settings:
    """Return the settings of a run, or say why it cannot be done again."""
    if writer.about.listing is None or not writer.about.selection:
        raise RunError(
            f"the run in {os.fspath(out)!r} was stopped before it listed its images; expected "
            f"one that did; carry it on with nucensus detect"
        )
    settings = Settings.from_dict(writer.about.settings)
    refuse_version(writer, out)
    return settings


def _refuse_unknown_sample(writer: RunWriter, out: PathLike) -> None:
    """Raise if a shard does not know the images that all shards learn from."""
    about = writer.about
    if about.selection["shard"] and about.sampled != about.places:
        raise RunError(
            f"the shard in {os.fspath(out)!r} was stopped before it knew its sample; "
            f"expected one that listed all images; carry it on with nucensus detect"
        )


def _changed(writer: RunWriter, choice: Choice | None, workers: int | None) -> list[int]:
    """Return the keys of the images whose content is not what it was."""

    def key_if_changed(row: tuple[PlannedImage, str]) -> int | None:
        image, content = row
        now = content_hash(image.path, image.plane, image.partners)
        return None if now == content else image.key

    is_remote = choice is not None and choice.strategy.is_remote
    strategy = choice.strategy if choice and is_remote else STRATEGIES["threads"]
    keys = strategy.run(key_if_changed, writer.hashed(), workers or usable_cores())
    return [key for _, key in keys if key is not None and not isinstance(key, Lost)]
