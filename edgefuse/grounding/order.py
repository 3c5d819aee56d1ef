"""What words ask for, before it is known which things are meant: an order with the phrases that speak of things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

from edgefuse.core.types import Json

Count: TypeAlias = Literal["one", "some", "all"]
"""`the light`, `the lights`, `all lights`."""
Deixis: TypeAlias = Literal["", "this", "that", "it", "them", "other"]
Place: TypeAlias = Literal["", "here", "there"]

INTENTS: tuple[str, ...] = (
    *("turn_on", "turn_off", "toggle", "open", "close", "lock", "unlock", "start", "stop"),
    *("set_level", "set_temperature", "set_colour", "set_mode", "raise", "lower"),
    *("set_timer", "set_reminder", "cancel_timer", "query_timer"),
    *("query_state", "query_value", "query_who", "query_why", "query_time"),
    *("arm", "disarm", "help", "cancel", "yes", "no", "repeat"),
    *("also", "pick", "correct"),
)
"""Built in. `also`: the same as before with other things ("and the lamp"). `pick`: things alone ("the desk lamp"), an
answer to a question. `correct`: not that, but these ("no, the other one"); without things what was done is undone."""
NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase that speaks of things. Everything said must hold of what is meant."""

    name: str = ""
    """What a thing is called here: one of its names, or its key with spaces, as configured."""
    kind: str = ""
    """light, blind ... as the things of this home have it; empty: whatever can do what is asked."""
    noun: str = ""
    """The word that the kind was said with, as one of it: lamp, for a light. Empty: the kind's own, or not known."""
    count: Count = "one"
    number: int = 0
    """How many ("both", "the two lamps"); 0: not said."""
    area: str = ""
    """Key of an area."""
    everywhere: bool = False
    """`in the whole house`."""
    deixis: Deixis = ""
    """`this`, `that`, `it` (what was spoken of last), `them`, `other` (the one that was not meant)."""
    place: Place = ""
    """`in here`, `over there`."""
    beside: str = ""
    """A landmark in plain words, or another thing's name: `by the window`."""
    side: Literal["", "left", "right", "middle", "top", "bottom", "near", "far", "first", "second", "last"] = ""
    state: Literal["", "on", "off", "open", "closed", "locked", "unlocked"] = ""
    """`the lamp that is on`."""

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all."""
        return self == Phrase()


@dataclass(frozen=True, slots=True)
class Order:
    """One thing that is asked for.

    Slots, all text: `level` (percent), `temperature` (degC), `colour`, `mode`, `quantity` (level, temperature, volume:
    what is raised, lowered or asked for; humidity, co2 ... too), `step` (by how much), `amount` (`little`, `much`),
    `duration_s`, `at` (`07:30`; with `clock` 12 as well 19:30), `text` (of a reminder, name of a timer), `state`
    (asked for: `is it locked`), `place` (of somebody asked for), `event` (`why did you sound the alarm`), and those of
    the user's own intents.
    """

    intent: str
    things: tuple[Phrase, ...] = ()
    but: tuple[Phrase, ...] = ()
    """`all but the desk lamp`."""
    slots: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """The words it was made of, normalised."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """One way to understand an utterance: orders that were said together."""

    orders: tuple[Order, ...]
    score: float = 1.0
    """0..1: how sure it is that these words were said and mean this."""
    because: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """For the data of an observation."""
        return {"score": self.score, "because": list(self.because), "orders": [_order_json(o) for o in self.orders]}

    @staticmethod
    def from_json(data: Json) -> "Interpretation":
        """The inverse. Raises KeyError, TypeError, ValueError for anything else."""
        orders = tuple(_order_from(order) for order in data["orders"])
        return Interpretation(orders, float(data["score"]), tuple(map(str, data["because"])))


def _order_json(order: Order) -> Json:
    said = {"things": [_phrase_json(each) for each in order.things], "but": [_phrase_json(each) for each in order.but]}
    plain = {"intent": order.intent, "slots": dict(order.slots), "text": order.text}
    return plain | {name: phrases for name, phrases in said.items() if phrases}


def _phrase_json(phrase: Phrase) -> Json:
    empty = Phrase()
    values = {each.name: getattr(phrase, each.name) for each in fields(Phrase)}
    return {name: value for name, value in values.items() if value != getattr(empty, name)}


def _order_from(data: Mapping[str, Any]) -> Order:
    slots = {str(name): str(value) for name, value in data.get("slots", {}).items()}
    things, but = (_phrases_from(data.get(name, ())) for name in ("things", "but"))
    return Order(str(data["intent"]), things, but, slots, str(data.get("text", "")))


def _phrases_from(data: Sequence[Mapping[str, Any]]) -> tuple[Phrase, ...]:
    phrases = tuple(Phrase(**each) for each in data)
    for phrase in phrases:
        if phrase.count not in get_args(Count) or phrase.deixis not in get_args(Deixis):
            raise ValueError(f"not a phrase: {phrase}")
    return phrases
