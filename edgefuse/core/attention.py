"""What the decider knows and a detector needs at once: who is where, and what the device itself is saying."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgefuse.core.types import Nanoseconds


@dataclass(frozen=True, slots=True)
class View:
    """One area as the cameras and things have it."""

    watched: bool = False
    """A live camera looks for people there."""
    person: bool = False
    facing: bool | None = None
    """Whether a person there faces the device; None where no detector tells."""
    television: bool = False
    """Something of kind media is on there."""
    asking: bool = False
    """The device has asked something there and waits for the answer."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """What the device says aloud."""

    text: str
    begin: Nanoseconds
    end: Nanoseconds | None = None
    """None while it is still speaking."""


@dataclass(slots=True)
class Attention:
    """Shared between threads: every field is replaced as a whole, never changed in place."""

    views: Mapping[str, View] = field(default_factory=dict)
    """By area; written by the decider."""
    speaking: Mapping[str, Speaking] = field(default_factory=dict)
    """By area: the latest of each speaker; written by speakers."""
    interrupted: list[Callable[[str], None]] = field(default_factory=list, repr=False)
    """Told the area, on any thread, when somebody says the wake word there: who speaks there stops."""

    def interrupt(self, area: str) -> None:
        """Somebody begins an order in this area."""
        for listener in self.interrupted:
            listener(area)
