"""The video of the recorded hall: a drawn room, and a real person walking through it."""

from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import ConfigError, needs
from edgefuse.core.ports import Array
from edgefuse.demo.story import CAMERA_DIES_S, WALKS, Walk, door_is_open

WIDTH, HEIGHT, FPS = 854, 480, 8
_PERSON = 260
"""Height of the person in pixels: at this size NanoDet is between .6 and .75 sure of her."""
_HEAD = ((228, 92), (75, 78), 0)
_NECK = ((212, 205), (99, 64), 14)
_HELMET = ((402, 455), (118, 112), 0)
_BODY = (
    (150, 215), (110, 220), (60, 255), (42, 300), (22, 420), (30, 490), (75, 512), (512, 512), (505, 430), (470, 370),
    (400, 345), (362, 350), (355, 290), (335, 255), (300, 235), (260, 215),
)  # fmt: skip


def make_video(path: Path) -> None:
    """Write the video; it simply ends when the camera dies. Raises ConfigError when OpenCV cannot write it."""
    with needs("demo", "the demo's pictures"):
        import cv2

    person, mask = _person()
    rooms = {is_open: _room(is_open) for is_open in (False, True)}
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    if not out.isOpened():
        raise ConfigError(f"OpenCV cannot write {path}: it needs the MJPG encoder, which every wheel of it has")
    for n in range(int(CAMERA_DIES_S * FPS)):
        t = n / FPS
        frame = rooms[door_is_open(t)].copy()
        for walk in WALKS:
            if walk.begin_s <= t < walk.end_s:
                _paste(frame, person, mask, _middle(walk, t))
        out.write(frame)
    out.release()


def _middle(walk: Walk, t: float) -> int:
    done = (t - walk.begin_s) / (walk.end_s - walk.begin_s)
    return int((walk.from_x + (walk.to_x - walk.from_x) * done) * WIDTH)


def _person() -> tuple[Array, Array]:
    """A photograph of a woman in a space suit, and where in it she is (0..1)."""
    with needs("demo", "the demo's pictures"):
        import cv2
        from skimage import data

    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    mask = np.zeros(photo.shape[:2], np.float32)
    for centre, axes, angle in (_HEAD, _NECK, _HELMET):
        cv2.ellipse(mask, centre, axes, angle, 0, 360, (1.0,), -1)
    cv2.fillPoly(mask, [np.array(_BODY, np.int32)], (1.0,))
    mask = cv2.GaussianBlur(mask, (7, 7), 0)
    width = _PERSON * photo.shape[1] // photo.shape[0]
    size = (width, _PERSON)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.resize(mask, size)[:, :, None]


def _paste(frame: Array, person: Array, mask: Array, middle: int) -> None:
    """Put the person at the lower edge, cut off where she leaves the picture."""
    height, width = person.shape[:2]
    left = middle - width // 2
    begin, end = max(left, 0), min(left + width, WIDTH)
    if begin >= end:
        return
    inside = slice(begin - left, end - left)
    area = frame[HEIGHT - height :, begin:end]
    blended = person[:, inside] * mask[:, inside] + area * (1 - mask[:, inside])
    frame[HEIGHT - height :, begin:end] = blended.astype(np.uint8)


def _room(door_open: bool) -> Array:  # noqa: FBT001  # two states of one picture
    """Wall, floor, door, a picture, and the grain of a cheap camera."""
    import cv2

    shade = np.linspace(205, 165, HEIGHT, dtype=np.float32)[:, None, None]
    room: Array = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    room[:] = shade * np.array([0.93, 0.98, 1.0], np.float32)
    cv2.fillPoly(room, [np.array([(0, 400), (WIDTH, 400), (WIDTH, HEIGHT), (0, HEIGHT)], np.int32)], (88, 112, 138))
    cv2.rectangle(room, (0, 392), (WIDTH, 400), (150, 165, 175), -1)
    _door(cv2, room, door_open)
    cv2.rectangle(room, (560, 110), (700, 205), (70, 85, 95), 6)
    cv2.rectangle(room, (563, 113), (697, 202), (150, 130, 110), -1)
    grain = np.random.default_rng(3).normal(0, 2.0, room.shape)
    grainy: Array = np.clip(cv2.GaussianBlur(room, (3, 3), 0) + grain, 0, 255).astype(np.uint8)
    return grainy


def _door(cv2: Any, room: Array, door_open: bool) -> None:  # noqa: FBT001  as above
    cv2.rectangle(room, (52, 88), (216, 400), (120, 135, 145), -1)
    if door_open:
        cv2.rectangle(room, (62, 98), (206, 400), (52, 40, 34), -1)
        cv2.fillPoly(room, [np.array([(62, 98), (92, 118), (92, 420), (62, 400)], np.int32)], (70, 105, 140))
    else:
        cv2.rectangle(room, (62, 98), (206, 400), (85, 125, 160), -1)
        cv2.rectangle(room, (84, 122), (184, 232), (78, 115, 148), 3)
        cv2.circle(room, (190, 258), 6, (190, 200, 205), -1)
