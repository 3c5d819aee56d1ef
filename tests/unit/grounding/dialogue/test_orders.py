from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from edgefuse.core.types import SECOND
from edgefuse.grounding.order import Interpretation, Order, Phrase
from edgefuse.grounding.scene import Person, ThingState
from tests.unit.grounding.dialogue.conftest import Room, done, order, said

LIGHT = Order("turn_on", (Phrase(kind="light"),), text="turn on the light")
SEEN = {"persons": (Person("cam", "hall"),), "cameras": {"cam": "hall"}}


def test_an_order_that_is_clear_is_done_without_a_word(room: Room) -> None:
    """Nothing is said where the light itself tells."""
    outcome = room.say(order("turn_on", "desk lamp"))

    assert done(outcome) == [("turn_on", ("desk_lamp",))]
    assert said(outcome) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (order("pick", "ceiling light"), ("ceiling_light",)),
        (Order("pick", (Phrase(side="first"),)), ("ceiling_light",)),
        (Order("pick", (Phrase(side="last"),)), ("desk_lamp",)),
        (Order("pick", (Phrase(count="all", number=2),)), ("ceiling_light", "desk_lamp")),
        (order("pick", "fan"), ()),
    ],
)
def test_a_question_takes_a_name_a_place_in_the_list_or_both(
    room: Room, answer: Order, expected: tuple[str, ...]
) -> None:
    """`The ceiling light or the desk lamp?` `The first one.`"""
    asked = room.say(LIGHT)
    outcome = room.say(answer)

    assert (done(asked), said(asked)) == ([], ["The ceiling light or the desk lamp?"])
    assert {key for _, keys in done(outcome) for key in keys} == set(expected)


def test_no_ends_a_question_and_nothing_is_done(room: Room) -> None:
    """After it a name alone means nothing any more."""
    room.say(LIGHT)
    no = room.say(Order("no"))
    late = room.say(order("pick", "desk lamp"))

    assert (said(no), [targets for _, targets in done(no) if targets]) == (["All right, I will not."], [])
    assert done(late) == []
    assert late.refused is not None
    assert late.refused.grounding.refused == "forgotten"


def test_another_order_replaces_a_question(room: Room) -> None:
    """It is done; the question is forgotten."""
    room.say(LIGHT)
    outcome = room.say(order("turn_off", "desk lamp"))
    yes = room.say(Order("yes"))

    assert done(outcome) == [("turn_off", ("desk_lamp",))]
    assert [targets for _, targets in done(yes) if targets] == []
    assert room.state.memory.pending == {}


def test_a_question_is_repeated_and_still_waits(room: Room) -> None:
    """`What?` is no answer."""
    room.say(LIGHT)
    again = room.say(Order("repeat"))
    outcome = room.say(order("pick", "desk lamp"))

    assert said(again) == ["The ceiling light or the desk lamp?"]
    assert done(outcome) == [("turn_on", ("desk_lamp",))]


def test_what_is_to_be_confirmed_is_done_after_a_yes(make_room: Callable[..., Room]) -> None:
    """And not before."""
    room = make_room(confirm=["unlock"])
    asked = room.say(order("unlock", "front door"), **SEEN)
    yes = room.say(Order("yes"))

    assert (done(asked), said(asked)) == ([], ["Shall I unlock the front door?"])
    assert done(yes) == [("unlock", ("front_door",))]


def test_who_is_not_seen_opens_no_lock(room: Room) -> None:
    """Where a camera looks and sees nobody, it is refused and told why."""
    outcome = room.say(order("unlock", "front door"), cameras={"cam": "hall"})

    assert done(outcome) == []
    assert said(outcome) == ["I can only do that when I see who is asking."]


def test_a_correction_goes_back_and_does_the_right_thing(room: Room) -> None:
    """`No, the other one`: the lamp that was lit is put out, the light that was meant is lit."""
    room.stands(desk_lamp=ThingState(on=False), ceiling_light=ThingState(on=False))
    room.say(order("turn_on", "desk lamp"))
    room.stands(desk_lamp=ThingState(on=True))
    outcome = room.say(Order("correct", (Phrase(deixis="other"),), text="no the other one"))

    assert done(outcome) == [("turn_off", ("desk_lamp",)), ("turn_on", ("ceiling_light",))]


def test_what_was_so_before_is_not_taken_back(room: Room) -> None:
    """The lamp was on already: nothing was done wrong to it."""
    room.stands(desk_lamp=ThingState(on=True))
    room.say(order("turn_on", "desk lamp"))
    outcome = room.say(order("correct", "ceiling light"))

    assert done(outcome) == [("turn_on", ("ceiling_light",))]


def test_a_level_goes_back_to_what_it_was(room: Room) -> None:
    """Not to nothing."""
    room.stands(ceiling_light=ThingState(on=True, level=30.0))
    room.say(order("set_level", "ceiling light", level="80"))
    outcome = room.say(Order("correct", text="no"))

    (back,) = outcome.acts
    assert (back.order.intent, back.order.slots, back.grounding.targets) == (
        "set_level",
        {"level": "30"},
        ("ceiling_light",),
    )


def test_a_lock_is_not_opened_to_take_back_that_it_was_locked(room: Room) -> None:
    """Unlocking is a high stake, and nobody is seen."""
    room.stands(front_door=ThingState(locked=False))
    room.say(order("lock", "front door"), cameras={"cam": "hall"})
    outcome = room.say(Order("correct", text="no"))

    assert [targets for _, targets in done(outcome) if targets] == []


def test_what_cannot_be_done_right_is_not_undone(room: Room) -> None:
    """`No, the moon`: nothing changes."""
    room.say(order("turn_on", "desk lamp"))
    outcome = room.say(order("correct", "moon"))

    assert done(outcome) == []


def test_also_does_the_same_to_another_thing(room: Room) -> None:
    """`And the fan.`"""
    room.say(order("turn_off", "desk lamp"))
    outcome = room.say(order("also", "fan"))

    assert done(outcome) == [("turn_off", ("fan",))]


def test_orders_said_together_are_taken_one_after_the_other(room: Room) -> None:
    """What is clear is done, what is not is asked, and `it` is what was said last."""
    outcome = room.say(order("turn_off", "desk lamp"), LIGHT, order("turn_off", "fan"))
    picked = room.say(order("pick", "ceiling light"))

    assert done(outcome) == [("turn_off", ("desk_lamp",)), ("turn_off", ("fan",))]
    assert outcome.asks is not None
    assert set(outcome.asks.grounding.candidates) == {"ceiling_light", "desk_lamp"}
    assert done(picked) == [("turn_on", ("ceiling_light",))]


def test_a_second_question_waits_for_the_first(make_room: Callable[..., Room]) -> None:
    """Two orders that need an answer are asked about one by one, and each is done after its own."""
    room = make_room(confirm=["turn_on", "turn_off"])
    both = room.say(order("turn_on", "desk lamp"), order("turn_off", "fan"))
    first = room.say(Order("yes"))
    second = room.say(Order("yes"))

    assert (said(both), done(both)) == (["Shall I turn on the desk lamp?"], [])
    assert (said(first), done(first)) == (["Shall I turn off the fan?"], [("turn_on", ("desk_lamp",))])
    assert (said(second), done(second)) == ([], [("turn_off", ("fan",))])


def test_nothing_is_taken_back_after_it_is_forgotten(make_room: Callable[..., Room]) -> None:
    """`remember_s`."""
    room = make_room(remember_s=5)
    room.say(order("turn_on", "desk lamp"))
    outcome = room.say(Order("correct"), t=60 * SECOND)

    assert done(outcome) == []


def hear(room: Room, *words: Interpretation) -> Any:
    room.state, outcome = room.dialogue.hear(room.state, words, room.scene)
    return outcome


def test_the_likeliest_words_win(room: Room) -> None:
    """A less likely interpretation that could be done too is not looked at."""
    outcome = hear(
        room, Interpretation((order("turn_on", "fan"),), 0.9), Interpretation((order("turn_off", "fan"),), 0.85)
    )

    assert done(outcome) == [("turn_on", ("fan",))]


def test_words_that_can_be_done_win_where_they_are_nearly_as_likely(room: Room) -> None:
    """There is no such thing as the likeliest words say; the others tell why they were taken."""
    moon, fan = (Interpretation((order("turn_on", name),), score) for name, score in (("moon", 0.9), ("fan", 0.85)))
    outcome = hear(room, moon, fan)

    assert done(outcome) == [("turn_on", ("fan",))]
    assert outcome.done[0].because[0].startswith("rather than 'turn_on moon'")


def test_words_that_are_much_less_likely_do_not(room: Room) -> None:
    """Better refused than wrong."""
    moon, fan = (Interpretation((order("turn_on", name),), score) for name, score in (("moon", 0.9), ("fan", 0.6)))

    assert done(hear(room, moon, fan)) == []


def test_two_ways_that_are_as_likely_do_nothing(room: Room) -> None:
    """On or off cannot be guessed."""
    ways = [Interpretation((order(intent, "fan"),), 0.9) for intent in ("turn_on", "turn_off")]
    outcome = hear(room, *ways)

    assert done(outcome) == []
    assert outcome.refused is not None
    assert outcome.refused.grounding.refused == "unsure"


def test_who_is_refused_for_being_unseen_is_not_obeyed_otherwise(room: Room) -> None:
    """A second reading of the words does not open what the first may not."""
    ways = [
        Interpretation((order(intent, "front door"),), score) for intent, score in (("unlock", 0.9), ("lock", 0.85))
    ]
    room.scene = type(room.scene)(here="hall", cameras={"cam": "hall"}, wall=datetime(2026, 1, 1, tzinfo=timezone.utc))

    assert done(hear(room, *ways)) == []


def test_arming_is_told_and_disarming_by_nobody_is_refused(room: Room) -> None:
    """What is not seen is said."""
    armed = room.say(Order("arm"))
    disarmed = room.say(Order("disarm"), cameras={"cam": "hall"}, armed=True)

    assert (armed.armed, said(armed)) == (True, ["Armed."])
    assert disarmed.armed is None
