"""What rows, columns and edges of a plate do, and the B-score without it."""

import re

import numpy as np
import pytest
from test_heatmap import drawn, field, places

from nucensus.report.effects import b_scores, describe_effects, median_polish
from nucensus.report.heatmap import metrics_of
from nucensus.report.plates import gather

RNG = np.random.default_rng(2)
NOISE = RNG.poisson(100, (8, 12)).astype(float)
ROWS = NOISE * np.linspace(0.7, 1.3, 8)[:, None]
EDGE = np.where(np.pad(np.zeros((6, 10), bool), 1, constant_values=True), 0.6, 1) * NOISE


def fields_of(values):
    return [
        field(f"{chr(65 + row)}{column + 1:02d}", round(value))
        for (row, column), value in np.ndenumerate(values)
        if np.isfinite(value)
    ]


def test_a_sum_of_rows_and_columns_is_parted_into_them():
    rows = np.array([3.0, -1, 0, 5, -7, 2])
    columns = np.array([2.0, 0, -4, 1, 9, -3, 4])
    polished = median_polish(100 + np.add.outer(rows, columns))
    assert polished.overall == pytest.approx(100 + 1 + 1)
    np.testing.assert_allclose(polished.rows, rows - np.median(rows), atol=1e-9)
    np.testing.assert_allclose(polished.columns, columns - np.median(columns), atol=1e-9)
    np.testing.assert_allclose(polished.residuals, 0, atol=1e-9)


def test_the_residuals_of_rows_and_columns_have_medians_of_0():
    polished = median_polish(ROWS)
    np.testing.assert_allclose(np.median(polished.residuals, axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(np.median(polished.residuals, axis=0), 0, atol=1e-3)


def test_the_b_score_finds_a_well_that_a_gradient_hides():
    values = ROWS.copy()
    values[0, 5] = 110  # in the palest row
    scores = b_scores(values)
    assert np.unravel_index(np.nanargmax(scores), scores.shape) == (0, 5)
    assert scores[0, 5] > 3
    assert np.unravel_index(np.nanargmax(values), values.shape) != (0, 5)


def test_b_scores_of_noise_are_those_of_a_normal_distribution():
    scores = b_scores(RNG.normal(100, 10, (16, 24)))
    assert np.median(scores) == pytest.approx(0, abs=0.2)
    assert np.percentile(np.abs(scores), 68) == pytest.approx(1, abs=0.2)


def test_wells_without_a_count_have_no_score_and_disturb_no_other():
    values = ROWS.copy()
    values[:, 0] = np.nan
    values[3, 4] = np.nan
    scores = b_scores(values)
    assert np.isnan(scores[values != values]).all()
    assert np.isfinite(scores[values == values]).all()


@pytest.mark.parametrize(
    "values",
    [np.ones((3, 12)), np.ones((8, 12)), NOISE[:, :3], NOISE.reshape(4, 24), NOISE.reshape(24, 4),
     NOISE[:6, :6]],
)  # fmt: skip
def test_too_few_or_all_the_same_wells_have_no_score(values):
    assert np.isnan(b_scores(values)).all()


def test_effects_are_told_and_chance_is_called_so():
    rows, columns, edge = describe_effects(ROWS)
    assert "(A)" in rows
    assert "(H)" in rows
    assert "no more" not in rows
    assert "no more than chance" in columns
    assert "no more than chance" in edge
    *_, edge = describe_effects(EDGE)
    percent = re.match(r"Wells at the edge have ([0-9.]+) % fewer nuclei per field than", edge)[1]
    assert float(percent) == pytest.approx(40, abs=6)
    assert "no more" not in edge
    said = describe_effects(NOISE)
    assert ["no more than chance" in each for each in said] == [True] * 3


def test_a_single_row_that_lacks_nuclei_is_an_effect_of_rows():
    values = NOISE.copy()
    values[3] *= 0.5
    rows, columns, _ = describe_effects(values)
    assert re.match(r"Rows differ in nuclei per field by -(4[5-9]|5[0-5])\.?\d* % \(D\) to", rows)
    assert rows.endswith(": more than chance.")
    assert columns.endswith(": no more than chance.")


def test_the_heat_map_offers_the_b_score_with_0_in_the_middle():
    [(heat_map, cells)] = drawn(*fields_of(ROWS))
    scale = heat_map.scales["b_score"]
    assert (scale.low, scale.high) == (-5, 5)
    assert 0 <= places(cells["A01"])["b_score"] <= 1
    plates = gather(fields_of(ROWS))
    assert list(metrics_of(plates))[-1] == "b_score"
    assert heat_map.effects[0].startswith("Rows differ")


def test_a_plate_of_a_few_wells_offers_none():
    plates = gather(fields_of(NOISE[:2, :3]))
    assert "b_score" not in metrics_of(plates)
    [(heat_map, _)] = drawn(*fields_of(NOISE[:2, :3]))
    assert heat_map.effects == []


@pytest.mark.parametrize(("slope", "is_told"), [(0.06, False), (0.09, True)])
def test_rows_differ_by_more_than_chance_from_five_standard_errors(slope, is_told):
    rows, *_ = describe_effects(NOISE * (1 + slope * np.linspace(-1, 1, 8)[:, None]))
    assert ("no more than chance" not in rows) == is_told


@pytest.mark.parametrize(("loss", "is_told"), [(0.1, False), (0.13, True)])
def test_the_edge_differs_by_more_than_chance_from_five_standard_errors(loss, is_told):
    at_edge = np.pad(np.zeros((6, 10), bool), 1, constant_values=True)
    *_, edge = describe_effects(NOISE * np.where(at_edge, 1 - loss, 1))
    assert ("no more than chance" not in edge) == is_told


@pytest.mark.parametrize(
    ("rows", "left_out", "are_scored"), [(6, 2, True), (6, 3, False), (5, 0, False)]
)
def test_forty_wells_in_six_rows_and_columns_have_scores(rows, left_out, are_scored):
    values = NOISE[:rows, : 42 // rows].copy()
    values.flat[:left_out] = np.nan
    assert np.isfinite(b_scores(values)).any() == are_scored
