"""Figures of classifiers against hand-worked values and scikit-learn."""

import numpy as np
import pytest

from edgefuse.evaluation import metrics


def drawn(n: int = 300, classes: int = 4, seed: int = 3) -> tuple[metrics.Labels, metrics.Probability]:
    """Labels and probabilities that have to do with each other."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels, np.round(probability, 2) / np.round(probability, 2).sum(1, keepdims=True)


def test_figures_are_those_of_scikit_learn() -> None:
    """Accuracy, macro precision, recall, F1 and one-vs-rest AUC with ties equal scikit-learn's."""
    sk = pytest.importorskip("sklearn.metrics")
    labels, probability = drawn()
    guesses = probability.argmax(1)
    got = metrics.summary(labels, probability)
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(labels, guesses))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, guesses, average="macro")
    assert (got["precision"], got["recall"], got["macro_f1"]) == pytest.approx((precision, recall, f1))
    assert got["auc"] == pytest.approx(sk.roc_auc_score(labels, probability, multi_class="ovr"))
    assert metrics.log_loss(labels, probability + 1e-9) == pytest.approx(
        sk.log_loss(labels, (probability + 1e-9) / (probability + 1e-9).sum(1, keepdims=True)), abs=1e-6
    )
    false, true = metrics.roc(labels == 1, probability[:, 1])
    want_false, want_true, _ = sk.roc_curve(labels == 1, probability[:, 1], drop_intermediate=False)
    assert (false, true) == (pytest.approx(want_false), pytest.approx(want_true))


def test_macro_f1_counts_a_guessed_class_that_never_occurs() -> None:
    """A class that is guessed and never true pulls the mean down; one that is neither does not, as in scikit-learn."""
    sk = pytest.importorskip("sklearn.metrics")
    labels, guesses = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    _, _, f1 = metrics.precision_recall_f1(metrics.confusion(labels, guesses, 5))
    assert f1 == pytest.approx(sk.f1_score(labels, guesses, average="macro"))


def test_an_absent_class_does_not_spoil_the_auc() -> None:
    """Classes without a sample are left out of the mean; with one class alone there is no area."""
    labels, probability = drawn()
    some = labels != 2
    areas = [metrics.auc_of(labels[some] == each, probability[some, each]) for each in (0, 1, 3)]
    assert metrics.auc(labels[some], probability[some]) == pytest.approx(np.mean(areas))
    assert np.isnan(metrics.auc(labels[labels == 1], probability[labels == 1]))


def test_area_of_hand_worked_ranks() -> None:
    """Two positives, two negatives, one tie: (1 + 1 + 1/2 + 1) / 4."""
    positive = np.array([True, True, False, False])
    assert metrics.auc_of(positive, np.array([0.9, 0.5, 0.5, 0.1])) == pytest.approx(3.5 / 4)


def test_calibration_error_of_hand_worked_bins() -> None:
    """Three samples at .9 of which two are right, one at .6 that is right: (3 |2/3 - .9| + |1 - .6|) / 4."""
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    labels = np.array([0, 0, 1, 1])
    assert metrics.ece(labels, probability) == pytest.approx((3 * abs(2 / 3 - 0.9) + 0.4) / 4)
    assert metrics.brier(labels, probability) == pytest.approx((0.02 + 0.02 + 1.62 + 0.32) / 4)
    confidence, hit, share = metrics.reliability(labels, probability)
    assert (np.nansum(confidence), np.nansum(hit), share.sum()) == pytest.approx((1.5, 5 / 3, 1))


def test_certainty_falls_into_the_last_bin() -> None:
    """Confidence 1 is in the last bin, and perfect predictions have no calibration error."""
    assert metrics.ece(np.array([0, 1]), np.eye(2)) == 0
    assert metrics.reliability(np.array([0, 1]), np.eye(2))[2][-1] == 1


def test_operating_points_trade_recall_for_precision() -> None:
    """Thresholds ascend, recall falls with them, and each point is what counting gives."""
    positive = np.array([True, True, False, True, False])
    score = np.array([0.92, 0.62, 0.52, 0.32, 0.12])
    points = metrics.operating_points(positive, score, most=9)
    assert [threshold for threshold, _, _ in points] == pytest.approx(np.arange(1, 10) / 10)
    assert points[5][1:] == pytest.approx((1, 2 / 3))
    assert points[4][1:] == pytest.approx((2 / 3, 2 / 3))
    assert metrics.operating_points(np.zeros(3, bool), np.ones(3)) == []


def test_intervals_come_from_groups() -> None:
    """Samples that only repeat their group do not narrow the interval, and both bootstraps agree."""
    rng = np.random.default_rng(0)
    per_group = rng.random(8)
    groups = np.array([f"g{i}" for i in range(8)])
    few = metrics.interval_of_mean(per_group, groups)
    many = metrics.interval_of_mean(np.repeat(per_group, 50), np.repeat(groups, 50))
    assert few == pytest.approx(many)
    assert few[0] < per_group.mean() < few[1]
    assert metrics.interval(lambda index: float(per_group[index].mean()), groups) == pytest.approx(few)


def test_interval_of_f1_is_that_of_the_statistic() -> None:
    """Summed confusion matrices of groups give what drawing their samples gives."""
    labels, probability = drawn(120)
    guesses, groups = probability.argmax(1), np.array([f"g{i % 7}" for i in range(120)])

    def statistic(index: np.ndarray[tuple[int], np.dtype[np.intp]]) -> float:
        return metrics.precision_recall_f1(metrics.confusion(labels[index], guesses[index], 4))[2]

    assert metrics.interval_of_macro_f1(labels, guesses, groups, 4) == pytest.approx(
        metrics.interval(statistic, groups)
    )


def test_what_cannot_be_known_is_nan() -> None:
    """No samples, one group: NaN instead of a number that means nothing."""
    none, nothing = np.zeros(0, np.int64), np.zeros((0, 3))
    assert all(np.isnan(value) for value in metrics.summary(none, nothing).values())
    assert all(np.isnan(metrics.interval_of_mean(np.ones(4), np.array(["a"] * 4))))
    assert all(np.isnan(metrics.interval(lambda _: 1.0, np.array(["a"] * 4))))
