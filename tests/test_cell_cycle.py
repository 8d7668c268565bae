"""The phases of the cell cycle, by the DNA content of nuclei."""

import json
import re
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import nucensus
from nucensus.cli import _nucensus
from nucensus.errors import InputError
from nucensus.report import write_report
from nucensus.store import RunWriter
from nucensus.values import MEASURED, Centres, Found, ImageRef, Outlines, Place, Settings
from nucensus.values.synthetic import make_field

pytest.importorskip("scipy")

from nucensus.export.dna_content import CellCycle, fit_cell_cycle

SIDE = 400


def contents(count, shares, *, spread=0.06, g1=5e5, seed=0):
    """Draw DNA contents: a share of G1, S (even) and G2."""
    rng = np.random.default_rng(seed)
    phase = rng.choice(3, count, p=shares)
    known = np.array([1, 1, 2])[phase] + (phase == 1) * rng.random(count)
    return g1 * rng.normal(known, spread * known)


@pytest.mark.parametrize("shares", [(0.6, 0.25, 0.15), (0.8, 0.1, 0.1), (0.45, 0.05, 0.5)])
@pytest.mark.parametrize("g1", [1.0, 5e5])
def test_the_shares_that_were_drawn_are_found(shares, g1):
    found = fit_cell_cycle(contents(4000, shares, g1=g1))
    assert (found.g1, found.s, found.g2) == pytest.approx(shares, abs=0.04)
    assert found.g1_content == pytest.approx(g1, rel=0.01)
    assert found.spread == pytest.approx(0.06, abs=0.006)


def test_debris_and_clumps_count_in_no_phase():
    rng = np.random.default_rng(1)
    others = np.concatenate([rng.uniform(0, 2e5, 300), rng.uniform(15e5, 30e5, 200), [np.nan, -1]])
    found = fit_cell_cycle(np.concatenate([contents(4000, (0.6, 0.2, 0.2)), others]))
    assert (found.g1, found.s, found.g2) == pytest.approx((0.6, 0.2, 0.2), abs=0.04)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (contents(299, (0.6, 0.2, 0.2)), "299 nuclei; expected at least 300"),
        (np.random.default_rng(0).uniform(0, 1000, 2000), "phases cannot be told apart"),
        (100 * np.random.default_rng(0).lognormal(0, 1.2, 2000), "no two peaks at one and two"),
    ],
)
def test_what_is_no_cell_cycle_is_refused(values, why):
    found = fit_cell_cycle(values)
    assert isinstance(found, str)
    assert why in found


def test_a_group_stopped_in_g2_is_told_by_the_peak_of_its_plate():
    plate = fit_cell_cycle(contents(4000, (0.6, 0.2, 0.2)))
    stopped = fit_cell_cycle(contents(2000, (0.08, 0.04, 0.88), seed=2), near=plate)
    assert isinstance(stopped, CellCycle)
    assert stopped.g2 == pytest.approx(0.88, abs=0.03)


def write_run(folder, wells, *, vignette=0.0, flag=None):
    """Write a run with outlines whose nuclei have these contents, by well."""
    rng = np.random.default_rng(3)
    with RunWriter(folder) as writer:
        writer.record_facts(settings=Settings(outlines=True).as_dict(), version="1")
        writer.plan(
            ImageRef(f"{well}.tif", f"/{well}.tif", 1, 1, place=Place("P", well),
                     extra=json.dumps({"drug": "X" if well.startswith("B") else "DMSO"}))
            for well in wells
        )  # fmt: skip
        for planned, values in zip(list(writer.pending()), wells.values(), strict=True):
            place = rng.choice(SIDE**2, len(values), replace=False)
            points = np.column_stack(np.divmod(place, SIDE))
            measured = np.zeros(len(values), MEASURED)
            far = np.hypot(*(points - SIDE / 2).T) / SIDE
            measured["integrated"] = values * (1 - vignette * far)
            measured["touches_edge"] = (points == 0).any(axis=1)
            labels = np.zeros((SIDE, SIDE), np.int32)
            labels.ravel()[place] = np.arange(1, len(values) + 1)
            centres = Centres(
                points, np.ones(len(values)), measured=measured,
                flag=flag.get(planned.path[1:4]) if isinstance(flag, dict) else flag,
                outlines=Outlines.from_labels(labels, len(values)),
            )  # fmt: skip
            writer.record_all(
                [(planned.key, Found(centres, (SIDE, SIDE), "uint16", 1.0, 1.0), None)]
            )
        writer.commit()
    return folder


@pytest.fixture(scope="module")
def drugged(tmp_path_factory):
    wells = {"A01": contents(2000, (0.7, 0.2, 0.1)), "B01": contents(2000, (0.2, 0.1, 0.7), seed=1)}
    return write_run(tmp_path_factory.mktemp("drugged"), wells)


@pytest.mark.parametrize(("plates", "is_refused"), [(("P1", "P2"), False), (("P1", "P1"), True)])
def test_the_stain_of_dna_is_one_on_each_plate(tmp_path, plates, is_refused):
    write_run(tmp_path, {f"A0{n}": contents(300, (0.6, 0.2, 0.2)) for n in (1, 2)})
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database, database:
        for key, (plate, channel) in enumerate(zip(plates, ("DAPI", "DNA"), strict=True), start=1):
            columns = (plate, channel, key)
            database.execute("UPDATE journal SET plate = ?, channel = ? WHERE key = ?", columns)
    if is_refused:
        with pytest.raises(InputError, match="in the channels 'DAPI', 'DNA'"):
            nucensus.cell_cycle(tmp_path)
    else:
        assert list(nucensus.cell_cycle(tmp_path)["Plate"]) == ["P1", "P2"]


@pytest.mark.parametrize(("share", "is_g1"), [(0.06, True), (0.04, False)])
def test_from_a_twentieth_in_g1_a_group_is_said_to_have_some(share, is_g1):
    found = fit_cell_cycle(contents(20_000, (share, 0.02, 0.98 - share), seed=4))
    assert isinstance(found, CellCycle)
    expected = (share, 0.98 - share) if is_g1 else (1.0, 0.0)
    assert (found.g1, found.g2) == pytest.approx(expected, abs=0.03)


def test_each_plate_and_group_has_its_row(drugged):
    table = nucensus.cell_cycle(drugged, by="drug")
    assert list(table["Group"]) == ["", "DMSO", "X"]
    assert table["Nuclei"].sum() + table["LeftOut"].sum() == 2 * 4000
    assert table["G1_Percent"] == pytest.approx([45, 70, 20], abs=4)
    assert table["G2_Percent"] == pytest.approx([40, 10, 70], abs=4)
    assert list(table["Note"]) == ["", "", ""]
    assert list(nucensus.cell_cycle(drugged, by="well")["Group"]) == ["", "A01", "B01"]


def test_the_command_prints_the_table(drugged):
    shown = CliRunner().invoke(_nucensus, ["cycle", str(drugged), "--by", "drug"])
    assert shown.exit_code == 0, shown.output
    assert "DMSO" in shown.output
    rows = json.loads(CliRunner().invoke(_nucensus, ["cycle", str(drugged), "--json"]).output)
    assert rows[0]["G1_Percent"] == pytest.approx(45, abs=4)


def test_a_note_on_images_of_no_plate_begins_with_the_note(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", make_field(0, shape=(200, 200), nuclei=9).image)
    nucensus.census(tmp_path / "a.tif", out=tmp_path / "run")
    shown = CliRunner().invoke(_nucensus, ["cycle", str(tmp_path / "run")])
    assert re.search(r"^Note: \d+ nuclei; expected at least 300$", shown.output, re.MULTILINE)


def test_the_report_draws_the_content_of_plates_and_treatments(tmp_path):
    wells = {
        f"{row}0{column}": contents(600, shares, seed=column)
        for row, shares in (("A", (0.7, 0.2, 0.1)), ("B", (0.2, 0.1, 0.7)))
        for column in (1, 2)
    }
    run = nucensus.Run(write_run(tmp_path / "run", wells))
    write_report(run, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    plate, untreated, treated = nucensus.cell_cycle(run, by="drug")
    for title, row in [("P", plate), ("P, DMSO", untreated), ("P, X", treated)]:
        said = ", ".join(f"{phase} {row[f'{phase}_Percent']:.0f} %" for phase in ("G1", "S", "G2"))
        assert re.search(f"DNA content, plate {title} <span[^>]*>[^<]* nuclei; {said}<", html)


def test_the_report_says_why_a_plate_has_no_phases(tmp_path):
    run = write_run(tmp_path / "few", {"A01": contents(200, (0.6, 0.2, 0.2))})
    write_report(nucensus.Run(run), tmp_path / "report.html")
    assert "no phases: 1" in (tmp_path / "report.html").read_text()


def test_contents_of_several_channels_are_not_mixed(tmp_path):
    stack = np.stack([make_field(seed, shape=(160, 200), nuclei=12).image for seed in (1, 2)])
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "CYX"})
    with nucensus.census(
        tmp_path / "a.tif", tmp_path / "run", Settings(outlines=True),
        plane=nucensus.Plane(channel="each"),
    ) as run:  # fmt: skip
        with pytest.raises(InputError, match="expected a run of one channel"):
            nucensus.cell_cycle(run)
        write_report(run, tmp_path / "report.html")
    assert "DNA content" not in (tmp_path / "report.html").read_text()


def test_uneven_light_and_saturation_are_warned_of(tmp_path):
    wells = {"A01": contents(4000, (0.6, 0.2, 0.2))}
    (even,) = nucensus.cell_cycle(write_run(tmp_path / "even", wells))
    (uneven,) = nucensus.cell_cycle(write_run(tmp_path / "uneven", wells, vignette=0.4))
    (bright,) = nucensus.cell_cycle(write_run(tmp_path / "bright", wells, flag="saturated"))
    assert even["Note"] == ""
    assert "the light is uneven" in uneven["Note"]
    assert "100 % of the nuclei are in saturated images" in bright["Note"]


@pytest.mark.parametrize(("count", "warns"), [(80, ""), (140, "7 % of the nuclei are in satur")])
def test_a_few_nuclei_in_saturated_images_are_no_warning(tmp_path, count, warns):
    drawn = contents(2000 + count, (0.6, 0.2, 0.2))
    wells = {"A01": drawn[count:], "A02": drawn[:count]}
    (found,) = nucensus.cell_cycle(write_run(tmp_path / "run", wells, flag={"A02": "saturated"}))
    assert found["Note"].startswith(warns)
    assert bool(found["Note"]) == bool(warns)


def test_contents_without_a_peak_are_warned_of(tmp_path):
    flat = {"A01": 1e5 * np.random.default_rng(0).uniform(0.7, 1.3, 1000)}
    (found,) = nucensus.cell_cycle(write_run(tmp_path / "flat", flat))
    assert found["S_Percent"] > 80
    assert re.match(r"no clear peak of G1, which has \d+ % of the nuclei: look", found["Note"])


def test_a_run_without_measurements_or_without_the_group_is_refused(drugged, tmp_path):
    with pytest.raises(InputError, match="'dose', which is not known of any image"):
        nucensus.cell_cycle(drugged, by="dose")
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings("log").as_dict())
        writer.plan([ImageRef("A01.tif", "/A01.tif", 1, 1)])
        (planned,) = writer.pending()
        centres = Centres(np.array([[3, 4]]), np.ones(1))
        writer.record_all([(planned.key, Found(centres, (SIDE, SIDE), "uint16", 1.0, 1.0), None)])
        writer.commit()
    with pytest.raises(InputError, match="expected a run of the detector auto"):
        nucensus.cell_cycle(tmp_path)


def test_wells_have_their_phases_where_columns_ask_for_them(drugged):
    asked = "g1_percent,% in S,G2_Percent,per_image"
    done = CliRunner().invoke(_nucensus, ["wells", str(drugged), "--columns", asked, "--json"])
    cycle = nucensus.cell_cycle(drugged, by="well")
    for row in json.loads(done.stdout):
        (known,) = cycle[cycle["Group"] == row["Metadata_Well"]]
        for name in ("G1_Percent", "S_Percent", "G2_Percent"):
            assert row[f"Nuclei_{name}"] == known[name]
        assert row["Nuclei_PerImage"] == 2000
    plain = CliRunner().invoke(_nucensus, ["wells", str(drugged), "--csv"]).stdout
    assert "G1" not in plain
