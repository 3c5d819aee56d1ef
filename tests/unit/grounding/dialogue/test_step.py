import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.config.load import check_text
from edgefuse.core.types import SECOND, Action, Fact, HealthChange, Observation
from edgefuse.grounding.dialogue import Dialogue, DialogueState, Step
from edgefuse.grounding.dialogue.state import Timer, wall_ns
from edgefuse.grounding.ground import ground
from edgefuse.grounding.order import Interpretation, Order, Phrase
from edgefuse.grounding.scene import ThingState
from edgefuse.language import data_of
from edgefuse.registry import config_of
from tests.unit.grounding.dialogue.conftest import order

START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
SITE = """
device: {id: t, area: hall, timezone: Europe/Berlin}
sources:
  hall_mic: {type: microphone, area: hall}
  kitchen_mic: {type: microphone, area: kitchen}
  cam: {type: camera, url: "rtsp://x/y", area: kitchen, zones: {front_door: [[0, 0], [0.4, 0], [0.4, 1], [0, 1]]}}
  climate: {type: mqtt, topic: z/c, area: hall, stale_s: 100}
detectors:
  voice: {type: voice, on: [hall_mic, kitchen_mic]}
  people: {type: objects, on: [cam]}
things:
  hall_light: {area: hall, kind: light, set: h, state: z/h}
  desk_lamp: {area: hall, kind: light, set: d}
  kitchen_light: {area: kitchen, kind: light, set: k}
  tv: {area: kitchen, kind: media, set: v, state: z/v}
"""


def site_of(text: str) -> Any:
    checked = check_text(text, "site.yaml", config_of, folder=Path())
    assert checked.site is not None, checked.problems
    return checked.site


class Home:
    """Steps a dialogue by hand."""

    def __init__(self, text: str = SITE) -> None:
        self.dialogue = Dialogue(site_of(text), data_of("en")["answers"], ground)
        self.state = DialogueState()

    def step(self, at: float, *facts: Fact, far: Mapping[str, float] | None = None) -> Step:
        now = round(at * SECOND)
        done = self.dialogue.step(
            self.state,
            facts,
            now,
            START + timedelta(seconds=at),
            far={name: round(t * SECOND) for name, t in (far or {}).items()},
        )
        self.state = done.state
        return done


@pytest.fixture
def home() -> Home:
    """Two rooms with a microphone each; a camera looks at the kitchen."""
    return Home()


def heard(at: float, *orders: Order, mic: str = "hall_mic", **data: Any) -> Observation:
    """An utterance of one second that ends at `at`."""
    words = [Interpretation(orders).to_json()] if orders else []
    data = {"text": "words", "interpretations": words, "wake": 0.9, **data}
    label, end = orders[0].intent if orders else "not_understood", round(at * SECOND)
    area = mic.removesuffix("_mic")
    return Observation(
        f"voice/{mic}/{end}/0", "voice", mic, "audio", "utterance", label, 0.9, end - SECOND, end, area, data
    )


def wake(at: float, mic: str) -> Observation:
    end = round(at * SECOND)
    return Observation(f"voice/{mic}/{end}/1", "voice", mic, "audio", "wake", "alexa", 0.9, end - SECOND, end)


def look(at: float, *boxes: tuple[float, float, float, float]) -> list[Fact]:
    """What a camera shows: one scene and a person per box."""
    end = round(at * SECOND)
    base = Observation(
        f"people/cam/{end}/0", "people", "cam", "vision", "scene", "objects", 0.0, end, end, "kitchen",
        {"counts": {"person": len(boxes)} if boxes else {}},
    )  # fmt: skip
    return [
        base,
        *(
            replace(base, id=f"people/cam/{end}/{n}", kind="object", label="person", score=0.9, data={"box": list(box)})
            for n, box in enumerate(boxes, 1)
        ),
    ]


def told(at: float, label: str, value: Any, source: str = "things", area: str = "hall") -> Observation:
    end = round(at * SECOND)
    return Observation(
        f"{source}/{label}/{end}/0", source, source, "sensor", "reading", label, 1.0, end, end, area, {"value": value}
    )


def utterances(step: Step) -> list[Observation]:
    return [fact for fact in step.facts if isinstance(fact, Observation) and fact.kind == "utterance"]


def said(step: Step) -> list[tuple[str, str]]:
    return [(action.name, action.data["text"]) for action in step.actions]


def test_rules_get_utterances_that_say_what_is_meant(home: Home) -> None:
    """One per order, each with a name and a moment of its own."""
    step = home.step(10, heard(10, order("turn_on", "hall light"), order("turn_off", "desk lamp")))
    first, second = utterances(step)

    assert (first.label, first.data["target"], first.data["area"]) == ("turn_on", "hall_light", "hall")
    assert (second.label, second.data["targets"]) == ("turn_off", ["desk_lamp"])
    assert first.id != second.id
    assert second.end - first.end == 1_000_000
    assert first.score > 0.5


def test_what_is_asked_or_refused_scores_nothing(home: Home) -> None:
    """No rule acts upon it; the question and what it is between are told."""
    (asked,) = utterances(home.step(10, heard(10, Order("turn_on", (Phrase(kind="light"),)))))

    assert (asked.score, asked.data["target"], asked.data["targets"]) == (0.0, None, [])
    assert asked.data["question"] == home.state.memory.pending["hall"].question
    assert sorted(asked.data["candidates"]) == ["desk_lamp", "hall_light"]


@pytest.mark.parametrize(("wake_score", "answers"), [(0.9, 1), (0.0, 0)])
def test_only_who_is_called_says_that_it_did_not_understand(home: Home, wake_score: float, answers: int) -> None:
    """Without a wake word nobody asked it anything."""
    step = home.step(10, heard(10, wake=wake_score))

    assert len(step.actions) == answers
    assert [each.label for each in utterances(step)] == ["not_understood"]


@pytest.mark.parametrize(("wake_score", "answers"), [(0.9, 1), (0.0, 0)])
def test_only_who_is_called_says_that_something_makes_no_sense(home: Home, wake_score: float, answers: int) -> None:
    """A television speaks of things that are not here."""
    step = home.step(10, heard(10, order("turn_on", "moon"), wake=wake_score))

    assert len(step.actions) == answers
    assert [each.data["refused"] for each in utterances(step)] == ["nothing"]


def test_who_answers_a_question_is_told_what_makes_no_sense(home: Home) -> None:
    """No wake word is needed there."""
    home.step(10, heard(10, Order("turn_on", (Phrase(kind="light"),), text="the light")))
    step = home.step(12, heard(12, order("pick", "moon"), wake=0.0))

    assert said(step)


def test_an_utterance_without_interpretations_is_one_order(home: Home) -> None:
    """Intent and slots of a detector that knows no others."""
    plain = heard(10, order("turn_on"))
    data = {"text": "turn on the hall light", "slots": {"name": "hall light"}}
    (found,) = utterances(home.step(10, replace(plain, data=data)))

    assert found.data["target"] == "hall_light"


def test_other_facts_pass_as_they_are(home: Home) -> None:
    """In their order."""
    facts = [told(1, "temperature", 20.0, "climate"), HealthChange("cam", "ok", "", SECOND), *look(1)]

    assert list(home.step(2, *facts).facts) == facts


def test_one_microphone_is_not_waited_for(home: Home) -> None:
    """Nobody else has heard the wake word."""
    assert utterances(home.step(10, wake(8, "hall_mic"), heard(10, order("turn_on", "hall light"))))


def test_the_microphone_near_a_person_speaks_for_both(home: Home) -> None:
    """It waits for the other one; the louder one is further from who is seen, and its answer is not given twice."""
    home.step(8, wake(8, "hall_mic"), wake(8, "kitchen_mic"), *look(8, (0.5, 0.2, 0.1, 0.5)))
    light = Order("turn_on", (Phrase(kind="light"),), text="turn on the light")
    first = home.step(10, heard(10, light, level_db=30), far={"voice": 10})
    second = home.step(10.2, heard(10.1, light, mic="kitchen_mic", level_db=10), far={"voice": 10.1})
    (taken,) = utterances(second)

    assert utterances(first) == []
    assert (taken.source, taken.data["target"]) == ("kitchen_mic", "kitchen_light")
    assert [each.source for each in second.unheeded] == ["hall_mic"]
    assert second.unheeded[0].score == 0
    assert any("kitchen_mic" in line for line in second.unheeded[0].data["because"])


def test_the_loudest_speaks_where_nobody_is_seen(home: Home) -> None:
    """`level_db` above the noise."""
    home.step(8, wake(8, "hall_mic"), wake(8, "kitchen_mic"))
    light = order("query_time")
    home.step(10, heard(10, light, level_db=8))
    done = home.step(10.2, heard(10.1, light, mic="kitchen_mic", level_db=12))

    assert [name for name, _ in said(done)] == ["kitchen"]


def test_a_microphone_that_stays_silent_is_waited_for_only_so_long(home: Home) -> None:
    """Until its detector has told of the moment, or patience ends."""
    home.step(8, wake(8, "hall_mic"), wake(8, "kitchen_mic"))
    waiting = home.step(10, heard(10, order("turn_on", "hall light")), far={"voice": 10})
    due = home.dialogue.next_due(home.state, 10 * SECOND, START + timedelta(seconds=10))
    told_all = home.step(10.7, far={"voice": 10.6})

    assert utterances(waiting) == []
    assert due == 13 * SECOND
    assert [each.data["target"] for each in utterances(told_all)] == ["hall_light"]


def test_what_comes_later_of_the_same_moment_is_dropped(home: Home) -> None:
    """It was answered already."""
    home.step(10, heard(10, order("turn_on", "hall light")))
    late = home.step(11, heard(10.2, order("turn_on", "kitchen light"), mic="kitchen_mic"))

    assert utterances(late) == []
    assert [each.source for each in late.unheeded] == ["kitchen_mic"]


def test_a_timer_is_said_when_it_is_due(home: Home) -> None:
    """In the room where it was set; no fact is needed."""
    step = home.step(10, heard(10, order("set_timer", duration_s="300", text="eggs")))
    due = home.dialogue.next_due(home.state, 10 * SECOND, START + timedelta(seconds=10))
    early, on_time, after = home.step(309), home.step(310), home.step(311)

    assert said(step) == [("hall", "Timer for 5 minutes.")]
    assert due == 310 * SECOND
    assert (said(early), said(on_time), said(after)) == ([], [("hall", "The timer for eggs is done.")], [])


def test_a_timer_survives_a_restart_and_says_how_late_it_is(home: Home) -> None:
    """It was due while the device was off."""
    home.step(10, heard(10, order("set_reminder", duration_s="60", text="call Ann")))
    stored = json.loads(json.dumps(home.state.to_json(11 * SECOND, START + timedelta(seconds=11))))
    again = Home()
    again.state = again.dialogue.restore(stored, 5 * SECOND, START + timedelta(hours=2))
    done = again.dialogue.step(again.state, (), 5 * SECOND, START + timedelta(hours=2))

    assert said(done) == [("hall", "Remember: call Ann. That was one hour and 58 minutes ago.")]


def test_a_reminder_at_a_time_means_the_local_one(home: Home) -> None:
    """Noon UTC is one in Berlin: half past one comes in thirty minutes."""
    home.step(0.5, heard(0.5, order("set_reminder", at="13:30", text="tea")))

    (timer,) = home.state.memory.timers
    assert timer.due == wall_ns(START + timedelta(minutes=30))


def test_several_timers_are_not_cancelled_by_guessing(home: Home) -> None:
    """They are told; the name says which."""
    home.step(10, heard(10, order("set_timer", duration_s="60", text="eggs")))
    home.step(12, heard(12, order("set_timer", duration_s="600", text="pasta")))
    home.step(14, heard(14, order("cancel_timer")))
    both = len(home.state.memory.timers)
    home.step(16, heard(16, order("cancel_timer", text="eggs")))

    assert both == 2
    assert [timer.text for timer in home.state.memory.timers] == ["pasta"]


def test_what_things_tell_is_known(home: Home) -> None:
    """`changed` is when they told something else than before, not when they spoke first."""
    home.step(5, told(5, "hall_light.on", value=True), told(5, "hall_light.level", 40.0))
    first = home.state.sight.states["hall_light"]
    home.step(7, told(7, "hall_light.on", value=False))

    assert first == ThingState(on=True, level=40.0)
    assert home.state.sight.states["hall_light"] == ThingState(on=False, level=40.0, changed=7 * SECOND)


def test_who_is_missed_in_one_look_is_still_there(home: Home) -> None:
    """A second without him is needed."""
    home.step(10, *look(10, (0.5, 0.2, 0.1, 0.5)))
    home.step(10.2, *look(10.2))
    missed = home.dialogue.scene(home.state, None, round(10.3 * SECOND)).persons
    home.step(11.5, *look(11.5))

    assert [person.area for person in missed] == ["kitchen"]
    assert home.dialogue.scene(home.state, None, 12 * SECOND).persons == ()


def test_a_dead_camera_sees_neither_somebody_nor_nobody(home: Home) -> None:
    """It is not among those that look."""
    home.step(10, *look(10, (0.5, 0.2, 0.1, 0.5)))
    before = home.dialogue.scene(home.state, None, 11 * SECOND)
    home.step(11, HealthChange("cam", "failed", "unplugged", 11 * SECOND))
    after = home.dialogue.scene(home.state, None, 12 * SECOND)

    assert (dict(before.cameras), len(before.persons)) == ({"cam": "kitchen"}, 1)
    assert (dict(after.cameras), after.persons) == ({}, ())


def test_detectors_are_told_who_is_where(home: Home) -> None:
    """And where the television is on, and where an answer is waited for."""
    home.step(10, *look(10, (0.5, 0.2, 0.1, 0.5)), told(10, "tv.on", value=True))
    home.step(11, heard(11, Order("turn_on", (Phrase(kind="light"),), text="the light")))
    views = home.dialogue.views(home.state, 11 * SECOND)

    assert (views["kitchen"].watched, views["kitchen"].person, views["kitchen"].television) == (True, True, True)
    assert (views["hall"].watched, views["hall"].person, views["hall"].asking) == (False, False, True)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (order("query_value", quantity="temperature"), "21.5 degrees in the hall."),
        (order("query_value", quantity="humidity"), "I do not know. Nothing here tells that."),
        (order("query_state", "hall light", state="on"), "Yes, the hall light is on."),
        (order("query_state", "hall light", state="off"), "No, the hall light is on."),
        (order("query_state", "desk lamp"), "I do not know. Nothing here tells that."),
        (order("query_time"), "It is 13:00."),
        (order("query_who", place="front door"), "One person at the front door."),
        (Order("query_who", (Phrase(area="hall"),)), "I do not know. There is no camera in the hall."),
        (order("query_timer"), "There is no timer."),
        (order("query_why"), "There was no alarm."),
        (order("repeat"), "I have said nothing yet."),
    ],
)
def test_questions_are_answered_shortly(home: Home, question: Order, answer: str) -> None:
    """And what is not known is said to be unknown, with why."""
    home.step(9, told(9, "hall_light.on", value=True), told(9, "temperature", 21.46, "climate"))
    home.step(9.5, *look(9.5, (0.1, 0.2, 0.1, 0.5)))

    assert said(home.step(10, heard(10, question))) == [("hall", answer)]


def test_an_old_or_dead_reading_is_not_told_as_if_it_were_now(home: Home) -> None:
    """Its source tells why."""
    home.step(9, told(9, "temperature", 21.0, "climate"))
    old = home.step(200, heard(200, order("query_value", quantity="temperature")))
    home.step(201, HealthChange("climate", "failed", "", 201 * SECOND))
    dead = home.step(202, heard(202, order("query_value", quantity="temperature")))

    assert said(old) == [("hall", "I do not know. The climate has told nothing for 3 minutes and 11 seconds.")]
    assert said(dead) == [("hall", "I do not know. The climate is not working.")]


def test_an_alarm_is_explained(home: Home) -> None:
    """By what the rule gave as its reasons."""
    alert = Action(
        "1",
        "smoke",
        "alert",
        "fire",
        10 * SECOND,
        {"area": "hall", "headline": "Smoke in the hall."},
        ("smoke is yes",),
        (),
    )
    home.state = home.dialogue.told(home.state, [alert])

    assert said(home.step(70, heard(70, order("query_why")))) == [
        ("hall", "Smoke in the hall. That was one minute ago, because smoke is yes.")
    ]


def test_answers_can_be_turned_off() -> None:
    """Questions are still asked of whoever reads them."""
    home = Home(SITE + "dialogue: {answers: false}\n")
    step = home.step(10, heard(10, Order("turn_on", (Phrase(kind="light"),), text="the light")))

    assert step.actions == ()
    assert utterances(step)[0].data["question"]


def test_what_was_talked_about_is_forgotten(home: Home) -> None:
    """After `remember_s`; the state is then stored anew."""
    home.step(10, heard(10, Order("turn_on", (Phrase(kind="light"),), text="the light")))
    home.step(200)

    assert (home.state.memory.histories, home.state.memory.pending) == ({}, {})


def test_two_runs_say_the_same(home: Home) -> None:
    """Byte for byte, names included."""

    def run() -> list[Step]:
        one = Home()
        return [
            one.step(9, *look(9, (0.5, 0.2, 0.1, 0.5))),
            one.step(10, heard(10, order("set_timer", duration_s="5"), order("turn_on", "hall light"))),
            one.step(16),
        ]

    assert home is not None
    assert run() == run()


def test_a_stored_conversation_goes_on_after_a_restart(home: Home) -> None:
    """The question still waits, and what was done can be undone."""
    home.step(10, told(10, "hall_light.on", value=False), heard(10, order("turn_on", "hall light")))
    home.step(12, heard(12, Order("turn_on", (Phrase(kind="light"),), text="the light")))
    stored = json.loads(json.dumps(home.state.to_json(13 * SECOND, START + timedelta(seconds=13))))
    again = home.dialogue.restore(stored, 13 * SECOND, START + timedelta(seconds=13))

    assert again.memory == home.state.memory


@pytest.mark.parametrize("data", [{"schema": 2}, {"schema": 1}, {}, [], {"schema": 1, "histories": 3}])
def test_another_state_is_not_guessed_at(home: Home, data: Any) -> None:
    """The daemon then starts anew and says so."""
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        home.dialogue.restore(data, 0, START)


@given(st.lists(st.tuples(st.integers(0, 10**18), st.text(max_size=20), st.booleans()), max_size=5))
def test_timers_come_back_as_they_were(timers: list[tuple[int, str, bool]]) -> None:
    """Whatever the monotonic clock says after a restart."""
    kept = tuple(Timer(f"t{n}", None, 0, due, text, reminder) for n, (due, text, reminder) in enumerate(timers))
    empty = DialogueState()
    state = replace(empty, memory=replace(empty.memory, timers=kept))
    data = json.loads(json.dumps(state.to_json(5, START)))

    assert DialogueState.from_json(data, 10**15, START).memory.timers == kept
