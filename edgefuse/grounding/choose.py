"""One phrase about one thing: the thing, or a question, or a refusal."""

from collections.abc import Sequence
from dataclasses import replace

from edgefuse.grounding import weights
from edgefuse.grounding.asked import Asked, refuse, spoken, title, wording
from edgefuse.grounding.candidates import pool
from edgefuse.grounding.evidence import Ranked, pointed, rank
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.recall import it, last_targets, other


def one(asked: Asked, phrase: Phrase) -> Grounding:
    """The thing that a phrase means."""
    if _anaphoric(asked, phrase):
        before = it(asked, phrase)
        if before is not None and (before.acts or not _of_room(asked, phrase)):
            return before
        if not _of_room(asked, phrase):
            return _unspoken(asked, phrase)
        phrase = replace(phrase, deixis="")
    if phrase.deixis == "other":
        return _other(asked, phrase)
    found = pool(asked, phrase)
    if found.refused is not None:
        return found.refused
    if found.exact and phrase.place != "there" and not phrase.beside:
        return _certain(asked, found.keys[0], phrase)
    return decide(asked, phrase, rank(asked, phrase, found.keys))


def decide(asked: Asked, phrase: Phrase, ranked: Sequence[Ranked]) -> Grounding:
    """The likeliest thing if it is likely enough, else a question between those that may be meant."""
    if not ranked:
        return refuse("nothing", f"there is no {wording(phrase)} {_place(asked, phrase)}", _area(asked, phrase))
    best = ranked[0]
    if best.p >= asked.config.sure:
        thing = asked.things[best.key]
        return Grounding((best.key,), best.p, thing.area or _area(asked, phrase), because=best.because or _only(phrase))
    return ask(asked, phrase, ranked)


def ask(asked: Asked, phrase: Phrase, ranked: Sequence[Ranked]) -> Grounding:
    """A question between the likeliest, at most `weights.MOST_ASKED`; none of those in other rooms if they are more."""
    near = [each for each in ranked if each.weight >= weights.ASKED_SHARE * ranked[0].weight]
    elsewhere = bool(asked.where) and not phrase.area and not any(_here(asked, each.key) for each in near)
    if len(near) > weights.MOST_ASKED and phrase.place == "there":
        return refuse("unsure", "where `there` is, is not known", asked.home)
    if len(near) > weights.MOST_ASKED and elsewhere:
        return refuse("nothing", f"there is no {wording(phrase)} {_place(asked, phrase)}", _area(asked, phrase))
    asked_for = near[: weights.MOST_ASKED]
    because = f"{len(near)} things could be meant" if len(near) > 1 else "it is not sure that this one is meant"
    keys = tuple(each.key for each in asked_for)
    return Grounding((), asked_for[0].p, _area(asked, phrase), "which", keys, because=(because, *asked_for[0].because))


def _here(asked: Asked, key: str) -> bool:
    return asked.things[key].area in asked.where


def _anaphoric(asked: Asked, phrase: Phrase) -> bool:
    """Whether a phrase can only mean what was spoken of; an order without things too, unless it tells a quantity."""
    if phrase.deixis == "it":
        if asked.offered:
            return False
        return not pointed(asked) or bool(last_targets(asked))
    plain = asked.intent in {"raise", "lower"} and not asked.order.slots.get("quantity")
    vague = (asked.intent in {*_OF_ROOM, "set_level", "set_mode"} and not plain) or asked.is_question
    return phrase.empty and asked.among is None and not vague


_OF_ROOM = frozenset({"raise", "lower", "set_temperature"})


def _of_room(asked: Asked, phrase: Phrase) -> bool:
    """Whether `it` can be the room: `make it warmer in here`."""
    return asked.intent in _OF_ROOM and bool(asked.order.slots.get("quantity")) and not phrase.kind


def _unspoken(asked: Asked, phrase: Phrase) -> Grounding:
    """`turn it off`, and nothing was spoken of: a question between what could be, here and in view."""
    found = pool(asked, phrase)
    ranked = [each for each in rank(asked, phrase, found.keys) if each.weight > weights.OUTSIDE_DESCRIBED]
    if found.refused is not None or not ranked or len(ranked) > weights.MOST_ASKED:
        return refuse("forgotten", "nothing was spoken of before", asked.home)
    return ask(asked, phrase, ranked)


def _other(asked: Asked, phrase: Phrase) -> Grounding:
    found = other(asked, phrase)
    if isinstance(found, Grounding):
        return found
    ranked = rank(asked, phrase, found)
    if len(found) == 1 and ranked:
        p = weights.OTHER / (weights.OTHER + weights.ELSE)
        because = f"of two, the {title(found[0], asked.things)} was not meant last"
        return Grounding(found, p, asked.things[found[0]].area, because=(because,))
    if not ranked:
        return refuse("nothing", f"there is no other {wording(phrase)}", asked.home)
    return decide(asked, phrase, ranked)


def _certain(asked: Asked, key: str, phrase: Phrase) -> Grounding:
    p = weights.NAMED / (weights.NAMED + weights.ELSE)
    return Grounding((key,), p, asked.things[key].area, because=(f"only one thing is called '{phrase.name}'",))


def _only(phrase: Phrase) -> tuple[str, ...]:
    return (f"it is the only {wording(phrase)} that can do this",)


def _area(asked: Asked, phrase: Phrase) -> str | None:
    return phrase.area or asked.home


def _place(asked: Asked, phrase: Phrase) -> str:
    if phrase.place == "there":
        return "there"
    return f"in the {spoken(_area(asked, phrase))}" if _area(asked, phrase) else "in this house"
