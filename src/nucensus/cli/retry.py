"""`nucensus retry`."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from .commands import Command, importing
from .destination import Destination
from .running import run_and_report, run_options


@click.command(cls=Command, epilog="Example: nucensus retry run --isolate --timeout 60")
@click.argument("out", metavar="RUN", type=Destination())
@run_options
def command(out: Path | str, **run_options: Any) -> None:
    """Do the failed images of a run again, and those not done yet.

    RUN is the folder that nucensus detect -o wrote. The settings are those of
    the run; everything that was found stays.

    Exit code: 0 if every image was done, 3 if some failed again (0 with --failed-ok).
    """
    with importing():
        from ..batch import retry

    run_and_report(partial(retry, out), out, **run_options)
