"""What was spoken of before: `it`, `them`, `the other one`."""

from collections.abc import Iterator, Sequence

from edgefuse.grounding import weights
from edgefuse.grounding.asked import Asked, refuse, title
from edgefuse.grounding.candidates import Pool, pool
from edgefuse.grounding.history import Exchange, Grounding
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.sides import sideless


def last_targets(asked: Asked) -> tuple[str, ...]:
    """Of the newest order that was about things; empty where there was none."""
    return next((exchange.grounding.targets for exchange in _about_things(asked)), ())


def it(asked: Asked, phrase: Phrase) -> Grounding | None:
    """The last single thing that can do this; None where nothing was spoken of."""
    share, seen = 1.0, False
    for exchange in _about_things(asked):
        seen = True
        targets = exchange.grounding.targets
        can = _capable(asked, phrase, targets)
        if len(targets) == 1 and can:
            p = share / (share + weights.ELSE)
            because = f"the {title(can[0], asked.things)} was spoken of last"
            return Grounding(can, p, asked.things[can[0]].area, because=(because,))
        share *= weights.PAST if len(targets) == 1 else weights.PAST_SEVERAL
    if not seen:
        return None
    several = next(iter(_about_things(asked))).grounding.targets
    if len(_capable(asked, phrase, several)) > 1:
        return refuse("unsure", "several things were spoken of last")
    return refuse("unable", "what was spoken of last cannot do that")


def them(asked: Asked, phrase: Phrase) -> Grounding:
    """The last several: of one order, or of orders that followed one another."""
    exchanges = list(_about_things(asked))
    if not exchanges:
        return refuse("forgotten", "nothing was spoken of before")
    several = next((each.grounding.targets for each in exchanges if len(each.grounding.targets) > 1), None)
    targets = several or tuple(dict.fromkeys(key for each in reversed(exchanges) for key in each.grounding.targets))
    can = _capable(asked, phrase, targets)
    if not can:
        return refuse("unable", "what was spoken of last cannot do that")
    p = 1 / (1 + weights.ELSE)
    return Grounding(can, p, _one_area(asked, can), because=("they were spoken of last",))


def other(asked: Asked, phrase: Phrase) -> tuple[str, ...] | Grounding:
    """What may be `the other one`: of a question the rest, else of that kind and area what was not meant last."""
    exchanges = list(_about_things(asked, plain=True))
    if not exchanges:
        found = pool(asked, _plain(phrase)).keys if phrase.kind else ()
        here = tuple(key for key in found if asked.things[key].area in asked.where)
        return here if len(here) > 1 else refuse("forgotten", "nothing was spoken of before")
    last = exchanges[0].grounding
    rest = tuple(key for key in last.candidates if key not in last.targets)
    left = _capable(asked, phrase, rest)
    return left or _others(asked, phrase, last.targets)


def _others(asked: Asked, phrase: Phrase, meant: Sequence[str]) -> tuple[str, ...]:
    kinds = {asked.things[key].kind for key in meant}
    areas = {asked.things[key].area for key in meant}
    found = pool(asked, _plain(phrase))
    keys = tuple(key for key in found.keys if key not in meant and (phrase.kind or asked.things[key].kind in kinds))
    near = tuple(key for key in keys if asked.things[key].area in areas)
    pairs = {name for key in meant for name in sideless(key, asked.things[key])}
    return tuple(key for key in near if pairs & sideless(key, asked.things[key])) or near or keys


def _about_things(asked: Asked, *, plain: bool = False) -> Iterator[Exchange]:
    """Exchanges that came to things, newest first; with `plain` also what is now being corrected."""
    for exchange in reversed(asked.history):
        targets = exchange.grounding.targets
        known = all(key in asked.things for key in targets)
        if targets and known and exchange.grounding.acts and (plain or not set(targets) & asked.without):
            yield exchange


def _capable(asked: Asked, phrase: Phrase, targets: Sequence[str]) -> tuple[str, ...]:
    found: Pool = pool(asked, _plain(phrase))
    return tuple(key for key in targets if key in found.keys)


def _plain(phrase: Phrase) -> Phrase:
    return Phrase(name=phrase.name, kind=phrase.kind, area=phrase.area, state=phrase.state)


def _one_area(asked: Asked, keys: Sequence[str]) -> str | None:
    areas = {asked.things[key].area for key in keys}
    return areas.pop() if len(areas) == 1 else None
