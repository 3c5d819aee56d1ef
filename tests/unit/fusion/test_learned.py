"""Beliefs of trained models, asked about every subset of what is there."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.types import SECOND, HealthChange, Observation
from edgefuse.fusion.explain import logit, sigmoid
from edgefuse.fusion.learned import Learned, LearnedConfig
from edgefuse.testing import check_fuser, make_context, run_all
from edgefuse.testing.trained import Shelf, Sum

See = Callable[..., Observation]
Health = Callable[..., HealthChange]
INPUTS = {"warm": {"from": "climate", "label": "temperature"}, "lit": {"from": "smoke", "label": "illuminance"}}
OTHERWISE = {
    "prior": 0.2,
    "evidence": [{"from": "people", "label": "person", "if_true": 0.9, "if_false": 0.02, "half_life_s": 10}],
}
WEIGHTS = {"warm": 2.0, "lit": -1.0}


def fuser(shelf: Shelf | None = None, **more: Any) -> Learned:
    shelf = shelf or Shelf(Sum(WEIGHTS, bias=-0.5))
    given = {"model": "sum", "label": "yes", "inputs": INPUTS, **more}
    modalities: Any = {"climate": "sensor", "smoke": "sensor", "people": "vision"}
    context = make_context("hall.used", kind="belief", models=shelf, modalities=modalities)
    return Learned(LearnedConfig.model_validate(given), context)


@pytest.fixture
def warm(see: See) -> Callable[..., Observation]:
    return lambda at, value: see("climate", "temperature", at, kind="reading", value=value, unit="degC")


@pytest.fixture
def lit(see: See) -> Callable[..., Observation]:
    return lambda at, value: see("smoke", "illuminance", at, kind="reading", value=value, unit="lx")


def test_contributions_and_prior_make_up_the_whole(warm: See, lit: See) -> None:
    """Of a sum, each modality adds its own summand, and p without it is that of the others."""
    (decision,) = fuser().update([warm(1, 0.5), lit(1, 1.0)], SECOND)

    assert decision.prior == pytest.approx(-0.5, abs=1e-5)
    assert dict(decision.contributions) == pytest.approx({"warm": 1.0, "lit": -1.0}, abs=1e-5)
    assert decision.p == pytest.approx(sigmoid(-0.5))
    assert dict(decision.without) == pytest.approx({"warm": sigmoid(-1.5), "lit": sigmoid(0.5)})
    assert decision.missing == ()
    assert len(decision.evidence) == 2


def test_it_says_why(warm: See, lit: See) -> None:
    """One sentence per modality, the strongest first, with what its part told."""
    (decision,) = fuser().update([warm(1, 0.9), lit(1, 0.1)], SECOND)
    assert decision.because == (
        "warm speaks for it (+1.8): climate reports temperature 0.9 degC",
        "lit speaks slightly against it (-0.1): smoke reports illuminance 0.1 lx",
    )


def test_what_is_not_known_is_masked(warm: See) -> None:
    """A modality that has told nothing is named as missing and adds nothing."""
    (decision,) = fuser().update([warm(1, 1.0)], SECOND)

    assert decision.missing == ("lit",)
    assert decision.contributions["lit"] == 0
    assert decision.without["lit"] == decision.p == pytest.approx(sigmoid(1.5))
    assert decision.operating == ((0.5, 0.9, 0.8),)
    assert "nothing is known from lit: no lit within 60 s" in decision.because or "not working" in decision.because[-1]


def test_a_dead_part_is_masked_at_once(warm: See, lit: See, health: Health) -> None:
    """Whatever it told before its death no longer counts."""
    learned = fuser()
    learned.update([warm(1, 1.0), lit(1, 1.0)], SECOND)
    (decision,) = learned.update([health("smoke", "failed", 2)], 2 * SECOND)

    assert decision.missing == ("lit",)
    assert decision.because[-1] == "nothing is known from lit: smoke not working"


def test_what_is_too_old_is_masked(warm: See, lit: See) -> None:
    """A value that nobody repeats ends being what is there, though its part lives."""
    learned = fuser()
    learned.update([warm(1, 1.0), lit(50, 1.0)], 50 * SECOND)
    (decision,) = learned.update([], 62 * SECOND)

    assert decision.missing == ("warm",)
    assert "no warm within 60 s" in decision.because[-1]


def test_what_is_far_from_the_training_data_is_masked(warm: See, lit: See) -> None:
    """A sensor that tells nonsense is not believed, and the sentence says what it told."""
    (decision,) = fuser().update([warm(1, 400.0), lit(1, 1.0)], SECOND)

    assert decision.missing == ("warm",)
    assert decision.because[-1].startswith("nothing is known from warm: warm 400 is far")


def test_a_recipe_may_say_what_is_valid(warm: See) -> None:
    """A value beyond everything in the training data may be just what is looked for."""
    shelf = Shelf(Sum({"warm": 0.01}), grid={"valid": {"warm": (0.0, 500.0)}})
    learned = fuser(shelf, inputs={"warm": INPUTS["warm"]})
    (hot,) = learned.update([warm(1, 400.0)], SECOND)
    (mad,) = learned.update([warm(2, 600.0)], 2 * SECOND)
    assert (hot.missing, mad.missing) == ((), ("warm",))


def test_the_model_runs_only_when_something_changed(warm: See, lit: See) -> None:
    """The same window is not asked about twice; each new value is."""
    shelf = Shelf(Sum(WEIGHTS))
    learned = fuser(shelf)
    learned.update([warm(1, 0.5), lit(1, 0.5)], SECOND)
    runs = shelf.model.runs
    for tenth in range(11, 60):
        learned.update([], tenth * SECOND // 10)
    assert shelf.model.runs == runs
    learned.update([warm(7, 0.6)], 7 * SECOND)
    assert shelf.model.runs == runs + 1


def test_hysteresis(warm: See) -> None:
    """The state stays where it is while p is near the threshold."""
    learned = fuser(Shelf(Sum({"warm": 1.0}, bias=0.0), seen=(-9, 9)), inputs={"warm": INPUTS["warm"]})
    states = []
    for second, value in enumerate([0.0, 0.5, -0.1, -0.5], start=1):
        states += [each.state for each in learned.update([warm(second, value)], second * SECOND)]
    assert states == [False, True, True, False]


def test_a_channel_that_nothing_tells_is_no_missing_one(warm: See) -> None:
    """Null says that nobody is expected to speak."""
    (decision,) = fuser(inputs={**INPUTS, "lit": None}).update([warm(1, 1.0)], SECOND)
    assert decision.missing == ()
    assert decision.contributions.keys() == {"warm"}


def test_a_channel_may_rest(see: See, health: Health) -> None:
    """A detector that speaks only when there is something counts as silent, not as unknown, while it works."""
    shelf = Shelf(Sum({"lit": 3.0}, bias=-1.0), grid={"rest": {"lit": 0.0}, "hold_s": 2})
    learned = fuser(shelf, inputs={"lit": {"from": "people", "label": "person"}})
    (first,) = learned.update([health("people", "ok", 1)], SECOND)
    (seen,) = learned.update([see("people", "person", 5, score=0.9)], 5 * SECOND)
    (later,) = learned.update([], 8 * SECOND)

    assert first.missing == ()
    assert first.because == ()
    assert logit(first.p) == pytest.approx(-1, abs=1e-5)
    assert logit(seen.p) == pytest.approx(1.7, abs=1e-5)
    assert logit(later.p) == pytest.approx(-1, abs=1e-5)


def test_what_was_not_noticed_is_said(see: See, health: Health) -> None:
    """A modality that speaks by its silence names no observation, and none that the window has left behind."""
    rest = {"rest": {"lit": 1.0}, "hold_s": 2}
    learned = fuser(Shelf(Sum({"lit": 3.0}), grid=rest), inputs={"lit": {"from": "people", "label": "person"}})
    (silent,) = learned.update([health("people", "ok", 1)], SECOND)
    (empty,) = learned.update([see("people", "objects", 5, score=0.0, kind="scene", counts={})], 5 * SECOND)
    (seen,) = learned.update([see("people", "person", 10, score=0.9)], 10 * SECOND)
    (later,) = learned.update([], 90 * SECOND)

    assert silent.because == ("lit speaks strongly for it (+3.0): nothing was noticed",)
    assert empty.because == ()
    assert seen.because == ("lit speaks strongly for it (+2.7): people sees person (90 % sure)",)
    assert later.because == ("lit speaks strongly for it (+3.0): nothing was noticed",)
    assert later.evidence == ()


def test_three_persons_in_a_frame_are_one_sighting(see: See) -> None:
    """Within one moment the strongest counts, in whatever order they are told."""
    inputs = {"lit": {"from": "people", "label": "person"}}
    for scores in ([0.9, 0.3], [0.3, 0.9]):
        people = [see("people", "person", 1, score=score, n=n) for n, score in enumerate(scores)]
        (decision,) = fuser(Shelf(Sum({"lit": 1.0})), inputs=inputs).update(people, SECOND)
        assert logit(decision.p) == pytest.approx(0.9, abs=1e-5)


def test_otherwise_decides_when_nothing_is_known(see: See, warm: See) -> None:
    """Naive Bayes takes over, says so, and hands back."""
    learned = fuser(otherwise=OTHERWISE)
    (spare,) = learned.update([see("people", "person", 1)], SECOND)
    (again,) = learned.update([warm(2, 1.0)], 2 * SECOND)

    assert spare.p > 0.8
    assert spare.contributions.keys() == {"vision"}
    assert spare.because[-1].startswith("the model sum is not asked, as nothing is known (warm: ")
    assert again.contributions.keys() == {"warm", "lit"}


def test_otherwise_decides_when_the_model_breaks(see: See, warm: See) -> None:
    """A device that is gone is said, and the model is tried again a minute later."""
    shelf = Shelf(Sum(WEIGHTS))
    learned = fuser(shelf, otherwise=OTHERWISE)
    learned.update([warm(1, 1.0), see("people", "person", 1)], SECOND)
    shelf.model.fails = True
    (broken,) = learned.update([warm(2, 0.9)], 2 * SECOND)
    shelf.model.fails = False
    learned.update([warm(50, 0.8)], 50 * SECOND)
    told = [each for second in (61, 62, 63) for each in learned.update([], second * SECOND)]

    assert broken.because[-1] == "the model sum cannot be asked: the device is gone"
    assert broken.contributions.keys() == {"vision"}
    assert told[-1].contributions.keys() == {"warm", "lit"}


def test_without_otherwise_a_broken_model_leaves_the_prior(warm: See) -> None:
    """Everything is missing, so that no rule takes the prior for knowledge, and the reason is told."""
    shelf = Shelf(Sum(WEIGHTS))
    learned = fuser(shelf)
    shelf.model.fails = True
    (decision,) = learned.update([warm(1, 1.0)], SECOND)

    assert decision.p == pytest.approx(0.5)
    assert decision.missing == ("warm", "lit")
    assert decision.because == ("the model sum cannot be asked: the device is gone",)


def test_health_says_whether_the_model_is_asked(warm: See) -> None:
    """Which model, whether it decides, and why not."""
    shelf = Shelf(Sum(WEIGHTS))
    config = LearnedConfig.model_validate({"model": "sum", "label": "yes", "inputs": INPUTS})
    context = make_context("used", models=shelf, modalities={"climate": "sensor", "smoke": "sensor"})
    learned = Learned(config, context)
    learned.update([], 0)
    assert (context.health.state, context.health.info["learned"]["asked"]) == ("starting", False)
    learned.update([warm(1, 1.0)], SECOND)
    assert (context.health.state, context.health.info["learned"]["asked"]) == ("ok", True)
    shelf.model.fails = True
    learned.update([warm(2, 0.5)], 2 * SECOND)
    assert (context.health.state, context.health.info["learned"]["asked"]) == ("degraded", False)
    assert "the device is gone" in context.health.reason


def test_an_unknown_model_stops_unless_something_else_can_decide(see: See) -> None:
    """With `otherwise` the belief goes on and says why the model is not asked."""
    with pytest.raises(ModelError, match="unknown model 'other'"):
        fuser(model="other")
    (decision,) = fuser(model="other", otherwise=OTHERWISE).update([see("people", "person", 1)], SECOND)
    assert decision.because[-1] == "the model other cannot be asked: unknown model 'other' (known: sum)"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"label": "maybe"}, "label: expected a class of 'sum'"),
        ({"inputs": {"warm": INPUTS["warm"]}}, "missing: lit"),
        ({"inputs": {**INPUTS, "loud": None}}, "inputs.loud: expected a channel"),
        ({"inputs": {**INPUTS, "lit": {"from": "nobody", "label": "x"}}}, "inputs from 'nobody': no such part"),
    ],
)
def test_what_does_not_fit_the_model_is_a_mistake_of_the_file(wrong: dict[str, Any], told: str) -> None:
    """Labels, channels and parts are compared before anything runs."""
    with pytest.raises(ConfigError, match=told):
        fuser(**wrong)


def test_something_must_feed_it() -> None:
    """All inputs null would be a belief of nothing."""
    with pytest.raises(ValidationError, match="not null"):
        fuser(inputs=dict.fromkeys(INPUTS))


def test_several_classes_may_be_meant(warm: See) -> None:
    """Any one of them makes the belief true."""
    (decision,) = fuser(label=["no", "yes"]).update([warm(1, 1.0)], SECOND)
    assert decision.p == pytest.approx(1, abs=1e-5)
    assert decision.operating == ()


def test_it_names_what_it_listens_to(see: See, warm: See) -> None:
    """Inputs and the evidence of `otherwise` are waited for, nobody else."""
    learned = fuser(otherwise=OTHERWISE)
    assert learned.parts == {"climate", "smoke", "people"}
    assert learned.wants(warm(1, 1.0))
    assert learned.wants(see("people", "person", 1))
    assert not learned.wants(see("climate", "humidity", 1))
    assert not learned.wants(see("climate", "temperature", 1, kind="reading", value="warm"))


def test_reach_without_its_inputs() -> None:
    """With nothing left to feed it, a belief gets no further than what decides otherwise."""
    config = LearnedConfig.model_validate({"model": "sum", "label": "yes", "inputs": INPUTS, "otherwise": OTHERWISE})
    low, high = config.reach(frozenset({"climate", "smoke"}))
    assert config.reach(frozenset({"climate"})) == (0, 1)
    assert 0 < low < 0.2 < high < 1
    assert config.model_copy(update={"otherwise": None}).reach(frozenset({"climate", "smoke"})) == (1, 0)


@pytest.mark.parametrize("otherwise", [None, OTHERWISE])
def test_the_checks_of_every_fuser(otherwise: Any, warm: See, lit: See, see: See, health: Health) -> None:
    """It repeats itself, adds up, and takes long silence."""
    facts: list[Any] = [health(part, "ok", 0) for part in ("climate", "people", "smoke")]
    facts += [each for s in range(1, 6) for each in (warm(s, s / 6), lit(s, 0.3), see("people", "person", s))]
    facts.append(health("climate", "failed", 7))
    run_all(check_fuser(lambda: fuser(otherwise=otherwise), facts))


def test_memory_is_bounded(warm: See) -> None:
    """A part that tells a hundred values per second leaves no more than the windows need."""
    learned = fuser(Shelf(Sum(WEIGHTS), grid={"steps": 1, "hold_s": 5}))
    for hundredth in range(1, 3000):
        learned._take(warm(hundredth / 100, 0.5))
    (channel,) = learned._windows[0].channels
    assert len(channel.times) <= 16 * 8
    assert all(one < other for one, other in pairwise(channel.times))
