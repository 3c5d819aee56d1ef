"""Phrases about several things: `the lights`, `all lights but the desk lamp`, `both lamps`, `them`."""

from collections.abc import Iterable
from dataclasses import replace

from edgefuse.grounding import weights
from edgefuse.grounding.abilities import of_house, ready
from edgefuse.grounding.asked import Asked, refuse, spoken, wording
from edgefuse.grounding.candidates import pool, stands
from edgefuse.grounding.choose import ask, one
from edgefuse.grounding.evidence import pointed, rank
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.landmarks import beside
from edgefuse.grounding.nouns import with_noun
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.recall import last_targets, other, them
from edgefuse.grounding.there import aimed

_P = 1 / (1 + weights.ELSE)


def plural(phrase: Phrase) -> bool:
    """Whether several things are meant."""
    return phrase.count != "one" or phrase.number > 1 or phrase.deixis == "them"


def several(asked: Asked, phrase: Phrase) -> Grounding:
    """The things that a phrase means."""
    if asked.among is not None and asked.offered:
        return _of_question(asked, phrase)
    if phrase.deixis == "them" or (phrase.deixis == "that" and not phrase.kind and len(last_targets(asked)) > 1):
        return _numbered(asked, phrase, them(asked, phrase))
    if phrase.deixis == "other":
        return _others(asked, phrase)
    if phrase.deixis and not phrase.kind and not phrase.name:
        return _those(asked, phrase)
    if phrase.side:
        return refuse("unsure", f"which things are {phrase.side} is not known", asked.home)
    found = pool(asked, phrase)
    if found.refused is not None:
        return found.refused
    keys = tuple(beside_only(asked, phrase, found.keys))
    keys = tuple(key for key in keys if stands(asked.state(key), phrase.state))
    return _numbered(asked, phrase, _placed(asked, phrase, keys))


def _those(asked: Asked, phrase: Phrase) -> Grounding:
    """`turn those off`, and nothing was spoken of: a question between what could be, here and in view."""
    found = pool(asked, phrase)
    ranked = [each for each in rank(asked, phrase, found.keys) if each.weight > weights.OUTSIDE_DESCRIBED]
    if found.refused is None and 0 < len(ranked) <= weights.MOST_ASKED:
        return ask(asked, phrase, ranked)
    return refuse("unsure", "which things are meant is not known", asked.home)


def _placed(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> Grounding:
    if not keys:
        return refuse("nothing", f"there is no {wording(phrase)}", phrase.area or asked.home)
    if phrase.area:
        return Grounding(keys, _P, phrase.area, because=(f"every {wording(phrase)} in the {spoken(phrase.area)}",))
    if phrase.place == "there" or (phrase.deixis == "that" and pointed(asked)):
        return _there(asked, phrase, keys)
    if phrase.everywhere or asked.among is not None:
        return Grounding(keys, _P, because=(f"every {wording(phrase)}",))
    if not asked.where:
        return _unplaced(asked, phrase, keys)
    return _here(asked, phrase, keys)


def _here(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> Grounding:
    of_kind = {asked.things[key].area for key in keys}
    likely = {area: p for area, p in asked.where.items() if area in of_kind and p >= weights.LIKELY}
    if len(likely) > 1:
        return refuse("unsure", "where this was said is in doubt", asked.home)
    inside = tuple(key for key in keys if asked.things[key].area in likely)
    whole = of_house(asked.intent, phrase.kind) and (phrase.count == "all" or len(inside) <= 1)
    if whole and phrase.place != "here":
        return Grounding(keys, _P, because=(f"every {wording(phrase)} of the house",))
    for area in likely:
        return Grounding(inside, _P, area, because=(f"every {wording(phrase)} in the {spoken(area)}",))
    return _elsewhere(asked, phrase, keys)


def _elsewhere(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> Grounding:
    """None here: those of no area, or of the whole house for a question; another room's only after a yes."""
    if phrase.place == "here":
        return refuse("nothing", f"there is no {wording(phrase)} in the {spoken(asked.home)}", asked.home)
    homeless = tuple(key for key in keys if asked.things[key].area is None)
    if homeless:
        return Grounding(homeless, _P, because=(f"every {wording(phrase)} without an area",))
    if asked.is_question:
        return Grounding(keys, _P, because=(f"every {wording(phrase)}",))
    if len(keys) == phrase.number > 1:
        return Grounding(keys, _P, because=(f"there are {phrase.number} of them in the house",))
    if len(keys) == 1:
        return Grounding((), weights.OUTSIDE, asked.home, "which", keys, because=("it is not here",))
    if phrase.count == "all" and phrase.kind:
        return Grounding((), weights.OUTSIDE, None, "confirm", keys, because=("none of them is here",))
    return refuse("nothing", f"there is no {wording(phrase)} in the {spoken(asked.home)}", asked.home)


def _unplaced(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> Grounding:
    areas = {asked.things[key].area for key in keys}
    if phrase.count == "all" or len(areas) == 1:
        return Grounding(keys, _P, because=(f"every {wording(phrase)}",))
    return refuse("unsure", "where this was said is not known")


def _there(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> Grounding:
    """All in the area where the likeliest single one is, if that is likely enough; the speaker's own if pointed at."""
    if not pointed(asked):
        keys = tuple(key for key in keys if asked.things[key].area not in asked.where)
    ranked = rank(asked, replace(phrase, count="one"), keys)
    shares: dict[str | None, float] = {}
    for each in ranked:
        area = asked.things[each.key].area
        shares[area] = shares.get(area, 0.0) + each.p
    best = max(shares, key=lambda area: (shares[area], area or ""), default=None)
    if best is None or shares[best] < asked.config.sure:
        return refuse("unsure", "where `there` is, is not known", asked.home)
    inside = tuple(sorted(each.key for each in ranked if asked.things[each.key].area == best))
    if best in asked.where:
        inside = tuple(key for key in inside if aimed(asked, key))
        if len(inside) <= 1:
            return refuse("unsure", "which ones are pointed at is not known", best)
    return Grounding(inside, shares[best], best, because=ranked[0].because)


def _others(asked: Asked, phrase: Phrase) -> Grounding:
    found = other(asked, phrase)
    if isinstance(found, Grounding):
        return found
    if not found:
        return refuse("nothing", f"there is no other {wording(phrase)}", asked.home)
    if not last_targets(asked):
        left = tuple(key for key in found if ready(asked.intent, asked.state(key)))
        if len(left) in {0, len(found)}:
            return refuse("unsure", "which ones are not meant is not known", asked.home)
        return _numbered(asked, phrase, Grounding(left, _P, because=("one of them is so already",)))
    return _numbered(asked, phrase, Grounding(found, _P, because=("they were not meant last",)))


def _of_question(asked: Asked, phrase: Phrase) -> Grounding:
    """`both`, `all of them`, `the lamps`: of what a question named."""
    plain = replace(phrase, deixis="", place="")
    found = pool(asked, plain)
    if found.refused is not None:
        return found.refused
    keys = tuple(beside_only(asked, plain, found.keys))
    return _numbered(asked, phrase, Grounding(keys, _P, because=("said in answer to the question",)))


def _numbered(asked: Asked, phrase: Phrase, found: Grounding) -> Grounding:
    """As many as were said, or nothing is done."""
    found = replace(found, targets=with_noun(asked, phrase, found.targets) or found.targets)
    if phrase.number <= 1 or not found.acts or len(found.targets) == phrase.number:
        return found
    fit = tuple(key for key in found.targets if ready(asked.intent, asked.state(key)))
    if len(found.targets) > phrase.number == len(fit):
        return replace(found, targets=fit)
    if len(found.targets) < phrase.number:
        return refuse("nothing", f"there are not {phrase.number} of them", found.area)
    return refuse("unsure", f"there are {len(found.targets)} of them, not {phrase.number}", found.area)


def beside_only(asked: Asked, phrase: Phrase, keys: Iterable[str]) -> Iterable[str]:
    """Those by the landmark that was said."""
    keys = tuple(keys)
    told = beside(asked, phrase, keys)
    return (key for key in keys if told.get(key, (1.0, ""))[0] > 0)


def excluded(asked: Asked, phrase: Phrase, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """Which of the things an exception is about; None where that is not sure, or it is about none of them."""
    apart = asked.within(frozenset(keys))
    if phrase.empty:
        return None
    if phrase.side and not phrase.number:
        phrase = replace(phrase, count="one")
    if not phrase.name and not phrase.kind and phrase.area and not phrase.side and not phrase.beside:
        return tuple(key for key in keys if asked.things[key].area == phrase.area) or None
    found = several(apart, phrase) if plural(phrase) else one(apart, phrase)
    inside = [key for key in found.targets if key in keys]
    return tuple(inside) if found.acts and inside and found.p >= asked.config.sure else None
