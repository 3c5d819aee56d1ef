"""Changes of standardised features."""

import pytest
import torch

from edgefuse.training.perturb import perturbed

X = torch.ones(400, 10, 6)


def test_noise_and_scale_have_the_spread_that_is_asked_for() -> None:
    """Noise differs from value to value, scale from sample to sample."""
    torch.manual_seed(0)
    noisy, scaled = perturbed(X, {"noise": 0.5}), perturbed(X, {"scale": 0.5})
    assert float(noisy.std()) == pytest.approx(0.5, rel=0.05)
    assert float(scaled[:, 0, 0].std()) == pytest.approx(0.5, rel=0.1)
    assert torch.equal(scaled, scaled[:, :1, :1].expand_as(X))


@pytest.mark.parametrize(("change", "axis"), [("time", 1), ("bands", 2)])
def test_masks_hide_a_stretch(change: str, axis: int) -> None:
    """A stretch of up to half the axis is the mean, over all of the other axis."""
    torch.manual_seed(0)
    hidden = perturbed(X, {change: 0.5}) == 0
    assert torch.equal(hidden, hidden.amax(3 - axis, keepdim=True).expand_as(X))
    share = hidden.amax(3 - axis).float().mean(1)
    assert 0.1 < float(share.mean()) < 0.4
    assert float(share.max()) <= 0.6


def test_channels_are_lost_one_by_one() -> None:
    """Each channel with the chance that is given, for the whole length."""
    torch.manual_seed(0)
    lost = perturbed(X, {"channels": 0.3}) == 0
    assert torch.equal(lost, lost[:, :1].expand_as(X))
    assert float(lost.float().mean()) == pytest.approx(0.3, abs=0.05)


def test_a_table_has_no_time_and_tokens_are_left_alone() -> None:
    """What has no such axis, and ids, stay as they are."""
    table, ids = torch.ones(4, 3), torch.ones(4, 3, dtype=torch.int64)
    assert torch.equal(perturbed(table, {"time": 0.9, "bands": 0.9}), table)
    assert perturbed(ids, {"noise": 1.0}) is ids
