"""A flat of six areas, and what is understood there."""

import pytest

from edgefuse.config.models import Device, Intent, Site, Thing
from edgefuse.grounding.words import Words
from edgefuse.language import language

SITE = Site(
    device=Device(id="hub", area="living_room"),
    things={
        "kitchen_light": Thing(area="kitchen", kind="light", level="{value}"),
        "bedroom_lamp": Thing(area="bedroom", kind="light", level="{value}", colour="{value}"),
        "desk_lamp": Thing(area="study", kind="light", level="{value}", colour="{value}", near=["bookcase"]),
        "ceiling_light": Thing(area="living_room", kind="light", names=["big light"], level="{value}"),
        "hall_light": Thing(area="hall", kind="light"),
        "bedroom_fan": Thing(area="bedroom", kind="fan", level="{value}"),
        "living_blind": Thing(area="living_room", kind="blind", open="O", close="C", level="{value}"),
        "bedroom_blind": Thing(area="bedroom", kind="blind", open="O", close="C", level="{value}"),
        "front_door": Thing(area="hall", kind="lock", lock="L", unlock="U", state="door"),
        "bedroom_heater": Thing(
            area="bedroom", kind="heater", temperature="{value}", mode="{value}", modes=["eco", "comfort"]
        ),
        "television": Thing(area="living_room", kind="media", names=["tv"], start="S", stop="T", level="{value}"),
        "moon": Thing(area="bedroom", kind="light", names=["Tom's lamp"]),
        "tv_light": Thing(area="living_room", kind="light", names=["tv light"]),
        "laser_printer": Thing(area="study", kind="switch"),
        "siren": Thing(area="hall", kind="siren"),
    },
    intents={"coffee": Intent(sentences=["(make|brew) [me] a {size} coffee"], slots={"size": ["small", "large"]})},
)


@pytest.fixture(scope="session")
def words() -> Words:
    """English in that flat."""
    return Words.of_site(SITE, language("en"))
