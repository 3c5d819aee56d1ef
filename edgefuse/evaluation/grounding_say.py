"""`edgefuse say`: what a sentence would do in a home, and why. Nothing is published."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from edgefuse.app.build import read_site
from edgefuse.config.models import Site
from edgefuse.core.types import Json, Message, Observation
from edgefuse.evaluation.grounding_cases import read_scene_file
from edgefuse.evaluation.grounding_run import Heard, Pipeline, facts_of
from edgefuse.evaluation.grounding_scene import SceneSpec
from edgefuse.grounding.asked import asked
from edgefuse.grounding.candidates import pool
from edgefuse.grounding.dialogue.utterances import utterance
from edgefuse.grounding.evidence import rank
from edgefuse.grounding.order import Order
from edgefuse.grounding.scene import Scene
from edgefuse.grounding.several import plural
from edgefuse.publishers.topics import Topics
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.rules.state import arm


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a sentence."""

    text: str
    site: Site
    heard: Heard
    messages: tuple[Message, ...]
    acted_upon: bool
    """Whether a rule takes it for an order."""

    def to_json(self) -> dict[str, Json]:
        """JSON-ready; the keys are stable."""
        heard = self.heard
        return {
            "text": self.text,
            "understood_as": heard.understood.text,
            "area": heard.scene.here,
            "outcome": heard.came.end,
            "why": heard.understood.why or None,
            "interpretations": [each.to_json() for each in heard.understood.interpretations],
            "orders": list(self.orders()),
            "says": [{"kind": each.kind, "text": each.text} for each in heard.outcome.says],
            "messages": [{"topic": each.topic, "payload": _payload(each.payload)} for each in self.messages],
            "acted_upon": self.acted_upon,
            "ms": round(heard.took / 1e6, 3),
        }

    def orders(self) -> Iterator[dict[str, Json]]:
        """What every order was taken for."""
        for done in self.heard.outcome.done:
            grounding = done.grounding
            yield {
                "intent": done.order.intent,
                "targets": list(grounding.targets) if grounding.acts else [],
                "slots": {**done.order.slots, **grounding.slots},
                "p": round(grounding.p, 3),
                "question": done.question or None,
                "candidates": list(grounding.candidates),
                "refused": grounding.refused or None,
                "because": list(dict.fromkeys([*done.because, *grounding.because])),
                "considered": list(self._considered(done.order)),
            }

    def _considered(self, order: Order) -> Iterator[dict[str, Json]]:
        """Every thing that each phrase about one thing could have meant, the likeliest first."""
        site, heard = self.site, self.heard
        moment = asked(order, heard.scene, heard.history, site.things, site.dialogue)
        for phrase in order.things:
            if plural(phrase) or phrase.deixis in {"it", "other"}:
                continue
            for each in rank(moment, phrase, pool(moment, phrase).keys):
                yield {"thing": each.key, "p": round(each.p, 3), "because": list(each.because)}


def say(
    text: str, config: Path, *, scene: Path | None = None, before: Sequence[str] = (), code: str | None = None
) -> Said:
    """Say something in a home as it stands in a scene; `before`: what was said earlier, and dealt with.

    Without a scene it is what a plain microphone where the device is knows. Raises ConfigError for a configuration, a
    scene or a language that is wrong.
    """
    site = read_site(config)
    spec = SceneSpec() if scene is None else read_scene_file(scene, site)
    pipeline = Pipeline(site, code or site.device.language)
    moment = pipeline.begin()
    for words in before:
        _, moment = pipeline.say(words, spec, moment, 2)
    heard, _ = pipeline.say(text, spec, moment, 2 if before else 0)
    messages, acted_upon = _messages(text, heard, site)
    return Said(text, site, heard, messages, acted_upon)


def _messages(text: str, heard: Heard, site: Site) -> tuple[tuple[Message, ...], bool]:
    """What rules would make of it, with what the scene knows, and whether one acts; beliefs are not known."""
    scene = heard.scene
    assert scene.wall is not None
    raw = _observation(text, heard, scene)
    spoken = [utterance(raw, done, n) for n, done in enumerate(heard.outcome.done)] or [raw]
    now = spoken[-1].end
    wall = scene.wall + timedelta(microseconds=(now - scene.t) // 1000)
    engine, topics = Engine(site), Topics(site)
    state, _ = engine.step(arm(RuleState(), bool(scene.armed)), list(facts_of(scene, site)), scene.t, scene.wall)
    _, actions = engine.step(state, spoken, now, wall)
    acted = {evidence for action in actions if action.kind == "command" for evidence in action.evidence}
    made = [message for action in actions for message in topics.action(action, wall)]
    made += [topics.utterance(each, wall) for each in spoken if each.id not in acted]
    return tuple(made), bool(acted)


def _observation(text: str, heard: Heard, scene: Scene) -> Observation:
    return Observation(
        id=f"say/{scene.here}/{scene.t}/0",
        detector="say",
        source="say",
        modality="audio",
        kind="utterance",
        label="not_understood",
        score=0.0,
        start=scene.t,
        end=scene.t,
        area=scene.here,
        data={"text": text, "intent": "not_understood", "slots": {}, "because": [heard.understood.why]},
    )


def _payload(payload: bytes) -> Any:
    """JSON as it is, all else as text."""
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
