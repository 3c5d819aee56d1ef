"""Event-based figures: an event counts when it is told within 10 s of the onset of an incident of its kind.

After Mesaros, Heittola and Virtanen, "Metrics for polyphonic sound event detection", Applied Sciences 6 (2016), 162:
onset only, one to one; what is told too late is wrong and missed. Repeats while the incident lasts are not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgefuse.corpora.incidents.world import INCIDENTS, World

COLLAR_S = 10.0
AGAIN_S = 30.0
"""An event of a kind is told anew after so long."""


@dataclass
class Tally:
    """One way of telling events, episode by episode."""

    hits: list[list[int]] = field(default_factory=list)
    """Per episode and kind."""
    false: list[list[int]] = field(default_factory=list)
    missed: list[list[int]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    hours: float = 0.0

    def add(self, world: World, events: Sequence[tuple[float, str]]) -> None:
        """Judge the events (second, kind) of one episode."""
        hits, false, missed = ([0] * len(INCIDENTS) for _ in range(3))
        incident = world.incident
        for t, kind in sorted(events):
            place = INCIDENTS.index(kind)
            meant = incident is not None and kind == incident.kind
            if meant and incident and hits[place]:
                continue
            if meant and incident and abs(t - incident.onset) <= COLLAR_S:
                hits[place] = 1
                self.delays.append(t - incident.first)
            else:
                false[place] += 1
        if incident is not None and not hits[INCIDENTS.index(incident.kind)]:
            missed[INCIDENTS.index(incident.kind)] = 1
        self.hits.append(hits)
        self.false.append(false)
        self.missed.append(missed)
        self.hours += world.seconds / 3600

    def counts(self) -> np.ndarray:
        """(episodes, 3, kinds): hits, false, missed."""
        return np.stack([self.hits, self.false, self.missed], axis=1)

    @property
    def f1(self) -> float:
        """Over all kinds."""
        return f1(self.counts().sum((0, 2)))

    @property
    def by_kind(self) -> dict[str, float]:
        """F1 of each kind."""
        return {kind: f1(self.counts()[:, :, n].sum(0)) for n, kind in enumerate(INCIDENTS)}

    @property
    def per_hour(self) -> float:
        """False alarms."""
        return float(np.sum(self.false) / self.hours)

    @property
    def delay(self) -> float:
        """Median, seconds from the first sign."""
        return float(np.median(self.delays)) if self.delays else float("nan")


def f1(counts: np.ndarray) -> float:
    """Of (hits, false, missed)."""
    hits, false, missed = counts
    return float(2 * hits / max(1, 2 * hits + false + missed))


def interval(
    tallies: Sequence[Tally], others: Sequence[Tally] = (), times: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % of the mean F1 of `tallies`, less that of `others`, over bootstraps of the episodes."""
    rng = np.random.default_rng(seed)
    mine, theirs = ([each.counts().sum(2) for each in group] for group in (tallies, others))
    values = []
    for _ in range(times):
        pick = rng.integers(0, len(mine[0]), len(mine[0]))
        values.append(
            np.mean([f1(each[pick].sum(0)) for each in mine])
            - (np.mean([f1(each[pick].sum(0)) for each in theirs]) if theirs else 0)
        )
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def events(times: Sequence[float], p: np.ndarray, thresholds: dict[str, float]) -> list[tuple[float, str]]:
    """Moments at which a belief turns on: (n, kinds) probabilities at (n,) seconds; hysteresis as in the daemon."""
    found = []
    for place, kind in enumerate(INCIDENTS):
        threshold, on, last = thresholds[kind], False, -np.inf
        for t, value in zip(times, p[:, place], strict=True):
            was, on = on, value >= threshold + (-0.05 if on else 0.05)
            if on and not was and t - last >= AGAIN_S:
                found.append((t, kind))
                last = t
    return found
