"""What decodes heat maps in TensorFlow.js, against numpy."""

from pathlib import Path

import numpy as np

from tests.unit.engines.test_tfjs import RNG, X, node, run, text

FLOAT, INT, BOOL = ({"type": f"DT_{kind}"} for kind in ("FLOAT", "INT32", "BOOL"))


def test_the_best_places_of_a_map_are_found(tmp_path: Path) -> None:
    """TopK, its places taken apart by the map's size, and what lies there by GatherNd."""
    weights = {
        "flat": np.array([-1], np.int32),
        "k": np.array(3, np.int32),
        "wide": np.array(X.shape[3], np.int32),
        "plane": np.array([X.size // 3, 3], np.int32),
    }
    nodes = [
        node("Reshape", "all", "x", "flat"),
        node("TopKV2", "top", "all", "k"),
        node("FloorDiv", "row", "top:1", "wide"),
        node("Mul", "whole", "row", "wide"),
        node("Sub", "column", "top:1", "whole"),
        node("Pack", "places", "row", "column", axis={"i": "1"}),
        node("Reshape", "rows", "x", "plane"),
        node("GatherNd", "found", "rows", "places"),
        node("Cast", "rowf", "row", DstT=FLOAT),
    ]
    best = np.argsort(-X.reshape(-1), kind="stable")[:3]
    expected = {"found": X.reshape(-1)[best], "rowf": (best // 3).astype(np.float32)}
    run(tmp_path, nodes, expected, weights)


def test_slices_begin_end_shrink_and_add_axes(tmp_path: Path) -> None:
    """A slice with masks, of a picture and of its own shape."""
    weights = {
        "b": np.array([0, 1, -1, 0], np.int32),
        "e": np.array([1, 4, 0, 2], np.int32),
        "s": np.array([1, 2, 1, 1], np.int32),
        "b1": np.array([1], np.int32),
        "e1": np.array([3], np.int32),
        "s1": np.array([1], np.int32),
    }
    nodes = [
        node("StridedSlice", "part", "x", "b", "e", "s", shrink_axis_mask={"i": "4"}, begin_mask={"i": "8"}),
        node("Shape", "shape", "x"),
        node("StridedSlice", "inner", "shape", "b1", "e1", "s1"),
        node("Cast", "size", "inner", DstT=FLOAT),
        node(
            "StridedSlice",
            "more",
            "x",
            "b",
            "e",
            "s",
            new_axis_mask={"i": "8"},
            begin_mask={"i": "7"},
            end_mask={"i": "7"},
        ),
    ]
    expected = {
        "part": X[0:1, 1:4:2, -1, :2],
        "size": np.array(X.shape[1:3], np.float32),
        "more": X[:, ::2][..., None, :],
    }
    run(tmp_path, nodes, expected, weights)


def test_what_is_counted_compared_and_chosen(tmp_path: Path) -> None:
    """Reductions, comparisons, a choice, tiles, fills, ranges, and parts of an axis."""
    weights = {
        "zero": np.array(0, np.float32),
        "last": np.array(3, np.int32),
        "start": np.array(0, np.int32),
        "seven": np.array(7, np.int32),
        "one": np.array(1, np.int32),
        "times": np.array([1, 1, 1, 2], np.int32),
        "sizes": np.array([2, 2], np.int32),
        "six": np.array(6, np.float32),
        "nothing": np.zeros(X.shape, np.float32),
    }
    nodes = [
        node("Greater", "above", "x", "zero"),
        node("Select", "positive", "above", "x", "nothing"),
        node("Sum", "sum", "positive", "last"),
        node("Max", "max", "x", "last", keep_dims={"b": True}),
        node("ArgMax", "arg", "x", "last", output_type=INT),
        node("Cast", "where", "arg", DstT=FLOAT),
        node("SquaredDifference", "apart", "x", "max"),
        node("Tile", "twice", "x", "times"),
        node("Fill", "filled", "sizes", "six"),
        node("Range", "range", "start", "seven", "one"),
        node("Cast", "numbers", "range", DstT=FLOAT),
        node("Split", "parts", "last", "x", num_split={"i": "3"}),
        node("Squeeze", "third", "parts:2", squeeze_dims={"list": {"i": ["3"]}}),
        node("Unpack", "colours", "x", axis={"i": "3"}, num={"i": "3"}),
        node("AddN", "added", "colours", "colours:1", "third"),
        node("ExpandDims", "wider", "added", "last"),
    ]
    expected = {
        "sum": np.maximum(X, 0).sum(3),
        "where": X.argmax(3).astype(np.float32),
        "apart": (X - X.max(3, keepdims=True)) ** 2,
        "twice": np.tile(X, (1, 1, 1, 2)),
        "filled": np.full((2, 2), 6, np.float32),
        "numbers": np.arange(7, dtype=np.float32),
        "wider": X.sum(3)[..., None],
    }
    run(tmp_path, nodes, expected, weights)


def test_depthwise_convolution_with_bias_and_relu6(tmp_path: Path) -> None:
    """A fused depthwise convolution equals a sum over the window of each colour by itself."""
    weights = {
        "w": RNG.normal(size=(3, 3, 3, 1)).astype(np.float32),
        "bias": np.array([1.0, 2.0, 3.0], np.float32),
    }
    nodes = [
        node(
            "FusedDepthwiseConv2dNative",
            "y",
            "x",
            "w",
            "bias",
            padding=text("VALID"),
            strides={"list": {"i": ["1", "1", "1", "1"]}},
            fused_ops={"list": {"s": [text("BiasAdd")["s"], text("Relu6")["s"]]}},
        )
    ]
    taken = np.lib.stride_tricks.sliding_window_view(X[0], (3, 3), axis=(0, 1))
    expected = np.einsum("yxchw,hwc->yxc", taken, weights["w"][..., 0]) + weights["bias"]
    run(tmp_path, nodes, {"y": np.clip(expected, 0, 6)[None].astype(np.float32)}, weights)
