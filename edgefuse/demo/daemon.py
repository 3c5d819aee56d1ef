"""The daemon of the demo: a process of its own, as in real life, and what it costs."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgefuse.core.errors import ConfigError, EdgefuseError
from edgefuse.core.ports import Clock
from edgefuse.core.types import SECOND

_STOP_S = 15.0
_TAIL = 12
"""Lines of the log shown when it died."""


class DaemonDiedError(EdgefuseError):
    """The daemon ended before the scene did."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process has used so far."""

    cpu_s: float
    peak_mb: float


class Daemon:
    """`python -m edgefuse run CONFIG`; use as a context manager so that it never outlives the demo."""

    def __init__(self, config: Path, log: Path, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edgefuse", "run", str(config), "--log", "text"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = clock.now()

    def __enter__(self) -> "Daemon":  # noqa: PYI034  # typing.Self is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def age_s(self) -> float:
        """Seconds since it was started."""
        return (self._clock.now() - self._started) / SECOND

    def must_live(self) -> None:
        """Raises DaemonDiedError with the end of its log."""
        code = self._process.poll()
        if code is not None:
            raise DaemonDiedError(f"the daemon has ended (exit {code}); the end of {self._log}:\n{self._tail()}")

    def usage(self) -> Usage | None:
        """CPU time of the process and the most memory it ever held; None where /proc does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return None
        peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
        return Usage((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(peak) / 1024)

    def stop(self) -> int:
        """Ask it to leave, then make it; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TAIL:]) or "  (it is empty)"


def free_port(wanted: int) -> int:
    """The wanted port of the loopback device, any free one for 0. Raises ConfigError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise ConfigError(
                f"--port {wanted}: {error.strerror}; leave --port out to take a free one, or see who has it with "
                f"`ss -ltnp 'sport = :{wanted}'`"
            ) from error
        port: int = probe.getsockname()[1]
        return port
