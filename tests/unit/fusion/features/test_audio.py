"""Sound as features: what a tone, silence and a known all-pole filter give."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features import build, plp
from edgefuse.fusion.features.audio import LogMel, Mfcc, Plp
from edgefuse.fusion.features.spectrum import Frames, cosine_transform, mel_filters


def tone(hertz: float, rate: int = 16000, seconds: float = 0.5, level: float = 0.5) -> np.ndarray[Any, Any]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("kind", ["logmel", "mfcc", "plp"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_clip_has_the_same_features_alone_and_in_a_batch(kind: str, rate: int) -> None:
    """Every clip is computed for itself, at 8 and 16 kHz, and everything is finite, silence too."""
    feature = build(FeatureSpec(kind=kind, options={"rate": rate}))
    batch = np.stack([tone(440, rate), np.zeros(rate // 2, np.float32), tone(2000, rate)])
    together = feature(batch)
    assert together.dtype == np.float32
    assert together.shape[:2] == (3, 48)
    assert np.isfinite(together).all()
    for clip, features in zip(batch, together, strict=True):
        np.testing.assert_allclose(feature(clip[None])[0], features, atol=1e-4)


def test_integers_and_floats_of_the_same_sound_agree() -> None:
    """int16 is scaled to -1..1."""
    sound = np.round(tone(700) * 32768).astype(np.int16)[None]
    np.testing.assert_array_equal(LogMel()(sound), LogMel()(sound.astype(np.float32) / 32768))


def test_a_tone_is_loudest_in_the_band_around_it() -> None:
    """The band with the most power is the one whose triangle has its peak next to the tone."""
    peaks = mel_filters(40, Frames.of(16000, 0.025, 0.01).bins(), 60, 8000).argmax(axis=1) * 16000 / 512
    for hertz in (300, 1000, 4000):
        found = LogMel()(tone(hertz)[None])[0].mean(axis=0).argmax()
        assert abs(found - np.abs(peaks - hertz).argmin()) <= 1


def test_power_of_a_full_scale_tone() -> None:
    """A sine of amplitude 1 on a bin has the power 1/4 there."""
    power = Frames.of(16000, 0.032, 0.01).power(tone(1000, level=1)[None])
    np.testing.assert_allclose(power[0, :, 32], 0.25, rtol=1e-3)


def test_no_band_is_empty_however_narrow() -> None:
    """64 bands at 8 kHz with 256 points still all see something."""
    assert (mel_filters(64, np.fft.rfftfreq(256, 1 / 8000), 0, 4000).sum(axis=1) > 0).all()


def test_levels_and_colours_are_taken_away() -> None:
    """`levelled` forgets the gain; `centred` also a constant filter."""
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(1, 8000)).astype(np.float32) * 0.1
    np.testing.assert_allclose(LogMel(levelled=True)(sound), LogMel(levelled=True)(sound * 3), atol=1e-2)
    assert abs(LogMel(centred=True)(sound).mean(axis=1)).max() < 1e-4


def test_cepstra_are_the_cosine_transform_of_the_bands() -> None:
    """All coefficients turn back into the bands."""
    sound = np.random.default_rng(1).normal(size=(2, 8000)).astype(np.float32)
    cepstra = Mfcc(coefficients=40)(sound)
    np.testing.assert_allclose(cepstra @ cosine_transform(40, 40).T, LogMel()(sound), atol=1e-3)


def test_deltas_of_a_steady_sound_are_nothing() -> None:
    """A constant has no change; the number of coefficients doubles."""
    steady = np.tile(tone(1000, seconds=0.01), 50)[None]
    found = Mfcc(coefficients=13, deltas=True)(steady)
    assert found.shape[2] == 26
    assert abs(found[:, :, 13:]).max() < 1e-3


def test_prediction_finds_the_filter_that_made_the_spectrum() -> None:
    """The power spectrum of an all-pole filter gives its cepstra: the poles' powers over n, and the log of its gain."""
    angle = np.linspace(0, np.pi, 257)
    poles = np.array([0.8 * np.exp(0.9j), 0.8 * np.exp(-0.9j), 0.5])
    response = np.prod([1 - p * np.exp(-1j * angle) for p in poles], axis=0)
    power = (0.25 / np.abs(response) ** 2)[None, None].astype(np.float32)
    expected = [np.log(0.25)] + [(poles**n).sum().real / n for n in range(1, 8)]
    np.testing.assert_allclose(plp.cepstra(power, 3, 8)[0, 0], expected, atol=1e-3)


def test_perceptual_cepstra_tell_vowels_apart_better_than_levels() -> None:
    """Two buzzes of other formants are farther apart than one of them at half the level, the gain left out."""
    pulses = np.zeros(8000, np.float32)
    pulses[::130] = 1

    def vowel(*formants: float) -> np.ndarray[Any, Any]:
        sound = np.fft.rfft(pulses)
        hertz = np.fft.rfftfreq(8000, 1 / 16000)
        shape = sum(1 / (1 + ((hertz - f) / 80) ** 2) for f in formants)
        return np.fft.irfft(sound * shape).astype(np.float32)[None]

    a, i = (Plp()(vowel(*f))[0].mean(axis=0)[1:] for f in ((730, 1090, 2440), (270, 2290, 3010)))
    quiet = Plp()(vowel(730, 1090, 2440) * 0.5)[0].mean(axis=0)[1:]
    assert np.linalg.norm(a - i) > 5 * np.linalg.norm(a - quiet)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("logmel", {"bands": 0}),
        ("logmel", {"low": 9000}),
        ("mfcc", {"coefficients": 50}),
        ("plp", {"order": 0}),
        ("plp", {"colour": 1}),
    ],
)
def test_wrong_options_are_told(kind: Any, options: dict[str, Any]) -> None:
    """They are a mistake of the configuration, named with the kind."""
    with pytest.raises(ConfigError, match=kind):
        build(FeatureSpec(kind=kind, options=options))


def test_a_clip_shorter_than_a_window_is_refused() -> None:
    """It has no frame."""
    with pytest.raises(ValueError, match="at least 400 samples"):
        LogMel()(np.zeros((1, 300), np.float32))
