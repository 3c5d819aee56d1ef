"""What a body does, from its points alone: which way it faces, where an arm points, whether it lies or holds up a hand.

Geometry in the picture, measured against the length of the body's own trunk; nothing is learned. Points that are not
sure enough leave a question open.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.detectors.movenet import Body

Floats: TypeAlias = NDArray[np.float32]
Ray: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
_SURE = 0.3
"""Least score of a point that is used."""
_STRAIGHT = 0.85
"""Share of its length that an arm reaches from which on it is stretched: an elbow of 115 degrees."""
_HANGS = 40.0
"""Degrees from straight down within which an arm hangs."""
_LONG = 0.55
"""Least length of a pointing arm in trunks: one that points into the camera is too short to tell where."""
_FLAT = 35.0
"""Degrees of the trunk from the horizontal below which somebody lies."""
_TURNED = 0.75
"""Greatest distance of the nose from the middle between the eyes, in distances of the eyes, of a face turned here."""


def facing(body: Body) -> bool | None:
    """Whether the person looks towards the camera; None where the head is not seen well enough."""
    nose, left, right = (body.point(name, _SURE) for name in ("nose", "left_eye", "right_eye"))
    if nose is None and left is None and right is None:
        ears = [body.point(name, _SURE) for name in ("left_ear", "right_ear")]
        return False if any(ear is not None for ear in ears) else None
    if nose is None or left is None or right is None:
        return False
    apart = float(left[0] - right[0])  # a face turned here has its left eye on the right of the picture
    return apart > 0 and abs(float(nose[0]) - float(left[0] + right[0]) / 2) < _TURNED * apart


def pointing(body: Body, aspect: float) -> Ray | None:
    """Shoulder and wrist of the arm that points, as fractions of the picture; `aspect` is its width over its height."""
    trunk = _trunk(body, aspect)
    if trunk is None:
        return None
    rays = [ray for side in ("left", "right") if (ray := _arm(body, side, aspect, _length(trunk))) is not None]
    return max(rays, key=lambda ray: ray[0])[1] if rays else None


def lying(body: Body, aspect: float) -> bool | None:
    """Whether the trunk is nearly horizontal; None where it is not seen."""
    trunk = _trunk(body, aspect)
    if trunk is None:
        return None
    return math.degrees(math.atan2(abs(float(trunk[1])), abs(float(trunk[0])))) < _FLAT


def hand_up(body: Body) -> bool:
    """Whether a hand is held up in front: the wrist higher than its shoulder, and above its elbow."""
    for side in ("left", "right"):
        wrist, elbow, shoulder = (body.point(f"{side}_{part}", _SURE) for part in ("wrist", "elbow", "shoulder"))
        if wrist is None or elbow is None or shoulder is None:
            continue
        upright = abs(float(wrist[0] - elbow[0])) < abs(float(elbow[1] - wrist[1]))
        if wrist[1] < shoulder[1] and wrist[1] < elbow[1] and upright:
            return True
    return False


def _arm(body: Body, side: str, aspect: float, trunk: float) -> tuple[float, Ray] | None:
    """Length in trunks, and the ray of a stretched arm that does not hang."""
    found = [body.point(f"{side}_{part}", _SURE) for part in ("shoulder", "elbow", "wrist")]
    shoulder, elbow, wrist = found
    if shoulder is None or elbow is None or wrist is None:
        return None
    reach = _square(wrist - shoulder, aspect)
    arm = _length(_square(elbow - shoulder, aspect)) + _length(_square(wrist - elbow, aspect))
    length = _length(reach)
    if arm <= 0 or length < _STRAIGHT * arm or length < _LONG * trunk:
        return None
    if math.degrees(math.atan2(abs(float(reach[0])), float(reach[1]))) < _HANGS:
        return None
    ends = [(round(float(x), 4), round(float(y), 4)) for x, y in (shoulder, wrist)]
    return length / trunk, (ends[0], ends[1])


def _trunk(body: Body, aspect: float) -> Floats | None:
    """From the middle of the hips to the middle of the shoulders, in heights of the picture."""
    found = [body.point(f"{side}_{part}", _SURE) for part in ("hip", "shoulder") for side in ("left", "right")]
    hips = [each for each in found[:2] if each is not None]
    shoulders = [each for each in found[2:] if each is not None]
    if not hips or not shoulders:
        return None
    trunk = _square(np.mean(shoulders, axis=0) - np.mean(hips, axis=0), aspect)
    return trunk if _length(trunk) > 0 else None


def _square(vector: Floats, aspect: float) -> Floats:
    """Fractions of width and height -> heights."""
    return np.array([vector[0] * aspect, vector[1]], np.float32)


def _length(vector: Floats) -> float:
    return float(np.hypot(vector[0], vector[1]))
