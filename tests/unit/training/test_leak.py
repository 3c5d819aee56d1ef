import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Corpus, Raw
from edgefuse.training.leak import leak, statistics

N = 80


def corpus(background: dict[str, Raw], groups: int = 8) -> Corpus:
    labels = np.tile([0, 1], N // 2).astype(np.int64)
    names = np.repeat([f"g{k}" for k in range(groups)], N // groups)
    table = Raw("table", np.zeros((N, 1), np.float32))
    return Corpus({"x": table}, np.ones((N, 1), bool), labels, ("no", "yes"), names, background=background)


def sound(hum: float) -> Raw:
    """Noise, and a hum of this level under every second sample."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, (N, 800))
    noise[1::2] += hum * np.sin(np.arange(800) / 5)
    return Raw("waveform", noise.astype(np.float32), 16000)


def test_a_background_that_knows_nothing_is_at_chance() -> None:
    """Noise that is independent of the label is told at chance, and the interval says so."""
    found = leak(corpus({"sound": sound(0)}), seeds=2)
    assert found["at_chance"]
    assert found["chance"] == 0.5
    assert found["n"] == N
    assert found["ci95"][0] <= found["accuracy"] <= found["ci95"][1]


def test_a_hum_under_one_class_is_found() -> None:
    """A background that differs between classes is a leak."""
    found = leak(corpus({"sound": sound(0.2)}), seeds=1)
    assert not found["at_chance"]
    assert found["accuracy"] > 0.9


def test_a_leak_in_one_of_two_backgrounds_is_found() -> None:
    """All backgrounds are looked at together."""
    pictures = np.random.default_rng(2).integers(0, 255, (N, 12, 12, 3), dtype=np.uint8)
    pictures[1::2, :6] //= 2
    found = leak(corpus({"sound": sound(0), "picture": Raw("image", pictures)}), seeds=1)
    assert not found["at_chance"]


@pytest.mark.parametrize(
    "raw",
    [
        Raw("waveform", np.ones((3, 400), np.int16), 16000),
        Raw("image", np.ones((3, 9, 7), np.uint8)),
        Raw("frames", np.ones((3, 4, 9, 7, 3), np.uint8), 5),
        Raw("sequence", np.full((3, 5, 2), np.nan, np.float32), 1),
        Raw("table", np.array([[1, np.nan]] * 3, np.float32)),
        Raw("text", np.array(["a dog", "two dogs", ""], object)),
    ],
)
def test_every_raw_kind_has_finite_statistics(raw: Raw) -> None:
    """One row a sample, nothing unknown, whatever the kind."""
    found = statistics(raw)
    assert len(found) == 3
    assert np.isfinite(found).all()


def test_without_a_background_there_is_nothing_to_look_for() -> None:
    """A corpus as it was recorded has no background, and the error says so."""
    with pytest.raises(ConfigError, match="background"):
        leak(corpus({}))


def test_a_single_group_cannot_be_judged() -> None:
    """Groups are kept apart, so one is not enough."""
    with pytest.raises(ConfigError, match="single group"):
        leak(corpus({"sound": sound(0)}, groups=1))
