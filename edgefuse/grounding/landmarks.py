"""`by the window`: beside a landmark that is configured, drawn in a picture, or another thing."""

import math
from collections.abc import Mapping, Sequence

from edgefuse.grounding import weights
from edgefuse.grounding.asked import Asked, fold
from edgefuse.grounding.candidates import named
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.pointing import apart
from edgefuse.grounding.scene import Spot


def beside(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Mapping[str, tuple[float, str]]:
    """Likelihood ratios of a landmark: 0 for what is known to be elsewhere, or of which nothing is known."""
    if not phrase.beside:
        return {}
    word = fold(phrase.beside)
    spots = _spots(asked, word)
    told = {key: _ratio(asked, key, word, spots) for key in keys}
    return {key: (ratio, f"it is by the {word}" if ratio else "") for key, ratio in told.items()}


def _ratio(asked: Asked, key: str, word: str, spots: Mapping[str, Sequence[Spot]]) -> float:
    thing = asked.things[key]
    if named(word, thing, key):
        return 0.0
    if any(_same(word, fold(each)) for each in thing.near):
        return 1.0
    distances = [apart(spot, here) for camera, here in thing.seen.items() if camera in spots for spot in spots[camera]]
    if not distances or min(distances) > weights.LANDMARK_REACH:
        return 0.0
    return math.exp(-min(distances) / weights.LANDMARK_SCALE)


def _spots(asked: Asked, word: str) -> Mapping[str, Sequence[Spot]]:
    """Camera -> where in its picture something of that name is: zones, and other things."""
    found: dict[str, list[Spot]] = {}
    for camera, zones in asked.scene.landmarks.items():
        found.setdefault(camera, []).extend(spot for name, spot in zones.items() if _same(word, fold(name)))
    for key, thing in asked.things.items():
        if named(word, thing, key) or thing.kind == word:
            for camera, spot in thing.seen.items():
                found.setdefault(camera, []).append(spot)
    return found


def _same(said: str, known: str) -> bool:
    """`big window` is a window; `window` may be the big one."""
    a, b = set(said.split()), set(known.split())
    return bool(a) and bool(b) and (a <= b or b <= a)
