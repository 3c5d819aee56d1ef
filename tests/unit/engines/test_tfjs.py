"""TensorFlow.js operators, each against numpy."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.engines.tfjs import to_onnx

Array = NDArray[Any]
RNG = np.random.default_rng(7)
X = RNG.normal(size=(1, 5, 7, 3)).astype(np.float32)
"""NHWC."""


def node(op: str, name: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"op": op, "name": name, "input": list(inputs), "attr": attributes}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def shape_of(array: Array) -> dict[str, Any]:
    return {"dim": [{"size": str(size)} for size in array.shape]}


def write(folder: Path, nodes: list[dict[str, Any]], outputs: dict[str, Array], weights: dict[str, Array]) -> Path:
    """A model whose input `x` has the shape of X."""
    manifest = [{"name": name, "shape": list(w.shape), "dtype": w.dtype.name} for name, w in weights.items()]
    (folder / "w.bin").write_bytes(b"".join(np.ascontiguousarray(w).tobytes() for w in weights.values()))
    body = {
        "modelTopology": {
            "node": [
                node("Placeholder", "x", shape={"shape": shape_of(X)}),
                *(node("Const", name) for name in weights),
                *nodes,
            ]
        },
        "weightsManifest": [{"paths": ["w.bin"], "weights": manifest}],
        "signature": {"outputs": {n: {"name": f"{n}:0", "tensorShape": shape_of(a)} for n, a in outputs.items()}},
    }
    path = folder / "model.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def run(folder: Path, nodes: list[dict[str, Any]], expected: dict[str, Array], weights: dict[str, Array]) -> None:
    """Convert, run on X and compare every output."""
    session = onnxruntime.InferenceSession(
        to_onnx(write(folder, nodes, expected, weights)), providers=["CPUExecutionProvider"]
    )
    for (name, array), got in zip(expected.items(), session.run(list(expected), {"x": X}), strict=True):
        np.testing.assert_allclose(got, array, rtol=1e-5, atol=1e-5, err_msg=name)


def same(array: Array, kernel: tuple[int, int], stride: int, fill: float) -> tuple[Array, int, int]:
    """TensorFlow's SAME padding of NHWC: the odd pixel goes to the bottom right."""
    pads = []
    outs = []
    for size, k in zip(array.shape[1:3], kernel, strict=True):
        out = -(-size // stride)
        total = max((out - 1) * stride + k - size, 0)
        pads.append((total // 2, total - total // 2))
        outs.append(out)
    return np.pad(array, [(0, 0), *pads, (0, 0)], constant_values=fill), outs[0], outs[1]


def windows(array: Array, kernel: tuple[int, int], stride: int, fill: float, reduce: Callable[[Array], Array]) -> Array:
    padded, high, wide = same(array, kernel, stride, fill)
    rows = [
        [
            reduce(padded[0, y * stride : y * stride + kernel[0], x * stride : x * stride + kernel[1]])
            for x in range(wide)
        ]
        for y in range(high)
    ]
    return np.array(rows, np.float32)[None]


def bilinear(array: Array, size: tuple[int, int], at: Callable[[Array, int, int], Array]) -> Array:
    high, wide = array.shape[1:3]

    def place(out: int, inner: int) -> tuple[Array, Array, Array]:
        where = np.clip(at(np.arange(out), inner, out), 0, inner - 1)
        low = np.floor(where).astype(int)
        return low, np.minimum(low + 1, inner - 1), where - low

    y0, y1, fy = place(size[0], high)
    x0, x1, fx = place(size[1], wide)
    a = array[0]
    top = a[y0][:, x0] * (1 - fx)[None, :, None] + a[y0][:, x1] * fx[None, :, None]
    low = a[y1][:, x0] * (1 - fx)[None, :, None] + a[y1][:, x1] * fx[None, :, None]
    return (top * (1 - fy)[:, None, None] + low * fy[:, None, None])[None].astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2])
def test_conv2d_with_same_padding(tmp_path: Path, stride: int) -> None:
    """Conv2D with SAME padding equals a sum over windows, for both strides."""
    kernel = RNG.normal(size=(3, 3, 3, 4)).astype(np.float32)
    expected = windows(X, (3, 3), stride, 0, lambda w: np.einsum("hwc,hwco->o", w, kernel))

    attributes = {"strides": ints(1, stride, stride, 1), "padding": text("SAME"), "data_format": text("NHWC")}
    run(tmp_path, [node("Conv2D", "y", "x", "k", **attributes)], {"y": expected}, {"k": kernel})


def test_conv2d_with_valid_padding_and_dilation(tmp_path: Path) -> None:
    """Conv2D with VALID padding sees only whole windows, its taps apart by the dilation."""
    kernel = RNG.normal(size=(2, 2, 3, 2)).astype(np.float32)
    taps = [(dy, dx, X[0, dy * 2 : dy * 2 + 3, dx * 2 : dx * 2 + 5]) for dy in (0, 1) for dx in (0, 1)]
    expected = sum(part @ kernel[dy, dx] for dy, dx, part in taps)[None]

    attributes = {"strides": ints(1, 1, 1, 1), "dilations": ints(1, 2, 2, 1), "padding": text("VALID")}
    run(tmp_path, [node("Conv2D", "y", "x", "k", **attributes)], {"y": expected}, {"k": kernel})


def test_max_pool(tmp_path: Path) -> None:
    """MaxPool with SAME padding never takes the padding."""
    expected = windows(X, (3, 3), 2, -np.inf, lambda w: w.max((0, 1)))

    attributes = {"ksize": ints(1, 3, 3, 1), "strides": ints(1, 2, 2, 1), "padding": text("SAME")}
    run(tmp_path, [node("MaxPool", "y", "x", **attributes)], {"y": expected}, {})


def test_pad_and_pad_v2(tmp_path: Path) -> None:
    """Pad fills with 0, PadV2 with its third input, each axis by its own amounts."""
    amounts = np.array([[0, 0], [1, 2], [3, 0], [0, 1]], np.int32)
    pads = [tuple(row) for row in amounts.tolist()]
    expected = {"a": np.pad(X, pads), "b": np.pad(X, pads, constant_values=-9)}

    nodes = [node("Pad", "a", "x", "p"), node("PadV2", "b", "x", "p", "v")]
    run(tmp_path, nodes, expected, {"p": amounts, "v": np.array(-9, np.float32)})


def test_element_wise(tmp_path: Path) -> None:
    """Sigmoid, Relu, LeakyRelu, Identity and Add do what their names say."""
    bias = RNG.normal(size=3).astype(np.float32)
    nodes = [
        node("Sigmoid", "s", "x"),
        node("Relu", "r", "x"),
        node("LeakyRelu", "l", "x", alpha={"f": 0.1}),
        node("Identity", "i", "x"),
        node("AddV2", "a", "x", "b"),
        node("Add", "d", "x", "x"),
    ]
    expected = {
        "s": 1 / (1 + np.exp(-X)),
        "r": np.maximum(X, 0),
        "l": np.where(X > 0, X, 0.1 * X),
        "i": X,
        "a": X + bias,
        "d": X + X,
    }
    run(tmp_path, nodes, expected, {"b": bias})


def test_shape_operators(tmp_path: Path) -> None:
    """Reshape, Transpose, ConcatV2 and SplitV move values and change none; `split:1` is the second part."""
    nodes = [
        node("Reshape", "r", "x", "shape"),
        node("Transpose", "t", "x", "order"),
        node("SplitV", "s", "x", "sizes", "last"),
        node("ConcatV2", "c", "s:1", "s", "last"),
    ]
    expected = {
        "r": X.reshape(1, 35, 3),
        "t": X.transpose(0, 3, 1, 2),
        "c": np.concatenate([X[..., 1:], X[..., :1]], 3),
    }
    weights = {
        "shape": np.array([1, 35, 3], np.int32),
        "order": np.array([0, 3, 1, 2], np.int32),
        "sizes": np.array([1, 2], np.int32),
        "last": np.array(3, np.int32),
    }
    run(tmp_path, nodes, expected, weights)


@pytest.mark.parametrize(
    ("attributes", "at"),
    [
        ({}, lambda i, inner, out: i * inner / out),
        ({"half_pixel_centers": {"b": True}}, lambda i, inner, out: (i + 0.5) * inner / out - 0.5),
        ({"align_corners": {"b": True}}, lambda i, inner, out: i * (inner - 1) / (out - 1)),
    ],
    ids=["asymmetric", "half_pixel", "align_corners"],
)
def test_resize_bilinear(tmp_path: Path, attributes: dict[str, Any], at: Callable[[Array, int, int], Array]) -> None:
    """ResizeBilinear interpolates between the pixels that its attributes name."""
    nodes = [node("ResizeBilinear", "y", "x", "size", **attributes)]
    run(tmp_path, nodes, {"y": bilinear(X, (10, 14), at)}, {"size": np.array([10, 14], np.int32)})


def test_constants_are_folded(tmp_path: Path) -> None:
    """SparseToDense, Add and Transpose of constants leave only their result in the graph."""
    nodes = [
        node("SparseToDense", "dense", "indices", "shape", "values", "default"),
        node("Add", "sum", "dense", "dense"),
        node("Transpose", "turned", "sum", "order"),
        node("Add", "y", "x", "turned"),
    ]
    weights = {
        "indices": np.array([[0, 1], [2, 0]], np.int32),
        "shape": np.array([3, 7], np.int32),
        "values": np.array([5, 6], np.float32),
        "default": np.array(1, np.float32),
        "order": np.array([1, 0], np.int32),
    }
    dense = np.ones((3, 7), np.float32)
    dense[0, 1], dense[2, 0] = 5, 6
    run(tmp_path, nodes, {"y": X + (2 * dense).T}, weights)


def test_quantised_weights(tmp_path: Path) -> None:
    """float16 and uint8 weights are the floats that their manifest says."""
    half = np.array([0.5, -2, 4], np.float16)
    byte = np.array([0, 10, 255], np.uint8)
    path = write(tmp_path, [node("Add", "s", "h", "b"), node("Add", "y", "x", "s")], {"y": X}, {})
    body = json.loads(path.read_text(encoding="utf-8"))
    body["weightsManifest"][0]["weights"] = [
        {"name": "h", "shape": [3], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "b", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
    ]
    path.write_text(json.dumps(body), encoding="utf-8")
    (tmp_path / "w.bin").write_bytes(half.tobytes() + byte.tobytes())

    session = onnxruntime.InferenceSession(to_onnx(path), providers=["CPUExecutionProvider"])

    np.testing.assert_allclose(session.run(["y"], {"x": X})[0], X + np.array([-0.5, 2, 130.5]), rtol=1e-5)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two conversions are equal byte by byte, so that a hash can pin the result."""
    path = write(tmp_path, [node("Sigmoid", "y", "x")], {"y": X}, {})

    assert to_onnx(path) == to_onnx(path)


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    """The error names the operator, the node and what can be converted."""
    path = write(tmp_path, [node("Einsum", "who", "x")], {"who": X}, {})

    with pytest.raises(ModelError, match=r"operator Einsum of 'who' cannot be converted \(known: Abs"):
        to_onnx(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """JSON that is no graph model is a ModelError that names the file."""
    path = tmp_path / "model.json"
    path.write_text("{}", encoding="utf-8")

    with pytest.raises(ModelError, match=r"model.json: not a TensorFlow.js graph model"):
        to_onnx(path)
