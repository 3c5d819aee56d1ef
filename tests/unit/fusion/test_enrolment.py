"""How like an enrolled phrase a sound is."""

import numpy as np
import pytest

from edgefuse.fusion.enrolment import likeness

EAST, NORTH, WEST = np.eye(2)[0], np.eye(2)[1], -np.eye(2)[0]


def test_the_nearest_examples_count() -> None:
    """Three of them; those of voices unlike the speaker's do not pull a sound away."""
    examples = np.stack([EAST, EAST, EAST, WEST, WEST])[:, None]
    sounds = np.stack([EAST, NORTH, WEST])[:, None]
    np.testing.assert_allclose(likeness(sounds, examples), [1, 0, 1 / 3])
    np.testing.assert_allclose(likeness(sounds, examples[:1]), [1, 0, -1])


def test_only_members_that_are_free_judge() -> None:
    """Each sound by its own; all of them alike unless it is said who."""
    sounds = np.stack([[EAST, NORTH], [EAST, NORTH]])
    examples = np.stack([[EAST, EAST]])
    np.testing.assert_allclose(likeness(sounds, examples, np.array([[True, False], [False, True]])), [1, 0])
    np.testing.assert_allclose(likeness(sounds, examples), [0.5, 0.5])


def test_a_phrase_needs_an_example() -> None:
    """Nothing is like nothing."""
    with pytest.raises(ValueError, match="expected at least one example of the phrase, got none"):
        likeness(np.stack([[EAST]]), np.zeros((0, 1, 2)))
