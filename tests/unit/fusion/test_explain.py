from collections.abc import Callable
from math import inf

import pytest

from edgefuse.core.types import Observation
from edgefuse.fusion import explain

See = Callable[..., Observation]


def test_sigmoid_undoes_logit() -> None:
    """And neither overflows."""
    assert [explain.sigmoid(explain.logit(p)) for p in (1e-9, 0.3, 0.999)] == pytest.approx([1e-9, 0.3, 0.999])
    assert (explain.sigmoid(-800), explain.sigmoid(800)) == (0, 1)
    assert explain.sigmoid(-inf) == 0


def test_sentences_are_sorted_by_weight(see: See) -> None:
    """The strongest comes first, what hardly counts is left out, missing modalities come last."""
    smoke = see("smoke", "smoke", 1, kind="reading", value=True)
    shares = [
        explain.Share("audio", 0.2, "voice", "speech", see("voice", "speech", 1)),
        explain.Share("vision", -4.5, "people", "person", see("people", "objects", 1, kind="scene"), found=False),
        explain.Share("sensor", 1.0, "smoke", "smoke", smoke),
        explain.Share("sensor", 1e-5, "smoke", "smoke", smoke),
        explain.Share("sensor", 3.0, "smoke", "smoke"),
    ]

    assert explain.because(shares, {"audio": ["voice", "bell"]}) == (
        "people sees no person: speaks very strongly against it (-4.5)",
        "smoke reports smoke: speaks for it (+1.0)",
        "voice hears speech (100 % sure): speaks slightly for it (+0.2)",
        "nothing is known from audio: voice, bell not working",
    )
    assert shares[-1].what == "smoke knows nothing of smoke"


def test_words(see: See) -> None:
    """Sightings, values and their absence read like sentences."""
    assert explain.sighting("people", "person", see("people", "person", 1, 0.93)) == "people sees person (93 % sure)"
    assert explain.sighting("smoke", "smoke", see("smoke", "smoke", 1)) == "smoke reports smoke (100 % sure)"
    assert explain.reading("smoke", "smoke", see("smoke", "smoke", 1, value=False)) == "smoke reports no smoke"
    assert explain.reading("climate", "dew_point", see("climate", "dew_point", 1, value=11.257, unit="degC")) == (
        "climate reports dew point 11.26 degC"
    )
    assert explain.absence("voice", "speech", see("voice", "x", 1, 0.0)) == "voice hears no speech"
    assert explain.quantity("open") == "open"
