"""Channels, planes, versions, thumbnails and projections are never counted together unasked."""

import re

import imagecodecs
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from formats import make_stack, write_zarr_plate

from nucensus import Settings, census
from nucensus.cli.detect import command as detect
from nucensus.cli.report import command as report
from nucensus.cli.scan import command as scan
from nucensus.discover import LeftOut, discover, list_images
from nucensus.errors import InputError
from nucensus.read import SUFFIXES
from nucensus.values import Place, Plane, Selection
from nucensus.values.synthetic import make_field

GUIDS = ("9577918A-4973-4A87-BA73-A168AA755527", "ABCDEF12-4973-4A87-BA73-A168AA755527")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def names(folder, **plane):
    return [each.name for each in discover([folder], SUFFIXES, plane=Plane(**plane))]


def asked(folder, **plane):
    with pytest.raises(InputError) as caught:
        discover([folder], SUFFIXES, plane=Plane(**plane))
    return str(caught.value)


@pytest.mark.parametrize(
    "thumbnail",
    [f"P_A01_s1_thumb{GUIDS[0]}.tif", f"P_A01_s1_thumb{GUIDS[1]}.tif", "P_A01_s1_Thumb.TIF",
     "P_A01_s1_w1_thumb.jpg", "P_A01_s1_w1_preview.jpg", "a-thumbnail.png", "a.thumb.tif",
     "a thumbs.tif"],
)  # fmt: skip
def test_thumbnails_are_left_out_however_they_are_written(tmp_path, thumbnail):
    touch(tmp_path, f"P_A01_s1{GUIDS[1]}.tif", thumbnail)
    left_out = LeftOut()
    found = list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    assert [each.name for each in found] == [f"P_A01_s1{GUIDS[1]}.tif"]
    assert left_out.lines() == [f"1 left out: thumbnails ({thumbnail!r})"]


@pytest.mark.parametrize("folder", ["$RECYCLE.BIN", "#recycle", "@Recycle", "@eaDir/P_A01_s1.tif"])
def test_what_a_recycle_bin_or_a_file_server_keeps_is_left_out_with_a_word(tmp_path, folder):
    touch(tmp_path, "P_A01_s1.tif", f"{folder}/x_thumb.jpg", f"{folder}/P_A02_s1.tif")
    left_out = LeftOut()
    found = list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    assert [each.name for each in found] == ["P_A01_s1.tif"]
    (line,) = left_out.lines()
    assert line.startswith("1 left out: recycle bins")
    assert names(tmp_path / folder.partition("/")[0])  # it may be named


@pytest.mark.parametrize(
    "name",
    ["flatfield.tif", "Flat_Field_DAPI.tif", "flat-field ch1.tif", "darkfield.tif", "darkframe.png",
     "background.tif", "Illumination_GFP.tif", "sub/background.tif"],
)  # fmt: skip
def test_images_of_the_light_alone_are_left_out_with_a_word(tmp_path, name):
    touch(tmp_path, "a.tif", "b.tif", name)
    left_out = LeftOut()
    found = list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    assert [each.name for each in found] == ["a.tif", "b.tif"]
    (line,) = left_out.lines()
    assert line.startswith("1 left out: images of the light or the camera alone, by their names")
    beside = discover([tmp_path / "a.tif", tmp_path / name], SUFFIXES)
    assert [each.name for each in beside] == ["a.tif"]
    assert len(discover([tmp_path / name], SUFFIXES)) == 1  # named alone it counts


def test_a_sample_that_is_called_like_a_flat_field_counts(tmp_path):
    touch(
        tmp_path, "dark.tif", "light.tif", "background_mouse 1.tif", "flat_1.tif", "darkfields1.tif"
    )
    assert len(names(tmp_path)) == 5


@pytest.mark.parametrize("folder", ["thumbs", "Preview", "previews"])
def test_folders_of_thumbnails_are_left_out_with_a_word(tmp_path, folder):
    touch(tmp_path, "P_A01_s1.tif", f"{folder}/P_A01_s1.tif")
    left_out = LeftOut()
    found = list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    assert [each.name for each in found] == ["P_A01_s1.tif"]
    assert left_out.lines() == [f"1 left out: folders of thumbnails ({folder!r})"]


def test_words_that_begin_like_thumbnail_are_no_thumbnails(tmp_path):
    touch(tmp_path, "thumb_1.tif", "a_thumbprint.tif")
    assert len(names(tmp_path)) == 2


PROJECTION = ("P_E07_s1_w1.tif", "ZStep_1/P_E07_s1_w1.tif", "ZStep_2/P_E07_s1_w1.tif")


def test_an_image_without_a_z_passes_no_choice_of_z(tmp_path):
    touch(tmp_path, *PROJECTION)
    assert names(tmp_path, z=1) == ["ZStep_1/P_E07_s1_w1.tif"]
    assert names(tmp_path, z="each") == list(PROJECTION[1:])
    left_out = LeftOut()
    list(list_images([tmp_path], SUFFIXES, Selection(Plane(z=1)), left_out=left_out))
    assert left_out.examples == {
        "no z plane in the name, as of a projection, beside images that have one": [PROJECTION[0]]
    }


@pytest.mark.parametrize("planes", [2, 3])
def test_a_projection_beside_its_planes_asks_for_a_choice(tmp_path, planes):
    touch(tmp_path, *PROJECTION[:planes])
    assert "1 image without one ('P_E07_s1_w1.tif', as of projections)" in asked(tmp_path)


def test_a_channel_that_has_no_z_is_not_taken_for_a_projection(tmp_path):
    touch(
        tmp_path, "P_A01_s1_w2.tif", *(f"ZStep_{z}/P_A01_s1_w1.tif" for z in (1, 2))
    )  # fmt: skip
    assert names(tmp_path, channel=2) == ["P_A01_s1_w2.tif"]
    assert names(tmp_path, channel=1, z=2) == ["ZStep_2/P_A01_s1_w1.tif"]
    assert len(names(tmp_path, channel="each", z="each")) == 3


def test_an_image_without_a_channel_passes_no_choice_of_channel(tmp_path):
    touch(tmp_path, "P_A01_s1.tif", "P_A01_s1_w1.tif", "P_A01_s1_w2.tif")
    assert names(tmp_path, channel=1) == ["P_A01_s1_w1.tif"]
    assert "and 1 image without one ('P_A01_s1.tif')" in asked(tmp_path)


BIOTEK = [
    f"{well}_0{read}_{read}_{site}_{name}_001.tif"
    for well in ("A8", "H12") for read, name in ((1, "DAPI"), (2, "GFP 469,525")) for site in (1, 2)
]  # fmt: skip


def test_names_of_biotek_tell_well_site_and_channel(tmp_path):
    touch(tmp_path / "plate 1", *BIOTEK)
    assert "channels DAPI, GFP 469,525; expected a choice; count one with --channel DAPI" in (
        asked(tmp_path)
    )
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="GFP"))
    places = [(each.place.plate, each.place.well, each.place.site) for each in found]
    assert places == [("plate 1", well, site) for well in ("A08", "H12") for site in "12"]


METAMORPH = [f"exp_w{w}_s{s}_t{t}.TIF" for w in ("1DAPI", "2GFP") for s in (1, 2) for t in (1, 2)]


def test_names_of_metamorph_tell_channel_site_and_time(tmp_path):
    touch(tmp_path, *METAMORPH)
    assert "1 (DAPI), 2 (GFP)" in asked(tmp_path)
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="GFP", time=2))
    assert [(each.name, each.channel, each.place.site) for each in found] == [
        (f"exp_w2GFP_s{site}_t2.TIF", "GFP", str(site)) for site in (1, 2)
    ]


@pytest.mark.parametrize(
    ("files", "choice", "kept"),
    [
        (["x_DAPI.tif", "x_GFP.tif", "y_DAPI.tif"], "DAPI", ["x_DAPI.tif", "y_DAPI.tif"]),
        (["cells_C01.tif", "cells_C02.tif"], 2, ["cells_C02.tif"]),
        (["cells_C01.tif", "cells_C02.tif"], "C01", ["cells_C01.tif"]),
        (["day1 C01 a.tif", "day1 C02 a.tif"], "C02", ["day1 C02 a.tif"]),
        (["a_c1_z3.tif", "a_c2_z3.tif"], 1, ["a_c1_z3.tif"]),
        (["Series1_ch00.tif", "Series1_ch01.tif"], "ch01", ["Series1_ch01.tif"]),
        (["x_w1.tif", "x_w2.tif"], "w2", ["x_w2.tif"]),
        (["DAPI/1.tif", "DAPI/2.tif", "GFP/1.tif"], "GFP", ["GFP/1.tif"]),
        (["x.red.tif", "x.green.tif", "x.blue.tif"], "blue", ["x.blue.tif"]),
        (["x_488nm.tif", "x_405nm.tif"], "405nm", ["x_405nm.tif"]),
        (["i_channel000_z000.tif", "i_channel001_z000.tif"], 1, ["i_channel001_z000.tif"]),
        (["s_xy01c1.tif", "s_xy01c2.tif"], "c2", ["s_xy01c2.tif"]),
        (["s_C001Z002.tif", "s_C002Z002.tif"], "C001", ["s_C001Z002.tif"]),
        (["cell1DAPI.tif", "cell1GFP.tif"], "GFP", ["cell1GFP.tif"]),
        (["cellsDAPI.tif", "cellsFITC.tif"], "DAPI", ["cellsDAPI.tif"]),
        (["x_C1 DAPI.tif", "x_C2 GFP.tif"], "C1", ["x_C1 DAPI.tif"]),
        (["x(ch1).tif", "x(ch2).tif"], 2, ["x(ch2).tif"]),
        (["x [DAPI].tif", "x [GFP].tif"], "DAPI", ["x [DAPI].tif"]),
        (["x_S=0_C=1.tif", "x_S=0_C=2.tif"], 1, ["x_S=0_C=1.tif"]),
        (["x_GFP_ch2.tif", "x_DAPI_ch1.tif"], "DAPI", ["x_DAPI_ch1.tif"]),
        (["cell1_DAPI.tif", "cell1_Ki67.tif"], "Ki67", ["cell1_Ki67.tif"]),
        (["a_Actin5C_1.tif", "a_GFP_1.tif", "a_Zo1_1.tif"], "Zo1", ["a_Zo1_1.tif"]),
        (["DAPI/1.tif", "Synapsin/1.tif"], "DAPI", ["DAPI/1.tif"]),
        (["XY01_CH1.tif", "XY01_Overlay.tif"], 1, ["XY01_CH1.tif"]),
        (["A07_s1_Lamin.tif", "A07_s1_Ki67.tif"], "Lamin", ["A07_s1_Lamin.tif"]),
        (["e_Hoechst_A07.tif", "e_gH2AX_A07.tif"], "Hoechst", ["e_Hoechst_A07.tif"]),
        (["A1_0_0_BF_LED_full.tif", "A1_0_0_Fluo_405_nm_Ex.tif"], "BF", ["A1_0_0_BF_LED_full.tif"]),
        (
            ["A01_f1_Confocal 405.tif", "A01_f1_Confocal 488.tif"],
            "488",
            ["A01_f1_Confocal 488.tif"],
        ),
        (["b0t0z0c0x0-9y0.tif", "b0t0z0c1x0-9y0.tif"], "c1", ["b0t0z0c1x0-9y0.tif"]),
        (["x_405_nm.tif", "x_488_nm.tif"], "405_nm", ["x_405_nm.tif"]),
        (["x_A1_c1m1.tif", "x_A1_c2m1.tif"], 1, ["x_A1_c1m1.tif"]),
        (
            ["x1_405.tif", "x1_561.tif", "x2_405.tif", "x2_561.tif"],
            405,
            ["x1_405.tif", "x2_405.tif"],
        ),
        (
            [
                "405/x1.tif",
                "x2.tif",
                "A1_1_405.tif",
                "A1_1_488.tif",
                "A1_2_405.tif",
                "A1_2_488.tif",
            ],
            "488",
            ["A1_1_488.tif", "A1_2_488.tif"],
        ),
        (["DAPI_A01.tif", "Tom20_A01.tif"], "DAPI", ["DAPI_A01.tif"]),
        (["nuc_A01_s1.tif", "cyto_A01_s1.tif"], "nuc", ["nuc_A01_s1.tif"]),
        (["ch1_A01_s1.tif", "ch2_A01_s1.tif"], "ch1", ["ch1_A01_s1.tif"]),
        (["DAPI/x_DAPI.tif", "GFP/x_GFP.tif"], "DAPI", ["DAPI/x_DAPI.tif"]),
        (["DAPI/A01_DAPI.tif", "GFP/A01_GFP.tif"], "GFP", ["GFP/A01_GFP.tif"]),
        (["e_DAPI/x_c1.tif", "e_GFP/x_c2.tif"], 2, ["e_GFP/x_c2.tif"]),
        (["DAPI/x_DAPI.tif", "Ki67/x_Ki67.tif"], "Ki67", ["Ki67/x_Ki67.tif"]),
        (["x 1 wv DAPI - DAPI.tif", "x 1 wv FITC - FITC.tif"], "FITC", ["x 1 wv FITC - FITC.tif"]),
        (["Channel 1/x_ch01.tif", "Channel 2/x_ch02.tif"], 1, ["Channel 1/x_ch01.tif"]),
        (
            ["405/x_405.tif", "405/y_405.tif", "488/x_488.tif", "488/y_488.tif"],
            405,
            ["405/x_405.tif", "405/y_405.tif"],
        ),
        (["a_ex405_em450.tif", "a_ex488_em525.tif"], "ex405_em450", ["a_ex405_em450.tif"]),
        (["a_DAPI(1).tif", "a_GFP(1).tif"], "DAPI", ["a_DAPI(1).tif"]),
        (["aDAPI01.tif", "aGFP01.tif"], "GFP", ["aGFP01.tif"]),
        (["DAPI1.tif", "GFP1.tif"], "GFP", ["GFP1.tif"]),
        (["a_Kanal1.tif", "a_Kanal2.tif"], 1, ["a_Kanal1.tif"]),
        (["x.tif", "x_GFP.tif", "y.tif"], "GFP", ["x_GFP.tif"]),
        (["c1_x.tif", "x.tif", "y.tif"], 1, ["c1_x.tif"]),
        (["a/1.tif", "a/DAPI/1.tif"], "DAPI", ["a/DAPI/1.tif"]),
        (["A01_R.tif", "A01_G.tif"], "R", ["A01_R.tif"]),
        (["A01_left_Lamin.tif", "A01_left_Kif11.tif"], "left Kif11", ["A01_left_Kif11.tif"]),
        (["fish-DAPI_1.tif", "fish-GFP_1.tif"], "DAPI", ["fish-DAPI_1.tif"]),
        (["DAPI-KO_1.tif", "GFP-KO_1.tif"], "DAPI", ["DAPI-KO_1.tif"]),
        (["DAPI-knockdown_1.tif", "GFP-knockdown_1.tif"], "DAPI", ["DAPI-knockdown_1.tif"]),
        (["x_300nm.tif", "x_561nm.tif"], "561nm", ["x_561nm.tif"]),
        (["ch0/A01_f1.tif", "ch1/A01_f1.tif"], 1, ["ch1/A01_f1.tif"]),
        (["Channel 1/a.tif", "Channel 2/a.tif"], 1, ["Channel 1/a.tif"]),
        (["C1/A01_f1.tif", "C2/A01_f1.tif", "C1/B01_f1.tif"], 2, ["C2/A01_f1.tif"]),
        (["w1/r01c02_3.tif", "w2/r01c02_3.tif"], "w1", ["w1/r01c02_3.tif"]),
        (["A01_1_Cam1.tif", "A01_1_Cam2.tif"], 2, ["A01_1_Cam2.tif"]),
        (["x1_camera 1.tif", "x1_camera 2.tif"], 2, ["x1_camera 2.tif"]),
        (["A01_DAPI.tif", "A02_GFP.tif"], "DAPI", ["A01_DAPI.tif"]),
        (["img1_DAPI.tif", "img2_Cy5.tif"], "Cy5", ["img2_Cy5.tif"]),
        (["r01c02_1_FITC.tif", "r02c02_3_Hoechst.tif"], "FITC", ["r01c02_1_FITC.tif"]),
    ],
)
def test_unknown_names_that_differ_in_a_channel_are_asked_about(tmp_path, files, choice, kept):
    touch(tmp_path, *files)
    assert "holds the channels" in asked(tmp_path)
    assert names(tmp_path, channel=choice) == kept
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="each"))
    assert len(found) == len(files)
    assert len({each.channel for each in found}) > 1
    own = discover([tmp_path], SUFFIXES, pattern=r"^(?P<site>.+)")
    assert len(own) == len(files)


@pytest.mark.parametrize(
    ("axis", "files", "choice", "kept"),
    [
        ("z", ["exp_z01.tif", "exp_z02.tif", "b_z02.tif"], 2, ["b_z02.tif", "exp_z02.tif"]),
        ("z", ["a-Z3.tif", "a-Z12.tif"], 12, ["a-Z12.tif"]),
        ("z", ["z0.png", "z1.png"], 0, ["z0.png"]),
        ("z", ["x_z_1_b.tif", "x_z_2_b.tif"], 1, ["x_z_1_b.tif"]),
        ("z", ["x z-plane 1.tif", "x z-plane 2.tif"], 2, ["x z-plane 2.tif"]),
        ("z", ["x_z10um.tif", "x_z20um.tif"], 20, ["x_z20um.tif"]),
        ("z", ["z01/a.tif", "z02/a.tif"], 2, ["z02/a.tif"]),
        ("z", ["xy1z1c1.tif", "xy1z2c1.tif"], 1, ["xy1z1c1.tif"]),
        ("z", ["s_C001Z001.tif", "s_C001Z002.tif"], 2, ["s_C001Z002.tif"]),
        ("time", ["exp_t001.tif", "exp_t002.tif"], 2, ["exp_t002.tif"]),
        ("time", ["exp_T0_a.tif", "exp_T1_a.tif"], 0, ["exp_T0_a.tif"]),
        ("time", ["x_time_1.tif", "x_time_2.tif"], 1, ["x_time_1.tif"]),
        ("time", ["TimePoint_1/a.tif", "TimePoint_2/a.tif"], 2, ["TimePoint_2/a.tif"]),
        ("time", ["a_tp1.tif", "a_tp2.tif"], 1, ["a_tp1.tif"]),
        ("z", ["x_slice01.tif", "x_slice02.tif"], 1, ["x_slice01.tif"]),
        ("time", ["x_frame_01.tif", "x_frame_02.tif"], 2, ["x_frame_02.tif"]),
        ("time", ["a_t0h.tif", "a_t24h.tif"], 24, ["a_t24h.tif"]),
        ("time", ["exp001t1c1.tif", "exp001t2c1.tif"], 2, ["exp001t2c1.tif"]),
        ("z", ["exp001z01.tif", "exp001z02.tif"], 1, ["exp001z01.tif"]),
        ("time", ["A01_1_0h.tif", "A01_1_24h.tif"], 24, ["A01_1_24h.tif"]),
        ("time", ["p_B02_6 hours.tif", "p_B02_12 hours.tif"], 6, ["p_B02_6 hours.tif"]),
        ("time", ["A1_day1.tif", "A1_day2.tif", "B1_day1.tif"], 2, ["A1_day2.tif"]),
        ("z", ["z1/x_z01.tif", "z2/x_z02.tif"], 2, ["z2/x_z02.tif"]),
        ("time", ["T1/x_t1.tif", "T2/x_t2.tif"], 2, ["T2/x_t2.tif"]),
        ("time", ["TimePoint_1/x_t1.tif", "TimePoint_2/x_t2.tif"], 1, ["TimePoint_1/x_t1.tif"]),
        ("z", ["x_plane_0.tif", "x_plane_1.tif"], 1, ["x_plane_1.tif"]),
        ("time", ["cycle1/a.tif", "cycle2/a.tif"], 2, ["cycle2/a.tif"]),
        ("time", ["reg1_cyc001.tif", "reg1_cyc002.tif"], 1, ["reg1_cyc001.tif"]),
    ],
)
def test_unknown_names_that_differ_in_z_or_time_are_asked_about(
    tmp_path, axis, files, choice, kept
):
    touch(tmp_path, *files)
    assert f"count one with --{axis}" in asked(tmp_path)
    found = discover([tmp_path], SUFFIXES, plane=Plane(**{axis: choice}))
    assert [each.name for each in found] == kept
    assert {getattr(each.place, axis) for each in found} == {str(choice)}
    assert len(names(tmp_path, **{axis: "each"})) == len(files)
    assert len(discover([tmp_path], SUFFIXES, pattern=r"^(?P<site>.+)")) == len(files)


@pytest.mark.parametrize(
    ("pattern", "files", "axis"),
    [
        (r"(?P<well>[A-H]\d\d)", ["A01_DAPI.tif", "A01_GFP.tif", "A02_DAPI.tif"], "channel"),
        (r"(?P<well>[A-H]\d\d)_(?P<site>\d)", ["A01_1_w1.tif", "A01_1_w2.tif"], "channel"),
        (r"x(?P<site>\d)", ["x1_DAPI.tif", "x1_GFP.tif"], "channel"),
        (r"(?P<well>[A-H]\d\d)", ["DAPI/A01.tif", "GFP/A01.tif"], "channel"),
        (r"(?P<well>[A-H]\d\d)", ["A01_z1.tif", "A01_z2.tif"], "z"),
        (r"(?P<well>[A-H]\d\d)_(?P<channel>w\d)", ["A01_w1_t1.tif", "A01_w1_t2.tif"], "time"),
        (r"(?P<well>[A-H]\d\d)", ["A01_0h.tif", "A01_24h.tif"], "time"),
    ],
)
def test_what_the_pattern_of_a_user_says_nothing_of_is_asked_about(
    tmp_path, monkeypatch, pattern, files, axis
):
    touch(tmp_path, *files)
    monkeypatch.chdir(tmp_path)  # a pattern is looked for in the whole path that is given
    with pytest.raises(InputError, match=rf"add \(\?P<{axis}>...\) to the pattern, or count all"):
        discover(["."], SUFFIXES, pattern=pattern)
    every = discover(["."], SUFFIXES, pattern=pattern, plane=Plane(**{axis: "each"}))
    assert len(every) == len(files)


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        (r"(?P<well>[A-P]\d\d)", ["cells_C01.tif", "cells_C02.tif"]),
        (r"_(?P<site>w\d)", ["x_w1.tif", "x_w2.tif"]),
        (r"(?P<site>GFP|DAPI)", ["GFP_1.tif", "DAPI_1.tif"]),
        (r"(?P<site>z\d)|(?P<time>never)", ["x_z1.tif", "x_z2.tif"]),
    ],
)
def test_what_the_pattern_of_a_user_takes_is_no_other_word(tmp_path, monkeypatch, pattern, files):
    touch(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    assert len(discover(["."], SUFFIXES, pattern=pattern)) == len(files)


@pytest.mark.parametrize(
    ("pattern", "file", "told"),
    [
        (r"(?P<well>[A-P]\d\d)[^/]*$", "B12_screen/img_C03_x.tif", Place(well="C03")),
        (r"(?P<well>[A-P]\d\d)", "B12_screen/img_C03_x.tif", Place(well="C03")),
        (r"(?P<well>[A-P]\d\d)", "A01_x/B12/img.tif", Place(well="B12")),
        (r"(?P<well>[A-P]\d\d)", "img_A01_F02.tif", Place(well="A01")),
        (r"(?:(?P<plate>[^/]+)/)?(?P<well>[A-P]\d\d)", "p/A01.tif", Place("p", "A01")),
        (r"(?P<plate>P\d)?.*(?P<well>[A-P]\d\d)", "P7/A01.tif", Place("P7", "A01")),
        (r"(?P<plate>P\d)/.*_(?P<site>\d)", "P7/P8_3.tif", Place("P7", site="3")),
        (r"(?:^|/)(?P<well>[A-P]\d\d)_", "B12_x/C03_x.tif", Place(well="C03")),
    ],
)
def test_what_a_name_tells_counts_before_what_folders_tell(
    tmp_path, monkeypatch, pattern, file, told
):
    monkeypatch.chdir(touch(tmp_path, file))
    (found,) = discover([file.partition("/")[0]], SUFFIXES, pattern=pattern)
    assert found.place == told


def test_the_pattern_that_a_question_offers_finds_wells_below_a_folder_that_is_called_as_one(
    tmp_path,
):
    touch(tmp_path, "B12_screen/cells_C01.tif", "B12_screen/cells_C02.tif")
    offered = re.search(r"say so with --pattern '([^']+)'", asked(tmp_path))[1]
    found = discover([tmp_path], SUFFIXES, pattern=offered)
    assert [each.place.well for each in found] == ["C01", "C02"]


def test_masks_are_asked_about_whatever_the_pattern_of_a_user_says(tmp_path):
    touch(tmp_path, "A01_1.tif", "A01_1_mask.tif")
    pattern = r"(?P<well>[A-H]\d\d)_(?P<site>\d)"
    with pytest.raises(InputError, match="in two versions"):
        discover([tmp_path], SUFFIXES, pattern=pattern)
    (found,) = discover([tmp_path], SUFFIXES, pattern=pattern, plane=Plane(scene="original"))
    assert (found.name, found.place.well) == ("A01_1.tif", "A01")


def test_a_pattern_that_fits_no_name_is_refused(tmp_path):
    touch(tmp_path, "x_DAPI.tif", "x_GFP.tif")
    with pytest.raises(InputError, match="fits none of the names, as 'x_"):
        discover([tmp_path], SUFFIXES, pattern=r"(?P<channel>CH\d)")


def test_a_question_about_words_that_may_be_no_stains_says_what_to_do_then(tmp_path):
    touch(tmp_path, "red_cells_1.tif", "white_cells_1.tif")
    assert "if these words tell something else, say so with --pattern" in asked(tmp_path)
    touch(tmp_path, "green_cells_1.tif")
    (tmp_path / "white_cells_1.tif").unlink()
    assert "--pattern" not in asked(tmp_path)


def test_a_stain_that_no_list_knows_is_a_channel_of_the_same_plate_and_field(tmp_path):
    touch(tmp_path, *(f"e_{stain}_{well}_s1.tif" for stain in ("DAPI", "gH2AX")
                      for well in ("A07", "B07")))  # fmt: skip
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="each"))
    assert {(each.place.plate, each.channel) for each in found} == {("e", "DAPI"), ("e", "gH2AX")}
    tifffile.imwrite(tmp_path / "e_DAPI_A07_s1.tif", np.zeros((20, 20), np.uint16))
    selection = Selection(Plane(channel="DAPI"), measure=("gH2AX",))
    paired = {each.name: each.partners for each in list_images([tmp_path], SUFFIXES, selection)}
    [partner] = paired["e_DAPI_A07_s1.tif"]
    assert partner.path.endswith("e_gH2AX_A07_s1.tif")


def test_plates_in_folders_stay_apart_where_names_begin_with_a_stain(tmp_path):
    touch(tmp_path, *(f"{plate}/{stain}_A01_s1.tif" for plate in ("P1", "P2")
                      for stain in ("DAPI", "GFP")))  # fmt: skip
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="DAPI"))
    assert [each.place.plate for each in found] == ["P1", "P2"]


@pytest.mark.parametrize(
    "files",
    [
        ["A01_s1_w1.tif", "A01_s1_BF.tif"],
        ["P_A01_s1.tif", "P_A01_s1_RFP.tif"],
        ["P_A01_s1_w1.tif", "P_A01_s1_w1_GFP.tif"],
    ],
)
def test_a_channel_that_no_instrument_names_is_not_counted_beside_one_of_an_instrument(
    tmp_path, files
):
    touch(tmp_path, *files)
    assert "differ in nothing but a word for a channel" in asked(tmp_path)
    assert len(names(tmp_path, channel="each")) == 2
    touch(tmp_path / "other", "A01_s1_w1.tif", "rock.tif", "A02_s1_w1_1.tif")
    assert len(names(tmp_path / "other")) == 3


@pytest.mark.parametrize(
    ("name", "channels"),
    [("{plate}_A01_s1_w{channel}.tif", "12"),
     ("{plate}/A1_01_1_1_{channel}_001.tif", ("DAPI", "GFP")),
     ("{plate}_A01_T0001F001L01A01Z01C{channel}.tif", ("01", "03"))],
)  # fmt: skip
def test_plates_of_one_channel_each_that_is_not_the_same_are_asked_about(tmp_path, name, channels):
    both = list(zip(("P1", "P2"), channels, strict=True))
    touch(tmp_path, *(name.format(plate=plate, channel=channel) for plate, channel in both))
    assert "the plates 'P1' and 'P2' are of one channel each" in asked(tmp_path)
    assert len(names(tmp_path, channel="each")) == 2
    touch(tmp_path / "one", *(name.format(plate=plate, channel="1") for plate, _ in both))
    assert len(names(tmp_path / "one")) == 2


def test_plates_of_one_channel_may_have_its_stain_in_some_names_alone(tmp_path):
    touch(tmp_path, "P1_A01_s1_w1.tif", "P2_A01_s1_w1DAPI.tif")
    assert len(names(tmp_path)) == 2
    touch(tmp_path, "P3_A01_s1_w2.tif")
    assert "the plates 'P1' and 'P3' are of one channel each, 1 and 2" in asked(tmp_path)


def test_plates_of_several_stains_of_nuclei_are_counted_together(tmp_path):
    touch(tmp_path, "P1/A1_01_1_1_DAPI_001.tif", "P2/A1_01_1_1_Hoechst_001.tif")
    assert len(names(tmp_path)) == 2


def test_folders_of_channels_are_no_plates(tmp_path):
    touch(tmp_path / "P7", *(f"{stain}/A0{column}_{stain}.tif" for column in (1, 2)
                             for stain in ("DAPI", "Ki67")))  # fmt: skip
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="each"))
    assert {(each.place.plate, each.channel) for each in found} == {("P7", "DAPI"), ("P7", "Ki67")}


def test_channels_z_and_time_in_unknown_names_are_chosen_together(tmp_path):
    grid = [f"s_ch{c}_z{z}_t{t}.tif" for c in (0, 1) for z in (1, 2, 3) for t in (1, 2)]
    touch(tmp_path, *grid, "MAX_s.tif")
    assert "--z" in asked(tmp_path, channel=0, time=1)
    assert "takes the planes of one file" in asked(tmp_path, channel=0, time=1, z="volume")
    assert names(tmp_path, channel=1, z=3, time=2) == ["s_ch1_z3_t2.tif"]
    assert len(names(tmp_path, channel="each", z=1, time=1)) == 2


MICRO_MANAGER = {
    "old": [f"{p}/img_{t:09}_{c}_{z:03}.tif" for p in ("Pos0", "Pos1") for t in (0, 1)
            for c in ("DAPI", "Cy5") for z in (0, 1)],
    "new": [f"img_channel{c:03}_position{p:03}_time{t:09}_z{z:03}.tif"
            for p in (0, 1) for t in (0, 1) for c in (0, 1) for z in (0, 1)],
}  # fmt: skip


@pytest.mark.parametrize("files", MICRO_MANAGER.values(), ids=MICRO_MANAGER)
def test_names_of_micro_manager_tell_channel_z_and_time(tmp_path, files):
    touch(tmp_path, *files)
    channel = "DAPI" if "DAPI" in files[0] else 0
    assert "--z" in asked(tmp_path, channel=channel, time=1)
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel=channel, z=1, time=1))
    assert len({each.place.site for each in found}) == len(found) == 2


def test_an_image_without_a_channel_in_its_name_is_left_out_where_others_have_one(tmp_path):
    touch(tmp_path, "x_ch00.tif", "x_ch01.tif", "x_merged.tif")
    left_out = LeftOut()
    found = list_images([tmp_path], SUFFIXES, Selection(Plane(channel=0)), left_out=left_out)
    assert [each.name for each in found] == ["x_ch00.tif"]
    (line,) = left_out.lines()
    assert line.startswith("1 left out: no channel in the name")
    assert len(names(tmp_path, channel="each")) == 3


@pytest.mark.parametrize(
    "files",
    [
        ["a.tif", "b.tif", "c.tif", "d.png"],
        ["w1/img_1.tif", "w2/img_1.tif"],
        ["GFP_control.tif", "DAPI_test.tif"],
        ["plate_A01.tif", "plate_C01.tif", "plate_C02.tif"],
        ["C01_day1.tif", "A01_day1.tif", "C02_day1.tif"],
        ["plate_C07.tif", "plate_C08.tif"],
        ["img_405.tif", "img_488.tif", "img_600.tif"],
        ["bf1.tif", "bf2.tif", "redcell.tif", "greencell.tif"],
        ["s1_processed.tif", "s2_processed.tif"],
        ["max.tif", "min.tif", "mask of zorro.tif"],
        ["MAX_a.tif", "MAX_b.tif"],
        ["0a7c1.tif", "0b7c2.tif", "ungfp.tif", "undapi.tif"],
        ["act1.tif", "act2.tif", "fitz1.tif", "fitz2.tif", "test1.tif", "test2.tif"],
        ["T1/a.tif", "T2/a.tif"],
        ["raw/a.tif", "raw/b.tif", "images/c.tif"],
        ["x (1).tif", "x (2).tif"],
        ["a_z1.tif", "b_z2.tif", "c_t3.tif", "d_t4.tif"],
        ["A1_day1.tif", "A2_day2.tif", "B1_day1.tif"],
        ["cells_24h.tif", "cells_48h.tif"],
        ["wt.tif", "wt_taxol.tif", "ko.tif", "ko_taxol.tif"],  # two samples, with and without
        [f"{name}{end}.tif" for name in ("a", "b", "c", "d") for end in ("", "_2", "_s3", " (1)")],
        [f"{name}{end}.tif" for name in ("a", "b", "c", "d") for end in ("", "_treated")],
        ["r01c01f01-x.tif", "r01c02f01-x.tif"],
        ["A1_img1.tif", "A1_img2.tif", "B1_img1.tif"],
        ["A1_treated.tif", "B1_control.tif"],
        ["x_DAPI.tif", "y_Ki67.tif"],
        ["x.tif", "y_GFP.tif"],
        ["img_1.tif", "img_2.tif", "image_3.tif", "mask_4.tif"],
        ["train_images/a.tif", "test_images/a.tif"],
        ["day1_raw/a.tif", "day2_raw/a.tif"],
        ["x1_DAPI.tif", "x2_dapi.tif"],
        ["mouse1_before.tif", "mouse1_after.tif"],
        [f"{well}_{site}.tif" for well in ("A01", "B01") for site in range(298, 304)],
        [f"A01_img{site}.tif" for site in range(298, 304)],
        [f"{movie}_{frame}.tif" for movie in "ab" for frame in range(384, 406)],
        ["GFP-knockdown_1.tif", "Actin-knockdown_1.tif", "scramble_1.tif"],
        ["sh-GFP_1.tif", "sh-LMNA_1.tif", "x/si-GFP_1.tif", "x/si-LMNA_1.tif"],
        ["HeLa-GFP_1.tif", "HeLa-WT_1.tif", "GFP_cells.tif", "parental_cells.tif"],
        ["drug_300nM_1.tif", "drug_500nM_1.tif", "beads_100nm.tif", "beads_200nm.tif"],
        ["A01_left.tif", "A01_right.tif", "A01_TL.tif", "A02_L.tif", "A02_R.tif"],
        ["A01_ctrl_1.tif", "A01_treated_1.tif", "A02_taxol_left.tif", "A02_taxol_right.tif"],
        ["red_blood_1.tif", "white_blood_1.tif", "DNA damage_1.tif", "no damage_1.tif"],
    ],
)
def test_plain_folders_of_unrelated_images_are_counted_unasked(tmp_path, files):
    touch(tmp_path, *files)
    assert len(names(tmp_path)) == len(files)


@pytest.mark.parametrize(
    ("files", "choices"),
    [
        (["x.tif", "x_illum_corr.tif"], {"original": "x.tif", "illum_corr": "x_illum_corr.tif"}),
        (["x.tif", "x.png"], {"tif": "x.tif", "png": "x.png"}),
        (["x.tif", "x_MIP.tif"], {"mip": "x_MIP.tif"}),
        (["x_raw.tif", "x_corrected.tif"], {"raw": "x_raw.tif"}),
        (["x.tif", "MAX_x.tif"], {"max": "MAX_x.tif", "original": "x.tif"}),
        (["x.tif", "x - Copy.tif"], {"original": "x.tif"}),
        (["P_A01_s1_w1.tif", "P_A01_s1_w1 - Copy (2).tif"], {"original": "P_A01_s1_w1.tif"}),
        (["x.tif", "x.ome.tif"], {"ome": "x.ome.tif"}),
        (["x.tif", "x_8bit.tif"], {"8bit": "x_8bit.tif"}),
        (["x.tif", "x_cp_masks.png"], {"original": "x.tif"}),
        (["images/x.tif", "masks/x.tif"], {"original": "images/x.tif"}),
        (["raw/x.tif", "corrected/x.tif"], {"raw": "raw/x.tif"}),
        (["A01_s1.tif", "MIP/A01_s1.tif"], {"mip": "MIP/A01_s1.tif"}),
        (["raw/x_raw.tif", "corrected/x_corrected.tif"], {"raw": "raw/x_raw.tif"}),
        (["images/x.tif", "masks/x_mask.tif"], {"original": "images/x.tif"}),
        (["x_img.png", "x_masks.png"], {"original.png": "x_img.png"}),
        (["img_001.tif", "mask_001.tif"], {"original": "img_001.tif", "mask": "mask_001.tif"}),
        (["rawimages/x.tif", "groundtruth/x.tif"], {"original": "rawimages/x.tif"}),
        (["images/x.tif", "truth/x.tif"], {"original": "images/x.tif"}),
        (["train_images/x.tif", "train_masks/x.tif"], {"original": "train_images/x.tif"}),
        (["P1/A01.tif", "P1_corrected/A01.tif"], {"original": "P1/A01.tif"}),
        (["x.tif", "x_pred.tif"], {"original": "x.tif"}),
        (["x.tif", "x_Simple Segmentation.tif"], {"original": "x.tif"}),
        (["x.tif", "Copy of x.tif"], {"original": "x.tif"}),
        (["x.tif", "results/x.tif"], {"original": "x.tif", "results": "results/x.tif"}),
        (["x.tif", "Result of x.tif"], {"result of": "Result of x.tif"}),
        (["x.tif", "Montage of x.tif"], {"original": "x.tif"}),
        (["x.tif", "x_cp_outlines.png"], {"original": "x.tif"}),
        (["x.tif", "x_flows.tif"], {"flows": "x_flows.tif"}),
        (["x.tif", "x_cellProb.tif"], {"original": "x.tif"}),
        (["x_ch00.tif", "x_ch00_SV.tif"], {"original": "x_ch00.tif", "sv": "x_ch00_SV.tif"}),
    ],
)
def test_two_versions_of_a_picture_are_asked_about(tmp_path, files, choices):
    touch(tmp_path, *files, "y.tif")
    said = asked(tmp_path)
    assert "in two versions" in said
    advised = re.findall(r"--scene ('[^']+'|[^, ]+)", said)[:2]
    assert all(any(each in one for one in advised) for each in choices)
    for scene in advised:
        assert len(set(files) & set(names(tmp_path, scene=scene.strip("'")))) == 1
    for scene, kept in choices.items():
        assert kept in (found := names(tmp_path, scene=scene))
        assert not set(files) - {kept} & set(found)
    assert len(names(tmp_path, scene="each")) == 3


@pytest.mark.parametrize(
    ("parts", "wholes", "word"),
    [
        (["A01_s1.tif", "A01_s2.tif"], ["A01_montage.tif"], "montage"),
        (["P_A01_s1_w1.tif", "P_A01_s2_w1.tif"], ["P_A01_Stitched_w1.tif"], "stitched"),
        (["TileScan 1_s00.tif", "TileScan 1_s01.tif"], ["TileScan 1_Merging.tif"], "merging"),
        (["x_x01_y01.tif", "x_x01_y02.tif"], ["x_fused.tif"], "fused"),
        (["a/HeLa_1.tif", "a/HeLa_2.tif"], ["a/Overview.tif"], "overview"),
        (["1.tif", "2.tif"], ["mosaic.tif"], "mosaic"),
        (["A01_1.tif", "A01_2.tif"], ["stitched/A01.tif"], "stitched"),
        (["exp-01.tif"], ["exp-01-Stitching-02.tif"], "stitching"),
        (["A01_s1.tif", "A02_s1.tif"], ["A01_montage.tif", "A03_montage.tif"], "montage"),
    ],
)
def test_what_was_put_together_is_not_counted_beside_its_parts_unasked(
    tmp_path, parts, wholes, word
):
    touch(tmp_path, *parts, *wholes)
    said = asked(tmp_path)
    assert f"one with --scene original or --scene {word}, or all with --scene each" in said
    assert names(tmp_path, scene="original") == parts
    assert names(tmp_path, scene=word) == wholes
    assert set(names(tmp_path, scene="each")) == {*parts, *wholes}


@pytest.mark.parametrize(
    "files",
    [
        ["A01_montage.tif", "A02_montage.tif"],
        ["A01_montage.tif", "A02_s1.tif"],
        ["mosaic_1.tif", "mosaic_2.tif", "wildtype_1.tif"],
        ["mosaic/1.tif", "wildtype/1.tif"],
    ],
)
def test_what_was_put_together_counts_where_none_of_its_parts_is_there(tmp_path, files):
    assert names(touch(tmp_path, *files)) == files


def test_what_was_put_together_is_left_out_where_masks_are_asked_about_too(tmp_path):
    touch(tmp_path, "s1.tif", "s1_mask.tif", "s2.tif", "overview.tif")
    assert names(tmp_path, scene="original") == ["s1.tif", "s2.tif"]


@pytest.mark.parametrize("whole", ["P_A01_w1.tif", "all/P_A01_w1.tif"])
def test_a_picture_of_a_well_without_a_site_is_not_counted_beside_its_sites_unasked(
    tmp_path, whole
):
    sites = ["P_A01_s1_w1.tif", "P_A01_s2_w1.tif", "P_A02_s1_w1.tif"]
    touch(tmp_path, *sites, whole)
    said = asked(tmp_path)
    assert "the one without a site may be put together of the sites" in said
    assert "all with --scene each, and one version with --scene original or --scene whole" in said
    assert names(tmp_path, scene="original") == sites
    assert names(tmp_path, scene="whole") == [whole]
    assert len(names(tmp_path, scene="each")) == 4


def test_all_pictures_without_a_site_are_left_out_where_their_sites_count(tmp_path):
    sites = [f"P_{well}_s{site}_w1.tif" for well in ("A01", "B02") for site in (1, 2)]
    touch(tmp_path, *sites, "P_A01_w1.tif", "P_B02_w1.tif", "P_C03_w1.tif")
    assert names(tmp_path, scene="original") == [*sites, "P_C03_w1.tif"]


@pytest.mark.parametrize(
    "files",
    [
        ["P_A01_w1.tif", "P_A02_s1_w1.tif"],  # another well
        ["P_A01_w1.tif", "P_A02_w1.tif"],  # no sites
        ["P_A01_w1.tif", "Q_A01_s1_w1.tif"],  # another plate
    ],
)
def test_a_picture_without_a_site_counts_where_its_well_has_no_sites(tmp_path, files):
    assert names(touch(tmp_path, *files)) == files


@pytest.mark.parametrize(
    ("raw", "processed"),
    [
        ("x_RAW_ch00.tif", "x_ch00.tif"),
        ("TileScan 1_A_1_R1_RAW_ch00.tif", "TileScan 1_A_1_R1_ch00.tif"),
        ("x_RAW_z03_ch00.tif", "x_z03_ch00.tif"),
    ],
)
def test_a_raw_picture_is_asked_about_beside_what_was_made_of_it(tmp_path, raw, processed):
    touch(tmp_path, raw, processed)
    assert "the same picture is there in two versions" in asked(tmp_path)
    assert names(tmp_path, scene="raw") == [raw]
    assert names(tmp_path, scene="original") == [processed]


def test_a_word_for_a_version_that_all_names_have_is_not_asked_about(tmp_path):
    files = ["x_RAW_ch00.tif", "y_RAW_ch00.tif"]
    assert names(touch(tmp_path, *files)) == files


@pytest.mark.parametrize(
    ("first", "second"),
    [("10x", "20x"), ("4X", "60X"), ("bin1", "bin2"), ("level0", "level1"), ("1.25x", "63x")],
)
@pytest.mark.parametrize("name", ["{stem}_{word}.tif", "{stem}_{word}_01.tif", "{word} {stem}.tif"])
def test_pictures_of_a_field_in_two_sizes_are_asked_about_where_most_fields_have_both(
    tmp_path, first, second, name
):
    stems = ["brain", "heart", "liver"]
    ones = [name.format(stem=stem, word=first) for stem in stems]
    others = [name.format(stem=stem, word=second) for stem in stems[1:]]
    touch(tmp_path, *ones, *others)
    said = asked(tmp_path)
    assert f"the words {first!r} and {second!r}" in said
    assert "may tell other versions of a picture, or other samples" in said
    assert names(tmp_path, scene=first.lower()) == sorted(ones)
    assert names(tmp_path, scene=second.lower()) == sorted(others)
    assert len(names(tmp_path, scene="each")) == 5


def test_a_third_size_is_left_out_too(tmp_path):
    touch(tmp_path, *(f"{stem}_{size}x.tif" for stem in "xy" for size in (10, 20, 40)))
    assert names(tmp_path, scene="20x") == ["x_20x.tif", "y_20x.tif"]


@pytest.mark.parametrize("letters", ["rgb", "rg", "gb", "RGB"])
def test_planes_of_a_colour_picture_are_asked_about_where_most_fields_have_several(
    tmp_path, letters
):
    touch(tmp_path, *(f"{stem}_{each}.tif" for stem in ("x1", "x2") for each in letters))
    said = asked(tmp_path)
    assert f"the channels {', '.join(sorted(letters))} (if these words tell something else" in said
    for each in letters:
        assert names(tmp_path, channel=each) == [f"x1_{each}.tif", f"x2_{each}.tif"]
    assert len(names(tmp_path, channel="each")) == 2 * len(letters)


@pytest.mark.parametrize(
    "files",
    [
        ["x_10x.tif", "y_10x.tif", "z_20x.tif"],  # each once
        ["x_10x.tif", "x_20x.tif", "y_10x.tif", "z_20x.tif"],  # most of them once
        ["drug_1x.tif", "drug_8x.tif", "drug_10x.tif"],  # a dilution
        ["x_bin1.tif", "x_bin2.tif", "x_bin3.tif"],
        ["x_level1.tif", "x_level2.tif"],  # sections
        ["x_a.tif", "x_b.tif", "x_g.tif", "x_r.tif"],
        ["mouse_l.tif", "mouse_r.tif"],
        ["a_b.tif", "c_g.tif", "d_r.tif"],
        ["x_b.tif", "x_b_2.tif"],
    ],
)
def test_names_that_merely_end_like_a_size_or_a_colour_are_not_asked_about(tmp_path, files):
    assert names(touch(tmp_path, *files)) == files


@pytest.mark.parametrize("word", ["wavelet", "v2", "edges QC", "Kuwahara"])
@pytest.mark.parametrize("bare", ["cell{}.tif", "A0{}_f1.tif", "P_A0{}_s1_w1.tif"])
def test_pictures_with_an_unknown_word_behind_their_names_are_asked_about_beside_those_without(
    tmp_path, word, bare
):
    originals = [bare.format(number) for number in (1, 2, 3)]
    others = [f"{name[:-4]}_{word}.png" for name in originals]
    touch(tmp_path, *originals, *others)
    said = asked(tmp_path)
    assert f"the word {word!r}" in said
    assert "may tell other versions of a picture, or other samples" in said
    assert "count all with --scene each" in said
    assert names(tmp_path, scene="original") == originals
    assert names(tmp_path, scene=word.lower()) == others
    assert len(names(tmp_path, scene="each")) == 6


@pytest.mark.parametrize("word", ["drug", "drugA", "starved", "treated", "infected", "tumor"])
def test_samples_that_are_told_by_a_known_word_are_not_asked_about(tmp_path, word):
    touch(tmp_path, *(f"{line}{end}.tif" for line in "abc" for end in ("", f"_{word}")))
    assert len(names(tmp_path)) == 6


@pytest.mark.parametrize("name", ["A0{}_d{}.tif", "A0{}_s1_d{}.tif", "A0{}f01d{}.tif"])
def test_channels_that_are_written_as_d0_and_d1_are_asked_for(tmp_path, name):
    touch(tmp_path, *(name.format(well, channel) for well in (1, 2) for channel in (0, 1)))
    said = asked(tmp_path)
    channel = re.search(r"--channel (d?0)", said)[1]
    assert names(tmp_path, channel=channel) == [name.format(well, 0) for well in (1, 2)]


def test_one_picture_of_an_instrument_beside_what_was_made_of_it_is_asked_about(tmp_path):
    touch(tmp_path, "P_A01_s1_w1.tif", "P_A02_s1_w1.tif", "P_A02_s1_w1_smooth.tif")
    assert "'P_A02_s1_w1.tif' and 'P_A02_s1_w1_smooth.tif'" in asked(tmp_path)
    assert len(names(tmp_path, scene="original")) == 2


@pytest.mark.parametrize("other", ["x.tiff", "x.TIF"])
def test_a_picture_that_is_there_twice_under_another_ending_is_asked_about(tmp_path, other):
    touch(tmp_path, "x.tif", other, "y.tiff")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("capital letters do not matter to this file system")
    assert "the same picture is there twice, as " in asked(tmp_path)
    assert len(names(tmp_path, scene="each")) == 3


def test_two_versions_of_a_field_of_an_ome_zarr_plate_are_asked_about(tmp_path):
    zarr = pytest.importorskip("zarr")
    stack = make_stack((1, 1, 1, 24, 31))
    plate = tmp_path / "p.ome.zarr"
    write_zarr_plate(plate, stack, "0.4", wells=("B/3", "C/4"), fields=2)
    (plate / "B/3/1").rename(plate / "B/3/0_illum_corr")
    for well in ("B/3", "C/4"):
        images = [{"path": "0"}, {"path": "0_illum_corr"}]
        zarr.open_group(plate / well, mode="r+").attrs["well"] = {"images": images}
    assert "0_illum_corr" in asked(plate)
    assert names(plate, scene="original") == ["p.ome.zarr/B/3/0", "p.ome.zarr/C/4/0"]
    assert names(plate, scene="illum_corr")[0] == "p.ome.zarr/B/3/0_illum_corr"


def test_a_run_says_what_it_left_out_and_scan_says_the_same(tmp_path):
    image = np.zeros((20, 20), np.uint16)
    for name in (*PROJECTION, "P_E07_s1_w1_thumb.tif"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / "in" / name, image)
    told = ("left out: no z plane in the name", "('P_E07_s1_w1.tif')", "thumbnails ('P_E07_")
    arguments = [str(tmp_path / "in"), "--z", "1"]
    scanned = CliRunner().invoke(scan, arguments).output
    done = CliRunner().invoke(detect, [*arguments, "-o", str(tmp_path / "run")]).output
    for text in told:
        assert text in scanned
        assert text in done
    assert "To count: 1 image" in scanned
    run = census(tmp_path / "in", settings=Settings(threshold=1), plane=Plane(z=1))
    assert any("thumbnails" in line for line in run.facts["left_out"])
    done = CliRunner().invoke(report, [str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    shown = (tmp_path / "run" / "report.html").read_text()
    assert "1 left out: thumbnails" in shown


def test_thumbnails_among_files_that_a_glob_names_are_left_out(tmp_path):
    touch(tmp_path, "a.tif", "a_thumb.tif", "thumbs/a.tif", "b_thumb.tif")
    image, thumbnail = tmp_path / "a.tif", tmp_path / "a_thumb.tif"
    for inputs in ([tmp_path / "*.tif"], [image, thumbnail], [thumbnail, image]):
        assert [each.name for each in discover(inputs, SUFFIXES)] == ["a.tif"]
    assert [each.name for each in discover([tmp_path / "a_thumb.tif"], SUFFIXES)] == ["a_thumb.tif"]
    left_out = LeftOut()
    list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    assert left_out == {"thumbnails": 2, "folders of thumbnails": 1}


def test_images_that_only_other_programs_read_are_counted_and_named(tmp_path):
    touch(tmp_path, "a.tif", "b.ims", "c.GIF", "notes.txt")
    left_out = LeftOut()
    list(list_images([tmp_path], SUFFIXES, left_out=left_out))
    (line,) = left_out.lines()
    assert line.startswith("2 left out: images of a format that is not read")
    assert "'b.ims', 'c.GIF'" in line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.tif.gz", "packed; unpack them"),
        ("B.OME.TIFF.ZIP", "packed; unpack them"),
        ("b.czi.part", "not finished; copy them again"),
        ("b.tif.tmp", "not finished; copy them again"),
        ("notes.gz", ""),
        ("b.tif.txt", ""),
    ],
)
def test_images_that_are_packed_or_half_copied_are_left_out_with_a_word(tmp_path, name, reason):
    for each in ("a.tif", name):
        (tmp_path / each).write_bytes(b"II*")
    left_out = LeftOut()
    found = [each.name for each in list_images([tmp_path], SUFFIXES, left_out=left_out)]
    assert found == ["a.tif"]
    assert [reason in line for line in left_out.lines()] == ([True] if reason else [])


def test_an_n5_is_left_out_with_a_word_and_not_looked_into(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*")
    (tmp_path / "b.n5" / "c0").mkdir(parents=True)
    (tmp_path / "b.n5" / "c0" / "t.tif").write_bytes(b"II*")
    left_out = LeftOut()
    found = [each.name for each in list_images([tmp_path], SUFFIXES, left_out=left_out)]
    assert found == ["a.tif"]
    assert "'b.n5'" in left_out.lines()[0]


def test_scan_says_what_the_files_would_ask(tmp_path):
    stack = make_stack((1, 2, 3, 24, 31))[0]
    tifffile.imwrite(tmp_path / "a.tif", stack.swapaxes(0, 1), imagej=True,
                     metadata={"axes": "ZCYX"})  # fmt: skip
    (tmp_path / "0.tif").write_bytes(b"no image")
    shown = CliRunner().invoke(scan, [str(tmp_path)]).output
    assert "of 2 files looked at, 1 would be refused:" in shown
    assert "choose with" in shown
    shown = CliRunner().invoke(scan, [str(tmp_path), "--channel", "0", "--z", "max"]).output
    assert "refused" not in shown


@pytest.mark.parametrize(
    ("files", "is_told"),
    [
        (("one/P_A01_s1_w1.tif", "two/P_A01_s1_w1.tif"), True),
        (("P_A01_s1_w1.tif", "P_A01_s2_w1.tif"), False),
        (("P_A01_s1_w1.tif", "Q_A01_s1_w1.tif"), False),
        (("one/a.tif", "two/a.tif"), False),
        (("one/A01_s1_w1.tif", "two/A01_s1_w1.tif"), False),
    ],
)
def test_a_site_that_was_imaged_twice_is_told(tmp_path, files, is_told):
    for name in files:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / "in" / name, np.zeros((20, 20), np.uint16))
    scanned = CliRunner().invoke(scan, [str(tmp_path / "in")]).output
    options = ["--as-published", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(detect, [str(tmp_path / "in"), *options]).output
    told = "1 plane has several files, as 'one/P_A01_s1_w1.tif' and 'two/P_A01_s1_w1.tif'"
    assert (told in scanned, told in done) == (is_told, is_told)
    assert "2 images" in done


@pytest.mark.parametrize("other", ["a (1).tif", "b.png", "backup 2/a.tif", "B03/x.tif"])
def test_copies_of_a_picture_are_told_whatever_they_are_called(tmp_path, other):
    folder = tmp_path / "in"
    for number, name in enumerate(["a.tif", "c.tif", other]):
        image = make_field(number % 2, shape=(200, 260), nuclei=9).image
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("png"):
            (folder / name).write_bytes(imagecodecs.png_encode(image))
        else:
            tifffile.imwrite(folder / name, image)
    done = CliRunner().invoke(detect, [str(folder), "-o", str(tmp_path / "run")]).output
    first, second = sorted(("a.tif", other))
    assert f"1 image has to the bit the nuclei of another one, as {first!r} and {second!r}" in done


def test_images_that_are_blank_or_alike_in_their_number_of_nuclei_are_no_copies(tmp_path):
    for number in range(3):
        image = make_field(number, shape=(200, 260), nuclei=9).image
        tifffile.imwrite(tmp_path / f"a{number}.tif", image)
        tifffile.imwrite(tmp_path / f"b{number}.tif", np.full((200, 260), 90, np.uint16))
    options = ["--sigma", "4", "--threshold", "300", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(detect, [str(tmp_path), *options]).output
    assert "to the bit" not in done
    assert "6 images" in done


def test_images_that_tell_a_laser_are_left_out_with_a_word_where_others_tell_a_channel(tmp_path):
    lasers = [f"{well}_s1_{line}.tif" for well in ("A02", "A03") for line in (405, 488)]
    touch(tmp_path, "A01_s1_DAPI.tif", "A01_s1_GFP.tif", *lasers)
    left_out = LeftOut()
    chosen = Selection(Plane(channel="DAPI"))
    (kept,) = list_images([tmp_path], SUFFIXES, chosen, left_out=left_out)
    assert kept.name == "A01_s1_DAPI.tif"
    (line,) = left_out.lines()
    assert line.startswith("4 left out: no channel in the name")


def test_a_raw_channel_is_chosen_by_its_number_beside_pictures_made_of_it(tmp_path):
    raw, *others = (f"s_Plate_{form}_p00_0_A01f00d1.TIF" for form in "RDM")
    touch(tmp_path, raw, *others)
    assert "holds the channels 1, D1, M1" in asked(tmp_path)
    assert names(tmp_path, channel="1") == names(tmp_path, channel=1) == [raw]
    assert names(tmp_path, channel="D1") == others[:1]
