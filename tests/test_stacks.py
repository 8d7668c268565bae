"""Projections of stacks whose planes are files of their own."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from commands import run_here as run_command
from ome_files import write_set

from nucensus import Settings, Shard, census, merge_runs, process_images
from nucensus.detect import find_nuclei
from nucensus.discover import LeftOut, list_images, survey
from nucensus.errors import ReadError
from nucensus.read import SUFFIXES, read, read_image
from nucensus.values import Header, Plane, Selection
from nucensus.values.synthetic import make_field

SETTINGS = Settings(threshold=600, border="keep")
BY_HAND = {"max": np.max, "mean": np.mean}


def make_stack(seed, *, planes=3):
    """Draw a field whose nuclei are sharp in one plane, and few of which are in the others."""
    field = make_field(seed, shape=(160, 180), nuclei=7 + seed).image
    other = make_field(seed + 100, shape=(160, 180), nuclei=3).image
    return np.stack([field if z == 1 else other // (z + 2) for z in range(planes)])


PLACES = [("A01", 1), ("A01", 2), ("B03", 1), ("B03", 2)]
STACKS = {place: make_stack(number) for number, place in enumerate(PLACES)}
"""The planes of the fields of a plate, by well and site."""


def write(folder, name_of, *, names_z_from=1):
    """Write each plane as a file that `name_of(well, site, z)` calls; return their names."""
    names = []
    for (well, site), stack in STACKS.items():
        for z, pixels in enumerate(stack, names_z_from):
            names.append(name_of(well, site, z))
            (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / names[-1], pixels)
    return names


def write_image_xpress(folder):
    write(folder, lambda well, site, z: f"P/TimePoint_1/ZStep_{z}/P_{well}_s{site}_w1.tif")


def write_image_xpress_with_index(folder):
    write_image_xpress(folder)
    for (well, site), stack in STACKS.items():  # its own projection
        path = folder / f"P/TimePoint_1/ZStep_0/P_{well}_s{site}_w1.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, stack.max(axis=0) + 9000)
    lines = {
        "XWells": 3, "YWells": 2, "WellsSelection1": "TRUE, FALSE, FALSE",
        "WellsSelection2": "FALSE, FALSE, TRUE", "XSites": 2, "YSites": 1,
        "SiteSelection1": "TRUE, TRUE", "NWavelengths": 1, "WaveName1": '"DAPI"', "TimePoints": 1,
        "ZSeries": "TRUE", "ZSteps": 3,
    }  # fmt: skip
    text = "".join(f'"{name}", {value}\n' for name, value in lines.items())
    (folder / "P/P.HTD").write_text(text)


def write_cell_voyager(folder):
    return write(folder, lambda well, site, z: f"P/P_{well}_T0001F{site:03d}L01A01Z{z:02d}C01.tif")


def write_cell_voyager_with_index(folder):
    records = []
    for name in write_cell_voyager(folder):
        well, rest = name.split("_")[1:3]
        where = f'Row="{ord(well[0]) - 64}" Column="{int(well[1:])}" FieldIndex="{rest[8]}"'
        more = f'ZIndex="{rest[17]}" TimePoint="1" Ch="1"'
        records.append(
            f'<MeasurementRecord Type="IMG" {where} {more}>{name[2:]}</MeasurementRecord>'
        )
    (folder / "P/MeasurementData.mlf").write_text(f"<Data>{''.join(records)}</Data>")


def _phenix(well, site, z):
    return f"r{ord(well[0]) - 64:02d}c{well[1:]}f{site:02d}p{z:02d}-ch1sk1fk1fl1.tiff"


def write_phenix(folder):
    return write(folder, lambda *place: f"P/Images/{_phenix(*place)}")


def write_phenix_with_index(folder):
    images = [
        f"<Image><URL>{name[9:]}</URL><Row>{name[10:12]}</Row><Col>{name[13:15]}</Col>"
        f"<FieldID>{int(name[16:18])}</FieldID><PlaneID>{int(name[19:21])}</PlaneID>"
        f"<ChannelID>1</ChannelID><ChannelName>HOECHST 33342</ChannelName>"
        f"<TimepointID>0</TimepointID></Image>"
        for name in write_phenix(folder)
    ]
    index = f"<Data><Plate><Name>P</Name></Plate>{''.join(images)}</Data>"
    (folder / "P/Images/Index.idx.xml").write_text(index)


def write_micro_manager_1(folder):
    write(folder, lambda well, site, z: f"{well}-Pos{site}/img_000000000_DAPI_{z:03d}.tif")


def write_micro_manager_2(folder):
    sites = {place: number for number, place in enumerate(STACKS)}
    write(
        folder,
        lambda well, site, z: (
            f"img_channel000_position{sites[well, site]:03d}_time000000000_z{z:03d}.tif"
        ),
        names_z_from=0,
    )


def write_companion(folder):
    for number, stack in enumerate(STACKS.values()):
        planes = {(0, z, 0): pixels for z, pixels in enumerate(stack)}
        sizes = {"c": 1, "z": len(stack), "t": 1}
        write_set(folder, planes, sizes, split="z", told="companion", name=f"field{number}")


def write_lenient(folder):
    write(folder, lambda well, site, z: f"{well}_s{site}_z{z:02d}.tif")


def write_lenient_folders(folder):
    write(folder, lambda well, site, z: f"z_{z}/cells {well} {site}.tif")


def write_unplaced(folder):
    write(folder, lambda well, site, z: f"exp {well.lower()}x{site} z{z}.tif", names_z_from=9)


KINDS = [
    write_image_xpress, write_image_xpress_with_index, write_cell_voyager,
    write_cell_voyager_with_index, write_phenix, write_phenix_with_index, write_micro_manager_1,
    write_micro_manager_2, write_companion, write_lenient, write_lenient_folders, write_unplaced,
]  # fmt: skip


@pytest.mark.parametrize("how", ["max", "mean", "best-focus"])
@pytest.mark.parametrize("write_kind", KINDS, ids=lambda kind: kind.__name__[6:])
def test_the_count_is_that_of_the_projection_made_by_hand(tmp_path, write_kind, how):
    write_kind(tmp_path)
    images = census(tmp_path, settings=SETTINGS, plane=Plane(z=how)).images
    assert (images["status"] == "found").all()
    by_hand = {place: stack[1] if how == "best-focus" else BY_HAND[how](stack, axis=0)
               for place, stack in STACKS.items()}  # fmt: skip
    counts = [len(find_nuclei(each, SETTINGS)) for each in by_hand.values()]
    assert images["count"].tolist() == counts
    assert len(set(counts)) > 1


def listed(folder, how="max", **options):
    return list(list_images([folder], SUFFIXES, Selection(Plane(z=how), **options)))


@pytest.mark.parametrize("how", ["max", "mean"])
@pytest.mark.parametrize("write_kind", [write_cell_voyager, write_companion])
def test_a_projection_is_that_of_numpy(tmp_path, write_kind, how):
    write_kind(tmp_path)
    for image, stack in zip(listed(tmp_path, how), STACKS.values(), strict=True):
        found, expected = read(image.path, image.plane), BY_HAND[how](stack, axis=0)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("write_kind", "told"), [(write_cell_voyager, "Z02C01"), (write_companion, "z plane 1")]
)
def test_the_sharpest_plane_is_the_one_in_focus_and_is_told(tmp_path, write_kind, told):
    write_kind(tmp_path)
    run = census(tmp_path, settings=SETTINGS, plane=Plane(z="best-focus"))
    notes = [note for note in run.images["note"] if "the sharpest of 3 planes: " in note]
    assert [told in note for note in notes] == [True] * len(STACKS)


def test_the_mean_of_floating_point_numbers_has_their_type(tmp_path):
    for z in range(3):
        tifffile.imwrite(tmp_path / f"a_z{z}.tif", np.full((9, 8), z + 0.5, np.float32))
    (image,) = listed(tmp_path, "mean")
    np.testing.assert_array_equal(read(image.path, image.plane), np.full((9, 8), 1.5, np.float32))


def test_a_projection_is_called_by_its_first_plane_and_placed_without_z(tmp_path):
    write_cell_voyager(tmp_path)
    first, *_ = images = listed(tmp_path)
    assert first.name == "P/P_A01_T0001F001L01A01Z01C01.tif[z=max]"
    assert [(each.place.well, each.place.site, each.place.z) for each in images] == [
        (well, str(site), "") for well, site in PLACES
    ]
    assert first.plane.files == tuple(f"P_A01_T0001F001L01A01Z0{z}C01.tif" for z in (2, 3))
    assert first.size_bytes == sum(
        (tmp_path / "P" / f"P_A01_T0001F001L01A01Z0{z}C01.tif").stat().st_size for z in (1, 2, 3)
    )


def test_the_projection_of_the_instrument_is_no_plane(tmp_path):
    write_image_xpress_with_index(tmp_path)
    left_out = LeftOut()
    images = list_images([tmp_path], SUFFIXES, Selection(Plane(z="mean")), left_out=left_out)
    assert [each.problem for each in images] == [""] * 4
    (line,) = left_out.lines()
    assert line.startswith("4 left out: the instrument's own projection, beside its planes (")


def test_a_stack_in_one_file_whose_name_has_one_z_is_projected_in_the_file(tmp_path):
    path = tmp_path / "P" / _phenix("A01", 1, 1)
    path.parent.mkdir()
    tifffile.imwrite(path, STACKS["A01", 1], imagej=True, metadata={"axes": "ZYX"})
    (image,) = listed(tmp_path)
    assert image.plane == Plane(z="max")
    np.testing.assert_array_equal(read(image.path, image.plane), STACKS["A01", 1].max(axis=0))


@pytest.mark.parametrize(
    ("write_kind", "lost", "told"),
    [
        (write_image_xpress, "P/TimePoint_1/ZStep_2/P_A01_s2_w1.tif", "z plane 2"),
        (write_image_xpress_with_index, "P/TimePoint_1/ZStep_3/P_A01_s2_w1.tif", "P.HTD promises"),
        (write_cell_voyager, "P/P_A01_T0001F002L01A01Z01C01.tif", "z plane 1"),
        (write_cell_voyager_with_index, "P/P_A01_T0001F002L01A01Z03C01.tif", "mlf promises"),
        (write_phenix, "P/Images/r01c01f02p03-ch1sk1fk1fl1.tiff", "z plane 3"),
        (write_phenix_with_index, "P/Images/r01c01f02p01-ch1sk1fk1fl1.tiff", "xml promises"),
        (write_micro_manager_1, "A01-Pos2/img_000000000_DAPI_003.tif", "z plane 3"),
        (write_micro_manager_2, "img_channel000_position001_time000000000_z001.tif", "z plane 1"),
        (write_companion, "field1_z1.ome.tif", "field1_z1"),
        (write_lenient, "A01_s2_z02.tif", "z plane 2"),
        (write_lenient_folders, "z_3/cells A01 2.tif", "z plane 3"),
    ],
)
def test_a_field_that_lacks_a_plane_is_a_failed_row_with_the_reason(
    tmp_path, write_kind, lost, told
):
    write_kind(tmp_path)
    (tmp_path / lost).unlink()
    images = census(tmp_path, settings=SETTINGS, plane=Plane(z="max")).images
    assert sorted(images["status"].tolist()) == ["failed", "found", "found", "found"]
    (reason,) = images["reason"][images["status"] == "failed"]
    assert told in reason


def test_a_gap_in_the_planes_of_every_field_is_told_and_regular_steps_are_none(tmp_path):
    for z in (0, 1, 3, 4):
        tifffile.imwrite(tmp_path / f"a_z{z}.tif", STACKS["A01", 1][0])
    (gap,) = listed(tmp_path)
    assert gap.problem.startswith("the field lacks z plane 2 (")
    (tmp_path / "a_z1.tif").unlink()
    (tmp_path / "a_z3.tif").unlink()
    tifffile.imwrite(tmp_path / "a_z2.tif", STACKS["A01", 1][0])
    assert [each.problem for each in listed(tmp_path)] == [""]


@pytest.mark.parametrize(
    "other",
    [STACKS["A01", 1][0][:-1], STACKS["A01", 1][0].astype(np.uint8),
     np.stack([STACKS["A01", 1][0]] * 2)],
    ids=["shape", "type", "two planes"],
)  # fmt: skip
def test_a_plane_unlike_the_first_is_a_failed_row_that_names_it(tmp_path, other):
    write_lenient(tmp_path)
    tifffile.imwrite(tmp_path / "A01_s2_z03.tif", other)
    images = census(tmp_path, settings=SETTINGS, plane=Plane(z="max")).images
    assert images["status"].tolist() == ["found", "failed", "found", "found"]
    assert "A01_s2_z03.tif" in images["reason"][1]


def test_two_files_of_one_plane_are_a_failed_row_that_names_both(tmp_path):
    write_cell_voyager(tmp_path)
    copy = tmp_path / "P" / "P_A01_T0001F001L01A02Z02C01.tif"  # of another action
    copy.write_bytes((tmp_path / "P" / "P_A01_T0001F001L01A01Z02C01.tif").read_bytes())
    problems = [each.problem for each in listed(tmp_path)]
    assert problems[1:] == ["", "", ""]
    assert "z plane 2 is there more than once" in problems[0]
    assert "A02Z02" in problems[0]


def test_a_plate_that_was_imaged_twice_is_projected_twice(tmp_path):
    for again in ("one", "two"):
        write_cell_voyager(tmp_path / again)
    images = listed(tmp_path)
    assert len(images) == 8
    assert {each.problem for each in images} == {""}


def test_names_that_the_user_explains_are_projected_too(tmp_path):
    write(tmp_path, lambda well, site, z: f"lvl{z}/{well}f{site}.tif")
    pattern = r"lvl(?P<z>\d+)/(?P<well>[A-H]\d\d)f(?P<site>\d)"
    assert [each.problem for each in listed(tmp_path, pattern=pattern)] == [""] * 4


def test_channels_are_projected_each_for_itself(tmp_path):
    for c in (1, 2):
        for z in (1, 2)[: 3 - c]:
            tifffile.imwrite(
                tmp_path / f"p_A01_T0001F001L01A01Z0{z}C0{c}.tif", STACKS["A01", 1][z - 1]
            )
    images = list(list_images([tmp_path], SUFFIXES, Selection(Plane(z="max", channel="each"))))
    assert [(each.place.channel, len(each.plane.files), each.problem) for each in images] == [
        ("1", 1, ""), ("2", 0, "")
    ]  # fmt: skip


def test_a_run_of_projections_is_carried_on_and_sees_a_plane_that_changed(tmp_path):
    write_lenient(tmp_path / "in")
    options = {"settings": SETTINGS, "plane": Plane(z="max")}
    counts = census(tmp_path / "in", tmp_path / "run", **options).images["count"].tolist()
    done = []
    options["on_outcome"] = lambda *outcome: done.append(outcome)
    census(tmp_path / "in", tmp_path / "run", **options)
    assert not done
    tifffile.imwrite(tmp_path / "in" / "A01_s2_z03.tif", STACKS["B03", 1][1])
    changed = census(tmp_path / "in", tmp_path / "run", **options).images["count"].tolist()
    assert len(done) == 1
    assert (changed[0], changed[2:]) == (counts[0], counts[2:])
    assert changed == census(tmp_path / "in", **options).images["count"].tolist()


def test_a_plane_that_changed_without_a_trace_is_seen_by_its_content(tmp_path):
    write_lenient(tmp_path / "in")
    options = {"settings": SETTINGS, "plane": Plane(z="max"), "check_content": True}
    census(tmp_path / "in", tmp_path / "run", **options)
    done = []
    census(tmp_path / "in", tmp_path / "run", on_outcome=lambda *o: done.append(o), **options)
    assert not done
    pixels = STACKS["A01", 2][2].copy()
    pixels[0, 0] += 1
    tifffile.imwrite(tmp_path / "in" / "A01_s2_z03.tif", pixels)
    census(tmp_path / "in", tmp_path / "run", on_outcome=lambda *o: done.append(o), **options)
    assert len(done) == 1


@pytest.mark.parametrize("settings", [SETTINGS, Settings()], ids=["numbers", "auto"])
def test_shards_of_projections_are_merged_to_the_undivided_run(tmp_path, settings):
    write_phenix(tmp_path / "in")
    options = {"settings": settings, "plane": Plane(z="mean")}
    whole = census(tmp_path / "in", **options)
    shards = [tmp_path / f"s{i}" for i in (1, 2)]
    for i, out in enumerate(shards, 1):
        census(tmp_path / "in", out, shard=Shard(i, 2), **options)
    merged = merge_runs(shards, tmp_path / "merged")
    assert merged.images["count"].tolist() == whole.images["count"].tolist()
    assert merged.images["image"].tolist() == whole.images["image"].tolist()


@pytest.mark.parametrize("strategy", ["list-disk", "threads", "isolated"])
def test_functions_of_one_image_get_the_projection(tmp_path, strategy):
    write_lenient(tmp_path)
    sums = process_images(tmp_path, np.sum, selection=Selection(Plane(z="max")), strategy=strategy)
    assert list(map(int, sums)) == [int(each.max(axis=0).sum()) for each in STACKS.values()]


def test_no_more_than_two_planes_are_in_memory(tmp_path):
    side = 600
    for z in range(12):
        tifffile.imwrite(tmp_path / f"a_z{z:02d}.tif", np.full((side, side), z, np.uint16))
    (image,) = listed(tmp_path)
    read_image(image.path, image.plane)  # what reading imports counts no more
    tracemalloc.start()
    read_image(image.path, image.plane)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * 2 * side * side


@pytest.mark.parametrize(("how", "planes"), [("max", 2), ("best-focus", 2), ("mean", 5)])
def test_memory_is_asked_for_before_a_projection_is_read(tmp_path, how, planes):
    write_lenient(tmp_path)
    image, *_ = listed(tmp_path, how)
    asked = []
    read_image(image.path, image.plane, asked.append)
    pixels = 160 * 180
    assert asked == [Header(pixels, planes * 2 * pixels, "")]


def test_a_plane_that_vanished_since_it_was_listed_is_named(tmp_path):
    write_lenient(tmp_path)
    image, *_ = listed(tmp_path)
    (tmp_path / "A01_s1_z02.tif").unlink()
    with pytest.raises(ReadError, match=r"of the plane 'A01_s1_z02.tif': the file does not exist"):
        read(image.path, image.plane)


def test_the_command_line_projects_and_the_report_shows_it(tmp_path):
    write_cell_voyager(tmp_path / "in")
    done = run_command(
        "detect", tmp_path / "in", "-o", tmp_path / "run", "--z", "best-focus", "--threshold", 600,
        "--report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "run" / "report.html").read_text()
    assert "P_A01_T0001F001L01A01Z01C01.tif[z=best-focus]" in page


def test_files_beside_a_plate_that_its_index_does_not_name_are_left_out_by_name(tmp_path):
    write_cell_voyager_with_index(tmp_path)
    before = survey([tmp_path], SUFFIXES)
    tifffile.imwrite(tmp_path / "P" / "SC_BP445-45_40x_CH01.tif", np.zeros((9, 9), np.uint16))
    found = survey([tmp_path], SUFFIXES)
    assert list(found.references) == list(before.references) != []
    assert (before.left_out, found.left_out) == ({}, {"not in the index": 1})
    assert found.left_out.examples == {"not in the index": ["P/SC_BP445-45_40x_CH01.tif"]}
