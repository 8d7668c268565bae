"""Plates beside each other in the report: treatments on each plate, and the plates in numbers."""

import math
import re

import pytest
from stated_runs import some_centres, write_run
from test_treatments import field

from nucensus.report import write_report
from nucensus.report.over_plates import over_plates, rows_of_plates
from nucensus.report.plates import gather
from nucensus.report.treatments import compare_treatments

COUNTS = {"P": (100, 50), "Q": (1000, 400), "R": (10, 6)}
"""Nuclei in the wells of a control and of a drug, on three plates."""


def screen(counts=COUNTS, view=""):
    return [
        field(f"{row}{column:02d}", count + step, plate=plate, view=view, drug=drug)
        for plate, its in counts.items()
        for row, drug, count in zip("AB", ("DMSO", "taxol"), its, strict=True)
        for column, step in ((1, -2), (2, 2))
    ]


def test_each_plate_is_normalised_to_its_own_controls_and_plates_are_the_samples():
    [comparison] = compare_treatments(screen(), "DMSO")
    seen = over_plates(comparison)
    assert seen.plates == ("P", "Q", "R")
    control, drug = seen.groups
    assert (control.name, control.is_control, control.mean) == ("DMSO", True, 100)
    assert math.isnan(control.high)
    assert [lane.mean for lane in drug.lanes] == pytest.approx([50, 40, 60])
    assert drug.mean == pytest.approx(50)
    half = 4.302652729749462 * 10 / math.sqrt(3)
    assert (drug.low, drug.high) == pytest.approx((50 - half, 50 + half))
    assert drug.p == pytest.approx(0.0130725, rel=1e-4)  # of t = 50 / (10 / sqrt 3), 2 degrees
    assert math.isnan(control.p)
    assert [value for _, value in drug.lanes[0].wells] == pytest.approx([48, 52])


def test_without_a_control_plates_are_compared_by_nuclei_per_field():
    seen = over_plates(*compare_treatments(screen()))
    assert seen.unit == "nuclei per field"
    assert [lane.mean for lane in seen.groups[1].lanes] == [50, 400, 6]


def test_one_plate_is_set_beside_none():
    assert over_plates(*compare_treatments(screen({"P": (100, 50)}), "DMSO")) is None


def test_plates_without_a_control_are_named_and_left_out():
    alone = [field(f"B{n:02d}", 5, plate="S", drug="taxol") for n in (1, 2)]
    [comparison] = compare_treatments([*screen(), *alone], "DMSO")
    assert comparison.without_control == ["S"]
    seen = over_plates(comparison)
    assert seen.plates == ("P", "Q", "R")
    assert "S" not in {well.plate for lane in seen.groups[1].lanes for well, _ in lane.wells}


def test_a_treatment_that_a_plate_lacks_has_no_value_there():
    fields = [each for each in screen() if (each.plate, each.well[0]) != ("Q", "B")]
    _, drug = over_plates(*compare_treatments(fields, "DMSO")).groups
    assert [math.isnan(lane.mean) for lane in drug.lanes] == [False, True, False]
    assert drug.mean == pytest.approx(55)


def test_of_hundreds_of_treatments_the_control_and_the_most_unlike_are_drawn():
    fields = [
        field(f"{row}{column:02d}", count, plate=plate, drug=drug)
        for plate in ("P", "Q")
        for row, column, drug, count in [
            ("A", 1, "DMSO", 100), ("A", 2, "DMSO", 100), ("A", 3, "toxic", 1),
            *(("BCDEFGH"[n // 12], n % 12 + 1, f"drug {n}", 100 + n % 5) for n in range(80)),
        ]
    ]  # fmt: skip
    [comparison] = compare_treatments(fields, "DMSO")
    assert len(comparison.groups) == 82
    names = [group.name for group in comparison.shown]
    assert len(names) == 60
    assert {"DMSO", "toxic"} <= set(names)
    assert "drug 0" not in names
    assert [group.name for group in over_plates(comparison).groups] == names


def test_wide_intervals_of_two_plates_do_not_press_the_dots_together():
    counts = {"P": (100, 50), "Q": (100, 90)}
    drug = over_plates(*compare_treatments(screen(counts), "DMSO"))
    assert drug.groups[1].high > 300
    assert drug.axis.most < 130
    assert drug.axis.place(drug.groups[1].high) == drug.axis.place(drug.axis.most)


def test_plates_are_summarised_with_their_controls():
    fields = [*screen(), field("C01", 0, plate="P", status="failed", drug="taxol")]
    rows = rows_of_plates(gather(fields), "dmso")
    assert [(row.plate.name, row.wells, row.failed, row.controls) for row in rows] == [
        ("P", 5, 1, 2), ("Q", 4, 0, 2), ("R", 4, 0, 2)
    ]  # fmt: skip
    assert [row.median for row in rows] == [75, 700, 8]
    assert rows[0].control_mean == 100
    assert rows[0].control_cv == pytest.approx(100 * 8**0.5 / 100)


def report(folder, *, plates=("P", "Q", "R"), **asked):
    images = {
        f"{plate}_{well}.tif": (some_centres(count, seed=count), {"plate": plate, "well": well})
        for number, plate in enumerate(plates, 1)
        for well, count in (("A01", 40), ("A02", 44), ("B01", 10 + number), ("B02", 12 + number))
    }
    run = write_run(folder, images)
    run.treat([{"well": well, "drug": "DMSO" if well[0] == "A" else "taxol"}
               for well in ("A01", "A02", "B01", "B02")])  # fmt: skip
    write_report(run, folder / "report.html", **asked)
    return (folder / "report.html").read_text()


def test_the_report_sets_plates_beside_each_other(tmp_path):
    page = report(tmp_path, control="DMSO")
    assert "drug over 3 plates" in page
    figure = page[page.index("drug over 3 plates") :]
    drawing = figure[: figure.index("</svg>")]
    assert re.findall(r'<text x="18"[^>]*>(\w)</text>', drawing) == ["P", "Q", "R"]
    section = page[page.index('<h2 id="plates">') :]
    rows = re.findall(r'<tr class="[^"]*"><th scope="row">(\w)</th>(.*?)</tr>', section)
    assert [name for name, _ in rows] == ["P", "Q", "R"]
    assert re.findall("<td>([^<]*)</td>", rows[0][1]) == ["4", "0", "0", "26.5", "2", "42", "6.73"]
    assert section.count('<div class="plates">') == 1


def test_a_report_of_one_plate_sets_none_beside_it(tmp_path):
    page = report(tmp_path, plates=("P",), control="DMSO")
    assert "over 3 plates" not in page
    assert "Numbers of the plates" not in page
