"""What goes wrong with sensors, done to raw input."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Raw
from edgefuse.evaluation.corruption import Corruption, applies, check_options, corrupt, scale_of

RNG = np.random.default_rng


def spoil(raw: Raw, kind: Any, severity: float = 1.0, **options: float) -> np.ndarray[Any, np.dtype[Any]]:
    """Corrupt with the scale of the raw input itself."""
    return corrupt(raw, Corruption(kind, severity, options), scale_of(raw), RNG(0)).data


def tone(n: int = 3, dtype: str = "int16") -> Raw:
    """Seconds of 440 Hz, louder and louder."""
    t = np.arange(16000) / 16000
    loud = np.arange(1, n + 1)[:, None] * 1000
    return Raw("waveform", (loud * np.sin(2 * np.pi * 440 * t)).astype(dtype), 16000)


@pytest.mark.parametrize("snr", [0.0, 10.0])
def test_noise_has_the_ratio_that_was_asked_for(snr: float) -> None:
    """Signal over noise is the option in dB for every clip, and half the severity is 6 dB less noise."""
    raw = tone(dtype="float32")
    for severity, want in ((1.0, snr), (0.5, snr + 20 * np.log10(2))):
        noise = spoil(raw, "noise", severity, snr_db=snr) - raw.data
        ratio = 10 * np.log10((raw.data**2).mean(1) / (noise.astype(np.float64) ** 2).mean(1))
        assert ratio == pytest.approx(np.full(3, want), abs=0.1)


def test_noise_of_sound_is_brown_and_swells() -> None:
    """Most of its power lies below 200 Hz, and its level varies over the clip."""
    raw = Raw("waveform", np.ones((2, 32000), np.float32), 16000)
    noise = spoil(raw, "noise") - 1
    power = np.abs(np.fft.rfft(noise, axis=1)) ** 2
    assert (power[:, :400].sum(1) > 0.6 * power.sum(1)).all()
    level = np.sqrt((noise.reshape(2, 20, -1) ** 2).mean(2))
    assert (level.max(1) > 2 * level.min(1)).all()


def test_silence_gets_the_noise_of_the_others() -> None:
    """A clip without any power is as noisy as the median clip, not silent."""
    raw = tone()
    raw.data[1] = 0
    assert np.abs(spoil(raw, "noise")[1]).max() > 100


def test_forms_and_seeds() -> None:
    """Dtype and shape stay, the same seed gives the same, and severity 0 changes nothing."""
    text = np.array(["turn on the hall light"] * 4, object)
    for raw in (
        tone(),
        Raw("image", np.full((2, 8, 8), 128, np.uint8)),
        Raw("frames", np.full((2, 4, 6, 5, 3), 128, np.uint8), 5),
        Raw("sequence", np.ones((2, 9, 3), np.float32).cumsum(1), 10),
        Raw("table", np.arange(8, dtype=np.float32).reshape(4, 2)),
        Raw("text", text),
    ):
        bad = spoil(raw, "noise")
        assert (bad.dtype, bad.shape) == (raw.data.dtype, raw.data.shape)
        assert not np.array_equal(bad, raw.data), raw.kind
        assert np.array_equal(bad, spoil(raw, "noise"))
        assert spoil(raw, "noise", 0.0) is raw.data


def test_noise_of_pictures_stays_in_range() -> None:
    """Gaussian noise of a quarter of the range, a twentieth black or white, nothing beyond."""
    bad = spoil(Raw("image", np.full((4, 64, 64), 128, np.uint8)), "noise").astype(float)
    assert 50 < bad.std() < 75
    assert {bad.min(), bad.max()} == {0, 255}
    depth = Raw("frames", RNG(1).uniform(1, 3, (2, 4, 8, 8)).astype(np.float32), 5)
    noisy = spoil(depth, "noise")
    assert noisy.min() >= depth.data.min()
    assert noisy.max() <= depth.data.max()


def test_noise_of_columns_follows_their_spread() -> None:
    """Each column gets noise of its own deviation; what is unknown stays unknown, what is constant stays so."""
    data = RNG(0).normal(size=(500, 4, 3)).astype(np.float32) * [1, 100, 0]
    data[0, 2, 1] = np.nan
    noise = spoil(Raw("sequence", data.astype(np.float32), 10), "noise") - data
    assert np.isnan(noise[0, 2, 1])
    assert np.nanstd(noise, (0, 1)) == pytest.approx([1, 100, 0], rel=0.05)


def test_garbled_text_keeps_a_word() -> None:
    """About 30 % of the words are gone or misspelt, and never all of them."""
    raw = Raw("text", np.array(["alpha bravo charlie delta echo foxtrot golf hotel"] * 200 + ["stop"] * 200, object))
    words = [str(text).split() for text in spoil(raw, "noise")]
    whole = sum(word in raw.data[0].split() for each in words[:200] for word in each)
    assert 0.6 < whole / 1600 < 0.8
    assert all(words)


def test_a_list_of_phrases_stays_a_list() -> None:
    """Phrases with `;` between them keep their number and places, and none becomes empty."""
    raw = Raw("text", np.array(["turn on;stop;go left now"] * 50, object))
    lists = [str(text).split(";") for text in spoil(raw, "noise")]
    assert {len(each) for each in lists} == {3}
    assert all(phrase for each in lists for phrase in each)
    assert len({each[1] for each in lists}) > 1


def test_late_is_moved_and_held() -> None:
    """A quarter of the window late: the first step is repeated; early: the last one. Sound has silence there."""
    steps = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    raw = Raw("sequence", steps, 10)
    assert spoil(raw, "delayed")[0, :, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 5]
    assert spoil(raw, "delayed", -1)[0, :, 0].tolist() == [2, 3, 4, 5, 6, 7, 7, 7]
    assert spoil(raw, "delayed", delay=0.5)[0, :, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    sound = spoil(Raw("waveform", steps[:, :, 0] + 1, 8), "delayed")
    assert sound[0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]


def test_ragged_sequences_keep_their_length() -> None:
    """What was filled up with NaN stays so, and the shift is a share of the known part."""
    data = np.full((1, 8, 2), np.nan, np.float32)
    data[0, :4] = np.arange(4)[:, None]
    late = spoil(Raw("sequence", data, 10), "delayed")[0, :, 1]
    assert late[:4].tolist() == [0, 0, 1, 2]
    assert np.isnan(late[4:]).all()
    assert np.isnan(spoil(Raw("sequence", np.full((1, 4, 1), np.nan, np.float32), 10), "frozen")).all()


def test_frozen_repeats_a_step() -> None:
    """At severity 1 the first step, at a half what was seen half way; sound repeats 20 ms."""
    raw = Raw("sequence", np.arange(9, dtype=np.float32).reshape(1, 9, 1), 10)
    assert spoil(raw, "frozen")[0, :, 0].tolist() == [0] * 9
    assert spoil(raw, "frozen", 0.5)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4]
    sound = spoil(tone(1), "frozen")[0]
    assert np.array_equal(sound[:320], tone(1).data[0, :320])
    assert np.array_equal(sound[320:640], sound[:320])


def test_what_has_no_time_is_never_late() -> None:
    """Delay and freezing are for what has steps; noise is for everything."""
    assert [applies("delayed", kind) for kind in ("waveform", "image", "table", "text")] == [True, False, False, False]
    assert applies("noise", "text")


def test_an_unknown_option_is_named() -> None:
    """A misspelt option of a recipe is an error with those that there are."""
    with pytest.raises(ConfigError, match="noise of 'audio': unknown option 'snr'"):
        check_options("audio", {"snr": 3})
