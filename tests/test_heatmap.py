"""What the cells of a heat map show: colours, scales, flags, and what stands out."""

import numpy as np
import pytest

from nucensus.report.fields import Field
from nucensus.report.heatmap import METRICS, draw_plates
from nucensus.report.plates import gather

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


def test_a_colour_scale_goes_from_the_5th_to_the_95th_percentile_of_the_wells():
    counts = range(0, 110, 10)
    fields = [field(f"A{column:02d}", count) for column, count in enumerate(counts, 1)]
    [(heat_map, cells)] = drawn(*fields)
    scale = heat_map.scales["count"]
    assert (scale.low, scale.high, scale.unit) == (5, 95, "nuclei")
    assert [places(cells[f"A{column:02d}"])["count"] for column in (1, 2, 6, 10, 11)] == [
        0, pytest.approx(5 / 90, abs=1e-3), 0.5, pytest.approx(85 / 90, abs=1e-3), 1
    ]  # fmt: skip


def test_density_is_in_nuclei_per_megapixel_and_intensity_that_of_nuclei():
    [(heat_map, cells)] = drawn(
        field("A01", 30, intensity=200.0), field("A01", 10, intensity=100.0, site=2),
        field("A02", 5, intensity=300.0), field("A03", 0),
    )  # fmt: skip
    assert cells["A01"].texts == {"count": "40", "density": "40", "intensity": "175", "flags": "0"}
    assert cells["A02"].texts["density"] == "10"
    assert cells["A03"].texts["intensity"] == "-"
    assert places(cells["A03"])["intensity"] == 0
    assert {name: scale.unit for name, scale in heat_map.scales.items()} == {
        "count": "nuclei", "density": "nuclei per megapixel",
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
    assert cells["B02"].label.startswith("B02: 20 nuclei in 1 of 2 fields; 40 per megapixel")
    assert heat_map.scales["count"].low >= 10  # a failed well is not one of 0 nuclei
    assert heat_map.imaged == 4


def test_plates_share_a_scale_and_channels_do_not():
    fields = [
        field("A01", count, plate=plate, view=view)
        for plate, view, count in (("P", "GFP", 10), ("Q", "GFP", 90), ("P", "DAPI", 500))
    ]
    maps = {(each.name, each.view): (each, cells) for each, cells in drawn(*fields)}
    assert maps["P", "GFP"][0].scales == maps["Q", "GFP"][0].scales
    assert places(maps["P", "GFP"][1]["A01"])["count"] == 0
    assert places(maps["Q", "GFP"][1]["A01"])["count"] == 1
    assert maps["P", "DAPI"][0].scales["count"].low == 500


def test_a_scale_of_one_value_colours_nothing():
    [(_, cells)] = drawn(field("A01", 7), field("A02", 7))
    assert places(cells["A01"]) == dict.fromkeys(METRICS, 0)


def test_a_well_stands_out_by_the_metrics_in_which_it_does():
    usual = [field(f"A{column:02d}", 50 + column, intensity=100.0 + column)
             for column in range(1, 12)]  # fmt: skip
    [(_, cells)] = drawn(*usual, field("A12", 56, intensity=900.0), field("B01", 200))
    assert cells["A12"].outlier == "intensity"
    assert "stands out by intensity (robust z " in cells["A12"].label
    assert cells["B01"].outlier == "count density"
    assert cells["A06"].outlier == ""


def test_of_seven_wells_none_stands_out():
    [(_, cells)] = drawn(*(field(f"A{k:02d}", 50 + k) for k in range(1, 7)), field("A07", 900))
    assert cells["A07"].outlier == ""
    [(_, cells)] = drawn(*(field(f"A{k:02d}", 50 + k) for k in range(1, 8)), field("A08", 900))
    assert cells["A08"].outlier == "count density"
