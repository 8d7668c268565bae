"""Ask the workers of a cluster whether they can do the work, before any is sent."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .._version import __version__

if TYPE_CHECKING:
    from distributed import Client


def problems(
    client: "Client",
    workers: Sequence[str],
    paths: Sequence[str],
    fitness: Callable[[list[str]], str | None] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield (address, problem) of those whose versions differ, or that cannot find one of `paths`.

    What is not there on this machine either, nobody is asked for. `fitness` says what else a worker
    lacks to work on them.
    """
    from distributed.versions import get_versions

    ask = partial(client.run, workers=list(workers), on_error="return")
    for address, there in ask(get_versions, packages=["nucensus"]).items():
        if isinstance(there, dict) and (problem := _of_versions(there)):
            yield address, problem
    if here := list(filter(os.path.exists, paths)):
        for address, missing in ask(_first_missing, here).items():
            if isinstance(missing, str):
                yield address, (
                    f"cannot find {missing!r}; expected a file system that all the workers share; "
                    f"mount it there under the same path, or use object storage"
                )  # fmt: skip
    if fitness is not None:
        for address, lacking in ask(fitness, list(paths)).items():
            if lacking is not None:
                yield address, f"cannot do this work: {lacking}"


def _first_missing(paths: Sequence[str]) -> str | None:
    return next((path for path in paths if not os.path.exists(path)), None)


def _of_versions(there: dict[str, Any]) -> str | None:
    version, python = there["packages"].get("nucensus"), there["host"]["python"]
    if version != __version__:
        return (
            f"has {f'nucensus {version}' if version else 'no nucensus'}; expected {__version__}, "
            f"as here; install the same version in both places"
        )
    here = platform.python_version()
    if python.split(".")[:2] != here.split(".")[:2]:
        return f"runs Python {python}; expected {here}, as here; use the same in both places"
    return None
