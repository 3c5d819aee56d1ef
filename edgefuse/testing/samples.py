"""Samples that sources really give, and those that go wrong."""

from collections.abc import Sequence

import numpy as np

from edgefuse.core.ports import Array
from edgefuse.core.types import SECOND, AudioChunk, Frame, Reading, Sample, Value

_CHUNK = 512
_RATE = 16_000
_HEIGHT, _WIDTH = 240, 320


def ordinary(kind: type, source: str = "source", area: str = "hall", n: int = 40) -> list[Sample]:
    """A short stream of one type: noisy sound, a moving square, or temperature that rises. The same each time."""
    if kind is AudioChunk:
        rng = np.random.default_rng(1)
        step = _CHUNK * SECOND // _RATE
        pcm = rng.normal(0, 1500, (n, _CHUNK)).astype(np.int16)
        return [AudioChunk(source, area, i * step, _still(pcm[i])) for i in range(n)]
    if kind is Frame:
        return [Frame(source, area, i * SECOND // 5, _square(i)) for i in range(n)]
    return [reading for i in range(n) for reading in _climate(source, area, i)]


def odd(kind: type, source: str = "source", area: str = "hall") -> Sequence[Sample]:
    """One after the other what a broken device gives: nothing, silence, black, noise, NaN, other sizes."""
    if kind is AudioChunk:
        full = np.iinfo(np.int16)
        shapes = [
            np.zeros(0, np.int16),
            np.zeros(_CHUNK, np.int16),
            np.full(_CHUNK, full.min, np.int16),
            np.full(_CHUNK, full.max, np.int16),
            np.zeros(1, np.int16),
            np.zeros(_CHUNK - 1, np.int16),
            np.zeros(_RATE * 3 + 7, np.int16),
            np.tile(np.array([full.min, full.max], np.int16), _CHUNK // 2),
        ]
        return [AudioChunk(source, area, i * 4 * SECOND, _still(pcm)) for i, pcm in enumerate(shapes)]
    if kind is Frame:
        rng = np.random.default_rng(2)
        pictures = [
            np.zeros((_HEIGHT, _WIDTH, 3), np.uint8),
            np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8),
            rng.integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8),
            np.zeros((1, 1, 3), np.uint8),
            np.zeros((0, 0, 3), np.uint8),
            np.zeros((7, 1001, 3), np.uint8),
            np.zeros((1001, 7, 3), np.uint8),
        ]
        return [Frame(source, area, i * SECOND, _still(picture)) for i, picture in enumerate(pictures)]
    values: Sequence[Value] = (
        float("nan"),
        float("inf"),
        float("-inf"),
        -1e300,
        1e300,
        "",
        "on",
        "x" * 5000,
        True,
        False,
        0.0,
    )
    return [
        Reading(source, area, (i * 2 + j) * SECOND, quantity, value)
        for i, value in enumerate(values)
        for j, quantity in enumerate(("temperature", "no_such_quantity"))
    ]


def _climate(source: str, area: str, i: int) -> list[Sample]:
    t = i * 60 * SECOND
    warm = Reading(source, area, t, "temperature", 20 + i / 10, "degC")
    return [warm, Reading(source, area, t, "humidity", 45 - i / 5, "%")]


def _still(array: Array) -> Array:
    """Refuses to be written to, as samples are shared by detectors."""
    array.setflags(write=False)
    return array


def _square(i: int) -> Array:
    picture = np.full((_HEIGHT, _WIDTH, 3), 90, np.uint8)
    left = 10 + 5 * i % (_WIDTH - 60)
    picture[80:160, left : left + 50] = (200, 180, 60)
    return _still(picture)
