"""A configured source, tried as the daemon uses it: until it gives something."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.doctor.system import daemon_runs
from edgefuse.app.replay import NoBroker
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError, OperatorError, SourceError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Emit, Source
from edgefuse.core.types import AudioChunk, Frame, Modality, Sample
from edgefuse.engines.store import Store
from edgefuse.registry import load, modality_of
from edgefuse.sources.recorded import modality_of as recorded_modality

PATIENCE_S = 25.0
"""More than a camera's own time-outs, which name the reason."""
_SAMPLES = 16
"""Half a second of sound."""
_BLACK = 4.0
"""Mean brightness of 255, as for the health of a camera."""


def of_modality(site: Site, wanted: Modality) -> list[str]:
    """Names of the sources that give sound, or pictures; sensors are the broker's."""
    return [name for name, config in site.sources.items() if _modality(config) == wanted]


def _modality(config: Any) -> Modality | None:
    if config.type == "recorded":
        return recorded_modality(config.file)
    try:
        return modality_of("source", config)
    except ConfigError:
        return None


def try_source(case: Case, area: str, advice: str) -> Iterator[Finding]:
    """One finding about the source `case.part`; `advice` is the next step for one that is not there."""
    if case.site is None:
        return
    config, name = case.site.sources[case.part], f"source.{case.part}"
    health = PartHealth(case.part, "source")
    try:
        store = Store(case.site.models, case.clock)
        context = Context(case.part, case.clock, health, NoBroker(), store, case.site)
        samples = anyio.run(_first, load("source", config.type)(config, context))
    except SourceError as error:
        busy = daemon_runs()
        found = f"{error}; the running daemon may be using it" if busy else str(error)
        yield Finding(name, area, "warn" if busy else "fail", found, advice)
    except OperatorError as error:
        found, _, then = str(error).partition("; ")
        yield Finding(name, area, "fail", found, then or "mend the configuration")
    else:
        yield _judged(name, area, samples, health, advice)


async def _first(source: Source) -> Sequence[Sample]:
    """What a source gives at first; empty when it gives nothing in time. Raises what it raises before that."""
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    samples: list[Sample] = []

    def emit(sample: Sample) -> None:
        samples.append(sample)
        if _suffices(samples):
            with suppress(RuntimeError):  # the loop has ended, and this thread was left behind
                loop.call_soon_threadsafe(enough.set)

    running, waiting = loop.create_task(_run(source, emit)), loop.create_task(enough.wait())
    await asyncio.wait([running, waiting], timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    if running.done() and not samples:
        running.result()
    running.cancel()
    waiting.cancel()
    await asyncio.wait([running, waiting])
    return samples


async def _run(source: Source, emit: Emit) -> None:
    await source.run(emit)


def _suffices(samples: Sequence[Sample]) -> bool:
    return len(samples) >= (_SAMPLES if samples and isinstance(samples[0], AudioChunk) else 1)


def _judged(name: str, area: str, samples: Sequence[Sample], health: PartHealth, advice: str) -> Finding:
    if not samples:
        return Finding(name, area, "warn", f"gave nothing within {PATIENCE_S:g} s", advice)
    first = samples[0]
    if isinstance(first, AudioChunk):
        where = f"{health.info.get('device', 'a recording')}, {health.info.get('rate', '?')} Hz"
        if not any(chunk.pcm.any() for chunk in samples if isinstance(chunk, AudioChunk)):
            return Finding(name, area, "warn", f"{where}: nothing but zeros", "unmute it (`alsamixer`, `pavucontrol`)")
        return Finding(name, area, "ok", f"{where}: gives sound")
    if isinstance(first, Frame):
        size = f"{first.image.shape[1]} x {first.image.shape[0]}"
        if float(np.mean(first.image)) < _BLACK:
            return Finding(
                name, area, "warn", f"{size}: the picture is black", "is its lens covered, or the room dark?"
            )
        return Finding(name, area, "ok", f"gives pictures, {size}")
    return Finding(name, area, "ok", "gives samples")


def refused(paths: Sequence[Path]) -> list[Path]:
    """Device nodes that this user may not open for reading and writing."""
    return [path for path in paths if not os.access(path, os.R_OK | os.W_OK)]


def nodes(folder: Path, pattern: str) -> list[Path]:
    """Device nodes by name, in order; empty without the folder."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
