"""The same facts for every way of deciding, each asked once a second: log-odds, rules by hand, a trained model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import yaml
from streams import LATE, PARTS, Arrival

from edgefuse.config.models import Device, Site
from edgefuse.core.types import SECOND, Decision, HealthChange, Observation
from edgefuse.corpora.incidents import CLASSES
from edgefuse.corpora.incidents.home import CHANNELS
from edgefuse.corpora.incidents.world import INCIDENTS
from edgefuse.fusion.bayes import Bayes, BayesConfig
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.channels import windows
from edgefuse.fusion.learned import Learned
from edgefuse.fusion.learned_config import LearnedConfig
from edgefuse.fusion.look import Look
from edgefuse.fusion.window import Window
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState
from edgefuse.testing.fakes import FakeClock, make_context

HOME: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "home.yaml").read_text(encoding="utf-8"))
_AFTER = 4
"""Seconds after the end of an episode in which late facts are still taken."""
_UNASKED = {"sound", "pose"}
"""Kinds that rules know through beliefs alone."""


def site(rules: Sequence[Mapping[str, Any]]) -> Site:
    """The home with these rules."""
    return Site.model_validate({"device": {"id": "bench", "area": "hall"}, "rules": rules})


def bayes(name: str, config: Mapping[str, Any]) -> Bayes:
    """A belief in log-odds."""
    context = make_context(f"hall.{name}", modalities=dict(PARTS), site=Site(device=Device(id="bench", area="hall")))
    return Bayes(BayesConfig.model_validate({"fuser": "bayes", **config}), context)


@dataclass
class Told:
    """What one episode led to."""

    seconds: list[float] = field(default_factory=list)
    p: list[list[float]] = field(default_factory=list)
    """(seconds, kinds) in log-odds' beliefs."""
    events: list[tuple[float, str]] = field(default_factory=list)
    """By the rules."""


def by_hand(facts: Sequence[Arrival], seconds: int, *, rules: bool = True) -> Told:
    """Beliefs in log-odds, and the rules with their helpers."""
    fusers = {name: bayes(name, each) for name, each in HOME["beliefs"].items()}
    helpers = {name: bayes(name, each) for name, each in HOME["helpers"].items()} if rules else {}
    both = {**{f"belief/{name}": each for name, each in fusers.items()}, **helpers}
    queues = {name: Window({part: LATE[part] for part in sorted(fuser.parts)}) for name, fuser in both.items()}
    engine, state, clock, out = Engine(site(HOME["rules"])), RuleState(), FakeClock(), Told()
    latest = dict.fromkeys(HOME["beliefs"], 0.0)
    for now, batch in _by_second(facts, seconds):
        decisions = []
        for name, fuser in both.items():
            _add(queues[name], batch, fuser)
            mark = queues[name].advance(now)
            decisions += [(name, each) for each in fuser.update(queues[name].take(mark), mark)]
        latest |= {name.removeprefix("belief/"): each.p for name, each in decisions if name.startswith("belief/")}
        out.seconds.append(now / SECOND)
        out.p.append([latest[kind] for kind in INCIDENTS])
        if not rules:
            continue
        known = [each.fact for each in batch if getattr(each.fact, "kind", "") not in _UNASKED]
        renamed = [named(each, name) for name, each in decisions if name in helpers]
        state, actions = engine.step(state, [*known, *renamed], now, clock.start + timedelta(seconds=now / SECOND))
        out.events += [(now / SECOND, action.name) for action in actions]
    return out


def named(decision: Decision, name: str) -> Decision:
    """The same under another name."""
    return replace(decision, belief=name)


def _add(queue: Window, batch: Sequence[Arrival], fuser: Bayes) -> None:
    for each in batch:
        if each.part not in queue.lateness:
            continue
        if isinstance(each.fact, HealthChange):
            queue.alive(each.part, alive=each.fact.state == "ok")
            queue.add(each.fact)
        else:
            queue.reported(each.part, each.fact.end)
            if fuser.wants(each.fact):
                queue.add(each.fact)


def _by_second(facts: Sequence[Arrival], seconds: int) -> list[tuple[int, list[Arrival]]]:
    batches: list[tuple[int, list[Arrival]]] = [(t * SECOND, []) for t in range(seconds + _AFTER)]
    for each in facts:
        place = max(0, -(-each.t // SECOND))
        if place < len(batches):
            batches[place][1].append(each)
    return batches


def by_rules(facts: Sequence[Arrival], seconds: int, rules: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Rules alone, on readings."""
    engine, state, clock, found = Engine(site(rules)), RuleState(), FakeClock(), []
    for now, batch in _by_second(facts, seconds):
        known = [each.fact for each in batch]
        state, actions = engine.step(state, known, now, clock.start + timedelta(seconds=now / SECOND))
        found += [(now / SECOND, action.name) for action in actions]
    return found


INPUTS = {
    channel.name: Look.model_validate({"from": channel.part, "label": channel.label})
    for channels in CHANNELS.values()
    for channel in channels
}
"""Channel of the model -> what tells it, as in the configuration of a belief `fuser: learned`."""


class Trained:
    """The model as the fuser `learned` would ask it, for all moments and patterns at once."""

    def __init__(self, folder: Path) -> None:
        self.card = FusionCard.model_validate_json((folder / "card.json").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        singles = folder / "singles.onnx"
        self.singles = onnxruntime.InferenceSession(singles, options) if singles.exists() else None

    def looks(self, facts: Sequence[Arrival], seconds: int) -> tuple[list[float], dict[str, np.ndarray], np.ndarray]:
        """Seconds, features per modality (seconds, *shape), and which modality can speak (seconds, modalities)."""
        views = windows(self.card.modalities, INPUTS)
        by_part: dict[str, list[Any]] = {}
        for view in views:
            for channel in view.channels:
                by_part.setdefault(channel.look.from_, []).append(channel)
        queue = Window({part: LATE[part] for part in sorted(by_part)})
        times, raws, there = [], {view.name: [] for view in views}, []
        for now, batch in _by_second(facts, seconds):
            for each in batch:
                if isinstance(each.fact, Observation):
                    queue.reported(each.part, each.fact.end)
                else:
                    queue.alive(each.part, alive=each.fact.state == "ok")
                queue.add(each.fact)
            mark = queue.advance(now)
            for fact in queue.take(mark):
                self._take(fact, views, by_part)
            sights = {view.name: view.look(mark) for view in views}
            times.append(now / SECOND)
            there.append([not sights[view.name].why for view in views])
            for name, sight in sights.items():
                raws[name].append(sight.raw)
        return (
            times,
            {view.name: view.features(np.stack(raws[view.name])) for view in views},
            np.array(there, np.float32),
        )

    @staticmethod
    def _take(fact: Observation | HealthChange, views: Sequence[Any], by_part: Mapping[str, Any]) -> None:
        if isinstance(fact, HealthChange):
            for view in views:
                view.alive(fact.part, fact.t, alive=fact.state == "ok")
        else:
            for channel in by_part.get(fact.detector, ()):
                channel.take(fact)

    def probabilities(self, features: Mapping[str, np.ndarray], mask: np.ndarray) -> np.ndarray:
        """(n, kinds)."""
        feed = {**features, "mask": mask}
        columns = [self.card.classes.index(kind) for kind in INCIDENTS]
        return self._session.run(["probability"], feed)[0][:, columns]

    def alone(self, features: Mapping[str, np.ndarray], mask: np.ndarray, modality: str) -> np.ndarray:
        """(n, kinds) of the network of one modality that was trained alone."""
        names = {each.name for each in self.singles.get_inputs()}
        feed = {name: value for name, value in {**features, "mask": mask}.items() if name in names}
        log_p = self.singles.run([f"single_{modality}"], feed)[0]
        here = mask[:, list(self.card.modalities).index(modality)][:, None]
        return np.exp(log_p[:, [CLASSES.index(kind) for kind in INCIDENTS]]) * here


class _Store:
    """A model store with one model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        self.inputs = {each.name: tuple(each.shape) for each in self._session.get_inputs()}
        self.outputs = {each.name: tuple(each.shape) for each in self._session.get_outputs()}
        self.runs_on = "onnxruntime"

    def card(self, name: str) -> dict[str, Any]:
        del name
        return json.loads((self._folder / "card.json").read_text(encoding="utf-8"))

    def load(self, name: str, health: Any, threads: int | None = None) -> "_Store":
        del name, health, threads
        return self

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(self.outputs, self._session.run(None, dict(inputs)), strict=True))

    def close(self) -> None:
        """Nothing to free."""


def difference(folder: Path, facts: Sequence[Arrival], seconds: int, kind: str) -> float:
    """Largest difference in p between the fuser `learned`, asked every second, and what this bench computes at once."""
    model, place = Trained(folder), INCIDENTS.index(kind)
    _, features, there = model.looks(facts, seconds)
    expected = model.probabilities(features, there)[:, place]
    inputs = {name: look.model_dump(by_alias=True) for name, look in INPUTS.items()}
    config = LearnedConfig.model_validate({"model": "incidents", "label": kind, "inputs": inputs, "learn": False})
    fuser = Learned(config, make_context(f"hall.{kind}", models=_Store(folder), modalities=dict(PARTS)))
    queue, p, worst = Window({part: LATE[part] for part in sorted(fuser.parts)}), np.nan, 0.0
    for (now, batch), wanted in zip(_by_second(facts, seconds), expected, strict=True):
        _add(queue, batch, fuser)
        mark = queue.advance(now)
        for decision in fuser.update(queue.take(mark), mark):
            p = decision.p
        worst = max(worst, abs(p - float(wanted))) if now > 0 else worst
    return worst
