import json
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from edgefuse.demo import expected, run
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.learned_config import LearnedConfig
from edgefuse.resources import resource


def beliefs() -> dict[str, Any]:
    text = (Path(run.__file__).parent / "demo.yaml").read_text(encoding="utf-8")
    site = yaml.safe_load(Template(text).substitute(scene="/scene", state="/state", port=1883))
    found: dict[str, Any] = site["beliefs"]
    return found


def test_thresholds_are_those_that_are_expected() -> None:
    """What the expectations call the threshold of a belief is that of the configuration."""
    assert beliefs()["hall.intrusion"]["threshold"] == expected.THRESHOLD
    assert beliefs()["hall.break_in"]["threshold"] == expected.LEARNED_THRESHOLD


def test_learned_belief_fits_the_bundled_model() -> None:
    """Each channel of the model is fed or said to be absent, and its card tells what to expect at the threshold."""
    path = resource("models") / "incidents" / "card.json"
    if not path.exists():
        pytest.skip("models/incidents is not trained here")
    card = FusionCard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    config = LearnedConfig.model_validate(beliefs()["hall.break_in"])

    assert list(config.fits(card)) == []
    whole, blind = (
        next(p for p in card.patterns if set(p.present) == set(known))
        for known in (("audio", "vision", "sensor"), ("audio", "sensor"))
    )
    assert config.threshold in [at for at, _, _ in whole.operating["break_in"]]
    assert whole.operating["break_in"] != blind.operating["break_in"]
