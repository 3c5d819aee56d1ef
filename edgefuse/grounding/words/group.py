"""One group of words that belong together, from one `and` to the next: what was said so far, and what may follow.

Features are unified: what contradicts what was said before ends the reading. `step` gives the group with one more
sense, or None where the sense cannot stand there.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from edgefuse.grounding.words.lexicon import Sense

Group: TypeAlias = Mapping[str, Any]
"""Fields of Phrase, and: verb, particle, value (number, unit), ask, quantity, amount, mood, asked. Keys that begin
with `_` are about the sentence: `_need` (what must come next), `_head` (a thing was named), `_wants` (one must be),
`_coloured` (a colour was said right before it)."""
PHRASE = ("name", "kind", "count", "number", "area", "everywhere", "deixis", "place", "beside", "side", "state")
_ORDER = {"one": 0, "some": 1, "all": 2}
_NOUNS = {"area": "area", "landmark": "landmark", "more": "side"}


def unify(group: Group, features: Mapping[str, Any]) -> dict[str, Any] | None:
    """Both together, or None where they differ."""
    joined = dict(group)
    for name, value in features.items():
        if name in {"query", "noun"}:
            continue
        known = joined.get(name)
        if known is None or known == value:
            joined[name] = value
        elif name == "count":
            joined[name] = max(known, value, key=_ORDER.__getitem__)
        elif name == "deixis" and value == "other":
            joined[name] = value
        elif not (name == "deixis" and known == "other"):
            return None
    return joined


def step(group: Group, sense: Sense) -> dict[str, Any] | None:
    """Take one more sense."""
    rule = _RULES.get(sense.role)
    if rule is None or (sense.features.get("query") and not group.get("mood") and sense.role != "ask"):
        return None
    marks = group.get("_marks", frozenset())
    if (sense.after and sense.after not in marks) or (sense.never and sense.never in marks):
        return None
    need = group.get("_need")
    taken = _needed(group, sense, need) if need is not None and sense.role != "nothing" else rule(group, sense)
    return {**taken, "_marks": marks | {sense.gives}} if taken is not None and sense.gives else taken


def _needed(group: Group, sense: Sense, need: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a preposition, a relative word or a marker of a value asks for."""
    rest = {name: value for name, value in group.items() if name != "_need"}
    if need["by"] == "rel":
        return _related(rest, sense)
    if need["by"] in {"to", "by", "at"}:
        fits = sense.role in {"value", "number"} and (
            not need["takes"] or bool({*need["takes"]} & sense.features.keys())
        )
        return _value(rest, sense, need["by"]) if fits else None
    kind = _NOUNS.get(sense.role)
    if sense.role == "head":
        kind = "name" if "name" in sense.features else "kind" if "kind" in sense.features else None
    if kind is None or kind not in need["takes"]:
        return None
    if kind in {"name", "kind"}:
        return unify(rest, {"beside": sense.said, "_wants": False})
    if kind == "side":
        return unify(rest, {"side": sense.features["side"], "_wants": False}) if "side" in sense.features else None
    return unify(rest, {**_landmark(sense), "_wants": False})


def _landmark(sense: Sense) -> Mapping[str, Any]:
    return {"beside": sense.said} if sense.role == "landmark" else sense.features


def _related(rest: Group, sense: Sense) -> dict[str, Any] | None:
    """`that is`: on, in the kitchen, over there."""
    if sense.role == "state":
        return unify(rest, {"state": sense.features["state"]})
    if sense.role in {"prep", "place"}:
        return _RULES[sense.role](rest, sense)
    return None


def _nothing(group: Group, _: Sense) -> dict[str, Any] | None:
    return dict(group)


def _verb(group: Group, sense: Sense) -> dict[str, Any] | None:
    if "verb" in group or "mood" in group or group.get("_wants"):
        return None
    if "value" in group or "particle" in group or (group.get("_head") and not group.get("_free")):
        return None
    if sense.features.get("final") and not {"_head", "quantity"} & group.keys():
        return None
    joined = dict(group)
    joined["verb"] = sense.features
    if group.get("_head"):
        joined["_final"] = True
    return joined


def _particle(group: Group, sense: Sense) -> dict[str, Any] | None:
    if "mood" in group or "particle" in group or group.get("_wants"):
        return None
    alone = not {"verb", "quantity"} & group.keys() and not group.get("_head")
    if alone and group:
        return None
    return unify(group, sense.features)


def _again(group: Group, _: Sense) -> dict[str, Any] | None:
    """`off again`: what was spoken of last, where nothing else is said."""
    if not {"verb", "particle", "degree"} & group.keys() or "mood" in group or group.get("_wants"):
        return None
    return dict(group) if group.get("_head") else unify({**group, "_head": "deixis"}, {"deixis": "it"})


def _head(group: Group, sense: Sense) -> dict[str, Any] | None:
    if group.get("_closed") or (group.get("_free") and not group.get("marked", True)):
        return None
    joined = unify(group, sense.features)
    if joined is None:
        return None
    kinds = {"name", "kind"} & sense.features.keys()
    if group.get("_head") and not (kinds and group["_head"] == "deixis"):
        if group["_head"] == "name" and "kind" in kinds:
            joined["_head"] = "name"
        else:
            return None
    else:
        joined["_head"] = "name" if "name" in kinds else "kind" if kinds else "deixis"
    if kinds and "colour" in group.get("value", ()):
        if group["marked"]:
            return None
        joined["_coloured"] = True
    joined["_wants"] = False
    return joined


def _more(group: Group, sense: Sense) -> dict[str, Any] | None:
    if sense.features.get("wants"):
        rest = {name: value for name, value in sense.features.items() if name != "wants"}
        return None if group.get("_head") else unify(group, {**rest, "_wants": True})
    if sense.features.get("noun") and group.get("_head"):
        return None
    joined = unify(group, sense.features)
    if joined is not None and sense.features.get("noun") and not group.get("_head"):
        joined["_wants"] = True
    return joined


def _area(group: Group, sense: Sense) -> dict[str, Any] | None:
    """Where verbs come last, what something is in comes before it."""
    if group.get("_free") and group.get("_head"):
        return None
    return unify(group, sense.features)


def _stray_landmark(group: Group, sense: Sense) -> dict[str, Any] | None:
    """`the window light`: only right before a thing."""
    if group.get("_head") or not (sense.features.get("home") or sense.gives):
        return None
    return unify(group, {"beside": sense.said, "_wants": True})


def _place(group: Group, sense: Sense) -> dict[str, Any] | None:
    return unify(group, sense.features)


def _preposition(group: Group, sense: Sense) -> dict[str, Any] | None:
    if group.get("_wants"):
        return None
    return {**group, "_need": {"by": "prep", "takes": sense.features["takes"]}}


def _rel(group: Group, _: Sense) -> dict[str, Any] | None:
    return {**group, "_need": {"by": "rel"}} if group.get("_head") else None


def _state(group: Group, sense: Sense) -> dict[str, Any] | None:
    if sense.features.get("asks"):
        asked = {"asked": sense.features["state"], "mood": "is"}
        return {**group, **asked} if _askable(group) and not group.get("_wants") else None
    if "mood" in group:
        return None if "asked" in group else {**group, "asked": sense.features["state"]}
    if sense.features.get("adjective") and not group.get("_head"):
        return unify(group, {"state": sense.features["state"], "_wants": True})
    return None


def _marker(group: Group, sense: Sense) -> dict[str, Any] | None:
    if "mood" in group or group.get("_wants"):
        return None
    takes = sense.features.get("takes", ())
    return {**group, "_need": {"by": "at" if sense.features.get("loose") else sense.role, "takes": takes}}


def _free_value(group: Group, sense: Sense) -> dict[str, Any] | None:
    return None if "mood" in group or group.get("_wants") else _value(group, sense, "")


def _value(group: Group, sense: Sense, marked: str) -> dict[str, Any] | None:
    """Only one value in a group; `marked`: to or by."""
    if "value" in group:
        return None
    return {**group, "value": sense.features, "marked": marked}


def _several(group: Group, sense: Sense) -> dict[str, Any] | None:
    """`two lamps`."""
    if group.get("_head") or "number" in group or "mood" in group:
        return None
    joined = unify(group, {"count": "some"})
    return None if joined is None else {**joined, "number": int(sense.features["count"]), "_wants": True}


def _measure(group: Group, _: Sense) -> dict[str, Any] | None:
    """What stands between a number and what is counted."""
    return dict(group) if "number" in group and group.get("_wants") else None


def _degree(group: Group, sense: Sense) -> dict[str, Any] | None:
    return None if "mood" in group or "degree" in group or group.get("_wants") else {**group, "degree": sense.features}


def _quantity(group: Group, sense: Sense) -> dict[str, Any] | None:
    return unify(group, {name: value for name, value in sense.features.items() if name in {"quantity", "of"}})


def _setting(group: Group, _: Sense) -> dict[str, Any] | None:
    """`what is the heater set to`."""
    return {**group, "setting": True} if group.get("mood") in {"what", "is"} and group.get("_head") else None


def _be(group: Group, _: Sense) -> dict[str, Any] | None:
    """Begins a question, or belongs to one."""
    if "be" in group:
        return None
    if "mood" in group or not set(group) - {"place", "area"}:
        return {**group, "mood": group.get("mood", "is"), "be": True}
    return None


def _askable(group: Group) -> bool:
    """Whether a question may begin here; where verbs come last, what it is about has been said before."""
    before = {name for name in group if name not in PHRASE and name[0] != "_"} - {"quantity"}
    return not before if group.get("_free") else not set(group) - {"place", "area"}


def _ask(group: Group, sense: Sense) -> dict[str, Any] | None:
    if not _askable(group):
        return None
    joined = unify(group, {name: value for name, value in sense.features.items() if name == "quantity"})
    return None if joined is None else {**joined, "mood": sense.features["query"]}


_RULES: Mapping[str, Callable[[Group, Sense], dict[str, Any] | None]] = {
    "nothing": _nothing,
    "verb": _verb,
    "particle": _particle,
    "head": _head,
    "more": _more,
    "area": _area,
    "landmark": _stray_landmark,
    "place": _place,
    "prep": _preposition,
    "rel": _rel,
    "state": _state,
    "to": _marker,
    "by": _marker,
    "value": _free_value,
    "number": _free_value,
    "several": _several,
    "measure": _measure,
    "degree": _degree,
    "quantity": _quantity,
    "amount": lambda group, sense: unify(group, sense.features),
    "be": _be,
    "ask": _ask,
    "again": _again,
    "setting": _setting,
}
