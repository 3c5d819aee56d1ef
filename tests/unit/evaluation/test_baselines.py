"""What a fused model has to beat."""

import numpy as np
import pytest

from edgefuse.evaluation.baselines import log_odds


def test_two_that_agree_are_surer_than_each() -> None:
    """By hand: odds of 4 and 4 over an even prior make 16."""
    logs = np.log([[0.8, 0.2]])
    here = np.array([True])
    said = log_odds({"a": logs, "b": logs}, {"a": here, "b": here}, np.array([0.5, 0.5]))
    assert said == pytest.approx(np.array([[16 / 17, 1 / 17]]), abs=1e-6)


def test_a_class_that_there_was_none_of_stays_at_nothing() -> None:
    """Its prior is 0: no warning, no NaN, and the others as if it did not exist."""
    logs = np.log([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    here = np.array([True, True])
    said = log_odds({"a": logs, "b": logs}, {"a": here, "b": here}, np.array([0.5, 0.5, 0.0]))
    assert said == pytest.approx(np.array([[0.8, 0.2, 0], [0.5, 0.5, 0]]), abs=1e-6)
    assert log_odds({"a": logs}, {"a": ~here}, np.array([0.5, 0.5, 0.0])).tolist() == [[0.5, 0.5, 0]] * 2
