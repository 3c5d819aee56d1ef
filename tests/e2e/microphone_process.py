"""Runs one Microphone and writes what happens as JSON lines; started by test_microphone.py.

Arguments: the configuration as JSON. Ends when its standard input is closed, or with the SourceError's text.
"""

import asyncio
import json
import os
import sys
import threading
from typing import Any

import anyio
import numpy as np

from edgefuse.config.models import Device, Site
from edgefuse.core.errors import SourceError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import AudioChunk, Sample
from edgefuse.pipeline.clock import SystemClock
from edgefuse.sources.microphone import Microphone

_lock = threading.Lock()


def say(**event: Any) -> None:
    """One JSON line."""
    with _lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def emit(sample: Sample) -> None:
    """Tell about a chunk: when it began, when it came, its strongest frequency and its level."""
    assert isinstance(sample, AudioChunk)
    spectrum = np.abs(np.fft.rfft(sample.pcm * np.hanning(len(sample.pcm))))
    say(
        t=sample.t,
        came=SystemClock().now(),
        samples=len(sample.pcm),
        hz=int(spectrum.argmax()) * 16000 // len(sample.pcm),
        peak=int(np.abs(sample.pcm.astype(np.int32)).max()),
    )


async def main() -> None:
    """Run until standard input ends."""
    health = PartHealth("mic", "source")
    health.listeners.append(lambda part: say(state=part.state, reason=part.reason))
    nothing: Any = None
    context = Context("mic", SystemClock(), health, nothing, nothing, Site(device=Device(id="test")))
    microphone = Microphone(Microphone.Config.model_validate(json.loads(sys.argv[1])), context)
    async with anyio.create_task_group() as tasks:

        def until_input_ends() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(tasks.cancel_scope.cancel)

        loop = asyncio.get_running_loop()
        threading.Thread(target=until_input_ends, daemon=True).start()
        try:
            await microphone.run(emit)
        except SourceError as error:
            say(error=str(error))
        tasks.cancel_scope.cancel()
    say(dropped=health.dropped, info=health.info)


anyio.run(main)
os._exit(0)  # the thread that reads standard input cannot be ended
