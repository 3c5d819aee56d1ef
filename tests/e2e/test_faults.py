"""What goes wrong outside of the daemon: it goes on, or ends with an exit code and a reason."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
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


def test_rule_state_of_another_version_does_not_stop_the_start(tmp_path: Path, broker: Any) -> None:
    """After going back to an older version the rules start anew; the outbox keeps its messages."""
    listener = broker.listener()
    config = _config(tmp_path, broker.url)
    with running_daemon(config) as daemon:
        assert daemon.stop() == 0
    with closing(sqlite3.connect(tmp_path / "state" / "outbox.db")) as database:
        database.execute("INSERT OR REPLACE INTO rule_state VALUES (1, ?)", ('{"schema": 99}',))
        database.commit()

    with running_daemon(config) as daemon:
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: listener.on("edgefuse/t/alert/fire"), "the alert")
        assert "start anew" in daemon.output()


def test_camera_file_vanishes_and_returns(tmp_path: Path, broker: Any) -> None:
    """A video beside the configuration file is found, missed with its whole path, and found again."""
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV (extra `camera`)")
    listener = broker.listener()
    video = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for level in range(0, 100, 10):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    config = _config(tmp_path, broker.url, sources="  cam: {type: camera, url: clip.avi, loop: true}")

    def camera(word: str) -> bool:
        health = listener.on("edgefuse/t/health")
        part = json.loads(health[-1].payload)["parts"]["cam"] if health else {"state": "", "reason": ""}
        return part["state"] == word and (word != "failed" or str(video) in part["reason"])

    with running_daemon(config) as daemon:
        _wait(lambda: camera("ok"), "pictures")
        video.rename(tmp_path / "away")
        _wait(lambda: camera("failed"), "the file is missed")
        (tmp_path / "away").rename(video)
        _wait(lambda: camera("ok"), "pictures again")
        assert daemon.stop() == 0


def test_hangup_never_kills(tmp_path: Path, broker: Any) -> None:
    """SIGHUP at any moment of the life of a daemon, also a hundred in a row, is a reload or nothing."""
    with running_daemon(_config(tmp_path, broker.url)) as daemon:
        for _ in range(100):
            daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGTERM)
        _wait(lambda: "stopping" in daemon.output(), "it stops")
        while daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        assert daemon.process.returncode == 0
