"""One utterance while it is worked on, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from edgefuse.config.models import DialogueConfig, Site, Thing
from edgefuse.grounding.dialogue.seeing import Home
from edgefuse.grounding.dialogue.state import Alerted, Memory, Pending, Sight, Timer
from edgefuse.grounding.dialogue.wording import Wording, spoken
from edgefuse.grounding.history import Exchange, Grounding, History
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import Scene

Ground: TypeAlias = Callable[[Order, Scene, History, Mapping[str, Thing], DialogueConfig], Grounding]
Speech: TypeAlias = Literal["question", "answer", "refusal", "reminder"]


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same: the home and how it is spoken of."""

    site: Site
    home: Home
    wording: Wording
    ground: Ground


@dataclass(frozen=True, slots=True)
class Done:
    """One order and what it was taken for; each becomes an utterance for the rules."""

    order: Order
    grounding: Grounding
    question: str = ""
    score: float = 1.0
    """Of the interpretation."""
    because: tuple[str, ...] = ()
    """Before what the grounding says."""


@dataclass(frozen=True, slots=True)
class Says:
    """What the device says."""

    kind: Speech
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one utterance."""

    done: tuple[Done, ...] = ()
    says: tuple[Says, ...] = ()
    armed: bool | None = None
    """To be armed or disarmed; None: neither."""

    @property
    def acts(self) -> tuple[Done, ...]:
        """Orders that are to be done, in order."""
        return tuple(each for each in self.done if each.grounding.acts)

    @property
    def asks(self) -> Done | None:
        """The order that waits for an answer."""
        return next((each for each in self.done if each.grounding.asking), None)

    @property
    def refused(self) -> Done | None:
        """The first order that is not done."""
        return next((each for each in self.done if each.grounding.refused), None)

    @property
    def effects(self) -> tuple[object, ...]:
        """What it does: two outcomes with the same effects do the same."""
        return tuple(
            (each.order.intent, each.grounding.targets, *sorted({**each.order.slots, **each.grounding.slots}.items()))
            for each in self.acts
        )


@dataclass(slots=True)
class Turn:
    """Changes while its orders are taken one after the other."""

    world: World
    scene: Scene
    sight: Sight
    history: History
    pending: Pending | None
    timers: tuple[Timer, ...]
    alerts: tuple[Alerted, ...]
    last: str
    """What the device said last here."""
    name: str
    """Of the utterance; timers are named after it."""
    score: float = 1.0
    done: list[Done] = field(default_factory=list)
    says: list[Says] = field(default_factory=list)
    armed: bool | None = None

    @staticmethod
    def of(world: World, memory: Memory, sight: Sight, scene: Scene, name: str) -> "Turn":
        """A new one in the area of `scene.here`."""
        here = scene.here or ""
        return Turn(
            world,
            scene,
            sight,
            memory.histories.get(here, ()),
            memory.pending.get(here),
            memory.timers,
            memory.alerts,
            memory.said.get(here, ""),
            name,
        )

    @property
    def outcome(self) -> Outcome:
        """What came of it so far."""
        return Outcome(tuple(self.done), tuple(self.says), self.armed)

    def grounded(self, order: Order, among: Mapping[str, Thing] | None = None) -> Grounding:
        """What an order means here."""
        site = self.world.site
        return self.world.ground(
            order,
            replace(self.scene, heard=self.score),
            self.history,
            site.things if among is None else among,
            site.dialogue,
        )

    def only(self, order: Order, keys: tuple[str, ...]) -> Grounding:
        """What an order means whose things are known: whether they can do it, and whether that is too risky."""
        things = {key: self.world.site.things[key] for key in keys if key in self.world.site.things}
        one = len(keys) == 1
        phrase = Phrase(name=spoken(keys[0])) if one else Phrase(count="all", everywhere=True)
        return self.grounded(Order(order.intent, (phrase,), (), order.slots, order.text), things)

    def say(self, kind: Speech, key: str, /, **fields: object) -> None:
        """Say one sentence of the language."""
        self.tell(kind, self.world.wording.say(key, **fields))

    def tell(self, kind: Speech, text: str) -> None:
        """Say a text."""
        if text:
            self.says.append(Says(kind, text))

    def remember(self, order: Order, grounding: Grounding) -> None:
        """Keep what `it` may mean, and how to undo it."""
        before = {key: self.scene.states[key] for key in grounding.targets if key in self.scene.states}
        exchange = Exchange(self.scene.t, self.scene.here, order, grounding, before)
        asked = self.history[-1:] if any(done.grounding.asking for done in self.done) else ()
        if asked and asked[0].grounding.asking:  # what is said along with a question does not take it back
            self.history = (*self.history[:-1], exchange, *asked)
        else:
            self.history = (*self.history, exchange)

    def end(self, order: Order, grounding: Grounding, because: tuple[str, ...] = (), question: str = "") -> None:
        """An order is taken."""
        self.done.append(Done(order, grounding, question, self.score, because))
