"""What the templates understood, as an order with the phrase that speaks of things."""

from collections.abc import Collection, Mapping

from edgefuse.detectors.voice.understand import Meaning
from edgefuse.grounding.order import Count, Interpretation, Order, Phrase

_OF_THINGS = frozenset({"name", "kind", "kinds", "area", "all", "everywhere"})


def interpreted(meaning: Meaning, own: Mapping[str, Collection[str]]) -> tuple[Interpretation, ...]:
    """One interpretation, or none where nothing was understood.

    `own`: the user's intents and their slots, which stay as they are even where a built-in slot has the same name.
    """
    if not meaning.understood:
        return ()
    kept = own.get(meaning.intent, ())
    things = {name: value for name, value in meaning.slots.items() if name in _OF_THINGS and name not in kept}
    rest = {name: value for name, value in meaning.slots.items() if name not in things}
    phrases = (_phrase(things),) if things else ()
    return (Interpretation((Order(meaning.intent, phrases, (), rest, meaning.text),), meaning.score, meaning.because),)


def _phrase(slots: Mapping[str, str]) -> Phrase:
    count: Count = "one"
    if "kinds" in slots:
        count = "all" if "all" in slots or "everywhere" in slots else "some"
    return Phrase(
        name=slots.get("name", ""),
        kind=slots.get("kind", slots.get("kinds", "")),
        count=count,
        area=slots.get("area", ""),
        everywhere="everywhere" in slots,
    )
