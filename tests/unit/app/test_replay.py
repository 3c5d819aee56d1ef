import json
from pathlib import Path

import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.core.types import SECOND
from edgefuse.evaluation.replay import diff, messages, render_diff, replay_to_file
from edgefuse.publishers.jsonl import line

CONFIG = """
device: {id: t, area: hall}
sources:
  climate: {type: mqtt, topic: zigbee2mqtt/climate, stale_s: 20}
  door: {type: mqtt, topic: zigbee2mqtt/door}
detectors:
  weather: {type: climate, on: [climate]}
beliefs:
  hall.fire:
    prior: 0.01
    evidence:
      - {from: climate, label: temperature, above: 50, if_true: 0.9, if_false: 0.001, half_life_s: 60}
      - {from: door, label: contact, equals: false, if_true: 0.6, if_false: 0.3, half_life_s: 30}
rules:
  - {name: hot, when: {belief: hall.fire, above: 0.5, for_s: 3}, then: [{alert: hot, severity: Severe}]}
  - {name: lost, when: {health: {of: climate, state: stale}}, then: [{alert: lost}]}
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Sixty seconds: the temperature jumps at 20 s, the sensor falls silent at 30 s, the door opens at 25 s."""
    folder = tmp_path / "scene"
    folder.mkdir()
    rows = [f"{t},{21 if t < 20 else 60},44" for t in range(0, 31, 2)]
    (folder / "climate.csv").write_text("t,temperature,humidity\n" + "\n".join(rows) + "\n")
    (folder / "door.csv").write_text("t,contact\n0,true\n25,false\n60,false\n")
    (folder / "scene.yaml").write_text(
        "start: 2025-03-01T18:00:00Z\nseconds: 60\nsources: {climate: {file: climate.csv}, door: {file: door.csv}}\n"
    )
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration above as a file."""
    path = tmp_path / "site.yaml"
    path.write_text(CONFIG)
    return path


def _alerts(config: Path, scene: Path) -> list[tuple[str, str]]:
    found = [m for m in messages(config, scene) if "/alert/" in m.topic]
    return [(m.topic.rpartition("/")[2], json.loads(m.payload)["sent"][11:19]) for m in found]


def test_twice_the_same_recording_gives_the_same_bytes(config: Path, scene: Path) -> None:
    """Every message of a replay, ids, times and probabilities included, comes out the same again."""
    first = "".join(line(message) for message in messages(config, scene))

    assert first == "".join(line(message) for message in messages(config, scene))
    assert first.count("/belief/") > 3


def test_hold_fires_when_it_is_due_and_not_at_the_next_message(config: Path, scene: Path) -> None:
    """Hot from 20 s and held for 3 s: the alert is dated 18:00:23, between two readings."""
    assert ("hot", "18:00:23") in _alerts(config, scene)


def test_end_of_a_recording_is_told_to_the_rules(config: Path, scene: Path) -> None:
    """The climate recording ends at 30 s; a rule on that source's health hears of it."""
    config.write_text(CONFIG.replace("state: stale", "state: [stale, ended]"))

    assert ("lost", "18:00:30") in _alerts(config, scene)


def test_diff_names_the_decision_that_changes(config: Path, scene: Path, tmp_path: Path) -> None:
    """Another severity changes that alert and nothing else; a file against itself changes nothing."""
    new = tmp_path / "new.yaml"
    new.write_text(CONFIG.replace("alert: hot, severity: Severe", "alert: hot, severity: Minor"))
    changes = diff(scene, config, new)

    assert {(change["which"], change["topic"]) for change in changes} == {
        ("only old", "alert/hot"),
        ("only new", "alert/hot"),
    }
    assert "Severe" in render_diff(changes)
    assert diff(scene, config, config) == []


def test_replay_writes_one_json_a_line(config: Path, scene: Path, tmp_path: Path) -> None:
    """Every line parses and has id, class, topic and payload; the last one is the health."""
    out = tmp_path / "out.jsonl"
    assert replay_to_file(config, scene, out) == 0
    lines = [json.loads(each) for each in out.read_text().splitlines()]

    assert all({"id", "class", "topic", "payload"} <= set(each) for each in lines)
    assert lines[-1]["payload"]["parts"]["weather"]["samples"] == 32


def test_recording_of_an_unknown_source_is_a_clear_error(config: Path, scene: Path) -> None:
    """A scene that does not fit the configuration says which source is unknown and which are known."""
    text = (scene / "scene.yaml").read_text()
    (scene / "scene.yaml").write_text(text.replace("door:", "window:"))

    with pytest.raises(ConfigError, match=r"'window'.*known: climate, door"):
        list(messages(config, scene))


def test_time_stands_where_the_scene_says(config: Path, scene: Path) -> None:
    """Messages carry the recording's wall clock, not the machine's."""
    created = [message.created // SECOND for message in messages(config, scene)]

    assert min(created) == 1740852000
    assert max(created) <= 1740852000 + 62
