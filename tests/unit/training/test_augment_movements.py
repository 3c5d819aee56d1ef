import numpy as np
import pytest

from edgefuse.corpora.corpus import Raw
from edgefuse.training.augment import augmented
from edgefuse.training.encoders import cnn1d, film


def test_a_warp_keeps_the_order_and_the_padding() -> None:
    """A rising line still rises, from near its beginning to near its end; what is unknown stays unknown."""
    data = np.full((4, 60, 1), np.nan, np.float32)
    data[:, :50, 0] = np.arange(50)
    found = augmented(Raw("sequence", data, 50.0), [{"warp": 0.5}], [1]).data
    assert np.isnan(found[:, 50:]).all()
    assert (np.diff(found[:, :50, 0], axis=1) >= 0).all()
    assert (found[:, 0, 0] <= 0.06 * 49 + 1e-3).all()
    assert not np.allclose(found[0, :50], found[1, :50])


def test_frames_are_warped_alike() -> None:
    """Frames keep their order, and none is made up."""
    film = np.broadcast_to(np.arange(16, dtype=np.uint8)[None, :, None, None], (2, 16, 4, 4))
    found = augmented(Raw("frames", np.ascontiguousarray(film), 8.0), [{"warp": 0.8}], [1]).data
    assert (np.diff(found[:, :, 0, 0].astype(int), axis=1) >= 0).all()
    assert not np.array_equal(found, film)


def test_seen_from_elsewhere_nobody_changes_height_or_shape() -> None:
    """A turn about the vertical keeps heights and distances between joints; another build does not."""
    joints = np.random.default_rng(0).normal(size=(1, 3, 12)).astype(np.float32)
    raw = Raw("sequence", joints, 30.0)
    turned = augmented(raw, [{"upright": 40}], [1]).data.reshape(3, 4, 3)
    before = joints.reshape(3, 4, 3)
    assert np.allclose(turned[..., 1], before[..., 1])
    assert np.allclose(
        np.linalg.norm(turned - turned[:, :1], axis=2), np.linalg.norm(before - before[:, :1], axis=2), atol=1e-5
    )
    assert not np.allclose(turned, before)
    factors = augmented(raw, [{"build": 0.1}], [1]).data.reshape(3, 4, 3) / before
    assert np.allclose(factors, factors[0, 0], atol=1e-4)
    assert len(np.unique(factors[0, 0].round(4))) == 3


def test_parts_of_time_keep_the_order() -> None:
    """With parts a convolutional encoder tells a sequence from the same one backwards better than by its edges."""
    encoder = cnn1d.make((16, 2), {"width": 4, "layers": 1, "kernel": 1, "dropout": 0.0, "parts": 4}).eval()
    torch = pytest.importorskip("torch")
    x = torch.randn(3, 16, 2)
    forward, backward = encoder(x), encoder(x.flip(1))
    assert forward.shape == (3, encoder.width) == (3, 20)
    assert torch.allclose(forward[:, :16].reshape(3, 4, 4).flip(1), backward[:, :16].reshape(3, 4, 4), atol=1e-5)
    assert not torch.allclose(forward, backward)
    with pytest.raises(ValueError, match="divisor"):
        cnn1d.make((16, 2), {"parts": 3})


def test_a_film_tells_where_something_moves() -> None:
    """The same movement on the left and on the right is not the same to the encoder; a flat picture is refused."""
    torch = pytest.importorskip("torch")
    encoder = film.make((4, 2, 8, 8), {"width": 6, "layers": 3}).eval()
    left = torch.zeros(1, 4, 2, 8, 8)
    left[:, 2:, :, 4, 1] = 1
    seen, mirrored = encoder(left), encoder(left.flip(4))
    assert seen.shape == (1, encoder.width) == (1, 6 * 5)
    assert not torch.allclose(seen, mirrored)
    with pytest.raises(ValueError, match="layers"):
        film.make((4, 1, 3, 20), {"layers": 3})
