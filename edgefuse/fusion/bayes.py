"""Naive Bayes in log-odds: needs no model, explains itself, and takes silence for what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from edgefuse.config.models import BeliefConfig, OpenProbability
from edgefuse.core.health import ALIVE
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Decision, HealthChange, Json, Modality, Nanoseconds, Observation
from edgefuse.fusion import explain
from edgefuse.fusion.change import area_of, is_news, since, state_of
from edgefuse.fusion.explain import Share, logit, sigmoid
from edgefuse.fusion.look import Look, found, known_parts


class Evidence(Look):
    """`{from: people, label: person, if_true: .9, if_false: .02}`; with bounds, a test of a sensor's value.

    Without bounds a reading speaks for itself: `smoke: false` is a look that found no smoke.
    """

    above: float | None = None
    below: float | None = None
    equals: float | bool | str | None = None
    if_true: OpenProbability
    """How often this is observed while the belief is true."""
    if_false: OpenProbability
    """How often this is observed while the belief is false."""
    half_life_s: Annotated[float, Field(gt=0)] = 30
    """After this long without a repetition an observation counts half."""
    absence: bool = True
    """A part that looked and found nothing counts against. Only those that say that they looked can: a picture
    without the object, a value outside the bounds, an observation with score 0. Silence never counts."""

    @model_validator(mode="after")
    def _says_something(self) -> "Evidence":
        if self.if_true == self.if_false:
            raise ValueError(f"expected if_true and if_false to differ, got {self.if_true} for both: it says nothing")
        return self

    def log_odds(self, score: float) -> float:
        """Weight of an observation that holds with probability `score`.

        Virtual evidence: Pearl, "Probabilistic Reasoning in Intelligent Systems" (1988), 2.2.2. Score 1 gives
        log(if_true / if_false), .5 gives 0, and 0 is the weight of absence.
        """
        true = score * self.if_true + (1 - score) * (1 - self.if_true)
        false = score * self.if_false + (1 - score) * (1 - self.if_false)
        return log(true / false)

    @property
    def what(self) -> str:
        """What it looks for, in words."""
        return self.label if self.zone is None else f"{self.label} in {self.zone}"

    @property
    def extremes(self) -> tuple[float, float]:
        """Lowest and highest weight it can ever have."""
        seen, unseen = self.log_odds(1), self.log_odds(0) if self.absence else 0.0
        return min(0.0, seen, unseen), max(0.0, seen, unseen)

    @property
    def tests_value(self) -> bool:
        """Whether it is about a value."""
        return self.above is not None or self.below is not None or self.equals is not None

    def holds(self, value: Json) -> bool | None:
        """Whether a value passes the test; None where it cannot be compared."""
        if self.equals is not None and value != self.equals:
            return False
        if self.above is None and self.below is None:
            return True
        if not isinstance(value, int | float):
            return None
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def looks(self, observation: Observation) -> float | None:
        """Score of what it looks for, 0 for looked and found nothing, None where the observation says neither."""
        seen = found(self, observation)
        if not seen:
            return None if seen is None else 0.0
        if not self.tests_value:
            return 0.0 if observation.data.get("value") is False else observation.score
        held = self.holds(observation.data.get("value"))
        return None if held is None else observation.score * held


class BayesConfig(BeliefConfig):
    """`{fuser: bayes, prior: .1, evidence: [...]}`."""

    fuser: Literal["bayes"] = "bayes"
    prior: OpenProbability
    """How likely it is before anything is observed."""
    evidence: Annotated[list[Evidence], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_switch(self) -> "BayesConfig":
        low, high = self.threshold - self.hysteresis, self.threshold + self.hysteresis
        if low <= 0 or high >= 1:
            raise ValueError(
                f"expected threshold +- hysteresis inside 0..1, got {low:g}..{high:g}: it can never switch"
            )
        return self

    def reach(self, missing: frozenset[str]) -> tuple[float, float]:
        """Lowest and highest p that can come out while these parts are down."""
        live = [item.extremes for item in self.evidence if item.from_ not in missing]
        prior = logit(self.prior)
        return sigmoid(prior + sum(low for low, _ in live)), sigmoid(prior + sum(high for _, high in live))


@dataclass(slots=True)
class _Track:
    """What one source last showed of one piece of evidence."""

    seen: Observation | None = None
    score: float = 0.0
    looked: Observation | None = None
    """The last look that found nothing."""

    def take(self, observation: Observation, score: float) -> None:
        """Keep the latest; within one moment the strongest, so that three persons in a frame are one sighting."""
        if score == 0:
            if self.looked is None or observation.end > self.looked.end:
                self.looked = observation
        elif self.seen is None or (observation.end, score) > (self.seen.end, self.score):
            self.seen, self.score = observation, score


@dataclass(slots=True)
class _Item:
    """One piece of evidence with its memory."""

    config: Evidence
    modality: Modality
    tracks: dict[str, _Track] = field(default_factory=dict)
    """By source: two cameras of one detector may look different ways."""

    def share(self, t: Nanoseconds) -> Share:
        """The strongest of its sources at `t`: sightings of one thing are not independent, so they never add up."""
        shares = [self._of(track, t) for track in self.tracks.values()]
        towards = 1 if self.config.if_true > self.config.if_false else -1
        return max(shares, key=lambda share: towards * share.log_odds, default=Share(self.modality, 0.0))

    def _of(self, track: _Track, t: Nanoseconds) -> Share:
        seen, looked = track.seen, track.looked
        fresh = self._faded(t - seen.end) if seen else 0.0
        positive = fresh * self.config.log_odds(track.score) if seen else 0.0
        if looked is None or not self.config.absence or (seen and looked.end <= seen.end):
            negative = 0.0
        else:
            age = max(0, t - looked.end - int(self.config.half_life_s * SECOND))
            negative = (1 - fresh) * self._faded(age) * self.config.log_odds(0)
        found = looked is None or (seen is not None and abs(positive) >= abs(negative))
        behind = seen if found else looked
        return Share(self.modality, positive + negative, self.config.from_, self.config.what, behind, found)

    def _faded(self, age: Nanoseconds) -> float:
        fraction: float = 0.5 ** (max(0, age) / SECOND / self.config.half_life_s)
        return fraction


class Bayes:
    """Adds up what the evidence says in log-odds.

    Per piece of evidence only the latest observation counts (frames of one camera are not independent); it fades with
    its half-life and hands over to the weight of absence while its part goes on looking and finds nothing. A part
    that is not alive, or has said nothing yet, adds 0: unknown is not no.
    """

    Config: ClassVar[type] = BayesConfig

    def __init__(self, config: BayesConfig, context: Context) -> None:
        """Raises ConfigError when evidence comes from a part that is not configured."""
        known_parts(context, {item.from_ for item in config.evidence}, "evidence")
        self._name = context.name
        self._config = config
        self._area = area_of(context.name, config)
        self._prior = logit(config.prior)
        self._items = [_Item(item, context.modalities[item.from_]) for item in config.evidence]
        self._modalities: list[Modality] = sorted({item.modality for item in self._items})
        self._alive: dict[str, bool] = {}
        self._missing: Mapping[str, Sequence[str]] = self._silent()
        self._last: Decision | None = None

    @property
    def parts(self) -> frozenset[str]:
        """Names of the parts that are evidence."""
        return frozenset(item.config.from_ for item in self._items)

    def wants(self, observation: Observation) -> bool:
        """Whether any evidence is about it."""
        return any(
            observation.detector == item.config.from_ and item.config.looks(observation) is not None
            for item in self._items
        )

    def update(self, facts: Sequence[Observation | HealthChange], now: Nanoseconds) -> Sequence[Decision]:
        """Take facts in order of event time; a decision when p moved by .005, or state or missing changed."""
        for fact in facts:
            if isinstance(fact, HealthChange):
                self._alive[fact.part] = fact.state in ALIVE
                self._missing = self._silent()
            else:
                self._take(fact)
        decision = self._decide(now)
        return [] if decision is None else [decision]

    def _take(self, observation: Observation) -> None:
        for item in self._items:
            if observation.detector != item.config.from_:
                continue
            if observation.detector not in self._alive:
                self._alive[observation.detector] = True
                self._missing = self._silent()
            score = item.config.looks(observation)
            if score is not None:
                item.tracks.setdefault(observation.source, _Track()).take(observation, score)

    def _shares(self, t: Nanoseconds) -> list[Share]:
        return [
            item.share(t) if self._alive.get(item.config.from_, False) else Share(item.modality, 0.0)
            for item in self._items
        ]

    def _silent(self) -> Mapping[str, Sequence[str]]:
        """Modality -> its parts, where none of them is alive."""
        parts: dict[str, list[str]] = {modality: [] for modality in self._modalities}
        for item in self._items:
            if item.config.from_ not in parts[item.modality]:
                parts[item.modality].append(item.config.from_)
        return {name: each for name, each in parts.items() if not any(self._alive.get(part, False) for part in each)}

    def _decide(self, t: Nanoseconds) -> Decision | None:
        shares, missing, last = self._shares(t), self._missing, self._last
        added = explain.contributions(shares, self._modalities)
        p = sigmoid(self._prior + sum(added.values()))
        state = state_of(self._config, last, p)
        if not is_news(last, p, state=state, missing=tuple(missing)):
            return None
        self._last = Decision(
            belief=self._name,
            area=self._area,
            t=t,
            p=p,
            state=state,
            since=since(last, t, state=state),
            contributions=added,
            prior=self._prior,
            without=explain.without(self._prior, added),
            missing=tuple(missing),
            evidence=tuple(
                dict.fromkeys(share.observation.id for share in shares if share.observation and share.counts)
            ),
            because=explain.because(shares, missing),
        )
        return self._last
