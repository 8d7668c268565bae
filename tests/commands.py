"""Start `nucensus` as users do, and look at what it left behind."""

import contextlib
import csv
import functools
import io
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest import mock

from nucensus.cli import main

SETTINGS = ("--threshold", "300", "--border", "keep")
PLANTED = str(Path(__file__).with_name("planted.py"))


class Process(subprocess.Popen):
    """A process that a test which fails does not wait for."""

    def __exit__(self, kind, *more):
        if kind is not None:
            self.kill()
        super().__exit__(kind, *more)


def start(*arguments, program=("-m", "nucensus"), **options):
    """Start the command and return its process."""
    return Process(
        [sys.executable, *program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*arguments, program=("-m", "nucensus"), **options):
    """Run the command to its end."""
    with start(*arguments, program=program, **options) as process:
        stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def run_here(*arguments, cwd=None):
    """Run the command to its end in this process, where no process has to start for the promise."""
    said, errors, command = io.StringIO(), io.StringIO(), ["nucensus", *map(str, arguments)]
    with (
        contextlib.chdir(cwd or os.curdir),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
        mock.patch.multiple(sys, argv=command, __stderr__=None),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(command, code, said.getvalue(), errors.getvalue())


def detect(inputs, out, *options, runs=run, **more):
    """Run `nucensus detect` to its end."""
    inputs = [inputs] if isinstance(inputs, Path) else inputs
    return runs("detect", *inputs, "-o", out, *SETTINGS, *options, **more)


detect_here = functools.partial(detect, runs=run_here)


def tables(out):
    """Return what nuclei.csv and images.csv say, without the columns that hold times."""
    text = (out / "images.csv").read_text(encoding="utf-8", errors="surrogateescape")
    images = [
        {name: value for name, value in row.items() if not name.endswith("_ms")}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]
    return (out / "nuclei.csv").read_bytes(), images


def statuses(out):
    """Return the status of each image by name."""
    return {row["image"]: row["status"] for row in tables(out)[1]}


def query(out, sql):
    """Ask the run file."""
    with closing(sqlite3.connect(out / "run.sqlite")) as database:
        return database.execute(sql).fetchall()


def is_sound(out):
    """Tell whether the run file is whole and holds no image twice."""
    if not (out / "run.sqlite").exists():
        return True
    if not query(out, "SELECT count(*) FROM sqlite_master")[0][0]:
        return True
    names = query(out, "SELECT count(*), count(DISTINCT name) FROM journal")[0]
    return query(out, "PRAGMA integrity_check") == [("ok",)] and names[0] == names[1]
