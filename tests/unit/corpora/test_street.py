from collections.abc import Callable

import numpy as np
import pytest

from edgefuse.corpora import street

N = 2 * street.RATE


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("make", [street.steps, street.engine, street.siren, street.horn, street.music, street.noise])
def test_every_sound_is_finite_and_has_a_peak_of_one(make: Callable[..., street.Floats]) -> None:
    """Parts are mixed by level, so each has the same peak."""
    sound = make(rng(), N)
    assert sound.shape == (N,)
    assert np.isfinite(sound).all()
    assert abs(np.abs(sound).max() - 1) < 1e-5


def test_a_siren_that_comes_nearer_is_higher() -> None:
    """Doppler: at 20 m/s a siren rises by about 6 %."""

    def crossings(speed: float) -> int:
        return int(np.count_nonzero(np.diff(np.signbit(street.siren(rng(3), N, speed)))))

    assert 1.04 < crossings(20) / crossings(0) < 1.08
    assert crossings(-20) < crossings(0)


def test_who_passes_is_loudest_when_near() -> None:
    """The level falls on both sides of the moment of passing."""
    sound = street.passing(rng(), np.ones(N, np.float32), at=0.5, width=0.3)
    assert abs(int(sound.argmax()) / street.RATE - 0.5) < 0.01
    assert sound[-1] < 0.4 * sound.max()


def test_what_is_far_away_is_dull() -> None:
    """Above 2 kHz little is left."""
    white = street.noise(rng(), N, 0)
    at = np.fft.rfftfreq(N, 1 / street.RATE)
    power = np.abs(np.fft.rfft(street.distant(rng(), white))) ** 2
    assert power[at > 2000].sum() < 0.1 * power.sum()


def test_a_mix_that_is_too_loud_is_clipped() -> None:
    """16 bit do not wrap round."""
    mix = street.mixed([np.full(4, 0.8, np.float32), np.full(4, 0.8, np.float32)])
    assert mix.dtype == np.int16
    assert (mix == 32767).all()
