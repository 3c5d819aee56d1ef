"""Which thing is meant."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.config.models import THING_INTENTS, Thing
from edgefuse.grounding.resolve import Grounding, resolve

THINGS = {
    "ceiling_light": Thing(area="study", kind="light", names=["ceiling light", "big light"]),
    "desk_lamp": Thing(area="study", kind="light", names=["desk lamp"], level="{value}"),
    "hall_light": Thing(area="hall", kind="light"),
    "front_door": Thing(area="hall", kind="lock", lock="LOCK", unlock="UNLOCK"),
    "lamp_a": Thing(area="hall", kind="socket", names=["lamp"]),
    "lamp_b": Thing(area="kitchen", kind="socket", names=["lamp"]),
}


def meant(slots: Mapping[str, str], here: str | None = "hall", intent: str = "turn_on") -> Grounding:
    return resolve(intent, slots, here, THINGS)


@pytest.mark.parametrize("name", ["ceiling light", "Big Light", "ceiling_light"])
def test_name_wins_wherever_it_is_said(name: str) -> None:
    """A thing is found by any of its names, from any room."""
    found = meant({"name": name}, here="hall")

    assert (found.target, found.p, found.area) == ("ceiling_light", 1.0, "study")


def test_one_of_a_kind_here_is_meant() -> None:
    """`turn on the light` in a room with one light."""
    assert meant({"kind": "light"}, here="hall").target == "hall_light"


def test_two_of_a_kind_here_are_a_question() -> None:
    """`turn on the light` in a room with two lights acts on neither."""
    found = meant({"kind": "light"}, here="study")

    assert found.question == "The ceiling light or the desk lamp?"
    assert found.candidates == ("ceiling_light", "desk_lamp")
    assert (found.targets, found.p) == ((), 0.5)


def test_none_of_a_kind_here_asks_for_the_others() -> None:
    """`lock it` from a room without a lock asks; it does not lock another room's door."""
    found = meant({"kind": "lock"}, here="kitchen", intent="lock")

    assert found.question == "Do you mean the front door?"
    assert found.target is None


def test_microphone_without_area_takes_the_only_one() -> None:
    """Where the place is unknown, the only one of its kind is meant, and several are a question."""
    assert meant({"kind": "lock"}, here=None, intent="lock").target == "front_door"
    assert meant({"kind": "light"}, here=None).question is not None


def test_place_that_is_said_counts_more_than_the_microphone() -> None:
    """`the light in the hall`, said in the study."""
    assert meant({"kind": "light", "area": "hall"}, here="study").target == "hall_light"
    assert meant({"kind": "light", "area": "kitchen"}, here="study").because == ("nothing is the light in the kitchen",)


def test_same_name_twice_means_the_one_here() -> None:
    """Two lamps of one name: the one in this room, else a question that tells them apart."""
    assert meant({"name": "lamp"}, here="kitchen").target == "lamp_b"
    assert meant({"name": "lamp"}, here="study").question == "The lamp a or the lamp b?"
    assert meant({"name": "lamp", "area": "hall"}, here="study").target == "lamp_a"


def test_name_in_another_place_is_no_target() -> None:
    """`the hall light in the kitchen` does not exist."""
    found = meant({"name": "hall light", "area": "kitchen"})

    assert (found.targets, found.p) == ((), 0.0)


def test_several_are_meant_only_where_several_are_said() -> None:
    """`the lights` are those here; `all the lights` and `the lights everywhere` are all of them."""
    assert meant({"kinds": "light"}, here="study").targets == ("ceiling_light", "desk_lamp")
    assert meant({"kinds": "light", "all": "all"}).targets == ("ceiling_light", "desk_lamp", "hall_light")
    assert meant({"kinds": "light", "everywhere": "everywhere"}).targets == ("ceiling_light", "desk_lamp", "hall_light")
    assert meant({"kinds": "light", "all": "all", "area": "hall"}).targets == ("hall_light",)
    assert meant({"kinds": "fan"}).because == ("there is no fan in the hall",)


def test_thing_that_cannot_do_it_is_left_out() -> None:
    """Only things with a payload for the intent are commanded, and the reason is told."""
    assert meant({"name": "hall light"}, intent="open").because == ("called 'hall light'", "hall light cannot open")
    assert meant({"name": "hall light"}, intent="open").targets == ()
    assert meant({"kinds": "light", "all": "all"}, intent="set_level").targets == ("desk_lamp",)


def test_intent_without_a_thing_needs_none() -> None:
    """A user's own intent has no target, no question, and is as sure as it was."""
    assert resolve("order", {"drink": "mocha"}, "hall", THINGS) == Grounding(area="hall")


SLOTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["ceiling light", "lamp", "nothing"]),
        "kind": st.sampled_from(["light", "lock", "fan"]),
        "kinds": st.sampled_from(["light", "socket"]),
        "area": st.sampled_from(["hall", "study", "attic"]),
        "all": st.just("all"),
    },
)


@given(st.sampled_from(sorted(THING_INTENTS)), SLOTS, st.sampled_from(["hall", "study", None]))
def test_never_a_target_and_a_question(intent: str, slots: dict[str, str], here: str | None) -> None:
    """Either something is done, or something is asked, or nothing; targets can always do it and exist."""
    found = resolve(intent, slots, here, THINGS)

    assert not (found.targets and found.question)
    assert all(getattr(THINGS[key], THING_INTENTS[intent]) is not None for key in found.targets)
    assert 0 <= found.p <= 1
    assert bool(found.question) == bool(found.candidates)
    if "kinds" not in slots:
        assert len(found.targets) <= 1
