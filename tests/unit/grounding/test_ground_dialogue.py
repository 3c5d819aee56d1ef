# ruff: noqa: E501  a table of cases reads best with one row a line
"""Orders that lean on what was said before, and what `brighter` comes to."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from edgefuse.config.models import Thing
from edgefuse.grounding.followup import effective, pending
from edgefuse.grounding.history import Exchange, Grounding, History
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import ThingState

IT, THEM = Phrase(deixis="it"), Phrase(deixis="them")
OTHER = Phrase(deixis="other")
LIGHT, LIGHTS = Phrase(kind="light"), Phrase(kind="light", count="some")
DESK, CEILING, FLOOR = Phrase(name="desk lamp"), Phrase(name="ceiling light"), Phrase(name="floor lamp")
DOOR, FAN = Phrase(name="front door"), Phrase(name="fan")

Say, After = Callable[..., Grounding], Callable[..., History]


def test_it_is_what_was_spoken_of_last(say: Say, after: After) -> None:
    """By name, by a question, from whatever area; a thing that cannot do it is passed over."""
    assert say("turn_off", IT, history=after(("turn_on", DESK))).target == "desk_lamp"
    assert say("turn_off", Phrase(), history=after(("turn_on", DESK))).target == "desk_lamp"
    assert say("turn_off", IT, history=after(("query_state", Phrase(name="hall light")))).target == "hall_light"
    assert say("turn_off", IT, history=after(("turn_on", DESK), ("lock", DOOR))).target == "desk_lamp"
    assert say("turn_off", IT, history=after(("turn_on", DESK), ("turn_on", CEILING))).target == "study_ceiling"


def test_it_that_cannot_do_this_is_refused(say: Say, after: After) -> None:
    """`turn on the lamp; lock it` locks nothing; after several things `it` is none of them."""
    assert say("lock", IT, history=after(("turn_on", DESK))).refused == "unable"
    assert say("turn_off", IT, history=after(("turn_on", LIGHTS))).refused == "unsure"


def test_that_is_what_was_spoken_of_where_nothing_points(say: Say, after: After) -> None:
    """`turn on the hall light; turn that off`, said in the study."""
    history = after(("turn_on", Phrase(name="hall light")))

    assert say("turn_off", Phrase(deixis="that"), history=history, lit=("hall_light",)).target == "hall_light"


def test_them_are_the_last_several(say: Say, after: After) -> None:
    """Of one order, or of orders one after the other; those that can do it."""
    two = after(("turn_on", DESK), ("turn_on", Phrase(name="hall light")))

    assert say("turn_off", THEM, history=after(("turn_on", LIGHTS))).targets == (
        "desk_lamp",
        "floor_lamp",
        "study_ceiling",
    )
    assert say("turn_off", THEM, history=two).targets == ("desk_lamp", "hall_light")
    assert say("lock", THEM, history=two).refused == "unable"


def test_other_of_two(say: Say, after: After, home: Mapping[str, Thing]) -> None:
    """Of two of a kind in that area, or of left and right, the one that was not meant; of three it is a question."""
    more = {**home, "ceiling": Thing(area="bedroom", kind="light", set="t")}
    left = after(("turn_on", Phrase(name="left lamp")), here="bedroom")
    desk = after(("turn_on", DESK))

    assert say("turn_on", OTHER, here="bedroom", history=left).target == "right_lamp"
    assert say("turn_on", Phrase(kind="light", deixis="other"), here="bedroom", history=left).target == "right_lamp"
    assert say("turn_on", OTHER, here="bedroom", history=left, things=more).target == "right_lamp"
    assert say("turn_on", OTHER, history=desk).candidates == ("floor_lamp", "study_ceiling")
    assert say("turn_on", Phrase(kind="light", count="some", deixis="other"), history=desk).targets == (
        "floor_lamp",
        "study_ceiling",
    )


def test_other_of_a_question_is_what_was_not_chosen(say: Say, after: After) -> None:
    """`which? the left one. and the other one`."""
    asked = after(("turn_on", Phrase(name="lamp")), ("pick", Phrase(name="left lamp")), here="bedroom")

    assert asked[-1].grounding.targets == ("left_lamp",)
    assert say("also", OTHER, here="bedroom", history=asked).target == "right_lamp"
    assert say("correct", OTHER, here="bedroom", history=asked).target == "right_lamp"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DESK, ("desk_lamp",)),
        (Phrase(name="desk lamp", kind="light"), ("desk_lamp",)),
        (Phrase(side="left"), ("floor_lamp",)),
        (Phrase(side="first"), ("desk_lamp",)),
        (Phrase(side="second"), ("floor_lamp",)),
        (Phrase(side="last"), ("study_ceiling",)),
        (Phrase(beside="sofa"), ("floor_lamp",)),
        (Phrase(count="all"), ("desk_lamp", "floor_lamp", "study_ceiling")),
        (Phrase(deixis="them", count="all"), ("desk_lamp", "floor_lamp", "study_ceiling")),
        (Phrase(number=3), ("desk_lamp", "floor_lamp", "study_ceiling")),
    ],
)
def test_answers_to_a_question(answer: Phrase, expected: tuple[str, ...], say: Say, after: After) -> None:
    """A pick is one of the candidates, by name, side, place in the question, landmark, or all."""
    asked = after(("turn_on", LIGHT))
    found = say("pick", answer, history=asked)

    assert asked[-1].grounding.candidates == ("desk_lamp", "floor_lamp", "study_ceiling")
    assert (found.targets, found.acts) == (expected, True), found
    assert effective(Order("pick", (answer,)), asked, {}).intent == "turn_on"


def test_answers_that_answer_nothing(say: Say, after: After) -> None:
    """What was not asked for is refused; `that one` with nobody in sight leaves the question; so does no question."""
    asked = after(("turn_on", LIGHT))

    assert say("pick", Phrase(name="hall light"), history=asked).refused == "nothing"
    assert say("pick", Phrase(deixis="that"), history=asked).candidates == asked[-1].grounding.candidates
    assert say("pick", Phrase(number=2), history=asked).refused == "unsure"
    assert say("pick", history=asked).candidates == asked[-1].grounding.candidates
    assert say("pick", DESK).refused == "forgotten"
    assert say("yes").refused == "forgotten"


def test_orders_about_what_was_asked(say: Say, after: After) -> None:
    """`turn them all on` after a question means its candidates, `turn it on` its only one; a full order is one."""
    lights, fan = after(("turn_on", LIGHT)), after(("turn_on", Phrase(kind="fan")))

    assert say("turn_on", THEM, history=lights).targets == ("desk_lamp", "floor_lamp", "study_ceiling")
    assert say("turn_on", IT, history=fan).target == "bedroom_fan"
    assert say("turn_on", Phrase(name="television"), history=lights).target == "study_tv"


def test_pointing_answers_a_question(say: Say, after: After) -> None:
    """`that one`, with an arm stretched out."""
    asked = after(("turn_on", LIGHT))

    found = say("pick", Phrase(deixis="that"), history=asked, seen="desk", points=(0.12, 0.45))

    assert found.target == "floor_lamp"


def test_an_answer_that_was_refused_leaves_the_question(say: Say, after: After) -> None:
    """Who answers with what was not asked for may answer again."""
    asked = after(("turn_on", LIGHT), ("pick", Phrase(name="hall light")))

    assert pending(asked) is asked[0]
    assert say("pick", DESK, history=asked).target == "desk_lamp"


def test_yes_does_what_was_asked(say: Say, after: After) -> None:
    """To a confirmation, and to a question about one thing; of several it is no answer. Nobody is seen is still so."""
    door, light = after(("unlock", DOOR), here="hall"), after(("turn_on", LIGHT))

    assert say("yes", history=door, here="hall").target == "front_door"
    assert say("yes", history=door, here="hall", watched=("hall",)).refused == "unseen"
    assert say("yes", history=after(("turn_on", Phrase(kind="fan")))).target == "bedroom_fan"
    assert say("yes", history=light).asking == "which"


def test_also_is_the_same_with_other_things(say: Say, after: After) -> None:
    """`and the lamp`, `and in the kitchen`; with nothing before it is forgotten, after a negation denied."""
    light = after(("turn_on", LIGHT), here="hall")
    denied = (Exchange(0, "study", Order("turn_on", (DESK,)), Grounding(refused="denied")),)

    assert say("also", Phrase(area="kitchen"), here="hall", history=light).target == "kitchen_light"
    assert say("also", DESK, here="hall", history=light).target == "desk_lamp"
    assert say("also", DESK).refused == "forgotten"
    assert say("also", CEILING, history=denied).refused == "denied"
    assert say("also", DOOR, here="hall", history=light).refused == "unable"


def test_also_keeps_the_stake(say: Say, home: Mapping[str, Thing]) -> None:
    """`unlock the shed; and the front door` is an unlocking."""
    things = {**home, "shed": Thing(area="hall", kind="lock", names=["shed"], unlock="U", stake="low")}
    history = (Exchange(0, "hall", Order("unlock", (Phrase(name="shed"),)), Grounding(("shed",))),)

    assert say("also", DOOR, here="hall", history=history, things=things).asking == "confirm"


def test_corrections(say: Say, after: After) -> None:
    """`no, the desk lamp`; never again what was wrong; without things what was done is to be undone."""
    wrong = after(("turn_on", CEILING))
    lights = after(("turn_on", Phrase(kind="light", area="bedroom", count="some")))

    assert say("correct", DESK, history=wrong).target == "desk_lamp"
    assert say("correct", Phrase(side="left"), history=wrong).target == "floor_lamp"
    assert say("correct", Phrase(area="kitchen"), history=wrong).target == "kitchen_light"
    assert say("correct", CEILING, history=wrong).refused == "nothing"
    assert say("correct", history=wrong).targets == ("study_ceiling",)
    assert say("correct", Phrase(area="kitchen"), history=lights).targets == ("kitchen_light",)
    assert say("correct", DESK).refused == "forgotten"


def test_over_there_is_where_something_was_said_or_happened(say: Say, after: After) -> None:
    """Without pointing: the other area that was spoken of last, else where something has just changed."""
    there, many = Phrase(kind="light", place="there"), Phrase(kind="light", place="there", count="some")
    spoken = after(("query_value", Phrase(area="kitchen")), here="hall")
    changed = {"oven": ThingState(on=True, changed=0)}

    assert say("turn_on", there, here="hall", history=spoken).target == "kitchen_light"
    assert say("turn_on", there, here="hall", states=changed, t=1).target == "kitchen_light"
    assert say("turn_on", many, here="hall", history=spoken).targets == ("kitchen_light",)
    assert say("turn_on", many, here="hall").refused == "unsure"


LEVEL = {"quantity": "level"}
WARMTH = {"quantity": "temperature"}
HEATED = {"study_heater": ThingState(on=True, temperature=21.0)}
DIMMED = {"desk_lamp": ThingState(on=True, level=50.0), "study_ceiling": ThingState(on=True, level=80.0)}
AMOUNTS: list[tuple[str, Phrase, dict[str, str], dict[str, ThingState], tuple[str, ...], dict[str, str]]] = [
    ("raise", DESK, {}, DIMMED, ("desk_lamp",), {"level": "60"}),
    ("raise", DESK, {"amount": "little"}, DIMMED, ("desk_lamp",), {"level": "55"}),
    ("lower", DESK, {"amount": "much"}, DIMMED, ("desk_lamp",), {"level": "20"}),
    ("lower", DESK, {"step": "70"}, DIMMED, ("desk_lamp",), {"level": "0"}),
    ("raise", DESK, {}, {"desk_lamp": ThingState(on=False)}, ("desk_lamp",), {"level": "10"}),
    ("raise", FAN, {}, {"bedroom_fan": ThingState(on=True, level=30.0)}, ("bedroom_fan",), {"level": "50"}),
    ("lower", LIGHTS, {}, DIMMED, ("desk_lamp", "study_ceiling"), {"level.desk_lamp": "40", "level.study_ceiling": "70"}),
    ("lower", Phrase(kind="heater", place="here"), WARMTH, HEATED, ("study_heater",), {"temperature": "20"}),
    ("lower", Phrase(), WARMTH, HEATED, ("study_heater",), {"temperature": "20"}),
    ("raise", Phrase(place="here"), {**WARMTH, "step": "2"}, HEATED, ("study_heater",), {"temperature": "23"}),
    ("raise", Phrase(), {"quantity": "volume"}, {}, ("study_tv",), {}),
    ("lower", Phrase(name="television"), {}, {}, ("study_tv",), {}),
    ("raise", Phrase(name="blind"), {}, {}, ("study_blind",), {"intent": "open"}),
    ("lower", Phrase(kind="blind"), {}, {}, ("study_blind",), {"intent": "close"}),
]  # fmt: skip


@pytest.mark.parametrize(("intent", "phrase", "slots", "states", "targets", "added"), AMOUNTS)
def test_raising_and_lowering(  # noqa: PLR0913, PLR0917  one argument per column
    intent: str,
    phrase: Phrase,
    slots: dict[str, str],
    states: dict[str, ThingState],
    targets: tuple[str, ...],
    added: dict[str, str],
    say: Say,
) -> None:
    """A level or temperature by steps from how the thing stands; media and blinds by what they take."""
    found = say(intent, phrase, slots=slots, states=states)

    assert (found.targets, dict(found.slots)) == (targets, added), found


def test_what_cannot_be_computed_is_refused(say: Say) -> None:
    """A temperature or level that is not known is not changed by so much; heat is not volume; heat is confirmed."""
    hot: dict[str, Any] = {"slots": {**WARMTH, "step": "6"}, "states": HEATED}

    assert say("raise", DESK, slots={"step": "20"}).refused == "unable"
    assert say("lower", DESK, dark=("desk_lamp",)).refused == "unable"
    assert say("raise", Phrase(name="heater"), slots={**WARMTH, "step": "2"}).refused == "unable"
    assert say("lower", Phrase(name="television"), slots=LEVEL).refused == "unable"
    assert say("lower", Phrase(name="television"), slots=WARMTH).refused == "unable"
    assert say("lower", Phrase(place="here"), here="bedroom", slots=WARMTH).refused == "nothing"
    assert say("raise", Phrase(name="heater"), **hot).asking == "confirm"


def test_a_lamp_that_tells_no_level_becomes_bright_or_half_as_bright(say: Say) -> None:
    """Many tell only whether they are on; a blind that takes a level and tells none is opened and closed."""
    shade = {"shade": Thing(area="study", kind="blind", open="O", close="C", level="{value}", set="s")}

    assert say("raise", DESK, lit=("desk_lamp",)).slots == {"level": "100"}
    assert say("lower", DESK).slots == {"level": "50"}
    assert say("lower", Phrase(place="here"), slots=WARMTH).slots == {"temperature": "18"}
    assert say("lower", Phrase(name="shade"), things=shade).slots == {"level": "0"}
    assert say("lower", Phrase(name="shade"), things=shade, states={"shade": ThingState(open=True)}).slots == {
        "level": "90"
    }


def test_and_in_the_hall_is_what_is_called_the_same_there(say: Say) -> None:
    """A name that both rooms have is meant, not the other lights of the second one; without it the kind is."""
    things = {
        f"{area}_{name}": Thing(area=area, kind="light", names=[name], set="s")
        for area in ("study", "hall")
        for name in ("lamp", "spot")
    }
    before = Exchange(0, "study", Order("turn_on", (Phrase(name="lamp"),)), Grounding(("study_lamp",), 0.97))

    assert say("also", Phrase(area="hall"), things=things, history=(before,)).target == "hall_lamp"
    del things["hall_lamp"]
    assert say("also", Phrase(area="hall"), things=things, history=(before,)).target == "hall_spot"


def test_a_bit_brighter_goes_on_with_the_last_light(say: Say, after: After) -> None:
    """Without things a level is that of what was spoken of last; with nothing before it is a question."""
    history = after(("turn_on", DESK))

    assert say("raise", slots=LEVEL, states=DIMMED, history=history).slots == {"level": "60"}
    assert say("raise", slots=LEVEL, states=DIMMED).candidates == ("desk_lamp", "study_ceiling")


def test_it_can_be_the_room(say: Say, after: After) -> None:
    """`make it warmer` turns the heating up, also after a lamp was spoken of; `how warm is it` is about no thing."""
    history = after(("turn_on", DESK))

    assert say("raise", IT, slots=WARMTH, states=HEATED).target == "study_heater"
    assert say("raise", IT, slots=WARMTH, states=HEATED, history=history).target == "study_heater"
    assert say("raise", IT, slots=LEVEL, states=DIMMED, history=history).target == "desk_lamp"
    assert say("query_value", IT, slots=WARMTH, history=history) == Grounding(area="study")


def test_toggle_without_a_payload_follows_the_state(say: Say) -> None:
    """A lit lamp that takes no TOGGLE is turned off; one that does not tell its state is left alone."""
    assert say("toggle", DESK, lit=("desk_lamp",)).slots == {"intent": "turn_off"}
    assert say("toggle", DESK, dark=("desk_lamp",)).slots == {"intent": "turn_on"}
    assert say("toggle", DESK).refused == "unable"
    assert say("toggle", LIGHT, here="kitchen").slots == {}


def test_questions_reach_further_than_orders(say: Say) -> None:
    """`is the door locked`, said in the study: there is one lock. Orders to it would be asked about."""
    lock = Phrase(kind="lock")

    assert say("query_state", lock, slots={"state": "locked"}).target == "front_door"
    assert say("query_state", Phrase(kind="light", count="all")).targets == ("desk_lamp", "floor_lamp", "study_ceiling")
    assert (
        say("query_state", Phrase(place="here", deixis="that"), here="hall", slots={"state": "locked"}).target
        == "front_door"
    )
    assert say("query_value", Phrase(beside="sofa"), slots=WARMTH).refused == "nothing"
    assert say("query_value", Phrase(beside="sofa"), slots={"quantity": "humidity"}).refused == "unable"
    assert say("query_state", Phrase(kind="fan")).target == "bedroom_fan"
    assert say("turn_on", Phrase(kind="fan")).candidates == ("bedroom_fan",)
