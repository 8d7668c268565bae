import csv

import numpy as np
import pytest
from click.testing import CliRunner
from stated_runs import plate_run, some_centres, write_run

from nucensus import export_run, well_table
from nucensus.cli import _nucensus
from nucensus.neighbours import nearest_distances, pairs_within


def brute_force(points):
    distance = np.hypot(*(points[:, None] - points).T)
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=0, initial=np.inf)


@pytest.mark.parametrize("count", [0, 1, 2, 130, 301, 1200])
@pytest.mark.parametrize("shape", [(60, 70), (1, 5000), (5000, 1)])
def test_the_nearest_neighbour_is_the_nearest(count, shape):
    points = some_centres(min(count, 4000), seed=count, shape=shape).points
    np.testing.assert_allclose(nearest_distances(points), brute_force(points), rtol=1e-12)


def test_pairs_within_a_radius_are_all_there_and_the_closest_come_first():
    a, b = some_centres(80, seed=1).points, some_centres(90, seed=2).points
    in_a, in_b, distance = pairs_within(a, b, 7)
    every = np.hypot(*(a[:, None] - b).T).T
    assert set(zip(in_a.tolist(), in_b.tolist(), strict=True)) == set(
        map(tuple, np.argwhere(every <= 7).tolist())
    )
    assert (np.diff(distance) >= 0).all()
    np.testing.assert_allclose(distance, every[in_a, in_b], rtol=1e-12)


def test_wells_are_in_the_order_people_expect_with_their_metadata(tmp_path):
    table = well_table(plate_run(tmp_path))
    assert table["Metadata_Well"].tolist() == ["A02", "A10", "B01"]
    assert table["Metadata_Plate"].tolist() == ["P1"] * 3
    assert table["Metadata_Images"].tolist() == [2, 1, 1]
    assert table["Metadata_Failed"].tolist() == [0, 0, 1]
    assert table["Metadata_compound"].tolist() == ["drug, 1", "DMSO", ""]
    assert table["Metadata_dose"].tolist() == ["3; 4", "", ""]


def test_a_well_says_what_its_images_hold(tmp_path):
    run = plate_run(tmp_path)
    well = well_table(run)[0]
    images = [run.find_image(name)[1] for name in ("b.tif", "c.tif")]
    intensity = np.concatenate([each["intensity"] for each in images])
    distance = np.concatenate(
        [brute_force(np.column_stack((each["y"], each["x"]))) for each in images]
    )
    expected = {
        "Nuclei_Count": 30,
        "Nuclei_PerImage": 15,
        "Nuclei_PerMegapixel": 30 / 0.024,
        "Nuclei_PerMm2": 30 / (0.024 * 0.25),
        "Nuclei_Intensity_Mean": intensity.mean(),
        "Nuclei_Intensity_SD": intensity.std(ddof=1),
        "Nuclei_NeighbourDistancePx_Mean": distance.mean(),
        "Nuclei_NeighbourDistancePx_SD": distance.std(ddof=1),
        "Nuclei_NeighbourDistanceUm_Mean": distance.mean() / 2,
        "Nuclei_NeighbourDistanceUm_SD": distance.std(ddof=1) / 2,
    }
    for name, value in expected.items():
        assert well[name] == pytest.approx(value, rel=1e-12), name


def test_a_well_without_images_that_were_done_has_no_values(tmp_path):
    well = well_table(plate_run(tmp_path))[2]
    assert well["Nuclei_Count"] == 0
    assert np.isnan(well["Nuclei_PerImage"])
    assert np.isnan(well["Nuclei_Intensity_Mean"])


def test_planes_and_times_of_a_well_are_not_added_up(tmp_path):
    where = {"plate": "P1", "well": "A01"}
    run = write_run(
        tmp_path,
        {f"{z}.tif": (some_centres(5), {**where, "z": z, "time": 0}) for z in (0, 1)},
    )
    table = well_table(run)
    assert table["Metadata_Z"].tolist() == [0, 1]
    assert table["Nuclei_Count"].tolist() == [5, 5]


def test_images_that_state_no_well_make_one_row(tmp_path):
    run = write_run(tmp_path, {"a.tif": some_centres(5), "b.tif": some_centres(1), "c.tif": None})
    [well] = well_table(run)
    assert well["Metadata_Well"] == ""
    assert (well["Metadata_Images"], well["Nuclei_Count"]) == (3, 6)


def test_the_well_table_reads_back_as_a_file(tmp_path):
    run = plate_run(tmp_path)
    export_run(run, "wells", tmp_path)
    with open(tmp_path / "wells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    table = well_table(run)
    assert list(rows[0]) == list(table.dtype.names)
    for row, well in zip(rows, table, strict=True):
        for name in table.dtype.names:
            value = well[name]
            missing = isinstance(value, float) and np.isnan(value)
            assert row[name] == ("" if missing else str(value))


def test_the_well_table_is_shown_on_screen(tmp_path):
    plate_run(tmp_path)
    result = CliRunner().invoke(_nucensus, ["wells", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "compound" in result.output
    assert "per mm²" in result.output
    assert "channel" not in result.output.lower()
