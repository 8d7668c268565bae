"""What the cells of a heat map show: colours, scales, flags, and what stands out."""

import dataclasses
import re

import numpy as np
import pytest

from nucensus.errors import InputError
from nucensus.report.fields import Field
from nucensus.report.heatmap import METRICS, draw_plates, notes_on
from nucensus.report.plates import PLATE_FORMATS, gather

AREA_PX = 500_000


def field(well, count=0, *, intensity=100.0, flags=(), status="found", plate="P", view="", site=1):
    found = status == "found"
    return Field(
        f"{well}_{site}", status, "", "", plate, well, str(site), count if found else 0,
        1000, 500, AREA_PX if found else 0, intensity if count and found else np.nan, flags, view,
    )  # fmt: skip


def drawn(*fields):
    """Return the heat maps, each with its cells by the name of the well."""
    maps = draw_plates(gather(fields))
    return [(each, {cell.name: cell for _, row in each.rows for cell in row}) for each in maps]


def places(cell):
    """Return where a cell is on the colour scale of each metric."""
    return {name[2:]: float(place) for name, place in
            (each.split(":") for each in cell.style.split(";"))}  # fmt: skip


def test_a_colour_scale_begins_at_0_and_ends_at_the_highest_well():
    counts = range(20, 130, 10)
    fields = [field(f"A{column:02d}", count) for column, count in enumerate(counts, 1)]
    [(heat_map, cells)] = drawn(*fields)
    for metric in ("per_field", "count"):
        assert (heat_map.scales[metric].low, heat_map.scales[metric].high) == (0, 120)
        assert [places(cells[f"A{column:02d}"])[metric] for column in (1, 5, 11)] == [
            pytest.approx(each / 120, abs=1e-3) for each in (20, 60, 120)
        ]


def test_a_scale_is_not_stretched_by_a_well_far_above_all_others():
    fields = [field(f"A{column:02d}", 100) for column in range(1, 13)]
    fields += [field(f"B{column:02d}", 100) for column in range(1, 12)]
    [(heat_map, cells)] = drawn(*fields, field("B12", 9000))
    assert heat_map.scales["per_field"].high == pytest.approx(100, rel=0.01)
    assert places(cells["B12"])["per_field"] == 1


def test_fields_are_not_added_up_unless_that_is_asked_for():
    [(_, cells)] = drawn(
        field("A01", 30), field("A01", 10, site=2), field("A02", 25),
        field("A03", 20), field("A03", status="failed", site=2),
    )  # fmt: skip
    assert [cells[name].texts["per_field"] for name in ("A01", "A02", "A03")] == ["20", "25", "20"]
    assert [cells[name].texts["count"] for name in ("A01", "A02", "A03")] == ["40", "25", "20"]


def notes(*fields):
    return notes_on(gather(fields))[""]


def test_unequal_numbers_of_fields_are_said():
    said = notes(field("A01", 5), field("A01", 5, site=2), field("A02", 5))
    assert said == ["Wells have 1 to 2 fields that were done: compare nuclei per field, not nuclei "
                    "in all."]  # fmt: skip
    assert notes(field("A01", 5), field("A02", 5)) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("each", [1, 4])
def test_a_plate_of_pure_noise_is_called_so_and_one_that_differs_is_not(seed, each):
    random = np.random.default_rng(seed)
    wells = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]

    def plate(density):
        return [
            field(well, int(random.poisson(density[at])), site=site)
            for at, well in enumerate(wells) for site in range(each)
        ]  # fmt: skip

    [said] = notes(*plate(np.full(384, 50.0)))
    assert said.startswith("In counts, wells differ no more than by chance")
    percent = int(re.search(r"up to (\d+) %", said)[1])
    assert percent == pytest.approx(196 / (50 * each) ** 0.5, abs=1)
    [said] = notes(*plate(np.where(np.arange(384) % 2, 30.0, 70.0)))
    assert re.match(r"In counts, wells differ [2-9][.0-9]* times as much as by chance", said)


def test_of_positive_nuclei_it_is_said_apart_whether_wells_differ_by_more_than_chance():
    wells = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]
    random = np.random.default_rng(0)

    def plate(shares):
        return [
            dataclasses.replace(field(well, 50), judged=50, positive=int(random.binomial(50, of)))
            for well, of in zip(wells, shares, strict=True)
        ]  # fmt: skip

    alike, counts = notes(*plate([0.3] * 24))
    assert alike.startswith(
        "In percentages of positive nuclei, wells differ no more than by chance"
    )
    assert re.search(r"up to 1[23] percentage points around the mean of (2[789]|3[0-3]) %", alike)
    apart, counts = notes(*plate(np.tile(np.linspace(0.05, 0.8, 6), 4)))
    assert re.match(r"In percentages of positive nuclei, wells differ [3-9][.\d]* times", apart)
    assert counts.startswith("In counts, wells differ no more than by chance")
    assert len(notes(*plate([0.0] * 24))) == 1


def test_density_is_in_nuclei_per_megapixel_and_intensity_that_of_nuclei():
    [(heat_map, cells)] = drawn(
        field("A01", 30, intensity=200.0), field("A01", 10, intensity=100.0, site=2),
        field("A02", 5, intensity=300.0), field("A03", 0),
    )  # fmt: skip
    assert cells["A01"].texts == {
        "per_field": "20",
        "count": "40",
        "density": "40",
        "intensity": "175",
        "flags": "0",
    }
    assert cells["A02"].texts["density"] == "10"
    assert cells["A03"].texts["intensity"] == "-"
    assert places(cells["A03"])["intensity"] == 0
    assert {name: scale.unit for name, scale in heat_map.scales.items()} == {
        "per_field": "nuclei per field", "count": "nuclei in all fields of a well",
        "density": "nuclei per megapixel",
        "intensity": "mean smoothed grey level of the nuclei",
        "flags": "fields that were flagged or failed",
    }  # fmt: skip


def test_flags_are_coloured_from_none_to_the_most_in_a_well():
    [(heat_map, cells)] = drawn(
        field("A01", 9, flags=("blank",)), field("A01", 9, flags=("sparse", "odd"), site=2),
        field("A01", status="failed", site=3), field("A01", 9, site=4),
        field("A02", 9, flags=("blank",)), field("A03", 9), field("A04", 9), field("A05", 9),
    )  # fmt: skip
    assert (heat_map.scales["flags"].low, heat_map.scales["flags"].high) == (0, 3)
    assert [places(cells[well])["flags"] for well in ("A01", "A02", "A03")] == [1, 0.333, 0]
    assert "3 flagged or failed" in cells["A01"].label
    assert "flagged" not in cells["A03"].label


def test_wells_without_an_image_that_was_done_have_no_colour():
    [(heat_map, cells)] = drawn(
        field("A01", 10), field("A02", 30), field("B01", status="failed"),
        field("B02", 20), field("B02", status="failed", site=2),
    )  # fmt: skip
    states = {name: cells[name].state for name in ("A01", "A03", "B01", "B02")}
    assert states == {"A01": "whole", "A03": "missing", "B01": "failed", "B02": "part"}
    for name in ("A03", "B01"):
        assert (cells[name].style, cells[name].texts, cells[name].outlier) == ("", {}, "")
    assert cells["B01"].label == "B01: failed, none of 1 images could be done"
    assert cells["A03"].label == "A03: no image"
    assert cells["B02"].label.startswith(
        "B02: 20 nuclei per field; 20 in 1 of 2 fields; 40 per megapixel"
    )
    assert heat_map.imaged == 4


def test_plates_share_a_scale_and_channels_do_not():
    fields = [
        field("A01", count, plate=plate, view=view)
        for plate, view, count in (("P", "GFP", 10), ("Q", "GFP", 90), ("P", "DAPI", 500))
    ]
    maps = {(each.name, each.view): (each, cells) for each, cells in drawn(*fields)}
    assert maps["P", "GFP"][0].scales == maps["Q", "GFP"][0].scales
    assert places(maps["P", "GFP"][1]["A01"])["count"] == pytest.approx(10 / 90, abs=1e-3)
    assert places(maps["Q", "GFP"][1]["A01"])["count"] == 1
    assert maps["P", "DAPI"][0].scales["count"].high == 500


def test_a_scale_of_nothing_colours_nothing():
    [(_, cells)] = drawn(field("A01", 0), field("A02", 0))
    assert places(cells["A01"]) == dict.fromkeys(METRICS, 0)


def test_a_well_stands_out_by_the_metrics_in_which_it_does():
    usual = [field(f"A{column:02d}", 50 + column, intensity=100.0 + column)
             for column in range(1, 12)]  # fmt: skip
    [(_, cells)] = drawn(*usual, field("A12", 56, intensity=900.0), field("B01", 200))
    assert cells["A12"].outlier == "intensity"
    assert "stands out by intensity (robust z " in cells["A12"].label
    assert cells["B01"].outlier == "per_field density"
    assert cells["A06"].outlier == ""


def test_of_seven_wells_none_stands_out():
    [(_, cells)] = drawn(*(field(f"A{k:02d}", 50 + k) for k in range(1, 7)), field("A07", 900))
    assert cells["A07"].outlier == ""
    [(_, cells)] = drawn(*(field(f"A{k:02d}", 50 + k) for k in range(1, 8)), field("A08", 900))
    assert cells["A08"].outlier == "per_field density"


def test_a_plate_can_be_drawn_in_a_format_that_holds_it():
    fields = [field("A01", 5), field("H12", 5)]
    sizes = {wells: (plate.rows, plate.columns)
             for wells in (None, 96, 384, 1536) for plate in gather(fields, wells)}  # fmt: skip
    assert sizes == {None: (8, 12), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}
    small = [field("A01", 5), field("B03", 5)]
    assert [plate.rows * plate.columns for wells in PLATE_FORMATS
            for plate in gather(small, wells)] == list(PLATE_FORMATS)  # fmt: skip
    for wells in (24, 100):
        with pytest.raises(InputError, match=f"a plate of {wells} wells .* reach to H12"):
            gather(fields, wells)
