import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edgefuse.resources import resource

pytestmark = [pytest.mark.e2e, pytest.mark.models]
MODELS = Path(os.environ.get("EDGEFUSE_MODELS") or Path.home() / ".cache" / "edgefuse" / "models")
needs_demo = pytest.mark.skipif(
    not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists())
    or not (shutil.which("flite") or shutil.which("espeak-ng"))
    or not all((MODELS / name).exists() for name in ("nanodet", "whisper-tiny.en", "speech-embedding"))
    or not all(
        any((folder / name / "model.onnx").exists() for folder in (MODELS, resource("models")))
        for name in ("incidents", "sounds")
    ),
    reason="needs mosquitto, flite or espeak-ng, and the models (`edgefuse models pull`)",
)


def demo(*args: str | Path, timeout_s: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgefuse", "demo", *map(str, args)]
    surroundings = {**os.environ, **env}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s, env=surroundings)


@needs_demo
@pytest.mark.timeout(300)
def test_whole_demo_meets_every_expectation(tmp_path: Path) -> None:
    """The demo exits 0: sixteen expectations are met by messages really published, told in plain text in a pipe."""
    done = demo("--out", tmp_path, timeout_s=280)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✔") == 16
    assert "\x1b" not in done.stdout
    assert "somebody seen and door open: alarm" in done.stdout
    assert "glass, open door, somebody seen: break-in" in done.stdout
    assert (tmp_path / "demo.yaml").exists()
    assert (tmp_path / "daemon.log").exists()


@needs_demo
def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """A port that somebody else has ends the demo with exit 78 and the way to see who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = demo("--port", str(port), "--out", tmp_path)

    assert done.returncode == 78
    assert f"--port {port}" in done.stderr
    assert "ss -ltnp" in done.stderr


@needs_demo
def test_daemon_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    """When the daemon dies, the demo exits 1 and shows the end of its log: here, a model folder that is a file."""
    blocked = tmp_path / "models"
    blocked.write_text("")

    done = demo("--out", tmp_path / "out", EDGEFUSE_MODELS=str(blocked))

    assert done.returncode == 1
    assert "the daemon has ended (exit" in done.stdout
    assert "models" in done.stdout
