"""Names, questions and numbers in words: the section `answers` of a language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edgefuse.config.models import Area, Thing
from edgefuse.core.types import Json, Value
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Order

_DURATIONS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
_SPACE_BEFORE = re.compile(r"\s+([.,;?!\u3002\uff0c\uff1f\uff01])")


class Wording:
    """Sentences in one language about one home."""

    def __init__(self, answers: Mapping[str, Any], things: Mapping[str, Thing], areas: Mapping[str, Area]) -> None:
        self._answers = answers
        self._things = things
        self._areas = areas

    def say(self, key: str, /, **fields: Json) -> str:
        """One sentence: `refused.unseen`, `time` ..."""
        text = self.part(key, **fields)
        return text[:1].upper() + text[1:]

    def part(self, key: str, /, **fields: Json) -> str:
        """Some words in the middle of a sentence."""
        template: Any = self._answers
        for step in key.split("."):
            template = template[step]
        return tidy(str(template).format(**fields))

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        section, _, name = key.rpartition(".")
        return name in (self._answers[section] if section else self._answers)

    def name(self, key: str, among: Sequence[str] = ()) -> str:
        """What a thing is called: its first name, with its area or its key where another one has the same name."""
        own = self._first(key)
        alike = [other for other in among if other != key and self._first(other) == own]
        named = self.part("the", name=own)
        if not alike:
            return named
        area = self._things[key].area
        if area and all(self._things[other].area != area for other in alike):
            return self.part("thing_in_area", thing=named, area=self.area(area))
        return self.part("the", name=spoken(key))

    def names(self, keys: Sequence[str], joint: str = "and") -> str:
        """Several: `the hall light, the desk lamp and the fan`."""
        return self.listed([self.name(key, keys) for key in keys], joint)

    def listed(self, items: Sequence[str], joint: str = "and") -> str:
        """Items with commas and a word before the last."""
        between, last = self._answers[joint]
        if len(items) < 2:  # noqa: PLR2004
            return "".join(items)
        return str(between.join(items[:-1]) + last + items[-1])

    def area(self, key: str) -> str:
        """What an area is called."""
        known = self._areas.get(key)
        return known.names[0] if known and known.names else spoken(key)

    def where(self, area: str | None) -> str:
        """`in the hall`, or nothing."""
        return self.part("in_area", area=self.area(area)) if area else ""

    def source(self, name: str) -> str:
        """`the hall cam`."""
        return self.part("the", name=spoken(name))

    def question(self, order: Order, grounding: Grounding) -> str:
        """What is asked."""
        if grounding.asking == "which":
            choices = self.names(grounding.candidates, "or")
            return self.say("which" if len(grounding.candidates) > 1 else "mean", choices=choices)
        intent = order.intent if self.has(f"confirm.{order.intent}") else "default"
        fields = {"level": "", "temperature": "", **order.slots, **grounding.slots}
        things = self.names(grounding.candidates or grounding.targets)
        return self.say(f"confirm.{intent}", **{**fields, "things": things})

    def duration(self, seconds: float) -> str:
        """The two largest units: `one hour and 5 minutes`."""
        left, parts = max(1, round(seconds)), []
        for size, unit in _DURATIONS:
            count, left = divmod(left, size)
            if count:
                one, many = self._answers[unit]
                parts.append(one if count == 1 else many.format(n=count))
        return self.listed(parts[:2])

    def value(self, value: Value) -> str:
        """A number shortly, as it is said."""
        if isinstance(value, bool):
            return str(self._answers["truths"][str(value).lower()])
        if isinstance(value, str):
            return value
        return shortly(value)

    def _first(self, key: str) -> str:
        thing = self._things.get(key)
        return thing.names[0] if thing and thing.names else spoken(key)


def shortly(value: float) -> str:
    """At most one decimal, none where it is zero, none from a hundred on.

    >>> shortly(21.46), shortly(40.0), shortly(415.2)
    ('21.5', '40', '415')
    """
    digits = 0 if abs(value) >= 100 else 1  # noqa: PLR2004
    return f"{value:.{digits}f}".removesuffix(".0")


def spoken(key: str) -> str:
    """A key as words."""
    return " ".join(key.replace("_", " ").replace(".", " ").split())


def tidy(text: str) -> str:
    """Single spaces, and none before a full stop."""
    return _SPACE_BEFORE.sub(r"\1", " ".join(text.split()))
