from types import SimpleNamespace

import numpy as np
import pytest

from edgefuse.core.types import SECOND
from edgefuse.sources.pictures import Limit, PictureConfig, PictureWatch, Prepare, quieten


@pytest.mark.parametrize(("fps", "expected"), [(10, 100), (15, 150), (29, 290), (30, 300), (60, 300), (None, 300)])
def test_the_limit_is_even_and_exact(fps: float | None, expected: int) -> None:
    """Of 30 jittering pictures a second for 10 s, as many pass as the cap allows."""
    rng = np.random.default_rng(3)
    limit = Limit(fps)
    passed = [t for n in range(300) if limit.due(t := n * SECOND // 30 + int(rng.integers(0, 2_000_000)))]

    assert len(passed) == pytest.approx(expected, abs=3)


def test_after_a_gap_there_is_no_burst() -> None:
    """What was not seen is not caught up with."""
    limit = Limit(1)

    assert [limit.due(t * SECOND) for t in (0, 100, 100, 101)] == [True, True, False, True]


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1), (48, 64, 4), (48, 64, 3)])
def test_every_picture_becomes_bgr(shape: tuple[int, ...]) -> None:
    """Grey, with alpha, and plain."""
    prepared = Prepare(PictureConfig(type="x"))(np.full(shape, 90, np.uint8))

    assert prepared.shape == (48, 64, 3)
    assert set(prepared.ravel()) == {90}


def test_masks_follow_a_change_of_size() -> None:
    """A camera that switches its resolution stays masked."""
    prepare = Prepare(PictureConfig(type="x", masks={"top": [(0, 0), (1, 0), (1, 0.5), (0, 0.5)]}))
    for height in (48, 96, 20):
        image = prepare(np.full((height, height, 3), 90, np.uint8))

        assert not image[: height // 2].any()
        assert image[height // 2 + 1 :].min() == 90
        assert set(prepare.sample(image).ravel()) == {90}


def test_a_masked_picture_is_neither_black_nor_frozen() -> None:
    """What is masked says nothing about the camera; a picture masked as a whole is never complained about."""
    watch = PictureWatch(1)
    nothing = np.zeros((0, 3), np.uint8)

    assert [watch.look(t * SECOND, nothing) for t in range(5)] == [""] * 5


def test_a_picture_that_moves_again_is_well() -> None:
    """Frozen and black end with the first good picture."""
    watch = PictureWatch(2)
    still, lit, black = (np.full((9, 3), level, np.uint8) for level in (100, 120, 0))
    told = [
        watch.look(t * SECOND, image).split(":")[0] for t, image in enumerate([still] * 3 + [lit] + [black] * 3 + [lit])
    ]

    assert told == ["", "", "frozen", "", "", "black", "black", ""]


def test_opencv_4_and_5_are_quietened() -> None:
    """OpenCV 4, which a Jetson has, takes the level under another name than OpenCV 5; 2 is LOG_LEVEL_ERROR in both."""
    told: list[tuple[str, int]] = []

    quieten(SimpleNamespace(setLogLevel=lambda level: told.append(("4", level))))
    quieten(
        SimpleNamespace(utils=SimpleNamespace(logging=SimpleNamespace(setLogLevel=lambda n: told.append(("5", n)))))
    )

    assert told == [("4", 2), ("5", 2)]
