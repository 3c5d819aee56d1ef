"""A home and a café to talk to."""

import pytest

from edgefuse.config.models import Device, Intent, Site, Thing
from edgefuse.detectors.voice.grammar import Grammar, build, of_site
from edgefuse.language import language

HOME = Site(
    device=Device(id="hub", area="hall"),
    things={
        "hall_light": Thing(area="hall", kind="light"),
        "kitchen_light": Thing(area="kitchen", kind="light", names=["kitchen lamp"]),
        "desk_lamp": Thing(area="study", kind="light", names=["desk lamp"], level="{value}"),
        "front_door": Thing(area="hall", kind="lock", lock="LOCK", unlock="UNLOCK"),
        "fan_2": Thing(area="study", kind="fan", names=["fan 2"]),
    },
)
CAFE = {
    "order": Intent(
        sentences=["(I'd like|make me) [a|an] [{size}] {drink} [with {milk}]"],
        slots={
            "size": ["small", "large", "twelve ounce"],
            "drink": ["mocha", "iced mocha", "latte", "house coffee"],
            "milk": ["soy milk", "a little bit of soy milk", "cream"],
        },
    )
}


@pytest.fixture(scope="session")
def home() -> Grammar:
    """Built-in commands for five things."""
    return of_site(HOME, "en")


@pytest.fixture(scope="session")
def cafe() -> Grammar:
    """One intent of the user's own."""
    return build(language("en"), {}, {}, {}, CAFE)
