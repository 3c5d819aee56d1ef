"""Shapley values."""

from itertools import permutations

import numpy as np
import pytest

from edgefuse.fusion.shapley import shapley, subsets, without


def by_definition(values: np.ndarray, count: int) -> np.ndarray:
    """The mean, over all orders of coming, of what each adds as it comes (Shapley 1953)."""
    orders = list(permutations(range(count)))
    added = np.zeros(count)
    for order in orders:
        row = 0
        for each in order:
            added[each] += values[row | 1 << each] - values[row]
            row |= 1 << each
    return added / len(orders)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_they_are_the_mean_over_all_orders(count: int) -> None:
    """And sum to the difference between everything and nothing."""
    values = np.random.default_rng(count).normal(size=2**count)
    got = shapley(values)
    np.testing.assert_allclose(got, by_definition(values, count), atol=1e-12)
    assert got.sum() == pytest.approx(values[-1] - values[0])


def test_a_modality_that_changes_nothing_gets_nothing() -> None:
    """The dummy axiom."""
    values = np.array([1.0, 3.0, 1.0, 3.0])
    assert shapley(values).tolist() == [2.0, 0.0]


def test_rows_are_subsets() -> None:
    """From the empty to the full one, one bit per modality."""
    assert subsets(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]


def test_without_each() -> None:
    """What everything but one says."""
    assert without(np.arange(8.0)).tolist() == [6.0, 5.0, 3.0]
