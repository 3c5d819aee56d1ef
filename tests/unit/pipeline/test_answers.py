from pathlib import Path
from typing import Any

import pytest

from edgefuse.app.build import Ports, build_beliefs, build_parts
from edgefuse.app.replay import NoBroker
from edgefuse.config.load import check_text
from edgefuse.core.health import Health
from edgefuse.core.types import SECOND, Reading
from edgefuse.fusion.experience import Experience
from edgefuse.pipeline.decide import Answered, Decider
from edgefuse.pipeline.stages import reading_report
from edgefuse.registry import config_of
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState
from edgefuse.testing import FakeClock

SITE = """
device: {id: t, area: hall}
sources: {smoke: {type: mqtt, topic: smoke}}
beliefs:
  hall.fire:
    prior: 0.2
    evidence: [{from: smoke, label: smoke, equals: true, if_true: 0.9, if_false: 0.1, half_life_s: 1}]
"""


@pytest.fixture
def decider() -> Decider:
    """A decider with one belief that rests on a smoke alarm."""
    site = check_text(SITE, "site.yaml", config_of, folder=Path()).site
    assert site is not None
    nothing: Any = None
    ports = Ports(FakeClock(), Health(), NoBroker(), nothing)
    beliefs = build_beliefs(site, ports, build_parts(site, ports))
    return Decider(beliefs, Engine(site), RuleState(), FakeClock())


def smoke(at: int) -> Any:
    return reading_report(Reading("smoke", "hall", at * SECOND, "smoke", value=True))


def test_false_alarms_that_are_denied_lower_the_belief(decider: Decider) -> None:
    """Ten alarms, each denied: the eleventh is believed less, and the experience is there to be stored."""
    first = decider.step([smoke(10)], 10 * SECOND).decisions[-1]
    stored = []
    for n in range(1, 11):
        span = (n * 100 * SECOND - SECOND, n * 100 * SECOND + SECOND)
        decider.step([smoke(n * 100)], n * 100 * SECOND)
        replies: list[str] = []
        outcome = decider.step([Answered("hall.fire", truth=False, span=span, reply=replies.append)], span[1])
        stored.append(outcome.state is not None)
        assert replies == [""]
    last = decider.step([smoke(1100)], 1100 * SECOND).decisions[-1]

    assert all(stored)
    assert (first.state, first.answers) == (True, 0)
    assert (last.state, last.answers) == (False, 10)
    assert last.p < first.p - 0.3


def test_an_answer_about_an_unknown_time_is_refused(decider: Decider) -> None:
    """Nothing was believed yet in that span: the user is told, and nothing is learnt."""
    decider.step([smoke(10)], 10 * SECOND)
    replies: list[str] = []
    outcome = decider.step([Answered("hall.fire", truth=True, span=(0, SECOND), reply=replies.append)], 11 * SECOND)

    assert "nothing was believed of hall.fire" in replies[0]
    assert outcome.experience == Experience()
    assert outcome.state is None


def test_forgetting_is_the_way_back(decider: Decider) -> None:
    """After `set/forget` the belief says what it said at first."""
    first = decider.step([smoke(10)], 10 * SECOND).decisions[-1]
    for _ in range(10):
        decider.step([Answered("hall.fire", truth=False, span=(9 * SECOND, 12 * SECOND))], 12 * SECOND)
    moved = decider.step([smoke(20)], 20 * SECOND).decisions[-1]
    decider.step([Answered(None, None)], 21 * SECOND)
    back = decider.step([smoke(30)], 30 * SECOND).decisions[-1]

    assert moved.p < first.p - 0.2
    assert back.p == pytest.approx(first.p)
