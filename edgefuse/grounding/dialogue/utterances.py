"""Between observations and orders: what was heard as interpretations, and what it was taken for as utterances."""

from collections.abc import Mapping
from dataclasses import replace

from edgefuse.core.types import Json, Nanoseconds, Observation
from edgefuse.grounding.dialogue.together import NOT_UNDERSTOOD
from edgefuse.grounding.dialogue.turn import Done
from edgefuse.grounding.order import Count, Interpretation, Order, Phrase

_MS: Nanoseconds = 1_000_000
_OF_THINGS = frozenset({"name", "kind", "kinds", "area", "all", "everywhere"})
VALUE_OF = {"set_level": "level", "set_temperature": "temperature", "set_colour": "colour", "set_mode": "mode"}
"""Intent -> the slot that a thing's `{value}` is replaced by."""


def interpretations(heard: Observation) -> tuple[Interpretation, ...]:
    """What the detector understood, best first; one that knows only intent and slots gives one order."""
    given = heard.data.get("interpretations")
    if given is not None:
        return tuple(Interpretation.from_json(each) for each in given)
    if heard.label == NOT_UNDERSTOOD:
        return ()
    slots: Mapping[str, Json] = heard.data.get("slots") or {}
    rest = {name: str(value) for name, value in slots.items() if name not in _OF_THINGS}
    things = {name: str(value) for name, value in slots.items() if name in _OF_THINGS}
    order = Order(heard.label, (_phrase(things),) if things else (), (), rest, str(heard.data.get("text") or ""))
    return (Interpretation((order,), heard.score),)


def _phrase(slots: Mapping[str, str]) -> Phrase:
    count: Count = "one"
    if "kinds" in slots:
        count = "all" if "all" in slots or "everywhere" in slots else "some"
    kind = slots.get("kind", slots.get("kinds", ""))
    name, area = slots.get("name", ""), slots.get("area", "")
    return Phrase(name=name, kind=kind, count=count, area=area, everywhere="everywhere" in slots)


def utterance(heard: Observation, done: Done, n: int) -> Observation:
    """The n-th order of what was heard, as rules get it: a millisecond after the one before, with a name of its own.

    It scores as the less certain of its words and what they mean; nothing where it is asked about or refused.
    """
    order, grounding = done.order, done.grounding
    p = round(min(done.score, grounding.p), 3)
    data = {
        **heard.data,
        "intent": order.intent,
        "slots": flat(order, grounding.slots),
        "target": grounding.target if grounding.acts else None,
        "targets": list(grounding.targets) if grounding.acts else [],
        "area": grounding.area,
        "p": p,
        "question": done.question or None,
        "candidates": list(grounding.candidates),
        "refused": grounding.refused or None,
        "because": [*(heard.data.get("because") or ()), *done.because, *grounding.because],
    }
    return replace(
        heard,
        id=f"{heard.id}.{n}" if n else heard.id,
        label=order.intent,
        score=min(1.0, max(0.0, p)) if grounding.acts else 0.0,
        end=heard.end + n * _MS,
        data=data,
    )


def flat(order: Order, added: Mapping[str, str]) -> dict[str, str]:
    """The slots of an order with those of its first phrase, and `value` where a thing takes one."""
    slots = {**order.slots, **added}
    for phrase in order.things[:1]:
        kind = "kinds" if phrase.count != "one" else "kind"
        said = {"name": phrase.name, kind: phrase.kind, "area": phrase.area}
        slots = {**{name: value for name, value in said.items() if value}, **slots}
    value = slots.get(VALUE_OF.get(order.intent, ""), slots.get("level") or slots.get("temperature"))
    return {**slots, "value": value} if value is not None and "value" not in slots else slots
