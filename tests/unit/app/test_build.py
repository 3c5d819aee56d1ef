from pathlib import Path

import pytest

from edgefuse.app.build import build_dialogue, with_areas
from edgefuse.config.load import check_text
from edgefuse.config.models import Site
from edgefuse.core.errors import ConfigError
from edgefuse.registry import config_of

VOICE = "sources: {mic: {type: microphone}}\ndetectors: {voice: {type: voice, on: [mic], LANGUAGE}}\n"
ZH = VOICE.replace("LANGUAGE", "recogniser: whisper-base, language: zh")
EN = VOICE.replace("LANGUAGE", "language: en")


def site_of(text: str) -> Site:
    site = check_text(text, "site.yaml", config_of, folder=Path()).site
    assert site is not None
    return site


def test_what_things_tell_of_themselves_is_a_source_of_its_own() -> None:
    """Added where a thing has a `state`, and only there."""
    things = "things: {lamp: {kind: light, set: l, state: z/l}, fan: {kind: fan, set: f}}\n"
    with_states = with_areas(site_of("device: {id: t, area: hall}\n" + things))
    without = with_areas(site_of("device: {id: t}\n" + things.replace(", state: z/l", "")))

    assert with_states.sources["things"].states == {"lamp": "z/l"}
    assert "things" not in without.sources


def test_the_name_of_that_source_is_taken() -> None:
    """Else states of things would be lost without a word."""
    text = "device: {id: t}\nsources: {things: {type: mqtt, topic: x}}\nthings: {lamp: {kind: light, state: z/l}}\n"

    with pytest.raises(ConfigError, match=r"sources\.things"):
        with_areas(site_of(text))


def test_rules_may_speak_of_what_things_tell() -> None:
    """Though nobody configured that source."""
    text = """
device: {id: t}
things: {front_door: {kind: lock, set: l, state: s, lock: L, unlock: U}}
rules:
  - {name: a, when: {reading: {of: things, quantity: front_door.locked, equals: false}}, then: [{alert: x}]}
"""

    assert site_of(text).rules
    assert check_text(text.replace(" state: s,", ""), "site.yaml", config_of, folder=Path()).site is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("device: {id: t}\n" + EN, "en"),
        ("device: {id: t}\n" + ZH, "zh"),
        ("device: {id: t, language: en}\n" + ZH, "en"),
    ],
)
def test_answers_come_in_the_language_of_the_orders(text: str, language: str) -> None:
    """Unless the device is told to speak another."""
    dialogue = build_dialogue(site_of(text))

    assert dialogue is not None
    assert dialogue.world.site.device.language == language


def test_nobody_is_talked_with_where_nobody_is_heard() -> None:
    """A device without voice needs no language."""
    assert build_dialogue(site_of("device: {id: t, language: xx}\n")) is None


def test_a_language_without_a_file_is_a_mistake() -> None:
    """Not an answer in another."""
    with pytest.raises(ConfigError, match="xx"):
        build_dialogue(site_of("device: {id: t, language: xx}\n" + EN))


def test_a_thing_is_where_its_name_says() -> None:
    """`hall_light` is in the hall, a thing called by another name of an area is there; where two fit, in none."""
    things = """things:
  hall_light: {kind: light}
  lamp: {kind: light, names: [lounge lamp]}
  both: {kind: light, names: [hall lamp, living room lamp]}
  hallway_lamp: {kind: light}
"""
    head = "device: {id: t, area: hall}\nareas: {living_room: {names: [lounge]}}\n"
    places = {key: thing.area for key, thing in with_areas(site_of(head + things)).things.items()}
    assert places == {"hall_light": "hall", "lamp": "living_room", "both": None, "hallway_lamp": None}
