"""Starts the daemon as a process, as systemd does, and waits until it is ready."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class DaemonProcess:
    """`python -m edgefuse run CONFIG` with a notification socket of its own."""

    def __init__(self, config: Path, *, env: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgefuse-")
        address = str(Path(self._folder.name) / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self.log = Path(self._folder.name) / "log"
        self._output: TextIO = self.log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgefuse", "run", str(config), "--log", "json"],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {}), "NOTIFY_SOCKET": address},
        )

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Return at READY=1. Raises RuntimeError with the log when the process ends or is too slow."""
        self._socket.settimeout(0.1)
        for _ in range(int(timeout_s * 10)):
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.process.returncode}:\n{self.output()}")
            try:
                if b"READY=1" in self._socket.recv(4096):
                    return
            except TimeoutError:
                continue
        raise RuntimeError(f"the daemon was not ready within {timeout_s} s:\n{self.output()}")

    def notifications(self) -> list[str]:
        """What it has told the service manager since it was last asked."""
        self._socket.settimeout(0)
        told = []
        try:
            while True:
                told.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return told

    def output(self) -> str:
        """Everything it has logged."""
        return self.log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """As a power cut does: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 20) -> int:
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def close(self) -> None:
        """End it if it still runs and remove its files."""
        if self.process.poll() is None:
            self.kill()
        self._output.close()
        self._socket.close()
        self._folder.cleanup()


@contextmanager
def running_daemon(config: Path, *, ready_s: float = 60, env: dict[str, str] | None = None) -> Iterator[DaemonProcess]:
    """A daemon that is ready; killed at the end if it has not been stopped."""
    daemon = DaemonProcess(config, env=env)
    try:
        daemon.wait_ready(ready_s)
        yield daemon
    finally:
        daemon.close()
