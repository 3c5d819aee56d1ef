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
    far = {key: _distance(asked, key, word, spots) for key in keys}
    nearest = min(far.values(), default=0.0)
    told = {key: _ratio(distance, nearest) for key, distance in far.items()}
    return {key: (ratio, f"it is by the {word}" if ratio else "") for key, ratio in told.items()}


def _ratio(distance: float, nearest: float) -> float:
    if distance >= weights.LANDMARK_REACH:
        return 0.0
    fading = min(1.0, 2 * (1 - distance / weights.LANDMARK_REACH)) ** 2
    return fading * math.exp((nearest - distance) / weights.LANDMARK_SCALE)


def _distance(asked: Asked, key: str, word: str, spots: Mapping[str, Sequence[Spot]]) -> float:
    """Of a thing from the landmark, as a fraction of the picture; infinite where it is not known, and for itself."""
    thing = asked.things[key]
    if named(word, thing, key):
        return math.inf
    if any(_same(word, fold(each)) for each in thing.near):
        return 0.0
    pairs = [(here, spot) for camera, here in thing.seen.items() for spot in spots.get(camera, ())]
    return min((apart(here, spot) for here, spot in pairs), default=math.inf)


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


def _parts(name: str) -> set[str]:
    """Words; of scripts without spaces characters."""
    return set(name.split() if name.isascii() else "".join(name.split()))


def _same(said: str, known: str) -> bool:
    """`big window` is a window; `window` may be the big one."""
    a, b = _parts(said), _parts(known)
    return bool(a) and bool(b) and (a <= b or b <= a)
