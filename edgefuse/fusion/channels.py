"""What is remembered of each channel of a learned belief, and the windows of its modalities at one moment."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.types import SECOND, Nanoseconds, Observation
from edgefuse.fusion.card import ModalityCard
from edgefuse.fusion.features.build import Feature, build
from edgefuse.fusion.features.grid import GridOptions, present, sample_all
from edgefuse.fusion.look import Look, value_of

_PER_STEP = 16
"""Values that are kept per step: of a part that tells more, those in between are forgotten."""
_SILENT = (array("q"), array("d"))
_FAR = 1.0
"""Beyond the range of the training data by more than so many times its width: a value is not believed."""


@dataclass(slots=True)
class Channel:
    """The latest values of one channel; bounded by time and by number."""

    name: str
    look: Look | None
    """None where the user has no such part."""
    span: Nanoseconds
    """What is older than this can never be looked at."""
    step: Nanoseconds
    alive: bool = False
    latest: Observation | None = None
    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def take(self, observation: Observation) -> bool:
        """Note what it tells; False where it tells nothing of this channel."""
        if self.look is None or observation.detector != self.look.from_:
            return False
        value = value_of(self.look, observation)
        if value is None:
            return False
        if self.latest is not None and observation.end == self.latest.end and "value" not in observation.data:
            value = max(value, self.values[-1])  # three persons in a frame are one sighting
        self.put(observation.end, value)
        if self.latest is None or observation.end >= self.latest.end:
            self.latest = observation
        return True

    def put(self, t: Nanoseconds, value: float) -> None:
        """Keep a value in its place in time."""
        at = bisect_right(self.times, t)
        if at == len(self.times) > 1 and t - self.times[-2] < self.step // _PER_STEP:
            del self.times[-1], self.values[-1]
            at -= 1
        self.times.insert(at, t)
        self.values.insert(at, value)
        old = bisect_right(self.times, self.times[-1] - self.span) - 1
        if old > 0:
            del self.times[:old], self.values[:old]


@dataclass(slots=True)
class Sight:
    """One modality at one moment."""

    raw: NDArray[np.float32]
    """(steps, channels)"""
    why: str = ""
    """Why it cannot speak; empty where it can."""
    doubts: tuple[str, ...] = ()
    """Channels that are not believed, and why."""


@dataclass(slots=True)
class ModalityWindow:
    """One modality of the model."""

    name: str
    options: GridOptions
    features: Feature
    channels: list[Channel]
    seen: Sequence[tuple[float, float]]
    """Least and greatest value of each channel in the training data; empty where nobody noted it."""

    @property
    def wanted(self) -> bool:
        """Whether the user feeds it at all."""
        return any(channel.look is not None for channel in self.channels)

    def latest(self, now: Nanoseconds) -> list[tuple[tuple[str, str], Observation]]:
        """((part, label), observation): what each channel that works told last, within the window."""
        told = [(c.look, c.latest, c.span) for c in self.channels if c.look and c.alive and c.latest]
        return [((look.from_, look.label), latest) for look, latest, span in told if now - latest.end <= span]

    def alive(self, part: str, t: Nanoseconds, *, alive: bool) -> None:
        """Note whether a part works; a channel that rests at a value rests from then on."""
        for channel in self.channels:
            if channel.look is None or channel.look.from_ != part:
                continue
            rest = self.options.rest.get(channel.name)
            if alive and not channel.alive and rest is not None:
                channel.put(t, rest)
            channel.alive = alive

    def look(self, now: Nanoseconds) -> Sight:
        """The window that ends now, and whether the model can be asked about it."""
        times, hold = self.options.times(now), round(self.options.hold_s * SECOND)
        rests = [self.options.rest.get(each.name, float("nan")) for each in self.channels]
        told = [(each.times, each.values) if each.alive else _SILENT for each in self.channels]
        raw = sample_all([each for each, _ in told], [each for _, each in told], times, hold, rests)
        far = self._far(raw[-1])
        raw[:, list(far)] = np.nan
        return Sight(raw, self._silent(raw, far), tuple(far.values()))

    def _silent(self, raw: NDArray[np.float32], far: Mapping[int, str]) -> str:
        if present(raw[None], partial=self.options.partial)[0]:
            return ""
        dead = sorted({each.look.from_ for each in self.channels if each.look and not each.alive})
        if dead:
            return f"{', '.join(dead)} not working"
        if far:
            return "; ".join(far.values())
        lacking = [each.name for each, value in zip(self.channels, raw[-1], strict=True) if np.isnan(value)]
        return f"no {', '.join(lacking)} within {self.options.hold_s:g} s"

    def _far(self, values: NDArray[np.float32]) -> dict[int, str]:
        """Channel -> why its value is not believed."""
        found = {}
        for number, (channel, value) in enumerate(zip(self.channels, values.tolist(), strict=True)):
            low, high = self._believed(number)
            if value < low or value > high:
                told = f"{channel.name} {value:.4g} is far from what the model knows"
                found[number] = f"{told} ({low:.4g} to {high:.4g} is believed)"
        return found

    def _believed(self, number: int) -> tuple[float, float]:
        low, high = self.seen[number] if self.seen else (-np.inf, np.inf)
        margin = _FAR * (high - low)
        return self.options.valid.get(self.channels[number].name, (low - margin, high + margin))


def windows(modalities: Mapping[str, ModalityCard], inputs: Mapping[str, Look | None]) -> list[ModalityWindow]:
    """A window per modality of a card, fed as `inputs` says. Raises ModelError for features that need more."""
    found = []
    for name, card in modalities.items():
        if card.features.kind != "grid":
            raise ModelError(
                f"modality '{name}' takes features of kind '{card.features.kind}': a belief can only be fed with 'grid'"
            )
        options = GridOptions.model_validate(card.features.options)
        step, hold = round(options.step_s * SECOND), round(options.hold_s * SECOND)
        channels = [Channel(each, inputs.get(each), options.span + hold + step, step) for each in options.channels]
        found.append(ModalityWindow(name, options, build(card.features), channels, card.seen))
    return found


Channels: TypeAlias = dict[tuple[str, str | None], list[Channel]]
"""(part, label) -> channels that an observation with this label may feed; None: a look that saw none at all."""


def by_part(modalities: Sequence[ModalityWindow]) -> Channels:
    """Channels by what feeds them."""
    found: Channels = {}
    for channel in (channel for window in modalities for channel in window.channels):
        if channel.look is not None:
            found.setdefault((channel.look.from_, channel.look.label), []).append(channel)
            found.setdefault((channel.look.from_, None), []).append(channel)
    return found
