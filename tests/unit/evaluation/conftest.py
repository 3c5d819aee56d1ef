"""A learned model small enough to be written by hand, and data that it knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.corpora.corpus import Corpus, Raw, sha256_of
from edgefuse.fusion.card import FusionCard

MODALITIES = {"motion": (4, 2), "room": (3,)}
"""Name -> shape; motion is a sequence whose first channel says the class, room a table whose first column does."""
CLASSES = ("away", "home", "asleep")
MEMBERS = [["g0", "g1"], ["g0", "g2"]]
TEMPERATURES = {("motion", "room"): 0.8, ("motion",): 1.5, ("room",): 2.0}


def _nodes(seed: int) -> tuple[list[Any], list[Any]]:
    """Two members, each softmax of the sum of what the present modalities say, and their calibrated pool."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rng = np.random.default_rng(seed)
    constants: dict[str, Any] = {
        "flat": np.array([0, -1]),
        "zero": np.float32(0),
        "axis0": np.array([0]),
        "powers": np.array([[1.0], [2.0]], np.float32),
        "temperatures": np.array([1.0, 1.5, 2.0, 0.8], np.float32),
        "count": np.log(np.float32(2)),
        "column0": np.array(0),
        "column1": np.array(1),
    }
    nodes = []

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    for column, (name, shape) in enumerate(MODALITIES.items()):
        node("Reshape", [name, "flat"], f"{name}_flat")
        node("Gather", ["mask", f"column{column}"], f"{name}_m", axis=1)
        node("Unsqueeze", [f"{name}_m", "axis1"], f"{name}_mask")
        node("Greater", [f"{name}_mask", "zero"], f"{name}_here")
        node("Where", [f"{name}_here", f"{name}_flat", "zero"], f"{name}_in")
        for member in range(2):
            weight = rng.normal(0, 0.05, (int(np.prod(shape)), 3)).astype(np.float32)
            weight[0] += [-1.5, 0, 1.5]
            constants[f"{name}_{member}_w"] = weight
            node("MatMul", [f"{name}_in", f"{name}_{member}_w"], f"{name}_{member}")
    constants["axis1"] = np.array([1])
    for member in range(2):
        node("Add", [f"motion_{member}", f"room_{member}"], f"logits_{member}")
        node("LogSoftmax", [f"logits_{member}"], f"log_{member}", axis=1)
        node("Unsqueeze", [f"log_{member}", "axis0"], f"stack_{member}")
    node("Concat", ["stack_0", "stack_1"], "members", axis=0)
    node("ReduceLogSumExp", ["members"], "sum", axes=[0], keepdims=0)
    node("Sub", ["sum", "count"], "pool")
    node("MatMul", ["mask", "powers"], "pattern")
    node("Cast", ["pattern"], "index", to=onnx.TensorProto.INT64)
    node("Gather", ["temperatures", "index"], "warmth")
    node("Div", ["pool", "warmth"], "cooled")
    node("Softmax", ["cooled"], "probability", axis=1)
    return nodes, [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]


def _save(path: Path, nodes: list[Any], constants: list[Any], inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    onnx = pytest.importorskip("onnx")
    kind = onnx.TensorProto.FLOAT
    made = [
        [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in some.items()]
        for some in (inputs, outputs)
    ]
    graph = onnx.helper.make_graph(nodes, "tiny", *made, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _singles(path: Path) -> None:
    """Per modality two members that look at its first value."""
    onnx = pytest.importorskip("onnx")
    helper, from_array = onnx.helper, onnx.numpy_helper.from_array
    nodes, constants = [], [from_array(np.array([0, -1]), "flat"), from_array(np.array([0]), "axis0")]
    for name, shape in MODALITIES.items():
        weight = np.zeros((int(np.prod(shape)), 3), np.float32)
        weight[0] = [-1, 0, 1]
        constants.append(from_array(weight, f"{name}_w"))
        nodes += [
            helper.make_node("Reshape", [name, "flat"], [f"{name}_flat"]),
            helper.make_node("MatMul", [f"{name}_flat", f"{name}_w"], [f"{name}_logits"]),
            helper.make_node("LogSoftmax", [f"{name}_logits"], [f"single_{name}"], axis=1),
            helper.make_node("Unsqueeze", [f"single_{name}", "axis0"], [f"{name}_one"]),
            helper.make_node("Concat", [f"{name}_one", f"{name}_one"], [f"single_{name}_members"], axis=0),
        ]
    outputs: dict[str, Any] = {f"single_{name}": ["batch", 3] for name in MODALITIES}
    outputs |= {f"single_{name}_members": [2, "batch", 3] for name in MODALITIES}
    _save(path, nodes, constants, {name: ["batch", *shape] for name, shape in MODALITIES.items()}, outputs)


@pytest.fixture
def tiny_card() -> Callable[..., FusionCard]:
    """The card of the tiny model, with what a test changes."""

    def make(**changes: Any) -> FusionCard:
        raw = {"motion": "sequence", "room": "table"}
        found: dict[str, Any] = {
            "name": "tiny",
            "what": "who is where",
            "classes": list(CLASSES),
            "modalities": {
                name: {"raw": raw[name], "features": {"kind": raw[name]}, "shape": list(shape)}
                for name, shape in MODALITIES.items()
            },
            "patterns": [
                {"present": list(p), "temperature": t, "n": 9, "metrics": {"accuracy": 0.5 + t / 10}}
                for p, t in TEMPERATURES.items()
            ],
            "members": MEMBERS,
            "prior": [0.4, 0.3, 0.3],
            "data": {"corpus": "tiny", "source": "made up", "licence": "CC0", "ship": True, "groups": ["g0", "g1"]},
            "split": {"by": "group"},
            "seeds": [0, 1],
            "licence": "CC0",
            "extra": {"singles": dict.fromkeys(MODALITIES, MEMBERS)},
        }
        return FusionCard(schema=1, **(found | changes))

    return make


@pytest.fixture
def tiny_model(tmp_path: Path, tiny_card: Callable[..., FusionCard]) -> Callable[..., Path]:
    """Writes the tiny model into a folder."""

    def make(called: str = "tiny", **changes: Any) -> Path:
        folder = tmp_path / called
        folder.mkdir()
        inputs = {one: ["batch", *shape] for one, shape in MODALITIES.items()} | {"mask": ["batch", 2]}
        outputs = {"probability": ["batch", 3], "members": [2, "batch", 3]}
        _save(folder / "model.onnx", *_nodes(0), inputs, outputs)
        _singles(folder / "singles.onnx")
        files = {file: {"sha256": sha256_of(folder / file)} for file in ("model.onnx", "singles.onnx")}
        card = tiny_card(**({"files": files} | changes))
        (folder / "card.json").write_text(card.model_dump_json(by_alias=True), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def tiny_corpus() -> Callable[..., Corpus]:
    """Samples whose class shows in both modalities, through noise; groups g0 to g5 in turn."""

    def make(n: int = 180, groups: int = 6) -> Corpus:
        rng = np.random.default_rng(5)
        labels = rng.integers(0, 3, n)
        motion = rng.normal(0, 1, (n, 4, 2)).astype(np.float32)
        room = rng.normal(0, 1, (n, 3)).astype(np.float32)
        motion[:, 0, 0] += 1.2 * (labels - 1)
        room[:, 0] += 1.2 * (labels - 1)
        return Corpus(
            {"motion": Raw("sequence", motion, 10), "room": Raw("table", room)},
            np.ones((n, 2), bool),
            labels.astype(np.int64),
            CLASSES,
            np.array([f"g{i % groups}" for i in range(n)]),
            rule=np.full((n, 3), 1 / 3),
        )

    return make
