# ruff: noqa: E501  a table of cases reads best with one row a line
"""One order, said without anything before it: target, question or refusal."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from edgefuse.config.models import DialogueConfig, Thing
from edgefuse.grounding.history import Grounding
from edgefuse.grounding.order import Phrase
from edgefuse.grounding.scene import ThingState

LIGHT, LIGHTS, ALL = Phrase(kind="light"), Phrase(kind="light", count="some"), Phrase(kind="light", count="all")
THAT, THIS, IT = Phrase(deixis="that"), Phrase(deixis="this"), Phrase(deixis="it")
STUDY = ("study_ceiling", "desk_lamp", "floor_lamp")
DARK = {"dark": (*STUDY, "study_tv", "study_heater")}


def outcome(found: Grounding) -> str:
    """The whole answer in short: targets, `a? b?` for a question, `! why` for a refusal."""
    if found.refused:
        return f"! {found.refused}"
    if found.asking == "confirm":
        return "confirm " + " ".join(sorted(found.candidates))
    return " ".join(sorted(found.targets) + [f"{key}?" for key in sorted(found.candidates)])


ROOMS = {
    "study_desk": Thing(area="study", kind="light", names=["desk lamp"], set="a"),
    "hall_desk": Thing(area="hall", kind="light", names=["hall desk lamp"], set="b"),
}
BY_WORDS: list[tuple[str, str, Phrase, dict[str, Any], str]] = [
    ("unique name from anywhere", "turn_on", Phrase(name="hall light"), {}, "hall_light"),
    ("name in other letters", "turn_on", Phrase(name="Hall_Light"), {}, "hall_light"),
    ("key with spaces", "turn_on", Phrase(name="study ceiling"), {"here": "hall"}, "study_ceiling"),
    ("name that is off already", "turn_off", Phrase(name="desk lamp"), {"dark": STUDY}, "desk_lamp"),
    ("name without microphone's area", "turn_on", Phrase(name="fan"), {"here": None}, "bedroom_fan"),
    ("name of another area, and here one called more", "turn_on", Phrase(name="desk lamp"), {"here": "hall", "things": {**ROOMS}}, "hall_desk"),
    ("name of another area, and one called more in the area that is said", "turn_on", Phrase(name="desk lamp", area="hall"), {"things": {**ROOMS}}, "hall_desk"),
    ("name of this area, and elsewhere one called more", "turn_on", Phrase(name="desk lamp"), {"things": {**ROOMS}}, "study_desk"),
    ("the second of one", "turn_on", Phrase(name="desk lamp", side="second"), {}, "! nothing"),
    ("name of two, both here", "turn_on", Phrase(name="lamp"), {"here": "bedroom"}, "left_lamp? right_lamp?"),
    ("name that nothing has", "turn_on", Phrase(name="disco ball"), {}, "! nothing"),
    ("name in another area than said", "turn_on", Phrase(name="desk lamp", area="hall"), {}, "! nothing"),
    ("name that cannot do it", "turn_on", Phrase(name="front door"), {}, "! unable"),
    ("name and kind that contradict", "turn_on", Phrase(name="desk lamp", kind="fan"), {}, "! nothing"),
    ("name by what it is not by", "turn_on", Phrase(name="desk lamp", beside="sofa"), {}, "! nothing"),
    ("name by what it is by", "turn_on", Phrase(name="floor lamp", beside="sofa"), {}, "floor_lamp"),
    ("name of one, everywhere", "turn_on", Phrase(name="desk lamp", everywhere=True), {}, "! nothing"),
    ("the only one of a kind here", "turn_on", LIGHT, {"here": "hall"}, "hall_light"),
    ("three of a kind here", "turn_on", LIGHT, {}, "desk_lamp? floor_lamp? study_ceiling?"),
    ("none of a kind here, one elsewhere", "turn_on", Phrase(kind="fan"), {}, "bedroom_fan?"),
    ("none of a kind at all", "turn_on", Phrase(kind="siren"), {}, "! nothing"),
    ("area that is said", "turn_on", Phrase(kind="light", area="kitchen"), {}, "kitchen_light"),
    ("none in the area that is said", "turn_on", Phrase(kind="fan", area="kitchen"), {}, "! nothing"),
    ("no area known, one of a kind", "turn_on", Phrase(kind="fan"), {"here": None}, "bedroom_fan"),
    ("no area known, many of a kind", "turn_on", LIGHT, {"here": None, "lit": ("hall_light",)}, "desk_lamp? floor_lamp? hall_light? kitchen_light?"),
    ("here", "turn_on", Phrase(kind="fan", place="here"), {"here": "bedroom"}, "bedroom_fan"),
    ("here, where there is none", "turn_on", Phrase(kind="fan", place="here"), {}, "! nothing"),
    ("sensor cannot be turned on", "turn_on", Phrase(kind="sensor"), {"here": "hall"}, "! unable"),
    ("own light takes no level", "set_level", LIGHT, {"here": "hall"}, "! unable"),
    ("one of two takes a level", "lower", LIGHT, {"lit": STUDY, "states": {"desk_lamp": ThingState(on=True, level=50.0)}}, "desk_lamp? study_ceiling?"),
    ("door means the lock", "lock", Phrase(kind="door"), {"here": "hall"}, "front_door"),
    ("close the door is not the garage's", "close", Phrase(kind="door"), {"things": {"up_and_over": Thing(area="garage", kind="door", close="C")}}, "up_and_over?"),
    ("a radio is no television", "turn_on", Phrase(kind="radio"), {"things": {"telly": Thing(area="study", kind="tv")}}, "! nothing"),
    ("a lock serves the whole house", "lock", Phrase(kind="lock"), {}, "front_door"),
    ("lamp is the one called so", "turn_on", Phrase(kind="light", noun="lamp", area="study"), {}, "desk_lamp? floor_lamp?"),
    ("light is any", "turn_on", Phrase(kind="light", noun="light"), {}, "desk_lamp? floor_lamp? study_ceiling?"),
    ("lamp where none is called so", "turn_on", Phrase(kind="light", noun="lamp"), {"here": "hall"}, "hall_light"),
    ("both lamps", "turn_on", Phrase(kind="light", noun="lamp", number=2), {}, "desk_lamp floor_lamp"),
    ("the lamps", "turn_on", Phrase(kind="light", noun="lamp", count="some"), {}, "desk_lamp floor_lamp"),
    ("what is called just so", "turn_on", Phrase(kind="light", noun="lamp"), {"here": "x", "things": {"lamp": Thing(area="x", kind="light"), "red_lamp": Thing(area="x", kind="light")}}, "lamp"),
    ("both of a kind, elsewhere", "turn_on", Phrase(kind="light", number=2, state="on"), {"here": "bath", "lit": STUDY[:2]}, "desk_lamp study_ceiling"),
    ("those, and nothing was said", "turn_off", Phrase(deixis="that", count="some"), {"lit": STUDY[:2], "dark": (*STUDY[2:], "study_tv", "study_heater")}, "desk_lamp? study_ceiling?"),
    ("other lights, one is on", "turn_on", Phrase(kind="light", count="some", deixis="other"), {"lit": STUDY[:1], "dark": STUDY[1:]}, "desk_lamp floor_lamp"),
    ("other lights, all are off", "turn_on", Phrase(kind="light", count="some", deixis="other"), {"dark": STUDY}, "! unsure"),
    ("all doors are those of the house", "lock", Phrase(kind="lock", count="all"), {"here": "study"}, "front_door"),
    ("all of a kind, none here", "turn_on", Phrase(kind="light", count="all"), {"here": "bath"}, "confirm desk_lamp floor_lamp hall_light kitchen_light left_lamp right_lamp study_ceiling"),
    ("some of a kind, none here", "turn_on", LIGHTS, {"here": "bath"}, "! nothing"),
    ("lights here", "turn_on", LIGHTS, {}, "desk_lamp floor_lamp study_ceiling"),
    ("lights there are none of", "turn_on", Phrase(kind="fan", count="some"), {"here": "hall"}, "bedroom_fan?"),
    ("lights in an area", "turn_off", Phrase(kind="light", count="some", area="bedroom"), {}, "left_lamp right_lamp"),
    ("all lights here", "turn_off", ALL, {"here": "bedroom"}, "left_lamp right_lamp"),
    ("lights, no area known", "turn_off", LIGHTS, {"here": None}, "! unsure"),
    ("both", "turn_on", Phrase(kind="light", number=2, count="some"), {"here": "bedroom"}, "left_lamp right_lamp"),
    ("both of three", "turn_on", Phrase(kind="light", number=2, count="some"), {}, "! unsure"),
    ("both that are on of three", "turn_off", Phrase(kind="light", number=2, count="some"), {"lit": STUDY[:2], "dark": STUDY[2:]}, "desk_lamp study_ceiling"),
    ("three of two", "turn_on", Phrase(kind="light", number=3, count="some"), {"here": "bedroom"}, "! nothing"),
    ("the one that is on", "turn_off", Phrase(kind="light", state="on"), {"lit": STUDY[1:2], "dark": STUDY[::2]}, "desk_lamp"),
    ("the one that is on, all dark", "turn_off", Phrase(kind="light", state="on", area="study"), {"dark": STUDY}, "! nothing"),
    ("only one is lit", "turn_off", LIGHT, {"lit": STUDY[1:2], "dark": STUDY[::2]}, "desk_lamp"),
    ("two are lit", "turn_off", LIGHT, {"lit": STUDY[:2], "dark": STUDY[2:]}, "desk_lamp? study_ceiling?"),
    ("own light is off, another's is lit", "turn_off", LIGHT, {"here": "hall", "dark": ("hall_light",), "lit": ("kitchen_light",)}, "hall_light? kitchen_light?"),
    ("own light is off already", "turn_off", LIGHT, {"here": "hall", "dark": ("hall_light",)}, "hall_light"),
    ("nothing said", "turn_off", Phrase(), {}, "! forgotten"),
    ("it, and nothing was said", "turn_off", IT, {"lit": ("study_tv",), "dark": (*STUDY, "study_heater")}, "study_tv?"),
    ("them, and nothing was said", "turn_off", Phrase(deixis="them"), {}, "! forgotten"),
    ("other, and nothing was said", "turn_off", Phrase(deixis="other"), {}, "! forgotten"),
    ("other light, and nothing was said", "turn_off", Phrase(kind="light", deixis="other"), {}, "desk_lamp? floor_lamp? study_ceiling?"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "intent", "phrase", "more", "expected"), BY_WORDS, ids=[each[0] for each in BY_WORDS])
def test_words_and_place(
    case: str, intent: str, phrase: Phrase, more: Mapping[str, Any], expected: str, say: Callable[..., Grounding]
) -> None:
    """Without cameras: names wherever they are, kinds where it is said, a question when in doubt, a refusal else."""
    found = say(intent, phrase, **more)

    assert outcome(found) == expected, (case, found.because)
    assert found.because


BY_SIGHT: list[tuple[str, str, Phrase, dict[str, Any], str]] = [
    ("this, at the desk", "turn_on", THIS, {"seen": "desk", **DARK}, "desk_lamp"),
    ("this lamp, at the window", "turn_on", Phrase(kind="light", deixis="this"), {"seen": "window"}, "floor_lamp"),
    ("this, far from the only one that is lit", "turn_off", Phrase(kind="light", deixis="this"), {"seen": "window", "lit": ("desk_lamp",), "dark": STUDY[::2]}, "desk_lamp"),
    ("over there, pointing at the nearest but one", "turn_on", Phrase(kind="light", place="there"), {"seen": "window", "points": (0.5, 0.05)}, "study_ceiling"),
    ("that lamp, at the window, two others", "turn_on", Phrase(kind="light", deixis="that"), {"seen": "window"}, "desk_lamp? floor_lamp? study_ceiling?"),
    ("that, the only one that is lit", "turn_off", THAT, {"seen": "desk", "lit": ("floor_lamp",), "dark": ("study_ceiling", "desk_lamp", "study_tv", "study_heater")}, "floor_lamp"),
    ("that, nothing is lit", "turn_off", THAT, {"seen": "desk", **DARK}, "! nothing"),
    ("that without a camera, one lit", "turn_off", THAT, {"lit": ("study_tv",), "dark": (*STUDY, "study_heater")}, "study_tv"),
    ("that without a camera, two lit", "turn_off", THAT, {"lit": ("study_tv", "desk_lamp"), "dark": (*STUDY[::2], "study_heater")}, "desk_lamp? study_tv?"),
    ("that, pointing", "turn_on", THAT, {"seen": "desk", "points": (0.12, 0.45), **DARK}, "floor_lamp"),
    ("that lamp, pointing at nothing", "turn_on", Phrase(kind="light", deixis="that"), {"seen": "desk", "points": (0.95, 0.1)}, "desk_lamp? floor_lamp? study_ceiling?"),
    ("the light, pointing up", "turn_on", LIGHT, {"seen": "window", "points": (0.5, 0.05)}, "study_ceiling"),
    ("name, pointing elsewhere", "turn_on", Phrase(name="desk lamp"), {"seen": "window", "points": (0.5, 0.05)}, "desk_lamp"),
    ("over there, pointing", "turn_on", Phrase(kind="light", place="there"), {"seen": "desk", "points": (0.12, 0.45)}, "floor_lamp"),
    ("over there, one light here", "turn_on", Phrase(kind="light", place="there"), {"here": "hall", "seen": "hall"}, "! unsure"),
    ("this lamp, two people", "turn_on", Phrase(kind="light", deixis="this"), {"seen": "desk window"}, "desk_lamp? floor_lamp? study_ceiling?"),
    ("that, one of two people points", "turn_on", THAT, {"seen": "desk window", "points": (0.12, 0.45), **DARK}, "floor_lamp"),
    ("the light, somebody points elsewhere", "turn_on", LIGHT, {"here": "kitchen", "seen": "desk", "points": (0.12, 0.45)}, "kitchen_light"),
    ("over there, nothing tells where", "turn_on", Phrase(kind="fan", place="there"), {"here": "hall"}, "bedroom_fan?"),
    ("lights over there, nothing tells where", "turn_on", Phrase(kind="light", count="some", place="there"), {"seen": "desk"}, "! unsure"),
    ("lights over there, pointing", "turn_on", Phrase(kind="light", count="some", place="there"), {"seen": "desk", "points": (0.12, 0.45)}, "! unsure"),
    ("over there, own fan only", "turn_on", Phrase(kind="fan", place="there"), {"here": "bedroom"}, "! nothing"),
    ("by the sofa", "turn_on", Phrase(kind="light", beside="sofa"), {}, "floor_lamp"),
    ("the one by the sofa", "turn_on", Phrase(beside="sofa"), {}, "floor_lamp"),
    ("by the television, in the picture", "turn_on", Phrase(kind="light", beside="television"), {}, "desk_lamp?"),
    ("by a zone of the picture", "turn_on", Phrase(kind="light", beside="window"), {"landmarks": {"eye": {"window": (0.05, 0.4)}}}, "floor_lamp"),
    ("by something unknown", "turn_on", Phrase(kind="light", beside="piano"), {}, "! nothing"),
    ("the left one", "turn_on", Phrase(kind="light", side="left"), {}, "floor_lamp"),
    ("the right one", "turn_on", Phrase(kind="light", side="right"), {}, "desk_lamp"),
    ("the middle one", "turn_on", Phrase(kind="light", side="middle"), {}, "study_ceiling"),
    ("the top one", "turn_on", Phrase(kind="light", side="top"), {}, "study_ceiling"),
    ("the near one", "turn_on", Phrase(kind="light", side="near"), {"seen": "desk"}, "desk_lamp"),
    ("the left one, by its name", "turn_on", Phrase(kind="light", side="left"), {"here": "bedroom"}, "left_lamp"),
    ("the top one, without a picture", "turn_on", Phrase(kind="light", side="top"), {"here": "bedroom"}, "left_lamp? right_lamp?"),
    ("no area, but the only person is seen", "turn_on", LIGHT, {"here": None, "seen": "hall"}, "hall_light"),
    ("watched and empty, the only person is elsewhere", "turn_on", LIGHT, {"here": "kitchen", "watched": ("kitchen",), "seen": "hall"}, "hall_light? kitchen_light?"),
    ("watched and empty, nothing here", "turn_on", Phrase(kind="light"), {"here": "bath", "watched": ("bath",), "seen": "hall"}, "hall_light"),
    ("not watched, nothing here", "turn_on", Phrase(kind="light"), {"here": "bath", "seen": "hall"}, "hall_light?"),
    ("several, watched and empty", "turn_on", LIGHTS, {"here": "kitchen", "watched": ("kitchen",), "seen": "hall"}, "! unsure"),
    ("several, watched and empty, nothing here", "turn_on", LIGHTS, {"here": "bath", "watched": ("bath",), "seen": "desk"}, "desk_lamp floor_lamp study_ceiling"),
    ("several, not watched, nothing here", "turn_on", LIGHTS, {"here": "bath", "seen": "desk"}, "! nothing"),
    ("not watched, the only person is elsewhere", "turn_on", LIGHT, {"here": "kitchen", "seen": "hall"}, "kitchen_light"),
    ("something just went on", "turn_off", THAT, {"states": {"study_tv": ThingState(on=True, changed=0), "desk_lamp": ThingState(on=True, changed=-90_000_000_000), "study_heater": ThingState(on=False), "study_ceiling": ThingState(on=False), "floor_lamp": ThingState(on=False)}, "t": 5_000_000_000}, "study_tv"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "intent", "phrase", "more", "expected"), BY_SIGHT, ids=[each[0] for each in BY_SIGHT])
def test_sight(
    case: str, intent: str, phrase: Phrase, more: Mapping[str, Any], expected: str, say: Callable[..., Grounding]
) -> None:
    """With cameras: where the speaker is seen, what is near, pointed at, lit, beside something, left or right."""
    found = say(intent, phrase, **more)

    assert outcome(found) == expected, (case, found.p, found.because)


EXCEPT: list[tuple[str, Phrase, tuple[Phrase, ...], dict[str, Any], str]] = [
    ("a name", ALL, (Phrase(name="desk lamp"),), {}, "floor_lamp study_ceiling"),
    ("two names", ALL, (Phrase(name="desk lamp"), Phrase(name="floor lamp")), {}, "study_ceiling"),
    ("the left one", ALL, (Phrase(kind="light", count="all", side="left"),), {}, "desk_lamp study_ceiling"),
    ("by the sofa", ALL, (Phrase(beside="sofa"),), {}, "desk_lamp study_ceiling"),
    ("an area, said elsewhere", ALL, (Phrase(area="bedroom"),), {"here": "kitchen"}, "desk_lamp floor_lamp hall_light kitchen_light study_ceiling"),
    ("what is not known", ALL, (Phrase(name="disco ball"),), {}, "! unsure"),
    ("one of two lamps", ALL, (Phrase(name="lamp"),), {"here": "bedroom"}, "! unsure"),
    ("everything", ALL, (Phrase(kind="light", count="all"),), {}, "! nothing"),
    ("outside of what is said", LIGHTS, (Phrase(name="hall light"),), {}, "! unsure"),
    ("nothing in particular", ALL, (Phrase(),), {}, "! unsure"),
    ("this", ALL, (Phrase(deixis="this"),), {"seen": "desk"}, "floor_lamp study_ceiling"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "phrase", "but", "more", "expected"), EXCEPT, ids=[each[0] for each in EXCEPT])
def test_exceptions(
    case: str,
    phrase: Phrase,
    but: tuple[Phrase, ...],
    more: Mapping[str, Any],
    expected: str,
    say: Callable[..., Grounding],
) -> None:
    """`all but ...` leaves out what is excepted; what is excepted and not known lets nothing be done."""
    assert outcome(say("turn_off", phrase, but=but, **more)) == expected, case


HALL = {"here": "hall"}
SEEN = {"here": "hall", "seen": "hall"}
EMPTY = {"here": "hall", "watched": ("hall",)}
UNLOCK = Phrase(name="front door")
STAKES: list[tuple[str, str, Phrase, dict[str, Any], str]] = [
    ("unlock, somebody is seen", "unlock", UNLOCK, SEEN, "front_door"),
    ("unlock, nobody is seen", "unlock", UNLOCK, EMPTY, "! unseen"),
    ("unlock, no camera", "unlock", UNLOCK, HALL, "confirm front_door"),
    ("unlock by kind, somebody is seen", "unlock", Phrase(kind="lock"), SEEN, "front_door"),
    ("unlock, misheard perhaps", "unlock", UNLOCK, {**SEEN, "heard": 0.7}, "confirm front_door"),
    ("lock, misheard perhaps", "lock", UNLOCK, {**SEEN, "heard": 0.7}, "front_door"),
    ("unlock from another room", "unlock", UNLOCK, {"here": "kitchen", "seen": "hall"}, "confirm front_door"),
    ("unlock all", "unlock", Phrase(kind="lock", count="all"), SEEN, "front_door"),
    ("lock, nobody is seen", "lock", UNLOCK, EMPTY, "front_door"),
    ("confirmed always", "lock", UNLOCK, {**SEEN, "config": DialogueConfig(confirm=["lock"])}, "confirm front_door"),
    ("disarm, somebody is seen", "disarm", Phrase(), {**SEEN}, ""),
    ("heater on, no camera", "turn_on", Phrase(name="heater"), {}, "confirm study_heater"),
    ("heater off", "turn_off", Phrase(name="heater"), {}, "study_heater"),
    ("heater to 21", "set_temperature", Phrase(name="heater"), {"slots": {"temperature": "21"}}, "study_heater"),
    ("heater to 28", "set_temperature", Phrase(name="heater"), {"slots": {"temperature": "28"}}, "confirm study_heater"),
    ("heater to 28, seen", "set_temperature", Phrase(name="heater"), {"slots": {"temperature": "28"}, "seen": "desk"}, "study_heater"),
    ("oven on, no camera", "turn_on", Phrase(name="oven"), {"here": "kitchen"}, "confirm oven"),
    ("garage by its button, no camera", "toggle", Phrase(name="gate"), {"things": {"gate": Thing(area="study", kind="garage", toggle="T")}}, "confirm gate"),
    ("blind opens", "open", Phrase(name="blind"), {}, "study_blind"),
    ("is it locked, nobody is seen", "query_state", UNLOCK, EMPTY, "front_door"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "intent", "phrase", "more", "expected"), STAKES, ids=[each[0] for each in STAKES])
def test_stakes(
    case: str, intent: str, phrase: Phrase, more: Mapping[str, Any], expected: str, say: Callable[..., Grounding]
) -> None:
    """What lets people in or heats is done for somebody who is seen, confirmed where no camera looks, else refused."""
    phrases = () if phrase.empty else (phrase,)

    assert outcome(say(intent, *phrases, **more)) == expected, case


def test_disarming_without_a_camera_is_confirmed(say: Callable[..., Grounding]) -> None:
    """Intents without things have stakes too."""
    assert say("disarm").asking == "confirm"
    assert say("disarm", watched=("study",)).refused == "unseen"
    assert say("arm").acts


def test_stake_of_a_thing_is_the_users_to_say(say: Callable[..., Grounding]) -> None:
    """`stake` overrides what the kind and the intent come to."""
    things = {
        "shed": Thing(area="study", kind="lock", names=["shed"], unlock="U", stake="low"),
        "pump": Thing(area="study", kind="switch", names=["pump"], stake="high"),
    }

    assert say("unlock", Phrase(name="shed"), things=things).target == "shed"
    assert say("turn_off", Phrase(name="pump"), things=things).asking == "confirm"


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("turn on both lamps", Phrase(kind="light", number=2, count="some"), "desk_lamp floor_lamp"),
        ("turn on the lamp", LIGHT, "desk_lamp? floor_lamp?"),
        ("turn on the light", LIGHT, "desk_lamp? floor_lamp? study_ceiling?"),
        ("turn on the light by the lamp", Phrase(kind="light", beside="lamp"), "! nothing"),
    ],
)
def test_the_text_tells_lamps_from_lights(
    text: str, phrase: Phrase, expected: str, say: Callable[..., Grounding]
) -> None:
    """Where the phrase has only the kind, the word it was said with is found in the text."""
    assert outcome(say("turn_on", phrase, text=text)) == expected


def test_area_follows_from_what_is_meant(say: Callable[..., Grounding]) -> None:
    """The area of the thing, not of the microphone; an order about no thing has the speaker's."""
    assert say("turn_on", Phrase(name="hall light")).area == "hall"
    assert say("query_value", Phrase(area="kitchen"), slots={"quantity": "temperature"}).area == "kitchen"
    assert say("query_value", slots={"quantity": "temperature"}).area == "study"
    assert say("set_timer").area == "study"


def test_things_of_one_order_are_found_one_by_one(say: Callable[..., Grounding]) -> None:
    """`the desk lamp and the lamp`: what is clear is settled, the rest is asked; two questions at once are refused."""
    both = say("turn_on", Phrase(name="desk lamp"), Phrase(name="hall light"))
    half = say("turn_on", Phrase(name="desk lamp"), Phrase(name="lamp", area="bedroom"))
    none = say("turn_on", LIGHT, Phrase(name="lamp", area="bedroom"))

    assert both.targets == ("desk_lamp", "hall_light")
    assert (half.asking, half.targets, half.candidates) == ("which", ("desk_lamp",), ("left_lamp", "right_lamp"))
    assert none.refused == "unsure"
