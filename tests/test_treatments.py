"""What the report says of treatments: groups of wells, intervals, and controls."""

import math
import re
import sys

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from scipy import special
from stated_runs import plate_run, some_centres, write_run

from nucensus.cli import _nucensus
from nucensus.errors import InputError
from nucensus.report import write_report
from nucensus.report.fields import Field
from nucensus.report.statistics import differ_from_control, interval, ssmd, z_prime
from nucensus.report.treatments import compare_treatments
from nucensus.values.synthetic import make_field


def field(well, count, *, plate="P", view="", site=1, status="found", **treatment):
    return Field(
        f"{plate}_{well}_{site}_{view}", status, "", "", plate, well, str(site), count, 9, 9, 81,
        1.0, (), view, treatment,
    )  # fmt: skip


def screen():
    """Return 4 wells each of a control and two doses, of one field each."""
    counts = {"": [100, 110, 90, 104], "2": [60, 50, 55, 66], "10": [11, 9, 14, 10]}
    return [
        field(f"{row}{column:02d}", count, drug="taxol" if dose else "DMSO", dose=dose)
        for row, (dose, its) in zip("ABC", counts.items(), strict=True)
        for column, count in enumerate(its, 1)
    ]


def test_groups_are_compared_by_wells_in_the_order_of_doses():
    [comparison] = compare_treatments(screen(), "DMSO")
    assert comparison.columns == "drug, dose"
    assert [group.name for group in comparison.groups] == ["DMSO", "taxol, 2", "taxol, 10"]
    assert [len(group.wells) for group in comparison.groups] == [4, 4, 4]
    control, middle, high = comparison.groups
    assert (control.is_control, middle.is_control) == (True, False)
    assert middle.percent == pytest.approx(100 * np.mean([60, 50, 55, 66]) / 101)
    assert high.mean == 11
    assert high.deviation == pytest.approx(np.std([11, 9, 14, 10], ddof=1))


@pytest.mark.parametrize(
    "doses",
    [
        ["0", "500 nM", "1 µM", "2,5 µM", "10 µM", "1 mM"],
        ["0.1", "1e0", "2", "10", "DMSO", "none 2", "none 10"],
        ["5 min", "10 min", "90 min"],
        ["1 mg/ml", "0.5 g/ml"],
    ],
)
def test_doses_are_in_their_order_whatever_their_units(doses):
    fields = [
        field(f"{row}{n:02d}", n, dose=dose)
        for n, dose in enumerate(doses[::-1], 1)
        for row in "ABC"
    ]
    [comparison] = compare_treatments(fields)
    assert [group.name for group in comparison.groups] == doses


def test_a_mean_has_the_interval_of_students_t():
    for values, quantile in (([3.0, 5.0], 12.7062047), ([4.0, 4.5, 9.0], 4.3026527)):
        mean, low, high = interval(values)
        half = quantile * np.std(values, ddof=1) / np.sqrt(len(values))
        assert (mean, low, high) == pytest.approx((np.mean(values), mean - half, mean + half))
    assert interval([7.0, 7.0]) == (7, 7, 7)
    assert all(map(math.isnan, interval([3.0])[1:]))


def test_treatments_are_tested_against_the_control_and_corrected_for_their_number():
    control, mild, strong = [100.0, 110, 90, 104], [88.0, 95, 70, 97], [11.0, 9, 14]

    def welch(values):
        a, b = (np.var(each, ddof=1) / len(each) for each in (values, control))
        freedom = (a + b) ** 2 / (a**2 / (len(values) - 1) + b**2 / (len(control) - 1))
        return 2 * special.stdtr(freedom, -abs(np.mean(values) - np.mean(control)) / np.sqrt(a + b))

    found = differ_from_control([mild, [50.0], strong], control)
    assert found == pytest.approx([welch(mild), np.nan, 2 * welch(strong)], nan_ok=True)
    assert differ_from_control([mild], control) == pytest.approx([welch(mild)])


def test_wells_that_are_all_alike_are_no_sample_to_test():
    assert np.isnan(differ_from_control([[5.0, 5.0]], [7.0, 7.0])).all()
    assert np.isnan(differ_from_control([[5.0, 6.0]], [7.0])).all()
    assert differ_from_control([[0.0, 0.0, 0.0]], [90.0, 100, 110])[0] < 0.01


def test_effects_are_those_of_their_definitions():
    values, control = [60.0, 50, 55, 66], [100.0, 110, 90, 104]
    a, b, s, t = np.mean(values), np.mean(control), np.std(values, ddof=1), np.std(control, ddof=1)
    assert ssmd(values, control) == pytest.approx((a - b) / np.sqrt(s**2 + t**2))
    assert z_prime(values, control) == pytest.approx(1 - 3 * (s + t) / abs(a - b))
    assert math.isnan(ssmd([1.0, 1.0], [1.0, 1.0]))
    assert math.isnan(z_prime([1.0, 2.0], [1.0, 2.0]))


def test_fields_of_a_well_are_averaged_and_failed_ones_left_out():
    fields = [
        field("A01", 10, drug="x"), field("A01", 30, site=2, drug="x"),
        field("A01", 0, site=3, status="failed", drug="x"), field("A02", 22, drug="x"),
        field("B01", 5, drug="y"), field("B02", 7, drug="y"),
    ]  # fmt: skip
    [comparison] = compare_treatments(fields)
    assert [well.per_field for well in comparison.groups[0].wells] == [20, 22]
    assert math.isnan(comparison.groups[0].percent)


def test_wells_are_compared_with_the_controls_of_their_own_plate():
    fields = [
        field(f"{row}{column:02d}", base * share, plate=plate, drug=drug)
        for plate, base in (("P", 100), ("Q", 1000))
        for row, drug, share in (("A", "DMSO", 1), ("B", "x", 0.5))
        for column in (1, 2)
    ]
    [comparison] = compare_treatments(fields, "dmso")
    assert [group.percent for group in comparison.groups] == [100, 50]


def test_channels_are_compared_each_on_its_own():
    fields = [
        field(f"A{n:02d}", count + n, view=view, drug=drug)
        for view, factor in (("channel 1", 1), ("channel 2", 10))
        for drug, count in (("x", 10 * factor), ("y", 20 * factor))
        for n in ((1, 2) if drug == "x" else (3, 4))
    ]
    found = compare_treatments(fields)
    assert [(each.view, [group.mean for group in each.groups]) for each in found] == [
        ("channel 1", [11.5, 23.5]), ("channel 2", [101.5, 203.5])
    ]  # fmt: skip


def test_a_remark_of_each_well_does_not_hide_the_treatments():
    fields = [
        field(f"A{n:02d}", n, drug="x" if n < 5 else "y", remark=f"seeded by hand, {n}")
        for n in range(1, 9)
    ]
    [comparison] = compare_treatments(fields)
    assert comparison.columns == "drug"
    assert [group.name for group in comparison.groups] == ["x", "y"]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [field("A01", 1)],
        [field("A01", 1, drug="x"), field("A02", 2, drug="x")],
        [field("", 1, drug="x"), field("", 2, drug="y")],
        [field(f"A{n:02d}", 1, drug=str(n)) for n in range(1, 9)],
    ],
)
def test_without_groups_there_is_nothing_to_compare(fields):
    assert compare_treatments(fields) == []


def test_in_a_screen_every_compound_of_one_well_is_compared_with_the_control():
    fields = [field(f"A{n:02d}", 100 + n, drug="DMSO", batch="7") for n in range(1, 5)]
    fields += [field(f"B{n:02d}", 10 * n, drug=f"drug {n}", batch="7") for n in range(1, 13)]
    [comparison] = compare_treatments(fields, "dmso")
    assert [group.name for group in comparison.groups][:3] == ["DMSO", "drug 1", "drug 2"]
    assert len(comparison.groups) == 13
    assert compare_treatments(fields) == []


def test_wells_that_are_all_controls_are_compared_with_nothing():
    assert compare_treatments([field("A01", 1, drug="x"), field("A02", 2, drug="x")], "x") == []


def test_a_control_that_is_nowhere_is_refused():
    with pytest.raises(InputError, match="treated with 'water'; the wells are treated with 10, 2"):
        compare_treatments(screen(), "water")
    with pytest.raises(InputError, match="give --metadata"):
        compare_treatments([field("A01", 1)], "DMSO")


def test_the_report_draws_every_well_and_states_the_numbers(tmp_path):
    images = {
        f"{well}.tif": (some_centres(count, seed=count), {"plate": "P", "well": well})
        for well, count in (("A01", 40), ("A02", 50), ("B01", 10), ("B02", 14))
    }
    run = write_run(tmp_path, images)
    run.treat([{"well": well, "drug": "DMSO" if well[0] == "A" else "taxol <1>"}
               for well in ("A01", "A02", "B01", "B02")])  # fmt: skip
    write_report(run, tmp_path / "report.html", control="DMSO")
    page = (tmp_path / "report.html").read_text()
    section = page[page.index('<h2 id="treatments">') :]
    section = section[: section.index("</section>")]
    assert len(re.findall(r'<circle class="dot"', section)) == 4
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", section)
    at = cells.index("taxol &lt;1&gt;")
    assert cells[at + 1 : at + 3] == ["2", "12"]
    assert cells[at + 5 : at + 7] == ["26.7", "0.064"]
    assert "P B02: 14" in section


def treated_run(folder):
    counts = {"A01": 40, "A02": 50, "B01": 10, "B02": 14}
    images = {
        f"{well}.tif": (some_centres(count, seed=count), {"plate": "P", "well": well})
        for well, count in counts.items()
    }
    write_run(folder, images)
    map_of = folder / "map.csv"
    map_of.write_text("\n".join(["well,drug", *(f"{each},{each[0]}" for each in counts)]))
    return ["report", str(folder), "--metadata", str(map_of), "--control", "A"]


def test_without_scipy_treatments_are_shown_and_what_they_lack_is_said(tmp_path, monkeypatch):
    arguments = treated_run(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    done = CliRunner().invoke(_nucensus, arguments)
    assert done.exit_code == 0, done.output
    assert "Comparing treatments by intervals and tests needs scipy" in done.output
    page = (tmp_path / "report.html").read_text()
    assert "Intervals and p are left out" in page
    assert "with its 95 % confidence interval" not in page
    assert "<td>2</td><td>12</td><td>-</td>" in page


def test_without_treatments_scipy_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    write_run(tmp_path, {"a.tif": some_centres(3)})
    done = CliRunner().invoke(_nucensus, ["report", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "Note" not in done.output


def test_the_command_takes_a_control_and_a_plate_format(tmp_path):
    plate_run(tmp_path)
    run = CliRunner().invoke
    done = run(_nucensus, ["report", str(tmp_path), "--plate-format", "384"])
    assert done.exit_code == 0, done.output
    assert "of 384 wells" in (tmp_path / "report.html").read_text()
    done = run(_nucensus, ["report", str(tmp_path), "--control", "nothing"])
    assert isinstance(done.exception, InputError)


def counted(tmp_path, *options):
    for number, well in enumerate(("A01", "A02", "B01", "B02")):
        path = tmp_path / "in" / f"P_{well}_s1.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, make_field(number, shape=(200, 240), nuclei=9).image)
    lines = ["", "1", "2", "3"], ["A", "DMSO", "DMSO", ""], ["B", "taxol", "taxol", ""]
    (tmp_path / "map.csv").write_text("\n".join(map(",".join, lines)))
    arguments = ["detect", tmp_path / "in", "-o", tmp_path / "run", *options]
    return CliRunner().invoke(_nucensus, [*map(str, arguments), "--metadata", tmp_path / "map.csv"])


def test_one_command_counts_compares_the_treatments_and_writes_a_workbook(tmp_path):
    pytest.importorskip("openpyxl")
    done = counted(tmp_path, "--report", "--control", "dmso", "--xlsx")
    assert done.exit_code == 0, done.output
    assert "DMSO (control)" in (tmp_path / "run" / "report.html").read_text()
    assert (tmp_path / "run" / "wells.xlsx").stat().st_size > 0


def test_a_control_that_is_nowhere_is_refused_before_anything_is_counted(tmp_path):
    done = counted(tmp_path, "--report", "--control", "water")
    assert "the wells are treated with DMSO, taxol" in str(done.exception)
    assert not (tmp_path / "run").exists()
    assert "goes with --report" in counted(tmp_path, "--control", "DMSO").output
