import json
from pathlib import Path

import pytest

from edgefuse.cli import main

pytest.importorskip("hassil")

CONFIG = """\
device: {id: hub, area: den}
sources:
  mic: {type: microphone}
  cam: {type: camera, url: "rtsp://192.0.2.1/s", zones: {window: [[0, 0], [0.2, 0], [0.2, 0.4], [0, 0.4]]}}
detectors:
  voice: {type: voice, on: [mic]}
  people: {type: objects, on: [cam], classes: [person]}
things:
  floor_lamp: {area: den, kind: light, names: [floor lamp], set: den/floor/set, seen: {cam: [0.1, 0.3]}}
  desk_lamp: {area: den, kind: light, names: [desk lamp], set: den/desk/set, seen: {cam: [0.8, 0.5]}}
  front_door: {area: hall, kind: lock, names: [front door], set: hall/door/set, lock: LOCK, unlock: UNLOCK}
rules:
  - name: obey
    when: {said: {intent: [turn_on, turn_off, unlock]}}
    then: [{command: "{target}"}]
"""
SCENE = {"cameras": ["cam"], "states": {"floor_lamp": "on", "desk_lamp": "off"}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "home.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def scene(tmp_path: Path, **keys: object) -> str:
    path = tmp_path / "scene.json"
    path.write_text(json.dumps({**SCENE, **keys}), encoding="utf-8")
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    """What `say --json` prints."""
    assert main(["say", *argv, "--json"]) == 0
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    return result


def test_say_tells_the_command_that_a_scene_makes_of_a_sentence(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the lamp that is on can be meant; its topic and payload are told, and the intent."""
    seen = [{"camera": "cam", "at": [0.5, 0.9], "facing": True}]
    argv = ["turn the lamp off", "--config", str(config), "--scene", scene(tmp_path, persons=seen)]
    said = told(capsys, *argv)

    assert said["outcome"] == "done"
    assert {"topic": "den/floor/set", "payload": "OFF"} in said["messages"]  # type: ignore[operator]
    assert [order["targets"] for order in said["orders"]] == [["floor_lamp"]]  # type: ignore[attr-defined]


def test_say_without_a_scene_knows_what_a_plain_microphone_knows(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two lamps could be meant, and nothing tells between them: it asks, and commands nothing."""
    said = told(capsys, "turn on the lamp", "--config", str(config))

    assert said["outcome"] == "asked"
    assert all(message["topic"].startswith("edgefuse/hub/") for message in said["messages"])  # type: ignore[attr-defined]


def test_say_goes_on_after_what_was_said_before(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--after` is dealt with first: the question is answered."""
    said = told(capsys, "the desk lamp", "--after", "turn on the lamp", "--config", str(config))

    assert {"topic": "den/desk/set", "payload": "ON"} in said["messages"]  # type: ignore[operator]


def test_say_refuses_an_unlocking_that_nobody_is_seen_to_ask_for(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A camera that sees nobody makes it a refusal with a reason; nothing is commanded."""
    said = told(capsys, "unlock the front door", "--config", str(config), "--scene", scene(tmp_path))

    assert said["outcome"] == "refused"
    assert [order["refused"] for order in said["orders"]] == ["unseen"]  # type: ignore[attr-defined]
    assert [message["topic"] for message in said["messages"]] == ["edgefuse/hub/intent"]  # type: ignore[attr-defined]


def test_say_explains_itself_to_a_person(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--explain` shows the ways to understand it, what was found, and why; and that nothing was published."""
    argv = ["say", "turn the lamp off", "--config", str(config), "--scene", scene(tmp_path), "--explain"]

    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "turn the lamp off in the den: done" in out
    assert "-> turn_off  floor_lamp" in out
    assert "because" in out
    assert "Ways to understand it" in out
    assert "Nothing was published." in out


def test_say_tells_why_it_did_not_understand(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no word is known of is no order."""
    assert main(["say", "play some jazz", "--config", str(config)]) == 0

    out = capsys.readouterr().out
    assert "play some jazz in the den: refused" in out
    assert "not understood: " in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"states": {"lump": "on"}}', "scene.json:1:21: states.lump: expected a thing of the home, got 'lump'"),
        ('{"persons": "me"}', "scene.json:1:13: persons: expected a list, got 'me'"),
        ('{"sates": {}}', "scene.json:1:2: sates: expected no key of this name; did you mean 'states'?"),
        ("{", "scene.json:2:1: expected YAML"),
    ],
)
def test_mistakes_of_a_scene_are_told_with_their_place(
    content: str, said: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scene that is wrong ends with 78 and says where and what was expected."""
    path = tmp_path / "scene.json"
    path.write_text(content, encoding="utf-8")

    assert main(["say", "x", "--config", str(config), "--scene", str(path)]) == 78
    assert said in capsys.readouterr().err


def test_a_scene_that_is_not_there_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So is a language that there is not."""
    assert main(["say", "x", "--config", str(config), "--scene", "no.json"]) == 78
    assert "no.json:1:1: expected a readable file" in capsys.readouterr().err

    assert main(["say", "x", "--config", str(config), "--language", "xx"]) == 78
    assert "no language 'xx'" in capsys.readouterr().err
