"""Where the speaker is: areas with probabilities, and the persons who may be it."""

from collections.abc import Mapping

from edgefuse.grounding import weights
from edgefuse.grounding.scene import Person, Scene

_FACING: dict[bool | None, float] = {True: 3.0, None: 1.0, False: 0.5}
"""Who speaks to a device faces it."""
_LEAST_SCORE = 0.3


def area_of(person: Person, scene: Scene) -> str | None:
    """Where a person is seen."""
    return person.area if person.area is not None else scene.cameras.get(person.camera)


def whereabouts(scene: Scene) -> Mapping[str, float]:
    """Area -> probability that the speaker is there; empty where nothing tells.

    The microphone's area, unless the only persons are seen elsewhere: then it is in doubt.
    """
    persons = [area for each in scene.persons if (area := area_of(each, scene)) and each.score >= _LEAST_SCORE]
    areas = tuple(dict.fromkeys(persons))
    if scene.here is None:
        return {areas[0]: weights.SEEN} if len(areas) == 1 else {}
    if not areas or scene.here in areas:
        return {scene.here: weights.MICROPHONE}
    own = weights.EMPTY if watched(scene) else weights.UNWATCHED
    return {scene.here: own, **{area: (1 - own) / len(areas) for area in areas}}


def watched(scene: Scene) -> bool:
    """Whether a live camera looks for people in the microphone's area."""
    return scene.here is not None and scene.here in scene.cameras.values()


def attended(scene: Scene) -> bool:
    """Whether somebody is seen in the microphone's area."""
    return scene.here is not None and any(
        area_of(each, scene) == scene.here and each.score >= _LEAST_SCORE for each in scene.persons
    )


def speakers(scene: Scene, where: Mapping[str, float]) -> tuple[tuple[Person, float], ...]:
    """Persons who may be the speaker, each with the probability: those in the microphone's area, else all."""
    seen = [each for each in scene.persons if each.score >= _LEAST_SCORE]
    near = [each for each in seen if scene.here is not None and area_of(each, scene) == scene.here]
    shares = [_FACING[each.facing] * each.score for each in near or seen]
    total = sum(shares)
    if not near and scene.here is not None:
        total /= sum(where.get(area_of(each, scene) or "", 1.0) for each in seen) / len(seen) if seen else 1.0
    return tuple((each, share / total) for each, share in zip(near or seen, shares, strict=True))
