"""Uneven light that is taken out of images: learned from their nuclei, or given."""

import json
import re
import shutil
import sqlite3
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

import nucensus
from nucensus import Plane, Settings, Shard, find_nuclei, merge_runs
from nucensus.batch import census_planned, plan_census
from nucensus.batch.flat_field import flat_field_of, look_at_light
from nucensus.batch.lights import find_lights, lights_in
from nucensus.cli import _nucensus
from nucensus.detect.light import Lit, is_saturated, learn_light
from nucensus.errors import InputError, ReadError, RunError
from nucensus.report import write_report
from nucensus.store import RunWriter
from nucensus.values.flat_field import FlatField, FlatFields, checked_gain, polynomials

SIDE, FIELDS, OFFSET, GROUND = 360, 12, 100.0, 40.0
OUTLINED = Settings(outlines=True)


def light(shape=(SIDE, SIDE), *, falls=0.55):
    """Return the light of a lens that is off its middle; its mean is 1."""
    v, u = (np.linspace(-1, 1, side) for side in shape)
    drawn = 1 - falls * ((v[:, None] - 0.1) ** 2 + (u + 0.15) ** 2) / 2.5
    return drawn / drawn.mean()


def draw(seed, gain, *, clip=None):
    """Draw a field of nuclei in G1 and G2 in such light, with what the camera adds."""
    rng = np.random.default_rng(seed)
    image, side = np.zeros(gain.shape), gain.shape[0] / 8
    for row, column in product(range(8), repeat=2):
        content = rng.choice([1, 2], p=[0.7, 0.3]) * rng.normal(1, 0.05)
        radius = 8 * content ** (1 / 3)
        at = [side * (each + 0.5) + rng.uniform(-6, 6) for each in (row, column)]
        here = tuple(slice(max(0, int(each) - 14), int(each) + 16) for each in at)
        y, x = np.ogrid[here]
        y, x = y[: image[here].shape[0]], x[:, : image[here].shape[1]]
        shape = np.clip(radius - np.hypot(y - at[0], x - at[1]) + 0.5, 0, 1)
        image[here] += 2.5e5 * content / (np.pi * radius**2) * shape
    image = rng.normal((image + GROUND) * gain + OFFSET, 10)
    return np.clip(image, 0, clip or 65535).astype(np.uint16)


def write_plate(folder, gain, *, fields=FIELDS, **look):
    folder.mkdir()
    for seed in range(fields):
        name = f"A{1 + seed // 8:02d}_s{seed % 8}.tif"
        tifffile.imwrite(folder / name, draw(seed, gain, **look), metadata=None)
    return folder


def count(plate, out, settings=OUTLINED, **options):
    return nucensus.census(plate, out, settings, **options)


def rows(folder):
    with sqlite3.connect(folder / "run.sqlite") as database:
        return database.execute(
            "SELECT name, count, centres, outlines, flag, checksum FROM images ORDER BY id"
        ).fetchall()


def integrated(run):
    """Return the median integrated intensity of nuclei, by the ninth of the field."""
    nuclei = run.nuclei
    whole = nuclei[nuclei["touches_edge"] == 0]
    ninth = whole["y"] * 3 // SIDE * 3 + whole["x"] * 3 // SIDE
    return np.array([np.median(whole["integrated"][ninth == each]) for each in range(9)])


@pytest.fixture(scope="module")
def plates(tmp_path_factory):
    """A plate in even light and the same in uneven light, and runs of both; one is corrected."""
    root = tmp_path_factory.mktemp("flat")
    write_plate(root / "even", np.ones((SIDE, SIDE)))
    write_plate(root / "uneven", light())
    count(root / "even", root / "of_even").close()
    count(root / "uneven", root / "as_it_is").close()
    count(root / "uneven", root / "learned", flat_field="learn").close()
    return root


def test_what_is_measured_in_learned_light_is_that_of_even_light(plates):
    even, uneven, learned = (
        integrated(nucensus.Run(plates / name)) for name in ("of_even", "as_it_is", "learned")
    )
    assert np.abs(uneven / even - 1).max() > 0.15
    assert learned == pytest.approx(even, rel=0.02)


def test_phases_that_uneven_light_spoiled_are_found(plates):
    pytest.importorskip("scipy")
    (spoiled,) = nucensus.cell_cycle(plates / "as_it_is")
    (found,) = nucensus.cell_cycle(plates / "learned")
    assert "the light is uneven" in spoiled["Note"]
    assert found["Note"] == ""
    assert found["G1_Percent"] == pytest.approx(70, abs=4)
    assert found["G2_Percent"] == pytest.approx(30, abs=4)


@pytest.mark.parametrize("form", ["float", "uint16", "npy"])
def test_an_image_of_the_light_is_as_good(plates, tmp_path, form):
    path = tmp_path / ("light.npy" if form == "npy" else "light.tif")
    if form == "npy":
        np.save(path, 3 * light())
    else:
        known = light().astype(np.float32) if form == "float" else (9000 * light()).astype("u2")
        tifffile.imwrite(path, known)
    even = integrated(nucensus.Run(plates / "of_even"))
    with count(plates / "uneven", tmp_path / "run", flat_field=path) as run:
        assert integrated(run) == pytest.approx(even, rel=0.01)


def test_the_points_of_the_published_detector_are_those_of_the_corrected_image(plates, tmp_path):
    path, settings = tmp_path / "light.npy", Settings(sigma=3, threshold=500)
    np.save(path, light())
    with count(plates / "uneven", tmp_path / "run", settings, flat_field=path) as run:
        image = tifffile.imread(plates / "uneven" / "A01_s0.tif")
        gain = (light() / light().mean()).astype(np.float32)
        expected = nucensus.detect_nuclei(image / gain, sigma=3, threshold_abs=500)
        found = run.nuclei_of("A01_s0.tif")
        assert np.column_stack((found["y"], found["x"])).tolist() == expected.tolist()


def test_images_are_counted_again_where_others_say_something_else_of_the_light(plates, tmp_path):
    plate = tmp_path / "plate"
    plate.mkdir()
    for path in sorted((plates / "uneven").iterdir()):
        (plate / path.name).write_bytes(path.read_bytes())
    late = (plate / "A01_s1.tif").rename(tmp_path / "late.tif")
    count(plate, tmp_path / "run", flat_field="learn").close()
    late.rename(plate / "A01_s1.tif")
    with count(plate, tmp_path / "run", flat_field="learn") as run:
        assert run.about.starts[-1]["images"] == FIELDS
    assert rows(tmp_path / "run") == rows(plates / "learned")
    with count(plate, tmp_path / "run", flat_field="learn") as run:
        assert run.about.starts[-1]["images"] == 0


@pytest.mark.parametrize("settings", [OUTLINED, Settings(sigma=3, threshold=500)])
def test_images_are_counted_again_where_the_image_of_the_light_changed(plates, tmp_path, settings):
    path = tmp_path / "light.npy"
    np.save(path, light())
    count(plates / "uneven", tmp_path / "run", settings, flat_field=path).close()
    np.save(path, light(falls=0.3))
    with count(plates / "uneven", tmp_path / "run", settings, flat_field=path) as run:
        assert run.about.starts[-1]["images"] == FIELDS
    count(plates / "uneven", tmp_path / "new", settings, flat_field=path).close()
    assert rows(tmp_path / "run") == rows(tmp_path / "new")
    with pytest.raises(RunError, match="other selection"):
        count(plates / "uneven", tmp_path / "run", settings)


def test_shards_with_other_images_of_the_light_are_not_merged(plates, tmp_path):
    for index in (1, 2):
        np.save(tmp_path / "light.npy", light(falls=0.3 + 0.1 * index))
        count(plates / "uneven", tmp_path / str(index), flat_field=tmp_path / "light.npy",
              shard=Shard(index, 2)).close()  # fmt: skip
    with pytest.raises(RunError, match="corrected with another flat field"):
        merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")


def test_shards_with_one_image_of_the_light_are_merged_to_the_run_of_all(plates, tmp_path):
    np.save(tmp_path / "light.npy", light())
    known = {"flat_field": tmp_path / "light.npy"}
    settings = Settings(sigma=3, threshold=500)
    count(plates / "uneven", tmp_path / "whole", settings, **known).close()
    for index in (1, 2):
        shard = Shard(index, 2)
        count(plates / "uneven", tmp_path / str(index), settings, shard=shard, **known).close()
    count(plates / "uneven", tmp_path / "plain", settings, shard=Shard(2, 2)).close()
    with (
        merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "merged") as run,
        nucensus.Run(tmp_path / "whole") as whole,
    ):
        assert rows(tmp_path / "merged") == rows(tmp_path / "whole")
        assert run.about.flat_field == whole.about.flat_field
    with pytest.raises(RunError):
        merge_runs([tmp_path / "1", tmp_path / "plain"], tmp_path / "mixed")


def test_an_image_of_another_size_is_a_row_with_a_reason(tmp_path):
    plate = write_plate(tmp_path / "plate", light(), fields=2)
    tifffile.imwrite(plate / "A02_s0.tif", draw(0, light((300, 300))), metadata=None)
    np.save(tmp_path / "light.npy", light())
    with count(plate, tmp_path / "run", flat_field=tmp_path / "light.npy") as run:
        (failed,) = run.failures
        assert failed["reason"].startswith("its size is 300 x 300 pixels, and that of the flat")
        assert run.counts["found"] == 2


@pytest.mark.parametrize(("fields", "clip", "why"), [
    (3, None, r"192 nuclei in 3 usable images of the sample, which tell it to \d+ %; expected 8"),
    (8, 900, "in 8 of 8 images nuclei are saturated"),
])  # fmt: skip
def test_light_is_not_learned_from_few_or_saturated_nuclei(tmp_path, fields, clip, why):
    plate = write_plate(tmp_path / "plate", light(), fields=fields, clip=clip)
    with pytest.raises(InputError, match=why):
        count(plate, tmp_path / "run", flat_field="learn")


@pytest.mark.parametrize(("known", "why"), [
    (np.where(np.arange(SIDE) > 3, light(), 0), "pixels without light"),
    (np.where(np.arange(SIDE) > 3, light(), np.nan), "pixels without light"),
    (np.minimum(60000 * light(), 65535).astype("u2"), r"saturated: \d+ % of its pixels"),
    (np.ones((2, SIDE, SIDE)), "it holds float64 of shape"),
    (draw(0, light()), "as a picture of cells"),
])  # fmt: skip
def test_an_image_that_is_none_of_the_light_is_refused(plates, tmp_path, known, why):
    np.save(tmp_path / "light.npy", known)
    with pytest.raises(InputError, match=why):
        count(plates / "uneven", tmp_path / "run", flat_field=tmp_path / "light.npy")
    with pytest.raises(InputError, match=r"missing\.tif"):
        count(plates / "uneven", tmp_path / "run", flat_field="missing.tif")


@pytest.mark.parametrize(
    ("count", "step", "is_light"), [(7, 0.21, True), (8, 0.21, False), (40, 0.19, True)]
)
def test_light_may_differ_by_a_fifth_between_one_in_a_hundred_of_32_places(count, step, is_light):
    places = np.zeros((32, 48))
    at = [(2 + 3 * (n % 10), 2 + 4 * (n // 10)) for n in range(count)]
    places[tuple(np.transpose(at))] = step
    drawn = np.exp(places).repeat(2, axis=0).repeat(2, axis=1)
    if is_light:
        np.testing.assert_allclose(checked_gain(drawn, "here"), drawn / drawn.mean(), rtol=1e-6)
    else:
        with pytest.raises(InputError, match="as a picture of cells"):
            checked_gain(drawn, "here")


@pytest.mark.parametrize(("least", "is_light"), [(0.021, True), (0.019, False), (-1.0, False)])
def test_light_is_above_a_fiftieth_of_its_mean_everywhere(least, is_light):
    drawn = np.ones((64, 64))
    drawn[0, 0] = least
    if is_light:
        assert checked_gain(drawn, "here").dtype == np.float32
    else:
        with pytest.raises(InputError, match="all above 2 % of their mean"):
            checked_gain(drawn, "here")
    with pytest.raises(InputError, match="pixels without light"):
        checked_gain(np.zeros((0, 4)), "here")


@pytest.mark.parametrize(("full", "is_light"), [(40, True), (41, False)])
def test_an_image_of_the_light_is_saturated_from_one_in_a_hundred_pixels(tmp_path, full, is_light):
    drawn = np.full((40, 100), 65000, np.uint16)
    drawn.flat[:full] = 65535
    tifffile.imwrite(tmp_path / "light.tif", drawn)
    if is_light:
        light = flat_field_of(str(tmp_path / "light.tif"))
        assert (light.shape, light.darkest) == ((40, 100), 0.9918)
    else:
        with pytest.raises(InputError, match="saturated: 1 % of its pixels"):
            flat_field_of(str(tmp_path / "light.tif"))


def test_the_logarithm_of_light_is_made_of_powers_of_the_place_up_to_the_fourth():
    v, u = 0.5, -0.25  # over half of the longer side, from the middle
    values = polynomials(np.array(19.5), np.array(14.5), (20, 40))
    powers = [v**down * u**across for down, across in
              ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))]  # fmt: skip
    more = [v**down * u ** (3 - down) for down in (3, 2, 1, 0)]
    most = [v**4, v**3 * u, v * u**3, u**4]
    np.testing.assert_allclose(values, [*powers, (v * v + u * u) ** 2, *more, *most])


@pytest.mark.parametrize(("settings", "chosen", "why"), [
    (Settings(invert=True), {}, "nuclei are dark"),
    (Settings(threshold=300), {}, "numbers for detection were given"),
    (OUTLINED, {"plane": Plane(channel="each")}, "a flat field, which is that of one"),
    (OUTLINED, {"measure": "2", "flat_field": ("learn", "2=learn")}, "can be"),
    (OUTLINED, {"flat_field": ("learn", "light.tif")}, "expected one for the nuclei"),
    (OUTLINED, {"flat_field": "GFP=light.tif"}, "channels that are measured are none"),
])  # fmt: skip
def test_light_that_cannot_be_corrected_is_refused_before_a_run_is_made(
    plates, tmp_path, settings, chosen, why
):
    with pytest.raises(InputError, match=why):
        count(plates / "uneven", tmp_path / "run", settings, **{"flat_field": "learn"} | chosen)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("shape", [(200, 180), (400, 400), (1000, 700)])
def test_light_with_noise_and_dust_is_taken_for_light(tmp_path, shape):
    rng = np.random.default_rng(0)
    drawn = light(shape, falls=0.9) * rng.normal(1, 0.02, shape)
    y, x = rng.integers(0, np.array(shape) - 4, (3, 2)).T
    for at, to in zip(y, x, strict=True):
        drawn[at : at + 3, to : to + 3] *= 0.7
    np.save(tmp_path / "light.npy", drawn)
    assert flat_field_of(str(tmp_path / "light.npy")).shape == shape


def test_saturated_nuclei_are_flagged_in_corrected_images_too(tmp_path):
    plate = write_plate(tmp_path / "plate", light(), fields=2, clip=900)
    np.save(tmp_path / "light.npy", light())
    with count(plate, tmp_path / "run", flat_field=tmp_path / "light.npy") as run:
        assert set(run.images["flag"]) == {"saturated"}


def test_the_light_of_another_channel_is_corrected_in_it(tmp_path):
    plate = tmp_path / "plate"
    plate.mkdir()
    for site in range(2):
        tifffile.imwrite(plate / f"A01_s{site}_w1.tif", draw(site, np.ones((SIDE, SIDE))))
        tifffile.imwrite(plate / f"A01_s{site}_w2.tif", draw(site, light()))
    np.save(tmp_path / "light.npy", light())
    chosen = {"plane": Plane(channel="1"), "measure": "2"}
    given = count(plate, tmp_path / "run", flat_field=f"2={tmp_path / 'light.npy'}", **chosen)
    nuclei = given.nuclei[given.nuclei["touches_edge"] == 0]
    ratio = nuclei["channel2_integrated"] / nuclei["integrated"]
    assert np.quantile(ratio, [0.05, 0.95]) == pytest.approx(1, abs=0.04)


def test_the_run_says_what_light_it_was(plates, tmp_path):
    document = json.loads((plates / "learned" / "provenance.json").read_text())
    (known,) = document["flat_field"]
    drawn = light()
    assert known["darkest"] == pytest.approx(drawn.min() / drawn.max(), abs=0.05)
    assert known["images"] == FIELDS
    write_report(nucensus.Run(plates / "learned"), tmp_path / "report.html")
    assert "learned from 7" in (tmp_path / "report.html").read_text()
    shown = CliRunner().invoke(_nucensus, [
        "detect", str(plates / "uneven"), "-o", str(tmp_path / "run"), "--outlines",
        "--flat-field", "learn",
    ])  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert "Flat field: learned from 7" in shown.output
    assert rows(tmp_path / "run") == rows(plates / "learned")


def test_light_is_not_learned_from_nuclei_that_differ_too_much():
    known = learn_light([lit(30, np.ones((SIDE, SIDE)), seed, spread=0.6) for seed in range(16)])
    assert not known.is_known
    assert re.search(r"480 nuclei in 16 usable images .* tell it to \d+ %", known.why)


@pytest.fixture(scope="module")
def two_plates(tmp_path_factory):
    """Two plates in light of their own, a third of too few images, and one image of another size;
    and a run in learned light, in a folder beside them."""
    root = tmp_path_factory.mktemp("plates")
    for plate, (falls, fields) in {"P1": (0.55, 9), "P2": (-0.3, 9), "P3": (0.55, 2)}.items():
        for seed in range(fields):
            (root / "in" / plate).mkdir(parents=True, exist_ok=True)
            drawn = draw(100 * fields + seed, light(falls=falls))
            tifffile.imwrite(root / "in" / plate / f"{plate}_A01_s{seed}.tif", drawn)
    tifffile.imwrite(root / "in" / "P2" / "P2_A02_s1.tif", draw(0, light((300, 300))))
    count(root / "in", root / "run", pattern=PATTERN, flat_field="learn").close()
    return root


PATTERN = r"(?P<plate>P\d)_(?P<well>A\d\d)_s(?P<site>\d)"


def lights_of(run):
    return {each["plate"]: each for each in nucensus.Run(run).about.flat_field if each["terms"]}


def test_a_shard_of_a_plan_takes_the_light_of_each_channel_as_it_was(tmp_path):
    path = str(tmp_path / "light.npy")
    np.save(path, light())
    given = replace(flat_field_of(path), channel="GFP")
    learned = [FlatField(300, 400, plate=each, terms=(0.1, 0.2), images=9) for each in ("P1", "P2")]
    with RunWriter(None) as writer:
        writer.record_facts(
            selection={"flat_field": ["learn", f"GFP={path}"], "measure": ["GFP"]},
            flat_field=[each.as_dict() for each in (*learned, given)],
        )
        how = {"is_planned": True, "keeps": False, "checks": False}
        found = find_lights(writer, None, **how)
        assert found.lights == (*learned, given)
        assert lights_in(writer.about) == found
        np.save(path, light(falls=0.3))
        with pytest.raises(RunError, match="has changed since the run was planned"):
            find_lights(writer, None, **how)


def test_the_light_of_each_plate_is_its_own(two_plates):
    lights = lights_of(two_plates / "run")
    for plate, falls in {"P1": 0.55, "P2": -0.3}.items():
        drawn = light(falls=falls)
        gain = FlatField.from_dict(lights[plate]).learned_gain()
        assert np.sqrt(((gain / drawn - 1) ** 2).mean()) < 0.02
        assert lights[plate]["images"] == 9
        assert lights[plate]["why"] == ""


def test_a_plate_of_too_few_images_has_the_light_of_all_and_says_so(two_plates, tmp_path):
    lights = lights_of(two_plates / "run")
    assert lights["P3"]["images"] == 20
    assert lights["P3"]["why"].startswith("there are 128 nuclei in 2 usable images of the sample")
    shown = CliRunner().invoke(_nucensus, [
        "detect", str(two_plates / "in"), "-o", str(two_plates / "run"), "--outlines",
        "--flat-field", "learn", "--pattern", PATTERN,
    ])  # fmt: skip
    said = " ".join(shown.output.split())
    assert "Flat field of plate 'P1', 360 x 360 pixels: learned from 57" in said
    assert "of plate 'P3', 360 x 360 pixels: that of all plates, because there are 128" in said
    assert "of plate 'P2', 300 x 300 pixels: not known, and such images fail: there are" in said
    write_report(nucensus.Run(two_plates / "run"), tmp_path / "report.html")
    assert "that of all plates, because there are 128" in (tmp_path / "report.html").read_text()


def test_images_of_a_size_whose_light_is_not_known_are_rows_with_the_reason(two_plates):
    (failed,) = nucensus.Run(two_plates / "run").failures
    assert failed["image"] == "P2/P2_A02_s1.tif"
    assert "in 1 usable image of the sample, which" in failed["reason"]
    assert failed["reason"].endswith("; give an image of the light: --flat-field FILE")


@pytest.mark.parametrize("strategy", ["isolated", "pool-memory"])
def test_every_strategy_corrects_each_plate_to_the_same_bytes(two_plates, tmp_path, strategy):
    options = {"flat_field": "learn", "pattern": PATTERN, "strategy": strategy}
    count(two_plates / "in", tmp_path / "run", **options).close()
    assert rows(tmp_path / "run") == rows(two_plates / "run")


def test_shards_and_shards_of_a_plan_correct_each_plate_to_the_same_bytes(two_plates, tmp_path):
    plates, options = two_plates / "in", {"pattern": PATTERN, "flat_field": "learn"}
    chosen = nucensus.Selection(**options)
    plan_census(plates, tmp_path / "plan", OUTLINED, selection=chosen).close()
    for index in (1, 2):
        part = Shard(index, 2)
        count(plates, tmp_path / f"own{index}", shard=part, **options).close()
        census_planned(tmp_path / "plan", tmp_path / f"planned{index}", shard=part).close()
    for how in ("own", "planned"):
        merge_runs([tmp_path / f"{how}1", tmp_path / f"{how}2"], tmp_path / how).close()
        assert rows(tmp_path / how) == rows(two_plates / "run")
        assert lights_of(tmp_path / how) == lights_of(two_plates / "run")


def test_a_plate_that_comes_later_has_images_counted_again_only_where_light_changes(
    two_plates, tmp_path
):
    plate = tmp_path / "in"
    shutil.copytree(two_plates / "in", plate)
    late = (plate / "P2").rename(tmp_path / "late")
    early = count(plate, tmp_path / "run", pattern=PATTERN, flat_field="learn")
    (before,) = [each for each in early.about.flat_field if each["plate"] == "P1"]
    early.close()
    late.rename(plate / "P2")
    with count(plate, tmp_path / "run", pattern=PATTERN, flat_field="learn") as run:
        assert before in run.about.flat_field
        assert run.about.flat_field == nucensus.Run(two_plates / "run").about.flat_field
    assert rows(tmp_path / "run") == rows(two_plates / "run")


def lit(count, gain, seed=0, spread=0.25):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, SIDE, (count, 2))
    y, x = points.astype(int).T
    return Lit((SIDE, SIDE), points, rng.lognormal(5, spread, count) * gain[y, x], False)


@pytest.mark.parametrize("shape", ["even", "off its middle", "dark corners", "a slope"])
def test_light_of_many_forms_is_learned_within_2_percent(shape):
    slope = np.linspace(0.7, 1.3, SIDE)[:, None] * np.ones(SIDE)
    v = np.linspace(-1, 1, SIDE)
    corners = (1 + 0.4 * (v[:, None] ** 2 + v**2)) ** -2
    gain = {"even": np.ones((SIDE, SIDE)), "off its middle": light(), "a slope": slope,
            "dark corners": corners / corners.mean()}[shape]  # fmt: skip
    learned = learn_light([lit(150, gain, seed) for seed in range(64)])
    error = learned.learned_gain() / gain - 1
    assert np.sqrt((error**2).mean()) < 0.02
    assert np.abs(error).max() < 3 * max(learned.error, 0.015)


def test_even_light_stays_as_it_is():
    learned = learn_light([lit(40, np.ones((SIDE, SIDE)), seed) for seed in range(64)])
    assert (learned.learned_gain() == 1).all()
    assert 0.01 < learned.error < 0.05


@pytest.mark.parametrize("place", [(0, 0), (0, 29), (19, 0), (19, 29)])
def test_nuclei_in_the_corners_are_saturated_too(place):
    image = np.zeros((20, 30), np.uint16)
    image[-3:, -3:] = image[-3:, :3] = image[:3, -3:] = image[:3, :3] = 4095
    assert is_saturated(image, np.array([place]))
    assert not is_saturated(image, np.array([[10, 15]]))


def test_an_image_of_a_plate_or_size_that_was_not_learned_has_no_light_of_another():
    known = FlatField(300, 400, plate="P1", terms=(0.0,))
    lights = FlatFields((known, FlatField(9, 9, channel="GFP", path="gfp.tif")))
    assert lights.of("", "P1", (300, 400)) is known
    assert lights.of("GFP", "P2", (5, 5)).path == "gfp.tif"
    assert lights.of("Cy5", "P1", (300, 400)) is None
    with pytest.raises(ReadError, match=r"its size is 400 x 300 pixels, .* learned for 300 x 400"):
        lights.of("", "P1", (400, 300))
    with pytest.raises(ReadError, match="learned for no size on its plate"):
        lights.of("", "P2", (300, 400))


def test_the_light_is_told_by_whole_nuclei_that_are_no_clumps_and_not_black():
    image = draw_nuclei_beside_each_other()
    look = look_at_light(image)
    assert look.shape == image.shape
    whole = {(60, 60), (60, 240), (240, 60)}
    found = find_nuclei(image, OUTLINED)
    clumps = set(map(tuple, found.points[found.measured["solidity"] < 0.85].tolist()))
    edge = set(map(tuple, found.points[found.measured["touches_edge"] != 0].tolist()))
    assert (len(clumps), len(edge), len(found)) == (1, 1, 6)
    told = set(map(tuple, look.points.tolist()))
    assert told == set(map(tuple, found.points.tolist())) - clumps - edge > whole
    np.testing.assert_allclose(look.heights, 1000, rtol=0.02)


def draw_nuclei_beside_each_other():
    """Draw three round nuclei, one that the edge cuts, and a bent one."""
    y, x = np.mgrid[:300, :300]
    image = np.zeros((300, 300))
    for v, u in ((60, 60), (60, 240), (240, 60), (150, 2)):
        image[(y - v) ** 2 + (x - u) ** 2 <= 15**2] = 1000
    bent = np.abs(np.hypot(y - 230, x - 230) - 20) <= 6
    image[bent & (x < 235)] = 1000
    return image.astype(np.uint16)


MANY = [lit(400, np.ones((SIDE, SIDE)), seed) for seed in range(8)]


@pytest.mark.parametrize(("count", "usable"), [(5, 8), (4, 7)])
def test_light_is_learned_from_eight_images_with_five_nuclei_or_more(count, usable):
    learned = learn_light([*MANY[:7], lit(count, np.ones((SIDE, SIDE)), 8)])
    assert (learned.is_known, learned.images) == (usable == 8, usable)


@pytest.mark.parametrize(("count", "is_learned"), [(8, True), (9, False)])
def test_light_is_learned_where_no_more_than_half_of_the_images_are_saturated(count, is_learned):
    learned = learn_light([*MANY, *[replace(MANY[0], is_saturated=True)] * count])
    assert (learned.is_known, learned.images) == (is_learned, 8)


@pytest.mark.parametrize(("count", "is_flat"), [(20, True), (21, False)])
def test_an_image_is_saturated_where_one_in_twenty_nuclei_is_flat(count, is_flat):
    image = np.zeros((20, 30), np.uint16)
    image[4:7, 4:7] = 4095
    assert is_saturated(image, np.array([[5, 5], *[[12, 20]] * (count - 1)])) == is_flat


def test_the_light_of_more_than_four_plates_is_told_in_one_line():
    lights = [
        FlatField(300, 400, plate=f"P{n}", terms=(0.0,), images=9, nuclei=1000 * n, error=n / 1000,
                  darkest=1 - n / 10)
        for n in range(1, 6)
    ]  # fmt: skip
    told = FlatFields(tuple(lights[:4])).lines()
    assert [line.partition(",")[0] for line in told] == [
        f"Flat field of plate 'P{n}'" for n in range(1, 5)
    ]
    assert FlatFields(tuple(lights)).lines() == [
        "Flat fields of 5 plates: learned from 1,000 to 5,000 nuclei each: at their darkest 50 to "
        "90 % of their brightest, known to 0.5 % where least certain"
    ]


def test_of_plates_whose_light_is_not_their_own_four_are_told_and_the_others_are_counted():
    lights = [FlatField(300, 400, plate=f"P{n}", why="nuclei are too few") for n in range(6)]
    told = [FlatFields(tuple(lights[:count])).lines() for count in (4, 5, 6)]
    assert told[0] == [
        f"Flat field of plate 'P{n}', 300 x 400 pixels: not known, and such images fail: nuclei "
        "are too few"
        for n in range(4)
    ]
    assert told[1] == [*told[0], "Flat field of 1 more plate: not learned from its own images"]
    assert told[2] == [*told[0], "Flat field of 2 more plates: not learned from their own images"]


def test_the_light_that_is_learned_of_drawn_nuclei_is_what_it_was():
    learned = learn_light([lit(400, light(), seed=seed) for seed in range(10)])
    terms = [0.16364, 0.05828, -0.08712, -0.2139, 0.00512, -0.22963, -0.03918]
    np.testing.assert_allclose(learned.terms, terms, atol=2e-5)
    assert (learned.images, learned.nuclei) == (10, 4000)
    assert (learned.error, learned.darkest) == (0.0339, 0.4685)
