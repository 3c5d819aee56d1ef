import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import load


def write(file: Path, **changed: object) -> Path:
    """Three clips of unequal length; `changed` replaces arrays, None leaves one out."""
    skeleton_steps, inertial_steps = np.array([3, 5, 4], np.int16), np.array([6, 10, 8], np.int16)
    arrays = {
        "depth": np.zeros((3, 16, 6, 8), np.uint8),
        "skeleton": np.arange(12 * 60, dtype=np.float32).reshape(12, 20, 3),
        "skel_len": skeleton_steps,
        "imu": np.arange(24 * 6, dtype=np.float32).reshape(24, 6),
        "imu_len": inertial_steps,
        "action": np.array([1, 27, 2], np.int16),
        "subject": np.array([8, 6, 8], np.int16),
        "trial": np.array([1, 1, 1], np.int16),
    }
    arrays.update(changed)  # type: ignore[arg-type]
    np.savez(file, **{name: values for name, values in arrays.items() if values is not None})
    return file


@pytest.mark.parametrize("given", ["root", "root/utd_mhad", "root/utd_mhad/other_subjects.npz"])
def test_clips_are_found_cut_and_grouped_by_subject(tmp_path: Path, given: str) -> None:
    """From the root, the folder or the file: clips end where they end, a group is a subject, classes count from 0."""
    (tmp_path / "root" / "utd_mhad").mkdir(parents=True)
    write(tmp_path / "root" / "utd_mhad" / "other_subjects.npz")
    corpus = load("utd_mhad", tmp_path / given, {})
    skeleton, inertial = corpus.raws["skeleton"].data, corpus.raws["inertial"].data
    assert skeleton.shape == (3, 5, 60)
    assert inertial.shape == (3, 10, 6)
    assert np.array_equal(np.isfinite(skeleton[..., 0]).sum(1), [3, 5, 4])
    assert inertial[1, 0, 0] == 36
    assert inertial[2, 7, 5] == 143
    assert corpus.raws["depth"].data.shape == (3, 16, 6, 8)
    assert corpus.labels.tolist() == [0, 26, 1]
    assert corpus.groups.tolist() == ["8", "6", "8"]
    assert corpus.classes[26] == "squat"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"imu": None}, "lacks the arrays imu"),
        ({"imu_len": np.array([6, 10, 9])}, "sum 25"),
        ({"skeleton": np.zeros((12, 25, 3))}, "skeleton has shape"),
        ({"action": np.array([0, 1, 2])}, "from 0 to 2"),
        ({"subject": np.array([1, 2])}, "subject has shape"),
        ({"subject": np.array([1.5, 2, 2])}, "subject: expected whole numbers, got fractions"),
        ({"action": np.array(["1", "2", "x"])}, "action: expected whole numbers, got <U1"),
        ({"action": np.array(1)}, "action has shape"),
        ({"imu_len": np.array([6, 10, np.nan])}, "imu_len: expected whole numbers"),
        ({"skeleton": np.full((12, 20, 3), "x")}, "skeleton: expected numbers"),
    ],
)
def test_another_layout_is_named(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    """Missing arrays, lengths that do not add up and numbers out of range raise ConfigError with the file."""
    file = write(tmp_path / "clips.npz", **changed)
    with pytest.raises(ConfigError, match=said) as error:
        load("utd_mhad", file, {})
    assert "clips.npz" in str(error.value)


def test_what_is_no_npz_file_is_named(tmp_path: Path) -> None:
    """A file of another kind, a folder with none and one with several raise ConfigError."""
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(ConfigError, match="not an npz file"):
        load("utd_mhad", tmp_path / "text.npz", {})
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"expected utd_mhad.npz or exactly one"):
        load("utd_mhad", tmp_path / "none", {})


def test_subjects_may_have_names(tmp_path: Path) -> None:
    """What tells subjects apart is text or whole numbers."""
    corpus = load("utd_mhad", write(tmp_path / "clips.npz", subject=np.array(["eve", "bob", "eve"])), {})
    assert corpus.groups.tolist() == ["eve", "bob", "eve"]


def test_a_sensor_that_told_nothing_is_not_present(tmp_path: Path) -> None:
    """A clip whose inertial values are all NaN has no inertial modality; one that lacks some has it."""
    imu = np.zeros((24, 6), np.float32)
    imu[:6], imu[6] = np.nan, np.nan
    corpus = load("utd_mhad", write(tmp_path / "clips.npz", imu=imu), {})
    assert corpus.present.tolist() == [[True, True, False], [True, True, True], [True, True, True]]


class Opens:
    """Pickled, it makes a file for whoever unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_pickled_objects_are_never_opened(tmp_path: Path) -> None:
    """An npz may hold code that runs when it is unpickled: it is refused, and nothing runs."""
    evil = np.array([Opens(tmp_path / "ran")] * 3, object)
    with pytest.raises(ConfigError, match="pickled objects, which are never read"):
        load("utd_mhad", write(tmp_path / "clips.npz", subject=evil), {})
    assert not (tmp_path / "ran").exists()


def test_an_array_of_no_believable_size_is_named(tmp_path: Path) -> None:
    """A file that says an array has more bytes than any machine raises ConfigError."""
    file = write(tmp_path / "clips.npz", imu=None)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (2**56, 6)})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("imu.npy", head.getvalue())
    with pytest.raises(ConfigError, match=r"clips.npz: .*memory"):
        load("utd_mhad", file, {})


def test_options_are_refused(tmp_path: Path) -> None:
    """The corpus has no options."""
    with pytest.raises(ConfigError, match="unknown option 'length'"):
        load("utd_mhad", write(tmp_path / "clips.npz"), {"length": 3})


@pytest.mark.data
def test_the_real_clips(data_dir: Path) -> None:
    """647 clips of six subjects, all of them longer than a second."""
    corpus = load("utd_mhad", data_dir, {})
    assert len(corpus) == 647
    assert set(corpus.groups) == {"1", "2", "3", "4", "5", "7"}
    assert np.isfinite(corpus.raws["inertial"].data[:, 50]).all()
