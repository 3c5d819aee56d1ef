"""The embedded broker: mosquitto as a supervised child on the loopback, else iotcore, that ends with us."""

import os
import shutil
import socket
import sys
from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import structlog
from anyio.abc import Process, TaskStatus
from anyio.streams.text import TextReceiveStream

from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth

HOST = "127.0.0.1"
DEFAULT_PORT = 1883
QUEUE_BYTES = 100_000_000
"""Kept for each client that is away. By bytes: a limit by number would drop while acknowledging."""
QUEUE_MESSAGES = 100_000_000
"""As good as no limit. Not 0: mosquitto 2.0 then hangs up on a client whenever it refuses one of its messages."""
SAVE_EVERY_S = 3
"""What a killed broker can forget; less than the outbox lingers over an alert."""
LARGEST_MESSAGE = 4_194_304
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
_UP_WITHIN_S = 10.0
_FREE_WITHIN_S = 3.0
_STOP_WITHIN_S = 5.0
_POLL_S = 0.02
_IOTCORE = (
    "import logging; from iotcore.iotcore import IotCoreBroker;"
    "logging.getLogger('rumqttd').setLevel(logging.CRITICAL);"  # it reports every packet as an error
    "IotCoreBroker(listen='{host}', port={port}, max_payload_size={largest}).run_forever()"
)
_DIE_WITH_PARENT = (  # PR_SET_PDEATHSIG, so that even SIGKILL of the daemon leaves no broker behind
    "import ctypes, os, signal, sys;"
    "ctypes.CDLL(None).prctl(1, signal.SIGTERM);"
    "os.getppid() == int(sys.argv[1]) or sys.exit('the daemon is gone');"
    "os.execv(sys.argv[2], sys.argv[2:])"
)
_OURS_ALONE = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
"""mosquitto would tell systemd that it is ready, in the daemon's name."""
_log = structlog.get_logger()


class EmbeddedBroker:
    """A broker of our own. Start it with ``await tasks.start(broker.run)``: that returns once it listens."""

    def __init__(self, url: str, state_dir: Path, health: PartHealth) -> None:
        """`url` is `embedded` or `embedded:<port>`. Raises ConfigError when no broker is installed."""
        _, _, port = url.partition(":")
        self.port = int(port or DEFAULT_PORT)
        self.url = f"mqtt://{HOST}:{self.port}"
        self._folder = state_dir / "broker"
        self._health = health
        self._mosquitto = find_mosquitto()
        if self._mosquitto is None and find_spec("iotcore") is None:
            raise ConfigError(
                "mqtt.url: `embedded` needs a broker; install mosquitto (apt install mosquitto) or the extra `broker`"
                " (pip install 'edgefuse[broker]'), or name a broker: mqtt://host:port"
            )
        health.info["broker"] = str(self._mosquitto or "iotcore")
        self._last_lines: deque[str] = deque(maxlen=5)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep it running until cancelled. Raises ConfigError when the first start fails."""
        await self._port_free()
        delay, listening = FIRST_DELAY_S, anyio.Event()
        while True:
            fresh = anyio.Event()
            reason = await self._live_once(fresh if listening.is_set() else listening, task_status)
            if not listening.is_set():
                raise ConfigError(f"mqtt.url: {self.url}: {reason}")
            if fresh.is_set():
                delay = FIRST_DELAY_S
            self._health.restarts += 1
            self._health.set("failed", reason)
            _log.error("embedded broker died", reason=reason, restart_s=delay)
            await anyio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY_S)

    async def _live_once(self, listening: anyio.Event, task_status: TaskStatus[None]) -> str:
        """Run the child once. Returns why it ended."""
        try:
            process = await self._spawn()
        except OSError as error:
            return f"the broker cannot be started in {self._folder}: {error.strerror}; is device.state_dir writable?"
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._log_lines, process)
                if await self._listens(process):
                    self._health.set("ok", "")
                    if not self._health.restarts:
                        task_status.started()
                    listening.set()
                    await process.wait()
                elif process.returncode is None:
                    process.kill()
        finally:
            with anyio.CancelScope(shield=True):
                await _stop(process)
        return f"the broker ended with {process.returncode}: {' | '.join(self._last_lines)}"

    async def _port_free(self) -> None:
        """Wait a moment for a predecessor that is still ending."""
        with anyio.move_on_after(_FREE_WITHIN_S):
            while not _bindable(self.port):  # noqa: ASYNC110 - nobody tells when a port is free
                await anyio.sleep(_POLL_S * 5)
            return
        raise ConfigError(
            f"mqtt.url: port {self.port} is taken by {holder(self.port)}; to use that broker say {self.url},"
            f" for one of our own on another port embedded:{self.port + 1}"
        )

    async def _spawn(self) -> Process:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._mosquitto is not None:
            file = self._folder / "mosquitto.conf"
            _keep_written(file, mosquitto_conf(self.port, self._folder))
            command = [str(self._mosquitto), "-c", str(file)]
        else:
            command = [sys.executable, "-c", _IOTCORE.format(host=HOST, port=self.port, largest=LARGEST_MESSAGE)]
        wrapped = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
        own = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
        # Ctrl-C is for the daemon, which then still has its broker to say goodbye to.
        return await anyio.open_process(
            wrapped, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=own, start_new_session=True
        )

    async def _listens(self, process: Process) -> bool:
        with anyio.move_on_after(_UP_WITHIN_S):
            while process.returncode is None:
                if _accepts(self.port):
                    return True
                await anyio.sleep(_POLL_S)
        return False

    async def _log_lines(self, process: Process) -> None:
        assert process.stderr is not None
        rest = ""
        async for text in TextReceiveStream(process.stderr, errors="replace"):
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                _, _, said = line.partition(": ")
                self._last_lines.append(said or line)
                _log.debug("broker", said=said or line)


def _keep_written(file: Path, text: str) -> None:
    """Write only what differs: a full disk must not keep the broker from starting again."""
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")


def find_mosquitto() -> Path | None:
    """The mosquitto of this machine; daemons' PATH often lacks /usr/sbin."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    return None if found is None else Path(found)


def mosquitto_conf(port: int, folder: Path) -> str:
    """Loopback only, no Nagle, nothing dropped while acknowledged, everything on disk every few seconds."""
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        f"max_queued_messages {QUEUE_MESSAGES}",
        f"max_queued_bytes {QUEUE_BYTES}",
        f"max_packet_size {LARGEST_MESSAGE}",
        "persistence true",
        f"persistence_location {folder}/",
        "persistent_client_expiration 14d",
        "autosave_on_changes false",  # saving at every change costs each message some 5 ms
        f"autosave_interval {SAVE_EVERY_S}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else it would drop to a user that cannot write its own database here
    return "\n".join(lines) + "\n"


def holder(port: int) -> str:
    """Which process listens on a local port, as far as this user may know."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            link = str(entry.readlink())
            if link.startswith("socket:[") and link[8:-1] in inodes:
                process = entry.parent.parent
                return f"{(process / 'comm').read_text('utf-8').strip()} (pid {process.name})"
    return "another program" if inodes else "nobody now, but it cannot be bound"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text("utf-8").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    found.add(fields[9])
    return found


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=0.2):
        return True
    return False


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False


async def _stop(process: Process) -> None:
    """Ask it to save and end; then insist."""
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(_STOP_WITHIN_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()
