"""One order at one moment: what every step of the resolver looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgefuse.config.models import DialogueConfig, Thing
from edgefuse.grounding.history import Grounding, History, Refusal
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import Person, Scene, ThingState
from edgefuse.grounding.where import speakers, whereabouts


@dataclass(frozen=True, slots=True)
class Asked:
    """An order whose intent is known, with what follows from the moment."""

    order: Order
    scene: Scene
    history: History
    things: Mapping[str, Thing]
    config: DialogueConfig
    where: Mapping[str, float]
    """Area -> probability that the speaker is there; empty: not known."""
    speakers: tuple[tuple[Person, float], ...]
    among: frozenset[str] | None = None
    """Nothing else can be meant: the candidates of a question, or what `all but` is about."""
    offered: tuple[str, ...] = ()
    """The same in the order in which they were said."""
    without: frozenset[str] = frozenset()
    """What was wrong the last time."""

    @property
    def intent(self) -> str:
        """What is to be done."""
        return self.order.intent

    @property
    def is_question(self) -> bool:
        """Whether only an answer is wanted."""
        return self.intent.startswith("query_")

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the things that can be meant at all, sorted: the order of the configuration decides nothing."""
        return tuple(
            sorted(key for key in self.things if key not in self.without and (self.among is None or key in self.among))
        )

    @property
    def home(self) -> str | None:
        """The likeliest area of the speaker."""
        return max(self.where, key=lambda area: self.where[area]) if self.where else None

    def state(self, key: str) -> ThingState | None:
        """How a thing stands."""
        return self.scene.states.get(key)

    def within(self, keys: frozenset[str]) -> "Asked":
        """The same, of these things alone and whatever they can do: for exclusions."""
        return replace(self, order=replace(self.order, intent="query_state", slots={}), among=keys)


def asked(order: Order, scene: Scene, history: History, things: Mapping[str, Thing], config: DialogueConfig) -> Asked:
    """What follows from the moment."""
    where = whereabouts(scene)
    return Asked(order, scene, history, things, config, where, speakers(scene, where))


def refuse(why: Refusal, because: str, area: str | None = None) -> Grounding:
    """Nothing is done."""
    return Grounding(p=0.0, area=area, refused=why, because=(because,))


def spoken(key: str | None) -> str:
    """A key as people say it."""
    return (key or "this house").replace("_", " ")


def title(key: str, things: Mapping[str, Thing]) -> str:
    """A thing's first name, or its key where it has none or another has the same."""
    names = things[key].names[:1]
    if not names or any(other != key and names == thing.names[:1] for other, thing in things.items()):
        return spoken(key)
    return names[0]


def fold(name: str) -> str:
    """Names are compared without case, underscores and double spaces."""
    return " ".join(name.replace("_", " ").casefold().split())


def wording(phrase: Phrase) -> str:
    """A phrase in words, for reasons."""
    parts = (phrase.state, phrase.side, phrase.name or phrase.kind or "thing")
    beside = f" by the {phrase.beside}" if phrase.beside else ""
    return " ".join(part for part in parts if part) + beside
