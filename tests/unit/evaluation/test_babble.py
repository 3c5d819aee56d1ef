"""Voices behind a clip."""

import numpy as np
import pytest

from edgefuse.evaluation.babble import Babble, active_power, behind

SPEECH = [np.r_[np.zeros(1000), np.random.default_rng(seed).normal(0, 500, 9000)].astype(np.int16) for seed in range(4)]


def test_talk_is_the_same_every_time() -> None:
    """One seed gives one talk, in whatever portions it is taken; another seed another."""
    first, second, other = Babble(SPEECH, 0), Babble(SPEECH, 0), Babble(SPEECH, 1)

    whole = first.take(40_000)

    assert np.array_equal(np.concatenate([second.take(15_000), second.take(25_000)]), whole)
    assert not np.array_equal(other.take(40_000), whole)
    assert 0.5 < (whole**2).mean() < 1.5


@pytest.mark.parametrize("db", [-5.0, 0.0, 10.0])
def test_talk_is_as_loud_as_asked(db: float) -> None:
    """The power that is given is so many dB above what is added."""
    quiet = np.zeros(16_000, np.int16)

    mixed = behind(quiet, Babble(SPEECH, 0).take(16_000), 1000.0**2, db)

    assert 10 * np.log10(1e6 / (mixed.astype(np.float32) ** 2).mean()) == pytest.approx(db, abs=0.1)


def test_pauses_do_not_make_a_clip_quieter() -> None:
    """The level of speech is that of its loud frames."""
    loud = np.full(8192, 1000, np.int16)

    assert active_power(np.concatenate([loud, np.zeros(8192, np.int16)])) == active_power(loud) == 1e6


def test_silence_is_no_talk() -> None:
    """Voices need clips with something in them."""
    with pytest.raises(ValueError, match="expected clips of speech, got silence"):
        Babble([np.zeros(4000, np.int16)], 0)
