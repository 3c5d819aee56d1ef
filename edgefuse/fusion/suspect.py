"""Contradiction: which modality says the opposite of all the others, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgefuse.core.types import Nanoseconds

OPINION = 0.5
"""Log-odds from which a modality says something."""
_FEWEST_OTHERS = 2


def contradicting(contributions: Mapping[str, float]) -> str | None:
    """The one modality that speaks against at least two others that agree; None where there is no such one.

    `contributions` are log-odds. Two that disagree with each other leave open who is wrong, so neither is named.
    """
    told = {name: value for name, value in contributions.items() if abs(value) >= OPINION}
    for name, value in told.items():
        others = [other > 0 for each, other in told.items() if each != name]
        if len(others) >= _FEWEST_OTHERS and all(other != (value > 0) for other in others):
            return name
    return None


@dataclass(slots=True)
class Contradiction:
    """Remembers since when one modality has contradicted the others."""

    after: Nanoseconds
    """How long is long."""
    _name: str | None = field(default=None, init=False)
    _since: Nanoseconds = field(default=0, init=False)

    def take(self, contributions: Mapping[str, float], t: Nanoseconds) -> None:
        """Note what each modality says at `t`."""
        name = contradicting(contributions)
        if name != self._name:
            self._name, self._since = name, t

    def suspects(self, t: Nanoseconds) -> tuple[str, ...]:
        """Who is suspect at `t`."""
        return (self._name,) if self._name is not None and t - self._since >= self.after else ()
