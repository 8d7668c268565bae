"""Distances between points are those that SciPy's k-d tree finds."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from nucensus.values.neighbours import nearest_distances, pairs_within


def drawn(kind, count, ndim):
    rng = np.random.default_rng(count * ndim)
    if kind == "anywhere":
        return rng.uniform(-500, 500, (count, ndim))
    if kind == "on a grid":  # many at equal distances, some at one place
        return rng.integers(0, 30, (count, ndim)).astype(float)
    if kind == "in a line":
        return np.column_stack([np.zeros((count, ndim - 1)), rng.uniform(0, 9, count)])
    return np.concatenate([rng.normal(0, 1, (count // 2, ndim)),
                           rng.normal(1e6, 1, (count - count // 2, ndim))])  # fmt: skip


KINDS = ("anywhere", "on a grid", "in a line", "in two clusters")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("count", [2, 40, 300, 301, 2000])
def test_the_nearest_neighbour_is_as_far_as_scipy_says(kind, ndim, count):
    points = drawn(kind, count, ndim)
    expected = cKDTree(points).query(points, k=2)[0][:, 1]
    np.testing.assert_allclose(nearest_distances(points), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_a_point_that_is_alone_has_no_neighbour(count):
    assert nearest_distances(np.zeros((count, 2))).tolist() == [np.inf] * count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("radius", [0.0, 0.5, 3, 40])
@pytest.mark.parametrize("count", [60, 150])
def test_pairs_within_a_radius_are_those_of_scipy_the_closest_first(kind, ndim, radius, count):
    a, b = drawn(kind, count, ndim), drawn(kind, 220, ndim)[: count + 50]
    in_a, in_b, distance = pairs_within(a, b, radius)
    near = cKDTree(a).query_ball_tree(cKDTree(b), radius)
    assert {*zip(in_a.tolist(), in_b.tolist(), strict=True)} == {
        (one, other) for one, others in enumerate(near) for other in others
    }
    assert len(in_a) == sum(map(len, near))  # each once
    np.testing.assert_allclose(distance, np.linalg.norm(a[in_a] - b[in_b], axis=1))
    order = [*zip(distance.tolist(), in_a.tolist(), in_b.tolist(), strict=True)]
    assert order == sorted(order)


def test_points_at_just_the_radius_are_a_pair_and_those_beyond_are_none():
    a = np.array([[0.0, 0.0]])
    b = np.array([[3.0, 4.0], [0.0, 5.0 + 1e-6], [-5.0, 0.0]])
    assert pairs_within(a, b, 5)[1].tolist() == [0, 2]
    assert [len(each) for each in pairs_within(a, b[:0], 5)] == [0, 0, 0]
    assert [len(each) for each in pairs_within(a[:0], b, 5)] == [0, 0, 0]
