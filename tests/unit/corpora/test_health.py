from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Corpus, load
from edgefuse.corpora.health import motion, vitals
from edgefuse.corpora.health.rule import rule

CLASSES = ("rest", "walking", "exercise", "fall", "jolt")


def size(acceleration: np.ndarray) -> np.ndarray:
    return np.linalg.norm(acceleration, axis=-1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Four subjects in two pools, twenty samples each."""
    folder = tmp_path_factory.mktemp("watch_imu")
    lengths = np.full(4, 1000)
    t = np.arange(4000) / 50
    x = np.zeros((4000, 6), np.float32)
    x[:, 0] = 1 + 0.5 * np.sin(2 * np.pi * 0.4 * t)
    np.savez(
        folder / "watch.npz",
        X=x,
        lengths=lengths,
        y=np.zeros(4, int),
        y_labels=np.array(["ABD"]),
        subject=np.array([1, 2, 3, 10]),
        side=np.zeros(4),
    )
    return load("health", folder, {"samples": 20, "pools": 2})


def test_a_sample_is_of_one_pool_and_all_classes_are_equally_frequent(corpus: Corpus) -> None:
    """Subjects are dealt out to pools, which are the groups; every class has the same share in each."""
    assert sorted(set(corpus.groups)) == ["watch 1+3", "watch 2+10"]
    assert corpus.classes == CLASSES
    for group in set(corpus.groups):
        assert np.bincount(corpus.labels[corpus.groups == group]).tolist() == [4] * 5
    assert corpus.raws["motion"].data.shape == (40, 600, 3)
    assert corpus.raws["vitals"].data.shape == (40, 24, 3)


def test_subjects_are_the_parts_and_others_have_other_accidents(tmp_path: Path, corpus: Corpus) -> None:
    """Dealt to other pools a subject is the same part; nothing simulated for one recording comes with another."""
    assert set(corpus.parts) == {("1", "3"), ("2", "10")}
    numbers = np.random.default_rng(0)
    falls = []
    for name in ("one", "two"):
        np.savez(
            tmp_path / f"{name}.npz",
            X=numbers.standard_normal((2000, 6)).astype(np.float32),
            lengths=np.array([1000, 1000]),
            y=np.zeros(2, int),
            y_labels=np.array(["ABD"]),
            subject=np.array([31, 32]),
            side=np.zeros(2),
        )
        found = load("health", tmp_path / f"{name}.npz", {"samples": 5})
        assert found.parts == [("31",)] * 5 + [("32",)] * 5
        falls.append(found.raws["vitals"].data[found.labels == 3])
    assert not np.array_equal(*falls)


def test_until_its_event_a_sample_is_its_background(corpus: Corpus) -> None:
    """Before the first onset both differ by the noise of the sensor alone; after it, falls differ by their impact."""
    before = int(7 * motion.RATE) - 1
    difference = corpus.raws["motion"].data - corpus.background["motion"].data
    assert np.abs(difference[:, :before]).max() < 0.1
    assert np.abs(difference[corpus.labels == 3]).max((1, 2)).min() > 1


def test_the_same_seed_gives_the_same_movement() -> None:
    """A composed corpus can be made again."""
    one, two, other = (motion.fall(100, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(5))
def test_a_fall_is_free_then_hard_then_still(seed: int) -> None:
    """Under .6 g, over 2 g within a second and a half, and afterwards about 1 g."""
    rng = np.random.default_rng(seed)
    felt = size(motion.dropped_watch(300, rng))
    assert felt[:12].min() < 0.4
    assert felt[:38].max() > 2
    assert np.allclose(felt[75:], 1, atol=0.01)
    fallen = size(motion.fall(300, rng))
    assert fallen[:20].min() < 0.7
    assert fallen[:38].max() > 1.7


@pytest.mark.parametrize("seed", range(5))
def test_walking_has_the_rhythm_of_steps(seed: int) -> None:
    """The size of acceleration changes with the 95 to 130 steps a minute, or with the arm, which takes two steps."""
    felt = size(motion.walking(600, np.random.default_rng(seed)))
    power = np.abs(np.fft.rfft(felt - felt.mean())) ** 2
    strongest = np.fft.rfftfreq(600, 1 / motion.RATE)[power.argmax()]
    assert 1.5 < strongest < 2.3 or 0.75 < strongest < 1.15


def test_the_heart_follows_slowly_and_a_fall_alarms_it() -> None:
    """After a time constant 63 % of the way is done; a fall moves it by more than ten beats within fifteen seconds."""
    rng = np.random.default_rng(1)
    who = vitals.Person(heart=60, breath=14, skin=5, rise=20, decline=40)
    heart, _ = vitals.course(who, (60, 14), (100, 20), 5, 60)
    assert heart[5] == 60
    assert heart[25] == pytest.approx(60 + 40 * 0.632, abs=0.1)
    for _ in range(20):
        alarmed, _ = vitals.alarmed(who, (70, 15), 5, 30, rng)
        assert abs(alarmed[20] - 70) > 7


def test_a_watch_without_skin_tells_nothing_of_the_heart() -> None:
    """Conductance falls to nothing at once; heart and breath become unknown, or what nobody has."""
    on = np.full((24, 3), 70, np.float32)
    for seed in range(6):
        off = vitals.taken_off(on, 8.0, np.random.default_rng(seed))
        assert (off[9:, 2] <= 0.1).all()
        assert np.array_equal(off[:8], on[:8])
        assert not np.isclose(off[14:, 0], 70).all()


def test_the_rule_wants_an_impact_and_stillness() -> None:
    """Over 3 g and still is a fall, over 3 g and moving is a jolt; without impact the end of the window tells."""
    t = np.arange(600) / 25
    felt = np.ones((5, 600))
    felt[1] += 0.2 * np.sin(2 * np.pi * 1.9 * t)
    felt[2] += 0.2 * np.sin(2 * np.pi * 0.5 * t)
    felt[3:, 200] = 5
    felt[4] += 0.2 * np.sin(2 * np.pi * 0.5 * t)
    acceleration = np.zeros((5, 600, 3), np.float32)
    acceleration[..., 1] = felt
    found = rule(acceleration, 25.0, CLASSES)
    assert found.argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert np.allclose(found.sum(1), 1)


def test_fewer_subjects_than_pools_have_one_each(tmp_path: Path) -> None:
    """A model is judged on whoever there is, be it fewer than it was trained on; no pool at all is refused."""
    np.savez(
        tmp_path / "watch.npz",
        X=np.random.default_rng(0).standard_normal((2000, 6)).astype(np.float32),
        lengths=np.array([1000, 1000]),
        y=np.zeros(2, int),
        y_labels=np.array(["ABD"]),
        subject=np.array([31, 32]),
        side=np.zeros(2),
    )
    assert set(load("health", tmp_path, {"samples": 5}).groups.tolist()) == {"watch 31", "watch 32"}
    with pytest.raises(ConfigError, match="got pools 0, expected at least 1"):
        load("health", tmp_path, {"pools": 0})


@pytest.mark.data
def test_the_background_tells_nothing(data_dir: Path) -> None:
    """On the real recordings a classifier of the background alone is at chance."""
    pytest.importorskip("sklearn")
    from edgefuse.training.leak import leak

    found = leak(load("health", data_dir, {"samples": 60}), 1)
    assert found["at_chance"], found
