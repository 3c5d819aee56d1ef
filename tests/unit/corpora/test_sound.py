"""Sound for corpora: lengths, noise, ratios."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import sound


def test_a_recording_is_resampled_and_mixed_down(tmp_path: Path) -> None:
    """Two channels at 8 kHz become one at 16 kHz of the same duration."""
    import soundfile

    tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    soundfile.write(tmp_path / "a.flac", np.stack([tone, 0 * tone], axis=1), 8000)
    found = sound.read(tmp_path / "a.flac", 16000)
    assert found.shape == (8000,)
    assert found.dtype == np.float32
    assert np.abs(found[1000:7000]).max() == pytest.approx(0.5, abs=0.01)


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    """The error has its path."""
    (tmp_path / "b.flac").write_text("no")
    with pytest.raises(ConfigError, match=r"b\.flac"):
        sound.read(tmp_path / "b.flac", 16000)


def test_sounds_of_a_folder_are_found_below_it(tmp_path: Path) -> None:
    """Folders in it too; a folder without any is refused."""
    with pytest.raises(ConfigError, match="got none"):
        sound.recordings(tmp_path)
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "1.ogg").touch()
    (tmp_path / "no.txt").touch()
    assert sound.recordings(tmp_path) == [tmp_path / "yes" / "1.ogg"]


def test_what_is_shorter_is_placed_and_what_is_longer_is_cut() -> None:
    """In the middle, or where it is told to begin, as far as it fits."""
    three = np.array([1, 2, 3], np.float32)
    assert sound.fitted(three, 7).tolist() == [0, 0, 1, 2, 3, 0, 0]
    assert sound.fitted(three, 5, 9).tolist() == [0, 0, 1, 2, 3]
    assert sound.fitted(np.arange(7, dtype=np.float32), 3).tolist() == [2, 3, 4]


def test_silence_around_a_word_goes() -> None:
    """Silence alone stays."""
    assert sound.trimmed(np.array([0, 0.001, 1, 0, -0.5, 0.001], np.float32)).tolist() == [1, 0, -0.5]
    assert len(sound.trimmed(np.zeros(4, np.float32))) == 4


@pytest.mark.parametrize("kind", sound.NOISES)
def test_noise_has_unit_power_and_differs_every_time(kind: sound.NoiseKind) -> None:
    """At any rate; the same generator gives the same noise."""
    first, again = (sound.noise(kind, 8000, 8000, np.random.default_rng(3)) for _ in range(2))
    assert np.square(first).mean() == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, sound.noise(kind, 8000, 8000, np.random.default_rng(4)))


def test_noises_have_their_colours() -> None:
    """Pink noise is low, white is even, hum has lines."""

    def share_above_1_khz(kind: sound.NoiseKind) -> float:
        power = np.abs(np.fft.rfft(sound.noise(kind, 16000, 8000, np.random.default_rng(0)))) ** 2
        return float(power[2000:].sum() / power.sum())

    assert share_above_1_khz("white") > 0.6
    assert share_above_1_khz("pink") < 0.5
    assert share_above_1_khz("hum") < 0.4


def test_a_mixture_has_the_ratio_asked_for() -> None:
    """Power of the word where it is, over the power of the noise, in dB; the peak is .9."""
    rng = np.random.default_rng(0)
    word = sound.fitted(np.sin(np.arange(2000) * 0.3).astype(np.float32) + 0.001, 8000)
    other = sound.noise("white", 8000, 8000, rng)
    both = sound.mixed(word, other, 6)
    assert np.abs(both).max() == pytest.approx(0.9)
    gain = both[word == 0] @ other[word == 0] / (other[word == 0] @ other[word == 0])
    spoken = (both - gain * other)[word != 0]
    assert 10 * np.log10(np.square(spoken).mean() / gain**2) == pytest.approx(6, abs=0.2)
