"""Whisper's spectrogram."""

import numpy as np
import pytest

from edgefuse.detectors.voice.spectrogram import HOP, Spectrogram


def test_it_is_the_one_whisper_was_trained_on() -> None:
    """Every number is that of faster-whisper's own extractor, for sounds of several lengths."""
    theirs = pytest.importorskip("faster_whisper.feature_extractor").FeatureExtractor(feature_size=80)
    ours = Spectrogram(80)
    random = np.random.default_rng(3)

    for length in (1600, 16_000, 40_123):
        pcm = (random.normal(0, 3000, length) * np.linspace(0, 1, length)).astype(np.int16)
        assert ours(pcm) == pytest.approx(theirs(pcm.astype(np.float32) / 32768), abs=1e-5)


def test_a_tone_is_in_its_band() -> None:
    """1 kHz is loudest in the band around it, in every frame away from the ends; there is a frame each 10 ms."""
    pcm = (8000 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)).astype(np.int16)

    bands = Spectrogram(80)(pcm)

    assert bands.shape == (80, 16_000 // HOP + 1)
    assert set(bands[:, 2:-3].argmax(axis=0).tolist()) == {26}


def test_silence_is_flat() -> None:
    """Without sound every band has the floor."""
    assert Spectrogram()(np.zeros(1600, np.int16)) == pytest.approx(np.full((80, 11), -1.5))
