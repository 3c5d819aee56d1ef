from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Fuser
from edgefuse.core.types import SECOND, Decision, HealthChange, Observation
from edgefuse.fusion.bayes import Bayes, BayesConfig, Evidence
from edgefuse.fusion.explain import logit, sigmoid

Make = Callable[..., Bayes]
See = Callable[..., Observation]
Change = Callable[..., HealthChange]
PERSON = {"from": "people", "label": "person", "if_true": 0.9, "if_false": 0.02, "half_life_s": 10}
SPEECH = {"from": "voice", "label": "speech", "if_true": 0.6, "if_false": 0.05, "half_life_s": 20}
SMOKE = {"from": "smoke", "label": "smoke", "equals": True, "if_true": 0.95, "if_false": 0.01, "half_life_s": 60}


def at(fuser: Bayes, seconds: float, *facts: Observation | HealthChange) -> Decision:
    """The decision at a time; made afresh where nothing was worth telling."""
    told = fuser.update(facts, round(seconds * SECOND))
    fuser_last = fuser._last
    assert fuser_last is not None
    return told[0] if told else fuser_last


def test_is_a_fuser(bayes: Make) -> None:
    """It offers what the pipeline asks of a fuser."""
    assert isinstance(bayes(PERSON), Fuser)


def test_first_decision_is_the_prior(bayes: Make) -> None:
    """Before anything is known p is the prior, and everything is missing."""
    decision = at(bayes(PERSON, SMOKE), 1)

    assert decision.p == pytest.approx(0.1)
    assert decision.missing == ("sensor", "vision")
    assert decision.contributions == {"sensor": 0, "vision": 0}
    assert decision.area == "hall"


def test_sighting_is_bayes_rule(bayes: Make, see: See) -> None:
    """A certain sighting multiplies the odds by if_true / if_false."""
    decision = at(bayes(PERSON), 1, see("people", "person", 1))

    odds = 0.1 / 0.9 * 0.9 / 0.02
    assert decision.p == pytest.approx(odds / (1 + odds))
    assert decision.state
    assert decision.evidence == ("people/people_source/1000000000/0",)
    assert decision.because == ("people sees person (100 % sure): speaks strongly for it (+3.8)",)


def test_soft_evidence_weighs_by_score() -> None:
    """Score 1 counts fully, one half nothing, 0 as absence, and it rises in between."""
    evidence = Evidence.model_validate(PERSON)

    weights = [evidence.log_odds(score) for score in (0, 0.25, 0.5, 0.75, 1)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(logit(0.9) - logit(0.9) + -2.2823824)
    assert weights[2] == pytest.approx(0)
    assert weights[4] == pytest.approx(3.8066625)


def test_frames_do_not_add_up(bayes: Make, see: See) -> None:
    """The same person in twenty frames, twice in each, is one piece of evidence."""
    fuser = bayes(PERSON)
    frames = [see("people", "person", 1 + n / 10, score, n=i) for n in range(20) for i, score in enumerate((0.9, 0.4))]

    assert at(fuser, 3, *frames).p == pytest.approx(at(bayes(PERSON), 3, see("people", "person", 2.9, 0.9)).p)


def test_sighting_fades_with_its_half_life(bayes: Make, see: See) -> None:
    """After one half-life of silence it counts half, after many nothing."""
    fuser = bayes(PERSON)
    full = at(fuser, 0, see("people", "person", 0)).contributions["vision"]

    assert at(fuser, 10).contributions["vision"] == pytest.approx(full / 2)
    assert at(fuser, 300).contributions["vision"] == pytest.approx(0, abs=1e-6)
    assert at(fuser, 300).p == pytest.approx(0.1, abs=0.006)


def test_hands_over_smoothly_to_absence(bayes: Make, see: See) -> None:
    """While the camera looks on and sees nobody, p falls without a jump below the prior."""
    fuser = bayes(PERSON)
    told = [at(fuser, 0, see("people", "person", 0)).contributions["vision"]]
    for n in range(1, 400):
        scene = see("people", "objects", n / 5, 0.0, "scene")
        fuser.update([scene], scene.end)
        told.append(sum(share.log_odds for share in fuser._shares(scene.end)))

    steps = [before - after for before, after in pairwise(told)]
    assert all(0 <= step < 0.1 for step in steps)
    assert told[-1] == pytest.approx(Evidence.model_validate(PERSON).log_odds(0), abs=0.05)


def test_silence_is_not_a_no(bayes: Make, see: See, health: Change) -> None:
    """A live detector that has said nothing adds nothing; one that looked in vain counts against."""
    fuser = bayes(PERSON)

    assert at(fuser, 1, health("people", "ok", 1)).p == pytest.approx(0.1)
    assert at(fuser, 2, see("people", "objects", 2, 0.0, "scene")).p < 0.02


def test_dead_source_adds_nothing(bayes: Make, see: See, health: Change) -> None:
    """With the camera gone vision adds 0 and is missing; the other modality goes on."""
    fuser = bayes(PERSON, SMOKE)
    at(fuser, 1, see("people", "person", 1), see("smoke", "smoke", 1, kind="reading", value=True))
    decision = at(fuser, 2, health("people", "failed", 2))

    assert decision.contributions["vision"] == 0
    assert decision.contributions["sensor"] > 4
    assert decision.missing == ("vision",)
    assert decision.because[-1] == "nothing is known from vision: people not working"


def test_observation_does_not_raise_the_dead(bayes: Make, see: See, health: Change) -> None:
    """What a dead detector still sends is not evidence until it is reported alive."""
    fuser = bayes(PERSON)
    at(fuser, 1, health("people", "stale", 1))

    assert at(fuser, 2, see("people", "person", 2)).p == pytest.approx(0.1)
    assert at(fuser, 3, health("people", "degraded", 3)).p > 0.5


def test_value_outside_the_bounds_is_absence(bayes: Make, see: See) -> None:
    """A reading that fails the test counts against, unless absence is switched off."""
    hot = {"from": "climate", "label": "temperature", "above": 40, "if_true": 0.7, "if_false": 0.01}
    cool = see("climate", "temperature", 1, kind="reading", value=21.5, unit="degC")

    decision = at(bayes(hot), 1, cool)
    assert decision.contributions["sensor"] == pytest.approx(Evidence.model_validate(hot).log_odds(0))
    assert decision.because == ("climate reports temperature 21.5 degC: speaks against it (-1.2)",)
    assert at(bayes({**hot, "absence": False}), 1, cool).contributions["sensor"] == 0


@pytest.mark.parametrize(
    ("test", "value", "holds"),
    [
        ({"above": 40}, 41, True),
        ({"above": 40}, 40, False),
        ({"above": 10, "below": 20}, 15, True),
        ({"below": 20}, 25, False),
        ({"equals": "open"}, "open", True),
        ({"equals": True}, False, False),
        ({"above": 40}, "hot", None),
        ({}, 5, True),
    ],
)
def test_value_tests(test: dict[str, Any], value: Any, holds: object) -> None:
    """Bounds are open, equals is exact, and what cannot be compared is unknown."""
    assert Evidence.model_validate({**SMOKE, "equals": None, **test}).holds(value) is holds


def test_switch_needs_no_bounds(bayes: Make, see: See) -> None:
    """`smoke: false` is a look that found nothing, `smoke: true` a sighting."""
    plain = {**SMOKE, "equals": None}
    quiet = at(bayes(plain), 1, see("smoke", "smoke", 1, kind="reading", value=False))

    assert quiet.p < 0.1
    assert quiet.because == ("smoke reports no smoke: speaks strongly against it (-3.0)",)
    assert at(bayes(plain), 1, see("smoke", "smoke", 1, kind="reading", value=True)).p > 0.9


def test_filters(bayes: Make, see: See) -> None:
    """Label, kind, area, zone and detector must all fit."""
    door = bayes({**PERSON, "kind": "object", "area": "hall", "zone": "door"})

    assert door.wants(see("people", "person", 1, zones=["door"]))
    assert door.wants(see("people", "objects", 1, kind="scene"))
    assert not door.wants(see("people", "person", 1, zones=["stairs"]))
    assert not door.wants(see("people", "person", 1, kind="pose", zones=["door"]))
    assert not door.wants(see("people", "vehicle", 1, zones=["door"]))
    assert not door.wants(see("voice", "person", 1, zones=["door"]))
    assert not bayes({**PERSON, "area": "attic"}).wants(see("people", "person", 1))


def test_unwanted_value_is_no_evidence(bayes: Make, see: See) -> None:
    """A text where a number is expected says nothing."""
    hot = {"from": "climate", "label": "temperature", "above": 40, "if_true": 0.7, "if_false": 0.01}
    fuser = bayes(hot)

    assert at(fuser, 1, see("climate", "temperature", 1, kind="reading", value="?")).p == pytest.approx(0.1)


def test_two_cameras_of_one_detector(bayes: Make, see: See) -> None:
    """The camera that sees nobody does not talk the other one down."""
    fuser = bayes(PERSON)
    empty = see("people", "objects", 1.1, 0.0, "scene", source="back")

    assert at(fuser, 1.1, see("people", "person", 1, source="front"), empty).p > 0.8


def test_evidence_against(bayes: Make, see: See) -> None:
    """What is seen less often while it is true speaks against it."""
    away = {"from": "voice", "label": "bye", "kind": "utterance", "if_true": 0.01, "if_false": 0.3}
    decision = at(bayes(away), 1, see("voice", "bye", 1, 0.9, "utterance", text="good bye"))

    assert decision.p < 0.1
    assert decision.because[0].startswith("voice heard 'good bye': speaks against it (-1.1)")


def test_older_observation_does_not_overwrite(bayes: Make, see: See) -> None:
    """A late one changes nothing that is newer."""
    fuser = bayes(SMOKE)
    at(fuser, 2, see("smoke", "smoke", 2, kind="reading", value=True))

    assert at(fuser, 3, see("smoke", "smoke", 1, 0.7, kind="reading", value=True)).p > 0.9


def test_without_each_modality(bayes: Make, see: See) -> None:
    """`without` tells p as it would be had the modality said nothing."""
    decision = at(bayes(PERSON, SPEECH), 1, see("people", "person", 1), see("voice", "speech", 1, kind="speech"))

    assert decision.without["vision"] == pytest.approx(sigmoid(decision.prior + decision.contributions["audio"]))
    assert decision.p > max(decision.without.values())
    assert decision.because[1] == "voice hears speech (100 % sure): speaks strongly for it (+2.5)"


def test_state_has_hysteresis_and_since(bayes: Make, see: See) -> None:
    """On above threshold + hysteresis, off below threshold - hysteresis, `since` the change."""
    fuser = bayes(PERSON, threshold=0.6, hysteresis=0.2)
    on = at(fuser, 0, see("people", "person", 0))
    decisions = [decision for n in range(1, 300) for decision in fuser.update([], n * SECOND // 5)]
    off = next(decision for decision in decisions if not decision.state)

    assert on.state
    assert all(decision.since == 0 for decision in decisions if decision.state)
    assert min(decision.p for decision in decisions if decision.state) >= 0.4
    assert off.p < 0.4
    assert decisions[-1].since == off.t


def test_only_what_moved_is_told(bayes: Make, see: See) -> None:
    """No decision while p stays within .005 and neither state nor missing change."""
    fuser = bayes(PERSON)

    assert len(fuser.update([see("people", "person", 1)], SECOND)) == 1
    assert fuser.update([see("people", "person", 1.001)], SECOND + 1) == []


def test_evidence_from_nowhere_is_refused() -> None:
    """The error names belief, part and what is known."""
    config = BayesConfig.model_validate({"prior": 0.1, "evidence": [PERSON]})
    nothing: Any = None
    context = Context("a.b", nothing, PartHealth("a.b", "belief"), nothing, nothing, nothing, {"voice": "audio"})

    with pytest.raises(ConfigError, match=r"beliefs\.a\.b: evidence from 'people': no such part \(known: voice\)"):
        Bayes(config, context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": []}, "at least 1"),
        ({"evidence": [{**PERSON, "if_false": 0.9}]}, "it says nothing"),
        ({"threshold": 0.97}, "it can never switch"),
        ({"prior": 1.0}, "less than 1"),
    ],
)
def test_bad_configuration(change: dict[str, Any], message: str) -> None:
    """Mistakes are told with what was expected."""
    with pytest.raises(ValidationError, match=message):
        BayesConfig.model_validate({"prior": 0.1, "evidence": [PERSON], **change})


def test_reach(bayes: Make, see: See) -> None:
    """The bounds are reached by the strongest evidence, and shrink to the prior with every part down."""
    config = BayesConfig.model_validate({"prior": 0.1, "evidence": [PERSON, {**SPEECH, "absence": False}]})
    best = at(bayes(PERSON, SPEECH), 1, see("people", "person", 1), see("voice", "speech", 1))

    assert config.reach(frozenset())[1] == pytest.approx(best.p)
    low, high = config.reach(frozenset({"people"}))
    assert low == pytest.approx(0.1)
    assert 0.1 < high < best.p
    assert config.reach(frozenset({"people", "voice"})) == pytest.approx((0.1, 0.1))


def test_belief_without_a_dot_has_no_area(bayes: Make) -> None:
    """The area is what stands before the first dot, or what is configured."""
    assert at(bayes(PERSON, name="burglary"), 1).area is None
    assert at(bayes(PERSON, area="yard"), 1).area == "yard"
