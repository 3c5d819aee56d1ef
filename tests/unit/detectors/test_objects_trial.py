"""How copies of NanoDet are judged."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.detectors.objects import Objects
from edgefuse.detectors.objects_trial import ObjectsTrial
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import compare, convert
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.resources import resource


def outputs(*things: tuple[int, int, float]) -> Tensors:
    """What a NanoDet of one level (stride 8) says: (cell, class, score), each a box of six strides."""
    cells = 52 * 52
    scores, sides = np.zeros((1, cells, 80), np.float32), np.zeros((1, cells, 4, 11), np.float32)
    for cell, kind, score in things:
        scores[0, cell, kind] = score
        sides[0, cell, :, 3] = 100
    return {"scores": scores, "sides": sides.reshape(1, cells, 44)}


def test_what_both_see_agrees() -> None:
    """The same things agree fully, and so do two that see nothing."""
    same = [outputs((600, 0, 0.8), (1500, 2, 0.5)), outputs()]
    assert ObjectsTrial().agreement(same, same) == 1
    assert ObjectsTrial().agreement([outputs()], [outputs()]) == 1


def test_a_lost_an_invented_and_a_renamed_thing_count() -> None:
    """One of two is lost: two of three told things have a partner; another class is both lost and invented."""
    both, one = outputs((600, 0, 0.8), (1500, 2, 0.5)), outputs((600, 0, 0.8))
    assert ObjectsTrial().agreement([both], [one]) == pytest.approx(2 / 3)
    assert ObjectsTrial().agreement([one], [both]) == pytest.approx(2 / 3)
    assert ObjectsTrial().agreement([one], [outputs((600, 5, 0.8))]) == 0
    assert ObjectsTrial().agreement([one], [outputs((1500, 0, 0.8))]) == 0


def test_a_thing_near_the_threshold_is_not_lost() -> None:
    """What one copy scores .31 and the other .25 is seen by both; .15 is not."""
    assert ObjectsTrial().agreement([outputs((600, 0, 0.31))], [outputs((600, 0, 0.25))]) == 1
    assert ObjectsTrial().agreement([outputs((600, 0, 0.31))], [outputs((600, 0, 0.15))]) == 0


def test_bundled_photographs_are_fed_the_same_way_twice() -> None:
    """Enough views, all of the network's shape, equal from call to call; every photograph has a licence."""
    first, second = ObjectsTrial().feeds(None), ObjectsTrial().feeds(None)
    assert len(first) >= 30
    assert {feed["input_1"].shape for feed in first} == {(1, 3, 416, 416)}
    assert all(np.array_equal(a["input_1"], b["input_1"]) for a, b in zip(first, second, strict=True))
    folder = resource("models", "samples", "objects")
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    assert all(path.name in licences and path.stat().st_size < 40_000 for path in folder.glob("*.jpg"))


def test_own_photographs_are_used_instead(tmp_path: Path) -> None:
    """A folder's pictures are fed first as they are; a folder without any, and a file that is none, are errors."""
    with pytest.raises(ModelError, match="found none"):
        ObjectsTrial().feeds(tmp_path)
    with pytest.raises(ModelError, match="expected a folder"):
        ObjectsTrial().feeds(tmp_path / "nothing")
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((50, 80, 3), 128, np.uint8))
    feeds = ObjectsTrial().feeds(tmp_path)
    assert feeds[0]["input_1"][0, 0, 0, 0] == pytest.approx((128 - 103.53) / 57.375)
    (tmp_path / "bad.jpg").write_bytes(b"none")
    with pytest.raises(ModelError, match=r"bad\.jpg: not a picture"):
        ObjectsTrial().feeds(tmp_path)


def test_many_photographs_are_thinned_out(tmp_path: Path) -> None:
    """At most 40 feeds, spread over the folder."""
    for n in range(90):
        cv2.imwrite(str(tmp_path / f"{n:02}.png"), np.full((8, 8, 3), n, np.uint8))
    feeds = ObjectsTrial().feeds(tmp_path)
    assert len(feeds) == 40
    assert feeds[29]["input_1"][0, 0, 0, 0] == pytest.approx((87 - 103.53) / 57.375)


def test_only_the_catalogues_model_has_a_trial() -> None:
    """Of somebody's own network it is not known what it takes."""
    assert isinstance(Objects.trial("nanodet"), ObjectsTrial)
    assert Objects.trial("yard") is None


@pytest.mark.models
def test_nanodet_in_int8_passes(tmp_path: Path) -> None:
    """The int8 copy of the real model for CPUs passes its verdict, with most of its multiplications in int8."""
    import onnx

    source = Store(ModelsConfig(), SystemClock()).path("nanodet")
    target = tmp_path / "int8.onnx"
    trial: Any = Objects.trial("nanodet")
    feeds = trial.feeds(None)

    convert(source, target, "int8", "asymmetric", feeds, {}, lambda *_: True)

    backend = OnnxBackend()
    verdict = compare(backend.load(source, {}), backend.load(target, {}), feeds, trial, "int8", SystemClock())
    assert verdict.ok, verdict.detail
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(target))).graph
    costs = multiplications(graph)
    exact = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    in_int8 = [node for node in graph.node if node.op_type == "Conv" and set(node.input[:2]) <= exact]
    assert sum(costs[node.output[0]] for node in in_int8) >= 0.6 * sum(costs.values())


def multiplications(graph: Any) -> dict[str, int]:
    """Output of a convolution -> how often it multiplies: the size of its weights times the cells of that output."""
    sizes = {weight.name: math.prod(weight.dims) for weight in graph.initializer}
    sizes |= {
        node.output[0]: sizes[node.input[0]]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in sizes
    }
    cells = {
        value.name: math.prod(dim.dim_value for dim in value.type.tensor_type.shape.dim[2:])
        for value in (*graph.value_info, *graph.output)
    }
    return {
        node.output[0]: sizes[node.input[1]] * cells[node.output[0]] for node in graph.node if node.op_type == "Conv"
    }
