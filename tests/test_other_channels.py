"""Other channels of a field, measured in its nuclei and in rings around them."""

import json
import os
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from skimage.segmentation import expand_labels

import nucensus
from nucensus import Plane, Shard, merge_runs
from nucensus.batch.packed import pack, unpack
from nucensus.detect.other_channels import measure_channel
from nucensus.errors import InputError, ReadError, RunError
from nucensus.execute import STRATEGIES
from nucensus.export import export_run
from nucensus.kernel import draw_rings
from nucensus.values import Found, OtherChannels, Outlines, Settings
from nucensus.values.other_channels import column_of

OUTLINED = Settings(outlines=True)
BRIGHT, DIM, NOISE, LEVEL = 800.0, 40.0, 15.0, 200.0


def other_channel(labels, *, ring=0.0):
    """Return a channel in which every third nucleus is bright, on a sloping background."""
    levels = np.where(np.arange(labels.max() + 1) % 3 == 1, BRIGHT, DIM)
    levels[0] = 0
    image = LEVEL + levels[labels] + np.linspace(0, 40, labels.shape[1])
    around = expand_labels(labels, 6)
    image += np.where(labels == 0, ring * levels[around], 0)
    return np.random.default_rng(3).normal(image, NOISE).clip(0).astype(np.uint16)


@pytest.fixture(scope="module")
def two_channels(tmp_path_factory, fields):
    """A folder of fields in two files each, of which one lacks the second, and a run of it."""
    root = tmp_path_factory.mktemp("two_channels")
    (root / "plate").mkdir()
    for site, field in enumerate(fields):
        tifffile.imwrite(root / "plate" / f"A01_s{site}_w1.tif", field.image)
        labels = nucensus.label_nuclei(field.image)
        if site:
            tifffile.imwrite(root / "plate" / f"A01_s{site}_w2.tif", other_channel(labels))
    count(root / "plate", root / "run").close()
    return root


def count(plate, out, **options):
    chosen = {"plane": Plane(channel="1"), "measure": "2", "ring_px": 4} | options
    return nucensus.census(plate, out, OUTLINED, **chosen)


def rows(folder):
    with sqlite3.connect(folder / "run.sqlite") as database:
        return database.execute(
            "SELECT name, count, centres, outlines, channels, unmeasured, checksum FROM images "
            "ORDER BY id"
        ).fetchall()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, ">u2"])
def test_what_is_measured_is_that_of_the_drawn_channel(fields, dtype):
    labels = nucensus.label_nuclei(fields[0].image)
    outlines = Outlines.from_labels(labels, labels.max())
    image = (other_channel(labels, ring=0.5) // 8).astype(dtype)
    found = measure_channel(image, outlines, ring_px=4)
    ring = expand_labels(labels, 4) * (labels == 0)
    for place, column in ((labels, 0), (ring, 3)):
        for nucleus, (mean, total, std) in enumerate(found[:, column : column + 3], 1):
            pixels = image[place == nucleus].astype(float)
            assert std == pytest.approx(pixels.std(), rel=1e-5)
            assert total == pytest.approx(mean * len(pixels))
            level = pixels.mean() - mean  # it slopes from 200 to 240
            assert (LEVEL - 5) / 8 < level < (LEVEL + 45) / 8
    bright = np.arange(labels.max()) % 3 == 0
    assert found[bright, 0].mean() == pytest.approx(BRIGHT / 8, rel=0.02)
    assert found[bright, 3].mean() == pytest.approx(BRIGHT / 16, rel=0.03)


@pytest.mark.parametrize(
    ("channel", "column"),
    [("(GFP) 488!", "GFP_488"), ("_x", "x"), ("\u00b5-tubulin", "\u00b5_tubulin"),
     ("--", "channel"), ("9a", "channel9a")],
)  # fmt: skip
def test_a_column_is_called_by_the_letters_and_numbers_of_its_channel(channel, column):
    assert column_of(channel) == column


def test_the_background_of_a_channel_follows_a_slope_along_rows_and_columns():
    y, x = np.indices((520, 456))
    image = (100 + y // 4 + x // 6).astype(np.uint16)
    labels = np.zeros(image.shape, np.int32)
    for nucleus, (row, column) in enumerate(((70, 60), (200, 300), (333, 120), (450, 390)), 1):
        labels[row : row + 9, column : column + 9] = nucleus
    image[labels > 0] += 500
    found = measure_channel(image, Outlines.from_labels(labels, 4))
    assert found[:, 0] == pytest.approx([512.608, 500.764, 506.006, 503.105], abs=0.01)


def test_without_a_width_no_ring_is_measured_and_half_open_blocks_are_background():
    labels = np.zeros((64, 64), np.int32)
    labels[:, ::2], labels[0, 1] = 1, 2
    image = np.where(labels == 1, 900, 70).astype(np.uint16)
    found = measure_channel(image, Outlines.from_labels(labels, 2))
    assert found.shape == (2, 3)
    assert found[:, 0].tolist() == [830, 0]
    labels[:, 1::4] = 1  # a quarter is open: too little, and the darkest pixels must do
    found = measure_channel(image, Outlines.from_labels(labels, 1))
    assert found[0, 0] == pytest.approx(image[labels == 1].mean() - 70)
    image[:2] = 10
    assert measure_channel(image, Outlines.from_labels(labels, 1))[0, 0] > 500


def test_a_ring_holds_what_expanding_the_labels_adds():
    labels = np.zeros((60, 70), np.int32)
    labels[10:20, 5:15], labels[12:22, 18:30], labels[50:, 60:] = 1, 2, 3
    image = np.arange(labels.size, dtype=np.float64).reshape(labels.shape) % 97
    for width in (1, 3, 7):
        found = measure_channel(image, Outlines.from_labels(labels, 3), ring_px=width)
        ring = expand_labels(labels, width) * (labels == 0)
        for nucleus in (1, 2, 3):
            assert found[nucleus - 1, 5] == pytest.approx(image[ring == nucleus].std(), rel=1e-5)


def test_a_pixel_of_a_ring_belongs_to_the_nearest_nucleus_and_of_several_to_the_first():
    rng = np.random.default_rng(0)
    for _ in range(60):
        shape, reach = rng.integers(1, 24, 2), int(rng.integers(1, 9))
        labels = (rng.integers(1, 6, shape) * (rng.random(shape) < 0.04)).astype(np.int32)
        y, x = np.indices(shape)
        nearest = np.zeros(shape, np.int32)
        least = np.full(shape, reach**2 + 1)
        for label in range(1, 6):
            for at in np.argwhere(labels == label):
                away = (y - at[0]) ** 2 + (x - at[1]) ** 2
                nearest[away < least] = label
                least = np.minimum(least, away)
        assert np.array_equal(draw_rings(labels, reach), np.where(labels, 0, nearest))


def test_a_nucleus_that_others_surround_has_no_ring():
    labels = np.full((30, 30), 2, np.int32)
    labels[10:20, 10:20] = 1
    outlines = Outlines.from_labels(labels, 2)
    found = measure_channel(np.ones((30, 30), np.uint16), outlines, ring_px=3)
    assert np.isnan(found[:, 3:]).all()
    assert np.isfinite(found[:, :3]).all()


def test_cells_that_shine_around_nuclei_do_not_raise_the_background():
    labels = np.zeros((400, 400), np.int32)
    y, x = np.mgrid[:400, :400]
    middles = [(row, column) for row in range(40, 400, 80) for column in range(40, 400, 80)]
    for nucleus, (row, column) in enumerate(middles, 1):
        labels[(y - row) ** 2 + (x - column) ** 2 < 15**2] = nucleus
    cells = np.zeros((400, 400), bool)
    for row, column in middles:
        cells |= (y - row) ** 2 + (x - column) ** 2 < 35**2  # six tenths of the field
    image = np.random.default_rng(0).normal(300 + 500 * cells, 10).astype(np.uint16)
    found = measure_channel(image, Outlines.from_labels(labels, len(middles)), ring_px=5)
    assert found[:, [0, 3]] == pytest.approx(500, rel=0.02)


def test_the_margin_of_a_stitched_image_is_no_background(fields):
    labels = nucensus.label_nuclei(fields[0].image)
    image = other_channel(labels)
    wide = np.pad(image, ((0, 0), (200, 0)))
    outlines = Outlines.from_labels(np.pad(labels, ((0, 0), (200, 0))), labels.max())
    bright = np.arange(labels.max()) % 3 == 0
    assert measure_channel(wide, outlines)[bright, 0].mean() == pytest.approx(BRIGHT, rel=0.02)


@pytest.mark.parametrize("most", [4095, 300, 65535])
def test_a_channel_that_is_saturated_in_nuclei_is_noted(tmp_path, fields, most):
    image = fields[0].image
    brighter = np.minimum(other_channel(nucensus.label_nuclei(image)).astype(int) * 6, most)
    tifffile.imwrite(tmp_path / "A01_s1_w1.tif", image)
    tifffile.imwrite(tmp_path / "A01_s1_w2.tif", brighter.astype(np.uint16))
    with count(tmp_path, tmp_path / "run") as run:
        notes = ["channel 2 is saturated in nuclei, which are brighter there than was measured"]
        assert list(run.notes) == (notes if most < 65535 else [])


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.ones((30, 40)), "30 x 40 pixels, and that of the image of the nuclei 40 x 30"),
        (np.full((40, 30), np.nan), "pixels that are no numbers"),
    ],
)
def test_a_channel_that_does_not_fit_is_refused(image, why):
    with pytest.raises(ReadError, match=why):
        measure_channel(image, Outlines.from_labels(np.ones((40, 30), np.int32), 1))


def test_files_of_their_own_are_paired_by_their_place(two_channels):
    with nucensus.Run(two_channels / "run") as run:
        nuclei = run.nuclei
        names = list(nuclei.dtype.names)
        images = run.images
        assert [row["image"] for row in images] == [f"A01_s{site}_w1.tif" for site in range(5)]
        for row in images:
            here = nuclei[nuclei["image"] == row["image"]]
            bright = np.arange(len(here)) % 3 == 0
            if row["unmeasured"]:
                assert np.isnan(here["channel2_mean"]).all()
            else:
                assert (here["channel2_mean"][bright] > BRIGHT / 2).all()
                assert (here["channel2_mean"][~bright] < BRIGHT / 2).all()
        assert list(images["unmeasured"]) == ["2: there is no file of it", "", "", "", ""]
    start = names.index("channel2_mean")
    assert names[start - 1 : start + 6] == [
        "confidence", "channel2_mean", "channel2_integrated", "channel2_std",
        "channel2_ring_mean", "channel2_ring_integrated", "channel2_ring_std",
    ]  # fmt: skip


@pytest.mark.parametrize("names", [
    ("DAPI/f{}.tif", "GFP/f{}.tif"), ("f{}_DAPI.tif", "f{}_GFP.tif"),
    ("x_B0{}_s1_w1A9F1.tif", "x_B0{}_s1_w2B07C.tif"),
])  # fmt: skip
def test_channels_are_paired_however_names_tell_them(tmp_path, fields, names):
    first, second = names
    channels = ("1", "2") if "w1" in first else ("DAPI", "GFP")
    for number, field in enumerate(fields[:2], 1):
        labels = nucensus.label_nuclei(field.image)
        for name, image in ((first, field.image), (second, number * 100 + labels)):
            (tmp_path / name.format(number)).parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name.format(number), image.astype(np.uint16))
    with count(tmp_path, None, plane=Plane(channel=channels[0]), measure=channels[1]) as run:
        assert not run.unmeasured
        column = "channel2_mean" if channels[1] == "2" else "GFP_mean"
        for name in run.images["image"]:
            nuclei = run.nuclei_of(name)
            steps = np.diff(nuclei[column])  # nucleus k has k levels more in its own field
            assert steps == pytest.approx(np.ones(len(steps)), abs=0.01)


def test_channels_of_one_file_are_measured_too(tmp_path, fields):
    labels = nucensus.label_nuclei(fields[0].image)
    stack = np.stack([other_channel(labels), fields[0].image])
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={
        "axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}})  # fmt: skip
    with count(tmp_path, None, plane=Plane(channel="DAPI"), measure=["GFP", "Cy5"]) as run:
        (row,) = run.images
        nuclei = run.nuclei
    assert (nuclei["GFP_mean"][::3] > BRIGHT / 2).all()
    assert np.isnan(nuclei["Cy5_mean"]).all()
    assert row["unmeasured"].startswith("Cy5: ")


@pytest.mark.parametrize("z", ["max", "each"])
def test_the_other_channel_is_of_the_same_plane(tmp_path, fields, z):
    labels = nucensus.label_nuclei(fields[0].image)
    others = [0 * labels + level for level in (100, 101)]
    stack = np.stack([[other + 20 * number * (labels > 0), fields[0].image]
                      for number, other in enumerate(others)]).astype(np.uint16)  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "ZCYX"})
    with count(tmp_path, None, plane=Plane(channel="1", z=z), measure="0") as run:
        means = [run.nuclei_of(name)["channel0_mean"].mean() for name in run.images["image"]]
    assert means == pytest.approx([20] if z == "max" else [0, 20], abs=0.3)


def test_the_channel_of_the_file_itself_is_measured_where_another_has_the_same_field(
    tmp_path, fields
):
    nuclei = nucensus.label_nuclei(fields[0].image) > 0
    for name, level in (("once_A01.ome.tif", 20), ("then_A01.ome.tif", 40)):
        stack = np.stack([100 + level * nuclei, fields[0].image]).astype(np.uint16)
        tifffile.imwrite(tmp_path / name, stack, metadata={"axes": "CYX"})
    options = {"plane": Plane(channel="1"), "measure": "0", "pattern": "(?P<well>A01)"}
    with count(tmp_path, None, **options) as run:
        means = [run.nuclei_of(name)["channel0_mean"].mean() for name in run.images["image"]]
    assert means == pytest.approx([20, 40], abs=0.5)


def test_a_channel_is_measured_on_each_plate_that_has_it(tmp_path, fields):
    for name in ("P_A01_s1_w1.tif", "Q_A01_s1_w1.tif", "Q_A01_s1_w2.tif"):
        tifffile.imwrite(tmp_path / name, fields[0].image)
    with count(tmp_path, None) as run:
        assert [bool(each) for each in run.images["unmeasured"]] == [True, False]


def test_two_files_that_could_be_it_are_not_guessed_at(tmp_path, fields):
    for name in ("p_A01_s1_w1.tif", "again/p_A01_s1_w2.tif", "once/p_A01_s1_w2.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, fields[0].image)
    with count(tmp_path, None) as run:
        assert next(iter(run.unmeasured)).startswith("2: it is not clear which file is of")
    (tmp_path / "p_A01_s1_w1.tif").rename(tmp_path / "once" / "p_A01_s1_w1.tif")
    with count(tmp_path, None) as run:
        assert not run.unmeasured  # the file beside it is of its field


def test_an_other_channel_that_cannot_be_read_is_a_reason(two_channels, tmp_path):
    for path in (two_channels / "plate").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "A01_s1_w2.tif").write_bytes(b"II*\0 nothing")
    tifffile.imwrite(tmp_path / "A01_s2_w2.tif", np.ones((9, 9), np.uint16))
    with count(tmp_path, None) as run:
        assert run.counts["failed"] == 0
        reasons = run.images["unmeasured"]
    assert [bool(each) for each in reasons] == [True, True, True, False, False]
    assert "its size is 9 x 9 pixels" in reasons[2]


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"dask"}))
def test_every_strategy_measures_the_same_bytes(two_channels, tmp_path, strategy):
    count(two_channels / "plate", tmp_path / "run", strategy=strategy).close()
    assert rows(tmp_path / "run") == rows(two_channels / "run")


def test_shards_that_are_merged_hold_the_same_bytes(two_channels, tmp_path):
    parts = [tmp_path / str(index) for index in (1, 2)]
    for index, part in enumerate(parts, 1):
        count(two_channels / "plate", part, shard=Shard(index, 2)).close()
    merge_runs(parts, tmp_path / "merged").close()
    assert rows(tmp_path / "merged") == rows(two_channels / "run")
    merged, whole = (each / "nuclei.csv" for each in (tmp_path / "merged", two_channels / "run"))
    assert merged.read_bytes() == whole.read_bytes()


def test_a_run_is_carried_on_where_another_channel_came_or_changed(two_channels, tmp_path, fields):
    plate = tmp_path / "plate"
    plate.mkdir()
    for path in (two_channels / "plate").iterdir():
        (plate / path.name).write_bytes(path.read_bytes())
    count(plate, tmp_path / "run").close()
    came = other_channel(nucensus.label_nuclei(fields[0].image))
    tifffile.imwrite(plate / "A01_s0_w2.tif", came)
    tifffile.imwrite(plate / "A01_s1_w2.tif", tifffile.imread(plate / "A01_s1_w2.tif") + 7)
    with count(plate, tmp_path / "run") as run:
        assert run.about.starts[-1]["images"] == 2
        assert not run.unmeasured
    count(plate, tmp_path / "new").close()
    assert rows(tmp_path / "run") == rows(tmp_path / "new")
    with pytest.raises(RunError, match="ring_px was 4 and is 5"):
        count(plate, tmp_path / "run", ring_px=5)


def test_another_channel_that_changed_behind_its_time_is_known_by_its_content(tmp_path, fields):
    plate = tmp_path / "plate"
    plate.mkdir()
    for site, field in enumerate(fields[:2]):
        tifffile.imwrite(plate / f"A01_s{site}_w1.tif", field.image)
        tifffile.imwrite(plate / f"A01_s{site}_w2.tif", field.image)
    count(plate, tmp_path / "run", check_content=True).close()
    other = plate / "A01_s1_w2.tif"
    before = os.stat(other)
    tifffile.imwrite(other, fields[1].image + 7)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    with count(plate, tmp_path / "run", check_content=True) as run:
        assert run.about.starts[-1]["images"] == 1


def test_outcomes_with_other_channels_travel_from_other_machines(two_channels):
    image = tifffile.imread(two_channels / "plate" / "A01_s1_w1.tif")
    centres = nucensus.find_nuclei(image, outlines=True)
    measured = measure_channel(image, centres.outlines, ring_px=2)
    found = Found(replace(centres, channels=measured), image.shape, "uint16", 1.0, 2.0)
    found = [found, Found(centres, image.shape, "uint16", 1.0, 2.0, unmeasured="2: not there")]
    assert unpack(pack(found)) == found


@pytest.mark.parametrize("change", [
    "channels = substr(channels, 9)", "channels = zeroblob(length(channels))", "channels = NULL",
    "channels = CAST(channels || channels AS BLOB)",
])  # fmt: skip
def test_measurements_that_were_damaged_are_refused(two_channels, tmp_path, change):
    with nucensus.Run(two_channels / "run") as run:
        run.copy_to(tmp_path / "run.sqlite")
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute(f"UPDATE journal SET {change} WHERE name = 'A01_s1_w1.tif'")
    with nucensus.Run(tmp_path) as run, pytest.raises(RunError, match=r"A01_s1_w1\.tif"):
        run.nuclei_of("A01_s1_w1.tif")


@pytest.mark.parametrize(("measure", "ring_px", "why"), [
    (["GFP", "gfp"], 0, "told apart"), (["each"], 0, "told apart"),
    (["GFP", "GFP_ring"], 3, "told apart"), ([], 3, "no channel to measure"),
    (["GFP"], -1, "the ring is -1 pixels"),
])  # fmt: skip
def test_channels_that_would_share_a_column_are_refused(measure, ring_px, why):
    with pytest.raises(InputError, match=why):
        OtherChannels(tuple(measure), ring_px)


def test_channels_are_measured_in_outlines_of_one_channel(two_channels):
    with pytest.raises(InputError, match="no outlines were asked for"):
        nucensus.census(two_channels / "plate", plane=Plane(channel="1"), measure="2")
    with pytest.raises(InputError, match="name it with --channel"):
        count(two_channels / "plate", None, plane=Plane(channel="each"))
    with pytest.raises(InputError, match="--measure is '7', and the plate"):
        count(two_channels / "plate", None, measure="7")
    with pytest.raises(InputError, match="a function is given one image"):
        nucensus.process_images(two_channels / "plate", measure="2")


def test_wells_have_the_statistics_of_other_channels(two_channels):
    with nucensus.Run(two_channels / "run") as run:
        (well,), nuclei = nucensus.well_table(run), run.nuclei
    known = nuclei["channel2_ring_mean"][np.isfinite(nuclei["channel2_ring_mean"])]
    assert 0 < len(known) < len(nuclei)
    assert well["Nuclei_channel2_RingMean_Median"] == pytest.approx(np.median(known))
    assert well["Nuclei_channel2_Std_Q3"] == pytest.approx(
        np.nanpercentile(nuclei["channel2_std"], 75)
    )


@pytest.mark.parametrize("to", ["csv", "parquet", "geojson", "anndata"])
def test_exports_carry_what_was_measured_in_other_channels(two_channels, tmp_path, to):
    with nucensus.Run(two_channels / "run") as run:
        expected = run.nuclei
        export_run(run, to, tmp_path / "out")
    if to == "csv":
        pandas = pytest.importorskip("pandas")
        found = pandas.read_csv(tmp_path / "out" / "nuclei.csv", float_precision="round_trip")
        found = found["channel2_ring_std"]
    elif to == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        found = parquet.read_table(tmp_path / "out" / "nuclei.parquet")["channel2_ring_std"]
    elif to == "anndata":
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "out" / "nuclei.h5ad") as file:
            found = file["obs"]["channel2_ring_std"][:]
    else:
        features = [
            feature["properties"]["measurements"]
            for path in sorted((tmp_path / "out").glob("*.geojson"))
            for feature in json.loads(path.read_text())["features"]
        ]
        found = [each.get("channel2_ring_std", np.nan) for each in features]
    assert np.array_equal(
        np.asarray(found, np.float32), expected["channel2_ring_std"], equal_nan=True
    )


@pytest.mark.parametrize("names", ["A01_s1_w{}/ZStep_{}.tif", "x_{}_z{}.tif"])
def test_planes_of_an_other_channel_in_files_of_their_own_are_projected(tmp_path, fields, names):
    labels = nucensus.label_nuclei(fields[0].image)
    channels = ("1", "2") if "w" in names else ("DAPI", "GFP")
    for z in (1, 2):
        other = 100 + z * 30 * (labels > 0)
        for channel, image in zip(channels, (fields[0].image, other), strict=True):
            name = names.format(channel, z)
            name = f"P/TimePoint_1/ZStep_{z}/A01_s1_w{channel}.tif" if "w" in names else name
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(tmp_path / name, image.astype(np.uint16))
    with count(tmp_path, None, plane=Plane(channel=channels[0], z="max"), measure=channels[1]) as r:
        assert len(r.images) == 1
        assert not r.unmeasured
        (column,) = (
            name for name in r.nuclei.dtype.names if name.endswith(("l2_mean", "GFP_mean"))
        )
        assert r.nuclei[column] == pytest.approx(60 * np.ones(len(r.nuclei)), abs=0.3)


@pytest.mark.parametrize(
    ("channels", "ring_px"),
    [
        (("GFP", "gfp"), 0), (("Cy 5", "Cy-5"), 0), (("GFP", "GFP"), 0), (("",), 0),
        (("DAPI", "each"), 0), (("2", "channel2"), 3), (("GFP",), -1), (("GFP",), 1001), ((), 3),
    ],
)  # fmt: skip
def test_channels_whose_columns_would_not_be_told_apart_and_rings_without_meaning_are_refused(
    channels, ring_px
):
    with pytest.raises(InputError, match=r"the channels to measure are|the ring is|a ring was"):
        OtherChannels(channels, ring_px)
    assert len(OtherChannels(("GFP", "Cy5"), 1000).columns) == 12
