"""Fields of two channels, and what programs make of them, are asked about whoever named them."""

import itertools
import re
import shlex
from dataclasses import replace

import pytest

from nucensus.discover import discover
from nucensus.errors import InputError
from nucensus.read import SUFFIXES
from nucensus.values import Plane

WELLS = (("A", 1), ("B", 2))
CHANNELS = {
    # Names with {k} from 1, {j} from 0 or {c}, a stain, for the channel, and how it is chosen
    "exp_{R}{C:02}_w{k}{c}_s{f}.tif": ("405", "488"),  # VisiView
    "0/{R}{C}_{f}_0_Fluorescence_{c}_nm_Ex.tiff": ("405", "488"),
    "P-Scene-{n}-P{f}-{R}{C}_c{k}.tif": (),
    "Well {R}{C:03}/{c} - n000000.tif": ("Hoechst", "FITC"),
    "Channel{k}-{n:02}-{R}-{C:02}.tif": (),
    "{R}{C}ROI{f}_01_{k}_1_{c}_001.tif": ("DAPI", "GFP"),
    "P_{R}{C:02}F{f}W{k}.tif": (),
    "Exp_s{n}_{c}.tif": ("ChS1-T1", "Ch2-T2"),
    "Exp2_s{n}_{c}.tif": ("H3258-T3", "EGFP-T1"),
    "x_t0000_p000{n}_z0000_w000{j}.tif": (),  # Andor iQ
    "x_p000{n}_w000{j}.tif": (),
    "x{n}_R3D_w{c}.tif": ("435", "523"),  # DeltaVision
    "x{n}_l{c}.tif": ("405", "561"),
    "x{n}_PMT{k}.tif": (),
    "x{n}_HyD{k}.tif": (),
    "x{n}_Detector {k}.tif": (),
    "Chan{c}_00{n}_001_001_001.tif": ("A", "B"),  # ThorImage
    "x{n}_ch{c}.tif": ("A", "B"),
    "scan_ch{j}_stack000{n}_{c}nm_0000msec.tif": ("405", "488"),
    "C{k}-x{n}_{c}.tif": ("DAPI", "GFP"),
    "fov{n}/TIFs/{c}.tif": ("HH3", "CD45"),
    "x{n}_{c}.tif": ("Hoechst", "TL"),
    "x{n}_d{j}.tif": (),
    "x{n}_channel_{k}.tif": (),
    "x{n}-Channel-{k}.tif": (),
    "x{n}_ch_0{k}.tif": (),
    "x{n}_camera-{k}.tif": (),
    "x{n}_wavelength{k}.tif": (),
    "x{n}_laser {k}.tif": (),
    "x{n}_C000{k}.tif": (),
    "{c}/y{n}.tif": ("Phalloidin", "WGA"),
    "{c}/x{n}.tif": ("385", "475"),
    "{c}_x{n}.tif": ("SYTO14", "ConA"),
    "x{n}_{c}.TIF": ("blue", "far red"),
    "x{n} {c}.tif": ("JF549", "Atto647"),
    "x{n} - {c}.tif": ("LED385", "LED475"),
    "y{n}_{c}.tif": ("T-PMT", "DAPI"),
}  # fmt: skip
RESULTS = [
    # The name of a picture, and of what a program made of it
    ("x{n}.tif", "x{n}_omni_masks.png"),
    ("x{n}.tif", "x{n}_stardist_labels.tif"),
    ("x{n}.tif", "x{n} - Label Image.tif"),
    ("x{n}.tif", "x{n}-data_Probabilities.tif"),
    ("x{n}.tif", "x{n}_nuclei_masks.tif"),
    ("x{n}.tif", "x{n}_feature_0.tif"),
    ("x{n}.tif", "x{n} copy 2.tif"),
    ("x{n}_R3D.tif", "x{n}_R3D_D3D.tif"),
    ("x{n}_[1,2].tif", "x{n}_[1,2]_binary_seg_maps.tif"),
    ("x{n}.tif", "output/x{n}_Nuclei.tiff"),
    ("x{n}/images/x{n}.png", "x{n}/masks/{n}a.png"),
    ("x{n}.tif", "masks/object{n}.png"),
    ("x_{R}{C}_{f}_00d00h00m.tif", "x_mask_{R}{C}_{f}_00d00h00m.tif"),
    ("20x/x{n}.tif", "10x/x{n}.tif"),
    ("x{n}.tif", "x{n}_MAX.tif"),
    ("x{n}.tif", "x{n}_binary_mask.tif"),
    ("x{n}.tif", "watershed_x{n}.tif"),
    ("x{n}.tif", "segmented_x{n}.tif"),
    ("{R}{C:02}_{f}.tif", "{R}{C:02}.tif"),
]


def draw(folder, *templates, stains=()):
    """Write files of two wells with two fields each, of both channels."""
    fields = enumerate(itertools.product(WELLS, (1, 2)), start=1)
    for n, ((row, column), f) in fields:
        for j, template in itertools.product((0, 1), templates):
            stain = stains[j] if stains else ""
            name = template.format(R=row, C=column, f=f, n=n, k=j + 1, j=j, c=stain)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(name.encode())
    return folder


def choose(folder, plane):
    """Return the images that are left, and the question that stands; one of both is empty."""
    try:
        return discover([folder], SUFFIXES, plane=plane), ""
    except InputError as error:
        return [], str(error)


def answer(folder):
    """Choose what the first offer of each question is; return the questions and what is left."""
    plane, asked = Plane(), []
    left, question = choose(folder, plane)
    while question:
        offer = re.search(r"(?:one|version) with --(\w+) ('[^']*'|[^\s,;]+)", question)
        assert offer, question
        for named in re.findall(r"'([^']+)' and '([^']+)' (?:tell|are there)", question):
            assert all((folder / each).exists() for each in named), question
        axis, value = offer[1], shlex.split(offer[2])[0]
        assert getattr(plane, axis) is None, f"what was offered was not taken: {question}"
        asked.append(axis)
        plane = replace(plane, **{axis: value})
        left, question = choose(folder, plane)
    return asked, left


@pytest.mark.parametrize("template", CHANNELS)
def test_two_channels_of_each_field_are_asked_about_and_one_is_left(tmp_path, template):
    draw(tmp_path, template, stains=CHANNELS[template])
    asked, left = answer(tmp_path)
    assert "channel" in asked
    assert len({each.name for each in left}) == (2 if "n000000" in template else 4)
    if "{R}" in template:
        assert {each.place.well for each in left} == {"A01", "B02"}


@pytest.mark.parametrize(("picture", "result"), RESULTS)
def test_what_a_program_made_of_pictures_is_asked_about(tmp_path, picture, result):
    draw(tmp_path, picture, result)
    with pytest.raises(InputError) as caught:
        discover([tmp_path], SUFFIXES)
    offers = re.findall(r"--scene ('[^']*'|[^\s,;]+)", str(caught.value))
    asked, left = answer(tmp_path)
    assert len({"each", *offers}) == 3
    assert asked == ["scene"]
    assert len(left) == 4 or len({each.name for each in left}) == 2


def test_masks_of_one_channel_beside_plates_of_two_are_asked_about(tmp_path):
    draw(tmp_path, "x_{c}_{R}{C}_{f}_00d00h00m.tif", stains=("Phase", "Green"))
    draw(tmp_path, "x_Green Mask_{R}{C}_{f}_00d00h00m.tif")
    assert answer(tmp_path)[0][0] == "scene"
    assert "Green, Phase" in choose(tmp_path, Plane(scene="original"))[1]
    assert len(choose(tmp_path, Plane(scene="original", channel="Green"))[0]) == 4


@pytest.mark.parametrize(
    ("template", "stains", "axis"),
    [
        ("{c}/x_{R}{C}_{f}_00d00h00m.tif", ("Phase", "Green"), "channel"),
        ("{c}/P_{R}{C:02}_s{f}.tif", ("DAPI", "GFP"), "channel"),
        ("Channel {k}/P_{R}{C:02}_s{f}.tif", (), "channel"),
        ("images_z_1{j}/P_{R}{C:02}_s{f}_w1.tif", (), "z"),
        ("time 0{k}/P_{R}{C:02}_s{f}_w1.tif", (), "time"),
    ],
)
def test_what_names_of_instruments_leave_to_folders_is_asked_about(
    tmp_path, template, stains, axis
):
    draw(tmp_path, template, stains=stains)
    asked, left = answer(tmp_path)
    assert (asked, len(left)) == ([axis], 4)
    assert {each.place.well for each in left} == {"A01", "B02"}


def test_planes_and_times_of_squid_are_asked_for(tmp_path):
    draw(
        tmp_path, *(f"{t}/{{R}}{{C}}_{{f}}_{z}_Fluo_405_nm_Ex.tiff" for t in (0, 1) for z in (0, 1))
    )
    asked, left = answer(tmp_path)
    assert sorted(asked) == ["time", "z"]
    assert len(left) == 4


def test_a_version_that_is_a_part_of_another_may_be_chosen(tmp_path):
    draw(tmp_path, "x{n}_R3D_D3D.dv", "x{n}_R3D_D3D_PRJ.dv")
    left = discover([tmp_path], SUFFIXES, plane=Plane(scene="d3d"))
    assert [each.name for each in left] == [f"x{n}_R3D_D3D.dv" for n in (1, 2, 3, 4)]


def test_what_is_left_out_as_another_version_asks_nothing(tmp_path):
    draw(tmp_path, "x{n}.tif", "x{n}_DAPI_mask.tif", "x{n}_GFP_mask.tif", "x{n}_mask.tif")
    left = discover([tmp_path], SUFFIXES, plane=Plane(scene="original"))
    assert [each.name for each in left] == [f"x{n}.tif" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "name",
    [
        "r01c01f01p01-ch1sk1fk1fl1.tiff", "A01_s1_w1.tif", "A01_1.tif", "3/A1_0_0_Fluo_1.tif",
        "TimePoint_1/A01_s1_w1.tif", "A - 01(fld 1 wv DAPI).tif", "Well A001/DAPI - n000000.tif",
        "A1_01_1_1_DAPI_001.tif",
    ],
)  # fmt: skip
def test_what_names_tell_is_the_same_in_whatever_folder_a_run_is_started(
    tmp_path, monkeypatch, name
):
    plate = draw(tmp_path / "plate 7", name)
    places = set()
    for here, given in (
        (tmp_path, "plate 7"), (tmp_path, plate), (plate, "."), (plate, "*"), (plate, "../plate 7"),
        (plate, name), (plate, f"./{name}"), ((plate / name).parent, "."),
    ):  # fmt: skip
        monkeypatch.chdir(here)
        places |= {each.place for each in discover([given], SUFFIXES)}
    (place,) = places
    assert (place.plate, place.well) == ("plate 7", "A01")


@pytest.mark.parametrize(
    "files",
    [
        ["CD4_pos.tif", "CD8_pos.tif"],
        ["10x/a.tif", "10x/b.tif", "20x/c.tif", "20x/d.tif"],
        ["x_TL.tif", "x_TR.tif", "x_BL.tif", "x_BR.tif"],
        ["m1_d0.tif", "m1_d7.tif", "m2_d0.tif", "m2_d7.tif"],
        ["trans1_1.tif", "trans1_2.tif"],
        ["output/a.tif", "output/b.tif"],
        ["labels study/a.tif", "b.tif"],
        ["Snap-401.tif", "Snap-402.tif"],
        ["ctrl.tif", "ctrl (1).tif", "ctrl (2).tif"],
        ["img.tif", "img_1.tif", "img_2.tif"],
    ],
)
def test_names_that_merely_look_like_these_are_not_asked_about(tmp_path, files):
    draw(tmp_path, *files)
    assert answer(tmp_path)[0] == []
