"""Checks of sources."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import anyio
import numpy as np

from edgefuse.core.errors import SourceError
from edgefuse.core.ports import Source
from edgefuse.core.types import AudioChunk, Frame, Reading, Sample
from edgefuse.testing.config_checks import Check, check_config

_TYPE: dict[str, type] = {"audio": AudioChunk, "vision": Frame, "sensor": Reading}
_PATIENCE_S = 30
"""A source that is cancelled must be gone, one that emits must have emitted, even on a slow machine."""


def check_source(
    make: Callable[[], Source],
    *,
    name: str = "part",
    for_s: float = 1.0,
    least: int = 0,
    repeatable: bool = False,
) -> Iterator[Check]:
    """Facts that hold for every source. `make` gives a fresh one each time, called `name` in its context.

    It is watched for `for_s` seconds, or until it ends; a busy machine gets longer for the `least` samples that must
    come. A source without its device may raise SourceError. `repeatable`: two runs to the end must give the same
    samples.
    """
    first = make()
    yield from check_config(type(first).Config)
    yield Check("declares its modality", lambda: _declares(first))
    yield Check("emits well-formed samples", lambda: _well_formed(make(), name, for_s, least))
    yield Check("stops when it is cancelled", lambda: _stops(make()))
    yield Check("runs again after it was stopped", lambda: _restarts(make(), for_s))
    if repeatable:
        yield Check("gives the same samples again", lambda: _repeats(make, for_s, least))


def watch(source: Source, for_s: float, least: int = 0) -> list[Sample]:
    """What it emits until it ends or fails by SourceError, or until `for_s` seconds are over and `least` samples came.

    Then it is cancelled; at the latest 30 s after `for_s`.
    """
    samples: list[Sample] = []
    lock = threading.Lock()
    enough: list[Callable[[], object]] = []

    def emit(sample: Sample) -> None:
        with lock:
            samples.append(sample)
            if len(samples) == least:
                enough[0]()

    async def run() -> None:
        end = anyio.current_time() + for_s
        loop = asyncio.get_running_loop()
        longest = for_s + (_PATIENCE_S if least else 0)
        with anyio.fail_after(longest + _PATIENCE_S), anyio.move_on_after(longest) as scope:
            enough.append(lambda: loop.call_soon_threadsafe(setattr, scope, "deadline", end))
            try:
                await source.run(emit)
            except SourceError:
                return

    anyio.run(run)
    with lock:
        return list(samples)


def _declares(source: Source) -> None:
    assert isinstance(source, Source), f"{type(source).__name__} lacks a member of edgefuse.core.ports.Source"
    assert source.modality in _TYPE, f"modality {source.modality!r} is none of {', '.join(_TYPE)}"


def _well_formed(source: Source, name: str, for_s: float, least: int) -> None:
    samples = watch(source, for_s, least)
    assert len(samples) >= least, f"expected at least {least} samples, got {len(samples)}"
    for sample in samples:
        wanted = _TYPE[source.modality]
        assert isinstance(sample, wanted), f"emitted {type(sample).__name__}, expected {wanted.__name__}"
        assert sample.source == name, f"a sample is of source {sample.source!r}, expected {name!r}"
        _check_content(sample)
    times = [sample.t for sample in samples]
    assert times == sorted(times), "samples step back in time"


def _check_content(sample: Sample) -> None:
    if isinstance(sample, AudioChunk):
        form = f"{sample.pcm.dtype} {sample.pcm.shape}"
        assert form == f"int16 ({len(sample.pcm)},)", f"pcm is {form}, expected int16 (n,)"
        assert len(sample.pcm), "a chunk is empty"
    elif isinstance(sample, Frame):
        height, width = sample.image.shape[:2]
        form = f"{sample.image.dtype} {sample.image.shape}"
        assert form == f"uint8 ({height}, {width}, 3)", f"image is {form}, expected uint8 (height, width, 3)"
    else:
        assert sample.quantity, "a reading has no quantity"
        assert not isinstance(sample.value, float) or np.isfinite(sample.value), f"a reading is {sample.value}"


def _stops(source: Source) -> None:
    before = set(threading.enumerate())
    watch(source, 0.2)
    for thread in set(threading.enumerate()) - before:
        thread.join(_PATIENCE_S)
        assert not thread.is_alive() or thread.daemon, f"thread {thread.name} goes on after the source was cancelled"


def _restarts(source: Source, for_s: float) -> None:
    """The supervisor runs the same object again after a SourceError."""
    watch(source, min(0.2, for_s))
    watch(source, min(0.2, for_s))


def _repeats(make: Callable[[], Source], for_s: float, least: int) -> None:
    first, again = (_from_zero(watch(make(), for_s, least)) for _ in range(2))
    assert len(first) == len(again), f"first {len(first)} samples, then {len(again)}"
    for one, other in zip(first, again, strict=True):
        assert _same(one, other), f"samples at {one.t} and {other.t} ns differ"


def _from_zero(samples: Sequence[Sample]) -> list[Sample]:
    return [replace(sample, t=sample.t - samples[0].t) for sample in samples]


def _same(one: Sample, other: Sample) -> bool:
    if isinstance(one, AudioChunk) and isinstance(other, AudioChunk):
        return one.t == other.t and np.array_equal(one.pcm, other.pcm)
    if isinstance(one, Frame) and isinstance(other, Frame):
        return one.t == other.t and np.array_equal(one.image, other.image)
    return repr(one) == repr(other)  # a value that is not a number equals itself on some Pythons only
