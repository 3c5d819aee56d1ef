"""Which things an order means: exactly one answer, a target, a question or a refusal, with probability and reasons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgefuse.config.models import THING_INTENTS, DialogueConfig, Thing
from edgefuse.grounding.amounts import settle
from edgefuse.grounding.asked import Asked, asked, refuse
from edgefuse.grounding.choose import one
from edgefuse.grounding.followup import Following, following
from edgefuse.grounding.history import Grounding, History
from edgefuse.grounding.nouns import with_nouns
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import Scene
from edgefuse.grounding.several import excluded, plural, several
from edgefuse.grounding.stakes import guard

_NEED_THINGS = frozenset(THING_INTENTS) | {"raise", "lower"}


def ground(
    order: Order, scene: Scene, history: History, things: Mapping[str, Thing], config: DialogueConfig
) -> Grounding:
    """Find what an order means.

    Hard constraints leave what can do it and what all that was said holds of; soft evidence (`weights`) tells between
    these. It is done only if the probability reaches `config.sure`, `config.sure_high` where the stake is high. A
    question keeps in `targets` what is settled already and asks for the rest. For `also`, `pick`, `correct` and `yes`
    see `followup.effective`. A `correct` without things gives the things of the last order: what is to be undone.
    """
    lead = following(order, history, things)
    if lead.refused:
        return refuse(lead.refused, "nothing was spoken of before", scene.here)
    moment = asked(with_nouns(lead.order, things), scene, history, things, config)
    if lead.agreed is not None:
        return _agreed(moment, lead)
    offered = lead.among or ()
    among = None if lead.among is None else frozenset(lead.among)
    moment = replace(moment, among=among, offered=offered, without=frozenset(lead.without))
    found = _all_phrases(moment)
    if lead.among is not None:
        found = _answered(found, lead)
    return guard(moment, settle(moment, found))


def _agreed(moment: Asked, lead: Following) -> Grounding:
    known = tuple(key for key in lead.agreed or () if key in moment.things)
    areas = {moment.things[key].area for key in known}
    area = areas.pop() if len(areas) == 1 else moment.home
    found = Grounding(known, 1.0, area, because=("that was said yes to",))
    return found if lead.undo else guard(moment, settle(moment, found), agreed=True)


def _answered(found: Grounding, lead: Following) -> Grounding:
    """The answer to a question: with what was settled, and what else could have been answered."""
    offered = lead.among or ()
    if found.acts:
        return replace(found, targets=(*lead.settled, *found.targets), candidates=offered)
    if found.asking or found.refused == "forgotten":
        return replace(found, targets=lead.settled, asking="which", candidates=found.candidates or offered, refused="")
    return replace(found, candidates=offered)


def _all_phrases(moment: Asked) -> Grounding:
    phrases = moment.order.things
    if not phrases:
        if moment.intent not in _NEED_THINGS:
            return Grounding(area=moment.home if moment.is_question else moment.scene.here)
        phrases = (Phrase(),)
    found = _together([_phrase(moment, phrase) for phrase in phrases])
    if not moment.order.but or found.refused:
        return found
    left = _without(moment, found)
    if left is not None:
        return left
    wide = tuple(map(_widened, phrases))
    if wide == phrases or moment.among is not None:
        return refuse("unsure", "what is excepted is not known", moment.home)
    return _all_phrases(replace(moment, order=replace(moment.order, things=wide)))


def _together(found: Sequence[Grounding]) -> Grounding:
    """Several phrases of one order: all of them, else a question or a refusal for the whole."""
    refused = next((each for each in found if each.refused), None)
    if refused is not None:
        return refused
    targets = tuple(dict.fromkeys(key for each in found for key in each.targets))
    questions = [each for each in found if each.asking]
    if len(questions) > 1:
        return refuse("unsure", "more than one thing of this order is in doubt", questions[0].area)
    for question in questions:
        left = tuple(key for key in question.candidates if key not in targets) or question.candidates
        return replace(question, targets=tuple(key for key in targets if key not in left), candidates=left)
    areas = {each.area for each in found}
    because = tuple(dict.fromkeys(line for each in found for line in each.because))
    p = math.prod(each.p for each in found)
    return Grounding(targets, p, areas.pop() if len(areas) == 1 else None, because=because)


def _phrase(moment: Asked, phrase: Phrase) -> Grounding:
    if moment.is_question and _place_only(moment, phrase):
        return Grounding(area=phrase.area or moment.home)
    return several(moment, phrase) if plural(phrase) else one(moment, phrase)


def _place_only(moment: Asked, phrase: Phrase) -> bool:
    """`how warm is it in the hall` is about no thing; `how bright is it` may be."""
    quantity = moment.order.slots.get("quantity", "")
    of_air = bool(quantity) and quantity not in {"level", "volume"}
    if phrase.deixis == "it" and of_air:
        phrase = replace(phrase, deixis="")
    bare = phrase == Phrase(area=phrase.area, place=phrase.place, everywhere=phrase.everywhere)
    return bare and (of_air or not phrase.empty)


def _without(moment: Asked, found: Grounding) -> Grounding | None:
    """Leave out what was excepted. None: what is excepted is not known, so nothing is done."""
    every = (*found.targets, *found.candidates)
    out: set[str] = set()
    for each in moment.order.but:
        keys = excluded(moment, each, every)
        if keys is None:
            return None
        out.update(keys)
    targets, candidates = (tuple(key for key in keys if key not in out) for keys in (found.targets, found.candidates))
    if not targets and not candidates:
        return refuse("nothing", "nothing is left after the exception", found.area)
    return replace(found, targets=targets, candidates=candidates)


def _widened(phrase: Phrase) -> Phrase:
    """`all lights but the kitchen`, said elsewhere, speaks of the whole house."""
    if phrase.count != "all" or phrase.area or phrase.place or phrase.deixis:
        return phrase
    return replace(phrase, everywhere=True)
