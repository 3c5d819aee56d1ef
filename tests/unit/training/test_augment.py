"""Augmented copies."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Raw
from edgefuse.training.augment import augmented
from edgefuse.training.augmentation.sound import made_noise

RNG = np.random.default_rng(0)
RAWS = {
    "waveform": Raw("waveform", (RNG.standard_normal((2, 800)) * 3000).astype(np.int16), 8000.0),
    "sequence": Raw("sequence", RNG.standard_normal((2, 20, 6)).astype(np.float32), 20.0),
    "table": Raw("table", RNG.standard_normal((2, 4)).astype(np.float32)),
    "image": Raw("image", RNG.integers(0, 255, (2, 12, 10, 3)).astype(np.uint8)),
    "frames": Raw("frames", RNG.integers(0, 255, (2, 5, 12, 10)).astype(np.uint8), 5.0),
    "text": Raw("text", np.array(["one two three four", "five"], object)),
}
STEPS: dict[str, dict[str, Any]] = {
    "waveform": {"noise": [0, 0], "gain": [6, 6], "shift": 0.05, "speed": 0.2},
    "sequence": {
        "jitter": 0.1, "scale": 0.1, "offset": 0.1, "channels": 0.9, "gap": 0.9, "shift": 0.5, "tempo": 0.5, "turn": 30
    },
    "table": {"jitter": 0.1, "offset": 0.1, "channels": 0.9},
    "image": {"brightness": 0.3, "contrast": 0.5, "noise": 0.2, "flip": 1, "crop": 0.5, "turn": 40, "move": 0.5},
    "frames": {"drop": 0.9, "flip": 1, "crop": 0.5, "turn": 40, "move": 0.5, "noise": 0.2},
    "text": {"words": 0.5},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind, steps in STEPS.items() for step in steps])
def test_a_step_changes_values_alone(kind: str, step: str) -> None:
    """Shape and type stay, values do not, the original is untouched, and the same seed gives the same copy."""
    raw = RAWS[kind]
    before = raw.data.copy()
    copy = augmented(raw, [{step: STEPS[kind][step]}], seed=[3])
    assert (copy.data.shape, copy.data.dtype, copy.kind, copy.rate) == (before.shape, before.dtype, kind, raw.rate)
    assert np.array_equal(raw.data, before)
    assert not np.array_equal(copy.data, before)
    again = augmented(raw, [{step: STEPS[kind][step]}], seed=[3]).data
    assert np.array_equal(copy.data, again, equal_nan=copy.data.dtype.kind == "f")


def test_unknown_steps_and_values_are_told() -> None:
    """A step of another kind of input names those that there are; a wrong value is shown."""
    with pytest.raises(ConfigError, match=r"table has no 'gain' .known: jitter, offset, channels"):
        augmented(RAWS["table"], [{"gain": 3}], seed=[0])
    with pytest.raises(ConfigError, match="augment: gain: 3"):
        augmented(RAWS["waveform"], [{"gain": 3}], seed=[0])


def test_chance_leaves_some_as_they_are() -> None:
    """A step with chance 0 never happens."""
    assert np.array_equal(augmented(RAWS["table"], [{"jitter": 1, "chance": 0}], seed=[0]).data, RAWS["table"].data)


@pytest.mark.parametrize("kind", ["white", "pink", "hum"])
def test_noise_has_the_power_that_is_asked_for(kind: str) -> None:
    """Noise at 0 dB is as strong as the sound; hum sits at the mains frequency, pink falls with frequency."""
    made = made_noise(kind, 8000, 8000.0, np.random.default_rng(1))
    assert np.mean(made**2) == pytest.approx(1.0)
    power = np.abs(np.fft.rfft(made)) ** 2
    if kind == "pink":
        assert power[1:100].mean() > 10 * power[2000:].mean()
    if kind == "hum":
        assert max(power[50:401:50].sum(), power[60:481:60].sum()) > 0.99 * power.sum()
