"""`edgefuse run`: the tasks of the daemon, from start to a clean stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import anyio
import structlog
from anyio.abc import TaskGroup

from edgefuse import wyoming
from edgefuse.app.build import Parts, Ports, build_beliefs, build_dialogue, build_parts, read_site, state_dir
from edgefuse.app.control import Controls
from edgefuse.app.engines import EngineBuilds
from edgefuse.app.logs import LogFormat, configure_logging
from edgefuse.app.models import model_store
from edgefuse.app.render import Renderer
from edgefuse.app.restore import restored
from edgefuse.app.service import NAME as SERVICE
from edgefuse.app.service import Ears, WyomingServer
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError, OperatorError, PublishError
from edgefuse.core.health import Health
from edgefuse.core.ports import Context, LocalPublisher, Publisher
from edgefuse.core.types import SECOND, HealthChange, Message
from edgefuse.mqtt import Connection
from edgefuse.pipeline.broker import EmbeddedBroker
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.decide import Decider, Item, Outcome
from edgefuse.pipeline.delivery import Delivery
from edgefuse.pipeline.intake import emitter, feed, follow_sources, mark_stale, tell_changes
from edgefuse.pipeline.live import decide, stuck
from edgefuse.pipeline.notify import notify, watchdog_s
from edgefuse.pipeline.outbox import Outbox
from edgefuse.pipeline.ring import Inbox
from edgefuse.pipeline.stages import DetectorStage, Progress
from edgefuse.pipeline.supervise import supervise
from edgefuse.pipeline.talk import Talk
from edgefuse.registry import load
from edgefuse.rules.engine import Engine

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup  # type: ignore[import-not-found,unused-ignore]

HEALTH_EVERY_S = 10.0
FLUSH_S = 3.0
"""How long a stop waits for messages that can still be delivered."""
MEET_S = 2.0
_log = structlog.get_logger()


def run(path: Path, *, log: LogFormat | None = None, verbose: bool = False) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code; raises OperatorError for what the operator must mend."""
    configure_logging(log, verbose=verbose)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until `Controls.signals` listens; it would kill us
    site = read_site(path)
    try:
        anyio.run(Daemon(path, site).run)
    except BaseExceptionGroup as group:
        operator = list(_leaves(group, OperatorError))
        if operator:
            raise ConfigError(*(str(error) for error in operator)) from group
        raise
    return 0


def _leaves(group: BaseException, kind: type[BaseException]) -> Iterator[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        for each in group.exceptions:
            yield from _leaves(each, kind)
    elif isinstance(group, kind):
        yield group


class Daemon:
    """One site, running."""

    def __init__(self, path: Path, site: Site) -> None:
        self.path = path
        self.site = site
        self.clock = SystemClock()
        self.health = Health()
        self.renderer = Renderer(self.site)
        self.stopping = anyio.Event()
        self._dirty = anyio.Event()
        self._offline = anyio.Event()

    async def run(self) -> None:
        """Everything, in order: broker, outbox, models, READY, work, and back."""
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            outer = await stack.enter_async_context(anyio.create_task_group())
            url = await self._broker(outer)
            part = self.health.part("broker", "broker")
            self.connection = Connection(self.site.mqtt, self.site.device.id, self.clock, part, url=url)
            self._build()
            await self.outbox.open()
            stack.push_async_callback(self.outbox.close)
            await self._restore()
            self.inbox: Inbox[Item] = Inbox()
            stages = self._stages()
            stack.push_async_callback(_close, stages)
            await self._warm_up(stages)
            async with anyio.create_task_group() as inner:
                self._start(inner, stages)
                outer.start_soon(self._stay_connected, name="mqtt")
                outer.start_soon(self.delivery.run, name="delivery")
                await self._meet_broker()
                notify(f"READY=1\nSTATUS=running {self.site.device.id}")
                _log.info("ready", device=self.site.device.id, sources=len(self.parts.sources))
                await self.stopping.wait()
                notify("STOPPING=1")
                inner.cancel_scope.cancel()
            await _close(stages)
            for local in self._local:
                await local.close()
            await self._stop(outer)

    async def _broker(self, tasks: TaskGroup) -> str | None:
        """Start the embedded broker where one is configured. Returns its URL."""
        if not self.site.mqtt.url.startswith("embedded"):
            return None
        part = self.health.part("embedded broker", "broker")
        broker = EmbeddedBroker(self.site.mqtt.url, state_dir(self.site), part)
        await tasks.start(broker.run, name="embedded broker")
        return broker.url

    async def _meet_broker(self) -> None:
        """Give the broker a moment before READY; a broker that is not there holds nothing up."""
        met = anyio.Event()
        self.connection.on_connect.append(lambda _: met.set())
        with anyio.move_on_after(MEET_S):
            await met.wait()

    async def _stay_connected(self) -> None:
        await self.connection.run()
        self._offline.set()

    def _build(self) -> None:
        """Make every part that needs no running task."""
        site = self.site
        store = model_store(site.models, self.clock, _pulling)
        self.ports = Ports(self.clock, self.health, self.connection, store)
        part = self.health.part("engines", "engines")
        self._engines = EngineBuilds(self.path, site.models, store, part, lambda: self.call(self._dirty.set))
        self.parts: Parts = build_parts(site, self.ports)
        self._dialogue = build_dialogue(site)
        self.outbox = Outbox(
            state_dir(site) / "outbox.db",
            self.clock,
            self.health.part("outbox", "outbox"),
            max_mb=site.limits.outbox_mb,
            keep_days=site.limits.alert_keep_days,
        )
        self._publishers: list[Publisher] = []
        self._local: list[LocalPublisher] = []
        for name, config in site.publishers.items():
            part = self.health.part(name, "publisher")
            context = Context(name, self.clock, part, self.connection, store, site, attention=self.ports.attention)
            publisher = load("publisher", config.type)(config, context)
            (self._local if isinstance(publisher, LocalPublisher) else self._publishers).append(publisher)
            part.set("ok")
        self._service = self._served()
        self.delivery = Delivery(
            self.outbox, self._publishers, self.clock, self.health.part("delivery", "publisher"), self.connection
        )

    def _served(self) -> WyomingServer | None:
        if self.site.wyoming is None:
            return None
        wyoming.library()
        part = self.health.part(SERVICE, "service")
        return WyomingServer(self.site.wyoming.listen, Ears(self.site, self.ports, part), part, self.clock)

    async def _restore(self) -> None:
        """Go on with what was stored at the last stop."""
        now = self.clock.now()
        kept = restored(await self.outbox.load_state(), Engine(self.site), self._dialogue, now, self.clock.wall(now))
        beliefs = build_beliefs(self.site, self.ports, self.parts)
        beliefs.experience = kept.experience
        talk = Talk(self._dialogue, kept.conversation, self.ports.attention)
        self.decider = Decider(beliefs, Engine(self.site), kept.rules, self.clock, talk)

    def _stages(self) -> list[DetectorStage]:
        return [
            DetectorStage(
                name, detector, Progress(self.health, self.site.detectors[name].on), self.clock, self.inbox.put
            )
            for name, detector in self.parts.detectors.items()
        ]

    async def _warm_up(self, stages: list[DetectorStage]) -> None:
        """Load every model before anything is heard or seen. Raises ModelError."""
        notify("STATUS=loading models\nEXTEND_TIMEOUT_USEC=600000000")
        async with anyio.create_task_group() as tasks:
            for stage in stages:
                tasks.start_soon(stage.warm_up, name=f"warm up {stage.name}")
            if self._service:
                tasks.start_soon(anyio.to_thread.run_sync, self._service.ears.load, name="warm up wyoming")

    def _start(self, tasks: TaskGroup, stages: list[DetectorStage]) -> None:
        by_name = {stage.name: stage for stage in stages}
        listens = {name: self.site.detectors[name].on for name in by_name}
        follow_sources(self.health, listens, lambda name: by_name[name].gap())
        self._passing = tasks
        self._live = list(stages)
        controls = Controls(self, tasks)
        controls.listen()
        tell_changes(self.health, self._changed, self.clock.now)
        tasks.start_soon(controls.signals, name="signals")
        for stage in stages:
            tasks.start_soon(stage.run, name=f"detector {stage.name}")
        tasks.start_soon(
            decide, self.inbox, lambda: self.decider, self._write, self.clock, self._beat(stages), name="decider"
        )
        for name, source in self.parts.sources.items():
            listeners = [stage for stage in stages if name in listens[stage.name]]
            emit = emitter(self.health.part(name, "source"), listeners, self.inbox.put)
            tasks.start_soon(
                supervise, self.health.part(name, "source"), lambda run=source.run, emit=emit: run(emit), name=name
            )
        if self._service:
            tasks.start_soon(supervise, self._service.health, self._service.run, name="wyoming")
        tasks.start_soon(self._watch, name="watch")
        tasks.start_soon(self._report_health, name="health")
        tasks.start_soon(self._engines.run, name="engines")

    async def apply_models(self) -> str:
        """Take over engines that were built since the start. Returns what is in the way, or an empty string."""
        return await self._engines.apply(self._live)

    async def _write(self, outcome: Outcome) -> None:
        """Messages and the rules' state in one transaction."""
        wall = self.clock.wall(outcome.now)
        messages = self.renderer.messages(outcome, lambda t: wall - timedelta(microseconds=(outcome.now - t) // 1000))
        state = None
        if outcome.state is not None:
            talk = outcome.dialogue.to_json(outcome.now, wall)
            rules = outcome.state.to_json(outcome.now, wall)
            state = {**rules, "experience": outcome.experience.to_json(), "dialogue": talk}
        for message in messages:
            if message.qos == 0:
                self._passing.start_soon(self._publish_once, message)
        messages = [message for message in messages if message.qos]
        if messages or state is not None:
            await self.outbox.commit(messages, state)
        for message in messages:
            for local in self._local:
                local.take(message)

    async def _publish_once(self, message: Message) -> None:
        """What may be lost needs no disk."""
        for publisher in self._publishers:
            with suppress(PublishError):
                await publisher.publish(message)

    def _beat(self, stages: list[DetectorStage]) -> Callable[[], None]:
        """Feed the watchdog while every detector makes progress, four times as often as systemd asks."""
        limit = watchdog_s()
        last = 0

        def beat() -> None:
            nonlocal last
            now = self.clock.now()
            if limit is None or now - last < limit / 4 * SECOND:
                return
            last = now
            hung = stuck(stages, self.clock)
            if hung:
                _log.error("no progress; the watchdog is not fed", detectors=hung)
            else:
                notify("WATCHDOG=1")

        return beat

    def _changed(self, change: HealthChange) -> None:
        """Tell the decider and, soon, everyone else; from any thread."""
        self.inbox.put(change)
        if change.state != "starting":
            _log.info("health", part=change.part, state=change.state, reason=change.reason)
        self.call(self._dirty.set)

    def call(self, function: Callable[[], object]) -> None:
        """Do it on the event loop; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the daemon has stopped
            self._loop.call_soon_threadsafe(function)

    async def _watch(self) -> None:
        feeds = [
            feed(self.health.part(name, "source"), source.modality, self.site.sources[name].stale_s)
            for name, source in self.parts.sources.items()
        ]
        while True:
            await anyio.sleep(0.5)
            mark_stale(feeds, self.clock.now())

    async def _report_health(self) -> None:
        """Publish it soon after a change, and every ten seconds."""
        while True:
            now = self.clock.now()
            snapshot = self.health.snapshot(now)
            await self.outbox.commit([self.renderer.health(snapshot, self.clock.wall(now))])
            await anyio.sleep(0.2)
            with anyio.move_on_after(HEALTH_EVERY_S):
                await self._dirty.wait()
            self._dirty = anyio.Event()

    async def _stop(self, outer: TaskGroup) -> None:
        """Deliver what can be delivered, say offline."""
        with anyio.move_on_after(FLUSH_S):
            await self.delivery.flush()
        await self.connection.close()
        with anyio.move_on_after(FLUSH_S):
            await self._offline.wait()
        outer.cancel_scope.cancel()


async def _close(stages: list[DetectorStage]) -> None:
    """Finish the samples in work; calling twice is allowed."""
    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as tasks:
            while stages:
                tasks.start_soon(stages.pop().close)


def _pulling(name: str, done: int, total: int) -> None:
    """Log the progress of a model that had to be fetched, and keep systemd waiting for it."""
    notify(f"STATUS=fetching model {name}\nEXTEND_TIMEOUT_USEC=600000000")
    if done >= total:
        _log.info("model fetched", model=name, bytes=total)
