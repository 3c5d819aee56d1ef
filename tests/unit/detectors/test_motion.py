"""The motion gate."""

import numpy as np

from edgefuse.detectors.motion import MotionGate

ROOM = np.tile(np.arange(160, dtype=np.uint8)[None, :, None], (120, 1, 3))


def with_square(left: int, size: int = 20) -> np.ndarray:
    image = ROOM.copy()
    image[40 : 40 + size, left : left + size] = 255
    return image


def test_the_first_picture_moves_and_the_same_again_does_not() -> None:
    """Without anything to compare with there is motion; a still picture has none."""
    gate = MotionGate(0.002)

    assert [gate.moves(ROOM) for _ in range(4)] == [True, False, False, False]


def test_something_that_appears_moves_until_it_is_part_of_the_picture() -> None:
    """A new thing is motion at once, and no longer once it has stood for a while."""
    gate = MotionGate(0.002)
    gate.moves(ROOM)
    seen = [gate.moves(with_square(60)) for _ in range(200)]

    assert seen[0]
    assert not seen[-1]


def test_noise_of_a_sensor_does_not_move() -> None:
    """Grey noise with a standard deviation of 6 levels is no motion."""
    noise = np.random.default_rng(3)
    gate = MotionGate(0.002)
    pictures = [np.clip(ROOM + noise.normal(0, 6, ROOM.shape), 0, 255).astype(np.uint8) for _ in range(30)]

    assert not any([gate.moves(picture) for picture in pictures][1:])


def test_the_threshold_is_a_share_of_the_picture() -> None:
    """A square of 2 % of the picture moves at a threshold of 1 %, not at 5 %."""
    small, large = MotionGate(0.05), MotionGate(0.01)
    for gate in (small, large):
        gate.moves(ROOM)

    assert (small.moves(with_square(60)), large.moves(with_square(60))) == (False, True)


def test_another_size_is_a_new_picture() -> None:
    """A camera that changes its resolution moves once."""
    gate = MotionGate(0.002)
    gate.moves(ROOM)

    wide = np.zeros((50, 300, 3), np.uint8)
    assert [gate.moves(wide), gate.moves(wide)] == [True, False]


def test_extreme_shapes_pass() -> None:
    """Pictures of 2 pixels or of very long sides neither fail nor take much memory."""
    for shape in ((2, 2, 3), (2, 5000, 3), (5000, 2, 3)):
        assert MotionGate(0.002).moves(np.zeros(shape, np.uint8))
