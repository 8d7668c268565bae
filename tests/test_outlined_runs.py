"""Runs that keep the outlines of nuclei: the same whatever ran them, and in every table."""

import sqlite3

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus import Shard, merge_runs
from nucensus.batch.packed import pack, unpack
from nucensus.errors import RunError, SettingsError
from nucensus.execute import STRATEGIES
from nucensus.values import Failed, Found, Limits, Settings

OUTLINED = Settings(outlines=True)


def rows(folder):
    with sqlite3.connect(folder / "run.sqlite") as database:
        return database.execute(
            "SELECT name, count, centres, outlines, checksum FROM images ORDER BY id"
        ).fetchall()


@pytest.fixture(scope="module")
def outlined(tmp_path_factory, fields):
    """A folder of five images, and a run of it with outlines."""
    root = tmp_path_factory.mktemp("outlined")
    (root / "plate").mkdir()
    for site, field in enumerate(fields):
        tifffile.imwrite(
            root / "plate" / f"A01_s{site}.tif", field.image, resolution=(2e4, 2e4),
            resolutionunit="CENTIMETER",
        )  # fmt: skip
    tifffile.imwrite(root / "plate" / "A01_s9.tif", np.zeros((50, 60), np.uint16))
    nucensus.census(root / "plate", root / "run", OUTLINED).close()
    return root


def test_the_run_file_holds_the_label_images_that_label_nuclei_makes(outlined):
    with nucensus.Run(outlined / "run") as run:
        assert run.has_outlines
        for name, nuclei in run.nuclei_by_image():
            labels = run.labels_of(name)
            assert labels.max(initial=0) == len(nuclei)
            assert np.array_equal(labels[nuclei["y"], nuclei["x"]], np.arange(1, len(nuclei) + 1))
            areas = nuclei["area_px"] if len(nuclei) else []
            assert np.array_equal(np.bincount(labels.ravel())[1:], areas)


def test_what_was_measured_stands_in_the_table_of_nuclei(outlined):
    table = np.genfromtxt(
        outlined / "run" / "nuclei.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    with nucensus.Run(outlined / "run") as run:
        nuclei = run.nuclei
    assert list(table.dtype.names)[4:13] == [
        "area_px", "mean", "integrated", "std", "major_px", "minor_px", "orientation", "solidity",
        "touches_edge",
    ]  # fmt: skip
    assert list(table.dtype.names)[:4] == ["image", "y", "x", "intensity"]
    for name in table.dtype.names[1:13]:
        assert np.array_equal(table[name].astype(nuclei[name].dtype), nuclei[name]), name


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"dask"}))
def test_every_strategy_keeps_the_same_bytes(outlined, tmp_path, strategy):
    nucensus.census(outlined / "plate", tmp_path / "run", OUTLINED, strategy=strategy).close()
    assert rows(tmp_path / "run") == rows(outlined / "run")


def test_shards_that_are_merged_keep_the_same_bytes(outlined, tmp_path):
    parts = [tmp_path / str(index) for index in (1, 2)]
    for index, part in enumerate(parts, 1):
        nucensus.census(outlined / "plate", part, OUTLINED, shard=Shard(index, 2)).close()
    merge_runs(parts, tmp_path / "merged").close()
    assert rows(tmp_path / "merged") == rows(outlined / "run")


def test_a_run_that_is_carried_on_keeps_the_same_bytes(outlined, tmp_path):
    nucensus.census(outlined / "plate", tmp_path / "run", OUTLINED).close()
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as database:
        database.execute("UPDATE journal SET status = 'pending', outlines = NULL WHERE key > 3")
    nucensus.census(outlined / "plate", tmp_path / "run", OUTLINED).close()
    assert rows(tmp_path / "run") == rows(outlined / "run")


def test_a_run_without_outlines_is_not_carried_on_with_them(outlined, tmp_path):
    nucensus.census(outlined / "plate", tmp_path / "run").close()
    with nucensus.Run(tmp_path / "run") as run:
        assert not run.has_outlines
        assert run.labels_of("A01_s0.tif") is None
    with pytest.raises(
        RunError, match=r"outlines \(which --measure and --positive bring\) was False and is True"
    ):
        nucensus.census(outlined / "plate", tmp_path / "run", OUTLINED)


def test_outcomes_with_outlines_travel_from_other_machines(fields):
    outcomes = [
        Found(nucensus.find_nuclei(each.image, outlines=True), each.image.shape, "uint16", 1.0, 2.0)
        for each in fields
    ]
    outcomes[2:2] = [
        Failed("read", "it is empty"),
        Found(nucensus.find_nuclei(fields[0].image), fields[0].image.shape, "uint16", 1.0, 2.0),
    ]
    assert unpack(pack(outcomes)) == outcomes


def test_a_detector_without_outlines_is_refused_before_the_run_begins(outlined, tmp_path):
    with pytest.raises(SettingsError, match="the detector log finds blobs, which have none"):
        nucensus.census(outlined / "plate", tmp_path / "run", Settings("log", outlines=True))


def test_outlines_that_were_damaged_are_refused(outlined, tmp_path):
    for change in ("substr(outlines, 2)", "zeroblob(length(outlines))", "NULL"):
        with nucensus.Run(outlined / "run") as run:
            run.copy_to(tmp_path / "run.sqlite")
        with sqlite3.connect(tmp_path / "run.sqlite") as database:
            database.execute(f"UPDATE journal SET outlines = {change} WHERE name = 'A01_s1.tif'")
        with nucensus.Run(tmp_path) as run, pytest.raises(RunError, match=r"A01_s1\.tif"):
            run.nuclei_of("A01_s1.tif")
        (tmp_path / "run.sqlite").unlink()


@pytest.mark.parametrize("settings", [OUTLINED, Settings(subpixel=True)])
def test_an_image_that_fits_but_for_its_outlines_is_refused(outlined, tmp_path, settings):
    limits = Limits(max_memory_bytes=3 * 160 * 200 * 2)
    nucensus.census(outlined / "plate", tmp_path / "bare", limits=limits, workers=1).close()
    with nucensus.census(
        outlined / "plate", tmp_path / "run", settings, limits=limits, workers=1
    ) as run:
        reasons = set(run.failures["reason"])
        assert run.counts["failed"] == 5
    assert any("of memory, and it may take" in reason for reason in reasons)
    with nucensus.Run(tmp_path / "bare") as run:
        assert run.counts["failed"] == 0


def test_wells_have_mean_spread_median_and_quartiles_of_what_was_measured(outlined):
    with nucensus.Run(outlined / "run") as run:
        (well,) = nucensus.well_table(run)
        nuclei = run.nuclei
    for name, column in (("area_px", "AreaPx"), ("integrated", "OutlineIntegrated")):
        assert well[f"Nuclei_{column}_Mean"] == pytest.approx(nuclei[name].mean())
        quartiles = [well[f"Nuclei_{column}_{of}"] for of in ("Q1", "Median", "Q3")]
        assert quartiles == pytest.approx(np.percentile(nuclei[name], [25, 50, 75]))
        assert well[f"Nuclei_{column}_SD"] == pytest.approx(nuclei[name].std(ddof=1))


def test_the_report_shows_the_distributions_of_what_was_measured(outlined, tmp_path):
    from nucensus.report import write_report

    with nucensus.Run(outlined / "run") as run:
        write_report(run, tmp_path / "report.html")
        first, third = np.percentile(run.nuclei["area_px"], [25, 75])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "area_px" in page
    assert "integrated" in page
    assert f"half of them from {first:.0f} to {third:.0f}" in page
    assert "Area (area_px)" in page
