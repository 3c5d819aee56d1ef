"""What tests of fusion share: fusers without a site around them, and observations in one line."""

from collections.abc import Callable
from typing import Any

import pytest

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, HealthChange, HealthState, Modality, Observation, observation_id
from edgefuse.fusion.bayes import Bayes, BayesConfig

MODALITIES: dict[str, Modality] = {"people": "vision", "voice": "audio", "smoke": "sensor", "climate": "sensor"}
PERSON = {"from": "people", "label": "person", "if_true": 0.9, "if_false": 0.02, "half_life_s": 10}
SPEECH = {"from": "voice", "label": "speech", "if_true": 0.6, "if_false": 0.05, "half_life_s": 20}
SMOKE = {"from": "smoke", "label": "smoke", "equals": True, "if_true": 0.95, "if_false": 0.01, "half_life_s": 60}


@pytest.fixture
def bayes() -> Callable[..., Bayes]:
    """A fuser from pieces of evidence."""

    def make(*evidence: dict[str, Any], name: str = "hall.occupied", prior: float = 0.1, **more: Any) -> Bayes:
        config = BayesConfig.model_validate({"prior": prior, "evidence": evidence, **more})
        nothing: Any = None
        context = Context(name, nothing, PartHealth(name, "belief"), nothing, nothing, nothing, MODALITIES)
        return Bayes(config, context)

    return make


@pytest.fixture
def see() -> Callable[..., Observation]:
    """An observation at a time in seconds."""

    def make(
        detector: str, label: str, at: float, score: float = 1.0, kind: str = "object", **data: Any
    ) -> Observation:
        t, source = round(at * SECOND), data.pop("source", f"{detector}_source")
        name = observation_id(detector, source, t, data.pop("n", 0))
        return Observation(name, detector, source, MODALITIES[detector], kind, label, score, t, t, "hall", data)

    return make


@pytest.fixture
def health() -> Callable[..., HealthChange]:
    """A change of health at a time in seconds."""

    def make(part: str, state: HealthState, at: float) -> HealthChange:
        return HealthChange(part, state, "", round(at * SECOND))

    return make
