from pathlib import Path

import pytest

from edgefuse.config.load import check_text
from edgefuse.core.types import SECOND, Reading
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.pipeline.decide import Decider, Item, StateChange
from edgefuse.pipeline.stages import reading_report
from edgefuse.registry import config_of
from edgefuse.rules.engine import Engine
from edgefuse.rules.state import RuleState, arm
from edgefuse.testing import FakeClock

SITE = """
device: {id: t, area: hall}
sources: {smoke: {type: mqtt, topic: smoke}}
rules:
  - name: burglar
    armed: true
    when: {reading: {of: smoke, quantity: smoke, equals: true}}
    then: [{alert: burglar}]
"""
ARM = StateChange(lambda state: arm(state, armed=True))
DISARM = StateChange(lambda state: arm(state, armed=False))
SMOKE = reading_report(Reading("smoke", "hall", 1 * SECOND, "smoke", value=True))
CLEAR = reading_report(Reading("smoke", "hall", 2 * SECOND, "smoke", value=False))


@pytest.fixture
def decider() -> Decider:
    """A decider with one rule that works only while armed."""
    site = check_text(SITE, "site.yaml", config_of, folder=Path()).site
    assert site is not None
    return Decider(Beliefs({}, {}), Engine(site), RuleState(), FakeClock())


@pytest.mark.parametrize(
    ("items", "alerts"),
    [
        ([SMOKE, CLEAR, ARM], 0),
        ([ARM, SMOKE, CLEAR], 1),
        ([ARM, SMOKE, CLEAR, DISARM], 1),
        ([ARM, DISARM, SMOKE, CLEAR], 0),
    ],
)
def test_arming_counts_from_where_it_arrived(decider: Decider, items: list[Item], alerts: int) -> None:
    """What came in the same step but before the device was armed, or disarmed, is judged as it was then."""
    outcome = decider.step(items, 3 * SECOND)

    assert len(outcome.actions) == alerts
    assert [observation.data["value"] for observation in outcome.observations] == [True, False]
