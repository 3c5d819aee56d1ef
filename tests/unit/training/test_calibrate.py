"""Temperatures per pattern."""

import numpy as np
import pytest

from edgefuse.training.calibrate import patterns, pooled, scaled, table, temperature


def test_temperature_undoes_exaggeration() -> None:
    """Log-probabilities that were made three times too sharp get a temperature of about three."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 3)) * 2
    p = scaled(logits, 1.0)
    labels = (p.cumsum(1) > rng.random((4000, 1))).argmax(1)
    assert temperature(np.log(scaled(logits, 1 / 3)), labels) == pytest.approx(3.0, rel=0.1)
    assert temperature(np.zeros((0, 3)), np.zeros(0, np.int64)) == 1.0


def test_patterns_begin_with_everything() -> None:
    """Up to five modalities every pattern but the empty one; beyond, those with few missing or few left."""
    assert patterns(2).tolist() == [[1, 1], [1, 0], [0, 1]]
    assert len(patterns(5)) == 31
    eight = patterns(8)
    assert eight[0].all()
    assert sorted(set(eight.sum(1))) == [1, 2, 6, 7, 8]


def test_table_has_a_temperature_for_every_pattern() -> None:
    """Those fitted are in their place, nothing present has 1, others take the mean of the nearest."""
    masks = patterns(3)
    got = table(masks, list(range(1, 8)))
    assert got[0] == 1
    assert got[0b111] == 1
    assert got[0b001] == 5
    some = np.float32([[1, 1, 1], [1, 0, 0]])
    assert table(some, [1.0, 4.0])[0b010] == pytest.approx(4.0)


def test_pool_is_the_mean_probability() -> None:
    """Members count by their probabilities, not by their logarithms."""
    members = np.log(np.array([[[0.8, 0.2]], [[0.4, 0.6]]]))
    assert np.exp(pooled(members)) == pytest.approx(np.array([[0.6, 0.4]]))


def test_few_samples_do_not_make_it_certain() -> None:
    """Twenty that are all right sharpen less than two thousand."""
    logits = np.tile([1.0, 0.0], (2000, 1))
    labels = np.zeros(2000, np.int64)
    assert temperature(logits, labels) < temperature(logits[:20], labels[:20]) < 1
    assert temperature(logits[:20], labels[:20]) > 0.3
