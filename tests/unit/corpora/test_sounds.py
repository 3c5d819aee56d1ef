"""Sounds made by rules, recordings, and pools that share nothing."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora import corpus
from edgefuse.corpora.sounds import alarms, recordings, scenes, signals

SMALL = {"seconds": 1, "event": 5, "speech": 5, "other": 10, "pools": 2, "synthesisers": False}


@pytest.mark.parametrize("label", scenes.CLASSES)
def test_everything_can_be_heard(label: str) -> None:
    """Every maker of a label gives finite sound of the length asked for, loud enough to be heard."""
    for number, maker in enumerate(scenes.MAKERS[label]):
        sound = maker(np.random.default_rng(number), SAMPLE_RATE)

        assert sound.shape == (SAMPLE_RATE,)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 0.01


def test_temporal_three() -> None:
    """A cadence of ISO 8201 is on for half a second three times in four seconds, and rests for 1.5."""
    beeps = alarms.cadence([(0.5, 0.5)] * 3, 1.0)

    sound = alarms.sequence(4 * SAMPLE_RATE, beeps, 0.0, [np.ones(SAMPLE_RATE)])

    on = np.abs(sound[:: SAMPLE_RATE // 4][: 4 * 4 - 1] + sound[100 :: SAMPLE_RATE // 4][: 4 * 4 - 1]) > 0.5
    assert on.tolist() == [True, True, False, False] * 3 + [False] * 3


def test_partials_stay_within_the_band() -> None:
    """A high tone with many harmonics has nothing folded back below it."""
    sound = signals.tone(np.full(SAMPLE_RATE, 3000.0), [1.0] * 10)

    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argsort(-spectrum)[:2].tolist() in ([3000, 6000], [6000, 3000])
    assert spectrum[:2900].max() < spectrum[3000] / 100


def test_a_band_passes_what_lies_in_it() -> None:
    """A tone in the band keeps its size, one far outside loses nearly all of it."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (np.sin(2 * np.pi * f * t) for f in (50, 1000))

    assert np.std(signals.band(high, 300, 4000)) == pytest.approx(np.std(high), rel=0.05)
    assert np.std(signals.band(low, 300, 4000)) < np.std(low) / 10


def test_a_clip_is_what_a_microphone_gives() -> None:
    """Recorded clips are int16 of the same length, never silent, and differ in level."""
    rng = np.random.default_rng(0)
    clips = [scenes.record(rng, scenes.make(rng, "knock", SAMPLE_RATE)) for _ in range(6)]

    assert {(clip.dtype, len(clip)) for clip in clips} == {(np.dtype(np.int16), SAMPLE_RATE)}
    levels = [np.abs(clip.astype(float)).max() for clip in clips]
    assert min(levels) > 100
    assert max(levels) / min(levels) > 2


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Speakers of Speech Commands and recordings of one's own."""
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(np.arange(8000) / 5) / 2
    (tmp_path / "speech_commands" / "yes").mkdir(parents=True)
    for speaker in ("a", "b", "c", "d"):
        soundfile.write(tmp_path / "speech_commands" / "yes" / f"{speaker}_0.flac", tone, SAMPLE_RATE)
    for k in range(6):
        folder = tmp_path / "more" / "own" / "dog"
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{k}.wav", tone, 8000)
    return tmp_path


def test_the_corpus(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has every class in every pool, the same sound for both features, and tells which recordings are in it."""
    monkeypatch.setenv("EDGEFUSE_SOUNDS", str(sounds / "more"))

    found = corpus.load("sounds", sounds, SMALL)

    assert found.classes == scenes.CLASSES
    assert np.bincount(found.labels).tolist() == [5] * 11 + [10]
    assert {(pool, label) for pool, label in zip(found.groups, found.labels, strict=True)} == {
        (pool, label) for pool in ("pool 0", "pool 1") for label in range(12)
    }
    assert found.raws["audio_mel"] is found.raws["audio_embedding"]
    assert found.raws["audio_mel"].data.shape == (65, SAMPLE_RATE)
    assert len(found.files) == 6
    assert found.extra["told"]["recordings"]["own"]["files"] == 6
    assert found.extra["told"]["speech_commands"]["files"] == 4


def test_the_corpus_is_the_same_again(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed makes the same clips; without recordings it is made by rules alone."""
    monkeypatch.delenv("EDGEFUSE_SOUNDS", raising=False)
    first, second = (corpus.load("sounds", sounds, {**SMALL, "seed": seed}) for seed in (1, 1))

    assert np.array_equal(first.raws["audio_mel"].data, second.raws["audio_mel"].data)
    assert first.files == {}


def test_unknown_folders_are_named(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of one's own that is no class is the operator's mistake."""
    (sounds / "more" / "own" / "dog").rename(sounds / "more" / "own" / "hound")
    monkeypatch.setenv("EDGEFUSE_SOUNDS", str(sounds / "more"))

    with pytest.raises(ConfigError, match="hound"):
        corpus.load("sounds", sounds, SMALL)


def test_packages_are_labelled_by_path(tmp_path: Path) -> None:
    """The first pattern that fits gives the label; files without one are left out."""
    folder = tmp_path / "scratch" / "usr" / "Media" / "Human"
    folder.mkdir(parents=True)
    for name in ("BabyCry.mp3", "Laugh-male.wav", "readme.txt"):
        (folder / name).touch()
    beeps = folder.parent / "Electronic" / "ComputerBeeps1.wav"
    beeps.parent.mkdir()
    beeps.touch()

    labels = {one.path.name: one.label for one in recordings.found(tmp_path)}

    assert labels == {"BabyCry.mp3": "cry", "Laugh-male.wav": "other"}


def test_recordings_come_at_16_khz(sounds: Path) -> None:
    """A second of 8 kHz is a second of 16 kHz afterwards."""
    path = sounds / "more" / "own" / "dog" / "0.wav"

    assert len(recordings.read(path)) == pytest.approx(16000, abs=10)
