"""What moves in a film of a fixed camera, cut out, and the empty scene behind it: parts for composed corpora."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.corpora.corpus import Report

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
WIDTH, HEIGHT = 192, 108
_DIFFERENT = 28
"""Levels of 255 by which something differs from the empty scene."""
_SMALLEST = 600
"""Pixels of the smallest thing that is cut out."""
_FILLED = 0.45
"""Share of its box that a thing fills: shadows on a wall are ragged."""
_WHOLE = 0.6
"""Share of the frame's height from which what touches the upper edge still counts as whole."""
_TWELFTHS = 12
_GAP = 7
"""Frames without a thing, after which what comes is another passage."""
_APART = 30
"""Pixels across, from which what comes is another passage."""
_ALIKE = 0.03
"""Share of changed pixels up to which a frame counts as empty."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """One thing in one frame."""

    colour: Bytes
    """(h, w, 3) RGB."""
    inside: Floats
    """(h, w) 1 where the thing is."""
    middle: float
    """Where its middle was, in pixels from the left of the frame."""
    passage: int = 0
    """Which passage through the scene it was cut from: one person, one vehicle."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A film taken apart."""

    empty: Bytes
    """(HEIGHT, WIDTH, 3) RGB: the scene with nothing in it."""
    cutouts: Sequence[Cutout]

    def passages(self) -> Sequence[Sequence[Cutout]]:
        """The cut-outs of each passage, in the order of time."""
        numbers = sorted({cutout.passage for cutout in self.cutouts})
        return [[cutout for cutout in self.cutouts if cutout.passage == number] for number in numbers]


def find(folder: Path, word: str) -> Path:
    """The film whose name has this word. Raises ConfigError when there is none, or more than one."""
    found = sorted(folder.glob(f"*{word}*.mp4"))
    if len(found) != 1:
        told = ", ".join(path.name for path in found) or "none"
        raise ConfigError(f"{folder}: expected one film with '{word}' in its name (*{word}*.mp4), found {told}")
    return found[0]


def take_apart(path: Path, report: Report, every: int = 2) -> Scene:
    """Cut what moves out of every so-manieth frame. The first frame has to show the empty scene.

    Raises ConfigError for a file that is no film, or in which nothing moves.
    """
    frames = _frames(path, every, report)
    empty = _empty(frames)
    cutouts = _followed([_cut(frame, empty) for frame in frames], max(1, _GAP // every))
    if not cutouts:
        raise ConfigError(f"{path}: nothing moves in this film; expected a fixed camera and an empty first frame")
    return Scene(empty, cutouts)


def resized(cutout: Cutout, height: int) -> Cutout:
    """The same, so many pixels high."""
    import cv2

    width = max(2, round(cutout.colour.shape[1] * height / cutout.colour.shape[0]))
    colour = cv2.resize(cutout.colour, (width, height), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(cutout.inside, (width, height), interpolation=cv2.INTER_AREA)
    return Cutout(colour, inside, cutout.middle, cutout.passage)


def paste(picture: Bytes, cutout: Cutout, top: int, left: int) -> None:
    """Lay a cut-out over a picture, in place; what lies outside is cut off."""
    height, width = cutout.inside.shape
    y, x = max(0, top), max(0, left)
    part = picture[y : max(0, top + height), x : max(0, left + width)]
    if not part.size:
        return
    rows = slice(y - top, y - top + part.shape[0])
    columns = slice(x - left, x - left + part.shape[1])
    inside = cutout.inside[rows, columns, None]
    part[:] = np.round(inside * cutout.colour[rows, columns] + (1 - inside) * part).astype(np.uint8)


def backdrop(rng: np.random.Generator, empty: Bytes, height: int, width: int) -> Bytes:
    """A part of an empty scene, (height, width, 3), mirrored or not."""
    import cv2

    tall = int(rng.uniform(0.6, 1) * empty.shape[0])
    top = rng.integers(empty.shape[0] - tall + 1)
    picture = cv2.resize(empty[top : top + tall], (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[:, :: int(rng.choice([-1, 1]))])


def columns(empty: Bytes, k: int, count: int) -> Bytes:
    """The k-th of `count` upright strips of a scene; they do not overlap."""
    return empty[:, k * WIDTH // count : (k + 1) * WIDTH // count]


def origins(film: str, cutouts: Sequence[Cutout], k: int, count: int) -> list[str]:
    """Parts that samples are made of which show these cut-outs before the k-th of `count` strips; `film`: its sha256.

    A strip is told in twelfths of the scene, so that those of another number of strips are known to overlap with it.
    """
    strips = range(k * _TWELFTHS // count, -(-(k + 1) * _TWELFTHS // count))
    passages = sorted({cutout.passage for cutout in cutouts})
    return [f"{film[:8]} passage {n}" for n in passages] + [f"{film[:8]} strip {n}" for n in strips]


def _frames(path: Path, every: int, report: Report) -> NDArray[np.uint8]:
    with needs("camera", "films of a corpus"):
        import cv2
    film = cv2.VideoCapture(str(path))
    total = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    frames: list[Any] = []
    count = 0
    while film.grab():
        if count % every == 0:
            _, picture = film.retrieve()
            small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            frames.append(small[..., ::-1])
        count += 1
        report(path.name, count, max(total, count))
    film.release()
    if not frames:
        raise ConfigError(f"{path}: no picture could be read; expected a film (mp4)")
    return np.stack(frames)


def _empty(frames: NDArray[np.uint8]) -> Bytes:
    """The median of the frames that look like the first."""
    first = frames[0].astype(np.int16)
    changed = [float((np.abs(frame - first).max(-1) > _DIFFERENT).mean()) for frame in frames]
    alike = frames[np.asarray(changed) < _ALIKE]
    return np.asarray(np.median(alike[:: max(1, len(alike) // 60)], axis=0), np.uint8)


def _followed(frames: Sequence[Sequence[Cutout]], gap: int) -> list[Cutout]:
    """Number the passages: what is near in time and place to the last of a passage belongs to it."""
    lasts: dict[int, tuple[int, float]] = {}
    cutouts = []
    for k, found in enumerate(frames):
        for each in found:
            near = [n for n, (when, x) in lasts.items() if k - when <= gap and abs(x - each.middle) < _APART]
            passage = near[-1] if near else len(lasts)
            lasts[passage] = (k, each.middle)
            cutouts.append(Cutout(each.colour, each.inside, each.middle, passage))
    return cutouts


def _cut(frame: Bytes, empty: Bytes) -> list[Cutout]:
    """Things that lie wholly inside the frame. The camera's exposure is taken out by the median ratio of brightness."""
    import cv2

    shown = frame.astype(np.float32)
    gain = np.median(shown / np.maximum(empty, 4))
    changed = (np.abs(shown - empty * gain).max(-1) > _DIFFERENT).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(changed)
    cutouts = []
    for k in range(1, count):
        x, y, width, height, area = (int(value) for value in boxes[k])
        whole = x > 0 and x + width < WIDTH and y + height < HEIGHT and (y > 0 or height > _WHOLE * HEIGHT)
        if not whole or area < max(_SMALLEST, _FILLED * width * height) or width > height:
            continue
        outline, _ = cv2.findContours((labels == k).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        inside = cv2.drawContours(np.zeros((HEIGHT, WIDTH), np.uint8), outline, -1, 1, -1)
        box = (slice(y, y + height), slice(x, x + width))
        cutouts.append(Cutout(frame[box].copy(), inside[box].astype(np.float32), x + width / 2))
    return cutouts
