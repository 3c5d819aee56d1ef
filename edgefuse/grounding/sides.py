"""`the left one`, `the second lamp`, `the near one`: by place in the picture, seen from the camera."""

from collections.abc import Mapping, Sequence

from edgefuse.config.models import Thing
from edgefuse.grounding import weights
from edgefuse.grounding.asked import Asked, fold
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.pointing import off

_AXIS = {"left": (0, 1), "first": (0, 1), "right": (0, -1), "last": (0, -1), "top": (1, 1), "bottom": (1, -1)}
"""Side -> axis of the picture and direction in which places are ordered."""
_LIKELY = 0.5
_WORDS = {
    "left": {"left", "左"},
    "right": {"right", "右"},
    "middle": {"middle", "中"},
    "top": {"top", "upper", "上"},
    "bottom": {"bottom", "lower", "下"},
}


def side(asked: Asked, phrase: Phrase, keys: Sequence[str]) -> Mapping[str, tuple[float, str]]:
    """Likelihood ratios of a side; nothing where nothing tells, so that it stays a question."""
    if not phrase.side:
        return {}
    own = [key for key in keys if asked.things[key].area in asked.where] or keys
    chosen = _offered(asked, phrase.side, keys) or _worded(asked, phrase.side, own) or _seen(asked, phrase.side, own)
    if chosen is None:
        return {}
    return {key: (1.0, f"it is the {phrase.side} one") if key == chosen else (weights.SIDE_WRONG, "") for key in keys}


def _offered(asked: Asked, which: str, keys: Sequence[str]) -> str | None:
    """`the first one` of what a question named."""
    order = [key for key in asked.offered if key in keys]
    index = {"first": 0, "second": 1, "last": -1}.get(which)
    return None if index is None or not -1 <= index < len(order) else order[index]


def _worded(asked: Asked, which: str, keys: Sequence[str]) -> str | None:
    """`left blind` is a name too."""
    words = _WORDS.get(which, {which})
    found = [key for key in keys if words & {w for name in (key, *asked.things[key].names) for w in _parts(name)}]
    return found[0] if len(found) == 1 else None


def sideless(key: str, thing: Thing) -> set[str]:
    """Names without `left`, `right` and so on, of those that have it: the other bedside lamp has the same."""
    sides = set().union(*_WORDS.values())
    return {_joined(fold(name), sides) for name in (key, *thing.names) if sides & set(_parts(name))}


def _joined(name: str, sides: set[str]) -> str:
    if name.isascii():
        return " ".join(word for word in name.split() if word not in sides)
    return "".join(letter for letter in name if letter not in sides)


def _parts(name: str) -> list[str]:
    """Words; of scripts without spaces characters."""
    folded = fold(name)
    return folded.split() if folded.isascii() else [*folded.split(), *folded]


def _seen(asked: Asked, which: str, keys: Sequence[str]) -> str | None:
    camera = _camera(asked, keys)
    if camera is None:
        return None
    spots = {key: asked.things[key].seen[camera] for key in keys if camera in asked.things[key].seen}
    if which in _AXIS:
        axis, way = _AXIS[which]
        return _apart(sorted((way * spot[axis], key) for key, spot in spots.items()), 0)
    if which in {"second", "middle"}:
        ordered = sorted((spot[0], key) for key, spot in spots.items())
        if which == "middle" and len(ordered) % 2 == 0:
            return None
        return _apart(ordered, 1 if which == "second" else len(ordered) // 2)
    boxes = [
        person.box for person, share in asked.speakers if person.box and person.camera == camera and share > _LIKELY
    ]
    if not boxes:
        return None
    sign = 1 if which == "near" else -1
    return _apart(sorted((sign * off(boxes[0], spot), key) for key, spot in spots.items()), 0)


def _camera(asked: Asked, keys: Sequence[str]) -> str | None:
    """A picture that all of them are in."""
    cameras = sorted({camera for key in keys for camera in asked.things[key].seen})
    whole = [camera for camera in cameras if all(camera in asked.things[key].seen for key in keys)]
    return whole[0] if whole and len(keys) > 1 else None


def _apart(ordered: Sequence[tuple[float, str]], index: int) -> str | None:
    """The one at a place, if it stands clear of its neighbours."""
    if index >= len(ordered):
        return None
    value, key = ordered[index]
    beside = [other for i, (other, _) in enumerate(ordered) if abs(i - index) == 1]
    return key if all(abs(value - other) >= weights.SIDE_GAP for other in beside) else None
