"""How far long work is: a bar on a terminal, a line a minute elsewhere."""

import re
import sys

import pytest
from click.testing import CliRunner
from stated_runs import plate_run

from nucensus.cli import _nucensus
from nucensus.cli.detect import command as detect
from nucensus.cli.export import command as export
from nucensus.cli.merge import command as merge
from nucensus.cli.progress import _Bar, _Lines, progress_of
from nucensus.cli.terminal import PrintableStream
from nucensus.text.plurals import duration


def stderr_of(plate, tmp_path, *arguments):
    done = CliRunner().invoke(detect, [str(plate), "-o", str(tmp_path / "run"), *arguments])
    assert done.exit_code == 0, done.output
    return done.stderr


@pytest.fixture
def every_image(monkeypatch):
    """Print a line at every image, not every minute."""
    monkeypatch.setattr(_Lines, "_every_s", 0)


@pytest.mark.usefixtures("every_image")
def test_where_nobody_watches_lines_say_how_far_it_is(plate, tmp_path):
    lines = stderr_of(plate, tmp_path, "--workers", "1").splitlines()
    shown = [line for line in lines if " of " in line and line.endswith(" left")]
    count = len(list(plate.glob("*.tif")))
    assert [int(line.split()[0]) for line in shown] == list(range(1, count + 1))
    assert re.fullmatch(
        rf"{count} of {count} images  \d+ images/s  \d+ MB/s  \d+ nuclei  0\.00 s left", shown[-1]
    )


@pytest.mark.usefixtures("every_image")
@pytest.mark.parametrize("asked", [["--progress", "none"], ["--quiet"]])
def test_progress_can_be_left_out(plate, tmp_path, asked):
    assert " left" not in stderr_of(plate, tmp_path, *asked)


def test_a_bar_can_be_asked_for_where_there_is_no_terminal(plate, tmp_path):
    count = len(list(plate.glob("*.tif")))
    assert f"{count}/{count}" in stderr_of(plate, tmp_path, "--progress", "bar")


@pytest.mark.usefixtures("every_image")
def test_outcomes_before_the_start_are_no_error():
    with progress_of("lines") as progress:
        progress.advance(None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0.20 s"), (9.999, "10 s"), (59.6, "1 min 0 s"), (119.7, "2 min 0 s"),
        (599, "10 min"), (5400, "1 h 30 min"),
    ],
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said


@pytest.mark.usefixtures("every_image")
def test_a_report_and_its_gallery_say_how_far_they_are(tmp_path):
    plate_run(tmp_path / "run")
    asked = ["report", str(tmp_path / "run"), "--gallery"]
    lines = CliRunner().invoke(_nucensus, asked).stderr.splitlines()
    steps = [int(line.split()[0]) for line in lines if " steps " in line]
    assert steps[-3:] == [1, 2, 3]  # pictures of the gallery
    report = steps[:-3]
    assert report == sorted(report)
    assert re.match(rf"{report[-1]} of {report[-1]} steps .* left", lines[len(report) - 1])
    quiet = CliRunner().invoke(_nucensus, [*asked, "--progress", "none"])
    assert quiet.stderr == ""


@pytest.mark.usefixtures("every_image")
@pytest.mark.parametrize("to", ["csv", "wells", "geojson", "napari"])
def test_an_export_says_how_many_images_it_went_through(plate, tmp_path, to):
    stderr_of(plate, tmp_path)
    run = str(tmp_path / "run")

    def said(*asked):
        done = CliRunner().invoke(export, [run, "--to", to, "-o", str(tmp_path / to), *asked])
        assert done.exit_code == 0, done.output
        return done.stderr

    count = len(list(plate.glob("*.tif")))
    assert re.search(rf"^{count} images gone through  \d+ images/s$", said(), re.MULTILINE)
    assert "gone through" not in said("--progress", "none")


@pytest.mark.usefixtures("every_image")
def test_what_comes_before_and_after_the_work_says_how_far_it_is(plate, tmp_path):
    lines = stderr_of(plate, tmp_path).splitlines()
    count = len(list(plate.glob("*.tif")))
    for what in ("listed", "planned", "looked at"):
        assert f"{count} images {what}" in "\n".join(lines)
    assert any(re.match(r"\d+ images gone through for the tables  \d", line) for line in lines)
    assert lines[0].startswith("1 image listed")


@pytest.mark.usefixtures("every_image")
@pytest.mark.parametrize(
    "asked", [["wells", "run"], ["evaluate", "run", "truth.csv"], ["diff", "run", "run"],
              ["import", "run", "truth.csv"], ["cycle", "run"]], ids=lambda asked: asked[0],
)  # fmt: skip
def test_no_long_work_stands_without_a_word(plate, tmp_path, monkeypatch, asked):
    stderr_of(plate, tmp_path, "--outlines")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "truth.csv").write_text("image,y,x\nA01_s1.tif,30,30\n")
    said = CliRunner().invoke(_nucensus, asked)
    assert said.exit_code in (0, 1), said.output
    assert re.search(r"^\d+ images? (gone through|taken back)  \d", said.stderr, re.MULTILINE)
    quiet = CliRunner().invoke(_nucensus, [*asked, "--progress", "none"]).stderr
    assert "gone through" not in quiet
    assert "taken back" not in quiet


@pytest.mark.parametrize("kind", ["lines", "bar"])
def test_one_thing_is_counted_after_the_other(kind, capsys, monkeypatch):
    monkeypatch.setattr(_Lines, "_every_s", 0)
    monkeypatch.setattr(_Bar, "_every_s", 0)
    monkeypatch.setattr(sys, "stderr", PrintableStream(sys.stderr))  # as of the command line
    with progress_of(kind) as progress:
        for what in ("listed", "listed", "planned"):
            progress.count(what)
        progress.start(2)
        progress.reach(2, 2)
        progress.count("written")
    said = [
        line
        for line in re.split(r"[\r\n]+", capsys.readouterr().err)
        if "images" in line or "image " in line
    ]
    counted = [re.match(r"(\d+) images? (listed|planned|written)", line) for line in said]
    assert [match.groups() for match in counted if match] == [
        ("1", "listed"), ("2", "listed"), ("1", "planned"), ("1", "written")
    ]  # fmt: skip


@pytest.mark.usefixtures("every_image")
def test_a_merge_says_how_many_images_it_went_through(plate, tmp_path):
    shards = [str(tmp_path / f"{index}") for index in (1, 2)]
    for index, shard in enumerate(shards, 1):
        done = CliRunner().invoke(detect, [str(plate), "-o", shard, "--shard", f"{index}/2"])
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(merge, [*shards, "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    count = len(list(plate.glob("*.tif")))
    assert f"{count} images gone through" in done.stderr


@pytest.mark.usefixtures("every_image")
def test_a_scan_says_how_many_images_it_found(plate):
    count = len(list(plate.glob("*.tif")))
    said = CliRunner().invoke(_nucensus, ["scan", str(plate)]).stderr
    assert re.search(rf"^{count} images found  \d+ images/s$", said, re.MULTILINE)
    quiet = CliRunner().invoke(_nucensus, ["scan", str(plate), "--progress", "none"])
    assert quiet.exit_code == 0
    assert quiet.stderr == ""
