"""What passes as a copy of a model."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.engines.precision import compare, filled
from edgefuse.pipeline.clock import ReplayClock

CLOCK = ReplayClock(datetime(2026, 1, 1, tzinfo=timezone.utc))
FEEDS: list[Tensors] = [{"x": np.linspace(-1, 1, 50, dtype=np.float32) * n} for n in range(1, 4)]


class Affine:
    """y = gain * x + noise, and what else the test asks for."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"x": (50,)}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"y": (50,)}
    runs_on = "numpy"

    def __init__(self, gain: float = 1, noise: float = 0, bad: float | None = None, name: str = "y") -> None:
        self._gain, self._noise, self._bad, self._name = gain, noise, bad, name
        self._random = np.random.default_rng(0)

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        y = self._gain * inputs["x"] + self._random.normal(0, self._noise, 50).astype(np.float32)
        if self._bad is not None:
            y[7] = self._bad
        return {self._name: y}

    def example(self) -> dict[str, NDArray[Any]]:
        return dict(FEEDS[0])

    def close(self) -> None:
        """Nothing is held."""


class Sum(Affine):
    """Adds up what it has heard; its copy may leak."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"x": (50,), "state": (50,)}

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        return {"y": self._gain * inputs["state"] + inputs["x"]}


class Judge:
    """A task that always says the same."""

    metric = "hits"
    floor = 0.9

    def __init__(self, agreement: float = 1, carried: Mapping[str, str] | None = None) -> None:
        self.carried: Mapping[str, str] = carried or {}
        self._agreement = agreement

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:  # noqa: ARG002  it has its own
        return FEEDS

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        assert len(reference) == len(candidate) == len(FEEDS)
        return self._agreement


def test_an_equal_copy_passes() -> None:
    """The same numbers have a cosine of 1, no error and full agreement; a clock that stands tells no speed."""
    verdict = compare(Affine(), Affine(), FEEDS, Judge(), "fp32", CLOCK)
    assert verdict.ok
    assert (round(verdict.cosine, 9), verdict.max_error, verdict.agreement, verdict.metric) == (1, 0, 1, "hits")
    assert verdict.finite


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_fail(bad: float) -> None:
    """One NaN or infinity fails, and the output is named."""
    verdict = compare(Affine(), Affine(bad=bad), FEEDS, None, "int8", CLOCK)
    assert not verdict.ok
    assert not verdict.finite
    assert "1 of 50 numbers of 'y' are not finite" in verdict.detail


def test_noise_fails_by_the_cosine() -> None:
    """A candidate that differs by noise fails, and the detail has the figure and the limit."""
    verdict = compare(Affine(), Affine(noise=1), FEEDS, None, "int8", CLOCK)
    assert not verdict.ok
    assert verdict.cosine < 0.95
    assert "cosine" in verdict.detail
    assert "least 0.95" in verdict.detail


def test_what_passes_for_int8_may_fail_for_fp32() -> None:
    """The limits depend on the precision."""
    assert compare(Affine(), Affine(noise=0.05), FEEDS, None, "int8", CLOCK).ok
    assert not compare(Affine(), Affine(noise=0.05), FEEDS, None, "fp32", CLOCK).ok


def test_another_scale_fails_by_the_error() -> None:
    """Twice the numbers point the same way, but the error exceeds the range's share."""
    verdict = compare(Affine(), Affine(gain=2), FEEDS, None, "fp16", CLOCK)
    assert not verdict.ok
    assert verdict.max_error == pytest.approx(0.5)


def test_the_task_has_the_last_word() -> None:
    """Equal numbers fail where the task does not agree, and the detail has its metric."""
    verdict = compare(Affine(), Affine(), FEEDS, Judge(0.8), "fp32", CLOCK)
    assert not verdict.ok
    assert "hits 0.8000 (least 0.9)" in verdict.detail


def test_another_output_fails() -> None:
    """A candidate without the reference's outputs is told, not raised."""
    verdict = compare(Affine(), Affine(name="z"), FEEDS, None, "fp32", CLOCK)
    assert not verdict.ok
    assert "expected outputs ['y'], got ['z']" in verdict.detail


def test_no_samples_is_an_error() -> None:
    """Nothing is judged on nothing."""
    with pytest.raises(ModelError, match="needs samples"):
        compare(Affine(), Affine(), [], None, "fp32", CLOCK)


def test_each_model_goes_on_from_its_own_state() -> None:
    """A copy that errs a little in every step errs more after three: the state is its own."""
    start: Tensors = {"state": np.zeros(50, np.float32)}
    stretch = [{**FEEDS[0], **start}, FEEDS[0], FEEDS[0]]
    verdict = compare(Sum(), Sum(gain=0.9), stretch, Judge(carried={"state": "y"}), "fp32", CLOCK)
    assert verdict.max_error == pytest.approx((3 - 2.71) / 6, rel=1e-4)


def test_filled_gives_every_input() -> None:
    """What a feed lacks comes from the run before; the first must have it."""
    start: Tensors = {"state": np.zeros(50, np.float32)}
    full = filled(Sum(), [{**FEEDS[0], **start}, FEEDS[0], FEEDS[0]], {"state": "y"})
    assert np.allclose(full[2]["state"], 2 * FEEDS[0]["x"])
    with pytest.raises(ModelError, match="the first must name every input"):
        filled(Sum(), FEEDS, {"state": "y"})
