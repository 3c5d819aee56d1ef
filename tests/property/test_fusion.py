"""Windows and the Bayes fuser under whatever may come."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Decision, HealthChange, Modality, Observation, observation_id
from edgefuse.fusion.bayes import Bayes, BayesConfig
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.fusion.explain import logit, sigmoid

MODALITIES: dict[str, Modality] = {"people": "vision", "voice": "audio", "smoke": "sensor"}
EVIDENCE: list[dict[str, Any]] = [
    {"from": "people", "label": "person", "if_true": 0.9, "if_false": 0.02, "half_life_s": 5},
    {"from": "people", "label": "smoke", "if_true": 0.4, "if_false": 0.05, "half_life_s": 5},
    {"from": "voice", "label": "speech", "if_true": 0.6, "if_false": 0.05, "half_life_s": 2},
    {"from": "smoke", "label": "smoke", "equals": True, "if_true": 0.95, "if_false": 0.01, "half_life_s": 20},
]
LATENESS = {"people": SECOND, "voice": 3 * SECOND // 2}
MS = 1_000_000


def fuser(evidence: list[dict[str, Any]] = EVIDENCE) -> Bayes:
    nothing: Any = None
    config = BayesConfig.model_validate({"prior": 0.1, "evidence": evidence})
    return Bayes(config, Context("hall.x", nothing, PartHealth("x", "belief"), nothing, nothing, nothing, MODALITIES))


@st.composite
def observations(draw: st.DrawFn, within_ms: int = 8000) -> Observation:
    part = draw(st.sampled_from(sorted(MODALITIES)))
    t = draw(st.integers(1, within_ms)) * MS
    score = draw(st.sampled_from([0.3, 0.5, 0.8, 1.0]))
    label = draw(st.sampled_from(["person", "smoke"])) if part == "people" else "speech" if part == "voice" else "smoke"
    kind, data = "object", {}
    if part == "people" and draw(st.booleans()):
        kind, label, score = "scene", "objects", 0.0
    if part == "smoke":
        kind, data = "reading", {"value": draw(st.booleans())}
    n = draw(st.integers(0, 10**6))
    name = observation_id(part, f"{part}_source", t, n)
    return Observation(name, part, f"{part}_source", MODALITIES[part], kind, label, score, t, t, "hall", data)


@st.composite
def health(draw: st.DrawFn) -> HealthChange:
    part = draw(st.sampled_from(sorted(MODALITIES)))
    return HealthChange(part, draw(st.sampled_from(["ok", "failed", "stale"])), "", draw(st.integers(0, 8000)) * MS)


facts = st.lists(st.one_of(observations(), observations(), health()), max_size=25)


def told(decisions: Sequence[Decision]) -> str:
    return json.dumps([asdict(decision) for decision in decisions], sort_keys=True)


@settings(deadline=None)
@given(st.lists(observations(), max_size=25, unique_by=lambda each: each.id), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(found: list[Observation], random: Any) -> None:
    """Shuffled, batched and delayed within the lateness, the same observations give byte-identical decisions."""
    in_order = Beliefs({"hall.x": fuser()}, LATENESS)
    decisions = in_order.advance(0)
    for each in sorted(found, key=lambda each: each.end):
        in_order.report(each.detector, each.end, [each])
    for part in MODALITIES:
        in_order.report(part, 20 * SECOND, [])
    decisions += in_order.advance(20 * SECOND)

    shuffled = Beliefs({"hall.x": fuser()}, {"people": 9 * SECOND, "voice": 9 * SECOND, "smoke": 9 * SECOND})
    others = shuffled.advance(0)
    for part in MODALITIES:
        shuffled.report(part, 0, [])
    random.shuffle(found)
    for n, each in enumerate(found):
        shuffled.report(each.detector, 0, [each])
        if random.random() < 0.5:
            others += shuffled.advance(8 * SECOND + n * MS)
    others += shuffled.advance(8 * SECOND + SECOND)
    for part in MODALITIES:
        shuffled.report(part, 20 * SECOND, [])
    others += shuffled.advance(20 * SECOND)

    assert told(others) == told(decisions)
    assert shuffled.late == 0


delayed = st.lists(
    st.tuples(observations(), st.floats(0, 0.99)), max_size=25, unique_by=lambda each: (each[0].id, each[0].end)
)


@settings(deadline=None)
@given(delayed)
def test_delays_within_the_lateness_do_not_matter(found: list[tuple[Observation, float]]) -> None:
    """Live, each part lagging behind as it likes, the decisions are those of a perfect world."""
    patience = {**LATENESS, "smoke": SECOND // 2}
    perfect = Beliefs({"hall.x": fuser()}, patience)
    expected = perfect.advance(0)
    for part in MODALITIES:
        perfect.report(part, 20 * SECOND, [each for each, _ in found if each.detector == part])
    expected += perfect.advance(20 * SECOND)

    live = Beliefs({"hall.x": fuser()}, patience)
    decisions = live.advance(0)
    for part in MODALITIES:
        live.report(part, 0, [])
    arrivals = [(each.end + int(delay * patience[each.detector]), each) for each, delay in found]
    for now, each in sorted(arrivals, key=lambda arrival: (arrival[0], arrival[1].id)):
        ahead = [other.end - 1 for at, other in arrivals if at >= now and other.detector == each.detector]
        live.report(each.detector, min(ahead), [each])
        decisions += live.advance(now)
    for part in MODALITIES:
        live.report(part, 20 * SECOND, [])
    decisions += live.advance(20 * SECOND)

    assert live.late == 0
    assert told(decisions) == told(expected)


@settings(deadline=None)
@given(facts)
def test_contributions_and_prior_sum_to_the_log_odds(given_facts: list[Observation | HealthChange]) -> None:
    """Nothing is lost or added between the reasons and the number."""
    bayes = fuser()
    for n, fact in enumerate(given_facts):
        for decision in bayes.update([fact], n * SECOND // 3):
            total = decision.prior + sum(decision.contributions.values())
            assert 0 < decision.p < 1
            assert logit(decision.p) == pytest.approx(total, abs=1e-9)
            assert set(decision.without) == set(decision.contributions)


@settings(deadline=None)
@given(facts, st.sampled_from(sorted(MODALITIES)))
def test_without_is_what_a_fuser_without_it_believes(given_facts: list[Observation | HealthChange], part: str) -> None:
    """`without` X equals the p of a fuser that never saw X."""
    whole, blind = fuser(), fuser([each for each in EVIDENCE if each["from"] != part])
    ordered = sorted(given_facts, key=lambda fact: fact.t if isinstance(fact, HealthChange) else fact.end)
    others = [fact for fact in ordered if (fact.part if isinstance(fact, HealthChange) else fact.detector) != part]
    last = whole.update(ordered, 8 * SECOND)[-1]

    assert last.without[MODALITIES[part]] == pytest.approx(blind.update(others, 8 * SECOND)[-1].p, abs=1e-12)


@settings(deadline=None)
@given(facts, st.sampled_from(sorted(MODALITIES)))
def test_dead_parts_add_nothing(given_facts: list[Observation | HealthChange], part: str) -> None:
    """Once a part has died, its modality adds exactly 0 and p is what the others say."""
    bayes = fuser()
    bayes.update(given_facts, 8 * SECOND)
    bayes.update([HealthChange(part, "failed", "", 8 * SECOND)], 8 * SECOND)
    last = bayes._last
    assert last is not None

    assert last.contributions[MODALITIES[part]] == 0
    assert MODALITIES[part] in last.missing
    assert last.without[MODALITIES[part]] == last.p


@settings(deadline=None)
@given(facts)
def test_p_stays_within_reach(given_facts: list[Observation | HealthChange]) -> None:
    """`reach` bounds every p that comes out, also while parts are down."""
    bayes = fuser()
    for fact in given_facts:
        bayes.update([fact], 8 * SECOND)
        down = frozenset(part for part in MODALITIES if not bayes._alive.get(part, False))
        low, high = bayes._config.reach(down)
        p = sigmoid(bayes._prior + sum(share.log_odds for share in bayes._shares(8 * SECOND)))
        assert low - 1e-12 <= p <= high + 1e-12


@settings(deadline=None)
@given(st.lists(observations(), max_size=25), st.lists(st.integers(1, 900), min_size=1, max_size=25))
def test_nothing_is_lost_and_time_never_goes_back(found: list[Observation], steps: list[int]) -> None:
    """Every observation reaches the fuser, late or not, and decisions come in order."""
    beliefs = Beliefs({"hall.x": fuser()}, LATENESS)
    seen: list[str] = []
    inner = beliefs._fusers["hall.x"]
    update = inner.update

    class Spy:
        Config: ClassVar[type] = Bayes.Config
        parts = inner.parts
        wants = staticmethod(inner.wants)

        def update(self, facts: Sequence[Observation | HealthChange], now: int) -> Sequence[Decision]:
            seen.extend(fact.id for fact in facts if isinstance(fact, Observation))
            return update(facts, now)

    beliefs._fusers["hall.x"] = Spy()
    now, times = 0, [0]
    for each, step in zip(found, steps * 25, strict=False):
        beliefs.report(each.detector, each.end, [each])
        now += step * MS
        times += [decision.t for decision in beliefs.advance(now)]
    times += [decision.t for decision in beliefs.advance(now + 20 * SECOND)]

    assert sorted(seen) == sorted(each.id for each in found)
    assert times == sorted(times)
