"""Weights on a grid, steps of tensors that hand numbers on, and which nodes are spared."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgefuse.core.errors import BuildCancelled
from edgefuse.core.ports import Tensors
from edgefuse.engines.precision import RECIPE
from edgefuse.engines.precision.observe import Spread
from edgefuse.engines.precision.ranges import ranges_of
from edgefuse.engines.precision.rounding import on_grid, rounded
from edgefuse.resources import resource


def convolution(weight: Any, group: int = 1, **attributes: Any) -> Any:
    """x (1, 6, 9, 9) -> y by one convolution, named `the_conv`."""
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, *s]) for n, s in (("x", [6, 9, 9]), ("y", [None] * 3))
    ]
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="the_conv", group=group, **attributes)
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def pictures(count: int = 8) -> list[Tensors]:
    """Channels that are much alike, as those of photographs are."""
    random = np.random.default_rng(4)
    common = random.normal(1, 1, (count, 1, 1, 9, 9))
    return [{"x": (one + random.normal(0, 0.2, (1, 6, 9, 9))).astype(np.float32)} for one in common]


def weight_of(*shape: int) -> Any:
    return np.random.default_rng(5).normal(0, 0.3, shape).astype(np.float32)


def nearest(weight: Any, largest: int) -> Any:
    step = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / largest
    return (np.rint(weight / step) * step).astype(np.float32)


def error(weight: Any, other: Any, **attributes: Any) -> float:
    """Mean square of the difference of what comes out."""
    backend = ReferenceEvaluator
    first, second = backend(convolution(weight, **attributes)), backend(convolution(other, **attributes))
    return float(np.mean([(first.run(None, dict(x))[0] - second.run(None, dict(x))[0]) ** 2 for x in pictures()]))


@pytest.mark.parametrize(
    "attributes", [{"pads": [1, 1, 1, 1]}, {"strides": [2, 2], "pads": [0, 1, 1, 0]}, {"dilations": [2, 1]}]
)
def test_what_comes_out_errs_less_than_with_the_nearest_weights(attributes: dict[str, Any]) -> None:
    """With 4 bits, less than half of the error of rounding each weight by itself, whatever places the kernel sees."""
    weight = weight_of(8, 6, 3, 3)

    found = rounded(convolution(weight, **attributes), {"the_conv"}, pictures(), 7, lambda _share: None)["w"]

    assert error(weight, found, **attributes) < 0.5 * error(weight, nearest(weight, 7), **attributes)


def test_the_grid_is_that_of_the_greatest_weight_of_a_channel() -> None:
    """Every value is a multiple of the greatest over 127, which stays: a quantiser finds the same integers."""
    weight = weight_of(8, 6, 3, 3)
    made = on_grid(weight, np.eye(54, dtype=np.float32), 127)

    peaks = np.abs(weight).reshape(8, -1).max(axis=1)
    assert np.allclose(np.abs(made).reshape(8, -1).max(axis=1), peaks, rtol=1e-6)
    whole = made.reshape(8, -1) / peaks[:, None] * 127
    assert np.abs(whole - np.rint(whole)).max() < 1e-3


def test_inputs_and_channels_of_nothing_but_zeros_stay_finite() -> None:
    """Neither an input that is always zero nor a channel without weights makes a number that is none."""
    weight = weight_of(2, 3, 1, 1)
    weight[1] = 0
    made = on_grid(weight, np.zeros((3, 3), np.float32), 127)

    assert np.isfinite(made).all()
    assert not made[1].any()


def test_groups_and_nodes_that_nobody_named_are_left_alone() -> None:
    """Only the named convolutions without groups are rounded."""
    assert not rounded(convolution(weight_of(6, 1, 3, 3), 6), {"the_conv"}, pictures(), 127, lambda _share: None)
    assert not rounded(convolution(weight_of(8, 6, 3, 3)), set(), pictures(), 127, lambda _share: None)


def test_rounding_stops_when_it_is_told_to() -> None:
    """What `tell` raises ends it between two samples."""
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        raise BuildCancelled("enough")

    with pytest.raises(BuildCancelled):
        rounded(convolution(weight_of(8, 6, 3, 3)), {"the_conv"}, pictures(), 127, tell)
    assert len(told) == 1


def _steps(second: float) -> dict[str, float]:
    """Of a, b and what both are joined to; `second` is the greatest of b."""
    node = helper.make_node("Concat", ["a", "b"], ["c"], axis=1)
    graph = helper.make_graph([node], "join", [], [], [])
    spreads = {}
    for name, top in (("a", 1.0), ("b", second), ("c", max(1.0, second))):
        spreads[name] = Spread()
        spreads[name].add(np.linspace(-0.2, top, 500, dtype=np.float32))
    found = ranges_of(graph, spreads, aligned=True)
    return {name: float(high - low) / 255 for name, (low, high) in found.items()}


def test_what_is_handed_on_keeps_its_step_unless_that_is_far_too_coarse() -> None:
    """Joined tensors get one step, so that nothing is rounded twice; one a hundred times smaller keeps its own."""
    alike, far = _steps(1.5), _steps(100.0)

    assert alike["a"] == pytest.approx(alike["c"])
    assert alike["b"] == pytest.approx(alike["c"])
    assert far["a"] < far["c"] / 10


def test_bundled_samples_are_part_of_the_recipe() -> None:
    """Other samples make other copies: whoever changes them raises RECIPE, and then both numbers here."""
    digest = hashlib.sha256()
    folder = Path(resource("models", "samples"))
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".jpg", ".png", ".wav"}:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    assert (RECIPE, digest.hexdigest()[:16]) == (2, "0e2a852464e9c94a")
