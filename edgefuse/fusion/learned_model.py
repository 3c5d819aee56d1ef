"""A trained model as a belief asks it: one run gives p for every subset of what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Context, Model
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.shapley import subsets

_EDGE = 1e-6
"""p is told from here to 1 minus this: log-odds stay finite."""


def read_card(given: Mapping[str, Any], name: str) -> FusionCard:
    """What the store says of a trained model. Raises ModelError."""
    try:
        return FusionCard.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ModelError(f"model '{name}': not the card of a trained model: {told}") from error


@dataclass(slots=True)
class Asked:
    """A loaded model with its card and the classes that are meant."""

    card: FusionCard
    model: Model
    labels: Sequence[str]
    _masks: dict[tuple[str, ...], NDArray[np.float32]] = field(default_factory=dict)
    """By modalities that are there: the mask of every subset."""

    @classmethod
    def load(cls, name: str, card: FusionCard, labels: Sequence[str], context: Context) -> "Asked":
        """Load and compare with the card. Raises ModelError."""
        model = context.models.load(name, context.health)
        expected = {*card.modalities, "mask"}
        if set(model.inputs) != expected or "probability" not in model.outputs:
            raise ModelError(
                f"model '{name}': expected inputs {sorted(expected)} and the output probability, as its card says, "
                f"got {sorted(model.inputs)} and {sorted(model.outputs)}; train it again"
            )
        return cls(card, model, labels)

    @property
    def prior(self) -> float:
        """Log-odds where nothing is known."""
        shares = self.card.prior or [1 / len(self.card.classes)] * len(self.card.classes)
        return float(self._log_odds(np.array([shares]))[0])

    def log_odds(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(2**k,) for every subset of the k modalities in `features`, each (1, *shape), in the order of `subsets`.

        Raises ModelError when the device fails or the numbers are not finite.
        """
        feed: dict[str, NDArray[Any]] = {"mask": self._mask(tuple(features))}
        for name, card in self.card.modalities.items():
            if name in features:
                feed[name] = features[name].astype(card.dtype, copy=False)
            else:
                feed[name] = np.zeros((1, *card.shape), card.dtype)
        try:
            p = self.model.run(feed)["probability"]
        except ValueError as error:
            raise ModelError(f"model '{self.card.name}' does not take what its card says: {error}") from error
        if not np.isfinite(p).all():
            raise ModelError(f"model '{self.card.name}' gave no finite numbers")
        return self._log_odds(p.astype(np.float64))

    def _mask(self, there: tuple[str, ...]) -> NDArray[np.float32]:
        """(2**k, modalities), the columns in the order of the card."""
        known = self._masks.get(there)
        if known is None:
            chosen = subsets(len(there))
            known = np.zeros((len(chosen), len(self.card.modalities)), np.float32)
            for number, name in enumerate(self.card.modalities):
                if name in there:
                    known[:, number] = chosen[:, there.index(name)]
            self._masks[there] = known
        return known

    def operating(self, present: set[str]) -> tuple[tuple[float, float, float], ...]:
        """(threshold, precision, recall) as measured with only these modalities; empty where nobody measured it."""
        if len(self.labels) > 1:
            return ()
        patterns = [each for each in self.card.patterns if set(each.present) == present]
        points = patterns[0].operating.get(self.labels[0], []) if patterns else []
        return tuple((at, precision, recall) for at, precision, recall in points)

    def _log_odds(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = [self.card.classes.index(label) for label in self.labels]
        meant = np.clip(p[:, columns].sum(axis=1), _EDGE, 1 - _EDGE)
        return np.asarray(np.log(meant / (1 - meant)))
