"""What docs/mqtt.md promises of `set/...` and `ack`, over a real mosquitto."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgefuse.app.evidence import stored_experience
from edgefuse.testing.process import running_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SMOKE = "zigbee2mqtt/smoke"
ALERT = "edgefuse/t/alert/fire"
HEALTH = "edgefuse/t/health"
Wait = Callable[..., None]
BELIEF = """beliefs:
  hall.fire:
    prior: 0.2
    evidence: [{from: smoke, label: smoke, equals: true, if_true: 0.9, if_false: 0.1, half_life_s: 600}]
"""


def config(folder: Path, url: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(f"""
device: {{id: t, area: hall, state_dir: {folder / "state"}}}
mqtt: {{url: "{url}"}}
sources: {{smoke: {{type: mqtt, topic: {SMOKE}}}}}
rules:
  - name: fire
    when: {{reading: {{of: smoke, quantity: smoke, equals: true}}}}
    then: [{{alert: fire, severity: Extreme, ack: true}}]
""")
    return path


def ask(listener: Any, topic: str, payload: Any, wait_for: Wait) -> Any:
    """The answer to a request with a response topic, once its correlation data is that of the request."""
    mine = str(len(listener.messages)).encode()
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.ResponseTopic, properties.CorrelationData = "answers/here", mine
    listener._client.publish(f"edgefuse/t/{topic}", json.dumps(payload), qos=1, properties=properties)

    def answers() -> list[Any]:
        return [m for m in listener.on("answers/here") if m.properties.CorrelationData == mine]

    wait_for(answers, "the answer")
    return json.loads(answers()[0].payload)


def test_requests_are_answered_and_a_muted_rule_is_silent(tmp_path: Path, broker: Any, wait_for: Wait) -> None:
    """A request with a response topic is answered there: done, or what is wrong; muting silences, 0 seconds ends it."""
    listener = broker.listener()
    with running_daemon(config(tmp_path, broker.url)):
        unknown = ask(listener, "set/mute", {"rule": "flood", "for_s": 60}, wait_for)
        muted = ask(listener, "set/mute", {"rule": "fire", "for_s": 600}, wait_for)
        for value in (b'{"smoke":true}', b'{"smoke":false}'):
            listener.publish(SMOKE, value)
        heard = ask(listener, "set/mute", {"rule": "fire", "for_s": 0}, wait_for)
        listener.publish(SMOKE, b'{"smoke":true}')
        wait_for(lambda: listener.on(ALERT), "the alert")

    assert (unknown["ok"], "flood" in unknown["problem"]) == (False, True)
    assert [(answer["request"], answer["ok"], answer["problem"]) for answer in (muted, heard)] == [
        ("set/mute", True, "")
    ] * 2
    assert len({json.loads(message.payload)["id"] for message in listener.on(ALERT)}) == 1


def test_an_alert_with_ack_comes_again_until_it_is_acknowledged(tmp_path: Path, broker: Any, wait_for: Wait) -> None:
    """With `ack: true` an alert is told again after a restart, with the same id, and no more once `ack` names it."""
    listener, path = broker.listener(), config(tmp_path, broker.url)
    with running_daemon(path):
        listener.publish(SMOKE, b'{"smoke":true}')
        wait_for(lambda: listener.on(ALERT), "the alert")
    with running_daemon(path):
        wait_for(lambda: len(listener.on(ALERT)) > 1, "the alert, again")
        told = {json.loads(message.payload)["id"] for message in listener.on(ALERT)}
        assert len(told) == 1
        assert ask(listener, "ack", {"id": told.pop()}, wait_for)["ok"]
        time.sleep(1)
    before = len(listener.on(ALERT))
    with running_daemon(path):
        assert ask(listener, "set/arm", "on", wait_for)["ok"]
        time.sleep(1)

    assert len(listener.on(ALERT)) == before


def test_answers_of_the_user_move_a_belief_and_survive_a_restart(tmp_path: Path, broker: Any, wait_for: Wait) -> None:
    """Ten denials on `set/confirm` lower the belief, after a restart too; `set/forget` undoes it."""
    listener, path = broker.listener(), config(tmp_path, broker.url)
    text = path.read_text().replace("rules:", f"{BELIEF}rules:")
    path.write_text(text)

    def told() -> Any:
        return json.loads(listener.on("edgefuse/t/belief/hall/fire")[-1].payload)

    with running_daemon(path):
        unknown = ask(listener, "set/confirm", {"belief": "hall.flood", "was": True}, wait_for)
        listener.publish(SMOKE, b'{"smoke":true}')
        wait_for(lambda: listener.on("edgefuse/t/belief/hall/fire") and told()["state"], "the belief")
        answers = [ask(listener, "set/confirm", {"belief": "hall.fire", "was": False}, wait_for) for _ in range(10)]
        wait_for(lambda: told()["answers"] == 10, "the belief, moved")
        moved = told()
    with running_daemon(path):
        listener.publish(SMOKE, b'{"smoke":true}')
        wait_for(lambda: told()["time"] > moved["time"] and not told()["missing"], "the belief after the restart")
        again = told()
        forgotten = ask(listener, "set/forget", {"belief": None}, wait_for)
        wait_for(lambda: told()["answers"] == 0, "the belief as it was")

    assert (unknown["ok"], "hall.flood" in unknown["problem"]) == (False, True)
    assert all(answer["ok"] for answer in [*answers, forgotten])
    assert (moved["state"], again["answers"], again["state"]) == (False, 10, False)
    assert told()["state"]


def test_answers_that_mean_nothing_are_refused(tmp_path: Path, broker: Any, wait_for: Wait) -> None:
    """Garbage, times without a zone, long past or still to come, and retained answers: told, and not counted."""
    listener, path = broker.listener(), config(tmp_path, broker.url)
    path.write_text(path.read_text().replace("rules:", f"{BELIEF}rules:"))
    right = {"belief": "hall.fire", "was": True}
    wrong: list[tuple[str, Any]] = [
        ("set/confirm", None),
        ("set/confirm", {"belief": "hall.fire"}),
        ("set/confirm", {**right, "was": 1}),
        ("set/confirm", {**right, "extra": 1}),
        ("set/confirm", {**right, "belief": ["hall.fire"]}),
        ("set/confirm", {**right, "at": "yesterday"}),
        ("set/confirm", {**right, "at": "2026-11-23T15:44:01"}),
        ("set/confirm", {**right, "at": "0001-01-01T00:00:00+14:00"}),
        ("set/confirm", {**right, "at": "9999-12-31T23:59:59-12:00"}),
        ("set/forget", "hall.fire"),
        ("set/forget", {}),
    ]
    listener.publish("edgefuse/t/set/confirm", json.dumps(right).encode(), retain=True)
    with running_daemon(path):
        listener.publish(SMOKE, b'{"smoke":true}')
        wait_for(lambda: listener.on("edgefuse/t/belief/hall/fire"), "the belief")
        wait_for(lambda: any(b"retained answer" in each.payload for each in listener.on(HEALTH)), "its refusal")
        answers = [ask(listener, topic, payload, wait_for) for topic, payload in wrong]
        assert ask(listener, "set/confirm", right, wait_for)["ok"]
    listener.publish("edgefuse/t/set/confirm", b"", retain=True)

    assert [answer["ok"] for answer in answers] == [False] * len(wrong)
    assert all(answer["problem"] for answer in answers)
    assert len(stored_experience(tmp_path / "state").lesson("hall.fire").answers) == 1
