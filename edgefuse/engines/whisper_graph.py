"""Whisper's weights -> two ONNX graphs: the encoder, and the decoder with its cache as inputs and outputs.

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision"; Vaswani et al. 2017, "Attention Is
All You Need". Opset 17 and no operator of any runtime's own, every rank fixed and no dimension ever 0, so that ONNX
Runtime and TensorRT take both. The same weights give the same bytes, so that the result can be pinned by its hash.

There is no batch: one sound, and any number of texts about it. With h heads of 64, L layers, v tokens:

encoder: `mel` (1, 80, t), t even and at most 3000 -> for each layer of the decoder, with s = t / 2, `cross_key_0`
(h, 64, s) and `cross_value_0` (h, s, 64), which the decoder attends to.

decoder: `tokens` (n,), their `positions` (n,) in the text, `mask` (n, p + n), which is added to the scores of attention
(0: sees it, -10000: does not) over the p places of the cache and the n tokens themselves, `pick` (k,), the tokens whose
logits are wanted, the cache `past_key_0`, `past_value_0` (h, p, 64), p >= 1, and what the encoder gave -> `logits`
(k, v) and `key_0`, `value_0` (h, n, 64) for the caller to write into the cache. A cache is a buffer of any size whose
unused places are masked; a mask of another shape than a triangle scores a tree of texts in one run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from edgefuse.core.errors import ModelError
from edgefuse.engines.ct2 import Weights, read
from edgefuse.engines.onnx_graph import OnnxGraph

_EPSILON = 1e-5
_HEAD = 64
"""Of every Whisper; its square root scales the queries."""
_GELU = 3
"""CTranslate2's number of the exact GELU."""
_LEAST_GELU = -0.17


def encoder(path: Path) -> bytes:
    """The encoder of the CTranslate2 file `path` as ONNX. Raises ModelError when it is no Whisper."""
    return _convert(path, _encoder)


def decoder(path: Path) -> bytes:
    """The decoder of the CTranslate2 file `path` as ONNX. Raises ModelError when it is no Whisper."""
    return _convert(path, _decoder)


def _convert(path: Path, build: Callable[[Weights, "_Shape"], OnnxGraph]) -> bytes:
    weights = read(path)
    shape = _shape(weights)
    try:
        model = build(weights, shape).model()
        onnx.checker.check_model(model, full_check=True)
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"{path}: not a Whisper that can be converted: {error}") from error
    return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class _Shape:
    """What the weights say about the network."""

    heads: int
    layers: int
    """Of the decoder."""
    mels: int
    tokens: int


def _shape(weights: Weights) -> _Shape:
    if weights.spec != "WhisperSpec":
        raise ModelError(f"{weights.path}: expected the weights of a Whisper, got a {weights.spec}")
    tokens, width = _sizes(weights, "decoder/embeddings/weight", 2)
    heads = weights.number("decoder/num_heads")
    found = (weights.number("decoder/pre_norm"), weights.number("decoder/activation"), width)
    if found != (1, _GELU, heads * _HEAD) or weights.number("encoder/num_heads") != heads:
        expected = (1, _GELU, heads * _HEAD)
        raise ModelError(f"{weights.path}: expected (pre_norm, activation, width) {expected}, got {found}")
    return _Shape(
        heads=heads,
        layers=_layers(weights, "decoder"),
        mels=_sizes(weights, "encoder/conv1/weight", 3)[1],
        tokens=tokens,
    )


def _sizes(weights: Weights, name: str, rank: int) -> tuple[int, ...]:
    sizes = weights.array(name).shape
    if len(sizes) != rank:
        raise ModelError(f"{weights.path}: expected {rank} dimensions of {name}, got {len(sizes)}")
    return sizes


def _layers(weights: Weights, part: str) -> int:
    found = {name.split("/")[1] for name in weights.variables if name.startswith(f"{part}/layer_")}
    return sum(name.removeprefix("layer_").isdigit() for name in found)


@dataclass
class _Layers:
    """The pieces that encoder and decoder are made of; everything is (positions, width)."""

    graph: OnnxGraph
    weights: Weights
    heads: int

    def linear(self, x: str, at: str, scaled: slice | None = None, size: str = "") -> str:
        """Give x W + b, or size x W + b, `size` (positions, 1).

        `scaled`: outputs that are queries; the scale, a power of two, changes no digit of the weights.
        """
        weight, bias = self.weights.array(f"{at}/weight"), self.weights.array(f"{at}/bias")
        if bias.shape != weight.shape[:-1]:
            raise ValueError(f"{at}: expected a bias for each row of {weight.shape}, got {bias.shape}")
        if scaled is not None:
            weight[scaled] /= np.sqrt(np.float32(_HEAD))
            bias[scaled] /= np.sqrt(np.float32(_HEAD))
        product = self.graph.op("MatMul", x, self.graph.constant(f"{at}/weight", weight.T))
        product = self.graph.op("Mul", product, size) if size else product
        return self.graph.op("Add", product, self.graph.constant(f"{at}/bias", bias))

    def norm(self, x: str, at: str) -> str:
        """Normalisation of each position."""
        factors = [self.weights.array(f"{at}/{name}") for name in ("gamma", "beta")]
        if any(factor.shape != (self.heads * _HEAD,) for factor in factors):
            raise ValueError(f"{at}: expected {self.heads * _HEAD} numbers each, got {[one.shape for one in factors]}")
        gamma, beta = (
            self.graph.constant(f"{at}/{name}", value) for name, value in zip(("gamma", "beta"), factors, strict=True)
        )
        return self.graph.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=_EPSILON)

    def gelu(self, x: str) -> str:
        """x/2 (1 + erf(x / sqrt 2)), in the form that optimisers know."""
        g = self.graph
        erf = g.op("Erf", g.op("Div", x, g.scalar(float(np.sqrt(2)))))
        return g.op("Mul", g.op("Mul", x, g.op("Add", erf, g.scalar(1.0))), g.scalar(0.5))

    def split(self, x: str, *, out: str = "", turned: bool = False) -> str:
        """(n, 64 h) -> (h, n, 64), or turned (h, 64, n)."""
        apart = self.graph.op("Reshape", x, self.graph.sizes(-1, self.heads, _HEAD))
        return self.graph.op("Transpose", apart, out=out, perm=(1, 2, 0) if turned else (1, 0, 2))

    def joined(self, x: str) -> str:
        """(h, n, 64) -> (n, 64 h)."""
        together = self.graph.op("Transpose", x, perm=(1, 0, 2))
        return self.graph.op("Reshape", together, self.graph.sizes(-1, self.heads * _HEAD))

    def queries_keys_values(self, x: str, at: str) -> Sequence[str]:
        """Three times (n, 64 h), the queries scaled."""
        width = self.heads * _HEAD
        every = self.linear(x, f"{at}/linear_0", slice(0, width))
        names = [f"{every}/{part}" for part in "qkv"]
        return self.graph.ops("Split", [every, self.graph.sizes(width, width, width)], names, axis=1)

    def feed_forward(self, x: str, at: str, *, even: bool = False) -> str:
        """Give x + FFN(norm(x)). `even`: the hidden numbers of each position come to one size before the last product.

        In a decoder some positions have numbers a hundred times those of the others, which one scale of 8 bits for all
        of them does not bear. In floating point it makes no difference.
        """
        g, size = self.graph, ""
        hidden = self.gelu(self.linear(self.norm(x, f"{at}/layer_norm"), f"{at}/linear_0"))
        if even:
            size = g.op("Clip", g.op("ReduceMax", hidden, axes=[-1], keepdims=1), g.scalar(-_LEAST_GELU))
            hidden = g.op("Div", hidden, size)
        return g.op("Add", x, self.linear(hidden, f"{at}/linear_1", size=size))


def _encoder(weights: Weights, shape: _Shape) -> OnnxGraph:
    graph = OnnxGraph("whisper-encoder")
    layers = _Layers(graph, weights, shape.heads)
    x = _sound(layers, graph.input("mel", (1, shape.mels, "frames")))
    for number in range(_layers(weights, "encoder")):
        at = f"encoder/layer_{number}"
        q, k, v = layers.queries_keys_values(layers.norm(x, f"{at}/self_attention/layer_norm"), f"{at}/self_attention")
        p = graph.op("Softmax", graph.op("MatMul", layers.split(q), layers.split(k, turned=True)), axis=-1)
        found = layers.joined(graph.op("MatMul", p, layers.split(v)))
        x = graph.op("Add", x, layers.linear(found, f"{at}/self_attention/linear_1"))
        x = layers.feed_forward(x, f"{at}/ffn")
    x = layers.norm(x, "encoder/layer_norm")
    for number in range(shape.layers):
        _cross(layers, x, number)
    return graph


def _sound(layers: _Layers, mel: str) -> str:
    """(1, mels, t) -> (t / 2, d), with positions."""
    graph, x = layers.graph, mel
    for name, stride in (("encoder/conv1", 1), ("encoder/conv2", 2)):
        weight = graph.constant(f"{name}/weight", layers.weights.array(f"{name}/weight"))
        bias = graph.constant(f"{name}/bias", layers.weights.array(f"{name}/bias"))
        x = layers.gelu(graph.op("Conv", x, weight, bias, kernel_shape=[3], strides=[stride], pads=[1, 1]))
    x = graph.op("Transpose", graph.op("Squeeze", x, graph.sizes(0)), perm=(1, 0))
    places = layers.weights.array("encoder/position_encodings/encodings")
    every = graph.constant("encoder/position_encodings", places)
    length = graph.op("Shape", x, start=0, end=1)
    return graph.op("Add", x, graph.op("Slice", every, graph.sizes(0), length, graph.sizes(0)))


def _cross(layers: _Layers, x: str, number: int) -> None:
    """What one layer of the decoder attends to."""
    graph, width = layers.graph, layers.heads * _HEAD
    both = layers.linear(x, f"decoder/layer_{number}/attention/linear_1")
    key, value = graph.ops("Split", [both, graph.sizes(width, width)], [f"{both}/k", f"{both}/v"], axis=1)
    layers.split(key, out=graph.output(f"cross_key_{number}", (layers.heads, _HEAD, "places")), turned=True)
    layers.split(value, out=graph.output(f"cross_value_{number}", (layers.heads, "places", _HEAD)))


def _decoder(weights: Weights, shape: _Shape) -> OnnxGraph:
    graph = OnnxGraph("whisper-decoder")
    layers = _Layers(graph, weights, shape.heads)
    tokens = graph.input("tokens", ("n",), TensorProto.INT32)
    positions = graph.input("positions", ("n",), TensorProto.INT32)
    mask = graph.input("mask", ("n", "seen"))
    pick = graph.input("pick", ("k",), TensorProto.INT32)
    words = weights.array("decoder/embeddings/weight")
    places = graph.constant("decoder/positions", weights.array("decoder/position_encodings/encodings"))
    x = graph.op("Add", _embedded(graph, words, tokens), graph.op("Gather", places, positions, axis=0))
    logits = graph.output("logits", ("k", shape.tokens))
    for number in range(shape.layers):
        at = f"decoder/layer_{number}"
        x = _remember(layers, x, mask, number)
        x = _listen(layers, x, number)
        x = layers.feed_forward(x, f"{at}/ffn", even=True)
    x = layers.norm(graph.op("Gather", x, pick, axis=0), "decoder/layer_norm")
    graph.op("MatMul", x, graph.constant("decoder/projection", words.T), out=logits)
    return graph


def _embedded(graph: OnnxGraph, words: NDArray[np.float32], tokens: str) -> str:
    """Rows of the tokens, from a table of its own: the other becomes int8. Of half size where that loses nothing."""
    half = words.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), words):
        return graph.op("Gather", graph.constant("decoder/embeddings", words), tokens, axis=0)
    found = graph.op("Gather", graph.constant("decoder/embeddings", half), tokens, axis=0)
    return graph.op("Cast", found, to=TensorProto.FLOAT)


def _remember(layers: _Layers, x: str, mask: str, number: int) -> str:
    """Self-attention over cache and tokens: apart, so that the cache is never copied, but under one softmax."""
    graph, heads, at = layers.graph, layers.heads, f"decoder/layer_{number}/self_attention"
    past_key = graph.input(f"past_key_{number}", (heads, "past", _HEAD))
    past_value = graph.input(f"past_value_{number}", (heads, "past", _HEAD))
    q, k, v = layers.queries_keys_values(layers.norm(x, f"{at}/layer_norm"), at)
    key = layers.split(k, out=graph.output(f"key_{number}", (heads, "n", _HEAD)))
    value = layers.split(v, out=graph.output(f"value_{number}", (heads, "n", _HEAD)))
    query = layers.split(q)
    scores = [graph.op("MatMul", query, graph.op("Transpose", of, perm=(0, 2, 1))) for of in (past_key, key)]
    p = graph.op("Softmax", graph.op("Add", graph.op("Concat", *scores, axis=2), mask), axis=-1)
    ends = [graph.op("Shape", of, start=1, end=2) for of in (past_key, key)]
    parts = graph.ops("Split", [p, graph.op("Concat", *ends, axis=0)], [f"{p}/past", f"{p}/new"], axis=2)
    found = [graph.op("MatMul", part, of) for part, of in zip(parts, (past_value, value), strict=True)]
    return graph.op("Add", x, layers.linear(layers.joined(graph.op("Add", *found)), f"{at}/linear_1"))


def _listen(layers: _Layers, x: str, number: int) -> str:
    """Attention to the sound."""
    graph, heads, at = layers.graph, layers.heads, f"decoder/layer_{number}/attention"
    key = graph.input(f"cross_key_{number}", (heads, _HEAD, "places"))
    value = graph.input(f"cross_value_{number}", (heads, "places", _HEAD))
    query = layers.linear(layers.norm(x, f"{at}/layer_norm"), f"{at}/linear_0", slice(None))
    p = graph.op("Softmax", graph.op("MatMul", layers.split(query), key), axis=-1)
    found = layers.joined(graph.op("MatMul", p, value))
    return graph.op("Add", x, layers.linear(found, f"{at}/linear_2"))
