"""A belief of a trained model: says which modality counts for how much, and what it would say without each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.health import ALIVE
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Decision, HealthChange, Nanoseconds, Observation
from edgefuse.fusion import explain
from edgefuse.fusion.bayes import Bayes
from edgefuse.fusion.change import area_of, is_news, since, state_of
from edgefuse.fusion.channels import Channels, ModalityWindow, Sight, by_part, windows
from edgefuse.fusion.explain import sigmoid
from edgefuse.fusion.learned_config import LearnedConfig
from edgefuse.fusion.learned_model import Asked, read_card
from edgefuse.fusion.look import known_parts, value_of
from edgefuse.fusion.shapley import shapley, without

_AGAIN: Nanoseconds = 60 * SECOND
"""After a failed run the model is asked again no sooner."""


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What the model said at one moment; of the modalities that are fed at all."""

    sights: Mapping[str, Sight]
    prior: float
    added: Mapping[str, float]
    without: Mapping[str, float]
    operating: tuple[tuple[float, float, float], ...]

    @property
    def silent(self) -> dict[str, str]:
        """Modality -> why it cannot speak."""
        return {name: self.sights[name].why for name in self.added if self.sights[name].why}


class Learned:
    """Asks a trained model whenever what it would be told has changed.

    A modality is masked, and named as missing, while its part is not alive, has told nothing for too long, or tells
    what is far from anything in the training data. Contributions are Shapley values in log-odds; with the prior, which
    is what the model says when everything is masked, they sum to the log-odds of p.
    """

    Config: ClassVar[type] = LearnedConfig

    def __init__(self, config: LearnedConfig, context: Context) -> None:
        """Raises ConfigError for parts or channels that are not there; ModelError where nothing else can decide."""
        self._config, self._name = config, context.name
        self._area = area_of(context.name, config)
        self._health = context.health
        known_parts(context, {look.from_ for look in config.inputs.values() if look}, "inputs")
        spare = config.spare()
        self._spare = None if spare is None else Bayes(spare, context)
        self._spared: Decision | None = None
        self._asked: Asked | None = None
        self._broken = ""
        self._windows: list[ModalityWindow] = []
        self._channels: Channels = {}
        try:
            self._load(context)
        except ModelError as error:
            if self._spare is None:
                raise
            self._broken = str(error)
        self._alive: dict[str, bool] = {}
        self._heard = False
        self._said: _Judgement | None = None
        self._told: _Judgement | None = None
        self._changed, self._due = True, 0
        self._last: Decision | None = None
        self._why: str | None = None

    def _load(self, context: Context) -> None:
        name = self._config.model
        card = read_card(context.models.card(name), name)
        if faults := [f"beliefs.{self._name}.{'.'.join(path)}: {told}" for path, told in self._config.fits(card)]:
            raise ConfigError(*faults)
        self._windows = windows(card.modalities, self._config.inputs)
        self._channels = by_part(self._windows)
        self._asked = Asked.load(name, card, self._config.labels, context)

    @staticmethod
    def models(config: LearnedConfig) -> list[str]:
        """Names of the models that it loads."""
        return [config.model]

    @property
    def parts(self) -> frozenset[str]:
        """Names of the parts that it is fed by, or that decide otherwise."""
        fed = frozenset(look.from_ for look in self._config.inputs.values() if look)
        return fed | (self._spare.parts if self._spare else frozenset())

    def wants(self, observation: Observation) -> bool:
        """Whether an input or the evidence of `otherwise` is about it."""
        looks = [look for look in self._config.inputs.values() if look and look.from_ == observation.detector]
        told = any(value_of(look, observation) is not None for look in looks)
        return told or (self._spare is not None and self._spare.wants(observation))

    def update(self, facts: Sequence[Observation | HealthChange], now: Nanoseconds) -> Sequence[Decision]:
        """Take facts in order of event time; a decision when p moved by .005, or state or missing changed."""
        for fact in facts:
            if isinstance(fact, HealthChange):
                self._health_of(fact.part, fact.t, alive=fact.state in ALIVE)
            else:
                self._take(fact)
        if self._spare is not None:
            self._spared = next(iter(self._spare.update(facts, now)), self._spared)
        if self._asked is not None and (now >= self._due or (self._changed and not self._broken)):
            self._judge(self._asked, now)
        decision = self._decide(now)
        return [] if decision is None else [decision]

    def _health_of(self, part: str, t: Nanoseconds, *, alive: bool) -> None:
        if self._alive.get(part) != alive:
            self._alive[part], self._changed = alive, True
            for window in self._windows:
                window.alive(part, t, alive=alive)

    def _take(self, observation: Observation) -> None:
        name, label = observation.detector, None if observation.kind == "scene" else observation.label
        told = [channel.take(observation) for channel in self._channels.get((name, label), ())]
        if any(told):
            self._changed = self._heard = True
            if observation.detector not in self._alive:
                self._health_of(observation.detector, observation.end, alive=True)

    def _judge(self, asked: Asked, now: Nanoseconds) -> None:
        """Look at the windows that end now, and ask unless they are what they were."""
        step = min(channel.step for window in self._windows for channel in window.channels)
        self._changed, self._due = False, (now // step + 1) * step
        sights = {window.name: window.look(now) for window in self._windows}
        if self._said is not None and _same(self._said.sights, sights):
            return
        try:
            self._said, self._broken = self._ask(asked, sights), ""
        except ModelError as error:
            self._said, self._broken, self._due = None, str(error), now + _AGAIN

    def _ask(self, asked: Asked, sights: Mapping[str, Sight]) -> _Judgement:
        live = [window for window in self._windows if not sights[window.name].why]
        values = asked.log_odds({window.name: window.features(sights[window.name].raw[None]) for window in live})
        names, fed = [window.name for window in live], [window.name for window in self._windows if window.wanted]
        return _Judgement(
            sights,
            prior=float(values[0]),
            added=dict.fromkeys(fed, 0.0) | dict(zip(names, shapley(values).tolist(), strict=True)),
            without=dict.fromkeys(fed, sigmoid(float(values[-1])))
            | {name: sigmoid(value) for name, value in zip(names, without(values).tolist(), strict=True)},
            operating=asked.operating(set(names)),
        )

    def _decide(self, t: Nanoseconds) -> Decision | None:
        why = self._trouble()
        if not why and self._said is self._told:
            return None
        self._told = self._said
        found = self._of_model(t) if not why else self._otherwise(t, why)
        state = state_of(self._config, self._last, found.p)
        if why == self._why and not is_news(self._last, found.p, state=state, missing=found.missing):
            return None
        if why != self._why:
            self._health.info["learned"] = {"model": self._config.model, "asked": not why, "why": why}
            waits = self._said is not None and not self._heard
            self._health.set("ok" if not why else "starting" if waits else "degraded", why)
        self._why = why
        self._last = replace(found, state=state, since=since(self._last, t, state=state))
        return self._last

    def _trouble(self) -> str:
        """Why the model cannot decide; empty where it can."""
        if self._said is None:
            return f"the model {self._config.model} cannot be asked: {self._broken}"
        silent = self._said.silent
        if len(silent) < len(self._said.added):
            return ""
        told = "; ".join(f"{name}: {why}" for name, why in silent.items())
        return f"the model {self._config.model} is not asked, as nothing is known ({told})"

    def _of_model(self, t: Nanoseconds) -> Decision:
        said = self._said
        assert said is not None
        p = sigmoid(said.prior + sum(said.added.values()))
        heard = [told for window in self._speaking(said) for told in window.latest(t)]
        return Decision(
            self._name,
            self._area,
            t,
            p,
            state=False,
            since=t,
            contributions=said.added,
            prior=said.prior,
            without=said.without,
            missing=tuple(said.silent),
            evidence=tuple(dict.fromkeys(observation.id for _, observation in heard)),
            operating=said.operating,
            because=tuple(self._sentences(said, t)),
        )

    def _otherwise(self, t: Nanoseconds, why: str) -> Decision:
        """What is believed without the model; `why` is said."""
        if self._spared is not None:
            return replace(self._spared, t=t, because=(*self._spared.because, why))
        fed = [window.name for window in self._windows if window.wanted]
        prior = self._asked.prior if self._asked else 0.0
        nothing, p = dict.fromkeys(fed, 0.0), sigmoid(prior)
        stays = dict.fromkeys(fed, p)
        return Decision(
            self._name,
            self._area,
            t,
            p,
            state=False,
            since=t,
            contributions=nothing,
            prior=prior,
            without=stays,
            missing=tuple(fed),
            evidence=(),
            because=(why,),
        )

    def _speaking(self, said: _Judgement) -> list[ModalityWindow]:
        """Modalities whose word counts, the strongest first."""
        counted = [window for window in self._windows if abs(said.added.get(window.name, 0)) >= explain.NEGLIGIBLE]
        return sorted(counted, key=lambda window: -abs(said.added[window.name]))

    def _sentences(self, said: _Judgement, t: Nanoseconds) -> list[str]:
        told = [
            f"{window.name} speaks {explain.weight(said.added[window.name])}: {_told(window, t)}"
            for window in self._speaking(said)
        ]
        doubts = [each for name, sight in said.sights.items() if name not in said.silent for each in sight.doubts]
        return [*told, *doubts, *(f"nothing is known from {name}: {why}" for name, why in said.silent.items())]


def _told(window: ModalityWindow, t: Nanoseconds) -> str:
    """What the parts of a modality told last; a picture without what is looked for is told as that."""
    told = [
        (explain.absence if each.kind == "scene" else explain.sighting)(part, label, each)
        for (part, label), each in window.latest(t)
    ]
    return ", ".join(told) or "nothing was noticed"


def _same(one: Mapping[str, Sight], other: Mapping[str, Sight]) -> bool:
    return all(
        sight.why == other[name].why and np.array_equal(sight.raw, other[name].raw, equal_nan=True)
        for name, sight in one.items()
    )
