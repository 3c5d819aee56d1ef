"""What goes wrong outside of the daemon: it goes on, or ends with an exit code and a reason."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgefuse.testing.process import running_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SMOKE = "zigbee2mqtt/smoke"
EX_CONFIG = 78


def _wait(condition: Callable[[], Any], what: str, limit_s: float = 30) -> None:
    for _ in range(int(limit_s * 50)):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"not within {limit_s} s: {what}")


def _config(tmp_path: Path, url: str, more: str = "", sources: str = "") -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(
        f"""
device: {{id: t, area: hall, state_dir: {tmp_path / "state"}}}
mqtt: {{url: "{url}"}}
sources:
  smoke: {{type: mqtt, topic: {SMOKE}}}
{sources}
rules:
  - name: fire
    when: {{reading: {{of: smoke, quantity: smoke, equals: true}}}}
    then: [{{alert: fire, severity: Extreme}}]
{more}
"""
    )
    return path


def _run(config: Path) -> "subprocess.CompletedProcess[str]":
    """The daemon, expected to end by itself."""
    command = [sys.executable, "-m", "edgefuse", "run", str(config), "--log", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_half_a_surrogate_in_a_control_message_is_rejected(tmp_path: Path, broker: Any) -> None:
    """What JSON can write but UTF-8 cannot say ends nothing, also where an answer repeats it."""
    listener = broker.listener()
    asking = Properties(PacketTypes.PUBLISH)
    asking.ResponseTopic = "answers"
    with running_daemon(_config(tmp_path, broker.url)) as daemon:
        for topic, payload in (("ack", {"id": "\ud800"}), ("set/mute", {"rule": "\ud800", "for_s": 5})):
            body = json.dumps(payload).encode()
            listener._client.publish(f"edgefuse/t/{topic}", body, qos=1, properties=asking)
        _wait(lambda: len(listener.on("answers")) == 2, "both answers")
        assert [json.loads(message.payload)["ok"] for message in listener.on("answers")] == [False, False]
        assert daemon.stop() == 0


def test_embedded_broker_without_a_folder_is_exit_78(tmp_path: Path) -> None:
    """A state directory that cannot be made ends the start with a line that names it."""
    (tmp_path / "state").write_text("a file, no folder")
    done = _run(_config(tmp_path, "embedded:48917"))

    assert done.returncode == EX_CONFIG
    assert "device.state_dir" in done.stderr
    assert "Traceback" not in done.stderr
