"""The parts of a report: bins and ticks, the fields that are shown, pictures."""

import base64
import re

import imagecodecs
import numpy as np
import pytest
import tifffile

from nucensus import Settings, census
from nucensus.report.fields import Field, by_view
from nucensus.report.gallery import choose_fields, picture_of, stretch
from nucensus.report.histogram import Histogram, histograms, round_ticks
from nucensus.report.measured import histogram_of
from nucensus.report.reduced import reduced, reduced_in_parts
from nucensus.report.render import number
from nucensus.values.parts import Parts


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0, 10, 6, [0, 2, 4, 6, 8, 10]),
        (0, 1, 6, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (3, 47, 6, [10, 20, 30, 40]),
        (-50, 50, 6, [-40, -20, 0, 20, 40]),
        (0, 3, 3, [0, 1, 2, 3]),
        (0, 700, 3, [0, 500]),
        (1000, 1001, 6, [1000, 1000.2, 1000.4, 1000.6, 1000.8, 1001]),
    ],
)
def test_ticks_are_few_round_values_between_the_ends(low, high, most, ticks):
    assert round_ticks(low, high, most) == pytest.approx(ticks)


def test_values_are_counted_in_forty_bins_from_the_least_to_the_greatest():
    batches = [("a", [0, 1, 2]), ("b", [5.0]), ("a", [np.nan, np.inf, 40]), ("c", [np.nan])]
    found = histograms(lambda: batches)
    assert set(found) == {"a", "b"}
    a, b = found["a"], found["b"]
    assert (a.low, a.high, len(a.counts), a.total) == (0, 40, 40, 4)
    assert (a.counts[:3], a.counts[-1]) == ((1, 1, 1), 1)
    assert (b.low, b.high, b.total) == (4.5, 5.5, 1)
    assert histograms(lambda: batches, least=0)["b"].low == 0
    assert histograms(lambda: batches, least=100)["b"].low == 4.5


def test_values_of_more_batches_than_are_counted_at_once_are_all_counted(monkeypatch):
    batches = [("ab"[number % 2], [number, number + 0.5]) for number in range(100)]
    whole = histograms(lambda: batches)
    monkeypatch.setattr("nucensus.report.histogram._GATHERED", 7)
    assert histograms(lambda: batches) == whole
    assert [whole[view].total for view in "ab"] == [100, 100]


def test_places_and_edges_of_bins_lie_between_the_ends():
    histogram = Histogram(10, 30, (1, 0, 4, 2))
    assert [histogram.place(value) for value in (10, 15, 30)] == [0, 0.25, 1]
    assert [histogram.edge(index) for index in range(5)] == [10, 15, 20, 25, 30]
    assert histogram.count_ticks == [0, 2, 4]
    assert histogram.ticks == [10, 20, 30]


def field(name, count, *, flags=(), view="", status="found"):
    return Field(name, status, "", "", "", "", "", count, 10, 10, 100, 1.0, flags, view)


def test_fields_are_shown_once_the_worst_the_best_a_draw_and_the_flagged():
    fields = [field(f"{count}", count) for count in range(0, 100, 5)]
    fields += [field("odd", 50, flags=("blank",)), field("failed", 0, status="failed")]
    groups = {group.title: group for group in choose_fields(fields, each=2, flagged=5)}
    assert list(groups) == ["Best", "Worst", "Random", "Flagged"]
    assert {each.name for each in groups["Worst"].fields} == {"0", "95"}
    assert {each.name for each in groups["Best"].fields} == {"45", "50"}
    assert [each.name for each in groups["Flagged"].fields] == ["odd"]
    assert "closest to the median of 50 nuclei" in groups["Best"].reason
    shown = [each.name for group in groups.values() for each in group.fields]
    assert len(shown) == len(set(shown)) == 7
    assert "failed" not in shown


class Incomparable(Field):
    """A field that cannot be compared with others: to do so with each would be quadratic."""

    def __eq__(self, other):
        raise AssertionError(f"{self.name} was compared")

    __hash__ = None


def test_a_few_fields_are_all_shown_in_their_order():
    fields = [field(name, 3, flags=("sparse",) if name == "b" else ()) for name in "abc"]
    (group,) = choose_fields([*fields, field("d", 0, status="failed")], each=3, flagged=5)
    assert [each.name for each in group.fields] == ["a", "b", "c"]
    assert choose_fields([field("d", 0, status="failed")], each=3, flagged=5) == []


def test_fields_are_chosen_by_name_without_comparing_each_with_all():
    plain = [field(f"{count}", count) for count in range(30)]
    names = [
        each.name for group in choose_fields(plain, each=3, flagged=5) for each in group.fields
    ]
    odd = [
        Incomparable(each.name, "found", *[""] * 5, each.count, 10, 10, 100, 1.0, (), "")
        for each in plain
    ]
    groups = choose_fields(odd, each=3, flagged=5)
    assert [each.name for group in groups for each in group.fields] == names


def test_of_many_flagged_fields_some_are_shown_and_the_others_said():
    fields = [field(f"{k}", 5, flags=("sparse",)) for k in range(9)]
    *_, flagged = choose_fields(fields, each=2, flagged=4)
    assert len(flagged.fields) == 4
    assert "5 more are in the table" in flagged.reason
    (all_of_them,) = choose_fields(fields, each=2, flagged=9)
    assert "more" not in all_of_them.reason


def test_views_come_as_people_number_them():
    fields = [field("a", 1, view="z 10"), field("b", 1, view="z 9"), field("c", 1, view="z 10")]
    assert [(view, len(each)) for view, each in by_view(fields).items()] == [
        ("z 9", 1),
        ("z 10", 2),
    ]


def test_a_picture_is_the_mean_of_blocks_and_its_edge_is_repeated():
    image = np.arange(20, dtype=np.uint16).reshape(4, 5)
    assert reduced(image, 1).tolist() == image.tolist()
    halved = reduced(image, 2)
    assert halved.shape == (2, 3)
    assert halved[0].tolist() == [3, 5, 6.5]
    assert reduced(np.array([[np.nan, np.inf], [4.0, -np.inf]]), 2).tolist() == [[1]]


@pytest.mark.parametrize("step", [1, 4, 7])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_picture_of_an_image_in_parts_is_that_of_the_whole(step, dtype):
    image = np.random.default_rng(0).integers(0, 60_000, (56, 84)).astype(dtype)
    if dtype == "f4":
        image[3, 5] = np.nan
    parts = Parts(
        image.shape, image.dtype, (10, 12),
        lambda area: image[area.top : area.bottom, area.left : area.right],
    )  # fmt: skip
    found = reduced_in_parts(parts, step)
    np.testing.assert_allclose(found, reduced(image, step), rtol=1e-5)


def test_a_picture_goes_from_black_to_white_with_the_grey_levels_of_the_image():
    image = np.linspace(100, 1100, 1001, dtype=np.float32).reshape(7, 143)
    eight = stretch(image)
    assert (eight.min(), eight.max()) == (0, 255)
    assert eight.reshape(-1)[500] == pytest.approx(255 * (600 - 110) / 988, abs=1)
    assert not stretch(np.full((3, 3), 7, np.float32)).any()


@pytest.mark.parametrize(("shape", "step"), [((60, 90), 1), (((1024, 300), 1)), ((1030, 2060), 3)])
def test_the_picture_of_a_field_has_its_proportions_and_its_pixels(tmp_path, shape, step):
    y, x = np.indices(shape)
    image = (500 + 400 * np.sin(y / 40) + 300 * np.cos(x / 60)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image)
    with census(tmp_path / "a.tif", settings=Settings(threshold=5000)) as run:
        svg = picture_of(run, field("a.tif", 0))
    width, height, encoded = re.fullmatch(
        r'<image width="(\d+)" height="(\d+)" href="data:image/webp;base64,(.*)"/>', svg
    ).groups()
    grey = imagecodecs.webp_decode(base64.b64decode(encoded))[..., 0]
    expected = stretch(reduced(image, step))
    assert (int(height), int(width)) == (step * expected.shape[0], step * expected.shape[1])
    assert np.abs(grey.astype(float) - expected).mean() < 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (1234567, "1,234,567"), (0.12345, "0.123"), (99.94, "99.9"),
        (123.4, "123"), (np.nan, "-"), (np.inf, "infinite"), (-np.inf, "minus infinite"),
        (-250.6, "-251"), (-2.5, "-2.5"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(value, text):
    assert number(value) == text


def test_the_last_bars_of_what_was_measured_hold_what_is_beyond():
    values = np.append(np.arange(2000.0), 1e6)
    low, high = np.quantile(values, [0.002, 0.995])
    found = histogram_of(values, None)
    assert (found.low, found.high, len(found.counts)) == (low, high, 60)
    assert sum(found.counts) == 2001
    assert found.counts[-1] > found.counts[30]
    assert histogram_of(values, -50.0).low == -50
    assert histogram_of(values, 5000.0).high == 5000
    alike = histogram_of(np.full(9, 7.0), None)
    assert (alike.low, alike.high, sum(alike.counts)) == (6.5, 7.5, 9)
