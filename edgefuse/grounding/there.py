"""`over there`: what is pointed at, else another area that was spoken of or where something has just changed."""

from collections.abc import Mapping, Sequence

from edgefuse.grounding import weights
from edgefuse.grounding.asked import Asked, spoken
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.pointing import degrees, off


def there(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Mapping[str, tuple[float, str]]:
    """Likelihood ratios of the place: 0 for the speaker's own thing."""
    if phrase.place != "there" or phrase.area:
        return {}
    spoken_of = _spoken_of(asked)
    return {key: _ratio(asked, key, keys, spoken_of) for key in keys}


def _ratio(asked: Asked, key: str, keys: Sequence[str], spoken_of: str | None) -> tuple[float, str]:
    area = asked.things[key].area
    at = aimed(asked, key)
    if area in asked.where:
        distance = _distance(asked, key)
        beside = distance is not None and distance < weights.OWN_REACH
        return (1.0, "") if at and not beside else _in_own_area(asked, key, keys)
    if at:
        return 1.0, ""
    if area is not None and area == spoken_of:
        return 1.0, f"the {spoken(area)} was spoken of last"
    if _changed(asked, area):
        return weights.THERE_CHANGED, f"something has just changed in the {spoken(area)}"
    return weights.THERE_LEFT, ""


def _in_own_area(asked: Asked, key: str, keys: Sequence[str]) -> tuple[float, str]:
    """The far end of the speaker's own room, where a picture shows it and there is a nearer one too."""
    if _own(asked, key, keys):
        return 0.0, ""
    alone = sum(asked.things[each].area in asked.where for each in keys) == 1
    distance = _distance(asked, key)
    if distance is None:
        return (0.0 if alone else weights.THERE_OWN), ""
    return (weights.THERE_OWN_ALONE if alone else 1.0), "it is seen, some way off the speaker"


def _own(asked: Asked, key: str, keys: Sequence[str]) -> bool:
    """Whether a thing is the speaker's own: right beside, or the nearest of what is seen, or the only one."""
    distances = {each: found for each in keys if (found := _distance(asked, each)) is not None}
    if key not in distances:
        return False
    return distances[key] < weights.OWN_REACH or (len(distances) > 1 and distances[key] == min(distances.values()))


def _distance(asked: Asked, key: str) -> float | None:
    seen = asked.things[key].seen
    told = [off(each.box, seen[each.camera]) for each, _ in asked.speakers if each.box and each.camera in seen]
    return min(told, default=None)


def aimed(asked: Asked, key: str) -> bool:
    """Whether an arm points roughly at a thing."""
    seen = asked.things[key].seen
    return any(
        each.pointing and each.camera in seen and degrees(each.pointing, seen[each.camera]) < 3 * weights.RAY_DEGREES
        for each, _ in asked.speakers
    )


def _spoken_of(asked: Asked) -> str | None:
    """The area other than the speaker's that an order was about last."""
    for exchange in reversed(asked.history):
        areas = [asked.things[key].area for key in exchange.grounding.targets if key in asked.things]
        for area in (*areas, exchange.grounding.area):
            if area is not None and area not in asked.where:
                return area
    return None


def _changed(asked: Asked, area: str | None) -> bool:
    states = [(asked.state(key), thing.area) for key, thing in asked.things.items()]
    return any(
        place == area
        and state is not None
        and state.changed is not None
        and asked.scene.t - state.changed <= weights.SUDDEN_S * 1e9
        for state, place in states
    )
