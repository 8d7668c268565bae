"""Which nuclei are positive: thresholds, one for each plate, and what follows from them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from stated_runs import some_centres, write_run

import nucensus
from nucensus.cli import _nucensus
from nucensus.errors import InputError
from nucensus.export.positives import choose_positives, find_valley, wilson
from nucensus.report import write_report
from nucensus.values import Failed, Positive, Settings
from nucensus.values.synthetic import make_field

BRIGHT, DIM, NOISE = 900.0, 40.0, 15.0


def invoke(*arguments):
    return CliRunner().invoke(_nucensus, list(map(str, arguments)), prog_name="nucensus")


def draw(folder, plate, well, *, share, seed, nuclei=60):
    """Write a field in two channels, of which so many of the nuclei shine in the second."""
    field = make_field(seed, shape=(400, 420), nuclei=nuclei)
    labels = nucensus.label_nuclei(field.image)
    rng = np.random.default_rng(seed)
    shines = rng.random(labels.max() + 1) < share
    levels = np.where(shines, BRIGHT * rng.lognormal(0, 0.3, len(shines)), DIM)
    levels[0] = 0
    other = rng.normal(200 + levels[labels], NOISE)
    (folder / plate).mkdir(parents=True, exist_ok=True)
    for channel, image in ((1, field.image), (2, other)):
        path = folder / plate / f"{plate}_{well}_s1_w{channel}.tif"
        tifffile.imwrite(path, image.astype(np.uint16))
    return int(shines[1:].sum())


@pytest.fixture(scope="module")
def plates(tmp_path_factory):
    """Two plates, their true numbers of positive nuclei by well, and a run of both."""
    root = tmp_path_factory.mktemp("positives")
    shares = {"A01": 0, "A02": 0, "B01": 0.3, "B02": 0.7}
    truth = {
        ("P1", well): draw(root / "in", "P1", well, share=share, seed=number)
        for number, (well, share) in enumerate(shares.items())
    }
    for number, well in enumerate(("A01", "A02"), 10):
        truth["P2", well] = draw(root / "in", "P2", well, share=0, seed=number)
    done = invoke(
        "detect", root / "in", "-o", root / "run", "--channel", "1", "--positive", "2=auto",
        "--report",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return root, truth, done


def wells_of(run):
    table = nucensus.well_table(run)
    return {(row["Metadata_Plate"], row["Metadata_Well"]): row for row in table}


def test_one_command_counts_the_positive_nuclei_of_each_well(plates):
    root, truth, done = plates
    with nucensus.Run(root / "run") as run:
        wells = wells_of(run)
        for place, count in truth.items():
            well = wells[place]
            if place[0] == "P1":
                assert well["Nuclei_channel2_PositiveCount"] == count
                of = well["Nuclei_Count"]
                assert well["Nuclei_channel2_PositivePercent"] == pytest.approx(100 * count / of)
                low, high = (100 * share for share in wilson(count, of))
                assert well["Nuclei_channel2_PositivePercentLow"] == pytest.approx(low)
                assert well["Nuclei_channel2_PositivePercentHigh"] == pytest.approx(high)
            else:
                assert math.isnan(well["Nuclei_channel2_PositivePercent"])
        nuclei = run.nuclei
    assert set(nuclei["channel2_positive"].tolist()) == {-1, 0, 1}
    assert "Positive: channel2_mean on plate P1 above" in done.output
    assert "No threshold for channel2_mean on plate P2: its" in done.output
    header = (root / "run" / "nuclei.csv").read_text().splitlines()[0]
    assert header.endswith(",channel2_std,channel2_positive")


def test_the_report_has_a_heat_map_and_the_histogram_with_the_threshold(plates):
    root, *_ = plates
    page = (root / "run" / "report.html").read_text()
    assert 'id="metric-positive" checked' in page
    assert "positive above" in page
    assert "channel2_mean, plate P1" in page
    assert "do not part into two kinds" in page


def test_nuclei_may_be_positive_in_several_measurements_of_one_command(plates):
    root, *_ = plates
    done = invoke("wells", root / "run", "--positive", "2=250", "--positive", "area_px=1", "--json")
    rows = json.loads(done.stdout)
    assert len(rows) == 6
    for row in rows:
        assert row["Nuclei_area_px_PositiveCount"] == row["Nuclei_Count"]
        assert row["Nuclei_channel2_PositiveCount"] <= row["Nuclei_Count"]


def test_a_threshold_can_be_given_and_changed_without_counting(plates):
    root, truth, _ = plates
    before = (root / "run" / "run.sqlite").read_bytes()
    done = invoke("wells", root / "run", "--positive", "2=250", "--json")
    rows = {(row["Metadata_Plate"], row["Metadata_Well"]): row
            for row in json.loads(done.stdout)}  # fmt: skip
    assert {place: row["Nuclei_channel2_PositiveCount"] for place, row in rows.items()} == truth
    run = nucensus.open_run(root / "run", positive=["channel2_mean=1e9", "area_px=0"])
    assert run.nuclei["channel2_positive"].max() == 0
    assert run.nuclei["area_px_positive"].min() == 1
    assert (root / "run" / "run.sqlite").read_bytes() == before


def test_controls_choose_the_threshold_of_their_plate(plates):
    root, truth, _ = plates
    run = nucensus.open_run(root / "run", positive="2=auto", negative_control=["A1", "A02"])
    (fact,) = run.positive
    for plate in ("P1", "P2"):
        with nucensus.Run(root / "run") as bare:
            images = {row["image"]: row for row in bare.images}
            of = [images[each["image"]]["plate"] == plate for each in bare.nuclei]
            control = bare.nuclei[of]
            control = control[[images[e["image"]]["well"][0] == "A" for e in control]]
        expected = np.quantile(control["channel2_mean"], 0.99)
        assert fact["plates"][plate]["threshold"] == pytest.approx(expected)
    wells = wells_of(run)
    assert wells["P1", "B02"]["Nuclei_channel2_PositiveCount"] >= truth["P1", "B02"]


def test_a_run_with_new_images_has_new_thresholds(plates, tmp_path):
    root, *_ = plates
    plate = tmp_path / "in" / "P1"
    plate.mkdir(parents=True)
    for path in (root / "in" / "P1").iterdir():
        if "_A" in path.name:
            (plate / path.name).write_bytes(path.read_bytes())
    options = ("--channel", "1", "--measure", "2")
    command = ("detect", tmp_path / "in", "-o", tmp_path / "run", *options)
    assert "No threshold" in invoke(*command, "--positive", "2=auto").output
    for path in (root / "in" / "P1").iterdir():
        (plate / path.name).write_bytes(path.read_bytes())
    invoke(*command)
    with nucensus.Run(tmp_path / "run") as run:
        assert run.positive[0]["plates"]["P1"]["threshold"] > DIM
        assert run.nuclei["channel2_positive"].max() == 1
        table = np.genfromtxt(
            tmp_path / "run" / "nuclei.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
        )
        assert np.array_equal(table["channel2_positive"], run.nuclei["channel2_positive"])


def test_an_exported_run_says_what_was_shown(plates, tmp_path):
    root, *_ = plates
    invoke("export", root / "run", "--to", "run", "-o", tmp_path, "--positive", "2=500")
    with nucensus.Run(tmp_path) as run:
        assert run.positive[0]["threshold"] == 500
        assert run.nuclei["channel2_positive"].min() == 0
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["positive"][0]["plates"]["P2"] == {"threshold": 500, "why": "given"}
    assert provenance["measured"] == {"channels": ["2"], "ring_px": 0}


@pytest.mark.parametrize(
    ("positive", "controls", "why"),
    [
        ("GFP", (), "expected a channel and auto or a number"),
        ("=auto", (), "expected a channel and auto or a number"),
        ("2=inf", (), "expected a channel and auto or a number"),
        ("Cy5=auto", (), "'Cy5', which was not measured"),
        ("y=3", (), "'y', which was not measured"),
        ("2=300", ("A01",), "leave the wells out, or give auto"),
        ("2=auto", ("H12",), "no image is of one"),
        ((), ("A01",), "and not what they are negative in"),
        (("2=auto", "channel2_mean=3"), (), "expected each once"),
    ],
)
def test_what_cannot_be_is_refused(plates, positive, controls, why):
    root, *_ = plates
    with pytest.raises(InputError, match=why):
        nucensus.open_run(root / "run", positive=positive, negative_control=controls)


def test_positive_nuclei_are_counted_beside_images_that_failed_or_are_not_done(tmp_path):
    centres = replace(some_centres(4), contrasts=np.array([9.0, 6.0, 5.0, 2.0]))
    outcomes = {"a": centres, "b": Failed("read", "it is cut off"), "c": None}
    images = {name: (each, {"plate": "P", "well": "A01"}) for name, each in outcomes.items()}
    write_run(tmp_path, images, settings=Settings(detector="log")).close()
    with nucensus.open_run(tmp_path, positive="contrast=5") as run:
        (well,) = nucensus.well_table(run)
        assert (well["Nuclei_Count"], well["Nuclei_contrast_PositiveCount"]) == (4, 2)
        write_report(run, tmp_path / "report.html")
        assert [len(nuclei) for _, nuclei in run.all_images()] == [4, 0, 0]
    assert "50 % positive" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "name", "threshold"),
    [
        ("GFP=auto", "GFP", None),
        (" GFP 2 = 350 ", "GFP 2", 350.0),
        ("a=b=-1e2", "a=b", -100.0),
        ("GFP=0", "GFP", 0.0),
    ],
)
def test_what_is_positive_is_written_as_a_channel_and_auto_or_a_number(text, name, threshold):
    rule = Positive.parse(text)
    assert (rule.name, rule.threshold, rule.controls) == (name, threshold, ())
    assert Positive.parse("GFP=auto", ("A01",)).controls == ("A01",)


@pytest.mark.parametrize("text", ["", "GFP", "=auto", "GFP=", "GFP=many", "GFP=nan", "GFP=inf"])
def test_what_is_neither_auto_nor_a_number_is_no_threshold(text):
    with pytest.raises(InputError, match="expected a channel and auto or a number of grey levels"):
        Positive.parse(text)


def test_a_shard_does_not_choose_a_threshold_for_its_plate(plates, tmp_path):
    root, *_ = plates
    done = invoke(
        "detect", root / "in", "-o", tmp_path / "run", "--channel", "1", "--positive", "2=auto",
        "--shard", "1/2",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "merge the shards" in " ".join(done.output.split())


_RNG = np.random.default_rng(1)
ONE_KIND = {
    "normal": _RNG.normal(0, 20, 5000),
    "bright normal": _RNG.normal(400, 60, 5000),
    "lognormal": 100 * _RNG.lognormal(0, 1, 5000),
    "lognormal and noise": 100 * _RNG.lognormal(0, 1, 5000) + _RNG.normal(0, 20, 5000),
    "exponential": _RNG.exponential(100, 5000),
    "uniform": _RNG.uniform(0, 500, 5000),
    "few": _RNG.normal(10, 20, 100),
    "long tails": 20 * _RNG.standard_t(3, 5000),
    "all alike": np.full(500, 3.0),
}


@pytest.mark.parametrize("name", ONE_KIND)
def test_nuclei_of_one_kind_have_no_threshold(name):
    assert find_valley(ONE_KIND[name])[1] < 3


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("separation", [150, 300, 2000])
def test_the_valley_parts_two_kinds_within_two_per_cent(share, separation):
    rng = np.random.default_rng(7)
    count = 5000
    positive = round(share * count)
    values = np.concatenate([
        rng.normal(5, 20, count - positive), separation * rng.lognormal(0, 0.3, positive)
    ])  # fmt: skip
    threshold, z = find_valley(values)
    assert z > 3
    least = 0.05 if separation == 150 else 0.02
    assert (values > threshold).sum() == pytest.approx(positive, rel=least)


def test_thresholds_do_not_depend_on_the_unit():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(5, 20, 900), rng.normal(600, 80, 100)])
    threshold, z = find_valley(values)
    assert find_valley(values * 1e-4) == pytest.approx((threshold * 1e-4, z), rel=1e-6)


def test_the_valley_is_that_of_the_bandwidth_that_is_stated():
    part = (np.arange(400) + 0.5) / 400
    logistic = np.log(part / (1 - part))
    values = np.concatenate([100 + 6 * logistic, 400 + 60 * logistic[::9]])
    assert find_valley(values) == pytest.approx((186.968551, 4.646185), rel=1e-6)


def test_facts_of_a_run_are_plain_values(plates):
    root, *_ = plates
    with nucensus.Run(root / "run") as run:
        facts = choose_positives(run, [Positive("2")])
        assert json.loads(json.dumps(facts)) == facts == run.positive
