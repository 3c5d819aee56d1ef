"""The daemon as a process, against a real mosquitto."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgefuse.testing.process import running_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SMOKE = "zigbee2mqtt/smoke"


def _wait(condition: Callable[[], Any], what: str, limit_s: float = 30) -> None:
    for _ in range(int(limit_s * 50)):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"not within {limit_s} s: {what}")


def _config(tmp_path: Path, url: str, more: str = "", rules: str | None = None) -> Path:
    path = tmp_path / "site.yaml"
    default = """
  - {name: fire, when: {reading: {of: smoke, quantity: smoke, equals: true}}, then: [{alert: fire, severity: Extreme}]}
  - name: calm
    when: {reading: {of: smoke, quantity: smoke, equals: true}}
    then: [{alert: calm, severity: Minor}]
    cooldown_s: 3600
"""
    path.write_text(
        f"""
device: {{id: t, area: hall, state_dir: {tmp_path / "state"}}}
mqtt: {{url: "{url}"}}
sources: {{smoke: {{type: mqtt, topic: {SMOKE}}}}}
beliefs:
  hall.fire: {{prior: 0.01, evidence: [{{from: smoke, label: smoke, equals: true, if_true: 0.9, if_false: 0.01}}]}}
rules: {default if rules is None else rules}
{more}
"""
    )
    return path


def _alerts(listener: Any, name: str) -> list[str]:
    """Identifiers of the alerts that came, each once, in order."""
    return list(dict.fromkeys(json.loads(m.payload)["identifier"] for m in listener.on(f"edgefuse/t/alert/{name}")))


def _last(listener: Any, topic: str) -> Any:
    return json.loads(listener.on(topic)[-1].payload) if listener.on(topic) else {}


def test_sensor_message_becomes_alert_and_belief(tmp_path: Path, broker: Any) -> None:
    """A smoke sensor's message gives an alert with its reason and a belief that names the sensor."""
    listener = broker.listener()
    with running_daemon(_config(tmp_path, broker.url)) as daemon:
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "fire"), "the alert")
        _wait(lambda: _last(listener, "edgefuse/t/belief/hall/fire").get("p", 0) > 0.4, "the belief")
        assert daemon.stop() == 0

    alert = _last(listener, "edgefuse/t/alert/fire")
    assert alert["info"]["severity"] == "Extreme"
    assert any("smoke" in reason for reason in alert["because"])
    assert listener.on("edgefuse/t/status")[-1].payload == b"offline"


def test_kill_at_random_moments_loses_no_alert_and_breaks_no_cooldown(tmp_path: Path, broker: Any) -> None:
    """Killed with -9 twenty times between and during messages: every event has its alert, one within the cooldown."""
    listener = broker.listener()
    rules = """
  - {name: fire, when: {reading: {of: smoke, quantity: co2, above: 0}}, then: [{alert: fire, headline: "{value}"}]}
  - name: calm
    when: {reading: {of: smoke, quantity: co2, above: 0}}
    then: [{alert: calm, severity: Minor}]
    cooldown_s: 3600
"""
    config = _config(tmp_path, broker.url, rules=rules)
    rng = random.Random(7)
    sent = 0
    for _ in range(20):
        with running_daemon(config) as daemon:
            for _ in range(rng.randrange(1, 4)):
                sent += 1
                listener.publish(SMOKE, json.dumps({"co2": sent}).encode())
                time.sleep(rng.choice([0, 0.001, 0.004, 0.01]))
                listener.publish(SMOKE, b'{"co2":0}')
            time.sleep(rng.choice([0, 0.001, 0.003, 0.006, 0.01, 0.05]))
            daemon.kill()

    def told() -> set[int]:
        """Which events an alert speaks of; an event that is delivered again after a kill may be told twice."""
        return {int(json.loads(m.payload)["info"]["headline"]) for m in listener.on("edgefuse/t/alert/fire")}

    with running_daemon(config):
        _wait(lambda: told() == set(range(1, sent + 1)), f"{sent} alerts")
        time.sleep(0.5)

    assert len(_alerts(listener, "calm")) == 1


def test_reload_takes_over_rules_and_survives_a_bad_file(tmp_path: Path, broker: Any) -> None:
    """SIGHUP with new rules applies them; with a broken file the old ones go on and health says why."""
    listener = broker.listener()
    config = _config(tmp_path, broker.url)
    good = config.read_text()
    with running_daemon(config) as daemon:
        config.write_text("rules: [")
        daemon.process.send_signal(signal.SIGHUP)
        parts = "edgefuse/t/health"
        _wait(lambda: "reload" in _last(listener, parts).get("parts", {}).get("controls", {}).get("reason", ""), "why")
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "fire"), "the old rule")

        config.write_text(good.replace("alert: fire,", "alert: blaze,").replace("name: fire", "name: blaze"))
        daemon.process.send_signal(signal.SIGHUP)
        _wait(lambda: _last(listener, parts)["parts"]["controls"]["reason"] == "", "the reload")
        listener.publish(SMOKE, b'{"smoke":false}')
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "blaze"), "the new rule")


def test_malformed_messages_are_counted_and_nothing_dies(tmp_path: Path, broker: Any) -> None:
    """Broken JSON, wrong bytes and a megabyte of nothing are rejected with a reason; the next good message works."""
    listener = broker.listener()
    with running_daemon(_config(tmp_path, broker.url)) as daemon:
        for payload in (b'{"smoke":', b"\xff\xfe\x00", b"[" * 10_000, b"x" * 1_000_000, b'{"smoke":NaN}', b""):
            listener.publish(SMOKE, payload)
        listener.publish("edgefuse/t/set/arm", b"perhaps")
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "fire"), "the alert")
        health = "edgefuse/t/health"
        _wait(lambda: _last(listener, health)["parts"]["smoke"]["rejected"] >= 5, "the count", 30)
        _wait(lambda: _last(listener, health)["parts"]["controls"]["rejected"] == 1, "the bad control message", 30)
        assert daemon.process.poll() is None


def test_broker_that_comes_late_gets_everything(tmp_path: Path, broker: Any) -> None:
    """The daemon is ready without a broker and connects when there is one."""
    broker.stop()
    with running_daemon(_config(tmp_path, broker.url)) as daemon:
        broker.start()
        listener = broker.listener()
        _wait(lambda: listener.on("edgefuse/t/status"), "online")
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "fire"), "the alert")
        assert daemon.process.poll() is None


def test_arming_is_kept_over_a_kill(tmp_path: Path, broker: Any) -> None:
    """A rule with `armed: true` fires only while armed, and armed is remembered after kill -9."""
    listener = broker.listener()
    when = "{reading: {of: smoke, quantity: smoke, equals: true}}"
    rules = f"[{{name: burglar, armed: true, when: {when}, then: [{{alert: burglar}}]}}]"
    config = _config(tmp_path, broker.url, rules=rules)
    with running_daemon(config) as daemon:
        listener.publish(SMOKE, b'{"smoke":true}')
        listener.publish(SMOKE, b'{"smoke":false}')
        listener.publish("edgefuse/t/set/arm", b"on")
        time.sleep(0.5)
        daemon.kill()
    assert _alerts(listener, "burglar") == []

    with running_daemon(config):
        listener.publish(SMOKE, b'{"smoke":true}')
        _wait(lambda: _alerts(listener, "burglar"), "the alert")


def test_watchdog_is_fed(tmp_path: Path, broker: Any) -> None:
    """With WATCHDOG_USEC set, WATCHDOG=1 arrives at least as often as systemd asks."""
    with running_daemon(_config(tmp_path, broker.url), env={"WATCHDOG_USEC": "4000000"}) as daemon:
        daemon.notifications()
        time.sleep(4)
        assert daemon.notifications().count("WATCHDOG=1") >= 2


def test_a_mistake_in_the_file_is_exit_78(tmp_path: Path) -> None:
    """What only the operator can mend is printed with its position and ends with EX_CONFIG."""
    path = tmp_path / "bad.yaml"
    path.write_text("device: {id: t}\nsources: {cam: {type: camra, url: 0}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "edgefuse", "run", str(path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 78
    assert "bad.yaml:2:" in done.stderr
    assert "camera" in done.stderr


def test_broker_that_forgot_everything_is_told_again(tmp_path: Path, broker: Any) -> None:
    """After kill -9 of a broker without persistence, status, beliefs, health and discovery are retained again."""
    listener = broker.listener()
    with running_daemon(_config(tmp_path, broker.url)):
        _wait(lambda: listener.on("edgefuse/t/belief/hall/fire"), "the belief")
        broker.kill()
        broker.start()
        late = broker.listener(client_id="late")
        for topic in ("status", "belief/hall/fire", "health"):
            _wait(lambda topic=topic: late.on(f"edgefuse/t/{topic}"), topic)
        _wait(lambda: late.on("homeassistant/device/t/config"), "discovery")


def test_stop_in_the_middle_tells_every_event_once(tmp_path: Path, broker: Any) -> None:
    """SIGTERM, twice, amid a hundred events: exit 0, and after the next start each event has one alert and one id."""
    listener = broker.listener()
    when, then = "{reading: {of: smoke, quantity: co2, above: 0}}", "[{alert: fire, headline: '{value}'}]"
    config = _config(tmp_path, broker.url, rules=f"[{{name: fire, when: {when}, then: {then}}}]")
    with running_daemon(config) as daemon:
        _wait(lambda: listener.on("edgefuse/t/status"), "online: before that it is not subscribed")
        for n in range(1, 101):
            listener.publish(SMOKE, json.dumps({"co2": n}).encode())
            listener.publish(SMOKE, b'{"co2":0}')
            if n == 50:
                daemon.process.send_signal(signal.SIGTERM)
        assert daemon.stop() == 0

    def told() -> list[int]:
        alerts = {json.loads(m.payload)["identifier"]: m for m in listener.on("edgefuse/t/alert/fire")}
        return sorted(int(json.loads(m.payload)["info"]["headline"]) for m in alerts.values())

    with running_daemon(config), suppress(pytest.fail.Exception):  # what is missing says more than that it is late
        _wait(lambda: len(set(told())) == 100, "every event")

    assert told() == list(range(1, 101))


def test_alert_waits_for_somebody_to_hear_it(tmp_path: Path, broker: Any) -> None:
    """An alert that the broker takes while nobody is subscribed stays, and reaches the controller when it comes."""
    sensor = broker.listener("nothing", "sensor")
    with running_daemon(_config(tmp_path, broker.url)):
        sensor.publish(SMOKE, b'{"smoke":true}')
        time.sleep(1)
        controller = broker.listener("edgefuse/#", "controller")
        _wait(lambda: _alerts(controller, "fire"), "the alert")
        _wait(lambda: _alerts(controller, "calm"), "the other alert")

    assert len(_alerts(controller, "fire")) == 1
