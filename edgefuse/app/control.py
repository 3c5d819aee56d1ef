"""What comes in besides samples: signals, and the topics under set/ and `ack`."""

import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog

from edgefuse.app.build import build_beliefs, build_dialogue, read_site
from edgefuse.app.render import Renderer
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError, PublishError
from edgefuse.core.ports import Incoming
from edgefuse.core.types import SECOND, HealthChange, Nanoseconds
from edgefuse.mqtt import Extras
from edgefuse.pipeline.decide import Answered, Decider, StateChange
from edgefuse.publishers.controls import (
    TOPICS,
    Ack,
    ApplyModels,
    Arm,
    Confirm,
    Control,
    Forget,
    Mute,
    Rejected,
    Reload,
    parse,
)
from edgefuse.publishers.homeassistant import STATUS_TOPIC
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState, arm, mute

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from edgefuse.app.daemon import Daemon

RELOADABLE = frozenset({"beliefs", "rules"})
"""What a running daemon can take over; the rest needs a restart."""
_RECENT: Nanoseconds = 3600 * SECOND
_AROUND: Nanoseconds = 60 * SECOND
"""An answer about a moment means the strongest within so much of it."""
_log = structlog.get_logger()


class Controls:
    """Acts on control messages and signals. Lives on the event loop."""

    def __init__(self, daemon: "Daemon", tasks: "TaskGroup") -> None:
        self._daemon = daemon
        self._tasks = tasks
        self._health = daemon.health.part("controls", "controls")
        self._health.set("ok")

    def listen(self) -> None:
        """Subscribe, and say who we are after every connect."""
        daemon = self._daemon
        for topic in TOPICS:
            daemon.connection.subscribe(f"{daemon.renderer.topics.base}/{topic}", partial(self._hand_over, topic))
        daemon.connection.subscribe(STATUS_TOPIC, self._home_assistant)
        daemon.connection.on_connect.append(daemon.delivery.reconnected)
        daemon.connection.on_connect.append(self._connected)

    async def signals(self) -> None:
        """SIGTERM and SIGINT stop, SIGHUP reloads."""
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            async for number in received:
                if number == signal.SIGHUP:
                    self.reload()
                    continue
                _log.info("stopping", signal=signal.Signals(number).name)
                self._daemon.stopping.set()
                break
        for number in (signal.SIGHUP, signal.SIGTERM):  # neither cuts a stop short; a second Ctrl-C does
            signal.signal(number, signal.SIG_IGN)

    def reload(self) -> str:
        """Take over rules and beliefs of the changed file. Returns what is in the way, or an empty string."""
        daemon = self._daemon
        try:
            site = read_site(daemon.path)
            problem = self._apply(site)
        except ConfigError as error:
            problem = str(error)
        log = _log.error if problem else _log.info
        log("reload", problem=problem or None, file=str(daemon.path))
        self._health.set("degraded" if problem else "ok", f"reload: {problem}" if problem else "")
        return problem

    def _apply(self, site: Site) -> str:
        daemon = self._daemon
        changed = [name for name in Site.model_fields if getattr(site, name) != getattr(daemon.site, name)]
        restart = [name for name in changed if name not in RELOADABLE]
        if restart:
            return f"nothing taken over: a change of {', '.join(restart)} needs a restart"
        engine = Engine(site)
        beliefs = build_beliefs(site, daemon.ports, daemon.parts)
        beliefs.experience = daemon.decider.experience
        talk = daemon.decider.talk.adopt(build_dialogue(site))
        daemon.decider = Decider(beliefs, engine, engine.adopt(daemon.decider.state), daemon.clock, talk)
        daemon.site, daemon.renderer = site, Renderer(site)
        now = daemon.clock.now()
        for part in list(daemon.health.parts.values()):
            daemon.inbox.put(HealthChange(part.name, part.state, part.reason, now))
        self._tasks.start_soon(self._introduce)
        return ""

    def _hand_over(self, topic: str, incoming: Incoming) -> None:
        """From the MQTT thread to the event loop."""
        self._daemon.call(partial(self._act, topic, incoming))

    def _act(self, topic: str, incoming: Incoming) -> None:
        now = self._daemon.clock.now()
        self._health.arrived(now)
        control = parse(topic, incoming.payload)
        if isinstance(control, ApplyModels):
            self._tasks.start_soon(self._take_over, topic, incoming)
        elif isinstance(control, Confirm | Forget):
            self._learn(topic, control, incoming, now)
        else:
            self._answer(topic, self._do(control, incoming), incoming)

    def _learn(self, topic: str, control: Confirm | Forget, incoming: Incoming, now: Nanoseconds) -> None:
        """Answered by the decider, settled once it is on disk. A kept answer would count anew at every connect."""
        if incoming.retained:
            self._health.reject("retained answer")
            incoming.settled()
            self._answer(topic, f"{topic} is not taken from a retained message; publish it without retain", incoming)
            return
        if control.belief is not None and control.belief not in self._daemon.site.beliefs:
            self._health.reject("unknown belief")
            incoming.settled()
            known = ", ".join(self._daemon.site.beliefs)
            self._answer(topic, f"there is no belief {control.belief!r} (known: {known})", incoming)
            return
        truth = control.truth if isinstance(control, Confirm) else None
        span = self._span(control.at, now) if isinstance(control, Confirm) else (0, 0)

        def reply(problem: str) -> None:
            if problem:
                self._health.reject("nothing to confirm")
            self._answer(topic, problem, incoming)

        self._daemon.inbox.put(Answered(control.belief, truth, span, reply, (incoming.settled,)))

    def _span(self, at: datetime | None, now: Nanoseconds) -> tuple[Nanoseconds, Nanoseconds]:
        """Where to look for the moment that an answer is about."""
        if at is None:
            return now - _RECENT, now
        middle = now - (self._daemon.clock.wall(now) - at) // timedelta(microseconds=1) * 1000
        return middle - _AROUND, min(now, middle + _AROUND)

    async def _take_over(self, topic: str, incoming: Incoming) -> None:
        """Answered when it is done: loading takes a while."""
        incoming.settled()
        problem = await self._daemon.apply_models()
        self._answer(topic, problem, incoming)

    def _answer(self, topic: str, problem: str, incoming: Incoming) -> None:
        if incoming.response_topic:
            wall = self._daemon.clock.wall(self._daemon.clock.now())
            answer = self._daemon.renderer.topics.answer(topic, problem, wall)
            self._tasks.start_soon(self._send, incoming, answer)

    def _do(self, control: Control, incoming: Incoming) -> str:
        """Do it; what is in the way, or an empty string. The message is settled once its effect is on disk."""
        match control:
            case Arm(armed):
                self._change(lambda state: arm(state, armed), incoming.settled)
            case Mute(rule) if rule is not None and all(rule != each.name for each in self._daemon.site.rules):
                self._health.reject("unknown rule")
                incoming.settled()
                return f"there is no rule {rule!r}"
            case Mute(rule, for_s):
                now = self._daemon.clock.now()
                self._change(lambda state: mute(state, rule, now + int(for_s * SECOND), now), incoming.settled)
            case Ack(name):
                self._tasks.start_soon(self._confirm, name, incoming.settled)
            case Reload():
                incoming.settled()
                return self.reload()
            case Rejected(reason, problem):
                self._health.reject(reason)
                incoming.settled()
                return problem
        return ""

    def _change(self, apply: Callable[[RuleState], RuleState], settled: Callable[[], None]) -> None:
        self._daemon.inbox.put(StateChange(apply, (settled,)))

    async def _confirm(self, name: str, settled: Callable[[], None]) -> None:
        await self._daemon.outbox.confirmed(name)
        settled()

    async def _send(self, incoming: Incoming, payload: bytes) -> None:
        assert incoming.response_topic
        with suppress(PublishError):  # who asked has gone, or asks again
            await self._daemon.connection.publish(
                incoming.response_topic, payload, extras=Extras(correlation=incoming.correlation)
            )

    def _connected(self, session_present: bool) -> None:  # noqa: FBT001 - a listener of Connection.on_connect
        del session_present
        self._tasks.start_soon(self._introduce)

    def _home_assistant(self, incoming: Incoming) -> None:
        incoming.settled()
        if incoming.payload == b"online":
            self._daemon.call(lambda: self._tasks.start_soon(self._introduce))

    async def _introduce(self) -> None:
        """Publish what a broker keeps for others and may have lost: discovery and beliefs; health follows by itself."""
        daemon = self._daemon
        discovery = daemon.renderer.discovery(daemon.clock.wall(daemon.clock.now()))
        await daemon.outbox.commit([discovery, *daemon.renderer.beliefs(daemon.clock.wall)])
