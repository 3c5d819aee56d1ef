"""Soft evidence for one phrase: each function gives likelihood ratios by thing, with the sentence that says why.

A thing that a function leaves out is neither helped nor hurt by it. A ratio of 0 rules a thing out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgefuse.grounding import weights
from edgefuse.grounding.abilities import of_house, ready
from edgefuse.grounding.asked import Asked, fold, spoken
from edgefuse.grounding.candidates import named, stands
from edgefuse.grounding.landmarks import beside
from edgefuse.grounding.nouns import with_noun
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.pointing import degrees, off
from edgefuse.grounding.recall import last_targets
from edgefuse.grounding.scene import Person, Spot
from edgefuse.grounding.sides import side
from edgefuse.grounding.there import there

Evidence: TypeAlias = Mapping[str, tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One thing and how likely it is meant."""

    key: str
    p: float
    weight: float
    """Product of its likelihood ratios; 1 fits as well as can be."""
    because: tuple[str, ...] = ()


def rank(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> tuple[Ranked, ...]:
    """Things by probability, the likeliest first, without those ruled out. What lacks to 1 is something else's."""
    found: list[Evidence] = []
    for each in _KINDS_OF_EVIDENCE:
        found.append(each(asked, phrase, keys))
        keys = [key for key in keys if found[-1].get(key, (1.0, ""))[0] > 0]
    product = {key: math.prod(each[key][0] for each in found if key in each) for key in keys}
    total = sum(product.values()) + weights.ELSE
    ranked = [Ranked(key, product[key] / total, product[key], _because(key, found)) for key in keys]
    return tuple(sorted(ranked, key=lambda each: (-each.p, each.key)))


def pointed(asked: Asked) -> bool:
    """Whether somebody who may be the speaker points."""
    return any(person.pointing for person, _ in asked.speakers)


def _because(key: str, found: Sequence[Evidence]) -> tuple[str, ...]:
    """Sentences about one thing, those first that tell it most from the others."""
    own = [(each[key], min(ratio for ratio, _ in each.values())) for each in found if key in each]
    told = [(ratio / max(least, 1e-6), sentence) for (ratio, sentence), least in own if sentence]
    return tuple(sentence for _, sentence in sorted(told, key=lambda each: -each[0]))


def _area(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """The speaker's area, where none was said."""
    if phrase.area or phrase.place == "there" or not asked.where:
        return {}
    if asked.among is not None and phrase.place != "here":
        return {}
    if phrase.everywhere:
        return {}
    areas = [asked.things[key].area for key in keys]
    count = {area: 1 if area == asked.home else areas.count(area) for area in areas}
    outside = _outside(asked, phrase)
    return {key: _placed(asked, phrase, key, outside, count[asked.things[key].area]) for key in keys}


def _outside(asked: Asked, phrase: Phrase) -> float:
    if phrase.place == "here" or phrase.deixis == "this":
        return 0.0
    if asked.is_question:
        return weights.OUTSIDE_ASKED
    if of_house(asked.intent, phrase.kind):
        return weights.OUTSIDE_HOUSE
    described = phrase.beside or phrase.side or phrase.state
    return weights.OUTSIDE_DESCRIBED if described else weights.OUTSIDE


def _placed(asked: Asked, phrase: Phrase, key: str, outside: float, among: int) -> tuple[float, str]:
    """`among`: how many things share the probability of an area that is in doubt."""
    area = asked.things[key].area
    own = asked.where.get(area, 0.0) / among if area else weights.HOMELESS
    seen = _in_view(asked, key) if phrase.place != "here" and _gesture(asked, phrase) else 0.0
    spoken_of = phrase.deixis == "that" and not phrase.kind and key in last_targets(asked)
    best = max(own, seen, outside, weights.SPOKEN_OF if spoken_of else 0.0)
    if best == own and area:
        return own, f"it is in the {spoken(area)}, where the speaker is"
    return best, "it is in the picture with the speaker" if best == seen else ""


def _gesture(asked: Asked, phrase: Phrase) -> bool:
    return phrase.deixis in {"this", "that"} or bool(phrase.side) or pointed(asked)


def _in_view(asked: Asked, key: str) -> float:
    return weights.IN_VIEW * sum(share for person, share in asked.speakers if person.camera in asked.things[key].seen)


def _called_just_that(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """A thing whose name is the bare word that was said, before others of its area."""
    word = phrase.name or phrase.noun or phrase.kind
    just = [key for key in keys if word and named(word, asked.things[key], key)]
    areas = {asked.things[key].area for key in just}
    rest = [key for key in keys if key not in just and asked.things[key].area in areas]
    if not rest:
        return {}
    sentence = f"it is called just '{fold(word)}'"
    return {**dict.fromkeys(just, (1.0, sentence)), **dict.fromkeys(rest, (weights.GENERIC, ""))}


def _noun(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """`the lamp` is the desk lamp rather than the ceiling light."""
    having = with_noun(asked, phrase, keys)
    areas = {asked.things[key].area for key in having}
    rest = [key for key in keys if key not in having and asked.things[key].area in areas]
    sentence = f"it is called a {phrase.noun}"
    return {**dict.fromkeys(having, (1.0, sentence)), **dict.fromkeys(rest, (weights.NOUN, ""))} if rest else {}


def _state(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """Only a lit lamp can be turned off: counted where some candidate is as it has to be."""
    told = {key: ready(asked.intent, asked.state(key)) for key in keys}
    if phrase.state:
        told = {key: stands(asked.state(key), phrase.state) for key in keys}
    if True not in told.values() and not (phrase.deixis and phrase.deixis != "other" and False in told.values()):
        return {}
    wrong = weights.DIM_WHILE_OFF if asked.intent in {"raise", "lower"} else weights.STATE_WRONG
    if phrase.deixis in {"this", "that"} and asked.intent not in {"raise", "lower"}:
        wrong = 0.0
    ratio = {True: 1.0, None: weights.STATE_UNKNOWN, False: wrong}
    word = phrase.state or _STANDING.get(asked.intent, "")
    return {key: (ratio[value], f"it is {word}" if value else "") for key, value in told.items()}


_STANDING = {
    "turn_off": "on",
    "turn_on": "off",
    "open": "closed",
    "close": "open",
    "lock": "not locked",
    "unlock": "locked",
    "raise": "on",
    "lower": "on",
}


def _pointing(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """The ray from shoulder to wrist, in the picture it was seen in."""
    rays = [(person, share) for person, share in asked.speakers if person.pointing]
    if not rays or phrase.side or phrase.beside or phrase.deixis in {"it", "them", "other"}:
        return {}
    said = bool(phrase.deixis) or phrase.place == "there"
    mass = sum(share for _, share in rays)
    boost = weights.POINTER_SPEAKS if said else 1.0
    idle = weights.RAY_IDLE_SAID if said else weights.RAY_IDLE
    idle = 1 - (1 - idle) * boost * mass / (boost * mass + 1 - mass)
    told = {}
    for key in keys:
        ratio = sum(share * _ray(person, asked.things[key].seen.get(person.camera)) for person, share in rays) / mass
        sentence = "an arm points at it" if ratio > math.exp(-2) else ""
        told[key] = (idle + (1 - idle) * ratio, sentence)
    return told


def _ray(person: Person, spot: Spot | None) -> float:
    if spot is None or person.pointing is None:
        return weights.RAY_UNPLACED
    angle = degrees(person.pointing, spot)
    loose = weights.RAY_LOOSE * math.exp(-angle / weights.RAY_LOOSE_DEGREES)
    return (1 - weights.RAY_LOOSE) * math.exp(-((angle / weights.RAY_DEGREES) ** 2) / 2) + loose


def _near(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """Who says `this` is near it in the picture, who says `that` is not; without either it is a hint."""
    if pointed(asked) or phrase.place == "there" or phrase.side:
        return {}
    found = [(share, far) for person, share in asked.speakers if (far := _distances(asked, person, keys))]
    if not found:
        return {}
    mixed = {key: sum(share * _nearness(phrase, far, key) for share, far in found) for key in keys}
    top = max(mixed.values())
    sentence = _NEARNESS.get(phrase.deixis, "")
    return {key: (value / top, sentence if value == top else "") for key, value in mixed.items()}


_NEARNESS = {"this": "it is the nearest to the speaker", "that": "it is seen, some way off the speaker"}


def _nearness(phrase: Phrase, far: Mapping[str, float], key: str) -> float:
    """How well one thing fits `this` or `that`, said by one person from whom things are so far."""
    if phrase.deixis == "this":
        least = min(far.values())
        return math.exp((least - far[key]) / weights.NEAR_SCALE) if key in far else weights.UNPLACED
    if phrase.deixis == "that":
        return weights.UNPLACED if key not in far else weights.THAT_NEAR if far[key] < weights.OWN_REACH else 1.0
    return 1.0 if far.get(key) == min(far.values()) else weights.HINT_NEAR


def _distances(asked: Asked, person: Person, keys: Sequence[str]) -> Mapping[str, float]:
    seen = {key: asked.things[key].seen for key in keys}
    return {
        key: off(person.box, spots[person.camera])
        for key, spots in seen.items()
        if person.box and person.camera in spots
    }


def _spoken_of(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """What was spoken of last: `that` may mean it, and an order without things goes on with it."""
    last = [key for key in last_targets(asked) if key in keys]
    if not last:
        return {}
    if phrase.deixis == "that" and not phrase.place:
        rest = 1.0 if pointed(asked) else weights.NOT_SPOKEN_OF
    elif phrase.empty:
        rest = weights.CONTINUED
    elif not phrase.deixis:
        rest = weights.HINT_RECENT
    else:
        return {}
    return {key: (weights.SPOKEN_OF, "it was spoken of last") if key in last else (rest, "") for key in keys}


def _sudden(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Evidence:
    """`turn that off` just after something went on by itself."""
    if phrase.deixis != "that" or pointed(asked) or last_targets(asked):
        return {}
    just = {key for key in keys if _age_s(asked, key) <= weights.SUDDEN_S}
    if not just:
        return {}
    return {key: (1.0, "it has just changed") if key in just else (weights.SUDDEN, "") for key in keys}


def _age_s(asked: Asked, key: str) -> float:
    state = asked.state(key)
    return math.inf if state is None or state.changed is None else (asked.scene.t - state.changed) / 1e9


_KINDS_OF_EVIDENCE: tuple[Callable[[Asked, Phrase, Sequence[str]], Evidence], ...] = (
    _area,
    _called_just_that,
    _noun,
    _state,
    _pointing,
    _near,
    _spoken_of,
    _sudden,
    there,
    beside,
    side,
)
