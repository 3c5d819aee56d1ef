"""How sure a wake word must be, given who is there."""

import pytest

from edgefuse.core.attention import View
from edgefuse.detectors.voice.gate import threshold

WATCHED = View(watched=True)
PERSON = View(watched=True, person=True)
FACING = View(watched=True, person=True, facing=True)


@pytest.mark.parametrize("view", [None, View()])
@pytest.mark.parametrize("configured", [0.05, 0.5, 0.7, 0.99])
def test_nothing_known_changes_nothing(view: View | None, configured: float) -> None:
    """Without cameras and things the configured threshold holds, whatever it is."""
    assert threshold(configured, view) == configured


def test_who_is_seen_is_heard_more_easily() -> None:
    """Facing before a person before nobody known before an empty room before a television."""
    order = [FACING, PERSON, View(), WATCHED, View(television=True), View(watched=True, television=True)]
    found = [threshold(0.7, view) for view in order]

    assert found == sorted(found)
    assert len(set(found)) == len(found)


def test_person_before_a_television() -> None:
    """What is seen and what is heard add up."""
    both = View(watched=True, person=True, television=True)

    assert threshold(0.7, PERSON) < threshold(0.7, both) < 0.7


def test_facing_away_is_a_person() -> None:
    """Where no detector tells, and where somebody looks away, a person is a person."""
    assert threshold(0.7, View(person=True, facing=False)) == threshold(0.7, View(person=True)) > threshold(0.7, FACING)


def test_own_speech_makes_it_harder() -> None:
    """While the device speaks the wake word must be surer, also where a person is seen."""
    assert threshold(0.7, None, speaking=True) > 0.7
    assert threshold(0.7, PERSON, speaking=True) > threshold(0.7, PERSON)


@pytest.mark.parametrize("configured", [0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("view", [FACING, View(watched=True, television=True)])
def test_no_view_opens_or_shuts_the_gate_for_good(configured: float, view: View) -> None:
    """It stays between .1 and .98, or where it was configured beyond them."""
    found = threshold(configured, view)

    assert min(0.1, configured) <= found <= max(0.98, configured)
