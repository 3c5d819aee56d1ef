"""How like an enrolled phrase a sound is."""

import numpy as np
import pytest

from edgefuse.fusion.enrolment import likeness, prototype

EAST, NORTH, WEST = np.eye(2)[0], np.eye(2)[1], -np.eye(2)[0]


def test_a_phrase_lies_in_the_middle_of_its_examples() -> None:
    """For every member in its own space, and of length 1."""
    found = prototype(np.stack([[EAST, EAST], [NORTH, EAST]]))
    np.testing.assert_allclose(found, [(EAST + NORTH) / np.sqrt(2), EAST])


def test_a_sound_is_like_a_phrase_by_its_direction() -> None:
    """The same direction is 1, the opposite -1, and a right angle nothing."""
    np.testing.assert_allclose(likeness(np.stack([[EAST], [NORTH], [WEST]]), EAST[None]), [1, 0, -1])


def test_only_members_that_are_free_judge() -> None:
    """Each sound by its own; all of them alike unless it is said who."""
    sounds = np.stack([[EAST, NORTH], [EAST, NORTH]])
    phrase = np.stack([EAST, EAST])
    np.testing.assert_allclose(likeness(sounds, phrase, np.array([[True, False], [False, True]])), [1, 0])
    np.testing.assert_allclose(likeness(sounds, phrase), [0.5, 0.5])


def test_a_phrase_needs_an_example() -> None:
    """Nothing is no phrase."""
    with pytest.raises(ValueError, match="expected at least one example of the phrase, got none"):
        prototype(np.zeros((0, 1, 2)))
