"""Plates: what is there, what an index promises, what is chosen, what scan shows."""

import csv
import itertools
import json
import os
import shutil
import sys

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from commands import run as command
from conftest import SHARED
from formats import make_stack, write_zarr_plate
from stated_runs import write_run

from nucensus import Settings, census, detect_nuclei, find_nuclei
from nucensus.cli.detect import command as detect
from nucensus.cli.scan import command as scan
from nucensus.discover import LeftOut, discover, list_images, survey, view_plates
from nucensus.errors import InputError
from nucensus.read import SUFFIXES, read
from nucensus.values import Failed, Place, Plane
from nucensus.values.pixel_size import PixelSize
from nucensus.values.synthetic import make_field

REAL = SHARED / "data" / "formats"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not beside the repository")
IMAGE = make_stack()[0, 0, 0]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, IMAGE)
    return folder


def run_scan(*arguments):
    done = CliRunner().invoke(scan, [str(each) for each in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def names(references):
    return [each.name for each in references]


@pytest.fixture
def two_channels(tmp_path):
    return touch(
        tmp_path / "plate", "p_A01_s1_w1.tif", "p_A01_s1_w2.tif", "p_A01_s2_w1.tif",
        "p_A01_s2_w2.tif", "p_B02_s1_w1.tif", "p_B02_s1_w2.tif", "p_A01_s1_w1_thumb.tif",
    )  # fmt: skip


def test_the_wells_of_a_plate_are_shown_beyond_an_image_of_none(two_channels):
    touch(two_channels, "0.tif")
    (plate,) = view_plates(survey([two_channels], SUFFIXES).references)
    assert sorted(plate.wells) == ["A01", "B02"]


def test_thumbnails_are_left_out_and_counted(two_channels):
    found = survey([two_channels], SUFFIXES)
    assert (len(found.references), found.left_out) == (6, {"thumbnails": 1})


def test_an_open_choice_of_channel_is_an_error_that_lists_the_channels(two_channels):
    with pytest.raises(InputError, match=r"channels 1, 2; expected a choice.*--channel each"):
        discover([two_channels], SUFFIXES)


@pytest.mark.parametrize(
    ("stains", "proposed"),
    [
        (("FITC - FITC", "UV - DAPI"), "'UV - DAPI' (it shows nuclei by its name)"),
        (("FITC - FITC", "TL - Brightfield"), "'FITC - FITC', or all"),
        (("UV - DAPI", "UV2 - Hoechst"), "'UV - DAPI', or all"),
    ],
)
def test_the_channel_that_shows_nuclei_by_its_name_is_proposed_if_there_is_one(
    tmp_path, stains, proposed
):
    touch(tmp_path, *(f"p/A - 1(fld 1 wv {stain}).tif" for stain in stains))
    with pytest.raises(InputError) as asked:
        discover([tmp_path], SUFFIXES)
    assert f"count one with --channel {proposed}" in str(asked.value)


@pytest.mark.parametrize("channel", [1, "w1", "1", "ch01", "C01"])
def test_a_channel_of_files_is_chosen_by_the_number_in_the_name(two_channels, channel):
    found = discover([two_channels], SUFFIXES, plane=Plane(channel=channel))
    assert names(found) == ["p_A01_s1_w1.tif", "p_A01_s2_w1.tif", "p_B02_s1_w1.tif"]
    assert {each.plane for each in found} == {Plane()}


def test_each_channel_counts_all_files_and_an_unknown_one_is_refused(two_channels):
    assert len(discover([two_channels], SUFFIXES, plane=Plane(channel="each"))) == 6
    with pytest.raises(InputError, match="--channel is 'DAPI', and the plate 'p' holds"):
        discover([two_channels], SUFFIXES, plane=Plane(channel="DAPI"))


def test_a_time_is_chosen_where_names_tell_of_one_plane_that_is_projected(tmp_path):
    folder = touch(tmp_path, *(f"p_A01_T000{t}F001L01A01Z01C01.tif" for t in (1, 2)))
    found = discover([folder], SUFFIXES, plane=Plane(z="max", time=2))
    assert names(found) == ["p_A01_T0002F001L01A01Z01C01.tif"]


def test_planes_in_files_of_their_own_are_chosen_but_are_no_volume(tmp_path):
    folder = touch(tmp_path, *(f"p_A01_T0001F001L01A01Z0{z}C01.tif" for z in (1, 2, 3)))
    chosen = discover([folder], SUFFIXES, plane=Plane(z=2))
    assert names(chosen) == ["p_A01_T0001F001L01A01Z02C01.tif"]
    with pytest.raises(InputError, match=r"--volume takes the planes of one file.*--z max"):
        discover([folder], SUFFIXES, plane=Plane(z="volume"))


def test_what_files_leave_open_is_chosen_in_the_files(tmp_path):
    stack = make_stack()[0]
    tifffile.imwrite(tmp_path / "p_A01_s1.tif", stack.swapaxes(0, 1), imagej=True,
                     metadata={"axes": "ZCYX"})  # fmt: skip
    (found,) = discover([tmp_path], SUFFIXES, plane=Plane(channel=1, z=2))
    np.testing.assert_array_equal(read(found.path, found.plane), stack[1, 2])


def test_scan_draws_the_plate_and_lists_what_other_wells_have(two_channels):
    shown = run_scan(two_channels, "--channel", "1")
    assert "6 with names of ImageXpress, MetaXpress" in shown
    assert "1 left out: thumbnails" in shown
    assert "    A  #  .\n    B  .  +\n" in shown
    assert "missing: 2 images that other wells have" in shown
    assert "B02: site 2 channel 1, site 2 channel 2" in shown
    assert "To count: 3 images" in shown


def test_scan_has_a_line_for_each_of_many_plates_and_no_map(tmp_path):
    wells = ("A01", "B02")
    touch(tmp_path, *(f"P{n}_{well}_s{s}.tif" for n in range(60) for well in wells for s in (1, 2)))
    (tmp_path / "P7_B02_s2.tif").unlink()
    shown = run_scan(tmp_path)
    assert "Plate P7: 2 wells, 2 sites; lacks 1 image\n" in shown
    assert "... and 10 more plates (--json has all)\n" in shown
    assert "# complete" not in shown
    assert len(shown.splitlines()) < 65
    assert len(json.loads(run_scan(tmp_path, "--json"))["plates"]) == 60


def test_scan_says_which_choice_is_open_and_still_succeeds(two_channels):
    assert "To choose: the plate 'p' holds the channels 1, 2" in run_scan(two_channels)


def test_a_wells_matrix_can_be_larger_than_26_rows(tmp_path):
    folder = touch(tmp_path, "p_AA01_s1_w1.tif", "p_A01_s1_w1.tif")
    shown = run_scan(folder)
    assert "   AA  #" in shown
    assert "    Z  ." in shown


@real
def test_a_real_harmony_plate_knows_its_stain_pixel_size_and_nuclear_channel():
    folder = REAL / "opera-phenix" / "pe2loaddata-Version1"
    with pytest.raises(InputError, match=r"5 \(HOECHST 33342\).*--channel 5 .it shows nuclei"):
        discover([folder], SUFFIXES)
    (found,) = discover([folder], SUFFIXES, plane=Plane(channel="Hoechst"))
    assert found.path.endswith("ch5sk1fk1fl1.tiff")
    assert (found.place.plate, found.place.well) == ("BR00121482", "A01")
    assert found.pixel_size.y == pytest.approx(0.598, abs=1e-3)


@real
@pytest.mark.parametrize(
    ("name", "count", "stain"),
    [("pe2loaddata-Version5", 6, "Alexa 488"), ("pe2loaddata-Version7", 7, "HOECHST 33342"),
     ("operetta-compose-Sonata", 2, "Fluorescein (FITC)")],
)  # fmt: skip
def test_an_index_without_its_images_is_rows_with_a_reason(name, count, stain):
    folder = REAL / "opera-phenix" / "index-xml-only" / name
    run = census(folder, plane=Plane(channel="each"))
    assert (run.counts["found"], run.counts["failed"]) == (0, count)
    assert all("promises this image" in reason for reason in run.failures["reason"])
    assert stain in set(run.images["channel"])
    assert f"missing: {count} images that the index promises" in run_scan(folder)


@real
def test_a_real_metaxpress_plate_reports_what_the_htd_file_promises_in_vain():
    shown = run_scan(REAL / "imagexpress-htd" / "9987_Plate_3434")
    assert "36 images" in shown
    assert "channels: 1 (DAPI), 2 (FITC), 3 (Texas Red)" in shown
    assert "missing: 24 images that the index promises" in shown
    assert "in no well: channels 4 (Cy5)" in shown
    assert "in no well: z planes 3" in shown
    assert "nuclei by name: --channel 1" in shown


@real
def test_a_real_time_series_counts_what_is_there_and_lists_what_is_not():
    run = census(
        REAL / "imagexpress-htd" / "9987_Plate_3435",
        settings=Settings(sigma=2, threshold=600),
        plane=Plane(channel="DAPI", time="each"),
    )
    assert (run.counts["found"], run.counts["failed"]) == (8, 16)
    rows = run.images[run.images["status"] == "found"]
    assert set(zip(rows["well"], rows["site"], rows["time"], strict=True)) == {
        (well, site, time) for well in ("B02", "B03") for site in "12" for time in (1, 2)
    }
    assert set(rows["plate"]) == {"9987_Plate_3435"}
    assert set(rows["pixel_size_um"]) == {1.3672}
    assert (rows["count"] > 20).all()


@real
def test_a_real_cellvoyager_folder_leaves_out_its_calibration_images():
    folder = REAL / "yokogawa-cv8000-blanked-pixels"
    found = survey([folder], SUFFIXES)
    assert (len(found.references), found.left_out) == (96, {"not in the index": 6})
    chosen = discover([folder], SUFFIXES, plane=Plane(channel="405", z=2))
    assert {each.place.well for each in chosen} == {"D08", "E03", "F08"}
    assert {each.pixel_size for each in chosen} == {PixelSize(0.325, 0.325)}
    assert len(chosen) == 12


@real
def test_an_ome_companion_file_promises_the_files_that_hold_its_pixels():
    run = census(REAL / "ome-tiff" / "companion-metadata-only")
    assert run.counts["failed"] == run.counts["images"] == 5


@real
def test_all_plates_in_one_folder_keep_their_own_wells():
    plates = view_plates(survey([REAL / "imagexpress-htd"], SUFFIXES).references)
    assert [(plate.name, sorted(plate.wells)) for plate in plates] == [
        ("9987_Plate_3420", ["B02"]),
        ("9987_Plate_3434", ["B02", "B03"]),
        ("9987_Plate_3435", ["B02", "B03"]),
    ]


@real
def test_a_damaged_index_is_a_row_with_a_reason_and_the_images_still_count(tmp_path):
    folder = tmp_path / "plate"
    shutil.copytree(REAL / "opera-phenix" / "pe2loaddata-Version1" / "images", folder)
    index = folder / "Index.idx.xml"
    index.chmod(0o644)
    index.write_bytes(index.read_bytes()[:3000])
    run = census(folder, plane=Plane(channel=5))
    assert (run.counts["found"], run.counts["failed"]) == (1, 1)
    assert "not well formed" in run.failures["reason"][0]


def test_an_index_that_declares_entities_is_not_expanded(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x><Image>&b;</Image></x>'
    (tmp_path / "Index.idx.xml").write_text(bomb)
    touch(tmp_path, "a.tif")
    run = census(tmp_path)
    assert "declares entities" in run.failures["reason"][0]
    assert run.counts["found"] == 1


def test_images_beyond_a_damaged_index_are_counted_too(tmp_path):
    (touch(tmp_path / "a", "a.tif") / "Index.idx.xml").write_text("<x>")
    assert run_scan(tmp_path / "a", touch(tmp_path / "b", "b.tif")).startswith("2 images")


def test_a_damaged_index_hides_none_below_it(tmp_path):
    (touch(tmp_path, "a.tif", "below/b.tif") / "Index.idx.xml").write_text("<x>")
    (tmp_path / "below" / "Index.idx.xml").write_text(
        "<x><Image><URL>b.tif</URL><Row>2</Row><Col>3</Col></Image></x>"
    )
    found = [each for each in survey([tmp_path], SUFFIXES).references if not each.problem]
    assert [each.place.well for each in found] == ["", "B03"]


def test_an_index_beyond_copies_of_another_is_read(tmp_path):
    touch(tmp_path, "a.tif", "copy/a.tif", "other/b.tif")
    for folder in (tmp_path, tmp_path / "copy"):
        (folder / "Index.idx.xml").write_text(
            "<x><Image><URL>a.tif</URL><Row>1</Row><Col>1</Col></Image></x>"
        )
    (tmp_path / "other" / "MeasurementData.mlf").write_text(
        '<Data><MeasurementRecord Type="IMG" Row="2" Column="3">b.tif</MeasurementRecord></Data>'
    )
    found = {each.name: each.place.well for each in survey([tmp_path], SUFFIXES).references}
    assert (found["a.tif"], found["other/b.tif"]) == ("A01", "B03")


def test_an_error_that_the_instrument_recorded_is_one_missing_image(tmp_path):
    touch(tmp_path, "a.tif", "stray.tif")
    where = 'Row="2" Column="3" Ch="1"'
    (tmp_path / "MeasurementData.mlf").write_text(
        f'<Data><MeasurementRecord Type="IMG" {where} FieldIndex="1">a.tif</MeasurementRecord>'
        f'<MeasurementRecord Type="ERR" {where} FieldIndex="2">no focus</MeasurementRecord></Data>'
    )
    found = survey([tmp_path], SUFFIXES)
    assert found.left_out == {"not in the index": 1}
    assert [(each.place.site, each.problem[-8:]) for each in found.references] == [
        ("1", ""), ("2", "no focus"),
    ]  # fmt: skip


def test_scan_gives_no_size_of_folders_and_counts_one_in_the_singular(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    assert run_scan(tmp_path).startswith("1 image\n")
    (tmp_path / "b.tif").write_bytes(bytes(1500))
    assert run_scan(tmp_path).startswith("2 images, 1.5 kB and 1 of unknown size\n")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_plate_stands_for_its_fields(tmp_path, version):
    pytest.importorskip("zarr")
    stack = make_stack((1, 1, 1, 24, 31))
    write_zarr_plate(tmp_path / "p.ome.zarr", stack, version)
    run = census(tmp_path, settings=Settings(threshold=0))
    assert run.counts["images"] == 4
    assert list(run.images["image"][:2]) == ["p.ome.zarr/B/3/0", "p.ome.zarr/B/3/1"]
    assert list(run.images["well"]) == ["B03", "B03", "C11", "C11"]
    assert set(run.images["plate"]) == {"test plate"}
    assert "promises it, and it is not there" in run.failures["reason"][0]
    (found,) = discover([tmp_path / "p.ome.zarr" / "B" / "3" / "1"], SUFFIXES)
    np.testing.assert_array_equal(read(found.path), stack[0, 0, 0] + 1)
    assert "missing: 1 image that the index promises" in run_scan(tmp_path)


def test_each_plane_of_a_file_is_an_image_with_a_name_of_its_own(tmp_path):
    stack = make_stack((1, 2, 3, 24, 31))[0]
    tifffile.imwrite(tmp_path / "a.tif", stack.swapaxes(0, 1), imagej=True,
                     metadata={"axes": "ZCYX"})  # fmt: skip
    tifffile.imwrite(tmp_path / "b.tif", IMAGE)
    (tmp_path / "c.tif").write_bytes(b"II*\0 no image")
    run = census(tmp_path, settings=Settings(threshold=0), plane=Plane(channel=0, z="each"))
    assert list(run.images["image"]) == [
        "a.tif[z=0]", "a.tif[z=1]", "a.tif[z=2]", "b.tif[z=0]", "c.tif",
    ]  # fmt: skip
    np.testing.assert_array_equal(run.images["z"], [0, 1, 2, 0, np.nan])
    assert run.counts["failed"] == 1
    run = census(tmp_path / "a.tif", settings=Settings(threshold=0), plane=Plane(0, "each", "each"))
    assert list(run.images["image"]) == [f"a.tif[c={c},z={z}]" for c in (0, 1) for z in (0, 1, 2)]


def test_a_manifest_lists_images_and_its_other_columns_reach_the_output(tmp_path):
    touch(tmp_path, "x/one.tif", "two.tif")
    manifest = tmp_path / "list.csv"
    manifest.write_text("dose,Path,well,site\n10,x/one.tif,b3,1\n,two.tif,B4,2\n9,lost.tif,B5,1\n")
    done = CliRunner().invoke(
        detect, ["--manifest", str(manifest), "-o", str(tmp_path / "run"), "--threshold", "0"]
    )
    assert done.exit_code == 3, done.output
    with open(tmp_path / "run" / "images.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["x/one.tif", "two.tif", "lost.tif"]
    assert [row["well"] for row in rows] == ["B03", "B04", "B05"]
    assert [row["extra"] for row in rows] == ['{"dose": "10"}', '{"dose": ""}', '{"dose": "9"}']
    assert "does not exist" in rows[2]["reason"]


@pytest.mark.skipif(os.sep == "\\", reason="no file has a backslash in its name")
def test_columns_of_places_in_a_manifest_may_have_capital_letters(tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("Path,Metadata_Well,Channel,Dose\na.tif,b3,DAPI ,1\nb.tif,b3,GFP,2\n")
    with pytest.raises(InputError, match="channels GFP, DAPI"):
        discover([], SUFFIXES, manifest=manifest)
    (found,) = discover([], SUFFIXES, manifest=manifest, plane=Plane(channel="DAPI"))
    assert (found.name, found.place.well, found.extra) == ("a.tif", "B03", '{"Dose": "1"}')


def test_what_a_manifest_does_not_say_of_a_place_the_name_tells(tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        "path,channel,well\nP1_A01_s2_w1.tif,DAPI,\nP1_A02_s2_w1GFP.tif,DAPI,B7\nx.tif,DAPI,\n"
    )
    assert [each.place for each in discover([], SUFFIXES, manifest=manifest)] == [
        Place("P1", "A01", "2", "DAPI"), Place("P1", "B07", "2", "DAPI"), Place(channel="DAPI")
    ]  # fmt: skip


def test_a_manifest_that_says_the_wells_leaves_no_choice_unasked_that_names_tell_of(tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,well\nP1_A01_s2_w1.tif,A1\nP1_A01_s2_w2.tif,A1\n")
    with pytest.raises(InputError, match="channels 1, 2"):
        discover([], SUFFIXES, manifest=manifest)


@pytest.mark.parametrize("column", ["plate", "well"])
def test_channels_in_names_of_no_instrument_are_asked_about_whatever_a_manifest_says(
    tmp_path, column
):
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"path,{column}\nx_DAPI.tif,A1\nx_GFP.tif,A1\ny.tif,A1\n")
    with pytest.raises(InputError, match="channels GFP, DAPI"):
        discover([], SUFFIXES, manifest=manifest)
    (found,) = discover([], SUFFIXES, manifest=manifest, plane=Plane(channel="GFP"))
    assert (found.name, found.channel) == ("x_GFP.tif", "GFP")
    manifest.write_text(f"path,{column},channel\nx_DAPI.tif,A1,1\nx_GFP.tif,A1,1\ny.tif,A1,1\n")
    assert len(discover([], SUFFIXES, manifest=manifest)) == 3
    own = discover([], SUFFIXES, manifest=manifest, pattern=r"(?P<site>\d+)")
    assert len(own) == 3


def test_wells_in_names_of_no_instrument_are_told_beside_what_a_manifest_says(tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,channel\nA01_1.tif,DAPI\nB02_3.tif,DAPI\nP_A07_s1_w1.tif,DAPI\n")
    places = [each.place for each in discover([], SUFFIXES, manifest=manifest)]
    assert [(each.well, each.site, each.channel) for each in places] == [
        ("A01", "1", "DAPI"), ("B02", "3", "DAPI"), ("A07", "1", "DAPI")
    ]  # fmt: skip


def test_a_manifest_that_was_written_on_windows_finds_its_images_everywhere(tmp_path):
    touch(tmp_path, "x/one.tif", "x\\literal.tif")
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\nx\\one.tif\nx\\literal.tif\n")
    found = discover([], SUFFIXES, manifest=manifest)
    assert [each.name for each in found] == ["x/one.tif", "x\\literal.tif"]
    assert not any(each.problem for each in found)


def test_a_manifest_may_be_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    touch(tmp_path, "one.tif", "two.tif")
    # A whole number is a floating-point one where others are missing, as pandas keeps them.
    columns = {"path": ["one.tif", "two.tif"], "site": [2.0, None], "dose": [1.5, float("nan")]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
    found = discover([], SUFFIXES, manifest=tmp_path / "list.parquet")
    assert [each.name for each in found] == ["one.tif", "two.tif"]
    assert [each.place.site for each in found] == ["2", ""]
    assert [each.extra for each in found] == ['{"dose": "1.5"}', '{"dose": ""}']


@pytest.mark.parametrize(
    ("text", "says"),
    [("a,b\n1,2\n", "expected one of path"), ("path\nx.tif\nx.tif\n", "line 3.*again"),
     ("path,a\n,1\n", "line 2.*no path"), ("path\n", "lists no image; expected"),
     ("", "lists no image; expected")],
)  # fmt: skip
def test_a_manifest_that_cannot_be_used_says_which_line_is_wrong(tmp_path, text, says):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        discover([], SUFFIXES, manifest=tmp_path / "list.csv")


def test_treatments_of_wells_are_kept_with_the_run(two_channels, tmp_path):
    table = tmp_path / "wells.csv"
    table.write_text("Metadata_Well,compound,dose\na1,DMSO,\nB2,taxol,0.3\n")
    run = census(two_channels, plane=Plane(channel=1), metadata=table)
    assert run.facts["wells"] == [
        {"well": "A01", "compound": "DMSO", "dose": ""},
        {"well": "B02", "compound": "taxol", "dose": "0.3"},
    ]
    assert list(run.images["extra"]) == [
        '{"compound": "DMSO", "dose": ""}', '{"compound": "DMSO", "dose": ""}',
        '{"compound": "taxol", "dose": "0.3"}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"), [("compound\nx\n", "a column 'well'"), ("well\nA1\nA01\n", "'A01' twice")]
)
def test_treatments_without_a_well_are_refused(two_channels, tmp_path, text, says):
    (tmp_path / "wells.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        census(two_channels, plane=Plane(channel=1), metadata=tmp_path / "wells.csv")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_dark_nuclei_are_found_in_the_image_turned_over(tmp_path, dtype):
    from skimage.util import invert

    bright = np.zeros((60, 60), dtype)
    bright[20:25, 30:35] = 1 if dtype == "f4" else 100
    tifffile.imwrite(tmp_path / "dark.tif", invert(bright))
    threshold = 0.1 if dtype == "f4" else 10
    run = census(tmp_path, settings=Settings(sigma=2, threshold=threshold, invert=True))
    assert [(row["y"], row["x"]) for row in run.nuclei] == [(22, 32)]


@pytest.fixture
def volume_file(tmp_path):
    stack = np.random.default_rng(3).gamma(2, 100, (9, 40, 50)).astype(np.uint16)
    path = tmp_path / "volume.tif"
    tifffile.imwrite(path, stack, imagej=True, resolution=(2, 2),
                     metadata={"axes": "ZYX", "unit": "um", "spacing": 1.0})  # fmt: skip
    return path, stack


def test_a_volume_is_counted_in_three_dimensions_with_the_plane_of_each_nucleus(
    volume_file, tmp_path
):
    from nucensus import detect_nuclei

    path, stack = volume_file
    expected = detect_nuclei(stack, (1, 2, 2), 3, 200, exclude_border=0)
    arguments = [str(path), "--volume", "-o", str(tmp_path / "run"), "--sigma-um", "1"]
    arguments += ["--min-distance", "3", "--threshold", "200", "--border", "keep"]
    done = CliRunner().invoke(detect, arguments)
    assert done.exit_code == 0, done.output
    with open(tmp_path / "run" / "nuclei.csv", newline="") as file:
        rows = [(int(row["z"]), int(row["y"]), int(row["x"])) for row in csv.DictReader(file)]
    assert len(rows) > 3
    assert rows == list(map(tuple, expected))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("well,compound\nH12,taxol\n", r"H12, is that of an image: the images are of A01"),
        ("plate,well,dose\nP9,A01,1\n", r"A01 of plate P9, is that of an image"),
        ("well,compound\n", "lists no well"),
    ],
)
def test_metadata_of_which_no_row_is_that_of_an_image_is_refused(tmp_path, table, said):
    touch(tmp_path, "A01_s1.tif")
    (tmp_path / "wells.csv").write_text(table)
    with pytest.raises(InputError, match=said):
        census(tmp_path, metadata=tmp_path / "wells.csv")


def test_sigma_in_micrometres_needs_a_file_that_states_its_pixels(tmp_path):
    touch(tmp_path, "a.tif")
    run = census(tmp_path, settings=Settings(sigma_um=2))
    assert "does not state the size of its pixels" in run.failures["reason"][0]


def test_sigma_in_micrometres_takes_the_size_that_the_index_of_a_plate_states(tmp_path):
    image = make_field(0, shape=(200, 220), nuclei=10).image
    tags = {"resolution": (2_000, 2_000), "resolutionunit": 3}  # those of a camera
    tifffile.imwrite(tmp_path / "a.tif", image, **tags)
    (tmp_path / "Index.idx.xml").write_text(
        "<EvaluationInputData><Plates><Plate><Name>p</Name></Plate></Plates><Maps><Map><Entry "
        "ChannelID='1'><ImageResolutionX>5E-07</ImageResolutionX><ImageResolutionY>5E-07"
        "</ImageResolutionY></Entry></Map></Maps><Images><Image><URL>a.tif</URL><Row>2</Row><Col>3"
        "</Col><FieldID>1</FieldID><ChannelID>1</ChannelID><State>Ok</State></Image></Images>"
        "</EvaluationInputData>"
    )
    numbers = {"min_distance": 3, "threshold": 300, "border": "keep"}
    run = census(tmp_path, workers=1, settings=Settings(sigma_um=2, **numbers))
    expected = find_nuclei(image, Settings(sigma=4, **numbers))
    assert run.counts["nuclei"] == len(expected) > 0
    assert list(run.images["pixel_size_um"]) == [0.5]
    assert not run.notes


def test_a_volume_without_nuclei_is_a_row_of_no_nuclei_beside_the_others(volume_file, tmp_path):
    path, stack = volume_file
    tifffile.imwrite(tmp_path / "none.tif", stack * 0, imagej=True, metadata={"axes": "ZYX"})
    settings = Settings(sigma=1, min_distance=3, threshold=200, border="keep")
    run = census(tmp_path, tmp_path / "run", settings, plane=Plane(z="volume"))
    assert dict(zip(run.images["image"], run.images["count"] > 3, strict=True)) == {
        "none.tif": False, path.name: True,
    }  # fmt: skip
    with open(tmp_path / "run" / "nuclei.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["z"]) for row in rows] == list(run.nuclei["z"])
    assert len(rows) == run.counts["nuclei"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_plate_whose_name_is_not_utf8_is_kept_and_read_back(tmp_path):
    touch(tmp_path / "in", "caf\udce9_A01_s1.tif")
    (tmp_path / "in" / "caf\udce9_A01_s2.tif").write_bytes(b"nothing")
    run = census(tmp_path / "in", tmp_path / "run", Settings(threshold=0))
    assert list(run.images["plate"]) == ["caf\udce9"] * 2
    assert run.counts["failed"] == 1
    with open(tmp_path / "run" / "images.csv", newline="", errors="surrogateescape") as file:
        assert {row["plate"] for row in csv.DictReader(file)} == {"caf\udce9"}
    done = command("scan", tmp_path / "in")
    assert "Plate caf\\udce9: 1 well" in done.stdout, done.stderr


def test_a_reason_that_is_not_utf8_is_kept(tmp_path):
    run = write_run(tmp_path, {"a.tif": Failed("read", "no plane caf\udce9")})
    assert list(run.failures["reason"]) == ["no plane caf\udce9"]


INSTRUMENTS = {
    "InCell": (
        "plate 7/{row} - {column:02d}(fld {site:02d} wv {stain} - {stain}).tif",
        ("DAPI", "FITC"),
        "DAPI",
    ),
    "Cellomics, CellInsight": (
        "run/MFGTMPcx7_170525090001_{row}{column:02d}f{site:02d}d{channel}.TIF",
        ("0", "1"),
        "0",
    ),
}
"""How the files of an instrument are called, by its manual; its channels; that of the nuclei."""


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_written_plates_of_instruments_without_real_files_are_scanned_and_counted(
    tmp_path, instrument
):
    name, stains, nuclear = INSTRUMENTS[instrument]
    field = make_field(3, shape=(200, 240), nuclei=6, touching=0).image
    for (row, column), site, (channel, stain) in itertools.product(
        [("B", 2), ("C", 11)], (1, 2), enumerate(stains)
    ):
        path = tmp_path / name.format(
            row=row, column=column, site=site, channel=channel, stain=stain
        )
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, field if stain == nuclear else field // 50)
    path.unlink()
    shown = run_scan(tmp_path)
    assert f"7 with names of {instrument}" in shown
    assert "B  .  #" in shown
    assert "C  .  .  .  .  .  .  .  .  .  .  +" in shown
    plane = Plane(channel=nuclear)
    run = census(tmp_path, settings=Settings.published(), plane=plane)
    expected = len(detect_nuclei(field))
    places = [(row["well"], row["site"], row["count"]) for row in run.images]
    assert places == [(well, site, expected) for well in ("B02", "C11") for site in ("1", "2")]


def test_a_treatment_does_not_replace_what_the_manifest_says_under_its_name(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 40), np.uint16))
    (tmp_path / "images.csv").write_text("path,well,dose,Well_dose\na.tif,B02,of the image,x\n")
    (tmp_path / "wells.csv").write_text("well,dose,drug\nB02,of the well,DMSO\n")
    run = census([], manifest=tmp_path / "images.csv", metadata=tmp_path / "wells.csv")
    assert json.loads(run.images["extra"][0]) == {
        "dose": "of the image", "Well_dose": "x", "Well_Well_dose": "of the well", "drug": "DMSO",
    }  # fmt: skip


@pytest.mark.parametrize("named", ["p.zarr/B/3", "./p.zarr/B/3/", "p.zarr/B/./3"])
def test_a_well_of_an_ome_zarr_plate_counts_by_itself_however_its_path_is_written(
    tmp_path, monkeypatch, named
):
    monkeypatch.chdir(tmp_path)
    stack = make_stack((1, 1, 1, 24, 31))
    write_zarr_plate(tmp_path / "p.zarr", stack, "0.4", wells=("B/3", "C/1"))
    left_out = LeftOut()
    found = [each.path for each in list_images([named], SUFFIXES, left_out=left_out)]
    wanted = [os.path.join("p.zarr", "B", "3", field) for field in ("0", "1")]
    assert [os.path.relpath(each) for each in found] == wanted
    assert not left_out.lines()
    shutil.copytree("p.zarr/B/3/0", "p.zarr/B/3/0_illum_corr")
    known = tmp_path / "p.zarr" / "B" / "3" / ".zattrs"
    metadata = json.loads(known.read_text())
    metadata["well"]["images"].append({"path": "0_illum_corr"})
    known.write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="--scene illum_corr"):
        list(list_images([named], SUFFIXES))
    (chosen,) = discover([named], SUFFIXES, plane=Plane(scene="illum_corr"))
    assert chosen.path.endswith("0_illum_corr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_row_of_an_ome_zarr_plate_stands_for_the_fields_of_its_wells(tmp_path, version):
    stack = make_stack((1, 1, 1, 24, 31))
    write_zarr_plate(tmp_path / "p.zarr", stack, version, wells=("B/3", "B/4", "C/1"))
    found = discover([tmp_path / "p.zarr" / "B"], SUFFIXES)
    named = [(each.place.well, os.path.relpath(each.path, tmp_path / "p.zarr")) for each in found]
    assert named == [
        ("B03", "B/3/0"), ("B03", "B/3/1"), ("B04", "B/4/0"), ("B04", "B/4/1"),
    ]  # fmt: skip
    (tmp_path / "p.zarr" / "D").mkdir()
    (row,) = discover([tmp_path / "p.zarr" / "D"], SUFFIXES)
    assert "no wells there" in row.problem


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_wells_and_fields_that_the_metadata_of_an_ome_zarr_plate_lack_are_left_out_with_a_word(
    tmp_path, version
):
    stack = make_stack((1, 1, 1, 24, 31))
    write_zarr_plate(tmp_path / "new" / "p.zarr", stack, version, wells=("B/3", "B/4", "C/1"))
    write_zarr_plate(tmp_path / "p.zarr", stack, version, wells=("B/3", "C/1"), fields=1)
    for added in ("B/3/1", "B/4"):
        shutil.copytree(tmp_path / "new" / "p.zarr" / added, tmp_path / "p.zarr" / added)
    (tmp_path / "p.zarr" / "B" / "notes").mkdir()
    left_out = LeftOut()
    list(list_images([tmp_path / "p.zarr"], SUFFIXES, left_out=left_out))
    assert left_out.lines() == [
        "2 left out: not in the metadata of the plate ('p.zarr/B/3/1', 'p.zarr/B/4')"
    ]
