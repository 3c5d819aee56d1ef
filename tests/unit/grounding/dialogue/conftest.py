from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import pytest

from edgefuse.config.models import Device, DialogueConfig, Site, Thing
from edgefuse.core.types import SECOND
from edgefuse.grounding.dialogue import Dialogue, DialogueState, Outcome
from edgefuse.grounding.ground import ground
from edgefuse.grounding.order import Interpretation, Order, Phrase
from edgefuse.grounding.scene import Scene, ThingState
from edgefuse.language import data_of

WALL = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
THINGS = {
    "ceiling_light": Thing(area="hall", kind="light", set="c", state="zigbee2mqtt/c", level={"brightness": "{value}"}),
    "desk_lamp": Thing(area="hall", kind="light", set="d", state="zigbee2mqtt/d"),
    "fan": Thing(area="kitchen", kind="fan", set="f"),
    "front_door": Thing(area="hall", kind="lock", set="l", lock="LOCK", unlock="UNLOCK", state="zigbee2mqtt/l"),
}


def order(intent: str, name: str = "", **slots: str) -> Order:
    """An order for the thing of that name, or for none."""
    return Order(intent, (Phrase(name=name),) if name else (), (), slots, f"{intent} {name}".strip())


@dataclass
class Room:
    """Somebody who speaks in the hall, second by second."""

    dialogue: Dialogue
    state: DialogueState = field(default_factory=DialogueState)
    scene: Scene = field(default_factory=lambda: Scene(here="hall", wall=WALL))

    def say(self, *orders: Order, **scene: Any) -> Outcome:
        """One utterance, a second after the one before."""
        self.scene = replace(self.scene, **{"t": self.scene.t + SECOND, **scene})
        self.state, outcome = self.dialogue.hear(self.state, [Interpretation(orders)], self.scene, name="u")
        return outcome

    def stands(self, **states: ThingState) -> None:
        """How things stand from now on."""
        self.scene = replace(self.scene, states={**self.scene.states, **states})


def done(outcome: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    """What is to be done, in order."""
    return [(each.order.intent, each.grounding.targets) for each in outcome.acts]


def said(outcome: Outcome) -> list[str]:
    """What the device says."""
    return [each.text for each in outcome.says]


@pytest.fixture
def room() -> Room:
    """A hall with two lamps and a door, and a kitchen with a fan."""
    return make_room()


def make_room(**dialogue: Any) -> Room:
    """With another configuration of the dialogue."""
    site = Site(device=Device(id="t", area="hall"), things=THINGS, dialogue=DialogueConfig(**dialogue))
    return Room(Dialogue(site, data_of("en")["answers"], ground))


@pytest.fixture(name="make_room")
def _make_room() -> Callable[..., Room]:
    return make_room
