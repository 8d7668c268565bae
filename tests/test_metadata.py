"""What the wells were treated with: any table that people have, before or after the run."""

import csv
import json
import unicodedata

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from nucensus import Run, Settings, census, export_run, open_run, well_table
from nucensus.cli import _nucensus as main
from nucensus.discover import discover, read_metadata
from nucensus.errors import InputError
from nucensus.read import SUFFIXES
from nucensus.score.field_name import field_name
from nucensus.values import Treatments

LIST = [["Well", "Compound", "Dose (µM)"], ["A1", "taxol", "0,1"], ["B02", "DMSO", "1,5"]]
WELLS = [
    {"well": "A01", "Compound": "taxol", "Dose (µM)": "0.1"},
    {"well": "B02", "Compound": "DMSO", "Dose (µM)": "1.5"},
]
MAPS = [
    ["Screen of 3 May, second try"], [], ["Compound", "1", "2", "3"], ["A", "taxol", "", ""],
    ["B", "", "DMSO", ""], [], ["Dose (µM)"], ["", "1", "2", "3"], ["A", "0,1", "", ""],
    ["B", "", "1,5", ""],
]  # fmt: skip


def write_csv(path, lines, *, delimiter=";", encoding="utf-8"):
    with open(path, "w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return str(path)


def write_excel(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append([int(cell) if cell.isdecimal() else cell for cell in line])
    book.save(path)
    return str(path)


@pytest.fixture
def plate(tmp_path):
    """A folder with an image of each of the wells A01 and B02."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for well in ("A01", "B02"):
        tifffile.imwrite(folder / f"{well}_s1.tif", np.zeros((40, 40), np.uint16))
    return folder


@pytest.mark.parametrize("lines", [LIST, MAPS], ids=["list", "maps"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_excel_saves_as_text_is_read_in_any_country(tmp_path, lines, delimiter, encoding):
    path = write_csv(tmp_path / "wells.csv", lines, delimiter=delimiter, encoding=encoding)
    assert read_metadata(path) == WELLS


@pytest.mark.parametrize("lines", [LIST, MAPS], ids=["list", "maps"])
def test_a_workbook_is_read_whichever_sheet_holds_the_wells(tmp_path, lines):
    path = write_excel(tmp_path / "only.xlsx", Layout=lines, Empty=[])
    assert read_metadata(path) == WELLS
    path = write_excel(tmp_path / "two.xlsx", Notes=[["of May"]], Layout=lines)
    assert read_metadata(f"{path}#Layout") == WELLS
    for asked in (path, f"{path}#layout 2"):
        with pytest.raises(InputError, match="has the sheets Notes, Layout"):
            read_metadata(asked)


def test_numbers_of_a_workbook_are_what_they_are_in_a_text(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in [["well", "dose", "n", "hit"], ["A1", 0.3, 12, True], ["A2", 1e-9, None, False]]:
        book.active.append(line)
    book.save(tmp_path / "wells.xlsx")
    assert read_metadata(str(tmp_path / "wells.xlsx")) == [
        {"well": "A01", "dose": "0.3", "n": "12", "hit": "True"},
        {"well": "A02", "dose": "1e-09", "n": "", "hit": "False"},
    ]


def test_a_map_may_begin_in_any_column_and_its_title_stand_in_its_corner_or_above(tmp_path):
    lines = [
        ["", "", "Dose", "1", "2", "3"], ["", "note", "A", "5", "", ""], ["", "", "B", "", "7", ""],
        [], ["", "Drug"], ["", "", "", "4", "5", "6"], ["x", "", "C", "", "", "a"],
    ]  # fmt: skip
    assert read_metadata(write_csv(tmp_path / "map.csv", lines)) == [
        {"well": "A01", "Dose": "5", "Drug": ""}, {"well": "B02", "Dose": "7", "Drug": ""},
        {"well": "C06", "Dose": "", "Drug": "a"},
    ]  # fmt: skip


def test_rows_and_columns_may_be_two_columns(tmp_path):
    path = write_csv(tmp_path / "wells.csv", [["Row", "Col", "drug"], ["C", "7", "x"]])
    assert read_metadata(path) == [{"well": "C07", "drug": "x"}]


def test_a_map_of_inner_wells_and_of_many_rows_keeps_every_well(tmp_path):
    lines = [["", "2", "3", "4"], *(["ABCDEFGHIJKLMNOP"[n], "", f"v{n}", ""] for n in range(1, 16))]
    wells = read_metadata(write_csv(tmp_path / "map.csv", lines))
    assert [row["well"] for row in wells] == [f"{row}03" for row in "BCDEFGHIJKLMNOP"]
    assert [row["treatment"] for row in wells] == [f"v{n}" for n in range(1, 16)]


SIDE_BY_SIDE = [
    ["", "Drug", "", "", "", "", "Dose"], ["", "1", "2", "3", "", "", "1", "2", "3"],
    ["A", "x", "", "y", "", "A", "5", "", "6"], ["B", "", "z", "", "", "B", "", "7", ""],
    ["C", "w", "", "", "", "", "", "", ""],
]  # fmt: skip


def test_a_row_of_a_map_may_be_empty_or_missing(tmp_path):
    rows = [["", "1", "2", "3"], ["A", "x", "y", ""], ["B", "", "", ""], [], ["D", "z", "", ""]]
    treated = read_metadata(write_csv(tmp_path / "w.csv", rows))
    assert [each["well"] for each in treated] == ["A01", "A02", "D01"]


def test_maps_beside_each_other_keep_what_each_shows(tmp_path):
    assert read_metadata(write_csv(tmp_path / "map.csv", SIDE_BY_SIDE)) == [
        {"well": "A01", "Drug": "x", "Dose": "5"}, {"well": "A03", "Drug": "y", "Dose": "6"},
        {"well": "B02", "Drug": "z", "Dose": "7"}, {"well": "C01", "Drug": "w", "Dose": ""},
    ]  # fmt: skip


def block(value, corner=""):
    return [[corner, "1", "2", "3"], ["A", value, "", ""], []]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (
            [["Plate 1"], *block("x"), ["Plate 2"], *block("y")],
            [("1", {"treatment": "x"}), ("2", {"treatment": "y"})],
        ),
        (
            [["Plate: BR 7"], *block("x", "drug"), *block("5", "dose"), ["Platte: BR 8"], [],
             *block("y", "drug"), *block("6", "dose")],
            [("BR 7", {"drug": "x", "dose": "5"}), ("BR 8", {"drug": "y", "dose": "6"})],
        ),
        (
            [["cells"], *block("HeLa"), ["Plate 1"], ["drug"], *block("x"), ["Plate 2"], ["drug"],
             *block("y")],
            [("", {"cells": "HeLa", "drug": ""}), ("1", {"cells": "HeLa", "drug": "x"}),
             ("2", {"cells": "HeLa", "drug": "y"})],
        ),
        (
            [["", "Plate 1", "", "", "", "", "Plate 2"], ["drug", "1", "2", "3", "", "drug", "1",
              "2", "3"], ["A", "x", "", "", "", "A", "y"]],
            [("1", {"drug": "x"}), ("2", {"drug": "y"})],
        ),
    ],
    ids=["below", "two-maps-each", "one-for-all", "beside"],
)  # fmt: skip
def test_maps_of_several_plates_are_of_those_plates_alone(tmp_path, lines, rows):
    told = read_metadata(write_csv(tmp_path / "map.csv", lines))
    assert told == [
        ({"plate": plate} if plate else {}) | {"well": "A01"} | known for plate, known in rows
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([["Plate 1 of 2"], *block("x"), ["Plate 2 of 2"], *block("y")], "the plate as in"),
        (
            [["Plate 1", "Plate 2"], [], ["drug", "1", "2", "3", "", "dose", "1", "2", "3"],
             ["A", "x", "", "", "", "A", "5"]],
            "names the plates 1, 2, and line 3 has a map below none of them",
        ),
        ([["", "1", "2", "3", "", "2"], ["A", "x", "", "", "", "y"]], "a column of a map twice"),
        ([["well", "drug", "drug"], ["A1", "x", "y"]], "has the column 'drug' twice"),
        ([["well", "drug", "dose"], ["A1", "2", "3-diol", "5"]], "begins with 'A1' has 4 cells"),
        ([["sample", "dose"], ["C1", "1"], ["D1", "2"]], "is it 'sample'"),
        ([["Source well", "Dest well"], ["A1", "B1"], ["A2", "B2"]],
         "is it 'Source well' or 'Dest well'"),
    ],
)  # fmt: skip
def test_a_sheet_that_can_be_read_in_two_ways_is_asked_about(tmp_path, lines, said):
    with pytest.raises(InputError, match=said):
        read_metadata(write_csv(tmp_path / "map.csv", lines))


def test_a_map_that_is_only_called_plate_is_one_of_every_plate(tmp_path):
    assert read_metadata(write_csv(tmp_path / "m.csv", [["Plate layout"], *block("x")])) == [
        {"well": "A01", "Plate layout": "x"}
    ]


def test_a_list_may_have_titles_above_it_and_another_language(tmp_path):
    lines = [["Versuch 7, Mai"], [], ["Platte", "Vertiefung", "Stoff"], ["1", "A001", "x"],
             ["2", "A001", "y"], ["2", "A2", "z"]]  # fmt: skip
    assert read_metadata(write_csv(tmp_path / "w.csv", lines)) == [
        {"plate": "1", "well": "A01", "Stoff": "x"}, {"plate": "2", "well": "A01", "Stoff": "y"},
        {"plate": "2", "well": "A02", "Stoff": "z"},
    ]  # fmt: skip
    lines = [["Zeile", "Spalte", "Stoff"], ["2", "3", "x"], ["B", "4", "y"]]
    rows = read_metadata(write_csv(tmp_path / "w.csv", lines))
    assert [row["well"] for row in rows] == ["B03", "B04"]


def test_merged_cells_of_a_workbook_hold_for_all_wells_below_them(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in [["drug"], ["", 1, 2, 3], ["A", "DMSO"], ["B", "taxol"], ["C"]]:
        book.active.append(line)
    for cells in ("A1:D1", "B3:D3", "B4:C5"):
        book.active.merge_cells(cells)
    book.save(tmp_path / "map.xlsx")
    told = {row["well"]: row["drug"] for row in read_metadata(str(tmp_path / "map.xlsx"))}
    assert told == dict.fromkeys(("A01", "A02", "A03"), "DMSO") | dict.fromkeys(
        ("B01", "B02", "C01", "C02"), "taxol"
    )


def test_formulas_that_nobody_reckoned_are_not_taken_for_empty_cells(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in [["well", "dose"], ["A1", "=1/3"], ["A2", 5]]:
        book.active.append(line)
    book.save(tmp_path / "w.xlsx")
    with pytest.raises(InputError, match="has formulas, as in B2, and not what they come to"):
        read_metadata(str(tmp_path / "w.xlsx"))


def test_a_list_whose_values_count_up_is_not_taken_for_a_map(tmp_path):
    lines = [["Row", "Column", "site", "dose"], *(["A", str(n), "2", "3"] for n in range(1, 4))]
    assert [row["well"] for row in read_metadata(write_csv(tmp_path / "w.csv", lines))] == [
        "A01", "A02", "A03",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (["0,5", "1", ""], ["0.5", "1", ""]),
        (["1,000", "20,000"], ["1,000", "20,000"]),
        (["0,5", "high"], ["0,5", "high"]),
        (["1,5e3", "-0,25"], ["1.5e3", "-0.25"]),
    ],
)
def test_only_commas_that_can_be_nothing_else_become_points(tmp_path, values, read):
    lines = [["well", "dose"], *([f"A{n}", value] for n, value in enumerate(values, 1))]
    wells = read_metadata(write_csv(tmp_path / "w.csv", lines))
    assert [row["dose"] for row in wells] == read


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([["Compound"], ["x"]], "a column 'well'.*or a map of the plate"),
        ([["", "1", "2", "3"], ["A", "x", "", ""], ["A", "y", "", ""]], "the row A of a map twice"),
        ([["Dose", "1", "2", "3"], ["A", "x"], ["Dose", "1", "2", "3"], ["A", "y"]], "is taken"),
        ([["well", "drug"]], "lists no well"),
        ([["well", "drug", "n"], ["A1", "x", ""], ["", "all", "2"]], r"without a well \(all, 2\)"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_is_wrong(tmp_path, lines, said):
    with pytest.raises(InputError, match=said):
        read_metadata(write_csv(tmp_path / "w.csv", lines))


def test_a_row_with_nothing_but_a_note_beside_the_table_is_no_well(tmp_path):
    lines = [["well", "drug", ""], ["A1", "x", ""], ["", "", "checked"], ["", "", "twice"]]
    table = pytest.importorskip("openpyxl") and write_excel(tmp_path / "w.xlsx", One=lines)
    assert read_metadata(table) == [{"well": "A01", "drug": "x"}]


def test_a_workbook_of_an_old_kind_or_a_broken_one_is_refused(tmp_path):
    for name, said in (("w.xls", "expected .xlsx or .csv"), ("w.xlsx", "cannot be read as Excel")):
        (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0 and more")
        if name == "w.xlsx":
            pytest.importorskip("openpyxl")
        with pytest.raises(InputError, match=said):
            read_metadata(str(tmp_path / name))


@pytest.mark.parametrize(
    "lines",
    [
        [["well", *(f"c{i}" for i in range(1000))], ["B02"]],
        [["well", "drug"], ["B02", "x" * 100_000]],
    ],
)
def test_a_table_beyond_all_measure_is_refused_before_it_is_taken_into_a_run(tmp_path, lines):
    path = write_csv(tmp_path / "w.csv", lines)
    with pytest.raises(InputError, match=r"line [12] of .* expected at most 1,000 cells"):
        read_metadata(path)


def test_empty_columns_at_the_end_of_a_sheet_are_no_columns(tmp_path):
    path = write_csv(tmp_path / "w.csv", [["well", "drug", *20_000 * [""]], ["B02", "x", ""]])
    assert read_metadata(path) == [{"well": "B02", "drug": "x"}]


def test_a_row_of_a_manifest_with_more_cells_than_columns_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("path,well\nplate/A01_s1.tif,A01,B02\n")
    with pytest.raises(InputError, match=r"line 2 .* has 3 cells; expected 2"):
        census([], manifest=tmp_path / "list.csv")


@pytest.mark.parametrize("other", ["./plate/A01_s1.tif", "plate//A01_s1.tif", "{here}/A01_s1.tif"])
def test_a_manifest_names_each_file_once_however_it_is_written(plate, tmp_path, other):
    table = tmp_path / "list.csv"
    table.write_text(f"path\nplate/A01_s1.tif\n{other.format(here=plate)}\n")
    with pytest.raises(InputError, match="again; expected one image in each row"):
        census([], manifest=table)


def test_a_file_that_the_inputs_and_the_manifest_name_is_refused(plate, tmp_path):
    (tmp_path / "list.csv").write_text("path\nplate/A01_s1.tif\n")
    for given in (plate, plate / "A01_s1.tif"):
        with pytest.raises(InputError, match="is among the other inputs, too"):
            census(given, manifest=tmp_path / "list.csv")
    both = census(plate / "B02_s1.tif", manifest=tmp_path / "list.csv")
    assert both.counts["images"] == 2


def test_wells_that_do_not_match_are_named(plate, tmp_path):
    table = write_csv(tmp_path / "w.csv", [["well", "drug"], ["A1", "x"], ["C3", "y"], ["D4", "z"]])
    done = CliRunner().invoke(
        main, ["detect", str(plate), "-o", str(tmp_path / "run"), "--metadata", table]
    )
    assert "no image is of 2 wells (C03, D04)" in done.output
    assert "it has no row for 1 well (B02 of plate plate)" in done.output
    assert len(Run(tmp_path / "run").about.unmatched) == 2


@pytest.mark.parametrize(("count", "end"), [(5, "A05)"), (6, "A05, ...)")])
def test_five_wells_that_do_not_match_are_named_and_whether_there_are_more(count, end):
    treatments = Treatments([{"well": f"A{n:02}"} for n in range(count + 1)])
    treatments.join("", "p", "A00")
    (line,) = treatments.unmatched()
    assert line == f"Metadata: no image is of {count} wells (A01, A02, A03, A04, {end}"


@pytest.mark.parametrize("named", ["P1", "p_1", "Plate P-01"])
def test_a_plate_is_the_same_however_it_is_written(plate, tmp_path, named):
    plate = plate.rename(plate.with_name("P1"))
    table = write_csv(tmp_path / "w.csv", [["plate", "well", "drug"], [named, "A1", "x"],
                                           ["P2", "A1", "y"], [named, "B2", "z"]])  # fmt: skip
    run = census(plate, out=tmp_path / "run", metadata=table)
    assert [json.loads(extra)["drug"] for extra in run.images["extra"]] == ["x", "z"]
    assert run.about.unmatched == ["Metadata: no image is of 1 well (A01 of plate P2)"]


def test_a_plate_that_no_image_is_of_is_refused_and_what_to_do_is_said(plate, tmp_path):
    table = write_csv(tmp_path / "w.csv", [["Plate 1"], ["", "1", "2", "3"], ["A", "x", "", ""]])
    census(plate, out=tmp_path / "run").close()
    with pytest.raises(InputError, match="a table that names no plate holds for all"):
        census(plate, out=tmp_path / "run", metadata=table, overwrite=True)
    assert Run(tmp_path / "run").counts["found"] == 2  # it is not lost for a wrong table


def test_a_table_of_none_of_the_wells_leaves_no_run_behind_but_an_earlier_one(plate, tmp_path):
    wrong = write_csv(tmp_path / "w.csv", [["well", "drug"], ["H12", "x"]])
    with pytest.raises(InputError, match="no well"):
        census(plate, out=tmp_path / "run", metadata=wrong)
    assert not (tmp_path / "run").exists()
    census(plate, out=tmp_path / "run", threshold=500).close()
    with pytest.raises(InputError, match="no well"):
        census(plate, out=tmp_path / "run", threshold=500, metadata=wrong, overwrite=True)
    assert Run(tmp_path / "run").counts["found"] == 2


def test_treatments_given_afterwards_are_those_given_before(plate, tmp_path):
    table = write_csv(tmp_path / "w.csv", LIST)
    before = census(plate, out=tmp_path / "before", metadata=table)
    census(plate, out=tmp_path / "after")
    after = open_run(tmp_path / "after", metadata=table)
    assert list(after.images["extra"]) == list(before.images["extra"])
    assert repr(well_table(after)) == repr(well_table(before))
    assert after.about.wells == before.about.wells == WELLS
    assert list(Run(tmp_path / "after").images["extra"]) == ["", ""]


def test_treatments_given_afterwards_replace_those_given_before(plate, tmp_path):
    lines = [["path", "well", "drug"], ["A01_s1.tif", "A01", "by hand"]]
    manifest = write_csv(plate / "list.csv", lines, delimiter=",")
    first = write_csv(tmp_path / "1.csv", [["well", "drug", "old"], ["A1", "x", "1"]])
    second = write_csv(tmp_path / "2.csv", [["well", "drug"], ["A1", "y"]])
    census([], out=tmp_path / "run", manifest=manifest, metadata=first)
    run = open_run(tmp_path / "run", metadata=second)
    assert json.loads(run.images["extra"][0]) == {"drug": "by hand", "Well_drug": "y"}
    run.treat(read_metadata(first))
    assert list(run.images["extra"]) == list(Run(tmp_path / "run").images["extra"])


def test_every_command_that_shows_a_run_takes_treatments(plate, tmp_path):
    run, table = str(tmp_path / "run"), write_csv(tmp_path / "w.csv", [*LIST, ["C03", "x", "1"]])
    census(plate, out=run)
    shown = CliRunner().invoke(main, ["wells", run, "--metadata", table])
    assert "taxol" in shown.output
    CliRunner().invoke(main, ["report", run, "--metadata", table], catch_exceptions=False)
    assert "no image is of 1 well (C03)" in (tmp_path / "run" / "report.html").read_text()
    to = str(tmp_path / "wells.csv")
    CliRunner().invoke(
        main,
        ["export", run, "--to", "wells", "-o", to, "--metadata", table],
        catch_exceptions=False,
    )
    assert "taxol" in (tmp_path / "wells.csv").read_text()


def test_a_run_that_is_copied_keeps_the_treatments_that_it_is_shown_with(plate, tmp_path):
    census(plate, out=tmp_path / "run")
    shown = open_run(tmp_path / "run", metadata=write_csv(tmp_path / "w.csv", LIST))
    export_run(shown, "run", tmp_path / "copy")
    copy = Run(tmp_path / "copy")
    assert list(copy.images["extra"]) == list(shown.images["extra"])
    assert copy.about.wells == WELLS


def test_treatments_of_none_of_the_wells_are_refused_afterwards_too(plate, tmp_path):
    run = census(plate, out=tmp_path / "run")
    with pytest.raises(InputError, match="H12, is that of an image"):
        run.treat([{"well": "H12", "drug": "x"}])
    assert list(run.images["extra"]) == ["", ""]


def test_treatments_are_columns_of_their_own_in_the_table_of_images(tmp_path):
    images = tmp_path / "in"
    images.mkdir()
    for well in ("A01", "A02"):
        tifffile.imwrite(images / f"P_{well}_s1.tif", np.zeros((40, 40), np.uint16))
    (tmp_path / "m.csv").write_text('well,compound,dose\nA01,DMSO,0\nA02,"a, b",1.5\n')
    census(images, tmp_path / "run", Settings(threshold=9), metadata=tmp_path / "m.csv")
    rows = list(csv.DictReader((tmp_path / "run" / "images.csv").read_text().splitlines()))
    assert [(row["Metadata_compound"], row["Metadata_dose"]) for row in rows] == [
        ("DMSO", "0"), ("a, b", "1.5")
    ]  # fmt: skip
    census(images, tmp_path / "plain", Settings(threshold=9))
    assert "Metadata_" not in (tmp_path / "plain" / "images.csv").read_text()


@pytest.mark.parametrize(("there", "said"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_that_are_stored_in_another_way_name_the_same_files_and_plates(
    tmp_path, there, said
):
    stored, written = (unicodedata.normalize(form, "Mäuse é") for form in (there, said))
    (tmp_path / stored).mkdir()
    tifffile.imwrite(tmp_path / stored / f"{stored}_A01_s1.tif", np.zeros((9, 9), np.uint16))
    rows = [["path", "dose"], [f"{written}/{written}_A01_s1.tif", "1"]]
    manifest = write_csv(tmp_path / "images.csv", rows, delimiter=",")
    (listed,) = discover([], SUFFIXES, manifest=manifest)
    assert listed.size_bytes > 0
    treatments = Treatments([{"plate": written, "well": "A01", "drug": "x"}])
    assert json.loads(treatments.join("", stored, "A01")) == {"drug": "x"}
    assert field_name(f"a/{stored}.tif") == field_name(f"{written}.png")
