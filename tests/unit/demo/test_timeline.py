from typing import Any

import pytest

from edgefuse.core.types import SECOND
from edgefuse.demo.timeline import Line, Received, Timeline, percent, without

BASE = "edgefuse/demo"


def tell(timeline: Timeline, topic: str, payload: Any) -> list[Line]:
    return timeline.tell(Received(0, topic, payload))


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(BASE, {"demo/hall_light": "hall_light"})


def belief(p: float, **more: Any) -> dict[str, Any]:
    return {
        "because": ["the door is open"],
        "p": p,
        "contributions": {"sensor": 3.4, "vision": -2.1},
        "without": {"sensor": 0.01, "vision": 0.62},
        **more,
    }


def test_order_is_told_with_its_reasons(timeline: Timeline) -> None:
    """An intent is one line: thing and order, below it why."""
    payload = {"intent": "turn_on", "target": "hall_light", "because": ["'turn on the hall light' was said"]}

    (line,) = tell(timeline, f"{BASE}/intent", payload)

    assert line == Line("order", "order", "hall_light: turn on", ("'turn on the hall light' was said",))


def test_order_without_a_target_is_a_question(timeline: Timeline) -> None:
    """When the target is not sure, the question is told."""
    payload = {"intent": "turn_on", "target": None, "because": [], "question": "Which light?"}

    (line,) = tell(timeline, f"{BASE}/intent", payload)

    assert line.text == "turn on? Which light?"


def test_spoken_order_tells_how_sure_it_is(timeline: Timeline) -> None:
    """An order that was spoken carries its probability; one of a rule does not."""
    spoken = {"intent": "turn_on", "target": "hall_light", "because": [], "said": "turn on", "p": 0.81}

    (line,) = tell(timeline, f"{BASE}/intent", spoken)

    assert line.text == "hall_light: turn on, 81 % sure"


def test_utterance_that_is_not_understood_is_a_doubt(timeline: Timeline) -> None:
    """What was heard is quoted, and that nothing follows from it; the observation behind it is not told again."""
    payload = {"intent": "not_understood", "target": None, "said": "what a lovely evening", "because": ["nearest is x"]}
    behind = {"kind": "utterance", "label": "not_understood", "score": 0.3, "data": {"text": "what a lovely evening"}}

    (line,) = tell(timeline, f"{BASE}/intent", payload)

    assert (line.kind, line.details) == ("doubt", ("nearest is x",))
    assert line.text == "“what a lovely evening” is not understood, so nothing is done"
    assert tell(timeline, f"{BASE}/observation/voice", behind) == []


def test_wake_word_is_told(timeline: Timeline) -> None:
    """The wake word is a line of its own, before the order."""
    (line,) = tell(timeline, f"{BASE}/observation/voice", {"kind": "wake", "label": "alexa"})

    assert line.text == "Alexa …"


def test_onset_of_a_sound_is_told(timeline: Timeline) -> None:
    """A sound is told when it begins and not again while it lasts."""
    payload = {"kind": "sound", "label": "glass", "score": 0.966, "data": {"onset": True}}

    told = [tell(timeline, f"{BASE}/observation/sounds", {**payload, "data": {"onset": o}}) for o in (True, False)]

    assert told == [[Line("heard", "heard", "glass, 97 % sure")], []]


def test_pictures_are_told_when_somebody_comes_or_goes(timeline: Timeline) -> None:
    """Of many frames with one person only the first is a line, and the first a second after the last."""
    counts = [{}] * 10 + [{"person": 1}] * 50 + [{}] * 5 + [{"person": 2}] * 20 + [{}] * 20
    frames = [{"kind": "scene", "label": "objects", "data": {"counts": each}} for each in counts]

    lines = [
        (n, line.text)
        for n, frame in enumerate(frames)
        for line in timeline.tell(Received(n * SECOND // 10, f"{BASE}/observation/people", frame))
    ]

    assert lines == [(10, "a person"), (95, "no person any more")]


def test_status_is_told_once(timeline: Timeline) -> None:
    """A status that is published again is not told again."""
    states = [
        line.word for state in ("online", "online", "offline") for line in tell(timeline, f"{BASE}/status", state)
    ]

    assert states == ["online", "offline"]


def test_belief_is_told_when_it_moves(timeline: Timeline) -> None:
    """Small steps and slow decay are not told; what each modality adds and p without it are."""
    topic = f"{BASE}/belief/hall/intrusion"

    told = [tell(timeline, topic, belief(p)) for p in (0.01, 0.02, 0.4, 0.45, 0.85, 0.6, 0.5)]

    assert [len(lines) for lines in told] == [0, 0, 1, 0, 1, 0, 1]
    assert told[4][0].text == "hall.intrusion 85 %"
    assert told[4][0].details == (
        "the door is open",
        "in sum sensor +3.4, vision -2.1; 1 % without sensor, 62 % without vision",
    )


def test_missing_modality_is_told(timeline: Timeline) -> None:
    """A modality that is missing is named, and told anew when it goes missing though p stays."""
    topic = f"{BASE}/belief/hall/intrusion"
    tell(timeline, topic, belief(0.5))

    (line,) = tell(timeline, topic, belief(0.5, missing=["vision"], because=["nothing is known from vision"]))

    assert line.details == ("nothing is known from vision", "in sum sensor +3.4; 1 % without sensor")


def test_promise_of_a_trained_model_is_told(timeline: Timeline) -> None:
    """How often a trained model is right is the last line, with what is missing; naive Bayes promises nothing."""
    topic = f"{BASE}/belief/hall/break_in"
    rates = {"precision": 0.888, "recall": 0.745, "threshold": 0.4}

    (line,) = tell(timeline, topic, belief(0.5, missing=["vision"], expected=rates))
    (other,) = tell(timeline, f"{BASE}/belief/hall/intrusion", belief(0.5, expected=None))

    assert line.details[-1] == "expected from 40 % on without vision: precision 89 %, recall 74 %"
    assert len(other.details) == 2


def test_reasons_of_a_trained_model_are_not_summed_again(timeline: Timeline) -> None:
    """They are told modality by modality; what remains is what p would be without each."""
    because = [
        "sensor speaks strongly for it (+3.4): the door is open",
        "vision speaks strongly against it (-2.1): nobody",
    ]

    (line,) = tell(timeline, f"{BASE}/belief/hall/break_in", belief(0.5, because=because))

    assert line.details == (*because, "1 % without sensor, 62 % without vision")


def test_alert_carries_headline_severity_and_the_beliefs_behind_it(timeline: Timeline) -> None:
    """An alert tells what CAP says of it, why, and what each modality added."""
    payload = {
        "info": {"headline": "Somebody came in", "severity": "Severe", "urgency": "Immediate", "certainty": "Likely"},
        "because": ["hall.intrusion is 85 % likely", "people sees person"],
        "beliefs": {"hall.intrusion": belief(0.85)},
    }

    (line,) = tell(timeline, f"{BASE}/alert/intrusion", payload)

    assert line.kind == "alert"
    assert line.text == "Somebody came in (Severe, Immediate, Likely)"
    assert line.details[:2] == ("hall.intrusion is 85 % likely", "people sees person")
    assert line.details[2].startswith("in sum sensor +3.4")


def test_belief_behind_an_alert_is_not_told_again(timeline: Timeline) -> None:
    """What the alert has said of a belief is not repeated by the belief itself; what comes later is."""
    info = {"headline": "Somebody came in", "severity": "Severe", "urgency": "Immediate", "certainty": "Likely"}
    alert = {"info": info, "because": [], "beliefs": {"hall.intrusion": belief(0.85)}}

    tell(timeline, f"{BASE}/alert/intrusion", alert)

    assert tell(timeline, f"{BASE}/belief/hall/intrusion", belief(0.85)) == []
    assert len(tell(timeline, f"{BASE}/belief/hall/intrusion", belief(0.4))) == 1


def test_files_of_the_scene_are_called_by_their_names() -> None:
    """Where the scene lies is told once, at the end, and not with every fault."""
    line = Line("fault", "failed", "hall_cam: /cache/1a/hall.avi: ends", ("hall_cam is failed: /cache/1a/hall.avi",))

    assert without("/cache/1a/", line) == Line(
        "fault", "failed", "hall_cam: hall.avi: ends", ("hall_cam is failed: hall.avi",)
    )


def test_health_is_told_when_a_part_changes(timeline: Timeline) -> None:
    """Parts that start well are not told; one that fails is, once, and its return."""
    states = ("starting", "ok", "failed", "failed", "ok")
    payloads = [
        {"parts": {"hall_cam": {"state": state, "reason": "gone" if state == "failed" else ""}}} for state in states
    ]

    lines = [line for payload in payloads for line in tell(timeline, f"{BASE}/health", payload)]

    assert [(line.kind, line.word, line.text) for line in lines] == [
        ("fault", "failed", "hall_cam: gone"),
        ("status", "ok", "hall_cam"),
    ]


def test_thing_tells_its_state(timeline: Timeline) -> None:
    """The lamp's own message is a line; other topics of others are none."""
    assert tell(timeline, "demo/hall_light", {"state": "ON"}) == [Line("thing", "hall_light", "is on")]
    assert tell(timeline, "demo/hall_light/set", {"state": "ON"}) == []
    assert tell(timeline, "homeassistant/device/demo/config", {"device": {}}) == []


def test_malformed_payloads_are_shown_not_raised(timeline: Timeline) -> None:
    """Whatever is published on the daemon's topics, the listener goes on."""
    for topic in ("intent", "alert/x", "belief/a/b", "health", "observation/voice", "say"):
        (line,) = tell(timeline, f"{BASE}/{topic}", "no JSON")
        assert line.kind == "fault"


def test_percent_is_never_certain() -> None:
    """99.9 % is shown as 99 %: nothing here is certain."""
    assert [percent(p) for p in (0.0, 0.004, 0.5, 0.999)] == ["0 %", "0 %", "50 %", "99 %"]
