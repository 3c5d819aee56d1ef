from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import load


def write(folder: Path, **changed: object) -> Path:
    """Three sequences of 5, 3 and 1 s."""
    lengths = np.array([250, 150, 50])
    x = np.random.default_rng(0).normal(size=(450, 6)).astype(np.float32)
    arrays = {
        "X": x,
        "lengths": lengths,
        "y": np.array([1, 0, 1]),
        "y_labels": np.array(["ABD", "XYZ"]),
        "subject": np.array([4, 5, 4]),
        "side": np.array([0.0, 1.0, 0.0]),
        "X_labels": np.array(["ax", "ay", "az", "wx", "wy", "wz"]),
    }
    arrays.update(changed)  # type: ignore[arg-type]
    np.savez(folder / "watch.npz", **arrays)
    return folder


def test_windows_belong_to_one_sequence_and_one_subject(tmp_path: Path) -> None:
    """Windows overlap, never reach over the end of a sequence, and a short sequence is filled up with NaN."""
    corpus = load("watch_imu", write(tmp_path), {"seconds": 2, "step": 1, "mirror": False})
    assert corpus.extra["sequence"].tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert corpus.groups.tolist() == ["4"] * 4 + ["5"] * 2 + ["4"]
    assert corpus.labels.tolist() == [1] * 4 + [0] * 2 + [1]
    assert corpus.classes == ("abduction", "XYZ")
    x = np.load(tmp_path / "watch.npz")["X"]
    for name, columns in (("accelerometer", slice(0, 3)), ("gyroscope", slice(3, 6))):
        data = corpus.raws[name].data
        assert data.shape == (7, 100, 3)
        assert np.array_equal(data[1], x[50:150, columns])
        assert np.isnan(data[6, 50:]).all()
        assert np.isfinite(data[:6]).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"X": np.zeros((449, 6))}, "X has 449 rows"),
        ({"X": np.zeros((450, 5))}, "X has shape"),
        ({"lengths": np.array([], int), "X": np.zeros((0, 6)), "y": np.array([], int)}, "0 lengths"),
        ({"lengths": np.array([500, -100, 50])}, "at least 1"),
        ({"lengths": np.array(["a", "b", "c"])}, "lengths: expected whole numbers"),
        ({"y": np.array(["PEN", "ABD", "IR"])}, "y: expected whole numbers"),
        ({"y": np.array([0, 1, 2])}, "from 0 to 2"),
        ({"side": np.zeros(2)}, "side has shape"),
    ],
)
def test_another_layout_is_named(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    """Arrays that do not fit each other raise ConfigError."""
    with pytest.raises(ConfigError, match=said):
        load("watch_imu", write(tmp_path, **changed), {})


@pytest.mark.parametrize("options", [{"seconds": 0}, {"second": 3}])
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    """Windows have a length, and options have the names that are known."""
    with pytest.raises(ConfigError, match="watch_imu"):
        load("watch_imu", write(tmp_path), options)


def test_the_left_arm_is_mirrored(tmp_path: Path) -> None:
    """Side 0 has acceleration along the arm turned round, and turning about the two other axes; side 1 stays."""
    plain, mirrored = (load("watch_imu", write(tmp_path), {"mirror": mirror}) for mirror in (False, True))
    left = plain.groups == "4"
    for name, signs in (("accelerometer", [-1, 1, 1]), ("gyroscope", [1, -1, -1])):
        before, after = plain.raws[name].data, mirrored.raws[name].data
        assert np.array_equal(after[left], before[left] * np.array(signs, np.float32), equal_nan=True)
        assert np.array_equal(after[~left], before[~left], equal_nan=True)
