"""Runs one Speaker and writes what happens as JSON lines; started by test_speaker.py.

Arguments: the configuration as JSON. Each line of standard input is `say TEXT` or `interrupt`; it ends with its input.
"""

import json
import os
import sys
import threading
from typing import Any

import structlog

from edgefuse.config.models import Device, Site
from edgefuse.core.attention import Attention
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import Message
from edgefuse.pipeline.clock import SystemClock, wall_ns
from edgefuse.publishers.speaker import Speaker

_lock = threading.Lock()


def tell(**event: Any) -> None:
    """One JSON line."""
    with _lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Speak until standard input ends."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock, health, nothing = SystemClock(), PartHealth("speaker", "publisher"), None
    attention = Attention()
    health.listeners.append(lambda part: tell(state=part.state, reason=part.reason))
    site = Site(device=Device(id="hub", area="hall"))
    context = Context("speaker", clock, health, nothing, nothing, site, attention=attention)  # type: ignore[arg-type]
    speaker = Speaker(Speaker.Config.model_validate({"type": "speaker", **json.loads(sys.argv[1])}), context)
    ended = threading.Event()

    def watch() -> None:
        known: Any = None
        while not ended.wait(0.002):
            if attention.speaking.get("hall") != known:
                known = attention.speaking["hall"]
                tell(text=known.text, begin=known.begin, end=known.end, now=clock.now())

    threading.Thread(target=watch, daemon=True).start()
    for n, line in enumerate(sys.stdin):
        word, _, text = line.strip().partition(" ")
        if word == "interrupt":
            tell(interrupted=clock.now())
            attention.interrupt("hall")
            continue
        wall = wall_ns(clock.wall(clock.now()))
        body = json.dumps({"text": text, "area": "hall", "language": "en"}).encode()
        speaker.take(Message(f"m{n}", "intent", "edgefuse/hub/say", body, wall, wall + 10**10))
    ended.set()
    tell(dropped=health.dropped, info=health.info, took=health.snapshot(clock.now())["latency_ms"])


main()
sys.stdout.flush()
os._exit(0)  # a device that hangs would keep it
