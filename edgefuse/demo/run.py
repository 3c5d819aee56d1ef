"""`edgefuse demo`: the real daemon on a recorded scene, watched by an independent MQTT client."""

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from rich.console import Console

from edgefuse.core.ports import Clock
from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.demo.daemon import Daemon, DaemonDiedError, Usage, free_port
from edgefuse.demo.expect import Heard, check
from edgefuse.demo.expected import EXPECTATIONS
from edgefuse.demo.scene import cached_scene
from edgefuse.demo.show import Screen
from edgefuse.demo.story import LENGTH_S
from edgefuse.demo.timeline import Received, Timeline, without
from edgefuse.demo.watch import Watcher
from edgefuse.pipeline.clock import SystemClock

BASE = "edgefuse/demo"
THINGS = {"demo/hall_light": "hall_light", "demo/hall_fan": "hall_fan"}
_START_S = 120.0
"""Models load within seconds; the first start may have to fetch them."""
_AFTER_S = 1.5
"""What the last second of the scene brings is still waited for."""
_PIPE_WIDTH = 110
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""rich would have the picture fetch its font from the network; the viewer's own will do."""


def main(args: argparse.Namespace) -> int:
    """Run the demo; 0 when everything expected came, 1 when not or when the daemon died."""
    width = None if Console().is_terminal and not args.svg else _PIPE_WIDTH
    console = Console(highlight=False, width=width, record=bool(args.svg))
    screen = Screen(console, LENGTH_S)
    with _folder(args) as folder:
        scene = cached_scene(screen.note)
        config, port = write_config(folder, scene, args.port)
        try:
            heard, figures = _play(screen, scene, config, port)
        except DaemonDiedError as error:
            screen.error(str(error))
            return 1
        outcomes = check(EXPECTATIONS, heard)
        kept = str(folder) if args.out or args.keep else "removed (--keep leaves it, --out DIR says where)"
        screen.summary(outcomes, [*figures, ("scene", _homely(scene)), ("working folder", kept)])
        if args.svg:
            picture = _FONT.sub("", console.export_svg(title="make demo"))
            args.svg.write_text(picture, encoding="utf-8")
        return 0 if all(outcome.met for outcome in outcomes) else 1


@contextmanager
def _folder(args: argparse.Namespace) -> Iterator[Path]:
    """Where configuration, log and state go."""
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        yield args.out.resolve()
    elif args.keep:
        yield Path(tempfile.mkdtemp(prefix="edgefuse-demo-"))
    else:
        with tempfile.TemporaryDirectory(prefix="edgefuse-demo-") as folder:
            yield Path(folder)


def write_config(folder: Path, scene: Path, port: int) -> tuple[Path, int]:
    """The configuration of the demo in `folder`, and the port of its broker; 0 takes a free one."""
    port = free_port(port)
    template = Template((Path(__file__).parent / "demo.yaml").read_text(encoding="utf-8"))
    config = folder / "demo.yaml"
    # A fresh state: alerts of an earlier run are none of this one.
    state = tempfile.mkdtemp(prefix="state-", dir=folder)
    config.write_text(template.substitute(scene=scene, state=state, port=port), encoding="utf-8")
    return config, port


@dataclass(slots=True)
class _Watch:
    """One scene being watched."""

    screen: Screen
    clock: Clock
    timeline: Timeline
    scene: Path
    zero: Nanoseconds
    """When the scene began."""
    messages: list[Received] = field(default_factory=list)

    def take(self, message: Received) -> None:
        """Keep a message and print what it says."""
        self.messages.append(message)
        for line in self.timeline.tell(message):
            self.screen.line((message.t - self.zero) / SECOND, without(f"{self.scene}/", line))

    @property
    def at_s(self) -> float:
        """Seconds into the scene."""
        return (self.clock.now() - self.zero) / SECOND


def _play(screen: Screen, scene: Path, config: Path, port: int) -> tuple[Heard, list[tuple[str, str]]]:
    clock = SystemClock()
    watcher = Watcher(clock, {f"{state}/set": state for state in THINGS})
    try:
        with Daemon(config, config.with_name("daemon.log"), clock) as daemon:
            screen.note(f"starting the daemon: edgefuse run {config}")
            watch = _Watch(screen, clock, Timeline(BASE, THINGS), scene, 0)
            first = _wait_until_online(daemon, watcher, port)
            ready_s = daemon.age_s
            watch.zero = first.t
            screen.begin(port, daemon.pid)
            before = daemon.usage()
            watch.take(first)
            _watch_scene(watch, daemon, watcher)
            after = daemon.usage()
            code = daemon.stop()
            for message in watcher.rest():
                watch.take(message)
    finally:
        watcher.close()
    figures = [("ready after", f"{ready_s:.1f} s"), *_figures(before, after, watch.messages)]
    figures.append(("daemon left with", f"exit code {code}"))
    return Heard(watch.messages, BASE, watch.zero), figures


def _wait_until_online(daemon: Daemon, watcher: Watcher, port: int) -> Received:
    """The message that says the daemon runs; raises DaemonDiedError when it does not come."""
    connected = False
    while daemon.age_s < _START_S:
        daemon.must_live()
        connected = connected or watcher.connect(port)
        message = watcher.next(0.1)
        if message and message.topic == f"{BASE}/status" and "online" in str(message.payload):
            return message
    daemon.stop()
    daemon.must_live()
    raise AssertionError("a stopped daemon lives")


def _watch_scene(watch: _Watch, daemon: Daemon, watcher: Watcher) -> None:
    with watch.screen.bar():
        while watch.at_s < LENGTH_S + _AFTER_S:
            daemon.must_live()
            watch.screen.at(watch.at_s)
            message = watcher.next(0.1)
            if message:
                watch.take(message)


def _figures(before: Usage | None, after: Usage | None, messages: Sequence[Received]) -> list[tuple[str, str]]:
    """What the scene cost, by the kernel and by the daemon's last health message."""
    health = [message.payload for message in messages if message.topic == f"{BASE}/health"]
    parts = health[-1]["parts"] if health else {}
    models_s = sum(part["model_cpu_s"] for part in parts.values())
    figures = [("messages", str(len(messages)))]
    if before and after:
        cpu_s = after.cpu_s - before.cpu_s
        share = 100 * cpu_s / (LENGTH_S + _AFTER_S)
        figures.append(("CPU", f"{cpu_s:.1f} s ({share:.0f} % of one core), {models_s:.1f} s of it in the models"))
        figures.append(("memory", f"{after.peak_mb:.0f} MB at most"))
    latency = {name: part["latency_ms"] for name, part in parts.items() if part["kind"] == "detector"}
    told = [f"{name} {ms['p50']:.0f} / {ms['p99']:.0f} ms" for name, ms in latency.items() if ms["p50"] is not None]
    return [*figures, ("latency p50 / p99", ", ".join(told) + ", from sample to observations")]


def _homely(path: Path) -> str:
    """With `~` for the home folder: the picture of a demo is shown to others."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
