import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
from stated_runs import some_centres, write_run

from nucensus import Settings, diff_images
from nucensus.cli import main
from nucensus.score.differences import diff_settings
from nucensus.values import MEASURED, Centres, Failed


@pytest.fixture
def diff(monkeypatch, capsys, tmp_path):
    """Return what `nucensus diff` answers for two sets of images: exit code and output."""

    def run_diff(first, second, *options, settings=None):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        shutil.rmtree(tmp_path / "b", ignore_errors=True)
        write_run(tmp_path / "a", first, seconds=1.0)
        write_run(tmp_path / "b", second, seconds=2.0, version="9.9", settings=settings)
        arguments = ["nucensus", "diff", str(tmp_path / "a"), str(tmp_path / "b"), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, capsys.readouterr().out

    return run_diff


def changed(centres, *, points=None, intensities=None):
    new = dataclasses.replace(centres)
    if points is not None:
        new = dataclasses.replace(new, points=points)
    if intensities is not None:
        new = dataclasses.replace(new, intensities=intensities)
    return new


def centres_at(*points):
    return Centres(np.array(points, np.int64), np.arange(len(points), 0, -1) * 100.0)


def test_a_run_is_the_same_as_another_of_the_same_images(diff):
    images = {"a.tif": some_centres(9), "b.tif": Failed("read", "empty")}
    assert diff(images, images) == (0, "The runs are the same.\n")


def test_the_order_of_images_and_of_equal_nuclei_is_no_difference(diff):
    a = some_centres(9)
    turned = Centres(a.points[::-1].copy(), a.intensities[::-1].copy())
    first, second = {"a": a, "b": some_centres(2)}, {"b": some_centres(2), "a": turned}
    assert diff(first, second)[0] == 0


def test_every_change_of_a_nucleus_is_shown(diff):
    code, output = diff(
        {"a.tif": centres_at((10, 10), (50, 50), (90, 90))},
        {"a.tif": centres_at((10, 10), (52, 50), (20, 90))},
    )
    assert code == 1
    assert output.splitlines() == [
        "'a.tif'",
        "  - (90, 90) 100",
        "  + (20, 90) 100",
        "  ~ (50, 50) 200 -> (52, 50) 200",
        "1 image changed, 1 nucleus gone, 1 new, 1 moved or changed",
    ]


def test_nuclei_farther_apart_than_the_radius_are_different_ones(diff):
    first, second = {"a": centres_at((50, 50))}, {"a": centres_at((52, 50))}
    assert "1 nucleus gone, 1 new, 0 moved" in diff(first, second, "--radius", "1.5")[1]


def test_the_closest_belong_together_and_each_only_once(tmp_path):
    a = write_run(tmp_path / "a", {"i": centres_at((10, 10), (10, 14))})
    b = write_run(tmp_path / "b", {"i": centres_at((10, 13))})
    [image] = diff_images(a, b)
    assert image.removed[["y", "x"]].tolist() == [(10, 10)]
    assert image.before[["y", "x"]].tolist() == [(10, 14)]


def test_another_brightness_is_a_change(diff):
    a = centres_at((10, 10))
    code, output = diff({"a": a}, {"a": changed(a, intensities=np.array([100.5]))})
    assert code == 1
    assert "  ~ (10, 10) 100 -> (10, 10) 100.5" in output


def test_grey_levels_are_rounded_but_never_so_that_a_change_is_not_seen(diff):
    a = centres_at((10, 10), (50, 50))
    first = changed(a, intensities=np.array([2345.678, 100.0]))
    second = changed(a, intensities=np.array([2345.679, 1 / 3]))
    output = diff({"a": first}, {"a": second})[1]
    assert "  ~ (10, 10) 2345.678 -> (10, 10) 2345.679" in output
    assert "  ~ (50, 50) 100 -> (50, 50) 0.333333" in output


def with_areas(centres, *areas_px):
    measured = np.zeros(len(centres), MEASURED)
    measured["area_px"] = areas_px
    return dataclasses.replace(centres, measured=measured)


def test_a_measured_nucleus_is_shown_by_its_place_and_its_grey_level(diff):
    nuclei = centres_at((10, 20), (50, 60))
    moved = changed(nuclei, points=np.array([[10, 20], [53, 60]]))
    code, output = diff(
        {"a": with_areas(nuclei, 300, 400), "gone": with_areas(nuclei, 300, 400)},
        {"a": with_areas(moved, 310, 400), "new": with_areas(nuclei, 300, 400)},
    )
    assert code == 1
    shown = [
        line for line in output.splitlines() if line.startswith("  ") and "(found)" not in line
    ]
    assert shown == [
        "  ~ (10, 20) area_px", "  ~ (50, 60) 100 -> (53, 60) 100",
        "  - (10, 20) 200", "  - (50, 60) 100", "  + (10, 20) 200", "  + (50, 60) 100",
    ]  # fmt: skip


def test_of_many_changes_the_first_are_shown_and_all_are_counted(diff):
    first = {f"{n:03d}.tif": some_centres(30, seed=n) for n in range(50)}
    second = {name: some_centres(0) for name in first}
    code, output = diff(first, second)
    assert code == 1
    lines = output.splitlines()
    assert [line for line in lines if line.startswith("'")] == [f"'{n:03d}.tif'" for n in range(20)]
    assert sum(line.startswith("  - ") for line in lines) == 20 * 20
    assert lines.count("  ... and 10 nuclei more; all with --json") == 20
    assert lines[-2:] == [
        "... and 30 images more; all with --json",
        "50 images changed, 1500 nuclei gone, 0 new, 0 moved or changed",
    ]
    told = json.loads(diff(first, second, "--json")[1])["images"]
    assert [len(each["removed"]) for each in told] == [30] * 50


def test_settings_that_differ_are_named(diff):
    images = {"a": some_centres(2)}
    code, output = diff(images, images, settings=Settings(threshold=300))
    assert code == 1
    assert output == "setting threshold: 1000 -> 300\nNo image changed\n"


def test_images_in_one_run_only_and_new_failures_are_named(diff):
    nuclei = some_centres(2)
    code, output = diff(
        {"gone": nuclei, "broken": nuclei}, {"broken": Failed("read", "cut off"), "new": nuclei}
    )
    assert code == 1
    assert "'gone'\n  only in the first run (found)" in output
    assert "'broken'\n  status: found -> failed" in output
    assert "  reason: none -> cut off" in output
    assert "'new'\n  only in the second run (found)" in output
    assert "3 images changed, 4 nuclei gone, 2 new" in output


def test_a_missing_run_is_trouble_and_no_difference(monkeypatch, tmp_path):
    write_run(tmp_path / "a", {})
    monkeypatch.setattr(sys, "argv", ["nucensus", "diff", str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2


def test_settings_are_compared_by_name(tmp_path):
    a = write_run(tmp_path / "a", {}, settings=Settings(sigma=(2.0, 3.0)))
    b = write_run(tmp_path / "b", {})
    assert diff_settings(a, b) == [("sigma", [2.0, 3.0], 4)]
