"""How a belief of a trained model is configured, and whether that fits the model."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgefuse.config.models import BeliefConfig, Name, OpenProbability, Strict
from edgefuse.fusion.bayes import BayesConfig, Evidence
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.look import Look
from edgefuse.fusion.shapley import MOST


class Otherwise(Strict):
    """`{prior: .1, evidence: [...]}`: naive Bayes while the model cannot be asked."""

    prior: OpenProbability
    evidence: Annotated[list[Evidence], Field(min_length=1)]


class LearnedConfig(BeliefConfig):
    """`{fuser: learned, model: occupancy, label: occupied, inputs: {co2: {from: climate, label: co2}}}`."""

    fuser: Literal["learned"] = "learned"
    model: Name
    """Name of a trained model, see `edgefuse models list`."""
    label: str | list[str]
    """The class of the model that is believed in; of several any one."""
    inputs: Annotated[dict[str, Look | None], Field(min_length=1)]
    """Channel of the model -> what tells it; null: nothing here does."""
    otherwise: Otherwise | None = None
    """Without it the belief stays at the model's prior while the model cannot be asked."""

    @model_validator(mode="after")
    def _is_fed(self) -> "LearnedConfig":
        if not any(self.inputs.values()):
            raise ValueError("expected at least one input that is not null")
        if self.otherwise is not None:
            self.spare()
        return self

    @property
    def labels(self) -> list[str]:
        """Always a list."""
        return [self.label] if isinstance(self.label, str) else self.label

    def spare(self) -> BayesConfig | None:
        """What decides while the model cannot be asked."""
        if self.otherwise is None:
            return None
        common = {name: getattr(self, name) for name in BeliefConfig.model_fields if name != "fuser"}
        return BayesConfig(**common, prior=self.otherwise.prior, evidence=self.otherwise.evidence)

    def reach(self, missing: frozenset[str]) -> tuple[float, float]:
        """Lowest and highest p that can come out while these parts are down; with nothing left it stays unknown."""
        if any(look is not None and look.from_ not in missing for look in self.inputs.values()):
            return 0.0, 1.0
        spare = self.spare()
        return (1.0, 0.0) if spare is None else spare.reach(missing)

    def fits(self, card: FusionCard) -> Iterator[tuple[tuple[str, ...], str]]:
        """What of this does not fit the card of the model: (place, message)."""
        for label in self.labels:
            if label not in card.classes:
                yield ("label",), f"expected a class of '{self.model}' ({', '.join(card.classes)}), got '{label}'"
        others = [name for name, each in card.modalities.items() if each.features.kind != "grid"]
        if others or len(card.modalities) > MOST:
            wanted = f"a model that is fed with observations, of at most {MOST} modalities"
            got = f"takes {', '.join(others)} itself" if others else f"has {len(card.modalities)}"
            yield ("model",), f"expected {wanted}; '{self.model}' {got}"
            return
        channels = [each for one in card.modalities.values() for each in one.features.options.get("channels", ())]
        if missing := [channel for channel in channels if channel not in self.inputs]:
            told = f"every channel of '{self.model}', null where nothing tells it; missing: {', '.join(missing)}"
            yield ("inputs",), f"expected {told}"
        for channel in self.inputs:
            if channel not in channels:
                yield (
                    ("inputs", channel),
                    f"expected a channel of '{self.model}' ({', '.join(channels)}), got '{channel}'",
                )
