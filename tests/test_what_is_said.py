"""All that is said of made-up runs and folders: reports, tables, what commands print.

python tests/test_what_is_said.py   writes it again, for the difference to be read
"""

import contextlib
import io
import json
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from stated_runs import some_centres, write_run
from test_worth import FORK, FREE, HELD, LIST, THREADS, comparison, row

from nucensus import Run
from nucensus.batch import Measured, choose_from
from nucensus.batch.choose import trial_size
from nucensus.bench.worth.findings import Timing
from nucensus.bench.worth.page import page
from nucensus.bench.worth.predict import Circumstances, predict
from nucensus.bench.worth.table import not_run, table_text
from nucensus.bench.worth.ways import Way
from nucensus.cli import _nucensus
from nucensus.cli.running import exit_code, print_failures, print_notes, print_summary
from nucensus.execute import STRATEGIES, strategy_named
from nucensus.machine import can_fork, has_interpreter_lock
from nucensus.report import write_report
from nucensus.store import RunWriter
from nucensus.values import MEASURED, Centres, Failed, Found, ImageRef, Outlines, Place, Settings

SAID = Path(__file__).parent / "expected" / "said"
SHAPE = (200, 240)
FLAGS = {5: "blank", 11: "out-of-focus", 12: "debris", 23: "crowded", 30: "unsure"}
DRUGS = {2: ("drug A", "1 uM"), 3: ("drug A", "10 uM"), 4: ("drug B", "0.5 uM")}


def draw(count, number):
    """Return so many whole numbers from 0 to 9999, the same on every machine."""
    state, drawn = 7919 * number + 1, []
    for _ in range(count):
        state = state * 48271 % 2147483647
        drawn.append((state >> 16) % 10_000)
    return np.array(drawn)


def found_in(number, count):
    """Make the nuclei of an image: bright ones first, with outlines and DNA of a cell cycle."""
    places = np.unique(draw(3 * count, number))[:count] * 4
    points = np.column_stack(np.divmod(places, SHAPE[1]))[::-1]
    labels = np.zeros(SHAPE, np.int32)
    labels[tuple(points.T)] = np.arange(1, len(points) + 1)
    measured = np.zeros(len(points), MEASURED)
    for place, name in enumerate(MEASURED.names):
        measured[name] = (1 + draw(len(points), 100 * number + place) % 50) / 4
    cycle = draw(len(points), number + 9000)
    phase = 1 + (cycle % 10 > 6) + (cycle % 10 == 6) * (cycle // 10 % 10) / 10
    measured["integrated"] = 20_000 * phase * (1 + (draw(len(points), number + 500) - 5000) / 6e4)
    measured["touches_edge"] = False
    return Centres(
        points.astype(np.int64), 4000.0 - 3 * np.arange(len(points)), flag=FLAGS.get(number),
        measured=measured, outlines=Outlines.from_labels(labels, len(points)),
        confidences=(1 + draw(len(points), number + 700) % 100) / 100,
    )  # fmt: skip


def write_plates(folder):
    """Write a run of two plates of 16 wells in two sites, with treatments."""
    wells = [(plate, f"{row}{column:02d}", site) for plate in ("P1", "P2") for row in "ABCD"
             for column in (1, 2, 3, 4) for site in (1, 2)]  # fmt: skip
    with RunWriter(folder) as writer:
        writer.record_facts(
            settings=Settings(outlines=True).as_dict(), version="0.1.0", started=1.7e9, seconds=75,
            strategy={"name": "threads", "workers": 2, "reason": "asked for"},
            machine={"processor": "made up", "cores": {"machine": 2}},
            starts=[{"started": 1.7e9, "seconds": 75, "images": len(wells)}],
        )  # fmt: skip
        writer.plan(
            ImageRef(f"{plate}_{well}_s{site}.tif", f"/in/{plate}_{well}_s{site}.tif", 240, 1,
                     place=Place(plate, well, str(site)), extra=treatment(well))
            for plate, well, site in wells
        )  # fmt: skip
        for number, planned in enumerate(list(writer.pending())):
            column = int(wells[number][1][1:])
            count = 60 - 9 * column + draw(1, number)[0] % 9 + 30 * (number == 40)
            outcome = Found(found_in(number, count), SHAPE, "uint16", 2.5, 11.0, 1.5, "LZW")
            if number in (7, 50, 51):
                outcome = Failed("read", f"it is cut off after {number % 2 + 3} rows")
            if number != 63:
                writer.record_all([(planned.key, outcome, None)])
        writer.commit()
    return Run(folder)


def treatment(well):
    drug, dose = DRUGS.get(int(well[1:]), ("DMSO", ""))
    return json.dumps({"drug": drug, **({"dose": dose} if dose else {})})


def write_views(folder, *, fewer=0, name=""):
    """Write a run of no plate, in two channels and two planes; fewer nuclei in one image."""
    images = {
        f"{channel}_{z}_{site}.tif": (
            some_centres(count - fewer * (name == f"{channel}_{z}_{site}.tif"), seed=count),
            {"channel": channel, "z": z, "site": site, "pixel_y_um": 0.5, "pixel_x_um": 0.5},
        )
        for (channel, z), counts in {
            ("DAPI", 0): (30, 10, 12), ("DAPI", 1): (20, 6, 9), ("GFP", 0): (0, 0, 1),
            ("GFP", 1): (2, 5, 40),
        }.items()
        for site, count in enumerate(counts)
    }  # fmt: skip
    return write_run(folder, {**images, "cut.tif": Failed("read", "it is cut off")})


def report_of(run, folder, **chosen):
    write_report(run, folder / "report.html", **chosen)
    return plain((folder / "report.html").read_text("utf-8"))


def plain(html):
    """Return a page without its style, its programs and its pictures, a tag a line."""
    html = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    html = re.sub(r"data:[^\"')]*", "", html)
    return "\n".join(line.strip() for line in html.replace("<", "\n<").splitlines() if line.strip())


def printed(*arguments, code=0):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(_nucensus, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


OPERA = [f"P1/r{row:02d}c{column:02d}f{field:02d}p{plane:02d}-ch{channel}sk1fk1fl1.tiff"
         for row in (1, 2) for column in (3, 4) for field in (1, 2) for plane in (1, 2)
         for channel in (1, 2)]  # fmt: skip
SITES = [f"day{day}/P{day}_{well}_s{site}_w{channel}.TIF" for day in (1, 2)
         for well in ("A01", "A02", "B01") for site in (1, 2) for channel in (1, 2)]  # fmt: skip
FOLDERS = {
    "opera": OPERA[:-1],
    "sites": [*SITES[:-3], "day1/P1_A01_s1_thumb1.TIF", "day1/P1_A01_s1_w1_thumb.TIF",
              "day1/notes.txt", "day2/a.jpg"],
    "no_wells": ["a.tif", "b_t01_z2.tif", "b_t02_z2.tif", "x/c DAPI.tif", "x/c Cy5.tif"],
    "words": [f"exp_{well}_{site}_{stain}.tif" for well in ("A1", "A12", "H12")
              for site in range(1, 12) for stain in ("Blue", "Green")],
    "times": [f"t{time:03d}/pos_{place}_c{channel}.tif" for time in range(3)
              for place in range(2) for channel in range(2)],
    "series": [f"run_w{channel}{stain}_s{site}_t{time}.stk" for channel, stain in
               ((1, "DAPI"), (2, "GFP")) for site in (1, 2) for time in (1, 2)][:-1],
    "large": [f"C01_{well}_f{site}_d0.TIF" for well in ("A01", "AF48", "C17") for site in "0123"],
}  # fmt: skip
"""Names of files, as instruments and people give them, by what they are like."""


def write_folder(folder, names):
    """Write files that are called so, and hold no image."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"II*\0")
    return folder


def said(folder):
    """Yield what is said, by name."""
    with write_plates(folder / "plates") as run:
        yield "report_of_plates", report_of(run, folder, control="DMSO")
    with write_views(folder / "views") as run:
        yield "report_of_views", report_of(run, folder)
    for name, names in FOLDERS.items():
        there = write_folder(folder / name, names)
        yield f"scan_of_{name}", printed("scan", there)
        yield f"scan_of_{name}_as_json", printed("scan", there, "--json")
    plates, views = folder / "plates", folder / "views"
    with Run(views) as run:
        truth = [f"{nucleus['image']},{min(nucleus['y'] + n % 13, 99)},{nucleus['x']}"
                 for n, nucleus in enumerate(run.nuclei) if n % 7]  # fmt: skip
    (folder / "truth.csv").write_text("\n".join(["image,y,x", *truth, "GFP_0_0.tif,5,5"]))
    yield "evaluate", printed("evaluate", views, folder / "truth.csv", "--radius", 8)
    yield "positive", printed("wells", plates, "--positive", "solidity=8", "--csv")
    write_views(folder / "other", fewer=3, name="DAPI_1_2.tif").close()
    yield "diff", printed("diff", views, folder / "other", code=1)
    yield "wells", printed("wells", plates)
    yield "cycle", printed("cycle", plates, "--by", "drug")
    yield "at_the_end", "\n".join(said_at_the_end(folder))
    for run in (plates, views):
        for form in ("csv", "wells", "napari"):
            out = folder / "out" / run.name / form
            printed("export", run, "--to", form, "-o", out)
            for path in sorted(out.rglob("*.csv"))[:2]:
                lines = path.read_text("utf-8").splitlines()
                yield f"{path.stem}_{form}_{run.name}", "\n".join(lines[:: 1 + len(lines) // 70])


LATER = {
    "as it is": {},
    "in parts": {"strategy": {"name": "threads", "workers": 4,
                              "in_parts": {"images": 2, "at_a_time": 3}}},
    "all in parts": {"strategy": {"name": "threads", "workers": 4,
                                  "in_parts": {"images": 64, "at_a_time": 1}}},
    "carried on": {"starts": [{"started": 1.7e9, "seconds": 7, "images": 60},
                              {"started": 1.8e9, "seconds": 0.4, "images": 1}]},
    "nothing done now": {"starts": [{"started": 1.8e9, "seconds": 0.4, "images": 0}]},
    "vanished": {"vanished": 7, "vanished_names": ["a.tif", "b.tif"],
                 "left_out": ["2 left out: thumbnails"], "unmatched": ["A01: no image"]},
    "learning": {"is_learning": True},
    "told what took long": {"is_learning": False, "bottleneck": "Reading took longest."},
}  # fmt: skip
"""Facts that a start adds to those before it."""


def summary_of(run):
    """Return what is printed of a run at its end."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        print_summary(run, "s3://bucket/run")
        print_failures(run)
        print_notes(run)
    codes = [exit_code(run, failed_ok=each) for each in (True, False)]
    return f"{told.getvalue()}{codes}"


def said_at_the_end(folder):
    """Yield what is printed at the end of runs: those of plates and views, and of few images."""
    start = {"starts": [{"started": 1.7e9, "seconds": 75, "images": 64}]}
    with Run(folder / "plates") as run:
        yield f"# plates\n{summary_of(run)}"
    shutil.copytree(folder / "views", folder / "end" / "views")
    with RunWriter(folder / "end" / "views") as writer:
        for what, facts in LATER.items():
            writer.record_facts(**start | facts)
            yield f"# {what}\n{summary_of(writer.view())}"
    none, one = some_centres(0), some_centres(1)
    blank, drops = replace(none, flag="blank"), Settings("maxima", 2, 30, 9000, border="drop")
    sizes = {f"{n}.tif": (one, {"pixel_y_um": n / 4, "pixel_x_um": n / 4}) for n in range(1, 9)}
    failed = {f"{n}.tif": Failed("read", f"it is cut off at {n * (n < 24)}") for n in range(29)}
    for name, images, settings in (
        ("blank", {"a.tif": blank, "b.tif": blank}, Settings()),
        ("blank on bright", {"a.tif": blank}, Settings(invert=True)),
        ("below the threshold", {"a.tif": none, "b.tif": none}, drops),
        ("below it and kept", {"a.tif": none}, Settings("maxima", 2, 3, 9.5)),
        ("sizes", sizes | {"a.tif": one, "b.tif": one}, Settings()),
        ("failed", failed, Settings()),
        ("one failed", {"a.tif": failed["1.tif"]}, Settings()),
        ("some failed", failed | {"a.tif": one, "b.tif": None}, Settings()),
        ("notes", {f"{n}.tif": (one, {"note": f"note {n % 9}"}) for n in range(20)}, Settings()),
    ):
        with write_run(folder / "end" / name, images, settings=settings, **start) as run:
            yield f"# {name}\n{summary_of(run)}"


HEAVY = replace(
    FREE, image_s=0.2, result_s=0.05, message_s=0.01, keep_s=0.02, fork_s=0.001, import_s=3.0,
    measured=replace(FREE.measured, load_s=0.2, apply_s=0.02, cpu_s=0.1, threaded_s=0.15),
)  # fmt: skip
CHUNKED = Timing(
    "count", Way("pool-fork", chunk_size=20), "pool-fork", (5.9, 6.0, 6.3), warm_up_s=0.4
)
BUSY = {"load": 7.0, "processor": "", "system": "", "python": ""}
COMPARISONS = {
    "free": comparison(LIST, THREADS, FORK, CHUNKED),
    "held": comparison(LIST, row("threads", 14.0), FORK, known=HELD, workers=4),
    "heavy": comparison(LIST, THREADS, row("pool-fork", 20.0), known=HEAVY, in_memory=True),
    "two": comparison(LIST, THREADS, row("threads", 30.0, function="slow"), images=7),
    "crowded": comparison(LIST, row("pool-fork", 15.0), machine=BUSY,
                          known=replace(FREE, crowded={1: 0.058, 2: 0.116})),
    "failed": comparison(LIST, Timing("count", Way("joblib"), failure="<not> here"), workers=1),
}  # fmt: skip


def said_of_comparisons():
    """Yield what is said of comparisons of strategies, and what is predicted of each."""
    for name, each in COMPARISONS.items():
        yield f"# {name}\n{each.recommendation}\n{table_text(each)}\n{not_run(each)}"
        yield each.code()
        yield plain(page(each))
    for known in (FREE, HELD, HEAVY):
        for name in STRATEGIES:
            for images, cores in ((1, 1), (240, 1), (240, 2), (7, 8), (5000, 64)):
                run = Circumstances(images=images, cores=cores)
                yield f"{name} {images} {cores} {predict(known, strategy_named(name), run)}"


TIMES = {"images": 5, "load_s": 0.001, "apply_s": 0.05, "cpu_s": 0.051, "spent_s": 0.4}
MEASURED_OF = {
    "threads that share all": TIMES,
    "a function that holds the lock": TIMES | {"locked": 0.9},
    "half of it under the lock": TIMES | {"locked": 0.5},
    "a slow disk": TIMES | {"load_s": 0.2, "wait_s": 0.15, "locked": 0.01},
    "a disk that is hardly waited for": TIMES | {"load_s": 0.01, "wait_s": 0.0055},
    "a far server": TIMES | {"load_s": 5.0, "wait_s": 4.9},
    "short images": {"images": 90, "load_s": 0.0005, "apply_s": 0.0005, "locked": 0.2},
    "short images that were tried": {"load_s": 5e-4, "apply_s": 5e-4, "threaded_s": 0.0007,
                                     "images": 90},
    "several cores by itself": TIMES | {"cpu_s": 0.2},
    "hardly more than one core": TIMES | {"cpu_s": 0.066},
    "a long warm-up": TIMES | {"warm_up_s": 3.0},
    "nothing": {},
}  # fmt: skip
"""What pilots may have measured; what is found is not to be sent to other processes."""


def said_of_choices():
    """Yield which strategy is chosen where that was measured, why, and what is kept of it."""
    for name, times in MEASURED_OF.items():
        measured = Measured(**times, pickle_s=np.inf)
        for remaining, workers, more in (
            (0, 4, {}), (2, 4, {}), (500, 1, {}), (40, 64, {}), (500, 4, {"in_memory": True}),
            (500, 4, {"is_stream": True}), (500, 4, {}),
        ):  # fmt: skip
            choice = choose_from(measured, remaining, workers=workers, function=len, **more)
            trial = trial_size(choice, remaining)
            yield f"# {name}: {remaining} {workers} {''.join(more)} {choice.ahead} {trial}"
            yield choice.explain()
        yield json.dumps(choice.as_dict())


NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def assert_was_said(name, text):
    expected, found = (SAID / f"{name}.txt").read_text("utf-8"), text.rstrip() + "\n"
    assert NUMBER.sub("0", found) == NUMBER.sub("0", expected), name
    numbers = [np.array(NUMBER.findall(each), float) for each in (found, expected)]
    np.testing.assert_allclose(*numbers, rtol=2e-5, err_msg=name)


@pytest.mark.skipif(
    not (can_fork() and has_interpreter_lock()), reason="what is said is that of Linux with a lock"
)
def test_what_is_said_of_comparisons_and_choices_is_what_was_said():
    assert_was_said("comparisons", "\n".join(said_of_comparisons()))
    assert_was_said("choices", "\n".join(said_of_choices()))


def test_what_is_said_of_runs_and_folders_is_what_was_said(tmp_path):
    for package in ("scipy", "jinja2"):
        pytest.importorskip(package)
    names = {path.stem for path in SAID.glob("*.txt")} - {"choices", "comparisons"}
    for name, text in said(tmp_path):
        assert_was_said(name, text)
        names.discard(name)
    assert not names


def main():
    """Write what is said."""
    SAID.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        texts = {
            **dict(said(Path(folder))),
            "comparisons": "\n".join(said_of_comparisons()),
            "choices": "\n".join(said_of_choices()),
        }
        for name, text in texts.items():
            (SAID / f"{name}.txt").write_text(text.rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()


def test_an_empty_folder_to_write_to_is_refused_as_a_variable_that_is_not_set(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"")
    said = CliRunner().invoke(_nucensus, ["detect", str(tmp_path), "-o", ""])
    assert said.exit_code == 2
    assert "'' is no path; expected a folder" in said.output
