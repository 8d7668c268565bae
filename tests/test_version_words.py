"""Pictures and what was made of them are asked about by their names, if there are but two."""

import pytest

from nucensus.discover import discover
from nucensus.errors import InputError
from nucensus.read import SUFFIXES

GUID = "0F5A41CB-2646-49E5-9281-F5B1F655B7BC"


def draw(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def images_of(folder):
    return [each.name for each in discover([folder], SUFFIXES)]


@pytest.mark.parametrize(
    ("picture", "result"),
    [
        ("x.tif", "x_otsu.tif"),
        ("x.tif", "x_labels_imagej.tif"),
        ("x.tif", "x_labeled.tif"),
        ("x_crop.tif", "x_voronoi_otsu_labeling_crop.tif"),
        ("x.tif", "x_sparse_labels.tif"),
        ("x_image.tif", "x_imageSegmentationMask.tiff"),
        ("x.tiff", "x-cca.tiff"),
        ("x.tif", "x_output_dog.tif"),
        ("x.tiff", "x_gaussian.tiff"),
        ("x_noisy.tif", "x_clean.tif"),
        ("x.tif", "x_downsampled.tif"),
        ("img-raw_0001.tif", "img-labels_0001.tif"),
        ("img2d.tif", "mask2d.tif"),
        ("sample1.tif", "mask1.tif"),
        ("Slide_01/01_1.png", "GT_01/01_1.png"),
        ("liver/tissue images/x.png", "liver/label masks/x.tif"),
        ("liver/tissue images/x.png", "liver/mask binary/x.png"),
        ("all_images/images/x.png", "all_masks/masks/x.png"),
        ("001cell.png", "001dots.png"),
        ("x_stitched.tif", "x_aligned.tif"),
    ],
)
def test_a_picture_beside_what_was_made_of_it_is_asked_about(tmp_path, picture, result):
    with pytest.raises(InputError, match="versions"):
        images_of(draw(tmp_path, picture, result))


def test_versions_of_two_words_are_told_apart(tmp_path):
    folder = draw(tmp_path, "x_mask.tif", "x_binary_mask.tif")
    with pytest.raises(InputError, match=r"--scene mask .*--scene binary_mask|binary_mask.* mask"):
        images_of(folder)


@pytest.mark.parametrize(
    "names",
    [
        ["cells_1.tif", "cells_2.tif"],
        ["mask1.tif", "mask2.tif"],
        ["dog_liver.tif", "mouse_liver.tif"],
        ["HeLa_crop_1.tif", "HeLa_crop_2.tif"],
        ["WT_01/1.tif", "KO_01/1.tif"],
        ["GT_01/1.tif", "GT_02/1.tif"],
        ["run_final_1.tif", "other_final_1.tif"],
        ["sample1.tif", "sample2.tif"],
        ["x_ch1_ctrl.tif", "x_ch1_treated.tif"],
        ["x-a-1_DAPI.tif", "x-a-2_DAPI.tif"],
        ["001cell.png", "002cell.png"],
        ["AD-Hipp48_iba1.tif", "AD-Hipp51_iba1.tif"],
        ["x_ch1_a_DAPI.tif", "x_ch1_b_DAPI.tif"],
        ["dog_1.tif", "dog_2.tif", "cat_1.tif", "cat_2.tif"],
        ["images/a.tif", "images/b.tif"],
        ["tile_0_0.tif", "tile_0_1.tif"],
        ["m1_L.tif", "m1_R.tif", "m2_L.tif", "m2_R.tif"],
        ["m1_D.tif", "m1_V.tif", "m2_D.tif", "m2_V.tif"],
        ["m1_F.tif", "m1_M.tif", "m2_F.tif", "m2_M.tif"],
    ],
)
def test_samples_whose_names_have_such_words_are_all_counted(tmp_path, names):
    assert sorted(images_of(draw(tmp_path, *names))) == sorted(names)


@pytest.mark.parametrize("letters", ["DF", "DFR"])
def test_letters_for_dapi_and_fitc_are_channels(tmp_path, letters):
    draw(tmp_path, *(f"01_POS{n:03}_{each}.TIF" for n in (2, 76) for each in letters))
    with pytest.raises(InputError, match="--channel"):
        images_of(tmp_path)


@pytest.mark.parametrize(
    "template",
    [
        ("x_{n}_Ch1_Oct4.tif", "x_{n}_Ch2_Hoechst.tif"),
        ("x_Field{n}_LaminA-C.tif", "x_Field{n}_Hoechst.tif"),
        ("p2126_J0{n}_Cells.tif", "p2126_J0{n}_BF.tif"),
        ("x{n}_ch1_GFAP_NeuN.tif", "x{n}_ch2_LaminB1_PV.tif"),
        ("m{n}_Iba1.tif", "m{n}_PV.tif"),
        ("EPI_0{n}_NEUN.tif", "EPI_0{n}_LUXFB.tif"),
    ],
)
def test_stains_that_no_list_knows_are_channels_beside_known_ones(tmp_path, template):
    draw(tmp_path, *(each.format(n=n) for n in (1, 2) for each in template))
    with pytest.raises(InputError, match="--channel"):
        images_of(tmp_path)


@pytest.mark.parametrize("end", [f"_{GUID}", f"_[{GUID}]", GUID])
def test_a_guid_behind_the_channel_hides_neither_channel_nor_well(tmp_path, end):
    draw(tmp_path, *(f"Amp5-1_B_2007_{w}_w{k}{end}.tif" for w in ("C01", "C20") for k in (1, 2)))
    with pytest.raises(InputError, match="--channel"):
        images_of(tmp_path)


def test_wells_before_a_guid_are_no_channels(tmp_path):
    draw(tmp_path, f"exp_C03{GUID}.tif", f"exp_C04{GUID}.tif")
    assert {each.place.well for each in discover([tmp_path], SUFFIXES)} == {"C03", "C04"}


def test_stains_behind_a_well_in_parentheses_are_channels(tmp_path):
    draw(tmp_path, *(f"A - 0{n}({each}).tif" for n in (1, 2) for each in ("blue", "green")))
    with pytest.raises(InputError, match="blue"):
        images_of(tmp_path)


def test_a_page_behind_field_and_time_hides_no_time(tmp_path):
    draw(tmp_path, *(f"x_w2trans_s{s}_t{t}_page_0001.tif" for s in (4, 5) for t in (70, 160)))
    with pytest.raises(InputError, match="--time"):
        images_of(tmp_path)
