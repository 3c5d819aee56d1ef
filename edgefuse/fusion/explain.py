"""What each piece of evidence adds, per modality and in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from edgefuse.core.types import Json, Modality, Observation

NEGLIGIBLE = 1e-3
"""Log-odds below which a share is not worth a word."""
_ADVERBS = ((4.0, "very strongly "), (2.0, "strongly "), (0.5, ""), (0.0, "slightly "))


@dataclass(frozen=True, slots=True)
class Share:
    """What one piece of evidence adds at one moment."""

    modality: Modality
    log_odds: float
    part: str = ""
    label: str = ""
    """What it looked for."""
    observation: Observation | None = None
    """What it found, or its last look in vain; None when there is nothing behind it."""
    found: bool = True

    @property
    def counts(self) -> bool:
        """Whether it is worth mentioning."""
        return self.observation is not None and abs(self.log_odds) >= NEGLIGIBLE

    @property
    def what(self) -> str:
        """Plain words: `people sees person (93 % sure)`."""
        if self.observation is None:
            return f"{self.part} knows nothing of {self.label}"
        return (sighting if self.found else absence)(self.part, self.label, self.observation)


def logit(p: float) -> float:
    """Log-odds of a probability inside (0, 1)."""
    return log(p / (1 - p))


def sigmoid(log_odds: float) -> float:
    """Probability of log-odds; exact 0 or 1 only where a float cannot tell the difference."""
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    return exp(log_odds) / (1 + exp(log_odds))


def contributions(shares: Iterable[Share], modalities: Sequence[Modality]) -> dict[str, float]:
    """Log-odds that each modality adds, 0 for the silent ones."""
    sums: dict[str, float] = dict.fromkeys(modalities, 0.0)
    for share in shares:
        sums[share.modality] += share.log_odds
    return sums


def without(prior: float, added: Mapping[str, float]) -> dict[str, float]:
    """The probability as it would be without each modality."""
    return {left_out: sigmoid(prior + sum(x for name, x in added.items() if name != left_out)) for left_out in added}


def because(shares: Sequence[Share], missing: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """One sentence per share, strongest first, then one per missing modality (name -> its silent parts)."""
    told = sorted((share for share in shares if share.counts), key=lambda share: -abs(share.log_odds))
    silent = [f"nothing is known from {name}: {', '.join(parts)} not working" for name, parts in missing.items()]
    return (*(f"{share.what}: speaks {weight(share.log_odds)}" for share in told), *silent)


def weight(log_odds: float) -> str:
    """`strongly for it (+2.3)`."""
    adverb = next(word for least, word in _ADVERBS if abs(log_odds) >= least)
    return f"{adverb}{'for' if log_odds > 0 else 'against'} it ({log_odds:+.1f})"


def quantity(value: Json, unit: str = "") -> str:
    """A value as people write it."""
    number = f"{value:.4g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return f"{number} {unit}".rstrip()


def sighting(part: str, label: str, observation: Observation) -> str:
    """What was noticed."""
    data = observation.data
    name = label.replace("_", " ")
    if observation.kind == "utterance" and data.get("text"):
        return f"{part} heard '{data['text']}'"
    if "value" not in data:
        verb = {"vision": "sees", "audio": "hears"}.get(observation.modality, "reports")
        return f"{part} {verb} {name} ({observation.score:.0%} sure)".replace("%", " %")
    return reading(part, label, observation)


def reading(part: str, label: str, observation: Observation) -> str:
    """What a sensor says."""
    value, name = observation.data.get("value"), label.replace("_", " ")
    if isinstance(value, bool):
        return f"{part} reports {'' if value else 'no '}{name}"
    return f"{part} reports {name} {quantity(value, str(observation.data.get('unit') or ''))}"


def absence(part: str, label: str, observation: Observation) -> str:
    """What was looked for and not found."""
    if "value" in observation.data:
        return reading(part, label, observation)
    verb = {"vision": "sees", "audio": "hears"}.get(observation.modality, "reports")
    return f"{part} {verb} no {label.replace('_', ' ')}"
