"""List and sample the images of a census once, and count them in parts that do not do so again."""

import os
from collections.abc import Iterable
from typing import Any, TypeAlias, Unpack

from ..detect import settings_of
from ..execute import refuse_unguarded
from ..store import Run, RunWriter, working_copy
from ..values import (
    Execution,
    Resume,
    RetryOptions,
    Selection,
    Settings,
    Shard,
    Watcher,
    refuse_unknown,
    take_value,
)
from .decide import choose_strategy, codec_of
from .refuse import refuse_other_plan, refuse_unplanned, refuse_version
from .run_loop import RunLoop
from .take_census import listed_run

PathLike: TypeAlias = str | os.PathLike[str]


def plan_census(
    inputs: PathLike | Iterable[PathLike],
    out: PathLike,
    settings: Settings | None = None,
    *,
    selection: Selection | None = None,
    execution: Execution | None = None,
    watcher: Watcher | None = None,
    resume: Resume | None = None,
    **options: Unpack[RetryOptions],
) -> Run:
    """Do what a census does before it counts: list the images, and learn from a sample of them.

    What is in `out` then is a run that is stopped: `census` of the same inputs
    carries it on, and `census_planned` counts a part of it elsewhere. The
    parameters are those of `census`; a shard is chosen later.
    """
    left: dict[str, Any] = {**options}
    execution = take_value(Execution, execution, left)
    watcher = take_value(Watcher, watcher, left)
    refuse_unknown(left, "plan_census")
    how = execution, watcher, resume or Resume()
    with listed_run(inputs, out, settings_of(settings), selection or Selection(), *how) as (
        writer,
        loop,
    ):
        loop.learn()
    return Run(writer.folder or out)


def census_planned(
    plan: PathLike,
    out: PathLike,
    *,
    shard: Shard | None = None,
    execution: Execution | None = None,
    watcher: Watcher | None = None,
    overwrite: bool = False,
    **options: Unpack[RetryOptions],
) -> Run:
    """Find the nuclei of the images of a plan, or of a shard of them, as the plan has learned.

    Nothing is listed, and no sample is read. A run of this plan in `out` is carried on.

    Parameters
    ----------
    plan : path
        The folder that `plan_census` wrote.
    out : path
        The folder of the run, another one.
    shard : Shard, optional
        Only this part of the images is done; join the parts with `merge_runs`.
    execution, watcher, **options
        As those of `census`.
    overwrite : bool
        Whether an earlier run in `out` is replaced.

    Returns
    -------
    Run
        A read-only view of the run file.

    Raises
    ------
    RunError
        The plan is none, or not finished; or `out` holds another run.
    """
    left: dict[str, Any] = {**options}
    execution = take_value(Execution, execution, left)
    watcher = take_value(Watcher, watcher, left)
    refuse_unknown(left, "census_planned")
    refuse_unguarded()
    selection, settings = refuse_unplanned(plan, out, shard)
    watcher, stop = watcher.with_stop()
    with (
        working_copy(out, stop, overwrite=overwrite) as folder,
        choose_strategy(execution, codec=codec_of(settings.detector), stop=stop) as choice,
        RunWriter(folder, overwrite=overwrite) as writer,
    ):
        if writer.has_images():
            refuse_other_plan(writer, plan, selection, out)
        else:
            writer.take_plan(plan, shard, selection=selection)
        refuse_version(writer, out)
        writer.redo_unreadable()
        RunLoop(
            writer, settings, choice, execution=execution, watcher=watcher, resume=Resume(),
            is_planned=True,
        ).run()  # fmt: skip
    return Run(folder or out)
