"""What is said, through the decider: observations in, orders for the rules and sentences out."""

from pathlib import Path

import pytest

from edgefuse.app.build import build_dialogue, with_areas
from edgefuse.config.load import check_text
from edgefuse.config.models import Site
from edgefuse.core.attention import Attention
from edgefuse.core.types import SECOND, Observation, Reading
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.grounding.dialogue import DialogueState
from edgefuse.grounding.words import Words
from edgefuse.language import language
from edgefuse.pipeline.decide import Decider, Outcome
from edgefuse.pipeline.stages import Report, reading_report
from edgefuse.pipeline.talk import Talk
from edgefuse.registry import config_of
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState
from edgefuse.testing import FakeClock

SITE = """
device: {id: t, area: hall}
sources:
  hall_mic: {type: microphone, area: hall}
  hall_cam: {type: camera, area: hall, url: "rtsp://192.0.2.1/a"}
detectors:
  voice: {type: voice, on: [hall_mic]}
  people: {type: objects, on: [hall_cam], classes: [person]}
things:
  ceiling: {area: hall, kind: light, names: [ceiling light], set: c/set, state: c}
  desk: {area: hall, kind: light, names: [desk lamp], set: d/set, state: d}
  door: {area: hall, kind: lock, names: [front door], set: l/set, lock: L, unlock: U}
  tv: {area: hall, kind: media, names: [tv], set: t/set, state: tv}
rules:
  - {name: obey, when: {said: {}}, then: [{command: "{target}"}]}
  - {name: fire, when: {reading: {of: smoke, quantity: smoke, equals: true}}, then: [{alert: fire, headline: Fire}]}
"""


class House:
    """A decider, second by second."""

    def __init__(self, site: Site, state: DialogueState | None = None) -> None:
        self.site, self.attention = site, Attention()
        self.clock = FakeClock()
        self.words = Words.of_site(site, language("en"))
        talk = Talk(build_dialogue(site), state, self.attention)
        self.decider = Decider(Beliefs({}, {}), Engine(site), RuleState(), self.clock, talk)
        self.now = 10 * SECOND

    def step(self, *reports: Report) -> Outcome:
        self.now += SECOND
        return self.decider.step(reports, self.now)

    def say(self, text: str) -> Outcome:
        """As the voice detector tells it."""
        self.now += SECOND
        ways = self.words.interpret(text)
        intent = ways[0].orders[0].intent if ways else "not_understood"
        data = {"text": text, "intent": intent, "slots": {}, "wake": 0.9, "because": ["heard"]}
        data["interpretations"] = [each.to_json() for each in ways]
        heard = Observation(
            *(f"voice/hall_mic/{self.now}/0", "voice", "hall_mic", "audio", "utterance", intent),
            *(ways[0].score if ways else 0.0, self.now - SECOND, self.now, "hall", data),
        )
        return self.decider.step([Report("voice", self.now, [heard])], self.now)

    def told(self, quantity: str, *, value: float | bool | str, source: str = "things") -> Outcome:
        return self.step(reading_report(Reading(source, None, self.now, quantity, value)))

    def sees(self, persons: int) -> Outcome:
        """One look of the camera."""
        t = self.now + SECOND
        data = {"box": [0.4, 0.2, 0.2, 0.7]}
        looks = [
            Observation(
                f"s{t}",
                "people",
                "hall_cam",
                "vision",
                "scene",
                "objects",
                0,
                t,
                t,
                "hall",
                {"counts": {"person": persons}},
            )
        ]
        looks += [
            Observation(f"p{t}", "people", "hall_cam", "vision", "object", "person", 0.9, t, t, "hall", data)
        ] * persons
        return self.step(Report("people", t, looks))


@pytest.fixture
def site() -> Site:
    """A hall with two lamps, a lock and a television."""
    checked = check_text(
        SITE.replace("of: smoke", "of: hall_smoke").replace(
            "sources:", "sources:\n  hall_smoke: {type: mqtt, topic: smoke}"
        ),
        "site.yaml",
        config_of,
        folder=Path(),
    )
    assert checked.site is not None, checked.problems
    return with_areas(checked.site)


@pytest.fixture
def house(site: Site) -> House:
    """It, awake."""
    return House(site)


def commands(outcome: Outcome) -> list[tuple[str, str]]:
    return [(str(each.data["intent"]), each.name) for each in outcome.actions if each.kind == "command"]


def said(outcome: Outcome) -> list[str]:
    return [str(each.data["text"]) for each in outcome.actions if each.kind == "say"]


def test_only_what_is_on_can_be_turned_off(house: House) -> None:
    """States come over MQTT; `that` is the one lamp that is lit, and the rule that obeys commands it."""
    house.told("ceiling.on", value=False)
    house.told("desk.on", value=True)
    house.told("tv.on", value=False)
    outcome = house.say("turn that off")
    assert commands(outcome) == [("turn_off", "desk")]
    (heard,) = outcome.observations
    assert heard.data["target"] == "desk"
    assert "it is on" in heard.data["because"]


def test_a_question_and_its_answer(house: House) -> None:
    """Two lamps: nothing is done and it asks; a name answers, and the order of before is done."""
    asked = house.say("turn on the light")
    assert (commands(asked), len(said(asked))) == ([], 1)
    assert set(asked.observations[0].data["candidates"]) == {"ceiling", "desk"}
    assert commands(house.say("the desk lamp")) == [("turn_on", "desk")]


def test_not_understood_is_said_and_commands_nothing(house: House) -> None:
    """It is published as such and answered, as somebody said the wake word."""
    outcome = house.say("what a lovely day for a walk")
    assert (commands(outcome), said(outcome)) == ([], ["I did not understand."])
    assert [each.label for each in outcome.observations] == ["not_understood"]


def test_a_high_stake_wants_somebody_seen(house: House) -> None:
    """The camera works and sees nobody: the door stays locked; with somebody there it opens."""
    house.sees(0)
    refused = house.say("unlock the front door")
    assert commands(refused) == []
    assert refused.observations[0].data["refused"] == "unseen"
    house.sees(1)
    assert commands(house.say("unlock the front door")) == [("unlock", "door")]


def test_detectors_are_told_who_is_where(house: House) -> None:
    """Views follow the camera and the television."""
    house.sees(1)
    assert house.attention.views["hall"].person
    house.told("tv.on", value=True)
    assert house.attention.views["hall"].television
    house.now += 60 * SECOND
    house.step()
    assert not house.attention.views["hall"].person


def test_a_timer_outlives_the_process(house: House, site: Site) -> None:
    """It is stored with the rules' state, is due in the next process, and wakes the decider."""
    outcome = house.say("set a timer for ten minutes")
    assert outcome.state is not None
    stored = outcome.dialogue.to_json(house.now, house.clock.wall(house.now))
    again = House(site, DialogueState.from_json(stored, house.now, house.clock.wall(house.now)))
    again.now = house.now
    again.step()
    due = again.decider.next_due(again.now)
    assert due == pytest.approx(house.now + 600 * SECOND, abs=2 * SECOND)
    again.now = due
    assert len(said(again.step())) == 1
    assert again.decider.next_due(again.now) is None


def test_why_an_alert_was_raised(house: House) -> None:
    """The reasons of the rule's alert are the answer."""
    house.told("smoke", value=True, source="hall_smoke")
    (answer,) = said(house.say("why did you sound the alarm"))
    assert "smoke" in answer.lower()


def test_a_question_about_a_state_is_answered_and_nothing_is_done(house: House) -> None:
    """`is the tv on` tells, and no thing is commanded to do anything."""
    house.told("tv.on", value=True)
    outcome = house.say("is the tv on")
    assert said(outcome) == ["Yes, the tv is on."]
    assert all(intent == "query_state" for intent, _ in commands(outcome))


def test_two_runs_are_the_same(site: Site) -> None:
    """The same facts give the same actions with the same ids."""
    one, two = House(site), House(site)
    for text in ("turn on the desk lamp", "no, the ceiling light", "turn it off", "unlock the front door"):
        assert one.say(text).actions == two.say(text).actions
