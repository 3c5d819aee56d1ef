"""Checks of fusers."""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from math import exp, isfinite

from edgefuse.core.ports import Fuser
from edgefuse.core.types import SECOND, Decision, HealthChange, Observation
from edgefuse.testing.config_checks import Check, check_config

_CLOSE = 1e-6


def check_fuser(make: Callable[[], Fuser], facts: Sequence[Observation | HealthChange]) -> Iterator[Check]:
    """Facts that hold for every fuser. `facts` are in order of event time and hold evidence that it wants."""
    first = make()
    yield from check_config(type(first).Config)
    yield Check("wants some evidence and nothing foreign", lambda: _wants(first, facts))
    yield Check("gives the same decisions again", lambda: _repeats(make, facts))
    yield Check("says nothing new when nothing is new", lambda: _settles(make(), facts))
    yield Check("decisions are well-formed and add up", lambda: _adds_up(make(), facts))
    yield Check("never changes a fact", lambda: _leaves_alone(make(), facts))
    yield Check("ignores what it does not want", lambda: _ignores(make, facts))
    yield Check("what is missing adds nothing", lambda: _unknown_is_not_no(make(), facts))
    yield Check("takes long silence", lambda: _survives_silence(make(), facts))


def _time(fact: Observation | HealthChange) -> int:
    return fact.end if isinstance(fact, Observation) else fact.t


def decide(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> list[Decision]:
    """Tell the facts one by one, each at its own time."""
    return [decision for fact in facts for decision in fuser.update([fact], _time(fact))]


def _foreign(fact: Observation) -> Observation:
    return replace(fact, id="nobody/nowhere/0/0", detector="nobody", source="nowhere", kind="none", label="nothing")


def _observations(facts: Sequence[Observation | HealthChange]) -> list[Observation]:
    return [fact for fact in facts if isinstance(fact, Observation)]


def _wants(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    assert isinstance(fuser, Fuser), f"{type(fuser).__name__} lacks a method of edgefuse.core.ports.Fuser"
    observations = _observations(facts)
    wanted = {observation.detector for observation in observations if fuser.wants(observation)}
    assert wanted, "it wants none of the facts of this check"
    assert wanted <= fuser.parts, f"it wants facts of {sorted(wanted - fuser.parts)}, which `parts` does not name"
    assert not fuser.wants(_foreign(observations[0])), "it wants an observation of a part that it does not know"


def _repeats(make: Callable[[], Fuser], facts: Sequence[Observation | HealthChange]) -> None:
    first, again = (decide(make(), facts) for _ in range(2))
    assert first, "it decided nothing"
    assert first == again, "the same facts gave other decisions"


def _settles(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    decide(fuser, facts)
    now = _time(facts[-1])
    fuser.update([], now)
    again = fuser.update([], now)
    assert not again, f"asked again at the same moment it gave {list(again)}"


def _adds_up(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    ids = {observation.id for observation in _observations(facts)}
    for decision in decide(fuser, facts):
        assert 0 <= decision.p <= 1, f"p is {decision.p}"
        total = decision.prior + sum(decision.contributions.values())
        assert isfinite(total), f"log-odds are {total}"
        assert abs(_probability(total) - decision.p) < _CLOSE, (
            f"prior and contributions give {total}, p is {decision.p}"
        )
        assert decision.without.keys() == decision.contributions.keys(), "`without` and `contributions` differ in keys"
        assert all(0 <= p <= 1 for p in decision.without.values()), f"without: {decision.without}"
        assert set(decision.evidence) <= ids, f"evidence that was never given: {set(decision.evidence) - ids}"
        assert decision.since <= decision.t, "`since` lies in the future"
        json.dumps(asdict(replace(decision, contributions=dict(decision.contributions))), allow_nan=False)


def _probability(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds)) if log_odds > 0 else exp(log_odds) / (1 + exp(log_odds))


def _leaves_alone(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    before = deepcopy(list(facts))
    decide(fuser, facts)
    assert before == list(facts), "a fact was changed"


def _ignores(make: Callable[[], Fuser], facts: Sequence[Observation | HealthChange]) -> None:
    plain, noisy = make(), make()
    first: list[Decision] = []
    again: list[Decision] = []
    for fact in facts:
        first += plain.update([fact], _time(fact))
        noise = [_foreign(fact)] if isinstance(fact, Observation) else []
        again += noisy.update([*noise, fact], _time(fact))
    assert first == again, "observations of a part that it does not know changed its mind"


def _unknown_is_not_no(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    before = decide(fuser, facts)
    end = _time(facts[-1])
    dead = [HealthChange(part, "failed", "switched off", end) for part in sorted(fuser.parts)]
    told = [*before, *fuser.update(dead, end)]
    for decision in told:
        for name in set(decision.missing) & set(decision.contributions):
            assert abs(decision.contributions[name]) < _CLOSE, f"{name} is missing and adds {decision.contributions}"
            assert abs(decision.without[name] - decision.p) < _CLOSE, f"{name} is missing, but p is another without it"
    last = [*told, *fuser.update([], end + SECOND)][-1]
    assert last.missing or not before[-1].evidence or not dead, "every part is dead and nothing is missing"


def _survives_silence(fuser: Fuser, facts: Sequence[Observation | HealthChange]) -> None:
    decide(fuser, facts)
    end = _time(facts[-1])
    for seconds in (1, 60, 3600, 86_400, 30 * 86_400):
        for decision in fuser.update([], end + seconds * SECOND):
            assert 0 <= decision.p <= 1, f"p is {decision.p} after {seconds} s of silence"
