import csv
import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from scenes import make_scene
from stated_runs import plate_run, some_centres, write_run

from nucensus import Settings, census, export_run, well_table
from nucensus.cli import _nucensus
from nucensus.detect import find_nuclei
from nucensus.errors import InputError
from nucensus.export.to_xlsx import refuse_too_many
from nucensus.export.wells import well_rows
from nucensus.values import Centres
from nucensus.values.neighbours import nearest_distances, pairs_within


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


def test_wells_are_summed_up_one_by_one_and_not_all_kept(tmp_path):
    wells = [f"{row}{column:02d}" for row in "HGFEDCBA" for column in range(12, 0, -1)]
    images = {
        f"{well}_{site}.tif": (some_centres(site), {"plate": "P1", "well": well})
        for well in wells for site in range(5)
    }  # fmt: skip
    run, gone_through = write_run(tmp_path, images), []
    run.on_image = lambda: gone_through.append(1)
    columns, rows = well_rows(run)
    first = dict(zip(columns.names, next(rows), strict=True))
    assert (first["Metadata_Well"], first["Nuclei_Count"]) == ("A01", 10)
    assert len(gone_through) < len(images) / 2
    assert [row[columns.names.index("Metadata_Well")] for row in rows] == sorted(wells)[1:]


def test_a_workbook_of_more_rows_than_a_sheet_holds_is_refused():
    refuse_too_many(1_048_575)
    with pytest.raises(InputError, match=r"1,048,576 rows, .* --to wells"):
        refuse_too_many(1_048_576)


def test_a_workbook_that_is_refused_is_not_written(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    run = plate_run(tmp_path / "run")
    monkeypatch.setattr("nucensus.export.to_xlsx._MOST_ROWS", 3)
    with pytest.raises(InputError, match="the table has 3 rows"):
        export_run(run, "xlsx", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_a_well_without_images_that_were_done_has_no_values(tmp_path):
    table = well_table(plate_run(tmp_path))
    well = table[2]
    assert np.isnan(well["Nuclei_Count"])  # 0 would say that no nucleus is there
    assert table["Nuclei_Count"][0] == 30
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
            whole = name == "Nuclei_Count" and not missing
            assert row[name] == ("" if missing else str(int(value) if whole else value))


def test_the_well_table_is_shown_on_screen(tmp_path):
    plate_run(tmp_path)
    result = CliRunner().invoke(_nucensus, ["wells", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "compound" in result.output
    assert "per mm²" in result.output
    header, _, first, *_ = result.output.splitlines()
    assert first[: header.index("nuclei") + len("nuclei")].endswith(" 30")
    assert "channel" not in result.output.lower()


def test_neighbours_in_a_volume_are_near_in_three_dimensions(tmp_path):
    points = np.array([[6, 40, 40], [22, 40, 40], [14, 20, 20]])
    centres = Centres(points, np.array([3.0, 2.0, 1.0]))
    run = write_run(
        tmp_path, {"a.tif": (centres, {"pixel_y_um": 0.5, "pixel_x_um": 0.5, "depth_um": 2.0})}
    )
    [well] = well_table(run)
    px, um = nearest(points), nearest(points * [2, 0.5, 0.5])
    assert well["Nuclei_NeighbourDistancePx_Mean"] == pytest.approx(px.mean())
    assert well["Nuclei_NeighbourDistanceUm_Mean"] == pytest.approx(um.mean())
    assert well["Nuclei_NeighbourDistancePx_SD"] == pytest.approx(px.std(ddof=1))


def test_without_the_distance_of_its_planes_a_volume_has_no_distances_in_micrometres(tmp_path):
    centres = Centres(np.array([[6, 40, 40], [22, 40, 40]]), np.array([2.0, 1.0]))
    [well] = well_table(
        write_run(tmp_path, {"a.tif": (centres, {"pixel_y_um": 0.5, "pixel_x_um": 0.5})})
    )
    assert well["Nuclei_NeighbourDistancePx_Mean"] == 16
    assert np.isnan(well["Nuclei_NeighbourDistanceUm_Mean"])


def test_distances_are_between_refined_centres_where_there_are_some(tmp_path):
    refined = np.array([[10.25, 20.75], [30.5, 40.0], [5.0, 6.125]])
    centres = Centres(np.rint(refined).astype(int), np.array([3.0, 2, 1]), subpixel=refined)
    [well] = well_table(
        write_run(tmp_path, {"a.tif": (centres, {"pixel_y_um": 0.5, "pixel_x_um": 0.5})})
    )
    expected = nearest(refined).mean()
    assert well["Nuclei_NeighbourDistancePx_Mean"] == pytest.approx(expected)
    assert well["Nuclei_NeighbourDistanceUm_Mean"] == pytest.approx(expected / 2)


def nearest(points):
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=0)


def test_a_margin_that_no_camera_saw_does_not_thin_the_nuclei(tmp_path):
    field = make_scene(radius=9, count=90, shape=(400, 400), seed=3).image.astype(np.uint16)
    wide = np.zeros((800, 800), np.uint16)
    wide[200:600, 200:600] = field
    for name, image in (("field", field), ("wide", wide)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
        run = census(tmp_path / f"{name}.tif")
        assert well_table(run)["Nuclei_PerMegapixel"] == 90 / 0.16


@pytest.mark.parametrize("numbers", [{}, {"sigma": 3, "min_distance": 10, "threshold": 300}])
@pytest.mark.parametrize("border", ["drop", "count"])
def test_the_density_is_that_of_the_area_in_which_centres_count(tmp_path, border, numbers):
    images = [
        make_scene(radius=10, count=700, shape=(1000, 1000), contrast=800, seed=seed).image
        for seed in range(2)
    ]
    planted = {"drop": 700 / 0.98**2, "count": 700}[border]  # the scene keeps a radius clear
    for seed, image in enumerate(images):
        for row, part in enumerate(np.split(image.astype(np.uint16), 4)):
            for column, field in enumerate(np.split(part, 4, axis=1)):
                tifffile.imwrite(tmp_path / f"{seed}_{row}_{column}.tif", field)
    run = census(tmp_path, settings=Settings(border=border, **numbers))
    assert well_table(run)["Nuclei_PerMegapixel"][0] == pytest.approx(planted, rel=0.03)


@pytest.mark.parametrize("detector", ["maxima", "log"])
def test_with_drop_the_area_is_as_far_from_the_edge_as_the_centres(detector):
    image = make_scene(radius=9, count=60, shape=(300, 400), seed=1).image.astype(np.uint16)
    numbers = {"sigma": 6, "min_distance": 15, "threshold": 50, "border": "drop"}
    assert find_nuclei(image, Settings(detector, **numbers)).area_px == 270 * 370


def test_entries_of_the_metadata_whose_names_are_taken_have_a_name_of_their_own(tmp_path):
    entries = {"Time": "24h", "Z": "deep", "channel": "blue", "Images": 7, "Nuclei": 5,
               "Extra_Time": "x", "dose": 3}  # fmt: skip
    where = {"plate": "P", "well": "A01", "channel": "DAPI", "z": 2, "time": 1}
    run = write_run(tmp_path, {"a.tif": (some_centres(2), {**where, "extra": entries})})
    [well] = well_table(run)
    assert (well["Metadata_Time"], well["Metadata_Z"], well["Metadata_Channel"]) == (1, 2, "DAPI")
    assert (well["Metadata_Images"], well["Metadata_Failed"]) == (1, 0)
    names = {"Metadata_Extra_Time": "24h", "Metadata_Extra_Z": "deep",
             "Metadata_Extra_channel": "blue", "Metadata_Extra_Images": "7",
             "Metadata_Nuclei": "5", "Metadata_Extra_Extra_Time": "x",
             "Metadata_dose": "3"}  # fmt: skip
    assert {name: well[name] for name in names} == names
    assert len({name.casefold() for name in well.dtype.names}) == len(well.dtype.names)


def test_an_infinite_intensity_has_a_mean_and_no_spread(tmp_path):
    centres = Centres(np.array([[5, 5], [9, 9]]), np.array([np.inf, 1.0]))
    run = write_run(tmp_path, {"a.tif": centres, "b.tif": some_centres(3)})
    [well] = well_table(run)
    assert well["Nuclei_Intensity_Mean"] == np.inf
    assert np.isnan(well["Nuclei_Intensity_SD"])


def shown(folder, *options, columns="80"):
    return CliRunner(env={"COLUMNS": columns}).invoke(_nucensus, ["wells", str(folder), *options])


@pytest.mark.parametrize("columns", ["40", "80", "120", "1000"])
def test_the_table_fits_the_terminal_and_says_what_it_leaves_out(tmp_path, columns):
    table = well_table(plate_run(tmp_path))
    result = shown(tmp_path, columns=columns)
    header, rule, *rows = result.output.splitlines()
    assert all(len(line) <= int(columns) for line in result.output.splitlines())
    assert [row.split()[0] for row in rows[:3]] == ["A02", "A10", "B01"]
    assert [len(part) for part in rule.split()] != []
    assert ("Not shown: " in result.output) == (columns != "1000")
    if "per image" in header:
        at = header.index("per image") + len("per image")
        cells = [row[:at].split()[-1] for row in rows[:2]]
        assert cells == [f"{value:.1f}" for value in table["Nuclei_PerImage"][:2]]


def test_columns_are_chosen_by_name_or_heading(tmp_path):
    plate_run(tmp_path)
    result = shown(tmp_path, "--columns", "PER MM2, compound,Nuclei_Count,per mm²")
    assert result.output.split()[:5] == ["Well", "per", "mm²", "compound", "nuclei"]
    result = shown(tmp_path, "--columns", "colour")
    assert isinstance(result.exception, InputError)
    assert "no column 'colour'; expected some of Plate, Well" in str(result.exception)


def test_csv_and_json_hold_the_whole_table(tmp_path):
    run = plate_run(tmp_path)
    export_run(run, "wells", tmp_path)
    assert shown(tmp_path, "--csv").output == (tmp_path / "wells.csv").read_text()
    rows = json.loads(shown(tmp_path, "--json").output)
    table = well_table(run)
    assert [list(row) for row in rows] == [list(table.dtype.names)] * 3
    assert rows[0]["Nuclei_PerMm2"] == table["Nuclei_PerMm2"][0]
    assert rows[2]["Nuclei_PerImage"] is None
    chosen = json.loads(shown(tmp_path, "--json", "--columns", "dose").output)
    assert chosen[0] == {"Metadata_Well": "A02", "Metadata_dose": "3; 4"}


def test_a_workbook_has_numbers_a_header_that_stays_and_the_plate_as_it_lies(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    rows = [
        {"well": "A02", "uM": "0.1", "code": "007"}, {"well": "A10", "uM": "1e-9", "code": "1"},
    ]  # fmt: skip
    run = plate_run(tmp_path)
    run.treat(rows)
    export_run(run, "xlsx", tmp_path)
    book = openpyxl.load_workbook(tmp_path / "wells.xlsx")
    wells, plates = book["wells"], book["plates"]
    assert wells.freeze_panes == "A2"
    assert wells.auto_filter.ref.startswith("A1:")
    column = {cell.value: cell.column for cell in wells[1]}
    assert [wells.cell(n, column["Metadata_code"]).value for n in (2, 3)] == ["007", "1"]
    doses = [wells.cell(n, column["Metadata_uM"]).value for n in (2, 3, 4)]
    assert doses == [0.1, 1e-9, None]
    assert wells.cell(4, column["Metadata_Well"]).value == "B01"
    assert plates["A1"].value == "Plate P1, nuclei per image"
    assert [cell.value for cell in plates[2]] == [None, *range(1, 11)]
    assert plates["C3"].value == well_table(run)["Nuclei_PerImage"][0]
    assert plates["B4"].value is None
    [coloured] = plates.conditional_formatting
    assert str(coloured.sqref) == "B3:K4"
    ends = [(end.type, end.val) for end in coloured.rules[0].colorScale.cfvo]
    assert ends == [("num", 0), ("max", None)]


def test_a_workbook_is_as_wide_as_its_headers_and_shows_two_digits(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    run = plate_run(tmp_path)
    run.treat([{"well": "A02", "uM": "0.1", "code": "007"}, {"well": "A10", "uM": "0.09"}])
    export_run(run, "xlsx", tmp_path)
    book = openpyxl.load_workbook(tmp_path / "wells.xlsx")
    wells, plates = book["wells"], book["plates"]
    letters = {cell.value: cell.column_letter for cell in wells[1]}
    assert wells.auto_filter.ref == f"A1:{wells[1][-1].column_letter}4"
    widths = {name: wells.column_dimensions[letter].width for name, letter in letters.items()}
    assert widths == {name: max(10, len(name) + 3) for name in letters}
    assert {each.width for each in plates.column_dimensions.values()} == {7}
    assert plates.column_dimensions["AW"].width == 7  # of the last of 48 columns
    assert book["provenance"].column_dimensions["A"].width == 40
    for sheet in book:
        setup = sheet.page_setup
        assert (setup.orientation, setup.fitToHeight) == ("landscape", 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
    dose, count = (letters[name] for name in ("Metadata_uM", "Nuclei_Count"))
    shown = [wells[at].number_format for at in (f"{dose}2", f"{dose}3", f"{count}2")]
    assert shown == ["0.00", "General", "General"]
