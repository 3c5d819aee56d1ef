"""`edgefuse replay` and `edgefuse diff`: what a configuration decides about a recording, and what another one would."""

import difflib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from edgefuse.app.build import read_site
from edgefuse.app.render import Renderer
from edgefuse.app.replay import Replay
from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND, Json, Message, Nanoseconds
from edgefuse.publishers.jsonl import line

_DECIDED = ("alert/", "intent", "say", "belief/")
"""Topics, below the device's base, that `diff` compares."""


def messages(config: Path, scene: Path | None, at: Callable[[Nanoseconds], None] = lambda _: None) -> Iterator[Message]:
    """Every message of a replay, in order; `at` is told how far it is.

    Raises OperatorError, at the end also for recordings that gave nothing because they cannot be read.
    """
    replay = Replay(read_site(config), scene)
    renderer = Renderer(replay.site)
    for outcome in replay.outcomes():
        at(outcome.now)
        yield from renderer.messages(outcome, replay.clock.wall)
    now = replay.clock.now()
    parts = replay.health.snapshot(now)
    yield renderer.health(_stable(parts), replay.clock.wall(now))
    unread = [f"{name}: {part['reason']}" for name, part in parts.items() if _gave_nothing(part)]
    if unread:
        raise ConfigError(*unread)


def _gave_nothing(part: dict[str, Json]) -> bool:
    return part["kind"] == "source" and part["state"] == "failed" and not part["samples"]


def replay_to_file(config: Path, scene: Path | None, out: Path | None) -> int:
    """Write the messages, one JSON a line, to a file or standard output; a progress bar on a terminal."""
    with ExitStack() as stack:
        file: TextIO = stack.enter_context(out.open("w", encoding="utf-8", newline="\n")) if out else sys.stdout
        bar = stack.enter_context(_progress(visible=out is not None))
        tell = partial(_tell, bar, bar.add_task("replay", total=None))
        file.writelines(line(message) for message in messages(config, scene, tell))
    return 0


def _tell(bar: Progress, task: TaskID, t: Nanoseconds) -> None:
    bar.update(task, description=f"replay {t / SECOND:6.1f} s")


def _progress(*, visible: bool) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=Console(stderr=True), disable=not (visible and sys.stderr.isatty()))


def _stable(snapshot: dict[str, Json]) -> dict[str, Json]:
    """Without what the machine's speed decides, so that twice the same recording gives the same bytes."""
    for part in snapshot.values():
        for name in ("latency_ms", "model_cpu_s", "rate_hz"):
            part.pop(name, None)
    return snapshot


def diff(scene: Path, old: Path, new: Path) -> list[dict[str, Json]]:
    """Decisions that only one of two configurations makes, in order of time; each with its reasons."""
    before, after = _decisions(old, scene), _decisions(new, scene)
    matcher = difflib.SequenceMatcher(a=[key for key, _ in before], b=[key for key, _ in after], autojunk=False)
    changes: list[dict[str, Json]] = []
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag != "equal":
            changes += [_change("only old", entry) for _, entry in before[a0:a1]]
            changes += [_change("only new", entry) for _, entry in after[b0:b1]]
    return sorted(changes, key=lambda change: change["time"])


def _decisions(config: Path, scene: Path) -> list[tuple[str, dict[str, Json]]]:
    """Alerts, intents, words and changes of state of beliefs, each with a key that says what was decided."""
    site = read_site(config)
    base = f"{site.mqtt.base}/{site.device.id}/"
    found: list[tuple[str, dict[str, Json]]] = []
    states: dict[str, bool] = {}
    for message in messages(config, scene):
        topic = message.topic.removeprefix(base)
        if topic == message.topic or not topic.startswith(_DECIDED):
            continue
        payload = json.loads(message.payload)
        if topic.startswith("belief/"):
            if states.get(topic, False) == payload["state"]:
                continue
            states[topic] = payload["state"]
        found.append((_key(topic, payload), {"topic": topic, "payload": payload, "created": message.created}))
    return found


def _key(topic: str, payload: Json) -> str:
    """Equal for two decisions that come to the same; times may differ a little, probabilities too."""
    if topic.startswith("belief/"):
        return f"{topic} {payload['state']}"
    if topic.startswith("alert/"):
        info = payload["info"]
        return f"{topic} {payload['msgType']} {info['severity']} {info['urgency']} {info['certainty']}"
    return f"{topic} {payload.get('intent')} {payload.get('target')} {payload.get('slots')} {payload.get('text')}"


def _change(which: str, entry: dict[str, Json]) -> dict[str, Json]:
    payload = entry["payload"]
    return {
        "which": which,
        "time": datetime.fromtimestamp(entry["created"] / SECOND, tz=timezone.utc).isoformat(timespec="milliseconds"),
        "topic": entry["topic"],
        "what": _key(entry["topic"], payload).removeprefix(entry["topic"]).strip(),
        "because": payload.get("because", []),
    }


def render_diff(changes: Sequence[dict[str, Json]]) -> str:
    """One line a change, with its reasons below it."""
    if not changes:
        return "no decision changes"
    lines = []
    for change in changes:
        sign = "-" if change["which"] == "only old" else "+"
        lines.append(f"{sign} {change['time'][11:23]} {change['topic']} {change['what']}")
        lines += [f"      {reason}" for reason in change["because"]]
    return "\n".join(lines)
