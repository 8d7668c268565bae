"""What a run learns from a sample of its images."""

import pytest
import tifffile
from scenes import make_scene

import nucensus


def write_scene(path, *, radius=10, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = make_scene(radius=radius, count=6, shape=(150, 150), seed=seed)
    tifffile.imwrite(path, scene.image.astype("uint16"))
    return path


def learned(*inputs):
    """Return what a run learned, by the folder without what is above them all."""
    with nucensus.census(inputs) as run:
        return run.facts["estimates"]


def test_the_order_in_which_images_are_named_does_not_matter(tmp_path):
    paths = [write_scene(tmp_path / f"A01_s{n:02d}.tif", radius=8 + n / 4) for n in range(19)]
    assert learned(*paths) == learned(*reversed(paths)) == learned(tmp_path)


@pytest.mark.parametrize("levels", ["{0}", "{0}/deep", "row{1}/{0}"])
def test_of_a_plate_with_a_folder_for_each_well_few_images_are_looked_at(tmp_path, levels):
    for well in range(12):
        for site in range(9):
            folder = levels.format(well, well % 3)
            write_scene(tmp_path / "plate" / folder / f"s{site}.tif", seed=site)
    known = learned(tmp_path / "plate")
    assert known[""]["image_count"] <= 48
    assert len(known) <= 4


def test_wells_that_are_folders_are_pooled_by_plate(tmp_path):
    for plate, radius in (("first", 7), ("second", 12)):
        for well in range(8):
            for site in range(8):
                path = tmp_path / plate / f"well{well}" / f"s{site}.tif"
                write_scene(path, radius=radius, seed=site)
    known = learned(tmp_path)
    sizes = {folder.rpartition("/")[2]: round(one["radius_px"]) for folder, one in known.items()}
    assert sizes.keys() == {"", "first", "second"}
    assert sizes["first"] == pytest.approx(7, abs=1)
    assert sizes["second"] == pytest.approx(12, abs=1)
    with nucensus.census(tmp_path) as run:
        assert set(run.images["count"].tolist()) == {6}


def test_a_few_small_folders_are_sets_of_their_own(tmp_path):
    for name, radius in (("10x", 6), ("20x", 12)):
        for site in range(8):
            write_scene(tmp_path / name / f"s{site}.tif", radius=radius, seed=site)
    known = learned(tmp_path)
    assert {folder.rpartition("/")[2] for folder in known} == {"", "10x", "20x"}
