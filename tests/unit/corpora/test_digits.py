"""Digits: what is composed of what, and what is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus, digits

SPEAKERS = ("ann", "bob")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Digits 0 to 2, twenty pictures of each, two takes of each by two speakers; what is written is no number."""
    import soundfile

    home = tmp_path / "digits"
    (home / "speech").mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.savez(home / "any.npz", x=rng.integers(0, 256, (60, 28, 28), np.uint8), y=np.repeat(np.arange(3), 20))
    for speaker in SPEAKERS:
        for digit in range(3):
            for take in range(2):
                tone = np.sin(np.arange(3000) * (0.1 + 0.2 * digit)).astype(np.float32) * 0.5
                soundfile.write(home / "speech" / f"{digit}_{speaker}_{take}.flac", tone, 8000)
    return home


def load(path: Path, **options: Any) -> corpus.Corpus:
    return corpus.load("digits", path, {"samples": 24, **options})


@pytest.mark.parametrize("given", ["", "..", "any.npz"])
def test_it_is_found_in_its_folder_in_the_one_above_and_by_its_npz(folder: Path, given: str) -> None:
    """24 pairs, as many of each digit and each speaker, ten classes whatever the data has."""
    found = load((folder / given).resolve())
    assert Counter(found.groups.tolist()) == {"ann": 12, "bob": 12}
    assert Counter(found.labels.tolist()) == {0: 8, 1: 8, 2: 8}
    assert found.classes == tuple("0123456789")
    assert found.raws["image"].data.shape == (24, 28, 28)
    assert found.raws["speech"].data.dtype == np.int16
    assert found.raws["speech"].rate == 8000


def test_no_picture_is_shared_between_speakers(folder: Path) -> None:
    """Pictures are shared out before anything is paired."""
    found = load(folder, samples=200, kept=28)
    pools = [{p.tobytes() for p in found.raws["image"].data[found.groups == name]} for name in SPEAKERS]
    assert all(pools)
    assert not pools[0] & pools[1]


def test_a_picture_is_the_same_part_however_it_is_paired(folder: Path) -> None:
    """Parts go by the content of pictures: dealt otherwise, or of a renamed file, they keep their names."""
    first, other = load(folder, samples=200, kept=28), load(folder, samples=200, kept=28, seed=1)
    (folder / "any.npz").rename(folder / "other.npz")
    renamed = load(folder, samples=200, kept=28)

    def shown(found: corpus.Corpus) -> dict[bytes, tuple[str, ...]]:
        return {p.tobytes(): part for p, part in zip(found.raws["image"].data, found.parts, strict=True)}

    assert len(shown(first)) == 60
    assert shown(first) == shown(other) == shown(renamed)
    assert len(set(shown(first).values())) == 60


def test_the_same_seed_composes_the_same(folder: Path) -> None:
    """Another one does not."""
    first, again, other = load(folder), load(folder), load(folder, seed=1)
    np.testing.assert_array_equal(first.raws["speech"].data, again.raws["speech"].data)
    assert not np.array_equal(first.raws["speech"].data, other.raws["speech"].data)


def test_speech_is_louder_against_less_noise(folder: Path) -> None:
    """At 40 dB the tone of digit 0 is nearly all there is; at -20 dB it is not."""

    def share(snr: float) -> float:
        found = load(folder, snr_db=[snr, snr])
        power = np.abs(np.fft.rfft(found.raws["speech"].data[found.labels == 0].astype(float))) ** 2
        return float((power[:, 110:145].sum(1) / power.sum(1)).mean())

    assert share(40) > 0.9
    assert share(-20) < 0.3


def test_blurred_pictures_keep_their_lowest_frequencies() -> None:
    """All of them give the picture back, one its mean, and blurring twice changes no more."""
    pictures = np.random.default_rng(0).integers(60, 200, (3, 28, 28)).astype(np.uint8)
    whole = digits.blurred(pictures, 28).astype(int)
    assert np.corrcoef(whole.ravel(), pictures.ravel())[0, 1] > 0.7
    means = pictures.mean(axis=(1, 2))
    np.testing.assert_allclose(digits.blurred(pictures, 1), np.broadcast_to(means[:, None, None], (3, 28, 28)), atol=1)
    once = digits.blurred(pictures, 4)
    np.testing.assert_allclose(digits.blurred(once, 4).astype(int), once, atol=2)


def test_missing_digits_are_completed_for_training_alone(folder: Path) -> None:
    """A digit without pictures in the data gets those of the samples where it is asked for, and only then."""
    import soundfile

    for speaker in SPEAKERS:
        soundfile.write(folder / "speech" / f"7_{speaker}_0.flac", np.ones(3000, np.float32) * 0.1, 8000)
    assert 7 not in load(folder).labels
    assert Counter(load(folder, complete=True).labels.tolist()) == {0: 6, 1: 6, 2: 6, 7: 6}


def test_completing_gives_no_picture_to_another_speaker(folder: Path) -> None:
    """What a speaker is judged with, the training on completed data gave to no other speaker."""
    judged, trained = (load(folder, samples=4000, complete=complete) for complete in (False, True))

    def pictures(found: corpus.Corpus, speaker: str) -> set[bytes]:
        return {picture.tobytes() for picture in found.raws["image"].data[found.groups == speaker]}

    for one, other in (("ann", "bob"), ("bob", "ann")):
        assert pictures(judged, one)
        assert not pictures(judged, one) & pictures(trained, other)


def test_another_layout_is_refused(folder: Path) -> None:
    """Each error names the file and what was expected."""
    (folder / "speech" / "seven.flac").touch()
    with pytest.raises(ConfigError, match=r"seven\.flac: expected a name like"):
        load(folder)
    np.savez(folder / "any.npz", x=np.zeros((2, 8, 8), np.uint8), y=np.zeros(2))
    with pytest.raises(ConfigError, match=r"\(n, 28, 28\)"):
        load(folder)
    np.savez(folder / "any.npz", x=np.zeros(2))
    with pytest.raises(ConfigError, match="lacks the arrays y"):
        load(folder)
    np.savez(folder / "any.npz", x=np.zeros((2, 28, 28), np.uint8), y=np.array(["a", "b"]))
    with pytest.raises(ConfigError, match="y: expected whole numbers"):
        load(folder)
    (folder / "any.npz").write_text("no")
    with pytest.raises(ConfigError, match="not an npz file"):
        load(folder)
    (folder / "any.npz").unlink()
    with pytest.raises(ConfigError, match="expected one npz"):
        load(folder)


@pytest.mark.parametrize("options", [{"kept": 0}, {"samples": 0}, {"colour": 1}])
def test_wrong_options_are_told(folder: Path, options: dict[str, Any]) -> None:
    """They are a mistake of the recipe."""
    with pytest.raises(ConfigError, match="options of the corpus digits"):
        load(folder, **options)


def test_grain_is_noise_under_the_blur(folder: Path) -> None:
    """The picture changes, but no fine structure comes in: blurring again changes little."""
    clean, grainy = (load(folder, grain=grain).raws["image"].data for grain in (0, 80))
    assert not np.array_equal(clean, grainy)
    np.testing.assert_allclose(digits.blurred(grainy, 4).astype(int), grainy, atol=2)
