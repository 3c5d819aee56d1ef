"""Engines of a running daemon: what serves, what is built meanwhile, and taking over what was built."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import anyio
import structlog
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.types import Json
from edgefuse.engines.serve import Choice
from edgefuse.engines.store import Store
from edgefuse.pipeline.stages import DetectorStage

_NICE = ["nice", "-n", "19"]
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_STOP_S = 5.0
_log = structlog.get_logger()


class EngineBuilds:
    """Builds what is missing in a child of the lowest priority, one model after the other; health tells how far."""

    def __init__(
        self,
        config_file: Path,
        config: ModelsConfig,
        store: Store,
        health: PartHealth,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """`changed` is called when health is worth telling."""
        self._file = config_file
        self._config = config
        self._store = store
        self._health = health
        self._changed = changed
        self._told: tuple[object, int] = ("", 0)
        self._applying = anyio.Lock()
        self._failed: dict[str, str] = {}

    async def run(self) -> None:
        """Tell what serves, then build until nothing is missing."""
        loop = asyncio.get_running_loop()

        def lost() -> None:
            with suppress(RuntimeError):  # the loop is closed: the daemon has stopped
                loop.call_soon_threadsafe(self._tell)

        self._store.on_loss = lost
        self._tell()
        for name, choice in list(self._store.served.items()):
            log = _log.warning if choice.fell_back else _log.info
            log("engine", model=name, engine=choice.engine, why=choice.why)
            if choice.missing is not None and self._config.build == "auto":
                await self._build(name, choice)

    async def apply(self, stages: list[DetectorStage]) -> str:
        """Let detectors load again whose models have a better engine. Returns what is in the way, or nothing."""
        problems = []
        async with self._applying:
            for stage in stages:
                try:
                    if await anyio.to_thread.run_sync(self._outdated, stage):
                        await stage.renew()
                        _log.info("models taken over", detector=stage.name)
                except ModelError as error:
                    problems.append(f"{stage.name}: {error}")
            self._tell()
        return "; ".join(problems)

    def _outdated(self, stage: DetectorStage) -> bool:
        """Whether a model of the detector would be loaded on another engine than it was."""
        engines = stage.health.info.get("engines")
        for name in engines if isinstance(engines, dict) else {}:
            served, best = self._store.served.get(name), self._store.choice(name)
            if served is not None and best is not None and served.path != best.path:
                return True
        return False

    def _tell(self) -> None:
        """Degraded where a model has less than it was asked for or had, or a build failed."""
        served = dict(self._store.served)
        less = [f"{name} runs on {c.engine}: {c.why}" for name, c in served.items() if c.fell_back or c.lost]
        problems = [*less, *(f"{name}: {reason}" for name, reason in self._failed.items())]
        for name, choice in served.items():
            building = self._health.info.get(name)
            keep = building if isinstance(building, dict) else {}
            self._health.info[name] = {**keep, **choice.to_json()}
        self._health.set("degraded" if problems else "ok", "; ".join(problems))

    async def _build(self, name: str, choice: Choice) -> None:
        assert choice.missing is not None
        what = f"{choice.missing.backend} {choice.missing.precision}"
        _log.info("building an engine in the background", model=name, engine=what)
        command = [sys.executable, "-m", "edgefuse", "models", "build", name]
        options = ["--config", str(self._file), "--progress", "json"]
        own = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
        try:
            process = await anyio.open_process(
                [*_NICE, *command, *options], stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=own
            )
        except OSError as error:
            self._fail(name, f"the builder cannot be started: {error}")
            return
        try:
            await self._follow(name, what, process)
        finally:
            with anyio.CancelScope(shield=True):
                await _stop(process)

    async def _follow(self, name: str, what: str, process: Process) -> None:
        """Read the builder's lines until it ends."""
        said: list[str] = []
        records: list[Mapping[str, Any]] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_collect, process, said)
            async for line in _lines(process):
                if "records" in line:
                    records = line["records"]
                else:
                    self._progress(name, line)
            await process.wait()
        self._progress(name, None)
        for record in records:
            if record.get("ok") and record.get("built_s"):  # what needs no build took no time
                engine = f"{record.get('backend')} {record.get('precision')}"
                _log.info("engine built; models/apply or the next start takes it over", model=name, engine=engine)
        if process.returncode != 0:
            detail = "; ".join(str(r.get("detail")) for r in records if not r.get("ok")) or " ".join(said[-3:])
            self._fail(name, f"building {what} failed: {detail or _ended(process.returncode)}")
        else:
            self._tell()

    def _progress(self, name: str, line: Mapping[str, Any] | None) -> None:
        told = self._health.info.get(name)
        info: dict[str, Json] = {**told} if isinstance(told, dict) else {}
        info.pop("building", None)
        if line is not None:
            info["building"] = {key: line.get(key) for key in ("backend", "precision", "share", "phase", "eta_s")}
        self._health.info[name] = info
        step = (line.get("phase"), int(20 * float(line.get("share") or 0))) if line is not None else ("", 0)
        if step != self._told:
            self._told = step
            self._changed()

    def _fail(self, name: str, reason: str) -> None:
        self._failed[name] = reason
        _log.error("no better engine", model=name, reason=reason)
        self._tell()


async def _lines(process: Process) -> AsyncIterator[Mapping[str, Any]]:
    """Objects that the builder writes, one a line; anything else is skipped."""
    assert process.stdout is not None
    rest = ""
    async for text in TextReceiveStream(process.stdout, errors="replace"):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            with suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    yield value


def _ended(code: int | None) -> str:
    """How a process ended that said nothing."""
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process was killed by signal {-code}"


async def _collect(process: Process, said: list[str]) -> None:
    assert process.stderr is not None
    async for text in TextReceiveStream(process.stderr, errors="replace"):
        said.extend(line.strip() for line in text.splitlines() if line.strip())
        del said[:-20]


async def _stop(process: Process) -> None:
    """Ask it to end, then make it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with anyio.move_on_after(_STOP_S):
            await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await process.aclose()
