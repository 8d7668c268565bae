"""Wells are read from names that no instrument gave, if one form explains all of them."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from nucensus import Plane, census
from nucensus.cli import _nucensus
from nucensus.discover import discover
from nucensus.discover.lenient_names import WellForms, placed
from nucensus.discover.names import compile_pattern, parse_name
from nucensus.discover.unknown_names import position_word
from nucensus.errors import InputError
from nucensus.read import SUFFIXES
from nucensus.values import ImageRef, Place

IMAGE = np.zeros((8, 8), np.uint16)


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, IMAGE)
    return folder


def places(folder, **plane):
    found = discover([folder], SUFFIXES, plane=Plane(**plane))
    return [(each.place.well, each.place.site, each.place.channel) for each in found]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["A1", "B12"], [("A01", ""), ("B12", "")]),
        (["A01_1", "A01_2", "C03_1"], [("A01", "1"), ("A01", "2"), ("C03", "1")]),
        (["well_A03_site_2", "well_B10_site_14"], [("A03", "2"), ("B10", "14")]),
        (["wellA3-field7", "wellB3-field8"], [("A03", "7"), ("B03", "8")]),
        (["r01c02", "r16c24"], [("A02", ""), ("P24", "")]),
        (["x_R2C11F3", "x_R3C1F4"], [("B11", "3"), ("C01", "4")]),
        (["A07_DAPI", "H08_DAPI"], [("A07", ""), ("H08", "")]),
        (["p1_B4_s2", "p1_C4_s3"], [("B04", "2"), ("C04", "3")]),
        (["A01.a1", "A01.b2", "P24.b2"], [("A01", ""), ("B02", ""), ("AF48", "")]),
        (["VID7_A1_1_00d02h00m", "VID7_C2_4_00d02h00m"], [("A01", "1"), ("C02", "4")]),
        (["a01_1", "b01_1"], [("A01", "1"), ("B01", "1")]),
        (["my assay B4 pos 3", "an assay C4 pos 1"], [("C04", "1"), ("B04", "3")]),
        (["A01/img1", "B02/img7"], [("A01", ""), ("B02", "")]),
        (["row1_col2_f3", "Row 2 Column 12 f3"], [("B12", "3"), ("A02", "3")]),
        (["exp_A01", "exp_A02"], [("A01", ""), ("A02", "")]),
        (["A1_2024-05-03", "B2_2024-05-04"], [("A01", ""), ("B02", "")]),
        (["A1_03.05.2024_7", "B2_03.05.2024_8"], [("A01", "7"), ("B02", "8")]),
        (["x_A01_F01", "x_A02_F02"], [("A01", "1"), ("A02", "2")]),
        (["A01_F0001_T0001_Z0004_C01", "B02_F0002_T0001_Z0004_C01"], [("A01", "1"), ("B02", "2")]),
        (["sim_A01_C1_F4_s01", "sim_A02_C5_F7_s02"], [("A01", "1"), ("A02", "2")]),
        (["A-01", "A-02", "B-12"], [("A01", ""), ("A02", ""), ("B12", "")]),
        (["exp_A-01_s2_DAPI", "exp_B-12_s3_DAPI"], [("A01", "2"), ("B12", "3")]),
        (["Well A-01 field 2", "Well C-03 field 1"], [("A01", "2"), ("C03", "1")]),
        (["B02_A-01", "C03_A-02"], [("B02", ""), ("C03", "")]),
        (["A1_s2_2024-05-03 14-30-59", "B1_2024-05-03 14-31_s3"], [("A01", "2"), ("B01", "3")]),
    ],
)
def test_everyday_names_tell_their_well(tmp_path, names, told):
    folder = write(tmp_path, *(f"{name}.tif" for name in names))
    assert [place[:2] for place in places(folder)] == told


@pytest.mark.parametrize(
    "names",
    [
        ["cells_B1", "cells_B2"],  # batches, mice, days
        ["f01", "f02"],  # fields
        ["A1_x", "notes"],
        ["A1_B2", "B1_C2"],  # which of both?
        ["exp A0", "exp B0"],
        ["img_001", "img_002"],
        ["R01-C01", "R02-C12"],
        ["A-01", "A-02"],  # of one row: animals
        ["A_01", "B_01"],  # groups
        ["A-01", "B-01", "notes"],
    ],
)
def test_names_of_which_some_tell_no_well_or_two_tell_none(tmp_path, names):
    folder = write(tmp_path, *(f"{name}.tif" for name in names))
    assert {place[0] for place in places(folder)} == {""}


def test_the_wells_of_two_plates_stay_apart(tmp_path):
    write(tmp_path, "one/A1.tif", "one/B1.tif", "two/A1.tif", "two/B1.tif")
    found = discover([tmp_path], SUFFIXES)
    assert [(each.place.plate, each.place.well) for each in found] == [
        ("one", "A01"), ("one", "B01"), ("two", "A01"), ("two", "B01"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["{plate}/data/{well}--W00001--P00001--Z00000--T00000--DAPI.tif",
     "{plate}/{well}/{well}--W00001--P00001--Z00000--T00000--DAPI.tif",
     "{plate}/001001-1-001001001.tif", "{plate}/{well}-Site_0/img_000000000_DAPI_000.tif",
     "{plate}/Scan_{well0}_{column}_R1_ch00.tif", "{plate}/{well}.tif",
     "{plate}/Well_{well0}01.tif", "{plate}/img_{well0}01_s1_w1.tif", "{plate}/Image {well}.tif"],
)  # fmt: skip
def test_plates_that_no_name_tells_apart_are_told_apart_by_their_folders(tmp_path, name):
    write(tmp_path, *(
        name.format(plate=plate, well=well, well0=well[0], column=well[1:])
        for plate in ("P1", "P2") for well in ("A1", "B2")
    ))  # fmt: skip
    assert {each.place.plate for each in discover([tmp_path], SUFFIXES)} == {"P1", "P2"}


def test_channels_beside_wells_are_asked_for(tmp_path):
    folder = write(tmp_path, *(f"{stain}_{well}_1.tif" for stain in ("DAPI", "GFP")
                               for well in ("A04", "C01")))  # fmt: skip
    with pytest.raises(InputError, match="holds the channels GFP, DAPI; expected a choice"):
        places(folder)
    assert places(folder, channel="DAPI") == [("A04", "1", "DAPI"), ("C01", "1", "DAPI")]


def test_wells_c1_and_c2_are_no_channels_beside_other_rows_and_are_alone(tmp_path):
    plate = write(tmp_path / "plate", "A1.tif", "C1.tif", "C2.tif")
    assert [place[0] for place in places(plate)] == ["A01", "C01", "C02"]
    alone = write(tmp_path / "alone", "x_C1.tif", "x_C2.tif")
    with pytest.raises(InputError, match="holds the channels 1"):
        places(alone)


@pytest.mark.parametrize("names", [["A1_DAPI", "B1_Hoechst"], ["A1_GFP", "B1_gfp"]])
def test_different_stains_of_nuclei_in_different_wells_are_not_taken_for_channels(tmp_path, names):
    folder = write(tmp_path, *(f"{name}.tif" for name in names))
    assert [place[0] for place in places(folder)] == ["A01", "B01"]


def test_planes_in_files_of_their_own_are_asked_for_beside_wells(tmp_path):
    folder = write(tmp_path, *(f"{well}_z{z}.tif" for well in ("A1", "B1") for z in (1, 2)))
    with pytest.raises(InputError, match="z planes 1, 2"):
        places(folder)
    assert [place[0] for place in places(folder, z=1)] == ["A01", "B01"]


@pytest.mark.parametrize(
    "names",
    [["A1.tif", "B12.tif"], ["x_A04_1.tif", "y_B04_1.tif"], ["r01c02.tif", "r02c02f3.tif"],
     ["a b A4.tif", "c B4.tif"], ["p/A01/1.tif", "p/B02/2.tif"], ["wellA3.tif", "wellB3.tif"],
     ["x_A-04_1.tif", "y_B-04_1.tif"], ["Well A-04 1.tif", "Well B-12 1.tif"]],
)  # fmt: skip
def test_the_pattern_that_scan_offers_reads_the_same(names):
    forms = WellForms()
    for name in names:
        forms.add(name)
    form = forms.choose()
    for name in names:
        told = form.place(ImageRef(name, f"/data/{name}")).well
        assert parse_name(name, compile_pattern(form.pattern))[1].well == told != ""


def test_only_a_place_that_nothing_else_told_is_read_from_the_name():
    forms = WellForms()
    for name in ("A4_1.tif", "B4_1.tif"):
        forms.add(name)
    image = ImageRef("C7_1.tif", "/data/C7_1.tif")
    assert placed(image, forms.choose()).place.well == "C07"
    for known in (replace(image, place=Place(well="D08")), replace(image, problem="it is lost")):
        assert placed(known, forms.choose()) == known


def test_scan_says_what_names_tell_and_what_they_do_not(tmp_path):
    run = CliRunner().invoke
    shown = run(_nucensus, ["scan", str(write(tmp_path / "a", "A4_1.tif", "B4_1.tif"))]).output
    assert "2 with a well in the name: A04 in 'A4_1.tif'" in shown
    assert "(?P<well>" in shown
    assert "Plate a: 2 wells" in shown
    shown = run(_nucensus, ["scan", str(write(tmp_path / "b", "x.tif", "y.tif"))]).output
    assert "not matched: 'x.tif', 'y.tif'" in shown


def test_a_run_says_that_no_well_is_known(tmp_path):
    run = CliRunner().invoke
    folder = write(tmp_path / "b", "x.tif", "y.tif")
    shown = run(_nucensus, ["detect", str(folder), "-o", str(tmp_path / "run")]).output
    assert "No wells: the names of the files tell none" in shown
    folder = write(tmp_path / "a", "A4_1.tif", "B4_1.tif")
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.stack([IMAGE] * 5), metadata={"axes": "ZYX"})
    for number, given in enumerate([[str(folder)], [str(stack), "--z", "each"]]):
        out = str(tmp_path / f"run{number}")
        shown = run(_nucensus, ["detect", *given, "-o", out]).output
        assert "No wells" not in shown


def test_a_run_says_which_images_are_in_no_well_beside_others(tmp_path):
    folder = write(tmp_path / "a", "P_A01_s1_w1.tif", "P_B02_s1_w1.tif", "P_overview.tif")
    run = CliRunner().invoke
    shown = run(_nucensus, ["detect", str(folder), "-o", str(tmp_path / "run")]).output
    assert "In no well: 1 image of which the name tells none, as 'P_overview.tif'" in shown
    (folder / "P_overview.tif").unlink()
    shown = run(_nucensus, ["detect", str(folder), "-o", str(tmp_path / "run")]).output
    assert "In no well" not in shown


@pytest.mark.parametrize("site", ["", "_s1"])
def test_wells_of_one_name_in_two_folders_are_told_of(tmp_path, site):
    write(tmp_path, *(f"{f}/exp_{well}{site}.tif" for f in ("P1", "P2") for well in ("A01", "B01")))
    out = str(tmp_path / "run")
    told = CliRunner().invoke(_nucensus, ["detect", str(tmp_path), "--out", out]).output
    scanned = CliRunner().invoke(_nucensus, ["scan", str(tmp_path)]).output
    for said in (told, scanned):
        assert "2 planes have several files" in said
        assert "with --pattern which folder is the plate" in said


def test_several_images_of_a_well_in_one_folder_are_not_told_of(tmp_path):
    write(tmp_path, *(f"A1 ({n}).tif" for n in (1, 2)), *(f"B1 ({n}).tif" for n in (1, 2)))
    assert "several files" not in CliRunner().invoke(_nucensus, ["scan", str(tmp_path)]).output


def test_wells_that_were_read_join_their_treatments(tmp_path):
    folder = write(tmp_path / "plate", "A1_1.tif", "B1_1.tif")
    (tmp_path / "wells.csv").write_text("well,drug\nA01,x\nB01,y\n")
    run = census(folder, metadata=tmp_path / "wells.csv")
    assert list(run.images["extra"]) == ['{"drug": "x"}', '{"drug": "y"}']


@pytest.mark.parametrize(("name", "told"), [
    ("time3/x.tif", ("3", "time*/x.tif")),
    ("T2/x.tif", ("", "")),  # of a folder that may be a treatment
    ("T2/x_T3.tif", ("3", "T2/x_T*.tif")),
])  # fmt: skip
def test_a_folder_tells_a_time_point_where_its_name_says_so(name, told):
    assert position_word(name, "time") == told
