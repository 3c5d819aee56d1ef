import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgefuse.resources import resource

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as installed, with a program that exists on this machine: verify looks for it."""
    text = resource("systemd", "edgefuse.service").read_text()
    path = tmp_path / "edgefuse.service"
    path.write_text(text.replace("/opt/edgefuse/bin/edgefuse", shutil.which("true") or "/bin/true"))
    return path


@needs_systemd
def test_verify_is_silent(unit: Path) -> None:
    """systemd knows every key and value of the unit: verify exits 0 on unknown keys, so its stderr must be empty."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_verify_is_silent_on_a_jetson(unit: Path) -> None:
    """systemd knows every key and value of the unit with the drop-in that install.sh adds on a Jetson."""
    drop_in = unit.with_name("edgefuse.service.d") / "jetson.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(resource("systemd", "jetson.conf").read_text())

    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    drop_in.write_text("[Service]\nMemoryHighs=50%\n")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "MemoryHighs" in done.stderr


@needs_systemd
def test_verify_would_tell_of_an_unknown_key(unit: Path) -> None:
    """A misspelt key reaches stderr, so the test above can fail."""
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))

    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert "WatchdogSecs" in done.stderr


@needs_systemd
def test_exposure_is_low(unit: Path) -> None:
    """systemd scores the unit's exposure at 2.5 or better."""
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot score a unit offline")

    score = re.search(r"Overall exposure level.*?: ([0-9.]+)", done.stdout)

    assert score, done.stdout + done.stderr
    assert float(score[1]) <= 2.5


def test_keys_that_the_daemon_relies_on() -> None:
    """Readiness, watchdog, reload, no restart after an operator error, devices and folders are set."""
    lines = resource("systemd", "edgefuse.service").read_text().splitlines()

    expected = {
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=30",
        "Restart=on-failure",
        "RestartPreventExitStatus=78",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "StateDirectory=edgefuse",
        "CacheDirectory=edgefuse",
        "SupplementaryGroups=audio video render",
        "DeviceAllow=char-alsa rw",
        "DeviceAllow=char-video4linux rw",
        "DeviceAllow=/dev/nvmap rw",
        "DeviceAllow=/dev/nvgpu/igpu0/ctrl rw",
    }
    assert expected <= set(lines)
