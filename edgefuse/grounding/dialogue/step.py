"""One step: facts and time in; facts for the rules, things to say and the new state out. Pure, like the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from edgefuse.config.models import Site
from edgefuse.core.attention import View
from edgefuse.core.types import SECOND, Action, Fact, Json, Nanoseconds, Observation
from edgefuse.grounding.dialogue import timers
from edgefuse.grounding.dialogue.choose import chosen
from edgefuse.grounding.dialogue.seeing import Home, scene_of, take, views
from edgefuse.grounding.dialogue.state import Alerted, DialogueState, Memory, wall_ns
from edgefuse.grounding.dialogue.together import Gathered, Microphones, gather
from edgefuse.grounding.dialogue.turn import Ground, Outcome, Says, Turn, World
from edgefuse.grounding.dialogue.utterances import interpretations, utterance
from edgefuse.grounding.dialogue.wording import Wording
from edgefuse.grounding.followup import pending
from edgefuse.grounding.history import Exchange, Grounding
from edgefuse.grounding.order import Interpretation, Order
from edgefuse.grounding.scene import Scene

RULE = "dialogue"
"""Stands for a rule's name in what the dialogue says."""
_NAMESPACE = UUID("0d0f6c8e-5a0d-4f3e-9a55-2f1c6cf2b7a4")
_MS = 1_000_000
_ALERTS = 5
"""So many are remembered."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step brought."""

    state: DialogueState
    facts: tuple[Fact, ...] = ()
    """For the rules: utterances say what is meant."""
    unheeded: tuple[Observation, ...] = ()
    """Utterances that another microphone heard better."""
    actions: tuple[Action, ...] = ()
    armed: bool | None = None
    """To be armed or disarmed after these facts."""


class Dialogue:
    """What is said in one home. Everything it remembers is in `DialogueState`."""

    def __init__(self, site: Site, answers: Mapping[str, Json], ground: Ground) -> None:
        """`answers`: the section of that name of the device's language."""
        wording = Wording(answers, site.things, site.areas)
        self.world = World(site, Home.of(site), wording, ground)
        self._microphones = Microphones.of(site)
        self._zone = ZoneInfo(site.device.timezone)

    def restore(self, data: Json, now: Nanoseconds, wall: datetime) -> DialogueState:
        """The state that `DialogueState.to_json` gave; None gives a new one. Raises as `from_json` does."""
        return DialogueState() if data is None else DialogueState.from_json(data, now, wall)

    def step(
        self,
        state: DialogueState,
        facts: Sequence[Fact],
        now: Nanoseconds,
        wall: datetime,
        *,
        armed: bool | None = None,
        far: Mapping[str, Nanoseconds] | None = None,
    ) -> Step:
        """Take facts in the order given, then the time. `wall` is `Clock.wall(now)`.

        `far`: detector -> up to when it has told everything.
        """
        state = replace(state, sight=take(state.sight, facts))
        others, gathered = self._gather(state, facts, now, far or {})
        state = _expired(replace(state, hearing=gathered.hearing), now, self.world.site)
        told: list[Fact] = []
        actions: list[Action] = []
        switched: bool | None = None
        for heard in gathered.taken:
            then = wall - timedelta(microseconds=(now - heard.end) // 1000)
            known = armed if switched is None else switched
            state, outcome = self._hear(state, heard, self.scene(state, heard.area, heard.end, then, known))
            made = [utterance(heard, done, n) for n, done in enumerate(outcome.done)]
            told += made or [heard]
            actions += self._says(heard, outcome.says, then)
            switched = switched if outcome.armed is None else outcome.armed
        state, due = self._due(state, now, wall)
        return Step(state, (*others, *told), gathered.unheeded, (*actions, *due), switched)

    def _gather(
        self, state: DialogueState, facts: Sequence[Fact], now: Nanoseconds, far: Mapping[str, Nanoseconds]
    ) -> tuple[list[Fact], Gathered]:
        """Facts without utterances, and the utterances that are to be taken now."""
        heard = [fact for fact in facts if isinstance(fact, Observation) and fact.kind == "utterance"]
        hearing, voices = state.hearing, self._microphones.listens
        if not self._microphones.several:
            others = [fact for fact in facts if not (isinstance(fact, Observation) and fact.kind == "utterance")]
            return others, Gathered(hearing, tuple(heard))
        woken = {fact.source: fact.end for fact in facts if isinstance(fact, Observation) and fact.kind == "wake"}
        known = {name: t for name, t in far.items() if name in voices}
        hearing = replace(hearing, woken={**hearing.woken, **woken}, far={**hearing.far, **known})
        if not heard and not hearing.held:
            return list(facts), Gathered(hearing)
        persons = self.scene(state, None, now).persons
        peopled = frozenset(person.area for person in persons if person.area)
        others = [fact for fact in facts if not (isinstance(fact, Observation) and fact.kind == "utterance")]
        return others, gather(hearing, heard, now, self._microphones, state.sight, peopled)

    def scene(
        self,
        state: DialogueState,
        here: str | None,
        t: Nanoseconds,
        wall: datetime | None = None,
        armed: bool | None = None,  # noqa: FBT001  part of the scene
    ) -> Scene:
        """What is known at `t` for a microphone in `here`."""
        local = None if wall is None else wall.astimezone(self._zone)
        return scene_of(state.sight, self.world.home, here, t, local, armed)

    def views(self, state: DialogueState, now: Nanoseconds) -> dict[str, View]:
        """What detectors are told of every area."""
        asking = {area for area, pending in state.memory.pending.items() if self._waits(pending.t, now)}
        found = views(self.scene(state, None, now), self.world.home)
        return {area: replace(view, asking=area in asking) for area, view in found.items()}

    def _waits(self, since: Nanoseconds, now: Nanoseconds) -> bool:
        return now - since <= int(self.world.site.dialogue.remember_s * SECOND)

    def _hear(self, state: DialogueState, heard: Observation, scene: Scene) -> tuple[DialogueState, Outcome]:
        woken = heard.data.get("wake") or 0
        text, found = bool(heard.data.get("text")), interpretations(heard)
        if not text and not found:
            return state, Outcome()
        called = bool(woken) or (scene.here or "") in state.memory.pending
        state, outcome = self.hear(state, found, scene, name=heard.id, answer=bool(woken) and text)
        return state, outcome if called else _unasked(outcome)

    def hear(
        self,
        state: DialogueState,
        words: Sequence[Interpretation],
        scene: Scene,
        *,
        name: str = "",
        answer: bool = True,
    ) -> tuple[DialogueState, Outcome]:
        """One utterance, understood in these ways (best first), in `scene.here` at `scene.t`.

        `name`: of the utterance; `answer`: whether to say that it was not understood. Nothing is published.
        """
        if not words:
            says = (Says("refusal", self.world.wording.say("not_understood")),) if answer else ()
            return _unconfirmed(state, scene), Outcome(says=says)
        memory = state.memory

        def begin() -> Turn:
            return Turn.of(self.world, memory, state.sight, scene, name)

        turn = chosen(words, begin)
        outcome = turn.outcome
        return replace(state, memory=_remembered(memory, turn)), outcome

    def told(self, state: DialogueState, actions: Sequence[Action]) -> DialogueState:
        """Keep the alerts that rules raised: somebody may ask why."""
        alerts = tuple(
            Alerted(each.name, each.t, each.data.get("area"), str(each.data.get("headline") or ""), each.because)
            for each in actions
            if each.kind == "alert"
        )
        if not alerts:
            return state
        return replace(state, memory=replace(state.memory, alerts=(*state.memory.alerts, *alerts)[-_ALERTS:]))

    def next_due(self, state: DialogueState, now: Nanoseconds, wall: datetime) -> Nanoseconds | None:
        """When to step again even if no fact arrives; not before `now`."""
        due = [held.until for held in state.hearing.held]
        due += [now + timer.due - wall_ns(wall) for timer in state.memory.timers]
        return max(now, min(due)) if due else None

    def _says(self, heard: Observation, says: Sequence[Says], wall: datetime) -> list[Action]:
        if not self.world.site.dialogue.answers:
            return []
        named = f"{heard.id}@{wall_ns(wall) // _MS}"
        because = (f"'{heard.data.get('text') or heard.label}' was said",)
        spoken = " ".join(each.text for each in says)
        if not spoken:
            return []
        asks = any(each.kind == "question" for each in says)
        return [self._say(named, heard.area, spoken, heard.end, because, (heard.id,), asks=asks)]

    def _say(  # noqa: PLR0913  the sides of one action
        self,
        name: str,
        area: str | None,
        text: str,
        t: Nanoseconds,
        because: tuple[str, ...],
        evidence: tuple[str, ...] = (),
        *,
        asks: bool = False,
    ) -> Action:
        device = self.world.site.device
        identity = str(uuid5(_NAMESPACE, f"{device.id}/{name}"))
        data = {"text": text, "language": device.language, "asks": asks}
        return Action(identity, RULE, "say", area or device.area or "", t, data, because, evidence)

    def _due(self, state: DialogueState, now: Nanoseconds, wall: datetime) -> tuple[DialogueState, list[Action]]:
        """Say what is due; where answers are off too, because it was asked for."""
        moment = wall_ns(wall)
        due = timers.due(state.memory.timers, moment)
        if not due:
            return state, []
        left = tuple(timer for timer in state.memory.timers if timer not in due)
        said, actions = dict(state.memory.said), []
        for timer in due:
            text = timers.sentence(self.world.wording, timer, moment)
            said[timer.area or ""] = text
            because = ("a reminder is due" if timer.reminder else "a timer is due",)
            actions.append(self._say(f"{timer.name}@{timer.due}", timer.area, text, now, because))
        return replace(state, memory=replace(state.memory, timers=left, said=said)), actions


def _unconfirmed(state: DialogueState, scene: Scene) -> DialogueState:
    """What was to be confirmed is not, once something else was said: a yes that comes later may be about that."""
    memory, here = state.memory, scene.here or ""
    history = memory.histories.get(here, ())
    question = pending(history)
    if question is None or question.grounding.asking != "confirm":
        return state
    dropped = Exchange(scene.t, scene.here, Order("no"), Grounding(area=scene.here, because=("it was not confirmed",)))
    left = {area: each for area, each in memory.pending.items() if area != here}
    histories = {**memory.histories, here: (*history, dropped)}
    return replace(state, memory=replace(memory, histories=histories, pending=left))


def _remembered(memory: Memory, turn: Turn) -> Memory:
    here = turn.scene.here or ""
    pending = {area: each for area, each in memory.pending.items() if area != here}
    if turn.pending is not None:
        pending[here] = turn.pending
    histories = {**memory.histories, here: turn.history} if turn.history else memory.histories
    if not turn.history and here in histories:
        histories = {area: each for area, each in histories.items() if area != here}
    text = " ".join(each.text for each in turn.says)
    said = {**memory.said, here: text} if text else memory.said
    return replace(memory, histories=histories, pending=pending, timers=turn.timers, said=said)


def _unasked(outcome: Outcome) -> Outcome:
    """Words that nobody addressed to the device, maybe those of a television: what makes no sense is not told so."""
    refused = outcome.refused
    if refused is None or refused.grounding.refused == "unseen":
        return outcome
    return replace(outcome, says=tuple(each for each in outcome.says if each.kind != "refusal"))


def _expired(state: DialogueState, now: Nanoseconds, site: Site) -> DialogueState:
    """Without what is older than it is to be remembered; the same object where nothing is."""
    memory, oldest = state.memory, now - int(site.dialogue.remember_s * SECOND)
    old = any(past[0].t < oldest for past in memory.histories.values()) or any(
        each.t < oldest for each in memory.pending.values()
    )
    if not old:
        return state
    kept = {area: tuple(each for each in past if each.t >= oldest) for area, past in memory.histories.items()}
    histories = {area: past for area, past in kept.items() if past}
    pending = {area: each for area, each in memory.pending.items() if each.t >= oldest}
    return replace(state, memory=replace(memory, histories=histories, pending=pending))
