"""Words said into a scene: from text to what is meant, as the daemon does it, with nothing around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgefuse.config.models import Site
from edgefuse.core.types import SECOND, Fact, Json, Modality, Nanoseconds, Observation
from edgefuse.evaluation.grounding_judge import Act, Came
from edgefuse.evaluation.grounding_scene import SceneSpec, StateSpec, scene_of
from edgefuse.grounding.dialogue.seeing import THINGS
from edgefuse.grounding.dialogue.state import DialogueState, Sight
from edgefuse.grounding.dialogue.step import Dialogue
from edgefuse.grounding.dialogue.turn import Done, Outcome
from edgefuse.grounding.ground import ground
from edgefuse.grounding.history import History
from edgefuse.grounding.scene import Scene
from edgefuse.grounding.words import Understood, Words
from edgefuse.language import language
from edgefuse.pipeline.clock import SystemClock

_TIMED = frozenset({"set_timer", "set_reminder"})
_EFFECTS: Mapping[str, Mapping[str, bool]] = {
    "turn_on": {"on": True},
    "turn_off": {"on": False},
    "start": {"on": True},
    "stop": {"on": False},
    "open": {"open": True},
    "close": {"open": False},
    "lock": {"locked": True},
    "unlock": {"locked": False},
}
_VALUES = {"set_level": "level", "set_temperature": "temperature", "raise": "level", "lower": "level"}


@dataclass(frozen=True, slots=True)
class Moment:
    """What is remembered between two utterances."""

    state: DialogueState = field(default_factory=DialogueState)
    passed: Nanoseconds = 0
    """Since the first."""
    changed: Mapping[str, StateSpec] = field(default_factory=dict)
    """Things that have done what they were told."""
    armed: bool | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one utterance."""

    understood: Understood
    outcome: Outcome
    came: Came
    took: Nanoseconds
    """From text to what is meant."""
    scene: Scene
    history: History = ()
    """What was said there before."""

    @property
    def because(self) -> tuple[str, ...]:
        """Why."""
        own = [line for done in self.outcome.done for line in (*done.because, *done.grounding.because)]
        return tuple(dict.fromkeys(filter(None, [self.understood.why, *own])))


class Pipeline:
    """One home in one language. Raises ConfigError for a language that there is not."""

    def __init__(self, site: Site, code: str) -> None:
        data = language(code)
        self._site = site
        self._words = Words.of_site(site, data)
        self._dialogue = Dialogue(site, data.data["answers"], ground)
        self._clock = SystemClock()

    def begin(self) -> Moment:
        """Nothing has been said."""
        return Moment()

    def say(self, words: str, spec: SceneSpec, before: Moment, after_s: float = 0) -> tuple[Heard, Moment]:
        """Say something; nothing is published."""
        passed = before.passed + int(after_s * SECOND)
        spec = spec.model_copy(update={"states": _follow(spec.states, before.changed)})
        scene = scene_of(spec, self._site, passed)
        if before.armed is not None:
            scene = replace(scene, armed=before.armed)
        state = self._seen(before.state, scene)
        begin = self._clock.now()
        understood = self._words.understand(words)
        told, outcome = self._dialogue.hear(state, understood.interpretations, scene, name=f"said/{passed}")
        took = self._clock.now() - begin
        came = _came(outcome, set_one=len(told.memory.timers) > len(state.memory.timers))
        changed = {**before.changed, **_effects(outcome.acts, spec.states)}
        armed = before.armed if outcome.armed is None else outcome.armed
        heard = Heard(understood, outcome, came, took, scene, state.history(scene.here))
        return heard, Moment(told, passed, changed, armed)

    def _seen(self, state: DialogueState, scene: Scene) -> DialogueState:
        """What is over is forgotten, and the facts behind the scene are known."""
        assert scene.wall is not None
        state = replace(state, sight=Sight())
        facts = list(facts_of(scene, self._site))
        return self._dialogue.step(state, facts, scene.t, scene.wall, armed=scene.armed).state


def _came(outcome: Outcome, *, set_one: bool) -> Came:
    acts = [done for done in outcome.acts if done.order.intent not in _TIMED or set_one]
    unset = len(acts) < len(outcome.acts)
    asks = outcome.asks
    asked = asks.grounding.candidates if asks else () if unset else None
    said = " ".join(each.text for each in outcome.says)
    answered = any(each.kind == "answer" for each in outcome.says)
    return Came(tuple(map(_act, acts)), asked, said, answered)


def _act(done: Done) -> Act:
    return Act(done.order.intent, done.grounding.targets, {**done.order.slots, **done.grounding.slots})


def _follow(states: Mapping[str, StateSpec], changed: Mapping[str, StateSpec]) -> dict[str, StateSpec]:
    return {key: state.model_copy(update=_known(changed.get(key))) for key, state in states.items()}


def _known(state: StateSpec | None) -> dict[str, Json]:
    return {} if state is None else state.model_dump(exclude_none=True)


def _effects(acts: Sequence[Done], states: Mapping[str, StateSpec]) -> dict[str, StateSpec]:
    """How things stand that have told their state before and do as they are told."""
    found: dict[str, StateSpec] = {}
    for done in acts:
        intent, slots = done.order.intent, {**done.order.slots, **done.grounding.slots}
        new: dict[str, Json] = dict(_EFFECTS.get(intent, {}))
        value = _number(slots.get(_VALUES.get(intent, "")))
        if value is not None:
            new[_VALUES[intent]] = value
        for key in done.grounding.targets:
            if key in states and new:
                found[key] = states[key].model_copy(update={**_known(found.get(key)), **new})
    return found


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def facts_of(scene: Scene, site: Site) -> Iterator[Fact]:
    """What sources and detectors would have told for this to be known."""
    for camera in scene.cameras:
        yield from _looks(scene, site, camera)
    for (place, quantity), value in scene.readings.items():
        source = next((name for name, config in site.sources.items() if config.area == place), place)
        yield _fact(scene, (source, source, place), "sensor", ("reading", quantity), {"value": value})
    for key, state in scene.states.items():
        for name in ("on", "level", "open", "locked", "temperature", "mode"):
            value = getattr(state, name)
            if value is not None:
                where = (THINGS, THINGS, site.things[key].area)
                yield _fact(scene, where, "sensor", ("reading", f"{key}.{name}"), {"value": value})


def _looks(scene: Scene, site: Site, camera: str) -> Iterator[Fact]:
    """What a camera and its detectors tell of the persons in its picture."""
    detector = next((name for name, config in site.detectors.items() if camera in config.on), "people")
    persons = [person for person in scene.persons if person.camera == camera]
    where = (detector, camera, scene.cameras[camera])
    yield _fact(scene, where, "vision", ("scene", "objects"), {"counts": {"person": len(persons)}})
    for person in persons:
        where = (detector, camera, person.area)
        data: dict[str, Json] = {"box": list(person.box or ())}
        yield _fact(scene, where, "vision", ("object", "person"), data)
        if person.facing is not None or person.pointing is not None:
            data = {**data, "facing": person.facing, "pointing": person.pointing}
            yield _fact(scene, where, "vision", ("pose", "person"), data)


def _fact(
    scene: Scene,
    where: tuple[str, str, str | None],
    modality: Modality,
    what: tuple[str, str],
    data: Mapping[str, Json],
) -> Observation:
    detector, source, area = where
    name = f"{detector}/{source}/{scene.t}/{what[1]}"
    return Observation(
        name, detector, source, modality, *what, score=1.0, start=scene.t, end=scene.t, area=area, data=data
    )
