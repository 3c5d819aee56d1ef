"""What was said before, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from edgefuse.core.types import Nanoseconds
from edgefuse.grounding.order import Order
from edgefuse.grounding.scene import ThingState

Asking: TypeAlias = Literal["", "which", "confirm"]
Refusal: TypeAlias = Literal[
    "",
    "nothing",  # no such thing, or none there
    "unable",  # the thing cannot do that
    "unsure",  # too unlikely, and nothing to ask between
    "unseen",  # the stake is high and nobody is seen near the microphone
    "denied",  # a negation: do not ...
    "forgotten",  # speaks of something said before, and nothing was
]


@dataclass(frozen=True, slots=True)
class Grounding:
    """What is meant by one order: things, or a question, or a refusal."""

    targets: tuple[str, ...] = ()
    """Keys of things."""
    p: float = 1.0
    """Probability that exactly they are meant; 1 where nothing had to be found."""
    area: str | None = None
    asking: Asking = ""
    """`which` of the candidates, or whether the candidates are to be done at all."""
    candidates: tuple[str, ...] = ()
    refused: Refusal = ""
    because: tuple[str, ...] = ()
    """English sentences, strongest first."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """What resolving adds to the slots: `level` or `temperature` of a `raise` or `lower`, `level.<key>` where things
    end up differently; `intent` where another payload does it (`turn_off` for `toggle`, `open` for `raise`)."""

    @property
    def target(self) -> str | None:
        """The thing, where it is one."""
        return self.targets[0] if len(self.targets) == 1 else None

    @property
    def acts(self) -> bool:
        """Whether the order is to be done."""
        return not self.asking and not self.refused


@dataclass(frozen=True, slots=True)
class Exchange:
    """One order and what it was taken for."""

    t: Nanoseconds
    here: str | None
    """Area of the microphone."""
    order: Order
    grounding: Grounding
    before: Mapping[str, ThingState] = field(default_factory=dict)
    """How its targets stood: what undoing it goes back to."""


History: TypeAlias = tuple[Exchange, ...]
"""Of one area, newest last, none older than `dialogue.remember_s`."""
