"""How commands grow with a run: seconds and peak memory at several numbers of images.

    python benchmarks/growth.py FOLDER [--images 10000 100000] [--nuclei 20] [--commands wells ...]

Runs are made up (20 nuclei an image, plates of 384 wells with 9 sites) and stay in FOLDER. Each
command is a process of its own; what is shown is its processor time and its greatest memory. A
command is linear where ten times the images take ten times as long; flat is memory that stays.

`detect` counts images of 64 x 64 pixels from their names to the tables, and `work` only reads and
counts them, one after the other: the difference is listing, planning, recording and tables.
`resume` is the same command again, which has nothing to do, and may touch no file.
"""

import argparse
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

_DETECT = ("detect", "{small}", "-o", "{counted}", "--threshold", "1000", "--workers", "1")
_COMMANDS = {
    "wells": ("wells", "{run}", "--csv"),
    "csv": ("export", "{run}", "--to", "csv", "-o", "{out}/csv"),
    "parquet": ("export", "{run}", "--to", "parquet", "-o", "{out}/parquet"),
    "anndata": ("export", "{run}", "--to", "anndata", "-o", "{out}/anndata"),
    "xlsx": ("export", "{run}", "--to", "xlsx", "-o", "{out}/xlsx"),
    "run": ("export", "{run}", "--to", "run", "-o", "{out}/run"),
    "geojson": ("export", "{run}", "--to", "geojson", "-o", "{out}/geojson"),
    "napari": ("export", "{run}", "--to", "napari", "-o", "{out}/napari"),
    "imagej": ("export", "{run}", "--to", "imagej", "-o", "{out}/imagej"),
    "labels": ("export", "{run}", "--to", "labels", "-o", "{out}/labels"),
    "cellprofiler": ("export", "{run}", "--to", "cellprofiler", "-o", "{out}/cellprofiler"),
    "ome-zarr": ("export", "{run}", "--to", "ome-zarr", "-o", "{out}/ome-zarr"),
    "diff": ("diff", "{run}", "{run}"),
    "evaluate": ("evaluate", "{run}", "{truth}"),
    "report": ("report", "{run}", "-o", "{out}/report.html"),
    "scan": ("scan", "{listing}"),
    "work": (),
    "detect": (*_DETECT, "--overwrite"),
    "resume": _DETECT,
}
_WORK = """
import sys
from nucensus import Settings, find_nuclei
from nucensus.read import read
settings = Settings(threshold=1000)
for place in open(sys.argv[1]): find_nuclei(read(place.strip()), settings)
"""
_DRAWN = 10_000
"""Images whose nuclei are drawn; of more they come again."""
_LINKS = 30_000
"""Names that a file may have on every file system."""


def write_truth(run, file):
    """Write the nuclei of a run as a truth."""
    from nucensus import Run

    with open(file, "w", encoding="utf-8") as out:
        out.write("image,y,x\n")
        for name, nuclei in Run(run).nuclei_by_image():
            points = zip(nuclei["y"].tolist(), nuclei["x"].tolist(), strict=True)
            out.writelines(f"{name},{y:g},{x:g}\n" for y, x in points)


def make_run(folder, images, nuclei):
    """Make a run of so many images."""
    import export

    export.NUCLEI_PER_IMAGE = nuclei
    first = min(images, _DRAWN)
    export.make_run(folder, first * nuclei)
    place = "(position / 3456 + 1)", "(position / 9 % 384)"
    with closing(sqlite3.connect(folder / "run.sqlite")) as database, database:
        columns = [each for _, each, *_ in database.execute("PRAGMA table_info(journal)")]
        others = ", ".join(each for each in columns if each not in ("key", "position", "name"))
        for start in range(first, images, first):
            database.execute(
                f"INSERT INTO journal (position, name, {others}) SELECT position + {start}, "
                f"position + {start}, {others} FROM journal "
                f"WHERE position < {min(first, images - start)}"
            )
        database.execute(
            f"UPDATE journal SET plate = 'P' || {place[0]}, well = char(65 + {place[1]} / 24) || "
            f"printf('%02d', {place[1]} % 24 + 1), name = printf('P%d/P%d_%c%02d_s%d.tif', "
            f"{place[0]}, {place[0]}, char(65 + {place[1]} / 24), {place[1]} % 24 + 1, "
            "position % 9 + 1)"
        )


def make_files(folder, images, content):
    """Make so many files of plates: names of few files that hold `content`."""
    for number in range(images):
        well = f"{'ABCDEFGHIJKLMNOP'[number // 9 // 24 % 16]}{number // 9 % 24 + 1:02d}"
        plate = folder / f"P{number // 3456 + 1}"
        if number % 3456 == 0:
            plate.mkdir(parents=True)
        path = plate / f"{plate.name}_{well}_s{number % 9 + 1}.tif"
        if number % _LINKS == 0:
            first = path
            path.write_bytes(content)
        else:
            os.link(first, path)


def small_image():
    """Return a file of an image with one nucleus."""
    import numpy as np
    import tifffile

    y, x = np.mgrid[:64, :64]
    image = 100 + 4000 * np.exp(-((y - 30) ** 2 + (x - 34) ** 2) / 50)
    image += np.random.default_rng(0).normal(0, 5, image.shape)
    with tempfile.TemporaryDirectory() as folder:
        tifffile.imwrite(Path(folder, "a.tif"), image.astype(np.uint16), metadata=None)
        return Path(folder, "a.tif").read_bytes()


def prepare(places, images, nuclei, wanted):
    """Make what the commands name of a run, its truth, empty files of plates, and small images."""
    for name, path in places.items():
        if path.exists() or name not in wanted:
            continue
        if name == "run":
            make_run(path, images, nuclei)
        elif name == "truth":
            write_truth(places["run"], path)
        elif name != "counted":
            make_files(path, images, b"" if name == "listing" else small_image())


def command_of(name, places, folder, out):
    """Return what to start."""
    if name != "work":
        typed = [each.format(out=out, **places) for each in _COMMANDS[name]]
        return [sys.executable, "-m", "nucensus", *typed]
    listed = folder / "small.txt"
    with open(listed, "w") as file:
        file.writelines(f"{each}\n" for each in sorted(places["small"].rglob("*.tif")))
    return [sys.executable, "-c", _WORK, str(listed)]


def looks(folder):
    """Return when each file of a run was written."""
    return {each.name: each.stat().st_mtime_ns for each in os.scandir(folder)}


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
        wanted = " ".join(
            word for name in arguments.commands for word in _COMMANDS[name] or _DETECT
        )
        wanted = [each for each in ("run", "truth", "listing", "small") if f"{{{each}}}" in wanted]
        places = {name: folder / name for name in ("run", "small", "counted")}
        places |= {"truth": folder / "truth.csv", "listing": folder / "plate"}
        # In a process of its own: the memory of this one counts as that of those it starts.
        making = multiprocessing.get_context("spawn").Process(
            target=prepare, args=(places, images, arguments.nuclei, wanted)
        )
        making.start()
        making.join()
        for name in arguments.commands:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                before = looks(places["counted"]) if name == "resume" else None
                seconds, megabytes = measure(command_of(name, places, folder, out))
                if before is not None and looks(places["counted"]) != before:
                    raise SystemExit("a start with nothing to do wrote files")
            each_us = 1e6 * seconds / images
            print(f"{images:>9,} {name:<12} {seconds:8.2f} s {each_us:7.0f} us {megabytes:6.0f} MB",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
