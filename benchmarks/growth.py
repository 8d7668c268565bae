"""How commands grow with a run: seconds and peak memory at several numbers of images.

    python benchmarks/growth.py FOLDER [--images 10000 100000] [--nuclei 20] [--commands wells ...]

Runs are made up (20 nuclei an image, plates of 384 wells with 9 sites) and stay in FOLDER. Each
command is a process of its own; what is shown is its processor time and its greatest memory. A
command is linear where ten times the images take ten times as long; flat is memory that stays.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import export

_COMMANDS = {
    "wells": ("wells", "{run}"),
    "csv": ("export", "{run}", "--to", "csv", "-o", "{out}/csv"),
    "parquet": ("export", "{run}", "--to", "parquet", "-o", "{out}/parquet"),
    "geojson": ("export", "{run}", "--to", "geojson", "-o", "{out}/geojson"),
    "diff": ("diff", "{run}", "{run}"),
    "evaluate": ("evaluate", "{run}", "{truth}"),
    "report": ("report", "{run}", "-o", "{out}/report.html"),
    "scan": ("scan", "{listing}"),
}


def write_truth(run, file):
    """Write the nuclei of a run as a truth."""
    with open(file, "w", encoding="utf-8") as out:
        out.write("image,y,x\n")
        for name, nuclei in run.nuclei_by_image():
            points = zip(nuclei["y"].tolist(), nuclei["x"].tolist(), strict=True)
            out.writelines(f"{name},{y:g},{x:g}\n" for y, x in points)


def prepare(folder, images, nuclei, commands):
    """Make a run of so many images, and of its truth and its files what the commands take."""
    export.NUCLEI_PER_IMAGE = nuclei
    if not (folder / "run/run.sqlite").exists():
        export.make_run(folder / "run", images * nuclei)
        with sqlite3.connect(folder / "run/run.sqlite") as database:  # images of unlike names
            database.execute("UPDATE journal SET name = plate || '/' || replace(name, '/', '_')")
            database.execute(
                "UPDATE journal SET well = char(65 + substr(well, 5) / 24) || "
                "printf('%02d', substr(well, 5) % 24 + 1)"
            )
    if "evaluate" in commands and not (folder / "truth.csv").exists():
        write_truth(export.Run(folder / "run"), folder / "truth.csv")
    if "scan" in commands:
        touch_files(folder / "plate", images)
    return {"run": folder / "run", "truth": folder / "truth.csv", "listing": folder / "plate"}


def touch_files(listing, images):
    """Make empty files of the names of plates."""
    listing.mkdir(exist_ok=True)
    if len(os.listdir(listing)) < images:
        for number in range(images):
            well = f"{'ABCDEFGHIJKLMNOP'[number // 9 // 24 % 16]}{number // 9 % 24 + 1:02d}"
            name = f"P{number // 3456 + 1}_{well}_s{number % 9 + 1}.tif"
            (listing / name).touch()


def measure(command):
    """Return seconds of processor time and peak megabytes of a command."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read().decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--nuclei", type=int, default=20)
    parser.add_argument("--commands", nargs="+", default=list(_COMMANDS), choices=_COMMANDS)
    arguments = parser.parse_args()
    for images in arguments.images:
        folder = arguments.folder / str(images)
        folder.mkdir(parents=True, exist_ok=True)
        places = prepare(folder, images, arguments.nuclei, arguments.commands)
        for name in arguments.commands:
            with tempfile.TemporaryDirectory() as out:
                typed = [each.format(out=out, **places) for each in _COMMANDS[name]]
                seconds, megabytes = measure([sys.executable, "-m", "nucensus", *typed])
            each_us = 1e6 * seconds / images
            print(f"{images:>9,} {name:<9} {seconds:8.2f} s {each_us:7.0f} us {megabytes:6.0f} MB",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
